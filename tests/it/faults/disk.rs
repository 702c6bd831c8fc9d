//! Disks that are full or cannot be written. Needs root: the store gets a file system of its own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SMS, configure, milter, nobody, refused_to_run, said, send, settled, taken, texts};
use crate::sim::milter_client::{Mail, Session};
use crate::sim::product::{Place, Product, command};
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::SmtpSink;

/// Messages that are tried every second: what the disk had room for is soon written.
const MANY: usize = 60;

/// A file system, unmounted when dropped.
struct Mounted {
    at: PathBuf,
    image: Option<tempfile::NamedTempFile>,
}

fn system(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().expect(program);
    assert!(
        output.status.success(),
        "{program} {args:?} (as root?): {}",
        said(&output)
    );
}

impl Mounted {
    fn new(at: PathBuf, args: &[&str], image: Option<tempfile::NamedTempFile>) -> Self {
        fs::create_dir(&at).expect("a mount point");
        let target = at.to_str().expect("UTF-8").to_owned();
        system("mount", &[args, &[target.as_str()]].concat());
        Self { at, image }
    }

    /// In memory, of so many MiB.
    fn tmpfs(at: PathBuf, mib: u64) -> Self {
        let options = format!("size={mib}m,mode=0700");
        Self::new(at, &["-t", "tmpfs", "-o", &options, "none"], None)
    }

    /// A file system on a disk, which can fail while files are open.
    fn ext4(at: PathBuf, mib: u64) -> Self {
        let image = tempfile::NamedTempFile::new().expect("an image");
        image.as_file().set_len(mib << 20).expect("an image");
        let path = image.path().to_str().expect("UTF-8").to_owned();
        system("mkfs.ext4", &["-q", "-F", &path]);
        let mounted = Self::new(at, &["-o", "loop", &path], Some(image));
        system("chmod", &["0700", mounted.at.to_str().expect("UTF-8")]);
        mounted
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        system("mount", &["-o", &options, self.at.to_str().expect("UTF-8")]);
    }

    /// Unmounts it, checks it and mounts it again, as an admin does after its disk has failed.
    fn repair(&self) {
        let at = self.at.to_str().expect("UTF-8");
        let image = self.image.as_ref().expect("an image").path();
        system("umount", &[at]);
        // 1: errors were corrected.
        let checked = Command::new("fsck.ext4")
            .args(["-p", "-f"])
            .arg(image)
            .output();
        assert!(
            checked
                .expect("fsck.ext4")
                .status
                .code()
                .is_some_and(|code| code <= 1)
        );
        system("mount", &["-o", "loop", image.to_str().expect("UTF-8"), at]);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn free(at: &Path) -> u64 {
    let disk = nix::sys::statvfs::statvfs(at).expect("statvfs");
    disk.blocks_available() * disk.fragment_size()
}

/// More than a product writes in a moment.
const MARGIN: u64 = 4 << 20;

/// Takes room until `left` octets are free; 0: until not one octet more can be written.
fn fill(at: &Path, left: u64) -> PathBuf {
    let path = at
        .parent()
        .expect("a directory above")
        .join("store/somebodys-file");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .expect("a file");
    let block = vec![0x55; 64 << 10];
    // Most of it at once: on a slow machine the product would look at a disk that is half full, and tell of that.
    // It goes on to write meanwhile, and may have the room that was there.
    loop {
        let most = free(at).saturating_sub(left + MARGIN);
        let most = i64::try_from(most).expect("a small disk");
        match nix::fcntl::posix_fallocate(&file, 0, most.max(1)) {
            Err(nix::errno::Errno::ENOSPC) => {}
            done => break done.expect("a file"),
        }
    }
    while free(at) > left + block.len() as u64 && file.write_all(&block).is_ok() {}
    if left == 0 {
        while file.write_all(&block[..512]).is_ok() {}
        while file.write_all(&block[..1]).is_ok() {}
    }
    path
}

/// A product whose store has a disk of its own, and a provider that is busy.
async fn on_a_small_disk() -> (Mounted, Place, Provider) {
    // For this message alone: one that cannot serve anybody would be left in peace for longer each time.
    let provider = Provider::answering(Answer::say(200, "busy")).await;
    let place = Place::new(
        nobody(),
        &format!(
            "queue: {{ retry: {{ first: 1s, factor: 1, max: 1s }} }}\n\
             gateways: [{{ id: web, type: http, window: 16, unknown_wait: 1s, \
             temporary: {{ body: busy }}, url: \"{}\" }}]",
            provider.url("/send?to=%number%&text=%data%")
        ),
    );
    // 64 MiB must be free, and two of the largest mails.
    configure(&place, |config| {
        config.replace("milter: {", "milter: { max_message: 64KiB,")
    });
    let disk = Mounted::tmpfs(place.path().join("store"), 110);
    (disk, place, provider)
}

fn recipient(n: usize) -> String {
    format!("<+155512300{n:02}@sms.example.com>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up() {
    let (disk, place, provider) = on_a_small_disk().await;
    let product = place.start();
    for n in 0..5 {
        taken(&product, &recipient(n), &format!("before {n}")).await;
    }
    let file = fill(&disk.at, 60 << 20);
    let mut session = Session::open(&milter(&product)).await;
    for n in 5..10 {
        let mail = Mail::new(
            &[&recipient(n), "<carol@example.net>"],
            &format!("full {n}"),
        );
        let outcome = session.mail(&mail).await;
        assert_eq!(
            (outcome.answer.as_str(), outcome.deleted.len()),
            ("452 4.3.1", 0)
        );
        // Ordinary mail is none of our business.
        let mail = Mail::new(&["<carol@example.net>"], "ordinary");
        assert_eq!(session.mail(&mail).await.answer, "accept at DATA");
    }
    // What was taken still goes out.
    provider.change(vec![Answer::say(200, "OK")]);
    assert!(settled(&product).iter().all(|(_, state)| state == "sent"));
    assert_eq!(texts(&product).len(), 5);
    // There is room again: no restart.
    fs::remove_file(file).expect("the file");
    let mail = Mail::new(&[SMS], "after");
    assert_eq!(session.mail(&mail).await.answer, "accept");
    let all = settled(&product);
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|(_, state)| state == "sent"), "{all:?}");
    assert!(product.stop().success());
}

/// Nobody need read replies to know: the log has a line when it begins and one when it ends, the admin one
/// mail; when there is not even room for that, it follows.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_of() {
    for left in [60 << 20, 0] {
        let sink = SmtpSink::start().await;
        let place = Place::new(sink.address(), super::LAB);
        configure(&place, |config| {
            config.replace("milter: {", "milter: { max_message: 64KiB,")
        });
        let disk = Mounted::tmpfs(place.path().join("store"), 110);
        let product = place.start();
        let file = fill(&disk.at, left);
        assert_eq!(
            super::send(&product, &[SMS], "full").await.answer,
            "452 4.3.1"
        );
        let sent = product.command(&["send", "+15551234567", "full"]);
        assert_eq!(sent.status.code(), Some(69));
        let begun = product.log_line(|line| line.contains("store-full"));
        let begun = begun.unwrap_or_else(|| panic!("{}", product.log()));
        assert!(begun.contains(disk.at.to_str().expect("UTF-8")), "{begun}");
        if left > 0 {
            sink.wait_for(1).await;
        }
        fs::remove_file(file).expect("the file");
        let ended = product.log_line(|line| line.contains("store-has-room"));
        assert!(ended.is_some(), "{}", product.log());
        let mail = sink.wait_for(1).await.remove(0);
        let subject = mail.header("Subject").unwrap_or_default();
        assert_eq!(subject, "The disk of the SMS queue is full");
        assert_eq!(mail.text().contains("From "), left == 0, "{}", mail.text());
        taken(&product, SMS, "after").await;
        product.phone(super::PHONE, 1);
        assert_eq!(product.log().matches("store-full").count(), 1);
        assert_eq!(sink.mails().len(), 1);
        assert!(product.stop().success());
    }
}

