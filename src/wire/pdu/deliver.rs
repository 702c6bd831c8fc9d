//! SMS-DELIVER (TS 23.040 §9.2.2.1): what a phone sent to us.
//!
//! Encoding is for simulated networks and tests; a modem is never given one.

use super::content::{self, Content};
use super::{Dcs, DecodeError, EncodeError, Encoded, Reader, Stamp, Toa, address, encoded};
use crate::sms::Party;

const NO_MORE_MESSAGES: u8 = 0x04;
const LOOP_PREVENTION: u8 = 0x08;
const STATUS_REPORT: u8 = 0x20;
const HEADER: u8 = 0x40;
const REPLY_PATH: u8 = 0x80;

/// An SMS from a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliver {
    /// The service centre it came through.
    pub smsc: Option<Party>,
    /// TP-OA.
    pub from: Party,
    /// How TP-OA is written.
    pub toa: Toa,
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS and TP-UD.
    pub content: Content,
    /// TP-SCTS: when the service centre got it.
    pub timestamp: Stamp,
    /// TP-MMS, turned over: more messages wait in the service centre.
    pub more: bool,
    /// TP-LP: forwarded, or sent by a machine. Never to be answered by one.
    pub loop_prevention: bool,
    /// TP-SRI: the sender gets a status report.
    pub status_report: bool,
    /// TP-RP.
    pub reply_path: bool,
}

impl Deliver {
    /// The plainest one.
    pub fn new(from: Party, content: Content, timestamp: Stamp) -> Self {
        Self {
            smsc: None,
            toa: Toa::of(&from),
            from,
            pid: 0,
            content,
            timestamp,
            more: false,
            loop_prevention: false,
            status_report: false,
            reply_path: false,
        }
    }

    /// The hex as +CMGL shows it, and the length beside it.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let first = flag(!self.more, NO_MORE_MESSAGES)
            | flag(self.loop_prevention, LOOP_PREVENTION)
            | flag(self.status_report, STATUS_REPORT)
            | flag(!self.content.udh.is_empty(), HEADER)
            | flag(self.reply_path, REPLY_PATH);
        let mut tpdu = vec![first];
        address::write(&self.from, self.toa, &mut tpdu)?;
        tpdu.extend([self.pid, self.content.dcs.0]);
        tpdu.extend(self.timestamp.0);
        content::write(&self.content, &mut tpdu)?;
        encoded(self.smsc.as_ref(), &tpdu)
    }
}

pub(super) fn read(
    smsc: Option<Party>,
    first: u8,
    reader: &mut Reader,
) -> Result<Deliver, DecodeError> {
    let (from, toa) = address::read(reader, "TP-OA")?;
    let pid = reader.octet("TP-PID")?;
    let dcs = Dcs(reader.octet("TP-DCS")?);
    let timestamp = Stamp(reader.array("TP-SCTS")?);
    let content = content::read(reader, dcs, first & HEADER != 0)?;
    Ok(Deliver {
        smsc,
        from,
        toa,
        pid,
        content,
        timestamp,
        more: first & NO_MORE_MESSAGES == 0,
        loop_prevention: first & LOOP_PREVENTION != 0,
        status_report: first & STATUS_REPORT != 0,
        reply_path: first & REPLY_PATH != 0,
    })
}
