//! A password and a token go through every path, right and wrong; then they are looked for in all that is
//! kept, written, sent and shown (threats T23, T45). Nowhere; only the mail server gets them back, octet for
//! octet, to delete the recipient.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use base64::Engine as _;

use super::*;
use crate::sim::product::{self, Place};
use crate::sim::provider::{Answer, Options, Provider};
use crate::sim::smtp_sink::SmtpSink;

const PASSWORD: &str = "c4nary9Passw0rdXq";
const WRONG_PASSWORD: &str = "c4nary9Mistyp3dZj";
const WRONG_TOKEN: &str = "c4nary9t0kenmistypedaaaaaaaaaaaa";

/// A secret as somebody might have written it: plain, in capitals, in base64 at each of three places.
fn disguises(secret: &str) -> Vec<String> {
    let mut all = vec![secret.to_owned(), secret.to_uppercase()];
    for shift in 0..3 {
        let padded = [&b"xxx"[..shift], secret.as_bytes()].concat();
        let coded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
        // What does not depend on what stands before and behind.
        let from = if shift == 0 { 0 } else { 4 };
        all.push(coded[from..coded.len() / 4 * 4 - 4].to_owned());
    }
    all
}

/// How often any of them is in these octets.
fn hits(haystack: &[u8], secrets: &[&str]) -> usize {
    let all = secrets.iter().flat_map(|secret| disguises(secret));
    let all: Vec<String> = all.map(|one| regex::escape(&one)).collect();
    let any = regex::bytes::Regex::new(&all.join("|")).expect("a pattern");
    any.find_iter(haystack).count()
}

#[test]
fn disguises_are_found() {
    let coded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    for before in ["", "a", "ab", "abc", "abcd"] {
        let text = format!("{before}{PASSWORD}&more");
        assert!(hits(coded(&text).as_bytes(), &[PASSWORD]) > 0, "{before}");
    }
    assert_eq!(hits(b"nothing", &[PASSWORD]), 0);
}

/// All files under a directory, with what they hold.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).expect("a file")));
        }
    }
    found
}

/// What the process keeps in its memory where it may write.
fn memory(pid: i32) -> Vec<(String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).expect("memory");
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line.split(' ').next().expect("a range");
        let (from, to) = range.split_once('-').expect("a range");
        let octal = |text| u64::from_str_radix(text, 16).expect("hex");
        let (from, to) = (octal(from), octal(to));
        let mut octets = vec![0; usize::try_from(to - from).expect("a size")];
        // Some regions cannot be read.
        if memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut octets).is_ok() {
            found.push((line.to_owned(), octets));
        }
    }
    found
}

/// A whole mail through the milter, as Postfix has it; what was deleted and answered.
async fn through(session: &mut Session, mail: &Mail) -> (Vec<String>, String) {
    session.begin(mail).await.expect("MAIL");
    session.recipients(mail).await.expect("RCPT");
    session.mta.data().await.expect("DATA");
    session.content(mail).await.expect("content");
    let (deleted, answer) = session.end(mail).await.expect("end");
    (deleted, words(&answer))
}

