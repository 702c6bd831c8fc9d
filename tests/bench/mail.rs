//! What a mail's text costs, in time and memory.
//!
//!     cargo bench --bench mail
//!
//! Every mail of tests/mail, and hostile ones of doubled sizes: the time (the least of several runs, so that the
//! machine's other work does not count) and the highest memory (VmHWM) of a process that reads this mail alone, less
//! that of one that reads a mail of one word. Printed: the slowest, the greatest, the hostile ones size by size, so
//! that what is not linear shows. It ends with an error when a mail of tests/mail takes more than 50 ms or 64 MiB
//! (issue 6, must show 1); the hostile ones (threats T26 to T31) are for the reader to judge.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use sms_milter::mail::text::{RawMail, Settings, read};

const MAX_TIME: Duration = Duration::from_millis(50);
const MAX_MEMORY: u64 = 64 << 10;
const RUNS: usize = 10;
/// Octets of a hostile mail: up to 128 KiB are read, doubled; and what is not read must cost nothing.
const SIZES: [usize; 4] = [32 << 10, 64 << 10, 128 << 10, 1 << 20];
/// Says to the child which mail to read.
const CHILD: &str = "--read-one";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == CHILD) {
        let bytes = fs::read(&arguments[at + 1]).expect("a mail");
        let _ = read(&RawMail::from_bytes(&bytes), &Settings::default());
        println!("{}", highest());
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let word = folder.path().join("word.eml");
    fs::write(&word, "Subject: x\n\nx\n").expect("a mail");
    let least = memory(&word);
    let mut measured: Vec<Measured> = corpus().iter().map(|path| measure(path, least)).collect();
    let count = measured.len();
    for (name, piece) in HOSTILE {
        for size in SIZES {
            let path = folder.path().join(format!("{name} {} KiB", size >> 10));
            let head = "Subject: Re: x\nContent-Type: text/";
            let kind = if piece.contains('<') { "html" } else { "plain" };
            // Each line costs what is around it.
            let around = match piece.starts_with("<br>") {
                true => "<blockquote>".repeat(40),
                false => String::new(),
            };
            let text = format!(
                "{head}{kind}; charset=utf-8\n\nseen {around}{}",
                piece.repeat(size / piece.len())
            );
            fs::write(&path, text).expect("a mail");
            measured.push(measure(&path, least));
        }
    }
    let (mails, hostile) = measured.split_at(count);
    println!("{count} mails, a process that reads one word: {least} KiB");
    report("slowest", mails.iter().max_by_key(|m| m.time));
    report("greatest", mails.iter().max_by_key(|m| m.memory));
    for one in hostile {
        report("hostile", Some(one));
    }
    let over: Vec<&Measured> = mails
        .iter()
        .filter(|m| m.time > MAX_TIME || m.memory > MAX_MEMORY)
        .collect();
    for one in &over {
        report("TOO MUCH", Some(one));
    }
    match over.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Repeated up to each size.
const HOSTILE: [(&str, &str); 17] = [
    ("nested divs", "<div>"),
    ("nested tables", "<table><tr><td>x"),
    ("nested lists", "<ul><li>x"),
    ("numbered lists", "<ol><li>x"),
    ("plain quotes", "<blockquote>x"),
    ("lines in quotes", "<br>x"),
    ("nested quotes", "<blockquote type=cite>x"),
    ("gmail quotes", "<div class=gmail_quote>x"),
    ("links", "<a href='https://x.example/'>x"),
    ("open comments", "<!-- x "),
    ("attributes", "<p a='1' b=2 style='color:red;font-size:0'>x"),
    ("entities", "<i>&amp;&#x1F680;&nosuch;"),
    ("attributions", "On 5 Jan 10:00 <a@b> x:\n"),
    ("fields", "From: a\nSent: b\n"),
    ("quotes in quotes", ">>>>> x\n> On 5 Jan a wrote:\n"),
    ("signatures", "--\nSent from my iPhone\n"),
    ("combining marks", "a\u{335}\u{321}\u{335}\u{200b}\u{202e}"),
];

struct Measured {
    name: String,
    time: Duration,
    /// KiB.
    memory: u64,
}

fn measure(path: &Path, least: u64) -> Measured {
    let bytes = fs::read(path).expect("a mail");
    let settings = Settings::default();
    let run = |_| {
        let start = Instant::now();
        let _ = std::hint::black_box(read(&RawMail::from_bytes(&bytes), &settings));
        start.elapsed()
    };
    Measured {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        time: (0..RUNS).map(run).min().unwrap_or_default(),
        memory: memory(path).saturating_sub(least),
    }
}

fn report(what: &str, one: Option<&Measured>) {
    if let Some(one) = one {
        println!(
            "{what:>10} {:>10.2?} {:>8} KiB  {}",
            one.time, one.memory, one.name
        );
    }
}

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let entries = fs::read_dir(folder).expect("tests/mail");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "eml"));
    paths.sort();
    paths
}

/// The highest memory of a process that reads the mail, in KiB.
fn memory(path: &Path) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let output = Command::new(own)
        .arg(CHILD)
        .arg(path)
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().expect("a number")
}

fn highest() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.expect("in it").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}
