//! Serial ports: which there are, who has one, and why one does not open.
//!
//! Looks at `/dev`, `/sys/class/tty` and `/proc`, and at the configuration when it can be read. Writes
//! nothing, to no port. What a user may not see (other users' processes) is not known then, and not
//! guessed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::config::{self, Gateway};
use crate::world::{Stream, World};

/// Our own name in a list of processes.
const OURSELVES: &str = "sms-milter";

/// What modems hang on: USB serial converters and sticks, USB modems, boards with a UART.
const KINDS: [&str; 3] = ["ttyUSB", "ttyACM", "ttyS"];

/// A serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// The name to write into a configuration: it stays when the device is plugged in again, if there
    /// is such a name.
    pub(super) name: String,
    /// What stands behind it, for as long as it is plugged in.
    pub(super) device: PathBuf,
}

impl Port {
    /// A port that the user named.
    pub(super) fn named(name: &str) -> Self {
        let device = fs::canonicalize(name).unwrap_or_else(|_| PathBuf::from(name));
        Self {
            name: name.to_owned(),
            device,
        }
    }
}

/// All serial ports of this machine, but its consoles.
pub(super) fn all() -> Vec<Port> {
    let consoles = fs::read_to_string("/proc/consoles").unwrap_or_default();
    ports_in(Path::new("/dev"), Path::new("/sys/class/tty"), &consoles)
}

/// Stable names first; a device with two stable names has the first.
fn ports_in(dev: &Path, sys: &Path, consoles: &str) -> Vec<Port> {
    let consoles: Vec<&str> = consoles
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut found: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut ports = Vec::new();
    for path in entries(&dev.join("serial/by-id")) {
        let Ok(device) = fs::canonicalize(&path) else {
            continue;
        };
        let name = path.to_string_lossy().into_owned();
        if found.insert(device.clone(), name.clone()).is_none() {
            ports.push(Port { name, device });
        }
    }
    for path in entries(dev) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let device = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let wanted = KINDS.iter().any(|kind| is_numbered(&name, kind))
            && !consoles.contains(&name.as_ref())
            && has_hardware(sys, &name)
            && !found.contains_key(&device);
        if wanted {
            let name = path.to_string_lossy().into_owned();
            ports.push(Port { name, device });
        }
    }
    ports
}

/// In the order of people: ttyUSB2 before ttyUSB10.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| {
        let name = path.to_string_lossy().into_owned();
        let head = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = name[head..].parse().unwrap_or(0);
        (name[..head].to_owned(), number, name)
    });
    paths
}

fn is_numbered(name: &str, kind: &str) -> bool {
    let digits = name.strip_prefix(kind).unwrap_or("");
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The kernel makes ttyS0 to ttyS31 whether or not there is a UART; its type says so.
fn has_hardware(sys: &Path, name: &str) -> bool {
    let kind = fs::read_to_string(sys.join(name).join("type"));
    kind.map_or(true, |kind| kind.trim() != "0")
}

/// What the configuration says of ports; empty when it cannot be read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Device → gateway.
    gateways: Vec<(String, String)>,
    /// The daemon's control socket.
    pub(super) control: Option<PathBuf>,
}

impl Known {
    /// Reads it. A broken configuration is `check`'s to complain about.
    pub(super) fn load(path: &Path) -> Self {
        let Ok(settings) = config::load(path) else {
            return Self::default();
        };
        let modems = settings
            .gateways
            .iter()
            .filter_map(|gateway| match gateway {
                Gateway::Modem(modem) => Some((modem.device.clone(), modem.common.id.clone())),
                _ => None,
            });
        Self {
            gateways: modems.collect(),
            control: Some(settings.control),
        }
    }

    /// The gateway of a port.
    pub(super) fn gateway(&self, port: &Port) -> Option<&str> {
        let is_it = |device: &str| device == port.name || Port::named(device).device == port.device;
        self.gateways
            .iter()
            .find(|(device, _)| is_it(device))
            .map(|(_, id)| id.as_str())
    }

