//! What the header of a mail asks of the SMS, from the milter to the phone (spec 4): when, how long, flash, a
//! confirmation, silence about its text; and the templates of the site, of domains and of users.

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::sim::milter_client::{self, Mail, Outcome, Session};
use crate::sim::product::{Place, Product, command};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = r#"gateways:
  - { id: lab, type: simulated, number: "+15550009999" }
"#;

/// Bob's mail with those fields more.
async fn send(product: &Product, rcpt: &str, header: &[(&str, &str)], text: &str) -> Outcome {
    let mut mail = Mail::new(&[rcpt], text);
    for (name, value) in header {
        mail = mail.without(name);
        mail.header.push(((*name).to_owned(), (*value).to_owned()));
    }
    send_as(product, "bob@example.com", mail).await
}

async fn send_as(product: &Product, sender: &str, mut mail: Mail) -> Outcome {
    mail.auth = Some(sender.to_owned());
    mail.sender = format!("<{sender}>");
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    let outcome = session.mail(&mail).await;
    session.quit().await;
    outcome
}

fn shown(product: &Product, number: &str) -> Value {
    let show = ["phone", "show", number, "--json"];
    product.until(&show, |lines| !lines.is_empty()).remove(0)
}

/// The only message to that number, whole.
fn whole(product: &Product, number: &str) -> Value {
    let all = product.json(&["queue", "list", "--all", "--json"]);
    let mut found = all.iter().filter(|line| line["number"] == number);
    let id = found
        .next()
        .and_then(|line| line["id"].as_str())
        .expect("a message");
    assert!(found.next().is_none(), "{all:?}");
    product.json(&["queue", "show", id, "--json"]).remove(0)
}

fn time(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().expect("a time")
}

