//! A GSM modem, as seen through its AT commands (3GPP TS 27.005, TS 27.007), in PDU mode only.
//!
//! [`At`] wakes a modem, opens its SIM, sends, lists what is stored, deletes what its owner has kept,
//! and finds its way back when the modem loses its own. It has one command in flight; see [`talk`].
//!
//! It never writes what is not in [`command::Ask`]; never writes Ctrl-Z but behind a whole PDU; never
//! enters a PIN without being told to; never deletes an SMS before [`Command::Kept`]; never says
//! [`Event::Refused`] of a submission once its PDU was written, unless the network or modem said so.
//! It holds at most [`MAX_WAITING`] submissions; what waits when the line goes is refused.

mod asker;
pub mod codes;
pub mod command;
mod init;
mod line;
pub mod reading;
mod receive;
mod send;
pub mod talk;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

pub use self::asker::Asker;
use self::codes::Verdict;
pub use self::command::{Ask, InitLine, Memory, Pin, Tpdu};
use self::init::Step;
use self::receive::Held;
use self::talk::{Answer, End, Item, Talk};
use super::Core;
use crate::sms::Number;

/// More would wait longer than their senders do; a gateway's window is far smaller.
pub const MAX_WAITING: usize = 64;

/// How often AT is said to a silent modem within one `timeout`.
const CALLS: u32 = 8;

/// After the first OK, late answers to what was asked before are let pass for so long.
const QUIET: Duration = Duration::from_millis(300);

/// A modem that needed repair is left alone for so long, doubled each time up to the second.
const PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// What the core needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service centre to set; `None`: the SIM's.
    pub centre: Option<Number>,
    /// Where SMS are stored; `None`: the first of SIM and modem that works.
    pub storage: Option<Memory>,
    /// Commands of the configuration, after the PIN.
    pub init: Vec<InitLine>,
    /// For every answer but that of the network.
    pub timeout: Duration,
    /// For the network's answer.
    pub send_timeout: Duration,
    /// How often the storage is listed and the network looked at.
    pub poll: Duration,
}

/// What the owner wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// The line is open: wake the modem.
    Open,
    /// The answer to [`Event::PinWanted`]; `None`: it may not be tried.
    Pin(Option<Pin>),
    /// Send.
    Send(Sending),
    /// That is durable: delete or acknowledge it.
    Kept(Place),
    /// That could not be kept: hand it over again at the next listing.
    NotKept(Place),
    /// Start nothing more: what waits is refused, what is in the air is not.
    Finish,
    /// The line is gone, or is about to be closed.
    Lost(String),
}

/// A submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// The owner's name for it.
    pub ticket: u64,
    /// What.
    pub tpdu: Tpdu,
    /// It bears TP-RD and the TP-MR of an earlier attempt.
    pub repeat: bool,
}

/// What the owner is told. Each [`Command::Send`] gets exactly one of `Sent`, `Refused`, `Unknown`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The SIM's number (ICCID), when the modem tells it.
    Sim(Option<String>),
    /// The SIM wants its PIN.
    PinWanted,
    /// The PIN was right.
    PinAccepted,
    /// It sends and receives; the signal (TS 27.007 §8.5: 0–31).
    Up(Option<u8>),
    /// It does not, and works on it.
    Down(String),
    /// A human is needed. The core has stopped; [`Command::Open`] starts it again.
    Parked(String),
    /// The modem is silent. The core has stopped; the line should be opened anew.
    Dead(String),
    /// The network has it, and calls it that (TP-MR).
    Sent {
        /// The owner's name for it.
        ticket: u64,
        /// TP-MR; `None`: that of the earlier attempt that this one repeats.
        reference: Option<u8>,
    },
    /// Nothing was sent.
    Refused {
        /// The owner's name for it.
        ticket: u64,
        /// What that means.
        verdict: Verdict,
        /// Why, for people.
        reason: String,
    },
    /// It may have been sent.
    Unknown {
        /// The owner's name for it.
        ticket: u64,
        /// Why that is not known, for people.
        reason: String,
    },
    /// Something arrived; it stays where it is until [`Command::Kept`].
    Arrived {
        /// Where it is.
        place: Place,
        /// SMSC address and TPDU, or whatever the modem gave instead.
        pdu: Vec<u8>,
    },
    /// How much of the storage is used.
    Room {
        /// Places used.
        used: u16,
        /// Places there are.
        total: u16,
    },
    /// Something an admin may want to know; nothing stops for it.
    Notice(String),
}

