//! What arrived: listed or handed on by the modem, handed over, and deleted or acknowledged when it is
//! kept (durability W9, W10).
//!
//! An SMS stays in the modem until the owner says that it is durable. The same octets at the same
//! place are handed over once; a deletion that failed is tried again after the next listing. A place is
//! handed over again only when the owner has spoken of it: its word on what was there before, on this
//! SIM or another, deletes nothing that came after. Octets
//! that are not as many as the modem announced were hurt on the line, or are so in the storage: they
//! are read once more, and handed over when they come the same again. What the network itself waits
//! to hear of is acknowledged in its time, or not at all: then it comes again.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::command::{Ask, Memory};
use super::talk::{Answer, End, Listed};
use super::{At, Event, Place, State, codes};

/// The network waits so long for our word (TS 24.011 §10: TR2M 12–20 s). A later one might be taken
/// for the word on what came after.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);

/// More than any SIM or modem holds; a storage that does not say how many places it has has these.
const MAX_PLACES: u16 = 255;
const USUAL_PLACES: u16 = 50;

/// Something to do between two submissions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Chore {
    Delete(Memory, u16),
    /// The so-manieth that came without storage.
    Acknowledge(u32),
}

/// An SMS that was handed over and is not deleted yet.
#[derive(Debug)]
struct Held {
    pdu: Vec<u8>,
    kept: bool,
    /// It may not be there any more: the owner's word on it is waited for, and is of nothing else.
    stale: bool,
}

/// What is known of what arrived.
#[derive(Debug)]
pub(super) struct Arrivals {
    held: HashMap<(Memory, u16), Held>,
    /// Places to read one by one.
    to_read: BTreeSet<(Memory, u16)>,
    /// Octets that were not as many as announced, to be read again.
    hurt: HashMap<(Memory, u16), Vec<u8>>,
    /// The modem has no AT+CMGL.
    cannot_list: bool,
    /// Places there are, and those used, as the modem last said.
    total: u16,
    used: Option<u16>,
    /// How many came without storage, and when the last one did.
    direct: u32,
    direct_at: Instant,
    hurt_direct: bool,
    text_mode: bool,
}

impl Arrivals {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            held: HashMap::new(),
            to_read: BTreeSet::new(),
            hurt: HashMap::new(),
            cannot_list: false,
            total: USUAL_PLACES,
            used: None,
            direct: 0,
            direct_at: now,
            hurt_direct: false,
            text_mode: false,
        }
    }

    /// Numbers of what came without storage go on, and places that the owner has not spoken of stay
    /// known: an old word must not be taken for a new one.
    pub(super) fn forget(&mut self) {
        let (direct, at) = (self.direct, self.direct_at);
        let mut held = std::mem::take(&mut self.held);
        held.retain(|_, held| !held.kept);
        held.values_mut().for_each(|held| held.stale = true);
        *self = Self {
            direct,
            held,
            ..Self::new(at)
        };
    }

    /// The line is opened anew: nobody will speak of what was handed over before.
    pub(super) fn let_go(&mut self) {
        self.held.clear();
    }

    pub(super) fn to_read(&self) -> Option<(Memory, u16)> {
        self.to_read.first().copied()
    }

    pub(super) fn note_text_mode(&mut self) {
        self.text_mode = true;
    }

    /// An SMS came in words; asked once.
    pub(super) fn text_mode(&mut self) -> bool {
        std::mem::take(&mut self.text_mode)
    }

    pub(super) fn note_room(&mut self, used: u16, total: u16) {
        self.used = Some(used);
        self.total = total.clamp(1, MAX_PLACES);
    }
}

impl At {
    /// A notification; the listing that follows finds it, wherever in that memory it is.
    pub(super) fn stored(&mut self, memory: &str, index: Option<u16>) {
        // Before that, the first listing is still to come.
        if !self.is_started() {
            return;
        }
        let memory = Memory::parse(memory).unwrap_or(self.storage);
        match index {
            Some(index) if self.arrivals.cannot_list => {
                self.arrivals.to_read.insert((memory, index));
            }
            _ => {
                self.due.insert(memory);
            }
        }
    }

    /// Something that the modem did not store.
    pub(super) fn direct(&mut self, pdu: Vec<u8>, whole: bool, now: Instant) {
        self.arrivals.direct = self.arrivals.direct.wrapping_add(1);
        self.chores
            .retain(|chore| !matches!(chore, Chore::Acknowledge(_)));
        self.arrivals.direct_at = now;
        // It comes again when nobody acknowledges it; what is hurt twice is not hurt by the line.
        if !whole && self.acknowledges && !self.arrivals.hurt_direct {
            self.arrivals.hurt_direct = true;
            self.notify_again = true;
            return self.notice("an SMS came broken over the line; the network sends it again");
        }
        self.arrivals.hurt_direct = false;
        let place = Place::Direct(self.arrivals.direct);
        self.tell(Event::Arrived { place, pdu });
    }

