//! What messages cost, and what must be said when they cost too much.
//!
//! The store counts, in the transaction that takes the messages, and has the last word. When it says that
//! a message must be held, or that an account reached a threshold of its quota, the same messages are put
//! again with what is then to be said: held message, mail to its sender and mail to the admin are one
//! transaction, and so are a charge and the mail about it (durability W2, W16).
//!
//! An admin is told once an incident: a limit that an account went over, or that the site did; again after
//! a day, or when held messages were released in between.

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, civil};

use super::alarm::{Raising, SPEND};
use super::forward::MAX_HOUR;
use super::{Outbound, notify};
use crate::mail::Reply;
use crate::mail::words::{Value, Words};
use crate::sms::{Class, MessageId, Number, span};
use crate::store::accounts::{Account, Crossing, Notice};
use crate::store::guard::{Guard, Need, Over, Passing, Run, Tally, Watch};
use crate::store::{Message, NewMessage, OutMail, Reason, State, StoreError};

/// Section `limits` of the configuration; 0: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Segments of an account in an hour.
    pub per_user_hour: u32,
    /// Segments to a number in an hour.
    pub per_number_hour: u32,
    /// Segments of all together in a day.
    pub site_day: u32,
    /// Neighbouring numbers that an account writes to.
    pub run: Option<Run>,
}

impl Limits {
    /// What guards a message. `known`: the number is that of a colleague, and no stranger's.
    fn guard(&self, day: impl FnOnce() -> String, known: impl FnOnce() -> bool) -> Option<Guard> {
        if *self == Self::default() {
            return None;
        }
        Some(Guard {
            user_hour: self.per_user_hour,
            number_hour: self.per_number_hour,
            site_day: self.site_day,
            day: if self.site_day == 0 {
                String::new()
            } else {
                day()
            },
            run: self.run.filter(|_| !known()),
        })
    }
}

/// What is put beside messages, from one try to the next.
#[derive(Default)]
pub(super) struct Beside<'a> {
    over: HashMap<MessageId, Over>,
    /// By account.
    notices: Vec<(String, Notice)>,
    alarms: Option<Raising<'a>>,
}

impl Beside<'_> {
    /// Makes of a message what is known to be needed by now.
    pub(super) fn complete(&self, new: &mut NewMessage) {
        if let Some(over) = self.over.get(&new.message.id) {
            new.message.state = State::Held;
            new.message.error = Some(Reason::Held(over.clone()));
        }
        let charge = new.message.charge.as_ref();
        let account = charge.map(|charge| charge.account.as_str());
        // Which message of the account crosses is known when they are put.
        let ours = self
            .notices
            .iter()
            .filter(|(name, _)| Some(name.as_str()) == account);
        new.watch.notices = ours.map(|(_, notice)| notice.clone()).collect();
    }
}

impl Outbound {
    /// What is looked at while a message is taken.
    pub(super) fn watch(&self, message: &Message, now: Timestamp) -> Watch {
        let planner = self.planner();
        let access = &planner.access;
        let known = || access.is_mobile(&message.number);
        Watch {
            tell: true,
            notices: Vec::new(),
            guard: planner.limits.guard(|| access.day(now), known),
        }
    }