/// Where something that arrived is until it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Stored.
    Stored(Memory, u16),
    /// Nowhere: the network waits for our word, or does not.
    Direct,
}

/// Something to do between two submissions.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chore {
    Delete(Memory, u16),
    Acknowledge,
}

/// What the command in flight is for.
#[derive(Debug)]
enum State {
    /// Nothing happens until `Open`.
    Closed,
    /// AT, until someone answers; so many calls are left.
    Calling(u32),
    /// Someone has; late answers pass.
    Quiet(Instant),
    /// A step of [`init`], its so-manieth try.
    Starting(Step, u32),
    /// The same, not before.
    Waiting(Instant, Step, u32),
    /// The owner is asked for the PIN.
    WantsPin,
    /// Needs repair; not before.
    Paused(Instant),
    /// Up, nothing in flight.
    Idle,
    /// Looks at the network.
    Looking(Step),
    /// Changes to a memory.
    Selecting(Memory),
    /// Reads a memory.
    Listing(Memory),
    /// Deletes or acknowledges.
    Chore(Chore),
    /// Sends.
    Sending(Sending),
}

/// See the module's header.
#[derive(Debug)]
pub struct At {
    settings: Settings,
    talk: Talk,
    state: State,
    events: VecDeque<Event>,
    waiting: VecDeque<Sending>,
    chores: VecDeque<Chore>,
    held: HashMap<(Memory, u16), Held>,
    /// Memories to list.
    due: BTreeSet<Memory>,
    /// The memory that is listed at every poll.
    storage: Memory,
    selected: Memory,
    poll_at: Instant,
    signal: Option<u8>,
    registered: bool,
    /// What does not come by storage wants `AT+CNMA`.
    acknowledges: bool,
    /// One such was not kept: the modem stops to tell of new ones.
    notify_again: bool,
    setbacks: u32,
}

