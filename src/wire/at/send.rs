//! Submissions: what is sure of each, and what the modem needs after it.
//!
//! A submission without an answer stays in doubt for [`LATE`]: what the network still says of it is its
//! answer, and never that of the next one.

use std::time::{Duration, Instant};

use super::codes::{self, Code, Verdict, verdict};
use super::command::Ask;
use super::owner::Late;
use super::reading::first_number;
use super::talk::{Answer, End};
use super::{At, Command, Event, MAX_WAITING, Sending, State};

/// The network gives up a submission long before that (TS 24.011 §10: TR1M 35–45 s).
const LATE: Duration = Duration::from_mins(10);

/// Of more than these, one cannot be told from the other.
const MAX_DOUBTS: usize = 8;

/// What is shown of an answer that nobody asked for.
const MAX_SAID: usize = 20;

/// A submission that was given up.
#[derive(Debug)]
pub(super) struct Doubt {
    ticket: u64,
    repeat: bool,
    /// TP-MR, as it was written; some modems count by themselves.
    reference: Option<u8>,
    until: Instant,
}

impl At {
    /// Takes a submission, or refuses it at once.
    pub(super) fn take(&mut self, sending: Sending, now: Instant) {
        if !self.is_started() || self.waiting.len() >= MAX_WAITING {
            return self.refuse(&sending, Verdict::Repair, "the modem is not ready");
        }
        self.waiting.push_back(sending);
        if self.is_idle() {
            self.go_on(now);
        }
    }

    pub(super) fn submit(&mut self, sending: Sending, now: Instant) {
        self.ask(Ask::Submit(sending.tpdu.clone()), now);
        self.state = State::Sending(sending);
    }

    /// The submission in flight ended: says what became of it, then looks after the modem.
    pub(super) fn submitted(&mut self, sending: &Sending, answer: &Answer, now: Instant) {
        let said = answer.lines.last().map(std::slice::from_ref);
        let reference = said.and_then(|line| first_number(line, "+CMGS:"));
        let reference = reference.and_then(|n| u8::try_from(n).ok());
        match (&answer.end, reference) {
            (End::Ok, Some(reference)) => {
                self.troubles.over();
                self.counts_as_we_do = sending.tpdu.reference() == Some(reference);
                self.sent(sending, Some(reference));
                self.go_on(now);
            }
            (End::Ok, None) => {
                let reason = "the modem said OK without the network's reference";
                self.doubt(sending, reason, now);
                self.go_on(now);
            }
            (End::Error(code), _) => self.failed(sending, code, answer.handed, now),
            // First that the modem is down, then the outcome: who hears the outcome may ask at once.
            (End::Silent, Some(reference)) => {
                // The network has it (TS 27.005 §3.5.1); it is the modem that does not go on.
                self.hung("the modem did not end its answer to a submission", now);
                self.sent(sending, Some(reference));
            }
            (End::Silent, None) if answer.handed => {
                self.hung("the modem did not answer to a submission", now);
                self.doubt(sending, "no answer from the network in time", now);
            }
            (End::Silent, None) => {
                let again = Verdict::Later {
                    after: None,
                    counts: true,
                };
                self.hung("the modem did not ask for a PDU", now);
                self.refuse(sending, again, "the modem did not ask for the PDU");
            }
        }
    }

    fn failed(&mut self, sending: &Sending, code: &Code, handed: bool, now: Instant) {
        let verdict = verdict(code, handed, sending.repeat);
        let reason = code.to_string();
        self.troubles.hung = 0;
        match verdict {
            // Reading and deleting is the repair.
            Verdict::Repair if codes::is_full(code) => {
                self.due.insert(self.storage);
                self.go_on(now);
            }
            Verdict::Repair => self.repair(&reason, now),
            Verdict::Human => self.park(reason.clone()),
            _ => self.go_on(now),
        }
        match verdict {
            Verdict::Accepted => self.sent(sending, None),
            Verdict::Unknown => self.unknown(sending.ticket, &reason),
            _ => self.refuse(sending, verdict, &reason),
        }
    }

