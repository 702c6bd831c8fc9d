//! The inbound path in a house of its own: the test is the gateway, the store is real, the MTA records.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sms_milter::access::{People, Policy, User};
use sms_milter::gateway::Event;
use sms_milter::inbound::{Inbound, Line, OnConflict, Settings, optout};
use sms_milter::mail::inject::{self, Fallback, Injector, Target};
use sms_milter::sms::{Class, Concat, Encoding, MessageId, Number, Party};
use sms_milter::store::sled::{Settings as StoreSettings, SledStore};
use sms_milter::store::{
    Content, Dedupe, Filter, InboundState, Kept, Link, Message, NewMessage, Origin, Part,
    PartState, Received, State, Store,
};
use sms_milter::web::post::Programs;
use sms_milter::world::{Clock, World};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;

use crate::sim::patience::PATIENCE;
use crate::sim::smtp_sink::SmtpSink;

pub const PHONE: &str = "+15551234567";
pub const OURS: &str = "+15550002222";
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A clock that all but stands still until it is told: it ticks a millisecond whenever someone looks,
/// so that what came first is the older.
pub struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock().expect("lock");
        *now += SignedDuration::from_millis(1);
        *now
    }
}

impl Still {
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().expect("lock") += by;
    }
}

/// The inbound path between a gateway that is the test and an MTA that records.
pub struct House {
    dir: tempfile::TempDir,
    pub clock: Arc<Still>,
    world: World,
    pub sink: SmtpSink,
    settings: Settings,
    pub deadline: Duration,
    /// What must be free for anything new.
    pub reserve: u64,
    running: Option<Running>,
    sent: u64,
}

struct Running {
    store: Arc<SledStore>,
    inbound: Arc<Inbound>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl House {
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let mut house = Self::closed(settings).await;
        house.open();
        house
    }

