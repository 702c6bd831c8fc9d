//! `pdu encode`: an SMS-SUBMIT, or an SMS-DELIVER as a network would send it, of what the options say.

use std::io::Write;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde::Serialize;

use super::{PduError, UNITS, json};
use crate::sms::segment::{self, Coding, Options};
use crate::sms::{Encoding, Language, Party, Shifts, alphabet, udh};
use crate::wire::pdu::{
    self, Body, Content, Dcs, Deliver, Encoded, Enhanced, Stamp, Submit, Toa, Validity,
};

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("party").required(true).args(["to", "from"]))]
#[command(group = clap::ArgGroup::new("body").required(true).args(["text", "binary"]))]
pub(super) struct EncodeArgs {
    /// The receiver: +15551234567, a short code, or digits with * and #
    #[arg(long, value_name = "N", value_parser = number)]
    to: Option<Party>,
    /// The sender, or its name: makes an SMS-DELIVER, as a network sends it to a phone
    #[arg(long, value_name = "N", value_parser = sender, requires = "at")]
    from: Option<Party>,
    /// When the service centre got the SMS-DELIVER: 2026-11-20T12:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = stamp, requires = "from")]
    at: Option<Stamp>,
    /// The type of the number, in hex, where the usual 91, 81 or D0 is not wanted
    #[arg(long, value_name = "HH", value_parser = octet)]
    toa: Option<u8>,
    /// The service centre; without it the SIM's own
    #[arg(long, value_name = "N", value_parser = number)]
    smsc: Option<Party>,
    /// Octets instead of a text
    #[arg(long, value_name = "HEX", value_parser = octets)]
    binary: Option<Octets>,
    /// The user data header; what it heads is not cut then
    #[arg(long, value_name = "HEX", value_parser = header)]
    udh: Option<Octets>,
    /// The alphabet; auto takes the shorter one
    #[arg(
        long,
        value_name = "NAME",
        default_value = "auto",
        conflicts_with = "binary"
    )]
    coding: Alphabet,
    /// A language whose letter tables may be used when they save segments: turkish (repeatable)
    #[arg(long, value_name = "NAME", value_parser = language, conflicts_with_all = ["binary", "udh"])]
    language: Vec<Language>,
    /// Show it at once and keep it nowhere (class 0)
    #[arg(long)]
    flash: bool,
    /// The message class: 0 flash, 1 phone, 2 SIM, 3 terminal equipment
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u8).range(0..=3), conflicts_with = "flash")]
    class: Option<u8>,
    /// The data coding scheme itself, in hex
    #[arg(long, value_name = "HH", value_parser = octet, conflicts_with_all = ["flash", "class", "coding"])]
    dcs: Option<u8>,
    /// The protocol identifier, in hex
    #[arg(long, value_name = "HH", value_parser = octet, default_value = "00")]
    pid: u8,
    /// Ask for a status report
    #[arg(long, alias = "report")]
    receipt: bool,
    /// Give up after this time: 30m, 6h, 2d
    #[arg(long, value_name = "D", value_parser = duration, conflicts_with = "from")]
    validity: Option<Duration>,
    /// Give up at this time: 2026-11-20T12:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = stamp, conflicts_with_all = ["from", "validity"])]
    until: Option<Stamp>,
    /// Try once, no more
    #[arg(long, conflicts_with_all = ["from", "until"])]
    single_shot: bool,
    /// Have it dropped where one with this --mr is still held
    #[arg(long, conflicts_with = "from")]
    reject_duplicates: bool,
    /// The message reference (TP-MR)
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "from")]
    mr: u8,
    /// Answers go through the same service centre
    #[arg(long)]
    reply_path: bool,
    /// More messages wait in the service centre
    #[arg(long, conflicts_with = "to")]
    more: bool,
    /// It was forwarded, or sent by a machine
    #[arg(long, conflicts_with = "to")]
    loop_prevention: bool,
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
    text: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bits {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Alphabet {
    Auto,
    Gsm7,
    Ucs2,
}

/// For clap, which would take a `Vec` for a list of values.
#[derive(Clone, Debug)]
struct Octets(Vec<u8>);

/// Spec 14.
#[derive(Serialize)]
struct EncodedLine<'a> {
    pdu: &'a str,
    length: usize,
    text: Option<&'a str>,
    data: Option<String>,
    encoding: &'static str,
    units: usize,
    udh: String,
    /// The national tables, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    locking: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    single: Option<&'static str>,
}

