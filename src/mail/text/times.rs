//! Moments that header fields name: `Deferred-Delivery`, `Expires`, `Expiry-Date`.
//!
//! Read are the forms that programs write: RFC 5322 §3.3 with its obsolete forms (§4.3), which RFC 2156 (§2.3.1.1)
//! takes over; the UTCTime and GeneralizedTime of X.400 that gateways copy (X.680 §46, §47), in UTC; RFC 3339. No
//! clock: whether a moment is past is for who asks. Never a guess: what is none of these is none.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// Octets of a field that are read: a date with a comment has fewer.
const MAX_LENGTH: usize = 128;

/// The day of the week is not looked at: programs get it wrong, and the date says it.
static RFC_5322: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// The moment that a field names.
pub fn moment(value: &str) -> Option<Timestamp> {
    let value = value.trim();
    if value.len() > MAX_LENGTH {
        return None;
    }
    let plain = RFC_5322.parse_timestamp(value).ok();
    plain
        .filter(|_| is_zone_known(value))
        .or_else(|| value.parse().ok())
        .or_else(|| compact(value))
}

/// RFC 5322 §4.3 has an unknown zone mean -0000: hours off for who wrote `CET`.
fn is_zone_known(value: &str) -> bool {
    let bare = value.split('(').next().unwrap_or(value).trim_end();
    let zone = bare.rsplit(' ').next().unwrap_or_default();
    let known = [
        "UT", "UTC", "GMT", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT",
    ];
    !zone.starts_with(|c: char| c.is_ascii_alphabetic())
        || known.iter().any(|name| name.eq_ignore_ascii_case(zone))
}

/// `260105100000Z`, `20260105100000Z`; the seconds may be left out.
fn compact(value: &str) -> Option<Timestamp> {
    let digits = value.strip_suffix(['Z', 'z'])?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match digits.len() {
        // X.680 §46: the century is the reader's; RFC 5280 §4.1.2.5.1 puts its border at 50.
        10 | 12 => {
            let (year, rest) = digits.split_at(2);
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        14 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let two = |at: usize| -> Option<i8> { rest.get(at..at + 2)?.parse().ok() };
    let second = if rest.len() == 10 { two(8)? } else { 0 };
    let civil = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, second, 0).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments() {
        for (value, expected) in [
            ("Mon, 5 Jan 2026 10:00:00 +0100", "2026-01-05T09:00:00Z"),
            ("5 Jan 2026 10:00 +0100", "2026-01-05T09:00:00Z"),
            // A Monday.
            ("Tue, 05 Jan 2026 10:00:00 +0000", "2026-01-05T10:00:00Z"),
            ("Mon, 05 Jan 26 10:00:00 GMT", "2026-01-05T10:00:00Z"),
            ("Mon, 5 Jan 2026 10:00:00 EST", "2026-01-05T15:00:00Z"),
            ("Mon, 5 Jan 2026 10:00:00 -0000", "2026-01-05T10:00:00Z"),
            (
                "Mon, 5 Jan 2026 10:00:00 +0100 (CET)",
                "2026-01-05T09:00:00Z",
            ),
            (
                "  Mon,  5 Jan  2026 10:00:00 +0000 ",
                "2026-01-05T10:00:00Z",
            ),
            ("2026-01-05T10:00:00+01:00", "2026-01-05T09:00:00Z"),
            ("2026-01-05 10:00:00Z", "2026-01-05T10:00:00Z"),
            ("260105100000Z", "2026-01-05T10:00:00Z"),
            ("2601051000Z", "2026-01-05T10:00:00Z"),
            ("20260105100000Z", "2026-01-05T10:00:00Z"),
            ("Mon, 5 Jan 2026 10:00:00 UTC", "2026-01-05T10:00:00Z"),
            ("Mon, 5 Jan 2026 10:00:00 CET", ""),
            ("Mon, 5 Jan 2026 10:00:00 A", ""),
            ("", ""),
            ("0", ""),
            ("-1", ""),
            ("tomorrow", ""),
            ("2026-01-05", ""),
            ("Mon, 5 Jan 2026", ""),
            ("Mon, 32 Jan 2026 10:00:00 +0000", ""),
            ("261305100000Z", ""),
            ("26010510000éZ", ""),
        ] {
            let found = moment(value).map(|at| at.to_string()).unwrap_or_default();
            assert_eq!(found, expected, "{value}");
        }
        assert_eq!(moment(&" 5 Jan 2026 10:00:00 +0000 (x)".repeat(9)), None);
    }

    proptest! {
        #[test]
        fn any_value(value in "\\PC{0,40}", digits in "[0-9]{9,15}Z") {
            moment(&value);
            moment(&digits);
        }

        #[test]
        fn what_is_written_is_read(seconds in 0i64..4_000_000_000) {
            let at = Timestamp::from_second(seconds).expect("in range");
            let written = jiff::fmt::rfc2822::to_string(&at.to_zoned(TimeZone::UTC)).expect("it prints");
            prop_assert_eq!(moment(&written), Some(at));
            prop_assert_eq!(moment(&at.to_string()), Some(at));
            let compact = at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string();
            prop_assert_eq!(moment(&compact), Some(at));
        }
    }
}
