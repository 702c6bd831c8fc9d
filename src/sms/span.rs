//! How long: in the unit that a person would use, `90 minutes`, `3 hours`, `2 days`; of what fits none, as
//! `1 day 4 hours`. Seconds are said below two minutes only. Pure; `mail::words` says it in other languages.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// So many are said in the smaller unit.
const MOST: u64 = 2;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 24 hours.
    Days,
    /// 60 minutes.
    Hours,
    /// 60 seconds.
    Minutes,
    /// The smallest.
    Seconds,
}

/// So many minutes.
pub fn minutes(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes) * MINUTE)
}

/// As parameters and the configuration write it: `90m`, `3h`, `2d`.
pub fn short(span: Duration) -> String {
    match span.as_secs() {
        secs if secs > 0 && secs % DAY == 0 => format!("{}d", secs / DAY),
        secs if secs > 0 && secs % HOUR == 0 => format!("{}h", secs / HOUR),
        secs if secs % MINUTE == 0 || secs >= MOST * MINUTE => format!("{}m", secs / MINUTE),
        secs => format!("{secs}s"),
    }
}

/// Reads what [`short`] wrote.
pub fn read(short: &str) -> Option<Duration> {
    let unit = match short.chars().last()? {
        's' => 1,
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        _ => return None,
    };
    let count: u64 = short[..short.len() - 1].parse().ok()?;
    count.checked_mul(unit).map(Duration::from_secs)
}

/// In English, for logs and commands.
pub fn english(span: Duration) -> String {
    let said = parts(span).into_iter().map(|(unit, count)| {
        let unit = match unit {
            Unit::Days => "day",
            Unit::Hours => "hour",
            Unit::Minutes => "minute",
            Unit::Seconds => "second",
        };
        match count {
            1 => format!("1 {unit}"),
            _ => format!("{count} {unit}s"),
        }
    });
    said.collect::<Vec<_>>().join(" ")
}

/// What a person says of it, the longest first.
pub fn parts(span: Duration) -> Vec<(Unit, u64)> {
    let secs = span.as_secs();
    let (days, hours, minutes) = (secs / DAY, secs / HOUR, secs / MINUTE);
    if secs < MOST * MINUTE && !secs.is_multiple_of(MINUTE) || secs == 0 {
        return vec![(Unit::Seconds, secs)];
    }
    if secs % HOUR >= MINUTE && secs < MOST * HOUR {
        return vec![(Unit::Minutes, minutes)];
    }
    let all = match hours % 24 != 0 && secs < MOST * DAY {
        true => [
            (Unit::Days, 0),
            (Unit::Hours, hours),
            (Unit::Minutes, minutes % 60),
        ],
        false => [
            (Unit::Days, days),
            (Unit::Hours, hours % 24),
            (Unit::Minutes, minutes % 60),
        ],
    };
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        let check = |secs: u64, words: &str, written: &str| {
            let span = Duration::from_secs(secs);
            assert_eq!(english(span), words, "{secs}");
            assert_eq!(short(span), written, "{secs}");
            assert_eq!(read(written).map(short).as_deref(), Some(written));
        };
        check(0, "0 seconds", "0m");
        check(1, "1 second", "1s");
        check(90, "90 seconds", "90s");
        check(60, "1 minute", "1m");
        check(300, "5 minutes", "5m");
        check(330, "5 minutes", "5m");
        check(90 * 60, "90 minutes", "90m");
        check(3600, "1 hour", "1h");
        check(7200, "2 hours", "2h");
        check(150 * 60, "2 hours 30 minutes", "150m");
        check(86_400, "1 day", "1d");
        check(90_060, "25 hours 1 minute", "1501m");
        check(36 * 3600, "36 hours", "36h");
        check(2 * 86_400, "2 days", "2d");
        check(87_000, "1 day 10 minutes", "1450m");
        check(2 * 86_400 + 3600 + 60, "2 days 1 hour 1 minute", "2941m");
        check(441 * 86_400, "441 days", "441d");
    }

    proptest::proptest! {
        #[test]
        fn any_span_is_said(secs: u64) {
            let span = Duration::from_secs(secs);
            proptest::prop_assert!(read(&short(span)).is_some_and(|read| read <= span));
            proptest::prop_assert!(!english(span).is_empty() && !short(span).is_empty());
        }
    }
}
