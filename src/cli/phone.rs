//! `sms-milter phone list|show|reply`: the phones of the simulated network, in the running daemon.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Json, print};
use crate::config;
use crate::control::{self, Request};

/// `phone …`
#[derive(Debug, Args)]
pub struct PhoneArgs {
    #[command(subcommand)]
    command: PhoneCommand,
}

#[derive(Debug, Subcommand)]
enum PhoneCommand {
    /// List the phones that have messages
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Show a phone's messages, oldest first: <- arrived on the phone, -> written on it
    Show {
        /// The phone
        number: String,
        #[command(flatten)]
        json: Json,
    },
    /// Write an SMS on a phone, to the number that wrote to it last
    Reply {
        /// The phone
        number: String,
        /// The text
        #[arg(required = true)]
        text: Vec<String>,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &PhoneArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let control = config::load(path)?.control;
    let ask = |request| {
        let control = control.clone();
        async move {
            let answered = control::ask(&control, &request)
                .await
                .map_err(|error| Failure::unavailable(format!("{}: {error}", control.display())))?;
            // The phones live in the daemon.
            let none = || Failure::unavailable("no daemon is running: start sms-milter run first");
            answered.ok_or_else(none)?.map_err(Failure::from)
        }
    };
    match &args.command {
        PhoneCommand::List { json } => {
            let lines = ask(Request::Phones).await?;
            let columns = [
                ("number", "NUMBER"),
                ("messages", "MESSAGES"),
                ("last_at", "LAST"),
            ];
            print(out, *json, &lines, &columns)
        }
        PhoneCommand::Show { number, json } => {
            let lines = ask(Request::Phone {
                number: number.clone(),
            })
            .await?;
            for line in &lines {
                match json.json {
                    true => writeln!(out, "{line}")?,
                    false => {
                        let arrow = if line["direction"] == "in" {
                            "<-"
                        } else {
                            "->"
                        };
                        writeln!(out, "{arrow} {}", line["text"].as_str().unwrap_or_default())?;
                    }
                }
            }
            Ok(())
        }
        PhoneCommand::Reply { number, text } => {
            let text = text.join(" ");
            ask(Request::Reply {
                number: number.clone(),
                text,
            })
            .await
            .map(drop)
        }
    }
}
