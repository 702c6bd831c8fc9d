//! Whether a push was signed by who says so (threats T47).
//!
//! Digests are compared in constant time. A header that comes twice is none. What is over our URL is over
//! `web.public_url` and what stands behind it in the request, octet for octet as the client sent it: a proxy
//! that rewrites paths breaks such signatures. Any of several keys will do, so that keys can be changed.
//!
//! A time is a header of the provider's own, within the scheme's window of ours. Schemes without one (Twilio,
//! Plivo) are kept from repeats by what the store remembers; so are all within the window.

use std::time::Duration;

use ::hmac::{Hmac, KeyInit, Mac};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};
use ring::{hmac, signature};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::fields::{Pairs, hex};
use crate::gateway::http::hook::{
    Algorithm, Encoding, HeaderScheme, KeyForm, Piece, Scheme, VonageMethod,
};
use crate::secret::Secret;

/// More digests in a header are not looked at: nobody changes more than two keys at a time.
const MAX_DIGESTS: usize = 8;

/// From here on a time is in milliseconds: year 5138 in seconds.
const MILLISECONDS: u64 = 100_000_000_000;

/// What a signature may be over.
pub(super) struct Signed<'a> {
    /// As the provider knows it.
    pub(super) url: &'a str,
    pub(super) is_get: bool,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Pairs,
    /// The body's fields; of JSON those at the top.
    pub(super) fields: &'a Pairs,
    pub(super) is_json: bool,
    pub(super) body: &'a [u8],
    pub(super) now: Timestamp,
}

/// It is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// What no other push has.
    pub(super) once: Option<String>,
    /// It proves when, too.
    pub(super) timed: bool,
}

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("it has no signature, or several")]
    None,
    #[error(
        "the signature is wrong: another key, another URL than web.public_url, or a proxy changed it"
    )]
    Wrong,
    #[error("the signature's time is not now: look at the clocks")]
    Clock,
}

/// Whether one of the keys signed this.
pub(super) fn verify(
    scheme: &Scheme,
    keys: &[Secret],
    push: &Signed<'_>,
) -> Result<Proof, Unsigned> {
    match scheme {
        Scheme::Header(scheme) => header(scheme, keys, push),
        Scheme::Twilio => twilio(keys, push),
        Scheme::Vonage { method, window } => vonage(*method, *window, keys, push),
        Scheme::Plivo => plivo(keys, push),
        Scheme::Messagebird => messagebird(keys, push),
    }
}

fn header(scheme: &HeaderScheme, keys: &[Secret], push: &Signed<'_>) -> Result<Proof, Unsigned> {
    let shown = one(push.headers, &scheme.header)?;
    let read = |name: &Option<String>| match name {
        Some(name) => one(push.headers, name),
        None => Ok(""),
    };
    let (timestamp, id, nonce) = (
        read(&scheme.timestamp)?,
        read(&scheme.id)?,
        read(&scheme.nonce)?,
    );
    let mut over = Vec::with_capacity(push.body.len() + 256);
    for piece in &scheme.over.0 {
        match piece {
            Piece::Body => over.extend_from_slice(push.body),
            Piece::BodySha256 => over.extend_from_slice(&Sha256::digest(push.body)),
            Piece::Url => over.extend_from_slice(push.url.as_bytes()),
            Piece::Timestamp => over.extend_from_slice(timestamp.as_bytes()),
            Piece::Id => over.extend_from_slice(id.as_bytes()),
            Piece::Nonce => over.extend_from_slice(nonce.as_bytes()),
            Piece::Literal(text) => over.extend_from_slice(text.as_bytes()),
        }
    }
    let digests = shown.split_ascii_whitespace().take(MAX_DIGESTS);
    let digests =
        digests.filter_map(|word| decode(scheme.encoding, word.strip_prefix(&scheme.prefix[..])?));
    let digests: Vec<Vec<u8>> = digests.collect();
    let keys = keys.iter().filter_map(|key| octets(scheme.key, key));
    let signed = |key: Vec<u8>| {
        let by_it = |digest: &Vec<u8>| made_by(scheme.algorithm, &key, &over, digest);
        digests
            .iter()
            .fold(false, |any, digest| by_it(digest) | any)
    };
    if !keys.fold(false, |any, key| signed(key) | any) {
        return Err(Unsigned::Wrong);
    }
    if scheme.timestamp.is_some() {
        timely(timestamp, scheme.window, push.now)?;
    }
    // What the digest is not over, anyone can write anew.
    let over = |piece| scheme.over.0.contains(&piece);
    let mut once = [(Piece::Id, id), (Piece::Nonce, nonce)].into_iter();
    let once = once.find(|(piece, text)| over(piece.clone()) && !text.is_empty());
    Ok(Proof {
        once: once.map(|(_, text)| text.to_owned()),
        timed: scheme.timestamp.is_some() && over(Piece::Timestamp),
    })
}

/// The one header of this name.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Unsigned> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Unsigned::None),
        _ => Err(Unsigned::None),
    }
}

fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => hex(text),
        Encoding::Base64 => base64(text),
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .ok()
}

