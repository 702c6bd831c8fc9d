//! Messages, mails and received SMS with as little to say as possible.

use jiff::Timestamp;
use sms_milter::sms::{Class, Encoding, MessageId, Number, Party, Receipt};
use sms_milter::store::guard::Watch;
use sms_milter::store::{
    Attempt, Charge, Content, Dedupe, EarlyReport, InboundOutcome, InboundState, Link, Message,
    NewMessage, Origin, OutMail, Part, PartState, Received, Report, Settlement, State,
};

/// A second of the time of all tests.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

/// Ids sort as their numbers do.
pub fn id(n: u64) -> MessageId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    MessageId::from_bytes(bytes)
}

/// A phone.
pub fn phone(n: u64) -> Number {
    Number::from_network(&format!("+1555{n:07}")).expect("a number")
}

/// A queued message, due at once.
pub fn message(n: u64) -> Message {
    Message {
        id: id(n),
        revision: 0,
        created: at(0),
        origin: Origin {
            queue_id: Some(format!("Q{n}")),
            recipient: format!("{}@sms.example.com", phone(n)),
            message_id: Some(format!("{n}@example.com")),
            subject: "On call".into(),
            thread: Default::default(),
            report_to: Some("ann@example.com".into()),
            token: None,
            dsn: Default::default(),
            mail: None,
        },
        account: "ann@example.com".into(),
        reply_to: None,
        charge: None,
        number: phone(n),
        text: format!("Disk {n} is full. Zażółć gęślą jaźń 🐁"),
        payload: None,
        attributes: sms_milter::sms::Attributes::default(),
        encoding: Encoding::Ucs2,
        shifts: sms_milter::sms::Shifts::default(),
        segments: 1,
        reference: 7,
        flash: false,
        confirm: true,
        private: false,
        class: Class::Normal,
        high: false,
        sender_id: None,
        gateways: vec!["modem0".into()],
        in_order: false,
        avoided: Vec::new(),
        begun: None,
        state: State::Queued,
        parts: vec![part()],
        attempts: 0,
        not_before: None,
        next_attempt: at(0),
        expires: at(432_000),
        warned: false,
        awaited: None,
        error: None,
        refused_by: None,
    }
}

/// A part that was not handed over.
pub fn part() -> Part {
    Part::new("Disk is full".into())
}

/// A message on its way in.
pub fn new(message: Message, keys: &[Dedupe]) -> NewMessage {
    NewMessage {
        original: None,
        message,
        dedupe: keys.to_vec(),
        watch: Watch::default(),
    }
}

/// A message on its way in, without keys.
pub fn plain(n: u64) -> NewMessage {
    new(message(n), &[])
}

/// A dedupe key.
pub fn key(n: u8, until: Timestamp) -> Dedupe {
    Dedupe {
        key: [n; 32],
        until,
    }
}

/// A charge to one account's month.
pub fn charge(segments: u32, limit: u32) -> Charge {
    Charge {
        account: "ann@example.com".into(),
        month: "2027-01".into(),
        segments,
        limit,
        credit: None,
    }
}

/// A message that is charged.
pub fn charged(n: u64, segments: u32, limit: u32) -> NewMessage {
    let mut message = message(n);
    message.charge = Some(charge(segments, limit));
    plain_of(message)
}

/// A message on its way in, without keys.
pub fn plain_of(message: Message) -> NewMessage {
    new(message, &[])
}

/// A mail.
pub fn mail(n: u64) -> OutMail {
    OutMail {
        id: id(n),
        sender: String::new(),
        recipient: "ann@example.com".into(),
        bytes: b"Subject: sent\r\n\r\n\xff\0 1 of 1\r\n".to_vec(),
        about: None,
        last_resort: false,
        post: false,
    }
}

/// A change and nothing beside it.
pub fn settlement(message: Message) -> Settlement {
    Settlement {
        message,
        refund: vec![],
        mails: Vec::new(),
        telling: None,
    }
}

/// The message with its only part handed over.
pub fn handed(mut message: Message) -> Message {
    message.state = State::Sending;
    message.attempts += 1;
    message.parts[0].state = PartState::Handed {
        gateway: "modem0".into(),
        at: at(1),
    };
    message.parts[0].attempts = vec![attempt("modem0", 1, None)];
    message
}

/// An attempt that asked for a receipt.
pub fn attempt(gateway: &str, second: i64, reference: Option<&str>) -> Attempt {
    Attempt {
        gateway: gateway.into(),
        at: at(second),
        reference: reference.map(str::to_owned),
        receipt: true,
    }
}

/// What a network said.
pub fn report(n: u64, reference: &str, receipt: Receipt) -> EarlyReport {
    EarlyReport {
        id: id(n),
        kept: at(n as i64),
        report: Report {
            gateway: "modem0".into(),
            reference: reference.into(),
            phones: vec![phone(n).as_str().into()],
            receipt,
            submitted: Some(at(1)),
            at: None,
        },
    }
}

/// The message with its only part sent.
pub fn sent(mut message: Message, reference: &str) -> Message {
    message.state = State::Sent;
    message.parts[0].state = PartState::Sent {
        gateway: "modem0".into(),
        reference: Some(reference.into()),
        at: at(2),
    };
    message.parts[0].attempts = vec![attempt("modem0", 1, Some(reference))];
    message
}

/// A received SMS.
pub fn received(n: u64, dedupe: Option<Dedupe>) -> Received {
    Received {
        gateway: "modem0".into(),
        at: at(0),
        dedupe,
        raw: vec![0x07, 0x91, 0xff, n as u8],
        content: Content::Sms {
            from: Party::Number(phone(n)),
            to: None,
            text: "on my way".into(),
            binary: None,
            concat: None,
            marks: sms_milter::sms::Marks::default(),
            sent: Some(at(-3)),
        },
    }
}

/// Received SMS that are done.
pub fn done(ids: Vec<MessageId>) -> InboundOutcome {
    InboundOutcome {
        ids,
        state: InboundState::Done,
        due: at(0),
        mails: Vec::new(),
        messages: Vec::new(),
    }
}

/// Ann wrote to a phone.
pub fn link(n: u64, second: i64) -> Link {
    Link {
        ours: None,
        phone: phone(n),
        sender: "ann@example.com".into(),
        message_id: Some(format!("{second}@example.com")),
        subject: "On call".into(),
        gateway: Some("hall".into()),
        thread: Default::default(),
        at: at(second),
    }
}
