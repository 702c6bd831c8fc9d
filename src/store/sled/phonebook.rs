//! The verbs of the phonebook as transactions.
//!
//! A listing is one row, and a row more under its number. A question is a row that counts the mails
//! that wait with it; the last one takes it along.

use async_trait::async_trait;
use jiff::Timestamp;

use super::SledStore;
use super::keys::{self, Kind};
use super::records;
use super::shared::{Shared, describe};
use super::txn::Txn;
use super::verbs::{self, Arrival, Posting, fetch};
use crate::sms::Number;
use crate::store::phonebook::{
    Arrivals, Arrived, Audit, Change, Entry, KeptMail, Listing, MAX_KEPT, MAX_QUESTIONS, NewKept,
    Phonebook, Question, Release, Waits,
};
use crate::store::{StoreError, Taken};

#[async_trait]
impl Phonebook for SledStore {
    async fn listings(&self, addresses: &[String]) -> Result<Vec<Listing>, StoreError> {
        let find = |shared: &Shared| {
            let mut found = Vec::new();
            for address in addresses {
                found.extend(listing(shared, address)?);
            }
            Ok(found)
        };
        self.read(find).await
    }

    async fn phonebook(&self) -> Result<Vec<Listing>, StoreError> {
        let mut all = self.rows(Kind::Listing, records::decode_listing).await?;
        all.sort_by(|a, b| a.address().cmp(b.address()));
        Ok(all)
    }

