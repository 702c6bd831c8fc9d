//! The store for one machine: sled, and what sled lacks.
//!
//! sled as it comes is not durable, can lose rows without a word, and is not maintained; with the
//! rules of `durability.md` 2.7 it passed every crash that we could make. Each has its file:
//!
//! * [`writer`]: one thread writes; group commit; flush, sync, anchor, and then the answers.
//! * [`frame`], [`anchor`], [`open`]: every row is checked, none can vanish or fall back in silence.
//! * [`spool`]: what is too large for a row.
//! * [`guard`]: one process, room on the disk.
//! * [`records`], [`keys`]: the format. [`verbs`], [`index`], [`lines`]: what it means. [`dump`]: the way out.
//!
//! MUST: answer only what is on the disk. MAY NOT: be upgraded (`=0.34.7`) without its crash suite;
//! call `flush_async`, which dead-locks; write from any other thread.
//!
//! Accounts are kept for ever: some hundred octets each, with the months of a year. So are the months of SIMs.

pub mod accounts;
pub mod anchor;
pub mod dump;
pub mod error;
pub mod frame;
pub mod guard;
pub mod index;
pub mod keys;
pub mod lines;
pub mod mails;
pub mod open;
pub mod optout;
mod phonebook;
pub mod records;
pub mod shared;
pub mod spool;
pub mod syncer;
pub mod tokens;
pub mod txn;
pub mod verbs;
pub mod writer;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use self::guard::Room;
use self::keys::Kind;
use self::open::Opened;
use self::shared::{Shared, describe};
use self::syncer::AHEAD;
use self::txn::Txn;
use self::verbs::{Age, Arrival, Posting};
use self::writer::{Job, MAX_WAITING};
use super::accounts::{Account, Reset};
use super::guard::Spending;
use super::{
    Charge, Content, Counts, EarlyReport, Filter, Inbound, InboundOutcome, Judgement, Kept, Link,
    MailOutcome, Message, NewMessage, Note, Original, OutMail, Queue, QueuedMail, Received,
    Settlement, Store, StoreError, Taken, Telling, Token, TokenId,
};
use crate::sms::{MessageId, Number, Party};

pub use self::dump::{DumpError, Exported, check, export, import};
pub use self::error::OpenError;
pub use self::open::Census;

/// Keys that wait to be forgotten, at most: one that is not forgotten only makes a repeat of the
/// same text within ten minutes count as one.
const MAX_FORGOTTEN: usize = 65_536;

/// Rows that one transaction of `prune` deletes: the mails in between shall not wait.
const PRUNE: usize = 256;

/// Parts that one reference leads to: a modem that sends 1,000 SMS a day to one number gives it each
/// reference 4 times.
const MAX_NAMED: usize = 64;

/// Where the store is, and what it must have room for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory.
    pub path: PathBuf,
    /// Octets of the largest message that is taken.
    pub largest: u64,
    /// Free space below which nothing new is taken, instead of 2 × `largest` + 64 MiB.
    pub reserve: Option<u64>,
}

/// How much the writer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Requests that were answered.
    pub requests: u64,
    /// Batches that were synced.
    pub batches: u64,
    /// Rows that were written.
    pub rows: u64,
}

/// An open store. When the last one goes, the writer ends and the lock is free.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    room: Room,
    /// `None` only while it is dropped.
    queue: Option<mpsc::Sender<Job>>,
    /// The writer and the syncer.
    threads: Vec<JoinHandle<()>>,
}

impl SledStore {
    /// Opens the store of a directory, and makes it when the directory is absent or empty. Reads all
    /// of it.
    pub fn open(settings: &Settings) -> Result<Arc<Self>, OpenError> {
        let opened = open::open(settings, new_epoch(), open::For::Use)?;
        Self::start(opened).map(Arc::new)
    }

