//! Parts of long SMS, whole: whatever order, gateway, restart, fault of the store or kill, each text is a mail.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use sms_milter::gateway::Event;
use sms_milter::inbound::{Inbound, Settings};
use sms_milter::sms::{Concat, Party};
use sms_milter::store::optout::OptOuts;
use sms_milter::store::sled::{Settings as StoreSettings, SledStore};
use sms_milter::store::{
    Filter, InboundState, Judgement, Kept, OutMail, Received, Store, StoreError,
};
use sms_milter::world::World;
use tokio::sync::{Notify, oneshot, watch};

use super::house::{HOUR, House, PHONE, number, part, settings};
use super::{pairs, shown};
use crate::sim::failing_store::{FailingStore, Fault, Verb, When};
use crate::sim::patience::reached;
use crate::sim::product::PATIENCE;
use crate::sim::smtp_sink::Mail;

const RECEPTION: &str = "reception@example.com";

fn wide(reference: u16, n: u8, parts: u8) -> Option<Concat> {
    let concat = part(reference, n, parts);
    concat.map(|concat| Concat {
        wide: true,
        ..concat
    })
}

#[tokio::test]
async fn two_texts_with_one_reference_are_two_right_mails() {
    let mut house = House::new().await;
    for (text, n) in [("a", 1), ("x", 1), ("b", 2), ("y", 2), ("c", 3), ("z", 3)] {
        house.part(text, part(7, n, 3)).await;
    }
    // The same with references of 16 bits, which are others.
    for (text, concat) in [
        ("1", wide(9, 1, 2)),
        ("I", part(9, 1, 2)),
        ("II", part(9, 2, 2)),
        ("2", wide(9, 2, 2)),
    ] {
        house.part(text, concat).await;
    }
    let mails = house.sink.wait_for(4).await;
    let expected = ["12", "III", "abc", "xyz"].map(|text| (RECEPTION, text));
    assert_eq!(shown(&mails), pairs(&expected));
    house.wait_for_states(&[InboundState::Done; 10]).await;
}

#[tokio::test]
async fn parts_come_by_any_gateway_and_repeats_are_ignored() {
    let mut house = House::new().await;
    house.part("one ", part(7, 1, 3)).await;
    let mut other = house.received(Party::Number(number(PHONE)), "two ", part(7, 2, 3));
    other.gateway = "attic".to_owned();
    assert_eq!(house.receive(other.clone()).await, Some(Kept::New));
    // Once more, as a network repeats it: not the same to the store, the same to us.
    other.dedupe = None;
    assert_eq!(house.receive(other.clone()).await, Some(Kept::New));
    house.close().await;
    house.open();
    house.part("three", part(7, 3, 3)).await;
    let mails = house.sink.wait_for(1).await;
    assert_eq!(shown(&mails), pairs(&[(RECEPTION, "one two three")]));
    assert_eq!(house.receive(other).await, Some(Kept::New));
    house.wait_for_states(&[InboundState::Done; 5]).await;
    house.wait_for_mail(0, 0).await;
    assert_eq!(house.sink.mails().len(), 1);
}

#[tokio::test]
async fn late_parts_follow_together_to_the_same_one_also_across_a_restart() {
    let mut house = House::new().await;
    house.part("#ann# one ", part(7, 1, 5)).await;
    house.clock.advance(HOUR);
    let partial = house.sink.wait_for(1).await.remove(0);
    assert_eq!(partial.recipient, "ann@example.com");
    house.part("three ", part(7, 3, 5)).await;
    house.part("two ", part(7, 2, 5)).await;
    house.clock.advance(SignedDuration::from_secs(61));
    let late = house.sink.wait_for(2).await.remove(1);
    assert_eq!(late.recipient, "ann@example.com");
    assert_eq!(late.text(), "[parts 2 to 3 of 5]\ntwo three");
    assert_eq!(late.header("In-Reply-To"), partial.header("Message-ID"));
    house.wait_for_states(&[InboundState::Done; 3]).await;
    house.close().await;
    house.open();
    house.part("four ", part(7, 4, 5)).await;
    house.close().await;
    house.open();
    house.part("five", part(7, 5, 5)).await;
    let last = house.sink.wait_for(3).await.remove(2);
    assert_eq!(last.recipient, "ann@example.com");
    assert_eq!(last.text(), "[parts 4 to 5 of 5]\nfour five");
    assert_eq!(last.header("In-Reply-To"), partial.header("Message-ID"));
    house.wait_for_states(&[InboundState::Done; 5]).await;
}

