//! The suite: what every backend must do. A backend brings a way to open it, and to open it again.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sms_milter::sms::{Class, MessageId, Receipt};
use sms_milter::store::phonebook::{
    Arrivals, Change, Entry, KeptMail, Listing, MAX_KEPT, NewKept, Question, Release, Waits,
};
use sms_milter::store::{
    Charge, Content, Counts, Filter, InboundOutcome, InboundState, Kept, MailOutcome, Message,
    NewMessage, Note, OfMail, Original, PartState, Queue, Settlement, State, Store, StoreError,
    Taken, Telling, Token,
};

pub use super::accounts::*;
use super::make::*;
pub use super::optout::*;
pub use super::stuck::*;

/// A backend under test: what it is opened from stays while it is closed.
pub trait Backend: Sized {
    /// A store with nothing in it.
    fn new() -> Self;
    /// The open store.
    fn store(&self) -> Arc<dyn Store>;
    /// Closes it and opens it again.
    fn reopen(&mut self);
}

/// Makes a test of each check, for one backend.
macro_rules! suite {
    ($backend:ty: $($check:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                let backend = <$backend as crate::store::suite::Backend>::new();
                crate::store::suite::$check(backend).await;
            }
        )*
    };
    ($backend:ty) => {
        suite! { $backend:
            what_is_put_is_there_after_reopening
            a_put_is_all_or_nothing
            repeats_are_not_taken_again
            forgotten_keys_are_free
            limits_hold_and_refunds_give_back
            attempts_are_counted_and_given_back
            notes_are_kept_whole
            a_hundred_threads_get_exactly_the_limit
            puts_commit_in_groups
            the_most_urgent_and_oldest_are_leased_first
            a_lease_ends_when_it_is_settled_or_put_back_or_with_the_process
            a_change_to_an_old_revision_is_a_conflict
            an_open_attempt_is_unknown_after_a_restart
            references_lead_to_parts
            an_attempt_is_found_by_what_it_will_be_called
            early_reports_are_kept_until_dropped
            a_number_is_a_line
            the_parked_wait_until_they_are_released
            the_late_are_found_wherever_they_wait
            a_receipt_does_not_end_the_lease_of_an_open_attempt
            who_waits_for_word_is_found_in_time
            settling_hands_in_mails_and_refunds
            what_is_told_together_waits_and_is_told_once
            an_original_is_kept_once_and_until_its_time
            lists_are_filtered_and_newest_first
            received_is_kept_once
            received_is_settled_with_all_that_follows
            an_opt_out_is_kept_as_any_sms
            the_stuck_are_found
            the_stuck_are_judged
            mails_are_found_and_judged
            links_are_newest_first
            mails_are_taken_retried_replaced_or_stuck
            pruning_drops_what_is_over
            pruning_never_drops_what_is_not_final
            large_values_are_kept
            counts_follow
            tokens_pay_as_long_as_they_are_good
            no_month_opens_again
            a_credit_is_never_exceeded
            a_threshold_is_told_with_the_charge
            a_spend_stop_is_exact
            hours_are_guarded
            runs_of_neighbours_are_held
            what_is_held_expires
            accounts_are_listed_and_set_back
            the_phonebook_changes_with_its_audit
            a_mail_waits_for_one_answer
            phones_opt_out_and_in
            an_opt_out_is_one_with_its_sms
        }
    };
}
pub(crate) use suite;

async fn put(store: &Arc<dyn Store>, n: u64) -> Message {
    let taken = store.put(at(0), vec![plain(n)], vec![]).await;
    assert_eq!(taken, Ok(vec![Taken::Queued]));
    message(n)
}

async fn lease(store: &Arc<dyn Store>, second: i64) -> Vec<Message> {
    store.lease_due(at(second), 100).await.expect("lease")
}

fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|m| m.id).collect()
}

pub async fn what_is_put_is_there_after_reopening(mut backend: impl Backend) {
    let messages = (1..=3).map(plain).collect();
    let taken = backend.store().put(at(0), messages, vec![mail(9)]).await;
    assert_eq!(taken, Ok(vec![Taken::Queued; 3]));
    for _ in 0..2 {
        let store = backend.store();
        for n in 1..=3 {
            assert_eq!(store.find(id(n)).await, Ok(Some(message(n))));
        }
        assert_eq!(store.find(id(4)).await, Ok(None));
        let mails = store.list_mail().await.expect("mails");
        assert_eq!(mails.len(), 1);
        assert_eq!((&mails[0].mail, mails[0].created), (&mail(9), at(0)));
        drop(store);
        backend.reopen();
    }
}

pub async fn a_put_is_all_or_nothing(backend: impl Backend) {
    let store = backend.store();
    let messages = vec![
        new(message(1), &[key(1, at(99))]),
        charged(2, 3, 4),
        charged(3, 3, 4),
    ];
    let refused = store.put(at(0), messages, vec![mail(9)]).await;
    let over = StoreError::OverLimit {
        account: "ann@example.com".into(),
        month: "2027-01".into(),
        used: 3,
        limit: 4,
    };
    assert_eq!(refused, Err(over));
    assert_eq!(store.counts().await, Ok(Counts::default()));
    assert_eq!(store.next_due(Queue::Messages), None);
    assert_eq!(store.used("ann@example.com", "2027-01").await, Ok(0));
    // Its key was not kept either.
    let again = store.put(at(0), vec![new(message(1), &[key(1, at(99))])], vec![]);
    assert_eq!(again.await, Ok(vec![Taken::Queued]));
    assert_eq!(store.put(at(0), vec![], vec![]).await, Ok(vec![]));
}

pub async fn repeats_are_not_taken_again(mut backend: impl Backend) {
    let store = backend.store();
    let first = || {
        let mut first = charged(1, 1, 0);
        first.dedupe = vec![key(1, at(100)), key(2, at(100))];
        first
    };
    let taken = store.put(at(0), vec![first()], vec![]).await;
    assert_eq!(taken, Ok(vec![Taken::Queued]));
    drop(store);
    backend.reopen();
    let store = backend.store();
    // Any of the keys; and a key that comes twice in one put.
    let mut second = charged(2, 1, 0);
    second.dedupe = vec![key(3, at(100)), key(2, at(100))];
    let third = new(message(3), &[key(4, at(100))]);
    let fourth = new(message(4), &[key(4, at(100))]);
    let taken = store.put(at(99), vec![second, third, fourth], vec![]).await;
    let expected = vec![Taken::Repeat(id(1)), Taken::Queued, Taken::Repeat(id(3))];
    assert_eq!(taken, Ok(expected));
    assert_eq!(store.used("ann@example.com", "2027-01").await, Ok(1));
    assert_eq!(store.find(id(2)).await, Ok(None));
    // The same message again, by a caller that did not hear the answer.
    let taken = store.put(at(0), vec![plain(3)], vec![]).await;
    assert_eq!(taken, Ok(vec![Taken::Repeat(id(3))]));
    // A key that is over.
    let taken = store.put(at(100), vec![new(message(5), &[key(1, at(200))])], vec![]);
    assert_eq!(taken.await, Ok(vec![Taken::Queued]));
}

pub async fn forgotten_keys_are_free(backend: impl Backend) {
    let store = backend.store();
    let put = |n| store.put(at(0), vec![new(message(n), &[key(1, at(99))])], vec![]);
    assert_eq!(put(1).await, Ok(vec![Taken::Queued]));
    assert_eq!(put(2).await, Ok(vec![Taken::Repeat(id(1))]));
    store.forget(vec![[1; 32], [2; 32]]);
    assert_eq!(put(3).await, Ok(vec![Taken::Queued]));
}

