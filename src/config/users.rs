//! The users: each judged alone, then whether two have the same name.
//!
//! Wherever users are written, under `users` or in the table of `users_csv`, they come through [`Crowd::add`].

use std::collections::HashMap;

use jiff::civil;
use reqwest::Url;

use super::people::Surroundings;
use super::policy::listed;
use super::problems::At;
use super::raw::{self, Several, Spelled};
use super::scalars::{Judge, shown};
use crate::access::{Policy, User};
use crate::gateway::http::check_address;
use crate::secret::Secret;
use crate::sms::Region;
use crate::web::post::{Form, Program};
use crate::web::sms::Accounts;

/// Some 300 MiB of memory (1.2 KiB each, by the bench), twice that while a reload has the old ones and the new
/// ones; the systemd unit allows 1 GiB. A site with more looks them up in a directory (`users_ldap`,
/// `users_sql`).
const MAX_USERS: usize = 250_000;

/// Longer than any person's, and it must fit a mail's header.
const MAX_NAME: usize = 128;

/// The policies that those of users are made over.
#[derive(Clone, Copy)]
pub(super) struct Bases<'a> {
    pub defaults: &'a Policy,
    pub domains: &'a HashMap<String, Policy>,
}

/// The users, and those of them that are programs.
#[derive(Default)]
pub(super) struct Found {
    pub users: Vec<User>,
    pub programs: HashMap<String, Program>,
    pub accounts: Accounts,
}

/// The users so far.
pub(super) struct Crowd<'a> {
    bases: &'a Bases<'a>,
    around: &'a Surroundings<'a>,
    /// By mail domain, how its people write numbers.
    regions: HashMap<&'a str, Region>,
    names: Names,
    found: Found,
    /// It was said that a password opens no door.
    warned: bool,
}

impl Judge<'_> {
    /// `users` and `users_csv`.
    pub fn users(
        &mut self,
        root: &At,
        raw: Option<&Vec<raw::User>>,
        csv: Option<&Spelled>,
        bases: &Bases<'_>,
        around: &Surroundings<'_>,
    ) -> Found {
        let domains = around.addresses.domains.iter();
        let mut crowd = Crowd {
            bases,
            around,
            regions: domains.map(|d| (d.mail.as_str(), d.region)).collect(),
            names: Names::default(),
            found: Found::default(),
            warned: false,
        };
        let at = root.key("users");
        for (i, raw) in raw.into_iter().flatten().enumerate() {
            if !crowd.add(self, &at.index(i), raw) {
                break;
            }
        }
        if let Some(Spelled(name)) = csv {
            self.users_csv(&root.key("users_csv"), name, &mut crowd);
        }
        crowd.names.finish(self, &crowd.found.users);
        crowd.found
    }
}

impl Crowd<'_> {
    /// One more. `false`: there are too many.
    pub fn add(&mut self, judge: &mut Judge<'_>, at: &At, raw: &raw::User) -> bool {
        if self.found.users.len() >= MAX_USERS {
            let text = format!(
                "is one user too many; write at most {MAX_USERS} here, and have more looked up by users_ldap or \
                 users_sql"
            );
            judge.errors.add(at, text);
            return false;
        }
        let here = at.key("email");
        let Some(email) = &raw.email else {
            judge.missing(&here, "the user's mail address");
            return true;
        };
        let email = judge.address(&here, email).unwrap_or_default();
        let email = email.to_lowercase();
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let bases = self.bases;
        let base = bases.domains.get(domain).unwrap_or(bases.defaults);
        let region = self.regions.get(domain).copied();
        let region = region.unwrap_or(self.around.region);
        let user = judge.user(at, raw, email, base, (region, self.around.gateways));
        self.names.add(judge, at, &user);
        self.doors(judge, at, raw, &user);
        self.found.users.push(user);
        true
    }

    /// What programs need to know of it.
    fn doors(&mut self, judge: &mut Judge<'_>, at: &At, raw: &raw::User, user: &User) {
        if let Some(post) = &raw.post
            && let Some(program) = judge.program(&at.key("post"), post)
        {
            self.found.programs.insert(user.email.clone(), program);
        }
        let Some(hash) = &user.password_hash else {
            return;
        };
        if !self.around.doors_open && !self.warned {
            self.warned = true;
            let text = "has no effect: access.address_passwords is false, and web.compat opens no door for it; write [icewarp]";
            judge.warnings.add(&at.key("password_hash"), text);
        }
        let accounts = &mut self.found.accounts;
        for name in user.names() {
            accounts
                .names
                .insert(name.to_lowercase(), user.email.clone());
        }
        let ids = user.policy.sender_ids.clone();
        accounts.sender_ids.insert(user.email.clone(), ids);
        let hash = hash.expose().to_owned();
        accounts.hashes.insert(user.email.clone(), hash);
    }
}

