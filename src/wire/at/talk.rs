//! One question and its answer, on a line where others speak too.
//!
//! A [`Talk`] has at most one command in flight. It tells the lines of its answer from echoes, from
//! notifications and from late answers to what was given up; final results count only as a whole line
//! and only while a command waits for one (threats T39). The line after `+CMT:`, `+CDS:`, `+CBM:` and
//! `+CMGL:` is a PDU whatever it looks like. Deadlines are absolute: nothing a modem says moves them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codes::Code;
use super::command::{Ask, CTRL_Z, ESC, Information};
use super::line::{Scanner, Token};

/// Lines of one answer; the longest we ask for has five.
const MAX_INFORMATION: usize = 32;

/// SMS of one listing: more than any SIM (some 50) or modem (up to 255) holds.
const MAX_LISTED: usize = 1000;

/// An answer that cannot be told apart from a late one is waited for, but not for ever: the deadline
/// holds. Errors in words are cut: they are shown to people.
const MAX_WORDS: usize = 60;

/// What a [`Talk`] has to tell.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// The answer to the command in flight.
    Answer(Answer),
    /// Something was stored in that memory (`+CMTI`, `+CDSI`).
    Stored(String),
    /// An SMS or receipt that was not stored (`+CMT`, `+CDS`): its octets.
    Direct(Vec<u8>),
    /// A message reference for a submission that was given up.
    Late(String),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which.
    pub ask: Ask,
    /// Its lines.
    pub lines: Vec<String>,
    /// The SMS of a listing.
    pub listed: Vec<Listed>,
    /// A listing that was not in PDU mode, or had more than we take.
    pub garbled: bool,
    /// The PDU of a submission was written, Ctrl-Z with it.
    pub handed: bool,
    /// How it ended.
    pub end: End,
}

/// The end of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// `OK`.
    Ok,
    /// An error.
    Error(Code),
    /// Nothing until the deadline.
    Silent,
}

/// One SMS of a listing.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its place.
    pub index: u16,
    /// 0 received and unread, 1 read, 2 unsent, 3 sent (TS 27.005 §3.1).
    pub status: u8,
    /// Its octets; the characters themselves when they are not hex.
    pub pdu: Vec<u8>,
}

#[derive(Debug)]
struct Flight {
    answer: Answer,
    deadline: Instant,
    prompt: bool,
}

/// Which PDU the next line is.
#[derive(Debug)]
enum Header {
    Direct,
    Listed { index: u16, status: u8 },
    Ignored,
}

/// See the file's header.
#[derive(Debug)]
pub struct Talk {
    send_timeout: Duration,
    scanner: Scanner,
    out: Vec<u8>,
    flight: Option<Flight>,
    header: Option<Header>,
    items: VecDeque<Item>,
}

impl Talk {
    /// `send_timeout`: how long the network may take for a submission, from its Ctrl-Z on.
    pub fn new(send_timeout: Duration) -> Self {
        Self {
            send_timeout,
            scanner: Scanner::default(),
            out: Vec::new(),
            flight: None,
            header: None,
            items: VecDeque::new(),
        }
    }

    /// Writes a command. What was in flight is given up.
    pub fn ask(&mut self, ask: Ask, deadline: Instant) {
        self.write(ask.line().as_bytes());
        self.out.push(b'\r');
        let prompt = matches!(ask, Ask::Submit(_));
        self.flight = Some(Flight {
            answer: Answer {
                ask,
                lines: Vec::new(),
                listed: Vec::new(),
                garbled: false,
                handed: false,
                end: End::Silent,
            },
            deadline,
            prompt,
        });
    }

    /// Leaves text entry, if the modem is in it; a PDU that was begun is not sent (threats T41).
    pub fn escape(&mut self) {
        self.out.push(ESC);
    }

    /// Forgets everything; the command in flight, if any, is handed back as it stands.
    pub fn reset(&mut self) -> Option<Answer> {
        self.scanner.clear();
        self.out.clear();
        self.header = None;
        self.items.clear();
        self.flight.take().map(|flight| flight.answer)
    }

