//! What an outcome means for a message: the next state, what is given back, what the sender is told.
//! Pure; the dispatcher writes it in one transaction.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::notify::Cause;
use crate::gateway::{OnUnknown, Outcome, Refusal};
use crate::sms::{Class, Receipt};
use crate::store::{Charge, Message, PartState, State};

/// Section `queue` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// After this a message that was not sent is given up.
    pub expire: SignedDuration,
    /// After this its sender hears that it is late.
    pub warn_after: SignedDuration,
    /// The wait after the first attempt.
    pub retry_first: Duration,
    /// Each further wait is longer by this factor.
    pub retry_factor: f64,
    /// But not longer than this.
    pub retry_max: Duration,
}

/// A gateway's throttling or a modem's repair: soon again, without counting.
const SOON: Duration = Duration::from_secs(5);
/// What a provider may make us wait (faults.md F35).
const MAX_AFTER: Duration = Duration::from_secs(3600);

/// What comes of an outcome, beside the changed message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Consequences {
    /// Segments to give back.
    pub refund: Option<Charge>,
    /// What the sender is told.
    pub tell: Option<Cause>,
}

impl Settings {
    /// The wait before the next attempt. `jitter`: 0.5 to 1.5.
    fn backoff(&self, attempts: u32, jitter: f64) -> Duration {
        let exponent = attempts.saturating_sub(1).min(32) as i32;
        let wait = self.retry_first.as_secs_f64() * self.retry_factor.powi(exponent);
        Duration::from_secs_f64(wait.min(self.retry_max.as_secs_f64()) * jitter)
    }

    /// Writes the outcome of an attempt at `message.parts[part]` into the message.
    pub fn outcome(
        &self,
        message: &mut Message,
        part: usize,
        outcome: Outcome,
        unknown_wait: Duration,
        now: Timestamp,
        jitter: f64,
    ) -> Consequences {
        let PartState::Handed { gateway, .. } = message.parts[part].state.clone() else {
            return Consequences::default();
        };
        match outcome {
            Outcome::Accepted(reference) => {
                message.begun = Some(gateway.clone());
                message.parts[part].state = PartState::Sent {
                    gateway,
                    reference,
                    at: now,
                };
                message.error = None;
                self.go_on(message)
            }
            Outcome::Unknown(reason) => {
                message.error = Some(reason.clone());
                message.begun = Some(gateway.clone());
                message.parts[part].state = PartState::Unknown {
                    gateway,
                    at: now,
                    reason,
                };
                message.parts[part].unknowns += 1;
                message.state = State::Sending;
                message.next_attempt = later(now, unknown_wait);
                Consequences::default()
            }
            Outcome::Refused { class, reason } => {
                message.parts[part].state = PartState::Queued;
                message.error = Some(reason);
                match class {
                    Refusal::Later { after, counts } => {
                        self.retry(message, after, counts, now, jitter);
                        Consequences::default()
                    }
                    Refusal::Link => {
                        self.retry(message, Some(SOON.mul_f64(jitter)), false, now, jitter);
                        Consequences::default()
                    }
                    Refusal::Route => {
                        message.avoided.push(gateway);
                        requeue(message, now);
                        Consequences::default()
                    }
                    Refusal::Never | Refusal::Ours => fail(message, State::Failed),
                }
            }
        }
    }

    fn retry(
        &self,
        message: &mut Message,
        after: Option<Duration>,
        counts: bool,
        now: Timestamp,
        jitter: f64,
    ) {
        message.attempts += u32::from(counts);
        let wait = self.backoff(message.attempts.max(1), jitter);
        let wait = after.map_or(wait, |after| if counts { wait.max(after) } else { after });
        requeue(message, later(now, wait.min(MAX_AFTER)));
    }

    /// A part was taken: on with the next, or done.
    fn go_on(&self, message: &mut Message) -> Consequences {
        if message
            .parts
            .iter()
            .any(|p| !matches!(p.state, PartState::Sent { .. }))
        {
            // Its turn was long ago: before whatever came meanwhile.
            let turn = message.created;
            requeue(message, turn);
            return Consequences::default();
        }
        message.state = State::Sent;
        // Receipts for the first parts may have come before the last part was taken.
        let undelivered = believe_receipts(message);
        Consequences {
            refund: None,
            tell: undelivered.or(message.confirm.then_some(Cause::Confirmed)),
        }
    }

