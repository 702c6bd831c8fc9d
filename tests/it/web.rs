//! The web side on a real socket: pushes are answered when they are kept, doors stay shut, and the
//! page shows what phones show.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{RequestBuilder, Response};
use sms_milter::access::Network;
use sms_milter::gateway::http::hook::Scheme;
use sms_milter::gateway::http::preset::Preset;
use sms_milter::gateway::simulated::Simulated;
use sms_milter::gateway::{Body, Common, Concatenation, Event, Gateway, OnUnknown, Submission};
use sms_milter::secret::Secret;
use sms_milter::sms::{Encoding, MessageId, Number, Party, Receipt, Segment};
use sms_milter::store::{Content, Kept, Received, Report};
use sms_milter::web::{HookSettings, WebState, serve};
use sms_milter::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

const SECRET: &str = "s3cret";

/// What Twilio signs with.
const TOKEN: &str = "t0ken";

/// What stands behind the web side in these tests.
#[derive(Clone, Default)]
struct Options {
    admins: BTreeMap<String, String>,
    compat_icewarp: bool,
    /// Nothing can be kept.
    disk_full: bool,
    not_ready: bool,
}

struct Web {
    address: SocketAddr,
    kept: Arc<Mutex<Vec<Received>>>,
    receipts: Arc<Mutex<Vec<Report>>>,
    simulated: Arc<Simulated>,
    client: reqwest::Client,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

fn number(text: &str) -> Number {
    Number::from_network(text).expect("number")
}

fn lab() -> Common {
    Common {
        id: "lab".to_owned(),
        active: true,
        number: Some(number("+15550009999")),
        concat: Concatenation::Udh,
        on_unknown: OnUnknown::Report,
        unknown_wait: Duration::ZERO,
        receipts: Default::default(),
        window: 4,
        throughput: None,
        limits: Default::default(),
        rates: Vec::new(),
        from: None,
        carries: sms_milter::gateway::Carries::default(),
    }
}

impl Web {
    async fn start(options: Options) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = World::real();
        let (events, inbox) = mpsc::channel(8);
        let (stop, stopped) = watch::channel(false);
        let simulated = Simulated::new(lab(), world.clone());
        tokio::spawn(Arc::clone(&simulated).run(events.clone(), stopped.clone()));
        let hook = |secret: Option<&str>| HookSettings {
            secret: secret.map(Secret::new),
            number: Some(number("+15550002222")),
            ..HookSettings::default()
        };
        let mut twilio = hook(Some(SECRET));
        twilio.hook = Preset::find("twilio").expect("preset").hook().clone();
        let mut signed = hook(None);
        signed.hook = twilio.hook.clone();
        signed.signature = Some((Scheme::Twilio, vec![Secret::new(TOKEN)]));
        let from = |network: &str, secret: Option<&str>| HookSettings {
            allow_from: Network::parse(network).into_iter().collect(),
            ..hook(secret)
        };
        let not_ready = options.not_ready;
        let state = WebState {
            hooks: HashMap::from([
                ("provider".to_owned(), hook(Some(SECRET))),
                ("mute".to_owned(), hook(None)),
                ("empty".to_owned(), hook(Some(""))),
                ("twilio".to_owned(), twilio),
                ("signed".to_owned(), signed),
                ("here".to_owned(), from("127.0.0.0/8", None)),
                ("away".to_owned(), from("192.0.2.0/24", None)),
                ("both".to_owned(), from("127.0.0.0/8", Some(SECRET))),
            ]),
            events,
            simulated: vec![Arc::clone(&simulated)],
            admins: options.admins,
            sms: None,
            compat_icewarp: options.compat_icewarp,
            public_url: Some("https://sms.example.com".to_owned()),
            trusted_proxies: Vec::new(),
            ready: Arc::new(move || match not_ready {
                true => Err("the store is read-only".to_owned()),
                false => Ok(()),
            }),
            workers: sms_milter::outbound::credentials::passwords::Workers::new(),
            world,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let serving = tokio::spawn(serve(listener, state, stopped));
        let web = Self {
            address,
            kept: Arc::default(),
            receipts: Arc::default(),
            simulated,
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("client"),
            stop,
            serving,
        };
        web.keep(inbox, options.disk_full);
        web
    }

