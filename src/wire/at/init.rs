//! From a modem that answers to one that sends and receives, step by step.
//!
//! What some modems lack is skipped; what nothing works without stops here with a reason for people.
//! The PIN is asked of the owner and entered once (threats T40): it is the owner who remembers. The
//! modem tells what it is before anything is asked of its SIM, so that the owner can stop here when it
//! is another one.

use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use super::codes::{self, Code, Verdict, verdict};
use super::command::{Ask, Characters, DIRECT, Memory, NOTIFICATIONS, Pin, way_of};
use super::reading::{Ways, centre, first_number, imei, imsi, name, sim_id, sim_state, tries_left};
use super::talk::{Answer, End};
use super::{At, Event, State};

/// A SIM that starts is asked again that often, with that pause: the slowest take half a minute.
const TRIES: u32 = 30;
const AGAIN: Duration = Duration::from_secs(2);

/// A step of the start.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    EchoOff,
    NumericErrors,
    Maker,
    Model,
    Revision,
    Imei,
    Functions,
    SwitchOn,
    /// The so-manieth of [`Ask::SIM_ID`].
    SimId(usize),
    PinState,
    PinTries,
    EnterPin(Pin),
    /// READY must follow a right PIN.
    PinCheck,
    /// The so-manieth line of the configuration.
    Extra(usize),
    /// What could not be read before the PIN.
    SimIdAgain(usize),
    Imsi,
    Characters(Characters),
    PduMode,
    IsPduMode,
    Service,
    KeepLink,
    /// A memory, and those to try when it is refused.
    Storage(Memory, &'static [Memory]),
    /// The same in its short form, for modems that have fewer than three memories.
    StorageOnly(Memory, &'static [Memory]),
    Centre,
    SetCentre,
    Notifications,
    /// The first of these ways of [`Ask::Notify`].
    Notify(Vec<usize>),
    /// When none of the good ones is there.
    AcknowledgeMyself,
}

/// What follows a step.
enum Next {
    Step(Step),
    /// The same once more, after a pause; when that was done too often, parked for this reason.
    Again(String),
    WantPin,
    Park(String),
    Repair(String),
    Ready,
}

impl At {
    pub(super) fn start(&mut self, now: Instant) {
        self.last_ways = false;
        self.begin(Step::EchoOff, 1, now);
    }

    pub(super) fn begin(&mut self, step: Step, tries: u32, now: Instant) {
        let ask = match &step {
            Step::EchoOff => Ask::EchoOff,
            Step::NumericErrors => Ask::NumericErrors,
            Step::Maker => Ask::Maker,
            Step::Model => Ask::Model,
            Step::Revision => Ask::Revision,
            Step::Imei => Ask::Imei,
            Step::Functions => Ask::Functions,
            Step::SwitchOn => Ask::SwitchOn,
            Step::SimId(n) | Step::SimIdAgain(n) => Ask::SIM_ID[n % Ask::SIM_ID.len()].clone(),
            Step::PinState | Step::PinCheck => Ask::PinState,
            Step::PinTries => Ask::PinTries,
            Step::EnterPin(pin) => Ask::EnterPin(pin.clone()),
            Step::Extra(n) => match self.settings.init.get(*n) {
                Some(line) => Ask::Extra(line.clone()),
                None if self.sim.is_none() => return self.begin(Step::SimIdAgain(0), 1, now),
                None => return self.begin(Step::Imsi, 1, now),
            },
            Step::Imsi => Ask::Imsi,
            Step::Characters(set) => Ask::Characters(*set),
            Step::PduMode => Ask::PduMode,
            Step::IsPduMode => Ask::IsPduMode,
            Step::Service => Ask::Service,
            Step::KeepLink => Ask::KeepLink,
            Step::Storage(memory, _) => Ask::Storage(*memory),
            Step::StorageOnly(memory, _) => Ask::Select(*memory),
            Step::Centre => Ask::Centre,
            Step::SetCentre => match &self.settings.centre {
                Some(number) => Ask::SetCentre(number.clone()),
                None => return self.begin(Step::Notifications, 1, now),
            },
            Step::Notifications => Ask::Notifications,
            Step::Notify(ways) => match ways.first() {
                Some(way) => Ask::Notify(*way),
                None => return self.without_notifications(now),
            },
            Step::AcknowledgeMyself => Ask::AcknowledgeMyself,
        };
        if self.mute.contains(&ask.line()) {
            return self.step_done(step, tries, &Answer::unasked(ask), now);
        }
        self.state = State::Starting(step, tries);
        self.ask(ask, now);
    }

    pub(super) fn step_done(&mut self, step: Step, tries: u32, answer: &Answer, now: Instant) {
        let next = match (&answer.end, &step) {
            // The PIN may have been wrong: never again without a human.
            (End::Silent, Step::EnterPin(_)) => Next::Park("no answer to the PIN".to_owned()),
            (End::Silent, _) => return self.stuck(answer, now),
            (End::Error(code), _) if codes::is_busy(code) && !matches!(step, Step::EnterPin(_)) => {
                Next::Again(format!("the SIM does not become ready: {code}"))
            }
            _ => self.after(&step, answer),
        };
        match next {
            Next::Step(step) => self.begin(step, 1, now),
            Next::Again(_) if tries < TRIES => {
                self.state = State::Waiting(now + AGAIN, step, tries + 1)
            }
            Next::Again(reason) | Next::Park(reason) => self.park(reason),
            Next::Repair(reason) => self.repair(&reason, now),
            Next::WantPin => {
                self.state = State::WantsPin;
                self.tell(Event::PinWanted);
            }
            Next::Ready => self.ready(now),
        }
    }

    /// The owner's answer to [`Event::PinWanted`].
    pub(super) fn enter_pin(&mut self, pin: Option<Pin>, now: Instant) {
        match (&self.state, pin) {
            (State::WantsPin, Some(pin)) => self.begin(Step::EnterPin(pin), 1, now),
            (State::WantsPin, None) => self.park(
                "the SIM wants a PIN, and there is none to try: set `pin`, or unlock the SIM in a phone"
                    .to_owned(),
            ),
            _ => {}
        }
    }

    /// What follows `step` after that answer: the one place that decides.
    fn after(&mut self, step: &Step, answer: &Answer) -> Next {
        let ok = answer.end == End::Ok;
        match step {
            Step::EchoOff => Next::Step(Step::NumericErrors),
            Step::NumericErrors => Next::Step(Step::Maker),
            Step::Maker => {
                self.identity.maker = name(&answer.lines);
                Next::Step(Step::Model)
            }
            Step::Model => {
                self.identity.model = name(&answer.lines);
                Next::Step(Step::Revision)
            }
            Step::Revision => {
                self.identity.revision = name(&answer.lines);
                Next::Step(Step::Imei)
            }
            Step::Imei => {
                self.identity.imei = imei(&answer.lines);
                self.tell(Event::Modem(self.identity.clone()));
                Next::Step(Step::Functions)
            }
            // 0: hardly awake, 4: flight mode (TS 27.007 §8.2). A gateway is there to send.
            Step::Functions => match first_number(&answer.lines, "+CFUN:") {
                Some(0 | 4) => Next::Step(Step::SwitchOn),
                _ => Next::Step(Step::SimId(0)),
            },
            Step::SwitchOn => {
                self.notice(match ok {
                    true => "the radio was off (AT+CFUN?); it is on now",
                    false => "the radio is off, and the modem refuses to switch it on (AT+CFUN=1)",
                });
                Next::Step(Step::SimId(0))
            }
            Step::SimId(n) => match sim_id(&answer.lines) {
                None if n + 1 < Ask::SIM_ID.len() => Next::Step(Step::SimId(n + 1)),
                id => {
                    self.sim = id.clone();
                    self.tell(Event::Sim(id));
                    Next::Step(Step::PinState)
                }
            },
            Step::SimIdAgain(n) => match sim_id(&answer.lines) {
                None if n + 1 < Ask::SIM_ID.len() => Next::Step(Step::SimIdAgain(n + 1)),
                None => Next::Step(Step::Imsi),
                id => {
                    self.sim = id.clone();
                    self.tell(Event::Sim(id));
                    Next::Step(Step::Imsi)
                }
            },
            Step::Imsi => {
                if let Some(imsi) = imsi(&answer.lines) {
                    self.tell(Event::Subscriber(imsi));
                }
                Next::Step(Step::Characters(Characters::Gsm))
            }
            Step::Characters(Characters::Gsm) if !ok => {
                Next::Step(Step::Characters(Characters::Ira))
            }
            Step::Characters(_) => Next::Step(Step::PduMode),
            Step::PinState | Step::PinCheck => self.after_pin_state(step, answer),
            Step::PinTries => match tries_left(&answer.lines) {
                Some(left @ 0..3) => Next::Park(format!(
                    "a wrong PIN was tried before, {left} tries are left: unlock the SIM in a phone"
                )),
                _ => Next::WantPin,
            },
            Step::EnterPin(_) => match &answer.end {
                End::Ok => Next::Step(Step::PinCheck),
                End::Error(code) => Next::Park(format!(
                    "the PIN was refused: {code}; it is not tried again"
                )),
                End::Silent => Next::Park("no answer to the PIN".to_owned()),
            },
            Step::Extra(n) => {
                if !ok {
                    self.notice(format!("the modem refused init line {}", n + 1));
                }
                Next::Step(Step::Extra(n + 1))
            }
            Step::PduMode if ok => Next::Step(Step::IsPduMode),
            Step::PduMode => Next::Again("the modem refuses PDU mode (AT+CMGF=0)".to_owned()),
            Step::IsPduMode => match first_number(&answer.lines, "+CMGF:") {
                Some(0) | None => Next::Step(Step::Service),
                Some(_) => Next::Again("the modem does not stay in PDU mode".to_owned()),
            },
            Step::Service => {
                self.acknowledges = first_number(&answer.lines, "+CSMS:") == Some(1);
                Next::Step(Step::KeepLink)
            }
            Step::KeepLink => Next::Step(match self.settings.storage {
                Some(memory) => Step::Storage(memory, &[]),
                None => Step::Storage(Memory::Sim, &[Memory::Modem, Memory::Both]),
            }),
            Step::Storage(memory, rest) if !ok && rest.is_empty() => {
                Next::Step(self.short_storage(*memory))
            }
            Step::Storage(memory, rest) | Step::StorageOnly(memory, rest) => {
                self.after_storage(step, *memory, rest, ok)
            }
            Step::Centre => self.after_centre(&answer.lines),
            Step::SetCentre if ok => Next::Step(Step::Notifications),
            Step::SetCentre => {
                Next::Again("the modem refuses the service centre (AT+CSCA)".to_owned())
            }
            Step::Notifications => {
                self.ways = Ways::read(&answer.lines);
                Next::Step(Step::Notify(self.ways_to_try()))
            }
            Step::Notify(ways) => match ways.split_first() {
                Some((way, _)) if ok => {
                    self.way = Some(*way);
                    Next::Ready
                }
                Some((_, rest)) if !rest.is_empty() => Next::Step(Step::Notify(rest.to_vec())),
                _ => self.after_notify(),
            },
            // What the modem can tell of depends on it.
            Step::AcknowledgeMyself => {
                self.acknowledges = ok;
                self.last_ways = true;
                Next::Step(Step::Notifications)
            }
        }
    }

    /// The ways to try: first those that tell of receipts; then, when we acknowledge, or when that is
    /// refused, all there are.
    fn ways_to_try(&self) -> Vec<usize> {
        let mut ways = self.stored_ways(1..);
        if self.last_ways {
            ways.extend(self.stored_ways(..1));
        }
        if self.last_ways && self.acknowledges {
            let direct = NOTIFICATIONS.len()..NOTIFICATIONS.len() + DIRECT.len();
            ways.extend(direct.filter(|way| self.allows(*way)));
        }
        ways
    }

    /// What is left when none of the ways was taken.
    fn after_notify(&mut self) -> Next {
        if !self.last_ways {
            return Next::Step(Step::AcknowledgeMyself);
        }
        self.way = None;
        self.notice("the modem does not tell of new SMS: polling");
        Next::Ready
    }

    fn without_notifications(&mut self, now: Instant) {
        match self.after_notify() {
            Next::Step(step) => self.begin(step, 1, now),
            _ => self.ready(now),
        }
    }

    /// The ways that store, and tell so of receipts.
    fn stored_ways(&self, receipts: impl RangeBounds<u8>) -> Vec<usize> {
        let tells = |way: &usize| receipts.contains(way_of(*way).get(3).unwrap_or(&0));
        let ways = (0..NOTIFICATIONS.len()).filter(tells);
        ways.filter(|way| self.allows(*way)).collect()
    }

    fn allows(&self, way: usize) -> bool {
        self.ways
            .as_ref()
            .is_none_or(|ways| ways.allow(way_of(way)))
    }

    fn after_pin_state(&mut self, step: &Step, answer: &Answer) -> Next {
        let checked = *step == Step::PinCheck;
        match (sim_state(&answer.lines), &answer.end) {
            // PIN2 opens what we do not need.
            (Some("READY" | "SIM PIN2" | "SIM PUK2"), _) => {
                if checked {
                    self.tell(Event::PinAccepted);
                }
                Next::Step(Step::Extra(0))
            }
            (Some("SIM PIN"), _) | (None, End::Error(Code::Cme(11) | Code::Cms(311))) => {
                if checked {
                    return Next::Again(
                        "the SIM still wants its PIN after it was entered".to_owned(),
                    );
                }
                Next::Step(Step::PinTries)
            }
            (Some(out), _) if out.starts_with("NOT INSERTED") || out.starts_with("SIM REMOVED") => {
                Next::Park("there is no SIM in the modem".to_owned())
            }
            (Some("NOT READY"), _) => Next::Again("the SIM does not become ready".to_owned()),
            (Some(other), _) => Next::Park(format!("the SIM wants {other}: unlock it in a phone")),
            // After a right PIN the SIM needs a while.
            (None, End::Error(code)) if checked => {
                Next::Again(format!("the SIM is not ready: {code}"))
            }
            (None, End::Error(code)) => match (verdict(code, false, false), code) {
                (Verdict::Human, _) | (_, Code::Cme(10 | 13 | 15) | Code::Cms(310 | 313 | 315)) => {
                    Next::Park(format!("the SIM cannot be used: {code}"))
                }
                _ => Next::Repair(format!("the SIM does not tell whether it is open: {code}")),
            },
            (None, _) => Next::Again("the SIM does not tell whether it is open".to_owned()),
        }
    }

    /// The first one in the short form, when all were refused in the long one.
    fn short_storage(&self, refused: Memory) -> Step {
        match self.settings.storage {
            Some(_) => Step::StorageOnly(refused, &[]),
            None => Step::StorageOnly(Memory::Sim, &[Memory::Modem]),
        }
    }

    fn after_storage(
        &mut self,
        step: &Step,
        memory: Memory,
        rest: &'static [Memory],
        ok: bool,
    ) -> Next {
        if ok {
            self.storage = memory;
            self.selected = memory;
            return Next::Step(Step::Centre);
        }
        match (rest, step) {
            ([next, rest @ ..], Step::Storage(..)) => Next::Step(Step::Storage(*next, rest)),
            ([next, rest @ ..], _) => Next::Step(Step::StorageOnly(*next, rest)),
            ([], _) => Next::Again("the modem opens no storage for SMS (AT+CPMS)".to_owned()),
        }
    }

    /// Written only when it is another one: the SIM wears.
    fn after_centre(&mut self, lines: &[String]) -> Next {
        let there = centre(lines).map(str::to_owned);
        let wanted = self
            .settings
            .centre
            .as_ref()
            .map(|number| number.as_str().to_owned());
        match (there, wanted) {
            (Some(there), Some(wanted)) if there == wanted => Next::Step(Step::Notifications),
            (_, Some(_)) => Next::Step(Step::SetCentre),
            (Some(there), None) if there.is_empty() => {
                Next::Park("the SIM has no service centre number: set `smsc`".to_owned())
            }
            (_, None) => Next::Step(Step::Notifications),
        }
    }

    /// The start is over: one look, one listing, then it waits for work.
    fn ready(&mut self, now: Instant) {
        self.poll_at = now;
        self.names_at = now;
        self.registered = false;
        self.go_on(now);
    }
}
