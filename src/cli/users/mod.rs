//! `sms-milter users list|show|reset|import|hash`.

mod hash;
mod import;
mod list;
mod reset;
mod show;

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
    /// Show what every user and every other account has sent
    List(list::ListArgs),
    /// Show one user, and where the entry comes from
    Show(show::ShowArgs),
    /// Set back what an account, or the whole site, has used
    Reset(reset::ResetArgs),
    /// Take users from a CSV file into the table of users_csv
    ///
    /// Users are told apart by email: new ones are added, of others the columns that the file has are replaced, also
    /// with nothing where a cell is empty. Nobody is removed: write false in a column "active", or edit the table.
    /// The table is made if there is none; a running daemon takes it over.
    Import(import::ImportArgs),
    /// Make a password_hash of a password
    Hash,
}

/// Does it.
pub async fn run(path: &Path, args: &UsersArgs, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        UsersCommand::List(args) => list::run(path, args, out).await,
        UsersCommand::Show(args) => show::run(path, args, out).await,
        UsersCommand::Reset(args) => reset::run(path, args).await,
        UsersCommand::Import(args) => import::run(path, args, out).await,
        UsersCommand::Hash => hash::run(&World::real(), out),
    }
}
