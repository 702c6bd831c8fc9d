//! The whole path through real mail servers: mail → SMS → answer → mail → SMS, and the refusals.

use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{Place, Product};

const LAB: &str = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]
incoming: { default: postmaster@example.com }
"#;

/// A mail server and the product beside it. Only loopback's first address is trusted, because a
/// client from outside comes from another of them.
fn pair(kind: Kind) -> (Mta, Product, Place) {
    let mta = Mta::start(kind, &["--alias", "oncall +15551230000@sms.example.com"]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let users = "users:\n  - { email: alice@example.com, nickname: alice }";
    let config = config
        .replace("127.0.0.0/8", "127.0.0.1/32")
        .replace("users:", users);
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    (mta, product, place)
}

/// A header field of a mail, unfolded.
fn field(mail: &str, name: &str) -> String {
    let parsed = mail_parser::MessageParser::default()
        .parse(mail)
        .expect("a mail");
    let raw = parsed
        .header_raw(name)
        .unwrap_or_else(|| panic!("no {name} in\n{mail}"));
    raw.trim().to_owned()
}

fn text(mail: &str) -> String {
    let parsed = mail_parser::MessageParser::default()
        .parse(mail)
        .expect("a mail");
    parsed
        .body_text(0)
        .unwrap_or_default()
        .replace("\r\n", "\n")
        .trim()
        .to_owned()
}

fn conversation(kind: Kind) {
    let (mta, product, _place) = pair(kind);
    let phone = "+15551234567";
    let reply = mta.smtp_as("alice").send(
        "alice@example.com",
        &["+15551234567@sms.example.com", "bob@example.com"],
        "From: Alice <alice@example.com>\nTo: +15551234567@sms.example.com, bob@example.com\n\
         Subject: Lunch\nMessage-ID: <lunch@example.com>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n\n\
         Lunch at noon?\n-- \nAlice, Example Inc.",
    );
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone(phone, 1), ["Lunch at noon?"]);
    // The ordinary recipient has the mail untouched.
    let bobs = mta.mail("bob", |mail| mail.contains("Lunch at noon?"));
    assert!(bobs.contains("Alice, Example Inc."), "{bobs}");

    // The phone answers; it is a mail to Alice, in the thread.
    assert!(
        product
            .command(&["phone", "reply", phone, "Yes,", "and", "bring", "Bob"])
            .status
            .success()
    );
    let answer = mta.mail("alice", |mail| mail.contains("X-SMS-Number"));
    assert_eq!(text(&answer), "Yes, and bring Bob");
    assert_eq!(field(&answer, "Subject"), "Re: Lunch");
    assert_eq!(field(&answer, "In-Reply-To"), "<lunch@example.com>");
    let from = field(&answer, "From");
    assert!(from.contains("<+15551234567@sms.example.com>"), "{from}");

    // Her reply to that mail is an SMS again, without what it quotes.
    let reply = mta.smtp_as("alice").send(
        "alice@example.com",
        &["+15551234567@sms.example.com"],
        &format!(
            "From: alice@example.com\nTo: {from}\nSubject: Re: Lunch\nMessage-ID: <lunch2@example.com>\n\
             In-Reply-To: {}\n\nWill do.\n\nOn Fri, Nov 20, 2026, {phone} wrote:\n> Yes, and bring Bob\n",
            field(&answer, "Message-ID")
        ),
    );
    assert!(reply.starts_with("250"), "{reply}");
    let shown = product.phone(phone, 3);
    assert_eq!(shown, ["Lunch at noon?", "Yes, and bring Bob", "Will do."]);
}

#[test]
fn a_conversation_through_postfix() {
    conversation(Kind::Postfix);
}

#[test]
fn a_conversation_through_sendmail() {
    conversation(Kind::Sendmail);
}

/// What each kind of client is told, at RCPT.
fn refusals(kind: Kind) {
    let (mta, product, _place) = pair(kind);
    let number = "RCPT TO:<+15551234567@sms.example.com>";
    let mut outside = mta.smtp_from_outside();
    outside.expect("MAIL FROM:<alice@example.com>", 250);
    let reply = outside.say(number);
    assert!(reply.starts_with("550 5.7.1"), "an open SMS relay: {reply}");
    outside.expect("RCPT TO:<postmaster@sms.example.com>", 250);

    let mut alice = mta.smtp_as("alice");
    alice.expect("MAIL FROM:<alice@example.com>", 250);
    for (rcpt, expected) in [
        ("12@sms.example.com", "550 5.1.1"),
        ("nobody@sms.example.com", "550 5.1.1"),
        ("sms:ann@example.com", "550 5.1.1"),
        ("\"sms:+15551234567?color=red\"@example.com", "550 5.1.3"),
        ("+19002345678@sms.example.com", "550 5.7.1"),
    ] {
        let reply = alice.say(&format!("RCPT TO:<{rcpt}>"));
        // Sendmail puts the recipient in front of the text.
        assert!(reply.starts_with(expected), "{rcpt}: {reply}");
    }
    alice.expect(number, 250);
    assert!(alice.data("Subject: x\n\nfine").starts_with("250"));
    assert_eq!(product.phone("+15551234567", 1), ["fine"]);
}

