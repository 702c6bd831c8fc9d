//! Pushes from providers: received SMS and receipts.
//!
//! `/hooks/GATEWAY` and `/hooks/GATEWAY/SECRET` take what the gateway's preset says: form, JSON or query, one
//! thing or several. Without a preset: `from`, `text` (required), `to`, `id`, `time`, `udh`, `binary`; with
//! `status` and `id` it is a receipt. `/sms/deliver.html` is the classic door: `id` and `pass` are the gateway
//! and its secret, then `number`, `data`, `binary`. Who may push says `door`; how a signature is read,
//! `signature`; what a push brings, `read`.
//!
//! The provider's own answer is said when all that a push brought is durable (durability W12), 503 when it
//! cannot be made so, 400 with the field's name when some of it cannot be understood: the rest is kept. Who may not push, a gateway that
//! takes no pushes and a gateway that does not exist get the same 403 after the same work. A repeat is kept
//! once.
//!
//! Limits: [`MAX_BODY`] octets, `BODY_TIMEOUT` to send them, `KEEP_TIMEOUT` to keep them.

mod door;
mod fields;
mod read;
mod signature;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{App, Shared};
use crate::access::Network;
use crate::gateway::http::Settings;
use crate::gateway::http::hook::{Hook, HookAnswer, Scheme};
use crate::gateway::{Event, Events};
use crate::secret::Secret;
use crate::sms::{Marks, Number};
use crate::store::{Content, Dedupe, Kept, Received, Report};
pub(super) use door::Doors;
use door::Guest;
use fields::{BadField, Fields, Pairs};
use read::Push;
use signature::{Proof, Signed};

/// A message of 128 segments, percent-encoded, is 60 KiB at worst.
pub const MAX_BODY: usize = 64 * 1024;

/// For the whole body; providers send it in one packet.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Providers wait some 10 to 30 seconds (Twilio 15, SMSGate 30) and push again.
const KEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a provider that names its messages, or their time, may push again for so long: none known
/// tries for more than two days.
const REPEATS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The same for signatures that prove no time: who recorded one could push it again for ever (threats T47).
const REPLAYS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// And so long a byte-identical push is taken for a repeat when nothing else tells (W12).
const IDENTICAL: SignedDuration = SignedDuration::from_secs(60);

/// A gateway that takes pushes.
#[derive(Clone, Debug, Default)]
pub struct HookSettings {
    /// What they must show.
    pub secret: Option<Secret>,
    /// How they must be signed, with any of these keys.
    pub signature: Option<(Scheme, Vec<Secret>)>,
    /// From where they must come; empty: from anywhere.
    pub allow_from: Vec<Network>,
    /// The gateway's own number, for pushes that do not say to whom.
    pub number: Option<Number>,
    /// What they are like.
    pub hook: Hook,
}

impl HookSettings {
    /// Of a gateway. A signature over our URL is asked for only when we know our URL.
    pub fn new(gateway: &Settings, public_url: Option<&str>) -> Self {
        let scheme = gateway.hook.signature.clone();
        let scheme = scheme.filter(|scheme| public_url.is_some() || !scheme.needs_url());
        let signature = scheme.map(|scheme| (scheme, gateway.signing_keys.clone()));
        Self {
            secret: gateway.secret.clone(),
            signature: signature.filter(|(_, keys)| !keys.is_empty()),
            allow_from: gateway.allow_from.clone(),
            number: gateway.common.number.clone(),
            hook: gateway.hook.clone(),
        }
    }
}

/// Why a push is not taken.
pub(super) enum Refused {
    Forbidden,
    TooLarge,
    TooSlow,
    Field(BadField),
    NotKept,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Refused::Forbidden => (StatusCode::FORBIDDEN, "forbidden\n").into_response(),
            Refused::TooLarge => {
                let text = "the body is longer than 64 KiB\n";
                (StatusCode::PAYLOAD_TOO_LARGE, text).into_response()
            }
            Refused::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too slow\n").into_response(),
            Refused::Field(field) => {
                (StatusCode::BAD_REQUEST, format!("{field}\n")).into_response()
            }
            Refused::NotKept => {
                let later = (header::RETRY_AFTER, "30");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [later],
                    "try again later\n",
                )
                    .into_response()
            }
        }
    }
}

/// A request, but for its body.
pub(super) struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    peer: SocketAddr,
}

/// `/hooks/{gateway}`.
pub(super) async fn push(
    State(shared): App,
    Path(gateway): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let shown = door::shown(&headers, uri.query().unwrap_or_default());
    let asked = Asked {
        method,
        uri,
        headers,
        peer,
    };
    pushed(&shared, &gateway, shown, &asked, body).await
}

