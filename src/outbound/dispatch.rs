//! From the queue to the gateways: lease, attempt on disk, submit, settle (durability W5–W8).
//!
//! One attempt at one part of one message at a time; the store hands out one message a number at most, so
//! its messages keep their order. A message that cannot go now is put back, one that waits for a gateway is
//! parked until that has room; never lost: the store knows it all the while.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cause::Cause;
use super::lane::{Lane, Place, locked};
use super::limits;
use super::notify::Word;
use super::settle::{self, Consequences, later};
use super::wishes::{MAX_VALIDITY, MIN_VALIDITY};
use super::{Outbound, notify, plan};
use crate::gateway::{
    Body, Common, Concatenation, Concern, Gateway, OnUnknown, Outcome, Receipts, Status, Submission,
};
use crate::pace::Rest;
use crate::route::{self, Candidate, Choice, Seen, Wish};
use crate::sms::parameters::Piece;
use crate::sms::segment::units_with;
use crate::sms::{Class, Concat, MessageId, Segment};
use crate::store::{
    Attempt, Charge, Link, Message, Origin, Part, PartState, Queue, Settlement, State, StoreError,
};

/// How many messages are looked at at a time for what needs no gateway: expiry, delay warnings, and what
/// they wait for.
const IDLE_BATCH: usize = 256;
/// A look at what has an attempt open that somebody else will settle.
const RECHECK: Duration = Duration::from_secs(1);
/// What is new and cannot go yet is looked at that much later; a gateway that gets room says so itself.
const CROWD: Duration = Duration::from_millis(50);
/// The longest sleep when nothing is due: a clock may have been set, a day's limit be over.
const LONGEST: Duration = Duration::from_secs(60);
/// After a look that panicked: seldom, so that one bad message does not fill the log.
const AFTER_PANIC: Duration = Duration::from_secs(600);
/// What is on the wire at the end gets this long (faults.md F04).
const DRAIN: Duration = Duration::from_secs(30);

/// Sends what is due.
pub struct Dispatcher {
    outbound: Arc<Outbound>,
    lanes: Vec<Lane>,
    /// Gateways that are configured and not active: what is theirs waits for them.
    resting: Vec<String>,
    /// How many times a lane was chosen. Held while one is, so that no two see the same place free.
    turns: Mutex<u64>,
    /// After what the store did not take.
    rest: Mutex<Rest>,
}

/// What messages are parked for begins so when it is the gateway where their conversation is; no id does.
const HOME: &str = "@";

/// Where a phone has conversations.
struct Conversations<'a> {
    home: Option<Seen<'a>>,
    others: Vec<Seen<'a>>,
}

