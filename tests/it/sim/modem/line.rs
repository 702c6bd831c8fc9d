//! The line: a pty, octets that take their time, noise, and a plug that can be pulled anywhere.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::{Options, State};

/// A port that nobody has open is looked at so often.
const NOBODY: Duration = Duration::from_millis(5);

/// Octets that came are on the line so long at most before they are given on together, when each of
/// them takes less: the kernel wakes nobody more often either.
const GRAIN: Duration = Duration::from_millis(2);

/// What was said is read by the host within this, or it will not be read at all.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// Where in a send the plug is pulled, as the modem sees it. (The first of the ten stages, idle, needs
/// no help: [`super::SimModem::unplug`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has heard AT+CMGS and did not ask for the PDU.
    Asked,
    /// It has asked for the PDU, and heard nothing of it.
    Prompt,
    /// It has heard half of the PDU.
    MidPdu,
    /// It has heard the PDU, and not the Ctrl-Z.
    BeforeCtrlZ,
    /// It has heard the Ctrl-Z; the network has nothing.
    AfterCtrlZ,
    /// The network has it; the modem has not said so.
    NetworkHas,
    /// It has said half of the line with the reference.
    MidAnswer,
    /// It has said the line with the reference, and not the OK.
    BeforeOk,
    /// It has said the OK.
    AfterOk,
}

/// One direction.
#[derive(Debug)]
struct Pace {
    octets: VecDeque<u8>,
    /// When the first of them begins.
    begins: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            octets: VecDeque::new(),
            begins: Instant::now(),
        }
    }
}

impl Pace {
    fn put(&mut self, octets: impl IntoIterator<Item = u8>, now: Instant) {
        if self.octets.is_empty() {
            self.begins = self.begins.max(now);
        }
        self.octets.extend(octets);
    }

    /// How many are through, when each takes so long.
    fn through(&self, each: Duration, now: Instant) -> usize {
        if each.is_zero() {
            return self.octets.len();
        }
        let passed = now.saturating_duration_since(self.begins).as_nanos() / each.as_nanos();
        self.octets
            .len()
            .min(usize::try_from(passed).unwrap_or(usize::MAX))
    }

    fn take(&mut self, count: usize, each: Duration) -> Vec<u8> {
        self.begins += each * u32::try_from(count).expect("few octets");
        self.octets.drain(..count).collect()
    }

    /// When the next look is worth it.
    fn next(&self, each: Duration, now: Instant) -> Option<Instant> {
        let all = self.begins + each * u32::try_from(self.octets.len()).expect("few octets");
        let one = (self.begins + each).max(now + GRAIN);
        (!self.octets.is_empty()).then(|| one.min(all.max(self.begins + each)))
    }
}

/// Both directions.
#[derive(Debug, Default)]
pub(super) struct Line {
    to_modem: Pace,
    to_host: Pace,
    /// Octets that the modem heard and said.
    pub heard: u64,
    pub said: u64,
    /// The plug is about to be pulled: what was said goes out, nothing more is heard.
    pulling: bool,
}

impl Line {
    pub fn clear(&mut self) {
        let (heard, said) = (self.heard, self.said);
        *self = Self {
            heard,
            said,
            ..Self::default()
        };
    }
}

impl Options {
    /// The time of an octet: start bit, eight, stop bit.
    fn octet(&self) -> Duration {
        let nanos = 10_000_000_000u64.checked_div(u64::from(self.baud));
        self.byte_delay
            .max(Duration::from_nanos(nanos.unwrap_or(0)))
    }
}

impl State {
    pub(super) fn say(&mut self, text: &str) {
        if self.options.flood > 0 {
            let flood = std::mem::take(&mut self.options.flood);
            let octets: Vec<u8> = (0..flood).map(|_| self.random() as u8).collect();
            let harmless = octets.into_iter().map(|octet| match octet {
                b'\r' | b'\n' => b'?',
                octet => octet,
            });
            self.line.to_host.put(harmless, Instant::now());
        }
        self.line.to_host.put(text.bytes(), Instant::now());
    }

    pub(super) fn say_octet(&mut self, octet: u8) {
        self.line.to_host.put([octet], Instant::now());
    }

    pub(super) fn say_line(&mut self, line: &str) {
        if self.options.noise {
            for _ in 0..self.random() % 4 {
                let even = self.random().is_multiple_of(2);
                self.say_octet(if even { 0x00 } else { 0xFF });
            }
        }
        if self.options.storm {
            let strength = self.random() % 31;
            self.say(&format!("\r\n^RSSI:{strength}\r\n"));
        }
        let end = self.options.line_end;
        self.say(&format!("{end}{line}{end}"));
    }

    /// The send is there: is that where the plug is pulled?
    pub(super) fn is_pulled_at(&mut self, stage: Stage) -> bool {
        let is = self.options.unplug_at == Some(stage);
        if is {
            self.options.unplug_at = None;
            self.line.pulling = true;
        }
        is
    }

    /// What the host has written comes on the line; what is through it is heard.
    fn listen(&mut self, octets: &[u8], now: Instant) {
        self.line.to_modem.put(octets.iter().copied(), now);
        let each = self.options.octet();
        // It hears nothing while it waits for the network, and nothing that comes on a pulled plug.
        while !self.line.pulling && !self.is_waiting() && self.line.to_modem.through(each, now) > 0
        {
            for octet in self.line.to_modem.take(1, each) {
                self.line.heard += 1;
                let octet = match self.options.wrong_speed {
                    true => self.random() as u8 | 0x80,
                    false => octet,
                };
                self.hear(octet, now);
            }
        }
    }

