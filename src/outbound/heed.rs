//! What the header of a mail asks of its SMS beside the text (spec 4): `Deferred-Delivery` is when to send,
//! `Expires` or `Expiry-Date` when to give up. The rest (flash, confirmation) is in [`MailText`] as it is.
//!
//! They end where the parameters of an address do (`at`, `validity`): one queue, one time, one life. An address
//! that says it beats the header. A past `Deferred-Delivery` is now: the mail took its time. What cannot be had is
//! refused, never sent at another time: only an `Expires` that is no date is passed over, as many newsletters
//! have one, and so is a `Sensitivity` that nobody knows; what is passed over is in the log with the queue id.

use std::time::Duration;

use jiff::Timestamp;

use super::admit::Admitted;
use super::wishes::{MAX_AHEAD, Wishes};
use crate::mail::Reply;
use crate::mail::text::{MailText, moment};

/// What a date looks like (RFC 5322 §3.3).
const EXAMPLE: &str = "Mon, 5 Jan 2026 10:00:00 +0100";

/// What of a field is shown.
const SHOWN: usize = 60;

/// What the header of a mail says of the times of its SMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Not before.
    pub due: Option<Timestamp>,
    /// Not after.
    pub expires: Option<Timestamp>,
}

/// The recipient with what the header asks, where its address says nothing else.
pub fn heeded(mail: &MailText, to: Admitted, now: Timestamp) -> Result<Admitted, Reply> {
    let (at, validity) = (to.wishes.at.is_some(), to.wishes.validity.is_some());
    let times = Times::read(mail, at, validity)?;
    times.heeded(to, now)
}

/// What the header asks of a mail that is to wait for a number: what cannot be had is said before anybody is asked.
pub fn waiting(mail: &MailText, wishes: &Wishes, now: Timestamp) -> Result<Times, Reply> {
    let times = Times::read(mail, wishes.at.is_some(), wishes.validity.is_some())?;
    times.judge(None, now)?;
    Ok(times)
}

/// What of the header is passed over, for people: in `explain`, and in the log with the queue id.
pub fn passed_over(mail: &MailText) -> Vec<String> {
    let expires = mail.expires.as_deref();
    let expires = expires.filter(|value| moment(value).is_none()).map(|value| {
        format!(
            "Expires: {}: not a date, so that the SMS is tried as long as any other; write one as {EXAMPLE}",
            shown(value)
        )
    });
    let sensitivity = mail.strange_sensitivity.as_deref().map(|value| {
        format!(
            "Sensitivity: {}: not known, so that the text is no secret here; write private",
            shown(value)
        )
    });
    expires.into_iter().chain(sensitivity).collect()
}

impl Times {
    /// What the header asks, beside what the address says already (`at`, `validity`).
    pub fn read(mail: &MailText, at: bool, validity: bool) -> Result<Times, Reply> {
        let deferred = mail.deferred_delivery.as_deref().filter(|_| !at);
        let due = deferred.map(|value| {
            moment(value).ok_or_else(|| {
                let text = format!(
                    "Deferred-Delivery: {}: not a date; write one as {EXAMPLE}",
                    shown(value)
                );
                Reply::new(550, "5.6.0", text)
            })
        });
        let expires = mail.expires.as_deref().filter(|_| !validity);
        Ok(Times {
            due: due.transpose()?,
            expires: expires.and_then(moment),
        })
    }

    /// The recipient with them.
    fn heeded(self, mut to: Admitted, now: Timestamp) -> Result<Admitted, Reply> {
        let (due, life) = self.judge(to.due, now)?;
        to.due = due;
        to.wishes.validity = life.or(to.wishes.validity);
        Ok(to)
    }

    /// When it is to be sent, and how long it is good for from then. `due`: what the address says.
    fn judge(
        self,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Duration>), Reply> {
        let due = self.due.filter(|due| *due > now).or(due);
        let latest = now.saturating_add(MAX_AHEAD).unwrap_or(Timestamp::MAX);
        if let Some(due) = due.filter(|due| *due > latest) {
            let days = MAX_AHEAD.as_secs() / 86_400;
            let text = format!(
                "Deferred-Delivery: {due}: nothing is kept for longer than {days} days before it is sent"
            );
            return Err(Reply::new(550, "5.6.0", text));
        }
        let Some(expires) = self.expires else {
            return Ok((due, None));
        };
        let life = expires.duration_since(due.unwrap_or(now));
        match Duration::try_from(life).ok().filter(|life| !life.is_zero()) {
            Some(life) => Ok((due, Some(life))),
            // RFC 3463 §3.5: delivery time expired.
            None => {
                let text = match due {
                    Some(due) => format!("Expires: {expires}: before the SMS is to be sent, {due}"),
                    None => format!("Expires: {expires}: this time has passed"),
                };
                Err(Reply::new(550, "5.4.7", text))
            }
        }
    }
}

