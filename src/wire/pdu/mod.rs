//! SMS PDUs in hex, as AT+CMGS takes and AT+CMGL, AT+CMGR and +CMT give them (3GPP TS 27.005): the
//! service centre's address, then a TPDU of TS 23.040.
//!
//! No IO and no state. Whatever the input, decoding ends in a value or in an error that names the
//! octet and the field: it never panics, and never takes more than [`MAX_HEX`] digits. What a
//! receiver cannot know is kept, not guessed: unknown header elements and compressed text are
//! octets, an impossible date is a [`Stamp`] without a time. Octets behind the last field are
//! ignored, because some modems pad.

mod address;
mod content;
mod dcs;
mod deliver;
mod pid;
mod report;
mod submit;
#[cfg(test)]
mod tests;
mod time;
pub mod udh;
mod unsent;

use std::fmt;

pub use address::Toa;
pub use content::{Body, Content};
pub use dcs::{Dcs, Mailbox, Waiting, class_name};
pub use deliver::Deliver;
pub use pid::pid_name;
pub use report::{Parameters, StatusReport};
pub use submit::Submit;
pub use time::{Enhanced, Stamp, Validity};

use crate::sms::Party;

/// The longest PDU of the standard has 12 + 164 octets, 352 hex digits; modems that pad stay far
/// below this.
pub const MAX_HEX: usize = 1024;

/// A PDU, told apart by TP-MTI (TS 23.040 §9.2.3.1).
///
/// The indicator says different things in the two directions; these are the three that a phone
/// stores or sends. SMS-DELIVER-REPORT, SMS-SUBMIT-REPORT and SMS-COMMAND are refused by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pdu {
    /// From a phone to the service centre.
    Submit(Submit),
    /// From the service centre to a phone.
    Deliver(Deliver),
    /// From the service centre, of a SUBMIT that asked for it.
    StatusReport(StatusReport),
}

/// A PDU ready for AT+CMGS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Service centre's address and TPDU, upper-case hex.
    pub hex: String,
    /// The octets of the TPDU: what AT+CMGS wants to hear, the service centre's address not counted.
    pub tpdu_length: usize,
}

/// Why hex is not a PDU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not worth looking at.
    #[error("{0} hex digits; a PDU has {MAX_HEX} at the most")]
    TooLong(usize),
    /// A character that is no hex digit.
    #[error("character {at} is {found:?}, not a hex digit")]
    NotHex {
        /// Counted from 1.
        at: usize,
        /// That character.
        found: char,
    },
    /// Half an octet.
    #[error("{0} hex digits; octets have two each, so one is missing or too many")]
    HalfOctet(usize),
    /// What phone and service centre tell each other of an SMS, and nobody stores.
    #[error("this is an {0}, which no phone stores or sends as an SMS")]
    Unsent(&'static str),
    /// A field that cannot be.
    #[error("octet {at}, {field}: {fault}")]
    Field {
        /// The octet in question, counted from 0, the service centre's address among them.
        at: usize,
        /// Its name in TS 23.040.
        field: &'static str,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The PDU ends inside it.
    Ends {
        /// How many octets it has.
        wanted: usize,
        /// How many are left.
        there: usize,
    },
    /// It is longer than the standard allows.
    Over {
        /// Its length.
        found: usize,
        /// The most there can be.
        most: usize,
    },
    /// The header is longer than the user data it stands in.
    Header {
        /// The header's octets or septets, its length octet included.
        header: usize,
        /// The user data's.
        there: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Ends { wanted, there } => {
                write!(f, "octets needed: {wanted}, left: {there}")
            }
            Fault::Over { found, most } => write!(f, "length {found}, {most} is the most"),
            Fault::Header { header, there } => {
                write!(f, "header of {header} in user data of {there}")
            }
        }
    }
}

