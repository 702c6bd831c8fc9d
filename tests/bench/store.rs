//! Durable commits per second of the store: `cargo bench --bench store [DIRECTORY]`.
//!
//! A put is what a mail to one phone makes: a message of 1 KB, its dedupe key, its charge. The
//! directory decides: on tmpfs a sync costs nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sms_milter::sms::{Class, Encoding, MessageId, Number};
use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{
    Charge, Dedupe, Message, NewMessage, Origin, Part, PartState, Settlement, State, Store,
};

const RUN: Duration = Duration::from_secs(4);

fn main() {
    // Cargo says `--bench`.
    let directory = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let directory = directory.map_or_else(|| PathBuf::from("."), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    println!("writers  verb   commits/s  batches/s   p50 ms   p99 ms   max ms  CPU µs/commit");
    for writers in [1, 16, 64] {
        for life in [false, true] {
            runtime.block_on(run(&directory, writers, life));
        }
    }
}

/// Puts for a while; with `life`, each message is begun and settled too.
async fn run(directory: &std::path::Path, writers: u64, life: bool) {
    let dir = tempfile::tempdir_in(directory).expect("directory");
    let settings = Settings {
        path: dir.path().join("store"),
        largest: 1 << 20,
        reserve: None,
    };
    let store = SledStore::open(&settings).expect("open");
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let tasks = (0..writers).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { write(&store, writer, life, start + RUN).await })
    });
    let mut took = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        took.extend(task.await.expect("writer"));
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let metrics = store.metrics();
    println!(
        "{writers:7}  {}  {:9.0}  {:9.0}  {:7.2}  {:7.2}  {:7.2}  {:13.1}",
        if life { "life" } else { "put " },
        metrics.requests as f64 / seconds,
        metrics.batches as f64 / seconds,
        at(0.5),
        at(0.99),
        at(1.0),
        cpu / metrics.requests as f64 * 1e6,
    );
    drop(store);
    let start = Instant::now();
    drop(SledStore::open(&settings).expect("open again"));
    println!(
        "         opened again with {} rows in {:.2} s",
        metrics.rows,
        start.elapsed().as_secs_f64()
    );
}

async fn write(store: &SledStore, writer: u64, life: bool, end: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    let now = Timestamp::now();
    for n in 0_u64.. {
        let started = Instant::now();
        if started >= end {
            break;
        }
        let new = message(writer, n, now);
        let mut message = new.message.clone();
        store.put(now, vec![new], vec![]).await.expect("put");
        if life {
            message.state = State::Sending;
            message.parts[0].state = PartState::Handed {
                gateway: "modem0".into(),
                at: now,
            };
            let begun = store
                .begin_attempt(now, message.clone(), None, vec![])
                .await;
            message.revision = begun.expect("begin");
            message.state = State::Sent;
            message.parts[0].state = PartState::Sent {
                gateway: "modem0".into(),
                reference: Some(format!("{writer}-{n}")),
                at: now,
            };
            let settlement = Settlement {
                telling: None,
                message,
                refund: vec![],
                mails: vec![],
            };
            store.settle(now, settlement).await.expect("settle");
        }
        took.push(started.elapsed());
    }
    took
}

fn message(writer: u64, n: u64, now: Timestamp) -> NewMessage {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&(writer << 32 | n).to_be_bytes());
    let mut key = [0; 32];
    key[..8].copy_from_slice(
        &(writer << 32 | n)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes(),
    );
    let account = format!("user{writer}@example.com");
    let text = "The disk of db7 is full; see the runbook. ".repeat(4);
    NewMessage {
        original: None,
        watch: sms_milter::store::guard::Watch {
            tell: true,
            ..Default::default()
        },
        dedupe: vec![Dedupe {
            key,
            until: now + Duration::from_secs(86_400),
        }],
        message: Message {
            id: MessageId::new(now.as_millisecond() as u64 + n, random),
            revision: 0,
            created: now,
            origin: Origin {
                queue_id: Some("4F1XyZ0abc".into()),
                recipient: "+15551234567@sms.example.com".into(),
                message_id: Some(format!("{writer}.{n}@example.com")),
                subject: "On call".into(),
                thread: Default::default(),
                report_to: Some(account.clone()),
                token: None,
                dsn: Default::default(),
                mail: None,
            },
            account: account.clone(),
            reply_to: None,
            charge: Some(Charge {
                account,
                month: "2026-11".into(),
                segments: 2,
                limit: 0,
                credit: None,
            }),
            number: Number::from_network("+15551234567").expect("number"),
            parts: vec![Part::new(text.clone())],
            text,
            payload: None,
            attributes: sms_milter::sms::Attributes::default(),
            encoding: Encoding::Gsm7,
            shifts: sms_milter::sms::Shifts::default(),
            segments: 2,
            reference: 7,
            flash: false,
            confirm: false,
            private: false,
            class: Class::Normal,
            high: false,
            sender_id: None,
            gateways: vec!["modem0".into()],
            in_order: false,
            avoided: Vec::new(),
            begun: None,
            state: State::Queued,
            attempts: 0,
            not_before: None,
            next_attempt: now,
            expires: now,
            warned: false,
            awaited: None,
            error: None,
            refused_by: None,
        },
    }
}

/// User and system time of this process, in seconds (proc(5), `stat`, fields 14 and 15).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    let ticks = |field: usize| fields[field].parse::<f64>().expect("ticks");
    // The name in parentheses was field 2. A tick is 10 ms.
    (ticks(12) + ticks(13)) / 100.0
}
