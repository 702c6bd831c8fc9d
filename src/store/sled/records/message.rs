//! The row of an outbound message.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::original::{DsnRow, OfMailRow, dsn, dsn_row};
use super::{
    At, Damage, Id, Kept, Octets, Phone, Text, ThreadRow, by_name, encode, parse, text, texts,
};
use crate::sms::{Attributes, Class, Encoding, Language, Payload, Receipt, Shifts};
use crate::store::guard::{Over, Run};
use crate::store::{
    Attempt, Charge, Message, OfMail, Origin, Part, PartState, Reason, State, TokenId,
};

pub(super) const ENCODINGS: [Encoding; 3] = [Encoding::Gsm7, Encoding::Ucs2, Encoding::Binary];
pub(super) const CLASSES: [Class; 3] = [Class::Alarm, Class::Normal, Class::Bulk];
pub(super) const STATES: [State; 9] = [
    State::Queued,
    State::Sending,
    State::Sent,
    State::Delivered,
    State::Failed,
    State::Expired,
    State::Unknown,
    State::Held,
    State::Cancelled,
];

#[derive(Serialize, Deserialize)]
struct MessageRow<'a> {
    touched: At,
    id: Id,
    revision: u64,
    created: At,
    origin: OriginRow<'a>,
    account: Text<'a>,
    /// As the others that may be left out: not in older records, nor where there is nothing to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Text<'a>>,
    charge: Option<ChargeRow<'a>>,
    number: Phone<'a>,
    text: Text<'a>,
    /// Not in older records, nor in those of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<PayloadRow<'a>>,
    /// Not in older records, nor in those of an ordinary SMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<AttributesRow>,
    encoding: Text<'a>,
    /// Not in older records, nor in those without tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shifts: Option<ShiftsRow<'a>>,
    segments: u8,
    reference: u8,
    flash: bool,
    confirm: bool,
    class: Text<'a>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    high: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    private: bool,
    sender_id: Option<Text<'a>>,
    gateways: Cow<'a, [String]>,
    in_order: bool,
    avoided: Cow<'a, [String]>,
    state: Text<'a>,
    begun: Option<Text<'a>>,
    parts: Vec<PartRow<'a>>,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<At>,
    next_attempt: At,
    expires: At,
    warned: bool,
    /// Younger than the first version, as all that have a default.
    #[serde(default)]
    awaited: Option<At>,
    /// In English.
    error: Option<Text<'a>>,
    /// What that is, when it is ours to say; not in older records, nor in those of what a gateway said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<WhyRow<'a>>,
    /// Not in older records, nor in those that no gateway refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused_by: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct PayloadRow<'a> {
    data: Octets<'a>,
    udh: Octets<'a>,
}

#[derive(Serialize, Deserialize)]
struct ShiftsRow<'a> {
    locking: Option<Text<'a>>,
    single: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct AttributesRow {
    pid: u8,
    dcs: Option<u8>,
    class: Option<u8>,
}

#[derive(Serialize, Deserialize)]
struct OriginRow<'a> {
    queue_id: Option<Text<'a>>,
    recipient: Text<'a>,
    message_id: Option<Text<'a>>,
    subject: Text<'a>,
    #[serde(default, skip_serializing_if = "ThreadRow::is_none")]
    thread: ThreadRow<'a>,
    report_to: Option<Text<'a>>,
    /// Not in older records, nor where no token pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Not in older records, nor where nothing is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dsn: Option<DsnRow<'a>>,
    /// Not in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mail: Option<OfMailRow>,
}

