//! What a modem's owner says to the core, and hears from it.

use std::time::Duration;

use super::codes::Verdict;
use super::command::{InitLine, Memory, Pin, Tpdu};
use super::reading::{Battery, Network};
use super::ussd;
use crate::sms::Number;

/// What the core needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service centre to set; `None`: the SIM's.
    pub centre: Option<Number>,
    /// Where SMS are stored; `None`: the first of SIM and modem that works.
    pub storage: Option<Memory>,
    /// Commands of the configuration, after the PIN.
    pub init: Vec<InitLine>,
    /// For every answer but that of the network.
    pub timeout: Duration,
    /// For the network's answer.
    pub send_timeout: Duration,
    /// How often the storage is listed and the network looked at.
    pub poll: Duration,
}

/// What the owner wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// The line is open: wake the modem.
    Open,
    /// The answer to [`Event::PinWanted`]; `None`: it may not be tried.
    Pin(Option<Pin>),
    /// Send.
    Send(Sending),
    /// That is durable: delete or acknowledge it.
    Kept(Place),
    /// That could not be kept: hand it over again at the next listing.
    NotKept(Place),
    /// Ask the network that, by USSD; one at a time.
    Ussd(ussd::Code),
    /// Give the open USSD session up.
    UssdEnd,
    /// Start nothing more: what waits is refused, what is in the air is not.
    Finish,
    /// The line is gone, or is about to be closed.
    Lost(String),
}

/// A submission.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    /// The owner's name for it.
    pub ticket: u64,
    /// What.
    pub tpdu: Tpdu,
    /// It bears TP-RD and the TP-MR of an earlier attempt.
    pub repeat: bool,
}

/// What the owner is told. Each [`Command::Send`] gets exactly one of `Sent`, `Refused`, `Unknown`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What it is; told before anything is asked of the SIM.
    Modem(Identity),
    /// The SIM's number (ICCID), when the modem tells it; told before its PIN is wanted, and again
    /// after it when it could not be read before.
    Sim(Option<String>),
    /// The subscriber's number (IMSI), which some SIM tell that have no number of their own.
    Subscriber(String),
    /// The SIM wants its PIN.
    PinWanted,
    /// The PIN was right.
    PinAccepted,
    /// It sends and receives; the signal (TS 27.007 §8.5: 0–31).
    Up(Option<u8>),
    /// It does not, and works on it.
    Down(String),
    /// A human is needed. The core has stopped; [`Command::Open`] starts it again.
    Parked(String),
    /// The modem is silent. The core has stopped; the line should be opened anew.
    Dead(String),
    /// The network has it, and calls it that (TP-MR).
    Sent {
        /// The owner's name for it.
        ticket: u64,
        /// TP-MR; `None`: that of the earlier attempt that this one repeats.
        reference: Option<u8>,
    },
    /// Nothing was sent.
    Refused {
        /// The owner's name for it.
        ticket: u64,
        /// What that means.
        verdict: Verdict,
        /// Why, for people.
        reason: String,
    },
    /// It may have been sent.
    Unknown {
        /// The owner's name for it.
        ticket: u64,
        /// Why that is not known, for people.
        reason: String,
    },
    /// Something arrived; it stays where it is until [`Command::Kept`].
    Arrived {
        /// Where it is.
        place: Place,
        /// SMSC address and TPDU, or whatever the modem gave instead.
        pdu: Vec<u8>,
    },
    /// What became of a submission after all, that was told [`Event::Unknown`] some minutes before.
    Late {
        /// The owner's name for it.
        ticket: u64,
        /// What.
        outcome: Late,
    },
    /// The answer to [`Command::Ussd`]; each gets exactly one.
    Ussd(ussd::Reply),
    /// How it is; told when that changed.
    Health(Health),
    /// The modem says that a storage is full: nothing arrives before something is deleted.
    Full,
    /// The modem was told to start anew (`AT+CFUN=1,1`); see [`super::At::not_restarted_since`].
    Restarted,
    /// How much of the storage is used.
    Room {
        /// Places used.
        used: u16,
        /// Places there are.
        total: u16,
    },
    /// Something an admin may want to know; nothing stops for it.
    Notice(String),
}

/// Where something that arrived is until it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Stored.
    Stored(Memory, u16),
    /// Nowhere, and the so-manieth such: the network waits for our word, or does not.
    Direct(u32),
}

/// What a modem says of itself; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who made it.
    pub maker: Option<String>,
    /// What they call it.
    pub model: Option<String>,
    /// Its firmware.
    pub revision: Option<String>,
    /// Its number (IMEI).
    pub imei: Option<String>,
}

/// How a modem is; what it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the network takes it.
    pub network: Option<Network>,
    /// It is a guest there.
    pub roaming: bool,
    /// TS 27.007 §8.5: 0–31.
    pub signal: Option<u8>,
    /// The operator's name.
    pub operator: Option<String>,
    /// `None`: it has no battery.
    pub battery: Option<Battery>,
}

/// A late answer to a submission.
#[derive(Clone, Debug, PartialEq)]
pub enum Late {
    /// The network has it (TP-MR).
    Sent(Option<u8>),
    /// Nothing was sent.
    Refused {
        /// What that means.
        verdict: Verdict,
        /// Why, for people.
        reason: String,
    },
}
