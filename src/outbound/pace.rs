//! When to look again at messages that wait for a gateway or for their number's turn.

use std::collections::HashMap;
use std::time::Duration;

use super::settle::later;

/// Those who wait for the same thing are looked at one after the other, so far apart: a queue of ten
/// thousand must cost no more than one of ten.
const APART: Duration = Duration::from_millis(5);
/// Farther away is no look: the queue is longer than that, or the clock went back.
const FARTHEST: Duration = Duration::from_secs(600);
/// Things waited for that are remembered, before those that nobody waits for go.
const MAX_PACES: usize = 1024;
/// When to look again at what waits, by what it waits for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: HashMap<String, jiff::Timestamp>,
}

impl Pace {
    /// The next look for one more that waits for `what`, after `wait` at the earliest.
    pub(super) fn next(
        &mut self,
        what: String,
        now: jiff::Timestamp,
        wait: Duration,
    ) -> jiff::Timestamp {
        if self.last.len() >= MAX_PACES {
            self.last.retain(|_, last| *last > now);
        }
        let (earliest, farthest) = (later(now, wait), later(now, FARTHEST));
        let behind = self.last.get(&what).map(|last| later(*last, APART));
        let at = behind
            .filter(|at| (earliest..=farthest).contains(at))
            .unwrap_or(earliest);
        self.last.insert(what, at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(1_800_000_000_000 + millis).expect("a time")
    }

    #[test]
    fn those_who_wait_for_the_same_are_looked_at_one_after_the_other() {
        let mut pace = Pace::default();
        let mut next =
            |what: &str, now: i64| pace.next(what.to_owned(), at(now), Duration::from_secs(1));
        let queue: Vec<_> = (0..10_000).map(|_| next("hall", 0)).collect();
        assert!(
            queue
                .windows(2)
                .all(|two| two[1].duration_since(two[0]).unsigned_abs() == APART)
        );
        assert_eq!(queue[0], at(1000));
        // What waits for something else does not wait behind them.
        assert_eq!(next("provider", 0), at(1000));
        // When nobody waits any more, it is as it was.
        assert_eq!(next("hall", 200_000), at(201_000));
        // A clock that went back.
        assert_eq!(next("hall", -9_000_000), at(-8_999_000));
    }

    #[test]
    fn what_nobody_waits_for_is_not_remembered() {
        let mut pace = Pace::default();
        for n in 0..100_000 {
            pace.next(n.to_string(), at(n * 10), Duration::from_millis(50));
        }
        assert!(pace.last.len() <= MAX_PACES);
    }
}
