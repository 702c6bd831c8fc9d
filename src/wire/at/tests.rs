//! Any octets from a modem, at any time: what the core never does.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Each ticket has a PDU of its own: its number is in the text.
fn pdu(ticket: u64) -> String {
    format!("0001000B915155214365F70000044{ticket:07X}")
}

fn tpdu(ticket: u64) -> Tpdu {
    let hex = pdu(ticket);
    Tpdu::new(&hex, hex.len() / 2 - 1).expect("tpdu")
}

fn sending(ticket: u64) -> Command {
    let repeat = ticket.is_multiple_of(5);
    Command::Send(Sending {
        ticket,
        tpdu: tpdu(ticket),
        repeat,
    })
}

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
        1 => Just(b"+CMGS: 0\r\nOK\r\n".to_vec()),
        1 => Just(b"+CMTI: \"SR\",7\r\n".to_vec()),
        1 => Just(b"RDY\r\n".to_vec()),
        1 => Just(b"+CPIN: NOT READY\r\n".to_vec()),
        1 => Just(b"^SMMEMFULL: \"SM\"\r\n".to_vec()),
        1 => Just(b"+CUSD: 0,\"no end\r\n".to_vec()),
        1 => Just(b"+CUSD: 1,\"5.00\",15\r\n".to_vec()),
        1 => Just(b"+CMT: \"+1\",,\"26/11/20,11:30:00+00\"\r\n".to_vec()),
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
        "AT+CMGL=4" => "+CMGL: 1,1,,1\r\n0001\r\n+CMGL: 2,1,,1\r\n0002\r\n+CMGL: 3,1,,9\r\n00",
        "AT+CMGR=3" => "+CMGR: 1,,1\r\n0003",
        _ if command.starts_with("AT+CUSD=1") => {
            return b"\r\nOK\r\n+CUSD: 0,\"5.00\",15\r\n".to_vec();
        }
        _ if command.starts_with("AT+CMGS=") => return b"\r\n> ".to_vec(),
        _ => "",
    };
    format!("\r\n{line}\r\nOK\r\n").into_bytes()
}

fn is_expected(command: &str) -> bool {
    let head = command.split(['=', '?']).next().unwrap_or("");
    const HEADS: [&str; 34] = [
        "AT", "ATE0", "AT+CMEE", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CFUN", "AT+CCID",
        "AT+ICCID", "AT^ICCID", "AT+CRSM", "AT+CPIN", "AT+CPINR", "AT+CIMI", "AT+CSCS", "AT+CMGF",
        "AT+CSMS", "AT+CMMS", "AT+CPMS", "AT+CSCA", "AT+CNMI", "AT+CREG", "AT+CEREG", "AT+CGREG",
        "AT+CSQ", "AT+COPS", "AT+CBC", "AT+CMGL", "AT+CMGR", "AT+CMGD", "AT+CNMA", "AT+CUSD",
        "AT+CMGS",
    ];
    HEADS.contains(&head)
}

/// A core, its modem, its owner, and what they did.
struct Play {
    at: At,
    now: Instant,
    written: Vec<u8>,
    tickets: u64,
    answers: HashMap<u64, u32>,
    sent: HashSet<u64>,
    /// Refused without a word of modem or network.
    unsent: HashSet<u64>,
    pins: usize,
    ussd: (u32, u32),
    kept: HashSet<u16>,
    /// What the modem said, and when.
    said: Vec<(Vec<u8>, Instant)>,
}

impl Play {
    fn new() -> Self {
        let now = Instant::now();
        let mut at = at(now);
        at.handle_command(Command::Open, now);
        Self {
            at,
            now,
            written: Vec::new(),
            tickets: 0,
            answers: HashMap::new(),
            sent: HashSet::new(),
            unsent: HashSet::new(),
            pins: 0,
            ussd: (0, 0),
            kept: HashSet::new(),
            said: Vec::new(),
        }
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.at.handle_input(&bytes, self.now);
        self.said.push((bytes, self.now));
        self.collect();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.at.handle_timeout(self.now);
        self.collect();
    }

    fn submit(&mut self) {
        self.tickets += 1;
        self.at.handle_command(sending(self.tickets), self.now);
        self.collect();
    }

