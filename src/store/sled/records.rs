//! What a row says: the types of this backend, and how the vocabulary becomes them and comes back.
//!
//! A payload is a version octet and JSON. The types here are the format on the disk: a field is
//! never renamed or given another meaning under the same version. Texts are JSON strings, octets are
//! base64, times are RFC 3339 with all their digits, ids and numbers are as people see them.
//!
//! Nothing outside may make `decode_*` panic: a row that cannot be read is [`Damage`].

mod account;
mod message;
mod original;
mod phonebook;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::keys::Kind;
use crate::mail::thread::Thread;
use crate::sms::{Concat, Marks, MessageId, Number, Party};
use crate::store::accounts::Account;
use crate::store::guard::Spending;
use crate::store::optout::OptOut;
use crate::store::phonebook::{Audit, KeptMail, Listing, Question};
use crate::store::{
    Content, Dedupe, EarlyReport, Inbound, InboundState, Link, Message, Note, Original, OutMail,
    QueuedMail, Received, Report, Telling, Token,
};

pub use self::account::{decode_account, decode_spending, encode_account, encode_spending};
use self::message::{ReceiptRow, receipt_row};
pub use self::message::{decode_message, encode_message};
pub use self::original::{decode_original, decode_telling, encode_original, encode_telling};
pub use self::phonebook::{
    decode_audit, decode_kept, decode_listing, decode_question, decode_whose, encode_audit,
    encode_kept, encode_listing, encode_question, encode_whose,
};

/// The version of all records.
pub const VERSION: u8 = 1;

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is not what was written; the text completes "the row …".
    Bad(String),
    /// A newer program wrote it.
    Newer(u8),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Damage::Bad(what) => f.write_str(what),
            Damage::Newer(version) => write!(f, "has the unknown version {version}"),
        }
    }
}

/// A dedupe key that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Until then.
    pub until: Timestamp,
    /// As what it was taken.
    pub id: MessageId,
}

/// What a gateway calls a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The gateway.
    pub gateway: String,
    /// Its word.
    pub reference: String,
    /// The message.
    pub id: MessageId,
    /// Which part of it.
    pub part: usize,
}

/// The segments of a SIM's month or day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Who pays.
    pub account: String,
    /// Which month.
    pub month: String,
    /// How many were used.
    pub used: u32,
}

/// A message, and when it was last written.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<T> {
    /// When.
    pub touched: Timestamp,
    /// What.
    pub value: T,
}

/// Any row, for those who read them all.
#[derive(Debug)]
pub enum Row {
    /// See [`Kind::Message`].
    Message(Box<Kept<Message>>),
    /// See [`Kind::Dedupe`] and [`Kind::Seen`].
    Known(Known),
    /// See [`Kind::Reference`].
    Named(Named),
    /// See [`Kind::Link`].
    Link(Link),
    /// See [`Kind::Counter`].
    Counter(Counter),
    /// See [`Kind::Inbound`].
    Inbound(Box<Kept<Inbound>>),
    /// See [`Kind::Mail`].
    Mail(Box<QueuedMail>),
    /// See [`Kind::Note`].
    Note(Note),
    /// See [`Kind::Report`].
    Report(EarlyReport),
    /// See [`Kind::Token`].
    Token(Token),
    /// See [`Kind::Account`].
    Account(Account),
    /// See [`Kind::Spent`].
    Spending(Spending),
    /// See [`Kind::Listing`].
    Listing(Box<Listing>),
    /// See [`Kind::Whose`]: the name.
    Whose(String),
    /// See [`Kind::Question`].
    Question(Box<Question>),
    /// See [`Kind::KeptMail`].
    KeptMail(Box<KeptMail>),
    /// See [`Kind::Audit`].
    Audit(Box<Audit>),
    /// See [`Kind::Original`].
    Original(Box<Original>),
    /// See [`Kind::Telling`].
    Telling(Telling),
    /// See [`Kind::OptOut`].
    OptOut(Box<OptOut>),
}

