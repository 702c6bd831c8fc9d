//! `pdu decode`: everything that is in a PDU, for people or as an object a line (spec 14).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::{PduError, UNITS, json};
use crate::sms::receipt::status_name;
use crate::sms::udh::Element;
use crate::sms::{Concat, Party};
use crate::wire::pdu::{
    self, Body, Content, Dcs, Pdu, Stamp, StatusReport, Toa, Validity, Waiting, class_name,
    pid_name, udh,
};

/// The first word of each line is a PDU; what stands behind it is what `encode` prints there.
pub(super) fn decode(
    lines: impl Iterator<Item = io::Result<String>>,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), PduError> {
    let mut refused = Vec::new();
    let mut messages = Messages::new();
    let mut number = 0;
    for line in lines {
        let line = line?;
        let Some(hex) = line.split_whitespace().next() else {
            continue;
        };
        number += 1;
        match pdu::decode(hex) {
            Err(error) => refused.push((number, error)),
            Ok(pdu) if as_json => json(&DecodedLine::new(&pdu), out)?,
            Ok(pdu) => {
                if number > 1 {
                    writeln!(out)?;
                }
                DecodedLine::new(&pdu).print(out)?;
                remember(&pdu, &mut messages);
            }
        }
    }
    for parts in messages
        .values()
        .filter(|parts| parts.iter().all(Option::is_some))
    {
        let text: String = parts.iter().flatten().map(String::as_str).collect();
        writeln!(out, "\n{} parts joined: {}", parts.len(), one_line(&text))?;
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(PduError::Decode(refused))
    }
}

/// The parts of each message, by what joins them.
type Messages = BTreeMap<(Party, u16, u8), Vec<Option<String>>>;

fn remember(pdu: &Pdu, messages: &mut Messages) {
    let (who, content) = match pdu {
        Pdu::Submit(submit) => (&submit.to, &submit.content),
        Pdu::Deliver(deliver) => (&deliver.from, &deliver.content),
        Pdu::StatusReport(_) => return,
    };
    if let (
        Some(Concat {
            reference,
            part,
            parts,
            ..
        }),
        Some(text),
    ) = (content.concat(), content.text())
    {
        let key = (who.clone(), reference, parts);
        let kept = messages
            .entry(key)
            .or_insert_with(|| vec![None; parts.into()]);
        kept[usize::from(part) - 1] = Some(text.to_owned());
    }
}

/// Spec 14. Every key is always there.
#[derive(Default, Serialize)]
struct DecodedLine {
    r#type: &'static str,
    smsc: Option<String>,
    number: String,
    text: Option<String>,
    /// Hex.
    data: Option<String>,
    encoding: Option<&'static str>,
    /// Hex, with its length octet.
    udh: Option<String>,
    /// What joins the parts of a message; TP-MR in a status report.
    reference: Option<u16>,
    part: Option<u8>,
    parts: Option<u8>,
    class: Option<u8>,
    pid: Option<u8>,
    dcs: Option<u8>,
    /// `2d`, or until when.
    validity: Option<String>,
    /// The service centre's, RFC 3339.
    timestamp: Option<String>,
    /// TP-ST.
    status: Option<u8>,
    /// `international`, `alphanumeric`, …
    number_type: &'static str,
    number_plan: Option<&'static str>,
    /// Of the timestamp: `+01:00`.
    zone: Option<String>,
    /// When the phone got it, or the service centre gave up.
    discharged: Option<String>,
    /// What the octets say, in words.
    status_meaning: Option<&'static str>,
    pid_meaning: Option<&'static str>,
    dcs_meaning: Option<String>,
    /// TP-MR.
    message_reference: Option<u8>,
    /// `more-messages`, `reply-path`, …: those that are set.
    flags: Vec<&'static str>,
    waiting: Vec<WaitingLine>,
    /// Of the user data header.
    elements: Vec<ElementLine>,
    /// Why the header is ignored.
    header_fault: Option<String>,
    /// The octets of dates that do not exist, in their order.
    odd_dates: Vec<String>,
    /// Of a status report, when they are not what they announce: hex.
    parameters: Option<String>,
}

#[derive(Serialize)]
struct WaitingLine {
    kind: &'static str,
    active: bool,
    store: bool,
    count: Option<u8>,
    profile: u8,
}

#[derive(Serialize)]
struct ElementLine {
    id: u8,
    name: &'static str,
    /// In words; none for what is unknown here, or cannot be.
    meaning: Option<String>,
    /// Hex.
    data: String,
}

