//! A GSM modem, as seen through its AT commands (3GPP TS 27.005, TS 27.007), in PDU mode only.
//!
//! [`At`] wakes a modem, learns what it is and can do, opens its SIM, sends, lists what is stored,
//! deletes what its owner has kept, asks the network by USSD, and finds its way back when the modem
//! loses its own. It has one command in flight; see [`talk`].
//!
//! It never writes what is not in [`command::Ask`]; never writes Ctrl-Z but behind a whole PDU; never
//! enters a PIN without being told to; never deletes an SMS before [`Command::Kept`]; never says
//! [`Event::Refused`] of a submission once its PDU was written, unless the network or modem said so.
//! It holds at most [`MAX_WAITING`] submissions; what waits when the line goes is refused.

mod asker;
mod cause;
pub mod codes;
pub mod command;
mod field;
mod init;
mod inquiry;
pub mod line;
mod look;
pub mod notification;
mod owner;
mod part;
pub mod reading;
mod receive;
mod recover;
mod send;
pub mod talk;
#[cfg(test)]
mod tests;
pub mod ussd;

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::{Duration, Instant};

pub use self::asker::Asker;
pub use self::command::{Ask, Characters, InitLine, Memory, Pin, Tpdu};
use self::init::Step;
use self::inquiry::Inquiry;
use self::look::Look;
use self::notification::Sign;
pub use self::owner::{Command, Event, Health, Identity, Late, Place, Sending, Settings};
pub use self::reading::{Battery, Network};
use self::receive::{Arrivals, Chore};
use self::recover::Troubles;
use self::send::Doubt;
use self::talk::{Answer, Item, Talk};
use super::Core;

/// More would wait longer than their senders do; a gateway's window is far smaller.
pub const MAX_WAITING: usize = 64;

/// After the first OK, late answers to what was asked before are let pass for so long.
const QUIET: Duration = Duration::from_millis(300);

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
    /// Needs repair, or starts anew; not before.
    Paused(Instant),
    /// Up, nothing in flight.
    Idle,
    /// Looks at modem and network.
    Looking(Look),
    /// Changes to a memory.
    Selecting(Memory),
    /// Reads a memory.
    Listing(Memory),
    /// Reads one place.
    Reading(Memory, u16),
    /// Deletes or acknowledges.
    Chore(Chore),
    /// Asks the network.
    Inquiring(Inquiry),
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
    /// Submissions whose answer may still come.
    doubts: VecDeque<Doubt>,
    chores: VecDeque<Chore>,
    arrivals: Arrivals,
    /// Memories to list.
    due: BTreeSet<Memory>,
    /// The memory that is listed at every poll.
    storage: Memory,
    selected: Memory,
    poll_at: Instant,
    identity: Identity,
    sim: Option<String>,
    health: Health,
    /// What of it the owner knows.
    told: Option<Health>,
    /// Operator and battery are asked again then.
    names_at: Instant,
    registered: bool,
    /// The ways of telling that the modem has, if it says so.
    ways: Option<reading::Ways>,
    /// Those that are tried now are the last ones.
    last_ways: bool,
    /// The way of [`Ask::Notify`] that the modem took.
    way: Option<usize>,
    /// It is to be set anew: the modem gave it up.
    notify_again: bool,
    /// What does not come by storage wants `AT+CNMA`.
    acknowledges: bool,
    /// `+CMGS` tells the TP-MR that we wrote, not one of the modem's own.
    counts_as_we_do: bool,
    inquiry: Option<ussd::Code>,
    /// The form of USSD that the modem took.
    form: Option<ussd::Form>,
    /// Commands that got no answer: those that can be done without are left out.
    mute: HashSet<String>,
    troubles: Troubles,
}

