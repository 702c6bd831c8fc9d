//! `modem at DEVICE`: a small terminal for AT commands, that knows when not to.
//!
//! On a terminal: an editor with history, questions before what costs or destroys, what the modem says
//! by itself in between. From a pipe or the arguments: the answers and nothing else, and the first
//! error ends it with exit code 1. What carries a code is never remembered and never shown. Ctrl-Z goes
//! out only behind a whole PDU or a text that was asked for; whoever leaves in the middle of one gets
//! an ESC, so that nothing is sent.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep_until, timeout};

use super::caution::{Dialog, Judged, judge};
use super::chat::{Chat, Final, Heard, Say, final_result};
use super::console::{Console, Typed};
use super::port::{self, Known, Port};
use super::{Device, not_well};
use crate::cli::Failure;
use crate::gateway::drive::Line;
use crate::wire::at::Tpdu;
use crate::wire::at::codes::Code;
use crate::world::World;

/// Modems take 256 characters or more.
const MAX_LINE: usize = 400;

/// A text in one SMS of GSM's alphabet.
const MAX_TEXT: usize = 160;

/// The port takes no byte for so long: it is stuck.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls at the start, and how long each waits.
const CALLS: usize = 3;
const CALL: Duration = Duration::from_secs(1);

/// Late answers to what others asked pass before the first command.
const QUIET: Duration = Duration::from_millis(200);

/// After ESC the modem says so soon that it stopped, if it does.
const AFTER_ESCAPE: Duration = Duration::from_secs(5);

/// `.wait` at most.
const MAX_WAIT: u64 = 3600;

const HELP: &str = "\
Commands go to the modem as they are; they begin with AT.
  .wait SECONDS   wait, and show what the modem says by itself
  .help           this
  .quit           leave; also Ctrl-D
Ctrl-C stops a command that takes long (it sends ESC).
After AT+CMGS=LENGTH the next line is the PDU; sms-milter pdu encode makes one.";

/// `modem at …`
#[derive(Clone, Debug, Args)]
pub(super) struct AtArgs {
    /// The modem
    #[command(flatten)]
    device: Device,
    /// Do these commands and end; default: read them from the terminal or a pipe
    #[arg(value_name = "COMMAND")]
    commands: Vec<String>,
    /// Do what costs or destroys without a question
    #[arg(long, short)]
    yes: bool,
    /// From a pipe: go on after an error; the exit code is 1 all the same
    #[arg(long, short)]
    keep_going: bool,
    /// How many seconds an ordinary command may take
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// Talks.
pub(super) async fn at(
    args: &AtArgs,
    known: &Known,
    world: &World,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let port = Port::named(&args.device.device);
    let stream = port::open(world, &port, args.device.baud, known)
        .await
        .map_err(|why| not_well(format!("{}: {}", why.what(&port), why.remedy())))?;
    let console = match args.commands.is_empty() {
        true => Console::open(out)?,
        false => Console::script(&args.commands, out),
    };
    let mut session = Session {
        line: Line::new(Chat::default(), stream, WRITE_TIMEOUT),
        console,
        args,
        failed: false,
    };
    session.wake().await?;
    session.talk().await?;
    match session.failed && !session.console.interactive {
        true => Err(Failure {
            code: 1,
            text: String::new(),
        }),
        false => Ok(()),
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Good,
    Bad,
    /// Nothing came; or somebody did not want to wait.
    Open,
}

struct Session<'a> {
    line: Line<Chat>,
    console: Console<'a>,
    args: &'a AtArgs,
    failed: bool,
}

impl Session<'_> {
    /// Somebody is there, and is not in the middle of a text.
    async fn wake(&mut self) -> Result<(), Failure> {
        for _ in 0..CALLS {
            self.line.command(Say::Escape);
            self.say("AT", &Judged::default());
            if self.quietly(CALL).await?.1 == End::Good {
                let _ = self.quietly(QUIET).await?;
                if self.console.interactive {
                    self.console
                        .show(".help shows what else there is; .quit or Ctrl-D leaves")?;
                }
                return Ok(());
            }
        }
        Err(not_well(format!(
            "no answer to AT at {} bit/s; sms-milter modem test {} says more",
            self.args.device.baud, self.args.device.device
        )))
    }

