//! Where mails are handed in, as `mail.inject` says it:
//!
//! | written | spoken |
//! |---|---|
//! | `smtp://HOST:PORT` | SMTP (RFC 5321), 25 when no port is given |
//! | `smtps://HOST:PORT` | SMTP in TLS from the first octet on (RFC 8314), 465 |
//! | `lmtp://HOST:PORT` | LMTP (RFC 2033), 24 |
//! | `lmtp+unix:/PATH`, `unix:/PATH`, `lmtp:unix:/PATH` | LMTP on a socket of this machine |
//! | `smtp+unix:/PATH`, `smtp:unix:/PATH` | SMTP on such a socket |
//!
//! Behind HOST:PORT may stand `?tls=none`, `?tls=may` (STARTTLS when it is offered, whoever answers: it keeps
//! listeners out, not impostors) or `?tls=required` (nothing is said in clear, and the certificate is
//! checked), and `name=mail.example.com`, when the certificate is not HOST's. Never a login: that is a key of
//! its own, so that this text can be shown. Pure.

use std::fmt;
use std::path::PathBuf;

use crate::mail::compose;

/// `sun_path` has 108 octets with the NUL (unix(7)).
const MAX_SOCKET: usize = 107;

/// Where mails are handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The other end.
    pub place: Place,
    /// What is spoken.
    pub protocol: Protocol,
    /// How private it is.
    pub tls: Tls,
    /// The name that must stand in its certificate, when it is not the host's.
    pub name: Option<String>,
    /// `tls` was written, and is not our guess.
    said: bool,
}

/// The other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host.
    Tcp {
        /// A name or an address, IPv6 without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A socket of this machine.
    Unix(PathBuf),
}

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: an answer for each recipient.
    Lmtp,
}

/// How private it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// In clear.
    None,
    /// STARTTLS when it is offered, whatever the certificate; in clear when that fails (RFC 7435).
    May,
    /// STARTTLS and a good certificate, or nothing.
    Required,
    /// TLS from the beginning, and a good certificate.
    Implicit,
}

/// Why a text is not a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing known.
    #[error(
        "{0} is no address of an MTA: write smtp://HOST:PORT, as smtp://127.0.0.1:10026, smtps://HOST:PORT, \
         lmtp://HOST:PORT, smtp+unix:/PATH or lmtp+unix:/PATH"
    )]
    Form(String),
    /// The text itself is not repeated: it may hold a password.
    #[error("a login stands in it: write mail.inject_user and mail.inject_password instead")]
    Login,
    /// Not a path.
    #[error(
        "{0} is no path of a socket: write {1}:/PATH, from the root on, with at most 107 octets"
    )]
    Path(String, &'static str),
    /// Behind the path of a socket.
    #[error(
        "?{0} goes with HOST:PORT only: on a socket of this machine there is no TLS; remove it"
    )]
    SocketOption(String),
    /// Behind the `?`, twice.
    #[error("{0}= stands there twice: leave one of them")]
    Twice(&'static str),
    /// Behind the `?`.
    #[error(
        "?{0} is not known there: write ?tls=none, ?tls=may or ?tls=required, and name=HOST beside it"
    )]
    Option(String),
    /// One of the two is not meant.
    #[error("?tls={0} goes with smtp:// and lmtp:// only: {1}")]
    Clash(String, &'static str),
    /// A login in clear, for all to read.
    #[error("mail.inject_user goes through TLS only: write ?tls=required, or smtps://HOST:PORT")]
    LoginInClear,
    /// A certificate that nobody looks at.
    #[error("mail.inject_ca is of no use without TLS: write ?tls=required, or smtps://HOST:PORT")]
    UselessCa,
}

