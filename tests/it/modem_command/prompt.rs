//! `modem at` and `modem ussd` as a person has them: on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use super::{PATIENCE, options, path_of};
use crate::sim::modem::{Options, SimModem};

/// The product on a terminal, and the one who sits there.
struct Sitting {
    child: Child,
    keyboard: File,
    /// What stands on the screen, escape sequences and all.
    screen: Arc<(Mutex<String>, Condvar)>,
    /// Up to here it was looked at.
    seen: usize,
    /// Keeps the terminal open.
    tty: std::os::fd::OwnedFd,
    home: tempfile::TempDir,
}

impl Sitting {
    fn start(args: &[&str]) -> Self {
        Self::at_home(args, tempfile::tempdir().expect("a home"))
    }

    fn at_home(args: &[&str], home: tempfile::TempDir) -> Self {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        let child = Command::new(env!("CARGO_BIN_EXE_sms-milter"))
            .arg("modem")
            .args(args)
            .args(["--config", "/nonexistent"])
            .env("TERM", "xterm")
            .env("XDG_STATE_HOME", home.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the binary starts");
        let keyboard = File::from(pty.master);
        let mut eyes = keyboard.try_clone().expect("a descriptor");
        let screen = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n) = eyes.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                shown.0.lock().expect("screen").push_str(&text);
                shown.1.notify_all();
            }
        });
        Self {
            child,
            keyboard,
            screen,
            seen: 0,
            tty: pty.slave,
            home,
        }
    }

    /// Waits until that is shown, behind what was waited for before.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        let mut screen = self.screen.0.lock().expect("screen");
        loop {
            if let Some(at) = screen[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{text:?} is not behind {} of\n{screen:?}",
                self.seen
            );
            screen = self.screen.1.wait_timeout(screen, left).expect("screen").0;
        }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("typed");
    }

    fn all(&self) -> String {
        self.screen.0.lock().expect("screen").clone()
    }

    #[track_caller]
    fn ends(mut self) -> (i32, tempfile::TempDir) {
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait().expect("status").is_none() {
            assert!(Instant::now() < end, "it does not end:\n{}", self.all());
            thread::yield_now();
        }
        let code = self.child.wait().expect("status").code().unwrap_or(-1);
        let flags = tcgetattr(&self.tty).expect("the terminal").local_flags;
        assert!(
            flags.contains(LocalFlags::ICANON | LocalFlags::ECHO),
            "the terminal is as it was"
        );
        (code, self.home)
    }
}

fn history(home: &tempfile::TempDir) -> String {
    let path = home.path().join("sms-milter/at-history");
    let mode = std::fs::metadata(&path)
        .expect("a history")
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "for the user alone");
    std::fs::read_to_string(path).expect("a history")
}

#[test]
fn talks_remembers_and_keeps_codes_to_itself() {
    let sim = SimModem::start(Options {
        pin: Some("4711"),
        ..options(&[
            ("AT+CPINR", "+CPINR: SIM PIN,3,3\n+CPINR: SIM PUK,10,10\nOK"),
            ("AT+CIMI", "+CME ERROR: 10"),
        ])
    });
    let path = path_of(&sim);
    let mut sitting = Sitting::start(&["at", &path]);
    sitting.sees(".help shows what else there is");
    sitting.sees("AT> ");
    sitting.types("AT+CSQ\r");
    sitting.sees("+CSQ: 17,99");
    sitting.sees("OK");
    sitting.sees("AT> ");
    sitting.types("AT+CIMI\r");
    sitting.sees("+CME ERROR: 10  (SIM not inserted)");
    sitting.sees("AT> ");
    // A question first, with the tries that are left; no is no.
    sitting.types("AT+CPIN=\"4711\"\r");
    sitting.sees("Tries left: SIM PIN 3, SIM PUK 10.");
    sitting.sees("This uses one of the tries");
    sitting.sees("Do it? [y/N] ");
    sitting.types("\r");
    sitting.sees("AT> ");
    assert_eq!(sim.lock().pins, 0);
    sitting.types("AT+CPIN=\"4711\"\r");
    sitting.sees("Do it? [y/N] ");
    sitting.types("y\r");
    sitting.sees("OK");
    sitting.sees("AT> ");
    assert_eq!(sim.lock().pins, 1);
    // The last thing that was remembered comes back with the arrow: not the PIN, not the yes.
    sitting.types("\x1b[A");
    sitting.sees("AT+CIMI");
    sitting.types("\r");
    sitting.sees("SIM not inserted");
    sitting.sees("AT> ");
    sitting.types(".quit\r");
    let (code, home) = sitting.ends();
    assert_eq!(code, 0);
    let kept = history(&home);
    assert!(kept.contains("AT+CSQ\nAT+CIMI\n"), "{kept}");
    assert!(
        !kept.contains("4711") && !kept.contains("CPIN") && !kept.contains("\ny\n"),
        "{kept}"
    );

    // And in the next sitting it is there.
    let mut sitting = Sitting::at_home(&["at", &path], home);
    sitting.sees("AT> ");
    sitting.types("\x1b[A\x1b[A");
    sitting.sees("AT+CSQ");
    sitting.types("\r");
    sitting.sees("+CSQ: 17,99");
    sitting.sees("AT> ");
    sitting.types("\x04");
    assert_eq!(sitting.ends().0, 0);
}

