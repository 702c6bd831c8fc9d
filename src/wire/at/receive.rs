//! What was stored: listed, handed over, and deleted when it is kept (durability W9).
//!
//! An SMS stays in the modem until the owner says that it is durable. The same octets at the same
//! place are handed over once; a deletion that failed is tried again after the next listing.

use std::time::Instant;

use super::command::{Ask, Memory};
use super::talk::{Answer, End};
use super::{At, Chore, Event, Place, State, codes};

/// An SMS that was handed over and is not deleted yet.
#[derive(Debug)]
pub(super) struct Held {
    pdu: Vec<u8>,
    kept: bool,
}

impl At {
    /// A notification; the listing that follows finds it, wherever in that memory it is.
    pub(super) fn stored(&mut self, memory: &str) {
        let started = !matches!(
            self.state,
            State::Closed
                | State::Calling(_)
                | State::Quiet(_)
                | State::Starting(..)
                | State::Waiting(..)
                | State::WantsPin
                | State::Paused(_)
        );
        // Before that, the first listing is still to come.
        if started {
            self.due
                .insert(Memory::parse(memory).unwrap_or(self.storage));
        }
    }

    pub(super) fn list(&mut self, memory: Memory, now: Instant) {
        if memory != self.selected {
            return self.select(memory, now);
        }
        self.due.remove(&memory);
        self.ask(Ask::List, now);
        self.state = State::Listing(memory);
    }

    pub(super) fn listed(&mut self, memory: Memory, answer: Answer, now: Instant) {
        match answer.end {
            End::Silent => return self.restart("no answer to AT+CMGL", now),
            End::Error(code) => {
                self.tell(Event::Notice(format!("the storage cannot be read: {code}")))
            }
            End::Ok if answer.garbled => return self.repair("the modem left PDU mode", now),
            End::Ok => {
                let places: Vec<u16> = answer.listed.iter().map(|listed| listed.index).collect();
                // What somebody else deleted is not ours to delete any more.
                self.held
                    .retain(|(m, index), _| *m != memory || places.contains(index));
                for listed in answer.listed {
                    // 2 and 3 are drafts and copies that were stored by hand: not ours.
                    if memory == Memory::Reports || listed.status <= 1 {
                        self.found_stored(memory, listed.index, listed.pdu);
                    }
                }
            }
        }
        self.go_on(now);
    }

    fn found_stored(&mut self, memory: Memory, index: u16, pdu: Vec<u8>) {
        match self.held.get(&(memory, index)) {
            Some(held) if held.pdu == pdu && held.kept => {
                // It may have been kept while this was listed. Deleted twice, the second time would hit
                // what the network put into the free place meanwhile.
                let delete = Chore::Delete(memory, index);
                if !self.chores.contains(&delete) {
                    self.chores.push_back(delete);
                }
            }
            Some(held) if held.pdu == pdu => {}
            _ => {
                self.held.insert(
                    (memory, index),
                    Held {
                        pdu: pdu.clone(),
                        kept: false,
                    },
                );
                self.tell(Event::Arrived {
                    place: Place::Stored(memory, index),
                    pdu,
                });
            }
        }
    }

    pub(super) fn kept(&mut self, place: Place, now: Instant) {
        match place {
            Place::Direct if self.acknowledges => self.chores.push_back(Chore::Acknowledge),
            Place::Direct => {}
            Place::Stored(memory, index) => match self.held.get_mut(&(memory, index)) {
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

    pub(super) fn not_kept(&mut self, place: Place) {
        match place {
            // Without our word the network sends it again, and the modem stops to hand such on.
            Place::Direct => self.notify_again = true,
            Place::Stored(memory, index) => {
                self.held.remove(&(memory, index));
            }
        }
    }

    pub(super) fn do_chore(&mut self, chore: Chore, now: Instant) {
        let ask = match chore {
            Chore::Delete(memory, _) if memory != self.selected => return self.select(memory, now),
            Chore::Delete(_, index) => Ask::Delete(index),
            Chore::Acknowledge => Ask::Acknowledge,
        };
        self.chores.pop_front();
        self.ask(ask, now);
        self.state = State::Chore(chore);
    }

    pub(super) fn chore_done(&mut self, chore: Chore, answer: &Answer, now: Instant) {
        match (&answer.end, chore) {
            (End::Silent, _) => return self.restart("no answer to a deletion", now),
            (End::Ok, Chore::Delete(memory, index)) => {
                self.held.remove(&(memory, index));
            }
            (End::Error(code), Chore::Delete(memory, index)) if codes::is_gone(code) => {
                self.held.remove(&(memory, index));
            }
            (End::Error(code), Chore::Delete(..)) => {
                self.tell(Event::Notice(format!(
                    "an SMS that is kept was not deleted: {code}"
                )));
            }
            // 340: no acknowledgement was expected. Others: the network sends it again.
            (_, Chore::Acknowledge) => {}
        }
        self.go_on(now);
    }
}
