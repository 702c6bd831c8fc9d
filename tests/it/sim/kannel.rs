//! Debian's Kannel itself, with ports and files of its own: bearerbox with one HTTP centre (`smsc = http`,
//! `system-type = generic`), smsbox with one `sendsms` user and one `sms-service`. Dropping it ends both.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::product::PATIENCE;

/// What it is told.
pub struct Options {
    /// The centre's `send-url`.
    pub send_url: String,
    /// The service's `get-url`.
    pub get_url: String,
    /// What the centre wants to be shown by who pushes.
    pub centre: (&'static str, &'static str),
    /// The `sendsms` user and password.
    pub sender: (&'static str, &'static str),
}

/// See the file's header.
pub struct Kannel {
    boxes: Vec<Child>,
    dir: tempfile::TempDir,
    admin: u16,
    centre: u16,
    sendsms: u16,
}

impl Kannel {
    /// Ports for a Kannel that is to be configured where it is known from.
    pub fn place() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let [admin, smsbox, centre, sendsms] = super::port::claim(dir.path());
        std::fs::write(dir.path().join("smsbox-port"), smsbox.to_string()).expect("a file");
        Self {
            boxes: Vec::new(),
            dir,
            admin,
            centre,
            sendsms,
        }
    }

    /// Where an SMS is to be sent from.
    pub fn sendsms(&self) -> String {
        format!("http://127.0.0.1:{}/cgi-bin/sendsms", self.sendsms)
    }

    /// Where the centre is told what came.
    pub fn centre(&self) -> String {
        format!("http://127.0.0.1:{}/", self.centre)
    }

    /// Starts both boxes and waits until they know each other and the centre is there.
    pub async fn start(&mut self, options: &Options) {
        let smsbox = std::fs::read_to_string(self.dir.path().join("smsbox-port")).expect("a port");
        let Options {
            send_url,
            get_url,
            centre,
            sender,
        } = options;
        let (admin, port, sendsms) = (self.admin, self.centre, self.sendsms);
        let config = format!(
            r#"
group = core
admin-port = {admin}
admin-password = adm
admin-allow-ip = "127.0.0.1"
smsbox-port = {smsbox}
box-allow-ip = "127.0.0.1"
dlr-storage = internal
sms-resend-freq = 1

group = smsc
smsc = http
smsc-id = centre
system-type = generic
connect-allow-ip = "127.0.0.1"
port = {port}
smsc-username = {}
smsc-password = {}
send-url = "{send_url}"
status-success-regex = "^ID: "
status-permfail-regex = "^ERR: "
status-tempfail-regex = "."
generic-foreign-id-regex = "^ID: ([0-9a-f-]+)"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}

group = sendsms-user
username = {}
password = {}
max-messages = 10

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{get_url}"
"#,
            centre.0, centre.1, sender.0, sender.1
        );
        std::fs::write(self.dir.path().join("kannel.conf"), config).expect("configuration");
        self.spawn("bearerbox");
        self.until(|status| status.contains("Status: running"))
            .await;
        self.spawn("smsbox");
        let ready = |status: &str| status.contains("Box connections") && status.contains("(online");
        self.until(ready).await;
    }

    fn spawn(&mut self, name: &str) {
        let program = format!("/usr/sbin/{name}");
        let said = std::fs::File::create(self.dir.path().join(format!("{name}.log")));
        let child = Command::new(&program)
            .arg(self.dir.path().join("kannel.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.expect("a file"))
            .spawn();
        self.boxes
            .push(child.unwrap_or_else(|e| panic!("{program}: {e}; tests/run installs kannel")));
    }

    /// Asks bearerbox how it does until it is so.
    async fn until(&self, is_so: impl Fn(&str) -> bool) {
        let url = format!("http://127.0.0.1:{}/status.txt?password=adm", self.admin);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("client");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = match client.get(&url).send().await {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if is_so(&said) {
                return;
            }
            assert!(Instant::now() < deadline, "{said}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What both have logged.
    pub fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join(name));
        let logs = ["bearerbox.log", "smsbox.log"].map(|name| read(name).unwrap_or_default());
        logs.concat()
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for child in self.boxes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
