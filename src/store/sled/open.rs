//! Opening: everything is verified before the first verb is served.
//!
//! sled may open a damaged file with fewer rows and no error, and while opening it wipes what stands
//! behind the place where it stopped. So before it is let in, the directory is copied; a store that
//! is refused leaves that copy in `damaged/`, and one that is whole leaves none.
//!
//! ```text
//! DIR/            0700
//!   lock          held while a process uses the store
//!   anchor        how far the database had come (anchor.rs)
//!   ballast       room to open the store on a full disk
//!   spool/        large payloads (spool.rs)
//!   sled/         the database
//!   creating      only while the store is made: what is there then was never promised
//!   importing     only while an import runs
//!   damaged/      only after a refusal: the database as it was found
//! ```

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Settings;
use super::anchor::{Anchor, AnchorError, Mark};
use super::error::OpenError;
use super::frame::{self, Place};
use super::guard::{self, Room};
use super::index::{Effect, Index};
use super::keys::{self, Kind};
use super::records::{self, Damage, Row};
use super::shared::{Shared, describe, told};
use super::spool::{Reference, Spool};
use super::syncer::Syncer;
use super::verbs;
use super::writer::{Meta, Writer, sync_all};

/// sled keeps pages up to a quarter of its segment in the file that we sync. Fixed at creation.
const SEGMENT: usize = 2 << 20;

/// What sled may hold in memory.
const CACHE: u64 = 64 << 20;

/// sled collects its garbage in the thread that this starts.
const FLUSH_EVERY_MS: u64 = 500;

/// How long sled may take to let go of a database that it has just closed.
const RELEASE: Duration = Duration::from_secs(5);

/// A larger database is opened without a copy: it would take minutes.
const MAX_COPY: u64 = 1 << 30;

/// The places in the directory.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub root: PathBuf,
    pub lock: PathBuf,
    pub anchor: PathBuf,
    pub ballast: PathBuf,
    pub spool: PathBuf,
    pub sled: PathBuf,
    pub creating: PathBuf,
    pub importing: PathBuf,
    pub copy: PathBuf,
    pub damaged: PathBuf,
}

impl Places {
    pub fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            lock: root.join("lock"),
            anchor: root.join("anchor"),
            ballast: root.join("ballast"),
            spool: root.join("spool"),
            sled: root.join("sled"),
            creating: root.join("creating"),
            importing: root.join("importing"),
            copy: root.join("copy"),
            damaged: root.join("damaged"),
        }
    }

    fn io(&self, what: &'static str) -> impl FnOnce(io::Error) -> OpenError + '_ {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => full(self, &Room::new(&self.root, 0, None)),
            _ => OpenError::Io {
                path: self.root.clone(),
                what,
                source,
            },
        }
    }

    /// Damage, with what to do about it.
    fn damaged(&self, what: impl Into<String>) -> OpenError {
        OpenError::Damaged {
            path: self.root.clone(),
            what: what.into(),
            advice: self.advice(),
        }
    }

    fn advice(&self) -> String {
        let root = self.root.display();
        format!(
            "Nothing was thrown away. Put back a backup of the whole directory; or save what can be \
             read with `sms-milter store export --config F`, move {root} away, and bring it into a \
             new store with `sms-milter store import --config F`"
        )
    }

    /// What a row's damage means for the store.
    fn refuse(&self, row: &str, damage: Damage) -> OpenError {
        match damage {
            Damage::Newer(version) => OpenError::NewerVersion {
                path: self.root.clone(),
                what: format!("{row} has version {version}"),
            },
            Damage::Bad(what) => self.damaged(format!("{row} {what}")),
        }
    }
}

/// What was counted while all rows were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Rows of each kind, in the order of [`Kind::ALL`].
    pub rows: [u64; Kind::ALL.len()],
    /// Rows whose payload is a file.
    pub spooled: u64,
    /// The last batch.
    pub sequence: u64,
}

