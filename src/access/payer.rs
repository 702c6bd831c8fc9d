//! Who sends, and who pays for it.

use jiff::Timestamp;

use super::credentials::Shown;
use super::token::TokenId;
use super::{Access, Policy, User};
use crate::mail::{Client, Envelope, Reply};
use crate::sms::Number;

/// Who sends, and who pays: one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Payer {
    /// The account's address; also where reports go.
    pub account: String,
    /// What it may do.
    pub policy: Policy,
    /// The gateway it is pinned to.
    pub gateway: Option<String>,
    /// It has shown that it is who it is; else the envelope sender is believed.
    pub is_proven: bool,
    /// The token that it has shown.
    pub token: Option<TokenId>,
}

impl Access {
    /// Who sends to `number`. `shown`: by its address; `orcpt`: the address of the RCPT's ORCPT parameter.
    pub fn who(
        &self,
        envelope: &Envelope,
        shown: &Shown,
        orcpt: Option<&str>,
        number: &Number,
        now: Timestamp,
    ) -> Result<Payer, Reply> {
        let payer = if let Some(account) = self.logged_in(envelope) {
            self.proven(&account)
        } else if let Some(account) = shown.account(number)? {
            Payer {
                token: shown.token(),
                ..self.proven(account)
            }
        } else if self.is_resubmission(envelope) {
            self.resubmitted(envelope, orcpt, number)?
        } else {
            self.speaker(envelope)?
        };
        self.check(payer, number, now)
    }

    /// Who has proven to the MTA who he is: by SMTP AUTH, else by a client certificate. On the re-submission
    /// listener it is the MTA that speaks.
    pub fn logged_in(&self, envelope: &Envelope) -> Option<String> {
        if self.is_resubmission(envelope) {
            return None;
        }
        let login = envelope.auth.as_deref().map(|login| self.address_of(login));
        login.or_else(|| {
            let certificate = envelope.certificate.as_ref()?;
            Some(self.user_certified(certificate)?.email.clone())
        })
    }

    fn proven(&self, account: &str) -> Payer {
        Payer {
            is_proven: true,
            ..self.payer(account)
        }
    }

    /// The envelope sender, where that is trusted.
    fn speaker(&self, envelope: &Envelope) -> Result<Payer, Reply> {
        match self.is_trusted(envelope.client) {
            true => self.sender(envelope),
            false => Err(refused("log in to send SMS: only known users may")),
        }
    }

    fn trusts_sender(&self) -> bool {
        let listener = self.settings.resubmission.as_ref();
        listener.is_some_and(|listener| listener.trust_sender)
    }

    /// Who sends, before it is known where to: whoever is refused here is so for every number.
    pub fn who_at_all(
        &self,
        envelope: &Envelope,
        shown: &Shown,
        orcpt: Option<&str>,
        now: Timestamp,
    ) -> Result<Payer, Reply> {
        let alias = orcpt.and_then(|name| self.settings.aliases.get(&name.to_lowercase()));
        let by_credentials = self
            .logged_in(envelope)
            .or_else(|| shown.account_at_all().map(str::to_owned));
        let payer = match (by_credentials, self.is_resubmission(envelope), alias) {
            (Some(account), _, _) => self.proven(&account),
            (None, true, Some(alias)) => self.proven(&alias.charge),
            (None, true, None) if self.trusts_sender() => self.sender(envelope)?,
            (None, true, None) => return Err(nobody_pays()),
            (None, false, _) => self.speaker(envelope)?,
        };
        self.check_account(&payer, now)?;
        let Policy {
            to_users,
            to_external,
            ..
        } = payer.policy;
        match to_users || to_external {
            true => Ok(payer),
            false => Err(refused(format!("{} may not send SMS", payer.account))),
        }
    }

