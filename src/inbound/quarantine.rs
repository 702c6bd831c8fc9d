//! Texts that lack parts and of which there are too many ([`super::flood`]), and repeats: settled many at a
//! time, side by side, so that they share their syncs (the store makes one batch of what waits for it).
//!
//! What is quarantined is durable and an admin is told of it: the first of them takes the mail along, in its own
//! transaction; later ones are told by the hour.

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::Inbound;
use super::deliver::outcome;
use super::desk::{Desk, Work};
use super::flood::{Tally, Verdict};
use super::whole::Whole;
use crate::mail::compose;
use crate::sms::MessageId;
use crate::store::{InboundState, OutMail, StoreError};

/// Settled side by side.
const AT_ONCE: usize = 256;

impl Inbound {
    /// Whether this text, which lacks parts, may be a mail; if so it is counted.
    pub(super) async fn may_be_mail(
        &self,
        desk: &mut Desk,
        whole: &Whole,
    ) -> Result<bool, StoreError> {
        let now = self.world.now();
        let may = match desk.flood.judge(now, &whole.from) {
            Verdict::Mail => true,
            Verdict::Quarantine => false,
            Verdict::MailIfKnown => match whole.from.number() {
                Some(phone) => !self.store.links(phone, self.since(now)).await?.is_empty(),
                None => false,
            },
        };
        if may {
            desk.flood.count(&whole.from);
        }
        Ok(may)
    }

    /// Keeps these for an admin.
    pub(super) async fn quarantine(
        &self,
        desk: &mut Desk,
        mut texts: Vec<Whole>,
    ) -> Result<(), StoreError> {
        let mut failed = Ok(());
        while !texts.is_empty() {
            let batch: Vec<Whole> = texts.drain(..texts.len().min(AT_ONCE)).collect();
            let now = self.world.now();
            for whole in &batch {
                desk.flood.keep(&whole.from, whole.ids.len() as u64);
            }
            let tally = desk.flood.to_tell(now);
            let mut mail = tally.map(|tally| self.flood_mail(now, &tally));
            let told = mail.is_some();
            let settled = batch.iter().zip(0i64..).map(|(whole, n)| {
                let mut outcome = outcome(whole.ids.clone(), InboundState::Quarantined, now);
                // The parts of a text know each other by this time.
                let own = now.checked_add(SignedDuration::from_nanos(n));
                outcome.due = own.unwrap_or(now);
                outcome.mails.extend(mail.take());
                self.store.settle_inbound(now, outcome)
            });
            let settled: Vec<_> = join_all(settled.collect::<Vec<_>>()).await;
            if told && settled.first().is_some_and(Result::is_ok) {
                desk.flood.told(now);
                self.mail_bell.notify_one();
            }
            for (whole, settled) in batch.into_iter().zip(settled) {
                match settled {
                    Ok(()) => {
                        let (have, of) = whole.parts;
                        if self.spate.logs(now, "flood") {
                            let parts = format_args!("{have}/{of}");
                            warn!(msg = %whole.id, gw = whole.gateway, event = "quarantined", parts, why = "flood", from = ?whole.from);
                        }
                    }
                    Err(reason) => {
                        failed = Err(reason);
                        desk.again.push(Work::Partial(whole));
                    }
                }
            }
        }
        failed
    }

    /// Tells the admin what was quarantined since he heard last, when it is time.
    pub(super) async fn tell_of_flood(&self, desk: &mut Desk) -> Result<(), StoreError> {
        let now = self.world.now();
        if let Some(tally) = desk.flood.to_tell(now) {
            let mail = self.flood_mail(now, &tally);
            self.store.put(now, Vec::new(), vec![mail]).await?;
            desk.flood.told(now);
            self.mail_bell.notify_one();
        }
        Ok(())
    }

    /// Settles parts that were there already.
    pub(super) async fn forget_repeated(
        &self,
        desk: &mut Desk,
        mut ids: Vec<MessageId>,
    ) -> Result<(), StoreError> {
        while !ids.is_empty() {
            let batch: Vec<_> = ids.drain(..ids.len().min(AT_ONCE)).collect();
            let now = self.world.now();
            let settled = outcome(batch.clone(), InboundState::Done, now);
            if let Err(reason) = self.store.settle_inbound(now, settled).await {
                desk.again
                    .extend(batch.into_iter().chain(ids).map(Work::Duplicate));
                return Err(reason);
            }
            for id in batch {
                if self.spate.logs(now, "duplicate-part") {
                    info!(msg = %id, event = "duplicate-part");
                }
            }
        }
        Ok(())
    }

    fn flood_mail(&self, now: Timestamp, tally: &Tally) -> OutMail {
        let settings = &self.settings();
        let about = self.world.message_id();
        let Tally {
            parts,
            senders,
            worst,
            of_worst,
        } = tally;
        let words = settings.speech.to(&settings.admin);
        let args = [
            ("parts", (*parts).into()),
            ("senders", (*senders).into()),
            ("worst", worst.to_string().into()),
            ("most", (*of_worst).into()),
        ];
        let note = compose::Note {
            id: about,
            hostname: &settings.hostname,
            from: &settings.mail_from,
            to: &settings.admin,
            subject: &words.say("flood.subject", &[]),
            text: &words.say("flood", &args),
            at: now,
            original: None,
        };
        self.out_mail(about, &settings.admin, compose::note(&note))
    }
}
