//! The product as its admin has it: the binary, a configuration file, a directory. Started, asked over
//! its command line, stopped, killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

pub use super::patience::PATIENCE;

/// A directory with a configuration, in which the product can run.
pub struct Place {
    dir: tempfile::TempDir,
}

/// A running product.
pub struct Product {
    child: Child,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
    config: PathBuf,
    /// `inet:127.0.0.1:40123`, `unix:/…`
    pub milter: String,
    /// HTTP.
    pub web: SocketAddr,
}

impl Place {
    /// With users ann (login asmith, mobile +15557654321) and bob, the SMS domains of the
    /// specification, everything on free ports, and `more` YAML: gateways at least.
    pub fn new(inject: SocketAddr, more: &str) -> Self {
        Self::with_milter("inet:127.0.0.1:0", inject, more)
    }

    /// The same with the milter elsewhere.
    pub fn with_milter(milter: &str, inject: SocketAddr, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let text = format!(
            r#"
hostname: sms.test
milter: {{ listen: "{milter}" }}
addresses:
  domains:
    - {{ mail: example.com, sms: sms.example.com, region: US }}
    - {{ mail: example.org, sms: sms.example.org, region: CZ }}
access:
  trusted_networks: ["127.0.0.0/8"]
  defaults: {{ monthly_limit: 0 }}
  resubmission: {{ daemon: sms, trust: aliases }}
  aliases:
    oncall@example.com: {{ charge: bob@example.com, to: ["+15551230000"] }}
users:
  - {{ email: ann.smith@example.com, login: asmith, nickname: ann, mobile: "+15557654321" }}
  - {{ email: bob@example.com, nickname: bob }}
mail: {{ inject: "smtp://{inject}", admin: postmaster@example.com }}
store: sled:store
web: {{ listen: 127.0.0.1:0 }}
{more}
"#
        );
        std::fs::write(dir.path().join("config.yaml"), text).expect("configuration");
        Self { dir }
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config.yaml")
    }

    /// Where the store and the rest are.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the product and waits until it is ready.
    pub fn start(&self) -> Product {
        self.try_start()
            .unwrap_or_else(|log| panic!("not ready:\n{log}"))
    }

    /// The same; the log when it ends instead.
    pub fn try_start(&self) -> Result<Product, String> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sms-milter"))
            .args(["run", "--config"])
            .arg(self.config())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let stderr = child.stderr.take().expect("stderr");
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.0.lock().expect("log").push(line);
                writer.1.notify_all();
            }
            writer.0.lock().expect("log").push(END.into());
            writer.1.notify_all();
        });
        let mut product = Product {
            child,
            log,
            config: self.config(),
            milter: String::new(),
            web: "127.0.0.1:0".parse().expect("address"),
        };
        match product.log_line(|line| line.contains("event=\"ready\"")) {
            Some(line) => {
                let word = |name: &str| {
                    let (_, rest) = line
                        .split_once(&format!("{name}="))
                        .expect("address in the log");
                    rest.split_whitespace().next().expect("value").to_owned()
                };
                product.milter = word("milter");
                product.web = word("web").parse().expect("address");
                Ok(product)
            }
            None => Err(product.log()),
        }
    }
}

/// Stands in the log behind the last line.
const END: &str = "<end of log>";

impl Product {
    /// Its process.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// All it has logged.
    pub fn log(&self) -> String {
        self.log.0.lock().expect("log").join("\n")
    }

    /// Waits for a log line; `None` when the process ends, or [`PATIENCE`], without it.
    pub fn log_line(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().expect("log");
        loop {
            if let Some(line) = log.iter().find(|line| wanted(line)) {
                return Some(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if log.last().is_some_and(|l| l == END) || left.is_zero() {
                return None;
            }
            log = self.log.1.wait_timeout(log, left).expect("log").0;
        }
    }

    /// SIGKILL, without waiting for its end.
    pub fn signal_kill(&self) {
        use nix::sys::signal::{Signal, kill};
        let _ = kill(nix::unistd::Pid::from_raw(self.pid()), Signal::SIGKILL);
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, without waiting for its end.
    pub fn signal_stop(&self) {
        use nix::sys::signal::{Signal, kill};
        let _ = kill(nix::unistd::Pid::from_raw(self.pid()), Signal::SIGTERM);
    }

    /// SIGTERM, and how it ended.
    pub fn stop(mut self) -> ExitStatus {
        self.signal_stop();
        self.child.wait().expect("it ends")
    }

    /// Waits for its own end.
    pub fn ended(&mut self) -> ExitStatus {
        self.ended_after(|| 0)
    }

    /// The same when it has something to do before: [`PATIENCE`] begins anew whenever that has grown.
    pub fn ended_after(&mut self, progress: impl Fn() -> usize) -> ExitStatus {
        let mut deadline = Instant::now() + PATIENCE;
        let mut so_far = progress();
        loop {
            let now = progress();
            if now > so_far {
                (so_far, deadline) = (now, Instant::now() + PATIENCE);
            }
            if let Some(status) = self.child.try_wait().expect("status") {
                // What it said last may still be on its way: nothing is like this line, so this waits for the end of all.
                self.log_line(|_| false);
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command of its command line.
    pub fn command(&self, args: &[&str]) -> Output {
        command(&self.config, args)
    }

    /// The JSON lines that a command prints.
    pub fn json(&self, args: &[&str]) -> Vec<Value> {
        json(&self.config, args)
    }

    /// Asks until the answer is wanted.
    pub fn until(&self, args: &[&str], wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.json(args);
            if wanted(&lines) {
                return lines;
            }
            let shown = serde_json::to_string(&lines).expect("JSON");
            assert!(
                Instant::now() < deadline,
                "{args:?} still says {shown}\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a phone of the simulated network shows `count` messages; their texts.
    pub fn phone(&self, number: &str, count: usize) -> Vec<String> {
        let lines = self.until(&["phone", "show", number, "--json"], |lines| {
            lines.len() >= count
        });
        lines
            .iter()
            .map(|l| l["text"].as_str().expect("text").to_owned())
            .collect()
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command, daemon or not.
pub fn command(config: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sms-milter"))
        .args(args)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// The JSON lines that a command prints.
pub fn json(config: &Path, args: &[&str]) -> Vec<Value> {
    let output = command(config, args);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
