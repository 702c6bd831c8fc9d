//! The messages that wait, one line a number: whose turn it is, who holds it, and until when.
//!
//! Only the first of a line is due: so the messages of a number leave in the order in which they came,
//! the more urgent class first, and one that waits for its next attempt holds up its own number and no
//! other. Nobody of a line is due while one of it is held. What waits for a gateway is parked: nothing is
//! done for it before it is released, so that a long queue costs no more than a short one.
//!
//! Every change is O(log n) in the number of messages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::index::Standing;
use crate::sms::{Class, MessageId, Number};

/// Of two the smaller goes first: its class, and `false` for those that go before others of it.
pub type Rank = (Class, bool);

const RANKS: [Rank; 6] = [
    (Class::Alarm, false),
    (Class::Alarm, true),
    (Class::Normal, false),
    (Class::Normal, true),
    (Class::Bulk, false),
    (Class::Bulk, true),
];

type Ordered = BTreeSet<(Rank, Timestamp, MessageId)>;

/// See the module.
#[derive(Debug, Default)]
pub struct Lines {
    slots: HashMap<MessageId, Slot>,
    lines: HashMap<Number, Line>,
    /// Those whose turn it is, by when they are due.
    due: Ordered,
    /// By what they wait for, and then by their place in line.
    parked: BTreeMap<Arc<str>, Ordered>,
    /// Those that nobody holds and whose sender does not know of a delay, by when they were created.
    late: BTreeSet<(Timestamp, MessageId)>,
    /// Those that nobody holds, by when they expire.
    expiring: BTreeSet<(Timestamp, MessageId)>,
}

/// A message that waits or is held.
#[derive(Debug)]
struct Slot {
    standing: Standing,
    /// Not before.
    at: Timestamp,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In `due`.
    Due,
    /// It is not its turn.
    Behind,
    /// In `parked`.
    Parked(Arc<str>),
    /// Somebody holds it.
    Leased,
}

#[derive(Debug, Default)]
struct Line {
    /// All but those aside.
    order: Ordered,
    /// Those that neither wait for the others nor hold them up.
    aside: BTreeSet<MessageId>,
    /// How many are held.
    leased: usize,
    /// Who was last found to be the first.
    first: Option<MessageId>,
}

impl Lines {
    /// Enters a message, or what has become of it; whoever held it holds it no more.
    pub fn schedule(&mut self, id: MessageId, standing: Standing, at: Timestamp) {
        self.remove(id);
        let line = self.lines.entry(standing.number.clone()).or_default();
        if standing.aside {
            line.aside.insert(id);
        } else {
            line.order.insert((standing.rank(), standing.created, id));
        }
        let number = standing.number.clone();
        let slot = Slot {
            standing,
            at,
            place: Place::Behind,
        };
        self.watch(id, &slot);
        self.slots.insert(id, slot);
        self.refresh(&number, Some(id));
    }

    /// Follows a change of a message that goes on being held.
    pub fn follow(&mut self, id: MessageId, standing: Standing) {
        let at = standing.next_attempt;
        self.schedule(id, standing, at);
        self.hold(id);
    }

    /// Forgets a message.
    pub fn remove(&mut self, id: MessageId) {
        let Some(slot) = self.slots.remove(&id) else {
            return;
        };
        self.leave(id, &slot);
        self.expiring.remove(&(slot.standing.expires, id));
        self.late.remove(&(slot.standing.created, id));
        let rank = slot.standing.rank();
        let Standing {
            number, created, ..
        } = slot.standing;
        let Some(line) = self.lines.get_mut(&number) else {
            return;
        };
        line.aside.remove(&id);
        line.order.remove(&(rank, created, id));
        if slot.place == Place::Leased {
            line.leased -= 1;
        }
        if line.order.is_empty() && line.aside.is_empty() {
            self.lines.remove(&number);
        } else {
            self.refresh(&number, None);
        }
    }

    /// Takes up to `max` of those that are due by `now`, the most urgent class first, then the oldest.
    pub fn lease(&mut self, now: Timestamp, max: usize) -> Vec<MessageId> {
        let mut ids = Vec::new();
        for rank in RANKS {
            while ids.len() < max {
                let Some(&(_, _, id)) = self.due.range(of(rank, now)).next() else {
                    break;
                };
                self.hold(id);
                ids.push(id);
            }
        }
        ids
    }

    /// Takes up to `max` of those that have expired or are older than that and unknown to be.
    pub fn lease_late(
        &mut self,
        now: Timestamp,
        warn_after: SignedDuration,
        max: usize,
    ) -> Vec<MessageId> {
        let mut ids = Vec::new();
        while ids.len() < max {
            let expired = self.expiring.first().filter(|(at, _)| *at <= now);
            let late = self.late.first();
            let late = late.filter(|(created, _)| after(*created, warn_after) <= now);
            let Some(&(_, id)) = expired.or(late) else {
                break;
            };
            self.hold(id);
            ids.push(id);
        }
        ids
    }

