//! From a [`Submission`] to a PDU, and from a modem's verdict to what it means for the message.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::super::{Body, Refusal, Submission};
use crate::sms::{Encoding, MessageId, Number, Party, Segment, Shifts};
use crate::wire::at::Tpdu;
use crate::wire::at::codes::{Feature, Verdict};
use crate::wire::pdu::{Content, Dcs, Submit};

/// Messages whose refusals are counted: those of the last hours on any modem. The oldest is
/// forgotten, and is then tried a little longer.
const MAX_COUNTED: usize = 1000;

/// So many numbers "unknown" within so long a time mean our own SIM, not theirs (faults.md 3.4).
const STRANGERS: usize = 3;
const STRANGERS_WITHIN: Duration = Duration::from_mins(10);

/// A message for which the modem needs repair so often is itself what breaks it: from then on that
/// counts as an attempt, so that it ends some day and lets others pass.
const MAX_REPAIRS: u8 = 3;

/// The PDU of a submission, but for what the network did not take.
pub(super) fn tpdu(submission: &Submission, without: &[Feature]) -> Result<Tpdu, String> {
    let (mut content, encoding) = match &submission.body {
        Body::Segment(segment) => (Content::segment(segment, false), segment.encoding),
        Body::Whole {
            text,
            encoding,
            segments: 0 | 1,
        } => {
            let segment = Segment {
                text: text.clone(),
                encoding: *encoding,
                units: 0,
                concat: None,
                shifts: Shifts::default(),
            };
            (Content::segment(&segment, false), *encoding)
        }
        Body::Whole { .. } => {
            return Err("a modem does not cut texts: set `concat: udh` or `numbered`".to_owned());
        }
        Body::Binary { data, udh } => {
            let content = Content::binary(data.clone(), udh.clone());
            (content, Encoding::Binary)
        }
    };
    if !(has(submission, Feature::Flash) && without.contains(&Feature::Flash)) {
        content.dcs = Dcs(submission.dcs(encoding));
    }
    let mut submit = Submit::new(Party::Number(submission.number.clone()), content);
    submit.pid = submission.attributes.pid;
    submit.reference = submission.reference;
    submit.status_report = submission.receipt;
    submit.reject_duplicates = submission.repeat;
    submit.validity = submission
        .validity
        .filter(|_| !without.contains(&Feature::Validity))
        .map(Into::into);
    let encoded = submit.encode().map_err(|error| error.to_string())?;
    Tpdu::new(&encoded.hex, encoded.tpdu_length).ok_or_else(|| "the PDU is too long".to_owned())
}

/// Whether the submission has that, so that leaving it out makes a difference.
pub(super) fn has(submission: &Submission, feature: Feature) -> bool {
    match feature {
        Feature::Validity => submission.validity.is_some(),
        Feature::Flash => submission.attributes.dcs.is_none() && submission.class() == Some(0),
        Feature::Protocol | Feature::Alphabet => false,
    }
}

/// Remembers refusals, for codes that mean one thing the first time and another the third.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: HashMap<(MessageId, usize), u8>,
    order: VecDeque<(MessageId, usize)>,
    strangers: VecDeque<(Timestamp, Number)>,
}

impl Refusals {
    /// What a verdict means for this submission.
    pub(super) fn refusal(
        &mut self,
        submission: &Submission,
        verdict: Verdict,
        now: Timestamp,
    ) -> Refusal {
        match verdict {
            Verdict::Later { after, counts } => Refusal::Later { after, counts },
            Verdict::LaterThenNever { times, after } => {
                if self.count(submission) > times {
                    return Refusal::Never;
                }
                Refusal::Later {
                    after,
                    counts: true,
                }
            }
            Verdict::Never => Refusal::Never,
            Verdict::NeverUnlessMany => {
                if self.strangers(submission, now) >= STRANGERS {
                    return Refusal::Route;
                }
                Refusal::Never
            }
            Verdict::Route => Refusal::Route,
            Verdict::Repair if self.count(submission) > MAX_REPAIRS => Refusal::Later {
                after: None,
                counts: true,
            },
            Verdict::Repair | Verdict::Human => Refusal::Link,
            // `Accepted`, `Repeat` and `Unknown` are no refusals, `Without` was tried already: should
            // they come here, something of ours is wrong.
            Verdict::Ours
            | Verdict::Without(_)
            | Verdict::Accepted
            | Verdict::Repeat
            | Verdict::Unknown => Refusal::Ours,
        }
    }

