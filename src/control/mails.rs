//! Mails that the MTA has not taken, for admins: what waits for it, and what it refused for good and nobody else
//! may have.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::{Desk, Refused};
use crate::mail::inject;
use crate::mail::text::{self, RawMail};
use crate::sms::MessageId;
use crate::store::QueuedMail;
use crate::store::mails::MailJudgement;

/// Decided about in one transaction.
const AT_ONCE: usize = 256;

/// What of a subject is shown in a list.
const SUBJECT: usize = 60;

/// What a command asks about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mails", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MailRequest {
    /// They, newest first.
    List {
        /// Only those that were refused for good.
        refused: bool,
        /// At most this many; 0: all.
        limit: usize,
    },
    /// One of them, with all that is in it.
    Show {
        /// Its id.
        id: String,
    },
    /// Hand them in now.
    Retry {
        /// Which.
        these: These,
        /// To this address, and no longer to whom they were for.
        to: Option<String>,
    },
    /// Be done with them.
    Drop {
        /// Which.
        these: These,
    },
}

/// About which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct These {
    /// These.
    pub ids: Vec<String>,
    /// All that were refused for good.
    pub all: bool,
}

impl Desk {
    pub(super) async fn mails(&self, request: MailRequest) -> Result<Vec<Value>, Refused> {
        let store = &self.outbound.store;
        match request {
            MailRequest::List { refused, limit } => {
                let mails = store.mails(refused, limit).await?;
                Ok(mails.iter().map(brief).collect())
            }
            MailRequest::Show { id } => {
                let queued = self.mail(&id).await?;
                let mut shown = brief(&queued);
                shown["mail"] = String::from_utf8_lossy(&queued.mail.bytes).into();
                Ok(vec![shown])
            }
            MailRequest::Retry { these, to } => {
                if let Some(to) = to.as_deref().filter(|to| !inject::is_address(to)) {
                    return Err(Refused::Usage(format!("{to} is no mail address")));
                }
                let addresses = &self.outbound.planner().addresses;
                if let Some(to) = to.as_deref().filter(|to| addresses.is_sms(to)) {
                    return Err(Refused::Usage(format!(
                        "{to} is an SMS address, and what we write is not sent as SMS; write a mailbox"
                    )));
                }
                let ids = self.these(&these, to.is_some()).await?;
                let readdressed = to.is_some();
                let judged = self.judge(ids, MailJudgement::Retry { to }).await?;
                self.outbound.wake_mail();
                for id in &judged {
                    info!(mail = %id, readdressed, event = "mail-retried");
                }
                Ok(vec![json!({ "retried": judged.len() })])
            }
            MailRequest::Drop { these } => {
                let ids = self.these(&these, false).await?;
                let refused = these.all;
                let judged = self.judge(ids, MailJudgement::Drop { refused }).await?;
                for id in &judged {
                    info!(mail = %id, event = "mail-dropped");
                }
                Ok(vec![json!({ "dropped": judged.len() })])
            }
        }
    }

    async fn mail(&self, id: &str) -> Result<QueuedMail, Refused> {
        let parsed = MessageId::parse(id)
            .ok_or_else(|| Refused::Usage(format!("{id} is no id of a mail; see mail list")))?;
        let found = self.outbound.store.find_mail(parsed).await?;
        found.ok_or_else(|| Refused::Unavailable(format!("no mail {id} waits here")))
    }

    /// The ids of those, if all of them are there. `readdressed`: to somebody else, as no program can be.
    async fn these(&self, these: &These, readdressed: bool) -> Result<Vec<MessageId>, Refused> {
        if these.ids.is_empty() && !these.all {
            let what = "say which: ids as mail list prints them, or all";
            return Err(Refused::Usage(what.to_owned()));
        }
        let mut found = Vec::with_capacity(these.ids.len());
        for id in &these.ids {
            let queued = self.mail(id).await?;
            if readdressed && queued.mail.post {
                return Err(Refused::Unavailable(format!(
                    "{id} is for the program of {} and no mail: it goes to nobody else",
                    queued.mail.recipient
                )));
            }
            if self.outbound.store.is_mail_leased(queued.mail.id) {
                return Err(Refused::Unavailable(format!(
                    "{id} is being handed in just now; look again with mail list"
                )));
            }
            found.push(queued.mail.id);
        }
        if these.all {
            let all = self.outbound.store.stuck_mails().await?.into_iter();
            let all = all.filter(|(_, post)| !(readdressed && *post));
            found.extend(all.map(|(id, _)| id));
        }
        Ok(found)
    }

    async fn judge(
        &self,
        ids: Vec<MessageId>,
        judgement: MailJudgement,
    ) -> Result<Vec<MessageId>, Refused> {
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let now = self.outbound.world.now();
            let judged = self
                .outbound
                .store
                .judge_mail(now, ids.to_vec(), judgement.clone());
            all.extend(judged.await?);
        }
        Ok(all)
    }
}

fn brief(queued: &QueuedMail) -> Value {
    let mail = &queued.mail;
    let subject = match mail.post {
        true => None,
        false => text::subject(&RawMail::from_bytes(&mail.bytes)),
    };
    json!({
        "id": mail.id.to_string(),
        "state": if queued.undeliverable { "refused" } else { "waiting" },
        "recipient": mail.recipient, "sender": mail.sender, "about": mail.about.map(|id| id.to_string()),
        "subject": subject.map(|subject| subject.chars().take(SUBJECT).collect::<String>()),
        "program": mail.post, "octets": mail.bytes.len(), "attempts": queued.attempts,
        "created": queued.created.to_string(), "next_attempt": queued.next_attempt.to_string(),
        "error": queued.error,
    })
}
