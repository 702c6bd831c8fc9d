//! Phones that want no SMS, on the way out (spec 2.2, 7.4, 8 step 3): refused at RCPT when the address names
//! the phone, at the end of the message when anything else does, and asked again when an attempt is about to
//! begin. What was queued before is not sent then: its sender hears of it, and is charged nothing.
//!
//! The list is asked in memory ([`crate::store::optout`]); it never costs a read of the disk.

use super::Outbound;
use super::admit::Taken;
use super::dispatch::is_open;
use crate::mail::Reply;
use crate::sms::Number;
use crate::store::{Message, Reason};

impl Outbound {
    /// Refuses a phone that wants no SMS.
    pub(super) fn wanted(&self, number: &Number) -> Result<(), Reply> {
        match self.store.is_opted_out(number, None) {
            true => Err(refusal(number)),
            false => Ok(()),
        }
    }

    /// The same of a recipient, as far as it names phones. Of a group the others get theirs.
    pub(super) fn wanted_by(&self, taken: Taken) -> Result<Taken, Reply> {
        match &taken {
            Taken::Number(admitted) => self.wanted(&admitted.number)?,
            // What becomes of it depends on the mail.
            Taken::Account(_) | Taken::Person(_) | Taken::Group(_) | Taken::Answer(_) => {}
        }
        Ok(taken)
    }

    /// Whether a message must not be sent on, as nothing of it is on its way just now.
    pub(super) fn is_unwanted(&self, message: &Message) -> bool {
        !message.parts.iter().any(is_open)
            && self.store.is_opted_out(&message.number, Some(message.id))
    }
}

fn refusal(number: &Number) -> Reply {
    Reply::new(
        550,
        "5.7.1",
        format!("SMS to {number} is not allowed: {}", Reason::OptedOut),
    )
    .in_a_mail("reason-opted-out")
}
