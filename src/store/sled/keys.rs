//! The keys of the one tree: an octet for the kind, then what names the row.
//!
//! One tree, so that one batch is one transaction. Ids are UUIDv7 and sort by time; what can be of
//! any length (accounts, references) is hashed, so no key is longer than 64 octets.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::sms::{MessageId, Number};
use crate::store::{Attempt, EarlyReport, Link, Telling, TokenId};

/// The row about all rows: epoch, sequence, count and sum. It is not counted itself.
pub const META: &[u8] = b"\0meta";

/// The kinds of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An outbound message.
    Message,
    /// A key that makes an outbound message a repeat.
    Dedupe,
    /// A key that makes a received thing a duplicate.
    Seen,
    /// What a gateway calls a part.
    Reference,
    /// Who wrote to a phone.
    Link,
    /// Segments of a SIM's month or day; in stores of versions before, of an account's month too.
    Counter,
    /// A received SMS.
    Inbound,
    /// A mail that waits for the MTA.
    Mail,
    /// What a part of ours remembers.
    Note,
    /// A report that came before its submission had a reference.
    Report,
    /// What pays for a few numbers.
    Token,
    /// What an account has used.
    Account,
    /// What was lately spent on a number, or by the whole site.
    Spent,
    /// A name of the phonebook.
    Listing,
    /// Whose a number is.
    Whose,
    /// A question for a number.
    Question,
    /// A mail that waits for a number.
    KeptMail,
    /// Who changed what in the phonebook.
    Audit,
    /// What is kept of a mail for reports on it.
    Original,
    /// What is to be told with other things.
    Telling,
    /// A phone that wants no SMS.
    OptOut,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 21] = [
        Kind::Message,
        Kind::Dedupe,
        Kind::Seen,
        Kind::Reference,
        Kind::Link,
        Kind::Counter,
        Kind::Inbound,
        Kind::Mail,
        Kind::Note,
        Kind::Report,
        Kind::Token,
        Kind::Account,
        Kind::Spent,
        Kind::Listing,
        Kind::Whose,
        Kind::Question,
        Kind::KeptMail,
        Kind::Audit,
        Kind::Original,
        Kind::Telling,
        Kind::OptOut,
    ];

    /// The first octet of its keys.
    pub fn octet(self) -> u8 {
        match self {
            Kind::Message => b'M',
            Kind::Dedupe => b'K',
            Kind::Seen => b'I',
            Kind::Reference => b'R',
            Kind::Link => b'L',
            Kind::Counter => b'C',
            Kind::Inbound => b'B',
            Kind::Mail => b'O',
            Kind::Note => b'N',
            Kind::Report => b'P',
            Kind::Token => b'T',
            Kind::Account => b'U',
            Kind::Spent => b'G',
            Kind::Listing => b'E',
            Kind::Whose => b'H',
            Kind::Question => b'Q',
            Kind::KeptMail => b'W',
            Kind::Audit => b'A',
            Kind::Original => b'F',
            Kind::Telling => b'S',
            Kind::OptOut => b'X',
        }
    }

    /// Its name in exports and messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Dedupe => "key",
            Kind::Seen => "seen",
            Kind::Reference => "reference",
            Kind::Link => "link",
            Kind::Counter => "counter",
            Kind::Inbound => "inbound",
            Kind::Mail => "mail",
            Kind::Note => "note",
            Kind::Report => "report",
            Kind::Token => "token",
            Kind::Account => "account",
            Kind::Spent => "spent",
            Kind::Listing => "listing",
            Kind::Whose => "whose",
            Kind::Question => "question",
            Kind::KeptMail => "kept-mail",
            Kind::Audit => "audit",
            Kind::Original => "original",
            Kind::Telling => "telling",
            Kind::OptOut => "opt-out",
        }
    }

    /// The kind of the row under this key.
    pub fn of(key: &[u8]) -> Option<Kind> {
        let first = key.first()?;
        Kind::ALL.into_iter().find(|kind| kind.octet() == *first)
    }

    /// Its prefix.
    pub fn prefix(self) -> [u8; 1] {
        [self.octet()]
    }
}