impl std::fmt::Display for Census {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} records, all whole", self.total())?;
        for (kind, rows) in Kind::ALL
            .iter()
            .zip(self.rows)
            .filter(|(_, rows)| *rows > 0)
        {
            write!(f, "\n  {}: {rows}", kind.name())?;
        }
        Ok(())
    }
}

impl Census {
    /// All rows.
    pub fn total(&self) -> u64 {
        self.rows.iter().sum()
    }
}

/// An open store, before its threads run.
pub(super) struct Opened {
    pub writer: Writer,
    pub syncer: Syncer,
    pub census: Census,
}

/// How to treat an import that has not finished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Refuse it.
    Use,
    /// Begin it again.
    Import,
}

/// Takes the directory: made when absent, ours alone, and locked.
pub(super) fn enter(places: &Places) -> Result<File, OpenError> {
    let root = &places.root;
    if !root.exists() {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(root);
        made.map_err(places.io("make the directory"))?;
        if let Some(parent) = root.parent().filter(|p| !p.as_os_str().is_empty()) {
            guard::sync_directory(parent).map_err(places.io("sync the directory above"))?;
        }
    }
    let mode = guard::writable_by_others(root).map_err(places.io("read the permissions"))?;
    if let Some(mode) = mode {
        return Err(OpenError::Permissions {
            path: root.clone(),
            mode,
        });
    }
    let lock = guard::lock(&places.lock).map_err(places.io("take the lock"))?;
    lock.ok_or_else(|| OpenError::Locked { path: root.clone() })
}

/// Opens the store, or makes it. `epoch` names a store that is made.
pub(super) fn open(settings: &Settings, epoch: u64, aim: For) -> Result<Opened, OpenError> {
    let places = Places::of(&settings.path);
    let lock = enter(&places)?;
    let room = Room::new(&places.root, settings.largest, settings.reserve);
    let dropped = room.drop_ballast(&places.ballast);
    dropped.map_err(places.io("give up the ballast"))?;

    if places.importing.exists() && aim == For::Use {
        return Err(OpenError::Damaged {
            path: places.root.clone(),
            what: "an import into it did not finish".into(),
            advice: "Run `sms-milter store import --config F` again".into(),
        });
    }
    if places.creating.exists() || places.importing.exists() {
        wipe(&places).map_err(places.io("clear an unfinished store"))?;
    }
    let fresh = is_fresh(&places)?;
    if fresh {
        let free = room.free().map_err(places.io("measure the disk"))?;
        if free < room.floor() {
            return Err(full(&places, &room));
        }
        create(&places, epoch, aim)?;
    }
    let opened = verified(&places, &room, lock)?;
    room.lay_ballast(&places.ballast)
        .map_err(places.io("lay the ballast"))?;
    Ok(opened)
}

/// Whether there is no store yet. Half a store is damage.
fn is_fresh(places: &Places) -> Result<bool, OpenError> {
    let database = places.sled.join("db");
    let length = fs::metadata(&database).map(|m| m.len()).unwrap_or(0);
    match (places.anchor.exists(), length > 0) {
        (true, true) => return Ok(false),
        (true, false) => return Err(places.damaged("its database (sled/db) is gone")),
        (false, true) => return Err(places.damaged("its file `anchor` is gone")),
        (false, false) => {}
    }
    let entries = fs::read_dir(&places.root).map_err(places.io("list the directory"))?;
    for entry in entries {
        let entry = entry.map_err(places.io("list the directory"))?;
        let kind = entry.file_type().map_err(places.io("list the directory"))?;
        let name = entry.file_name();
        // Sockets may lie beside; a mount point has its own.
        let ours = [&places.lock, &places.creating, &places.importing];
        let ours = ours.iter().any(|p| p.file_name() == Some(&name));
        if (kind.is_file() || kind.is_dir()) && !ours && name != "lost+found" {
            return Err(OpenError::Damaged {
                path: places.root.clone(),
                what: format!("it holds `{}` but no database", name.to_string_lossy()),
                advice:
                    "Give `store` an absent or empty directory; if there was a store, put back a \
                         backup of the whole directory"
                        .into(),
            });
        }
    }
    Ok(true)
}