/// As RFC 5322 writes it.
fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_says_when_and_how_long() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let to = |number: &str| format!("<{number}@sms.example.com>");
    let now = Timestamp::now();

    // Soon, but not before a busy machine has taken the mail: it comes, and not before.
    let soon = Timestamp::from_second((now + 8.seconds()).as_second()).expect("a time");
    let phone = "+15551120001";
    let sent = send(
        &product,
        &to(phone),
        &[("Deferred-Delivery", &date(soon))],
        "soon",
    )
    .await;
    assert_eq!(sent.answer, "accept");
    assert_eq!(time(&whole(&product, phone)["not_before"]), soon);
    assert_eq!(shown(&product, phone)["text"], "soon");
    assert!(Timestamp::now() >= soon);

    // Later, as X.400 writes it: it waits, and its life begins then.
    let later = now + 48.hours();
    let written = later.strftime("%y%m%d%H%M%SZ").to_string();
    let ends = date(later + 2.hours());
    let header = [
        ("Deferred-Delivery", written.as_str()),
        ("Expires", ends.as_str()),
    ];
    let phone = "+15551120002";
    assert_eq!(
        send(&product, &to(phone), &header, "later").await.answer,
        "accept"
    );
    let it = whole(&product, phone);
    assert_eq!(
        (&it["state"], time(&it["not_before"]).as_second()),
        (&"queued".into(), later.as_second())
    );
    assert_eq!(
        time(&it["expires"]).as_second(),
        (later + 2.hours()).as_second()
    );

    // Past is now; the address beats the header, and what is wrong in the header does not matter then.
    for (phone, rcpt, field) in [
        ("+15551120003", to("+15551120003"), date(now - 400.hours())),
        (
            "+15551120004",
            "<\"sms:+15551120004?at=+0m\"@example.com>".to_owned(),
            "some day".to_owned(),
        ),
    ] {
        let sent = send(&product, &rcpt, &[("Deferred-Delivery", &field)], phone).await;
        assert_eq!(sent.answer, "accept", "{rcpt}");
        assert_eq!(shown(&product, phone)["text"], phone);
    }

    // Good for an hour.
    let hour = date(now + 1.hour());
    let phone = "+15551120005";
    assert_eq!(
        send(&product, &to(phone), &[("Expiry-Date", &hour)], "hour")
            .await
            .answer,
        "accept"
    );
    assert_eq!(
        time(&whole(&product, phone)["expires"]).as_second(),
        (now + 1.hour()).as_second()
    );

    // What is no date is passed over, and who looks for the mail in the log finds that.
    let phone = "+15551120007";
    let wish = [("Expires", "later"), ("Sensitivity", "secret")];
    assert_eq!(
        send(&product, &to(phone), &wish, "later").await.answer,
        "accept"
    );
    let id = whole(&product, phone)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let accepted = product.log_line(|line| line.contains(&id) && line.contains("accepted"));
    let accepted = accepted.expect("its line in the log");
    let (_, queue_id) = accepted.split_once("queue_id=").expect("a queue id");
    let queue_id = queue_id.split_whitespace().next().expect("a queue id");
    for said in [
        "Expires: later: not a date",
        "Sensitivity: secret: not known",
    ] {
        let line = product.log_line(|line| line.contains(said));
        let line = line.expect("a line about it");
        assert!(line.contains(&format!("queue_id={queue_id}")), "{line}");
        assert!(line.contains("header-not-heeded"), "{line}");
    }

    // What cannot be had is refused.
    for (name, value, expected) in [
        ("Deferred-Delivery", date(now + 800.hours()), "550 5.6.0"),
        ("Deferred-Delivery", "tomorrow".to_owned(), "550 5.6.0"),
        ("Expires", date(now - 1.hour()), "550 5.4.7"),
    ] {
        let sent = send(&product, &to("+15551120006"), &[(name, &value)], &value).await;
        assert_eq!(sent.answer, expected, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_asks_for_flash_and_receipts() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    for (n, field, value, parameters, flash, confirm) in [
        (0, "X-Priority", "1 (Highest)", "", true, false),
        (1, "X-MSMail-Priority", "High", "", true, false),
        (2, "Priority", "urgent", "?flash=0", false, false),
        (3, "Return-Receipt-To", "bob@example.com", "", false, true),
        (
            4,
            "Disposition-Notification-To",
            "bob@example.com",
            "",
            false,
            true,
        ),
        (
            5,
            "Disposition-Notification-To",
            "bob@example.com",
            "?confirm=0",
            false,
            false,
        ),
        (6, "Subject", "Lunch, please CONFIRM", "", false, true),
        (7, "Subject", "unconfirmed", "", false, false),
    ] {
        let phone = format!("+1555113000{n}");
        let rcpt = format!("<\"sms:{phone}{parameters}\"@example.com>");
        let sent = send(&product, &rcpt, &[(field, value)], &format!("text {n}")).await;
        assert_eq!(sent.answer, "accept", "{n}");
        assert_eq!(shown(&product, &phone)["flash"], flash, "{n}");
        assert_eq!(whole(&product, &phone)["confirm"], confirm, "{n}");
    }
    let told = sink.wait_for(3).await;
    let mut texts: Vec<String> = told.iter().map(|mail| mail.text()).collect();
    texts.sort();
    for (text, n) in texts.iter().zip([3, 4, 6]) {
        assert!(
            text.contains(&format!("text {n}")) || text.contains(&format!("+1555113000{n}")),
            "{n}: {text}"
        );
    }
    assert!(product.stop().success());
    assert_eq!(sink.mails().len(), 3);
}

/// `Sensitivity`: the phone has the text, nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_text_is_shown_to_nobody() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    for (n, value) in ["private", "Personal", "company-confidential"]
        .iter()
        .enumerate()
    {
        let phone = format!("+1555114000{n}");
        let header = [
            ("Sensitivity", *value),
            ("Subject", "xyzzy subject"),
            ("Disposition-Notification-To", "bob@example.com"),
        ];
        let text = format!("xyzzy text {n}");
        let sent = send(
            &product,
            &format!("<{phone}@sms.example.com>"),
            &header,
            &text,
        )
        .await;
        assert_eq!(sent.answer, "accept");
        assert_eq!(shown(&product, &phone)["text"], text);
        let it = whole(&product, &phone);
        assert_eq!((&it["private"], &it["text"]), (&true.into(), &Value::Null));
        assert!(!it.to_string().contains("xyzzy "), "{it}");
        let id = it["id"].as_str().expect("id");
        let words = product.command(&["queue", "show", id]);
        assert!(!String::from_utf8_lossy(&words.stdout).contains("xyzzy "));
    }
    for mail in sink.wait_for(3).await {
        let raw = String::from_utf8_lossy(&mail.data);
        assert!(
            !raw.contains("xyzzy ") && !mail.text().contains("xyzzy "),
            "{raw}"
        );
    }
    // Nor what was cut of it, nor what was refused: an ordinary recipient keeps that one from being refused at once.
    let header = [("Sensitivity", "private"), ("Subject", "xyzzy subject")];
    let cut = "<+15551140005@sms.example.com>";
    send(&product, cut, &header, &"xyzzy text ".repeat(200)).await;
    let mut empty = Mail::new(
        &["<+15551140006@sms.example.com>", "<carol@example.com>"],
        "",
    );
    for (name, value) in header {
        empty = empty.without(name);
        empty.header.push((name.to_owned(), value.to_owned()));
    }
    let refused = send_as(&product, "bob@example.com", empty).await;
    assert_eq!(refused.answer, "accept");
    for mail in &sink.wait_for(5).await[3..] {
        let raw = String::from_utf8_lossy(&mail.data);
        assert!(
            !raw.contains("xyzzy ") && !mail.text().contains("xyzzy "),
            "{raw}"
        );
    }
    let other = "+15551140009";
    send(
        &product,
        &format!("<{other}@sms.example.com>"),
        &[],
        "no secret",
    )
    .await;
    shown(&product, other);
    let it = whole(&product, other);
    assert_eq!(
        (&it["private"], &it["text"]),
        (&false.into(), &"no secret".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_has_a_template_of_its_own() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config
        .replace(
            "defaults: { monthly_limit: 0 }",
            "defaults: { monthly_limit: 0 }\n  domains: { example.org: { template: \"{from_name}: {subject}\" } }",
        )
        .replace(
            "users:\n",
            "users:\n  - { email: cron@example.org, template: \"[{from}] {body}\" }\n  \
             - { email: dora@example.org }\n",
        );
    let config = format!("{config}text: {{ template: \"{{body}} ({{subject}})\" }}\n");
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    for (n, sender, body, expected) in [
        (0, "bob@example.com", "body", "body (test)"),
        (1, "dora@example.org", "body", "Bob Ross: test"),
        (2, "cron@example.org", "body", "[bob@example.com] body"),
        // A mail whose text the template does not need.
        (3, "dora@example.org", "", "Bob Ross: test"),
    ] {
        let phone = format!("+1555115000{n}");
        let mut mail = Mail::new(&[&format!("<{phone}@sms.example.com>")], body).without("From");
        mail.header
            .push(("From".into(), "Bob Ross <bob@example.com>".into()));
        mail.header.push(("X-Number".into(), n.to_string()));
        let sent = send_as(&product, sender, mail).await;
        assert_eq!(sent.answer, "accept", "{sender}");
        assert_eq!(shown(&product, &phone)["text"], expected, "{sender}");
    }
    // With the template of the user there would be nothing to say.
    let mail = Mail::new(&["<+15551150009@sms.example.com>"], "");
    let sent = send_as(&product, "cron@example.org", mail).await;
    assert_eq!(sent.answer, "554 5.6.0");

    // The preview says the same.
    let file = place.path().join("mail.eml");
    std::fs::write(
        &file,
        "From: Bob <bob@example.com>\nSubject: lunch\n\nnoon\n",
    )
    .expect("a mail");
    let file = file.to_str().expect("a name");
    for (sender, expected) in [
        ("bob@example.com", "noon (lunch)"),
        ("dora@example.org", "Bob: lunch"),
    ] {
        let args = [
            "explain",
            "--json",
            "--from",
            sender,
            "--to",
            "+15551234567@sms.example.com",
            file,
        ];
        let said: Value =
            serde_json::from_slice(&command(&place.config(), &args).stdout).expect("JSON");
        assert_eq!(said[0]["text"], expected, "{said}");
    }
}
