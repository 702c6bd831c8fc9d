//! What parameters of an address do to the SMS, from RCPT to the phone and back (spec 2.1).

use serde_json::Value;

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product, command};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = r#"gateways:
  - { id: lab, type: simulated, number: "+15550009999" }
  - { id: spare, type: simulated, number: "+15550008888" }
"#;

/// Ann may ask for anything; two SIMs' worth of phones.
fn place(sink: &SmtpSink) -> Place {
    let place = Place::new(sink.address(), LAB);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let rights = "login: asmith, aliases: [ann@example.com], sender_ids: [ACME, SHOP], \
                  send: [users, external, binary, gateway],";
    let config = config.replace("login: asmith,", rights);
    std::fs::write(place.config(), config).expect("configuration");
    place
}

/// Ann's mail to that address.
async fn send(product: &Product, local: &str, text: &str) {
    let rcpt = format!("<\"{local}\"@example.com>");
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    let mut mail = Mail::new(&[&rcpt], text);
    mail.auth = Some("asmith".into());
    let outcome = session.mail(&mail).await;
    assert_eq!(
        (outcome.answer.as_str(), &outcome.deleted[..]),
        ("accept", &[rcpt][..])
    );
    session.quit().await;
}

/// What the phone shows, once it shows so much.
fn shown(product: &Product, number: &str, count: usize) -> Vec<Value> {
    product.until(&["phone", "show", number, "--json"], |lines| {
        lines.len() >= count
    })
}

