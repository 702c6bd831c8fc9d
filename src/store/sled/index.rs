//! What is due, who holds it, and how much there is: in memory, rebuilt when the store opens.
//!
//! Every change here follows a batch that is durable, so what is leased is never what a crash could
//! take back. Leases are only here: they end with the process, as the lock on the store proves that
//! nobody else has any.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::lines::{Lines, Rank};
use crate::sms::{Class, MessageId, Number};
use crate::store::{Counts, InboundState, State, Telling};

/// Ids in the order of when they are due.
#[derive(Debug, Default)]
struct Queue {
    due: BTreeSet<(Timestamp, MessageId)>,
    waiting: HashMap<MessageId, Timestamp>,
    leased: HashSet<MessageId>,
}

impl Queue {
    fn remove(&mut self, id: MessageId) {
        self.leased.remove(&id);
        if let Some(due) = self.waiting.remove(&id) {
            self.due.remove(&(due, id));
        }
    }

    fn schedule(&mut self, id: MessageId, due: Timestamp) {
        self.remove(id);
        self.waiting.insert(id, due);
        self.due.insert((due, id));
    }

    /// Takes those that are due by `now`, in order, until there are `max`.
    fn lease(&mut self, now: Timestamp, max: usize, into: &mut Vec<MessageId>) {
        while into.len() < max {
            let Some(&(_, id)) = self.due.first().filter(|(due, _)| *due <= now) else {
                return;
            };
            self.remove(id);
            self.leased.insert(id);
            into.push(id);
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }
}

/// What gathers before it is told.
#[derive(Clone, Copy, Debug)]
struct Gathering {
    first: Timestamp,
    last: Timestamp,
    count: u16,
    /// Of how many.
    of: u16,
}

impl Gathering {
    fn due(&self, quiet: SignedDuration, longest: SignedDuration) -> Timestamp {
        if self.count >= self.of {
            return self.last;
        }
        let after = |at: Timestamp, wait| at.saturating_add(wait).unwrap_or(Timestamp::MAX);
        after(self.last, quiet).min(after(self.first, longest))
    }
}

/// Where a message stands, as far as the queue is concerned.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Its urgency.
    pub class: Class,
    /// It goes before others of its class.
    pub high: bool,
    /// Its line.
    pub number: Number,
    /// Its place in the line: when it was accepted, or when it is to be sent.
    pub created: Timestamp,
    /// Not before.
    pub next_attempt: Timestamp,
    /// Not after.
    pub expires: Timestamp,
    /// Its sender knows that it is late.
    pub warned: bool,
    /// An attempt is open, or its outcome is waited for.
    pub open: bool,
    /// It is out of its line.
    pub aside: bool,
    /// It was sent, and its sender waits for word until then.
    pub awaited: Option<Timestamp>,
}

impl Standing {
    /// Who goes first.
    pub fn rank(&self) -> Rank {
        (self.class, !self.high)
    }
}

/// What a durable batch changed.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A message.
    Message {
        /// Which.
        id: MessageId,
        /// What it was.
        was: Option<State>,
        /// What it is; `None`: gone.
        is: Option<Standing>,
        /// Who holds it goes on holding it.
        stays_leased: bool,
    },
    /// A received SMS.
    Inbound {
        /// Which.
        id: MessageId,
        /// What it was.
        was: Option<InboundState>,
        /// What it is and when it is due; `None`: gone.
        is: Option<(InboundState, Timestamp)>,
    },
    /// A mail.
    Mail {
        /// Which.
        id: MessageId,
        /// Whether it was stuck.
        was: Option<bool>,
        /// Whether it is, and when it is due; `None`: gone.
        is: Option<(bool, Timestamp)>,
    },
    /// What is to be told with other things.
    Telling {
        /// It.
        telling: Telling,
        /// It came, or it went.
        more: bool,
    },
    /// A phone that wants no SMS.
    OptOut {
        /// Which.
        phone: Number,
        /// It is on the list, with the one message that still goes there; `None`: it is not.
        is: Option<Option<MessageId>>,
    },
    /// An early report.
    Report {
        /// It came, or it went.
        more: bool,
    },
}

