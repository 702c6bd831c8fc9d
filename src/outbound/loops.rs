//! Machines that answer each other (threats T20): a phone that says "I am driving" to each SMS, and a mailbox
//! that says "I am away" to each mail, or another gateway instead of the phone.
//!
//! Answers that say what they are never become SMS ([`crate::mail::text::AutoSubmitted::Replied`], the null
//! sender, our own loop header). This is for those that do not. What they cannot hide is that they repeat
//! themselves: of an account's mails to a phone those count that each follow an SMS of that phone and say the
//! same as the one before. The [`MOST`] first ones are sent, the next is refused, and so is each further one
//! that looks the same; an admin is told once.
//!
//! It counts only what people do not do, so that no quick chat and no alarm is stopped:
//!
//! * the same text within `AT_ONCE` of the SMS: nobody reads, writes and sends as fast, twice in a row;
//! * a sentence of `SENTENCE` letters or more, within `SOON`, in a mail that answers ours;
//! * any text within `LATER`, in a mail that answers ours, when the phone repeats itself too.
//!
//! Any other mail of the account to the phone begins anew, and so does a second one without an SMS in between;
//! what is urgent (`class: alarm`) is not counted at all. Dates and times of day make no difference to a text,
//! nor do figures in a sentence.
//!
//! A circle may also end elsewhere: what comes back to us is no new SMS but a repeat of the one that it began with,
//! and is dropped as that (durability W12). Providers repeat themselves, too, so that alone says nothing; but when
//! we sent the phone the very words of its SMS, at once or a whole sentence, and then have that SMS again, our own
//! words came back. That is told as well ([`Loops::repeated`]).
//!
//! In memory: after a restart a circle gets [`MOST`] SMS more, which costs less than a write for each SMS. That
//! the admin was told is kept ([`super::alarm`]). At most `MAX_PAIRS` pairs and as many phones are known; of more
//! the oldest are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};

use super::admit::Taken;
use super::alarm::Alarms;
use crate::mail::Reply;
use crate::mail::text::MailText;
use crate::sms::{Class, Number};

/// So many of an automatic answer reach the phone.
pub const MOST: u32 = 2;

/// From the SMS to an answer that no person gave: a mail program alone needs longer to show it.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);

/// A person may repeat "ok" in that time, and no whole sentence.
const SOON: SignedDuration = SignedDuration::from_secs(60);

/// As slow as greylisting makes it.
const LATER: SignedDuration = SignedDuration::from_hours(1);

/// Letters and figures.
const SENTENCE: usize = 20;

/// From here on figures are a number of a ticket, and make no other text.
const LONG: usize = 40;

/// More of a text is not looked at: an SMS is shorter.
const MAX_TEXT: usize = 4_000;

/// Some 200 octets each.
const MAX_PAIRS: usize = 10_000;

/// Circles that wait to be told of: an admin hears of a few a day.
const MAX_FOUND: usize = 20;

/// What a text says, whenever it is said.
type Gist = [u8; 32];

/// See the module.
#[derive(Default)]
pub struct Loops {
    known: Mutex<Known>,
    /// Circles that nobody was told of yet, and who is rung for them.
    found: Mutex<Vec<Whom>>,
    bell: Notify,
}

#[derive(Default)]
struct Known {
    phones: HashMap<Number, Heard>,
    pairs: HashMap<(String, Number), Round>,
}

/// The last SMS of a phone.
#[derive(Clone, Debug)]
struct Heard {
    at: Timestamp,
    /// How many there were.
    count: u64,
    gist: Gist,
}

/// The last mail of an account to a phone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    account: String,
    phone: Number,
    at: Timestamp,
    gist: Gist,
    /// Of the SMS before it: which, and what it said.
    after: Option<(u64, Gist)>,
    /// How many mails in a row looked like an automatic answer, this one among them; 0: it cannot be one.
    times: u32,
    /// It said what the SMS before it had said, too soon or too well for a person.
    echoes: bool,
}

/// Why a recipient brings nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Whatever the reply says.
    Plain(Reply),
    /// It would go round for ever: an admin is to hear of it, too.
    Circle(Reply),
}

