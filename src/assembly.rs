//! Puts the parts together and runs them until they are told to stop.

mod reload;
mod room;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use self::reload::Reloader;
use crate::cli::Failure;
use crate::config::{self, Gateway as GatewaySettings, Settings};
use crate::control::{self, Desk, Listed, Reload};
use crate::gateway::{
    Event, Events, Gateway, Memory, http::Http, modem::Modem, simulated::Simulated,
};
use crate::inbound::Inbound;
use crate::live::Live;
use crate::mail::inject::Injector;
use crate::milter::{self, Listen};
use crate::outbound::dispatch::Dispatcher;
use crate::outbound::tell::Gather;
use crate::outbound::{Outbound, notify};
use crate::sms::number;
use crate::store::sled::{OpenError, SledStore};
use crate::store::{Note, Store, StoreError};
use crate::web::{self, WebState, hooks::HookSettings, post::Programs, sms::Accounts};
use crate::world::World;

/// Events that wait for the store; then gateways wait with their acknowledgments.
const EVENTS: usize = 256;
/// How long what is final stays in the store.
const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Reloads that wait; an admin asks for one at a time.
const RELOADS: usize = 8;
/// How often the store is pruned.
const PRUNE: Duration = Duration::from_secs(3600);
/// At the stop each part gets this long to end in order.
const FAREWELL: Duration = Duration::from_secs(35);

/// Where a running instance can be reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The milter.
    pub milter: Listen,
    /// HTTP.
    pub web: SocketAddr,
    /// Has the configuration read again.
    pub reload: Reload,
}

/// `sms-milter run`: configuration, logging, signals, then [`run`].
pub async fn serve(path: &Path) -> Result<(), Failure> {
    let settings = config::load(path)?;
    crate::logging::start(&settings.log);
    for warning in &settings.warnings {
        tracing::warn!(event = "config", "{warning}");
    }
    let (tell, stop) = watch::channel(false);
    tokio::spawn(signals(tell));
    // From here on a SIGHUP is no end, also while the store opens.
    let hangups = signal(SignalKind::hangup())?;
    let ready = move |addresses: &Addresses| {
        tokio::spawn(reload::on_hangups(hangups, addresses.reload.clone()));
        tracing::info!(milter = %addresses.milter, web = %addresses.web, event = "ready");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    };
    run(settings, World::real(), stop, ready).await
}

