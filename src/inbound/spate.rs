//! Log lines that are not repeated without end (T37).
//!
//! Of one kind of event so many are logged a minute, each with its message; the rest of the minute is counted,
//! and the number is logged when the next minute begins. What the lines would say is in the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tracing::warn;

/// Lines of one kind a minute: a hundred a second, more than all modems of a host receive. A day of that is
/// under a gigabyte.
const A_MINUTE: u32 = 6000;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// See the module.
#[derive(Default)]
pub(super) struct Spate(Mutex<HashMap<&'static str, Minute>>);

struct Minute {
    began: Timestamp,
    lines: u32,
}

impl Spate {
    /// Whether this event is to be logged.
    pub(super) fn logs(&self, now: Timestamp, event: &'static str) -> bool {
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
