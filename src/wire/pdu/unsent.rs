//! The TPDUs that a phone and a service centre exchange without ever storing them: SMS-DELIVER-REPORT,
//! SMS-SUBMIT-REPORT and SMS-COMMAND (TS 23.040 §9.2.2.1a, §9.2.2.2a, §9.2.2.4).
//!
//! TP-MTI has two bits, and each of its values means one thing towards the service centre and
//! another from it. Octets do not say which way they went. So what reads badly as the TPDU that is
//! stored, and reads to its last octet as the other one of the same indicator, is the other one. It
//! is named, not read: a gateway never has a use for it.

use super::address;
use super::report::read_parameters;
use super::{DecodeError, Fault, Reader};

/// Reads what stands behind the first octet; the flag is TP-UDHI.
type Grammar = fn(&mut Reader, bool) -> Result<(), DecodeError>;

/// The name of the TPDU, if the octets are one of these to the last one.
pub(super) fn name(tpdu: &[u8]) -> Option<&'static str> {
    let (first, rest) = tpdu.split_first()?;
    let (name, known, grammar): (_, u8, Grammar) = match first & 0x03 {
        0 => ("SMS-DELIVER-REPORT", 0x40, deliver_report),
        1 => ("SMS-SUBMIT-REPORT", 0x40, submit_report),
        2 => ("SMS-COMMAND", 0x60, command),
        _ => return None,
    };
    if first & !(0x03 | known) != 0 {
        return None;
    }
    let header = first & 0x40 != 0;
    // Of a negative acknowledgement a cause stands in front (§9.2.3.22); 0x00 to 0x7F are reserved.
    let behind_a_cause = match rest {
        [cause, behind @ ..] if first & 0x03 != 2 && *cause >= 0x80 => Some(behind),
        _ => None,
    };
    let whole = |octets: &[u8]| {
        let mut reader = Reader { octets, at: 0 };
        grammar(&mut reader, header).is_ok() && reader.rest().is_empty()
    };
    let found = whole(rest) || behind_a_cause.is_some_and(whole);
    found.then_some(name)
}

fn deliver_report(reader: &mut Reader, header: bool) -> Result<(), DecodeError> {
    parameters(reader, header)
}

fn submit_report(reader: &mut Reader, header: bool) -> Result<(), DecodeError> {
    // TP-PI stands before the time, what it announces behind it.
    let announced = reader.octet("TP-PI")?;
    let stamp = super::Stamp(reader.array("TP-SCTS")?);
    if stamp.time().is_none() {
        return Err(unlike(reader, "TP-SCTS"));
    }
    let mut octets = vec![announced];
    octets.extend(reader.take_rest());
    let mut behind = Reader {
        octets: &octets,
        at: 0,
    };
    parameters(&mut behind, header)?;
    match behind.rest() {
        [] => Ok(()),
        _ => Err(unlike(reader, "TP-UD")),
    }
}

fn command(reader: &mut Reader, _header: bool) -> Result<(), DecodeError> {
    reader.octet("TP-MR")?;
    reader.octet("TP-PID")?;
    // §9.2.3.19: enquiry, cancel, delete, enable; the rest is reserved or the service centre's.
    if !matches!(reader.octet("TP-CT")?, 0x00..=0x03 | 0xE0..=0xFF) {
        return Err(unlike(reader, "TP-CT"));
    }
    reader.octet("TP-MN")?;
    let (_, toa) = address::read(reader, "TP-DA")?;
    if !toa.is_proper() {
        return Err(unlike(reader, "TP-DA"));
    }
    let length = usize::from(reader.octet("TP-CDL")?);
    reader.take("TP-CD", length).map(|_| ())
}

fn parameters(reader: &mut Reader, header: bool) -> Result<(), DecodeError> {
    if reader.rest().is_empty() {
        return Err(unlike(reader, "TP-PI"));
    }
    match read_parameters(reader, header)? {
        (_, true) => Ok(()),
        (_, false) => Err(unlike(reader, "TP-PI")),
    }
}

/// Not what this TPDU would have there; the text is never shown.
fn unlike(reader: &Reader, field: &'static str) -> DecodeError {
    reader.fault(
        field,
        Fault::Ends {
            wanted: 0,
            there: 0,
        },
    )
}