fn listed(product: &Product) -> Vec<Value> {
    product.json(&["queue", "list", "--all", "--json"])
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_sms_looks() {
    let sink = SmtpSink::start().await;
    let place = place(&sink);
    let product = place.start();
    send(&product, "sms:+15551110001?flash=1", "flash").await;
    assert_eq!(shown(&product, "+15551110001", 1)[0]["flash"], true);
    send(&product, "sms:+15551110002?maxmsgs=1", &"word ".repeat(60)).await;
    let text = shown(&product, "+15551110002", 1)[0]["text"]
        .as_str()
        .map(str::len);
    assert!(text.is_some_and(|n| n <= 162), "{text:?}");
    send(
        &product,
        "sms:+15551110003?binary=1;hex&udh=0605040B8423F0&dcs=0xF5",
        "0001FF80",
    )
    .await;
    let data = shown(&product, "+15551110003", 1).remove(0);
    assert_eq!(
        (&data["data"], &data["udh"], &data["dcs"]),
        (&"0001FF80".into(), &"0605040B8423F0".into(), &0xF5.into())
    );
    send(
        &product,
        "sms:+15551110004?pid=0x41&coding=ucs2",
        "replaces",
    )
    .await;
    assert_eq!(shown(&product, "+15551110004", 1)[0]["pid"], 0x41);
    // The cut one is told of, and nothing else.
    let told = sink.wait_for(1).await.remove(0);
    assert!(
        told.header("Subject")
            .is_some_and(|s| s.contains("cut to 1"))
    );
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_carries_it_and_who_is_shown() {
    let sink = SmtpSink::start().await;
    let place = place(&sink);
    let product = place.start();
    for n in 0..4 {
        send(
            &product,
            &format!("sms:+1555111010{n}?id=spare&sender=SHOP&priority=high"),
            "x",
        )
        .await;
    }
    let sent = product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 4 && lines.iter().all(|line| line["state"] == "sent")
    });
    for line in sent {
        let id = line["id"].as_str().expect("id");
        let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
        assert_eq!(whole["gateway"], "spare", "{whole}");
        assert_eq!(
            (&whole["sender_id"], &whole["high"]),
            (&"SHOP".into(), &true.into()),
            "{whole}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_where_they_are_wanted() {
    let sink = SmtpSink::start().await;
    let place = place(&sink);
    let product = place.start();
    send(
        &product,
        "sms:+15551110201?reply=ann@example.com&confirm=1",
        "where to?",
    )
    .await;
    let confirmed = sink.wait_for(1).await.remove(0);
    assert_eq!(confirmed.recipient, "ann.smith@example.com");
    shown(&product, "+15551110201", 1);
    let reply = product.command(&["phone", "reply", "+15551110201", "there"]);
    assert!(reply.status.success(), "{reply:?}");
    let answer = sink.wait_for(2).await.remove(1);
    assert_eq!(answer.recipient, "ann@example.com");
    assert_eq!(answer.text().trim(), "there");
}

/// It waits, also over a restart, and nobody waits behind it; an admin may send it sooner.
#[tokio::test(flavor = "multi_thread")]
async fn an_sms_waits_for_its_time() {
    let sink = SmtpSink::start().await;
    let place = place(&sink);
    let product = place.start();
    let phone = "+15551110301";
    send(
        &product,
        &format!("sms:{phone}?at=+2h&priority=high"),
        "later",
    )
    .await;
    send(&product, &format!("sms:{phone}"), "now").await;
    assert_eq!(shown(&product, phone, 1)[0]["text"], "now");
    let waiting = |lines: &[Value]| {
        let waits = lines.iter().filter(|line| line["state"] == "queued");
        waits
            .map(|line| line["id"].as_str().expect("id").to_owned())
            .collect::<Vec<_>>()
    };
    let ids = waiting(&listed(&product));
    assert_eq!(ids.len(), 1);
    assert!(product.stop().success());
    let product = place.start();
    let whole = product
        .json(&["queue", "show", &ids[0], "--json"])
        .remove(0);
    let time = |key: &str| -> jiff::Timestamp {
        whole[key]
            .as_str()
            .expect("a time")
            .parse()
            .expect("a time")
    };
    let wait = time("not_before").duration_since(time("created"));
    // From RCPT on, not from the end of the mail.
    assert_eq!(wait.as_secs_f64().round(), 7200.0, "{wait}");
    assert_eq!(time("next_attempt"), time("not_before"));
    send(&product, &format!("sms:{phone}"), "again").await;
    assert_eq!(shown(&product, phone, 1)[0]["text"], "again");
    assert!(
        product
            .command(&["queue", "retry", &ids[0]])
            .status
            .success()
    );
    let texts = shown(&product, phone, 2);
    assert_eq!(texts[1]["text"], "later");
}

#[test]
fn explain_shows_each_number_and_each_wish() {
    let place = Place::new("127.0.0.1:9".parse().expect("address"), LAB);
    let mail = place.path().join("account.eml");
    let text =
        "From: bob@example.com\nTo: sms@example.com\nSubject: +15551234567, 12; lunch\n\nNoon?\n";
    std::fs::write(&mail, text).expect("a mail");
    let mail = mail.to_str().expect("a name");
    let explained = |to: &str| -> Vec<Value> {
        let args = [
            "explain",
            "--json",
            "--from",
            "bob@example.com",
            "--to",
            to,
            mail,
        ];
        let output = command(&place.config(), &args);
        let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        said.as_array().expect("a list").clone()
    };
    let said = explained("sms@example.com");
    assert_eq!(
        (&said[0]["number"], &said[0]["verdict"]),
        (&"+15551234567".into(), &"send".into())
    );
    assert_eq!(said[1]["reply"], "550 5.1.1 12 is not a phone number");
    assert!(
        said.iter()
            .all(|line| line["recipient"] == "sms@example.com")
    );
    let said = explained("\"sms:+15551234567?at=2026-01-01T00:00:00Z\"@example.com");
    assert_eq!(
        said[0]["reply"],
        "550 5.1.3 at=2026-01-01T00:00:00Z: this time has passed"
    );
    let said = explained("\"sms:+15551234567?at=+2h&flash=1&confirm=1&priority=low\"@example.com");
    assert!(said[0]["at"].is_string());
    assert_eq!(
        (&said[0]["flash"], &said[0]["confirm"], &said[0]["class"]),
        (&true.into(), &true.into(), &"bulk".into())
    );
    // No password is repeated.
    let said = explained("\"sms:+15551234567?user=bob&pass=hunter2\"@example.com");
    assert!(!said[0].to_string().contains("hunter2"));
}
