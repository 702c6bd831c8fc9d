//! Any headers and any order of parts: no part is lost and none is told twice, whatever the headers
//! say; what goes out has the parts it says it has.
#![no_main]

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use sms_milter::inbound::join::{Join, Joined};
use sms_milter::inbound::whole::{Piece, Whole};
use sms_milter::sms::{Marks, MessageId, Party, udh};

const WAIT: Duration = Duration::from_secs(600);

fuzz_target!(|octets: &[u8]| {
    let mut join = Join::new(WAIT);
    let mut now = Timestamp::from_second(1_795_000_000).expect("a time");
    let mut books = Books::default();
    let mut input = octets;
    let mut number = 0;
    while let Some((&[choice, length], rest)) = input.split_first_chunk::<2>() {
        let (said, rest) = rest.split_at(usize::from(length % 32).min(rest.len()));
        input = rest;
        number += 1;
        now += SignedDuration::from_secs(i64::from(choice >> 5) * 97);
        let piece = piece(number, choice, said, now);
        let id = piece.id;
        assert!(books.waiting.insert(id));
        match join.insert(now, piece) {
            Joined::Waits => {}
            Joined::Duplicate => assert!(books.waiting.remove(&id)),
            Joined::Out(wholes) => wholes.iter().for_each(|whole| books.out(whole)),
        }
        if choice & 0x10 != 0 {
            join.expired(now).iter().for_each(|whole| books.out(whole));
            let past = |deadline: Timestamp| deadline <= now;
            assert!(!join.next_deadline().is_some_and(past));
        }
        assert_eq!(join.next_deadline().is_none(), join.is_empty());
    }
    now += SignedDuration::from_hours(1);
    join.expired(now).iter().for_each(|whole| books.out(whole));
    assert!(join.is_empty() && books.waiting.is_empty());
});

/// The parts that went in and did not come out.
#[derive(Default)]
struct Books {
    waiting: HashSet<MessageId>,
}

impl Books {
    fn out(&mut self, whole: &Whole) {
        assert_eq!(whole.ids.first(), Some(&whole.id));
        let (there, of) = whole.parts;
        assert!(whole.ids.len() == usize::from(there) && there <= of);
        for id in &whole.ids {
            assert!(self.waiting.remove(id), "{id} is out twice");
        }
    }
}

/// A part with a header of ours, so that parts do meet, or with any octets for one.
fn piece(number: u64, choice: u8, said: &[u8], now: Timestamp) -> Piece {
    let header = match said {
        [reference, of, part, ..] if choice & 0x08 == 0 => {
            vec![5, 0, 3, reference & 3, of % 5, part % 5]
        }
        said => said.to_vec(),
    };
    let concat = udh::concat(&header);
    assert!(concat.is_none() || udh::says_concat(&header));
    let _ = udh::ports(&header);
    if let Ok(read) = udh::read(&header) {
        assert!(udh::elements(&read).1);
    }
    let data = (choice & 0x04 != 0).then(|| said.to_vec());
    Piece {
        id: MessageId::new(number, [0; 10]),
        gateway: "hall".to_owned(),
        from: Party::Short(format!("2255{}", choice & 1)),
        to: None,
        text: match data {
            Some(_) => String::new(),
            None => String::from_utf8_lossy(said).into_owned(),
        },
        data,
        marks: Marks {
            pid: 0,
            dcs: Some(0),
            udh: header,
        },
        concat,
        sent: (choice & 0x02 != 0).then_some(now),
        at: now,
    }
}
