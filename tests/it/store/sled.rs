//! What is sled's own: damage, rollback, full disks, the lock, export and import.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sms_milter::store::optout::{By, Change, OptOut, OptOuts};
use sms_milter::store::phonebook::Phonebook;
use sms_milter::store::sled::{OpenError, Settings, SledStore, check, export, import};
use sms_milter::store::{
    Filter, Inbound, InboundOutcome, Kept, Link, Message, OfMail, Original, QueuedMail, Settlement,
    Store, StoreError, Taken, Telling,
};
use tempfile::TempDir;

use super::make::*;
use super::suite::{self, Backend, suite};

/// A store in a temporary directory.
pub struct Sled {
    dir: TempDir,
    store: Option<Arc<SledStore>>,
}

impl Backend for Sled {
    fn new() -> Self {
        let dir = TempDir::new().expect("directory");
        let store = Some(SledStore::open(&at_path(dir.path())).expect("open"));
        Self { dir, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(self.store.as_ref().expect("an open store")) as Arc<dyn Store>
    }

    fn reopen(&mut self) {
        self.store = None;
        self.store = Some(SledStore::open(&at_path(self.dir.path())).expect("open"));
    }
}

suite!(Sled);

fn at_path(path: &Path) -> Settings {
    Settings {
        path: path.join("store"),
        largest: 1 << 20,
        reserve: Some(1 << 20),
    }
}

/// A small store with a bit of everything, closed.
async fn filled(dir: &Path) -> Settings {
    let settings = at_path(dir);
    let store = SledStore::open(&settings).expect("open");
    for n in 0..40 {
        let mut first = charged(n, 1, 0);
        first.dedupe = vec![key(n as u8, at(500))];
        first.original = Some(Arc::new(Original {
            id: id(900 + n),
            until: at(500),
            whole: n % 2 == 0,
            bytes: vec![n as u8; 1000],
        }));
        store
            .put(at(0), vec![first], vec![mail(n)])
            .await
            .expect("put");
        store
            .keep_inbound(at(0), id(n), received(n, None))
            .await
            .expect("keep");
    }
    for n in 0..20 {
        let begun = store.begin_attempt(at(1), handed(message(n)), Some(link(n, 1)), vec![]);
        let mut sent = sent(message(n), &n.to_string());
        sent.revision = begun.await.expect("begin");
        let mail = OfMail {
            id: id(900 + n),
            messages: 2,
        };
        let told = Settlement {
            telling: Some(Telling {
                mail,
                cause: "confirmed".into(),
                message: id(n),
                at: at(2),
            }),
            ..settlement(sent)
        };
        store.settle(at(2), told).await.expect("settle");
        let name = format!("name{n}@example.com");
        let number = suite::change(900 + n, &name, None, Some(suite::entry(&name, n)));
        store.take(at(3), number).await.expect("a name");
    }
    store.take(at(3), suite::keeping(200)).await.expect("kept");
    let opted_out = suite::opted_out(7, By::Admin);
    store.opt_out(opted_out).await.expect("an opt-out");
    settings
}

type Content = (
    Result<Vec<Message>, StoreError>,
    Result<Vec<Inbound>, StoreError>,
    Result<Vec<QueuedMail>, StoreError>,
    Result<u32, StoreError>,
    Result<Vec<Link>, StoreError>,
    Result<Vec<(Message, usize)>, StoreError>,
    Result<Vec<OptOut>, StoreError>,
);

/// All that can be read through the trait.
async fn content(store: &dyn Store) -> Content {
    (
        store.list(Filter::default()).await,
        store.list_inbound(0).await,
        store.list_mail().await,
        store.used("ann@example.com", "2027-01").await,
        store.links(&phone(3), at(-99)).await,
        store.by_reference("modem0", "7").await,
        store.opt_outs().await,
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("directory");
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).expect("permissions");
    for entry in fs::read_dir(from).expect("list") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn refused(settings: &Settings) -> OpenError {
    match SledStore::open(settings) {
        Ok(_) => panic!("the store was opened"),
        Err(e) => e,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_octet_is_refused_or_harmless() {
    let dir = TempDir::new().expect("directory");
    let settings = filled(dir.path()).await;
    let whole = {
        let store = SledStore::open(&settings).expect("open");
        content(&*store).await
    };
    let (mut refusals, mut harmless) = (0, 0);
    for file in files(&settings.path) {
        let name = file
            .strip_prefix(&settings.path)
            .expect("inside")
            .to_owned();
        if name.starts_with("ballast") || name.starts_with("lock") {
            continue;
        }
        let octets = fs::read(&file).expect("read");
        // sled makes its file in segments of 2 MiB; what matters is at the front of it.
        let used = octets
            .iter()
            .rposition(|b| *b != 0)
            .map_or(0, |last| last + 1);
        let steps = if name.ends_with("sled/db") { 200 } else { 20 };
        for step in 0..steps.min(used) {
            let victim = dir.path().join("victim");
            let _ = fs::remove_dir_all(&victim);
            copy(&settings.path, &victim.join("store"));
            let mut damaged = octets.clone();
            damaged[step * used / steps.min(used)] ^= 0x24;
            fs::write(victim.join("store").join(&name), damaged).expect("damage");
            match SledStore::open(&at_path(&victim)) {
                Err(e) => {
                    assert!(e.to_string().contains("sms-milter"), "{e}");
                    refusals += 1;
                }
                Ok(store) => {
                    let found = content(&*store).await;
                    assert_eq!(found, whole, "{} at step {step}", name.display());
                    harmless += 1;
                }
            }
        }
    }
    println!("{refusals} refused, {harmless} harmless");
    assert!(refusals > 50, "{refusals} refused, {harmless} harmless");
}

#[tokio::test]
async fn a_store_that_is_cut_or_incomplete_is_refused() {
    type Harm = fn(&Path);
    let cases: [(&str, &str, Harm); 8] = [
        ("half a database", "damaged", |s| {
            let db = fs::File::options()
                .write(true)
                .open(s.join("sled/db"))
                .expect("db");
            db.set_len(9_000).expect("cut");
        }),
        ("an empty database", "(sled/db) is gone", |s| {
            fs::write(s.join("sled/db"), b"").expect("cut");
        }),
        ("no database file", "(sled/db) is gone", |s| {
            fs::remove_file(s.join("sled/db")).expect("remove");
        }),
        ("no database", "(sled/db) is gone", |s| {
            fs::remove_dir_all(s.join("sled")).expect("remove");
        }),
        ("no anchor", "`anchor` is gone", |s| {
            fs::remove_file(s.join("anchor")).expect("remove");
        }),
        ("an empty anchor", "`anchor` cannot be read", |s| {
            fs::write(s.join("anchor"), b"").expect("cut");
        }),
        ("no anchor and no database", "holds `", |s| {
            fs::remove_file(s.join("anchor")).expect("remove");
            fs::remove_dir_all(s.join("sled")).expect("remove");
        }),
        ("no spool file", "is lost: spool file", |s| {
            for file in files(&s.join("spool")) {
                fs::remove_file(file).expect("remove");
            }
        }),
    ];
    for (what, says, harm) in cases {
        let dir = TempDir::new().expect("directory");
        let settings = filled(dir.path()).await;
        {
            let store = SledStore::open(&settings).expect("open");
            let mut large = message(99);
            large.text = "x".repeat(9_000);
            store
                .put(at(0), vec![plain_of(large)], vec![])
                .await
                .expect("put");
        }
        harm(&settings.path);
        // Again and again: a refusal changes nothing.
        for _ in 0..2 {
            let text = refused(&settings).to_string();
            assert!(text.contains(says), "{what}: {text}");
            assert!(text.contains("backup"), "{what}: {text}");
        }
    }
}

#[tokio::test]
async fn an_old_copy_is_refused() {
    let dir = TempDir::new().expect("directory");
    let settings = filled(dir.path()).await;
    let old = dir.path().join("old");
    copy(&settings.path.join("sled"), &old);
    {
        let store = SledStore::open(&settings).expect("open");
        store
            .put(at(0), vec![plain(100)], vec![])
            .await
            .expect("put");
    }
    fs::remove_dir_all(settings.path.join("sled")).expect("remove");
    copy(&old, &settings.path.join("sled"));
    assert!(matches!(refused(&settings), OpenError::RolledBack { .. }));
    let text = refused(&settings).to_string();
    assert!(text.contains("older than its anchor"), "{text}");
    assert!(text.contains("store export"), "{text}");

    // Nor another store's database.
    let other = dir.path().join("other");
    fs::create_dir(&other).expect("directory");
    let other = filled(&other).await;
    fs::remove_dir_all(settings.path.join("sled")).expect("remove");
    copy(&other.path.join("sled"), &settings.path.join("sled"));
    let text = refused(&settings).to_string();
    assert!(text.contains("another store"), "{text}");
}

#[tokio::test]
async fn a_newer_store_is_refused() {
    let dir = TempDir::new().expect("directory");
    let settings = at_path(dir.path());
    drop(SledStore::open(&settings).expect("open"));
    let path = settings.path.join("anchor");
    let mut anchor = fs::read(&path).expect("anchor");
    for slot in [0, 4096] {
        anchor[slot..slot + 8].copy_from_slice(b"SMSA\0\0\0\x09");
        let crc = crc32c::crc32c(&anchor[slot..slot + 24]);
        anchor[slot + 24..slot + 28].copy_from_slice(&crc.to_be_bytes());
    }
    fs::write(&path, anchor).expect("anchor");
    assert!(matches!(refused(&settings), OpenError::NewerVersion { .. }));
}

#[test]
fn a_second_process_is_refused() {
    let dir = TempDir::new().expect("directory");
    let settings = at_path(dir.path());
    let first = SledStore::open(&settings).expect("open");
    let text = refused(&settings).to_string();
    assert!(text.contains("in use by another process"), "{text}");
    drop(first);
    SledStore::open(&settings).expect("open again");
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let dir = TempDir::new().expect("directory");
    let settings = at_path(dir.path());
    drop(SledStore::open(&settings).expect("open"));
    for mode in [0o720, 0o702, 0o777] {
        let open = fs::Permissions::from_mode(mode);
        fs::set_permissions(&settings.path, open).expect("permissions");
        let text = refused(&settings).to_string();
        assert!(text.contains("chmod 0700"), "{text}");
    }
    let closed = fs::Permissions::from_mode(0o750);
    fs::set_permissions(&settings.path, closed).expect("permissions");
    SledStore::open(&settings).expect("open");
}

#[test]
fn a_directory_with_other_things_is_refused() {
    let dir = TempDir::new().expect("directory");
    let settings = at_path(dir.path());
    fs::create_dir(&settings.path).expect("directory");
    fs::write(settings.path.join("mbox"), b"From ").expect("file");
    let text = refused(&settings).to_string();
    assert!(text.contains("holds `mbox` but no database"), "{text}");
    fs::remove_file(settings.path.join("mbox")).expect("remove");
    SledStore::open(&settings).expect("open");
}

#[tokio::test]
async fn a_store_that_was_being_made_is_made_again() {
    let dir = TempDir::new().expect("directory");
    let settings = at_path(dir.path());
    for half in ["", "sled/db", "anchor"] {
        let _ = fs::remove_dir_all(&settings.path);
        fs::create_dir_all(settings.path.join("sled")).expect("directory");
        fs::write(settings.path.join("creating"), b"").expect("file");
        if !half.is_empty() {
            fs::write(settings.path.join(half), b"half").expect("file");
        }
        let store = SledStore::open(&settings).expect("open");
        let taken = store.put(at(0), vec![plain(1)], vec![]).await;
        assert_eq!(taken, Ok(vec![Taken::Queued]));
    }
    // A kill while sled opens leaves half a snapshot, newer by its name than the whole one.
    fs::write(
        settings.path.join("sled/snap.FFFFFFFFFFFFFFFF.generating"),
        b"half",
    )
    .expect("file");
    let store = SledStore::open(&settings).expect("open");
    assert_eq!(store.find(id(1)).await, Ok(Some(message(1))));
}

#[tokio::test]
async fn orphans_are_swept() {
    let dir = TempDir::new().expect("directory");
    let settings = filled(dir.path()).await;
    let orphan = settings.path.join("spool/0000000000000001-00000000");
    fs::write(&orphan, b"SMS1orphan").expect("file");
    fs::write(settings.path.join("spool/x.tmp"), b"").expect("file");
    drop(SledStore::open(&settings).expect("open"));
    assert!(files(&settings.path.join("spool")).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported() {
    let dir = TempDir::new().expect("directory");
    let settings = filled(dir.path()).await;
    let whole = {
        let store = SledStore::open(&settings).expect("open");
        let mut large = message(99);
        large.text = "ż".repeat(9_000);
        store
            .put(at(0), vec![plain_of(large)], vec![])
            .await
            .expect("put");
        content(&*store).await
    };
    let census = check(&settings).expect("check");
    assert_eq!(census.spooled, 1);
    let mut lines = Vec::new();
    let exported = export(&settings.path, &mut lines).expect("export");
    assert_eq!(exported.unreadable, Vec::<String>::new());
    assert_eq!(exported.records, census.total());

    let other = at_path(&dir.path().join("other"));
    let imported = import(&other, &lines[..]).await.expect("import");
    assert_eq!(imported, exported.records);
    let store = SledStore::open(&other).expect("open");
    assert_eq!(content(&*store).await, whole);
    drop(store);
    let again = import(&other, &lines[..])
        .await
        .expect_err("a store is there");
    assert!(
        again.to_string().contains("holds a store already"),
        "{again}"
    );

    // A cut export makes no store, until a whole one is imported.
    let third = at_path(&dir.path().join("third"));
    let cut = lines.iter().rposition(|b| *b == b'{').expect("trailer");
    let error = import(&third, &lines[..cut]).await.expect_err("cut");
    assert!(error.to_string().contains("was cut off"), "{error}");
    let text = refused(&third).to_string();
    assert!(text.contains("import into it did not finish"), "{text}");
    import(&third, &lines[..]).await.expect("import");
    let store = SledStore::open(&third).expect("open");
    assert_eq!(content(&*store).await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_of_a_damaged_store_is_exported() {
    let dir = TempDir::new().expect("directory");
    let settings = filled(dir.path()).await;
    let total = check(&settings).expect("check").total();
    let db = settings.path.join("sled/db");
    let mut octets = fs::read(&db).expect("read");
    let used = octets.iter().rposition(|b| *b != 0).expect("data");
    octets[used * 9 / 10] ^= 1;
    fs::write(&db, &octets).expect("damage");
    refused(&settings);
    // The first refusal kept it as it was found.
    assert_eq!(
        fs::read(settings.path.join("damaged/db")).expect("copy"),
        octets
    );
    let mut lines = Vec::new();
    let exported = export(&settings.path, &mut lines).expect("export");
    assert!(
        exported.records > total / 2,
        "{} of {total}",
        exported.records
    );
    let other = at_path(&dir.path().join("other"));
    import(&other, &lines[..]).await.expect("import");
    assert!(!settings.path.join("exporting").exists());
}

/// A small file system of its own; these tests need root, as the container has it.
struct Disk(TempDir);

impl Disk {
    fn new(options: &str) -> Option<Self> {
        let dir = TempDir::new().expect("directory");
        let disk = Self(dir);
        disk.mount(&["-t", "tmpfs", "-o", options, "none"])
            .then_some(disk)
    }

    fn mount(&self, arguments: &[&str]) -> bool {
        let mut mount = std::process::Command::new("mount");
        let status = mount.args(arguments).arg(self.0.path()).status();
        status.is_ok_and(|s| s.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status();
    }
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).expect("file");
    let block = [1; 4096];
    while file.write_all(&block).is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_keeps_what_was_promised() {
    let Some(disk) = Disk::new("size=24m,mode=0700") else {
        println!("not root: no file system of our own, nothing was tested");
        return;
    };
    let settings = at_path(disk.0.path());
    let store = SledStore::open(&settings).expect("open");
    store.put(at(0), vec![plain(1)], vec![]).await.expect("put");
    let filler = disk.0.path().join("filler");
    fill(&filler);
    // The floor is above us: nothing new, but what was promised goes on.
    assert_eq!(
        store.put(at(0), vec![plain(2)], vec![]).await,
        Err(StoreError::Full)
    );
    let kept = store.keep_inbound(at(0), id(1), received(1, None)).await;
    assert_eq!(kept, Err(StoreError::Full));

    // Settle until there is not an octet left. Whatever was answered with yes is there afterwards.
    let mut last = message(1);
    last.text = "x".repeat(3_000);
    let end = loop {
        match store.settle(at(1), settlement(last.clone())).await {
            Ok(revision) => last.revision = revision,
            Err(e) => break e,
        }
        if last.revision > 20_000 {
            break StoreError::Full;
        }
    };
    if let StoreError::Dead(reason) = &end {
        assert_eq!(&store.died().await, reason);
        let later = store.put(at(0), vec![plain(3)], vec![]).await;
        assert_eq!(later, Err(end.clone()));
        assert_eq!(store.find(id(1)).await, Err(end.clone()));
    }
    println!("{} changes on a full disk, then {end}", last.revision);
    drop(store);

    // The ballast makes opening possible.
    let store = SledStore::open(&settings).expect("open on a full disk");
    assert_eq!(
        store.put(at(0), vec![plain(4)], vec![]).await,
        Err(StoreError::Full)
    );
    drop(store);
    fs::remove_file(&filler).expect("remove");
    let store = SledStore::open(&settings).expect("open");
    let found = store.find(id(1)).await.expect("find").expect("message");
    assert!(
        found.revision >= last.revision,
        "{} of {}",
        found.revision,
        last.revision
    );
    store.put(at(0), vec![plain(5)], vec![]).await.expect("put");
    assert!(settings.path.join("ballast").exists(), "it is laid again");
}

/// Takes room until so many octets are free.
fn fill_to(directory: &Path, left: u64) {
    use std::io::Write;
    let free = || {
        let disk = nix::sys::statvfs::statvfs(directory).expect("statvfs");
        disk.blocks_available() * disk.fragment_size()
    };
    let path = directory.join("filler");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("file");
    let block = [1; 4096];
    while free() > left {
        file.write_all(&block).expect("room");
    }
}

/// Between what must be free for anything new and what must be for a word, opt-outs are taken and nothing else; below
/// that the list is changed by what was taken before, and nobody is told.
#[tokio::test(flavor = "multi_thread")]
async fn opt_outs_have_the_room_that_is_spared() {
    let Some(disk) = Disk::new("size=64m,mode=0700") else {
        println!("not root: no file system of our own, nothing was tested");
        return;
    };
    let settings = Settings {
        reserve: Some(40 << 20),
        ..at_path(disk.0.path())
    };
    let store = SledStore::open(&settings).expect("open");
    fill_to(disk.0.path(), 30 << 20);
    let kept = store.keep_inbound(at(0), id(1), received(1, None)).await;
    assert_eq!(kept, Err(StoreError::Full));
    for n in [1, 2] {
        let kept = store.keep_opt(at(0), id(n), received(n, None)).await;
        assert_eq!(kept, Ok(Kept::New));
    }
    let out = |n| {
        Change::Out(OptOut {
            phone: phone(n),
            since: at(1),
            by: By::Admin,
            note: None,
            confirmation: None,
        })
    };
    let told = |n| InboundOutcome {
        mails: vec![mail(n)],
        messages: vec![plain(n)],
        ..done(vec![id(n)])
    };
    let settled = store.settle_opt(at(1), told(1), out(1)).await;
    assert_eq!(settled, Ok(vec![Taken::Queued]));
    fill_to(disk.0.path(), 10 << 20);
    let kept = store.keep_opt(at(0), id(3), received(3, None)).await;
    assert_eq!(kept, Err(StoreError::Full));
    let settled = store.settle_opt(at(1), told(2), out(2)).await;
    assert_eq!(settled, Err(StoreError::Full));
    let settled = store.settle_opt(at(1), done(vec![id(2)]), out(2)).await;
    assert_eq!(settled, Ok(vec![]));
    drop(store);
    let store = SledStore::open(&settings).expect("open");
    let listed = store.opt_outs().await.expect("list");
    assert_eq!(listed.len(), 2);
    assert_eq!(store.list_mail().await.expect("list").len(), 1);
    assert_eq!(store.counts().await.expect("counts").inbound_open, 0);
}

#[tokio::test]
async fn a_full_disk_dies_in_a_put_and_keeps_what_was_promised() {
    let Some(disk) = Disk::new("size=24m,mode=0700") else {
        println!("not root: no file system of our own, nothing was tested");
        return;
    };
    // No floor: it runs into the wall.
    let settings = Settings {
        reserve: Some(0),
        ..at_path(disk.0.path())
    };
    let store = SledStore::open(&settings).expect("open");
    let mut taken = 0;
    let end = loop {
        let mut large = message(taken + 1);
        large.text = "x".repeat(7_000);
        match store.put(at(0), vec![plain_of(large)], vec![]).await {
            Ok(_) => taken += 1,
            Err(e) => break e,
        }
    };
    assert!(matches!(end, StoreError::Dead(_)), "{end}");
    println!("{taken} puts, then {end}");
    drop(store);
    assert!(disk.mount(&["-o", "remount,size=64m"]));
    let store = SledStore::open(&settings).expect("open");
    let found: Vec<Message> = store.list(Filter::default()).await.expect("list");
    // The one that failed may be there all the same.
    assert!(
        [taken, taken + 1].contains(&(found.len() as u64)),
        "{} of {taken}",
        found.len()
    );
}

#[tokio::test]
async fn a_read_only_directory_is_refused() {
    let Some(disk) = Disk::new("size=48m,mode=0700") else {
        println!("not root: no file system of our own, nothing was tested");
        return;
    };
    let settings = at_path(disk.0.path());
    drop(SledStore::open(&settings).expect("open"));
    assert!(disk.mount(&["-o", "remount,ro"]));
    let text = refused(&settings).to_string();
    assert!(
        text.contains("Read-only") && text.contains("writable"),
        "{text}"
    );
}

#[tokio::test]
async fn a_disk_without_room_is_refused_for_a_new_store() {
    let dir = TempDir::new().expect("directory");
    let settings = Settings {
        reserve: Some(u64::MAX),
        ..at_path(dir.path())
    };
    let text = refused(&settings).to_string();
    assert!(text.contains("make room"), "{text}");
}
