//! `sms-milter mail list|show|retry|drop`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::{MailRequest, Request, These};

/// `mail …`
#[derive(Debug, Args)]
pub struct MailArgs {
    #[command(subcommand)]
    command: MailCommand,
}

#[derive(Debug, Subcommand)]
enum MailCommand {
    /// List mails of ours that the mail server has not taken, newest first: they wait for it, or it refused them
    List {
        /// Only those that it refused for good, also for incoming.default and mail.admin: they stay until you decide
        #[arg(long)]
        refused: bool,
        /// At most N; 0 for all
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show one of them, whole
    Show {
        /// As mail list prints it
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Hand them in now, the refused ones too
    #[command(
        override_usage = "sms-milter mail retry [--to <ADDRESS>] <ID>...\n       sms-milter mail retry [--to <ADDRESS>] --all"
    )]
    Retry {
        #[command(flatten)]
        these: Chosen,
        /// To this address instead
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
    },
    /// Be done with them: nobody gets them
    #[command(override_usage = "sms-milter mail drop <ID>...\n       sms-milter mail drop --all")]
    Drop {
        #[command(flatten)]
        these: Chosen,
    },
}

#[derive(Debug, Args)]
struct Chosen {
    /// As mail list prints them
    #[arg(required_unless_present = "all")]
    id: Vec<String>,
    /// All that were refused for good
    #[arg(long, conflicts_with = "id")]
    all: bool,
}

impl From<&Chosen> for These {
    fn from(chosen: &Chosen) -> Self {
        Self {
            ids: chosen.id.clone(),
            all: chosen.all,
        }
    }
}

/// Does it.
pub async fn run(path: &Path, args: &MailArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let request = |request| ask(settings, Request::Mails(request));
    match &args.command {
        MailCommand::List {
            refused,
            limit,
            json,
        } => {
            let (refused, limit) = (*refused, *limit);
            let lines = request(MailRequest::List { refused, limit }).await?;
            let columns = [
                ("id", "ID"),
                ("state", "STATE"),
                ("recipient", "RECIPIENT"),
                ("subject", "SUBJECT"),
                ("created", "CREATED"),
                ("attempts", "TRIES"),
                ("next_attempt", "NEXT"),
                ("error", "ERROR"),
            ];
            print(out, *json, &lines, &columns)
        }
        MailCommand::Show { id, json } => {
            for line in request(MailRequest::Show { id: id.clone() }).await? {
                match json.json {
                    true => writeln!(out, "{line}")?,
                    false => show(out, line)?,
                }
            }
            Ok(())
        }
        MailCommand::Retry { these, to } => {
            let (these, to) = (these.into(), to.clone());
            for line in request(MailRequest::Retry { these, to }).await? {
                said(out, &line["retried"], "will be tried now")?;
            }
            Ok(())
        }
        MailCommand::Drop { these } => {
            let these = these.into();
            for line in request(MailRequest::Drop { these }).await? {
                said(out, &line["dropped"], "dropped")?;
            }
            Ok(())
        }
    }
}

fn said(out: &mut dyn Write, count: &Value, what: &str) -> Result<(), Failure> {
    match count.as_u64() {
        Some(1) => writeln!(out, "1 mail {what}")?,
        _ => writeln!(out, "{count} mails {what}")?,
    }
    Ok(())
}

/// What is known of the mail, an empty line, and the mail. What a terminal might obey is left out.
fn show(out: &mut dyn Write, mut line: Value) -> Result<(), Failure> {
    let mail = line["mail"].take();
    if let Some(fields) = line.as_object_mut() {
        fields.remove("mail");
    }
    writeln!(out, "{line:#}\n")?;
    let is_shown = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let mail: String = mail
        .as_str()
        .unwrap_or_default()
        .chars()
        .filter(is_shown)
        .collect();
    writeln!(out, "{}", mail.trim_end())?;
    Ok(())
}