#[tokio::test]
async fn what_a_phone_cut_without_numbers_is_joined_when_that_is_wanted() {
    let mut house = House::with(Settings {
        concat_window: Duration::from_secs(10),
        ..settings()
    })
    .await;
    let full = "a".repeat(160);
    house.sms(&full).await;
    house.sms("b").await;
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(mail.text(), format!("{full}b"));
    house.sms(&full).await;
    // Across a restart, as it would have been without.
    house.close().await;
    house.open();
    house.sms("c").await;
    let mail = house.sink.wait_for(2).await.remove(1);
    assert_eq!(mail.text(), format!("{full}c"));
    house.sms(&full).await;
    house.clock.advance(SignedDuration::from_secs(11));
    let mail = house.sink.wait_for(3).await.remove(2);
    assert_eq!(mail.text(), full);
    house.wait_for_states(&[InboundState::Done; 5]).await;
}

/// More texts with missing parts than anybody reads: some mails, one to the admin, the rest in quarantine, from where
/// an admin delivers or drops them; nobody else's text suffers.
#[tokio::test]
async fn a_flood_is_kept_and_an_admin_decides() {
    let mut house = House::new().await;
    house.part("quiet ", part(1, 1, 2)).await;
    let flooder = Party::Name("FLOOD".to_owned());
    for n in 0..100u16 {
        for part in [1, 2] {
            let text = format!("f{n}p{part} ");
            let concat = self::part(100 + n, part, 3);
            let received = house.received(flooder.clone(), &text, concat);
            assert_eq!(house.receive(received).await, Some(Kept::New));
        }
    }
    house.part("but heard", part(1, 2, 2)).await;
    house.clock.advance(HOUR);
    wait_for_none_open(house.store()).await;
    house.wait_for_mail(0, 0).await;
    // 20 of the flood in each of two hours, the quiet one, a word to the admin in each hour at most.
    let mails = house.sink.mails();
    let count = |wanted: &dyn Fn(&Mail) -> bool| mails.iter().filter(|m| wanted(m)).count();
    assert_eq!(count(&|mail| mail.text() == "quiet but heard"), 1);
    assert_eq!(count(&|mail| mail.text().starts_with('f')), 40);
    let to_admin = |mail: &Mail| mail.recipient == "postmaster@example.com";
    let told = count(&|mail| to_admin(mail) && mail.text().contains("FLOOD"));
    assert!((1..=2).contains(&told) && mails.len() == 41 + told);
    // In the end he has heard of all of them, whether more come or not.
    house.clock.advance(HOUR);
    let parts_told = |mail: &Mail| {
        let text = mail.text();
        let (_, parts) = text.split_once("Parts: ").filter(|_| to_admin(mail))?;
        parts.lines().next()?.parse::<usize>().ok()
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mails = loop {
        let mails = house.sink.mails();
        let heard: usize = mails.iter().filter_map(parts_told).sum();
        if heard == 120 {
            break mails;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "he heard of {heard}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    house.wait_for_mail(0, 0).await;
    let store = house.store().clone();
    let stuck = store.stuck_inbound(Some(&flooder), None, 1000).await;
    let stuck = stuck.expect("list");
    assert_eq!(stuck.len(), 120);
    assert!(
        stuck
            .iter()
            .all(|row| row.state == InboundState::Quarantined)
    );
    // Page by page it is the same.
    let page = store.stuck_inbound(None, Some(stuck[9].id), 5).await;
    assert_eq!(page.expect("list"), stuck[10..15]);
    // Five texts are let go, each whole as it was kept; the others are dropped.
    let ids: Vec<_> = stuck[..10].iter().map(|row| row.id).collect();
    let now = house.now();
    let judged = store
        .judge_inbound(now, ids.clone(), Judgement::Release)
        .await;
    assert_eq!(judged, Ok(10));
    let before = mails.len();
    let mails = house.sink.wait_for(before + 5).await;
    let released: Vec<_> = mails[before..].iter().map(|mail| mail.text()).collect();
    let with_both = |text: &String| {
        let (first, rest) = text.split_once("p1 ").expect("the first part");
        rest == format!("{first}p2 \n[part 3 of 3 missing]")
    };
    assert!(released.iter().all(with_both), "{released:?}");
    let rest: Vec<_> = stuck[10..].iter().map(|row| row.id).collect();
    let judged = store.judge_inbound(now, rest, Judgement::Drop).await;
    assert_eq!(judged, Ok(110));
    assert_eq!(store.judge_inbound(now, ids, Judgement::Drop).await, Ok(0));
    wait_for_none_open(&store).await;
    let counts = store.counts().await.expect("counts");
    assert_eq!((counts.inbound_open, counts.inbound_stuck), (0, 0));
    house.wait_for_mail(0, 0).await;
    assert_eq!(house.sink.mails().len(), before + 5);
}

async fn wait_for_none_open(store: &Arc<SledStore>) {
    reached("none is open", async || {
        store.counts().await.expect("counts").inbound_open == 0
    })
    .await;
}

/// The inbound path over a store that fails, until the store is dead or nothing is open.
struct Frail {
    store: Arc<FailingStore>,
    inbound: Arc<Inbound>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

pub fn open(path: &std::path::Path) -> Arc<SledStore> {
    let store = StoreSettings {
        path: path.join("store"),
        largest: 1 << 20,
        reserve: Some(0),
    };
    SledStore::open(&store).expect("the store opens")
}

impl Frail {
    fn start(store: Arc<SledStore>, faults: Vec<Fault>) -> Self {
        let store = FailingStore::new(store, faults);
        let bell = || Arc::new(Notify::new());
        let inbound = Inbound::new(
            settings(),
            store.clone(),
            World::real(),
            bell(),
            bell(),
            Default::default(),
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

    /// Whether it was acknowledged.
    async fn receive(&self, received: &Received) -> bool {
        let (kept, answer) = oneshot::channel();
        let received = Box::new(received.clone());
        self.inbound
            .receive(Event::Received { received, kept })
            .await;
        answer.await.is_ok()
    }

    async fn stop(self) {
        let _ = self.stop.send(true);
        self.task.await.expect("the task ended well");
        drop(Arc::into_inner(self.inbound).expect("nobody holds the path"));
        drop(Arc::into_inner(self.store).expect("nobody holds the store"));
    }
}

/// Three parts with a store that fails so; what was not acknowledged comes again, as from a SIM. Then a restart
/// with a store that works. The mails.
async fn through(fault: &Fault) -> Vec<OutMail> {
    let dir = tempfile::tempdir().expect("a directory");
    let mut house = House::closed(settings()).await;
    let parts = [("three", 3), ("one ", 1), ("two ", 2)];
    let parts =
        parts.map(|(text, n)| house.received(Party::Number(number(PHONE)), text, part(7, n, 3)));
    // Long before it is their turn to be forgotten.
    let parts = parts.map(|mut received| {
        received.at = World::real().now();
        if let Some(dedupe) = &mut received.dedupe {
            dedupe.until = received.at + HOUR * 24;
        }
        received
    });
    let store = open(dir.path());
    let frail = Frail::start(store.clone(), vec![fault.clone()]);
    let mut unkept: Vec<&Received> = Vec::new();
    for received in &parts {
        if !frail.receive(received).await {
            unkept.push(received);
        }
    }
    let is_fatal = matches!(fault.error, StoreError::Dead(_));
    if is_fatal && frail.store.calls(fault.verb) < fault.call {
        // The task gets there, or has done all there is to do.
        reached("dead or done", async || {
            let died = frail.store.calls(fault.verb) >= fault.call;
            died || store.counts().await.expect("counts").inbound_open == 0
        })
        .await;
    }
    if !is_fatal {
        for received in std::mem::take(&mut unkept) {
            assert!(frail.receive(received).await, "again, and there is room");
        }
        wait_for_none_open(&store).await;
    }
    frail.stop().await;
    drop(store);
    let store = open(dir.path());
    let sound = Frail::start(store.clone(), Vec::new());
    for received in unkept {
        assert!(sound.receive(received).await);
    }
    wait_for_none_open(&store).await;
    sound.stop().await;
    let mails = store.list_mail().await.expect("list");
    mails.into_iter().map(|queued| queued.mail).collect()
}

#[tokio::test]
async fn at_whatever_step_the_store_fails_the_text_is_one_mail() {
    let dead = || StoreError::Dead("killed".to_owned());
    let mut tried = 0;
    for verb in [
        Verb::KeepInbound,
        Verb::LeaseInbound,
        Verb::Links,
        Verb::Whose,
        Verb::SettleInbound,
        Verb::ListInbound,
    ] {
        for call in 1..=3 {
            for when in [When::Before, When::After] {
                for error in [dead(), StoreError::Full] {
                    let lent = matches!(verb, Verb::LeaseInbound) && error == StoreError::Full;
                    if lent && when == When::After {
                        // What was leased to nobody waits for the next start, and reading needs no room.
                        continue;
                    }
                    let fault = Fault {
                        verb,
                        call,
                        when,
                        error,
                    };
                    let mails = through(&fault).await;
                    let texts: Vec<_> = mails
                        .iter()
                        .map(|mail| {
                            let parsed = mail_parser::MessageParser::new().parse(&mail.bytes);
                            let parsed = parsed.expect("a mail");
                            parsed.body_text(0).expect("a text").trim_end().to_owned()
                        })
                        .collect();
                    assert_eq!(texts, ["one two three"], "{fault:?}");
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 69);
}

/// Settings of no gateway: what comes by one that was removed is delivered all the same.
#[tokio::test]
async fn parts_of_a_gateway_that_is_gone_are_joined() {
    let mut house = House::with(Settings {
        gateways: HashMap::new(),
        ..settings()
    })
    .await;
    house.part("one ", part(7, 1, 2)).await;
    house.part("two", part(7, 2, 2)).await;
    let mails = house.sink.wait_for(1).await;
    assert_eq!(shown(&mails), pairs(&[(RECEPTION, "one two")]));
}

/// The disk fills up after STOP was kept: the phone is on the list, and nobody is told.
#[tokio::test]
async fn a_stop_that_there_is_no_room_to_tell_of_is_done() {
    let dir = tempfile::tempdir().expect("a directory");
    let full = |verb| Fault {
        verb,
        call: 1,
        when: When::Before,
        error: StoreError::Full,
    };
    let store = open(dir.path());
    let faults = vec![full(Verb::KeepInbound), full(Verb::SettleOpt)];
    let frail = Frail::start(store.clone(), faults);
    let mut house = House::closed(settings()).await;
    let mut stop = house.received(Party::Number(number(PHONE)), "STOP", None);
    stop.at = World::real().now();
    assert!(frail.receive(&stop).await, "it is kept all the same");
    wait_for_none_open(&store).await;
    assert_eq!(frail.store.calls(Verb::KeepOpt), 1);
    assert_eq!(frail.store.calls(Verb::SettleOpt), 2);
    assert!(store.is_opted_out(&number(PHONE), None));
    let messages = store.list(Filter::default()).await.expect("list");
    assert_eq!((messages, store.list_mail().await), (vec![], Ok(vec![])));
    frail.stop().await;
}
