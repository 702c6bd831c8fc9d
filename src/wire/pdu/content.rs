//! TP-DCS, TP-UDL and TP-UD: what an SMS says, and how (TS 23.038 §4, TS 23.040 §9.2.3.24).

use super::{DecodeError, EncodeError, Fault, Reader};
use crate::sms::{Concat, Encoding, Segment, alphabet};

/// Octets of user data, the header included (TS 23.040 §9.2.3.16).
const MAX_OCTETS: usize = 140;

/// The same in septets.
const MAX_SEPTETS: usize = 160;

/// A data coding scheme (TS 23.038 §4): the octet, and what it means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dcs(pub u8);

impl Dcs {
    /// The general data coding for text or octets; class 0 (flash) if wished.
    pub fn new(encoding: Encoding, flash: bool) -> Self {
        let alphabet = match encoding {
            Encoding::Gsm7 => 0x00,
            Encoding::Binary => 0x04,
            Encoding::Ucs2 => 0x08,
        };
        Self(if flash { alphabet | 0x10 } else { alphabet })
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
}

/// What the user data are, the header aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// GSM-7 or UCS-2, as the DCS says.
    Text(String),
    /// 8-bit data, or compressed text.
    Data(Vec<u8>),
}

/// The user data of one SMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// How the body is coded; may be replaced to send a special one.
    pub dcs: Dcs,
    /// The user data header with its length octet, as it came; empty when there is none.
    pub udh: Vec<u8>,
    /// The rest.
    pub body: Body,
}

impl Content {
    /// A segment of a text.
    pub fn segment(segment: &Segment, flash: bool) -> Self {
        Self {
            dcs: Dcs::new(segment.encoding, flash),
            udh: segment
                .concat
                .map(|concat| concat.udh())
                .unwrap_or_default(),
            body: Body::Text(segment.text.clone()),
        }
    }

    /// 8-bit data, with a header (its length octet first) or an empty one.
    pub fn binary(data: Vec<u8>, udh: Vec<u8>) -> Self {
        Self {
            dcs: Dcs::new(Encoding::Binary, false),
            udh,
            body: Body::Data(data),
        }
    }

    /// How the body is coded.
    pub fn encoding(&self) -> Encoding {
        match self.body {
            Body::Text(_) => self.dcs.encoding(),
            Body::Data(_) => Encoding::Binary,
        }
    }

    /// The text; `None` for octets.
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            Body::Text(text) => Some(text),
            Body::Data(_) => None,
        }
    }

    /// Where it stands in a message of several SMS.
    ///
    /// A header whose elements do not fill it exactly is ignored, so is an element with a part that
    /// cannot be, and of two the last counts (TS 23.040 §9.2.3.24).
    pub fn concat(&self) -> Option<Concat> {
        let mut rest = self.udh.get(1..)?;
        let mut found = None;
        while let [element, length, tail @ ..] = rest {
            let (value, tail) = tail.split_at_checked(usize::from(*length))?;
            found = concat(*element, value).or(found);
            rest = tail;
        }
        found.filter(|_| rest.is_empty())
    }
}

fn concat(element: u8, value: &[u8]) -> Option<Concat> {
    let (reference, wide, parts, part) = match (element, value) {
        // §9.2.3.24.1
        (0x00, &[reference, parts, part]) => (reference.into(), false, parts, part),
        // §9.2.3.24.8
        (0x08, &[high, low, parts, part]) => (u16::from_be_bytes([high, low]), true, parts, part),
        _ => return None,
    };
    let possible = (1..=parts).contains(&part);
    possible.then_some(Concat {
        reference,
        wide,
        part,
        parts,
    })
}

