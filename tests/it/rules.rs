//! Rules as admins and people see them: SMS that go on to phones, and the text that a rule gives an SMS.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sim::milter_client::{self, Mail, Outcome, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";
const SENSOR: &str = "+15557770000";
const FIRST: &str = "+15551230000";
const SECOND: &str = "+15551230001";
const BOB: &str = "bob@example.com";

fn says(product: &Product, phone: &str, text: &str) {
    let output = product.command(&["phone", "reply", phone, text]);
    assert!(output.status.success(), "{output:?}");
}

/// Alarms go to a mailbox and on to two phones; bob pays.
fn on_call(sink: &SmtpSink) -> Place {
    Place::new(
        sink.address(),
        &format!(
            "{LAB}\nincoming:\n  default: reception@example.com\n  rules:\n    \
             - {{ when: {{ text: \"(?i)^alarm\" }}, deliver: ops@example.com, \
             forward: [\"{FIRST}\", \"{SECOND}\"], charge: {BOB} }}\n"
        ),
    )
}

/// All that went on to a phone.
fn sent_to(product: &Product, phone: &str) -> Vec<Value> {
    let mut all = product.json(&["queue", "list", "--all", "--json"]);
    all.retain(|line| line["number"] == phone);
    all
}

fn spent(product: &Product) -> u64 {
    let users = product.json(&["users", "list", "--json"]);
    let bob = users.iter().find(|user| user["account"] == BOB);
    bob.and_then(|bob| bob["sent_month"].as_u64()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_goes_on_to_phones_and_somebody_pays() {
    let sink = SmtpSink::start().await;
    let place = on_call(&sink);
    let product = place.start();
    says(&product, SENSOR, "Alarm: fire");
    for phone in [FIRST, SECOND] {
        assert_eq!(product.phone(phone, 1), ["+15557770000: Alarm: fire"]);
    }
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.recipient.as_str(), mail.text().as_str()),
        ("ops@example.com", "Alarm: fire")
    );
    assert_eq!(spent(&product), 2);
    // What the phone answers is for who pays, in the thread of the SMS, and goes on to nobody.
    says(&product, FIRST, "Alarm seen");
    let answer = sink.wait_for(2).await.remove(1);
    assert_eq!(
        (answer.recipient.as_str(), answer.text().as_str()),
        (BOB, "Alarm seen")
    );
    assert_eq!(answer.header("In-Reply-To"), mail.header("Message-ID"));
    assert_eq!(
        answer.header("Subject").as_deref(),
        Some("Re: SMS from +15557770000")
    );
    // A phone that wants none gets none; who pays has the text.
    says(&product, SECOND, "STOP");
    sink.wait_for(3).await;
    says(&product, SENSOR, "alarm two");
    assert_eq!(
        product.phone(FIRST, 2).last().map(String::as_str),
        Some("+15557770000: alarm two")
    );
    let mails = sink.wait_for(5).await;
    let told = mails[3..].iter().find(|mail| mail.recipient == BOB);
    let told = told.expect("bob hears of it").text();
    assert_eq!(
        told,
        "[This SMS did not go on to +15551230001: this phone wants no SMS: its \
         owner has opted out]\n\nalarm two"
    );
    assert_eq!(spent(&product), 3);
    assert_eq!(sent_to(&product, FIRST).len(), 2);
    // Another text is nobody's alarm.
    says(&product, SENSOR, "all clear");
    assert_eq!(sink.wait_for(6).await[5].recipient, "reception@example.com");
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_has_limits() {
    let sink = SmtpSink::start().await;
    let place = on_call(&sink);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace(
        "email: bob@example.com,",
        "email: bob@example.com, monthly_limit: 3, max_segments: 1,",
    );
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    let long = format!("Alarm {}", "x ".repeat(100));
    says(&product, SENSOR, &long);
    let shown = product.phone(SECOND, 1).remove(0);
    assert!(shown.ends_with('…') || shown.len() <= 160, "{shown}");
    let mails = sink.wait_for(2).await;
    let told = mails.iter().find(|mail| mail.recipient == BOB);
    let told = told.expect("bob hears of it").text();
    assert!(
        told.starts_with("[What went on to +15551230000 is the beginning of this SMS: 1 "),
        "{told}"
    );
    assert!(told.ends_with(long.trim_end()), "{told}");
    // One more is left: the first of the two has it.
    says(&product, SENSOR, "Alarm 2");
    product.phone(FIRST, 2);
    // The mail to ops, that to bob, and that the quota is used up.
    let mails = sink.wait_for(5).await;
    let is_told = |mail: &&crate::sim::smtp_sink::Mail| {
        mail.text().contains("did not go on to +15551230001")
            && mail.text().contains("has used up this month's SMS")
            && mail.recipient == BOB
    };
    assert!(mails.iter().any(|mail| is_told(&mail)), "{mails:?}");
    assert_eq!(spent(&product), 3);
    assert_eq!(sent_to(&product, SECOND).len(), 1);
    assert!(product.stop().success());
}

/// Two phones that answer by themselves, and a sensor gone mad: nothing goes round, nothing costs without end.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_in_a_circle() {
    let sink = SmtpSink::start().await;
    let rules = format!(
        "incoming:\n  rules:\n    \
         - {{ when: {{ from: \"{}\" }}, forward: \"{FIRST}\", charge: {BOB} }}\n    \
         - {{ when: {{ any: true }}, forward: \"{SECOND}\", charge: {BOB} }}\n",
        SECOND.replace('+', "\\\\+")
    );
    let place = Place::new(sink.address(), &format!("{LAB}\n{rules}"));
    // What is urgent is never held, but this is a stranger's.
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace(
        "email: bob@example.com,",
        "email: bob@example.com, class: alarm,",
    );
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    for phone in [FIRST, SECOND] {
        says(&product, phone, "I am driving");
    }
    let mails = sink.wait_for(2).await;
    for mail in &mails {
        assert_eq!(mail.recipient, BOB);
        assert!(mail.text().contains("in a circle"), "{}", mail.text());
    }
    assert_eq!(
        sent_to(&product, FIRST).len() + sent_to(&product, SECOND).len(),
        0
    );
    // One a minute, whoever sends; the rest is held, and an admin hears of it once.
    let long = "x ".repeat(300);
    for n in 0..18 {
        says(&product, SENSOR, &format!("{n} {long}"));
    }
    let held = product.until(&["queue", "list", "--state", "held", "--json"], |held| {
        held.len() >= 3
    });
    let all = || sent_to(&product, SECOND);
    product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 18
    });
    let going: u64 = all()
        .iter()
        .filter(|line| line["state"] != "held")
        .filter_map(|line| line["segments_total"].as_u64())
        .sum();
    assert!((50..=60).contains(&going), "{going} of {held:?}");
    let mails = sink.wait_for(4).await;
    let admin = mails
        .iter()
        .filter(|mail| mail.recipient == "postmaster@example.com");
    assert_eq!(admin.count(), 1, "{mails:?}");
    assert!(product.stop().success());
}

