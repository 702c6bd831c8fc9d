//! Whether a RCPT argument is ours, and whether its sender may send there: what can be said before there
//! is a mail (spec 2, 2.2, 3). Pure.

use jiff::Timestamp;

use super::lookup::Known;
use super::loops::Refusal;
use super::plan::{Planner, unwished};
use super::wishes::Wishes;
use crate::access::Payer;
use crate::access::credentials::Shown;
use crate::mail::address::{self, Credentials, Parameters, Target};
use crate::mail::dsn::OfRecipient;
use crate::mail::text::{self, AutoSubmitted, MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::sms::{Number, span};
use crate::store::phonebook::{Entry, Question};

/// A recipient that may be sent to.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// The phone.
    pub number: Number,
    /// Who pays.
    pub payer: Payer,
    /// What the sender asks beside that, and may.
    pub wishes: Wishes,
    /// When it is to be sent, if not now.
    pub due: Option<Timestamp>,
    /// What its RCPT asks of reports.
    pub dsn: OfRecipient,
}

/// What the address and its MTA say of a recipient beside the number.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Which of the domains.
    pub domain: usize,
    /// What its RCPT asks of reports, and the address that led here.
    pub dsn: OfRecipient,
    /// What its address shows of who pays, looked up: never the password or the token itself.
    pub shown: Shown,
    /// What the sender asks of the message.
    pub wishes: Wishes,
    /// The phone is a user's, whatever its number.
    pub to_user: bool,
}

/// A user or a contact whose sender may teach the phonebook numbers: what becomes of the mail depends on
/// its subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The name in the phonebook.
    pub address: String,
    /// What the phonebook says, if anything.
    pub entry: Option<Entry>,
    /// The phone, and whether the configuration says so; `None`: nobody knows.
    pub number: Option<(Number, Source)>,
    /// That it may be sent to the phone.
    pub admitted: Option<Admitted>,
    /// The rest of what is known.
    pub asked: Asked,
    /// Who pays.
    pub payer: Payer,
}

/// Who says what a person's number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `mobile` of the configuration, which wins and is never changed by a mail.
    Configuration,
    /// Somebody told us.
    Phonebook,
}

/// A group: each member has its own verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Crew {
    /// The numbers, each once, and those that failed.
    pub members: Vec<Result<Admitted, Reply>>,
    /// Who pays.
    pub payer: Payer,
}

/// An answer to a question of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Answering {
    /// The question.
    pub question: Question,
    /// What the phonebook says of whom it is about.
    pub entry: Option<Entry>,
    /// Whom it is about is a user, by now with a number in the configuration.
    pub configured: bool,
    /// The rest of what is known.
    pub asked: Asked,
    /// Who answers.
    pub payer: Payer,
}

/// The account: its numbers are in the header of the mail, and each is judged when they are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// `sms@example.com`.
    pub account: String,
    /// The rest of what is known.
    pub asked: Asked,
    /// Who pays, as far as it does not depend on the number.
    pub payer: Payer,
}

/// A recipient of ours that is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// A phone.
    Number(Admitted),
    /// The account.
    Account(Pending),
    /// A user or a contact.
    Person(Box<Person>),
    /// A group.
    Group(Crew),
    /// An answer.
    Answer(Box<Answering>),
}

/// By which door somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// By mail.
    Mail,
    /// By a door for programs, whose dialects write the DCS of a text too.
    Program,
    /// Whoever runs this machine, who may ask for anything.
    Operator,
}

impl Taken {
    /// Who pays.
    pub fn payer(&self) -> &Payer {
        match self {
            Taken::Number(admitted) => &admitted.payer,
            Taken::Account(pending) => &pending.payer,
            Taken::Person(person) => &person.payer,
            Taken::Group(crew) => &crew.payer,
            Taken::Answer(answering) => &answering.payer,
        }
    }
}

/// A RCPT argument, judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Ordinary mail.
    NotOurs,
    /// Ours, and whether it may be sent to.
    Ours(Result<Box<Taken>, Reply>),
}

const NULL_SENDER: &str = "SMS need a sender: this mail has the null sender";

impl Planner {
    /// Who pays, as the address says; to be looked up in [`super::credentials`].
    pub fn credentials(&self, envelope: &Envelope, rcpt: &str) -> Credentials {
        // A mail without a sender is refused, whatever it shows.
        if envelope.sender.is_empty() || !rcpt.contains('?') {
            return Credentials::default();
        }
        match self.addresses.read(rcpt, envelope.client == Client::Local) {
            address::Recipient::Ours { parameters, .. } => parameters.credentials,
            _ => Credentials::default(),
        }
    }

