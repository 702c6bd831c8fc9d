//! Submissions: what is sure of each, and what the modem needs after it.

use std::time::Instant;

use super::codes::{self, Code, Verdict, verdict};
use super::command::Ask;
use super::reading::first_number;
use super::talk::{Answer, End};
use super::{At, Command, Event, MAX_WAITING, Sending, State};

impl At {
    /// Takes a submission, or refuses it at once.
    pub(super) fn take(&mut self, sending: Sending, now: Instant) {
        let ready = matches!(
            self.state,
            State::Idle
                | State::Looking(_)
                | State::Selecting(_)
                | State::Listing(_)
                | State::Chore(_)
                | State::Sending(_)
        );
        if !ready || self.waiting.len() >= MAX_WAITING {
            return self.refuse(&sending, Verdict::Repair, "the modem is not ready");
        }
        self.waiting.push_back(sending);
        if self.is_idle() {
            self.go_on(now);
        }
    }

    pub(super) fn submit(&mut self, sending: Sending, now: Instant) {
        self.ask(Ask::Submit(sending.tpdu.clone()), now);
        self.state = State::Sending(sending);
    }

    /// The submission in flight ended: says what became of it, then looks after the modem.
    pub(super) fn submitted(&mut self, sending: &Sending, answer: &Answer, now: Instant) {
        match &answer.end {
            End::Ok => {
                self.setbacks = 0;
                match first_number(&answer.lines, "+CMGS:").and_then(|n| u8::try_from(n).ok()) {
                    Some(reference) => {
                        self.tell(Event::Sent {
                            ticket: sending.ticket,
                            reference: Some(reference),
                        });
                    }
                    None => {
                        self.doubt(sending, "the modem said OK without the network's reference")
                    }
                }
                self.go_on(now);
            }
            End::Error(code) => self.failed(sending, code, answer.handed, now),
            // First that the modem is down, then the outcome: who hears the outcome may ask at once.
            End::Silent if answer.handed => {
                self.restart("the modem did not answer to a submission", now);
                self.doubt(sending, "no answer from the network in time");
            }
            End::Silent => {
                let again = Verdict::Later {
                    after: None,
                    counts: true,
                };
                self.restart("the modem did not ask for a PDU", now);
                self.refuse(sending, again, "the modem did not ask for the PDU");
            }
        }
    }

    fn failed(&mut self, sending: &Sending, code: &Code, handed: bool, now: Instant) {
        let verdict = verdict(code, handed, sending.repeat);
        let reason = code.to_string();
        match verdict {
            // Reading and deleting is the repair.
            Verdict::Repair if codes::is_full(code) => {
                self.due.insert(self.storage);
                self.go_on(now);
            }
            Verdict::Repair => self.repair(&reason, now),
            Verdict::Human => self.park(reason.clone()),
            _ => self.go_on(now),
        }
        match verdict {
            Verdict::Accepted => self.tell(Event::Sent {
                ticket: sending.ticket,
                reference: None,
            }),
            Verdict::Unknown => self.doubt(sending, &reason),
            _ => self.refuse(sending, verdict, &reason),
        }
    }

    /// The line went while a submission was in flight.
    pub(super) fn lost_submission(&mut self, sending: &Sending, answer: &Answer, reason: &str) {
        if answer.handed {
            self.doubt(sending, reason);
        } else {
            self.refuse(sending, Verdict::Repair, reason);
        }
    }

    pub(super) fn refuse_waiting(&mut self, reason: &str) {
        while let Some(sending) = self.waiting.pop_front() {
            self.refuse(&sending, Verdict::Repair, reason);
        }
    }

    fn refuse(&mut self, sending: &Sending, verdict: Verdict, reason: &str) {
        let (ticket, reason) = (sending.ticket, reason.to_owned());
        self.tell(Event::Refused {
            ticket,
            verdict,
            reason,
        });
    }

    fn doubt(&mut self, sending: &Sending, reason: &str) {
        let (ticket, reason) = (sending.ticket, reason.to_owned());
        self.tell(Event::Unknown { ticket, reason });
    }
}

