//! What a modem read: an SMS, a receipt, or octets that nobody can read.
//!
//! Nothing that arrived is dropped here: what cannot be read becomes [`Content::Undecodable`] with its
//! octets, to be kept like the rest (durability W11).

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::sms::{Marks, Number, Party};
use crate::store::{Content, Dedupe, Received, Report};
use crate::wire::pdu::{self, Body, Deliver, Pdu};

/// A PDU that comes again within this time is the same SMS: deletions that failed, modems that both
/// store and hand on, a network that heard no acknowledgement (durability W9).
const DEDUPE: Duration = Duration::from_hours(7 * 24);

/// The longest service centre address before a TPDU (TS 24.011 §8.2.5.1), its length octet not counted.
const MAX_SMSC: u8 = 11;

/// Who reads, and when.
pub(super) struct Reader<'a> {
    pub gateway: &'a str,
    /// The SIM's number, when it is known.
    pub sim: Option<&'a str>,
    /// Our own number.
    pub number: Option<&'a Number>,
    pub now: Timestamp,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    Sms(Box<Received>),
    Receipt(Box<Report>),
}

impl Reader<'_> {
    pub(super) fn read(&self, octets: &[u8]) -> Arrival {
        let content = match pdu::decode(&pdu::hex(octets)) {
            Ok(Pdu::StatusReport(report)) => {
                return Arrival::Receipt(Box::new(Report {
                    gateway: self.gateway.to_owned(),
                    reference: reference(report.reference, &report.to),
                    phones: vec![report.to.to_string()],
                    receipt: report.receipt(),
                    submitted: report.timestamp.time(),
                    at: report.discharged.time(),
                }));
            }
            Ok(Pdu::Deliver(deliver)) => self.sms(deliver),
            Ok(Pdu::Submit(_)) => Content::Undecodable {
                reason: "an SMS-SUBMIT among the received SMS".to_owned(),
            },
            Err(error) => Content::Undecodable {
                reason: error.to_string(),
            },
        };
        Arrival::Sms(Box::new(Received {
            gateway: self.gateway.to_owned(),
            at: self.now,
            dedupe: Some(self.dedupe(octets)),
            raw: octets.to_vec(),
            content,
        }))
    }

    fn sms(&self, deliver: Deliver) -> Content {
        let concat = deliver.content.concat();
        let marks = Marks {
            pid: deliver.pid,
            dcs: Some(deliver.content.dcs.0),
            udh: deliver.content.udh,
        };
        let (text, binary) = match deliver.content.body {
            Body::Text(text) => (text, None),
            Body::Data(data) => (String::new(), Some(data)),
        };
        Content::Sms {
            from: deliver.from,
            // A DELIVER does not say whom it is for: it is for the SIM it came to.
            to: self.number.cloned(),
            text,
            binary,
            concat,
            marks,
            sent: deliver.timestamp.time(),
        }
    }

    /// SIM and TPDU. Not the service centre before it, which some modems leave out when they hand on
    /// what they would otherwise store.
    fn dedupe(&self, octets: &[u8]) -> Dedupe {
        let tpdu = match octets {
            [length, rest @ ..] if *length <= MAX_SMSC => {
                rest.get(usize::from(*length)..).unwrap_or(octets)
            }
            _ => octets,
        };
        let key = Sha256::new()
            .chain_update(self.sim.unwrap_or(self.gateway))
            .chain_update([0])
            .chain_update(tpdu)
            .finalize();
        Dedupe {
            key: key.into(),
            until: self.now + DEDUPE,
        }
    }
}

