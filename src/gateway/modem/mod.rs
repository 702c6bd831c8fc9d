//! A GSM modem on a serial port (spec 6.1).
//!
//! [`Modem`] opens the port, lets [`At`] speak, turns submissions into PDUs and PDUs into received SMS
//! and receipts, and opens the port again when it is gone. An SMS is deleted from the SIM only after
//! `kept` (durability W9); what is not, stays and is handed over again.
//!
//! The modem is known by its SIM (`identity`): gone from its port, it is looked for at the others
//! (`ports`); another SIM is not used until an admin says so. A PIN is entered once (threats T40). It
//! never logs a text, a PDU, a PIN or a number.

mod arrival;
mod balance;
mod identity;
mod ports;
mod session;
mod submission;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use self::arrival::reference;
pub use self::balance::Balance;
use self::identity::Identity;
pub use self::identity::{Wanted, WantedSim, about, sim_id};
use self::ports::Port;
use self::session::{Over, Session};
use self::submission::Refusals;
use super::drive::Line;
use super::{Common, Events, Gateway, Health, Memory, Outcome, Refusal, Status, Submission};
use crate::secret::Secret;
use crate::sms::Party;
use crate::sms::number::{Number, masked};
use crate::wire::at::codes::Feature;
use crate::wire::at::{self, At, InitLine, MAX_WAITING, Memory as Storage, Pin};
use crate::world::World;

/// A port that is gone is looked for so soon, then half as often each time.
const FIRST_REOPEN: Duration = Duration::from_secs(1);
const MAX_REOPEN: Duration = Duration::from_secs(30);

/// A modem that waits for a human is looked at so often: someone may have been there.
const PARKED: Duration = Duration::from_secs(60);

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
    /// Which modem and which SIM it must be.
    pub wanted: Wanted,
    /// Asks for the prepaid balance.
    pub balance: Option<Balance>,
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
            let storage = Storage::parse(name).filter(|storage| *storage != Storage::Reports);
            storage.ok_or_else(|| format!("storage: {name:?} is not SM, ME or MT"))
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
    memory: Arc<dyn Memory>,
    status: watch::Sender<Status>,
    health: Lock<Health>,
    jobs: mpsc::Sender<Job>,
    inbox: Mutex<mpsc::Receiver<Job>>,
    refusals: Lock<Refusals>,
    /// An admin was told so; over all lines of this process.
    nearly_full: AtomicBool,
    /// When the modem was last told to start anew; the next line must not do it at once.
    restarted: Lock<Option<std::time::Instant>>,
    /// The modem puts a TP-MR of its own in place of ours.
    counts_itself: AtomicBool,
}

/// A submission on its way to the line, and who waits for it.
struct Job {
    submission: Submission,
    /// Left out because the network did not take it.
    left_out: Vec<Feature>,
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

impl Modem {
    /// A modem that is not looked at before [`Gateway::run`].
    pub fn new(settings: Settings, world: World, memory: Arc<dyn Memory>) -> Arc<Self> {
        let (jobs, inbox) = mpsc::channel(settings.common.window.clamp(1, MAX_WAITING));
        Arc::new(Self {
            status: watch::Sender::new(Status::Down("starting".to_owned())),
            settings,
            world,
            memory,
            health: Lock::default(),
            jobs,
            inbox: Mutex::new(inbox),
            refusals: Lock::default(),
            nearly_full: AtomicBool::new(false),
            restarted: Lock::default(),
            counts_itself: AtomicBool::new(false),
        })
    }

    fn id(&self) -> &str {
        &self.settings.common.id
    }

    fn become_(&self, status: Status) {
        super::become_(self.id(), &self.status, status);
    }

