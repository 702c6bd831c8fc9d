//! `sms-milter modem list|test|at|ussd`: look after modems, without a store and with no daemon at them.
//!
//! They decide nothing that the gateway decides: they ask, and say in words what was answered. None
//! opens a port that somebody has. A PIN is entered only when it is given and the SIM has all its
//! tries left, and never shown. Exit code 0: all is well; 1: it is not, and the output says why.

mod ask;
mod caution;
mod chat;
mod console;
mod list;
mod port;
mod terminal;
mod test;
mod unanswered;
mod ussd;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use self::port::Known;
use super::Failure;
use crate::secret::Secret;
use crate::wire::at::Pin;
use crate::world::World;

/// A file of a PIN holds it and a line end.
const MAX_PIN_FILE: u64 = 64;

/// `modem …`
#[derive(Debug, Args)]
pub struct ModemArgs {
    #[command(subcommand)]
    command: ModemCommand,
}

#[derive(Debug, Subcommand)]
enum ModemCommand {
    /// Find modems: every serial port, what is behind it, and how well it hears the network
    List(list::ListArgs),
    /// Check a modem step by step, and say what is wrong and what to do
    Test(test::TestArgs),
    /// Talk to a modem in AT commands
    At(terminal::AtArgs),
    /// Ask the network a USSD code, such as *100# for the balance
    Ussd(ussd::UssdArgs),
}

/// Which modem.
#[derive(Clone, Debug, Args)]
struct Device {
    /// The serial port, such as /dev/serial/by-id/usb-…
    device: String,
    /// Bits a second
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
}

/// The PIN of its SIM.
#[derive(Clone, Debug, Default, Args)]
struct PinArgs {
    /// A file with the SIM's PIN, which opens the SIM if it wants that; tried once
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// The PIN itself; others can see it in the list of processes
    #[arg(long, value_parser = secret, conflicts_with = "pin_file")]
    pin: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, String> {
    let secret = Secret::from(text);
    match Pin::parse(&secret) {
        Some(_) => Ok(secret),
        None => Err("a PIN is 4 to 8 digits".to_owned()),
    }
}

impl PinArgs {
    /// The PIN, if there is one.
    fn read(&self) -> Result<Option<Pin>, Failure> {
        let Some(path) = &self.pin_file else {
            return Ok(self.pin.as_ref().and_then(Pin::parse));
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_PIN_FILE).read_to_string(&mut text))
            .map_err(|error| Failure::usage(format!("--pin-file {}: {error}", path.display())))?;
        let pin = Pin::parse(&Secret::from(text));
        let none = format!(
            "--pin-file {} holds no PIN: write its 4 to 8 digits and nothing else",
            path.display()
        );
        pin.map(Some).ok_or_else(|| Failure::data(none))
    }
}

/// Does it. `config`: names gateways, when it can be read.
pub async fn run(
    config: &Path,
    args: &ModemArgs,
    world: &World,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let known = Known::load(config);
    match &args.command {
        ModemCommand::List(args) => list::list(args, &known, world, out).await,
        ModemCommand::Test(args) => match test::test(args, &known, world, out).await? {
            true => Ok(()),
            false => Err(not_well("the modem cannot send and receive as it is")),
        },
        ModemCommand::At(args) => terminal::at(args, &known, world, out).await,
        ModemCommand::Ussd(args) => ussd::ussd(args, &known, world, out).await,
    }
}

/// 1: the modem or the network said no.
fn not_well(text: impl Into<String>) -> Failure {
    let text = text.into();
    Failure { code: 1, text }
}
