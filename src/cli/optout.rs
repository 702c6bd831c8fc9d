//! `sms-milter optout list|add|remove`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// `optout …`
#[derive(Debug, Args)]
pub struct OptOutArgs {
    #[command(subcommand)]
    command: OptOutCommand,
}

#[derive(Debug, Subcommand)]
enum OptOutCommand {
    /// List the phones that want no SMS
    List {
        #[command(flatten)]
        json: Json,
    },
    /// Put a phone on the list: nothing is sent to it any more, and what waits is not sent
    Add {
        /// As +15551234567, or as the first domain's region writes it
        number: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Take a phone off the list: only when its owner has asked for that
    Remove {
        /// As optout list prints it
        number: String,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &OptOutArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    match &args.command {
        OptOutCommand::List { json } => {
            let lines = ask(settings, Request::OptOuts).await?;
            let columns = [
                ("number", "NUMBER"),
                ("since", "SINCE"),
                ("by", "BY"),
                ("word", "WORD"),
                ("gateway", "GATEWAY"),
                ("ours", "TO"),
                ("note", "NOTE"),
            ];
            print(out, *json, &lines, &columns)
        }
        OptOutCommand::Add { number, note } => {
            let (number, note) = (number.clone(), note.clone());
            let request = Request::OptOut { number, note };
            ask(settings, request).await.map(drop)
        }
        OptOutCommand::Remove { number } => {
            let number = number.clone();
            ask(settings, Request::OptIn { number }).await.map(drop)
        }
    }
}