    /// Has `take` put messages, with the mails that must be put with them. Those the guard does not let go
    /// are `Held` then.
    pub(super) async fn take_all<'a, T, F>(
        &'a self,
        now: Timestamp,
        mut messages: Vec<NewMessage>,
        beside: &mut Beside<'a>,
        take: impl Fn(Vec<NewMessage>, Vec<OutMail>) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            for new in &mut messages {
                beside.complete(new);
            }
            let said = self.said_of_held(&messages, beside, now);
            let told = !said.is_empty() || messages.iter().any(|new| !new.watch.notices.is_empty());
            // Most have no limit to go over: they need not be there for a second try.
            let these = match messages.iter().any(has_limits) {
                true => messages.clone(),
                false => std::mem::take(&mut messages),
            };
            match take(these, said).await {
                Err(StoreError::Incomplete(needs)) => self.need(needs, beside).await,
                Err(error) => return Err(error),
                Ok(taken) => {
                    for new in messages
                        .iter()
                        .filter(|new| new.message.state == State::Held)
                    {
                        log_held(&new.message);
                    }
                    if let Some(alarms) = beside.alarms.take() {
                        alarms.done(now).await;
                    }
                    if told {
                        self.wake_mail.notify_one();
                    }
                    return Ok(taken);
                }
            }
        }
    }

    /// Notes what the store asked for. Each time a message more is held, or a notice more is there: so it
    /// ends.
    async fn need<'a>(&'a self, needs: Vec<Need>, beside: &mut Beside<'a>) {
        for need in needs {
            match need {
                Need::Hold { id, over } => {
                    beside.over.insert(id, over);
                }
                Need::Notice(crossing) => {
                    let notice = Notice {
                        meter: crossing.meter,
                        percent: crossing.percent,
                        mail: self.quota_mail(&crossing),
                    };
                    beside.notices.push((crossing.account, notice));
                }
            }
        }
        if !beside.over.is_empty() && beside.alarms.is_none() {
            // Held until they are told: two senders at once do not make two incidents.
            beside.alarms = Some(self.alarms.raising().await);
        }
    }

    /// What would become of a message now: the refusal that its account has no room for it, or why it would
    /// be held.
    pub async fn foresee(
        &self,
        account: &str,
        number: &Number,
        segments: u8,
        class: Class,
    ) -> Result<Result<Option<String>, Reply>, StoreError> {
        let (now, planner) = (self.world.now(), self.planner());
        let payer = match planner.access_to(account).await {
            Ok(access) => access.account(account),
            Err(reply) => return Ok(Err(reply)),
        };
        if let Err(reply) = self.wanted(number) {
            return Ok(Err(reply));
        }
        let found = self.store.account(&payer.account).await?;
        let mut account = found.unwrap_or_else(|| Account::new(&payer.account));
        if let Err(error) = account.has_room(&self.charge(&payer, segments, now))
            && let Some((_, reply)) = self.no_room(&error)
        {
            return Ok(Err(reply));
        }
        let known = || planner.access.is_mobile(number);
        let Some(guard) = planner.limits.guard(|| planner.access.day(now), known) else {
            return Ok(Ok(None));
        };
        let mut tally = Tally {
            account: &mut account,
            number: self.store.spent(Some(number)).await?,
            site: self.store.spent(None).await?,
        };
        let passing = Passing {
            number,
            class,
            segments: segments.into(),
            held: false,
        };
        let over = guard.judge(&mut tally, &passing, now);
        Ok(Ok(over.map(|over| Reason::Held(over).to_string())))
    }

    fn quota_mail(&self, crossing: &Crossing) -> OutMail {
        let anew = month_after(&crossing.month);
        notify::quota(&self.writer, &self.world, crossing, &anew)
    }

    /// Mails to the senders of held messages, and to the admin when it is news.
    fn said_of_held(
        &self,
        messages: &[NewMessage],
        beside: &mut Beside<'_>,
        now: Timestamp,
    ) -> Vec<OutMail> {
        let held = messages.iter().map(|new| &new.message);
        let held: Vec<&Message> = held
            .filter(|message| beside.over.contains_key(&message.id))
            .collect();
        let mut senders: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
        for message in &held {
            if let Some(to) = &message.origin.report_to {
                senders.entry(to).or_default().push(message);
            }
        }
        let senders = senders
            .iter()
            .filter_map(|(to, held)| notify::held(&self.writer, &self.world, to, held));
        let mut mails: Vec<_> = senders.collect();
        let Some(alarms) = &mut beside.alarms else {
            return mails;
        };
        alarms.forget();
        for message in held {
            let over = &beside.over[&message.id];
            let text = incident(over, message, &self.writer.house());
            let key = format!("{SPEND}{} {}", key(over), whose(over, &message.account));
            if alarms.is_news(key, &text, now) {
                mails.push(notify::spending(&self.writer, &self.world, &text));
            }
        }
        mails
    }

    /// The refusal of what there is no room for in a quota; `None` for any other error.
    pub(super) fn no_room(&self, error: &StoreError) -> Option<(String, Reply)> {
        let (account, text) = match error {
            StoreError::OverLimit {
                account,
                month,
                used,
                limit,
            } => (account, over_limit(account, month, *used, *limit)),
            StoreError::NoCredit { account, left } => (account, no_credit(account, *left)),
            _ => return None,
        };
        Some((account.clone(), Reply::new(550, "5.7.1", text)))
    }
}

/// Whether anything can be needed beside it.
fn has_limits(new: &NewMessage) -> bool {
    let charge = new.message.charge.as_ref();
    new.watch.guard.is_some() || charge.is_some_and(|c| c.limit != 0 || c.credit.is_some())
}

