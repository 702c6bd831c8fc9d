//! Who may send SMS, and who pays (spec 3).
//!
//! The sender is the SMTP AUTH login; else who has a TLS client certificate that is listed; else whom a
//! token or a password in the address names; else, from a trusted network or a local program, the envelope
//! sender; on the re-submission listener an alias that pays. Never a header, never `{auth_author}`, never
//! an unauthenticated MAIL FROM from elsewhere (threats T01, T02).

mod accounts;
pub mod credentials;
pub mod destinations;
pub mod found;
pub mod network;
pub mod payer;
mod people;
pub mod stand_ins;
pub mod token;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{Timestamp, civil, tz::TimeZone};

use self::destinations::Reach;
use self::found::{Found, Known};
pub use self::people::People;
use crate::secret::Secret;
use crate::sms::{Class, Number};

use credentials::Certificate;
use stand_ins::StandIns;

pub use network::Network;
pub use payer::Payer;

/// What a sender may do: `defaults`, then the domain's, then the user's, key by key.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// May send to phones of users.
    pub to_users: bool,
    /// May send to any phone.
    pub to_external: bool,
    /// May teach the phonebook numbers of others.
    pub phonebook: bool,
    /// May send data in the place of a text.
    pub binary: bool,
    /// May say which gateway an SMS goes through.
    pub choose_gateway: bool,
    /// Where to, of what the site allows. Shared by all who have no lists of their own.
    pub reach: Arc<Reach>,
    /// Segments a month; 0: no limit.
    pub monthly_limit: u32,
    /// Segments that it may send at all, by the counters of the store; `None`: no such limit.
    pub credit: Option<u32>,
    /// Segments a message.
    pub max_segments: u8,
    /// When to confirm.
    pub confirm: Confirm,
    /// Sender ids this sender may show; the first is shown.
    pub sender_ids: Vec<String>,
    /// Urgency.
    pub class: Class,
    /// In which language we write to them, as `de`; `None`: as `mail.language` says.
    pub language: Option<Arc<str>>,
    /// What of a mail becomes its SMS, and in which shape; `None`: as `text.template` says.
    pub template: Option<Arc<str>>,
}

/// When the sender hears of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// When the mail asks for it.
    Asked,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            to_users: true,
            to_external: true,
            phonebook: false,
            binary: false,
            choose_gateway: false,
            reach: Arc::default(),
            monthly_limit: 200,
            credit: None,
            max_segments: 5,
            confirm: Confirm::Asked,
            sender_ids: Vec::new(),
            class: Class::Normal,
            language: None,
            template: None,
        }
    }
}

/// A mail user known by configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Lower case.
    pub email: String,
    /// What people call the user; for mails.
    pub name: Option<String>,
    /// Further addresses, lower case.
    pub aliases: Vec<String>,
    /// The SMTP AUTH name, when it is not the address.
    pub login: Option<String>,
    /// Names of TLS client certificates by which the user is known.
    pub certificates: Vec<String>,
    /// What people on phones call the user.
    pub nickname: Option<String>,
    /// Where SMS to the user go.
    pub mobile: Option<Number>,
    /// The number that gateways may show in the place of the mobile (`%sender_phonealias%`).
    pub phone_alias: Option<Number>,
    /// The last day of the account.
    pub expires: Option<civil::Date>,
    /// The account works.
    pub active: bool,
    /// The gateway this user's SMS go through.
    pub gateway: Option<String>,
    /// Of the password in addresses and at the doors for programs: Argon2, as a PHC string.
    pub password_hash: Option<Secret>,
    /// What the user may do.
    pub policy: Policy,
    /// A program: what phones answer it, and what became of its SMS, is posted to it and not mailed.
    pub post: bool,
}

impl User {
    /// With an address (lower case), the policy, and nothing else.
    pub fn new(email: impl Into<String>, policy: Policy) -> Self {
        Self {
            email: email.into(),
            name: None,
            aliases: Vec::new(),
            login: None,
            certificates: Vec::new(),
            nickname: None,
            mobile: None,
            phone_alias: None,
            expires: None,
            active: true,
            gateway: None,
            password_hash: None,
            policy,
            post: false,
        }
    }

