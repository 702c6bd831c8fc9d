//! The HTTP gateway against a provider on a real socket: what it sends, what it makes of answers,
//! where it does not go, and what it does not say.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use regex::Regex;
use sms_milter::gateway::http::preset::Preset;
use sms_milter::gateway::http::{
    Auth, Conditions, Find, Http, Method, Names, Payload, Place, Reading, Settings,
};
use sms_milter::gateway::{
    Body, Common, Concatenation, Gateway, OnUnknown, Outcome, Refusal, Status, Submission,
};
use sms_milter::secret::Secret;
use sms_milter::sms::segment::{Options as Cut, cut};
use sms_milter::sms::{Encoding, MessageId, Number};
use sms_milter::wire::template::{Position, Template};
use sms_milter::world::World;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::sim::patience::PATIENCE;
use crate::sim::provider::{Answer, Options, Provider};

/// In every secret of these tests; never in what a gateway says.
pub(crate) const CANARY: &str = "canary7";

pub(crate) fn common(concat: Concatenation) -> Common {
    Common {
        id: "provider".to_owned(),
        active: true,
        number: Number::from_network("+15550003333"),
        concat,
        on_unknown: OnUnknown::Report,
        unknown_wait: Duration::from_secs(600),
        receipts: Default::default(),
        window: 4,
        throughput: None,
        limits: Default::default(),
        rates: Vec::new(),
        from: None,
        carries: sms_milter::gateway::Carries::default(),
    }
}

pub(crate) fn url(text: &str) -> Template {
    Template::parse(text, Position::Url).expect("URL template")
}

pub(crate) fn settings(provider: &Provider) -> Settings {
    let text = provider.url(&format!("/send?to=%number%&text=%data%&pass={CANARY}"));
    let mut settings = Settings::new(common(Concatenation::Provider), url(&text));
    settings.timeout = PATIENCE;
    settings.auth = Auth::Bearer(Secret::new(format!("{CANARY}-token")));
    settings
}

pub(crate) fn gateway(settings: Settings) -> Arc<Http> {
    Http::new(settings, World::real()).expect("gateway")
}

pub(crate) fn submission(body: Body) -> Submission {
    Submission {
        id: MessageId::parse("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b").expect("id"),
        part: 0,
        number: Number::from_network("+15551234567").expect("number"),
        body,
        reference: 7,
        repeat: false,
        flash: false,
        attributes: sms_milter::sms::Attributes::default(),
        receipt: false,
        validity: None,
        sender_id: None,
    }
}

pub(crate) fn whole(text: &str) -> Submission {
    submission(Body::Whole {
        text: text.to_owned(),
        encoding: Encoding::Gsm7,
        segments: 2,
    })
}