    /// When the next will be among those.
    pub fn next_late(&self, warn_after: SignedDuration) -> Option<Timestamp> {
        let expired = self.expiring.first().map(|(at, _)| *at);
        let late = self.late.first();
        let late = late.map(|(created, _)| after(*created, warn_after));
        expired.into_iter().chain(late).min()
    }

    /// When the next whose turn it is will be due.
    pub fn next_due(&self) -> Option<Timestamp> {
        let first = |rank: &Rank| {
            let of_rank = self.due.range(of(*rank, Timestamp::MAX)).next();
            of_rank.map(|(_, at, _)| *at)
        };
        RANKS.iter().filter_map(first).min()
    }

    /// Ends a lease; nothing when it has ended.
    pub fn put_back(&mut self, id: MessageId, at: Timestamp) {
        let Some(standing) = self.leased(id) else {
            return;
        };
        let (created, expires) = (standing.created, standing.expires);
        let sooner = standing.next_attempt;
        self.schedule(id, standing, at);
        // Something is wrong with it: it is not looked at before that time, late or not.
        if at > sooner {
            self.late.remove(&(created, id));
            self.expiring.remove(&(expires, id));
        }
    }

    /// Ends a lease until somebody releases those that wait for `what`; nothing when it has ended.
    pub fn park(&mut self, id: MessageId, what: &str) {
        let Some(standing) = self.leased(id) else {
            return;
        };
        let (key, number) = (
            (standing.rank(), standing.created, id),
            standing.number.clone(),
        );
        let at = standing.next_attempt;
        self.schedule(id, standing, at);
        let what: Arc<str> = match self.parked.get_key_value(what) {
            Some((what, _)) => Arc::clone(what),
            None => what.into(),
        };
        self.go(id, Place::Parked(Arc::clone(&what)));
        self.parked.entry(what).or_default().insert(key);
        self.refresh(&number, None);
    }

    /// All that is waited for.
    pub fn parked(&self) -> Vec<String> {
        self.parked.keys().map(|what| what.to_string()).collect()
    }

    /// Ends the wait of up to `max` whose turn it then is.
    pub fn release(&mut self, what: &str, max: usize) {
        let mut released = 0;
        while released < max {
            let waiting = self.parked.get(what).and_then(Ordered::first);
            let Some(&(_, _, id)) = waiting else { return };
            let Some(slot) = self.slots.get(&id) else {
                return;
            };
            let number = slot.standing.number.clone();
            self.go(id, Place::Behind);
            self.refresh(&number, Some(id));
            released += usize::from(self.slots.get(&id).is_some_and(|s| s.place == Place::Due));
        }
    }

    /// Ends every wait in a number's line: for time, for a gateway; not that for an outcome. Their turn is
    /// still one after the other.
    pub fn wake(&mut self, number: &Number) {
        let Some(line) = self.lines.get(number) else {
            return;
        };
        let ids = line.order.iter().map(|(_, _, id)| id).chain(&line.aside);
        let ids: Vec<MessageId> = ids.copied().collect();
        for id in ids {
            let waits = |slot: &&Slot| slot.place != Place::Leased && !slot.standing.open;
            let standing = self.slots.get(&id).filter(waits);
            if let Some(standing) = standing.map(|slot| slot.standing.clone()) {
                self.schedule(id, standing, Timestamp::MIN);
            }
        }
    }

    /// Whether somebody holds it.
    pub fn is_leased(&self, id: MessageId) -> bool {
        self.leased(id).is_some()
    }

    fn leased(&self, id: MessageId) -> Option<Standing> {
        let slot = self.slots.get(&id)?;
        (slot.place == Place::Leased).then(|| slot.standing.clone())
    }

    fn hold(&mut self, id: MessageId) {
        let Some(slot) = self.slots.get(&id) else {
            return;
        };
        if slot.place == Place::Leased {
            return;
        }
        let number = slot.standing.number.clone();
        let (expires, created) = (slot.standing.expires, slot.standing.created);
        self.expiring.remove(&(expires, id));
        self.late.remove(&(created, id));
        self.go(id, Place::Leased);
        if let Some(line) = self.lines.get_mut(&number) {
            line.leased += 1;
        }
        self.refresh(&number, None);
    }

    /// Sees to it that of a line those are due whose turn it is. `new`: one that may be.
    fn refresh(&mut self, number: &Number, new: Option<MessageId>) {
        let Some(line) = self.lines.get_mut(number) else {
            return;
        };
        let free = line.leased == 0;
        let first = line.order.first().map(|(_, _, id)| *id);
        let before = std::mem::replace(&mut line.first, first);
        let aside = line.aside.clone();
        for id in [before, first, new].into_iter().flatten() {
            let turn = free && (Some(id) == first || aside.contains(&id));
            self.turn(id, turn);
        }
        for id in aside {
            self.turn(id, free);
        }
    }

    /// Moves a message that is neither held nor parked.
    fn turn(&mut self, id: MessageId, turn: bool) {
        let place = self.slots.get(&id).map(|slot| &slot.place);
        match (place, turn) {
            (Some(Place::Behind), true) => self.go(id, Place::Due),
            (Some(Place::Due), false) => self.go(id, Place::Behind),
            _ => {}
        }
    }

