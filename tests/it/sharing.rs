//! The dispatcher with several gateways: who gets how much, and what each may send.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sms_milter::gateway::{
    Common, Concatenation, Concern, Events, Gateway, Health, Limits, OnUnknown, Outcome, Refusal,
    Status, Submission,
};
use sms_milter::outbound::dispatch::Dispatcher;
use sms_milter::outbound::{Outbound, limits, notify};
use sms_milter::sms::{Encoding, MessageId, Number};
use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{Message, PartState, State, Store};
use sms_milter::world::World;
use tokio::sync::{Notify, watch};

use crate::sim::product::{PATIENCE, Place};
use crate::store::make;

/// A gateway that answers by itself, as its plan says.
struct Auto {
    common: Common,
    status: watch::Sender<Status>,
    sim: Mutex<Option<String>>,
    took: Mutex<Vec<MessageId>>,
    /// What it says first; then it takes everything.
    plan: Mutex<Vec<Outcome>>,
    /// How long it is about it.
    slow: Duration,
}

impl Auto {
    fn new(id: &str, limits: Limits, slow: Duration) -> Arc<Self> {
        Arc::new(Self {
            common: Common {
                id: id.into(),
                active: true,
                number: None,
                concat: Concatenation::Udh,
                on_unknown: OnUnknown::RetryOnce,
                unknown_wait: PATIENCE,
                receipts: Default::default(),
                window: 1,
                throughput: None,
                limits,
                rates: Vec::new(),
                from: None,
                carries: Default::default(),
            },
            status: watch::Sender::new(Status::Up),
            sim: Mutex::new(None),
            took: Mutex::default(),
            plan: Mutex::default(),
            slow,
        })
    }

    fn took(&self) -> Vec<MessageId> {
        self.took.lock().expect("took").clone()
    }
}

#[async_trait]
impl Gateway for Auto {
    fn common(&self) -> &Common {
        &self.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn health(&self) -> Health {
        Health {
            sim: self.sim.lock().expect("sim").clone(),
            ..Health::default()
        }
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        tokio::time::sleep(self.slow).await;
        if *self.status.borrow() != Status::Up {
            return Outcome::Refused {
                class: Refusal::Link,
                reason: "unplugged".into(),
            };
        }
        let planned = {
            let mut plan = self.plan.lock().expect("plan");
            (!plan.is_empty()).then(|| plan.remove(0))
        };
        if let Some(outcome) = planned {
            return outcome;
        }
        self.took.lock().expect("took").push(submission.id);
        Outcome::Accepted(Some(submission.id.to_string()))
    }

    async fn run(self: Arc<Self>, _: Events, _: watch::Receiver<bool>) {}
}

/// The dispatcher at work.
struct Bench {
    store: Arc<SledStore>,
    outbound: Arc<Outbound>,
    stop: watch::Sender<bool>,
    _place: Place,
}

impl Bench {
    fn start(gateways: &[Arc<Auto>]) -> Self {
        let sink = "127.0.0.1:9".parse().expect("an address");
        let place = Place::new(sink, "gateways: [{ id: hand, type: simulated }]");
        let settings = sms_milter::config::load(&place.config()).expect("a configuration");
        let store = SledStore::open(&Settings {
            path: place.path().join("bench"),
            largest: 1 << 20,
            reserve: Some(1),
        })
        .expect("a store");
        let writer = notify::Writer {
            letterhead: settings.letterhead.clone(),
            envelope_from: String::new(),
            admin: "postmaster@example.com".into(),
            programs: Default::default(),
            speech: Default::default(),
        };
        let outbound = Outbound::new(
            settings.planner(),
            settings.queue.clone(),
            store.clone(),
            World::real(),
            writer,
            Arc::new(Notify::new()),
            Arc::new(Notify::new()),
        );
        let (stop, stopped) = watch::channel(false);
        let lanes: Vec<Arc<dyn Gateway>> = gateways.iter().map(|g| g.clone() as _).collect();
        tokio::spawn(Dispatcher::new(outbound.clone(), lanes, vec![]).run(stopped));
        Self {
            store,
            outbound,
            stop,
            _place: place,
        }
    }