    /// Whether some gateway has that name.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.gateways.iter().any(|(_, known)| known == id)
    }

    /// Whether the daemon runs.
    pub(super) fn runs(&self) -> bool {
        let connects = |path: &PathBuf| UnixStream::connect(path).is_ok();
        self.control.as_ref().is_some_and(connects)
    }
}

/// Who has a port open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The process, when it may be seen.
    pub(super) process: Option<(u32, String)>,
    /// The gateway of the running daemon that it is.
    pub(super) gateway: Option<String>,
}

impl Holder {
    fn find(port: &Port, known: &Known) -> Option<Self> {
        let process = process_with(&port.device)?;
        let gateway = (process.1 == OURSELVES)
            .then(|| known.gateway(port))
            .flatten();
        Some(Self {
            gateway: gateway.map(str::to_owned),
            process: Some(process),
        })
    }

    /// Somebody has it, and `/proc` does not say who.
    fn unseen(port: &Port, known: &Known) -> Self {
        let gateway = known.gateway(port).filter(|_| known.runs());
        Self {
            process: None,
            gateway: gateway.map(str::to_owned),
        }
    }

    /// It is the daemon.
    pub(super) fn is_daemon(&self) -> bool {
        let named = |(_, name): &(u32, String)| name == OURSELVES;
        self.gateway.is_some() || self.process.as_ref().is_some_and(named)
    }

    /// As in "in use by …".
    pub(super) fn words(&self) -> String {
        match (&self.gateway, &self.process) {
            (Some(gateway), _) => format!("the running sms-milter, as gateway {gateway}"),
            (None, Some((pid, name))) => format!("{name} (process {pid})"),
            (None, None) => "another program".to_owned(),
        }
    }

    fn remedy(&self) -> String {
        if self.is_daemon() {
            return "stop it first: systemctl stop sms-milter".to_owned();
        }
        match &self.process {
            Some((_, name)) if name == "ModemManager" => {
                "stop it first: systemctl disable --now ModemManager".to_owned()
            }
            Some((pid, _)) => format!("end it first: kill {pid}"),
            None => "stop sms-milter, ModemManager or gammu first; as root, this says which it is"
                .to_owned(),
        }
    }
}

/// The process that has a device open, but ourselves.
fn process_with(device: &Path) -> Option<(u32, String)> {
    let me = std::process::id();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut others = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != me);
    let pid = others
        .find(|pid| has_open(*pid, device))
        .or_else(|| locker(device).filter(|pid| *pid != me))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).collect();
    Some((pid, name))
}

fn has_open(pid: u32, device: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut files = files.into_iter().flatten().flatten();
    files.any(|file| fs::read_link(file.path()).is_ok_and(|target| target == device))
}

/// Who has it locked, which everybody may read: `1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> …`.
fn locker(device: &Path) -> Option<u32> {
    let meta = fs::metadata(device).ok()?;
    let (major, minor) = (
        nix::sys::stat::major(meta.dev()),
        nix::sys::stat::minor(meta.dev()),
    );
    let place = format!("{major:02x}:{minor:02x}:{}", meta.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let holder = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1) == Some(&"FLOCK") && fields.get(5) == Some(&place.as_str()))
            .then(|| fields.get(4)?.parse().ok())?
    };
    locks.lines().find_map(holder)
}

/// Why a port does not open.
#[derive(Debug)]
pub(super) enum Unopened {
    /// There is none of that name.
    Missing,
    /// Somebody has it.
    Held(Holder),
    /// We may not; who may.
    Denied(String),
    /// It is something else.
    NotSerial,
    /// The operating system's word.
    Other(String),
}

/// Opens a port, unless somebody has it: two readers would each get half of what a modem says.
pub(super) async fn open(
    world: &World,
    port: &Port,
    baud: u32,
    known: &Known,
) -> Result<Box<dyn Stream>, Unopened> {
    if is_no_line(port) {
        return Err(Unopened::NotSerial);
    }
    if let Some(holder) = Holder::find(port, known) {
        return Err(Unopened::Held(holder));
    }
    let opened = world.dial.serial(&port.name, baud).await;
    opened.map_err(|error| judge(port, known, &error))
}

