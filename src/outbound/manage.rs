//! What an admin does to messages, and messages that an admin sends.

use super::Outbound;
use super::admit::{self, Asker};
use super::alarm::SPEND;
use super::plan::{self, Planner};
use super::settle::Consequences;
use super::spend::Beside;
use super::wishes::Wishes;
use crate::access::Payer;
use crate::access::credentials::Shown;
use crate::mail::dsn::OfRecipient;
use crate::mail::text::MailText;
use crate::mail::{Client, Envelope, Reply};
use crate::sms::{Number, Region};
use crate::store::{Dedupe, Message, NewMessage, PartState, State, Taken};

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

    /// Lets a message go that is held.
    pub async fn release(&self, mut message: Message) -> Result<(), String> {
        self.not_leased(&message)?;
        let id = message.id;
        if message.state != State::Held {
            return Err(format!(
                "message {id} is {}: only a held one can be released",
                message.state.name()
            ));
        }
        message.state = State::Queued;
        // One for later stays for later.
        message.next_attempt = message.next_attempt.max(self.world.now());
        message.error = None;
        self.write(message, Consequences::default())
            .await
            .map_err(|e| e.to_string())?;
        tracing::info!(msg = %id, event = "released");
        Ok(())
    }

    /// Held messages were released: what is held from now on is news again.
    pub async fn released(&self) {
        self.alarms.over_all(SPEND).await;
    }

    fn not_leased(&self, message: &Message) -> Result<(), String> {
        match self.store.is_leased(message.id) {
            true => Err(format!("message {} is being sent just now", message.id)),
            false => Ok(()),
        }
    }

    /// Queues a text, or the data it is, for whoever runs this machine, in the name of `account`, with the
    /// checks that its mail would meet; but for its rights, which are the operator's to give.
    pub async fn submit_text(
        &self,
        account: &str,
        number: Number,
        region: Region,
        text: &str,
        wishes: Wishes,
    ) -> Result<Message, Reply> {
        let order = Order {
            account,
            number,
            region,
            text,
            wishes,
            name: None,
            key: None,
            asker: Asker::Operator,
        };
        self.order(order).await.map(|(message, _)| message)
    }

    /// The same under a key: what was queued under it before is not queued again. Answers with the message
    /// as it is to be, durably, and whether it was there.
    pub async fn order(&self, order: Order<'_>) -> Result<(Message, Taken), Reply> {
        let Order { number, text, .. } = order;
        let binary = order.wishes.binary.is_some();
        let now = self.world.now();
        let envelope = Envelope {
            sender: order.account.to_owned(),
            client: Client::Local,
            queue_id: order.name,
            ..Envelope::default()
        };
        let planner = self.planner();
        let who = |planner: &Planner| {
            let access = &planner.access;
            let payer = access.who(&envelope, &Shown::Nothing, None, &number, now)?;
            planner.granted(&order.wishes, &payer, order.asker)?;
            Ok::<_, Reply>(payer)
        };
        let payer: Payer = planner.knowing(who).await??;
        let reach = &payer.policy.reach;
        let number = planner.destinations.check(number, order.region, reach)?;
        self.wanted(&number)?;
        let due = order.wishes.due(now).map_err(plan::unwished)?;
        let to = admit::Admitted {
            number,
            payer,
            wishes: order.wishes,
            due,
            dsn: OfRecipient::default(),
        };
        let mail = MailText {
            text: text.to_owned(),
            ..MailText::default()
        };
        if text.trim().is_empty() && !binary {
            return Err(Reply::new(554, "5.6.0", "there is no text to send"));
        }
        let plan = planner.plan(&mail, &to)?;
        if plan.cut && order.asker == Asker::Program {
            // A program does not read notes.
            let most = to.payer.policy.max_segments;
            let text = format!("the text is too long: it may have {most} segments");
            return Err(Reply::new(554, "5.3.4", text));
        }
        let recipient = to.number.as_str().to_owned();
        let message = self.message(&planner, &envelope, &recipient, &mail, to, plan, now);
        let mut new = NewMessage {
            watch: self.watch(&message, now),
            original: None,
            message,
            dedupe: order.key.into_iter().collect(),
        };
        let mut beside = Beside::default();
        let put = |messages, mails| self.store.put(now, messages, mails);
        let put = self
            .take_all(now, vec![new.clone()], &mut beside, put)
            .await;
        beside.complete(&mut new);
        let message = new.message;
        match put {
            Ok(taken) => {
                let taken = taken.first().copied().unwrap_or(Taken::Queued);
                match taken {
                    Taken::Queued => {
                        let name = message.origin.queue_id.as_deref().unwrap_or("-");
                        super::accept::log_accepted(&message, name);
                    }
                    Taken::Repeat(earlier) => tracing::info!(msg = %earlier, event = "repeated"),
                }
                self.wake();
                Ok((message, taken))
            }
            Err(error) => Err(match self.no_room(&error) {
                Some((_, reply)) => reply,
                None => Reply::new(451, "4.3.0", error.to_string()),
            }),
        }
    }
}

/// What one asks who does not ask by mail.
pub struct Order<'a> {
    /// Who pays.
    pub account: &'a str,
    /// To whom.
    pub number: Number,
    /// How a national number is read.
    pub region: Region,
    /// The text, or the data as the wish `binary` says.
    pub text: &'a str,
    /// How.
    pub wishes: Wishes,
    /// What its sender calls it.
    pub name: Option<String>,
    /// What is the same in a repeat.
    pub key: Option<Dedupe>,
    /// By which door.
    pub asker: Asker,
}
