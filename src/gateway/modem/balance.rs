//! The prepaid balance: asked of the network by USSD when nothing else is to be done.
//!
//! What the network answers is a text for the subscriber: it is read for its amount, and not logged.

use std::time::Duration;

use regex::Regex;
use tokio::time::Instant;

use crate::wire::at::ussd::{Code, Reply};

/// What could not be asked or read is tried again so soon: networks are short of words at times.
const AGAIN: Duration = Duration::from_secs(3600);

/// After the line came up, its SMS go first.
const FIRST: Duration = Duration::from_secs(60);

/// How a SIM's balance is asked for.
#[derive(Clone, Debug)]
pub struct Balance {
    /// `*100#`.
    pub ussd: Code,
    /// Finds the amount in the answer: its first group.
    pub regex: Regex,
    /// An admin is told below this.
    pub below: f64,
    /// How often it is asked.
    pub every: Duration,
}

impl Balance {
    /// The amount in an answer. A comma is a decimal point when two digits or fewer follow it and
    /// nothing else does.
    pub(super) fn amount(&self, text: &str) -> Option<f64> {
        let amount = self.regex.captures(text)?.get(1)?.as_str();
        let negative = amount.trim_start().starts_with(['-', '−']);
        let kept = |c: &char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let digits: String = amount.chars().filter(kept).collect();
        let (whole, cents) = match digits.rfind(['.', ',']) {
            // `1.234`: a mark between thousands, unless it is the only one and a point.
            Some(at) if digits.len() - at == 4 && !(digits[at..].starts_with('.') && at < 2) => {
                (digits.as_str(), "")
            }
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits.as_str(), ""),
        };
        let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
        if whole.is_empty() && cents.is_empty() {
            return None;
        }
        let amount: f64 = format!("{whole}.{cents}0").parse().ok()?;
        Some(if negative { -amount } else { amount })
    }
}

/// When to ask, and what came of it.
#[derive(Debug)]
pub(super) struct Asking {
    next: Option<Instant>,
    waits: bool,
}

impl Asking {
    /// Not before the line is up.
    pub(super) fn new() -> Self {
        Self {
            next: None,
            waits: false,
        }
    }

    /// The line is up.
    pub(super) fn up(&mut self, balance: &Balance, now: Instant) {
        self.next.get_or_insert(now + FIRST.min(balance.every));
    }

    /// When it is to be asked; `None`: not now.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waits)
    }

    /// It was asked.
    pub(super) fn asked(&mut self) {
        self.waits = true;
    }

    /// The answer: the amount, or for an admin why there is none.
    pub(super) fn answered(
        &mut self,
        balance: &Balance,
        reply: &Reply,
        now: Instant,
    ) -> Result<f64, String> {
        self.waits = false;
        let amount = match reply {
            Reply::Text { text, .. } => balance
                .amount(text)
                .ok_or_else(|| "balance.regex does not match what the network said".to_owned()),
            Reply::Refused(reason) => Err(reason.clone()),
            Reply::Silent => Err("the network did not answer".to_owned()),
        };
        let wait = match amount {
            Ok(_) => balance.every,
            Err(_) => AGAIN.min(balance.every),
        };
        self.next = Some(now + wait);
        amount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance(regex: &str) -> Balance {
        Balance {
            ussd: Code::parse("*100#").expect("code"),
            regex: Regex::new(regex).expect("regex"),
            below: 5.0,
            every: Duration::from_secs(24 * 3600),
        }
    }

    #[test]
    fn reads_amounts() {
        let any = r"([-−]?\d[\d.,' ]*)";
        for (regex, text, expected) in [
            (r"([0-9.]+)", "Your balance is 12.50 EUR", Some(12.5)),
            (r"([0-9.]+) EUR", "Bonus 3, credit 0.07 EUR", Some(0.07)),
            (r"Guthaben: ([0-9,]+)", "Guthaben: 7,5 EUR", Some(7.5)),
            (any, "1.234,56 EUR", Some(1234.56)),
            (any, "1,234.56 USD", Some(1234.56)),
            (any, "1 234,56 Kc", Some(1234.56)),
            (any, "12,345 points", Some(12345.0)),
            (any, "0.125 EUR", Some(0.125)),
            (any, "-3,20 EUR", Some(-3.2)),
            (any, "5", Some(5.0)),
            (any, "nothing", None),
            (r"(EUR)", "EUR", None),
            (r"(\.)", ".", None),
        ] {
            assert_eq!(balance(regex).amount(text), expected, "{text}");
        }
    }

    #[test]
    fn asks_when_it_is_time() {
        let (balance, now) = (balance(r"(\d+)"), Instant::now());
        let mut asking = Asking::new();
        assert_eq!(asking.due(), None);
        asking.up(&balance, now);
        assert_eq!(asking.due(), Some(now + FIRST));
        asking.asked();
        assert_eq!(asking.due(), None);
        let said = Reply::Text {
            text: "7 EUR".into(),
            more: false,
        };
        assert_eq!(asking.answered(&balance, &said, now), Ok(7.0));
        assert_eq!(asking.due(), Some(now + balance.every));
        asking.asked();
        assert!(asking.answered(&balance, &Reply::Silent, now).is_err());
        assert_eq!(asking.due(), Some(now + AGAIN));
    }
}
