//! What a hundred thousand users cost.
//!
//!     cargo bench --bench people
//!
//! The users come from a table (users_csv) of the columns email, name, aliases, login, nickname, mobile,
//! monthly_limit, expires: all that a directory exports. Printed: the time to read and judge the configuration, the
//! time to make of it what decides, the memory of the process then (VmRSS), and at its height when a second one is
//! read while the first is in use, as a reload does; the time of a look-up by address, by nickname and by phone, and
//! of a whole RCPT (address read, user found, sender known, rights and destination checked), each over a million
//! names in another order than the table's. And the same RCPT with two users, to compare.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sms_milter::access::credentials::Shown;
use sms_milter::config;
use sms_milter::mail::{Client, Envelope};
use sms_milter::outbound::admit::Judgement;
use sms_milter::outbound::lookup::Known;
use sms_milter::outbound::plan::Planner;
use sms_milter::sms::{Number, number};

const USERS: usize = 100_000;
const LOOK_UPS: usize = 1_000_000;
/// Prime to the number of users: a walk that meets all of them, each far from the one before.
const STRIDE: usize = 61_803;

fn main() {
    number::warm_up();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("config.yaml");
    let config = "hostname: bench.test
milter: { listen: \"inet:127.0.0.1:0\" }
addresses: { domains: [{ mail: example.com, sms: sms.example.com, region: US }] }
gateways: [{ id: lab, type: simulated }]
mail: { inject: \"smtp://127.0.0.1:9\" }
users_csv: users.csv
";
    std::fs::write(&path, config).expect("a configuration");
    let few = planner(&path, 2).0;
    report("RCPT, of 2 users", rcpt(&few, 2));
    drop(few);

    let before = memory("VmRSS");
    let (first, read, made) = planner(&path, USERS);
    let size = std::fs::metadata(dir.path().join("users.csv")).map_or(0, |table| table.len());
    println!(
        "{:>24} {USERS} in {:.1} MiB of CSV",
        "users",
        mib(size / 1024)
    );
    println!("{:>24} {read:.2?}", "read and judged");
    println!("{:>24} {made:.2?}", "made ready");
    println!("{:>24} {:.0} MiB", "memory", mib(memory("VmRSS") - before));
    let (second, ..) = planner(&path, USERS);
    println!(
        "{:>24} {:.0} MiB at most",
        "and with a reload",
        mib(memory("VmHWM") - before)
    );
    drop(second);

    let people = first.access.people();
    let timed = |look: &dyn Fn(usize)| {
        let start = Instant::now();
        for n in 0..LOOK_UPS {
            look(n * STRIDE % USERS);
        }
        start.elapsed() / LOOK_UPS as u32
    };
    report(
        "by address",
        timed(&|n| {
            let name = format!("First.Last{n}@example.com");
            black_box(people.named(&name).expect("there"));
        }),
    );
    report(
        "by nickname",
        timed(&|n| {
            black_box(
                people
                    .called(&format!("nick{n}"), "example.com")
                    .expect("there"),
            );
        }),
    );
    report(
        "by phone",
        timed(&|n| {
            let number =
                Number::from_network(&format!("+1555{:07}", n + 2_000_000)).expect("a number");
            black_box(people.with_mobile(&number).expect("there"));
        }),
    );
    report("RCPT, of 100000 users", rcpt(&first, USERS));
}

/// What decides, with so many users; the time to read it, and to make it ready.
fn planner(path: &Path, users: usize) -> (Planner, Duration, Duration) {
    let mut table =
        String::from("E-mail,Name,Aliases,User name,Nickname,Mobile,Monthly limit,Expires\n");
    for n in 0..users {
        table += &format!(
            "first.last{n}@example.com,First Last {n},fl{n}@example.com,fl{n},nick{n},+1555{:07},{},2099-12-31\n",
            n + 2_000_000,
            n % 500
        );
    }
    std::fs::write(path.with_file_name("users.csv"), &table).expect("a table");
    drop(table);
    let start = Instant::now();
    let settings = config::load(path).unwrap_or_else(|errors| panic!("{errors}"));
    let read = start.elapsed();
    let start = Instant::now();
    let planner = settings.planner();
    (planner, read, start.elapsed())
}

/// The time of one RCPT.
fn rcpt(planner: &Planner, users: usize) -> Duration {
    let now = Timestamp::now();
    let start = Instant::now();
    for n in 0..LOOK_UPS {
        let (from, to) = (n * STRIDE % users, (n + 1) * STRIDE % users);
        let envelope = Envelope {
            sender: format!("first.last{from}@example.com"),
            auth: Some(format!("fl{from}")),
            client: Client::Ip([192, 0, 2, 1].into()),
            ..Envelope::default()
        };
        let rcpt = format!("<first.last{to}@sms.example.com>");
        let mut known = Known::default();
        let mut judged = planner.judge(&envelope, &rcpt, &[], Shown::Nothing, &known, now);
        // What the store says of a name is another bench's matter: nothing.
        let missed = known.missed_names();
        if !missed.is_empty() {
            known.learn(&missed, Vec::new());
            judged = planner.judge(&envelope, &rcpt, &[], Shown::Nothing, &known, now);
        }
        assert!(matches!(black_box(judged), Judgement::Ours(Ok(_))), "taken");
    }
    start.elapsed() / LOOK_UPS as u32
}

fn report(what: &str, time: Duration) {
    println!("{what:>24} {time:.2?}");
}

/// Of this process, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.expect("in it").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
