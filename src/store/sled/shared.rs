//! What the writer and the readers of a store share: the database, the index, and whether it lives.
//!
//! Readers read the database from their own threads. They may see a batch that is applied and not
//! yet synced, so whoever answers with what was read waits in [`Shared::durable`] first.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::frame::{self, Place};
use super::index::Index;
use super::keys::Kind;
use super::spool::{Reference, Spool, SpoolError};
use crate::store::StoreError;

/// A row that was rewritten while it was read is read again; a file that is still missing then is
/// lost.
const ATTEMPTS: usize = 5;

/// See the module. The fields are dropped in this order: the lock goes last.
#[derive(Debug)]
pub struct Shared {
    /// The one tree is the default one.
    pub db: ::sled::Db,
    /// Large payloads.
    pub spool: Spool,
    /// The sequence of the last batch that was begun.
    pub applied: AtomicU64,
    /// The sequence of the last batch that is on the disk.
    pub synced: watch::Sender<u64>,
    /// Keys to be dropped with the next batch.
    pub forgotten: Mutex<Vec<[u8; 32]>>,
    /// Requests answered, batches written, rows written.
    pub metrics: [AtomicU64; 3],
    index: Mutex<Index>,
    dead: watch::Sender<Option<String>>,
    _lock: File,
}

impl Shared {
    /// Of a store that was just opened and synced.
    pub fn new(db: ::sled::Db, spool: Spool, index: Index, sequence: u64, lock: File) -> Self {
        Self {
            db,
            spool,
            applied: AtomicU64::new(sequence),
            synced: watch::Sender::new(sequence),
            forgotten: Mutex::default(),
            metrics: Default::default(),
            index: Mutex::new(index),
            dead: watch::Sender::new(None),
            _lock: lock,
        }
    }

    /// The index, for as long as nothing waits.
    pub fn index(&self) -> MutexGuard<'_, Index> {
        // Whoever panicked with it has also ended the store.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the store for ever; the first reason stays.
    pub fn die(&self, reason: String) -> StoreError {
        self.dead.send_if_modified(|dead| {
            let first = dead.is_none();
            dead.get_or_insert(reason.clone());
            first
        });
        StoreError::Dead(self.dead.borrow().clone().unwrap_or(reason))
    }

    /// Whether the store has ended.
    pub fn alive(&self) -> Result<(), StoreError> {
        match &*self.dead.borrow() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Dead(reason.clone())),
        }
    }

    /// Ends when the store does.
    pub async fn died(&self) -> String {
        let mut dead = self.dead.subscribe();
        if let Ok(reason) = dead.wait_for(Option::is_some).await {
            return reason.clone().unwrap_or_default();
        }
        // Unreachable: the sender is in `self`.
        std::future::pending().await
    }

    /// Waits until all that a reader may have seen so far is on the disk.
    pub async fn durable(&self) -> Result<(), StoreError> {
        let seen = self.applied.load(Ordering::SeqCst);
        if *self.synced.borrow() < seen {
            let mut synced = self.synced.subscribe();
            tokio::select! {
                biased;
                reason = self.died() => return Err(StoreError::Dead(reason)),
                _ = synced.wait_for(|sequence| *sequence >= seen) => {}
            }
        }
        self.alive()
    }

    /// Runs a thread of the store: an error or a panic in it ends the store.
    pub fn until_it_fails(&self, serve: impl FnOnce() -> Result<(), String>) {
        match catch_unwind(AssertUnwindSafe(serve)) {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => drop(self.die(reason)),
            Err(panic) => drop(self.die(told(panic))),
        }
    }

    /// Runs a reader: a panic or damage in it ends the store.
    pub fn read<T>(&self, reader: impl FnOnce() -> Result<T, String>) -> Result<T, StoreError> {
        self.alive()?;
        match catch_unwind(AssertUnwindSafe(reader)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(self.die(reason)),
            Err(panic) => Err(self.die(told(panic))),
        }
    }

    /// The payload under a key.
    pub fn payload(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let mut missing = String::new();
        for _ in 0..ATTEMPTS {
            let Some(value) = self.db.get(key).map_err(|e| e.to_string())? else {
                return Ok(None);
            };
            match self.unwrap(key, &value)? {
                Ok(payload) => return Ok(Some(payload)),
                // The row was rewritten meanwhile, and its old file is gone.
                Err(name) => missing = name,
            }
        }
        Err(format!("{}: {missing} is missing", describe(key)))
    }

    /// Takes the frame off a value and fetches its file; the inner error names a missing file.
    fn unwrap(&self, key: &[u8], value: &[u8]) -> Result<Result<Vec<u8>, String>, String> {
        let bad = |e: &dyn std::fmt::Display| format!("{} {e}", describe(key));
        let frame = frame::open(key, value).map_err(|e| bad(&e))?;
        if frame.place == Place::Row {
            return Ok(Ok(frame.payload.to_vec()));
        }
        let reference = Reference::decode(frame.payload).map_err(|e| bad(&e))?;
        match self.spool.read(&reference) {
            Ok(payload) => Ok(Ok(payload)),
            Err(e @ SpoolError::Missing(_)) => Ok(Err(e.to_string())),
            Err(e) => Err(bad(&e)),
        }
    }

    /// Visits the rows with a prefix, in order or backwards, until the visitor says no.
    pub fn scan(
        &self,
        prefix: &[u8],
        backwards: bool,
        visit: impl FnMut(&[u8], &[u8]) -> Result<bool, String>,
    ) -> Result<(), String> {
        let mut rows = self.db.scan_prefix(prefix);
        let next = || match backwards {
            true => rows.next_back(),
            false => rows.next(),
        };
        self.visit(next, visit)
    }

    /// Visits the rows with a prefix backwards, from before a key of them, until the visitor says no.
    pub fn scan_before(
        &self,
        prefix: &[u8],
        before: Option<Vec<u8>>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<bool, String>,
    ) -> Result<(), String> {
        let Some(before) = before else {
            return self.scan(prefix, true, visit);
        };
        let mut rows = self.db.range(prefix.to_vec()..before);
        self.visit(|| rows.next_back(), visit)
    }

    fn visit(
        &self,
        mut next: impl FnMut() -> Option<::sled::Result<(::sled::IVec, ::sled::IVec)>>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool, String>,
    ) -> Result<(), String> {
        while let Some(row) = next() {
            let (key, value) = row.map_err(|e| e.to_string())?;
            let payload = match self.unwrap(&key, &value)? {
                Ok(payload) => payload,
                Err(_) => match self.payload(&key)? {
                    Some(payload) => payload,
                    None => continue,
                },
            };
            if !visit(&key, &payload)? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Names a row without telling what it holds.
pub fn describe(key: &[u8]) -> String {
    let kind = Kind::of(key).map_or("unknown", Kind::name);
    match super::keys::id(key) {
        Some(id) => format!("the row of {kind} {id}"),
        None => {
            let hex: String = key
                .iter()
                .skip(1)
                .take(8)
                .map(|b| format!("{b:02x}"))
                .collect();
            format!("the row of {kind} {hex}…")
        }
    }
}

/// What a panic said.
pub fn told(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "a store call panicked: {}",
        text.unwrap_or("without a word")
    )
}
