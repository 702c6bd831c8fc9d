//! `explain` says what `run` then does: same text, same segments.

use std::collections::BTreeMap;

use clap::Parser;
use serde_json::Value;
use sms_milter::cli::{self, Cli, Command, Failure};

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, command};

/// Some of the mails ask for a receipt.
fn is_out(state: &serde_json::Value) -> bool {
    state == "sent" || state == "delivered"
}

/// The stack of the program's own threads (`main`): a mail's structure may be deep.
const STACK: usize = 8 << 20;

/// The JSON that a command prints. Asked in this process, where what all of them share is made once: as processes the
/// thousand commands of this test took a minute and a half.
async fn printed(place: &Place, args: &[&str]) -> Result<Vec<Value>, Failure> {
    let cli = Cli::try_parse_from([&["sms-milter"], args].concat()).expect("arguments");
    let (config, mut out) = (place.config(), Vec::new());
    match cli.command {
        Command::Explain(args) => cli::explain::run(&config, &args, &mut out).await?,
        Command::Queue(args) => cli::queue::run(&config, &args, &mut out).await?,
        Command::Phone(args) => cli::phone::run(&config, &args, &mut out).await?,
        _ => panic!("{args:?}"),
    }
    let values = serde_json::Deserializer::from_slice(&out).into_iter();
    Ok(values.map(|value| value.expect("JSON")).collect())
}

#[test]
fn explain_says_what_run_does() {
    let test = || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(each_mail_of_the_corpus());
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test);
    if let Err(panic) = thread.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}

async fn each_mail_of_the_corpus() {
    let gateways = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]"#;
    let place = Place::new("127.0.0.1:9".parse().expect("address"), gateways);
    let product = place.start();
    let milter = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&milter).await;
    let files = std::fs::read_dir("tests/mail")
        .expect("mails")
        .map(|f| f.expect("file").path());
    let mut files: Vec<_> = files
        .filter(|f| f.extension().is_some_and(|e| e == "eml"))
        .collect();
    files.sort();
    let mut promised = BTreeMap::new();
    for (n, file) in files.iter().enumerate() {
        let number = format!("+1555123{n:04}");
        let recipient = format!("{number}@sms.example.com");
        let file = file.to_str().expect("a name");
        let args = ["explain", "--json", "--from", "bob@example.com"];
        let args = [&args[..], &["--to", &recipient, file]].concat();
        let said = printed(&place, &args).await;
        let said = said.unwrap_or_else(|failure| panic!("{file}: {failure}"));
        if n == 0 {
            // The program itself prints the same.
            let output = command(&place.config(), &args);
            let said_outside: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!([said_outside], said[..]);
        }
        let said = said[0][0].clone();

        // The same mail through the milter.
        let raw =
            sms_milter::mail::text::RawMail::from_bytes(&std::fs::read(file).expect("a mail"));
        let text =
            |b: &[u8]| String::from_utf8(b.to_vec()).expect("the corpus has text in its headers");
        let mut mail = Mail::new(&[&format!("<{recipient}>")], "");
        mail.header = raw
            .headers
            .iter()
            .map(|(n, v)| (text(n), text(v)))
            .collect();
        mail.body = raw.body.clone();
        let outcome = session.mail(&mail).await;
        match said["verdict"].as_str() {
            Some("send") => {
                assert_eq!(outcome.answer, "accept", "{file}");
                promised.insert(number, (file, said));
            }
            Some("refuse") => {
                let reply = said["reply"].as_str().expect("reply");
                assert!(
                    outcome.answer.starts_with(&reply[..9]),
                    "{file}: {} and {reply}",
                    outcome.answer
                );
            }
            other => panic!("{file}: {other:?}"),
        }
    }
    assert!(promised.len() > 40, "only {} were sent", promised.len());
    let all = ["queue", "list", "--all", "--limit", "0", "--json"];
    let listed = product.until(&all, |lines| {
        lines.iter().all(|line| is_out(&line["state"]))
    });
    assert_eq!(listed.len(), promised.len());
    for line in listed {
        let (file, said) = &promised[line["number"].as_str().expect("a number")];
        sent_as_said(&place, &line, said, file).await;
    }
}

/// A message of the queue is what was said of it: cut so, and on the phone.
async fn sent_as_said(place: &Place, line: &Value, said: &Value, file: &str) {
    let shown = async |args: &[&str]| {
        let printed = printed(place, args).await;
        printed.unwrap_or_else(|failure| panic!("{file}: {failure}"))
    };
    let id = line["id"].as_str().expect("id");
    let whole = shown(&["queue", "show", id, "--json"]).await.remove(0);
    assert_eq!(whole["text"], said["text"], "{file}");
    assert_eq!(whole["encoding"], said["encoding"], "{file}");
    let texts = |parts: &Value| {
        let parts = parts.as_array().expect("parts").iter();
        parts.map(|part| part["text"].clone()).collect::<Vec<_>>()
    };
    let planned = texts(&said["segments"]);
    assert_eq!(whole["segments_total"], planned.len(), "{file}");
    assert_eq!(texts(&whole["parts"]), planned, "{file}");
    let number = line["number"].as_str().expect("a number");
    let phone = shown(&["phone", "show", number, "--json"]).await;
    let phone: Vec<_> = phone.iter().map(|sms| &sms["text"]).collect();
    assert_eq!(phone, [&said["text"]], "{file}");
}

/// Which tables, and the header that names them.
#[test]
fn explain_shows_national_tables() {
    for (concat, expected) in [
        ("udh", "segments: 2 (gsm7, turkish locking table)"),
        ("numbered", "segments: 3 (ucs2)"),
    ] {
        let more = format!(
            "text: {{ languages: [turkish] }}\ngateways: [{{ id: lab, type: simulated, concat: {concat} }}]"
        );
        let place = Place::new("127.0.0.1:9".parse().expect("address"), &more);
        let mail = place.path().join("turkish.eml");
        let text = "ş".repeat(160);
        let header = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
        let header = format!("{header}Content-Transfer-Encoding: 8bit\r\n");
        std::fs::write(&mail, format!("{header}\r\n{text}\r\n")).expect("a mail");
        let mail = mail.to_str().expect("a name");
        let asked = [
            "--from",
            "bob@example.com",
            "--to",
            "+15551234567@sms.example.com",
        ];
        let output = command(
            &place.config(),
            &[&["explain"], &asked[..], &[mail]].concat(),
        );
        let words = String::from_utf8(output.stdout).expect("words");
        assert!(words.contains(expected), "{words}");
        let output = command(
            &place.config(),
            &[&["explain", "--json"], &asked[..], &[mail]].concat(),
        );
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        if concat == "udh" {
            assert_eq!(said[0]["tables"]["locking"], "turkish");
            let udh = said[0]["segments"][1]["udh"].as_str().expect("a header");
            assert!(
                udh.starts_with("080003") && udh.ends_with("0202250101"),
                "{udh}"
            );
        } else {
            assert_eq!(said[0]["tables"], serde_json::Value::Null);
        }
    }
}
