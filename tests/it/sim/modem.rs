//! A GSM modem on a pty, with a SIM in it and a network behind it. Faults are its [`Options`].
//!
//! It speaks AT as a modem does, keeps received SMS in the slots of its SIM, and gives what it is told
//! to send to a network that remembers it. It runs in a thread of its own; a test waits for states of
//! it ([`SimModem::wait`]) and never sleeps. Dropping it pulls its plug.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use sms_milter::sms::segment::{Options as Cutting, cut};
use sms_milter::sms::{Concat, Party};
use sms_milter::wire::pdu::{self, Content, Deliver, Pdu, Stamp, StatusReport, Submit};

/// How long a modem without anything to do rests between two looks at its line.
const TICK: Duration = Duration::from_millis(1);

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

/// What is wrong with it. The default is well.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the noise.
    pub seed: u64,
    /// Says back what it hears until ATE0.
    pub echo: bool,
    /// And after ATE0, too.
    pub stubborn_echo: bool,
    /// Between two octets.
    pub byte_delay: Duration,
    /// How it asks for a PDU.
    pub prompt: &'static str,
    /// So many times it does not ask.
    pub lost_prompts: u32,
    /// Commands that start so get no answer…
    pub hang_at: Option<&'static str>,
    /// …so often.
    pub hangs: u32,
    /// NUL and 0xFF between the lines.
    pub noise: bool,
    /// Notifications before each line.
    pub storm: bool,
    /// The SIM's PIN.
    pub pin: Option<&'static str>,
    /// It has a network.
    pub registered: bool,
    /// How many SMS the SIM holds.
    pub slots: u16,
    /// What becomes of the next submissions; then all are taken.
    pub replies: Vec<Reply>,
    /// The SIM's number.
    pub iccid: &'static str,
    /// It tells of new SMS.
    pub notifies: bool,
    /// It was left in text entry.
    pub in_text: bool,
    /// So many deletions fail.
    pub failing_deletions: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            echo: true,
            stubborn_echo: false,
            byte_delay: Duration::ZERO,
            prompt: "\r\n> ",
            lost_prompts: 0,
            hang_at: None,
            hangs: 0,
            noise: false,
            storm: false,
            pin: None,
            registered: true,
            slots: 20,
            replies: Vec::new(),
            iccid: "89420020000000000123",
            notifies: true,
            in_text: false,
            failing_deletions: 0,
        }
    }
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
}

/// What a test may look at.
#[derive(Debug)]
pub struct State {
    options: Options,
    /// What the network took, in order.
    pub sent: Vec<SentSms>,
    /// What is on the SIM.
    pub stored: BTreeMap<u16, String>,
    /// Every command, in order.
    pub commands: Vec<String>,
    /// PINs that were tried.
    pub pins: u32,
    /// PDUs that it was given, taken or not.
    pub submissions: u32,
    open: bool,
    echo: bool,
    /// `Some`: in text entry, with what was entered.
    text: Option<String>,
    line: String,
    say: VecDeque<u8>,
    /// Held by the service centre: number and TP-MR, for TP-RD.
    held: HashSet<(String, u8)>,
    notifying: bool,
    replies: VecDeque<Reply>,
    clock: i64,
    random: u64,
    /// Counts plugs: a thread whose number it is not any more ends.
    plug: u64,
}

/// See the file's header.
pub struct SimModem {
    shared: Arc<(Mutex<State>, Condvar)>,
    folder: tempfile::TempDir,
}

impl SimModem {
    /// Plugged in and switched on.
    pub fn start(options: Options) -> Self {
        let state = State {
            sent: Vec::new(),
            stored: BTreeMap::new(),
            commands: Vec::new(),
            pins: 0,
            submissions: 0,
            open: options.pin.is_none(),
            echo: options.echo,
            text: options.in_text.then(String::new),
            line: String::new(),
            say: VecDeque::new(),
            held: HashSet::new(),
            notifying: false,
            replies: options.replies.iter().copied().collect(),
            clock: 1_700_000_000,
            random: options.seed.max(1),
            plug: 0,
            options,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let modem = Self {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            folder,
        };
        modem.replug();
        modem
    }

    /// A name of the port that stays when it is plugged in again.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("usb-modem")
    }

    /// Pulls the plug.
    pub fn unplug(&self) {
        self.lock().plug += 1;
        self.shared.1.notify_all();
    }