    pub async fn closed(settings: Settings) -> Self {
        let start = "2026-11-20T10:00:00Z".parse().expect("time");
        let clock = Arc::new(Still(Mutex::new(start)));
        let world = World {
            clock: clock.clone(),
            ..World::real()
        };
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            clock,
            world,
            sink: SmtpSink::start().await,
            settings,
            deadline: Duration::from_secs(20),
            reserve: 0,
            running: None,
            sent: 0,
        }
    }

    /// The same with an SMS in the store that nobody has looked at yet.
    pub async fn open_with(&mut self, received: Received) {
        let store = StoreSettings {
            path: self.dir.path().join("store"),
            largest: 1 << 20,
            reserve: Some(0),
        };
        let store = SledStore::open(&store).expect("the store opens");
        let kept = store.keep_inbound(self.now(), self.world.message_id(), received);
        assert_eq!(kept.await.expect("room"), Kept::New);
        assert!(Arc::into_inner(store).is_some(), "nobody holds the store");
        self.open();
    }

    pub fn open(&mut self) {
        self.open_at(self.sink.address());
    }

    /// The same with an MTA that is not the sink, yet.
    pub fn open_at(&mut self, address: SocketAddr) {
        let path = self.dir.path().join("store");
        let store = StoreSettings {
            path,
            largest: 1 << 20,
            reserve: Some(self.reserve),
        };
        let store = SledStore::open(&store).expect("the store opens");
        let inject = inject::Settings {
            target: Target::parse(&format!("smtp://{address}")).expect("a target"),
            login: None,
            ca: None,
            hello: "mail.example.com".to_owned(),
            deadline: self.deadline,
            fallback: Fallback {
                default: self.settings.default.clone(),
                admin: self.settings.admin.clone(),
                from: self.settings.mail_from.clone(),
                words: Default::default(),
            },
        };
        let bell = Arc::new(Notify::new());
        let world = || self.world.clone();
        let programs = Programs::new(HashMap::new(), world()).expect("programs");
        let injector = Injector::new(
            inject,
            Arc::new(programs),
            store.clone(),
            world(),
            bell.clone(),
        );
        let inbound = Inbound::new(
            self.settings.clone(),
            store.clone(),
            world(),
            bell,
            Arc::new(Notify::new()),
            Default::default(),
        );
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(injector.run(stopped.clone())),
            tokio::spawn(inbound.clone().run(stopped)),
        ];
        self.running = Some(Running {
            store,
            inbound,
            stop,
            tasks,
        });
    }

    /// Ends in order and lets go of the store.
    pub async fn close(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop.send(true).expect("someone listens");
        for task in running.tasks {
            task.await.expect("the task ended well");
        }
        assert!(
            Arc::into_inner(running.inbound).is_some(),
            "nobody holds the path"
        );
        assert!(
            Arc::into_inner(running.store).is_some(),
            "nobody holds the store"
        );
    }

    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub fn store(&self) -> &Arc<SledStore> {
        &self.running.as_ref().expect("it runs").store
    }

    /// What a gateway does with something that arrived; `None`: not acknowledged.
    pub async fn receive(&self, received: Received) -> Option<Kept> {
        let (kept, answer) = oneshot::channel();
        let event = Event::Received {
            received: Box::new(received),
            kept,
        };
        self.running
            .as_ref()
            .expect("it runs")
            .inbound
            .receive(event)
            .await;
        answer.await.ok()
    }

    pub async fn sms(&mut self, text: &str) {
        self.part(text, None).await;
    }

    pub async fn part(&mut self, text: &str, concat: Option<Concat>) {
        let from = Party::Number(number(PHONE));
        let received = self.received(from, text, concat);
        assert_eq!(self.receive(received).await, Some(Kept::New));
    }

    pub fn received(&mut self, from: Party, text: &str, concat: Option<Concat>) -> Received {
        self.sent += 1;
        let content = Content::Sms {
            from,
            to: None,
            text: text.to_owned(),
            binary: None,
            concat,
            marks: sms_milter::sms::Marks::default(),
            sent: Some(self.world.now()),
        };
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.sent.to_be_bytes());
        Received {
            gateway: "hall".to_owned(),
            at: self.world.now(),
            dedupe: Some(Dedupe {
                key,
                until: self.world.now() + HOUR * 24,
            }),
            raw: text.as_bytes().to_vec(),
            content,
        }
    }

    /// `sender` writes an SMS to the phone.
    pub async fn wrote(&self, sender: &str, message_id: &str, subject: &str) {
        let now = self.world.now();
        let id = self.world.message_id();
        let store = self.store();
        let new = NewMessage {
            original: None,
            message: message(id, now),
            dedupe: Vec::new(),
            watch: Default::default(),
        };
        store.put(now, vec![new], Vec::new()).await.expect("put");
        let mut message = store.find(id).await.expect("find").expect("the message");
        message.state = State::Sending;
        let state = PartState::Handed {
            gateway: "hall".to_owned(),
            at: now,
        };
        message.parts = vec![Part {
            state,
            ..Part::new("hi".to_owned())
        }];
        let link = Link {
            ours: Some(number(OURS)),
            gateway: Some("hall".to_owned()),
            thread: Default::default(),
            phone: number(PHONE),
            sender: sender.to_owned(),
            message_id: Some(message_id.to_owned()),
            subject: subject.to_owned(),
            at: now,
        };
        store
            .begin_attempt(now, message, Some(link), vec![])
            .await
            .expect("begin");
    }

    /// The SMS that were sent back.
    pub async fn questions(&self) -> Vec<Message> {
        let filter = Filter {
            states: vec![State::Queued],
            ..Filter::default()
        };
        let mut all = self.store().list(filter).await.expect("list");
        all.retain(|message| message.text == self.settings.conflict_text);
        all
    }

    pub async fn states(&self) -> Vec<InboundState> {
        let mut rows = self.store().list_inbound(0).await.expect("list");
        rows.sort_by_key(|row| row.id);
        rows.into_iter().map(|row| row.state).collect()
    }

    /// Waits until the received SMS stand so, oldest first.
    pub async fn wait_for_states(&self, expected: &[InboundState]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let states = self.states().await;
            if states == expected {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{expected:?} were waited for, they are {states:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until no mail waits but those that are stuck; these are they.
    pub async fn wait_for_mail(&self, waiting: usize, stuck: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mails = self.store().list_mail().await.expect("list");
            let (late, tried): (Vec<_>, Vec<_>) = mails.iter().partition(|m| m.undeliverable);
            let tried = tried.iter().filter(|m| m.attempts > 0).count() == waiting;
            if tried && mails.len() == waiting + stuck && late.len() == stuck {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{waiting} waiting and {stuck} stuck mails were waited for, not {mails:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn number(text: &str) -> Number {
    Number::from_network(text).expect("a number")
}

fn message(id: MessageId, now: Timestamp) -> Message {
    Message {
        id,
        revision: 0,
        created: now,
        origin: Origin::default(),
        account: "ann@example.com".to_owned(),
        reply_to: None,
        charge: None,
        number: number(PHONE),
        text: "hi".to_owned(),
        payload: None,
        attributes: sms_milter::sms::Attributes::default(),
        encoding: Encoding::Gsm7,
        shifts: sms_milter::sms::Shifts::default(),
        segments: 1,
        reference: 7,
        flash: false,
        confirm: false,
        private: false,
        class: Class::Normal,
        high: false,
        sender_id: None,
        gateways: Vec::new(),
        in_order: false,
        avoided: Vec::new(),
        state: State::Queued,
        begun: None,
        parts: Vec::new(),
        attempts: 0,
        not_before: None,
        next_attempt: now,
        expires: now + HOUR,
        warned: false,
        awaited: None,
        error: None,
        refused_by: None,
    }
}

pub fn settings() -> Settings {
    let person = |email: &str, nickname: &str| User {
        nickname: Some(nickname.to_owned()),
        ..User::new(email, Policy::default())
    };
    let line = Line {
        number: Some(number(OURS)),
        ..Line::default()
    };
    Settings {
        email_tags: true,
        relay: Vec::new(),
        nicknames: true,
        strip_nickname: true,
        reply_window: Duration::from_secs(3 * 24 * 3600),
        on_conflict: OnConflict::Ask,
        conflict_text: "Whom do you mean? Start with #name#".to_owned(),
        join_wait: Duration::from_secs(3600),
        concat_window: Duration::ZERO,
        opt_out: optout::Settings {
            words: optout::words::Words::new(&["es".to_owned()], &[], &[]),
            text: Some("no more".to_owned()),
            start_text: Some("again".to_owned()),
        },
        default: Some("reception@example.com".to_owned()),
        rules: Vec::new(),
        domains: vec![
            ("example.com".to_owned(), "sms.example.com".to_owned()),
            ("example.org".to_owned(), "sms.example.org".to_owned()),
        ],
        people: Arc::new(People::new(vec![
            person("ann@example.com", "ann"),
            person("bob@example.org", "bob"),
        ])),
        directories: Arc::default(),
        gateways: HashMap::from([("hall".to_owned(), line)]),
        speech: sms_milter::mail::words::Speech::default(),
        hostname: "mail.example.com".to_owned(),
        admin: "postmaster@example.com".to_owned(),
        mail_from: "sms@example.com".to_owned(),
        envelope_from: String::new(),
    }
}

pub fn part(reference: u16, part: u8, parts: u8) -> Option<Concat> {
    Some(Concat {
        reference,
        wide: false,
        part,
        parts,
    })
}
