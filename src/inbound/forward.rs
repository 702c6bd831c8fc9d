//! SMS that a rule sends on to phones (spec 8, step 7): which of them go, and who hears of those that do not.
//!
//! An SMS is never lost for that: what cannot go on to a phone is a mail to the account that would have paid,
//! with the whole text and the reason. Nothing goes on that came from a phone which SMS are forwarded to, or from a
//! gateway of ours: two phones that answer by themselves would keep each other busy (threats T20). See
//! [`crate::outbound::forward`] for what bounds the rest.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::info;

use super::address::Recipient;
use super::deliver::Caller;
use super::whole::Whole;
use super::{Inbound, Settings};
use crate::mail::Reply;
use crate::mail::compose;
use crate::outbound::Outbound;
use crate::outbound::forward::{Forwarded, Onward, Unsettled};
use crate::outbound::loops::Loops;
use crate::rules::{Delivery, Forward};
use crate::sms::Number;
use crate::store::{InboundOutcome, NewMessage, OutMail, StoreError};

/// The way to phones, as far as SMS from phones need it. By default there is none, and nothing goes on.
#[derive(Clone, Default)]
pub struct Phones {
    /// Hears of each SMS that became a mail.
    pub(super) loops: Arc<Loops>,
    pub(super) outbound: Option<Arc<Outbound>>,
}

impl From<Arc<Outbound>> for Phones {
    fn from(outbound: Arc<Outbound>) -> Self {
        Self {
            loops: outbound.loops.clone(),
            outbound: Some(outbound),
        }
    }
}

/// What of an SMS goes on, and what does not.
#[derive(Default)]
pub(super) struct Parting {
    going: Vec<Forwarded>,
    staying: Vec<(Number, Reply)>,
}

impl Parting {
    /// The messages that take it on.
    fn messages(&self) -> impl Iterator<Item = NewMessage> + '_ {
        self.going.iter().map(|forwarded| forwarded.new.clone())
    }

    /// Something that may be over soon is in the way.
    pub(super) fn is_to_wait(&self) -> bool {
        self.staying.iter().any(|(_, reply)| reply.is_temporary())
    }

    /// There is no room for the last of them; `false`: there is none left.
    fn leave_out(&mut self, reply: &Reply) -> bool {
        let last = self.going.pop();
        let number = last.map(|last| last.new.message.number);
        self.staying
            .extend(number.clone().map(|number| (number, reply.clone())));
        number.is_some()
    }
}

impl Inbound {
    /// Which of the phones an SMS goes on to.
    pub(super) async fn part(
        &self,
        now: Timestamp,
        whole: &Whole,
        forward: &Forward,
        caller: &Caller,
    ) -> Parting {
        let settings = self.settings();
        let mut parting = Parting::default();
        let from = whole.from.to_string();
        let subject = settings
            .speech
            .to(&forward.charge)
            .say("sms-from", &[("from", from.as_str().into())]);
        let onward = Onward {
            id: whole.id,
            charge: &forward.charge,
            from: &from,
            name: caller.name_for(&settings, &forward.charge).unwrap_or(&from),
            subject: &subject,
            message_id: &compose::message_id(whole.id, &settings.hostname),
            text: &whole.text,
            sent: whole.sent,
        };
        for to in &forward.to {
            let forwarded = match (&self.phones.outbound, not_on(&settings, whole)) {
                (_, Some(why)) => Err(Reply::new(550, "5.7.1", why)),
                (None, None) => Err(Reply::new(550, "5.3.5", "nothing sends SMS here")),
                (Some(outbound), None) => outbound.forward(onward, to, now).await,
            };
            match forwarded {
                Ok(forwarded) => parting.going.push(forwarded),
                Err(reply) => {
                    info!(
                        msg = %whole.id, number = ?to, code = reply.code, status = reply.enhanced,
                        event = "not-forwarded"
                    );
                    parting.staying.push((to.clone(), reply));
                }
            }
        }
        parting
    }

