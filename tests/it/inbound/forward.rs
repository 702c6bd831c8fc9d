//! SMS that go on to phones, with a store that fails: whatever it does, each goes on once, and is one mail.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sms_milter::gateway::Event;
use sms_milter::inbound::{Inbound, Settings};
use sms_milter::outbound::{Outbound, notify};
use sms_milter::rules::{Condition, Delivery, Forward, IncomingRule};
use sms_milter::sms::Party;
use sms_milter::store::sled::SledStore;
use sms_milter::store::{Filter, InboundState, Received, Store, StoreError};
use sms_milter::world::World;
use tokio::sync::{Notify, oneshot, watch};

use super::house::{House, PHONE, number, settings};
use super::parts::open;
use crate::sim::failing_store::{FailingStore, Fault, Verb, When};
use crate::sim::product::Place;

const TO: [&str; 2] = ["+15551230000", "+15551230001"];

fn forwarding() -> Settings {
    Settings {
        rules: vec![IncomingRule {
            when: Condition::Any,
            action: Delivery::Deliver(
                vec!["ops@example.com".to_owned()],
                Some(Forward {
                    to: TO.map(number).to_vec(),
                    charge: "bob@example.com".to_owned(),
                }),
            ),
        }],
        ..settings()
    }
}

/// The path in, with the path out behind it, on such a store.
struct Frail {
    store: Arc<FailingStore>,
    inbound: Arc<Inbound>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Frail {
    fn start(store: &Arc<SledStore>, faults: Vec<Fault>) -> Self {
        let store = FailingStore::new(store.clone(), faults);
        let lab = "gateways: [{ id: hall, type: simulated }]";
        let place = Place::new("127.0.0.1:9".parse().expect("address"), lab);
        let loaded = sms_milter::config::load(&place.config()).expect("a configuration");
        let writer = notify::Writer {
            letterhead: loaded.letterhead.clone(),
            envelope_from: String::new(),
            admin: loaded.admin.clone(),
            programs: Default::default(),
            speech: Default::default(),
        };
        let bell = || Arc::new(Notify::new());
        let outbound = Outbound::new(
            loaded.planner(),
            loaded.queue.clone(),
            store.clone(),
            World::real(),
            writer,
            bell(),
            bell(),
        );
        let inbound = Inbound::new(
            forwarding(),
            store.clone(),
            World::real(),
            bell(),
            bell(),
            outbound.into(),
        );
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(inbound.clone().run(stopped));
        Self {
            store,
            inbound,
            stop,
            task,
        }
    }

    async fn receive(&self, received: &Received) -> bool {
        let (kept, answer) = oneshot::channel();
        let event = Event::Received {
            received: Box::new(received.clone()),
            kept,
        };
        self.inbound.receive(event).await;
        answer.await.is_ok()
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        self.task.await.expect("it ended well");
        assert!(Arc::into_inner(self.inbound).is_some(), "nobody holds it");
    }
}

async fn wait_until_done(store: &SledStore) {
    for _ in 0..1500 {
        let rows = store.list_inbound(0).await.expect("list");
        if rows.iter().all(|row| row.state == InboundState::Done) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is done at last");
}

#[tokio::test]
async fn at_whatever_step_the_store_fails_it_goes_on_once() {
    let mut house = House::closed(settings()).await;
    for verb in [
        Verb::LeaseInbound,
        Verb::Links,
        Verb::Whose,
        Verb::SettleInbound,
    ] {
        for when in [When::Before, When::After] {
            for error in [StoreError::Dead("killed".to_owned()), StoreError::Full] {
                if (verb, when, &error) == (Verb::LeaseInbound, When::After, &StoreError::Full) {
                    // What was leased to nobody waits for the next start.
                    continue;
                }
                let dir = tempfile::tempdir().expect("a directory");
                let store = open(dir.path());
                let fault = Fault {
                    verb,
                    call: 1,
                    when,
                    error,
                };
                let mut received = house.received(Party::Number(number(PHONE)), "fire", None);
                received.at = World::real().now();
                received.dedupe = None;
                let frail = Frail::start(&store, vec![fault.clone()]);
                let kept = frail.receive(&received).await;
                if matches!(fault.error, StoreError::Full) && kept {
                    wait_until_done(&store).await;
                    // It is done again, as far as the store said that it was not.
                    for _ in 0..1500 {
                        if frail.store.calls(verb) > fault.call {
                            break;
                        }
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
                frail.stop().await;
                // Whoever leased it is gone.
                drop(store);
                let store = open(dir.path());
                let sound = Frail::start(&store, Vec::new());
                if !kept {
                    assert!(sound.receive(&received).await);
                }
                wait_until_done(&store).await;
                sound.stop().await;
                let mut numbers: Vec<_> = store
                    .list(Filter::default())
                    .await
                    .expect("list")
                    .into_iter()
                    .map(|message| (message.number.to_string(), message.text))
                    .collect();
                numbers.sort();
                let expected = TO.map(|to| (to.to_owned(), format!("{PHONE}: fire")));
                assert_eq!(numbers, expected, "{fault:?}");
                // One that a store denies to have may come twice, as the same mail.
                let mails = store.list_mail().await.expect("mails").into_iter();
                let names: BTreeSet<_> = mails
                    .map(|queued| {
                        let parsed = mail_parser::MessageParser::new().parse(&queued.mail.bytes);
                        let id = parsed.expect("a mail").message_id().map(str::to_owned);
                        (queued.mail.recipient, id)
                    })
                    .collect();
                assert_eq!(names.len(), 1, "{fault:?}: {names:?}");
                let bob = store.account("bob@example.com").await.expect("read");
                let spent: u32 = bob.expect("charged").months.values().sum();
                assert_eq!(spent, 2, "{fault:?}");
            }
        }
    }
}
