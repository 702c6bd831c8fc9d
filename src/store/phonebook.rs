//! The phonebook: what the program learns of numbers, and the mails that wait for one.
//!
//! A listing is named by an address at a mail domain, in lower case: the user's own for a learned
//! number of a user, the one the name would have as a user for a contact or a group
//! (`plumber@example.com`, which people write `plumber@sms.example.com`). A `mobile` of the
//! configuration is not here and wins over what is.
//!
//! MUST: write a change together with its audit line, and refuse one whose listing is no longer what
//! the change was decided on. MAY NOT: forget a kept mail before it is a message or a report.
//!
//! Limits: [`MAX_LISTINGS`], [`MAX_MEMBERS`], [`MAX_KEPT`], [`MAX_QUESTIONS`], [`MAX_TEXT`].

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Dedupe, NewMessage, Origin, OutMail, StoreError, Taken};
use crate::mail::text::Matter;
use crate::sms::{MessageId, Number};

/// As many as there may be users: a company with more contacts has a directory.
pub const MAX_LISTINGS: usize = 100_000;

/// Members of a group: as many SMS as one mail may become.
pub const MAX_MEMBERS: usize = 1_000;

/// Mails that wait for one number, of one sender: more are a program that does not read the question.
pub const MAX_KEPT: u32 = 20;

/// Open questions to one sender: nobody looks up more numbers in three days.
pub const MAX_QUESTIONS: usize = 100;

/// Characters of a kept text: what 128 segments of 160 characters carry, the most that may be asked for.
pub const MAX_TEXT: usize = 128 * 160;

/// A number under a name: of a user who told it, or of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, see the module.
    pub address: String,
    /// The phone.
    pub number: Number,
    /// What people call it: `Ann Smith`.
    pub shown: Option<String>,
    /// The account that may change it by mail; the user's own for a user. `None`: only an admin.
    pub owner: Option<String>,
    /// For people.
    pub notes: Option<String>,
    /// When it became what it is.
    pub changed: Timestamp,
}

/// A name for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name, see the module.
    pub address: String,
    /// In the order in which they were added, none twice.
    pub members: Vec<Member>,
    /// For people.
    pub notes: Option<String>,
    /// When it became what it is.
    pub changed: Timestamp,
}

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Member {
    /// A phone.
    Number(Number),
    /// A user or a contact, by address; looked up when it is written to.
    Name(String),
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Member::Number(number) => number.fmt(f),
            Member::Name(address) => f.write_str(address),
        }
    }
}

/// What a name of the phonebook leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// To a phone.
    Entry(Entry),
    /// To many.
    Group(Group),
}

impl Listing {
    /// Its name.
    pub fn address(&self) -> &str {
        match self {
            Listing::Entry(entry) => &entry.address,
            Listing::Group(group) => &group.address,
        }
    }

    /// When it became what it is.
    pub fn changed(&self) -> Timestamp {
        match self {
            Listing::Entry(entry) => entry.changed,
            Listing::Group(group) => group.changed,
        }
    }

    /// What it says, in one line, for the audit.
    pub fn told(&self) -> String {
        match self {
            Listing::Entry(entry) => {
                let mut told = entry.number.to_string();
                let more = [
                    ("name", &entry.shown),
                    ("owner", &entry.owner),
                    ("notes", &entry.notes),
                ];
                for (what, value) in more {
                    if let Some(value) = value {
                        told += &format!(", {what} {value}");
                    }
                }
                told
            }
            Listing::Group(group) => {
                let members: Vec<_> = group.members.iter().map(Member::to_string).collect();
                members.join(" ")
            }
        }
    }

    /// Whether it says the same as the other, whenever that was.
    pub fn says(&self, other: &Self) -> bool {
        match (self, other) {
            (Listing::Entry(a), Listing::Entry(b)) => {
                (&a.number, &a.shown, &a.owner, &a.notes)
                    == (&b.number, &b.shown, &b.owner, &b.notes)
            }
            (Listing::Group(a), Listing::Group(b)) => {
                (&a.members, &a.notes) == (&b.members, &b.notes)
            }
            _ => false,
        }
    }
}

/// A change of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The line that says so, durable with it.
    pub audit: Audit,
    /// What it was when the change was decided; if it is something else by then, nothing is changed.
    pub was: Option<Listing>,
    /// What it is to be; `None`: gone.
    pub is: Option<Listing>,
}

impl Change {
    /// A change of what is named `address`, with its audit line.
    pub fn new(
        id: MessageId,
        at: Timestamp,
        who: &str,
        address: &str,
        was: Option<Listing>,
        is: Option<Listing>,
    ) -> Self {
        let audit = Audit {
            id,
            at,
            who: who.to_owned(),
            address: address.to_owned(),
            old: was.as_ref().map(Listing::told),
            new: is.as_ref().map(Listing::told),
        };
        Self { audit, was, is }
    }
}

