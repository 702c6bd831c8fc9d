//! The milter door of the whole product: every order of callbacks, every way for a session to end, and
//! what hostile or tired peers do. What the product decides is tested elsewhere; here it takes
//! `…@sms.example.com`, refuses `nosuch@sms.example.com` and leaves the rest alone.

use std::collections::BTreeMap;
use std::process::Command;

use indymilter_test::{Actions, MacroStage, ProtoOpts, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sim::door::Door;
use crate::sim::milter_client::{CHUNK, Mail, Place, Session, Watched, client, raw, said};

const SMS: &str = "<+15551234567@sms.example.com>";
const OTHER: &str = "<carol@example.net>";

#[tokio::test]
async fn negotiation_asks_for_what_the_mta_has() {
    let product = Door::start().await;
    let session = Session::open(&product.milter).await;
    assert_eq!(session.mta.negotiated_actions(), Actions::DELETE_RCPT);
    let wanted = ProtoOpts::NO_HELO
        | ProtoOpts::NO_UNKNOWN
        | ProtoOpts::NOREPLY_HEADER
        | ProtoOpts::NOREPLY_EOH
        | ProtoOpts::SKIP;
    assert_eq!(session.mta.negotiated_opts(), wanted);
    let macros: BTreeMap<_, _> = session.mta.requested_macros().iter().collect();
    for (stage, name) in [
        (MacroStage::Connect, "{daemon_name}"),
        (MacroStage::Mail, "{auth_authen}"),
        (MacroStage::Rcpt, "i"),
        (MacroStage::Data, "i"),
        (MacroStage::Eom, "i"),
    ] {
        let asked = macros[&stage].to_str().expect("ASCII");
        assert!(asked.split(' ').any(|n| n == name), "{stage:?}: {asked}");
    }

    let little = Session::offering(&product.milter, Actions::DELETE_RCPT, ProtoOpts::SKIP)
        .await
        .expect("enough");
    assert_eq!(little.mta.negotiated_opts(), ProtoOpts::SKIP);
    assert!(
        little.mta.requested_macros().is_empty(),
        "an MTA that cannot be asked is not asked"
    );

    let useless = Session::offering(&product.milter, Actions::ADD_HEADER, ProtoOpts::all()).await;
    assert!(
        useless.is_err(),
        "without DELRCPT every SMS would bounce too"
    );
}

#[tokio::test]
async fn an_mta_that_offers_nothing_is_served() {
    let product = Door::start().await;
    let opts = ProtoOpts::NO_CONNECT | ProtoOpts::NO_BODY;
    let mut session = Session::offering(&product.milter, Actions::DELETE_RCPT, opts)
        .await
        .expect("enough");
    assert_eq!(
        session.mta.helo("client.example.com").await.expect("HELO"),
        Status::Continue
    );
    let outcome = session.mail(&Mail::new(&[SMS], "old MTA")).await;
    assert_eq!(
        (outcome.answer.as_str(), outcome.deleted.len()),
        ("accept", 1)
    );
    assert_eq!(
        session.mta.helo("client.example.com").await.expect("HELO"),
        Status::Continue
    );
    assert_eq!(product.texts(1).await, ["old MTA"]);
}

#[tokio::test]
async fn ordinary_mail_is_let_go_at_data() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    for _ in 0..3 {
        let outcome = session
            .mail(&Mail::new(
                &[OTHER, "<dave@example.com>"],
                "not for a phone",
            ))
            .await;
        assert_eq!(outcome.answer, "accept at DATA");
    }
    let outcome = session.mail(&Mail::new(&[SMS], "for a phone")).await;
    assert_eq!(outcome.answer, "accept");
    let refused = Mail::new(&["<nosuch@sms.example.com>", OTHER], "nobody's");
    let outcome = session.mail(&refused).await;
    assert_eq!(outcome.recipients, ["550 5.1.1", "ok"]);
    assert_eq!(outcome.answer, "accept at DATA");
    session.quit().await;
    assert_eq!(product.texts(1).await, ["for a phone"]);
}

