//! The anchor: a file outside the database that says how far the database had come.
//!
//! sled can open a damaged file with fewer records and no error, and an old copy opens as well as a
//! new one. So after each batch is on the disk, its sequence is written here, and only then is the
//! batch answered. At open the database must have come at least as far.
//!
//! Two slots of one 4 KiB page each, written in turn: a torn write leaves the other.
//!
//! ```text
//! octets 0–3 "SMSA"   4–7 version   8–15 epoch   16–23 sequence   24–27 CRC32C over 0–23
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::frame::array;

const MAGIC: &[u8; 4] = b"SMSA";
const VERSION: u32 = 1;
const PAGE: u64 = 4096;
const LENGTH: usize = 28;

/// How far a database has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which database: drawn when it was made.
    pub epoch: u64,
    /// Its last batch.
    pub sequence: u64,
}

/// Why an anchor tells nothing.
#[derive(Debug)]
pub enum AnchorError {
    /// It cannot be read or written.
    Io(io::Error),
    /// Neither slot holds what was written.
    Damaged,
    /// A newer program wrote it.
    Newer,
}

/// The open file.
#[derive(Debug)]
pub struct Anchor {
    file: File,
}

impl Anchor {
    /// Makes the file with its first mark, synced. The caller syncs the directory.
    pub fn create(path: &Path, mark: Mark) -> io::Result<Self> {
        let file = options().create(true).truncate(true).open(path)?;
        // All of it at once, so that later syncs have no metadata to write.
        let mut page = vec![0; 2 * PAGE as usize];
        let first = (mark.sequence % 2 * PAGE) as usize;
        page[first..first + LENGTH].copy_from_slice(&encode(mark));
        file.write_all_at(&page, 0)?;
        file.sync_all()?;
        Ok(Self { file })
    }

    /// Reads the newer of the slots that are whole.
    pub fn open(path: &Path) -> Result<(Self, Mark), AnchorError> {
        let file = options().open(path).map_err(AnchorError::Io)?;
        let mut best: Option<Mark> = None;
        let mut newer = false;
        for slot in 0..2 {
            let mut bytes = [0; LENGTH];
            match file.read_exact_at(&mut bytes, slot * PAGE) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(e) => return Err(AnchorError::Io(e)),
            }
            match decode(&bytes) {
                Ok(mark) if best.is_none_or(|b| b.sequence < mark.sequence) => best = Some(mark),
                Ok(_) | Err(AnchorError::Damaged) => {}
                Err(_) => newer = true,
            }
        }
        match best {
            _ if newer => Err(AnchorError::Newer),
            Some(mark) => Ok((Self { file }, mark)),
            None => Err(AnchorError::Damaged),
        }
    }

    /// Writes a mark and syncs it.
    pub fn write(&mut self, mark: Mark) -> io::Result<()> {
        let slot = mark.sequence % 2;
        self.file.write_all_at(&encode(mark), slot * PAGE)?;
        self.file.sync_data()
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn encode(mark: Mark) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
    bytes[8..16].copy_from_slice(&mark.epoch.to_be_bytes());
    bytes[16..24].copy_from_slice(&mark.sequence.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[..24]);
    bytes[24..].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn decode(bytes: &[u8; LENGTH]) -> Result<Mark, AnchorError> {
    let crc = u32::from_be_bytes(array(&bytes[24..]));
    if &bytes[..4] != MAGIC || crc != crc32c::crc32c(&bytes[..24]) {
        return Err(AnchorError::Damaged);
    }
    if u32::from_be_bytes(array(&bytes[4..8])) != VERSION {
        return Err(AnchorError::Newer);
    }
    Ok(Mark {
        epoch: u64::from_be_bytes(array(&bytes[8..16])),
        sequence: u64::from_be_bytes(array(&bytes[16..24])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64) -> Mark {
        Mark { epoch: 9, sequence }
    }

    #[test]
    fn the_last_mark_is_read_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("anchor");
        let mut anchor = Anchor::create(&path, mark(1)).expect("anchor");
        for sequence in 2..6 {
            anchor.write(mark(sequence)).expect("write");
            assert_eq!(Anchor::open(&path).expect("open").1, mark(sequence));
        }
        // 5 is in the second page.
        anchor.file.write_all_at(b"x", PAGE + 17).expect("tear");
        assert_eq!(Anchor::open(&path).expect("open").1, mark(4));
        anchor.file.write_all_at(b"x", 17).expect("tear");
        assert!(matches!(Anchor::open(&path), Err(AnchorError::Damaged)));
    }

    #[test]
    fn an_empty_or_newer_one_is_refused() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("anchor");
        std::fs::write(&path, b"").expect("file");
        assert!(matches!(Anchor::open(&path), Err(AnchorError::Damaged)));
        let mut bytes = encode(mark(3));
        bytes[7] = 2;
        let crc = crc32c::crc32c(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_be_bytes());
        std::fs::write(&path, bytes).expect("file");
        assert!(matches!(Anchor::open(&path), Err(AnchorError::Newer)));
        std::fs::remove_file(&path).expect("remove");
        assert!(matches!(Anchor::open(&path), Err(AnchorError::Io(_))));
    }
}
