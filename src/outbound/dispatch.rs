//! From the queue to the gateways: lease, attempt on disk, submit, settle (durability W5–W8).
//!
//! One attempt at one part of one message at a time; a number has one attempt open at most, so its
//! messages keep their order. A message that cannot go now is put back, never lost: the store knows it
//! all the while.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::settle::{Consequences, later};
use super::wishes::{MAX_VALIDITY, MIN_VALIDITY};
use super::{Outbound, notify, plan};
use crate::gateway::{
    Body, Common, Concatenation, Gateway, OnUnknown, Outcome, Status, Submission,
};
use crate::route::{self, Candidate, Choice, Wish};
use crate::sms::parameters::Piece;
use crate::sms::{Concat, Number, Receipt, Segment, Shifts};
use crate::store::{
    Kept, Link, Message, Origin, OutMail, PartState, Queue, Settlement, State, StoreError,
};

/// How many messages are looked at while no gateway is up, for their expiry and delay warnings.
const IDLE_BATCH: usize = 256;
/// A look at what waits for a gateway or for its number's turn.
const RECHECK: Duration = Duration::from_secs(1);
/// A look at what waits for its number's turn.
const TURN: Duration = Duration::from_millis(50);
/// Those who wait for the same thing are looked at one after the other, so far apart: a queue of ten
/// thousand must cost no more than one of ten.
const APART: Duration = Duration::from_millis(5);
/// Farther away is no look: the queue is longer than that, or the clock went back.
const FARTHEST: Duration = Duration::from_secs(600);
/// Things waited for that are remembered, before those that nobody waits for go.
const MAX_PACES: usize = 1024;
/// After a look that panicked: seldom, so that one bad message does not fill the log.
const AFTER_PANIC: Duration = Duration::from_secs(600);
/// What is on the wire at the end gets this long (faults.md F04).
const DRAIN: Duration = Duration::from_secs(30);
/// A receipt may be faster than the answer it belongs to; these are the looks for its message.
const RECEIPT_LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Sends what is due.
pub struct Dispatcher {
    outbound: Arc<Outbound>,
    lanes: Vec<Lane>,
    /// Gateways that are configured and not active: what is theirs waits for them.
    resting: Vec<String>,
    /// Numbers with an attempt open.
    busy: Mutex<HashSet<Number>>,
    pace: Mutex<Pace>,
}

/// When to look again at what waits, by what it waits for.
#[derive(Debug, Default)]
struct Pace {
    last: HashMap<String, jiff::Timestamp>,
}

impl Pace {
    /// The next look for one more that waits for `what`, after `wait` at the earliest.
    fn next(&mut self, what: String, now: jiff::Timestamp, wait: Duration) -> jiff::Timestamp {
        if self.last.len() >= MAX_PACES {
            self.last.retain(|_, last| *last > now);
        }
        let (earliest, farthest) = (later(now, wait), later(now, FARTHEST));
        let behind = self.last.get(&what).map(|last| later(*last, APART));
        let at = behind
            .filter(|at| (earliest..=farthest).contains(at))
            .unwrap_or(earliest);
        self.last.insert(what, at);
        at
    }
}

/// A gateway and what it has to do.
struct Lane {
    gateway: Arc<dyn Gateway>,
    load: AtomicUsize,
    /// When the next segment may go, for gateways with a throughput.
    next: Mutex<Option<Instant>>,
}

impl Lane {
    fn common(&self) -> &Common {
        self.gateway.common()
    }

    fn is_up(&self) -> bool {
        *self.gateway.status().borrow() == Status::Up
    }

    fn room(&self) -> usize {
        match self.is_up() {
            true => self
                .common()
                .window
                .saturating_sub(self.load.load(Ordering::Relaxed)),
            false => 0,
        }
    }

