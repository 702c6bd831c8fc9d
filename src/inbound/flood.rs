//! Who sends more texts with missing parts than a person can look at (T33).
//!
//! A text that lacks parts is a mail like any other, up to [`OF_SENDER`] an hour from one sender and
//! [`IN_ALL`] from all; beyond, it is quarantined: kept, counted, shown by `sms-milter inbound list`, let go or
//! dropped by an admin, who hears of it in one mail an hour. Whole texts are never held. Pure; time is an
//! argument; the hour is forgotten by a restart, what is quarantined is not.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::sms::Party;

/// Mails of texts with missing parts that one sender may make an hour: as many as may wait for their parts. A
/// network that loses a part of each of twenty long texts of one person in an hour is no network.
pub(super) const OF_SENDER: u32 = 20;

/// Those of all senders together that nobody here wrote to lately: more than a few hundred is not looked at,
/// and a sender's name is free to whoever floods by a provider.
pub(super) const IN_ALL: u32 = 1000;

/// For which time that is.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Senders that are counted; one more counts with all others only. Some 2 MB.
const MAX_SENDERS: usize = 20_000;

/// Whether a text may be a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Mail,
    /// It may if somebody here wrote to the sender lately.
    MailIfKnown,
    /// It may not.
    Quarantine,
}

/// What an admin is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many parts were quarantined since he was told last.
    pub(super) parts: u64,
    /// Of how many senders; at least.
    pub(super) senders: usize,
    /// The one with the most, and how many.
    pub(super) worst: Party,
    pub(super) of_worst: u64,
}

#[derive(Default)]
pub(super) struct Flood {
    /// When the hour that is counted began.
    began: Option<Timestamp>,
    all: u32,
    senders: HashMap<Party, u32>,
    /// Parts quarantined since the admin was told.
    kept: u64,
    kept_of: HashMap<Party, u64>,
    told: Option<Timestamp>,
}

impl Flood {
    /// What may become of a text that lacks parts.
    pub(super) fn judge(&mut self, now: Timestamp, from: &Party) -> Verdict {
        let is_over = |began: Timestamp| now < began || now.duration_since(began) >= HOUR;
        if self.began.is_none_or(is_over) {
            self.began = Some(now);
            self.all = 0;
            self.senders.clear();
        }
        let mails = self.senders.get(from).copied().unwrap_or(0);
        match (mails < OF_SENDER, self.all < IN_ALL) {
            (false, _) => Verdict::Quarantine,
            (true, true) => Verdict::Mail,
            (true, false) => Verdict::MailIfKnown,
        }
    }

    /// It becomes a mail.
    pub(super) fn count(&mut self, from: &Party) {
        self.all = self.all.saturating_add(1);
        if let Some(mails) = self.senders.get_mut(from) {
            *mails = mails.saturating_add(1);
        } else if self.senders.len() < MAX_SENDERS {
            self.senders.insert(from.clone(), 1);
        }
    }

    /// It is to be quarantined, with so many parts.
    pub(super) fn keep(&mut self, from: &Party, parts: u64) {
        self.kept += parts;
        if let Some(kept) = self.kept_of.get_mut(from) {
            *kept += parts;
        } else if self.kept_of.len() < MAX_SENDERS {
            self.kept_of.insert(from.clone(), parts);
        }
    }

    /// What the admin is to be told now, if anything; at most once an hour.
    pub(super) fn to_tell(&self, now: Timestamp) -> Option<Tally> {
        let lately = |told: Timestamp| told <= now && now.duration_since(told) < HOUR;
        if self.kept == 0 || self.told.is_some_and(lately) {
            return None;
        }
        let (worst, of_worst) = self.kept_of.iter().max_by_key(|(from, n)| (**n, *from))?;
        Some(Tally {
            parts: self.kept,
            senders: self.kept_of.len(),
            worst: worst.clone(),
            of_worst: *of_worst,
        })
    }

    /// He was.
    pub(super) fn told(&mut self, now: Timestamp) {
        self.told = Some(now);
        self.kept = 0;
        self.kept_of.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::tests::number;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("time")
    }

    fn sender(n: u32) -> Party {
        Party::Number(number(&format!("+1555{n:07}")))
    }

    #[test]
    fn one_sender_has_his_share_and_all_have_theirs() {
        let mut flood = Flood::default();
        let mut mails = 0;
        for n in 0..1000 {
            match flood.judge(at(n), &sender(1)) {
                Verdict::Mail => {
                    flood.count(&sender(1));
                    mails += 1;
                }
                verdict => assert_eq!(verdict, Verdict::Quarantine),
            }
        }
        assert_eq!(mails, OF_SENDER);
        for n in 0..IN_ALL - OF_SENDER {
            assert_eq!(flood.judge(at(1000), &sender(100 + n)), Verdict::Mail);
            flood.count(&sender(100 + n));
        }
        assert_eq!(flood.judge(at(1001), &sender(5000)), Verdict::MailIfKnown);
        assert_eq!(flood.judge(at(1001), &sender(1)), Verdict::Quarantine);
        // The next hour, and a clock that was set back.
        assert_eq!(flood.judge(at(3600), &sender(1)), Verdict::Mail);
        flood.count(&sender(1));
        assert_eq!(flood.judge(at(0), &sender(1)), Verdict::Mail);
    }

    #[test]
    fn the_admin_hears_once_an_hour() {
        let mut flood = Flood::default();
        assert_eq!(flood.to_tell(at(0)), None);
        flood.keep(&sender(1), 1);
        flood.keep(&sender(2), 5);
        let tally = flood.to_tell(at(0)).expect("news");
        assert_eq!((tally.parts, tally.senders), (6, 2));
        assert_eq!((tally.worst, tally.of_worst), (sender(2), 5));
        flood.told(at(0));
        flood.keep(&sender(3), 7);
        assert_eq!(flood.to_tell(at(3599)), None);
        assert_eq!(flood.to_tell(at(3600)).expect("news").parts, 7);
        flood.told(at(3600));
        assert_eq!(flood.to_tell(at(99_999)), None);
    }

    #[test]
    fn a_million_senders_are_not_remembered() {
        let mut flood = Flood::default();
        for n in 0..100_000 {
            flood.count(&sender(n));
            flood.keep(&sender(n), 1);
        }
        assert_eq!(flood.senders.len(), MAX_SENDERS);
        assert_eq!(flood.kept_of.len(), MAX_SENDERS);
        assert_eq!(flood.to_tell(at(0)).expect("news").parts, 100_000);
    }
}
