//! `access`: who may send, and who pays. What each may do is [`super::policy`]'s, the users are
//! [`super::users`]'.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::domains_of;
use super::problems::At;
use super::raw::{self, Several, Spelled};
use super::scalars::Judge;
use super::users::Bases;
use crate::access::{Alias, Network, People, Policy, Resubmission, Settings};
use crate::mail::address;
use crate::sms::Region;
use crate::web::post::Program;
use crate::web::sms::Accounts;

/// What people are judged by.
pub(super) struct Surroundings<'a> {
    pub addresses: &'a address::Settings,
    pub region: Region,
    /// Ids of the gateways.
    pub gateways: &'a [String],
    /// Programs may send by HTTP.
    pub doors_open: bool,
}

/// All that these sections say.
pub(super) struct Judged {
    pub access: Settings,
    /// Programs that are told by HTTP, by account.
    pub programs: HashMap<String, Program>,
    /// Who may send by HTTP.
    pub accounts: Accounts,
}

impl Judge<'_> {
    /// `access`, and the users of `users` and `users_csv`.
    pub fn access(
        &mut self,
        root: &At,
        raw: Option<&raw::Access>,
        users: (Option<&Vec<raw::User>>, Option<&Spelled>),
        around: &Surroundings<'_>,
    ) -> Judged {
        let none = raw::Access::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("access");
        let defaults = self.policy(
            &at.key("defaults"),
            raw.defaults.as_ref(),
            &Policy::default(),
        );
        if raw.defaults.as_ref().is_some_and(|d| d.template.is_some()) {
            let here = at.key("defaults").key("template");
            self.errors
                .add(&here, "stands elsewhere for all; write it as text.template");
        }
        let mut domains = HashMap::new();
        for (name, policy) in raw.domains.iter().flatten() {
            let at = at.key("domains").key(name);
            let policy = self.policy(&at, Some(policy), &defaults);
            let Some(domain) = self.domain(&at, name) else {
                continue;
            };
            if domains.insert(domain, policy).is_some() {
                self.wrong(
                    &at,
                    name,
                    "stands here in another spelling too; write it once",
                );
            }
        }
        let resubmission = raw
            .resubmission
            .as_ref()
            .and_then(|r| self.resubmission(&at.key("resubmission"), r));
        let aliases = self.payers(&at.key("aliases"), raw, around.region);
        let bases = Bases {
            defaults: &defaults,
            domains: &domains,
        };
        let found = self.users(root, users.0, users.1, &bases, around);
        let loopback = Several(vec!["127.0.0.0/8".into(), "::1".into()]);
        let access = Settings {
            trusted_networks: self.networks(
                &at.key("trusted_networks"),
                Some(raw.trusted_networks.as_ref().unwrap_or(&loopback)),
            ),
            timezone: self.timezone(&at.key("timezone"), raw.timezone.as_deref()),
            address_passwords: raw.address_passwords.unwrap_or(false),
            certificate_issuers: self.issuers(&at, raw),
            defaults,
            domains,
            resubmission,
            aliases,
            users: Arc::new(People::new(found.users)),
            first_mail_domain: domains_of(around.addresses).0,
        };
        Judged {
            access,
            programs: found.programs,
            accounts: found.accounts,
        }
    }

    /// Addresses with or without a prefix length; none when the key is not there.
    pub fn networks(&mut self, at: &At, raw: Option<&Several>) -> Vec<Network> {
        let mut networks = Vec::new();
        for (i, text) in raw.map_or(&[][..], |raw| &raw.0).iter().enumerate() {
            match Network::parse(text) {
                Some(network) => networks.push(network),
                None => self.wrong(
                    &at.index(i),
                    text,
                    "is not a network; write 192.0.2.0/24 or \"2001:db8::/32\"",
                ),
            }
        }
        networks
    }

    /// Common names of who issues client certificates.
    fn issuers(&mut self, at: &At, raw: &raw::Access) -> Vec<String> {
        let at = at.key("certificate_issuers");
        let names = raw.certificate_issuers.as_ref();
        let names = names.map_or(&[][..], |names| &names.0);
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || name.contains(char::is_control) {
                let write = "is not a name; write the CN of the authority's certificate";
                self.wrong(&at.index(i), name, write);
            }
        }
        names.to_vec()
    }

    fn timezone(&mut self, at: &At, raw: Option<&str>) -> TimeZone {
        let name = raw.unwrap_or("UTC");
        if name == "UTC" {
            return TimeZone::UTC;
        }
        TimeZone::get(name).unwrap_or_else(|_| {
            self.wrong(
                at,
                name,
                "is not a time zone of this machine; write UTC or one like Europe/Prague",
            );
            TimeZone::UTC
        })
    }

    fn resubmission(&mut self, at: &At, raw: &raw::Resubmission) -> Option<Resubmission> {
        let choices = [("aliases", false), ("sender", true)];
        let trust_sender = self.choice(&at.key("trust"), raw.trust.as_deref(), &choices, false);
        match &raw.daemon {
            Some(daemon) if !daemon.is_empty() && !daemon.contains(char::is_whitespace) => {
                Some(Resubmission {
                    daemon: daemon.clone(),
                    trust_sender,
                })
            }
            Some(daemon) => {
                self.wrong(
                    &at.key("daemon"),
                    daemon,
                    "is not a listener's name; write milter_macro_daemon_name of master.cf",
                );
                None
            }
            None => {
                self.missing(
                    &at.key("daemon"),
                    "milter_macro_daemon_name of the listener in master.cf, as sms",
                );
                None
            }
        }
    }

    fn payers(&mut self, at: &At, raw: &raw::Access, region: Region) -> HashMap<String, Alias> {
        let mut aliases = HashMap::new();
        for (name, alias) in raw.aliases.iter().flatten() {
            let at = at.key(name);
            let key = self.address(&at, name);
            let charge = match &alias.charge {
                Some(charge) => self.address(&at.key("charge"), charge),
                None => {
                    self.missing(&at.key("charge"), "the address of who pays");
                    None
                }
            };
            let to = at.key("to");
            let list = alias.to.as_ref().map_or(&[][..], |list| &list.0);
            if list.is_empty() {
                self.missing(
                    &to,
                    "the numbers this alias leads to, as [\"+15551234567\"]",
                );
            }
            let numbers: Vec<_> = list
                .iter()
                .enumerate()
                .filter_map(|(i, n)| self.number(&to.index(i), n, region))
                .collect();
            let (Some(key), Some(charge)) = (key, charge) else {
                continue;
            };
            let alias = Alias {
                charge: charge.to_lowercase(),
                to: numbers,
            };
            if aliases.insert(key.to_lowercase(), alias).is_some() {
                self.wrong(
                    &at,
                    name,
                    "stands here in another spelling too; write it once",
                );
            }
        }
        if !aliases.is_empty() && raw.resubmission.is_none() {
            let text =
                "has no effect: aliases come back through access.resubmission, which is not set";
            self.warnings.add(at, text);
        }
        aliases
    }

    /// A gateway that must exist.
    pub fn gateway_id(&mut self, at: &At, id: &str, known: &[String]) {
        if known.iter().any(|known| known == id) {
            return;
        }
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        match known.is_empty() {
            true => self.wrong(at, id, "is not a gateway; there are none under gateways"),
            false => self.wrong(
                at,
                id,
                format!("is not a gateway; write {}", super::scalars::either(&known)),
            ),
        }
    }
}
