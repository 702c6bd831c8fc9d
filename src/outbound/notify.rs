//! What the sender is told (spec 7.3): one mail per message and cause, in the same transaction as the
//! change it speaks of (durability W16); of a mail that became several messages see [`super::tell`].
//!
//! `NOTIFY` (RFC 3461 §4.1) decides what is told at all: failures (also what may have been sent, and what was
//! cut), delays (also what is held), successes (a delivery, or that no more will be known). `NEVER` is none of
//! them; questions for a number are no reports, and are asked all the same.

use std::collections::HashSet;

use jiff::Timestamp;

use super::cause::Cause;
use super::reason::in_words;
use super::{original, status, wishes};
use crate::gateway::Concern;
use crate::live::Live;
use crate::mail::Reply;
use crate::mail::dsn::{OfMail, OfRecipient};
use crate::mail::report::{Action, Fate, Letterhead, Report, Returned};
use crate::mail::text::RawMail;
use crate::mail::words::{Speech, Words};
use crate::sms::{MessageId, Receipt};
use crate::store::accounts::{Crossing, Meter};
use crate::store::{Message, Original, OutMail, PartState, Reason, State, Telling};
use crate::wire::push::{Fate as Told, MAY_HAVE_BEEN_SENT, Push};
use crate::world::World;

/// Writes our mails.
#[derive(Clone, Debug)]
pub struct Writer {
    /// What they have in common.
    pub letterhead: Letterhead,
    /// Envelope sender, without `<>`; empty: the null sender.
    pub envelope_from: String,
    /// `mail.admin`: who hears of what concerns no sender.
    pub admin: String,
    /// The accounts that are programs: they are not mailed to.
    pub programs: Live<HashSet<String>>,
    /// In which words; a reload exchanges them.
    pub speech: Live<Speech>,
}

impl Writer {
    /// The words for somebody.
    pub(super) fn words(&self, to: &str) -> Words {
        self.speech.get().to(to)
    }

    /// The words for the admin, and for phones.
    pub(super) fn house(&self) -> Words {
        self.speech.get().house().clone()
    }

    /// A mail to somebody; `about` a message; `fill` says what is in it.
    pub(super) fn post<'a>(
        &self,
        world: &World,
        to: &'a str,
        about: Option<MessageId>,
        fill: impl FnOnce(Report<'a>) -> Report<'a>,
    ) -> OutMail {
        let id = world.message_id();
        let report = fill(Report {
            id,
            to,
            now: world.now(),
            subject: "",
            text: "",
            reply_to: None,
            in_reply_to: None,
            fates: &[],
            original: None,
            envid: None,
            arrived: None,
        });
        OutMail {
            id,
            sender: self.envelope_from.clone(),
            recipient: to.to_owned(),
            bytes: self.letterhead.write(&report),
            about,
            last_resort: false,
            post: false,
        }
    }
}

impl Cause {
    /// The subject of the mail that says so.
    fn subject(self, words: &Words, about: &str) -> String {
        let about = &[("about", about.into())];
        match self {
            Cause::Failed => words.say("report-failed.subject", about),
            Cause::Expired => words.say("report-expired.subject", about),
            Cause::Unknown => words.say("report-unknown.subject", about),
            Cause::Late => words.say("report-late.subject", about),
            Cause::Confirmed => words.say("report-confirmed.subject", about),
            Cause::Overdue => words.say("report-overdue.subject", about),
            Cause::Delivered => words.say("report-delivered.subject", about),
            Cause::Undelivered => words.say("report-undelivered.subject", about),
        }
    }

    /// Why, when no gateway said it.
    fn reason(self, words: &Words) -> String {
        match self {
            Cause::Failed => words.say("reason-failed", &[]),
            Cause::Expired => words.say("reason-expired", &[]),
            Cause::Unknown => words.say("reason-unknown", &[]),
            Cause::Late => words.say("reason-late", &[]),
            Cause::Undelivered => words.say("reason-undelivered", &[]),
            Cause::Confirmed | Cause::Overdue => "sent".to_owned(),
            Cause::Delivered => "delivered".to_owned(),
        }
    }
}

/// What becomes of a word to the sender.
#[derive(Debug)]
pub enum Word {
    /// It goes at once.
    Now(Box<OutMail>),
    /// With what there is to say of the other messages of the mail.
    Together(Telling),
}

