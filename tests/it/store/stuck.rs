//! What waits for an admin: received SMS that are stuck, and mails that the MTA does not take.

use std::sync::Arc;

use sms_milter::sms::{MessageId, Party};
use sms_milter::store::mails::MailJudgement;
use sms_milter::store::{
    Content, Inbound, InboundOutcome, InboundState, Judgement, Kept, MailOutcome, QueuedMail, Store,
};

use super::make::*;
use super::suite::Backend;

/// Keeps SMS of the phone `from`, and settles them together at that second.
async fn settled(store: &Arc<dyn Store>, from: u64, ids: &[u64], state: InboundState, second: i64) {
    for &n in ids {
        let mut received = received(from, None);
        if state == InboundState::Quarantined && from == 0 {
            received.content = Content::Undecodable {
                reason: "no PDU".into(),
            };
        }
        let kept = store.keep_inbound(at(0), id(n), received).await;
        assert_eq!(kept, Ok(Kept::New));
    }
    let outcome = InboundOutcome {
        state,
        due: at(second),
        ..done(ids.iter().map(|&n| id(n)).collect())
    };
    assert_eq!(store.settle_inbound(at(1), outcome).await, Ok(()));
}

fn names(rows: Vec<Inbound>) -> Vec<MessageId> {
    rows.iter().map(|row| row.id).collect()
}

/// Phone 7's text of 1, 4 and 5, phone 8's 2, what nobody can read 3, phone 8's 6 that is done, and 9 that waits.
async fn stuck(store: &Arc<dyn Store>) {
    settled(store, 7, &[1, 4, 5], InboundState::Quarantined, 10).await;
    settled(store, 8, &[2], InboundState::Undeliverable, 11).await;
    settled(store, 0, &[3], InboundState::Quarantined, 12).await;
    settled(store, 8, &[6], InboundState::Done, 13).await;
    settled(store, 7, &[9], InboundState::Open, 999).await;
}

pub async fn the_stuck_are_found(mut backend: impl Backend) {
    let store = backend.store();
    assert_eq!(store.stuck_inbound(None, None, 9).await, Ok(vec![]));
    assert_eq!(store.find_inbound(id(1)).await, Ok(None));
    stuck(&store).await;
    drop(store);
    backend.reopen();
    let store = backend.store();
    let find = async |from: Option<&Party>, before: Option<u64>, max| {
        let found = store.stuck_inbound(from, before.map(id), max).await;
        names(found.expect("list"))
    };
    let (seven, eight) = (Party::Number(phone(7)), Party::Number(phone(8)));
    assert_eq!(find(None, None, 99).await, [5, 4, 3, 2, 1].map(id));
    assert_eq!(find(None, None, 2).await, [5, 4].map(id));
    // From where the page before ended, whether that is stuck, done or gone.
    assert_eq!(find(None, Some(4), 2).await, [3, 2].map(id));
    assert_eq!(find(None, Some(8), 1).await, [id(5)]);
    assert_eq!(find(None, Some(1), 9).await, []);
    assert_eq!(find(Some(&seven), None, 99).await, [5, 4, 1].map(id));
    assert_eq!(find(Some(&seven), Some(5), 1).await, [id(4)]);
    assert_eq!(find(Some(&eight), None, 99).await, [id(2)]);
    assert_eq!(find(Some(&Party::Name("ACME".into())), None, 99).await, []);
    for (n, state, due) in [
        (4, InboundState::Quarantined, 10),
        (2, InboundState::Undeliverable, 11),
        (6, InboundState::Done, 13),
        (9, InboundState::Open, 999),
    ] {
        let found = store.find_inbound(id(n)).await.expect("find");
        let found = found.expect("a row");
        assert_eq!((found.state, found.due), (state, at(due)), "{n}");
    }
    let row = store.find_inbound(id(2)).await.expect("find");
    assert_eq!(row.expect("a row").received, received(8, None));
    assert_eq!(store.find_inbound(id(77)).await, Ok(None));
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.inbound_open, counts.inbound_stuck), (1, 5));
}

