//! What networks say later of what they took: joined with the right message, whenever it comes.

use sms_milter::gateway::{Outcome, Receipts};
use sms_milter::sms::Receipt;
use sms_milter::store::{EarlyReport, Kept, Message, PartState, Report, State, Store};
use sms_milter::world::World;

use crate::dispatch::{Bench, Hand, accepted, long_message, report, short};
use crate::sim::product::PATIENCE;
use crate::store::make;

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_asked_for_when_it_is_wanted() {
    use Receipts::{Always, Never, Wanted};
    for (receipts, foretells, confirm, expected) in [
        (Always, false, false, true),
        (Never, true, true, false),
        (Wanted, false, false, false),
        (Wanted, false, true, true),
        // It settles what nobody knows.
        (Wanted, true, false, true),
    ] {
        let mut bench = Bench::with(|hand| {
            hand.common.receipts = receipts;
            hand.foretells = foretells;
        });
        let mut message = short(1, 1);
        message.confirm = confirm;
        bench.queue(message).await;
        let (submission, _answer) = bench.next().await;
        assert_eq!(
            submission.receipt, expected,
            "{receipts:?} {foretells} {confirm}"
        );
    }
}

/// The network tells before the gateway answers; the gateway names it only then.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_before_the_answer_is_kept_and_joined() {
    let mut bench = Bench::start();
    let message = short(1, 1);
    bench.queue(message.clone()).await;
    let (_, answer) = bench.next().await;
    let kept = bench.receipt("r0", Receipt::Delivered).await;
    assert_eq!(kept, Some(Kept::New));
    assert_eq!(bench.store.reports(None).await.expect("reports").len(), 1);
    answer.send(accepted("r0")).expect("a dispatcher");
    let is_delivered = |m: &Message| m.state == State::Delivered;
    bench.until(&message, is_delivered).await;
    // Said again, it changes nothing.
    let again = bench.receipt("r0", Receipt::Failed(0x40)).await;
    assert_eq!(again, Some(Kept::Duplicate));
    assert!(is_delivered(&bench.find(&message).await));
    let dropped = async {
        while !bench.store.reports(None).await.expect("reports").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, dropped)
        .await
        .expect("dropped");
}

/// The process ends between the answer and the joining of what came before it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_joined_after_a_restart() {
    let mut bench = Bench::start();
    let message = short(1, 1);
    bench.queue(message.clone()).await;
    let (_, answer) = bench.next().await;
    answer.send(accepted("r0")).expect("a dispatcher");
    bench.end_of(&message).await;
    let early = EarlyReport {
        id: make::id(7),
        kept: World::real().now(),
        report: report("r0", Receipt::Delivered),
    };
    bench.store.keep_report(early).await.expect("kept");
    let bench = bench.restart(|_| {}).await;
    let is_delivered = |m: &Message| m.state == State::Delivered;
    bench.until(&message, is_delivered).await;
}

/// Threats T48: what fits nothing makes nothing, and nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_of_nothing_is_answered_at_once_and_forgotten() {
    let mut bench = Bench::start();
    let message = short(1, 1);
    bench.queue(message.clone()).await;
    let (_, answer) = bench.next().await;
    let stranger = Report {
        phones: vec![make::phone(2).as_str().into()],
        ..report("r0", Receipt::Failed(0x40))
    };
    // While it is under way: one of another phone cannot be its.
    let kept = bench.outbound.receipt(stranger.clone()).await;
    assert_eq!(kept, Some(Kept::Duplicate));
    answer.send(accepted("r0")).expect("a dispatcher");
    bench.end_of(&message).await;
    bench.stop().await;
    let elsewhere = Report {
        gateway: "lab".into(),
        ..report("r0", Receipt::Delivered)
    };
    for forged in [stranger, elsewhere, report("r1", Receipt::Delivered)] {
        let kept = bench.outbound.receipt(forged.clone()).await;
        assert_eq!(kept, Some(Kept::Duplicate), "{forged:?}");
    }
    assert_eq!(bench.store.reports(None).await, Ok(vec![]));
    assert_eq!(bench.find(&message).await.state, State::Sent);
}