    async fn talk(&mut self) -> Result<(), Failure> {
        loop {
            match self.typed("AT> ").await? {
                Typed::Line(line) => {
                    if line.trim() == ".quit" || line.trim() == ".exit" {
                        return Ok(());
                    }
                    let end = self.obey(line.trim()).await?;
                    let bad = end != End::Good;
                    self.failed |= bad;
                    if bad && !self.console.interactive && !self.args.keep_going {
                        return Ok(());
                    }
                }
                // Nothing is under way; if the modem is in a text without our knowing, it is not now.
                Typed::Interrupt if self.console.interactive => self.line.command(Say::Escape),
                Typed::Interrupt => {
                    self.failed = true;
                    return Ok(());
                }
                Typed::End => return Ok(()),
                Typed::Failed(why) => return Err(Failure::data(why)),
            }
        }
    }

    /// The next line; what the modem says meanwhile is shown.
    async fn typed(&mut self, prompt: &str) -> Result<Typed, Failure> {
        loop {
            tokio::select! {
                typed = self.console.line(prompt) => return Ok(typed),
                // On a terminal the editor sees it.
                _ = tokio::signal::ctrl_c(), if !self.console.interactive => return Ok(Typed::Interrupt),
                event = self.line.event() => {
                    if let Heard::Line(line) = event.map_err(|error| gone(&error))? {
                        self.console.show(&line)?;
                    }
                }
            }
        }
    }

