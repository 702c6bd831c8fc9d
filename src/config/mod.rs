//! The configuration: YAML → the settings of each module.
//!
//! `read` makes the shape of the text, and stops at the first thing that is not YAML, a key that nobody
//! knows or that comes twice, a value of the wrong kind. Then every section is judged, each by the file of
//! its noun, and all that is wrong is said at once: file, line, column, key, what, and what to write
//! instead. Secrets are never repeated. What belongs to a later version is refused by name, so that no
//! setting is without effect unnoticed.
//!
//! Judging reads nothing but the text and what [`Outside`] tells: no network, no device.

mod belongs;
mod directories;
mod domains;
mod entries;
mod fixed;
mod gateways;
mod mails;
mod outside;
mod people;
mod places;
mod policy;
mod problems;
mod providers;
mod pushes;
mod raw;
mod read;
mod rules;
mod scalars;
pub mod table;
mod texts;
mod users;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use fixed::Fixed;
pub use outside::{Outside, ThisMachine};
pub use problems::Errors;

use self::people::Surroundings;
use self::problems::At;
use self::rules::Home;
use self::scalars::Judge;
use crate::access::{self, Access, Network, destinations::Destinations};
use crate::directory::Directories;
use crate::gateway::Common;
use crate::mail::{address, inject, report::Letterhead, text, words::Speech};
use crate::outbound::plan::{Overflow, Planner};
use crate::outbound::settle;
use crate::outbound::spend::Limits;
use crate::rules::OutgoingRule;
use crate::sms::Languages;
use crate::sms::Region;
use crate::sms::alphabet::Fold;
use crate::{gateway, inbound, milter, store, web};

/// A larger configuration is another file named by mistake: 4 MiB, some 40,000 users.
const MAX_FILE: u64 = 4 << 20;

/// Everything, judged.
#[derive(Debug)]
pub struct Settings {
    /// This machine's name.
    pub hostname: String,
    /// The control socket.
    pub control: PathBuf,
    /// The milter.
    pub milter: milter::Settings,
    /// Which addresses are ours.
    pub addresses: address::Settings,
    /// Where SMS may go.
    pub destinations: Destinations,
    /// Who may send.
    pub access: access::Settings,
    /// Where people are that it does not name. Clones share what they remember.
    pub directories: Arc<Directories>,
    /// From mail to text.
    pub text: text::Settings,
    /// Which characters may be replaced.
    pub fold: Fold,
    /// Whose national tables may be used.
    pub languages: Languages,
    /// What to do with a text that is too long.
    pub on_overflow: Overflow,
    /// How long a mail waits for a number.
    pub phonebook_wait: jiff::SignedDuration,
    /// The queue.
    pub queue: settle::Settings,
    /// What may be spent.
    pub limits: Limits,
    /// The gateways, in order.
    pub gateways: Vec<Gateway>,
    /// Rules for messages to phones.
    pub outgoing: Vec<OutgoingRule>,
    /// The way in.
    pub inbound: inbound::Settings,
    /// Handing mails to the MTA.
    pub inject: inject::Settings,
    /// Our mails.
    pub letterhead: Letterhead,
    /// Their envelope sender, without `<>`.
    pub envelope_from: String,
    /// Who hears what nobody else is to be told.
    pub admin: String,
    /// The files of `mail.templates`, and what each has, in words.
    pub templates: Vec<String>,
    /// In which words who is written to.
    pub speech: Speech,
    /// The store.
    pub store: store::sled::Settings,
    /// HTTP.
    pub web: Web,
    /// Programs that are told by HTTP, by account.
    pub programs: std::collections::HashMap<String, web::post::Program>,
    /// Who may send by HTTP.
    pub accounts: web::sms::Accounts,
    /// Logs.
    pub log: Log,
    /// What an admin may want to change.
    pub warnings: Vec<String>,
    /// The file it was read from; `None`: from none.
    pub file: Option<PathBuf>,
    /// The table of `users_csv`.
    pub users_csv: Option<PathBuf>,
    /// What only a restart changes.
    pub fixed: Fixed,
}