/// `/hooks/{gateway}/{secret}`.
pub(super) async fn push_with_secret(
    State(shared): App,
    Path((gateway, secret)): Path<(String, String)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let asked = Asked {
        method,
        uri,
        headers,
        peer,
    };
    pushed(&shared, &gateway, Secret::new(secret), &asked, body).await
}

async fn pushed(
    shared: &Shared,
    gateway: &str,
    secret: Secret,
    asked: &Asked,
    body: Body,
) -> Result<Response, Refused> {
    // Read before anything is asked: how long it takes, and what is said of its length, tells nobody which
    // gateways there are.
    let body = collect(&asked.method, body).await?;
    let query = asked.uri.query().unwrap_or_default();
    let fields = Fields::read(query, &asked.headers, &body, "pass");
    let guest = open(
        shared,
        gateway,
        secret.expose().as_bytes(),
        asked,
        fields.as_ref().ok(),
        &body,
    );
    let guest = guest.ok_or(Refused::Forbidden)?;
    let hook = &guest.settings.hook;
    brought(shared, gateway, &guest, fields, hook).await
}

/// Keeps what a push brings, all that can be read of it; only then says what cannot.
async fn brought(
    shared: &Shared,
    gateway: &str,
    guest: &Guest<'_>,
    fields: Result<Fields, BadField>,
    hook: &Hook,
) -> Result<Response, Refused> {
    let now = shared.state.world.now().as_millisecond();
    let unread = |bad: BadField| {
        let why = format!("a push cannot be read and is refused: {bad}");
        shared.doors.unread(gateway, &why, now);
        Refused::Field(bad)
    };
    let (brought, all) = read::read(hook, &fields.map_err(unread)?);
    if brought.is_empty() && all.is_ok() {
        guest.log_empty(gateway, now);
    }
    let taken = take(shared, gateway, guest, brought, &hook.answer).await?;
    all.map_err(unread)?;
    Ok(taken)
}

/// For the fuzzer: how many things a push brings, and what of it cannot be read.
#[cfg(fuzzing)]
pub fn brings(hook: &Hook, query: &str, headers: &HeaderMap, body: &[u8]) -> (usize, String) {
    let fields = match Fields::read(query, headers, body, "pass") {
        Ok(fields) => fields,
        Err(bad) => return (0, bad.to_string()),
    };
    let (brought, all) = read::read(hook, &fields);
    (
        brought.len(),
        all.map_or_else(|bad| bad.to_string(), |()| String::new()),
    )
}

/// `/sms/deliver.html`.
pub(super) async fn deliver(
    State(shared): App,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&method, body).await?;
    let fields = Fields::read(uri.query().unwrap_or_default(), &headers, &body, "pass");
    let asked = Asked {
        method,
        uri,
        headers,
        peer,
    };
    let known = fields.as_ref().ok();
    let text = |name: &str| {
        let found = known.and_then(|fields| fields.body.text(name).or(fields.query.text(name)));
        found.unwrap_or_default().to_owned()
    };
    let gateway = text("id");
    let secret = known.and_then(Fields::secret).unwrap_or_default();
    let guest = open(&shared, &gateway, secret, &asked, known, &body);
    let guest = guest.ok_or(Refused::Forbidden)?;
    let classic = Hook::classic(guest.settings.hook.answer.clone());
    brought(&shared, &gateway, &guest, fields, &classic).await
}

fn open<'a>(
    shared: &'a Shared,
    gateway: &str,
    secret: &[u8],
    asked: &Asked,
    fields: Option<&Fields>,
    body: &[u8],
) -> Option<Guest<'a>> {
    let none = Pairs::default();
    let public = shared.state.public_url.as_deref().unwrap_or_default();
    let path = asked.uri.path_and_query().map_or("/", |path| path.as_str());
    let signed = Signed {
        url: &format!("{public}{path}"),
        is_get: asked.method == Method::GET,
        headers: &asked.headers,
        query: fields.map_or(&none, |fields| &fields.query),
        fields: fields.map_or(&none, |fields| &fields.body),
        is_json: fields.is_some_and(Fields::is_json),
        body,
        now: shared.state.world.now(),
    };
    let client = shared.doors.client(asked.peer.ip(), &asked.headers);
    shared.doors.open(gateway, secret, client, &signed)
}

