//! What a network says later of what it took: which part of which message that is, and what follows.
//!
//! A report names a submission by the gateway's reference, and by the phone and the time when they are
//! told. A modem's reference is an octet, so it comes again soon: the time of the submission tells which
//! is meant. A report that fits nothing makes nothing (threats T48): it is a log line. One that may be of
//! a submission whose answer is not there yet is kept, durably, and joined with it when the answer comes.
//!
//! Both sides write first and look then, so whichever comes second sees the other.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Outbound;
use crate::sms::Number;
use crate::store::{EarlyReport, Kept, Message, PartState, Report, StoreError};

/// Two clocks that are both right differ by so much, a time stamp without fractions included.
const IN_STEP: SignedDuration = SignedDuration::from_secs(5);
/// A service centre's clock or ours may be wrong by so much, if there is nothing better to believe.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);
/// A submission lies before what the network says of it, but not by more than a modem takes for it and
/// a service centre is wrong about its zone.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Of a number that networks write in many ways, the last digits are always the same.
const DIGITS: usize = 7;
/// Somebody else changes the message each time: more often than this is a bug.
const MAX_CONFLICTS: usize = 32;

/// The attempts that are open, by their numbers: a number has one at most.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Number, String>>);

/// An open attempt; it ends when this is dropped, panics included.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    number: Number,
}

impl Flights {
    /// Begins one; `None` while there is another to this number.
    pub fn begin(&self, number: &Number, gateway: &str) -> Option<Flight<'_>> {
        let mut open = self.open();
        if open.contains_key(number) {
            return None;
        }
        open.insert(number.clone(), gateway.to_owned());
        Some(Flight {
            flights: self,
            number: number.clone(),
        })
    }

    /// Whether the report may be of one of them.
    fn may_hold(&self, report: &Report) -> bool {
        let open = self.open();
        open.iter()
            .any(|(number, gateway)| *gateway == report.gateway && is_to(report, number))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Number, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flights.open().remove(&self.number);
    }
}

impl Outbound {
    /// Takes a network's word on something it took. `None`: it is not durable. Answers at once, whether
    /// there is anything it belongs to or not.
    pub async fn receipt(&self, report: Report) -> Option<Kept> {
        match self.take_report(report).await {
            Ok(kept) => Some(kept),
            Err(error) => {
                if self.spate.logs(self.world.now(), "receipt-not-kept") {
                    tracing::warn!(%error, event = "receipt-not-kept");
                }
                None
            }
        }
    }

    async fn take_report(&self, report: Report) -> Result<Kept, StoreError> {
        // Asked before the look: an attempt that ended in between can be found.
        let outstanding = self.flights.may_hold(&report);
        if let Some(kept) = self.attribute(&report).await? {
            return Ok(kept);
        }
        if !outstanding {
            if self.spate.logs(self.world.now(), "receipt-unmatched") {
                tracing::info!(gw = report.gateway, event = "receipt-unmatched");
            }
            return Ok(Kept::Duplicate);
        }
        let early = EarlyReport {
            id: self.world.message_id(),
            kept: self.world.now(),
            report,
        };
        self.store.keep_report(early.clone()).await?;
        tracing::debug!(gw = early.report.gateway, event = "receipt-early");
        self.join(early).await?;
        Ok(Kept::New)
    }

    /// Joins what was kept for this reference, now that a submission bears it.
    pub(super) async fn join_reports(
        &self,
        gateway: &str,
        reference: &str,
    ) -> Result<(), StoreError> {
        for early in self.store.reports(Some((gateway, reference))).await? {
            self.join(early).await?;
        }
        Ok(())
    }

    /// Joins all that was kept and not joined, after a restart.
    pub(super) async fn join_all_reports(&self) -> Result<(), StoreError> {
        for early in self.store.reports(None).await? {
            self.join(early).await?;
        }
        Ok(())
    }

    async fn join(&self, early: EarlyReport) -> Result<(), StoreError> {
        match self.attribute(&early.report).await? {
            // Dropped after it was written: a crash in between makes a repeat, which changes nothing.
            Some(_) => self.store.drop_report(early).await,
            None => Ok(()),
        }
    }

