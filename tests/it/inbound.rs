//! SMS → mail, whole: what a gateway hands over, through the real store, to an MTA that records.

use std::time::Duration;

use jiff::SignedDuration;
use sms_milter::inbound::Settings;
use sms_milter::sms::Party;
use sms_milter::store::{Content, InboundState, Kept, Store};

use self::house::{HOUR, House, PHONE, number, part, settings};
use crate::sim::smtp_sink::{AtDot, Mail, SmtpSink};

mod flood;
mod forward;
mod headers;
mod house;
mod optout;
mod parts;
mod postfix;

fn shown(mails: &[Mail]) -> Vec<(String, String)> {
    let mut shown: Vec<_> = mails
        .iter()
        .map(|m| (m.recipient.clone(), m.text()))
        .collect();
    shown.sort();
    shown
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|&(to, text)| (to.to_owned(), text.to_owned()))
        .collect()
}

#[tokio::test]
async fn an_sms_becomes_a_mail_from_the_phone() {
    let mut house = House::new().await;
    house.sms("bob, are you there?").await;
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(mail.sender, "");
    assert_eq!(mail.recipient, "bob@example.org");
    assert_eq!(mail.text(), "are you there?");
    let header = |name| mail.header(name).unwrap_or_default();
    assert_eq!(
        header("From"),
        "\"+15551234567\" <+15551234567@sms.example.org>"
    );
    assert_eq!(header("Subject"), "SMS from +15551234567");
    assert_eq!(header("Date"), "Fri, 20 Nov 2026 10:00:00 +0000");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("X-SMS-Milter"), "mail.example.com");
    house.wait_for_mail(0, 0).await;
    assert_eq!(house.states().await, [InboundState::Done]);
}

#[tokio::test]
async fn a_duplicate_is_acknowledged_and_dropped() {
    let mut house = House::new().await;
    let received = house.received(Party::Name("ACME".to_owned()), "your code is 7", None);
    assert_eq!(house.receive(received.clone()).await, Some(Kept::New));
    assert_eq!(house.receive(received).await, Some(Kept::Duplicate));
    house.sms("  \n").await;
    house.sms("last").await;
    let mails = house.sink.wait_for(2).await;
    let expected = [
        ("reception@example.com", "last"),
        ("reception@example.com", "your code is 7"),
    ];
    assert_eq!(shown(&mails), pairs(&expected));
    let code = mails
        .iter()
        .find(|mail| mail.text().contains("code"))
        .expect("the code");
    assert_eq!(
        code.header("From").as_deref(),
        Some("\"ACME\" <no-reply@sms.example.com>")
    );
    house.wait_for_states(&[InboundState::Done; 3]).await;
}

#[tokio::test]
async fn parts_are_joined_also_across_a_restart() {
    let mut house = House::new().await;
    house.part("three", part(7, 3, 3)).await;
    house.part("one ", part(7, 1, 3)).await;
    house.close().await;
    house.open();
    house.part("two ", part(7, 2, 3)).await;
    let mails = house.sink.wait_for(1).await;
    assert_eq!(
        shown(&mails),
        pairs(&[("reception@example.com", "one two three")])
    );
    house.wait_for_states(&[InboundState::Done; 3]).await;
    house.wait_for_mail(0, 0).await;
    house.close().await;
    house.open();
    house.sms("another").await;
    assert_eq!(
        house.sink.wait_for(2).await.len(),
        2,
        "what was done is not done again"
    );
}

#[tokio::test]
async fn what_is_there_goes_out_and_the_late_part_follows() {
    let mut house = House::new().await;
    house.part("#ann# one ", part(7, 1, 3)).await;
    house.part("three", part(7, 3, 3)).await;
    house.clock.advance(HOUR);
    let partial = house.sink.wait_for(1).await.remove(0);
    assert_eq!(partial.text(), "one \n[part 2 of 3 missing]\nthree");
    assert_eq!(partial.header("X-SMS-Parts").as_deref(), Some("2 of 3"));
    house.part("two ", part(7, 2, 3)).await;
    let late = house.sink.wait_for(2).await.remove(1);
    assert_eq!(late.recipient, "ann@example.com");
    assert_eq!(late.text(), "[part 2 of 3]\ntwo");
    let header = |mail: &Mail, name| mail.header(name).unwrap_or_default();
    let first = header(&partial, "Message-ID");
    assert_eq!(header(&late, "In-Reply-To"), first);
    // Both of the conversation that the phone has begun.
    let begun = header(&partial, "References");
    assert_eq!(header(&late, "References"), format!("{begun} {first}"));
    assert_ne!(late.header("Message-ID"), partial.header("Message-ID"));
}

