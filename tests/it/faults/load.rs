//! Mails that are too large, too deep or too many: each is answered, the others are served meanwhile,
//! and the process stays small.

use std::sync::Arc;

use super::{LAB, PHONE, SMS, milter, nobody, taken};
use crate::sim::milter_client::{CHUNK, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

/// What the process may have had in memory at a time.
const MAX_MEMORY: u64 = 256 << 20;

/// The most memory it ever had, octets.
fn peak(product: &Product) -> u64 {
    let path = format!("/proc/{}/status", product.pid());
    let status = std::fs::read_to_string(path).expect("status");
    let line = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .expect("VmHWM");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok());
    kib.expect("KiB") << 10
}

/// 100 MB behind `head`, to `to`.
fn huge(to: &[&str], name: &str, head: &str, media: &str) -> Mail {
    let mut mail = Mail::new(to, name);
    mail.header.push(("Content-Type".into(), media.into()));
    mail.body = head.as_bytes().to_vec();
    let line = format!("{}\r\n", "x".repeat(998));
    mail.body.extend(line.repeat(100_000).into_bytes());
    mail
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dozen_mails_of_100_mb_at_once() {
    let place = Place::new(nobody(), LAB);
    let product = Arc::new(place.start());
    let first = "--b\r\nContent-Type: text/plain\r\n\r\nits text comes first\r\n--b\r\n\
                 Content-Type: application/octet-stream\r\n\r\n";
    let mixed = Arc::new(huge(&[SMS], "mixed", first, "multipart/mixed; boundary=b"));
    let plain = Arc::new(huge(&[SMS], "plain", "", "text/plain"));
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..12 {
        let (product, mail) = (
            product.clone(),
            if n % 2 == 0 { &mixed } else { &plain }.clone(),
        );
        clients.spawn(async move {
            let mut session = Session::open(&milter(&product)).await;
            let mut mail = Mail::clone(&mail);
            // Else they would be repeats of each other.
            mail.header.retain(|(name, _)| name != "Message-ID");
            mail.header
                .push(("Message-ID".into(), format!("<{n}@client.example.com>")));
            let outcome = session.mail(&mail).await;
            assert!(
                outcome.chunks <= (10 << 20) / CHUNK + 1,
                "{}",
                outcome.chunks
            );
            (n % 2 == 0, outcome.answer)
        });
    }
    // Meanwhile.
    for n in 0..20 {
        taken(
            &product,
            "<+15557654321@sms.example.com>",
            &format!("meanwhile {n}"),
        )
        .await;
    }
    let mut sent = 0;
    for (is_mixed, answer) in clients.join_all().await {
        match answer.as_str() {
            "accept" if is_mixed => sent += 1,
            "552 5.3.4" if !is_mixed => {}
            // Too many of them for the memory: the client tries again.
            "451 4.3.1" => {}
            other => panic!("mixed: {is_mixed}, {other}"),
        }
    }
    assert!(sent > 0);
    assert_eq!(product.phone("+15557654321", 20).len(), 20);
    let texts = product.phone(PHONE, sent);
    assert!(
        texts.iter().all(|t| t == "its text comes first\n[1 file]"),
        "{texts:?}"
    );
    assert!(peak(&product) < MAX_MEMORY, "{} MiB", peak(&product) >> 20);
}

/// Parts in parts, each of its own kind of container.
fn nested(depth: usize) -> Mail {
    let mut body = String::new();
    for n in 0..depth {
        body += &format!(
            "--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
            n + 1
        );
    }
    let mut mail = Mail::new(&[SMS], "nested");
    mail.header
        .push(("Content-Type".into(), "multipart/mixed; boundary=b0".into()));
    mail.body = body.into_bytes();
    mail
}

/// Mails in mails.
fn forwarded(depth: usize) -> Mail {
    let mut mail = Mail::new(&[SMS], "forwarded");
    mail.header
        .push(("Content-Type".into(), "message/rfc822".into()));
    mail.body = "Content-Type: message/rfc822\r\n\r\n"
        .repeat(depth)
        .into_bytes();
    mail
}

/// Many parts side by side.
fn flat(parts: usize) -> Mail {
    let mut mail = Mail::new(&[SMS], "flat");
    mail.header
        .push(("Content-Type".into(), "multipart/mixed; boundary=b".into()));
    mail.body = "--b\r\n\r\nx\r\n".repeat(parts).into_bytes();
    mail
}

/// A header that is too long.
fn fields(mut fields: Vec<(String, String)>, name: &str) -> Mail {
    let mut mail = Mail::new(&[SMS], name);
    mail.header.append(&mut fields);
    mail
}

/// The hostile mails; each for an SMS recipient alone.
fn hostile() -> Vec<Mail> {
    let many = |n: usize| (format!("X-Field-{n}"), "x".to_owned());
    // Postfix gives fields of 100 KiB at most, others up to a packet of 1 MiB.
    let address = |n: usize| format!("u{n:06}@example.net");
    let to = |addresses: std::ops::Range<usize>| {
        let all: Vec<_> = addresses.map(address).collect();
        ("To".to_owned(), all.join(", "))
    };
    let recipients = (0..500_000).step_by(4_000).map(|n| to(n..n + 4_000));
    vec![
        nested(35_000),
        forwarded(35_000),
        flat(35_000),
        fields((0..500_000).map(many).collect(), "fields"),
        fields(recipients.collect(), "recipients"),
        fields(vec![to(0..40_000)], "one field"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_mails_are_refused_and_the_next_is_served() {
    let place = Place::new(nobody(), LAB);
    let product = place.start();
    let mut session = Session::open(&milter(&product)).await;
    for (n, mail) in hostile().iter().enumerate() {
        let outcome = session.mail(mail).await;
        let name = String::from_utf8_lossy(&mail.body[..mail.body.len().min(20)]).into_owned();
        assert_eq!(
            (outcome.answer.as_str(), outcome.deleted.len()),
            ("554 5.6.0", 0),
            "{name}"
        );
        let next = session
            .mail(&Mail::new(&[SMS], &format!("after {n}")))
            .await;
        assert_eq!(next.answer, "accept", "after {name}");
    }
    assert_eq!(product.phone(PHONE, 6).len(), 6);
    assert!(peak(&product) < MAX_MEMORY, "{} MiB", peak(&product) >> 20);
    assert!(
        !product.log().contains("this is a bug"),
        "{}",
        product.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_mails_with_ordinary_recipients_are_delivered_and_reported() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let mut session = Session::open(&milter(&product)).await;
    let all = hostile();
    for mail in &all {
        let mail = Mail {
            recipients: vec![SMS.into(), "<carol@example.net>".into()],
            ..mail.clone()
        };
        let outcome = session.mail(&mail).await;
        // Carol keeps her mail; the phone gets nothing, and the sender hears of it.
        assert_eq!(
            (outcome.answer.as_str(), &outcome.deleted[..]),
            ("accept", &[SMS.to_owned()][..])
        );
    }
    for report in sink.wait_for(all.len()).await {
        assert_eq!(
            (report.sender.as_str(), report.recipient.as_str()),
            ("", "bob@example.com")
        );
        let text = report.text();
        assert!(
            text.contains("+15551234567@sms.example.com") && text.contains("sent as SMS"),
            "{text}"
        );
        let report = String::from_utf8_lossy(&report.data);
        assert!(report.contains("Status: 5.6.0"), "{report}");
        assert!(
            report.len() < 200_000,
            "a report of {} octets",
            report.len()
        );
    }
    let queued = product.json(&["queue", "list", "--all", "--json"]);
    assert_eq!(queued, Vec::<serde_json::Value>::new());
    assert_eq!(sink.mails().len(), all.len());
}
