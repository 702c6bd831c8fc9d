//! `modem test DEVICE`: the classic check, step by step, with what is wrong and what to do in words.
//!
//! It deletes nothing but the one SMS that it sent to itself, and sends nothing without `--send`. It
//! sets what the gateway sets (PDU mode, storage, notifications), because that is what is to be known.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::ask::{Asking, Sim, bars};
use super::port::{Known, Port};
use super::unanswered::{Instead, instead};
use super::{Device, PinArgs};
use crate::cli::Failure;
use crate::sms::{Encoding, Number, Party, Segment, Shifts};
use crate::wire::at::codes::{Code, Verdict, verdict};
use crate::wire::at::reading::{self, Network};
use crate::wire::at::talk::End;
use crate::wire::at::{Ask, Memory, Pin, Tpdu};
use crate::wire::pdu::{self, Content, Pdu, Submit};
use crate::world::World;

/// A modem that is well answers within a second; some that start need several calls.
const TIMEOUT: Duration = Duration::from_secs(3);
const CALLS: usize = 5;

/// The speeds that modems at plain serial ports are set to.
const SPEEDS: [u32; 8] = [
    115_200, 9_600, 19_200, 38_400, 57_600, 230_400, 460_800, 921_600,
];
const SPEED_TIMEOUT: Duration = Duration::from_millis(600);

/// Weaker than this (TS 27.007 §8.5), sending fails now and then.
const WEAK: u8 = 8;

/// An SMS to oneself is back within seconds, or the network is not well.
const BACK: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_secs(1);

/// `modem test …`
#[derive(Clone, Debug, Args)]
pub(super) struct TestArgs {
    /// The modem
    #[command(flatten)]
    device: Device,
    /// Its PIN
    #[command(flatten)]
    pin: PinArgs,
    /// Send one real SMS to this number, which may cost money
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    send: Option<Number>,
    /// NUMBER is this SIM's own: wait until the SMS is back (known by itself if the SIM tells its number)
    #[arg(long, requires = "send")]
    back: bool,
}

fn number(text: &str) -> Result<Number, String> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/'))
        .collect();
    let plain = || format!("{text:?} is no number in international form, such as +15551234567");
    match digits.strip_prefix('+') {
        Some(_) => Number::from_network(&digits).ok_or_else(plain),
        None => Err(plain()),
    }
}

/// What a step found.
enum Finding {
    Good(String),
    /// It works, but: why, and what to do.
    Poor(String, String),
    /// It does not work: why, and what to do.
    Bad(String, String),
}

use Finding::{Bad, Good, Poor};

fn good(text: impl Into<String>) -> Finding {
    Good(text.into())
}

fn poor(text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Poor(text.into(), remedy.into())
}

fn bad(text: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Bad(text.into(), remedy.into())
}

/// Shows findings as they come.
struct Report<'a> {
    out: &'a mut dyn Write,
    well: bool,
}

impl Report<'_> {
    /// `true`: it makes sense to go on.
    fn show(&mut self, step: &str, finding: Finding) -> io::Result<bool> {
        let (mark, text, remedy) = match &finding {
            Good(text) => ("ok", text, None),
            Poor(text, remedy) => ("poor", text, Some(remedy)),
            Bad(text, remedy) => ("BAD", text, Some(remedy)),
        };
        writeln!(self.out, "{mark:<5} {step:<8} {text}")?;
        if let Some(remedy) = remedy {
            writeln!(self.out, "{:<14} {remedy}", "")?;
        }
        self.out.flush()?;
        let passed = !matches!(finding, Bad(..));
        self.well &= passed;
        Ok(passed)
    }
}