    async fn obey(&mut self, line: &str) -> Result<End, Failure> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(End::Good);
        }
        if let Some(word) = line.strip_prefix('.') {
            return self.own(word).await;
        }
        let judged = judge(line);
        if let Some(why) = unfit(line).or(judged.refused) {
            return self.complain(why);
        }
        if !judged.secret {
            self.console.remember(line);
        }
        if !judged.risks.is_empty() && !self.args.yes && !self.consents(&judged).await? {
            return Ok(End::Bad);
        }
        self.say(line, &judged);
        self.answered(&judged).await
    }

    /// `.help` and the like.
    async fn own(&mut self, word: &str) -> Result<End, Failure> {
        let mut words = word.split_whitespace();
        match (words.next(), words.next().map(str::parse::<u64>)) {
            (Some("help" | "h" | "?"), _) => {
                self.console.show(HELP)?;
                Ok(End::Good)
            }
            (Some("wait"), Some(Ok(seconds))) if seconds <= MAX_WAIT => {
                self.listen(Duration::from_secs(seconds)).await?;
                Ok(End::Good)
            }
            (Some("wait"), _) => self.complain(".wait takes a number of seconds, at most 3600"),
            _ => self.complain("there is no such command; .help shows those there are"),
        }
    }

    async fn listen(&mut self, duration: Duration) -> Result<(), Failure> {
        let end = Instant::now() + duration;
        loop {
            tokio::select! {
                () = sleep_until(end) => return Ok(()),
                _ = tokio::signal::ctrl_c() => return Ok(()),
                event = self.line.event() => {
                    if let Heard::Line(line) = event.map_err(|error| gone(&error))? {
                        self.console.show(&line)?;
                    }
                }
            }
        }
    }

    fn complain(&mut self, why: &str) -> Result<End, Failure> {
        match self.console.interactive {
            true => self.console.show(why)?,
            false => eprintln!("sms-milter: {why}"),
        }
        Ok(End::Bad)
    }

    /// The person at the terminal wants it all the same.
    async fn consents(&mut self, judged: &Judged) -> Result<bool, Failure> {
        let risks = judged.risks.join("; ");
        if !self.console.interactive {
            let why = format!("not done: this {risks}; add --yes if that is meant");
            self.complain(&why)?;
            return Ok(false);
        }
        if judged.tries {
            self.show_tries().await?;
        }
        self.console.show(&format!("This {risks}."))?;
        match self.typed("Do it? [y/N] ").await? {
            Typed::Line(line) => {
                let word = line.trim().to_ascii_lowercase();
                Ok(word == "y" || word == "yes")
            }
            _ => Ok(false),
        }
    }

    /// How many tries the SIM has left; modems that do not tell are not asked again.
    async fn show_tries(&mut self) -> Result<(), Failure> {
        self.say("AT+CPINR", &Judged::default());
        let (lines, _) = self.quietly(CALL * 3).await?;
        let told = |line: &String| {
            let (code, rest) = line.strip_prefix("+CPINR:")?.split_once(',')?;
            let left: u8 = rest.split(',').next()?.trim().parse().ok()?;
            Some(format!("{} {left}", code.trim().trim_matches('"')))
        };
        let told: Vec<String> = lines.iter().filter_map(told).collect();
        let words = match told[..] {
            [] => "The modem does not tell how many tries are left.".to_owned(),
            _ => format!("Tries left: {}.", told.join(", ")),
        };
        Ok(self.console.show(&words)?)
    }

    fn say(&mut self, line: &str, judged: &Judged) {
        self.line.command(Say::Command {
            line: line.to_owned(),
            prompts: judged.dialog.is_some(),
            secret: judged.secret,
        });
    }

    /// Waits for an answer that is not shown; notifications among it are.
    async fn quietly(&mut self, patience: Duration) -> Result<(Vec<String>, End), Failure> {
        let end = Instant::now() + patience;
        let mut lines = Vec::new();
        loop {
            let event = tokio::select! {
                () = sleep_until(end) => return Ok((lines, End::Open)),
                event = self.line.event() => event.map_err(|error| gone(&error))?,
            };
            let Heard::Line(line) = event else { continue };
            match final_result(&line) {
                Some(Final::Good) => return Ok((lines, End::Good)),
                Some(Final::Bad) => return Ok((lines, End::Bad)),
                None => lines.push(line),
            }
        }
    }

    /// Shows an answer until it ends.
    async fn answered(&mut self, judged: &Judged) -> Result<End, Failure> {
        let patience = judged.patience.unwrap_or(Duration::ZERO);
        let patience = patience.max(Duration::from_secs(self.args.timeout));
        let mut deadline = Instant::now() + patience;
        let mut escaped = false;
        loop {
            let event = tokio::select! {
                event = self.line.event() => event.map_err(|error| gone(&error))?,
                () = sleep_until(deadline) => return self.give_up(judged, patience, escaped).await,
                _ = tokio::signal::ctrl_c() => {
                    self.line.command(Say::Escape);
                    if escaped || !self.console.interactive {
                        self.flush().await;
                        return self.complain("stopped; the modem may still be at it");
                    }
                    escaped = true;
                    deadline = Instant::now() + AFTER_ESCAPE;
                    continue;
                }
            };
            match (event, judged.dialog) {
                (Heard::Line(line), _) => {
                    self.console.show(&self.explained(&line))?;
                    match final_result(&line) {
                        Some(Final::Good) => return Ok(End::Good),
                        Some(Final::Bad) => return Ok(End::Bad),
                        None => {}
                    }
                }
                (Heard::Prompt, Some(dialog)) => {
                    if !self.fill(dialog).await? {
                        let _ = self.quietly(AFTER_ESCAPE).await?;
                        return self.complain("nothing was sent");
                    }
                    deadline = Instant::now() + patience;
                }
                (Heard::Prompt, None) => {}
            }
        }
    }

    /// Nobody answers. If the modem waits for a text after all, it is not to wait any longer.
    async fn give_up(
        &mut self,
        judged: &Judged,
        patience: Duration,
        escaped: bool,
    ) -> Result<End, Failure> {
        if judged.dialog.is_some() {
            self.line.command(Say::Escape);
            self.flush().await;
        }
        match escaped {
            true => self.complain("no answer to ESC; the modem may still be at it")?,
            false => self.complain(&format!("no answer within {} s", patience.as_secs()))?,
        };
        Ok(End::Open)
    }

    /// What a prompt asks for. `false`: it was left, and nothing is sent.
    async fn fill(&mut self, dialog: Dialog) -> Result<bool, Failure> {
        let prompt = match dialog {
            Dialog::Pdu(_) => "PDU> ",
            Dialog::Text => "text> ",
        };
        let Typed::Line(line) = self.typed(prompt).await? else {
            self.line.command(Say::Escape);
            return Ok(false);
        };
        match text_of(dialog, line.trim()) {
            Ok(text) => {
                self.line.command(Say::Text(text));
                Ok(true)
            }
            Err(why) => {
                self.line.command(Say::Escape);
                self.complain(&why)?;
                Ok(false)
            }
        }
    }

    /// Writes what is still to be written.
    async fn flush(&mut self) {
        let _ = timeout(QUIET, async { while self.line.event().await.is_ok() {} }).await;
    }

    /// An error's number in words, for people.
    fn explained(&self, line: &str) -> String {
        let number = |prefix: &str| line.strip_prefix(prefix)?.trim().parse::<u16>().ok();
        let code = match (number("+CMS ERROR:"), number("+CME ERROR:")) {
            (Some(n), _) => Code::Cms(n),
            (_, Some(n)) => Code::Cme(n),
            _ => return line.to_owned(),
        };
        let words = code.to_string();
        match words.split_once(" (") {
            Some((_, meaning)) if self.console.interactive => {
                format!("{line}  ({meaning}")
            }
            _ => line.to_owned(),
        }
    }
}

