//! What accounts have used: the arithmetic that every store does in the transaction that takes a message.
//!
//! Segments are counted by month and, where there is one, against a credit. The month is fixed when a
//! message is taken and written into its charge. **No month opens again**: while the clock is behind the
//! newest month of an account, that month is charged (threats T10). A refund goes to the month it came from.
//!
//! MAY NOT: know a clock, a disk or a mail's words. Limit: [`MONTHS`] months.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::guard::{Hour, Recent};
use super::{Charge, OutMail, StoreError};

/// Months kept of an account: this one, and the year before it.
pub const MONTHS: usize = 13;

/// What an account has used, and what it was told of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Who pays: the address of a user, or a login.
    pub name: String,
    /// Segments by month (`2026-11`). The newest is the one that is charged.
    pub months: BTreeMap<String, u32>,
    /// Segments taken from the credit. Below 0: an admin gave it more than the configuration does.
    pub spent: i64,
    /// When a message of it was last taken.
    pub last_sent: Option<Timestamp>,
    /// What it was told of its newest month.
    pub told_month: Option<Told>,
    /// What it was told of its credit.
    pub told_credit: Option<Told>,
    /// Segments of the last hour; nothing while no limit asks for it.
    pub hour: Hour,
    /// Numbers it lately wrote to; none while no limit asks for them.
    pub recent: Recent,
}

/// A threshold that an account was told of. With another limit it begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of how many segments.
    pub limit: u32,
    /// The highest of [`THRESHOLDS`] it was told of.
    pub percent: u8,
}

/// At these shares of a limit, in percent, an account is told.
pub const THRESHOLDS: [u8; 2] = [80, 100];

/// What can be used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meter {
    /// The segments of a month.
    Month,
    /// The segments there are at all.
    Credit,
}

/// A charge that took an account to a threshold of which it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// Whose.
    pub account: String,
    /// Of what.
    pub meter: Meter,
    /// Which of [`THRESHOLDS`].
    pub percent: u8,
    /// How many segments are used now.
    pub used: i64,
    /// Of how many.
    pub limit: u32,
    /// The month that was charged.
    pub month: String,
}

/// The mail for a crossing; put with a message, and handed in if it is that message's charge that crosses.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Of what.
    pub meter: Meter,
    /// Which threshold.
    pub percent: u8,
    /// To the account.
    pub mail: OutMail,
}

/// What an admin sets back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Nothing is used of this month; later ones, which only a wrong clock has opened, are forgotten. So
    /// is what the guard knows of the account.
    Month(String),
    /// So much of the credit is left.
    Credit {
        /// The credit of the configuration.
        credit: u32,
        /// What is left of it.
        left: u32,
    },
}

impl Account {
    /// One that has used nothing.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// The month that a charge of `month` goes to: never one before the newest.
    pub fn month<'a>(&'a self, month: &'a str) -> &'a str {
        let newest = self.months.keys().next_back().map(String::as_str);
        newest.filter(|newest| *newest > month).unwrap_or(month)
    }

    /// Segments of a month.
    pub fn used(&self, month: &str) -> u32 {
        self.months.get(month).copied().unwrap_or(0)
    }

    /// What is left of a credit.
    pub fn left(&self, credit: u32) -> u32 {
        let left = i64::from(credit).saturating_sub(self.spent);
        u32::try_from(left.max(0)).unwrap_or(u32::MAX)
    }

    /// Whether there is room for a charge.
    pub fn has_room(&self, charge: &Charge) -> Result<(), StoreError> {
        let month = self.month(&charge.month);
        let used = self.used(month);
        if charge.limit != 0 && used.saturating_add(charge.segments) > charge.limit {
            return Err(StoreError::OverLimit {
                account: charge.account.clone(),
                month: month.to_owned(),
                used,
                limit: charge.limit,
            });
        }
        match charge.credit.map(|credit| self.left(credit)) {
            Some(left) if charge.segments > left => Err(StoreError::NoCredit {
                account: charge.account.clone(),
                left,
            }),
            _ => Ok(()),
        }
    }

