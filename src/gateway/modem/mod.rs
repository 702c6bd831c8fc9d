//! A GSM modem on a serial port (spec 6.1).
//!
//! [`Modem`] opens the port, lets [`At`] speak, turns submissions into PDUs and PDUs into received SMS
//! and receipts, and opens the port again when it is gone. An SMS is deleted from the SIM only after
//! `kept` (durability W9); what is not, stays and is handed over again.
//!
//! It enters a PIN once: when that was refused or nothing came back, no line of this process enters the
//! same PIN into the same SIM again (threats T40). It never logs a text, a PDU, a PIN or a number.

mod arrival;
mod submission;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex as Lock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info, warn};

use self::arrival::{Arrival, Reader, reference};
use self::submission::{Refusals, has, tpdu};
use super::drive::Line;
use super::{Common, Event, Events, Gateway, Outcome, Refusal, Status, Submission};
use crate::secret::Secret;
use crate::sms::Party;
use crate::sms::number::{Number, masked};
use crate::wire::at::codes::{Feature, Verdict};
use crate::wire::at::{self, At, Command, InitLine, MAX_WAITING, Memory, Pin, Place, Sending};
use crate::world::World;

/// A port that is gone is looked for so soon, then half as often each time.
const FIRST_REOPEN: Duration = Duration::from_secs(1);
const MAX_REOPEN: Duration = Duration::from_secs(30);

/// A modem that waits for a human is looked at so often: someone may have been there.
const PARKED: Duration = Duration::from_secs(60);

/// A submission in the air may take so long after we were told to stop (faults F04).
const LAST: Duration = Duration::from_secs(30);

/// From this share of the SIM's places on, in percent, an admin is told: a full SIM receives nothing.
const NEARLY_FULL: u32 = 80;

/// What a modem needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// As for all gateways.
    pub common: Common,
    /// The port; a stable name as in `/dev/serial/by-id`.
    pub device: String,
    /// Bits a second.
    pub baud: u32,
    /// Opens the SIM.
    pub pin: Option<Secret>,
    /// The service centre; `None`: the SIM's.
    pub smsc: Option<Number>,
    /// `SM`, `ME` or `MT`; `None`: the first that works.
    pub storage: Option<String>,
    /// More commands for the start.
    pub init: Vec<String>,
    /// For the modem's answers.
    pub timeout: Duration,
    /// For the network's.
    pub send_timeout: Duration,
    /// How often it is looked at.
    pub poll: Duration,
}

impl Settings {
    /// What is wrong with them: the key, and what to write instead.
    pub fn check(&self) -> Result<(), String> {
        if self
            .pin
            .as_ref()
            .is_some_and(|pin| Pin::parse(pin).is_none())
        {
            return Err("pin: a PIN is 4 to 8 digits".to_owned());
        }
        self.at().map(|_| ())
    }

    fn at(&self) -> Result<at::Settings, String> {
        let storage = self.storage.as_deref().map(|name| {
            let memory = Memory::parse(name).filter(|memory| *memory != Memory::Reports);
            memory.ok_or_else(|| format!("storage: {name:?} is not SM, ME or MT"))
        });
        let init = self
            .init
            .iter()
            .map(|line| InitLine::parse(line).map_err(|error| format!("init: {error}")));
        Ok(at::Settings {
            centre: self.smsc.clone(),
            storage: storage.transpose()?,
            init: init.collect::<Result<_, _>>()?,
            timeout: self.timeout,
            send_timeout: self.send_timeout,
            poll: self.poll,
        })
    }
}

/// See the module's header.
pub struct Modem {
    settings: Settings,
    world: World,
    status: watch::Sender<Status>,
    jobs: mpsc::Sender<Job>,
    inbox: Mutex<mpsc::Receiver<Job>>,
    refusals: Lock<Refusals>,
}

/// A submission on its way to the line, and who waits for it.
struct Job {
    submission: Submission,
    /// Left out because the network did not take it.
    without: Vec<Feature>,
    answer: oneshot::Sender<Outcome>,
    /// It was given to the line: from then on it may be sent.
    begun: Arc<AtomicBool>,
}

impl Job {
    /// Nobody listens any more when the one who asked was stopped; the log knows.
    fn answer(self, outcome: Outcome) {
        if let Err(outcome) = self.answer.send(outcome) {
            let (id, part) = (self.submission.id, self.submission.part + 1);
            // Its reference holds the end of the number.
            let outcome = masked(&format!("{outcome:?}"));
            warn!(msg = %id, part, outcome, event = "too-late");
        }
    }
}

/// Why a session is over.
enum Over {
    Stopped,
    Lost(String),
    Parked(String),
}