    fn ask_network(&mut self) {
        let code = ussd::Code::parse("*100#").expect("code");
        self.ussd.0 += 1;
        self.at.handle_command(Command::Ussd(code), self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.at.poll_transmit() {
            self.written.extend(bytes);
        }
        while let Some(event) = self.at.poll_event() {
            self.told_of(event);
            while let Some(bytes) = self.at.poll_transmit() {
                self.written.extend(bytes);
            }
        }
    }

    fn told_of(&mut self, event: Event) {
        let pin = Pin::parse(&crate::secret::Secret::from("1234"));
        let now = self.now;
        match event {
            Event::PinWanted => {
                self.pins += 1;
                self.at.handle_command(Command::Pin(pin), now);
            }
            Event::Sent { ticket, .. } => {
                self.sent.insert(ticket);
                *self.answers.entry(ticket).or_default() += 1;
            }
            Event::Refused { ticket, reason, .. } => {
                if !reason.to_lowercase().contains("error") {
                    self.unsent.insert(ticket);
                }
                *self.answers.entry(ticket).or_default() += 1;
            }
            Event::Unknown { ticket, .. } => *self.answers.entry(ticket).or_default() += 1,
            Event::Ussd(_) => self.ussd.1 += 1,
            Event::Arrived {
                place: place @ Place::Direct(_),
                ..
            } => {
                self.at.handle_command(Command::Kept(place), now);
            }
            Event::Arrived {
                place: place @ Place::Stored(_, slot),
                ..
            } => {
                // Some are kept, some are not, some stay open.
                match slot % 3 {
                    0 => self.at.handle_command(Command::NotKept(place), now),
                    1 => {
                        self.kept.insert(slot);
                        self.at.handle_command(Command::Kept(place), now);
                    }
                    _ => {}
                }
            }
            Event::Parked(_) | Event::Dead(_) => self.at.handle_command(Command::Open, now),
            _ => {}
        }
    }

    /// How often the PDU of a ticket was written, Ctrl-Z behind it.
    fn written(&self, ticket: u64) -> usize {
        let written = String::from_utf8_lossy(&self.written);
        written.matches(&format!("{}\u{1a}", pdu(ticket))).count()
    }

    /// Threats T38, T40, T41.
    fn check_written(&self) {
        let written = String::from_utf8(self.written.clone()).expect("ASCII");
        let written = written.replace('\u{1b}', "");
        assert!(written.matches("AT+CPIN=").count() <= self.pins);
        for line in written.split('\r').filter(|line| !line.is_empty()) {
            let command = line.rsplit('\u{1a}').next().unwrap_or("");
            let pdus = line.strip_suffix(command).unwrap_or("");
            assert!(command.is_empty() || is_expected(command), "{line:?}");
            for one in pdus.split_terminator('\u{1a}') {
                assert!(
                    (1..=self.tickets).any(|ticket| pdu(ticket) == one),
                    "{one:?}"
                );
            }
            if let Some(slot) = command.strip_prefix("AT+CMGD=") {
                let slot = slot.parse().expect("a slot");
                assert!(self.kept.contains(&slot), "{slot} was not kept");
            }
        }
    }

    /// The end: every submission has exactly one answer, and none was written twice.
    fn end(mut self) {
        self.at
            .handle_command(Command::Lost("over".into()), self.now);
        self.collect();
        self.check_written();
        for ticket in 1..=self.tickets {
            assert_eq!(self.answers.get(&ticket), Some(&1), "{ticket}");
            let written = self.written(ticket);
            assert!(written <= 1, "{ticket} was sent {written} times");
            assert!(
                written == 1 || !self.sent.contains(&ticket),
                "{ticket} was never sent"
            );
            assert!(
                written == 0 || !self.unsent.contains(&ticket),
                "{ticket} was sent"
            );
        }
        assert_eq!(self.ussd.0, self.ussd.1);
    }

    /// Limits that hold whatever is said.
    fn check_size(&self) {
        assert!(self.at.waiting.len() <= MAX_WAITING);
        assert!(self.at.doubts.len() <= 8 && self.at.chores.len() <= 1000);
        assert!(self.at.talk.size() <= 8192, "{}", self.at.talk.size());
        assert!(self.at.mute.len() <= 100);
    }
}

fn script() -> impl Strategy<Value = Vec<(Word, u64)>> {
    let seconds = prop_oneof![4 => 0u64..2, 1 => 0u64..140];
    proptest::collection::vec((word(), seconds), 0..250)
}

fn play(script: Vec<(Word, u64)>) -> Play {
    let mut play = Play::new();
    for (index, (word, seconds)) in script.into_iter().enumerate() {
        let bytes = match word {
            Word::Good => good(&play.written),
            Word::Noise(bytes) => bytes,
        };
        play.say(bytes);
        play.pass(seconds);
        match index {
            _ if index % 7 == 0 => play.submit(),
            _ if index % 11 == 0 => play.ask_network(),
            _ => {}
        }
        play.check_size();
        let wake = play.at.poll_timeout();
        assert!(wake.is_none_or(|wake| wake + Duration::from_secs(600) > play.now));
    }
    play
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a modem says, only known commands and whole PDUs are written, the PIN goes out once
    /// per word of the owner, every submission gets one answer and is sent once at most, and nothing
    /// is deleted that was not kept.
    #[test]
    fn any_modem(script in script()) {
        play(script).end();
    }

    /// How what it says is cut makes no difference.
    #[test]
    fn any_cut(script in script(), cut in 1usize..5) {
        let whole = play(script);
        let start = whole.said.first().map_or(whole.now, |(_, now)| *now);
        // Two that hear the same, without an owner.
        let (mut core, mut once) = (at(start), at(start));
        let (mut written, mut written_once) = (Vec::new(), Vec::new());
        core.handle_command(Command::Open, start);
        once.handle_command(Command::Open, start);
        for (bytes, now) in &whole.said {
            core.handle_timeout(*now);
            once.handle_timeout(*now);
            bytes.chunks(cut).for_each(|piece| core.handle_input(piece, *now));
            once.handle_input(bytes, *now);
            core.handle_timeout(*now);
            once.handle_timeout(*now);
            while let Some(bytes) = core.poll_transmit() {
                written.extend(bytes);
            }
            while let Some(bytes) = once.poll_transmit() {
                written_once.extend(bytes);
            }
            loop {
                let (a, b) = (core.poll_event(), once.poll_event());
                prop_assert_eq!(&a, &b);
                if a.is_none() {
                    break;
                }
            }
            prop_assert_eq!(&written, &written_once);
        }
    }
}

/// A storm of any kind costs a bounded amount of memory.
#[test]
fn floods_are_bounded() {
    for line in [
        "+CMTI: \"SM\",1\r\n",
        "+CMT: ,1\r\n",
        "+CUSD: 0,\"x\r\n",
        "+CMGS: 7\r\n",
        "+CMGL: 1,1,,9\r\n",
        "RDY\r\n",
        ">",
        "x",
    ] {
        let mut play = Play::new();
        for _ in 0..200 {
            let bytes = good(&play.written);
            play.say(bytes);
            play.pass(1);
        }
        for _ in 0..2000 {
            play.say(line.repeat(20).into_bytes());
            play.said.clear();
            play.check_size();
        }
        play.end();
    }
}
