//! Our PDUs and those of others: three decoders that no one here wrote read what we read.
//!
//! Every PDU of the corpus is read by gammu (C), python-gsmmodem-new (Python) and node-pdu
//! (JavaScript), and everything that one of them tells is compared with what we say. Where one
//! differs, a rule with a name says how and who is right ([`rules`]); a difference without a rule is a
//! failure, so is a rule without a difference. And we read what gammu writes. `tests/peers/fetch`
//! installs the last two, the package python3-gammu the first.

mod corpus;
mod readings;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sms_milter::sms::alphabet::encode;

use corpus::{Sample, corpus};
use readings::{Peer, Reading, ours};
use rules::Difference;

/// How often each rule was used, and each key compared.
#[derive(Default)]
struct Found {
    rules: BTreeMap<&'static str, usize>,
    keys: BTreeMap<String, usize>,
    unknown: BTreeMap<(&'static str, String), Vec<String>>,
}

impl Found {
    fn compare(&mut self, peer: Peer, sample: &Sample, theirs: &Reading) {
        let ours = ours(&sample.hex);
        let told = theirs.iter().filter(|(_, value)| !value.is_null());
        for (key, value) in told {
            *self.keys.entry(key.clone()).or_default() += 1;
            let expected = ours.get(key).unwrap_or(&Value::Null);
            if expected == value {
                continue;
            }
            let difference = Difference {
                sample,
                ours: &ours,
                theirs,
                key,
            };
            match rules::explain(peer, &difference) {
                Some(rule) => *self.rules.entry(rule).or_default() += 1,
                None => {
                    let shown = format!("{}: ours {expected}, {peer:?} {value}", sample.hex);
                    let place = (sample.kind, key.clone());
                    self.unknown.entry(place).or_default().push(shown);
                }
            }
        }
    }
}

fn check(peer: Peer, keys: &str) {
    let corpus = corpus();
    assert!(corpus.len() > 5_000, "{}", corpus.len());
    let kinds: BTreeSet<&str> = corpus.iter().map(|sample| sample.kind).collect();
    assert_eq!(kinds.len(), 16, "{kinds:?}");
    let readings = peer.read(corpus.iter().map(|sample| sample.hex.clone()));
    let mut found = Found::default();
    for (sample, theirs) in corpus.iter().zip(&readings) {
        found.compare(peer, sample, theirs);
    }
    for ((kind, key), shown) in &found.unknown {
        println!("{kind}, {key}: {} times, such as", shown.len());
        shown
            .iter()
            .take(3)
            .for_each(|shown| println!("    {shown}"));
    }
    println!("{} PDUs, {:?}, {:?}", corpus.len(), found.rules, found.keys);
    assert!(
        found.unknown.is_empty(),
        "{} differences",
        found.unknown.len()
    );
    let used: BTreeSet<&str> = found.rules.keys().copied().collect();
    assert_eq!(used, rules::names(peer), "a rule that is not used any more");
    // Nothing is compared with silence.
    let told: BTreeSet<&str> = found.keys.keys().map(String::as_str).collect();
    assert_eq!(told, keys.split_whitespace().collect());
}

#[test]
fn gammu_reads_what_we_read() {
    let keys = "class data discharged encoding error number reference reject_duplicates replaces \
                reply_path smsc status text type udh validity wall";
    check(Peer::Gammu, keys);
}

#[test]
fn gsmmodem_reads_what_we_read() {
    let keys = "discharged_time discharged_zone elements error number pid reference smsc status text \
                time tpdu_length type until validity zone";
    check(Peer::Gsmmodem, keys);
}

#[test]
fn node_pdu_reads_what_we_read() {
    let keys = "class compressed data discharged_time discharged_zone elements encoding error number \
                number_type pid reference reject_duplicates reply_path smsc status status_report text \
                time type until validity waiting zone";
    check(Peer::NodePdu, keys);
}

#[test]
fn we_read_what_gammu_writes() {
    let mut random = StdRng::seed_from_u64(0x5335_0917);
    let mut requests = Vec::new();
    for _ in 0..2_000 {
        let mut text = corpus::text(&mut random);
        let unicode = encode(&text).is_err() || random.random_bool(0.2);
        if unicode {
            // Gammu's own escape: alone it becomes U+0001.
            text = text.replace('~', "-");
        }
        let number = corpus::digits(&mut random, 11);
        requests.push(json!({
            "encode": *["Submit", "Deliver"].choose(&mut random).unwrap(),
            "number": format!("+{number}"),
            "unicode": unicode,
            "text": text,
            "class": *[-1, 0, 1].choose(&mut random).unwrap(),
        }));
    }
    let answers = Peer::Gammu.ask(requests.clone());
    for (request, answer) in requests.iter().zip(&answers) {
        let parts = answer["parts"].as_array();
        let parts = parts.unwrap_or_else(|| panic!("{answer} {request}"));
        let mut joined = String::new();
        for part in parts {
            let found = ours(part["hex"].as_str().unwrap());
            assert_eq!(found["number"], request["number"]);
            assert_eq!(found["class"], request["class"]);
            assert_eq!(found["udh"], part["udh"]);
            assert_eq!(found["encoding"] == "ucs2", request["unicode"]);
            joined.push_str(found["text"].as_str().unwrap());
        }
        assert_eq!(joined, request["text"], "{answer}");
    }
}
