//! Reading a provider's answer: was the message taken, refused, or is that not known.
//!
//! Asked in this order: park, permanent, throttle, temporary, success; then the status by itself. Only a
//! status that proves that nothing was sent makes a refusal of an answer that matches nothing (durability
//! 2.5, faults F29–F38).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use regex::Regex;

use super::echo;
use super::health::Sign;
use super::place::{Document, Place};
use crate::gateway::{Outcome, Refusal};
use crate::sms::number;

/// A provider that says "come back tomorrow" does not stop a queue for longer than this (F35).
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Longer ids are garbage: every provider known has less than 64 characters.
const MAX_MESSAGE_ID: usize = 255;

/// How much of an answer people get to see.
const MAX_EXCERPT: usize = 120;

/// How to read the answers of a provider.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Taken, when all of its conditions hold. Empty: any status from 200 to 299.
    pub success: Conditions,
    /// The account is at fault, not the message, when any holds: no credit, a key revoked.
    pub park: Conditions,
    /// Refused for good, when any holds.
    pub permanent: Conditions,
    /// Too much at a time, when any holds: the same later, which does not count as an attempt.
    pub throttle: Conditions,
    /// Refused for now, when any holds.
    pub temporary: Conditions,
    /// Where the provider's id of the message stands.
    pub message_id: Option<Find>,
}

/// What an answer may be like. What is empty is no condition.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// The body matches.
    pub body: Option<Regex>,
    /// Values of the body match.
    pub values: Vec<Test>,
}

/// A test of the values at one place: there are some, and all match. Of an answer about several parts
/// of which some were taken, neither success nor refusal is true.
#[derive(Clone, Debug)]
pub struct Test {
    /// Which values.
    pub place: Place,
    /// What they match.
    pub matches: Regex,
}

/// Where the id of a message stands in a body.
#[derive(Clone, Debug)]
pub enum Find {
    /// The first group of a match, or all of it.
    Regex(Regex),
    /// The first value there.
    Value(Place),
    /// Nowhere: the provider calls it what we do, `%msgid%`.
    Ours,
}

impl Find {
    /// What stands there.
    pub fn find(&self, document: &Document<'_>) -> Option<String> {
        match self {
            Find::Regex(regex) => {
                let found = regex.captures(document.text())?;
                Some(found.get(1).or(found.get(0))?.as_str().to_owned())
            }
            Find::Value(place) => document.first(place),
            Find::Ours => None,
        }
    }
}

impl Test {
    fn holds(&self, document: &Document<'_>) -> bool {
        let values = document.values(&self.place);
        let matches = |value: &Option<String>| {
            value
                .as_deref()
                .is_some_and(|value| self.matches.is_match(value))
        };
        !values.is_empty() && values.iter().all(matches)
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    /// As far as it could be read.
    pub(super) body: String,
    /// Why the body is not whole.
    pub(super) broken: Option<String>,
}

impl Answer {
    /// How long the provider wants us to wait.
    pub(super) fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        retry_after(self.retry_after.as_deref()?, now)
    }

    /// What the status says of the provider.
    pub(super) fn sign(&self, now: Timestamp) -> Sign {
        match (self.status, self.retry_after(now)) {
            (300..=399 | 402, _) => Sign::Hopeless,
            (429, after) | (503, after @ Some(_)) => Sign::Busy(after),
            (503, None) => Sign::Unable,
            _ => Sign::Answered,
        }
    }
}

impl Conditions {
    fn is_empty(&self) -> bool {
        self.status.is_empty() && self.body.is_none() && self.values.is_empty()
    }

    /// Which of its conditions hold.
    fn hold(&self, status: u16, document: &Document<'_>) -> impl Iterator<Item = bool> {
        let status = (!self.status.is_empty()).then(|| self.status.contains(&status));
        let body = self.body.as_ref().map(|b| b.is_match(document.text()));
        let values = self.values.iter().map(|test| test.holds(document));
        status.into_iter().chain(body).chain(values)
    }

    fn any(&self, status: u16, document: &Document<'_>) -> bool {
        self.hold(status, document).any(|holds| holds)
    }
}

