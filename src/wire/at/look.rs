//! The regular look at a modem that works: network, signal, operator, battery, storage.
//!
//! It comes at every poll, before the storage is listed. Names and battery change rarely and are asked
//! rarely. Without a network it comes sooner, and what waits is refused: it is not the message's fault.

use std::time::{Duration, Instant};

use super::command::Ask;
use super::reading::{Network, battery, is_roaming, network, operator, room, signal};
use super::talk::{Answer, End};
use super::{At, Event, State};

/// Without a network it is looked for so often, however rare the polls are.
const AGAIN: Duration = Duration::from_secs(10);

/// Operator and battery are asked so often.
const NAMES: Duration = Duration::from_mins(5);

/// A step of the look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    /// The modem is to tell of new SMS again.
    Notify(usize),
    Registration,
    /// For modems that know LTE only; and what the first one said.
    Packet(Option<Network>),
    /// For modems that say nothing to the others.
    Gprs,
    Signal,
    OperatorNames,
    Operator,
    Battery,
    Room,
}

impl At {
    /// Looks at network, signal and storage.
    pub(super) fn look(&mut self, now: Instant) {
        let again = std::mem::take(&mut self.notify_again);
        let look = match self.way.filter(|_| again) {
            Some(way) => Look::Notify(way),
            None => Look::Registration,
        };
        self.look_at(look, now);
    }

    fn look_at(&mut self, look: Look, now: Instant) {
        let ask = match look {
            Look::Notify(way) => Ask::Notify(way),
            Look::Registration => Ask::Registration,
            Look::Packet(_) => Ask::PacketRegistration,
            Look::Gprs => Ask::GprsRegistration,
            Look::Signal => Ask::Signal,
            Look::OperatorNames => Ask::OperatorNames,
            Look::Operator => Ask::Operator,
            Look::Battery => Ask::Battery,
            Look::Room => Ask::Room,
        };
        if self.mute.contains(&ask.line()) {
            return self.looked(look, &Answer::unasked(ask), now);
        }
        self.state = State::Looking(look);
        self.ask(ask, now);
    }

    /// What follows a step: the one place that decides.
    pub(super) fn looked(&mut self, look: Look, answer: &Answer, now: Instant) {
        if answer.end == End::Silent {
            return self.stuck(answer, now);
        }
        match look {
            Look::Notify(_) => self.look_at(Look::Registration, now),
            Look::Registration => match network(&answer.lines, "+CREG:") {
                Some(Network::Registered) => self.found_network(answer, "+CREG:", now),
                other => self.look_at(Look::Packet(other), now),
            },
            Look::Packet(before) => match network(&answer.lines, "+CEREG:") {
                Some(Network::Registered) => self.found_network(answer, "+CEREG:", now),
                None if before.is_none() => self.look_at(Look::Gprs, now),
                other => self.missed(worse(before, other), now),
            },
            Look::Gprs => match network(&answer.lines, "+CGREG:") {
                Some(Network::Registered) => self.found_network(answer, "+CGREG:", now),
                other => self.missed(other, now),
            },
            Look::Signal => {
                self.health.signal = signal(&answer.lines);
                if !std::mem::replace(&mut self.registered, true) {
                    self.names_at = now;
                    self.tell(Event::Up(self.health.signal));
                }
                match now >= self.names_at {
                    true => self.look_at(Look::OperatorNames, now),
                    false => self.look_at(Look::Room, now),
                }
            }
            Look::OperatorNames => self.look_at(Look::Operator, now),
            Look::Operator => {
                self.health.operator = operator(&answer.lines);
                self.look_at(Look::Battery, now);
            }
            Look::Battery => {
                self.health.battery = battery(&answer.lines);
                self.names_at = now + NAMES;
                self.look_at(Look::Room, now);
            }
            Look::Room => self.looked_at_room(answer, now),
        }
    }

    fn looked_at_room(&mut self, answer: &Answer, now: Instant) {
        if self.told.as_ref() != Some(&self.health) {
            self.told = Some(self.health.clone());
            self.tell(Event::Health(self.health.clone()));
        }
        if let Some((used, total)) = room(&answer.lines) {
            self.arrivals.note_room(used, total);
            self.tell(Event::Room { used, total });
        }
        let poll = self.settings.poll;
        let pause = match self.registered {
            true => poll,
            false => poll.min(AGAIN),
        };
        self.poll_at = now + pause;
        self.go_on(now);
    }

    fn found_network(&mut self, answer: &Answer, prefix: &str, now: Instant) {
        self.health.network = Some(Network::Registered);
        self.health.roaming = is_roaming(&answer.lines, prefix);
        self.look_at(Look::Signal, now);
    }

    fn missed(&mut self, network: Option<Network>, now: Instant) {
        let reason = match network {
            Some(Network::Denied) => "the network denies the SIM",
            Some(Network::Off) => "no network, and the modem does not look for one",
            _ => "no network",
        };
        self.registered = false;
        self.health.network = network;
        self.health.roaming = false;
        self.tell(Event::Down(reason.to_owned()));
        self.refuse_waiting(reason);
        self.look_at(Look::Room, now);
    }
}

/// What two services say together, neither of them registered: a refusal says most, a search more than
/// nothing.
fn worse(a: Option<Network>, b: Option<Network>) -> Option<Network> {
    let weight = |network: &Option<Network>| match network {
        Some(Network::Denied) => 3,
        Some(Network::Searching) => 2,
        Some(Network::Off) => 1,
        _ => 0,
    };
    [a, b].into_iter().max_by_key(weight).flatten()
}
