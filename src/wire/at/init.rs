//! From a modem that answers to one that sends and receives, step by step.
//!
//! What some modems lack is skipped; what nothing works without stops here with a reason for people.
//! The PIN is asked of the owner and entered once (threats T40): it is the owner who remembers.

use std::time::{Duration, Instant};

use super::codes::{self, Code, Verdict, verdict};
use super::command::{Ask, Memory, NOTIFICATIONS, Pin};
use super::reading::{Network, centre, first_number, network, room, sim_id, sim_state, tries_left};
use super::talk::{Answer, End};
use super::{At, Event, State};

/// A SIM that starts is asked again that often, with that pause: the slowest take half a minute.
const TRIES: u32 = 30;
const AGAIN: Duration = Duration::from_secs(2);

/// Without a network it is looked for so often, however rare the polls are.
const LOOK: Duration = Duration::from_secs(10);

/// A step of the start. Those from `Registration` on are also the regular look at the modem.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    EchoOff,
    NumericErrors,
    SimId,
    SimIdOther,
    PinState,
    PinTries,
    EnterPin(Pin),
    /// READY must follow a right PIN.
    PinCheck,
    Extra(usize),
    PduMode,
    IsPduMode,
    Service,
    /// A memory, and those to try when it is refused.
    Storage(Memory, &'static [Memory]),
    SetCentre,
    Centre,
    Notify(usize),
    Registration,
    PacketRegistration,
    Signal,
    Room,
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
        self.begin(Step::EchoOff, 1, now);
    }

    pub(super) fn begin(&mut self, step: Step, tries: u32, now: Instant) {
        let ask = match &step {
            Step::EchoOff => Ask::EchoOff,
            Step::NumericErrors => Ask::NumericErrors,
            Step::SimId => Ask::SimId,
            Step::SimIdOther => Ask::SimIdOther,
            Step::PinState | Step::PinCheck => Ask::PinState,
            Step::PinTries => Ask::PinTries,
            Step::EnterPin(pin) => Ask::EnterPin(pin.clone()),
            Step::Extra(n) => match self.settings.init.get(*n) {
                Some(line) => Ask::Extra(line.clone()),
                None => return self.begin(Step::PduMode, 1, now),
            },
            Step::PduMode => Ask::PduMode,
            Step::IsPduMode => Ask::IsPduMode,
            Step::Service => Ask::Service,
            Step::Storage(memory, _) => Ask::Storage(*memory),
            Step::SetCentre => match &self.settings.centre {
                Some(number) => Ask::SetCentre(number.clone()),
                None => return self.begin(Step::Centre, 1, now),
            },
            Step::Centre => Ask::Centre,
            Step::Notify(way) => Ask::Notify(*way),
            Step::Registration => Ask::Registration,
            Step::PacketRegistration => Ask::PacketRegistration,
            Step::Signal => Ask::Signal,
            Step::Room => Ask::Room,
        };
        self.state = State::Starting(step, tries);
        self.ask(ask, now);
    }

    pub(super) fn step_done(&mut self, step: Step, tries: u32, answer: &Answer, now: Instant) {
        let next = match (&answer.end, &step) {
            // The PIN may have been wrong: never again without a human.
            (End::Silent, Step::EnterPin(_)) => Next::Park("no answer to the PIN".to_owned()),
            (End::Silent, Step::PinTries) => self.after(&step, answer),
            (End::Silent, _) => return self.die(format!("no answer to {}", shown(&answer.ask))),
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
            Step::NumericErrors => Next::Step(Step::SimId),
            Step::SimId | Step::SimIdOther => {
                let id = sim_id(&answer.lines);
                if id.is_none() && *step == Step::SimId {
                    return Next::Step(Step::SimIdOther);
                }
                self.tell(Event::Sim(id));
                Next::Step(Step::PinState)
            }
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
                    self.tell(Event::Notice(format!(
                        "the modem refused init line {}",
                        n + 1
                    )));
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
                Next::Step(match self.settings.storage {
                    Some(memory) => Step::Storage(memory, &[]),
                    None => Step::Storage(Memory::Sim, &[Memory::Modem, Memory::Both]),
                })
            }
            Step::Storage(memory, rest) => self.after_storage(*memory, rest, ok),
            Step::SetCentre if ok => Next::Step(Step::Centre),
            Step::SetCentre => {
                Next::Again("the modem refuses the service centre (AT+CSCA)".to_owned())
            }
            Step::Centre => match centre(&answer.lines) {
                Some("") => {
                    Next::Park("the SIM has no service centre number: set `smsc`".to_owned())
                }
                _ => Next::Step(Step::Notify(0)),
            },
            Step::Notify(way) if !ok && way + 1 < NOTIFICATIONS.len() => {
                Next::Step(Step::Notify(way + 1))
            }
            Step::Notify(_) => {
                if !ok {
                    self.tell(Event::Notice(
                        "the modem does not tell of new SMS: polling".to_owned(),
                    ));
                }
                Next::Ready
            }
            Step::Registration | Step::PacketRegistration | Step::Signal | Step::Room => {
                Next::Ready
            }
        }
    }

    fn after_pin_state(&mut self, step: &Step, answer: &Answer) -> Next {
        let checked = *step == Step::PinCheck;
        match (sim_state(&answer.lines), &answer.end) {
            (Some("READY"), _) => {
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

    fn after_storage(&mut self, memory: Memory, rest: &'static [Memory], ok: bool) -> Next {
        if ok {
            self.storage = memory;
            self.selected = memory;
            return Next::Step(Step::SetCentre);
        }
        match rest {
            [next, rest @ ..] => Next::Step(Step::Storage(*next, rest)),
            [] => Next::Again("the modem opens no storage for SMS (AT+CPMS)".to_owned()),
        }
    }

    /// The start is over: one look, one listing, then it waits for work.
    fn ready(&mut self, now: Instant) {
        self.poll_at = now;
        self.registered = false;
        self.go_on(now);
    }

    /// Looks at network, signal and storage.
    pub(super) fn look(&mut self, now: Instant) {
        let step = if std::mem::take(&mut self.notify_again) {
            Step::Notify(0)
        } else {
            Step::Registration
        };
        self.look_at(step, now);
    }

    fn look_at(&mut self, step: Step, now: Instant) {
        let ask = match step {
            Step::Notify(way) => Ask::Notify(way),
            Step::PacketRegistration => Ask::PacketRegistration,
            Step::Signal => Ask::Signal,
            Step::Room => Ask::Room,
            _ => Ask::Registration,
        };
        self.state = State::Looking(step);
        self.ask(ask, now);
    }

    pub(super) fn looked(&mut self, step: Step, answer: &Answer, now: Instant) {
        if answer.end == End::Silent {
            return self.restart(&format!("no answer to {}", shown(&answer.ask)), now);
        }
        match step {
            Step::Notify(_) => self.look_at(Step::Registration, now),
            Step::Registration => match network(&answer.lines, "+CREG:") {
                Some(Network::Registered) => self.found(now),
                _ => self.look_at(Step::PacketRegistration, now),
            },
            Step::PacketRegistration => match network(&answer.lines, "+CEREG:") {
                Some(Network::Registered) => self.found(now),
                Some(Network::Denied) => self.missed("the network denies the SIM", now),
                Some(Network::Off) => {
                    self.missed("no network, and the modem does not look for one", now)
                }
                Some(Network::Searching) | None => self.missed("no network", now),
            },
            Step::Signal => {
                let signal =
                    first_number(&answer.lines, "+CSQ:").and_then(|n| u8::try_from(n).ok());
                self.signal = signal.filter(|n| *n <= 31);
                if !std::mem::replace(&mut self.registered, true) {
                    self.tell(Event::Up(self.signal));
                }
                self.look_at(Step::Room, now);
            }
            _ => {
                if let Some((used, total)) = room(&answer.lines) {
                    self.tell(Event::Room { used, total });
                }
                let poll = self.settings.poll;
                self.poll_at = now
                    + if self.registered {
                        poll
                    } else {
                        poll.min(LOOK)
                    };
                self.go_on(now);
            }
        }
    }

    fn found(&mut self, now: Instant) {
        self.look_at(Step::Signal, now);
    }

    fn missed(&mut self, reason: &str, now: Instant) {
        self.registered = false;
        self.tell(Event::Down(reason.to_owned()));
        self.refuse_waiting(reason);
        self.look_at(Step::Room, now);
    }
}

/// A command as it may be shown: the PIN is not in it.
fn shown(ask: &Ask) -> String {
    match ask {
        Ask::EnterPin(_) => "AT+CPIN=…".to_owned(),
        ask => ask.line(),
    }
}
