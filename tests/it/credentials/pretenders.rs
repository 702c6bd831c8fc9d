//! Threats T01 to T04: who pretends to be a user pays nothing with his quota.

use super::*;
use crate::sim::product::Place;
use crate::sim::smtp_sink::SmtpSink;
use indymilter_test::MacroStage;

const NUMBER: &str = "<+15551234567@sms.example.com>";

/// What one of the twelve says.
struct Forged {
    how: &'static str,
    mail: Vec<&'static str>,
    macros: Vec<(&'static str, &'static str)>,
    helo: &'static str,
    header: (&'static str, &'static str),
}

fn forgeries() -> Vec<Forged> {
    let forged = |how, mail: &[&'static str]| Forged {
        how,
        mail: mail.to_vec(),
        macros: vec![],
        helo: "stranger.example.net",
        header: ("From", "<ann.smith@example.com>"),
    };
    let ann = "<ann.smith@example.com>";
    vec![
        forged("MAIL FROM", &[ann]),
        forged("AUTH= of MAIL", &[ann, "AUTH=ann.smith@example.com"]),
        forged("AUTH=<> of MAIL", &["<x@example.net>", "AUTH=<>"]),
        forged("in quotes", &["<\"ann.smith\"@example.com>"]),
        forged("with a route", &["<@example.com:ann.smith@example.com>"]),
        Forged {
            header: ("X-Authenticated-User", "ann.smith@example.com"),
            ..forged("a header of its own", &[ann])
        },
        Forged {
            header: (
                "Authentication-Results",
                "mail.example.com; auth=pass smtp.auth=asmith",
            ),
            ..forged("Authentication-Results", &[ann])
        },
        Forged {
            header: (
                "Received",
                "from x (Authenticated sender: asmith) by mail.example.com",
            ),
            ..forged("Received", &[ann])
        },
        Forged {
            helo: "mail.example.com",
            ..forged("HELO with our name", &[ann])
        },
        // What Sendmail has in {auth_author} an unauthenticated client wrote.
        Forged {
            macros: vec![("{auth_author}", "ann.smith@example.com")],
            ..forged("{auth_author}", &[ann])
        },
        Forged {
            macros: vec![("{auth_type}", "PLAIN"), ("{auth_authen}", "")],
            ..forged("an empty {auth_authen}", &[ann])
        },
        // A certificate that nobody has verified.
        Forged {
            macros: vec![
                ("{verify}", "FAIL"),
                ("{cert_subject}", "/CN=ann-laptop"),
                ("{cn_subject}", "ann-laptop"),
            ],
            ..forged("a certificate of his own", &[ann])
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn t01_nobody_is_believed_without_proof() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace(
        "login: asmith,",
        "login: asmith, certificates: [ann-laptop], monthly_limit: 1,",
    );
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    let forgeries = forgeries();
    assert_eq!(forgeries.len(), 12);
    for forged in forgeries {
        let mut session = Session::of(&milter(&product), client("192.0.2.1", 40_123)).await;
        let _ = session.mta.helo(forged.helo).await;
        if !forged.macros.is_empty() {
            let macros = forged.macros.clone();
            let said = session.mta.macros(MacroStage::Mail, macros).await;
            said.expect("macros");
        }
        session.mta.mail(forged.mail.clone()).await.expect("MAIL");
        let mut said = rcpt(&mut session, NUMBER).await;
        if said == "ok" {
            // The header is what is forged: it comes later.
            session.mta.data().await.expect("DATA");
            let (name, value) = forged.header;
            session.mta.header(name, value).await.expect("header");
            session.mta.eoh().await.expect("EOH");
            session.mta.body(b"forged".to_vec()).await.expect("body");
            let (_, answer) = session.mta.eom().await.expect("end");
            said = words(&answer);
        }
        assert!(said.starts_with("550 5.7.1"), "{}: {said}", forged.how);
        session.cut();
    }
    // Her one SMS of this month is still hers; and her certificate counts when it is verified.
    let mut session = Session::of(&milter(&product), client("192.0.2.1", 40_123)).await;
    let macros = [("{verify}", "OK"), ("{cn_subject}", "ann-laptop")];
    session
        .mta
        .macros(MacroStage::Mail, macros)
        .await
        .expect("macros");
    session.mta.mail(["<x@example.net>"]).await.expect("MAIL");
    assert_eq!(rcpt(&mut session, NUMBER).await, "ok");
    session.cut();
    let sent = product.command(&[
        "send",
        "--from",
        "ann.smith@example.com",
        "+15551234567",
        "mine",
    ]);
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(payers(&product), ["ann.smith@example.com"]);
    // Nobody hears of the twelve; she hears that it was her last one.
    let mails = sink.wait_for(1).await;
    let subjects = mails.iter().map(|mail| mail.header("Subject"));
    let subjects: Vec<_> = subjects.flatten().collect();
    assert_eq!(subjects, ["All SMS of this month are used up"]);
    assert!(product.stop().success());
}

/// Threats T02: From: is somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn t02_who_logged_in_is_charged_and_told() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let product = place.start();
    let mut session = Session::of(&milter(&product), client("192.0.2.1", 40_123)).await;
    let mut mail = Mail::new(&[NUMBER, "<carol@example.net>"], "in another's name");
    mail.sender = "<bob@example.com>".into();
    mail.auth = Some("asmith".into());
    assert_eq!(session.mail(&mail).await.answer, "accept");
    assert_eq!(payers(&product), ["ann.smith@example.com"]);
    // Her NDR is hers.
    let mut mail = Mail::new(&[NUMBER, "<carol@example.net>"], "");
    mail.sender = "<bob@example.com>".into();
    mail.auth = Some("asmith".into());
    assert_eq!(session.mail(&mail).await.answer, "accept");
    let report = sink.wait_for(1).await.remove(0);
    assert_eq!(report.recipient, "ann.smith@example.com");
    assert!(product.stop().success());
}

/// Threats T03: parameters of the forerunner that are rights, or were proof.
#[tokio::test(flavor = "multi_thread")]
async fn t03_rights_are_not_taken_from_an_address() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let product = place.start();
    let mut session = Session::of(&milter(&product), client("192.0.2.1", 40_123)).await;
    let mut mail = Mail::new(&[], "");
    mail.auth = Some("asmith".into());
    session.begin(&mail).await.expect("MAIL");
    for parameters in [
        "authenticated=1&user=boss",
        "user=boss&authenticated=1",
        "user=boss&pass=x&authenticated=1",
        "AUTHENTICATED=yes",
        "id=lab",
        "sender=ACME",
        "reply=boss@example.com",
        "maxmsgs=128",
        "binary=1",
        "udh=050003010201",
        "pid=64",
        "dcs=16",
        "isadmin=1",
        "data=x",
        "number=%2B15557654321",
        "msgid=1",
    ] {
        let address = format!("<\"sms:+15551234567?{parameters}\"@example.com>");
        let said = rcpt(&mut session, &address).await;
        assert!(said.starts_with("550 5.1.3"), "{parameters}: {said}");
    }
    assert_eq!(payers(&product), Vec::<String>::new());
    session.cut();
    assert!(product.stop().success());
}

