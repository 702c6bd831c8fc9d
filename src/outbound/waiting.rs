//! The task that ends the wait of kept mails: the number became known, or nobody said it in time.
//!
//! It looks at every open question now and then, and at once when a number was learned; so it does not matter
//! who said the number, where, or what was killed in between. Each mail becomes a message or a report in
//! one transaction with its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::accept::{REPEAT_WINDOW, log_accepted};
use super::admit::Asked;
use super::plan::{self, Planner};
use super::spend::Beside;
use super::{Outbound, heed};
use crate::access::credentials::Shown;
use crate::mail::address;
use crate::mail::dsn::OfRecipient;
use crate::mail::text::{MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::outbound::notify::{self, Failed, OfThis};
use crate::pace::Rest;
use crate::sms::Number;
use crate::store::phonebook::{KeptMail, Listing, Question, Release};
use crate::store::{Dedupe, NewMessage, OutMail, StoreError, Taken};

/// How often to look without being rung: for a number in a new configuration, or in a directory.
const POLL: Duration = Duration::from_secs(30);

/// The least time between two looks.
const SOON: Duration = Duration::from_millis(100);

impl Outbound {
    /// Ends waits until `stop` turns true or the store is dead.
    pub async fn end_waits(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rest = Rest::default();
        while !*stop.borrow() {
            let looked = self.end_those_over().await;
            let wait = match &looked {
                Ok(next) => self.until_over(*next),
                Err(reason @ StoreError::Dead(_)) => {
                    tracing::error!(%reason, event = "waiting-stopped");
                    return;
                }
                // They wait on; the next round tries again.
                Err(error) => {
                    let wait = rest.failed(Instant::now());
                    tracing::warn!(%error, again = ?wait, event = "still-waiting");
                    wait
                }
            };
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { return },
                () = self.learned.notified(), if looked.is_ok() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// How long until the next wait is over. Never at once again, whatever the clock does.
    fn until_over(&self, next: Option<Timestamp>) -> Duration {
        let wait = next.map(|next| next.duration_since(self.world.now()));
        let wait = wait.and_then(|wait| Duration::try_from(wait).ok());
        wait.unwrap_or(POLL).clamp(SOON, POLL)
    }

    /// Looks at every question once; when the next one's time is over.
    pub async fn end_those_over(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next: Option<Timestamp> = None;
        for question in self.store.questions(None).await? {
            // Nothing is given up because a directory is away.
            let Ok(number) = self.number_of(&question.address).await? else {
                continue;
            };
            let now = self.world.now();
            if number.is_none() && question.until > now {
                next = Some(next.map_or(question.until, |next| next.min(question.until)));
                continue;
            }
            for mail in self.store.kept(&question).await? {
                self.end_one(&question, mail, number.as_ref(), now).await?;
            }
        }
        Ok(next)
    }

    /// The number of a user: the configuration's or a directory's, else the one that was learned. The
    /// inner error: a directory does not say.
    async fn number_of(&self, address: &str) -> Result<Result<Option<Number>, Reply>, StoreError> {
        let mobile = |planner: &Planner| planner.access.user(address)?.mobile.clone();
        match self.planner().knowing(mobile).await {
            Ok(None) => {}
            known => return Ok(known),
        }
        let found = self.store.listings(&[address.to_owned()]).await?;
        Ok(Ok(found.into_iter().find_map(|listing| match listing {
            Listing::Entry(entry) => Some(entry.number),
            Listing::Group(_) => None,
        })))
    }

    async fn end_one(
        &self,
        question: &Question,
        mail: KeptMail,
        number: Option<&Number>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = mail.id;
        let sent = match number {
            Some(number) => match self.unkept(question, &mail, number, now).await {
                // A directory of users is away: it waits on.
                Err(reply) if reply.is_temporary() => return Ok(()),
                sent => sent,
            },
            None => {
                let text = format!(
                    "nobody told the mobile number of {} in time",
                    question.address
                );
                Err(Reply::new(550, "5.1.1", text))
            }
        };
        let mut release = Release {
            question: question.clone(),
            mail: id,
            message: None,
            mails: Vec::new(),
        };
        match &sent {
            Ok((message, note)) => {
                release.message = Some(message.clone());
                release.mails.extend(note.clone());
            }
            Err(reply) => release.mails = self.not_sent(&mail, reply),
        }
        let mut beside = Beside::default();
        let messages = release.message.take().into_iter().collect();
        let end = |mut messages: Vec<NewMessage>, mails: Vec<OutMail>| {
            let mut release = release.clone();
            release.message = messages.pop();
            release.mails.extend(mails);
            self.store.end_wait(now, release)
        };
        let ended = match self.take_all(now, messages, &mut beside, end).await {
            Ok(ended) => (ended, sent.ok()),
            Err(error) => {
                // The month or the credit is used up by now.
                let Some((_, reply)) = self.no_room(&error) else {
                    return Err(error);
                };
                release.mails = self.not_sent(&mail, &reply);
                (self.store.end_wait(now, release).await?, None)
            }
        };
        match ended {
            (Some(Taken::Queued), Some((new, _))) => {
                let queue_id = mail.origin.queue_id.as_deref().unwrap_or("-");
                tracing::info!(kept = %id, msg = %new.message.id, event = "released");
                log_accepted(&new.message, queue_id);
                self.wake();
            }
            (Some(_), _) => {
                tracing::info!(kept = %id, queue_id = mail.origin.queue_id, event = "given-up");
            }
            (None, _) => {}
        }
        self.wake_mail.notify_one();
        Ok(())
    }

    /// The message that a kept mail becomes, and the note that it was cut; judged as if it came now.
    async fn unkept(
        &self,
        question: &Question,
        kept: &KeptMail,
        number: &Number,
        now: Timestamp,
    ) -> Result<(NewMessage, Option<OutMail>), Reply> {
        let planner = self.planner();
        let envelope = Envelope {
            sender: question.sender.clone(),
            client: Client::Local,
            queue_id: kept.origin.queue_id.clone(),
            dsn: kept.origin.dsn.mail.clone(),
            ..Envelope::default()
        };
        let (mut asked, read) = (self.asked_then(&kept.origin.recipient), number.clone());
        let due = asked.wishes.due(kept.kept).ok().flatten();
        asked.wishes.at = None;
        asked.dsn = kept.origin.dsn.recipient.clone();
        let admit = |planner: &Planner| {
            // Who is no user any more is a stranger, whoever said the number.
            let to_user = planner.access.user(&question.address).is_some();
            let asked = Asked {
                to_user,
                ..asked.clone()
            };
            planner.admit(&envelope, read.clone(), &asked, now)
        };
        let mut to = planner.knowing(admit).await??;
        to.due = due.filter(|due| *due > now);
        let mail = MailText {
            text: kept.text.clone(),
            matter: kept.matter.clone(),
            subject: kept.origin.subject.clone(),
            message_id: kept.origin.message_id.clone(),
            references: kept.origin.thread.references.clone(),
            thread_index: kept.origin.thread.index.clone(),
            flash: kept.flash,
            confirm: kept.confirm,
            private: kept.private,
            deferred_delivery: kept.due.map(|at| at.to_string()),
            expires: kept.expires.map(|at| at.to_string()),
            notes: kept.notes.clone(),
            ..MailText::default()
        };
        self.wanted(&to.number)?;
        let to = heed::heeded(&mail, to, now)?;
        let plan = planner.plan(&mail, &to)?;
        let cut = plan.cut;
        let key = kept.fingerprint.map(|print| {
            let (account, number) = (&to.payer.account, to.number.as_str());
            plan::repeat_of(account, number, &print)
        });
        let message = self.message(
            &planner,
            &envelope,
            &kept.origin.recipient,
            &mail,
            to,
            plan,
            now,
        );
        let note = cut.then(|| notify::cut(&self.writer, &self.world, &[&message]));
        let until = kept.kept + REPEAT_WINDOW;
        let new = NewMessage {
            watch: self.watch(&message, now),
            original: None,
            message,
            dedupe: key.map(|key| Dedupe { key, until }).into_iter().collect(),
        };
        Ok((new, note.flatten()))
    }

    /// What the address of a kept mail asks of its message. It has no passwords, and was right when it came.
    fn asked_then(&self, recipient: &str) -> Asked {
        let planner = self.planner();
        let read = planner.addresses.read(recipient, true);
        let (domain, parameters) = match read {
            address::Recipient::Ours {
                domain, parameters, ..
            } => (domain, parameters),
            _ => (0, address::Parameters::default()),
        };
        Asked {
            domain,
            dsn: OfRecipient::default(),
            shown: Shown::Nothing,
            wishes: super::admit::wishes(&parameters).unwrap_or_default(),
            to_user: true,
        }
    }

    fn not_sent(&self, kept: &KeptMail, reply: &Reply) -> Vec<OutMail> {
        let Some(to) = &kept.origin.report_to else {
            return Vec::new();
        };
        let mut headers = Vec::new();
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() && !value.contains(char::is_control) {
                headers.push((name.into(), value.into()));
            }
        };
        field("Subject", &kept.origin.subject);
        if let Some(id) = &kept.origin.message_id {
            field("Message-ID", &format!("<{id}>"));
        }
        // There is no body any more.
        let mail = RawMail::without_body(headers);
        let failed = [Failed {
            recipient: kept.origin.recipient.clone(),
            dsn: &kept.origin.dsn.recipient,
            reply,
        }];
        let of = OfThis {
            mail: &mail,
            dsn: &kept.origin.dsn.mail,
            private: kept.private,
            arrived: kept.kept,
        };
        let report = notify::refused(&self.writer, &self.world, to, of, &failed);
        report.into_iter().collect()
    }
}
