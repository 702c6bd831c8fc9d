//! What must hold around the database: one process, nobody else's hands, and room on the disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use tokio::sync::watch;

/// Beside two of the largest messages: what the messages already taken still need for their states,
/// reports and the rewriting of segments.
const RESERVE: u64 = 64 << 20;

/// sled needs two segments of 2 MiB and its snapshot to open; this is more.
const BALLAST: u64 = 8 << 20;

/// With less than this free not even a mail to the admin is written: sled takes segments of 2 MiB, and one
/// that it does not get is the store's end.
const WORD: u64 = 16 << 20;

/// A message that is taken may need that many files.
const INODES: u64 = 64;

/// Takes the lock file; `None` when another process holds it. The lock lasts as long as the file is
/// open.
pub fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// The permissions of a directory when group or world may write in it.
pub fn writable_by_others(directory: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(directory)?.mode() & 0o7777;
    Ok((mode & 0o022 != 0).then_some(mode))
}

/// Makes the names in a directory durable.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// How much room the disk of a directory has, and how much there must be.
#[derive(Clone, Debug)]
pub struct Room {
    directory: PathBuf,
    floor: u64,
    /// Whether there was too little when it was measured last.
    cramped: Arc<watch::Sender<bool>>,
}

impl Room {
    /// The floor is 2 × the largest message + 64 MiB, unless given.
    pub fn new(directory: &Path, largest: u64, floor: Option<u64>) -> Self {
        Self {
            directory: directory.to_owned(),
            floor: floor.unwrap_or(largest.saturating_mul(2).saturating_add(RESERVE)),
            cramped: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Octets free for us.
    pub fn free(&self) -> io::Result<u64> {
        let disk = statvfs(&self.directory)?;
        let blocks: u64 = disk.blocks_available();
        let size: u64 = disk.fragment_size();
        Ok(blocks.saturating_mul(size))
    }

    /// There is room to promise something new.
    pub fn is_enough(&self) -> io::Result<bool> {
        let disk = statvfs(&self.directory)?;
        let blocks: u64 = disk.blocks_available();
        let size: u64 = disk.fragment_size();
        // File systems that make inodes as they need them say 0 of 0.
        let inodes = disk.files() == 0 || disk.files_available() >= INODES;
        let enough = blocks.saturating_mul(size) >= self.floor && inodes;
        self.cramped
            .send_if_modified(|was| std::mem::replace(was, !enough) == enough);
        Ok(enough)
    }

    /// There is room for a word to the admin, which promises nobody anything.
    pub fn is_enough_for_a_word(&self) -> io::Result<bool> {
        Ok(self.free()? >= WORD.min(self.floor))
    }

    /// Whether there was too little room when somebody needed it last; changes with it.
    pub fn cramped(&self) -> watch::Receiver<bool> {
        self.cramped.subscribe()
    }

    /// The disk is this directory's.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What must be free.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    fn ballast_size(&self) -> u64 {
        BALLAST.min(self.floor / 2)
    }

    /// Gives the ballast up when the disk is so full that the database could not be opened.
    pub fn drop_ballast(&self, ballast: &Path) -> io::Result<()> {
        if self.free()? < self.ballast_size() && ballast.exists() {
            fs::remove_file(ballast)?;
            sync_directory(&self.directory)?;
        }
        Ok(())
    }

    /// Lays the ballast when it is absent and there is room. The ballast is made of octets that no
    /// file system can squeeze.
    pub fn lay_ballast(&self, ballast: &Path) -> io::Result<()> {
        let size = self.ballast_size();
        let there = fs::metadata(ballast).map(|m| m.len()).unwrap_or(0);
        if there >= size || self.free()? < self.floor.saturating_add(size) {
            return Ok(());
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(ballast)?;
        let mut noise: u64 = 0x2545_f491_4f6c_dd1d;
        let mut block = vec![0; 64 << 10];
        let mut written = 0;
        while written < size {
            for word in block.as_chunks_mut::<8>().0 {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                *word = noise.to_le_bytes();
            }
            file.write_all(&block)?;
            written += block.len() as u64;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_the_lock() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("lock");
        let first = lock(&path).expect("lock");
        assert!(first.is_some());
        assert!(lock(&path).expect("lock").is_none());
        drop(first);
        assert!(lock(&path).expect("lock").is_some());
    }

    #[test]
    fn room_and_ballast() {
        let dir = tempfile::tempdir().expect("directory");
        let ballast = dir.path().join("ballast");
        assert!(
            Room::new(dir.path(), 0, Some(1))
                .is_enough()
                .expect("statvfs")
        );
        let none = Room::new(dir.path(), 0, Some(u64::MAX));
        let mut cramped = none.clone().cramped();
        assert!(!*cramped.borrow_and_update());
        assert!(!none.is_enough().expect("statvfs"));
        assert!(*cramped.borrow_and_update());
        assert!(!none.is_enough().expect("statvfs"));
        assert!(!cramped.has_changed().expect("a sender"), "no news");
        assert!(none.is_enough_for_a_word().expect("statvfs"));
        none.lay_ballast(&ballast).expect("no room, no ballast");
        assert!(!ballast.exists());
        let some = Room::new(dir.path(), 0, Some(1 << 20));
        some.lay_ballast(&ballast).expect("ballast");
        assert_eq!(fs::metadata(&ballast).expect("ballast").len(), 512 << 10);
        some.drop_ballast(&ballast).expect("drop");
        assert!(ballast.exists(), "there is room, so it stays");
        assert_eq!(Room::new(dir.path(), 1 << 20, None).floor(), 66 << 20);
    }
}
