//! Time on the air: service centre time stamps and validity periods (TS 23.040 §9.2.3.11, §9.2.3.12).

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// A date, a time and a zone in quarters of an hour, as seven octets; kept as they came, because
/// service centres send dates that do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp(pub [u8; 7]);

impl Stamp {
    /// This moment, told in a zone so many quarters of an hour east of Greenwich (±79). `None`
    /// outside of 1990 to 2089, and for zones that have no place in the octet.
    pub fn new(time: Timestamp, quarters: i8) -> Option<Self> {
        if quarters.unsigned_abs() > 79 {
            return None;
        }
        let zone = Offset::from_seconds(i32::from(quarters) * 900).ok()?;
        let local = zone.to_datetime(time);
        if !(1990..=2089).contains(&local.year()) {
            return None;
        }
        let fields = [
            local.month(),
            local.day(),
            local.hour(),
            local.minute(),
            local.second(),
        ];
        let mut octets = [0; 7];
        octets[0] = swapped((local.year() % 100) as u8);
        for (octet, field) in octets[1..6].iter_mut().zip(fields) {
            *octet = swapped(field as u8);
        }
        let west = if quarters < 0 { 0x08 } else { 0 };
        octets[6] = swapped(quarters.unsigned_abs()) | west;
        Some(Self(octets))
    }

    /// The moment it means; `None` for what is no date, no time or no zone. Years from 90 are of
    /// the last century.
    pub fn time(&self) -> Option<Timestamp> {
        let [year, month, day, hour, minute, second, zone] = self.0;
        let field = |octet| number(octet).map(|number| number as i8);
        let year = i16::from(number(year)?);
        let year = if year < 90 { 2000 + year } else { 1900 + year };
        let local = DateTime::new(
            year,
            field(month)?,
            field(day)?,
            field(hour)?,
            field(minute)?,
            field(second)?,
            0,
        );
        // The sign is bit 3, in the place of the tens' highest bit.
        let quarters = i32::from(number(zone & !0x08)?);
        let sign = if zone & 0x08 == 0 { 1 } else { -1 };
        let zone = Offset::from_seconds(sign * quarters * 900).ok()?;
        zone.to_timestamp(local.ok()?).ok()
    }
}

/// Two decimal digits, the first one in the low half.
fn swapped(number: u8) -> u8 {
    ((number % 10) << 4) | (number / 10)
}

fn number(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet & 0x0F, octet >> 4);
    (tens <= 9 && ones <= 9).then_some(tens * 10 + ones)
}

/// How long a service centre shall try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validity {
    /// From when it takes the message. One octet on the air: 5 minutes to 63 weeks in steps.
    Relative(Duration),
    /// Until then.
    Absolute(Stamp),
    /// The enhanced format of §9.2.3.12.3, as it came.
    Enhanced([u8; 7]),
}

impl From<Duration> for Validity {
    fn from(duration: Duration) -> Self {
        Validity::Relative(duration)
    }
}

/// The shortest step that is not shorter than this; 63 weeks when there is none.
pub(super) fn relative(validity: Duration) -> u8 {
    let seconds = validity.as_secs() + u64::from(validity.subsec_nanos() > 0);
    let steps = |of: u64| seconds.div_ceil(of);
    let octet = match seconds {
        0 => 0,
        s if s <= 12 * HOUR => steps(5 * MINUTE) - 1,
        s if s <= DAY => (s - 12 * HOUR).div_ceil(30 * MINUTE) + 143,
        s if s <= 30 * DAY => steps(DAY) + 166,
        s if s <= 63 * WEEK => steps(WEEK) + 192,
        _ => 255,
    };
    octet as u8
}

/// What an octet of relative validity means.
pub(super) fn duration(octet: u8) -> Duration {
    let steps = u64::from(octet);
    Duration::from_secs(match octet {
        0..=143 => (steps + 1) * 5 * MINUTE,
        144..=167 => 12 * HOUR + (steps - 143) * 30 * MINUTE,
        168..=196 => (steps - 166) * DAY,
        197..=255 => (steps - 192) * WEEK,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: [u8; 7], time: Option<&str>) {
        let time = time.map(|time| time.parse::<Timestamp>().unwrap());
        assert_eq!(Stamp(octets).time(), time, "{octets:02X?}");
    }

    #[test]
    fn stamps() {
        check(
            [0x20, 0x80, 0x62, 0x91, 0x73, 0x14, 0x08],
            Some("2002-08-26T19:37:41Z"),
        );
        check(
            [0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0x40],
            Some("2026-11-20T11:00:00Z"),
        );
        check(
            [0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0x8A],
            Some("2026-11-20T19:00:00Z"),
        );
        check(
            [0x99, 0x30, 0x92, 0x51, 0x61, 0x95, 0x80],
            Some("1999-03-29T13:16:59Z"),
        );
        check([0x62, 0x20, 0x03, 0x21, 0x00, 0x00, 0x00], None); // 30 February
        check([0x62, 0x31, 0x01, 0x21, 0x00, 0x00, 0x00], None); // month 13
        check([0x62, 0x11, 0x02, 0x42, 0x00, 0x00, 0x00], None); // 24 o'clock
        check([0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0xF7], None);
        check([0; 7], None);
        check([0xFF; 7], None);
    }

    #[test]
    fn every_octet_of_validity_round_trips() {
        for octet in 0..=255 {
            assert_eq!(relative(duration(octet)), octet);
        }
    }

    proptest! {
        #[test]
        fn validity_is_the_nearest_that_is_not_shorter(seconds in 0u64..80 * WEEK, nanos in prop::sample::select(vec![0u32, 1])) {
            let wanted = Duration::new(seconds, nanos);
            let octet = relative(wanted);
            prop_assert!(duration(octet) >= wanted || octet == 255);
            prop_assert!(octet == 0 || duration(octet - 1) < wanted);
        }

        #[test]
        fn any_stamp_has_a_time_or_none(octets in any::<[u8; 7]>()) {
            let _ = Stamp(octets).time();
        }

        #[test]
        fn stamps_round_trip(seconds in 631_238_400i64..3_786_000_000, quarters in -79i8..=79) {
            let time = Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(Stamp::new(time, quarters).and_then(|stamp| stamp.time()), Some(time));
        }
    }
}
