//! One question and its answer, on a line where others speak too.
//!
//! A [`Talk`] has at most one command in flight. It tells the lines of its answer from echoes, from
//! notifications and from late answers to what was given up; final results count only as a whole line
//! and only while a command waits for one (threats T39). The line after `+CMT:`, `+CDS:`, `+CBM:`,
//! `+CMGL:` and `+CMGR:` is a PDU whatever it looks like, unless it does not come at once. Deadlines
//! are absolute: nothing a modem says moves them, but for the prompt and the network's word, each once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codes::Code;
use super::command::{Ask, CTRL_Z, ESC, Information};
use super::field::{fields, is_closed, is_whole, octets, status};
use super::line::{Scanner, Token};
use super::notification::{Sign, is_notification, sign};

/// Lines of one answer; the longest we ask for has five.
const MAX_INFORMATION: usize = 32;

/// SMS of one listing: more than any SIM (some 50) or modem (up to 255) holds.
const MAX_LISTED: usize = 1000;

/// What nobody has taken yet. The core takes all after each octet; [`super::Asker`] after each piece.
const MAX_ITEMS: usize = 1000;

/// A PDU that does not follow its header for so long was lost on the line: at 1200 bit/s, 350 digits
/// take three seconds.
const PDU_WAIT: Duration = Duration::from_secs(10);

/// A text of USSD may have several lines; they come at once, and are at most 182 characters.
const TEXT_WAIT: Duration = Duration::from_secs(3);
const MAX_TEXT: usize = 2048;

/// The `OK` behind a late answer comes at once.
const LATE_OK: Duration = Duration::from_secs(2);

/// What a [`Talk`] has to tell.
#[derive(Debug, PartialEq)]
pub enum Item {
    /// The answer to the command in flight.
    Answer(Answer),
    /// Something was stored: the memory, and where (`+CMTI`, `+CDSI`).
    Stored(String, Option<u16>),
    /// An SMS or receipt that was not stored (`+CMT`, `+CDS`): its octets; they are as many as were
    /// announced.
    Direct(Vec<u8>, bool),
    /// An SMS came in words: the modem has left PDU mode.
    TextMode,
    /// The network took a submission that was given up, and called it that.
    LateSent(String),
    /// It did not take it.
    LateFailed(Code),
    /// The modem's state is not what it was.
    Sign(Sign),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Which.
    pub ask: Ask,
    /// Its lines.
    pub lines: Vec<String>,
    /// The SMS of a listing or reading.
    pub listed: Vec<Listed>,
    /// Places of a listing whose line could not be read.
    pub broken: Vec<u16>,
    /// A listing that was not in PDU mode, or had more than we take.
    pub garbled: bool,
    /// The PDU of a submission was written, Ctrl-Z with it.
    pub handed: bool,
    /// How it ended.
    pub end: End,
}

impl Answer {
    /// Of a command that is not written, because the modem does not know it.
    pub(super) fn unasked(ask: Ask) -> Self {
        Self {
            end: End::Error(Code::Plain),
            ..Self::to(ask)
        }
    }

    fn to(ask: Ask) -> Self {
        Self {
            ask,
            lines: Vec::new(),
            listed: Vec::new(),
            broken: Vec::new(),
            garbled: false,
            handed: false,
            end: End::Silent,
        }
    }
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
    /// They are as many as were announced.
    pub whole: bool,
}

#[derive(Debug)]
struct Flight {
    answer: Answer,
    deadline: Instant,
    prompt: bool,
    /// The modem said OK to what it answers later.
    taken: bool,
    /// For what follows when the network has spoken.
    timeout: Duration,
}

/// Which PDU the next line is, and how many octets it has behind the service centre's address.
#[derive(Debug)]
struct Header {
    kind: Kind,
    length: Option<usize>,
    since: Instant,
}

#[derive(Debug)]
enum Kind {
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
    /// The last one is the next line's; a notification may stand between a header and its PDU.
    headers: Vec<Header>,
    /// The beginning of a USSD text whose end has not come.
    text: Option<(String, Instant)>,
    /// TP-MR of a submission that was given up, should it be known.
    doubt: Option<Option<u8>>,
    /// The `OK` of a late answer is let pass until then.
    late_ok: Option<Instant>,
    items: VecDeque<Item>,
    heard: u64,
}

