//! The modem gateway on a line in memory: whose SIM it is, where it is, and what an admin is told.
//!
//! The modems here are scripts ([`script`]). What a real port does is in `modem`.

mod script;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use regex::Regex;
use sms_milter::gateway::memory::Fleeting;
use sms_milter::gateway::modem::{Balance, Modem, Settings, Wanted, WantedSim, about};
use sms_milter::gateway::{
    Body, Common, Concatenation, Concern, Event, Gateway, Limits, Memory, OnUnknown, Outcome,
    Refusal, Status, Submission,
};
use sms_milter::secret::Secret;
use sms_milter::sms::{Encoding, MessageId, Number, Segment, Shifts};
use sms_milter::store::{Kept, Note};
use sms_milter::wire::at::ussd::Code;
use sms_milter::world::World;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::script::{Device, Ports};
use crate::sim::patience::PATIENCE;

const OURS: &str = "89490200000000011234";
const THEIRS: &str = "89490200000000099999";

/// A gateway at work. Its ports have names of their own, because claims are the process's.
struct Rig {
    modem: Arc<Modem>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    run: JoinHandle<()>,
    messages: u64,
}

fn settings(port: &str) -> Settings {
    Settings {
        common: Common {
            id: "hall".into(),
            active: true,
            number: None,
            concat: Concatenation::Udh,
            on_unknown: OnUnknown::RetryOnce,
            unknown_wait: Duration::from_secs(60),
            receipts: Default::default(),
            window: 1,
            throughput: None,
            limits: Limits::default(),
            rates: Vec::new(),
            from: None,
            carries: Default::default(),
        },
        device: port.into(),
        baud: 115_200,
        pin: None,
        smsc: None,
        storage: None,
        init: Vec::new(),
        timeout: Duration::from_secs(2),
        send_timeout: Duration::from_secs(2),
        poll: Duration::from_millis(300),
        wanted: Wanted::default(),
        balance: None,
    }
}

impl Rig {
    fn start(settings: Settings, ports: &Ports, memory: &Arc<Fleeting>) -> Self {
        let world = World {
            dial: Arc::new(ports.clone()),
            ..World::real()
        };
        let modem = Modem::new(settings, world, memory.clone());
        let (sender, events) = mpsc::channel(64);
        let (stop, stopped) = watch::channel(false);
        let run = tokio::spawn(modem.clone().run(sender, stopped));
        Self {
            modem,
            events,
            stop,
            run,
            messages: 0,
        }
    }

    async fn status(&self, is_so: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.modem.status();
        let found = timeout(PATIENCE, status.wait_for(is_so)).await;
        let shown = format!("{:?}", self.modem.status().borrow().clone());
        found
            .unwrap_or_else(|_| panic!("{shown}"))
            .expect("a gateway")
            .clone()
    }

    async fn up(&self) {
        self.status(|status| *status == Status::Up).await;
    }

