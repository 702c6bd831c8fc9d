//! Month borders and clocks that jump: no free message, no double charge (threats T10).

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use sms_milter::mail::text::RawMail;
use sms_milter::outbound::{AtEnd, AtRcpt, Client, Envelope, Outbound, notify};
use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{Filter, Store};
use sms_milter::world::{Clock, World};
use tokio::sync::Notify;

use crate::sim::product::Place;

const BOB: &str = "bob@example.com";

struct Set(Mutex<Timestamp>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("lock")
    }
}

/// The way out with a clock that the test sets; nothing is sent.
struct Desk {
    clock: Arc<Set>,
    outbound: Arc<Outbound>,
    store: Arc<SledStore>,
    sent: u64,
    _place: Place,
}

impl Desk {
    /// Bob may send 10 a month of that zone.
    fn new(zone: &str) -> Self {
        let place = super::lab(super::nobody(), "");
        super::bob(&place, "monthly_limit: 10");
        let config = std::fs::read_to_string(place.config()).expect("configuration");
        let config = config.replace("access:\n", &format!("access:\n  timezone: {zone}\n"));
        std::fs::write(place.config(), config).expect("configuration");
        let settings = sms_milter::config::load(&place.config()).expect("a configuration");
        let store = SledStore::open(&Settings {
            path: place.path().join("desk"),
            largest: 1 << 20,
            reserve: Some(1),
        });
        let store = store.expect("a store");
        let clock = Arc::new(Set(Mutex::new(Timestamp::UNIX_EPOCH)));
        let world = World {
            clock: clock.clone(),
            ..World::real()
        };
        let writer = notify::Writer {
            letterhead: settings.letterhead.clone(),
            envelope_from: String::new(),
            admin: settings.admin.clone(),
            programs: Default::default(),
            speech: Default::default(),
        };
        let bell = || Arc::new(Notify::new());
        let outbound = Outbound::new(
            settings.planner(),
            settings.queue.clone(),
            store.clone(),
            world,
            writer,
            bell(),
            bell(),
        );
        Self {
            clock,
            outbound,
            store,
            sent: 0,
            _place: place,
        }
    }

    fn set(&self, now: &str) {
        *self.clock.0.lock().expect("lock") = now.parse().expect("a time");
    }

    /// Sends a mail as often; how many are taken, and the last refusal.
    async fn send(&mut self, mails: u32) -> (u32, Option<String>) {
        let (mut taken, mut refused) = (0, None);
        let planner = self.outbound.planner();
        for _ in 0..mails {
            self.sent += 1;
            let envelope = Envelope {
                sender: BOB.into(),
                auth: Some(BOB.into()),
                client: Client::Unknown,
                ..Envelope::default()
            };
            let rcpt = format!("<+1555123{:04}@sms.example.com>", self.sent);
            let recipient = match self.outbound.at_rcpt(&planner, &envelope, &rcpt, &[]).await {
                AtRcpt::Taken(recipient) => *recipient,
                AtRcpt::Refused(reply) => {
                    refused = Some(reply.to_string());
                    continue;
                }
                AtRcpt::NotOurs => panic!("{rcpt} is ours"),
            };
            let mail = format!("Message-ID: <{}@client>\r\n\r\nhello\r\n", self.sent);
            let mail = RawMail::from_bytes(mail.as_bytes());
            let end = self
                .outbound
                .at_end(&planner, &envelope, vec![recipient], false, mail);
            match end.await {
                AtEnd::Accept { .. } => taken += 1,
                AtEnd::Refuse(reply) => refused = Some(reply.to_string()),
            }
        }
        (taken, refused)
    }
}

/// At each time a number of mails, and how many of them are taken.
async fn check(zone: &str, steps: &[(&str, u32, u32)]) {
    let mut desk = Desk::new(zone);
    let mut total = 0;
    for (now, mails, expected) in steps {
        desk.set(now);
        let (taken, refused) = desk.send(*mails).await;
        assert_eq!(taken, *expected, "{mails} at {now} ({zone}): {refused:?}");
        assert_eq!(taken == *mails, refused.is_none(), "{refused:?}");
        total += taken;
    }
    // What is charged is what was taken, each to the month in its charge.
    let messages = desk.store.list(Filter::default()).await.expect("list");
    assert_eq!(messages.len() as u32, total);
    let account = desk.store.account(BOB).await.expect("read").expect("there");
    for (month, used) in &account.months {
        let of =
            |m: &&sms_milter::store::Message| m.charge.as_ref().is_some_and(|c| c.month == *month);
        let charged = messages.iter().filter(of).count();
        assert_eq!(charged as u32, *used, "{month}");
    }
    assert_eq!(account.months.values().sum::<u32>(), total);
}

#[tokio::test]
async fn a_month_ends_when_it_ends_where_the_people_are() {
    let last = "2026-12-31T23:59:59.999Z";
    check("UTC", &[(last, 12, 10), ("2027-01-01T00:00:00Z", 12, 10)]).await;
    // In Prague it is the new year an hour before.
    let steps = [
        ("2026-12-31T22:59:59.999Z", 12, 10),
        ("2026-12-31T23:00:00Z", 4, 4),
        ("2027-01-01T00:00:00Z", 12, 6),
    ];
    check("Europe/Prague", &steps).await;
    // A leap second: clocks repeat the second before, or stretch it.
    let steps = [
        ("2016-12-31T23:59:59.5Z", 6, 6),
        ("2017-01-01T00:00:00Z", 6, 6),
        ("2016-12-31T23:59:59.9Z", 6, 4),
        ("2017-01-01T00:00:01Z", 6, 0),
    ];
    check("UTC", &steps).await;
}

#[tokio::test]
async fn the_hour_that_comes_twice_is_one_hour() {
    // Prague, 25 October 2026: 03:00 CEST becomes 02:00 CET. In Lord Howe 30 minutes do.
    let steps = [
        ("2026-10-25T00:30:00Z", 6, 6),
        ("2026-10-25T01:30:00Z", 6, 4),
        ("2026-10-31T22:59:59Z", 1, 0),
        ("2026-10-31T23:00:00Z", 11, 10),
    ];
    check("Europe/Prague", &steps).await;
}

#[tokio::test]
async fn a_clock_that_jumps_gives_nothing_away() {
    let (back, now, ahead) = (
        "2026-10-11T10:00:00Z",
        "2026-11-20T10:00:00Z",
        "2026-12-30T10:00:00Z",
    );
    // 40 days back, and right again.
    check("UTC", &[(now, 12, 10), (back, 5, 0), (now, 5, 0)]).await;
    check("UTC", &[(now, 4, 4), (back, 4, 4), (now, 4, 2)]).await;
    // 40 days ahead, and right again: December's was used, and stays used.
    let steps = [
        (now, 10, 10),
        (ahead, 4, 4),
        (now, 8, 6),
        (ahead, 3, 0),
        ("2027-01-01T00:00:00Z", 11, 10),
    ];
    check("UTC", &steps).await;
}

#[tokio::test]
async fn the_refusal_says_when_it_starts_anew() {
    let mut desk = Desk::new("UTC");
    desk.set("2026-12-30T10:00:00Z");
    assert_eq!(desk.send(10).await.0, 10);
    desk.set("2026-11-20T10:00:00Z");
    let (taken, refused) = desk.send(1).await;
    let expected = "550 5.7.1 bob@example.com has used up this month's SMS; the count starts anew on \
                    2027-01-01";
    assert_eq!((taken, refused.as_deref()), (0, Some(expected)));
}
