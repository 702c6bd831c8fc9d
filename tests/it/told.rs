//! Who is told what about a mail that did not go out as it was written.

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";

async fn accepted(product: &Product, mail: &Mail) {
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    assert_eq!(session.mail(mail).await.answer, "accept");
    session.quit().await;
}

/// Threats T02, T21: MAIL FROM of one who has logged in may be anybody's address.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_goes_to_who_logged_in_not_to_mail_from() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let recipients = ["<+15551234567@sms.example.com>", "<carol@example.com>"];
    let mut mail = Mail::new(&recipients, "");
    mail.sender = "<victim@example.net>".into();
    mail.auth = Some("asmith".into());
    accepted(&product, &mail).await;
    let report = sink.wait_for(1).await.remove(0);
    assert_eq!(report.recipient, "ann.smith@example.com");
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sender_of_a_text_that_was_cut_is_told() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let mut mail = Mail::new(
        &["<+15551234567@sms.example.com>"],
        &"many words ".repeat(200),
    );
    mail.auth = Some("asmith".into());
    accepted(&product, &mail).await;
    let report = sink.wait_for(1).await.remove(0);
    assert_eq!(report.recipient, "ann.smith@example.com");
    let subject = report.header("Subject").unwrap_or_default();
    assert!(subject.contains("SMS cut to 5 segments"), "{subject}");
    assert!(product.stop().success());
}

/// A report that nobody takes goes to the admin, not to the reader of strangers' SMS.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_report_goes_to_the_admin() {
    let sink = SmtpSink::start().await;
    sink.answer_rcpt("ann.smith@example.com", &["550 5.1.1 no"]);
    let place = Place::new(
        sink.address(),
        &format!("{LAB}\nincoming: {{ default: reception@example.com }}"),
    );
    let product = place.start();
    let recipients = ["<+15551234567@sms.example.com>", "<carol@example.com>"];
    let mut mail = Mail::new(&recipients, "");
    mail.auth = Some("asmith".into());
    accepted(&product, &mail).await;
    let report = sink.wait_for(1).await.remove(0);
    assert_eq!(report.recipient, "postmaster@example.com");
    assert!(product.stop().success());
}
