//! What is told of recipients that fail at the end of the message, and of texts that are cut: one mail for all of
//! them, and not to who does not want it.

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";

async fn accepted(product: &Product, mail: &Mail) {
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    assert_eq!(session.mail(mail).await.answer, "accept");
    session.quit().await;
}

/// Nothing waits to be told or handed in.
fn settled(product: &Product) {
    product.until(&["queue", "stats", "--json"], |stats| {
        stats[0]["mails"] == 0 && stats[0]["messages"]["queued"].is_null()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_dialogue_is_told_as_asked() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    // An empty text; an ordinary recipient keeps it from being refused in the dialogue.
    let recipients = [
        "<+15551234561@sms.example.com> NOTIFY=NEVER",
        "<+15551234562@sms.example.com> NOTIFY=FAILURE ORCPT=rfc822;\"sms:+2B15551234562?pass+3Dhunter2\"@example.com",
        "<+15551234563@sms.example.com> NOTIFY=SUCCESS,DELAY",
        "<+15551234564@sms.example.com>",
        "<carol@example.com>",
    ];
    accepted(&product, &Mail::new(&recipients, "")).await;
    let report = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&report.data).into_owned();
    let told = super::read(&text);
    let finals = told["recipients"].as_array().expect("recipients").iter();
    let finals: Vec<_> = finals.map(|r| r["Final-Recipient"].clone()).collect();
    assert_eq!(
        finals,
        [
            "rfc822; +15551234562@sms.example.com",
            "rfc822; +15551234564@sms.example.com"
        ]
    );
    let original = &told["recipients"][0]["Original-Recipient"];
    assert_eq!(original, "rfc822; \"sms:+15551234562\"@example.com");
    assert!(!text.contains("hunter2"), "{text}");
    settled(&product);
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}

/// What a machine answers is not answered (RFC 3834 §2): who refuses it says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_answer_is_refused_in_silence() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    for (n, field) in [
        ("Auto-Submitted", "auto-replied"),
        ("X-Autoreply", "yes"),
        ("Auto-Submitted", "no"),
    ]
    .into_iter()
    .enumerate()
    {
        let to = format!("<+1555123457{n}@sms.example.com>");
        let mut mail = Mail::new(&[&to, "<carol@example.com>"], "away until Monday");
        mail.header.push((field.0.to_owned(), field.1.to_owned()));
        if n == 2 {
            mail.body.clear();
        }
        accepted(&product, &mail).await;
    }
    let report = sink.wait_for(1).await.remove(0);
    assert!(report.text().contains("+15551234572"), "{}", report.text());
    settled(&product);
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_cut_for_many_is_told_once() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let mut recipients: Vec<String> = (10..20)
        .map(|n| format!("<+155512345{n}@sms.example.com>"))
        .collect();
    recipients.push("<+15551234599@sms.example.com> NOTIFY=NEVER".into());
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut mail = Mail::new(&recipients, &"many words ".repeat(200));
    mail.auth = Some("asmith".into());
    accepted(&product, &mail).await;
    sink.wait_for(1).await;
    settled(&product);
    let mails = sink.mails();
    assert_eq!(mails.len(), 1);
    let subject = mails[0].header("Subject").unwrap_or_default();
    assert!(subject.contains("SMS cut to 5 segments"), "{subject}");
    assert!(!mails[0].text().contains("+15551234599"));
    // Of a mail about which nobody wants to hear nothing is told.
    let to = "<+15551234598@sms.example.com> NOTIFY=NEVER";
    let mut mail = Mail::new(&[to], &"other words ".repeat(200));
    mail.auth = Some("asmith".into());
    accepted(&product, &mail).await;
    settled(&product);
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}

/// A read receipt that is asked for is a confirmation; NOTIFY without SUCCESS asks for silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_receipt_is_a_confirmation() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    for (text, notify) in [
        ("silent", " NOTIFY=FAILURE"),
        ("never", " NOTIFY=NEVER"),
        ("told", ""),
    ] {
        let recipient = format!("<+15551234567@sms.example.com>{notify}");
        let mut mail = Mail::new(&[&recipient], text);
        let field = (
            "Disposition-Notification-To".to_owned(),
            "bob@example.com".to_owned(),
        );
        mail.header.push(field);
        accepted(&product, &mail).await;
    }
    let report = sink.wait_for(1).await.remove(0);
    let text = String::from_utf8_lossy(&report.data).into_owned();
    let told = super::read(&text);
    assert_eq!(told["recipients"][0]["Action"], "delivered", "{text}");
    assert!(report.text().contains("> told"), "{text}");
    product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines
            .iter()
            .all(|line| line["state"] == "delivered" || line["state"] == "sent")
    });
    settled(&product);
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}
