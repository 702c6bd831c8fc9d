//! A private Dovecot that takes mail by LMTP, on a unix socket and on the loopback interface, for alice, bob and
//! postmaster of example.com; with Sieve if a script is given. Stopped and removed when dropped.

use std::cell::OnceCell;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::patience::{self, PATIENCE};

/// See the file's header.
pub struct Dovecot {
    dir: tempfile::TempDir,
    port: u16,
    through: OnceCell<()>,
}

impl Dovecot {
    /// Starts one; `sieve`: everybody's script.
    pub fn start(sieve: Option<&str>) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("lmtp")
            .tempdir()
            .expect("a directory");
        let [port] = super::port::claim(dir.path());
        let at = |name: &str| dir.path().join(name);
        let open = |path: PathBuf, mode| {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("mode")
        };
        open(dir.path().into(), 0o755);
        for (name, mode) in [("boxes", 0o777), ("run", 0o755), ("sieve", 0o777)] {
            fs::create_dir(at(name)).expect("a directory");
            open(at(name), mode);
        }
        if let Some(script) = sieve {
            fs::write(at("sieve/default.sieve"), script).expect("a script");
        }
        let plugin = if sieve.is_some() { "sieve" } else { "" };
        let root = dir.path().display();
        let config = format!(
            "base_dir = {root}/run\nstate_dir = {root}/run\nlog_path = {root}/log\nprotocols = lmtp\nlisten = 127.0.0.1\n\
             ssl = no\nauth_username_format = %Ln\nmail_location = maildir:~/Maildir\nfirst_valid_uid = 1\n\
             default_login_user = dovenull\ndefault_internal_user = dovecot\n\
             passdb {{\n driver = static\n args = password=secret\n}}\n\
             userdb {{\n driver = passwd-file\n args = {root}/users\n}}\n\
             service lmtp {{\n unix_listener lmtp {{\n  mode = 0666\n }}\n inet_listener lmtp {{\n  address = 127.0.0.1\n  port = {port}\n }}\n}}\n\
             service stats {{\n client_limit = 1000\n}}\n\
             protocol lmtp {{\n mail_plugins = {plugin}\n postmaster_address = postmaster@example.com\n}}\n\
             plugin {{\n sieve = file:{root}/sieve/own;active={root}/sieve/own.sieve\n sieve_default = {root}/sieve/default.sieve\n}}\n\
             !include_try {root}/more.conf\n"
        );
        fs::write(at("dovecot.conf"), config).expect("configuration");
        let users = ["alice", "bob", "postmaster"]
            .map(|user| format!("{user}::65534:65534::{root}/boxes/{user}::\n"));
        fs::write(at("users"), users.concat()).expect("users");
        let dovecot = Self {
            dir,
            port,
            through: OnceCell::new(),
        };
        dovecot.run();
        dovecot
    }

    fn run(&self) {
        let config = self.dir.path().join("dovecot.conf");
        // Its own output it keeps for ever, so nobody may wait for the end of that.
        let started = Command::new("/usr/sbin/dovecot")
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            started.expect("dovecot is installed").success(),
            "{}",
            self.log()
        );
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address()).is_err()
            || UnixStream::connect(self.socket()).is_err()
        {
            assert!(Instant::now() < deadline, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&self) {
        let config = self.dir.path().join("dovecot.conf");
        let _ = Command::new("/usr/sbin/dovecot")
            .arg("-c")
            .arg(config)
            .arg("stop")
            .output();
    }

    /// From now on what it sends itself goes there.
    pub fn send_through(&self, mta: SocketAddr) {
        assert!(self.through.set(()).is_ok(), "once");
        let more = format!("submission_host = {mta}\n");
        fs::write(self.dir.path().join("more.conf"), more).expect("configuration");
        self.stop();
        self.run();
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("run/lmtp")
    }

    /// Its port.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The mails in a user's box.
    pub fn mails(&self, user: &str) -> Vec<String> {
        let new = self.dir.path().join("boxes").join(user).join("Maildir/new");
        let Ok(entries) = fs::read_dir(new) else {
            return Vec::new();
        };
        let files = entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok());
        files
            .map(|mail| String::from_utf8_lossy(&mail).into_owned())
            .collect()
    }

    /// Waits for a mail in a user's box.
    #[track_caller]
    pub fn mail(&self, user: &str, wanted: impl Fn(&str) -> bool) -> String {
        let why = || format!("is what {user} has\n{}", self.log());
        patience::mail(|| self.mails(user), wanted, why)
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        self.stop();
    }
}
