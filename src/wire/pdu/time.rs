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
        offset(zone)?.to_timestamp(local.ok()?).ok()
    }

    /// Its zone in quarters of an hour east of Greenwich; `None` for what is none.
    pub fn zone(&self) -> Option<i8> {
        quarters(self.0[6])
    }
}

/// The sign is bit 3, in the place of the tens' highest bit.
fn quarters(zone: u8) -> Option<i8> {
    let quarters = number(zone & !0x08)? as i8;
    Some(if zone & 0x08 == 0 {
        quarters
    } else {
        -quarters
    })
}

fn offset(zone: u8) -> Option<Offset> {
    Offset::from_seconds(i32::from(quarters(zone)?) * 900).ok()
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
    /// By the seven octets of the enhanced format.
    Enhanced(Enhanced),
}

/// The enhanced validity (TS 23.040 §9.2.3.12.3), kept as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Enhanced(pub [u8; 7]);

impl Enhanced {
    /// A functionality octet says more than that.
    const EXTENSION: u8 = 0x80;
    /// TP-VP: one attempt, no more.
    const SINGLE_SHOT: u8 = 0x40;

    /// Exactly so many seconds, 1 to 255, or so many up to 99:59:59 hours, or the next longer step
    /// of the relative format.
    pub fn new(period: Option<Duration>, single_shot: bool) -> Self {
        let mut octets = [0; 7];
        if let Some(period) = period {
            let seconds = period.as_secs() + u64::from(period.subsec_nanos() > 0);
            match u8::try_from(seconds) {
                Ok(seconds @ 1..) => octets[..2].copy_from_slice(&[2, seconds]),
                _ if (1..100 * HOUR).contains(&seconds) => {
                    let field = |number: u64| swapped((number % 100) as u8);
                    let (minutes, hours) = (seconds / MINUTE % 60, seconds / HOUR);
                    let told = [3, field(hours), field(minutes), field(seconds % MINUTE)];
                    octets[..4].copy_from_slice(&told);
                }
                _ => octets[..2].copy_from_slice(&[1, relative(period)]),
            }
        }
        if single_shot {
            octets[0] |= Self::SINGLE_SHOT;
        }
        Self(octets)
    }

    /// The service centre is to try once.
    pub fn single_shot(self) -> bool {
        self.0[0] & Self::SINGLE_SHOT != 0
    }

    /// How long; `None` when it does not say so, or not in a way that the standard knows.
    pub fn period(self) -> Option<Duration> {
        let [indicator, value @ ..] = self.0;
        if indicator & Self::EXTENSION != 0 {
            return None;
        }
        match (indicator & 0x07, value) {
            (1, [octet, ..]) => Some(duration(octet)),
            (2, [seconds, ..]) if seconds > 0 => Some(Duration::from_secs(seconds.into())),
            (3, [hours, minutes, seconds, ..]) => {
                let field = |octet| number(octet).map(u64::from);
                let (hours, minutes, seconds) = (field(hours)?, field(minutes)?, field(seconds)?);
                let possible = minutes < 60 && seconds < 60;
                possible.then(|| Duration::from_secs(hours * HOUR + minutes * MINUTE + seconds))
            }
            _ => None,
        }
    }
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

    #[track_caller]
    fn check_enhanced(octets: [u8; 7], period: Option<u64>, single_shot: bool) {
        let found = Enhanced(octets);
        let told = (
            found.period().map(|period| period.as_secs()),
            found.single_shot(),
        );
        assert_eq!(told, (period, single_shot), "{octets:02X?}");
    }

    #[test]
    fn enhanced_validity() {
        check_enhanced([0, 0, 0, 0, 0, 0, 0], None, false);
        check_enhanced([0x40, 0, 0, 0, 0, 0, 0], None, true);
        check_enhanced([1, 0xAA, 0, 0, 0, 0, 0], Some(4 * DAY), false);
        check_enhanced([0x42, 30, 0, 0, 0, 0, 0], Some(30), true);
        check_enhanced([2, 0, 0, 0, 0, 0, 0], None, false); // reserved
        check_enhanced(
            [3, 0x21, 0x43, 0x55, 0, 0, 0],
            Some(12 * HOUR + 34 * MINUTE + 55),
            false,
        );
        check_enhanced([3, 0x21, 0x46, 0x55, 0, 0, 0], None, false); // 64 minutes
        check_enhanced([3, 0xA1, 0x43, 0x55, 0, 0, 0], None, false); // no digit
        check_enhanced([4, 1, 1, 1, 1, 1, 1], None, false); // reserved
        check_enhanced([0x82, 0, 30, 0, 0, 0, 0], None, false); // another octet says what
    }

    #[test]
    fn zones() {
        for (octet, quarters) in [
            (0x00, Some(0)),
            (0x80, Some(8)),
            (0x08, Some(0)),
            (0x8A, Some(-28)),
            (0x97, Some(79)),
            (0x9F, Some(-79)),
            (0xF7, None),
            (0xFF, None),
        ] {
            assert_eq!(
                Stamp([0, 0, 0, 0, 0, 0, octet]).zone(),
                quarters,
                "{octet:02X}"
            );
        }
    }

    proptest! {
        #[test]
        fn enhanced_validity_is_not_shorter(seconds in 1u64..63 * WEEK, single_shot in any::<bool>()) {
            let enhanced = Enhanced::new(Some(Duration::from_secs(seconds)), single_shot);
            prop_assert!(enhanced.period() >= Some(Duration::from_secs(seconds)));
            prop_assert!(seconds >= 100 * HOUR || enhanced.period() == Some(Duration::from_secs(seconds)));
            prop_assert_eq!(enhanced.single_shot(), single_shot);
        }

        #[test]
        fn any_enhanced_validity_has_a_period_or_none(octets in any::<[u8; 7]>()) {
            let _ = Enhanced(octets).period();
        }

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