/// Reads TP-UDL and TP-UD. `with_header` is TP-UDHI.
pub(super) fn read(
    reader: &mut Reader,
    dcs: Dcs,
    with_header: bool,
) -> Result<Content, DecodeError> {
    const FIELD: &str = "TP-UD";
    let length = usize::from(reader.octet("TP-UDL")?);
    let septets = dcs.encoding() == Encoding::Gsm7 && !dcs.compressed();
    let most = if septets { MAX_SEPTETS } else { MAX_OCTETS };
    if length > most {
        return Err(reader.fault(
            "TP-UDL",
            Fault::Over {
                found: length,
                most,
            },
        ));
    }
    let at = Reader { ..*reader };
    let octets = if septets {
        (length * 7).div_ceil(8)
    } else {
        length
    };
    let octets = reader.take(FIELD, octets)?;
    let header = match octets.first() {
        _ if !with_header => 0,
        None => 0,
        Some(&rest) => usize::from(rest) + 1,
    };
    let (header_units, fill) = if septets { padded(header) } else { (header, 0) };
    if header_units > length {
        let fault = Fault::Header {
            header: header_units,
            there: length,
        };
        return Err(at.fault(FIELD, fault));
    }
    let (udh, body) = octets.split_at_checked(header).unwrap_or((octets, &[]));
    let body = match dcs.encoding() {
        _ if dcs.compressed() => Body::Data(body.to_vec()),
        Encoding::Gsm7 => {
            let septets = alphabet::unpack(body, fill, length - header_units);
            Body::Text(alphabet::decode(&septets))
        }
        Encoding::Ucs2 => Body::Text(from_utf16(body)),
        Encoding::Binary => Body::Data(body.to_vec()),
    };
    Ok(Content {
        dcs,
        udh: udh.to_vec(),
        body,
    })
}

/// TP-UDL and TP-UD.
pub(super) fn write(content: &Content, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    let Content { dcs, udh, body } = content;
    if udh
        .first()
        .is_some_and(|&rest| usize::from(rest) + 1 != udh.len())
    {
        return Err(EncodeError::Header(udh.len() - 1));
    }
    let (length, body) = match (body, dcs.encoding()) {
        (Body::Data(data), _) if dcs.compressed() => (udh.len() + data.len(), data.clone()),
        (Body::Data(data), Encoding::Binary | Encoding::Ucs2) => {
            (udh.len() + data.len(), data.clone())
        }
        (Body::Text(text), Encoding::Gsm7) if !dcs.compressed() => {
            let septets = alphabet::encode(text).map_err(EncodeError::NotGsm7)?;
            let (header, fill) = padded(udh.len());
            (header + septets.len(), alphabet::pack(&septets, fill))
        }
        (Body::Text(text), Encoding::Ucs2) if !dcs.compressed() => {
            let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            (udh.len() + octets.len(), octets)
        }
        _ => return Err(EncodeError::Dcs(dcs.0)),
    };
    match (udh.len() + body.len(), u8::try_from(length)) {
        (octets, Ok(length)) if octets <= MAX_OCTETS => {
            to.push(length);
            to.extend(udh);
            to.extend(body);
            Ok(())
        }
        (octets, _) => Err(EncodeError::TooLong(octets)),
    }
}

/// How many septets a header takes, and the bits that fill the last one.
fn padded(header: usize) -> (usize, usize) {
    let septets = (header * 8).div_ceil(7);
    (septets, septets * 7 - header * 8)
}

/// UTF-16BE. Half a pair, or half a word at the end, is U+FFFD.
fn from_utf16(octets: &[u8]) -> String {
    let (words, half) = octets.as_chunks::<2>();
    let words = words.iter().map(|word| u16::from_be_bytes(*word));
    let characters = char::decode_utf16(words).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    let half = half.iter().map(|_| char::REPLACEMENT_CHARACTER);
    characters.chain(half).collect()
}

#[cfg(test)]
mod tests {
    use super::super::octets_of;
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
    fn check_concat(udh: &str, wanted: Option<(u16, bool, u8, u8)>) {
        let content = Content::binary(Vec::new(), octets_of(udh).unwrap());
        let found = content
            .concat()
            .map(|c| (c.reference, c.wide, c.part, c.parts));
        assert_eq!(found, wanted, "{udh}");
    }

