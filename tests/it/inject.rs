//! Handing mails in: to a real Postfix with TLS and a login, to a real Dovecot by LMTP, and to an MTA that says and
//! does what it is told. The clock is the test's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sms_milter::mail::inject::{self, Fallback, Injector, Login, Target, Trouble};
use sms_milter::store::sled::{Settings as StoreSettings, SledStore};
use sms_milter::store::{OutMail, Store};
use sms_milter::web::post::Programs;
use sms_milter::world::{Clock, World};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::sim::lmtp::Dovecot;
use crate::sim::mta::{Kind, Mta};
use crate::sim::port;
use crate::sim::product::{PATIENCE, Place};
use crate::sim::smtp_sink::{AtDot, SmtpSink};
use crate::sim::tls::{Authority, Issued};

/// Stands still until it is told.
struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("lock")
    }
}

/// A store with mails, and who hands them in.
struct Office {
    dir: tempfile::TempDir,
    clock: Arc<Still>,
    store: Arc<SledStore>,
    trouble: watch::Receiver<Option<Trouble>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn settings(target: &str, login: Option<(&str, &str)>, ca: Option<&Authority>) -> inject::Settings {
    let target = Target::parse(target).expect(target);
    inject::Settings {
        target: target
            .with(login.is_some(), ca.is_some())
            .expect("they go together"),
        login: login.map(|(user, password)| Login {
            user: user.into(),
            password: password.into(),
        }),
        ca: ca.map(Authority::certificate),
        hello: "sms.test".into(),
        deadline: Duration::from_secs(20),
        fallback: Fallback {
            default: None,
            admin: "postmaster@example.com".into(),
            from: "sms@example.com".into(),
            words: Default::default(),
        },
    }
}

impl Office {
    fn open(settings: inject::Settings) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let start = "2026-11-20T10:00:00Z".parse().expect("time");
        Self::open_at(settings, dir, Arc::new(Still(Mutex::new(start))))
    }

    fn open_at(settings: inject::Settings, dir: tempfile::TempDir, clock: Arc<Still>) -> Self {
        let store = StoreSettings {
            path: dir.path().join("store"),
            largest: 1 << 20,
            reserve: Some(0),
        };
        let store = SledStore::open(&store).expect("the store opens");
        let world = World {
            clock: clock.clone(),
            ..World::real()
        };
        let programs = Programs::new(Default::default(), world.clone()).expect("programs");
        let bell = Arc::new(Notify::new());
        let injector = Injector::new(settings, Arc::new(programs), store.clone(), world, bell);
        let (stop, stopped) = watch::channel(false);
        Self {
            dir,
            clock,
            store,
            trouble: injector.trouble(),
            task: tokio::spawn(injector.run(stopped)),
            stop,
        }
    }

    /// The same office with other settings.
    async fn reopen(self, settings: inject::Settings) -> Self {
        self.stop.send_replace(true);
        self.task.await.expect("it ends");
        let (dir, clock) = (self.dir, self.clock);
        drop(self.store);
        Self::open_at(settings, dir, clock)
    }

    fn advance(&self, by: SignedDuration) {
        *self.clock.0.lock().expect("lock") += by;
    }

    async fn post(&self, to: &str, text: &str) -> String {
        let id = World::real().message_id();
        let mail = OutMail {
            id,
            sender: String::new(),
            recipient: to.into(),
            bytes: format!("From: <sms@example.com>\r\nTo: <x@example.com>\r\nSubject: x\r\nMessage-ID: <{id}@sms.test>\r\n\r\n{text}\r\n").into(),
            about: None,
            last_resort: false,
            post: false,
        };
        self.store
            .put(self.clock.now(), Vec::new(), vec![mail])
            .await
            .expect("room");
        id.to_string()
    }

    /// Waits until so many wait and so many nobody takes.
    async fn wait_for(&self, waiting: usize, stuck: usize) -> Vec<sms_milter::store::QueuedMail> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mails = self.store.list_mail().await.expect("list");
            let tried = mails.iter().filter(|mail| mail.error.is_some()).count();
            let undeliverable = mails.iter().filter(|mail| mail.undeliverable).count();
            if mails.len() == waiting + stuck && tried == mails.len() && undeliverable == stuck {
                return mails;
            }
            assert!(tokio::time::Instant::now() < deadline, "{mails:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn trouble(&mut self, wanted: impl Fn(&Trouble) -> bool) -> String {
        let there = self
            .trouble
            .wait_for(|trouble| trouble.as_ref().is_some_and(&wanted));
        match tokio::time::timeout(PATIENCE, there).await {
            Ok(trouble) => trouble
                .expect("it runs")
                .as_ref()
                .expect("trouble")
                .why()
                .to_owned(),
            Err(_) => panic!("no such trouble"),
        }
    }
}

