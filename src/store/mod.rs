//! What is kept, and the contract of every store.
//!
//! A store keeps messages, received SMS, mails to hand in, history, counters and dedupe keys. Its
//! verbs are those of the domain; each is atomic, and each that changes something returns only when
//! the change is **durable**: it survives a killed process, a crashed kernel and a power cut on
//! hardware that obeys flush (`durability.md`). Time is an argument; a store has no clock.
//!
//! MUST: keep what it said yes to. Refuse with [`StoreError::Full`] while there is still room for what
//! is already promised. Say [`StoreError::Dead`] once, for ever, when it no longer knows what is on
//! the disk.
//! MAY NOT: know gateways, mail or the network; answer from what is not yet durable.

pub mod accounts;
pub mod guard;
pub mod mails;
pub mod optout;
pub mod phonebook;
mod reason;
pub mod sled;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::accounts::{Account, Reset};
use self::guard::{Need, Spending, Watch};
use self::mails::Mails;
use self::optout::OptOuts;
use self::phonebook::Phonebook;
use crate::mail::dsn::Dsn;
use crate::mail::thread::Thread;
use crate::sms::{
    Attributes, Class, Concat, Encoding, Marks, MessageId, Number, Party, Payload, Receipt, Shifts,
};

pub use crate::access::token::{Token, TokenId};
pub use reason::Reason;

/// An outbound message, from the mail that brought it to its last word.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// Counts its writes; a change to an older one is a [`StoreError::Conflict`].
    pub revision: u64,
    /// When it was accepted.
    pub created: Timestamp,
    /// Where it came from.
    pub origin: Origin,
    /// Who pays: the address of a user, or a login.
    pub account: String,
    /// Whose the answers are, if not that account's address.
    pub reply_to: Option<String>,
    /// What it was charged, and to which month.
    pub charge: Option<Charge>,
    /// Where it goes.
    pub number: Number,
    /// The text, as it is to be read on the phone; empty beside a payload.
    pub text: String,
    /// What goes in the place of a text.
    pub payload: Option<Payload>,
    /// How it differs from an ordinary SMS.
    pub attributes: Attributes,
    /// How the text goes on the air.
    pub encoding: Encoding,
    /// With which national tables.
    pub shifts: Shifts,
    /// How many segments it is by the standard's plan: what it costs.
    pub segments: u8,
    /// The concatenation reference, and the base of the TP-MR of its parts.
    pub reference: u8,
    /// Show at once, do not keep (class 0).
    pub flash: bool,
    /// The sender wants to hear of success too.
    pub confirm: bool,
    /// Its text is for the phone and its sender only (`Sensitivity`).
    pub private: bool,
    /// Its urgency.
    pub class: Class,
    /// It goes before others of its class.
    pub high: bool,
    /// The sender id asked for, if any.
    pub sender_id: Option<String>,
    /// The gateways a rule pinned it to, best first; empty: all.
    pub gateways: Vec<String>,
    /// The first of them that can; else the least loaded.
    pub in_order: bool,
    /// Gateways that cannot carry it, as they said.
    pub avoided: Vec<String>,
    /// Where it stands.
    pub state: State,
    /// The gateway that took a part of it or may have: the others must go there too.
    pub begun: Option<String>,
    /// What is handed to the gateway, in order; empty until a gateway was chosen. Fixed once a part
    /// was taken or may have been.
    pub parts: Vec<Part>,
    /// Attempts that a gateway refused and that count (throttling and a link that is down do not).
    pub attempts: u32,
    /// When its sender wants it sent; until then it holds up no other.
    pub not_before: Option<Timestamp>,
    /// Not before.
    pub next_attempt: Timestamp,
    /// Not after.
    pub expires: Timestamp,
    /// The sender knows that it is late.
    pub warned: bool,
    /// The sender waits for the word that it was delivered; from this time on he is told once that there
    /// is none yet. `Timestamp::MAX`: that was done.
    pub awaited: Option<Timestamp>,
    /// The last reason why not.
    pub error: Option<Reason>,
    /// The gateway that refused it for that reason.
    pub refused_by: Option<String>,
}