/// Checks a modem; `true`: it can send and receive.
pub(super) async fn test(
    args: &TestArgs,
    known: &Known,
    world: &World,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let pin = args.pin.read()?;
    let port = Port::named(&args.device.device);
    let baud = args.device.baud;
    let mut report = Report { out, well: true };
    let asking = match Asking::open(world, &port, baud, known, TIMEOUT).await {
        Ok(asking) => asking,
        Err(why) => {
            report.show("port", bad(why.what(&port), why.remedy()))?;
            return Ok(false);
        }
    };
    let mut check = Check(asking);
    // Without these, nothing else has an answer.
    if let Err(what) = check.attention().await {
        drop(check);
        let finding = unanswered(&what, world, &port, baud, known).await;
        report.show("answer", finding)?;
        return Ok(false);
    }
    report.show("answer", good(format!("it answers to AT at {baud} bit/s")))?;
    report.show("model", check.model().await)?;
    report.show("IMEI", check.imei().await)?;
    if !report.show("SIM", check.sim(pin.as_ref()).await)? {
        return Ok(false);
    }
    report.show("PDU mode", check.pdu_mode().await)?;
    report.show("SMSC", check.centre().await)?;
    report.show("storage", check.storage().await)?;
    report.show("notice", check.notices().await)?;
    report.show("receipts", check.service().await)?;
    report.show("parts", check.parts().await)?;
    let registered = report.show("network", check.network().await)?;
    report.show("signal", check.signal().await)?;
    if let Some(number) = &args.send {
        match registered {
            true => check.send(args, number, world, &mut report).await?,
            false => {
                report.show("send", bad("not tried: no network", "see above"))?;
            }
        }
    }
    if let Some(gone) = check.0.gone {
        let remedy =
            "a loose cable, too little power (use a USB hub with its own), or a dying modem";
        report.show("line", bad(format!("lost on the way: {gone}"), remedy))?;
    }
    Ok(report.well)
}

/// Why nobody answers. At another speed somebody may.
async fn unanswered(
    what: &Instead,
    world: &World,
    port: &Port,
    baud: u32,
    known: &Known,
) -> Finding {
    if matches!(what, Instead::Nothing | Instead::Garbage) {
        for speed in SPEEDS.into_iter().filter(|speed| *speed != baud) {
            let opened = Asking::open(world, port, speed, known, SPEED_TIMEOUT).await;
            let Ok(mut asking) = opened else { break };
            if asking.attention(1).await.is_ok() {
                return bad(
                    format!("no answer to AT at {baud} bit/s, but at {speed}"),
                    format!("use --baud {speed}, and `baud: {speed}` in the configuration"),
                );
            }
        }
    }
    let (text, remedy) = what.words(baud);
    bad(text, remedy)
}

struct Check(Asking);

impl Check {
    async fn attention(&mut self) -> Result<(), Instead> {
        let mut heard = Vec::new();
        for _ in 0..CALLS {
            match self.0.attention(1).await {
                Ok(()) => return Ok(()),
                Err(more) => heard.extend(more),
            }
            // What is sure need not be asked five times.
            if let what @ (Instead::Positions | Instead::Frames | Instead::Login) = instead(&heard)
            {
                return Err(what);
            }
        }
        Err(instead(&heard))
    }

    async fn model(&mut self) -> Finding {
        let model = self.0.model().await;
        let revision = reading::name(&self.0.any(Ask::Revision).await);
        match (model, revision) {
            (Some(model), Some(revision)) => good(format!("{model}, firmware {revision}")),
            (Some(model), None) => good(model),
            (None, _) => good("it does not say what it is"),
        }
    }

    async fn imei(&mut self) -> Finding {
        match reading::imei(&self.0.any(Ask::Imei).await) {
            Some(imei) => good(imei),
            None => good("it does not tell"),
        }
    }

    async fn sim(&mut self, pin: Option<&Pin>) -> Finding {
        let state = self.0.sim().await;
        if let Some((what, remedy)) = state.trouble() {
            return bad(what, remedy);
        }
        if state != Sim::Ready
            && let Err(shut) = self.0.open_sim(pin).await
        {
            let (what, remedy) = shut.words();
            return bad(what, remedy);
        }
        match self.0.sim_id().await {
            Some(id) => good(format!("open, number {id}")),
            None => good("open; the modem does not tell its number"),
        }
    }

    async fn pdu_mode(&mut self) -> Finding {
        let set = self.0.lines(Ask::PduMode).await.is_some();
        let lines = self.0.any(Ask::IsPduMode).await;
        match reading::first_number(&lines, "+CMGF:") {
            Some(0) | None if set => good("works"),
            _ => bad(
                "the modem refuses PDU mode",
                "this modem cannot be used; is it a data-only stick?",
            ),
        }
    }

    async fn centre(&mut self) -> Finding {
        let lines = self.0.lines(Ask::Centre).await;
        match lines.as_deref().map(reading::centre) {
            Some(Some("")) => bad(
                "the SIM has no service centre",
                "ask your operator for its number and set `smsc`",
            ),
            Some(Some(number)) => good(number),
            _ => poor(
                "the modem does not tell its service centre",
                "if sending fails, set `smsc`",
            ),
        }
    }

