//! User data headers: the elements in front of an SMS's text or data (TS 23.040 §9.2.3.24).
//!
//! Pure. A header is written with its length octet, as it is on the air, unless it says otherwise.
//! Reading never fails and never panics: what is cut off is told, and what came before it is kept.
//! What people type is read strictly ([`read`]).

use super::Concat;

/// Concatenation, 8-bit reference (§9.2.3.24.1).
pub const CONCAT: u8 = 0x00;
/// Special SMS message indication: what waits for the subscriber (§9.2.3.24.2).
pub const WAITING: u8 = 0x01;
/// Application ports, 8 bits (§9.2.3.24.3).
pub const PORTS: u8 = 0x04;
/// Application ports, 16 bits (§9.2.3.24.4).
pub const WIDE_PORTS: u8 = 0x05;
/// Concatenation, 16-bit reference (§9.2.3.24.8).
pub const WIDE_CONCAT: u8 = 0x08;
/// National language single shift (§9.2.3.24.15).
pub const SINGLE_SHIFT: u8 = 0x24;
/// National language locking shift (§9.2.3.24.16).
pub const LOCKING_SHIFT: u8 = 0x25;

/// Octets of user data, the header included (§9.2.3.16).
pub const MAX_OCTETS: usize = 140;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its identifier.
    pub id: u8,
    /// What it says.
    pub data: &'a [u8],
}

/// Which applications an SMS is from and for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The one that sent it.
    pub from: u16,
    /// The one that is to get it.
    pub to: u16,
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UdhError {
    /// Longer than an SMS.
    #[error("a user data header of {0} octets; an SMS holds {MAX_OCTETS} in all")]
    TooLong(usize),
    /// An element is not there whole.
    #[error(
        "the user data header ends inside its element {id:02X}; write each element as identifier, \
         length, data, as 0605040B8423F0"
    )]
    Ends {
        /// Which.
        id: u8,
    },
}

/// The elements of a header without its length octet; with the identifier of the one that is cut
/// off, if one is.
fn split(mut rest: &[u8]) -> (Vec<Element<'_>>, Option<u8>) {
    let mut elements = Vec::new();
    loop {
        rest = match rest {
            [] => return (elements, None),
            [id] => return (elements, Some(*id)),
            [id, length, tail @ ..] => match tail.split_at_checked(usize::from(*length)) {
                Some((data, tail)) => {
                    elements.push(Element { id: *id, data });
                    tail
                }
                None => return (elements, Some(*id)),
            },
        }
    }
}

/// The elements of a header with its length octet, in order, and whether there was nothing else.
pub fn elements(udh: &[u8]) -> (Vec<Element<'_>>, bool) {
    let Some((length, rest)) = udh.split_first() else {
        return (Vec::new(), true);
    };
    let (elements, cut) = split(rest);
    let whole = cut.is_none() && usize::from(*length) == rest.len();
    (elements, whole)
}

/// Reads a header as people and providers write it, with its length octet or without; the answer has
/// it. Octets that can be read in both ways have it: so does every header that is copied from a
/// trace.
pub fn read(octets: &[u8]) -> Result<Vec<u8>, UdhError> {
    if octets.is_empty() {
        return Ok(Vec::new());
    }
    let counts = |first: &u8| usize::from(*first) + 1 == octets.len();
    let with_length = octets.first().is_some_and(counts);
    if with_length && octets.len() > MAX_OCTETS || octets.len() >= MAX_OCTETS && !with_length {
        return Err(UdhError::TooLong(octets.len()));
    }
    if with_length && split(&octets[1..]).1.is_none() {
        return Ok(octets.to_vec());
    }
    match split(octets).1 {
        None => Ok(assembled(octets)),
        Some(id) if with_length => Err(UdhError::Ends {
            id: split(&octets[1..]).1.unwrap_or(id),
        }),
        Some(id) => Err(UdhError::Ends { id }),
    }
}

/// A header of these elements, which are short enough for an SMS.
fn assembled(elements: &[u8]) -> Vec<u8> {
    let length = u8::try_from(elements.len()).unwrap_or(u8::MAX);
    let mut udh = vec![length];
    udh.extend(elements);
    udh
}

/// Where the SMS stands in its message. The last element counts (§9.2.3.24); a header that is
/// broken, or says what cannot be, says nothing of it.
pub fn concat(udh: &[u8]) -> Option<Concat> {
    let (elements, whole) = elements(udh);
    let (reference, wide, parts, part) =
        elements
            .iter()
            .filter(|_| whole)
            .rev()
            .find_map(|element| match (element.id, element.data) {
                (CONCAT, &[reference, parts, part]) => Some((reference.into(), false, parts, part)),
                (WIDE_CONCAT, &[high, low, parts, part]) => {
                    Some((u16::from_be_bytes([high, low]), true, parts, part))
                }
                _ => None,
            })?;
    (1..=parts).contains(&part).then_some(Concat {
        reference,
        wide,
        part,
        parts,
    })
}

/// Whether the header says that the SMS is a part, possibly or not.
pub fn says_concat(udh: &[u8]) -> bool {
    let is_concat = |element: &Element| matches!(element.id, CONCAT | WIDE_CONCAT);
    elements(udh).0.iter().any(is_concat)
}

/// The application ports; the last element counts.
pub fn ports(udh: &[u8]) -> Option<Ports> {
    let (elements, _) = elements(udh);
    elements
        .iter()
        .rev()
        .find_map(|element| match (element.id, element.data) {
            (PORTS, &[to, from]) => Some(Ports {
                from: from.into(),
                to: to.into(),
            }),
            (WIDE_PORTS, &[to, low_to, from, low_from]) => Some(Ports {
                from: u16::from_be_bytes([from, low_from]),
                to: u16::from_be_bytes([to, low_to]),
            }),
            _ => None,
        })
}