impl Talk {
    /// `send_timeout`: how long the network may take for a submission, from its Ctrl-Z on.
    pub fn new(send_timeout: Duration) -> Self {
        Self {
            send_timeout,
            scanner: Scanner::default(),
            out: Vec::new(),
            flight: None,
            headers: Vec::new(),
            text: None,
            doubt: None,
            late_ok: None,
            items: VecDeque::new(),
            heard: 0,
        }
    }

    /// Writes a command; its answer may take `timeout`, or longer where that is its nature. What was in
    /// flight is given up.
    pub fn ask(&mut self, ask: Ask, timeout: Duration, now: Instant) {
        self.write(ask.line().as_bytes());
        self.out.push(b'\r');
        let prompt = matches!(ask, Ask::Submit(_));
        let deadline = now + ask.patience(timeout);
        self.flight = Some(Flight {
            answer: Answer::to(ask),
            deadline,
            prompt,
            taken: false,
            timeout,
        });
    }

    /// Leaves text entry, if the modem is in it; a PDU that was begun is not sent (threats T41).
    pub fn escape(&mut self) {
        self.out.push(ESC);
    }

    /// From now on an answer may come to a submission that was given up; `None`: not any more.
    pub fn doubt(&mut self, reference: Option<Option<u8>>) {
        self.doubt = reference;
    }

    /// Forgets everything but doubts; the command in flight, if any, is handed back as it stands.
    pub fn reset(&mut self) -> Option<Answer> {
        self.scanner.clear();
        self.out.clear();
        self.headers.clear();
        self.text = None;
        self.items.clear();
        self.heard = 0;
        self.flight.take().map(|flight| flight.answer)
    }

    /// Nobody waits for an answer to the command in flight any more.
    pub fn give_up(&mut self) {
        self.flight = None;
    }

