//! Tokens: made, used, listed, revoked; each pays for its numbers, its time and its messages, and nothing
//! else.

use super::*;
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{self, Place};
use crate::sim::smtp_sink::SmtpSink;

const ANN: [&str; 2] = ["--user", "asmith"];
const PHONE: [&str; 2] = ["--to", "+1 555 123 4567"];

fn to(token: &str) -> String {
    format!("<+15551234567?token={token}@sms.example.com>")
}

/// What a stranger who shows that is told at RCPT.
async fn shows(product: &Product, ip: &str, address: &str) -> String {
    let mut session = stranger(product, ip).await;
    let said = rcpt(&mut session, address).await;
    session.cut();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_pays_for_its_numbers() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let product = place.start();
    let (secret, id) = token(&product, &[ANN, PHONE].concat());
    assert_eq!((secret.len(), id.len()), (32, 16));
    assert!(
        secret
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    // In capitals it is the same: some mail servers change the case of addresses.
    let upper = to(&secret.to_ascii_uppercase());
    let quoted = format!("<\"sms:+15551234567?token={secret}&flash=1\"@example.com>");
    for (n, address) in [to(&secret), upper, quoted].iter().enumerate() {
        let text = format!("by token {n}");
        let outcome = mail(&product, "192.0.2.1", &[address], &text).await;
        assert_eq!(outcome.answer, "accept", "{address}: {outcome:?}");
        assert_eq!(outcome.deleted, [address.as_str()], "octet for octet");
    }
    assert_eq!(product.phone("+15551234567", 3).len(), 3);
    assert_eq!(payers(&product), ["ann.smith@example.com"; 3]);
    // Wrong in every way, one answer.
    let (brief, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let gone = product.json(&["token", "list", "--json"])[1]["id"].clone();
    let gone = gone.as_str().expect("id").to_owned();
    assert!(
        product
            .command(&["token", "revoke", &gone])
            .status
            .success()
    );
    let other = format!("<+15557654321?token={secret}@sms.example.com>");
    let cut = to(&secret[..31]);
    for (n, address) in [to(&brief), other, cut, to("x"), to(&id)]
        .iter()
        .enumerate()
    {
        let said = shows(&product, &format!("192.0.2.{}", 10 + n), address).await;
        assert_eq!(said, WRONG, "{address}");
    }
    assert_eq!(payers(&product).len(), 3);
    let listed = product.json(&["token", "list", "--json"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], id.as_str());
    assert_eq!(listed[0]["user"], "ann.smith@example.com");
    assert_eq!(listed[0]["used"], 3);
    assert!(!listed[0].to_string().contains(&secret));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_time_and_its_uses() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let product = place.start();
    let made = product.json(
        &[
            &["token", "create", "--json", "--expires", "2s"][..],
            &ANN,
            &PHONE,
        ]
        .concat(),
    );
    let secret = made[0]["token"].as_str().expect("token").to_owned();
    assert_eq!(shows(&product, "192.0.2.1", &to(&secret)).await, "ok");
    product.until(&["token", "list", "--json"], |lines| {
        lines[0]["good"] == false
    });
    assert_eq!(shows(&product, "192.0.2.2", &to(&secret)).await, WRONG);

    let (once, _) = token(&product, &[&ANN[..], &PHONE, &["--uses", "1"]].concat());
    // Two mails at a time, both good at RCPT: one goes, the other's sender is told.
    let mut both = Vec::new();
    for text in ["the first", "the second"] {
        let mut session = Session::of(&milter(&product), client("192.0.2.3", 40_123)).await;
        let mut mail = Mail::new(&[&to(&once)], text);
        mail.sender = "<stranger@example.net>".into();
        session.begin(&mail).await.expect("MAIL");
        assert_eq!(
            session.recipients(&mail).await.expect("RCPT"),
            [Status::Continue]
        );
        both.push((session, mail));
    }
    let mut answers = Vec::new();
    for (mut session, mail) in both {
        session.mta.data().await.expect("DATA");
        session.content(&mail).await.expect("content");
        let (deleted, answer) = session.end(&mail).await.expect("end");
        answers.push((deleted.len(), words(&answer)));
    }
    assert_eq!(answers[0], (1, "Accept".into()));
    assert_eq!(answers[1], (0, WRONG.into()));
    assert_eq!(shows(&product, "192.0.2.4", &to(&once)).await, WRONG);
    assert_eq!(payers(&product).len(), 1);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_need_no_daemon_and_outlive_it() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    assert!(place.start().stop().success());
    let command = |args: &[&str]| product::command(&place.config(), args);
    let made = command(&[
        "token",
        "create",
        "--user",
        "ann.smith@example.com",
        "--to",
        "5551234567",
        "--expires",
        "2w",
    ]);
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    let secret = said
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().last());
    let secret = secret.expect("a token").to_owned();
    assert!(
        said.contains(&format!("+15551234567?token={secret}@sms.example.com")),
        "{said}"
    );
    let listed = String::from_utf8_lossy(&command(&["token", "list"]).stdout).into_owned();
    assert!(
        listed.contains("+15551234567") && !listed.contains(&secret),
        "{listed}"
    );
    for (args, wrong) in [
        (&["--user", "nobody"][..], "--user: nobody is no user"),
        (
            &["--user", "x@example.net"],
            "--user: x@example.net is no user",
        ),
        (
            &["--user", "asmith", "--expires", "yesterday"],
            "--expires yesterday: write",
        ),
        (
            &["--user", "asmith", "--to", "12"],
            "12 is not a phone number",
        ),
        (
            &["--user", "asmith", "--uses", "0"],
            "--uses: write 1 or more",
        ),
    ] {
        let mut all = vec!["token", "create"];
        all.extend(args);
        for (name, value) in [("--to", "+15551234567"), ("--expires", "1d")] {
            if !args.contains(&name) {
                all.extend([name, value]);
            }
        }
        let output = command(&all);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wrong), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(64), "{args:?}: {said}");
    }
    let secret_as_id = command(&["token", "revoke", &secret]);
    let said = String::from_utf8_lossy(&secret_as_id.stderr).into_owned();
    assert!(!said.contains(&secret), "{said}");
    // explain asks the store.
    let mail_file = place.path().join("mail.eml");
    std::fs::write(&mail_file, "Subject: x\n\nby token").expect("a mail");
    let address = format!("+15551234567?token={secret}@sms.example.com");
    let explain = |to: &str| {
        let file = mail_file.to_str().expect("UTF-8");
        let args = [
            "explain",
            "--from",
            "x@example.net",
            "--client",
            "192.0.2.1",
            "--to",
            to,
            file,
        ];
        let output = command(&args);
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    let said = explain(&address);
    assert!(
        said.contains("for ann.smith@example.com") && !said.contains(&secret),
        "{said}"
    );
    let said = explain("+15551234567?token=abc@sms.example.com");
    assert!(said.contains(WRONG) && !said.contains("abc"), "{said}");
    let product = place.start();
    let said = explain(&address);
    assert!(
        said.contains("for ann.smith@example.com") && !said.contains(&secret),
        "{said}"
    );
    let outcome = mail(&product, "192.0.2.1", &[&to(&secret)], "later").await;
    assert_eq!(outcome.answer, "accept");
    assert_eq!(payers(&product), ["ann.smith@example.com"]);
    assert!(product.stop().success());
    let check = command(&["store", "check"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains("token: 1"));
}

/// A token in an address behind an alias pays on the re-submission listener; and a client from outside, whom
/// contrib's Postfix lets through only because he shows something, is judged by us.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_through_postfix() {
    let mta = Mta::start(Kind::Postfix, &["--users", "alice bob postmaster"]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    configured(&place, "");
    let product = place.start();
    let (secret, _) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let address = format!("\"sms:+15551234567?token={secret}\"@example.com");
    let mut outside = mta.smtp_from_outside();
    let reply = outside.send(
        "x@outside.test",
        &[&address, "alice@example.com"],
        "From: x@outside.test\nSubject: x\nMessage-ID: <direct@outside.test>\n\ndirectly",
    );
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone("+15551234567", 1), ["directly"]);
    mta.mail("alice", |mail| mail.contains("directly"));
    outside.expect("MAIL FROM:<x@outside.test>", 250);
    let wrong = outside.say("RCPT TO:<+15551234567?token=abc@sms.example.com>");
    assert_eq!(wrong, WRONG);
    let none = outside.say("RCPT TO:<+15551234567@sms.example.com>");
    assert!(none.starts_with("550 5.7.1"), "{none}");
    // Many wrong ones: sent away, and the others are not.
    let mut last = String::new();
    for n in 0..12 {
        last = outside.say(&format!(
            "RCPT TO:<+15551234567?token=abc{n}@sms.example.com>"
        ));
        if last.starts_with("421") {
            break;
        }
    }
    assert!(last.starts_with("421 4.7.0"), "{last}");
    let mut another = mta.smtp_from("192.0.2.77");
    another.expect("MAIL FROM:<x@outside.test>", 250);
    another.expect(&format!("RCPT TO:<{address}>"), 250);
    drop((outside, another));
    assert_eq!(payers(&product), ["bob@example.com"]);
    assert!(product.stop().success());
}