/// Removes what was being made when the process ended: none of it was ever promised.
fn wipe(places: &Places) -> io::Result<()> {
    for directory in [&places.sled, &places.spool, &places.copy, &places.damaged] {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
    }
    for file in [&places.anchor, &places.ballast] {
        if file.exists() {
            fs::remove_file(file)?;
        }
    }
    guard::sync_directory(&places.root)
}

fn create(places: &Places, epoch: u64, aim: For) -> Result<(), OpenError> {
    let make = || -> io::Result<()> {
        let marker = match aim {
            For::Use => &places.creating,
            For::Import => &places.importing,
        };
        File::create(marker)?.sync_all()?;
        guard::sync_directory(&places.root)?;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&places.sled)
    };
    make().map_err(places.io("make the database"))?;
    let meta = Meta {
        mark: Mark { epoch, sequence: 1 },
        count: 0,
        sum: 0,
    };
    {
        let db = database(places)?;
        let written = db
            .insert(keys::META, meta.encode())
            .and_then(|_| db.flush());
        written.map_err(|e| sled_error(places, e))?;
    }
    let finish = || -> io::Result<()> {
        sync_all(&places.sled)?;
        Spool::open(places.spool.clone())?;
        Anchor::create(&places.anchor, meta.mark)?;
        guard::sync_directory(&places.root)?;
        if aim == For::Use {
            fs::remove_file(&places.creating)?;
            guard::sync_directory(&places.root)?;
        }
        Ok(())
    };
    finish().map_err(places.io("make the database"))
}

fn verified(places: &Places, room: &Room, lock: File) -> Result<Opened, OpenError> {
    let copied = keep_copy(places, room).map_err(places.io("copy the database"))?;
    let opened = verify(places, room, lock);
    match &opened {
        Ok(_) if copied => {
            fs::remove_dir_all(&places.copy).map_err(places.io("remove the copy"))?;
        }
        // Only the first refusal saw the database as it was.
        Err(
            OpenError::Damaged { .. } | OpenError::Shrunken { .. } | OpenError::RolledBack { .. },
        ) if copied => {
            fs::rename(&places.copy, &places.damaged).map_err(places.io("keep the copy"))?;
        }
        Err(_) if copied => {
            let _ = fs::remove_dir_all(&places.copy);
        }
        _ => {}
    }
    opened
}

/// Copies the database aside, when there is room and no copy from before; on btrfs and XFS that
/// copies nothing but names.
fn keep_copy(places: &Places, room: &Room) -> io::Result<bool> {
    if places.copy.exists() {
        fs::remove_dir_all(&places.copy)?;
    }
    let database = fs::metadata(places.sled.join("db"))?;
    let large = database.len() > MAX_COPY;
    let cramped = room.free()? < room.floor().saturating_add(database.len());
    if large || cramped || places.damaged.exists() {
        return Ok(false);
    }
    copy_directory(&places.sled, &places.copy)?;
    Ok(true)
}

/// Copies the files of a directory of sled's.
pub(super) fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy_directory(&entry.path(), &target)?,
            kind if kind.is_file() => drop(fs::copy(entry.path(), target)?),
            _ => {}
        }
    }
    Ok(())
}

