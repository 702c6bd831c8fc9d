//! The path from SMS to mail: keep → join → address → compose → store, from where
//! [`crate::mail::inject`] takes it on.
//!
//! What a gateway hands over is durable before it is acknowledged ([`Inbound::receive`]). One task
//! ([`Inbound::run`]) makes mails of it; what becomes of an SMS, its mails and the SMS that asks back
//! are one transaction. So every SMS is in a mail at least once, in a mail to an admin, gone on to a
//! phone ([`forward`]), dropped by a rule, or in quarantine and an admin told (a flood of texts that lack parts); beside STOP and START
//! ([`optout`]) and what says nothing to anybody, nothing else ever drops one.

pub mod address;
pub mod chain;
pub mod deliver;
mod desk;
mod flood;
pub mod forward;
mod gone;
pub mod join;
pub mod keep;
pub mod optout;
mod quarantine;
mod release;
mod shown;
mod special;
pub mod whole;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use self::forward::Phones;

use crate::access::People;
use crate::directory::Directories;
use crate::live::Live;
use crate::mail::words::Speech;
use crate::pace::Spate;
use crate::rules::IncomingRule;
use crate::sms::Number;
use crate::store::Store;
use crate::world::World;

/// How SMS become mail (spec 8, `incoming:` and `mail:` of spec 13).
#[derive(Clone, Debug)]
pub struct Settings {
    /// `#ann@example.com#` and `#ann#` name recipients.
    pub email_tags: bool,
    /// Domains, other than our mail domains, that a tag may name.
    pub relay: Vec<String>,
    /// The first word may be a nickname.
    pub nicknames: bool,
    /// It is cut off.
    pub strip_nickname: bool,
    /// How long an SMS answers a mail.
    pub reply_window: Duration,
    /// What to do when several wrote to the phone.
    pub on_conflict: OnConflict,
    /// The SMS that asks whom the phone means.
    pub conflict_text: String,
    /// How long parts wait for each other, and a message for the phone's answer.
    pub join_wait: Duration,
    /// How soon an SMS follows that goes on with a full one; zero: no SMS does.
    pub concat_window: Duration,
    /// Words that end SMS to a phone.
    pub opt_out: optout::Settings,
    /// Who gets what nobody else does.
    pub default: Option<String>,
    /// First match wins.
    pub rules: Vec<IncomingRule>,
    /// Our domains: mail domain and the SMS domain that goes with it; at least one.
    pub domains: Vec<(String, String)>,
    /// Our users; those with `post` are programs, which SMS are posted to.
    pub people: Arc<People>,
    /// Where further users are.
    pub directories: Arc<Directories>,
    /// Our gateways by id.
    pub gateways: HashMap<String, Line>,
    /// In which words whom is written to.
    pub speech: Speech,
    /// This machine, in Message-IDs.
    pub hostname: String,
    /// Who hears of what went wrong.
    pub admin: String,
    /// The address that our notes come from.
    pub mail_from: String,
    /// Envelope sender, without `<>`; empty: the null sender.
    pub envelope_from: String,
}

/// What to do when several wrote to a phone and it answers without saying whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Ask the phone.
    Ask,
    /// The last who wrote gets it.
    Last,
    /// All get it.
    All,
}

/// What of a gateway matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its own number.
    pub number: Option<Number>,
    /// From of the mails its SMS become, `sms:%s@example.com`.
    pub from: Option<String>,
    /// Who gets what of its SMS nobody else does; else [`Settings::default`] does.
    pub default: Option<String>,
}

/// The path. See the module's contract.
pub struct Inbound {
    /// A reload exchanges them.
    pub settings: Live<Settings>,
    store: Arc<dyn Store>,
    world: World,
    wake: Notify,
    spate: Spate,
    mail_bell: Arc<Notify>,
    message_bell: Arc<Notify>,
    phones: Phones,
}

impl Inbound {
    /// `mail_bell` is rung when there are mails to hand in, `message_bell` when there are SMS to send; `phones` is
    /// the way on to phones.
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        world: World,
        mail_bell: Arc<Notify>,
        message_bell: Arc<Notify>,
        phones: Phones,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings: Live::new(settings),
            store,
            world,
            wake: Notify::new(),
            spate: Spate::default(),
            mail_bell,
            message_bell,
            phones,
        })
    }

    /// The present settings.
    fn settings(&self) -> Arc<Settings> {
        self.settings.get()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::access::{Policy, User};
    use crate::mail::thread::Thread;
    use crate::sms::MessageId;
    use crate::store::Link;

    pub(crate) fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    pub(crate) fn id(n: u64) -> MessageId {
        MessageId::new(n, [0; 10])
    }

    pub(crate) fn link(ours: &str, sender: &str, message_id: &str, at: i64) -> Link {
        Link {
            ours: Some(number(ours)),
            phone: number("+15551234567"),
            sender: sender.to_owned(),
            message_id: Some(message_id.to_owned()),
            subject: "Lunch".to_owned(),
            gateway: None,
            thread: Thread::default(),
            at: Timestamp::from_second(at).expect("time"),
        }
    }

    pub(crate) fn settings() -> Settings {
        let person = |email: &str, alias: &str, nickname: &str| User {
            aliases: vec![alias.to_owned()],
            nickname: Some(nickname.to_owned()),
            ..User::new(email, Policy::default())
        };
        let domain = |mail: &str| (mail.to_owned(), format!("sms.{mail}"));
        let line = Line {
            number: Some(number("+15550002222")),
            ..Line::default()
        };
        Settings {
            email_tags: true,
            relay: vec!["partner.example".to_owned()],
            nicknames: true,
            strip_nickname: true,
            reply_window: Duration::from_secs(3 * 24 * 3600),
            on_conflict: OnConflict::Ask,
            conflict_text: "Several people wrote to you. Start your answer with #name#".to_owned(),
            join_wait: Duration::from_secs(3600),
            concat_window: Duration::ZERO,
            opt_out: optout::Settings::default(),
            default: Some("reception@example.com".to_owned()),
            rules: Vec::new(),
            domains: vec![domain("example.com"), domain("example.org")],
            people: Arc::new(People::new(vec![
                person("ann.smith@example.com", "asmith@example.com", "ann"),
                person("bob@example.com", "robert@example.com", "Bob"),
            ])),
            directories: Arc::default(),
            gateways: HashMap::from([("hall".to_owned(), line)]),
            speech: Speech::default(),
            hostname: "mail.example.com".to_owned(),
            admin: "postmaster@example.com".to_owned(),
            mail_from: "sms@example.com".to_owned(),
            envelope_from: String::new(),
        }
    }
}