fn octets(form: KeyForm, key: &Secret) -> Option<Vec<u8>> {
    let text = key.expose();
    match form {
        KeyForm::Text => Some(text.as_bytes().to_vec()),
        KeyForm::Base64 => base64(text),
        KeyForm::Whsec => base64(text.strip_prefix("whsec_").unwrap_or(text)),
    }
}

fn made_by(algorithm: Algorithm, key: &[u8], over: &[u8], digest: &[u8]) -> bool {
    let hmac = |algorithm| hmac::verify(&hmac::Key::new(algorithm, key), over, digest).is_ok();
    match algorithm {
        Algorithm::Sha1 => hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Algorithm::Sha256 => hmac(hmac::HMAC_SHA256),
        Algorithm::Sha512 => hmac(hmac::HMAC_SHA512),
        Algorithm::Ed25519 => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, key);
            key.verify(over, digest).is_ok()
        }
    }
}

/// Seconds or milliseconds since 1970, no further from now than `window`.
fn timely(timestamp: &str, window: Duration, now: Timestamp) -> Result<(), Unsigned> {
    let number: i64 = timestamp.trim().parse().map_err(|_| Unsigned::Clock)?;
    let at = match number.unsigned_abs() >= MILLISECONDS {
        true => Timestamp::from_millisecond(number),
        false => Timestamp::from_second(number),
    };
    let off = now.duration_since(at.map_err(|_| Unsigned::Clock)?).abs();
    match SignedDuration::try_from(window) {
        Ok(window) if off > window => Err(Unsigned::Clock),
        _ => Ok(()),
    }
}

/// <https://www.twilio.com/docs/usage/security>: the URL, then each field's name and value, sorted; of a body
/// that is no form, the URL has the digest.
fn twilio(keys: &[Secret], push: &Signed<'_>) -> Result<Proof, Unsigned> {
    let shown = one(push.headers, "X-Twilio-Signature")?;
    let shown = base64(shown).ok_or(Unsigned::Wrong)?;
    let mut fields: Vec<_> = match push.is_get || push.is_json {
        true => Vec::new(),
        false => push.fields.0.iter().collect(),
    };
    fields.sort();
    fields.dedup();
    if push.is_json {
        let claimed = push
            .query
            .text("bodySHA256")
            .and_then(hex)
            .ok_or(Unsigned::Wrong)?;
        let is = Sha256::digest(push.body);
        if !bool::from(is[..].ct_eq(&claimed)) {
            return Err(Unsigned::Wrong);
        }
    }
    let rest: Vec<u8> = fields
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), value])
        .flatten()
        .copied()
        .collect();
    // Of a URL without a port Twilio may or may not sign the standard one.
    let urls = [Some(push.url.to_owned()), with_port(push.url)];
    let signed = urls.into_iter().flatten().any(|url| {
        let over = [url.as_bytes(), &rest].concat();
        any_key(keys, |key| made_by(Algorithm::Sha1, key, &over, &shown))
    });
    match signed {
        true => Ok(Proof {
            once: None,
            timed: false,
        }),
        false => Err(Unsigned::Wrong),
    }
}

fn with_port(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    (!host.contains(':')).then(|| format!("https://{host}:443{path}"))
}

fn any_key(keys: &[Secret], signed: impl Fn(&[u8]) -> bool) -> bool {
    let by = |any, key: &Secret| signed(key.expose().as_bytes()) | any;
    keys.iter().fold(false, by)
}

/// The fields but `sig`, sorted, as `&name=value` with `&` and `=` in values as `_`.
fn vonage(
    method: VonageMethod,
    window: Duration,
    keys: &[Secret],
    push: &Signed<'_>,
) -> Result<Proof, Unsigned> {
    let all = || push.fields.0.iter().chain(&push.query.0);
    let mut shown = all().filter(|(name, _)| name == "sig");
    let (Some((_, sig)), None) = (shown.next(), shown.next()) else {
        return Err(Unsigned::None);
    };
    let sig = str::from_utf8(sig)
        .ok()
        .and_then(hex)
        .ok_or(Unsigned::Wrong)?;
    let mut fields: Vec<_> = all().filter(|(name, _)| name != "sig").collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let mut over = Vec::new();
    for (name, value) in fields {
        over.extend_from_slice(b"&");
        over.extend_from_slice(name.as_bytes());
        over.extend_from_slice(b"=");
        over.extend(
            value
                .iter()
                .map(|&b| if matches!(b, b'&' | b'=') { b'_' } else { b }),
        );
    }
    let signed = any_key(keys, |key| match method {
        VonageMethod::Md5hash => {
            let digest = Md5::new().chain_update(&over).chain_update(key).finalize();
            digest[..].ct_eq(&sig).into()
        }
        VonageMethod::Md5 => {
            let mac = Hmac::<Md5>::new_from_slice(key).map(|mac| mac.chain_update(&over));
            mac.is_ok_and(|mac| mac.verify_slice(&sig).is_ok())
        }
        VonageMethod::Sha1 => made_by(Algorithm::Sha1, key, &over, &sig),
        VonageMethod::Sha256 => made_by(Algorithm::Sha256, key, &over, &sig),
        VonageMethod::Sha512 => made_by(Algorithm::Sha512, key, &over, &sig),
    });
    if !signed {
        return Err(Unsigned::Wrong);
    }
    let timestamp = push
        .fields
        .text("timestamp")
        .or(push.query.text("timestamp"));
    timely(timestamp.ok_or(Unsigned::Clock)?, window, push.now)?;
    Ok(Proof {
        once: None,
        timed: true,
    })
}