pub async fn limits_hold_and_refunds_give_back(mut backend: impl Backend) {
    let store = backend.store();
    let used = || async {
        let used = backend.store().used("ann@example.com", "2027-01").await;
        used.expect("used")
    };
    store
        .put(at(0), vec![charged(1, 3, 5)], vec![])
        .await
        .expect("put");
    let over = store.put(at(0), vec![charged(2, 3, 5)], vec![]).await;
    assert!(matches!(
        over,
        Err(StoreError::OverLimit {
            used: 3,
            limit: 5,
            ..
        })
    ));
    store
        .put(at(0), vec![charged(3, 2, 5)], vec![])
        .await
        .expect("put");
    // No limit.
    store
        .put(at(0), vec![charged(4, 7, 0)], vec![])
        .await
        .expect("put");
    assert_eq!(used().await, 12);
    let mut settled = store.find(id(1)).await.expect("find").expect("message");
    settled.state = State::Failed;
    let refunded = Settlement {
        refund: vec![charge(3, 5)],
        ..settlement(settled.clone())
    };
    store.settle(at(1), refunded.clone()).await.expect("settle");
    assert_eq!(used().await, 9);
    // A change that is refused gives nothing back.
    let conflict = store.settle(at(1), refunded).await;
    assert_eq!(conflict, Err(StoreError::Conflict(id(1))));
    assert_eq!(used().await, 9);
    // Never below none.
    settled.revision = 1;
    let much = Settlement {
        refund: vec![charge(100, 5)],
        ..settlement(settled)
    };
    store.settle(at(2), much).await.expect("settle");
    assert_eq!(used().await, 0);
    assert_eq!(store.used("ann@example.com", "2027-02").await, Ok(0));
    assert_eq!(store.used("bob@example.com", "2027-01").await, Ok(0));
    store
        .put(at(0), vec![charged(5, 4, 5)], vec![])
        .await
        .expect("put");
    drop(store);
    backend.reopen();
    let used = backend.store().used("ann@example.com", "2027-01").await;
    assert_eq!(used, Ok(4));
}

pub async fn attempts_are_counted_and_given_back(mut backend: impl Backend) {
    let store = backend.store();
    let count = |period: &str, limit| Charge {
        account: "sim:8949".into(),
        month: period.into(),
        segments: 1,
        limit,
        credit: None,
    };
    let counts = |day| vec![count("2027-01-05", day), count("2027-01", 9)];
    for n in 1..=3 {
        put(&store, n).await;
    }
    let begin =
        |n, day| store.begin_attempt(at(1), handed(message(n)), Some(link(n, 1)), counts(day));
    assert_eq!(begin(1, 2).await, Ok(1));
    assert_eq!(begin(2, 2).await, Ok(1));
    // Over the limit nothing is begun, counted or linked.
    let over = StoreError::OverLimit {
        account: "sim:8949".into(),
        month: "2027-01-05".into(),
        used: 2,
        limit: 2,
    };
    assert_eq!(begin(3, 2).await, Err(over));
    assert_eq!(store.find(id(3)).await, Ok(Some(message(3))));
    assert_eq!(store.links(&phone(3), at(-999)).await, Ok(vec![]));
    // What was refused is given back.
    let mut refused = message(2);
    refused.revision = 1;
    let refused = Settlement {
        refund: counts(2),
        ..settlement(refused)
    };
    assert_eq!(store.settle(at(2), refused).await, Ok(2));
    assert_eq!(begin(3, 2).await, Ok(1));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.used("sim:8949", "2027-01-05").await, Ok(2));
    assert_eq!(store.used("sim:8949", "2027-01").await, Ok(2));
    // Days are over some day, months are kept.
    let later = |day: &str| format!("{day}T00:00:00Z").parse().expect("a time");
    let before = store.prune(later("2027-01-06"), later("2027-01-05")).await;
    assert!(before.is_ok());
    assert_eq!(store.used("sim:8949", "2027-01-05").await, Ok(2));
    let after = store.prune(later("2027-02-06"), later("2027-01-06")).await;
    assert!(after.is_ok());
    assert_eq!(store.used("sim:8949", "2027-01-05").await, Ok(0));
    assert_eq!(store.used("sim:8949", "2027-01").await, Ok(2));
}

pub async fn notes_are_kept_whole(mut backend: impl Backend) {
    let store = backend.store();
    let note = |words: &[(&str, &str)]| -> Note {
        let words = words.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        words.collect()
    };
    assert_eq!(store.note("modem hall").await, Ok(Note::new()));
    let first = note(&[("imei", "35"), ("sim", "89")]);
    let second = note(&[("sim", "88 \"ж\"")]);
    for (about, words) in [
        ("modem hall", &first),
        ("alarms", &first),
        ("modem hall", &second),
    ] {
        assert_eq!(store.write_note(about, words.clone()).await, Ok(()));
    }
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.note("modem hall").await, Ok(second));
    assert_eq!(store.note("alarms").await, Ok(first));
    for _ in 0..2 {
        assert_eq!(store.write_note("alarms", Note::new()).await, Ok(()));
    }
    assert_eq!(store.note("alarms").await, Ok(Note::new()));
}

pub async fn a_hundred_threads_get_exactly_the_limit(backend: impl Backend) {
    let store = backend.store();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut taken = 0;
            for n in 0..50 {
                match store
                    .put(at(0), vec![charged(task * 50 + n, 1, 1000)], vec![])
                    .await
                {
                    Ok(_) => taken += 1,
                    Err(StoreError::OverLimit { used: 1000, .. }) => {}
                    Err(e) => panic!("{e}"),
                }
            }
            taken
        });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<u64>(), 1000);
    assert_eq!(store.used("ann@example.com", "2027-01").await, Ok(1000));
    let counts = store.counts().await.expect("counts");
    assert_eq!(counts.messages.get(&State::Queued), Some(&1000));
}

pub async fn puts_commit_in_groups(mut backend: impl Backend) {
    let store = backend.store();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { store.put(at(0), vec![plain(n)], vec![mail(n)]).await });
    }
    for taken in tasks.join_all().await {
        assert_eq!(taken, Ok(vec![Taken::Queued]));
    }
    drop(store);
    backend.reopen();
    let found = backend.store().list(Filter::default()).await.expect("list");
    assert_eq!(found.len(), 64);
}

pub async fn the_most_urgent_and_oldest_are_leased_first(backend: impl Backend) {
    let store = backend.store();
    let mut messages = Vec::new();
    for (n, class, second) in [
        (1, Class::Bulk, 1),
        (2, Class::Normal, 5),
        (3, Class::Normal, 4),
        (4, Class::Alarm, 9),
        (5, Class::Alarm, 11),
    ] {
        let mut message = message(n);
        (message.class, message.next_attempt) = (class, at(second));
        messages.push(plain_of(message));
    }
    let mut held = message(6);
    held.state = State::Held;
    messages.push(plain_of(held));
    store.put(at(0), messages, vec![]).await.expect("put");
    assert_eq!(store.next_due(Queue::Messages), Some(at(1)));
    let first = store.lease_due(at(10), 2).await.expect("lease");
    assert_eq!(ids(&first), [id(4), id(3)]);
    assert_eq!(store.next_due(Queue::Messages), Some(at(1)));
    assert_eq!(ids(&lease(&store, 10).await), [id(2), id(1)]);
    assert_eq!(ids(&lease(&store, 10).await), []);
    assert_eq!(store.next_due(Queue::Messages), Some(at(11)));
    assert_eq!(ids(&lease(&store, 11).await), [id(5)]);
    assert_eq!(store.next_due(Queue::Messages), None);
}