    /// Takes a charge, if there is room for it, and writes into it which month that was.
    pub fn charge(&mut self, charge: &mut Charge, now: Timestamp) -> Result<(), StoreError> {
        self.has_room(charge)?;
        let month = self.month(&charge.month).to_owned();
        if !self.months.contains_key(&month) {
            self.told_month = None;
        }
        let used = self.months.entry(month.clone()).or_default();
        *used = used.saturating_add(charge.segments);
        while self.months.len() > MONTHS {
            self.months.pop_first();
        }
        if charge.credit.is_some() {
            self.spent = self.spent.saturating_add(charge.segments.into());
        }
        self.last_sent = Some(now);
        charge.month = month;
        Ok(())
    }

    /// Gives a charge back, to the month it came from.
    pub fn refund(&mut self, charge: &Charge) {
        if let Some(used) = self.months.get_mut(&charge.month) {
            *used = used.saturating_sub(charge.segments);
        }
        if charge.credit.is_some() {
            self.spent = self.spent.saturating_sub(charge.segments.into());
        }
    }

    /// Thresholds that it has reached with this charge and does not know of; from now on it does.
    pub fn crossings(&mut self, charge: &Charge) -> Vec<Crossing> {
        let used = i64::from(self.used(&charge.month));
        let mut crossings = Vec::new();
        let meters = [
            (Meter::Month, used, charge.limit, &mut self.told_month),
            (
                Meter::Credit,
                self.spent,
                charge.credit.unwrap_or(0),
                &mut self.told_credit,
            ),
        ];
        for (meter, used, limit, told) in meters {
            let Some(percent) = reached(used, limit) else {
                continue;
            };
            let known = told.is_some_and(|t| t.limit == limit && t.percent >= percent);
            if !known {
                *told = Some(Told { limit, percent });
                crossings.push(Crossing {
                    account: self.name.clone(),
                    meter,
                    percent,
                    used,
                    limit,
                    month: charge.month.clone(),
                });
            }
        }
        crossings
    }

    /// Sets something back.
    pub fn reset(&mut self, reset: &Reset) {
        match reset {
            Reset::Month(month) => {
                self.months.retain(|m, _| m < month);
                self.months.insert(month.clone(), 0);
                self.told_month = None;
                self.hour = Hour::default();
                self.recent = Recent::default();
            }
            Reset::Credit { credit, left } => {
                self.spent = i64::from(*credit) - i64::from(*left);
                self.told_credit = None;
            }
        }
    }
}