    /// How many octets came since all was forgotten.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Octets and things that are held.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        let text = self.text.as_ref().map_or(0, |(text, _)| text.len());
        self.out.len() + self.headers.len() + self.items.len() + text
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
        self.heard += 1;
        let prompt = self.flight.as_ref().is_some_and(|flight| flight.prompt);
        match self.scanner.push(octet, prompt) {
            Some(Token::Line(line)) => self.line(&line, now),
            Some(Token::Prompt) => self.prompt(now),
            None => {}
        }
    }

    /// Ends the command in flight when its time is over.
    pub fn expire(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.headers.clear();
            self.text = None;
            self.end(End::Silent);
        }
    }

    fn tell(&mut self, item: Item) {
        if self.items.len() < MAX_ITEMS {
            self.items.push_back(item);
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

    fn line(&mut self, line: &str, now: Instant) {
        // What is left of prompts that came twice.
        let line = match self.is_handed() {
            true => line.trim_start_matches(['>', ' ']),
            false => line,
        };
        self.headers.retain(|header| now < header.since + PDU_WAIT);
        if !self.headers.is_empty() && !self.is_between(line) {
            return self.pdu(line);
        }
        match self.joined(line, now) {
            Some(Some(text)) => return self.information(&text, now),
            Some(None) => return,
            None => {}
        }
        if line.is_empty() || self.is_echo(line) {
            return;
        }
        if let Some(end) = end(line) {
            return self.end_by(end, now);
        }
        if let Some(sign) = sign(line).filter(|_| !self.is_asked_for(line)) {
            return self.tell(Item::Sign(sign));
        }
        let (head, rest) = line.split_once(':').unwrap_or((line, ""));
        match head {
            "+CMTI" | "+CDSI" => {
                let (memory, index) = rest.split_once(',').unwrap_or((rest, ""));
                let memory = memory.trim().trim_matches('"').to_owned();
                self.tell(Item::Stored(memory, index.trim().parse().ok()));
            }
            "+CMT" | "+CDS" => self.direct(rest, now),
            "+CBM" => self.header(Kind::Ignored, None, now),
            "+CMGL" => self.listing(rest, now),
            "+CMGR" => self.reading(rest, now),
            "+CMGS" => self.sent(line, rest.trim(), now),
            _ => self.information(line, now),
        }
    }

    fn is_handed(&self) -> bool {
        self.flight
            .as_ref()
            .is_some_and(|flight| flight.answer.handed)
    }

    /// A notification between a header and its PDU. Whole messages come between those of a listing.
    fn is_between(&self, line: &str) -> bool {
        let listing = matches!(
            self.headers.last(),
            Some(Header {
                kind: Kind::Listed { .. },
                ..
            })
        );
        let message = ["+CMT:", "+CDS:"].iter().any(|head| line.starts_with(head));
        is_notification(line) || (listing && message && self.headers.len() == 1)
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

    /// It may be the answer to the command in flight.
    fn is_asked_for(&self, line: &str) -> bool {
        let information = self
            .flight
            .as_ref()
            .map(|flight| flight.answer.ask.information());
        match information {
            Some(Information::Prefixed { prefix, .. }) => line.starts_with(prefix),
            Some(Information::Free(prefixes)) => {
                prefixes.iter().any(|prefix| line.starts_with(prefix))
            }
            Some(Information::Nothing) | None => false,
        }
    }

    /// Joins the lines of a text in quotes. `None`: the line is not of one; `Some(None)`: its end is
    /// still to come.
    fn joined(&mut self, line: &str, now: Instant) -> Option<Option<String>> {
        let (text, since) = match self.text.take() {
            Some((text, since)) if now < since + TEXT_WAIT && text.len() < MAX_TEXT => {
                (format!("{text}\n{line}"), since)
            }
            _ if line.starts_with("+CUSD:") => (line.to_owned(), now),
            _ => return None,
        };
        if is_closed(&text) {
            return Some(Some(text));
        }
        self.text = Some((text, since));
        Some(None)
    }

    fn end_by(&mut self, end: End, now: Instant) {
        let late_ok = self.late_ok.take().is_some_and(|until| now < until);
        if let (End::Error(code @ Code::Cms(_)), Some(_), false) = (&end, self.doubt, self.is_sms())
        {
            return self.tell(Item::LateFailed(code.clone()));
        }
        let Some(flight) = &mut self.flight else {
            return; // late: nobody asked
        };
        let information = flight.answer.ask.information();
        let required = matches!(information, Information::Prefixed { required: true, .. });
        let late = match end {
            End::Ok if late_ok => true,
            // A submission is not OK before its PDU was written.
            End::Ok if matches!(flight.answer.ask, Ask::Submit(_)) => !flight.answer.handed,
            End::Ok => required && flight.answer.lines.is_empty(),
            _ => false,
        };
        if !late {
            return self.end(end);
        }
        flight.taken |= !late_ok;
    }

    /// The command in flight is one of those that end with `+CMS ERROR`.
    fn is_sms(&self) -> bool {
        let asks = |ask: &Ask| {
            let line = ask.line();
            ["AT+CM", "AT+CN", "AT+CPMS", "AT+CS"]
                .iter()
                .any(|head| line.starts_with(head))
                || matches!(ask, Ask::PinState | Ask::EnterPin(_) | Ask::Extra(_))
        };
        self.flight
            .as_ref()
            .is_some_and(|flight| asks(&flight.answer.ask))
    }

    fn end(&mut self, end: End) {
        if let Some(flight) = self.flight.take() {
            let answer = Answer {
                end,
                ..flight.answer
            };
            self.tell(Item::Answer(answer));
        }
    }

    /// `+CMGS: <mr>`: of the submission in flight, or of one before.
    fn sent(&mut self, line: &str, rest: &str, now: Instant) {
        let said = rest.split(',').next().and_then(|mr| mr.trim().parse().ok());
        let own = self.flight.as_ref().filter(|flight| flight.answer.handed);
        let own = own.map(|flight| match &flight.answer.ask {
            Ask::Submit(tpdu) => tpdu.reference(),
            _ => None,
        });
        let late = match (own, self.doubt) {
            (None, _) => true,
            (Some(own), Some(old)) => said.is_some() && old == said && own != said,
            (Some(_), None) => false,
        };
        if late {
            self.late_ok = self.doubt.map(|_| now + LATE_OK);
            return self.tell(Item::LateSent(rest.to_owned()));
        }
        self.information(line, now);
        // The network has spoken: what is still to come is the modem's OK.
        if let Some(flight) = &mut self.flight {
            flight.deadline = flight.deadline.min(now + flight.timeout);
        }
    }

    fn information(&mut self, line: &str, now: Instant) {
        let ours = self.is_asked_for(line);
        let Some(flight) = &mut self.flight else {
            return;
        };
        let free = matches!(flight.answer.ask.information(), Information::Free(_));
        let strange = line.starts_with('+') || is_notification(line);
        if !(ours || free && !strange) || flight.answer.lines.len() >= MAX_INFORMATION {
            return;
        }
        flight.answer.lines.push(line.to_owned());
        self.late_ok = None;
        if let Ask::Ussd(..) = flight.answer.ask {
            // The network's answer is the end of it, and comes behind the OK or before it.
            self.late_ok = (!flight.taken).then(|| now + LATE_OK);
            self.end(End::Ok);
        }
    }

    fn header(&mut self, kind: Kind, length: Option<usize>, since: Instant) {
        self.headers.push(Header {
            kind,
            length,
            since,
        });
    }

    /// `+CMT: [<alpha>],<length>`, `+CDS: <length>` (TS 27.005 §3.4.1).
    fn direct(&mut self, rest: &str, now: Instant) {
        let fields = fields(rest);
        let length = fields.last().and_then(|field| field.parse().ok());
        // In text mode there are a number and a time.
        if length.is_none() || fields.len() > 2 {
            self.tell(Item::TextMode);
        }
        self.header(Kind::Direct, length, now);
    }

    /// `+CMGL: <index>,<stat>,[<alpha>],<length>` (TS 27.005 §3.4.2).
    fn listing(&mut self, rest: &str, now: Instant) {
        let Some(Flight { answer, .. }) = &mut self.flight else {
            return;
        };
        if answer.ask != Ask::List {
            return;
        }
        let fields = fields(rest);
        let index = fields.first().and_then(|field| field.parse().ok());
        let status = fields.get(1).and_then(|field| status(field));
        let length = fields.last().filter(|_| fields.len() > 2);
        let length = length.and_then(|field| field.parse().ok());
        let words = fields.get(1).is_some_and(|field| field.starts_with('"'));
        match (index, status, length) {
            // An empty place has no PDU line.
            (Some(_), Some(_), Some(0)) => {}
            (Some(index), Some(status), length @ Some(_)) if answer.listed.len() < MAX_LISTED => {
                self.header(Kind::Listed { index, status }, length, now);
            }
            (Some(index), _, _) if !words && answer.broken.len() < MAX_LISTED => {
                answer.broken.push(index);
            }
            _ => answer.garbled |= words || index.is_some(),
        }
    }

    /// `+CMGR: <stat>,[<alpha>],<length>` (TS 27.005 §3.4.3).
    fn reading(&mut self, rest: &str, now: Instant) {
        let Some(Flight { answer, .. }) = &mut self.flight else {
            return;
        };
        let Ask::Read(index) = answer.ask else {
            return;
        };
        let fields = fields(rest);
        let status = fields.first().and_then(|field| status(field));
        let length = fields.last().and_then(|field| field.parse().ok());
        match (status, length) {
            (Some(_), Some(0)) => {}
            (Some(status), length) => self.header(Kind::Listed { index, status }, length, now),
            (None, _) => answer.garbled = true,
        }
    }

    fn pdu(&mut self, line: &str) {
        let Some(header) = self.headers.pop() else {
            return;
        };
        let (pdu, hex) = octets(line);
        let whole = hex && header.length.is_some_and(|length| is_whole(&pdu, length));
        match (header.kind, &mut self.flight) {
            (Kind::Direct, _) => self.tell(Item::Direct(pdu, whole)),
            (Kind::Listed { index, status }, Some(flight)) => {
                let listed = Listed {
                    index,
                    status,
                    pdu,
                    whole,
                };
                flight.answer.listed.push(listed);
            }
            (Kind::Listed { .. } | Kind::Ignored, _) => {}
        }
    }
}

/// Final results (TS 27.007 §9.2, TS 27.005 §3.2.5), matched whole.
fn end(line: &str) -> Option<End> {
    match line {
        "OK" => Some(End::Ok),
        "ERROR" | "COMMAND NOT SUPPORT" | "COMMAND NOT SUPPORTED" | "TOO MANY PARAMETERS" => {
            Some(End::Error(Code::Plain))
        }
        _ => Code::read(line).map(End::Error),
    }
}

#[cfg(test)]
mod tests;
