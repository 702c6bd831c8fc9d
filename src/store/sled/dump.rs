//! Check, export and import of a store that no process uses.
//!
//! An export is JSON lines: a header, a line for each record, a trailer with the number of lines and
//! a CRC32C over them, so that a cut export is not taken for a whole one. It also saves what can be
//! read of a damaged store. An import goes into an absent or empty directory only.
//!
//! ```text
//! {"sms-milter-store":1}
//! {"kind":"message","key":"4d01…","version":1,"value":{…}}
//! {"records":1,"unreadable":0,"crc32c":"90eb4b8a"}
//! ```

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::OpenError;
use super::frame::{self, Place};
use super::keys::{self, Kind};
use super::open::{self, Census, Places, SledError, open_sled};
use super::records::{self, Damage};
use super::shared::describe;
use super::spool::{Reference, Spool};
use super::{Settings, SledStore};
use crate::store::StoreError;

/// The version of the export.
const FORMAT: u32 = 1;

/// Records in one transaction of an import.
const CHUNK: usize = 256;

/// Why a store was not checked, exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The export could not be read or written.
    #[error("cannot read or write the export: {0}")]
    Io(#[from] io::Error),
    /// A line of the export is not what was written.
    #[error("line {line} of the export {what}: nothing was imported; use a whole export")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// There is a store already.
    #[error("{0} holds a store already: import into an absent or empty directory")]
    NotEmpty(std::path::PathBuf),
    /// The new store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// What could not be read, for people; empty for a whole store.
    pub unreadable: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "sms-milter-store")]
    format: u32,
}

#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    key: String,
    version: u8,
    value: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct Trailer {
    records: u64,
    unreadable: u64,
    crc32c: String,
}

/// Opens the store, which verifies all of it, and says what there is.
pub fn check(settings: &Settings) -> Result<Census, DumpError> {
    let places = Places::of(&settings.path);
    if !places.root.exists() {
        return Err(OpenError::Io {
            path: places.root,
            what: "find the database",
            source: io::ErrorKind::NotFound.into(),
        }
        .into());
    }
    Ok(open::open(settings, super::new_epoch(), open::For::Use)?.census)
}

/// Writes all records that can be read, of a whole store or a damaged one. The store stays as it is:
/// a copy is read, in a directory beside it that is gone afterwards.
pub fn export(path: &Path, out: &mut dyn Write) -> Result<Exported, DumpError> {
    let places = Places::of(path);
    let io = |what, source| OpenError::Io {
        path: path.to_owned(),
        what,
        source,
    };
    if !places.sled.exists() && !places.damaged.exists() {
        return Err(io("find the database", io::ErrorKind::NotFound.into()).into());
    }
    let _lock = open::enter(&places)?;
    // The first refusal kept the database as it was found.
    let source = match places.damaged.exists() {
        true => &places.damaged,
        false => &places.sled,
    };
    let copy = path.join("exporting");
    let copied = copy_afresh(source, &copy);
    copied.map_err(|e| io("copy the database", e))?;
    let exported = export_copy(&places, &copy, out);
    let removed = fs::remove_dir_all(&copy).map_err(|e| io("remove the copy", e));
    let exported = exported?;
    removed?;
    Ok(exported)
}

fn copy_afresh(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    open::copy_directory(from, to)
}

fn export_copy(places: &Places, copy: &Path, out: &mut dyn Write) -> Result<Exported, DumpError> {
    let db = open_somehow(copy).map_err(|what| OpenError::Damaged {
        path: places.root.clone(),
        what,
        advice: "The database cannot be read at all: put back a backup of the whole directory"
            .into(),
    })?;
    let spool = Spool::open(places.spool.clone()).map_err(|source| OpenError::Io {
        path: places.root.clone(),
        what: "open the spool",
        source,
    })?;
    let mut exported = Exported::default();
    let mut crc = 0;
    writeln!(out, "{}", json(&Header { format: FORMAT }))?;
    let mut rows = db.iter();
    loop {
        // sled panics on some damage; what came before it is worth having.
        let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rows.next()));
        let (key, value) = match next {
            Ok(None) => break,
            Ok(Some(Ok(row))) => row,
            Ok(Some(Err(e))) => {
                exported.unreadable.push(format!("the rest: {e}"));
                break;
            }
            Err(_) => {
                exported
                    .unreadable
                    .push("the rest: the database panicked".into());
                break;
            }
        };
        if key == keys::META {
            continue;
        }
        match line(&key, &value, &spool) {
            Ok(line) => {
                crc = crc32c::crc32c_append(crc, line.as_bytes());
                writeln!(out, "{line}")?;
                exported.records += 1;
            }
            Err(damage) => {
                let what = format!("{} {damage}", describe(&key));
                exported.unreadable.push(what);
            }
        }
    }
    let trailer = Trailer {
        records: exported.records,
        unreadable: exported.unreadable.len() as u64,
        crc32c: format!("{crc:08x}"),
    };
    writeln!(out, "{}", json(&trailer))?;
    out.flush()?;
    Ok(exported)
}