    fn count(&mut self, submission: &Submission) -> u8 {
        let key = (submission.id, submission.part);
        if !self.counts.contains_key(&key) {
            self.order.push_back(key);
            if self.order.len() > MAX_COUNTED
                && let Some(oldest) = self.order.pop_front()
            {
                self.counts.remove(&oldest);
            }
        }
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// How many numbers were called unknown lately, this one included.
    fn strangers(&mut self, submission: &Submission, now: Timestamp) -> usize {
        self.strangers.retain(|(at, number)| {
            *number != submission.number
                && now.duration_since(*at).unsigned_abs() < STRANGERS_WITHIN
        });
        self.strangers.push_back((now, submission.number.clone()));
        self.strangers.truncate(STRANGERS);
        self.strangers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::Encoding;
    use crate::wire::pdu::{self, Pdu};

    fn submission(id: u64, number: &str) -> Submission {
        Submission {
            id: MessageId::new(id, [0; 10]),
            part: 0,
            number: Number::from_network(number).expect("number"),
            body: Body::Segment(Segment {
                text: "hi".into(),
                encoding: Encoding::Gsm7,
                units: 2,
                concat: None,
                shifts: Shifts::default(),
            }),
            reference: 17,
            repeat: false,
            flash: true,
            attributes: crate::sms::Attributes::default(),
            receipt: true,
            validity: Some(Duration::from_hours(6)),
            sender_id: None,
        }
    }

    #[test]
    fn makes_pdus() {
        let decoded = |submission: &Submission, without: &[Feature]| {
            let tpdu = tpdu(submission, without).expect("tpdu");
            match pdu::decode(tpdu.hex()) {
                Ok(Pdu::Submit(submit)) => submit,
                other => panic!("{other:?}"),
            }
        };
        let mut wanted = submission(1, "+15551234567");
        let submit = decoded(&wanted, &[]);
        assert_eq!((submit.reference, submit.pid), (17, 0));
        assert!(submit.status_report && !submit.reject_duplicates);
        assert_eq!(submit.content.dcs.class(), Some(0));
        assert!(submit.validity.is_some());
        let submit = decoded(&wanted, &[Feature::Flash, Feature::Validity]);
        assert_eq!((submit.content.dcs.class(), submit.validity), (None, None));
        wanted.repeat = true;
        assert!(decoded(&wanted, &[]).reject_duplicates);
        wanted.body = Body::Whole {
            text: "x".into(),
            encoding: Encoding::Ucs2,
            segments: 1,
        };
        assert_eq!(decoded(&wanted, &[]).content.text(), Some("x"));
        wanted.body = Body::Whole {
            text: "x".into(),
            encoding: Encoding::Gsm7,
            segments: 2,
        };
        assert!(tpdu(&wanted, &[]).is_err());
        wanted.body = Body::Segment(Segment {
            text: "x".repeat(161),
            encoding: Encoding::Gsm7,
            units: 161,
            concat: None,
            shifts: Shifts::default(),
        });
        assert!(tpdu(&wanted, &[]).is_err());
    }

    #[test]
    fn makes_pdus_of_data_and_parameters() {
        let decoded = |submission: &Submission, without: &[Feature]| {
            let tpdu = tpdu(submission, without).expect("tpdu");
            match pdu::decode(tpdu.hex()) {
                Ok(Pdu::Submit(submit)) => submit,
                other => panic!("{other:?}"),
            }
        };
        let mut wanted = submission(1, "+15551234567");
        wanted.flash = false;
        for (class, dcs, pid, data, expected_dcs) in [
            (None, None, 0, false, 0x00),
            (Some(0), None, 0, false, 0x10),
            (Some(2), None, 0x41, false, 0x12),
            (None, Some(0xC8), 0, false, 0xC8),
            (None, None, 0, true, 0x04),
            (Some(1), None, 0, true, 0x15),
            (None, Some(0xF5), 0x7F, true, 0xF5),
        ] {
            wanted.attributes = crate::sms::Attributes { pid, dcs, class };
            wanted.body = match data {
                true => Body::Binary {
                    data: vec![1, 2, 0xFF],
                    udh: vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
                },
                false => submission(1, "+15551234567").body,
            };
            let submit = decoded(&wanted, &[]);
            assert_eq!((submit.pid, submit.content.dcs.0), (pid, expected_dcs));
            let (udh, body) = (submit.content.udh.len(), submit.content.body);
            match data {
                true => assert_eq!((udh, body), (7, pdu::Body::Data(vec![1, 2, 0xFF]))),
                false => assert_eq!((udh, body), (0, pdu::Body::Text("hi".into()))),
            }
        }
        // What the network does not take is left out, if it was asked for; an own DCS is not.
        wanted.attributes = crate::sms::Attributes {
            class: Some(0),
            ..Default::default()
        };
        assert!(has(&wanted, Feature::Flash));
        assert_eq!(decoded(&wanted, &[Feature::Flash]).content.dcs.0, 0x04);
        wanted.attributes.dcs = Some(0xF5);
        assert!(!has(&wanted, Feature::Flash));
        assert_eq!(decoded(&wanted, &[Feature::Flash]).content.dcs.0, 0xF5);
        wanted.body = Body::Binary {
            data: vec![0; 141],
            udh: vec![],
        };
        assert!(tpdu(&wanted, &[]).is_err());
    }

    #[test]
    fn counts_what_must_not_go_on_for_ever() {
        let mut refusals = Refusals::default();
        let twice = Verdict::LaterThenNever {
            times: 2,
            after: None,
        };
        let one = submission(1, "+15551234567");
        let later = Refusal::Later {
            after: None,
            counts: true,
        };
        let mut meant = |submission: &Submission, verdict| {
            refusals.refusal(submission, verdict, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(
            [meant(&one, twice), meant(&one, twice), meant(&one, twice)],
            [later, later, Refusal::Never]
        );
        let two = submission(2, "+15551234567");
        for _ in 0..3 {
            assert_eq!(meant(&two, Verdict::Repair), Refusal::Link);
        }
        assert_eq!(meant(&two, Verdict::Repair), later);
        for id in 3..3000 {
            meant(&submission(id, "+15551234567"), twice);
        }
        assert!(refusals.counts.len() <= MAX_COUNTED);
    }

    #[test]
    fn many_strangers_mean_our_own_sim() {
        let mut refusals = Refusals::default();
        let mut meant = |number, minutes| {
            let now = Timestamp::UNIX_EPOCH + Duration::from_mins(minutes);
            refusals.refusal(&submission(1, number), Verdict::NeverUnlessMany, now)
        };
        assert_eq!(meant("+15551234561", 0), Refusal::Never);
        assert_eq!(meant("+15551234561", 1), Refusal::Never);
        assert_eq!(meant("+15551234562", 2), Refusal::Never);
        assert_eq!(meant("+15551234563", 3), Refusal::Route);
        assert_eq!(meant("+15551234564", 60), Refusal::Never);
    }
}