/// Where Postfix lets in only those who log in, and TLS comes first.
const LOGGED_IN: &str = "-o smtpd_tls_auth_only=yes -o smtpd_sasl_authenticated_header=yes \
    -o smtpd_client_restrictions=permit_sasl_authenticated,reject \
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject";

/// Postfix with a certificate and listeners of our own: by STARTTLS, by TLS from the start, and where TLS may be.
fn secured(own: &Issued) -> (Mta, [u16; 3], tempfile::TempDir) {
    let files = tempfile::tempdir().expect("a directory");
    let pem = files.path().join("own.pem");
    std::fs::write(&pem, format!("{}{}", own.key, own.certificate)).expect("a file");
    let ports = port::claim(files.path());
    let listener = |port: u16, more: &str| {
        format!(
            "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_milters= -o smtpd_tls_received_header=yes {more}"
        )
    };
    let chain = format!("smtpd_tls_chain_files = {}", pem.display());
    let lines = [
        listener(
            ports[0],
            &format!("-o smtpd_tls_security_level=encrypt {LOGGED_IN}"),
        ),
        listener(
            ports[1],
            &format!("-o smtpd_tls_wrappermode=yes {LOGGED_IN}"),
        ),
        listener(ports[2], "-o smtpd_tls_security_level=may"),
        "tlsmgr unix - - n 1000? 1 tlsmgr".to_owned(),
    ];
    let mut options = vec!["--main", chain.as_str(), "--milter", "none"];
    options.extend(lines.iter().flat_map(|line| ["--master", line.as_str()]));
    (Mta::start(Kind::Postfix, &options), ports, files)
}

const ALICE: Option<(&str, &str)> = Some(("alice", "secret"));

