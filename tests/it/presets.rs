//! Every preset against its recorded dialogues, `tests/presets/NAME.chat`: what is sent to the provider, what
//! its answers mean, what it pushes, who else may not.
//!
//! A file begins with the gateway's configuration in YAML and the time of the pushes; `PROVIDER` is where the
//! simulated provider listens. Then come dialogues, each under `== NAME`: `<` is what the provider says, `>`
//! what we say, a blank one ends the headers, `=` what it means. Dialogues named `inbound…` and `receipt…` are
//! pushes to `/hooks/…`, the others are messages to send. `== NAME: never, WHY`: the provider has no such thing.
//! A dialogue without `>` has the request of `success`. Signatures in the files were made by another program
//! (Python's hashlib and cryptography) over https://sms.example.com.
//!
//! From each file follow more tests, the same for all: garbage, an answer that is cut, one that never comes; of
//! each push a changed body, no signature, another key, a wrong secret, an old and a future time, a repeat, a
//! full disk.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sms_milter::cli::presets::config as pasted;
use sms_milter::config::{self, Gateway as Configured, ThisMachine};
use sms_milter::gateway::http::hook::{KeyForm, Scheme};
use sms_milter::gateway::http::preset::Preset;
use sms_milter::gateway::http::{Http, Settings};
use sms_milter::gateway::{Body, Event, Gateway, Outcome, Refusal, Status, Submission};
use sms_milter::secret::Secret;
use sms_milter::sms::{Attributes, Encoding, MessageId, Number};
use sms_milter::store::{Content, Kept, Received};
use sms_milter::web::{HookSettings, WebState, serve};
use sms_milter::world::{Clock, World};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::sim::patience::PATIENCE;
use crate::sim::provider::{Answer, Provider, Recorded};

/// What every file tells of, or says that it never is.
const NEEDED: [&str; 10] = [
    "success",
    "permanent",
    "temporary",
    "throttled",
    "auth",
    "no-credit",
    "error-in-200",
    "inbound",
    "receipt-delivered",
    "receipt-failed",
];

const PUBLIC_URL: &str = "https://sms.example.com";

/// Of the test's requests to the provider, what is the product's and not the library's.
const SHOWN: [&str; 3] = ["content-type", "authorization", "idempotency-key"];

/// A file.
struct Chat {
    gateway: String,
    now: Timestamp,
    dialogues: Vec<Dialogue>,
    never: Vec<String>,
}

#[derive(Clone, Default)]
struct Dialogue {
    name: String,
    /// What the provider says.
    theirs: Vec<String>,
    ours: Vec<String>,
    means: Vec<String>,
}

/// A request or an answer of a file.
struct Spoken {
    first: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Dialogue {
    fn is_push(&self) -> bool {
        self.name.starts_with("inbound") || self.name.starts_with("receipt")
    }
}

fn spoken(lines: &[String]) -> Spoken {
    let mut lines = lines.iter();
    let first = lines.next().expect("a first line").clone();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ").expect("NAME: VALUE");
        (name.to_owned(), value.to_owned())
    };
    let headers = lines.by_ref().take_while(|line| !line.is_empty());
    let headers = headers.map(header).collect();
    let body: Vec<&str> = lines.map(String::as_str).collect();
    Spoken {
        first,
        headers,
        body: body.join("\n"),
    }
}

fn read(name: &str) -> Chat {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/presets/{name}.chat"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; a preset needs its dialogues", path.display()));
    let mut chat = Chat {
        gateway: String::new(),
        now: Timestamp::UNIX_EPOCH,
        dialogues: Vec::new(),
        never: Vec::new(),
    };
    for line in text.lines() {
        let said = |mark: &str| {
            line.strip_prefix(mark)
                .map(|said| said.strip_prefix(' ').unwrap_or(said).to_owned())
        };
        if let Some(name) = line.strip_prefix("== ") {
            match name.split_once(": never, ") {
                Some((name, _)) => chat.never.push(name.to_owned()),
                None => chat.dialogues.push(Dialogue {
                    name: name.to_owned(),
                    ..Dialogue::default()
                }),
            }
        } else if let Some(gateway) = line.strip_prefix("gateway: ") {
            chat.gateway = gateway.to_owned();
        } else if let Some(now) = line.strip_prefix("now: ") {
            chat.now = now.parse().expect("a time");
        } else if let Some(dialogue) = chat.dialogues.last_mut() {
            if let Some(said) = said("<") {
                dialogue.theirs.push(said);
            } else if let Some(said) = said(">") {
                dialogue.ours.push(said);
            } else if let Some(means) = said("=") {
                dialogue.means.push(means);
            } else {
                assert!(line.is_empty() || line.starts_with('#'), "{name}: {line}");
            }
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{name}: {line}");
        }
    }
    chat
}

