//! A provider with an HTTP API: one request a submission, made from templates.
//!
//! A request goes to the host in the configuration and nowhere else: no redirects, no proxy from the
//! environment, no name that leads into a private network (`dial`). An answer is read to 64 KiB
//! and not decompressed; the whole exchange has one deadline. It is sent once: what became of it is
//! read from the answer (`answer`) or is unknown.
//!
//! It parks when the provider refuses us three times in a row (credentials, TLS), at once when it
//! redirects, has no credit for us or shows a wrong certificate; parked, it sends nothing. After an hour it tries one message
//! again, so a repaired account needs no restart. It is down for half a minute when the provider
//! could not be reached three times in a row.
//!
//! Reasons name statuses and the answer's beginning; never the URL, a secret, the text or a number.

mod answer;
mod dial;
mod health;
pub mod preset;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use tokio::sync::watch;

use crate::gateway::{
    Body, Common, Events, Gateway, Outcome, Receipts, Refusal, Status, Submission,
};
use crate::sms::{Encoding, udh};
use crate::wire::pdu;
use crate::wire::template::{Data, Template, Values};
use crate::world::World;

use answer::Answer;
pub use answer::{Conditions, Find, JsonTest, Reading};
pub use dial::{Names, SystemNames};
use health::{Health, Sign};
use settings::secrets;
pub use settings::{Auth, DEFAULT_TIMEOUT, HookFields, HttpError, Method, Payload, Settings};

/// More of an answer is not read: no provider says more than some 2 KiB (threats T50).
pub const MAX_ANSWER: usize = 64 * 1024;

/// To find, connect and shake hands; within the whole timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection is used again only so long after its last answer. Servers close theirs from 5 s on
/// (Apache, Node), and a request that crosses such a close is one whose outcome nobody knows.
const IDLE: Duration = Duration::from_secs(3);

/// How long it stays down or parked before one message tries again.
const DOWN: Duration = Duration::from_secs(30);
const PARKED: Duration = Duration::from_secs(3600);

/// A gateway.
pub struct Http {
    settings: Settings,
    headers: Vec<(HeaderName, Template)>,
    /// Literal parts of the templates and credentials: never in a reason.
    secrets: Vec<String>,
    client: reqwest::Client,
    health: Health,
    world: World,
}

impl Http {
    /// Makes the gateway; does not connect.
    pub fn new(settings: Settings, world: World) -> Result<Arc<Self>, HttpError> {
        Self::with_names(settings, world, Arc::new(SystemNames))
    }

    /// The same, with another resolver than the system's.
    pub fn with_names(
        mut settings: Settings,
        world: World,
        names: Arc<dyn Names>,
    ) -> Result<Arc<Self>, HttpError> {
        settings.check()?;
        settings.common.carries = settings.carries();
        let headers = settings.headers.iter().map(|(name, template)| {
            let parsed = HeaderName::try_from(name.as_str());
            let parsed = parsed.map_err(|_| HttpError::HeaderName(name.clone()))?;
            Ok((parsed, template.clone()))
        });
        Ok(Arc::new(Self {
            headers: headers.collect::<Result<_, HttpError>>()?,
            secrets: secrets(&settings),
            client: client(&settings, names)?,
            health: Health::new(&settings.common.id),
            settings,
            world,
        }))
    }

    /// Makes the request of a submission; a submission that makes none is refused.
    fn request(&self, submission: &Submission) -> Result<reqwest::Request, Outcome> {
        // The configuration may have changed since it was planned.
        if let Some(what) = self.settings.common.carries.lacks(submission.needs()) {
            return Err(Outcome::Refused {
                class: Refusal::Route,
                reason: format!("{} cannot carry {what}", self.settings.common.id),
            });
        }
        let is_part = match &submission.body {
            Body::Segment(segment) => segment.concat.is_some() || submission.part > 0,
            Body::Binary { udh, .. } => udh::concat(udh).is_some() || submission.part > 0,
            Body::Whole { .. } => false,
        };
        // One request a segment, and providers take an id for the same request. Numbered parts
        // have no header to be told by.
        let id = if is_part {
            format!("{}-{}", submission.id, submission.part + 1)
        } else {
            submission.id.to_string()
        };
        let udh = header(&submission.body);
        let values = self.values(submission, &id, &udh);
        let never = |reason: String| Outcome::Refused {
            class: Refusal::Never,
            reason,
        };
        let render = |template: &Template| {
            let rendered = template.render_text(&values);
            rendered.map_err(|e| never(e.to_string()))
        };
        let url = render(&self.settings.url)?;
        let mut request = match self.settings.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        for (name, template) in &self.headers {
            request = request.header(name, render(template)?);
        }
        if let Some(payload) = &self.settings.payload {
            let body = payload.template.render(&values);
            let body = body.map_err(|e| never(e.to_string()))?;
            request = request
                .header(CONTENT_TYPE, &payload.content_type)
                .body(body);
        } else if self.settings.method == Method::Post {
            request = request.body("");
        }
        request.build().map_err(|_| Outcome::Refused {
            class: Refusal::Ours,
            reason: "the templates make no valid request of this message".to_owned(),
        })
    }