async fn signals(tell: watch::Sender<bool>) {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    tracing::info!(event = "stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    let _ = tell.send(true);
    // A second signal is for those who cannot wait.
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    std::process::exit(75);
}

/// Runs everything until `stop` turns true or the store dies. `ready` is called once all doors are open.
pub async fn run(
    settings: Settings,
    world: World,
    mut stop: watch::Receiver<bool>,
    ready: impl FnOnce(&Addresses),
) -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = open_store(&settings).await?;
    let directory = settings.store.path.clone();
    let milter = milter::bind(&settings.milter).await.map_err(|e| {
        Failure::temporary(format!("milter.listen: {}: {e}", settings.milter.listen))
    })?;
    let web = TcpListener::bind(settings.web.listen)
        .await
        .map_err(|e| Failure::temporary(format!("web.listen: {}: {e}", settings.web.listen)))?;
    let control = control::bind(&settings.control)
        .map_err(|e| Failure::temporary(format!("control: {}: {e}", settings.control.display())))?;
    let (reload, reloads) = mpsc::channel(RELOADS);
    let addresses = Addresses {
        milter: milter.address().clone(),
        web: web.local_addr()?,
        reload: reload.clone(),
    };

    let (hurry, ending) = watch::channel(false);
    let parts = Parts::new(
        &settings,
        store.clone(),
        world.clone(),
        Some(reload.clone()),
    )?;
    let (events, received) = mpsc::channel(EVENTS);
    let mut inner = JoinSet::new();
    for gateway in &parts.gateways {
        inner.spawn(Arc::clone(gateway).run(events.clone(), ending.clone()));
    }
    inner.spawn(pump(
        received,
        parts.outbound.clone(),
        parts.inbound.clone(),
    ));
    inner.spawn(parts.inbound.clone().run(ending.clone()));
    inner.spawn(parts.injector.clone().run(ending.clone()));
    inner.spawn(parts.outbound.clone().end_waits(ending.clone()));
    let together = parts.outbound.clone();
    inner.spawn(together.tell_together(Gather::default(), ending.clone()));
    let watched = (parts.gateways.clone(), ending.clone());
    inner.spawn(parts.outbound.alarms.clone().watch(watched.0, watched.1));
    let alarms = parts.outbound.alarms.clone();
    let loops = parts.outbound.loops.clone();
    inner.spawn(loops.tell(alarms.clone(), ending.clone()));
    inner.spawn(parts.outbound.alarms.clone().watch_mta(
        parts.target.clone(),
        parts.injector.trouble(),
        ending.clone(),
    ));
    inner.spawn(room::watch(
        store.clone(),
        alarms,
        world.clone(),
        ending.clone(),
    ));
    inner.spawn(prune(store.clone(), world.clone(), ending.clone()));
    inner.spawn(watchdog(ending.clone()));
    inner.spawn(control::serve(control, parts.desk.clone(), ending.clone()));
    let web_state = parts.web_state(&settings, events, world.clone());
    let mut doors = JoinSet::new();
    {
        let (settings, outbound) = (settings.milter.clone(), parts.outbound.clone());
        let stop = ending.clone();
        doors.spawn(async move { milter::serve(milter, &settings, outbound, stop).await });
    }
    let web_stop = ending.clone();
    doors.spawn(async move {
        if let Err(error) = web::serve(web, web_state, web_stop).await {
            tracing::error!(%error, event = "web-failed");
        }
    });
    let common = settings.gateways.iter().map(GatewaySettings::common);
    let resting = common
        .filter(|common| !common.active)
        .map(|common| common.id.clone());
    let (outbound, gateways) = (parts.outbound.clone(), parts.gateways.clone());
    let dispatcher = Dispatcher::new(outbound, gateways, resting.collect());
    let reloader = Reloader::new(settings, &parts);
    inner.spawn(reloader.run(reloads, ending.clone()));
    let mut dispatching = tokio::spawn(dispatcher.run(ending.clone()));
    ready(&addresses);

    let died = tokio::select! {
        // In this order: what else breaks when the store dies is not the cause.
        biased;
        _ = stop.wait_for(|stop| *stop) => None,
        reason = store.died() => Some(reason),
        // Half a daemon takes messages that it never sends: rather none, and a supervisor's new one.
        reason = broken(&mut inner, &mut doors, &mut dispatching) => Some(reason?),
    };
    let _ = hurry.send(true);
    if let Some(reason) = died {
        // What is in memory is not to be trusted; the supervisor starts us again (durability 2.7, 6).
        return Err(Failure::temporary(format!(
            "the store in {} has failed: {reason}. What was accepted is still there: make room or \
             mend the disk, and start again",
            directory.display()
        )));
    }
    // Doors first: what they have in hand still becomes durable; then what is on the wire.
    let farewell = async {
        while doors.join_next().await.is_some() {}
        let _ = dispatching.await;
        while inner.join_next().await.is_some() {}
    };
    if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!(event = "stopped-late");
    }
    tracing::info!(event = "stopped");
    Ok(())
}

/// Waits until a part ends that must not: a door or the dispatcher at all, any other by a panic. `Ok`: the
/// dispatcher was the first to hear that the store is dead, for this reason.
async fn broken(
    inner: &mut JoinSet<()>,
    doors: &mut JoinSet<()>,
    dispatching: &mut JoinHandle<Result<(), StoreError>>,
) -> Result<String, Failure> {
    let bug = |part: &str| {
        Err(Failure {
            code: 70,
            text: format!("{part} has ended, which is a bug in sms-milter; the log says more"),
        })
    };
    loop {
        tokio::select! {
            Some(ended) = inner.join_next() => if ended.is_err() {
                return bug("a gateway, the inbound path or the mail injector");
            },
            Some(_) = doors.join_next() => return bug("the milter or the web server"),
            ended = &mut *dispatching => return match ended {
                Ok(Err(StoreError::Dead(reason))) => Ok(reason),
                _ => bug("the dispatcher"),
            },
        }
    }
}

async fn open_store(settings: &Settings) -> Result<Arc<SledStore>, Failure> {
    let store = settings.store.clone();
    let opened = tokio::task::spawn_blocking(move || {
        number::warm_up();
        SledStore::open(&store)
    });
    match opened.await {
        Ok(opened) => opened.map_err(unopened),
        Err(_) => Err(Failure {
            code: 70,
            text: "opening the store failed".into(),
        }),
    }
}

