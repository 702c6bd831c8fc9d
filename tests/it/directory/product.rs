//! The whole product with users in OpenLDAP: RCPT, logins, answers of phones, `explain`, `check`.

use indymilter_test::Status;

use super::ldap::{PEOPLE, section};
use crate::sim::directories::{Server, slapd};
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product, json};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n";

/// The answer to a RCPT of who is logged in so.
async fn rcpt(product: &Product, login: &str, rcpt: &str) -> String {
    let place = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&place).await;
    let mut mail = Mail::new(&[rcpt], "hello");
    mail.auth = Some(login.to_owned());
    session.begin(&mail).await.expect("MAIL");
    let answers = session.recipients(&mail).await.expect("RCPT");
    session.cut();
    match &answers[0] {
        Status::Reject { message } | Status::Tempfail { message } => {
            let message = message.as_ref().expect("a text");
            message.to_string_lossy().into_owned()
        }
        other => format!("{other:?}"),
    }
}

fn place(server: &Server, sink: &SmtpSink, more: &str) -> Place {
    let url = format!("ldap://127.0.0.1:{}", server.port);
    // These people exist in mail domains of ours; what they may is access.defaults'.
    Place::new(
        sink.address(),
        &format!("{LAB}{}", section(server, &url, more)),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_a_directory_are_users() {
    let mut server = slapd(PEOPLE);
    let sink = SmtpSink::start().await;
    let place = place(&server, &sink, "  negative_cache: 1s\n  cache: 1s");
    let product = place.start();
    for (login, to, expected) in [
        ("asmith", "<carol@sms.example.com>", "Continue"),
        ("asmith", "<cj@sms.example.com>", "Continue"),
        ("asmith", "<caz@sms.example.com>", "Continue"),
        ("carol", "<ann@sms.example.com>", "Continue"),
        ("CJ@Example.com", "<ann@sms.example.com>", "Continue"),
        (
            "jan",
            "<ann@sms.example.com>",
            "550 5.7.1 the account jan@example.org is not active",
        ),
        (
            "asmith",
            "<odd@sms.example.com>",
            "550 5.1.1 odd@example.com has no mobile number here",
        ),
        (
            "asmith",
            "<nobody@sms.example.com>",
            "550 5.1.1 nobody@sms.example.com: no such user",
        ),
        (
            "asmith",
            "<\"*)(uid=*\"@sms.example.com>",
            "550 5.1.1 *)(uid=*@sms.example.com: no such user",
        ),
        (
            "asmith",
            "<twin@sms.example.com>",
            "451 4.3.0 the directory of SMS users has several entries for one name; the log says more",
        ),
        (
            "broken",
            "<ann@sms.example.com>",
            "451 4.3.0 an entry in the directory of SMS users cannot be used; the log says more",
        ),
    ] {
        assert_eq!(rcpt(&product, login, to).await, expected, "{login} to {to}");
    }
    a_conversation(&product, &sink).await;
    explained(&place);

    // It dies: who is not in the configuration is answered later, not "no".
    server.kill();
    let later = "451 4.3.0 the directory of SMS users does not answer; try again later";
    assert_eq!(
        rcpt(&product, "asmith", "<stranger@sms.example.com>").await,
        later
    );
    assert_eq!(
        rcpt(&product, "newcomer", "<ann@sms.example.com>").await,
        later
    );
    // Numbers and people of the configuration need no directory, and Carol was seen before.
    assert_eq!(
        rcpt(&product, "asmith", "<+15551234567@sms.example.com>").await,
        "Continue"
    );
    assert_eq!(
        rcpt(&product, "asmith", "<carol@sms.example.com>").await,
        "Continue"
    );
    assert!(!product.log().contains("hunter2"));
    assert!(
        !product.log().contains("+15552000001"),
        "numbers are masked"
    );
}

/// Carol's mail to a phone, whose answer names her by the nickname that the directory has.
async fn a_conversation(product: &Product, sink: &SmtpSink) {
    let place = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&place).await;
    let mut mail = Mail::new(&["<caz@sms.example.com>"], "to myself");
    mail.auth = Some("carol".into());
    assert_eq!(session.mail(&mail).await.answer, "accept");
    session.quit().await;
    assert_eq!(product.phone("+15552000001", 1), ["to myself"]);
    let said = product.command(&["phone", "reply", "+15557771111", "jonesy: call me"]);
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let answer = sink.wait_for(1).await.remove(0);
    assert_eq!(answer.recipient, "carol.jones@example.com");
    assert_eq!(answer.text().trim(), "call me");
    // Her own phone is known by her name.
    let said = product.command(&["phone", "reply", "+15552000001", "#bob# it is me"]);
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let mails = sink.wait_for(2).await;
    let of_carol = mails
        .iter()
        .find(|mail| mail.recipient == "bob@example.com");
    let from = of_carol
        .and_then(|mail| mail.header("From"))
        .unwrap_or_default();
    assert!(from.contains("Carol Jones"), "{from}");
}

/// `explain` asks the directory too, and says so.
fn explained(place: &Place) {
    let mail = place.path().join("mail.eml");
    std::fs::write(&mail, "Subject: x\r\n\r\nhello\r\n").expect("write");
    for (from, expected) in [
        ("carol", "users_ldap"),
        ("asmith", "users"),
        ("stranger@example.com", "access"),
    ] {
        let mail = mail.display().to_string();
        let args = [
            "explain",
            "--from",
            from,
            "--to",
            "+15551234567@sms.example.com",
            "--json",
            &mail,
        ];
        let lines = json(&place.config(), &args);
        assert_eq!(lines[0][0]["sender_from"], expected, "{from}");
    }
}
