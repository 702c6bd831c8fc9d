//! The network: it takes SMS, remembers them for TP-RD, reports on them, and hands over what phones
//! write, as long as there is room.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sms_milter::sms::segment::{Options as Cutting, cut};
use sms_milter::sms::{Concat, Party};
use sms_milter::wire::pdu::{self, Content, Deliver, Pdu, Stamp, StatusReport, Submit};

use super::line::Stage;
use super::{Deed, State};

/// What the network does with a submission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply {
    /// Takes it.
    Ok,
    /// `+CMS ERROR`.
    Cms(u16),
    /// `ERROR`.
    Error,
    /// Takes it, and the modem says nothing.
    TakenSilently,
    /// Never gets it, and the modem says nothing.
    Lost,
}

/// When status reports come, for those that asked for them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Receipts {
    /// When the test says so ([`super::SimModem::status_report`]).
    OnDemand,
    /// Before the modem tells that the network has the SMS.
    Before,
    /// So long after it.
    After(Duration),
}

/// What the network took.
#[derive(Clone, Debug, PartialEq)]
pub struct SentSms {
    /// To whom.
    pub to: String,
    /// The text; empty for data.
    pub text: String,
    /// TP-MR.
    pub reference: u8,
    /// TP-RD.
    pub repeat: bool,
    /// Class 0.
    pub flash: bool,
    /// TP-SRR.
    pub receipt: bool,
    /// Where it stands in its message.
    pub concat: Option<Concat>,
    /// As it came.
    pub pdu: String,
    /// When.
    pub at: Instant,
}

/// What goes to the modem.
#[derive(Debug)]
enum Parcel {
    Sms(String),
    Report(String),
}

/// What it knows.
#[derive(Debug)]
pub(super) struct Network {
    /// Held by the service centre: number and TP-MR, for TP-RD.
    held: HashSet<(String, u8)>,
    /// For the modem, in order: what waits for room, or for an acknowledgement.
    parcels: VecDeque<Parcel>,
    /// Handed over directly, and not acknowledged; which one that is.
    unacknowledged: Option<Parcel>,
    direct: u64,
    /// Status reports for a modem that was not told yet what to do with them.
    untold: Vec<String>,
    /// The next TP-MR of a modem that counts by itself.
    next_reference: u8,
    clock: i64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            held: HashSet::new(),
            parcels: VecDeque::new(),
            unacknowledged: None,
            direct: 0,
            untold: Vec::new(),
            next_reference: 200,
            clock: 1_700_000_000,
        }
    }
}

impl Network {
    fn now(&mut self) -> Stamp {
        self.clock += 1;
        let time = Timestamp::from_second(self.clock).expect("a time");
        Stamp::new(time, 4).expect("a stamp")
    }

    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty() && self.unacknowledged.is_none()
    }

    /// The modem lost power: what it did not acknowledge comes again.
    pub fn forget_acknowledgement(&mut self) {
        if let Some(again) = self.unacknowledged.take() {
            self.parcels.push_front(again);
        }
    }

    pub fn parts(&mut self, from: &str, text: &str, reference: u8) -> Vec<String> {
        let cutting = Cutting {
            reference: reference.into(),
            ..Cutting::default()
        };
        let cut = cut(text, &cutting).expect("a text");
        let parts = cut.segments.iter().map(|segment| {
            let content = Content::segment(segment, false);
            let deliver = Deliver::new(Party::from_network(from), content, self.now());
            deliver.encode().expect("a PDU").hex
        });
        parts.collect()
    }

    /// On a submission that was taken just now.
    pub fn status_report(&mut self, reference: u8, to: &str, status: u8) -> String {
        let now = Stamp::new(Timestamp::now(), 4).expect("a stamp");
        let report = StatusReport::new(reference, Party::from_network(to), now, now, status);
        report.encode().expect("a PDU").hex
    }
}

impl State {
    pub(super) fn has_network(&self) -> bool {
        self.options.registered && !matches!(self.dialogue.function, 0 | 4)
    }