impl Reading {
    /// What the answer means, and what it says of the provider. `show` makes an excerpt of the body fit
    /// for people.
    pub(super) fn read(
        &self,
        answer: &Answer,
        now: Timestamp,
        show: impl Fn(&str) -> String,
    ) -> (Outcome, Sign) {
        let (status, document) = (answer.status, Document::new(&answer.body));
        let said = || format!("the provider answered {status}") + &show(&answer.body);
        let (after, sign) = (answer.retry_after(now), answer.sign(now));
        if let Some(broken) = &answer.broken {
            let said = || format!("{}, {broken}", said());
            return (by_status(status, after, said), sign);
        }
        if self.park.any(status, &document) {
            return (refused(Refusal::Link, said()), Sign::Hopeless);
        }
        if self.permanent.any(status, &document) {
            return (refused(Refusal::Never, said()), Sign::Answered);
        }
        if self.throttle.any(status, &document) {
            let class = Refusal::Later {
                after,
                counts: false,
            };
            return (refused(class, said()), sign);
        }
        if self.temporary.any(status, &document) {
            let class = Refusal::Later {
                after,
                counts: !is_throttle(status),
            };
            return (refused(class, said()), sign);
        }
        let success = if self.success.is_empty() {
            (200..300).contains(&status)
        } else {
            self.success.hold(status, &document).all(|holds| holds)
        };
        if success {
            return (
                Outcome::Accepted(self.message_id(&document)),
                Sign::Answered,
            );
        }
        (by_status(status, after, said), sign)
    }

    fn message_id(&self, document: &Document<'_>) -> Option<String> {
        let id = self.message_id.as_ref()?.find(document)?;
        let fits = !id.is_empty() && id.len() <= MAX_MESSAGE_ID && !id.contains(char::is_control);
        fits.then_some(id)
    }
}

/// What the status alone proves.
fn by_status(status: u16, after: Option<Duration>, said: impl Fn() -> String) -> Outcome {
    let later = |counts| Refusal::Later { after, counts };
    let class = match status {
        // F31: never followed, so that the text goes where the admin said or nowhere.
        300..=399 => Refusal::Link,
        401 | 402 | 403 | 407 => Refusal::Link,
        400 | 404 | 413 | 414 | 422 | 431 => Refusal::Never,
        // The request is not one that this server knows.
        405 | 406 | 411 | 415 | 501 | 505 => Refusal::Ours,
        408 | 425 | 429 => later(false),
        503 => later(true),
        _ => return Outcome::Unknown(said()),
    };
    refused(class, said())
}

fn refused(class: Refusal, reason: String) -> Outcome {
    Outcome::Refused { class, reason }
}

fn is_throttle(status: u16) -> bool {
    matches!(status, 408 | 425 | 429)
}

/// RFC 9110 §10.2.3: seconds, or a date; `None` for anything else.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = rfc2822::parse(text).ok()?.timestamp();
            Duration::from_secs(u64::try_from((at - now).get_seconds()).unwrap_or(0))
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// The beginning of a body on one line, behind `: `, with the secrets, what is `said` in the message and long
/// digits left out; an answer may well repeat the request.
pub(super) fn excerpt<'a>(
    body: &str,
    secrets: impl Iterator<Item = &'a str>,
    said: &[String],
) -> String {
    let mut text: String = body.chars().take(4096).collect();
    let whole = said
        .iter()
        .flat_map(|said| echo::ways(said))
        .collect::<Vec<_>>();
    let secrets = secrets.map(str::to_owned).chain(whole.clone());
    for secret in secrets.filter(|secret| secret.len() >= 3) {
        text = text.replace(&secret, "***");
    }
    text = echo::without(&text, &whole);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control() || turns(c))
        .filter(|word| !word.is_empty())
        .collect();
    let line = number::masked(&words.join(" "));
    match line.chars().count() {
        0 => String::new(),
        n if n <= MAX_EXCERPT => format!(": {line}"),
        _ => format!(": {}…", line.chars().take(MAX_EXCERPT).collect::<String>()),
    }
}