fn verify(places: &Places, room: &Room, lock: File) -> Result<Opened, OpenError> {
    let (anchor, mark) = Anchor::open(&places.anchor).map_err(|e| match e {
        AnchorError::Io(e) => places.io("read the anchor")(e),
        AnchorError::Damaged => places.damaged("its file `anchor` cannot be read"),
        AnchorError::Newer => OpenError::NewerVersion {
            path: places.root.clone(),
            what: "its anchor".into(),
        },
    })?;
    remove_half_snapshots(places).map_err(places.io("clear the database"))?;
    let db = database(places)?;
    let spool = Spool::open(places.spool.clone()).map_err(places.io("open the spool"))?;

    let read = catch_unwind(AssertUnwindSafe(|| read_all(places, &db, &spool)));
    let (meta, index, census, named) =
        read.unwrap_or_else(|panic| Err(places.damaged(told(panic))))?;
    compare(places, &meta, mark, &census)?;

    let sync = || -> io::Result<(File, Anchor)> {
        // What was read may be in the page cache only, when a process was killed.
        sync_all(&places.sled)?;
        spool.sweep(&named)?;
        spool.sync()?;
        let mut anchor = anchor;
        anchor.write(meta.mark)?;
        guard::sync_directory(&places.root)?;
        Ok((File::open(places.sled.join("db"))?, anchor))
    };
    db.flush().map_err(|e| sled_error(places, e))?;
    let (file, anchor) = sync().map_err(places.io("sync the database"))?;
    let shared = Shared::new(db, spool, index, meta.mark.sequence, lock);
    let shared = Arc::new(shared);
    let syncer = Syncer {
        shared: Arc::clone(&shared),
        file,
        anchor,
        mark: meta.mark,
    };
    let writer = Writer {
        shared,
        meta,
        room: room.clone(),
        blobs: places.sled.join("blobs"),
        company: 1,
    };
    Ok(Opened {
        writer,
        syncer,
        census,
    })
}

/// A kill while sled opens leaves half a snapshot, which sled then takes for its newest and refuses
/// to open for ever. It is derived from the log, and the whole one is still there.
fn remove_half_snapshots(places: &Places) -> io::Result<()> {
    for entry in fs::read_dir(&places.sled)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn database(places: &Places) -> Result<::sled::Db, OpenError> {
    open_sled(&places.sled).map_err(|e| match e {
        SledError::Sled(e) => sled_error(places, e),
        SledError::Panic(what) => places.damaged(what),
    })
}

/// Why sled did not open.
pub(super) enum SledError {
    /// It said so.
    Sled(::sled::Error),
    /// It panicked, as it does on much damage.
    Panic(String),
}

/// Opens sled's directory with the settings of the house.
pub(super) fn open_sled(directory: &Path) -> Result<::sled::Db, SledError> {
    let open = || {
        ::sled::Config::new()
            .path(directory)
            .segment_size(SEGMENT)
            .cache_capacity(CACHE)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .open()
    };
    let deadline = Instant::now() + RELEASE;
    loop {
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Err(error)) if is_still_held(&error) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(10));
            }
            Ok(opened) => return opened.map_err(SledError::Sled),
            Err(panic) => return Err(SledError::Panic(told(panic))),
        }
    }
}

/// sled's threads keep the lock of its file for a moment after its last handle was dropped; other
/// processes are kept out by our own lock.
fn is_still_held(error: &::sled::Error) -> bool {
    matches!(error, ::sled::Error::Io(e) if e.to_string().starts_with("could not acquire lock"))
}

fn sled_error(places: &Places, error: ::sled::Error) -> OpenError {
    match error {
        // sled reads beyond the end of a file that was cut.
        ::sled::Error::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            places.damaged("its database (sled/db) is cut off")
        }
        ::sled::Error::Io(source) => places.io("open the database")(source),
        other => places.damaged(other.to_string()),
    }
}

fn full(places: &Places, room: &Room) -> OpenError {
    OpenError::Full {
        path: places.root.clone(),
        free: room.free().unwrap_or(0),
        needed: room.floor(),
    }
}

type Read = (Meta, Index, Census, HashSet<Reference>);

