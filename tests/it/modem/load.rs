//! Four modems share a load evenly, each as fast as its line; two are pulled in the middle of it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::daemon::{another, modem, write};
use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const MODEMS: usize = 4;
const MESSAGES: usize = 1_000;
const SESSIONS: usize = 8;
/// Modems of equal speed: each has its share to within so many percent of it.
const EVENLY: usize = 10;

fn sims() -> Vec<SimModem> {
    let wire = |n| Options {
        baud: 115_200,
        // So that it is the modem that one waits for, and not this machine: equal speed is the premise.
        network_delay: Duration::from_millis(15),
        ..another(n, Options::default())
    };
    (0..MODEMS).map(|n| SimModem::start(wire(n))).collect()
}

fn place(sims: &[SimModem], sink: &SmtpSink) -> Place {
    let gateways: String = sims
        .iter()
        .enumerate()
        .map(|(n, sim)| modem(&format!("m{n}"), sim, "").replace("poll: 1s", "poll: 30s"))
        .collect();
    Place::new(sink.address(), &format!("gateways:\n{gateways}"))
}

fn mails() -> Vec<(String, String)> {
    (0..MESSAGES)
        .map(|n| (format!("+1212555{n:04}"), format!("load {n}")))
        .collect()
}

/// How often each text went out, over all modems.
fn copies(sims: &[SimModem]) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for sms in sims.iter().flat_map(SimModem::sent) {
        *copies.entry(sms.text).or_insert(0) += 1;
    }
    copies
}

/// Several sessions at a time: alone, each mail would wait for its own flush.
async fn load(product: &Product, mails: &[(String, String)]) {
    let sessions = mails.chunks(mails.len().div_ceil(SESSIONS));
    join_all(sessions.map(|mails| write(product, mails))).await;
}

/// Waits until so many messages are in that state.
fn wait_for(product: &Product, state: &str, count: usize) {
    product.until(&["queue", "stats", "--json"], |lines| {
        let there = lines[0]["messages"][state].as_u64();
        there.is_some_and(|there| there >= count as u64)
    });
}

fn wait_for_modems(sims: &[SimModem]) {
    for sim in sims {
        sim.wait("a poll", PATIENCE, |state| state.count("AT+CMGL") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_modems_share_a_load_evenly() {
    let sims = sims();
    let sink = SmtpSink::start().await;
    let place = place(&sims, &sink);
    let product = place.start();
    wait_for_modems(&sims);
    load(&product, &mails()).await;
    wait_for(&product, "sent", MESSAGES);
    let shares: Vec<_> = sims.iter().map(|sim| sim.sent().len()).collect();
    println!("shares {shares:?}");
    let fair = MESSAGES / MODEMS;
    let off = fair * EVENLY / 100;
    assert!(
        shares.iter().all(|share| share.abs_diff(fair) <= off),
        "{shares:?}"
    );
    let copies = copies(&sims);
    assert_eq!(copies.len(), MESSAGES);
    assert!(copies.values().all(|n| *n == 1));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_are_pulled_lose_none() {
    let sims = sims();
    let sink = SmtpSink::start().await;
    let place = place(&sims, &sink);
    let product = place.start();
    wait_for_modems(&sims);
    load(&product, &mails()).await;
    for (sim, sent) in sims.iter().zip([MESSAGES / 8, MESSAGES / 7]) {
        sim.wait_sent(sent, PATIENCE);
        sim.unplug();
    }
    // The other two go on.
    for sim in &sims[2..] {
        sim.wait_sent(MESSAGES / 4, PATIENCE);
    }
    // What was in the air is asked for at the modem that has it, once that is back.
    sims[0].replug();
    sims[1].replug();
    wait_for(&product, "sent", MESSAGES);
    let copies = copies(&sims);
    assert_eq!(copies.len(), MESSAGES, "none is lost");
    let twice: Vec<_> = copies.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(sink.mails().len(), 0, "nobody needs to be told");
    assert!(product.stop().success());
}
