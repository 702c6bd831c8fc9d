//! A thing on a serial port that is no modem.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

/// How long it rests between two looks at its line.
const TICK: Duration = Duration::from_millis(2);

/// What it does: says something whenever somebody says something to it.
pub type Habit = fn(&[u8]) -> Vec<u8>;

/// See the file's header. Dropping it pulls its plug.
pub struct Gadget {
    port: PathBuf,
    gone: Arc<AtomicBool>,
}

impl Gadget {
    pub fn start(habit: Habit) -> Self {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        let port = nix::unistd::ttyname(&pty.slave).expect("its name");
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("not blocking");
        fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("closed on exec");
        let gone = Arc::new(AtomicBool::new(false));
        let gadget = Self {
            port,
            gone: gone.clone(),
        };
        let master = File::from(pty.master);
        thread::spawn(move || live(master, habit, &gone));
        gadget
    }

    pub fn path(&self) -> String {
        self.port.to_string_lossy().into_owned()
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

fn live(mut master: File, habit: Habit, gone: &AtomicBool) {
    let mut buffer = [0; 512];
    while !gone.load(Ordering::Acquire) {
        match master.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let said = habit(&buffer[..n]);
                let mut said = &said[..];
                while !said.is_empty() && !gone.load(Ordering::Acquire) {
                    match master.write(said) {
                        Ok(n) => said = &said[n..],
                        Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK),
                        Err(_) => break,
                    }
                }
            }
            // Nobody has it open, or nobody says anything.
            _ => thread::sleep(TICK),
        }
    }
}