    /// When the command in flight ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.deadline)
    }

    /// Bytes to write.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    /// The next thing to tell.
    pub fn item(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// Takes one octet, so that what follows from it is done before the next one.
    pub fn octet(&mut self, octet: u8, now: Instant) {
        let prompt = self.flight.as_ref().is_some_and(|flight| flight.prompt);
        match self.scanner.push(octet, prompt) {
            Some(Token::Line(line)) => self.line(&line),
            Some(Token::Prompt) => self.prompt(now),
            None => {}
        }
    }

    /// Ends the command in flight when its time is over.
    pub fn expire(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.header = None;
            self.end(End::Silent);
        }
    }

    /// The only place that writes. Types keep control octets out; should one get here, it goes no
    /// further (threats T38).
    fn write(&mut self, text: &[u8]) {
        let printable = text.iter().filter(|b| matches!(b, b' '..=b'~'));
        self.out.extend(printable);
    }

    fn prompt(&mut self, now: Instant) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        let Ask::Submit(tpdu) = &flight.answer.ask else {
            return;
        };
        let hex = tpdu.hex().to_owned();
        flight.prompt = false;
        flight.answer.handed = true;
        flight.deadline = now + self.send_timeout;
        self.write(hex.as_bytes());
        self.out.push(CTRL_Z);
    }

    fn line(&mut self, line: &str) {
        if self.header.is_some() && !is_between(line) {
            return self.pdu(line);
        }
        if self.is_echo(line) {
            return;
        }
        if let Some(end) = end(line) {
            return self.end_by(end);
        }
        let (head, rest) = line.split_once(':').unwrap_or((line, ""));
        match head {
            "+CMTI" | "+CDSI" => {
                let memory = rest.split(',').next().unwrap_or("");
                let memory = memory.trim().trim_matches('"');
                self.items.push_back(Item::Stored(memory.to_owned()));
            }
            "+CMT" | "+CDS" => self.header = Some(Header::Direct),
            "+CBM" => self.header = Some(Header::Ignored),
            "+CMGL" => self.listing(rest),
            "+CMGS" if !self.is_handed() => {
                self.items.push_back(Item::Late(rest.trim().to_owned()))
            }
            _ => self.information(line),
        }
    }

    fn is_handed(&self) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.answer.handed)
    }

    /// What we wrote comes back while echo is on: the command, and the PDU behind its prompt.
    fn is_echo(&self, line: &str) -> bool {
        let Some(flight) = &self.flight else {
            return false;
        };
        let bare = line.trim_start_matches(['>', ' ']);
        let pdu = match &flight.answer.ask {
            Ask::Submit(tpdu) => tpdu.hex() == bare,
            _ => false,
        };
        pdu || flight.answer.ask.line() == line
    }

    fn end_by(&mut self, end: End) {
        let Some(flight) = &self.flight else {
            return; // late: nobody asked
        };
        let information = flight.answer.ask.information();
        let required = matches!(information, Information::Prefixed { required: true, .. });
        let late = match end {
            // A submission is not OK before its PDU was written.
            End::Ok if matches!(flight.answer.ask, Ask::Submit(_)) => !flight.answer.handed,
            End::Ok => required && flight.answer.lines.is_empty(),
            _ => false,
        };
        if !late {
            self.end(end);
        }
    }

    fn end(&mut self, end: End) {
        if let Some(flight) = self.flight.take() {
            let answer = Answer {
                end,
                ..flight.answer
            };
            self.items.push_back(Item::Answer(answer));
        }
    }

    fn information(&mut self, line: &str) {
        let Some(Flight { answer, .. }) = &mut self.flight else {
            return;
        };
        let ours = match answer.ask.information() {
            Information::Nothing => false,
            Information::Prefixed { prefix, .. } => line.starts_with(prefix),
            Information::Free => !is_between(line),
        };
        if ours && answer.lines.len() < MAX_INFORMATION {
            answer.lines.push(line.to_owned());
        }
    }

    /// `+CMGL: <index>,<stat>,[<alpha>],<length>` (TS 27.005 §3.4.2).
    fn listing(&mut self, rest: &str) {
        let Some(Flight { answer, .. }) = &mut self.flight else {
            return;
        };
        if answer.ask != Ask::List {
            return;
        }
        let mut fields = rest.split(',').map(str::trim);
        let index = fields.next().and_then(|field| field.parse().ok());
        // Receipts have no status in some modems.
        let status = fields.next().and_then(|field| match field {
            "" => Some(1),
            field => field.parse().ok(),
        });
        let length = fields
            .next_back()
            .and_then(|field| field.parse::<u16>().ok());
        match (index, status, length) {
            // An empty place has no PDU line.
            (Some(_), Some(_), Some(0)) => {}
            (Some(index), Some(status), Some(_)) if answer.listed.len() < MAX_LISTED => {
                self.header = Some(Header::Listed { index, status });
            }
            _ => answer.garbled = true,
        }
    }

    fn pdu(&mut self, line: &str) {
        let pdu = octets(line);
        match (self.header.take(), &mut self.flight) {
            (Some(Header::Direct), _) => self.items.push_back(Item::Direct(pdu)),
            (Some(Header::Listed { index, status }), Some(flight)) => {
                flight.answer.listed.push(Listed { index, status, pdu });
            }
            _ => {}
        }
    }
}