/// The gateway never answers, the network tells: before the waiting is over, during the attempt, and
/// after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_settles_an_outcome_that_nobody_knows() {
    let modem = |hand: &mut Hand| hand.foretells = true;
    for (when, receipt, expected) in [
        ("waiting", Receipt::Delivered, State::Delivered),
        ("waiting", Receipt::Pending, State::Sent),
        ("waiting", Receipt::Failed(0x46), State::Failed),
        ("during", Receipt::Delivered, State::Delivered),
        ("restarted", Receipt::Delivered, State::Delivered),
        ("during, restarted", Receipt::Delivered, State::Delivered),
    ] {
        let mut bench = Bench::with(modem);
        let mut message = short(17, 1);
        message.confirm = expected == State::Delivered;
        bench.queue(message.clone()).await;
        let (_, answer) = bench.next().await;
        let said = Report {
            phones: vec![message.number.as_str().into()],
            submitted: Some(World::real().now()),
            ..report("17", receipt)
        };
        if when.starts_with("during") {
            let kept = bench.outbound.receipt(said.clone()).await;
            assert_eq!(kept, Some(Kept::New), "{when}");
        }
        if when.ends_with("restarted") {
            bench = bench.restart(modem).await;
        } else {
            let unknown = Outcome::Unknown("silence".into());
            answer.send(unknown).expect("a dispatcher");
        }
        if !when.starts_with("during") {
            let unknown = |m: &Message| matches!(m.parts[0].state, PartState::Unknown { .. });
            bench.until(&message, unknown).await;
            let kept = bench.outbound.receipt(said).await;
            assert_eq!(kept, Some(Kept::New), "{when}");
        }
        let ended = bench.end_of(&message).await;
        assert_eq!(ended.state, expected, "{when} {receipt:?}");
        assert!(bench.submitted.try_recv().is_err(), "{when}: not repeated");
        let mails = bench.mails().await;
        let expected = match receipt {
            Receipt::Delivered => "was delivered on",
            Receipt::Failed(_) => "the phone was not reached before the SMS",
            _ => {
                assert_eq!(mails, [""; 0], "{when}");
                continue;
            }
        };
        assert_eq!(mails.len(), 1, "{when}: {mails:?}");
        let flat = mails[0].replace("=\r\n", "").replace("\r\n", " ");
        assert!(flat.contains(expected), "{when}: {flat}");
    }
}

/// Two to one phone under one reference: the time tells which is meant.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_came_again_is_told_by_its_time() {
    let mut bench = Bench::with(|hand| hand.foretells = true);
    let hour = jiff::SignedDuration::from_hours(1);
    // Held, so that nobody sends it; and then it was sent an hour ago.
    let mut old = short(1, 1);
    (old.state, old.parts) = (State::Held, vec![make::part()]);
    bench.queue(old.clone()).await;
    let mut old = make::sent(old, "17");
    old.parts[0].attempts[0].at = World::real().now() - hour;
    old.parts[0].attempts[0].gateway = "hand".into();
    let settled = make::settlement(old.clone());
    let settled = bench.store.settle(old.created, settled).await;
    settled.expect("settled");
    let mut new = short(17, 1);
    new.created += jiff::SignedDuration::from_secs(1);
    bench.queue(new.clone()).await;
    let (_, answer) = bench.next().await;
    answer.send(accepted("17")).expect("a dispatcher");
    bench.end_of(&new).await;
    bench.stop().await;
    let said = |ago| Report {
        submitted: Some(World::real().now() - ago),
        ..report("17", Receipt::Delivered)
    };
    for (ago, expected, delivered) in [
        (2 * hour, Kept::Duplicate, [false, false]),
        (hour, Kept::New, [true, false]),
        (hour, Kept::Duplicate, [true, false]),
        (hour / 3600, Kept::New, [true, true]),
    ] {
        assert_eq!(
            bench.outbound.receipt(said(ago)).await,
            Some(expected),
            "{ago:?}"
        );
        let states = [bench.find(&old).await.state, bench.find(&new).await.state];
        assert_eq!(states.map(|s| s == State::Delivered), delivered, "{ago:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_one_mail_for_all_segments() {
    for foretells in [true, false] {
        let mut bench = Bench::with(|hand| hand.foretells = foretells);
        let message = long_message();
        bench.queue(message.clone()).await;
        for n in 0..3 {
            let (_, answer) = bench.next().await;
            let reference = format!("r{n}");
            answer.send(accepted(&reference)).expect("a dispatcher");
        }
        bench.end_of(&message).await;
        let handed_over = usize::from(!foretells);
        assert_eq!(bench.mails().await.len(), handed_over);
        for n in 0..3 {
            let kept = bench.receipt(&format!("r{n}"), Receipt::Delivered).await;
            assert_eq!(kept, Some(Kept::New));
        }
        let state = bench.find(&message).await.state;
        assert_eq!(state, State::Delivered);
        let mails = bench.mails().await;
        assert_eq!(mails.len(), 1, "{mails:?}");
        let words = if foretells {
            "was delivered on"
        } else {
            "was handed over"
        };
        assert!(mails[0].contains(words), "{}", mails[0]);
    }
}