impl Modem {
    /// A modem that is not looked at before [`Gateway::run`].
    pub fn new(settings: Settings, world: World) -> Arc<Self> {
        let (jobs, inbox) = mpsc::channel(settings.common.window.clamp(1, MAX_WAITING));
        Arc::new(Self {
            status: watch::Sender::new(Status::Down("starting".to_owned())),
            settings,
            world,
            jobs,
            inbox: Mutex::new(inbox),
            refusals: Lock::default(),
        })
    }

    fn id(&self) -> &str {
        &self.settings.common.id
    }

    fn become_(&self, status: Status) {
        super::become_(self.id(), &self.status, status);
    }

    /// Waits, refusing submissions; `true`: it is time to stop.
    async fn rest(
        &self,
        duration: Duration,
        inbox: &mut mpsc::Receiver<Job>,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let end = sleep(duration);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return false,
                () = stopped(stop) => return true,
                job = inbox.recv() => if let Some(job) = job {
                    job.answer(link("the modem's line is closed"));
                },
            }
        }
    }
}

#[async_trait]
impl Gateway for Modem {
    fn common(&self) -> &Common {
        &self.settings.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        if let Status::Down(reason) | Status::Parked(reason) = &*self.status.borrow() {
            return link(reason);
        }
        let (answer, outcome) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let job = Job {
            submission,
            without: Vec::new(),
            answer,
            begun: begun.clone(),
        };
        if self.jobs.send(job).await.is_err() {
            return link("the gateway has ended");
        }
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) if begun.load(Ordering::Acquire) => {
                Outcome::Unknown("the gateway ended while sending".to_owned())
            }
            Err(_) => link("the gateway has ended"),
        }
    }

    async fn run(self: Arc<Self>, events: Events, mut stop: watch::Receiver<bool>) {
        let mut inbox = self.inbox.lock().await;
        let settings = match self.settings.check().and_then(|()| self.settings.at()) {
            Ok(settings) => settings,
            Err(reason) => {
                self.become_(Status::Parked(reason));
                while !self.rest(PARKED, &mut inbox, &mut stop).await {}
                return;
            }
        };
        let mut pause = FIRST_REOPEN;
        loop {
            let opened = self
                .world
                .dial
                .serial(&self.settings.device, self.settings.baud)
                .await;
            let over = match opened {
                Ok(stream) => {
                    let at = At::new(settings.clone(), Instant::now().into_std());
                    let line = Line::new(at, stream, self.settings.timeout);
                    let mut session = Session::new(&self, line, &events);
                    let over = session.run(&mut inbox, &mut stop).await;
                    if session.was_up {
                        pause = FIRST_REOPEN;
                    }
                    over
                }
                Err(error) => Over::Lost(format!(
                    "{} cannot be opened: {error}",
                    self.settings.device
                )),
            };
            let rest = match over {
                Over::Stopped => break,
                Over::Parked(reason) => {
                    self.become_(Status::Parked(reason));
                    PARKED
                }
                Over::Lost(reason) => {
                    self.become_(Status::Down(reason));
                    let now = pause;
                    pause = (pause * 2).min(MAX_REOPEN);
                    now
                }
            };
            if self.rest(rest, &mut inbox, &mut stop).await {
                break;
            }
        }
        self.become_(Status::Down("stopped".to_owned()));
        while let Ok(job) = inbox.try_recv() {
            job.answer(link("the gateway has stopped"));
        }
    }
}

/// One opening of the line.
struct Session<'a> {
    modem: &'a Modem,
    line: Line<At>,
    events: &'a Events,
    /// What the line has, by ticket.
    open: HashMap<u64, Job>,
    tickets: u64,
    /// What was handed over and not yet answered. Ends with the session: what was kept too late is
    /// listed again, and deleted then.
    arrivals: FuturesUnordered<BoxFuture<'static, (Place, bool)>>,
    sim: Option<String>,
    nearly_full: bool,
    was_up: bool,
}

impl<'a> Session<'a> {
    fn new(modem: &'a Modem, line: Line<At>, events: &'a Events) -> Self {
        Self {
            modem,
            line,
            events,
            open: HashMap::new(),
            tickets: 0,
            arrivals: FuturesUnordered::new(),
            sim: None,
            nearly_full: false,
            was_up: false,
        }
    }