/// The mail a message came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Origin {
    /// The MTA's queue id, for its log.
    pub queue_id: Option<String>,
    /// The envelope recipient as it was written.
    pub recipient: String,
    /// The mail's Message-ID, without `<>`.
    pub message_id: Option<String>,
    /// Its subject.
    pub subject: String,
    /// The conversation it stands in.
    pub thread: Thread,
    /// Where reports go; `None`: nowhere (null sender).
    pub report_to: Option<String>,
    /// The token in its address that pays for it.
    pub token: Option<TokenId>,
    /// What its envelope asks of reports.
    pub dsn: Dsn,
    /// Which mail; `None`: one of which nothing is kept, and that became one message.
    pub mail: Option<OfMail>,
}

/// The mail that messages have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfMail {
    /// Its name, which its [`Original`] bears.
    pub id: MessageId,
    /// How many messages it was to become: when all of them end alike, it is said at once.
    pub messages: u16,
}

/// What is kept of a mail for reports on it: one for all its messages. It goes with a mail's only message,
/// and else when its time is over.
#[derive(Clone, PartialEq, Eq)]
pub struct Original {
    /// Which mail.
    pub id: MessageId,
    /// Kept until then at most.
    pub until: Timestamp,
    /// Header and body, or the header alone.
    pub whole: bool,
    /// The octets, with the empty line between.
    pub bytes: Vec<u8>,
}

// The text reaches no log by accident.
impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Original")
            .field("id", &self.id)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// That the sender is to be told something of one message, together with what there is to tell alike of the
/// other messages of the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The mail.
    pub mail: OfMail,
    /// What is told; a store only compares it.
    pub cause: String,
    /// Of which message.
    pub message: MessageId,
    /// Since when.
    pub at: Timestamp,
}

/// Where a message stands (spec 7.2). Every state has one owner: `Queued` and `Sending` the
/// dispatcher, `Held` an admin; the rest are final, but for `Sent`, which a receipt can still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Waits for its time or its gateway.
    Queued,
    /// An attempt is open, or its outcome is waited for.
    Sending,
    /// All parts were taken.
    Sent,
    /// All parts are on the phone.
    Delivered,
    /// Refused for good; the sender knows.
    Failed,
    /// Too late; the sender knows.
    Expired,
    /// May have been sent; the sender knows.
    Unknown,
    /// Waits for an admin.
    Held,
    /// An admin took it back.
    Cancelled,
}

impl State {
    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sending => "sending",
            State::Sent => "sent",
            State::Delivered => "delivered",
            State::Failed => "failed",
            State::Expired => "expired",
            State::Unknown => "unknown",
            State::Held => "held",
            State::Cancelled => "cancelled",
        }
    }

    /// Nothing more is to be done for it.
    pub fn is_final(self) -> bool {
        !matches!(self, State::Queued | State::Sending | State::Held)
    }
}

/// What is handed over in one submission: a segment, or the whole text to a provider that cuts.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its share of the text.
    pub text: String,
    /// Where it stands.
    pub state: PartState,
    /// What the network said later.
    pub receipt: Option<Receipt>,
    /// When, by the network's clock if it told.
    pub receipt_at: Option<Timestamp>,
    /// How many attempts at it had an outcome that nobody knows.
    pub unknowns: u32,
    /// Those that may have been sent, oldest first: what receipts are matched with. The last few only.
    pub attempts: Vec<Attempt>,
}

impl Part {
    /// One that was not handed over.
    pub fn new(text: String) -> Self {
        Self {
            text,
            state: PartState::Queued,
            receipt: None,
            receipt_at: None,
            unknowns: 0,
            attempts: Vec::new(),
        }
    }
}