/// kill -9 between "we have the SMS" and "it goes on", and again as soon as it went on: once, whatever happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_neither_loses_nor_doubles_it() {
    let sink = SmtpSink::start().await;
    let lab = LAB.replace("type: simulated", "type: simulated, unknown_wait: 1s");
    let place = Place::new(
        sink.address(),
        &format!(
            "{lab}\nincoming:\n  concat_window: 2s\n  rules:\n    \
             - {{ when: {{ any: true }}, forward: \"{FIRST}\", charge: {BOB} }}\n"
        ),
    );
    let mut product = place.start();
    // A full SMS waits for what may follow it: it is durable, and did not go on yet.
    let full = "f".repeat(160);
    says(&product, SENSOR, &full);
    product.kill();
    product = place.start();
    product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 1
    });
    // As soon as it is acknowledged.
    for n in 0..6 {
        says(&product, SENSOR, &format!("{n} burns"));
        product.kill();
        product = place.start();
    }
    let texts = |lines: &[Value]| -> Vec<String> {
        let shown = lines.iter().map(|line| {
            let id = line["id"].as_str().expect("an id");
            let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
            whole["text"].as_str().expect("a text").to_owned()
        });
        shown.collect()
    };
    let lines = product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 7 && lines.iter().all(|line| line["state"] != "queued")
    });
    let texts = texts(&lines);
    let each: BTreeSet<&String> = texts.iter().collect();
    assert_eq!(each.len(), 7, "{texts:?}");
    assert_eq!(
        spent(&product),
        8,
        "the full one is two segments with its sender"
    );
    product.kill();
    let product = place.start();
    says(&product, SENSOR, "last");
    let lines = product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() >= 8
    });
    assert_eq!(lines.len(), 8);
    assert!(product.stop().success());
}

