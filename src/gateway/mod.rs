//! Ways to the phone network, and the contract of every one of them.
//!
//! A gateway MUST
//! * answer each [`Gateway::submit`] with exactly one [`Outcome`], within its own deadline;
//! * say [`Outcome::Refused`] only when it is sure that nothing was sent, [`Outcome::Accepted`] only
//!   when the network said so, and [`Outcome::Unknown`] for everything between;
//! * hand each received SMS over as [`Event::Received`], and acknowledge it to the network or delete it
//!   from the SIM only after `kept` said so;
//! * recover by itself, and say when it is up, down or parked.
//!
//! A gateway MAY NOT know the store, mail or other gateways; retry by itself once an octet that could
//! cause an SMS has left; log a text, a secret or a whole number.

pub mod drive;
pub mod http;
pub mod memory;
pub mod modem;
pub mod simulated;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::sms::{Attributes, Encoding, MessageId, Number, Segment};
use crate::store::{Kept, Received, Report};
use crate::wire::pdu::Dcs;

pub use self::memory::Memory;

/// What every gateway has in common (spec 6).
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// Its name in the configuration, in rules and in logs.
    pub id: String,
    /// It is used at all.
    pub active: bool,
    /// Its own number.
    pub number: Option<Number>,
    /// How a long text is cut for it.
    pub concat: Concatenation,
    /// What to do when nobody knows whether a part was sent.
    pub on_unknown: OnUnknown,
    /// How long to wait before `on_unknown` decides.
    pub unknown_wait: Duration,
    /// When receipts are asked for.
    pub receipts: Receipts,
    /// How many submissions may be open at a time.
    pub window: usize,
    /// Segments a second; `None`: as fast as it goes.
    pub throughput: Option<f64>,
    /// How many segments its SIM or account may send.
    pub limits: Limits,
    /// Price of a segment by prefix of the number (`+420`), longest match.
    pub rates: Vec<(String, f64)>,
    /// From of the mails its SMS become, `%s` for the number; `None`: the number at the SMS domain.
    pub from: Option<String>,
    /// What it can carry beside text.
    pub carries: Carries,
}

impl Common {
    /// National tables reach the phone: the header that names them is ours.
    pub fn takes_tables(&self) -> bool {
        self.carries.tables && self.concat == Concatenation::Udh
    }
}

/// What a gateway can carry beside text. The default is everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carries {
    /// 8-bit data.
    pub binary: bool,
    /// A user data header of the sender's own, or the parts of long data.
    pub udh: bool,
    /// TP-DCS, and so the message class.
    pub dcs: bool,
    /// TP-PID.
    pub pid: bool,
    /// Segments as we cut them, national tables of GSM 7-bit and all. No message needs that: a
    /// gateway without gets the text cut another way.
    pub tables: bool,
}

impl Default for Carries {
    fn default() -> Self {
        Self {
            binary: true,
            udh: true,
            dcs: true,
            pid: true,
            tables: true,
        }
    }
}

impl Carries {
    /// What of these needs it cannot carry, for people; `None`: all of it goes.
    pub fn lacks(self, needs: Carries) -> Option<&'static str> {
        [
            (needs.binary && !self.binary, "binary data"),
            (needs.udh && !self.udh, "a user data header"),
            (needs.dcs && !self.dcs, "flash, a class or a DCS"),
            (needs.pid && !self.pid, "a PID"),
        ]
        .into_iter()
        .find_map(|(lacks, what)| lacks.then_some(what))
    }
}

/// Segments that a gateway may send in a day and a month of `access.timezone`; 0: as many as it likes.
///
/// They are counted on the SIM while the gateway knows which one it has ([`Health::sim`]), so that
/// another SIM begins anew, and on the gateway otherwise. An attempt counts until the gateway is sure
/// that nothing was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// From midnight to midnight.
    pub day: u32,
    /// From the first to the last.
    pub month: u32,
}

/// How a long text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concatenation {
    /// By us, with a user data header.
    Udh,
    /// By us, with `(1/3) ` in the text.
    Numbered,
    /// By the provider: it gets the whole text.
    Provider,
}

/// What to do with a part that may have been sent (durability 2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Tell the sender; do not send again.
    Report,
    /// Send once more, then tell.
    RetryOnce,
    /// Send until it is known or too late.
    RetryUntilExpiry,
    /// The same for messages of any class: the network knows a repeat when it sees one.
    Repeat,
}