impl DecodedLine {
    fn new(pdu: &Pdu) -> Self {
        match pdu {
            Pdu::Submit(submit) => Self {
                r#type: "submit",
                smsc: submit.smsc.as_ref().map(Party::to_string),
                validity: submit.validity.map(shown_validity),
                message_reference: Some(submit.reference),
                flags: set(&[
                    ("reject-duplicates", submit.reject_duplicates),
                    ("status-report", submit.status_report),
                    ("reply-path", submit.reply_path),
                ]),
                ..Self::default()
            }
            .with_party(&submit.to, submit.toa)
            .with_pid(Some(submit.pid))
            .with_content(&submit.content),
            Pdu::Deliver(deliver) => Self {
                r#type: "deliver",
                smsc: deliver.smsc.as_ref().map(Party::to_string),
                timestamp: shown_stamp(deliver.timestamp),
                zone: deliver.timestamp.zone().map(shown_zone),
                odd_dates: odd(&[deliver.timestamp]),
                flags: set(&[
                    ("more-messages", deliver.more),
                    ("loop-prevention", deliver.loop_prevention),
                    ("status-report", deliver.status_report),
                    ("reply-path", deliver.reply_path),
                ]),
                ..Self::default()
            }
            .with_party(&deliver.from, deliver.toa)
            .with_pid(Some(deliver.pid))
            .with_content(&deliver.content),
            Pdu::StatusReport(report) => Self::of_report(report),
        }
    }

    fn of_report(report: &StatusReport) -> Self {
        let line = Self {
            r#type: "status-report",
            smsc: report.smsc.as_ref().map(Party::to_string),
            timestamp: shown_stamp(report.timestamp),
            zone: report.timestamp.zone().map(shown_zone),
            discharged: shown_stamp(report.discharged),
            odd_dates: odd(&[report.timestamp, report.discharged]),
            status: Some(report.status),
            status_meaning: Some(status_name(report.status)),
            message_reference: Some(report.reference),
            flags: set(&[
                ("more-messages", report.more),
                ("loop-prevention", report.loop_prevention),
                ("of-a-command", report.of_a_command),
            ]),
            ..Self::default()
        }
        .with_party(&report.to, report.toa);
        let line = match report.parameters() {
            Ok(parameters) => {
                let line = line.with_pid(parameters.pid).with_dcs(parameters.dcs);
                match &parameters.content {
                    Some(content) => line.with_content(content),
                    None => line,
                }
            }
            Err(_) => Self {
                parameters: Some(pdu::hex(&report.parameters)),
                ..line
            },
        };
        Self {
            reference: Some(report.reference.into()),
            ..line
        }
    }

    fn with_party(self, party: &Party, toa: Toa) -> Self {
        Self {
            number: party.to_string(),
            number_type: toa.number_type(),
            number_plan: toa.plan(),
            ..self
        }
    }

    fn with_pid(self, pid: Option<u8>) -> Self {
        Self {
            pid,
            pid_meaning: pid.and_then(pid_name),
            ..self
        }
    }

    fn with_dcs(self, dcs: Option<Dcs>) -> Self {
        Self {
            class: dcs.and_then(Dcs::class),
            dcs: dcs.map(|dcs| dcs.0),
            dcs_meaning: dcs.map(|dcs| dcs.to_string()),
            ..self
        }
    }

    fn with_content(self, content: &Content) -> Self {
        let concat = content.concat();
        let (elements, header_fault) = match udh::parse(&content.udh) {
            Ok(elements) => (elements, None),
            Err(fault) => (Vec::new(), Some(fault.to_string())),
        };
        Self {
            text: content.text().map(str::to_owned),
            data: match &content.body {
                Body::Data(data) => Some(pdu::hex(data)),
                Body::Text(_) => None,
            },
            encoding: Some(content.encoding().name()),
            udh: (!content.udh.is_empty()).then(|| pdu::hex(&content.udh)),
            reference: concat.map(|concat| concat.reference),
            part: concat.map(|concat| concat.part),
            parts: concat.map(|concat| concat.parts),
            waiting: content.waiting().iter().map(WaitingLine::of).collect(),
            elements: elements.iter().map(ElementLine::of).collect(),
            header_fault,
            ..self.with_dcs(Some(content.dcs))
        }
    }

