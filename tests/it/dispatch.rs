//! The dispatcher against a gateway that answers when the test says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sms_milter::gateway::{
    Body, Carries, Common, Concatenation, Events, Gateway, OnUnknown, Outcome, Refusal, Status,
    Submission,
};
use sms_milter::outbound::dispatch::Dispatcher;
use sms_milter::outbound::{Outbound, notify};
use sms_milter::sms::{Class, Encoding, Language, Receipt, Shifts};
use sms_milter::store::sled::{OpenError, Settings, SledStore};
use sms_milter::store::{
    Kept, Message, PartState, Queue, QueuedMail, Report, State, Store, StoreError,
};
use sms_milter::world::World;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::sim::patience::reached;
use crate::sim::product::{PATIENCE, Place};
use crate::store::make;

/// Hands each submission to the test, which answers it.
pub struct Hand {
    pub common: Common,
    /// It knows beforehand what the network will call a submission, and hands receipts on: as a modem.
    pub foretells: bool,
    status: watch::Sender<Status>,
    submitted: mpsc::Sender<(Submission, oneshot::Sender<Outcome>)>,
}

#[async_trait]
impl Gateway for Hand {
    fn common(&self) -> &Common {
        &self.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn foretell(&self, submission: &Submission) -> Option<String> {
        self.foretells.then(|| submission.reference.to_string())
    }

    fn reports(&self) -> bool {
        self.foretells
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.submitted
            .send((submission, answer))
            .await
            .expect("a test");
        match answered.await {
            Ok(outcome) => outcome,
            // A gateway that never answers.
            Err(_) => std::future::pending().await,
        }
    }

    async fn run(self: Arc<Self>, _: Events, _: watch::Receiver<bool>) {}
}

/// How a gateway differs.
type Change = Box<dyn FnOnce(&mut Hand)>;

/// The dispatcher at work.
pub struct Bench {
    pub store: Arc<SledStore>,
    pub outbound: Arc<Outbound>,
    hand: Arc<Hand>,
    /// A second gateway, `other`, for tests that ask for it.
    other: Option<Arc<Hand>>,
    pub submitted: mpsc::Receiver<(Submission, oneshot::Sender<Outcome>)>,
    running: JoinHandle<Result<(), StoreError>>,
    stop: watch::Sender<bool>,
    place: Place,
}

impl Bench {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// With a gateway that takes long texts so, and sends national tables or not.
    fn start_with(concat: Concatenation, tables: bool) -> Self {
        Self::with(|hand| {
            hand.common.concat = concat;
            hand.common.carries.tables = tables;
        })
    }

    pub fn with(change: impl FnOnce(&mut Hand)) -> Self {
        Self::at(Self::place(), change, None)
    }

    /// Two gateways, `hand` and `other`, that take one message at a time.
    fn pair() -> Self {
        let narrow = |number: &str| {
            let number = sms_milter::sms::Number::from_network(number);
            move |hand: &mut Hand| {
                hand.common.number = number;
                hand.common.window = 1;
            }
        };
        let other = Box::new(narrow("+15550000002"));
        Self::at(Self::place(), narrow("+15550000001"), Some(other))
    }

    fn place() -> Place {
        let sink = "127.0.0.1:9".parse().expect("an address");
        Place::new(
            sink,
            "queue: { warn_after: 1h }\ngateways: [{ id: hand, type: simulated }]",
        )
    }