impl Refusal {
    /// What the sender hears.
    pub fn reply(&self) -> &Reply {
        match self {
            Refusal::Plain(reply) | Refusal::Circle(reply) => reply,
        }
    }

    pub(super) fn is_circle(&self) -> bool {
        matches!(self, Refusal::Circle(_))
    }
}

impl From<Reply> for Refusal {
    fn from(reply: Reply) -> Self {
        Refusal::Plain(reply)
    }
}

/// Between whom a circle is: an account, and a phone if there is one.
pub(super) type Whom = (String, Option<Number>);

/// Who would be in a circle with that recipient.
pub(super) fn whom(taken: &Taken) -> Whom {
    let phone = match taken {
        Taken::Number(admitted) => Some(&admitted.number),
        Taken::Person(person) => person.number.as_ref().map(|(number, _)| number),
        Taken::Account(_) | Taken::Group(_) | Taken::Answer(_) => None,
    };
    (taken.payer().account.clone(), phone.cloned())
}

/// What is asked of a mail to a phone.
pub(super) struct Mail<'a> {
    pub account: &'a str,
    pub phone: &'a Number,
    pub text: &'a str,
    /// It answers one of our mails, as its header says.
    pub answers: bool,
    pub class: Class,
}

impl Loops {
    /// An SMS of this phone became a mail.
    pub fn heard(&self, phone: &Number, text: &str, now: Timestamp) {
        let mut known = self.lock();
        let count = known.phones.get(phone).map_or(0, |heard| heard.count);
        let heard = Heard {
            at: now,
            count: count + 1,
            gist: gist(text).0,
        };
        known.phones.insert(phone.clone(), heard);
        forget(&mut known.phones, |heard| heard.at);
    }

    /// Whether the mail may go; if so, what is to be noted when it went. Changes nothing.
    pub(super) fn judge(&self, mail: &Mail<'_>, now: Timestamp) -> Result<Round, Refusal> {
        let known = self.lock();
        let (gist, letters) = gist(mail.text);
        let key = (mail.account.to_owned(), mail.phone.clone());
        let before = known.pairs.get(&key);
        let heard = known.phones.get(mail.phone).filter(|heard| {
            let seen = before.and_then(|before| before.after);
            // A clock that went back tells nothing.
            let gap = now.duration_since(heard.at);
            !gap.is_negative() && gap <= LATER && seen.is_none_or(|(count, _)| count != heard.count)
        });
        let mut round = Round {
            account: key.0,
            phone: key.1,
            at: now,
            gist,
            after: heard.map(|heard| (heard.count, heard.gist)),
            times: 0,
            echoes: heard.is_some_and(|heard| {
                let at_once = now.duration_since(heard.at) <= AT_ONCE;
                heard.gist == gist && (at_once || letters >= SENTENCE)
            }),
        };
        let Some(heard) = heard.filter(|_| mail.class != Class::Alarm) else {
            // The next SMS is to be a new one all the same.
            round.after = known
                .phones
                .get(mail.phone)
                .map(|heard| (heard.count, heard.gist));
            return Ok(round);
        };
        let gap = now.duration_since(heard.at);
        let repeats = |before: &&Round| {
            let phone_too = before.after.is_some_and(|(_, gist)| gist == heard.gist);
            before.times > 0
                && before.gist == gist
                && (gap <= AT_ONCE
                    || mail.answers && gap <= SOON && letters >= SENTENCE
                    || mail.answers && phone_too)
        };
        round.times = before.filter(repeats).map_or(1, |before| before.times + 1);
        match round.times > MOST {
            true => Err(Refusal::Circle(Reply::new(550, "5.7.1", MACHINES))),
            false => Ok(round),
        }
    }

    /// The mail went.
    pub(super) fn note(&self, round: Round) {
        let mut known = self.lock();
        let key = (round.account.clone(), round.phone.clone());
        known.pairs.insert(key, round);
        forget(&mut known.pairs, |round| round.at);
    }