pub async fn a_lease_ends_when_it_is_settled_or_put_back_or_with_the_process(
    mut backend: impl Backend,
) {
    let store = backend.store();
    put(&store, 1).await;
    let leased = lease(&store, 0).await.remove(0);
    assert!(store.is_leased(id(1)));
    store.put_back(id(1), at(5));
    assert!(!store.is_leased(id(1)));
    assert_eq!(store.next_due(Queue::Messages), Some(at(5)));
    assert_eq!(lease(&store, 4).await, []);
    assert_eq!(lease(&store, 5).await, std::slice::from_ref(&leased));

    // An attempt goes on with the lease.
    let mut sending = handed(leased);
    sending.revision = store
        .begin_attempt(at(5), sending.clone(), None, vec![])
        .await
        .expect("begin");
    assert_eq!(sending.revision, 1);
    assert!(store.is_leased(id(1)));
    assert_eq!(lease(&store, 1000).await, []);

    // Back to the queue.
    let mut queued = sending;
    queued.state = State::Queued;
    queued.parts = vec![part()];
    queued.next_attempt = at(60);
    queued.error = Some("no route".into());
    queued.revision = store
        .settle(at(6), settlement(queued.clone()))
        .await
        .expect("settle");
    assert!(!store.is_leased(id(1)));
    assert_eq!(store.next_due(Queue::Messages), Some(at(60)));
    assert_eq!(lease(&store, 60).await, [queued.clone()]);
    // It was settled meanwhile: nothing to put back.
    queued.state = State::Cancelled;
    store
        .settle(at(61), settlement(queued))
        .await
        .expect("settle");
    store.put_back(id(1), at(0));
    assert_eq!(store.next_due(Queue::Messages), None);

    put(&store, 2).await;
    assert_eq!(ids(&lease(&store, 0).await), [id(2)]);
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert!(!store.is_leased(id(2)));
    assert_eq!(ids(&lease(&store, 0).await), [id(2)]);
}

pub async fn a_change_to_an_old_revision_is_a_conflict(backend: impl Backend) {
    let store = backend.store();
    let old = put(&store, 1).await;
    assert_eq!(store.settle(at(1), settlement(old.clone())).await, Ok(1));
    let conflict = Err(StoreError::Conflict(id(1)));
    let late = Settlement {
        mails: vec![mail(9)],
        ..settlement(sent(old.clone(), "5"))
    };
    assert_eq!(store.settle(at(2), late).await, conflict);
    assert_eq!(
        store
            .begin_attempt(at(2), handed(old), Some(link(1, 1)), vec![])
            .await,
        conflict
    );
    let mut absent = message(2);
    absent.revision = 3;
    let absent = store.settle(at(2), settlement(absent)).await;
    assert_eq!(absent, Err(StoreError::Conflict(id(2))));
    // And nothing that came with them happened.
    assert_eq!(store.list_mail().await, Ok(vec![]));
    assert_eq!(store.by_reference("modem0", "5").await, Ok(vec![]));
    assert_eq!(store.links(&phone(1), at(-999)).await, Ok(vec![]));
}

pub async fn an_open_attempt_is_unknown_after_a_restart(mut backend: impl Backend) {
    let store = backend.store();
    put(&store, 1).await;
    let mut sending = handed(lease(&store, 0).await.remove(0));
    sending.next_attempt = at(500);
    store
        .begin_attempt(at(1), sending, None, vec![])
        .await
        .expect("begin");
    let now = store.find(id(1)).await.expect("find").expect("message");
    assert!(matches!(now.parts[0].state, PartState::Handed { .. }));
    drop(store);
    backend.reopen();
    let store = backend.store();
    // Due at once, whatever it says.
    let found = lease(&store, 0).await.remove(0);
    assert_eq!((found.state, found.revision), (State::Sending, 1));
    let PartState::Unknown {
        gateway,
        at: since,
        reason,
    } = &found.parts[0].state
    else {
        panic!("{:?}", found.parts[0].state);
    };
    assert_eq!((gateway.as_str(), *since), ("modem0", at(1)));
    assert!(reason.contains("stopped"), "{reason}");
    assert_eq!(store.find(id(1)).await, Ok(Some(found.clone())));
    assert_eq!(store.list(Filter::default()).await, Ok(vec![found.clone()]));
    // A new attempt of this process is open again.
    let again = handed(found);
    store
        .begin_attempt(at(2), again, None, vec![])
        .await
        .expect("begin");
    let now = store.find(id(1)).await.expect("find").expect("message");
    assert!(matches!(now.parts[0].state, PartState::Handed { .. }));
}

pub async fn references_lead_to_parts(mut backend: impl Backend) {
    let store = backend.store();
    let mut long = put(&store, 1).await;
    long.parts = vec![part(), part()];
    for (part, reference) in [(0, "A"), (1, "B")] {
        long.parts[part].state = PartState::Sent {
            gateway: "http0".into(),
            reference: Some(reference.into()),
            at: at(1),
        };
        long.parts[part].attempts = vec![attempt("http0", 1, Some(reference))];
    }
    long.state = State::Sent;
    long.revision = store
        .settle(at(1), settlement(long.clone()))
        .await
        .expect("settle");
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(
        store.by_reference("http0", "B").await,
        Ok(vec![(long.clone(), 1)])
    );
    assert_eq!(store.by_reference("http1", "B").await, Ok(vec![]));
    assert_eq!(store.by_reference("http0", "C").await, Ok(vec![]));
    // A receipt makes it delivered; its reference stays.
    long.parts[0].receipt = Some(Receipt::Delivered);
    long.revision = store
        .settle(at(2), settlement(long.clone()))
        .await
        .expect("settle");
    assert_eq!(store.by_reference("http0", "A").await, Ok(vec![(long, 0)]));
    // A modem counts to 255 and begins again: all have it, the newest first.
    for n in 2..100 {
        let mut message = sent(put(&store, n).await, "17");
        message.parts[0].attempts[0].at = at(n as i64);
        store
            .settle(at(1), settlement(message))
            .await
            .expect("settle");
    }
    let found = store.by_reference("modem0", "17").await.expect("find");
    let found: Vec<_> = found.iter().map(|(m, part)| (m.id, *part)).collect();
    let newest: Vec<_> = (36..100).rev().map(|n| (id(n), 0)).collect();
    assert_eq!(found, newest);
}

