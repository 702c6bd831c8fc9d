//! kill -9 and power cuts in the middle of everything: what was acknowledged is there afterwards.
//!
//! The test binary runs itself again as a writer, ends it after some hundred milliseconds, opens the
//! store in this process and compares it with what the writer said on its standard output. A line is
//! printed only after the verb has answered.
//!
//! The power cut is that of ext4 (`EXT4_IOC_SHUTDOWN` without a flush of its log) on a file of its own:
//! what was not synced by then is gone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{
    Filter, InboundOutcome, InboundState, MailOutcome, Message, PartState, Settlement, State, Store,
};

use crate::sim::patience::PATIENCE;
use crate::store::make::*;

const DIRECTORY: &str = "SMS_MILTER_TEST_CRASH_DIRECTORY";
const ROUND: &str = "SMS_MILTER_TEST_CRASH_ROUND";
/// Acknowledgements after which a writer is in the middle of its work, however slow the disk is.
const AT_WORK: usize = 100;
/// More than [`FEW`] rounds, when someone wants to know it better.
const ROUNDS: &str = "SMS_MILTER_TEST_CRASH_ROUNDS";
const FEW: u64 = 12;
const WRITERS: u64 = 8;

fn settings(dir: &Path) -> Settings {
    Settings {
        path: dir.join("store"),
        largest: 1 << 20,
        reserve: Some(1 << 20),
    }
}

/// Prints what was acknowledged, a line in one write.
fn acknowledge(line: String) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("ack {line}\n").as_bytes())
        .expect("the pipe");
    out.flush().expect("the pipe");
}

/// What the writer's `n`th message looks like: every tenth is too large for a row.
fn text(n: u64) -> String {
    let length = if n.is_multiple_of(10) { 9_000 } else { 200 };
    format!("{n:020}").repeat(length / 20)
}

/// One life of a message after the other, until the kill.
async fn write(store: Arc<SledStore>, first: u64) {
    for n in first.. {
        let mut message = message(n);
        message.text = text(n);
        message.charge = Some(charge(1, 0));
        let taken = store
            .put(at(0), vec![plain_of(message.clone())], vec![mail(n)])
            .await;
        taken.expect("put");
        acknowledge(format!("put {n}"));
        if n % 4 == 1 {
            continue;
        }
        let attempt = handed(message);
        let begun = store
            .begin_attempt(at(1), attempt.clone(), Some(link(n, 1)), vec![])
            .await
            .expect("begin");
        acknowledge(format!("begin {n}"));
        let mut end = sent(attempt, &n.to_string());
        end.revision = begun;
        let settled = Settlement {
            refund: (n % 4 == 2).then(|| charge(1, 0)).into_iter().collect(),
            ..settlement(end)
        };
        store.settle(at(2), settled).await.expect("settle");
        acknowledge(format!("settle {n}"));
        store
            .keep_inbound(at(2), id(n), received(n, None))
            .await
            .expect("keep");
        acknowledge(format!("keep {n}"));
        let done = InboundOutcome {
            mails: vec![mail(n + 500_000)],
            ..done(vec![id(n)])
        };
        store.settle_inbound(at(3), done).await.expect("settle");
        acknowledge(format!("done {n}"));
        store
            .settle_mail(at(3), id(n), MailOutcome::Taken)
            .await
            .expect("settle");
        acknowledge(format!("mailed {n}"));
        if n % 100 == 3 {
            // Touched at 2 and 3: final messages up to here may go.
            store.prune(at(0), at(-1)).await.expect("prune");
        }
    }
}

/// Not a test of its own: the writer that is killed. Without its variables it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let round = std::env::var(ROUND).expect("round");
    let round: u64 = round.parse().expect("a round");
    let store = SledStore::open(&settings(Path::new(&dir))).expect("open");
    acknowledge("open 0".into());
    let writers = (0..WRITERS).map(|writer| {
        let first = (round * WRITERS + writer) * 1_000 + 1;
        tokio::spawn(write(Arc::clone(&store), first))
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer");
    }
}

fn rounds() -> u64 {
    std::env::var(ROUNDS).map_or(FEW, |rounds| rounds.parse().expect("a number"))
}

/// The last thing that was acknowledged of each number.
type Acks = BTreeMap<u64, String>;