    /// Makes durable what becomes of an SMS, and what goes on of it; what the account has no room for is in the mail
    /// to it. How many mails there are, and to how many phones it goes.
    pub(super) async fn settle(
        &self,
        now: Timestamp,
        whole: &Whole,
        outcome: InboundOutcome,
        onward: Option<(&Forward, Parting)>,
        caller: &Caller,
    ) -> Result<(usize, usize), StoreError> {
        let Some((forward, mut parting)) = onward else {
            let mails = outcome.mails.len();
            self.store.settle_inbound(now, outcome).await?;
            return Ok((mails, 0));
        };
        loop {
            let mut outcome = outcome.clone();
            if let Some(told) = self.not_forwarded(whole, forward, &parting, caller) {
                // In the place of the mail that the rule says, not beside it.
                let same = |mail: &OutMail| mail.recipient.eq_ignore_ascii_case(&told.recipient);
                outcome.mails.retain(|mail| !same(mail));
                outcome.mails.push(told);
            }
            outcome.messages.extend(parting.messages());
            let mails = outcome.mails.len();
            let settled = match &self.phones.outbound {
                Some(outbound) => outbound.settle_forwarding(now, outcome).await,
                None => {
                    let settled = self.store.settle_inbound(now, outcome).await;
                    settled.map_err(Unsettled::Store)
                }
            };
            match settled {
                Ok(()) => return Ok((mails, parting.going.len())),
                Err(Unsettled::NoRoom(reply)) if parting.leave_out(&reply) => {}
                // Nothing else of it is charged.
                Err(Unsettled::NoRoom(_)) => return Err(StoreError::Conflict(whole.id)),
                Err(Unsettled::Store(error)) => return Err(error),
            }
        }
    }

    /// The mail to who pays: what did not go on, or not whole.
    fn not_forwarded(
        &self,
        whole: &Whole,
        forward: &Forward,
        parting: &Parting,
        caller: &Caller,
    ) -> Option<OutMail> {
        let settings = self.settings();
        let words = settings.speech.to(&forward.charge);
        let stays = parting.staying.iter().map(|(number, reply)| {
            let args = [
                ("number", number.as_str().into()),
                ("reason", reply.in_words(&words).into()),
            ];
            words.say("sms-not-forwarded", &args)
        });
        let cut = parting.going.iter().filter(|forwarded| forwarded.cut);
        let cut = cut.map(|forwarded| {
            let message = &forwarded.new.message;
            let args = [
                ("number", message.number.as_str().into()),
                ("segments", message.segments.into()),
            ];
            words.say("sms-forwarded-in-part", &args)
        });
        let notes: Vec<String> = stays.chain(cut).collect();
        if notes.is_empty() {
            return None;
        }
        let recipient = Recipient {
            address: forward.charge.clone(),
            link: None,
        };
        // A program reads the text.
        let program = settings.people.named(&forward.charge);
        let text = match program.is_some_and(|user| user.post) {
            true => whole.text.clone(),
            false => format!("{}\n\n{}", notes.join("\n"), whole.text),
        };
        Some(self.mail(whole, &text, &recipient, caller))
    }
}

/// Why an SMS goes on to nobody.
fn not_on(settings: &Settings, whole: &Whole) -> Option<&'static str> {
    if !whole.data.is_empty() || whole.text.trim().is_empty() {
        return Some("only text goes on to phones");
    }
    let from = whole.from.number()?;
    let forwards = |rule: &crate::rules::IncomingRule| match &rule.action {
        Delivery::Deliver(_, Some(forward)) => forward.to.contains(from),
        Delivery::Deliver(_, None) | Delivery::Drop => false,
    };
    let mut own = settings.gateways.values();
    let is_own = own.any(|line| line.number.as_ref() == Some(from));
    (is_own || settings.rules.iter().any(forwards)).then_some(
        "it came from a phone that SMS go on to, or from a gateway of ours: it would go in a circle",
    )
}
