//! What a sender asks of one message beside its text (spec 2.1): flash, a confirmation, how long it is
//! good for, data in the place of the text, TP-PID and TP-DCS.
//!
//! The doors hand over names and values as they were written ([`Wishes::set`]); whatever is wrong is an
//! error that names the parameter and says what to write instead. Nothing is ignored. Who may wish for
//! what is not decided here.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::gateway::Carries;
use crate::sms::parameters::MAX_DATA;
use crate::sms::segment::Coding;
use crate::sms::{Attributes, Encoding, Marks, Payload, udh};
use crate::store::Message;
use crate::wire::meaning::meaning;
use crate::wire::pdu::{Dcs, hex};

/// The shortest that networks know (TS 23.040 §9.2.3.12.1).
pub const MIN_VALIDITY: Duration = Duration::from_mins(5);

/// The longest.
pub const MAX_VALIDITY: Duration = Duration::from_hours(63 * 7 * 24);

/// What a sender asks. The default is an ordinary message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// The message class; 0 is flash.
    pub class: Option<u8>,
    /// Tell me when it is delivered.
    pub confirm: bool,
    /// Give up after this.
    pub validity: Option<Duration>,
    /// The text is data, written so.
    pub binary: Option<Octets>,
    /// The user data header of the data, with its length octet; empty: none.
    pub udh: Vec<u8>,
    /// TP-PID.
    pub pid: Option<u8>,
    /// TP-DCS.
    pub dcs: Option<u8>,
    /// Which alphabet the text gets.
    pub coding: Coding,
}

/// How a text writes octets. White space in it does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Octets {
    /// RFC 4648 §4; the padding may be left out.
    Base64,
    /// Two digits an octet, in either case.
    Hex,
}

/// Why a wish cannot be granted: `udh=05: …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// The value is none.
    #[error("{name}={value}: {what}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value, as much as is to be shown.
        value: String,
        /// What is wrong, and what to write.
        what: String,
    },
    /// Two that exclude each other, or one that needs another.
    #[error("{0}")]
    Together(&'static str),
    /// The text is not the octets it ought to be.
    #[error("{0}")]
    Data(String),
}

fn wrong(name: &'static str, value: &str, what: impl Into<String>) -> WishError {
    let value = value.chars().filter(|c| !c.is_control()).take(40).collect();
    let what = what.into();
    WishError::Value { name, value, what }
}