pub(super) fn encode(args: &EncodeArgs, out: &mut dyn Write) -> Result<(), PduError> {
    for (content, units) in contents(args)? {
        let encoded = tpdu(args, content.clone())?;
        let shifts = content.shifts();
        if args.json {
            let line = EncodedLine {
                pdu: &encoded.hex,
                length: encoded.tpdu_length,
                text: content.text(),
                data: match &content.body {
                    Body::Text(_) => None,
                    Body::Data(data) => Some(pdu::hex(data)),
                },
                encoding: content.encoding().name(),
                units,
                udh: pdu::hex(&content.udh),
                locking: shifts.locking.map(Language::name),
                single: shifts.single.map(Language::name),
            };
            json(&line, out)?;
        } else {
            writeln!(out, "{} {}", encoded.hex, encoded.tpdu_length)?;
        }
    }
    Ok(())
}

/// The user data of each SMS, and how many units its body has.
fn contents(args: &EncodeArgs) -> Result<Vec<(Content, usize)>, PduError> {
    let udh = args.udh.as_ref().map(|udh| udh.0.clone());
    let class = if args.flash { Some(0) } else { args.class };
    let dcs = |encoding| args.dcs.map_or(Dcs::with_class(encoding, class), Dcs);
    let text = match (&args.binary, &args.text) {
        (Some(Octets(data)), _) => {
            let units = data.len();
            let mut content = Content::binary(data.clone(), udh.unwrap_or_default());
            content.dcs = dcs(Encoding::Binary);
            return Ok(vec![(content, units)]);
        }
        (None, text) => text.as_deref().unwrap_or_default(),
    };
    let coding = match (args.dcs.map(|dcs| Dcs(dcs).encoding()), args.coding) {
        (Some(Encoding::Gsm7), _) | (None, Alphabet::Gsm7) => Coding::Gsm7,
        (Some(Encoding::Ucs2), _) | (None, Alphabet::Ucs2) => Coding::Ucs2,
        (Some(Encoding::Binary), _) | (None, Alphabet::Auto) => Coding::Auto,
    };
    if let Some(udh) = udh {
        return Ok(vec![headed(text, udh, coding, dcs)]);
    }
    let options = Options {
        coding,
        languages: args.language.iter().copied().collect(),
        reference: args.reference,
        wide: matches!(args.concat, Bits::Sixteen),
        ..Options::default()
    };
    let content = |segment: &crate::sms::Segment| {
        let mut content = Content::segment(segment, false);
        content.dcs = dcs(segment.encoding);
        (content, segment.units)
    };
    Ok(segment::cut(text, &options)?
        .segments
        .iter()
        .map(content)
        .collect())
}

/// A text behind a header of the user's own, which may name national tables.
fn headed(
    text: &str,
    udh: Vec<u8>,
    coding: Coding,
    dcs: impl Fn(Encoding) -> Dcs,
) -> (Content, usize) {
    let mut content = Content {
        dcs: dcs(Encoding::Gsm7),
        udh,
        body: Body::Text(text.to_owned()),
    };
    let shifts: Shifts = content.shifts();
    let septets = alphabet::encode_with(text, shifts).filter(|_| coding != Coding::Ucs2);
    let units = match septets {
        Some(septets) => septets.len(),
        // GSM-7 that was asked for and does not fit is refused when it is encoded.
        None if coding == Coding::Gsm7 => 0,
        None => {
            content.dcs = dcs(Encoding::Ucs2);
            text.encode_utf16().count()
        }
    };
    (content, units)
}

fn tpdu(args: &EncodeArgs, content: Content) -> Result<Encoded, PduError> {
    if let (Some(from), Some(at)) = (&args.from, args.at) {
        let mut deliver = Deliver::new(from.clone(), content, at);
        deliver.toa = toa(args, from);
        deliver.smsc = args.smsc.clone();
        deliver.pid = args.pid;
        deliver.more = args.more;
        deliver.loop_prevention = args.loop_prevention;
        deliver.status_report = args.receipt;
        deliver.reply_path = args.reply_path;
        return Ok(deliver.encode()?);
    }
    let Some(to) = &args.to else {
        return Err(PduError::Nobody);
    };
    let mut submit = Submit::new(to.clone(), content);
    submit.toa = toa(args, to);
    submit.smsc = args.smsc.clone();
    submit.pid = args.pid;
    submit.reference = args.mr;
    submit.status_report = args.receipt;
    submit.reject_duplicates = args.reject_duplicates;
    submit.reply_path = args.reply_path;
    submit.validity = match (args.validity, args.until) {
        (period, None) if args.single_shot => Some(Validity::Enhanced(Enhanced::new(period, true))),
        (_, Some(until)) => Some(Validity::Absolute(until)),
        (period, None) => period.map(Validity::Relative),
    };
    Ok(submit.encode()?)
}

