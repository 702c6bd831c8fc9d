//! What the sender is told (spec 7.3): one mail per message and cause, in the same transaction as the
//! change it speaks of (durability W16); of a mail that became several messages see [`super::tell`].
//!
//! `NOTIFY` (RFC 3461 §4.1) decides what is told at all: failures (also what may have been sent, and what was
//! cut), delays (also what is held), successes (a delivery, or that no more will be known). `NEVER` is none of
//! them; questions for a number are no reports, and are asked all the same.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{original, status, wishes};
use crate::gateway::Concern;
use crate::live::Live;
use crate::mail::Reply;
use crate::mail::dsn::{Notify, OfMail, OfRecipient};
use crate::mail::report::{Action, Fate, Letterhead, Report, Returned};
use crate::mail::text::RawMail;
use crate::sms::Receipt;
use crate::store::accounts::{Crossing, Meter};
use crate::store::{Message, Original, OutMail, PartState, State, Telling};
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
}

impl Writer {
    pub(super) fn post(
        &self,
        world: &World,
        to: &str,
        report: impl FnOnce(Report<'_>) -> Vec<u8>,
    ) -> OutMail {
        let id = world.message_id();
        let blank = Report {
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
        };
        OutMail {
            id,
            sender: self.envelope_from.clone(),
            recipient: to.to_owned(),
            bytes: report(blank),
            about: None,
            last_resort: false,
            post: false,
        }
    }
}

/// What a mail about a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Refused for good.
    Failed,
    /// Too late.
    Expired,
    /// May have been sent.
    Unknown,
    /// Not sent yet.
    Late,
    /// Handed over, as asked; more will not be known.
    Confirmed,
    /// Handed over, and still no word that it was delivered.
    Overdue,
    /// Delivered, as asked.
    Delivered,
    /// Taken by the network, but it did not reach the phone.
    Undelivered,
}

impl Cause {
    const ALL: [Cause; 8] = [
        Cause::Failed,
        Cause::Expired,
        Cause::Unknown,
        Cause::Late,
        Cause::Confirmed,
        Cause::Overdue,
        Cause::Delivered,
        Cause::Undelivered,
    ];

