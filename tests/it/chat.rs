//! Runs the transcripts of `tests/chat/*.chat` over the AT core, in no time.
//!
//! Each line is one step: `>` what we write, `<` what the modem says, `!` time passes (at the end of
//! it, nothing may have been written that the transcript does not show), `=` an event, `:` what the
//! owner wants, `@` another transcript here, `#` a comment. `ESC` and `^Z` stand for those octets;
//! `<` adds line ends, `<|` does not and reads `\r`, `\n`, `\xHH`. An event may be shown by its
//! beginning. What is written or told and not shown fails the transcript. Files whose name does not begin
//! with `at-` are pieces of others.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sms_milter::secret::Secret;
use sms_milter::sms::Number;
use sms_milter::wire::Core;
use sms_milter::wire::at::ussd::{self, Reply};
use sms_milter::wire::at::{
    At, Command, Event, Identity, InitLine, Late, Memory, Pin, Place, Sending, Settings, Tpdu,
};

/// `hi` to +15551234567, with that TP-MR.
fn pdu(reference: u8) -> String {
    format!("0001{reference:02X}0B915155214365F7000002E834")
}

/// `PDU` is the one with TP-MR 0, `PDU/17` that with 17.
fn with_pdus(text: &str) -> String {
    let mut pieces = text.split("PDU");
    let mut whole = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let named = piece.strip_prefix('/').map(|rest| {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            rest.split_at(digits)
        });
        let (reference, rest) = match named {
            Some((digits, rest)) => (digits.parse().expect("a reference"), rest),
            None => (0, piece),
        };
        whole.push_str(&pdu(reference));
        whole.push_str(rest);
    }
    whole
}

struct Chat {
    settings: Settings,
    at: Option<At>,
    now: Instant,
    written: Vec<u8>,
    events: VecDeque<String>,
    /// File and line, for a failure.
    place: String,
}

impl Chat {
    fn new() -> Self {
        Self {
            settings: Settings {
                centre: None,
                storage: Some(Memory::Sim),
                init: Vec::new(),
                timeout: Duration::from_secs(16),
                send_timeout: Duration::from_secs(120),
                poll: Duration::from_secs(30),
            },
            at: None,
            now: Instant::now(),
            written: Vec::new(),
            events: VecDeque::new(),
            place: String::new(),
        }
    }

    fn at(&mut self) -> &mut At {
        let (settings, now) = (&self.settings, self.now);
        self.at
            .get_or_insert_with(|| At::new(settings.clone(), now))
    }

    fn collect(&mut self) {
        while let Some(bytes) = self.at().poll_transmit() {
            self.written.extend(bytes);
        }
        while let Some(event) = self.at().poll_event() {
            self.events.push_back(shown(&event));
        }
    }

    fn run(&mut self, path: &Path) {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for (index, line) in text.lines().enumerate() {
            self.place = format!("{}:{}", path.display(), index + 1);
            let (sign, rest) = line.split_at_checked(1).unwrap_or((line, ""));
            let rest = rest.trim();
            match sign {
                "" | "#" => {}
                "@" => self.run(&path.with_file_name(rest)),
                ":" => self.command(rest),
                ">" => self.expect_written(rest),
                "=" => self.expect_event(rest),
                "<" => match rest.strip_prefix('|') {
                    Some(raw) => self.input(&raw_octets(&with_pdus(raw))),
                    None => self.input(format!("\r\n{rest}\r\n").as_bytes()),
                },
                "!" => self.pass(duration(rest)),
                _ => panic!("{}: {line:?} is no step", self.place),
            }
        }
    }

    fn input(&mut self, bytes: &[u8]) {
        self.nothing_written();
        let now = self.now;
        self.at().handle_input(bytes, now);
        self.collect();
    }

