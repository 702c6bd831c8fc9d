//! First parts without end (T33): `cargo bench --bench flood [PARTS] [DIRECTORY]`.
//!
//! A million first parts of 10,000 senders, none of which is followed by another, are handed to the inbound path
//! as a gateway does, by 64 at a time, over a store on disk, with an MTA in process. Then an hour passes, so that
//! what waits goes out. Printed while it goes: parts a second, the memory of the process (VmRSS), the disk. At the end
//! each part is looked for: in a mail that the MTA took, or in quarantine. One that is nowhere, or twice, is an
//! error, and so is a memory that grows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use sms_milter::access::People;
use sms_milter::gateway::Event;
use sms_milter::inbound::{Inbound, OnConflict, Settings};
use sms_milter::mail::inject::{self, Fallback, Injector, Target};
use sms_milter::sms::{Concat, Marks, Number, Party};
use sms_milter::store::sled::{Settings as StoreSettings, SledStore};
use sms_milter::store::{Content, Dedupe, Kept, Received, Store};
use sms_milter::web::post::Programs;
use sms_milter::world::{Clock, World};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot, watch};

const PARTS: u32 = 1_000_000;
const SENDERS: u32 = 10_000;
/// So many wait for their answer at a time.
const AT_ONCE: usize = 64;
/// How much more memory the second half may take than the first: what sled's cache and the index of what is
/// stuck grow by.
const GROWTH: u64 = 96 * 1024;
/// Disk a part may cost, in the store and in its segments that are not yet collected.
const DISK: u64 = 4096;

/// A clock that goes, and that can be put on.
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

fn main() {
    // Cargo says `--bench`.
    let mut args = std::env::args().skip(1).filter(|a| !a.starts_with('-'));
    let parts = args.next().map_or(PARTS, |n| n.parse().expect("a number"));
    let directory = args
        .next()
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime");
    let ok = runtime.block_on(flood(&directory, parts));
    std::process::exit(i32::from(!ok));
}

async fn flood(directory: &Path, parts: u32) -> bool {
    let dir = tempfile::tempdir_in(directory).expect("directory");
    let path = dir.path().join("store");
    let clock = Arc::new(Ahead(AtomicI64::new(0)));
    let world = World {
        clock: clock.clone(),
        ..World::real()
    };
    let store = SledStore::open(&StoreSettings {
        path: path.clone(),
        largest: 1 << 20,
        reserve: None,
    })
    .expect("open");
    let seen = Arc::new(Mutex::new(vec![0u8; parts as usize]));
    let (address, mails) = mta(seen.clone()).await;
    let (stop, stopped) = watch::channel(false);
    let bell = Arc::new(Notify::new());
    let programs = Programs::new(HashMap::new(), world.clone()).expect("programs");
    let inject = inject::Settings {
        target: Target::parse(&format!("smtp://{address}")).expect("a target"),
        login: None,
        ca: None,
        hello: "mail.example.com".to_owned(),
        deadline: inject::DEADLINE,
        fallback: Fallback {
            default: Some("reception@example.com".to_owned()),
            admin: "postmaster@example.com".to_owned(),
            from: "sms@example.com".to_owned(),
            words: Default::default(),
        },
    };
    let injector = Injector::new(
        inject,
        Arc::new(programs),
        store.clone(),
        world.clone(),
        bell.clone(),
    );
    let messages = Arc::new(Notify::new());
    let inbound = Inbound::new(
        settings(),
        store.clone(),
        world.clone(),
        bell,
        messages,
        Default::default(),
    );
    tokio::spawn(injector.run(stopped.clone()));
    tokio::spawn(inbound.clone().run(stopped));

    println!("   parts  parts/s  still open  mails  RSS MiB  disk MiB");
    let (began, mut memory) = (Instant::now(), Vec::new());
    let step = (parts / 10).max(1);
    for first in (0..parts).step_by(step as usize) {
        let start = Instant::now();
        let last = (first + step).min(parts);
        let all = (first..last).map(|n| {
            let (inbound, world) = (inbound.clone(), world.clone());
            async move { receive(&inbound, &world, n).await }
        });
        let mut all = futures_util::stream::iter(all).buffer_unordered(AT_ONCE);
        while let Some(kept) = all.next().await {
            assert_eq!(kept, Some(Kept::New));
        }
        let open = store.counts().await.expect("counts").inbound_open;
        memory.push(rss());
        println!(
            "{last:8}  {:7.0}  {open:10}  {:5}  {:7.0}  {:8.0}",
            f64::from(last - first) / start.elapsed().as_secs_f64(),
            mails.load(Ordering::Relaxed),
            mib(rss()),
            mib(disk(&path) / 1024),
        );
    }
    let received = began.elapsed();
    settle(&store, 10_000).await;
    clock.0.store(3601, Ordering::Relaxed);
    settle(&store, 0).await;
    let (settled, rss_then, disk_then) = (began.elapsed(), rss(), disk(&path));
    println!("received in {received:.1?}, all settled in {settled:.1?}");
    println!(
        "at the end: {:.0} MiB of memory, {:.0} MiB of disk",
        mib(rss_then),
        mib(disk_then / 1024)
    );

    let mut quarantined = 0u64;
    let mut before = None;
    loop {
        let rows = store.stuck_inbound(None, before, 4096).await.expect("list");
        let Some(last) = rows.last() else { break };
        before = Some(last.id);
        quarantined += rows.len() as u64;
        for row in &rows {
            if let Content::Sms { text, .. } = &row.received.content {
                see(&seen, text);
            }
        }
    }
    let _ = stop.send(true);
    let seen = seen.lock().expect("lock");
    let lost = seen.iter().filter(|&&times| times == 0).count();
    let twice = seen.iter().filter(|&&times| times > 1).count();
    println!(
        "{parts} parts: {} in mails, {quarantined} in quarantine, {lost} nowhere, {twice} more than once",
        seen.iter().filter(|&&times| times == 1).count() as u64 - quarantined,
    );
    let half = memory.len() / 2;
    let height = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    let grew = height(&memory[half..]).saturating_sub(height(&memory[..half]));
    println!(
        "the second half took {:.0} MiB more memory than the first",
        mib(grew)
    );
    let bounded = disk_then <= u64::from(parts) * DISK + (256 << 20);
    if !bounded {
        println!("that is more disk than {DISK} octets a part");
    }
    lost == 0 && twice == 0 && grew <= GROWTH && bounded
}

