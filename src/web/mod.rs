//! The HTTP side: pushes from providers, health, and a page for people.
//!
//! | route | who may | what |
//! |---|---|---|
//! | `/hooks/GATEWAY`, `/hooks/GATEWAY/SECRET` | who shows the gateway's secret, signs, or comes from its addresses | received SMS and receipts ([`hooks`]) |
//! | `/sms/deliver.html` | the same; only with `compat: [icewarp]` | the classic door |
//! | `/sms/` | users with a password; only with `compat: [icewarp]` | SMS to send ([`sms`]) |
//! | `/healthz`, `/readyz` | everyone | one word |
//! | `/`, `/phones/NUMBER/reply` | admins, or this machine (`login`) | the phones of the simulated network |
//!
//! The handlers translate and call; a push is answered when what it brought is on disk.

pub mod hooks;
mod login;
pub mod pages;
pub mod post;
mod serve;
pub mod sms;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub use hooks::HookSettings;
pub use serve::serve;

use crate::access::Network;
use crate::gateway::Events;
use crate::gateway::simulated::Simulated;
use crate::outbound::credentials::passwords::Workers;
use crate::world::World;
use login::Login;

/// Whether everything is up; the text says what is not, without numbers or names of people.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the routes need.
#[derive(Clone)]
pub struct WebState {
    /// Gateways that take pushes, by id.
    pub hooks: HashMap<String, HookSettings>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where what they bring goes.
    pub events: Events,
    /// For `/sms/`; `None`: it is closed.
    pub sms: Option<sms::Door>,
    /// Simulated networks, for the page.
    pub simulated: Vec<Arc<Simulated>>,
    /// Who may see the page: names and Argon2 hashes (PHC strings). Empty: this machine.
    pub admins: BTreeMap<String, String>,
    /// `/sms/` and `/sms/deliver.html` are open.
    pub compat_icewarp: bool,
    /// Where the world reaches us: `https://sms.example.com`.
    pub public_url: Option<String>,
    /// For `/readyz`.
    pub ready: Ready,
    /// Time and randomness.
    pub world: World,
    /// The threads that hash passwords.
    pub workers: Arc<Workers>,
}

/// What the handlers share.
struct Shared {
    state: WebState,
    login: Login,
    users: sms::Users,
    doors: hooks::Doors,
}

type App = State<Arc<Shared>>;

/// The routes. They need `ConnectInfo<SocketAddr>` in each request, as [`serve`] puts it there.
pub fn router(mut state: WebState) -> Router {
    let classic = state.compat_icewarp;
    let shared = Arc::new(Shared {
        login: Login::new(state.admins.clone(), &state.workers, &state.world),
        users: sms::Users::new(state.sms.as_ref(), &state.workers, &state.world),
        doors: hooks::Doors::new(
            std::mem::take(&mut state.hooks),
            std::mem::take(&mut state.trusted_proxies),
            &state.world,
        ),
        state,
    });
    let mut router = Router::new()
        .route("/", get(pages::index))
        .route("/phones/{number}/reply", post(pages::reply))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            login::require,
        ))
        .route("/style.css", get(pages::style))
        .route(
            "/hooks/{gateway}",
            get(hooks::push).post(hooks::push).head(not_by_head),
        )
        .route(
            "/hooks/{gateway}/{secret}",
            get(hooks::push_with_secret)
                .post(hooks::push_with_secret)
                .head(not_by_head),
        )
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready));
    if classic {
        let deliver = get(hooks::deliver).post(hooks::deliver).head(not_by_head);
        let submit = get(sms::submit).post(sms::submit).head(not_by_head);
        router = router
            .route("/sms/deliver.html", deliver)
            .route("/sms", submit.clone())
            .route("/sms/", submit);
    }
    router
        .layer(middleware::map_response(harden))
        .with_state(shared)
}

/// Whoever only looks whether a URL is there (RFC 9110 §9.3.2) means no message.
async fn not_by_head() -> Response {
    let allow = [(header::ALLOW, "GET, POST")];
    (StatusCode::METHOD_NOT_ALLOWED, allow).into_response()
}

async fn ready(State(shared): App) -> Response {
    match (shared.state.ready)() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => {
            let text = format!("not ready: {why}\n");
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// What a browser may make of our answers: nothing but text, our style sheet and our forms
/// (threats T51, T52). `same-origin`, because with `no-referrer` browsers hide the Origin too.
async fn harden(mut response: Response) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