    async fn run(
        &mut self,
        inbox: &mut mpsc::Receiver<Job>,
        stop: &mut watch::Receiver<bool>,
    ) -> Over {
        let window = self.modem.settings.common.window.clamp(1, MAX_WAITING);
        let mut last: Option<Instant> = None;
        self.line.command(Command::Open);
        let over = loop {
            if last.is_some() && self.open.is_empty() {
                break Over::Stopped;
            }
            let room = self.open.len() < window && last.is_none();
            tokio::select! {
                event = self.line.event() => match event {
                    Ok(event) => if let Some(over) = self.told(event) {
                        break over;
                    },
                    Err(error) => break Over::Lost(error.to_string()),
                },
                Some(job) = inbox.recv(), if room => self.submit(job),
                Some((place, kept)) = self.arrivals.next() => {
                    self.line.command(if kept { Command::Kept(place) } else { Command::NotKept(place) });
                }
                () = stopped(stop), if last.is_none() => {
                    last = Some(Instant::now() + LAST);
                    self.line.command(Command::Finish);
                }
                () = sleep_until(last.unwrap_or_else(Instant::now)), if last.is_some() => break Over::Stopped,
            }
        };
        self.close(&over);
        over
    }

    /// Every submission gets its answer before the line is dropped.
    fn close(&mut self, over: &Over) {
        let reason = match over {
            Over::Stopped => "the gateway was stopped",
            Over::Lost(reason) | Over::Parked(reason) => reason,
        };
        self.line.command(Command::Lost(reason.to_owned()));
        while let Some(event) = self.line.poll_event() {
            self.told(event);
        }
    }

    fn submit(&mut self, job: Job) {
        let tpdu = match tpdu(&job.submission, &job.without) {
            Ok(tpdu) => tpdu,
            Err(reason) => {
                return job.answer(Outcome::Refused {
                    class: Refusal::Ours,
                    reason,
                });
            }
        };
        self.tickets += 1;
        let repeat = job.submission.repeat;
        job.begun.store(true, Ordering::Release);
        self.open.insert(self.tickets, job);
        self.line.command(Command::Send(Sending {
            ticket: self.tickets,
            tpdu,
            repeat,
        }));
    }

    /// What the line told; `Some`: it is over.
    fn told(&mut self, event: at::Event) -> Option<Over> {
        match event {
            at::Event::Sim(sim) => self.sim = sim,
            at::Event::PinWanted => {
                let pin = self
                    .pin()
                    .and_then(|(key, pin)| ledger(|tried| tried.insert(key)).then_some(pin));
                self.line.command(Command::Pin(pin));
            }
            at::Event::PinAccepted => {
                // It was right, so it may be entered again when the SIM lost power.
                if let Some((key, _)) = self.pin() {
                    ledger(|tried| tried.remove(&key));
                }
            }
            at::Event::Up(signal) => {
                self.was_up = true;
                debug!(gw = self.modem.id(), signal, "the network is there");
                self.modem.become_(Status::Up);
            }
            at::Event::Down(reason) => self.modem.become_(Status::Down(reason)),
            at::Event::Parked(reason) => return Some(Over::Parked(reason)),
            at::Event::Dead(reason) => return Some(Over::Lost(reason)),
            at::Event::Sent { ticket, reference } => self.sent(ticket, reference),
            at::Event::Refused {
                ticket,
                verdict,
                reason,
            } => self.refused(ticket, verdict, reason),
            at::Event::Unknown { ticket, reason } => {
                if let Some(job) = self.open.remove(&ticket) {
                    job.answer(Outcome::Unknown(reason));
                }
            }
            at::Event::Arrived { place, pdu } => self.arrived(place, &pdu),
            at::Event::Modem(_)
            | at::Event::Subscriber(_)
            | at::Event::Health(_)
            | at::Event::Ussd(_)
            | at::Event::Late { .. }
            | at::Event::Full
            | at::Event::Restarted => {}
            at::Event::Room { used, total } => self.room(used, total),
            at::Event::Notice(text) => warn!(gw = self.modem.id(), event = "notice", "{text}"),
        }
        None
    }

    fn sent(&mut self, ticket: u64, mr: Option<u8>) {
        let Some(job) = self.open.remove(&ticket) else {
            return;
        };
        let asked = job.submission.reference;
        if mr.is_some_and(|mr| mr != asked) {
            debug!(
                gw = self.modem.id(),
                "the modem counts references by itself: a repeat cannot be told apart"
            );
        }
        let phone = Party::Number(job.submission.number.clone());
        let reference = reference(mr.unwrap_or(asked), &phone);
        job.answer(Outcome::Accepted(Some(reference)));
    }

