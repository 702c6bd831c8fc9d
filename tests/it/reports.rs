//! Reports to senders (spec 7.3): what each `NOTIFY` lets through, the fields of RFC 3464, and what comes back of the
//! original, through real mail servers and as parsers of others read it (`tests/peers/reports.*`).

mod asked;
mod together;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::sim::mta::{Kind, Mta, Smtp};
use crate::sim::product::{Place, Product};
use crate::sim::provider::{Answer, Provider};

/// What a script of tests/peers prints of a mail.
fn ask(program: &str, script: &str, mail: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let mut child = Command::new(program)
        .arg(path.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a parser");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(mail.as_bytes()).expect("a mail");
    drop(stdin);
    let output = child.wait_with_output().expect("a parser");
    assert!(output.status.success(), "{script}: {mail}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What Python makes of a report.
pub fn read(mail: &str) -> Value {
    let told = ask("/usr/bin/python3", "reports.py", mail);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["defects"], serde_json::json!([]), "{mail}");
    assert_eq!(told["type"], "multipart/report", "{mail}");
    assert_eq!(told["report_type"], "delivery-status");
    told
}

/// What Perl makes of a failure: address, action, status, reason.
fn bounces(mail: &str) -> Vec<String> {
    let said = ask("perl", "reports.pl", mail);
    said.lines().map(str::to_owned).collect()
}

/// Phones that get it, that the provider refuses, whose provider is not there.
const PHONES: [(&str, &str); 3] = [
    ("delivered", "+15551234567@sms.example.com"),
    ("failed", "+15552345678@sms.example.com"),
    ("delayed", "+15553456789@sms.example.com"),
];

struct House {
    mta: Mta,
    product: Product,
    _place: Place,
    _provider: Provider,
    /// Drives the provider.
    _runtime: tokio::runtime::Runtime,
}

impl House {
    fn new(kind: Kind) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let answer = Answer::say(400, "no such subscriber");
        let provider = runtime.block_on(Provider::answering(answer));
        let refusing = provider.url("/sms?to=%number%&text=%data%");
        let mta = Mta::start(kind, &[]);
        let more = format!(
            "queue: {{ warn_after: 1s }}\n\
             gateways:\n\
             \x20 - {{ id: lab, type: simulated, number: \"+15550009999\" }}\n\
             \x20 - {{ id: refusing, type: http, url: \"{refusing}\", success: {{ status: [200] }} }}\n\
             \x20 - {{ id: away, type: http, url: \"http://127.0.0.1:1/?n=%number%&t=%data%\" }}\n\
             outgoing:\n\
             \x20 - {{ when: {{ to: \"^\\\\+15552\" }}, gateway: [refusing] }}\n\
             \x20 - {{ when: {{ to: \"^\\\\+15553\" }}, gateway: [away] }}\n\
             \x20 - {{ when: {{ to: \".\" }}, gateway: [lab] }}\n"
        );
        let place = Place::with_milter(&mta.milter(), mta.inject(), &more);
        let config = std::fs::read_to_string(place.config()).expect("configuration");
        let users = "users:\n  - { email: alice@example.com, nickname: alice }";
        let config = config.replace("users:", users);
        std::fs::write(place.config(), config).expect("configuration");
        let product = place.start();
        Self {
            mta,
            product,
            _place: place,
            _provider: provider,
            _runtime: runtime,
        }
    }

    /// Sends a mail of that name to recipients with what RCPT says of each.
    fn send(&self, smtp: &mut Smtp, name: &str, of_mail: &str, rcpts: &[(&str, &str)], text: &str) {
        smtp.expect(
            &format!("MAIL FROM:<alice@example.com> ENVID={name} {of_mail}"),
            250,
        );
        for (rcpt, asked) in rcpts {
            smtp.expect(format!("RCPT TO:<{rcpt}> {asked}").trim_end(), 250);
        }
        let mail = format!(
            "From: alice@example.com\nSubject: about {name}\nMessage-ID: <{name}@example.com>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n"
        );
        let reply = smtp.data(&mail);
        assert!(reply.starts_with("250"), "{reply}");
    }

    /// The report on the mail of that name that says so.
    fn report(&self, name: &str, action: &str) -> String {
        self.mta.mail("alice", |mail| {
            mail.contains(&format!("Original-Envelope-Id: {name}\n"))
                && mail.contains(&format!("Action: {action}\n"))
        })
    }

    /// All that was reported so far, once nothing waits for the MTA any more: name and action.
    fn reported(&self) -> Vec<(String, String)> {
        self.product.until(&["queue", "stats", "--json"], |stats| {
            stats[0]["mails"] == 0 && stats[0]["mails_stuck"] == 0
        });
        let line = |mail: &str, name: &str| {
            let lines = mail.lines().find_map(|line| line.strip_prefix(name));
            lines.unwrap_or_default().trim().to_owned()
        };
        let mails = self.mta.mails("alice");
        let mut all: Vec<_> = mails
            .iter()
            .map(|m| (line(m, "Original-Envelope-Id:"), line(m, "Action:")))
            .collect();
        all.sort();
        all
    }
}

/// Each word of NOTIFY lets through what it says, and nothing else.
fn notify(kind: Kind) {
    let house = House::new(kind);
    let mut smtp = house.mta.smtp_as("alice");
    let mut expected = Vec::new();
    for (asked, told) in [
        ("NEVER", vec![]),
        ("SUCCESS", vec!["delivered"]),
        ("FAILURE", vec!["failed"]),
        ("DELAY", vec!["delayed"]),
        (
            "SUCCESS,FAILURE,DELAY",
            vec!["delivered", "failed", "delayed"],
        ),
        // Without a word: failures and delays.
        ("", vec!["failed", "delayed"]),
    ] {
        let notify = match asked {
            "" => String::new(),
            asked => format!("NOTIFY={asked}"),
        };
        for (outcome, phone) in PHONES {
            let name = format!("{}.{outcome}", asked.replace(',', "."));
            house.send(&mut smtp, &name, "RET=HDRS", &[(phone, &notify)], "Ring?");
            if told.contains(&outcome) {
                expected.push((name, outcome.to_owned()));
            }
        }
    }
    for (name, action) in &expected {
        let mail = house.report(name, action);
        let told = read(&mail);
        assert_eq!(told["mail"]["Reporting-MTA"], "dns; sms.test", "{mail}");
        let recipient = &told["recipients"][0];
        let says = |field: &str| recipient[field].as_str().unwrap_or_default().to_owned();
        let (status, words) = match action.as_str() {
            "delivered" => ("2.1.5", "delivered"),
            "failed" => ("5.1.0", "no such subscriber"),
            _ => ("4.4.7", ""),
        };
        assert_eq!(says("Status"), status, "{mail}");
        assert!(says("Diagnostic-Code").contains(words), "{mail}");
        assert!(
            says("Last-Attempt-Date").len() > 20 || action == "delayed",
            "{mail}"
        );
        assert_eq!(says("Will-Retry-Until").is_empty(), action != "delayed");
        assert_eq!(told["original"]["subject"], format!("about {name}"));
        assert_eq!(told["parts"][2], "text/rfc822-headers", "{mail}");
        let (failed, late) = (told["failed"].clone(), told["late"].clone());
        let is = |kind: &str| usize::from(action == kind);
        assert_eq!(
            failed.as_array().map(Vec::len),
            Some(is("failed")),
            "{mail}"
        );
        assert_eq!(late.as_array().map(Vec::len), Some(is("delayed")), "{mail}");
        assert!(mail.contains(&format!("In-Reply-To: <{name}@example.com>")));
        assert!(mail.contains("Auto-Submitted: auto-replied"), "{mail}");
        assert!(
            mail.contains("Return-Path: <>") || mail.contains("Return-Path: <MAILER-DAEMON"),
            "{mail}"
        );
    }
    expected.sort();
    let mut reported = house.reported();
    // On a slow machine the others may be late, too, and who wants to hear of it does.
    reported.retain(|(name, action)| {
        let asked = name.split_once('.').map_or("", |(asked, _)| asked);
        let wants = asked.is_empty() || name.contains("DELAY");
        !(wants && action == "delayed" && !name.ends_with(".delayed"))
    });
    assert_eq!(reported, expected);
    // The operator sees what was asked.
    let listed = house.product.json(&["queue", "list", "--all", "--json"]);
    let shown = listed.iter().map(|line| {
        let id = line["id"].as_str().expect("an id");
        house.product.json(&["queue", "show", id, "--json"])[0].clone()
    });
    let never: Vec<_> = shown.filter(|m| m["notify"] == "NEVER").collect();
    assert_eq!(never.len(), 3, "{never:?}");
    assert_eq!(never[0]["ret"], "HDRS");
}

#[test]
fn notify_through_postfix() {
    notify(Kind::Postfix);
}

#[test]
fn notify_through_sendmail() {
    notify(Kind::Sendmail);
}

/// What comes back, and one report for all recipients that ended alike.
fn returned(kind: Kind) {
    let house = House::new(kind);
    let mut smtp = house.mta.smtp_as("alice");
    let text = "Gr\u{fc}\u{df}e. How are you?";
    let failing = PHONES[1].1;
    let orcpt = "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;on+2Bcall@example.com";
    house.send(&mut smtp, "full", "RET=FULL", &[(failing, orcpt)], text);
    house.send(&mut smtp, "none", "", &[(failing, "")], text);
    let delivered = [(PHONES[0].1, "NOTIFY=SUCCESS")];
    house.send(&mut smtp, "good", "RET=FULL", &delivered, text);
    for name in ["full", "none"] {
        let mail = house.report(name, "failed");
        let told = read(&mail);
        assert_eq!(told["parts"][2], "message/rfc822", "{mail}");
        assert_eq!(told["original"]["subject"], format!("about {name}"));
        let returned = told["original"]["text"].as_str().unwrap_or_default();
        assert!(returned.contains("How are you?"), "{told}");
        let original = &told["recipients"][0]["Original-Recipient"];
        let is_full = name == "full";
        assert_eq!(original == "rfc822; on+call@example.com", is_full, "{told}");
        let address = if is_full {
            "on+call@example.com"
        } else {
            failing
        };
        assert_eq!(told["failed"], serde_json::json!([address]), "{mail}");
        let bounced = bounces(&mail);
        assert_eq!(bounced.len(), 1, "{bounced:?}");
        assert!(bounced[0].contains("failed 5.1.0"), "{bounced:?}");
    }
    // RFC 3461 §5.3: of a success nothing but the header.
    let told = read(&house.report("good", "delivered"));
    assert_eq!(told["parts"][2], "text/rfc822-headers", "{told}");

    let three: Vec<String> = (1..=3)
        .map(|n| format!("+1555234567{n}@sms.example.com"))
        .collect();
    let rcpts: Vec<_> = three.iter().map(|rcpt| (rcpt.as_str(), "")).collect();
    house.send(&mut smtp, "three", "RET=HDRS", &rcpts, text);
    let mail = house.report("three", "failed");
    let told = read(&mail);
    assert_eq!(told["failed"], serde_json::json!(three), "{mail}");
    assert_eq!(bounces(&mail).len(), 3, "{mail}");
    let reported = house.reported();
    let of_three = reported
        .iter()
        .filter(|(name, action)| name == "three" && action == "failed")
        .count();
    assert_eq!(of_three, 1, "{reported:?}");
}

#[test]
fn the_original_through_postfix() {
    returned(Kind::Postfix);
}

#[test]
fn the_original_through_sendmail() {
    returned(Kind::Sendmail);
}