    /// Every timer on the way fires at its time.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(wake) = self.at().poll_timeout().filter(|wake| *wake <= end) {
            self.nothing_written();
            self.now = wake.max(self.now);
            let now = self.now;
            self.at().handle_timeout(now);
            self.collect();
            assert!(
                self.at().poll_timeout() != Some(wake),
                "{}: a timer stands still",
                self.place
            );
        }
        self.now = end;
    }

    fn nothing_written(&self) {
        let written = String::from_utf8_lossy(&self.written);
        assert!(
            written.is_empty(),
            "{}: {written:?} was written",
            self.place
        );
    }

    fn expect_written(&mut self, expected: &str) {
        let end = match self
            .written
            .iter()
            .position(|b| matches!(b, b'\r' | 0x1A | 0x1B))
        {
            Some(at) => at + 1,
            None => panic!(
                "{}: {:?} was written",
                self.place,
                String::from_utf8_lossy(&self.written)
            ),
        };
        let unit: Vec<u8> = self.written.drain(..end).collect();
        let unit = String::from_utf8_lossy(&unit)
            .replace('\u{1a}', "^Z")
            .replace('\u{1b}', "ESC");
        assert_eq!(unit.trim_end(), with_pdus(expected), "{}", self.place);
    }

    fn expect_event(&mut self, expected: &str) {
        let event = self.events.pop_front();
        let event = event.unwrap_or_else(|| panic!("{}: no event", self.place));
        assert!(event.starts_with(expected), "{}: {event:?}", self.place);
    }

    fn command(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let stored = |memory: &str, index: &str| {
            let memory = Memory::parse(memory).expect("memory");
            Place::Stored(memory, index.parse().expect("index"))
        };
        let send = |ticket: &str, reference: &str, repeat| {
            let pdu = pdu(reference.parse().expect("a reference"));
            let tpdu = Tpdu::new(&pdu, pdu.len() / 2 - 1).expect("tpdu");
            Command::Send(Sending {
                ticket: ticket.parse().expect("ticket"),
                tpdu,
                repeat,
            })
        };
        let command = match words[..] {
            ["set", "smsc", number] => {
                self.settings.centre = Number::from_network(number);
                return;
            }
            ["set", "init", line] => {
                self.settings
                    .init
                    .push(InitLine::parse(line).expect("init line"));
                return;
            }
            ["noise", count] => {
                let count: usize = count.parse().expect("a number");
                self.input(&vec![b'x'; count]);
                return;
            }
            ["set", "storage", "any"] => {
                self.settings.storage = None;
                return;
            }
            ["open"] => Command::Open,
            ["pin"] => Command::Pin(None),
            ["pin", digits] => Command::Pin(Pin::parse(&Secret::from(digits))),
            ["send", ticket] => send(ticket, "0", false),
            ["send", ticket, reference] => send(ticket, reference, false),
            ["repeat", ticket] => send(ticket, "0", true),
            ["kept", "direct", n] => Command::Kept(Place::Direct(n.parse().expect("number"))),
            ["not-kept", "direct", n] => {
                Command::NotKept(Place::Direct(n.parse().expect("number")))
            }
            ["ussd", code] => Command::Ussd(ussd::Code::parse(code).expect("code")),
            ["ussd-end"] => Command::UssdEnd,
            ["kept", memory, index] => Command::Kept(stored(memory, index)),
            ["not-kept", memory, index] => Command::NotKept(stored(memory, index)),
            ["finish"] => Command::Finish,
            ["lost"] => Command::Lost("the line was disconnected".to_owned()),
            _ => panic!("{}: {text:?} is no command", self.place),
        };
        let now = self.now;
        self.at().handle_command(command, now);
        self.collect();
    }
}

