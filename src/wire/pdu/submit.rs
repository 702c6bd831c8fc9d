//! SMS-SUBMIT (TS 23.040 §9.2.2.2): what we hand to a modem.

use super::content::{self, Content};
use super::{
    Dcs, DecodeError, EncodeError, Encoded, Enhanced, Reader, Stamp, Toa, Validity, address,
    encoded, time,
};
use crate::sms::Party;

const MTI: u8 = 0x01;
const REJECT_DUPLICATES: u8 = 0x04;
const RELATIVE: u8 = 0x10;
const ENHANCED: u8 = 0x08;
const ABSOLUTE: u8 = 0x18;
const STATUS_REPORT: u8 = 0x20;
const HEADER: u8 = 0x40;
const REPLY_PATH: u8 = 0x80;

/// An SMS to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The service centre; `None` leaves it to the SIM.
    pub smsc: Option<Party>,
    /// TP-MR. Modems may put their own in its place and tell it in +CMGS.
    pub reference: u8,
    /// TP-DA.
    pub to: Party,
    /// How TP-DA is written.
    pub toa: Toa,
    /// TP-PID; 0 for every ordinary message.
    pub pid: u8,
    /// TP-DCS and TP-UD.
    pub content: Content,
    /// TP-VP.
    pub validity: Option<Validity>,
    /// TP-SRR: a status report is wished for.
    pub status_report: bool,
    /// TP-RD: the service centre shall drop it when it still holds one with this reference from us.
    pub reject_duplicates: bool,
    /// TP-RP.
    pub reply_path: bool,
}

impl Submit {
    /// The plainest one: reference 0, no validity, no report.
    pub fn new(to: Party, content: Content) -> Self {
        Self {
            smsc: None,
            reference: 0,
            toa: Toa::of(&to),
            to,
            pid: 0,
            content,
            validity: None,
            status_report: false,
            reject_duplicates: false,
            reply_path: false,
        }
    }

    /// The hex for AT+CMGS, and its length.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        let format = match self.validity {
            None => 0,
            Some(Validity::Relative(_)) => RELATIVE,
            Some(Validity::Absolute(_)) => ABSOLUTE,
            Some(Validity::Enhanced(_)) => ENHANCED,
        };
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = MTI
            | format
            | flag(self.reject_duplicates, REJECT_DUPLICATES)
            | flag(self.status_report, STATUS_REPORT)
            | flag(!self.content.udh.is_empty(), HEADER)
            | flag(self.reply_path, REPLY_PATH);
        let mut tpdu = vec![first, self.reference];
        address::write(&self.to, self.toa, &mut tpdu)?;
        tpdu.extend([self.pid, self.content.dcs.0]);
        match self.validity {
            None => {}
            Some(Validity::Relative(validity)) => tpdu.push(time::relative(validity)),
            Some(Validity::Absolute(Stamp(octets)) | Validity::Enhanced(Enhanced(octets))) => {
                tpdu.extend(octets)
            }
        }
        content::write(&self.content, &mut tpdu)?;
        encoded(self.smsc.as_ref(), &tpdu)
    }
}

pub(super) fn read(
    smsc: Option<Party>,
    first: u8,
    reader: &mut Reader,
) -> Result<Submit, DecodeError> {
    let reference = reader.octet("TP-MR")?;
    let (to, toa) = address::read(reader, "TP-DA")?;
    let pid = reader.octet("TP-PID")?;
    let dcs = Dcs(reader.octet("TP-DCS")?);
    let validity = match first & ABSOLUTE {
        RELATIVE => Some(Validity::Relative(time::duration(reader.octet("TP-VP")?))),
        ABSOLUTE => Some(Validity::Absolute(Stamp(reader.array("TP-VP")?))),
        ENHANCED => Some(Validity::Enhanced(Enhanced(reader.array("TP-VP")?))),
        _ => None,
    };
    let content = content::read(reader, dcs, first & HEADER != 0)?;
    Ok(Submit {
        smsc,
        reference,
        to,
        toa,
        pid,
        content,
        validity,
        status_report: first & STATUS_REPORT != 0,
        reject_duplicates: first & REJECT_DUPLICATES != 0,
        reply_path: first & REPLY_PATH != 0,
    })
}