/// One handing over of a part that may have been sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// To which gateway.
    pub gateway: String,
    /// When, before the first octet left.
    pub at: Timestamp,
    /// What the network calls it in receipts, as soon as that is known.
    pub reference: Option<String>,
    /// A receipt was asked for, and the gateway is one that hands them on.
    pub receipt: bool,
}

/// What a network said of something it took, as a gateway handed it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The gateway.
    pub gateway: String,
    /// What it calls the submission.
    pub reference: String,
    /// What may be the phone, as the network writes it; empty: it does not tell.
    pub phones: Vec<String>,
    /// What it said.
    pub receipt: Receipt,
    /// When it took the submission, by its own clock.
    pub submitted: Option<Timestamp>,
    /// When it said so, by its own clock.
    pub at: Option<Timestamp>,
}

/// A report that came before the submission it belongs to had a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyReport {
    /// Its name.
    pub id: MessageId,
    /// Since when.
    pub kept: Timestamp,
    /// What it says.
    pub report: Report,
}

/// Where a part stands (durability 2.4).
#[derive(Clone, Debug, PartialEq)]
pub enum PartState {
    /// Not handed over, as far as anyone knows.
    Queued,
    /// An attempt is on disk; its outcome is not. After a restart this reads as `Unknown`.
    Handed {
        /// To which gateway.
        gateway: String,
        /// Since when.
        at: Timestamp,
    },
    /// The gateway has it.
    Sent {
        /// Which gateway.
        gateway: String,
        /// What the network calls it; receipts name it.
        reference: Option<String>,
        /// Since when.
        at: Timestamp,
    },
    /// It may have been sent.
    Unknown {
        /// By which gateway.
        gateway: String,
        /// Since when.
        at: Timestamp,
        /// Why it is not known, for people.
        reason: String,
    },
    /// It was not sent and will not be.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// Segments on an account's month, or on a SIM's day or month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Who pays; for a SIM see [`crate::gateway::Common::limits`].
    pub account: String,
    /// `2026-11`, or a day as `2026-11-20`; in the configured zone, fixed at acceptance. The store writes
    /// a later one when the account has begun it already.
    pub month: String,
    /// How many.
    pub segments: u32,
    /// No more than this in that month; 0: no limit.
    pub limit: u32,
    /// No more than this at all; `None`: it is not charged to a credit.
    pub credit: Option<u32>,
}

/// A key that makes a repeat harmless: while it is kept, what bears it again is not done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// SHA-256 over what must be equal.
    pub key: [u8; 32],
    /// Kept until then.
    pub until: Timestamp,
}

/// A message on its way into the store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// With revision 0.
    pub message: Message,
    /// Under which keys it is the same as another; any that is known makes it a repeat.
    pub dedupe: Vec<Dedupe>,
    /// What is looked at beside the limits of its charge.
    pub watch: Watch,
    /// What is kept of its mail, the same for all messages of it.
    pub original: Option<Arc<Original>>,
}

/// What became of a new message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is queued and charged.
    Queued,
    /// It had been taken already, as this message; nothing was stored or charged.
    Repeat(MessageId),
}

/// A mail to be handed to the MTA.
#[derive(Clone, Debug, PartialEq)]
pub struct OutMail {
    /// Its name.
    pub id: MessageId,
    /// Envelope sender, without `<>`; empty: the null sender.
    pub sender: String,
    /// Envelope recipient, without `<>`.
    pub recipient: String,
    /// The mail, CRLF lines.
    pub bytes: Vec<u8>,
    /// Which of our messages it speaks of.
    pub about: Option<MessageId>,
    /// It already is the last resort: when it is refused, it stays here.
    pub last_resort: bool,
    /// It is no mail: `bytes` are to be posted to the program that stands behind the account `recipient`.
    pub post: bool,
}

/// A mail that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedMail {
    /// The mail.
    pub mail: OutMail,
    /// Since when.
    pub created: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before.
    pub next_attempt: Timestamp,
    /// The last reason why not.
    pub error: Option<String>,
    /// The MTA refused it for good and there is no one left to send it to: kept for an admin.
    pub undeliverable: bool,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq)]