fn shown(event: &Event) -> String {
    match event {
        Event::Sim(sim) => format!("sim {}", sim.as_deref().unwrap_or("unknown")),
        Event::PinWanted => "pin wanted".to_owned(),
        Event::PinAccepted => "pin accepted".to_owned(),
        Event::Up(signal) => format!("up {}", signal.map_or("?".to_owned(), |s| s.to_string())),
        Event::Down(reason) => format!("down {reason}"),
        Event::Parked(reason) => format!("parked {reason}"),
        Event::Dead(reason) => format!("dead {reason}"),
        Event::Sent {
            ticket,
            reference: Some(reference),
        } => format!("sent {ticket} {reference}"),
        Event::Sent {
            ticket,
            reference: None,
        } => format!("sent {ticket} before"),
        Event::Refused {
            ticket,
            verdict,
            reason,
        } => format!("refused {ticket} {verdict:?} {reason}"),
        Event::Unknown { ticket, reason } => format!("unknown {ticket} {reason}"),
        Event::Arrived { place, pdu } => {
            let pdu: String = pdu.iter().map(|octet| format!("{octet:02X}")).collect();
            match place {
                Place::Direct(n) => format!("arrived direct {n} {pdu}"),
                Place::Stored(memory, index) => format!("arrived {} {index} {pdu}", memory.name()),
            }
        }
        Event::Room { used, total } => format!("room {used}/{total}"),
        Event::Notice(text) => format!("notice {text}"),
        Event::Modem(Identity {
            maker,
            model,
            revision,
            imei,
        }) => format!("modem {}", words(&[maker, model, revision, imei])),
        Event::Subscriber(imsi) => format!("subscriber {imsi}"),
        Event::Health(health) => {
            let network = health.network.map(|network| format!("{network:?}"));
            let signal = health.signal.map(|signal| signal.to_string());
            let battery = health.battery.map(|battery| format!("{}%", battery.level));
            let roaming = if health.roaming { " roaming" } else { "" };
            let said = words(&[&network, &signal, &health.operator, &battery]);
            format!("health {said}{roaming}")
        }
        Event::Late {
            ticket,
            outcome: Late::Sent(reference),
        } => format!(
            "late {ticket} sent {}",
            words(&[&reference.map(|r| r.to_string())])
        ),
        Event::Late {
            ticket,
            outcome: Late::Refused { verdict, reason },
        } => format!("late {ticket} refused {verdict:?} {reason}"),
        Event::Ussd(Reply::Text { text, more }) => {
            let more = if *more { "…" } else { "" };
            format!("ussd {}{more}", text.replace('\n', "|"))
        }
        Event::Ussd(Reply::Refused(reason)) => format!("ussd refused: {reason}"),
        Event::Ussd(Reply::Silent) => "ussd silent".to_owned(),
        Event::Full => "full".to_owned(),
        Event::Restarted => "restarted".to_owned(),
    }
}

/// What is known, with `?` for what is not.
fn words(said: &[&Option<String>]) -> String {
    let words = said.iter().map(|word| word.as_deref().unwrap_or("?"));
    words.collect::<Vec<_>>().join(", ")
}

fn duration(text: &str) -> Duration {
    if let Some(millis) = text.strip_suffix("ms") {
        return Duration::from_millis(millis.parse().expect("milliseconds"));
    }
    let seconds = text.strip_suffix('s').and_then(|n| n.parse().ok());
    Duration::from_secs(seconds.unwrap_or_else(|| panic!("{text:?} is no time")))
}

fn raw_octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some('r')) => octets.push(b'\r'),
            ('\\', Some('n')) => octets.push(b'\n'),
            ('\\', Some('x')) => {
                let hex: String = rest.by_ref().take(2).collect();
                octets.push(u8::from_str_radix(&hex, 16).expect("hex"));
            }
            _ => octets.extend(c.to_string().into_bytes()),
        }
    }
    octets
}

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat");
    let files = fs::read_dir(folder).expect("tests/chat");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("file").path()).collect();
    paths.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("at-"))
    });
    paths.sort();
    paths
}

/// All of them are run, so that one failure does not hide the next.
#[test]
fn every_transcript_is_followed() {
    let paths = transcripts();
    assert!(!paths.is_empty());
    let failed: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| std::panic::catch_unwind(|| follow(path)).is_err())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn follow(path: &Path) {
    let mut chat = Chat::new();
    chat.run(path);
    chat.nothing_written();
    assert!(chat.events.is_empty(), "{}: {:?}", chat.place, chat.events);
}