    fn refused(&mut self, ticket: u64, verdict: Verdict, reason: String) {
        let Some(mut job) = self.open.remove(&ticket) else {
            return;
        };
        match verdict {
            Verdict::Without(feature)
                if has(&job.submission, feature) && !job.without.contains(&feature) =>
            {
                info!(gw = self.modem.id(), msg = %job.submission.id, ?feature, reason, event = "again-without");
                job.without.push(feature);
                self.submit(job);
            }
            // The core says so once; a repeat that is no clearer is `Unknown`.
            Verdict::Repeat => {
                info!(gw = self.modem.id(), msg = %job.submission.id, reason, event = "again-repeat");
                job.submission.repeat = true;
                self.submit(job);
            }
            _ => {
                let now = self.modem.world.now();
                let mut refusals = self
                    .modem
                    .refusals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let class = refusals.refusal(&job.submission, verdict, now);
                job.answer(Outcome::Refused { class, reason });
            }
        }
    }

    fn arrived(&mut self, place: Place, pdu: &[u8]) {
        let reader = Reader {
            gateway: self.modem.id(),
            sim: self.sim.as_deref(),
            number: self.modem.settings.common.number.as_ref(),
            now: self.modem.world.now(),
        };
        let (kept, answer) = oneshot::channel();
        let event = match reader.read(pdu) {
            Arrival::Sms(received) => Event::Received { received, kept },
            Arrival::Receipt {
                reference,
                receipt,
                at,
            } => Event::Receipt {
                gateway: self.modem.id().to_owned(),
                reference,
                receipt,
                at,
                kept,
            },
        };
        let events = self.events.clone();
        self.arrivals.push(Box::pin(async move {
            let kept = events.send(event).await.is_ok() && answer.await.is_ok();
            (place, kept)
        }));
    }

    fn room(&mut self, used: u16, total: u16) {
        let full = total > 0 && u32::from(used) * 100 >= u32::from(total) * NEARLY_FULL;
        if full && !self.nearly_full {
            warn!(
                gw = self.modem.id(),
                used,
                total,
                event = "nearly-full",
                "the SMS storage is nearly full"
            );
        }
        self.nearly_full = full;
    }

    /// The PIN, and the key under which its use is remembered: by SIM, or by port for a SIM that does
    /// not tell its number.
    fn pin(&self) -> Option<([u8; 32], Pin)> {
        let settings = &self.modem.settings;
        let pin = Pin::parse(settings.pin.as_ref()?)?;
        let sim = self.sim.as_deref().unwrap_or(&settings.device);
        let key = Sha256::new()
            .chain_update(sim)
            .chain_update([0])
            .chain_update(pin.expose())
            .finalize();
        Some((key.into(), pin))
    }
}

/// PINs that were entered and not accepted, for as long as the process lives.
fn ledger<T>(look: impl FnOnce(&mut HashSet<[u8; 32]>) -> T) -> T {
    static TRIED: LazyLock<Lock<HashSet<[u8; 32]>>> = LazyLock::new(Lock::default);
    look(&mut TRIED.lock().unwrap_or_else(PoisonError::into_inner))
}

fn link(reason: &str) -> Outcome {
    Outcome::Refused {
        class: Refusal::Link,
        reason: reason.to_owned(),
    }
}

/// Ends when `stop` turns true, or when nobody is left to turn it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: that is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::{Concatenation, OnUnknown};

    #[test]
    fn settings_say_what_is_wrong() {
        let common = Common {
            id: "hall".into(),
            active: true,
            number: None,
            concat: Concatenation::Udh,
            on_unknown: OnUnknown::RetryOnce,
            unknown_wait: Duration::from_secs(60),
            window: 1,
            throughput: None,
            rates: Vec::new(),
            from: None,
            carries: crate::gateway::Carries::default(),
        };
        let good = Settings {
            common,
            device: "/dev/null".into(),
            baud: 115_200,
            pin: Some(Secret::from("1234")),
            smsc: None,
            storage: Some("me".into()),
            init: vec!["AT+CFUN=1".into()],
            timeout: Duration::from_secs(16),
            send_timeout: Duration::from_secs(120),
            poll: Duration::from_secs(30),
        };
        let check = |change: &dyn Fn(&mut Settings), expected: &str| {
            let mut settings = good.clone();
            change(&mut settings);
            let error = settings.check().err().unwrap_or_default();
            assert_eq!(error, expected);
        };
        check(&|_| {}, "");
        check(
            &|s| s.pin = Some(Secret::from("12x4")),
            "pin: a PIN is 4 to 8 digits",
        );
        check(
            &|s| s.storage = Some("SR".into()),
            "storage: \"SR\" is not SM, ME or MT",
        );
        check(
            &|s| s.init = vec!["AT+CMGS=1".into()],
            "init: +CMGS is not allowed in an init line",
        );
        assert!(!format!("{good:?}").contains("1234"));
    }
}