    /// Writes a report into the message it is of. `None`: of none that is known.
    async fn attribute(&self, report: &Report) -> Result<Option<Kept>, StoreError> {
        let mut conflicts = 0;
        loop {
            let (gateway, reference) = (&report.gateway, &report.reference);
            let mut candidates = self.store.by_reference(gateway, reference).await?;
            let Some(found) = pick(&candidates, report) else {
                return Ok(None);
            };
            let (mut message, part) = candidates.swap_remove(found);
            let (now, id) = (self.world.now(), message.id);
            let (was, said) = (message.parts[part].receipt, report.receipt);
            let Some(then) = self.settings.receipt(&mut message, part, report, now) else {
                let differs = was.is_some_and(|was| was.is_last() && said.is_last() && was != said);
                if differs && self.spate.logs(now, "receipt-conflict") {
                    tracing::warn!(msg = %id, gw = gateway, part = part + 1, ?was, ?said, event = "receipt-conflict");
                }
                return Ok(Some(Kept::Duplicate));
            };
            match self.write(message, then).await {
                Ok(()) => {
                    tracing::info!(msg = %id, gw = gateway, part = part + 1, ?said, event = "receipt");
                    return Ok(Some(Kept::New));
                }
                Err(StoreError::Conflict(_)) if conflicts < MAX_CONFLICTS => conflicts += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Which of those that bear its reference a report is of, newest first: never one that it is not of.
fn pick(candidates: &[(Message, usize)], report: &Report) -> Option<usize> {
    let to_phone = candidates
        .iter()
        .enumerate()
        .filter(|(_, (message, _))| is_to(report, &message.number));
    let Some(submitted) = report.submitted else {
        return only_one(to_phone);
    };
    let times: Vec<(usize, SignedDuration)> = to_phone
        .flat_map(|(index, (message, part))| {
            let times = attempted(message, *part, report).into_iter();
            times.map(move |at| (index, submitted.duration_since(at)))
        })
        .collect();
    let before = times
        .iter()
        .filter(|(_, ago)| (-IN_STEP..=LONGEST).contains(ago));
    let newest = before.min_by_key(|(_, ago)| *ago);
    let nearest = || {
        let near = times.iter().filter(|(_, ago)| ago.abs() <= MARGIN);
        near.min_by_key(|(_, ago)| ago.abs())
    };
    newest.or_else(nearest).map(|(index, _)| *index)
}

/// When the network does not say what it speaks of: the only one that waits for word, or the only one.
fn only_one<'a>(candidates: impl Iterator<Item = (usize, &'a (Message, usize))>) -> Option<usize> {
    let all: Vec<_> = candidates.collect();
    let waits = |(_, (message, part)): &&(usize, &(Message, usize))| {
        !message.parts[*part].receipt.is_some_and(|r| r.is_last())
    };
    let mut waiting = all.iter().filter(waits);
    match (waiting.next(), waiting.next()) {
        (Some((index, _)), None) => Some(*index),
        (Some(_), Some(_)) => None,
        // It was said already, of the last one most likely; it changes nothing.
        (None, _) => all.first().map(|(index, _)| *index),
    }
}

/// When the part was handed over under the report's reference.
fn attempted(message: &Message, part: usize, report: &Report) -> Vec<Timestamp> {
    let slot = &message.parts[part];
    let named = slot.attempts.iter().filter(|attempt| {
        attempt.gateway == report.gateway && attempt.reference.as_ref() == Some(&report.reference)
    });
    let times: Vec<_> = named.map(|attempt| attempt.at).collect();
    match &slot.state {
        // Versions before did not note their attempts.
        PartState::Sent { at, .. } if times.is_empty() => vec![*at],
        _ => times,
    }
}

/// Whether a report may be of a submission to this number.
fn is_to(report: &Report, number: &Number) -> bool {
    report.phones.is_empty() || report.phones.iter().any(|told| is_same(told, number))
}

/// Whether a network means this number: it may leave out the country, or write it as one dials it.
fn is_same(told: &str, number: &Number) -> bool {
    let told: String = told.chars().filter(char::is_ascii_digit).collect();
    let (told, ours) = (told.trim_start_matches('0'), number.digits());
    if told.len() < DIGITS || ours.len() < DIGITS {
        return told == ours;
    }
    told[told.len() - DIGITS..] == ours[ours.len() - DIGITS..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::{Class, Encoding, MessageId, Receipt};
    use crate::store::{Attempt, Origin, Part, State};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("time")
    }

    /// A message with one part, handed over at those seconds, and whether its last word was said.
    fn candidate(number: &str, seconds: &[i64], said: bool) -> (Message, usize) {
        let attempt = |second: &i64| Attempt {
            gateway: "hall".into(),
            at: at(*second),
            reference: Some("17:1234567".into()),
            receipt: true,
        };
        let part = Part {
            state: PartState::Sent {
                gateway: "hall".into(),
                reference: Some("17:1234567".into()),
                at: at(-5000),
            },
            receipt: said.then_some(Receipt::Delivered),
            attempts: seconds.iter().map(attempt).collect(),
            ..Part::new("x".into())
        };
        let message = Message {
            id: MessageId::from_bytes([1; 16]),
            revision: 0,
            created: at(0),
            origin: Origin::default(),
            account: String::new(),
            reply_to: None,
            charge: None,
            number: Number::from_network(number).expect("number"),
            text: "x".into(),
            payload: None,
            shifts: Default::default(),
            attributes: Default::default(),
            encoding: Encoding::Gsm7,
            segments: 1,
            reference: 17,
            flash: false,
            confirm: false,
            private: false,
            class: Class::Normal,
            high: false,
            sender_id: None,
            gateways: vec![],
            in_order: false,
            avoided: vec![],
            state: State::Sent,
            begun: None,
            parts: vec![part],
            attempts: 0,
            not_before: None,
            next_attempt: at(0),
            expires: at(0),
            warned: false,
            awaited: None,
            error: None,
            refused_by: None,
        };
        (message, 0)
    }

    fn report(phones: &[&str], submitted: Option<i64>) -> Report {
        Report {
            gateway: "hall".into(),
            reference: "17:1234567".into(),
            phones: phones.iter().map(|p| (*p).to_owned()).collect(),
            receipt: Receipt::Delivered,
            submitted: submitted.map(at),
            at: None,
        }
    }

    #[test]
    fn a_report_is_of_one_submission_or_of_none() {
        const PHONE: &str = "+15551234567";
        const DAY: i64 = 86_400;
        // When they were handed over, newest first; when the network took it; which.
        for (seconds, submitted, expected) in [
            (&[&[100][..]][..], Some(103), Some(0)),
            // Stamps have no fractions, and clocks differ a little.
            (&[&[100]], Some(96), Some(0)),
            (&[&[100]], Some(100 - 599), Some(0)),
            (&[&[100]], Some(100 - 601), None),
            // A slow modem; a service centre with a wrong zone; and much too late.
            (&[&[100]], Some(100 + 180), Some(0)),
            (&[&[100]], Some(100 + 14 * 3600), Some(0)),
            (&[&[100]], Some(101 + DAY), None),
            // The reference came again: the newest that was there already.
            (&[&[900], &[100]], Some(103), Some(1)),
            (&[&[900], &[100]], Some(903), Some(0)),
            (&[&[900], &[100]], Some(850), Some(1)),
            (&[&[300], &[200], &[100]], Some(201), Some(1)),
            // A clock behind: the nearest.
            (&[&[900], &[100]], Some(60), Some(1)),
            // Any of its attempts.
            (&[&[500], &[100, 900]], Some(901), Some(1)),
            (&[&[500], &[100, 900]], Some(101), Some(1)),
            (&[&[500], &[100, 900]], Some(501), Some(0)),
            // Of a version that did not note attempts: when it was sent.
            (&[&[]], Some(-4990), Some(0)),
            (&[&[]], Some(-6000), None),
            (&[], Some(0), None),
            // No time: the only one.
            (&[&[100]], None, Some(0)),
            (&[&[900], &[100]], None, None),
        ] {
            let candidates: Vec<_> = seconds
                .iter()
                .map(|seconds| candidate(PHONE, seconds, false))
                .collect();
            let report = report(&["5551234567"], submitted);
            assert_eq!(
                pick(&candidates, &report),
                expected,
                "{seconds:?} {submitted:?}"
            );
        }
    }

    #[test]
    fn without_a_time_it_is_of_the_only_one_that_waits() {
        let of = |said: &[bool]| {
            let candidates: Vec<_> = said
                .iter()
                .map(|said| candidate("+15551234567", &[1], *said))
                .collect();
            pick(&candidates, &report(&[], None))
        };
        assert_eq!(of(&[true, false, true]), Some(1));
        assert_eq!(of(&[true, false, false]), None);
        assert_eq!(of(&[true, true]), Some(0));
    }

    #[test]
    fn the_number_must_be_the_phones() {
        let check = |phones: &[&str], number: &str, expected: bool| {
            let found = pick(&[candidate(number, &[1], false)], &report(phones, None));
            assert_eq!(found.is_some(), expected, "{phones:?} {number}");
        };
        check(&[], "+15551234567", true);
        check(&["+15551234567"], "+15551234567", true);
        check(&["15551234567"], "+15551234567", true);
        check(&["0015551234567"], "+15551234567", true);
        check(&["0777123456"], "+420777123456", true);
        check(&["+15550001111", "+15551234567"], "+15551234567", true);
        check(&["+15551234568"], "+15551234567", false);
        check(&["+15550001111", "ACME"], "+15551234567", false);
        check(&["4567"], "+15551234567", false);
        check(&["22555"], "22555", true);
        check(&["22556"], "22555", false);
    }

    #[test]
    fn a_number_has_one_attempt_open_at_most() {
        let flights = Flights::default();
        let number = Number::from_network("+15551234567").expect("number");
        let open = flights.begin(&number, "hall").expect("a flight");
        assert!(flights.begin(&number, "lab").is_none());
        assert!(flights.may_hold(&report(&["5551234567"], None)));
        assert!(flights.may_hold(&report(&[], None)));
        assert!(!flights.may_hold(&report(&["5551234568"], None)));
        let elsewhere = Report {
            gateway: "lab".into(),
            ..report(&[], None)
        };
        assert!(!flights.may_hold(&elsewhere));
        drop(open);
        assert!(!flights.may_hold(&report(&[], None)));
        assert!(flights.begin(&number, "lab").is_some());
    }
}
