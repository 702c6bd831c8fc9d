//! Who may send SMS, and who pays (spec 3).
//!
//! The sender is the SMTP AUTH login; else, from a trusted network or a local program, the envelope
//! sender; on the re-submission listener an alias that pays. Never a header, never `{auth_author}`,
//! never an unauthenticated MAIL FROM from elsewhere (threats T01, T02).

pub mod destinations;

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::mail::{Client, Envelope, Reply};
use crate::sms::{Class, Number};

/// What a sender may do: `defaults`, then the domain's, then the user's, key by key.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// May send to phones of users.
    pub to_users: bool,
    /// May send to any phone.
    pub to_external: bool,
    /// Segments a month; 0: no limit.
    pub monthly_limit: u32,
    /// Segments a message.
    pub max_segments: u8,
    /// When to confirm.
    pub confirm: Confirm,
    /// Sender ids this sender may show; the first is shown.
    pub sender_ids: Vec<String>,
    /// Urgency.
    pub class: Class,
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
            monthly_limit: 200,
            max_segments: 5,
            confirm: Confirm::Asked,
            sender_ids: Vec::new(),
            class: Class::Normal,
        }
    }
}

/// A mail user known by configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Lower case.
    pub email: String,
    /// Lower case.
    pub aliases: Vec<String>,
    /// The SMTP AUTH name, when it is not the address.
    pub login: Option<String>,
    /// What people on phones call the user.
    pub nickname: Option<String>,
    /// Where SMS to the user go.
    pub mobile: Option<Number>,
    /// The last day of the account.
    pub expires: Option<civil::Date>,
    /// The account works.
    pub active: bool,
    /// The gateway this user's SMS go through.
    pub gateway: Option<String>,
    /// What the user may do.
    pub policy: Policy,
    /// A program: what phones answer it, and what became of its SMS, is posted to it and not mailed.
    pub post: bool,
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

/// A range of addresses: `127.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without a prefix length. What it does not understand it refuses.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().ok()?,
            Some(_) => return None,
            None => width,
        };
        (bits <= width).then_some(Self {
            address: address.to_canonical(),
            bits,
        })
    }

    /// Whether the address is in it; an IPv4 address in IPv6 clothes counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let leading = |value: u128, width: u8| match self.bits {
            0 => 0,
            bits => value >> (u32::from(width) - u32::from(bits.min(width))),
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                leading(u32::from(a).into(), 32) == leading(u32::from(b).into(), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => leading(a.into(), 128) == leading(b.into(), 128),
            _ => false,
        }
    }
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
    /// Defaults of a mail domain (lower case).
    pub domains: HashMap<String, Policy>,
    /// The listener that aliases come back through.
    pub resubmission: Option<Resubmission>,
    /// By address, lower case.
    pub aliases: HashMap<String, Alias>,
    /// The users.
    pub users: Vec<User>,
    /// For logins without a domain.
    pub first_mail_domain: String,
}

/// Who sends, and who pays: one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Payer {
    /// The account's address; also where reports go.
    pub account: String,
    /// What it may do.
    pub policy: Policy,
    /// The gateway it is pinned to.
    pub gateway: Option<String>,
}

/// The people, to be looked up.
pub struct Access {
    settings: Settings,
    by_name: HashMap<String, usize>,
    by_mobile: HashMap<Number, usize>,
}

impl Access {
    /// Builds the look-up tables.
    pub fn new(settings: Settings) -> Self {
        let mut by_name = HashMap::new();
        let mut by_mobile = HashMap::new();
        for (index, user) in settings.users.iter().enumerate() {
            let names = user.aliases.iter().chain(&user.login).chain([&user.email]);
            by_name.extend(names.map(|name| (name.to_lowercase(), index)));
            by_mobile.extend(user.mobile.clone().map(|mobile| (mobile, index)));
        }
        Self {
            settings,
            by_name,
            by_mobile,
        }
    }

