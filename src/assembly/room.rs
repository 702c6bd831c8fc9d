//! Tells of a disk without room: while there is too little, the store refuses what is new and says so to
//! who brings it; here it comes into the log, once when it begins and once when it ends, and to the admin.
//!
//! The mail goes into the store like every other, while there is room for a word; otherwise it follows when
//! there is.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::outbound::alarm::Alarms;
use crate::store::sled::SledStore;
use crate::store::sled::guard::Room;
use crate::world::World;

/// How often the disk is measured when nobody needs room.
const LOOK: Duration = Duration::from_secs(5);

/// Room that lasts so long ends the concern: what comes after is mailed anew.
const LASTS: Duration = Duration::from_secs(600);

/// Watches until `stop`.
pub(super) async fn watch(
    store: Arc<SledStore>,
    alarms: Arc<Alarms>,
    world: World,
    mut stop: watch::Receiver<bool>,
) {
    let room = store.room().clone();
    let mut cramped = room.cramped();
    let (mut incident, mut ended) = (None, None);
    while !*stop.borrow() {
        // What was refused since the last look began an incident, even when there is room by now.
        let refused = *cramped.borrow_and_update();
        if let Some(disk) = measured(&room).await {
            if refused || !disk.enough {
                incident.get_or_insert_with(|| Incident::begin(&room, disk.free, world.now()));
            }
            if let Some(now) = &mut incident {
                now.tell(&alarms, &disk, world.now()).await;
                if disk.enough && now.mailed {
                    incident = None;
                    ended = Some(Instant::now());
                }
            }
        }
        if incident.is_none() && ended.is_some_and(|ended: Instant| ended.elapsed() >= LASTS) {
            ended = None;
            alarms.room_again().await;
        }
        tokio::select! {
            _ = cramped.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// The disk at a time.
struct Disk {
    free: u64,
    enough: bool,
    for_a_word: bool,
}

/// `None`: it does not say. The store finds out, too, and ends.
async fn measured(room: &Room) -> Option<Disk> {
    let room = room.clone();
    let measure = move || {
        Some(Disk {
            free: room.free().ok()?,
            enough: room.is_enough().ok()?,
            for_a_word: room.is_enough_for_a_word().ok()?,
        })
    };
    // A disk may take its time.
    tokio::task::spawn_blocking(measure).await.ok()?
}

/// From too little room to enough.
struct Incident {
    text: String,
    since: Timestamp,
    is_over: bool,
    mailed: bool,
}

impl Incident {
    fn begin(room: &Room, free: u64, since: Timestamp) -> Self {
        let text = format!(
            "the disk of {} has {} MiB free and needs {} (or has too few inodes): new SMS are refused, those \
             taken before still go out",
            room.directory().display(),
            free >> 20,
            room.floor().div_ceil(1 << 20),
        );
        tracing::warn!(event = "store-full", "{text}");
        Self {
            text,
            since,
            is_over: false,
            mailed: false,
        }
    }

    async fn tell(&mut self, alarms: &Alarms, disk: &Disk, now: Timestamp) {
        if disk.enough && !self.is_over {
            tracing::warn!(
                event = "store-has-room",
                "there is room again: new SMS are taken"
            );
        }
        self.is_over = disk.enough;
        if self.mailed || !disk.for_a_word {
            return;
        }
        let shown = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let text = match disk.enough {
            true => format!(
                "From {} to {}: {}.",
                shown(self.since),
                shown(now),
                self.text
            ),
            false => format!("Since {}: {}.", shown(self.since), self.text),
        };
        self.mailed = alarms.no_room(&text).await;
    }
}