/// Whoever wants no SMS any more is heard all the same, also when we are killed at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_has_room_for_stop() {
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!("incoming: {{ default: bob@example.com }}\n{}", super::LAB),
    );
    configure(&place, |config| {
        config.replace("milter: {", "milter: { max_message: 64KiB,")
    });
    let disk = Mounted::tmpfs(place.path().join("store"), 110);
    let mut product = place.start();
    taken(&product, SMS, "before").await;
    product.phone(super::PHONE, 1);
    let file = fill(&disk.at, 40 << 20);
    let say = |product: &Product, text: &str| {
        let said = product.command(&["phone", "reply", super::PHONE, text]);
        said.status.success()
    };
    assert!(!say(&product, "hello"), "it stays with the gateway");
    assert!(say(&product, "STOP"), "{}", product.log());
    product.kill();
    product = place.start();
    product.until(&["optout", "list", "--json"], |lines| lines.len() == 1);
    let refused = send(&product, &[SMS], "after").await;
    assert!(
        refused.recipients[0].starts_with("550 5.7.1"),
        "{refused:?}"
    );
    let told = |text: &str| {
        let mails = sink.mails();
        mails
            .iter()
            .filter(|mail| mail.text().contains(text))
            .count()
    };
    // What tells of the disk, and what tells of the phone, which a kill may have had sent twice.
    while told("has opted out") == 0 {
        sink.wait_for(sink.mails().len() + 1).await;
    }
    assert!(say(&product, "START"));
    product.until(&["optout", "list", "--json"], |lines| lines.is_empty());
    assert!(!say(&product, "hello again"));
    fs::remove_file(file).expect("the file");
    assert!(say(&product, "all is well"));
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["inbound_open"] == 0 && lines[0]["mails"] == 0
    });
    assert_eq!((told("hello"), told("all is well")), (0, 1));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_to_the_last_octet() {
    let (disk, place, provider) = on_a_small_disk().await;
    let mut product = place.start();
    let long = "x".repeat(700);
    for n in 0..MANY {
        taken(&product, &recipient(n), &format!("kept {n} {long}")).await;
    }
    let file = fill(&disk.at, 0);
    // Each attempt must be on the disk before its first octet leaves.
    // There are hundreds before the room within the database's own file is used up.
    let status = product.ended_after(|| provider.requests().len());
    let log = product.log();
    let last = log.lines().rev().nth(1).unwrap_or_default();
    assert_eq!(status.code(), Some(75), "{log}");
    assert!(
        last.contains("store") && last.contains("make room"),
        "{last}"
    );
    assert!(last.contains(disk.at.to_str().expect("UTF-8")), "{last}");
    let sent = provider.requests().len();

    // The ballast makes the start possible on a disk that is still full; nothing new is taken.
    let product = place.start();
    assert_eq!(send(&product, &[SMS], "full").await.answer, "452 4.3.1");
    assert_eq!(texts(&product).len(), MANY);
    fs::remove_file(file).expect("the file");
    taken(&product, SMS, "after").await;
    provider.change(vec![Answer::say(200, "OK")]);
    let all = settled(&product);
    assert_eq!(all.len(), MANY + 1, "{sent} requests before the end");
    // An attempt that began before the disk was full may have been sent.
    let open = all.iter().filter(|(_, state)| state == "unknown").count();
    let sent = all.iter().filter(|(_, state)| state == "sent").count();
    assert_eq!(sent + open, MANY + 1, "{all:?}");
    assert!(open <= 16, "at most the window is open: {all:?}");
}

