//! `sms-milter phone list|show|reply`: the phones of the simulated network, in the running daemon.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::special::SpecialArgs;
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
        #[arg(required_unless_present = "binary")]
        text: Vec<String>,
        #[command(flatten)]
        special: SpecialArgs,
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
                        writeln!(out, "{arrow} {}", words(line))?;
                    }
                }
            }
            Ok(())
        }
        PhoneCommand::Reply {
            number,
            text,
            special,
        } => {
            let text = match special.data()? {
                Some(_) if !text.is_empty() => {
                    let text =
                        "--binary and a text: an SMS is one or the other; leave the text out";
                    return Err(Failure::usage(text));
                }
                Some(data) => data,
                None => text.join(" "),
            };
            ask(Request::Reply {
                number: number.clone(),
                text,
                wishes: special.wishes(),
            })
            .await
            .map(drop)
        }
    }
}

/// The text, data in hex, and in brackets what there is to say of it.
fn words(line: &Value) -> String {
    let said = line["data"].as_str().or(line["text"].as_str());
    let mut words = said.unwrap_or_default().to_owned();
    for sentence in line["meaning"].as_array().into_iter().flatten() {
        words += &format!(" [{}]", sentence.as_str().unwrap_or_default());
    }
    words
}