/// Who changed what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Its name; sorts by time.
    pub id: MessageId,
    /// When.
    pub at: Timestamp,
    /// An account, or how an admin came in: `command`, `import`.
    pub who: String,
    /// Which listing.
    pub address: String,
    /// What it said; `None`: it was not there.
    pub old: Option<String>,
    /// What it says; `None`: it is gone.
    pub new: Option<String>,
}

/// What a sender was asked: the number of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name.
    pub id: MessageId,
    /// The account that was asked.
    pub sender: String,
    /// The user's address.
    pub address: String,
    /// SHA-256 of the code in the address that answers go to: who reads the store cannot answer.
    pub code: [u8; 32],
    /// When.
    pub asked: Timestamp,
    /// Until then an answer counts.
    pub until: Timestamp,
    /// Mails that wait for it.
    pub mails: u32,
}

/// A mail that waits for a number: what of it an SMS needs.
#[derive(Clone, PartialEq)]
pub struct KeptMail {
    /// Its name.
    pub id: MessageId,
    /// Where it came from, and where reports go.
    pub origin: Origin,
    /// Since when.
    pub kept: Timestamp,
    /// The text, at most [`MAX_TEXT`] characters.
    pub text: String,
    /// What a rule with a template makes its text of; `None`: no rule has one.
    pub matter: Option<Matter>,
    /// Its sender asks for flash.
    pub flash: bool,
    /// Its sender asks for a confirmation.
    pub confirm: bool,
    /// It reaches no log, archive or dashboard.
    pub private: bool,
    /// When the header wants it sent, if not at once.
    pub due: Option<Timestamp>,
    /// After this the header wants it not sent any more.
    pub expires: Option<Timestamp>,
    /// What was done to the text, for people.
    pub notes: Vec<String>,
    /// What makes a repeat of it the same mail, for days; `None`: nothing that holds so long.
    pub fingerprint: Option<[u8; 32]>,
}

// The text reaches no log by accident.
impl std::fmt::Debug for KeptMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptMail")
            .field("id", &self.id)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

/// A mail on its way into the wait for a number.
#[derive(Clone, Debug, PartialEq)]
pub struct NewKept {
    /// What is asked, if this sender was not asked it already.
    pub question: Question,
    /// The mail that asks, which goes with a new question only.
    pub asks: OutMail,
    /// The mail that waits.
    pub mail: KeptMail,
    /// Under which key it is the same as another.
    pub dedupe: Dedupe,
}

/// What became of a mail that is to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// It waits, and its sender was asked.
    Asked(MessageId),
    /// It waits with others for the answer to a question that was asked before.
    Joined(MessageId),
    /// It had been taken already, as this one.
    Repeat(MessageId),
}

/// What a mail brings at its end: all or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrivals {
    /// Messages.
    pub messages: Vec<NewMessage>,
    /// Mails to hand in.
    pub mails: Vec<OutMail>,
    /// What changes in the phonebook.
    pub changes: Vec<Change>,
    /// Mails that wait for a number.
    pub kept: Vec<NewKept>,
}

/// What became of [`Arrivals`], in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Of the messages.
    pub messages: Vec<Taken>,
    /// Of the mails that wait.
    pub kept: Vec<Waits>,
}

/// What becomes of a kept mail: a message, or a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The question it waited with.
    pub question: Question,
    /// The kept mail.
    pub mail: MessageId,
    /// What is sent.
    pub message: Option<NewMessage>,
    /// Mails to hand in.
    pub mails: Vec<OutMail>,
}

/// The verbs of the phonebook, each atomic and durable as those of [`super::Store`].
#[async_trait]
pub trait Phonebook: Send + Sync {
    /// The listings under these names; what is not there is left out.
    async fn listings(&self, addresses: &[String]) -> Result<Vec<Listing>, StoreError>;

    /// All listings, by name.
    async fn phonebook(&self) -> Result<Vec<Listing>, StoreError>;

    /// The entries that have this number, by name.
    async fn whose(&self, number: &Number) -> Result<Vec<Entry>, StoreError>;

    /// Takes all that a mail brings. [`StoreError::Changed`]: a listing is not what it was; read it again.
    /// [`StoreError::Crowded`]: [`MAX_KEPT`] mails wait for that number already, or [`MAX_QUESTIONS`] are open.
    async fn take(&self, now: Timestamp, arrivals: Arrivals) -> Result<Arrived, StoreError>;

    /// The open questions to an account, or all of them.
    async fn questions(&self, sender: Option<&str>) -> Result<Vec<Question>, StoreError>;

    /// The mails that wait for its answer, oldest first.
    async fn kept(&self, question: &Question) -> Result<Vec<KeptMail>, StoreError>;

    /// Ends the wait of a mail, and with the last one the question. `None`: it had ended already, and
    /// nothing was done.
    async fn end_wait(&self, now: Timestamp, release: Release)
    -> Result<Option<Taken>, StoreError>;

    /// The audit, newest first: of one listing, or all; at most `limit`, 0: all.
    async fn audit(&self, address: Option<&str>, limit: usize) -> Result<Vec<Audit>, StoreError>;
}
