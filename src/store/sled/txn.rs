//! A transaction in the making: what the writer's requests have put and deleted so far.
//!
//! Requests of one batch see each other's changes. A request that says no takes back its own and
//! nobody else's. Nothing here touches the disk but reads.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::guard::Room;
use super::index::Effect;
use super::shared::Shared;
use crate::store::StoreError;

/// A payload, or `None` for a row that is to go.
type Staged = Option<Vec<u8>>;

/// See the module.
pub struct Txn<'a> {
    shared: &'a Shared,
    room: &'a Room,
    staged: HashMap<Vec<u8>, Staged>,
    /// What was staged under a key before the request in progress changed it.
    undo: Vec<(Vec<u8>, Option<Staged>)>,
    effects: Vec<Effect>,
    /// Effects of the requests before the one in progress.
    settled: usize,
    enough: OnceCell<bool>,
    octets: usize,
}

impl<'a> Txn<'a> {
    /// An empty one.
    pub fn new(shared: &'a Shared, room: &'a Room) -> Self {
        Self {
            shared,
            room,
            staged: HashMap::new(),
            undo: Vec::new(),
            effects: Vec::new(),
            settled: 0,
            enough: OnceCell::new(),
            octets: 0,
        }
    }

    /// The payload under a key, as this transaction leaves it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StoreError> {
        if let Some(staged) = self.staged.get(key) {
            return Ok(staged.as_deref().map(Cow::Borrowed));
        }
        let payload = self.shared.payload(key).map_err(StoreError::Dead)?;
        Ok(payload.map(Cow::Owned))
    }

    /// How many rows with a prefix there were before this transaction.
    pub fn count(&self, prefix: &[u8]) -> Result<usize, StoreError> {
        let mut count = 0;
        let counted = self.shared.scan(prefix, false, |_, _| {
            count += 1;
            Ok(true)
        });
        counted.map_err(StoreError::Dead)?;
        Ok(count)
    }

    /// Writes a row.
    pub fn put(&mut self, key: Vec<u8>, payload: Vec<u8>) {
        self.octets += payload.len();
        self.stage(key, Some(payload));
    }

    /// Deletes a row.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.stage(key, None);
    }

    /// Notes what the index will have to follow.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Refuses what is new when the disk is nearly full.
    pub fn need_room(&self) -> Result<(), StoreError> {
        let enough = match self.enough.get() {
            Some(enough) => *enough,
            None => {
                let asked = self.room.is_enough();
                let asked = asked.map_err(|e| StoreError::Dead(format!("statvfs: {e}")))?;
                *self.enough.get_or_init(|| asked)
            }
        };
        if enough {
            Ok(())
        } else {
            Err(StoreError::Full)
        }
    }

    /// Refuses what only tells, when the disk is so full that writing it might be the store's end.
    pub fn need_room_for_a_word(&self) -> Result<(), StoreError> {
        let asked = self.room.is_enough_for_a_word();
        match asked.map_err(|e| StoreError::Dead(format!("statvfs: {e}")))? {
            true => Ok(()),
            false => Err(StoreError::Full),
        }
    }

    /// The request in progress is through.
    pub fn keep(&mut self) {
        self.undo.clear();
        self.settled = self.effects.len();
    }

    /// Takes back what the request in progress did.
    pub fn take_back(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(staged) => self.staged.insert(key, staged),
                None => self.staged.remove(&key),
            };
        }
        self.effects.truncate(self.settled);
    }

    /// Octets that were put.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// What is to be written, and what follows from it.
    pub fn into_parts(self) -> (HashMap<Vec<u8>, Staged>, Vec<Effect>) {
        (self.staged, self.effects)
    }

    fn stage(&mut self, key: Vec<u8>, staged: Staged) {
        let before = self.staged.insert(key.clone(), staged);
        self.undo.push((key, before));
    }
}