pub enum MailOutcome {
    /// The MTA has it.
    Taken,
    /// Again at that time.
    Later {
        /// When.
        at: Timestamp,
        /// Why not now.
        error: String,
    },
    /// Refused for good: these go instead.
    Instead(Vec<OutMail>),
    /// Refused for good, and nobody left.
    Undeliverable {
        /// The MTA's words.
        error: String,
    },
}

/// Something that came from a gateway, as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// From which gateway.
    pub gateway: String,
    /// When.
    pub at: Timestamp,
    /// The same thing again is a duplicate.
    pub dedupe: Option<Dedupe>,
    /// PDU or request body, octet for octet.
    pub raw: Vec<u8>,
    /// What it means.
    pub content: Content,
}

/// What was received.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An SMS or a part of one.
    Sms {
        /// The phone, or the name or short code that stands for it.
        from: Party,
        /// Our number, when the network said so.
        to: Option<Number>,
        /// The text.
        text: String,
        /// The payload, when it is not text.
        binary: Option<Vec<u8>>,
        /// Where it stands in its message.
        concat: Option<Concat>,
        /// What it said beside that.
        marks: Marks,
        /// The service centre's time.
        sent: Option<Timestamp>,
    },
    /// Octets that nobody could read: kept, and shown to an admin.
    Undecodable {
        /// What is wrong with them.
        reason: String,
    },
}

/// A received SMS in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Inbound {
    /// Its name.
    pub id: MessageId,
    /// What came.
    pub received: Received,
    /// Where it stands.
    pub state: InboundState,
    /// Not before.
    pub due: Timestamp,
}

/// Where a received SMS stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundState {
    /// Waits for its other parts or to be addressed.
    Open,
    /// The phone was asked whom it means.
    Asked,
    /// It is a mail, or was acted upon.
    Done,
    /// No one wants it: an admin was told.
    Undeliverable,
    /// No one can read it, or it is one of a flood: an admin was told.
    Quarantined,
    /// An admin let it go: to be addressed as it is.
    Released,
}

impl InboundState {
    /// The name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            InboundState::Open => "open",
            InboundState::Asked => "asked",
            InboundState::Done => "done",
            InboundState::Undeliverable => "undeliverable",
            InboundState::Quarantined => "quarantined",
            InboundState::Released => "released",
        }
    }

    /// An admin has to decide.
    pub fn is_stuck(self) -> bool {
        matches!(
            self,
            InboundState::Undeliverable | InboundState::Quarantined
        )
    }
}

/// What an admin decided about received SMS that are stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// They are to be delivered, but for what nobody can read.
    Release,
    /// They are done.
    Drop,
}

/// What to do with received SMS, in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct InboundOutcome {
    /// The parts it concerns.
    pub ids: Vec<MessageId>,
    /// Their new state.
    pub state: InboundState,
    /// When to look again, for `Open` and `Asked`.
    pub due: Timestamp,
    /// Mails to hand in.
    pub mails: Vec<OutMail>,
    /// SMS to send back; repeats (by key) are left out.
    pub messages: Vec<NewMessage>,
}

/// Whether a received thing was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    New,
    /// It had been.
    Duplicate,
}

/// "Who wrote to this phone": an answer of that phone is for them (spec 8.3).
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Our number that the phone saw; `None` when the gateway's own is not known.
    pub ours: Option<Number>,
    /// Through which gateway; `None` in records of before.
    pub gateway: Option<String>,
    /// The phone.
    pub phone: Number,
    /// The mail address of who wrote.
    pub sender: String,
    /// The Message-ID of the mail, without `<>`.
    pub message_id: Option<String>,
    /// The mail's subject.
    pub subject: String,
    /// The conversation that the mail stands in.
    pub thread: Thread,
    /// When it was sent.
    pub at: Timestamp,
}

