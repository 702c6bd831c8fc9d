//! What the guard over spending holds, for admins.

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::store::{Filter, State};

/// Held messages that are let go side by side, so that they share a flush.
const RELEASED_AT_ONCE: usize = 64;

impl Desk {
    /// Lets held messages go: those that are named, or all of a kind; how many.
    pub(super) async fn release(
        &self,
        ids: &[String],
        all: bool,
        sender: Option<&str>,
    ) -> Result<Vec<Value>, Refused> {
        let mut messages = Vec::new();
        for id in ids {
            messages.push(self.message(id).await?);
        }
        if all || sender.is_some() {
            let sender = match sender {
                Some(name) => Some(self.access_to(name).await?.account(name).account),
                None => None,
            };
            let filter = Filter {
                states: vec![State::Held],
                account: sender,
                limit: 0,
            };
            messages = self.outbound.store.list(filter).await?;
            // As they came.
            messages.reverse();
        }
        let released = messages.into_iter().map(|m| self.outbound.release(m));
        let mut released = futures_util::stream::iter(released).buffered(RELEASED_AT_ONCE);
        let (mut count, mut refused) = (0_u64, None);
        while let Some(done) = released.next().await {
            match done {
                Ok(()) => count += 1,
                Err(text) => refused = refused.or(Some(text)),
            }
        }
        self.outbound.released().await;
        match refused {
            // With --all, whoever was released meanwhile is no matter.
            Some(text) if !ids.is_empty() => Err(Refused::Unavailable(text)),
            _ => Ok(vec![json!({"released": count})]),
        }
    }
}
