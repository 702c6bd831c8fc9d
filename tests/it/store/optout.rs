//! The list of phones that want no SMS: what every backend must do.

use sms_milter::store::optout::{By, Change, OptOut};
use sms_milter::store::{Filter, InboundOutcome, InboundState, Kept, StoreError, Taken};

use super::make::*;
use super::suite::Backend;

pub fn opted_out(n: u64, by: By) -> OptOut {
    OptOut {
        phone: phone(n),
        since: at(n as i64),
        by,
        note: (n > 5).then(|| "by phone".to_owned()),
        confirmation: None,
    }
}

fn by_phone() -> By {
    By::Phone {
        gateway: "hall".into(),
        ours: Some(phone(999)),
        word: "STOP".into(),
    }
}

pub async fn phones_opt_out_and_in(mut backend: impl Backend) {
    let store = backend.store();
    assert!(!store.is_opted_out(&phone(1), None));
    assert_eq!(store.opt_out(opted_out(6, By::Admin)).await, Ok(true));
    assert_eq!(store.opt_out(opted_out(1, by_phone())).await, Ok(true));
    // It stays as it was.
    let later = OptOut {
        since: at(50),
        ..opted_out(1, By::Admin)
    };
    assert_eq!(store.opt_out(later).await, Ok(false));
    // What waits for a phone that opts out waits no more.
    let mut waits = message(1);
    waits.next_attempt = at(500);
    let put = store.put(at(0), vec![plain_of(waits)], vec![]).await;
    assert_eq!(put, Ok(vec![Taken::Queued]));
    assert_eq!(
        store.opt_in(&phone(1)).await,
        Ok(Some(opted_out(1, by_phone())))
    );
    assert_eq!(store.lease_due(at(1), 9).await, Ok(vec![]));
    assert_eq!(store.opt_out(opted_out(1, by_phone())).await, Ok(true));
    assert_eq!(store.lease_due(at(1), 9).await.expect("lease").len(), 1);
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert!(store.is_opted_out(&phone(1), None) && store.is_opted_out(&phone(6), None));
    assert!(store.is_opted_out(&phone(6), Some(id(6))));
    assert_eq!(store.prune(at(9_999), at(9_999)).await, Ok(0), "for ever");
    let all = [opted_out(1, by_phone()), opted_out(6, By::Admin)];
    assert_eq!(store.opt_outs().await, Ok(all.to_vec()));
    assert_eq!(store.opt_in(&phone(2)).await, Ok(None));
    assert_eq!(
        store.opt_in(&phone(6)).await,
        Ok(Some(opted_out(6, By::Admin)))
    );
    assert!(!store.is_opted_out(&phone(6), None));
    drop(store);
    backend.reopen();
    assert_eq!(
        backend.store().opt_outs().await,
        Ok(vec![opted_out(1, by_phone())])
    );
}

pub async fn an_opt_out_is_one_with_its_sms(mut backend: impl Backend) {
    let store = backend.store();
    for n in 1..=4 {
        let kept = store.keep_inbound(at(0), id(n), received(1, None)).await;
        assert_eq!(kept, Ok(Kept::New));
    }
    let stop = |n: u64, confirmation: u64| {
        let mut confirms = message(confirmation);
        confirms.number = phone(1);
        InboundOutcome {
            mails: vec![mail(n)],
            messages: vec![new(confirms, &[key(1, at(100))])],
            ..done(vec![id(n)])
        }
    };
    let out = || Change::Out(opted_out(1, by_phone()));
    // Of what fails nothing is done.
    let bad = InboundOutcome {
        ids: vec![id(1), id(77)],
        ..stop(1, 20)
    };
    let failed = store.settle_opt(at(1), bad, out()).await;
    assert_eq!(failed, Err(StoreError::Conflict(id(77))));
    assert!(!store.is_opted_out(&phone(1), None));
    let first = store.settle_opt(at(1), stop(1, 20), out()).await;
    assert_eq!(first, Ok(vec![Taken::Queued]));
    // Again: the row stays, and the message that still goes is the one that was taken.
    let again = store.settle_opt(at(2), stop(2, 21), out()).await;
    assert_eq!(again, Ok(vec![Taken::Repeat(id(20))]));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert!(store.is_opted_out(&phone(1), None));
    assert!(store.is_opted_out(&phone(1), Some(id(21))));
    assert!(!store.is_opted_out(&phone(1), Some(id(20))));
    let kept = store.opt_outs().await.expect("list");
    assert_eq!((kept[0].since, kept[0].confirmation), (at(1), Some(id(20))));
    let start = store.settle_opt(at(3), done(vec![id(3)]), Change::In(phone(1)));
    assert_eq!(start.await, Ok(vec![]));
    assert!(!store.is_opted_out(&phone(1), None));
    // Out again while that message may still be under way.
    let back = store.settle_opt(at(4), stop(4, 22), out()).await;
    assert_eq!(back, Ok(vec![Taken::Repeat(id(20))]));
    assert!(!store.is_opted_out(&phone(1), Some(id(20))));
    assert!(store.is_opted_out(&phone(1), Some(id(22))));
    let states = store.list_inbound(0).await.expect("list");
    assert!(states.iter().all(|row| row.state == InboundState::Done));
    assert_eq!(store.list(Filter::default()).await.expect("list").len(), 1);
    assert_eq!(store.list_mail().await.expect("mails").len(), 3);
}

pub async fn an_opt_out_is_kept_as_any_sms(mut backend: impl Backend) {
    let store = backend.store();
    let dedupe = || Some(key(1, at(100)));
    let keep = async |store: &std::sync::Arc<dyn sms_milter::store::Store>, n| {
        store.keep_opt(at(0), id(n), received(1, dedupe())).await
    };
    assert_eq!(keep(&store, 1).await, Ok(Kept::New));
    drop(store);
    backend.reopen();
    let store = backend.store();
    assert_eq!(keep(&store, 2).await, Ok(Kept::Duplicate));
    let again = store.keep_inbound(at(0), id(3), received(1, dedupe()));
    assert_eq!(again.await, Ok(Kept::Duplicate));
    let due = store.lease_inbound(at(0), 9).await.expect("lease");
    assert_eq!(due.iter().map(|row| row.id).collect::<Vec<_>>(), [id(1)]);
    assert_eq!(due[0].received, received(1, dedupe()));
}
