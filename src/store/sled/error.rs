//! Why a store was not opened, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// Why a store was not opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the store in {path} is in use by another process: one process per directory. Stop the \
         other sms-milter (is it the service?), or give this one a `store` of its own"
    )]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// Others could change it.
    #[error(
        "group or world may write in {path} (mode {mode:04o}), so others could change what was \
         promised: chmod 0700 {path}"
    )]
    Permissions {
        /// Which.
        path: PathBuf,
        /// As it is.
        mode: u32,
    },
    /// It is not what was written.
    #[error("the store in {path} is damaged: {what}. {advice}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
    /// Rows are missing.
    #[error(
        "the store in {path} is damaged: it should hold {expected} records and holds {found}. \
         {advice}"
    )]
    Shrunken {
        /// Which.
        path: PathBuf,
        /// How many there were.
        expected: u64,
        /// How many there are.
        found: u64,
        /// What to do.
        advice: String,
    },
    /// It is older than what was promised.
    #[error(
        "the store in {path} is older than its anchor (batch {found} of {anchor}): an old copy was \
         put back, or its newest part is lost. {advice}"
    )]
    RolledBack {
        /// Which.
        path: PathBuf,
        /// The batch that was promised last.
        anchor: u64,
        /// The batch it ends with.
        found: u64,
        /// What to do.
        advice: String,
    },
    /// A newer program wrote it.
    #[error(
        "the store in {path} was written by a newer sms-milter ({what}): run that version, or export \
         with it (`sms-milter store export --config F`)"
    )]
    NewerVersion {
        /// Which.
        path: PathBuf,
        /// What shows it.
        what: String,
    },
    /// The disk is full.
    #[error(
        "the disk of the store in {path} is full ({free} octets free, {needed} needed): make room \
         and start again; what was accepted is still there"
    )]
    Full {
        /// Which.
        path: PathBuf,
        /// What there is.
        free: u64,
        /// What there must be.
        needed: u64,
    },
    /// The system said no.
    #[error(
        "cannot {what} in the store {path}: {source}. The directory must be writable for the user \
         that sms-milter runs as; see `store` in the configuration"
    )]
    Io {
        /// Which.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl OpenError {
    /// From sysexits.h: 75 it may open later by itself (another process ends, somebody makes room),
    /// 74 the disk does not do what it should, 65 the records are not what was written.
    pub fn exit_code(&self) -> u8 {
        match self {
            OpenError::Locked { .. } | OpenError::Full { .. } => 75,
            OpenError::Io { .. } => 74,
            _ => 65,
        }
    }
}
