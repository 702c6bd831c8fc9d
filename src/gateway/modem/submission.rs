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

/// So many numbers "unknown" or not served within so long a time, and none sent to, mean our own SIM,
/// not theirs (faults.md 3.4).
const STRANGERS: usize = 3;
const STRANGERS_WITHIN: Duration = Duration::from_mins(10);

/// What is tried again before it is given up waits longer by this factor each time.
const LONGER: u32 = 6;

/// A message for which the modem needs repair so often is itself what breaks it: from then on that
/// counts as an attempt, so that it ends some day and lets others pass.
const MAX_REPAIRS: u8 = 3;

/// The PDU of a submission.
pub(super) fn tpdu(submission: &Submission) -> Result<Tpdu, String> {
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
    content.dcs = Dcs(submission.dcs(encoding));
    let mut submit = Submit::new(Party::Number(submission.number.clone()), content);
    submit.pid = submission.attributes.pid;
    submit.reference = submission.reference;
    submit.status_report = submission.receipt;
    submit.reject_duplicates = submission.repeat;
    submit.validity = submission.validity.map(Into::into);
    let encoded = submit.encode().map_err(|error| error.to_string())?;
    Tpdu::new(&encoded.hex, encoded.tpdu_length).ok_or_else(|| "the PDU is too long".to_owned())
}

/// Takes out of a submission what the network did not take, for one more try (faults.md 3.4, class C).
/// The error says why that cannot be, to stand behind the network's reason.
pub(super) fn leave_out(submission: &mut Submission, feature: Feature) -> Result<(), &'static str> {
    match feature {
        Feature::Validity if submission.validity.is_some() => submission.validity = None,
        Feature::Flash if submission.attributes.dcs.is_none() && submission.class() == Some(0) => {
            submission.flash = false;
            submission.attributes.class = None;
        }
        Feature::Protocol if submission.attributes.pid != 0 => submission.attributes.pid = 0,
        Feature::Alphabet => return other_alphabet(submission),
        Feature::Validity | Feature::Flash | Feature::Protocol => {
            return Err(", which it does not ask for");
        }
    }
    Ok(())
}

/// GSM-7 instead of UCS-2, or the other way round. The parts of a text are cut already: each must fit as
/// it is.
fn other_alphabet(submission: &mut Submission) -> Result<(), &'static str> {
    let mut changed = submission.clone();
    let encoding = match &mut changed.body {
        Body::Segment(segment) => {
            segment.shifts = Shifts::default();
            &mut segment.encoding
        }
        Body::Whole { encoding, .. } => encoding,
        Body::Binary { .. } => return Err(", and binary data have no other"),
    };
    let why = match encoding {
        Encoding::Gsm7 => {
            *encoding = Encoding::Ucs2;
            ", and it is too long for one SMS in UCS-2"
        }
        Encoding::Ucs2 => {
            *encoding = Encoding::Gsm7;
            ", and it has characters that GSM-7 lacks"
        }
        Encoding::Binary => return Err(", and binary data have no other"),
    };
    tpdu(&changed).map_err(|_| why)?;
    *submission = changed;
    Ok(())
}

/// Remembers refusals, for codes that mean one thing the first time and another the third.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: HashMap<(MessageId, usize), u8>,
    order: VecDeque<(MessageId, usize)>,
    /// Numbers called unknown, and numbers not served, since something was sent.
    strangers: Row,
    unserved: Row,
}

impl Refusals {
    /// Something was sent: the SIM is well.
    pub(super) fn sent(&mut self) {
        self.strangers.0.clear();
        self.unserved.0.clear();
    }

    /// What a verdict means for this submission; `true`: it is meant for our SIM, whatever the number.
    pub(super) fn refusal(
        &mut self,
        submission: &Submission,
        verdict: Verdict,
        now: Timestamp,
    ) -> (Refusal, bool) {
        let number = &submission.number;
        let bars = match verdict {
            Verdict::NeverUnlessMany => self.strangers.add(number, now),
            Verdict::Route => self.unserved.add(number, now),
            _ => false,
        };
        (self.class(submission, verdict, bars), bars)
    }