/// How a segment is named to the store: TP-MR and the last digits of its number, because a receipt
/// names the phone as its network writes it, with the country or without. `17:1234567`. It comes again
/// with the 256th segment: the time of the submission tells which is meant (`outbound::receipt`).
pub(super) fn reference(mr: u8, to: &Party) -> String {
    const DIGITS: usize = 7;
    let written = to.to_string();
    let digits: Vec<char> = written.chars().filter(char::is_ascii_digit).collect();
    let last = digits.iter().skip(digits.len().saturating_sub(DIGITS));
    format!("{mr}:{}", last.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::{Concat, Encoding, Receipt, Segment, Shifts};
    use crate::wire::pdu::{Content as UserData, Dcs, Stamp, StatusReport};

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn reader<'a>(sim: Option<&'a str>, own: &'a Number) -> Reader<'a> {
        Reader {
            gateway: "hall",
            sim,
            number: Some(own),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn deliver(text: &str, smsc: Option<&str>) -> Vec<u8> {
        let concat = Concat {
            reference: 7,
            wide: false,
            part: 2,
            parts: 3,
        };
        let segment = Segment {
            text: text.into(),
            encoding: Encoding::Gsm7,
            units: 0,
            concat: Some(concat),
            shifts: Shifts::default(),
        };
        let stamp = Stamp::new(
            Timestamp::UNIX_EPOCH + Duration::from_hours(24 * 365 * 50),
            4,
        )
        .expect("stamp");
        let content = UserData::segment(&segment, false);
        let mut deliver = Deliver::new(Party::Number(number("+15551234567")), content, stamp);
        deliver.smsc = smsc.map(|smsc| Party::Number(number(smsc)));
        pdu::octets_of(&deliver.encode().expect("pdu").hex).expect("hex")
    }

    fn received(arrival: Arrival) -> Received {
        match arrival {
            Arrival::Sms(received) => *received,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_sms_and_knows_it_again() {
        let own = number("+15550002222");
        let octets = deliver("hello", Some("+15550001111"));
        let got = received(reader(Some("89"), &own).read(&octets));
        let Content::Sms {
            from,
            to,
            text,
            concat,
            sent,
            ..
        } = &got.content
        else {
            panic!("{got:?}");
        };
        assert_eq!(
            (from.to_string().as_str(), text.as_str()),
            ("+15551234567", "hello")
        );
        assert_eq!((to.as_ref(), concat.map(|c| c.part)), (Some(&own), Some(2)));
        assert!(sent.is_some());
        assert_eq!(got.raw, octets);
        let key = |sim, octets: &[u8]| {
            received(reader(sim, &own).read(octets))
                .dedupe
                .map(|d| d.key)
        };
        assert_eq!(
            key(Some("89"), &octets),
            key(Some("89"), &deliver("hello", None))
        );
        assert_ne!(key(Some("89"), &octets), key(Some("90"), &octets));
        assert_ne!(
            key(Some("89"), &octets),
            key(Some("89"), &deliver("hellO", None))
        );
    }

    #[test]
    fn reads_receipts_and_what_cannot_be_read() {
        let own = number("+15550002222");
        let phone = Party::Number(number("+15551234567"));
        let stamp = Stamp([0; 7]);
        let taken = Timestamp::UNIX_EPOCH + Duration::from_hours(24 * 365 * 50);
        let taken_at = Stamp::new(taken, 4).expect("stamp");
        let report = StatusReport::new(17, phone.clone(), taken_at, stamp, 0x45);
        let octets = pdu::octets_of(&report.encode().expect("pdu").hex).expect("hex");
        assert_eq!(
            reader(None, &own).read(&octets),
            Arrival::Receipt(Box::new(Report {
                gateway: "hall".into(),
                reference: "17:1234567".into(),
                phones: vec!["+15551234567".into()],
                receipt: Receipt::Failed(0x45),
                submitted: Some(taken),
                at: None
            }))
        );
        assert_eq!(
            reference(17, &phone),
            reference(17, &Party::Short("0551234567".into()))
        );
        for octets in [&b"OK"[..], b"", b"\x00\x04", &[0xFF; 200]] {
            let got = received(reader(None, &own).read(octets));
            assert!(
                matches!(got.content, Content::Undecodable { .. }),
                "{octets:?}"
            );
            assert_eq!(got.raw, octets);
        }
        assert_eq!(Dcs::new(Encoding::Gsm7, false), Dcs(0));
    }
}