#[tokio::test]
async fn only_our_recipients_are_deleted_octet_for_octet() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let check = async |session: &mut Session, recipients: &[&str], deleted: &[&str]| {
        let outcome = session
            .mail(&Mail::new(recipients, &recipients.concat()))
            .await;
        assert_eq!(outcome.answer, "accept", "{recipients:?}");
        assert_eq!(outcome.deleted, deleted, "{recipients:?}");
    };
    check(&mut session, &[SMS, OTHER], &[SMS]).await;
    check(&mut session, &[OTHER, SMS, "<dave@example.com>"], &[SMS]).await;
    let quoted = r#"<"+1 555 123 4567"@SMS.Example.COM>"#;
    check(&mut session, &[quoted, OTHER], &[quoted]).await;
    let prefix = r#"<"sms:+15551234567"@example.com>"#;
    check(&mut session, &[prefix, SMS], &[prefix, SMS]).await;
    let parameters = "<+15551234568@sms.example.com> NOTIFY=NEVER ORCPT=rfc822;x@example.com";
    check(
        &mut session,
        &[parameters],
        &["<+15551234568@sms.example.com>"],
    )
    .await;
}

#[tokio::test]
async fn a_refused_recipient_does_not_take_the_others_along() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let mail = Mail::new(&["<nosuch@sms.example.com>", SMS, OTHER], "the others");
    let outcome = session.mail(&mail).await;
    assert_eq!(outcome.recipients, ["550 5.1.1", "ok", "ok"]);
    assert_eq!(outcome.deleted, [SMS]);
    assert_eq!(product.texts(1).await, ["the others"]);
}

#[tokio::test]
async fn local_submission_is_never_refused_at_rcpt() {
    let product = Door::start().await;
    let mut session = Session::pickup(&product.milter).await;
    let mut mail = Mail::new(
        &["nosuch@sms.example.com", "+15551234567@sms.example.com"],
        "from cron",
    );
    mail.sender = "bob@example.com".into();
    let outcome = session.mail(&mail).await;
    assert_eq!(outcome.recipients, ["ok", "ok"]);
    assert_eq!(outcome.answer, "accept");
    assert_eq!(
        outcome.deleted,
        ["nosuch@sms.example.com", "+15551234567@sms.example.com"]
    );
    assert_eq!(product.texts(1).await, ["from cron"]);
}

#[tokio::test]
async fn an_address_that_cannot_be_deleted_is_refused_when_it_is_ours() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    session.begin(&Mail::new(&[], "")).await.expect("MAIL");
    let octets = |s: &[u8]| std::ffi::CString::new(s).expect("no NUL");
    let mut rcpt =
        async |argument: &[u8]| said(&session.mta.rcpt([octets(argument)]).await.expect("RCPT"));
    let ours = rcpt(b"<+15551234567@sms.example.com>\xff").await;
    assert!(ours.starts_with('5'), "{ours}");
    assert_eq!(rcpt(b"<j\xf6rg@example.net>").await, "ok");
}

#[tokio::test]
async fn any_order_of_callbacks_takes_each_whole_mail_once() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let mail = |text: &str| Mail::new(&[SMS], text);
    let taken = async |session: &mut Session, text: &str| {
        assert_eq!(
            session.try_mail(&mail(text)).await.expect("a mail").answer,
            "accept",
            "{text}"
        );
    };
    // MAIL after the end of a message, as Sendmail.
    taken(&mut session, "first").await;
    taken(&mut session, "second").await;
    // ABORT once, twice, and without MAIL.
    session.mta.abort().await.expect("ABORT");
    taken(&mut session, "third").await;
    session.mta.abort().await.expect("ABORT");
    session.mta.abort().await.expect("ABORT");
    session.mta.abort().await.expect("ABORT");
    taken(&mut session, "fourth").await;
    // ABORT after every step of a mail.
    for step in 0..5 {
        partly(&mut session, &mail("aborted"), step).await;
        session.mta.abort().await.expect("ABORT");
        taken(&mut session, &format!("after abort {step}")).await;
    }
    // MAIL in the middle of a mail.
    for step in 0..5 {
        partly(&mut session, &mail("overtaken"), step).await;
        taken(&mut session, &format!("overtaking {step}")).await;
    }
    session.quit().await;
    let texts = product.texts(14).await;
    assert!(
        !texts.iter().any(|t| t == "aborted" || t == "overtaken"),
        "{texts:?}"
    );
    assert_eq!(texts.len(), 14, "{texts:?}");
}

