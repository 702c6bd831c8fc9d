//! What is due, who holds it, and how much there is: in memory, rebuilt when the store opens.
//!
//! Every change here follows a batch that is durable, so what is leased is never what a crash could
//! take back. Leases are only here: they end with the process, as the lock on the store proves that
//! nobody else has any.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use jiff::Timestamp;

use crate::sms::{Class, MessageId};
use crate::store::{Counts, InboundState, State};

/// Ids in the order of their priority.
#[derive(Debug)]
struct Queue<P> {
    due: BTreeSet<(P, MessageId)>,
    waiting: HashMap<MessageId, P>,
    leased: HashMap<MessageId, P>,
}

impl<P> Default for Queue<P> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            waiting: HashMap::new(),
            leased: HashMap::new(),
        }
    }
}

impl<P: Ord + Copy> Queue<P> {
    fn remove(&mut self, id: MessageId) {
        self.leased.remove(&id);
        if let Some(priority) = self.waiting.remove(&id) {
            self.due.remove(&(priority, id));
        }
    }

    fn schedule(&mut self, id: MessageId, priority: P) {
        self.remove(id);
        self.waiting.insert(id, priority);
        self.due.insert((priority, id));
    }

    /// Takes up to `max` ids with priorities in `from..=to`, in order.
    fn lease(&mut self, from: P, to: P, max: usize, into: &mut Vec<MessageId>) {
        while into.len() < max {
            let least = (from, MessageId::from_bytes([0; 16]));
            let most = (to, MessageId::from_bytes([0xff; 16]));
            let Some(&(priority, id)) = self.due.range(least..=most).next() else {
                return;
            };
            self.remove(id);
            self.leased.insert(id, priority);
            into.push(id);
        }
    }

    fn first_from(&self, from: P) -> Option<P> {
        let least = (from, MessageId::from_bytes([0; 16]));
        let mut range = self.due.range((Bound::Included(least), Bound::Unbounded));
        range.next().map(|(priority, _)| *priority)
    }
}

/// Where a message stands, as far as the queue is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// Its urgency.
    pub class: Class,
    /// Not before.
    pub next_attempt: Timestamp,
}

/// What a durable batch changed.
#[derive(Clone, Copy, Debug)]
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
}

/// The index. Most urgent class first, then the oldest among those that are due.
#[derive(Debug, Default)]
pub struct Index {
    messages: Queue<(Class, Timestamp)>,
    inbound: Queue<Timestamp>,
    mails: Queue<Timestamp>,
    /// Messages whose attempt was open when the process before ended, by the revision it left.
    stopped: HashMap<MessageId, u64>,
    counts: Counts,
}

const CLASSES: [Class; 3] = [Class::Alarm, Class::Normal, Class::Bulk];

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
                        Some(InboundState::Open | InboundState::Asked) => {
                            &mut self.counts.inbound_open
                        }
                        Some(InboundState::Undeliverable | InboundState::Quarantined) => {
                            &mut self.counts.inbound_stuck
                        }
                    };
                    step(count, more);
                }
                match is {
                    Some((InboundState::Open | InboundState::Asked, due)) => {
                        self.inbound.schedule(id, due)
                    }
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
        }
    }

    fn message(
        &mut self,
        id: MessageId,
        was: Option<State>,
        is: Option<Standing>,
        stays_leased: bool,
    ) {
        for (state, more) in [(was, false), (is.map(|i| i.state), true)] {
            let Some(state) = state else { continue };
            let count = self.counts.messages.entry(state).or_default();
            step(count, more);
            if *count == 0 {
                self.counts.messages.remove(&state);
            }
        }
        self.stopped.remove(&id);
        match is {
            Some(s) if matches!(s.state, State::Queued | State::Sending) => {
                let priority = (s.class, s.next_attempt);
                if stays_leased && self.messages.leased.contains_key(&id) {
                    self.messages.leased.insert(id, priority);
                } else {
                    self.messages.schedule(id, priority);
                }
            }
            _ => self.messages.remove(id),
        }
    }

    /// Notes at open that an attempt of this message was cut off; a message that is not held is due
    /// at once, so that the dispatcher decides.
    pub fn stopped(&mut self, id: MessageId, revision: u64, standing: Standing) {
        self.stopped.insert(id, revision);
        if standing.state != State::Held {
            let at_once = (standing.class, Timestamp::MIN);
            self.messages.schedule(id, at_once);
        }
    }

    /// Whether this revision of the message is what the process before left in an open attempt.
    pub fn was_stopped(&self, id: MessageId, revision: u64) -> bool {
        self.stopped.get(&id) == Some(&revision)
    }

    /// Takes messages that are due.
    pub fn lease_messages(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        for class in CLASSES {
            let (from, to) = ((class, Timestamp::MIN), (class, now));
            self.messages.lease(from, to, max, &mut ids);
        }
        ids
    }

    /// Takes received SMS that are due.
    pub fn lease_inbound(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        self.inbound.lease(Timestamp::MIN, now, max, &mut ids);
        ids
    }

    /// Takes mails that are due.
    pub fn lease_mails(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        self.mails.lease(Timestamp::MIN, now, max, &mut ids);
        ids
    }

    /// Ends a lease; nothing when it has ended.
    pub fn put_back(&mut self, id: MessageId, at: Timestamp) {
        if let Some((class, _)) = self.messages.leased.get(&id).copied() {
            self.messages.schedule(id, (class, at));
        }
    }

    /// Whether the dispatcher holds it.
    pub fn is_leased(&self, id: MessageId) -> bool {
        self.messages.leased.contains_key(&id)
    }

    /// The earliest time at which anything in a queue that nobody holds is due.
    pub fn next_due(&self, queue: crate::store::Queue) -> Option<Timestamp> {
        use crate::store::Queue;
        match queue {
            Queue::Messages => CLASSES
                .iter()
                .filter_map(|&class| {
                    let first = self.messages.first_from((class, Timestamp::MIN))?;
                    (first.0 == class).then_some(first.1)
                })
                .min(),
            Queue::Inbound => self.inbound.first_from(Timestamp::MIN),
            Queue::Mails => self.mails.first_from(Timestamp::MIN),
        }
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

    fn message(index: &mut Index, n: u8, class: Class, second: i64) {
        index.apply(Effect::Message {
            id: id(n),
            was: None,
            is: Some(Standing {
                state: State::Queued,
                class,
                next_attempt: at(second),
            }),
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
    fn what_was_stopped_is_due_at_once_until_it_is_written() {
        let mut index = Index::default();
        message(&mut index, 1, Class::Normal, 100);
        let standing = Standing {
            state: State::Sending,
            class: Class::Normal,
            next_attempt: at(100),
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