    /// As the store keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Failed => "failed",
            Cause::Expired => "expired",
            Cause::Unknown => "unknown",
            Cause::Late => "late",
            Cause::Confirmed => "confirmed",
            Cause::Overdue => "overdue",
            Cause::Delivered => "delivered",
            Cause::Undelivered => "undelivered",
        }
    }

    /// The cause of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Whether the message did not arrive, as far as anyone knows.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Cause::Failed | Cause::Expired | Cause::Unknown | Cause::Undelivered
        )
    }

    /// Whether the sender wants to hear of it (RFC 3461 §4.1). Without `NOTIFY` it is as we think fit: all but
    /// confirmations, which are only told when they were asked for in some way.
    fn is_wanted(self, notify: Option<Notify>) -> bool {
        let Some(notify) = notify else { return true };
        match self {
            cause if cause.is_failure() => notify.failure,
            Cause::Late => notify.delay,
            _ => notify.success,
        }
    }

    /// Whether it is still so: what is told later than it happened may be over.
    pub(super) fn still_holds(self, message: &Message) -> bool {
        let state = message.state;
        match self {
            Cause::Failed | Cause::Undelivered => state == State::Failed,
            Cause::Expired => state == State::Expired,
            Cause::Unknown => state == State::Unknown,
            Cause::Late => !state.is_final(),
            Cause::Confirmed | Cause::Overdue => state == State::Sent,
            Cause::Delivered => state == State::Delivered,
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
    let text = letter(messages, &fates, cause);
    let what = match cause {
        Cause::Failed | Cause::Expired => "SMS not sent",
        Cause::Unknown => "SMS may not have been sent",
        Cause::Late => "SMS delayed",
        Cause::Confirmed => "SMS sent",
        Cause::Overdue => "SMS sent, not yet delivered",
        Cause::Delivered => "SMS delivered",
        Cause::Undelivered => "SMS not delivered",
    };
    let subject = match first.origin.subject.trim() {
        "" => format!("{what}: {}", numbers(messages)),
        subject => format!("{what}: {subject}"),
    };
    let known = original(first);
    let mail = writer.post(world, to, |blank| {
        writer.letterhead.write(&Report {
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
        })
    });
    Some(OutMail {
        about: Some(first.id),
        ..mail
    })
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
    let fates: Vec<Fate> = wanted
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
    let mut text = "Your mail was not sent by SMS to:\n\n".to_owned();
    for fate in &fates {
        text += &format!(
            "{}\n    {}\n",
            fate.recipient.trim_matches(['<', '>']),
            fate.reason
        );
    }
    let (bytes, whole) = original::kept(mail, of.dsn.ret, of.private);
    let value = |name| {
        mail.header(name)
            .map(|v| String::from_utf8_lossy(v).trim().to_owned())
    };
    let id = value("Message-ID").map(|id| id.trim_matches(['<', '>']).to_owned());
    let subject = format!("SMS not sent: {}", value("Subject").unwrap_or_default());
    let report = writer.post(world, to, |blank| {
        writer.letterhead.write(&Report {
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
        })
    });
    Some(report)
}

/// The mail about the messages of a mail whose text was cut to what its sender may send at a time, all alike. It
/// is the loss of a part: who does not want to hear of failures does not hear of it.
pub fn cut(writer: &Writer, world: &World, messages: &[&Message]) -> Option<OutMail> {
    let wanted = |m: &&&Message| Cause::Failed.is_wanted(m.origin.dsn.recipient.notify);
    let messages: Vec<&Message> = messages.iter().filter(wanted).copied().collect();
    let message = messages.first()?;
    let to = message.origin.report_to.as_deref()?;
    let text = format!(
        "Your SMS to {} was too long and was cut to {} segments. This is what was sent:\n\n{}\n",
        numbers(&messages),
        message.segments,
        wishes::shown(message)
    );
    let subject = format!(
        "SMS cut to {} segments: {}",
        message.segments, message.origin.subject
    );
    let mail = writer.post(world, to, |blank| {
        writer.letterhead.write(&Report {
            subject: &subject,
            text: &text,
            in_reply_to: message.origin.message_id.as_deref(),
            ..blank
        })
    });
    Some(OutMail {
        about: Some(message.id),
        ..mail
    })
}

/// The mail to the admin about a gateway.
pub fn alarm(
    writer: &Writer,
    world: &World,
    gateway: &str,
    concern: Concern,
    text: &str,
) -> OutMail {
    let what = match concern {
        Concern::Parked => "needs you",
        Concern::Down => "is down",
        Concern::Storage => "is running out of storage",
        Concern::Limit => "has used up its limit",
        Concern::Balance => "is running out of credit",
        Concern::Room => return no_room(writer, world, text),
    };
    let subject = format!("SMS gateway {gateway} {what}");
    let text = format!(
        "The SMS gateway {gateway} {what}:\n\n{text}\n\n\
         `sms-milter gateways list` shows how it does. This is said once, and again when it happens anew.\n"
    );
    writer.post(world, &writer.admin, |blank| {
        writer.letterhead.write(&Report {
            subject: &subject,
            text: &text,
            ..blank
        })
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
        reason: message.error.clone().unwrap_or_default(),
        until: Some(message.expires),
        ..fate(message, Cause::Late, world.now())
    });
    let fates: Vec<Fate> = fates.collect();
    let mut text = "These SMS are held, and an administrator has been told:\n\n".to_owned();
    for (message, fate) in messages.iter().zip(&fates) {
        text += &format!("{}\n    {}\n", message.number, fate.reason);
    }
    text += &format!(
        "\nThe administrator decides whether they go out. If nothing is decided until {}, they are given \
         up and you hear of it. You need not send them again.\n",
        shown(first.expires)
    );
    let subject = match first.origin.subject.trim() {
        "" => "SMS held".to_owned(),
        subject => format!("SMS held: {subject}"),
    };
    let original = original(first);
    let mail = writer.post(world, to, |blank| {
        writer.letterhead.write(&Report {
            subject: &subject,
            text: &text,
            in_reply_to: first.origin.message_id.as_deref(),
            fates: &fates,
            original: Some(Returned::Header(&original)),
            envid: first.origin.dsn.mail.envid.as_deref(),
            arrived: Some(first.created),
            ..blank
        })
    });
    Some(OutMail {
        about: Some(first.id),
        ..mail
    })
}

/// The mail to the admin about messages that the guard over spending holds.
pub fn spending(writer: &Writer, world: &World, what: &str) -> OutMail {
    let text = format!(
        "{what}\n\nFurther SMS are held: they are not sent and not lost.\n\n\
         `sms-milter queue list --state held` shows them,\n\
         `sms-milter queue release ID`, `--sender ADDRESS` or `--all` sends them,\n\
         `sms-milter queue cancel ID` takes one back.\n\n\
         What is not released is given up after queue.expire, and its sender hears of it. This is said \
         once, and again when it goes on for a day or when held SMS were released.\n"
    );
    writer.post(world, &writer.admin, |blank| {
        writer.letterhead.write(&Report {
            subject: "SMS are held",
            text: &text,
            ..blank
        })
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
    let left = (i64::from(*limit) - used).max(0);
    let (of, until) = match meter {
        Meter::Month => ("of this month", format!("The count starts anew on {anew}.")),
        Meter::Credit => ("of its credit", "An administrator can renew it.".to_owned()),
    };
    let (subject, text) = match percent {
        100 => (
            format!("All SMS {of} are used up"),
            format!(
                "{account} has sent all {limit} SMS (segments) {of}. Further ones are refused. {until}\n"
            ),
        ),
        percent => (
            format!("{percent} % of the SMS {of} are used up"),
            format!(
                "{account} has sent {used} of the {limit} SMS (segments) {of}; {left} are left. {until}\n"
            ),
        ),
    };
    let subject = subject.replace("its credit", "your credit");
    // A program does not read mails.
    let to = match writer.programs.get().contains(account) {
        true => &writer.admin,
        false => account,
    };
    writer.post(world, to, |blank| {
        writer.letterhead.write(&Report {
            subject: &subject,
            text: &text,
            ..blank
        })
    })
}

/// The mail to the admin about the disk of the store.
fn no_room(writer: &Writer, world: &World, text: &str) -> OutMail {
    let text = format!(
        "{text}\n\nMake room: new SMS are taken again at once, without a restart. This is said once, and again \
         when it happens anew.\n"
    );
    writer.post(world, &writer.admin, |blank| {
        writer.letterhead.write(&Report {
            subject: "The disk of the SMS queue is full",
            text: &text,
            ..blank
        })
    })
}

/// `at`: when it became so.
fn fate(message: &Message, cause: Cause, at: Timestamp) -> Fate {
    let reason = message.error.clone();
    let (action, fallback) = match cause {
        Cause::Failed => (Action::Failed, "refused"),
        Cause::Expired => (Action::Failed, "no gateway took it in time"),
        Cause::Unknown => (
            Action::Failed,
            "the gateway did not say whether it was sent",
        ),
        Cause::Late => (Action::Delayed, "no gateway has taken it yet"),
        Cause::Confirmed | Cause::Overdue => (Action::Relayed, "sent"),
        Cause::Delivered => (Action::Delivered, "delivered"),
        Cause::Undelivered => (Action::Failed, "the network could not deliver it"),
    };
    let attempts = message.parts.iter().flat_map(|part| &part.attempts);
    // An attempt that was refused is not kept: it was the end.
    let refused = (cause == Cause::Failed && message.refused_by.is_some()).then_some(at);
    Fate {
        recipient: message.origin.recipient.clone(),
        original: message.origin.dsn.recipient.orcpt.clone(),
        action,
        status: status::of(message, cause).to_owned(),
        reason: reason.unwrap_or_else(|| fallback.to_owned()),
        tried: attempts.map(|attempt| attempt.at).max().or(refused),
        until: (cause == Cause::Late).then_some(message.expires),
        message: Some(message.id),
    }
}

/// What was sent stands below, once, when it is the same for all.
fn letter(messages: &[&Message], fates: &[Fate], cause: Cause) -> String {
    let heads = messages.iter().zip(fates);
    let heads: Vec<_> = heads
        .map(|(m, fate)| head(m, cause, &fate.reason))
        .collect();
    let mut texts: Vec<String> = Vec::new();
    for message in messages {
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

fn head(message: &Message, cause: Cause, reason: &str) -> String {
    let number = &message.number;
    let head = match cause {
        Cause::Failed => format!("Your SMS to {number} was not sent: {reason}."),
        Cause::Expired => format!(
            "Your SMS to {number} was not sent in time and has been given up. The last reason: {reason}."
        ),
        Cause::Unknown => format!(
            "Your SMS to {number} may have been sent: {reason}. It will not be repeated. Ask whether it \
             has arrived before you send it again."
        ),
        Cause::Late => format!(
            "Your SMS to {number} has not been sent yet: {reason}. It will be tried until {}. You need \
             not send it again.",
            shown(message.expires)
        ),
        Cause::Confirmed => format!(
            "Your SMS to {number} was handed over to the network on {} in {}. Whether it reached the \
             phone is not known: the network does not tell.",
            shown(last_sent(message)),
            segments(message)
        ),
        Cause::Overdue => format!(
            "Your SMS to {number} was handed over to the network on {} in {}. The network has not said \
             yet that the phone has it; you will hear when it does.",
            shown(last_sent(message)),
            segments(message)
        ),
        Cause::Delivered => format!(
            "Your SMS to {number} was delivered on {} in {}.",
            shown(delivered(message)),
            segments(message)
        ),
        Cause::Undelivered => {
            format!("Your SMS to {number} was sent, but did not reach the phone: {reason}.")
        }
    };
    format!("{head}{}", progress(message))
}

/// `2 of 3 parts sent, 1 unknown`, when there is more than one and they differ.
fn progress(message: &Message) -> String {
    let count =
        |wanted: fn(&PartState) -> bool| message.parts.iter().filter(|p| wanted(&p.state)).count();
    let sent = count(|s| matches!(s, PartState::Sent { .. }));
    let unknown = count(|s| matches!(s, PartState::Unknown { .. } | PartState::Handed { .. }));
    let all = message.parts.len();
    if all < 2 || sent == all || sent + unknown == 0 {
        return String::new();
    }
    let unknown = if unknown > 0 {
        format!(", {unknown} unknown")
    } else {
        String::new()
    };
    format!("\n{sent} of {all} parts sent{unknown}.")
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

fn segments(message: &Message) -> String {
    match message.segments {
        1 => "1 segment".to_owned(),
        more => format!("{more} segments"),
    }
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What stands for the original mail: the header fields we kept.
fn original(message: &Message) -> Vec<u8> {
    let mut header = String::new();
    if message.origin.subject.is_ascii() && !message.origin.subject.contains(char::is_control) {
        header += &format!("Subject: {}\r\n", message.origin.subject);
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