#[tokio::test]
async fn twilio_gets_the_request_it_documents() {
    let provider =
        Provider::answering(Answer::say(201, r#"{"sid":"SM12","status":"queued"}"#)).await;
    let keys = [
        ("account", "AC123"),
        ("token", CANARY),
        ("api", &provider.url("")),
    ];
    let keys = keys.map(|(key, value)| (key.to_owned(), Secret::new(value)));
    let preset = Preset::find("twilio").expect("preset");
    let settings = preset.settings(common(Concatenation::Provider), &BTreeMap::from(keys), None);
    let gateway = gateway(settings.expect("settings"));
    let outcome = gateway.submit(whole("Hi +1 & ž\n")).await;
    assert_eq!(outcome, Outcome::Accepted(Some("SM12".to_owned())));
    let [request] = provider.requests().try_into().expect("one request");
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, "/2010-04-01/Accounts/AC123/Messages.json");
    // AC123:canary7
    assert_eq!(
        request.header("authorization"),
        Some("Basic QUMxMjM6Y2FuYXJ5Nw==")
    );
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(request.header("content-type"), form);
    assert_eq!(
        String::from_utf8_lossy(&request.body),
        "To=%2B15551234567&From=%2B15550003333&Body=Hi%20%2B1%20%26%20%C5%BE%0A"
    );
}

#[tokio::test]
async fn twilio_refusals() {
    let check = async |status, body: &str, class| {
        let provider = Provider::answering(Answer::say(status, body)).await;
        let keys = [
            ("account", "AC123"),
            ("token", CANARY),
            ("api", &provider.url("")),
        ];
        let keys = keys.map(|(key, value)| (key.to_owned(), Secret::new(value)));
        let preset = Preset::find("twilio").expect("preset");
        let settings =
            preset.settings(common(Concatenation::Provider), &BTreeMap::from(keys), None);
        let outcome = gateway(settings.expect("settings"))
            .submit(whole("x"))
            .await;
        match (outcome, class) {
            (Outcome::Refused { class, .. }, Some(expected)) => {
                assert_eq!(class, expected, "{body}")
            }
            (Outcome::Unknown(_), None) => {}
            (outcome, _) => panic!("{body}: {outcome:?}"),
        }
    };
    let later = |counts| {
        Some(Refusal::Later {
            after: None,
            counts,
        })
    };
    check(
        400,
        r#"{"code":21610,"message":"opted out"}"#,
        Some(Refusal::Never),
    )
    .await;
    check(400, r#"{"code":21611}"#, later(true)).await;
    check(429, r#"{"code":20429}"#, later(false)).await;
    check(401, r#"{"code":20003}"#, Some(Refusal::Link)).await;
    check(201, r#"{"sid":"SM1","status":"failed"}"#, None).await;
    check(500, "", None).await;
}

#[tokio::test]
async fn parts_of_our_own_cutting_go_one_by_one() {
    let provider = Provider::answering(Answer::say(200, "ID: x7")).await;
    let text = provider.url("/s?to=%number;interprefix=00%&udh=%udh;len;hex%&data=%data;isascii%%data;isunicode;unicode;value=&unicode=1%&id=%msgid%&dcs=%dcs%&n=%parts%");
    let mut settings = Settings::new(common(Concatenation::Udh), url(&text));
    settings.reading.message_id = Some(Find::Regex(Regex::new("^ID: (\\S+)").expect("regex")));
    let gateway = gateway(settings);
    let options = Cut {
        reference: 0xCC,
        ..Cut::default()
    };
    let segments = cut(&"ž".repeat(70), &options).expect("cut").segments;
    let segments = segments
        .into_iter()
        .chain(cut(&"ž".repeat(71), &options).expect("cut").segments);
    for (part, segment) in segments.enumerate() {
        let part = part.saturating_sub(1);
        let submission = Submission {
            part,
            ..submission(Body::Segment(segment))
        };
        let outcome = gateway.submit(submission).await;
        assert_eq!(outcome, Outcome::Accepted(Some("x7".to_owned())));
    }
    let head = "/s?to=0015551234567&udh=";
    let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let hex = |n| "017E".repeat(n);
    let targets: Vec<String> = provider.requests().into_iter().map(|r| r.target).collect();
    assert_eq!(
        targets,
        [
            format!("{head}&data={}&unicode=1&id={id}&dcs=8&n=1", hex(70)),
            format!(
                "{head}050003CC0201&data={}&unicode=1&id={id}-1&dcs=8&n=1",
                hex(67)
            ),
            format!(
                "{head}050003CC0202&data={}&unicode=1&id={id}-2&dcs=8&n=1",
                hex(4)
            ),
        ]
    );
    assert_eq!(provider.connections(), 1, "the connection is used again");
}

#[tokio::test]
async fn json_and_headers() {
    let provider = Provider::answering(Answer::say(202, r#"{"messages":[{"id":"a-1"}]}"#)).await;
    let mut settings = Settings::new(common(Concatenation::Provider), url(&provider.url("/m")));
    settings.method = Method::Post;
    settings.headers = vec![(
        "X-Message".to_owned(),
        Template::parse("id %msgid%; %data%", Position::Header).expect("header"),
    )];
    settings.payload = Some(Payload {
        template: Template::parse(r#"{"to": %number;json%, "text": "%data%"}"#, Position::Json)
            .expect("body"),
        content_type: "application/json".to_owned(),
    });
    settings.auth = Auth::Header {
        name: "Authorization".to_owned(),
        value: Secret::new(CANARY),
    };
    settings.reading.message_id = Some(Find::Value(Place::json("/messages/0/id").expect("place")));
    let outcome = gateway(settings).submit(whole("a\"\r\nX: y\"}")).await;
    assert_eq!(outcome, Outcome::Accepted(Some("a-1".to_owned())));
    let [request] = provider.requests().try_into().expect("one request");
    assert_eq!(request.header("authorization"), Some(CANARY));
    let id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let header = format!("id {id}; a\"%0D%0AX: y\"}}");
    assert_eq!(request.header("x-message"), Some(header.as_str()));
    assert_eq!(request.header("x"), None);
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(
        body,
        serde_json::json!({"to": "+15551234567", "text": "a\"\r\nX: y\"}"})
    );
}

/// Faults F24–F40: what each proves. No reason holds a secret, the number or the text.
#[tokio::test]
async fn faults() {
    #[derive(Debug)]
    enum Expected {
        Accepted,
        Unknown,
        Refused(Refusal),
    }
    use Expected::{Accepted, Refused, Unknown};
    let later = |after: Option<u64>, counts| {
        let after = after.map(Duration::from_secs);
        Refused(Refusal::Later { after, counts })
    };
    let echo = format!("no: {CANARY} {CANARY}-token to +15551234567: the text");
    let say = |status| Answer::say(status, &echo);
    for (answer, expected) in [
        (say(200), Accepted),
        (Answer::say(204, ""), Accepted),
        (
            say(301).with("Location", "http://127.0.0.1:1/"),
            Refused(Refusal::Link),
        ),
        (say(400), Refused(Refusal::Never)),
        (say(401), Refused(Refusal::Link)),
        (say(402), Refused(Refusal::Link)),
        (say(403), Refused(Refusal::Link)),
        (say(404), Refused(Refusal::Never)),
        (say(407), Refused(Refusal::Link)),
        (say(408), later(None, false)),
        (say(422), Refused(Refusal::Never)),
        (say(425), later(None, false)),
        (say(429).with("Retry-After", "5"), later(Some(5), false)),
        (
            say(429).with("Retry-After", "86400"),
            later(Some(3600), false),
        ),
        (say(429).with("Retry-After", "soon"), later(None, false)),
        (say(500), Unknown),
        (say(502), Unknown),
        (say(503), later(None, true)),
        (say(504), Unknown),
        (
            Answer::Cut {
                promised: 500,
                body: "twenty".to_owned(),
            },
            Unknown,
        ),
        (Answer::Endless, Unknown),
        (Answer::Silence, Unknown),
        (Answer::Reset, Unknown),
        (Answer::say(200, &"x".repeat(70_000)), Unknown),
    ] {
        let provider = Provider::answering(answer.clone()).await;
        let mut settings = settings(&provider);
        if let Answer::Silence = answer {
            settings.timeout = Duration::from_millis(500);
        }
        let outcome = gateway(settings).submit(whole("the text")).await;
        let reason = match (&outcome, &expected) {
            (Outcome::Accepted(None), Accepted) => "",
            (Outcome::Unknown(reason), Unknown) => reason,
            (Outcome::Refused { class, reason }, Refused(expected)) if class == expected => reason,
            _ => panic!("{answer:?}: {outcome:?}, not {expected:?}"),
        };
        for hidden in [CANARY, "the text", "1234567", "/send", "127.0.0.1"] {
            assert!(!reason.contains(hidden), "{hidden} in {reason}");
        }
        assert_eq!(provider.requests().len(), 1, "{answer:?}: sent once");
    }
}

#[tokio::test]
async fn what_the_configuration_says_of_answers() {
    let regex = |text| Some(Regex::new(text).expect("regex"));
    let reading = Reading {
        success: Conditions {
            status: vec![200],
            body: regex("^(ID|OK)"),
            values: vec![],
        },
        permanent: Conditions {
            body: regex("^ERR: 1"),
            ..Conditions::default()
        },
        ..Reading::default()
    };
    for (body, expected) in [
        ("OK", "accepted"),
        ("ERR: 114", "never"),
        ("ERR: 401, no credit", "unknown"),
    ] {
        let provider = Provider::answering(Answer::say(200, body)).await;
        let mut settings = settings(&provider);
        settings.reading = reading.clone();
        let shown = match gateway(settings).submit(whole("x")).await {
            Outcome::Accepted(_) => "accepted",
            Outcome::Unknown(reason) => {
                assert_eq!(reason, "the provider answered 200: ERR: 401, no credit");
                "unknown"
            }
            Outcome::Refused {
                class: Refusal::Never,
                ..
            } => "never",
            Outcome::Refused { .. } => "refused",
        };
        assert_eq!(shown, expected, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_parks() {
    let elsewhere = Provider::answering(Answer::say(200, "OK")).await;
    let redirect = Answer::say(307, "").with("Location", &elsewhere.url("/"));
    let provider = Provider::answering(redirect).await;
    let gateway = gateway(settings(&provider));
    gateway.submit(whole("x")).await;
    assert_eq!(elsewhere.connections(), 0);
    assert!(matches!(&*gateway.status().borrow(), Status::Parked(_)));
}

#[tokio::test]
async fn three_wrong_passwords_park_the_gateway_and_no_fourth_is_sent() {
    let provider = Provider::answering(Answer::say(401, "who?")).await;
    let gateway = gateway(settings(&provider));
    for _ in 0..5 {
        let outcome = gateway.submit(whole("x")).await;
        assert!(
            matches!(
                outcome,
                Outcome::Refused {
                    class: Refusal::Link,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
    assert_eq!(provider.requests().len(), 3);
    let parked = Status::Parked("the provider answered 401: who?".to_owned());
    assert_eq!(*gateway.status().borrow(), parked);
}

#[tokio::test]
async fn nobody_there_is_not_sent_and_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let text = format!(
        "http://{}/?t=%data%",
        listener.local_addr().expect("address")
    );
    drop(listener);
    let gateway = gateway(Settings::new(common(Concatenation::Provider), url(&text)));
    for _ in 0..3 {
        let outcome = gateway.submit(whole("x")).await;
        let later = Refusal::Later {
            after: None,
            counts: true,
        };
        assert!(
            matches!(outcome, Outcome::Refused { class, .. } if class == later),
            "{outcome:?}"
        );
    }
    assert!(matches!(&*gateway.status().borrow(), Status::Down(_)));
    // It stops when told, also while it is down.
    let (events, _inbox) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&gateway).run(events, stopped));
    stop.send(true).expect("runs");
    running.await.expect("ends");
}

#[track_caller]
fn refused_by_link(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused {
            class: Refusal::Link,
            reason,
        } => reason,
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn tls_is_not_done_without() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let text = format!("https://127.0.0.1:{}/?t=%data%", provider.port());
    let gateway = gateway(Settings::new(common(Concatenation::Provider), url(&text)));
    for _ in 0..3 {
        refused_by_link(gateway.submit(whole("x")).await);
    }
    assert!(matches!(&*gateway.status().borrow(), Status::Parked(_)));
    assert_eq!(provider.requests(), []);
}

struct Fixed(Vec<IpAddr>);

#[async_trait]
impl Names for Fixed {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

struct Nowhere;

#[async_trait]
impl Names for Nowhere {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("no such host"))
    }
}

#[tokio::test]
async fn a_name_does_not_lead_into_a_private_network() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let local = || Arc::new(Fixed(vec!["127.0.0.1".parse().expect("address")]));
    let submit = async |host: &str, allow, names: Arc<dyn Names>| {
        let text = format!("http://{host}:{}/?t=%data%", provider.port());
        let mut settings = Settings::new(common(Concatenation::Provider), url(&text));
        settings.allow_private = allow;
        let gateway = Http::with_names(settings, World::real(), names).expect("gateway");
        gateway.submit(whole("x")).await
    };
    let refused = submit("provider.example", false, local()).await;
    let Outcome::Refused {
        class: Refusal::Link,
        reason,
    } = refused
    else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("allow_private"), "{reason}");
    assert_eq!(provider.connections(), 0);
    let unknown = submit("provider.example", false, Arc::new(Nowhere)).await;
    let later = Refusal::Later {
        after: None,
        counts: true,
    };
    assert!(
        matches!(unknown, Outcome::Refused { class, .. } if class == later),
        "{unknown:?}"
    );
    assert_eq!(
        submit("provider.example", true, local()).await,
        Outcome::Accepted(None)
    );
    assert_eq!(
        submit("localhost", false, local()).await,
        Outcome::Accepted(None)
    );
    assert_eq!(
        submit("127.0.0.1", false, Arc::new(Nowhere)).await,
        Outcome::Accepted(None)
    );
}

/// Resolves to this machine, and counts.
#[derive(Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Names for Counting {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(vec!["127.0.0.1".parse().expect("address")])
    }
}

/// Threats T42: what a name led to yesterday says nothing of where it leads now. Each connection asks
/// anew (and what it is told is judged, see `dial`); a connection that stays open leads where it led.
#[tokio::test]
async fn each_connection_asks_where_the_name_leads() {
    let close = || Answer::Cut {
        promised: 9,
        body: String::new(),
    };
    let answers = vec![Answer::say(200, ""), Answer::say(200, ""), close(), close()];
    let provider = Provider::each(answers).await;
    let text = format!("http://localhost:{}/?t=%data%", provider.port());
    let names = Arc::new(Counting::default());
    let settings = Settings::new(common(Concatenation::Provider), url(&text));
    let gateway = Http::with_names(settings, World::real(), names.clone()).expect("gateway");
    let mut seen = Vec::new();
    for _ in 0..5 {
        gateway.submit(whole("x")).await;
        seen.push((names.0.load(Ordering::Relaxed), provider.connections()));
    }
    assert_eq!(seen, [(1, 1), (1, 1), (1, 1), (2, 2), (3, 3)]);
}

#[tokio::test]
async fn answers_come_in_order_and_it_recovers() {
    let answers = vec![
        Answer::say(401, ""),
        Answer::say(401, ""),
        Answer::say(200, ""),
        Answer::say(401, ""),
    ];
    let provider = Provider::start(Options { answers }).await;
    let gateway = gateway(settings(&provider));
    for _ in 0..5 {
        gateway.submit(whole("x")).await;
    }
    assert_eq!(
        *gateway.status().borrow(),
        Status::Up,
        "success between forgives"
    );
}

/// A provider that knows ids takes a second request of the same id for a repeat.
#[tokio::test]
async fn numbered_parts_have_ids_of_their_own() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let text = provider.url("/s?to=%number%&data=%data%&id=%msgid%");
    let gateway = gateway(Settings::new(common(Concatenation::Numbered), url(&text)));
    let options = Cut::default();
    for (part, text) in ["(1/2) one", "(2/2) two"].into_iter().enumerate() {
        let segment = cut(text, &options).expect("cut").segments.remove(0);
        let mut submission = submission(Body::Segment(segment));
        submission.part = part;
        gateway.submit(submission).await;
    }
    let id = |n: usize| {
        let target = provider.requests()[n].target.clone();
        target.split_once("&id=").expect("an id").1.to_owned()
    };
    assert_ne!(id(0), id(1));
}
