//! One request, one answer: who asks, how long, how much of the answer is read.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::answer::Answer;
use super::{Auth, HttpError, Names, Settings, dial, tls};

/// More of an answer is not read: no provider says more than some 2 KiB (threats T50).
pub const MAX_ANSWER: usize = 64 * 1024;

/// A connection is used again only so long after its last answer. Servers close theirs from 5 s on
/// (Apache, Node), and a request that crosses such a close is one whose outcome nobody knows.
const IDLE: Duration = Duration::from_secs(3);

/// Sends a request and reads the answer; an error is one before its first line.
pub(super) async fn ask(
    client: &reqwest::Client,
    request: reqwest::Request,
) -> reqwest::Result<Answer> {
    let mut response = client.execute(request).await?;
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let (body, broken) = read_body(&mut response).await;
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after,
        body: String::from_utf8_lossy(&body).into_owned(),
        broken,
    })
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

/// What asks this provider: its TLS, its addresses, its deadlines.
pub(super) fn client(
    settings: &Settings,
    names: Arc<dyn Names>,
) -> Result<reqwest::Client, HttpError> {
    // Once a process; whoever comes second finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let guard = dial::Guard {
        names,
        allow_private: settings.allow_private,
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("sms-milter/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .timeout(settings.timeout)
        .connect_timeout(settings.connect_timeout.min(settings.timeout.mul_f64(0.8)))
        .pool_idle_timeout(IDLE)
        .dns_resolver(Arc::new(guard));
    if let Some(pem) = &settings.client_cert {
        builder = builder.identity(tls::identity(pem).map_err(HttpError::ClientCert)?);
    }
    if let Some(pem) = &settings.ca {
        builder = builder.tls_certs_only(tls::authorities(pem).map_err(HttpError::Ca)?);
    }
    builder
        .build()
        .map_err(|e| HttpError::Client(e.to_string()))
}

/// The header that shows who we are, when that is always the same.
pub(super) fn credentials(auth: &Auth) -> Result<HeaderMap, HttpError> {
    let (name, value) = match auth {
        Auth::None | Auth::Client(_) => return Ok(HeaderMap::new()),
        Auth::Basic { user, password } => {
            let value = basic(user, password.expose());
            return Ok(HeaderMap::from_iter(value.map(|v| (AUTHORIZATION, v))));
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

/// RFC 7617. Base64 fits every header, so there is always one.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let coded = STANDARD.encode(format!("{user}:{password}"));
    let mut value = HeaderValue::try_from(format!("Basic {coded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
