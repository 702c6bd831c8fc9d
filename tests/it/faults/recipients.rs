//! Wrong addresses and senders: each is answered as the specification says (2.2), in words for people,
//! and costs nothing.

use indymilter_test::Status;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{LAB, configure, milter, nobody};
use crate::sim::milter_client::{Mail, Session, client};
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{Place, Product};

/// People that may not do everything. Frugal may send one SMS a month: a refusal that costs something
/// shows at once.
const PEOPLE: &str = "numbers: { deny: [\"+1555999\"] }
users:
  - { email: frugal@example.com, monthly_limit: 1 }
  - { email: spent@example.com, monthly_limit: 1 }
  - { email: gone@example.com, active: false }
  - { email: old@example.com, expires: 2020-01-31 }
  - { email: colleague@example.com, send: [users] }";

const FRUGAL: &str = "frugal@example.com";
const ODD: &str = "553 5.1.3 write the SMS recipient as <NUMBER@DOMAIN>, nothing around it";
const UNKNOWN: &str = "has an unknown country code; write the number as +COUNTRY NUMBER";
const LENGTH: &str = "is too short or too long for a phone number of its country";

/// A mistake: who makes it, the RCPT argument, the answer.
struct Mistake {
    from: &'static str,
    rcpt: String,
    reply: String,
    /// Postfix answers by itself: with this code.
    postfix: Option<&'static str>,
}

/// Bob's mistakes in addresses, then those of people who may not.
fn mistakes() -> Vec<Mistake> {
    let mistake = |from: &'static str, rcpt: &str, reply: &str| Mistake {
        from,
        rcpt: rcpt.to_owned(),
        reply: reply.to_owned(),
        postfix: None,
    };
    let number = "<+15551234567@sms.example.com>";
    let digits = "1".repeat(1_100);
    let wrong = [
        // No numbers, no people.
        ("<12@sms.example.com>", "550 5.1.1 12 is not a phone number"),
        ("<+@sms.example.com>", "550 5.1.1 + is not a phone number"),
        (
            "<sms:@example.com>",
            "550 5.1.1 a phone number is missing after sms:",
        ),
        (
            "<sms:ann@example.com>",
            "550 5.1.1 ann is not a phone number",
        ),
        (
            "<\"+1 555 12a 4567\"@sms.example.com>",
            "550 5.1.1 +1 555 12a 4567 is not a phone number",
        ),
        (
            "<nobody@sms.example.com>",
            "550 5.1.1 nobody@sms.example.com: no such user",
        ),
        (
            "<555123456x@sms.example.com>",
            "550 5.1.1 555123456x@sms.example.com: no such user",
        ),
        (
            "<bob@sms.example.com>",
            "550 5.1.1 bob@example.com has no mobile number here",
        ),
        (
            "<no-reply@sms.example.com>",
            "550 5.1.1 this SMS came from a name, not from a number: it cannot be answered",
        ),
        // Not where SMS may go.
        (
            "<+19002345678@sms.example.com>",
            "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
        ),
        (
            "<9002345678@sms.example.com>",
            "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
        ),
        (
            "<+881612345678@sms.example.com>",
            "550 5.7.1 SMS to +881612345678 is not allowed: satellite or international premium number",
        ),
        (
            "<+442071838750@sms.example.com>",
            "550 5.7.1 SMS to +442071838750 is not allowed: this country is not on the list of allowed ones",
        ),
        (
            "<+18765551234@sms.example.com>",
            "550 5.7.1 SMS to +18765551234 is not allowed: this country is not on the list of allowed ones",
        ),
        (
            "<+15559991234@sms.example.com>",
            "550 5.7.1 SMS to +15559991234 is not allowed: this destination is barred",
        ),
        // Forms and parameters.
        (
            "<\"sms:+15551234567?maxmsgs=0\"@example.com>",
            "550 5.1.3 maxmsgs=0: write 1 to 128",
        ),
        (
            "<+15551234567?authenticated=1@sms.example.com>",
            "550 5.1.3 parameter authenticated is never taken from an address",
        ),
        (
            "<\"+15551234567?\"@sms.example.com>",
            "550 5.1.3 a parameter is missing after ?",
        ),
        (
            "<ann?flash=yes@sms.example.com>",
            "550 5.1.3 flash=yes: write 1, or leave it out",
        ),
    ];
    let mut all: Vec<_> = wrong
        .iter()
        .map(|(rcpt, reply)| mistake(FRUGAL, rcpt, reply))
        .collect();
    for (digits, why) in [
        ("+999123456789", UNKNOWN),
        ("+1555", LENGTH),
        ("+1555123456789", LENGTH),
    ] {
        let rcpt = format!("<{digits}@sms.example.com>");
        all.push(mistake(FRUGAL, &rcpt, &format!("550 5.1.1 {digits} {why}")));
    }
    // What is no address at all, and what Postfix makes of it.
    for (rcpt, postfix) in [
        (
            "<@a.test,@b.test:+15551234567@sms.example.com>".to_owned(),
            "553 5.1.3",
        ),
        (format!("<{number}>"), "553 5.1.3"),
        (format!("<Ann {number}>"), "553 5.1.3"),
        (format!("<{digits}@sms.example.com>"), "553 5.1.3"),
    ] {
        all.push(Mistake {
            postfix: Some(postfix),
            ..mistake(FRUGAL, &rcpt, ODD)
        });
    }
    for (from, why) in [
        ("", "SMS need a sender: this mail has the null sender"),
        ("outside", "log in to send SMS: only known users may"),
        (
            "gone@example.com",
            "the account gone@example.com is not active",
        ),
        ("old@example.com", "the account old@example.com has expired"),
        (
            "colleague@example.com",
            "colleague@example.com may not send SMS to +15551234567, only to phones of users",
        ),
    ] {
        all.push(Mistake {
            // contrib has Postfix itself refuse clients from outside.
            postfix: (from == "outside").then_some("550 5.7.1"),
            ..mistake(from, number, &format!("550 5.7.1 {why}"))
        });
    }
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let reset = today.last_of_month().tomorrow().expect("a day");
    let spent = format!(
        "550 5.7.1 spent@example.com has used up this month's SMS; the count starts anew on {reset}"
    );
    all.push(mistake("spent@example.com", number, &spent));
    all
}

