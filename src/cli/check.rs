//! `sms-milter check`: the configuration and what is around it, in words.
//!
//! One finding a line: `error:` is refused at start or would break a promise, `warning:` an admin may
//! want to act, `ok:` was looked at. It changes nothing, sends nothing, and asks Postfix for its settings
//! with `postconf` (fixed arguments, 5 s, 1 MiB); it greets the MTA at `mail.inject` and logs in there (5 s), and directories of
//! users it asks for nobody.
//! An absent modem or MTA is a warning: the daemon starts without them.

mod directories;
mod postconf;
mod postfix;

use std::fmt::Display;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::Failure;
use crate::config::{self, Gateway, Settings};
use crate::mail::inject;
use crate::store::sled::guard::Room;

/// The MTA is near; one that has not greeted by then is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// `check …`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Postfix's configuration directory, when it is not the one postconf knows
    #[arg(long, value_name = "DIR")]
    postfix_config: Option<PathBuf>,
}

/// Writes findings down and counts the errors.
struct Findings<'a> {
    out: &'a mut dyn Write,
    errors: usize,
}

impl Findings<'_> {
    fn error(&mut self, text: impl Display) -> std::io::Result<()> {
        self.errors += 1;
        writeln!(self.out, "error: {text}")
    }

    fn warning(&mut self, text: impl Display) -> std::io::Result<()> {
        writeln!(self.out, "warning: {text}")
    }

    fn ok(&mut self, text: impl Display) -> std::io::Result<()> {
        writeln!(self.out, "ok: {text}")
    }
}

/// Does it.
pub fn run(path: &Path, args: &CheckArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let mut findings = Findings { out, errors: 0 };
    match config::load(path) {
        Ok(settings) => look(&settings, args, &mut findings)?,
        Err(errors) => {
            for line in errors.lines() {
                findings.error(line)?;
            }
        }
    }
    let Findings { out, errors } = findings;
    match errors {
        0 => Ok(writeln!(out, "{}: fine", path.display())?),
        n => {
            writeln!(
                out,
                "{}: {n} error{}",
                path.display(),
                if n == 1 { "" } else { "s" }
            )?;
            Err(Failure::config("the configuration does not work as it is"))
        }
    }
}

fn look(settings: &Settings, args: &CheckArgs, findings: &mut Findings<'_>) -> Result<(), Failure> {
    for warning in &settings.warnings {
        findings.warning(warning)?;
    }
    for file in &settings.templates {
        findings.ok(format!("mail.templates: {file}"))?;
    }
    store(settings, findings)?;
    for gateway in settings
        .gateways
        .iter()
        .filter(|gateway| gateway.common().active)
    {
        match gateway {
            Gateway::Modem(modem) => serial(&modem.common.id, &modem.device, findings)?,
            Gateway::Http(_) | Gateway::Simulated(_) => {}
        }
    }
    directories::look(settings, findings)?;
    greeting(settings, findings)?;
    match postconf::ask(args.postfix_config.as_deref()) {
        Ok(None) => {}
        Ok(Some(found)) => {
            for finding in found.judge(settings) {
                match finding {
                    postfix::Finding::Error(text) => findings.error(text)?,
                    postfix::Finding::Warning(text) => findings.warning(text)?,
                    postfix::Finding::Ok(text) => findings.ok(text)?,
                }
            }
        }
        Err(why) => findings.warning(format!("Postfix: cannot read its settings: {why}"))?,
    }
    Ok(())
}

/// Texts and numbers of people lie there.
fn store(settings: &Settings, findings: &mut Findings<'_>) -> std::io::Result<()> {
    let path = &settings.store.path;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => findings.error(format!(
            "store: {shown} is not a directory; write another path"
        )),
        Ok(found) if found.permissions().mode() & 0o007 != 0 => findings.warning(format!(
            "store: everybody may look into {shown}; run chmod o= {shown}"
        )),
        Ok(_) => match room(settings) {
            Some(short) => findings.error(short),
            None => findings.ok(format!("store: {shown}")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(Path::new("/"));
            match access(parent, AccessFlags::W_OK | AccessFlags::X_OK) {
                // Some file systems say yes to root, and mean no.
                Ok(()) if !parent.starts_with("/proc") && !parent.starts_with("/sys") => {
                    findings.ok(format!("store: {shown} will be made at the first start"))
                }
                Err(Errno::ENOENT) => findings.warning(format!(
                    "store: {shown} cannot be made: its parent is absent"
                )),
                _ => findings.warning(format!(
                    "store: {shown} cannot be made: {} may not be written to; write another path, or run \
                     this as the user of sms-milter",
                    parent.display()
                )),
            }
        }
        Err(error) => findings.warning(format!("store: {shown}: {error}")),
    }
}

/// Too little of it, and the daemon neither starts nor takes anything.
fn room(settings: &Settings) -> Option<String> {
    let path = &settings.store.path;
    let room = Room::new(path, settings.milter.max_message, None);
    let free = room.free().ok()?;
    (!room.is_enough().ok()?).then(|| {
        format!(
            "store: the disk of {} has {} MiB free, or no inodes, and {} MiB are needed; make room",
            path.display(),
            free >> 20,
            room.floor() >> 20
        )
    })
}

fn serial(id: &str, device: &str, findings: &mut Findings<'_>) -> std::io::Result<()> {
    match std::fs::metadata(device) {
        Ok(found) if found.file_type().is_char_device() => {
            findings.ok(format!("gateway {id}: {device} is there"))
        }
        Ok(_) => findings.warning(format!("gateway {id}: {device} is not a serial port")),
        Err(error) => findings.warning(format!(
            "gateway {id}: {device}: {error}; is the modem plugged in?"
        )),
    }
}

/// The MTA takes our mails, as far as that shows without one.
fn greeting(settings: &Settings, findings: &mut Findings<'_>) -> std::io::Result<()> {
    let target = &settings.inject.target;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let probe = async { tokio::time::timeout(PATIENCE, inject::probe(&settings.inject)).await };
    let late = |_| Err("it does not answer".to_owned());
    match runtime.block_on(probe).unwrap_or_else(late) {
        Ok(how) => findings.ok(format!("mail.inject: the MTA at {target} {how}")),
        Err(why) => findings.warning(format!(
            "mail.inject: {target}: {why}; until that is put right, mails wait in the queue"
        )),
    }
}
