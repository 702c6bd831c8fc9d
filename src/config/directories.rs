//! `users_ldap` and `users_sql`: where people are that `users` does not name. What a user is whom they have is
//! [`super::entries`]'.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::entries::reader;
use super::people::Surroundings;
use super::problems::At;
use super::raw::{self, OneOrMore, Several, Spelled};
use super::scalars::{Judge, either};
use crate::access;
use crate::directory::cache::Asked;
use crate::directory::sql::{Place, Server};
use crate::directory::template::{Template, TemplateError};
use crate::directory::{self, Directories, Kind, Login, Times, ldap, sql};
use crate::world::World;

/// As many as anybody has: each is asked for every unknown name.
const MAX_DIRECTORIES: usize = 8;

/// Keys of `users` that a directory may have. `certificates` and `post` are the configuration's alone: nobody
/// is looked up by the first, and the second is no person.
const KEYS: [&str; 22] = [
    "email",
    "name",
    "aliases",
    "login",
    "nickname",
    "mobile",
    "phone_alias",
    "gateway",
    "expires",
    "active",
    "password_hash",
    "send",
    "allow",
    "deny",
    "monthly_limit",
    "credit",
    "max_segments",
    "confirm",
    "sender_ids",
    "class",
    "language",
    "template",
];

/// Where OpenLDAP's inetOrgPerson and Active Directory have it; `aliases` and `nickname` are nowhere by
/// default.
const ATTRIBUTES: [(&str, &str); 4] = [
    ("email", "mail"),
    ("name", "displayName"),
    ("login", "uid"),
    ("mobile", "mobile"),
];

/// A look-up, and the milter's answer has 25 s.
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));
const CACHE: Duration = Duration::from_secs(300);
const NEGATIVE_CACHE: Duration = Duration::from_secs(30);
const STALE: Duration = Duration::from_secs(3600);

