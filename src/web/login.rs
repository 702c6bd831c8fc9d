//! Who may see the pages: admins with a password, or, as long as none is configured, this machine.
//!
//! Passwords are Argon2 hashes, checked at most two at a time because each takes memory and time on
//! purpose; a wrong one is answered slowly, and as slowly for a name that nobody has. There is no
//! default account (threats T53).

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::App;
use crate::secret::Secret;
use crate::world::World;

/// Two at some 20 MB each.
const AT_A_TIME: usize = 2;

/// Who waits longer for their turn is one of too many.
const TURN: Duration = Duration::from_secs(5);

/// A guess takes at least that long.
const FAILED: Duration = Duration::from_secs(1);

/// A browser sends the password with each request; Argon2 runs once in that time.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How a name and a password are asked for (RFC 7617).
pub(super) const REALM: &str = r#"Basic realm="sms-milter", charset="UTF-8""#;

/// More right passwords than that are not remembered: there are few admins.
const MAX_REMEMBERED: usize = 64;

const LOCAL_ONLY: &str = "This page is open to this machine only, at http://localhost or \
http://127.0.0.1, until a password is configured.\nTo open it to others, write\n\n  web:\n    \
admins: { NAME: \"$argon2id$…\" }\n\ninto the configuration (hash: echo -n PASSWORD | argon2 SALT -id -e).\n";

/// Checks who asks.
pub(super) struct Login {
    admins: Arc<BTreeMap<String, String>>,
    turns: Arc<Semaphore>,
    /// Digests of name and password that were right, and until when.
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
    /// Makes the digests useless elsewhere.
    key: [u8; 32],
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
    pub(super) fn new(admins: BTreeMap<String, String>, world: &World) -> Self {
        let mut key = [0; 32];
        world.random.fill(&mut key);
        Self {
            admins: Arc::new(admins),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            remembered: Mutex::default(),
            key,
        }
    }

    async fn verdict(&self, peer: IpAddr, headers: &HeaderMap) -> Verdict {
        if self.admins.is_empty() {
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
        let digest = self.digest(&name, &password);
        if self.remembers(&digest) {
            return Verdict::Welcome;
        }
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Verdict::Busy;
        };
        let admins = Arc::clone(&self.admins);
        // Who hangs up stops waiting, not the work: so the work has the turn.
        let right = tokio::task::spawn_blocking(move || {
            let right = verify(&admins, &name, &password);
            drop(turn);
            right
        });
        let right = right.await.unwrap_or(false);
        if right {
            self.remember(digest);
            return Verdict::Welcome;
        }
        tokio::time::sleep(FAILED).await;
        Verdict::Who
    }

    fn digest(&self, name: &str, password: &Secret) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(name.len().to_be_bytes());
        hash.update(name);
        hash.update(password.expose());
        hash.finalize().into()
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .get(digest)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn remember(&self, digest: [u8; 32]) {
        let now = Instant::now();
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.retain(|_, until| now < *until);
        if remembered.len() < MAX_REMEMBERED {
            remembered.insert(digest, now + REMEMBERED);
        }
    }
}

/// A name that nobody has costs what another's password costs.
fn verify(admins: &BTreeMap<String, String>, name: &str, password: &Secret) -> bool {
    let known = admins.get(name);
    let hash = known.or_else(|| admins.values().next());
    let Some(Ok(hash)) = hash.map(|hash| PasswordHash::new(hash)) else {
        return false;
    };
    let right = Argon2::default().verify_password(password.expose().as_bytes(), &hash);
    right.is_ok() && known.is_some()
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

    /// A hash that takes no time; `kib` of memory.
    fn hash(password: &[u8], kib: u32) -> String {
        use argon2::password_hash::PasswordHasher;
        let cheap = argon2::Params::new(kib, 1, 1, None).expect("parameters");
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
        let hash = argon2.hash_password_with_salt(password, b"saltsalt");
        hash.expect("hash").to_string()
    }

    #[tokio::test]
    async fn who_hangs_up_does_not_free_a_turn() {
        // Some tens of milliseconds each, in a debug build.
        let admins = BTreeMap::from([("admin".to_owned(), hash(b"right", 32 * 1024))]);
        let login = Login::new(admins, &World::real());
        for n in 0..2 * AT_A_TIME {
            let guess = login.check("admin".to_owned(), Secret::new(format!("wrong{n}")));
            let hung_up = tokio::time::timeout(Duration::from_millis(1), guess).await;
            assert!(hung_up.is_err());
        }
        assert_eq!(login.turns.available_permits(), 0);
        let all = u32::try_from(AT_A_TIME).expect("few");
        let work = login.turns.acquire_many(all);
        assert!(tokio::time::timeout(TURN, work).await.is_ok(), "it ends");
    }

    #[test]
    fn passwords() {
        let admins = BTreeMap::from([("admin".to_owned(), hash(b"right", 8))]);
        for (name, password, right) in [
            ("admin", "right", true),
            ("admin", "wrong", false),
            ("nobody", "right", false),
            ("", "", false),
        ] {
            assert_eq!(
                verify(&admins, name, &Secret::new(password)),
                right,
                "{name}"
            );
        }
        let broken = BTreeMap::from([("admin".to_owned(), "$argon2id$…".to_owned())]);
        assert!(!verify(&broken, "admin", &Secret::new("")));
    }
}
