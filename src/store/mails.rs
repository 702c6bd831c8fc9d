//! Mails that wait for the MTA, or that it refused for good, as an admin sees them: the verbs of every store
//! that find them and do with them what he decides.
//!
//! MUST: change a mail only as it is when the change is made: one that was taken meanwhile is gone, not made anew.
//! MAY NOT: drop one by itself. A mail that was refused stays until an admin says otherwise.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{QueuedMail, StoreError};
use crate::sms::MessageId;

/// What an admin decided about mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailJudgement {
    /// They are to be handed in now, those that were refused too, as if they came now: they are tried for as long
    /// as new ones. To this address instead, if there is one; what is for a program keeps its recipient.
    Retry {
        /// Without `<>`.
        to: Option<String>,
    },
    /// They are done.
    Drop {
        /// Only those that are refused for good when it is done.
        refused: bool,
    },
}

/// The verbs.
#[async_trait]
pub trait Mails: Send + Sync {
    /// Mails, newest first, at most `max`; 0: all. `stuck`: only those that were refused for good.
    async fn mails(&self, stuck: bool, max: usize) -> Result<Vec<QueuedMail>, StoreError>;

    /// The ids of those that were refused for good, as they came, and whether each is for a program.
    async fn stuck_mails(&self) -> Result<Vec<(MessageId, bool)>, StoreError>;

    /// One of them.
    async fn find_mail(&self, id: MessageId) -> Result<Option<QueuedMail>, StoreError>;

    /// Whether it is being handed in just now.
    fn is_mail_leased(&self, id: MessageId) -> bool;

    /// Does with those of these that there are what an admin decided; which they were. One that is being handed in just
    /// now is not tried a second time beside that.
    async fn judge_mail(
        &self,
        now: Timestamp,
        ids: Vec<MessageId>,
        judgement: MailJudgement,
    ) -> Result<Vec<MessageId>, StoreError>;
}