    /// Plugs it in again: another port under the same name. The SIM wants its PIN again.
    pub fn replug(&self) {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        let port = nix::unistd::ttyname(&pty.slave).expect("its name");
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("not blocking");
        let plug = {
            let mut state = self.lock();
            state.plug += 1;
            state.open = state.options.pin.is_none();
            state.echo = state.options.echo;
            state.notifying = false;
            state.line.clear();
            state.say.clear();
            state.plug
        };
        let link = self.path();
        let _ = std::fs::remove_file(&link);
        symlink(port, link).expect("a link");
        let shared = self.shared.clone();
        let master = File::from(pty.master);
        thread::spawn(move || live(&shared, master, plug));
    }

    /// Looks at it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().expect("the modem's state")
    }

    /// Waits until that is so; panics at the deadline.
    #[track_caller]
    pub fn wait(&self, what: &str, deadline: Duration, is_so: impl Fn(&State) -> bool) {
        let end = Instant::now() + deadline;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}: {state:#?}");
            state = self
                .shared
                .1
                .wait_timeout(state, left)
                .expect("the modem's state")
                .0;
        }
    }

    /// What the network took.
    pub fn sent(&self) -> Vec<SentSms> {
        self.lock().sent.clone()
    }

    /// Waits until the network took so many.
    #[track_caller]
    pub fn wait_sent(&self, n: usize, deadline: Duration) -> Vec<SentSms> {
        self.wait("submissions", deadline, |state| state.sent.len() >= n);
        self.sent()
    }

    /// Waits until nothing is on the SIM.
    #[track_caller]
    pub fn wait_empty(&self, deadline: Duration) {
        self.wait("an empty SIM", deadline, |state| state.stored.is_empty());
    }

    /// Changes what is wrong with it.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        let mut state = self.lock();
        change(&mut state.options);
        state.replies = state.options.replies.iter().copied().collect();
    }

    /// A phone writes; a long text comes in parts, in order.
    pub fn deliver(&self, from: &str, text: &str) {
        for pdu in self.parts(from, text) {
            self.deliver_pdu(&pdu);
        }
    }

    /// The PDUs of a text from a phone, to be delivered in any order, or twice.
    pub fn parts(&self, from: &str, text: &str) -> Vec<String> {
        let cutting = Cutting {
            reference: 0x5A,
            ..Cutting::default()
        };
        let cut = cut(text, &cutting).expect("a text");
        let mut state = self.lock();
        let parts = cut.segments.iter().map(|segment| {
            let content = Content::segment(segment, false);
            let stamp = state.now();
            let deliver = Deliver::new(Party::from_network(from), content, stamp);
            deliver.encode().expect("a PDU").hex
        });
        parts.collect()
    }

    /// The network hands over a PDU: it is stored and told of. On a full SIM it is dropped.
    pub fn deliver_pdu(&self, hex: &str) {
        let mut state = self.lock();
        let free = (1..=state.options.slots).find(|slot| !state.stored.contains_key(slot));
        let Some(slot) = free else { return };
        state.stored.insert(slot, hex.to_owned());
        if state.notifying {
            state.say_line(&format!("+CMTI: \"SM\",{slot}"));
        }
        self.shared.1.notify_all();
    }

    /// The network hands over a PDU that is not stored.
    pub fn deliver_direct(&self, hex: &str) {
        let length = hex.len() / 2 - 1;
        self.lock().say_line(&format!("+CMT: ,{length}\r\n{hex}"));
        self.shared.1.notify_all();
    }

    /// The service centre reports on a submission (TP-ST).
    pub fn status_report(&self, reference: u8, to: &str, status: u8) {
        let mut state = self.lock();
        let (sent, done) = (state.now(), state.now());
        let report = StatusReport::new(reference, Party::from_network(to), sent, done, status);
        let hex = report.encode().expect("a PDU").hex;
        let length = hex.len() / 2 - 1;
        state.say_line(&format!("+CDS: {length}\r\n{hex}"));
        self.shared.1.notify_all();
    }
}

impl Drop for SimModem {
    fn drop(&mut self) {
        if let Ok(mut state) = self.shared.0.lock() {
            state.plug += 1;
        }
    }
}

