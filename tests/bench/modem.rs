//! How many segments a second a modem sends, against what its line can carry.
//!
//!     cargo bench --bench modem
//!
//! The product with its store on disk and one or four simulated modems on ptys, lines of 9600 and 115,200
//! baud, a load of long SMS (160 characters, 140 octets) to a number of its own each. A modem answers at
//! once and its network takes no time, so that what is left is the line, and what the product adds to it:
//! its queue, two flushes to disk an SMS, and the way from one to the next.
//!
//! Printed for each: segments/s of a modem (mean, and the slowest and the fastest of four), the octets
//! that an SMS is on the line both ways, what the line could carry of such by itself, and the ratio. The
//! last run is one without a line's delay: what the product could do.
//!
//! The simulated modems run in the same process: on few cores their time is in the figures.

use std::time::Duration;

use self::milter_client::{Mail, Session};
use self::modem::{Options, SimModem};

#[allow(dead_code)]
#[path = "../it/sim/milter_client.rs"]
mod milter_client;
#[allow(dead_code)]
#[path = "../it/sim/modem/mod.rs"]
mod modem;
mod product;

/// Baud (0: none), modems, segments for each of them.
const RUNS: [(u32, usize, usize); 6] = [
    (9_600, 1, 30),
    (9_600, 4, 30),
    (115_200, 1, 300),
    (115_200, 4, 300),
    (0, 1, 1_000),
    (0, 4, 1_000),
];

/// No run takes as long as this.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() {
    println!(
        "{:>8} {:>6} {:>20} {:>11} {:>10} {:>7}",
        "baud", "modems", "segments/s each", "octets/SMS", "limit/s", "of it"
    );
    for (baud, modems, each) in RUNS {
        run(baud, modems, each).await;
    }
}

async fn run(baud: u32, modems: usize, each: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let start = |n: usize| {
        SimModem::start(Options {
            baud,
            imei: format!("49015420323{n:04}").leak(),
            iccid: format!("8942002000000000{n:04}").leak(),
            ..Options::default()
        })
    };
    let sims: Vec<SimModem> = (0..modems).map(start).collect();
    let (_run, milter) = product::start(dir.path(), &gateways(&sims)).await;
    let milter = milter_client::Place::Inet(milter);
    for sim in &sims {
        sim.wait("a poll", PATIENCE, |state| state.count("AT+CMGL") > 0);
    }
    let before: u64 = sims.iter().map(octets).sum();
    load(&milter, modems * each).await;
    let total = modems * each;
    let rates: Vec<f64> = tokio::task::block_in_place(|| {
        while sims.iter().map(|sim| sim.lock().sent.len()).sum::<usize>() < total {
            std::thread::sleep(Duration::from_millis(20));
        }
        sims.iter().map(rate).collect()
    });
    let octets = sims.iter().map(octets).sum::<u64>() - before;
    let octets = octets as f64 / total as f64;
    let mean = rates.iter().sum::<f64>() / modems as f64;
    let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = rates.iter().copied().fold(0.0, f64::max);
    let shown = format!("{mean:.2} ({slowest:.2}-{fastest:.2})");
    if baud == 0 {
        return println!("{:>8} {modems:>6} {shown:>20} {octets:>11.0}", "no line");
    }
    let limit = f64::from(baud) / 10.0 / octets;
    println!(
        "{baud:>8} {modems:>6} {shown:>20} {octets:>11.0} {limit:>10.2} {:>6.0}%",
        mean / limit * 100.0
    );
}

fn octets(sim: &SimModem) -> u64 {
    let (heard, said) = sim.octets();
    heard + said
}

/// Segments a second, from the first to the last.
fn rate(sim: &SimModem) -> f64 {
    let sent = sim.sent();
    match (sent.first(), sent.last()) {
        (Some(first), Some(last)) if sent.len() > 1 => {
            (sent.len() - 1) as f64 / (last.at - first.at).as_secs_f64()
        }
        _ => 0.0,
    }
}

/// These as gateways of the product's.
fn gateways(sims: &[SimModem]) -> String {
    let one = |(n, sim): (usize, &SimModem)| {
        let (device, baud) = (sim.path(), sim.speed());
        format!(
            "{{ id: m{n}, type: modem, device: {}, baud: {baud} }}",
            device.display()
        )
    };
    let all: Vec<_> = sims.iter().enumerate().map(one).collect();
    format!("[{}]", all.join(", "))
}

/// Mails of 160 characters, each to a phone of its own.
async fn load(milter: &milter_client::Place, mails: usize) {
    let mut session = Session::open(milter).await;
    for n in 0..mails {
        let mut text = format!("bench number {n}: ");
        while text.len() < 160 {
            text.push_str("the disk of a host is full, ");
        }
        text.truncate(159);
        text.push('.');
        let to = format!("<+1212{:07}@sms.example.com>", 2_000_000 + n);
        let outcome = session.mail(&Mail::new(&[&to], &text)).await;
        assert_eq!(outcome.answer, "accept", "{outcome:?}");
    }
    session.quit().await;
}
