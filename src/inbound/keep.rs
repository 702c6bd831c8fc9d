//! Keeping what a gateway received: on disk, then yes (durability W9 to W13).
//!
//! Nothing is looked at here, but whether it ends or begins SMS to its sender: that is kept on a nearly full
//! disk, too ([`optout`](super::optout)). What the store did not take is not answered: the sender of the answer
//! is dropped, and the gateway leaves the SMS where it is, so that it comes again.

use tracing::{error, info};

use super::Inbound;
use crate::gateway::Event;
use crate::sms::{MessageId, Number};
use crate::store::{Content, Kept, Received, StoreError};

impl Inbound {
    /// Keeps what arrived, and says so. Receipts are the outbound path's.
    pub async fn receive(&self, event: Event) {
        let Event::Received { received, kept } = event else {
            error!(
                event = "misrouted",
                "a receipt came to the inbound path; it is not acknowledged"
            );
            return;
        };
        let id = self.world.message_id();
        let gateway = received.gateway.clone();
        let said = said(&received);
        match self.keep(id, *received).await {
            Ok(answer) => {
                // A gateway that is gone asks again, and hears of a duplicate.
                let _ = kept.send(answer);
                match answer {
                    Kept::New => {
                        self.wake.notify_one();
                        if self.spate.logs(self.world.now(), "received") {
                            info!(msg = %id, gw = gateway, event = "received");
                        }
                    }
                    Kept::Duplicate => {
                        if let Some((phone, text)) = said {
                            self.phones.loops.repeated(&phone, &text, self.world.now());
                        }
                        if self.spate.logs(self.world.now(), "duplicate") {
                            info!(gw = gateway, event = "duplicate");
                        }
                    }
                }
            }
            Err(reason) => {
                if self.spate.logs(self.world.now(), "not-kept") {
                    error!(gw = gateway, event = "not-kept", %reason);
                }
            }
        }
    }

    async fn keep(&self, id: MessageId, received: Received) -> Result<Kept, StoreError> {
        let spared = self.spared(&received);
        let kept = self
            .store
            .keep_inbound(self.world.now(), id, received)
            .await;
        match (kept, spared) {
            (Err(StoreError::Full), Some(spared)) => {
                let now = self.world.now();
                self.store.keep_opt(now, id, spared).await
            }
            (kept, _) => kept,
        }
    }
}

/// Who says what, if it is a phone that says something in one SMS that a repeat can be told by.
fn said(received: &Received) -> Option<(Number, String)> {
    match &received.content {
        Content::Sms { from, text, .. } if received.dedupe.is_some() && !text.is_empty() => {
            Some((from.number()?.clone(), text.clone()))
        }
        _ => None,
    }
}