/// V3: the URL without its query, `?`, the query's fields sorted, of a POST its fields sorted behind a `.`,
/// and the nonce behind another. A header may hold several digests with commas between them; messages may be
/// signed with the main account's token.
fn plivo(keys: &[Secret], push: &Signed<'_>) -> Result<Proof, Unsigned> {
    let nonce = one(push.headers, "X-Plivo-Signature-V3-Nonce")?;
    let own = one(push.headers, "X-Plivo-Signature-V3").unwrap_or_default();
    let main = one(push.headers, "X-Plivo-Signature-Ma-V3").unwrap_or_default();
    let digests: Vec<Vec<u8>> = own
        .split(',')
        .chain(main.split(','))
        .filter(|text| !text.is_empty())
        .take(MAX_DIGESTS)
        .filter_map(base64)
        .collect();
    if digests.is_empty() {
        return Err(Unsigned::None);
    }
    let sorted = |pairs: &Pairs| {
        let mut all = pairs.0.clone();
        all.sort();
        all
    };
    let mut over = push
        .url
        .split('?')
        .next()
        .unwrap_or_default()
        .as_bytes()
        .to_vec();
    let posted = match push.is_get {
        true => Vec::new(),
        false => sorted(push.fields),
    };
    let query = sorted(push.query);
    if !query.is_empty() || !posted.is_empty() {
        over.push(b'?');
    }
    for (i, (name, value)) in query.iter().enumerate() {
        if i > 0 {
            over.push(b'&');
        }
        over.extend_from_slice(name.as_bytes());
        over.push(b'=');
        over.extend_from_slice(value);
    }
    if !query.is_empty() && !posted.is_empty() {
        over.push(b'.');
    }
    for (name, value) in &posted {
        over.extend_from_slice(name.as_bytes());
        over.extend_from_slice(value);
    }
    over.push(b'.');
    over.extend_from_slice(nonce.as_bytes());
    let signed = any_key(keys, |key| {
        let by_it = |digest: &Vec<u8>| made_by(Algorithm::Sha256, key, &over, digest);
        digests
            .iter()
            .fold(false, |any, digest| by_it(digest) | any)
    });
    match signed {
        true => Ok(Proof {
            once: Some(nonce.to_owned()),
            timed: false,
        }),
        false => Err(Unsigned::Wrong),
    }
}

/// How long a token is good behind its own end, for clocks that differ.
const LEEWAY: i64 = 300;

/// A JSON Web Token by HMAC (RFC 7519, RFC 7518 §3.2), with SHA-256 of our URL and of the body in hex.
fn messagebird(keys: &[Secret], push: &Signed<'_>) -> Result<Proof, Unsigned> {
    let token = one(push.headers, "MessageBird-Signature-JWT")?;
    let (over, digest) = token.rsplit_once('.').ok_or(Unsigned::Wrong)?;
    let (head, claims) = over.split_once('.').ok_or(Unsigned::Wrong)?;
    let part = |text: &str| -> Option<Value> {
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&octets).ok()
    };
    let head = part(head).ok_or(Unsigned::Wrong)?;
    // What the token says of its algorithm is believed of HMACs only: "none" is none.
    let algorithm = match head["alg"].as_str() {
        Some("HS256") => Algorithm::Sha256,
        Some("HS512") => Algorithm::Sha512,
        _ => return Err(Unsigned::Wrong),
    };
    let digest = URL_SAFE_NO_PAD
        .decode(digest)
        .map_err(|_| Unsigned::Wrong)?;
    if !any_key(keys, |key| {
        made_by(algorithm, key, over.as_bytes(), &digest)
    }) {
        return Err(Unsigned::Wrong);
    }
    let claims = part(claims).ok_or(Unsigned::Wrong)?;
    let is_of = |claim: &str, octets: &[u8]| {
        let claimed = claims[claim].as_str().and_then(hex);
        claimed.is_some_and(|claimed| claimed == Sha256::digest(octets)[..])
    };
    let of_body = match push.body.is_empty() && claims["payload_hash"].is_null() {
        true => true,
        false => is_of("payload_hash", push.body),
    };
    if claims["iss"] != "MessageBird" || !is_of("url_hash", push.url.as_bytes()) || !of_body {
        return Err(Unsigned::Wrong);
    }
    let (Some(from), Some(until)) = (claims["nbf"].as_i64(), claims["exp"].as_i64()) else {
        return Err(Unsigned::Clock);
    };
    let now = push.now.as_second();
    if now < from.saturating_sub(LEEWAY) || now > until.saturating_add(LEEWAY) {
        return Err(Unsigned::Clock);
    }
    Ok(Proof {
        once: claims["jti"].as_str().map(str::to_owned),
        timed: true,
    })
}