/// What a supervisor should do about a store that does not open.
fn unopened(error: OpenError) -> Failure {
    Failure {
        code: error.exit_code(),
        text: error.to_string(),
    }
}

/// The desk of a store that no daemon holds.
pub async fn open_desk(settings: Settings, world: World) -> Result<Desk, Failure> {
    let store = open_store(&settings).await?;
    let parts = Parts::new(&settings, store, world, None)?;
    Arc::into_inner(parts.desk).ok_or_else(|| Failure {
        code: 70,
        text: "desk".into(),
    })
}

/// The parts, connected.
struct Parts {
    gateways: Vec<Arc<dyn Gateway>>,
    outbound: Arc<Outbound>,
    inbound: Arc<Inbound>,
    injector: Arc<Injector>,
    /// Where mails are handed in.
    target: String,
    simulated: Vec<Arc<Simulated>>,
    desk: Arc<Desk>,
    /// Who is told by HTTP, and how.
    programs: Arc<Programs>,
    /// Who is not told by mail.
    told: Live<HashSet<String>>,
    /// Who may send by HTTP.
    accounts: Live<Accounts>,
}

/// The gateways of the configuration for those who list them, with those that are active.
fn listed(settings: &Settings, active: &[Arc<dyn Gateway>]) -> Vec<Listed> {
    let list = |gateway: &GatewaySettings| Listed {
        common: gateway.common().clone(),
        kind: match gateway {
            GatewaySettings::Modem(_) => "modem",
            GatewaySettings::Http(_) => "http",
            GatewaySettings::Simulated(_) => "simulated",
        },
        gateway: active
            .iter()
            .find(|active| active.common().id == gateway.common().id)
            .cloned(),
    };
    settings.gateways.iter().map(list).collect()
}

/// What gateways remember, in the store.
struct StoreMemory(Arc<dyn Store>);

#[async_trait]
impl Memory for StoreMemory {
    async fn recall(&self, about: &str) -> Option<Note> {
        let note = self.0.note(about).await;
        note.inspect_err(|error| tracing::warn!(%error, event = "not-recalled"))
            .ok()
    }

    async fn remember(&self, about: &str, note: Note) -> bool {
        let noted = self.0.write_note(about, note).await;
        noted
            .inspect_err(|error| tracing::warn!(%error, event = "not-remembered"))
            .is_ok()
    }
}

impl Parts {
    fn new(
        settings: &Settings,
        store: Arc<dyn Store>,
        world: World,
        reload: Option<Reload>,
    ) -> Result<Self, Failure> {
        let mut gateways: Vec<Arc<dyn Gateway>> = Vec::new();
        let mut simulated = Vec::new();
        for gateway in &settings.gateways {
            match gateway {
                GatewaySettings::Modem(modem) if modem.common.active => {
                    let memory = Arc::new(StoreMemory(store.clone()));
                    gateways.push(Modem::new(modem.clone(), world.clone(), memory));
                }
                GatewaySettings::Http(http) if http.common.active => {
                    let http = Http::new(http.clone(), world.clone())
                        .map_err(|e| Failure::config(e.to_string()))?;
                    gateways.push(http);
                }
                GatewaySettings::Simulated(common) if common.active => {
                    let network = Simulated::new(common.clone(), world.clone());
                    simulated.push(network.clone());
                    gateways.push(network);
                }
                _ => {}
            }
        }
        let (message_bell, mail_bell) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let writer = notify::Writer {
            letterhead: settings.letterhead.clone(),
            envelope_from: settings.envelope_from.clone(),
            admin: settings.admin.clone(),
            programs: Live::new(settings.programs.keys().cloned().collect()),
            speech: Live::new(settings.speech.clone()),
        };
        let told = writer.programs.clone();
        let programs = Programs::new(settings.programs.clone(), world.clone());
        let programs = programs.map_err(|e| Failure::config(format!("users: post: {e}")))?;
        let programs = Arc::new(programs);
        let outbound = Outbound::new(
            settings.planner(),
            settings.queue.clone(),
            store.clone(),
            world.clone(),
            writer,
            message_bell.clone(),
            mail_bell.clone(),
        );
        let inbound = Inbound::new(
            settings.inbound.clone(),
            store.clone(),
            world.clone(),
            mail_bell.clone(),
            message_bell,
            outbound.clone().into(),
        );
        let injector = Injector::new(
            settings.inject.clone(),
            programs.clone(),
            store,
            world,
            mail_bell,
        );
        let desk = Arc::new(Desk {
            outbound: outbound.clone(),
            inbound: inbound.clone(),
            simulated: simulated.clone(),
            reload,
            gateways: listed(settings, &gateways),
        });
        Ok(Self {
            gateways,
            outbound,
            inbound,
            injector,
            target: settings.inject.target.to_string(),
            simulated,
            desk,
            programs,
            told,
            accounts: Live::new(settings.accounts.clone()),
        })
    }

