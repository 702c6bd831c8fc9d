//! What a gateway remembers over a restart, without knowing a store.
//!
//! The assembly gives each gateway a [`Memory`] that writes to the store; [`Fleeting`] is for those who
//! have none. A gateway never keeps a text, a number of a phone or a secret there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::store::Note;

/// Notes by what they are about (`modem hall`, `sim 8944…`).
#[async_trait]
pub trait Memory: Send + Sync {
    /// What was noted; empty: nothing. `None`: that cannot be known now.
    async fn recall(&self, about: &str) -> Option<Note>;

    /// Notes that instead of what was there. `true`: it will be there after a power cut.
    async fn remember(&self, about: &str, note: Note) -> bool;
}

/// A memory that ends with the process.
#[derive(Debug, Default)]
pub struct Fleeting(Mutex<HashMap<String, Note>>);

#[async_trait]
impl Memory for Fleeting {
    async fn recall(&self, about: &str) -> Option<Note> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(notes.get(about).cloned().unwrap_or_default())
    }

    async fn remember(&self, about: &str, note: Note) -> bool {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.insert(about.to_owned(), note);
        true
    }
}
