//! Our PDUs and gammu's: each reads what the other writes, and both read the same.
//!
//! Gammu has been on real phones for twenty years. Where the two differ, [`Difference`] says how and
//! who is right; a difference without a name is a failure. Needs the package python3-gammu.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sms_milter::sms::Party;
use sms_milter::sms::alphabet::{Fold, encode};
use sms_milter::sms::segment::{Coding, Options, cut};
use sms_milter::wire::pdu::{
    Body, Content, Deliver, Pdu, Stamp, StatusReport, Submit, Validity, decode, hex,
};

const SEED: u64 = 0x5335_0917;
const TEXTS: usize = 10_000;

/// One gammu process answers all; a thread feeds it so that no pipe fills up.
fn ask_gammu(requests: Vec<Value>) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/gammu_decode.py");
    let mut gammu = Command::new("/usr/bin/python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with python3-gammu");
    let mut to = gammu.stdin.take().unwrap();
    let count = requests.len();
    let feeder = std::thread::spawn(move || {
        let lines: String = requests
            .iter()
            .map(|request| format!("{request}\n"))
            .collect();
        to.write_all(lines.as_bytes())
    });
    let from = BufReader::new(gammu.stdout.take().unwrap());
    let read = |line: io::Result<String>| serde_json::from_str(&line.unwrap()).unwrap();
    let answers: Vec<Value> = from.lines().map(read).collect();
    feeder.join().unwrap().expect("gammu reads all");
    assert!(gammu.wait().unwrap().success(), "install python3-gammu");
    assert_eq!(answers.len(), count);
    answers
}

const GSM7: &str =
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà";
const EXTENSION: &str = "^{}\\[~]|€";
const UCS2: [&str; 12] = [
    "я",
    "č",
    "中",
    "’",
    "…",
    "😀",
    "👩🏽\u{200d}🚀",
    "🇨🇿",
    "q\u{301}",
    "한",
    "`",
    "\u{feff}",
];

fn text(random: &mut StdRng) -> String {
    let gsm: Vec<char> = GSM7.chars().collect();
    let extension: Vec<char> = EXTENSION.chars().collect();
    let border = *[70, 134, 140, 153, 160, 306].choose(random).unwrap();
    let units = match random.random_range(0..4) {
        0 => random.random_range(0..40),
        1 => border + random.random_range(0..3) - 1,
        _ => random.random_range(0..500),
    };
    let [rare, foreign] = *[[0.0, 0.0], [0.1, 0.0], [0.5, 0.0], [0.05, 0.02], [0.0, 0.5]]
        .choose(random)
        .unwrap();
    let mut text = String::new();
    for _ in 0..units {
        if random.random_bool(rare) {
            text.push(*extension.choose(random).unwrap());
        } else if random.random_bool(foreign) {
            text.push_str(UCS2.choose(random).unwrap());
        } else {
            text.push(*gsm.choose(random).unwrap());
        }
    }
    text
}

fn digits(random: &mut StdRng, count: usize) -> String {
    let first = random.random_range(b'1'..=b'9');
    let rest = (1..count).map(|_| random.random_range(b'0'..=b'9'));
    [first].into_iter().chain(rest).map(char::from).collect()
}

fn party(random: &mut StdRng) -> Party {
    let length = random.random_range(5..=15);
    match random.random_range(0..4) {
        0 => {
            let length = random.random_range(3..=8);
            Party::Short(digits(random, length))
        }
        _ => Party::from_network(&format!("+{}", digits(random, length))),
    }
}

fn sender(random: &mut StdRng) -> Party {
    if random.random_bool(0.8) {
        return party(random);
    }
    let letters: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz&.-ÄÖÜ".chars().collect();
    let count = random.random_range(1..=11);
    let name: String = (0..count)
        .map(|_| *letters.choose(random).unwrap())
        .collect();
    Party::from_name(&name)
}