    #[test]
    fn concatenation() {
        check_concat("", None);
        check_concat("0500032A0302", Some((0x2A, false, 2, 3)));
        check_concat("060804123403FF", None);
        check_concat("06080412340301", Some((0x1234, true, 1, 3)));
        check_concat("0500032A0101", Some((0x2A, false, 1, 1)));
        check_concat("0500032A0000", None);
        check_concat("0500032A0300", None);
        check_concat("0500032A0304", None);
        check_concat("0B05040B8423F00003010201", Some((1, false, 1, 2)));
        check_concat("0A00030102010003020201", Some((2, false, 1, 2)));
        check_concat("0600032A030299", None); // one octet too many
        check_concat("0400032A03", None); // one too few
        check_concat("00", None);
    }

    #[track_caller]
    fn check(dcs: u8, with_header: bool, field: &str, wanted: Result<&str, &str>) {
        let octets = octets_of(field).unwrap();
        let mut reader = Reader {
            octets: &octets,
            at: 0,
        };
        let found = read(&mut reader, Dcs(dcs), with_header);
        let found = found.map(|content| match content.body {
            Body::Text(text) => text,
            Body::Data(data) => format!("{data:02X?}"),
        });
        let found = found.map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), wanted, "{field}");
    }

    #[test]
    fn user_data() {
        check(0x00, false, "0AE8329BFD4697D9EC37", Ok("hellohello"));
        check(0x00, false, "00", Ok(""));
        check(0x08, false, "04D83DDE00", Ok("😀"));
        check(0x08, false, "030041DE", Ok("A\u{fffd}"));
        check(0x08, false, "06D83D0041DE00", Ok("\u{fffd}A\u{fffd}"));
        check(0x04, false, "0341DE00", Ok("[41, DE, 00]"));
        check(0x20, false, "0341DE00", Ok("[41, DE, 00]"));
        check(0x00, true, "00", Ok(""));
        check(
            0x04,
            true,
            "020500",
            Err("octet 1, TP-UD: header of 6 in user data of 2"),
        );
        check(
            0x00,
            true,
            "07050003010201",
            Err("octet 1, TP-UD: octets needed: 7, left: 6"),
        );
        check(
            0x00,
            true,
            "0605000301020100",
            Err("octet 1, TP-UD: header of 7 in user data of 6"),
        );
        check(
            0x00,
            false,
            "A1",
            Err("octet 1, TP-UDL: length 161, 160 is the most"),
        );
        check(
            0x08,
            false,
            "8D",
            Err("octet 1, TP-UDL: length 141, 140 is the most"),
        );
        check(
            0x08,
            false,
            "",
            Err("octet 0, TP-UDL: octets needed: 1, left: 0"),
        );
    }

    #[track_caller]
    fn check_refused(dcs: u8, udh: &[u8], body: Body, wanted: EncodeError) {
        let content = Content {
            dcs: Dcs(dcs),
            udh: udh.to_vec(),
            body,
        };
        assert_eq!(write(&content, &mut Vec::new()), Err(wanted));
    }

    #[test]
    fn what_does_not_encode() {
        let text = |text: &str| Body::Text(text.to_owned());
        check_refused(0x00, &[], text("я"), EncodeError::NotGsm7('я'));
        check_refused(0x04, &[], text("a"), EncodeError::Dcs(4));
        check_refused(0x00, &[], Body::Data(vec![1]), EncodeError::Dcs(0));
        check_refused(0x28, &[], text("a"), EncodeError::Dcs(0x28));
        check_refused(
            0x04,
            &[6, 0, 3, 1, 2, 1],
            Body::Data(vec![]),
            EncodeError::Header(5),
        );
        check_refused(0x00, &[], text(&"a".repeat(161)), EncodeError::TooLong(141));
        check_refused(0x08, &[], text(&"я".repeat(71)), EncodeError::TooLong(142));
        check_refused(
            0x00,
            &[5, 0, 3, 1, 2, 1],
            text(&"a".repeat(154)),
            EncodeError::TooLong(141),
        );
        check_refused(
            0x00,
            &[],
            text(&"a".repeat(1000)),
            EncodeError::TooLong(875),
        );
    }
}
