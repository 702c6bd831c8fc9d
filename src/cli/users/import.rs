//! `sms-milter users import FILE`: users of a CSV file into the table of `users_csv`.
//!
//! The file is judged as if it were that table, so its errors come with its own lines. Then its rows are merged by
//! address: the columns that the file has replace those of a user, also with nothing where a cell is empty; the
//! others stay, and so do users that are not in the file. What comes of it is judged once more, with all other
//! users. Only then the table is exchanged, at once or not at all, and the daemon is asked to reload.
//!
//! The table keeps its owner, mode and way of writing; comments it has none, order it keeps.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::progress::Progress;
use crate::cli::{Failure, Json, reload};
use crate::config::table::Sheet;
use crate::config::{self, Outside, Settings, ThisMachine};

/// So many lines are shown of what changes; `--json` shows all.
const MAX_SHOWN: usize = 50;

/// `users import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file: CSV, its first line names the columns (email and what else users have)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    #[command(flatten)]
    json: Json,
}

/// What becomes of a user.
#[derive(Debug, PartialEq)]
enum Change {
    Added,
    /// In these columns.
    Changed(Vec<&'static str>),
    Unchanged,
}

/// Does it.
pub(super) async fn run(
    path: &Path,
    args: &ImportArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let bar = Progress::new("steps", 5);
    bar.show(0);
    let (octets, name) = ThisMachine.table(&args.file).map_err(|error| {
        Failure::unavailable(format!("{}: cannot be read: {error}", args.file.display()))
    })?;
    let sheet = Sheet::read(octets.clone(), &name).map_err(Failure::data)?;
    if sheet.rows.is_empty() {
        return Err(Failure::data(format!("{name}: has no users in it")));
    }
    bar.show(1);
    let settings = judged(path, octets, name)?;
    let Some(target) = settings.users_csv else {
        return Err(Failure::config(format!(
            "{}: users_csv is not set; write users_csv: users.csv there",
            path.display()
        )));
    };
    bar.show(2);
    // A link stays one.
    let target = fs::canonicalize(&target).unwrap_or(target);
    let before = read(&target)?;
    let old = match &before {
        Some(octets) => {
            Sheet::read(octets.clone(), &target.display().to_string()).map_err(Failure::data)?
        }
        None => Sheet {
            rows: Vec::new(),
            ..sheet.clone()
        },
    };
    let (merged, changes) = merge(old, &sheet);
    let octets = merged.write();
    bar.show(3);
    judged(path, octets.clone(), target.display().to_string()).map_err(|failure| Failure {
        // Its lines are those of a table that is not there yet.
        text: format!(
            "{file} does not go with the users that are there; in {table} as it would be:\n{text}",
            file = args.file.display(),
            table = target.display(),
            text = failure.text
        ),
        ..failure
    })?;
    bar.show(4);
    let changed = changes
        .iter()
        .any(|(_, change)| *change != Change::Unchanged);
    if changed && !args.dry_run {
        replace(&target, &octets, before.as_deref(), path)?;
    }
    drop(bar);
    show(out, args, &changes)?;
    if !changed || args.dry_run {
        return Ok(());
    }
    match reload::ask(&settings.control).await? {
        None if !args.json.json => {
            writeln!(out, "no daemon is running: it reads them when it starts")?
        }
        None => {}
        Some(warnings) => {
            for warning in warnings {
                eprintln!("sms-milter: warning: {warning}");
            }
        }
    }
    Ok(())
}

/// The machine with another table in it.
struct Staged {
    octets: Vec<u8>,
    name: String,
}

impl Outside for Staged {
    fn secret(&self, path: &Path) -> io::Result<String> {
        ThisMachine.secret(path)
    }
    fn pem(&self, path: &Path) -> io::Result<String> {
        ThisMachine.pem(path)
    }
    fn table(&self, _: &Path) -> io::Result<(Vec<u8>, String)> {
        Ok((self.octets.clone(), self.name.clone()))
    }
    fn mode(&self, path: &Path) -> io::Result<u32> {
        ThisMachine.mode(path)
    }
    fn variable(&self, name: &str) -> Option<String> {
        ThisMachine.variable(name)
    }
    fn hostname(&self) -> Option<String> {
        ThisMachine.hostname()
    }
}

/// The configuration with this table of users.
fn judged(path: &Path, octets: Vec<u8>, name: String) -> Result<Settings, Failure> {
    Ok(config::load_with(path, &Staged { octets, name })?)
}

/// `None`: there is none yet.
fn read(target: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match ThisMachine.table(target) {
        Ok((octets, _)) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let text = format!("{}: cannot be read: {error}", target.display());
            Err(Failure::unavailable(text))
        }
    }
}