/// The gateway of a file, by way of the configuration.
fn settings(name: &str, chat: &Chat, provider: &str) -> Settings {
    let fields = chat.gateway.replace("PROVIDER", provider);
    let text = format!(
        "hostname: mail.example.com\nmilter: {{ listen: inet:127.0.0.1:8895 }}\n\
         addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}\n\
         mail: {{ inject: smtp://127.0.0.1:10026 }}\nweb: {{ public_url: {PUBLIC_URL} }}\n\
         gateways: [{{ id: {name}, type: http, preset: {name}, {fields} }}]\n"
    );
    let read = config::parse(&text, "chat", Path::new("/"), &ThisMachine);
    let read = read.unwrap_or_else(|errors| panic!("{name}: {errors}"));
    match read.gateways.into_iter().next() {
        Some(Configured::Http(settings)) => settings,
        other => panic!("{other:?}"),
    }
}

fn submission(dialogue: &str) -> Submission {
    let whole = |text: &str, encoding| Body::Whole {
        text: text.to_owned(),
        encoding,
        segments: 1,
    };
    let body = match dialogue.rsplit_once('-').map(|(_, kind)| kind) {
        Some("unicode") => whole("Žluť & %data%", Encoding::Ucs2),
        Some("binary") => Body::Binary {
            data: vec![0, 1, 255],
            udh: vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
        },
        _ => whole("Hi +1 & \"x\"\n%data%", Encoding::Gsm7),
    };
    Submission {
        id: MessageId::parse("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b").expect("id"),
        part: 0,
        number: Number::from_network("+15551234567").expect("number"),
        body,
        reference: 7,
        repeat: false,
        flash: false,
        attributes: Attributes::default(),
        receipt: true,
        validity: None,
        sender_id: None,
    }
}

/// What became of a message, as files have it.
fn shown(outcome: &Outcome, status: &Status) -> String {
    match outcome {
        Outcome::Accepted(id) => format!("accepted {}", id.as_deref().unwrap_or("-")),
        Outcome::Unknown(_) => "unknown".to_owned(),
        Outcome::Refused { class, .. } => match (class, status) {
            (Refusal::Never, _) => "never".to_owned(),
            (Refusal::Later { after, counts }, _) => {
                let word = if *counts { "later" } else { "throttled" };
                let after = after.map(|after| format!(" {}", after.as_secs()));
                format!("{word}{}", after.unwrap_or_default())
            }
            (Refusal::Link, Status::Parked(_)) => "parked".to_owned(),
            (Refusal::Link, _) => "account".to_owned(),
            (class, _) => format!("{class:?}"),
        },
    }
}

fn recorded(request: &Recorded) -> String {
    let mut text = format!("{} {}\n", request.method, request.target);
    for name in SHOWN {
        if let Some(value) = request.header(name) {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&request.body));
    text.trim_end().to_owned()
}

async fn send(name: &str, chat: &Chat, dialogue: &Dialogue, answer: Answer) -> (String, String) {
    // Only who says nothing may be too slow.
    let timeout = match answer {
        Answer::Silence => Duration::from_millis(700),
        _ => PATIENCE,
    };
    let provider = Provider::answering(answer).await;
    let mut settings = settings(name, chat, &provider.url(""));
    settings.timeout = timeout;
    let gateway = Http::new(settings, World::real()).expect("gateway");
    let outcome = gateway.submit(submission(&dialogue.name)).await;
    let status = gateway.status().borrow().clone();
    if let Outcome::Refused { reason, .. } | Outcome::Unknown(reason) = &outcome {
        assert!(!reason.contains("canary"), "{name}: {reason}");
    }
    let request = provider.requests().first().map(recorded);
    let request = request
        .unwrap_or_default()
        .replace(&provider.url(""), "PROVIDER");
    (shown(&outcome, &status), request)
}