#[derive(Serialize, Deserialize)]
struct ChargeRow<'a> {
    account: Text<'a>,
    month: Text<'a>,
    segments: u32,
    limit: u32,
    /// Not in older records, nor in those without a credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct PartRow<'a> {
    text: Text<'a>,
    state: PartStateRow<'a>,
    receipt: Option<ReceiptRow>,
    #[serde(default)]
    receipt_at: Option<At>,
    unknowns: u32,
    #[serde(default)]
    attempts: Vec<AttemptRow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct AttemptRow<'a> {
    gateway: Text<'a>,
    at: At,
    reference: Option<Text<'a>>,
    receipt: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartStateRow<'a> {
    Queued,
    Handed {
        gateway: Text<'a>,
        at: At,
    },
    Sent {
        gateway: Text<'a>,
        reference: Option<Text<'a>>,
        at: At,
    },
    Unknown {
        gateway: Text<'a>,
        at: At,
        reason: Text<'a>,
    },
    Failed {
        reason: Text<'a>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReceiptRow {
    Delivered,
    Pending,
    Failed(u16),
    GivenUp(u16),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhyRow<'a> {
    OptedOut,
    NoGateway,
    HeldRun { numbers: u32, minutes: u32 },
    HeldUserHour(u32),
    HeldNumberHour(u32),
    HeldSiteDay { day: Text<'a>, limit: u32 },
    Network(ReceiptRow),
}

fn why_row(reason: &Reason) -> Option<WhyRow<'_>> {
    Some(match reason {
        Reason::OptedOut => WhyRow::OptedOut,
        Reason::NoGateway => WhyRow::NoGateway,
        Reason::Held(Over::Run(Run { numbers, minutes })) => WhyRow::HeldRun {
            numbers: *numbers,
            minutes: *minutes,
        },
        Reason::Held(Over::UserHour(limit)) => WhyRow::HeldUserHour(*limit),
        Reason::Held(Over::NumberHour(limit)) => WhyRow::HeldNumberHour(*limit),
        Reason::Held(Over::SiteDay { day, limit }) => WhyRow::HeldSiteDay {
            day: text(day),
            limit: *limit,
        },
        Reason::Network(receipt) => WhyRow::Network(receipt_row(*receipt)),
        Reason::Said(_) => return None,
    })
}

/// What older records hold, and what others said, is words alone.
fn reason(error: Option<Text<'_>>, why: Option<WhyRow<'_>>) -> Option<Reason> {
    let Some(why) = why else {
        return error.map(|said| Reason::Said(said.into_owned()));
    };
    Some(match why {
        WhyRow::OptedOut => Reason::OptedOut,
        WhyRow::NoGateway => Reason::NoGateway,
        WhyRow::HeldRun { numbers, minutes } => Reason::Held(Over::Run(Run { numbers, minutes })),
        WhyRow::HeldUserHour(limit) => Reason::Held(Over::UserHour(limit)),
        WhyRow::HeldNumberHour(limit) => Reason::Held(Over::NumberHour(limit)),
        WhyRow::HeldSiteDay { day, limit } => Reason::Held(Over::SiteDay {
            day: day.into_owned(),
            limit,
        }),
        WhyRow::Network(receipt) => Reason::Network(receipt.into()),
    })
}

/// The row of a receipt.
pub(super) fn receipt_row(receipt: Receipt) -> ReceiptRow {
    match receipt {
        Receipt::Delivered => ReceiptRow::Delivered,
        Receipt::Pending => ReceiptRow::Pending,
        Receipt::Failed(status) => ReceiptRow::Failed(status),
        Receipt::GivenUp(code) => ReceiptRow::GivenUp(code),
    }
}

impl From<ReceiptRow> for Receipt {
    fn from(row: ReceiptRow) -> Self {
        match row {
            ReceiptRow::Delivered => Receipt::Delivered,
            ReceiptRow::Pending => Receipt::Pending,
            ReceiptRow::Failed(status) => Receipt::Failed(status),
            ReceiptRow::GivenUp(code) => Receipt::GivenUp(code),
        }
    }
}

