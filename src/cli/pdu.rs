//! `sms-milter pdu encode` and `pdu decode`: SMS PDUs, for the curious and for support.
//!
//! Needs no configuration, no store and no modem. `encode` prints a line for each segment, hex and
//! the length that AT+CMGS wants; `decode` takes such lines back. With `--json`, an object a line
//! (spec 14). A PDU that cannot be read does not keep the others from being printed.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use crate::sms::segment::{self, CutError, Options};
use crate::sms::{Concat, Party};
use crate::wire::pdu::{
    self, Body, Content, DecodeError, EncodeError, Pdu, Stamp, StatusReport, Submit, Validity,
};

/// What `sms-milter pdu` was asked to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Cut a text into segments and print an SMS-SUBMIT for each, with its AT+CMGS length
    Encode(EncodeArgs),
    /// Say what is in SMS-SUBMIT, SMS-DELIVER and SMS-STATUS-REPORT PDUs
    Decode(DecodeArgs),
}

#[derive(Debug, clap::Args)]
struct EncodeArgs {
    /// The receiver: +15551234567, or the digits of a short code
    #[arg(long, value_name = "N", value_parser = receiver)]
    to: Party,
    /// Show it at once and keep it nowhere (class 0)
    #[arg(long)]
    flash: bool,
    /// Ask for a status report
    #[arg(long)]
    receipt: bool,
    /// Give up after this time: 30m, 6h, 2d
    #[arg(long, value_name = "D", value_parser = duration)]
    validity: Option<Duration>,
    /// Bits of the reference that joins the segments
    #[arg(long, value_name = "BITS", default_value = "8")]
    concat: Bits,
    /// The reference itself
    #[arg(long, value_name = "R", default_value_t = 0)]
    reference: u16,
    /// Print an object a line
    #[arg(long)]
    json: bool,
    /// What to say
    text: String,
}

#[derive(Debug, clap::Args)]
struct DecodeArgs {
    /// Print an object a line
    #[arg(long)]
    json: bool,
    /// PDUs with the service centre's address, as AT+CMGL shows them; - or none reads lines
    hex: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bits {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
}

/// Why it was not done, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum PduError {
    /// The text takes too many segments.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// The receiver does not fit.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Some PDUs cannot be read; the others were printed.
    #[error("{}", .0.iter().map(|(n, e)| format!("PDU {n}: {e}")).collect::<Vec<_>>().join("\n"))]
    Decode(Vec<(usize, DecodeError)>),
    /// Standard input or output.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Does what the arguments say.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), PduError> {
    match &args.command {
        Command::Encode(args) => encode(args, out),
        Command::Decode(args) if args.hex.is_empty() || args.hex == ["-"] => {
            decode(io::stdin().lock().lines(), args.json, out)
        }
        Command::Decode(args) => decode(args.hex.iter().cloned().map(Ok), args.json, out),
    }
}

fn encode(args: &EncodeArgs, out: &mut dyn Write) -> Result<(), PduError> {
    let wide = matches!(args.concat, Bits::Sixteen);
    let options = Options {
        reference: args.reference,
        wide,
        ..Options::default()
    };
    for segment in segment::cut(&args.text, &options)?.segments {
        let mut submit = Submit::new(args.to.clone(), Content::segment(&segment, args.flash));
        submit.status_report = args.receipt;
        submit.validity = args.validity.map(Validity::Relative);
        let encoded = submit.encode()?;
        if args.json {
            let line = EncodedLine {
                pdu: &encoded.hex,
                length: encoded.tpdu_length,
                text: &segment.text,
                encoding: segment.encoding.name(),
                units: segment.units,
                udh: pdu::hex(&submit.content.udh),
            };
            json(&line, out)?;
        } else {
            writeln!(out, "{} {}", encoded.hex, encoded.tpdu_length)?;
        }
    }
    Ok(())
}

/// The first word of each line is a PDU; what stands behind it is what `encode` prints there.
fn decode(
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

#[derive(Serialize)]
struct EncodedLine<'a> {
    pdu: &'a str,
    length: usize,
    text: &'a str,
    encoding: &'a str,
    units: usize,
    udh: String,
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
}

impl DecodedLine {
    fn new(pdu: &Pdu) -> Self {
        match pdu {
            Pdu::Submit(submit) => Self {
                r#type: "submit",
                smsc: submit.smsc.as_ref().map(Party::to_string),
                number: submit.to.to_string(),
                pid: Some(submit.pid),
                validity: submit.validity.map(shown_validity),
                ..Self::of(&submit.content)
            },
            Pdu::Deliver(deliver) => Self {
                r#type: "deliver",
                smsc: deliver.smsc.as_ref().map(Party::to_string),
                number: deliver.from.to_string(),
                pid: Some(deliver.pid),
                timestamp: shown_stamp(deliver.timestamp),
                ..Self::of(&deliver.content)
            },
            Pdu::StatusReport(StatusReport {
                smsc,
                reference,
                to,
                timestamp,
                status,
                ..
            }) => Self {
                r#type: "status-report",
                smsc: smsc.as_ref().map(Party::to_string),
                number: to.to_string(),
                reference: Some((*reference).into()),
                timestamp: shown_stamp(*timestamp),
                status: Some(*status),
                ..Self::default()
            },
        }
    }

