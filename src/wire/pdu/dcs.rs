//! TP-DCS, the data coding scheme (TS 23.038 §4), and what it says beside the alphabet: the message
//! class, and that something waits in a mailbox.
//!
//! One octet, kept as it came; every octet means something, reserved ones what the standard tells a
//! receiver to assume.

use std::fmt;

use crate::sms::Encoding;

/// A data coding scheme (TS 23.038 §4): the octet, and what it means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dcs(pub u8);

/// What waits for the owner of a phone (TS 23.038 §4, TS 23.040 §9.2.3.24.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// In which mailbox.
    pub kind: Mailbox,
    /// Something waits; else nothing does any more.
    pub active: bool,
    /// The SMS is to be kept; else it has done its work by being read.
    pub store: bool,
    /// How many; 255 is 255 or more. Only an element of the header says so.
    pub count: Option<u8>,
    /// The subscriber profile, 1 to 4.
    pub profile: u8,
}

/// A mailbox in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Mailbox {
    Voice,
    Fax,
    Email,
    Video,
    Other,
}

impl Mailbox {
    /// The name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mailbox::Voice => "voicemail",
            Mailbox::Fax => "fax",
            Mailbox::Email => "email",
            Mailbox::Video => "video",
            Mailbox::Other => "other",
        }
    }

    fn of_bits(bits: u8) -> Self {
        match bits & 0x03 {
            0 => Mailbox::Voice,
            1 => Mailbox::Fax,
            2 => Mailbox::Email,
            _ => Mailbox::Other,
        }
    }
}

impl Waiting {
    /// The two octets of element 0x01 (TS 23.040 §9.2.3.24.2).
    pub(super) fn of_element(indication: u8, count: u8) -> Self {
        let kind = match (Mailbox::of_bits(indication), indication >> 2 & 0x07) {
            // The extended types: 1 is video, the others are reserved.
            (Mailbox::Other, 1) => Mailbox::Video,
            (kind, _) => kind,
        };
        Self {
            kind,
            active: count > 0,
            store: indication & 0x80 != 0,
            count: Some(count),
            profile: (indication >> 5 & 0x03) + 1,
        }
    }
}

/// `voicemail waiting: 3`, `no fax waiting`.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.name();
        match self.count {
            _ if !self.active => write!(f, "no {kind} waiting"),
            None | Some(0) => write!(f, "{kind} waiting"),
            Some(count) => write!(f, "{kind} waiting: {count}"),
        }?;
        if self.profile > 1 {
            write!(f, ", profile {}", self.profile)?;
        }
        Ok(())
    }
}

impl Dcs {
    /// The general data coding for text or octets; class 0 (flash) if wished.
    pub fn new(encoding: Encoding, flash: bool) -> Self {
        Self::with_class(encoding, flash.then_some(0))
    }

    /// The general data coding with a message class (0 to 3) or none.
    pub fn with_class(encoding: Encoding, class: Option<u8>) -> Self {
        let alphabet = match encoding {
            Encoding::Gsm7 => 0x00,
            Encoding::Binary => 0x04,
            Encoding::Ucs2 => 0x08,
        };
        Self(alphabet | class.map_or(0, |class| 0x10 | class & 0x03))
    }

    /// The alphabet. Reserved codings are GSM-7, as TS 23.038 §4 wants it.
    pub fn encoding(self) -> Encoding {
        match self.0 {
            // General data coding, with and without automatic deletion.
            0x00..=0x7F => match self.0 & 0x0C {
                0x04 => Encoding::Binary,
                0x08 => Encoding::Ucs2,
                _ => Encoding::Gsm7,
            },
            // Message waiting, store, UCS-2. The other two waiting groups are GSM-7.
            0xE0..=0xEF => Encoding::Ucs2,
            // Data coding and message class.
            0xF0..=0xFF if self.0 & 0x04 != 0 => Encoding::Binary,
            _ => Encoding::Gsm7,
        }
    }

    /// The message class: 0 flash, 1 phone, 2 SIM, 3 terminal equipment.
    pub fn class(self) -> Option<u8> {
        let general = self.0 < 0x80 && self.0 & 0x10 != 0;
        (general || self.0 >= 0xF0).then_some(self.0 & 0x03)
    }

    /// Compressed by TS 23.042, which no phone does: the user data are octets to us.
    pub fn compressed(self) -> bool {
        self.0 < 0x80 && self.0 & 0x20 != 0
    }

    /// The phone is asked to delete it as soon as it was read.
    pub fn auto_deletion(self) -> bool {
        (0x40..=0x7F).contains(&self.0)
    }

    /// What waits: the message waiting groups.
    pub fn waiting(self) -> Option<Waiting> {
        (0xC0..=0xEF).contains(&self.0).then(|| Waiting {
            kind: Mailbox::of_bits(self.0),
            active: self.0 & 0x08 != 0,
            store: self.0 >= 0xD0,
            count: None,
            profile: 1,
        })
    }

