//! A SIM that is full, and SMS that are read while it changes under our hands (faults F50, F53, F54).

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use sms_milter::store::{Content, Kept};

use super::{PATIENCE, PHONE, Rig};
use crate::sim::modem::{Options, SimModem};

const MESSAGES: u8 = 5;
const PARTS: usize = 8;

/// Five texts of eight parts each.
pub(super) fn texts() -> Vec<String> {
    let text = |n: u8| {
        let line = format!("message {n}, {{}}; ");
        let lines = (0..).map(|part| line.replace("{}", &format!("line {part}")));
        let text: String = lines.take(100).collect();
        text[..PARTS * 153 - 20].to_owned()
    };
    (0..MESSAGES).map(text).collect()
}

/// Their forty parts, interleaved at random.
pub(super) fn interleaved(sim: &SimModem, random: &mut StdRng) -> Vec<String> {
    let texts = texts();
    let mut parts: Vec<String> = (0..)
        .zip(&texts)
        .flat_map(|(n, text)| sim.parts_of(PHONE, text, 100 + n))
        .collect();
    assert_eq!(parts.len(), usize::from(MESSAGES) * PARTS);
    parts.shuffle(random);
    parts
}

/// Forty parts for a SIM of ten places: each comes at least once, each text is whole, and the SIM is
/// empty in the end. Some are not kept at the first try.
async fn drains(options: Options, seed: u64) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let sim = SimModem::start(options);
    for part in interleaved(&sim, &mut random) {
        sim.deliver_pdu(&part);
    }
    let mut rig = Rig::on(sim, None);
    let mut kept_parts = BTreeMap::new();
    let wanted = usize::from(MESSAGES) * PARTS;
    while kept_parts.len() < wanted {
        let (received, kept) = rig.received().await;
        let Content::Sms { text, concat, .. } = &received.content else {
            panic!("{received:?}");
        };
        let concat = concat.expect("a part");
        if random.random_ratio(1, 8) {
            // The store was full: it is handed over again.
            drop(kept);
            continue;
        }
        let key = received.dedupe.expect("a key").key;
        let place = (concat.reference, concat.part);
        let before = kept_parts.insert(place, (key, text.clone()));
        if let Some((before, _)) = before {
            assert_eq!(before, key, "what comes twice can be told: {place:?}");
        }
        let _ = kept.send(Kept::New);
    }
    rig.sim.wait_empty(PATIENCE);
    let mut whole = BTreeMap::<u16, String>::new();
    for ((reference, _), (_, text)) in kept_parts {
        whole.entry(reference).or_default().push_str(&text);
    }
    assert_eq!(whole.into_values().collect::<Vec<_>>(), texts());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sim_is_drained_and_no_part_is_lost() {
    let small = Options {
        slots: 10,
        ..Options::default()
    };
    let difficult = Options {
        notifies: false,
        failing_deletions: 3,
        busy: 1,
        ..small.clone()
    };
    tokio::join!(drains(small, 7), drains(difficult, 8));
}

/// F53: what was listed is gone when it is to be read or deleted.
#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_is_not_looked_for_again() {
    let mut rig = Rig::up_from(Options {
        vanishing: 1,
        ..Options::default()
    })
    .await;
    rig.sim.deliver(PHONE, "vanishes");
    let (_, kept) = rig.received().await;
    kept.send(Kept::New).expect("someone waits");
    // Before that, the next one would be stored at the place that is to be deleted.
    rig.sim.wait("a deletion in vain", PATIENCE, |state| {
        state.count("AT+CMGD") == 1
    });
    rig.sim.deliver(PHONE, "stays");
    let (_, kept) = rig.received().await;
    kept.send(Kept::New).expect("someone waits");
    rig.sim.wait_empty(PATIENCE);
    rig.up().await;
    assert!(rig.sim.lock().count("AT+CMGD") == 2, "no loop");
    rig.end().await;
}
