//! STOP and START on the way in, between a gateway that is the test and an MTA that records.

use jiff::SignedDuration;
use sms_milter::inbound::Settings;
use sms_milter::sms::{Marks, Party};
use sms_milter::store::optout::{By, OptOuts};
use sms_milter::store::{Content, Filter, InboundState, Kept, Message, Received, Store};

use super::house::{HOUR, House, OURS, PHONE, number, part, settings};

/// The SMS that were sent back with that text.
async fn told(house: &House, text: &str) -> Vec<Message> {
    let all = house.store().list(Filter::default()).await.expect("list");
    all.into_iter().filter(|m| m.text == text).collect()
}

#[tokio::test]
async fn stop_is_none_of_what_came_before() {
    let mut house = House::with(Settings {
        concat_window: std::time::Duration::from_secs(600),
        ..settings()
    })
    .await;
    house.sms(&"x".repeat(160)).await;
    house.sms("STOP").await;
    house.wait_for_states(&[InboundState::Done; 2]).await;
    let list = house.store().opt_outs().await.expect("list");
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(house.sink.wait_for(1).await[0].text(), "x".repeat(160));
}

#[tokio::test]
async fn stop_is_one_mail_to_each_who_wrote_and_one_sms() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch")
        .await;
    house
        .wrote("bob@example.org", "m2@example.org", "Beer")
        .await;
    house
        .wrote("ann@example.com", "m3@example.com", "Lunch?")
        .await;
    // Two who wrote: whom would it answer? A STOP does not ask.
    house.sms(" Stop! ").await;
    let mut mails = house.sink.wait_for(2).await;
    mails.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    assert_eq!(mails[0].recipient, "ann@example.com");
    assert_eq!(
        mails[0].header("In-Reply-To").as_deref(),
        Some("<m3@example.com>")
    );
    assert!(
        mails[0].text().contains("has opted out: it sent \"STOP\""),
        "{}",
        mails[0].text()
    );
    assert!(mails[0].text().ends_with(" Stop!"), "{:?}", mails[0].text());
    assert_eq!(mails[1].recipient, "bob@example.org");
    assert!(house.questions().await.is_empty());
    let back = told(&house, "no more").await;
    assert_eq!(back.len(), 1);
    assert_eq!(
        (back[0].number.as_str(), back[0].charge.as_ref()),
        (PHONE, None)
    );
    assert_eq!(back[0].gateways, ["hall"]);
    let list = house.store().opt_outs().await.expect("list");
    assert_eq!(
        (list[0].phone.as_str(), list[0].confirmation),
        (PHONE, Some(back[0].id))
    );
    let by = By::Phone {
        gateway: "hall".into(),
        ours: Some(number(OURS)),
        word: "STOP".into(),
    };
    assert_eq!(list[0].by, by);
    // Again, in another language, and after a restart: nobody hears of it.
    house.sms("baja").await;
    house.close().await;
    house.open();
    house.sms("STOP STOP").await;
    house.wait_for_states(&[InboundState::Done; 3]).await;
    assert_eq!(told(&house, "no more").await.len(), 1);
    assert_eq!(house.store().opt_outs().await.expect("list")[0].by, by);
    // The next day it is confirmed again, and once.
    house.clock.advance(HOUR * 25);
    house.sms("stop").await;
    house.sms("stop").await;
    house.wait_for_states(&[InboundState::Done; 5]).await;
    let back = told(&house, "no more").await;
    assert_eq!(back.len(), 2);
    let confirms = house.store().opt_outs().await.expect("list")[0].confirmation;
    assert_eq!(confirms, back.iter().map(|m| m.id).max());
    // Anything else the phone writes is a mail as ever; it is not asked whom it means.
    house.sms("please stop by").await;
    let mails = house.sink.wait_for(4).await;
    let others = mails.iter().filter(|mail| mail.text() == "please stop by");
    assert_eq!(others.count(), 2);
    assert!(house.questions().await.is_empty());
}

#[tokio::test]
async fn start_reverses_and_is_an_ordinary_word_otherwise() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Race")
        .await;
    house.sms("Start!").await;
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.recipient.as_str(), mail.text().as_str()),
        ("ann@example.com", "Start!")
    );
    house.sms("STOP").await;
    house.sink.wait_for(2).await;
    house.sms("alta").await;
    let mails = house.sink.wait_for(3).await;
    let again = mails
        .iter()
        .find(|mail| mail.text().contains("opted in again"));
    assert_eq!(again.expect("a mail").recipient, "ann@example.com");
    assert!(!house.store().is_opted_out(&number(PHONE), None));
    assert_eq!(told(&house, "again").await.len(), 1);
    house.wait_for_states(&[InboundState::Done; 3]).await;
}

#[tokio::test]
async fn a_stop_to_our_question_is_a_stop() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch")
        .await;
    house
        .wrote("bob@example.org", "m2@example.org", "Beer")
        .await;
    house.sms("yes please").await;
    house.wait_for_states(&[InboundState::Asked]).await;
    house.sms("STOP").await;
    house.sink.wait_for(2).await;
    assert!(house.store().is_opted_out(&number(PHONE), None));
    house
        .wait_for_states(&[InboundState::Asked, InboundState::Done])
        .await;
    // What waits for the answer is not lost.
    house.clock.advance(HOUR * 2);
    let mails = house.sink.wait_for(3).await;
    assert!(mails.iter().any(|mail| mail.text() == "yes please"));
}