#[test]
fn a_disk_without_room_for_a_new_store() {
    let place = Place::new(nobody(), super::LAB);
    let disk = Mounted::tmpfs(place.path().join("store"), 32);
    let (code, last) = refused_to_run(&place);
    assert_eq!(code, 75, "{last}");
    assert!(last.contains(disk.at.to_str().expect("UTF-8")), "{last}");
    assert!(
        last.contains("full") && last.contains("make room"),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_be_written_at_the_start() {
    let place = Place::new(nobody(), super::LAB);
    let disk = Mounted::tmpfs(place.path().join("store"), 110);
    let at = disk.at.to_str().expect("UTF-8");
    for is_fresh in [true, false] {
        disk.remount("ro");
        for _ in 0..2 {
            let (code, last) = refused_to_run(&place);
            assert_eq!(code, 74, "fresh: {is_fresh}: {last}");
            assert!(last.contains(at), "{last}");
            assert!(last.contains("Read-only file system"), "{last}");
            assert!(last.contains("writable"), "what to do: {last}");
        }
        let checked = command(&place.config(), &["store", "check"]);
        assert_eq!(checked.status.code(), Some(74), "{}", said(&checked));
        disk.remount("rw");
        let product = place.start();
        taken(&product, SMS, &format!("fresh: {is_fresh}")).await;
        product.phone(super::PHONE, 1);
        assert!(product.stop().success());
    }
    let product = place.start();
    assert_eq!(texts(&product).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_while_running() {
    let place = Place::new(nobody(), super::LAB);
    let disk = Mounted::ext4(place.path().join("store"), 160);
    let mut product = place.start();
    for n in 0..5 {
        taken(&product, &recipient(n), &format!("kept {n}")).await;
    }
    settled(&product);
    let milter = milter(&product);
    let mut session = Session::open(&milter).await;
    // What ext4 does by itself when its disk fails.
    disk.remount("abort");
    let mail = Mail::new(&[SMS], "nowhere to keep it");
    // A no, or no answer at all: never a yes.
    if let Ok(outcome) = session.try_mail(&mail).await {
        assert_eq!(
            (outcome.answer.as_str(), outcome.deleted.len()),
            ("451 4.3.0", 0)
        );
    }
    let status = product.ended();
    let log = product.log();
    let last = log.lines().rev().nth(1).unwrap_or_default();
    assert_eq!(status.code(), Some(75), "{log}");
    assert!(last.contains(disk.at.to_str().expect("UTF-8")), "{last}");
    assert!(last.contains("Read-only file system"), "{last}");
    let (code, last) = refused_to_run(&place);
    assert_eq!(code, 74, "{last}");

    disk.repair();
    let product = place.start();
    let kept = texts(&product);
    assert!(
        (0..5).all(|n| kept.contains(&format!("kept {n}"))),
        "{kept:?}"
    );
    // The client's repeat is taken, once, whatever the disk had kept of the first try.
    let mut session = Session::open(&super::milter(&product)).await;
    assert_eq!(session.mail(&mail).await.answer, "accept");
    assert_eq!(settled(&product).len(), 6);
}

/// Not writable for us is as bad as not writable: said before anything is promised.
#[test]
fn a_store_that_is_a_file() {
    let place = Place::new(nobody(), super::LAB);
    File::create(place.path().join("store")).expect("a file");
    let (code, last) = refused_to_run(&place);
    assert!([74, 78].contains(&code), "{code}: {last}");
    assert!(
        last.contains(place.path().join("store").to_str().expect("UTF-8")),
        "{last}"
    );
}