/// A submission as a command.
impl From<Sending> for Command {
    fn from(sending: Sending) -> Self {
        Command::Send(sending)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::Core;
    use crate::wire::at::{InitLine, Pin, Place, Settings, Tpdu};

    const HEX: &str = "0001000B915155214365F700000441E19058";

    fn at(now: Instant) -> At {
        let settings = Settings {
            centre: None,
            storage: None,
            init: vec![InitLine::parse("AT+CFUN=1").expect("line")],
            timeout: Duration::from_secs(16),
            send_timeout: Duration::from_secs(120),
            poll: Duration::from_secs(30),
        };
        At::new(settings, now)
    }

    /// Bytes and times as a broken modem would have them, with a leaning towards what a core reads.
    fn noise() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => Just(b"\r\nOK\r\n".to_vec()),
            1 => Just(b"\r\n> ".to_vec()),
            1 => Just(b"+CPIN: READY\r\nOK\r\n".to_vec()),
            1 => Just(b"+CPIN: SIM PIN\r\nOK\r\n".to_vec()),
            1 => Just(b"+CMGF: 0\r\nOK\r\n".to_vec()),
            1 => Just(b"+CREG: 0,1\r\nOK\r\n".to_vec()),
            1 => Just(b"+CMGS: 7\r\n".to_vec()),
            1 => Just(b"+CMTI: \"SR\",7\r\n".to_vec()),
            1 => Just(b"+CMT: ,7\r\n".to_vec()),
            1 => Just(b"+CMGL: 3,1,,7\r\n".to_vec()),
            1 => Just(b"0001\r\n".to_vec()),
            1 => (0u16..600).prop_map(|n| format!("+CMS ERROR: {n}\r\n").into_bytes()),
            1 => (0u16..110).prop_map(|n| format!("+CME ERROR: {n}\r\n").into_bytes()),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ]
    }

    /// What the modem says next: what a good one would, or noise.
    #[derive(Clone, Debug)]
    enum Word {
        Good,
        Noise(Vec<u8>),
    }

    fn word() -> impl Strategy<Value = Word> {
        prop_oneof![9 => Just(Word::Good), 1 => noise().prop_map(Word::Noise)]
    }

    /// What a good modem answers to the last thing that was written.
    fn good(written: &[u8]) -> Vec<u8> {
        let written = String::from_utf8_lossy(written).into_owned();
        if written.ends_with('\u{1a}') {
            return b"\r\n+CMGS: 7\r\n\r\nOK\r\n".to_vec();
        }
        let command = written
            .trim_end()
            .rsplit(['\r', '\u{1a}', '\u{1b}'])
            .next()
            .unwrap_or("");
        let line = match command {
            "AT+CPIN?" => "+CPIN: READY",
            "AT+CMGF?" => "+CMGF: 0",
            "AT+CSMS?" => "+CSMS: 1,1,1,1",
            "AT+CREG?" => "+CREG: 0,1",
            "AT+CMGL=4" => "+CMGL: 1,1,,3\r\n0001\r\n+CMGL: 2,1,,3\r\n0002",
            _ if command.starts_with("AT+CMGS=") => return b"\r\n> ".to_vec(),
            _ => "",
        };
        format!("\r\n{line}\r\nOK\r\n").into_bytes()
    }

    fn is_expected(unit: &str) -> bool {
        let head = unit.split(['=', '?']).next().unwrap_or("");
        const HEADS: [&str; 19] = [
            "AT", "ATE0", "AT+CMEE", "AT+CCID", "AT+ICCID", "AT+CPIN", "AT+CPINR", "AT+CFUN",
            "AT+CMGF", "AT+CSMS", "AT+CPMS", "AT+CSCA", "AT+CNMI", "AT+CREG", "AT+CEREG", "AT+CSQ",
            "AT+CMGL", "AT+CMGD", "AT+CNMA",
        ];
        HEADS.contains(&head) || unit == "AT+CMGS=17"
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Threats T38, T40: whatever a modem says, only known commands and whole PDUs are written,
        /// the PIN goes out once per word of the owner, every submission gets one answer, and
        /// nothing is deleted that was not kept.
        #[test]
        fn any_modem(words in proptest::collection::vec((word(), prop_oneof![4 => 0u64..2, 1 => 0u64..140]), 0..200)) {
            let mut now = Instant::now();
            let mut at = at(now);
            let pin = Pin::parse(&crate::secret::Secret::from("1234"));
            at.handle_command(Command::Open, now);
            let (mut written, mut sent, mut answered, mut pins) = (Vec::new(), 0u64, 0u64, 0usize);
            let mut kept = std::collections::HashSet::new();
            for (index, (word, seconds)) in words.into_iter().enumerate() {
                while let Some(bytes) = at.poll_transmit() {
                    written.extend(bytes);
                }
                let bytes = match word {
                    Word::Good => good(&written),
                    Word::Noise(bytes) => bytes,
                };
                at.handle_input(&bytes, now);
                now += Duration::from_secs(seconds);
                at.handle_timeout(now);
                if index % 7 == 0 {
                    let tpdu = Tpdu::new(HEX, HEX.len() / 2 - 1).expect("tpdu");
                    sent += 1;
                    at.handle_command(Sending { ticket: sent, tpdu, repeat: false }.into(), now);
                }
                while let Some(event) = at.poll_event() {
                    match event {
                        Event::PinWanted => {
                            pins += 1;
                            at.handle_command(Command::Pin(pin.clone()), now);
                        }
                        Event::Sent { .. } | Event::Refused { .. } | Event::Unknown { .. } => answered += 1,
                        Event::Arrived { place: Place::Direct, .. } => {
                            at.handle_command(Command::Kept(Place::Direct), now);
                        }
                        Event::Arrived { place: place @ Place::Stored(_, slot), .. } if slot % 2 == 0 => {
                            kept.insert(slot);
                            at.handle_command(Command::Kept(place), now);
                        }
                        Event::Parked(_) | Event::Dead(_) => at.handle_command(Command::Open, now),
                        _ => {}
                    }
                }
                while let Some(bytes) = at.poll_transmit() {
                    written.extend(bytes);
                }
                prop_assert!(at.poll_timeout().is_none_or(|at| at + Duration::from_secs(120) > now));
            }
            at.handle_command(Command::Lost("over".into()), now);
            while let Some(event) = at.poll_event() {
                let ends = matches!(event, Event::Sent { .. } | Event::Refused { .. } | Event::Unknown { .. });
                answered += u64::from(ends);
            }
            prop_assert_eq!(sent, answered);
            let written = String::from_utf8(written).expect("ASCII").replace('\u{1b}', "");
            prop_assert!(written.matches("AT+CPIN=").count() <= pins);
            for (at, head) in written.match_indices("AT+CMGD=") {
                let rest = &written[at + head.len()..];
                let slot: u16 = rest.split('\r').next().and_then(|slot| slot.parse().ok()).expect("a slot");
                prop_assert!(kept.contains(&slot), "{} was not kept", slot);
            }
            for line in written.split('\r').filter(|line| !line.is_empty()) {
                let command = line.rsplit('\u{1a}').next().unwrap_or("");
                let pdus = line.strip_suffix(command).unwrap_or("");
                prop_assert!(command.is_empty() || is_expected(command), "{:?}", line);
                for pdu in pdus.split_terminator('\u{1a}') {
                    prop_assert_eq!(pdu, HEX);
                }
            }
        }
    }
}