#[tokio::test(flavor = "multi_thread")]
async fn postfix_takes_it_through_tls_from_one_who_logs_in() {
    let authority = Authority::new();
    let (mta, [starttls, implicit, _], _files) =
        secured(&authority.issue("DNS:mta.example.com,IP:127.0.0.1", 30));
    for (target, text) in [
        (
            format!("smtp://127.0.0.1:{starttls}?tls=required"),
            "by STARTTLS",
        ),
        (format!("smtps://127.0.0.1:{implicit}"), "by TLS"),
        (
            format!("smtps://127.0.0.1:{implicit}?name=mta.example.com"),
            "by its name",
        ),
    ] {
        let office = Office::open(settings(&target, ALICE, Some(&authority)));
        let id = office.post("bob@example.com", text).await;
        let mail = mta.mail("bob", |mail| mail.contains(text));
        assert!(
            mail.contains(&id)
                && mail.contains("using TLSv1")
                && mail.contains("Authenticated sender: alice"),
            "{mail}"
        );
        office.wait_for(0, 0).await;
        assert_eq!(
            inject::probe(&settings(&target, ALICE, Some(&authority))).await,
            Ok("greets, its certificate is good, and it knows us")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_a_port_in_clear_is_told_what_to_write() {
    let sink = SmtpSink::start().await;
    let address = sink.address();
    let settings = settings(&format!("smtps://{address}"), None, None);
    let why = inject::probe(&settings).await.expect_err("no TLS there");
    let write = format!("write smtp://{address}?tls=required in mail.inject if it offers STARTTLS");
    assert!(why.contains(&write), "{why}");
    assert!(why.ends_with(&format!("else smtp://{address}")), "{why}");
    // The mail waits, and goes when that is put right.
    let mut office = Office::open(settings);
    office.post("ann@example.com", "patience").await;
    let said = office.trouble(|t| matches!(t, Trouble::Tls(_))).await;
    assert!(said.contains(&write), "{said}");
    office.wait_for(1, 0).await;
    assert_eq!(sink.mails().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_one_who_cannot_prove_who_he_is() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (mta, [starttls, implicit, _], _files) = secured(&authority.issue("IP:127.0.0.1", 30));
    let login_in_clear = format!("smtp://127.0.0.1:{starttls}");
    for (target, ca, why) in [
        (
            format!("smtps://127.0.0.1:{implicit}"),
            None,
            "invalid peer certificate",
        ),
        (
            format!("smtps://127.0.0.1:{implicit}"),
            Some(&other),
            "invalid peer certificate",
        ),
        (
            format!("smtp://127.0.0.1:{starttls}?tls=required"),
            None,
            "invalid peer certificate",
        ),
        (
            format!("smtp://127.0.0.1:{starttls}?tls=required&name=mx.example.com"),
            Some(&authority),
            "not valid for",
        ),
        (
            format!("smtp://{}?tls=required", mta.inject()),
            Some(&authority),
            "does not offer STARTTLS",
        ),
        (
            format!("smtps://{}", mta.inject()),
            Some(&authority),
            "write smtp://",
        ),
    ] {
        let mut office = Office::open(settings(&target, ALICE, ca));
        office.post("bob@example.com", "for bob").await;
        let said = office
            .trouble(|trouble| matches!(trouble, Trouble::Tls(_)))
            .await;
        assert!(said.contains(why), "{target}: {said}");
        let waiting = office.wait_for(1, 0).await;
        assert!(
            waiting[0]
                .error
                .as_deref()
                .is_some_and(|error| error.contains(why)),
            "{waiting:?}"
        );
    }
    // This one wants TLS and is not given any: our fault, not the mail's.
    let mut office = Office::open(settings(&login_in_clear, None, None));
    office.post("bob@example.com", "for bob").await;
    office
        .trouble(|trouble| matches!(trouble, Trouble::Tls(_)))
        .await;
    office.wait_for(1, 0).await;
    assert_eq!(mta.mails("bob"), [""; 0]);

    // Where TLS may be, whoever answers will do; and with the certificate in order all of it goes.
    let good = settings(
        &format!("smtps://127.0.0.1:{implicit}"),
        ALICE,
        Some(&authority),
    );
    let office = office.reopen(good).await;
    office.advance(SignedDuration::from_secs(60));
    mta.mail("bob", |mail| mail.contains("for bob"));
    office.wait_for(0, 0).await;
    assert_eq!(mta.mails("bob").len(), 1);
}

/// An MTA that says more than "go ahead" before TLS begins, and takes mails in clear.
async fn hasty(mut client: BufReader<TcpStream>) {
    let mut said = client.write_all(b"220 mta.example.com\r\n").await;
    let mut line = String::new();
    while said.is_ok() && client.read_line(&mut line).await.is_ok_and(|n| n > 0) {
        let answer = match line.split_whitespace().next() {
            Some("EHLO") => "250-mta.example.com\r\n250 STARTTLS\r\n",
            Some("STARTTLS") => "220 go ahead\r\n250-mta.example.com\r\n250 8BITMIME\r\n",
            Some("MAIL" | "RCPT" | "NOOP" | ".") => "250 2.0.0 ok\r\n",
            Some("DATA") => "354 go on\r\n",
            // A line of the mail.
            _ => "",
        };
        said = client.write_all(answer.as_bytes()).await;
        line.clear();
    }
}

/// Somebody between us and the MTA answers what we are to say through TLS only: it would be heard as if the MTA
/// had said it there. And of many mails only those that were under way try it: the rest wait for the MTA to come to
/// its senses.
#[tokio::test]
async fn what_is_said_before_tls_has_begun_is_not_heard() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(hasty(BufReader::new(stream)));
        }
    });
    let target = format!("smtp://{address}?tls=required");
    let mut office = Office::open(settings(&target, None, None));
    office.post("bob@example.com", "for bob").await;
    let said = office
        .trouble(|trouble| matches!(trouble, Trouble::Tls(_)))
        .await;
    assert!(said.contains("before TLS has begun"), "{said}");
    office.wait_for(1, 0).await;
    for n in 0..40 {
        office.post("bob@example.com", &format!("number {n}")).await;
    }
    office.wait_for(41, 0).await;
    let tried = connections.load(Ordering::Relaxed);
    assert!((1..=8).contains(&tried), "{tried} connections");
    // Where TLS may be, a broken one is done without (RFC 7435).
    let target = format!("smtp://{address}?tls=may");
    let office = office.reopen(settings(&target, None, None)).await;
    office.advance(SignedDuration::from_secs(60));
    office.wait_for(0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opportunistic_tls_takes_any_certificate_and_a_broken_one_is_done_without() {
    let (mta, [.., port], _files) = secured(&Issued::by_itself());
    let office = Office::open(settings(
        &format!("smtp://127.0.0.1:{port}?tls=may"),
        None,
        None,
    ));
    office.post("bob@example.com", "with any certificate").await;
    let mail = mta.mail("bob", |mail| mail.contains("with any certificate"));
    assert!(mail.contains("using TLSv1"), "{mail}");
    office.wait_for(0, 0).await;
    // No STARTTLS there.
    let office = office
        .reopen(settings(
            &format!("smtp://{}?tls=may", mta.inject()),
            None,
            None,
        ))
        .await;
    office.post("bob@example.com", "in clear").await;
    mta.mail("bob", |mail| mail.contains("in clear"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_makes_mails_wait_and_none_is_refused() {
    let authority = Authority::new();
    let (mta, [_, implicit, _], _files) = secured(&authority.issue("IP:127.0.0.1", 30));
    let target = format!("smtps://127.0.0.1:{implicit}");
    let mut office = Office::open(settings(
        &target,
        Some(("alice", "wrong")),
        Some(&authority),
    ));
    for text in ["one", "two", "three"] {
        office.post("bob@example.com", text).await;
    }
    let why = office
        .trouble(|trouble| matches!(trouble, Trouble::Login(_)))
        .await;
    assert!(why.starts_with("535 5.7.8"), "{why}");
    let waiting = office.wait_for(3, 0).await;
    assert!(
        waiting
            .iter()
            .all(|mail| mail.error.as_deref() == Some(why.as_str())),
        "{waiting:?}"
    );
    let office = office
        .reopen(settings(&target, ALICE, Some(&authority)))
        .await;
    office.advance(SignedDuration::from_secs(60));
    for text in ["one", "two", "three"] {
        mta.mail("bob", |mail| mail.contains(&format!("\n{text}")));
    }
    office.wait_for(0, 0).await;
    assert_eq!(mta.mails("bob").len(), 3);
}

#[tokio::test]
async fn an_mta_that_is_away_for_days_gets_everything_once() {
    let shut = SmtpSink::shut();
    let address = shut.address();
    let mut office = Office::open(settings(&format!("smtp://{address}"), None, None));
    let mut ids = Vec::new();
    for n in 0..50 {
        ids.push(office.post("ann@example.com", &format!("number {n}")).await);
    }
    office
        .trouble(|trouble| matches!(trouble, Trouble::Down(_)))
        .await;
    office.wait_for(50, 0).await;
    for _ in 0..4 {
        office.advance(SignedDuration::from_hours(24));
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while office
            .store
            .list_mail()
            .await
            .expect("list")
            .iter()
            .any(|mail| mail.next_attempt <= office.clock.now())
        {
            assert!(tokio::time::Instant::now() < deadline, "they are not tried");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let sink = shut.open();
    office.advance(SignedDuration::from_mins(20));
    let mails = sink.wait_for(50).await;
    office.wait_for(0, 0).await;
    for id in ids {
        let of_it = |mail: &&crate::sim::smtp_sink::Mail| {
            mail.header("Message-ID")
                .is_some_and(|found| found.contains(&id))
        };
        assert_eq!(mails.iter().filter(of_it).count(), 1);
    }
    let well = office.trouble.wait_for(Option::is_none);
    tokio::time::timeout(PATIENCE, well)
        .await
        .expect("it is well")
        .expect("it runs");
}

#[tokio::test]
async fn what_is_temporary_and_what_is_for_good() {
    let sink = SmtpSink::start().await;
    let answers = [
        "450 4.2.0 greylisted",
        "421 4.3.2 closing",
        "451 4.3.0 later",
        "250 2.1.5 ok",
    ];
    sink.answer_rcpt("ann@example.com", &answers);
    sink.answer_rcpt("gone@example.com", &["550 5.1.1 no such user"]);
    sink.answer_rcpt("postmaster@example.com", &["552 5.2.2 mailbox full"]);
    let office = Office::open(settings(&format!("smtp://{}", sink.address()), None, None));
    office.post("ann@example.com", "patience").await;
    for answer in &answers[..3] {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let mails = office.store.list_mail().await.expect("list");
            if mails
                .iter()
                .any(|mail| mail.error.as_deref() == Some(answer))
            {
                break;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{answer}: {mails:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        office.advance(SignedDuration::from_mins(16));
    }
    sink.wait_for(1).await;
    office.wait_for(0, 0).await;
    // No such user: the admin. He has no room: it stays, and is seen.
    office.post("gone@example.com", "never").await;
    let stuck = office.wait_for(0, 1).await.remove(0);
    assert!(
        stuck
            .error
            .as_deref()
            .is_some_and(|error| error.contains("mailbox full"))
    );
    assert!(String::from_utf8_lossy(&stuck.mail.bytes).contains("550 5.1.1 no such user"));
    // What went to an admin who is none any more goes to nobody else: it would go round.
    let id = World::real().message_id();
    let last = OutMail {
        id,
        recipient: "gone@example.com".into(),
        last_resort: true,
        ..stuck.mail.clone()
    };
    let put = office.store.put(office.clock.now(), Vec::new(), vec![last]);
    put.await.expect("room");
    let stuck = office.wait_for(0, 2).await;
    assert!(stuck.iter().any(|mail| mail.mail.id == id));
    // An address beyond ASCII, and an MTA that takes none: for good, with the reason.
    office.post("jos\u{e9}@example.com", "unicode").await;
    let stuck = office.wait_for(0, 3).await;
    let said = |mail: &sms_milter::store::QueuedMail| {
        let parsed = mail_parser::MessageParser::new().parse(&mail.mail.bytes);
        let text = parsed.and_then(|parsed| Some(parsed.body_text(0)?.into_owned()));
        text.is_some_and(|text| text.contains("SMTPUTF8"))
    };
    assert_eq!(stuck.iter().filter(|mail| said(mail)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_beyond_ascii_goes_to_a_postfix_that_takes_it() {
    let mta = Mta::start(
        Kind::Postfix,
        &[
            "--milter",
            "none",
            "--main",
            "smtputf8_enable = yes",
            "--alias",
            "jos\u{e9} bob@example.com",
        ],
    );
    let office = Office::open(settings(&format!("smtp://{}", mta.inject()), None, None));
    office.post("jos\u{e9}@example.com", "unicode").await;
    mta.mail("bob", |mail| mail.contains("unicode"));
    office.wait_for(0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_mail_and_its_settlement_sends_the_same_mail_again() {
    let sink = SmtpSink::start().await;
    let link = "gateways: [{ id: web, type: http, url: \"http://127.0.0.1:9/?to=%number%&text=%data%\", secret: s3cret }]\n\
                incoming: { default: ann.smith@example.com }\n";
    let place = Place::new(sink.address(), link);
    let product = place.start();
    // It has the mail, and does not say so before the kill.
    sink.at_dot(AtDot::TakeSlowly(PATIENCE * 10));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sms = reqwest::Client::new()
        .post(format!("http://{}/hooks/web", product.web))
        .bearer_auth("s3cret")
        .header("Content-Type", "application/json")
        .body(r#"{ "from": "+15551234567", "text": "Only once?" }"#);
    assert_eq!(sms.send().await.expect("an answer").status(), 200);
    sink.wait_for(1).await;
    product.kill();
    let product = place.start();
    let mails = sink.wait_for(2).await;
    assert_eq!(mails[0], mails[1], "the same mail, Message-ID and all");
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
    assert_eq!(sink.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dovecot_takes_it_by_lmtp() {
    let dovecot = Dovecot::start(None);
    let socket = dovecot.socket().display().to_string();
    for (target, text) in [
        (format!("lmtp://{}", dovecot.address()), "by TCP"),
        (format!("lmtp+unix:{socket}"), "by a socket"),
        (format!("lmtp:unix:{socket}"), "as Postfix writes it"),
    ] {
        let office = Office::open(settings(&target, None, None));
        for part in ["one", "two"] {
            office
                .post("bob@example.com", &format!("{part} {text}"))
                .await;
            dovecot.mail("bob", |mail| mail.contains(&format!("{part} {text}")));
        }
        office.wait_for(0, 0).await;
        assert_eq!(
            inject::probe(&settings(&target, None, None)).await,
            Ok("greets")
        );
    }
    assert_eq!(dovecot.mails("bob").len(), 6);
    // Not its user: the admin, with its words.
    let office = Office::open(settings(&format!("unix:{socket}"), None, None));
    office.post("carol@example.org", "for carol").await;
    let told = dovecot.mail("postmaster", |mail| mail.contains("for carol"));
    assert!(told.contains("550 5.1.1"), "{told}");
    office.wait_for(0, 0).await;
    // An address that it does not take.
    office.post("jos\u{e9}@example.com", "unicode").await;
    dovecot.mail("postmaster", |mail| mail.contains("unicode"));
    office.wait_for(0, 0).await;
    // The other protocol: mails wait, and it is said.
    let mut office = Office::open(settings(&format!("smtp+unix:{socket}"), None, None));
    office.post("bob@example.com", "not yet").await;
    let why = office
        .trouble(|trouble| matches!(trouble, Trouble::Down(_)))
        .await;
    assert!(why.contains("it may speak LMTP: write lmtp://"), "{why}");
    office.wait_for(1, 0).await;
}
