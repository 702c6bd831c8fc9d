//! A GSM modem on a pty: a line ([`line`]), someone who speaks AT ([`at`]), a SIM in it ([`sim`]), and
//! a network behind it ([`network`]). Faults are its [`Options`]; what is random in them has a seed.
//!
//! It runs in a thread of its own and in real time, because a pty does. A line has the speed it is told
//! to have: the time of an octet is computed, and only the end of what is on the line is waited for. A
//! test waits for states of it ([`SimModem::wait`]) and never sleeps. Dropping it pulls its plug.
//!
//! It uses nothing of the other peers, so that a benchmark can take it as it is.

mod at;
mod line;
mod network;
mod sim;

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use self::at::Dialogue;
use self::line::{Line, Port};
use self::network::Network;
use self::sim::Sim;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

pub use self::line::Stage;
pub use self::network::{Receipts, Reply, SentSms};

/// What it is and what is wrong with it. The default is a modem that is well, on a line without delay.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of all that is random.
    pub seed: u64,
    /// Commands and what is said to them instead of its own answer, lines with `\n` between.
    pub answers: Vec<(&'static str, &'static str)>,

    // The line.
    /// Bits a second, ten to an octet. 0: no octet takes any time.
    pub baud: u32,
    /// The host has set another speed: what either says is noise to the other.
    pub wrong_speed: bool,
    /// The least that an octet takes, whatever the speed.
    pub byte_delay: Duration,
    /// Says back what it hears until ATE0.
    pub echo: bool,
    /// And after ATE0, too.
    pub stubborn_echo: bool,
    /// Before and behind each line.
    pub line_end: &'static str,
    /// NUL and 0xFF between the lines.
    pub noise: bool,
    /// Notifications before each line.
    pub storm: bool,
    /// Before its next line it says so many octets without a line end.
    pub flood: usize,
    /// The plug is pulled there in the next send.
    pub unplug_at: Option<Stage>,

    // The modem.
    /// AT+CGMI and AT+CGMM.
    pub model: (&'static str, &'static str),
    /// AT+CGSN.
    pub imei: &'static str,
    /// How it asks for a PDU.
    pub prompt: &'static str,
    /// So many times it does not ask.
    pub lost_prompts: u32,
    /// Commands that start so get no answer…
    pub hang_at: Option<&'static str>,
    /// …so often.
    pub hangs: u32,
    /// It was left in text entry.
    pub in_text: bool,
    /// It tells of new SMS.
    pub notifies: bool,
    /// What it tells of, it stores all the same.
    pub stores_too: bool,
    /// Where it keeps SMS (AT+CPMS).
    pub memories: &'static [&'static str],
    /// How many SMS the modem itself holds (ME).
    pub modem_slots: u16,
    /// It puts TP-MRs of its own in the place of ours.
    pub own_references: bool,
    /// After AT+CFUN=1,1 it says nothing for so long.
    pub boot: Duration,

    // The SIM.
    /// There is none.
    pub no_sim: bool,
    /// The SIM's PIN.
    pub pin: Option<&'static str>,
    /// What opens it after three wrong PINs.
    pub puk: &'static str,
    /// It tells how many PINs may still be tried (AT+CPINR).
    pub tells_tries: bool,
    /// The SIM's number.
    pub iccid: &'static str,
    /// The subscriber's.
    pub imsi: &'static str,
    /// The service centre on it.
    pub centre: &'static str,
    /// How many SMS the SIM holds.
    pub slots: u16,
    /// So many commands that need the SIM hear that it is busy.
    pub busy: u32,
    /// So many deletions fail.
    pub failing_deletions: u32,
    /// So many listed SMS are gone when they are read.
    pub vanishing: u32,

    // The network.
    /// It has a network.
    pub registered: bool,
    /// What it says of it when not (TS 27.007 §7.2: 0 off, 2 searching, 3 denied).
    pub unregistered: u8,
    /// What becomes of the next submissions; then all are taken.
    pub replies: Vec<Reply>,
    /// What becomes of those to these phones, every time.
    pub refuses: Vec<(&'static str, Reply)>,
    /// From Ctrl-Z to the network's word.
    pub network_delay: Duration,
    /// When status reports come, for those that asked for them.
    pub receipts: Receipts,
    /// TP-ST of these.
    pub receipt_status: u8,
    /// The service centre has delivered it already, and so does not know it again (TP-RD in vain).
    pub forgets: bool,
    /// An acknowledgement (AT+CNMA) is waited for so long.
    pub acknowledge_within: Duration,
    /// Codes and what they show (AT+CUSD).
    pub ussd: Vec<(&'static str, &'static str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            seed: 1,
            baud: 0,
            wrong_speed: false,
            byte_delay: Duration::ZERO,
            echo: true,
            stubborn_echo: false,
            line_end: "\r\n",
            noise: false,
            storm: false,
            flood: 0,
            unplug_at: None,
            model: ("Simulated", "SIM-1"),
            imei: "490154203237518",
            prompt: "\r\n> ",
            lost_prompts: 0,
            hang_at: None,
            hangs: 0,
            in_text: false,
            notifies: true,
            stores_too: false,
            memories: &["SM", "ME"],
            modem_slots: 100,
            own_references: false,
            boot: Duration::from_millis(200),
            no_sim: false,
            pin: None,
            puk: "12345678",
            tells_tries: false,
            iccid: "89420020000000000123",
            imsi: "230021234567890",
            centre: "+15550001111",
            slots: 20,
            busy: 0,
            failing_deletions: 0,
            vanishing: 0,
            registered: true,
            unregistered: 2,
            replies: Vec::new(),
            refuses: Vec::new(),
            network_delay: Duration::ZERO,
            receipts: Receipts::OnDemand,
            receipt_status: 0,
            forgets: false,
            acknowledge_within: Duration::from_secs(15),
            ussd: vec![("*100#", "Credit: 12.34 EUR")],
        }
    }
}