#[tokio::test]
async fn an_answer_finds_who_wrote_and_their_thread() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "lunch@example.com", "Lunch?")
        .await;
    house.sms("yes").await;
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(mail.recipient, "ann@example.com");
    let header = |name| mail.header(name).unwrap_or_default();
    assert_eq!(header("Subject"), "Re: Lunch?");
    assert_eq!(header("In-Reply-To"), "<lunch@example.com>");
    assert_eq!(header("References"), "<lunch@example.com>");
    house.clock.advance(HOUR * 24 * 4);
    house.sms("yes?").await;
    let mails = house.sink.wait_for(2).await;
    assert_eq!(
        mails[1].recipient, "reception@example.com",
        "the window is over"
    );
}

#[tokio::test]
async fn who_is_meant_is_asked_once_and_the_answer_frees_what_waits() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch?")
        .await;
    house
        .wrote("bob@example.org", "m2@example.com", "Dinner?")
        .await;
    house.sms("yes").await;
    house.sms("I mean it").await;
    house.wait_for_states(&[InboundState::Asked; 2]).await;
    let questions = house.questions().await;
    assert_eq!(questions.len(), 1, "at most one a day");
    assert_eq!(questions[0].number, number(PHONE));
    assert_eq!(questions[0].gateways, ["hall"]);
    assert!(house.sink.mails().is_empty());
    // Also when we were restarted meanwhile.
    house.close().await;
    house.open();
    house.sms("#bob# with wine").await;
    let mails = house.sink.wait_for(3).await;
    let bob = "bob@example.org";
    assert_eq!(
        shown(&mails),
        pairs(&[(bob, "I mean it"), (bob, "with wine"), (bob, "yes")])
    );
    assert!(
        mails
            .iter()
            .all(|m| m.header("In-Reply-To").as_deref() == Some("<m2@example.com>"))
    );
    house.wait_for_states(&[InboundState::Done; 3]).await;
    house.sms("and again").await;
    house.sms("ann").await;
    let mails = house.sink.wait_for(4).await;
    assert_eq!(
        shown(&mails[3..]),
        pairs(&[("ann@example.com", "and again")])
    );
    assert_eq!(house.questions().await.len(), 1);
}

#[tokio::test]
async fn an_answer_at_the_end_of_its_time_is_the_answer_and_nobody_else_gets_it() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch?")
        .await;
    house
        .wrote("bob@example.org", "m2@example.com", "Dinner?")
        .await;
    house.sms("yes").await;
    house.wait_for_states(&[InboundState::Asked]).await;
    // Both are found in one look: the answer, and that there was none in time.
    house.close().await;
    house.clock.advance(HOUR);
    let answer = house.received(Party::Number(number(PHONE)), "#bob# with wine", None);
    house.open_with(answer).await;
    house.wait_for_states(&[InboundState::Done; 2]).await;
    house.sms("ann, one more").await;
    house.wait_for_states(&[InboundState::Done; 3]).await;
    let mails = house.sink.wait_for(3).await;
    house.wait_for_mail(0, 0).await;
    let bob = "bob@example.org";
    let expected = [
        ("ann@example.com", "one more"),
        (bob, "with wine"),
        (bob, "yes"),
    ];
    assert_eq!(shown(&mails), pairs(&expected));
    assert_eq!(house.sink.mails().len(), 3);
}

#[tokio::test]
async fn no_answer_and_the_default_recipient_gets_it() {
    let mut house = House::new().await;
    house
        .wrote("ann@example.com", "m1@example.com", "Lunch?")
        .await;
    house
        .wrote("bob@example.org", "m2@example.com", "Dinner?")
        .await;
    house.part("yes, ", part(9, 1, 2)).await;
    house.part("please", part(9, 2, 2)).await;
    house.wait_for_states(&[InboundState::Asked; 2]).await;
    house.clock.advance(HOUR);
    let mails = house.sink.wait_for(1).await;
    assert_eq!(
        shown(&mails),
        pairs(&[("reception@example.com", "yes, please")])
    );
    house.wait_for_states(&[InboundState::Done; 2]).await;
}