    fn class(&mut self, submission: &Submission, verdict: Verdict, bars: bool) -> Refusal {
        match verdict {
            Verdict::Later { after, counts } => Refusal::Later { after, counts },
            Verdict::LaterThenNever { times, after } => {
                let count = self.count(submission);
                if count > times {
                    return Refusal::Never;
                }
                // 5 minutes, then 30.
                let after = after.map(|after| after * LONGER.saturating_pow(u32::from(count) - 1));
                Refusal::Later {
                    after,
                    counts: true,
                }
            }
            Verdict::Never => Refusal::Never,
            Verdict::NeverUnlessMany => {
                if bars {
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
}

/// Different numbers that the same was said of, one after the other.
#[derive(Debug, Default)]
struct Row(VecDeque<(Timestamp, Number)>);

impl Row {
    /// One more; `true`: there are so many that it is not the numbers.
    fn add(&mut self, number: &Number, now: Timestamp) -> bool {
        self.0.retain(|(at, other)| {
            other != number && now.duration_since(*at).unsigned_abs() < STRANGERS_WITHIN
        });
        self.0.push_back((now, number.clone()));
        if self.0.len() > STRANGERS {
            self.0.pop_front();
        }
        self.0.len() >= STRANGERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let decoded = |submission: &Submission| {
            let tpdu = tpdu(submission).expect("tpdu");
            match pdu::decode(tpdu.hex()) {
                Ok(Pdu::Submit(submit)) => submit,
                other => panic!("{other:?}"),
            }
        };
        let mut wanted = submission(1, "+15551234567");
        let submit = decoded(&wanted);
        assert_eq!((submit.reference, submit.pid), (17, 0));
        assert!(submit.status_report && !submit.reject_duplicates);
        assert_eq!(submit.content.dcs.class(), Some(0));
        assert!(submit.validity.is_some());
        for feature in [Feature::Flash, Feature::Validity] {
            assert_eq!(leave_out(&mut wanted, feature), Ok(()));
            assert!(leave_out(&mut wanted, feature).is_err());
        }
        let submit = decoded(&wanted);
        assert_eq!((submit.content.dcs.class(), submit.validity), (None, None));
        wanted.repeat = true;
        assert!(decoded(&wanted).reject_duplicates);
        wanted.body = Body::Whole {
            text: "x".into(),
            encoding: Encoding::Ucs2,
            segments: 1,
        };
        assert_eq!(decoded(&wanted).content.text(), Some("x"));
        wanted.body = Body::Whole {
            text: "x".into(),
            encoding: Encoding::Gsm7,
            segments: 2,
        };
        assert!(tpdu(&wanted).is_err());
        wanted.body = Body::Segment(Segment {
            text: "x".repeat(161),
            encoding: Encoding::Gsm7,
            units: 161,
            concat: None,
            shifts: Shifts::default(),
        });
        assert!(tpdu(&wanted).is_err());
    }

    #[test]
    fn makes_pdus_of_data_and_parameters() {
        let decoded = |submission: &Submission| {
            let tpdu = tpdu(submission).expect("tpdu");
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
            let submit = decoded(&wanted);
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
        assert_eq!(leave_out(&mut wanted, Feature::Flash), Ok(()));
        assert_eq!(decoded(&wanted).content.dcs.0, 0x04);
        wanted.attributes.dcs = Some(0xF5);
        assert!(leave_out(&mut wanted, Feature::Flash).is_err());
        assert_eq!(decoded(&wanted).content.dcs.0, 0xF5);
        assert!(leave_out(&mut wanted, Feature::Protocol).is_err());
        wanted.attributes.pid = 0x41;
        assert_eq!(leave_out(&mut wanted, Feature::Protocol), Ok(()));
        assert_eq!(decoded(&wanted).pid, 0);
        wanted.body = Body::Binary {
            data: vec![0; 141],
            udh: vec![],
        };
        assert!(tpdu(&wanted).is_err());
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
            refusals
                .refusal(submission, verdict, Timestamp::UNIX_EPOCH)
                .0
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
    fn waits_longer_each_time_before_it_gives_up() {
        let mut refusals = Refusals::default();
        let verdict = Verdict::LaterThenNever {
            times: 2,
            after: Some(Duration::from_secs(300)),
        };
        let one = submission(1, "+15551234567");
        let waits = [300, 1800].map(|seconds| Refusal::Later {
            after: Some(Duration::from_secs(seconds)),
            counts: true,
        });
        let mut meant = || refusals.refusal(&one, verdict, Timestamp::UNIX_EPOCH).0;
        assert_eq!(
            [meant(), meant(), meant()],
            [waits[0], waits[1], Refusal::Never]
        );
    }

    #[test]
    fn many_strangers_mean_our_own_sim() {
        for (verdict, one) in [
            (Verdict::NeverUnlessMany, Refusal::Never),
            (Verdict::Route, Refusal::Route),
        ] {
            let mut refusals = Refusals::default();
            let mut meant = |number, minutes| {
                let now = Timestamp::UNIX_EPOCH + Duration::from_mins(minutes);
                refusals.refusal(&submission(1, number), verdict, now)
            };
            assert_eq!(meant("+15551234561", 0), (one, false));
            assert_eq!(meant("+15551234561", 1), (one, false));
            assert_eq!(meant("+15551234562", 2), (one, false));
            assert_eq!(meant("+15551234563", 3), (Refusal::Route, true));
            assert_eq!(meant("+15551234564", 4), (Refusal::Route, true));
            assert_eq!(meant("+15551234565", 60), (one, false));
            assert_eq!(meant("+15551234566", 61), (one, false));
            refusals.sent();
            let now = Timestamp::UNIX_EPOCH + Duration::from_mins(62);
            let after = refusals.refusal(&submission(1, "+15551234567"), verdict, now);
            assert_eq!(after, (one, false));
        }
    }

    #[test]
    fn takes_the_other_alphabet_when_it_fits() {
        let text = |text: &str, encoding| {
            let mut submission = submission(1, "+15551234567");
            submission.body = Body::Segment(Segment {
                text: text.into(),
                encoding,
                units: 0,
                concat: None,
                shifts: Shifts::default(),
            });
            submission
        };
        for (said, from, expected) in [
            ("hello", Encoding::Gsm7, Ok(Encoding::Ucs2)),
            ("hello", Encoding::Ucs2, Ok(Encoding::Gsm7)),
            (&"x".repeat(70), Encoding::Gsm7, Ok(Encoding::Ucs2)),
            (&"x".repeat(71), Encoding::Gsm7, Err("too long")),
            ("ж", Encoding::Ucs2, Err("GSM-7 lacks")),
        ] {
            let mut submission = text(said, from);
            match (leave_out(&mut submission, Feature::Alphabet), expected) {
                (Ok(()), Ok(encoding)) => {
                    let Body::Segment(segment) = &submission.body else {
                        panic!("a segment");
                    };
                    assert_eq!((segment.encoding, segment.text.as_str()), (encoding, said));
                    assert!(tpdu(&submission).is_ok());
                }
                (Err(why), Err(word)) => {
                    assert!(why.contains(word), "{why}");
                    assert_eq!(submission, text(said, from));
                }
                (got, _) => panic!("{said} {got:?}"),
            }
        }
    }
}
