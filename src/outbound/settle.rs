//! What an outcome means for a message: the next state, what is given back, what the sender is told.
//! Pure; the dispatcher writes it in one transaction.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cause::Cause;
use crate::gateway::{OnUnknown, Outcome, Refusal};
use crate::sms::{Class, Receipt};
use crate::store::{Attempt, Charge, Message, Part, PartState, Reason, Report, State};

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
/// Attempts at a part that are remembered: an alarm is repeated for days when nobody knows, and receipts
/// are of the last hours.
const MAX_ATTEMPTS: usize = 8;
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
                let slot = &mut message.parts[part];
                // From now on receipts name it so, whatever was foretold.
                if let (Some(attempt), Some(_)) = (slot.attempts.last_mut(), &reference) {
                    attempt.reference.clone_from(&reference);
                }
                slot.state = PartState::Sent {
                    gateway: gateway.clone(),
                    reference,
                    at: now,
                };
                message.begun = Some(gateway);
                message.error = None;
                message.refused_by = None;
                self.go_on(message, now)
            }
            // The network spoke of it before the gateway did.
            Outcome::Unknown(_) if message.parts[part].receipt.is_some() => {
                self.prove(message, part, now)
            }
            Outcome::Refused { .. }
                if message.parts[part].receipt.is_some() && message.parts[part].unknowns > 0 =>
            {
                self.prove(message, part, now)
            }
            Outcome::Unknown(reason) => {
                message.error = Some(Reason::Said(reason.clone()));
                message.refused_by = None;
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
                take_back(&mut message.parts[part]);
                message.error = Some(Reason::Said(reason));
                message.refused_by = Some(gateway.clone());
                if matches!(class, Refusal::Never | Refusal::Ours | Refusal::Route) {
                    message.attempts += 1;
                }
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
    fn go_on(&self, message: &mut Message, now: Timestamp) -> Consequences {
        let is = |wanted: fn(&PartState) -> bool| message.parts.iter().any(|p| wanted(&p.state));
        if is(|s| matches!(s, PartState::Handed { .. } | PartState::Unknown { .. })) {
            return Consequences::default();
        }
        if is(|s| !matches!(s, PartState::Sent { .. })) {
            // Its turn was long ago: before whatever came meanwhile.
            let turn = message.created;
            requeue(message, turn);
            return Consequences::default();
        }
        Consequences {
            refund: None,
            tell: self.taken(message, now),
        }
    }

    /// All parts were taken, and receipts for some may have come before: what to tell.
    fn taken(&self, message: &mut Message, now: Timestamp) -> Option<Cause> {
        message.state = State::Sent;
        let asked = |p: &Part| p.attempts.last().is_some_and(|attempt| attempt.receipt);
        match believe_receipts(message) {
            Some(Cause::Delivered) | None if !message.confirm => None,
            Some(cause) => Some(cause),
            None if message.parts.iter().all(asked) => {
                let until = now.saturating_add(self.warn_after);
                message.awaited = Some(until.unwrap_or(Timestamp::MAX));
                None
            }
            // Nobody will ever say more.
            None => Some(Cause::Confirmed),
        }
    }

    /// A part of which nobody knew whether it was sent turned out to have been: the network told of it.
    pub fn prove(&self, message: &mut Message, part: usize, now: Timestamp) -> Consequences {
        taken_after_all(&mut message.parts[part], now);
        message.begun = gateway_of(&message.parts[part]).or(message.begun.take());
        message.error = None;
        message.refused_by = None;
        self.go_on(message, now)
    }

    /// A sender has waited long enough for the word that it was delivered.
    pub fn overdue(&self, message: &mut Message) -> Consequences {
        message.awaited = Some(Timestamp::MAX);
        Consequences {
            refund: None,
            tell: Some(Cause::Overdue),
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
            (_, OnUnknown::Repeat) => now < message.expires,
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
        if let Some(attempt) = slot.attempts.last_mut() {
            attempt.reference = Some(reference.to_owned());
        }
        Some(self.prove(message, part, now))
    }

    /// No gateway can carry it.
    pub fn unroutable(&self, message: &mut Message) -> Consequences {
        message.error.get_or_insert(Reason::NoGateway);
        fail(message, State::Failed)
    }

    /// Its phone wants no SMS any more.
    pub fn unwanted(&self, message: &mut Message) -> Consequences {
        message.error = Some(Reason::OptedOut);
        message.refused_by = None;
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
        report: &Report,
        now: Timestamp,
    ) -> Option<Consequences> {
        let slot = message.parts.get_mut(part)?;
        // The first last word stands: a network that flips it is only believed in its log line.
        if slot
            .receipt
            .is_some_and(|r| r.is_last() || r == report.receipt)
        {
            return None;
        }
        let proves = match &slot.state {
            PartState::Sent { .. } if !report.receipt.is_last() => return None,
            PartState::Sent { .. } | PartState::Handed { .. } => false,
            PartState::Unknown { .. } => true,
            PartState::Queued | PartState::Failed { .. } if slot.unknowns > 0 => true,
            // The gateway was sure that it did not go: somebody else's, then.
            PartState::Queued | PartState::Failed { .. } => return None,
        };
        slot.receipt = Some(report.receipt);
        slot.receipt_at = Some(report.at.unwrap_or(now));
        if proves {
            taken_after_all(slot, now);
        }
        let all_taken = |m: &Message| {
            let mut parts = m.parts.iter();
            parts.all(|p| matches!(p.state, PartState::Sent { .. }))
        };
        let tell = match message.state {
            State::Queued | State::Sending if proves => {
                message.error = None;
                return Some(self.go_on(message, now));
            }
            State::Sent => {
                let owed = message.awaited.is_some();
                let cause = believe_receipts(message);
                cause.filter(|cause| owed || *cause != Cause::Delivered)
            }
            // The sender was told that it may have been sent; now it is known.
            State::Unknown if proves && all_taken(message) => {
                message.error = None;
                self.taken(message, now)
            }
            _ => None,
        };
        Some(Consequences { refund: None, tell })
    }
}

/// An attempt at a part begins: what receipts for it will be matched with.
pub fn begin(message: &mut Message, part: usize, attempt: Attempt) {
    let slot = &mut message.parts[part];
    slot.state = PartState::Handed {
        gateway: attempt.gateway.clone(),
        at: attempt.at,
    };
    if slot.attempts.len() >= MAX_ATTEMPTS {
        slot.attempts.remove(0);
    }
    slot.attempts.push(attempt);
    message.state = State::Sending;
}

/// The gateway is sure that the attempt at it did not go.
fn take_back(slot: &mut Part) {
    slot.state = PartState::Queued;
    slot.attempts.pop();
    if slot.unknowns == 0 {
        // So this was not of it.
        slot.receipt = None;
        slot.receipt_at = None;
    }
}

/// Some attempt at it was taken.
fn taken_after_all(slot: &mut Part, now: Timestamp) {
    let attempt = slot.attempts.last();
    let gateway = attempt.map(|attempt| attempt.gateway.clone());
    let gateway = gateway.or_else(|| gateway_of(slot)).unwrap_or_default();
    slot.state = PartState::Sent {
        reference: attempt.and_then(|attempt| attempt.reference.clone()),
        at: attempt.map_or(now, |attempt| attempt.at),
        gateway,
    };
}

fn gateway_of(slot: &Part) -> Option<String> {
    match &slot.state {
        PartState::Handed { gateway, .. }
        | PartState::Sent { gateway, .. }
        | PartState::Unknown { gateway, .. } => Some(gateway.clone()),
        PartState::Queued | PartState::Failed { .. } => None,
    }
}

/// Makes of a `Sent` message what the receipts for its parts say, and says what that is called.
fn believe_receipts(message: &mut Message) -> Option<Cause> {
    let receipts = || message.parts.iter().map(|p| p.receipt);
    let failure = receipts().flatten().find(|r| r.failure().is_some());
    let delivered = receipts().all(|r| r == Some(Receipt::Delivered));
    let (state, cause) = match (failure, delivered) {
        (Some(failure), _) => {
            message.error = Some(Reason::Network(failure));
            (State::Failed, Cause::Undelivered)
        }
        (None, true) => (State::Delivered, Cause::Delivered),
        (None, false) => return None,
    };
    message.state = state;
    message.awaited = None;
    Some(cause)
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
        let reason = message
            .error
            .as_ref()
            .map(Reason::to_string)
            .unwrap_or_default();
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
mod tests;
