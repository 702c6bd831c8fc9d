//! What a decoder says of a PDU, in one form for all: an object whose keys mean the same whoever
//! says them.
//!
//! | key | |
//! |---|---|
//! | `type` | `submit`, `deliver`, `status-report` |
//! | `number`, `smsc` | `+` and digits, digits, or a name; empty for none |
//! | `number_type` | three bits of the type of address |
//! | `text`, `data` | of the user data: characters, or hex |
//! | `encoding`, `class`, `compressed`, `pid`, `dcs` | class -1 for none |
//! | `waiting` | `[mailbox, active, store]` of the DCS |
//! | `udh`, `elements` | hex with its length; `[[id, hex], …]` |
//! | `time`, `zone`, `wall` | seconds since 1970; minutes; the clock's face where it was written |
//! | `discharged_time`, `discharged_zone`, `discharged` | the same of TP-DT |
//! | `validity`, `until` | seconds; seconds since 1970 |
//! | `reference`, `status` | TP-MR, TP-ST |
//! | `reply_path`, `reject_duplicates`, `status_report` | flags |
//! | `replaces` | 1 to 7 of a PID that replaces, else 0 |
//! | `tpdu_length` | octets behind the service centre's address |
//!
//! A decoder that does not tell something has no such key, or null. One that dies of the PDU says
//! `error`.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};
use sms_milter::sms::Party;
use sms_milter::wire::pdu::{
    Body, Content, Mailbox, Pdu, Stamp, Validity, decode, hex, octets_of, udh,
};

pub type Reading = Map<String, Value>;

/// A decoder that no one here wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// gammu 1.42: twenty years on real phones, in C.
    Gammu,
    /// python-gsmmodem-new 0.13.
    Gsmmodem,
    /// node-pdu 2.1.1.
    NodePdu,
}

impl Peer {
    fn command(self) -> Command {
        let scripts = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pdu_peers"));
        let cache = std::env::var("SMS_MILTER_TEST_CACHE");
        let cache = PathBuf::from(cache.unwrap_or("/var/cache/sms-milter-tests".into()));
        let (program, script, installed) = match self {
            Peer::Gammu => ("/usr/bin/python3", "gammu_codec.py", None),
            Peer::Gsmmodem => (
                "/usr/bin/python3",
                "gsmmodem_decode.py",
                Some("peers/python"),
            ),
            Peer::NodePdu => ("node", "node_pdu_decode.js", Some("peers")),
        };
        let mut command = Command::new(program);
        command.arg(scripts.join(script));
        if let Some(installed) = installed {
            let installed = cache.join(installed);
            assert!(
                installed.exists(),
                "run tests/peers/fetch: no {installed:?}"
            );
            command.arg(installed);
        }
        command
    }

    /// One process answers all; a thread feeds it so that no pipe fills up.
    pub fn ask(self, requests: Vec<Value>) -> Vec<Value> {
        let mut process = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{self:?}: {error}; tests/run installs it"));
        let mut to = process.stdin.take().unwrap();
        let count = requests.len();
        let feeder = std::thread::spawn(move || {
            let lines: String = requests
                .iter()
                .map(|request| format!("{request}\n"))
                .collect();
            to.write_all(lines.as_bytes())
        });
        let from = BufReader::new(process.stdout.take().unwrap());
        let read = |line: io::Result<String>| serde_json::from_str(&line.unwrap()).unwrap();
        let answers: Vec<Value> = from.lines().map(read).collect();
        feeder.join().unwrap().expect("it reads all");
        assert!(
            process.wait().unwrap().success(),
            "tests/run installs {self:?}"
        );
        assert_eq!(answers.len(), count, "{self:?}");
        answers
    }

    /// What it says of each PDU.
    pub fn read(self, pdus: impl Iterator<Item = String>) -> Vec<Reading> {
        let requests = pdus.map(|pdu| json!({ "decode": pdu }));
        let answers = self.ask(requests.collect()).into_iter();
        answers
            .map(|answer| match answer {
                Value::Object(reading) => reading,
                other => panic!("{self:?}: {other}"),
            })
            .collect()
    }
}