/// Hands a part over as a gateway does.
async fn receive(inbound: &Inbound, world: &World, n: u32) -> Option<Kept> {
    let number = Number::from_network(&format!("+1555{:07}", n % SENDERS)).expect("number");
    let mut key = [0; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    let now = world.now();
    let text = format!("part-{n} {}", "lorem ipsum ".repeat(11));
    let received = Box::new(Received {
        gateway: "hall".to_owned(),
        at: now,
        dedupe: Some(Dedupe {
            key,
            until: now + SignedDuration::from_hours(24),
        }),
        raw: text.as_bytes().to_vec(),
        content: Content::Sms {
            from: Party::Number(number),
            to: None,
            text,
            binary: None,
            concat: Some(Concat {
                reference: u16::try_from(n / SENDERS).unwrap_or(0),
                wide: true,
                part: 1,
                parts: 255,
            }),
            marks: Marks::default(),
            sent: Some(now),
        },
    });
    let (kept, answer) = oneshot::channel();
    inbound.receive(Event::Received { received, kept }).await;
    answer.await.ok()
}

/// Waits until no more than so many are open, and no mail waits.
async fn settle(store: &SledStore, open: u64) {
    let deadline = Instant::now() + Duration::from_secs(1800);
    loop {
        let counts = store.counts().await.expect("counts");
        if counts.inbound_open <= open && counts.mails == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "still {counts:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn see(seen: &Mutex<Vec<u8>>, text: &str) {
    for word in text.split_whitespace() {
        if let Some(n) = word
            .strip_prefix("part-")
            .and_then(|n| n.parse::<usize>().ok())
        {
            let mut seen = seen.lock().expect("lock");
            seen[n] = seen[n].saturating_add(1);
        }
    }
}

/// An MTA that takes everything and keeps which parts it saw.
async fn mta(seen: Arc<Mutex<Vec<u8>>>) -> (std::net::SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("address");
    let mails = Arc::new(AtomicU64::new(0));
    let taken = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(session(stream, seen.clone(), taken.clone()));
        }
    });
    (address, mails)
}

async fn session(
    stream: TcpStream,
    seen: Arc<Mutex<Vec<u8>>>,
    taken: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mta ESMTP\r\n").await?;
    let (mut line, mut mail, mut data) = (String::new(), String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer: &[u8] = match (data, line.trim_end()) {
            (true, ".") => {
                data = false;
                // A note to the admin names no part; ours do, in text that is plain ASCII.
                see(&seen, &mail);
                mail.clear();
                taken.fetch_add(1, Ordering::Relaxed);
                b"250 2.0.0 queued\r\n"
            }
            (true, _) => {
                mail.push_str(&line);
                continue;
            }
            (false, "DATA") => {
                data = true;
                b"354 go on\r\n"
            }
            (false, "QUIT") => return stream.write_all(b"221 bye\r\n").await,
            (false, hello) if hello.starts_with("EHLO") => b"250-mta\r\n250 8BITMIME\r\n",
            _ => b"250 2.0.0 ok\r\n",
        };
        stream.write_all(answer).await?;
    }
}

fn settings() -> Settings {
    Settings {
        email_tags: true,
        relay: Vec::new(),
        nicknames: true,
        strip_nickname: true,
        reply_window: Duration::from_secs(3 * 24 * 3600),
        on_conflict: OnConflict::Ask,
        conflict_text: "Whom do you mean?".to_owned(),
        opt_out: Default::default(),
        join_wait: Duration::from_secs(3600),
        concat_window: Duration::ZERO,
        default: Some("reception@example.com".to_owned()),
        rules: Vec::new(),
        domains: vec![("example.com".to_owned(), "sms.example.com".to_owned())],
        people: Arc::new(People::new(Vec::new())),
        directories: Arc::default(),
        gateways: HashMap::new(),
        speech: sms_milter::mail::words::Speech::default(),
        hostname: "mail.example.com".to_owned(),
        admin: "postmaster@example.com".to_owned(),
        mail_from: "sms@example.com".to_owned(),
        envelope_from: String::new(),
    }
}

/// Memory of this process, KiB.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let size = line.and_then(|line| line.split_whitespace().nth(1));
    size.and_then(|kib| kib.parse().ok()).expect("a size")
}

/// Octets of all files under a directory.
fn disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => disk(&entry.path()),
        Ok(data) => data.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