fn gone(error: &crate::gateway::drive::LineError) -> Failure {
    not_well(format!("the modem is gone: {error}"))
}

/// Why a line is not written at all.
fn unfit(line: &str) -> Option<&'static str> {
    let starts = line
        .get(..2)
        .is_some_and(|head| head.eq_ignore_ascii_case("AT"));
    if !line.bytes().all(|b| matches!(b, b' '..=b'~')) {
        Some("a command is printable ASCII")
    } else if line.len() > MAX_LINE {
        Some("a command has at most 400 characters")
    } else if !starts && !line.eq_ignore_ascii_case("A/") {
        Some("a command begins with AT; .help shows what else there is")
    } else {
        None
    }
}

/// What may be written behind a prompt.
fn text_of(dialog: Dialog, line: &str) -> Result<String, String> {
    match dialog {
        Dialog::Pdu(length) => match Tpdu::new(line, length) {
            Some(tpdu) => Ok(tpdu.hex().to_owned()),
            None => Err(format!(
                "that is not a whole PDU of {length} octets behind its service centre's address; \
                 sms-milter pdu encode tells both"
            )),
        },
        Dialog::Text if line.is_empty() => Err("an empty text".to_owned()),
        Dialog::Text
            if line.len() > MAX_TEXT || !line.bytes().all(|b| matches!(b, b' '..=b'~')) =>
        {
            Err(format!(
                "a text here is at most {MAX_TEXT} characters of ASCII; for others use sms-milter pdu encode"
            ))
        }
        Dialog::Text => Ok(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_only_whole_pdus_behind_a_prompt() {
        let pdu = "0001000B915155214365F700000441E19058";
        let length = pdu.len() / 2 - 1;
        for (dialog, line, good) in [
            (Dialog::Pdu(length), pdu, true),
            (Dialog::Pdu(length - 1), pdu, false),
            (Dialog::Pdu(length), &pdu[..30], false),
            (Dialog::Pdu(length), "", false),
            (Dialog::Pdu(length), "AT+CSQ", false),
            (Dialog::Text, "hello", true),
            (Dialog::Text, "", false),
            (Dialog::Text, "h\u{1a}llo", false),
            (Dialog::Text, "größe", false),
        ] {
            assert_eq!(text_of(dialog, line).is_ok(), good, "{line}");
        }
    }

    #[test]
    fn writes_only_commands() {
        for (line, good) in [
            ("AT", true),
            ("at+csq", true),
            ("A/", true),
            ("hello", false),
            ("ATé", false),
            ("AT\u{1a}", false),
            ("", false),
        ] {
            assert_eq!(unfit(line).is_none(), good, "{line:?}");
        }
        assert!(unfit(&format!("AT{}", "x".repeat(MAX_LINE))).is_some());
    }
}