/// Where a message goes.
enum Way<'a> {
    To(Place<'a>),
    Wait,
    /// For the gateway where its conversation is.
    WaitFor(String),
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
            turns: Mutex::default(),
            rest: Mutex::default(),
        })
    }

    /// Sends until `stop`, then finishes what is on the wire. Ends early when the store is dead.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        self.outbound.join_all_reports().await?;
        // Kept all the time: a change between two looks is seen in the second.
        let statuses = self.lanes.iter().map(|lane| lane.gateway.status());
        let mut statuses: Vec<_> = statuses.collect();
        let mut tasks = JoinSet::new();
        while !*stop.borrow() {
            self.release();
            let (store, now) = (&self.outbound.store, self.outbound.world.now());
            let warn_after = self.outbound.settings.warn_after;
            for message in store.lease_late(now, warn_after, IDLE_BATCH).await? {
                let me = Arc::clone(&self);
                tasks.spawn(async move { me.look_at(message.id, me.look_late(message)).await });
            }
            let room = self.room();
            if room > 0 {
                for message in store.lease_due(now, room).await? {
                    let (me, stop) = (Arc::clone(&self), stop.clone());
                    tasks
                        .spawn(async move { me.look_at(message.id, me.look(message, stop)).await });
                }
            }
            tokio::select! {
                () = self.woken(room > 0) => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {
                    while tasks.try_join_next().is_some() {}
                }
                () = self.until_due(room > 0) => {}
                () = changed(&mut statuses) => {}
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

    /// Lets those go on that wait for a gateway which has room now.
    fn release(&self) {
        let now = self.outbound.world.now();
        let rooms: Vec<_> = self.lanes.iter().map(|lane| lane.room(now)).collect();
        if rooms.iter().all(|room| *room == 0) {
            return;
        }
        for what in self.outbound.store.parked() {
            if let Some(id) = what.strip_prefix(HOME) {
                let room = self.room_at_home(id, &rooms);
                self.outbound.store.release(&what, room);
                continue;
            }
            let waited_for = |lane: &Lane| what.split(' ').any(|id| id == lane.common().id);
            let lanes = self.lanes.iter().zip(&rooms);
            let room = lanes
                .filter(|(lane, _)| waited_for(lane))
                .map(|(_, room)| room);
            self.outbound.store.release(&what, room.sum());
        }
    }

    /// How many may go on that wait for the gateway where their conversation is: when it does not work any
    /// more, they are looked at again as soon as any has room.
    fn room_at_home(&self, id: &str, rooms: &[usize]) -> usize {
        let now = self.outbound.world.now();
        let mut lanes = self.lanes.iter().zip(rooms);
        match lanes.find(|(lane, _)| lane.common().id == id) {
            Some((lane, room)) if lane.is_up(now) => *room,
            _ => rooms.iter().sum(),
        }
    }

    /// There is something new. While no gateway has room it may wait, so that a crowd of new messages
    /// is looked at once and not one by one.
    async fn woken(&self, has_room: bool) {
        self.outbound.wake.notified().await;
        if !has_room {
            tokio::time::sleep(CROWD).await;
        }
    }

    async fn until_due(&self, has_room: bool) {
        let (store, now) = (&self.outbound.store, self.outbound.world.now());
        let late = store.next_late(self.outbound.settings.warn_after);
        let due = store.next_due(Queue::Messages).filter(|_| has_room);
        let wait = match due.into_iter().chain(late).min() {
            Some(due) => due.duration_since(now).try_into().unwrap_or(Duration::ZERO),
            None => LONGEST,
        };
        // Never a tight loop, whatever the clock does.
        tokio::time::sleep(wait.clamp(Duration::from_millis(5), LONGEST)).await;
    }

    /// Does for a leased message what is due. Whatever happens, the message is settled or put back.
    async fn look_at(&self, id: MessageId, look: impl Future<Output = Result<(), StoreError>>) {
        match std::panic::AssertUnwindSafe(look).catch_unwind().await {
            Ok(Ok(())) => {}
            // The store says the same to everyone, and the process ends.
            Ok(Err(StoreError::Dead(_))) => {}
            Err(_) => {
                tracing::error!(msg = %id, event = "look-panicked");
                self.put_back(id, AFTER_PANIC);
            }
            // Somebody was quicker with this one; nothing is wrong with the store.
            Ok(Err(StoreError::Conflict(_))) => self.put_back(id, RECHECK),
            Ok(Err(error)) => {
                let (world, spate) = (&self.outbound.world, &self.outbound.spate);
                if spate.logs(world.now(), "put-back") {
                    tracing::warn!(msg = %id, %error, event = "put-back");
                }
                // What the store does not take of one message it takes of none.
                let wait = locked(&self.rest).failed(Instant::now());
                self.put_back(id, wait);
            }
        }
    }

    /// Sees to it that a message which waits ends in time, and that its sender hears of a delay.
    async fn look_late(&self, mut message: Message) -> Result<(), StoreError> {
        if message.state.is_final() {
            return Ok(());
        }
        if self.outbound.is_unwanted(&message) {
            return self.end_unwanted(message).await;
        }
        match self.lateness(&mut message) {
            Some(then) => self.write(message, then).await,
            None => {
                let store = &self.outbound.store;
                store.put_back(message.id, message.next_attempt);
                Ok(())
            }
        }
    }

    /// Ends a message to a phone that wants none any more.
    async fn end_unwanted(&self, mut message: Message) -> Result<(), StoreError> {
        tracing::info!(msg = %message.id, number = ?message.number, event = "unwanted");
        let then = self.outbound.settings.unwanted(&mut message);
        self.write(message, then).await
    }

    /// What follows from the time it has waited.
    fn lateness(&self, message: &mut Message) -> Option<Consequences> {
        let (settings, now) = (&self.outbound.settings, self.outbound.world.now());
        let since = message.not_before.unwrap_or(message.created);
        let late = since.saturating_add(settings.warn_after);
        if now >= message.expires {
            return Some(settings.expire(message));
        }
        if message.warned || late.is_ok_and(|late| now < late) {
            return None;
        }
        message.warned = true;
        Some(Consequences {
            refund: None,
            tell: Some(Cause::Late),
        })
    }

    async fn look(
        &self,
        mut message: Message,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let (outbound, now) = (&self.outbound, self.outbound.world.now());
        if message.state == State::Sent {
            return self.look_for_word(message).await;
        }
        // Somebody was faster, an admin or a receipt.
        if message.state.is_final() {
            return Ok(());
        }
        // Whoever has the attempt open settles it.
        if message.parts.iter().any(is_handed) {
            self.put_back(message.id, RECHECK);
            return Ok(());
        }
        // A receipt that came while the attempt was open, and then the process ended.
        let proven = |p: &Part| matches!(p.state, PartState::Unknown { .. }) && p.receipt.is_some();
        if let Some(part) = message.parts.iter().position(proven) {
            let then = outbound.settings.prove(&mut message, part, now);
            return self.write(message, then).await;
        }
        if let Some((part, due, on_unknown)) = self.open_question(&message) {
            if now < due {
                outbound.store.put_back(message.id, due);
                return Ok(());
            }
            let then = outbound
                .settings
                .give_up_waiting(&mut message, part, on_unknown, now);
            return self.write(message, then).await;
        }
        if outbound.is_unwanted(&message) {
            return self.end_unwanted(message).await;
        }
        if let Some(then) = self.lateness(&mut message) {
            return self.write(message, then).await;
        }
        match self.route(&message).await? {
            Way::To(place) => self.hand_over(message, place, stop).await,
            Way::Wait => {
                self.park(&message);
                Ok(())
            }
            Way::WaitFor(home) => {
                let home = format!("{HOME}{home}");
                outbound.store.park(message.id, &home);
                Ok(())
            }
            Way::Nowhere => {
                let then = outbound.settings.unroutable(&mut message);
                self.write(message, then).await
            }
        }
    }

    /// A sender waits to hear that his message was delivered.
    async fn look_for_word(&self, mut message: Message) -> Result<(), StoreError> {
        let until = message.awaited.unwrap_or(jiff::Timestamp::MAX);
        if self.outbound.world.now() < until {
            self.outbound.store.put_back(message.id, until);
            return Ok(());
        }
        let then = self.outbound.settings.overdue(&mut message);
        self.write(message, then).await
    }

    /// Parks a message until one of the gateways has room that could take it.
    fn park(&self, message: &Message) {
        let only = &message.gateways;
        let able = |lane: &&Lane| {
            let id = &lane.common().id;
            match &message.begun {
                Some(begun) => begun == id,
                None => (only.is_empty() || only.contains(id)) && !message.avoided.contains(id),
            }
        };
        let able: Vec<&Lane> = self.lanes.iter().filter(able).collect();
        let now = self.outbound.world.now();
        if able.iter().any(|lane| lane.room(now) > 0) {
            // It has got room this moment; or it refuses for a reason that its room does not tell.
            return self.put_back(message.id, RECHECK);
        }
        let ids: Vec<&str> = able.iter().map(|lane| lane.common().id.as_str()).collect();
        self.outbound.store.park(message.id, &ids.join(" "));
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
        let now = self.outbound.world.now();
        let links = match self.lanes.len() {
            0 | 1 => Vec::new(),
            _ => {
                let since = jiff::Timestamp::UNIX_EPOCH;
                self.outbound.store.links(&message.number, since).await?
            }
        };
        let conversations = self.conversations(&links, message, now);
        let mut turns = locked(&self.turns);
        let lanes = self.lanes.iter().map(|lane| Candidate {
            id: &lane.common().id,
            free: lane.room(now) > 0,
            up: lane.is_up(now),
            load: lane.load.load(Ordering::Relaxed),
            turn: lane.turn.load(Ordering::Relaxed),
            number: lane.common().number.as_ref(),
        });
        let resting = self.resting.iter().map(|id| Candidate {
            id,
            free: false,
            up: false,
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
            conversation: conversations.home,
            others: &conversations.others,
            hurry: message.class == Class::Alarm,
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
            Choice::WaitAtHome(index) => Way::WaitFor(candidates[index].id.to_owned()),
            Choice::Nobody => Way::Nowhere,
        })
    }

    /// Where the phone has conversations: with this sender, where it began (spec 7.1), and with others.
    fn conversations<'a>(
        &self,
        links: &'a [Link],
        message: &Message,
        now: jiff::Timestamp,
    ) -> Conversations<'a> {
        let is_ours = |link: &&Link| link.sender.eq_ignore_ascii_case(answers_to(message));
        let exists = |seen: &Seen<'_>| {
            let mut all = self.lanes.iter().map(Lane::common);
            all.any(|common| seen.is(&common.id, common.number.as_ref()))
        };
        let window = self.outbound.decides.get().reply_window;
        let since = now
            .checked_sub(window)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let open = links.iter().filter(|link| link.at >= since);
        Conversations {
            // The oldest; of a number that is no more, the next.
            home: links.iter().rev().filter(is_ours).map(seen).find(exists),
            others: open.filter(|link| !is_ours(link)).map(seen).collect(),
        }
    }

    async fn hand_over(
        &self,
        mut message: Message,
        place: Place<'_>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let lane = place.0;
        let common = lane.common();
        let Some(flight) = self.outbound.flights.begin(&message.number, &common.id) else {
            self.put_back(message.id, RECHECK);
            return Ok(());
        };
        if message.begun.is_none() {
            message.parts = plan::parts(&message, common);
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
        // The turn may have been long in coming: this is the moment of sending.
        if self.outbound.is_unwanted(&message) {
            return self.end_unwanted(message).await;
        }
        let now = self.outbound.world.now();
        let submission = submission(&message, part, lane.gateway.as_ref(), now);
        let attempt = Attempt {
            gateway: common.id.clone(),
            at: now,
            reference: lane.gateway.foretell(&submission),
            receipt: submission.receipt && lane.gateway.reports(),
        };
        settle::begin(&mut message, part, attempt);
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
                drop((place, flight));
                // To another gateway at once, or to wait like the rest.
                self.put_back(message.id, Duration::ZERO);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // The attempt is on disk: only now may an octet leave.
        let outcome = submit(lane, submission).await;
        let reference = match &outcome {
            Outcome::Accepted(reference) => reference.clone(),
            _ => None,
        };
        let uncount = match &outcome {
            Outcome::Refused { .. } => counts,
            Outcome::Accepted(_) | Outcome::Unknown(_) => Vec::new(),
        };
        self.settle(message, part, outcome, common, uncount).await?;
        if let Some(reference) = reference {
            self.outbound.join_reports(&common.id, &reference).await?;
        }
        drop((place, flight));
        Ok(())
    }

    /// What an attempt at a part of the message is counted on.
    fn counts(&self, lane: &Lane, message: &Message, now: jiff::Timestamp) -> Vec<Charge> {
        let segments = match lane.common().concat {
            Concatenation::Provider => message.segments,
            Concatenation::Udh | Concatenation::Numbered => 1,
        };
        let planner = self.outbound.planner();
        limits::counts(&*lane.gateway, &planner.access, segments.into(), now)
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
        let planner = self.outbound.planner();
        let (until, text) = limits::used_up(&planner.access, period, limit, now);
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
        let (mails, telling) = match self.word(&message, then.tell).await? {
            None => (Vec::new(), None),
            Some(Word::Now(mail)) => (vec![*mail], None),
            Some(Word::Together(telling)) => (Vec::new(), Some(telling)),
        };
        let (told, gathers) = (!mails.is_empty(), telling.is_some());
        let (id, state) = (message.id, message.state);
        let settlement = Settlement {
            message,
            refund: then.refund.into_iter().chain(uncount).collect(),
            mails,
            telling,
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
        if gathers {
            self.gathers.notify_one();
        }
        self.wake.notify_one();
        Ok(())
    }

    /// What its sender is told, with what was kept of the mail.
    async fn word(
        &self,
        message: &Message,
        tell: Option<Cause>,
    ) -> Result<Option<Word>, StoreError> {
        let Some(cause) = tell else { return Ok(None) };
        let original = match message.origin.mail {
            Some(mail) if mail.messages == 1 => self.store.original(mail.id).await?,
            _ => None,
        };
        let (writer, world) = (&self.writer, &self.world);
        Ok(notify::about(
            writer,
            world,
            message,
            cause,
            original.as_ref(),
        ))
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

/// Ends when one of them changes; never, when none will.
async fn changed(statuses: &mut [watch::Receiver<Status>]) {
    let changes = statuses.iter_mut().map(|status| {
        async move {
            if status.changed().await.is_err() {
                std::future::pending().await
            }
        }
        .boxed()
    });
    let changes: Vec<_> = changes.collect();
    if changes.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(changes).await;
}

/// Whether a part may be on its way, or may have been.
pub(super) fn is_open(part: &Part) -> bool {
    matches!(
        part.state,
        PartState::Handed { .. } | PartState::Unknown { .. }
    )
}

fn is_handed(part: &Part) -> bool {
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

fn seen(link: &Link) -> Seen<'_> {
    Seen {
        number: link.ours.as_ref(),
        gateway: link.gateway.as_deref(),
    }
}

/// Who gets the phone's answer.
fn answers_to(message: &Message) -> &str {
    message.reply_to.as_ref().unwrap_or(&message.account)
}

fn link(message: &Message, common: &Common, at: jiff::Timestamp) -> Link {
    Link {
        ours: common.number.clone(),
        gateway: Some(common.id.clone()),
        phone: message.number.clone(),
        sender: answers_to(message).to_owned(),
        message_id: message.origin.message_id.clone(),
        subject: message.origin.subject.clone(),
        thread: message.origin.thread.clone(),
        at,
    }
}

fn submission(
    message: &Message,
    part: usize,
    gateway: &dyn Gateway,
    now: jiff::Timestamp,
) -> Submission {
    let common = gateway.common();
    let mut submission = Submission {
        id: message.id,
        part,
        number: message.number.clone(),
        body: body(message, part, common),
        reference: message.reference.wrapping_add(part as u8),
        repeat: message.parts[part].unknowns > 0,
        flash: message.flash,
        attributes: message.attributes,
        receipt: false,
        validity: Some(left(message, now)),
        sender_id: message.sender_id.clone(),
    };
    submission.receipt = match common.receipts {
        Receipts::Always => true,
        Receipts::Never => false,
        // One whose reference is known beforehand settles an outcome that nobody knows (durability 2.5).
        Receipts::Wanted => {
            message.confirm || submission.repeat || gateway.foretell(&submission).is_some()
        }
    };
    submission
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
    let (encoding, shifts) = plan::air(message, common);
    match common.concat {
        Concatenation::Provider => Body::Whole {
            text,
            encoding,
            segments: plan::segments(message, common),
        },
        how => Body::Segment(Segment {
            units: units_with(&text, encoding, shifts),
            text,
            encoding,
            concat: (count > 1 && how == Concatenation::Udh).then(|| Concat {
                reference: message.reference.into(),
                wide: false,
                part: part as u8 + 1,
                parts: count as u8,
            }),
            shifts,
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
            tracing::info!(%msg, %gw, %part, %class, reason, event = "refused");
        }
    }
}