/// The first steps of a mail, up to its body.
async fn partly(session: &mut Session, mail: &Mail, step: usize) {
    session.begin(mail).await.expect("MAIL");
    if step > 0 {
        session.recipients(mail).await.expect("RCPT");
    }
    if step > 1 {
        session.mta.data().await.expect("DATA");
    }
    if step > 2 {
        session.mta.header("Subject", "half").await.expect("header");
    }
    if step > 3 {
        session.mta.eoh().await.expect("EOH");
        session.mta.body(mail.body.clone()).await.expect("body");
    }
}

#[tokio::test]
async fn helo_in_the_middle_of_a_mail_ends_it() {
    let product = Door::start().await;
    let opts = ProtoOpts::all() - ProtoOpts::NO_HELO;
    let mut session = Session::offering(&product.milter, Actions::all(), opts)
        .await
        .expect("enough");
    partly(&mut session, &Mail::new(&[SMS], "greeted away"), 1).await;
    assert_eq!(
        session.mta.helo("again.example.com").await.expect("HELO"),
        Status::Continue
    );
    session.mta.abort().await.expect("ABORT");
    session.mta.abort().await.expect("ABORT");
    let outcome = session.mail(&Mail::new(&[SMS], "after STARTTLS")).await;
    assert_eq!(outcome.answer, "accept");
    assert_eq!(product.texts(1).await, ["after STARTTLS"]);
}

#[tokio::test]
async fn a_mail_needs_no_header_and_its_body_comes_in_parts() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let mut bare = Mail::new(&[SMS], "no header at all");
    bare.header.clear();
    assert_eq!(session.mail(&bare).await.answer, "accept");

    session.begin(&bare).await.expect("MAIL");
    session.recipients(&bare).await.expect("RCPT");
    session.mta.data().await.expect("DATA");
    session
        .mta
        .header("Subject", "parts")
        .await
        .expect("header");
    session.mta.eoh().await.expect("EOH");
    for part in ["in ", "three ", "parts\r\n"] {
        assert_eq!(
            session.mta.body(part).await.expect("body"),
            Status::Continue
        );
    }
    assert_eq!(said(&session.end(&bare).await.expect("end").1), "accept");

    let mut empty = Mail::new(&[SMS], "empty");
    (empty.header, empty.body) = (Vec::new(), Vec::new());
    let answer = session.mail(&empty).await.answer;
    assert!(answer.starts_with('5'), "nothing to send: {answer}");
    let mut texts = product.texts(2).await;
    texts.sort();
    assert_eq!(texts, ["in three parts", "no header at all"]);
}

#[tokio::test]
async fn a_giant_body_is_skipped_and_a_flood_of_fields_refused() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let mut giant = Mail::new(&[SMS], "giant");
    giant.body = b"line of text\r\n".repeat(1_000_000);
    let outcome = session.mail(&giant).await;
    let limit = (10 << 20) / CHUNK + 1;
    assert!(
        outcome.chunks <= limit,
        "{} parts were read",
        outcome.chunks
    );
    assert!(outcome.answer.starts_with('5'), "{}", outcome.answer);

    for field in ["x".repeat(60_000), "y".into()] {
        let mut flood = Mail::new(&[SMS], "flood");
        flood
            .header
            .extend(vec![("X-Flood".to_owned(), field); 3_000]);
        let outcome = session.mail(&flood).await;
        assert!(outcome.answer.starts_with('5'), "{}", outcome.answer);
    }
    assert_eq!(
        session.mail(&Mail::new(&[SMS], "small")).await.answer,
        "accept"
    );
    assert_eq!(product.texts(1).await, ["small"]);
}