    /// Waits until the gateway's throughput allows one more.
    async fn turn(&self) {
        let Some(rate) = self.common().throughput.filter(|rate| *rate > 0.0) else {
            return;
        };
        let at = {
            let mut next = locked(&self.next);
            let at = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(at + Duration::from_secs_f64(1.0 / rate));
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

/// Takes a place in a lane and a number's turn, and gives both back when dropped, panics included.
struct Place<'a> {
    lane: &'a Lane,
    busy: &'a Mutex<HashSet<Number>>,
    number: Number,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lane.load.fetch_sub(1, Ordering::Relaxed);
        locked(self.busy).remove(&self.number);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispatcher {
    /// For these gateways, in the order of the configuration; `resting` are those not active.
    pub fn new(
        outbound: Arc<Outbound>,
        gateways: Vec<Arc<dyn Gateway>>,
        resting: Vec<String>,
    ) -> Arc<Self> {
        let lane = |gateway| Lane {
            gateway,
            load: AtomicUsize::new(0),
            next: Mutex::new(None),
        };
        let lanes = gateways.into_iter().map(lane).collect();
        Arc::new(Self {
            outbound,
            lanes,
            resting,
            busy: Mutex::new(HashSet::new()),
            pace: Mutex::default(),
        })
    }

    /// Sends until `stop`, then finishes what is on the wire. Ends early when the store is dead.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        let mut tasks = JoinSet::new();
        while !*stop.borrow() {
            let room = self.room();
            if room > 0 {
                let now = self.outbound.world.now();
                for message in self.outbound.store.lease_due(now, room).await? {
                    let (me, stop) = (Arc::clone(&self), stop.clone());
                    tasks.spawn(async move { me.look_at(message, stop).await });
                }
            }
            tokio::select! {
                () = self.outbound.wake.notified(), if self.room() > 0 => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {
                    while tasks.try_join_next().is_some() {}
                }
                () = self.until_due(), if self.room() > 0 => {}
                () = self.status_changed() => {}
                _ = stop.changed() => {}
            }
        }
        let _ =
            tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
        Ok(())
    }

    /// How many messages may be leased now.
    fn room(&self) -> usize {
        match self.lanes.iter().any(Lane::is_up) {
            true => self.lanes.iter().map(Lane::room).sum(),
            false => IDLE_BATCH,
        }
    }

    async fn until_due(&self) {
        let now = self.outbound.world.now();
        let wait = match self.outbound.store.next_due(Queue::Messages) {
            Some(due) => due.duration_since(now).try_into().unwrap_or(Duration::ZERO),
            None => Duration::from_secs(60),
        };
        // Never a tight loop, whatever the clock does.
        tokio::time::sleep(wait.clamp(Duration::from_millis(5), Duration::from_secs(60))).await;
    }

    async fn status_changed(&self) {
        let changes = self.lanes.iter().map(|lane| {
            let mut status = lane.gateway.status();
            async move { status.changed().await.is_ok() }.boxed()
        });
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(changes).await;
    }

    /// Does for a leased message what is due. Whatever happens, the message is settled or put back.
    async fn look_at(self: Arc<Self>, message: Message, stop: watch::Receiver<bool>) {
        let id = message.id;
        let looked = std::panic::AssertUnwindSafe(self.look(message, stop));
        match looked.catch_unwind().await {
            Ok(Ok(())) => {}
            // The store says the same to everyone, and the process ends.
            Ok(Err(StoreError::Dead(_))) => {}
            Err(_) => {
                tracing::error!(msg = %id, event = "look-panicked");
                self.put_back(id, AFTER_PANIC);
            }
            Ok(Err(error)) => {
                tracing::warn!(msg = %id, %error, event = "put-back");
                self.put_back(id, RECHECK);
            }
        }
    }

    async fn look(
        &self,
        mut message: Message,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let (outbound, now) = (&self.outbound, self.outbound.world.now());
        // A receipt for another part ended the lease; whoever has the attempt open settles it.
        if message.parts.iter().any(is_handed) {
            self.wait_for(&message, message.number.as_str(), RECHECK);
            return Ok(());
        }
        if let Some((part, due, on_unknown)) = self.open_question(&message) {
            if now < due {
                self.outbound.store.put_back(message.id, due);
                return Ok(());
            }
            let then = outbound
                .settings
                .give_up_waiting(&mut message, part, on_unknown, now);
            return self.write(message, then).await;
        }
        if now >= message.expires {
            let then = outbound.settings.expire(&mut message);
            return self.write(message, then).await;
        }
        if !message.warned && now >= message.created + outbound.settings.warn_after {
            message.warned = true;
            let tell = Some(notify::Cause::Late);
            return self
                .write(message, Consequences { refund: None, tell })
                .await;
        }
        match self.route(&message).await? {
            Choice::Take(lane) => self.hand_over(message, &self.lanes[lane], stop).await,
            Choice::Wait => {
                let only = || message.gateways.join(" ");
                let gateways = message.begun.clone().unwrap_or_else(only);
                self.wait_for(&message, &gateways, RECHECK);
                Ok(())
            }
            Choice::Nobody => {
                let then = outbound.settings.unroutable(&mut message);
                self.write(message, then).await
            }
        }
    }

    /// A part that may have been sent: which, until when to wait for news of it, and what then.
    fn open_question(&self, message: &Message) -> Option<(usize, jiff::Timestamp, OnUnknown)> {
        message
            .parts
            .iter()
            .enumerate()
            .find_map(|(index, part)| match &part.state {
                PartState::Unknown { gateway, at, .. } => {
                    let lane = self.lanes.iter().find(|l| &l.common().id == gateway);
                    let (wait, policy) = lane.map_or((Duration::ZERO, OnUnknown::Report), |lane| {
                        (lane.common().unknown_wait, lane.common().on_unknown)
                    });
                    Some((index, later(*at, wait), policy))
                }
                _ => None,
            })
    }

    async fn route(&self, message: &Message) -> Result<Choice, StoreError> {
        // An ongoing conversation stays on the number the phone knows (spec 7.1).
        let conversation = match self.lanes.len() {
            0 | 1 => None,
            _ => {
                let since = jiff::Timestamp::UNIX_EPOCH;
                let links = self.outbound.store.links(&message.number, since).await?;
                links
                    .into_iter()
                    .find(|l| l.sender == message.account)
                    .and_then(|l| l.ours)
            }
        };
        let lanes = self.lanes.iter().map(|lane| Candidate {
            id: &lane.common().id,
            free: lane.room() > 0,
            load: lane.load.load(Ordering::Relaxed),
            number: lane.common().number.as_ref(),
        });
        let resting = self.resting.iter().map(|id| Candidate {
            id,
            free: false,
            load: 0,
            number: None,
        });
        let candidates: Vec<_> = lanes.chain(resting).collect();
        let wish = Wish {
            begun: message.begun.as_deref(),
            only: &message.gateways,
            in_order: message.in_order,
            avoided: &message.avoided,
            conversation: conversation.as_ref(),
        };
        Ok(route::choose(&candidates, &wish))
    }

    async fn hand_over(
        &self,
        mut message: Message,
        lane: &Lane,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        if !locked(&self.busy).insert(message.number.clone()) {
            self.wait_for(&message, message.number.as_str(), TURN);
            return Ok(());
        }
        lane.load.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            lane,
            busy: &self.busy,
            number: message.number.clone(),
        };
        let common = lane.common();
        if message.begun.is_none() {
            message.parts = plan::parts(&message, common.concat);
        }
        let queued = |p: &crate::store::Part| p.state == PartState::Queued;
        let Some(part) = message.parts.iter().position(queued) else {
            // A store that was written by hand; nothing to send is nothing to wait for.
            message.state = State::Sent;
            return self.write(message, Consequences::default()).await;
        };
        lane.turn().await;
        if *stop.borrow() {
            self.put_back(message.id, Duration::ZERO);
            return Ok(());
        }
        let now = self.outbound.world.now();
        message.parts[part].state = PartState::Handed {
            gateway: common.id.clone(),
            at: now,
        };
        message.state = State::Sending;
        // An answer to a question of ours is an answer to nobody's mail.
        let link = (message.origin != Origin::default()).then(|| link(&message, common, now));
        message.revision = self
            .outbound
            .store
            .begin_attempt(now, message.clone(), link)
            .await?;
        // The attempt is on disk: only now may an octet leave.
        let outcome = submit(lane, submission(&message, part, common, now)).await;
        self.settle(message, part, outcome, common).await?;
        drop(place);
        Ok(())
    }

    /// Writes the outcome of an attempt. Somebody may have changed the message meanwhile, as a receipt
    /// for another part does: the outcome is written into what they made of it, never forgotten.
    async fn settle(
        &self,
        mut message: Message,
        part: usize,
        outcome: Outcome,
        common: &Common,
    ) -> Result<(), StoreError> {
        let (now, jitter) = (self.outbound.world.now(), self.outbound.world.jitter());
        log_outcome(&message, part, &outcome, common);
        loop {
            let id = message.id;
            let then = self.outbound.settings.outcome(
                &mut message,
                part,
                outcome.clone(),
                common.unknown_wait,
                now,
                jitter,
            );
            match self.write(message, then).await {
                Err(StoreError::Conflict(_)) => {}
                written => return written,
            }
            let changed = self.outbound.store.find(id).await?;
            match changed.filter(|m| m.parts.get(part).is_some_and(is_handed)) {
                Some(changed) => message = changed,
                None => return Ok(()),
            }
        }
    }

    /// Writes a change with what follows from it; waits for room, because an outcome must not be
    /// forgotten (durability W6).
    async fn write(&self, message: Message, then: Consequences) -> Result<(), StoreError> {
        self.outbound.write(message, then).await
    }

    /// Puts a message back that waits for `what`, with others perhaps.
    fn wait_for(&self, message: &Message, what: &str, wait: Duration) {
        let what = format!("{:?} {what}", message.class);
        let at = locked(&self.pace).next(what, self.outbound.world.now(), wait);
        self.outbound.store.put_back(message.id, at);
    }

    fn put_back(&self, id: crate::sms::MessageId, wait: Duration) {
        self.outbound
            .store
            .put_back(id, later(self.outbound.world.now(), wait));
    }
}

impl Outbound {
    /// Writes a changed message with the mail and the refund that follow from the change.
    pub(super) async fn write(
        &self,
        message: Message,
        then: Consequences,
    ) -> Result<(), StoreError> {
        let now = self.world.now();
        let mails: Vec<OutMail> = then
            .tell
            .and_then(|cause| notify::about(&self.writer, &self.world, &message, cause))
            .into_iter()
            .collect();
        let told = !mails.is_empty();
        let (id, state) = (message.id, message.state);
        let settlement = Settlement {
            message,
            refund: then.refund,
            mails,
        };
        loop {
            match self.store.settle(now, settlement.clone()).await {
                Ok(_) => break,
                Err(StoreError::Full) => tokio::time::sleep(RECHECK).await,
                Err(error) => return Err(error),
            }
        }
        if state.is_final() {
            tracing::info!(msg = %id, event = state.name());
        }
        if told {
            self.wake_mail.notify_one();
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Takes a network's word on something it took. `None`: it is not durable.
    pub async fn receipt(&self, gateway: &str, reference: &str, receipt: Receipt) -> Option<Kept> {
        for look in RECEIPT_LOOKS {
            tokio::time::sleep(look).await;
            match self.try_receipt(gateway, reference, receipt).await {
                Ok(Some(kept)) => return Some(kept),
                Ok(None) | Err(StoreError::Conflict(_)) => {}
                Err(_) => return None,
            }
        }
        // A receipt for what we never sent, or forgot: never a state of its own (threats T48).
        tracing::info!(gw = gateway, event = "receipt-unmatched");
        Some(Kept::Duplicate)
    }

    async fn try_receipt(
        &self,
        gateway: &str,
        reference: &str,
        receipt: Receipt,
    ) -> Result<Option<Kept>, StoreError> {
        let Some((mut message, part)) = self.store.by_reference(gateway, reference).await? else {
            return Ok(None);
        };
        match self.settings.receipt(&mut message, part, receipt) {
            Some(then) => self.write(message, then).await.map(|()| Some(Kept::New)),
            None => Ok(Some(Kept::Duplicate)),
        }
    }
}

fn is_handed(part: &crate::store::Part) -> bool {
    matches!(part.state, PartState::Handed { .. })
}

/// A gateway that panics has sent who knows what.
async fn submit(lane: &Lane, submission: Submission) -> Outcome {
    let attempt = std::panic::AssertUnwindSafe(lane.gateway.submit(submission));
    attempt
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Outcome::Unknown(format!("the gateway {} failed", lane.common().id)))
}

fn link(message: &Message, common: &Common, at: jiff::Timestamp) -> Link {
    Link {
        ours: common.number.clone(),
        phone: message.number.clone(),
        sender: message.account.clone(),
        message_id: message.origin.message_id.clone(),
        subject: message.origin.subject.clone(),
        at,
    }
}

fn submission(message: &Message, part: usize, common: &Common, now: jiff::Timestamp) -> Submission {
    Submission {
        id: message.id,
        part,
        number: message.number.clone(),
        body: body(message, part, common),
        reference: message.reference.wrapping_add(part as u8),
        repeat: message.parts[part].unknowns > 0,
        flash: message.flash,
        attributes: message.attributes,
        receipt: message.confirm,
        validity: Some(left(message, now)),
        sender_id: message.sender_id.clone(),
    }
}

/// How long the network may try: as long as we would, as far as it can be told.
fn left(message: &Message, now: jiff::Timestamp) -> Duration {
    let left = message.expires.duration_since(now);
    let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
    left.clamp(MIN_VALIDITY, MAX_VALIDITY)
}

/// What of a message goes in one submission.
fn body(message: &Message, part: usize, common: &Common) -> Body {
    if let Some(piece) = plan::pieces(message).into_iter().nth(part) {
        let Piece { data, udh } = piece;
        return Body::Binary { data, udh };
    }
    let text = message.parts[part].text.clone();
    let count = message.parts.len();
    match common.concat {
        Concatenation::Provider => Body::Whole {
            text,
            encoding: message.encoding,
            segments: message.segments,
        },
        how => Body::Segment(Segment {
            units: crate::sms::segment::units(&text, message.encoding),
            text,
            encoding: message.encoding,
            concat: (count > 1 && how == Concatenation::Udh).then(|| Concat {
                reference: message.reference.into(),
                wide: false,
                part: part as u8 + 1,
                parts: count as u8,
            }),
            shifts: Shifts::default(),
        }),
    }
}

fn log_outcome(message: &Message, part: usize, outcome: &Outcome, common: &Common) {
    let (msg, gw) = (message.id, &common.id);
    let part = format!("{}/{}", part + 1, message.parts.len());
    match outcome {
        Outcome::Accepted(_) => tracing::info!(%msg, %gw, %part, event = "sent"),
        Outcome::Unknown(reason) => tracing::warn!(%msg, %gw, %part, reason, event = "unknown"),
        Outcome::Refused { class, reason } => {
            tracing::info!(%msg, %gw, %part, ?class, reason, event = "refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(1_800_000_000_000 + millis).expect("a time")
    }

    #[test]
    fn those_who_wait_for_the_same_are_looked_at_one_after_the_other() {
        let mut pace = Pace::default();
        let mut next = |what: &str, now: i64| pace.next(what.to_owned(), at(now), RECHECK);
        let queue: Vec<_> = (0..10_000).map(|_| next("hall", 0)).collect();
        assert!(
            queue
                .windows(2)
                .all(|two| two[1].duration_since(two[0]).unsigned_abs() == APART)
        );
        assert_eq!(queue[0], at(1000));
        // What waits for something else does not wait behind them.
        assert_eq!(next("provider", 0), at(1000));
        // When nobody waits any more, it is as it was.
        assert_eq!(next("hall", 200_000), at(201_000));
        // A clock that went back.
        assert_eq!(next("hall", -9_000_000), at(-8_999_000));
    }

    #[test]
    fn what_nobody_waits_for_is_not_remembered() {
        let mut pace = Pace::default();
        for n in 0..100_000 {
            pace.next(n.to_string(), at(n * 10), TURN);
        }
        assert!(pace.last.len() <= MAX_PACES);
    }
}
