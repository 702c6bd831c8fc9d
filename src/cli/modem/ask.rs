//! One question after another, each with its answer: what `list`, `test` and `ussd` have in common.
//!
//! What came in while a question was open is kept beside the answer, at most [`MAX_HEARD`] octets: a
//! port that does not answer is known by what it says instead. The PIN is entered at most once.

use std::time::{Duration, Instant};

use super::port::{self, Known, Port, Unopened};
use crate::gateway::drive::Line;
use crate::wire::Core;
use crate::wire::at::codes::Code;
use crate::wire::at::reading;
use crate::wire::at::talk::{Answer, End};
use crate::wire::at::{Ask, Asker, Pin};
use crate::world::World;

/// Some lines, of whatever it is.
const MAX_HEARD: usize = 2048;

/// A SIM that was just opened is asked so often, so soon.
const SIM_TRIES: usize = 40;
const SIM_AGAIN: Duration = Duration::from_millis(500);

/// An [`Asker`] that keeps what it heard.
struct Ear {
    asker: Asker,
    heard: Vec<u8>,
}

impl Core for Ear {
    type Command = Ask;
    type Event = (Answer, Vec<u8>);

    fn handle_input(&mut self, bytes: &[u8], now: Instant) {
        let room = MAX_HEARD.saturating_sub(self.heard.len());
        self.heard.extend(bytes.iter().take(room));
        self.asker.handle_input(bytes, now);
    }

    fn handle_command(&mut self, ask: Ask, now: Instant) {
        self.heard.clear();
        self.asker.handle_command(ask, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.asker.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.asker.poll_transmit()
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        let answer = self.asker.poll_event()?;
        Some((answer, std::mem::take(&mut self.heard)))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.asker.poll_timeout()
    }
}

/// A modem that is asked.
pub(super) struct Asking {
    line: Line<Ear>,
    /// Why the line is over, if it is.
    pub(super) gone: Option<String>,
}

/// What the SIM says of itself.
#[derive(Debug, PartialEq)]
pub(super) enum Sim {
    /// Open.
    Ready,
    /// `SIM PIN`, `SIM PUK`, …
    Wants(String),
    /// It cannot be used.
    Error(Code),
    /// Nothing.
    Silent,
}

/// Why a SIM was not opened.
#[derive(Debug, PartialEq)]
pub(super) enum Shut {
    /// It wants a PIN, and none is given.
    NoPin,
    /// So many tries are left: too few to use one.
    FewTries(u8),
    /// The PIN is wrong.
    Wrong(Code),
    /// Nobody knows.
    Silent,
    /// The PIN was right, but the SIM does not get ready.
    Slow,
}

impl Asking {
    /// Opens the port. `timeout`: for an ordinary answer.
    pub(super) async fn open(
        world: &World,
        port: &Port,
        baud: u32,
        known: &Known,
        timeout: Duration,
    ) -> Result<Self, Unopened> {
        let stream = port::open(world, port, baud, known).await?;
        let ear = Ear {
            asker: Asker::new(timeout),
            heard: Vec::new(),
        };
        Ok(Self {
            line: Line::new(ear, stream, timeout),
            gone: None,
        })
    }

    /// The answer, and what came in with it. `None`: the line is gone.
    pub(super) async fn hear(&mut self, ask: Ask) -> Option<(Answer, Vec<u8>)> {
        if self.gone.is_some() {
            return None;
        }
        self.line.command(ask);
        match self.line.event().await {
            Ok(event) => Some(event),
            Err(error) => {
                self.gone = Some(error.to_string());
                None
            }
        }
    }

    /// The answer.
    pub(super) async fn ask(&mut self, ask: Ask) -> Option<Answer> {
        self.hear(ask).await.map(|(answer, _)| answer)
    }

    /// The lines of an answer that ended well.
    pub(super) async fn lines(&mut self, ask: Ask) -> Option<Vec<String>> {
        let answer = self.ask(ask).await?;
        (answer.end == End::Ok).then_some(answer.lines)
    }

    /// The same; none of another answer.
    pub(super) async fn any(&mut self, ask: Ask) -> Vec<String> {
        self.lines(ask).await.unwrap_or_default()
    }

