//! What the recipients of one mail have in common is told once, whenever the process is killed (spec 7.3,
//! durability W16).

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use sms_milter::gateway::{Outcome, Refusal};
use sms_milter::outbound::Outbound;
use sms_milter::outbound::tell::Gather;
use sms_milter::sms::Receipt;
use sms_milter::store::{Message, OfMail, Original, State, Store, StoreError};
use sms_milter::world::World;
use tokio::sync::watch;

use crate::dispatch::{Bench, accepted, short};
use crate::sim::failing_store::{FailingStore, Fault, Verb, When};
use crate::sim::product::PATIENCE;
use crate::store::make;

/// Nothing waits for more, or everything for long.
const AT_ONCE: Gather = Gather {
    quiet: SignedDuration::ZERO,
    longest: SignedDuration::ZERO,
};

fn of_one_mail(n: u64, messages: u16) -> Message {
    let mut message = short(n, n);
    message.origin.mail = Some(OfMail {
        id: make::id(900),
        messages,
    });
    message
}

fn refused() -> Outcome {
    Outcome::Refused {
        class: Refusal::Never,
        reason: "no such number".into(),
    }
}

/// Queues messages of one mail, and refuses those.
async fn refuse(bench: &mut Bench, messages: &[Message], those: std::ops::Range<usize>) {
    for message in messages {
        bench.queue(message.clone()).await;
    }
    for _ in messages {
        let (submission, answer) = bench.next().await;
        let index = messages.iter().position(|m| m.id == submission.id);
        let outcome = match index.is_some_and(|index| those.contains(&index)) {
            true => refused(),
            false => accepted("r"),
        };
        answer.send(outcome).expect("a dispatcher");
    }
    for message in messages {
        bench.end_of(message).await;
    }
}

