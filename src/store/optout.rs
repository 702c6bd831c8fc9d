//! Phones that want no SMS (spec 8, step 3): the records, and the verbs of every store that keeps them.
//!
//! One list for all our numbers and gateways, by phone. Carriers keep one for each of a sender's numbers;
//! here a message goes by whatever gateway has room, so that whoever wrote STOP to one of our numbers would
//! go on hearing from the next. By which gateway and to which number it came is kept for people to read.
//!
//! MUST: know in memory who is on the list, as it is on the disk, so that every attempt can ask; change the
//! list in the transaction that settles the SMS which asked for that.
//! MAY NOT: drop anyone for age or for want of room: who opted out stays so until he says otherwise.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{InboundOutcome, Kept, Received, StoreError, Taken};
use crate::sms::{MessageId, Number};

/// A phone that wants no SMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    /// The phone.
    pub phone: Number,
    /// Since when.
    pub since: Timestamp,
    /// Who said so: the phone itself, or an admin.
    pub by: By,
    /// A remark of an admin's, for people.
    pub note: Option<String>,
    /// The one message that still goes there: it confirms that nothing else will.
    pub confirmation: Option<MessageId>,
}

/// Who said that a phone wants no SMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The phone did.
    Phone {
        /// By which gateway.
        gateway: String,
        /// To which of our numbers, if that is known.
        ours: Option<Number>,
        /// With which word: of the table or the configuration, never what else a phone wrote.
        word: String,
    },
    /// An admin did.
    Admin,
}

/// What the SMS says that is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The phone goes on the list; one that is there stays as it is. The first message of the outcome is
    /// its confirmation.
    Out(OptOut),
    /// The phone leaves the list.
    In(Number),
}

/// The verbs of the list.
#[async_trait]
pub trait OptOuts: Send + Sync {
    /// Whether the phone wants no SMS, but for the one that confirms that: from memory, as it is on the disk.
    fn is_opted_out(&self, phone: &Number, message: Option<MessageId>) -> bool;

    /// All that are on the list, in the order of their numbers.
    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError>;

    /// Puts a phone on the list; `false`: it is there already, and stays as it is.
    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError>;

    /// Takes a phone off the list; `None`: it was not there.
    async fn opt_in(&self, phone: &Number) -> Result<Option<OptOut>, StoreError>;

    /// Keeps a received SMS that will change the list, as [`super::Store::keep_inbound`], also where that says
    /// [`StoreError::Full`]: from what is spared for the states of messages, down to the room for a word.
    /// The caller sees to it that the SMS is small.
    async fn keep_opt(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError>;

    /// Writes what became of a received SMS together with what it changes on the list: as
    /// [`super::Store::settle_inbound`]. The answers are those to the outcome's messages.
    /// [`StoreError::Full`]: there is not even room for a word, and nothing was done; an outcome without mails
    /// and messages is done all the same.
    async fn settle_opt(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
        change: Change,
    ) -> Result<Vec<Taken>, StoreError>;
}