    fn at(place: Place, change: impl FnOnce(&mut Hand), other: Option<Change>) -> Self {
        let store = Settings {
            path: place.path().join("bench"),
            largest: 1 << 20,
            reserve: Some(1),
        };
        let deadline = Instant::now() + PATIENCE;
        let store = loop {
            match SledStore::open(&store) {
                // The one before lets go of it when the last of its tasks is gone.
                Err(OpenError::Locked { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                store => break store.expect("a store"),
            }
        };
        let outbound = outbound(&place, store.clone());
        let (submitted, to_test) = mpsc::channel(16);
        let hand = |id: &str| Hand {
            common: Common {
                id: id.into(),
                active: true,
                number: None,
                concat: Concatenation::Udh,
                on_unknown: OnUnknown::Report,
                unknown_wait: PATIENCE,
                receipts: Default::default(),
                window: 10,
                throughput: None,
                limits: Default::default(),
                rates: Vec::new(),
                from: None,
                carries: Carries {
                    tables: true,
                    ..Carries::default()
                },
            },
            foretells: false,
            status: watch::Sender::new(Status::Up),
            submitted: submitted.clone(),
        };
        let other = other.map(|change| {
            let mut other = hand("other");
            change(&mut other);
            Arc::new(other)
        });
        let mut first = hand("hand");
        change(&mut first);
        let hand = Arc::new(first);
        let (stop, stopped) = watch::channel(false);
        let all = [Some(hand.clone()), other.clone()].into_iter().flatten();
        let all = all.map(|hand| hand as Arc<dyn Gateway>).collect();
        let dispatcher = Dispatcher::new(outbound.clone(), all, vec![]);
        Self {
            running: tokio::spawn(dispatcher.run(stopped)),
            store,
            outbound,
            hand,
            other,
            submitted: to_test,
            stop,
            place,
        }
    }

    /// Another who tells senders, with a store of the test's around this one.
    pub fn teller(&self, store: Arc<dyn Store>) -> Arc<Outbound> {
        outbound(&self.place, store)
    }

    /// Another process on the same store. What is with the gateway stays unanswered.
    pub async fn restart(self, change: impl FnOnce(&mut Hand)) -> Self {
        drop(self.submitted);
        self.running.abort();
        let _ = self.running.await;
        drop((self.stop, self.outbound, self.hand, self.other, self.store));
        Self::at(self.place, change, None)
    }

    /// No attempt is open any more.
    pub async fn stop(&mut self) {
        self.stop.send_replace(true);
        let stopped = (&mut self.running).await;
        stopped.expect("no panic").expect("a store");
    }

    pub async fn receipt(&self, reference: &str, receipt: Receipt) -> Option<Kept> {
        self.outbound.receipt(report(reference, receipt)).await
    }

    pub async fn find(&self, message: &Message) -> Message {
        let found = self.store.find(message.id).await.expect("found");
        found.expect("kept")
    }

    /// The message once it is as it should be.
    pub async fn until(&self, message: &Message, is: impl Fn(&Message) -> bool) -> Message {
        let reached = async {
            loop {
                let found = self.find(message).await;
                if is(&found) {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("a state")
    }

    pub async fn mails(&self) -> Vec<String> {
        let mails = self.store.list_mail().await.expect("mails");
        let text = |mail: &QueuedMail| String::from_utf8_lossy(&mail.mail.bytes).into_owned();
        mails.iter().map(text).collect()
    }

    /// Nothing more is handed over, as far as anyone can see who looks at all that is due.
    async fn none_is_next(&mut self) {
        reached("nothing is due", async || {
            let due = self.store.next_due(Queue::Messages);
            due.is_none_or(|due| due > World::real().now())
        })
        .await;
        assert!(self.submitted.try_recv().is_err());
    }

    /// Waits until one waits for its gateway.
    async fn one_is_parked(&self) {
        let parked = async {
            while self.store.parked().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        let parked = tokio::time::timeout(PATIENCE, parked).await;
        parked.expect("it waits");
    }

    pub async fn queue(&self, message: Message) {
        let now = message.created;
        let new = make::new(message, &[]);
        let taken = self.store.put(now, vec![new], Vec::new()).await;
        taken.expect("taken");
        self.outbound.wake();
    }

    /// The next submission and its answer's sender.
    pub async fn next(&mut self) -> (Submission, oneshot::Sender<Outcome>) {
        let next = tokio::time::timeout(PATIENCE, self.submitted.recv()).await;
        next.expect("in time").expect("a dispatcher")
    }

    /// The message once it is final.
    pub async fn end_of(&self, message: &Message) -> Message {
        self.until(message, |found| found.state.is_final()).await
    }
}

fn outbound(place: &Place, store: Arc<dyn Store>) -> Arc<Outbound> {
    let settings = sms_milter::config::load(&place.config()).expect("a configuration");
    let writer = notify::Writer {
        letterhead: settings.letterhead.clone(),
        envelope_from: String::new(),
        admin: "postmaster@example.com".into(),
        programs: Default::default(),
        speech: Default::default(),
    };
    Outbound::new(
        settings.planner(),
        settings.queue.clone(),
        store,
        World::real(),
        writer,
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
    )
}

pub fn report(reference: &str, receipt: Receipt) -> Report {
    Report {
        gateway: "hand".into(),
        reference: reference.into(),
        phones: Vec::new(),
        receipt,
        submitted: None,
        at: None,
    }
}

/// A short message to the phone of that name.
pub fn short(n: u64, phone: u64) -> Message {
    let now = World::real().now();
    Message {
        created: now,
        next_attempt: now,
        expires: now + jiff::SignedDuration::from_hours(1),
        text: format!("text {n}"),
        encoding: Encoding::Gsm7,
        gateways: vec!["hand".into()],
        reference: n as u8,
        number: make::phone(phone),
        confirm: false,
        parts: vec![],
        ..make::message(n)
    }
}

pub fn long_message() -> Message {
    let now = World::real().now();
    Message {
        created: now,
        next_attempt: now,
        expires: now + jiff::SignedDuration::from_hours(1),
        text: "a".repeat(450),
        encoding: Encoding::Gsm7,
        shifts: Shifts::default(),
        segments: 3,
        gateways: vec!["hand".into()],
        ..make::message(1)
    }
}

pub fn accepted(reference: &str) -> Outcome {
    Outcome::Accepted(Some(reference.into()))
}

/// What a submission is, in short.
fn shown(body: &Body) -> String {
    match body {
        Body::Segment(s) => {
            let table = s.shifts.locking.map_or("-", Language::name);
            let part = s
                .concat
                .map_or("alone".into(), |c| format!("{}/{}", c.part, c.parts));
            format!("{} {table} {} {part}", s.encoding.name(), s.units)
        }
        Body::Whole {
            text,
            encoding,
            segments,
        } => format!(
            "{} {} characters, {segments} segments",
            encoding.name(),
            text.chars().count()
        ),
        Body::Binary { .. } => "binary".into(),
    }
}

/// A message that was planned with national tables goes with them, and by a gateway that has none (it
/// was configured later) as UCS-2, cut anew: never as something that a phone reads wrong.
#[tokio::test(flavor = "multi_thread")]
async fn tables_go_only_where_they_are_sent() {
    use Concatenation::{Numbered, Provider, Udh};
    for (concat, tables, expected) in [
        (
            Udh,
            true,
            vec!["gsm7 turkish 149 1/2", "gsm7 turkish 51 2/2"],
        ),
        (
            Udh,
            false,
            vec!["ucs2 - 67 1/3", "ucs2 - 67 2/3", "ucs2 - 66 3/3"],
        ),
        (Provider, true, vec!["ucs2 200 characters, 3 segments"]),
        (
            Numbered,
            true,
            vec![
                "ucs2 - 70 alone",
                "ucs2 - 70 alone",
                "ucs2 - 70 alone",
                "ucs2 - 14 alone",
            ],
        ),
    ] {
        let mut bench = Bench::start_with(concat, tables);
        let message = Message {
            text: "ş".repeat(200),
            shifts: Shifts {
                locking: Some(Language::Turkish),
                single: None,
            },
            segments: 2,
            ..long_message()
        };
        bench.queue(message.clone()).await;
        let mut found = Vec::new();
        for _ in &expected {
            let (submission, answer) = bench.next().await;
            found.push(shown(&submission.body));
            let reference = format!("r{}", submission.part);
            answer.send(accepted(&reference)).expect("a dispatcher");
        }
        assert_eq!(found, expected);
        assert_eq!(bench.end_of(&message).await.state, State::Sent);
    }
}

/// A receipt for the first part comes while the second is with the gateway: what the gateway then says
/// of the second is not forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_does_not_hide_the_outcome_of_another_part() {
    let never = Outcome::Refused {
        class: Refusal::Never,
        reason: "barred".into(),
    };
    for (outcome, expected) in [(never, State::Failed), (accepted("r1"), State::Sent)] {
        let mut bench = Bench::start();
        let message = long_message();
        bench.queue(message.clone()).await;
        let (_, first) = bench.next().await;
        first.send(accepted("r0")).expect("a dispatcher");
        let (submission, second) = bench.next().await;
        assert_eq!(submission.part, 1);
        let kept = bench.receipt("r0", Receipt::Delivered).await;
        assert_eq!(kept, Some(Kept::New));
        second.send(outcome).expect("a dispatcher");
        if expected == State::Sent {
            let (submission, third) = bench.next().await;
            assert_eq!(submission.part, 2);
            third.send(accepted("r2")).expect("a dispatcher");
        }
        let ended = bench.end_of(&message).await;
        assert_eq!(ended.state, expected, "{:?}", ended.parts);
        let open = |p: &sms_milter::store::Part| matches!(p.state, PartState::Handed { .. });
        assert!(!ended.parts.iter().any(open), "{:?}", ended.parts);
    }
}

fn refused(class: Refusal) -> Outcome {
    Outcome::Refused {
        class,
        reason: "no".into(),
    }
}

/// Spec 7.2: what goes to one number keeps its order, and holds up nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn messages_to_one_number_keep_their_order() {
    let mut bench = Bench::start();
    let in_line = |n: u64, class| {
        let mut message = short(n, 1);
        let second = jiff::SignedDuration::from_secs(1);
        message.created = message.created - second * 10 + second * n as i32;
        message.class = class;
        message
    };
    let first = in_line(1, Class::Normal);
    bench.queue(first.clone()).await;
    let (submission, answer) = bench.next().await;
    assert_eq!(submission.id, first.id);
    for (n, class) in [(2, Class::Normal), (3, Class::Bulk), (4, Class::Alarm)] {
        bench.queue(in_line(n, class)).await;
    }
    bench.queue(short(9, 2)).await;
    // Another number's goes; of this one nothing, not even the alarm, while one is in the air.
    let (submission, _open) = bench.next().await;
    assert_eq!(submission.id, make::id(9));
    bench.none_is_next().await;
    // The first waits for long: the alarm passes, the others do not.
    let later = Refusal::Later {
        after: Some(Duration::from_secs(3600)),
        counts: true,
    };
    answer.send(refused(later)).expect("a dispatcher");
    let (submission, answer) = bench.next().await;
    assert_eq!(submission.id, make::id(4));
    answer.send(accepted("4")).expect("a dispatcher");
    bench.end_of(&in_line(4, Class::Alarm)).await;
    bench.none_is_next().await;
    // Its turn comes, and it is refused for good: that frees the line.
    let waiting = bench.find(&first).await;
    assert_eq!(waiting.state, State::Queued);
    bench.outbound.retry_now(waiting).await.expect("hurried");
    for (n, outcome) in [
        (1, refused(Refusal::Never)),
        (2, accepted("2")),
        (3, accepted("3")),
    ] {
        let (submission, answer) = bench.next().await;
        assert_eq!(submission.id, make::id(n));
        answer.send(outcome).expect("a dispatcher");
    }
}

/// Spec 7.1 and 8.3: a conversation stays on its number as long as that works, also when another gateway has
/// room and this one has none; and others that write to the phone rather do from another number.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_stays_on_its_number_and_others_keep_off() {
    let mut bench = Bench::pair();
    let from = |n: u64, phone: u64, account: &str| Message {
        account: account.to_owned(),
        gateways: Vec::new(),
        ..short(n, phone)
    };
    let (ann, bob) = ("ann@example.com", "bob@example.com");
    // Takes the next one; by which gateway it goes.
    async fn by(bench: &mut Bench, message: &Message) -> (String, oneshot::Sender<Outcome>) {
        let (submission, answer) = bench.next().await;
        assert_eq!(submission.id, message.id);
        let found = bench.find(message).await;
        let PartState::Handed { gateway, .. } = &found.parts[0].state else {
            panic!("{found:?}");
        };
        (gateway.clone(), answer)
    }
    let first = from(1, 1, ann);
    bench.queue(first.clone()).await;
    let (home, answer) = by(&mut bench, &first).await;
    answer.send(accepted("1")).expect("a dispatcher");
    bench.end_of(&first).await;

    // Home is busy: ann's next waits for it, somebody else's does not.
    let blocks = |n: u64| Message {
        gateways: vec![home.clone()],
        ..from(n, 2, bob)
    };
    let blocker = blocks(2);
    bench.queue(blocker.clone()).await;
    let (_, open) = by(&mut bench, &blocker).await;
    let second = from(3, 1, ann);
    bench.queue(second.clone()).await;
    let stranger = from(4, 3, bob);
    bench.queue(stranger.clone()).await;
    let (elsewhere, answer) = by(&mut bench, &stranger).await;
    assert_ne!(elsewhere, home);
    answer.send(accepted("4")).expect("a dispatcher");
    bench.end_of(&stranger).await;
    bench.one_is_parked().await;
    bench.none_is_next().await;
    open.send(accepted("2")).expect("a dispatcher");
    let (gateway, answer) = by(&mut bench, &second).await;
    assert_eq!(gateway, home);
    answer.send(accepted("3")).expect("a dispatcher");
    bench.end_of(&second).await;

    // Home goes down while it waits there.
    let blocker = blocks(5);
    bench.queue(blocker.clone()).await;
    let (_, _open) = by(&mut bench, &blocker).await;
    let third = from(6, 1, ann);
    bench.queue(third.clone()).await;
    bench.one_is_parked().await;
    bench.none_is_next().await;
    let lane = if home == "hand" {
        &bench.hand
    } else {
        bench.other.as_ref().expect("two")
    };
    lane.status.send_replace(Status::Down("no network".into()));
    let (gateway, answer) = by(&mut bench, &third).await;
    assert_eq!(gateway, elsewhere);
    answer.send(accepted("6")).expect("a dispatcher");
    bench.end_of(&third).await;

    // The phone has a conversation: bob's begins on the other number, whichever had its turn.
    let mut bench = Bench::pair();
    for n in 0..4 {
        let phone = 10 + n;
        let (anns, bobs) = (from(20 + 2 * n, phone, ann), from(21 + 2 * n, phone, bob));
        bench.queue(anns.clone()).await;
        let (one, answer) = by(&mut bench, &anns).await;
        answer.send(accepted("a")).expect("a dispatcher");
        bench.end_of(&anns).await;
        let (turn, more) = (from(40 + n, 90, bob), n % 2 == 0);
        if more {
            bench.queue(turn.clone()).await;
            let (_, answer) = by(&mut bench, &turn).await;
            answer.send(accepted("t")).expect("a dispatcher");
            bench.end_of(&turn).await;
        }
        bench.queue(bobs.clone()).await;
        let (two, answer) = by(&mut bench, &bobs).await;
        assert_ne!(one, two, "{n}");
        answer.send(accepted("b")).expect("a dispatcher");
        bench.end_of(&bobs).await;
    }
}

/// A queue that waits for its gateway costs nothing, ends in time, and goes in order when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_waits_for_its_gateway_is_left_alone() {
    const QUEUE: u64 = 500;
    let mut bench = Bench::with(|hand| {
        hand.status = watch::Sender::new(Status::Down("unplugged".into()));
    });
    let messages: Vec<_> = (1..=QUEUE).map(|n| short(n, n % 50)).collect();
    let new: Vec<_> = messages.iter().map(|m| make::new(m.clone(), &[])).collect();
    let now = messages[0].created;
    bench.store.put(now, new, Vec::new()).await.expect("taken");
    let mut expires = short(QUEUE + 1, 1);
    expires.expires = expires.created + jiff::SignedDuration::from_secs(2);
    bench.queue(expires.clone()).await;
    // The first of each line is parked once; the others are behind them.
    let at_rest = || {
        let leased = messages.iter().any(|m| bench.store.is_leased(m.id));
        let due = bench.store.next_due(Queue::Messages);
        bench.store.parked() == ["hand"] && due.is_none() && !leased
    };
    let parked = async {
        while !at_rest() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, parked)
        .await
        .expect("parked");
    // One behind another expires all the same.
    assert_eq!(bench.end_of(&expires).await.state, State::Expired);
    bench.none_is_next().await;
    bench.hand.status.send_replace(Status::Up);
    let mut last = std::collections::HashMap::new();
    for _ in 0..QUEUE {
        let (submission, answer) = bench.next().await;
        let before = last.insert(submission.number.clone(), submission.id);
        assert!(before.is_none_or(|before| before < submission.id));
        answer.send(accepted("r")).expect("a dispatcher");
    }
    assert_eq!(last.len(), 50);
}

/// The wait for an outcome is no longer than it is said to be, and no repeat of it holds up the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_holds_up_its_number_for_its_wait_only() {
    let wait = Duration::from_millis(300);
    let mut bench = Bench::with(|hand| {
        hand.common.unknown_wait = wait;
        hand.common.on_unknown = OnUnknown::RetryUntilExpiry;
    });
    let (first, mut second) = (short(1, 1), short(2, 1));
    second.created = first.created + jiff::SignedDuration::from_millis(1);
    bench.queue(first.clone()).await;
    bench.queue(second.clone()).await;
    let unknown = || Outcome::Unknown("silence".into());
    let mut ids = Vec::new();
    // Its own repeat after the wait, and then the others while it waits again; on a slow machine that may be over before
    // their turn, once or twice.
    let _answer = loop {
        let (submission, answer) = bench.next().await;
        ids.push(submission.id);
        if submission.id == second.id {
            break answer;
        }
        answer.send(unknown()).expect("a dispatcher");
        assert!(ids.len() < 10, "the others never have their turn");
    };
    assert_eq!(ids[..2], [first.id, first.id]);
    assert!(!bench.find(&first).await.state.is_final());
}

/// User and system time of this process, in seconds (proc(5), `stat`, fields 14 and 15; a tick is 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc");
    let rest = stat.rsplit(')').next().expect("fields");
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<f64>().expect("ticks");
    (ticks(14) + ticks(15)) / 100.0
}

/// It was 9 % of a core while each was looked at every second.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_that_wait_use_no_cpu() {
    const QUEUE: u64 = 10_000;
    const ALONE: &str = "SMS_MILTER_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // Under `cargo test` others are at work in this process.
        let itself = std::env::current_exe().expect("this binary");
        let alone = std::process::Command::new(itself)
            .args(["--exact", "dispatch::ten_thousand_that_wait_use_no_cpu"])
            .env(ALONE, "1")
            .output()
            .expect("this binary runs");
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let bench = Bench::with(|hand| {
        hand.status = watch::Sender::new(Status::Down("unplugged".into()));
    });
    let messages: Vec<_> = (1..=QUEUE).map(|n| make::new(short(n, n), &[])).collect();
    let now = World::real().now();
    bench
        .store
        .put(now, messages, Vec::new())
        .await
        .expect("taken");
    bench.outbound.wake();
    let parked = async {
        while bench.store.parked() != ["hand"] || bench.store.next_due(Queue::Messages).is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, parked)
        .await
        .expect("parked");
    // The last of them may still be on their way, and the store be at its last batch; then there is rest.
    let mut used = Vec::new();
    let rest = async || {
        let before = cpu_seconds();
        tokio::time::sleep(Duration::from_secs(2)).await;
        used.push(cpu_seconds() - before);
        *used.last().expect("one") <= 0.06
    };
    reached("two seconds with 0.06 s of CPU", rest).await;
}