/// Code and text of an answer.
fn words(status: &Status) -> String {
    match status {
        Status::Reject { message } | Status::Tempfail { message } => {
            let message = message.as_ref().expect("a text");
            message.to_str().expect("UTF-8").to_owned()
        }
        other => format!("{other:?}"),
    }
}

/// One line, ASCII, short, and not in our jargon.
fn is_for_people(reply: &str) {
    let clean = reply.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    assert!(clean && reply.len() < 200, "{reply}");
    let text = reply.to_lowercase();
    for jargon in ["milter", "error", "panic", "parse", "invalid", "none"] {
        assert!(!text.contains(jargon), "{reply}");
    }
}

fn place(milter: &str, inject: std::net::SocketAddr) -> Place {
    let place = Place::with_milter(milter, inject, LAB);
    configure(&place, |config| {
        config
            .replace("users:", PEOPLE)
            .replace("127.0.0.0/8", "127.0.0.1/32")
    });
    place
}

/// Nothing of the mistakes is in the queue, and Frugal's one SMS is still there to be sent.
async fn cost_nothing(product: &Product, mistakes: usize) {
    let all = product.json(&["queue", "list", "--all", "--json"]);
    assert_eq!(all.len(), 1, "spent's SMS: {all:?}");
    let refusals = product.log().matches("at=\"rcpt\"").count();
    assert!(refusals >= mistakes, "{refusals} are logged of {mistakes}");
    let mut mail = Mail::new(&["<+15557654321@sms.example.com>"], "my only one");
    mail.sender = format!("<{FRUGAL}>");
    let mut session = Session::open(&milter(product)).await;
    assert_eq!(session.mail(&mail).await.answer, "accept");
    assert_eq!(product.phone("+15557654321", 1), ["my only one"]);
}

