//! What the elements of a user data header are called and mean (TS 23.040 §9.2.3.24).
//!
//! [`crate::sms::udh`] takes the header apart; here every element has a name, known or not, and those
//! that matter to a gateway have a [`Value`]. By the standard a header whose elements do not fill it
//! exactly is ignored as a whole, and so is an element with a value that cannot be.

use std::fmt;

use super::{Dcs, Waiting};
use crate::sms::udh::{
    self, CONCAT, Element, LOCKING_SHIFT, PORTS, Ports, SINGLE_SHIFT, WAITING, WIDE_CONCAT,
    WIDE_PORTS,
};
use crate::sms::{Concat, Language, Shifts};

/// What an element means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Where the SMS stands in a message of several (0x00, 0x08).
    Concat(Concat),
    /// What waits in a mailbox (0x01).
    Waiting(Waiting),
    /// The application it is from, and for (0x04, 0x05).
    Ports(Ports),
    /// A table in place of the default extension table (0x24).
    SingleShift(Language),
    /// A table in place of the default alphabet (0x25).
    LockingShift(Language),
}

/// Why a header is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// The first octet counts the others.
    #[error("it says {said} octets and has {there}")]
    Length {
        /// What the first octet says.
        said: usize,
        /// How many there are.
        there: usize,
    },
    /// The last element is longer than what is left.
    #[error("its element {id:02X} at octet {at} ends behind it")]
    Element {
        /// The element.
        id: u8,
        /// Where it begins, counted from 0, the header's length.
        at: usize,
    },
}

/// The elements of a header with its length octet; none of an empty one.
pub fn parse(header: &[u8]) -> Result<Vec<Element<'_>>, HeaderFault> {
    let (elements, whole) = udh::elements(header);
    if whole {
        return Ok(elements);
    }
    let (said, there) = (usize::from(header[0]), header.len() - 1);
    if said != there {
        return Err(HeaderFault::Length { said, there });
    }
    let before: usize = elements.iter().map(|element| element.data.len() + 2).sum();
    let at = 1 + before;
    let id = header.get(at).copied().unwrap_or_default();
    Err(HeaderFault::Element { id, at })
}

/// What the elements mean, those without a meaning left out; nothing in a header to be ignored.
pub fn values(header: &[u8]) -> Vec<Value> {
    let elements = parse(header).unwrap_or_default();
    elements.iter().filter_map(value).collect()
}

/// What waits in mailboxes. The header's word wins over the DCS's, because it has a count; of two
/// elements for one mailbox the last counts.
pub fn waiting(dcs: Option<Dcs>, header: &[u8]) -> Vec<Waiting> {
    let mut waiting: Vec<Waiting> = Vec::new();
    let same =
        |one: &Waiting, other: &Waiting| (one.kind, one.profile) == (other.kind, other.profile);
    for value in values(header) {
        if let Value::Waiting(told) = value {
            waiting.retain(|known| !same(known, &told));
            waiting.push(told);
        }
    }
    let told = dcs.and_then(Dcs::waiting);
    waiting.extend(told.filter(|told| !waiting.iter().any(|known| same(known, told))));
    waiting
}

/// Which tables the text is written with: of two elements the last counts.
pub(super) fn shifts(header: &[u8]) -> Shifts {
    let mut shifts = Shifts::default();
    for value in values(header) {
        match value {
            Value::SingleShift(language) => shifts.single = Some(language),
            Value::LockingShift(language) => shifts.locking = Some(language),
            _ => {}
        }
    }
    shifts
}

/// What an element means; `None` for what is unknown here, or cannot be.
pub fn value(element: &Element) -> Option<Value> {
    Some(match (element.id, element.data) {
        // §9.2.3.24.1
        (CONCAT, &[reference, parts, part]) => concat(reference.into(), false, parts, part)?,
        // §9.2.3.24.8
        (WIDE_CONCAT, &[high, low, parts, part]) => {
            concat(u16::from_be_bytes([high, low]), true, parts, part)?
        }
        // §9.2.3.24.2
        (WAITING, &[indication, count]) => Value::Waiting(Waiting::of_element(indication, count)),
        // §9.2.3.24.3
        (PORTS, &[to, from]) => Value::Ports(Ports {
            from: from.into(),
            to: to.into(),
        }),
        // §9.2.3.24.4
        (WIDE_PORTS, &[to, low_to, from, low_from]) => Value::Ports(Ports {
            from: u16::from_be_bytes([from, low_from]),
            to: u16::from_be_bytes([to, low_to]),
        }),
        // §9.2.3.24.15
        (SINGLE_SHIFT, &[code]) => Value::SingleShift(language(code)?),
        // §9.2.3.24.16; Spanish has no such table.
        (LOCKING_SHIFT, &[code]) => match language(code)? {
            Language::Spanish => return None,
            language => Value::LockingShift(language),
        },
        _ => return None,
    })
}

