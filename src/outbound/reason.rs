//! The reason of a message in its reader's language: what is ours is translated, what somebody else said is
//! quoted. Replies at SMTP are not in here: they stay English, as those of MTAs do (see [`crate::mail::Reply`]).

use crate::mail::words::{Value, Words};
use crate::sms::{Receipt, span};
use crate::store::Reason;
use crate::store::guard::{Over, Run};

/// For the reader of a mail; without a full stop.
pub(super) fn in_words(reason: &Reason, words: &Words) -> String {
    match reason {
        Reason::OptedOut => words.say("reason-opted-out", &[]),
        Reason::NoGateway => words.say("reason-no-gateway", &[]),
        Reason::Held(over) => held(over, words),
        Reason::Network(receipt) => network(*receipt, words),
        Reason::Said(said) => words.say("reason-said", &[("said", said.as_str().into())]),
    }
}

fn held(over: &Over, words: &Words) -> String {
    match over {
        Over::Run(Run { numbers, minutes }) => {
            let args = [
                ("numbers", Value::from(*numbers)),
                ("span", words.span(span::minutes(*minutes)).into()),
            ];
            words.say("reason-held-run", &args)
        }
        Over::UserHour(limit) => {
            words.say("reason-held-user-hour", &[("limit", Value::from(*limit))])
        }
        Over::NumberHour(limit) => {
            words.say("reason-held-number-hour", &[("limit", Value::from(*limit))])
        }
        Over::SiteDay { day, limit } => {
            let args = [("day", day.as_str().into()), ("limit", Value::from(*limit))];
            words.say("reason-held-site-day", &args)
        }
    }
}

fn network(receipt: Receipt, words: &Words) -> String {
    match receipt {
        Receipt::Failed(code @ 0..=0xFF) => {
            // Ranges that the standard leaves to each centre.
            let status = match code {
                0x50..=0x5F | 0x70..=0x7F => 0x50,
                code => code,
            };
            let args = [
                ("status", Value::from(status)),
                ("code", format!("0x{code:02X}").into()),
            ];
            words.say("reason-status", &args)
        }
        Receipt::GivenUp(u16::MAX) => words.say("reason-given-up-unknown", &[]),
        Receipt::GivenUp(0) => words.say("reason-given-up", &[]),
        Receipt::Failed(code) | Receipt::GivenUp(code) => {
            words.say("reason-given-up-code", &[("code", code.to_string().into())])
        }
        // They are no failures; nothing is said of them.
        Receipt::Delivered | Receipt::Pending => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::words::LANGUAGES;

    fn all() -> Vec<Reason> {
        let run = Run {
            numbers: 30,
            minutes: 90,
        };
        let day = "2026-11-20".to_owned();
        let mut all = vec![
            Reason::OptedOut,
            Reason::NoGateway,
            Reason::Held(Over::Run(run)),
            Reason::Held(Over::UserHour(5)),
            Reason::Held(Over::NumberHour(5)),
            Reason::Held(Over::SiteDay { day, limit: 100 }),
            Reason::Network(Receipt::Failed(30003)),
        ];
        let codes = [0, 7, u16::MAX].map(Receipt::GivenUp);
        let status = (0..=0xFF).map(Receipt::from_tp_status);
        let failures = status.filter(|receipt| receipt.failure().is_some());
        all.extend(failures.chain(codes).map(Reason::Network));
        all
    }

    /// The catalogue says in English what logs do, but for the hex, and something else in each other language.
    #[test]
    fn each_is_said_in_each_language() {
        let english = Words::default();
        for reason in all() {
            assert_eq!(in_words(&reason, &english), reason.to_string());
            for language in &LANGUAGES[1..] {
                let words = english.speaking(language).expect("a language");
                let said = in_words(&reason, &words);
                assert!(!said.is_empty() && !said.ends_with('.'), "{said}");
                assert_ne!(said, reason.to_string(), "{language}");
            }
        }
    }

    #[test]
    fn what_others_said_is_quoted() {
        let said = Reason::from("CMS ERROR 38 (network out of order)");
        let check = |language: &str, expected: &str| {
            let words = Words::default().speaking(language).expect("a language");
            assert_eq!(in_words(&said, &words), expected);
        };
        check("en", "CMS ERROR 38 (network out of order)");
        check("de", "„CMS ERROR 38 (network out of order)“");
    }

    #[test]
    fn spans_are_in_their_own_unit() {
        let run = |minutes| {
            Reason::Held(Over::Run(Run {
                numbers: 3,
                minutes,
            }))
        };
        let check = |minutes, expected: &str| {
            let said = run(minutes).to_string();
            assert_eq!(
                said,
                format!("held: more than 3 neighbouring numbers in {expected} (limits.run)")
            );
        };
        check(10, "10 minutes");
        check(90, "90 minutes");
        check(180, "3 hours");
        check(1440, "1 day");
    }
}
