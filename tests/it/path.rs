//! The whole path with each kind of gateway: mail → SMS → answer → mail in the thread → reply → SMS.
//! The mail server is played; `mta` has the real ones with simulated phones.

use std::time::Duration;

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::SmtpSink;

const PHONE: &str = "+15551234567";

/// Ann's mail through the milter.
async fn mail(product: &Product, text: &str, header: &[(&str, &str)]) {
    let milter = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&milter).await;
    let mut mail = Mail::new(&["<+15551234567@sms.example.com>"], text);
    mail.auth = Some("asmith".into());
    for (name, value) in header {
        mail = mail.without(name);
        mail.header.push((name.to_string(), value.to_string()));
    }
    let outcome = session.mail(&mail).await;
    assert_eq!(
        (outcome.recipients, outcome.answer.as_str()),
        (vec!["ok".to_owned()], "accept")
    );
    session.quit().await;
}

/// The whole conversation. `sent` waits for the n-th text on the phone; `answer` writes on it.
async fn conversation(
    product: &Product,
    sink: &SmtpSink,
    sent: impl AsyncFn(usize) -> String,
    answer: impl AsyncFn(&str),
) {
    let lunch = [("Subject", "Lunch"), ("Message-ID", "<lunch@example.com>")];
    mail(product, "Lunch at noon?", &lunch).await;
    assert_eq!(sent(1).await, "Lunch at noon?");
    answer("Yes, and bring Bob").await;
    let answered = sink.wait_for(1).await.remove(0);
    assert_eq!(answered.recipient, "ann.smith@example.com");
    assert_eq!(answered.text().trim(), "Yes, and bring Bob");
    let header = |name: &str| answered.header(name).unwrap_or_default().trim().to_owned();
    assert_eq!(header("Subject"), "Re: Lunch");
    assert_eq!(header("In-Reply-To"), "<lunch@example.com>");
    assert!(
        header("From").contains("<+15551234567@sms.example.com>"),
        "{}",
        header("From")
    );
    let long = format!("Will do. {}", "€ and so on ".repeat(20));
    mail(
        product,
        &long,
        &[
            ("Subject", "Re: Lunch"),
            ("In-Reply-To", &header("Message-ID")),
        ],
    )
    .await;
    assert_eq!(sent(2).await, long.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_through_a_modem() {
    let modem = SimModem::start(Options::default());
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "gateways: [{{ id: hall, type: modem, device: {}, number: \"+15550002222\" }}]",
            modem.path().display()
        ),
    );
    let product = place.start();
    let sent = async |n: usize| {
        // The second text has three parts.
        let parts = modem.wait_sent(if n == 1 { 1 } else { 3 }, PATIENCE);
        assert!(parts.iter().all(|part| part.to == PHONE));
        let texts = parts[if n == 1 { 0 } else { 1 }..]
            .iter()
            .map(|part| part.text.as_str());
        texts.collect::<String>()
    };
    let answer = async |text: &str| modem.deliver(PHONE, text);
    conversation(&product, &sink, sent, answer).await;
    modem.wait_empty(PATIENCE);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_through_an_http_provider() {
    let provider = Provider::answering(Answer::say(200, "ID: 77")).await;
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "gateways:\n  - {{ id: web, type: http, number: \"+15550003333\", secret: \"0123456789abcdef\", \
             url: \"{}\", success: {{ status: [200], body: \"^ID\" }}, message_id: {{ regex: \"^ID: (\\\\S+)\" }} }}\n",
            provider.url("/send?to=%number%&text=%data%&parts=%parts%")
        ),
    );
    let product = place.start();
    let sent = async |n: usize| {
        let deadline = std::time::Instant::now() + PATIENCE;
        while provider.requests().len() < n {
            assert!(std::time::Instant::now() < deadline, "{}", product.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let target = provider.requests()[n - 1].target.clone();
        let query = target.split_once('?').expect("a query").1.to_owned();
        let field = |name: &str| {
            let value = query
                .split('&')
                .find_map(|f| f.strip_prefix(name))
                .expect("a field");
            percent_encoding::percent_decode_str(value)
                .decode_utf8()
                .expect("UTF-8")
                .into_owned()
        };
        assert_eq!(field("to="), PHONE);
        assert_eq!(field("parts="), if n == 1 { "1" } else { "2" });
        field("text=")
    };
    let hook = format!("http://{}/hooks/web", product.web);
    let answer = async |text: &str| {
        let body = format!(
            "{{\"from\":\"{PHONE}\",\"to\":\"+15550003333\",\"text\":\"{text}\",\"id\":\"in-1\"}}"
        );
        let request = |secret: &str| {
            reqwest::Client::new()
                .post(&hook)
                .header("Content-Type", "application/json")
                .header("Authorization", format!("Bearer {secret}"))
                .body(body.clone())
                .send()
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        assert_eq!(request("wrong").await.expect("an answer").status(), 403);
        assert_eq!(
            request("0123456789abcdef")
                .await
                .expect("an answer")
                .status(),
            200
        );
        // A repeat is acknowledged and is not a second mail.
        assert_eq!(
            request("0123456789abcdef")
                .await
                .expect("an answer")
                .status(),
            200
        );
    };
    conversation(&product, &sink, sent, answer).await;
    assert!(product.stop().success());
    assert_eq!(sink.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wrote_is_asked_at_once_and_the_answer_finds_them() {
    let sink = SmtpSink::start().await;
    let gateways = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]"#;
    let place = Place::new(sink.address(), gateways);
    let product = place.start();
    mail(&product, "From Ann", &[("Message-ID", "<ann@example.com>")]).await;
    let milter = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&milter).await;
    let outcome = session
        .mail(&Mail::new(&["<+15551234567@sms.example.com>"], "From Bob"))
        .await;
    assert_eq!(outcome.answer, "accept");
    product.phone(PHONE, 2);
    let say = |text: &str| {
        assert!(
            product
                .command(&["phone", "reply", PHONE, text])
                .status
                .success()
        )
    };
    say("who is it?");
    // Two mails, the phone's answer, and the question: well before anything else wakes the dispatcher.
    let shown = product.phone(PHONE, 4);
    assert!(
        shown[3].starts_with("Several people wrote to you"),
        "{shown:?}"
    );
    say("#bob# you");
    let mails = sink.wait_for(2).await;
    assert!(
        mails.iter().all(|mail| mail.recipient == "bob@example.com"),
        "{mails:?}"
    );
    // They are handed in side by side.
    let texts = mails.iter().map(|mail| mail.text().trim().to_owned());
    let texts: std::collections::BTreeSet<_> = texts.collect();
    assert_eq!(texts, ["who is it?", "you"].map(str::to_owned).into());
}
