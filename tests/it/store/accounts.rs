//! The suite's checks of accounts and of the guard over spending.

use std::sync::Arc;

use sms_milter::sms::Class;
use sms_milter::store::accounts::{Account, Crossing, Meter, Notice, Reset};
use sms_milter::store::guard::{Guard, Need, Over, Run, Watch};
use sms_milter::store::{Charge, Message, NewMessage, Settlement, State, Store, StoreError, Taken};

use super::make::*;
use super::suite::Backend;

const ANN: &str = "ann@example.com";

fn of(n: u64, charge: Charge) -> Message {
    Message {
        charge: Some(charge),
        ..message(n)
    }
}

fn in_month(month: &str, segments: u32, limit: u32) -> Charge {
    Charge {
        month: month.into(),
        ..charge(segments, limit)
    }
}

fn guarded(message: Message, guard: &Guard) -> NewMessage {
    NewMessage {
        watch: Watch {
            guard: Some(guard.clone()),
            ..Watch::default()
        },
        ..plain_of(message)
    }
}

/// Puts a message as a sender does: held, when the guard says so. Whether it goes out.
async fn send(store: &Arc<dyn Store>, second: i64, new: NewMessage) -> Result<(), Over> {
    match store.put(at(second), vec![new.clone()], vec![]).await {
        Ok(_) => Ok(()),
        Err(StoreError::Incomplete(needs)) => {
            let [Need::Hold { id, over }] = &needs[..] else {
                panic!("{needs:?}");
            };
            assert_eq!(*id, new.message.id);
            let mut held = new;
            held.message.state = State::Held;
            let taken = store.put(at(second), vec![held], vec![]).await;
            assert_eq!(taken, Ok(vec![Taken::Queued]));
            Err(over.clone())
        }
        Err(error) => panic!("{error}"),
    }
}

pub async fn no_month_opens_again(mut backend: impl Backend) {
    let store = backend.store();
    for (n, month, used, charged) in [
        (1, "2026-12", 3, "2026-12"),
        (2, "2026-11", 6, "2026-12"),
        (3, "2027-01", 3, "2027-01"),
        (4, "2026-12", 6, "2027-01"),
    ] {
        let new = plain_of(of(n, in_month(month, 3, 6)));
        store.put(at(0), vec![new], vec![]).await.expect("room");
        let found = store.find(id(n)).await.expect("find").expect("there");
        let charge = found.charge.expect("a charge");
        assert_eq!(charge.month, charged, "message {n}");
        assert_eq!(store.used(ANN, charged).await, Ok(used), "message {n}");
    }
    let new = plain_of(of(5, in_month("2026-11", 1, 6)));
    let full = StoreError::OverLimit {
        account: ANN.into(),
        month: "2027-01".into(),
        used: 6,
        limit: 6,
    };
    assert_eq!(store.put(at(0), vec![new], vec![]).await, Err(full));
    // What is given back goes where it came from, also after a restart.
    drop(store);
    backend.reopen();
    let store = backend.store();
    let second = store.find(id(2)).await.expect("find").expect("there");
    let refund = second.charge.clone().into_iter().collect();
    let settled = Settlement {
        refund,
        ..settlement(second)
    };
    store.settle(at(1), settled).await.expect("settled");
    assert_eq!(store.used(ANN, "2026-12").await, Ok(3));
    assert_eq!(store.used(ANN, "2027-01").await, Ok(6));
    let account = store.account(ANN).await.expect("read").expect("there");
    assert_eq!(account.last_sent, Some(at(0)));
}

pub async fn a_credit_is_never_exceeded(mut backend: impl Backend) {
    let store = backend.store();
    let tasks = (0..16).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut taken = 0;
            for n in 0..20 {
                let charge = Charge {
                    credit: Some(100),
                    ..charge(1, 0)
                };
                let new = plain_of(of(task * 20 + n + 1, charge));
                match store.put(at(0), vec![new], vec![]).await {
                    Ok(_) => taken += 1,
                    Err(StoreError::NoCredit { left: 0, .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            taken
        })
    });
    let mut taken = 0;
    for task in tasks.collect::<Vec<_>>() {
        taken += task.await.expect("a sender");
    }
    assert_eq!(taken, 100);
    let reset = Reset::Credit {
        credit: 100,
        left: 7,
    };
    store.reset_account(ANN, reset).await.expect("reset");
    drop(store);
    backend.reopen();
    let account = backend.store().account(ANN).await.expect("read");
    assert_eq!(account.map(|account| account.left(100)), Some(7));
}

