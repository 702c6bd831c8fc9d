//! `sms-milter store check|export|import`, while no daemon runs.

use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, as_owner, new_file};
use crate::config;
use crate::store::sled::{self, DumpError};

/// `store …`
#[derive(Debug, Args)]
pub struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read all of it, and say what there is
    Check,
    /// Write all records as JSON lines, of a damaged store those that can be read
    Export {
        /// Where to; -: standard output
        file: String,
    },
    /// Make a new store of an export; the directory must be absent or empty
    Import {
        /// Where from; -: standard input
        file: String,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &StoreArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let store = config::load(path)?.store;
    let import = matches!(args.command, StoreCommand::Import { .. });
    if !import || store.path.exists() {
        as_owner(&store.path)?;
    }
    match &args.command {
        StoreCommand::Check => {
            let census = sled::check(&store).map_err(failure)?;
            writeln!(out, "{}: {census}", store.path.display())?;
        }
        StoreCommand::Export { file } => {
            let exported = match file.as_str() {
                "-" => sled::export(&store.path, out).map_err(failure)?,
                file => {
                    let mut file = BufWriter::new(new_file(file)?);
                    let exported = sled::export(&store.path, &mut file).map_err(failure)?;
                    file.flush()?;
                    file.get_ref().sync_all()?;
                    exported
                }
            };
            eprintln!("{} records", exported.records);
            if !exported.unreadable.is_empty() {
                let text = format!("not exported:\n{}", exported.unreadable.join("\n"));
                return Err(Failure::data(text));
            }
        }
        StoreCommand::Import { file } => {
            let records = match file.as_str() {
                "-" => sled::import(&store, &mut std::io::stdin().lock())
                    .await
                    .map_err(failure)?,
                file => {
                    let opened = std::fs::File::open(file).map_err(|error| Failure {
                        code: 66,
                        text: format!("{file}: {error}"),
                    })?;
                    sled::import(&store, &mut BufReader::new(opened))
                        .await
                        .map_err(failure)?
                }
            };
            writeln!(out, "{records} records")?;
        }
    }
    Ok(())
}

fn failure(error: DumpError) -> Failure {
    match &error {
        DumpError::Open(open) => Failure {
            code: open.exit_code(),
            text: error.to_string(),
        },
        DumpError::Io(_) => Failure {
            code: 74,
            text: error.to_string(),
        },
        _ => Failure::data(error.to_string()),
    }
}