/// A gateway's settings.
// There are few of them, and they are read once.
#[expect(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Gateway {
    /// A GSM modem.
    Modem(gateway::modem::Settings),
    /// An HTTP provider.
    Http(gateway::http::Settings),
    /// A phone network in the process.
    Simulated(Common),
}

/// Section `web`.
#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    /// Address and port.
    pub listen: std::net::SocketAddr,
    /// How the world sees it.
    pub public_url: Option<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// `/sms/` and `/sms/deliver.html` are open.
    pub compat_icewarp: bool,
    /// Name → PHC hash.
    pub admins: std::collections::HashMap<String, String>,
}

/// Section `log`.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: tracing::Level,
    /// How many digits of a number are hidden.
    pub mask_digits: usize,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
    /// journald.
    Journal,
}

impl Gateway {
    /// What it has in common with the others.
    pub fn common(&self) -> &Common {
        match self {
            Gateway::Modem(modem) => &modem.common,
            Gateway::Http(http) => &http.common,
            Gateway::Simulated(common) => common,
        }
    }
}

impl Settings {
    /// What decides about mails to phones.
    pub fn planner(&self) -> Planner {
        let active = self
            .gateways
            .iter()
            .map(Gateway::common)
            .filter(|common| common.active);
        Planner {
            addresses: self.addresses.clone(),
            access: Access::new(self.access.clone()),
            directories: self.directories.clone(),
            destinations: self.destinations.clone(),
            rules: self.outgoing.clone(),
            text: self.text.clone(),
            fold: self.fold,
            languages: self.languages,
            on_overflow: self.on_overflow,
            gateways: active.cloned().collect(),
            limits: self.limits.clone(),
            expire: self.queue.expire.unsigned_abs(),
            phonebook_wait: self.phonebook_wait,
            reply_window: jiff::SignedDuration::try_from(self.inbound.reply_window)
                .unwrap_or(jiff::SignedDuration::MAX),
        }
    }

    /// How a number is read where no domain says: as in the first domain.
    pub fn default_region(&self) -> Region {
        domains_of(&self.addresses).1
    }
}

/// Reads a file.
pub fn load(path: &Path) -> Result<Settings, Errors> {
    load_with(path, &ThisMachine)
}