    /// Something happened to the modem while a submission was in flight, and its line is still there.
    pub(super) fn lost_submission(
        &mut self,
        sending: &Sending,
        answer: &Answer,
        reason: &str,
        now: Instant,
    ) {
        if answer.handed {
            self.doubt(sending, reason, now);
        } else {
            self.refuse(sending, Verdict::Repair, reason);
        }
    }

    /// The line went while a submission was in flight: no answer will come.
    pub(super) fn lost_submission_for_good(
        &mut self,
        sending: &Sending,
        answer: &Answer,
        reason: &str,
    ) {
        if answer.handed {
            self.unknown(sending.ticket, reason);
        } else {
            self.refuse(sending, Verdict::Repair, reason);
        }
    }

    pub(super) fn refuse_waiting(&mut self, reason: &str) {
        while let Some(sending) = self.waiting.pop_front() {
            self.refuse(&sending, Verdict::Repair, reason);
        }
    }

    fn sent(&mut self, sending: &Sending, reference: Option<u8>) {
        let ticket = sending.ticket;
        self.tell(Event::Sent { ticket, reference });
    }

    fn refuse(&mut self, sending: &Sending, verdict: Verdict, reason: &str) {
        let (ticket, reason) = (sending.ticket, reason.to_owned());
        self.tell(Event::Refused {
            ticket,
            verdict,
            reason,
        });
    }

    fn unknown(&mut self, ticket: u64, reason: &str) {
        let reason = reason.to_owned();
        self.tell(Event::Unknown { ticket, reason });
    }

    /// Unknown, and the answer may still come.
    fn doubt(&mut self, sending: &Sending, reason: &str, now: Instant) {
        self.unknown(sending.ticket, reason);
        self.doubts.push_back(Doubt {
            ticket: sending.ticket,
            repeat: sending.repeat,
            reference: sending.tpdu.reference(),
            until: now + LATE,
        });
        if self.doubts.len() > MAX_DOUBTS {
            self.doubts.pop_front();
        }
        self.tell_talk_of_doubts();
    }

    /// Which answers are late is decided while they are read.
    fn tell_talk_of_doubts(&mut self) {
        let named = |doubt: &Doubt| doubt.reference.filter(|_| self.counts_as_we_do);
        let last = self.doubts.back().map(named);
        self.talk.doubt(last);
    }

    /// The submission that a late answer belongs to: the one with that reference, or the only one. Of
    /// several, none is claimed to be sent.
    fn doubted(&mut self, reference: Option<u8>, now: Instant) -> Option<Doubt> {
        self.doubts.retain(|doubt| now < doubt.until);
        let named = self
            .doubts
            .iter()
            .position(|doubt| reference.is_some() && doubt.reference == reference);
        let at = named.or((self.doubts.len() == 1).then_some(0));
        let found = at.and_then(|at| self.doubts.remove(at));
        self.tell_talk_of_doubts();
        found
    }

    pub(super) fn late_sent(&mut self, said: &str, now: Instant) {
        let reference = said.split(',').next().and_then(|mr| mr.trim().parse().ok());
        match self.doubted(reference, now) {
            Some(Doubt { ticket, .. }) => {
                let outcome = Late::Sent(reference);
                self.tell(Event::Late { ticket, outcome });
            }
            None => {
                let said: String = said.chars().take(MAX_SAID).collect();
                self.notice(format!(
                    "a late answer to an earlier submission: the network took it as {said}"
                ));
            }
        }
    }

    pub(super) fn late_failed(&mut self, code: &Code, now: Instant) {
        let Some(doubt) = self.doubted(None, now) else {
            return self.notice(format!("a late answer to an earlier submission: {code}"));
        };
        let (ticket, reason) = (doubt.ticket, code.to_string());
        let outcome = match verdict(code, true, doubt.repeat) {
            Verdict::Accepted => Late::Sent(None),
            // That is what it was before.
            Verdict::Unknown | Verdict::Repeat => return,
            verdict => Late::Refused { verdict, reason },
        };
        self.tell(Event::Late { ticket, outcome });
    }
}

/// A submission as a command.
impl From<Sending> for Command {
    fn from(sending: Sending) -> Self {
        Command::Send(sending)
    }
}