    /// What is there, a line each.
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let lines = [
            ("type", Some(self.r#type.to_owned())),
            ("smsc", self.smsc.clone()),
            ("number", Some(one_line(&self.number))),
            ("number type", Some(self.shown_type())),
            ("text", self.text.as_deref().map(one_line)),
            ("data", self.data.clone()),
            ("encoding", self.encoding.map(str::to_owned)),
            ("udh", self.udh.clone()),
            ("header ignored", self.header_fault.clone()),
        ];
        print(&lines, out)?;
        for element in &self.elements {
            let meaning = element.meaning.as_ref().unwrap_or(&element.data);
            let ElementLine { id, name, .. } = element;
            writeln!(out, "element: {id:02X} {name}: {meaning}")?;
        }
        for waiting in &self.waiting {
            writeln!(out, "waiting: {}", waiting.shown())?;
        }
        let words = |octet: Option<u8>, meaning: Option<&str>| match (octet, meaning) {
            (Some(octet), Some(meaning)) => Some(format!("{octet:02X} ({meaning})")),
            (octet, _) => octet.map(|octet| format!("{octet:02X}")),
        };
        let part = self.part.zip(self.parts);
        let class = |class| format!("{class} ({})", class_name(class));
        let lines = [
            ("reference", self.reference.map(|number| number.to_string())),
            (
                "part",
                part.map(|(part, parts)| format!("{part} of {parts}")),
            ),
            ("class", self.class.map(class)),
            ("pid", words(self.pid, self.pid_meaning)),
            ("dcs", words(self.dcs, self.dcs_meaning.as_deref())),
            ("validity", self.validity.clone()),
            ("timestamp", self.timestamp.clone()),
            ("zone", self.zone.clone()),
            ("discharged", self.discharged.clone()),
            ("no date", listed(&self.odd_dates)),
            ("status", words(self.status, self.status_meaning)),
            (
                "message reference",
                self.message_reference.map(|mr| mr.to_string()),
            ),
            ("flags", listed(&self.flags)),
            ("parameters", self.parameters.clone()),
        ];
        print(&lines, out)
    }

    fn shown_type(&self) -> String {
        match self.number_plan {
            Some(plan) => format!("{}, plan {plan}", self.number_type),
            None => self.number_type.to_owned(),
        }
    }
}

impl WaitingLine {
    fn of(waiting: &Waiting) -> Self {
        let Waiting {
            kind,
            active,
            store,
            count,
            profile,
        } = *waiting;
        Self {
            kind: kind.name(),
            active,
            store,
            count,
            profile,
        }
    }

    fn shown(&self) -> String {
        let count = match self.count {
            _ if !self.active => "none".to_owned(),
            Some(count) => count.to_string(),
            None => "yes".to_owned(),
        };
        let kept = if self.store { "stored" } else { "discarded" };
        format!(
            "{}: {count}, profile {}, to be {kept}",
            self.kind, self.profile
        )
    }
}

impl ElementLine {
    fn of(element: &Element) -> Self {
        Self {
            id: element.id,
            name: udh::name(element),
            meaning: udh::value(element).map(|value| value.to_string()),
            data: pdu::hex(element.data),
        }
    }
}

fn print(lines: &[(&str, Option<String>)], out: &mut dyn Write) -> io::Result<()> {
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name}: {value}")?;
        }
    }
    Ok(())
}