/// The index. Most urgent class first, then the oldest among those that are due.
#[derive(Debug, Default)]
pub struct Index {
    messages: Lines,
    /// Messages that were sent, by when their senders have waited long enough for word of them.
    awaited: Queue,
    /// Messages that an admin decides about, by when they expire.
    held: Queue,
    inbound: Queue,
    mails: Queue,
    /// How many early reports there are.
    reports: u64,
    /// What is to be told of a mail for a cause.
    gathers: HashMap<(MessageId, String), Gathering>,
    /// Messages whose attempt was open when the process before ended, by the revision it left.
    stopped: HashMap<MessageId, u64>,
    /// Phones that want no SMS, and for each the one that still goes there.
    opted_out: HashMap<Number, Option<MessageId>>,
    counts: Counts,
}

impl Index {
    /// Follows a durable batch.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Message {
                id,
                was,
                is,
                stays_leased,
            } => self.message(id, was, is, stays_leased),
            Effect::Inbound { id, was, is } => {
                for (state, more) in [(was, false), (is.map(|i| i.0), true)] {
                    let count = match state {
                        None | Some(InboundState::Done) => continue,
                        Some(InboundState::Open | InboundState::Asked | InboundState::Released) => {
                            &mut self.counts.inbound_open
                        }
                        Some(InboundState::Undeliverable | InboundState::Quarantined) => {
                            &mut self.counts.inbound_stuck
                        }
                    };
                    step(count, more);
                }
                match is {
                    Some((
                        InboundState::Open | InboundState::Asked | InboundState::Released,
                        due,
                    )) => self.inbound.schedule(id, due),
                    _ => self.inbound.remove(id),
                }
            }
            Effect::Mail { id, was, is } => {
                for (stuck, more) in [(was, false), (is.map(|i| i.0), true)] {
                    match stuck {
                        None => {}
                        Some(false) => step(&mut self.counts.mails, more),
                        Some(true) => step(&mut self.counts.mails_stuck, more),
                    }
                }
                match is {
                    Some((false, due)) => self.mails.schedule(id, due),
                    _ => self.mails.remove(id),
                }
            }
            Effect::Telling { telling, more } => self.telling(&telling, more),
            Effect::OptOut { phone, is } => {
                match is {
                    Some(confirmation) => {
                        // What waits for it will not be sent: no need to wait.
                        self.messages.wake(&phone);
                        self.opted_out.insert(phone, confirmation);
                    }
                    None => drop(self.opted_out.remove(&phone)),
                }
            }
            Effect::Report { more } => step(&mut self.reports, more),
        }
    }

    fn message(
        &mut self,
        id: MessageId,
        was: Option<State>,
        is: Option<Standing>,
        stays_leased: bool,
    ) {
        for (state, more) in [(was, false), (is.as_ref().map(|i| i.state), true)] {
            let Some(state) = state else { continue };
            let count = self.counts.messages.entry(state).or_default();
            step(count, more);
            if *count == 0 {
                self.counts.messages.remove(&state);
            }
        }
        self.stopped.remove(&id);
        self.awaited.remove(id);
        self.held.remove(id);
        match is {
            Some(s) if matches!(s.state, State::Queued | State::Sending) => {
                if stays_leased && self.messages.is_leased(id) {
                    self.messages.follow(id, s);
                } else {
                    let at = s.next_attempt;
                    self.messages.schedule(id, s, at);
                }
            }
            is => {
                self.messages.remove(id);
                if let Some(held) = is.as_ref().filter(|s| s.state == State::Held) {
                    self.held.schedule(id, held.expires);
                }
                let awaited = is.and_then(|s| s.awaited);
                if let Some(at) = awaited.filter(|at| *at < Timestamp::MAX) {
                    self.awaited.schedule(id, at);
                }
            }
        }
    }

    /// Notes at open that an attempt of this message was cut off; a message that is not held is due
    /// at once, so that the dispatcher decides.
    pub fn stopped(&mut self, id: MessageId, revision: u64, standing: Standing) {
        self.stopped.insert(id, revision);
        if standing.state != State::Held {
            self.messages.schedule(id, standing, Timestamp::MIN);
        }
    }

    /// Whether this revision of the message is what the process before left in an open attempt.
    pub fn was_stopped(&self, id: MessageId, revision: u64) -> bool {
        self.stopped.get(&id) == Some(&revision)
    }

    /// Takes messages that are due.
    pub fn lease_messages(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = self.messages.lease(now, max);
        self.awaited.lease(now, max, &mut ids);
        ids
    }

    /// Takes messages that are late.
    pub fn lease_late(
        &mut self,
        now: Timestamp,
        warn_after: SignedDuration,
        max: usize,
    ) -> Vec<MessageId> {
        let mut ids = self.messages.lease_late(now, warn_after, max);
        self.held.lease(now, max, &mut ids);
        ids
    }

    /// When the next will be late.
    pub fn next_late(&self, warn_after: SignedDuration) -> Option<Timestamp> {
        let (waiting, held) = (self.messages.next_late(warn_after), self.held.next_due());
        waiting.into_iter().chain(held).min()
    }

    /// Takes received SMS that are due.
    pub fn lease_inbound(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        self.inbound.lease(now, max.saturating_sub(1), &mut ids);
        // The last one, and whatever is due with it: the parts of a text have their time in common.
        let last = self.inbound.next_due().filter(|due| *due <= now);
        while max > 0 && last.is_some() && self.inbound.next_due() == last {
            let one_more = ids.len() + 1;
            self.inbound.lease(now, one_more, &mut ids);
        }
        ids
    }

    /// Whether a mail is being handed in.
    pub fn is_mail_leased(&self, id: MessageId) -> bool {
        self.mails.leased.contains(&id)
    }

    /// Takes mails that are due.
    pub fn lease_mails(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        self.mails.lease(now, max, &mut ids);
        ids
    }

    /// Ends a lease; nothing when it has ended.
    pub fn put_back(&mut self, id: MessageId, at: Timestamp) {
        self.messages.put_back(id, at);
        for queue in [&mut self.awaited, &mut self.held] {
            if queue.leased.contains(&id) {
                queue.schedule(id, at);
            }
        }
    }

    /// Ends a lease until those that wait for `what` are released.
    pub fn park(&mut self, id: MessageId, what: &str) {
        self.messages.park(id, what);
    }

    /// All that messages are parked for.
    pub fn parked(&self) -> Vec<String> {
        self.messages.parked()
    }

    /// Ends the wait of those that are parked for `what`.
    pub fn release(&mut self, what: &str, max: usize) {
        self.messages.release(what, max);
    }

    /// Whether the dispatcher holds it.
    pub fn is_leased(&self, id: MessageId) -> bool {
        self.messages.is_leased(id) || self.held.leased.contains(&id)
    }

    /// The earliest time at which anything in a queue that nobody holds is due.
    pub fn next_due(&self, queue: crate::store::Queue) -> Option<Timestamp> {
        use crate::store::Queue;
        match queue {
            Queue::Messages => {
                let (queued, sent) = (self.messages.next_due(), self.awaited.next_due());
                queued.into_iter().chain(sent).min()
            }
            Queue::Inbound => self.inbound.next_due(),
            Queue::Mails => self.mails.next_due(),
        }
    }

    fn telling(&mut self, telling: &Telling, more: bool) {
        let (mail, at) = (telling.mail, telling.at);
        let key = (mail.id, telling.cause.clone());
        if !more {
            if let Some(gathering) = self.gathers.get_mut(&key) {
                gathering.count = gathering.count.saturating_sub(1);
                if gathering.count == 0 {
                    self.gathers.remove(&key);
                }
            }
            return;
        }
        let gathering = self.gathers.entry(key).or_insert(Gathering {
            first: at,
            last: at,
            count: 0,
            of: mail.messages,
        });
        gathering.first = gathering.first.min(at);
        gathering.last = gathering.last.max(at);
        gathering.count = gathering.count.saturating_add(1);
    }

    /// What is to be told by `now`: mails and causes.
    pub fn tellings(
        &self,
        now: Timestamp,
        quiet: SignedDuration,
        longest: SignedDuration,
    ) -> Vec<(MessageId, String)> {
        let due = self.gathers.iter();
        let due = due.filter(|(_, gathering)| gathering.due(quiet, longest) <= now);
        due.map(|(key, _)| key.clone()).collect()
    }

    /// When the next of them will be.
    pub fn next_telling(
        &self,
        quiet: SignedDuration,
        longest: SignedDuration,
    ) -> Option<Timestamp> {
        self.gathers.values().map(|g| g.due(quiet, longest)).min()
    }

    /// Whether a phone wants no SMS, but for the one that confirms that.
    pub fn is_opted_out(&self, phone: &Number, message: Option<MessageId>) -> bool {
        let found = self.opted_out.get(phone);
        found.is_some_and(|confirmation| message.is_none() || *confirmation != message)
    }

    /// Whether there are early reports.
    pub fn has_reports(&self) -> bool {
        self.reports > 0
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }
}