/// Reads a payload of any kind.
pub fn decode(kind: Kind, payload: &[u8]) -> Result<Row, Damage> {
    Ok(match kind {
        Kind::Message => Row::Message(Box::new(decode_message(payload)?)),
        Kind::Dedupe | Kind::Seen => Row::Known(decode_known(payload)?),
        Kind::Reference => Row::Named(decode_named(payload)?),
        Kind::Link => Row::Link(decode_link(payload)?),
        Kind::Counter => Row::Counter(decode_counter(payload)?),
        Kind::Inbound => Row::Inbound(Box::new(decode_inbound(payload)?)),
        Kind::Mail => Row::Mail(Box::new(decode_mail(payload)?)),
        Kind::Note => Row::Note(decode_note(payload)?),
        Kind::Report => Row::Report(decode_report(payload)?),
        Kind::Token => Row::Token(super::tokens::decode_token(payload)?),
        Kind::Account => Row::Account(decode_account(payload)?),
        Kind::Spent => Row::Spending(decode_spending(payload)?),
        Kind::Listing => Row::Listing(Box::new(decode_listing(payload)?)),
        Kind::Whose => Row::Whose(decode_whose(payload)?),
        Kind::Question => Row::Question(Box::new(decode_question(payload)?)),
        Kind::KeptMail => Row::KeptMail(Box::new(decode_kept(payload)?)),
        Kind::Audit => Row::Audit(Box::new(decode_audit(payload)?)),
        Kind::Original => Row::Original(Box::new(decode_original(payload)?)),
        Kind::Telling => Row::Telling(decode_telling(payload)?),
        Kind::OptOut => Row::OptOut(Box::new(super::optout::decode_opt_out(payload)?)),
    })
}

pub(super) fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    let mut payload = Vec::with_capacity(1024);
    payload.push(VERSION);
    // The rows have string keys and nothing that can fail.
    serde_json::to_writer(&mut payload, row).expect("a row becomes JSON");
    payload
}

pub(super) fn parse<T: for<'de> Deserialize<'de>>(payload: &[u8]) -> Result<T, Damage> {
    match payload.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|e| Damage::Bad(format!("cannot be read (column {})", e.column()))),
        Some((&newer, _)) => Err(Damage::Newer(newer)),
        None => Err(Damage::Bad("is empty".into())),
    }
}

// ---- The parts of rows -------------------------------------------------------------------------

/// A time, as RFC 3339.
#[derive(Clone, Copy)]
pub(super) struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        text.parse().map(At).map_err(de::Error::custom)
    }
}

/// An id, as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Id(pub MessageId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        let id = MessageId::parse(&text);
        id.map(Id).ok_or_else(|| de::Error::custom("not an id"))
    }
}

/// A phone number with its `+`.
#[derive(Clone)]
pub(super) struct Phone<'a>(pub Cow<'a, Number>);

impl<'a> Phone<'a> {
    pub fn of(number: &'a Number) -> Self {
        Phone(Cow::Borrowed(number))
    }
}

impl Serialize for Phone<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Phone<'_> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        let number = Number::from_network(&text);
        let number = number.ok_or_else(|| de::Error::custom("not a number"))?;
        Ok(Phone(Cow::Owned(number)))
    }
}

/// Octets, as base64.
pub(super) struct Octets<'a>(pub Cow<'a, [u8]>);

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets<'_> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(d)?;
        let octets = BASE64.decode(text.as_bytes()).map_err(de::Error::custom)?;
        Ok(Octets(Cow::Owned(octets)))
    }
}

pub(super) type Text<'a> = Cow<'a, str>;

pub(super) fn text(text: &str) -> Text<'_> {
    Cow::Borrowed(text)
}

pub(super) fn texts(text: &Option<String>) -> Option<Text<'_>> {
    text.as_deref().map(Cow::Borrowed)
}

/// Finds the value that bears a name.
fn by_name<T: Copy, const N: usize>(
    all: [T; N],
    name_of: impl Fn(T) -> &'static str,
    name: &str,
) -> Result<T, Damage> {
    let found = all.into_iter().find(|value| name_of(*value) == name);
    found.ok_or_else(|| Damage::Bad("holds an unknown word".into()))
}

const INBOUND_STATES: [InboundState; 6] = [
    InboundState::Open,
    InboundState::Asked,
    InboundState::Done,
    InboundState::Undeliverable,
    InboundState::Quarantined,
    InboundState::Released,
];

// ---- What points to messages -------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct KnownRow {
    until: At,
    id: Id,
}