#[tokio::test]
async fn no_phone_reaches_a_foreign_mailbox() {
    let mut house = House::new().await;
    let texts = [
        "#a@foreign.example# x",
        "#ann@example.com,b@foreign.example# x",
        "#a@[::1]# x",
    ];
    for text in texts {
        house.sms(text).await;
    }
    let mails = house.sink.wait_for(3).await;
    let mut expected = texts.map(|text| ("reception@example.com", text));
    expected.sort_unstable();
    assert_eq!(shown(&mails), pairs(&expected));
}

#[tokio::test]
async fn what_nobody_wants_or_can_read_goes_to_the_admin() {
    let mut house = House::with(Settings {
        default: None,
        ..settings()
    })
    .await;
    house.sms("hello").await;
    let mut odd = house.received(Party::Name("X".to_owned()), "", None);
    odd.content = Content::Undecodable {
        reason: "PDU of 3 octets".to_owned(),
    };
    assert_eq!(house.receive(odd).await, Some(Kept::New));
    let mails = house.sink.wait_for(2).await;
    assert!(
        mails
            .iter()
            .all(|mail| mail.recipient == "postmaster@example.com")
    );
    let texts = mails.iter().map(Mail::text).collect::<String>();
    assert!(
        texts.contains("incoming.default is not set.]\n\nhello"),
        "{texts}"
    );
    assert!(
        texts.contains("could not be read: PDU of 3 octets"),
        "{texts}"
    );
    house
        .wait_for_states(&[InboundState::Undeliverable, InboundState::Quarantined])
        .await;
}

#[tokio::test]
async fn what_the_mta_refuses_goes_to_the_default_then_the_admin_then_stays() {
    let mut house = House::closed(settings()).await;
    let refusal = "550 5.1.1 <ann@example.com>: no such user";
    house.sink.answer_rcpt("ann@example.com", &[refusal]);
    house.open();
    house.sms("#ann# one").await;
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.recipient.as_str(), mail.text().as_str()),
        ("reception@example.com", "one")
    );
    let refused = mail.header("X-SMS-Refused").expect("a reason");
    assert!(refused.starts_with("ann@example.com: ") && refused.contains("no such user"));

    house
        .sink
        .answer_rcpt("reception@example.com", &["554 5.7.1 no"]);
    house.sms("#ann# two").await;
    let mail = house.sink.wait_for(2).await.remove(1);
    assert_eq!(mail.recipient, "postmaster@example.com");
    assert!(
        mail.text()
            .contains("refused the attached mail to reception@example.com")
    );
    assert!(mail.text().contains("5.7.1 no"));
    assert!(String::from_utf8_lossy(&mail.data).contains("\r\ntwo\r\n"));
    house.wait_for_mail(0, 0).await;

    house
        .sink
        .answer_rcpt("postmaster@example.com", &["550 5.1.1 nor me"]);
    house.sms("#ann# three").await;
    house.wait_for_mail(0, 1).await;
    let stuck = house.store().list_mail().await.expect("list").remove(0);
    assert!(stuck.mail.last_resort && stuck.error.expect("words").contains("nor me"));
    assert!(String::from_utf8_lossy(&stuck.mail.bytes).contains("three"));
    assert_eq!(house.sink.mails().len(), 2);
}

#[tokio::test]
async fn later_means_again_later() {
    let mut house = House::closed(settings()).await;
    let answers = ["451 4.3.0 not now", "250 2.1.5 ok"];
    house.sink.answer_rcpt("reception@example.com", &answers);
    house.open();
    house.sms("one").await;
    house.wait_for_mail(1, 0).await;
    let waiting = house.store().list_mail().await.expect("list").remove(0);
    assert!(waiting.error.expect("words").contains("not now"));
    let delay = waiting.next_attempt.duration_since(house.now());
    assert!(
        (5..=15).contains(&delay.as_secs()),
        "10 s, jittered, not {delay:?}"
    );
    house.clock.advance(SignedDuration::from_secs(16));
    house.sink.wait_for(1).await;
    house.wait_for_mail(0, 0).await;
}

