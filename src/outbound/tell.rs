//! The task that tells senders, in one mail, what several recipients of one mail have in common (spec 7.3: one
//! mail per message and cause, not ten).
//!
//! What there is to tell of a mail with one recipient is a mail in the transaction of the change it speaks of. Of
//! a mail with more, that transaction keeps a [`Telling`]; those of one mail and cause gather until nothing came
//! for [`Gather::quiet`], the first has waited for [`Gather::longest`], or every message of the mail has one.
//! Then one transaction takes them away and the mail in: killed at any time, each is told once. What is not true
//! any more by then is not told: a delay of a message that was sent meanwhile. What the store does not take is
//! tried again after a [`Rest`], however often the bell rings meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::sync::watch;

use super::Outbound;
use super::cause::Cause;
use super::notify;
use crate::pace::Rest;
use crate::store::{Message, OutMail, StoreError, Telling};

/// How long to gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gather {
    /// As long as others may follow: a modem needs some seconds for an SMS, a segment or several.
    pub quiet: SignedDuration,
    /// As long as a sender may be left in ignorance.
    pub longest: SignedDuration,
}

impl Default for Gather {
    fn default() -> Self {
        Self {
            quiet: SignedDuration::from_secs(30),
            longest: SignedDuration::from_mins(5),
        }
    }
}

/// How often to look without being rung.
const POLL: Duration = Duration::from_secs(30);

/// The least time between two looks.
const SOON: Duration = Duration::from_millis(50);

impl Outbound {
    /// Tells until `stop` turns true or the store is dead.
    pub async fn tell_together(self: Arc<Self>, gather: Gather, mut stop: watch::Receiver<bool>) {
        let mut rest = Rest::default();
        while !*stop.borrow() {
            let told = self.tell_due(&gather).await;
            let wait = match &told {
                Ok(()) => self.until_next(&gather),
                Err(reason @ StoreError::Dead(_)) => {
                    tracing::error!(%reason, event = "telling-stopped");
                    return;
                }
                Err(error) => {
                    let wait = rest.failed(Instant::now());
                    tracing::warn!(%error, again = ?wait, event = "not-told-yet");
                    wait
                }
            };
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { return },
                () = self.gathers.notified(), if told.is_ok() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// How long until something has gathered. Never at once again, whatever the clock does.
    fn until_next(&self, gather: &Gather) -> Duration {
        let next = self.store.next_telling(gather.quiet, gather.longest);
        let wait = next.map(|next| next.duration_since(self.world.now()));
        let wait = wait.map_or(POLL, |wait| wait.try_into().unwrap_or(Duration::ZERO));
        wait.clamp(SOON, POLL)
    }

    /// Tells what has gathered.
    pub async fn tell_due(&self, gather: &Gather) -> Result<(), StoreError> {
        let now = self.world.now();
        let (quiet, longest) = (gather.quiet, gather.longest);
        for tellings in self.store.tellings(now, quiet, longest).await? {
            let mails = self.together(&tellings).await?;
            match self.store.tell(now, tellings, mails).await {
                Ok(()) => self.wake_mail.notify_one(),
                // Told since they were read.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The mails for what is to be told of one mail for one cause: one for each who is told.
    async fn together(&self, tellings: &[Telling]) -> Result<Vec<OutMail>, StoreError> {
        let mut told: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        let mut cause = None;
        for telling in tellings {
            cause = Cause::of_name(&telling.cause);
            let Some(message) = self.store.find(telling.message).await? else {
                continue;
            };
            let is_true = cause.is_some_and(|cause| cause.still_holds(&message));
            if let Some(to) = message.origin.report_to.clone().filter(|_| is_true) {
                told.entry(to).or_default().push(message);
            }
        }
        let (Some(cause), Some(first)) = (cause, tellings.first()) else {
            return Ok(Vec::new());
        };
        let original = self.store.original(first.mail.id).await?;
        let at = tellings.iter().map(|telling| telling.at).max();
        let at = at.unwrap_or(first.at);
        let mails = told.values().filter_map(|messages| {
            let messages: Vec<&Message> = messages.iter().collect();
            let (writer, world) = (&self.writer, &self.world);
            notify::of(writer, world, &messages, cause, at, original.as_ref())
        });
        Ok(mails.collect())
    }
}
