//! `sms-milter queue list|show|retry|cancel|stats`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// `queue …`
#[derive(Debug, Args)]
pub struct QueueArgs {
    #[command(subcommand)]
    command: QueueCommand,
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List messages, newest first
    List {
        /// Final ones too
        #[arg(long)]
        all: bool,
        /// Only messages in this state (repeatable)
        #[arg(long, value_name = "STATE")]
        state: Vec<String>,
        /// At most N messages; 0 for all
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show one message and what became of its parts
    Show {
        /// As queue list prints it
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Send a queued message now
    Retry {
        /// As queue list prints it
        id: String,
    },
    /// Take a message back that was not begun
    Cancel {
        /// As queue list prints it
        id: String,
    },
    /// Count messages, received SMS and mails
    Stats {
        #[command(flatten)]
        json: Json,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &QueueArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    match &args.command {
        QueueCommand::List {
            all,
            state,
            limit,
            json,
        } => {
            let request = Request::List {
                states: state.clone(),
                all: *all,
                limit: *limit,
            };
            let lines = ask(settings, request).await?;
            print(
                out,
                *json,
                &lines,
                &[
                    ("id", "ID"),
                    ("state", "STATE"),
                    ("sender", "SENDER"),
                    ("number", "NUMBER"),
                    ("segments_sent", "SENT"),
                    ("segments_total", "OF"),
                    ("attempts", "TRIES"),
                    ("created", "CREATED"),
                    ("error", "ERROR"),
                ],
            )
        }
        QueueCommand::Show { id, json } => {
            let lines = ask(settings, Request::Show { id: id.clone() }).await?;
            for line in &lines {
                match json.json {
                    true => writeln!(out, "{line}")?,
                    false => writeln!(out, "{line:#}")?,
                }
            }
            Ok(())
        }
        QueueCommand::Retry { id } => ask(settings, Request::Retry { id: id.clone() })
            .await
            .map(drop),
        QueueCommand::Cancel { id } => ask(settings, Request::Cancel { id: id.clone() })
            .await
            .map(drop),
        QueueCommand::Stats { json } => {
            let lines = ask(settings, Request::Stats).await?;
            for line in &lines {
                if json.json {
                    writeln!(out, "{line}")?;
                    continue;
                }
                for (state, count) in line["messages"].as_object().into_iter().flatten() {
                    writeln!(out, "messages {state}: {count}")?;
                }
                for (key, what) in [
                    ("inbound_open", "received SMS not yet delivered"),
                    ("inbound_stuck", "received SMS that need an admin"),
                    ("mails", "mails waiting for the MTA"),
                    ("mails_stuck", "mails the MTA refused"),
                ] {
                    writeln!(out, "{what}: {}", line[key])?;
                }
            }
            Ok(())
        }
    }
}
