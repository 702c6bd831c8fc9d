//! `hostname`, `control`, `milter`, `store`, `web`, `log`: where things are.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use super::{Log, LogFormat, Web};
use crate::mail::inject::{self, Place};
use crate::milter::{self, Listen};

/// Where the store is when the configuration does not say.
const STORE: &str = "sled:/var/lib/sms-milter";

/// `sun_path` has 108 octets with the NUL (unix(7)).
const MAX_SOCKET: usize = 107;

/// 1 KiB would not hold a header, and a larger mail than 1 GiB is none.
const MESSAGE: (u64, u64) = (4 << 10, 1 << 30);

impl Judge<'_> {
    /// `hostname`, else what the machine calls itself.
    pub fn hostname(&mut self, root: &At, raw: Option<&str>) -> String {
        let at = root.key("hostname");
        let own = raw.is_none().then(|| self.outside.hostname()).flatten();
        let Some(name) = raw.or(own.as_deref()) else {
            self.missing(&at, "this machine's name, as mail.example.com");
            return String::new();
        };
        self.domain(&at, name).unwrap_or_default()
    }

    /// The directory of `store`.
    pub fn store(&mut self, root: &At, raw: Option<&str>) -> PathBuf {
        let at = root.key("store");
        let text = raw.unwrap_or(STORE);
        match text.split_once(':') {
            Some(("sled", path)) => self.path(&at, path),
            Some(("postgres" | "postgresql", _)) => {
                // Its URL may hold a password.
                self.errors.add(&at, "PostgreSQL is not in this version of sms-milter; write sled:/var/lib/sms-milter");
                PathBuf::new()
            }
            _ => {
                self.wrong(&at, text, "is not a store; write sled:/var/lib/sms-milter");
                PathBuf::new()
            }
        }
    }

    /// `control`, else beside the store's files.
    pub fn control(&mut self, root: &At, raw: Option<&str>, store: &Path) -> PathBuf {
        let at = root.key("control");
        let path = match raw {
            None => store.join("control.sock"),
            Some(text) => self.path(&at, text.strip_prefix("unix:").unwrap_or(text)),
        };
        if path.as_os_str().len() > MAX_SOCKET {
            let shown = path.display().to_string();
            self.wrong(
                &at,
                &shown,
                format!("is too long for a socket; write a path of at most {MAX_SOCKET} octets"),
            );
        }
        path
    }

    /// `milter`.
    pub fn milter(&mut self, root: &At, raw: Option<&raw::Milter>) -> Option<milter::Settings> {
        let none = raw::Milter::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("milter");
        let here = at.key("max_message");
        let max_message = self.size(&here, &raw.max_message, MESSAGE, 10 << 20);
        let here = at.key("max_connections");
        let max_connections = self.within(&here, raw.max_connections, 1, 100_000, 1000);
        let here = at.key("listen");
        let Some(listen) = &raw.listen else {
            self.missing(
                &here,
                "inet:127.0.0.1:8895 or unix:/run/sms-milter/milter.sock",
            );
            return None;
        };
        match Listen::parse(listen) {
            Ok(place) => {
                if !place.is_near() {
                    let text = format!(
                        "{listen}: whoever reaches this port sends SMS as anybody; write \
                         inet:127.0.0.1:8895, or let the firewall pass the MTA only"
                    );
                    self.warnings.add(&here, text);
                }
                Some(milter::Settings {
                    listen: place,
                    max_message,
                    max_connections,
                })
            }
            Err(why) => {
                self.errors.add(&here, why);
                None
            }
        }
    }

    /// `web`.
    pub fn web(&mut self, root: &At, raw: Option<&raw::Web>) -> Web {
        let none = raw::Web::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("web");
        Web {
            listen: self.web_listen(&at.key("listen"), raw.listen.as_deref()),
            public_url: raw
                .public_url
                .as_deref()
                .and_then(|url| self.public_url(&at.key("public_url"), url)),
            trusted_proxies: self
                .networks(&at.key("trusted_proxies"), raw.trusted_proxies.as_ref()),
            compat_icewarp: self.compat(&at.key("compat"), raw.compat.as_ref()),
            admins: self.admins(&at.key("admins"), raw),
        }
    }

    fn web_listen(&mut self, at: &At, raw: Option<&str>) -> SocketAddr {
        let own = SocketAddr::from(([127, 0, 0, 1], 8025));
        let Some(text) = raw else {
            return own;
        };
        let Ok(listen) = text.parse::<SocketAddr>() else {
            self.wrong(
                at,
                text,
                "is not an address and a port; write 127.0.0.1:8025",
            );
            return own;
        };
        if !listen.ip().is_loopback() {
            let text = format!(
                "{listen}: passwords cross the network in clear; put a TLS proxy before 127.0.0.1:8025"
            );
            self.warnings.add(at, text);
        }
        listen
    }

    fn public_url(&mut self, at: &At, url: &str) -> Option<String> {
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let fits = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.bytes().all(|b| b.is_ascii_graphic())
                && !rest.contains(['?', '#', '@', '"', '<', '>'])
        });
        if !fits {
            self.wrong(
                at,
                url,
                "is not a URL; write one like https://sms.example.com",
            );
            return None;
        }
        Some(url.trim_end_matches('/').to_owned())
    }

    fn compat(&mut self, at: &At, raw: Option<&raw::Several>) -> bool {
        let mut icewarp = false;
        for (i, door) in raw.map_or(&[][..], |list| &list.0).iter().enumerate() {
            match door.as_str() {
                "icewarp" => icewarp = true,
                "kannel" => self.errors.add(
                    &at.index(i),
                    "kannel is not in this version of sms-milter; remove it",
                ),
                _ => self.wrong(&at.index(i), door, "is not a door; write icewarp"),
            }
        }
        icewarp
    }

    fn admins(&mut self, at: &At, raw: &raw::Web) -> HashMap<String, String> {
        let mut admins = HashMap::new();
        for (name, hash) in raw.admins.iter().flatten() {
            let at = at.key(name);
            if name.is_empty() || name.contains(|c: char| c.is_control() || c == ':') {
                self.wrong(&at, name, "is not a name to log in with; write letters");
            }
            if self.hash(&at, name, hash) {
                admins.insert(name.clone(), hash.clone());
            }
        }
        admins
    }

    /// Whether this may stand for the password of `name`.
    pub fn hash(&mut self, at: &At, name: &str, hash: &str) -> bool {
        // What the documentation prints. It opens nothing, but stays: with no admin at all the page
        // would be open to this machine.
        if hash == "$argon2id$…" || hash == "$argon2id$..." {
            let text = format!(
                "{name} cannot log in: this is the documentation's placeholder, not a hash"
            );
            self.warnings.add(at, text);
            return true;
        }
        if is_argon2(hash) {
            return true;
        }
        // Never repeated: it may be the password itself.
        let write = "is not an Argon2 hash; write what sms-milter users hash prints";
        self.errors.add(at, write);
        false
    }

    /// Secrets written in a file that everybody may read.
    pub fn secrets_at_home(&mut self) {
        let file = self.errors.file().to_owned();
        let open = self
            .outside
            .mode(Path::new(&file))
            .is_ok_and(|mode| mode & 0o007 != 0);
        if self.literal_secret && open {
            let text =
                format!("everybody may read this file, and secrets are in it; run chmod o= {file}");
            self.warnings.add(&At::root(), text);
        }
    }

    /// Two doors at one place, or mails that would come back to the milter for ever.
    pub fn own_places(
        &mut self,
        root: &At,
        milter: Option<&milter::Settings>,
        web: &Web,
        control: &Path,
        inject: Option<&inject::Settings>,
    ) {
        let (listen, inet) = (
            root.key("milter").key("listen"),
            milter.map(|milter| &milter.listen),
        );
        let at_milter = |host: &str, port: u16| matches!(inet, Some(Listen::Inet { host: own, port: p }) if *p == port && port != 0 && overlaps(own, host));
        let web_host = web.listen.ip().to_string();
        if at_milter(&web_host, web.listen.port()) {
            let at = root.key("web").key("listen");
            self.errors.add(
                &at,
                format!("is the place of {listen} too; write another port"),
            );
        }
        if matches!(inet, Some(Listen::Unix { path }) if path == control) {
            let at = root.key("control");
            self.errors.add(
                &at,
                format!("is the place of {listen} too; write another path"),
            );
        }
        let Some(inject::Settings { target, .. }) = inject else {
            return;
        };
        let at = root.key("mail").key("inject");
        let write = "write the port of an MTA without this milter";
        match &target.place {
            Place::Tcp { host, port } if at_milter(host, *port) => {
                self.errors
                    .add(&at, format!("is the place of {listen}; {write}"));
            }
            Place::Tcp { host, port }
                if *port == web.listen.port() && *port != 0 && overlaps(&web_host, host) =>
            {
                self.errors
                    .add(&at, format!("is the place of web.listen; {write}"));
            }
            Place::Unix(path) if matches!(inet, Some(Listen::Unix { path: own }) if own == path) => {
                self.errors.add(
                    &at,
                    format!("is the place of {listen}; write the socket of an MTA"),
                );
            }
            Place::Unix(path) if path == control => {
                self.errors
                    .add(&at, "is the place of control; write the socket of an MTA");
            }
            _ => {}
        }
    }

    /// `log`.
    pub fn log(&mut self, root: &At, raw: Option<&raw::Log>) -> Log {
        let none = raw::Log::default();
        let raw = raw.unwrap_or(&none);
        let at = root.key("log");
        self.later_if(&at, "sent_csv", &raw.sent_csv);
        self.later_if(&at, "received_csv", &raw.received_csv);
        let formats = [
            ("text", LogFormat::Text),
            ("json", LogFormat::Json),
            ("journal", LogFormat::Journal),
        ];
        let levels = [
            ("error", tracing::Level::ERROR),
            ("warn", tracing::Level::WARN),
            ("info", tracing::Level::INFO),
            ("debug", tracing::Level::DEBUG),
            ("trace", tracing::Level::TRACE),
        ];
        Log {
            format: self.choice(
                &at.key("format"),
                raw.format.as_deref(),
                &formats,
                LogFormat::Text,
            ),
            level: self.choice(
                &at.key("level"),
                raw.level.as_deref(),
                &levels,
                tracing::Level::INFO,
            ),
            mask_digits: self.within(&at.key("mask_digits"), raw.mask_digits, 0, 15, 3),
        }
    }
}

/// Whether one who binds `a` is in the way at `b`.
fn overlaps(a: &str, b: &str) -> bool {
    const ALL: [&str; 2] = ["0.0.0.0", "::"];
    let plain = |host: &str| {
        if host == "localhost" {
            "127.0.0.1".to_owned()
        } else {
            host.to_owned()
        }
    };
    plain(a) == plain(b) || ALL.contains(&a) || ALL.contains(&b)
}

/// `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`.
fn is_argon2(hash: &str) -> bool {
    let kind = ["$argon2id$", "$argon2i$", "$argon2d$"]
        .iter()
        .any(|kind| hash.starts_with(kind));
    kind && hash.len() <= 512
        && argon2::PasswordHash::new(hash).is_ok_and(|hash| hash.hash.is_some())
}
