//! A real Dovecot, private and thrown away (`tests/mta/dovecot`): the boxes of people whose mail programs
//! show conversations.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::patience;

/// A running Dovecot; stopped and removed when dropped.
pub struct Dovecot {
    dir: tempfile::TempDir,
    variables: HashMap<String, String>,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mta/dovecot")
}

impl Dovecot {
    /// Starts one.
    pub fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("box")
            .tempdir()
            .expect("a directory");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path(), mode).expect("mode");
        let mut dovecot = Self {
            dir,
            variables: HashMap::new(),
        };
        let text = dovecot.run("up", &[], "");
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        dovecot.variables = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        dovecot
    }

    fn run(&self, verb: &str, args: &[&str], input: &str) -> String {
        let mut child = Command::new(script())
            .arg(verb)
            .arg(self.dir.path().join("dovecot"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script");
        let mut stdin = child.stdin.take().expect("stdin");
        // Who does not read it says why below.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("script");
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb} {args:?}: {why}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Options for a Postfix that hands it the mail of its virtual mailboxes.
    pub fn for_postfix(&self) -> [String; 4] {
        let port = &self.variables["LMTP_PORT"];
        [
            "--main".to_owned(),
            format!("virtual_transport = lmtp:inet:127.0.0.1:{port}"),
            "--master".to_owned(),
            "lmtp unix - - n - - lmtp".to_owned(),
        ]
    }

    /// The mails in a user's box.
    pub fn mails(&self, user: &str) -> Vec<String> {
        let base = Path::new(&self.variables["BOX_DIR"])
            .join(user)
            .join("Maildir");
        let folders = ["new", "cur"].map(|folder| fs::read_dir(base.join(folder)));
        let entries = folders.into_iter().flatten().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
        files
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .collect()
    }

    /// Waits for a mail in a user's box.
    #[track_caller]
    pub fn mail(&self, user: &str, wanted: impl Fn(&str) -> bool) -> String {
        let why = || {
            let log = fs::read_to_string(&self.variables["DOVECOT_LOG"]).unwrap_or_default();
            format!("is what {user} has\n{log}")
        };
        patience::mail(|| self.mails(user), wanted, why)
    }

    /// Puts a mail into a user's box, as a mail program does with what it sent.
    pub fn append(&self, user: &str, mail: &str) {
        self.run("append", &[user], mail);
    }

    /// The conversations in a user's box as IMAP THREAD sees them: sorted Message-IDs.
    pub fn threads(&self, user: &str, algorithm: &str) -> Vec<Vec<String>> {
        sorted(&self.run("threads", &[user, algorithm], ""))
    }

    /// The same as notmuch sees them.
    pub fn notmuch(&self, user: &str) -> Vec<Vec<String>> {
        sorted(&self.run("notmuch", &[user], ""))
    }
}

fn sorted(lines: &str) -> Vec<Vec<String>> {
    let thread = |line: &str| {
        let mut ids: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let mut threads: Vec<_> = lines.lines().map(thread).collect();
    threads.sort();
    threads
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let at = self.dir.path().join("dovecot");
        let _ = Command::new(script()).arg("down").arg(at).status();
    }
}