/// The payload of a dedupe key.
pub fn encode_known(known: &Known) -> Vec<u8> {
    encode(&KnownRow {
        until: At(known.until),
        id: Id(known.id),
    })
}

/// Reads what [`encode_known`] made.
pub fn decode_known(payload: &[u8]) -> Result<Known, Damage> {
    let row: KnownRow = parse(payload)?;
    Ok(Known {
        until: row.until.0,
        id: row.id.0,
    })
}

#[derive(Serialize, Deserialize)]
struct NamedRow<'a> {
    gateway: Text<'a>,
    reference: Text<'a>,
    id: Id,
    part: usize,
}

/// The payload of a gateway's reference.
pub fn encode_named(named: &Named) -> Vec<u8> {
    encode(&NamedRow {
        gateway: text(&named.gateway),
        reference: text(&named.reference),
        id: Id(named.id),
        part: named.part,
    })
}

/// Reads what [`encode_named`] made.
pub fn decode_named(payload: &[u8]) -> Result<Named, Damage> {
    let row: NamedRow<'static> = parse(payload)?;
    Ok(Named {
        gateway: row.gateway.into_owned(),
        reference: row.reference.into_owned(),
        id: row.id.0,
        part: row.part,
    })
}

#[derive(Serialize, Deserialize)]
struct ReportRow<'a> {
    id: Id,
    kept: At,
    gateway: Text<'a>,
    reference: Text<'a>,
    phones: Cow<'a, [String]>,
    receipt: ReceiptRow,
    submitted: Option<At>,
    at: Option<At>,
}

/// The payload of an early report.
pub fn encode_report(early: &EarlyReport) -> Vec<u8> {
    let report = &early.report;
    encode(&ReportRow {
        id: Id(early.id),
        kept: At(early.kept),
        gateway: text(&report.gateway),
        reference: text(&report.reference),
        phones: Cow::Borrowed(&report.phones),
        receipt: receipt_row(report.receipt),
        submitted: report.submitted.map(At),
        at: report.at.map(At),
    })
}

/// Reads what [`encode_report`] made.
pub fn decode_report(payload: &[u8]) -> Result<EarlyReport, Damage> {
    let row: ReportRow<'static> = parse(payload)?;
    Ok(EarlyReport {
        id: row.id.0,
        kept: row.kept.0,
        report: Report {
            gateway: row.gateway.into_owned(),
            reference: row.reference.into_owned(),
            phones: row.phones.into_owned(),
            receipt: row.receipt.into(),
            submitted: row.submitted.map(|at| at.0),
            at: row.at.map(|at| at.0),
        },
    })
}

#[derive(Serialize, Deserialize)]
struct CounterRow<'a> {
    account: Text<'a>,
    month: Text<'a>,
    used: u32,
}

/// The payload of an account's month.
pub fn encode_counter(counter: &Counter) -> Vec<u8> {
    encode(&CounterRow {
        account: text(&counter.account),
        month: text(&counter.month),
        used: counter.used,
    })
}

/// Reads what [`encode_counter`] made.
pub fn decode_counter(payload: &[u8]) -> Result<Counter, Damage> {
    let row: CounterRow<'static> = parse(payload)?;
    Ok(Counter {
        account: row.account.into_owned(),
        month: row.month.into_owned(),
        used: row.used,
    })
}

#[derive(Serialize, Deserialize)]
struct NoteRow<'a> {
    about: Text<'a>,
    note: Cow<'a, Note>,
}

/// The payload of a note.
pub fn encode_note(about: &str, note: &Note) -> Vec<u8> {
    encode(&NoteRow {
        about: text(about),
        note: Cow::Borrowed(note),
    })
}

/// Reads what [`encode_note`] made.
pub fn decode_note(payload: &[u8]) -> Result<Note, Damage> {
    let row: NoteRow<'static> = parse(payload)?;
    Ok(row.note.into_owned())
}

/// Not in older records, nor in those of a mail that begins a conversation.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct ThreadRow<'a> {
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    references: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<Text<'a>>,
}

impl<'a> ThreadRow<'a> {
    pub(super) fn is_none(&self) -> bool {
        self.references.is_empty() && self.index.is_none()
    }