    pub(super) fn select(&mut self, memory: Memory, now: Instant) {
        self.ask(Ask::Select(memory), now);
        self.state = State::Selecting(memory);
    }

    pub(super) fn selected(&mut self, memory: Memory, answer: &Answer, now: Instant) {
        match answer.end {
            End::Ok => self.selected = memory,
            End::Error(_) => {
                self.notice(format!(
                    "the modem does not open its memory {}",
                    memory.name()
                ));
                self.due.remove(&memory);
                self.arrivals.to_read.retain(|(m, _)| *m != memory);
                self.chores
                    .retain(|chore| !matches!(chore, Chore::Delete(m, _) if *m == memory));
                if memory != self.storage {
                    self.due.insert(self.storage);
                }
            }
            End::Silent => return self.stuck(answer, now),
        }
        self.go_on(now);
    }

    pub(super) fn list(&mut self, memory: Memory, now: Instant) {
        if memory != self.selected {
            return self.select(memory, now);
        }
        self.due.remove(&memory);
        if self.arrivals.cannot_list {
            self.sweep(memory);
            return self.go_on(now);
        }
        self.ask(Ask::List, now);
        self.state = State::Listing(memory);
    }

    /// Without a listing every place is read, when there is something in them.
    fn sweep(&mut self, memory: Memory) {
        if self.arrivals.used != Some(0) {
            let places = 0..=self.arrivals.total;
            self.arrivals
                .to_read
                .extend(places.map(|index| (memory, index)));
        }
    }

    pub(super) fn listed(&mut self, memory: Memory, mut answer: Answer, now: Instant) {
        let listed = std::mem::take(&mut answer.listed);
        if answer.garbled {
            return self.repair("the modem left PDU mode", now);
        }
        if answer.end == End::Ok {
            // What somebody else deleted is not ours to delete any more.
            let there = |index: &u16| {
                listed.iter().any(|l| l.index == *index) || answer.broken.contains(index)
            };
            self.arrivals.held.retain(|(m, index), held| {
                let gone = *m == memory && !there(index);
                held.stale |= gone;
                !gone || !held.kept
            });
        }
        // What was listed before an error is as good.
        for listed in listed {
            self.found(memory, listed);
        }
        for &index in &answer.broken {
            self.arrivals.to_read.insert((memory, index));
        }
        match &answer.end {
            End::Silent => return self.stuck(&answer, now),
            End::Error(code) if codes::is_gone(code) || codes::is_busy(code) => {}
            End::Error(code) => {
                self.notice(format!(
                    "the storage cannot be listed: {code}; it is read place by place"
                ));
                self.arrivals.cannot_list = true;
                self.sweep(memory);
            }
            End::Ok => {}
        }
        self.go_on(now);
    }

    /// An SMS of a listing.
    fn found(&mut self, memory: Memory, listed: Listed) {
        let place = (memory, listed.index);
        // 2 and 3 are drafts and copies that were stored by hand: not ours.
        if memory != Memory::Reports && listed.status > 1 {
            return;
        }
        let known = self.arrivals.held.get(&place);
        if listed.whole || known.is_some_and(|held| held.pdu == listed.pdu) {
            self.arrivals.hurt.remove(&place);
            return self.found_stored(memory, listed.index, listed.pdu);
        }
        self.arrivals.hurt.insert(place, listed.pdu);
        self.arrivals.to_read.insert(place);
    }

    pub(super) fn read(&mut self, memory: Memory, index: u16, now: Instant) {
        if memory != self.selected {
            return self.select(memory, now);
        }
        self.arrivals.to_read.remove(&(memory, index));
        self.ask(Ask::Read(index), now);
        self.state = State::Reading(memory, index);
    }

    pub(super) fn was_read(&mut self, memory: Memory, index: u16, answer: Answer, now: Instant) {
        if answer.end == End::Silent {
            return self.stuck(&answer, now);
        }
        if answer.garbled {
            return self.repair("the modem left PDU mode", now);
        }
        let before = self.arrivals.hurt.remove(&(memory, index));
        match answer.listed.into_iter().next() {
            // An empty place, or one that was emptied meanwhile.
            None => {}
            Some(listed) if memory != Memory::Reports && listed.status > 1 => {}
            Some(listed) if listed.whole || before.as_ref() == Some(&listed.pdu) => {
                self.found_stored(memory, index, listed.pdu);
            }
            Some(listed) if before.is_none() => {
                // Once more, to be sure that the line did not do it.
                self.arrivals.hurt.insert((memory, index), listed.pdu);
                self.arrivals.to_read.insert((memory, index));
            }
            Some(_) => self.notice(format!(
                "the SMS at place {index} of {} comes broken over the line; it stays there",
                memory.name()
            )),
        }
        self.go_on(now);
    }