async fn sends(name: &str, chat: &Chat, dialogue: &Dialogue, success: &Dialogue) {
    let ours = match dialogue.ours.is_empty() {
        true => &success.ours,
        false => &dialogue.ours,
    };
    let said = spoken(&dialogue.theirs);
    let mut answer = Answer::say(said.first.parse().expect("a status"), &said.body);
    for (header, value) in said.headers {
        answer = answer.with(header.leak(), &value);
    }
    let (outcome, request) = send(name, chat, dialogue, answer).await;
    let expected = ours.join("\n").trim_end().to_owned();
    assert_eq!(
        request, expected,
        "{name}, {}: our request:\n{request}\n",
        dialogue.name
    );
    assert_eq!([outcome], dialogue.means[..], "{name}, {}", dialogue.name);
}

/// What is the same for all: nobody knows what became of it.
async fn broken_answers(name: &str, chat: &Chat, success: &Dialogue) {
    let body = spoken(&success.theirs).body;
    for (what, answer) in [
        (
            "garbage",
            Answer::say(200, "<html><body>It works!</body></html>"),
        ),
        (
            "cut",
            Answer::Cut {
                promised: body.len() + 500,
                body,
            },
        ),
        ("slow", Answer::Silence),
    ] {
        let (outcome, _) = send(name, chat, success, answer).await;
        assert_eq!(outcome, "unknown", "{name}: {what}");
    }
}

struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The web side of the product, with a store that remembers keys.
struct Web {
    url: String,
    seen: Arc<Mutex<Seen>>,
    client: reqwest::Client,
    _stop: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    kept: Vec<Received>,
    receipts: Vec<String>,
}

impl Web {
    /// `disk_full`: nothing is kept.
    async fn start(name: &str, hook: HookSettings, now: Timestamp, disk_full: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut world = World::real();
        world.clock = Arc::new(At(now));
        let (events, mut inbox) = mpsc::channel(8);
        let (stop, stopped) = watch::channel(false);
        let state = WebState {
            sms: None,
            hooks: [(name.to_owned(), hook)].into(),
            trusted_proxies: Vec::new(),
            events,
            simulated: Vec::new(),
            admins: Default::default(),
            compat_icewarp: false,
            public_url: Some(PUBLIC_URL.to_owned()),
            ready: Arc::new(|| Ok(())),
            workers: sms_milter::outbound::credentials::passwords::Workers::new(),
            world,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        tokio::spawn(serve(listener, state, stopped));
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let keeping = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(event) = inbox.recv().await {
                if !disk_full {
                    keep(&mut keeping.lock().expect("seen"), event);
                }
            }
        });
        Self {
            url,
            seen,
            client: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("client"),
            _stop: stop,
        }
    }

    /// Status, media type and body of the answer.
    async fn push(&self, push: &Pushed) -> (u16, String, String) {
        let (method, target) = push.first.split_once(' ').expect("METHOD TARGET");
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{target}", self.url));
        for (header, value) in &push.headers {
            request = request.header(header, value);
        }
        let answer = request
            .body(push.body.clone())
            .send()
            .await
            .expect("an answer");
        let kind = answer
            .headers()
            .get("content-type")
            .map(|kind| kind.to_str().expect("ASCII").to_owned());
        let status = answer.status().as_u16();
        (
            status,
            kind.unwrap_or_default(),
            answer.text().await.expect("text"),
        )
    }

    fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("seen");
        let messages = seen.kept.iter().map(show);
        messages.chain(seen.receipts.iter().cloned()).collect()
    }
}

fn keep(seen: &mut Seen, event: Event) {
    match event {
        Event::Received { received, kept } => {
            let key = |received: &Received| received.dedupe.as_ref().map(|dedupe| dedupe.key);
            let is_new = !seen.kept.iter().any(|other| key(other) == key(&received));
            if is_new {
                seen.kept.push(*received);
            }
            let _ = kept.send(if is_new { Kept::New } else { Kept::Duplicate });
        }
        Event::Receipt { report, kept } => {
            let phones = match report.phones.is_empty() {
                true => "nobody".to_owned(),
                false => report.phones.join(","),
            };
            let text = format!(
                "receipt {} {:?} of {phones}",
                report.reference, report.receipt
            );
            if !seen.receipts.contains(&text) {
                seen.receipts.push(text);
            }
            let _ = kept.send(Kept::New);
        }
        _ => panic!("a push brings SMS and receipts"),
    }
}

