//! What an admin is told of gateways and of spending: a log line and one mail for each concern, until it
//! is over.
//!
//! A concern that is told is not told again within a day, also over a restart, unless it was over in
//! between; a gateway that is parked for another reason is another concern. Nothing waits for an alarm:
//! one that the store has no room for is in the log only, and is told when it is raised again.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, MutexGuard, Notify, watch};
use tokio::task::JoinSet;

use super::notify::{self, Writer};
use super::unmailed;
use crate::gateway::{Concern, Gateway, Status};
use crate::mail::report::Report;
use crate::sms::Number;
use crate::store::{Note, Store};
use crate::world::World;

/// How the keys of what concerns spending begin.
pub(super) const SPEND: &str = "spend ";

/// How the keys of circles begin.
const CIRCLE: &str = "circle ";

/// So many circles are told of in a day: who may send can make as many as there are numbers.
const MAX_CIRCLES: usize = 20;

/// Where the store keeps what was told.
const ABOUT: &str = "alarms";

/// What stands for a gateway where the concern is all gateways'.
const STORE: &str = "store";

/// A concern that goes on is told again so often at most.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A gateway that is down for less needs nobody: a modem that is plugged in again takes a minute.
const DOWN: Duration = Duration::from_secs(600);

/// See the module.
pub struct Alarms {
    store: Arc<dyn Store>,
    world: World,
    writer: Writer,
    wake_mail: Arc<Notify>,
    /// `None` until it was read: gateway and concern, to the time and the words.
    told: Mutex<Option<Note>>,
}