impl At {
    /// A core whose line is not open yet. `now`: any time before the first call.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            talk: Talk::new(settings.send_timeout),
            state: State::Closed,
            events: VecDeque::new(),
            waiting: VecDeque::new(),
            doubts: VecDeque::new(),
            chores: VecDeque::new(),
            arrivals: Arrivals::new(now),
            due: BTreeSet::new(),
            storage: Memory::Sim,
            selected: Memory::Sim,
            poll_at: now,
            identity: Identity::default(),
            sim: None,
            health: Health::default(),
            told: None,
            names_at: now,
            registered: false,
            ways: None,
            last_ways: false,
            way: None,
            notify_again: false,
            acknowledges: false,
            counts_as_we_do: false,
            inquiry: None,
            form: None,
            mute: HashSet::new(),
            troubles: Troubles::default(),
            settings,
        }
    }

    /// Some other core, on this modem, had it start anew at that time ([`Event::Restarted`]): it is
    /// not done again before its time.
    pub fn not_restarted_since(&mut self, last: Option<Instant>) {
        self.troubles.restarted = last;
    }

    /// It takes submissions at once.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// The start is over.
    fn is_started(&self) -> bool {
        matches!(
            self.state,
            State::Idle
                | State::Looking(_)
                | State::Selecting(_)
                | State::Listing(_)
                | State::Reading(..)
                | State::Chore(_)
                | State::Inquiring(_)
                | State::Sending(_)
        )
    }

    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn notice(&mut self, text: impl Into<String>) {
        self.tell(Event::Notice(text.into()));
    }

    fn ask(&mut self, ask: Ask, now: Instant) {
        self.talk.ask(ask, self.settings.timeout, now);
    }

    /// Does what is to be done next.
    fn go_on(&mut self, now: Instant) {
        self.state = State::Idle;
        if self.arrivals.text_mode() {
            return self.restart("the modem left PDU mode", now);
        }
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
        if let Some((memory, index)) = self.arrivals.to_read() {
            return self.read(memory, index, now);
        }
        if let Some(code) = self.inquiry.take() {
            return self.inquire(code, now);
        }
        // Whatever was wrong, all that had to be done was done.
        self.troubles.stuck = 0;
        if let Some(sending) = self.waiting.pop_front() {
            self.submit(sending, now);
        }
    }

    fn item(&mut self, item: Item, now: Instant) {
        match item {
            Item::Answer(answer) => self.answer(answer, now),
            Item::Stored(memory, index) => self.stored(&memory, index),
            Item::Direct(pdu, whole) => self.direct(pdu, whole, now),
            Item::TextMode => self.arrivals.note_text_mode(),
            Item::LateSent(reference) => self.late_sent(&reference, now),
            Item::LateFailed(code) => self.late_failed(&code, now),
            Item::Sign(sign) => self.sign(sign, now),
        }
        if self.is_idle() {
            self.go_on(now);
        }
    }

    /// What the modem said unasked of its own state.
    fn sign(&mut self, sign: Sign, now: Instant) {
        match sign {
            _ if !self.is_started() => {}
            Sign::Booted => self.interrupted("the modem started anew by itself", now),
            Sign::NoSim => self.interrupted("the SIM was taken out", now),
            Sign::Full => {
                self.due.insert(self.storage);
                self.tell(Event::Full);
            }
        }
    }

    fn answer(&mut self, answer: Answer, now: Instant) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Calling(left) => self.called(left, &answer, now),
            State::Starting(step, tries) => self.step_done(step, tries, &answer, now),
            State::Looking(look) => self.looked(look, &answer, now),
            State::Selecting(memory) => self.selected(memory, &answer, now),
            State::Listing(memory) => self.listed(memory, answer, now),
            State::Reading(memory, index) => self.was_read(memory, index, answer, now),
            State::Chore(chore) => self.chore_done(chore, &answer, now),
            State::Inquiring(inquiry) => self.inquired(inquiry, &answer, now),
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
            Command::Open => self.open(now),
            Command::Pin(pin) => self.enter_pin(pin, now),
            Command::Send(sending) => self.take(sending, now),
            Command::Kept(place) => self.kept(place, now),
            Command::NotKept(place) => self.not_kept(place, now),
            Command::Ussd(code) => self.wish(code, now),
            Command::UssdEnd => self.end_inquiry(now),
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
            State::Paused(until) if until <= now => self.call_all(now),
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