    /// Decides about a part whose outcome was waited for long enough.
    pub fn give_up_waiting(
        &self,
        message: &mut Message,
        part: usize,
        on_unknown: OnUnknown,
        now: Timestamp,
    ) -> Consequences {
        let again = match (message.class, on_unknown) {
            (Class::Bulk, _) | (Class::Normal, OnUnknown::Report) => false,
            (Class::Alarm, _) | (_, OnUnknown::RetryUntilExpiry) => now < message.expires,
            (Class::Normal, OnUnknown::RetryOnce) => message.parts[part].unknowns <= 1,
        };
        if again {
            // The first repeat has waited already; further ones keep their distance.
            let wait = match message.parts[part].unknowns {
                0 | 1 => Duration::ZERO,
                more => self.backoff(more - 1, 1.0),
            };
            message.parts[part].state = PartState::Queued;
            requeue(message, later(now, wait));
            return Consequences::default();
        }
        message.state = State::Unknown;
        Consequences {
            refund: None,
            tell: Some(Cause::Unknown),
        }
    }

    /// Writes that the network has a part after all, when nobody decided otherwise yet. `None`: it is
    /// too late.
    pub fn late(
        &self,
        message: &mut Message,
        part: usize,
        gateway: &str,
        reference: &str,
        now: Timestamp,
    ) -> Option<Consequences> {
        let slot = message.parts.get_mut(part)?;
        let waits = matches!(&slot.state, PartState::Unknown { gateway: by, .. } if by == gateway);
        if !waits || message.state.is_final() {
            return None;
        }
        slot.state = PartState::Sent {
            gateway: gateway.to_owned(),
            reference: Some(reference.to_owned()),
            at: now,
        };
        message.error = None;
        Some(self.go_on(message))
    }

    /// No gateway can carry it.
    pub fn unroutable(&self, message: &mut Message) -> Consequences {
        let reason = "no gateway can carry this message".to_owned();
        message.error.get_or_insert(reason);
        fail(message, State::Failed)
    }

    /// It is too late.
    pub fn expire(&self, message: &mut Message) -> Consequences {
        fail(message, State::Expired)
    }

    /// Writes what the network said later of a part. `None`: it changes nothing.
    pub fn receipt(
        &self,
        message: &mut Message,
        part: usize,
        receipt: Receipt,
    ) -> Option<Consequences> {
        let slot = message.parts.get_mut(part)?;
        // The first last word stands: a network that flips it is only believed in its log line.
        if receipt == Receipt::Pending || slot.receipt.is_some_and(|r| r != Receipt::Pending) {
            return None;
        }
        slot.receipt = Some(receipt);
        if message.state != State::Sent {
            return Some(Consequences::default());
        }
        Some(Consequences {
            refund: None,
            tell: believe_receipts(message),
        })
    }
}

/// Makes of a `Sent` message what the receipts for its parts say, and says what to tell.
fn believe_receipts(message: &mut Message) -> Option<Cause> {
    let failed = message.parts.iter().find_map(|p| match p.receipt {
        Some(Receipt::Failed(code)) => Some(code),
        _ => None,
    });
    if let Some(code) = failed {
        message.state = State::Failed;
        message.error = Some(format!("the network could not deliver it (status {code})"));
        return Some(Cause::Undelivered);
    }
    if message
        .parts
        .iter()
        .all(|p| p.receipt == Some(Receipt::Delivered))
    {
        message.state = State::Delivered;
    }
    None
}

/// Ends a message that was not sent. The charge is given back only when no gateway may have taken
/// any of it (durability W17); a part that an earlier attempt may have sent makes the end `Unknown`.
fn fail(message: &mut Message, state: State) -> Consequences {
    let maybe = message
        .parts
        .iter()
        .any(|p| p.state == PartState::Queued && p.unknowns > 0);
    let (state, tell) = match state {
        _ if maybe => (State::Unknown, Cause::Unknown),
        State::Expired => (State::Expired, Cause::Expired),
        _ => (State::Failed, Cause::Failed),
    };
    message.state = state;
    let refund = if message.begun.is_none() {
        message.charge.clone()
    } else {
        None
    };
    for part in message
        .parts
        .iter_mut()
        .filter(|p| p.state == PartState::Queued)
    {
        let reason = message.error.clone().unwrap_or_default();
        part.state = PartState::Failed { reason };
    }
    Consequences {
        refund,
        tell: Some(tell),
    }
}

fn requeue(message: &mut Message, at: Timestamp) {
    message.state = State::Queued;
    message.next_attempt = at;
}