pub async fn a_threshold_is_told_with_the_charge(mut backend: impl Backend) {
    let told = |n: u64, notices: Vec<Notice>| NewMessage {
        watch: Watch {
            tell: true,
            notices,
            guard: None,
        },
        ..plain_of(of(n, charge(4, 10)))
    };
    let store = backend.store();
    let put = |new: NewMessage| {
        let store = store.clone();
        async move { store.put(at(0), vec![new], vec![]).await }
    };
    assert_eq!(put(told(1, vec![])).await, Ok(vec![Taken::Queued]));
    let crossing = Need::Notice(Crossing {
        account: ANN.into(),
        meter: Meter::Month,
        percent: 80,
        used: 8,
        limit: 10,
        month: "2027-01".into(),
    });
    let incomplete = Err(StoreError::Incomplete(vec![crossing]));
    assert_eq!(put(told(2, vec![])).await, incomplete);
    assert_eq!(
        store.used(ANN, "2027-01").await,
        Ok(4),
        "nothing was stored"
    );
    let notice = Notice {
        meter: Meter::Month,
        percent: 80,
        mail: mail(9),
    };
    let second = told(2, vec![notice.clone()]);
    assert_eq!(put(second).await, Ok(vec![Taken::Queued]));
    let mails = || async { store.list_mail().await.expect("mails").len() };
    assert_eq!(mails().await, 1);
    // Given back and used again, and after a restart: it was told.
    let first = store.find(id(1)).await.expect("find").expect("there");
    let refund = Settlement {
        refund: vec![charge(4, 10)],
        ..settlement(first)
    };
    store.settle(at(1), refund).await.expect("settled");
    drop(store);
    backend.reopen();
    let store = backend.store();
    let again = store.put(at(2), vec![told(3, vec![notice])], vec![]).await;
    assert_eq!(again, Ok(vec![Taken::Queued]));
    assert_eq!(store.list_mail().await.expect("mails").len(), 1);
}

pub async fn a_spend_stop_is_exact(mut backend: impl Backend) {
    let guard = Guard {
        site_day: 100,
        day: "2027-01-15".into(),
        ..Guard::default()
    };
    let store = backend.store();
    let tasks = (0..16_u64).map(|task| {
        let (store, guard) = (store.clone(), guard.clone());
        tokio::spawn(async move {
            let mut gone = 0;
            for n in 0..20 {
                let mut message = of(task * 20 + n + 1, charge(1, 0));
                message.account = format!("user{task}@example.com");
                gone += u32::from(send(&store, 0, guarded(message, &guard)).await.is_ok());
            }
            gone
        })
    });
    let mut gone = 0;
    for task in tasks.collect::<Vec<_>>() {
        gone += task.await.expect("a sender");
    }
    assert_eq!(gone, 100);
    let counts = store.counts().await.expect("counts").messages;
    assert_eq!(counts.get(&State::Queued), Some(&100));
    assert_eq!(counts.get(&State::Held), Some(&220));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let day = |day: &str| {
        let guard = Guard {
            day: day.into(),
            ..guard.clone()
        };
        move |n: u64| guarded(of(n, charge(1, 0)), &guard)
    };
    let over = Err(Over::SiteDay {
        day: "2027-01-15".into(),
        limit: 100,
    });
    assert_eq!(send(&store, 1, day("2027-01-15")(1001)).await, over);
    // The clock goes back: no day opens again.
    assert_eq!(send(&store, 1, day("2026-12-06")(1002)).await, over);
    assert_eq!(send(&store, 1, day("2027-01-16")(1003)).await, Ok(()));
    store.reset_site_day().await.expect("reset");
    assert_eq!(send(&store, 1, day("2027-01-15")(1004)).await, Ok(()));
}

pub async fn hours_are_guarded(backend: impl Backend) {
    let store = backend.store();
    let guard = Guard {
        user_hour: 6,
        number_hour: 4,
        ..Guard::default()
    };
    let new = |n: u64, phone_n: u64, class: Class| {
        let mut message = of(n, charge(2, 0));
        message.number = phone(phone_n);
        message.class = class;
        guarded(message, &guard)
    };
    let (user, number) = (Err(Over::UserHour(6)), Err(Over::NumberHour(4)));
    for (n, second, to, class, expected) in [
        (1, 0, 1, Class::Normal, Ok(())),
        (2, 0, 1, Class::Normal, Ok(())),
        (3, 0, 1, Class::Normal, number.clone()),
        (4, 0, 2, Class::Normal, Ok(())),
        (5, 0, 3, Class::Normal, user.clone()),
        // An alarm goes, and is counted.
        (6, 3_000, 1, Class::Alarm, Ok(())),
        (7, 3_899, 4, Class::Bulk, user),
        // The first hour is over; the alarm was within the next.
        (8, 3_900, 4, Class::Normal, Ok(())),
        (9, 3_900, 1, Class::Normal, Ok(())),
        (10, 3_900, 1, Class::Normal, Err(Over::UserHour(6))),
    ] {
        let sent = send(&store, second, new(n, to, class)).await;
        assert_eq!(sent, expected, "message {n}");
    }
    // What is counted of numbers goes when the hour is over.
    let dropped = store.prune(at(3_900), at(-1)).await;
    assert_eq!(dropped, Ok(1), "of the number 2");
    assert_eq!(store.prune(at(9_000), at(-1)).await, Ok(2));
}

