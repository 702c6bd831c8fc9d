//! The syncer: the thread that makes the writer's batches durable, in their order, and then answers.
//!
//! It never calls sled. What the writer has handed over is flushed by sled, so it is in the kernel; a sync
//! of the file makes it durable, whatever of later batches goes with it. Batches that have queued up share
//! the syncs.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::anchor::{Anchor, Mark};
use super::index::Effect;
use super::shared::Shared;
use super::spool::Reference;
use super::writer::{Answer, failed};

/// Batches that may wait to be synced: the writer is one ahead and no more, so that batches grow under
/// load instead of waiting in a line.
pub const AHEAD: usize = 1;

/// What the writer has given to sled, and what is to happen when it is durable.
pub struct Batch {
    /// The database has come so far with it.
    pub mark: Mark,
    /// For the index.
    pub effects: Vec<Effect>,
    /// Spool files that no row names any more.
    pub stale: Vec<Reference>,
    /// For the callers.
    pub answers: Vec<Answer>,
}

/// See the module.
pub struct Syncer {
    /// What the readers see too.
    pub shared: Arc<Shared>,
    /// Our own handle of sled's file.
    pub file: File,
    /// How far the database has come.
    pub anchor: Anchor,
    /// What the anchor says.
    pub mark: Mark,
}

impl Syncer {
    /// Serves the writer until it ends or something fails.
    pub fn run(mut self, batches: Receiver<Batch>) {
        let shared = Arc::clone(&self.shared);
        shared.until_it_fails(|| {
            while let Ok(first) = batches.recv() {
                let mut group = vec![first];
                group.extend(batches.try_iter());
                self.sync(group)?;
            }
            Ok(())
        });
    }

    fn sync(&mut self, group: Vec<Batch>) -> Result<(), String> {
        let mark = group.last().map_or(self.mark, |batch| batch.mark);
        // A batch without a row leaves the mark where it was.
        if mark != self.mark {
            self.file.sync_data().map_err(failed("the database"))?;
            self.anchor.write(mark).map_err(failed("the anchor"))?;
            self.mark = mark;
        }
        for batch in group {
            self.finish(batch);
        }
        Ok(())
    }

    fn finish(&self, batch: Batch) {
        let shared = &self.shared;
        {
            let mut index = shared.index();
            for effect in batch.effects {
                index.apply(effect);
            }
        }
        shared.synced.send_replace(batch.mark.sequence);
        shared.metrics[0].fetch_add(batch.answers.len() as u64, Ordering::Relaxed);
        for answer in batch.answers {
            answer();
        }
        shared.spool.remove(&batch.stale);
    }
}
