//! The conversation about a number through a real Postfix: the question is a mail in a mailbox, the answer a
//! reply to it.

use serde_json::Value;

use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{Place, Product};

/// Alice may teach numbers, Bob may not, Dora has none.
fn pair() -> (Mta, Product, Place) {
    let mta = Mta::start(Kind::Postfix, &["--users", "alice bob dora postmaster"]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), super::LAB);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let users = "users:\n  - { email: alice@example.com, send: [users, external, phonebook] }\n  \
                 - { email: dora@example.com }";
    let config = config
        .replace("127.0.0.0/8", "127.0.0.1/32")
        .replace("users:", users);
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    (mta, product, place)
}

fn field(mail: &str, name: &str) -> String {
    let parsed = mail_parser::MessageParser::default()
        .parse(mail)
        .expect("a mail");
    let raw = parsed.header_raw(name);
    raw.unwrap_or_else(|| panic!("no {name} in\n{mail}"))
        .trim()
        .to_owned()
}

fn listed(product: &Product) -> Vec<Value> {
    product.json(&["phonebook", "list", "--json"])
}

#[test]
fn the_number_is_asked_for_and_kept() {
    let (mta, product, place) = pair();
    let phone = "+15556660000";
    let to = "dora@sms.example.com";
    let mail = "From: Alice <alice@example.com>\nTo: dora@sms.example.com\nSubject: Dinner\n\
                Message-ID: <dinner@example.com>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n\nDinner at eight?";
    std::fs::write(place.path().join("mail"), mail).expect("a file");
    let file = place.path().join("mail");
    let file = file.to_str().expect("a path");
    let explain = |from: &str| {
        let told = product.json(&["explain", "--from", from, "--to", to, "--json", file]);
        told[0][0]["verdict"]
            .as_str()
            .expect("a verdict")
            .to_owned()
    };
    assert_eq!(explain("alice@example.com"), "ask");
    assert_eq!(explain("bob@example.com"), "refuse");

    // Without the right it is a plain refusal.
    let mut bob = mta.smtp_as("bob");
    bob.expect("MAIL FROM:<bob@example.com>", 250);
    let said = bob.say(&format!("RCPT TO:<{to}>"));
    assert!(said.starts_with("550 5.1.1"), "{said}");

    // With it the mail waits, and one question comes; an ordinary recipient has the mail.
    let said = mta
        .smtp_as("alice")
        .send("alice@example.com", &[to, "bob@example.com"], mail);
    assert!(said.starts_with("250"), "{said}");
    mta.mail("bob", |mail| mail.contains("Dinner at eight?"));
    let question = mta.mail("alice", |mail| mail.contains("Mobile number of dora"));
    assert_eq!(field(&question, "In-Reply-To"), "<dinner@example.com>");
    let answers_to = field(&question, "Reply-To")
        .trim_matches(['<', '>'])
        .to_owned();
    assert!(
        answers_to.starts_with("ask-") && answers_to.ends_with("@sms.example.com"),
        "{answers_to}"
    );
    let second = mail
        .replace("dinner@", "dinner2@")
        .replace("at eight?", "or lunch?");
    let said = mta
        .smtp_as("alice")
        .send("alice@example.com", &[to], &second);
    assert!(said.starts_with("250"), "{said}");

    // Poison: by another login, in Alice's name, from outside; with another code.
    for (mut smtp, from) in [
        (mta.smtp_as("bob"), "bob@example.com"),
        (mta.smtp_as("bob"), "alice@example.com"),
        (mta.smtp_as("dora"), "dora@example.com"),
        (mta.smtp_from_outside(), "alice@example.com"),
    ] {
        smtp.expect(&format!("MAIL FROM:<{from}>"), 250);
        let said = smtp.say(&format!("RCPT TO:<{answers_to}>"));
        assert!(
            said.starts_with("550 5.1.1") || said.starts_with("550 5.7.1"),
            "{from}: {said}"
        );
    }
    let mut alice = mta.smtp_as("alice");
    alice.expect("MAIL FROM:<alice@example.com>", 250);
    let wrong = answers_to.replacen(&answers_to[4..8], "zzzz", 1);
    let said = alice.say(&format!("RCPT TO:<{wrong}>"));
    assert!(said.starts_with("550 5.1.1"), "{said}");
    assert_eq!(listed(&product), Vec::<Value>::new());

    // An answer without a number comes back at once, and the question stays open.
    let reply = |subject: &str| {
        format!(
            "From: alice@example.com\nTo: {answers_to}\nSubject: {subject}\nMessage-ID: <{}@example.com>\n\
             In-Reply-To: {}\n\n> Please reply to this mail with the number",
            subject.len(),
            field(&question, "Message-ID"),
        )
    };
    let answer = |subject: &str| {
        let smtp = &mut mta.smtp_as("alice");
        smtp.send("alice@example.com", &[&answers_to], &reply(subject))
    };
    let said = answer("Re: Mobile number of dora@example.com?");
    assert!(said.starts_with("550 5.1.3"), "{said}");
    let said = answer("Re: Mobile number of dora@example.com? +1 555 666-0000");
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(
        product.phone(phone, 2),
        ["Dinner at eight?", "Dinner or lunch?"]
    );
    let all = mta.mails("alice");
    let questions = all
        .iter()
        .filter(|mail| mail.contains("Please reply to this mail"));
    assert_eq!(questions.count(), 1);

    // Dora is told, there is an audit line, and from now on everybody reaches her.
    let told = mta.mail("dora", |mail| mail.contains("was changed"));
    let parsed = mail_parser::MessageParser::default().parse(&told);
    let text = parsed.as_ref().and_then(|mail| mail.body_text(0));
    let text = text.unwrap_or_default();
    assert!(
        text.contains("alice@example.com") && text.contains(phone),
        "{told}"
    );
    let log = product.json(&["phonebook", "log", "--json"]);
    assert_eq!(
        (log.len(), log[0]["who"].as_str()),
        (1, Some("alice@example.com"))
    );
    let said = mta.smtp_as("bob").send(
        "bob@example.com",
        &[to],
        "From: bob@example.com\nSubject: hi\nMessage-ID: <hi@example.com>\n\nhi",
    );
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(product.phone(phone, 3)[2], "hi");
    assert_eq!(explain("alice@example.com"), "send");
    // It is answered once.
    let mut alice = mta.smtp_as("alice");
    alice.expect("MAIL FROM:<alice@example.com>", 250);
    let said = alice.say(&format!("RCPT TO:<{answers_to}>"));
    assert!(said.starts_with("550 5.1.1"), "{said}");
}