    /// The mail domain.
    pub fn domain(&self) -> &str {
        self.email.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// What a mail calls the user where a phone number alone says little.
    pub fn shown(&self) -> &str {
        let local = || self.email.split('@').next().unwrap_or(&self.email);
        let name = self.name.as_deref().or(self.nickname.as_deref());
        name.unwrap_or_else(local)
    }

    /// The address, the aliases and the login: names that are this user's alone.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.aliases.iter().chain(&self.login).chain([&self.email]);
        names.map(String::as_str)
    }
}

/// An alias that pays on the re-submission listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// Address of who pays.
    pub charge: String,
    /// The only numbers it pays for, because ORCPT is forgeable.
    pub to: Vec<Number>,
}

/// The listener that aliases come back through.
#[derive(Clone, Debug, PartialEq)]
pub struct Resubmission {
    /// Its `{daemon_name}`.
    pub daemon: String,
    /// The MTA has already checked who may send: the envelope sender counts.
    pub trust_sender: bool,
}

/// Section `access` of the configuration, and the users.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose envelope sender counts.
    pub trusted_networks: Vec<Network>,
    /// When months begin.
    pub timezone: TimeZone,
    /// For senders that are nobody's user.
    pub defaults: Policy,
    /// `user` and `pass` in an address count.
    pub address_passwords: bool,
    /// Whose client certificates count: common names of issuers; empty: all that the MTA verifies.
    pub certificate_issuers: Vec<String>,
    /// Defaults of a mail domain (lower case).
    pub domains: HashMap<String, Policy>,
    /// The listener that aliases come back through.
    pub resubmission: Option<Resubmission>,
    /// By address, lower case.
    pub aliases: HashMap<String, Alias>,
    /// The users; shared with whoever else looks them up.
    pub users: Arc<People>,
    /// For logins without a domain.
    pub first_mail_domain: String,
}

/// The people, to be asked: the users of the configuration, then those that directories found. Cheap to
/// clone.
#[derive(Clone)]
pub struct Access {
    settings: Arc<Settings>,
    stand_ins: Arc<StandIns>,
    found: Arc<Found>,
}

impl Access {
    /// From the configuration.
    pub fn new(settings: Settings) -> Self {
        let hashes = settings.users.iter();
        let hashes = hashes.filter_map(|user| user.password_hash.as_ref());
        Self {
            stand_ins: Arc::new(StandIns::of(hashes.map(Secret::expose))),
            settings: Arc::new(settings),
            found: Arc::default(),
        }
    }

    /// The users of the configuration.
    pub fn people(&self) -> &People {
        &self.settings.users
    }

    /// The same people, and those that directories found.
    pub fn knowing(&self, found: &Arc<Found>) -> Self {
        Self {
            found: found.clone(),
            ..self.clone()
        }
    }

