//! Mails in the shape of real mail programs, `tests/mail/*.eml`, and the text expected
//! of each beside it: `*.txt`, or `! Reason` where there is no text to send.
//! A new case is two files. Settings are the defaults. What they cost in time and memory: tests/bench/mail.rs.

use std::fs;
use std::path::{Path, PathBuf};

use sms_milter::mail::text::{RawMail, Settings, read};

fn mails() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let entries = fs::read_dir(folder).expect("tests/mail");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "eml"));
    paths.sort();
    paths
}

/// Issue 6 asks for as many: client by client, plain and HTML, language by language.
const LEAST: usize = 160;

fn outcome(mail: &RawMail) -> String {
    match read(mail, &Settings::default()) {
        Ok(mail) => mail.text + "\n",
        Err(reason) => format!("! {reason:?}\n"),
    }
}

#[test]
fn every_mail_gives_its_text() {
    let mut wrong = Vec::new();
    assert!(mails().len() >= LEAST, "tests/mail has lost mails");
    for path in mails() {
        let bytes = fs::read(&path).expect("a mail");
        let expected = fs::read_to_string(path.with_extension("txt")).expect("the text beside it");
        let mail = RawMail::from_bytes(&bytes);
        let found = outcome(&mail);
        if found != expected {
            wrong.push(format!(
                "{}\nexpected: {expected:?}\nfound:    {found:?}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A file with LF, and the mail made of its pieces again, say the same.
#[test]
fn line_ends_change_nothing() {
    for path in mails() {
        let bytes = fs::read(&path).expect("a mail");
        let expected = outcome(&RawMail::from_bytes(&bytes));
        let lf: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\r').collect();
        assert_eq!(
            outcome(&RawMail::from_bytes(&lf)),
            expected,
            "{} with LF",
            path.display()
        );
        let again = RawMail::from_bytes(&RawMail::from_bytes(&bytes).to_bytes());
        assert_eq!(
            outcome(&again),
            expected,
            "{} written again",
            path.display()
        );
    }
}

/// Every mail cut at every 50th octet, a long one at fifty places: a text that is found is the beginning of a text, and nothing panics.
#[test]
fn a_cut_mail_is_never_read_as_whole() {
    for path in mails() {
        let whole = RawMail::from_bytes(&fs::read(&path).expect("a mail"));
        let single = !whole
            .header("Content-Type")
            .is_some_and(|v| v.starts_with(b"multipart/"));
        let step = (whole.body.len() / 50).max(50);
        for length in (0..whole.body.len()).step_by(step) {
            let body = whole.body[..length].to_vec();
            let cut = RawMail {
                headers: whole.headers.clone(),
                body,
                truncated: true,
            };
            let found = read(&cut, &Settings::default());
            assert!(
                !single || found.is_err(),
                "{} cut at {length}",
                path.display()
            );
        }
    }
}