/// Threats T04: no secret is no secret, not an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn t04_without_a_secret_there_is_no_password() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let users = format!(
        "  - {{ email: none@example.com }}\n\
         \x20 - {{ email: empty@example.com, password_hash: \"{}\" }}\n\
         \x20 - {{ email: blank@example.com, password_hash: \"{}\" }}\n\
         \x20 - {{ email: right@example.com, password_hash: \"{}\" }}\n",
        hash(""),
        hash(" "),
        hash("right"),
    );
    configured(&place, &users);
    let product = place.start();
    for (n, user) in ["none", "empty", "blank", "right"].into_iter().enumerate() {
        for (m, (pass, expected)) in [
            ("&pass=", "550 5.1.3"),
            ("&pass", "550 5.1.3"),
            ("", "550 5.1.3"),
            ("&pass=%20", WRONG),
            ("&pass=%20%20", WRONG),
            ("&pass=none", WRONG),
            ("&pass=null", WRONG),
        ]
        .into_iter()
        .enumerate()
        {
            let mut session = stranger(&product, &format!("192.0.{n}.{m}")).await;
            let address =
                format!("<\"sms:+15551234567?user={user}%example.com{pass}\"@example.com>");
            let said = rcpt(&mut session, &address).await;
            assert!(said.starts_with(expected), "{user}{pass}: {said}");
            session.cut();
        }
    }
    let right = "<\"sms:+15551234567?user=right%example.com&pass=right\"@example.com>";
    let outcome = mail(&product, "192.0.2.99", &[right], "with the right one").await;
    assert_eq!(
        (outcome.answer.as_str(), outcome.deleted),
        ("accept", vec![right.to_owned()])
    );
    assert_eq!(payers(&product), ["right@example.com"]);
    assert!(product.stop().success());
}