/// The key of an outbound message.
pub fn message(id: MessageId) -> Vec<u8> {
    named(Kind::Message, id.as_bytes())
}

/// The key of a received SMS.
pub fn inbound(id: MessageId) -> Vec<u8> {
    named(Kind::Inbound, id.as_bytes())
}

/// The key of a mail.
pub fn mail(id: MessageId) -> Vec<u8> {
    named(Kind::Mail, id.as_bytes())
}

/// The key of a dedupe key of an outbound message.
pub fn dedupe(key: &[u8; 32]) -> Vec<u8> {
    named(Kind::Dedupe, key)
}

/// The key of a dedupe key of a received thing.
pub fn seen(key: &[u8; 32]) -> Vec<u8> {
    named(Kind::Seen, key)
}

/// What the keys of a gateway's reference begin with. Stores of versions before had one row a reference,
/// under this key alone.
pub fn reference(gateway: &str, reference: &str) -> Vec<u8> {
    named(Kind::Reference, &hash(&[gateway, reference]))
}

/// The key of a gateway's reference to an attempt at a part. Those to one reference sort by time.
pub fn named_part(attempt: &Attempt, reference: &str, id: MessageId, part: usize) -> Vec<u8> {
    let mut key = self::reference(&attempt.gateway, reference);
    key.extend(sorting(attempt.at));
    key.extend(id.as_bytes());
    // A text has at most 255 parts (TS 23.040 §9.2.3.24.1).
    key.push(part as u8);
    key
}

/// What the keys of early reports of a reference begin with.
pub fn reports(gateway: &str, reference: &str) -> Vec<u8> {
    named(Kind::Report, &hash(&[gateway, reference]))
}

/// The key of an early report. Those of one reference sort by when they came.
pub fn report(early: &EarlyReport) -> Vec<u8> {
    let mut key = reports(&early.report.gateway, &early.report.reference);
    key.extend(early.id.as_bytes());
    key
}

/// The key of an account's month.
pub fn counter(account: &str, month: &str) -> Vec<u8> {
    named(Kind::Counter, &hash(&[account, month]))
}

/// The key of an account.
pub fn account(name: &str) -> Vec<u8> {
    named(Kind::Account, &hash(&[name]))
}

/// The key of what was lately spent on a number.
pub fn spent_on(number: &Number) -> Vec<u8> {
    named(Kind::Spent, &hash(&["number", number.as_str()]))
}

/// The key of what the whole site spends in a day.
pub fn spent_by_site() -> Vec<u8> {
    named(Kind::Spent, &hash(&["site"]))
}

/// The key of a note.
pub fn note(about: &str) -> Vec<u8> {
    named(Kind::Note, &hash(&[about]))
}

/// The key of a token.
pub fn token(id: TokenId) -> Vec<u8> {
    named(Kind::Token, id.as_bytes())
}

/// The key of a link: the phone, the time, and who wrote what. The links of a phone sort by time.
pub fn link(link: &Link) -> Vec<u8> {
    let mut key = links(&link.phone, link.at);
    let ours = link.ours.as_ref().map_or("", Number::as_str);
    let message_id = link.message_id.as_deref().unwrap_or("");
    key.extend(&hash(&[&link.sender, ours, message_id, &link.subject])[..8]);
    key
}

/// Where the links of a phone begin that are as old as `since`.
pub fn links(phone: &Number, since: Timestamp) -> Vec<u8> {
    let mut key = links_of(phone);
    key.extend(sorting(since));
    key
}

/// The key of a name of the phonebook.
pub fn listing(address: &str) -> Vec<u8> {
    named(Kind::Listing, &hash(&[address]))
}

