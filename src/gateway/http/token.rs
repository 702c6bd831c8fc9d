//! Tokens for client credentials (RFC 6749 §4.4): asked for when there is none, kept while good.
//!
//! One request for a token at a time, whoever needs it. No token is on disk or in a log. A token that the
//! provider took before and takes no more is forgotten; one that it never took is our credentials' fault.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::sync::Mutex;

use super::answer::{self, Answer};
use super::health::Sign;
use super::{Client, dial, exchange};
use crate::gateway::{Outcome, Refusal};
use crate::secret::Secret;
use crate::world::World;

/// Longer tokens do not fit into what servers read of a request's head (8 KiB at Apache and nginx).
const MAX_TOKEN: usize = 8 * 1024;

/// How long a token is good when the provider does not say; it says 401 when it is not.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

/// However long it says.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A token is not used in its last seconds, which it may spend on the way.
const MARGIN: Duration = Duration::from_secs(30);

/// Where tokens come from, and the one that is good.
pub(super) struct Tokens {
    url: String,
    /// Name and secret, as RFC 7617 has them.
    basic: Option<HeaderValue>,
    form: Secret,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// How many there were.
    count: u64,
    token: Option<Token>,
}

struct Token {
    used: Used,
    good_until: Timestamp,
    /// The provider has taken it.
    taken: bool,
}

/// A token that is used.
#[derive(Clone)]
pub(super) struct Used {
    /// Which one.
    number: u64,
    /// As the header has it.
    pub(super) header: HeaderValue,
    /// By itself.
    pub(super) text: Secret,
}

impl Tokens {
    pub(super) fn new(client: &Client) -> Self {
        let secret = client.secret.expose();
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(client.scope.as_deref().map(|scope| ("scope", scope)));
        if client.in_body {
            fields.extend([("client_id", client.id.as_str()), ("client_secret", secret)]);
        }
        let fields = fields.iter().map(|(k, v)| format!("{k}={}", coded(v)));
        // RFC 6749 §2.3.1: coded as in a form, so that a colon in the name stays there.
        let basic = || exchange::basic(&coded(&client.id), &coded(secret));
        Self {
            url: client.url.literals().collect(),
            basic: if client.in_body { None } else { basic() },
            form: Secret::new(fields.collect::<Vec<_>>().join("&")),
            kept: Mutex::default(),
        }
    }

    /// A token that is good; asked for, when there is none. What it comes to when none is given is never
    /// unknown: nothing was sent.
    pub(super) async fn get(
        &self,
        client: &reqwest::Client,
        world: &World,
        secrets: &[String],
    ) -> Result<Used, (Outcome, Sign)> {
        let mut kept = self.kept.lock().await;
        let now = world.now();
        if let Some(token) = kept.token.as_ref().filter(|token| now < token.good_until) {
            return Ok(token.used.clone());
        }
        kept.token = None;
        let answer = match exchange::ask(client, self.request(client)?).await {
            Ok(answer) => answer,
            Err(e) => return Err(unanswered(&e)),
        };
        let now = world.now();
        let (text, life) = match answer.status {
            200..=299 => given(&answer).ok_or_else(|| {
                let reason = "the token server's answer has no token that we can use".to_owned();
                (refused(Refusal::Link, reason), Sign::Answered)
            })?,
            _ => return Err(not_given(&answer, now, secrets)),
        };
        kept.count += 1;
        let used = Used {
            number: kept.count,
            header: bearer(&text).ok_or_else(|| {
                let reason = "the token server's token fits no header".to_owned();
                (refused(Refusal::Link, reason), Sign::Answered)
            })?,
            text,
        };
        let margin = MARGIN.min(life / 10);
        let life = SignedDuration::try_from(life - margin).unwrap_or_default();
        kept.token = Some(Token {
            used: used.clone(),
            good_until: now.checked_add(life).unwrap_or(now),
            taken: false,
        });
        Ok(used)
    }

    fn request(&self, client: &reqwest::Client) -> Result<reqwest::Request, (Outcome, Sign)> {
        let mut request = client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if let Some(basic) = &self.basic {
            request = request.header(AUTHORIZATION, basic);
        }
        let request = request.body(self.form.expose().to_owned()).build();
        request.map_err(|_| {
            let reason = "the token server cannot be asked".to_owned();
            (refused(Refusal::Ours, reason), Sign::Answered)
        })
    }

    /// The provider does not take it. Forgets it; says whether another one is worth a request: it took
    /// this one before, or somebody has got another one since.
    pub(super) async fn refused(&self, used: &Used) -> bool {
        let mut kept = self.kept.lock().await;
        match &kept.token {
            Some(token) if token.used.number == used.number => {
                let taken = token.taken;
                kept.token = None;
                taken
            }
            _ => true,
        }
    }

    /// The provider takes it.
    pub(super) async fn taken(&self, used: &Used) {
        let mut kept = self.kept.lock().await;
        if let Some(token) = &mut kept.token
            && token.used.number == used.number
        {
            token.taken = true;
        }
    }
}