    async fn whose(&self, number: &Number) -> Result<Vec<Entry>, StoreError> {
        let find = |shared: &Shared| {
            let mut names = Vec::new();
            shared.scan(&keys::whose(number), false, |key, payload| {
                let name = records::decode_whose(payload);
                names.push(name.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            names.sort();
            let mut found = Vec::with_capacity(names.len());
            for name in names {
                if let Some(Listing::Entry(entry)) = listing(shared, &name)? {
                    found.push(entry);
                }
            }
            Ok(found)
        };
        self.read(find).await
    }

    async fn take(&self, now: Timestamp, arrivals: Arrivals) -> Result<Arrived, StoreError> {
        let messages = arrivals.messages.into_iter();
        let messages: Vec<_> = messages.map(|m| Arrival::new(m, now)).collect();
        let mails = arrivals.mails.into_iter();
        let mails: Vec<_> = mails.map(|m| Posting::new(m, now)).collect();
        let (changes, kept) = (arrivals.changes, arrivals.kept);
        let take = move |txn: &mut Txn<'_>| {
            txn.need_room()?;
            for change in changes {
                write(txn, change)?;
            }
            let messages = verbs::take(txn, now, messages)?;
            verbs::post(txn, mails)?;
            let kept = kept.into_iter().map(|new| keep(txn, now, new));
            let kept = kept.collect::<Result<_, _>>()?;
            Ok(Arrived { messages, kept })
        };
        self.submit(take).await
    }

    async fn questions(&self, sender: Option<&str>) -> Result<Vec<Question>, StoreError> {
        let Some(sender) = sender else {
            return self.rows(Kind::Question, records::decode_question).await;
        };
        let prefix = keys::questions(sender);
        let find = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&prefix, false, |key, payload| {
                let question = records::decode_question(payload);
                found.push(question.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read(find).await
    }

    async fn kept(&self, question: &Question) -> Result<Vec<KeptMail>, StoreError> {
        let prefix = keys::kept_mails(question.id);
        let find = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&prefix, false, |key, payload| {
                let mail = records::decode_kept(payload);
                found.push(mail.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read(find).await
    }

    async fn end_wait(
        &self,
        now: Timestamp,
        release: Release,
    ) -> Result<Option<Taken>, StoreError> {
        let key = keys::question(&release.question.sender, &release.question.address);
        let mail = keys::kept_mail(release.question.id, release.mail);
        let message = release.message.map(|m| Arrival::new(m, now));
        let mails = release.mails.into_iter();
        let mails: Vec<_> = mails.map(|m| Posting::new(m, now)).collect();
        let end = move |txn: &mut Txn<'_>| {
            if txn.get(&mail)?.is_none() {
                return Ok(None);
            }
            txn.delete(mail);
            if let Some(mut question) = fetch(txn, &key, records::decode_question)? {
                question.mails = question.mails.saturating_sub(1);
                match question.mails {
                    0 => txn.delete(key),
                    _ => txn.put(key, records::encode_question(&question)),
                }
            }
            let taken = verbs::take(txn, now, message.into_iter().collect())?;
            verbs::post(txn, mails)?;
            Ok(Some(taken.first().copied().unwrap_or(Taken::Queued)))
        };
        self.submit(end).await
    }

    async fn audit(&self, address: Option<&str>, limit: usize) -> Result<Vec<Audit>, StoreError> {
        let address = address.map(str::to_owned);
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Audit.prefix(), true, |key, payload| {
                let audit = records::decode_audit(payload);
                let audit = audit.map_err(|e| format!("{} {e}", describe(key)))?;
                if address.as_ref().is_none_or(|a| *a == audit.address) {
                    found.push(audit);
                }
                Ok(limit == 0 || found.len() < limit)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }
}

impl SledStore {
    /// All rows of a kind.
    async fn rows<T: Send + 'static>(
        &self,
        kind: Kind,
        decode: fn(&[u8]) -> Result<T, records::Damage>,
    ) -> Result<Vec<T>, StoreError> {
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&kind.prefix(), false, |key, payload| {
                found.push(decode(payload).map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }
}

fn listing(shared: &Shared, address: &str) -> Result<Option<Listing>, String> {
    let key = keys::listing(address);
    let Some(payload) = shared.payload(&key)? else {
        return Ok(None);
    };
    let listing = records::decode_listing(&payload);
    listing
        .map(Some)
        .map_err(|e| format!("{} {e}", describe(&key)))
}

/// Writes a change and its audit line, if the listing still is what the change was decided on.
fn write(txn: &mut Txn<'_>, change: Change) -> Result<(), StoreError> {
    let Change { audit, was, is } = change;
    let key = keys::listing(&audit.address);
    let before = fetch(txn, &key, records::decode_listing)?;
    if before != was {
        return Err(StoreError::Changed(audit.address));
    }
    if let Some(Listing::Entry(entry)) = &before {
        txn.delete(keys::named_number(&entry.number, &entry.address));
    }
    match &is {
        Some(listing) => txn.put(key, records::encode_listing(listing)),
        None if before.is_some() => txn.delete(key),
        None => {}
    }
    if let Some(Listing::Entry(entry)) = &is {
        let key = keys::named_number(&entry.number, &entry.address);
        txn.put(key, records::encode_whose(&entry.address));
    }
    txn.put(keys::audit(audit.id), records::encode_audit(&audit));
    Ok(())
}

/// Keeps a mail, and asks unless its sender was asked already.
fn keep(txn: &mut Txn<'_>, now: Timestamp, new: NewKept) -> Result<Waits, StoreError> {
    let dedupe = keys::dedupe(&new.dedupe.key);
    if let Some(known) = verbs::known(txn, &dedupe)?
        && known.until > now
    {
        return Ok(Waits::Repeat(known.id));
    }
    let key = keys::question(&new.question.sender, &new.question.address);
    let open = fetch(txn, &key, records::decode_question)?;
    let (mut question, is_new) = match open {
        Some(open) if open.until > now => (open, false),
        // Its time is over and nobody has ended it yet: it is asked again.
        Some(open) => {
            let (id, mails) = (open.id, open.mails);
            let anew = Question {
                id,
                mails,
                ..new.question
            };
            (anew, true)
        }
        None => {
            let prefix = keys::questions(&new.question.sender);
            if txn.count(&prefix)? >= MAX_QUESTIONS {
                return Err(StoreError::Crowded(new.question.address));
            }
            (new.question, true)
        }
    };
    if question.mails >= MAX_KEPT {
        return Err(StoreError::Crowded(question.address));
    }
    question.mails += 1;
    let id = new.mail.id;
    txn.put(
        dedupe,
        records::encode_known(&records::Known {
            until: new.dedupe.until,
            id,
        }),
    );
    let mail = records::encode_kept(&new.mail);
    txn.put(keys::kept_mail(question.id, id), mail);
    txn.put(key, records::encode_question(&question));
    if !is_new {
        return Ok(Waits::Joined(id));
    }
    verbs::post(txn, vec![Posting::new(new.asks, now)])?;
    Ok(Waits::Asked(id))
}