/// The payload of a message that was last written at `touched`.
pub fn encode_message(m: &Message, touched: Timestamp) -> Vec<u8> {
    encode(&MessageRow {
        touched: At(touched),
        id: Id(m.id),
        revision: m.revision,
        created: At(m.created),
        origin: OriginRow {
            queue_id: texts(&m.origin.queue_id),
            recipient: text(&m.origin.recipient),
            message_id: texts(&m.origin.message_id),
            subject: text(&m.origin.subject),
            thread: ThreadRow::of(&m.origin.thread),
            report_to: texts(&m.origin.report_to),
            token: m.origin.token.map(|id| id.to_string()),
            dsn: dsn_row(&m.origin.dsn),
            mail: m.origin.mail.map(OfMailRow::from),
        },
        account: text(&m.account),
        reply_to: texts(&m.reply_to),
        charge: m.charge.as_ref().map(|c| ChargeRow {
            account: text(&c.account),
            month: text(&c.month),
            segments: c.segments,
            limit: c.limit,
            credit: c.credit,
        }),
        number: Phone::of(&m.number),
        text: text(&m.text),
        payload: m.payload.as_ref().map(|p| PayloadRow {
            data: Octets(Cow::Borrowed(&p.data)),
            udh: Octets(Cow::Borrowed(&p.udh)),
        }),
        attributes: (m.attributes != Attributes::default()).then_some(AttributesRow {
            pid: m.attributes.pid,
            dcs: m.attributes.dcs,
            class: m.attributes.class,
        }),
        encoding: text(m.encoding.name()),
        shifts: shifts_row(m.shifts),
        segments: m.segments,
        reference: m.reference,
        flash: m.flash,
        confirm: m.confirm,
        class: text(m.class.name()),
        high: m.high,
        private: m.private,
        sender_id: texts(&m.sender_id),
        gateways: Cow::Borrowed(&m.gateways),
        in_order: m.in_order,
        avoided: Cow::Borrowed(&m.avoided),
        begun: texts(&m.begun),
        state: text(m.state.name()),
        parts: m.parts.iter().map(part_row).collect(),
        attempts: m.attempts,
        not_before: m.not_before.map(At),
        next_attempt: At(m.next_attempt),
        expires: At(m.expires),
        warned: m.warned,
        awaited: m.awaited.map(At),
        error: m
            .error
            .as_ref()
            .map(|reason| Cow::Owned(reason.to_string())),
        why: m.error.as_ref().and_then(why_row),
        refused_by: texts(&m.refused_by),
    })
}

/// Reads what [`encode_message`] made.
pub fn decode_message(payload: &[u8]) -> Result<Kept<Message>, Damage> {
    let row: MessageRow<'static> = parse(payload)?;
    let value = Message {
        id: row.id.0,
        revision: row.revision,
        created: row.created.0,
        origin: Origin {
            queue_id: row.origin.queue_id.map(Text::into_owned),
            recipient: row.origin.recipient.into_owned(),
            message_id: row.origin.message_id.map(Text::into_owned),
            subject: row.origin.subject.into_owned(),
            thread: row.origin.thread.into_thread(),
            report_to: row.origin.report_to.map(Text::into_owned),
            token: match row.origin.token {
                None => None,
                Some(id) => Some(
                    TokenId::parse(&id)
                        .ok_or_else(|| Damage::Bad("holds what is no name of a token".into()))?,
                ),
            },
            dsn: dsn(row.origin.dsn)?,
            mail: row.origin.mail.map(OfMail::from),
        },
        account: row.account.into_owned(),
        reply_to: row.reply_to.map(Text::into_owned),
        charge: row.charge.map(|c| Charge {
            account: c.account.into_owned(),
            month: c.month.into_owned(),
            segments: c.segments,
            limit: c.limit,
            credit: c.credit,
        }),
        number: row.number.0.into_owned(),
        text: row.text.into_owned(),
        payload: row.payload.map(|p| Payload {
            data: p.data.0.into_owned(),
            udh: p.udh.0.into_owned(),
        }),
        attributes: row
            .attributes
            .map_or_else(Attributes::default, |a| Attributes {
                pid: a.pid,
                dcs: a.dcs,
                class: a.class,
            }),
        encoding: by_name(ENCODINGS, Encoding::name, &row.encoding)?,
        shifts: shifts(row.shifts)?,
        segments: row.segments,
        reference: row.reference,
        flash: row.flash,
        confirm: row.confirm,
        class: by_name(CLASSES, Class::name, &row.class)?,
        high: row.high,
        private: row.private,
        sender_id: row.sender_id.map(Text::into_owned),
        gateways: row.gateways.into_owned(),
        in_order: row.in_order,
        avoided: row.avoided.into_owned(),
        begun: row.begun.map(Text::into_owned),
        state: by_name(STATES, State::name, &row.state)?,
        parts: row.parts.into_iter().map(part).collect(),
        attempts: row.attempts,
        not_before: row.not_before.map(|at| at.0),
        next_attempt: row.next_attempt.0,
        expires: row.expires.0,
        warned: row.warned,
        awaited: row.awaited.map(|at| at.0),
        error: reason(row.error, row.why),
        refused_by: row.refused_by.map(Text::into_owned),
    };
    Ok(Kept {
        touched: row.touched.0,
        value,
    })
}

