//! `sms-milter pdu encode` and `pdu decode`: SMS PDUs, for the curious and for support.
//!
//! Needs no configuration, no store, no modem and no clock. `encode` prints a line for each segment,
//! hex and the length that AT+CMGS wants; `decode` takes such lines back. With `--json`, an object a
//! line (spec 14). A PDU that cannot be read does not keep the others from being printed.

mod decode;
mod encode;

use std::io::{self, BufRead, Write};

use clap::Subcommand;
use serde::Serialize;

use crate::sms::segment::CutError;
use crate::wire::pdu::{DecodeError, EncodeError};

/// What `sms-milter pdu` was asked to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print an SMS-SUBMIT for each segment of a text, or of octets, with its AT+CMGS length
    Encode(Box<encode::EncodeArgs>),
    /// Say all that is in SMS-SUBMIT, SMS-DELIVER and SMS-STATUS-REPORT PDUs
    Decode(DecodeArgs),
}

#[derive(Debug, clap::Args)]
struct DecodeArgs {
    /// Print an object a line
    #[arg(long)]
    json: bool,
    /// PDUs with the service centre's address, as AT+CMGL shows them; - or none reads lines
    hex: Vec<String>,
}

/// Why it was not done, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum PduError {
    /// The text takes too many segments.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// What was asked for does not fit a PDU.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Some PDUs cannot be read; the others were printed.
    #[error("{}", .0.iter().map(|(n, e)| format!("PDU {n}: {e}")).collect::<Vec<_>>().join("\n"))]
    Decode(Vec<(usize, DecodeError)>),
    /// Neither a receiver nor a sender with a time.
    #[error("give --to a number, or --from a sender and --at a time")]
    Nobody,
    /// Standard input or output.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Does what the arguments say.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), PduError> {
    match &args.command {
        Command::Encode(args) => encode::encode(args, out),
        Command::Decode(args) if args.hex.is_empty() || args.hex == ["-"] => {
            decode::decode(io::stdin().lock().lines(), args.json, out)
        }
        Command::Decode(args) => decode::decode(args.hex.iter().cloned().map(Ok), args.json, out),
    }
}

/// Units of a duration as the configuration writes them, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("w", 604_800),
    ("d", 86_400),
    ("h", 3600),
    ("m", 60),
    ("s", 1),
];

fn json(line: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    pub struct Cli {
        #[command(flatten)]
        args: Args,
    }

    pub fn parsed(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["pdu"].iter().chain(words))
    }

    pub fn ran(words: &[&str]) -> (String, Result<(), PduError>) {
        let cli = parsed(words).unwrap();
        let mut out = Vec::new();
        let result = run(&cli.args, &mut out);
        (String::from_utf8(out).unwrap(), result)
    }

    #[track_caller]
    pub fn check(words: &[&str], wanted: &str) {
        let (out, result) = ran(words);
        result.unwrap();
        assert_eq!(out, wanted);
    }

    #[track_caller]
    pub fn refused(words: &[&str]) {
        assert!(ran(words).1.is_err(), "{words:?}");
    }
}
