//! `sms-milter queue list|show|retry|cancel|release|stats`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

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
        /// Only messages in this state (repeatable): queued, sending, sent, delivered, failed, expired, unknown, held,
        /// cancelled
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
    /// Take messages back that were not begun; their senders are given back what they cost
    Cancel {
        /// As queue list prints them
        #[arg(required = true)]
        id: Vec<String>,
    },
    /// Send messages that are held
    #[command(
        override_usage = "sms-milter queue release <ID>...\n       sms-milter queue release --sender <ADDRESS>\n       sms-milter queue release --all"
    )]
    Release {
        /// As queue list prints them
        #[arg(required_unless_present_any = ["all", "sender"])]
        id: Vec<String>,
        /// All that are held
        #[arg(long, conflicts_with_all = ["id", "sender"])]
        all: bool,
        /// Those of this sender
        #[arg(long, value_name = "ADDRESS", conflicts_with = "id")]
        sender: Option<String>,
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
            let mut lines = ask(settings, request).await?;
            if !json.json {
                lines.iter_mut().for_each(in_words);
            }
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
        QueueCommand::Cancel { id } => ask(settings, Request::Cancel { ids: id.clone() })
            .await
            .map(drop),
        QueueCommand::Release { id, all, sender } => {
            let request = Request::Release {
                ids: id.clone(),
                all: *all,
                sender: sender.clone(),
            };
            for line in ask(settings, request).await? {
                match line["released"].as_u64() {
                    Some(1) => writeln!(out, "1 message released")?,
                    _ => writeln!(out, "{} messages released", line["released"])?,
                }
            }
            Ok(())
        }
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

/// For people: what a message waits for, or what it means that it is neither sent nor waits to be.
fn in_words(line: &mut Value) {
    if line["waits_for"].is_string() {
        line["error"] = line["waits_for"].take();
        return;
    }
    let unsure = line["state"] == "sending" && line["unknowns"].as_u64().is_some_and(|n| n > 0);
    let until = line["next_attempt"].as_str();
    let until = until.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let (true, Some(gateway), Some(until)) = (unsure, line["gateway"].as_str(), until) else {
        return;
    };
    let until = until.strftime("%Y-%m-%dT%H:%M:%SZ");
    line["error"] = match line["error"].as_str() {
        Some(why) => format!("may have been sent by {gateway}, decided at {until}: {why}"),
        // We died with it on the line.
        None => format!("may have been sent by {gateway}"),
    }
    .into();
}