    /// What is through the line to the host.
    fn speak(&mut self, now: Instant) -> Vec<u8> {
        let each = self.options.octet();
        let count = match self.line.pulling {
            true => self.line.to_host.octets.len(),
            false => self.line.to_host.through(each, now),
        };
        self.line.said += count as u64;
        let mut octets = self.line.to_host.take(count, each);
        if self.options.wrong_speed {
            for octet in &mut octets {
                *octet = self.random() as u8 | 0x80;
            }
        }
        octets
    }

    fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let each = self.options.octet();
        let hearing = match self.is_waiting() {
            true => None,
            false => self.line.to_modem.next(each, now),
        };
        let later = self.later.keys().next().map(|(at, _)| *at);
        let saying = self.line.to_host.next(each, now);
        [hearing, saying, later].into_iter().flatten().min()
    }

    /// What a test may wait for; cheap to compare.
    fn news(&self) -> [usize; 6] {
        [
            self.commands.len(),
            self.sent.len(),
            self.stored.len(),
            self.in_modem.len(),
            self.submissions as usize,
            self.acknowledged as usize,
        ]
    }
}

/// A pty: we have the master, the host opens the slave.
pub(super) struct Port {
    master: File,
    name: PathBuf,
}

impl Port {
    pub fn open() -> Self {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("not blocking");
        // Who inherited it would keep the plug in.
        fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("closed on exec");
        // As a terminal it would say back to us what nobody reads.
        let mut modes = tcgetattr(&pty.slave).expect("a terminal");
        cfmakeraw(&mut modes);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).expect("a raw terminal");
        // Our slave is closed here: the kernel would keep for it what is said to nobody.
        Self {
            master: File::from(pty.master),
            name: nix::unistd::ttyname(&pty.slave).expect("its name"),
        }
    }

    pub fn name(&self) -> PathBuf {
        self.name.clone()
    }

    fn write(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            match self.master.write(octets) {
                Ok(n) => octets = &octets[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // The host does not read. Flow control would stop us; a modem drops.
                    if !is_ready(self.master.as_fd(), PollFlags::POLLOUT, READ_WITHIN) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Waits until the host has read all that was said to it.
    fn until_read(&self) {
        // The host has it for itself alone, but for root. Who is not root sees the plug pulled a little
        // earlier sometimes.
        let mut open = OpenOptions::new();
        open.read(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits());
        let Ok(slave) = open.open(&self.name) else {
            return;
        };
        let end = Instant::now() + READ_WITHIN;
        while is_ready(slave.as_fd(), PollFlags::POLLIN, Duration::ZERO) && Instant::now() < end {
            std::thread::yield_now();
        }
    }
}

/// One plug's life. The port is dropped at its end, which is what pulling a plug looks like from the
/// other side.
pub(super) fn live(
    shared: &(Mutex<State>, Condvar),
    mut port: Port,
    woken: &UnixStream,
    plug: u64,
) {
    let mut buffer = [0; 4096];
    loop {
        let read = port.master.read(&mut buffer);
        let nobody = matches!(&read, Err(error) if error.kind() != ErrorKind::WouldBlock);
        let heard = &buffer[..read.unwrap_or(0)];
        let (octets, wakes_at, pulling) = {
            let mut state = shared.0.lock().expect("state");
            if state.plug != plug {
                return;
            }
            let now = Instant::now();
            let before = state.news();
            state.listen(heard, now);
            state.expire(now);
            // What was waited for may have come with that.
            state.listen(&[], now);
            if state.news() != before {
                shared.1.notify_all();
            }
            let octets = state.speak(now);
            (octets, state.wakes_at(now), state.line.pulling)
        };
        if !nobody {
            port.write(&octets);
        }
        if pulling {
            port.until_read();
            let mut state = shared.0.lock().expect("state");
            if state.plug == plug {
                state.pull();
                // Who sees the plug out finds the line dead.
                drop(port);
                shared.1.notify_all();
            }
            return;
        }
        rest(&port.master, woken, wakes_at, nobody);
    }
}

fn is_ready(fd: BorrowedFd<'_>, what: PollFlags, within: Duration) -> bool {
    let mut fds = [PollFd::new(fd, what)];
    let timeout = PollTimeout::try_from(within).expect("a short time");
    poll(&mut fds, timeout).is_ok_and(|ready| ready > 0)
}

/// Until something is to be done.
fn rest(master: &File, woken: &UnixStream, wakes_at: Option<Instant>, nobody: bool) {
    const LONG: Duration = Duration::from_secs(10);
    let left = wakes_at.map_or(LONG, |at| at.saturating_duration_since(Instant::now()));
    if left.is_zero() {
        return;
    }
    if nobody {
        // Such a port is always ready, with nothing.
        is_ready(woken.as_fd(), PollFlags::POLLIN, left.min(NOBODY));
    } else {
        let mut fds = [
            PollFd::new(master.as_fd(), PollFlags::POLLIN),
            PollFd::new(woken.as_fd(), PollFlags::POLLIN),
        ];
        // Milliseconds would be ages on a fast line.
        let left = nix::sys::time::TimeSpec::from_duration(left.min(LONG));
        let _ = nix::poll::ppoll(&mut fds, Some(left), None);
    }
    let mut woken = woken;
    let _ = woken.read(&mut [0; 64]);
}