/// `now + wait`, at the end of time if need be.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::{Encoding, MessageId, Number};
    use crate::store::{Origin, Part};

    fn settings() -> Settings {
        Settings {
            expire: SignedDuration::from_hours(120),
            warn_after: SignedDuration::from_hours(4),
            retry_first: Duration::from_secs(30),
            retry_factor: 2.0,
            retry_max: Duration::from_secs(3600),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("time")
    }

    /// Parts by letter: q queued, h handed, s sent, u unknown.
    fn message(parts: &str) -> Message {
        let gateway = || "hall".to_owned();
        let state = |c| match c {
            'h' => PartState::Handed {
                gateway: gateway(),
                at: at(0),
            },
            's' => PartState::Sent {
                gateway: gateway(),
                reference: Some("r".into()),
                at: at(0),
            },
            'u' => PartState::Unknown {
                gateway: gateway(),
                at: at(0),
                reason: "?".into(),
            },
            _ => PartState::Queued,
        };
        let part = |c| Part {
            text: "x".into(),
            state: state(c),
            receipt: None,
            unknowns: u32::from(c == 'u'),
        };
        Message {
            id: MessageId::from_bytes([1; 16]),
            revision: 3,
            created: at(0),
            origin: Origin::default(),
            account: "ann@example.com".into(),
            charge: Some(Charge {
                account: "ann@example.com".into(),
                month: "1970-01".into(),
                segments: parts.len() as u32,
                limit: 0,
            }),
            number: Number::from_network("+15551234567").expect("number"),
            text: "x".repeat(parts.len()),
            payload: None,
            attributes: crate::sms::Attributes::default(),
            encoding: Encoding::Gsm7,
            segments: parts.len() as u8,
            reference: 7,
            flash: false,
            confirm: true,
            class: Class::Normal,
            sender_id: None,
            gateways: vec![],
            in_order: false,
            avoided: vec![],
            state: State::Sending,
            begun: parts.contains(['s', 'u']).then(gateway),
            parts: parts.chars().map(part).collect(),
            attempts: 0,
            next_attempt: at(0),
            expires: at(432_000),
            warned: false,
            error: None,
        }
    }

    fn letters(message: &Message) -> String {
        let letter = |p: &Part| match p.state {
            PartState::Queued => 'q',
            PartState::Handed { .. } => 'h',
            PartState::Sent { .. } => 's',
            PartState::Unknown { .. } => 'u',
            PartState::Failed { .. } => 'f',
        };
        message.parts.iter().map(letter).collect()
    }

    fn shown(message: &Message, then: &Consequences) -> String {
        let wait = message.next_attempt.as_second() - 100;
        let due = if message.state.is_final() {
            String::new()
        } else {
            format!(" in {wait}")
        };
        let refund = if then.refund.is_some() { " refund" } else { "" };
        let tell = then
            .tell
            .map(|cause| format!(" tell {cause:?}"))
            .unwrap_or_default();
        format!(
            "{} {}{due}{refund}{tell}",
            letters(message),
            message.state.name()
        )
    }

    #[test]
    fn an_outcome_becomes_a_state() {
        let refused = |class| Outcome::Refused {
            class,
            reason: "why".into(),
        };
        let later = |after: Option<u64>, counts| {
            refused(Refusal::Later {
                after: after.map(Duration::from_secs),
                counts,
            })
        };
        let accepted = || Outcome::Accepted(Some("id".into()));
        let unknown = || Outcome::Unknown("silence".into());
        for (parts, attempts, outcome, expected) in [
            ("h", 0, accepted(), "s sent tell Confirmed"),
            ("hqq", 0, accepted(), "sqq queued in -100"),
            ("ssh", 0, accepted(), "sss sent tell Confirmed"),
            ("h", 0, later(None, true), "q queued in 30"),
            ("h", 2, later(None, true), "q queued in 120"),
            ("h", 50, later(None, true), "q queued in 3600"),
            ("h", 0, later(Some(600), true), "q queued in 600"),
            ("h", 0, later(Some(10), false), "q queued in 10"),
            ("h", 0, later(Some(90_000), false), "q queued in 3600"),
            ("h", 0, refused(Refusal::Link), "q queued in 5"),
            ("h", 0, refused(Refusal::Route), "q queued in 0"),
            (
                "h",
                0,
                refused(Refusal::Never),
                "f failed refund tell Failed",
            ),
            (
                "h",
                0,
                refused(Refusal::Ours),
                "f failed refund tell Failed",
            ),
            ("shq", 0, refused(Refusal::Never), "sff failed tell Failed"),
            ("h", 0, unknown(), "u sending in 600"),
            ("shq", 0, unknown(), "suq sending in 600"),
        ] {
            let mut message = message(parts);
            message.attempts = attempts;
            let part = parts.find('h').expect("an open attempt");
            let wait = Duration::from_secs(600);
            let then = settings().outcome(&mut message, part, outcome.clone(), wait, at(100), 1.0);
            assert_eq!(shown(&message, &then), expected, "{parts} {outcome:?}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_repeated_as_the_admin_chose() {
        use OnUnknown::{Report, RetryOnce, RetryUntilExpiry};
        for (class, policy, unknowns, now, expected) in [
            (Class::Normal, Report, 1, 100, "u unknown tell Unknown"),
            (Class::Normal, RetryOnce, 1, 100, "q queued in 0"),
            (Class::Normal, RetryOnce, 2, 100, "u unknown tell Unknown"),
            (Class::Normal, RetryUntilExpiry, 3, 100, "q queued in 60"),
            (
                Class::Normal,
                RetryUntilExpiry,
                9,
                432_000,
                "u unknown tell Unknown",
            ),
            (Class::Alarm, Report, 1, 100, "q queued in 0"),
            (Class::Alarm, Report, 50, 100, "q queued in 3600"),
            (
                Class::Bulk,
                RetryUntilExpiry,
                1,
                100,
                "u unknown tell Unknown",
            ),
        ] {
            let mut message = message("u");
            message.class = class;
            message.parts[0].unknowns = unknowns;
            let then = settings().give_up_waiting(&mut message, 0, policy, at(now));
            assert_eq!(
                shown(&message, &then),
                expected,
                "{class:?} {policy:?} {unknowns} {now}"
            );
        }
    }

    #[test]
    fn a_late_answer_settles_what_still_waits() {
        for (parts, state, by, expected) in [
            ("u", State::Sending, "hall", Some("s sent tell Confirmed")),
            ("suq", State::Sending, "hall", Some("ssq queued in -100")),
            ("u", State::Sending, "other", None),
            ("u", State::Unknown, "hall", None),
            ("q", State::Queued, "hall", None),
            ("h", State::Sending, "hall", None),
        ] {
            let mut message = message(parts);
            message.state = state;
            let part = parts.find(['u', 'h']).unwrap_or(0);
            let then = settings().late(&mut message, part, by, "17:1", at(100));
            let then = then.map(|then| shown(&message, &then));
            assert_eq!(then.as_deref(), expected, "{parts} {state:?} {by}");
        }
    }

    #[test]
    fn what_may_have_been_sent_never_ends_as_failed() {
        let mut message = message("h");
        message.parts[0].unknowns = 1;
        message.begun = Some("hall".into());
        let never = Outcome::Refused {
            class: Refusal::Never,
            reason: "barred".into(),
        };
        let then = settings().outcome(&mut message, 0, never, Duration::ZERO, at(100), 1.0);
        assert_eq!(shown(&message, &then), "f unknown tell Unknown");
    }

    #[test]
    fn receipts_that_came_before_the_last_part_was_taken_count() {
        use Receipt::{Delivered, Failed};
        for (first, expected) in [
            (Delivered, "ss sent tell Confirmed"),
            (Failed(70), "ss failed tell Undelivered"),
        ] {
            let mut message = message("sh");
            message.state = State::Sending;
            settings().receipt(&mut message, 0, first);
            let outcome = Outcome::Accepted(Some("id".into()));
            let then = settings().outcome(&mut message, 1, outcome, Duration::ZERO, at(100), 1.0);
            assert_eq!(shown(&message, &then), expected, "{first:?}");
        }
    }

    #[test]
    fn receipts_change_what_was_sent_once() {
        use Receipt::{Delivered, Failed, Pending};
        for (parts, receipts, expected) in [
            ("s", &[(0, Delivered)][..], "delivered"),
            ("s", &[(0, Pending), (0, Delivered)], "delivered"),
            ("ss", &[(0, Delivered)], "sent"),
            ("ss", &[(0, Delivered), (1, Delivered)], "delivered"),
            ("ss", &[(1, Failed(70)), (0, Delivered)], "failed"),
            ("s", &[(0, Delivered), (0, Failed(70))], "delivered"),
            ("s", &[(0, Failed(70)), (0, Delivered)], "failed"),
            ("s", &[(7, Delivered)], "sent"),
        ] {
            let mut message = message(parts);
            message.state = State::Sent;
            for (part, receipt) in receipts {
                settings().receipt(&mut message, *part, *receipt);
            }
            assert_eq!(message.state.name(), expected, "{parts} {receipts:?}");
        }
    }
}
