//! The page: the phones of the simulated networks, what they show, and a line to answer.
//!
//! Plain HTML that needs no script. Everything that came from outside is escaped by the template;
//! what changes something checks that it was asked from our own page (threats T51, T52).

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::App;
use crate::gateway::Gateway;
use crate::gateway::simulated::{Direction, PhoneMessage, Simulated};
use crate::sms::Number;
use crate::wire::pdu::hex;

/// Phones on the page, the last used first; a list of a thousand helps no one.
const MAX_SHOWN: usize = 50;

/// A reply of more characters is no SMS.
const MAX_REPLY: usize = 20_000;

const STYLE: &str = include_str!("templates/style.css");

#[derive(Template)]
#[template(path = "phones.html", config = "src/web/templates/askama.toml")]
struct Index {
    networks: Vec<Network>,
}

struct Network {
    gateway: String,
    number: String,
    phones: Vec<Phone>,
    hidden: usize,
}

struct Phone {
    number: String,
    /// Its number without `+`, for the place on the page.
    place: String,
    messages: Vec<Shown>,
}

struct Shown {
    out: bool,
    other: String,
    text: String,
    at: String,
    parts: u8,
    flash: bool,
    meaning: Vec<String>,
}

impl Shown {
    fn new(message: PhoneMessage) -> Self {
        let at = message.at.as_second();
        let at = Timestamp::from_second(at).unwrap_or(message.at);
        let meaning = message.meaning().sentences;
        Self {
            out: message.direction == Direction::Out,
            other: message.other,
            text: message.data.as_deref().map_or(message.text, hex),
            meaning,
            at: at.to_string(),
            parts: message.parts,
            flash: message.flash,
        }
    }
}

impl Network {
    fn new(simulated: &Arc<Simulated>) -> Self {
        let phones = simulated.phones();
        let hidden = phones.len().saturating_sub(MAX_SHOWN);
        let phone = |number: Number| Phone {
            messages: simulated
                .show(&number)
                .into_iter()
                .map(Shown::new)
                .collect(),
            place: number.digits().to_owned(),
            number: number.to_string(),
        };
        let common = simulated.common();
        let own = common.number.as_ref();
        Self {
            gateway: common.id.clone(),
            number: own.map_or_else(String::new, ToString::to_string),
            phones: phones
                .into_iter()
                .take(MAX_SHOWN)
                .map(|p| phone(p.number))
                .collect(),
            hidden,
        }
    }
}

/// `/`.
pub(super) async fn index(State(shared): App) -> Response {
    let networks = shared.state.simulated.iter().map(Network::new).collect();
    match (Index { networks }).render() {
        Ok(page) => Html(page).into_response(),
        Err(e) => {
            tracing::error!(event = "page", error = %e, "web: cannot make the page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `/style.css`.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// What the line under a phone sends.
#[derive(Deserialize)]
pub(super) struct Reply {
    text: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    gateway: String,
}

/// `/phones/{number}/reply`: the phone sends a text. Any number has a phone.
pub(super) async fn reply(
    State(shared): App,
    Path(number): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Reply>,
) -> Response {
    let refuse = |status: StatusCode, why: &str| (status, format!("{why}\n")).into_response();
    if !is_our_page(&headers, shared.state.public_url.as_deref()) {
        return refuse(
            StatusCode::FORBIDDEN,
            "this was not asked from our own page",
        );
    }
    let named =
        |network: &&Arc<Simulated>| form.gateway.is_empty() || network.common().id == form.gateway;
    let Some(network) = shared.state.simulated.iter().find(named) else {
        return refuse(StatusCode::NOT_FOUND, "no such simulated network");
    };
    let Some(phone) = Number::from_network(number.trim()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the phone is no number: write +15551234567",
        );
    };
    let to = form.to.trim();
    let to = match Number::from_network(to) {
        None if !to.is_empty() => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "to: is no number: write +15551234567",
            );
        }
        to => to,
    };
    // Browsers send line ends as CRLF; phones have LF.
    let text = form.text.replace("\r\n", "\n");
    if text.trim().is_empty() || text.chars().count() > MAX_REPLY {
        return refuse(StatusCode::BAD_REQUEST, "text: is empty or too long");
    }
    match network.reply(&phone, &text.as_str().into(), to).await {
        Ok(()) => Redirect::to(&format!("/#p{}", phone.digits())).into_response(),
        Err(e) => refuse(StatusCode::SERVICE_UNAVAILABLE, &e.to_string()),
    }
}

/// A browser says where a request comes from; what says nothing is no browser, and no one can be
/// tricked into it.
fn is_our_page(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = value("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = value("origin") else {
        return true;
    };
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let public = public_url.map(|url| url.trim_end_matches('/'));
    public.is_some_and(|url| url.eq_ignore_ascii_case(origin))
        || value("host").is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_request_comes_from() {
        #[track_caller]
        fn check(headers: &[(&'static str, &'static str)], expected: bool) {
            let pair = |(name, value): &(&'static str, &'static str)| {
                let value = axum::http::HeaderValue::from_static(value);
                (axum::http::HeaderName::from_static(name), value)
            };
            let map = headers.iter().map(pair).collect();
            let ours = is_our_page(&map, Some("https://sms.example.com/"));
            assert_eq!(ours, expected, "{headers:?}");
        }
        check(&[("host", "localhost:8025")], true);
        check(
            &[
                ("host", "localhost:8025"),
                ("origin", "http://localhost:8025"),
            ],
            true,
        );
        check(
            &[
                ("host", "127.0.0.1:8025"),
                ("origin", "https://sms.example.com"),
            ],
            true,
        );
        check(
            &[
                ("host", "localhost:8025"),
                ("origin", "http://evil.example"),
            ],
            false,
        );
        check(
            &[("host", "localhost:8025"), ("origin", "http://localhost:9")],
            false,
        );
        check(&[("host", "localhost:8025"), ("origin", "null")], false);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "same-site")], false);
        check(
            &[
                ("sec-fetch-site", "cross-site"),
                ("host", "a"),
                ("origin", "http://a"),
            ],
            false,
        );
    }
}