/// The name of an element (TS 23.040 §9.2.3.24).
pub fn name(element: &Element) -> &'static str {
    match element.id {
        0x00 => "concatenation, 8-bit reference",
        0x01 => "special SMS message indication",
        0x04 => "application port, 8-bit",
        0x05 => "application port, 16-bit",
        0x06 => "SMSC control parameters",
        0x07 => "UDH source indicator",
        0x08 => "concatenation, 16-bit reference",
        0x09 => "wireless control message protocol",
        0x0A => "text formatting",
        0x0B => "predefined sound",
        0x0C => "user defined sound",
        0x0D => "predefined animation",
        0x0E => "large animation",
        0x0F => "small animation",
        0x10 => "large picture",
        0x11 => "small picture",
        0x12 => "variable picture",
        0x13 => "user prompt indicator",
        0x14 => "extended object",
        0x15 => "reused extended object",
        0x16 => "compression control",
        0x17 => "object distribution indicator",
        0x18 => "standard WVG object",
        0x19 => "character size WVG object",
        0x1A => "extended object data request command",
        0x20 => "RFC 822 e-mail header",
        0x21 => "hyperlink format",
        0x22 => "reply address",
        0x23 => "enhanced voice mail information",
        0x24 => "national language single shift",
        0x25 => "national language locking shift",
        0x70..=0x7F => "(U)SIM toolkit security header",
        0x80..=0x9F => "SME to SME, specific use",
        0xC0..=0xDF => "service centre, specific use",
        _ => "reserved",
    }
}

/// `part 2 of 3, reference 42`; nothing for an element without a [`Value`].
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Concat(concat) => write!(
                f,
                "part {} of {}, reference {}",
                concat.part, concat.parts, concat.reference
            ),
            Value::Waiting(waiting) => {
                let kept = if waiting.store { "stored" } else { "discarded" };
                write!(f, "{waiting}, to be {kept}")
            }
            Value::Ports(Ports { from, to }) => write!(f, "from {from} for {to}"),
            Value::SingleShift(language) | Value::LockingShift(language) => {
                write!(f, "{language:?}")
            }
        }
    }
}

fn language(code: u8) -> Option<Language> {
    let of = |language: &Language| *language as u8 == code;
    Language::ALL.into_iter().find(of)
}

fn concat(reference: u16, wide: bool, parts: u8, part: u8) -> Option<Value> {
    let possible = (1..=parts).contains(&part);
    possible.then_some(Value::Concat(Concat {
        reference,
        wide,
        part,
        parts,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::octets_of;
    use super::*;

    #[track_caller]
    fn check(udh: &str, wanted: &[(u8, &str, &str)]) {
        let header = octets_of(udh).unwrap();
        let elements = parse(&header).unwrap();
        let shown = |element: &Element| {
            let value = value(element).map(|value| value.to_string());
            (element.id, name(element), value.unwrap_or_default())
        };
        let found: Vec<(u8, &str, String)> = elements.iter().map(shown).collect();
        let found: Vec<(u8, &str, &str)> =
            found.iter().map(|(i, n, v)| (*i, *n, v.as_str())).collect();
        assert_eq!(found, wanted, "{udh}");
    }

    #[test]
    fn elements() {
        check("", &[]);
        check(
            "0500032A0302",
            &[(
                0,
                "concatenation, 8-bit reference",
                "part 2 of 3, reference 42",
            )],
        );
        check(
            "0B05040B8423F00003010201",
            &[
                (5, "application port, 16-bit", "from 9200 for 2948"),
                (
                    0,
                    "concatenation, 8-bit reference",
                    "part 1 of 2, reference 1",
                ),
            ],
        );
        check(
            "040402F0F1",
            &[(4, "application port, 8-bit", "from 241 for 240")],
        );
    }

    #[test]
    fn more_elements() {
        check(
            "0401028005",
            &[(
                1,
                "special SMS message indication",
                "voicemail waiting: 5, to be stored",
            )],
        );
        check(
            "06240101250103",
            &[
                (0x24, "national language single shift", "Turkish"),
                (0x25, "national language locking shift", "Portuguese"),
            ],
        );
        // A table nobody has, Spanish where there is none, and an element of the network's own.
        check(
            "0B2401FF250102C003010203",
            &[
                (0x24, "national language single shift", ""),
                (0x25, "national language locking shift", ""),
                (0xC0, "service centre, specific use", ""),
            ],
        );
        check("0500030A0000", &[(0, "concatenation, 8-bit reference", "")]);
        check("02A900", &[(0xA9, "reserved", "")]);
    }

    #[track_caller]
    fn check_ignored(udh: &str, wanted: &str) {
        let fault = parse(&octets_of(udh).unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), wanted, "{udh}");
    }

    #[test]
    fn headers_to_be_ignored() {
        check_ignored("0400032A03", "its element 00 at octet 1 ends behind it");
        check_ignored("0600032A030299", "its element 99 at octet 6 ends behind it");
        check_ignored("0500032A03", "it says 5 octets and has 4");
    }

    #[test]
    fn the_last_table_counts() {
        let found = shifts(&octets_of("0C240101240102250103250199").unwrap());
        assert_eq!(found.single, Some(Language::Spanish));
        assert_eq!(found.locking, Some(Language::Portuguese));
        assert_eq!(shifts(&[3, 0x24, 1]), Shifts::default());
    }

    proptest! {
        #[test]
        fn any_octets_are_elements_or_ignored(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(elements) = parse(&octets) {
                let length: usize = elements.iter().map(|element| element.data.len() + 2).sum();
                prop_assert!(octets.is_empty() || length + 1 == octets.len());
                let shown = elements.iter().filter_map(value);
                prop_assert!(shown.map(|value| value.to_string()).all(|value| !value.is_empty()));
            }
            let _ = (waiting(Some(Dcs(0xC8)), &octets), shifts(&octets));
        }
    }
}
