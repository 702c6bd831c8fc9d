//! Header injection (T17, T18) where all is real: the product, a Postfix, a maildir. Phones and providers write
//! what they like to people; people write mails whose subject and name are what they like, and phones answer
//! them. What lies in the maildir has the header fields that a harmless one has.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::headers::{evil, names, with};
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{PATIENCE, Place, Product};

/// Where something is inserted.
const PLACES: usize = 1000;

/// Pushed side by side, so that they share the store's syncs.
const AT_ONCE: usize = 8;

/// Whose mobiles the users with evil names have, and whom alice writes to.
const USERS: &str = "+1555222";
const PHONES: &str = "+1555333";

const CONFIG: &str = r#"
gateways:
  - { id: lab, type: simulated, number: "+15550009999" }
  - { id: door, type: http, number: "+15550009999", secret: "0123456789abcdef", url: "http://127.0.0.1:9/?to=%number%&text=%data%" }
outgoing:
  - { when: { any: true }, gateway: lab }
incoming: { default: postmaster@example.com }
text: { template: "{from_name}, {subject}: {body}" }
"#;

/// A push of the gateway `door`; the status of its answer.
fn push(web: SocketAddr, id: usize, from: &str, text: &str) -> u16 {
    let id = id.to_string();
    let body = serde_json::json!({ "from": from, "text": text, "id": id }).to_string();
    let mut stream = TcpStream::connect(web).expect("a connection");
    let request = format!(
        "POST /hooks/door HTTP/1.1\r\nHost: sms.test\r\nConnection: close\r\n\
         Authorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("a connection");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    status.unwrap_or_else(|| panic!("{answer}"))
}

/// Pushes all of them; how many were taken. A sender that is none may be refused, a text never.
fn push_all(web: SocketAddr, first: usize, all: &[(String, String)]) -> usize {
    let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some((from, text)) = all.get(n) else {
                break;
            };
            match push(web, first + n, from, text) {
                200 => drop(taken.fetch_add(1, Ordering::Relaxed)),
                status => assert!(status == 400 && !from.starts_with('+'), "{status} {from:?}"),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    taken.into_inner()
}

/// Waits until so many mails lie in a maildir.
fn wait_for(mta: &Mta, product: &Product, user: &str, count: usize) -> Vec<String> {
    let (mut deadline, mut seen) = (Instant::now() + PATIENCE, 0);
    loop {
        let mails = mta.mails(user);
        if mails.len() >= count {
            return mails;
        }
        if mails.len() > seen {
            (deadline, seen) = (Instant::now() + PATIENCE, mails.len());
        }
        let queue = product.json(&["queue", "list", "--json"]).len();
        assert!(Instant::now() < deadline, "{seen} of {count}, {queue}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What Postfix puts above a mail that it delivers goes; the rest with the lines' ends that it had on the wire.
fn as_sent(mail: &str) -> String {
    let is_trace = |line: &str| {
        let of = [
            "Return-Path: ",
            "X-Original-To: ",
            "Delivered-To: ",
            "Received: ",
        ];
        of.iter().any(|name| line.starts_with(name))
    };
    let mut rest = mail;
    while let Some((line, below)) = rest.split_once('\n') {
        let folded = line.starts_with([' ', '\t']) && rest.len() < mail.len();
        if !is_trace(line) && !folded {
            break;
        }
        rest = below;
    }
    rest.replace('\n', "\r\n")
}

/// Python's parser sees the same fields, one From, one To, and no line end in what they say.
const READER: &str = r#"
import email, email.policy, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    kinds = []
    for policy in (email.policy.default, email.policy.compat32):
        mail = email.message_from_bytes(data, policy=policy)
        assert not mail.defects, (path, mail.defects)
        kinds.append(" ".join(mail.keys()))
    assert kinds[0] == kinds[1], (path, kinds)
    mail = email.message_from_bytes(data, policy=email.policy.default)
    for name in ("Subject", "From", "To"):
        assert len(mail[name].splitlines()) == 1, (path, mail[name])
    assert [a.addr_spec for a in mail["To"].addresses] == ["alice@example.com"], (path, mail["To"])
    senders = [a.domain for a in mail["From"].addresses]
    assert senders == ["sms.example.com"], (path, mail["From"])
    print(kinds[0])
"#;

fn read_by_python(mails: &[String]) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a directory");
    for (n, mail) in mails.iter().enumerate() {
        std::fs::write(dir.path().join(format!("{n:04}.eml")), mail).expect("write");
    }
    let read = Command::new("python3")
        .args(["-c", READER])
        .arg(dir.path())
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    let lines = String::from_utf8_lossy(&read.stdout).into_owned();
    lines.lines().map(str::to_owned).collect()
}

/// An encoded word, whatever is in it (RFC 2047 §2).
fn word(text: &str) -> String {
    format!("=?utf-8?b?{}?=", STANDARD.encode(text))
}

/// alice, and users whose names are as evil as a configuration lets them be.
fn users(evil: &[String]) -> String {
    let mut random = StdRng::seed_from_u64(40);
    let mut users = "users:\n  - { email: alice@example.com, nickname: alice }\n".to_owned();
    for (n, what) in evil.iter().enumerate() {
        let name = with(&mut random, "Carol Jones", what);
        let name = match name.contains(char::is_control) {
            true => "Carol Jones".to_owned(),
            false => name,
        };
        let name = serde_json::json!(name);
        users += &format!(
            "  - {{ email: user{n}@example.com, name: {name}, mobile: \"{USERS}{n:04}\" }}\n"
        );
    }
    users
}

#[test]
fn nothing_changes_the_header_of_what_a_postfix_delivers() {
    let mut random = StdRng::seed_from_u64(41);
    let evil = evil();
    let mta = Mta::start(Kind::Postfix, &[]);
    let place = Place::with_milter(&mta.milter(), mta.inject(), CONFIG);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace("users:\n", &users(&evil));
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();

    // SMS: what a harmless one looks like, and the others.
    assert_eq!(push(product.web, 1, "ACME Bank", "alice hello"), 200);
    let new = names(as_sent(&wait_for(&mta, &product, "alice", 1)[0]).as_bytes());
    let texts = (0..PLACES).map(|n| {
        let what = &evil[n % evil.len()];
        let text = with(&mut random, "the quick brown fox", what);
        let from = match n / evil.len() % 2 {
            0 => with(&mut random, "ACME Bank", what),
            _ => format!("{USERS}{:04}", n % evil.len()),
        };
        (from, format!("alice {text}"))
    });
    let texts: Vec<_> = texts.collect();
    let sms = 1 + push_all(product.web, 10, &texts);
    assert!(sms > PLACES * 3 / 4, "{sms}");

    // Mails, the first of them harmless, and what the phones answer.
    let mut harmless = vec![String::new()];
    harmless.extend(evil.iter().cloned());
    let mut smtp = mta.smtp_as("alice");
    for (n, what) in harmless.iter().enumerate() {
        let mut mail = format!(
            "From: {} <alice@example.com>\nTo: {PHONES}{n:04}@sms.example.com\nSubject: {}\n\
             Message-ID: <m{n}@client.example.com>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n\nIs it true?\n",
            word(&with(&mut random, "Alice Smith", what)),
            word(&with(&mut random, "Lunch on Friday?", what)),
        );
        // As it is, too, where it ends no line.
        if n % 2 == 1 && !what.contains(['\r', '\n', '\0']) {
            let subject = with(&mut random, "Lunch on Friday?", what);
            let lines = mail
                .lines()
                .map(|line| match line.starts_with("Subject: ") {
                    true => format!("Subject: {subject}\n"),
                    false => format!("{line}\n"),
                });
            mail = lines.collect();
        }
        let to = format!("{PHONES}{n:04}@sms.example.com");
        let reply = smtp.send("alice@example.com", &[&to], &mail);
        assert!(reply.starts_with("250"), "{what:?}: {reply}");
    }
    product.until(&["phone", "list", "--json"], |phones| {
        phones.len() == harmless.len()
    });
    let answers = |n: usize| (format!("{PHONES}{n:04}"), format!("yes, {n}"));
    let answers: Vec<_> = (0..harmless.len()).map(answers).collect();
    assert_eq!(push_all(product.web, 5_000, &answers), answers.len());

    let all = sms + answers.len();
    let mails: Vec<String> = wait_for(&mta, &product, "alice", all)
        .iter()
        .map(|mail| as_sent(mail))
        .collect();
    assert_eq!(mails.len(), all);
    let is_answer = |mail: &&String| mail.contains(&format!("\r\nX-SMS-Number: {PHONES}"));
    let first = format!("\r\nX-SMS-Number: {PHONES}0000\r\n");
    let first = mails.iter().find(|mail| mail.contains(&first));
    let answer = names(first.expect("the harmless answer").as_bytes());
    assert!(answer.contains(&"In-Reply-To".to_owned()), "{answer:?}");
    let mut found = 0;
    for mail in &mails {
        let expected = match is_answer(&mail) {
            true => &answer,
            false => &new,
        };
        found += usize::from(is_answer(&mail));
        assert_eq!(&names(mail.as_bytes()), expected, "{mail}");
    }
    assert_eq!(found, answers.len());
    let seen = read_by_python(&mails);
    assert_eq!(seen.len(), all);
    for line in &seen {
        assert!(
            *line == new.join(" ") || *line == answer.join(" "),
            "{line}"
        );
    }
    // Nobody else got anything, and nothing was sent back.
    for user in ["bob", "postmaster"] {
        assert_eq!(mta.mails(user), [""; 0], "{user}");
    }
    assert_eq!(mta.queue(), "");
}