#[tokio::test]
async fn what_is_no_milter_protocol_ends_its_own_session_only() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    let negotiation = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    for junk in [
        &b"\xff\xff\xff\xffB"[..],
        b"UNKNOWN COMMAND\n",
        b"EHLO scanner.example.net\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\x01z",
        b"\0\0\0\x05OABCD",
        &[&negotiation[..], b"\0\0\0\x01M"].concat(),
        &[&negotiation[..], b"\0\0\0\x05Mabcd"].concat(),
        &[&negotiation[..], b"\0\0\0\x0cCx\x004\0\0nonsense\0"].concat(),
    ] {
        let mut stream = raw(&product.milter).await;
        stream.write_all(junk).await.expect("written");
        // Some of these promise more octets than they have.
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let beyond_negotiation = answer.get(4).is_some_and(|kind| *kind != b'O');
        assert!(!beyond_negotiation, "{junk:?} was answered {answer:?}");
    }
    let outcome = session.mail(&Mail::new(&[SMS], "unimpressed")).await;
    assert_eq!(outcome.answer, "accept");
    assert_eq!(product.texts(1).await, ["unimpressed"]);
}

/// Sendmail writes `IPv6:` before the address of the client.
#[tokio::test]
async fn an_ipv6_client_of_sendmail_is_served() {
    let product = Door::start().await;
    let mut stream = raw(&product.milter).await;
    let negotiation = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    stream.write_all(negotiation).await.expect("written");
    let connect = b"Cclient.example.com\x006\x9c\xbbIPv6:2001:db8:0:0:0:0:0:1\0";
    let length = u32::try_from(connect.len()).expect("short");
    stream.write_u32(length).await.expect("written");
    stream.write_all(connect).await.expect("written");
    for expected in [b'O', b'c'] {
        let length = stream.read_u32().await.expect("an answer");
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer[0], expected);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_end_leaves_nothing() {
    let product = Door::start().await;
    for step in 0..5 {
        let mut session = Session::open(&product.milter).await;
        partly(&mut session, &Mail::new(&[SMS], "broken off"), step).await;
        session.cut();
        let mut stream = raw(&product.milter).await;
        stream
            .write_all(&b"\0\0\0\x0dO\0\0\0\x06"[..2 * step])
            .await
            .expect("written");
    }
    let mut session = Session::open(&product.milter).await;
    assert_eq!(
        session.mail(&Mail::new(&[SMS], "whole")).await.answer,
        "accept"
    );
    assert_eq!(product.texts(1).await, ["whole"]);
}

#[tokio::test]
async fn a_repeat_is_taken_and_not_sent_twice() {
    let product = Door::start().await;
    let mail = Mail::new(&[SMS, OTHER], "repeated");
    for queue_id in ["4XyZ0001", "4XyZ0002"] {
        let mut session = Session::open(&product.milter).await;
        let mail = Mail {
            queue_id: queue_id.into(),
            ..mail.clone()
        };
        let outcome = session.mail(&mail).await;
        assert_eq!(
            (outcome.answer.as_str(), &outcome.deleted[..]),
            ("accept", &[SMS.to_owned()][..])
        );
        session.quit().await;
    }
    let mut session = Session::open(&product.milter).await;
    session.mail(&Mail::new(&[SMS], "another")).await;
    let mut texts = product.texts(2).await;
    texts.sort();
    assert_eq!(texts, ["another", "repeated"]);
}

/// Without a Message-ID only the text tells a repeat: it is one only while the client may not know.
#[tokio::test]
async fn an_orderly_end_lets_the_same_text_be_sent_again() {
    let product = Door::start().await;
    let mail = |text: &str| Mail::new(&[SMS], text).without("Message-ID");
    let taken_at = async |place: &Place, text: &str| {
        let mut session = Session::open(place).await;
        let outcome = session.try_mail(&mail(text)).await.expect("a mail");
        assert_eq!(
            (outcome.answer.as_str(), outcome.deleted.len()),
            ("accept", 1),
            "{text}"
        );
        session
    };
    let taken = async |text: &str| taken_at(&product.milter, text).await;
    taken("cut").await.cut();
    taken("cut").await.cut();

    let watched = Watched::new(&product.milter).await;
    taken_at(&watched.place, "quit").await.quit().await;
    watched.hung_up().await;
    taken("quit").await.quit().await;

    // ABORT releases at once, while the session stays.
    let mut first = taken("abort").await;
    first.mta.abort().await.expect("ABORT");
    // Its answer shows that the ABORT has been read.
    first.begin(&mail("next")).await.expect("MAIL");
    taken("abort").await.cut();

    let mut session = taken("mail").await;
    assert_eq!(
        session
            .try_mail(&mail("mail"))
            .await
            .expect("a mail")
            .answer,
        "accept"
    );

    taken("last").await.quit().await;
    let mut texts = product.texts(8).await;
    texts.sort();
    assert_eq!(
        texts,
        [
            "abort", "abort", "cut", "last", "mail", "mail", "quit", "quit"
        ]
    );
}

#[tokio::test]
async fn two_hundred_sessions_at_a_time() {
    let product = Door::start().await;
    let mut sessions = Vec::new();
    for _ in 0..200 {
        sessions.push(Session::open(&product.milter).await);
    }
    let mails = sessions
        .iter_mut()
        .enumerate()
        .map(|(n, session)| async move {
            session
                .mail(&Mail::new(&[SMS], &format!("number {n}")))
                .await
                .answer
        });
    for answer in futures_util::future::join_all(mails).await {
        assert_eq!(answer, "accept");
    }
    assert_eq!(product.texts(200).await.len(), 200);
}

#[tokio::test]
async fn a_unix_socket_serves_as_well() {
    let product = Door::on_unix().await;
    let mut session = Session::open(&product.milter).await;
    let outcome = session
        .mail(&Mail::new(&[SMS, OTHER], "over a unix socket"))
        .await;
    assert_eq!(
        (outcome.answer.as_str(), &outcome.deleted[..]),
        ("accept", &[SMS.to_owned()][..])
    );
    assert_eq!(product.texts(1).await, ["over a unix socket"]);
}

#[tokio::test]
async fn mails_in_hand_are_finished_at_a_stop() {
    let product = Door::start().await;
    let mail = Mail::new(&[SMS], "in hand");
    let mut idle = Session::open(&product.milter).await;
    let mut busy = Session::open(&product.milter).await;
    partly(&mut busy, &mail, 1).await;
    product.begin_stop();
    // The session without a mail is closed, which is how we know that the stop has begun.
    while idle.begin(&mail).await.is_ok() {
        idle.mta.abort().await.ok();
    }
    busy.mta.data().await.expect("DATA");
    busy.content(&mail).await.expect("content");
    let (deleted, answer) = busy.end(&mail).await.expect("end");
    assert_eq!(
        (said(&answer), &deleted[..]),
        ("accept".into(), &[SMS.to_owned()][..])
    );
    product.ended().await;
}

#[tokio::test]
async fn without_file_descriptors_the_mta_waits() {
    let product = Door::start().await;
    let mut session = Session::open(&product.milter).await;
    product.limit_files(2);
    // More than there are descriptors: these wait in the backlog.
    let waiting: Vec<_> = (0..10)
        .map(|n| {
            let milter = product.milter.clone();
            tokio::spawn(async move {
                let mut session = Session::of(&milter, client("127.0.0.1", 40_000 + n)).await;
                let outcome = session.mail(&Mail::new(&[OTHER], "waiting")).await;
                session.quit().await;
                outcome.answer
            })
        })
        .collect();
    assert_eq!(
        session
            .mail(&Mail::new(&[OTHER], "not waiting"))
            .await
            .answer,
        "accept at DATA"
    );
    for answer in waiting {
        assert_eq!(answer.await.expect("served"), "accept at DATA");
    }
}

#[tokio::test]
async fn an_independent_client_agrees() {
    let product = Door::start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/miltertest/smoke.lua");
    let Place::Inet(address) = &product.milter else {
        panic!("on TCP");
    };
    let socket = format!("socket=inet:{}@{}", address.port(), address.ip());
    let run = move || {
        Command::new("miltertest")
            .args(["-D", &socket, "-s", script])
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.expect("no panic");
    let output = output.expect("miltertest, of Debian's package miltertest");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let mut texts = product.texts(2).await;
    texts.sort();
    assert_eq!(texts, ["miltertest-one", "miltertest-two"]);
}