impl Judge<'_> {
    /// `users_ldap`, then `users_sql`: asked in this order.
    pub fn directories(
        &mut self,
        root: &At,
        raw: &raw::Config,
        access: &access::Settings,
        around: &Surroundings<'_>,
    ) -> Arc<Directories> {
        let mut all = Vec::new();
        for (at, name, raw) in each(root, "users_ldap", raw.users_ldap.as_ref()) {
            all.extend(self.ldap(&at, name, raw).map(|settings| (at, settings)));
        }
        for (at, name, raw) in each(root, "users_sql", raw.users_sql.as_ref()) {
            all.extend(self.sql(&at, name, raw).map(|settings| (at, settings)));
        }
        if all.len() > MAX_DIRECTORIES {
            let text = format!("is one directory too many; write at most {MAX_DIRECTORIES}");
            self.errors.add(&all[MAX_DIRECTORIES].0, text);
            return Arc::default();
        }
        let (reader, clock) = (reader(access, around, &self.words), World::real().clock);
        let mut asked = Vec::new();
        for (at, settings) in all {
            match directory::open(&settings) {
                Ok(directory) => {
                    let (reader, clock) = (reader.clone(), clock.clone());
                    asked.push(Arc::new(Asked::new(
                        directory,
                        reader,
                        settings.times,
                        clock,
                    )));
                }
                Err(error) => self.errors.add(&at.key("ca"), error.to_string()),
            }
        }
        Arc::new(Directories::of(asked))
    }

    fn ldap(&mut self, at: &At, name: String, raw: &raw::UsersLdap) -> Option<directory::Settings> {
        let urls = self.ldap_urls(&at.key("url"), raw.url.as_ref());
        let starttls = raw.starttls.unwrap_or(false);
        if starttls && !urls.iter().any(|url| url.starts_with("ldap://")) {
            let text = "has no effect: only ldap:// begins in clear; remove it";
            self.warnings.add(&at.key("starttls"), text);
        }
        let base = raw.base.clone().unwrap_or_default();
        if base.is_empty() {
            self.missing(
                &at.key("base"),
                "the DN under which people are, as ou=people,dc=example,dc=com",
            );
        }
        let bind = match (&raw.bind_dn, &raw.password) {
            (Some(dn), Some(password)) => Some(Login {
                name: dn.clone(),
                password: self.secret(&at.key("password"), password),
            }),
            (Some(_), None) => {
                let write = "what bind_dn is known by, as { file: /etc/sms-milter/ldap.secret }";
                self.missing(&at.key("password"), write);
                None
            }
            (None, Some(_)) => {
                self.missing(&at.key("bind_dn"), "the DN whose password it is");
                None
            }
            (None, None) => None,
        };
        let scopes = [("sub", false), ("one", true)];
        let one_level = self.choice(&at.key("scope"), raw.scope.as_deref(), &scopes, false);
        let attributes = self.attributes(&at.key("attributes"), raw.attributes.as_ref());
        let mut filter = |key: &str, own: &Option<String>, default: Option<String>| match own {
            Some(own) => self.asked(&at.key(key), Template::filter(own)),
            // What is wrong with the attributes has been said.
            None => Template::filter(&default?).ok(),
        };
        let names = filter("filter", &raw.filter, Some(name_filter(&attributes)));
        let nickname = filter(
            "nickname_filter",
            &raw.nickname_filter,
            nickname_filter(&attributes),
        );
        let mobile = filter(
            "mobile_filter",
            &raw.mobile_filter,
            mobile_filter(&attributes),
        );
        let ca = raw
            .ca
            .as_ref()
            .and_then(|path| self.pem(&at.key("ca"), path));
        let written = [&raw.timeout, &raw.cache, &raw.negative_cache, &raw.stale];
        Some(directory::Settings {
            name,
            times: self.times(at, written),
            kind: Kind::Ldap(ldap::Settings {
                urls,
                starttls,
                base,
                one_level,
                bind,
                name: names?,
                nickname,
                mobile,
                attributes,
                ca,
            }),
        })
    }

    fn ldap_urls(&mut self, at: &At, raw: Option<&Several>) -> Vec<String> {
        const WRITE: &str =
            "ldaps://ldap.example.com, ldap://127.0.0.1 or ldapi://%2Frun%2Fslapd%2Fldapi";
        let list = raw.map_or(&[][..], |list| &list.0);
        if list.is_empty() {
            self.missing(at, &format!("where the directory is, as {WRITE}"));
        }
        for (i, text) in list.iter().enumerate() {
            let url = Url::parse(text).ok().filter(|url| {
                let known = ["ldap", "ldaps", "ldapi"].contains(&url.scheme());
                let plain = url.username().is_empty() && url.password().is_none();
                let whole = url.query().is_none() && url.fragment().is_none();
                let host = url.host_str().is_some_and(|host| !host.is_empty());
                let port = url.scheme() != "ldapi" || url.port().is_none();
                known && plain && whole && host && port && ["", "/"].contains(&url.path())
            });
            if url.is_none() {
                // Never repeated: it may hold a password.
                let text = format!(
                    "is not a directory's URL; write {WRITE}, and the rest under base, bind_dn, password"
                );
                self.errors.add(&at.index(i), text);
            }
        }
        list.to_vec()
    }

    /// Key → attributes: the defaults, and over them what is written.
    fn attributes(
        &mut self,
        at: &At,
        raw: Option<&BTreeMap<String, Several>>,
    ) -> BTreeMap<String, Vec<String>> {
        let defaults = ATTRIBUTES.iter();
        let mut all: BTreeMap<String, Vec<String>> = defaults
            .map(|(key, attribute)| ((*key).to_owned(), vec![(*attribute).to_owned()]))
            .collect();
        for (key, Several(attributes)) in raw.into_iter().flatten() {
            let at = at.key(key);
            if !KEYS.contains(&key.as_str()) {
                let text = format!(
                    "is no key of users that a directory can have; write {}",
                    either(&KEYS)
                );
                self.wrong(&at, key, text);
                continue;
            }
            for attribute in attributes {
                let fits = |c: char| c.is_ascii_alphanumeric() || "-.;_".contains(c);
                if attribute.is_empty() || attribute.len() > 128 || !attribute.chars().all(fits) {
                    self.wrong(
                        &at,
                        attribute,
                        "is not an attribute; write its name, as mail",
                    );
                }
            }
            all.insert(key.clone(), attributes.clone());
        }
        if all.get("email").is_none_or(Vec::is_empty) {
            self.missing(
                &at.key("email"),
                "the attribute of the mail address, as mail",
            );
        }
        all.retain(|_, attributes| !attributes.is_empty());
        all
    }

    fn asked(&mut self, at: &At, read: Result<Template, TemplateError>) -> Option<Template> {
        read.map_err(|error| self.errors.add(at, error.to_string()))
            .ok()
    }

    fn times(&mut self, at: &At, written: [&Option<Spelled>; 4]) -> Times {
        let [timeout, cache, negative_cache, stale] = written;
        let mut times = Times {
            timeout: self.duration(&at.key("timeout"), timeout, TIMEOUT.0),
            found: self.duration(&at.key("cache"), cache, CACHE),
            unknown: self.duration(&at.key("negative_cache"), negative_cache, NEGATIVE_CACHE),
            stale: self.duration(&at.key("stale"), stale, STALE),
        };
        if times.timeout > TIMEOUT.1 {
            let text = "is too long: the mail server waits meanwhile; write 10s or less";
            self.errors.add(&at.key("timeout"), text);
            times.timeout = TIMEOUT.0;
        }
        times
    }

    fn sql(&mut self, at: &At, name: String, raw: &raw::UsersSql) -> Option<directory::Settings> {
        let place = self.database(&at.key("url"), raw.url.as_deref());
        let password = raw
            .password
            .as_ref()
            .map(|p| self.secret(&at.key("password"), p));
        if let (Some((Place::File(_), _)), Some(_)) = (&place, &password) {
            let text = "has no effect: a file of SQLite asks for none";
            self.warnings.add(&at.key("password"), text);
        }
        let mut query = |key: &str, own: &Option<String>| {
            let text = own.as_ref()?;
            self.asked(&at.key(key), Template::query(text))
        };
        let names = query("query", &raw.query);
        let nickname = query("nickname_query", &raw.nickname_query);
        let mobile = query("mobile_query", &raw.mobile_query);
        if raw.query.is_none() {
            let write =
                "what finds a user, as \"SELECT email, mobile FROM users WHERE email = %s\"";
            self.missing(&at.key("query"), write);
        }
        let columns = self.columns(&at.key("columns"), raw.columns.as_ref());
        let ca = raw
            .ca
            .as_ref()
            .and_then(|path| self.pem(&at.key("ca"), path));
        let written = [&raw.timeout, &raw.cache, &raw.negative_cache, &raw.stale];
        let times = self.times(at, written);
        let (place, user) = place?;
        let tls = raw.tls.unwrap_or(!place.is_near());
        if !tls && ca.is_some() {
            self.warnings
                .add(&at.key("ca"), "has no effect without TLS; write tls: true");
        }
        let login = (user.is_some() || password.is_some()).then(|| Login {
            name: user.unwrap_or_else(|| "sms-milter".to_owned()),
            password: password.unwrap_or_else(|| "".into()),
        });
        Some(directory::Settings {
            name,
            times,
            kind: Kind::Sql(sql::Settings {
                place,
                login,
                tls,
                ca,
                name: names?,
                nickname,
                mobile,
                columns,
            }),
        })
    }

    /// Where the database is, and who we are there.
    fn database(&mut self, at: &At, raw: Option<&str>) -> Option<(Place, Option<String>)> {
        const WRITE: &str = "postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE or \
                             sqlite:/var/lib/mail/users.db";
        let Some(text) = raw else {
            self.missing(at, &format!("where the database is, as {WRITE}"));
            return None;
        };
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Some((Place::File(self.path(at, path)), None));
        }
        let place = Url::parse(text).ok().and_then(|url| server(&url));
        if place.is_none() {
            // Never repeated: it may hold a password.
            let text = format!(
                "is not a database's URL; write {WRITE}, a socket as ?socket=/path, and password beside url"
            );
            self.errors.add(at, text);
        }
        place
    }

    /// Column → keys: every key by its own name, or by the one that is written.
    fn columns(
        &mut self,
        at: &At,
        raw: Option<&BTreeMap<String, String>>,
    ) -> BTreeMap<String, Vec<String>> {
        for key in raw.into_iter().flatten().map(|(key, _)| key) {
            if !KEYS.contains(&key.as_str()) {
                let text = format!(
                    "is no key of users that a directory can have; write {}",
                    either(&KEYS)
                );
                self.wrong(&at.key(key), key, text);
            }
        }
        let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in KEYS {
            let own = raw.and_then(|raw| raw.get(key)).map(String::as_str);
            let column = own.unwrap_or(key).to_lowercase();
            columns.entry(column).or_default().push(key.to_owned());
        }
        columns
    }
}

