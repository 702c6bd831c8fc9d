//! The line at its own speed, and what comes over it when it is bad (faults F45–F48).

use std::time::{Duration, Instant};

use sms_milter::gateway::{Outcome, Refusal, Status};

use super::{PATIENCE, PHONE, Rig, refused, text};
use crate::sim::modem::{Options, SimModem, Stage};

/// All of them at once, each with a modem of its own: they wait far more than they work.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_or_bad_line_loses_nothing() {
    let tests = [
        tokio::spawn(sends_and_receives_at_9600_baud()),
        tokio::spawn(a_wrong_speed_is_a_modem_that_does_not_answer()),
        tokio::spawn(any_line_end_will_do()),
        tokio::spawn(garbage_without_end_costs_a_line_and_no_message()),
        tokio::spawn(a_late_answer_is_not_the_next_ones()),
        tokio::spawn(a_modem_that_hangs_is_woken()),
        tokio::spawn(a_slow_line_that_breaks()),
    ];
    for test in tests {
        test.await.expect("no panic");
    }
}

/// 9600 bits a second: an octet takes more than a millisecond, a long SMS more than a third of a second.
async fn sends_and_receives_at_9600_baud() {
    let mut rig = Rig::up_from(Options {
        baud: 9_600,
        ..Options::default()
    })
    .await;
    let ((heard, _), began) = (rig.sim.octets(), Instant::now());
    let long = "At 9600 baud. ".repeat(11);
    let outcome = rig.send(&long).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let octets = rig.sim.octets().0 - heard;
    let line = Duration::from_secs(octets) * 10 / 9_600;
    let took = began.elapsed();
    assert!(octets > 300 && took >= line, "{octets} octets in {took:?}");
    assert_eq!(rig.sim.sent()[0].text, long);
    rig.sim.deliver(PHONE, &long);
    let (received, kept) = rig.received().await;
    assert_eq!(text(&received).1, long);
    kept.send(sms_milter::store::Kept::New)
        .expect("someone waits");
    rig.sim.wait_empty(PATIENCE);
    rig.end().await;
}

/// The modem has another speed than the configuration: noise both ways, and nothing happens by it.
async fn a_wrong_speed_is_a_modem_that_does_not_answer() {
    let sim = SimModem::start(Options {
        wrong_speed: true,
        ..Options::default()
    });
    sim.deliver(PHONE, "stays");
    let mut rig = Rig::on(sim, None);
    let silent = |status: &Status| matches!(status, Status::Down(why) if why.contains("answer"));
    rig.status(silent).await;
    assert_eq!(refused(&rig.send("hello").await), Refusal::Link);
    assert_eq!(rig.sim.lock().stored.len(), 1);
    assert!(rig.sim.sent().is_empty());
    rig.stop.send_replace(true);
}

async fn any_line_end_will_do() {
    let with = async |line_end: &'static str| {
        let mut rig = Rig::up_from(Options {
            line_end,
            ..Options::default()
        })
        .await;
        let outcome = rig.send("hello").await;
        assert!(
            matches!(outcome, Outcome::Accepted(_)),
            "{line_end:?}: {outcome:?}"
        );
        rig.sim.deliver(PHONE, "hello");
        assert_eq!(text(&rig.received().await.0).1, "hello", "{line_end:?}");
        rig.end().await;
    };
    tokio::join!(with("\r"), with("\n"), with("\r\r\n"), with("\n\r"));
}

/// A megabyte without a line end, in the middle of it all.
async fn garbage_without_end_costs_a_line_and_no_message() {
    let mut rig = Rig::up_from(Options::default()).await;
    rig.sim.change(|options| options.flood = 1_000_000);
    // It stands in the way of an answer or of a prompt; what is not sent by then is sent after it.
    let mut outcome = rig.send("hello").await;
    while matches!(outcome, Outcome::Refused { .. }) {
        rig.up().await;
        outcome = rig.send("hello").await;
    }
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(rig.sim.sent().len(), 1);
    rig.end().await;
}

/// A modem that answers late: its word is of what it was asked then, not of what it is asked now.
async fn a_late_answer_is_not_the_next_ones() {
    let mut rig = Rig::up_from(Options {
        network_delay: Duration::from_millis(2_500),
        ..Options::default()
    })
    .await;
    // The gateway of these tests waits for the network for two seconds.
    let first = rig.send("slow").await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    rig.sim
        .change(|options| options.network_delay = Duration::ZERO);
    rig.sim.wait_sent(1, PATIENCE);
    rig.up().await;
    let second = rig.send("fast").await;
    assert_eq!(second, Outcome::Accepted(Some("2:1234567".into())));
    let texts: Vec<_> = rig.sim.sent().into_iter().map(|sms| sms.text).collect();
    assert_eq!(texts, ["slow", "fast"]);
    rig.end().await;
}

/// It stops to answer in the middle of its life, and goes on some day.
async fn a_modem_that_hangs_is_woken() {
    let mut rig = Rig::up_from(Options::default()).await;
    rig.sim.change(|options| {
        options.hang_at = Some("AT+CREG");
        options.hangs = 1;
    });
    rig.status(|status| matches!(status, Status::Down(_))).await;
    rig.up().await;
    let outcome = rig.send("hello").await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    rig.end().await;
}

/// A plug that is pulled while the PDU is on its way at 9600 baud: the modem has half of it.
async fn a_slow_line_that_breaks() {
    let mut rig = Rig::up_from(Options {
        baud: 9_600,
        unplug_at: Some(Stage::MidPdu),
        ..Options::default()
    })
    .await;
    let mut submission = rig.submission(&"half of it. ".repeat(12));
    let outcome = rig.submit(submission.clone()).await;
    rig.status(|status| matches!(status, Status::Down(_))).await;
    assert_eq!(rig.sim.lock().submissions, 0, "{outcome:?}");
    rig.sim.replug();
    rig.up().await;
    submission.repeat = matches!(outcome, Outcome::Unknown(_));
    let again = rig.submit(submission).await;
    assert!(matches!(again, Outcome::Accepted(_)), "{again:?}");
    assert_eq!(rig.sim.sent().len(), 1);
    rig.end().await;
}
