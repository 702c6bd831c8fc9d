//! `explain` says what `run` then does: same text, same segments.

use crate::sim::milter_client::Mail;
use crate::sim::milter_client::{self, Session};
use crate::sim::product::{Place, command};

/// Some of the mails ask for a receipt.
fn is_out(state: &serde_json::Value) -> bool {
    state == "sent" || state == "delivered"
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_what_run_does() {
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
    let mut sent = 0;
    for (n, file) in files.iter().enumerate() {
        let number = format!("+1555123{n:04}");
        let recipient = format!("{number}@sms.example.com");
        let file = file.to_str().expect("a name");
        let args = [
            "explain",
            "--json",
            "--from",
            "bob@example.com",
            "--to",
            &recipient,
            file,
        ];
        let output = command(&place.config(), &args);
        assert!(
            output.status.success(),
            "{file}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let said = &said[0];

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
                let listed =
                    product.until(&["queue", "list", "--all", "--limit", "1", "--json"], |l| {
                        l.first()
                            .is_some_and(|m| m["number"] == number.as_str() && is_out(&m["state"]))
                    });
                let id = listed[0]["id"].as_str().expect("id");
                let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
                assert_eq!(whole["text"], said["text"], "{file}");
                assert_eq!(whole["encoding"], said["encoding"], "{file}");
                let planned = said["segments"].as_array().expect("segments");
                assert_eq!(whole["segments_total"], planned.len(), "{file}");
                let texts: Vec<_> = planned.iter().map(|s| &s["text"]).collect();
                let parts: Vec<_> = whole["parts"]
                    .as_array()
                    .expect("parts")
                    .iter()
                    .map(|p| &p["text"])
                    .collect();
                assert_eq!(parts, texts, "{file}");
                assert_eq!(
                    product.phone(&number, 1),
                    [said["text"].as_str().expect("text")],
                    "{file}"
                );
                sent += 1;
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
    assert!(sent > 40, "only {sent} of {} mails were sent", files.len());
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
