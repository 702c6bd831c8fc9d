//! First parts without end (T33): each is seen in some mail or in quarantine, and what is in memory is bounded. The
//! same with a million, measured, is `cargo bench --bench flood`.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use sms_milter::sms::Party;
use sms_milter::store::{Content, Kept, Store};

use super::house::{HOUR, House, number, part};
use crate::sim::patience::reached;

const PARTS: u32 = 20_000;
const SENDERS: u32 = 200;

#[tokio::test]
async fn each_of_many_first_parts_is_in_a_mail_or_in_quarantine() {
    let mut house = House::new().await;
    let mut all = Vec::new();
    for n in 0..PARTS {
        let from = Party::Number(number(&format!("+1555{:07}", n % SENDERS)));
        let reference = u16::try_from(n / SENDERS).expect("small");
        all.push(house.received(from, &format!("part-{n} "), part(reference, 1, 3)));
    }
    let kept = futures_util::stream::iter(all).map(|received| house.receive(received));
    let kept: Vec<_> = kept.buffer_unordered(128).collect().await;
    assert!(kept.iter().all(|kept| *kept == Some(Kept::New)));
    // What still waits for its parts, 20 texts of each sender, goes out too.
    reached("only those wait", async || {
        let open = house.store().counts().await.expect("counts").inbound_open;
        open <= u64::from(SENDERS * 20)
    })
    .await;
    house.clock.advance(HOUR);
    reached("none waits", async || {
        let counts = house.store().counts().await.expect("counts");
        counts.inbound_open == 0 && counts.mails == 0
    })
    .await;
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    let mut see = |text: &str| {
        let number = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("part-"));
        let number = number.expect("a part").parse().expect("its number");
        *seen.entry(number).or_default() += 1;
    };
    let (mut to_admin, mut partial) = (0, 0);
    for mail in house.sink.mails() {
        match mail.recipient.as_str() {
            "postmaster@example.com" => to_admin += 1,
            _ => {
                partial += 1;
                see(&mail.text());
            }
        }
    }
    let stuck = house.store().stuck_inbound(None, None, usize::MAX).await;
    for row in stuck.expect("list") {
        let Content::Sms { text, .. } = &row.received.content else {
            panic!("no SMS: {row:?}");
        };
        see(text);
    }
    assert_eq!(seen.len(), PARTS as usize, "each part is somewhere");
    assert!(seen.values().all(|&times| times == 1), "and but once");
    // A thousand an hour, in two hours; an admin reads of it once an hour.
    assert!((1000..=2000).contains(&partial), "{partial} mails");
    assert!((1..=3).contains(&to_admin), "{to_admin} mails to the admin");
    assert_eq!(house.sink.strays(), [""; 0]);
}
