//! `sms-milter token create|list|revoke`.

use std::io::Write;
use std::path::Path;

use clap::{Args, Subcommand};

use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// `token …`
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, and show it once
    Create {
        /// Who pays: a user's address or login
        #[arg(long, value_name = "USER")]
        user: String,
        /// A number it pays for, and no other (repeatable)
        #[arg(long, value_name = "NUMBER", required = true)]
        to: Vec<String>,
        /// When it ends: 30d, 12h, or a last day as 2027-12-31
        #[arg(long, value_name = "TIME")]
        expires: String,
        /// It brings N messages and no more
        #[arg(long, value_name = "N")]
        uses: Option<u32>,
        #[command(flatten)]
        json: Json,
    },
    /// List the tokens, oldest first
    List {
        #[command(flatten)]
        json: Json,
    },
    /// End a token now
    Revoke {
        /// As token list prints it
        id: String,
    },
}

/// Does it.
pub async fn run(path: &Path, args: &TokenArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(path)?;
    match &args.command {
        TokenCommand::Create {
            user,
            to,
            expires,
            uses,
            json,
        } => {
            let request = Request::CreateToken {
                user: user.clone(),
                to: to.clone(),
                expires: expires.clone(),
                uses: *uses,
            };
            for line in ask(settings, request).await? {
                if json.json {
                    writeln!(out, "{line}")?;
                    continue;
                }
                let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                writeln!(out, "token:    {}", text("token"))?;
                writeln!(out, "id:       {}", text("id"))?;
                writeln!(out, "expires:  {}", text("expires"))?;
                writeln!(out, "write to: {}", text("address"))?;
                writeln!(out, "It is shown this once: only its digest is kept.")?;
            }
            Ok(())
        }
        TokenCommand::List { json } => {
            let mut lines = ask(settings, Request::Tokens).await?;
            if !json.json {
                for line in &mut lines {
                    let numbers = line["numbers"].as_array().into_iter().flatten();
                    let numbers: Vec<_> = numbers.filter_map(|n| n.as_str()).collect();
                    line["numbers"] = numbers.join(" ").into();
                }
            }
            print(
                out,
                *json,
                &lines,
                &[
                    ("id", "ID"),
                    ("user", "USER"),
                    ("numbers", "NUMBERS"),
                    ("expires", "EXPIRES"),
                    ("used", "USED"),
                    ("uses", "OF"),
                    ("good", "GOOD"),
                ],
            )
        }
        TokenCommand::Revoke { id } => ask(settings, Request::RevokeToken { id: id.clone() })
            .await
            .map(drop),
    }
}