#[tokio::test]
async fn who_is_no_number_cannot_opt_out_and_half_a_word_is_none() {
    let mut house = House::new().await;
    let stop = house.received(Party::Name("ACME".to_owned()), "STOP", None);
    house.receive(stop).await;
    house.part("ST", part(7, 1, 2)).await;
    house.part("OP", part(7, 2, 2)).await;
    // The parts make the word; a part with a gap is no word.
    house.part("STOP", part(8, 1, 2)).await;
    house.sink.wait_for(1).await;
    house
        .wait_for_states(&[
            InboundState::Done,
            InboundState::Done,
            InboundState::Done,
            InboundState::Open,
        ])
        .await;
    assert!(house.store().is_opted_out(&number(PHONE), None));
    house.clock.advance(SignedDuration::from_mins(61));
    let mails = house.sink.wait_for(2).await;
    assert!(
        mails
            .iter()
            .any(|mail| mail.text().contains("part 2 of 2 missing"))
    );
}

fn marked(mut received: Received, marks: Marks) -> Received {
    if let Content::Sms { marks: kept, .. } = &mut received.content {
        *kept = marks;
    }
    received
}

#[tokio::test]
async fn sms_that_are_for_no_person() {
    let mut house = House::new().await;
    let marks = |pid, dcs| Marks {
        pid,
        dcs: Some(dcs),
        udh: Vec::new(),
    };
    // Silent; the lamp goes out; nothing at all: in the log only.
    for (text, marks) in [
        ("ping", marks(0x40, 0)),
        ("", marks(0, 0xC0)),
        ("", marks(0, 0x10)),
    ] {
        let from = Party::Number(number(PHONE));
        let received = marked(house.received(from, text, None), marks);
        house.receive(received).await;
    }
    house.wait_for_states(&[InboundState::Done; 3]).await;
    // Somebody writes to a SIM: an admin hears of it, whoever the phone talks to.
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch")
        .await;
    for (text, marks) in [
        ("\u{1}x", marks(0x7F, 0xF6)),
        ("", marks(0, 0xC8)),
        ("two", marks(0x41, 0)),
    ] {
        let from = Party::Number(number(PHONE));
        let received = marked(house.received(from, text, None), marks);
        house.receive(received).await;
    }
    house.sink.wait_for(3).await;
    house.wait_for_states(&[InboundState::Done; 6]).await;
    house.wait_for_mail(0, 0).await;
    let mut mails = house.sink.mails();
    assert_eq!(mails.len(), 3, "none of those that are in the log only");
    mails.sort_by_key(|mail| mail.text());
    let has = |recipient: &str, words: &str| {
        mails
            .iter()
            .any(|mail| mail.recipient == recipient && mail.text().contains(words))
    };
    assert!(has("postmaster@example.com", "For the SIM, not for people"));
    assert!(has("ann@example.com", "Voicemail: new messages waiting"));
    assert!(has("ann@example.com", "Replaces the last SMS of type 1"));
}

/// On a disk that is nearly full everything else stays with its gateway.
#[tokio::test]
async fn stop_and_start_are_kept_on_a_nearly_full_disk() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch")
        .await;
    house.close().await;
    house.reserve = u64::MAX;
    house.open();
    let say = async |house: &mut House, text: &str| {
        let from = Party::Number(number(PHONE));
        let mut received = house.received(from, text, None);
        // What a talkative provider pushes.
        received.raw = vec![b'x'; 5_000];
        house.receive(received).await
    };
    for text in ["hello", "please stop by", "start"] {
        assert_eq!(say(&mut house, text).await, None, "{text}");
    }
    // A long text is none, whatever its parts are.
    let from = Party::Number(number(PHONE));
    let received = house.received(from, "stop", part(7, 1, 2));
    assert_eq!(house.receive(received).await, None);
    assert_eq!(say(&mut house, "Stop!").await, Some(Kept::New));
    let told = house.sink.wait_for(1).await.remove(0);
    assert_eq!(told.recipient, "ann@example.com");
    assert!(told.text().contains("has opted out"), "{}", told.text());
    assert!(house.store().is_opted_out(&number(PHONE), None));
    let rows = house.store().list_inbound(0).await.expect("list");
    assert!(
        rows.len() == 1 && rows[0].received.raw.is_empty(),
        "{rows:?}"
    );
    // Again: it changes nothing, so it waits.
    assert_eq!(say(&mut house, "stop").await, None);
    assert_eq!(say(&mut house, "start").await, Some(Kept::New));
    house.sink.wait_for(2).await;
    assert!(!house.store().is_opted_out(&number(PHONE), None));
    house.wait_for_states(&[InboundState::Done; 2]).await;
    // There is room again: what was left with the gateway comes again.
    house.close().await;
    house.reserve = 0;
    house.open();
    assert_eq!(say(&mut house, "stop").await, Some(Kept::New));
    let rows = house.store().list_inbound(1).await.expect("list");
    assert_eq!(rows[0].received.raw.len(), 5_000);
}
