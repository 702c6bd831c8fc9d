//! What judging a configuration asks of the machine: secrets in files and variables, and its name.
//!
//! Nothing else of the outside is looked at, so a test's [`Outside`] is the whole world.

use std::io;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::gateway::http::MAX_PEM;

/// A longer secret is a file named by mistake: 4 KiB.
const MAX_SECRET: u64 = 4 * 1024;

/// A larger table of users is another file named by mistake: 64 MiB, some 500,000 users.
const MAX_TABLE: u64 = 64 << 20;

/// The machine, as far as a configuration reaches into it.
pub trait Outside {
    /// The text of a file that holds a secret.
    fn secret(&self, path: &Path) -> io::Result<String>;

    /// The text of a file of certificates, and perhaps a key.
    fn pem(&self, path: &Path) -> io::Result<String>;

    /// The octets of a table, and what errors call it.
    fn table(&self, path: &Path) -> io::Result<(Vec<u8>, String)>;

    /// The files `LANG.ftl` of a directory of texts, by their paths; others are none of ours.
    fn texts(&self, dir: &Path) -> io::Result<Vec<(PathBuf, String)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "ftl") {
                continue;
            }
            if files.len() >= MAX_TEXTS {
                let error = format!("it has more than {MAX_TEXTS} files");
                return Err(io::Error::other(error));
            }
            let text = read(&path, MAX_TEXT).map_err(|error| {
                let why = match error.kind() {
                    io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
                    _ => error.to_string(),
                };
                io::Error::new(error.kind(), format!("{}: {why}", path.display()))
            })?;
            // Windows begins a text file with it.
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
            files.push((path, text));
        }
        files.sort();
        Ok(files)
    }

    /// The permission bits of a file.
    fn mode(&self, path: &Path) -> io::Result<u32>;

    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;

    /// What this machine calls itself.
    fn hostname(&self) -> Option<String>;
}

fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let read = file.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        let error = format!("it has more than {} KiB", most / 1024);
        return Err(io::Error::other(error));
    }
    Ok(text)
}

/// Languages and regions of an admin's own texts.
const MAX_TEXTS: usize = 100;

/// All texts of a language are a tenth of it.
const MAX_TEXT: u64 = 256 * 1024;

/// This machine.
pub struct ThisMachine;

impl Outside for ThisMachine {
    fn secret(&self, path: &Path) -> io::Result<String> {
        read(path, MAX_SECRET)
    }

    fn pem(&self, path: &Path) -> io::Result<String> {
        read(path, MAX_PEM)
    }

    fn table(&self, path: &Path) -> io::Result<(Vec<u8>, String)> {
        // A pipe or a device could keep us for ever.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut octets = Vec::new();
        let file = std::fs::File::open(path)?;
        file.take(MAX_TABLE + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > MAX_TABLE {
            return Err(io::Error::other("it has more than 64 MiB"));
        }
        Ok((octets, path.display().to_string()))
    }

    fn mode(&self, path: &Path) -> io::Result<u32> {
        Ok(std::fs::metadata(path)?.permissions().mode())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn hostname(&self) -> Option<String> {
        nix::unistd::gethostname().ok()?.into_string().ok()
    }
}