pub async fn an_attempt_is_found_by_what_it_will_be_called(mut backend: impl Backend) {
    let store = backend.store();
    put(&store, 1).await;
    let mut sending = handed(lease(&store, 0).await.remove(0));
    sending.parts[0].attempts[0].reference = Some("17".into());
    sending.revision = store
        .begin_attempt(at(1), sending.clone(), None, vec![])
        .await
        .expect("begin");
    let found = store.by_reference("modem0", "17").await;
    assert_eq!(found, Ok(vec![(sending.clone(), 0)]));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let mut found = store.by_reference("modem0", "17").await.expect("find");
    assert!(matches!(
        found[0].0.parts[0].state,
        PartState::Unknown { .. }
    ));
    // A second attempt, and the modem counts by itself.
    let mut again = found.remove(0).0;
    again.parts[0]
        .attempts
        .push(attempt("modem0", 5, Some("17")));
    again.revision = store
        .settle(at(5), settlement(again.clone()))
        .await
        .expect("settle");
    assert_eq!(
        store.by_reference("modem0", "17").await,
        Ok(vec![(again.clone(), 0)]),
        "once, however many attempts"
    );
    again.parts[0].attempts[1].reference = Some("90".into());
    again.parts[0].attempts.remove(0);
    store
        .settle(at(6), settlement(again))
        .await
        .expect("settle");
    assert_eq!(store.by_reference("modem0", "17").await, Ok(vec![]));
    let found = store.by_reference("modem0", "90").await.expect("find");
    assert_eq!(found.len(), 1);
}

pub async fn early_reports_are_kept_until_dropped(mut backend: impl Backend) {
    let store = backend.store();
    assert_eq!(store.reports(None).await, Ok(vec![]));
    let of = |n| report(n, if n < 3 { "A" } else { "B" }, Receipt::Delivered);
    for n in 1..=3 {
        store.keep_report(of(n)).await.expect("keep");
    }
    drop(store);
    for _ in 0..2 {
        let store = backend.store();
        let found = store.reports(Some(("modem0", "A"))).await;
        assert_eq!(found, Ok(vec![of(1), of(2)]));
        assert_eq!(store.reports(Some(("modem1", "A"))).await, Ok(vec![]));
        assert_eq!(store.reports(None).await.expect("reports").len(), 3);
        drop(store);
        backend.reopen();
    }
    let store = backend.store();
    for _ in 0..2 {
        store.drop_report(of(1)).await.expect("drop");
    }
    let found = store.reports(Some(("modem0", "A"))).await;
    assert_eq!(found, Ok(vec![of(2)]));
    // The rest goes after a day.
    assert_eq!(store.prune(at(86_402), at(0)).await, Ok(0));
    assert_eq!(store.prune(at(86_404), at(0)).await, Ok(2));
    assert_eq!(store.reports(None).await, Ok(vec![]));
}

/// A message in the line of phone 1.
async fn stand_in_line(store: &Arc<dyn Store>, n: u64, class: Class) -> Message {
    let mut message = message(n);
    message.number = phone(1);
    (message.class, message.created) = (class, at(n as i64));
    let taken = store.put(at(0), vec![plain_of(message.clone())], vec![]);
    taken.await.expect("put");
    message
}

pub async fn a_number_is_a_line(mut backend: impl Backend) {
    let store = backend.store();
    for n in 1..=3 {
        stand_in_line(&store, n, Class::Normal).await;
    }
    put(&store, 9).await;
    let mut first = lease(&store, 10).await.remove(0);
    assert_eq!(first.id, id(1));
    assert_eq!(ids(&lease(&store, 10).await), []);
    // It waits for its next attempt, and they for it; other numbers go on.
    first.next_attempt = at(100);
    first.revision = store
        .settle(at(10), settlement(first.clone()))
        .await
        .expect("settle");
    assert_eq!(ids(&lease(&store, 99).await), []);
    assert_eq!(store.next_due(Queue::Messages), Some(at(100)));
    // An alarm may pass, a message of a lower class may not.
    stand_in_line(&store, 4, Class::Bulk).await;
    stand_in_line(&store, 5, Class::Alarm).await;
    assert_eq!(ids(&lease(&store, 99).await), [id(5)]);
    assert_eq!(ids(&lease(&store, 200).await), []);
    store.put_back(id(5), at(150));
    assert_eq!(ids(&lease(&store, 149).await), []);
    let mut alarm = lease(&store, 150).await.remove(0);
    // What ends makes room; and all the same after a restart.
    alarm.state = State::Failed;
    store
        .settle(at(150), settlement(alarm))
        .await
        .expect("settle");
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(ids(&lease(&store, 99).await), [id(9)]);
    let mut first = lease(&store, 100).await.remove(0);
    assert_eq!(first.id, id(1));
    // Nobody knows whether it was sent, again: the others have waited long enough.
    first.parts[0].unknowns = 2;
    first.next_attempt = at(1000);
    store
        .settle(at(100), settlement(first))
        .await
        .expect("settle");
    assert_eq!(ids(&lease(&store, 100).await), [id(2)]);
    for n in [2, 3, 4] {
        let mut next = store.find(id(n)).await.expect("find").expect("message");
        next.state = State::Expired;
        assert_eq!(ids(&lease(&store, 999).await), []);
        store
            .settle(at(100), settlement(next))
            .await
            .expect("settle");
        let expected: &[_] = if n < 4 { &[id(n + 1)] } else { &[] };
        assert_eq!(ids(&lease(&store, 999).await), expected, "after {n}");
    }
    assert_eq!(ids(&lease(&store, 1000).await), [id(1)]);
}

pub async fn the_parked_wait_until_they_are_released(backend: impl Backend) {
    let store = backend.store();
    for n in 1..=3 {
        stand_in_line(&store, n, Class::Normal).await;
    }
    for n in 7..=9 {
        put(&store, n).await;
    }
    let found = lease(&store, 10).await;
    assert_eq!(ids(&found), [1, 7, 8, 9].map(id));
    for message in &found {
        let what = if message.id == id(9) { "b" } else { "a c" };
        store.park(message.id, what);
    }
    assert_eq!(store.parked(), ["a c", "b"]);
    assert_eq!(
        (
            ids(&lease(&store, 999).await),
            store.next_due(Queue::Messages)
        ),
        (vec![], None)
    );
    store.release("b", 9);
    store.release("nobody", 9);
    assert_eq!(ids(&lease(&store, 10).await), [id(9)]);
    // As they were created: 7 and 8 before the line of phone 1.
    store.release("a c", 2);
    assert_eq!(ids(&lease(&store, 10).await), [id(7), id(8)]);
    store.release("a c", 2);
    assert_eq!(store.parked(), [""; 0]);
    assert_eq!(ids(&lease(&store, 10).await), [id(1)]);
    // Parked, it still is the first; settled, it is not parked any more.
    store.park(id(1), "a");
    assert_eq!(ids(&lease(&store, 10).await), []);
    let mut first = message(1);
    (first.number, first.state) = (phone(1), State::Cancelled);
    store
        .settle(at(10), settlement(first))
        .await
        .expect("settle");
    assert_eq!(store.parked(), [""; 0]);
    assert_eq!(ids(&lease(&store, 10).await), [id(2)]);
    // Not held: nothing to park.
    store.park(id(3), "a");
    assert_eq!(store.parked(), [""; 0]);
}

