//! The guard over spending: how much within an hour and a day, and to which numbers; the arithmetic that every
//! store does in the transaction that takes a message.
//!
//! Hours are five-minute steps: what was counted in the last 60 to 65 minutes is "the last hour", so that no
//! hour, wherever it begins, holds more than its limit. A step that lies ahead of the clock counts as now: a
//! clock that went back neither forgives nor blocks for longer than an hour. The day of the whole site is as
//! the months of accounts: it never opens again.
//!
//! MAY NOT: know a clock, a disk or a mail's words. Limit: [`MAX_RECENT`] numbers an account.

use jiff::Timestamp;

use super::accounts::{Account, Crossing, Notice};
use crate::sms::{Class, MessageId, Number};

/// Numbers that an account wrote to lately. With [`MAX_RUN`], half of them may lie in another block.
pub const MAX_RECENT: usize = 128;

/// The longest run of neighbours that can be asked for, so that it fits into [`MAX_RECENT`].
pub const MAX_RUN: u32 = 100;

/// Numbers that differ only in their last three digits are neighbours (threats T07).
const BLOCK: u64 = 1_000;

/// Seconds of a step of an hour.
const STEP: i64 = 300;

/// Steps that can hold something of the last hour: twelve whole ones, and the one that now is in.
const STEPS: i64 = 13;

/// What is looked at when a message is taken, beside the limits of its charge. The default: nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// The account hears of `THRESHOLDS`.
    pub tell: bool,
    /// What it hears.
    pub notices: Vec<Notice>,
    /// The guard over spending.
    pub guard: Option<Guard>,
}

/// Limits of spending. A message that goes over one must be put as `Held`; one of the class `alarm` is
/// counted and never held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Segments of an account in any hour; 0: no limit.
    pub user_hour: u32,
    /// Segments to a number in any hour; 0: no limit.
    pub number_hour: u32,
    /// Segments of all accounts in a day; 0: no limit.
    pub site_day: u32,
    /// The day of now, as `2026-11-20`.
    pub day: String,
    /// Numbers of one block that an account may write to; not for numbers that are known to be people.
    pub run: Option<Run>,
}

/// So many neighbouring numbers within a time are no accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// So many are still allowed; at most [`MAX_RUN`].
    pub numbers: u32,
    /// Within so many minutes.
    pub minutes: u32,
}

/// What a message went over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// Numbers of one block.
    Run(Run),
    /// The account's hour, of so many segments.
    UserHour(u32),
    /// The number's hour, of so many segments.
    NumberHour(u32),
    /// The site's day, of so many segments.
    SiteDay {
        /// Which day is charged.
        day: String,
        /// Its limit.
        limit: u32,
    },
}

/// What must be put with messages for the store to take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// This message must be `Held`.
    Hold {
        /// Which.
        id: MessageId,
        /// Why.
        over: Over,
    },
    /// The account must be told: the first message of it needs the [`Notice`].
    Notice(Crossing),
}

/// Segments of the last hour, in steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hour(pub Vec<(i64, u32)>);

impl Hour {
    /// Segments of the last hour.
    pub fn sum(&self, now: Timestamp) -> u32 {
        let oldest = step(now) - STEPS;
        let young = self.0.iter().filter(|(at, _)| *at > oldest);
        young.fold(0, |sum, (_, segments)| sum.saturating_add(*segments))
    }

    /// Counts segments of now, and forgets what is older than an hour.
    pub fn add(&mut self, now: Timestamp, segments: u32) {
        let here = step(now);
        self.0.retain(|(at, _)| *at > here - STEPS);
        let mut sum = segments;
        // What is ahead of the clock is of now.
        self.0.retain(|(at, counted)| {
            let ahead = *at >= here;
            if ahead {
                sum = sum.saturating_add(*counted);
            }
            !ahead
        });
        self.0.push((here, sum));
    }

    /// Nothing of it is of the last hour. What is ahead of the clock still is.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.0.iter().all(|(at, _)| *at <= step(now) - STEPS)
    }
}

fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP)
}

/// Numbers an account lately wrote to, oldest first: digits as a number, and the minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent(pub Vec<(u64, u32)>);

impl Recent {
    /// Notes a number, and says how many of its block there have been within the time, itself included.
    pub fn note(&mut self, number: &Number, minutes: u32, now: Timestamp) -> u32 {
        let number = value(number);
        let here = minute(now);
        let young = |at: u32| here.saturating_sub(at) < minutes;
        self.0.retain(|(other, at)| *other != number && young(*at));
        for (_, at) in &mut self.0 {
            *at = (*at).min(here);
        }
        if self.0.len() >= MAX_RECENT {
            self.0.remove(0);
        }
        self.0.push((number, here));
        let block = |other: u64| other / BLOCK == number / BLOCK;
        let neighbours = self.0.iter().filter(|(other, _)| block(*other)).count();
        u32::try_from(neighbours).unwrap_or(u32::MAX)
    }
}

/// Its digits: at most 15 (E.164), which a `u64` holds.
fn value(number: &Number) -> u64 {
    number.digits().parse().unwrap_or(0)
}

fn minute(now: Timestamp) -> u32 {
    u32::try_from(now.as_second().div_euclid(60)).unwrap_or(0)
}