/// Why something cannot be a PDU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The DCS says GSM-7.
    #[error("the character {0:?} is not in the GSM 7-bit alphabet; use UCS-2")]
    NotGsm7(char),
    /// Text where the DCS says octets, or octets where it says septets.
    #[error(
        "DCS {0:02X} does not fit: text needs GSM-7 or UCS-2, binary data needs 8 bits such as 04"
    )]
    Dcs(u8),
    /// More than one SMS holds.
    #[error("{0} octets of user data; an SMS holds 140, cut it into segments")]
    TooLong(usize),
    /// The first octet of a UDH counts the others.
    #[error("the user data header's first octet must count the {0} behind it")]
    Header(usize),
    /// An address field holds 20 digits, or 11 characters of GSM-7.
    #[error("{0:?} does not fit an address: 20 digits or 11 characters of GSM-7")]
    Address(String),
}

/// Reads a PDU with its service centre's address. Blanks around it are ignored.
pub fn decode(hex: &str) -> Result<Pdu, DecodeError> {
    let octets = octets_of(hex.trim())?;
    let mut reader = Reader {
        octets: &octets,
        at: 0,
    };
    let smsc = address::read_smsc(&mut reader)?;
    let tpdu = reader.rest();
    let read = read(smsc, &mut reader);
    let certain = matches!(&read, Ok(pdu) if pdu.toa().is_proper()) && reader.rest().is_empty();
    if certain {
        return read;
    }
    match unsent::name(tpdu) {
        Some(name) => Err(DecodeError::Unsent(name)),
        None => read,
    }
}

fn read(smsc: Option<Party>, reader: &mut Reader) -> Result<Pdu, DecodeError> {
    let first = reader.octet("first octet")?;
    match first & 0b11 {
        0b01 => submit::read(smsc, first, reader).map(Pdu::Submit),
        0b10 => report::read(smsc, first, reader).map(Pdu::StatusReport),
        // TS 23.040 §9.2.3.1: the reserved value is processed as if it were a DELIVER.
        _ => deliver::read(smsc, first, reader).map(Pdu::Deliver),
    }
}

impl Pdu {
    /// The type of its address.
    pub fn toa(&self) -> Toa {
        match self {
            Pdu::Submit(submit) => submit.toa,
            Pdu::Deliver(deliver) => deliver.toa,
            Pdu::StatusReport(report) => report.toa,
        }
    }

    /// As the modem gets or shows it.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        match self {
            Pdu::Submit(submit) => submit.encode(),
            Pdu::Deliver(deliver) => deliver.encode(),
            Pdu::StatusReport(report) => report.encode(),
        }
    }
}

/// The octets as upper-case hex.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// The octets of hex in either case.
pub fn octets_of(hex: &str) -> Result<Vec<u8>, DecodeError> {
    if hex.len() > MAX_HEX {
        return Err(DecodeError::TooLong(hex.len()));
    }
    let digit = |(index, found): (usize, char)| match found.to_digit(16) {
        Some(digit) => Ok(digit as u8),
        None => Err(DecodeError::NotHex {
            at: index + 1,
            found,
        }),
    };
    let digits = hex
        .chars()
        .enumerate()
        .map(digit)
        .collect::<Result<Vec<u8>, _>>()?;
    match digits.as_chunks() {
        (pairs, []) => Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect()),
        _ => Err(DecodeError::HalfOctet(digits.len())),
    }
}

fn encoded(smsc: Option<&Party>, tpdu: &[u8]) -> Result<Encoded, EncodeError> {
    let smsc = address::smsc(smsc)?;
    Ok(Encoded {
        hex: hex(&smsc) + &hex(tpdu),
        tpdu_length: tpdu.len(),
    })
}

/// Octets from left to right. Every read names its field.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn octet(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.take(field, 1).map(|octets| octets[0])
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        let left = self.rest();
        let taken = left.get(..count).ok_or_else(|| {
            self.fault(
                field,
                Fault::Ends {
                    wanted: count,
                    there: left.len(),
                },
            )
        })?;
        self.at += count;
        Ok(taken)
    }

    fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest();
        self.at = self.octets.len();
        rest
    }

    /// A fault of the octet that was just read.
    fn before(&self, field: &'static str, fault: Fault) -> DecodeError {
        DecodeError::Field {
            at: self.at.saturating_sub(1),
            field,
            fault,
        }
    }

    fn fault(&self, field: &'static str, fault: Fault) -> DecodeError {
        DecodeError::Field {
            at: self.at,
            field,
            fault,
        }
    }
}