    /// The user with that address, alias or login, any case.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.by_name
            .get(&name.to_lowercase())
            .map(|&index| &self.settings.users[index])
    }

    /// The user called so on an SMS domain: local part, alias or nickname.
    pub fn user_called(&self, local: &str, mail_domain: &str) -> Option<&User> {
        let nicknamed = |user: &&User| {
            user.nickname
                .as_deref()
                .is_some_and(|n| n.eq_ignore_ascii_case(local))
                && user.email.ends_with(&format!("@{mail_domain}"))
        };
        self.user(&format!("{local}@{mail_domain}"))
            .or_else(|| self.settings.users.iter().find(nicknamed))
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

    /// Who sends to `number`. `orcpt`: the address of the RCPT's ORCPT parameter.
    pub fn who(
        &self,
        envelope: &Envelope,
        orcpt: Option<&str>,
        number: &Number,
        now: Timestamp,
    ) -> Result<Payer, Reply> {
        let payer = if self.is_resubmission(envelope) {
            self.resubmitted(envelope, orcpt, number)?
        } else if let Some(login) = &envelope.auth {
            self.payer(&self.address_of(login))
        } else if self.is_trusted(envelope.client) {
            self.sender(envelope)?
        } else {
            return Err(refused("log in to send SMS: only known users may"));
        };
        self.check(payer, number, now)
    }

    /// The mail came through the listener that aliases come back through.
    pub fn is_resubmission(&self, envelope: &Envelope) -> bool {
        let listener = self
            .settings
            .resubmission
            .as_ref()
            .map(|r| r.daemon.as_str());
        listener.is_some() && listener == envelope.daemon.as_deref()
    }

    fn is_trusted(&self, client: Client) -> bool {
        match client {
            Client::Local => true,
            Client::Ip(ip) => self
                .settings
                .trusted_networks
                .iter()
                .any(|n| n.contains(ip)),
            Client::Unknown => false,
        }
    }

    fn sender(&self, envelope: &Envelope) -> Result<Payer, Reply> {
        match envelope.sender.as_str() {
            "" => Err(refused("SMS need a sender: this mail has the null sender")),
            sender => Ok(self.payer(&self.address_of(sender))),
        }
    }

    fn resubmitted(
        &self,
        envelope: &Envelope,
        orcpt: Option<&str>,
        number: &Number,
    ) -> Result<Payer, Reply> {
        let alias = orcpt.and_then(|name| self.settings.aliases.get(&name.to_lowercase()));
        if let Some(alias) = alias.filter(|alias| alias.to.contains(number)) {
            return Ok(self.payer(&alias.charge));
        }
        if self
            .settings
            .resubmission
            .as_ref()
            .is_some_and(|r| r.trust_sender)
        {
            return self.sender(envelope);
        }
        Err(refused(
            "nobody pays for this SMS: no alias of access.aliases leads to this number",
        ))
    }

    /// A login or address as an address.
    fn address_of(&self, name: &str) -> String {
        match self.user(name) {
            Some(user) => user.email.clone(),
            None if name.contains('@') => name.to_owned(),
            None => format!("{name}@{}", self.settings.first_mail_domain),
        }
    }

    fn payer(&self, address: &str) -> Payer {
        match self.user(address) {
            Some(user) => Payer {
                account: user.email.clone(),
                policy: user.policy.clone(),
                gateway: user.gateway.clone(),
            },
            None => {
                let domain = address.rsplit_once('@').map(|(_, d)| d.to_lowercase());
                let own = domain.and_then(|d| self.settings.domains.get(&d));
                let policy = own.unwrap_or(&self.settings.defaults).clone();
                Payer {
                    account: address.to_lowercase(),
                    policy,
                    gateway: None,
                }
            }
        }
    }

    fn check(&self, payer: Payer, number: &Number, now: Timestamp) -> Result<Payer, Reply> {
        if let Some(user) = self.user(&payer.account) {
            let today = now.to_zoned(self.settings.timezone.clone()).date();
            if !user.active {
                return Err(refused(format!("the account {} is not active", user.email)));
            }
            if user.expires.is_some_and(|last| last < today) {
                return Err(refused(format!("the account {} has expired", user.email)));
            }
        }
        let allowed = payer.policy.to_external
            || payer.policy.to_users && self.by_mobile.contains_key(number);
        if !allowed {
            return Err(refused(format!(
                "{} may not send SMS to {number}",
                payer.account
            )));
        }
        Ok(payer)
    }
}

fn refused(text: impl AsRef<str>) -> Reply {
    Reply::new(550, "5.7.1", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn user(email: &str) -> User {
        User {
            email: email.into(),
            aliases: vec![],
            login: None,
            nickname: None,
            mobile: None,
            expires: None,
            active: true,
            gateway: None,
            policy: Policy::default(),
            post: false,
        }
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
            users: vec![
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
            ],
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
            client,
            daemon: from.daemon.map(Into::into),
            queue_id: None,
        };
        let now = "2026-11-20T12:00:00Z".parse().expect("time");
        match access.who(&envelope, from.orcpt, &number(from.to), now) {
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
                "550 5.7.1 bob@example.com may not send SMS to +15551234567",
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
            "550 5.7.1 bob@example.com may not send SMS to +15551230000"
        );
        let mut all = access(false);
        all.settings.users[1].policy.to_external = true;
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
    fn networks_refuse_what_they_do_not_understand() {
        for bad in [
            "10.*",
            "*",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "localhost",
            "",
        ] {
            assert!(Network::parse(bad).is_none(), "{bad}");
        }
        let all = Network::parse("0.0.0.0/0").expect("network");
        assert!(all.contains("203.0.113.9".parse().expect("ip")));
        assert!(!all.contains("2001:db8::1".parse().expect("ip")));
    }

    #[test]
    fn months_follow_the_zone() {
        let mut access = access(false);
        access.settings.timezone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-12-31T22:30:00Z".parse().expect("time");
        assert_eq!(access.month(now), "2027-01");
        assert_eq!(access.next_month(now), "2027-02-01");
    }
}