impl Judge<'_> {
    /// One user, whose address is judged already.
    pub fn user(
        &mut self,
        at: &At,
        raw: &raw::User,
        email: String,
        base: &Policy,
        (region, gateways): (Region, &[String]),
    ) -> User {
        let own;
        let base = if raw.post.is_some() {
            // A program wants to know, and mails do not disturb it.
            own = Policy {
                confirm: crate::access::Confirm::Always,
                ..base.clone()
            };
            &own
        } else {
            base
        };
        if let Some(gateway) = &raw.gateway {
            self.gateway_id(&at.key("gateway"), gateway, gateways);
        }
        let number = |judge: &mut Self, key: &str, raw: &Option<Spelled>| {
            let raw = raw.as_ref()?;
            judge.number(&at.key(key), &raw.0, region)
        };
        User {
            name: self.name(at, raw.name.as_ref()),
            aliases: self.aliases(at, raw.aliases.as_ref()),
            login: self.login(at, raw.login.as_ref()),
            certificates: self.certificates(at, raw.certificates.as_ref()),
            nickname: self.nickname(at, raw.nickname.as_ref()),
            mobile: number(self, "mobile", &raw.mobile),
            phone_alias: number(self, "phone_alias", &raw.phone_alias),
            expires: self.date(at, raw.expires.as_ref()),
            active: raw.active.unwrap_or(true),
            gateway: raw.gateway.clone(),
            password_hash: self.password(at, &email, raw),
            policy: self.policy(at, Some(&policy_keys(raw)), base),
            post: raw.post.is_some(),
            email,
        }
    }

    fn name(&mut self, at: &At, raw: Option<&Spelled>) -> Option<String> {
        let Spelled(name) = raw?;
        let (at, name) = (&at.key("name"), name.trim());
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            let text = format!("is not a name; write one line of at most {MAX_NAME} octets");
            self.wrong(at, name, text);
        }
        Some(name.to_owned())
    }

    fn aliases(&mut self, at: &At, raw: Option<&Several>) -> Vec<String> {
        let Some(raw) = raw else {
            return Vec::new();
        };
        let (at, mut aliases) = (at.key("aliases"), Vec::new());
        for (i, alias) in listed(raw).iter().enumerate() {
            let alias = self.address(&at.index(i), alias);
            aliases.extend(alias.map(|alias| alias.to_lowercase()));
        }
        aliases
    }

    fn login(&mut self, at: &At, raw: Option<&Spelled>) -> Option<String> {
        let Spelled(login) = raw?;
        let at = &at.key("login");
        if login.is_empty() || login.contains(char::is_control) {
            self.wrong(at, login, "is not a login; write the SMTP AUTH name");
        }
        Some(login.clone())
    }

    fn certificates(&mut self, at: &At, raw: Option<&Several>) -> Vec<String> {
        let Some(raw) = raw else {
            return Vec::new();
        };
        let (at, list) = (at.key("certificates"), listed(raw));
        for (i, name) in list.iter().enumerate() {
            if name.is_empty() || name.len() > 256 || name.contains(char::is_control) {
                let text = "is not the name in a certificate; write its CN, as client.example.com";
                self.wrong(&at.index(i), name, text);
            }
        }
        list.to_vec()
    }

    fn nickname(&mut self, at: &At, raw: Option<&Spelled>) -> Option<String> {
        let Spelled(name) = raw?;
        let at = &at.key("nickname");
        let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.';
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            self.wrong(
                at,
                name,
                "is not a nickname; write one word of letters and digits",
            );
        }
        Some(name.clone())
    }

    fn date(&mut self, at: &At, raw: Option<&Spelled>) -> Option<civil::Date> {
        let Spelled(text) = raw?;
        let at = &at.key("expires");
        let date = text.parse().ok();
        if date.is_none() {
            self.wrong(at, text, "is not a date; write one like 2027-12-31");
        }
        date
    }

    fn password(&mut self, at: &At, email: &str, raw: &raw::User) -> Option<Secret> {
        let hash = raw.password_hash.as_ref()?;
        self.hash(&at.key("password_hash"), email, hash)
            .then(|| Secret::from(hash.as_str()))
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
}