    /// Judges a RCPT argument; `esmtp` are its further arguments, `shown` is what its credentials proved to
    /// be. What it misses in `known` is to be looked up, and then it is to be asked again.
    pub fn judge(
        &self,
        envelope: &Envelope,
        rcpt: &str,
        esmtp: &[String],
        shown: Shown,
        known: &Known,
        now: Timestamp,
    ) -> Judgement {
        let bare = envelope.client == Client::Local;
        match self.addresses.read(rcpt, bare) {
            // What that listener lets through would come back to it for ever.
            address::Recipient::NotOurs if self.access.is_resubmission(envelope) => {
                let text = "no SMS recipient: this listener takes nothing else";
                Judgement::Ours(Err(Reply::new(550, "5.1.1", text)))
            }
            address::Recipient::NotOurs => Judgement::NotOurs,
            address::Recipient::Wrong(reply) => Judgement::Ours(Err(reply)),
            address::Recipient::Ours {
                target,
                domain,
                parameters,
            } => {
                let asked = wishes(&parameters).map(|wishes| Asked {
                    domain,
                    dsn: OfRecipient::read(esmtp),
                    wishes,
                    shown,
                    to_user: false,
                });
                let taken = asked.and_then(|asked| self.take(envelope, target, asked, known, now));
                Judgement::Ours(taken.map(Box::new))
            }
        }
    }

    fn take(
        &self,
        envelope: &Envelope,
        target: Target,
        asked: Asked,
        known: &Known,
        now: Timestamp,
    ) -> Result<Taken, Reply> {
        // On the re-submission listener it may be one of our own mails, come round by an alias: what it is shows
        // in its header, and somebody is to hear of that ([`Planner::refuses`]).
        if envelope.sender.is_empty() && !self.access.is_resubmission(envelope) {
            // Bounces, read receipts, vacation answers: a login does not make them a person's mail.
            return Err(Reply::new(550, "5.7.1", NULL_SENDER));
        }
        let number = match target {
            Target::Number(number) => number,
            Target::User(local) => return self.name(envelope, &local, asked, known, now),
            Target::Account(account) => {
                return self
                    .pending(envelope, account, asked, now)
                    .map(Taken::Account);
            }
        };
        self.admit(envelope, number, &asked, now).map(Taken::Number)
    }

