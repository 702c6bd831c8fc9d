//! What an admin is told of mails: that they cannot be handed in, and that they go in a circle.
//!
//! A wrong password or certificate is told at once, an MTA that is away when it has been for [`AWAY`]; each once
//! in a day, also over a restart. The mail that says so waits with the others, of course: until it can go there
//! is the log, where each begins with one line (`mta-down`, `mta-not-trusted`, `mta-login-refused`). Afterwards
//! it says what the mails of the last hours were waiting for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::alarm::Alarms;
use super::notify::Writer;
use crate::mail::inject::Trouble;

/// An MTA that is started anew, or a machine, takes less.
const AWAY: Duration = Duration::from_secs(3600);

impl Alarms {
    /// Looks after the way to the MTA until `stop`. `target`: where it is.
    pub async fn watch_mta(
        self: Arc<Self>,
        target: String,
        mut trouble: watch::Receiver<Option<Trouble>>,
        mut stop: watch::Receiver<bool>,
    ) {
        tokio::select! {
            () = self.look_after(&target, &mut trouble) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    async fn look_after(&self, target: &str, trouble: &mut watch::Receiver<Option<Trouble>>) {
        loop {
            let now = trouble.borrow_and_update().clone();
            let (key, kind) = match &now {
                None => ("", "mta-away"),
                Some(Trouble::Down(_)) => ("mta down", "mta-away"),
                Some(Trouble::Tls(_)) => ("mta tls", "mta-tls"),
                Some(Trouble::Login(_)) => ("mta login", "mta-login"),
            };
            if let Some(now) = now {
                if matches!(now, Trouble::Down(_)) {
                    let is_other = |now: &Option<Trouble>| !matches!(now, Some(Trouble::Down(_)));
                    match timeout(AWAY, trouble.wait_for(is_other)).await {
                        Ok(Ok(_)) => continue,
                        Ok(Err(_)) => return,
                        Err(_) => {}
                    }
                }
                let args = [("target", target.into()), ("why", now.why().into())];
                let words = self.writer().house();
                let subject = words.say(&format!("{kind}.subject"), &args);
                self.tell_of(key, &subject, &words.say(kind, &args)).await;
            }
            if trouble.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Subject and text of the mail about a circle; `phone` may be empty: there are several.
pub(super) fn circle(writer: &Writer, account: &str, phone: &str) -> (String, String) {
    let phone = if phone.is_empty() { "none" } else { phone };
    let args = [("account", account.into()), ("phone", phone.into())];
    let words = writer.house();
    let say = |key| words.say(key, &args);
    (say("circle.subject"), say("circle"))
}
