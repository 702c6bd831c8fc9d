//! `sms-milter modem test DEVICE`: asks a modem, step by step, and says in words what is wrong.
//!
//! It needs no configuration and no store, and sends nothing to anyone. A PIN is entered once, and only
//! when it is given and the SIM has all its tries left. The daemon must not have the port.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Failure;
use crate::gateway::drive::Line;
use crate::secret::Secret;
use crate::wire::at::codes::Code;
use crate::wire::at::reading::{self, Network};
use crate::wire::at::talk::{Answer, End};
use crate::wire::at::{Ask, Asker, Pin};
use crate::world::World;

/// A modem that is well answers within a second; some that start need several calls.
const TIMEOUT: Duration = Duration::from_secs(3);
const CALLS: usize = 5;

/// A SIM that was just opened is asked so often.
const SIM_TRIES: usize = 10;

/// Weaker than this (TS 27.007 §8.5), sending fails now and then.
const WEAK: u16 = 8;

/// `modem …`
#[derive(Debug, Args)]
pub struct ModemArgs {
    #[command(subcommand)]
    command: ModemCommand,
}

#[derive(Debug, Subcommand)]
enum ModemCommand {
    /// Check a modem step by step, and say what is wrong and what to do
    Test(TestArgs),
}

/// `modem test …`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// The serial port, such as /dev/serial/by-id/usb-…
    pub device: String,
    /// Bits a second
    #[arg(long, default_value_t = 115_200)]
    pub baud: u32,
    /// Opens the SIM, if it wants that; tried once. Others can see it in the list of processes
    #[arg(long, value_parser = secret)]
    pub pin: Option<Secret>,
}

fn secret(text: &str) -> Result<Secret, String> {
    let secret = Secret::from(text);
    match Pin::parse(&secret) {
        Some(_) => Ok(secret),
        None => Err("a PIN is 4 to 8 digits".to_owned()),
    }
}

/// Does it.
pub async fn run(args: &ModemArgs, out: &mut dyn Write) -> Result<(), Failure> {
    match &args.command {
        ModemCommand::Test(args) => match test(args, &World::real(), out).await? {
            true => Ok(()),
            false => Err(Failure::unavailable(
                "the modem cannot send and receive as it is",
            )),
        },
    }
}