fn show(received: &Received) -> String {
    let Content::Sms {
        from,
        to,
        text,
        binary,
        concat,
        sent,
        ..
    } = &received.content
    else {
        panic!("{:?}", received.content)
    };
    assert!(!received.raw.is_empty());
    let to = to
        .as_ref()
        .map(|to| format!(" to {to}"))
        .unwrap_or_default();
    let sent = sent.map(|sent| format!(" at {sent}")).unwrap_or_default();
    let part = concat.map(|c| format!(" part {}/{} of {}", c.part, c.parts, c.reference));
    let what = match binary {
        Some(octets) => format!("data {octets:02x?}"),
        None => text.clone(),
    };
    let what = what.replace('\n', "\\n");
    format!("sms {from}{to}{sent}{}: {what}", part.unwrap_or_default())
}

/// A push as it is made.
#[derive(Clone)]
struct Pushed {
    first: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Pushed {
    fn of(dialogue: &Dialogue) -> Self {
        let Spoken {
            first,
            headers,
            body,
        } = spoken(&dialogue.theirs);
        Self {
            first,
            headers,
            body,
        }
    }

    fn is_form(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.contains("form"))
    }

    /// A field more.
    fn changed(&self) -> Self {
        let mut push = self.clone();
        match (push.body.is_empty(), push.is_form()) {
            (true, _) => push.first.push_str(if push.first.contains('?') {
                "&zz=1"
            } else {
                "?zz=1"
            }),
            (false, true) => push.body.push_str("&zz=1"),
            (false, false) => push.body = push.body.replacen('{', "{\"zz\":1,", 1),
        }
        push
    }

    fn unsigned(&self) -> Self {
        let mut push = self.clone();
        push.headers.retain(|(name, _)| name == "content-type");
        let without = |fields: &str| {
            let kept = fields.split('&').filter(|field| !field.starts_with("sig="));
            kept.collect::<Vec<_>>().join("&")
        };
        push.body = match push.body.split_once(",\"sig\":\"") {
            Some((before, rest)) => format!("{before}{}", rest.split_once('"').expect("sig").1),
            None => without(&push.body),
        };
        push.first = without(&push.first);
        push
    }

    fn with_secret(&self, secret: &str) -> Self {
        let mut push = self.clone();
        push.first = push.first.replace("/canary-hook", secret);
        push.headers.retain(|(name, _)| name != "authorization");
        push
    }
}

/// Another key of the same form.
fn other_key(scheme: &Scheme) -> Secret {
    match scheme {
        Scheme::Header(header) if header.key != KeyForm::Text => {
            Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        }
        _ => Secret::new("another"),
    }
}

async fn pushes(name: &str, chat: &Chat, dialogue: &Dialogue) {
    let what = format!("{name}, {}", dialogue.name);
    let settings = settings(name, chat, "http://127.0.0.1:1");
    let hook = HookSettings::new(&settings, Some(PUBLIC_URL));
    let push = Pushed::of(dialogue);
    let web = Web::start(name, hook.clone(), chat.now, false).await;
    let expected = spoken(&dialogue.ours);
    let answer = web.push(&push).await;
    let (status, kind, body) = &answer;
    assert_eq!(
        (status.to_string(), body),
        (expected.first, &expected.body),
        "{what}"
    );
    for (_, value) in &expected.headers {
        assert_eq!(kind, value, "{what}");
    }
    assert_eq!(web.seen(), dialogue.means, "{what}");

    // A repeat.
    assert_eq!(web.push(&push).await, answer, "{what}: repeated");
    assert_eq!(web.seen(), dialogue.means, "{what}: repeated");

    let forbidden = (
        403,
        "text/plain; charset=utf-8".to_owned(),
        "forbidden\n".to_owned(),
    );
    let mut forged = Vec::new();
    let mut timed = None;
    if let Some((scheme, _)) = &hook.signature {
        forged.push(push.changed());
        forged.push(push.unsigned());
        timed = match scheme {
            Scheme::Header(header) => header.timestamp.as_ref().map(|_| header.window),
            Scheme::Vonage { window, .. } => Some(*window),
            // A token is good for a minute, and for five more.
            Scheme::Messagebird => Some(Duration::from_secs(360)),
            Scheme::Twilio | Scheme::Plivo => None,
        };
        let mut other = hook.clone();
        other.signature = Some((scheme.clone(), vec![other_key(scheme)]));
        let other = Web::start(name, other, chat.now, false).await;
        assert_eq!(other.push(&push).await, forbidden, "{what}: another key");
        assert_eq!(other.seen(), Vec::<String>::new(), "{what}: another key");
    }
    if hook.secret.is_some() {
        forged.push(push.with_secret("/wrong"));
        forged.push(push.with_secret(""));
        forged.push(push.with_secret("/canary-hook2"));
    }
    assert!(!forged.is_empty(), "{what}: anybody may push");
    let mut elsewhere = push.clone();
    elsewhere.first = elsewhere
        .first
        .replace(&format!("/hooks/{name}"), "/hooks/nobody");
    forged.push(elsewhere);
    let guarded = Web::start(name, hook.clone(), chat.now, false).await;
    for push in forged {
        assert_eq!(
            guarded.push(&push).await,
            forbidden,
            "{what}: {} {:?}",
            push.first,
            push.headers
        );
    }
    assert_eq!(guarded.seen(), Vec::<String>::new(), "{what}: forged");

    // Another time: refused where the signature tells when, else still the same push.
    for later in [true, false] {
        let off = timed.unwrap_or(Duration::from_secs(3600)) + Duration::from_secs(1);
        let now = if later {
            chat.now + off
        } else {
            chat.now - off
        };
        let web = Web::start(name, hook.clone(), now, false).await;
        let expected = if timed.is_some() { &forbidden } else { &answer };
        assert_eq!(&web.push(&push).await, expected, "{what}: at {now}");
    }

    let full = Web::start(name, hook, chat.now, true).await;
    assert_eq!(full.push(&push).await.0, 503, "{what}: the disk is full");
}