    /// A coding the standard has not given a meaning.
    pub fn reserved(self) -> bool {
        match self.0 {
            0x00..=0x7F => self.0 & 0x0C == 0x0C,
            0x80..=0xBF => true,
            0xC0..=0xEF => self.0 & 0x04 != 0,
            0xF0..=0xFF => self.0 & 0x08 != 0,
        }
    }
}

/// `GSM 7-bit, class 0 (flash)`.
impl fmt::Display for Dcs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.encoding() {
            Encoding::Gsm7 => "GSM 7-bit",
            Encoding::Ucs2 => "UCS-2",
            Encoding::Binary => "8-bit data",
        })?;
        if self.compressed() {
            f.write_str(", compressed")?;
        }
        if let Some(class) = self.class() {
            write!(f, ", class {class} ({})", class_name(class))?;
        }
        if self.auto_deletion() {
            f.write_str(", to be deleted when read")?;
        }
        if let Some(waiting) = self.waiting() {
            let kept = if waiting.store { "stored" } else { "discarded" };
            write!(f, ", {waiting}, to be {kept}")?;
        }
        if self.reserved() {
            f.write_str(", with reserved bits")?;
        }
        Ok(())
    }
}

/// What a message class asks for (TS 23.038 §4).
pub fn class_name(class: u8) -> &'static str {
    match class & 0x03 {
        0 => "flash",
        1 => "phone",
        2 => "SIM",
        _ => "terminal equipment",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coding_schemes() {
        use Encoding::{Binary, Gsm7, Ucs2};
        let table = [
            (0x00, Gsm7, None, false),
            (0x04, Binary, None, false),
            (0x08, Ucs2, None, false),
            (0x0C, Gsm7, None, false),
            (0x10, Gsm7, Some(0), false),
            (0x18, Ucs2, Some(0), false),
            (0x15, Binary, Some(1), false),
            (0x22, Gsm7, None, true),
            (0x48, Ucs2, None, false),
            (0x51, Gsm7, Some(1), false),
            (0x84, Gsm7, None, false),
            (0xB8, Gsm7, None, false),
            (0xC8, Gsm7, None, false),
            (0xD4, Gsm7, None, false),
            (0xE0, Ucs2, None, false),
            (0xF0, Gsm7, Some(0), false),
            (0xF2, Gsm7, Some(2), false),
            (0xF5, Binary, Some(1), false),
        ];
        for (octet, encoding, class, compressed) in table {
            let dcs = Dcs(octet);
            let found = (dcs.encoding(), dcs.class(), dcs.compressed());
            assert_eq!(found, (encoding, class, compressed), "{octet:02X}");
        }
    }

    #[track_caller]
    fn check(octet: u8, shown: &str) {
        assert_eq!(Dcs(octet).to_string(), shown, "{octet:02X}");
    }

    #[test]
    fn in_words() {
        check(0x00, "GSM 7-bit");
        check(0x03, "GSM 7-bit");
        check(0x04, "8-bit data");
        check(0x0C, "GSM 7-bit, with reserved bits");
        check(0x10, "GSM 7-bit, class 0 (flash)");
        check(0x28, "UCS-2, compressed");
        check(0x5A, "UCS-2, class 2 (SIM), to be deleted when read");
        check(0x80, "GSM 7-bit, with reserved bits");
        check(0xC8, "GSM 7-bit, voicemail waiting, to be discarded");
        check(0xC0, "GSM 7-bit, no voicemail waiting, to be discarded");
        check(0xD9, "GSM 7-bit, fax waiting, to be stored");
        check(0xEA, "UCS-2, email waiting, to be stored");
        check(
            0xEF,
            "UCS-2, other waiting, to be stored, with reserved bits",
        );
        check(0xF7, "8-bit data, class 3 (terminal equipment)");
        check(0xF9, "GSM 7-bit, class 1 (phone), with reserved bits");
    }

    #[test]
    fn every_octet_is_in_one_group() {
        for octet in 0..=255 {
            let dcs = Dcs(octet);
            assert!(
                dcs.waiting().is_none()
                    || (dcs.class().is_none() && !dcs.compressed() && !dcs.auto_deletion())
            );
            let same = Dcs::with_class(dcs.encoding(), dcs.class());
            assert_eq!(
                (same.encoding(), same.class()),
                (dcs.encoding(), dcs.class())
            );
        }
    }

    #[test]
    fn elements_of_waiting() {
        let found = Waiting::of_element(0x80, 3);
        assert_eq!(found.to_string(), "voicemail waiting: 3");
        assert!(found.store && found.active);
        let found = Waiting::of_element(0x27, 0);
        assert_eq!(found.to_string(), "no video waiting, profile 2");
        assert!(!found.store && !found.active);
        assert_eq!(Waiting::of_element(0x0B, 1).kind, Mailbox::Other);
    }
}