fn log_held(message: &Message) {
    let reason = message
        .error
        .as_ref()
        .map(Reason::to_string)
        .unwrap_or_default();
    tracing::warn!(msg = %message.id, account = message.account, reason, event = "held");
}

fn over_limit(account: &str, month: &str, used: u32, limit: u32) -> String {
    let anew = month_after(month);
    match limit.saturating_sub(used) {
        0 => format!("{account} has used up this month's SMS; the count starts anew on {anew}"),
        left => format!(
            "{account} has {left} SMS of this month left, and this takes more; the count starts anew on \
             {anew}"
        ),
    }
}

fn no_credit(account: &str, left: u32) -> String {
    match left {
        0 => format!("{account} has used up its SMS credit; an admin can renew it"),
        left => format!("{account} has {left} SMS of its credit left, and this takes more"),
    }
}

/// The first day of the month after one: `2027-01-01` after `2026-12`.
pub fn month_after(month: &str) -> String {
    let first: Option<civil::Date> = format!("{month}-01").parse().ok();
    let next = first.and_then(|first| first.checked_add(jiff::Span::new().months(1)).ok());
    next.map(|date| date.to_string()).unwrap_or_default()
}

/// Whether a month is the next one after another.
pub fn follows(before: &str, month: &str) -> bool {
    month_after(before).get(..7) == Some(month)
}

/// The key of the configuration that says so.
pub fn key(over: &Over) -> &'static str {
    match over {
        Over::Run(_) => "limits.run",
        Over::UserHour(_) => "limits.per_user_hour",
        Over::NumberHour(_) => "limits.per_number_hour",
        Over::SiteDay { .. } => "limits.site_day",
    }
}

fn whose<'a>(over: &Over, account: &'a str) -> &'a str {
    match over {
        Over::SiteDay { .. } => "",
        _ => account,
    }
}

/// What an admin is told of it.
fn incident(over: &Over, message: &Message, words: &Words) -> String {
    let account = ("account", Value::from(message.account.as_str()));
    match over {
        Over::Run(Run { numbers, minutes }) => {
            let number = message.number.as_str();
            let block = number.get(..number.len().saturating_sub(3)).unwrap_or("");
            let args = [
                account,
                ("block", block.into()),
                ("numbers", Value::from(*numbers)),
                ("span", words.span(span::minutes(*minutes)).into()),
            ];
            words.say("spending-run", &args)
        }
        Over::UserHour(limit) => {
            let limit = ("limit", Value::from(*limit));
            words.say("spending-user-hour", &[account, limit])
        }
        Over::NumberHour(limit) => {
            let limit = ("limit", Value::from(*limit));
            let forwarded = ("forwarded", Value::from(MAX_HOUR));
            words.say("spending-number-hour", &[account, limit, forwarded])
        }
        Over::SiteDay { day, limit } => {
            let args = [("limit", Value::from(*limit)), ("day", day.as_str().into())];
            words.say("spending-site-day", &args)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_is_left_and_until_when() {
        for (text, expected) in [
            (
                over_limit("ann@example.com", "2026-12", 10, 10),
                "ann@example.com has used up this month's SMS; the count starts anew on 2027-01-01",
            ),
            (
                over_limit("ann@example.com", "2026-11", 8, 10),
                "ann@example.com has 2 SMS of this month left, and this takes more; the count starts anew \
                 on 2026-12-01",
            ),
            (
                no_credit("ann@example.com", 0),
                "ann@example.com has used up its SMS credit; an admin can renew it",
            ),
            (
                no_credit("ann@example.com", 1),
                "ann@example.com has 1 SMS of its credit left, and this takes more",
            ),
        ] {
            assert_eq!(text, expected);
        }
        assert_eq!(month_after("rubbish"), "");
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let day = || -> String { unreachable!("no limit asks for the day") };
        let nobody = || -> bool { unreachable!("no limit asks for the number") };
        assert_eq!(Limits::default().guard(day, nobody), None);
        let run = Some(Run {
            numbers: 30,
            minutes: 10,
        });
        let limits = Limits {
            run,
            ..Limits::default()
        };
        let of = |known| limits.guard(day, || known).map(|guard| guard.run);
        assert_eq!(of(false), Some(run));
        assert_eq!(of(true), Some(None), "colleagues are neighbours by nature");
    }
}