pub async fn the_late_are_found_wherever_they_wait(backend: impl Backend) {
    let store = backend.store();
    for n in 1..=3 {
        stand_in_line(&store, n, Class::Normal).await;
    }
    let hour = jiff::SignedDuration::from_secs(3600);
    let late = async |second| {
        let found = store.lease_late(at(second), hour, 9).await;
        ids(&found.expect("lease"))
    };
    assert_eq!(store.next_late(hour), Some(at(3601)));
    assert_eq!(late(3600).await, []);
    assert_eq!(ids(&lease(&store, 10).await), [id(1)]);
    store.park(id(1), "a");
    assert_eq!(late(3602).await, [id(1), id(2)]);
    assert_eq!(late(3602).await, []);
    store.put_back(id(1), at(0));
    let mut second = store.find(id(2)).await.expect("find").expect("message");
    second.warned = true;
    store
        .settle(at(10), settlement(second))
        .await
        .expect("settle");
    assert_eq!(late(3602).await, [id(1)]);
    assert_eq!(late(3603).await, [id(3)]);
    for n in [1, 3] {
        store.put_back(id(n), at(0));
    }
    // An expired one, whether its sender was warned or not; never while nobody knows whether it went.
    let mut first = store.find(id(1)).await.expect("find").expect("message");
    first.parts[0].state = PartState::Unknown {
        gateway: "modem0".into(),
        at: at(10),
        reason: "?".into(),
    };
    store
        .settle(at(10), settlement(first))
        .await
        .expect("settle");
    assert_eq!(late(432_000).await, [id(2), id(3)]);
}

pub async fn a_receipt_does_not_end_the_lease_of_an_open_attempt(backend: impl Backend) {
    let store = backend.store();
    put(&store, 1).await;
    let mut sending = handed(lease(&store, 0).await.remove(0));
    sending.parts.push(part());
    sending.revision = store
        .begin_attempt(at(1), sending.clone(), None, vec![])
        .await
        .expect("begin");
    sending.parts[0].receipt = Some(Receipt::Delivered);
    sending.revision = store
        .settle(at(2), settlement(sending.clone()))
        .await
        .expect("settle");
    assert!(store.is_leased(id(1)));
    assert_eq!(lease(&store, 9999).await, []);
    sending.parts[0].state = PartState::Queued;
    store
        .settle(at(3), settlement(sending))
        .await
        .expect("settle");
    assert!(!store.is_leased(id(1)));
}

pub async fn who_waits_for_word_is_found_in_time(mut backend: impl Backend) {
    let store = backend.store();
    let mut message = sent(put(&store, 1).await, "17");
    message.awaited = Some(at(100));
    message.revision = store
        .settle(at(1), settlement(message.clone()))
        .await
        .expect("settle");
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.next_due(Queue::Messages), Some(at(100)));
    assert_eq!(lease(&store, 99).await, []);
    assert_eq!(lease(&store, 100).await, [message.clone()]);
    assert_eq!(lease(&store, 100).await, []);
    message.awaited = Some(jiff::Timestamp::MAX);
    store
        .settle(at(100), settlement(message))
        .await
        .expect("settle");
    assert_eq!(store.next_due(Queue::Messages), None);
}

pub async fn what_is_told_together_waits_and_is_told_once(mut backend: impl Backend) {
    let minute = SignedDuration::from_secs(60);
    let hour = SignedDuration::from_hours(1);
    let mail_of = OfMail {
        id: id(900),
        messages: 3,
    };
    let store = backend.store();
    for n in 1..=2 {
        store.put(at(0), vec![plain(n)], vec![]).await.expect("put");
        let mut failed = lease(&store, 0).await.remove(0);
        failed.state = State::Failed;
        let change = Settlement {
            telling: Some(Telling {
                mail: mail_of,
                cause: "failed".into(),
                message: id(n),
                at: at(n as i64 * 50),
            }),
            ..settlement(failed)
        };
        store.settle(at(1), change).await.expect("settle");
    }
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.next_telling(minute, hour), Some(at(160)));
    // It has waited for long enough, whatever came meanwhile.
    assert_eq!(store.next_telling(hour, minute), Some(at(110)));
    assert_eq!(store.tellings(at(159), minute, hour).await, Ok(vec![]));
    let mut due = store.tellings(at(160), minute, hour).await.expect("due");
    let due = due.remove(0);
    let of: Vec<_> = due.iter().map(|telling| telling.message).collect();
    assert_eq!(of, [id(1), id(2)]);
    let tell = |mail| store.tell(at(161), due.clone(), vec![mail]);
    assert_eq!(tell(mail(7)).await, Ok(()));
    assert_eq!(tell(mail(8)).await, Err(StoreError::Conflict(id(1))));
    let mails = store.list_mail().await.expect("mails");
    assert_eq!(mails.len(), 1);
    drop(store);
    backend.reopen();
    assert_eq!(backend.store().next_telling(minute, hour), None);
}

pub async fn an_original_is_kept_once_and_until_its_time(mut backend: impl Backend) {
    // In a row, and in a file of its own.
    for (n, octets) in [(900, 100), (901, 50_000)] {
        let store = backend.store();
        let original = Original {
            id: id(n),
            until: at(500),
            whole: true,
            bytes: vec![0xFF; octets],
        };
        let new = |number: u64| NewMessage {
            original: Some(std::sync::Arc::new(original.clone())),
            ..plain(number)
        };
        let both = vec![new(2 * n), new(2 * n + 1)];
        store.put(at(0), both, vec![]).await.expect("put");
        drop(store);
        backend.reopen();
        let store = backend.store();
        assert_eq!(store.original(id(n)).await, Ok(Some(original)));
        store.prune(at(499), at(0)).await.expect("prune");
        assert!(store.original(id(n)).await.expect("read").is_some());
        store.prune(at(500), at(0)).await.expect("prune");
        assert_eq!(store.original(id(n)).await, Ok(None));
    }
}

pub async fn settling_hands_in_mails_and_refunds(mut backend: impl Backend) {
    let store = backend.store();
    store
        .put(at(0), vec![charged(1, 2, 10)], vec![])
        .await
        .expect("put");
    let mut failed = lease(&store, 0).await.remove(0);
    failed.state = State::Failed;
    let change = Settlement {
        telling: None,
        message: failed,
        refund: vec![charge(2, 10)],
        mails: vec![mail(8), mail(9)],
    };
    assert_eq!(store.settle(at(1), change).await, Ok(1));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.used("ann@example.com", "2027-01").await, Ok(0));
    let mails = store.lease_mail(at(1), 9).await.expect("lease");
    let mails: Vec<_> = mails.into_iter().map(|q| q.mail).collect();
    assert_eq!(mails, [mail(8), mail(9)]);
    assert_eq!(lease(&store, 9999).await, []);
}

pub async fn lists_are_filtered_and_newest_first(backend: impl Backend) {
    let store = backend.store();
    for n in 1..=5 {
        let mut message = message(n);
        if n % 2 == 0 {
            message.account = "bob@example.com".into();
        }
        if n > 3 {
            message.state = State::Held;
        }
        store
            .put(at(0), vec![plain_of(message)], vec![])
            .await
            .expect("put");
    }
    let list = |states: &[State], account: Option<&str>, limit| {
        let filter = Filter {
            states: states.to_vec(),
            account: account.map(str::to_owned),
            limit,
        };
        let store = Arc::clone(&store);
        async move { ids(&store.list(filter).await.expect("list")) }
    };
    assert_eq!(list(&[], None, 0).await, [5, 4, 3, 2, 1].map(id));
    assert_eq!(list(&[], None, 2).await, [5, 4].map(id));
    assert_eq!(list(&[State::Queued], None, 0).await, [3, 2, 1].map(id));
    let both = [State::Queued, State::Held];
    assert_eq!(
        list(&both, Some("bob@example.com"), 0).await,
        [4, 2].map(id)
    );
    assert_eq!(list(&[State::Sent], None, 0).await, []);
    assert_eq!(list(&[], Some("eve@example.com"), 0).await, []);
}