/// The highest threshold that is reached; of no limit none is.
fn reached(used: i64, limit: u32) -> Option<u8> {
    let is = |percent: &u8| used.saturating_mul(100) >= i64::from(limit) * i64::from(*percent);
    let reached = THRESHOLDS.into_iter().rfind(is);
    reached.filter(|_| limit != 0 && used > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn charge(month: &str, segments: u32, limit: u32, credit: Option<u32>) -> Charge {
        Charge {
            account: "ann@example.com".into(),
            month: month.into(),
            segments,
            limit,
            credit,
        }
    }

    const NOW: &str = "2026-11-20T10:00:00Z";

    /// Charges one after the other; the month that each went to, or how it was refused.
    fn check(charges: &[(&str, u32)], limit: u32, expected: &[&str]) {
        let mut account = Account::new("ann@example.com");
        let went = charges.iter().map(|(month, segments)| {
            let mut charge = charge(month, *segments, limit, None);
            match account.charge(&mut charge, at(NOW)) {
                Ok(()) => charge.month,
                Err(error) => error.to_string(),
            }
        });
        assert_eq!(went.collect::<Vec<_>>(), expected, "{charges:?}");
    }

    #[test]
    fn no_month_opens_again() {
        let full = "ann@example.com has used 10 of 10 segments in 2026-11";
        check(&[("2026-11", 10), ("2026-11", 1)], 10, &["2026-11", full]);
        check(
            &[("2026-11", 10), ("2026-12", 1)],
            10,
            &["2026-11", "2026-12"],
        );
        // The clock goes back 40 days, and forward again.
        check(
            &[("2026-11", 10), ("2026-10", 1), ("2026-11", 1)],
            10,
            &["2026-11", full, full],
        );
        check(
            &[("2026-11", 4), ("2026-10", 4), ("2026-11", 2)],
            10,
            &["2026-11"; 3],
        );
        // It goes forward 40 days, and back: the month that was opened too early is that month's.
        check(
            &[
                ("2026-11", 9),
                ("2026-12", 6),
                ("2026-11", 4),
                ("2026-12", 1),
            ],
            10,
            &[
                "2026-11",
                "2026-12",
                "2026-12",
                "ann@example.com has used 10 of 10 segments in 2026-12",
            ],
        );
        check(&[("2026-11", 11)], 0, &["2026-11"]);
    }

    #[test]
    fn refunds_go_to_the_month_they_came_from() {
        let mut account = Account::new("ann@example.com");
        let mut november = charge("2026-11", 5, 10, Some(20));
        account.charge(&mut november, at(NOW)).expect("room");
        let mut december = charge("2026-12", 3, 10, Some(20));
        account.charge(&mut december, at(NOW)).expect("room");
        account.refund(&november);
        let used = |account: &Account| (account.used("2026-11"), account.used("2026-12"));
        assert_eq!((used(&account), account.left(20)), ((0, 3), 17));
        account.refund(&charge("2026-07", 9, 10, None));
        assert_eq!((used(&account), account.left(20)), ((0, 3), 17));
        for month in 1..=12 {
            let mut charge = charge(&format!("2027-{month:02}"), 1, 0, None);
            account.charge(&mut charge, at(NOW)).expect("room");
        }
        assert_eq!(account.months.len(), MONTHS);
        assert_eq!(used(&account), (0, 3));
    }

    #[test]
    fn a_credit_only_goes_down() {
        let mut account = Account::new("ann@example.com");
        let mut spend = |segments| {
            let mut charge = charge("2026-11", segments, 0, Some(10));
            account
                .charge(&mut charge, at(NOW))
                .map_err(|e| e.to_string())
        };
        assert_eq!(spend(7), Ok(()));
        let none = "ann@example.com has 3 segments of its credit left";
        assert_eq!(spend(4), Err(none.to_owned()));
        assert_eq!(spend(3), Ok(()));
        assert!(spend(1).is_err());
        account.reset(&Reset::Credit {
            credit: 10,
            left: 25,
        });
        assert_eq!((account.left(10), account.spent), (25, -15));
        // What was not charged to it is not given back to it.
        account.refund(&charge("2026-11", 5, 0, None));
        assert_eq!(account.left(10), 25);
    }

    #[test]
    fn thresholds_are_told_once_a_month() {
        let mut account = Account::new("ann@example.com");
        let mut told = |month: &str, segments: u32, limit: u32, credit: Option<u32>| {
            let mut charge = charge(month, segments, limit, credit);
            account.charge(&mut charge, at(NOW)).expect("room");
            let crossed = account.crossings(&charge).into_iter();
            crossed
                .map(|c| (c.meter, c.percent, c.used))
                .collect::<Vec<_>>()
        };
        use Meter::{Credit, Month};
        for (month, segments, limit, credit, expected) in [
            ("2026-11", 7, 10, None, vec![]),
            ("2026-11", 1, 10, None, vec![(Month, 80, 8)]),
            ("2026-11", 1, 10, None, vec![]),
            ("2026-10", 1, 10, None, vec![(Month, 100, 10)]),
            // Another limit, another story.
            ("2026-11", 6, 20, None, vec![(Month, 80, 16)]),
            ("2026-12", 10, 10, None, vec![(Month, 100, 10)]),
            (
                "2027-01",
                8,
                10,
                Some(10),
                vec![(Month, 80, 8), (Credit, 80, 8)],
            ),
            ("2027-02", 2, 10, Some(10), vec![(Credit, 100, 10)]),
            ("2027-02", 100, 0, None, vec![]),
        ] {
            assert_eq!(
                told(month, segments, limit, credit),
                expected,
                "{month} {segments} of {limit}"
            );
        }
    }

    #[test]
    fn a_reset_opens_the_month_anew() {
        let mut account = Account::new("ann@example.com");
        for month in ["2026-10", "2026-11", "2099-01"] {
            let mut charge = charge(month, 4, 10, None);
            account.charge(&mut charge, at(NOW)).expect("room");
        }
        account.reset(&Reset::Month("2026-11".into()));
        assert_eq!(account.month("2026-11"), "2026-11");
        assert_eq!(account.used("2026-11"), 0);
        assert_eq!(account.used("2026-10"), 4);
    }
}
