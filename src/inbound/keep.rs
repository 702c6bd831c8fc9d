//! Keeping what a gateway received: on disk, then yes (durability W9 to W13).
//!
//! Nothing is looked at here. What the store did not take is not answered: the sender of the answer is
//! dropped, and the gateway leaves the SMS where it is, so that it comes again.

use tracing::{error, info};

use super::Inbound;
use crate::gateway::Event;
use crate::store::Kept;

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
        match self
            .store
            .keep_inbound(self.world.now(), id, *received)
            .await
        {
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
}
