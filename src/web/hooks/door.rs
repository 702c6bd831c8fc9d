//! Who may push: what a gateway's pushes must show.
//!
//! Up to three walls, and each that a gateway has must be passed: a secret (in the path, as bearer token, as
//! basic password or as `?pass=`), a signature, an address. A gateway without any takes no pushes. What does
//! not pass, and a gateway that is not there, get the same answer after the same work.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::HookSettings;
use super::fields::Pairs;
use super::signature::{self, Proof, Signed};
use crate::access::Network;
use crate::secret::Secret;
use crate::web::login;
use crate::world::World;

/// A refused push is a log line, but not more often than this: who may not push may not fill the disk either.
const LOGGED: i64 = 60_000;

/// As much of an id that is nobody's is logged: ids are not longer.
const MAX_SHOWN: usize = 64;

/// The gateways' doors.
pub(in crate::web) struct Doors {
    doors: HashMap<String, Door>,
    /// What an unknown gateway is compared with: nobody can show it.
    none: [u8; 32],
    /// Whose `X-Forwarded-For` is believed.
    proxies: Vec<Network>,
    /// When a push for a gateway that is not there was logged.
    logged: AtomicI64,
}

struct Door {
    settings: HookSettings,
    /// Of the secret, so that comparing takes the same time for every length.
    digest: Option<[u8; 32]>,
    /// When a refusal was logged, milliseconds since 1970; and a push that could not be read, which no stranger's
    /// refusals may hide.
    refused: AtomicI64,
    unread: AtomicI64,
    /// When a push that says nothing was logged; 0: never.
    empty: AtomicI64,
}

/// Somebody who passed.
pub(super) struct Guest<'a> {
    pub(super) settings: &'a HookSettings,
    /// What the signature proved; `None`: there is none.
    pub(super) proof: Option<Proof>,
    empty: &'a AtomicI64,
}

impl Guest<'_> {
    /// Logs a push that brings nothing: the first is news for an admin, more are a provider's way, and a line now
    /// and then.
    pub(super) fn log_empty(&self, gateway: &str, now: i64) {
        let why =
            "it brings neither SMS nor receipt: a field is missing, or it tells of something else";
        let is_first = self.empty.load(Ordering::Relaxed) == 0;
        match is_time(self.empty, now) {
            true if is_first => tracing::warn!(gw = gateway, event = "push-ignored", "{why}"),
            true => tracing::info!(gw = gateway, event = "push-ignored", "{why}"),
            false => {}
        }
    }
}

impl Doors {
    pub(in crate::web) fn new(
        hooks: HashMap<String, HookSettings>,
        proxies: Vec<Network>,
        world: &World,
    ) -> Self {
        let mut none = [0; 32];
        world.random.fill(&mut none);
        let door = |(id, settings): (String, HookSettings)| {
            let secret = settings.secret.as_ref().map(Secret::expose);
            let secret = secret.filter(|secret| !secret.is_empty());
            let door = Door {
                digest: secret.map(|secret| Sha256::digest(secret).into()),
                settings,
                refused: AtomicI64::new(0),
                unread: AtomicI64::new(0),
                empty: AtomicI64::new(0),
            };
            (id, door)
        };
        Self {
            doors: hooks.into_iter().map(door).collect(),
            none,
            proxies,
            logged: AtomicI64::new(0),
        }
    }

    /// Whether this may be pushed to the gateway.
    pub(super) fn open(
        &self,
        gateway: &str,
        secret: &[u8],
        peer: Option<IpAddr>,
        push: &Signed<'_>,
    ) -> Option<Guest<'_>> {
        let door = self.doors.get(gateway);
        let digest = door.and_then(|door| door.digest);
        let shown: [u8; 32] = Sha256::digest(secret).into();
        let is_shown: bool = shown.ct_eq(&digest.unwrap_or(self.none)).into();
        // The work of a signature that is not there.
        let _ = Sha256::digest(push.body);
        let now = push.now.as_millisecond();
        let Some(door) = door else {
            if is_time(&self.logged, now) {
                let id: String = gateway.chars().take(MAX_SHOWN).collect();
                let id = id.escape_debug();
                tracing::info!(
                    event = "push-refused",
                    "there is no gateway {id} that takes pushes"
                );
            }
            return None;
        };
        let signature = door.settings.signature.as_ref();
        let signed = signature.map(|(scheme, keys)| signature::verify(scheme, keys, push));
        let from = &door.settings.allow_from;
        let why = if digest.is_none() && signed.is_none() && from.is_empty() {
            "the gateway has neither secret, signing_key nor allow_from (or its signature needs web.public_url)"
                .to_owned()
        } else if digest.is_some() && !is_shown {
            "it does not show the secret".to_owned()
        } else if !from.is_empty() && peer.is_none() {
            "a trusted proxy's X-Forwarded-For has no address of who asks".to_owned()
        } else if let Some(peer) = peer
            && !from.is_empty()
            && !from.iter().any(|network| network.contains(peer))
        {
            format!("{peer} is not in allow_from")
        } else {
            match signed.transpose() {
                Ok(proof) => {
                    return Some(Guest {
                        settings: &door.settings,
                        proof,
                        empty: &door.empty,
                    });
                }
                Err(unsigned) => unsigned.to_string(),
            }
        };
        log(&door.refused, gateway, &why, push.now.as_millisecond());
        None
    }

    /// Who asks: the peer, or whom a proxy that we trust says it asks for; `None`: it says nothing that is
    /// an address.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let trusted = |address: IpAddr| self.proxies.iter().any(|proxy| proxy.contains(address));
        let forwarded = headers.get_all("x-forwarded-for").iter();
        let forwarded: Vec<&str> = forwarded
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .collect();
        // Each proxy adds to the end whom it saw; what is in front of the first we do not trust is hearsay.
        let mut client = peer;
        for hop in forwarded.iter().rev() {
            if !trusted(client) {
                break;
            }
            client = address(hop)?;
        }
        Some(client)
    }

    /// Logs that a push could not be read.
    pub(super) fn unread(&self, gateway: &str, why: &str, now: i64) {
        if let Some(door) = self.doors.get(gateway) {
            log(&door.unread, gateway, why, now);
        }
    }
}

/// An address; some proxies write the port too.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|hop| hop.ip());
    hop.parse().ok().or_else(with_port)
}

fn log(logged: &AtomicI64, gateway: &str, why: &str, now: i64) {
    if is_time(logged, now) {
        tracing::warn!(gw = gateway, event = "push-refused", "{why}");
    }
}

/// Whether a refusal may be logged again: it was not for a while.
fn is_time(logged: &AtomicI64, now: i64) -> bool {
    let before = logged.load(Ordering::Relaxed);
    // A clock that goes back logs at once.
    let is_time = (now - before).abs() >= LOGGED;
    if is_time {
        logged.store(now, Ordering::Relaxed);
    }
    is_time
}

/// The secret that a request shows beside its path; empty: none.
pub(super) fn shown(headers: &HeaderMap, query: &str) -> Secret {
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| Secret::new(token.trim()))
    });
    let in_query = || {
        let pairs = Pairs::read(query.as_bytes()).ok()?;
        pairs.text("pass").map(Secret::from)
    };
    bearer
        .or_else(|| login::basic(headers).map(|(_, password)| password))
        .or_else(in_query)
        .unwrap_or_else(|| Secret::new(""))
}
