//! Pushes from providers: received SMS and receipts.
//!
//! `/hooks/GATEWAY` takes form, JSON or query with `from`, `text` (required), `to`, `id`, `time`,
//! `udh`, `binary`; with `status` and `id` it is a receipt. A preset has other names for these. The
//! gateway's secret comes as bearer token, basic password or `?pass=`. `/sms/deliver.html` is the
//! classic door: `id` and `pass` are the gateway and its secret, then `number`, `data`, `binary`.
//!
//! 200 is said when it is durable (durability W12), 503 when it cannot be made so, 400 with the
//! field's name when it cannot be understood. A wrong secret, a gateway that takes no pushes and a
//! gateway that does not exist get the same 403 after the same work. A repeat is kept once.
//!
//! Limits: [`MAX_BODY`] octets, `BODY_TIMEOUT` to send them, `KEEP_TIMEOUT` to keep them.

mod fields;

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use super::{App, Shared, login};
use crate::gateway::http::HookFields;
use crate::gateway::{Event, Events};
use crate::secret::Secret;
use crate::sms::{Marks, Number};
use crate::store::{Content, Dedupe, Kept, Received, Report};
use crate::world::World;
use fields::{BadField, Coding, Fields, Push};

/// A message of 128 segments, percent-encoded, is 60 KiB at worst.
pub const MAX_BODY: usize = 64 * 1024;

/// For the whole body; providers send it in one packet.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Providers wait some 10 to 30 seconds (Twilio 15, SMSGate 30) and push again.
const KEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a provider that names its messages, or their time, may push again for so long: none known
/// tries for more than two days.
const REPEATS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// And so long a byte-identical push is taken for a repeat when nothing else tells (W12).
const IDENTICAL: SignedDuration = SignedDuration::from_secs(60);

/// A gateway that takes pushes.
#[derive(Clone, Debug, Default)]
pub struct HookSettings {
    /// What they must show; `None`: nothing is good enough.
    pub secret: Option<Secret>,
    /// The gateway's own number, for pushes that do not say to whom.
    pub number: Option<Number>,
    /// What their fields are called.
    pub fields: HookFields,
}

/// What pushes must show, as digests, so that comparing takes the same time for every length.
pub(super) struct Doors {
    digests: HashMap<String, [u8; 32]>,
    /// What an unknown gateway is compared with: nobody can show it.
    none: [u8; 32],
}

impl Doors {
    pub(super) fn new(hooks: &HashMap<String, HookSettings>, world: &World) -> Self {
        let mut none = [0; 32];
        world.random.fill(&mut none);
        let digest = |(id, hook): (&String, &HookSettings)| {
            let secret = hook.secret.as_ref().map(Secret::expose);
            let secret = secret.filter(|secret| !secret.is_empty())?;
            Some((id.clone(), Sha256::digest(secret).into()))
        };
        Self {
            digests: hooks.iter().filter_map(digest).collect(),
            none,
        }
    }