/// The rows of `new` over those of `old`, and what became of each.
fn merge(mut old: Sheet, new: &Sheet) -> (Sheet, Vec<(String, Change)>) {
    let columns: Vec<(usize, usize, &'static str)> = new
        .keys
        .iter()
        .enumerate()
        .filter_map(|(from, key)| {
            let key = (*key)?;
            let to = old.column(key).unwrap_or_else(|| {
                old.header.push(key.to_owned());
                old.keys.push(Some(key));
                old.keys.len() - 1
            });
            Some((from, to, key))
        })
        .collect();
    let width = old.header.len();
    for row in &mut old.rows {
        row.resize(width, String::new());
    }
    let email = old.column("email").unwrap_or_default();
    let known = old.rows.iter().enumerate();
    let known: HashMap<_, _> = known
        .map(|(i, row)| (row[email].to_lowercase(), i))
        .collect();
    let mut changes = Vec::with_capacity(new.rows.len());
    let from = new.column("email").unwrap_or_default();
    for row in &new.rows {
        let address = row[from].to_lowercase();
        let change = match known.get(&address) {
            None => {
                let mut added = vec![String::new(); width];
                for (from, to, _) in &columns {
                    added[*to].clone_from(&row[*from]);
                }
                old.rows.push(added);
                Change::Added
            }
            Some(&index) => {
                let mut keys = Vec::new();
                for (from, to, key) in &columns {
                    let held = &mut old.rows[index][*to];
                    if *key != "email" && *held != row[*from] {
                        held.clone_from(&row[*from]);
                        keys.push(*key);
                    }
                }
                match keys.is_empty() {
                    true => Change::Unchanged,
                    false => Change::Changed(keys),
                }
            }
        };
        changes.push((address, change));
    }
    (old, changes)
}

/// Puts the table in its place: whole, or not at all, whatever happens meanwhile.
fn replace(
    target: &Path,
    octets: &[u8],
    before: Option<&[u8]>,
    config: &Path,
) -> Result<(), Failure> {
    let directory = target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let new = directory.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&new, octets, target, config);
    let placed = written.and_then(|()| {
        let now = read(target).map_err(|failure| io::Error::other(failure.text))?;
        if now.as_deref() != before {
            return Err(io::Error::other("it was changed meanwhile; run this again"));
        }
        fs::rename(&new, target)?;
        // The name is durable with its directory only.
        File::open(directory)?.sync_all()
    });
    placed.map_err(|error| {
        let _ = fs::remove_file(&new);
        Failure {
            code: 74,
            text: format!("{}: cannot be written: {error}", target.display()),
        }
    })
}

/// With the owner and the mode of the table that is there; else of the configuration, whose reader is the same.
fn write_new(new: &Path, octets: &[u8], target: &Path, config: &Path) -> io::Result<()> {
    let like = fs::metadata(target).or_else(|_| fs::metadata(config))?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o777))?;
    file.write_all(octets)?;
    file.sync_all()
}

fn show(out: &mut dyn Write, args: &ImportArgs, changes: &[(String, Change)]) -> io::Result<()> {
    let (mut added, mut changed, mut unchanged, mut shown) = (0, 0, 0, 0);
    for (email, change) in changes {
        let (word, keys) = match change {
            Change::Added => ("added", &[][..]),
            Change::Changed(keys) => ("changed", keys.as_slice()),
            Change::Unchanged => ("unchanged", &[][..]),
        };
        match change {
            Change::Added => added += 1,
            Change::Changed(_) => changed += 1,
            Change::Unchanged => unchanged += 1,
        }
        if args.json.json {
            writeln!(
                out,
                "{}",
                json!({ "email": email, "change": word, "keys": keys })
            )?;
        } else if *change != Change::Unchanged {
            shown += 1;
            match shown {
                0..=MAX_SHOWN if keys.is_empty() => writeln!(out, "{word} {email}")?,
                0..=MAX_SHOWN => writeln!(out, "{word} {email}: {}", keys.join(", "))?,
                _ => {}
            }
        }
    }
    if args.json.json {
        return Ok(());
    }
    if shown > MAX_SHOWN {
        writeln!(out, "… and {} more", shown - MAX_SHOWN)?;
    }
    let would = if args.dry_run {
        " (nothing was written)"
    } else {
        ""
    };
    writeln!(
        out,
        "{added} added, {changed} changed, {unchanged} unchanged{would}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> Sheet {
        Sheet::read(text.as_bytes().to_vec(), "users.csv").expect("a table")
    }

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str, changes: &str) {
        let (merged, made) = merge(sheet(old), &sheet(new));
        let text = String::from_utf8(merged.write()).expect("UTF-8");
        assert_eq!(text, expected);
        let shown = |(email, change): &(String, Change)| format!("{email} {change:?}");
        assert_eq!(
            made.iter().map(shown).collect::<Vec<_>>().join("; "),
            changes
        );
        let again = merge(sheet(&text), &sheet(new)).1;
        assert!(
            again.iter().all(|(_, change)| *change == Change::Unchanged),
            "{again:?}"
        );
    }

    #[test]
    fn merges_by_address_and_column() {
        check(
            "Mail;Name;Limit\nann@example.com;Ann;10\nbob@example.com;Bob;\n",
            "email,monthly_limit,mobile\nBOB@example.com,5,\neve@example.com,,+15551234567\nann@example.com,10,\n",
            "Mail;Name;Limit;mobile\nann@example.com;Ann;10;\nbob@example.com;Bob;5;\neve@example.com;;;+15551234567\n",
            "bob@example.com Changed([\"monthly_limit\"]); eve@example.com Added; ann@example.com Unchanged",
        );
        // An empty cell is an answer, too.
        check(
            "email,monthly_limit\nann@example.com,10\n",
            "monthly_limit,email\n,ann@example.com\n",
            "email,monthly_limit\nann@example.com,\n",
            "ann@example.com Changed([\"monthly_limit\"])",
        );
        // What has separators in it is quoted.
        check(
            "email,aliases\n",
            "email;aliases\nann@example.com;\"a@example.com,b@example.com\"\n",
            "email,aliases\nann@example.com,\"a@example.com,b@example.com\"\n",
            "ann@example.com Added",
        );
    }
}