    /// Whether an address is the account's own: its user's, or one of the user's aliases.
    pub fn is_own(&self, account: &str, address: &str) -> bool {
        let own = |user: &User| {
            let mut addresses = user.aliases.iter().chain([&user.email]);
            addresses.any(|own| own.eq_ignore_ascii_case(address))
        };
        address.eq_ignore_ascii_case(account) || self.user(account).is_some_and(own)
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

    /// The envelope sender of such a client is believed.
    pub fn is_trusted(&self, client: Client) -> bool {
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
            return Ok(self.proven(&alias.charge));
        }
        match self.trusts_sender() {
            true => self.sender(envelope),
            false => Err(nobody_pays()),
        }
    }

    /// A login or address as an address.
    pub fn address_of(&self, name: &str) -> String {
        match self.user(name) {
            Some(user) => user.email.clone(),
            None if name.contains('@') => name.to_owned(),
            None => format!("{name}@{}", self.settings.first_mail_domain),
        }
    }

    pub(super) fn payer(&self, address: &str) -> Payer {
        match self.user(address) {
            Some(user) => Payer {
                account: user.email.clone(),
                policy: user.policy.clone(),
                gateway: user.gateway.clone(),
                is_proven: false,
                token: None,
            },
            None => {
                let domain = address.rsplit_once('@').map(|(_, d)| d.to_lowercase());
                let own = domain.and_then(|d| self.settings.domains.get(&d));
                let policy = own.unwrap_or(&self.settings.defaults).clone();
                Payer {
                    account: address.to_lowercase(),
                    policy,
                    gateway: None,
                    is_proven: false,
                    token: None,
                }
            }
        }
    }

    fn check_account(&self, payer: &Payer, now: Timestamp) -> Result<(), Reply> {
        if let Some(user) = self.user(&payer.account) {
            let today = now.to_zoned(self.settings.timezone.clone()).date();
            if !user.active {
                return Err(refused(format!("the account {} is not active", user.email)));
            }
            if user.expires.is_some_and(|last| last < today) {
                return Err(refused(format!("the account {} has expired", user.email)));
            }
        }
        Ok(())
    }

    fn check(&self, payer: Payer, number: &Number, now: Timestamp) -> Result<Payer, Reply> {
        self.check_account(&payer, now)?;
        let allowed = payer.policy.to_external
            || payer.policy.to_users && self.known().with_mobile(number).is_some();
        if !allowed {
            let only = match payer.policy.to_users {
                true => ", only to phones of users",
                false => "",
            };
            return Err(refused(format!(
                "{} may not send SMS to {number}{only}",
                payer.account
            )));
        }
        Ok(payer)
    }
}

fn nobody_pays() -> Reply {
    refused("nobody pays for this SMS: no alias of access.aliases leads to this number")
}

