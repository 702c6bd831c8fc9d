//! The modem gateway against a simulated modem on a real pty, in real time.

mod daemon;
mod identity;
mod line;
mod load;
mod plug;
mod receipts;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use sms_milter::gateway::memory::Fleeting;
use sms_milter::gateway::modem::{Modem, Settings, Wanted};
use sms_milter::gateway::{
    Body, Common, Concatenation, Event, Gateway, OnUnknown, Outcome, Refusal, Status, Submission,
};
use sms_milter::secret::Secret;
use sms_milter::sms::{Concat, Encoding, MessageId, Number, Receipt, Segment};
use sms_milter::store::{Content, Kept, Received};
use sms_milter::world::World;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::sim::modem::{Options, Reply, SimModem};
use crate::sim::patience::PATIENCE;

const PHONE: &str = "+15551234567";

/// A gateway on a simulated modem.
struct Rig {
    sim: SimModem,
    modem: Arc<Modem>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    run: JoinHandle<()>,
    messages: u64,
}

impl Rig {
    fn start(options: Options) -> Self {
        Self::with_pin(options, None)
    }

    fn with_pin(options: Options, pin: Option<&str>) -> Self {
        Self::on(SimModem::start(options), pin)
    }

    fn on(sim: SimModem, pin: Option<&str>) -> Self {
        Self::remembering(sim, pin, Arc::new(Fleeting::default()))
    }

