//! What a sender asks of one message beside its text (spec 2.1): flash, a confirmation, when it is to be
//! sent and how long it is good for, how many segments it may take, who carries it and who is shown, where
//! answers go, data in the place of the text, TP-PID and TP-DCS.
//!
//! The doors hand over names and values as they were written ([`Wishes::set`]); whatever is wrong is an
//! error that names the parameter and says what to write instead. Nothing is ignored. Who may wish for
//! what is not decided here, and what the header of a mail asks is [`super::heed`]'s.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

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

/// No message is kept for longer before it is sent: who pays, for whom and how much was decided when it
/// was taken.
pub const MAX_AHEAD: Duration = Duration::from_hours(31 * 24);

/// A time that has passed by no more than this means "now": a mail may wait on its way to us.
const MAX_PAST: SignedDuration = SignedDuration::from_hours(1);

/// The longest value that is kept: an address (RFC 5321 §4.5.3.1).
const MAX_VALUE: usize = 320;

/// More segments no message has.
pub const MAX_SEGMENTS: u8 = 128;

/// What a sender asks. The default is an ordinary message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// The message class; 0 is flash.
    pub class: Option<u8>,
    /// No flash SMS, whatever the mail's priority says.
    pub no_flash: bool,
    /// Tell me when it is delivered; `false`: do not, whatever the mail's header says.
    pub confirm: Option<bool>,
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
    /// At most so many segments, 1 to [`MAX_SEGMENTS`].
    pub max_segments: Option<u8>,
    /// Through this gateway.
    pub gateway: Option<String>,
    /// Shown as its sender.
    pub sender: Option<String>,
    /// Whose the answers are: an address.
    pub reply: Option<String>,
    /// Send it then.
    pub at: Option<When>,
    /// Before or after others.
    pub priority: Option<Priority>,
}

/// When to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At that time.
    At(Timestamp),
    /// So long after it was taken.
    After(Duration),
}

/// Which goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// After all others, as bulk mail.
    Low,
    /// As the account's class says.
    Normal,
    /// Before others of its class.
    High,
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
                "0" => self.no_flash = true,
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
                "1" => self.confirm = Some(true),
                "0" => self.confirm = Some(false),
                _ => return Err(wrong("confirm", value, "write 1, or leave it out")),
            },
            "validity" => self.validity = Some(validity(value)?),
            "maxmsgs" => {
                let is_whole = value.bytes().all(|b| b.is_ascii_digit());
                let number = value.parse().ok().filter(|_| is_whole);
                let number = number.filter(|n| (1..=MAX_SEGMENTS).contains(n));
                let what = || wrong("maxmsgs", value, "write 1 to 128");
                self.max_segments = Some(number.ok_or_else(what)?);
            }
            "id" => self.gateway = Some(short("id", value, "write the id of a gateway")?),
            "sender" => self.sender = Some(short("sender", value, "write one of your sender ids")?),
            "reply" => self.reply = Some(short("reply", value, "write one of your addresses")?),
            "at" => self.at = Some(when(value)?),
            "priority" => {
                self.priority = Some(match value {
                    "low" => Priority::Low,
                    "normal" => Priority::Normal,
                    "high" => Priority::High,
                    _ => return Err(wrong("priority", value, "write low, normal or high")),
                })
            }
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

    /// The first of the parameters by which an SMS may talk to a phone or its SIM rather than to a person,
    /// if there is one (threats T12).
    pub fn special(&self) -> Option<&'static str> {
        let there = [
            ("binary", self.binary.is_some()),
            ("udh", !self.udh.is_empty()),
            ("pid", self.pid.is_some()),
            ("dcs", self.dcs.is_some()),
            // TS 23.038 §4: to the SIM.
            ("class", self.class == Some(2)),
        ];
        there.iter().find(|(_, is)| *is).map(|(name, _)| *name)
    }

    /// The DCS is one of a text for a person: not to the SIM, no indication of messages that wait.
    pub fn is_plain(&self) -> bool {
        self.dcs.map(Dcs).is_none_or(|dcs| {
            let is_text = dcs.encoding() != Encoding::Binary && dcs.class() != Some(2);
            is_text && dcs.waiting().is_none() && !dcs.reserved()
        })
    }

    /// When it is to be sent, if not now.
    pub fn due(&self, now: Timestamp) -> Result<Option<Timestamp>, WishError> {
        let late = |shown: String| {
            let days = MAX_AHEAD.as_secs() / 86_400;
            let what = format!("nothing is kept for longer than {days} days before it is sent");
            wrong("at", &shown, what)
        };
        let at = match self.at {
            None => return Ok(None),
            Some(When::At(at)) => at,
            Some(When::After(wait)) => match now.checked_add(wait) {
                Ok(at) => at,
                Err(_) => return Err(late(format!("+{}s", wait.as_secs()))),
            },
        };
        if at < now.saturating_sub(MAX_PAST).unwrap_or(Timestamp::MIN) {
            return Err(wrong("at", &at.to_string(), "this time has passed"));
        }
        if at > now.saturating_add(MAX_AHEAD).unwrap_or(Timestamp::MAX) {
            // Whole seconds: a moment that was counted from now has parts of one.
            let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
            return Err(late(whole.to_string()));
        }
        Ok(Some(at).filter(|at| *at > now))
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

/// A word that is looked up elsewhere.
fn short(name: &'static str, value: &str, what: &str) -> Result<String, WishError> {
    let fits = !value.is_empty() && value.len() <= MAX_VALUE && !value.contains(char::is_control);
    fits.then(|| value.to_owned())
        .ok_or_else(|| wrong(name, value, what))
}

/// `30m`, `6h`, `2d`; `None`: it is none, or longer than anybody lives.
fn duration(value: &str) -> Option<Duration> {
    let unit = match value.chars().last()? {
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let digits = &value[..value.len() - 1];
    let whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = whole.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))?;
    Some(Duration::from_secs(number.saturating_mul(unit)))
}

fn validity(value: &str) -> Result<Duration, WishError> {
    let what = match duration(value) {
        None => "write a time such as 30m, 6h or 2d",
        Some(wanted) if wanted < MIN_VALIDITY => "networks know nothing shorter than 5m",
        Some(wanted) if wanted <= MAX_VALIDITY => return Ok(wanted),
        Some(_) => "networks know nothing longer than 441d",
    };
    Err(wrong("validity", value, what))
}

/// `2026-12-24T18:00:00+01:00`, `+2h`.
fn when(value: &str) -> Result<When, WishError> {
    let read = match value.strip_prefix('+') {
        Some(wait) => duration(wait).map(When::After),
        None => value.parse().ok().map(When::At),
    };
    let what = "write a time such as +2h or 2026-12-24T18:00:00+01:00";
    read.ok_or_else(|| wrong("at", value, what))
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
mod tests;
