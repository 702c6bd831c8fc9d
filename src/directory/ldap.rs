//! Users in an LDAP directory (RFC 4511): OpenLDAP, Active Directory, 389 and their like.
//!
//! One connection, bound once and shared by all look-ups; made when the first is asked, made anew when it
//! broke. Of several servers the first that takes us is asked. TLS verifies chain and name, always
//! (threats T44): `ldaps://`, or StartTLS before the bind. Names are escaped by RFC 4515 in
//! [`Template`], filters are the admin's.
//!
//! A search asks for two entries at most and for the attributes that are needed: two are one too many, and
//! a base that is not there is an error, not an empty answer. References to other servers (RFC 4511
//! §4.5.3) are not followed: Active Directory adds them to every search of a whole domain.
//!
//! The directory is the admin's own: `ldap3` sets no limit to the octets of an answer, so a server that
//! lies could fill memory until the look-up's timeout.

use std::collections::{BTreeMap, HashSet};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ldap3::{
    Ldap as Handle, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope, SearchEntry,
    SearchOptions,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::template::{Name, Template};
use super::{Directory, Entry, Later, Login, Probe};
use crate::access::found::Question;

/// RFC 4511 §4.1.9: what a search says, beside success.
mod code {
    pub const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub const CONFIDENTIALITY_REQUIRED: u32 = 13;
    pub const NO_SUCH_OBJECT: u32 = 32;
    pub const INVALID_CREDENTIALS: u32 = 49;
    pub const INSUFFICIENT_ACCESS: u32 = 50;
}

/// One is who is meant; a second shows that it is not clear who is.
const MOST: usize = 2;

/// Nobody is called so: what `check` asks for.
const NOBODY: &str = "sms-milter-check@invalid";

/// Where the directory is, and where people stand in it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `ldaps://…`, `ldap://…`, `ldapi://%2fpath`; asked in order.
    pub urls: Vec<String>,
    /// TLS by StartTLS, with `ldap://`.
    pub starttls: bool,
    /// DN of the subtree.
    pub base: String,
    /// Only what stands directly below the base.
    pub one_level: bool,
    /// Who we are; without, anonymous.
    pub bind: Option<Login>,
    /// Finds by address, alias or login.
    pub name: Template,
    /// Finds by nickname.
    pub nickname: Option<Template>,
    /// Finds by phone.
    pub mobile: Option<Template>,
    /// The attributes of each key of `users`.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// PEM of certificates that are trusted beside the system's.
    pub ca: Option<String>,
}

impl Settings {
    /// The password and the names go over the network as they are.
    pub fn in_clear(&self) -> bool {
        let clear = |url: &String| {
            let rest = url.strip_prefix("ldap://");
            rest.is_some_and(|rest| !super::is_near(rest))
        };
        !self.starttls && self.urls.iter().any(clear)
    }
}

/// An LDAP directory.
pub struct Ldap {
    name: String,
    settings: Settings,
    timeout: Duration,
    connect: LdapConnSettings,
    connection: Mutex<Option<Handle>>,
}

/// What went wrong with a look-up, and whether a new connection may mend it.
enum Failed {
    /// The connection is gone.
    Broken(LdapError),
    /// It would be the same again.
    Told(Later),
}

impl Ldap {
    /// Connects to nothing yet; in words why it cannot be.
    pub fn new(name: String, settings: Settings, timeout: Duration) -> Result<Self, String> {
        let tls = tls(settings.ca.as_deref())?;
        let connect = LdapConnSettings::new()
            .set_starttls(settings.starttls)
            .set_config(Arc::new(tls));
        Ok(Self {
            name,
            settings,
            timeout,
            connect,
            connection: Mutex::new(None),
        })
    }

    fn filter(&self, question: &Question) -> Option<String> {
        let template = match question {
            Question::Name(_) => Some(&self.settings.name),
            Question::Nickname { .. } => self.settings.nickname.as_ref(),
            Question::Mobile(_) => self.settings.mobile.as_ref(),
        };
        template?.filter_for(Name::of(question))
    }

    /// The connection that is there, and whether it is a new one.
    async fn connected(&self) -> Result<(Handle, bool), Later> {
        let mut connection = self.connection.lock().await;
        if let Some(handle) = connection.as_mut()
            && !handle.is_closed()
        {
            return Ok((handle.clone(), false));
        }
        let mut last = String::new();
        for url in &self.settings.urls {
            match self.open(url).await {
                Ok(handle) => {
                    *connection = Some(handle.clone());
                    return Ok((handle, true));
                }
                Err(why) => last = format!("{}: {url}: {why}", self.name),
            }
        }
        *connection = None;
        Err(Later::Down(last))
    }

