//! A value that can be exchanged while it is used: settings that a reload changes.
//!
//! Whoever begins something asks for the value once, with [`Live::get`], and keeps what it got to the end:
//! no mail is judged by half of an old configuration and half of a new one. Clones share the value, so the
//! one who exchanges it needs to know nobody who uses it. Never held locked while anything waits.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// A cell that holds the present value.
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Live<T> {
    /// Begins with this one.
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// The present one.
    pub fn get(&self) -> Arc<T> {
        // An Arc is whole whatever happened to the one who put it there.
        let value = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&value)
    }

    /// From now on this one. What was taken before stays what it was.
    pub fn set(&self, value: T) {
        let new = Arc::new(value);
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *held, new);
        // A hundred thousand users take their time to be dropped; nobody is to wait for that.
        drop(held);
        drop(old);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_stays_and_clones_see_the_new_one() {
        let cell = Live::new(1);
        let (other, taken) = (cell.clone(), cell.get());
        cell.set(2);
        assert_eq!((*taken, *other.get()), (1, 2));
        assert_eq!(Arc::strong_count(&taken), 1, "nobody keeps the old one");
    }
}