/// The word to the sender about a message; `None` when nobody is to be told. `original`: what was kept of its
/// mail.
pub fn about(
    writer: &Writer,
    world: &World,
    message: &Message,
    cause: Cause,
    original: Option<&Original>,
) -> Option<Word> {
    let to = message.origin.report_to.as_deref()?;
    if writer.programs.get().contains(to) {
        let push = push(writer, world, message, cause);
        return push.map(|push| Word::Now(Box::new(push)));
    }
    if !cause.is_wanted(message.origin.dsn.recipient.notify) {
        return None;
    }
    if let Some(mail) = message.origin.mail.filter(|mail| mail.messages > 1) {
        return Some(Word::Together(Telling {
            mail,
            cause: cause.name().to_owned(),
            message: message.id,
            at: world.now(),
        }));
    }
    let mail = of(writer, world, &[message], cause, world.now(), original)?;
    Some(Word::Now(Box::new(mail)))
}

/// The mail about messages of one mail that have a cause in common, `at` a time.
pub fn of(
    writer: &Writer,
    world: &World,
    messages: &[&Message],
    cause: Cause,
    at: Timestamp,
    kept: Option<&Original>,
) -> Option<OutMail> {
    let first = messages.first()?;
    let to = first.origin.report_to.as_deref()?;
    let fates: Vec<Fate> = messages.iter().map(|m| fate(m, cause, at)).collect();
    let words = writer.words(to);
    let text = letter(&words, messages, cause);
    let subject = cause.subject(&words, &subject_of(messages));
    let known = original(first);
    Some(writer.post(world, to, Some(first.id), |blank| Report {
        subject: &subject,
        text: &text,
        in_reply_to: first.origin.message_id.as_deref(),
        fates: &fates,
        original: Some(match kept {
            Some(kept) => original::returned(kept, cause),
            None => Returned::Header(&known),
        }),
        envid: first.origin.dsn.mail.envid.as_deref(),
        arrived: Some(first.created),
        ..blank
    }))
}

/// `+15551234567, +15551234568, …`
fn numbers(messages: &[&Message]) -> String {
    const SHOWN: usize = 3;
    let shown = messages.iter().take(SHOWN).map(|m| m.number.to_string());
    let mut shown: Vec<_> = shown.collect();
    if messages.len() > SHOWN {
        shown.push("\u{2026}".to_owned());
    }
    shown.join(", ")
}

/// What a program is told; it learns from the last word alone.
fn push(writer: &Writer, world: &World, message: &Message, cause: Cause) -> Option<OutMail> {
    let code = || {
        let codes = message.parts.iter().filter_map(|part| match part.receipt {
            Some(Receipt::Failed(code) | Receipt::GivenUp(code)) => Some(code),
            _ => None,
        });
        codes.max().filter(|code| *code != 0)
    };
    let now = world.now();
    let (status, error, time) = match cause {
        Cause::Delivered => (Told::Delivered, None, delivered(message)),
        Cause::Undelivered | Cause::Failed => (Told::Failed, code(), now),
        Cause::Unknown => (Told::Failed, Some(MAY_HAVE_BEEN_SENT), now),
        Cause::Expired => (Told::Expired, None, now),
        Cause::Late | Cause::Overdue | Cause::Confirmed => return None,
    };
    let push = Push::Fate {
        id: message.id.to_string(),
        msgid: message.origin.queue_id.clone(),
        number: message.number.to_string(),
        status,
        error,
        time: time.to_string(),
    };
    Some(OutMail {
        id: world.message_id(),
        sender: writer.envelope_from.clone(),
        recipient: message.origin.report_to.clone()?,
        bytes: push.to_json(),
        about: Some(message.id),
        last_resort: false,
        post: true,
    })
}

/// A recipient that was refused after the dialogue was over.
#[derive(Clone, Debug)]
pub struct Failed<'a> {
    /// As the mail named it, without passwords.
    pub recipient: String,
    /// What it asks of reports.
    pub dsn: &'a OfRecipient,
    /// Why.
    pub reply: &'a Reply,
}

/// The mail that such recipients are of.
#[derive(Clone, Copy, Debug)]
pub struct OfThis<'a> {
    /// What is at hand of it.
    pub mail: &'a RawMail,
    /// What it asks of reports.
    pub dsn: &'a OfMail,
    /// Its body does not come back.
    pub private: bool,
    /// When it came.
    pub arrived: Timestamp,
}