    /// What is said of the account before its numbers are known: all that every number would meet.
    fn pending(
        &self,
        envelope: &Envelope,
        account: String,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Pending, Reply> {
        let original = asked.dsn.original_address();
        let payer = self
            .access
            .who_at_all(envelope, &asked.shown, original, now)?;
        self.granted(&asked.wishes, &payer, Asker::Mail)?;
        asked.wishes.due(now).map_err(unwished)?;
        Ok(Pending {
            account,
            asked,
            payer,
        })
    }

    /// Whether the sender may send to that number what he asks.
    pub fn admit(
        &self,
        envelope: &Envelope,
        number: Number,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Admitted, Reply> {
        let original = asked.dsn.original_address();
        // A user is one of ours, whoever says what his number is. Aliases and tokens pay for the listed
        // numbers only.
        let listed = self.access.is_resubmission(envelope) || asked.shown.token().is_some();
        let (access, shown) = (&self.access, &asked.shown);
        let payer = match asked.to_user && !listed {
            true => access.who_at_all(envelope, shown, original, now)?,
            false => access.who(envelope, shown, original, &number, now)?,
        };
        let region = self.addresses.domains[asked.domain].region;
        let number = self
            .destinations
            .check(number, region, &payer.policy.reach)?;
        self.granted(&asked.wishes, &payer, Asker::Mail)?;
        Ok(Admitted {
            number,
            due: asked.wishes.due(now).map_err(unwished)?,
            wishes: asked.wishes.clone(),
            dsn: asked.dsn.clone(),
            payer,
        })
    }

    /// Whom a mail to the account goes to: one outcome a number, or one for all of them.
    pub fn numbers(
        &self,
        envelope: &Envelope,
        pending: &Pending,
        raw: &RawMail,
        mail: &MailText,
        now: Timestamp,
    ) -> Vec<Result<Admitted, Reply>> {
        let region = self.addresses.domains[pending.asked.domain].region;
        let named = text::addressees(raw).map_err(Reply::from);
        let numbers = named
            .and_then(|named| address::numbers(&pending.account, &named, &mail.subject, region));
        let numbers = match numbers {
            Ok(numbers) => numbers,
            Err(reply) => return vec![Err(reply)],
        };
        let admit = |number| self.admit(envelope, number, &pending.asked, now);
        let judged: Vec<_> = numbers
            .into_iter()
            .map(|number| number.and_then(admit))
            .collect();
        match alike(&judged) {
            Some(reply) => vec![Err(reply)],
            None => judged,
        }
    }

    /// Whether the payer may ask for that (spec 2.1), and whether it can be had.
    pub(super) fn granted(
        &self,
        wishes: &Wishes,
        payer: &Payer,
        asker: Asker,
    ) -> Result<(), Reply> {
        let policy = &payer.policy;
        let account = &payer.account;
        let operator = asker == Asker::Operator;
        if let Some(name) = wishes.special()
            && !(policy.binary || operator)
            && !(asker == Asker::Program && name == "dcs" && wishes.is_plain())
        {
            return Err(wrong(format!("{name}: {account} may not send data")));
        }
        if let Some(wish) = wishes.max_segments
            && wish > policy.max_segments
        {
            let most = policy.max_segments;
            let text = format!("maxmsgs={wish}: {account} may send {most} at a time");
            return Err(wrong(text));
        }
        if let Some(id) = &wishes.gateway {
            if !(policy.choose_gateway || operator) {
                return Err(wrong(format!("id: {account} may not choose the gateway")));
            }
            if !self.gateways.iter().any(|gateway| gateway.id == *id) {
                return Err(wrong(format!("id={id}: there is no such gateway")));
            }
        }
        if let Some(sender) = &wishes.sender
            && !policy.sender_ids.contains(sender)
        {
            let text = format!("sender: {account} may not be shown as {sender}");
            return Err(wrong(text));
        }
        if let Some(reply) = &wishes.reply
            && !self.access.is_own(account, reply)
        {
            let text = format!("reply: {reply} is no address of {account}");
            return Err(wrong(text));
        }
        self.within_life(wishes)
    }

    /// A validity that the queue would cut short is refused, not cut.
    fn within_life(&self, wishes: &Wishes) -> Result<(), Reply> {
        match wishes.validity {
            Some(wish) if wish > self.expire => {
                let longest = span::short(self.expire);
                Err(wrong(format!(
                    "validity: the queue keeps no message longer than {longest} (queue.expire); \
                     write {longest} or less"
                )))
            }
            _ => Ok(()),
        }
    }

    /// Why no SMS can come of this mail, whoever it is for.
    pub fn refuses(&self, envelope: &Envelope, mail: &MailText) -> Option<Refusal> {
        let text = if mail.own_loop {
            return Some(circle());
        } else if envelope.sender.is_empty() {
            NULL_SENDER
        } else if mail.auto_submitted == AutoSubmitted::Replied {
            "automatic replies are not sent by SMS"
        } else {
            return None;
        };
        Some(Reply::new(550, "5.7.1", text).into())
    }
}

const CIRCLE: &str = "this mail came from an SMS: it would go in a circle";

/// The refusal of what bears our own mark.
pub(super) fn circle() -> Refusal {
    Refusal::Circle(Reply::new(550, "5.7.1", CIRCLE))
}

fn wrong(text: String) -> Reply {
    Reply::new(550, "5.1.3", text)
}

/// The parameters of an address, as what they ask.
pub(super) fn wishes(parameters: &Parameters) -> Result<Wishes, Reply> {
    let mut wishes = Wishes::default();
    for (name, value) in &parameters.wishes {
        if !wishes.set(name, value).map_err(unwished)? {
            return Err(wrong(format!("parameter {name} is not known")));
        }
    }
    wishes.check().map_err(unwished)?;
    Ok(wishes)
}

/// The reply for all of them, when all fail in the same way: it can be given in the dialogue.
pub(super) fn alike(judged: &[Result<Admitted, Reply>]) -> Option<Reply> {
    let mut replies = judged.iter().map(|one| one.as_ref().err());
    let first = replies.next()??;
    let mut texts = vec![first.text.as_str()];
    for reply in replies {
        let reply = reply?;
        if (reply.code, reply.enhanced) != (first.code, first.enhanced) {
            return None;
        }
        if !texts.contains(&reply.text.as_str()) {
            texts.push(&reply.text);
        }
    }
    Some(Reply::new(first.code, first.enhanced, texts.join("; ")))
}

#[cfg(test)]
mod tests;