/// One plug's life. The line is dropped, which is what pulling a plug looks like from the other side.
fn live(shared: &(Mutex<State>, Condvar), mut master: File, plug: u64) {
    let (lock, changed) = shared;
    let mut buffer = [0; 512];
    loop {
        let (mut octet, pause) = {
            let mut state = lock.lock().expect("state");
            if state.plug != plug {
                return;
            }
            let before = (
                state.commands.len(),
                state.sent.len(),
                state.stored.len(),
                state.submissions,
            );
            let n = match master.read(&mut buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(_) => {
                    // Nobody has the port open: what is said is heard by nobody.
                    drop(changed.wait_timeout(state, TICK));
                    continue;
                }
            };
            for &octet in &buffer[..n] {
                state.hear(octet);
            }
            let after = (
                state.commands.len(),
                state.sent.len(),
                state.stored.len(),
                state.submissions,
            );
            if before != after {
                changed.notify_all();
            }
            if n == 0 && state.say.is_empty() {
                drop(changed.wait_timeout(state, TICK));
                continue;
            }
            let pause = state.options.byte_delay;
            let at_once = if pause.is_zero() {
                state.say.len()
            } else {
                state.say.len().min(1)
            };
            (state.say.drain(..at_once).collect::<Vec<u8>>(), pause)
        };
        while !octet.is_empty() {
            match master.write(&octet) {
                Ok(n) => drop(octet.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK),
                Err(_) => octet.clear(),
            }
        }
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }
}

impl State {
    /// Commands that no modem gateway has a reason to write.
    pub fn strange(&self) -> Vec<&String> {
        const KNOWN: [&str; 22] = [
            "AT", "ATE0", "AT+CMEE", "AT+CCID", "AT+ICCID", "AT+CPIN", "AT+CPINR", "AT+CMGF",
            "AT+CSMS", "AT+CPMS", "AT+CSCA", "AT+CNMI", "AT+CREG", "AT+CEREG", "AT+CSQ", "AT+CGMI",
            "AT+CGMM", "AT+CMGS", "AT+CMGL", "AT+CMGD", "AT+CNMA", "AT+CFUN",
        ];
        let strange =
            |command: &&String| !KNOWN.contains(&command.split(['=', '?']).next().unwrap_or(""));
        self.commands.iter().filter(strange).collect()
    }

    fn now(&mut self) -> Stamp {
        self.clock += 1;
        let time = Timestamp::from_second(self.clock).expect("a time");
        Stamp::new(time, 4).expect("a stamp")
    }

    fn random(&mut self) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn say(&mut self, text: &str) {
        self.say.extend(text.bytes());
    }

    fn say_line(&mut self, line: &str) {
        if self.options.noise {
            for _ in 0..self.random() % 4 {
                let noise = if self.random().is_multiple_of(2) {
                    0x00
                } else {
                    0xFF
                };
                self.say.push_back(noise);
            }
        }
        if self.options.storm {
            let strength = self.random() % 31;
            self.say(&format!("\r\n^RSSI:{strength}\r\n"));
        }
        self.say(&format!("\r\n{line}\r\n"));
    }

    fn hear(&mut self, octet: u8) {
        if self.echo || self.options.stubborn_echo {
            self.say.push_back(octet);
        }
        match (&mut self.text, octet) {
            (Some(_), 0x1B) => {
                self.text = None;
                self.say_line("OK");
            }
            (Some(text), 0x1A) => {
                let text = std::mem::take(text);
                self.text = None;
                self.submit(&text);
            }
            (Some(text), _) => text.push(char::from(octet)),
            (None, b'\r') => {
                let line = std::mem::take(&mut self.line);
                self.command(line.trim());
            }
            (None, b'\n' | 0x1B) => {}
            (None, _) => self.line.push(char::from(octet)),
        }
    }