/// A stranger's mail whose header repeats its recipients in every way in which headers do.
fn told(to: &[&str], text: &str) -> Mail {
    let mut mail = Mail::new(to, text);
    mail.sender = "<stranger@example.net>".into();
    let all = to.join(", ");
    for (name, value) in [
        ("To", all.clone()),
        ("X-Original-To", to[0].to_owned()),
        ("Delivered-To", to[0].to_owned()),
        ("Received", format!("from x by y\n\tfor {}; today", to[0])),
        (
            "Cc",
            format!("\"{}\" <x@example.com>", to[0].replace('"', "\\\"")),
        ),
    ] {
        mail.header.push((name.into(), value));
    }
    mail
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere() {
    let sink = SmtpSink::start().await;
    let refusing = Provider::start(Options {
        answers: vec![Answer::say(400, "ERR: 1 no such number")],
    })
    .await;
    let gateways = format!(
        "gateways:\n  - {{ id: lab, type: simulated, number: \"+15550009999\" }}\n\
         \x20 - {{ id: never, type: http, url: \"{}\", permanent: {{ status: [400] }} }}\n\
         outgoing: [{{ when: {{ text: refuse }}, gateway: never }}, {{ when: {{ any: true }}, gateway: lab }}]\n\
         log: {{ level: trace }}\n",
        refusing.url("/?to=%number%&text=%data%"),
    );
    let place = Place::new(sink.address(), &gateways);
    configured(&place, "");
    let config = fs::read_to_string(place.config()).expect("configuration");
    let ann = format!("login: asmith, password_hash: \"{}\",", hash(PASSWORD));
    fs::write(place.config(), config.replace("login: asmith,", &ann)).expect("configuration");
    let product = place.start();
    let (secret, id) = token(
        &product,
        &["--user", "bob@example.com", "--to", "+15551234567"],
    );
    let secrets = [PASSWORD, WRONG_PASSWORD, &secret, WRONG_TOKEN];
    let mut shown: Vec<(String, Vec<u8>)> = Vec::new();

    let pass =
        format!("<\"sms:+15551234567?user=ann.smith%example.com&pass={PASSWORD}\"@example.com>");
    let by_token = format!("<+15551234567?token={secret}@sms.example.com>");
    let mistyped = [
        format!("<\"sms:+15551234567?user=asmith&pass={WRONG_PASSWORD}\"@example.com>"),
        format!("<+15551234567?token={WRONG_TOKEN}@sms.example.com>"),
        // Broken in all ways, a secret in each.
        format!("<\"sms:+15551234567?user=asmith&p\\ass={WRONG_PASSWORD}\"@example.com>"),
        format!(
            "<\"sms:+15551234567?user=asmith&pass={WRONG_PASSWORD}&{WRONG_TOKEN}\"@example.com>"
        ),
        format!("<\"sms:+15551234567?pass={WRONG_PASSWORD}%\"@example.com>"),
        format!("<\"sms:+15551234567?token={WRONG_TOKEN}&token={WRONG_TOKEN}\"@example.com>"),
        format!("<\"sms:12?pass={WRONG_PASSWORD}&user=asmith\"@example.com>"),
        format!("<\"sms:+19002345678?user=asmith&pass={PASSWORD}\"@example.com>"),
        format!("<Ann <\"sms:+15551234567?pass={WRONG_PASSWORD}\"@example.com>>"),
        format!("<nobody?token={WRONG_TOKEN}@sms.example.com>"),
        format!("<sms?token={WRONG_TOKEN}@sms.example.com>"),
    ];
    // Taken, and sent; taken, cut, confirmed; refused by the network; refused at the end, where only a mail can
    // say so. DELRCPT is octet for octet what the client wrote.
    for (to, text, mails) in [
        (
            vec![pass.as_str(), &by_token],
            "a secret comes with it".to_owned(),
            0,
        ),
        (vec![&pass], "many words ".repeat(200), 1),
        (vec![&by_token], "refuse this".to_owned(), 2),
        (vec![&pass, "<carol@example.net>"], String::new(), 3),
    ] {
        let mut session = Session::of(&milter(&product), client("192.0.2.1", 40_123)).await;
        let (deleted, answer) = through(&mut session, &told(&to, &text)).await;
        let ours: Vec<&&str> = to.iter().filter(|to| !to.contains("carol")).collect();
        assert_eq!(
            (
                answer.as_str(),
                deleted.iter().map(String::as_str).collect::<Vec<_>>()
            ),
            ("Accept", ours.into_iter().copied().collect::<Vec<_>>()),
            "{text}"
        );
        session.quit().await;
        sink.wait_for(mails).await;
    }
    for (n, to) in mistyped.iter().enumerate() {
        let mut session = stranger(&product, &format!("192.0.2.{}", 10 + n)).await;
        let orcpt = format!(
            "ORCPT=rfc822;{}",
            to.trim_matches(['<', '>']).replace('=', "+3D")
        );
        let said = session.mta.rcpt([to.as_str(), &orcpt]).await.expect("RCPT");
        let said = words(&said);
        assert!(said.starts_with('5'), "{to}: {said}");
        shown.push((format!("the answer to {to}"), said.into_bytes()));
        session.cut();
    }
    // A program of this machine hears of it by mail.
    for (n, to) in mistyped.iter().enumerate() {
        let mut session = Session::pickup(&milter(&product)).await;
        let to = to.trim_matches(['<', '>']);
        // Others have the mail too: only a mail of ours can say it.
        let mut mail = told(&[to, "carol@example.net"], &format!("from cron {n}"));
        mail.sender = "bob@example.com".into();
        let (deleted, answer) = through(&mut session, &mail).await;
        assert_eq!((deleted, answer.as_str()), (vec![to.to_owned()], "Accept"));
        session.quit().await;
    }
    let mails = sink.wait_for(3 + mistyped.len()).await;
    for mail in &mails {
        let name = format!(
            "the mail {:?} to {}",
            mail.header("Subject"),
            mail.recipient
        );
        shown.push((name, mail.data.clone()));
    }
    assert_eq!(product.phone("+15551234567", 3).len(), 3);

    // All that can be asked.
    let mail_file = place.path().join("mail.eml");
    fs::write(&mail_file, "Subject: x\n\nexplained").expect("a mail");
    let export = place.path().join("export.jsonl");
    let file = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let explain = |to: &str| {
        let args = [
            "explain",
            "--from",
            "x@example.net",
            "--client",
            "192.0.2.1",
            "--to",
            to,
        ];
        let args: Vec<String> = args.iter().map(|a| a.to_string()).collect();
        [args, vec![file(&mail_file)]].concat()
    };
    let all = product.json(&["queue", "list", "--all", "--json"]);
    let show = all.iter().map(|line| {
        let id = line["id"].as_str().expect("id").to_owned();
        vec![
            "queue".to_owned(),
            "show".to_owned(),
            id,
            "--json".to_owned(),
        ]
    });
    let plain = [
        "queue list --all --json",
        "queue stats",
        "token list",
        "token list --json",
        "phone list",
        "gateways list --json",
        "check",
    ];
    let plain = plain
        .iter()
        .map(|line| line.split(' ').map(str::to_owned).collect());
    let asked: Vec<Vec<String>> = show
        .chain(plain)
        .chain(
            [pass.as_str(), &by_token]
                .into_iter()
                .chain(mistyped.iter().map(String::as_str))
                .map(explain),
        )
        .chain([vec!["token".into(), "revoke".into(), id]])
        .collect();
    for args in &asked {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = product.command(&args);
        let name = format!("the output of {}", args[..args.len().min(2)].join(" "));
        shown.push((name, [output.stdout, output.stderr].concat()));
    }
    for page in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/phones/+15551234567",
    ] {
        let url = format!("http://{}{page}", product.web);
        let text = reqwest_text(&url).await;
        shown.push((format!("the page {page}"), text.into_bytes()));
    }
    shown.push(("the log".into(), product.log().into_bytes()));
    let pid = product.pid();
    for name in ["cmdline", "environ", "comm", "maps"] {
        let octets = fs::read(format!("/proc/{pid}/{name}")).expect("proc");
        shown.push((format!("/proc/PID/{name}"), octets));
    }
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).expect("proc") {
        let target = fs::read_link(entry.expect("entry").path()).unwrap_or_default();
        shown.push((
            "/proc/PID/fd".into(),
            target.display().to_string().into_bytes(),
        ));
    }
    shown.extend(files(place.path()));
    let in_memory: Vec<(String, usize)> = memory(pid)
        .into_iter()
        .map(|(region, octets)| (region, hits(&octets, &secrets)))
        .filter(|(_, hits)| *hits > 0)
        .collect();
    eprintln!("in the memory of the process: {in_memory:#?}");
    assert!(product.stop().success());
    let exported = product::command(&place.config(), &["store", "export", &file(&export)]);
    assert!(exported.status.success());
    shown.extend(files(place.path()));
    assert!(shown.len() > 60, "{}", shown.len());
    for (name, octets) in &shown {
        let found = hits(octets, &secrets);
        let text = String::from_utf8_lossy(octets);
        assert_eq!(
            found,
            0,
            "{name}: {}",
            text.chars().take(5_000).collect::<String>()
        );
    }
}

/// A page of ours.
async fn reqwest_text(url: &str) -> String {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(url).await.expect("an answer");
    answer.text().await.expect("a text")
}
