//! Real directories of users, private and thrown away: OpenLDAP's slapd, PostgreSQL, MariaDB. Each runs in a
//! directory of its own on a free port, with a certificate of an authority of the test's. They can be
//! stopped dead, halted and started again at the same place.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, User, geteuid};

use super::port;
use super::product::PATIENCE;
use super::tls::Authority;

/// What is asked for by the passwords below.
pub const PASSWORD: &str = "reader-hunter2";

/// A server, killed and removed when dropped.
pub struct Server {
    child: Option<Child>,
    start: Box<dyn Fn() -> Command + Send>,
    ready: Box<dyn Fn() -> bool + Send>,
    /// Where all of it is.
    pub dir: tempfile::TempDir,
    /// TCP, without TLS by itself where the kind has it so.
    pub port: u16,
    /// With TLS from the first octet (LDAP).
    pub tls_port: u16,
    /// PEM file of who vouches for it.
    pub ca: PathBuf,
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{said}");
    text
}

impl Server {
    fn new(
        dir: tempfile::TempDir,
        ports: (u16, u16),
        start: Box<dyn Fn() -> Command + Send>,
        ready: Box<dyn Fn() -> bool + Send>,
    ) -> Self {
        let ca = dir.path().join("ca.pem");
        let mut server = Self {
            child: None,
            start,
            ready,
            dir,
            port: ports.0,
            tls_port: ports.1,
            ca,
        };
        server.start();
        server
    }

    /// Runs it, and waits until it answers.
    pub fn start(&mut self) {
        let log = fs::File::create(self.dir.path().join("log")).expect("log");
        let mut command = (self.start)();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(command.spawn().expect("the server starts"));
        let deadline = Instant::now() + PATIENCE;
        while !(self.ready)() {
            let log = || fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "not ready: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id() as i32), signal).expect("signal");
    }

    /// It stands still; connections stay open.
    pub fn halt(&self) {
        self.signal(Signal::SIGSTOP);
        // On a busy machine its threads go on for a moment.
        let child = Pid::from_raw(self.child.as_ref().expect("it runs").id() as i32);
        let stopped = waitpid(child, Some(WaitPidFlag::WUNTRACED)).expect("a child");
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    }

    /// It goes on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGKILL, and gone, with its children: PostgreSQL's answer on until they see that they are alone.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let _ = child.kill();
        let _ = child.wait();
        loop {
            let left = at_work_in(self.dir.path());
            if left.is_empty() {
                return;
            }
            for pid in left {
                let _ = kill(pid, Signal::SIGKILL);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes whose working directory is there, or below.
fn at_work_in(dir: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    let pids = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let at = fs::read_link(entry.path().join("cwd")).ok()?;
        at.starts_with(dir).then_some(Pid::from_raw(pid))
    });
    pids.collect()
}

/// `ca.pem`, `cert.pem` and `key.pem` for 127.0.0.1 and localhost in a new directory.
fn home(prefix: &str) -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let authority = Authority::new();
    let issued = authority.issue("IP:127.0.0.1,DNS:localhost", 1);
    for (name, text) in [
        ("ca.pem", authority.certificate()),
        ("cert.pem", issued.certificate),
        ("key.pem", issued.key),
    ] {
        fs::write(dir.path().join(name), text).expect("PEM");
    }
    let key = fs::Permissions::from_mode(0o600);
    fs::set_permissions(dir.path().join("key.pem"), key).expect("mode");
    dir
}

/// OpenLDAP with the entries of an LDIF under dc=example,dc=com, read by cn=reader with [`PASSWORD`] and by
/// nobody else.
pub fn slapd(ldif: &str) -> Server {
    let dir = home("slapd");
    let at = dir.path().to_owned();
    fs::create_dir(at.join("db")).expect("directory");
    let conf = format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {at}/pid
TLSCACertificateFile {at}/ca.pem
TLSCertificateFile {at}/cert.pem
TLSCertificateKeyFile {at}/key.pem
threads 4
database mdb
maxsize 16777216
suffix dc=example,dc=com
rootdn cn=admin,dc=example,dc=com
directory {at}/db
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=cn=reader,dc=example,dc=com read by * none
",
        at = at.display()
    );
    fs::write(at.join("slapd.conf"), conf).expect("slapd.conf");
    let all = format!(
        "dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: cn=reader,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

{ldif}"
    );
    fs::write(at.join("all.ldif"), all).expect("LDIF");
    run(Command::new("/usr/sbin/slapadd")
        .arg("-f")
        .arg(at.join("slapd.conf"))
        .arg("-l")
        .arg(at.join("all.ldif")));
    let ports: [u16; 2] = port::claim(&at);
    let ports = (ports[0], ports[1]);
    let socket = at.join("ldapi").display().to_string().replace('/', "%2F");
    let urls = format!(
        "ldap://127.0.0.1:{}/ ldaps://127.0.0.1:{}/ ldapi://{socket}/",
        ports.0, ports.1
    );
    let conf = at.join("slapd.conf");
    let start = move || {
        let mut command = Command::new("/usr/sbin/slapd");
        command.arg("-f").arg(&conf).args(["-h", &urls, "-d", "0"]);
        command
    };
    let ready = move || std::net::TcpStream::connect(("127.0.0.1", ports.1)).is_ok();
    Server::new(dir, ports, Box::new(start), Box::new(ready))
}

