//! Any octets from a modem, and any owner: the core never panics, writes only ASCII commands and whole
//! PDUs, answers every submission once, and deletes nothing that was not kept.
#![no_main]

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use sms_milter::wire::Core;
use sms_milter::wire::at::{At, Command, Event, Place, Sending, Settings, Tpdu, ussd};

const PDU: &str = "0001000B915155214365F7000002E834";

/// The owner's doings stand in the input as octets that no modem sends; each also ends what the modem
/// said so far.
mod does {
    pub const SEND: u8 = 0xFD;
    pub const REPEAT: u8 = 0xFC;
    pub const KEEP: u8 = 0xFB;
    pub const NOT_KEEP: u8 = 0xFA;
    pub const ASK: u8 = 0xF9;
    pub const WAIT_LONG: u8 = 0xF8;
    pub const ANSWER: u8 = 0xF7;
    pub const FINISH: u8 = 0xF6;
}

fuzz_target!(|octets: &[u8]| {
    let mut house = House::new();
    for piece in octets.split_inclusive(|octet| *octet >= does::FINISH) {
        house.at.handle_input(piece, house.now);
        house.does(piece.last().copied().unwrap_or_default());
        house.at.handle_timeout(house.now);
        house.settle();
    }
    let lost = Command::Lost("over".into());
    house.at.handle_command(lost, house.now);
    house.settle();
    assert_eq!(house.asked, house.answers.len() as u64);
    assert_eq!(house.codes, house.replies);
    house.read_what_was_written();
});

struct House {
    at: At,
    now: Instant,
    asked: u64,
    /// Told `Unknown`, of each submission that was told anything.
    answers: HashMap<u64, bool>,
    late: HashSet<u64>,
    codes: u32,
    replies: u32,
    arrived: Vec<Place>,
    /// Places whose SMS was kept, and may be deleted.
    kept: HashSet<u16>,
    written: Vec<u8>,
}

impl House {
    fn new() -> Self {
        let now = Instant::now();
        let settings = Settings {
            centre: None,
            storage: None,
            init: Vec::new(),
            timeout: Duration::from_secs(16),
            send_timeout: Duration::from_secs(120),
            poll: Duration::from_secs(30),
        };
        let mut at = At::new(settings, now);
        at.handle_command(Command::Open, now);
        Self {
            at,
            now,
            asked: 0,
            answers: HashMap::new(),
            late: HashSet::new(),
            codes: 0,
            replies: 0,
            arrived: Vec::new(),
            kept: HashSet::new(),
            written: Vec::new(),
        }
    }

    fn does(&mut self, octet: u8) {
        match octet {
            does::WAIT_LONG => self.now += Duration::from_secs(150),
            does::SEND | does::REPEAT => {
                self.asked += 1;
                let tpdu = Tpdu::new(PDU, PDU.len() / 2 - 1).expect("a PDU");
                let sending = Sending {
                    ticket: self.asked,
                    tpdu,
                    repeat: octet == does::REPEAT,
                };
                self.at.handle_command(Command::Send(sending), self.now);
            }
            does::KEEP => {
                if let Some(place) = self.arrived.pop() {
                    if let Place::Stored(_, index) = place {
                        self.kept.insert(index);
                    }
                    self.at.handle_command(Command::Kept(place), self.now);
                }
            }
            does::NOT_KEEP => {
                if let Some(place) = self.arrived.pop() {
                    self.at.handle_command(Command::NotKept(place), self.now);
                }
            }
            does::ASK => {
                self.codes += 1;
                let code = ussd::Code::parse("*100#").expect("a code");
                self.at.handle_command(Command::Ussd(code), self.now);
            }
            does::ANSWER => self.at.handle_input(b"\r\nOK\r\n", self.now),
            does::FINISH => self.at.handle_command(Command::Finish, self.now),
            // 0xFE and 0xFF, and the end.
            _ => self.now += Duration::from_secs(1),
        }
    }

    fn settle(&mut self) {
        loop {
            while let Some(bytes) = self.at.poll_transmit() {
                self.written.extend(bytes);
            }
            let Some(event) = self.at.poll_event() else {
                return;
            };
            self.hear(event);
        }
    }

    fn hear(&mut self, event: Event) {
        let mut answer = |ticket, unknown| {
            assert_eq!(self.answers.insert(ticket, unknown), None, "answered twice");
        };
        match event {
            Event::Sent { ticket, .. } | Event::Refused { ticket, .. } => answer(ticket, false),
            Event::Unknown { ticket, .. } => answer(ticket, true),
            Event::Late { ticket, .. } => {
                assert_eq!(self.answers.get(&ticket), Some(&true), "late, but known");
                assert!(self.late.insert(ticket), "late twice");
            }
            Event::Ussd(_) => self.replies += 1,
            Event::Arrived { place, .. } => self.arrived.push(place),
            Event::PinWanted => self.at.handle_command(Command::Pin(None), self.now),
            Event::Parked(_) | Event::Dead(_) => {
                self.at.handle_command(Command::Open, self.now);
            }
            _ => {}
        }
    }

    fn read_what_was_written(self) {
        let written = String::from_utf8(self.written).expect("ASCII");
        assert!(written.is_ascii() && !written.contains("AT+CPIN="));
        for (end, _) in written.match_indices('\u{1a}') {
            assert!(written[..end].ends_with(PDU));
        }
        for (at, command) in written.match_indices("AT+CMGD=") {
            let rest = &written[at + command.len()..];
            let index = rest.split('\r').next().and_then(|index| index.parse().ok());
            assert!(index.is_some_and(|index| self.kept.contains(&index)), "{rest}");
        }
    }
}