async fn send(product: &Product, sender: &str, to: &str, subject: &str, body: &str) -> Outcome {
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    let mut mail = Mail::new(&[&format!("<{to}@sms.example.com>")], body).without("Subject");
    mail.header.push(("Subject".into(), subject.into()));
    mail.header
        .push(("X-Number".into(), format!("{sender}{to}")));
    mail.auth = Some(sender.into());
    mail.sender = format!("<{sender}>");
    let outcome = session.mail(&mail).await;
    session.quit().await;
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_shapes_the_text_before_all_others() {
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "{LAB}\ntext: {{ template: \"site {{body}}\" }}\noutgoing:\n  \
             - {{ when: {{ subject: \"^New mail\" }}, text: \"{{subject}} (by rule)\" }}\n  \
             - {{ when: {{ to: \"^\\\\+1555123\" }}, text: \"rule {{body}}\", gateway: lab }}\n  \
             - {{ when: {{ text: secret }}, reject: \"no secrets\" }}\n"
        ),
    );
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace(
        "email: bob@example.com,",
        "email: bob@example.com, template: \"user {body}\",",
    );
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    for (n, (sender, to, subject, body, expected)) in [
        (BOB, "+15559990001", "Hi", "noon", "user noon"),
        (
            "ann.smith@example.com",
            "+15559990002",
            "Hi",
            "noon",
            "site noon",
        ),
        (BOB, "+15551230003", "Hi", "noon", "rule noon"),
        (
            "ann.smith@example.com",
            "+15551230004",
            "Hi",
            "noon",
            "rule noon",
        ),
        (
            BOB,
            "+15559990005",
            "New mail",
            "noon",
            "New mail (by rule)",
        ),
        // A rule that needs no text sends what has none.
        (BOB, "+15559990006", "New mail", "", "New mail (by rule)"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = send(&product, sender, to, subject, body).await;
        assert_eq!(sent.answer, "accept", "{n}: {sent:?}");
        assert_eq!(product.phone(to, 1), [expected], "{n}");
        let file = place.path().join(format!("{n}.eml"));
        std::fs::write(&file, format!("Subject: {subject}\n\n{body}\n")).expect("a mail");
        let file = file.to_str().expect("a name");
        let rcpt = format!("{to}@sms.example.com");
        let args = ["explain", "--json", "--from", sender, "--to", &rcpt, file];
        let said: Value = serde_json::from_slice(&product.command(&args).stdout).expect("JSON");
        assert_eq!(said[0]["text"], expected, "{said}");
    }
    // Another one still needs one, and rules that refuse still do.
    let empty = send(&product, BOB, "+15559990007", "Hi", "").await;
    assert_eq!(empty.answer, "554 5.6.0", "{empty:?}");
    let empty = send(&product, BOB, "+15551230008", "Hi", "").await;
    assert_eq!(empty.answer, "554 5.6.0", "{empty:?}");
    let secret = send(&product, BOB, "+15559990009", "Hi", "secret").await;
    assert!(secret.answer.starts_with("550 5.7.1"), "{secret:?}");
    // What a program or an admin has sent is as it was written.
    assert!(
        product
            .command(&["send", "+15551230009", "as it is"])
            .status
            .success()
    );
    assert_eq!(product.phone("+15551230009", 1), ["as it is"]);
    assert!(product.stop().success());
}
