//! `mail` and `incoming`: the mails we write, and whom an SMS goes to.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::problems::At;
use super::rules::Home;
use super::scalars::{Judge, either};
use super::{domains_of, raw};
use crate::access::People;
use crate::directory::Directories;
use crate::gateway::Common;
use crate::inbound::chain::MAX_WINDOW;
use crate::inbound::join::MAX_WAIT;
use crate::inbound::{self, OnConflict, optout};
use crate::mail::inject::{self, Login, Target};
use crate::mail::words::{self, Speech, Words};
use crate::mail::{address, report::Letterhead};
use crate::rules::IncomingRule;

/// A question of more than three SMS is not read.
const MAX_QUESTION: usize = words::MAX_PHONE;

/// Nobody remembers more; each text is compared with them.
const MAX_OPT_WORDS: usize = 100;

/// A longer name is none (RFC 4616 allows 255).
const MAX_LOGIN: usize = 255;

/// How mails are handed in.
struct Way {
    target: Target,
    login: Option<Login>,
    ca: Option<String>,
}

/// `mail`, judged.
pub(super) struct Mails {
    way: Option<Way>,
    pub letterhead: Letterhead,
    pub envelope_from: String,
    pub admin: String,
}

impl Judge<'_> {
    /// `mail`.
    pub fn mail(
        &mut self,
        root: &At,
        raw: Option<&raw::Mail>,
        hostname: &str,
        addresses: &address::Settings,
    ) -> Mails {
        let none = raw::Mail::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("mail");
        let (domain, _) = domains_of(addresses);
        let own = ("SMS".to_owned(), format!("{}@{domain}", addresses.account));
        let admin = match &raw.admin {
            Some(admin) => self.mailbox_for_sms(&at.key("admin"), admin, addresses),
            None => None,
        };
        Mails {
            way: self.way(&at, raw),
            letterhead: Letterhead {
                hostname: hostname.to_owned(),
                from: match &raw.from {
                    Some(from) => self.mailbox(&at.key("from"), from).unwrap_or(own),
                    None => own,
                },
            },
            envelope_from: match raw.envelope_from.as_deref() {
                None | Some("<>" | "") => String::new(),
                Some(sender) => {
                    let bare = sender
                        .strip_prefix('<')
                        .and_then(|s| s.strip_suffix('>'))
                        .unwrap_or(sender);
                    self.address(&at.key("envelope_from"), bare)
                        .unwrap_or_default()
                }
            },
            admin: admin.unwrap_or_else(|| format!("postmaster@{domain}")),
        }
    }

    /// `mail.language`: the words, in the language that most are written to in.
    pub fn catalogue(&mut self, root: &At, raw: Option<&raw::Mail>) -> Words {
        let at = root.key("mail");
        if let Some(dir) = raw.and_then(|raw| raw.templates.as_deref()) {
            self.templates(&at.key("templates"), dir);
        }
        let language = raw.and_then(|raw| raw.language.as_deref());
        let spoken = language.and_then(|name| self.language(&at.key("language"), name));
        let spoken = spoken.and_then(|name| self.words.speaking(&name));
        spoken.unwrap_or_else(|| self.words.clone())
    }

    /// `mail.templates`: an admin's own texts.
    fn templates(&mut self, at: &At, dir: &str) {
        let dir = self.base.join(dir);
        let files = match self.outside.texts(&dir) {
            Ok(files) => files,
            Err(error) => {
                let text = format!(
                    "cannot read {}: {error}; write a directory with files as de.ftl, in UTF-8",
                    dir.display()
                );
                return self.errors.add(at, text);
            }
        };
        let file = |(path, source): (PathBuf, String)| words::File {
            name: path.display().to_string(),
            language: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            source,
        };
        match self.words.with(files.into_iter().map(file).collect()) {
            Ok((words, said)) => {
                self.words = words;
                if said.is_empty() {
                    let text = format!(
                        "{} has no file as de.ftl: nothing is said otherwise",
                        dir.display()
                    );
                    self.warnings.add(at, text);
                }
                for said in said {
                    let words::Said {
                        file, texts, of, ..
                    } = &said;
                    self.templates
                        .push(format!("{file}: {texts} of {of} texts"));
                    if let Some(rest) = said.rest {
                        let words::Said {
                            file, texts, of, ..
                        } = said;
                        let text = format!(
                            "{file} has {texts} of {of} texts; the others are said in {rest}"
                        );
                        self.warnings.add(at, text);
                    }
                }
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    self.errors.add(at, mistake.to_string());
                }
            }
        }
    }

    /// A language that there are texts in.
    pub fn language(&mut self, at: &At, raw: &str) -> Option<Arc<str>> {
        let spoken = self.words.speaking(raw);
        if spoken.is_none() {
            let known: Vec<_> = self.words.languages().collect();
            let text = format!(
                "is not a language that we have texts in; write {}",
                either(&known)
            );
            self.wrong(at, raw, text);
        }
        spoken.map(|words| words.language().into())
    }

    /// Where mails are handed in, and what we show there.
    fn way(&mut self, at: &At, raw: &raw::Mail) -> Option<Way> {
        let login = self.inject_login(at, raw);
        let ca = self.inject_ca(at, raw.inject_ca.as_deref());
        let here = at.key("inject");
        let Some(text) = &raw.inject else {
            self.missing(
                &here,
                "a port of the MTA without this milter, as smtp://127.0.0.1:10026",
            );
            return None;
        };
        let target = Target::parse(text)
            .and_then(|target| target.with(raw.inject_user.is_some(), raw.inject_ca.is_some()));
        match target {
            Ok(target) => Some(Way { target, login, ca }),
            Err(error) => {
                self.errors.add(&here, error.to_string());
                None
            }
        }
    }

    fn inject_login(&mut self, at: &At, raw: &raw::Mail) -> Option<Login> {
        let (user, password) = (at.key("inject_user"), at.key("inject_password"));
        match (&raw.inject_user, &raw.inject_password) {
            (None, None) => None,
            (Some(_), None) => {
                self.missing(&password, "{ file: /etc/sms-milter/inject.secret }");
                None
            }
            (None, Some(_)) => {
                self.missing(&user, "the name that goes with mail.inject_password");
                None
            }
            (Some(name), Some(secret)) => {
                if name.is_empty() || name.len() > MAX_LOGIN || name.contains(char::is_control) {
                    let write = "is not a name to log in with; write the one that the MTA knows";
                    self.wrong(&user, name, write);
                }
                let secret = self.secret(&password, secret);
                // It ends the name in AUTH PLAIN (RFC 4616).
                if secret.expose().contains('\0') {
                    self.errors.add(&password, "has a NUL in it; write another");
                }
                Some(Login {
                    user: name.clone(),
                    password: secret,
                })
            }
        }
    }

    fn inject_ca(&mut self, at: &At, path: Option<&str>) -> Option<String> {
        let (at, path) = (at.key("inject_ca"), path?);
        let pem = self.pem(&at, path)?;
        if let Err(why) = inject::check_authorities(&pem) {
            self.wrong(
                &at,
                path,
                format!("{why}; write the path of a PEM file with certificates"),
            );
        }
        Some(pem)
    }

    /// `NAME <ADDRESS>`, or an address.
    fn mailbox(&mut self, at: &At, text: &str) -> Option<(String, String)> {
        let Some((name, rest)) = text.split_once('<') else {
            return self
                .address(at, text)
                .map(|address| (String::new(), address));
        };
        let name = name.trim().trim_matches('"').to_owned();
        match rest.strip_suffix('>') {
            Some(address) if !name.contains(char::is_control) && name.len() <= 128 => {
                self.address(at, address).map(|address| (name, address))
            }
            _ => {
                self.wrong(
                    at,
                    text,
                    "is not a name and an address; write \"SMS <sms@example.com>\"",
                );
                None
            }
        }
    }

    /// `gateways[].default`: by gateway, who gets what nobody else does.
    pub fn gateway_defaults(
        &mut self,
        root: &At,
        raw: Option<&Vec<raw::Gateway>>,
        addresses: &address::Settings,
    ) -> HashMap<String, String> {
        let at = root.key("gateways");
        let list = raw.map_or(&[][..], Vec::as_slice).iter().enumerate();
        let default = |(i, raw): (usize, &raw::Gateway)| {
            let address = raw.default.as_deref()?;
            let address = self.mailbox_for_sms(&at.index(i).key("default"), address, addresses)?;
            Some((raw.id.clone()?, address))
        };
        list.filter_map(default).collect()
    }

    /// A mail of ours for an SMS address would be refused there, and go in a circle if it were not.
    pub(super) fn mailbox_for_sms(
        &mut self,
        at: &At,
        text: &str,
        addresses: &address::Settings,
    ) -> Option<String> {
        let found = self.address(at, text)?;
        if addresses.is_sms(&found) {
            let write = "is an SMS address, and what we write is not sent as SMS; write a mailbox";
            self.wrong(at, text, write);
        }
        Some(found)
    }

    /// `incoming`.
    pub fn incoming(
        &mut self,
        root: &At,
        raw: Option<&raw::Incoming>,
        gateways: &[String],
        home: &Home<'_>,
    ) -> Incoming {
        let addresses = home.addresses;
        let none = raw::Incoming::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("incoming");
        let relay = at.key("relay");
        let list = raw
            .relay
            .as_ref()
            .map_or(&[][..], |list| &list.0)
            .iter()
            .enumerate();
        let relay = list
            .filter_map(|(i, domain)| self.domain(&relay.index(i), domain))
            .collect();
        let choices = [
            ("ask", OnConflict::Ask),
            ("last", OnConflict::Last),
            ("all", OnConflict::All),
        ];
        let text = raw.conflict_text.clone();
        let text = text.unwrap_or_else(|| self.words.say("conflict-question", &[]));
        if text.trim().is_empty() || text.chars().count() > MAX_QUESTION {
            let write =
                format!("is not a question for a phone; write 1 to {MAX_QUESTION} characters");
            self.wrong(&at.key("conflict_text"), &text, write);
        }
        Incoming {
            email_tags: raw.email_tags.unwrap_or(true),
            relay,
            nicknames: raw.nicknames.unwrap_or(true),
            strip_nickname: raw.strip_nickname.unwrap_or(true),
            reply_window: self.duration(
                &at.key("reply_window"),
                &raw.reply_window,
                Duration::from_secs(3 * 24 * 3600),
            ),
            on_conflict: self.choice(
                &at.key("on_conflict"),
                raw.on_conflict.as_deref(),
                &choices,
                OnConflict::Ask,
            ),
            conflict_text: text,
            opt_out: self.opt_out(&at.key("opt_out"), raw.opt_out.as_ref()),
            join_wait: self.join_wait(&at.key("join_wait"), &raw.join_wait),
            concat_window: self.concat_window(&at.key("concat_window"), &raw.concat_window),
            default: match raw.default.as_deref() {
                None | Some("none") => None,
                Some(address) => self.mailbox_for_sms(&at.key("default"), address, addresses),
            },
            rules: self.incoming_rules(&at.key("rules"), raw.rules.as_ref(), gateways, home),
        }
    }
}