    /// Keeps what comes, once by its key; or nothing.
    fn keep(&self, mut inbox: mpsc::Receiver<Event>, disk_full: bool) {
        let (messages, receipts) = (Arc::clone(&self.kept), Arc::clone(&self.receipts));
        tokio::spawn(async move {
            while let Some(event) = inbox.recv().await {
                if disk_full {
                    continue;
                }
                match event {
                    Event::Received { received, kept } => {
                        let mut messages = messages.lock().expect("messages");
                        let key = |received: &Received| received.dedupe.as_ref().map(|d| d.key);
                        let same = |other: &Received| key(other) == key(&received);
                        if key(&received).is_some() && messages.iter().any(same) {
                            let _ = kept.send(Kept::Duplicate);
                        } else {
                            messages.push(*received);
                            let _ = kept.send(Kept::New);
                        }
                    }
                    Event::Receipt { report, kept } => {
                        receipts.lock().expect("receipts").push(*report);
                        let _ = kept.send(Kept::New);
                    }
                    _ => {}
                }
            }
        });
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    fn post(&self, path: &str, content_type: &str, body: &str) -> RequestBuilder {
        let request = self
            .client
            .post(self.url(path))
            .header("Content-Type", content_type);
        request.body(body.to_owned())
    }

    fn kept(&self) -> Vec<Received> {
        self.kept.lock().expect("messages").clone()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

async fn answer(request: RequestBuilder) -> (u16, String) {
    let response: Response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.text().await.expect("a body"))
}

#[tokio::test]
async fn a_push_is_kept_and_answered() {
    let web = Web::start(Options::default()).await;
    let ok = (200, "OK\n".to_owned());
    let form = "from=%2B15551234567&text=Hi+%C5%BE&id=1";
    let pushes = [
        web.post("/hooks/provider", FORM, form).bearer_auth(SECRET),
        web.post(
            "/hooks/provider",
            JSON,
            r#"{"from":"22555","text":"x","id":2,"to":"+15550004444"}"#,
        )
        .basic_auth("any", Some(SECRET)),
        web.get(
            "/hooks/provider?pass=s3cret&from=Bank&text=x&id=3&udh=050003CC0201&time=1763640000",
        ),
        web.get("/hooks/provider?pass=s3cret&from=Bank&text=%2B/8A&binary=1"),
    ];
    for push in pushes {
        assert_eq!(answer(push).await, ok);
    }
    let kept = web.kept();
    assert_eq!(kept.len(), 4);
    assert_eq!(kept[0].gateway, "provider");
    assert_eq!(kept[0].raw, form.as_bytes());
    let Content::Sms { from, to, text, .. } = &kept[0].content else {
        panic!("{:?}", kept[0].content)
    };
    assert_eq!(from, &Party::Number(number("+15551234567")));
    assert_eq!((to, text.as_str()), (&Some(number("+15550002222")), "Hi ž"));
    let Content::Sms { from, to, .. } = &kept[1].content else {
        panic!("{:?}", kept[1].content)
    };
    assert_eq!(
        (from, to),
        (
            &Party::Short("22555".to_owned()),
            &Some(number("+15550004444"))
        )
    );
    let Content::Sms { concat, sent, .. } = &kept[2].content else {
        panic!("{:?}", kept[2].content)
    };
    assert_eq!(
        concat.map(|c| (c.reference, c.part, c.parts)),
        Some((0xCC, 1, 2))
    );
    assert_eq!(sent.map(|sent| sent.as_second()), Some(1_763_640_000));
    assert!(
        !kept[2]
            .raw
            .windows(6)
            .any(|octets| octets == SECRET.as_bytes())
    );
    let Content::Sms { binary, .. } = &kept[3].content else {
        panic!("{:?}", kept[3].content)
    };
    assert_eq!(binary.as_deref(), Some(&[0xFB, 0xFF, 0x00][..]));
}

#[tokio::test]
async fn a_repeat_is_kept_once() {
    let web = Web::start(Options::default()).await;
    let check = async |push: &str, kept: usize| {
        let (status, _) = answer(web.get(&format!("/hooks/provider?pass=s3cret&{push}"))).await;
        assert_eq!((status, web.kept().len()), (200, kept), "{push}");
    };
    check("from=a&text=x&id=7", 1).await;
    check("from=a&text=x&id=7&attempt=2", 1).await;
    check("from=a&text=x&id=8", 2).await;
    check("from=a&text=x&id=8&udh=050003CC0201", 3).await;
    check("from=a&text=x&time=1763640000", 4).await;
    check("from=a&text=x&time=1763640000&attempt=2", 4).await;
    check("from=a&text=y&time=1763640000", 5).await;
    check("from=a&text=x", 6).await;
    check("from=a&text=x", 6).await;
    check("from=a&text=x&attempt=2", 7).await;
    let until = |index: usize| {
        let received = &web.kept()[index];
        let until = received.dedupe.as_ref().expect("key").until;
        (until - received.at)
            .total(jiff::Unit::Second)
            .expect("seconds")
    };
    assert_eq!((until(0), until(3), until(5)), (604_800.0, 604_800.0, 60.0));
}

#[tokio::test]
async fn receipts() {
    let web = Web::start(Options::default()).await;
    let delivered = web.get("/hooks/provider?pass=s3cret&status=delivered&id=abc");
    assert_eq!(answer(delivered).await.0, 200);
    let failed = web.post(
        "/hooks/twilio?pass=s3cret",
        FORM,
        "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&To=%2B15551234567&From=%2B15550001111",
    );
    assert_eq!(
        answer(failed).await,
        (200, "<Response></Response>".to_owned())
    );
    let receipts = web.receipts.lock().expect("receipts").clone();
    let told: Vec<_> = receipts
        .iter()
        .map(|r| (r.reference.as_str(), r.receipt, r.phones.join(" ")))
        .collect();
    assert_eq!(
        told,
        [
            ("abc", Receipt::Delivered, String::new()),
            ("SM1", Receipt::GivenUp(30003), "+15551234567".to_owned()),
        ]
    );
}

#[tokio::test]
async fn wrong_pairs_all_look_alike() {
    let web = Web::start(Options {
        compat_icewarp: true,
        ..Options::default()
    })
    .await;
    let mut answers = Vec::new();
    for request in [
        web.get("/hooks/provider?from=a&text=b"),
        web.get("/hooks/provider?from=a&text=b&pass=wrong"),
        web.get("/hooks/provider").bearer_auth("wrong"),
        web.get("/hooks/nobody?from=a&text=b&pass=s3cret"),
        web.get("/hooks/mute?from=a&text=b&pass="),
        web.get("/hooks/empty?from=a&text=b&pass="),
        web.get("/hooks/empty?from=a&text=b"),
        web.get("/sms/deliver.html?id=provider&pass=wrong&number=1&data=x"),
        web.get("/sms/deliver.html?id=nobody&pass=s3cret&number=1&data=x"),
        web.get("/sms/deliver.html"),
    ] {
        answers.push(answer(request).await);
    }
    for answer in answers {
        assert_eq!(answer, (403, "forbidden\n".to_owned()));
    }
    assert_eq!(web.kept(), []);
}

#[tokio::test]
async fn what_cannot_be_understood_or_kept() {
    let web = Web::start(Options::default()).await;
    let check = async |request: RequestBuilder, status: u16, text: &str| {
        assert_eq!(
            answer(request.bearer_auth(SECRET)).await,
            (status, text.to_owned())
        );
    };
    check(web.get("/hooks/provider?from=a"), 400, "text: missing\n").await;
    check(
        web.post("/hooks/provider", JSON, "{"),
        400,
        "body: is not JSON\n",
    )
    .await;
    let long = format!("from=a&text={}", "x".repeat(65_600));
    let too_long = "the body is longer than 64 KiB\n";
    check(web.post("/hooks/provider", FORM, &long), 413, too_long).await;
    let put = web.client.put(web.url("/hooks/provider"));
    assert_eq!(answer(put).await.0, 405);
    assert_eq!(
        answer(web.get("/sms/deliver.html?id=provider&pass=s3cret&number=1&data=x"))
            .await
            .0,
        404
    );
    assert_eq!(web.kept(), []);

    let full = Web::start(Options {
        disk_full: true,
        ..Options::default()
    })
    .await;
    let push = full
        .get("/hooks/provider?pass=s3cret&from=a&text=b")
        .send()
        .await;
    let push = push.expect("an answer");
    let retry = push
        .headers()
        .get("retry-after")
        .map(|value| value.as_bytes().to_vec());
    assert_eq!(
        (push.status().as_u16(), retry.as_deref()),
        (503, Some(&b"30"[..]))
    );
}

#[tokio::test]
async fn the_classic_door() {
    let web = Web::start(Options {
        compat_icewarp: true,
        ..Options::default()
    })
    .await;
    let get =
        web.get("/sms/deliver.html?id=provider&pass=s3cret&number=%2B15551234567&data=Hi%20%C5%BE");
    assert_eq!(answer(get).await, (200, "OK\n".to_owned()));
    let post = web.post(
        "/sms/deliver.html",
        FORM,
        "id=provider&pass=s3cret&number=15551234567&data=3q2-7w%3D%3D&binary=1",
    );
    assert_eq!(
        answer(post).await,
        (400, "data: is not base64\n".to_owned())
    );
    let post = web.post(
        "/sms/deliver.html",
        FORM,
        "id=provider&pass=s3cret&number=15551234567&data=3q2%2B7w%3D%3D&binary=1",
    );
    assert_eq!(answer(post).await.0, 200);
    let missing = web.get("/sms/deliver.html?id=provider&pass=s3cret&data=x");
    assert_eq!(answer(missing).await, (400, "number: missing\n".to_owned()));
    let kept = web.kept();
    assert_eq!(kept.len(), 2);
    let Content::Sms { text, .. } = &kept[0].content else {
        panic!("{:?}", kept[0].content)
    };
    assert_eq!(text, "Hi ž");
    let Content::Sms { binary, from, .. } = &kept[1].content else {
        panic!("{:?}", kept[1].content)
    };
    assert_eq!(from, &Party::Number(number("+15551234567")));
    assert_eq!(binary.as_deref(), Some(&[0xDE, 0xAD, 0xBE, 0xEF][..]));
    for received in kept {
        assert!(!String::from_utf8_lossy(&received.raw).contains(SECRET));
    }
}

#[tokio::test]
async fn health() {
    let web = Web::start(Options::default()).await;
    assert_eq!(answer(web.get("/healthz")).await, (200, "ok\n".to_owned()));
    assert_eq!(
        answer(web.get("/readyz")).await,
        (200, "ready\n".to_owned())
    );
    let web = Web::start(Options {
        not_ready: true,
        ..Options::default()
    })
    .await;
    assert_eq!(answer(web.get("/healthz")).await.0, 200);
    let not = "not ready: the store is read-only\n".to_owned();
    assert_eq!(answer(web.get("/readyz")).await, (503, not));
}

async fn arrive(simulated: &Simulated, text: &str) {
    let body = Body::Segment(Segment {
        text: text.to_owned(),
        encoding: Encoding::Ucs2,
        units: text.encode_utf16().count(),
        concat: None,
        shifts: sms_milter::sms::Shifts::default(),
    });
    simulated
        .submit(Submission {
            id: MessageId::from_bytes([1; 16]),
            part: 0,
            number: number("+15551234567"),
            body,
            reference: 0,
            repeat: false,
            flash: false,
            attributes: sms_milter::sms::Attributes::default(),
            receipt: false,
            validity: None,
            sender_id: Some("<i>ACME".to_owned()),
        })
        .await;
}

#[tokio::test]
async fn phones_show_and_answer() {
    let web = Web::start(Options::default()).await;
    arrive(&web.simulated, "<script>alert('x')</script>\n\"&ž").await;
    let page = web.get("/").send().await.expect("a page");
    let header = |name: &str| page.headers()[name].to_str().expect("ASCII").to_owned();
    assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let page = page.text().await.expect("text");
    assert!(
        !page.contains("<script") && !page.contains("<i>ACME"),
        "{page}"
    );
    assert!(
        page.contains("+15551234567") && page.contains("&#38;ž"),
        "{page}"
    );
    assert_eq!(answer(web.get("/style.css")).await.0, 200);

    let reply = "/phones/%2B15551234567/reply";
    let post = |body: &str| web.post(reply, FORM, body);
    let sent = post("text=Yes%0D%0Aplease&gateway=lab")
        .header("Sec-Fetch-Site", "same-origin")
        .send()
        .await;
    let sent = sent.expect("an answer");
    assert_eq!(
        (sent.status().as_u16(), &sent.headers()["location"]),
        (303, &"/#p15551234567".parse().expect("value"))
    );
    let kept = web.kept();
    let Content::Sms { from, to, text, .. } = &kept[0].content else {
        panic!("{:?}", kept[0].content)
    };
    assert_eq!(from, &Party::Number(number("+15551234567")));
    assert_eq!(
        (to, text.as_str()),
        (&Some(number("+15550009999")), "Yes\nplease")
    );
    assert!(
        web.get("/")
            .send()
            .await
            .expect("page")
            .text()
            .await
            .expect("text")
            .contains("please")
    );

    let foreign = post("text=x").header("Origin", "http://evil.example");
    assert_eq!(answer(foreign).await.0, 403);
    let cross = post("text=x").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(answer(cross).await.0, 403);
    assert_eq!(answer(post("text=")).await.0, 400);
    assert_eq!(answer(post("text=x&to=nobody")).await.0, 400);
    assert_eq!(answer(post("text=x&gateway=none")).await.0, 404);
    assert_eq!(answer(web.get(reply)).await.0, 405);
    assert_eq!(web.kept().len(), 1);
}

#[tokio::test]
async fn without_admins_only_this_machine_may_look() {
    let web = Web::start(Options::default()).await;
    let rebound = web.get("/").header("Host", "evil.example");
    let (status, text) = answer(rebound).await;
    assert_eq!(status, 403);
    assert!(text.contains("admins:"), "{text}");
    let proxied = web.get("/").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(answer(proxied).await.0, 403);
    let reply = web
        .post("/phones/1555123/reply", FORM, "text=x")
        .header("Host", "evil.example");
    assert_eq!(answer(reply).await.0, 403);
    assert_eq!(answer(web.get("/")).await.0, 200);
}

#[tokio::test]
async fn admins_need_their_password() {
    let cheap = argon2::Params::new(8, 1, 1, None).expect("parameters");
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let hash = argon2
        .hash_password_with_salt(b"right", b"saltsalt")
        .expect("hash");
    let admins = BTreeMap::from([("admin".to_owned(), hash.to_string())]);
    let web = Web::start(Options {
        admins,
        ..Options::default()
    })
    .await;
    let asked = web.get("/").send().await.expect("an answer");
    assert_eq!(asked.status().as_u16(), 401);
    assert!(
        asked.headers()["www-authenticate"]
            .to_str()
            .expect("ASCII")
            .starts_with("Basic ")
    );
    let login = |name: &str, password: &str| web.get("/").basic_auth(name, Some(password));
    let (wrong, nobody, empty) = tokio::join!(
        answer(login("admin", "wrong")),
        answer(login("nobody", "right")),
        answer(login("", "")),
    );
    assert_eq!((wrong.0, &nobody, &empty), (401, &wrong, &wrong));
    assert_eq!(answer(login("admin", "right")).await.0, 200);
    assert_eq!(answer(login("admin", "right")).await.0, 200);
    assert_eq!(answer(login("admin", "wrong")).await.0, 401);
    // Providers and monitors do not log in.
    assert_eq!(answer(web.get("/healthz")).await.0, 200);
    assert_eq!(
        answer(web.get("/hooks/provider?pass=s3cret&from=a&text=b"))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn it_outlives_bad_clients_and_ends_when_told() {
    let web = Web::start(Options::default()).await;
    for bytes in [&b"\0\xff\r\n\r\n"[..], b"GET", b"GET / HTTP/9\r\n\r\n"] {
        let mut stream = TcpStream::connect(web.address).await.expect("connects");
        stream.write_all(bytes).await.expect("writes");
        stream.shutdown().await.expect("closes");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"));
    }
    assert_eq!(answer(web.get("/healthz")).await.0, 200);
    // An idle connection is open now; it does not hold up the end.
    web.stop.send(true).expect("serves");
    // Before those that are cut off (`GRACE`, 10 s).
    let ended = tokio::time::timeout(Duration::from_secs(9), web.serving).await;
    ended
        .expect("in time")
        .expect("no panic")
        .expect("no error");
    assert!(TcpStream::connect(web.address).await.is_err());
}

/// Who saw one signed URL must not say anything else under its signature.
#[tokio::test]
async fn a_signed_url_says_what_is_in_it_only() {
    let web = Web::start(Options::default()).await;
    let path = "/hooks/signed?MessageSid=SM1&From=%2B15551234567&Body=Hi";
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    let over = format!("https://sms.example.com{path}");
    let signature = STANDARD.encode(ring::hmac::sign(&key, over.as_bytes()));
    let push = || web.get(path).header("X-Twilio-Signature", &signature);
    assert_eq!(answer(push()).await.0, 200);
    let other = push()
        .header("Content-Type", FORM)
        .body("MessageSid=SM2&From=%2B15550000000&Body=Pay+me");
    assert_eq!(answer(other).await.0, 200);
    let texts: Vec<_> = web.kept().into_iter().map(|kept| kept.content).collect();
    assert!(
        matches!(&texts[..], [Content::Sms { text, .. }] if text == "Hi"),
        "{texts:?}"
    );
}

#[tokio::test]
async fn who_only_looks_whether_a_url_is_there_pushes_nothing() {
    let web = Web::start(Options {
        compat_icewarp: true,
        ..Options::default()
    })
    .await;
    for path in [
        "/hooks/provider?pass=s3cret&from=a&text=b",
        "/hooks/provider/s3cret?from=a&text=b",
        "/sms/deliver.html?id=provider&pass=s3cret&number=1&data=x",
        "/sms/?user=a&pass=b&number=1&data=x",
    ] {
        let head = web.client.head(web.url(path)).send().await.expect("answer");
        assert_eq!(head.status(), 405, "{path}");
        assert_eq!(head.headers()["allow"], "GET, POST");
    }
    assert_eq!(web.kept(), []);
}

/// As many connections as there may be say nothing: whoever pushes waits for seconds, not for all of their
/// time.
#[tokio::test]
async fn silent_connections_do_not_keep_out_who_asks() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // Both ends of them are in this process.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("limit");
    let web = Web::start(Options::default()).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(web.address).await.expect("connects"));
    }
    // The time that they have is `HEAD_TIMEOUT`, 20 s.
    let asked = tokio::time::timeout(Duration::from_secs(18), answer(web.get("/healthz"))).await;
    assert_eq!(asked.expect("in time").0, 200);
    drop(silent);
}

#[tokio::test]
async fn a_path_a_signature_or_an_address_lets_in() {
    let web = Web::start(Options::default()).await;
    let push = "from=a&text=b";
    // In the path, also with what needs an escape there.
    assert_eq!(
        answer(web.get(&format!("/hooks/provider/s3cret?{push}")))
            .await
            .0,
        200
    );
    assert_eq!(
        answer(web.get(&format!("/hooks/provider/s%33cret?{push}")))
            .await
            .0,
        200
    );
    let forbidden = (403, "forbidden\n".to_owned());
    for path in [
        "/hooks/provider/wrong",
        "/hooks/provider/s3cret2",
        "/hooks/nobody/s3cret",
        "/hooks/mute/s3cret",
        "/hooks/away/s3cret",
        "/hooks/away",
        // This one must show the secret too.
        "/hooks/both",
    ] {
        assert_eq!(
            answer(web.get(&format!("{path}?{push}"))).await,
            forbidden,
            "{path}"
        );
    }
    assert_eq!(answer(web.get(&format!("/hooks/here?{push}"))).await.0, 200);
    assert_eq!(
        answer(web.get(&format!("/hooks/both/s3cret?{push}")))
            .await
            .0,
        200
    );
    // Who is asked for, says a proxy that nobody trusts: it is not believed.
    let proxied = web
        .get(&format!("/hooks/away?{push}"))
        .header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(answer(proxied).await, forbidden);
    // A longer body than any is refused before anything is asked, so that it tells nothing.
    let long = "x".repeat(65_600);
    for path in ["/hooks/provider", "/hooks/nobody"] {
        assert_eq!(answer(web.post(path, FORM, &long)).await.0, 413);
    }
    // Nor does what cannot be read.
    assert_eq!(
        answer(web.post("/hooks/nobody", JSON, "{")).await,
        forbidden
    );
}
