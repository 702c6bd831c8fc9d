//! A provider with an HTTP API: one request a submission, made from templates.
//!
//! A request goes to the host in the configuration and nowhere else: no redirects, no proxy from the
//! environment, no name that leads into a private network (`dial`). An answer is read to 64 KiB
//! and not decompressed; the whole exchange has one deadline. It is sent once: what became of it is
//! read from the answer (`answer`) or is unknown.
//!
//! It parks when the provider refuses us three times in a row (credentials, TLS), at once when it
//! redirects, has no credit for us or shows a wrong certificate; parked, it sends nothing. After an hour
//! it tries one message again, so a repaired account needs no restart. It is down when the provider could
//! not be reached three times in a row, or asks for a long wait (`health`).
//!
//! Credentials are in the templates or beside them; a token is asked for when there is none that is good
//! (`token`), and when the provider does not take one that it took before.
//!
//! Reasons name statuses and the answer's beginning; never the URL, a secret, the text or a number.

mod answer;
mod dial;
mod echo;
mod exchange;
mod health;
pub mod hook;
pub mod place;
pub mod preset;
mod request;
mod settings;
mod tls;
mod token;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gateway::{
    Body, Common, Events, Gateway, Health as Standing, Outcome, Receipts, Refusal, Status,
    Submission,
};
use crate::wire::pdu;
use crate::wire::template::Template;
use crate::world::World;

pub use answer::{Conditions, Find, Reading, Test};
pub use dial::{Names, SystemNames, resolver};
pub use exchange::MAX_ANSWER;
use health::{Health, Sign};
pub use place::{Document, Place, PlaceError};
use settings::secrets;
pub use settings::{
    Auth, Client, DEFAULT_CONNECT_TIMEOUT, DEFAULT_TIMEOUT, HttpError, Idempotency, Method,
    Payload, Settings, check_address,
};
pub use tls::MAX_PEM;
use token::{Tokens, Used};

/// After a token that is not taken any more: at once, but no storm when no token is.
const NEW_TOKEN: Duration = Duration::from_secs(1);

/// A gateway.
pub struct Http {
    settings: Settings,
    headers: Vec<(HeaderName, Template)>,
    /// Literal parts of the templates and credentials: never in a reason.
    secrets: Vec<String>,
    /// Credentials, when they are always the same.
    credentials: reqwest::header::HeaderMap,
    /// Credentials that are asked for.
    tokens: Option<Tokens>,
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
            credentials: exchange::credentials(&settings.auth)?,
            tokens: match &settings.auth {
                Auth::Client(client) => Some(Tokens::new(client)),
                _ => None,
            },
            client: exchange::client(&settings, names)?,
            health: Health::new(&settings.common.id),
            settings,
            world,
        }))
    }

    /// Asks for a token if need be, sends, reads the answer. `said`: what of the message must not be shown.
    async fn exchange(&self, mut request: reqwest::Request, said: &[String]) -> (Outcome, Sign) {
        let mut used: Option<Used> = None;
        if let Some(tokens) = &self.tokens {
            let token = match tokens.get(&self.client, &self.world, &self.secrets).await {
                Ok(token) => token,
                Err(refused) => return refused,
            };
            let header = token.header.clone();
            request.headers_mut().insert(AUTHORIZATION, header);
            used = Some(token);
        }
        let answer = match exchange::ask(&self.client, request).await {
            Ok(answer) => answer,
            Err(e) => return dial::unanswered(&e),
        };
        let token = used.as_ref().map(|used| used.text.expose());
        let secrets = || self.secrets.iter().map(String::as_str).chain(token);
        let show = |body: &str| answer::excerpt(body, secrets(), said);
        let read = self.settings.reading.read(&answer, self.world.now(), show);
        match (&self.tokens, used) {
            (Some(tokens), Some(used)) => by_token(tokens, used, answer.status, read).await,
            _ => read,
        }
    }
}

/// A token that was taken once and is no more has expired: that is not our credentials' fault.
async fn by_token(
    tokens: &Tokens,
    used: Used,
    status: u16,
    (outcome, sign): (Outcome, Sign),
) -> (Outcome, Sign) {
    match outcome {
        Outcome::Refused {
            class: Refusal::Link,
            reason,
        } if status == 401 && tokens.refused(&used).await => {
            let class = Refusal::Later {
                after: Some(NEW_TOKEN),
                counts: false,
            };
            (Outcome::Refused { class, reason }, Sign::Answered)
        }
        outcome => {
            if status != 401 {
                tokens.taken(&used).await;
            }
            (outcome, sign)
        }
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

    fn health(&self) -> Standing {
        Standing {
            failure: self.health.failure(),
            ..Standing::default()
        }
    }

    fn foretell(&self, submission: &Submission) -> Option<String> {
        let ours = matches!(self.settings.reading.message_id, Some(Find::Ours));
        ours.then(|| request::name(submission))
    }

    /// Where requests do not ask for them, only the admin knows whether the provider pushes them.
    fn reports(&self) -> bool {
        match self.settings.common.receipts {
            Receipts::Always => true,
            Receipts::Wanted => self.settings.receipts_here,
            Receipts::Never => false,
        }
    }

    fn remedy(&self) -> Option<String> {
        let Settings {
            known_by, common, ..
        } = &self.settings;
        Some(format!(
            "Check {known_by} in gateways.{}, and the account and its credit at the provider, then restart \
             sms-milter; without that one message tries it again in about an hour.",
            common.id
        ))
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        let request = match self.request(&submission) {
            Ok(request) => request,
            Err(refused) => return refused,
        };
        let _turn = match self.health.turn().await {
            Ok(turn) => turn,
            Err(refused) => return refused,
        };
        let said = match &submission.body {
            Body::Segment(segment) => vec![segment.text.clone()],
            Body::Whole { text, .. } => vec![text.clone()],
            Body::Binary { data, .. } => {
                let hex = pdu::hex(data);
                vec![STANDARD.encode(data), hex.to_ascii_lowercase(), hex]
            }
        };
        let (mut outcome, sign) = self.exchange(request, &said).await;
        if let (Outcome::Accepted(id), Some(Find::Ours)) =
            (&mut outcome, &self.settings.reading.message_id)
        {
            *id = Some(request::name(&submission));
        }
        self.health
            .note(&outcome, sign, Instant::now(), self.world.jitter());
        outcome
    }

    async fn run(self: Arc<Self>, _events: Events, mut stop: watch::Receiver<bool>) {
        let mut status = self.health.status.subscribe();
        loop {
            status.borrow_and_update();
            let rested = async {
                match self.health.until() {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // An error is a dropped sender: nobody will ever say stop, so the end is now.
                _ = stop.wait_for(|stop| *stop) => return,
                _ = status.changed() => {}
                () = rested => self.health.try_again(Instant::now()),
            }
        }
    }
}