/// Spent's only SMS.
async fn spend(product: &Product) {
    let mut mail = Mail::new(&["<+15551230000@sms.example.com>"], "the month's");
    mail.sender = "<spent@example.com>".into();
    let mut session = Session::open(&milter(product)).await;
    assert_eq!(session.mail(&mail).await.answer, "accept");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recipients_at_the_milter() {
    let place = place("inet:127.0.0.1:0", nobody());
    let product = place.start();
    spend(&product).await;
    let mistakes = mistakes();
    for Mistake {
        from, rcpt, reply, ..
    } in &mistakes
    {
        let (from, ip) = match *from {
            "outside" => (FRUGAL, "192.0.2.1"),
            from => (from, "127.0.0.1"),
        };
        let mut session = Session::of(&milter(&product), client(ip, 40_123)).await;
        let mut mail = Mail::new(&[rcpt, "<carol@example.net>"], "wrong");
        mail.sender = format!("<{from}>");
        session.begin(&mail).await.expect("MAIL");
        let answers = session.recipients(&mail).await.expect("RCPT");
        assert_eq!(words(&answers[0]), *reply, "{from} to {rcpt}");
        assert_eq!(answers[1], Status::Continue, "{rcpt} takes others along");
        is_for_people(reply);
        session.cut();
    }
    cost_nothing(&product, mistakes.len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recipients_at_postfix() {
    let mta = Mta::start(Kind::Postfix, &[]);
    let place = place(&mta.milter(), mta.inject());
    let product = place.start();
    spend(&product).await;
    let mistakes = mistakes();
    for Mistake {
        from,
        rcpt,
        reply,
        postfix,
    } in &mistakes
    {
        let (from, mut smtp) = match *from {
            "outside" => (FRUGAL, mta.smtp_from_outside()),
            from => (from, mta.smtp()),
        };
        smtp.expect(&format!("MAIL FROM:<{from}>"), 250);
        let answer = smtp.say(&format!("RCPT TO:{rcpt}"));
        match postfix {
            // Its own words, or ours.
            Some(code) => assert!(answer.starts_with(code), "{from} to {rcpt}: {answer}"),
            None => assert_eq!(answer, *reply, "{from} to {rcpt}"),
        }
        smtp.expect("RSET", 250);
        if *from == *FRUGAL {
            smtp.expect("MAIL FROM:<bob@example.com>", 250);
            smtp.expect("RCPT TO:<alice@example.com>", 250);
        }
    }
    let ours = mistakes.iter().filter(|m| m.postfix.is_none()).count();
    cost_nothing(&product, ours).await;
    assert_eq!(mta.queue().trim(), "");
}

/// Mails of which nothing can be sent: known only at their end.
#[tokio::test(flavor = "multi_thread")]
async fn mails_that_cannot_be_sent() {
    let place = place("inet:127.0.0.1:0", nobody());
    let product = place.start();
    let mut session = Session::open(&milter(&product)).await;
    let no_text = "554 5.6.0 This mail has no text that could be sent as SMS";
    let sealed = "554 5.6.1 This mail is encrypted: an SMS needs plain text";
    for (name, value, body, reply) in [
        (
            "Auto-Submitted",
            "auto-replied",
            "I am away",
            "550 5.7.1 automatic replies are not sent by SMS",
        ),
        (
            "X-SMS-Milter",
            "in",
            "round",
            "550 5.7.1 this mail came from an SMS: it would go in a circle",
        ),
        ("X-Empty", "1", "", no_text),
        ("Content-Type", "application/pdf", "%PDF", no_text),
        (
            "Content-Type",
            "multipart/mixed; boundary=b",
            "--b\r\n\r\n\r\n--b--",
            no_text,
        ),
        (
            "Content-Type",
            "multipart/encrypted; boundary=b",
            "--b\r\n\r\nx\r\n--b--",
            sealed,
        ),
        (
            "Content-Type",
            "application/pkcs7-mime; smime-type=enveloped-data",
            "x",
            sealed,
        ),
    ] {
        let mut mail = Mail::new(&["<+15551234567@sms.example.com>"], body);
        mail.sender = format!("<{FRUGAL}>");
        mail.header.push((name.into(), value.into()));
        session.begin(&mail).await.expect("MAIL");
        let answers = session.recipients(&mail).await.expect("RCPT");
        assert_eq!(answers, [Status::Continue]);
        session.mta.data().await.expect("DATA");
        session.content(&mail).await.expect("content");
        let (deleted, answer) = session.end(&mail).await.expect("end");
        assert_eq!(
            (words(&answer).as_str(), deleted.len()),
            (reply, 0),
            "{name}: {value}"
        );
        is_for_people(reply);
    }
    spend(&product).await;
    cost_nothing(&product, 0).await;
}