/// The octets of a hex line; the line's own when it is none.
fn octets(line: &str) -> Vec<u8> {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = line.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    let hex: Option<Vec<u8>> = pairs.collect();
    hex.unwrap_or_else(|| line.as_bytes().to_vec())
}

/// A line that some modems put between a header and its PDU, or into the answers without a prefix:
/// a notification, never a PDU.
fn is_between(line: &str) -> bool {
    const WORDS: [&str; 14] = [
        "RING",
        "+CRING:",
        "+CREG:",
        "+CGREG:",
        "+CEREG:",
        "+CIEV:",
        "+CLIP:",
        "+CUSD:",
        "+CMTI:",
        "+CDSI:",
        "+CSQN:",
        "Call Ready",
        "SMS Ready",
        "+QIND:",
    ];
    line.starts_with(['^', '*', '%']) || WORDS.iter().any(|word| line.starts_with(word))
}

/// Final results (TS 27.007 §9.2, TS 27.005 §3.2.5), matched whole.
fn end(line: &str) -> Option<End> {
    let numbered = |prefix: &str, code: fn(u16) -> Code| {
        let said = line.strip_prefix(prefix)?.trim();
        Some(match said.parse() {
            Ok(n) => code(n),
            Err(_) => Code::Words(said.chars().take(MAX_WORDS).collect()),
        })
    };
    match line {
        "OK" => Some(End::Ok),
        "ERROR" | "COMMAND NOT SUPPORT" | "COMMAND NOT SUPPORTED" => Some(End::Error(Code::Plain)),
        _ => numbered("+CMS ERROR:", Code::Cms)
            .or_else(|| numbered("+CME ERROR:", Code::Cme))
            .map(End::Error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::at::command::Tpdu;

    const PDU: &str = "0001000B915155214365F700000441E19058";

    fn submit() -> Ask {
        Ask::Submit(Tpdu::new(PDU, PDU.len() / 2 - 1).expect("tpdu"))
    }

    /// Asks, says, and tells what came of it, one word an item.
    #[track_caller]
    fn check(ask: Option<Ask>, said: &str, expected: &[&str]) {
        let now = Instant::now();
        let mut talk = Talk::new(Duration::from_secs(120));
        if let Some(ask) = ask {
            talk.ask(ask, now + Duration::from_secs(16));
        }
        for octet in said.bytes() {
            talk.octet(octet, now);
        }
        let mut items = Vec::new();
        while let Some(item) = talk.item() {
            items.push(match item {
                Item::Answer(Answer {
                    lines,
                    listed,
                    garbled,
                    end,
                    ..
                }) => {
                    let end = match end {
                        End::Ok => "ok".to_owned(),
                        End::Error(code) => code.to_string(),
                        End::Silent => "silent".to_owned(),
                    };
                    let garbled = if garbled { " garbled" } else { "" };
                    let listed: String = listed
                        .iter()
                        .map(|l| format!(" {}:{}", l.index, l.pdu.len()))
                        .collect();
                    format!("{end}{garbled}{listed} {}", lines.join("|"))
                        .trim_end()
                        .to_owned()
                }
                Item::Stored(memory) => format!("stored {memory}"),
                Item::Direct(pdu) => format!("direct {}", pdu.len()),
                Item::Late(reference) => format!("late {reference}"),
            });
        }
        assert_eq!(items, expected, "{said:?}");
    }

    #[test]
    fn answers() {
        check(Some(Ask::Attention), "\r\nOK\r\n", &["ok"]);
        check(Some(Ask::Attention), "AT\r\r\nOK\r\n", &["ok"]);
        check(Some(Ask::Attention), "AT\r\r\nOK", &[]);
        check(Some(Ask::Attention), "\r\nNOT OK\r\nOKAY\r\n OKs\r\n", &[]);
        check(Some(Ask::Attention), "ERROR\r", &["ERROR without a reason"]);
        check(
            Some(Ask::Attention),
            "+CME ERROR: 10\r",
            &["CME ERROR 10 (SIM not inserted)"],
        );
        check(
            Some(Ask::Attention),
            "+CMS ERROR: SIM busy\r",
            &["error: SIM busy"],
        );
        check(
            Some(Ask::Signal),
            "+CREG: 1\r\n+CSQ: 20,99\r\nRING\r\nOK\r\n",
            &["ok +CSQ: 20,99"],
        );
        check(Some(Ask::Model), "^RSSI: 3\rE220\rRING\rOK\r", &["ok E220"]);
        check(None, "OK\rERROR\r+CMS ERROR: 38\r", &[]);
    }

    #[test]
    fn an_answer_without_its_line_is_somebody_elses() {
        check(Some(Ask::IsPduMode), "OK\r+CMGF: 0\rOK\r", &["ok +CMGF: 0"]);
        check(Some(Ask::PinState), "OK\r", &[]);
    }

    #[test]
    fn submissions() {
        check(
            Some(submit()),
            "\r\n> \r\n+CMGS: 7\r\n\r\nOK\r\n",
            &["ok +CMGS: 7"],
        );
        check(Some(submit()), "AT+CMGS=17\r\r\n>", &[]);
        check(Some(submit()), "OK\r\n> \r\nOK\r\n", &["ok"]);
        check(Some(submit()), "OK\r\n", &[]);
        check(
            Some(submit()),
            "+CMS ERROR: 302\r",
            &["CMS ERROR 302 (operation not allowed)"],
        );
        check(
            Some(submit()),
            &format!("\r\n> {PDU}\x1a\r\n+CMGS: 7\r\nOK\r\n"),
            &["ok +CMGS: 7"],
        );
        check(None, "+CMGS: 9\rOK\r", &["late 9"]);
        check(Some(Ask::Attention), "+CMGS: 9\rOK\r", &["late 9", "ok"]);
    }

    #[test]
    fn listings() {
        check(
            Some(Ask::List),
            "+CMGL: 1,1,,3\r0001\r+CMGL: 12,0,\"A,b\",2\r00\rOK\r",
            &["ok 1:2 12:1"],
        );
        check(
            Some(Ask::List),
            "+CMGL: 1,1,,3\r^RSSI: 3\r0001\rOK\r",
            &["ok 1:2"],
        );
        check(Some(Ask::List), "+CMGL: 1,1,,3\rOK\rOK\r", &["ok 1:2"]);
        check(
            Some(Ask::List),
            "+CMGL: 1,1,,3\r+CMS ERROR: 38\rOK\r",
            &["ok 1:14"],
        );
        check(Some(Ask::List), "+CMGL: 1,1,,0\rOK\r", &["ok"]);
        check(
            Some(Ask::List),
            "+CMGL: 1,\"REC READ\",\"+1\"\rhello\rOK\r",
            &["ok garbled"],
        );
        check(Some(Ask::List), "OK\r", &["ok"]);
    }

    #[test]
    fn notifications() {
        check(
            None,
            "+CMTI: \"SM\",3\r+CDSI: \"SR\",1\r",
            &["stored SM", "stored SR"],
        );
        check(None, "+CMT: ,24\r0001\r", &["direct 2"]);
        check(None, "+CDS: 24\r0001\r", &["direct 2"]);
        check(None, "+CBM: 88\r0001\r", &[]);
        check(
            Some(Ask::Attention),
            "+CMT: ,24\rOK\rOK\r",
            &["direct 2", "ok"],
        );
        check(
            Some(Ask::Attention),
            "+CMT: ,24\r+CMS ERROR: 38\rOK\r",
            &["direct 14", "ok"],
        );
    }
}