fn toa(args: &EncodeArgs, party: &Party) -> Toa {
    let digits = |party: &Party| is_dialled(&party.to_string());
    match args.toa {
        Some(toa) => Toa(toa),
        // `*21#` goes out as digits, not as a name.
        None if matches!(party, Party::Name(_)) && digits(party) => Toa::UNKNOWN,
        None => Toa::of(party),
    }
}

fn is_dialled(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || c == '*' || c == '#')
}

fn number(text: &str) -> Result<Party, String> {
    match Party::from_network(text) {
        Party::Name(_) if !is_dialled(text) => {
            Err(format!("{text:?} is not a number; write +15551234567"))
        }
        party => Ok(party),
    }
}

fn sender(text: &str) -> Result<Party, String> {
    match text.trim() {
        "" => Err("a sender is a number or a name".to_owned()),
        text => Ok(Party::from_network(text)),
    }
}

fn language(name: &str) -> Result<Language, String> {
    Language::parse(name).ok_or_else(|| {
        let known = Language::ALL.map(Language::name).join(", ");
        format!("there are no tables for {name:?}, only for {known}")
    })
}

fn octet(text: &str) -> Result<u8, String> {
    match pdu::octets_of(text).as_deref() {
        Ok([octet]) => Ok(*octet),
        _ => Err(format!(
            "{text:?} is not an octet; write two hex digits such as 0F"
        )),
    }
}

/// With its length octet or without.
fn header(text: &str) -> Result<Octets, String> {
    let octets = octets(text)?.0;
    udh::read(&octets)
        .map(Octets)
        .map_err(|error| error.to_string())
}

fn octets(text: &str) -> Result<Octets, String> {
    let octets = pdu::octets_of(text).map_err(|error| error.to_string())?;
    Ok(Octets(octets))
}

