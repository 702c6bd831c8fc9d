//! A gateway as the dispatcher sees it: how much it has, and whether it takes more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Limit;
use crate::gateway::{Common, Gateway, Status};

/// A gateway and what it has to do.
pub(super) struct Lane {
    pub(super) gateway: Arc<dyn Gateway>,
    pub(super) load: AtomicUsize,
    /// When it was last given something, as a count of all that was given.
    pub(super) turn: AtomicU64,
    pub(super) limit: Limit,
    /// When the next segment may go, for gateways with a throughput.
    next: Mutex<Option<Instant>>,
}

impl Lane {
    pub(super) fn new(gateway: Arc<dyn Gateway>) -> Self {
        Self {
            gateway,
            load: AtomicUsize::new(0),
            turn: AtomicU64::new(0),
            limit: Limit::default(),
            next: Mutex::new(None),
        }
    }

    pub(super) fn common(&self) -> &Common {
        self.gateway.common()
    }

    /// So many submissions it takes at a time.
    fn window(&self) -> usize {
        match &*self.gateway.status().borrow() {
            Status::Up => self.common().window,
            Status::Trying(_) => 1,
            Status::Down(_) | Status::Parked(_) => 0,
        }
    }

    /// Up, and its limit is not used up.
    pub(super) fn is_usable(&self, now: jiff::Timestamp) -> bool {
        self.window() > 0 && !self.limit.is_used_up(&*self.gateway, now)
    }

    /// It works, not only tries to.
    pub(super) fn is_up(&self, now: jiff::Timestamp) -> bool {
        let up = matches!(*self.gateway.status().borrow(), Status::Up);
        up && !self.limit.is_used_up(&*self.gateway, now)
    }

    pub(super) fn room(&self, now: jiff::Timestamp) -> usize {
        match self.is_usable(now) {
            true => (self.window()).saturating_sub(self.load.load(Ordering::Relaxed)),
            false => 0,
        }
    }

    /// Waits until the gateway's throughput allows one more.
    pub(super) async fn turn(&self) {
        let Some(rate) = self.common().throughput.filter(|rate| *rate > 0.0) else {
            return;
        };
        let at = {
            let mut next = locked(&self.next);
            let at = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(at + Duration::from_secs_f64(1.0 / rate));
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

/// A place in a lane, given back when dropped, panics included.
pub(super) struct Place<'a>(pub(super) &'a Lane);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