/// The body. A GET has none: what stands there all the same is not meant (RFC 9110 §9.3.1), and no signature
/// over the URL and a form's fields is over it.
async fn collect(method: &Method, body: Body) -> Result<Vec<u8>, Refused> {
    let read = axum::body::to_bytes(body, MAX_BODY);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(_)) if method == Method::GET => Ok(Vec::new()),
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(_)) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::TooSlow),
    }
}

/// Hands on what was brought, and answers when all of it is kept.
async fn take(
    shared: &Shared,
    gateway: &str,
    guest: &Guest<'_>,
    brought: Vec<Push>,
    answer: &HookAnswer,
) -> Result<Response, Refused> {
    let now = shared.state.world.now();
    let events = brought.into_iter().enumerate().map(|(index, push)| {
        let (kept, answer) = oneshot::channel();
        let event = match push {
            Push::Sms(sms) => {
                let proof = guest.proof.as_ref();
                let dedupe = dedupe(gateway, &sms, proof, index, now);
                received(gateway, guest.settings, sms, dedupe, now, kept)
            }
            Push::Receipt {
                id,
                phones,
                receipt,
                time,
            } => Event::Receipt {
                report: Box::new(Report {
                    gateway: gateway.to_owned(),
                    reference: id,
                    phones,
                    receipt,
                    submitted: None,
                    at: time,
                }),
                kept,
            },
        };
        keep(&shared.state.events, event, answer)
    });
    let all = tokio::time::timeout(KEEP_TIMEOUT, try_join_all(events));
    all.await
        .ok()
        .and_then(Result::ok)
        .ok_or(Refused::NotKept)?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let content_type = (header::CONTENT_TYPE, answer.content_type.clone());
    Ok((status, [content_type], answer.body.clone()).into_response())
}

fn received(
    gateway: &str,
    settings: &HookSettings,
    sms: read::Sms,
    dedupe: Dedupe,
    at: Timestamp,
    kept: oneshot::Sender<Kept>,
) -> Event {
    Event::Received {
        received: Box::new(Received {
            gateway: gateway.to_owned(),
            at,
            dedupe: Some(dedupe),
            raw: sms.raw,
            content: Content::Sms {
                from: sms.from,
                to: sms.to.or_else(|| settings.number.clone()),
                text: sms.text,
                binary: sms.binary,
                concat: sms.concat,
                marks: Marks {
                    udh: sms.udh,
                    ..Marks::default()
                },
                sent: sms.time,
            },
        }),
        kept,
    }
}

/// `Err`: it is not kept.
async fn keep(events: &Events, event: Event, answer: oneshot::Receiver<Kept>) -> Result<Kept, ()> {
    events.send(event).await.map_err(|_| ())?;
    answer.await.map_err(|_| ())
}

/// W12: the provider's id; else what the signature says is unique; else its time and what it brought; else
/// all of it, for a minute.
fn dedupe(
    gateway: &str,
    sms: &read::Sms,
    proof: Option<&Proof>,
    index: usize,
    now: Timestamp,
) -> Dedupe {
    let time = sms.time.map(|time| time.as_millisecond().to_string());
    let once = proof.and_then(|proof| proof.once.as_ref());
    let index = index.to_string();
    // An id is a message's; its parts may share it.
    let part = sms.concat.map_or_else(String::new, |c| {
        format!("{}/{}/{}", c.reference, c.part, c.parts)
    });
    let from = sms.from.to_string();
    let binary = sms.binary.as_deref().unwrap_or_default();
    let repeats = match proof {
        Some(Proof { timed: false, .. }) => REPLAYS,
        _ => REPEATS,
    };
    let (parts, keep): (Vec<&[u8]>, _) = match (&sms.id, once, &time) {
        (Some(id), ..) => (vec![b"id", id.as_bytes(), part.as_bytes()], repeats),
        (None, Some(once), _) => (vec![b"once", once.as_bytes(), index.as_bytes()], repeats),
        (None, None, Some(time)) => {
            let (text, time) = (sms.text.as_bytes(), time.as_bytes());
            let parts = vec![
                b"time",
                time,
                from.as_bytes(),
                part.as_bytes(),
                text,
                binary,
            ];
            (parts, repeats)
        }
        (None, None, None) => (vec![b"raw", &sms.raw], IDENTICAL),
    };
    let mut hash = Sha256::new();
    for part in [b"hook", gateway.as_bytes()].into_iter().chain(parts) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    Dedupe {
        key: hash.finalize().into(),
        until: now.saturating_add(keep).unwrap_or(Timestamp::MAX),
    }
}
