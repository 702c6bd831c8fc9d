//! TP-DCS, TP-UDL and TP-UD: what an SMS says, and how (TS 23.038 §4, TS 23.040 §9.2.3.24).

use super::{Dcs, DecodeError, EncodeError, Fault, Reader, Waiting, udh};
use crate::sms::{self, Concat, Encoding, Segment, Shifts, alphabet};

/// Octets of user data, the header included (TS 23.040 §9.2.3.16).
const MAX_OCTETS: usize = 140;

/// The same in septets.
const MAX_SEPTETS: usize = 160;

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
            udh: segment.udh(),
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
    pub fn concat(&self) -> Option<Concat> {
        sms::udh::concat(&self.udh)
    }

    /// What waits in mailboxes: the header's word, which has counts, and the DCS's.
    pub fn waiting(&self) -> Vec<Waiting> {
        udh::waiting(Some(self.dcs), &self.udh)
    }

    /// The national tables the header names.
    pub fn shifts(&self) -> Shifts {
        udh::shifts(&self.udh)
    }
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
        return Err(reader.before(
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
            Body::Text(alphabet::decode_with(&septets, udh::shifts(udh)))
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
            let septets = septets_of(text, udh::shifts(udh))?;
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

fn septets_of(text: &str, shifts: Shifts) -> Result<Vec<u8>, EncodeError> {
    let lacking = |c: &char| alphabet::septets_in(*c, shifts).is_none();
    alphabet::encode_with(text, shifts)
        .ok_or_else(|| EncodeError::NotGsm7(text.chars().find(lacking).unwrap_or_default()))
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
            Err("octet 0, TP-UDL: length 161, 160 is the most"),
        );
        check(
            0x08,
            false,
            "8D",
            Err("octet 0, TP-UDL: length 141, 140 is the most"),
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