    /// `<stat>` of +CREG (TS 27.007 §7.2).
    pub(super) fn registration(&self) -> u8 {
        match (self.has_network(), self.options.registered) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => self.options.unregistered,
        }
    }

    /// A PDU was entered.
    pub(super) fn submit(&mut self, hex: &str, now: Instant) {
        self.dialogue.waiting = false;
        let Ok(Pdu::Submit(submit)) = pdu::decode(hex) else {
            return self.say_line("+CMS ERROR: 304");
        };
        if !self.has_network() {
            return self.say_line("+CMS ERROR: 331");
        }
        if submit.smsc.is_none() && !self.dialogue.has_centre(&self.options) {
            return self.say_line("+CMS ERROR: 330");
        }
        let to = submit.to.to_string();
        let refused = self.options.refuses.iter().find(|(phone, _)| *phone == to);
        let reply = match refused {
            Some((_, reply)) => *reply,
            None => self.replies.pop_front().unwrap_or(Reply::Ok),
        };
        match reply {
            Reply::Ok | Reply::TakenSilently => self.taken(submit, to, hex, reply, now),
            Reply::Cms(code) => self.say_line(&format!("+CMS ERROR: {code}")),
            Reply::Error => self.say_line("ERROR"),
            Reply::Lost => {}
        }
    }

    fn taken(&mut self, mut submit: Submit, to: String, hex: &str, reply: Reply, now: Instant) {
        if self.options.own_references {
            submit.reference = self.network.next_reference;
            self.network.next_reference = submit.reference.wrapping_add(1);
        }
        let key = (to.clone(), submit.reference);
        if submit.reject_duplicates && self.network.held.contains(&key) {
            return self.say_line("+CMS ERROR: 197");
        }
        if !self.options.forgets {
            self.network.held.insert(key);
        }
        let (reference, wants_report) = (submit.reference, submit.status_report);
        self.sent.push(sent(submit, hex, now));
        if self.is_pulled_at(Stage::NetworkHas) {
            return;
        }
        let receipts = self.options.receipts;
        if wants_report && receipts != Receipts::OnDemand {
            let status = self.options.receipt_status;
            let report = self.network.status_report(reference, &to, status);
            match receipts {
                Receipts::After(wait) => self.do_later(now + wait, Deed::Report(report)),
                _ => self.report(report),
            }
        }
        if reply == Reply::Ok {
            self.say_reference(reference);
        }
    }

    fn say_reference(&mut self, reference: u8) {
        if self.is_pulled_at(Stage::MidAnswer) {
            return self.say("\r\n+CMG");
        }
        self.say_line(&format!("+CMGS: {reference}"));
        if self.is_pulled_at(Stage::BeforeOk) {
            return;
        }
        self.ok();
        self.is_pulled_at(Stage::AfterOk);
    }

    /// An SMS for the modem.
    pub(super) fn arrive(&mut self, hex: String) {
        self.network.parcels.push_back(Parcel::Sms(hex));
        self.hand_over();
    }

    /// A status report for the modem.
    pub(super) fn report(&mut self, hex: String) {
        match self.dialogue.ds {
            Some(0) => {}
            Some(_) => {
                self.network.parcels.push_back(Parcel::Report(hex));
                self.hand_over();
            }
            None => self.network.untold.push(hex),
        }
    }

    /// It was told what to do with status reports.
    pub(super) fn hand_over_untold(&mut self) {
        for hex in std::mem::take(&mut self.network.untold) {
            self.report(hex);
        }
        self.hand_over();
    }

    /// Hands over what waits, one after the other, as long as there is room.
    pub(super) fn hand_over(&mut self) {
        // A SIM that is not open, or not in a network, gets nothing; one that is not plugged in keeps
        // what it has, and is given more for tests that start with a full SIM.
        while self.network.unacknowledged.is_none() {
            let Some(parcel) = self.network.parcels.pop_front() else {
                return;
            };
            let back = match parcel {
                Parcel::Sms(hex) => self.hand_over_sms(hex),
                Parcel::Report(hex) => self.hand_over_report(hex),
            };
            if let Some(parcel) = back {
                return self.network.parcels.push_front(parcel);
            }
        }
    }

    /// `Some`: there was no room.
    fn hand_over_sms(&mut self, hex: String) -> Option<Parcel> {
        let length = hex.len() / 2 - 1;
        if self.dialogue.mt == 2 && !self.options.stores_too {
            self.say_line(&format!("+CMT: ,{length}\r\n{hex}"));
            self.expect_acknowledgement(Parcel::Sms(hex));
            return None;
        }
        let memory = self.dialogue.memories[2].clone();
        let Some(place) = self.store(&memory, hex.clone()) else {
            return Some(Parcel::Sms(hex));
        };
        match self.dialogue.mt {
            0 => {}
            2 => self.say_line(&format!("+CMT: ,{length}\r\n{hex}")),
            _ => self.say_line(&format!("+CMTI: \"{memory}\",{place}")),
        }
        None
    }

    fn hand_over_report(&mut self, hex: String) -> Option<Parcel> {
        if self.dialogue.ds == Some(2) {
            let Some(place) = self.store("SR", hex.clone()) else {
                return Some(Parcel::Report(hex));
            };
            self.say_line(&format!("+CDSI: \"SR\",{place}"));
        } else {
            let length = hex.len() / 2 - 1;
            self.say_line(&format!("+CDS: {length}\r\n{hex}"));
            self.expect_acknowledgement(Parcel::Report(hex));
        }
        None
    }

    fn expect_acknowledgement(&mut self, parcel: Parcel) {
        if self.dialogue.service == 0 {
            return;
        }
        self.network.unacknowledged = Some(parcel);
        self.network.direct += 1;
        let at = Instant::now() + self.options.acknowledge_within;
        self.do_later(at, Deed::Unacknowledged(self.network.direct));
    }

    /// AT+CNMA.
    pub(super) fn acknowledge(&mut self) {
        if self.network.unacknowledged.take().is_none() {
            return self.say_line("+CMS ERROR: 340");
        }
        self.acknowledged += 1;
        self.ok();
        self.hand_over();
    }

    /// TS 27.005 §3.4.1: without an acknowledgement nothing more is handed over directly; the network
    /// sends it again.
    pub(super) fn unacknowledged(&mut self, which: u64) {
        if which == self.network.direct && self.network.unacknowledged.is_some() {
            (self.dialogue.mt, self.dialogue.ds) = (0, Some(0));
            self.network.forget_acknowledgement();
            self.hand_over();
        }
    }
}

fn sent(submit: Submit, hex: &str, at: Instant) -> SentSms {
    SentSms {
        to: submit.to.to_string(),
        text: submit.content.text().unwrap_or_default().to_owned(),
        reference: submit.reference,
        repeat: submit.reject_duplicates,
        flash: submit.content.dcs.class() == Some(0),
        receipt: submit.status_report,
        concat: submit.content.concat(),
        pdu: hex.to_owned(),
        at,
    }
}