    fn values<'a>(&'a self, submission: &'a Submission, id: &'a str, udh: &'a [u8]) -> Values<'a> {
        let number = self.settings.common.number.as_ref();
        let sender = submission.sender_id.as_deref();
        let sender = sender.or(number.map(|n| n.as_str())).unwrap_or_default();
        let text = |text: &'a str, encoding| match encoding {
            Encoding::Gsm7 => Data::Ascii(text),
            Encoding::Ucs2 => Data::Unicode(text),
            Encoding::Binary => Data::Binary(text.as_bytes()),
        };
        let (data, encoding, parts) = match &submission.body {
            Body::Segment(segment) => (text(&segment.text, segment.encoding), segment.encoding, 1),
            Body::Whole {
                text: whole,
                encoding,
                segments,
            } => (text(whole, *encoding), *encoding, *segments),
            Body::Binary { data, .. } => (Data::Binary(data), Encoding::Binary, 1),
        };
        Values {
            number: submission.number.as_str(),
            data,
            udh,
            pid: submission.attributes.pid,
            dcs: submission.dcs(encoding),
            sender,
            sender_phonealias: sender,
            parts,
            msgid: id,
            from: "",
        }
    }

    async fn exchange(&self, request: reqwest::Request, text: &[String]) -> (Outcome, Sign) {
        let mut response = match self.client.execute(request).await {
            Ok(response) => response,
            Err(e) => return dial::unanswered(&e),
        };
        let header = response.headers().get(RETRY_AFTER);
        let retry_after = header
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let (body, broken) = read_body(&mut response).await;
        let status = response.status().as_u16();
        let answer = Answer {
            status,
            retry_after,
            body: String::from_utf8_lossy(&body).into_owned(),
            broken,
        };
        let secrets = || self.secrets.iter().chain(text).map(String::as_str);
        let show = |body: &str| answer::excerpt(body, secrets());
        let outcome = self.settings.reading.read(&answer, self.world.now(), show);
        (outcome, answer::sign(status))
    }
}

#[async_trait]
impl Gateway for Http {
    fn common(&self) -> &Common {
        &self.settings.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.health.status.subscribe()
    }

    /// Only the admin knows whether the provider pushes them.
    fn reports(&self) -> bool {
        self.settings.common.receipts == Receipts::Always
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        if let Status::Parked(reason) = &*self.health.status.borrow() {
            return Outcome::Refused {
                class: Refusal::Link,
                reason: reason.clone(),
            };
        }
        let request = match self.request(&submission) {
            Ok(request) => request,
            Err(refused) => return refused,
        };
        let text = match &submission.body {
            Body::Segment(segment) => vec![segment.text.clone()],
            Body::Whole { text, .. } => vec![text.clone()],
            Body::Binary { data, .. } => {
                let hex = pdu::hex(data);
                vec![STANDARD.encode(data), hex.to_ascii_lowercase(), hex]
            }
        };
        let (outcome, sign) = self.exchange(request, &text).await;
        self.health.note(&outcome, sign);
        outcome
    }

    async fn run(self: Arc<Self>, _events: Events, mut stop: watch::Receiver<bool>) {
        let mut status = self.health.status.subscribe();
        loop {
            let rest = match &*status.borrow_and_update() {
                Status::Up => None,
                Status::Down(_) => Some(DOWN),
                Status::Parked(_) => Some(PARKED),
            };
            let rested = async {
                match rest {
                    Some(rest) => tokio::time::sleep(rest.mul_f64(self.world.jitter())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // An error is a dropped sender: nobody will ever say stop, so the end is now.
                _ = stop.wait_for(|stop| *stop) => return,
                _ = status.changed() => {}
                () = rested => self.health.try_again(),
            }
        }
    }
}

/// The answer's body, and why it is not whole.
async fn read_body(response: &mut reqwest::Response) -> (Vec<u8>, Option<String>) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return (body, None),
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER => {
                return (body, Some("with more than 64 KiB".to_owned()));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(_) => return (body, Some("and broke off".to_owned())),
        }
    }
}

/// The user data header without its length octet.
fn header(body: &Body) -> Vec<u8> {
    let udh = match body {
        Body::Segment(segment) => segment.concat.map(|concat| concat.udh()),
        Body::Whole { .. } => None,
        Body::Binary { udh, .. } => Some(udh.clone()),
    };
    udh.and_then(|udh| udh.get(1..).map(<[u8]>::to_vec))
        .unwrap_or_default()
}

fn client(settings: &Settings, names: Arc<dyn Names>) -> Result<reqwest::Client, HttpError> {
    // Once a process; whoever comes second finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let guard = dial::Guard {
        names,
        allow_private: settings.allow_private,
    };
    reqwest::Client::builder()
        .user_agent(concat!("sms-milter/", env!("CARGO_PKG_VERSION")))
        .default_headers(credentials(&settings.auth)?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(settings.timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout / 2))
        .pool_idle_timeout(IDLE)
        .dns_resolver(Arc::new(guard))
        .build()
        .map_err(|e| HttpError::Client(e.to_string()))
}

fn credentials(auth: &Auth) -> Result<HeaderMap, HttpError> {
    let (name, value) = match auth {
        Auth::None => return Ok(HeaderMap::new()),
        Auth::Basic { user, password } => {
            let pair = format!("{user}:{}", password.expose());
            let coded = STANDARD.encode(pair);
            (AUTHORIZATION, format!("Basic {coded}"))
        }
        Auth::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.expose())),
        Auth::Header { name, value } => {
            let parsed = HeaderName::try_from(name.as_str());
            let parsed = parsed.map_err(|_| HttpError::HeaderName(name.clone()))?;
            (parsed, value.expose().to_owned())
        }
    };
    let mut value =
        HeaderValue::try_from(value).map_err(|_| HttpError::HeaderValue("auth".to_owned()))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}
