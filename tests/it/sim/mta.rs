//! Real mail servers, private and thrown away: `tests/mta/postfix` and `tests/mta/sendmail`, which are
//! attached as contrib says. And a small SMTP client that shows every reply.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::patience::{self, PATIENCE};

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's Postfix.
    Postfix,
    /// Debian's Sendmail, unpacked.
    Sendmail,
}

/// A running mail server; stopped and removed when dropped.
pub struct Mta {
    kind: Kind,
    dir: tempfile::TempDir,
    variables: HashMap<String, String>,
}

fn script(kind: Kind) -> PathBuf {
    let name = if kind == Kind::Postfix {
        "postfix"
    } else {
        "sendmail"
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/mta")
        .join(name)
}

impl Mta {
    /// Starts one, attached to a milter that need not be there yet (see [`Mta::milter`]).
    pub fn start(kind: Kind, options: &[&str]) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("mta")
            .tempdir()
            .expect("a directory");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(dir.path(), mode).expect("mode");
        let at = dir.path().join("mta");
        let output = Command::new(script(kind))
            .arg("up")
            .args(options)
            .arg(&at)
            .output()
            .expect("script");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{kind:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let pair = |line: &str| {
            line.split_once('=')
                .map(|(k, v)| (k.into(), v.trim_matches(['"', '\'']).into()))
        };
        Self {
            kind,
            dir,
            variables: text.lines().filter_map(pair).collect(),
        }
    }

    fn at(&self) -> PathBuf {
        self.dir.path().join("mta")
    }

    fn variable(&self, name: &str) -> &str {
        self.variables
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {:?}", self.variables))
    }

    fn port(&self, name: &str) -> SocketAddr {
        (
            Ipv4Addr::LOCALHOST,
            self.variable(name).parse().expect("port"),
        )
            .into()
    }

    /// Where it looks for the milter.
    pub fn milter(&self) -> String {
        format!("inet:{}", self.port("MILTER_PORT"))
    }

    /// Where the product hands mails in.
    pub fn inject(&self) -> SocketAddr {
        self.port("INJECT_PORT")
    }

    /// A place that nobody else takes.
    pub fn spare(&self) -> SocketAddr {
        self.port("SPARE_PORT")
    }

    /// Where everybody connects.
    pub fn smtp_address(&self) -> SocketAddr {
        self.port("SMTP_PORT")
    }

    /// From now on NAME@example.com goes there too.
    pub fn add_alias(&self, name: &str, to: &str) {
        let path = Path::new(self.variable("CONFIG_DIR")).join("aliases");
        let mut aliases = fs::read_to_string(&path).unwrap_or_default();
        aliases += &format!("{name}@example.com {to}\n");
        fs::write(&path, aliases).expect("aliases");
        let reloaded = Command::new(script(self.kind))
            .arg("reload")
            .arg(self.at())
            .status();
        assert!(reloaded.expect("reload").success());
    }

    /// The port for all, with the milter.
    pub fn smtp(&self) -> Smtp {
        Smtp::connect(self.port("SMTP_PORT"), Ipv4Addr::LOCALHOST.into())
    }

    /// The same for a client from outside.
    pub fn smtp_from_outside(&self) -> Smtp {
        self.smtp_from(match self.kind {
            Kind::Postfix => "192.0.2.1",
            Kind::Sendmail => "127.0.0.2",
        })
    }

    /// The same for a client with this address; Sendmail must be able to see it here.
    pub fn smtp_from(&self, address: &str) -> Smtp {
        match self.kind {
            Kind::Postfix => {
                let mut smtp = self.smtp();
                smtp.expect(&format!("XCLIENT ADDR={address}"), 220);
                smtp.expect("EHLO outside.test", 250);
                smtp
            }
            Kind::Sendmail => {
                let own = address.parse().expect("an address");
                Smtp::connect(self.port("SMTP_PORT"), own)
            }
        }
    }

    /// Where those who log in connect.
    pub fn auth_address(&self) -> SocketAddr {
        self.port("AUTH_PORT")
    }

    /// The port for those who log in, logged in.
    pub fn smtp_as(&self, user: &str) -> Smtp {
        use base64::Engine;
        let mut smtp = Smtp::connect(self.port("AUTH_PORT"), Ipv4Addr::LOCALHOST.into());
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0secret"));
        smtp.expect(&format!("AUTH PLAIN {plain}"), 235);
        smtp
    }

    /// Local submission: what its `sendmail` program makes of `mail`.
    pub fn sendmail(&self, args: &[&str], mail: &str) -> bool {
        let mut child = Command::new(script(self.kind))
            .arg("sendmail")
            .arg(self.at())
            .args(args)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("sendmail");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(mail.as_bytes())
            .expect("mail");
        child.wait().expect("sendmail").success()
    }

    /// Tries what is queued now.
    pub fn flush(&self) {
        let _ = Command::new(script(self.kind))
            .arg("flush")
            .arg(self.at())
            .status();
    }

    /// What is queued.
    pub fn queue(&self) -> String {
        let output = Command::new(script(self.kind))
            .arg("queue")
            .arg(self.at())
            .output()
            .expect("queue");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The mails in a user's box.
    pub fn mails(&self, user: &str) -> Vec<String> {
        let new = Path::new(self.variable("MAIL_DIR")).join(user).join("new");
        let Ok(entries) = fs::read_dir(new) else {
            return vec![];
        };
        let mut files: Vec<_> = entries.map(|e| e.expect("entry").path()).collect();
        files.sort();
        files
            .iter()
            .filter_map(|f| fs::read(f).ok())
            .map(|b| String::from_utf8_lossy(&b).into_owned())
            .collect()
    }

    /// Waits for a mail in a user's box.
    #[track_caller]
    pub fn mail(&self, user: &str, wanted: impl Fn(&str) -> bool) -> String {
        let why = || {
            let log = fs::read_to_string(self.variable("MAIL_LOG")).unwrap_or_default();
            format!("is what {user} has. Queue: {}\n{log}", self.queue())
        };
        patience::mail(|| self.mails(user), wanted, why)
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        let _ = Command::new(script(self.kind))
            .arg("down")
            .arg(self.at())
            .status();
    }
}

/// An SMTP client for one connection.
pub struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    /// Connects from `from`, reads the banner, says EHLO.
    pub fn connect(to: SocketAddr, from: IpAddr) -> Self {
        // Sendmail shuts its listeners for a moment now and then on a busy machine.
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            let connected = match from == Ipv4Addr::LOCALHOST {
                true => TcpStream::connect(to),
                false => connect_from(to, from),
            };
            match connected {
                Ok(stream) => break stream,
                Err(e) if e.kind() == ErrorKind::ConnectionRefused && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(50));
                }
                Err(e) => panic!("no mail server at {to}: {e}"),
            }
        };
        stream
            .set_read_timeout(Some(PATIENCE * 2))
            .expect("timeout");
        let mut smtp = Self {
            stream: BufReader::new(stream),
        };
        let banner = smtp.reply();
        assert!(banner.starts_with("220"), "{banner}");
        smtp.expect("EHLO test.example.com", 250);
        smtp
    }

    /// A reply, its lines joined.
    pub fn reply(&mut self) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a reply");
            assert!(!line.is_empty(), "the server hung up after {all:?}");
            all += &line;
            if line.as_bytes().get(3) != Some(&b'-') {
                return all.trim_end().to_owned();
            }
        }
    }

    /// Says something; the reply.
    pub fn say(&mut self, line: &str) -> String {
        self.stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("a connection");
        self.reply()
    }

    /// Says something that must be answered so.
    pub fn expect(&mut self, line: &str, code: u16) -> String {
        let reply = self.say(line);
        assert!(reply.starts_with(&code.to_string()), "{line}: {reply}");
        reply
    }

    /// A whole mail, its lines ending in LF here; the last reply.
    pub fn send(&mut self, from: &str, to: &[&str], mail: &str) -> String {
        self.expect(&format!("MAIL FROM:<{from}>"), 250);
        for rcpt in to {
            self.expect(&format!("RCPT TO:<{rcpt}>"), 250);
        }
        self.data(mail)
    }

    /// DATA and a mail; the reply to its end.
    pub fn data(&mut self, mail: &str) -> String {
        self.expect("DATA", 354);
        let text = mail.replace("\n.", "\n..").replace('\n', "\r\n");
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .expect("a connection");
        self.say("\r\n.")
    }
}

/// A connection whose own end is at `from`.
fn connect_from(to: SocketAddr, from: IpAddr) -> std::io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.connect(to).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}
