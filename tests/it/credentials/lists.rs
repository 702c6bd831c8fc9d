//! Mailing lists whose members are phones: each mail is one SMS, somebody pays for it, and the list never
//! hears of it (spec 7.3).

use super::*;
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::Place;

const LIST: &str = "List-Id: <team.example.com>\nPrecedence: list\n";

/// A mail server with two lists: one expands here, the other is expanded by who sends.
fn pair() -> (Mta, Product, Place) {
    let mta = Mta::start(Kind::Postfix, &[]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    configured(&place, "");
    let product = place.start();
    (mta, product, place)
}

fn mail(id: &str, header: &str, text: &str) -> String {
    format!(
        "From: Carol <carol@example.net>\nTo: team@example.com\nSubject: {id}\n\
         Message-ID: <{id}@example.net>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n{header}\n{text}\n"
    )
}

#[test]
fn two_paths_are_one_message_and_one_charge() {
    let (mta, product, _place) = pair();
    let (bobs, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let (anns, _) = token(&product, &["--user", "asmith", "--to", "+15551234567"]);
    let member = |token: &str| format!("\"sms:+15551234567?token={token}\"@example.com");
    let first = mail("hello", LIST, "Hello, all\n\n-- \nlist one");
    let second = mail(
        "hello",
        "List-Post: <mailto:x@example.com>\n",
        "Hello, all\n____\nlist two",
    );
    let send = |token: &str, from: &str, mail: &str| {
        let mut smtp = mta.smtp_from_outside();
        let reply = smtp.send(from, &[&member(token)], mail);
        assert!(reply.starts_with("250"), "{reply}");
    };
    send(&bobs, "team-bounces@example.com", &first);
    send(&bobs, "all-bounces@example.org", &second);
    send(&anns, "all-bounces@example.org", &second);
    // The list's server itself tries again.
    send(&bobs, "team-bounces@example.com", &first);
    assert_eq!(product.phone("+15551234567", 1), ["Hello, all"]);
    assert_eq!(payers(&product), ["bob@example.com"]);
    // Another mail is another message; and so is one that came to this phone by no list.
    send(
        &bobs,
        "team-bounces@example.com",
        &mail("again", LIST, "Again"),
    );
    let reply = mta.smtp_as("bob").send(
        "bob@example.com",
        &["+15551234567@sms.example.com"],
        &mail("hello", "", "Hello, you"),
    );
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone("+15551234567", 3).len(), 3);
    assert_eq!(payers(&product), ["bob@example.com"; 3]);
    assert!(product.stop().success());
}

/// What we have to say about a list's mail goes to who pays, or to an admin; never to the list.
#[test]
fn the_list_hears_nothing() {
    let (mta, product, _place) = pair();
    let (bobs, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let long = "many words ".repeat(200);
    let member = format!("\"sms:+15551234567?token={bobs}&confirm=1\"@example.com");
    // Alice's address stands for the list's: a report to the list would be in her box.
    for (n, header) in [
        "List-Id: <team.example.com>\n",
        "List-Unsubscribe: <mailto:x@example.com>\n",
        "Precedence: bulk\n",
        "Precedence: junk\nAuto-Submitted: auto-generated\n",
    ]
    .into_iter()
    .enumerate()
    {
        let mut smtp = mta.smtp_from_outside();
        let id = format!("long{n}");
        let reply = smtp.send("alice@example.com", &[&member], &mail(&id, header, &long));
        assert!(reply.starts_with("250"), "{header}: {reply}");
        let subject = format!("cut to 5 segments: {id}");
        mta.mail("bob", |mail| mail.contains(&subject));
        let subject = format!("SMS delivered: {id}");
        mta.mail("bob", |mail| mail.contains(&subject));
    }
    // Nobody is known here but the list's own sender.
    let mut trusted = mta.smtp();
    let rcpt = ["+15557654321@sms.example.com"];
    let reply = trusted.send("lists@example.com", &rcpt, &mail("unknown", LIST, &long));
    assert!(reply.starts_with("250"), "{reply}");
    mta.mail("postmaster", |mail| {
        mail.contains("cut to 5 segments: unknown")
    });
    assert_eq!(mta.mails("alice"), Vec::<String>::new());
    // Local submission that others get too: the report is the payer's.
    let local = mail("nothing", LIST, "");
    let to = ["-f", "alice@example.com", &member, "postmaster@example.com"];
    assert!(mta.sendmail(&to, &local));
    mta.mail("bob", |mail| {
        mail.contains("Subject: SMS not sent: nothing")
    });
    assert_eq!(mta.mails("alice"), Vec::<String>::new());
    assert!(product.stop().success());
}

/// What answers by itself, and what has no sender, is not sent, list or not.
#[test]
fn what_goes_in_circles_is_refused() {
    let (mta, product, _place) = pair();
    let (bobs, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let member = format!("\"sms:+15551234567?token={bobs}\"@example.com");
    for header in [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-replied (vacation)\nPrecedence: bulk\n",
        "X-SMS-Milter: sms.test\n",
    ] {
        let mut smtp = mta.smtp_from_outside();
        let reply = smtp.send(
            "carol@example.net",
            &[&member],
            &mail("away", header, "I am away"),
        );
        assert!(reply.starts_with("550 5.7.1"), "{header}: {reply}");
    }
    let mut smtp = mta.smtp_from_outside();
    smtp.expect("MAIL FROM:<>", 250);
    let reply = smtp.say(&format!("RCPT TO:<{member}>"));
    assert!(reply.starts_with("550 5.7.1"), "{reply}");
    drop(smtp);
    let mut smtp = mta.smtp_from_outside();
    let generated = mail(
        "cron",
        "Auto-Submitted: auto-generated\n",
        "The disk is full",
    );
    let reply = smtp.send("cron@example.net", &[&member], &generated);
    assert!(reply.starts_with("250"), "{reply}");
    drop(smtp);
    assert_eq!(product.phone("+15551234567", 1), ["The disk is full"]);
    assert_eq!(payers(&product), ["bob@example.com"]);
    assert!(product.stop().success());
}

/// A list that the mail server expands by itself: its members come through the re-submission listener, and a
/// token or an alias pays there.
#[test]
fn members_behind_an_alias_of_the_mail_server() {
    let mta = Mta::start(Kind::Postfix, &[]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    configured(&place, "");
    let product = place.start();
    let (bobs, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    assert!(product.stop().success());
    let member = format!("\"sms:+15551234567?token={bobs}\"@example.com");
    mta.add_alias("team", &format!("alice@example.com, {member}"));
    let product = place.start();
    let reply = mta.smtp_from_outside().send(
        "team-bounces@example.net",
        &["team@example.com"],
        &mail("hello", LIST, "Hello, all"),
    );
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone("+15551234567", 1), ["Hello, all"]);
    mta.mail("alice", |mail| mail.contains("Hello, all"));
    assert_eq!(payers(&product), ["bob@example.com"]);
    assert!(product.stop().success());
}