/// What the keys begin with that say whose a number is.
pub fn whose(number: &Number) -> Vec<u8> {
    let mut key = named(Kind::Whose, number.digits().as_bytes());
    // As with links.
    key.push(0);
    key
}

/// The key that says that a number is that name's.
pub fn named_number(number: &Number, address: &str) -> Vec<u8> {
    let mut key = whose(number);
    key.extend(&hash(&[address])[..16]);
    key
}

/// What the keys of the questions to an account begin with: another's code finds nothing there.
pub fn questions(sender: &str) -> Vec<u8> {
    named(Kind::Question, &hash(&[sender]))
}

/// The key of a question: an account is asked for a number once.
pub fn question(sender: &str, address: &str) -> Vec<u8> {
    let mut key = questions(sender);
    key.extend(&hash(&[address])[..16]);
    key
}

/// What the keys of the mails begin with that wait for an answer.
pub fn kept_mails(question: MessageId) -> Vec<u8> {
    named(Kind::KeptMail, question.as_bytes())
}

/// The key of a mail that waits. Those of one question sort by time.
pub fn kept_mail(question: MessageId, id: MessageId) -> Vec<u8> {
    let mut key = kept_mails(question);
    key.extend(id.as_bytes());
    key
}

/// The key of a line of the audit. They sort by time.
pub fn audit(id: MessageId) -> Vec<u8> {
    named(Kind::Audit, id.as_bytes())
}

/// The key of what is kept of a mail.
pub fn original(mail: MessageId) -> Vec<u8> {
    named(Kind::Original, mail.as_bytes())
}

/// What the keys begin with of what is to be told of a mail for one cause.
pub fn tellings(mail: MessageId, cause: &str) -> Vec<u8> {
    let mut key = named(Kind::Telling, mail.as_bytes());
    key.extend(&hash(&[cause])[..8]);
    key
}

/// The key of what is to be told of a message for one cause.
pub fn telling(telling: &Telling) -> Vec<u8> {
    let mut key = tellings(telling.mail.id, &telling.cause);
    key.extend(telling.message.as_bytes());
    key
}

/// The key of a phone that wants no SMS. They sort as their numbers do, digit by digit.
pub fn opt_out(phone: &Number) -> Vec<u8> {
    named(Kind::OptOut, phone.digits().as_bytes())
}

/// Octets that sort as times do: with the sign bit turned, those before 1970 sort before the others.
fn sorting(time: Timestamp) -> [u8; 8] {
    ((time.as_microsecond() as u64) ^ (1 << 63)).to_be_bytes()
}

/// What the links of a phone begin with.
pub fn links_of(phone: &Number) -> Vec<u8> {
    let mut key = named(Kind::Link, phone.digits().as_bytes());
    // No phone's links begin as those of a phone whose number it begins with.
    key.push(0);
    key
}

/// The id in the key of a message, a received SMS or a mail.
pub fn id(key: &[u8]) -> Option<MessageId> {
    let bytes: [u8; 16] = key.get(1..)?.try_into().ok()?;
    Some(MessageId::from_bytes(bytes))
}

fn named(kind: Kind, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len() + 17);
    key.push(kind.octet());
    key.extend_from_slice(name);
    key
}

fn hash(texts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        // With the lengths, no two lists of texts are hashed alike.
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_sort_by_time_and_not_across_phones() {
        let short = Number::from_network("+155512").expect("number");
        let long = Number::from_network("+1555123").expect("number");
        let at = |second| Timestamp::from_second(second).expect("time");
        assert!(links(&short, at(-5)) < links(&short, at(5)));
        assert!(links(&short, at(5)) < links(&short, at(6)));
        assert!(!links(&long, at(5)).starts_with(&links_of(&short)));
    }

    #[test]
    fn kinds_are_told_apart() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&[kind.octet(), 1]), Some(kind));
        }
        assert_eq!(Kind::of(META), None);
        assert_eq!(Kind::of(b""), None);
        assert_ne!(counter("a", "bc"), counter("ab", "c"));
    }
}