/// When a receipt is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Receipts {
    /// For everything. A provider pushes them for everything.
    Always,
    /// When the sender wants to know, and when it can settle an outcome that nobody knows.
    #[default]
    Wanted,
    /// Never.
    Never,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// Which message.
    pub id: MessageId,
    /// Which of its parts, from 0.
    pub part: usize,
    /// To whom.
    pub number: Number,
    /// What.
    pub body: Body,
    /// TP-MR for networks that have one; the same for every attempt at the same part.
    pub reference: u8,
    /// An earlier attempt at this part may have gone out: ask the network to refuse duplicates.
    pub repeat: bool,
    /// Class 0, if that can be: no reason to refuse it.
    pub flash: bool,
    /// How it differs from an ordinary SMS.
    pub attributes: Attributes,
    /// Ask for a receipt.
    pub receipt: bool,
    /// The network should give up after this.
    pub validity: Option<Duration>,
    /// The sender id to show.
    pub sender_id: Option<String>,
}

impl Submission {
    /// The message class: the one asked for, else flash.
    pub fn class(&self) -> Option<u8> {
        self.attributes.class.or(self.flash.then_some(0))
    }

    /// What its gateway must be able to carry, beside text.
    pub fn needs(&self) -> Carries {
        let (binary, udh) = match &self.body {
            Body::Binary { udh, .. } => (true, !udh.is_empty()),
            Body::Segment(_) | Body::Whole { .. } => (false, false),
        };
        Carries {
            binary,
            udh,
            dcs: self.attributes.dcs.or(self.attributes.class).is_some(),
            pid: self.attributes.pid != 0,
            tables: false,
        }
    }

    /// TP-DCS for what is coded so: the one asked for, else the plainest (TS 23.038 §4).
    pub fn dcs(&self, encoding: Encoding) -> u8 {
        let plain = Dcs::new(encoding, false).0;
        let fitting = match self.class() {
            Some(class) => plain | 0x10 | class & 0x03,
            None => plain,
        };
        self.attributes.dcs.unwrap_or(fitting)
    }
}

/// What a submission carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// One SMS.
    Segment(Segment),
    /// A text that the provider cuts.
    Whole {
        /// The text.
        text: String,
        /// `Gsm7` when every character fits.
        encoding: Encoding,
        /// How many segments it is by the standard's plan.
        segments: u8,
    },
    /// One SMS of 8-bit data.
    Binary {
        /// The data; with the header no more than 140 octets.
        data: Vec<u8>,
        /// The user data header with its length octet; empty: none.
        udh: Vec<u8>,
    },
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The network has it; what it calls it, when it says.
    Accepted(Option<String>),
    /// Nothing was sent.
    Refused {
        /// What that means for the message.
        class: Refusal,
        /// Why, for people: one line, no secrets.
        reason: String,
    },
    /// It may have been sent; why that is not known, for people.
    Unknown(String),
}

/// What a refusal means for the message (faults.md 3.4, 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Try again.
    Later {
        /// Not before, when the network said.
        after: Option<Duration>,
        /// It counts as an attempt (throttling does not).
        counts: bool,
    },
    /// This message will never go.
    Never,
    /// Not by this route; another gateway may.
    Route,
    /// The modem or link needs repair first; not the message's fault.
    Link,
    /// We sent something wrong: it fails, and the log line says `class=Ours`.
    Ours,
}

/// As log lines have it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Later { .. } => "Later",
            Self::Never => "Never",
            Self::Route => "Route",
            Self::Link => "Link",
            Self::Ours => "Ours",
        })
    }
}

/// What a gateway tells without being asked.
#[derive(Debug)]
pub enum Event {
    /// Something arrived. `kept` answers once it is durable; dropped, it is not kept.
    Received {
        /// What.
        received: Box<Received>,
        /// The answer.
        kept: oneshot::Sender<Kept>,
    },
    /// The network spoke of something it took.
    Receipt {
        /// What.
        report: Box<Report>,
        /// Answers once it is durable, or once it is certain that it is of nothing of ours.
        kept: oneshot::Sender<Kept>,
    },
    /// The network took what had an unknown outcome: its answer came too late.
    Late {
        /// Which gateway.
        gateway: String,
        /// Which message.
        id: MessageId,
        /// Which of its parts, from 0.
        part: usize,
        /// What the network calls it.
        reference: String,
    },
    /// Something is wrong that an admin should know of, and that goes on until [`Event::Over`].
    Alert {
        /// Which gateway.
        gateway: String,
        /// What it is about: the same concern is one mail.
        concern: Concern,
        /// What is wrong and what to do, for people: no secrets, no texts.
        text: String,
    },
    /// That is no more.
    Over {
        /// Which gateway.
        gateway: String,
        /// What was wrong.
        concern: Concern,
    },
}

