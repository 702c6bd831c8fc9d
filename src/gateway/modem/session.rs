//! One opening of a modem's line, from the first AT to the last word.
//!
//! It belongs to one modem with one SIM: when those are not ours the session is over before a PIN was
//! entered or an SMS handed over.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::arrival::{Arrival, Reader, reference};
use super::balance::Asking;
use super::identity::{Identity, Pins, Whose, about};
use super::submission::{Refusals, leave_out, tpdu};
use super::{Job, Modem, stopped};
use crate::gateway::drive::Line;
use crate::gateway::{Concern, Event, Events, OnUnknown, Outcome, Refusal, Status};
use crate::sms::{MessageId, Number, Party};
use crate::wire::at::codes::Verdict;
use crate::wire::at::{self, At, Command, Late, MAX_WAITING, Pin, Place, Sending, ussd};

/// A submission in the air may take so long after we were told to stop (faults F04).
const LAST: Duration = Duration::from_secs(30);

/// From this share of the SIM's places on, in percent, or with fewer free ones than that, an admin is
/// told: a full SIM receives nothing.
const NEARLY_FULL: u32 = 80;
const FREE: u16 = 2;

/// A SIM that the network takes nothing from is tried again after so long.
const BARRED: Duration = Duration::from_secs(600);

/// Submissions with an unknown outcome whose late answer is still known; a modem that hangs has few.
const MAX_UNKNOWN: usize = 16;

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Over {
    /// We were told to stop.
    Stopped,
    /// The line is gone.
    Lost(String),
    /// A human is needed.
    Parked(String),
    /// The modem or the SIM is not ours.
    Other(String),
}

/// See the module.
pub(super) struct Session<'a> {
    modem: &'a Modem,
    line: Line<At>,
    events: &'a Events,
    /// What the line has, by ticket.
    open: HashMap<u64, Job>,
    tickets: u64,
    /// What may have been sent, the newest last.
    unknown: VecDeque<(u64, Unknown)>,
    /// What was handed over and not yet answered. Ends with the session: what was kept too late is
    /// listed again, and deleted then.
    arrivals: FuturesUnordered<BoxFuture<'static, (Place, bool)>>,
    found: Identity,
    /// Why it may be another's, until the SIM says more.
    doubt: Option<String>,
    /// Why the PIN was not entered.
    pin: Option<String>,
    network: Status,
    /// The network takes nothing from this SIM; until then.
    barred: Option<(Instant, String)>,
    balance: Asking,
    pub(super) was_up: bool,
}

/// A submission that may have been sent.
struct Unknown {
    id: MessageId,
    part: usize,
    number: Number,
    /// TP-MR.
    reference: u8,
}

impl<'a> Session<'a> {
    pub(super) fn new(modem: &'a Modem, line: Line<At>, events: &'a Events) -> Self {
        Self {
            modem,
            line,
            events,
            open: HashMap::new(),
            tickets: 0,
            unknown: VecDeque::new(),
            arrivals: FuturesUnordered::new(),
            found: Identity::default(),
            doubt: None,
            pin: None,
            network: modem.status.borrow().clone(),
            barred: None,
            balance: Asking::new(),
            was_up: false,
        }
    }