/// A change to a message, with all that must happen with it or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The message as it is to be, with the revision it was read with.
    pub message: Message,
    /// Segments to give back, to the account or to what the attempt was counted on.
    pub refund: Vec<Charge>,
    /// Mails to hand in.
    pub mails: Vec<OutMail>,
    /// What is to be told with other things.
    pub telling: Option<Telling>,
}

/// What a part of ours remembers of itself over a restart: a few words by name, never a text or a
/// secret. It is written whole; an empty one is none.
pub type Note = BTreeMap<String, String>;

/// The three queues of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Messages to phones.
    Messages,
    /// SMS from phones.
    Inbound,
    /// Mails to the MTA.
    Mails,
}

/// Which messages to list; newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in these states; empty: all.
    pub states: Vec<State>,
    /// Only those of this account.
    pub account: Option<String>,
    /// At most this many; 0: all.
    pub limit: usize,
}

/// How much of what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages by state.
    pub messages: BTreeMap<State, u64>,
    /// Received SMS not yet done.
    pub inbound_open: u64,
    /// Received SMS that nobody wants or can read.
    pub inbound_stuck: u64,
    /// Mails that wait for the MTA.
    pub mails: u64,
    /// Mails the MTA refused for good.
    pub mails_stuck: u64,
}

/// Why the store did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nearly no room: nothing was stored.
    #[error("the disk of the store is nearly full")]
    Full,
    /// Nothing is known any more; the process must end and start again.
    #[error("the store has failed: {0}")]
    Dead(String),
    /// Somebody changed it first; read it again.
    #[error("message {0} was changed meanwhile")]
    Conflict(MessageId),
    /// It can be taken only with this beside it, in the same transaction; nothing was stored.
    #[error("a message must be held, or somebody be told")]
    Incomplete(Vec<Need>),
    /// The account's credit has no room for it; nothing was stored.
    #[error("{account} has {left} segments of its credit left")]
    NoCredit {
        /// Whose.
        account: String,
        /// How many there are.
        left: u32,
    },
    /// Somebody changed this listing of the phonebook first; read it again. Nothing was stored.
    #[error("{0} was changed meanwhile in the phonebook")]
    Changed(String),
    /// More mails than may wait for the number of this address; nothing was stored.
    #[error("too many mails wait for the number of {0}")]
    Crowded(String),
    /// The account's month has no room for it; nothing was stored.
    #[error("{account} has used {used} of {limit} segments in {month}")]
    OverLimit {
        /// Whose.
        account: String,
        /// Which month.
        month: String,
        /// How many are used.
        used: u32,
        /// How many there are.
        limit: u32,
    },
    /// The token that was to pay was revoked, has expired or is used up; nothing was stored.
    #[error("token {0} pays for nothing any more")]
    TokenOver(TokenId),
}