/// What a guard looks at.
pub struct Tally<'a> {
    /// The sender's account.
    pub account: &'a mut Account,
    /// What was lately spent on the number; read when there is a limit for it.
    pub number: Spending,
    /// What the site spends; read when there is a limit for it.
    pub site: Spending,
}

impl Guard {
    /// What a message of so many segments goes over. What goes over nothing is counted, and so is an alarm,
    /// which goes all the same. One that is `held` already counts for nothing but its number.
    pub fn judge(
        &self,
        tally: &mut Tally<'_>,
        message: &Passing<'_>,
        now: Timestamp,
    ) -> Option<Over> {
        let segments = message.segments;
        let too_many = |used: u32, limit: u32| limit != 0 && used.saturating_add(segments) > limit;
        let mut over = None;
        if let Some(run) = self.run {
            // Noted also when it is held: who goes on with a run goes on being held.
            let recent = &mut tally.account.recent;
            let neighbours = recent.note(message.number, run.minutes, now);
            over = (neighbours > run.numbers).then_some(Over::Run(run));
        }
        if message.held {
            return None;
        }
        let (day, used) = tally.site.of_day(&self.day);
        let over = over
            .or_else(|| {
                let sum = tally.account.hour.sum(now);
                too_many(sum, self.user_hour).then_some(Over::UserHour(self.user_hour))
            })
            .or_else(|| {
                let sum = tally.number.hour.sum(now);
                too_many(sum, self.number_hour).then_some(Over::NumberHour(self.number_hour))
            })
            .or_else(|| {
                let (day, limit) = (day.clone(), self.site_day);
                too_many(used, limit).then_some(Over::SiteDay { day, limit })
            });
        if over.is_some() && message.class != Class::Alarm {
            return over;
        }
        if self.user_hour != 0 {
            tally.account.hour.add(now, segments);
        }
        tally.number.hour.add(now, segments);
        tally.site.day = Some((day, used.saturating_add(segments)));
        None
    }
}

/// A message that passes a guard.
pub struct Passing<'a> {
    /// To whom.
    pub number: &'a Number,
    /// Its urgency.
    pub class: Class,
    /// What it costs.
    pub segments: u32,
    /// An admin decides about it.
    pub held: bool,
}

/// What is counted of a number, or of the whole site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spending {
    /// Of what.
    pub about: String,
    /// Of a number: its last hour.
    pub hour: Hour,
    /// Of the site: the newest day, and its segments.
    pub day: Option<(String, u32)>,
}

impl Spending {
    /// Of a number of which nothing is known.
    pub fn on(number: &Number) -> Self {
        Self {
            about: number.as_str().to_owned(),
            ..Self::default()
        }
    }

    /// Of a site of which nothing is known.
    pub fn by_site() -> Self {
        Self {
            about: "site".to_owned(),
            ..Self::default()
        }
    }

    /// Segments of a day, or of the newest when that is later; which one it is.
    pub fn of_day(&self, day: &str) -> (String, u32) {
        match &self.day {
            Some((newest, used)) if newest.as_str() >= day => (newest.clone(), *used),
            _ => (day.to_owned(), 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T10:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn no_hour_holds_more_than_was_counted_in_it() {
        let mut hour = Hour::default();
        let start = at(NOW);
        let after = |minutes: i64| start + jiff::SignedDuration::from_mins(minutes);
        hour.add(after(0), 2);
        hour.add(after(4), 3);
        hour.add(after(30), 1);
        for (minutes, sum) in [(30, 6), (59, 6), (60, 6), (65, 1), (90, 1), (95, 0)] {
            assert_eq!(hour.sum(after(minutes)), sum, "after {minutes} minutes");
        }
        // The clock goes back: still counted, and for an hour only.
        hour.add(after(-5_000), 1);
        assert_eq!(hour.sum(after(-5_000)), 7);
        assert_eq!(hour.sum(after(-4_935)), 0);
        assert!(hour.is_over(after(-4_935)) && !hour.is_over(after(-4_999)));
    }

    #[test]
    fn neighbours_are_those_of_a_block() {
        let mut recent = Recent::default();
        let number = |n: u64| Number::from_network(&format!("+{n}")).expect("a number");
        let start = at(NOW);
        let after = |minutes: i64| start + jiff::SignedDuration::from_mins(minutes);
        for n in 1..=50 {
            let counted = recent.note(&number(420_777_000_000 + n), 10, after(0));
            assert_eq!(u64::from(counted), n);
        }
        // The same number again is not one more.
        assert_eq!(recent.note(&number(420_777_000_001), 10, after(1)), 50);
        assert_eq!(recent.note(&number(420_777_001_001), 10, after(1)), 1);
        assert_eq!(recent.note(&number(420_777_000_099), 10, after(10)), 2);
        // Scattered colleagues.
        let mut recent = Recent::default();
        let most = (0..50).map(|n| recent.note(&number(420_600_000_000 + n * 7_919), 10, after(0)));
        assert_eq!(most.max(), Some(1));
        for n in 0..1_000 {
            recent.note(&number(420_600_000_000 + n * 7_919), 10, after(0));
        }
        assert_eq!(recent.0.len(), MAX_RECENT);
    }
}