#[test]
fn shows_at_once_what_the_modem_says_by_itself() {
    let sim = SimModem::start(options(&[]));
    let mut sitting = Sitting::start(&["at", &path_of(&sim)]);
    sitting.sees("AT> ");
    sitting.types("AT+CNMI=2,1\r");
    sitting.sees("OK");
    sitting.sees("AT> ");
    sitting.types("AT+CS");
    sitting.sees("AT+CS");
    sim.deliver("+15557654321", "hello");
    sitting.sees("+CMTI: \"SM\",1");
    // What was half typed is still there.
    sitting.types("Q\r");
    sitting.sees("+CSQ: 17,99");
    sitting.types(".quit\r");
    assert_eq!(sitting.ends().0, 0);
}

#[test]
fn ctrl_c_stops_a_command_and_leaves_a_text() {
    let sim = SimModem::start(Options {
        hang_at: Some("AT+COPS=?"),
        hangs: 1,
        ..options(&[])
    });
    let mut sitting = Sitting::start(&["at", &path_of(&sim), "--timeout", "600"]);
    sitting.sees("AT> ");
    sitting.types("AT+CMGS=17\r");
    sitting.sees("This sends a real SMS");
    sitting.types("y\r");
    sitting.sees("PDU> ");
    sitting.types("\x03");
    sitting.sees("nothing was sent");
    sitting.sees("AT> ");
    sitting.types("AT+CSQ\r");
    sitting.sees("+CSQ: 17,99");
    sitting.sees("AT> ");
    assert_eq!(sim.lock().submissions, 0);
    sitting.types("AT+COPS=?\r");
    sim.wait("the command", PATIENCE, |state| {
        state.commands.iter().any(|command| command == "AT+COPS=?")
    });
    let pid = Pid::from_raw(i32::try_from(sitting.child.id()).expect("a pid"));
    kill(pid, Signal::SIGINT).expect("a signal");
    sitting.sees("no answer to ESC");
    sitting.sees("AT> ");
    sitting.types(".quit\r");
    assert_eq!(sitting.ends().0, 0);
}

#[test]
fn says_that_the_modem_is_gone() {
    let sim = SimModem::start(options(&[]));
    let mut sitting = Sitting::start(&["at", &path_of(&sim)]);
    sitting.sees("AT> ");
    sim.unplug();
    sitting.sees("the modem is gone");
    assert_eq!(sitting.ends().0, 1);
}

#[test]
fn a_menu_goes_on_while_somebody_answers() {
    let sim = SimModem::start(options(&[
        (
            "AT+CUSD=1,\"*100#\",15",
            "OK\n+CUSD: 1,\"1 Balance 2 Offers\",15",
        ),
        (
            "AT+CUSD=1,\"1\",15",
            "OK\n+CUSD: 1,\"It is $5.20. 0 Back\",15",
        ),
        ("AT+CUSD=2", "OK"),
    ]));
    let mut sitting = Sitting::start(&["ussd", &path_of(&sim), "*100#"]);
    sitting.sees("1 Balance 2 Offers");
    sitting.sees("answer (nothing ends it): ");
    sitting.types("1\r");
    sitting.sees("It is $5.20. 0 Back");
    sitting.sees("answer (nothing ends it): ");
    sitting.types("\r");
    assert_eq!(sitting.ends().0, 0);
    assert!(
        sim.lock()
            .commands
            .iter()
            .any(|command| command == "AT+CUSD=2")
    );
}

#[test]
fn the_list_shows_that_it_works() {
    let sim = SimModem::start(options(&[]));
    let mut sitting = Sitting::start(&["list", "--port", &path_of(&sim)]);
    sitting.sees("asking 1 ports, 0 done");
    sitting.sees("Simulated SIM-1");
    assert_eq!(sitting.ends().0, 0);
}
