//! The spool: payloads too large for a row, a file each.
//!
//! A file is written, synced, renamed, and its directory synced, before the row that names it is
//! written; it is never changed, and removed only after the row is durably gone or names another.
//! What no row names is an orphan of a crash, and is swept when the store opens.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::frame::array;
use super::records::Damage;

/// Every file begins with these; the mark of a version.
const MAGIC: &[u8; 4] = b"SMS1";

/// No payload is larger: the greatest mail that is taken is far below.
const MAX_FILE: u64 = 256 << 20;

/// What a row says of its file: sequence and index that make its name, length, CRC32C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The batch that wrote it.
    pub sequence: u64,
    /// Which file of that batch.
    pub index: u32,
    /// Octets of payload.
    pub length: u64,
    /// Over the payload.
    pub crc: u32,
}

impl Reference {
    /// For the row.
    pub fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.index.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.length.to_be_bytes());
        bytes[20..].copy_from_slice(&self.crc.to_be_bytes());
        bytes
    }

    /// From the row.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        if bytes.len() != 24 {
            return Err(Damage::Bad("names no spool file".into()));
        }
        Ok(Self {
            sequence: u64::from_be_bytes(array(bytes)),
            index: u32::from_be_bytes(array(&bytes[8..])),
            length: u64::from_be_bytes(array(&bytes[12..])),
            crc: u32::from_be_bytes(array(&bytes[20..])),
        })
    }

    fn name(&self) -> String {
        format!("{:016x}-{:08x}", self.sequence, self.index)
    }
}

/// The directory.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
}

impl Spool {
    /// Opens the directory, making it when it is absent.
    pub fn open(directory: PathBuf) -> io::Result<Self> {
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => Ok(Self { directory }),
        }
    }

    /// Writes a file and syncs it. [`Self::sync`] must follow before a row may name it.
    pub fn write(&self, sequence: u64, index: u32, payload: &[u8]) -> io::Result<Reference> {
        let reference = Reference {
            sequence,
            index,
            length: payload.len() as u64,
            crc: crc32c::crc32c(payload),
        };
        let path = self.directory.join(reference.name());
        let half = self.directory.join(format!("{}.tmp", reference.name()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&half)?;
        file.write_all(MAGIC)?;
        file.write_all(payload)?;
        file.sync_all()?;
        fs::rename(&half, &path)?;
        Ok(reference)
    }

    /// Makes the names of all files written so far durable.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// Reads what a row names.
    pub fn read(&self, reference: &Reference) -> Result<Vec<u8>, SpoolError> {
        let name = reference.name();
        let bad = |what: &str| SpoolError::Damaged(format!("spool file {name} {what}"));
        if reference.length > MAX_FILE {
            return Err(bad("is named with an impossible length"));
        }
        let mut bytes = match fs::read(self.directory.join(&name)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(SpoolError::Missing(name));
            }
            Err(e) => return Err(SpoolError::Io(name, e)),
        };
        if !bytes.starts_with(MAGIC) || bytes.len() as u64 != reference.length + 4 {
            return Err(bad("is not what was written"));
        }
        bytes.drain(..MAGIC.len());
        if crc32c::crc32c(&bytes) != reference.crc {
            return Err(bad("has a wrong checksum"));
        }
        Ok(bytes)
    }

    /// Removes files that no durable row names any more. What cannot be removed now is swept at the
    /// next open.
    pub fn remove(&self, references: &[Reference]) {
        for reference in references {
            let _ = fs::remove_file(self.directory.join(reference.name()));
        }
    }

    /// Removes every file that is not in `named`; returns how many went.
    pub fn sweep(&self, named: &HashSet<Reference>) -> io::Result<u64> {
        let names: HashSet<String> = named.iter().map(Reference::name).collect();
        let mut swept = 0;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let known = entry
                .file_name()
                .to_str()
                .is_some_and(|n| names.contains(n));
            if !known && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Whether there is nothing in it; an absent directory is empty.
    pub fn is_empty(directory: &Path) -> bool {
        fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none())
    }
}

/// Why a spool file gives nothing.
#[derive(Debug)]
pub enum SpoolError {
    /// It is not there.
    Missing(String),
    /// It is not what was written.
    Damaged(String),
    /// It cannot be read.
    Io(String, io::Error),
}

impl std::fmt::Display for SpoolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SpoolError::Missing(name) => write!(f, "spool file {name} is missing"),
            SpoolError::Damaged(what) => f.write_str(what),
            SpoolError::Io(name, e) => write!(f, "spool file {name}: {e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back_swept_and_their_damage_shows() {
        let dir = tempfile::tempdir().expect("directory");
        let spool = Spool::open(dir.path().join("spool")).expect("spool");
        let kept = spool.write(3, 0, b"kept").expect("write");
        let gone = spool.write(3, 1, b"gone").expect("write");
        spool.sync().expect("sync");
        assert_eq!(Reference::decode(&kept.encode()).expect("reference"), kept);
        assert_eq!(spool.read(&kept).expect("read"), b"kept");
        assert_eq!(spool.sweep(&HashSet::from([kept])).expect("sweep"), 1);
        assert!(matches!(spool.read(&gone), Err(SpoolError::Missing(_))));

        let path = dir.path().join("spool").join(kept.name());
        fs::write(&path, b"SMS1kepT").expect("damage");
        assert!(matches!(spool.read(&kept), Err(SpoolError::Damaged(_))));
        fs::write(&path, b"").expect("damage");
        assert!(matches!(spool.read(&kept), Err(SpoolError::Damaged(_))));
        spool.remove(&[kept]);
        assert!(Spool::is_empty(&dir.path().join("spool")));
    }
}
