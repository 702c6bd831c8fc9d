//! Instances that send to each other: what comes round is the same text to the same number under another id,
//! again and again, as fast as two disks write.
//!
//! So the same order of one account is taken [`MOST`] times in [`WITHIN`], then refused; the refusal goes back
//! along the whole way, and whoever began hears of it. Alarms repeat themselves too, but not so often. A request
//! that was taken and comes again, because its answer was lost, is neither counted nor refused.
//!
//! In memory only; at most [`MAX_KEPT`] orders are known, more are not counted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// A circle is through with that in a second; an alarm that flaps each half minute is not yet there.
const MOST: u32 = 20;

/// Counted anew after this.
const WITHIN: Duration = Duration::from_secs(600);

/// Some 1 KB each at most.
const MAX_KEPT: usize = 10_000;

/// Orders of the last minutes.
#[derive(Default)]
pub(super) struct Circles {
    seen: Mutex<HashMap<[u8; 32], Seen>>,
}

struct Seen {
    first: Instant,
    times: u32,
    /// The keys of those that were taken: not more than [`MOST`].
    keys: Vec<[u8; 32]>,
}

/// What an order has in common with the one that comes round.
pub(super) fn trace(account: &str, number: &str, said: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let parts = [account.as_bytes(), number.as_bytes()];
    for part in parts.iter().chain(said) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl Circles {
    /// It came too often to be meant. `key`: what is the same when the request comes again.
    pub(super) fn is_one(&self, trace: &[u8; 32], key: Option<&[u8; 32]>, now: Instant) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was_taken = |seen: &Seen| key.is_some_and(|key| seen.keys.contains(key));
        seen.get(trace)
            .is_some_and(|seen| seen.times >= MOST && !seen.is_over(now) && !was_taken(seen))
    }

    /// It was taken. Says whether this was the last time.
    pub(super) fn note(&self, trace: [u8; 32], key: Option<[u8; 32]>, now: Instant) -> bool {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_KEPT {
            all.retain(|_, seen| !seen.is_over(now));
            if all.len() >= MAX_KEPT {
                return false;
            }
        }
        let new = || Seen {
            first: now,
            times: 0,
            keys: Vec::new(),
        };
        let seen = all.entry(trace).or_insert_with(new);
        if seen.is_over(now) {
            *seen = new();
        }
        seen.times += 1;
        seen.keys.extend(key);
        seen.times == MOST
    }
}

impl Seen {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.first) >= WITHIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_round_is_stopped_and_what_comes_again_is_not() {
        let circles = Circles::default();
        let start = Instant::now();
        let order = trace("hq", "+15551234567", &[b"down", b""]);
        for n in 1..=MOST {
            assert!(!circles.is_one(&order, None, start), "{n}");
            let key = Some([n as u8; 32]);
            assert_eq!(circles.note(order, key, start), n == MOST);
        }
        assert!(circles.is_one(&order, None, start));
        assert!(circles.is_one(&order, Some(&[0; 32]), start));
        // Its answer was lost.
        assert!(!circles.is_one(&order, Some(&[1; 32]), start));
        let other = trace("hq", "+15551234567", &[b"", b"down"]);
        assert!(!circles.is_one(&other, None, start));
        assert!(!circles.is_one(&order, None, start + WITHIN));
        assert!(!circles.note(order, None, start + WITHIN));
        assert!(!circles.is_one(&order, None, start + WITHIN));
    }

    #[test]
    fn memory_has_an_end() {
        let circles = Circles::default();
        let start = Instant::now();
        for n in 0..2 * MAX_KEPT {
            circles.note(trace("hq", &n.to_string(), &[]), None, start);
        }
        assert_eq!(circles.seen.lock().expect("lock").len(), MAX_KEPT);
        circles.note(trace("hq", "later", &[]), None, start + WITHIN);
        assert_eq!(circles.seen.lock().expect("lock").len(), 1);
    }
}