    fn go(&mut self, id: MessageId, place: Place) {
        let Some(mut slot) = self.slots.remove(&id) else {
            return;
        };
        self.leave(id, &slot);
        if place == Place::Due {
            self.due.insert((slot.standing.rank(), slot.at, id));
        }
        slot.place = place;
        self.slots.insert(id, slot);
    }

    /// Takes a message out of the set that its place has.
    fn leave(&mut self, id: MessageId, slot: &Slot) {
        let (rank, created) = (slot.standing.rank(), slot.standing.created);
        match &slot.place {
            Place::Due => drop(self.due.remove(&(rank, slot.at, id))),
            Place::Parked(what) => {
                if let Some(waiting) = self.parked.get_mut(what) {
                    waiting.remove(&(rank, created, id));
                    if waiting.is_empty() {
                        self.parked.remove(what);
                    }
                }
            }
            Place::Behind | Place::Leased => {}
        }
    }

    fn watch(&mut self, id: MessageId, slot: &Slot) {
        if slot.standing.open {
            return;
        }
        self.expiring.insert((slot.standing.expires, id));
        if !slot.standing.warned {
            self.late.insert((slot.standing.created, id));
        }
    }
}

/// Those of a rank that are due by `now`.
fn of(rank: Rank, now: Timestamp) -> RangeInclusive<(Rank, Timestamp, MessageId)> {
    let (least, most) = ([0; 16], [0xff; 16]);
    let least = (rank, Timestamp::MIN, MessageId::from_bytes(least));
    least..=(rank, now, MessageId::from_bytes(most))
}

fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::State;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("time")
    }

    fn id(n: u8) -> MessageId {
        MessageId::from_bytes([n; 16])
    }

    fn standing(n: u8, class: Class, aside: bool) -> Standing {
        Standing {
            state: State::Queued,
            class,
            high: n.is_multiple_of(2),
            number: Number::from_network(&format!("+155500{}", n % 3)).expect("number"),
            created: at(n.into()),
            next_attempt: at(9),
            expires: at(100),
            warned: false,
            open: false,
            aside,
            awaited: None,
        }
    }

    /// Whose turn it is, told from scratch.
    fn turns(lines: &Lines) -> BTreeSet<MessageId> {
        let turn = |(id, slot): (&MessageId, &Slot)| {
            let own = |s: &&Slot| s.standing.number == slot.standing.number;
            let held = lines
                .slots
                .values()
                .filter(own)
                .any(|s| s.place == Place::Leased);
            let before = lines
                .slots
                .iter()
                .filter(|(_, s)| own(s) && !s.standing.aside);
            let first = before
                .map(|(id, s)| (s.standing.rank(), s.standing.created, *id))
                .min();
            let free = matches!(slot.place, Place::Due | Place::Behind);
            let first = first.is_some_and(|first| first.2 == *id);
            (free && !held && (slot.standing.aside || first)).then_some(*id)
        };
        lines.slots.iter().filter_map(turn).collect()
    }

    proptest! {
        #[test]
        fn only_those_are_due_whose_turn_it_is(
            steps in proptest::collection::vec((0u8..10, 0u8..12, 0usize..3, any::<bool>()), 1..80)
        ) {
            let mut lines = Lines::default();
            for (step, n, class, aside) in steps {
                match step {
                    0..=2 => lines.schedule(id(n), standing(n, RANKS[class * 2].0, aside), at(n.into())),
                    3 => lines.remove(id(n)),
                    4 => drop(lines.lease(at(n.into()), class + 1)),
                    5 => lines.put_back(id(n), at(class as i64)),
                    6 => lines.park(id(n), if aside { "a" } else { "b" }),
                    8 => lines.wake(&standing(n, RANKS[0].0, aside).number),
                    7 => lines.release(if aside { "a" } else { "b" }, class),
                    _ => drop(lines.lease_late(at(n.into()), SignedDuration::from_secs(5), class)),
                }
                let due: BTreeSet<_> = lines.due.iter().map(|(_, _, id)| *id).collect();
                prop_assert_eq!(&due, &turns(&lines));
                let place = |wanted: fn(&Place) -> bool| {
                    lines.slots.values().filter(|s| wanted(&s.place)).count()
                };
                let parked: usize = lines.parked.values().map(BTreeSet::len).sum();
                prop_assert_eq!(parked, place(|p| matches!(p, Place::Parked(_))));
                let held = place(|p| *p == Place::Leased);
                prop_assert_eq!(held, lines.lines.values().map(|l| l.leased).sum::<usize>());
                prop_assert_eq!(lines.expiring.len(), lines.slots.len() - held);
                prop_assert_eq!(lines.late.len(), lines.expiring.len());
                let lined = lines.lines.values().map(|l| l.order.len() + l.aside.len());
                prop_assert_eq!(lined.sum::<usize>(), lines.slots.len());
                prop_assert!(lines.parked.values().all(|p| !p.is_empty()));
            }
        }
    }
}