/// A file, or /dev/null and its like, which half of all programs have open: nobody is told to end them.
fn is_no_line(port: &Port) -> bool {
    use std::os::unix::fs::FileTypeExt;
    /// Linux, Documentation/admin-guide/devices.txt: 1 is memory.
    const MEMORY: u64 = 1;
    fs::metadata(&port.device).is_ok_and(|meta| {
        !meta.file_type().is_char_device() || nix::sys::stat::major(meta.rdev()) == MEMORY
    })
}

fn judge(port: &Port, known: &Known, error: &io::Error) -> Unopened {
    let text = error.to_string();
    let there = fs::metadata(&port.device);
    if text.contains("lock") || text.contains("busy") {
        return Unopened::Held(Holder::unseen(port, known));
    }
    match (error.kind(), there) {
        (io::ErrorKind::PermissionDenied, Ok(meta)) => Unopened::Denied(who_may(&meta)),
        (io::ErrorKind::PermissionDenied, Err(_)) => {
            Unopened::Denied("run this as root".to_owned())
        }
        (_, Err(_)) => Unopened::Missing,
        (_, Ok(_)) if text.contains("Not a typewriter") || text.contains("Inappropriate ioctl") => {
            Unopened::NotSerial
        }
        (_, Ok(meta)) if meta.is_file() || meta.is_dir() => Unopened::NotSerial,
        (_, Ok(_)) => Unopened::Other(text),
    }
}

/// Who may open a file, and how to become such a one.
fn who_may(meta: &fs::Metadata) -> String {
    let by_group = meta.mode() & 0o060 == 0o060;
    let group = nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(meta.gid()));
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    match (by_group, group.ok().flatten(), user.ok().flatten()) {
        (true, Some(group), Some(user)) => format!(
            "only root and the group {0} may open it: usermod -aG {0} {1}, and log in again",
            group.name, user.name
        ),
        (true, Some(group), None) => {
            format!("only root and the group {} may open it", group.name)
        }
        _ => "only root may open it".to_owned(),
    }
}

impl Unopened {
    /// What is wrong.
    pub(super) fn what(&self, port: &Port) -> String {
        let name = &port.name;
        match self {
            Self::Missing => format!("there is no {name}"),
            Self::Held(holder) => format!("{name} is in use by {}", holder.words()),
            Self::Denied(_) => format!("you may not open {name}"),
            Self::NotSerial => format!("{name} is not a serial port"),
            Self::Other(text) => format!("{name} cannot be opened: {text}"),
        }
    }

    /// What to do.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::Missing | Self::NotSerial | Self::Other(_) => there_are(&all()),
            Self::Held(holder) => holder.remedy(),
            Self::Denied(who) => who.clone(),
        }
    }
}

