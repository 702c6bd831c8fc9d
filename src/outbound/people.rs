//! The planner with what directories know: the step before every decision that names people.
//!
//! The planner is pure. What it decides with people whom the configuration does not have, it decides here:
//! it is asked, says what it misses, the directories are asked for that, and it is asked again
//! ([`Directories::knowing`](crate::directory::Directories::knowing)). All that judge mails go this way:
//! RCPT, the end of a message, HTTP, `explain`.

use std::sync::Arc;

use super::plan::Planner;
use crate::access::Access;
use crate::access::found::Found;
use crate::mail::Reply;

impl Planner {
    /// Lets `judge` decide with all that directories know of it. It is called more than once, so it has no
    /// effects. A directory that does not answer is 451: whoever asks is to come back.
    pub async fn knowing<T>(&self, judge: impl Fn(&Planner) -> T) -> Result<T, Reply> {
        if self.directories.is_empty() {
            return Ok(judge(self));
        }
        let judge = |found: &Arc<Found>| {
            let knowing = Planner {
                access: self.access.knowing(found),
                ..self.clone()
            };
            judge(&knowing)
        };
        let judged = self.directories.knowing(judge).await;
        judged.map_err(|later| later.reply())
    }

    /// The people, and whom directories know by this name.
    pub async fn access_to(&self, name: &str) -> Result<Access, Reply> {
        let know = |planner: &Planner| {
            planner.access.user_named(name);
            planner.access.clone()
        };
        self.knowing(know).await
    }
}