    async fn storage(&mut self) -> Finding {
        let mut memory = None;
        for choice in [Memory::Sim, Memory::Modem, Memory::Both] {
            if self.0.lines(Ask::Storage(choice)).await.is_some() {
                memory = Some(choice);
                break;
            }
        }
        let Some(memory) = memory else {
            return bad(
                "the modem opens no storage for SMS",
                "is the SIM one for data only? Set `storage` if you know better",
            );
        };
        let lines = self.0.lines(Ask::Room).await;
        match lines.as_deref().and_then(reading::room) {
            Some((used, total)) if used >= total => bad(
                format!("{used} of {total} places are used: nothing more can arrive"),
                "sms-milter empties it when it runs; drafts and copies must be deleted in a phone",
            ),
            Some((used, total)) => good(format!(
                "{used} of {total} places are used ({})",
                memory.name()
            )),
            None => poor(
                "the modem does not tell its storage",
                "set `storage` to SM or ME if nothing arrives",
            ),
        }
    }

    async fn notices(&mut self) -> Finding {
        for way in 0..Ask::NOTIFICATIONS {
            if self.0.lines(Ask::Notify(way)).await.is_some() {
                return good("it tells of new SMS at once");
            }
        }
        poor(
            "it does not tell of new SMS",
            "they are found by polling, some seconds later",
        )
    }

    async fn service(&mut self) -> Finding {
        let lines = self.0.any(Ask::Service).await;
        match reading::first_number(&lines, "+CSMS:") {
            Some(1) => good("the modem waits for our word before it acknowledges them"),
            Some(_) => good("the modem acknowledges them itself"),
            None => good("the modem does not tell how it acknowledges them"),
        }
    }

    async fn parts(&mut self) -> Finding {
        match self.0.lines(Ask::KeepLink).await {
            Some(_) => good("the link stays open between the parts of a long text"),
            None => good("each part of a long text opens the link anew, which is slower"),
        }
    }

    async fn network(&mut self) -> Finding {
        let mut found = Vec::new();
        for (ask, prefix) in [
            (Ask::Registration, "+CREG:"),
            (Ask::PacketRegistration, "+CEREG:"),
            (Ask::GprsRegistration, "+CGREG:"),
        ] {
            let lines = self.0.any(ask).await;
            let network = reading::network(&lines, prefix);
            if network == Some(Network::Registered) {
                let roaming = reading::is_roaming(&lines, prefix);
                return self.registered(roaming).await;
            }
            found.extend(network);
        }
        // The first is the one that calls and SMS use.
        match found.first() {
            _ if found.contains(&Network::Denied) => bad(
                "the network denies the SIM",
                "is the SIM activated and paid, and allowed to roam?",
            ),
            Some(Network::Off) => bad(
                "no network: the modem looks for none",
                "flight mode? Add AT+CFUN=1 to `init`; or AT+COPS=0, if it was told to look for none",
            ),
            _ => bad(
                "no network",
                "check the antenna, and whether the operator still runs 2G or 3G here",
            ),
        }
    }

    async fn registered(&mut self, roaming: bool) -> Finding {
        let operator = self.0.operator().await;
        let abroad = if roaming {
            ", roaming (SMS may cost more)"
        } else {
            ""
        };
        match operator {
            Some(operator) => good(format!("registered at {operator}{abroad}")),
            None => good(format!("registered{abroad}")),
        }
    }

    async fn signal(&mut self) -> Finding {
        let lines = self.0.any(Ask::Signal).await;
        match reading::signal(&lines) {
            Some(n) => {
                let (word, bars) = bars(n);
                let text = format!("{word} {bars} ({n} of 31)");
                match n < WEAK {
                    true => poor(text, "move the antenna, or sending fails now and then"),
                    false => good(text),
                }
            }
            None => poor(
                "the modem does not tell",
                "check the antenna if sending fails",
            ),
        }
    }

    /// One real SMS, and back if it is to ourselves.
    async fn send(
        &mut self,
        args: &TestArgs,
        number: &Number,
        world: &World,
        report: &mut Report<'_>,
    ) -> Result<(), Failure> {
        let own = reading::own_number(&self.0.any(Ask::OwnNumber).await);
        let to_self = args.back || own.as_ref() == Some(number);
        let text = format!("sms-milter test {:02x}{:02x}", world.octet(), world.octet());
        let tpdu = match submission(number, &text) {
            Ok(tpdu) => tpdu,
            Err(why) => return Err(Failure::data(why)),
        };
        let finding = self.submit(tpdu, number).await;
        if !report.show("send", finding)? {
            return Ok(());
        }
        let finding = match to_self {
            true => self.wait_back(&text).await,
            false if own.is_none() => {
                good("not waited for: the SIM does not tell its number; if this is it, add --back")
            }
            false => return Ok(()),
        };
        report.show("back", finding)?;
        Ok(())
    }