    fn command(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        self.commands.push(line.to_owned());
        let hangs = self.options.hang_at.is_some_and(|at| line.starts_with(at));
        if hangs && self.options.hangs > 0 {
            self.options.hangs -= 1;
            return;
        }
        let (head, value) = line.split_once('=').unwrap_or((line, ""));
        let needs_sim = ["AT+CMG", "AT+CPMS", "AT+CSCA", "AT+CNMI"];
        if !self.open && needs_sim.iter().any(|start| head.starts_with(start)) {
            return self.say_line("+CMS ERROR: 311");
        }
        match head {
            "ATE0" => {
                self.echo = false;
                self.say_line("OK");
            }
            "AT" | "AT+CMEE" | "AT+CMGF" | "AT+CSCA" | "AT+CFUN" => self.say_line("OK"),
            "AT+CCID" => self.answer(&format!("+CCID: \"{}\"", self.options.iccid)),
            "AT+CPIN?" => {
                let state = if self.open { "READY" } else { "SIM PIN" };
                self.answer(&format!("+CPIN: {state}"));
            }
            "AT+CPIN" => self.enter_pin(value),
            "AT+CMGF?" => self.answer("+CMGF: 0"),
            "AT+CSMS?" => self.answer("+CSMS: 0,1,1,1"),
            "AT+CPMS" => self.answer("+CPMS: 0,20,0,20,0,20"),
            "AT+CPMS?" => {
                let room = format!("\"SM\",{},{}", self.stored.len(), self.options.slots);
                self.answer(&format!("+CPMS: {room},{room},{room}"));
            }
            "AT+CSCA?" => self.answer("+CSCA: \"+15550001111\",145"),
            "AT+CNMI" if self.options.notifies => {
                self.notifying = true;
                self.say_line("OK");
            }
            "AT+CREG?" | "AT+CEREG?" => {
                let name = head.trim_start_matches("AT").trim_end_matches('?');
                let state = if self.options.registered { 1 } else { 2 };
                self.answer(&format!("{name}: 0,{state}"));
            }
            "AT+CSQ" => self.answer("+CSQ: 17,99"),
            "AT+CGMI" => self.answer("Simulated"),
            "AT+CGMM" => self.answer("SIM-1"),
            "AT+CMGS" if self.options.lost_prompts > 0 => {
                self.options.lost_prompts -= 1;
                self.text = Some(String::new());
            }
            "AT+CMGS" => {
                self.text = Some(String::new());
                let prompt = self.options.prompt;
                self.say(prompt);
            }
            "AT+CMGL" => {
                let stored = self.stored.clone();
                for (slot, hex) in stored {
                    let length = hex.len() / 2 - 1;
                    self.say_line(&format!("+CMGL: {slot},1,,{length}\r\n{hex}"));
                }
                self.say_line("OK");
            }
            "AT+CMGD" if self.options.failing_deletions > 0 => {
                self.options.failing_deletions -= 1;
                self.say_line("+CMS ERROR: 320");
            }
            "AT+CMGD" => {
                let slot = value.parse().ok();
                let gone = slot
                    .and_then(|slot: u16| self.stored.remove(&slot))
                    .is_some();
                self.say_line(if gone { "OK" } else { "+CMS ERROR: 321" });
            }
            _ => self.say_line("ERROR"),
        }
    }

    fn answer(&mut self, information: &str) {
        self.say_line(information);
        self.say_line("OK");
    }

    fn enter_pin(&mut self, value: &str) {
        self.pins += 1;
        self.open = self.options.pin == Some(value.trim_matches('"'));
        self.say_line(if self.open { "OK" } else { "+CME ERROR: 16" });
    }

    fn submit(&mut self, hex: &str) {
        self.submissions += 1;
        let Ok(Pdu::Submit(submit)) = pdu::decode(hex) else {
            return self.say_line("+CMS ERROR: 304");
        };
        let reply = self.replies.pop_front().unwrap_or(Reply::Ok);
        let reference = submit.reference;
        match reply {
            Reply::Ok | Reply::TakenSilently => {
                let key = (submit.to.to_string(), reference);
                if submit.reject_duplicates && self.held.contains(&key) {
                    return self.say_line("+CMS ERROR: 197");
                }
                self.held.insert(key);
                self.sent.push(sent(submit, hex));
                if reply == Reply::Ok {
                    self.answer(&format!("+CMGS: {reference}"));
                }
            }
            Reply::Cms(code) => self.say_line(&format!("+CMS ERROR: {code}")),
            Reply::Error => self.say_line("ERROR"),
            Reply::Lost => {}
        }
    }
}

fn sent(submit: Submit, hex: &str) -> SentSms {
    SentSms {
        to: submit.to.to_string(),
        text: submit.content.text().unwrap_or_default().to_owned(),
        reference: submit.reference,
        repeat: submit.reject_duplicates,
        flash: submit.content.dcs.class() == Some(0),
        receipt: submit.status_report,
        concat: submit.content.concat(),
        pdu: hex.to_owned(),
    }
}
