//! `sms-milter send NUMBER TEXT…`: an SMS through the running daemon, or into the store when none runs.

use std::io::{Read, Write};
use std::path::Path;

use clap::Args;

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// No text of 128 segments is longer.
const MAX_TEXT: u64 = 64 * 1024;

/// `send …`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// As people write it: +15551234567, (555) 123-4567
    number: String,
    /// The text; none, or -: read it from standard input
    text: Vec<String>,
    /// Who sends, and pays; default: mail.admin of the configuration
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    #[command(flatten)]
    json: Json,
}

/// Does it.
pub async fn run(path: &Path, args: &SendArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let mut text = args.text.join(" ");
    if text.is_empty() || text == "-" {
        text.clear();
        std::io::stdin().take(MAX_TEXT).read_to_string(&mut text)?;
    }
    let account = args.from.clone().unwrap_or_else(|| settings.admin.clone());
    let request = Request::Send {
        number: args.number.clone(),
        text,
        account,
    };
    let lines = ask(settings, request).await?;
    print(
        out,
        args.json,
        &lines,
        &[
            ("id", "ID"),
            ("number", "NUMBER"),
            ("segments_total", "SEGMENTS"),
        ],
    )
}
