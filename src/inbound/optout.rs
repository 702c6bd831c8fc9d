//! SMS that end SMS: STOP and START (spec 8, step 3).
//!
//! A word of [`words`] that is the whole text puts its sender on the list, or takes it off; what becomes of
//! the SMS, the change, one SMS that confirms it and mails to those who lately wrote to the phone are one
//! transaction. Nobody is put on the list by a mail or an address: only by an SMS that a gateway handed over
//! (a webhook has shown its secret by then), or by an admin.
//!
//! A phone is confirmed at most one end and one new beginning a day, whatever it repeats; who is on the list
//! already is not told again to anybody. START of a phone that is not on the list is a text like any other.
//!
//! On a nearly full disk, where every other SMS is left with its gateway, one that changes the list is kept all
//! the same, from the room that the store spares for the states of messages: `Inbound::spared` says what of
//! it. What it changes is settled as ever while there is room for a word; with less than that the phone goes on
//! the list, or leaves it, and nobody is told of it, neither by SMS nor by mail.
//!
//! Honoured for all classes, alarms too. 47 CFR 64.1200 and the European rules except emergencies from
//! consent, but carriers block all the same (CTIA), and whoever is called out at night and writes STOP means
//! it; the mails, and the refusals from then on, tell those who rely on that phone. `sms-milter optout
//! remove` undoes it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::Inbound;
use super::address::Recipient;
use super::deliver::{Caller, outcome};
use super::whole::Whole;
use crate::sms::Number;
use crate::store::optout::{By, Change, OptOut};
use crate::store::{
    Content, InboundOutcome, InboundState, NewMessage, OutMail, Received, StoreError, Taken,
};

pub mod words;

pub use words::Wish;
use words::Words;

/// A phone is confirmed the same no more than once in this time.
const CONFIRM_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// What it has not heard by then it has found out.
const CONFIRM_FOR: SignedDuration = SignedDuration::from_hours(24);

/// So many who lately wrote to a phone are told; a phone that more people write to is a robot.
const MAX_TOLD: usize = 100;

/// Octets of a PDU or a push that are kept from the room that is spared. A PDU has 176 at most, the pushes of
/// providers 1 or 2 KiB. With [`MAX_TOLD`] mails of 2 KiB at the worst, the 48 MiB that are spared are enough for
/// hundreds of STOPs, and for thousands with the one or two mails that there are.
const MAX_RAW: usize = 4096;

/// `incoming.opt_out`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Which words count; none: STOP is a text like any other.
    pub words: Words,
    /// The SMS that confirms an end; `None`: none, as a provider sends its own.
    pub text: Option<String>,
    /// The SMS that confirms a new beginning.
    pub start_text: Option<String>,
}

/// What an SMS asks.
pub(super) struct Asked {
    phone: Number,
    wish: Wish,
    word: String,
    /// Nothing changes by it.
    is_repeat: bool,
}

impl Inbound {
    /// Whether a text ends SMS to its sender, or begins them again.
    pub(super) fn opt(&self, whole: &Whole) -> Option<Asked> {
        let phone = whole.from.number()?;
        let is_all = whole.parts.0 == whole.parts.1 && whole.follows.is_none();
        if !is_all || !whole.data.is_empty() {
            return None;
        }
        let settings = self.settings();
        let (wish, word) = settings.opt_out.words.find(&whole.text)?;
        let is_out = self.store.is_opted_out(phone, None);
        if wish == Wish::Start && !is_out {
            return None;
        }
        Some(Asked {
            phone: phone.clone(),
            wish,
            word: word.to_owned(),
            is_repeat: wish == Wish::Stop && is_out,
        })
    }

    /// What of an SMS is kept from the room that is spared, if it changes the list: all that is needed to settle
    /// it, a text of at most 100 characters, and its octets unless they are too many. What changes nothing
    /// (STOP again, START of a phone that is not on the list) waits for room like any other SMS.
    pub(super) fn spared(&self, received: &Received) -> Option<Received> {
        let Content::Sms {
            from,
            text,
            binary: None,
            concat,
            marks,
            ..
        } = &received.content
        else {
            return None;
        };
        let phone = from.number()?;
        let is_part = concat.is_some_and(|concat| concat.parts > 1);
        // A text has 140 octets of header at most; a push may say what it likes.
        if is_part || marks.udh.len() > 140 {
            return None;
        }
        let settings = self.settings();
        let (wish, _) = settings.opt_out.words.find(text)?;
        let is_out = self.store.is_opted_out(phone, None);
        let changes = is_out == (wish == Wish::Start);
        changes.then(|| Received {
            raw: match received.raw.len() > MAX_RAW {
                true => Vec::new(),
                false => received.raw.clone(),
            },
            ..received.clone()
        })
    }