/// What an admin is told of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concern {
    /// It waits for a human.
    Parked,
    /// It has been down for long.
    Down,
    /// Its storage is nearly full: a full SIM receives nothing.
    Storage,
    /// Its daily or monthly limit is used up.
    Limit,
    /// The prepaid balance is low.
    Balance,
    /// The disk of the store has too little room: of all gateways.
    Room,
}

impl Concern {
    /// All of them.
    pub const ALL: [Concern; 6] = [
        Concern::Parked,
        Concern::Down,
        Concern::Storage,
        Concern::Limit,
        Concern::Balance,
        Concern::Room,
    ];

    /// Its name in notes and logs.
    pub fn name(self) -> &'static str {
        match self {
            Concern::Parked => "parked",
            Concern::Down => "down",
            Concern::Storage => "storage",
            Concern::Limit => "limit",
            Concern::Balance => "balance",
            Concern::Room => "room",
        }
    }
}

/// What a gateway knows of itself, for `gateways list`. What it does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The port it is at, which need not be the configured one.
    pub device: Option<String>,
    /// Maker and model.
    pub model: Option<String>,
    /// The modem's number.
    pub imei: Option<String>,
    /// The SIM's number (ICCID).
    pub sim: Option<String>,
    /// The network's name.
    pub operator: Option<String>,
    /// Whether it is at home in that network, in words.
    pub registration: Option<String>,
    /// TS 27.007 §8.5: 0–31; −113 dBm + 2 dB each.
    pub signal: Option<u8>,
    /// Percent.
    pub battery: Option<u8>,
    /// Places used, and how many there are.
    pub storage: Option<(u16, u16)>,
    /// The prepaid balance as the network says it, and when it did.
    pub balance: Option<(f64, Timestamp)>,
    /// Why the last submission failed on the way to the network, when none went through since.
    pub failure: Option<String>,
}

/// How a gateway does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes submissions.
    Up,
    /// It does not, and works on it.
    Down(String),
    /// It does not, and waits for a human.
    Parked(String),
    /// It was down or parked for this reason, and takes one submission, which will tell whether it still is.
    Trying(String),
}

/// Writes down how the gateway `id` does, and logs it when that is news: the one place that does.
fn become_(id: &str, status: &watch::Sender<Status>, now: Status) {
    let is_news = status.send_if_modified(|old| {
        let is_news = *old != now;
        old.clone_from(&now);
        is_news
    });
    match &now {
        _ if !is_news => {}
        Status::Up => tracing::info!(gw = id, event = "up"),
        Status::Down(reason) => tracing::warn!(gw = id, reason, event = "down"),
        Status::Parked(reason) => tracing::warn!(gw = id, reason, event = "parked"),
        Status::Trying(reason) => tracing::info!(gw = id, reason, event = "trying"),
    }
}

/// Where a gateway reports.
pub type Events = mpsc::Sender<Event>;

/// A way to the phone network. See the module's contract.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// What it has in common with the others.
    fn common(&self) -> &Common;

    /// How it does, now and on every change.
    fn status(&self) -> watch::Receiver<Status>;

    /// What it knows of itself.
    fn health(&self) -> Health {
        Health::default()
    }

    /// What the network will call this submission, when that is known before it goes: so its receipt is
    /// known even if its answer never comes.
    fn foretell(&self, _submission: &Submission) -> Option<String> {
        None
    }

    /// Whether receipts that were asked for are handed on, so that somebody may wait for one.
    fn reports(&self) -> bool {
        false
    }

    /// What a human is to do while it is parked, and what happens without; for people, in sentences. `None`:
    /// its reasons say it.
    fn remedy(&self) -> Option<String> {
        None
    }

    /// Sends one thing.
    async fn submit(&self, submission: Submission) -> Outcome;

    /// Keeps the line, receives, recovers. Ends when `stop` turns true, the line closed in order.
    async fn run(self: Arc<Self>, events: Events, stop: watch::Receiver<bool>);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn common(id: &str) -> Common {
        Common {
            id: id.to_owned(),
            active: true,
            number: None,
            concat: Concatenation::Udh,
            on_unknown: OnUnknown::Report,
            unknown_wait: Duration::from_secs(60),
            receipts: Default::default(),
            window: 1,
            throughput: None,
            limits: Limits::default(),
            rates: Vec::new(),
            from: None,
            carries: Carries::default(),
        }
    }
}
