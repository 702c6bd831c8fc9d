//! The writer: one thread, the only one that ever writes to the database.
//!
//! It takes what has queued up, runs it into one transaction, gives that to sled, and hands it on to the
//! [`syncer`](super::syncer), which makes it durable before anyone hears of it (durability 2.7):
//!
//! ```text
//! writer: spool files synced → one batch applied → sled flushed
//! syncer:                                     → db synced → anchor synced → index → answers
//! ```
//!
//! While one batch is synced, the next is gathered and applied; only the writer calls sled.
//!
//! The first error or panic anywhere ends the store: what is on the disk is then known only to the
//! next open. Its requests are dropped, which their callers hear as [`StoreError::Dead`].

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::anchor::Mark;
use super::frame::{self, MAX_INLINE, MAX_VALUE, Place};
use super::guard::Room;
use super::keys;
use super::records::Damage;
use super::shared::{Shared, describe};
use super::spool::Reference;
use super::syncer::Batch;
use super::txn::Txn;
use crate::store::StoreError;

/// Requests in one batch, at most: beyond, the sync no longer weighs anything.
const MAX_REQUESTS: usize = 512;

/// A batch ends when it has that many octets, so that it stays within one segment of sled. A single
/// request may be larger.
const MAX_OCTETS: usize = 1 << 20;

/// Where several callers write at a time, a batch waits this long for those who shared the last one, which
/// is being synced meanwhile: a batch costs the same syncs whatever its size.
const GATHER: Duration = Duration::from_micros(300);

/// Requests that wait, at most; further callers wait for a place.
pub const MAX_WAITING: usize = 1024;

/// How often `blobs/` is looked into: it costs a directory read, and no value is large enough to get
/// there.
const BLOBS_EVERY: u64 = 64;

/// Tells a caller what became of its request, when that is durable.
pub type Answer = Box<dyn FnOnce() + Send>;

/// A caller's request. An error is the end of the store.
pub type Job = Box<dyn FnOnce(&mut Txn<'_>) -> Result<Answer, String> + Send>;

/// Makes a request and the place where its answer comes.
pub fn job<T, F>(work: F) -> (Job, oneshot::Receiver<Result<T, StoreError>>)
where
    T: Send + 'static,
    F: FnOnce(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let job = move |txn: &mut Txn<'_>| -> Result<Answer, String> {
        let result = work(txn);
        match &result {
            Ok(_) => txn.keep(),
            Err(StoreError::Dead(reason)) => return Err(reason.clone()),
            Err(_) => txn.take_back(),
        }
        Ok(Box::new(move || {
            // A caller that went away does not want to know.
            let _ = sender.send(result);
        }))
    };
    (Box::new(job), receiver)
}

/// The row about all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Which store, and its last batch.
    pub mark: Mark,
    /// How many rows there are beside this one.
    pub count: u64,
    /// The sum of their weights.
    pub sum: u64,
}

/// The version of the whole layout.
const LAYOUT: u8 = 1;

impl Meta {
    /// Its value, framed.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = vec![LAYOUT];
        for number in [self.mark.epoch, self.mark.sequence, self.count, self.sum] {
            payload.extend(number.to_be_bytes());
        }
        frame::seal(keys::META, Place::Row, self.mark.sequence, &payload).0
    }

    /// Reads what [`Self::encode`] made.
    pub fn decode(value: &[u8]) -> Result<Self, Damage> {
        let frame = frame::open(keys::META, value)?;
        match frame.payload.split_first() {
            Some((&LAYOUT, numbers)) if numbers.len() == 32 => {
                let number = |at: usize| u64::from_be_bytes(frame::array(&numbers[8 * at..]));
                Ok(Self {
                    mark: Mark {
                        epoch: number(0),
                        sequence: number(1),
                    },
                    count: number(2),
                    sum: number(3),
                })
            }
            Some((&LAYOUT, _)) | None => Err(Damage::Bad("has a wrong length".into())),
            Some((&newer, _)) => Err(Damage::Newer(newer)),
        }
    }
}

/// See the module.
pub struct Writer {
    /// What the readers see too.
    pub shared: Arc<Shared>,
    /// The row about all rows.
    pub meta: Meta,
    /// The disk.
    pub room: Room,
    /// Where sled puts what it never syncs.
    pub blobs: PathBuf,
    /// How many requests the last batch had.
    pub company: usize,
}

impl Writer {
    /// Serves requests until the last caller is gone or something fails.
    pub fn run(mut self, mut queue: mpsc::Receiver<Job>, syncer: SyncSender<Batch>) {
        let shared = Arc::clone(&self.shared);
        shared.until_it_fails(|| {
            while let Some(first) = queue.blocking_recv() {
                let batch = self.batch(first, &mut queue)?;
                if syncer.send(batch).is_err() {
                    // It has said why.
                    return Ok(());
                }
            }
            Ok(())
        });
    }