    fn of(content: &Content) -> Self {
        let concat = content.concat();
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
            class: content.dcs.class(),
            dcs: Some(content.dcs.0),
            ..Self::default()
        }
    }

    /// What is there, a line each.
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let hex = |octet: u8| format!("{octet:02X}");
        let number = |number: Option<u8>| number.map(|number| number.to_string());
        let lines = [
            ("type", Some(self.r#type.to_owned())),
            ("smsc", self.smsc.clone()),
            ("number", Some(self.number.clone())),
            ("text", self.text.as_deref().map(one_line)),
            ("data", self.data.clone()),
            ("encoding", self.encoding.map(str::to_owned)),
            ("udh", self.udh.clone()),
            (
                "reference",
                self.reference.map(|reference| reference.to_string()),
            ),
            (
                "part",
                self.part
                    .zip(self.parts)
                    .map(|(part, parts)| format!("{part} of {parts}")),
            ),
            ("class", number(self.class)),
            ("pid", self.pid.map(hex)),
            ("dcs", self.dcs.map(hex)),
            ("validity", self.validity.clone()),
            ("timestamp", self.timestamp.clone()),
            ("status", self.status.map(hex)),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                writeln!(out, "{name}: {value}")?;
            }
        }
        Ok(())
    }
}

fn json(line: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
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

fn shown_validity(validity: Validity) -> String {
    match validity {
        Validity::Relative(duration) => shown_duration(duration),
        Validity::Absolute(stamp) => shown_stamp(stamp).unwrap_or_else(|| pdu::hex(&stamp.0)),
        Validity::Enhanced(octets) => pdu::hex(&octets),
    }
}

/// Units of a duration as the configuration writes them, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3600),
    ("m", 60),
    ("s", 1),
];

/// In the largest unit that leaves nothing over, but in days rather than weeks.
fn shown_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let whole = UNITS[1..]
        .iter()
        .find(|(_, unit)| seconds.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(&("s", 1));
    format!("{}{name}", seconds / unit)
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write 30m, 6h or 2d");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS
        .iter()
        .find(|(name, _)| *name == &text[digits.len()..]);
    let (_, unit) = unit.ok_or_else(wrong)?;
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count
        .checked_mul(*unit)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

fn receiver(text: &str) -> Result<Party, String> {
    match Party::from_network(text) {
        Party::Name(_) => Err(format!("{text:?} is not a number; write +15551234567")),
        party => Ok(party),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn ran(words: &[&str]) -> (String, Result<(), PduError>) {
        let words = ["pdu"].iter().chain(words);
        let cli = Cli::try_parse_from(words).unwrap();
        let mut out = Vec::new();
        let result = run(&cli.args, &mut out);
        (String::from_utf8(out).unwrap(), result)
    }

    #[track_caller]
    fn check(words: &[&str], wanted: &str) {
        let (out, result) = ran(words);
        result.unwrap();
        assert_eq!(out, wanted);
    }

    #[test]
    fn encodes() {
        check(
            &[
                "encode",
                "--to",
                "+46708251358",
                "--validity",
                "4d",
                "hellohello",
            ],
            "0011000B916407281553F80000AA0AE8329BFD4697D9EC37 23\n",
        );
        check(
            &[
                "encode",
                "--to",
                "22555",
                "--flash",
                "--receipt",
                "--json",
                "hi",
            ],
            "{\"pdu\":\"00210005812255F5001002E834\",\"length\":12,\"text\":\"hi\",\"encoding\":\"gsm7\",\"units\":2,\"udh\":\"\"}\n",
        );
    }

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
             \"timestamp\":null,\"status\":null}\n",
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
             \"timestamp\":\"2026-11-02T12:00:00Z\",\"status\":0}\n",
        );
    }

    #[test]
    fn decodes_for_people() {
        check(
            &[
                "decode",
                "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
            ],
            "type: deliver\nsmsc: +27381000015\nnumber: 27838890001\ntext: hellohello\n\
             encoding: gsm7\npid: 00\ndcs: 00\ntimestamp: 1999-03-29T13:16:59Z\n",
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
        let lines = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37 23\r\n\n00\n";
        let mut out = Vec::new();
        let error = decode(lines.as_bytes().lines(), true, &mut out).unwrap_err();
        assert_eq!(out.iter().filter(|octet| **octet == b'\n').count(), 1);
        assert_eq!(
            error.to_string(),
            "PDU 2: octet 1, first octet: octets needed: 1, left: 0"
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
    fn wrong_words_are_named() {
        assert_eq!(
            duration("2x"),
            Err("\"2x\" is not a duration; write 30m, 6h or 2d".to_owned())
        );
        assert_eq!(duration("90m"), Ok(Duration::from_secs(5400)));
        assert!(
            duration("m").is_err()
                && duration("").is_err()
                && duration("99999999999999999999d").is_err()
        );
        assert!(receiver("ACME").is_err());
        assert_eq!(shown_duration(Duration::from_secs(45_000)), "750m");
    }
}