pub async fn runs_of_neighbours_are_held(mut backend: impl Backend) {
    let store = backend.store();
    let guard = Guard {
        run: Some(Run {
            numbers: 30,
            minutes: 10,
        }),
        ..Guard::default()
    };
    let to = |n: u64, number: String| {
        let mut message = of(n, charge(1, 0));
        message.number = sms_milter::sms::Number::from_network(&number).expect("a number");
        guarded(message, &guard)
    };
    let (mut gone, mut held) = (0, 0);
    for n in 1..=50 {
        match send(&store, n as i64, to(n, format!("+420777000{n:03}"))).await {
            Ok(()) => gone += 1,
            Err(Over::Run(_)) => held += 1,
            Err(over) => panic!("{over:?}"),
        }
    }
    assert_eq!((gone, held), (30, 20));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let run = send(&store, 60, to(51, "+420777000777".into())).await;
    assert!(matches!(run, Err(Over::Run(_))), "{run:?}");
    for n in 0..50 {
        let scattered = to(100 + n, format!("+42060{:07}", n * 7_919));
        assert_eq!(send(&store, 60, scattered).await, Ok(()));
    }
    assert_eq!(
        send(&store, 700, to(52, "+420777000778".into())).await,
        Ok(())
    );
}

pub async fn what_is_held_expires(backend: impl Backend) {
    let store = backend.store();
    let mut held = of(1, charge(2, 10));
    (held.state, held.expires) = (State::Held, at(50));
    let put = store.put(at(0), vec![plain_of(held)], vec![]).await;
    assert_eq!(put, Ok(vec![Taken::Queued]));
    let day = jiff::SignedDuration::from_hours(24);
    assert_eq!(store.next_late(day), Some(at(50)));
    assert_eq!(store.lease_due(at(49), 9).await, Ok(vec![]));
    assert_eq!(store.lease_late(at(49), day, 9).await, Ok(vec![]));
    let late = store.lease_late(at(50), day, 9).await.expect("lease");
    assert_eq!(late.len(), 1);
    assert!(store.is_leased(id(1)));
    store.put_back(id(1), at(60));
    assert!(!store.is_leased(id(1)));
    assert_eq!(store.next_late(day), Some(at(60)));
    // Released, it is as any other.
    let mut message = late.into_iter().next().expect("one");
    message.state = State::Queued;
    store
        .settle(at(51), settlement(message))
        .await
        .expect("settled");
    assert_eq!(store.lease_due(at(51), 9).await.expect("lease").len(), 1);
}

pub async fn accounts_are_listed_and_set_back(backend: impl Backend) {
    let store = backend.store();
    assert_eq!(store.accounts().await, Ok(vec![]));
    assert_eq!(store.account(ANN).await, Ok(None));
    for (n, account) in [(1, ANN), (2, "bob@example.com")] {
        let charge = Charge {
            account: account.into(),
            ..charge(3, 0)
        };
        let put = store.put(at(n), vec![plain_of(of(n as u64, charge))], vec![]);
        put.await.expect("put");
    }
    let mut names: Vec<_> = store.accounts().await.expect("list");
    names.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<_> = names
        .iter()
        .map(|a| (a.name.as_str(), a.last_sent))
        .collect();
    assert_eq!(
        names,
        [(ANN, Some(at(1))), ("bob@example.com", Some(at(2)))]
    );
    let reset = Reset::Month("2027-01".into());
    store.reset_account(ANN, reset).await.expect("reset");
    assert_eq!(store.used(ANN, "2027-01").await, Ok(0));
    assert_eq!(store.used("bob@example.com", "2027-01").await, Ok(3));
    let new = Account::new(ANN);
    assert_eq!(new.used("2027-01"), 0);
}