    /// Calls until somebody answers; what was heard instead, if nobody does.
    pub(super) async fn attention(&mut self, calls: usize) -> Result<(), Vec<u8>> {
        let mut all = Vec::new();
        for _ in 0..calls {
            match self.hear(Ask::Attention).await {
                Some((answer, _)) if answer.end == End::Ok => {
                    self.ask(Ask::EchoOff).await;
                    self.ask(Ask::NumericErrors).await;
                    return Ok(());
                }
                Some((_, heard)) => all.extend(heard),
                None => break,
            }
        }
        Err(all)
    }

    /// Maker and model.
    pub(super) async fn model(&mut self) -> Option<String> {
        let maker = reading::name(&self.any(Ask::Maker).await);
        let model = reading::name(&self.any(Ask::Model).await);
        match (maker, model) {
            // Some say the maker in the model, too.
            (Some(maker), Some(model)) if !begins_so(&model, &maker) => {
                Some(format!("{maker} {model}"))
            }
            (maker, model) => model.or(maker),
        }
    }

    /// The SIM's number.
    pub(super) async fn sim_id(&mut self) -> Option<String> {
        for ask in Ask::SIM_ID {
            if let Some(id) = reading::sim_id(&self.any(ask).await) {
                return Some(id);
            }
        }
        None
    }

    /// The operator's name.
    pub(super) async fn operator(&mut self) -> Option<String> {
        self.ask(Ask::OperatorNames).await;
        reading::operator(&self.any(Ask::Operator).await)
    }

    /// Is the SIM open?
    pub(super) async fn sim(&mut self) -> Sim {
        let Some(answer) = self.ask(Ask::PinState).await else {
            return Sim::Silent;
        };
        match (answer.end, reading::sim_state(&answer.lines)) {
            (_, Some("READY")) => Sim::Ready,
            (_, Some(code)) => Sim::Wants(code.to_owned()),
            (End::Error(Code::Cme(11) | Code::Cms(311)), _) => Sim::Wants("SIM PIN".to_owned()),
            (End::Error(Code::Cme(12) | Code::Cms(316)), _) => Sim::Wants("SIM PUK".to_owned()),
            (End::Error(code), None) => Sim::Error(code),
            (End::Ok | End::Silent, None) => Sim::Silent,
        }
    }

