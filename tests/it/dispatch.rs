//! The dispatcher against a gateway that answers when the test says so.

use std::sync::Arc;

use async_trait::async_trait;
use sms_milter::gateway::{
    Common, Concatenation, Events, Gateway, OnUnknown, Outcome, Refusal, Status, Submission,
};
use sms_milter::outbound::dispatch::Dispatcher;
use sms_milter::outbound::{Outbound, notify};
use sms_milter::sms::{Encoding, Receipt};
use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{Kept, Message, PartState, State, Store};
use sms_milter::world::World;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::sim::product::{PATIENCE, Place};
use crate::store::make;

/// Hands each submission to the test, which answers it.
struct Hand {
    common: Common,
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

    async fn submit(&self, submission: Submission) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.submitted
            .send((submission, answer))
            .await
            .expect("a test");
        answered.await.expect("an answer")
    }

    async fn run(self: Arc<Self>, _: Events, _: watch::Receiver<bool>) {}
}

/// The dispatcher at work.
struct Bench {
    store: Arc<SledStore>,
    outbound: Arc<Outbound>,
    submitted: mpsc::Receiver<(Submission, oneshot::Sender<Outcome>)>,
    _stop: watch::Sender<bool>,
    _place: Place,
}

impl Bench {
    fn start() -> Self {
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
        let (submitted, to_test) = mpsc::channel(16);
        let hand = Arc::new(Hand {
            common: Common {
                id: "hand".into(),
                active: true,
                number: None,
                concat: Concatenation::Udh,
                on_unknown: OnUnknown::Report,
                unknown_wait: PATIENCE,
                window: 10,
                throughput: None,
                limits: Default::default(),
                rates: Vec::new(),
                from: None,
                carries: sms_milter::gateway::Carries::default(),
            },
            status: watch::Sender::new(Status::Up),
            submitted,
        });
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Dispatcher::new(outbound.clone(), vec![hand], vec![]).run(stopped));
        Self {
            store,
            outbound,
            submitted: to_test,
            _stop: stop,
            _place: place,
        }
    }

    async fn queue(&self, message: Message) {
        let now = message.created;
        let new = make::new(message, &[]);
        let taken = self.store.put(now, vec![new], Vec::new()).await;
        taken.expect("taken");
        self.outbound.wake();
    }

    /// The next submission and its answer's sender.
    async fn next(&mut self) -> (Submission, oneshot::Sender<Outcome>) {
        let next = tokio::time::timeout(PATIENCE, self.submitted.recv()).await;
        next.expect("in time").expect("a dispatcher")
    }

    /// The message once it is final.
    async fn end_of(&self, message: &Message) -> Message {
        let ended = async {
            loop {
                let found = self.store.find(message.id).await.expect("found");
                let found = found.expect("kept");
                if found.state.is_final() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("an end")
    }
}

fn long_message() -> Message {
    let now = World::real().now();
    Message {
        created: now,
        next_attempt: now,
        expires: now + jiff::SignedDuration::from_hours(1),
        text: "a".repeat(450),
        encoding: Encoding::Gsm7,
        segments: 3,
        gateways: vec!["hand".into()],
        ..make::message(1)
    }
}

fn accepted(reference: &str) -> Outcome {
    Outcome::Accepted(Some(reference.into()))
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
        let kept = bench
            .outbound
            .receipt("hand", "r0", Receipt::Delivered)
            .await;
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