impl Judge<'_> {
    fn join_wait(&mut self, at: &At, raw: &Option<raw::Spelled>) -> Duration {
        let wait = self.duration(at, raw, Duration::from_secs(3600));
        if wait > MAX_WAIT {
            let write = "is longer than parts are kept for each other; write 24h or less";
            self.wrong(at, raw.as_ref().map_or("", |raw| &raw.0), write);
        }
        wait
    }

    fn concat_window(&mut self, at: &At, raw: &Option<raw::Spelled>) -> Duration {
        let off = |raw: &raw::Spelled| raw.0.trim_end_matches(['s', 'm', 'h', 'd']) == "0";
        let raw = raw.as_ref().filter(|raw| !off(raw)).cloned();
        let window = self.duration(at, &raw, Duration::ZERO);
        if window > MAX_WINDOW {
            let write = "would join what was written apart; write 10m or less, or 0";
            self.wrong(at, raw.as_ref().map_or("", |raw| &raw.0), write);
        }
        window
    }

    /// `incoming.opt_out`.
    fn opt_out(&mut self, at: &At, raw: Option<&raw::OptOut>) -> optout::Settings {
        let none = raw::OptOut::default();
        let raw = raw.unwrap_or(&none);
        let known: Vec<String> = optout::words::codes().map(str::to_owned).collect();
        let languages = match &raw.languages {
            None => known,
            Some(list) => {
                let place = at.key("languages");
                for (i, code) in list
                    .0
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| !known.contains(c))
                {
                    let write = format!("is not known here; write some of {}", known.join(", "));
                    self.wrong(&place.index(i), code, write);
                }
                list.0.clone()
            }
        };
        let stop = self.opt_words(&at.key("words"), raw.words.as_ref());
        let start = self.opt_words(&at.key("start_words"), raw.start_words.as_ref());
        self.one_wish_each(at, &languages, &stop, &start);
        let house = self.words.clone();
        let mut text = |key: &str, own: &Option<String>, said: String| match own.as_deref() {
            None => Some(said),
            Some("") => None,
            Some(text) => {
                if text.trim().is_empty() || text.chars().count() > MAX_QUESTION {
                    let write = format!(
                        "is no text for a phone; write 1 to {MAX_QUESTION} characters, or \"\" for none"
                    );
                    self.wrong(&at.key(key), text, write);
                }
                Some(text.to_owned())
            }
        };
        optout::Settings {
            text: text("text", &raw.text, house.say("opt-out-confirmation", &[])),
            start_text: text(
                "start_text",
                &raw.start_text,
                house.say("opt-in-confirmation", &[]),
            ),
            words: match raw.active {
                Some(false) => optout::words::Words::default(),
                None | Some(true) => optout::words::Words::new(&languages, &stop, &start),
            },
        }
    }

    /// A word that is to end and to begin would only ever end: a phone would not get out again.
    fn one_wish_each(&mut self, at: &At, languages: &[String], stop: &[String], start: &[String]) {
        let known = |stop, start| optout::words::Words::new(languages, stop, start);
        let begin = known(&[], start);
        for (i, word) in stop.iter().enumerate() {
            if matches!(begin.find(word), Some((optout::Wish::Start, _))) {
                let write = "begins SMS again; write another word";
                self.wrong(&at.key("words").index(i), word, write);
            }
        }
        let end = known(stop, &[]);
        for (i, word) in start.iter().enumerate() {
            if matches!(end.find(word), Some((optout::Wish::Stop, _))) {
                let write = "ends SMS; write another word";
                self.wrong(&at.key("start_words").index(i), word, write);
            }
        }
    }

    fn opt_words(&mut self, at: &At, raw: Option<&raw::Several>) -> Vec<String> {
        let list = raw.map_or(&[][..], |list| &list.0);
        if list.len() > MAX_OPT_WORDS {
            let write = format!("are too many words; write {MAX_OPT_WORDS} at most");
            self.errors.add(at, write);
        }
        for (i, word) in list.iter().enumerate() {
            let is_word = !optout::words::folded(word).is_empty();
            if !is_word || word.chars().count() > optout::words::MAX_WORD {
                let most = optout::words::MAX_WORD;
                let write = format!("is no word; write letters or digits, {most} at most");
                self.wrong(&at.index(i), word, write);
            }
        }
        list.to_vec()
    }
}