pub async fn received_is_kept_once(mut backend: impl Backend) {
    let store = backend.store();
    let dedupe = key(1, at(100));
    let keep = |store: &Arc<dyn Store>, second, n, dedupe: Option<_>| {
        let store = Arc::clone(store);
        async move {
            store
                .keep_inbound(at(second), id(n), received(n, dedupe))
                .await
        }
    };
    assert_eq!(
        keep(&store, 0, 1, Some(dedupe.clone())).await,
        Ok(Kept::New)
    );
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(
        keep(&store, 99, 2, Some(dedupe.clone())).await,
        Ok(Kept::Duplicate)
    );
    assert_eq!(keep(&store, 100, 3, Some(dedupe)).await, Ok(Kept::New));
    assert_eq!(keep(&store, 0, 4, None).await, Ok(Kept::New));
    // The same again, by a gateway that did not hear the answer.
    assert_eq!(keep(&store, 0, 4, None).await, Ok(Kept::Duplicate));
    // Keys of what comes in and of what goes out are not the same.
    let out = store.put(at(0), vec![new(message(9), &[key(1, at(500))])], vec![]);
    assert_eq!(out.await, Ok(vec![Taken::Queued]));
    let found = store.list_inbound(0).await.expect("list");
    let found_ids: Vec<_> = found.iter().map(|i| i.id).collect();
    assert_eq!(found_ids, [4, 3, 1].map(id));
    assert_eq!(found[0].received, received(4, None));
    assert_eq!(store.list_inbound(1).await.expect("list").len(), 1);
}

pub async fn received_is_settled_with_all_that_follows(mut backend: impl Backend) {
    let store = backend.store();
    for n in 1..=3 {
        let mut received = received(n, None);
        if n == 3 {
            received.content = Content::Undecodable {
                reason: "no PDU".into(),
            };
        }
        let kept = store.keep_inbound(at(n as i64), id(n), received).await;
        assert_eq!(kept, Ok(Kept::New));
    }
    assert_eq!(store.next_due(Queue::Inbound), Some(at(1)));
    let due = store.lease_inbound(at(2), 9).await.expect("lease");
    let due: Vec<_> = due.iter().map(|i| i.id).collect();
    assert_eq!(due, [1, 2].map(id));
    assert_eq!(store.lease_inbound(at(2), 9).await, Ok(vec![]));
    // The answer that was given before is left out.
    let answer = || new(message(20), &[key(5, at(999))]);
    let first = InboundOutcome {
        mails: vec![mail(9)],
        messages: vec![answer()],
        ..done(vec![id(1)])
    };
    assert_eq!(store.settle_inbound(at(2), first).await, Ok(()));
    let asked = InboundOutcome {
        state: InboundState::Asked,
        due: at(50),
        messages: vec![new(message(21), &[key(5, at(999))])],
        ..done(vec![id(2)])
    };
    assert_eq!(store.settle_inbound(at(2), asked).await, Ok(()));
    let nobody = store.settle_inbound(at(2), done(vec![id(3), id(77)])).await;
    assert_eq!(nobody, Err(StoreError::Conflict(id(77))));
    let stuck = InboundOutcome {
        state: InboundState::Quarantined,
        ..done(vec![id(3)])
    };
    assert_eq!(store.settle_inbound(at(3), stuck).await, Ok(()));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let found = store.list_inbound(0).await.expect("list");
    let states: Vec<_> = found.iter().map(|i| i.state).collect();
    let expected = [
        InboundState::Quarantined,
        InboundState::Asked,
        InboundState::Done,
    ];
    assert_eq!(states, expected);
    assert_eq!(store.list_mail().await.expect("mails").len(), 1);
    assert_eq!(
        ids(&store.list(Filter::default()).await.expect("list")),
        [id(20)]
    );
    assert_eq!(store.lease_inbound(at(49), 9).await, Ok(vec![]));
    let due = store.lease_inbound(at(50), 9).await.expect("lease");
    assert_eq!(due.iter().map(|i| i.id).collect::<Vec<_>>(), [id(2)]);
}

pub async fn links_are_newest_first(mut backend: impl Backend) {
    let store = backend.store();
    let mut message = put(&store, 1).await;
    for (n, second) in [(1, 10), (1, 30), (1, 20), (2, 40)] {
        let begun = store.begin_attempt(at(1), message.clone(), Some(link(n, second)), vec![]);
        message.revision = begun.await.expect("begin");
    }
    drop(store);
    backend.reopen();
    let store = backend.store();
    let links = store.links(&phone(1), at(15)).await;
    assert_eq!(links, Ok(vec![link(1, 30), link(1, 20)]));
    assert_eq!(store.links(&phone(2), at(40)).await, Ok(vec![link(2, 40)]));
    assert_eq!(store.links(&phone(2), at(41)).await, Ok(vec![]));
    assert_eq!(store.links(&phone(3), at(-999)).await, Ok(vec![]));
}

pub async fn mails_are_taken_retried_replaced_or_stuck(mut backend: impl Backend) {
    let store = backend.store();
    let mails = vec![mail(1), mail(2), mail(3), mail(4)];
    store.put(at(0), vec![], mails).await.expect("put");
    assert_eq!(store.next_due(Queue::Mails), Some(at(0)));
    assert_eq!(store.lease_mail(at(0), 3).await.expect("lease").len(), 3);
    assert_eq!(store.lease_mail(at(0), 9).await.expect("lease").len(), 1);
    assert_eq!(store.next_due(Queue::Mails), None);
    let later = MailOutcome::Later {
        at: at(60),
        error: "451 later".into(),
    };
    let stuck = MailOutcome::Undeliverable {
        error: "550 no such user".into(),
    };
    for (n, outcome) in [
        (1, MailOutcome::Taken),
        (2, later),
        (3, MailOutcome::Instead(vec![mail(10), mail(11)])),
        (4, stuck),
    ] {
        assert_eq!(store.settle_mail(at(1), id(n), outcome).await, Ok(()));
    }
    let gone = store.settle_mail(at(1), id(1), MailOutcome::Taken).await;
    assert_eq!(gone, Err(StoreError::Conflict(id(1))));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let left = store.list_mail().await.expect("mails");
    let left: Vec<_> = left
        .iter()
        .map(|q| (q.mail.id, q.attempts, q.undeliverable, q.error.as_deref()))
        .collect();
    let expected = [
        (id(2), 1, false, Some("451 later")),
        (id(4), 1, true, Some("550 no such user")),
        (id(10), 0, false, None),
        (id(11), 0, false, None),
    ];
    assert_eq!(left, expected);
    let due = store.lease_mail(at(60), 9).await.expect("lease");
    let due: Vec<_> = due.iter().map(|q| q.mail.id).collect();
    assert_eq!(due, [10, 11, 2].map(id));
}

