//! `access` and `users`: who may send, how much, and who pays.
//!
//! What a user may do is made here, once: the defaults, then the domain's keys, then the user's.

use std::collections::HashMap;

use jiff::civil;
use jiff::tz::TimeZone;
use reqwest::Url;

use super::domains_of;
use super::problems::At;
use super::raw::{self, Several, Spelled};
use super::scalars::Judge;
use crate::access::{Alias, Confirm, Network, Policy, Resubmission, Settings, User};
use crate::gateway::http::check_address;
use crate::mail::address;
use crate::sms::{Class, Region};
use crate::web::post::{Form, Program};
use crate::web::sms::Accounts;

/// A message has at most as many (spec 2.1, `maxmsgs`).
const MAX_SEGMENTS: u8 = 128;

/// A site with more takes them from elsewhere (a later version).
const MAX_USERS: usize = 100_000;

/// What people are judged by.
pub(super) struct Surroundings<'a> {
    pub addresses: &'a address::Settings,
    pub region: Region,
    /// Ids of the gateways.
    pub gateways: &'a [String],
}

impl Judge<'_> {
    /// `access` and `users`.
    pub fn access(
        &mut self,
        root: &At,
        raw: Option<&raw::Access>,
        users: Option<&Vec<raw::User>>,
        around: &Surroundings<'_>,
    ) -> Settings {
        let none = raw::Access::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("access");
        if raw.address_passwords == Some(true) {
            let text =
                "true is not in this version of sms-milter; write false: senders log in to the MTA";
            self.errors.add(&at.key("address_passwords"), text);
        }
        let defaults = self.policy(
            &at.key("defaults"),
            raw.defaults.as_ref(),
            &Policy::default(),
        );
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
        let users = users.map_or(&[][..], Vec::as_slice);
        let users = self.users(&root.key("users"), users, &defaults, &domains, around);
        let loopback = Several(vec!["127.0.0.0/8".into(), "::1".into()]);
        Settings {
            trusted_networks: self.networks(
                &at.key("trusted_networks"),
                Some(raw.trusted_networks.as_ref().unwrap_or(&loopback)),
            ),
            timezone: self.timezone(&at.key("timezone"), raw.timezone.as_deref()),
            defaults,
            domains,
            resubmission,
            aliases,
            users,
            first_mail_domain: domains_of(around.addresses).0,
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

    /// The keys that are set, over those of `base`.
    fn policy(&mut self, at: &At, raw: Option<&raw::Policy>, base: &Policy) -> Policy {
        let Some(raw) = raw else {
            return base.clone();
        };
        if raw.credit.is_some() {
            self.errors.add(
                &at.key("credit"),
                "is not in this version of sms-milter; write ~ or remove it",
            );
        }
        let (to_users, to_external) = match &raw.send {
            Some(rights) => self.rights(&at.key("send"), rights),
            None => (base.to_users, base.to_external),
        };
        let confirm = [
            ("asked", Confirm::Asked),
            ("always", Confirm::Always),
            ("never", Confirm::Never),
        ];
        Policy {
            to_users,
            to_external,
            monthly_limit: raw.monthly_limit.unwrap_or(base.monthly_limit),
            max_segments: self.within(
                &at.key("max_segments"),
                raw.max_segments,
                1,
                MAX_SEGMENTS,
                base.max_segments,
            ),
            confirm: self.choice(
                &at.key("confirm"),
                raw.confirm.as_deref(),
                &confirm,
                base.confirm,
            ),
            sender_ids: match &raw.sender_ids {
                Some(ids) => self.sender_ids(&at.key("sender_ids"), ids),
                None => base.sender_ids.clone(),
            },
            class: self.class(&at.key("class"), raw.class.as_deref(), base.class),
        }
    }

    pub fn class(&mut self, at: &At, raw: Option<&str>, default: Class) -> Class {
        let all = [
            ("alarm", Class::Alarm),
            ("normal", Class::Normal),
            ("bulk", Class::Bulk),
        ];
        self.choice(at, raw, &all, default)
    }

    fn rights(&mut self, at: &At, raw: &Several) -> (bool, bool) {
        let mut rights = (false, false);
        for (i, right) in raw.0.iter().enumerate() {
            match right.as_str() {
                "users" => rights.0 = true,
                "external" => rights.1 = true,
                "phonebook" | "binary" | "gateway" => self.warnings.add(
                    &at.index(i),
                    format!("{right} has no effect in this version"),
                ),
                _ => self.wrong(
                    &at.index(i),
                    right,
                    "is not a right; write users or external",
                ),
            }
        }
        rights
    }

    /// Up to 11 characters or 15 digits (TS 23.040 §9.1.2.5: 10 octets of address).
    fn sender_ids(&mut self, at: &At, raw: &Several) -> Vec<String> {
        for (i, id) in raw.0.iter().enumerate() {
            let digits = id.strip_prefix('+').unwrap_or(id);
            let is_number = !digits.is_empty()
                && digits.len() <= 15
                && digits.bytes().all(|b| b.is_ascii_digit());
            let is_name = (1..=11).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            if !is_number && !is_name {
                self.wrong(
                    &at.index(i),
                    id,
                    "is not a sender id; write up to 11 ASCII characters, or a number",
                );
            }
        }
        raw.0.clone()
    }

    fn users(
        &mut self,
        at: &At,
        raw: &[raw::User],
        defaults: &Policy,
        domains: &HashMap<String, Policy>,
        around: &Surroundings<'_>,
    ) -> Vec<User> {
        if raw.len() > MAX_USERS {
            self.errors.add(
                at,
                format!("has too many entries; write at most {MAX_USERS}"),
            );
        }
        let mut names = Names::default();
        let mut users = Vec::new();
        for (i, raw) in raw.iter().take(MAX_USERS).enumerate() {
            let at = at.index(i);
            let Some(email) = &raw.email else {
                self.missing(&at.key("email"), "the user's mail address");
                continue;
            };
            let email = self
                .address(&at.key("email"), email)
                .unwrap_or_default()
                .to_lowercase();
            let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
            let base = domains.get(domain).unwrap_or(defaults);
            let user = self.user(&at, raw, email.clone(), base, around);
            names.add(self, i, &at, &user);
            users.push(user);
        }
        users
    }

    fn user(
        &mut self,
        at: &At,
        raw: &raw::User,
        email: String,
        base: &Policy,
        around: &Surroundings<'_>,
    ) -> User {
        if raw.phone_alias.is_some() {
            self.warnings
                .add(&at.key("phone_alias"), "has no effect in this version");
        }
        let aliases = at.key("aliases");
        let list = raw
            .aliases
            .as_ref()
            .map_or(&[][..], |list| &list.0)
            .iter()
            .enumerate();
        let login = raw.login.as_ref().map(|login| login.0.clone());
        if let Some(login) = login
            .as_ref()
            .filter(|l| l.is_empty() || l.contains(char::is_control))
        {
            self.wrong(
                &at.key("login"),
                login,
                "is not a login; write the SMTP AUTH name",
            );
        }
        let mut base = base.clone();
        if raw.post.is_some() {
            // A program wants to know, and mails do not disturb it.
            base.confirm = Confirm::Always;
        }
        if let Some(gateway) = &raw.gateway {
            self.gateway_id(&at.key("gateway"), gateway, around.gateways);
        }
        User {
            aliases: list
                .filter_map(|(i, alias)| self.address(&aliases.index(i), alias))
                .map(|alias| alias.to_lowercase())
                .collect(),
            email,
            login,
            nickname: raw
                .nickname
                .as_ref()
                .map(|name| self.nickname(&at.key("nickname"), &name.0)),
            mobile: raw
                .mobile
                .as_ref()
                .and_then(|n| self.number(&at.key("mobile"), &n.0, around.region)),
            expires: raw
                .expires
                .as_ref()
                .and_then(|date| self.date(&at.key("expires"), date)),
            active: raw.active.unwrap_or(true),
            gateway: raw.gateway.clone(),
            policy: self.policy(at, Some(&policy_keys(raw)), &base),
            post: raw.post.is_some(),
        }
    }

    /// Programs among the users, by account, and who may send by HTTP. `users` are those of `raw`.
    pub fn programs(
        &mut self,
        root: &At,
        raw: Option<&Vec<raw::User>>,
        users: &[User],
        doors_open: bool,
    ) -> (HashMap<String, Program>, Accounts) {
        let mut programs = HashMap::new();
        let mut accounts = Accounts::default();
        let raw = raw.map_or(&[][..], Vec::as_slice).iter().enumerate();
        for (i, raw) in raw {
            let at = root.key("users").index(i);
            let email = raw.email.as_deref().unwrap_or_default().to_lowercase();
            let Some(user) = users.iter().find(|user| user.email == email) else {
                continue;
            };
            if let Some(post) = &raw.post
                && let Some(program) = self.program(&at.key("post"), post)
            {
                programs.insert(email.clone(), program);
            }
            let here = at.key("password_hash");
            if let Some(hash) = &raw.password_hash
                && self.hash(&here, &email, hash)
            {
                if !doors_open {
                    let text = "has no effect: web.compat opens no door for it; write [icewarp]";
                    self.warnings.add(&here, text);
                }
                let names = user.aliases.iter().chain(&user.login).chain([&user.email]);
                let named = names.map(|name| (name.to_lowercase(), email.clone()));
                accounts.names.extend(named);
                let ids = user.policy.sender_ids.clone();
                accounts.sender_ids.insert(email.clone(), ids);
                accounts.hashes.insert(email, hash.clone());
            }
        }
        (programs, accounts)
    }

    fn program(&mut self, at: &At, raw: &raw::Post) -> Option<Program> {
        let forms = [("sms-milter", Form::SmsMilter), ("kannel", Form::Kannel)];
        let form = self.choice(
            &at.key("form"),
            raw.form.as_deref(),
            &forms,
            Form::SmsMilter,
        );
        let here = at.key("url");
        let write = match form {
            Form::SmsMilter => {
                "the other sms-milter's URL, as https://sms.example.com/hooks/GATEWAY"
            }
            Form::Kannel => "the URL of Kannel's smsc, as http://127.0.0.1:13020/",
        };
        let url = match raw.url.as_deref() {
            None => {
                self.missing(&here, write);
                None
            }
            Some(text) => {
                let url = Url::parse(text).ok().filter(|url| {
                    let plain = url.username().is_empty() && url.password().is_none();
                    let whole = url.query().is_none() && url.fragment().is_none();
                    ["http", "https"].contains(&url.scheme()) && url.has_host() && plain && whole
                });
                if url.is_none() {
                    // Never repeated: it may hold a secret.
                    let text = format!("is not a URL without user and query; write {write}");
                    self.errors.add(&here, text);
                }
                let hidden = check_address(text).err().filter(|_| url.is_some());
                if let Some(error) = &hidden {
                    let text = error.to_string();
                    let text = text.strip_prefix("url: ").unwrap_or(&text);
                    self.errors.add(&here, text);
                }
                url.filter(|_| hidden.is_none())
            }
        };
        let here = at.key("secret");
        let secret = match &raw.secret {
            Some(secret) => self.secret(&here, secret),
            None => {
                let write = "what the other side wants to be shown, as { file: /etc/sms-milter/post.secret }";
                self.missing(&here, write);
                return None;
            }
        };
        if raw.user.is_some() && form == Form::SmsMilter {
            let text = "has no effect: the other sms-milter knows us by the secret";
            self.warnings.add(&at.key("user"), text);
        }
        Some(Program {
            url: url?,
            form,
            user: raw.user.clone().unwrap_or_default(),
            secret,
            allow_private: raw.allow_private.unwrap_or(false),
        })
    }

    fn nickname(&mut self, at: &At, name: &str) -> String {
        let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            self.wrong(
                at,
                name,
                "is not a nickname; write one word of letters and digits",
            );
        }
        name.to_owned()
    }

    fn date(&mut self, at: &At, raw: &Spelled) -> Option<civil::Date> {
        let date = raw.0.parse().ok();
        if date.is_none() {
            self.wrong(at, &raw.0, "is not a date; write one like 2027-12-31");
        }
        date
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

/// Those of a user's keys that `access.defaults` has too.
fn policy_keys(raw: &raw::User) -> raw::Policy {
    let raw = raw.clone();
    raw::Policy {
        send: raw.send,
        monthly_limit: raw.monthly_limit,
        credit: raw.credit,
        max_segments: raw.max_segments,
        confirm: raw.confirm,
        sender_ids: raw.sender_ids,
        class: raw.class,
    }
}

/// What names a user, so that each names only one.
#[derive(Default)]
struct Names {
    addresses: HashMap<String, (usize, At)>,
    nicknames: HashMap<String, At>,
}

impl Names {
    fn add(&mut self, judge: &mut Judge<'_>, index: usize, at: &At, user: &User) {
        let aliases = user.aliases.iter().enumerate();
        let aliases = aliases.map(|(i, alias)| (alias, at.key("aliases").index(i)));
        let login = user.login.iter().map(|login| (login, at.key("login")));
        let email = Some(&user.email).filter(|email| !email.is_empty());
        for (name, here) in email
            .map(|email| (email, at.key("email")))
            .into_iter()
            .chain(aliases)
            .chain(login)
        {
            match self.addresses.get(&name.to_lowercase()) {
                // To say one's own name twice does no harm.
                Some((other, _)) if *other == index => {}
                Some((_, there)) => {
                    let text =
                        format!("is also {there}; an address, alias or login names one user");
                    judge.wrong(&here, name, text);
                }
                None => {
                    self.addresses.insert(name.to_lowercase(), (index, here));
                }
            }
        }
        if let Some(name) = &user.nickname {
            let here = at.key("nickname");
            if let Some(there) = self.nicknames.get(&name.to_lowercase()) {
                judge.wrong(
                    &here,
                    name,
                    format!("is also {there}; write another nickname"),
                );
            } else {
                self.nicknames.insert(name.to_lowercase(), here);
            }
        }
    }
}
