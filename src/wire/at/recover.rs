//! A modem that does not do what it should: the way back, from gentle to rough.
//!
//! 1. ESC and AT until it answers, then the whole start again. ESC, never Ctrl-Z: should it wait for a
//!    text, nothing of it is sent (threats T41).
//! 2. The same after a pause, longer each time, when it answers with errors.
//! 3. `AT+CFUN=1,1`: it starts anew, once per [`RESTART_EVERY`], and only a modem that has answered to
//!    AT before: what never did may be no modem.
//! 4. [`Event::Dead`], with what is known of the reason: the owner opens the line again.

use std::time::{Duration, Instant};

use super::command::Ask;
use super::talk::{Answer, End};
use super::{At, Event, QUIET, State};

/// How often AT is said to a silent modem within one `timeout`.
const CALLS: u32 = 8;

/// A modem that needed repair is left alone for so long, doubled each time up to the second.
const PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// A modem that starts anew speaks again after 3 to 15 seconds.
const BOOT: Duration = Duration::from_secs(15);

/// A modem that is no better after it started anew is not helped by doing so again; one that hangs
/// once a day is.
const RESTART_EVERY: Duration = Duration::from_mins(15);

/// So many times one after the other the gentle way may not help.
const STUCK: u32 = 2;
const HUNG: u32 = 3;
const SETBACKS: u32 = 4;

/// What went wrong, counted until it goes right.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Repairs since the last submission that was taken.
    pub(super) setbacks: u32,
    /// Submissions without an answer, one after the other.
    pub(super) hung: u32,
    /// Silences at other commands, since all work was done.
    pub(super) stuck: u32,
    /// When it was last told to start anew.
    pub(super) restarted: Option<Instant>,
    /// It has answered to AT since the line was opened.
    answered: bool,
}

impl Troubles {
    /// A submission was taken: all is well.
    pub(super) fn over(&mut self) {
        (self.setbacks, self.hung, self.stuck) = (0, 0, 0);
    }

    fn may_restart(&self, now: Instant) -> bool {
        let rested = |last| now >= last + RESTART_EVERY;
        self.answered && self.restarted.is_none_or(rested)
    }
}

impl At {
    /// The line is open.
    pub(super) fn open(&mut self, now: Instant) {
        self.lose("the line was opened anew");
        self.arrivals.let_go();
        self.doubts.clear();
        self.talk.doubt(None);
        let restarted = self.troubles.restarted;
        self.troubles = Troubles {
            restarted,
            ..Troubles::default()
        };
        self.call_all(now);
    }

    /// Wakes the modem.
    pub(super) fn call_all(&mut self, now: Instant) {
        self.call(CALLS, now);
    }

    fn call(&mut self, left: u32, now: Instant) {
        self.state = State::Calling(left);
        self.talk.escape();
        self.talk
            .ask(Ask::Attention, self.settings.timeout / CALLS, now);
    }

    pub(super) fn called(&mut self, left: u32, answer: &Answer, now: Instant) {
        match answer.end {
            End::Ok => {
                self.troubles.answered = true;
                self.state = State::Quiet(now + QUIET);
            }
            _ if left > 1 => self.call(left - 1, now),
            _ if self.troubles.may_restart(now) => {
                self.start_anew("the modem does not answer to AT", now);
            }
            _ => {
                let heard = match self.talk.heard() {
                    0 => "nothing comes back",
                    _ => "what comes back is no answer: is `baud` right, is it the right port?",
                };
                self.die(format!("the modem does not answer to AT; {heard}"));
            }
        }
    }

    /// A command of the start or of the regular work got no answer.
    pub(super) fn stuck(&mut self, answer: &Answer, now: Instant) {
        let reason = format!("no answer to {}", shown(&answer.ask));
        // Some modems say nothing to what they do not know: that is left out next time.
        if answer.ask.is_optional() && self.mute.insert(answer.ask.line()) {
            return self.restart(&reason, now);
        }
        self.troubles.stuck += 1;
        match self.troubles.stuck {
            STUCK.. if self.troubles.may_restart(now) => self.start_anew(&reason, now),
            STUCK.. => self.die(reason),
            _ => self.restart(&reason, now),
        }
    }

    /// A submission got no answer.
    pub(super) fn hung(&mut self, reason: &str, now: Instant) {
        self.troubles.hung += 1;
        if self.troubles.hung >= HUNG && self.troubles.may_restart(now) {
            return self.start_anew(reason, now);
        }
        self.restart(reason, now);
    }

    /// Something happened to the modem while it worked: says what is sure of the submission in flight.
    pub(super) fn interrupted(&mut self, reason: &str, now: Instant) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        let flight = self.talk.reset();
        self.restart(reason, now);
        if let (State::Sending(sending), Some(answer)) = (&state, flight) {
            self.lost_submission(sending, &answer, reason, now);
        }
        self.inquiry_over(&state, reason);
    }

    /// Starts over: the modem's state is not known any more.
    pub(super) fn restart(&mut self, reason: &str, now: Instant) {
        self.down(reason);
        self.call_all(now);
    }

    /// Starts over after a while, longer each time.
    pub(super) fn repair(&mut self, reason: &str, now: Instant) {
        let before = self.troubles.setbacks;
        self.troubles.setbacks += 1;
        if self.troubles.setbacks >= SETBACKS && self.troubles.may_restart(now) {
            return self.start_anew(reason, now);
        }
        self.down(reason);
        let pause = PAUSE * 2u32.saturating_pow(before.min(10));
        self.state = State::Paused(now + pause.min(MAX_PAUSE));
    }

    /// The modem starts anew; its line may go with it. Nobody waits for an answer.
    fn start_anew(&mut self, reason: &str, now: Instant) {
        self.down(reason);
        self.troubles.restarted = Some(now);
        self.tell(Event::Restarted);
        self.talk.escape();
        self.talk.ask(Ask::Restart, self.settings.timeout, now);
        self.talk.give_up();
        self.state = State::Paused(now + BOOT);
    }

    fn down(&mut self, reason: &str) {
        self.forget(reason);
        self.tell(Event::Down(reason.to_owned()));
        self.refuse_waiting(reason);
    }

    pub(super) fn park(&mut self, reason: String) {
        self.forget(&reason);
        self.refuse_waiting(&reason);
        self.tell(Event::Parked(reason));
    }

    fn die(&mut self, reason: String) {
        self.forget(&reason);
        self.refuse_waiting(&reason);
        self.tell(Event::Dead(reason));
    }

    /// The line is gone: says what is sure of the submission in flight.
    pub(super) fn lose(&mut self, reason: &str) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        let flight = self.talk.reset();
        if let (State::Sending(sending), Some(answer)) = (&state, flight) {
            self.lost_submission_for_good(sending, &answer, reason);
        }
        self.inquiry_over(&state, reason);
        self.forget(reason);
        self.refuse_waiting(reason);
    }

    /// What was read may not be there when the line is open again; it will be listed anew.
    fn forget(&mut self, reason: &str) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        self.inquiry_over(&state, reason);
        self.talk.reset();
        self.chores.clear();
        self.arrivals.forget();
        self.due.clear();
        self.registered = false;
        self.health.network = None;
    }
}

/// A command as it may be shown: the PIN is not in it.
fn shown(ask: &Ask) -> String {
    match ask {
        Ask::EnterPin(_) => "AT+CPIN=…".to_owned(),
        Ask::Ussd(..) => "AT+CUSD=…".to_owned(),
        ask => ask.line(),
    }
}