/// Those of a user's keys that `access.defaults` has too.
fn policy_keys(raw: &raw::User) -> raw::Policy {
    raw::Policy {
        send: raw.send.clone(),
        allow: raw.allow.clone(),
        deny: raw.deny.clone(),
        monthly_limit: raw.monthly_limit,
        credit: raw.credit.clone(),
        max_segments: raw.max_segments,
        confirm: raw.confirm.clone(),
        sender_ids: raw.sender_ids.clone(),
        class: raw.class.clone(),
        language: raw.language.clone(),
        template: raw.template.clone(),
    }
}

/// What names a user, so that each names only one.
#[derive(Default)]
struct Names {
    /// Where each user stands.
    places: Vec<At>,
    /// Addresses, aliases and logins, lower case.
    addresses: HashMap<Box<str>, (usize, Name)>,
    /// Lower case.
    certificates: HashMap<Box<str>, (usize, Name)>,
    /// By nickname, lower case, whose they are: other mail domains may have the same.
    nicknames: HashMap<Box<str>, Vec<usize>>,
}

/// Which of a user's keys a name is.
#[derive(Clone, Copy)]
enum Name {
    Email,
    Alias(usize),
    Login,
    Certificate(usize),
}

impl Name {
    fn at(self, user: &At) -> At {
        match self {
            Name::Email => user.key("email"),
            Name::Alias(i) => user.key("aliases").index(i),
            Name::Login => user.key("login"),
            Name::Certificate(i) => user.key("certificates").index(i),
        }
    }
}

impl Names {
    fn add(&mut self, judge: &mut Judge<'_>, at: &At, user: &User) {
        let index = self.places.len();
        self.places.push(at.clone());
        let aliases = user.aliases.iter().enumerate();
        let aliases = aliases.map(|(i, alias)| (alias, Name::Alias(i)));
        let login = user.login.iter().map(|login| (login, Name::Login));
        let email = Some((&user.email, Name::Email)).filter(|(email, _)| !email.is_empty());
        for (name, kind) in email.into_iter().chain(aliases).chain(login) {
            let held = self.addresses.entry(lower(name)).or_insert((index, kind));
            // To say one's own name twice does no harm.
            if held.0 != index {
                let there = held.1.at(&self.places[held.0]);
                let text = format!("is also {there}; an address, alias or login names one user");
                judge.wrong(&kind.at(at), name, text);
            }
        }
        for (i, name) in user.certificates.iter().enumerate() {
            let kind = Name::Certificate(i);
            let held = self
                .certificates
                .entry(lower(name))
                .or_insert((index, kind));
            if held.0 != index {
                let there = held.1.at(&self.places[held.0]);
                let text = format!("is also {there}; a certificate is one user's");
                judge.wrong(&kind.at(at), name, text);
            }
        }
        if let Some(name) = &user.nickname {
            self.nicknames.entry(lower(name)).or_default().push(index);
        }
    }

    /// Once all are there: what a nickname means.
    fn finish(&self, judge: &mut Judge<'_>, users: &[User]) {
        let mut shared = Vec::new();
        for (name, whose) in &self.nicknames {
            let mut seen = HashMap::new();
            for &index in whose {
                let user = &users[index];
                let name = user.nickname.as_deref().unwrap_or(name);
                let (here, domain) = (self.places[index].key("nickname"), user.domain());
                if let Some(other) = seen.insert(domain, index) {
                    let there = self.places[other].key("nickname");
                    let text = format!("is also {there}; write another nickname");
                    judge.wrong(&here, name, text);
                }
                let address = self.addresses.get(&*format!("{name}@{domain}"));
                if let Some((other, kind)) = address.filter(|(other, _)| *other != index) {
                    let there = kind.at(&self.places[*other]);
                    let text = format!(
                        "{} is also {there}: mail to {name} goes to that user, an SMS that begins with it to this one",
                        shown(name)
                    );
                    judge.warnings.add(&here, text);
                }
            }
            if seen.len() > 1 {
                shared.push((whose[1], whose[0], name));
            }
        }
        // Sites whose domains have the same people would read nothing else.
        shared.sort_unstable();
        if let Some((here, there, name)) = shared.first() {
            let more = match shared.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} nicknames more)"),
            };
            let text = format!(
                "{} is also {}, in another domain: an SMS that begins with it goes to neither by that{more}",
                shown(name),
                self.places[*there].key("nickname")
            );
            judge
                .warnings
                .add(&self.places[*here].key("nickname"), text);
        }
    }
}

fn lower(name: &str) -> Box<str> {
    name.to_lowercase().into_boxed_str()
}