/// Something that happens later.
#[derive(Debug)]
enum Deed {
    /// The network looks at a PDU that was entered.
    Submit(String),
    /// A line that nobody asked for.
    Say(String),
    /// The network hands over a status report.
    Report(String),
    /// What was handed over was not acknowledged; which.
    Unacknowledged(u64),
    /// It is awake again.
    Booted,
}

/// What a test may look at.
#[derive(Debug)]
pub struct State {
    options: Options,
    /// What the network took, in order.
    pub sent: Vec<SentSms>,
    /// What is on the SIM.
    pub stored: BTreeMap<u16, String>,
    /// What is in the modem.
    pub in_modem: BTreeMap<u16, String>,
    /// Status reports, in modems that keep them apart (SR).
    pub reports: BTreeMap<u16, String>,
    /// Every command, in order.
    pub commands: Vec<String>,
    /// PINs that were tried.
    pub pins: u32,
    /// PDUs that it was given, taken or not.
    pub submissions: u32,
    /// AT+CNMAs that were expected.
    pub acknowledged: u32,
    /// It is plugged in.
    pub plugged: bool,
    dialogue: Dialogue,
    line: Line,
    sim: Sim,
    network: Network,
    later: BTreeMap<(Instant, u64), Deed>,
    deeds: u64,
    replies: VecDeque<Reply>,
    random: u64,
    /// Counts plugs: a thread whose number it is not any more ends.
    plug: u64,
    /// Wakes that thread.
    wake: Option<UnixStream>,
    /// What it is called now, below `/dev`, and the name that leads there.
    port: PathBuf,
    name: PathBuf,
}

/// See the file's header.
pub struct SimModem {
    shared: Arc<(Mutex<State>, Condvar)>,
    folder: tempfile::TempDir,
}

impl SimModem {
    /// Plugged in and switched on.
    pub fn start(options: Options) -> Self {
        let modem = Self::unplugged(options);
        modem.replug();
        modem
    }