impl At {
    /// A core whose line is not open yet. `now`: any time before the first call.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            talk: Talk::new(settings.send_timeout),
            state: State::Closed,
            events: VecDeque::new(),
            waiting: VecDeque::new(),
            chores: VecDeque::new(),
            held: HashMap::new(),
            due: BTreeSet::new(),
            storage: Memory::Sim,
            selected: Memory::Sim,
            poll_at: now,
            signal: None,
            registered: false,
            acknowledges: false,
            notify_again: false,
            setbacks: 0,
            settings,
        }
    }

    /// It takes submissions at once.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        // Reading a full SIM and opening one take longer than an answer from memory.
        let slow = matches!(ask, Ask::List | Ask::EnterPin(_));
        let timeout = self.settings.timeout * if slow { 3 } else { 1 };
        self.talk.ask(ask, now + timeout);
    }

    /// Wakes the modem. ESC first: should it wait for a text, nothing of it is sent.
    fn call(&mut self, left: u32, now: Instant) {
        self.state = State::Calling(left);
        self.talk.escape();
        self.talk
            .ask(Ask::Attention, now + self.settings.timeout / CALLS);
    }

    /// Starts over: the modem's state is not known any more.
    fn restart(&mut self, reason: &str, now: Instant) {
        self.forget();
        self.tell(Event::Down(reason.to_owned()));
        self.refuse_waiting(reason);
        self.call(CALLS, now);
    }

    /// Starts over after a while, longer each time.
    fn repair(&mut self, reason: &str, now: Instant) {
        self.forget();
        self.tell(Event::Down(reason.to_owned()));
        self.refuse_waiting(reason);
        let pause = PAUSE * 2u32.saturating_pow(self.setbacks.min(10));
        self.setbacks += 1;
        self.state = State::Paused(now + pause.min(MAX_PAUSE));
    }

    fn park(&mut self, reason: String) {
        self.forget();
        self.refuse_waiting(&reason);
        self.tell(Event::Parked(reason));
    }

    fn die(&mut self, reason: String) {
        self.forget();
        self.refuse_waiting(&reason);
        self.tell(Event::Dead(reason));
    }

    /// The line is gone: says what is sure of the submission in flight.
    fn lose(&mut self, reason: &str) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        let flight = self.talk.reset();
        if let (State::Sending(sending), Some(answer)) = (state, flight) {
            self.lost_submission(&sending, &answer, reason);
        }
        self.forget();
        self.refuse_waiting(reason);
    }

    /// What was read may not be there when the line is open again; it will be listed anew.
    fn forget(&mut self) {
        self.state = State::Closed;
        self.talk.reset();
        self.chores.clear();
        self.held.clear();
        self.due.clear();
        self.registered = false;
    }

    /// Does what is to be done next.
    fn go_on(&mut self, now: Instant) {
        self.state = State::Idle;
        if let Some(&chore) = self.chores.front() {
            return self.do_chore(chore, now);
        }
        if now >= self.poll_at {
            self.due.insert(self.storage);
            return self.look(now);
        }
        if let Some(&memory) = self.due.first() {
            return self.list(memory, now);
        }
        if let Some(sending) = self.waiting.pop_front() {
            self.submit(sending, now);
        }
    }

    fn select(&mut self, memory: Memory, now: Instant) {
        self.ask(Ask::Select(memory), now);
        self.state = State::Selecting(memory);
    }

    fn selected(&mut self, memory: Memory, answer: &Answer, now: Instant) {
        match answer.end {
            End::Ok => self.selected = memory,
            End::Error(_) => {
                self.tell(Event::Notice(format!(
                    "the modem does not open its memory {}",
                    memory.name()
                )));
                self.due.remove(&memory);
                self.chores
                    .retain(|chore| !matches!(chore, Chore::Delete(m, _) if *m == memory));
            }
            End::Silent => return self.restart("no answer to AT+CPMS", now),
        }
        self.go_on(now);
    }

    fn item(&mut self, item: Item, now: Instant) {
        match item {
            Item::Answer(answer) => self.answer(answer, now),
            Item::Stored(memory) => self.stored(&memory),
            Item::Direct(pdu) => self.tell(Event::Arrived {
                place: Place::Direct,
                pdu,
            }),
            Item::Late(reference) => self.tell(Event::Notice(format!(
                "a late answer to an earlier submission: the network took it as {reference}"
            ))),
        }
        if self.is_idle() {
            self.go_on(now);
        }
    }

    fn answer(&mut self, answer: Answer, now: Instant) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Calling(left) => match answer.end {
                End::Ok => self.state = State::Quiet(now + QUIET),
                _ if left > 1 => self.call(left - 1, now),
                _ => self.die("the modem does not answer to AT".to_owned()),
            },
            State::Starting(step, tries) => self.step_done(step, tries, &answer, now),
            State::Looking(step) => self.looked(step, &answer, now),
            State::Selecting(memory) => self.selected(memory, &answer, now),
            State::Listing(memory) => self.listed(memory, answer, now),
            State::Chore(chore) => self.chore_done(chore, &answer, now),
            State::Sending(sending) => self.submitted(&sending, &answer, now),
            // Nothing is in flight in these.
            state @ (State::Closed
            | State::Quiet(_)
            | State::Waiting(..)
            | State::WantsPin
            | State::Paused(_)
            | State::Idle) => self.state = state,
        }
    }

    /// Items come out of [`Talk`] one at a time, because each may write the next command.
    fn settle(&mut self, now: Instant) {
        while let Some(item) = self.talk.item() {
            self.item(item, now);
        }
    }
}

impl Core for At {
    type Command = Command;
    type Event = Event;

    fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        for &octet in bytes {
            self.talk.octet(octet, now);
            self.settle(now);
        }
        // Bytes without end must not keep a deadline from being seen.
        self.handle_timeout(now);
    }

    fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Open => {
                self.lose("the line was opened anew");
                self.call(CALLS, now);
            }
            Command::Pin(pin) => self.enter_pin(pin, now),
            Command::Send(sending) => self.take(sending, now),
            Command::Kept(place) => self.kept(place, now),
            Command::NotKept(place) => self.not_kept(place),
            Command::Finish => self.refuse_waiting("the gateway is being stopped"),
            Command::Lost(reason) => self.lose(&reason),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.talk.expire(now);
        self.settle(now);
        match self.state {
            State::Quiet(until) if until <= now => self.start(now),
            State::Waiting(until, ref step, tries) if until <= now => {
                let step = step.clone();
                self.begin(step, tries, now);
            }
            State::Paused(until) if until <= now => self.call(CALLS, now),
            State::Idle if self.poll_at <= now => self.go_on(now),
            _ => {}
        }
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.talk.transmit()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Quiet(until) | State::Waiting(until, ..) | State::Paused(until) => Some(until),
            State::Idle => Some(self.poll_at),
            _ => self.talk.deadline(),
        }
    }
}
