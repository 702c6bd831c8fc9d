//! SMS-STATUS-REPORT (TS 23.040 §9.2.2.3): what became of an SMS we sent.
//!
//! Encoding is for simulated networks and tests.

use super::content::{self, Content};
use super::{Dcs, DecodeError, EncodeError, Encoded, Reader, Stamp, Toa, address, encoded};
use crate::sms::{Party, Receipt};

const MTI: u8 = 0x02;
const NO_MORE_MESSAGES: u8 = 0x04;
const LOOP_PREVENTION: u8 = 0x08;
const OF_A_COMMAND: u8 = 0x20;
const HEADER: u8 = 0x40;

/// A status report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// The service centre.
    pub smsc: Option<Party>,
    /// TP-MR of the SUBMIT.
    pub reference: u8,
    /// TP-RA: whom the SUBMIT was for.
    pub to: Party,
    /// How TP-RA is written.
    pub toa: Toa,
    /// TP-SCTS: when the service centre got the SUBMIT.
    pub timestamp: Stamp,
    /// TP-DT: when it was delivered, or last tried.
    pub discharged: Stamp,
    /// TP-ST.
    pub status: u8,
    /// TP-MMS, turned over: more messages wait in the service centre.
    pub more: bool,
    /// TP-LP.
    pub loop_prevention: bool,
    /// TP-SRQ: of an SMS-COMMAND, not of a SUBMIT.
    pub of_a_command: bool,
    /// TP-UDHI, of the user data among the parameters.
    pub header: bool,
    /// TP-PI and what it announces, as they came: service centres send them wrong, and they never
    /// change what the report says. [`StatusReport::parameters`] reads them.
    pub parameters: Vec<u8>,
}

impl StatusReport {
    /// The plainest one.
    pub fn new(reference: u8, to: Party, timestamp: Stamp, discharged: Stamp, status: u8) -> Self {
        Self {
            smsc: None,
            reference,
            toa: Toa::of(&to),
            to,
            timestamp,
            discharged,
            status,
            more: false,
            loop_prevention: false,
            of_a_command: false,
            header: false,
            parameters: Vec::new(),
        }
    }

    /// What TP-ST says.
    pub fn receipt(&self) -> Receipt {
        Receipt::from_tp_status(self.status)
    }

    /// The parameters that the service centre added; an error when they are not what TP-PI says.
    pub fn parameters(&self) -> Result<Parameters, DecodeError> {
        let mut reader = Reader {
            octets: &self.parameters,
            at: 0,
        };
        read_parameters(&mut reader, self.header).map(|(parameters, _)| parameters)
    }

    /// The hex as +CDS shows it, and the length beside it.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = MTI
            | flag(!self.more, NO_MORE_MESSAGES)
            | flag(self.loop_prevention, LOOP_PREVENTION)
            | flag(self.of_a_command, OF_A_COMMAND)
            | flag(self.header, HEADER);
        let mut tpdu = vec![first, self.reference];
        address::write(&self.to, self.toa, &mut tpdu)?;
        tpdu.extend(self.timestamp.0);
        tpdu.extend(self.discharged.0);
        tpdu.push(self.status);
        tpdu.extend(&self.parameters);
        encoded(self.smsc.as_ref(), &tpdu)
    }
}

/// What TP-PI announces (TS 23.040 §9.2.3.27).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// TP-PID.
    pub pid: Option<u8>,
    /// TP-DCS, beside a content or without one.
    pub dcs: Option<Dcs>,
    /// TP-UD.
    pub content: Option<Content>,
}

/// Reads TP-PI and what it announces. Also says whether TP-PI has no bit that means nothing yet.
pub(super) fn read_parameters(
    reader: &mut Reader,
    header: bool,
) -> Result<(Parameters, bool), DecodeError> {
    const PID: u8 = 0x01;
    const DCS: u8 = 0x02;
    const USER_DATA: u8 = 0x04;
    const EXTENSION: u8 = 0x80;
    if reader.rest().is_empty() {
        return Ok((Parameters::default(), true));
    }
    let announced = reader.octet("TP-PI")?;
    let mut extended = announced;
    while extended & EXTENSION != 0 {
        extended = reader.octet("TP-PI")?;
    }
    let mut parameters = Parameters::default();
    if announced & PID != 0 {
        parameters.pid = Some(reader.octet("TP-PID")?);
    }
    if announced & DCS != 0 {
        parameters.dcs = Some(Dcs(reader.octet("TP-DCS")?));
    }
    if announced & USER_DATA != 0 {
        // §9.2.3.27: without a TP-DCS, the default alphabet.
        let dcs = parameters.dcs.unwrap_or_default();
        parameters.content = Some(content::read(reader, dcs, header)?);
    }
    Ok((parameters, announced & !(PID | DCS | USER_DATA) == 0))
}

pub(super) fn read(
    smsc: Option<Party>,
    first: u8,
    reader: &mut Reader,
) -> Result<StatusReport, DecodeError> {
    let reference = reader.octet("TP-MR")?;
    let (to, toa) = address::read(reader, "TP-RA")?;
    Ok(StatusReport {
        smsc,
        reference,
        to,
        toa,
        timestamp: Stamp(reader.array("TP-SCTS")?),
        discharged: Stamp(reader.array("TP-DT")?),
        status: reader.octet("TP-ST")?,
        more: first & NO_MORE_MESSAGES == 0,
        loop_prevention: first & LOOP_PREVENTION != 0,
        of_a_command: first & OF_A_COMMAND != 0,
        header: first & HEADER != 0,
        parameters: reader.take_rest().to_vec(),
    })
}
