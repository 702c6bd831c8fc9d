//! `sms-milter users list`: who has sent how much, and what is left.

use std::io::Write;
use std::path::Path;

use clap::Args;

use crate::cli::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// `users list …`
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    json: Json,
}

/// Does it.
pub async fn run(path: &Path, args: &ListArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let lines = ask(config::load(path)?, Request::Users).await?;
    print(
        out,
        args.json,
        &lines,
        &[
            ("account", "ACCOUNT"),
            ("state", "STATE"),
            ("sent_month", "THIS MONTH"),
            ("sent_last_month", "LAST MONTH"),
            ("monthly_limit", "LIMIT"),
            ("credit_left", "CREDIT LEFT"),
            ("last_sent", "LAST SENT"),
        ],
    )
}
