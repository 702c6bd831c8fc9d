//! What an admin does to messages, and messages that an admin sends.

use super::settle::Consequences;
use super::{Outbound, plan};
use crate::access::Payer;
use crate::mail::text::MailText;
use crate::mail::{Client, Envelope, Reply};
use crate::sms::{Number, Region};
use crate::store::{Message, NewMessage, PartState, State, StoreError};

impl Outbound {
    /// Sends a queued message now rather than at its time.
    pub async fn retry_now(&self, mut message: Message) -> Result<(), String> {
        self.not_leased(&message)?;
        if message.state != State::Queued {
            return Err(format!(
                "message {} is {}: only a queued one can be sent sooner",
                message.id,
                message.state.name()
            ));
        }
        let id = message.id;
        message.next_attempt = self.world.now();
        self.write(message, Consequences::default())
            .await
            .map_err(|e| e.to_string())?;
        tracing::info!(msg = %id, event = "hurried");
        Ok(())
    }

    /// Takes a message back that no gateway has begun to send.
    pub async fn cancel(&self, mut message: Message) -> Result<(), String> {
        self.not_leased(&message)?;
        if message.state.is_final() || message.begun.is_some() {
            return Err(format!(
                "message {} is {}: it is too late to cancel it",
                message.id,
                message.state.name()
            ));
        }
        message.state = State::Cancelled;
        for part in &mut message.parts {
            part.state = PartState::Failed {
                reason: "cancelled".into(),
            };
        }
        let refund = message.charge.clone();
        let then = Consequences { refund, tell: None };
        self.write(message, then).await.map_err(|e| e.to_string())
    }

    fn not_leased(&self, message: &Message) -> Result<(), String> {
        match self.store.is_leased(message.id) {
            true => Err(format!("message {} is being sent just now", message.id)),
            false => Ok(()),
        }
    }

    /// Queues a text in the name of `account`, with the checks that its mail would meet.
    pub async fn submit_text(
        &self,
        account: &str,
        number: Number,
        region: Region,
        text: &str,
    ) -> Result<Message, Reply> {
        let now = self.world.now();
        let envelope = Envelope {
            sender: account.to_owned(),
            client: Client::Local,
            ..Envelope::default()
        };
        let payer: Payer = self.planner.access.who(&envelope, None, &number, now)?;
        let number = self.planner.destinations.check(number, region)?;
        let to = plan::Admitted { number, payer };
        let mail = MailText {
            text: text.to_owned(),
            ..MailText::default()
        };
        if text.trim().is_empty() {
            return Err(Reply::new(554, "5.6.0", "there is no text to send"));
        }
        let plan = self.planner.plan(&mail, &to)?;
        let message = self.message(
            &envelope,
            to.number.as_str().to_owned().as_str(),
            &mail,
            to,
            plan,
            now,
        );
        let new = NewMessage {
            message: message.clone(),
            dedupe: Vec::new(),
        };
        match self.store.put(now, vec![new], Vec::new()).await {
            Ok(_) => {
                super::accept::log_accepted(&message, "-");
                self.wake();
                Ok(message)
            }
            Err(StoreError::OverLimit { account, .. }) => Err(self.over_limit(&account, now)),
            Err(error) => Err(Reply::new(451, "4.3.0", error.to_string())),
        }
    }
}
