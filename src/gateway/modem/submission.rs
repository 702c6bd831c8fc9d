//! From a [`Submission`] to a PDU, and from a modem's verdict to what it means for the message.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::super::{Body, Refusal, Submission};
use crate::sms::{MessageId, Number, Party, Segment, Shifts};
use crate::wire::at::Tpdu;
use crate::wire::at::codes::{Feature, Verdict};
use crate::wire::pdu::{Content, Submit};

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
    let segment = match &submission.body {
        Body::Segment(segment) => segment.clone(),
        Body::Whole {
            text,
            encoding,
            segments: 0 | 1,
        } => Segment {
            text: text.clone(),
            encoding: *encoding,
            units: 0,
            concat: None,
            shifts: Shifts::default(),
        },
        Body::Whole { .. } => {
            return Err("a modem does not cut texts: set `concat: udh` or `numbered`".to_owned());
        }
    };
    let flash = submission.flash && !without.contains(&Feature::Flash);
    let content = Content::segment(&segment, flash);
    let mut submit = Submit::new(Party::Number(submission.number.clone()), content);
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
        Feature::Flash => submission.flash,
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
            // `Accepted` and `Unknown` are no refusals, `Without` was tried already: should they come
            // here, something of ours is wrong.
            Verdict::Ours | Verdict::Without(_) | Verdict::Accepted | Verdict::Unknown => {
                Refusal::Ours
            }
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