/// Reads every row and every file, and builds the index.
fn read_all(places: &Places, db: &::sled::Db, spool: &Spool) -> Result<Read, OpenError> {
    if !Spool::is_empty(&places.sled.join("blobs")) {
        return Err(places.damaged("sled made a blob, which it never syncs"));
    }
    let value = db.get(keys::META).map_err(|e| sled_error(places, e))?;
    let Some(value) = value else {
        return Err(places.damaged("the record about all records is gone"));
    };
    let about = "the record about all records";
    let meta = Meta::decode(&value).map_err(|e| places.refuse(about, e))?;

    let (mut index, mut census) = (Index::default(), Census::default());
    census.sequence = meta.mark.sequence;
    let (mut sum, mut named) = (0_u64, HashSet::new());
    for row in db.iter() {
        let (key, value) = row.map_err(|e| sled_error(places, e))?;
        if key == keys::META {
            continue;
        }
        let bad = |e: Damage| places.refuse(&describe(&key), e);
        let Some(kind) = Kind::of(&key) else {
            return Err(bad(Damage::Bad("is of no kind".into())));
        };
        let frame = frame::open(&key, &value).map_err(bad)?;
        sum = sum.wrapping_add(frame.weight());
        let row = match frame.place {
            Place::Row => records::decode(kind, frame.payload).map_err(bad)?,
            Place::Spool => {
                let reference = Reference::decode(frame.payload).map_err(bad)?;
                let payload = spool.read(&reference);
                let payload = payload.map_err(|e| bad(Damage::Bad(format!("is lost: {e}"))))?;
                named.insert(reference);
                census.spooled += 1;
                records::decode(kind, &payload).map_err(bad)?
            }
        };
        let at = Kind::ALL.iter().position(|k| *k == kind).unwrap_or(0);
        census.rows[at] += 1;
        enter_index(&mut index, &row);
    }
    if census.total() == meta.count && sum != meta.sum {
        return Err(places.damaged("records are older than what was written last"));
    }
    Ok((meta, index, census, named))
}

fn enter_index(index: &mut Index, row: &Row) {
    match row {
        Row::Message(kept) => {
            let (id, standing) = (kept.value.id, verbs::standing(&kept.value));
            index.apply(Effect::Message {
                id,
                was: None,
                is: Some(standing.clone()),
                stays_leased: false,
            });
            if verbs::is_open(&kept.value) {
                index.stopped(id, kept.value.revision, standing);
            }
        }
        Row::Inbound(kept) => index.apply(Effect::Inbound {
            id: kept.value.id,
            was: None,
            is: Some((kept.value.state, kept.value.due)),
        }),
        Row::Mail(queued) => index.apply(Effect::Mail {
            id: queued.mail.id,
            was: None,
            is: Some((queued.undeliverable, queued.next_attempt)),
        }),
        Row::Report(_) => index.apply(Effect::Report { more: true }),
        Row::Telling(telling) => index.apply(Effect::Telling {
            telling: telling.clone(),
            more: true,
        }),
        Row::OptOut(opt_out) => index.apply(super::optout::effect(opt_out)),
        Row::Known(_) | Row::Named(_) | Row::Link(_) | Row::Counter(_) | Row::Note(_) => {}
        Row::Account(_) | Row::Spending(_) | Row::Token(_) | Row::Original(_) => {}
        Row::Listing(_) | Row::Whose(_) | Row::Question(_) | Row::KeptMail(_) | Row::Audit(_) => {}
    }
}

fn compare(places: &Places, meta: &Meta, anchor: Mark, census: &Census) -> Result<(), OpenError> {
    let found = census.total();
    if meta.mark.epoch != anchor.epoch {
        return Err(places.damaged("its database belongs to another store than its `anchor`"));
    }
    if meta.mark.sequence < anchor.sequence {
        return Err(OpenError::RolledBack {
            path: places.root.clone(),
            anchor: anchor.sequence,
            found: meta.mark.sequence,
            advice: places.advice(),
        });
    }
    if found != meta.count {
        return Err(OpenError::Shrunken {
            path: places.root.clone(),
            expected: meta.count,
            found,
            advice: places.advice(),
        });
    }
    Ok(())
}
