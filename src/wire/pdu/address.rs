//! Address fields (TS 23.040 §9.1.2.5): digits as swapped semi-octets, or packed septets.
//!
//! The service centre's address counts octets, all others count useful semi-octets.

use super::{DecodeError, EncodeError, Fault, Reader};
use crate::sms::{Party, alphabet};

/// Ten octets of value.
const MAX_SEMI_OCTETS: usize = 20;

/// The type of an address (TS 23.040 §9.1.2.5): the octet before its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Toa(pub u8);

impl Toa {
    /// `+` and digits of E.164.
    pub const INTERNATIONAL: Self = Self(0x91);
    /// Nothing known but the digits. Right for short codes and for national numbers.
    pub const UNKNOWN: Self = Self(0x81);
    /// A name in GSM 7-bit.
    pub const ALPHANUMERIC: Self = Self(0xD0);

    /// The one that fits.
    pub fn of(party: &Party) -> Self {
        match party {
            Party::Number(_) => Self::INTERNATIONAL,
            Party::Short(_) => Self::UNKNOWN,
            Party::Name(_) => Self::ALPHANUMERIC,
        }
    }

    /// The type of number, in the standard's word.
    pub fn number_type(self) -> &'static str {
        match self.0 >> 4 & 0x07 {
            0 => "unknown",
            1 => "international",
            2 => "national",
            3 => "network specific",
            4 => "subscriber",
            5 => "alphanumeric",
            6 => "abbreviated",
            _ => "reserved",
        }
    }

    /// The numbering plan; `None` for names, which have none.
    pub fn plan(self) -> Option<&'static str> {
        if self.is_alphanumeric() {
            return None;
        }
        Some(match self.0 & 0x0F {
            0 => "unknown",
            1 => "E.164",
            3 => "X.121 data",
            4 => "telex",
            5 | 6 => "service centre specific",
            8 => "national",
            9 => "private",
            10 => "ERMES",
            _ => "reserved",
        })
    }

    fn is_international(self) -> bool {
        self.0 & 0x70 == 0x10
    }

    fn is_alphanumeric(self) -> bool {
        self.0 & 0x70 == 0x50
    }

    /// Bit 7 is always set; where it is not, something else is being read as an address.
    pub(super) fn is_proper(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// What the semi-octets 0 to 14 stand for; 15 fills the last octet.
const SEMI_OCTETS: &[u8; 15] = b"0123456789*#abc";

/// Reads the service centre's address; none means the SIM's own.
pub(super) fn read_smsc(reader: &mut Reader) -> Result<Option<Party>, DecodeError> {
    const FIELD: &str = "service centre's address";
    let length = usize::from(reader.octet(FIELD)?);
    if length == 0 {
        return Ok(None);
    }
    let most = MAX_SEMI_OCTETS / 2 + 1;
    if length > most {
        let fault = Fault::Over {
            found: length,
            most,
        };
        return Err(reader.before(FIELD, fault));
    }
    let toa = Toa(reader.octet(FIELD)?);
    let value = reader.take(FIELD, length - 1)?;
    Ok(Some(party(toa, value, value.len() * 2)))
}

/// Reads TP-OA, TP-DA or TP-RA.
pub(super) fn read(reader: &mut Reader, field: &'static str) -> Result<(Party, Toa), DecodeError> {
    let semi_octets = usize::from(reader.octet(field)?);
    if semi_octets > MAX_SEMI_OCTETS {
        let fault = Fault::Over {
            found: semi_octets,
            most: MAX_SEMI_OCTETS,
        };
        return Err(reader.before(field, fault));
    }
    let toa = Toa(reader.octet(field)?);
    let value = reader.take(field, semi_octets.div_ceil(2))?;
    Ok((party(toa, value, semi_octets), toa))
}

fn party(toa: Toa, value: &[u8], semi_octets: usize) -> Party {
    if toa.is_alphanumeric() {
        return Party::from_name(&name(value, semi_octets));
    }
    let digits = digits(value, semi_octets);
    if toa.is_international() {
        return Party::from_network(&format!("+{digits}"));
    }
    Party::from_network(&digits)
}

/// Up to the first filler, wherever it stands: some networks count it as a digit.
fn digits(value: &[u8], semi_octets: usize) -> String {
    let swapped = value.iter().flat_map(|octet| [octet & 0x0F, octet >> 4]);
    let known = swapped.map_while(|digit| SEMI_OCTETS.get(usize::from(digit)).copied());
    known.take(semi_octets).map(char::from).collect()
}

fn name(value: &[u8], semi_octets: usize) -> String {
    let mut septets = alphabet::unpack(value, 0, semi_octets * 4 / 7);
    // Seven characters are 13 semi-octets. A network that rounds them up to whole octets says 14,
    // which has room for an eighth: an at sign out of seven zero bits.
    if septets.len() == 8 && septets.ends_with(&[0]) {
        septets.pop();
    }
    alphabet::decode(&septets)
}

/// The service centre's address with its count of octets; one zero octet for none.
pub(super) fn smsc(party: Option<&Party>) -> Result<Vec<u8>, EncodeError> {
    let Some(party) = party else {
        return Ok(vec![0]);
    };
    let toa = Toa::of(party);
    let (_, value) = parts(party, toa)?;
    let mut field = vec![value.len() as u8 + 1, toa.0];
    field.extend(value);
    Ok(field)
}

/// TP-OA, TP-DA or TP-RA with its count of semi-octets. Bit 7 of the type is set even where it came
/// without, so that what we write is never taken for something else.
pub(super) fn write(party: &Party, toa: Toa, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (semi_octets, value) = parts(party, toa)?;
    to.extend([semi_octets as u8, toa.0 | 0x80]);
    to.extend(value);
    Ok(())
}

/// How many semi-octets, and the value, of ten octets at the most.
fn parts(party: &Party, toa: Toa) -> Result<(usize, Vec<u8>), EncodeError> {
    let shown = party.to_string();
    let parts = if toa.is_alphanumeric() {
        let septets = alphabet::encode(&shown).ok();
        septets.map(|septets| {
            let semi_octets = (septets.len() * 7).div_ceil(4);
            (semi_octets, alphabet::pack(&septets, 0))
        })
    } else {
        let digits = match toa.is_international() {
            true => shown.strip_prefix('+').unwrap_or(&shown),
            // A field without digits is read as this name.
            false if *party == Party::from_name("") => "",
            false => &shown,
        };
        semi_octets(digits).map(|value| (digits.len(), value))
    };
    match parts {
        Some(parts) if parts.0 <= MAX_SEMI_OCTETS => Ok(parts),
        _ => Err(EncodeError::Address(shown)),
    }
}

fn semi_octets(digits: &str) -> Option<Vec<u8>> {
    let code = |digit: &u8| SEMI_OCTETS.iter().position(|known| known == digit);
    let codes: Option<Vec<usize>> = digits.as_bytes().iter().map(code).collect();
    let pair = |pair: &[usize]| (pair.get(1).copied().unwrap_or(0xF) << 4 | pair[0]) as u8;
    codes.map(|codes| codes.chunks(2).map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{hex, octets_of};
    use super::*;

    fn read_field(field: &str) -> Result<Party, DecodeError> {
        let octets = octets_of(field).unwrap();
        read(
            &mut Reader {
                octets: &octets,
                at: 0,
            },
            "TP-OA",
        )
        .map(|(party, _)| party)
    }

    #[track_caller]
    fn check(field: &str, shown: &str, kind: fn(String) -> Option<Party>) {
        assert_eq!(
            read_field(field).unwrap(),
            kind(shown.to_owned()).unwrap(),
            "{field}"
        );
    }

    fn number(text: String) -> Option<Party> {
        crate::sms::Number::from_network(&text).map(Party::Number)
    }

    fn short(text: String) -> Option<Party> {
        Some(Party::Short(text))
    }

    fn name(text: String) -> Option<Party> {
        Some(Party::Name(text))
    }

    #[test]
    fn reads() {
        check("0B915155214365F7", "+15551234567", number);
        check("0C915155214365F7", "+15551234567", number); // the filler counted
        check("05812255F5", "22555", short);
        check("0AA11070214365", "0107123456", short);
        check("0BC87238880900F1", "27838890001", short);
        check("0391214300", "+123", name);
        check("05813A21F3", "*3123", name);
        check("0891214365BA", "+123456*#", name);
        check("0091", "+", name);
        check("0081", "unknown", name);
        check("07D0C161B308", "ACME", name);
        // Thirteen semi-octets, and rounded up to whole octets.
        check("0DD041E19058341E01", "ABCDEFG", name);
        check("0ED041E19058341E01", "ABCDEFG", name);
    }

    #[test]
    fn writes_what_it_reads() {
        for party in [
            "+15551234567",
            "+420123456789",
            "22555",
            "911",
            "12345678901234567890",
        ] {
            let party = Party::from_network(party);
            let mut field = Vec::new();
            write(&party, Toa::of(&party), &mut field).unwrap();
            assert_eq!(read_field(&hex(&field)), Ok(party));
        }
        for length in 1..=11 {
            let party = Party::from_name(&"ABCDEFGHIJK"[..length]);
            let mut field = Vec::new();
            write(&party, Toa::of(&party), &mut field).unwrap();
            assert_eq!(read_field(&hex(&field)), Ok(party));
        }
    }

    #[track_caller]
    fn check_type(field: &str, number_type: &str, plan: Option<&str>) {
        let octets = octets_of(field).unwrap();
        let mut reader = Reader {
            octets: &octets,
            at: 0,
        };
        let (party, toa) = read(&mut reader, "TP-OA").unwrap();
        assert_eq!(
            (toa.number_type(), toa.plan()),
            (number_type, plan),
            "{field}"
        );
        let mut again = Vec::new();
        write(&party, toa, &mut again).unwrap();
        assert_eq!(hex(&again), field);
    }

    #[test]
    fn every_type_is_written_as_it_was_read() {
        check_type("0B915155214365F7", "international", Some("E.164"));
        check_type("0AA11070214365", "national", Some("E.164"));
        check_type("04B92143", "network specific", Some("private"));
        check_type("06C1214365", "subscriber", Some("E.164"));
        check_type("07D0C161B308", "alphanumeric", None);
        check_type("03E821F3", "abbreviated", Some("national"));
        check_type("03F021F3", "reserved", Some("unknown"));
        check_type("05812255F5", "unknown", Some("E.164"));
        check_type("06813A21CB", "unknown", Some("E.164"));
        check_type("0591BA21F3", "international", Some("E.164"));
        check_type("0080", "unknown", Some("unknown"));
        check_type("0091", "international", Some("E.164"));
        check_type("04932143", "international", Some("X.121 data"));
        check_type("04842143", "unknown", Some("telex"));
        check_type("04852143", "unknown", Some("service centre specific"));
        check_type("048A2143", "unknown", Some("ERMES"));
        check_type("048F2143", "unknown", Some("reserved"));
    }

    #[test]
    fn refuses() {
        let over = read_field("159121436587092143658709").unwrap_err();
        assert_eq!(
            over.to_string(),
            "octet 0, TP-OA: length 21, 20 is the most"
        );
        let ends = read_field("0B9151").unwrap_err();
        assert_eq!(
            ends.to_string(),
            "octet 2, TP-OA: octets needed: 6, left: 1"
        );
        for name in ["twelve chars", "Ж"] {
            let party = Party::Name(name.to_owned());
            assert_eq!(
                write(&party, Toa::ALPHANUMERIC, &mut Vec::new()),
                Err(EncodeError::Address(name.to_owned()))
            );
        }
    }
}