pub async fn pruning_drops_what_is_over(mut backend: impl Backend) {
    let store = backend.store();
    let messages = vec![
        new(message(1), &[key(1, at(100))]),
        new(message(2), &[key(2, at(300))]),
        plain(3),
    ];
    store.put(at(0), messages, vec![]).await.expect("put");
    for (n, second, reference) in [(1, 10, "7"), (2, 200, "8"), (3, 20, "8")] {
        let begun = store.begin_attempt(at(1), handed(message(n)), Some(link(n, second)), vec![]);
        let mut message = sent(message(n), reference);
        message.revision = begun.await.expect("begin");
        store
            .settle(at(second), settlement(message))
            .await
            .expect("settle");
    }
    for n in 4..=5 {
        let dedupe = key(9, at(n as i64));
        store
            .keep_inbound(at(n as i64), id(n), received(n, Some(dedupe)))
            .await
            .expect("keep");
    }
    store
        .settle_inbound(at(10), done(vec![id(4)]))
        .await
        .expect("settle");
    // Messages 1 and 3 with their references, keys 1 and 9, links 1 and 3, SMS 4.
    assert_eq!(store.prune(at(150), at(100)).await, Ok(9));
    let named = store.by_reference("modem0", "8").await.expect("find");
    assert_eq!(named.iter().map(|n| n.0.id).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(store.prune(at(150), at(100)).await, Ok(0));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(
        ids(&store.list(Filter::default()).await.expect("list")),
        [id(2)]
    );
    assert_eq!(store.by_reference("modem0", "7").await, Ok(vec![]));
    assert_eq!(store.links(&phone(1), at(-99)).await, Ok(vec![]));
    assert_eq!(
        store.links(&phone(2), at(-99)).await,
        Ok(vec![link(2, 200)])
    );
    let inbound = store.list_inbound(0).await.expect("list");
    assert_eq!(inbound.iter().map(|i| i.id).collect::<Vec<_>>(), [id(5)]);
    let put = |n, k| store.put(at(150), vec![new(message(n), &[key(k, at(999))])], vec![]);
    assert_eq!(put(11, 1).await, Ok(vec![Taken::Queued]));
    assert_eq!(put(12, 2).await, Ok(vec![Taken::Repeat(id(2))]));
}

pub async fn pruning_never_drops_what_is_not_final(backend: impl Backend) {
    let store = backend.store();
    let mut held = message(3);
    held.state = State::Held;
    let messages = vec![plain(1), plain(2), plain_of(held)];
    store
        .put(at(0), messages, vec![mail(8), mail(9)])
        .await
        .expect("put");
    store
        .begin_attempt(at(0), handed(message(2)), None, vec![])
        .await
        .expect("begin");
    let stuck = MailOutcome::Undeliverable { error: "no".into() };
    store
        .settle_mail(at(0), id(9), stuck)
        .await
        .expect("settle");
    for n in 4..=5 {
        store
            .keep_inbound(at(0), id(n), received(n, None))
            .await
            .expect("keep");
    }
    let stuck = InboundOutcome {
        state: InboundState::Undeliverable,
        ..done(vec![id(5)])
    };
    store.settle_inbound(at(0), stuck).await.expect("settle");
    let before = store.counts().await.expect("counts");
    // Forty days on, ten years on, back to 1970, and the end of time.
    let day = 86_400;
    for second in [40 * day, 3650 * day, -1_800_000_000] {
        assert_eq!(store.prune(at(second), at(second)).await, Ok(0));
    }
    let end = jiff::Timestamp::MAX;
    assert_eq!(store.prune(end, end).await, Ok(0));
    assert_eq!(store.counts().await, Ok(before));
}

pub async fn large_values_are_kept(mut backend: impl Backend) {
    let large = |n: u64| {
        let mut message = message(n);
        message.text = "ż".repeat(20_000);
        message
    };
    let big_mail = |n: u64| {
        let mut mail = mail(n);
        mail.bytes = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        mail
    };
    let store = backend.store();
    store
        .put(at(0), vec![plain_of(large(1))], vec![big_mail(9)])
        .await
        .expect("put");
    for revision in 0..3 {
        let mut next = large(1);
        next.revision = revision;
        next.attempts = revision as u32 + 1;
        store.settle(at(1), settlement(next)).await.expect("settle");
    }
    drop(store);
    backend.reopen();
    let store = backend.store();
    let found = store.find(id(1)).await.expect("find").expect("message");
    assert_eq!(
        (found.revision, found.attempts, &found.text),
        (3, 3, &large(1).text)
    );
    let mails = store.lease_mail(at(0), 1).await.expect("lease");
    assert_eq!(mails[0].mail, big_mail(9));
    // And small again, and gone.
    let mut small = message(1);
    small.revision = 3;
    small.state = State::Cancelled;
    store
        .settle(at(2), settlement(small))
        .await
        .expect("settle");
    store
        .settle_mail(at(2), id(9), MailOutcome::Taken)
        .await
        .expect("settle");
    drop(store);
    backend.reopen();
    let store = backend.store();
    let found = store.find(id(1)).await.expect("find").expect("message");
    assert_eq!(found.text, message(1).text);
    assert_eq!(store.list_mail().await, Ok(vec![]));
}

pub async fn counts_follow(mut backend: impl Backend) {
    let store = backend.store();
    let messages = (1..=4).map(plain).collect();
    store
        .put(at(0), messages, vec![mail(8), mail(9)])
        .await
        .expect("put");
    let last = sent(message(4), "1");
    store.settle(at(1), settlement(last)).await.expect("settle");
    let stuck = MailOutcome::Undeliverable { error: "no".into() };
    store
        .settle_mail(at(1), id(9), stuck)
        .await
        .expect("settle");
    for n in 1..=3 {
        store
            .keep_inbound(at(0), id(n), received(n, None))
            .await
            .expect("keep");
    }
    store
        .settle_inbound(at(0), done(vec![id(1)]))
        .await
        .expect("settle");
    let stuck = InboundOutcome {
        state: InboundState::Undeliverable,
        ..done(vec![id(2)])
    };
    store.settle_inbound(at(0), stuck).await.expect("settle");
    let expected = Counts {
        messages: [(State::Queued, 3), (State::Sent, 1)].into(),
        inbound_open: 1,
        inbound_stuck: 1,
        mails: 1,
        mails_stuck: 1,
    };
    assert_eq!(store.counts().await, Ok(expected.clone()));
    drop(store);
    backend.reopen();
    assert_eq!(backend.store().counts().await, Ok(expected));
}

pub async fn tokens_pay_as_long_as_they_are_good(mut backend: impl Backend) {
    let token = |n: u8, uses| Token {
        digest: [n; 32],
        account: "ann@example.com".into(),
        numbers: vec![phone(1), phone(2)],
        created: at(0),
        expires: at(100),
        uses,
        used: 0,
        last_used: None,
    };
    let (twice, always) = (token(1, Some(2)), token(2, None));
    let store = backend.store();
    for token in [&twice, &always] {
        assert_eq!(store.add_token(token.clone()).await, Ok(true));
    }
    assert_eq!(store.add_token(twice.clone()).await, Ok(false));
    let brought = |n: u64, by: &Token| {
        let mut message = charged(n, 1, 0);
        message.message.origin.token = Some(by.id());
        message
    };
    let over = |token: &Token| StoreError::TokenOver(token.id());
    for n in 1..=2 {
        let put = store.put(at(1), vec![brought(n, &twice)], vec![]).await;
        assert_eq!(put, Ok(vec![Taken::Queued]));
    }
    // A repeat is neither counted nor refused; a third message is, and is charged to nobody.
    let put = store.put(at(2), vec![brought(2, &twice)], vec![]).await;
    assert_eq!(put, Ok(vec![Taken::Repeat(id(2))]));
    let put = vec![brought(4, &always), brought(3, &twice)];
    assert_eq!(store.put(at(2), put, vec![]).await, Err(over(&twice)));
    assert_eq!(store.used("ann@example.com", "2027-01").await, Ok(2));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let spent = Token {
        used: 2,
        last_used: Some(at(1)),
        ..twice.clone()
    };
    let found = store.token(twice.digest).await;
    assert_eq!(found, Ok(Some(spent.clone())));
    assert!(!spent.is_good(at(2)) && always.is_good(at(99)) && !always.is_good(at(100)));
    // Its name alone opens nothing.
    let mut name = [0; 32];
    name[..8].copy_from_slice(&[1; 8]);
    assert_eq!(store.token(name).await, Ok(None));
    assert_eq!(
        store.tokens().await,
        Ok(vec![spent.clone(), always.clone()])
    );
    assert_eq!(store.revoke_token(twice.id()).await, Ok(Some(spent)));
    assert_eq!(store.revoke_token(twice.id()).await, Ok(None));
    let put = store.put(at(2), vec![brought(5, &twice)], vec![]).await;
    assert_eq!(put, Err(over(&twice)));
    let put = store.put(at(100), vec![brought(6, &always)], vec![]).await;
    assert_eq!(put, Err(over(&always)));
    assert_eq!(store.prune(at(200), at(100)).await, Ok(0));
    assert_eq!(store.prune(at(200), at(101)).await, Ok(1));
    assert_eq!(store.tokens().await, Ok(vec![]));
}

pub fn entry(address: &str, n: u64) -> Listing {
    Listing::Entry(Entry {
        address: address.into(),
        number: phone(n),
        shown: Some("Ann Smith".into()),
        owner: None,
        notes: None,
        changed: at(1),
    })
}

pub fn change(n: u64, address: &str, was: Option<Listing>, is: Option<Listing>) -> Arrivals {
    let change = Change::new(id(n), at(n as i64), "ann@example.com", address, was, is);
    Arrivals {
        changes: vec![change],
        ..Arrivals::default()
    }
}

pub async fn the_phonebook_changes_with_its_audit(mut backend: impl Backend) {
    let store = backend.store();
    let (ann, bob) = ("ann@example.com", "bob@example.com");
    let names = [ann.to_owned(), bob.to_owned()];
    let first = change(1, ann, None, Some(entry(ann, 1)));
    assert!(store.take(at(1), first.clone()).await.is_ok());
    assert!(
        store
            .take(at(1), change(2, bob, None, Some(entry(bob, 1))))
            .await
            .is_ok()
    );
    // Whoever decided on something else has to decide anew, and nothing of it is stored.
    let mut late = change(3, ann, None, Some(entry(ann, 2)));
    late.messages = vec![plain(7)];
    let refused = store.take(at(2), late).await;
    assert_eq!(refused, Err(StoreError::Changed(ann.into())));
    assert_eq!(store.find(id(7)).await, Ok(None));
    let owners = |entries: Vec<Entry>| entries.into_iter().map(|e| e.address).collect::<Vec<_>>();
    assert_eq!(owners(store.whose(&phone(1)).await.expect("whose")), names);
    let moved = change(4, ann, Some(entry(ann, 1)), Some(entry(ann, 2)));
    assert!(store.take(at(3), moved).await.is_ok());
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.listings(&names[..1]).await, Ok(vec![entry(ann, 2)]));
    assert_eq!(
        store.phonebook().await,
        Ok(vec![entry(ann, 2), entry(bob, 1)])
    );
    assert_eq!(owners(store.whose(&phone(1)).await.expect("whose")), [bob]);
    assert_eq!(owners(store.whose(&phone(2)).await.expect("whose")), [ann]);
    let gone = change(5, ann, Some(entry(ann, 2)), None);
    assert!(store.take(at(4), gone).await.is_ok());
    assert_eq!(store.listings(&names[..1]).await, Ok(vec![]));
    assert_eq!(store.whose(&phone(2)).await, Ok(vec![]));
    let lines = store.audit(Some(ann), 0).await.expect("audit");
    let said: Vec<_> = lines
        .iter()
        .map(|l| (l.old.is_some(), l.new.is_some()))
        .collect();
    assert_eq!(said, [(true, false), (true, true), (false, true)]);
    assert_eq!(store.audit(None, 1).await.expect("audit").len(), 1);
    // The audit is kept for a year, the listings for ever.
    let year = 367 * 86_400;
    assert_eq!(store.prune(at(year - 2 * 86_400), at(year)).await, Ok(0));
    assert_eq!(store.prune(at(year), at(year)).await, Ok(4));
    assert_eq!(store.phonebook().await, Ok(vec![entry(bob, 1)]));
}