impl Target {
    /// Reads one of the forms above.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let shown = || compose::line(text, 80);
        let form = || TargetError::Form(shown());
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or_else(form)?;
        let socket = match scheme {
            "unix" | "lmtp+unix" => Some((Protocol::Lmtp, rest)),
            "smtp+unix" => Some((Protocol::Smtp, rest)),
            "lmtp" => rest
                .strip_prefix("unix:")
                .map(|path| (Protocol::Lmtp, path)),
            "smtp" => rest
                .strip_prefix("unix:")
                .map(|path| (Protocol::Smtp, path)),
            _ => None,
        };
        if let Some((protocol, path)) = socket {
            if let Some((_, options)) = path.split_once('?') {
                return Err(TargetError::SocketOption(compose::line(options, 80)));
            }
            let form = match protocol {
                Protocol::Smtp => "smtp+unix",
                Protocol::Lmtp => "lmtp+unix",
            };
            // unix:///run/x is how URLs write it.
            let whole = format!("/{}", path.trim_start_matches('/'));
            let fits = path.starts_with('/') && (2..=MAX_SOCKET).contains(&whole.len());
            if !fits || path.contains(char::is_control) {
                return Err(TargetError::Path(shown(), form));
            }
            return Ok(Self {
                place: Place::Unix(whole.into()),
                protocol,
                tls: Tls::None,
                name: None,
                said: false,
            });
        }
        let (protocol, implicit, own_port) = match scheme {
            "smtp" => (Protocol::Smtp, false, 25),
            "smtps" => (Protocol::Smtp, true, 465),
            "lmtp" => (Protocol::Lmtp, false, 24),
            _ => return Err(form()),
        };
        let rest = rest.strip_prefix("//").ok_or_else(form)?;
        let (place, options) = match rest.split_once('?') {
            Some((place, options)) => (place, Some(options)),
            None => (rest, None),
        };
        if place.contains('@') {
            return Err(TargetError::Login);
        }
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = host_and_port(place, own_port).ok_or_else(form)?;
        let mut target = Self {
            tls: match (implicit, is_near(&host)) {
                (true, _) => Tls::Implicit,
                (false, true) => Tls::None,
                (false, false) => Tls::May,
            },
            place: Place::Tcp { host, port },
            protocol,
            name: None,
            said: implicit,
        };
        if let Some(options) = options {
            target.read_options(options)?;
        }
        Ok(target)
    }

    fn read_options(&mut self, options: &str) -> Result<(), TargetError> {
        let implicit = self.tls == Tls::Implicit;
        let mut tls = None;
        for option in options.split('&') {
            let unknown = || TargetError::Option(compose::line(option, 80));
            match option.split_once('=') {
                Some(("tls", _)) if tls.is_some() => return Err(TargetError::Twice("tls")),
                Some(("name", _)) if self.name.is_some() => return Err(TargetError::Twice("name")),
                Some(("tls", value)) => {
                    tls = Some(match value {
                        "none" => Tls::None,
                        "may" => Tls::May,
                        "required" => Tls::Required,
                        _ => return Err(unknown()),
                    });
                    if implicit {
                        let write = "smtps:// is TLS anyway; remove it";
                        return Err(TargetError::Clash(value.to_owned(), write));
                    }
                }
                Some(("name", value)) if is_host(value) => {
                    self.name = Some(value.to_owned());
                }
                _ => return Err(unknown()),
            }
        }
        if let Some(tls) = tls {
            (self.tls, self.said) = (tls, true);
        }
        if self.name.is_some() {
            self.want_certificate()
                .map_err(|_| TargetError::Option("name without TLS".into()))?;
        }
        Ok(())
    }

    /// What goes with a login, and with authorities of its own: nothing is guessed that would give the password
    /// to whoever answers.
    pub fn with(mut self, login: bool, ca: bool) -> Result<Self, TargetError> {
        if login && !self.is_near() {
            self.want_certificate()
                .map_err(|_| TargetError::LoginInClear)?;
        }
        if ca {
            self.want_certificate()
                .map_err(|_| TargetError::UselessCa)?;
        }
        Ok(self)
    }

    fn want_certificate(&mut self) -> Result<(), ()> {
        if matches!(self.place, Place::Unix(_)) {
            return Err(());
        }
        match self.tls {
            Tls::Required | Tls::Implicit => Ok(()),
            _ if self.said => Err(()),
            _ => {
                self.tls = Tls::Required;
                Ok(())
            }
        }
    }

    /// It is on this machine: nobody is in between.
    pub fn is_near(&self) -> bool {
        match &self.place {
            Place::Unix(_) => true,
            Place::Tcp { host, .. } => is_near(host),
        }
    }
}

fn host_and_port(place: &str, own: u16) -> Option<(String, u16)> {
    let (host, port) = match place.strip_prefix('[').map(|v6| v6.split_once(']')) {
        Some(Some((host, ""))) => (host, None),
        Some(Some((host, port))) => (host, Some(port.strip_prefix(':')?)),
        Some(None) => return None,
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|&port| port > 0)?,
        None => own,
    };
    is_host(host).then(|| (host.to_owned(), port))
}

fn is_host(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
    !host.is_empty() && host.len() <= 255 && host.chars().all(fits)
}

