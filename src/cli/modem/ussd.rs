//! `modem ussd DEVICE CODE`: asks the network, prints its answer as text.
//!
//! A menu goes on while somebody sits at the terminal; else its session is ended at once. An answer
//! comes from the network and is shown without what steers a terminal. Nothing is asked twice: another
//! way of writing a code is tried only after the modem refused one.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::timeout;

use super::ask::{Asking, Sim};
use super::port::{Known, Port};
use super::unanswered::instead;
use super::{Device, PinArgs, not_well};
use crate::cli::{Failure, Json};
use crate::sms::clean::clean;
use crate::wire::at::ussd::{self, Code, Form, Reply};
use crate::wire::at::{Ask, command::Characters};
use crate::world::World;

/// For the modem's own answers.
const TIMEOUT: Duration = Duration::from_secs(3);
const CALLS: usize = 5;

/// A menu deeper than this is none.
const MAX_ROUNDS: usize = 20;

/// `modem ussd …`
#[derive(Clone, Debug, Args)]
pub(super) struct UssdArgs {
    /// The modem
    #[command(flatten)]
    device: Device,
    /// What to ask, in quotes: '*100#'
    #[arg(value_parser = Code::parse)]
    code: Code,
    /// How many seconds the network may take, at most 90
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=90))]
    timeout: u64,
    /// The SIM's PIN
    #[command(flatten)]
    pin: PinArgs,
    /// For programs
    #[command(flatten)]
    json: Json,
}

/// Asks, and prints.
pub(super) async fn ussd(
    args: &UssdArgs,
    known: &Known,
    world: &World,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let pin = args.pin.read()?;
    let port = Port::named(&args.device.device);
    let baud = args.device.baud;
    let mut asking = Asking::open(world, &port, baud, known, TIMEOUT)
        .await
        .map_err(|why| not_well(format!("{}: {}", why.what(&port), why.remedy())))?;
    if let Err(heard) = asking.attention(CALLS).await {
        let (what, remedy) = instead(&heard).words(baud);
        return Err(not_well(format!("{what}: {remedy}")));
    }
    let state = asking.sim().await;
    if let Some((what, remedy)) = state.trouble() {
        return Err(not_well(format!("{what}: {remedy}")));
    }
    if state != Sim::Ready
        && let Err(shut) = asking.open_sim(pin.as_ref()).await
    {
        let (what, remedy) = shut.words();
        return Err(not_well(format!("{what}: {remedy}")));
    }
    let mut talk = Talk {
        forms: Code::forms(asking.model().await.as_deref()).to_vec(),
        asking,
        patience: Duration::from_secs(args.timeout),
    };
    talk.converse(args, out).await
}

struct Talk {
    asking: Asking,
    /// Those that may work; one, once one did.
    forms: Vec<Form>,
    patience: Duration,
}

impl Talk {
    async fn converse(&mut self, args: &UssdArgs, out: &mut dyn Write) -> Result<(), Failure> {
        let sits = io::stdin().is_terminal() && io::stdout().is_terminal() && !args.json.json;
        let mut code = args.code.clone();
        for _ in 0..MAX_ROUNDS {
            let (text, more) = match self.ask(&code).await {
                Reply::Text { text, more } => (text, more),
                Reply::Refused(why) => return Err(not_well(format!("no answer: {why}"))),
                Reply::Silent => return Err(not_well(self.silence(args))),
            };
            let text = clean(&text);
            match args.json.json {
                true => writeln!(
                    out,
                    "{}",
                    json!({"code": code.as_str(), "text": text, "more": more})
                )?,
                false => writeln!(out, "{text}")?,
            }
            out.flush()?;
            let next = if more && sits { reply(out)? } else { None };
            match next {
                Some(next) => code = next,
                None if more => {
                    self.asking.ask(Ask::UssdEnd).await;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
        self.asking.ask(Ask::UssdEnd).await;
        Ok(())
    }

    /// In the first form that the modem takes.
    async fn ask(&mut self, code: &Code) -> Reply {
        let forms = self.forms.clone();
        let mut last = Reply::Silent;
        for form in forms {
            let characters = match form {
                Form::Ucs2 => Characters::Ucs2,
                Form::Plain | Form::Packed => Characters::Gsm,
            };
            self.asking.ask(Ask::Characters(characters)).await;
            let asked = self.asking.ask(Ask::Ussd(code.clone(), form));
            let answer = match timeout(self.patience, asked).await {
                Ok(Some(answer)) => answer,
                Ok(None) => break,
                Err(_) => {
                    self.asking.ask(Ask::UssdEnd).await;
                    return Reply::Silent;
                }
            };
            last = ussd::reply(&answer, form);
            if !ussd::is_worth_another_form(&answer) {
                self.forms = vec![form];
                break;
            }
        }
        // The alphabet that the gateway finds there is the one it expects.
        if self.forms.len() != 1 || self.forms == [Form::Ucs2] {
            self.asking.ask(Ask::Characters(Characters::Gsm)).await;
        }
        last
    }

    fn silence(&self, args: &UssdArgs) -> String {
        match &self.asking.gone {
            Some(gone) => gone.clone(),
            None => format!(
                "no answer within {} s: is there a network (sms-milter modem test {}), and is the code one \
                 of your operator's?",
                args.timeout, args.device.device
            ),
        }
    }
}

/// What the person at the terminal answers; `None`: nothing more.
fn reply(out: &mut dyn Write) -> Result<Option<Code>, Failure> {
    loop {
        write!(out, "answer (nothing ends it): ")?;
        out.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        match Code::parse(&line) {
            _ if line.trim().is_empty() => return Ok(None),
            Ok(code) => return Ok(Some(code)),
            Err(why) => writeln!(out, "{why}")?,
        }
    }
}