/// A time with the zone it is to be told in.
fn stamp(text: &str) -> Result<Stamp, String> {
    let wrong = || format!("{text:?} is not a time; write 2026-11-20T12:00:00+01:00");
    let time: Timestamp = text.parse().map_err(|_| wrong())?;
    let pieces = Pieces::parse(text).map_err(|_| wrong())?;
    let seconds = pieces
        .to_numeric_offset()
        .map_or(0, |offset| offset.seconds());
    let quarters = i8::try_from(seconds / 900)
        .ok()
        .filter(|_| seconds % 900 == 0);
    quarters
        .and_then(|quarters| Stamp::new(time, quarters))
        .ok_or_else(|| {
            format!("{text:?} does not fit: years 1990 to 2089, zones in quarters of an hour")
        })
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

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parsed, ran, refused};
    use super::*;

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
            "{\"pdu\":\"00210005812255F5001002E834\",\"length\":12,\"text\":\"hi\",\"data\":null,\
             \"encoding\":\"gsm7\",\"units\":2,\"udh\":\"\"}\n",
        );
    }

    /// The PDUs of a text in which tables may be used: their tables, and the text read back.
    #[track_caller]
    fn check_tables(languages: &[&str], text: &str, wanted: &[(Option<&str>, Option<&str>)]) {
        let mut words = vec!["encode", "--to", "+15551234567", "--json"];
        words.extend(languages.iter().flat_map(|name| ["--language", name]));
        let (lines, result) = ran(&[&words[..], &[text]].concat());
        result.expect("PDUs");
        let lines: Vec<serde_json::Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let tables: Vec<_> = lines
            .iter()
            .map(|line| (line["locking"].as_str(), line["single"].as_str()))
            .collect();
        assert_eq!(tables, wanted);
        let read = |line: &serde_json::Value| match pdu::decode(line["pdu"].as_str()?) {
            Ok(pdu::Pdu::Submit(submit)) => submit.content.text().map(str::to_owned),
            _ => None,
        };
        assert_eq!(lines.iter().filter_map(read).collect::<String>(), text);
    }

    #[test]
    fn tables_are_used_and_shown() {
        let (turkish, hindi) = (Some("turkish"), Some("hindi"));
        check_tables(&[], &"ş".repeat(71), &[(None, None), (None, None)]);
        check_tables(&["turkish"], &"ş".repeat(71), &[(None, turkish)]);
        check_tables(
            &["turkish"],
            &"ş".repeat(156),
            &[(turkish, None), (turkish, None)],
        );
        let both = format!("SMS {}", "अ".repeat(100));
        check_tables(&["turkish", "Hindi"], &both, &[(hindi, hindi)]);
        let unknown = [
            "encode",
            "--to",
            "+15551234567",
            "--language",
            "klingon",
            "hi",
        ];
        assert!(parsed(&unknown).is_err());
    }

    #[test]
    fn encodes_everything_of_a_submit() {
        check(
            &[
                "encode",
                "--to",
                "0107123456",
                "--toa",
                "A1",
                "--smsc",
                "+15550001111",
                "--mr",
                "7",
                "--class",
                "2",
                "--pid",
                "41",
                "--until",
                "2026-11-20T12:00:00-01:15",
                "--report",
                "--reject-duplicates",
                "--reply-path",
                "--coding",
                "ucs2",
                "hi",
            ],
            "07915155001011F1BD070AA11070214365411A621102210000580400680069 23\n",
        );
        // Digits of a keypad; a header that says which tables the text is written with.
        check(
            &[
                "encode", "--to", "*21#", "--udh", "03240101", "--dcs", "F1", "ş",
            ],
            "00410004812AB100F10703240101D8CC01 16\n",
        );
        check(
            &[
                "encode",
                "--to",
                "22555",
                "--binary",
                "DEADBEEF",
                "--udh",
                "0605040B8423F0",
                "--single-shot",
                "--validity",
                "30s",
                "--json",
            ],
            "{\"pdu\":\"00490005812255F50004421E00000000000B0605040B8423F0DEADBEEF\",\"length\":28,\
             \"text\":null,\"data\":\"DEADBEEF\",\"encoding\":\"binary\",\"units\":4,\
             \"udh\":\"0605040B8423F0\"}\n",
        );
    }

    #[test]
    fn encodes_a_deliver() {
        check(
            &[
                "encode",
                "--from",
                "ACME",
                "--at",
                "2026-11-20T12:00:00+01:00",
                "--more",
                "--loop-prevention",
                "--dcs",
                "C8",
                "hi",
            ],
            "000807D0C161B30800C86211022100004002E834 19\n",
        );
    }

    #[test]
    fn refuses_what_does_not_fit() {
        refused(&["encode", "--to", "22555", "--dcs", "04", "hi"]);
        refused(&["encode", "--to", "22555", "--coding", "gsm7", "я"]);
        refused(&[
            "encode", "--to", "22555", "--udh", "03240101", "--coding", "gsm7", "я",
        ]);
        refused(&["encode", "--to", "22555", "--binary", &"00".repeat(141)]);
        refused(&[
            "encode",
            "--from",
            "a name too long",
            "--at",
            "2026-11-20T12:00:00Z",
            "hi",
        ]);
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
        assert!(number("ACME").is_err() && number("+1#").is_err() && sender(" ").is_err());
        assert!(octet("1").is_err() && octet("0102").is_err() && octets("0G").is_err());
        assert!(stamp("2026-11-20").is_err() && stamp("2026-11-20T12:00:00+01:01").is_err());
        assert!(stamp("1970-01-01T00:00:00Z").is_err());
        assert_eq!(stamp("2026-11-20T12:00:00Z").unwrap().zone(), Some(0));
    }

    #[test]
    fn one_party_and_one_body() {
        for words in [
            &["encode", "hi"][..],
            &["encode", "--to", "22555"],
            &["encode", "--to", "22555", "--from", "ACME", "hi"],
            &["encode", "--from", "ACME", "hi"],
            &["encode", "--to", "22555", "--binary", "00", "hi"],
            &["encode", "--to", "22555", "--more", "hi"],
        ] {
            assert!(super::super::tests::parsed(words).is_err(), "{words:?}");
        }
        assert!(ran(&["encode", "--to", "22555", ""]).1.is_ok());
    }
}