fn is_near(host: &str) -> bool {
    let address: Result<std::net::IpAddr, _> = host.parse();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lmtp = self.protocol == Protocol::Lmtp;
        let (host, port) = match &self.place {
            Place::Unix(path) => {
                let scheme = if lmtp { "lmtp" } else { "smtp" };
                return write!(f, "{scheme}+unix:{}", path.display());
            }
            Place::Tcp { host, port } => (host, port),
        };
        let scheme = match self.tls {
            Tls::Implicit => "smtps",
            _ if lmtp => "lmtp",
            _ => "smtp",
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}")?,
            false => write!(f, "{scheme}://{host}:{port}")?,
        }
        let tls = match self.tls {
            Tls::None => "none",
            Tls::May => "may",
            Tls::Required => "required",
            Tls::Implicit => "",
        };
        let said = self.said && self.tls != Tls::Implicit;
        let mut mark = '?';
        if said {
            write!(f, "?tls={tls}")?;
            mark = '&';
        }
        match &self.name {
            Some(name) => write!(f, "{mark}name={name}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, tls: Tls) {
        let target = Target::parse(text).expect(text);
        assert_eq!(
            (target.to_string().as_str(), target.tls),
            (expected, tls),
            "{text}"
        );
    }

    #[test]
    fn places() {
        use Tls::{Implicit, May, None, Required};
        check("smtp://127.0.0.1:10026", "smtp://127.0.0.1:10026", None);
        check("smtp://localhost", "smtp://localhost:25", None);
        check(
            "smtp://mail.example.com:25/",
            "smtp://mail.example.com:25",
            May,
        );
        check("smtp://[::1]:10026", "smtp://[::1]:10026", None);
        check("smtp://[::1]", "smtp://[::1]:25", None);
        check(
            "smtps://mail.example.com",
            "smtps://mail.example.com:465",
            Implicit,
        );
        check("lmtp://127.0.0.1", "lmtp://127.0.0.1:24", None);
        check("lmtp://[fe80::1%eth0]:24", "lmtp://[fe80::1%eth0]:24", May);
        for text in [
            "unix:/run/dovecot/lmtp",
            "lmtp:unix:/run/dovecot/lmtp",
            "unix:///run/dovecot/lmtp",
        ] {
            check(text, "lmtp+unix:/run/dovecot/lmtp", None);
        }
        check("smtp:unix:/run/x", "smtp+unix:/run/x", None);
        check("smtp://a?tls=none", "smtp://a:25?tls=none", None);
        check(
            "smtp://a:587?tls=required",
            "smtp://a:587?tls=required",
            Required,
        );
        check(
            "smtp://127.0.0.1:587/?tls=required&name=mail.example.com",
            "smtp://127.0.0.1:587?tls=required&name=mail.example.com",
            Required,
        );
        check("smtp://a?name=b", "smtp://a:25?name=b", Required);
        check("smtps://a?name=b", "smtps://a:465?name=b", Implicit);
    }

    #[track_caller]
    fn check_wrong(text: &str, why: &str) {
        let error = Target::parse(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_none() {
        let form = "is no address of an MTA: write smtp://HOST:PORT, as smtp://127.0.0.1:10026, smtps://HOST:PORT, \
                    lmtp://HOST:PORT, smtp+unix:/PATH or lmtp+unix:/PATH";
        for wrong in [
            "",
            "127.0.0.1:25",
            "smtp:/x",
            "smtp://",
            "smtp://a:0",
            "smtp://a:x",
            "smtp://[::1",
            "smtp://a b",
            "http://a:25",
            "smtp://?tls=may",
            "lmtps://a",
        ] {
            check_wrong(wrong, form);
        }
        check_wrong("smtp://ann:hunter2@h:25", "write mail.inject_user");
        check_wrong("unix:run/x", "no path of a socket");
        check_wrong(&format!("unix:/{}", "x".repeat(107)), "no path of a socket");
        check_wrong("smtp://a?tls=maybe", "?tls=maybe is not known there");
        check_wrong("smtp://a?tls=may&tls=may", "tls= stands there twice");
        check_wrong("smtp://a?name=b&tls=may&name=b", "name= stands there twice");
        check_wrong("smtp+unix:x", "write smtp+unix:/PATH");
        for text in [
            "smtp+unix:/run/x?tls=none",
            "unix:///run/x?tls=none",
            "lmtp:unix:/run/x?tls=none",
        ] {
            check_wrong(text, "?tls=none goes with HOST:PORT only");
        }
        check_wrong("smtp://a?x", "?x is not known there");
        check_wrong("smtps://a?tls=may", "smtps:// is TLS anyway");
        check_wrong("smtp://a?tls=none&name=b", "name without TLS");
    }

    #[track_caller]
    fn check_with(text: &str, login: bool, ca: bool, expected: Result<Tls, &str>) {
        let with = Target::parse(text).expect(text).with(login, ca);
        match (with, expected) {
            (Ok(target), Ok(tls)) => assert_eq!(target.tls, tls, "{text}"),
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{text}: {error}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_password_goes_to_no_stranger() {
        use Tls::{Implicit, None, Required};
        check_with("smtp://mx.example.com", true, false, Ok(Required));
        check_with("smtp://127.0.0.1", true, false, Ok(None));
        check_with("unix:/run/x", true, false, Ok(None));
        check_with("smtp://127.0.0.1", false, true, Ok(Required));
        check_with("smtps://a", true, true, Ok(Implicit));
        check_with(
            "smtp://a?tls=may",
            true,
            false,
            Err("goes through TLS only"),
        );
        check_with(
            "smtp://a?tls=none",
            true,
            false,
            Err("goes through TLS only"),
        );
        check_with(
            "smtp://a?tls=none",
            false,
            true,
            Err("of no use without TLS"),
        );
        check_with("unix:/run/x", false, true, Err("of no use without TLS"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_not(
            text in "\\PC*|(smtp|smtps|lmtp)://[\\]\\[a-z0-9:./]{0,20}([?](tls=(may|none|required))?&?(name=[a-z]{0,3})?)?|(smtp|lmtp)?[+:]?unix:[a-z/]{0,9}"
        ) {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
            }
        }
    }
}