    async fn queue(&self, numbers: std::ops::Range<u64>) {
        let messages = numbers.map(|n| make::new(message(n), &[])).collect();
        let taken = self.store.put(World::real().now(), messages, vec![]).await;
        taken.expect("taken");
        self.outbound.wake();
    }

    /// Waits until so many are in that state.
    async fn wait(&self, state: State, count: u64) {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let counts = self.store.counts().await.expect("counts");
                if counts.messages.get(&state).copied().unwrap_or(0) == count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        if waited.await.is_err() {
            panic!("{:?}", self.store.counts().await);
        }
    }

    /// The subjects of the mails to the admin.
    async fn alarms(&self) -> Vec<String> {
        let mails = self.store.list_mail().await.expect("mails");
        let to_admin = mails
            .iter()
            .filter(|m| m.mail.recipient == "postmaster@example.com");
        let subject = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let line = text.lines().find_map(|l| l.strip_prefix("Subject: "));
            line.expect("a subject").to_owned()
        };
        to_admin.map(|m| subject(&m.mail.bytes)).collect()
    }
}

impl Bench {
    /// Waits until the admin was mailed so often.
    async fn told(&self, count: usize) {
        let told = async {
            while self.alarms().await.len() < count {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told)
            .await
            .expect("an alarm");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn message(n: u64) -> Message {
    let now = World::real().now();
    Message {
        created: now,
        next_attempt: now,
        expires: now + jiff::SignedDuration::from_hours(1),
        number: Number::from_network(&format!("+1555{n:07}")).expect("number"),
        text: "hello".into(),
        encoding: Encoding::Gsm7,
        segments: 1,
        gateways: vec![],
        parts: vec![],
        confirm: false,
        ..make::message(n)
    }
}

fn four(slow: u64) -> Vec<Arc<Auto>> {
    let slow = Duration::from_millis(slow);
    let gateway = |id: &&str| Auto::new(id, Limits::default(), slow);
    ["a", "b", "c", "d"].iter().map(gateway).collect()
}

fn limited(id: &str, day: u32) -> Arc<Auto> {
    Auto::new(id, Limits { day, month: 0 }, Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread")]
async fn four_gateways_share_a_thousand_messages_evenly() {
    let gateways = four(2);
    let bench = Bench::start(&gateways);
    bench.queue(0..1000).await;
    bench.wait(State::Sent, 1000).await;
    let took: Vec<usize> = gateways.iter().map(|g| g.took().len()).collect();
    assert_eq!(took.iter().sum::<usize>(), 1000);
    assert!(took.iter().all(|n| (215..=285).contains(n)), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_with_little_to_do_take_turns() {
    let gateways = four(0);
    let bench = Bench::start(&gateways);
    for n in 0..20 {
        bench.queue(n..n + 1).await;
        bench.wait(State::Sent, n + 1).await;
    }
    let took: Vec<usize> = gateways.iter().map(|g| g.took().len()).collect();
    assert_eq!(took, [5; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_gateways_leave_the_others_send() {
    let gateways = four(2);
    let bench = Bench::start(&gateways);
    bench.queue(0..1000).await;
    let enough = async {
        while gateways.iter().map(|g| g.took().len()).sum::<usize>() < 300 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough)
        .await
        .expect("a third of it");
    for gateway in &gateways[..2] {
        gateway
            .status
            .send_replace(Status::Down("unplugged".into()));
    }
    bench.wait(State::Sent, 1000).await;
    let took: Vec<MessageId> = gateways.iter().flat_map(|g| g.took()).collect();
    let once: HashSet<_> = took.iter().copied().collect();
    assert_eq!((took.len(), once.len()), (1000, 1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_sends_no_more_than_its_limit() {
    let (small, large) = (limited("small", 3), limited("large", 0));
    let bench = Bench::start(&[small.clone(), large.clone()]);
    bench.queue(0..20).await;
    bench.wait(State::Sent, 20).await;
    assert_eq!((small.took().len(), large.took().len()), (3, 17));
    let planner = bench.outbound.planner();
    let access = &planner.access;
    let today = access.day(World::real().now());
    let used = bench.store.used(&limits::account(&*small), &today).await;
    assert_eq!(used, Ok(3));
    bench.told(1).await;
    let subjects = bench.alarms().await;
    assert_eq!(subjects, ["SMS gateway small has used up its limit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_does_not_count() {
    let gateway = limited("small", 2);
    let busy = Outcome::Refused {
        class: Refusal::Later {
            after: Some(Duration::from_millis(10)),
            counts: false,
        },
        reason: "busy".into(),
    };
    *gateway.plan.lock().expect("plan") = vec![busy.clone(), busy.clone(), busy];
    let bench = Bench::start(std::slice::from_ref(&gateway));
    bench.queue(0..2).await;
    bench.wait(State::Sent, 2).await;
    assert_eq!(gateway.took().len(), 2);
}

/// The limit is the SIM's: what waits for the next day goes when another SIM is put in.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_next_day_goes_by_another_sim() {
    let gateway = limited("hall", 2);
    *gateway.sim.lock().expect("sim") = Some("89490200000000011234".into());
    let bench = Bench::start(std::slice::from_ref(&gateway));
    bench.queue(0..3).await;
    bench.wait(State::Sent, 2).await;
    bench.wait(State::Queued, 1).await;
    bench.told(1).await;
    *gateway.sim.lock().expect("sim") = Some("89490200000000099999".into());
    // A modem that got another SIM comes up anew.
    gateway.status.send_replace(Status::Up);
    bench.wait(State::Sent, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_not_sent_again() {
    let gateway = limited("hall", 0);
    *gateway.plan.lock().expect("plan") = vec![Outcome::Unknown("silence".into())];
    let bench = Bench::start(std::slice::from_ref(&gateway));
    bench.queue(0..1).await;
    bench.wait(State::Sending, 1).await;
    let id = message(0).id;
    let waits = async {
        loop {
            let found = bench.store.find(id).await.expect("found").expect("kept");
            if matches!(found.parts[0].state, PartState::Unknown { .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waits)
        .await
        .expect("an unknown outcome");
    bench.outbound.late("hall", id, 0, "17:1234567").await;
    bench.wait(State::Sent, 1).await;
    assert!(gateway.took().is_empty());
    let named = bench.store.by_reference("hall", "17:1234567").await;
    assert!(!named.expect("read").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_told_once_for_each_concern() {
    let gateway = limited("hall", 0);
    let bench = Bench::start(&[]);
    let alarms = &bench.outbound.alarms;
    for _ in 0..3 {
        alarms
            .raise("hall", Concern::Storage, "19 of 20 places are used")
            .await;
        alarms.raise("hall", Concern::Parked, "no SIM").await;
    }
    assert_eq!(bench.alarms().await.len(), 2);
    alarms
        .raise("hall", Concern::Parked, "the PIN is wrong")
        .await;
    assert_eq!(bench.alarms().await.len(), 3);
    alarms.over("hall", Concern::Storage).await;
    alarms
        .raise("hall", Concern::Storage, "20 of 20 places are used")
        .await;
    assert_eq!(bench.alarms().await.len(), 4);
    // The states of gateways become alarms by themselves.
    let watched: Vec<Arc<dyn Gateway>> = vec![gateway.clone()];
    let (stop, stopped) = watch::channel(false);
    let watching = tokio::spawn(alarms.clone().watch(watched, stopped));
    gateway
        .status
        .send_replace(Status::Parked("no antenna".into()));
    bench.told(5).await;
    stop.send_replace(true);
    watching.await.expect("an end");
}