    fn open(&self, gateway: &str, shown: &Secret) -> bool {
        let digest = self.digests.get(gateway).unwrap_or(&self.none);
        let shown: [u8; 32] = Sha256::digest(shown.expose()).into();
        shown.ct_eq(digest).into()
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

impl From<BadField> for Refused {
    fn from(field: BadField) -> Self {
        Refused::Field(field)
    }
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

/// `/hooks/{gateway}`.
pub(super) async fn push(
    State(shared): App,
    Path(gateway): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let query = query.unwrap_or_default();
    // Asked before the body is read: who may not speak is not listened to.
    let shown = shown(&headers, &query);
    if !shared.doors.open(&gateway, &shown) {
        return Err(Refused::Forbidden);
    }
    let hook = shared.state.hooks.get(&gateway).ok_or(Refused::Forbidden)?;
    let body = read(body).await?;
    let fields = Fields::read(&query, &headers, &body, &["pass"])?;
    let push = fields.push(&hook.fields, Coding::HexOrBase64)?;
    take(&shared, &gateway, hook, push, fields.raw).await
}

/// `/sms/deliver.html`.
pub(super) async fn deliver(
    State(shared): App,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let query = query.unwrap_or_default();
    let body = read(body).await?;
    let fields = Fields::read(&query, &headers, &body, &["pass"])?;
    let gateway = fields.get("id").unwrap_or_default().to_owned();
    let shown = Secret::new(fields.secret().unwrap_or_default());
    if !shared.doors.open(&gateway, &shown) {
        return Err(Refused::Forbidden);
    }
    let hook = shared.state.hooks.get(&gateway).ok_or(Refused::Forbidden)?;
    let push = fields.push(&classic(&hook.fields), Coding::Base64)?;
    take(&shared, &gateway, hook, push, fields.raw).await
}

/// The names of the classic door; its answer is the gateway's.
fn classic(fields: &HookFields) -> HookFields {
    let name = str::to_owned;
    HookFields {
        from: name("number"),
        text: name("data"),
        // `id` is the gateway there.
        id: name("msgid"),
        answer: fields.answer.clone(),
        ..HookFields::default()
    }
}

/// The secret that a request shows; empty: none.
fn shown(headers: &HeaderMap, query: &str) -> Secret {
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| Secret::new(token.trim()))
    });
    let in_query = || {
        let pairs = fields::pairs(query.as_bytes()).ok()?;
        let pass = pairs.into_iter().find(|(name, _)| name == "pass");
        pass.map(|(_, value)| Secret::new(value))
    };
    bearer
        .or_else(|| login::basic(headers).map(|(_, password)| password))
        .or_else(in_query)
        .unwrap_or_else(|| Secret::new(""))
}

async fn read(body: Body) -> Result<Vec<u8>, Refused> {
    let read = axum::body::to_bytes(body, MAX_BODY);
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(body)) => Ok(body.to_vec()),
        Ok(Err(_)) => Err(Refused::TooLarge),
        Err(_) => Err(Refused::TooSlow),
    }
}

/// Hands a push on and answers it when it is kept.
async fn take(
    shared: &Shared,
    gateway: &str,
    hook: &HookSettings,
    push: Push,
    raw: Vec<u8>,
) -> Result<Response, Refused> {
    let now = shared.state.world.now();
    let (kept, answer) = oneshot::channel();
    let event = match push {
        Push::Sms(sms) => Event::Received {
            received: Box::new(Received {
                gateway: gateway.to_owned(),
                at: now,
                dedupe: Some(dedupe(gateway, &sms, &raw, now)),
                raw,
                content: Content::Sms {
                    from: sms.from,
                    to: sms.to.or_else(|| hook.number.clone()),
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
        },
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
    keep(&shared.state.events, event, answer).await?;
    let (content_type, body) = hook.fields.answer.clone();
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

async fn keep(
    events: &Events,
    event: Event,
    answer: oneshot::Receiver<Kept>,
) -> Result<Kept, Refused> {
    let kept = async {
        events.send(event).await.ok()?;
        answer.await.ok()
    };
    let kept = tokio::time::timeout(KEEP_TIMEOUT, kept).await;
    kept.ok().flatten().ok_or(Refused::NotKept)
}

/// W12: the provider's id; else its time and what it brought; else all of it, for a minute.
fn dedupe(gateway: &str, sms: &fields::Sms, raw: &[u8], now: Timestamp) -> Dedupe {
    let time = sms.time.map(|time| time.as_millisecond().to_string());
    // An id is a message's; its parts may share it.
    let part = sms.concat.map_or_else(String::new, |c| {
        format!("{}/{}/{}", c.reference, c.part, c.parts)
    });
    let from = sms.from.to_string();
    let binary = sms.binary.as_deref().unwrap_or_default();
    let (parts, keep): (Vec<&[u8]>, _) = match (&sms.id, &time) {
        (Some(id), _) => (vec![b"id", id.as_bytes(), part.as_bytes()], REPEATS),
        (None, Some(time)) => {
            let (text, time) = (sms.text.as_bytes(), time.as_bytes());
            let parts = vec![
                b"time",
                time,
                from.as_bytes(),
                part.as_bytes(),
                text,
                binary,
            ];
            (parts, REPEATS)
        }
        (None, None) => (vec![b"raw", raw], IDENTICAL),
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