impl Alarms {
    /// `wake_mail` is rung whenever a mail was queued.
    pub fn new(
        store: Arc<dyn Store>,
        world: World,
        writer: Writer,
        wake_mail: Arc<Notify>,
    ) -> Self {
        Self {
            store,
            world,
            writer,
            wake_mail,
            told: Mutex::new(None),
        }
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// Who writes what the admin is told.
    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Tells the admin, unless that was done. `text`: what is wrong and what to do.
    pub async fn raise(&self, gateway: &str, concern: Concern, text: &str) {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        let (key, now) = (key(gateway, concern), self.world.now());
        if told
            .get(&key)
            .is_some_and(|was| is_same(was, concern, text, now))
        {
            return;
        }
        tracing::warn!(
            gw = gateway,
            concern = concern.name(),
            event = "alarm",
            "{text}"
        );
        let mail = notify::alarm(&self.writer, &self.world, gateway, concern, text);
        if let Err(error) = self.store.put(now, Vec::new(), vec![mail]).await {
            tracing::warn!(gw = gateway, %error, event = "alarm-not-mailed");
            return;
        }
        self.wake_mail.notify_one();
        told.insert(key, format!("{now} {text}"));
        self.write(told).await;
    }

    /// Tells the admin that mails between an account and a phone go in a circle, and were stopped.
    pub(super) async fn circle(&self, account: &str, phone: Option<&Number>, now: Timestamp) {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        told.retain(|key, was| !key.starts_with(CIRCLE) || is_fresh(was, now));
        let phone = phone.map(Number::to_string).unwrap_or_default();
        let key = format!("{CIRCLE}{account} {phone}");
        let known = told.keys().filter(|key| key.starts_with(CIRCLE)).count();
        if told.contains_key(&key) || known >= MAX_CIRCLES {
            return;
        }
        let (subject, text) = unmailed::circle(&self.writer, account, &phone);
        self.tell(told, key, &subject, &text).await;
    }

    /// Tells the admin of what concerns no gateway, unless that was done under this key within a day.
    pub(super) async fn tell_of(&self, key: &str, subject: &str, text: &str) {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        let now = self.world.now();
        if told.get(key).is_none_or(|was| !is_fresh(was, now)) {
            self.tell(told, key.to_owned(), subject, text).await;
        }
    }

    async fn tell(&self, told: &mut Note, key: String, subject: &str, text: &str) {
        let now = self.world.now();
        tracing::warn!(concern = key, event = "alarm");
        let mail = self
            .writer
            .post(&self.world, &self.writer.admin, None, |blank| Report {
                subject,
                text,
                ..blank
            });
        if let Err(error) = self.store.put(now, Vec::new(), vec![mail]).await {
            tracing::warn!(concern = key, %error, event = "alarm-not-mailed");
            return;
        }
        self.wake_mail.notify_one();
        told.insert(key, format!("{now} {subject}"));
        self.write(told).await;
    }

    /// Tells the admin that the store has, or had, too little room, unless that was done; the log has it.
    /// `false`: there was no room to tell it, and it is to be tried again.
    pub async fn no_room(&self, text: &str) -> bool {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        let (key, now) = (key(STORE, Concern::Room), self.world.now());
        let was = told.get(&key);
        if was.is_some_and(|was| is_same(was, Concern::Room, text, now)) {
            return true;
        }
        let mail = notify::alarm(&self.writer, &self.world, STORE, Concern::Room, text);
        if self.store.put(now, Vec::new(), vec![mail]).await.is_err() {
            return false;
        }
        self.wake_mail.notify_one();
        told.insert(key, format!("{now} {text}"));
        self.write(told).await;
        true
    }

    /// There has been room for so long that the next time is told again.
    pub async fn room_again(&self) {
        self.over(STORE, Concern::Room).await;
    }

    /// The concern is over: the next one is told again.
    pub async fn over(&self, gateway: &str, concern: Concern) {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        if told.remove(&key(gateway, concern)).is_some() {
            tracing::info!(gw = gateway, concern = concern.name(), event = "alarm-over");
            self.write(told).await;
        }
    }

    /// Looks after the states of gateways until `stop`.
    pub async fn watch(
        self: Arc<Self>,
        gateways: Vec<Arc<dyn Gateway>>,
        stop: watch::Receiver<bool>,
    ) {
        let mut tasks = JoinSet::new();
        for gateway in gateways {
            let (me, mut stop) = (Arc::clone(&self), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = me.watch_one(&*gateway) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn watch_one(&self, gateway: &dyn Gateway) {
        let (id, mut status) = (&gateway.common().id, gateway.status());
        loop {
            let now = status.borrow_and_update().clone();
            match now {
                Status::Up => {
                    self.over(id, Concern::Parked).await;
                    self.over(id, Concern::Down).await;
                }
                Status::Parked(reason) => {
                    let text = match gateway.remedy() {
                        Some(remedy) => format!("{reason}. {remedy}"),
                        None => reason,
                    };
                    self.raise(id, Concern::Parked, &text).await;
                }
                // Whether that is over is not known yet.
                Status::Trying(_) => {}
                Status::Down(_) => {
                    let long = tokio::time::timeout(DOWN, status.wait_for(|now| !is_down(now)));
                    if long.await.is_err() {
                        let reason = match &*status.borrow_and_update() {
                            Status::Down(reason) | Status::Trying(reason) => reason.clone(),
                            _ => continue,
                        };
                        let text = format!("it has been down for ten minutes: {reason}");
                        self.raise(id, Concern::Down, &text).await;
                    } else {
                        // Whatever it is now is looked at now.
                        continue;
                    }
                }
            }
            if status.changed().await.is_err() {
                return;
            }
        }
    }

    /// Begins what is put together with mails to the admin; others wait until it is done or dropped.
    pub(super) async fn raising(&self) -> Raising<'_> {
        let mut told = self.told.lock().await;
        if told.is_none() {
            *told = Some(self.recall().await);
        }
        Raising {
            alarms: self,
            told,
            news: Vec::new(),
        }
    }

    /// Concerns whose keys begin so are over.
    pub(super) async fn over_all(&self, prefix: &str) {
        let mut told = self.told.lock().await;
        let told = told.get_or_insert(self.recall().await);
        let before = told.len();
        told.retain(|key, _| !key.starts_with(prefix));
        if told.len() < before {
            self.write(told).await;
        }
    }

    async fn recall(&self) -> Note {
        // What cannot be read is told once more.
        self.store.note(ABOUT).await.unwrap_or_default()
    }

    async fn write(&self, told: &Note) {
        if let Err(error) = self.store.write_note(ABOUT, told.clone()).await {
            tracing::warn!(%error, event = "alarm-not-noted");
        }
    }
}

/// Alarms that go into the store with what they are about. Dropped, nothing was told.
pub(super) struct Raising<'a> {
    alarms: &'a Alarms,
    told: MutexGuard<'a, Option<Note>>,
    news: Vec<(String, String)>,
}

impl Raising<'_> {
    /// What was news so far is not going to be told after all.
    pub(super) fn forget(&mut self) {
        self.news.clear();
    }

    /// Whether the admin is to be told under this key: not when that was done within a day.
    pub(super) fn is_news(&mut self, key: String, text: &str, now: Timestamp) -> bool {
        let told = self.told.as_ref().and_then(|told| told.get(&key));
        let same = told.is_some_and(|was| is_fresh(was, now));
        if same || self.news.iter().any(|(known, _)| *known == key) {
            return false;
        }
        self.news.push((key, format!("{now} {text}")));
        true
    }

    /// The mails are in the store.
    pub(super) async fn done(mut self, now: Timestamp) {
        let Some(told) = self.told.as_mut().filter(|_| !self.news.is_empty()) else {
            return;
        };
        for (key, _) in &self.news {
            tracing::warn!(concern = key, event = "alarm", "messages are held");
        }
        // Those of another day would only pile up.
        told.retain(|key, was| !key.starts_with(SPEND) || is_fresh(was, now));
        told.extend(self.news);
        self.alarms.write(told).await;
    }
}

/// A try now and then does not make it up.
fn is_down(status: &Status) -> bool {
    matches!(status, Status::Down(_) | Status::Trying(_))
}

fn key(gateway: &str, concern: Concern) -> String {
    format!("{gateway} {}", concern.name())
}

/// Whether `was` (time and words) makes `text` no news.
fn is_same(was: &str, concern: Concern, text: &str, now: Timestamp) -> bool {
    let (_, words) = was.split_once(' ').unwrap_or((was, ""));
    // Another reason, another day: another thing to do.
    let by_words = matches!(concern, Concern::Parked | Concern::Limit);
    is_fresh(was, now) && (!by_words || words == text)
}

/// Whether `was` (time and words) was told within a day.
fn is_fresh(was: &str, now: Timestamp) -> bool {
    let (at, _) = was.split_once(' ').unwrap_or((was, ""));
    // A clock that went back does not silence an alarm for longer.
    at.parse::<Timestamp>()
        .is_ok_and(|at| now.duration_since(at).abs() < AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_no_news_for_a_day() {
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let was = format!("{} no SIM", at(100));
        for (concern, text, hours, same) in [
            (Concern::Parked, "no SIM", 101, true),
            (Concern::Parked, "no SIM", 123, true),
            (Concern::Parked, "no SIM", 124, false),
            (Concern::Parked, "wrong PIN", 101, false),
            (Concern::Storage, "39 of 40", 101, true),
            (Concern::Storage, "39 of 40", 70, false),
        ] {
            assert_eq!(
                is_same(&was, concern, text, at(hours)),
                same,
                "{concern:?} {text} {hours}"
            );
        }
        assert!(!is_same("rubbish", Concern::Down, "", at(0)));
    }
}