fn refused(class: Refusal, reason: String) -> Outcome {
    Outcome::Refused { class, reason }
}

fn later(after: Option<Duration>, counts: bool, reason: String) -> Outcome {
    refused(Refusal::Later { after, counts }, reason)
}

/// No answer. The message has not left, so that nothing is unknown.
fn unanswered(error: &reqwest::Error) -> (Outcome, Sign) {
    match dial::unanswered(error) {
        (Outcome::Unknown(reason), _) => (
            later(None, true, format!("no token: {reason}")),
            Sign::Unable,
        ),
        (Outcome::Refused { class, reason }, sign) => {
            (refused(class, format!("no token: {reason}")), sign)
        }
        accepted => accepted,
    }
}

/// RFC 6749 §5.1.
fn given(answer: &Answer) -> Option<(Secret, Duration)> {
    if answer.broken.is_some() {
        return None;
    }
    let json: Value = serde_json::from_str(&answer.body).ok()?;
    let text = json.get("access_token")?.as_str()?;
    let kind = json.get("token_type").and_then(Value::as_str);
    let is_bearer = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let life = json.get("expires_in").and_then(|life| match life {
        // Some write the number as a string.
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    let life = life.map_or(DEFAULT_LIFE, Duration::from_secs).min(MAX_LIFE);
    let fits = !text.is_empty() && text.len() <= MAX_TOKEN;
    (is_bearer && fits).then(|| (Secret::new(text), life))
}

/// RFC 6749 §5.2.
fn not_given(answer: &Answer, now: Timestamp, secrets: &[String]) -> (Outcome, Sign) {
    let shown = answer::excerpt(&answer.body, secrets.iter().map(String::as_str), &[]);
    let reason = format!("the token server answered {}{shown}", answer.status);
    let after = answer.retry_after(now);
    match (answer.status, answer.sign(now)) {
        (300..=499, Sign::Busy(_)) => (later(after, false, reason), Sign::Busy(after)),
        (408 | 425, sign) => (later(after, false, reason), sign),
        (300..=499, sign) => (refused(Refusal::Link, reason), sign),
        (_, Sign::Busy(_)) => (later(after, true, reason), Sign::Busy(after)),
        _ => (later(after, true, reason), Sign::Unable),
    }
}

fn bearer(text: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", text.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// As a form has it: everything but what every reader leaves as it is.
pub(super) fn coded(text: &str) -> String {
    const PLAIN: percent_encoding::AsciiSet = percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_');
    percent_encoding::utf8_percent_encode(text, &PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_answers() {
        #[track_caller]
        fn check(body: &str, expected: Option<(&str, u64)>) {
            let answer = Answer {
                status: 200,
                retry_after: None,
                body: body.to_owned(),
                broken: None,
            };
            let found = given(&answer);
            let found = found
                .as_ref()
                .map(|(text, life)| (text.expose(), life.as_secs()));
            assert_eq!(found, expected, "{body}");
        }
        check(
            r#"{"access_token":"t","token_type":"bearer","expires_in":60}"#,
            Some(("t", 60)),
        );
        check(r#"{"access_token":"t","expires_in":"60"}"#, Some(("t", 60)));
        check(r#"{"access_token":"t"}"#, Some(("t", 3600)));
        check(
            r#"{"access_token":"t","expires_in":999999999}"#,
            Some(("t", 86_400)),
        );
        check(r#"{"access_token":"t","token_type":"mac"}"#, None);
        check(r#"{"access_token":""}"#, None);
        check(r#"{"access_token":7}"#, None);
        check("t", None);
        let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(MAX_TOKEN + 1));
        check(&long, None);
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(status: u16, expected: &str, sign: Sign) {
            let answer = Answer {
                status,
                retry_after: None,
                body: r#"{"error":"invalid_client", "s": "hunter2"}"#.to_owned(),
                broken: None,
            };
            let now = Timestamp::UNIX_EPOCH;
            let (outcome, found) = not_given(&answer, now, &["hunter2".to_owned()]);
            let Outcome::Refused { class, reason } = outcome else {
                panic!("{outcome:?}")
            };
            let shown = match class {
                Refusal::Later { counts, .. } => format!("later {counts}"),
                class => format!("{class:?}"),
            };
            assert_eq!((shown.as_str(), found), (expected, sign), "{status}");
            assert!(reason.contains("invalid_client") && !reason.contains("hunter2"));
        }
        check(302, "Link", Sign::Hopeless);
        check(400, "Link", Sign::Answered);
        check(401, "Link", Sign::Answered);
        check(402, "Link", Sign::Hopeless);
        check(408, "later false", Sign::Answered);
        check(429, "later false", Sign::Busy(None));
        check(500, "later true", Sign::Unable);
        check(503, "later true", Sign::Unable);
    }
}
