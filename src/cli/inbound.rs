//! `sms-milter inbound list|show|release|drop`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::{InboundRequest, Request, Which};

/// `inbound …`
#[derive(Debug, Args)]
pub struct InboundArgs {
    #[command(subcommand)]
    command: InboundCommand,
}

#[derive(Debug, Subcommand)]
enum InboundCommand {
    /// List received SMS that need an admin, newest first: nobody to deliver them to, unreadable, or quarantined
    List {
        /// Of this sender only
        #[arg(long, value_name = "SENDER")]
        sender: Option<String>,
        /// At most N; 0 for all
        #[arg(long, value_name = "N", default_value_t = 1000)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show a received SMS, with its text and its octets
    Show {
        /// As inbound list prints it
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Deliver them after all: each text is a mail, with all of its parts that are here
    #[command(
        override_usage = "sms-milter inbound release <ID>...\n       sms-milter inbound release --sender <SENDER>\n       sms-milter inbound release --all"
    )]
    Release(Chosen),
    /// Be done with them: no mail is made of them
    #[command(
        override_usage = "sms-milter inbound drop <ID>...\n       sms-milter inbound drop --sender <SENDER>\n       sms-milter inbound drop --all"
    )]
    Drop(Chosen),
}

#[derive(Debug, Args)]
struct Chosen {
    /// As inbound list prints them
    #[arg(required_unless_present_any = ["all", "sender"])]
    id: Vec<String>,
    /// All
    #[arg(long, conflicts_with_all = ["id", "sender"])]
    all: bool,
    /// Those of this sender
    #[arg(long, value_name = "SENDER", conflicts_with = "id")]
    sender: Option<String>,
}

impl From<&Chosen> for Which {
    fn from(chosen: &Chosen) -> Self {
        Self {
            ids: chosen.id.clone(),
            sender: chosen.sender.clone(),
            all: chosen.all,
        }
    }
}

/// Does it.
pub async fn run(path: &Path, args: &InboundArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let request = |request| ask(settings, Request::Inbound(request));
    match &args.command {
        InboundCommand::List {
            sender,
            limit,
            json,
        } => {
            let (sender, limit) = (sender.clone(), *limit);
            let lines = request(InboundRequest::List { sender, limit }).await?;
            let columns = [
                ("id", "ID"),
                ("state", "STATE"),
                ("sender", "SENDER"),
                ("gateway", "GATEWAY"),
                ("part", "PART"),
                ("received", "RECEIVED"),
                ("why", "WHY"),
            ];
            print(out, *json, &lines, &columns)
        }
        InboundCommand::Show { id, json } => {
            for line in request(InboundRequest::Show { id: id.clone() }).await? {
                match json.json {
                    true => writeln!(out, "{line}")?,
                    false => writeln!(out, "{line:#}")?,
                }
            }
            Ok(())
        }
        InboundCommand::Release(which) => {
            for line in request(InboundRequest::Release(which.into())).await? {
                writeln!(out, "{} SMS released", line["released"])?;
                if let Some(left @ 1..) = line["left"].as_u64() {
                    return Err(Failure::unavailable(format!(
                        "{left} SMS stay: nobody would get them. Set incoming.default (or default of their gateway), \
                         reload, and release them again"
                    )));
                }
            }
            Ok(())
        }
        InboundCommand::Drop(which) => {
            for line in request(InboundRequest::Drop(which.into())).await? {
                writeln!(out, "{} SMS dropped", line["dropped"])?;
            }
            Ok(())
        }
    }
}