/// One section or several, with their names.
fn each<'a, T>(root: &At, key: &str, raw: Option<&'a OneOrMore<T>>) -> Vec<(At, String, &'a T)> {
    let all = raw.map_or(&[][..], |raw| &raw.0);
    let name = |i: usize| match all.len() {
        1 => (root.key(key), key.to_owned()),
        _ => (root.key(key).index(i), format!("{key}[{i}]")),
    };
    let named = all.iter().enumerate().map(|(i, raw)| {
        let (at, name) = name(i);
        (at, name, raw)
    });
    named.collect()
}

/// The server of a URL, and the user in it. `socket` (MySQL's, or PostgreSQL's directory; libpq calls it
/// `host`) and `user` may stand behind `?`.
fn server(url: &Url) -> Option<(Place, Option<String>)> {
    let (kind, port) = match url.scheme() {
        "postgres" | "postgresql" => (Server::Postgres, 5432),
        "mysql" | "mariadb" => (Server::MySql, 3306),
        _ => return None,
    };
    if url.password().is_some() || url.fragment().is_some() {
        return None;
    }
    let decoded = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.ok().map(|text| text.into_owned())
    };
    let (mut socket, mut user) = (None, None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "socket" | "host" if value.starts_with('/') => socket = Some(PathBuf::from(&*value)),
            "user" => user = Some(value.into_owned()),
            _ => return None,
        }
    }
    if !url.username().is_empty() {
        user = Some(decoded(url.username())?);
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host.is_empty() && socket.is_none() {
        return None;
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if database.is_empty() || database.contains('/') {
        return None;
    }
    let place = Place::Server {
        kind,
        host: if host.is_empty() {
            "localhost".into()
        } else {
            host.into()
        },
        port: url.port().unwrap_or(port),
        socket,
        database,
    };
    Some((place, user))
}

/// `(a=%s)` for each attribute of the keys; Active Directory writes `smtp:` before further addresses.
fn any_of(attributes: &BTreeMap<String, Vec<String>>, keys: &[&str]) -> Option<String> {
    let all = keys.iter().filter_map(|key| attributes.get(*key)).flatten();
    let terms: Vec<_> = all
        .map(
            |attribute| match attribute.eq_ignore_ascii_case("proxyAddresses") {
                true => format!("({attribute}=smtp:%s)"),
                false => format!("({attribute}=%s)"),
            },
        )
        .collect();
    match &terms[..] {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("(|{})", all.concat())),
    }
}

