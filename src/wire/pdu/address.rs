//! Address fields (TS 23.040 §9.1.2.5): digits as swapped semi-octets, or packed septets.
//!
//! The service centre's address counts octets, all others count useful semi-octets.

use super::{DecodeError, EncodeError, Fault, Reader};
use crate::sms::{Party, alphabet};

/// Ten octets of value.
const MAX_SEMI_OCTETS: usize = 20;

/// Type-of-address: numbering plan E.164, international.
const INTERNATIONAL: u8 = 0x91;
/// Type-of-address: nothing known but the digits. Right for short codes and for national numbers.
const UNKNOWN: u8 = 0x81;
/// Type-of-address: alphanumeric, GSM 7-bit.
const ALPHANUMERIC: u8 = 0xD0;
/// The three bits that tell these apart.
const TYPE_OF_NUMBER: u8 = 0x70;

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
        return Err(reader.fault(
            FIELD,
            Fault::Over {
                found: length,
                most,
            },
        ));
    }
    let kind = reader.octet(FIELD)?;
    let value = reader.take(FIELD, length - 1)?;
    Ok(Some(party(kind, value, value.len() * 2)))
}

/// Reads TP-OA, TP-DA or TP-RA.
pub(super) fn read(reader: &mut Reader, field: &'static str) -> Result<Party, DecodeError> {
    let semi_octets = usize::from(reader.octet(field)?);
    if semi_octets > MAX_SEMI_OCTETS {
        let fault = Fault::Over {
            found: semi_octets,
            most: MAX_SEMI_OCTETS,
        };
        return Err(reader.fault(field, fault));
    }
    let kind = reader.octet(field)?;
    let value = reader.take(field, semi_octets.div_ceil(2))?;
    Ok(party(kind, value, semi_octets))
}

fn party(kind: u8, value: &[u8], semi_octets: usize) -> Party {
    match kind & TYPE_OF_NUMBER {
        ton if ton == ALPHANUMERIC & TYPE_OF_NUMBER => Party::from_name(&name(value, semi_octets)),
        ton if ton == INTERNATIONAL & TYPE_OF_NUMBER => {
            Party::from_network(&format!("+{}", digits(value, semi_octets)))
        }
        _ => Party::from_network(&digits(value, semi_octets)),
    }
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
    let (_, kind, value) = parts(party)?;
    let mut field = vec![value.len() as u8 + 1, kind];
    field.extend(value);
    Ok(field)
}

/// TP-OA, TP-DA or TP-RA with its count of semi-octets.
pub(super) fn write(party: &Party, to: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (semi_octets, kind, value) = parts(party)?;
    to.extend([semi_octets as u8, kind]);
    to.extend(value);
    Ok(())
}

/// How many semi-octets, type-of-address, value. The value has ten octets at the most.
fn parts(party: &Party) -> Result<(usize, u8, Vec<u8>), EncodeError> {
    let (semi_octets, kind, value) = match party {
        Party::Number(number) => (
            number.digits().len(),
            INTERNATIONAL,
            semi_octets(number.digits()),
        ),
        Party::Short(digits) => (digits.len(), UNKNOWN, semi_octets(digits)),
        Party::Name(name) => {
            let septets = alphabet::encode(name).ok();
            let count = septets
                .as_ref()
                .map_or(0, |septets| (septets.len() * 7).div_ceil(4));
            (
                count,
                ALPHANUMERIC,
                septets.map(|septets| alphabet::pack(&septets, 0)),
            )
        }
    };
    match value {
        Some(value) if semi_octets <= MAX_SEMI_OCTETS => Ok((semi_octets, kind, value)),
        _ => Err(EncodeError::Address(party.to_string())),
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
            write(&party, &mut field).unwrap();
            assert_eq!(read_field(&hex(&field)), Ok(party));
        }
        for length in 1..=11 {
            let party = Party::from_name(&"ABCDEFGHIJK"[..length]);
            let mut field = Vec::new();
            write(&party, &mut field).unwrap();
            assert_eq!(read_field(&hex(&field)), Ok(party));
        }
    }

    #[test]
    fn refuses() {
        let over = read_field("159121436587092143658709").unwrap_err();
        assert_eq!(
            over.to_string(),
            "octet 1, TP-OA: length 21, 20 is the most"
        );
        let ends = read_field("0B9151").unwrap_err();
        assert_eq!(
            ends.to_string(),
            "octet 2, TP-OA: octets needed: 6, left: 1"
        );
        for name in ["twelve chars", "Ж"] {
            let party = Party::Name(name.to_owned());
            assert_eq!(
                write(&party, &mut Vec::new()),
                Err(EncodeError::Address(name.to_owned()))
            );
        }
    }
}