/// What a step found.
enum Finding {
    Good(String),
    /// It works, but: why, and what to do.
    Poor(String, &'static str),
    /// It does not work: why, and what to do.
    Bad(String, &'static str),
}

use Finding::{Bad, Good, Poor};

/// Checks a modem; `true`: it can send and receive.
pub async fn test(args: &TestArgs, world: &World, out: &mut dyn Write) -> io::Result<bool> {
    let mut well = true;
    let mut show = |step: &str, finding: Finding| -> io::Result<bool> {
        let (mark, text, remedy) = match &finding {
            Good(text) => ("ok", text, None),
            Poor(text, remedy) => ("poor", text, Some(remedy)),
            Bad(text, remedy) => ("BAD", text, Some(remedy)),
        };
        writeln!(out, "{mark:<5} {step:<8} {text}")?;
        if let Some(remedy) = remedy {
            writeln!(out, "{:<14} {remedy}", "")?;
        }
        let passed = !matches!(finding, Bad(..));
        well &= passed;
        Ok(passed)
    };
    let stream = match world.dial.serial(&args.device, args.baud).await {
        Ok(stream) => stream,
        Err(error) => return show("port", unopened(&args.device, &error)).map(|_| false),
    };
    let mut modem = Asking(Line::new(Asker::new(TIMEOUT), stream, TIMEOUT));
    // Without these two, nothing else has an answer.
    if !show("answer", modem.attention(args.baud).await)? {
        return Ok(false);
    }
    show("model", modem.model().await)?;
    if !show("SIM", modem.sim(args.pin.as_ref()).await)? {
        return Ok(false);
    }
    show("PDU mode", modem.pdu_mode().await)?;
    show("SMSC", modem.centre().await)?;
    show("storage", modem.storage().await)?;
    show("notice", modem.notices().await)?;
    show("network", modem.network().await)?;
    show("signal", modem.signal().await)?;
    Ok(well)
}

fn unopened(device: &str, error: &io::Error) -> Finding {
    let text = error.to_string();
    let remedy = match error.kind() {
        ErrorKind::NotFound => {
            "is it plugged in? `ls /dev/serial/by-id/` shows the ports there are"
        }
        ErrorKind::PermissionDenied => {
            "run this as root, or as a user in the port's group (often dialout)"
        }
        _ if text.contains("lock") || text.contains("busy") => {
            "another program has it: stop sms-milter, ModemManager or gammu"
        }
        _ => "is this a serial port? `ls /dev/serial/by-id/` shows the ports there are",
    };
    Bad(format!("{device} cannot be opened: {text}"), remedy)
}

struct Asking(Line<Asker>);

impl Asking {
    /// `None`: the line is gone.
    async fn ask(&mut self, ask: Ask) -> Option<Answer> {
        self.0.command(ask);
        self.0.event().await.ok()
    }

    /// The lines of an answer that ended well.
    async fn lines(&mut self, ask: Ask) -> Option<Vec<String>> {
        let answer = self.ask(ask).await?;
        (answer.end == End::Ok).then_some(answer.lines)
    }

    async fn attention(&mut self, baud: u32) -> Finding {
        for _ in 0..CALLS {
            if self.lines(Ask::Attention).await.is_some() {
                self.ask(Ask::EchoOff).await;
                self.ask(Ask::NumericErrors).await;
                return Good(format!("it answers to AT at {baud} bit/s"));
            }
        }
        Bad(
            format!("no answer to AT at {baud} bit/s"),
            "try its other ports (many have three), another --baud, or pull its plug for a moment",
        )
    }

    async fn model(&mut self) -> Finding {
        let maker = self.lines(Ask::Maker).await.unwrap_or_default();
        let model = self.lines(Ask::Model).await.unwrap_or_default();
        match [maker, model].concat().join(" ") {
            name if name.is_empty() => Good("it does not say what it is".to_owned()),
            name => Good(name),
        }
    }

    async fn sim(&mut self, pin: Option<&Secret>) -> Finding {
        match self.sim_state().await {
            SimState::Ready => self.sim_id().await,
            SimState::Wants(code) if code == "SIM PIN" => self.open_sim(pin).await,
            SimState::Wants(code) => Bad(
                format!("the SIM wants {code}"),
                "put the SIM into a phone and unlock it there",
            ),
            SimState::Error(code) => Bad(
                format!("the SIM cannot be used: {code}"),
                "is a SIM in it, the right way round?",
            ),
            SimState::Silent => Bad(
                "the modem does not tell of its SIM".to_owned(),
                "is a SIM in it? Pull the plug for a moment",
            ),
        }
    }

    async fn open_sim(&mut self, pin: Option<&Secret>) -> Finding {
        let Some(pin) = pin.and_then(Pin::parse) else {
            return Bad(
                "the SIM wants its PIN".to_owned(),
                "give it with --pin, and in the configuration as `pin`",
            );
        };
        let answer = self.lines(Ask::PinTries).await.unwrap_or_default();
        if let Some(left @ 0..3) = reading::tries_left(&answer) {
            return Bad(
                format!("the SIM wants its PIN, and only {left} tries are left: not tried"),
                "unlock it in a phone; that gives it all its tries again",
            );
        }
        let refused =
            "find the right PIN before you try again: the SIM locks itself after three wrong ones";
        match self.ask(Ask::EnterPin(pin)).await.map(|answer| answer.end) {
            Some(End::Ok) => {}
            Some(End::Error(code)) => return Bad(format!("the PIN was refused: {code}"), refused),
            _ => return Bad("no answer to the PIN".to_owned(), refused),
        }
        for _ in 0..SIM_TRIES {
            if let SimState::Ready = self.sim_state().await {
                return self.sim_id().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Bad(
            "the SIM does not open after its PIN".to_owned(),
            "pull the plug for a moment and try again",
        )
    }

    async fn sim_state(&mut self) -> SimState {
        let Some(answer) = self.ask(Ask::PinState).await else {
            return SimState::Silent;
        };
        match (answer.end, reading::sim_state(&answer.lines)) {
            (_, Some("READY")) => SimState::Ready,
            (_, Some(code)) => SimState::Wants(code.to_owned()),
            (End::Error(Code::Cme(11) | Code::Cms(311)), _) => {
                SimState::Wants("SIM PIN".to_owned())
            }
            (End::Error(code), None) => SimState::Error(code),
            (End::Ok | End::Silent, None) => SimState::Silent,
        }
    }

    async fn sim_id(&mut self) -> Finding {
        for ask in [Ask::SimId, Ask::SimIdOther] {
            let lines = self.lines(ask).await.unwrap_or_default();
            if let Some(id) = reading::sim_id(&lines) {
                return Good(format!("open, number {id}"));
            }
        }
        Good("open; the modem does not tell its number".to_owned())
    }

    async fn pdu_mode(&mut self) -> Finding {
        let set = self.lines(Ask::PduMode).await.is_some();
        let lines = self.lines(Ask::IsPduMode).await.unwrap_or_default();
        match reading::first_number(&lines, "+CMGF:") {
            Some(0) | None if set => Good("works".to_owned()),
            _ => Bad(
                "the modem refuses PDU mode".to_owned(),
                "this modem cannot be used; is it a data-only stick?",
            ),
        }
    }

    async fn centre(&mut self) -> Finding {
        match self
            .lines(Ask::Centre)
            .await
            .as_deref()
            .map(reading::centre)
        {
            Some(Some("")) => Bad(
                "the SIM has no service centre".to_owned(),
                "ask your operator for its number and set `smsc`",
            ),
            Some(Some(number)) => Good(number.to_owned()),
            _ => Poor(
                "the modem does not tell its service centre".to_owned(),
                "if sending fails, set `smsc`",
            ),
        }
    }

    async fn storage(&mut self) -> Finding {
        match self
            .lines(Ask::Room)
            .await
            .as_deref()
            .and_then(reading::room)
        {
            Some((used, total)) if used >= total => Bad(
                format!("{used} of {total} places are used: nothing more can arrive"),
                "sms-milter empties it when it runs; drafts and copies must be deleted in a phone",
            ),
            Some((used, total)) => Good(format!("{used} of {total} places are used")),
            None => Poor(
                "the modem does not tell its storage".to_owned(),
                "set `storage` to SM or ME if nothing arrives",
            ),
        }
    }

    async fn notices(&mut self) -> Finding {
        for way in 0..Ask::NOTIFICATIONS {
            if self.lines(Ask::Notify(way)).await.is_some() {
                return Good("it tells of new SMS at once".to_owned());
            }
        }
        Poor(
            "it does not tell of new SMS".to_owned(),
            "they are found by polling, some seconds later",
        )
    }

    async fn network(&mut self) -> Finding {
        let lines = self.lines(Ask::Registration).await.unwrap_or_default();
        let circuit = reading::network(&lines, "+CREG:");
        let lines = self
            .lines(Ask::PacketRegistration)
            .await
            .unwrap_or_default();
        let packet = reading::network(&lines, "+CEREG:");
        match (circuit, packet) {
            (Some(Network::Registered), _) | (_, Some(Network::Registered)) => {
                Good("registered".to_owned())
            }
            (Some(Network::Denied), _) | (_, Some(Network::Denied)) => Bad(
                "the network denies the SIM".to_owned(),
                "is the SIM activated and paid, and allowed to roam?",
            ),
            (Some(Network::Off), _) => Bad(
                "the modem looks for no network".to_owned(),
                "flight mode? Add AT+CFUN=1 to `init`",
            ),
            _ => Bad(
                "no network".to_owned(),
                "check the antenna, and whether the operator still runs 2G or 3G here",
            ),
        }
    }

    async fn signal(&mut self) -> Finding {
        let lines = self.lines(Ask::Signal).await.unwrap_or_default();
        match reading::first_number(&lines, "+CSQ:").filter(|n| *n <= 31) {
            Some(n) if n < WEAK => Poor(format!("weak: {n} of 31"), "move the antenna"),
            Some(n) => Good(format!("{n} of 31")),
            None => Poor(
                "the modem does not tell".to_owned(),
                "check the antenna if sending fails",
            ),
        }
    }
}

enum SimState {
    Ready,
    Wants(String),
    Error(Code),
    Silent,
}