/// Reads a file; what else there is of the machine is as `outside` says.
pub fn load_with(path: &Path, outside: &dyn Outside) -> Result<Settings, Errors> {
    let file = path.display().to_string();
    let base = std::path::absolute(path).ok();
    let base = base
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"));
    let unreadable = |why: String| {
        let mut errors = Errors::new(&file);
        errors.add(&At::root(), format!("cannot read the configuration: {why}"));
        errors
    };
    let mut text = String::new();
    let opened = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    match opened.take(MAX_FILE + 1).read_to_string(&mut text) {
        Ok(read) if read as u64 > MAX_FILE => Err(unreadable("it has more than 4 MiB".into())),
        Ok(_) => parse(&text, &file, base, outside).map(|settings| Settings {
            file: std::path::absolute(path).ok(),
            ..settings
        }),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// Judges a text. `file` is its name in errors; what is relative in it begins at `base`.
pub fn parse(
    text: &str,
    file: &str,
    base: &Path,
    outside: &dyn Outside,
) -> Result<Settings, Errors> {
    let raw = read::read(text, file)?;
    let mut judge = Judge::new(file, base, outside);
    let settings = judge.settings(&raw);
    let Judge {
        mut errors,
        mut warnings,
        ..
    } = judge;
    errors.place(text);
    warnings.place(text);
    match settings {
        Some(settings) if errors.is_empty() => Ok(Settings {
            warnings: warnings.lines(),
            fixed: Fixed::of(text),
            ..settings
        }),
        _ => Err(errors),
    }
}

impl Judge<'_> {
    /// Section by section. `None` only beside errors.
    fn settings(&mut self, raw: &raw::Config) -> Option<Settings> {
        let root = At::root();
        let hostname = self.hostname(&root, raw.hostname.as_deref());
        let addresses = self.addresses(&root, raw.addresses.as_ref());
        self.words = self.catalogue(&root, raw.mail.as_ref());
        let (_, region) = domains_of(&addresses);
        let regions = addresses
            .domains
            .iter()
            .map(|domain| domain.region)
            .collect();
        let destinations = self.destinations(&root, raw.numbers.as_ref(), regions);
        let ids = gateways::ids(raw.gateways.as_ref());
        let web = self.web(&root, raw.web.as_ref());
        let around = Surroundings {
            addresses: &addresses,
            region,
            gateways: &ids,
            doors_open: web.compat_icewarp
                || raw.access.as_ref().and_then(|a| a.address_passwords) == Some(true),
        };
        let people = self.access(
            &root,
            raw.access.as_ref(),
            (raw.users.as_ref(), raw.users_csv.as_ref()),
            &around,
        );
        let directories = self.directories(&root, raw, &people.access, &around);
        let (text, fold, on_overflow) = self.text(&root, raw.text.as_ref());
        let languages = self.languages(&root, raw.text.as_ref());
        let queue = self.queue(&root, raw.queue.as_ref());
        let limits = self.limits(&root, raw.limits.as_ref());
        let phonebook_wait = self.phonebook(&root, raw.phonebook.as_ref());
        self.public_url.clone_from(&web.public_url);
        let gateways = self.gateways(&root, raw.gateways.as_ref(), &addresses);
        let outgoing = self.outgoing(&root, raw.outgoing.as_ref(), &ids);
        let numbers = gateways.iter();
        let home = Home {
            addresses: &addresses,
            region,
            numbers: numbers
                .filter_map(|gateway| gateway.common().number.clone())
                .collect(),
        };
        let incoming = self.incoming(&root, raw.incoming.as_ref(), &ids, &home);
        let speech = Speech::new(self.words.clone(), &people.access);
        let text = text::Settings {
            words: speech.house().clone(),
            ..text
        };
        let mails = self.mail(&root, raw.mail.as_ref(), &hostname, &addresses);
        let inject = mails.inject(&incoming, &self.words);
        let defaults = self.gateway_defaults(&root, raw.gateways.as_ref(), &addresses);
        let lines = gateways.iter();
        let lines = lines.map(|gateway| mails::line(gateway.common(), &defaults));
        let inbound = mails::inbound(
            incoming,
            &mails,
            &addresses,
            &people.access.users,
            &directories,
            &speech,
            lines,
        );
        let milter = self.milter(&root, raw.milter.as_ref());
        let path = self.store(&root, raw.store.as_deref());
        let control = self.control(&root, raw.control.as_deref(), &path);
        let log = self.log(&root, raw.log.as_ref());
        self.secrets_at_home();
        self.own_places(&root, milter.as_ref(), &web, &control, inject.as_ref());
        let milter = milter?;
        Some(Settings {
            store: store::sled::Settings {
                path,
                largest: milter.max_message,
                reserve: None,
            },
            inject: inject?,
            letterhead: mails.letterhead,
            envelope_from: mails.envelope_from,
            admin: mails.admin,
            templates: std::mem::take(&mut self.templates),
            speech,
            warnings: Vec::new(),
            file: None,
            users_csv: raw.users_csv.as_ref().map(|name| self.base.join(&name.0)),
            fixed: Fixed::default(),
            hostname,
            control,
            milter,
            addresses,
            destinations,
            access: people.access,
            directories,
            text,
            fold,
            languages,
            on_overflow,
            phonebook_wait,
            queue,
            limits,
            gateways,
            outgoing,
            inbound,
            web,
            programs: people.programs,
            accounts: people.accounts,
            log,
        })
    }
}

/// The first mail domain and its region; something harmless when there is none, which is an error.
fn domains_of(addresses: &address::Settings) -> (String, Region) {
    match addresses.domains.first() {
        Some(domain) => (domain.mail.clone(), domain.region),
        None => (
            "localhost".to_owned(),
            Region::parse("US").expect("the numbering plans know the US"),
        ),
    }
}