    fn start(opened: Opened) -> Result<Self, OpenError> {
        let Opened { writer, syncer, .. } = opened;
        let shared = Arc::clone(&writer.shared);
        let (path, room) = (writer.blobs.clone(), writer.room.clone());
        let (queue, jobs) = mpsc::channel(MAX_WAITING);
        let (applied, batches) = std::sync::mpsc::sync_channel(AHEAD);
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = std::thread::Builder::new().name(name.into()).spawn(run);
            thread.map_err(|source| OpenError::Io {
                path: path.clone(),
                what: "start the writer",
                source,
            })
        };
        let threads = vec![
            start("store", Box::new(move || writer.run(jobs, applied)))?,
            start("store-sync", Box::new(move || syncer.run(batches)))?,
        ];
        Ok(Self {
            shared,
            room,
            queue: Some(queue),
            threads,
        })
    }

    /// The room that it has.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// What the writer did since the store was opened.
    pub fn metrics(&self) -> Metrics {
        let [requests, batches, rows] = &self.shared.metrics;
        Metrics {
            requests: requests.load(Ordering::Relaxed),
            batches: batches.load(Ordering::Relaxed),
            rows: rows.load(Ordering::Relaxed),
        }
    }

    /// Hands a transaction to the writer, and waits until it is durable.
    async fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.shared.alive()?;
        let (job, answer) = writer::job(work);
        if let Some(queue) = &self.queue
            && queue.send(job).await.is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        // The writer only goes before us when the store is dead.
        Err(StoreError::Dead(self.shared.died().await))
    }

    /// Reads on the caller's thread, and answers when that is durable.
    async fn read<T>(
        &self,
        reader: impl FnOnce(&Shared) -> Result<T, String>,
    ) -> Result<T, StoreError> {
        let value = self.shared.read(|| reader(&self.shared))?;
        self.shared.durable().await?;
        Ok(value)
    }

    /// Reads much, on a thread where that may take its time.
    async fn read_long<T: Send + 'static>(
        &self,
        reader: impl FnOnce(&Shared) -> Result<T, String> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.read(|| reader(&shared)));
        let value = match read.await {
            Ok(value) => value?,
            Err(e) => return Err(self.shared.die(e.to_string())),
        };
        self.shared.durable().await?;
        Ok(value)
    }

    /// Takes messages. Nothing is awaited, so that a caller that goes away cannot take leases with it.
    /// What is in the index is durable.
    fn lease(
        &self,
        take: impl FnOnce(&mut index::Index) -> Vec<MessageId>,
    ) -> Result<Vec<Message>, StoreError> {
        self.shared.read(|| {
            let ids = take(&mut self.shared.index());
            let mut taken = Vec::with_capacity(ids.len());
            for id in ids {
                let found = message(&self.shared, id)?;
                // A change that is applied and not yet durable may have ended it: the index follows, and
                // with it the lease ends.
                taken.extend(found.filter(|m| !m.state.is_final() || m.awaited.is_some()));
            }
            Ok(taken)
        })
    }

    /// Writes rows as they are: for imports.
    async fn load(&self, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
        let load = move |txn: &mut Txn<'_>| {
            txn.need_room()?;
            for (key, payload) in rows {
                txn.put(key, payload);
            }
            Ok(())
        };
        self.submit(load).await
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // It caught its panics.
            let _ = thread.join();
        }
    }
}

/// Names a new store: one that is put in another's place is told by it. Time and process are enough,
/// as no one chooses them.
fn new_epoch() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// The message under its key, as it is to be seen: open attempts of a process that is gone are
/// unknown outcomes.
fn message(shared: &Shared, id: MessageId) -> Result<Option<Message>, String> {
    let key = keys::message(id);
    let Some(payload) = shared.payload(&key)? else {
        return Ok(None);
    };
    let kept = records::decode_message(&payload);
    let kept = kept.map_err(|e| format!("{} {e}", describe(&key)))?;
    Ok(Some(as_seen(shared, kept.value)))
}

fn as_seen(shared: &Shared, mut message: Message) -> Message {
    if shared.index().was_stopped(message.id, message.revision) {
        verbs::close_attempts(&mut message);
    }
    message
}

/// An account, if it ever sent anything.
fn account(shared: &Shared, name: &str) -> Result<Option<Account>, String> {
    let key = keys::account(name);
    let payload = shared.payload(&key)?;
    let account = payload.map(|payload| records::decode_account(&payload));
    account
        .transpose()
        .map_err(|e| format!("{} {e}", describe(&key)))
}