    fn remembering(sim: SimModem, pin: Option<&str>, memory: Arc<Fleeting>) -> Self {
        let settings = Settings {
            common: Common {
                id: "hall".into(),
                active: true,
                number: Number::from_network("+15550002222"),
                concat: Concatenation::Udh,
                on_unknown: OnUnknown::RetryOnce,
                unknown_wait: Duration::from_secs(60),
                receipts: Default::default(),
                window: 1,
                throughput: None,
                limits: Default::default(),
                rates: Vec::new(),
                from: None,
                carries: sms_milter::gateway::Carries::default(),
            },
            device: sim.path().to_string_lossy().into_owned(),
            baud: sim.speed(),
            pin: pin.map(Secret::from),
            smsc: None,
            storage: None,
            init: Vec::new(),
            timeout: Duration::from_secs(2),
            send_timeout: Duration::from_secs(2),
            poll: Duration::from_millis(300),
            wanted: Wanted::default(),
            balance: None,
        };
        let modem = Modem::new(settings, World::real(), memory);
        let (sender, events) = mpsc::channel(16);
        let (stop, stopped) = watch::channel(false);
        let run = tokio::spawn(modem.clone().run(sender, stopped));
        Self {
            sim,
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
        found
            .expect("the status in time")
            .expect("a gateway")
            .clone()
    }

    async fn up(&self) {
        self.status(|status| *status == Status::Up).await;
    }

    async fn up_from(options: Options) -> Self {
        let rig = Self::start(options);
        rig.up().await;
        rig
    }

    fn submission(&mut self, text: &str) -> Submission {
        self.messages += 1;
        Submission {
            id: MessageId::new(self.messages, [0; 10]),
            part: 0,
            number: Number::from_network(PHONE).expect("number"),
            body: Body::Segment(Segment {
                text: text.into(),
                encoding: Encoding::Gsm7,
                units: text.len(),
                concat: None,
                shifts: sms_milter::sms::Shifts::default(),
            }),
            reference: self.messages.to_le_bytes()[0],
            repeat: false,
            flash: false,
            attributes: sms_milter::sms::Attributes::default(),
            receipt: true,
            validity: None,
            sender_id: None,
        }
    }

    async fn send(&mut self, text: &str) -> Outcome {
        let submission = self.submission(text);
        self.submit(submission).await
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        timeout(PATIENCE, self.modem.submit(submission))
            .await
            .expect("an outcome in time")
    }

    /// The next thing that came; what an admin is told of the gateway itself is told elsewhere.
    async fn event(&mut self) -> Event {
        loop {
            let event = timeout(PATIENCE, self.events.recv()).await;
            match event.expect("an event in time").expect("an event") {
                Event::Alert { .. } | Event::Over { .. } => {}
                event => return event,
            }
        }
    }

    async fn received(&mut self) -> (Received, oneshot::Sender<Kept>) {
        match self.event().await {
            Event::Received { received, kept } => (*received, kept),
            other => panic!("{other:?}"),
        }
    }

    async fn end(self) {
        assert_eq!(self.sim.lock().strange(), Vec::<&String>::new());
        self.stop.send_replace(true);
        timeout(PATIENCE, self.run)
            .await
            .expect("an end in time")
            .expect("no panic");
    }
}

fn text(received: &Received) -> (String, String) {
    match &received.content {
        Content::Sms { from, text, .. } => (from.to_string(), text.clone()),
        Content::Undecodable { reason } => panic!("{reason}"),
    }
}

fn refused(outcome: &Outcome) -> Refusal {
    match outcome {
        Outcome::Refused { class, .. } => *class,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sends() {
    let mut rig = Rig::up_from(Options::default()).await;
    assert_eq!(
        rig.send("hello").await,
        Outcome::Accepted(Some("1:1234567".into()))
    );
    let mut part = rig.submission("part two");
    part.flash = true;
    let concat = Concat {
        reference: 9,
        wide: false,
        part: 2,
        parts: 2,
    };
    if let Body::Segment(segment) = &mut part.body {
        segment.concat = Some(concat);
    }
    assert_eq!(
        rig.submit(part).await,
        Outcome::Accepted(Some("2:1234567".into()))
    );
    let sent = rig.sim.sent();
    assert_eq!(
        (sent[0].to.as_str(), sent[0].text.as_str(), sent[0].receipt),
        (PHONE, "hello", true)
    );
    assert_eq!(
        (sent[1].text.as_str(), sent[1].flash, sent[1].concat),
        ("part two", true, Some(concat))
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_over_a_bad_line() {
    for seed in 1..=3 {
        let options = Options {
            seed,
            stubborn_echo: true,
            noise: true,
            storm: true,
            byte_delay: Duration::from_micros(100),
            prompt: "\r\n>",
            in_text: true,
            ..Options::default()
        };
        let mut rig = Rig::up_from(options).await;
        assert!(matches!(rig.send("hello").await, Outcome::Accepted(_)));
        assert_eq!(
            rig.sim.lock().submissions,
            1,
            "what stood in text entry was not sent"
        );
        rig.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_what_is_kept_and_only_that() {
    for notifies in [true, false] {
        let mut rig = Rig::up_from(Options {
            notifies,
            failing_deletions: 1,
            ..Options::default()
        })
        .await;
        rig.sim.deliver(PHONE, "first");
        let (first, kept) = rig.received().await;
        assert_eq!(text(&first), (PHONE.to_owned(), "first".to_owned()));
        drop(kept);
        let (again, kept) = rig.received().await;
        assert_eq!(again.raw, first.raw);
        assert_eq!(
            again.dedupe.expect("a key").key,
            first.dedupe.expect("a key").key
        );
        assert_eq!(rig.sim.lock().stored.len(), 1);
        assert!(
            !rig.sim
                .lock()
                .commands
                .iter()
                .any(|c| c.starts_with("AT+CMGD"))
        );
        kept.send(Kept::New).expect("someone waits");
        rig.sim.wait_empty(PATIENCE);
        rig.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receives_parts_in_any_order_and_twice() {
    let mut rig = Rig::up_from(Options::default()).await;
    let mut parts = rig.sim.parts(PHONE, &"long ".repeat(80));
    assert!(parts.len() > 2);
    parts.reverse();
    parts.push(parts[0].clone());
    for part in &parts {
        rig.sim.deliver_pdu(part);
    }
    rig.sim.deliver_direct(&parts[1]);
    let mut keys = std::collections::HashMap::new();
    for _ in 0..=parts.len() {
        let (received, kept) = rig.received().await;
        let Content::Sms {
            concat: Some(concat),
            ..
        } = received.content
        else {
            panic!("{received:?}");
        };
        *keys
            .entry((received.dedupe.expect("a key").key, concat.part))
            .or_insert(0) += 1;
        kept.send(Kept::New).expect("someone waits");
    }
    assert_eq!(
        keys.len(),
        parts.len() - 1,
        "a PDU has one key however it comes"
    );
    assert_eq!(keys.values().filter(|n| **n == 2).count(), 2);
    rig.sim.wait_empty(PATIENCE);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_what_nobody_can_read() {
    let mut rig = Rig::up_from(Options::default()).await;
    rig.sim.deliver_pdu("0004FFFF");
    let (received, kept) = rig.received().await;
    assert!(matches!(received.content, Content::Undecodable { .. }));
    assert_eq!(received.raw, [0x00, 0x04, 0xFF, 0xFF]);
    assert_eq!(rig.sim.lock().stored.len(), 1);
    kept.send(Kept::New).expect("someone waits");
    rig.sim.wait_empty(PATIENCE);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hands_receipts_on_by_the_reference_it_gave() {
    let mut rig = Rig::up_from(Options::default()).await;
    let Outcome::Accepted(Some(given)) = rig.send("hello").await else {
        panic!("not accepted");
    };
    rig.sim.status_report(1, PHONE, 0x00);
    match rig.event().await {
        Event::Receipt { report, .. } => {
            assert_eq!(
                (
                    report.gateway.as_str(),
                    &report.reference,
                    report.receipt,
                    &report.phones[..]
                ),
                ("hall", &given, Receipt::Delivered, &[PHONE.to_owned()][..])
            );
            assert!(report.at.is_some() && report.submitted.is_some());
        }
        other => panic!("{other:?}"),
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_became_of_each_submission() {
    let replies = vec![
        Reply::Cms(38),
        Reply::Cms(21),
        Reply::Cms(1),
        Reply::Cms(8),
        Reply::Cms(500),
        Reply::Error,
    ];
    let mut rig = Rig::up_from(Options {
        replies,
        ..Options::default()
    })
    .await;
    let later = |seconds| Refusal::Later {
        after: Some(Duration::from_secs(seconds)),
        counts: true,
    };
    assert_eq!(refused(&rig.send("a").await), later(600));
    assert_eq!(refused(&rig.send("b").await), later(300));
    assert_eq!(refused(&rig.send("c").await), Refusal::Never);
    assert_eq!(refused(&rig.send("d").await), Refusal::Route);
    assert!(matches!(rig.send("e").await, Outcome::Unknown(_)));
    assert!(matches!(rig.send("f").await, Outcome::Unknown(_)));
    assert!(matches!(rig.send("g").await, Outcome::Accepted(_)));
    assert_eq!(rig.sim.sent().len(), 1);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_out_what_the_network_does_not_take() {
    let replies = vec![Reply::Cms(145), Reply::Cms(199), Reply::Ok, Reply::Cms(199)];
    let mut rig = Rig::up_from(Options {
        replies,
        ..Options::default()
    })
    .await;
    let mut wanted = rig.submission("hello");
    wanted.flash = true;
    wanted.validity = Some(Duration::from_hours(6));
    assert!(matches!(rig.submit(wanted).await, Outcome::Accepted(_)));
    assert!(!rig.sim.sent()[0].flash);
    assert_eq!(
        refused(&rig.send("no validity in this").await),
        Refusal::Ours
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_prompt_is_not_sent_and_the_next_one_is() {
    let mut rig = Rig::up_from(Options {
        lost_prompts: 1,
        ..Options::default()
    })
    .await;
    assert_eq!(
        refused(&rig.send("one").await),
        Refusal::Later {
            after: None,
            counts: true
        }
    );
    rig.up().await;
    assert!(matches!(rig.send("two").await, Outcome::Accepted(_)));
    assert_eq!(
        rig.sim
            .sent()
            .iter()
            .map(|sms| sms.text.as_str())
            .collect::<Vec<_>>(),
        ["two"]
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_sent_once() {
    let repeated = async |reply: Reply| {
        let mut rig = Rig::up_from(Options {
            replies: vec![reply],
            ..Options::default()
        })
        .await;
        let mut wanted = rig.submission("hello");
        let outcome = rig.submit(wanted.clone()).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        rig.up().await;
        wanted.repeat = true;
        assert_eq!(
            rig.submit(wanted).await,
            Outcome::Accepted(Some("1:1234567".into()))
        );
        assert_eq!(rig.sim.sent().len(), 1, "{reply:?}");
        rig.end().await;
    };
    tokio::join!(repeated(Reply::TakenSilently), repeated(Reply::Lost));
}

#[tokio::test(flavor = "multi_thread")]
async fn comes_back_when_it_is_plugged_in_again() {
    let mut rig = Rig::up_from(Options {
        replies: vec![Reply::Lost],
        ..Options::default()
    })
    .await;
    let submission = rig.submission("in the air");
    let modem = rig.modem.clone();
    let in_the_air = tokio::spawn(async move { modem.submit(submission).await });
    rig.sim
        .wait("the PDU", PATIENCE, |state| state.submissions == 1);
    rig.sim.unplug();
    assert!(matches!(
        in_the_air.await.expect("no panic"),
        Outcome::Unknown(_)
    ));
    rig.status(|status| matches!(status, Status::Down(_))).await;
    assert_eq!(refused(&rig.send("while it is away").await), Refusal::Link);
    rig.sim.deliver_pdu("0004FFFF");
    rig.sim.replug();
    rig.up().await;
    assert!(matches!(rig.send("back").await, Outcome::Accepted(_)));
    let (received, _) = rig.received().await;
    assert_eq!(received.raw, [0x00, 0x04, 0xFF, 0xFF]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enters_the_right_pin_every_time() {
    let options = Options {
        pin: Some("4711"),
        iccid: "89420020000000000777",
        ..Options::default()
    };
    let rig = Rig::with_pin(options, Some("4711"));
    rig.up().await;
    rig.sim.unplug();
    rig.status(|status| matches!(status, Status::Down(_))).await;
    rig.sim.replug();
    rig.up().await;
    assert_eq!(rig.sim.lock().pins, 2);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enters_a_wrong_pin_once() {
    let options = Options {
        pin: Some("4711"),
        iccid: "89420020000000000666",
        ..Options::default()
    };
    let mut sim = SimModem::start(options);
    let memory = Arc::new(Fleeting::default());
    for _ in 0..3 {
        let mut rig = Rig::remembering(sim, Some("1234"), memory.clone());
        rig.status(|status| matches!(status, Status::Parked(_)))
            .await;
        assert_eq!(refused(&rig.send("hello").await), Refusal::Link);
        rig.stop.send_replace(true);
        timeout(PATIENCE, rig.run)
            .await
            .expect("an end in time")
            .expect("no panic");
        sim = rig.sim;
        sim.unplug();
        sim.replug();
    }
    assert_eq!(sim.lock().pins, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_a_network_and_for_a_modem_that_hangs() {
    let options = Options {
        registered: false,
        hang_at: Some("AT+CMEE"),
        hangs: 1,
        ..Options::default()
    };
    let mut rig = Rig::start(options);
    rig.status(|status| *status == Status::Down("no network".into()))
        .await;
    assert_eq!(refused(&rig.send("hello").await), Refusal::Link);
    rig.sim.change(|options| options.registered = true);
    rig.up().await;
    assert!(matches!(rig.send("hello").await, Outcome::Accepted(_)));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_a_port_that_is_not_there() {
    let sim = SimModem::start(Options::default());
    let path = sim.path();
    sim.unplug();
    assert!(!path.exists(), "its name went with it");
    let mut rig = Rig::on(sim, None);
    rig.status(
        |status| matches!(status, Status::Down(reason) if reason.contains("cannot be opened")),
    )
    .await;
    rig.sim.replug();
    rig.up().await;
    assert!(matches!(rig.send("hello").await, Outcome::Accepted(_)));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_for_what_is_in_the_air_when_it_is_stopped() {
    let mut rig = Rig::up_from(Options {
        replies: vec![Reply::TakenSilently],
        ..Options::default()
    })
    .await;
    let submission = rig.submission("hello");
    let modem = rig.modem.clone();
    let in_the_air = tokio::spawn(async move { modem.submit(submission).await });
    rig.sim.wait_sent(1, PATIENCE);
    rig.stop.send_replace(true);
    assert!(matches!(
        in_the_air.await.expect("no panic"),
        Outcome::Unknown(_)
    ));
    timeout(PATIENCE, rig.run)
        .await
        .expect("an end in time")
        .expect("no panic");
}