    /// A new connection, bound; in words why not.
    async fn open(&self, url: &str) -> Result<Handle, String> {
        // Each server has its share of the time, so that a dead one does not hide the next.
        let share = self.timeout
            / u32::try_from(self.settings.urls.len())
                .unwrap_or(u32::MAX)
                .max(1);
        let opened = timeout(share, async {
            let connected = LdapConnAsync::with_settings(self.connect.clone(), url).await;
            let (connection, mut handle) = connected.map_err(|e| describe(&e))?;
            let name = self.name.clone();
            tokio::spawn(async move {
                // Look-ups that are under way hear of it; whoever comes next makes a new one.
                if let Err(error) = connection.drive().await {
                    tracing::debug!(directory = name, event = "connection-lost", %error);
                }
            });
            if let Some(Login { name, password }) = &self.settings.bind {
                let bound = handle.simple_bind(name, password.expose()).await;
                let bound = bound.map_err(|e| describe(&e))?;
                if bound.rc != 0 {
                    return Err(format!("bind as {name}: {}", told(&bound)));
                }
            }
            Ok(handle)
        });
        let late = || format!("no answer in {share:?}");
        opened.await.unwrap_or_else(|_| Err(late()))
    }

    async fn forget(&self) {
        *self.connection.lock().await = None;
    }

    /// Asks for the entries that a filter finds, on a connection that may have died unnoticed.
    async fn ask(&self, filter: &str) -> Result<Option<Entry>, Later> {
        let (handle, new) = self.connected().await?;
        let failed = match self.search(handle, filter).await {
            Ok(entry) => return Ok(entry),
            Err(Failed::Told(later)) => return Err(later),
            Err(Failed::Broken(error)) => error,
        };
        self.forget().await;
        let broken = |error: LdapError| Later::Down(format!("{}: {}", self.name, describe(&error)));
        if new {
            return Err(broken(failed));
        }
        let (handle, _) = self.connected().await?;
        match self.search(handle, filter).await {
            Ok(entry) => Ok(entry),
            Err(Failed::Told(later)) => Err(later),
            Err(Failed::Broken(error)) => {
                self.forget().await;
                Err(broken(error))
            }
        }
    }

    async fn search(&self, mut handle: Handle, filter: &str) -> Result<Option<Entry>, Failed> {
        let settings = &self.settings;
        let scope = match settings.one_level {
            true => Scope::OneLevel,
            false => Scope::Subtree,
        };
        let seconds = i32::try_from(self.timeout.as_secs().max(1)).unwrap_or(i32::MAX);
        let options = SearchOptions::new()
            .sizelimit(MOST as i32)
            .timelimit(seconds);
        let wanted: HashSet<String> = settings.attributes.values().flatten().cloned().collect();
        let wanted: Vec<String> = wanted.into_iter().collect();
        handle.with_search_options(options);
        let stream = handle.streaming_search(&settings.base, scope, filter, wanted);
        let mut stream = stream.await.map_err(Failed::Broken)?;
        let mut entries = Vec::new();
        while entries.len() < MOST {
            match stream.next().await.map_err(Failed::Broken)? {
                Some(found) if found.is_ref() || found.is_intermediate() => {}
                Some(found) => entries.push(SearchEntry::construct(found)),
                None => break,
            }
        }
        if entries.len() < MOST {
            let result = stream.finish().await;
            if result.rc == code::SIZE_LIMIT_EXCEEDED {
                let why = format!("{}: {filter} finds several; make it find one", self.name);
                return Err(Failed::Told(Later::Ambiguous(why)));
            }
            if result.rc != 0 {
                return Err(Failed::Told(Later::Down(self.refused(&result))));
            }
        }
        match &mut entries[..] {
            [] => Ok(None),
            [one] => self
                .entry(std::mem::replace(one, nothing()))
                .map(Some)
                .map_err(Failed::Told),
            [one, two, ..] => Err(Failed::Told(Later::Ambiguous(format!(
                "{}: {filter} finds {} and {}; make it find one",
                self.name, one.dn, two.dn
            )))),
        }
    }

    fn refused(&self, result: &LdapResult) -> String {
        let base = &self.settings.base;
        match result.rc {
            code::NO_SUCH_OBJECT => format!(
                "{}: the base {base} is not there, or may not be read; mend base or the rights of \
                 bind_dn",
                self.name
            ),
            _ => format!("{}: search in {base}: {}", self.name, told(result)),
        }
    }