    async fn submit(&mut self, tpdu: Tpdu, number: &Number) -> Finding {
        let Some(answer) = self.0.ask(Ask::Submit(tpdu)).await else {
            return bad("the line was lost", "the SMS may have been sent");
        };
        match &answer.end {
            End::Ok => good(format!("the network took the SMS to {}", number.as_str())),
            End::Silent if answer.handed => bad(
                "no answer from the network",
                "the SMS may have been sent: look at the phone",
            ),
            End::Silent => bad(
                "the modem does not ask for the text",
                "pull its plug for a moment and try again",
            ),
            End::Error(code) => bad(format!("refused: {code}"), remedy(code, answer.handed)),
        }
    }

    /// Looks for it where SMS are stored, and deletes it there: nobody wants it as a mail.
    async fn wait_back(&mut self, text: &str) -> Finding {
        let start = Instant::now();
        while start.elapsed() < BACK && self.0.gone.is_none() {
            let listed = self.0.ask(Ask::List).await.map(|answer| answer.listed);
            let ours = listed
                .into_iter()
                .flatten()
                .find(|sms| is_it(&sms.pdu, text));
            if let Some(sms) = ours {
                let seconds = start.elapsed().as_secs();
                let deleted = self.0.lines(Ask::Delete(sms.index)).await.is_some();
                let left = if deleted {
                    ""
                } else {
                    "; it could not be deleted"
                };
                return good(format!("it came back after {seconds} s{left}"));
            }
            sleep(LOOK).await;
        }
        bad(
            format!("it did not come back within {} s", BACK.as_secs()),
            "is the number this SIM's own? Receiving may be barred, or the storage full",
        )
    }
}

fn submission(number: &Number, text: &str) -> Result<Tpdu, String> {
    let segment = Segment {
        text: text.to_owned(),
        encoding: Encoding::Gsm7,
        units: 0,
        concat: None,
        shifts: Shifts::default(),
    };
    let content = Content::segment(&segment, false);
    let submit = Submit::new(Party::Number(number.clone()), content);
    let encoded = submit.encode().map_err(|error| error.to_string())?;
    let tpdu = Tpdu::new(&encoded.hex, encoded.tpdu_length);
    tpdu.ok_or_else(|| "the PDU is too long".to_owned())
}

fn is_it(octets: &[u8], text: &str) -> bool {
    let decoded = pdu::decode(&pdu::hex(octets));
    matches!(decoded, Ok(Pdu::Deliver(deliver)) if deliver.content.text() == Some(text))
}

/// What to do about a refusal.
fn remedy(code: &Code, handed: bool) -> &'static str {
    match verdict(code, handed, false) {
        Verdict::Never | Verdict::NeverUnlessMany => "is the number right?",
        Verdict::Route => "may this SIM send SMS, has it credit, and is the service centre right?",
        Verdict::Later { .. } | Verdict::LaterThenNever { .. } => {
            "try again in some minutes; if that does not help, is the service centre right?"
        }
        Verdict::Human => "unlock the SIM in a phone",
        Verdict::Unknown => "the SMS may have been sent: look at the phone",
        _ => "check the SIM and the service centre (`smsc`)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_numbers_in_international_form() {
        for (text, expected) in [
            ("+15551234567", Some("+15551234567")),
            ("+1 (555) 123-4567", Some("+15551234567")),
            ("15551234567", None),
            ("+", None),
            ("+1555\r", None),
            ("", None),
        ] {
            let read = number(text).ok();
            assert_eq!(read.as_ref().map(Number::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn says_what_to_do_about_refusals() {
        for (code, word) in [
            (Code::Cms(1), "number right"),
            (Code::Cms(8), "credit"),
            (Code::Cms(38), "some minutes"),
            (Code::Cms(316), "unlock"),
            (Code::Cms(500), "may have been sent"),
            (Code::Cms(330), "service centre"),
        ] {
            assert!(remedy(&code, true).contains(word), "{code}");
        }
    }

    #[test]
    fn knows_its_own_sms() {
        let number = Number::from_network("+15551234567").expect("number");
        let text = "sms-milter test 0a1b";
        assert!(submission(&number, text).is_ok());
        assert!(!is_it(&[0, 4], text));
    }
}