fn shifts_row(shifts: Shifts) -> Option<ShiftsRow<'static>> {
    let name = |language: Language| text(language.name());
    (shifts != Shifts::default()).then(|| ShiftsRow {
        locking: shifts.locking.map(name),
        single: shifts.single.map(name),
    })
}

fn shifts(row: Option<ShiftsRow<'_>>) -> Result<Shifts, Damage> {
    let Some(row) = row else {
        return Ok(Shifts::default());
    };
    let language = |name: Option<Text<'_>>| match name {
        Some(name) => by_name(Language::ALL, Language::name, &name).map(Some),
        None => Ok(None),
    };
    Ok(Shifts {
        locking: language(row.locking)?,
        single: language(row.single)?,
    })
}

fn part_row(part: &Part) -> PartRow<'_> {
    let state = match &part.state {
        PartState::Queued => PartStateRow::Queued,
        PartState::Handed { gateway, at } => PartStateRow::Handed {
            gateway: text(gateway),
            at: At(*at),
        },
        PartState::Sent {
            gateway,
            reference,
            at,
        } => PartStateRow::Sent {
            gateway: text(gateway),
            reference: texts(reference),
            at: At(*at),
        },
        PartState::Unknown {
            gateway,
            at,
            reason,
        } => PartStateRow::Unknown {
            gateway: text(gateway),
            at: At(*at),
            reason: text(reason),
        },
        PartState::Failed { reason } => PartStateRow::Failed {
            reason: text(reason),
        },
    };
    PartRow {
        text: text(&part.text),
        state,
        unknowns: part.unknowns,
        receipt: part.receipt.map(receipt_row),
        receipt_at: part.receipt_at.map(At),
        attempts: part.attempts.iter().map(attempt_row).collect(),
    }
}

fn part(row: PartRow<'_>) -> Part {
    let state = match row.state {
        PartStateRow::Queued => PartState::Queued,
        PartStateRow::Handed { gateway, at } => PartState::Handed {
            gateway: gateway.into_owned(),
            at: at.0,
        },
        PartStateRow::Sent {
            gateway,
            reference,
            at,
        } => PartState::Sent {
            gateway: gateway.into_owned(),
            reference: reference.map(Text::into_owned),
            at: at.0,
        },
        PartStateRow::Unknown {
            gateway,
            at,
            reason,
        } => PartState::Unknown {
            gateway: gateway.into_owned(),
            at: at.0,
            reason: reason.into_owned(),
        },
        PartStateRow::Failed { reason } => PartState::Failed {
            reason: reason.into_owned(),
        },
    };
    Part {
        text: row.text.into_owned(),
        state,
        unknowns: row.unknowns,
        receipt: row.receipt.map(Receipt::from),
        receipt_at: row.receipt_at.map(|at| at.0),
        attempts: row.attempts.into_iter().map(attempt).collect(),
    }
}

fn attempt_row(attempt: &Attempt) -> AttemptRow<'_> {
    AttemptRow {
        gateway: text(&attempt.gateway),
        at: At(attempt.at),
        reference: texts(&attempt.reference),
        receipt: attempt.receipt,
    }
}

fn attempt(row: AttemptRow<'_>) -> Attempt {
    Attempt {
        gateway: row.gateway.into_owned(),
        at: row.at.0,
        reference: row.reference.map(Text::into_owned),
        receipt: row.receipt,
    }
}