    fn web_state(&self, settings: &Settings, events: Events, world: World) -> WebState {
        let hook = |gateway: &GatewaySettings| match gateway {
            GatewaySettings::Http(http) if http.common.active => Some((
                http.common.id.clone(),
                HookSettings::new(http, settings.web.public_url.as_deref()),
            )),
            _ => None,
        };
        // Wherever a message can go now or later, mail for it may be taken.
        let ready = || Ok(());
        WebState {
            hooks: settings.gateways.iter().filter_map(hook).collect(),
            events,
            simulated: self.simulated.clone(),
            admins: settings.web.admins.clone().into_iter().collect(),
            sms: settings.web.compat_icewarp.then(|| web::sms::Door {
                accounts: self.accounts.clone(),
                outbound: self.outbound.clone(),
            }),
            compat_icewarp: settings.web.compat_icewarp,
            public_url: settings.web.public_url.clone(),
            trusted_proxies: settings.web.trusted_proxies.clone(),
            ready: Arc::new(ready),
            workers: self.outbound.checks.workers.clone(),
            world,
        }
    }
}

/// Brings what gateways tell to the path it belongs to. Side by side, so that they share one flush; when
/// the store is slow, gateways wait.
async fn pump(mut events: mpsc::Receiver<Event>, outbound: Arc<Outbound>, inbound: Arc<Inbound>) {
    let mut tasks = JoinSet::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Receipt { report, kept } => {
                let outbound = outbound.clone();
                tasks.spawn(async move {
                    if let Some(answer) = outbound.receipt(*report).await {
                        let _ = kept.send(answer);
                    }
                });
            }
            Event::Late {
                gateway,
                id,
                part,
                reference,
            } => outbound.late(&gateway, id, part, &reference).await,
            Event::Alert {
                gateway,
                concern,
                text,
            } => outbound.alarms.raise(&gateway, concern, &text).await,
            Event::Over { gateway, concern } => outbound.alarms.over(&gateway, concern).await,
            received @ Event::Received { .. } => {
                let inbound = inbound.clone();
                tasks.spawn(async move { inbound.receive(received).await });
            }
        }
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= EVENTS {
            tasks.join_next().await;
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn prune(store: Arc<SledStore>, world: World, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(PRUNE) => {}
            _ = stop.changed() => return,
        }
        let now = world.now();
        match store.prune(now, now - RETENTION).await {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, event = "pruned"),
            Err(error) => tracing::warn!(%error, event = "prune-failed"),
        }
    }
}

/// Tells systemd that the runtime still turns.
async fn watchdog(mut stop: watch::Receiver<bool>) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    while !*stop.borrow() {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        tokio::select! {
            () = tokio::time::sleep(interval / 3) => {}
            _ = stop.changed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ends, and how the process does.
    async fn check(inner: impl Fn(&mut JoinSet<()>), ended: Option<Result<(), StoreError>>) -> u8 {
        let (mut parts, mut doors) = (JoinSet::new(), JoinSet::new());
        doors.spawn(std::future::pending());
        inner(&mut parts);
        let mut dispatching = tokio::spawn(async {
            match ended {
                Some(ended) => ended,
                None => std::future::pending().await,
            }
        });
        match broken(&mut parts, &mut doors, &mut dispatching).await {
            Ok(_) => 75,
            Err(failure) => failure.code,
        }
    }

    #[tokio::test]
    async fn a_part_that_breaks_ends_the_whole() {
        let panics = |parts: &mut JoinSet<()>| {
            // The watchdog ends at once where systemd does not ask for it.
            parts.spawn(async {});
            parts.spawn(async { panic!("for the test") });
        };
        assert_eq!(check(panics, None).await, 70);
        assert_eq!(check(|_| {}, Some(Ok(()))).await, 70);
        let dead = StoreError::Dead("disk".into());
        assert_eq!(check(|_| {}, Some(Err(dead))).await, 75);
    }
}