/// The newest PostgreSQL here.
fn postgres_bin(name: &str) -> PathBuf {
    let mut all: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed")
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .filter(|path| path.exists())
        .collect();
    all.sort();
    all.pop().expect("PostgreSQL's server is installed")
}

/// As the user that a server wants to be, when we are root.
fn as_user(command: &mut Command, user: Option<&User>) {
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
}

/// PostgreSQL with a database `mail`, in which `sql` has run, and a user `reader` with [`PASSWORD`].
pub fn postgres(sql: &str) -> Server {
    let dir = home("postgres");
    let at = dir.path().to_owned();
    // It refuses to be root.
    let user = geteuid()
        .is_root()
        .then(|| User::from_name("postgres").ok().flatten())
        .flatten();
    if let Some(user) = &user {
        let (uid, gid) = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
        for path in [at.clone(), at.join("key.pem")] {
            chown(path, uid, gid).expect("chown");
        }
    }
    let data = at.join("data");
    let mut initdb = Command::new(postgres_bin("initdb"));
    initdb.current_dir(&at).arg("-D").arg(&data);
    initdb.args([
        "-N",
        "-A",
        "scram-sha-256",
        "--auth-local=trust",
        "-U",
        "admin",
        "-E",
        "UTF8",
        "--locale=C",
    ]);
    as_user(&mut initdb, user.as_ref());
    let pw = at.join("pw");
    fs::write(&pw, "admin-hunter2\n").expect("password");
    run(initdb.arg("--pwfile").arg(&pw));
    let [port] = port::claim(&at);
    let owner = user.clone();
    let home = at.clone();
    let start = move || {
        let mut command = Command::new(postgres_bin("postgres"));
        command
            .current_dir(&home)
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&home);
        let own = |name: &str| {
            format!(
                "ssl_{name}_file={}/{}.pem",
                home.display(),
                if name == "key" { "key" } else { "cert" }
            )
        };
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "fsync=off".into(),
            "ssl=on".into(),
            own("cert"),
            own("key"),
        ] {
            command.args(["-c", &setting]);
        }
        as_user(&mut command, owner.as_ref());
        command
    };
    let socket = at.clone();
    let psql = move |database: &str, sql: &str| {
        let mut command = Command::new("psql");
        command.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "admin",
            "-d",
            database,
            "-c",
            sql,
        ]);
        command
            .arg("-h")
            .arg(&socket)
            .args(["-p", &port.to_string()])
            .stdin(Stdio::null());
        command
    };
    let asks = psql.clone();
    let ready = move || {
        asks("postgres", "SELECT 1")
            .output()
            .is_ok_and(|o| o.status.success())
    };
    let server = Server::new(dir, (port, 0), Box::new(start), Box::new(ready));
    run(&mut psql("postgres", "CREATE DATABASE mail"));
    run(&mut psql("mail", sql));
    let reader = format!(
        "CREATE USER reader PASSWORD '{PASSWORD}'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    );
    run(&mut psql("mail", &reader));
    server
}

/// MariaDB with a database `mail`, in which `sql` has run, and a user `reader` with [`PASSWORD`].
pub fn mariadb(sql: &str) -> Server {
    let dir = home("mariadb");
    let at = dir.path().to_owned();
    let data = at.join("data");
    let user = nix::unistd::User::from_uid(geteuid())
        .ok()
        .flatten()
        .expect("a user")
        .name;
    run(Command::new("mariadb-install-db")
        .args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ])
        .arg(format!("--user={user}"))
        .arg(format!("--datadir={}", data.display())));
    let [port] = port::claim(&at);
    let socket = at.join("sock");
    let (home, own) = (at.clone(), socket.clone());
    let start = move || {
        let file = |name: &str| home.join(name).display().to_string();
        let mut command = Command::new("/usr/sbin/mariadbd");
        command.args([
            "--no-defaults".to_owned(),
            format!("--datadir={}", file("data")),
            format!("--socket={}", own.display()),
            format!("--port={port}"),
            format!("--user={user}"),
            format!("--pid-file={}", file("pid")),
            format!("--ssl-ca={}", file("ca.pem")),
            format!("--ssl-cert={}", file("cert.pem")),
            format!("--ssl-key={}", file("key.pem")),
            "--bind-address=127.0.0.1".into(),
            "--innodb-flush-log-at-trx-commit=0".into(),
            "--innodb-buffer-pool-size=16M".into(),
        ]);
        command
    };
    let client = move |sql: &str| {
        let mut command = Command::new("mariadb");
        command
            .args(["--no-defaults", "-u", "root"])
            .arg(format!("--socket={}", socket.display()));
        command.args(["-e", sql]).stdin(Stdio::null());
        command
    };
    let asks = client.clone();
    let ready = move || asks("SELECT 1").output().is_ok_and(|o| o.status.success());
    let server = Server::new(dir, (port, 0), Box::new(start), Box::new(ready));
    let all = format!(
        "CREATE DATABASE mail; USE mail; {sql}; \
         CREATE USER reader@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; \
         CREATE USER reader@localhost IDENTIFIED BY '{PASSWORD}'; \
         GRANT SELECT ON mail.* TO reader@'127.0.0.1'; GRANT SELECT ON mail.* TO reader@localhost"
    );
    run(&mut client(&all));
    server
}

/// A file of SQLite in which `sql` has run.
pub fn sqlite(path: &Path, sql: &str) {
    run(Command::new("sqlite3").arg("-batch").arg(path).arg(sql));
}
