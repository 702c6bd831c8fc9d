//! The options of `send` and `phone reply` for SMS that are no plain text: they become the names and
//! values of spec 2.1, which the daemon judges.

use std::io::Read;

use clap::Args;

use super::Failure;
use crate::sms::parameters::MAX_DATA;
use crate::wire::pdu::hex;

/// Data, and what the SMS says of itself.
#[derive(Debug, Args)]
pub struct SpecialArgs {
    /// 8-bit data in the place of a text: hex, or @FILE, or - for standard input
    #[arg(long, value_name = "HEX|@FILE|-", allow_hyphen_values = true)]
    binary: Option<String>,
    /// The user data header of the data, in hex, with or without its length octet
    #[arg(long, value_name = "HEX")]
    udh: Option<String>,
    /// The protocol identifier (TP-PID), as 65 or 0x41
    #[arg(long, value_name = "N")]
    pid: Option<String>,
    /// The data coding scheme (TP-DCS), as 4 or 0xF5
    #[arg(long, value_name = "N")]
    dcs: Option<String>,
}

impl SpecialArgs {
    /// The names and values that were given.
    pub fn wishes(&self) -> Vec<(String, String)> {
        let binary = self.binary.as_ref().map(|_| "hex".to_owned());
        let all = [
            ("binary", binary),
            ("udh", self.udh.clone()),
            ("pid", self.pid.clone()),
            ("dcs", self.dcs.clone()),
        ];
        pairs(all)
    }

    /// The data in hex.
    pub fn data(&self) -> Result<Option<String>, Failure> {
        match self.binary.as_deref() {
            None => Ok(None),
            Some("-") => octets("standard input", &mut std::io::stdin()).map(Some),
            Some(given) => match given.strip_prefix('@') {
                Some(path) => {
                    let file = std::fs::File::open(path).map_err(|error| Failure {
                        code: 66,
                        text: format!("{path}: {error}"),
                    });
                    octets(path, &mut file?).map(Some)
                }
                None => Ok(Some(given.to_owned())),
            },
        }
    }
}

/// Those of the values that are there.
pub fn pairs<const N: usize>(all: [(&str, Option<String>); N]) -> Vec<(String, String)> {
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn octets(from: &str, reader: &mut dyn Read) -> Result<String, Failure> {
    let mut octets = Vec::new();
    let read = reader.take(MAX_DATA as u64 + 1).read_to_end(&mut octets);
    read.map_err(|error| Failure {
        code: 66,
        text: format!("{from}: {error}"),
    })?;
    if octets.len() > MAX_DATA {
        let text = format!("{from}: longer than {MAX_DATA} octets, which is what 128 SMS hold");
        return Err(Failure::data(text));
    }
    Ok(hex(&octets))
}