#[test]
fn refusals_at_postfix() {
    refusals(Kind::Postfix);
}

#[test]
fn refusals_at_sendmail() {
    refusals(Kind::Sendmail);
}

#[test]
fn a_local_program_sends_and_hears_of_its_mistakes() {
    let (mta, product, _place) = pair(Kind::Postfix);
    let mail = "From: alice@example.com\nSubject: disk\n\nThe disk is full";
    assert!(mta.sendmail(
        &["-f", "alice@example.com", "+15551234567@sms.example.com"],
        mail
    ));
    assert_eq!(product.phone("+15551234567", 1), ["The disk is full"]);
    // A mistake cannot be refused there: it comes back as a report, and the maildrop is empty.
    assert!(mta.sendmail(
        &[
            "-f",
            "alice@example.com",
            "+15557654321@sms.example.com",
            "12@sms.example.com"
        ],
        mail
    ));
    let report = mta.mail("alice", |mail| mail.contains("12@sms.example.com"));
    assert!(
        report.contains("report-type=\"delivery-status\"")
            || report.contains("report-type=delivery-status"),
        "{report}"
    );
    assert!(report.contains("12 is not a phone number"), "{report}");
    assert_eq!(product.phone("+15557654321", 1), ["The disk is full"]);
}

#[test]
fn an_alias_pays_on_the_resubmission_listener() {
    let (mta, product, _place) = pair(Kind::Postfix);
    let mail = "From: x@outside.test\nSubject: alarm\nMessage-ID: <alarm@outside.test>\n\nIt burns";
    let reply = mta
        .smtp_from_outside()
        .send("x@outside.test", &["oncall@example.com"], mail);
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone("+15551230000", 1), ["It burns"]);
    let listed = product.json(&["queue", "list", "--all", "--json"]);
    assert_eq!(listed[0]["sender"], "bob@example.com");
}

#[test]
fn mail_flows_while_we_are_away_and_sms_wait() {
    let (mta, product, place) = pair(Kind::Postfix);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    std::fs::write(
        place.config(),
        config.replace("trust: aliases", "trust: sender"),
    )
    .expect("configuration");
    assert!(product.stop().success());
    let reply = mta.smtp_as("alice").send(
        "alice@example.com",
        &["bob@example.com", "+15551234567@sms.example.com"],
        "From: alice@example.com\nSubject: late\nMessage-ID: <late@example.com>\n\nI am late",
    );
    assert!(reply.starts_with("250"), "{reply}");
    mta.mail("bob", |mail| mail.contains("I am late"));
    let product = place.start();
    mta.flush();
    assert_eq!(product.phone("+15551234567", 1), ["I am late"]);
}

#[test]
fn a_mail_of_100_mb_is_answered() {
    let mta = Mta::start(
        Kind::Postfix,
        &[
            "--message-size-limit",
            "200000000",
            "--main",
            "mailbox_size_limit = 0",
            "--main",
            "virtual_mailbox_limit = 0",
        ],
    );
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    let product = place.start();
    let line = format!("{}\n", "x".repeat(998));
    let body = line.repeat(100_000);
    // Its text comes first: what follows does not matter.
    let mixed = format!(
        "Subject: big\nMessage-ID: <big@example.com>\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsmall text\n\
         --b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=x\n\n{body}\n--b--\n"
    );
    let reply = mta.smtp().send(
        "ann.smith@example.com",
        &["+15551234567@sms.example.com"],
        &mixed,
    );
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone("+15551234567", 1), ["small text\n[1 file]"]);
    // All of it is text: too much to read.
    let reply = mta.smtp().send(
        "ann.smith@example.com",
        &["+15551234567@sms.example.com"],
        &format!("Subject: bigger\nMessage-ID: <bigger@example.com>\n\n{body}"),
    );
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", product.pid())).expect("status");
    let peak = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .expect("VmHWM")
        .to_owned();
    let kib: u64 = peak
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("KiB");
    assert!(kib < 256 * 1024, "{peak}");
}