fn refused(text: impl AsRef<str>) -> Reply {
    Reply::new(550, "5.7.1", text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::tz::TimeZone;

    use super::super::credentials::Certificate;
    use super::super::{Alias, Network, Resubmission, Settings, User};
    use super::*;

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn access(issuers: &[&str]) -> Access {
        let user = |name: &str| User::new(format!("{name}@example.com"), Policy::default());
        let of_host = User {
            certificates: vec!["Monitor.example.com".into()],
            ..user("host")
        };
        Access::new(Settings {
            trusted_networks: Network::parse("127.0.0.0/8").into_iter().collect(),
            timezone: TimeZone::UTC,
            address_passwords: true,
            certificate_issuers: issuers.iter().map(|i| i.to_string()).collect(),
            defaults: Policy::default(),
            domains: HashMap::new(),
            resubmission: Some(Resubmission {
                daemon: "sms".into(),
                trust_sender: false,
            }),
            aliases: HashMap::from([(
                "oncall@example.com".into(),
                Alias {
                    charge: "ops@example.com".into(),
                    to: vec![number("+15551234567")],
                },
            )]),
            users: std::sync::Arc::new(vec![of_host, user("bob")].into()),
            first_mail_domain: "example.com".into(),
        })
    }

    fn certificate(name: &str, issuer: Option<&str>) -> Option<Certificate> {
        Some(Certificate {
            name: name.into(),
            issuer: issuer.map(Into::into),
        })
    }

    fn token(to: &str) -> Shown {
        Shown::Token {
            account: "token@example.com".into(),
            numbers: vec![number(to)],
            id: TokenId::of(&[7; 32]),
        }
    }

    fn who(access: &Access, envelope: &Envelope, shown: &Shown, orcpt: Option<&str>) -> String {
        let now = Timestamp::UNIX_EPOCH;
        match access.who(envelope, shown, orcpt, &number("+15551234567"), now) {
            Ok(payer) => {
                let how = match (payer.is_proven, payer.token) {
                    (_, Some(_)) => " by token",
                    (true, None) => "",
                    (false, None) => " believed",
                };
                format!("{}{how}", payer.account)
            }
            Err(reply) => reply.to_string(),
        }
    }

    /// All that may be said of a mail, then one thing less at a time: the strongest counts.
    #[test]
    fn the_strongest_proof_counts() {
        let access = access(&[]);
        let mut envelope = Envelope {
            sender: "bob@example.com".into(),
            auth: Some("ann".into()),
            certificate: certificate("monitor.example.com", None),
            client: Client::Ip([127, 0, 0, 1].into()),
            ..Envelope::default()
        };
        let shown = token("+15551234567");
        assert_eq!(who(&access, &envelope, &shown, None), "ann@example.com");
        envelope.auth = None;
        assert_eq!(who(&access, &envelope, &shown, None), "host@example.com");
        envelope.certificate = certificate("stranger.example.com", None);
        let by_token = "token@example.com by token";
        assert_eq!(who(&access, &envelope, &shown, None), by_token);
        let password = Shown::Password("eve@example.com".into());
        assert_eq!(who(&access, &envelope, &password, None), "eve@example.com");
        let believed = "bob@example.com believed";
        assert_eq!(who(&access, &envelope, &Shown::Nothing, None), believed);
        envelope.client = Client::Ip([192, 0, 2, 1].into());
        let login = "550 5.7.1 log in to send SMS: only known users may";
        assert_eq!(who(&access, &envelope, &Shown::Nothing, None), login);
        // A token for another number is wrong, wherever the mail comes from.
        envelope.client = Client::Local;
        let wrong = "550 5.7.8 wrong password or token";
        assert_eq!(who(&access, &envelope, &token("+15557654321"), None), wrong);
    }

    #[test]
    fn on_the_resubmission_listener_only_what_the_address_says_counts() {
        let access = access(&[]);
        let envelope = Envelope {
            sender: "bob@example.com".into(),
            auth: Some("ann".into()),
            certificate: certificate("monitor.example.com", None),
            client: Client::Ip([127, 0, 0, 1].into()),
            daemon: Some("sms".into()),
            ..Envelope::default()
        };
        let orcpt = Some("oncall@example.com");
        let shown = token("+15551234567");
        assert_eq!(
            who(&access, &envelope, &shown, orcpt),
            "token@example.com by token"
        );
        assert_eq!(
            who(&access, &envelope, &Shown::Nothing, orcpt),
            "ops@example.com"
        );
        let nobody = who(&access, &envelope, &Shown::Nothing, None);
        assert!(nobody.starts_with("550 5.7.1"), "{nobody}");
    }

    #[test]
    fn only_listed_issuers_vouch() {
        let access = access(&["Example CA"]);
        for (issuer, knows) in [
            (Some("Example CA"), true),
            (Some("example ca"), false),
            (Some("Another CA"), false),
            (None, false),
        ] {
            let shown = certificate("monitor.example.com", issuer).expect("certificate");
            assert_eq!(access.user_certified(&shown).is_some(), knows, "{issuer:?}");
        }
    }
}