    async fn parked(&self) -> String {
        match self
            .status(|status| matches!(status, Status::Parked(_)))
            .await
        {
            Status::Parked(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, number: &str, text: &str) -> Outcome {
        self.messages += 1;
        let submission = Submission {
            id: MessageId::new(self.messages, [0; 10]),
            part: 0,
            number: Number::from_network(number).expect("number"),
            body: Body::Segment(Segment {
                text: text.into(),
                encoding: Encoding::Gsm7,
                units: text.len(),
                concat: None,
                shifts: Shifts::default(),
            }),
            reference: self.messages.to_le_bytes()[0],
            repeat: false,
            flash: false,
            receipt: false,
            validity: None,
            sender_id: None,
            attributes: Default::default(),
        };
        timeout(PATIENCE, self.modem.submit(submission))
            .await
            .expect("an outcome in time")
    }

    async fn event(&mut self) -> Event {
        let event = timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("an event")
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let ended = timeout(PATIENCE, self.run).await;
        ended.expect("an end in time").expect("no panic");
    }
}

fn commands(device: &Arc<Mutex<Device>>) -> Vec<String> {
    device.lock().expect("device").commands.clone()
}

#[tokio::test]
async fn is_found_at_another_port() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let (ours, theirs) = (
        Device::new("356938035643809", OURS),
        Device::new("490154203237518", THEIRS),
    );
    ports.plug("/renumbered/0", &ours);
    let mut rig = Rig::start(settings("/renumbered/0"), &ports, &memory);
    rig.up().await;
    assert_eq!(rig.modem.health().sim.as_deref(), Some(OURS));
    assert_eq!(rig.modem.health().imei.as_deref(), Some("356938035643809"));
    // Ours comes back under another name, and a stranger under the old one.
    ports.unplug("/renumbered/0");
    ports.plug("/renumbered/0", &theirs);
    ports.plug("/renumbered/1", &ours);
    rig.status(|status| *status != Status::Up).await;
    rig.up().await;
    assert_eq!(rig.modem.health().device.as_deref(), Some("/renumbered/1"));
    assert!(matches!(
        rig.send("+15551234567", "hello").await,
        Outcome::Accepted(_)
    ));
    assert_eq!(ours.lock().expect("device").sent.len(), 1);
    // The stranger was asked who it is, and nothing of it was touched.
    let touched = ["AT+CMG", "AT+CPIN=", "AT+CNMI"];
    let touched = |line: &String| touched.iter().any(|start| line.starts_with(start));
    assert!(
        !commands(&theirs).iter().any(touched),
        "{:?}",
        commands(&theirs)
    );
    rig.end().await;
}

#[tokio::test]
async fn another_sim_waits_for_an_admin() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let (ours, theirs) = (
        Device::new("356938035643809", OURS),
        Device::new("356938035643809", THEIRS),
    );
    theirs.lock().expect("device").pin = Some("4711");
    let with_pin = || Settings {
        pin: Some(Secret::from("1234")),
        ..settings("/swapped/0")
    };
    ports.plug("/swapped/0", &ours);
    let rig = Rig::start(with_pin(), &ports, &memory);
    rig.up().await;
    ports.unplug("/swapped/0");
    ports.plug("/swapped/0", &theirs);
    let reason = rig.parked().await;
    for word in [OURS, THEIRS, "gateways accept hall"] {
        assert!(reason.contains(word), "{reason}");
    }
    rig.end().await;
    // Over a restart, too.
    let mut rig = Rig::start(with_pin(), &ports, &memory);
    rig.parked().await;
    let link = rig.send("+15551234567", "hello").await;
    assert!(
        matches!(
            link,
            Outcome::Refused {
                class: Refusal::Link,
                ..
            }
        ),
        "{link:?}"
    );
    rig.end().await;
    // Our PIN was not tried in a SIM that is not ours.
    assert!(
        !commands(&theirs)
            .iter()
            .any(|line| line.starts_with("AT+CPIN="))
    );
    // `gateways accept`.
    theirs.lock().expect("device").pin = None;
    assert!(memory.remember(&about("hall"), Note::new()).await);
    let rig = Rig::start(with_pin(), &ports, &memory);
    rig.up().await;
    assert_eq!(rig.modem.health().sim.as_deref(), Some(THEIRS));
    rig.end().await;
    // Or the configuration says it.
    for (sim, is_up) in [
        (WantedSim::Any, true),
        (WantedSim::Only(THEIRS.into()), true),
        (WantedSim::Only(OURS.into()), false),
    ] {
        let memory = Arc::new(Fleeting::default());
        let wanted = Wanted { imei: None, sim };
        let settings = Settings {
            wanted,
            ..with_pin()
        };
        let rig = Rig::start(settings, &ports, &memory);
        match is_up {
            true => rig.up().await,
            false => assert!(rig.parked().await.contains("change `sim`")),
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn a_wrong_pin_is_entered_once_over_restarts() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let device = Device::new("356938035643809", OURS);
    device.lock().expect("device").pin = Some("4711");
    ports.plug("/pin/0", &device);
    let start = |pin: &str| {
        let settings = Settings {
            pin: Some(Secret::from(pin)),
            ..settings("/pin/0")
        };
        Rig::start(settings, &ports, &memory)
    };
    for restart in 0..4 {
        let rig = start("1234");
        let reason = rig.parked().await;
        assert!(restart == 0 || reason.contains("change `pin`"), "{reason}");
        rig.end().await;
    }
    let pins = || {
        commands(&device)
            .iter()
            .filter(|line| line.starts_with("AT+CPIN="))
            .count()
    };
    assert_eq!(pins(), 1);
    for _ in 0..2 {
        let rig = start("4711");
        rig.up().await;
        rig.end().await;
        device.lock().expect("device").open = false;
    }
    assert_eq!(pins(), 3);
}

#[tokio::test]
async fn two_gateways_never_share_a_port() {
    let ports = Ports::default();
    let device = Device::new("356938035643809", OURS);
    ports.plug("/shared/0", &device);
    let one = Rig::start(
        settings("/shared/0"),
        &ports,
        &Arc::new(Fleeting::default()),
    );
    one.up().await;
    let other = Rig::start(
        settings("/shared/0"),
        &ports,
        &Arc::new(Fleeting::default()),
    );
    let is_taken =
        |status: &Status| matches!(status, Status::Down(why) if why.contains("another gateway"));
    other.status(is_taken).await;
    one.end().await;
    other.up().await;
    other.end().await;
}

#[tokio::test]
async fn tells_of_a_sim_that_is_nearly_full() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let device = Device::new("356938035643809", OURS);
    for slot in 1..=19 {
        // Undecodable, and not to be deleted before it is kept.
        let pdu = format!("00FFFFFF{slot:02X}");
        device.lock().expect("device").stored.insert(slot, pdu);
    }
    ports.plug("/full/0", &device);
    let mut rig = Rig::start(settings("/full/0"), &ports, &memory);
    let (mut answers, mut told, mut over) = (Vec::new(), false, false);
    while answers.len() < 19 || !told {
        match rig.event().await {
            Event::Received { kept, .. } => answers.push(kept),
            Event::Alert { concern, text, .. } => {
                assert_eq!(concern, Concern::Storage);
                assert!(text.contains("19 of 20"), "{text}");
                told = true;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(device.lock().expect("device").stored.len(), 19);
    for kept in answers {
        kept.send(Kept::New).expect("a gateway");
    }
    while !over {
        over = matches!(
            rig.event().await,
            Event::Over {
                concern: Concern::Storage,
                ..
            }
        );
    }
    assert_eq!(rig.modem.health().storage.map(|(_, total)| total), Some(20));
    rig.end().await;
}

#[tokio::test]
async fn a_sim_that_may_not_send_is_parked() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let device = Device::new("356938035643809", OURS);
    device.lock().expect("device").replies = ["+CMS ERROR: 8"; 3].into();
    ports.plug("/barred/0", &device);
    let mut rig = Rig::start(settings("/barred/0"), &ports, &memory);
    rig.up().await;
    for number in ["+15551230001", "+15551230002", "+15551230003"] {
        let outcome = rig.send(number, "hello").await;
        assert!(
            matches!(
                outcome,
                Outcome::Refused {
                    class: Refusal::Route,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
    assert!(rig.parked().await.contains("barred"));
    let waits = rig.send("+15551230004", "hello").await;
    assert!(
        matches!(
            waits,
            Outcome::Refused {
                class: Refusal::Link,
                ..
            }
        ),
        "{waits:?}"
    );
    // It still receives.
    device
        .lock()
        .expect("device")
        .stored
        .insert(1, "00FFFFFF01".into());
    assert!(matches!(rig.event().await, Event::Received { .. }));
    rig.end().await;
}

#[tokio::test]
async fn takes_the_other_alphabet_once() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let device = Device::new("356938035643809", OURS);
    device.lock().expect("device").replies = ["+CMS ERROR: 144"; 3].into();
    ports.plug("/alphabet/0", &device);
    let mut rig = Rig::start(settings("/alphabet/0"), &ports, &memory);
    rig.up().await;
    let outcome = rig.send("+15551230001", "hello").await;
    assert!(
        matches!(
            outcome,
            Outcome::Refused {
                class: Refusal::Ours,
                ..
            }
        ),
        "{outcome:?}"
    );
    let long = rig.send("+15551230001", &"x".repeat(100)).await;
    let Outcome::Refused {
        class: Refusal::Ours,
        reason,
    } = long
    else {
        panic!("{long:?}");
    };
    assert!(reason.contains("too long for one SMS in UCS-2"), "{reason}");
    device.lock().expect("device").replies = ["+CMS ERROR: 144"].into();
    assert!(matches!(
        rig.send("+15551230001", "hello").await,
        Outcome::Accepted(_)
    ));
    let sent = device.lock().expect("device").sent.remove(0);
    assert_eq!(
        (sent.content.text(), sent.content.dcs.encoding()),
        (Some("hello"), Encoding::Ucs2)
    );
    rig.end().await;
}

#[tokio::test]
async fn tells_of_a_low_balance() {
    let (ports, memory) = (Ports::default(), Arc::new(Fleeting::default()));
    let device = Device::new("356938035643809", OURS);
    device.lock().expect("device").ussd = "Credit: 4,50 EUR".into();
    ports.plug("/balance/0", &device);
    let balance = Balance {
        ussd: Code::parse("*100#").expect("a code"),
        regex: Regex::new(r"([0-9.,]+) EUR").expect("a regex"),
        below: 5.0,
        every: Duration::from_millis(50),
    };
    let settings = Settings {
        balance: Some(balance),
        ..settings("/balance/0")
    };
    let mut rig = Rig::start(settings, &ports, &memory);
    match rig.event().await {
        Event::Alert {
            concern: Concern::Balance,
            text,
            ..
        } => assert!(text.contains("4.5"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        rig.modem.health().balance.map(|(amount, _)| amount),
        Some(4.5)
    );
    device.lock().expect("device").ussd = "Credit: 25,00 EUR".into();
    loop {
        match rig.event().await {
            Event::Alert { .. } => {}
            Event::Over {
                concern: Concern::Balance,
                ..
            } => break,
            other => panic!("{other:?}"),
        }
    }
    rig.end().await;
}