    /// Opens a SIM that wants its PIN.
    pub(super) async fn open_sim(&mut self, pin: Option<&Pin>) -> Result<(), Shut> {
        let pin = pin.ok_or(Shut::NoPin)?;
        let answer = self.any(Ask::PinTries).await;
        if let Some(left @ 0..3) = reading::tries_left(&answer) {
            return Err(Shut::FewTries(left));
        }
        match self.ask(Ask::EnterPin(pin.clone())).await.map(|a| a.end) {
            Some(End::Ok) => {}
            Some(End::Error(code)) => return Err(Shut::Wrong(code)),
            Some(End::Silent) | None => return Err(Shut::Silent),
        }
        for _ in 0..SIM_TRIES {
            match self.sim().await {
                Sim::Ready => return Ok(()),
                Sim::Silent if self.gone.is_some() => return Err(Shut::Silent),
                _ => tokio::time::sleep(SIM_AGAIN).await,
            }
        }
        Err(Shut::Slow)
    }
}

fn begins_so(model: &str, maker: &str) -> bool {
    let head = model.get(..maker.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(maker))
}

impl Sim {
    /// What is wrong, and what to do; `None`: nothing, or it wants only its PIN.
    pub(super) fn trouble(&self) -> Option<(String, &'static str)> {
        let (what, remedy) = match self {
            Self::Ready => return None,
            Self::Wants(code) => match code.as_str() {
                "SIM PIN" => return None,
                "SIM PUK" => (
                    "the SIM wants its PUK: a wrong PIN was entered three times".to_owned(),
                    "put the SIM into a phone and enter the PUK there (the operator has it); ten wrong ones \
                     end the SIM",
                ),
                "PH-SIM PIN" => (
                    "the modem wants the SIM it is locked to".to_owned(),
                    "put that SIM in, or have the modem unlocked",
                ),
                code if code.starts_with("PH-") => (
                    format!("the modem is locked to another operator's SIMs ({code})"),
                    "use a SIM of that operator, or have the modem unlocked",
                ),
                code => (
                    format!("the SIM wants {code}"),
                    "put the SIM into a phone and unlock it there",
                ),
            },
            Self::Error(Code::Cme(10) | Code::Cms(310)) => (
                "there is no SIM".to_owned(),
                "put one in, the right way round and until it clicks; then pull the modem's plug for a \
                 moment",
            ),
            Self::Error(code @ (Code::Cme(13 | 15) | Code::Cms(313 | 315))) => (
                format!("the SIM cannot be read: {code}"),
                "clean its contacts, and try it in a phone",
            ),
            Self::Error(code @ (Code::Cme(14) | Code::Cms(314 | 515))) => (
                format!("the SIM is still starting: {code}"),
                "try again in half a minute",
            ),
            Self::Error(code) => (
                format!("the SIM cannot be used: {code}"),
                "is a SIM in it, the right way round?",
            ),
            Self::Silent => (
                "the modem does not tell of its SIM".to_owned(),
                "is a SIM in it? Pull the plug for a moment",
            ),
        };
        Some((what, remedy))
    }
}

impl Shut {
    /// What is wrong, and what to do.
    pub(super) fn words(&self) -> (String, &'static str) {
        let careful =
            "find the right PIN before you try again: the SIM locks itself after three wrong ones";
        match self {
            Self::NoPin => (
                "the SIM wants its PIN".to_owned(),
                "give it with --pin-file, and in the configuration as `pin`",
            ),
            Self::FewTries(left) => (
                format!("the SIM wants its PIN, and only {left} tries are left: not tried"),
                "unlock it in a phone; that gives it all its tries again",
            ),
            Self::Wrong(code) => (format!("the PIN is wrong: {code}"), careful),
            Self::Silent => ("no answer to the PIN".to_owned(), careful),
            Self::Slow => (
                "the SIM does not open after its PIN".to_owned(),
                "pull the plug for a moment and try again",
            ),
        }
    }
}

/// A signal in words and bars (TS 27.007 §8.5: 0 is -113 dBm, 31 is -51 dBm or more).
pub(super) fn bars(signal: u8) -> (&'static str, &'static str) {
    match signal {
        0..=1 => ("none", "____"),
        2..=7 => ("weak", "▂___"),
        8..=14 => ("fair", "▂▄__"),
        15..=19 => ("good", "▂▄▆_"),
        _ => ("excellent", "▂▄▆█"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_sim_lacks() {
        let wants = |code: &str| Sim::Wants(code.to_owned());
        for (sim, expected) in [
            (wants("SIM PUK"), "wants its PUK"),
            (wants("PH-NET PIN"), "locked to another operator"),
            (wants("PH-SIM PIN"), "the SIM it is locked to"),
            (wants("SIM PIN2"), "wants SIM PIN2"),
            (Sim::Error(Code::Cme(10)), "there is no SIM"),
            (Sim::Error(Code::Cms(310)), "there is no SIM"),
            (Sim::Error(Code::Cme(13)), "cannot be read"),
            (Sim::Error(Code::Cme(14)), "still starting"),
            (Sim::Error(Code::Plain), "cannot be used"),
            (Sim::Silent, "does not tell"),
        ] {
            let (what, _) = sim.trouble().expect("trouble");
            assert!(what.contains(expected), "{what}");
        }
        assert_eq!(Sim::Ready.trouble(), None);
        assert_eq!(wants("SIM PIN").trouble(), None);
    }

    #[test]
    fn says_how_good_a_signal_is() {
        for (signal, word) in [
            (0, "none"),
            (2, "weak"),
            (7, "weak"),
            (8, "fair"),
            (17, "good"),
            (20, "excellent"),
            (31, "excellent"),
        ] {
            assert_eq!(bars(signal).0, word, "{signal}");
        }
        assert!(begins_so("SIMCOM SIM800", "simcom") && !begins_so("E220", "huawei"));
    }
}