/// The verbs. See the module's contract.
#[async_trait]
pub trait Store: Phonebook + OptOuts + Mails + Send + Sync + 'static {
    /// Takes new messages and mails, charges and keys with them: all or nothing. The answers are in
    /// the order of `messages`. Messages that are `Held` already are charged, and not looked at by the
    /// guard.
    async fn put(
        &self,
        now: Timestamp,
        messages: Vec<NewMessage>,
        mails: Vec<OutMail>,
    ) -> Result<Vec<Taken>, StoreError>;

    /// Forgets keys early, without waiting until that is durable: the client ended in order, so the
    /// same content again is meant to be sent again.
    fn forget(&self, keys: Vec<[u8; 32]>);

    /// Messages that are due, most urgent first, oldest first: `Queued`, or `Sending` with an outcome
    /// that was waited for long enough. They are the caller's until settled, put back or the process
    /// ends.
    ///
    /// Messages to one number form a line, the more urgent class first, then as they were created. Only
    /// the first of a line is leased, and nobody while one of the line is the caller's, so they leave
    /// in that order; a message of which nobody knows the outcome of two attempts is out of its line.
    ///
    /// Also messages that were sent and whose `awaited` is over.
    async fn lease_due(&self, now: Timestamp, max: usize) -> Result<Vec<Message>, StoreError>;

    /// Gives a leased message back untouched, to be leased again at `at`, late or not. Not durable: after a
    /// restart it is due when it was.
    fn put_back(&self, id: MessageId, at: Timestamp);

    /// Gives a leased message back untouched, not to be leased before somebody [`Store::release`]s those
    /// that wait for `what`. It keeps its place in its line. Not durable, as `put_back`.
    fn park(&self, id: MessageId, what: &str);

    /// All that messages are parked for.
    fn parked(&self) -> Vec<String>;

    /// Ends the wait of up to `max` of those that are parked for `what`: the most urgent, oldest first.
    fn release(&self, what: &str, max: usize);

    /// Messages that have expired, or are older than `warn_after` and their sender does not know, whether
    /// they are due, parked or behind others; of those that are held, the expired ones. An attempt that may have gone out is not among them. The
    /// caller's as those of `lease_due`; not for sending.
    async fn lease_late(
        &self,
        now: Timestamp,
        warn_after: SignedDuration,
        max: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// When the next message will be among those.
    fn next_late(&self, warn_after: SignedDuration) -> Option<Timestamp>;

    /// When the next of them that nobody holds will be due.
    fn next_due(&self, queue: Queue) -> Option<Timestamp>;

    /// Writes a message whose part is `Handed`, and the link that its answer will need: the line
    /// before the first octet to the gateway. Counts its segments on the gateway's `counts`; when one
    /// has no room for them nothing is written. Returns its new revision.
    async fn begin_attempt(
        &self,
        now: Timestamp,
        message: Message,
        link: Option<Link>,
        counts: Vec<Charge>,
    ) -> Result<u64, StoreError>;

    /// Writes what became of it. A message that is neither final nor held goes back to the queue. A
    /// leased message that is settled is no longer leased, but for one whose attempt is still open: that
    /// is a receipt for another part of it. Returns its new revision.
    async fn settle(&self, now: Timestamp, settlement: Settlement) -> Result<u64, StoreError>;

    /// The messages and parts that `gateway` calls `reference`, or has called so: the newest 64, newest
    /// first. A modem counts to 255 and begins again.
    async fn by_reference(
        &self,
        gateway: &str,
        reference: &str,
    ) -> Result<Vec<(Message, usize)>, StoreError>;

    /// Keeps a report until the submission it belongs to has a reference.
    async fn keep_report(&self, early: EarlyReport) -> Result<(), StoreError>;

    /// Kept reports of what `gateway` calls `reference`, oldest first; `None`: all.
    async fn reports(&self, of: Option<(&str, &str)>) -> Result<Vec<EarlyReport>, StoreError>;

    /// Drops a kept report.
    async fn drop_report(&self, early: EarlyReport) -> Result<(), StoreError>;

    /// One message.
    async fn find(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// Whether the dispatcher holds it just now.
    fn is_leased(&self, id: MessageId) -> bool;

    /// Messages, newest first.
    async fn list(&self, filter: Filter) -> Result<Vec<Message>, StoreError>;

    /// How many segments an account has used in a month, or a SIM in a month or on a day.
    async fn used(&self, account: &str, month: &str) -> Result<u32, StoreError>;

    /// What an account has used; `None`: it never sent anything.
    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError>;

    /// All accounts that ever sent anything, in no order.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// What was lately spent on a number, or by the whole site.
    async fn spent(&self, on: Option<&Number>) -> Result<Spending, StoreError>;

    /// Sets back what an account has used.
    async fn reset_account(&self, name: &str, reset: Reset) -> Result<(), StoreError>;

    /// Sets back what all accounts together have used of the day.
    async fn reset_site_day(&self) -> Result<(), StoreError>;

    /// Keeps what a gateway received.
    async fn keep_inbound(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError>;

    /// Received SMS that are due: `Open`, `Asked` or `Released`, oldest first; at most `max`, and those that are
    /// due at the very time of the last of them: so the parts of a text that was settled are leased together.
    /// The caller's until settled or the process ends.
    async fn lease_inbound(&self, now: Timestamp, max: usize) -> Result<Vec<Inbound>, StoreError>;

    /// Writes what became of received SMS.
    async fn settle_inbound(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
    ) -> Result<(), StoreError>;

    /// Received SMS, newest first; 0: all.
    async fn list_inbound(&self, limit: usize) -> Result<Vec<Inbound>, StoreError>;

    /// A received SMS.
    async fn find_inbound(&self, id: MessageId) -> Result<Option<Inbound>, StoreError>;

    /// Received SMS that an admin has to decide about, of this sender or of all, newest first, of those that are
    /// older than `before`; at most `max`.
    async fn stuck_inbound(
        &self,
        from: Option<&Party>,
        before: Option<MessageId>,
        max: usize,
    ) -> Result<Vec<Inbound>, StoreError>;

    /// Does with those of these that are stuck what an admin decided; how many. They stay due when they were
    /// settled, by which the parts of a text know each other.
    async fn judge_inbound(
        &self,
        now: Timestamp,
        ids: Vec<MessageId>,
        judgement: Judgement,
    ) -> Result<u64, StoreError>;

    /// Links of a phone that are not older than `since`, newest first.
    async fn links(&self, phone: &Number, since: Timestamp) -> Result<Vec<Link>, StoreError>;

    /// What is kept of a mail.
    async fn original(&self, mail: MessageId) -> Result<Option<Original>, StoreError>;

    /// What is to be told by `now`, by mail and cause: nothing came to it for `quiet`, or it waits for
    /// `longest`, or there is one of every message of the mail. They stay until [`Store::tell`].
    async fn tellings(
        &self,
        now: Timestamp,
        quiet: SignedDuration,
        longest: SignedDuration,
    ) -> Result<Vec<Vec<Telling>>, StoreError>;

    /// When the next of them will be.
    fn next_telling(&self, quiet: SignedDuration, longest: SignedDuration) -> Option<Timestamp>;

    /// Ends the wait of those, and takes the mails that tell them. [`StoreError::Conflict`]: one was told
    /// already, and nothing was done.
    async fn tell(
        &self,
        now: Timestamp,
        tellings: Vec<Telling>,
        mails: Vec<OutMail>,
    ) -> Result<(), StoreError>;

    /// Mails that are due, oldest first. The caller's until settled or the process ends.
    async fn lease_mail(&self, now: Timestamp, max: usize) -> Result<Vec<QueuedMail>, StoreError>;

    /// Writes what became of a mail.
    async fn settle_mail(
        &self,
        now: Timestamp,
        id: MessageId,
        outcome: MailOutcome,
    ) -> Result<(), StoreError>;

    /// Mails that wait or are stuck.
    async fn list_mail(&self) -> Result<Vec<QueuedMail>, StoreError>;

    /// What was noted about something of ours (`modem hall`, `alarms`); empty: nothing.
    async fn note(&self, about: &str) -> Result<Note, StoreError>;

    /// Notes that instead of what was noted before.
    async fn write_note(&self, about: &str, note: Note) -> Result<(), StoreError>;

    /// Keeps a token; `false`: there is one of that name.
    async fn add_token(&self, token: Token) -> Result<bool, StoreError>;

    /// The token with this digest. A message that bears its id in [`Origin::token`] is taken only while it
    /// is good, and counted with it.
    async fn token(&self, digest: [u8; 32]) -> Result<Option<Token>, StoreError>;

    /// All tokens, in the order of their names.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// Forgets a token; `None`: there is none.
    async fn revoke_token(&self, id: TokenId) -> Result<Option<Token>, StoreError>;

    /// How much there is.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Drops keys and links whose time is over, and what was final before `before`. Returns how many
    /// records went.
    async fn prune(&self, now: Timestamp, before: Timestamp) -> Result<u64, StoreError>;

    /// Ends only when the store is dead, with the reason.
    async fn died(&self) -> String;
}