async fn check(name: &str) {
    let chat = read(name);
    let told = |needed: &&&str| {
        let has = |name: &String| name.starts_with(**needed);
        chat.dialogues.iter().any(|dialogue| has(&dialogue.name)) || chat.never.iter().any(has)
    };
    let missing: Vec<_> = NEEDED.iter().filter(|needed| !told(needed)).collect();
    assert!(
        missing.is_empty(),
        "{name}.chat does not tell of {missing:?}"
    );
    let success = chat
        .dialogues
        .iter()
        .find(|dialogue| dialogue.name == "success");
    let success = success.expect("== success");
    for dialogue in &chat.dialogues {
        match dialogue.is_push() {
            true => pushes(name, &chat, dialogue).await,
            false => sends(name, &chat, dialogue, success).await,
        }
    }
    broken_answers(name, &chat, success).await;
}

macro_rules! dialogues {
    ($($test:ident: $name:literal),* $(,)?) => {
        /// Those with a test below.
        const TESTED: &[&str] = &[$($name),*];
        $(#[tokio::test] async fn $test() { check($name).await; })*
    };
}

dialogues! {
    bird: "bird", clickatell: "clickatell", clickatell_legacy: "clickatell-legacy",
    clickatell_one: "clickatell-one", icewarp: "icewarp", infobip: "infobip", jasmin: "jasmin",
    kannel: "kannel", messagebird: "messagebird", plivo: "plivo", sinch: "sinch",
    sms_milter: "sms-milter", smsgate: "smsgate", telnyx: "telnyx", twilio: "twilio", vonage: "vonage",
}

#[test]
fn every_preset_has_its_dialogues() {
    let presets: Vec<_> = Preset::names().collect();
    assert_eq!(
        presets, TESTED,
        "a new preset needs a line above and tests/presets/NAME.chat"
    );
}

#[test]
fn what_gateways_presets_prints_is_a_configuration() {
    for preset in Preset::all() {
        let block = pasted(preset);
        // The files are not on this machine.
        let lines = block
            .lines()
            .map(|line| match line.split_once(": { file:") {
                Some((key, _)) => {
                    format!("{key}: \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0czE=\"\n")
                }
                None => format!("{line}\n"),
            });
        let text = format!(
            "hostname: mail.example.com\nmilter: {{ listen: inet:127.0.0.1:8895 }}\n\
             addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}\n\
             mail: {{ inject: smtp://127.0.0.1:10026 }}\nweb: {{ public_url: {PUBLIC_URL} }}\n\
             gateways:\n{}",
            lines.collect::<String>()
        );
        let read = config::parse(&text, "pasted", Path::new("/"), &ThisMachine);
        let read = read.unwrap_or_else(|errors| panic!("{errors}\n{block}"));
        let Some(Configured::Http(settings)) = read.gateways.first() else {
            panic!("{block}");
        };
        let hook = HookSettings::new(settings, Some(PUBLIC_URL));
        assert!(
            hook.secret.is_some() || hook.signature.is_some(),
            "{block}: takes no pushes"
        );
    }
}