/// The mail about recipients that were refused after the dialogue was over; `None` when nobody wants to know.
pub fn refused(
    writer: &Writer,
    world: &World,
    to: &str,
    of: OfThis<'_>,
    failed: &[Failed<'_>],
) -> Option<OutMail> {
    let mail = of.mail;
    let wanted = failed
        .iter()
        .filter(|failed| Cause::Failed.is_wanted(failed.dsn.notify));
    let wanted: Vec<_> = wanted.collect();
    let fates: Vec<Fate> = wanted
        .iter()
        .map(|failed| Fate {
            recipient: failed.recipient.clone(),
            original: failed.dsn.orcpt.clone(),
            action: Action::Failed,
            status: failed.reply.enhanced.to_owned(),
            reason: failed.reply.text.clone(),
            tried: None,
            until: None,
            message: None,
        })
        .collect();
    if fates.is_empty() {
        return None;
    }
    let words = writer.words(to);
    let mut text = words.say("report-refused", &[]) + "\n\n";
    for failed in &wanted {
        let recipient = failed.recipient.trim_matches(['<', '>']);
        text += &format!("{recipient}\n    {}\n", failed.reply.in_words(&words));
    }
    let (bytes, whole) = original::kept(mail, of.dsn.ret, of.private);
    let value = |name| {
        mail.header(name)
            .map(|v| String::from_utf8_lossy(v).trim().to_owned())
    };
    let id = value("Message-ID").map(|id| id.trim_matches(['<', '>']).to_owned());
    let first = || fates.first().map(|fate| fate.recipient.clone());
    let about = value("Subject").filter(|subject| !subject.is_empty() && !of.private);
    let about = about.or_else(first).unwrap_or_default();
    let subject = words.say("report-refused.subject", &[("about", about.into())]);
    Some(writer.post(world, to, None, |blank| Report {
        subject: &subject,
        text: &text,
        in_reply_to: id.as_deref(),
        fates: &fates,
        original: Some(match whole {
            true => Returned::Whole(&bytes),
            false => Returned::Header(&bytes),
        }),
        envid: of.dsn.envid.as_deref(),
        arrived: Some(of.arrived),
        ..blank
    }))
}

/// The mail about the messages of a mail whose text was cut to what its sender may send at a time, all alike. It
/// is the loss of a part: who does not want to hear of failures does not hear of it.
pub fn cut(writer: &Writer, world: &World, messages: &[&Message]) -> Option<OutMail> {
    let wanted = |m: &&&Message| Cause::Failed.is_wanted(m.origin.dsn.recipient.notify);
    let messages: Vec<&Message> = messages.iter().filter(wanted).copied().collect();
    let message = messages.first()?;
    let to = message.origin.report_to.as_deref()?;
    let words = writer.words(to);
    let args = [
        ("number", numbers(&messages).into()),
        ("segments", message.segments.into()),
        ("about", subject_of(&messages).into()),
    ];
    let said = words.say("report-cut", &args);
    let text = match message.private {
        true => said + "\n",
        false => format!("{said}\n\n{}\n", wishes::shown(message)),
    };
    let subject = words.say("report-cut.subject", &args);
    Some(writer.post(world, to, Some(message.id), |blank| Report {
        subject: &subject,
        text: &text,
        in_reply_to: message.origin.message_id.as_deref(),
        ..blank
    }))
}

/// The mail to the admin about a gateway.
pub fn alarm(
    writer: &Writer,
    world: &World,
    gateway: &str,
    concern: Concern,
    text: &str,
) -> OutMail {
    let words = writer.house();
    let args = &[("gateway", gateway.into())];
    let say = |head: &str, subject: &str| (words.say(head, args), words.say(subject, args));
    let (head, subject) = match concern {
        Concern::Parked => say("alarm-parked", "alarm-parked.subject"),
        Concern::Down => say("alarm-down", "alarm-down.subject"),
        Concern::Storage => say("alarm-storage", "alarm-storage.subject"),
        Concern::Limit => say("alarm-limit", "alarm-limit.subject"),
        Concern::Balance => say("alarm-balance", "alarm-balance.subject"),
        Concern::Room => return disk_full(writer, world, text),
    };
    let hint = words.say("alarm-hint", &[]);
    let text = format!("{head}\n\n{text}\n\n{hint}\n");
    writer.post(world, &writer.admin, None, |blank| Report {
        subject: &subject,
        text: &text,
        ..blank
    })
}

/// The mail to the sender of messages that are held, all of one mail; `None` when nobody is to be told. It is a
/// delay: when it ends as a failure, that is told apart.
pub fn held(writer: &Writer, world: &World, to: &str, messages: &[&Message]) -> Option<OutMail> {
    let wanted = |m: &&&Message| Cause::Late.is_wanted(m.origin.dsn.recipient.notify);
    let messages: Vec<&Message> = messages.iter().filter(wanted).copied().collect();
    let first = messages.first()?;
    if writer.programs.get().contains(to) {
        return None;
    }
    let fates = messages.iter().map(|message| Fate {
        action: Action::Delayed,
        // RFC 3463 §3.8: a matter of policy, and not for ever.
        status: "4.7.1".to_owned(),
        reason: message
            .error
            .as_ref()
            .map(Reason::to_string)
            .unwrap_or_default(),
        until: Some(message.expires),
        ..fate(message, Cause::Late, world.now())
    });
    let fates: Vec<Fate> = fates.collect();
    let words = writer.words(to);
    let args = [
        ("about", subject_of(&messages).into()),
        ("until", words.time(first.expires).into()),
    ];
    let mut text = words.say("held", &[]) + "\n\n";
    for message in &messages {
        let why = message.error.as_ref();
        let why = why.map(|why| in_words(why, &words)).unwrap_or_default();
        text += &format!("{}\n    {why}\n", message.number);
    }
    text += &format!("\n{}\n", words.say("held-decides", &args[1..]));
    let subject = words.say("held.subject", &args[..1]);
    let original = original(first);
    Some(writer.post(world, to, Some(first.id), |blank| Report {
        subject: &subject,
        text: &text,
        in_reply_to: first.origin.message_id.as_deref(),
        fates: &fates,
        original: Some(Returned::Header(&original)),
        envid: first.origin.dsn.mail.envid.as_deref(),
        arrived: Some(first.created),
        ..blank
    }))
}

/// The mail to the admin about messages that the guard over spending holds.
pub fn spending(writer: &Writer, world: &World, what: &str) -> OutMail {
    let words = writer.house();
    let text = words.say("spending", &[("what", what.into())]) + "\n";
    let subject = words.say("spending.subject", &[]);
    writer.post(world, &writer.admin, None, |blank| Report {
        subject: &subject,
        text: &text,
        ..blank
    })
}

/// The mail to an account about what it has used; `anew`: the day on which the month's count starts anew.
pub fn quota(writer: &Writer, world: &World, crossing: &Crossing, anew: &str) -> OutMail {
    let Crossing {
        account,
        meter,
        percent,
        used,
        limit,
        ..
    } = crossing;
    // A program does not read mails.
    let to = match writer.programs.get().contains(account) {
        true => &writer.admin,
        false => account,
    };
    let words = writer.words(to);
    let all = [
        ("account", account.as_str().into()),
        ("limit", (*limit).into()),
        ("used", (*used).into()),
        ("left", (i64::from(*limit) - used).max(0).into()),
        ("anew", anew.into()),
        ("percent", (*percent).into()),
    ];
    let say = |text: &str, subject: &str| (words.say(subject, &all), words.say(text, &all) + "\n");
    let (subject, text) = match (meter, percent) {
        (Meter::Month, 100) => say("quota-month-all", "quota-month-all.subject"),
        (Meter::Month, _) => say("quota-month", "quota-month.subject"),
        (Meter::Credit, 100) => say("quota-credit-all", "quota-credit-all.subject"),
        (Meter::Credit, _) => say("quota-credit", "quota-credit.subject"),
    };
    writer.post(world, to, None, |blank| Report {
        subject: &subject,
        text: &text,
        ..blank
    })
}

/// The mail to the admin about the disk of the store.
fn disk_full(writer: &Writer, world: &World, text: &str) -> OutMail {
    let words = writer.house();
    let text = words.say("disk-full", &[("text", text.into())]) + "\n";
    let subject = words.say("disk-full.subject", &[]);
    writer.post(world, &writer.admin, None, |blank| Report {
        subject: &subject,
        text: &text,
        ..blank
    })
}

/// For programs: in English, whatever the sender reads. `at`: when it became so.
fn fate(message: &Message, cause: Cause, at: Timestamp) -> Fate {
    let reason = message.error.as_ref().map(Reason::to_string);
    let action = match cause {
        Cause::Late => Action::Delayed,
        Cause::Confirmed | Cause::Overdue => Action::Relayed,
        Cause::Delivered => Action::Delivered,
        _ => Action::Failed,
    };
    let attempts = message.parts.iter().flat_map(|part| &part.attempts);
    // An attempt that was refused is not kept: it was the end.
    let refused = (cause == Cause::Failed && message.refused_by.is_some()).then_some(at);
    Fate {
        recipient: message.origin.recipient.clone(),
        original: message.origin.dsn.recipient.orcpt.clone(),
        action,
        status: status::of(message, cause).to_owned(),
        reason: reason.unwrap_or_else(|| cause.reason(&Words::default())),
        tried: attempts.map(|attempt| attempt.at).max().or(refused),
        until: (cause == Cause::Late).then_some(message.expires),
        message: Some(message.id),
    }
}

/// What was sent stands below, once, when it is the same for all; nothing of what is private.
fn letter(words: &Words, messages: &[&Message], cause: Cause) -> String {
    let heads = messages.iter().map(|m| head(words, m, cause));
    let heads: Vec<_> = heads.collect();
    let mut texts: Vec<String> = Vec::new();
    for message in messages.iter().filter(|message| !message.private) {
        let text = wishes::shown(message);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let quoted = texts
        .iter()
        .map(|text| format!("> {}\n", text.replace('\n', "\n> ")));
    let quoted: Vec<_> = quoted.collect();
    format!("{}\n\n{}", heads.join("\n\n"), quoted.join("\n"))
}

fn head(words: &Words, message: &Message, cause: Cause) -> String {
    let reason = message.error.as_ref().map(|why| in_words(why, words));
    let reason = reason.unwrap_or_else(|| cause.reason(words));
    let at = match cause {
        Cause::Delivered => delivered(message),
        _ => last_sent(message),
    };
    let args = [
        ("number", message.number.as_str().into()),
        ("segments", message.segments.into()),
        ("reason", reason.into()),
        ("at", words.time(at).into()),
        ("until", words.time(message.expires).into()),
    ];
    let head = match cause {
        Cause::Failed => words.say("report-failed", &args),
        Cause::Expired => words.say("report-expired", &args),
        Cause::Unknown => words.say("report-unknown", &args),
        Cause::Late => words.say("report-late", &args),
        Cause::Confirmed => words.say("report-confirmed", &args),
        Cause::Overdue => words.say("report-overdue", &args),
        Cause::Delivered => words.say("report-delivered", &args),
        Cause::Undelivered => words.say("report-undelivered", &args),
    };
    format!("{head}{}", progress(words, message))
}

/// `2 of 3 parts sent, 1 unknown`, when there is more than one and they differ.
fn progress(words: &Words, message: &Message) -> String {
    let count =
        |wanted: fn(&PartState) -> bool| message.parts.iter().filter(|p| wanted(&p.state)).count();
    let sent = count(|s| matches!(s, PartState::Sent { .. }));
    let unknown = count(|s| matches!(s, PartState::Unknown { .. } | PartState::Handed { .. }));
    let all = message.parts.len();
    if all < 2 || sent == all || sent + unknown == 0 {
        return String::new();
    }
    let args = [
        ("sent", sent.into()),
        ("parts", all.into()),
        ("unknown", unknown.into()),
    ];
    let said = match unknown {
        0 => words.say("report-progress", &args),
        _ => words.say("report-progress-unknown", &args),
    };
    format!("\n{said}")
}

/// What the sender knows messages of one mail by; a private one by its numbers.
fn subject_of(messages: &[&Message]) -> String {
    let open = messages.first().filter(|message| !message.private);
    let subject = open.map(|m| m.origin.subject.trim());
    match subject {
        None | Some("") => numbers(messages),
        Some(subject) => subject.to_owned(),
    }
}

fn last_sent(message: &Message) -> Timestamp {
    let times = message.parts.iter().filter_map(|part| match &part.state {
        PartState::Sent { at, .. } => Some(*at),
        _ => None,
    });
    times.max().unwrap_or(message.created)
}

fn delivered(message: &Message) -> Timestamp {
    let times = message.parts.iter().filter_map(|part| part.receipt_at);
    times.max().unwrap_or_else(|| last_sent(message))
}

/// What stands for the original mail: the header fields we kept.
fn original(message: &Message) -> Vec<u8> {
    let mut header = String::new();
    let subject = &message.origin.subject;
    if !message.private && subject.is_ascii() && !subject.contains(char::is_control) {
        header += &format!("Subject: {subject}\r\n");
    }
    if let Some(id) = message
        .origin
        .message_id
        .as_deref()
        .filter(|id| !id.contains(char::is_control))
    {
        header += &format!("Message-ID: <{id}>\r\n");
    }
    header += &format!("X-SMS-State: {}\r\n", State::name(message.state));
    header.into_bytes()
}
