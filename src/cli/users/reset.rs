//! `sms-milter users reset`: begins to count anew.

use std::path::Path;

use clap::Args;

use crate::cli::{Failure, ask};
use crate::config;
use crate::control::Request;

/// `users reset …`
#[derive(Debug, Args)]
#[command(
    override_usage = "sms-milter users reset [--month | --credit <N>] <NAME>\n       sms-milter users reset --site"
)]
pub struct ResetArgs {
    /// The address or login
    #[arg(required_unless_present = "site")]
    name: Option<String>,
    /// Nothing is used of this month, nor of limits.per_user_hour (the default)
    #[arg(long, conflicts_with = "credit")]
    month: bool,
    /// N segments of its credit are left
    #[arg(long, value_name = "N")]
    credit: Option<u32>,
    /// Nothing is used of limits.site_day
    #[arg(long, conflicts_with_all = ["name", "month", "credit"])]
    site: bool,
}

/// Does it.
pub async fn run(path: &Path, args: &ResetArgs) -> Result<(), Failure> {
    let request = match &args.name {
        Some(name) => Request::ResetUser {
            name: name.clone(),
            credit: args.credit,
        },
        None => Request::ResetSite,
    };
    ask(config::load(path)?, request).await.map(drop)
}
