//! Asks a modem one thing after another and decides nothing: for `modem test`.
//!
//! Notifications are let pass. ESC goes before each `AT`, so that a modem that was left in text entry
//! answers and sends nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::command::Ask;
use super::talk::{Answer, Item, Talk};
use crate::wire::Core;

/// For the network's answer to a submission.
const SEND_TIMEOUT: Duration = Duration::from_secs(120);

/// One question, one [`Answer`].
#[derive(Debug)]
pub struct Asker {
    talk: Talk,
    timeout: Duration,
    answers: VecDeque<Answer>,
}

impl Asker {
    /// `timeout`: for each answer but that of the network.
    pub fn new(timeout: Duration) -> Self {
        Self {
            talk: Talk::new(SEND_TIMEOUT.max(timeout)),
            timeout,
            answers: VecDeque::new(),
        }
    }

    fn settle(&mut self) {
        while let Some(item) = self.talk.item() {
            if let Item::Answer(answer) = item {
                self.answers.push_back(answer);
            }
        }
    }
}

impl Core for Asker {
    type Command = Ask;
    type Event = Answer;

    fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        for &octet in bytes {
            self.talk.octet(octet, now);
        }
        self.settle();
    }

    fn handle_command(&mut self, ask: Ask, now: Instant) {
        if ask == Ask::Attention {
            self.talk.escape();
        }
        self.talk.ask(ask, self.timeout, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.talk.expire(now);
        self.settle();
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.talk.transmit()
    }

    fn poll_event(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.talk.deadline()
    }
}