    pub(super) fn of(thread: &'a Thread) -> Self {
        Self {
            references: Cow::Borrowed(&thread.references),
            index: texts(&thread.index),
        }
    }

    pub(super) fn into_thread(self) -> Thread {
        Thread {
            references: self.references.into_owned(),
            index: self.index.map(Text::into_owned),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct LinkRow<'a> {
    ours: Option<Phone<'a>>,
    // Versions before did not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway: Option<Text<'a>>,
    phone: Phone<'a>,
    sender: Text<'a>,
    message_id: Option<Text<'a>>,
    subject: Text<'a>,
    #[serde(default, skip_serializing_if = "ThreadRow::is_none")]
    thread: ThreadRow<'a>,
    at: At,
}

/// The payload of a link.
pub fn encode_link(link: &Link) -> Vec<u8> {
    encode(&LinkRow {
        ours: link.ours.as_ref().map(Phone::of),
        gateway: texts(&link.gateway),
        phone: Phone::of(&link.phone),
        sender: text(&link.sender),
        message_id: texts(&link.message_id),
        subject: text(&link.subject),
        thread: ThreadRow::of(&link.thread),
        at: At(link.at),
    })
}

/// Reads what [`encode_link`] made.
pub fn decode_link(payload: &[u8]) -> Result<Link, Damage> {
    let row: LinkRow<'static> = parse(payload)?;
    Ok(Link {
        ours: row.ours.map(|n| n.0.into_owned()),
        gateway: row.gateway.map(Text::into_owned),
        phone: row.phone.0.into_owned(),
        sender: row.sender.into_owned(),
        message_id: row.message_id.map(Text::into_owned),
        subject: row.subject.into_owned(),
        thread: row.thread.into_thread(),
        at: row.at.0,
    })
}

// ---- Received SMS ------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct InboundRow<'a> {
    touched: At,
    id: Id,
    gateway: Text<'a>,
    at: At,
    dedupe: Option<DedupeRow<'a>>,
    raw: Octets<'a>,
    content: ContentRow<'a>,
    state: Text<'a>,
    due: At,
}

#[derive(Serialize, Deserialize)]
struct DedupeRow<'a> {
    key: Octets<'a>,
    until: At,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContentRow<'a> {
    Sms {
        from: PartyRow<'a>,
        to: Option<Phone<'a>>,
        text: Text<'a>,
        binary: Option<Octets<'a>>,
        concat: Option<ConcatRow>,
        /// Not in older records, nor in those of an SMS without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        marks: Option<MarksRow<'a>>,
        sent: Option<At>,
    },
    Undecodable {
        reason: Text<'a>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartyRow<'a> {
    Number(Phone<'a>),
    Short(Text<'a>),
    Name(Text<'a>),
}

#[derive(Serialize, Deserialize)]
struct MarksRow<'a> {
    pid: u8,
    dcs: Option<u8>,
    udh: Octets<'a>,
}

#[derive(Serialize, Deserialize)]
struct ConcatRow {
    reference: u16,
    wide: bool,
    part: u8,
    parts: u8,
}

/// The payload of a received SMS that was last written at `touched`.
pub fn encode_inbound(inbound: &Inbound, touched: Timestamp) -> Vec<u8> {
    let received = &inbound.received;
    let content = match &received.content {
        Content::Sms {
            from,
            to,
            text: said,
            binary,
            concat,
            marks,
            sent,
        } => ContentRow::Sms {
            from: match from {
                Party::Number(number) => PartyRow::Number(Phone::of(number)),
                Party::Short(code) => PartyRow::Short(text(code)),
                Party::Name(name) => PartyRow::Name(text(name)),
            },
            to: to.as_ref().map(Phone::of),
            text: text(said),
            binary: binary.as_deref().map(|b| Octets(Cow::Borrowed(b))),
            concat: concat.map(|c| ConcatRow {
                reference: c.reference,
                wide: c.wide,
                part: c.part,
                parts: c.parts,
            }),
            marks: (*marks != Marks::default()).then(|| MarksRow {
                pid: marks.pid,
                dcs: marks.dcs,
                udh: Octets(Cow::Borrowed(&marks.udh)),
            }),
            sent: sent.map(At),
        },
        Content::Undecodable { reason } => ContentRow::Undecodable {
            reason: text(reason),
        },
    };
    encode(&InboundRow {
        touched: At(touched),
        id: Id(inbound.id),
        gateway: text(&received.gateway),
        at: At(received.at),
        dedupe: received.dedupe.as_ref().map(|d| DedupeRow {
            key: Octets(Cow::Borrowed(&d.key)),
            until: At(d.until),
        }),
        raw: Octets(Cow::Borrowed(&received.raw)),
        content,
        state: text(inbound.state.name()),
        due: At(inbound.due),
    })
}

/// Reads what [`encode_inbound`] made.
pub fn decode_inbound(payload: &[u8]) -> Result<Kept<Inbound>, Damage> {
    let row: InboundRow<'static> = parse(payload)?;
    let dedupe = match row.dedupe {
        None => None,
        Some(d) => Some(Dedupe {
            key: d.key.0[..]
                .try_into()
                .map_err(|_| Damage::Bad("holds a key that is not 32 octets".into()))?,
            until: d.until.0,
        }),
    };
    let content = match row.content {
        ContentRow::Sms {
            from,
            to,
            text,
            binary,
            concat,
            marks,
            sent,
        } => Content::Sms {
            from: match from {
                PartyRow::Number(number) => Party::Number(number.0.into_owned()),
                PartyRow::Short(code) => Party::Short(code.into_owned()),
                PartyRow::Name(name) => Party::Name(name.into_owned()),
            },
            to: to.map(|n| n.0.into_owned()),
            text: text.into_owned(),
            binary: binary.map(|b| b.0.into_owned()),
            concat: concat.map(|c| Concat {
                reference: c.reference,
                wide: c.wide,
                part: c.part,
                parts: c.parts,
            }),
            marks: marks.map_or_else(Marks::default, |m| Marks {
                pid: m.pid,
                dcs: m.dcs,
                udh: m.udh.0.into_owned(),
            }),
            sent: sent.map(|at| at.0),
        },
        ContentRow::Undecodable { reason } => Content::Undecodable {
            reason: reason.into_owned(),
        },
    };
    let value = Inbound {
        id: row.id.0,
        received: Received {
            gateway: row.gateway.into_owned(),
            at: row.at.0,
            dedupe,
            raw: row.raw.0.into_owned(),
            content,
        },
        state: by_name(INBOUND_STATES, InboundState::name, &row.state)?,
        due: row.due.0,
    };
    Ok(Kept {
        touched: row.touched.0,
        value,
    })
}

// ---- Mails -------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct MailRow<'a> {
    id: Id,
    sender: Text<'a>,
    recipient: Text<'a>,
    bytes: Octets<'a>,
    about: Option<Id>,
    last_resort: bool,
    // Versions before did not know it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    post: bool,
    created: At,
    attempts: u32,
    next_attempt: At,
    error: Option<Text<'a>>,
    undeliverable: bool,
}

/// The payload of a mail.
pub fn encode_mail(queued: &QueuedMail) -> Vec<u8> {
    let mail = &queued.mail;
    encode(&MailRow {
        id: Id(mail.id),
        sender: text(&mail.sender),
        recipient: text(&mail.recipient),
        bytes: Octets(Cow::Borrowed(&mail.bytes)),
        about: mail.about.map(Id),
        last_resort: mail.last_resort,
        post: mail.post,
        created: At(queued.created),
        attempts: queued.attempts,
        next_attempt: At(queued.next_attempt),
        error: texts(&queued.error),
        undeliverable: queued.undeliverable,
    })
}

/// Reads what [`encode_mail`] made.
pub fn decode_mail(payload: &[u8]) -> Result<QueuedMail, Damage> {
    let row: MailRow<'static> = parse(payload)?;
    Ok(QueuedMail {
        mail: OutMail {
            id: row.id.0,
            sender: row.sender.into_owned(),
            recipient: row.recipient.into_owned(),
            bytes: row.bytes.0.into_owned(),
            about: row.about.map(|id| id.0),
            last_resort: row.last_resort,
            post: row.post,
        },
        created: row.created.0,
        attempts: row.attempts,
        next_attempt: row.next_attempt.0,
        error: row.error.map(Text::into_owned),
        undeliverable: row.undeliverable,
    })
}

#[cfg(test)]
mod tests;
