//! A message and the segments it is cut into, as every layer speaks of them.
//!
//! A *segment* is one SMS on the air (3GPP TS 23.040: at most 140 octets of user data, the
//! user data header included). A *message* is one text to one number, of 1 to 128 segments.

use std::fmt;

use uuid::Uuid;

/// No message of ours is cut into more segments than this (spec 2.1, `maxmsgs`).
pub const MAX_SEGMENTS: u8 = 128;

/// Names one message, outbound or inbound, for ever: a UUIDv7, so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Uuid);

impl MessageId {
    /// An id made of the milliseconds since 1970 and ten octets of randomness.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The 16 octets; they sort as the ids do.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id of these 16 octets.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Reads what `Display` printed; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How the characters of a segment become octets (TS 23.038 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table; a unit is a septet.
    Gsm7,
    /// UCS-2, in truth UTF-16BE; a unit is 16 bits.
    Ucs2,
    /// 8-bit data; a unit is an octet.
    Binary,
}

impl Encoding {
    /// The name used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Gsm7 => "gsm7",
            Encoding::Ucs2 => "ucs2",
            Encoding::Binary => "binary",
        }
    }

    /// How many units one unconcatenated SMS holds.
    pub fn single(self) -> usize {
        match self {
            Encoding::Gsm7 => 160,
            Encoding::Ucs2 => 70,
            Encoding::Binary => 140,
        }
    }

    /// How many units one part of a concatenated message holds, beside a UDH of six octets
    /// (8-bit reference) or seven (16-bit reference, `wide`).
    pub fn concatenated(self, wide: bool) -> usize {
        match (self, wide) {
            (Encoding::Gsm7, false) => 153,
            (Encoding::Gsm7, true) => 152,
            (Encoding::Ucs2, false) => 67,
            (Encoding::Ucs2, true) => 66,
            (Encoding::Binary, false) => 134,
            (Encoding::Binary, true) => 133,
        }
    }
}

/// Where a segment stands in its message (TS 23.040 §9.2.3.24.1 and §9.2.3.24.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concat {
    /// Tells this message's parts from another's; up to 255 unless `wide`.
    pub reference: u16,
    /// The reference has 16 bits on the air.
    pub wide: bool,
    /// 1 to `parts`.
    pub part: u8,
    /// How many parts there are, at least 1 (a phone may well send "1 of 1").
    pub parts: u8,
}

impl Concat {
    /// The user data header with its length octet: `05 00 03 rr tt nn` or `06 08 04 rrrr tt nn`.
    pub fn udh(&self) -> Vec<u8> {
        let [high, low] = self.reference.to_be_bytes();
        if self.wide {
            vec![6, 0x08, 4, high, low, self.parts, self.part]
        } else {
            vec![5, 0x00, 3, low, self.parts, self.part]
        }
    }
}

/// A language whose tables widen GSM 7-bit (3GPP TS 23.038 §6.2.1.2.4); the number is the language
/// identifier on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Language {
    Turkish = 1,
    /// It has a single shift table only.
    Spanish = 2,
    Portuguese = 3,
    Bengali = 4,
    Gujarati = 5,
    Hindi = 6,
    Kannada = 7,
    Malayalam = 8,
    Oriya = 9,
    Punjabi = 10,
    Tamil = 11,
    Telugu = 12,
    Urdu = 13,
}

/// Which tables stand in for the GSM 7-bit default ones (TS 23.040 §9.2.3.24.15 and §9.2.3.24.16).
/// The default is: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shifts {
    /// In place of the default alphabet (element 0x25).
    pub locking: Option<Language>,
    /// In place of the default extension table (element 0x24).
    pub single: Option<Language>,
}

/// One SMS to be sent: characters and how they go on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its share of the text.
    pub text: String,
    /// Never `Binary` for text.
    pub encoding: Encoding,
    /// How many units `text` takes, the UDH not counted.
    pub units: usize,
    /// `None` when the message is one segment.
    pub concat: Option<Concat>,
    /// National tables; only with `Gsm7`.
    pub shifts: Shifts,
}

/// How urgent a message is (spec 7.4). The order is the order of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// First in the queue; an unknown outcome is sent again.
    Alarm,
    /// Everything else.
    #[default]
    Normal,
    /// Last; an unknown outcome is never repeated.
    Bulk,
}

impl Class {
    /// The name used in the configuration and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Class::Alarm => "alarm",
            Class::Normal => "normal",
            Class::Bulk => "bulk",
        }
    }
}
