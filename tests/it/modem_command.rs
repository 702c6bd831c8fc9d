//! `sms-milter modem list|test|at|ussd` against simulated modems, and against what is none.

mod gadget;
mod list;
mod prompt;
mod script;
mod test;
mod ussd;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use clap::Parser;
use sms_milter::cli::{self, Cli, Failure};
use sms_milter::world::World;

use crate::sim::modem::{Options, SimModem};
use crate::sim::patience::PATIENCE;

/// Answers that the simulated modem does not have of itself.
const MORE: [(&str, &str); 8] = [
    ("AT+CGMI", "Simulated\nOK"),
    ("AT+CGMR", "11.117\nOK"),
    ("AT+CGSN", "356938035643809\nOK"),
    ("AT+COPS=3,0", "OK"),
    ("AT+COPS?", "+COPS: 0,0,\"Example Net\"\nOK"),
    ("AT+CMMS=2", "OK"),
    ("AT+CSCS=\"GSM\"", "OK"),
    ("AT+CNUM", "+CNUM: ,\"+15550002222\",145\nOK"),
];

/// Commands and what is said to them.
type Answers = &'static [(&'static str, &'static str)];

/// A modem with [`MORE`], and with these answers before those.
fn options(answers: Answers) -> Options {
    let answers = answers.iter().chain(&MORE).copied().collect();
    Options {
        answers,
        ..Options::default()
    }
}

fn path_of(sim: &SimModem) -> String {
    sim.path().to_string_lossy().into_owned()
}

/// Runs a command in this process; its output, and its failure.
async fn run_with(world: &World, args: &[&str]) -> (String, Result<(), Failure>) {
    let args = ["sms-milter", "modem"].iter().chain(args);
    let cli = Cli::try_parse_from(args).expect("arguments");
    let cli::Command::Modem(args) = cli.command else {
        panic!("not of modems");
    };
    let mut out = Vec::new();
    let done = cli::modem::run(Path::new("/nonexistent"), &args, world, &mut out).await;
    (String::from_utf8(out).expect("UTF-8"), done)
}

async fn run(args: &[&str]) -> (String, Result<(), Failure>) {
    run_with(&World::real(), args).await
}

/// The binary, with that on its standard input.
fn binary(args: &[&str], input: &str) -> Output {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_sms-milter"))
        .arg("modem")
        .args(args)
        .args(["--config", "/nonexistent"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin");
    // It may have ended before it read all.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("its end")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