/// Runs the writer for a while; `end` ends it.
fn round(dir: &Path, round: u64, acks: &mut Acks, end: impl FnOnce() + Send + 'static) {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "store_crash::writer", "--nocapture"])
        .env(DIRECTORY, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    // The harness says things too, on the line where the first acknowledgement begins.
    let mut read = |line: &str| -> bool {
        let Some(at) = line.find("ack ") else {
            return false;
        };
        let mut words = line[at + 4..].split(' ');
        let (Some(word), Some(n)) = (words.next(), words.next()) else {
            return false;
        };
        if word != "open" {
            acks.insert(n.parse().expect("a number"), word.to_owned());
        }
        true
    };
    // Every round dies elsewhere; every fourth while it starts or opens.
    if round % 4 != 3 {
        let mut said = lines
            .by_ref()
            .map_while(Result::ok)
            .filter(|line| read(line));
        assert_eq!(
            said.by_ref().take(AT_WORK).count(),
            AT_WORK,
            "the writer of round {round} is not at work"
        );
    }
    let life = match round % 4 {
        3 => Duration::from_millis(5 + round * 3),
        _ => Duration::from_millis(100 + round * 37 % 150),
    };
    let killer = std::thread::spawn(move || {
        std::thread::sleep(life);
        end();
        child.kill().expect("kill");
        child.wait().expect("wait");
    });
    for line in lines.map_while(Result::ok) {
        read(&line);
    }
    killer.join().expect("killer");
}

const STEPS: [&str; 6] = ["put", "begin", "settle", "keep", "done", "mailed"];

fn verify(store: &SledStore, acks: &Acks) {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let (messages, inbound, mails) = runtime.block_on(async {
        let messages = store.list(Filter::default()).await.expect("list");
        let inbound = store.list_inbound(0).await.expect("list");
        (messages, inbound, store.list_mail().await.expect("list"))
    });
    let messages: BTreeMap<_, Message> = messages.into_iter().map(|m| (m.id, m)).collect();
    let inbound: BTreeMap<_, _> = inbound.into_iter().map(|i| (i.id, i)).collect();
    let mails: BTreeMap<_, _> = mails.into_iter().map(|m| (m.mail.id, m)).collect();
    for (&n, word) in acks {
        let step = STEPS.iter().position(|s| s == word).expect("a step");
        let message = messages
            .get(&id(n))
            .unwrap_or_else(|| panic!("message {n} is lost"));
        assert_eq!(message.text, text(n), "message {n}");
        if step >= 1 {
            assert!(message.revision >= 1, "the attempt of {n} is lost");
            let open = matches!(message.parts[0].state, PartState::Handed { .. });
            assert!(!open, "the attempt of {n} looks open");
            let links = runtime
                .block_on(store.links(&phone(n), at(0)))
                .expect("links");
            assert_eq!(links, [link(n, 1)], "the link of {n}");
        }
        if step >= 2 {
            assert_eq!(
                (message.state, message.revision),
                (State::Sent, 2),
                "message {n}"
            );
            let found = runtime.block_on(store.by_reference("modem0", &n.to_string()));
            assert_eq!(found.expect("find").first().map(|f| f.0.id), Some(id(n)));
        }
        if step >= 3 {
            assert!(inbound.contains_key(&id(n)), "SMS {n} is lost");
        }
        if step >= 4 {
            assert_eq!(inbound[&id(n)].state, InboundState::Done, "SMS {n}");
            assert!(
                mails.contains_key(&id(n + 500_000)),
                "the mail of SMS {n} is lost"
            );
        }
        // What was not acknowledged may be there; what was taken back may not.
        assert!(step < 5 || !mails.contains_key(&id(n)), "mail {n} is back");
    }
    // The counter is what the messages say: charge and message are one transaction.
    let refunded = |m: &Message| m.state == State::Sent && number(m) % 4 == 2;
    let used = messages.values().filter(|m| !refunded(m)).count();
    let counted = runtime.block_on(store.used("ann@example.com", "2027-01"));
    assert_eq!(counted.expect("used") as usize, used);
}

fn number(message: &Message) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&message.id.as_bytes()[8..]);
    u64::from_be_bytes(bytes)
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::TempDir::new().expect("directory");
    let mut acks = Acks::new();
    for n in 0..rounds() {
        round(dir.path(), n, &mut acks, || {});
        let store = SledStore::open(&settings(dir.path())).expect("open after a kill");
        verify(&store, &acks);
    }
    println!("{} messages in {} rounds", acks.len(), rounds());
}

/// A disk that can lose its power. Dropped, it is unmounted.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    /// `None` where this process may not mount.
    fn new() -> Option<Self> {
        let disk = Self {
            dir: tempfile::TempDir::new().expect("directory"),
        };
        std::fs::create_dir(disk.mounted()).expect("directory");
        let file = std::fs::File::create(disk.image()).expect("image");
        file.set_len(256 << 20).expect("image");
        let made = Command::new("/sbin/mkfs.ext4")
            .args(["-q", "-F"])
            .arg(disk.image())
            .status();
        assert!(made.expect("mkfs.ext4").success());
        disk.mount().then_some(disk)
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }

    fn mount(&self) -> bool {
        let mut mount = Command::new("/bin/mount");
        mount
            .args(["-o", "loop"])
            .arg(self.image())
            .arg(self.mounted());
        mount.status().expect("mount").success()
    }

    fn unmount(&self) {
        // What still has a file open there ends soon after its kill.
        let deadline = Instant::now() + PATIENCE;
        while !Command::new("/bin/umount")
            .arg(self.mounted())
            .stderr(Stdio::null())
            .status()
            .expect("umount")
            .success()
        {
            assert!(
                Instant::now() < deadline,
                "{:?} stays mounted",
                self.mounted()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("/bin/umount")
            .arg("-l")
            .arg(self.mounted())
            .status();
    }
}

/// Cuts the power of the file system of a directory: `_IOR('X', 125, u32)`, 2 = without its log.
fn cut_power(mounted: &Path) {
    const CUT: &str = "import fcntl, os, struct, sys\n\
        fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    let cut = Command::new("python3")
        .args(["-c", CUT])
        .arg(mounted)
        .status();
    assert!(cut.expect("python3").success(), "the power stays on");
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let Some(disk) = Disk::new() else {
        println!("not run: this process may not mount a disk of its own");
        return;
    };
    let mut acks = Acks::new();
    for n in 0..rounds() {
        let mounted = disk.mounted();
        round(&disk.mounted(), n, &mut acks, move || cut_power(&mounted));
        disk.unmount();
        assert!(disk.mount(), "mounted again");
        let store = SledStore::open(&settings(&disk.mounted()));
        let store = store.unwrap_or_else(|e| panic!("round {n}: {e}"));
        verify(&store, &acks);
    }
    println!("{} messages in {} rounds", acks.len(), rounds());
}