/// Opens a copy; without its snapshot, which is derived from the log, when that is what is damaged.
fn open_somehow(copy: &Path) -> Result<::sled::Db, String> {
    let told = |e| match e {
        SledError::Sled(e) => e.to_string(),
        SledError::Panic(what) => what,
    };
    if let Ok(db) = open_sled(copy) {
        return Ok(db);
    }
    for entry in fs::read_dir(copy).map_err(|e| e.to_string())? {
        let entry = entry.map_err(|e| e.to_string())?;
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).map_err(|e| e.to_string())?;
        }
    }
    open_sled(copy).map_err(told)
}

fn line(key: &[u8], value: &[u8], spool: &Spool) -> Result<String, Damage> {
    let kind = Kind::of(key).ok_or_else(|| Damage::Bad("is of no kind".into()))?;
    let frame = frame::open(key, value)?;
    let file;
    let payload = match frame.place {
        Place::Row => frame.payload,
        Place::Spool => {
            let reference = Reference::decode(frame.payload)?;
            let read = spool.read(&reference);
            file = read.map_err(|e| Damage::Bad(format!("is lost: {e}")))?;
            &file
        }
    };
    records::decode(kind, payload)?;
    let value = serde_json::from_slice(&payload[1..]);
    let value = value.map_err(|e| Damage::Bad(e.to_string()))?;
    Ok(json(&Line {
        kind: kind.name().into(),
        key: key.iter().map(|b| format!("{b:02x}")).collect(),
        version: payload[0],
        value,
    }))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("an export becomes JSON")
}

/// Makes a store of an export; returns the number of records. Until it ends well the directory is
/// marked, and no store is opened from it.
pub async fn import(settings: &Settings, lines: impl BufRead) -> Result<u64, DumpError> {
    let places = Places::of(&settings.path);
    if places.anchor.exists() && !places.importing.exists() {
        return Err(DumpError::NotEmpty(places.root));
    }
    let store = SledStore::start(open::open(settings, super::new_epoch(), open::For::Import)?)?;
    let mut chunk = Vec::new();
    let mut reader = Reader::default();
    for line in lines.lines() {
        if let Some(row) = reader.line(&line?)? {
            chunk.push(row);
        }
        if chunk.len() >= CHUNK {
            store.load(std::mem::take(&mut chunk)).await?;
        }
    }
    store.load(chunk).await?;
    let records = reader.end()?;
    drop(store);
    let finished = fs::remove_file(&places.importing)
        .and_then(|()| super::guard::sync_directory(&places.root));
    finished.map_err(|source| OpenError::Io {
        path: places.root.clone(),
        what: "finish the import",
        source,
    })?;
    check(settings)?;
    Ok(records)
}

/// A key and a payload.
type RawRow = (Vec<u8>, Vec<u8>);

/// Reads the lines of an export.
#[derive(Default)]
struct Reader {
    number: u64,
    crc: u32,
    records: u64,
    ended: bool,
}

impl Reader {
    /// A key and a payload, unless it is the first or the last line.
    fn line(&mut self, text: &str) -> Result<Option<RawRow>, DumpError> {
        self.number += 1;
        if self.ended {
            return Err(self.bad("stands behind the end"));
        }
        if self.number == 1 {
            let header: Result<Header, _> = serde_json::from_str(text);
            return match header {
                Ok(header) if header.format == FORMAT => Ok(None),
                Ok(_) => Err(self.bad("is of a newer version")),
                Err(_) => Err(self.bad("is not the beginning of an export")),
            };
        }
        if let Ok(trailer) = serde_json::from_str::<Trailer>(text) {
            if trailer.records != self.records || trailer.crc32c != format!("{:08x}", self.crc) {
                return Err(self.bad("does not fit the lines before it"));
            }
            self.ended = true;
            return Ok(None);
        }
        let row = self.row(text).map_err(|what| self.bad(&what))?;
        self.crc = crc32c::crc32c_append(self.crc, text.as_bytes());
        self.records += 1;
        Ok(Some(row))
    }

    fn row(&self, text: &str) -> Result<RawRow, String> {
        let line: Line = serde_json::from_str(text).map_err(|_| "cannot be read")?;
        let key = unhex(&line.key).ok_or("has no key")?;
        let kind = Kind::of(&key).filter(|kind| kind.name() == line.kind);
        let kind = kind.ok_or("has a kind that is not its key's")?;
        let mut payload = vec![line.version];
        payload.extend_from_slice(json(&line.value).as_bytes());
        records::decode(kind, &payload).map_err(|e| e.to_string())?;
        Ok((key, payload))
    }

    fn end(mut self) -> Result<u64, DumpError> {
        if !self.ended {
            self.number += 1;
            return Err(self.bad("is missing: the export was cut off"));
        }
        Ok(self.records)
    }

    fn bad(&self, what: &str) -> DumpError {
        DumpError::Line {
            line: self.number,
            what: what.into(),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok().filter(|t| t.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(lines in prop::collection::vec(".{0,80}", 0..4)) {
            let mut reader = Reader::default();
            reader.line(r#"{"sms-milter-store":1}"#).expect("header");
            for line in lines {
                let _ = reader.line(&line);
            }
            prop_assert!(reader.end().is_err());
        }
    }

    #[test]
    fn hex() {
        assert_eq!(unhex("4d00ff"), Some(vec![0x4d, 0, 0xff]));
        assert_eq!(unhex("4d0"), None);
        assert_eq!(unhex("é"), None);
    }
}