    /// Does what the text asks, durably.
    pub(super) async fn settle_opt(
        &self,
        now: Timestamp,
        whole: &Whole,
        asked: Asked,
    ) -> Result<(), StoreError> {
        let mut outcome = outcome(whole.ids.clone(), InboundState::Done, now);
        if !asked.is_repeat {
            outcome.mails = self.opt_mails(now, whole, &asked).await?;
        }
        outcome.messages = self.confirmation(now, whole, &asked).into_iter().collect();
        let mails = outcome.mails.len();
        let row = match asked.wish {
            Wish::Stop => Change::Out(self.row(now, whole, &asked)),
            Wish::Start => Change::In(asked.phone.clone()),
        };
        let (taken, told) = self.change(now, whole, outcome, row).await?;
        let mails = if told { mails } else { 0 };
        let event = match asked.wish {
            Wish::Stop if asked.is_repeat => "opted-out-already",
            Wish::Stop => "opted-out",
            Wish::Start => "opted-in",
        };
        let confirmed = matches!(taken.first(), Some(Taken::Queued));
        info!(
            msg = %whole.id, gw = whole.gateway, event, number = ?asked.phone, by = "phone",
            word = asked.word, confirmed, mails
        );
        if mails > 0 {
            self.mail_bell.notify_one();
        }
        // What was queued before is to be looked at, too.
        self.message_bell.notify_one();
        Ok(())
    }

    /// Changes the list; without a word to anybody where there is no room for one. Whether there was.
    async fn change(
        &self,
        now: Timestamp,
        whole: &Whole,
        told: InboundOutcome,
        change: Change,
    ) -> Result<(Vec<Taken>, bool), StoreError> {
        let silent = outcome(told.ids.clone(), told.state, now);
        match self.store.settle_opt(now, told, change.clone()).await {
            Err(StoreError::Full) => {
                warn!(
                    msg = %whole.id,
                    event = "opt-out-not-told",
                    why = "the disk of the store is full"
                );
                let settled = self.store.settle_opt(now, silent, change).await;
                settled.map(|taken| (taken, false))
            }
            settled => settled.map(|taken| (taken, true)),
        }
    }

    fn row(&self, now: Timestamp, whole: &Whole, asked: &Asked) -> OptOut {
        let settings = self.settings();
        let line = settings.gateways.get(&whole.gateway);
        let own = line.and_then(|line| line.number.as_ref());
        OptOut {
            phone: asked.phone.clone(),
            since: now,
            by: By::Phone {
                gateway: whole.gateway.clone(),
                ours: whole.to.as_ref().or(own).cloned(),
                word: asked.word.clone(),
            },
            note: None,
            confirmation: None,
        }
    }

    /// The one SMS that says so, by the gateway that it came by; the store leaves it out when it was said today.
    fn confirmation(&self, now: Timestamp, whole: &Whole, asked: &Asked) -> Option<NewMessage> {
        let settings = self.settings();
        let (text, what) = match asked.wish {
            Wish::Stop => (&settings.opt_out.text, "stop"),
            Wish::Start => (&settings.opt_out.start_text, "start"),
        };
        let key = Sha256::digest(format!("opt-out\0{what}\0{}", asked.phone)).into();
        let expires = now.checked_add(CONFIRM_FOR).unwrap_or(Timestamp::MAX);
        let mut new = self.sms_back(now, whole, text.clone()?, key, CONFIRM_AGAIN, expires)?;
        new.message.high = true;
        Some(new)
    }

    /// Mails to those who lately wrote to the phone, each in the conversation that it ends.
    async fn opt_mails(
        &self,
        now: Timestamp,
        whole: &Whole,
        asked: &Asked,
    ) -> Result<Vec<OutMail>, StoreError> {
        let mut told: Vec<Recipient> = Vec::new();
        for link in self.store.links(&asked.phone, self.since(now)).await? {
            let same = |r: &Recipient| r.address.eq_ignore_ascii_case(&link.sender);
            if told.len() < MAX_TOLD && !told.iter().any(same) {
                let address = link.sender.clone();
                let link = Some(link);
                told.push(Recipient { address, link });
            }
        }
        let caller = Caller {
            user: None,
            listed: self.listed(whole).await?,
        };
        let settings = self.settings();
        let args = [
            ("number", asked.phone.as_str().into()),
            ("word", asked.word.as_str().into()),
        ];
        let key = match asked.wish {
            Wish::Stop => "opted-out",
            Wish::Start => "opted-in",
        };
        let mail = |recipient: &Recipient| {
            let note = settings.speech.to(&recipient.address).say(key, &args);
            let text = format!("[{note}]\n\n{}", whole.text);
            let program = settings.people.named(&recipient.address);
            // A program reads the word.
            let text = match program.is_some_and(|user| user.post) {
                true => &whole.text,
                false => &text,
            };
            self.mail(whole, text, recipient, &caller)
        };
        Ok(told.iter().map(mail).collect())
    }
}
