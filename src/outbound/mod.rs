//! The path of a mail to a phone: `plan → accept → dispatch → settle → notify`.
//!
//! [`Outbound`] is what the doors call. It decides who may send what to whom ([`plan`]), makes it
//! durable before it says yes ([`accept`]), sends it ([`dispatch`]), records what became of it
//! ([`settle`]), hears what the network says of it later ([`receipt`]) and tells the sender
//! ([`notify`]).

pub mod accept;
pub mod admit;
pub mod alarm;
pub mod ask;
pub mod cause;
pub mod credentials;
pub mod dispatch;
pub mod forward;
pub mod heed;
mod lane;
pub mod limits;
pub mod lookup;
pub mod loops;
pub mod manage;
pub mod names;
pub mod notify;
mod optout;
pub mod original;
mod people;
pub mod phonebook;
pub mod plan;
pub mod readings;
mod reason;
pub mod receipt;
pub mod settle;
pub mod spend;
mod status;
pub mod tell;
mod unmailed;
pub mod waiting;
pub mod wishes;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::live::Live;
use crate::mail::Reply;
use crate::mail::address::Verbatim;
use crate::mail::dsn::OfRecipient;

pub use crate::mail::{Client, Envelope};
use crate::pace::Spate;
use crate::store::Store;
use crate::world::World;

/// A recipient that is ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    /// The RCPT argument: what DELRCPT must say.
    pub rcpt: Verbatim,
    /// What it asks of reports.
    pub dsn: OfRecipient,
    /// Who sends what where; or why not, when it could not be refused at RCPT.
    pub taken: Result<admit::Taken, Reply>,
}

/// The answer to RCPT.
#[derive(Clone, Debug, PartialEq)]
pub enum AtRcpt {
    /// Ordinary mail.
    NotOurs,
    /// Ours, and taken.
    Taken(Box<Recipient>),
    /// Ours, and refused.
    Refused(Reply),
}

/// The answer to the end of the message.
#[derive(Clone, Debug, PartialEq)]
pub enum AtEnd {
    /// Durable. Delete our recipients and accept.
    Accept {
        /// DELRCPT arguments.
        delete: Vec<Verbatim>,
        /// Keys that make a repeat of this mail harmless only while the client may not know that we
        /// have it: hand them to [`Outbound::ended_in_order`] when it does.
        weak: Vec<[u8; 32]>,
    },
    /// Nothing was stored.
    Refuse(Reply),
}

/// The outbound path as the doors see it.
pub struct Outbound {
    /// All that decides; a reload exchanges it. See [`Outbound::planner`].
    pub decides: Live<plan::Planner>,
    /// How long, how often.
    pub settings: settle::Settings,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// Time and randomness.
    pub world: World,
    /// Writes our mails.
    pub writer: notify::Writer,
    /// What an admin is told.
    pub alarms: Arc<alarm::Alarms>,
    /// Whether passwords and tokens in addresses are right.
    pub checks: credentials::Checks,
    /// Machines that answer each other.
    pub loops: Arc<loops::Loops>,
    /// The attempts that are open.
    flights: receipt::Flights,
    wake: Arc<Notify>,
    wake_mail: Arc<Notify>,
    /// Rung when a number was learned, or a mail waits for one.
    learned: Notify,
    /// Rung when there is something to be told with other things.
    gathers: Notify,
    /// Of what others cause, and of what fails, so many lines.
    spate: Spate,
}

impl Outbound {
    /// Puts the path together. `wake` is rung by whoever queues a message, `wake_mail` whenever a mail was
    /// queued.
    pub fn new(
        planner: plan::Planner,
        settings: settle::Settings,
        store: Arc<dyn Store>,
        world: World,
        writer: notify::Writer,
        wake: Arc<Notify>,
        wake_mail: Arc<Notify>,
    ) -> Arc<Self> {
        let checks = credentials::Checks::new(&world);
        let alarms = alarm::Alarms::new(
            store.clone(),
            world.clone(),
            writer.clone(),
            wake_mail.clone(),
        );
        Arc::new(Self {
            decides: Live::new(planner),
            settings,
            store,
            world,
            writer,
            alarms: Arc::new(alarms),
            checks,
            loops: Arc::default(),
            flights: receipt::Flights::default(),
            wake,
            wake_mail,
            learned: Notify::new(),
            gathers: Notify::new(),
            spate: Spate::default(),
        })
    }

    /// All that decides, at present. Whoever has a mail in hand keeps what it got when it began.
    pub fn planner(&self) -> Arc<plan::Planner> {
        self.decides.get()
    }

    /// A mail may be due: look.
    pub fn wake_mail(&self) {
        self.wake_mail.notify_one();
    }

    /// Something may be due: look.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}