    /// In its box.
    pub fn unplugged(options: Options) -> Self {
        if options.noise || options.storm || options.wrong_speed {
            println!("the noise of this modem has seed {}", options.seed);
        }
        let state = State {
            sent: Vec::new(),
            stored: BTreeMap::new(),
            in_modem: BTreeMap::new(),
            reports: BTreeMap::new(),
            commands: Vec::new(),
            pins: 0,
            submissions: 0,
            acknowledged: 0,
            plugged: false,
            dialogue: Dialogue::new(&options),
            line: Line::default(),
            sim: Sim::default(),
            network: Network::default(),
            later: BTreeMap::new(),
            deeds: 0,
            replies: options.replies.iter().copied().collect(),
            random: options.seed.max(1),
            plug: 0,
            wake: None,
            port: PathBuf::new(),
            name: PathBuf::new(),
            options,
        };
        Self {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A name of the port that stays when it is plugged in again.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("usb-modem")
    }

    /// Bits a second that a host should set.
    pub fn speed(&self) -> u32 {
        match self.lock().options.baud {
            0 => 115_200,
            baud => baud,
        }
    }

    /// Pulls the plug.
    pub fn unplug(&self) {
        self.with(State::pull);
    }

    /// Plugs it in again: another port under the same name. The SIM wants its PIN again.
    pub fn replug(&self) {
        self.replug_as(&self.path());
    }

    /// The same under another name, whatever had that name before.
    pub fn replug_as(&self, name: &Path) {
        let port = Port::open();
        let (wake, woken) = UnixStream::pair().expect("a pair of sockets");
        wake.set_nonblocking(true).expect("not blocking");
        woken.set_nonblocking(true).expect("not blocking");
        let plug = {
            let mut state = self.lock();
            state.pull();
            state.power_on();
            state.plugged = true;
            state.wake = Some(wake);
            state.port = port.name();
            state.name = name.to_owned();
            point(name, &state.port);
            state.plug
        };
        let shared = self.shared.clone();
        thread::spawn(move || line::live(&shared, port, &woken, plug));
        self.shared.1.notify_all();
    }

    /// Looks at it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().expect("the modem's state")
    }

    /// Does something to it, and lets it and those who wait for it know.
    fn with<T>(&self, deed: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let done = deed(&mut state);
        state.poke();
        self.shared.1.notify_all();
        done
    }

    /// Waits until that is so; panics at the deadline.
    ///
    /// What the caller woke last runs next on the caller's thread and on no other (tokio's LIFO slot): the
    /// runtime is told that this thread waits.
    #[track_caller]
    pub fn wait(&self, what: &str, deadline: Duration, is_so: impl Fn(&State) -> bool) {
        let shown = match Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => block_in_place(|| self.waited(deadline, is_so)),
            _ => self.waited(deadline, is_so),
        };
        if let Some(shown) = shown {
            panic!("waited in vain for {what}: {shown}");
        }
    }

    /// The state when it was not so in time.
    fn waited(&self, deadline: Duration, is_so: impl Fn(&State) -> bool) -> Option<String> {
        let end = Instant::now() + deadline;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // A panic with the state in hand would end the modem, too.
                return Some(format!("{state:#?}"));
            }
            state = self
                .shared
                .1
                .wait_timeout(state, left)
                .expect("the modem's state")
                .0;
        }
        None
    }

    /// Waits until the plug is out, as [`Options::unplug_at`] has it.
    #[track_caller]
    pub fn wait_unplugged(&self, deadline: Duration) {
        self.wait("the plug to be pulled", deadline, |state| !state.plugged);
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

    /// Waits until nothing is on the SIM, and nothing waits for room on it.
    #[track_caller]
    pub fn wait_empty(&self, deadline: Duration) {
        self.wait("an empty SIM", deadline, |state| {
            state.stored.is_empty() && state.network.is_empty()
        });
    }

    /// Changes what is wrong with it.
    pub fn change(&self, change: impl FnOnce(&mut Options)) {
        self.with(|state| {
            change(&mut state.options);
            state.replies = state.options.replies.iter().copied().collect();
        });
    }

    /// A phone writes; a long text comes in parts, in order.
    pub fn deliver(&self, from: &str, text: &str) {
        for pdu in self.parts(from, text) {
            self.deliver_pdu(&pdu);
        }
    }

    /// The PDUs of a text from a phone, to be delivered in any order, or twice.
    pub fn parts(&self, from: &str, text: &str) -> Vec<String> {
        self.parts_of(from, text, 0x5A)
    }

    /// The same with a concatenation reference, for several long texts of one phone.
    pub fn parts_of(&self, from: &str, text: &str, reference: u8) -> Vec<String> {
        self.with(|state| state.network.parts(from, text, reference))
    }

    /// The network hands over a PDU: it is stored and told of, or told at once, as the modem was set.
    /// On a full SIM the network keeps it until there is room.
    pub fn deliver_pdu(&self, hex: &str) {
        self.with(|state| state.arrive(hex.to_owned()));
    }

    /// The network hands over a PDU that is not stored, however the modem was set.
    pub fn deliver_direct(&self, hex: &str) {
        let length = hex.len() / 2 - 1;
        self.with(|state| state.say_line(&format!("+CMT: ,{length}\r\n{hex}")));
    }

    /// The service centre reports on a submission (TP-ST).
    pub fn status_report(&self, reference: u8, to: &str, status: u8) {
        self.with(|state| {
            let hex = state.network.status_report(reference, to, status);
            state.report(hex);
        });
    }

    /// The octets that were said to it, and that it said.
    pub fn octets(&self) -> (u64, u64) {
        let state = self.lock();
        (state.line.heard, state.line.said)
    }
}

