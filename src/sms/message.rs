//! A message and the segments it is cut into, as every layer speaks of them.
//!
//! A *segment* is one SMS on the air (3GPP TS 23.040: at most 140 octets of user data, the
//! user data header included). A *message* is one text to one number, of 1 to 128 segments.

use std::fmt;

use uuid::Uuid;

/// No message of ours is cut into more segments than this (spec 2.1, `maxmsgs`).
pub const MAX_SEGMENTS: u8 = 128;

/// The user data of one SMS (TS 23.040 §9.2.3.16).
const MAX_OCTETS: usize = 140;

/// Names one message, outbound or inbound, for ever: a UUIDv7, so that ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Uuid);

impl MessageId {
    /// An id made of the milliseconds since 1970 and ten octets of randomness.
    pub fn new(unix_millis: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
    }

    /// The milliseconds since 1970 that it was made with.
    pub fn unix_millis(&self) -> u64 {
        // RFC 9562 §5.7: the first 48 bits.
        let time = self.0.as_bytes()[..6].iter();
        time.fold(0, |millis, octet| millis << 8 | u64::from(*octet))
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

    /// How many units one SMS holds beside a user data header of so many octets, its length octet
    /// included. GSM-7 starts at a septet border behind it (TS 23.040 §9.2.3.24).
    pub fn room(self, header: usize) -> usize {
        let octets = MAX_OCTETS.saturating_sub(header);
        match self {
            Encoding::Gsm7 => octets * 8 / 7,
            Encoding::Ucs2 => octets / 2,
            Encoding::Binary => octets,
        }
    }

    /// How many units one unconcatenated SMS holds.
    pub fn single(self) -> usize {
        self.room(0)
    }

    /// How many units one part of a concatenated message holds, beside a UDH of six octets
    /// (8-bit reference) or seven (16-bit reference, `wide`).
    pub fn concatenated(self, wide: bool) -> usize {
        self.room(Shifts::default().header(Some(wide)))
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
        with_length(self.element())
    }

    fn element(&self) -> Vec<u8> {
        let [high, low] = self.reference.to_be_bytes();
        if self.wide {
            vec![0x08, 4, high, low, self.parts, self.part]
        } else {
            vec![0x00, 3, low, self.parts, self.part]
        }
    }
}

/// A user data header of these elements, its length octet first; none of none.
fn with_length(elements: Vec<u8>) -> Vec<u8> {
    match u8::try_from(elements.len()) {
        Ok(length) if length > 0 => [vec![length], elements].concat(),
        // Our elements are at most twelve octets.
        _ => elements,
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

impl Shifts {
    /// How many tables: none, one or two.
    pub fn count(self) -> usize {
        usize::from(self.locking.is_some()) + usize::from(self.single.is_some())
    }

    /// The octets of the user data header they need, its length octet included, with a concatenation
    /// element beside them (`Some(wide)`) or without: 0 when there is none.
    pub fn header(self, concat: Option<bool>) -> usize {
        let concat = match concat {
            None => 0,
            Some(false) => 5,
            Some(true) => 6,
        };
        match concat + 3 * self.count() {
            0 => 0,
            elements => elements + 1,
        }
    }

    fn elements(self) -> Vec<u8> {
        let element = |(code, language): (u8, Option<Language>)| {
            language.map(|language| [code, 1, language as u8])
        };
        let both = [(0x24, self.single), (0x25, self.locking)];
        both.into_iter().filter_map(element).flatten().collect()
    }
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

impl Segment {
    /// The whole user data header with its length octet; empty when there is none.
    pub fn udh(&self) -> Vec<u8> {
        let concat = self.concat.map(|concat| concat.element());
        with_length([concat.unwrap_or_default(), self.shifts.elements()].concat())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        concat: Option<Concat>,
        locking: Option<Language>,
        single: Option<Language>,
        udh: &[u8],
    ) {
        let shifts = Shifts { locking, single };
        let segment = Segment {
            text: String::new(),
            encoding: Encoding::Gsm7,
            units: 0,
            concat,
            shifts,
        };
        assert_eq!(segment.udh(), udh);
        assert_eq!(shifts.header(concat.map(|c| c.wide)), udh.len());
    }

    #[test]
    fn rooms() {
        let rooms = |encoding: Encoding| [0, 4, 6, 7, 9, 10, 12, 13].map(|n| encoding.room(n));
        assert_eq!(
            rooms(Encoding::Gsm7),
            [160, 155, 153, 152, 149, 148, 146, 145]
        );
        assert_eq!(rooms(Encoding::Ucs2), [70, 68, 67, 66, 65, 65, 64, 63]);
        assert_eq!(
            rooms(Encoding::Binary),
            [140, 136, 134, 133, 131, 130, 128, 127]
        );
    }

    #[test]
    fn headers() {
        let concat = |wide| {
            Some(Concat {
                reference: 0x12,
                wide,
                part: 1,
                parts: 2,
            })
        };
        let (turkish, urdu) = (Some(Language::Turkish), Some(Language::Urdu));
        check(None, None, None, &[]);
        check(concat(false), None, None, &[5, 0, 3, 0x12, 2, 1]);
        check(None, None, turkish, &[3, 0x24, 1, 1]);
        check(None, urdu, None, &[3, 0x25, 1, 13]);
        check(None, urdu, turkish, &[6, 0x24, 1, 1, 0x25, 1, 13]);
        let all = [12, 8, 4, 0, 0x12, 2, 1, 0x24, 1, 1, 0x25, 1, 13];
        check(concat(true), urdu, turkish, &all);
    }
}