    /// Writes down what is known of the modem.
    fn know(&self, learn: impl FnOnce(&mut Health)) {
        learn(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for that, refusing submissions. `None`: it is time to stop.
    async fn meanwhile<T>(
        &self,
        wait: impl Future<Output = T>,
        inbox: &mut mpsc::Receiver<Job>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<T> {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return Some(done),
                () = stopped(stop) => return None,
                job = inbox.recv() => if let Some(job) = job {
                    job.answer(link("the modem's line is closed"));
                },
            }
        }
    }

    /// The line of an open port, until it is over.
    async fn session(&self, port: Port, at: &at::Settings, using: &mut Using<'_>) -> (Over, bool) {
        let Port {
            device,
            stream,
            claim,
        } = port;
        self.know(|health| {
            *health = Health {
                device: Some(device),
                // The SIM has it, not the line.
                balance: health.balance,
                ..Health::default()
            };
        });
        let mut core = At::new(at.clone(), Instant::now().into_std());
        core.not_restarted_since(
            *self
                .restarted
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let line = Line::new(core, stream, self.settings.timeout);
        let mut session = Session::new(self, line, using.events);
        let over = session.run(using.inbox, using.stop).await;
        let was_up = session.was_up;
        self.know(|health| {
            health.signal = None;
            health.registration = None;
        });
        // Only now may another gateway open the port.
        drop(session);
        drop(claim);
        (over, was_up)
    }

    /// The port of the configuration, and when our modem is not there, any port where it is.
    async fn sessions(&self, at: &at::Settings, using: &mut Using<'_>) -> (Over, bool) {
        let settings = &self.settings;
        let opening = ports::open(&self.world, &settings.device, settings.baud);
        let Some(opened) = self.meanwhile(opening, using.inbox, using.stop).await else {
            return (Over::Stopped, false);
        };
        let over = match opened {
            Ok(port) => match self.session(port, at, using).await {
                (Over::Other(reason), _) => Over::Parked(reason),
                ended => return ended,
            },
            Err(reason) => Over::Lost(reason),
        };
        if let Over::Parked(reason) | Over::Lost(reason) = &over {
            self.become_(Status::Down(reason.clone()));
        }
        let finding = self.find(at);
        match self.meanwhile(finding, using.inbox, using.stop).await {
            None => (Over::Stopped, false),
            Some(None) => (over, false),
            Some(Some(port)) => {
                info!(gw = self.id(), device = port.device, event = "found");
                match self.session(port, at, using).await {
                    (Over::Other(_), _) => (over, false),
                    ended => ended,
                }
            }
        }
    }

    /// Looks for our modem where it is not configured to be.
    async fn find(&self, at: &at::Settings) -> Option<Port> {
        let before = Identity::of(&self.memory.recall(&about(self.id())).await?);
        let wanted = &self.settings.wanted;
        if !wanted.can_be_found(&before) {
            return None;
        }
        let is_ours = |found: &Identity| wanted.is_found(&before, found);
        ports::find(&self.world, &self.settings, at, is_ours).await
    }
}

/// What a gateway that runs has in its hands.
struct Using<'a> {
    events: &'a Events,
    inbox: &'a mut mpsc::Receiver<Job>,
    stop: &'a mut watch::Receiver<bool>,
}

#[async_trait]
impl Gateway for Modem {
    fn common(&self) -> &Common {
        &self.settings.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn health(&self) -> Health {
        let health = self.health.lock();
        health.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// TP-MR is ours to choose, until a modem turns out to count by itself.
    fn foretell(&self, submission: &Submission) -> Option<String> {
        let phone = Party::Number(submission.number.clone());
        let own = self.counts_itself.load(Ordering::Relaxed);
        (!own).then(|| reference(submission.reference, &phone))
    }

    fn reports(&self) -> bool {
        true
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        if let Status::Down(reason) | Status::Parked(reason) = &*self.status.borrow() {
            return link(reason);
        }
        let (answer, outcome) = oneshot::channel();
        let begun = Arc::new(AtomicBool::new(false));
        let job = Job {
            submission,
            left_out: Vec::new(),
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
        let at = match self.settings.check().and_then(|()| self.settings.at()) {
            Ok(at) => at,
            Err(reason) => {
                self.become_(Status::Parked(reason));
                let never = std::future::pending::<()>();
                self.meanwhile(never, &mut inbox, &mut stop).await;
                return;
            }
        };
        let mut pause = FIRST_REOPEN;
        loop {
            let mut using = Using {
                events: &events,
                inbox: &mut inbox,
                stop: &mut stop,
            };
            let (over, was_up) = self.sessions(&at, &mut using).await;
            if was_up {
                pause = FIRST_REOPEN;
            }
            let rest = match over {
                Over::Stopped => break,
                Over::Parked(reason) | Over::Other(reason) => {
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
            let rested = self.meanwhile(sleep(rest), &mut inbox, &mut stop).await;
            if rested.is_none() {
                break;
            }
        }
        self.become_(Status::Down("stopped".to_owned()));
        while let Ok(job) = inbox.try_recv() {
            job.answer(link("the gateway has stopped"));
        }
    }
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

    #[test]
    fn settings_say_what_is_wrong() {
        let common = crate::gateway::tests::common("hall");
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
            wanted: Wanted::default(),
            balance: None,
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
