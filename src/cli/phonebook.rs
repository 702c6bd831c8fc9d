//! `sms-milter phonebook`: numbers that users told, contacts that are no users, groups.
//!
//! Everything goes through the daemon, or the store while there is none. Files are read and written here;
//! what may be stored is decided there.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::progress::Progress;
use super::{Failure, Json, Line, ask, new_file, print};
use crate::config;
use crate::control::{self, PhonebookRequest, Request};
use crate::phonebook::{self, Row, csv, vcard};
use crate::sms::Number;
use crate::store::phonebook::{Entry, Group, Listing, Member};

/// Rows of an import that are one transaction: the mails in between shall not wait.
const BATCH: usize = 250;

/// Octets of rows in one request, which may have 1 MiB in all.
const BATCH_OCTETS: usize = 256 * 1024;

/// So many lines are shown of what changes; `--json` shows all.
const MAX_SHOWN: usize = 50;

/// `phonebook …`
#[derive(Debug, Args)]
pub struct PhonebookArgs {
    #[command(subcommand)]
    command: PhonebookCommand,
}

#[derive(Debug, Subcommand)]
enum PhonebookCommand {
    /// List users' learned numbers, contacts and groups
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Set the number of a user or contact
    Set {
        /// plumber, or plumber@sms.example.com where there are several domains
        name: String,
        /// As +15551234567, or as the domain's region writes it
        number: String,
        /// What people call it, for mails from that phone
        #[arg(long = "display-name", value_name = "NAME")]
        shown: Option<String>,
        /// The account that may change it by mail; '' for none
        #[arg(long, value_name = "ADDRESS")]
        owner: Option<String>,
        /// A note
        #[arg(long, value_name = "TEXT")]
        notes: Option<String>,
    },
    /// Remove a name, of a contact, a group, or a user's learned number
    Remove {
        /// As phonebook list prints it
        name: String,
    },
    /// Take over a file: CSV (from any spreadsheet) or vCard (2.1, 3.0, 4.0)
    Import {
        /// The file; - is standard input
        file: String,
        /// Change nothing, say what would happen
        #[arg(long, short = 'n')]
        dry_run: bool,
        #[command(flatten)]
        json: Json,
    },
    /// Write all names into a file
    Export {
        /// The file, which must not be there yet; - is standard output
        file: String,
        /// The form; without it as the file's name ends
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
    /// Look after names for many
    Group {
        #[command(subcommand)]
        command: GroupCommand,
    },
    /// Show who changed what, newest first
    Log {
        /// Of this name only
        name: Option<String>,
        /// At most N lines; 0 for all
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
enum GroupCommand {
    /// List the groups
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Add members, and make the group if there is none
    Add {
        /// oncall, or oncall@sms.example.com
        name: String,
        /// Numbers, users, contacts
        #[arg(required = true)]
        members: Vec<String>,
    },
    /// Take members out; without any, remove the group
    Remove {
        /// As phonebook group list prints it
        name: String,
        /// Numbers, users, contacts
        members: Vec<String>,
    },
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For spreadsheets
    Csv,
    /// vCard 4.0
    Vcard,
    /// vCard 3.0, for older phones; without groups
    Vcard3,
}

/// Does it.
pub async fn run(path: &Path, args: &PhonebookArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let book = Request::Phonebook;
    match &args.command {
        PhonebookCommand::List { json } => {
            let lines = ask(settings, book(PhonebookRequest::List)).await?;
            list(out, *json, &lines)
        }
        PhonebookCommand::Set {
            name,
            number,
            shown,
            owner,
            notes,
        } => {
            let request = PhonebookRequest::Set {
                name: name.clone(),
                number: number.clone(),
                shown: shown.clone(),
                owner: owner.clone(),
                notes: notes.clone(),
            };
            ask(settings, book(request)).await.map(drop)
        }
        PhonebookCommand::Remove { name } => {
            let name = name.clone();
            let request = PhonebookRequest::Remove { name };
            ask(settings, book(request)).await.map(drop)
        }
        PhonebookCommand::Import {
            file,
            dry_run,
            json,
        } => import(Line::new(settings), file, *dry_run, *json, out).await,
        PhonebookCommand::Export { file, format } => {
            let format = format.map_or_else(|| format_of(file), Ok)?;
            let lines = ask(settings, book(PhonebookRequest::List)).await?;
            export(file, format, &lines, out)
        }
        PhonebookCommand::Group { command } => match command {
            GroupCommand::List { json } => {
                let mut lines = ask(settings, book(PhonebookRequest::List)).await?;
                lines.retain(|line| line["kind"] == "group");
                list(out, *json, &lines)
            }
            GroupCommand::Add { name, members } => {
                let request = PhonebookRequest::Group {
                    name: name.clone(),
                    add: members.clone(),
                    remove: vec![],
                };
                ask(settings, book(request)).await.map(drop)
            }
            GroupCommand::Remove { name, members } => {
                let name = name.clone();
                let request = match members.is_empty() {
                    true => PhonebookRequest::Remove { name },
                    false => PhonebookRequest::Group {
                        name,
                        add: vec![],
                        remove: members.clone(),
                    },
                };
                ask(settings, book(request)).await.map(drop)
            }
        },
        PhonebookCommand::Log { name, limit, json } => {
            let request = PhonebookRequest::Log {
                name: name.clone(),
                limit: *limit,
            };
            let lines = ask(settings, book(request)).await?;
            let columns = [
                ("at", "AT"),
                ("who", "WHO"),
                ("name", "NAME"),
                ("old", "BEFORE"),
                ("new", "NOW"),
            ];
            print(out, *json, &lines, &columns)
        }
    }
}

fn list(out: &mut dyn Write, json: Json, lines: &[Value]) -> Result<(), Failure> {
    if json.json {
        return print(out, json, lines, &[]);
    }
    let shown = |line: &Value| {
        let mut line = line.clone();
        if let Some(members) = line["members"].as_array() {
            let members: Vec<_> = members.iter().filter_map(Value::as_str).collect();
            line["number"] = members.join(" ").into();
        }
        line
    };
    let lines: Vec<_> = lines.iter().map(shown).collect();
    let columns = [
        ("sms", "NAME"),
        ("kind", "KIND"),
        ("number", "NUMBER"),
        ("shown", "DISPLAY NAME"),
        ("owner", "OWNER"),
        ("notes", "NOTES"),
        ("hidden", "HIDDEN BY"),
    ];
    print(out, json, &lines, &columns)
}

// ---- Files -------------------------------------------------------------------------------------

fn format_of(file: &str) -> Result<Format, Failure> {
    let end = Path::new(file).extension().and_then(|end| end.to_str());
    match end.map(str::to_ascii_lowercase).as_deref() {
        Some("csv") => Ok(Format::Csv),
        Some("vcf" | "vcard") => Ok(Format::Vcard),
        _ => Err(Failure::usage(format!(
            "{file}: which form? name it .csv or .vcf, or write --format csv, vcard or vcard3"
        ))),
    }
}

/// A line of [`PhonebookRequest::List`] as a row of a file.
fn row(line: &Value) -> Row {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let some = |key: &str| line[key].as_str().map(str::to_owned);
    let members = line["members"].as_array().into_iter().flatten();
    Row {
        line: 0,
        name: text("name"),
        shown: some("shown"),
        number: text("number"),
        owner: some("owner"),
        notes: some("notes"),
        members: members
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}

fn export(file: &str, format: Format, lines: &[Value], out: &mut dyn Write) -> Result<(), Failure> {
    let rows: Vec<Row> = lines.iter().map(row).collect();
    let sms: HashMap<_, _> = lines
        .iter()
        .map(|line| (row(line).name, line["sms"].as_str().unwrap_or_default()))
        .collect();
    let mail = |row: &Row| sms.get(&row.name).copied().unwrap_or_default().to_owned();
    let text = match format {
        Format::Csv => csv::write(&rows),
        Format::Vcard => vcard::write(&rows, vcard::Version::V4, mail),
        Format::Vcard3 => vcard::write(&rows, vcard::Version::V3, mail),
    };
    if file == "-" {
        out.write_all(text.as_bytes())?;
        return Ok(());
    }
    let progress = Progress::new("octets", text.len());
    let mut target = new_file(file)?;
    let mut written = 0;
    for part in text.as_bytes().chunks(1 << 20) {
        target.write_all(part)?;
        written += part.len();
        progress.show(written);
    }
    target.sync_all()?;
    drop(progress);
    let left_out = match format {
        Format::Vcard3 => rows.iter().filter(|row| row.number.is_empty()).count(),
        Format::Csv | Format::Vcard => 0,
    };
    eprintln!("{} names", rows.len() - left_out);
    if left_out > 0 {
        eprintln!("{left_out} groups left out: vCard 3.0 has none; write --format vcard");
    }
    Ok(())
}

fn octets_of(file: &str) -> Result<Vec<u8>, Failure> {
    let failure = |error: std::io::Error| Failure {
        code: 66,
        text: format!("{file}: {error}"),
    };
    let mut octets = Vec::new();
    // One more than may be, so that it is seen.
    let most = phonebook::MAX_FILE as u64 + 1;
    let read = match file {
        "-" => std::io::stdin().take(most).read_to_end(&mut octets),
        file => {
            let opened = std::fs::File::open(file).map_err(failure)?;
            opened.take(most).read_to_end(&mut octets)
        }
    };
    read.map_err(failure)?;
    Ok(octets)
}

/// What became of a line of the file.
fn skipped(line: u64, name: &str, why: &str) -> Value {
    json!({"line": line, "name": name, "outcome": "skipped", "why": why})
}

async fn import(
    mut line: Line,
    file: &str,
    dry_run: bool,
    json: Json,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let rows = phonebook::read(&octets_of(file)?);
    let rows = rows.map_err(|error| Failure::data(format!("{file}: {error}")))?;
    let progress = Progress::new("entries", rows.len());
    let (mut outcomes, mut batch, mut octets) = (Vec::new(), Vec::new(), 0);
    let (mut seen, mut done) = (HashMap::new(), 0);
    let mut rows = rows.into_iter().peekable();
    while let Some(row) = rows.next() {
        done += 1;
        match row {
            Err(bad) => outcomes.push(skipped(bad.line, "", &bad.why)),
            Ok(row) => match seen.insert(row.name.to_lowercase(), row.line) {
                Some(before) => {
                    let why = format!("{} is also in line {before}", row.name);
                    outcomes.push(skipped(row.line, &row.name, &why));
                }
                None => {
                    octets += size(&row);
                    batch.push(row);
                }
            },
        }
        let is_full = batch.len() >= BATCH || octets >= BATCH_OCTETS;
        if !batch.is_empty() && (is_full || rows.peek().is_none()) {
            let request = PhonebookRequest::Import {
                rows: std::mem::take(&mut batch),
                dry_run,
            };
            outcomes.extend(line.ask(Request::Phonebook(request)).await?);
            octets = 0;
            progress.show(done);
        }
    }
    drop(progress);
    outcomes.sort_by_key(|outcome| outcome["line"].as_u64());
    summary(file, dry_run, json, &outcomes, out)
}

/// Octets of a row in a request, more or less.
fn size(row: &Row) -> usize {
    let texts = [row.shown.as_ref(), row.owner.as_ref(), row.notes.as_ref()];
    let texts = texts.into_iter().flatten().chain(&row.members);
    let more = [&row.name, &row.number].into_iter();
    texts
        .chain(more)
        .map(|text| 2 * text.len() + 4)
        .sum::<usize>()
        + 64
}

fn summary(
    file: &str,
    dry_run: bool,
    json: Json,
    outcomes: &[Value],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let count = |what: &str| outcomes.iter().filter(|o| o["outcome"] == what).count();
    let skipped = count("skipped");
    if json.json {
        for outcome in outcomes {
            writeln!(out, "{outcome}")?;
        }
    } else {
        for outcome in outcomes.iter().filter(|o| o["outcome"] == "skipped") {
            let why = outcome["why"].as_str().unwrap_or_default();
            eprintln!("{file}:{}: skipped: {why}", outcome["line"]);
        }
        let is_news = |o: &&Value| o["outcome"] == "added" || o["outcome"] == "changed";
        for outcome in outcomes.iter().filter(is_news).take(MAX_SHOWN) {
            let text = |key: &str| outcome[key].as_str().unwrap_or_default();
            let line = format!("{} {} {}", text("outcome"), text("sms"), text("number"));
            writeln!(out, "{}", line.trim_end())?;
        }
        let news = outcomes.iter().filter(is_news).count();
        if news > MAX_SHOWN {
            writeln!(out, "… and {} more", news - MAX_SHOWN)?;
        }
        let would = if dry_run { "would be " } else { "" };
        writeln!(
            out,
            "{} {would}added, {} {would}changed, {} unchanged, {skipped} {would}skipped",
            count("added"),
            count("changed"),
            count("same"),
        )?;
    }
    match skipped {
        0 => Ok(()),
        _ => Err(Failure::data("")),
    }
}

/// The listings under these names, as the daemon at this socket knows them; `None`: there is none.
pub async fn find(control: &Path, names: &[String]) -> Option<Vec<Listing>> {
    let names = names.to_vec();
    let request = Request::Phonebook(PhonebookRequest::Find { names });
    let lines = control::ask(control, &request).await.ok()??.ok()?;
    Some(lines.iter().filter_map(listing).collect())
}

/// Reads what the daemon printed.
fn listing(line: &Value) -> Option<Listing> {
    let row = row(line);
    let changed = line["changed"].as_str()?.parse().ok()?;
    if line["kind"] == "group" {
        let member = |text: &String| match Number::from_network(text) {
            Some(number) => Member::Number(number),
            None => Member::Name(text.clone()),
        };
        return Some(Listing::Group(Group {
            address: row.name,
            members: row.members.iter().map(member).collect(),
            notes: row.notes,
            changed,
        }));
    }
    Some(Listing::Entry(Entry {
        address: row.name,
        number: Number::from_network(&row.number)?,
        shown: row.shown,
        owner: row.owner,
        notes: row.notes,
        changed,
    }))
}