#[tokio::test]
async fn an_mta_that_is_down_for_days_has_the_admin_hear_of_it_at_the_end() {
    let mut house = House::closed(settings()).await;
    let answers = [
        "451 4.3.0 not now",
        "451 4.3.0 not now either",
        "250 2.1.5 ok",
    ];
    house.sink.answer_rcpt("reception@example.com", &answers);
    house.open();
    house.sms("one").await;
    house.wait_for_mail(1, 0).await;
    house.clock.advance(HOUR * 24 * 5 + HOUR);
    let mail = house.sink.wait_for(1).await.remove(0);
    assert_eq!(mail.recipient, "postmaster@example.com");
    assert!(
        mail.text().contains("given up after 5 days"),
        "{}",
        mail.text()
    );
}

#[tokio::test]
async fn no_answer_to_the_dot_means_the_same_mail_again() {
    let mut house = House::closed(settings()).await;
    house.sink.at_dot(AtDot::TakeAndDrop);
    house.open();
    house.sms("one").await;
    house.wait_for_mail(1, 0).await;
    house.clock.advance(SignedDuration::from_secs(16));
    let mails = house.sink.wait_for(2).await;
    assert_eq!(mails[0], mails[1], "the same mail, Message-ID and all");
    house.wait_for_mail(0, 0).await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_the_next_mails() {
    let mut house = House::closed(settings()).await;
    // Only the slow answer may take longer, however busy the machine is.
    house.deadline = Duration::from_secs(3);
    house.sink.at_dot(AtDot::TakeSlowly(Duration::from_secs(4)));
    house
        .sink
        .answer_rcpt("ann@example.com", &["451 4.3.0 later", "250 2.1.5 ok"]);
    house.open();
    house.sms("slow").await;
    house.wait_for_mail(1, 0).await;
    house.sms("#ann# next").await;
    house.wait_for_mail(2, 0).await;
    assert_eq!(house.sink.mails().len(), 1);
    house.clock.advance(SignedDuration::from_secs(16));
    let mails = house.sink.wait_for(3).await;
    house.wait_for_mail(0, 0).await;
    assert_eq!(mails.iter().filter(|mail| mail.text() == "slow").count(), 2);
    assert!(house.sink.connections() >= 2);
}

#[tokio::test]
async fn an_mta_that_is_down_gets_the_mail_when_it_is_back() {
    let mut house = House::closed(settings()).await;
    let shut = SmtpSink::shut();
    house.open_at(shut.address());
    house.sms("one").await;
    house.wait_for_mail(1, 0).await;
    house.sink = shut.open();
    house.clock.advance(SignedDuration::from_secs(16));
    house.sink.wait_for(1).await;
    house.wait_for_mail(0, 0).await;
}

#[tokio::test]
async fn no_text_ends_its_mail_early() {
    let mut house = House::new().await;
    let mut texts = Vec::new();
    for before in ["\n", "\r", "\r\n"] {
        for after in ["\n", "\r", "\r\n"] {
            let smuggled = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx";
            texts.push(format!("a{before}.{after}{smuggled}{before}..{after}"));
        }
    }
    for text in &texts {
        house.sms(text).await;
    }
    let mails = house.sink.wait_for(9).await;
    house.wait_for_mail(0, 0).await;
    assert_eq!(house.sink.mails().len(), 9);
    assert_eq!(house.sink.strays(), [""; 0]);
    for mail in mails {
        assert_eq!(mail.recipient, "reception@example.com");
        let smuggled = "MAIL FROM:<a@b.example>\nRCPT TO:<c@d.example>\nDATA\nx";
        assert_eq!(mail.text(), format!("a\n.\n{smuggled}\n.."));
    }
}

#[tokio::test]
async fn many_mails_share_connections() {
    let mut house = House::new().await;
    for n in 0..60 {
        house.sms(&format!("number {n}")).await;
    }
    let mails = house.sink.wait_for(60).await;
    house.wait_for_mail(0, 0).await;
    assert_eq!(mails.len(), 60);
    assert!(
        house.sink.connections() <= 8,
        "{} connections",
        house.sink.connections()
    );
}