fn there_are(ports: &[Port]) -> String {
    let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    match names[..] {
        [] => "no other serial port is here, but consoles: is the modem plugged in?".to_owned(),
        _ => format!("is it plugged in? There are: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A `/dev` and a `/sys/class/tty` with these in it.
    fn machine(names: &[&str], by_id: &[(&str, &str)], absent: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let dev = dir.path().join("dev");
        fs::create_dir_all(dev.join("serial/by-id")).expect("dev");
        for name in names {
            fs::write(dev.join(name), "").expect("a port");
        }
        for (name, target) in by_id {
            symlink(dev.join(target), dev.join("serial/by-id").join(name)).expect("a link");
        }
        for name in absent {
            let sys = dir.path().join("sys").join(name);
            fs::create_dir_all(&sys).expect("sys");
            fs::write(sys.join("type"), "0\n").expect("type");
        }
        dir
    }

    #[track_caller]
    fn check(machine: &tempfile::TempDir, consoles: &str, expected: &[&str]) {
        let dev = fs::canonicalize(machine.path().join("dev")).expect("dev");
        let ports = ports_in(&dev, &machine.path().join("sys"), consoles);
        let prefix = format!("{}/", dev.display());
        let names: Vec<&str> = ports
            .iter()
            .filter_map(|port| port.name.strip_prefix(&prefix))
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn finds_ports_by_their_stable_names() {
        let names = [
            "ttyUSB10", "ttyUSB2", "ttyUSB0", "ttyACM0", "ttyS0", "ttyS1", "ttyS2", "tty1",
            "ttyUSBx", "null",
        ];
        let by_id = [
            ("usb-B-if00", "ttyUSB10"),
            ("usb-A-if00", "ttyACM0"),
            ("usb-gone", "ttyUSB77"),
        ];
        let machine = machine(&names, &by_id, &["ttyS2"]);
        check(
            &machine,
            "ttyS0                -W- (EC  p a)    4:64\n",
            &[
                "serial/by-id/usb-A-if00",
                "serial/by-id/usb-B-if00",
                "ttyS1",
                "ttyUSB0",
                "ttyUSB2",
            ],
        );
        check(&self::machine(&[], &[], &[]), "", &[]);
    }

    #[test]
    fn says_why_a_port_does_not_open_and_what_to_do() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let there = Port::named(&file.path().to_string_lossy());
        let gone = Port::named("/dev/serial/by-id/usb-gone");
        let known = Known::default();
        let say = |port: &Port, error: io::Error| {
            let why = judge(port, &known, &error);
            format!("{}; {}", why.what(port), why.remedy())
        };
        let locked = io::Error::new(
            io::ErrorKind::NotFound,
            "Unable to acquire exclusive lock on serial port",
        );
        let said = say(&there, locked);
        assert!(
            said.contains("in use by another program; stop sms-milter"),
            "{said}"
        );
        let said = say(&there, io::Error::from_raw_os_error(nix::libc::EBUSY));
        assert!(said.contains("in use by"), "{said}");
        let said = say(&there, io::Error::from_raw_os_error(nix::libc::EACCES));
        assert!(
            said.contains("you may not open") && said.contains("only root"),
            "{said}"
        );
        let said = say(&gone, io::Error::from_raw_os_error(nix::libc::ENOENT));
        assert!(
            said.contains("there is no /dev/serial/by-id/usb-gone"),
            "{said}"
        );
        let said = say(&there, io::Error::from_raw_os_error(nix::libc::ENOTTY));
        assert!(said.contains("is not a serial port"), "{said}");
    }

    #[test]
    fn names_the_group_that_may() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mode = |mode| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(file.path(), permissions).expect("mode");
            who_may(&fs::metadata(file.path()).expect("metadata"))
        };
        assert!(mode(0o660).contains("may open it: usermod -aG "));
        assert_eq!(mode(0o600), "only root may open it");
    }

    #[test]
    fn names_who_has_a_port() {
        let holder = |process: Option<(u32, &str)>, gateway: Option<&str>| Holder {
            process: process.map(|(pid, name)| (pid, name.to_owned())),
            gateway: gateway.map(str::to_owned),
        };
        for (holder, words, remedy) in [
            (
                holder(Some((7, "sms-milter")), Some("hall")),
                "the running sms-milter, as gateway hall",
                "systemctl stop sms-milter",
            ),
            (
                holder(Some((7, "sms-milter")), None),
                "sms-milter (process 7)",
                "systemctl stop sms-milter",
            ),
            (
                holder(Some((8, "ModemManager")), None),
                "ModemManager (process 8)",
                "disable --now ModemManager",
            ),
            (
                holder(Some((9, "minicom")), None),
                "minicom (process 9)",
                "kill 9",
            ),
            (holder(None, None), "another program", "as root"),
        ] {
            assert_eq!(holder.words(), words);
            assert!(holder.remedy().contains(remedy), "{}", holder.remedy());
        }
    }

    #[test]
    fn sees_who_has_a_device_open() {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        let device = nix::unistd::ttyname(&pty.slave).expect("its name");
        assert_eq!(process_with(&device), None, "we do not count ourselves");
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .stdin(pty.slave.try_clone().expect("a descriptor"))
            .spawn()
            .expect("sleep");
        let expected = Some((other.id(), "sleep".to_owned()));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while process_with(&device) != expected && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(process_with(&device), expected);
        other.kill().expect("kill");
        other.wait().expect("its end");
    }
}
