//! What fails again and again is left alone for longer each time, and told of at a bounded rate (T37).
//!
//! [`Rest`] says when to try again. [`Spate`]: of one kind of event so many are logged a minute, each with its
//! message; the rest of the minute is counted, and the number is logged when the next minute begins. What the
//! lines would say is in the store. [`Complaint`]: the same thing is said once a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

/// After the first failure: most are over then.
const FIRST: Duration = Duration::from_secs(1);

/// At last: what works again is not left alone for longer than anyone waits for it.
const LONGEST: Duration = Duration::from_secs(60);

/// Complaints that would repeat come once in this time.
const COMPLAIN: Duration = Duration::from_secs(1);

/// How long to leave alone what failed: a second, then twice as long each time, a minute at most. What works for
/// as long as it was last left alone begins anew. Several that fail of one cause share one.
#[derive(Clone, Debug, Default)]
pub struct Rest(Option<Resting>);

#[derive(Clone, Copy, Debug)]
struct Resting {
    wait: Duration,
    until: Instant,
}

impl Rest {
    /// It failed now: how long to wait before the next try.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let wait = match self.0 {
            Some(rest) if now < rest.until => return rest.until - now,
            Some(rest) if now - rest.until <= rest.wait => (rest.wait * 2).min(LONGEST),
            _ => FIRST,
        };
        let until = now + wait;
        self.0 = Some(Resting { wait, until });
        wait
    }
}

/// Says the same thing at most once in a second.
#[derive(Debug, Default)]
pub struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether to say it now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.0.is_none_or(|last| now >= last + COMPLAIN);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Lines of one kind a minute: a hundred a second, more than all modems of a host receive. A day of that is
/// under a gigabyte.
const A_MINUTE: u32 = 6000;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// See the module.
#[derive(Default)]
pub struct Spate(Mutex<HashMap<&'static str, Minute>>);

struct Minute {
    began: Timestamp,
    lines: u32,
}

impl Spate {
    /// Whether this event is to be logged.
    pub fn logs(&self, now: Timestamp, event: &'static str) -> bool {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = events.entry(event).or_insert(Minute {
            began: now,
            lines: 0,
        });
        if now < minute.began || now.duration_since(minute.began) >= MINUTE {
            let more = minute.lines.saturating_sub(A_MINUTE);
            if more > 0 {
                warn!(event = "not-logged", of = event, more, "in one minute");
            }
            *minute = Minute {
                began: now,
                lines: 0,
            };
        }
        minute.lines = minute.lines.saturating_add(1);
        minute.lines <= A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_grows_and_is_shared_and_forgotten() {
        let (mut rest, mut now) = (Rest::default(), Instant::now());
        let seconds = Duration::from_secs;
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(rest.failed(now), seconds(expected));
            // Another of the same cause waits no longer, and adds nothing.
            assert_eq!(
                rest.failed(now + seconds(1) / 2),
                seconds(expected) - seconds(1) / 2
            );
            now += seconds(expected);
        }
        // It worked for a while.
        assert_eq!(rest.failed(now + seconds(61)), seconds(1));
    }

    #[test]
    fn a_complaint_comes_once_a_second() {
        let (mut complaint, now) = (Complaint::default(), Instant::now());
        let due = |ms| now + Duration::from_millis(ms);
        let said: Vec<u64> = (0..3000).filter(|ms| complaint.is_due(due(*ms))).collect();
        assert_eq!(said, [0, 1000, 2000]);
    }

    #[test]
    fn so_many_a_minute_of_each_kind() {
        let spate = Spate::default();
        let at = |second| Timestamp::from_second(second).expect("time");
        let logged = |second, event| {
            (0..10_000)
                .filter(|_| spate.logs(at(second), event))
                .count()
        };
        assert_eq!(logged(0, "received"), 6000);
        assert_eq!(logged(59, "received"), 0);
        assert_eq!(logged(59, "duplicate"), 6000);
        assert_eq!(logged(60, "received"), 6000);
        assert_eq!(logged(0, "received"), 6000, "the clock was set back");
    }
}
