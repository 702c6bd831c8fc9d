//! Who may see the pages: admins with a password, or, as long as none is configured, this machine.
//!
//! Passwords are Argon2 hashes ([`passwords`]); a wrong one is answered slowly, and as slowly for a name that
//! nobody has. There is no default account (threats T53).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use crate::access::stand_ins::StandIns;
use crate::outbound::credentials::passwords::{self, Passwords, Workers};
use crate::secret::Secret;
use crate::world::World;

/// A guess takes at least that long.
const FAILED: Duration = Duration::from_secs(1);

/// How a name and a password are asked for (RFC 7617).
pub(super) const REALM: &str = r#"Basic realm="sms-milter", charset="UTF-8""#;

const LOCAL_ONLY: &str = "This page is open to this machine only, at http://localhost or \
http://127.0.0.1, until a password is configured.\nTo open it to others, write\n\n  web:\n    \
admins: { NAME: \"$argon2id$…\" }\n\ninto the configuration (hash: sms-milter users hash).\n";

/// Checks who asks.
pub(super) struct Login {
    /// Name to hash.
    known: Arc<BTreeMap<String, String>>,
    stand_ins: StandIns,
    passwords: Passwords,
}

pub(super) enum Verdict {
    Welcome,
    /// Not without a name and password.
    Who,
    Busy,
    NotHere,
}

/// Lets a request through, or answers it.
pub(super) async fn require(
    State(shared): App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match shared.login.verdict(peer.ip(), request.headers()).await {
        Verdict::Welcome => next.run(request).await,
        Verdict::Who => {
            let ask = (header::WWW_AUTHENTICATE, REALM);
            (
                StatusCode::UNAUTHORIZED,
                [ask],
                "name and password, please\n",
            )
                .into_response()
        }
        Verdict::Busy => {
            let later = (header::RETRY_AFTER, "5");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [later],
                "too many logins\n",
            )
                .into_response()
        }
        Verdict::NotHere => (StatusCode::FORBIDDEN, LOCAL_ONLY).into_response(),
    }
}

impl Login {
    pub(super) fn new(
        known: BTreeMap<String, String>,
        workers: &Arc<Workers>,
        world: &World,
    ) -> Self {
        let hashes = known.values().map(String::as_str);
        Self {
            stand_ins: StandIns::of(hashes),
            passwords: Passwords::new(Arc::clone(workers), world),
            known: Arc::new(known),
        }
    }

    async fn verdict(&self, peer: IpAddr, headers: &HeaderMap) -> Verdict {
        if self.known.is_empty() {
            return match is_this_machine(peer, headers) {
                true => Verdict::Welcome,
                false => Verdict::NotHere,
            };
        }
        match basic(headers) {
            Some((name, password)) => self.check(name, password).await,
            None => Verdict::Who,
        }
    }

    /// Whether this is one of them.
    pub(super) async fn check(&self, name: String, password: Secret) -> Verdict {
        let hash = self.known.get(&name).map(String::as_str);
        let checked = self.passwords.check(&name, hash, &self.stand_ins, password);
        match checked.await {
            passwords::Verdict::Right => Verdict::Welcome,
            passwords::Verdict::Busy => Verdict::Busy,
            passwords::Verdict::Wrong => {
                tokio::time::sleep(FAILED).await;
                Verdict::Who
            }
        }
    }
}

/// Name and password (RFC 7617).
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, Secret)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, coded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(coded.trim()).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    Some((name.to_owned(), Secret::new(password)))
}

/// The connection comes from this machine, and so does the one who uses it: neither a proxy nor a
/// page whose name was pointed at 127.0.0.1 (DNS rebinding).
fn is_this_machine(peer: IpAddr, headers: &HeaderMap) -> bool {
    const PROXIED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    peer.to_canonical().is_loopback()
        && host.is_some_and(is_loopback_host)
        && !PROXIED.iter().any(|name| headers.contains_key(*name))
}

/// `localhost`, `127.0.0.1`, `[::1]`, with or without a port.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        #[track_caller]
        fn check(peer: &str, headers: &[(&'static str, &str)], expected: bool) {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().expect("value"));
            }
            let peer = peer.parse().expect("address");
            assert_eq!(is_this_machine(peer, &map), expected, "{peer} {headers:?}");
        }
        check("127.0.0.1", &[("host", "localhost:8025")], true);
        check("::ffff:127.0.0.1", &[("host", "127.0.0.1")], true);
        check("::1", &[("host", "[::1]:8025")], true);
        check("127.0.0.1", &[], false);
        check("127.0.0.1", &[("host", "evil.example:8025")], false);
        check("127.0.0.1", &[("host", "localhost.evil.example")], false);
        check("192.0.2.1", &[("host", "localhost")], false);
        check(
            "127.0.0.1",
            &[("host", "localhost"), ("x-forwarded-for", "192.0.2.1")],
            false,
        );
    }
}
