//! `sms-milter users import|hash`.

mod hash;
mod import;

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::Failure;
use crate::world::World;

/// `users …`
#[derive(Debug, Args)]
pub struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Take users from a CSV file into the table of users_csv
    Import(import::ImportArgs),
    /// Make a password_hash of a password
    Hash,
}

/// Does it.
pub async fn run(path: &Path, args: &UsersArgs, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        UsersCommand::Import(args) => import::run(path, args, out).await,
        UsersCommand::Hash => hash::run(&World::real(), out),
    }
}