fn kept(n: u64) -> NewKept {
    let question = Question {
        id: id(1000 + n),
        sender: "ann@example.com".into(),
        address: "bob@example.com".into(),
        code: [n as u8; 32],
        asked: at(n as i64),
        until: at(100 + n as i64),
        mails: 0,
    };
    NewKept {
        question,
        asks: mail(2000 + n),
        mail: KeptMail {
            id: id(n),
            origin: Default::default(),
            kept: at(n as i64),
            text: "wait".into(),
            matter: None,
            flash: false,
            confirm: false,
            private: false,
            due: None,
            expires: None,
            notes: vec![],
            fingerprint: Some([n as u8; 32]),
        },
        dedupe: key(n as u8, at(500)),
    }
}

pub fn keeping(n: u64) -> Arrivals {
    Arrivals {
        kept: vec![kept(n)],
        ..Arrivals::default()
    }
}

pub async fn a_mail_waits_for_one_answer(mut backend: impl Backend) {
    let store = backend.store();
    let asked = store.take(at(1), keeping(1)).await.expect("kept");
    assert_eq!(asked.kept, [Waits::Asked(id(1))]);
    let joined = store.take(at(2), keeping(2)).await.expect("kept");
    assert_eq!(joined.kept, [Waits::Joined(id(2))]);
    let again = store.take(at(2), keeping(2)).await.expect("kept");
    assert_eq!(again.kept, [Waits::Repeat(id(2))]);
    assert_eq!(
        store.list_mail().await.expect("mails").len(),
        1,
        "one question"
    );
    for n in 3..=u64::from(MAX_KEPT) {
        assert!(store.take(at(3), keeping(n)).await.is_ok());
    }
    let full = store.take(at(3), keeping(99)).await;
    assert_eq!(full, Err(StoreError::Crowded("bob@example.com".into())));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(store.questions(Some("bob@example.com")).await, Ok(vec![]));
    let open = store
        .questions(Some("ann@example.com"))
        .await
        .expect("questions");
    assert_eq!(store.questions(None).await, Ok(open.clone()));
    assert_eq!(
        (open.len(), open[0].code, open[0].mails),
        (1, [1; 32], MAX_KEPT)
    );
    let waiting = store.kept(&open[0]).await.expect("kept");
    assert_eq!(waiting.len(), MAX_KEPT as usize);
    assert_eq!((waiting[0].id, waiting[1].id), (id(1), id(2)));
    // Nothing of it goes by age.
    assert_eq!(store.prune(at(400), Timestamp::MAX).await, Ok(0));
    for (n, mail) in waiting.iter().enumerate() {
        let release = Release {
            question: open[0].clone(),
            mail: mail.id,
            message: Some(plain(500 + n as u64)),
            mails: vec![],
        };
        let ended = store.end_wait(at(5), release.clone()).await;
        assert_eq!(ended, Ok(Some(Taken::Queued)));
        // Twice is once.
        assert_eq!(store.end_wait(at(5), release).await, Ok(None));
    }
    assert_eq!(store.questions(None).await, Ok(vec![]));
    assert_eq!(store.kept(&open[0]).await, Ok(vec![]));
    assert!(store.find(id(500)).await.expect("find").is_some());
}
