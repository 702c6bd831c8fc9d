//! SMS from phones that a rule sends on to other phones (spec 8, step 7): `forward` of `incoming.rules`.
//!
//! One that goes on is a message like any other: an account pays for it, and its rights, limits, the numbers it
//! may write to, opt-outs, the spend guard, rules and gateways are asked as for its mails. What becomes of the SMS
//! and all that goes on are one transaction, so that a kill loses nothing and sends nothing twice; each has a key
//! of its own beside that.
//!
//! Whoever knows our number can have such an SMS sent. So what goes on to a phone that got [`MAX_HOUR`] segments in
//! an hour is held, whatever the limits are (with `limits.per_number_hour` all that it got counts), and an admin is told. That also ends a circle through gateways
//! of others, which nothing in a text would show. For the same reason none is of the class `alarm`: those are never held.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Outbound;
use super::accept::{REPEAT_WINDOW, log_accepted};
use super::admit::Admitted;
use super::plan::Planner;
use super::spend::Beside;
use super::wishes::Wishes;
use crate::access::credentials::Shown;
use crate::mail::dsn::OfRecipient;
use crate::mail::text::{MailText, Matter};
use crate::mail::{Client, Envelope, Reply};
use crate::sms::{Class, MessageId, Number};
use crate::store::{Dedupe, InboundOutcome, NewMessage, StoreError};

/// Segments to a phone in an hour: one a minute, more than anybody reads.
pub const MAX_HOUR: u32 = 60;

/// The phone is to see who wrote it; a rule of `outgoing` may say it otherwise.
const SHAPE: &str = "{from}: {body}";

/// An SMS that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// Its name.
    pub id: MessageId,
    /// Who pays.
    pub charge: &'a str,
    /// Who sent it: the number, or what stands for it.
    pub from: &'a str,
    /// What they are called, else the same.
    pub name: &'a str,
    /// The subject that a mail of it would have.
    pub subject: &'a str,
    /// The Message-ID that a mail of it has.
    pub message_id: &'a str,
    /// What it says.
    pub text: &'a str,
    /// When it was sent.
    pub sent: Timestamp,
}

/// A message to a phone that an SMS goes on to.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// What is to be stored with what becomes of the SMS.
    pub new: NewMessage,
    /// It is the beginning of the SMS.
    pub cut: bool,
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum Unsettled {
    /// The account has no room for all that goes on.
    NoRoom(Reply),
    /// The store says why.
    Store(StoreError),
}

impl Outbound {
    /// The message that takes an SMS on to a phone, or why there is none. Stores nothing.
    pub async fn forward(
        &self,
        sms: Onward<'_>,
        to: &Number,
        now: Timestamp,
    ) -> Result<Forwarded, Reply> {
        let envelope = Envelope {
            sender: sms.charge.to_owned(),
            client: Client::Local,
            queue_id: Some(sms.id.to_string()),
            ..Envelope::default()
        };
        let planner = self.planner();
        let who = |planner: &Planner| {
            let access = &planner.access;
            access.who(&envelope, &Shown::Nothing, None, to, now)
        };
        let payer = planner.knowing(who).await??;
        let region = planner.region();
        let reach = &payer.policy.reach;
        let number = planner.destinations.check(to.clone(), region, reach)?;
        self.wanted(&number)?;
        let to = Admitted {
            number,
            payer,
            wishes: Wishes::default(),
            due: None,
            dsn: OfRecipient::default(),
        };
        let mail = mail(sms)?;
        let plan = planner.plan(&mail, &to)?;
        let cut = plan.cut;
        let recipient = to.number.as_str().to_owned();
        let mut message = self.message(&planner, &envelope, &recipient, &mail, to, plan, now);
        if message.class == Class::Alarm {
            (message.class, message.high) = (Class::Normal, true);
        }
        let mut watch = self.watch(&message, now);
        let guard = watch.guard.get_or_insert_default();
        guard.number_hour = match guard.number_hour {
            0 => MAX_HOUR,
            limit => limit.min(MAX_HOUR),
        };
        let new = NewMessage {
            dedupe: vec![Dedupe {
                key: key(sms.id, &message.number),
                until: now + REPEAT_WINDOW,
            }],
            watch,
            original: None,
            message,
        };
        Ok(Forwarded { new, cut })
    }

    /// Settles received SMS together with what of them goes on to phones: all of it, or nothing.
    pub async fn settle_forwarding(
        &self,
        now: Timestamp,
        mut outcome: InboundOutcome,
    ) -> Result<(), Unsettled> {
        let messages = std::mem::take(&mut outcome.messages);
        let names: Vec<_> = messages.iter().map(|new| new.message.clone()).collect();
        let mut beside = Beside::default();
        let settle = |messages, mails: Vec<_>| {
            let mut outcome = outcome.clone();
            outcome.messages = messages;
            outcome.mails.extend(mails);
            self.store.settle_inbound(now, outcome)
        };
        if let Err(error) = self.take_all(now, messages, &mut beside, settle).await {
            return Err(match self.no_room(&error) {
                Some((_, reply)) => Unsettled::NoRoom(reply),
                None => Unsettled::Store(error),
            });
        }
        for message in names.iter().filter(|message| message.charge.is_some()) {
            log_accepted(message, message.origin.queue_id.as_deref().unwrap_or("-"));
        }
        self.wake();
        Ok(())
    }
}

/// What rules and templates see of it.
fn mail(sms: Onward<'_>) -> Result<MailText, Reply> {
    let date = sms.sent.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let mut mail = MailText {
        subject: sms.subject.to_owned(),
        message_id: Some(sms.message_id.to_owned()),
        matter: Some(Matter::of_sms(sms.from, sms.name, sms.text, &date)),
        ..MailText::default()
    };
    mail.text = mail.shaped(SHAPE).map_err(Reply::from)?;
    Ok(mail)
}

/// The same SMS goes on to a phone once.
fn key(sms: MessageId, to: &Number) -> [u8; 32] {
    Sha256::digest(format!("forward\0{sms}\0{to}")).into()
}