    /// The attributes under the keys that `users` has.
    fn entry(&self, found: SearchEntry) -> Result<Entry, Later> {
        let values = |attribute: &String| {
            let own = |name: &String| name.eq_ignore_ascii_case(attribute);
            let text = found.attrs.iter().find(|(name, _)| own(name));
            let text = text.map(|(_, values)| values.clone());
            // What is not UTF-8 is judged as the nonsense it is, not passed over.
            let octets = found.bin_attrs.iter().find(|(name, _)| own(name));
            let octets = octets.map(|(_, values)| {
                let shown = values
                    .iter()
                    .map(|v| String::from_utf8_lossy(v).into_owned());
                shown.collect::<Vec<_>>()
            });
            text.into_iter()
                .flatten()
                .chain(octets.into_iter().flatten())
        };
        let fields = self.settings.attributes.iter().map(|(key, attributes)| {
            let mut all: Vec<String> = attributes.iter().flat_map(values).collect();
            if key == "email" || key == "aliases" {
                all = all.iter().filter_map(|value| address(value)).collect();
            }
            (key.clone(), all)
        });
        Entry::new(&found.dn, fields.collect::<Vec<_>>())
    }
}

fn nothing() -> SearchEntry {
    SearchEntry {
        dn: String::new(),
        attrs: Default::default(),
        bin_attrs: Default::default(),
    }
}

/// A mail address of `proxyAddresses`: `smtp:` (a further one) or `SMTP:` (the first) before it. What has
/// another word there (`X500:`, `sip:`) is none.
fn address(value: &str) -> Option<String> {
    match value.split_once(':') {
        Some((word, rest)) if word.eq_ignore_ascii_case("smtp") => Some(rest.to_owned()),
        Some(_) => None,
        None => Some(value.to_owned()),
    }
}

/// The system's authorities, and those of the configuration.
fn tls(ca: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = ca.map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()));
    let mut count = 0;
    for certificate in own.into_iter().flatten() {
        let certificate = certificate.map_err(|e| format!("ca: {e}"))?;
        roots.add(certificate).map_err(|e| format!("ca: {e}"))?;
        count += 1;
    }
    if ca.is_some() && count == 0 {
        return Err("ca: there is no certificate in it".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// What a server said, in words.
fn told(result: &LdapResult) -> String {
    let said = result.text.chars().filter(|c| !c.is_control()).take(200);
    let said: String = said.collect();
    let words = match result.rc {
        code::INVALID_CREDENTIALS => "wrong bind_dn or password",
        code::INSUFFICIENT_ACCESS => "no right to read there",
        code::CONFIDENTIALITY_REQUIRED => "it wants TLS; write ldaps:// or starttls: true",
        _ => "refused",
    };
    match said.is_empty() {
        true => format!("{words} (LDAP result {})", result.rc),
        false => format!("{words} (LDAP result {}: {said})", result.rc),
    }
}

/// What broke, with the cause that says it.
fn describe(error: &LdapError) -> String {
    let mut text = match error {
        LdapError::ResultRecv { .. }
        | LdapError::OpSend { .. }
        | LdapError::EndOfStream
        | LdapError::IdScrubSend { .. } => "the connection was lost".to_owned(),
        LdapError::LdapResult { result } => told(result),
        error => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[async_trait]
impl Directory for Ldap {
    fn name(&self) -> &str {
        &self.name
    }

    async fn find(&self, question: &Question) -> Result<Option<Entry>, Later> {
        let Some(filter) = self.filter(question) else {
            return Ok(None);
        };
        match timeout(self.timeout, self.ask(&filter)).await {
            Ok(answer) => answer,
            Err(_) => {
                // What hangs is not asked again on the same connection.
                if let Ok(mut connection) = self.connection.try_lock() {
                    *connection = None;
                }
                let why = format!("{}: no answer in {:?}", self.name, self.timeout);
                Err(Later::Down(why))
            }
        }
    }

    async fn probe(&self) -> Result<Probe, Later> {
        let nobody = Question::Name(NOBODY.to_owned());
        self.find(&nobody).await?;
        let who = self.settings.bind.as_ref().map(|login| login.name.as_str());
        let mut remarks = Vec::new();
        if self.settings.in_clear() {
            let what = who.map_or("names of people", |_| "the password of bind_dn");
            remarks.push(format!(
                "{what} crosses the network in clear; write ldaps:// or starttls: true"
            ));
        }
        Ok(Probe {
            reached: format!(
                "{} answers to {}",
                self.settings.urls.join(" or "),
                who.unwrap_or("anonymous")
            ),
            remarks,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_active_directory() {
        for (value, expected) in [
            ("ann@example.com", Some("ann@example.com")),
            ("SMTP:ann@example.com", Some("ann@example.com")),
            ("smtp:a.smith@example.com", Some("a.smith@example.com")),
            ("X500:/o=x/cn=ann", None),
            ("sip:ann@example.com", None),
        ] {
            assert_eq!(address(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_ca_must_be_one() {
        let error = |pem: &str| tls(Some(pem)).expect_err("no CA");
        assert_eq!(error("nonsense"), "ca: there is no certificate in it");
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(broken).starts_with("ca: "));
    }
}