fn set(flags: &[(&'static str, bool)]) -> Vec<&'static str> {
    let set = flags.iter().filter(|(_, set)| *set);
    set.map(|(name, _)| *name).collect()
}

fn listed<T: AsRef<str>>(words: &[T]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn odd(stamps: &[Stamp]) -> Vec<String> {
    let odd = stamps.iter().filter(|stamp| stamp.time().is_none());
    odd.map(|stamp| pdu::hex(&stamp.0)).collect()
}

/// A text from a phone may hold what steers a terminal.
fn one_line(text: &str) -> String {
    let shown = |c: char| match c {
        '\\' => "\\\\".to_owned(),
        c if crate::sms::clean::is_harmful(c) && !matches!(c, '\u{200d}' | '\u{fe0f}') => {
            c.escape_default().to_string()
        }
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn shown_stamp(stamp: Stamp) -> Option<String> {
    stamp.time().map(|time| time.to_string())
}

fn shown_zone(quarters: i8) -> String {
    let sign = if quarters < 0 { '-' } else { '+' };
    let quarters = quarters.unsigned_abs();
    format!("{sign}{:02}:{:02}", quarters / 4, quarters % 4 * 15)
}

fn shown_validity(validity: Validity) -> String {
    let enhanced = match validity {
        Validity::Relative(duration) => return shown_duration(duration),
        Validity::Absolute(stamp) => {
            return shown_stamp(stamp).unwrap_or_else(|| pdu::hex(&stamp.0));
        }
        Validity::Enhanced(enhanced) => enhanced,
    };
    let period = enhanced.period().map(shown_duration);
    match (period, enhanced.single_shot()) {
        (Some(period), false) => period,
        (Some(period), true) => format!("{period}, one attempt"),
        (None, true) if enhanced.0[1..] == [0; 6] => "one attempt".to_owned(),
        (None, _) => pdu::hex(&enhanced.0),
    }
}

/// In the largest unit that leaves nothing over, but in days rather than weeks.
fn shown_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let whole = UNITS[1..]
        .iter()
        .find(|(_, unit)| seconds.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(&("s", 1));
    format!("{}{name}", seconds / unit)
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::super::tests::{check, ran};
    use super::*;

    #[test]
    fn decodes_as_json() {
        check(
            &[
                "decode",
                "--json",
                "0011000B916407281553F80000AA0AE8329BFD4697D9EC37",
            ],
            "{\"type\":\"submit\",\"smsc\":null,\"number\":\"+46708251358\",\"text\":\"hellohello\",\
             \"data\":null,\"encoding\":\"gsm7\",\"udh\":null,\"reference\":null,\"part\":null,\
             \"parts\":null,\"class\":null,\"pid\":0,\"dcs\":0,\"validity\":\"4d\",\
             \"timestamp\":null,\"status\":null,\
             \"number_type\":\"international\",\"number_plan\":\"E.164\",\"zone\":null,\
             \"discharged\":null,\"status_meaning\":null,\"pid_meaning\":null,\
             \"dcs_meaning\":\"GSM 7-bit\",\"message_reference\":0,\"flags\":[],\"waiting\":[],\
             \"elements\":[],\"header_fault\":null,\"odd_dates\":[],\"parameters\":null}\n",
        );
        check(
            &[
                "decode",
                "--json",
                "0006D60B915155214365F7621120210000006211202100100000",
            ],
            "{\"type\":\"status-report\",\"smsc\":null,\"number\":\"+15551234567\",\"text\":null,\
             \"data\":null,\"encoding\":null,\"udh\":null,\"reference\":214,\"part\":null,\
             \"parts\":null,\"class\":null,\"pid\":null,\"dcs\":null,\"validity\":null,\
             \"timestamp\":\"2026-11-02T12:00:00Z\",\"status\":0,\
             \"number_type\":\"international\",\"number_plan\":\"E.164\",\"zone\":\"+00:00\",\
             \"discharged\":\"2026-11-02T12:00:01Z\",\"status_meaning\":\"the phone has it\",\
             \"pid_meaning\":null,\"dcs_meaning\":null,\"message_reference\":214,\"flags\":[],\
             \"waiting\":[],\"elements\":[],\"header_fault\":null,\"odd_dates\":[],\
             \"parameters\":null}\n",
        );
    }

    #[test]
    fn decodes_for_people() {
        check(
            &[
                "decode",
                "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
            ],
            "type: deliver\nsmsc: +27381000015\nnumber: 27838890001\n\
             number type: subscriber, plan national\ntext: hellohello\nencoding: gsm7\npid: 00\n\
             dcs: 00 (GSM 7-bit)\ntimestamp: 1999-03-29T13:16:59Z\nzone: +02:00\n",
        );
    }

    #[test]
    fn shows_what_waits_and_every_element() {
        check(
            &[
                "decode",
                "004407D0C161B30841D9FFFFFFFFFFFFFF140E010280050003070201A9012AC000003A0D",
            ],
            "type: deliver\nnumber: ACME\nnumber type: alphanumeric\ntext: hi\nencoding: gsm7\n\
             udh: 0E010280050003070201A9012AC000\n\
             element: 01 special SMS message indication: voicemail waiting: 5, to be stored\n\
             element: 00 concatenation, 8-bit reference: part 1 of 2, reference 7\n\
             element: A9 reserved: 2A\nelement: C0 service centre, specific use: \n\
             waiting: voicemail: 5, profile 1, to be stored\n\
             waiting: fax: yes, profile 1, to be stored\nreference: 7\npart: 1 of 2\n\
             pid: 41 (replaces type 1)\ndcs: D9 (GSM 7-bit, fax waiting, to be stored)\n\
             no date: FFFFFFFFFFFFFF\n",
        );
        let (out, _) = ran(&[
            "decode",
            "--json",
            "004405812255F50000FFFFFFFFFFFFFF05030401C000",
        ]);
        let element = "\"elements\":[{\"id\":4,\"name\":\"application port, 8-bit\",\
                       \"meaning\":null,\"data\":\"C0\"}]";
        assert!(out.contains(element), "{out}");
    }

    #[test]
    fn shows_all_of_a_status_report() {
        check(
            &[
                "decode",
                "0022D60B915155214365F70000000000000062112021001000460741F502DEAD",
            ],
            "type: status-report\nnumber: +15551234567\n\
             number type: international, plan E.164\ndata: DEAD\nencoding: binary\n\
             reference: 214\nclass: 1 (phone)\npid: 41 (replaces type 1)\n\
             dcs: F5 (8-bit data, class 1 (phone))\nzone: +00:00\n\
             discharged: 2026-11-02T12:00:01Z\nno date: 00000000000000\n\
             status: 46 (the phone was not reached before the SMS expired)\nmessage reference: 214\n\
             flags: more-messages, of-a-command\n",
        );
        let (out, result) = ran(&[
            "decode",
            "0006D60B915155214365F762112021000000621120210010000007000005E8",
        ]);
        result.unwrap();
        assert!(out.ends_with("parameters: 07000005E8\n"), "{out}");
    }

    #[test]
    fn shows_how_long_it_is_valid() {
        let enhanced = |octets| Validity::Enhanced(pdu::Enhanced(octets));
        for (octets, shown) in [
            ([0x40, 0, 0, 0, 0, 0, 0], "one attempt"),
            ([0x42, 30, 0, 0, 0, 0, 0], "30s, one attempt"),
            ([0x03, 0x21, 0x43, 0x00, 0, 0, 0], "754m"),
            ([0x05, 1, 0, 0, 0, 0, 0], "05010000000000"),
        ] {
            assert_eq!(shown_validity(enhanced(octets)), shown);
        }
        let absolute = |octets| shown_validity(Validity::Absolute(Stamp(octets)));
        assert_eq!(absolute([0xFF; 7]), "FFFFFFFFFFFFFF");
        assert_eq!(
            absolute([0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0x40]),
            "2026-11-20T11:00:00Z"
        );
    }

    #[test]
    fn joins_what_it_cut() {
        for bits in ["8", "16"] {
            let text = "Line one\nand €".repeat(20);
            let (lines, _) = ran(&[
                "encode",
                "--to",
                "+15551234567",
                "--concat",
                bits,
                "--reference",
                "513",
                &text,
            ]);
            let hex: Vec<&str> = lines
                .lines()
                .rev()
                .filter_map(|line| line.split(' ').next())
                .collect();
            assert_eq!(hex.len(), 2);
            let (out, result) = ran(&[&["decode"], hex.as_slice()].concat());
            result.unwrap();
            let joined = format!("\n2 parts joined: {}\n", text.replace('\n', "\\n"));
            assert!(out.ends_with(&joined), "{out}");
            let reference = if bits == "8" { 1 } else { 513 };
            assert!(
                out.contains(&format!("reference: {reference}\npart: 2 of 2")),
                "{out}"
            );
        }
    }

    #[test]
    fn reads_lines() {
        let lines = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37 23\r\n\n00\n000000\n";
        let mut out = Vec::new();
        let error = decode(lines.as_bytes().lines(), true, &mut out).unwrap_err();
        assert_eq!(out.iter().filter(|octet| **octet == b'\n').count(), 1);
        assert_eq!(
            error.to_string(),
            "PDU 2: octet 1, first octet: octets needed: 1, left: 0\n\
             PDU 3: this is an SMS-DELIVER-REPORT, which no phone stores or sends as an SMS"
        );
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(
            one_line("a\u{1b}[2J\nb\\n\u{202e}👨‍👩"),
            "a\\u{1b}[2J\\nb\\\\n\\u{202e}👨‍👩"
        );
    }

    #[test]
    fn durations_and_zones() {
        assert_eq!(shown_duration(Duration::from_secs(45_000)), "750m");
        assert_eq!(shown_zone(-29), "-07:15");
        assert_eq!(shown_zone(22), "+05:30");
    }
}