/// One line, ASCII: it stands in an SMTP reply.
fn shown(value: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    value.chars().filter(is_plain).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{admitted, planner};
    use super::super::wishes::When;
    use super::*;

    const NOW: &str = "2026-11-20T12:00:00Z";

    /// `due` and life in minutes, or the reply.
    fn check(deferred: &str, expires: &str, wishes: Wishes, expected: &str) {
        let now: Timestamp = NOW.parse().unwrap();
        let mail = MailText {
            deferred_delivery: Some(deferred.to_owned()).filter(|d| !d.is_empty()),
            expires: Some(expires.to_owned()).filter(|d| !d.is_empty()),
            ..MailText::default()
        };
        let mut to = admitted(&planner(), "<+15551234567@sms.example.com>");
        to.due = wishes.due(now).unwrap();
        to.wishes = wishes;
        let found = match heeded(&mail, to, now) {
            Err(reply) => reply.to_string(),
            Ok(to) => {
                let due = to.due.map_or("now".to_owned(), |due| due.to_string());
                let life = to.wishes.validity.map(|life| life.as_secs() / 60);
                format!(
                    "{due} {} {}",
                    life.map_or("-".to_owned(), |m| m.to_string()),
                    passed_over(&mail).join("; ")
                )
            }
        };
        assert_eq!(found.trim(), expected, "{deferred} {expires}");
    }

    #[test]
    fn times_of_a_header() {
        let none = Wishes::default;
        check("", "", none(), "now -");
        check(
            "Fri, 20 Nov 2026 15:00:00 +0100",
            "",
            none(),
            "2026-11-20T14:00:00Z -",
        );
        // Past is now.
        check("Fri, 20 Nov 2020 15:00:00 +0100", "", none(), "now -");
        check(
            "20 Dec 2026 12:00:00 GMT",
            "",
            none(),
            "2026-12-20T12:00:00Z -",
        );
        check(
            "22 Dec 2026 12:00:00 GMT",
            "",
            none(),
            "550 5.6.0 Deferred-Delivery: 2026-12-22T12:00:00Z: nothing is kept for longer than 31 days before it is sent",
        );
        check(
            "next\nweek \u{e9}",
            "",
            none(),
            "550 5.6.0 Deferred-Delivery: nextweek : not a date; write one as Mon, 5 Jan 2026 10:00:00 +0100",
        );
        check("", "20 Nov 2026 13:00:00 GMT", none(), "now 60");
        check("", "20 Nov 2026 12:01:00 GMT", none(), "now 1");
        check("", "20 Nov 2027 13:00:00 GMT", none(), "now 525660");
        check(
            "",
            "0",
            none(),
            "now - Expires: 0: not a date, so that the SMS is tried as long as any other; write one as Mon, 5 Jan 2026 10:00:00 +0100",
        );
        check(
            "",
            "20 Nov 2026 12:00:00 GMT",
            none(),
            "550 5.4.7 Expires: 2026-11-20T12:00:00Z: this time has passed",
        );
        check(
            "20 Nov 2026 14:00:00 GMT",
            "20 Nov 2026 15:30:00 GMT",
            none(),
            "2026-11-20T14:00:00Z 90",
        );
        check(
            "20 Nov 2026 14:00:00 GMT",
            "20 Nov 2026 13:00:00 GMT",
            none(),
            "550 5.4.7 Expires: 2026-11-20T13:00:00Z: before the SMS is to be sent, 2026-11-20T14:00:00Z",
        );
    }

    #[test]
    fn an_address_beats_the_header() {
        let at = |at: &str| Wishes {
            at: Some(When::At(at.parse().unwrap())),
            ..Wishes::default()
        };
        let (later, far) = ("20 Nov 2026 14:00:00 GMT", "20 Nov 2030 14:00:00 GMT");
        check(
            later,
            "",
            at("2026-11-20T18:00:00Z"),
            "2026-11-20T18:00:00Z -",
        );
        check(
            far,
            "",
            at("2026-11-20T18:00:00Z"),
            "2026-11-20T18:00:00Z -",
        );
        // `at` says now.
        check(later, "", at("2026-11-20T11:30:00Z"), "now -");
        let validity = Wishes {
            validity: Some(Duration::from_mins(30)),
            ..Wishes::default()
        };
        check("", "20 Nov 2026 11:00:00 GMT", validity, "now 30");
    }
}