    fn found_stored(&mut self, memory: Memory, index: u16, pdu: Vec<u8>) {
        let delete = Chore::Delete(memory, index);
        match self.arrivals.held.get_mut(&(memory, index)) {
            Some(held) if held.pdu == pdu && held.kept => {
                // It may have been kept while this was listed. Deleted twice, the second time would hit
                // what the network put into the free place meanwhile.
                if !self.chores.contains(&delete) {
                    self.chores.push_back(delete);
                }
            }
            Some(held) if held.pdu == pdu => held.stale = false,
            // Handed over when the owner has spoken of what was there before.
            Some(held) if !held.kept => held.stale = true,
            _ => {
                // What was to be deleted is gone already.
                self.chores.retain(|chore| *chore != delete);
                let held = Held {
                    pdu: pdu.clone(),
                    kept: false,
                    stale: false,
                };
                self.arrivals.held.insert((memory, index), held);
                let place = Place::Stored(memory, index);
                self.tell(Event::Arrived { place, pdu });
            }
        }
    }

    pub(super) fn kept(&mut self, place: Place, now: Instant) {
        match place {
            Place::Direct(n) if self.acknowledges && n == self.arrivals.direct => {
                self.chores.push_back(Chore::Acknowledge(n));
            }
            // The network has given that one up, or it would not have sent another.
            Place::Direct(_) if self.acknowledges => self.notify_again = true,
            Place::Direct(_) => {}
            Place::Stored(memory, index) => match self.arrivals.held.get_mut(&(memory, index)) {
                Some(held) if held.stale => self.look_again(memory, index),
                Some(held) if !held.kept => {
                    held.kept = true;
                    self.chores.push_back(Chore::Delete(memory, index));
                }
                _ => {}
            },
        }
        if self.is_idle() {
            self.go_on(now);
        }
    }

    pub(super) fn not_kept(&mut self, place: Place, now: Instant) {
        match place {
            // Without our word the network sends it again, and the modem stops to hand such on. To
            // refuse it (AT+CNMA=2) would be an answer, after which some networks send it no more.
            Place::Direct(_) => self.notify_again |= self.acknowledges,
            Place::Stored(memory, index) => {
                let held = self.arrivals.held.remove(&(memory, index));
                if held.is_some_and(|held| held.stale) {
                    self.look_again(memory, index);
                }
            }
        }
        if self.is_idle() {
            self.go_on(now);
        }
    }

    /// The owner has spoken of what was at that place: what is there now can be handed over.
    fn look_again(&mut self, memory: Memory, index: u16) {
        self.arrivals.held.remove(&(memory, index));
        // Before that, the first listing is still to come.
        if self.is_started() {
            self.due.insert(memory);
        }
    }

    pub(super) fn do_chore(&mut self, chore: Chore, now: Instant) {
        let ask = match chore {
            Chore::Delete(memory, _) if memory != self.selected => return self.select(memory, now),
            Chore::Delete(_, index) => Ask::Delete(index),
            Chore::Acknowledge(n) => {
                let late = now >= self.arrivals.direct_at + ACKNOWLEDGE_WITHIN;
                if late || n != self.arrivals.direct {
                    self.chores.pop_front();
                    self.notify_again = true;
                    return self.go_on(now);
                }
                Ask::Acknowledge
            }
        };
        self.chores.pop_front();
        self.ask(ask, now);
        self.state = State::Chore(chore);
    }

    pub(super) fn chore_done(&mut self, chore: Chore, answer: &Answer, now: Instant) {
        match (&answer.end, chore) {
            (End::Silent, _) => return self.stuck(answer, now),
            (End::Ok, Chore::Delete(memory, index)) => {
                self.arrivals.held.remove(&(memory, index));
            }
            (End::Error(code), Chore::Delete(memory, index)) if codes::is_gone(code) => {
                self.arrivals.held.remove(&(memory, index));
            }
            (End::Error(code), Chore::Delete(..)) => {
                self.notice(format!("an SMS that is kept was not deleted: {code}"));
            }
            // 340: no acknowledgement was expected. Others: the network sends it again.
            (_, Chore::Acknowledge(_)) => {}
        }
        self.go_on(now);
    }
}