    /// An SMS of this phone came that we have already. If it is our own words that came back, an admin is told.
    pub fn repeated(&self, phone: &Number, text: &str, now: Timestamp) {
        let (gist, _) = gist(text);
        let is_echo = |round: &&Round| {
            let lately = now.duration_since(round.at).abs() <= LATER;
            round.echoes && round.phone == *phone && round.gist == gist && lately
        };
        let echo = self.lock().pairs.values().find(is_echo).cloned();
        let Some(round) = echo else { return };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let whom = (round.account, Some(round.phone));
        if found.len() < MAX_FOUND && !found.contains(&whom) {
            found.push(whom);
        }
        drop(found);
        self.bell.notify_one();
    }

    /// Has an admin hear of circles that ended elsewhere, until `stop`.
    pub async fn tell(self: Arc<Self>, alarms: Arc<Alarms>, mut stop: watch::Receiver<bool>) {
        loop {
            let is_last = *stop.borrow();
            for (account, phone) in self.found() {
                let now = alarms.now();
                alarms.circle(&account, phone.as_ref(), now).await;
            }
            if is_last {
                return;
            }
            tokio::select! {
                () = self.bell.notified() => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Those to be told of, which are none then.
    fn found(&self) -> Vec<Whom> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *found)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each insertion is whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The older half goes, so that it need not be looked for each time.
fn forget<K: Eq + Hash, V>(known: &mut HashMap<K, V>, at: impl Fn(&V) -> Timestamp) {
    if known.len() <= MAX_PAIRS {
        return;
    }
    let mut times: Vec<Timestamp> = known.values().map(&at).collect();
    let (_, middle, _) = times.select_nth_unstable(MAX_PAIRS / 2);
    let middle = *middle;
    known.retain(|_, value| at(value) > middle);
}

/// What the third of them hears.
const MACHINES: &str = "the same text again, in answer to an SMS as quickly as before: two machines seem to \
                        answer each other; whoever wrote this may write something else";

/// Whether a mail says that it answers one of ours: by a Message-ID that ends in `host`, or as people's mail
/// programs and answering machines say it.
pub(super) fn answers(mail: &MailText, host: &str) -> bool {
    let is_ours = |id: &String| is_ours(id, host);
    let subject = mail.subject.trim_start().to_ascii_lowercase();
    let starts = ["re:", "aw:", "auto", "out of office", "abwesenheit"];
    mail.in_reply_to.iter().chain(&mail.references).any(is_ours)
        || starts.iter().any(|start| subject.starts_with(start))
}

/// Whether it is the Message-ID of a mail that we made of an SMS. A mail that still has it was sent on by a machine,
/// even when our mark was lost: people who forward make a new mail.
pub(super) fn is_ours(id: &str, host: &str) -> bool {
    let rest = id.strip_prefix("in.").and_then(|id| id.strip_suffix(host));
    rest.is_some_and(|rest| rest.ends_with('@'))
}

/// What a text says, and of how many letters and figures it is.
fn gist(text: &str) -> (Gist, usize) {
    let short: String = text.chars().take(MAX_TEXT).collect();
    let words = short.split_whitespace().filter(|word| !is_time(word));
    let said = words.flat_map(str::chars).filter(|c| c.is_alphanumeric());
    let mut said: String = said.flat_map(char::to_lowercase).collect();
    let letters = said.chars().count();
    if letters >= LONG {
        said.retain(|c| !c.is_numeric());
    }
    // Signs only: "?", or a face.
    if said.is_empty() {
        said = short;
    }
    (Sha256::digest(said.as_bytes()).into(), letters)
}

/// `10:32:05`, `2026-11-20`, `20.11.2026`, `11/20/26`, with what stands around them.
fn is_time(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_digit());
    let signs = word.chars().filter(|c| ":.-/".contains(*c)).count();
    let is_time = |c: char| c.is_ascii_digit() || ":.-/TZ+".contains(c);
    let is_of_day = word.contains(':') && signs >= 1;
    !word.is_empty() && word.chars().all(is_time) && (is_of_day || signs == 2)
}

#[cfg(test)]
mod tests;