fn step(count: &mut u64, more: bool) {
    *count = if more {
        *count + 1
    } else {
        count.saturating_sub(1)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> MessageId {
        MessageId::from_bytes([n; 16])
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("time")
    }

    fn standing(n: u8, class: Class, second: i64) -> Standing {
        Standing {
            state: State::Queued,
            class,
            high: false,
            number: Number::from_network(&format!("+1555{n:07}")).expect("number"),
            created: at(0),
            next_attempt: at(second),
            expires: at(1000),
            warned: false,
            open: false,
            aside: false,
            awaited: None,
        }
    }

    fn message(index: &mut Index, n: u8, class: Class, second: i64) {
        index.apply(Effect::Message {
            id: id(n),
            was: None,
            is: Some(standing(n, class, second)),
            stays_leased: false,
        });
    }

    #[test]
    fn the_urgent_come_first_then_the_oldest() {
        let mut index = Index::default();
        message(&mut index, 1, Class::Bulk, 1);
        message(&mut index, 2, Class::Normal, 5);
        message(&mut index, 3, Class::Normal, 4);
        message(&mut index, 4, Class::Alarm, 9);
        message(&mut index, 5, Class::Alarm, 11);
        assert_eq!(index.next_due(crate::store::Queue::Messages), Some(at(1)));
        assert_eq!(index.lease_messages(at(10), 2), [id(4), id(3)]);
        assert_eq!(index.lease_messages(at(10), 9), [id(2), id(1)]);
        assert_eq!(index.next_due(crate::store::Queue::Messages), Some(at(11)));
        assert!(index.is_leased(id(1)) && !index.is_leased(id(5)));
        index.put_back(id(1), at(10));
        assert_eq!(index.lease_messages(at(10), 9), [id(1)]);
        index.put_back(id(77), at(0));
        assert_eq!(index.next_due(crate::store::Queue::Messages), Some(at(11)));
    }

    #[test]
    fn what_is_due_at_one_time_is_leased_together() {
        let mut index = Index::default();
        for (n, second) in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 9)] {
            let is = Some((InboundState::Released, at(second)));
            let (id, was) = (id(n), None);
            index.apply(Effect::Inbound { id, was, is });
        }
        assert_eq!(index.lease_inbound(at(8), 0), []);
        assert_eq!(index.lease_inbound(at(8), 2), [1, 2, 3, 4].map(id));
        assert_eq!(index.lease_inbound(at(8), 2), [id(5)]);
        assert_eq!(index.lease_inbound(at(8), 2), []);
    }

    #[test]
    fn what_was_stopped_is_due_at_once_until_it_is_written() {
        let mut index = Index::default();
        message(&mut index, 1, Class::Normal, 100);
        let standing = Standing {
            state: State::Sending,
            open: true,
            ..standing(1, Class::Normal, 100)
        };
        index.stopped(id(1), 4, standing);
        assert!(index.was_stopped(id(1), 4) && !index.was_stopped(id(1), 5));
        assert_eq!(index.lease_messages(at(0), 9), [id(1)]);
        index.apply(Effect::Message {
            id: id(1),
            was: Some(State::Queued),
            is: None,
            stays_leased: false,
        });
        assert!(!index.was_stopped(id(1), 4));
        assert_eq!(index.counts(), Counts::default());
    }
}