pub async fn the_stuck_are_judged(mut backend: impl Backend) {
    let store = backend.store();
    stuck(&store).await;
    let judge = async |store: &Arc<dyn Store>, ids: &[u64], judgement| {
        let ids = ids.iter().map(|&n| id(n)).collect();
        store.judge_inbound(at(20), ids, judgement).await
    };
    // What cannot be read has no text; what is done, open or not here is nothing to decide about.
    let all = [1, 3, 4, 5, 6, 9, 77];
    assert_eq!(judge(&store, &all, Judgement::Release).await, Ok(3));
    assert_eq!(judge(&store, &all, Judgement::Release).await, Ok(0));
    assert_eq!(judge(&store, &[2, 6, 9], Judgement::Drop).await, Ok(1));
    assert_eq!(judge(&store, &[1, 2], Judgement::Drop).await, Ok(0));
    drop(store);
    backend.reopen();
    let store = backend.store();
    let state = async |n| {
        let row = store.find_inbound(id(n)).await.expect("find");
        row.expect("a row").state
    };
    for (n, expected) in [
        (1, InboundState::Released),
        (2, InboundState::Done),
        (3, InboundState::Quarantined),
        (5, InboundState::Released),
        (6, InboundState::Done),
        (9, InboundState::Open),
    ] {
        assert_eq!(state(n).await, expected, "{n}");
    }
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.inbound_open, counts.inbound_stuck), (4, 1));
    // They stay due when they were settled, by which they know each other; all of them at once, however few are
    // asked for.
    let leased = store.lease_inbound(at(20), 1).await.expect("lease");
    assert!(leased.iter().all(|row| row.due == at(10)));
    assert_eq!(names(leased), [1, 4, 5].map(id));
    assert_eq!(store.lease_inbound(at(20), 9).await, Ok(vec![]));
    assert_eq!(judge(&store, &[3], Judgement::Drop).await, Ok(1));
    assert_eq!(store.stuck_inbound(None, None, 9).await, Ok(vec![]));
}

pub async fn mails_are_found_and_judged(mut backend: impl Backend) {
    let store = backend.store();
    let mut post = mail(4);
    post.post = true;
    let all = vec![mail(1), mail(2), mail(3), post, mail(5)];
    store.put(at(0), vec![], all).await.expect("put");
    let refused = || MailOutcome::Undeliverable {
        error: "550 no".into(),
    };
    for n in [2, 4, 5] {
        assert_eq!(store.settle_mail(at(1), id(n), refused()).await, Ok(()));
    }
    drop(store);
    backend.reopen();
    let store = backend.store();
    let list = async |stuck, max| {
        let found = store.mails(stuck, max).await.expect("list");
        let found = found.iter().map(|queued| queued.mail.id);
        found.collect::<Vec<_>>()
    };
    assert_eq!(list(false, 0).await, [5, 4, 3, 2, 1].map(id));
    assert_eq!(list(false, 2).await, [5, 4].map(id));
    assert_eq!(list(true, 0).await, [5, 4, 2].map(id));
    assert_eq!(list(true, 1).await, [id(5)]);
    let stuck = store.stuck_mails().await.expect("list");
    assert_eq!(stuck, [(id(2), false), (id(4), true), (id(5), false)]);
    let find = async |n| store.find_mail(id(n)).await.expect("find");
    assert_eq!(find(77).await, None);
    assert_eq!(find(2).await.expect("a mail").mail, mail(2));

    // One that is being handed in is not begun a second time.
    assert_eq!(store.lease_mail(at(1), 1).await.expect("lease").len(), 1);
    assert!(store.is_mail_leased(id(1)) && !store.is_mail_leased(id(3)));
    let judge = async |ids: &[u64], judgement| {
        let ids = ids.iter().map(|&n| id(n)).collect();
        let judged = store.judge_mail(at(9), ids, judgement).await;
        judged.map(|judged| judged.len())
    };
    let retry = |to: Option<&str>| MailJudgement::Retry {
        to: to.map(str::to_owned),
    };
    let drop_those = |refused| MailJudgement::Drop { refused };
    assert_eq!(judge(&[1, 3], drop_those(true)).await, Ok(0));
    assert_eq!(judge(&[1, 2, 77], retry(None)).await, Ok(1));
    assert_eq!(judge(&[4, 5], retry(Some("me@example.com"))).await, Ok(2));
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.mails, counts.mails_stuck), (5, 0));
    let fresh = |mail| QueuedMail {
        mail,
        created: at(9),
        attempts: 0,
        next_attempt: at(9),
        error: Some("550 no".into()),
        undeliverable: false,
    };
    assert_eq!(find(2).await, Some(fresh(mail(2))));
    let mut readdressed = mail(5);
    readdressed.recipient = "me@example.com".into();
    assert_eq!(find(5).await, Some(fresh(readdressed)));
    assert_eq!(
        find(4).await.expect("a mail").mail.recipient,
        mail(4).recipient
    );
    let due = store.lease_mail(at(9), 9).await.expect("lease");
    let due: Vec<_> = due.iter().map(|queued| queued.mail.id).collect();
    assert_eq!(due, [3, 2, 4, 5].map(id));

    assert_eq!(judge(&[1, 2, 77], drop_those(false)).await, Ok(2));
    assert_eq!(judge(&[1, 2], drop_those(false)).await, Ok(0));
    let late = store.settle_mail(at(9), id(1), MailOutcome::Taken).await;
    assert_eq!(late, Err(sms_milter::store::StoreError::Conflict(id(1))));
    drop(store);
    backend.reopen();
    let left = backend.store().mails(false, 0).await.expect("list");
    let left: Vec<_> = left.iter().map(|queued| queued.mail.id).collect();
    assert_eq!(left, [5, 4, 3].map(id));
}