/// The header of what was joined: without what says that it is to be; empty when nothing else is in it.
pub fn without_concat(udh: &[u8]) -> Vec<u8> {
    let (elements, _) = elements(udh);
    let mut rest = Vec::new();
    for element in elements {
        if !matches!(element.id, CONCAT | WIDE_CONCAT) {
            // It came with an octet for its length.
            rest.extend([
                element.id,
                u8::try_from(element.data.len()).unwrap_or(u8::MAX),
            ]);
            rest.extend(element.data);
        }
    }
    match rest.is_empty() {
        true => rest,
        false => assembled(&rest),
    }
}

/// The header with a concatenation element in front of what it has.
pub fn with_concat(udh: &[u8], concat: Concat) -> Vec<u8> {
    let mut elements = concat.udh().split_off(1);
    elements.extend(udh.get(1..).unwrap_or_default());
    assembled(&elements)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn octets(hex: &str) -> Vec<u8> {
        let octet = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(octet).collect()
    }

    #[track_caller]
    fn check_read(written: &str, expected: Result<&str, &str>) {
        let read = read(&octets(written)).map_err(|e| e.to_string());
        let expected = expected.map(octets).map_err(str::to_owned);
        assert_eq!(read, expected, "{written}");
    }

    #[test]
    fn what_was_joined_says_so_no_more() {
        for (udh, expected) in [
            (&[][..], &[][..]),
            (&[5, 0, 3, 7, 2, 1], &[]),
            (
                &[11, 5, 4, 0x0B, 0x84, 0x23, 0xF0, 0, 3, 7, 2, 1],
                &[6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
            ),
            (&[6, 8, 4, 1, 7, 2, 1], &[]),
        ] {
            assert_eq!(without_concat(udh), expected, "{udh:02x?}");
        }
    }

    #[test]
    fn headers_as_people_write_them() {
        check_read("", Ok(""));
        check_read("0605040B8423F0", Ok("0605040B8423F0"));
        check_read("05040B8423F0", Ok("0605040B8423F0"));
        check_read("0500032A0201", Ok("0500032A0201"));
        check_read("00032A0201", Ok("0500032A0201"));
        check_read("7000", Ok("027000"));
        let ends = |id| {
            format!(
                "the user data header ends inside its element {id}; write each element as \
                 identifier, length, data, as 0605040B8423F0"
            )
        };
        check_read("020500", Ok("020500"));
        check_read("0305", Err(&ends("03")));
        check_read("0205FF", Err(&ends("05")));
        check_read("0605040B8423", Err(&ends("06")));
        check_read(
            &format!("8B70{}", "00".repeat(139)),
            Err("a user data header of 141 octets; an SMS holds 140 in all"),
        );
    }

    #[track_caller]
    fn check_concat(udh: &str, expected: Option<(u16, bool, u8, u8)>) {
        let found = concat(&octets(udh)).map(|c| (c.reference, c.wide, c.part, c.parts));
        assert_eq!(found, expected, "{udh}");
    }

    #[test]
    fn concatenation() {
        check_concat("", None);
        check_concat("0500032A0302", Some((0x2A, false, 2, 3)));
        check_concat("06080412340301", Some((0x1234, true, 1, 3)));
        check_concat("0B05040B8423F00003010201", Some((1, false, 1, 2)));
        check_concat("0A00030102010003020201", Some((2, false, 1, 2)));
        check_concat("0500032A0304", None);
        check_concat("0500032A0300", None);
        check_concat("0600032A030299", None);
        check_concat("0400032A03", None);
    }

    #[test]
    fn application_ports() {
        let wide = Some(Ports {
            from: 9200,
            to: 2948,
        });
        assert_eq!(ports(&octets("0605040B8423F0")), wide);
        assert_eq!(ports(&octets("0B05040B8423F00003010201")), wide);
        let narrow = Some(Ports { from: 241, to: 240 });
        assert_eq!(ports(&octets("040402F0F1")), narrow);
        assert_eq!(ports(&octets("0305010B")), None);
    }

    #[test]
    fn a_part_of_a_message_for_a_port() {
        let part = Concat {
            reference: 0x2A,
            wide: false,
            part: 2,
            parts: 3,
        };
        let udh = with_concat(&octets("0605040B8423F0"), part);
        assert_eq!(udh, octets("0B00032A030205040B8423F0"));
        assert_eq!(concat(&udh), Some(part));
        assert_eq!(with_concat(&[], part), part.udh());
    }

    proptest! {
        #[test]
        fn any_octets_are_read(udh: Vec<u8>) {
            let (found, whole) = elements(&udh);
            let length: usize = found.iter().map(|e| e.data.len() + 2).sum();
            prop_assert!(length <= udh.len());
            let _ = (ports(&udh), says_concat(&udh), whole);
            if let Some(concat) = concat(&udh) {
                prop_assert!(concat.part >= 1 && concat.part <= concat.parts);
            }
        }

        #[test]
        fn what_is_read_is_whole_and_read_again(octets: Vec<u8>) {
            if let Ok(udh) = read(&octets) {
                prop_assert!(elements(&udh).1 && udh.len() <= MAX_OCTETS);
                prop_assert_eq!(read(&udh), Ok(udh));
            }
        }

        #[test]
        fn ours_come_back(reference: u16, wide: bool, part in 1u8..5) {
            let reference = if wide { reference } else { reference & 0xFF };
            let ours = Concat { reference, wide, part, parts: 5 };
            prop_assert_eq!(concat(&ours.udh()), Some(ours));
            prop_assert_eq!(read(&ours.udh()[1..]).map(|udh| concat(&udh)), Ok(Some(ours)));
        }
    }
}
