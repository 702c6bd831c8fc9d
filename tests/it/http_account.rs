//! The HTTP gateway and its account at the provider: certificates, tokens, keys for repeats; and what it
//! does when the provider does not want us, or not now.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use sms_milter::gateway::http::{
    Auth, Client, Conditions, Find, Http, Idempotency, Method, Payload, Place, Settings, Test,
};
use sms_milter::gateway::{Concatenation, Gateway, Outcome, Status};
use sms_milter::secret::Secret;
use sms_milter::wire::template::{Position, Template};
use tokio::sync::{mpsc, watch};

use crate::http_gateway::{CANARY, common, gateway, settings, url, whole};
use crate::sim::patience::PATIENCE;
use crate::sim::product::Place as Home;
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::SmtpSink;
use crate::sim::tls::{Authority, Front, Issued};

/// What a refusal is, in a word.
fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(_) => "accepted".to_owned(),
        Outcome::Unknown(_) => "unknown".to_owned(),
        Outcome::Refused { class, .. } => format!("{class:?}"),
    }
}

fn is_parked(gateway: &Http) -> bool {
    matches!(&*gateway.status().borrow(), Status::Parked(_))
}

/// Through TLS to a provider; the outcome, and how many requests came.
async fn over_tls(
    own: &Issued,
    clients: Option<&Authority>,
    change: impl FnOnce(&mut Settings),
) -> (Outcome, usize, bool) {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let front = Front::before(provider.port(), own, clients).await;
    let text = format!("https://127.0.0.1:{}/?t=%data%", front.port);
    let mut settings = Settings::new(common(Concatenation::Provider), url(&text));
    change(&mut settings);
    let gateway = gateway(settings);
    let outcome = gateway.submit(whole("x")).await;
    (outcome, provider.requests().len(), is_parked(&gateway))
}