    fn batch(&mut self, first: Job, queue: &mut mpsc::Receiver<Job>) -> Result<Batch, String> {
        let shared = Arc::clone(&self.shared);
        shared.alive().map_err(|e| e.to_string())?;
        let mut txn = Txn::new(&shared, &self.room);
        let forgotten = &shared.forgotten;
        let forgotten =
            std::mem::take(&mut *forgotten.lock().unwrap_or_else(PoisonError::into_inner));
        for key in &forgotten {
            txn.delete(keys::dedupe(key));
        }
        txn.keep();
        if queue.len() + 1 < self.company {
            std::thread::sleep(GATHER);
        }
        let mut answers = vec![first(&mut txn)?];
        while answers.len() < MAX_REQUESTS && txn.octets() < MAX_OCTETS {
            let Ok(job) = queue.try_recv() else { break };
            answers.push(job(&mut txn)?);
        }
        self.company = answers.len();
        let (staged, effects) = txn.into_parts();
        let stale = self.write(staged)?;
        Ok(Batch {
            mark: self.meta.mark,
            effects,
            stale,
            answers,
        })
    }

    /// Gives it to sled; returns the spool files that no row names any more.
    fn write(
        &mut self,
        staged: HashMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Result<Vec<Reference>, String> {
        let mut meta = self.meta;
        meta.mark.sequence += 1;
        let sequence = meta.mark.sequence;
        let (mut batch, mut rows) = (::sled::Batch::default(), 0);
        let (mut stale, mut spooled) = (Vec::new(), 0);
        for (key, staged) in staged {
            let bad = |e: Damage| format!("{} {e}", describe(&key));
            let old = self.shared.db.get(&key).map_err(|e| e.to_string())?;
            if let Some(old) = &old {
                let frame = frame::open(&key, old).map_err(bad)?;
                meta.count = meta.count.wrapping_sub(1);
                meta.sum = meta.sum.wrapping_sub(frame.weight());
                if frame.place == Place::Spool {
                    stale.push(Reference::decode(frame.payload).map_err(bad)?);
                }
            }
            let Some(payload) = staged else {
                if old.is_some() {
                    batch.remove(key);
                    rows += 1;
                }
                continue;
            };
            let (value, weight) = if payload.len() <= MAX_INLINE {
                frame::seal(&key, Place::Row, sequence, &payload)
            } else {
                let written = self.shared.spool.write(sequence, spooled, &payload);
                let reference = written.map_err(failed("the spool"))?;
                spooled += 1;
                frame::seal(&key, Place::Spool, sequence, &reference.encode())
            };
            assert!(value.len() <= MAX_VALUE, "a row has at most 8 KiB");
            meta.count = meta.count.wrapping_add(1);
            meta.sum = meta.sum.wrapping_add(weight);
            batch.insert(key, value);
            rows += 1;
        }
        if rows == 0 {
            return Ok(Vec::new());
        }
        if spooled > 0 {
            self.shared.spool.sync().map_err(failed("the spool"))?;
        }
        batch.insert(keys::META, meta.encode());
        self.apply(batch, meta)?;
        self.shared.metrics[1].fetch_add(1, Ordering::Relaxed);
        self.shared.metrics[2].fetch_add(rows, Ordering::Relaxed);
        Ok(stale)
    }

    fn apply(&mut self, batch: ::sled::Batch, meta: Meta) -> Result<(), String> {
        let sequence = meta.mark.sequence;
        // Before anyone can read it: readers wait for the sync of what they may have seen.
        self.shared.applied.store(sequence, Ordering::SeqCst);
        let db = &self.shared.db;
        db.apply_batch(batch).map_err(|e| format!("write: {e}"))?;
        db.flush().map_err(|e| format!("flush: {e}"))?;
        if sequence.is_multiple_of(BLOBS_EVERY) && !super::spool::Spool::is_empty(&self.blobs) {
            return Err("sled made a blob, which it never syncs".into());
        }
        self.meta = meta;
        Ok(())
    }
}

/// Makes the end of the store of an error of the disk.
pub(super) fn failed(what: &str) -> impl FnOnce(io::Error) -> String + '_ {
    move |e| format!("{what} could not be written: {e}")
}

/// Syncs all that sled keeps in a directory, and the directory.
pub fn sync_all(directory: &std::path::Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_about_all_rows_comes_back() {
        let meta = Meta {
            mark: Mark {
                epoch: 1,
                sequence: 2,
            },
            count: 3,
            sum: u64::MAX,
        };
        let value = meta.encode();
        assert_eq!(Meta::decode(&value), Ok(meta));
        for at in 0..value.len() {
            let mut damaged = value.clone();
            damaged[at] ^= 0x10;
            assert!(Meta::decode(&damaged).is_err(), "octet {at}");
        }
        let newer = frame::seal(keys::META, Place::Row, 1, &[LAYOUT + 1]).0;
        assert_eq!(Meta::decode(&newer), Err(Damage::Newer(LAYOUT + 1)));
    }
}