/// Turns the direction of what follows: a terminal would show another line than there is (threats T36).
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().expect("time")
    }

    fn reading() -> Reading {
        let regex = |text| Regex::new(text).expect("regex");
        Reading {
            success: Conditions {
                status: vec![200, 202],
                body: Some(regex("^ID")),
                values: vec![],
            },
            park: Conditions {
                body: Some(regex("no credit")),
                ..Conditions::default()
            },
            permanent: Conditions {
                status: vec![418],
                body: Some(regex("^ERR: 1")),
                values: vec![Test {
                    place: Place::json("/code").expect("place"),
                    matches: regex("^21610$"),
                }],
            },
            throttle: Conditions {
                status: vec![],
                body: Some(regex("^ERR: 3")),
                values: vec![],
            },
            temporary: Conditions {
                status: vec![],
                body: Some(regex("^ERR: 2")),
                values: vec![],
            },
            message_id: Some(Find::Regex(regex("^ID: (\\S+)"))),
        }
    }

    #[track_caller]
    fn check(reading: &Reading, status: u16, body: &str, expected: &str) {
        let answer = Answer {
            status,
            retry_after: Some("5".to_owned()),
            body: body.to_owned(),
            broken: None,
        };
        let shown = match reading.read(&answer, now(), |_| String::new()).0 {
            Outcome::Accepted(id) => format!("accepted {}", id.as_deref().unwrap_or("-")),
            Outcome::Unknown(_) => "unknown".to_owned(),
            Outcome::Refused { class, .. } => match class {
                Refusal::Later {
                    after: Some(after),
                    counts,
                } => format!("later {} {counts}", after.as_secs()),
                class => format!("{class:?}"),
            },
        };
        assert_eq!(shown, expected, "{status} {body}");
    }

    #[test]
    fn configured() {
        let reading = reading();
        check(&reading, 200, "ID: abc", "accepted abc");
        check(&reading, 202, "ID without", "accepted -");
        check(&reading, 201, "ID: abc", "unknown");
        check(&reading, 200, "ERR: 301, no credit", "Link");
        check(&reading, 200, "ERR: 401", "unknown");
        check(&reading, 200, "ERR: 114", "Never");
        check(&reading, 200, "ERR: 2", "later 5 true");
        check(&reading, 200, "ERR: 3", "later 5 false");
        check(&reading, 429, "ERR: 2", "later 5 false");
        check(&reading, 418, "", "Never");
        check(&reading, 500, r#"{"code": 21610}"#, "Never");
        check(&reading, 500, r#"{"code": 21611}"#, "unknown");
        check(&reading, 401, "", "Link");
    }

    #[test]
    fn by_default() {
        let reading = Reading {
            message_id: Some(Find::Value(Place::json("/messages/0/id").expect("place"))),
            ..Reading::default()
        };
        check(&reading, 200, r#"{"messages":[{"id":7}]}"#, "accepted 7");
        check(
            &reading,
            299,
            r#"{"messages":[{"id":"a\nb"}]}"#,
            "accepted -",
        );
        check(&reading, 204, "", "accepted -");
        for (status, expected) in [
            (301, "Link"),
            (308, "Link"),
            (400, "Never"),
            (401, "Link"),
            (402, "Link"),
            (403, "Link"),
            (404, "Never"),
            (405, "Ours"),
            (407, "Link"),
            (408, "later 5 false"),
            (409, "unknown"),
            (422, "Never"),
            (425, "later 5 false"),
            (429, "later 5 false"),
            (500, "unknown"),
            (502, "unknown"),
            (503, "later 5 true"),
            (504, "unknown"),
        ] {
            check(&reading, status, "x", expected);
        }
    }

    #[test]
    fn a_broken_body_proves_only_what_the_status_does() {
        let answer = |status| Answer {
            status,
            retry_after: None,
            body: "ID: 1".to_owned(),
            broken: Some("cut off".to_owned()),
        };
        let read = |status| reading().read(&answer(status), now(), |_| String::new()).0;
        assert!(matches!(read(200), Outcome::Unknown(_)));
        assert!(matches!(read(503), Outcome::Refused { .. }));
    }

    #[test]
    fn waits() {
        for (text, seconds) in [
            ("0", Some(0)),
            (" 5 ", Some(5)),
            ("86400", Some(3600)),
            ("99999999999999999999", None),
            ("Fri, 20 Nov 2026 12:00:30 GMT", Some(30)),
            ("Fri, 20 Nov 2026 11:00:30 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let wait = retry_after(text, now()).map(|wait| wait.as_secs());
            assert_eq!(wait, seconds, "{text}");
        }
    }

    #[test]
    fn excerpts() {
        let show = |body| excerpt(body, ["hunter2", "x"].into_iter(), &[]);
        assert_eq!(show(""), "");
        assert_eq!(show("no\r\n  credit x"), ": no credit x");
        assert_eq!(show("a\u{202e}b\u{1b}[31m"), ": a b [31m");
        assert_eq!(show("pass hunter2 wrong"), ": pass *** wrong");
        assert_eq!(
            show("to +15551234567, code 123456"),
            ": to +15551234..., code 123456"
        );
        assert_eq!(show(&"é".repeat(200)), format!(": {}…", "é".repeat(120)));

        let said = ["Dear \"Eva\", příliš dlouhý text & more".to_owned()];
        let show = |body: &str| excerpt(body, std::iter::empty(), &said);
        assert_eq!(
            show("text too long: Dear \"Eva\", příliš dlo…"),
            ": text too long: ***…"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_answer_has_a_meaning(
            status in 100_u16..1000, retry_after in proptest::option::of("\\PC{0,40}|[0-9]{0,25}"),
            body in "\\PC{0,60}|(ID: |ERR: [1-4]|no credit|[{}\":,<>/a-z0-9]){0,20}",
        ) {
            let answer = Answer { status, retry_after, body, broken: None };
            let (outcome, _) = reading().read(&answer, now(), |_| String::new());
            let is_taken = matches!(outcome, Outcome::Accepted(_));
            proptest::prop_assert!(!is_taken || [200, 202].contains(&status));
            if let Outcome::Refused { class: Refusal::Later { after: Some(after), .. }, .. } = outcome {
                proptest::prop_assert!(now().checked_add(after).is_ok());
            }
        }
    }
}