impl Drop for SimModem {
    fn drop(&mut self) {
        if let Ok(mut state) = self.shared.0.lock() {
            state.pull();
        }
    }
}

/// `name` is another name of `port`, at once and whatever it was before.
fn point(name: &Path, port: &Path) {
    let aside = name.with_extension("new");
    let _ = std::fs::remove_file(&aside);
    symlink(port, &aside).expect("a link");
    std::fs::rename(aside, name).expect("a name");
}

impl State {
    /// Commands that no modem gateway has a reason to write.
    pub fn strange(&self) -> Vec<&String> {
        let strange = |command: &&String| !at::is_known(command);
        self.commands.iter().filter(strange).collect()
    }

    /// How often a command that starts so was written.
    pub fn count(&self, start: &str) -> usize {
        let commands = self.commands.iter();
        commands
            .filter(|command| command.starts_with(start))
            .count()
    }

    /// The plug is out. What it was told and did not do it forgets; what the network has, it has.
    fn pull(&mut self) {
        // The name first, as udev does: the kernel soon gives its number to another port.
        if std::fs::read_link(&self.name).is_ok_and(|port| port == self.port) {
            std::fs::remove_file(&self.name).expect("a name");
        }
        self.plug += 1;
        self.plugged = false;
        self.poke();
    }

    /// It starts anew, with a SIM that may be closed.
    fn power_on(&mut self) {
        self.dialogue = Dialogue::new(&self.options);
        // It was left so once.
        self.options.in_text = false;
        self.line.clear();
        self.sim.power_on();
        self.network.forget_acknowledgement();
        // What the network will do it does all the same.
        self.later.retain(|_, deed| matches!(deed, Deed::Report(_)));
    }

    fn poke(&mut self) {
        use std::io::Write;
        if let Some(wake) = &mut self.wake {
            // A full socket wakes as well as one octet.
            let _ = wake.write(&[0]);
        }
    }

    fn do_later(&mut self, at: Instant, deed: Deed) {
        self.deeds += 1;
        self.later.insert((at, self.deeds), deed);
    }

    /// Does what is due.
    fn expire(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                return;
            }
            match entry.remove() {
                Deed::Submit(hex) => self.submit(&hex, now),
                Deed::Say(line) => self.say_line(&line),
                Deed::Report(hex) => self.report(hex),
                Deed::Unacknowledged(which) => self.unacknowledged(which),
                Deed::Booted => self.booted(),
            }
        }
    }

    fn random(&mut self) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