/// What we say.
pub fn ours(pdu: &str) -> Reading {
    let octets = octets_of(pdu).unwrap();
    let smsc = |smsc: &Option<Party>| smsc.as_ref().map_or(String::new(), Party::to_string);
    let decoded = decode(pdu).unwrap_or_else(|error| panic!("{pdu}: {error}"));
    let common = json!({
        "number_type": decoded.toa().0 >> 4 & 7,
        "tpdu_length": octets.len() - 1 - usize::from(octets[0]),
    });
    let own = match &decoded {
        Pdu::Submit(submit) => json!({
            "type": "submit",
            "smsc": smsc(&submit.smsc),
            "number": submit.to.to_string(),
            "pid": submit.pid,
            "replaces": replaces(submit.pid),
            "reference": submit.reference,
            "validity": match submit.validity {
                Some(Validity::Relative(duration)) => Some(duration.as_secs()),
                Some(Validity::Enhanced(enhanced)) => enhanced.period().map(|p| p.as_secs()),
                _ => None,
            },
            "until": match submit.validity {
                Some(Validity::Absolute(stamp)) => seconds(stamp),
                _ => None,
            },
            "reply_path": submit.reply_path,
            "reject_duplicates": submit.reject_duplicates,
            "status_report": submit.status_report,
        }),
        Pdu::Deliver(deliver) => json!({
            "type": "deliver",
            "smsc": smsc(&deliver.smsc),
            "number": deliver.from.to_string(),
            "pid": deliver.pid,
            "replaces": replaces(deliver.pid),
            "time": seconds(deliver.timestamp),
            "zone": minutes(deliver.timestamp),
            "wall": wall(deliver.timestamp),
            "reply_path": deliver.reply_path,
            "status_report": deliver.status_report,
        }),
        Pdu::StatusReport(report) => json!({
            "type": "status-report",
            "smsc": smsc(&report.smsc),
            "number": report.to.to_string(),
            "reference": report.reference,
            "status": report.status,
            "time": seconds(report.timestamp),
            "zone": minutes(report.timestamp),
            "wall": wall(report.timestamp),
            "discharged_time": seconds(report.discharged),
            "discharged_zone": minutes(report.discharged),
            "discharged": wall(report.discharged),
        }),
    };
    let content = match &decoded {
        Pdu::Submit(submit) => content(&submit.content),
        Pdu::Deliver(deliver) => content(&deliver.content),
        Pdu::StatusReport(_) => json!({}),
    };
    let parts = [common, own, content].into_iter();
    parts
        .flat_map(|part| part.as_object().cloned().unwrap())
        .collect()
}

fn content(content: &Content) -> Value {
    let elements = udh::parse(&content.udh).unwrap();
    let elements = elements.iter().map(|e| json!([e.id, hex(e.data)]));
    let mailbox = |kind| match kind {
        Mailbox::Voice => 0,
        Mailbox::Fax => 1,
        Mailbox::Email => 2,
        Mailbox::Video | Mailbox::Other => 3,
    };
    let waiting = content.dcs.waiting();
    json!({
        "encoding": content.dcs.encoding().name(),
        "text": content.text(),
        "data": match &content.body {
            Body::Text(_) => None,
            Body::Data(data) => Some(hex(data)),
        },
        "udh": hex(&content.udh),
        "elements": elements.collect::<Vec<_>>(),
        "class": content.dcs.class().map_or(-1, i64::from),
        "compressed": content.dcs.compressed(),
        "dcs": content.dcs.0,
        "waiting": waiting.map(|w| json!([mailbox(w.kind), w.active, w.store])),
    })
}

fn replaces(pid: u8) -> u8 {
    if (0x41..=0x47).contains(&pid) {
        pid - 0x40
    } else {
        0
    }
}

fn seconds(stamp: Stamp) -> Option<i64> {
    stamp.time().map(|time| time.as_second())
}

fn minutes(stamp: Stamp) -> Option<i64> {
    stamp.zone().map(|quarters| i64::from(quarters) * 15)
}

fn wall(stamp: Stamp) -> Option<String> {
    let zone = Offset::from_seconds(i32::from(stamp.zone()?) * 900).ok()?;
    let local = stamp.time()?.to_zoned(TimeZone::fixed(zone));
    Some(local.datetime().to_string())
}