/// Threats T44: the chain and the name are verified, whoever vouches.
#[tokio::test]
async fn only_whom_its_authority_vouches_for_is_believed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let good = ours.issue("IP:127.0.0.1", 2);
    let ca = || Some(ours.certificate());
    let accepted = over_tls(&good, None, |settings| settings.ca = ca()).await;
    assert_eq!(accepted, (Outcome::Accepted(None), 1, false));
    for (what, own, ca) in [
        ("another name", ours.issue("IP:127.0.0.2", 2), ca()),
        ("expired", ours.issue("IP:127.0.0.1", -1), ca()),
        ("wrong authority", theirs.issue("IP:127.0.0.1", 2), ca()),
        ("nobody of the system's vouches", good, None),
        ("itself vouches", Issued::by_itself(), ca()),
    ] {
        let (outcome, requests, parked) = over_tls(&own, None, |settings| settings.ca = ca).await;
        assert!(
            format!("{outcome:?}").contains("certificate"),
            "{outcome:?}"
        );
        assert_eq!(
            (shown(&outcome).as_str(), requests, parked),
            ("Link", 0, true),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_there_is_one() {
    let (ours, clients) = (Authority::new(), Authority::new());
    let own = ours.issue("IP:127.0.0.1", 2);
    let ca = Some(ours.certificate());
    for (client, expected) in [
        (
            Some(clients.issue("DNS:sms.example.com", 2)),
            ("accepted", 1),
        ),
        (Some(ours.issue("DNS:sms.example.com", 2)), ("Link", 0)),
        (None, ("Link", 0)),
    ] {
        let (outcome, requests, _) = over_tls(&own, Some(&clients), |settings| {
            settings.ca = ca.clone();
            settings.client_cert = client.map(|client| Secret::new(client.both()));
        })
        .await;
        assert_eq!(
            (shown(&outcome).as_str(), requests),
            expected,
            "{outcome:?}"
        );
    }
}

/// A token server, a provider that knows its tokens, and the settings for both.
async fn token_settings(tokens: &Provider, provider: &Provider) -> Settings {
    let mut settings = Settings::new(
        common(Concatenation::Provider),
        url(&provider.url("/send?text=%data%")),
    );
    settings.auth = Auth::Client(Client {
        url: url(&tokens.url("/token")),
        id: "us:er".to_owned(),
        secret: Secret::new(format!("{CANARY} &")),
        scope: Some("sms send".to_owned()),
        in_body: false,
    });
    settings
}

fn token(text: &str, seconds: u64) -> Answer {
    let body =
        format!(r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":{seconds}}}"#);
    Answer::say(200, &body)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_is_no_more_taken() {
    let tokens = Provider::each(vec![token("one", 3600), token("two", 3600)]).await;
    let provider = Provider::each(vec![
        Answer::say(200, "OK"),
        Answer::say(200, "OK"),
        Answer::say(401, "expired"),
        Answer::say(200, "OK"),
    ])
    .await;
    let gateway = gateway(token_settings(&tokens, &provider).await);
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.push(shown(&gateway.submit(whole("x")).await));
    }
    let again = "Later { after: Some(1s), counts: false }";
    assert_eq!(outcomes, ["accepted", "accepted", again, "accepted"]);
    let sent = provider.requests();
    let used: Vec<_> = sent
        .iter()
        .filter_map(|r| r.header("authorization"))
        .collect();
    assert_eq!(
        used,
        ["Bearer one", "Bearer one", "Bearer one", "Bearer two"]
    );
    let asked = tokens.requests();
    assert_eq!(asked.len(), 2);
    // us%3Aer:canary7%20%26
    let basic = Some("Basic dXMlM0FlcjpjYW5hcnk3JTIwJTI2");
    assert_eq!(asked[0].header("authorization"), basic);
    let form = String::from_utf8_lossy(&asked[0].body);
    assert_eq!(form, "grant_type=client_credentials&scope=sms%20send");
}

#[tokio::test]
async fn those_who_need_a_token_at_the_same_time_share_one() {
    let tokens = Provider::answering(token("one", 3600).after(Duration::from_millis(50))).await;
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let mut settings = token_settings(&tokens, &provider).await;
    if let Auth::Client(client) = &mut settings.auth {
        client.in_body = true;
    }
    let gateway = gateway(settings);
    let all = (0..8).map(|_| gateway.submit(whole("x")));
    let outcomes = futures_util::future::join_all(all).await;
    assert_eq!(outcomes, vec![Outcome::Accepted(None); 8]);
    let [asked] = tokens.requests().try_into().expect("one");
    assert_eq!(asked.header("authorization"), None);
    let form = String::from_utf8_lossy(&asked.body).into_owned();
    assert_eq!(
        form,
        "grant_type=client_credentials&scope=sms%20send&client_id=us%3Aer&client_secret=canary7%20%26"
    );
}

/// An expired token is not used; a token of a few seconds is not used in its last ones.
#[tokio::test]
async fn a_token_is_not_used_longer_than_it_lives() {
    let tokens = Provider::each(vec![token("one", 0), token("two", 3600)]).await;
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let gateway = gateway(token_settings(&tokens, &provider).await);
    for _ in 0..3 {
        gateway.submit(whole("x")).await;
    }
    let sent = provider.requests();
    let used: Vec<_> = sent
        .iter()
        .filter_map(|r| r.header("authorization"))
        .collect();
    assert_eq!(used, ["Bearer one", "Bearer two", "Bearer two"]);
}

/// What a token server does instead of giving one; no reason shows a secret, and nothing is unknown.
#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let secret = format!("{CANARY} & {CANARY}%20%26");
    let later = |counts| format!("Later {{ after: None, counts: {counts} }}");
    for (answer, expected, parks) in [
        (Answer::say(401, &secret), "Link".to_owned(), true),
        (
            Answer::say(400, r#"{"error":"invalid_client"}"#),
            "Link".to_owned(),
            true,
        ),
        (
            Answer::say(302, "").with("Location", "http://127.0.0.1:1/"),
            "Link".to_owned(),
            true,
        ),
        (Answer::say(200, &secret), "Link".to_owned(), true),
        (token("\u{1}", 9), "Link".to_owned(), true),
        (Answer::say(500, &secret), later(true), false),
        (Answer::say(503, &secret), later(true), false),
        (Answer::Reset, later(true), false),
        (Answer::Endless, "Link".to_owned(), true),
        (Answer::Silence, later(true), false),
    ] {
        let tokens = Provider::answering(answer.clone()).await;
        let provider = Provider::answering(Answer::say(200, "OK")).await;
        let mut settings = token_settings(&tokens, &provider).await;
        if let Answer::Silence = answer {
            settings.timeout = Duration::from_millis(500);
        }
        let gateway = gateway(settings);
        for _ in 0..3 {
            let outcome = gateway.submit(whole("x")).await;
            assert!(!format!("{outcome:?}").contains(CANARY), "{outcome:?}");
            let said = shown(&outcome);
            assert!(
                said == expected || is_parked(&gateway),
                "{answer:?} {outcome:?}"
            );
        }
        assert_eq!(is_parked(&gateway), parks, "{answer:?}");
        assert_eq!(provider.requests(), [], "{answer:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_never_taken_is_our_credentials_fault() {
    let tokens = Provider::answering(token("one", 3600)).await;
    let provider = Provider::answering(Answer::say(401, "who?")).await;
    let gateway = gateway(token_settings(&tokens, &provider).await);
    for _ in 0..5 {
        assert_eq!(shown(&gateway.submit(whole("x")).await), "Link");
    }
    assert!(is_parked(&gateway));
    assert_eq!(provider.requests().len(), 3);
}

#[tokio::test]
async fn put_with_a_key_for_repeats_and_an_answer_in_xml() {
    let taken = r#"<r><m id="7"><s>0</s></m><m id="8"><s>0</s></m></r>"#;
    let half = r#"<r><m id="7"><s>0</s></m><m id="8"><s>4</s></m></r>"#;
    let none = r#"<r><m><s>4</s></m></r>"#;
    let answers = [taken, half, none, "<r>"].map(|body| Answer::say(200, body));
    let provider = Provider::each(answers.to_vec()).await;
    let mut settings = Settings::new(common(Concatenation::Provider), url(&provider.url("/m")));
    settings.method = Method::Put;
    settings.payload = Some(Payload {
        template: Template::parse("<to>%number%</to>", Position::Xml).expect("body"),
        content_type: "text/xml".to_owned(),
    });
    settings.idempotency = Some(Idempotency::Header("Idempotency-Key".to_owned()));
    let test = |pattern| {
        vec![Test {
            place: Place::xml("/r/m/s").expect("path"),
            matches: Regex::new(pattern).expect("pattern"),
        }]
    };
    settings.reading.success.values = test("^0$");
    settings.reading.permanent.values = test("^4$");
    settings.reading.message_id = Some(Find::Value(Place::xml("/r/m/@id").expect("path")));
    let gateway = gateway(settings);
    let first = gateway.submit(whole("x")).await;
    assert_eq!(first, Outcome::Accepted(Some("7".to_owned())));
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(shown(&gateway.submit(whole("x")).await));
    }
    // Half of it taken is neither.
    assert_eq!(outcomes, ["unknown", "Never", "unknown"]);
    let requests = provider.requests();
    let id = Some("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b");
    for request in &requests {
        assert_eq!(
            (request.method.as_str(), request.header("idempotency-key")),
            ("PUT", id)
        );
        assert_eq!(request.header("content-type"), Some("text/xml"));
    }
}

/// F34: what says that there is no credit parks, whatever the status.
#[tokio::test]
async fn no_credit_parks_at_once() {
    let provider = Provider::answering(Answer::say(200, "ERR: 301, no credit")).await;
    let mut settings = settings(&provider);
    settings.reading.park = Conditions {
        body: Some(Regex::new("^ERR: 301").expect("pattern")),
        ..Conditions::default()
    };
    let gateway = gateway(settings);
    for _ in 0..3 {
        assert_eq!(shown(&gateway.submit(whole("x")).await), "Link");
    }
    assert!(is_parked(&gateway));
    assert_eq!(provider.requests().len(), 1);
}

/// F33: as many messages as there are, a wrong password is sent three times.
#[tokio::test]
async fn a_wrong_password_is_not_sent_as_often_as_there_are_messages() {
    let refusal = Answer::say(401, "who?").after(Duration::from_millis(20));
    let provider = Provider::answering(refusal).await;
    let gateway = gateway(settings(&provider));
    let all = (0..50).map(|_| gateway.submit(whole("x")));
    for outcome in futures_util::future::join_all(all).await {
        assert_eq!(shown(&outcome), "Link");
    }
    assert_eq!(provider.requests().len(), 3);
}

/// F35: a wait that one message was told of is kept by all; a long one sends them elsewhere.
#[tokio::test]
async fn a_wait_is_kept() {
    let answers = vec![
        Answer::say(429, "").with("Retry-After", "1"),
        Answer::say(200, "OK"),
        Answer::say(429, "").with("Retry-After", "60"),
    ];
    let provider = Provider::each(answers).await;
    let gateway = gateway(settings(&provider));
    let later = |seconds| format!("Later {{ after: Some({seconds}s), counts: false }}");
    let began = tokio::time::Instant::now();
    assert_eq!(shown(&gateway.submit(whole("x")).await), later(1));
    assert_eq!(*gateway.status().borrow(), Status::Up);
    assert_eq!(shown(&gateway.submit(whole("x")).await), "accepted");
    assert!(began.elapsed() > Duration::from_millis(900));
    assert_eq!(shown(&gateway.submit(whole("x")).await), later(60));
    let asks = Status::Down("the provider asks us to wait 60 s".to_owned());
    assert_eq!(*gateway.status().borrow(), asks);
    assert_eq!(shown(&gateway.submit(whole("x")).await), "Link");
    assert_eq!(provider.requests().len(), 3);
}

/// It comes back by itself, with nobody sending anything.
#[tokio::test]
async fn a_long_wait_ends() {
    let provider = Provider::answering(Answer::say(429, "").with("Retry-After", "6")).await;
    let gateway = gateway(settings(&provider));
    let (events, _inbox) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(Arc::clone(&gateway).run(events, stopped));
    gateway.submit(whole("x")).await;
    let mut status = gateway.status();
    assert!(matches!(&*status.borrow(), Status::Down(_)));
    let tries = status.wait_for(|status| matches!(status, Status::Trying(_)));
    let tries = tokio::time::timeout(PATIENCE, tries).await;
    assert!(tries.is_ok_and(|tries| tries.is_ok()));
    provider.change(vec![Answer::say(200, "OK")]);
    gateway.submit(whole("x")).await;
    assert_eq!(*gateway.status().borrow(), Status::Up);
}

/// What a provider without keys must not get twice, this one gets until its answer is known: the same
/// request with the same key. And what one provider has no credit for goes by another.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_has_the_same_key() {
    let answers = vec![Answer::say(502, ""), Answer::Reset, Answer::say(200, "OK")];
    let provider = Provider::each(answers).await;
    let poor = Provider::answering(Answer::say(402, "pay")).await;
    let sink = SmtpSink::start().await;
    let more = format!(
        r#"
gateways:
  - {{ id: poor, type: http, url: "{}" }}
  - {{ id: keyed, type: http, url: "{}", idempotency: Idempotency-Key, unknown_wait: 1s }}
outgoing: [{{ when: {{ any: true }}, gateway: [poor, keyed], strategy: in_order }}]
queue: {{ retry: {{ first: 1s }} }}
"#,
        poor.url("/?t=%data%"),
        provider.url("/?to=%number%&t=%data%"),
    );
    let place = Home::new(sink.address(), &more);
    let product = tokio::task::block_in_place(|| place.start());
    let sent = product.command(&["send", "+15551234567", "the text"]);
    assert!(sent.status.success(), "{sent:?}");
    provider.wait_for(3).await;
    let requests = provider.requests();
    let keys: Vec<_> = requests
        .iter()
        .map(|r| r.header("idempotency-key"))
        .collect();
    assert!(
        keys[0].is_some() && keys.iter().all(|key| key == &keys[0]),
        "{keys:?}"
    );
    let done = |lines: &[serde_json::Value]| matches!(lines, [one] if one["state"] == "sent");
    tokio::task::block_in_place(|| product.until(&["queue", "list", "--all", "--json"], done));
    assert_eq!((poor.requests().len(), provider.requests().len()), (1, 3));
}