/// What one of the two says of a PDU.
#[derive(Debug, PartialEq)]
struct Reading {
    number: String,
    /// Text, or hex of octets.
    text: String,
    udh: String,
    encoding: &'static str,
    class: i64,
}

fn ours(hex_pdu: &str) -> Reading {
    let (party, content) = match decode(hex_pdu).unwrap() {
        Pdu::Submit(submit) => (submit.to, submit.content),
        Pdu::Deliver(deliver) => (deliver.from, deliver.content),
        Pdu::StatusReport(report) => panic!("{report:?}"),
    };
    Reading {
        number: party.to_string(),
        encoding: content.encoding().name(),
        udh: hex(&content.udh),
        class: content.dcs.class().map_or(-1, i64::from),
        text: match content.body {
            Body::Text(text) => text,
            Body::Data(data) => hex(&data),
        },
    }
}

fn gammus(answer: &Value) -> Reading {
    let word = |key: &str| {
        answer[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key}: {answer}"))
            .to_owned()
    };
    let encoding = match answer["coding"].as_str() {
        Some("Default_No_Compression") => "gsm7",
        Some("Unicode_No_Compression") => "ucs2",
        Some("8bit") => "binary",
        other => panic!("{other:?}"),
    };
    Reading {
        number: word("number"),
        text: word(if encoding == "binary" { "data" } else { "text" }),
        udh: word("udh"),
        encoding,
        class: answer["class"].as_i64().unwrap(),
    }
}

#[test]
fn gammu_reads_what_we_write() {
    let mut random = StdRng::seed_from_u64(SEED);
    let stamp = Stamp::new(Timestamp::from_second(1_795_000_000).unwrap(), 4).unwrap();
    let mut pdus = Vec::new();
    for _ in 0..TEXTS {
        let options = Options {
            fold: *[Fold::None, Fold::Typographic, Fold::All]
                .choose(&mut random)
                .unwrap(),
            coding: *[Coding::Auto, Coding::Auto, Coding::Ucs2]
                .choose(&mut random)
                .unwrap(),
            reference: random.random(),
            wide: random.random(),
            ..Options::default()
        };
        let flash = random.random_bool(0.2);
        for segment in cut(&text(&mut random), &options).unwrap().segments {
            let content = Content::segment(&segment, flash);
            let encoded = if random.random() {
                Deliver::new(sender(&mut random), content, stamp).encode()
            } else {
                let mut submit = Submit::new(party(&mut random), content);
                submit.status_report = random.random();
                submit.validity = random.random::<bool>().then_some(Validity::Absolute(stamp));
                submit.encode()
            };
            pdus.push(encoded.unwrap().hex);
        }
    }
    for _ in 0..500 {
        let mut data = vec![0; random.random_range(1..=133)];
        random.fill(data.as_mut_slice());
        let udh = [vec![], vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]]
            .choose(&mut random)
            .unwrap()
            .clone();
        let submit = Submit::new(party(&mut random), Content::binary(data, udh));
        pdus.push(submit.encode().unwrap().hex);
    }
    let answers = ask_gammu(pdus.iter().map(|pdu| json!({"decode": pdu})).collect());
    let mut found: BTreeMap<Difference, usize> = BTreeMap::new();
    for (pdu, answer) in pdus.iter().zip(&answers) {
        for difference in differences(pdu, answer) {
            *found.entry(difference).or_default() += 1;
        }
    }
    assert!(pdus.len() > TEXTS);
    use Difference::{NameInAscii, NothingBehindNul, TildeDoubled};
    let known = [NameInAscii, NothingBehindNul, TildeDoubled];
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        known,
        "{found:?}"
    );
}

/// Where gammu 1.42 reads otherwise than TS 23.040 has it. Every one is gammu's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// An alphanumeric sender is unpacked but not decoded: `Ä`, septet 0x5B, is shown as `[`.
    NameInAscii,
    /// The text of a GSM-7 PDU is given with as many characters as there are septets; an escape
    /// pair makes one of two, so a NUL and memory that holds no text follow.
    NothingBehindNul,
    /// In UCS-2 text `~` is gammu's own escape and comes out twice, and the text is cut at the old
    /// length.
    TildeDoubled,
}