impl Wishes {
    /// Sets one parameter; `false`: it is none of ours.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, WishError> {
        match name {
            "flash" => match value {
                "1" => self.class = Some(0),
                "0" => {}
                _ => return Err(wrong("flash", value, "write 1, or leave it out")),
            },
            "class" => match value {
                "0" | "1" | "2" | "3" => self.class = value.parse().ok(),
                _ => {
                    let what = "write 0 (flash), 1 (phone), 2 (SIM) or 3 (attached device)";
                    return Err(wrong("class", value, what));
                }
            },
            "confirm" => match value {
                "1" => self.confirm = true,
                "0" => {}
                _ => return Err(wrong("confirm", value, "write 1, or leave it out")),
            },
            "validity" => self.validity = Some(validity(value)?),
            "binary" => match value {
                "1" | "base64" => self.binary = Some(Octets::Base64),
                "hex" | "1;hex" => self.binary = Some(Octets::Hex),
                "0" => {}
                _ => {
                    let what = "write 1 for a text in base64, hex for one in hex";
                    return Err(wrong("binary", value, what));
                }
            },
            "udh" => self.udh = header(value)?,
            "pid" => self.pid = Some(octet("pid", value)?),
            "dcs" => self.dcs = Some(octet("dcs", value)?),
            "coding" => {
                self.coding = match value {
                    "auto" => Coding::Auto,
                    "gsm7" => Coding::Gsm7,
                    "ucs2" => Coding::Ucs2,
                    _ => return Err(wrong("coding", value, "write auto, gsm7 or ucs2")),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether they go together.
    pub fn check(&self) -> Result<(), WishError> {
        if self.dcs.is_some() && self.class.is_some() {
            let what = "dcs holds the class too: leave flash and class out, or dcs";
            return Err(WishError::Together(what));
        }
        if !self.udh.is_empty() && self.binary.is_none() {
            let what = "udh goes with binary: a text has no user data header of its own";
            return Err(WishError::Together(what));
        }
        if self.coding != Coding::Auto && (self.dcs.is_some() || self.binary.is_some()) {
            let what = "coding goes with a text whose DCS is left open: leave coding out";
            return Err(WishError::Together(what));
        }
        let Some(dcs) = self.dcs.map(Dcs) else {
            return Ok(());
        };
        let value = format!("{:#04x}", dcs.0);
        match (self.binary, dcs.encoding()) {
            _ if dcs.compressed() => Err(wrong(
                "dcs",
                &value,
                "is for compressed SMS, which nothing reads; clear bit 5",
            )),
            (Some(_), Encoding::Gsm7 | Encoding::Ucs2) => Err(wrong(
                "dcs",
                &value,
                "is for text; for binary write 0x04, 0xF5, or leave dcs out",
            )),
            (None, Encoding::Binary) => Err(wrong(
                "dcs",
                &value,
                "is for 8-bit data, which go with binary; for a text write 0x00 or 0x08, or leave \
                 dcs out",
            )),
            _ => Ok(()),
        }
    }

    /// The data, when the text is data.
    pub fn payload(&self, text: &str) -> Result<Option<Payload>, WishError> {
        let Some(written) = self.binary else {
            return Ok(None);
        };
        Ok(Some(Payload {
            data: written.read(text).map_err(WishError::Data)?,
            udh: self.udh.clone(),
        }))
    }

    /// How the SMS differs from an ordinary one.
    pub fn attributes(&self) -> Attributes {
        Attributes {
            pid: self.pid.unwrap_or(0),
            dcs: self.dcs,
            class: self.class,
        }
    }

    /// Which alphabet the text must have.
    pub fn coding(&self) -> Coding {
        match self.dcs.map(|dcs| Dcs(dcs).encoding()) {
            Some(Encoding::Gsm7) => Coding::Gsm7,
            Some(Encoding::Ucs2) => Coding::Ucs2,
            Some(Encoding::Binary) => Coding::Auto,
            None => self.coding,
        }
    }

    /// What the gateway must carry. `header`: some SMS of it have a header of data.
    pub fn needs(&self, header: bool) -> Carries {
        Carries {
            binary: self.binary.is_some(),
            udh: header,
            dcs: self.dcs.or(self.class).is_some(),
            pid: self.pid.is_some_and(|pid| pid != 0),
            tables: false,
        }
    }
}

impl Octets {
    /// The octets of a text, or why it has none, for people.
    pub fn read(self, text: &str) -> Result<Vec<u8>, String> {
        let written: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        // In hex; base64 is shorter.
        if written.len() > 2 * MAX_DATA {
            return Err(format!("the data are longer than {MAX_DATA} octets"));
        }
        match self {
            Octets::Hex => unhex(&written).map_err(|what| format!("the data: {what}")),
            Octets::Base64 => {
                let config = GeneralPurposeConfig::new()
                    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
                let engine = GeneralPurpose::new(&STANDARD, config);
                engine.decode(&written).map_err(|error| {
                    let what = "the data are not base64";
                    match error {
                        base64::DecodeError::InvalidByte(at, _) => {
                            format!("{what}: character {} is not of it", at + 1)
                        }
                        _ => format!("{what}: the end is missing"),
                    }
                })
            }
        }
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digit = |(at, c): (usize, char)| match c.to_digit(16).and_then(|d| u8::try_from(d).ok()) {
        Some(digit) => Ok(digit),
        None => Err(format!("character {} is {c:?}, not a hex digit", at + 1)),
    };
    let digits: Vec<u8> = text
        .chars()
        .enumerate()
        .map(digit)
        .collect::<Result<_, _>>()?;
    match digits.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        _ => Err(format!(
            "{} hex digits; octets have two each, so one is missing or too many",
            digits.len()
        )),
    }
}

fn header(value: &str) -> Result<Vec<u8>, WishError> {
    let octets = unhex(value).map_err(|what| wrong("udh", value, what))?;
    udh::read(&octets).map_err(|error| wrong("udh", value, error.to_string()))
}

/// `65` or `0x41`.
fn octet(name: &'static str, value: &str) -> Result<u8, WishError> {
    let read = match value.strip_prefix("0x").or(value.strip_prefix("0X")) {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u8::from_str_radix(hex, 16).ok(),
        None if value.bytes().all(|b| b.is_ascii_digit()) => value.parse().ok(),
        _ => None,
    };
    read.ok_or_else(|| wrong(name, value, "write 0 to 255, or 0x00 to 0xFF"))
}

/// `30m`, `6h`, `2d`.
fn validity(value: &str) -> Result<Duration, WishError> {
    const WRITE: &str = "write a time such as 30m, 6h or 2d";
    let unit = match value.chars().last() {
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => return Err(wrong("validity", value, WRITE)),
    };
    let digits = &value[..value.len() - 1];
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| whole);
    let number = number.ok_or_else(|| wrong("validity", value, WRITE))?;
    let wanted = number.checked_mul(unit).map(Duration::from_secs);
    match wanted {
        Some(wanted) if wanted < MIN_VALIDITY => {
            let what = "networks know nothing shorter than 5m";
            Err(wrong("validity", value, what))
        }
        Some(wanted) if wanted <= MAX_VALIDITY => Ok(wanted),
        _ => Err(wrong(
            "validity",
            value,
            "networks know nothing longer than 441d",
        )),
    }
}

/// What people are shown of a message in the place of its text: the text, or what its data are.
pub fn shown(message: &Message) -> String {
    let Some(payload) = &message.payload else {
        return message.text.clone();
    };
    format!(
        "[{}: {}]",
        sentences(message).join("; "),
        hex(&payload.data)
    )
}

/// What an outbound message is beside a text.
pub fn sentences(message: &Message) -> Vec<String> {
    let payload = message.payload.as_ref();
    let marks = Marks {
        pid: message.attributes.pid,
        dcs: message.attributes.dcs,
        udh: payload.map_or_else(Vec::new, |payload| payload.udh.clone()),
    };
    meaning(&marks, payload.map(|payload| payload.data.len())).sentences
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wishes(pairs: &str) -> Result<Wishes, String> {
        let mut wishes = Wishes::default();
        for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').expect("a pair");
            assert!(
                wishes.set(name, value).map_err(|e| e.to_string())?,
                "{name}"
            );
        }
        wishes.check().map_err(|e| e.to_string())?;
        Ok(wishes)
    }

    #[track_caller]
    fn check(pairs: &str, expected: Wishes) {
        assert_eq!(wishes(pairs), Ok(expected), "{pairs}");
    }

    #[test]
    fn what_may_be_asked() {
        let none = Wishes::default;
        check("", none());
        check("flash=0&confirm=0&binary=0", none());
        check(
            "flash=1",
            Wishes {
                class: Some(0),
                ..none()
            },
        );
        check(
            "class=2",
            Wishes {
                class: Some(2),
                ..none()
            },
        );
        check(
            "confirm=1",
            Wishes {
                confirm: true,
                ..none()
            },
        );
        let six = Some(Duration::from_hours(6));
        check(
            "validity=6h",
            Wishes {
                validity: six,
                ..none()
            },
        );
        let day = Some(Duration::from_hours(24));
        check(
            "validity=1d",
            Wishes {
                validity: day,
                ..none()
            },
        );
        check(
            "pid=65",
            Wishes {
                pid: Some(0x41),
                ..none()
            },
        );
        check(
            "coding=ucs2",
            Wishes {
                coding: Coding::Ucs2,
                ..none()
            },
        );
        check("coding=auto", none());
        check(
            "pid=0x41&dcs=0xc8",
            Wishes {
                pid: Some(0x41),
                dcs: Some(0xC8),
                ..none()
            },
        );
        check(
            "binary=1&udh=0605040b8423f0&dcs=0xF5",
            Wishes {
                binary: Some(Octets::Base64),
                udh: vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
                dcs: Some(0xF5),
                ..none()
            },
        );
        check(
            "binary=1;hex",
            Wishes {
                binary: Some(Octets::Hex),
                ..none()
            },
        );
        assert_eq!(none().set("token", "x"), Ok(false));
    }

    #[track_caller]
    fn refused(pairs: &str, expected: &str) {
        assert_eq!(wishes(pairs), Err(expected.to_owned()), "{pairs}");
    }

    #[test]
    fn what_may_not() {
        refused("flash=yes", "flash=yes: write 1, or leave it out");
        refused(
            "class=4",
            "class=4: write 0 (flash), 1 (phone), 2 (SIM) or 3 (attached device)",
        );
        refused("confirm=", "confirm=: write 1, or leave it out");
        for value in ["6", "h", "6 h", "-1h", "6H", "1h30m"] {
            let text = format!("validity={value}: write a time such as 30m, 6h or 2d");
            refused(&format!("validity={value}"), &text);
        }
        refused(
            "validity=4m",
            "validity=4m: networks know nothing shorter than 5m",
        );
        let long = "networks know nothing longer than 441d";
        refused("validity=442d", &format!("validity=442d: {long}"));
        refused(
            "validity=99999999999999999d",
            &format!("validity=99999999999999999d: {long}"),
        );
        refused(
            "binary=yes",
            "binary=yes: write 1 for a text in base64, hex for one in hex",
        );
        refused("udh=0x05", "udh=0x05: character 2 is 'x', not a hex digit");
        refused(
            "udh=050",
            "udh=050: 3 hex digits; octets have two each, so one is missing or too many",
        );
        for (name, value) in [
            ("pid", "256"),
            ("dcs", "0x100"),
            ("pid", "-1"),
            ("dcs", "F5"),
        ] {
            let pair = format!("{name}={value}");
            refused(&pair, &format!("{pair}: write 0 to 255, or 0x00 to 0xFF"));
        }
        refused(
            "udh=0605040B8423F0",
            "udh goes with binary: a text has no user data header of its own",
        );
        refused(
            "dcs=4",
            "dcs=0x04: is for 8-bit data, which go with binary; for a text write 0x00 or 0x08, or \
             leave dcs out",
        );
        refused(
            "dcs=0&binary=1",
            "dcs=0x00: is for text; for binary write 0x04, 0xF5, or leave dcs out",
        );
        refused(
            "dcs=0x20",
            "dcs=0x20: is for compressed SMS, which nothing reads; clear bit 5",
        );
        refused("coding=utf8", "coding=utf8: write auto, gsm7 or ucs2");
        refused(
            "coding=ucs2&dcs=8",
            "coding goes with a text whose DCS is left open: leave coding out",
        );
        refused(
            "dcs=0x10&flash=1",
            "dcs holds the class too: leave flash and class out, or dcs",
        );
    }

    #[track_caller]
    fn check_data(written: Octets, text: &str, expected: Result<&[u8], &str>) {
        let read = written.read(text);
        let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn data_in_texts() {
        use Octets::{Base64, Hex};
        check_data(Hex, "01 ff\r\n7F", Ok(&[1, 0xFF, 0x7F]));
        check_data(Hex, "", Ok(&[]));
        check_data(
            Hex,
            "01g0",
            Err("the data: character 3 is 'g', not a hex digit"),
        );
        check_data(Base64, "AQ//", Ok(&[1, 0x0F, 0xFF]));
        check_data(Base64, "AQ8=\n", Ok(&[1, 0x0F]));
        check_data(Base64, "AQ8", Ok(&[1, 0x0F]));
        check_data(
            Base64,
            "AQ-8",
            Err("the data are not base64: character 3 is not of it"),
        );
        check_data(
            Base64,
            "A",
            Err("the data are not base64: the end is missing"),
        );
        let long = "00".repeat(MAX_DATA + 1);
        check_data(Hex, &long, Err("the data are longer than 17920 octets"));
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused(name in "flash|class|confirm|validity|binary|udh|pid|dcs|coding", value: String) {
            let mut wishes = Wishes::default();
            let _ = wishes.set(&name, &value);
            let _ = wishes.check();
        }

        #[test]
        fn any_text_is_data_or_refused(text: String) {
            let _ = (Octets::Hex.read(&text), Octets::Base64.read(&text));
        }

        #[test]
        fn data_come_back(data: Vec<u8>) {
            let text = base64::engine::general_purpose::STANDARD.encode(&data);
            prop_assert_eq!(Octets::Base64.read(&text), Ok(data.clone()));
            prop_assert_eq!(Octets::Hex.read(&hex(&data)), Ok(data));
        }
    }
}