    /// Runs until the line is lost or `stop` turns true.
    pub(super) async fn run(
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
            let ask = self
                .balance
                .due()
                .filter(|_| self.open.is_empty() && last.is_none());
            let barred = self.barred.as_ref().map(|(until, _)| *until);
            tokio::select! {
                event = self.line.event() => match event {
                    Ok(event) => if let Some(over) = self.told(event).await {
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
                () = at(last) => break Over::Stopped,
                () = at(ask) => self.ask_balance(),
                () = at(barred) => {
                    self.barred = None;
                    self.show();
                }
            }
        };
        self.close(&over).await;
        over
    }

    /// Every submission gets its answer before the line is dropped.
    async fn close(&mut self, over: &Over) {
        let reason = match over {
            Over::Stopped => "the gateway was stopped",
            Over::Lost(reason) | Over::Parked(reason) | Over::Other(reason) => reason,
        };
        self.line.command(Command::Lost(reason.to_owned()));
        while let Some(event) = self.line.poll_event() {
            self.told(event).await;
        }
    }

    fn submit(&mut self, job: Job) {
        let tpdu = match tpdu(&job.submission) {
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
    async fn told(&mut self, event: at::Event) -> Option<Over> {
        match event {
            at::Event::Modem(modem) => {
                self.found.imei = modem.imei.clone();
                let name = [modem.maker, modem.model];
                let name: Vec<_> = name.into_iter().flatten().collect();
                self.modem.know(|health| {
                    health.imei = modem.imei;
                    health.model = (!name.is_empty()).then(|| name.join(" "));
                });
            }
            at::Event::Sim(sim) => return self.sim(sim).await,
            at::Event::Subscriber(_) => {}
            at::Event::PinWanted => return self.pin_wanted().await,
            at::Event::PinAccepted => self.pins().was_right().await,
            at::Event::Up(signal) => {
                if let Some(reason) = self.doubt.take() {
                    return Some(Over::Other(reason));
                }
                self.was_up = true;
                debug!(gw = self.modem.id(), signal, "the network is there");
                self.modem.know(|health| health.signal = signal);
                self.network = Status::Up;
                if let Some(balance) = &self.modem.settings.balance {
                    self.balance.up(balance, Instant::now());
                }
                self.show();
            }
            at::Event::Down(reason) => {
                self.network = Status::Down(reason);
                self.show();
            }
            at::Event::Parked(reason) => {
                return Some(Over::Parked(self.pin.take().unwrap_or(reason)));
            }
            at::Event::Dead(reason) => return Some(Over::Lost(reason)),
            at::Event::Sent { ticket, reference } => self.sent(ticket, reference),
            at::Event::Refused {
                ticket,
                verdict,
                reason,
            } => self.refused(ticket, verdict, reason),
            at::Event::Unknown { ticket, reason } => self.unknown(ticket, reason),
            at::Event::Late { ticket, outcome } => self.late(ticket, outcome).await,
            at::Event::Arrived { place, pdu } => self.arrived(place, &pdu),
            at::Event::Room { used, total } => self.room(used, total).await,
            at::Event::Full => {
                warn!(
                    gw = self.modem.id(),
                    event = "full",
                    "the SMS storage is full"
                );
            }
            at::Event::Restarted => {
                info!(gw = self.modem.id(), event = "restarted");
                let restarted = self.modem.restarted.lock();
                let mut restarted = restarted.unwrap_or_else(PoisonError::into_inner);
                *restarted = Some(Instant::now().into_std());
            }
            at::Event::Health(health) => self.health(health),
            at::Event::Ussd(reply) => self.balance(&reply).await,
            at::Event::Notice(text) => warn!(gw = self.modem.id(), event = "notice", "{text}"),
        }
        None
    }

    /// How the gateway is: the network's state, unless the network takes nothing from us.
    fn show(&self) {
        match (&self.network, &self.barred) {
            (Status::Up, Some((_, reason))) => self.modem.become_(Status::Parked(reason.clone())),
            (network, _) => self.modem.become_(network.clone()),
        }
    }

    // ---- Who it is -----------------------------------------------------------------------------

    /// The SIM is known, or is not told: is it ours?
    async fn sim(&mut self, sim: Option<String>) -> Option<Over> {
        let silent = sim.is_none();
        self.found.sim = sim.clone();
        self.modem.know(|health| health.sim = sim);
        let memory = &self.modem.memory;
        let Some(note) = memory.recall(&about(self.modem.id())).await else {
            return Some(Over::Lost(
                "the store does not say which SIM is ours".to_owned(),
            ));
        };
        let (wanted, before) = (&self.modem.settings.wanted, Identity::of(&note));
        self.doubt = None;
        match wanted.judge(self.modem.id(), &before, &self.found) {
            Whose::Ours(None) => None,
            Whose::Ours(Some(identity)) => {
                info!(
                    gw = self.modem.id(),
                    imei = identity.imei,
                    sim = identity.sim,
                    event = "identified"
                );
                // What is not remembered is seen for the first time once more.
                memory
                    .remember(&about(self.modem.id()), identity.note())
                    .await;
                None
            }
            // A SIM that is still starting tells later.
            Whose::Other(reason) if silent => {
                self.doubt = Some(reason);
                None
            }
            Whose::Other(reason) => Some(Over::Other(reason)),
        }
    }

    async fn pin_wanted(&mut self) -> Option<Over> {
        if let Some(reason) = self.doubt.take() {
            return Some(Over::Other(reason));
        }
        let pin = self.modem.settings.pin.as_ref().and_then(Pin::parse);
        let pin = match pin {
            Some(pin) if self.pins().may_try(&pin).await => Some(pin),
            Some(_) => {
                self.pin = Some(
                    "the SIM wants its PIN, and the one in `pin` was entered before and not accepted; it \
                     is not tried again: change `pin`, or unlock the SIM in a phone"
                        .to_owned(),
                );
                None
            }
            None => None,
        };
        self.line.command(Command::Pin(pin));
        None
    }

    /// By SIM, or by what stands for one that does not tell its number.
    fn pins(&self) -> Pins<'_> {
        let settings = &self.modem.settings;
        let sim = self.found.sim.as_deref().or(self.found.imei.as_deref());
        Pins {
            memory: &*self.modem.memory,
            world: &self.modem.world,
            sim: sim.unwrap_or(&settings.device),
        }
    }

    // ---- What is sent --------------------------------------------------------------------------

    fn sent(&mut self, ticket: u64, mr: Option<u8>) {
        let Some(job) = self.open.remove(&ticket) else {
            return;
        };
        let asked = job.submission.reference;
        if mr.is_some_and(|mr| mr != asked) {
            self.modem.counts_itself.store(true, Ordering::Relaxed);
            debug!(
                gw = self.modem.id(),
                "the modem counts references by itself: a repeat cannot be told apart"
            );
        }
        self.refusals().sent();
        let phone = Party::Number(job.submission.number.clone());
        let reference = reference(mr.unwrap_or(asked), &phone);
        job.answer(Outcome::Accepted(Some(reference)));
    }

    fn refused(&mut self, ticket: u64, verdict: Verdict, reason: String) {
        let Some(mut job) = self.open.remove(&ticket) else {
            return;
        };
        let reason = match verdict {
            // The network hardly has it; asked with TP-RD it can tell. Whether that is enough is the
            // admin's to say; the core asks for it once.
            Verdict::Repeat if self.modem.settings.common.on_unknown == OnUnknown::Report => {
                return self.doubtful(ticket, job, reason);
            }
            Verdict::Repeat => {
                info!(gw = self.modem.id(), msg = %job.submission.id, reason, event = "again-repeat");
                job.submission.repeat = true;
                return self.submit(job);
            }
            Verdict::Without(feature) if !job.left_out.contains(&feature) => {
                match leave_out(&mut job.submission, feature) {
                    Ok(()) => {
                        info!(gw = self.modem.id(), msg = %job.submission.id, ?feature, reason, event = "again-without");
                        job.left_out.push(feature);
                        return self.submit(job);
                    }
                    Err(why) => format!("{reason}{why}"),
                }
            }
            _ => reason,
        };
        let now = self.modem.world.now();
        let (class, bars) = self.refusals().refusal(&job.submission, verdict, now);
        if bars {
            self.bar(&reason);
        }
        job.answer(Outcome::Refused { class, reason });
    }

    /// The network takes nothing from this SIM, whoever it is for. SMS still come in.
    fn bar(&mut self, reason: &str) {
        let text = format!(
            "the network refused SMS to several numbers in a row: {reason}. Is the SIM paid for, and \
             may it send SMS? It is tried again every ten minutes; messages wait or go by other gateways"
        );
        self.barred = Some((Instant::now() + BARRED, text));
        self.show();
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        let refusals = self.modem.refusals.lock();
        refusals.unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&mut self, ticket: u64, reason: String) {
        if let Some(job) = self.open.remove(&ticket) {
            self.doubtful(ticket, job, reason);
        }
    }

    fn doubtful(&mut self, ticket: u64, job: Job, reason: String) {
        let submission = &job.submission;
        let unknown = Unknown {
            id: submission.id,
            part: submission.part,
            number: submission.number.clone(),
            reference: submission.reference,
        };
        if self.unknown.len() >= MAX_UNKNOWN {
            self.unknown.pop_front();
        }
        self.unknown.push_back((ticket, unknown));
        job.answer(Outcome::Unknown(reason));
    }

    /// The answer to what was `Unknown` came after all.
    async fn late(&mut self, ticket: u64, outcome: Late) {
        let place = self.unknown.iter().position(|(t, _)| *t == ticket);
        let Some((_, unknown)) = place.and_then(|place| self.unknown.remove(place)) else {
            return;
        };
        let mr = match outcome {
            Late::Sent(mr) => mr.unwrap_or(unknown.reference),
            // It is waited for as for any unknown outcome, and repeated: that is all it asks for.
            Late::Refused { reason, .. } => {
                info!(gw = self.modem.id(), msg = %unknown.id, reason, event = "late-refusal");
                return;
            }
        };
        let late = Event::Late {
            gateway: self.modem.id().to_owned(),
            id: unknown.id,
            part: unknown.part,
            reference: reference(mr, &Party::Number(unknown.number)),
        };
        // Nobody listens any more at the end.
        let _ = self.events.send(late).await;
    }

    // ---- What arrives --------------------------------------------------------------------------

    fn arrived(&mut self, place: Place, pdu: &[u8]) {
        let reader = Reader {
            gateway: self.modem.id(),
            sim: self.found.sim.as_deref(),
            number: self.modem.settings.common.number.as_ref(),
            now: self.modem.world.now(),
        };
        let (kept, answer) = oneshot::channel();
        let event = match reader.read(pdu) {
            Arrival::Sms(received) => Event::Received { received, kept },
            Arrival::Receipt(report) => Event::Receipt { report, kept },
        };
        let events = self.events.clone();
        self.arrivals.push(Box::pin(async move {
            let kept = events.send(event).await.is_ok() && answer.await.is_ok();
            (place, kept)
        }));
    }

    async fn room(&mut self, used: u16, total: u16) {
        self.modem
            .know(|health| health.storage = Some((used, total)));
        let many = u32::from(used) * 100 >= u32::from(total) * NEARLY_FULL;
        let full = total > 0 && (many || total.saturating_sub(used) < FREE);
        if self.modem.nearly_full.swap(full, Ordering::Relaxed) == full {
            return;
        }
        if full {
            let text = format!(
                "{used} of {total} places for SMS are used, and a full SIM receives nothing. SMS are deleted \
                 from it once they are kept here: does the store take them (see the log)? Other \
                 programs' SMS may be on it, too"
            );
            self.alert(Concern::Storage, text).await;
        } else {
            self.over(Concern::Storage).await;
        }
    }

    // ---- How it is -----------------------------------------------------------------------------

    fn health(&self, health: at::Health) {
        let registration = health.network.map(|network| match network {
            at::reading::Network::Registered if health.roaming => "roaming",
            at::reading::Network::Registered => "home",
            at::reading::Network::Searching => "searching",
            at::reading::Network::Denied => "denied",
            at::reading::Network::Off => "off",
        });
        self.modem.know(|known| {
            known.signal = health.signal;
            known.operator = health.operator;
            known.registration = registration.map(str::to_owned);
            known.battery = health.battery.map(|battery| battery.level);
        });
    }

    fn ask_balance(&mut self) {
        if let Some(balance) = &self.modem.settings.balance {
            self.balance.asked();
            self.line.command(Command::Ussd(balance.ussd.clone()));
        }
    }

    async fn balance(&mut self, reply: &ussd::Reply) {
        let modem = self.modem;
        let Some(balance) = &modem.settings.balance else {
            return;
        };
        if matches!(reply, ussd::Reply::Text { more: true, .. }) {
            self.line.command(Command::UssdEnd);
        }
        let amount = match self.balance.answered(balance, reply, Instant::now()) {
            Ok(amount) => amount,
            Err(reason) => {
                warn!(gw = self.modem.id(), reason, event = "no-balance");
                return;
            }
        };
        let now = self.modem.world.now();
        info!(gw = self.modem.id(), amount, event = "balance");
        self.modem
            .know(|health| health.balance = Some((amount, now)));
        if amount < balance.below {
            let text = format!(
                "the prepaid balance is {amount}, which is below {}: top the SIM up",
                balance.below
            );
            self.alert(Concern::Balance, text).await;
        } else {
            self.over(Concern::Balance).await;
        }
    }

    async fn alert(&mut self, concern: Concern, text: String) {
        let gateway = self.modem.id().to_owned();
        let alert = Event::Alert {
            gateway,
            concern,
            text,
        };
        let _ = self.events.send(alert).await;
    }

    async fn over(&mut self, concern: Concern) {
        let gateway = self.modem.id().to_owned();
        let _ = self.events.send(Event::Over { gateway, concern }).await;
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