/// `incoming`, judged.
pub(super) struct Incoming {
    email_tags: bool,
    relay: Vec<String>,
    nicknames: bool,
    strip_nickname: bool,
    reply_window: Duration,
    on_conflict: OnConflict,
    conflict_text: String,
    join_wait: Duration,
    concat_window: Duration,
    opt_out: optout::Settings,
    default: Option<String>,
    rules: Vec<IncomingRule>,
}

impl Mails {
    /// How mails are handed in.
    pub fn inject(&self, incoming: &Incoming, words: &Words) -> Option<inject::Settings> {
        let way = self.way.as_ref()?;
        Some(inject::Settings {
            target: way.target.clone(),
            login: way.login.clone(),
            ca: way.ca.clone(),
            hello: self.letterhead.hostname.clone(),
            deadline: inject::DEADLINE,
            fallback: inject::Fallback {
                default: incoming.default.clone(),
                admin: self.admin.clone(),
                from: self.letterhead.from.1.clone(),
                words: words.clone(),
            },
        })
    }
}

/// What of a gateway the way in needs.
pub(super) fn line(common: &Common, defaults: &HashMap<String, String>) -> (String, inbound::Line) {
    let line = inbound::Line {
        number: common.number.clone(),
        from: common.from.clone(),
        default: defaults.get(&common.id).cloned(),
    };
    (common.id.clone(), line)
}

/// The way in, with what it takes from other sections.
pub(super) fn inbound(
    own: Incoming,
    mails: &Mails,
    addresses: &address::Settings,
    people: &Arc<People>,
    directories: &Arc<Directories>,
    speech: &Speech,
    gateways: impl Iterator<Item = (String, inbound::Line)>,
) -> inbound::Settings {
    inbound::Settings {
        email_tags: own.email_tags,
        relay: own.relay,
        nicknames: own.nicknames,
        strip_nickname: own.strip_nickname,
        reply_window: own.reply_window,
        on_conflict: own.on_conflict,
        conflict_text: own.conflict_text,
        join_wait: own.join_wait,
        concat_window: own.concat_window,
        opt_out: own.opt_out,
        default: own.default,
        rules: own.rules,
        domains: addresses
            .domains
            .iter()
            .map(|d| (d.mail.clone(), d.sms.clone()))
            .collect(),
        people: Arc::clone(people),
        directories: Arc::clone(directories),
        gateways: gateways.collect(),
        speech: speech.clone(),
        hostname: mails.letterhead.hostname.clone(),
        admin: mails.admin.clone(),
        mail_from: mails.letterhead.from.1.clone(),
        envelope_from: mails.envelope_from.clone(),
    }
}