/// The known differences in what the two say of a PDU; panics at an unknown one.
fn differences(pdu: &str, answer: &Value) -> Vec<Difference> {
    let (ours, gammus) = (ours(pdu), gammus(answer));
    let mut known = Vec::new();
    let rest = |reading: &Reading| (reading.udh.clone(), reading.encoding, reading.class);
    assert_eq!(rest(&ours), rest(&gammus), "{pdu}");
    if ours.number != gammus.number {
        assert_eq!(in_ascii(&ours.number), gammus.number, "{pdu}");
        known.push(Difference::NameInAscii);
    }
    if ours.text != gammus.text {
        known.push(if ours.encoding == "gsm7" {
            let septets = encode(&ours.text).unwrap().len();
            assert!(septets > ours.text.chars().count(), "{pdu}");
            assert_eq!(
                gammus.text.split('\0').next(),
                Some(ours.text.as_str()),
                "{pdu}"
            );
            Difference::NothingBehindNul
        } else {
            assert_eq!(doubled(&ours.text), gammus.text, "{pdu}");
            Difference::TildeDoubled
        });
    }
    known
}

fn in_ascii(name: &str) -> String {
    encode(name).unwrap().into_iter().map(char::from).collect()
}

/// As many 16-bit units as `text` has, but the last pair whole.
fn doubled(text: &str) -> String {
    let length = text.encode_utf16().count();
    let doubled = text.replace('~', "~~");
    let mut units = 0;
    let before = |c: &char| {
        let fits = units < length;
        units += c.len_utf16();
        fits
    };
    doubled.chars().take_while(before).collect()
}

#[test]
fn gammu_reads_our_status_reports() {
    let mut random = StdRng::seed_from_u64(SEED);
    let stamp = Stamp::new(Timestamp::from_second(1_795_000_000).unwrap(), -20).unwrap();
    let reports: Vec<StatusReport> = (0..=255)
        .map(|status| StatusReport::new(random.random(), party(&mut random), stamp, stamp, status))
        .collect();
    let requests = reports
        .iter()
        .map(|report| json!({"decode": report.encode().unwrap().hex}));
    for (report, answer) in reports.iter().zip(ask_gammu(requests.collect())) {
        assert_eq!(answer["type"], "Status_Report");
        assert_eq!(answer["number"], report.to.to_string());
        assert_eq!(answer["reference"], report.reference);
        assert_eq!(answer["status"], report.status);
    }
}

#[test]
fn we_read_what_gammu_writes() {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut requests = Vec::new();
    for _ in 0..2_000 {
        let mut text = text(&mut random);
        let unicode = encode(&text).is_err() || random.random_bool(0.2);
        if unicode {
            // Gammu's own escape: alone it becomes U+0001.
            text = text.replace('~', "-");
        }
        let number = digits(&mut random, 11);
        requests.push(json!({
            "encode": *["Submit", "Deliver"].choose(&mut random).unwrap(),
            "number": format!("+{number}"),
            "unicode": unicode,
            "text": text,
            "class": *[-1, 0, 1].choose(&mut random).unwrap(),
        }));
    }
    let answers = ask_gammu(requests.clone());
    for (request, answer) in requests.iter().zip(&answers) {
        let parts = answer["parts"].as_array();
        let parts = parts.unwrap_or_else(|| panic!("{answer} {request}"));
        let mut joined = String::new();
        for part in parts {
            let found = ours(part["hex"].as_str().unwrap());
            assert_eq!(found.number, request["number"]);
            assert_eq!(found.class, request["class"]);
            assert_eq!(found.udh, part["udh"]);
            assert_eq!(found.encoding == "ucs2", request["unicode"]);
            joined.push_str(&found.text);
        }
        assert_eq!(joined, request["text"], "{answer}");
    }
}