#[async_trait]
impl Store for SledStore {
    async fn put(
        &self,
        now: Timestamp,
        messages: Vec<NewMessage>,
        mails: Vec<OutMail>,
    ) -> Result<Vec<Taken>, StoreError> {
        let arrivals = messages.into_iter().map(|m| Arrival::new(m, now));
        let arrivals: Vec<Arrival> = arrivals.collect();
        let postings = mails.into_iter().map(|m| Posting::new(m, now));
        let postings: Vec<Posting> = postings.collect();
        let put = move |txn: &mut Txn<'_>| {
            match arrivals.is_empty() {
                true => txn.need_room_for_a_word()?,
                false => txn.need_room()?,
            }
            let taken = verbs::take(txn, now, arrivals)?;
            verbs::post(txn, postings)?;
            Ok(taken)
        };
        self.submit(put).await
    }

    fn forget(&self, keys: Vec<[u8; 32]>) {
        {
            let forgotten = self.shared.forgotten.lock();
            let mut forgotten = forgotten.unwrap_or_else(PoisonError::into_inner);
            let room = MAX_FORGOTTEN.saturating_sub(forgotten.len());
            forgotten.extend(keys.into_iter().take(room));
        }
        // Wakes the writer; when the queue is full it is awake.
        let (job, _) = writer::job(|_| Ok(()));
        if let Some(queue) = &self.queue {
            let _ = queue.try_send(job);
        }
    }

    async fn lease_due(&self, now: Timestamp, max: usize) -> Result<Vec<Message>, StoreError> {
        self.lease(|index| index.lease_messages(now, max))
    }

    async fn lease_late(
        &self,
        now: Timestamp,
        warn_after: SignedDuration,
        max: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.lease(|index| index.lease_late(now, warn_after, max))
    }

    fn next_late(&self, warn_after: SignedDuration) -> Option<Timestamp> {
        self.shared.index().next_late(warn_after)
    }

    fn park(&self, id: MessageId, what: &str) {
        self.shared.index().park(id, what);
    }

    fn parked(&self) -> Vec<String> {
        self.shared.index().parked()
    }

    fn release(&self, what: &str, max: usize) {
        self.shared.index().release(what, max);
    }

    fn put_back(&self, id: MessageId, at: Timestamp) {
        self.shared.index().put_back(id, at);
    }

    fn next_due(&self, queue: Queue) -> Option<Timestamp> {
        self.shared.index().next_due(queue)
    }

    async fn begin_attempt(
        &self,
        now: Timestamp,
        message: Message,
        link: Option<Link>,
        counts: Vec<Charge>,
    ) -> Result<u64, StoreError> {
        let change = verbs::Change::new(message, now);
        self.submit(move |txn| verbs::begin(txn, change, link, &counts))
            .await
    }

    async fn settle(&self, now: Timestamp, settlement: Settlement) -> Result<u64, StoreError> {
        let telling = settlement.telling.clone();
        let (change, refund, mails) = verbs::prepare(now, settlement);
        let settle =
            move |txn: &mut Txn<'_>| verbs::settle(txn, change, refund, mails, telling.as_ref());
        self.submit(settle).await
    }

    async fn by_reference(
        &self,
        gateway: &str,
        reference: &str,
    ) -> Result<Vec<(Message, usize)>, StoreError> {
        let prefix = keys::reference(gateway, reference);
        let find = move |shared: &Shared| {
            let mut named = Vec::new();
            shared.scan(&prefix, true, |key, payload| {
                let row = records::decode_named(payload);
                let row = row.map_err(|e| format!("{} {e}", describe(key)))?;
                // Attempts at one part follow each other.
                if named.last() != Some(&(row.id, row.part)) {
                    named.push((row.id, row.part));
                }
                Ok(named.len() < MAX_NAMED)
            })?;
            let mut found = Vec::with_capacity(named.len());
            for (id, part) in named {
                let message = message(shared, id)?;
                found.extend(message.filter(|m| part < m.parts.len()).map(|m| (m, part)));
            }
            Ok(found)
        };
        self.read(find).await
    }

    async fn keep_report(&self, early: EarlyReport) -> Result<(), StoreError> {
        let keep = move |txn: &mut Txn<'_>| {
            txn.need_room()?;
            verbs::keep_report(txn, &early);
            Ok(())
        };
        self.submit(keep).await
    }

    async fn reports(&self, of: Option<(&str, &str)>) -> Result<Vec<EarlyReport>, StoreError> {
        self.shared.alive()?;
        if !self.shared.index().has_reports() {
            return Ok(Vec::new());
        }
        let prefix = match of {
            Some((gateway, reference)) => keys::reports(gateway, reference),
            None => Kind::Report.prefix().to_vec(),
        };
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&prefix, false, |key, payload| {
                let early = records::decode_report(payload);
                found.push(early.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read(list).await
    }

    async fn drop_report(&self, early: EarlyReport) -> Result<(), StoreError> {
        self.submit(move |txn| verbs::drop_report(txn, &early))
            .await
    }

    async fn find(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.read(|shared| message(shared, id)).await
    }

    fn is_leased(&self, id: MessageId) -> bool {
        self.shared.index().is_leased(id)
    }

    async fn list(&self, filter: Filter) -> Result<Vec<Message>, StoreError> {
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Message.prefix(), true, |key, payload| {
                let kept = records::decode_message(payload);
                let message = kept.map_err(|e| format!("{} {e}", describe(key)))?.value;
                let state = filter.states.is_empty() || filter.states.contains(&message.state);
                let account = filter
                    .account
                    .as_ref()
                    .is_none_or(|a| *a == message.account);
                if state && account {
                    found.push(as_seen(shared, message));
                }
                Ok(filter.limit == 0 || found.len() < filter.limit)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn used(&self, account_name: &str, month: &str) -> Result<u32, StoreError> {
        let key = keys::counter(account_name, month);
        let (name, month) = (account_name.to_owned(), month.to_owned());
        let used = move |shared: &Shared| {
            if let Some(account) = account(shared, &name)? {
                return Ok(account.used(&month));
            }
            let Some(payload) = shared.payload(&key)? else {
                return Ok(0);
            };
            let counter = records::decode_counter(&payload);
            let counter = counter.map_err(|e| format!("{} {e}", describe(&key)))?;
            Ok(counter.used)
        };
        self.read(used).await
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let name = name.to_owned();
        self.read(move |shared| account(shared, &name)).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let list = |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Account.prefix(), false, |key, payload| {
                let account = records::decode_account(payload);
                found.push(account.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn spent(&self, on: Option<&Number>) -> Result<Spending, StoreError> {
        let key = on.map_or_else(keys::spent_by_site, keys::spent_on);
        let nothing = on.map_or_else(Spending::by_site, Spending::on);
        let spent = move |shared: &Shared| {
            let Some(payload) = shared.payload(&key)? else {
                return Ok(nothing);
            };
            records::decode_spending(&payload).map_err(|e| format!("{} {e}", describe(&key)))
        };
        self.read(spent).await
    }

    async fn reset_account(&self, name: &str, reset: Reset) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.submit(move |txn| accounts::reset(txn, &name, &reset))
            .await
    }

    async fn reset_site_day(&self) -> Result<(), StoreError> {
        self.submit(accounts::reset_site_day).await
    }

    async fn keep_inbound(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError> {
        let keep = move |txn: &mut Txn<'_>| {
            txn.need_room()?;
            verbs::keep_inbound(txn, now, id, received)
        };
        self.submit(keep).await
    }

    async fn lease_inbound(&self, now: Timestamp, max: usize) -> Result<Vec<Inbound>, StoreError> {
        self.shared.read(|| {
            let ids = self.shared.index().lease_inbound(now, max);
            let mut due = Vec::with_capacity(ids.len());
            for id in ids {
                let key = keys::inbound(id);
                if let Some(payload) = self.shared.payload(&key)? {
                    let kept = records::decode_inbound(&payload);
                    due.push(kept.map_err(|e| format!("{} {e}", describe(&key)))?.value);
                }
            }
            Ok(due)
        })
    }

    async fn settle_inbound(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
    ) -> Result<(), StoreError> {
        let settle = move |txn: &mut Txn<'_>| verbs::settle_inbound(txn, now, outcome).map(drop);
        self.submit(settle).await
    }

    async fn list_inbound(&self, limit: usize) -> Result<Vec<Inbound>, StoreError> {
        let list = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Inbound.prefix(), true, |key, payload| {
                let kept = records::decode_inbound(payload);
                found.push(kept.map_err(|e| format!("{} {e}", describe(key)))?.value);
                Ok(limit == 0 || found.len() < limit)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn find_inbound(&self, id: MessageId) -> Result<Option<Inbound>, StoreError> {
        let key = keys::inbound(id);
        let find = move |shared: &Shared| {
            let Some(payload) = shared.payload(&key)? else {
                return Ok(None);
            };
            let kept = records::decode_inbound(&payload);
            Ok(Some(
                kept.map_err(|e| format!("{} {e}", describe(&key)))?.value,
            ))
        };
        self.read(find).await
    }

    async fn stuck_inbound(
        &self,
        from: Option<&Party>,
        before: Option<MessageId>,
        max: usize,
    ) -> Result<Vec<Inbound>, StoreError> {
        let from = from.cloned();
        let list = move |shared: &Shared| {
            let mut found: Vec<Inbound> = Vec::new();
            shared.scan_before(
                &Kind::Inbound.prefix(),
                before.map(keys::inbound),
                |key, payload| {
                    let kept = records::decode_inbound(payload);
                    let row = kept.map_err(|e| format!("{} {e}", describe(key)))?.value;
                    let sender = match &row.received.content {
                        Content::Sms { from, .. } => Some(from),
                        Content::Undecodable { .. } => None,
                    };
                    if row.state.is_stuck() && (from.is_none() || from.as_ref() == sender) {
                        found.push(row);
                    }
                    Ok(found.len() < max)
                },
            )?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn judge_inbound(
        &self,
        now: Timestamp,
        ids: Vec<MessageId>,
        judgement: Judgement,
    ) -> Result<u64, StoreError> {
        let judge = move |txn: &mut Txn<'_>| verbs::judge_inbound(txn, now, ids, judgement);
        self.submit(judge).await
    }

    async fn links(&self, phone: &Number, since: Timestamp) -> Result<Vec<Link>, StoreError> {
        let prefix = keys::links_of(phone);
        let links = move |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&prefix, true, |key, payload| {
                let link = records::decode_link(payload);
                let link = link.map_err(|e| format!("{} {e}", describe(key)))?;
                // They come newest first, so the first that is too old is the last to be read.
                let young = link.at >= since;
                if young {
                    found.push(link);
                }
                Ok(young)
            })?;
            Ok(found)
        };
        self.read(links).await
    }

    async fn original(&self, mail: MessageId) -> Result<Option<Original>, StoreError> {
        let key = keys::original(mail);
        let find = move |shared: &Shared| {
            let payload = shared.payload(&key)?;
            let original = payload.map(|payload| records::decode_original(&payload));
            let original = original.transpose();
            original.map_err(|e| format!("{} {e}", describe(&key)))
        };
        self.read(find).await
    }

    async fn tellings(
        &self,
        now: Timestamp,
        quiet: SignedDuration,
        longest: SignedDuration,
    ) -> Result<Vec<Vec<Telling>>, StoreError> {
        let due = self.shared.index().tellings(now, quiet, longest);
        let find = move |shared: &Shared| {
            let mut all = Vec::with_capacity(due.len());
            for (mail, cause) in due {
                let mut found = Vec::new();
                shared.scan(&keys::tellings(mail, &cause), false, |key, payload| {
                    let telling = records::decode_telling(payload);
                    found.push(telling.map_err(|e| format!("{} {e}", describe(key)))?);
                    Ok(true)
                })?;
                all.push(found);
            }
            Ok(all)
        };
        self.read(find).await
    }

    fn next_telling(&self, quiet: SignedDuration, longest: SignedDuration) -> Option<Timestamp> {
        self.shared.index().next_telling(quiet, longest)
    }

    async fn tell(
        &self,
        now: Timestamp,
        tellings: Vec<Telling>,
        mails: Vec<OutMail>,
    ) -> Result<(), StoreError> {
        let mails = mails.into_iter().map(|m| Posting::new(m, now));
        let mails: Vec<Posting> = mails.collect();
        self.submit(move |txn| verbs::tell(txn, tellings, mails))
            .await
    }

    async fn lease_mail(&self, now: Timestamp, max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        self.shared.read(|| {
            let ids = self.shared.index().lease_mails(now, max);
            let mut due = Vec::with_capacity(ids.len());
            for id in ids {
                let key = keys::mail(id);
                if let Some(payload) = self.shared.payload(&key)? {
                    let mail = records::decode_mail(&payload);
                    due.push(mail.map_err(|e| format!("{} {e}", describe(&key)))?);
                }
            }
            Ok(due)
        })
    }

    async fn settle_mail(
        &self,
        now: Timestamp,
        id: MessageId,
        outcome: MailOutcome,
    ) -> Result<(), StoreError> {
        let settle = move |txn: &mut Txn<'_>| verbs::settle_mail(txn, now, id, outcome);
        self.submit(settle).await
    }

    async fn list_mail(&self) -> Result<Vec<QueuedMail>, StoreError> {
        let list = |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Mail.prefix(), false, |key, payload| {
                let mail = records::decode_mail(payload);
                found.push(mail.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn note(&self, about: &str) -> Result<Note, StoreError> {
        let key = keys::note(about);
        let note = move |shared: &Shared| {
            let Some(payload) = shared.payload(&key)? else {
                return Ok(Note::new());
            };
            records::decode_note(&payload).map_err(|e| format!("{} {e}", describe(&key)))
        };
        self.read(note).await
    }

    async fn write_note(&self, about: &str, note: Note) -> Result<(), StoreError> {
        let about = about.to_owned();
        self.submit(move |txn| verbs::write_note(txn, &about, &note))
            .await
    }

    async fn add_token(&self, token: Token) -> Result<bool, StoreError> {
        let add = move |txn: &mut Txn<'_>| {
            txn.need_room()?;
            tokens::add(txn, &token)
        };
        self.submit(add).await
    }

    async fn token(&self, digest: [u8; 32]) -> Result<Option<Token>, StoreError> {
        let key = keys::token(TokenId::of(&digest));
        let find = move |shared: &Shared| {
            let Some(payload) = shared.payload(&key)? else {
                return Ok(None);
            };
            let token = tokens::decode_token(&payload);
            let token = token.map_err(|e| format!("{} {e}", describe(&key)))?;
            Ok(Some(token).filter(|token| token.digest == digest))
        };
        self.read(find).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let list = |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::Token.prefix(), false, |key, payload| {
                let token = tokens::decode_token(payload);
                found.push(token.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn revoke_token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        self.submit(move |txn| tokens::revoke(txn, id)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.shared.alive()?;
        Ok(self.shared.index().counts())
    }

    async fn prune(&self, now: Timestamp, before: Timestamp) -> Result<u64, StoreError> {
        let age = Age { now, before };
        let over = move |shared: &Shared| {
            let mut over = Vec::new();
            for kind in Kind::ALL {
                shared.scan(&kind.prefix(), false, |key, payload| {
                    let row = records::decode(kind, payload);
                    let row = row.map_err(|e| format!("{} {e}", describe(key)))?;
                    if age.is_over(&row) {
                        over.push(key.to_vec());
                    }
                    Ok(true)
                })?;
            }
            Ok(over)
        };
        let mut over = self.read_long(over).await?;
        let mut dropped = 0;
        while !over.is_empty() {
            let rest = over.split_off(over.len().min(PRUNE));
            let chunk = std::mem::replace(&mut over, rest);
            let drop_old = move |txn: &mut Txn<'_>| verbs::drop_old(txn, age, chunk);
            dropped += self.submit(drop_old).await?;
        }
        Ok(dropped)
    }

    async fn died(&self) -> String {
        self.shared.died().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Arc<SledStore>) {
        let dir = tempfile::tempdir().expect("directory");
        let settings = Settings {
            path: dir.path().join("store"),
            largest: 0,
            reserve: Some(1 << 20),
        };
        let store = SledStore::open(&settings).expect("open");
        (dir, store)
    }

    #[tokio::test]
    async fn what_queues_up_is_one_batch() {
        let (_dir, store) = open();
        // The writer is held in its first request until the others have queued up.
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let put = |n: u8, wait: Option<std::sync::mpsc::Receiver<()>>| {
            store.submit(move |txn| {
                if let Some(wait) = wait {
                    let _ = wait.recv();
                }
                let known = records::Known {
                    until: Timestamp::MAX,
                    id: MessageId::from_bytes([n; 16]),
                };
                txn.put(keys::dedupe(&[n; 32]), records::encode_known(&known));
                Ok(())
            })
        };
        let others = futures_util::future::join_all((1..100).map(|n| put(n, None)));
        let release = async {
            tokio::task::yield_now().await;
            drop(go);
        };
        let (first, others, ()) = tokio::join!(put(0, Some(wait)), others, release);
        assert_eq!(first, Ok(()));
        assert!(others.iter().all(Result::is_ok));
        let metrics = store.metrics();
        assert_eq!((metrics.requests, metrics.rows), (100, 100));
        assert_eq!(metrics.batches, 1);
    }

    #[tokio::test]
    async fn a_panic_is_the_end() {
        let (_dir, store) = open();
        let panics = store.submit(|_| -> Result<(), StoreError> { panic!("a bug") });
        let dead = StoreError::Dead("a store call panicked: a bug".into());
        assert_eq!(panics.await, Err(dead.clone()));
        assert_eq!(store.died().await, "a store call panicked: a bug");
        assert_eq!(
            store.put(Timestamp::UNIX_EPOCH, vec![], vec![]).await,
            Err(dead.clone())
        );
        assert_eq!(store.counts().await, Err(dead.clone()));
        assert_eq!(store.lease_due(Timestamp::MAX, 1).await, Err(dead));
        store.forget(vec![[0; 32]]);
    }

    #[tokio::test]
    async fn references_of_versions_before_are_found() {
        let (_dir, store) = open();
        let id = MessageId::from_bytes([1; 16]);
        // As version 0.1.0 wrote it, before attempts had a place.
        let json = r#"{"touched":"2027-01-15T08:00:00Z","id":"01010101-0101-0101-0101-010101010101",
            "revision":2,"created":"2027-01-15T08:00:00Z","origin":{"queue_id":null,"recipient":"",
            "message_id":null,"subject":"","report_to":null},"account":"","charge":null,
            "number":"+15551234567","text":"x","encoding":"gsm7","segments":1,"reference":7,
            "flash":false,"confirm":false,"class":"normal","sender_id":null,"gateways":[],
            "in_order":false,"avoided":[],"state":"sent","begun":"hall","parts":[{"text":"x",
            "state":{"sent":{"gateway":"hall","reference":"17","at":"2027-01-15T08:00:00Z"}},
            "receipt":{"failed":70},"unknowns":0}],"attempts":0,
            "next_attempt":"2027-01-15T08:00:00Z","expires":"2027-01-15T08:00:00Z","warned":false,
            "error":null}"#;
        let named = records::Named {
            gateway: "hall".into(),
            reference: "17".into(),
            id,
            part: 0,
        };
        let write = store.submit(move |txn| {
            let message = [&[records::VERSION], json.as_bytes()].concat();
            txn.put(keys::message(id), message);
            let key = keys::reference("hall", "17");
            txn.put(key, records::encode_named(&named));
            Ok(())
        });
        write.await.expect("written");
        let found = store.by_reference("hall", "17").await.expect("found");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0.parts[0].attempts, []);
        let old = store.prune(Timestamp::MAX, Timestamp::MAX).await;
        assert_eq!(old, Ok(2), "the message and its reference");
        assert_eq!(store.by_reference("hall", "17").await, Ok(vec![]));
    }

    #[tokio::test]
    async fn damage_that_is_read_is_the_end() {
        let (_dir, store) = open();
        let id = MessageId::from_bytes([1; 16]);
        store
            .shared
            .db
            .insert(keys::message(id), b"rubbish")
            .expect("insert");
        let found = store.find(id).await;
        assert!(
            matches!(&found, Err(StoreError::Dead(why)) if why.contains("is cut off")),
            "{found:?}"
        );
        assert!(store.shared.alive().is_err());
    }
}