/// How many of the mails there are are about what.
async fn told(bench: &Bench, recipients: usize) -> usize {
    let mails = bench.mails().await;
    let count = |mail: &String| mail.matches("Final-Recipient:").count();
    mails
        .iter()
        .filter(|mail| count(mail) == recipients)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_end_alike_are_one_report_at_once() {
    let mut bench = Bench::start();
    let messages: Vec<_> = (1..=10).map(|n| of_one_mail(n, 10)).collect();
    refuse(&mut bench, &messages, 0..10).await;
    assert_eq!(bench.mails().await.len(), 0);
    // Nobody waits for more: there is none.
    let patient = Gather::default();
    bench.outbound.tell_due(&patient).await.expect("told");
    assert_eq!((told(&bench, 10).await, bench.mails().await.len()), (1, 1));
    let text = bench.mails().await.remove(0);
    for message in &messages {
        assert!(text.contains(message.number.as_str()), "{text}");
    }
    bench.outbound.tell_due(&patient).await.expect("told");
    assert_eq!(bench.mails().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_that_end_alike_wait_for_others_and_are_told() {
    let mut bench = Bench::start();
    let messages: Vec<_> = (1..=4).map(|n| of_one_mail(n, 4)).collect();
    refuse(&mut bench, &messages, 0..3).await;
    let patient = Gather::default();
    bench.outbound.tell_due(&patient).await.expect("told");
    assert_eq!(bench.mails().await.len(), 0);
    let next = bench.store.next_telling(patient.quiet, patient.longest);
    assert!(next.is_some_and(|next| next > World::real().now()));
    bench.outbound.tell_due(&AT_ONCE).await.expect("told");
    assert_eq!((told(&bench, 3).await, bench.mails().await.len()), (1, 1));
    assert_eq!(
        bench.store.next_telling(patient.quiet, patient.longest),
        None
    );
}

/// Killed before, it is told after the start; killed after, it is not told again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_neither_forgets_nor_repeats() {
    let mut bench = Bench::start();
    let messages: Vec<_> = (1..=3).map(|n| of_one_mail(n, 3)).collect();
    refuse(&mut bench, &messages, 0..2).await;
    let bench = bench.restart(|_| {}).await;
    assert_eq!(bench.mails().await.len(), 0);
    bench.outbound.tell_due(&AT_ONCE).await.expect("told");
    assert_eq!(told(&bench, 2).await, 1);
    let bench = bench.restart(|_| {}).await;
    bench.outbound.tell_due(&AT_ONCE).await.expect("told");
    assert_eq!(bench.mails().await.len(), 1);
}

/// A full disk, or the end of the process, before or after any step: it is told, and once.
#[tokio::test(flavor = "multi_thread")]
async fn at_whatever_step_the_store_fails_it_is_told_once() {
    let dead = || StoreError::Dead("killed".to_owned());
    for verb in [Verb::Tellings, Verb::Find, Verb::Original, Verb::Tell] {
        for when in [When::Before, When::After] {
            for error in [StoreError::Full, dead()] {
                let mut bench = Bench::start();
                let messages: Vec<_> = (1..=3).map(|n| of_one_mail(n, 3)).collect();
                refuse(&mut bench, &messages, 0..2).await;
                let fault = Fault {
                    verb,
                    call: 1,
                    when,
                    error: error.clone(),
                };
                let store = FailingStore::new(bench.store.clone(), vec![fault.clone()]);
                let failed = bench.teller(store.clone()).tell_due(&AT_ONCE).await;
                assert_eq!(failed, Err(error), "{fault:?}");
                assert_eq!(store.calls(verb), 1);
                let already = usize::from(verb == Verb::Tell && when == When::After);
                assert_eq!(bench.mails().await.len(), already, "{fault:?}");
                bench.outbound.tell_due(&AT_ONCE).await.expect("told");
                assert_eq!(
                    (told(&bench, 2).await, bench.mails().await.len()),
                    (1, 1),
                    "{fault:?}"
                );
                let next = bench.store.next_telling(AT_ONCE.quiet, AT_ONCE.longest);
                assert_eq!(next, None, "{fault:?}");
            }
        }
    }
}

/// What is not true any more is not told.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_unknown_and_arrived_is_not_told_as_unknown() {
    let mut bench = Bench::with(|hand| {
        hand.common.unknown_wait = std::time::Duration::ZERO;
        hand.foretells = true;
    });
    let message = of_one_mail(1, 2);
    bench.queue(message.clone()).await;
    let (_, answer) = bench.next().await;
    let unknown = Outcome::Unknown("the line was cut".into());
    answer.send(unknown).expect("a dispatcher");
    let ended = bench.end_of(&message).await;
    assert_eq!(ended.state, State::Unknown);
    let reference = ended.parts[0].attempts[0].reference.clone();
    let reference = reference.expect("it was foretold");
    bench.receipt(&reference, Receipt::Delivered).await;
    bench.until(&message, |m| m.state != State::Unknown).await;
    bench.outbound.tell_due(&AT_ONCE).await.expect("told");
    assert_eq!(bench.mails().await, Vec::<String>::new());
}

/// What was kept of a mail goes when nothing more is to be said of its only message.
#[tokio::test(flavor = "multi_thread")]
async fn the_original_goes_with_the_last_word() {
    for (outcome, stays) in [(refused(), false), (accepted("r"), true)] {
        let mut bench = Bench::with(|hand| hand.foretells = true);
        let message = of_one_mail(1, 1);
        let original = Original {
            id: make::id(900),
            until: message.expires,
            whole: true,
            bytes: b"Subject: x\r\n\r\nthe whole of it\r\n".to_vec(),
        };
        let mut new = make::new(message.clone(), &[]);
        new.original = Some(std::sync::Arc::new(original.clone()));
        let taken = bench.store.put(message.created, vec![new], vec![]).await;
        taken.expect("taken");
        bench.outbound.wake();
        let kept = || bench.store.original(original.id);
        assert_eq!(kept().await, Ok(Some(original.clone())));
        let (_, answer) = bench.next().await;
        answer.send(outcome).expect("a dispatcher");
        bench.end_of(&message).await;
        let left = bench.store.original(original.id).await.expect("a store");
        assert_eq!(left.is_some(), stays);
        let mails = bench.mails().await;
        assert_eq!(mails.len(), usize::from(!stays));
        assert!(mails.iter().all(|mail| mail.contains("the whole of it")));
        // A network may still say that it did not arrive; when its time is over nobody will.
        let after = message.expires + SignedDuration::from_secs(1);
        bench
            .store
            .prune(after, message.created)
            .await
            .expect("pruned");
        let left = bench.store.original(original.id).await.expect("a store");
        assert_eq!(left, None);
    }
}

/// A store that takes nothing is asked less and less, and each time is a line in the log (T37).
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_left_alone() {
    let bench = Bench::start();
    let fault = |call| Fault {
        verb: Verb::Tellings,
        call,
        when: When::Before,
        error: StoreError::Full,
    };
    let store = FailingStore::new(bench.store.clone(), (1..=100).map(fault).collect());
    let ours = &bench.outbound;
    let outbound = Outbound::new(
        (*ours.planner()).clone(),
        ours.settings.clone(),
        store.clone(),
        ours.world.clone(),
        ours.writer.clone(),
        Arc::default(),
        Arc::default(),
    );
    let (stop, stopped) = watch::channel(false);
    let began = Instant::now();
    let telling = tokio::spawn(outbound.tell_together(AT_ONCE, stopped));
    let thrice = async {
        while store.calls(Verb::Tellings) < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let thrice = tokio::time::timeout(PATIENCE, thrice).await;
    assert!(thrice.is_ok(), "it goes on");
    // After one second and two more; a slow machine takes longer.
    assert!(began.elapsed() >= Duration::from_secs(3));
    stop.send(true).expect("it still tries");
    telling.await.expect("it ends");
}