    /// All who are known.
    pub fn known(&self) -> Known<'_> {
        Known::new(&self.settings.users, &self.found)
    }

    /// The user with that address, alias or login, any case.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.known().named(name)
    }

    /// What is hashed for those who have no password.
    pub fn stand_ins(&self) -> &StandIns {
        &self.stand_ins
    }

    /// The user whom this login or address means; with one mail domain the bare local part does too.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.user(&self.address_of(name))
    }

    /// The user whose client certificate this is.
    pub fn user_certified(&self, certificate: &Certificate) -> Option<&User> {
        let issuers = &self.settings.certificate_issuers;
        let issuer = certificate.issuer.as_deref();
        let is_trusted = issuers.is_empty() || issuers.iter().any(|i| Some(i.as_str()) == issuer);
        let user = self.people().with_certificate(&certificate.name);
        user.filter(|_| is_trusted)
    }

    /// Whether `user` and `pass` in an address count.
    pub fn takes_address_passwords(&self) -> bool {
        self.settings.address_passwords
    }

    /// The user called so on an SMS domain: local part, alias or nickname.
    pub fn user_called(&self, local: &str, mail_domain: &str) -> Option<&User> {
        self.known().called(local, mail_domain)
    }

    /// The zone whose midnights count.
    pub fn timezone(&self) -> &TimeZone {
        &self.settings.timezone
    }

    /// The month a charge of now belongs to: `2026-11`.
    pub fn month(&self, now: Timestamp) -> String {
        now.to_zoned(self.settings.timezone.clone())
            .strftime("%Y-%m")
            .to_string()
    }

    /// The day that a segment of now is counted on: `2026-11-20`.
    pub fn day(&self, now: Timestamp) -> String {
        now.to_zoned(self.settings.timezone.clone())
            .strftime("%Y-%m-%d")
            .to_string()
    }

    /// When the day of now is over.
    pub fn day_ends(&self, now: Timestamp) -> Timestamp {
        let tomorrow = now.to_zoned(self.settings.timezone.clone()).tomorrow();
        let midnight = tomorrow.and_then(|day| day.start_of_day());
        midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// When the month of now is over.
    pub fn month_ends(&self, now: Timestamp) -> Timestamp {
        let here = now.to_zoned(self.settings.timezone.clone());
        let next = here
            .first_of_month()
            .and_then(|day| day.checked_add(jiff::Span::new().months(1)));
        let midnight = next.and_then(|day| day.start_of_day());
        midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }

    /// The first day of the month after it, for people.
    pub fn next_month(&self, now: Timestamp) -> String {
        let today = now.to_zoned(self.settings.timezone.clone()).date();
        let next = today
            .first_of_month()
            .checked_add(jiff::Span::new().months(1));
        next.map(|date| date.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::credentials::Shown;
    use super::*;
    use crate::mail::{Client, Envelope};

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn user(email: &str) -> User {
        User::new(email, Policy::default())
    }

    fn access(trust_sender: bool) -> Access {
        let networks = ["127.0.0.0/8", "::1", "10.1.0.0/16"];
        let colleagues = Policy {
            to_external: false,
            ..Policy::default()
        };
        Access::new(Settings {
            trusted_networks: networks.iter().filter_map(|n| Network::parse(n)).collect(),
            timezone: TimeZone::UTC,
            address_passwords: false,
            certificate_issuers: Vec::new(),
            defaults: Policy::default(),
            domains: HashMap::from([(
                "example.org".into(),
                Policy {
                    monthly_limit: 500,
                    ..Policy::default()
                },
            )]),
            resubmission: Some(Resubmission {
                daemon: "sms".into(),
                trust_sender,
            }),
            aliases: HashMap::from([(
                "oncall@example.com".into(),
                Alias {
                    charge: "bob@example.com".into(),
                    to: vec![number("+15551230000")],
                },
            )]),
            users: Arc::new(People::new(vec![
                User {
                    login: Some("asmith".into()),
                    mobile: Some(number("+15557654321")),
                    nickname: Some("ann".into()),
                    ..user("ann.smith@example.com")
                },
                User {
                    policy: colleagues,
                    ..user("bob@example.com")
                },
                User {
                    active: false,
                    ..user("gone@example.com")
                },
                User {
                    expires: Some(civil::date(2026, 10, 31)),
                    ..user("old@example.com")
                },
            ])),
            first_mail_domain: "example.com".into(),
        })
    }

    struct From<'a> {
        sender: &'a str,
        auth: Option<&'a str>,
        client: &'a str,
        daemon: Option<&'a str>,
        orcpt: Option<&'a str>,
        to: &'a str,
    }

    const STRANGER: From = From {
        sender: "ann.smith@example.com",
        auth: None,
        client: "192.0.2.1",
        daemon: None,
        orcpt: None,
        to: "+15551234567",
    };

    fn who(access: &Access, from: From) -> String {
        let client = match from.client {
            "local" => Client::Local,
            ip => ip.parse().map_or(Client::Unknown, Client::Ip),
        };
        let envelope = Envelope {
            sender: from.sender.into(),
            auth: from.auth.map(Into::into),
            certificate: None,
            client,
            daemon: from.daemon.map(Into::into),
            queue_id: None,
            dsn: Default::default(),
        };
        let now = "2026-11-20T12:00:00Z".parse().expect("time");
        match access.who(
            &envelope,
            &Shown::Nothing,
            from.orcpt,
            &number(from.to),
            now,
        ) {
            Ok(payer) => payer.account,
            Err(reply) => reply.to_string(),
        }
    }

    #[test]
    fn knows_the_sender() {
        let login = "550 5.7.1 log in to send SMS: only known users may";
        let nobody =
            "550 5.7.1 nobody pays for this SMS: no alias of access.aliases leads to this number";
        for (from, expected) in [
            (STRANGER, login),
            (
                From {
                    client: "?",
                    ..STRANGER
                },
                login,
            ),
            (
                From {
                    client: "10.2.0.1",
                    ..STRANGER
                },
                login,
            ),
            (
                From {
                    auth: Some("asmith"),
                    ..STRANGER
                },
                "ann.smith@example.com",
            ),
            (
                From {
                    auth: Some("ASmith"),
                    sender: "",
                    ..STRANGER
                },
                "ann.smith@example.com",
            ),
            (
                From {
                    auth: Some("carol"),
                    ..STRANGER
                },
                "carol@example.com",
            ),
            (
                From {
                    auth: Some("Carol@example.org"),
                    ..STRANGER
                },
                "carol@example.org",
            ),
            (
                From {
                    client: "127.0.0.1",
                    ..STRANGER
                },
                "ann.smith@example.com",
            ),
            (
                From {
                    client: "::ffff:127.0.0.1",
                    ..STRANGER
                },
                "ann.smith@example.com",
            ),
            (
                From {
                    client: "10.1.255.1",
                    ..STRANGER
                },
                "ann.smith@example.com",
            ),
            (
                From {
                    client: "local",
                    sender: "root@host",
                    ..STRANGER
                },
                "root@host",
            ),
            (
                From {
                    client: "local",
                    sender: "",
                    ..STRANGER
                },
                "550 5.7.1 SMS need a sender: this mail has the null sender",
            ),
            (
                From {
                    auth: Some("bob@example.com"),
                    ..STRANGER
                },
                "550 5.7.1 bob@example.com may not send SMS to +15551234567, only to phones of users",
            ),
            (
                From {
                    auth: Some("bob@example.com"),
                    to: "+15557654321",
                    ..STRANGER
                },
                "bob@example.com",
            ),
            (
                From {
                    auth: Some("gone@example.com"),
                    ..STRANGER
                },
                "550 5.7.1 the account gone@example.com is not active",
            ),
            (
                From {
                    auth: Some("old@example.com"),
                    ..STRANGER
                },
                "550 5.7.1 the account old@example.com has expired",
            ),
            // On the re-submission listener nothing of this counts.
            (
                From {
                    daemon: Some("sms"),
                    client: "127.0.0.1",
                    ..STRANGER
                },
                nobody,
            ),
            (
                From {
                    daemon: Some("sms"),
                    client: "local",
                    ..STRANGER
                },
                nobody,
            ),
            (
                From {
                    daemon: Some("sms"),
                    orcpt: Some("oncall@example.com"),
                    ..STRANGER
                },
                nobody,
            ),
        ] {
            assert_eq!(who(&access(false), from), expected);
        }
    }

    #[test]
    fn an_alias_pays_for_its_numbers_only() {
        let oncall = From {
            daemon: Some("sms"),
            orcpt: Some("OnCall@example.com"),
            to: "+15551230000",
            ..STRANGER
        };
        // Bob may not write to strangers, alias or not.
        assert_eq!(
            who(&access(false), oncall),
            "550 5.7.1 bob@example.com may not send SMS to +15551230000, only to phones of users"
        );
        let mut all = access(false);
        let mut users = all.people().to_vec();
        users[1].policy.to_external = true;
        Arc::make_mut(&mut all.settings).users = Arc::new(users.into());
        assert_eq!(
            who(
                &all,
                From {
                    daemon: Some("sms"),
                    orcpt: Some("oncall@example.com"),
                    to: "+15551230000",
                    ..STRANGER
                }
            ),
            "bob@example.com"
        );
    }

    #[test]
    fn a_trusted_listener_takes_the_envelope_sender() {
        let from = From {
            daemon: Some("sms"),
            ..STRANGER
        };
        assert_eq!(who(&access(true), from), "ann.smith@example.com");
    }

    #[test]
    fn months_follow_the_zone() {
        let mut access = access(false);
        Arc::make_mut(&mut access.settings).timezone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-12-31T22:30:00Z".parse().expect("time");
        assert_eq!(access.month(now), "2027-01");
        assert_eq!(access.next_month(now), "2027-02-01");
    }
}
