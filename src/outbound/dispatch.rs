//! From the queue to the gateways: lease, attempt on disk, submit, settle (durability W5–W8).
//!
//! One attempt at one part of one message at a time; a number has one attempt open at most, so its
//! messages keep their order. A message that cannot go now is put back, never lost: the store knows it
//! all the while.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::lane::{Lane, Place, Turn, locked};
use super::limits;
use super::pace::Pace;
use super::settle::{Consequences, later};
use super::wishes::{MAX_VALIDITY, MIN_VALIDITY};
use super::{Outbound, notify, plan};
use crate::gateway::{
    Body, Common, Concatenation, Concern, Gateway, OnUnknown, Outcome, Submission,
};
use crate::route::{self, Candidate, Choice, Wish};
use crate::sms::parameters::Piece;
use crate::sms::{Concat, MessageId, Number, Receipt, Segment, Shifts};
use crate::store::{
    Charge, Kept, Link, Message, Origin, OutMail, PartState, Queue, Settlement, State, StoreError,
};

/// How many messages are looked at while no gateway is up, for their expiry and delay warnings.
const IDLE_BATCH: usize = 256;
/// A look at what waits for a gateway or for its number's turn.
const RECHECK: Duration = Duration::from_secs(1);
/// A look at what waits for its number's turn.
const TURN: Duration = Duration::from_millis(50);
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
    /// How many times a lane was chosen. Held while one is, so that no two see the same place free.
    turns: Mutex<u64>,
}

/// Where a message goes.
enum Way<'a> {
    To(Place<'a>),
    Wait,
    Nowhere,
}

impl Dispatcher {
    /// For these gateways, in the order of the configuration; `resting` are those not active.
    pub fn new(
        outbound: Arc<Outbound>,
        gateways: Vec<Arc<dyn Gateway>>,
        resting: Vec<String>,
    ) -> Arc<Self> {
        let lanes = gateways.into_iter().map(Lane::new).collect();
        Arc::new(Self {
            outbound,
            lanes,
            resting,
            busy: Mutex::new(HashSet::new()),
            pace: Mutex::default(),
            turns: Mutex::default(),
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
        let now = self.outbound.world.now();
        match self.lanes.iter().any(|lane| lane.is_usable(now)) {
            true => self.lanes.iter().map(|lane| lane.room(now)).sum(),
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
            Way::To(place) => self.hand_over(message, place, stop).await,
            Way::Wait => {
                let only = || message.gateways.join(" ");
                let gateways = message.begun.clone().unwrap_or_else(only);
                self.wait_for(&message, &gateways, RECHECK);
                Ok(())
            }
            Way::Nowhere => {
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

    async fn route(&self, message: &Message) -> Result<Way<'_>, StoreError> {
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
        let now = self.outbound.world.now();
        let mut turns = locked(&self.turns);
        let lanes = self.lanes.iter().map(|lane| Candidate {
            id: &lane.common().id,
            free: lane.room(now) > 0,
            load: lane.load.load(Ordering::Relaxed),
            turn: lane.turn.load(Ordering::Relaxed),
            number: lane.common().number.as_ref(),
        });
        let resting = self.resting.iter().map(|id| Candidate {
            id,
            free: false,
            load: 0,
            turn: 0,
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
        Ok(match route::choose(&candidates, &wish) {
            Choice::Take(index) => {
                let lane = &self.lanes[index];
                *turns += 1;
                lane.turn.store(*turns, Ordering::Relaxed);
                lane.load.fetch_add(1, Ordering::Relaxed);
                Way::To(Place(lane))
            }
            Choice::Wait => Way::Wait,
            Choice::Nobody => Way::Nowhere,
        })
    }

    async fn hand_over(
        &self,
        mut message: Message,
        place: Place<'_>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        if !locked(&self.busy).insert(message.number.clone()) {
            self.wait_for(&message, message.number.as_str(), TURN);
            return Ok(());
        }
        let turn = Turn {
            busy: &self.busy,
            number: message.number.clone(),
        };
        let lane = place.0;
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
        let counts = self.counts(lane, &message, now);
        let store = &self.outbound.store;
        let begun = store.begin_attempt(now, message.clone(), link, counts.clone());
        message.revision = match begun.await {
            Ok(revision) => revision,
            Err(StoreError::OverLimit {
                account,
                month,
                limit,
                ..
            }) => {
                self.used_up(lane, account, &month, limit, now).await;
                drop((turn, place));
                // To another gateway at once, or to wait like the rest.
                self.put_back(message.id, Duration::ZERO);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // The attempt is on disk: only now may an octet leave.
        let outcome = submit(lane, submission(&message, part, common, now)).await;
        let uncount = match &outcome {
            Outcome::Refused { .. } => counts,
            Outcome::Accepted(_) | Outcome::Unknown(_) => Vec::new(),
        };
        self.settle(message, part, outcome, common, uncount).await?;
        drop((turn, place));
        Ok(())
    }

    /// What an attempt at a part of the message is counted on.
    fn counts(&self, lane: &Lane, message: &Message, now: jiff::Timestamp) -> Vec<Charge> {
        let segments = match lane.common().concat {
            Concatenation::Provider => message.segments,
            Concatenation::Udh | Concatenation::Numbered => 1,
        };
        let access = &self.outbound.planner.access;
        limits::counts(&*lane.gateway, access, segments.into(), now)
    }

    /// A gateway may send no more today or this month: it is passed over until then.
    async fn used_up(
        &self,
        lane: &Lane,
        account: String,
        period: &str,
        limit: u32,
        now: jiff::Timestamp,
    ) {
        let access = &self.outbound.planner.access;
        let (until, text) = limits::used_up(access, period, limit, now);
        lane.limit.used_up(account, until);
        let id = &lane.common().id;
        self.outbound.alarms.raise(id, Concern::Limit, &text).await;
    }

    /// Writes the outcome of an attempt. Somebody may have changed the message meanwhile, as a receipt
    /// for another part does: the outcome is written into what they made of it, never forgotten.
    async fn settle(
        &self,
        mut message: Message,
        part: usize,
        outcome: Outcome,
        common: &Common,
        uncount: Vec<Charge>,
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
            let written = self.outbound.write_all(message, then, uncount.clone());
            match written.await {
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

    fn put_back(&self, id: MessageId, wait: Duration) {
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
        self.write_all(message, then, Vec::new()).await
    }

    /// The same, and takes from the gateway's counts what was not sent.
    async fn write_all(
        &self,
        message: Message,
        then: Consequences,
        uncount: Vec<Charge>,
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
            refund: then.refund.into_iter().chain(uncount).collect(),
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

impl Outbound {
    /// Takes a gateway's late word that the network has a part of which it had said `Unknown`.
    pub async fn late(&self, gateway: &str, id: MessageId, part: usize, reference: &str) {
        loop {
            let Ok(Some(mut message)) = self.store.find(id).await else {
                return;
            };
            let now = self.world.now();
            let then = self
                .settings
                .late(&mut message, part, gateway, reference, now);
            let Some(then) = then else {
                // It was told, repeated or sent meanwhile.
                tracing::info!(msg = %id, gw = gateway, part = part + 1, event = "too-late");
                return;
            };
            match self.write(message, then).await {
                Err(StoreError::Conflict(_)) => {}
                Ok(()) => {
                    tracing::info!(msg = %id, gw = gateway, part = part + 1, event = "sent-after-all");
                    return;
                }
                Err(_) => return,
            }
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
