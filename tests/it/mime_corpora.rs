//! The mails of others: the test data of Python's email package, enmime, GNU Mailman and mail-parser, many of them
//! broken on purpose. Each goes the way of the product, and Python's email package, as an independent witness, says
//! which subject and which plain text it reads there (`read.py`). Blanks and line ends aside, which we fold, both
//! are the same; where they are not, `differences.txt` names the mail and the reason, and a reason that is not needed
//! any more is a failure too.
//!
//! `tests/peers/mails` gets the first three; cargo has the last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sms_milter::mail::text::{Attachments, RawMail, Settings, Unreadable, read};

/// Name and path of each mail.
fn corpora() -> Vec<(String, PathBuf)> {
    let cache = std::env::var_os("SMS_MILTER_TEST_CACHE");
    let cache = cache.map_or_else(|| "/var/cache/sms-milter-tests".into(), PathBuf::from);
    let mut all = Vec::new();
    for (name, folder, least) in [
        ("python", cache.join("mails/python"), 40),
        ("enmime", cache.join("mails/enmime"), 60),
        ("mailman", cache.join("mails/mailman"), 10),
        ("mail-parser", mail_parser(), 100),
    ] {
        assert!(folder.is_dir(), "run tests/peers/mails: no {folder:?}");
        let mut paths = Vec::new();
        walk(&folder, &mut paths);
        assert!(paths.len() >= least, "{name}: {}", paths.len());
        paths.sort();
        all.extend(paths.into_iter().map(|path| {
            let inside = path.strip_prefix(&folder).expect("it is below");
            (format!("{name}/{}", inside.display()), path)
        }));
    }
    all
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_mail = || {
            let end = path.extension().and_then(|end| end.to_str());
            let of_maildir = path.components().any(|part| part.as_os_str() == "maildir");
            of_maildir || matches!(end, Some("eml" | "txt" | "raw"))
        };
        match path.is_dir() {
            true => walk(&path, paths),
            false if is_mail() => paths.push(path),
            false => {}
        }
    }
}

/// Where cargo keeps the crate that this program is built of.
fn mail_parser() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // For this platform only: what the others need cargo may not have here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let told = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON of cargo");
    let packages = told["packages"].as_array().expect("packages");
    let found = packages.iter().find(|one| one["name"] == "mail-parser");
    let manifest = found.expect("mail-parser")["manifest_path"].as_str();
    Path::new(manifest.expect("a path")).with_file_name("resources")
}

/// As the product reads, but nothing is cut or added: that is not of decoding.
fn settings() -> Settings {
    Settings {
        strip_quotes: false,
        strip_signature: false,
        attachments: Attachments::Ignore,
        ..Settings::default()
    }
}

fn theirs(mails: &[(String, PathBuf)]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mime_corpora/read.py");
    let mut python = Command::new("/usr/bin/python3")
        .args(["-W", "ignore", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut input = python.stdin.take().expect("a pipe");
    let paths: String = mails
        .iter()
        .map(|(_, path)| format!("{}\n", path.display()))
        .collect();
    // Its answers fit no pipe: they are read while it reads.
    let writer = std::thread::spawn(move || input.write_all(paths.as_bytes()));
    let output = python.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    assert!(output.status.success());
    let lines = output.stdout.split(|b| *b == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

/// What is compared: we fold blanks, line ends and what cannot be seen.
fn bare(text: &str) -> String {
    let is_seen =
        |c: &char| !c.is_whitespace() && !c.is_control() && !"\u{200b}\u{feff}\u{ad}".contains(*c);
    text.chars().filter(is_seen).collect()
}

/// Mail and what of it, and the reason.
fn differences() -> BTreeMap<String, String> {
    let list = include_str!("mime_corpora/differences.txt");
    let lines = list.lines().map(str::trim);
    let mut reason = String::new();
    let mut found = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("//")) {
        match line.strip_prefix("# ") {
            Some(new) => reason = new.to_owned(),
            None => {
                assert!(!reason.is_empty(), "{line}: no reason before it");
                assert_eq!(
                    found.insert(line.to_owned(), reason.clone()),
                    None,
                    "{line}"
                );
            }
        }
    }
    found
}

#[test]
fn mails_of_others_are_read_as_python_reads_them() {
    let mails = corpora();
    let known = differences();
    let mut unused: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    let mut compared = [0, 0];
    for ((name, path), theirs) in mails.iter().zip(theirs(&mails)) {
        let mail = RawMail::from_bytes(&fs::read(path).expect("a mail"));
        let ours = read(&mail, &settings());
        // The header of a mail without a text.
        let head = sms_milter::mail::text::head(&mail);
        let subject = head.map_or_else(|why| format!("! {why:?}"), |mail| mail.subject);
        let text = ours.map_or_else(|why| format!("! {why:?}"), |mail| mail.text);
        let mut check = |what: &str, ours: String, theirs: String| {
            let place = format!("{name} {what}");
            if bare(&ours) == bare(&theirs) {
                return;
            }
            if !unused.remove(place.as_str()) {
                let brief = |text: &str| text.chars().take(400).collect::<String>();
                wrong.push(format!(
                    "{place}\n  ours:   {:?}\n  python: {:?}",
                    brief(&ours),
                    brief(&theirs)
                ));
            }
        };
        if let Some(error) = theirs["error"].as_str() {
            check("error", "none".into(), error.to_owned());
            continue;
        }
        let told = |key: &str| theirs[key].as_str().unwrap_or_default().to_owned();
        check("subject", subject, told("subject"));
        compared[0] += 1;
        let plain = told("plain");
        // HTML is not decoding; that there is nothing to read is a word of ours.
        if !bare(&plain).is_empty() {
            check("text", text, plain);
            compared[1] += 1;
        } else if theirs["html"] == false {
            let none = format!("! {:?}", Unreadable::Empty);
            check("text", text, none);
        }
    }
    println!(
        "{} mails, {compared:?} subjects and texts compared, {} known differences",
        mails.len(),
        known.len()
    );
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(unused.is_empty(), "no difference any more: {unused:?}");
}

/// With the settings of the product, however it is cut or wrapped: no panic. What the slowest took is printed, and
/// only far too much is a failure: many tests run at once.
#[test]
fn mails_of_others_panic_nothing() {
    let mut slowest = (Duration::ZERO, String::new());
    for (name, path) in corpora() {
        let bytes = fs::read(&path).expect("a mail");
        let began = Instant::now();
        let whole = read(&RawMail::from_bytes(&bytes), &Settings::default());
        assert_ne!(whole.err(), Some(Unreadable::Parser), "{name}");
        slowest = slowest.max((began.elapsed(), name.clone()));
        let step = bytes.len() / 40 + 1;
        for end in (0..bytes.len()).step_by(step) {
            let mut mail = RawMail::from_bytes(&bytes[..end]);
            mail.truncated = end % 2 == 0;
            let cut = read(&mail, &Settings::default());
            assert_ne!(cut.err(), Some(Unreadable::Parser), "{name} up to {end}");
        }
        let mut lf = bytes.clone();
        lf.retain(|b| *b != b'\r');
        let _ = read(&RawMail::from_bytes(&lf), &Settings::default());
    }
    println!("slowest: {slowest:?}");
    assert!(slowest.0 < Duration::from_secs(5), "{slowest:?}");
}
