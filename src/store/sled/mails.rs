//! Mails as an admin sees them: see [`Mails`]. Their rows are those of `records`.

use async_trait::async_trait;
use jiff::Timestamp;

use super::SledStore;
use super::index::Effect;
use super::keys::{self, Kind};
use super::records;
use super::shared::{Shared, describe};
use super::txn::Txn;
use super::verbs::fetch;
use crate::sms::MessageId;
use crate::store::mails::{MailJudgement, Mails};
use crate::store::{QueuedMail, StoreError};

/// See [`Mails::judge_mail`].
fn judge(
    txn: &mut Txn<'_>,
    now: Timestamp,
    ids: Vec<MessageId>,
    judgement: &MailJudgement,
) -> Result<Vec<MessageId>, StoreError> {
    let mut judged = Vec::with_capacity(ids.len());
    for id in ids {
        let key = keys::mail(id);
        let Some(mut queued) = fetch(txn, &key, records::decode_mail)? else {
            continue;
        };
        let was = Some(queued.undeliverable);
        let is = match judgement {
            MailJudgement::Drop { refused: true } if !queued.undeliverable => continue,
            MailJudgement::Drop { .. } => {
                txn.delete(key);
                None
            }
            MailJudgement::Retry { to } => {
                if let Some(to) = to.as_ref().filter(|_| !queued.mail.post) {
                    queued.mail.recipient.clone_from(to);
                }
                queued.undeliverable = false;
                queued.attempts = 0;
                queued.created = now;
                queued.next_attempt = now;
                txn.put(key, records::encode_mail(&queued));
                Some((false, now))
            }
        };
        txn.effect(Effect::Mail { id, was, is });
        judged.push(id);
    }
    Ok(judged)
}

#[async_trait]
impl Mails for SledStore {
    async fn mails(&self, stuck: bool, max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Mail.prefix(), true, |key, payload| {
                let mail = records::decode_mail(payload);
                let mail = mail.map_err(|e| format!("{} {e}", describe(key)))?;
                if mail.undeliverable || !stuck {
                    found.push(mail);
                }
                Ok(max == 0 || found.len() < max)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn stuck_mails(&self) -> Result<Vec<(MessageId, bool)>, StoreError> {
        let list = |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Mail.prefix(), false, |key, payload| {
                let queued = records::decode_mail(payload);
                let queued = queued.map_err(|e| format!("{} {e}", describe(key)))?;
                if queued.undeliverable {
                    found.push((queued.mail.id, queued.mail.post));
                }
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn find_mail(&self, id: MessageId) -> Result<Option<QueuedMail>, StoreError> {
        let key = keys::mail(id);
        let find = move |shared: &Shared| {
            let payload = shared.payload(&key)?;
            let mail = payload.map(|payload| records::decode_mail(&payload));
            mail.transpose()
                .map_err(|e| format!("{} {e}", describe(&key)))
        };
        self.read(find).await
    }

    fn is_mail_leased(&self, id: MessageId) -> bool {
        self.shared.index().is_mail_leased(id)
    }

    async fn judge_mail(
        &self,
        now: Timestamp,
        mut ids: Vec<MessageId>,
        judgement: MailJudgement,
    ) -> Result<Vec<MessageId>, StoreError> {
        if matches!(judgement, MailJudgement::Retry { .. }) {
            // One that is leased after this look is handed in twice, under one Message-ID.
            ids.retain(|id| !self.is_mail_leased(*id));
        }
        self.submit(move |txn| judge(txn, now, ids, &judgement))
            .await
    }
}
