//! Taking over a changed configuration while mails are in hand.
//!
//! All of it is read and judged as at the start. When anything is wrong with it nothing changes, and the log
//! says what. Else the new people, policies, numbers, texts, limits and rules are put where the parts look
//! ([`Live`]), one after the other: a mail keeps those it began with, and no mail is refused meanwhile. What only
//! a restart changes ([`crate::config::Fixed`]) stays as it is and is named in a warning, each time.
//!
//! A rule or a user that names a gateway which is not running yet would have mails refused that a restart would
//! send. So that is wrong, too.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, oneshot, watch};

use super::Parts;
use crate::config::{self, Fixed, Gateway as GatewaySettings, Settings};
use crate::control::Reload;
use crate::gateway::Common;
use crate::inbound::Inbound;
use crate::live::Live;
use crate::mail::inject::Injector;
use crate::outbound::Outbound;
use crate::rules::Action;
use crate::web::{post::Programs, sms::Accounts};

/// What an admin may want to change; or what is wrong.
type Answer = Result<Vec<String>, String>;

/// Knows where the parts look, and what stays.
pub(super) struct Reloader {
    file: Option<PathBuf>,
    fixed: Fixed,
    /// The gateways that run.
    gateways: Vec<Common>,
    /// Those of the configuration at the start, running or not.
    known: BTreeSet<String>,
    outbound: Arc<Outbound>,
    inbound: Arc<Inbound>,
    injector: Arc<Injector>,
    programs: Arc<Programs>,
    told: Live<std::collections::HashSet<String>>,
    accounts: Live<Accounts>,
}

impl Reloader {
    /// `settings`: those of the start, of which nothing else is needed any more.
    pub fn new(settings: Settings, parts: &Parts) -> Self {
        let ids = settings.gateways.iter().map(GatewaySettings::common);
        Self {
            known: ids.map(|common| common.id.clone()).collect(),
            gateways: parts.outbound.planner().gateways.clone(),
            file: settings.file,
            fixed: settings.fixed,
            outbound: parts.outbound.clone(),
            inbound: parts.inbound.clone(),
            injector: parts.injector.clone(),
            programs: parts.programs.clone(),
            told: parts.told.clone(),
            accounts: parts.accounts.clone(),
        }
    }

    /// Reloads whenever asked, until `stop`.
    pub async fn run(
        self,
        mut asked: mpsc::Receiver<oneshot::Sender<Answer>>,
        mut stop: watch::Receiver<bool>,
    ) {
        while !*stop.borrow() {
            let answer = tokio::select! {
                Some(answer) = asked.recv() => answer,
                _ = stop.changed() => return,
            };
            tell_systemd_begin();
            let done = self.reload().await;
            match &done {
                Ok(warnings) => {
                    for warning in warnings {
                        tracing::warn!(event = "config", "{warning}");
                    }
                    let users = self.outbound.planner().access.people().len();
                    tracing::info!(users, event = "reloaded");
                }
                Err(wrong) => {
                    for line in wrong.lines() {
                        tracing::error!(event = "config", "{line}");
                    }
                    tracing::error!(
                        event = "not-reloaded",
                        "the configuration in use stays as it was"
                    );
                }
            }
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            // Whoever asked may have gone.
            let _ = answer.send(done);
        }
    }

    async fn reload(&self) -> Answer {
        let Some(file) = self.file.clone() else {
            return Err("this daemon was not started from a file".to_owned());
        };
        // A hundred thousand users take a while, and others are to be answered meanwhile.
        let read = tokio::task::spawn_blocking(move || config::load(&file));
        let new = match read.await {
            Ok(Ok(new)) => new,
            Ok(Err(errors)) => return Err(errors.to_string().trim_end().to_owned()),
            Err(_) => return Err("reading the configuration failed, which is a bug".to_owned()),
        };
        self.check_gateways(&new)?;
        let mut warnings = new.warnings.clone();
        let fixed = self.fixed.differ(&new.fixed);
        if !fixed.is_empty() {
            warnings.push(format!("needs a restart: {}", fixed.join(", ")));
        }
        self.take(new)
            .map_err(|error| format!("users: post: {error}"))?;
        Ok(warnings)
    }

    /// Every gateway that something of it goes through must run, or have been known at the start.
    fn check_gateways(&self, new: &Settings) -> Result<(), String> {
        let common = new.gateways.iter().map(|gateway| &gateway.common().id);
        let added: BTreeSet<_> = common.filter(|id| !self.known.contains(*id)).collect();
        if added.is_empty() {
            return Ok(());
        }
        let why = |place: String, id: &String| {
            Err(format!(
                "{place}: the gateway {id} is new and does not run yet: restart sms-milter"
            ))
        };
        for (i, rule) in new.outgoing.iter().enumerate() {
            if let Action::Gateways(ids, _) = &rule.action
                && let Some(id) = ids.iter().find(|id| added.contains(id))
            {
                return why(format!("outgoing[{i}].gateway"), id);
            }
        }
        for user in new.access.users.iter() {
            if let Some(id) = user.gateway.as_ref().filter(|id| added.contains(id)) {
                return why(format!("the user {}", user.email), id);
            }
        }
        Ok(())
    }

    /// From here on it is so, but for what is fixed.
    fn take(&self, new: Settings) -> Result<(), reqwest::Error> {
        let told = new.programs.keys().cloned().collect();
        self.programs.set(new.programs.clone())?;
        let mut planner = new.planner();
        planner.gateways = self.gateways.clone();
        planner.expire = self.outbound.planner().expire;
        let running = self.inbound.settings.get();
        let inbound = crate::inbound::Settings {
            join_wait: running.join_wait,
            gateways: running.gateways.clone(),
            hostname: running.hostname.clone(),
            admin: running.admin.clone(),
            mail_from: running.mail_from.clone(),
            envelope_from: running.envelope_from.clone(),
            ..new.inbound
        };
        self.told.set(told);
        self.injector.words.set(new.speech.house().clone());
        self.outbound.writer.speech.set(new.speech);
        self.accounts.set(new.accounts);
        self.injector.default.set(inbound.default.clone());
        self.inbound.settings.set(inbound);
        self.outbound.decides.set(planner);
        Ok(())
    }
}

/// systemd waits for the READY=1 that follows (sd_notify(3)).
fn tell_systemd_begin() {
    if let Ok(now) = sd_notify::NotifyState::monotonic_usec_now() {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading, now]);
    }
}

/// SIGHUP asks for a reload. Several in a row are one.
pub(super) async fn on_hangups(mut hangups: Signal, reload: Reload) {
    while hangups.recv().await.is_some() {
        let (answer, answered) = oneshot::channel();
        if reload.send(answer).await.is_err() {
            return;
        }
        // The log says how it went.
        let _ = answered.await;
    }
}
