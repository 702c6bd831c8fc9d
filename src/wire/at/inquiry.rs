//! A question to the network by USSD, one at a time, when nothing else is to be done at once.
//!
//! The form that the modem takes is found once; the alphabet of the line is put back after UCS-2. A
//! question that was heard is never asked twice.

use std::time::Instant;

use super::command::{Ask, Characters};
use super::talk::{Answer, End};
use super::ussd::{self, Code, Form, Reply};
use super::{At, Event, State};

/// Where a question is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inquiry {
    /// The alphabet for this form is set.
    Preparing(Code, Form, Vec<Form>),
    /// The network is asked; the forms are those to try if the modem refuses this one.
    Asking(Code, Form, Vec<Form>),
    /// The alphabet is put back, then this is told.
    Restoring(Reply),
    /// The session is given up, then this is told.
    Ending(Option<Reply>, Form),
}

impl At {
    /// The owner asks.
    pub(super) fn wish(&mut self, code: Code, now: Instant) {
        let busy = self.inquiry.is_some() || matches!(self.state, State::Inquiring(_));
        if busy || !self.is_started() {
            let reason = match busy {
                true => "another USSD code waits for its answer",
                false => "the modem is not ready",
            };
            return self.tell(Event::Ussd(Reply::Refused(reason.to_owned())));
        }
        self.inquiry = Some(code);
        if self.is_idle() {
            self.go_on(now);
        }
    }

    pub(super) fn inquire(&mut self, code: Code, now: Instant) {
        let forms = match self.form {
            Some(form) => vec![form],
            None => Code::forms(self.identity.maker.as_deref()).to_vec(),
        };
        self.try_form(code, forms, now);
    }

    fn try_form(&mut self, code: Code, mut forms: Vec<Form>, now: Instant) {
        if forms.is_empty() {
            let refused = "the modem does not take USSD codes".to_owned();
            return self.restore(Reply::Refused(refused), now);
        }
        let form = forms.remove(0);
        if form == Form::Ucs2 {
            self.ask(Ask::Characters(Characters::Ucs2), now);
            self.state = State::Inquiring(Inquiry::Preparing(code, form, forms));
            return;
        }
        self.put(code, form, forms, now);
    }

    fn put(&mut self, code: Code, form: Form, rest: Vec<Form>, now: Instant) {
        self.ask(Ask::Ussd(code.clone(), form), now);
        self.state = State::Inquiring(Inquiry::Asking(code, form, rest));
    }

    fn restore(&mut self, reply: Reply, now: Instant) {
        self.ask(Ask::Characters(Characters::Gsm), now);
        self.state = State::Inquiring(Inquiry::Restoring(reply));
    }

    /// A step of it ended: the one place that decides.
    pub(super) fn inquired(&mut self, inquiry: Inquiry, answer: &Answer, now: Instant) {
        match inquiry {
            Inquiry::Preparing(code, form, rest) => match answer.end {
                End::Ok => self.put(code, form, rest, now),
                _ => self.try_form(code, rest, now),
            },
            Inquiry::Asking(code, form, rest) => {
                if ussd::is_worth_another_form(answer) && !rest.is_empty() {
                    return self.try_form(code, rest, now);
                }
                let reply = ussd::reply(answer, form);
                match (&reply, form) {
                    (Reply::Silent, _) => self.end_session(Some(reply), form, now),
                    (Reply::Text { .. }, _) => {
                        self.form = Some(form);
                        self.replied(reply, form, now);
                    }
                    _ => self.replied(reply, form, now),
                }
            }
            Inquiry::Restoring(reply) => {
                self.tell(Event::Ussd(reply));
                self.go_on(now);
            }
            Inquiry::Ending(reply, form) => match (&answer.end, reply) {
                (End::Silent, reply) => {
                    self.stuck(answer, now);
                    reply
                        .into_iter()
                        .for_each(|reply| self.tell(Event::Ussd(reply)));
                }
                (_, Some(reply)) => self.replied(reply, form, now),
                (_, None) => self.go_on(now),
            },
        }
    }

    fn replied(&mut self, reply: Reply, form: Form, now: Instant) {
        if form == Form::Ucs2 {
            return self.restore(reply, now);
        }
        self.tell(Event::Ussd(reply));
        self.go_on(now);
    }

    fn end_session(&mut self, reply: Option<Reply>, form: Form, now: Instant) {
        // Some modems wait for the reply as they do for a PDU.
        self.talk.escape();
        self.ask(Ask::UssdEnd, now);
        self.state = State::Inquiring(Inquiry::Ending(reply, form));
    }

    /// The owner wants no more of it.
    pub(super) fn end_inquiry(&mut self, now: Instant) {
        if self.is_idle() {
            self.end_session(None, Form::Plain, now);
        }
    }

    /// It will get no answer; nothing of it is left.
    pub(super) fn inquiry_over(&mut self, state: &State, reason: &str) {
        let told = match state {
            State::Inquiring(Inquiry::Ending(None, _)) => false,
            State::Inquiring(_) => true,
            _ => false,
        };
        if self.inquiry.take().is_some() || told {
            self.tell(Event::Ussd(Reply::Refused(reason.to_owned())));
        }
    }
}