fn name_filter(attributes: &BTreeMap<String, Vec<String>>) -> String {
    let any = any_of(attributes, &["email", "aliases", "login"]);
    // Without an attribute for the address the error has been said.
    any.unwrap_or_else(|| "(mail=%s)".to_owned())
}

/// In the mail domain only: others may have the same nicknames.
fn nickname_filter(attributes: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let called = any_of(attributes, &["nickname"])?;
    let at = any_of(attributes, &["email"])?.replace("%s", "*@%d");
    Some(format!("(&{called}{at})"))
}

fn mobile_filter(attributes: &BTreeMap<String, Vec<String>>) -> Option<String> {
    any_of(attributes, &["mobile"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_by_default() {
        let all = |pairs: &[(&str, &[&str])]| {
            let pair = |(key, list): &(&str, &[&str])| {
                (
                    (*key).to_owned(),
                    list.iter().map(|a| (*a).to_owned()).collect(),
                )
            };
            pairs
                .iter()
                .map(pair)
                .collect::<BTreeMap<String, Vec<String>>>()
        };
        let plain = all(&[("email", &["mail"]), ("login", &["uid"])]);
        assert_eq!(name_filter(&plain), "(|(mail=%s)(uid=%s))");
        assert_eq!(
            (nickname_filter(&plain), mobile_filter(&plain)),
            (None, None)
        );
        let windows = all(&[
            ("email", &["mail"]),
            ("aliases", &["proxyAddresses"]),
            ("login", &["sAMAccountName"]),
            ("nickname", &["displayName"]),
        ]);
        assert_eq!(
            name_filter(&windows),
            "(|(mail=%s)(proxyAddresses=smtp:%s)(sAMAccountName=%s))"
        );
        assert_eq!(
            nickname_filter(&windows).as_deref(),
            Some("(&(displayName=%s)(mail=*@%d))")
        );
    }

    #[test]
    fn databases() {
        let read = |text: &str| server(&Url::parse(text).expect("a URL"));
        let shown = |text: &str| match read(text) {
            Some((
                Place::Server {
                    host,
                    port,
                    socket,
                    database,
                    ..
                },
                user,
            )) => format!(
                "{}@{host}:{port} {} {database}",
                user.unwrap_or_default(),
                socket.map(|s| s.display().to_string()).unwrap_or_default()
            ),
            _ => "no".to_owned(),
        };
        for (text, expected) in [
            (
                "postgres://mail@db.example.com/users",
                "mail@db.example.com:5432  users",
            ),
            ("postgresql://db:5433/users", "@db:5433  users"),
            ("mysql://mail@[::1]/users", "mail@::1:3306  users"),
            (
                "mysql://m%40x@localhost/users?socket=/run/x.sock",
                "m@x@localhost:3306 /run/x.sock users",
            ),
            (
                "postgres:///users?host=/run/postgresql&user=mail",
                "mail@localhost:5432 /run/postgresql users",
            ),
            ("postgres://mail:hunter2@db/users", "no"),
            ("postgres://mail@db/", "no"),
            ("postgres://mail@db/users?sslmode=disable", "no"),
            ("http://db/users", "no"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
