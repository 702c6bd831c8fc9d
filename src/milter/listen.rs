//! Where the MTA finds us: `inet:HOST:PORT` or `unix:/PATH`; one indymilter session a connection.
//!
//! Never gives up: when a connection cannot be accepted (no file descriptor, no memory) it says so once
//! a second and tries again. Never touches the directory of a unix socket, nor a socket on which
//! somebody answers. The socket has mode 0660: the MTA's user belongs in our group.
//!
//! Limits: `max_connections` at a time, the others wait in the backlog; a pause of `PAUSE` between
//! two commands; at a stop, `GRACE` for the mails in hand.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use indymilter::{Callbacks, Config, EitherStream, Listener};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::line::{Line, Wire};
use crate::pace::Complaint;

/// Mails that are in hand at a stop may take so long: systemd kills after 90 s, and one `at_end` takes
/// 25 s.
pub const GRACE: Duration = Duration::from_secs(30);

/// An MTA may hold a session open between two mails for as long as its client does (libmilter's value,
/// which it advises not to decrease).
const PAUSE: Duration = Duration::from_secs(7210);

/// Between two tries to accept after one that failed.
const RETRY: Duration = Duration::from_millis(200);

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Inet {
        /// A name or an address, without brackets.
        host: String,
        /// 0: any free one.
        port: u16,
    },
    /// A unix socket.
    Unix {
        /// Absolute.
        path: PathBuf,
    },
}

impl Listen {
    /// Only programs of this machine get there.
    pub fn is_near(&self) -> bool {
        match self {
            Self::Unix { .. } => true,
            Self::Inet { host, .. } => {
                let address = host.parse::<std::net::IpAddr>();
                host == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// Reads `inet:HOST:PORT`, `inet:PORT@HOST` (Sendmail's way), `inet6:…`, `unix:/PATH` or
    /// `local:/PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        const REMEDY: &str = "write inet:127.0.0.1:8895 or unix:/run/sms-milter/milter.sock";
        match text.split_once(':') {
            Some(("unix" | "local", path)) if path.starts_with('/') => {
                // sun_path has 108 octets with the NUL (unix(7)).
                if path.len() > 107 || path.contains('\0') {
                    return Err(format!(
                        "the path of a unix socket has at most 107 octets; {REMEDY}"
                    ));
                }
                Ok(Self::Unix { path: path.into() })
            }
            Some((kind @ ("unix" | "local"), path)) => Err(format!(
                "{path:?} is not an absolute path; write {kind}:/run/sms-milter/milter.sock"
            )),
            Some((kind @ ("inet" | "inet6"), rest)) => {
                let (host, port) = match rest.rsplit_once('@') {
                    Some((port, host)) => (host, port),
                    None => rest.rsplit_once(':').ok_or_else(|| {
                        format!("{rest:?} has no host; write {kind}:127.0.0.1:{rest}, where only this machine reaches it")
                    })?,
                };
                Self::inet(host, port).map_err(|e| format!("{e}; {REMEDY}"))
            }
            _ => Err(format!("{text:?} is not a place to listen; {REMEDY}")),
        }
    }

    fn inet(host: &str, port: &str) -> Result<Self, String> {
        let port = port
            .parse()
            .map_err(|_| format!("{port:?} is not a port (1 to 65535)"))?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let is_name = |h: &str| {
            !h.is_empty()
                && h.len() <= 253
                && h.chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
        };
        match bare.unwrap_or(host) {
            h if h.parse::<std::net::Ipv6Addr>().is_ok() => {}
            h if bare.is_none() && is_name(h) => {}
            _ => {
                return Err(format!(
                    "{host:?} is not a host (a name, 192.0.2.1 or [2001:db8::1])"
                ));
            }
        }
        Ok(Self::Inet {
            host: bare.unwrap_or(host).to_owned(),
            port,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host, port } if host.contains(':') => write!(f, "inet:[{host}]:{port}"),
            Self::Inet { host, port } => write!(f, "inet:{host}:{port}"),
            Self::Unix { path } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket on which the MTA can connect. Dropped, it is closed and a unix socket's file removed.
pub struct Bound {
    socket: Socket,
    address: Listen,
}

enum Socket {
    Tcp(TcpListener),
    Unix {
        unix: UnixListener,
        _file: SocketFile,
    },
}

/// Our socket in the file system: removed when it is still ours.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn identity(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = std::fs::symlink_metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::identity(&self.path).ok() == Some(self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Bound {
    /// Listens at `listen`.
    pub async fn new(listen: &Listen) -> io::Result<Self> {
        let within =
            |e: io::Error| io::Error::new(e.kind(), format!("cannot listen at {listen}: {e}"));
        match listen {
            Listen::Inet { host, port } => {
                let tcp = TcpListener::bind((host.as_str(), *port))
                    .await
                    .map_err(within)?;
                let port = tcp.local_addr().map_err(within)?.port();
                let address = Listen::Inet {
                    host: host.clone(),
                    port,
                };
                Ok(Self {
                    socket: Socket::Tcp(tcp),
                    address,
                })
            }
            Listen::Unix { path } => {
                clear(path).await.map_err(within)?;
                let unix = UnixListener::bind(path).map_err(within)?;
                let file = SocketFile {
                    path: path.clone(),
                    identity: SocketFile::identity(path).map_err(within)?,
                };
                let group = std::fs::Permissions::from_mode(0o660);
                std::fs::set_permissions(path, group).map_err(within)?;
                Ok(Self {
                    socket: Socket::Unix { unix, _file: file },
                    address: listen.clone(),
                })
            }
        }
    }

    /// Where it listens, with the port that it got.
    pub fn address(&self) -> &Listen {
        &self.address
    }

    /// The TCP address, unless it is a unix socket.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(tcp) => tcp.local_addr().ok(),
            Socket::Unix { .. } => None,
        }
    }

    async fn accept(&self) -> io::Result<EitherStream<TcpStream, UnixStream>> {
        Ok(match &self.socket {
            Socket::Tcp(tcp) => EitherStream::Tcp(tcp.accept().await?.0),
            Socket::Unix { unix, .. } => EitherStream::Unix(unix.accept().await?.0),
        })
    }
}

/// Removes a socket that a killed process left behind.
async fn clear(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file that is no socket; remove it or choose another path",
            ));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full backlog (WouldBlock) and a forbidden socket have an owner too.
        Ok(_) | Err(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process answers there; stop it or choose another path",
        )),
    }
}

/// Serves every connection with the callbacks that `callbacks` makes for its line, until `stop` turns
/// true (or its sender is gone): then nothing is accepted any more, sessions without a mail in hand end
/// at once, the others when it is done, at the latest after [`GRACE`].
pub async fn serve<T: Send + 'static>(
    bound: Bound,
    max_connections: usize,
    stop: watch::Receiver<bool>,
    callbacks: impl Fn(Arc<Line>) -> Callbacks<T>,
) {
    let permits = Arc::new(Semaphore::new(max_connections));
    let sessions = TaskTracker::new();
    let (mut full, mut failed) = (Complaint::default(), Complaint::default());
    info!(listen = %bound.address(), event = "listening");
    loop {
        let next = async {
            let permit = permit(&permits, &mut full).await;
            (permit, bound.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = stopped(stop.clone()) => break,
        };
        match accepted {
            Ok(stream) => {
                let line = Line::new();
                let callbacks = callbacks(line.clone());
                let stop = stop.clone();
                sessions.spawn(async move {
                    session(
                        Wire::new(stream, line.clone()),
                        callbacks,
                        stopping(stop, line),
                    )
                    .await;
                    drop(permit);
                });
            }
            Err(e) => {
                if failed.is_due(Instant::now()) {
                    error!(error = %e, event = "accept", "cannot accept a connection of the MTA; trying again");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
    drop(bound);
    info!(sessions = sessions.len(), event = "stopped-listening");
    sessions.close();
    sessions.wait().await;
}

async fn permit(permits: &Arc<Semaphore>, full: &mut Complaint) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = permits.clone().try_acquire_owned() {
        return Some(permit);
    }
    if full.is_due(Instant::now()) {
        warn!(
            event = "max-connections",
            "milter.max_connections reached: the MTA's next connections wait"
        );
    }
    // None: the semaphore is closed, which nobody does.
    permits.clone().acquire_owned().await.ok()
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // Err: whoever could stop us is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn stopping(stop: watch::Receiver<bool>, line: Arc<Line>) {
    stopped(stop).await;
    if tokio::time::timeout(GRACE, line.idle()).await.is_err() {
        warn!(
            event = "cut-off",
            "a mail is still in hand after {GRACE:?}: its session is closed, the MTA will try again"
        );
    }
}

/// One session: indymilter with one connection, so that its callbacks know their line.
async fn session<T: Send + 'static>(
    wire: Wire,
    callbacks: Callbacks<T>,
    stop: impl Future<Output = ()>,
) {
    let (over, is_over) = oneshot::channel();
    let listener = One {
        wire: Some(wire),
        over: Some(over),
    };
    let config = Config {
        max_connections: 1,
        connection_timeout: PAUSE,
        ..Config::default()
    };
    let shutdown = async {
        tokio::select! {
            _ = is_over => {}
            () = stop => {}
        }
    };
    if let Err(e) = indymilter::run(listener, callbacks, config, shutdown).await {
        debug!(error = %e, "session ended");
    }
}

/// A listener of one connection. With one connection allowed at a time, indymilter asks for the second
/// when the first is over.
struct One {
    wire: Option<Wire>,
    over: Option<oneshot::Sender<()>>,
}

impl Listener for One {
    type Io = Wire;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Wire>> {
        match self.wire.take() {
            Some(wire) => Poll::Ready(Ok(wire)),
            None => {
                self.over.take();
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_given_back() {
        let check = |text: &str, shown: &str| {
            let listen = Listen::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(listen.to_string(), shown, "{text}");
            assert_eq!(Listen::parse(shown), Ok(listen), "{text}");
        };
        check("inet:127.0.0.1:8895", "inet:127.0.0.1:8895");
        check("inet:8895@127.0.0.1", "inet:127.0.0.1:8895");
        check("inet:8895@localhost", "inet:localhost:8895");
        check("inet:milter_1.example.com:1", "inet:milter_1.example.com:1");
        check("inet:[::1]:8895", "inet:[::1]:8895");
        check("inet:8895@::1", "inet:[::1]:8895");
        check("inet6:8895@[::1]", "inet:[::1]:8895");
        check("inet:127.0.0.1:0", "inet:127.0.0.1:0");
        check(
            "unix:/run/sms-milter/milter.sock",
            "unix:/run/sms-milter/milter.sock",
        );
        check("local:/run/a b:c", "unix:/run/a b:c");
    }

    #[test]
    fn a_wrong_place_is_refused_with_what_to_write() {
        let check = |text: &str, part: &str| {
            let e = Listen::parse(text).expect_err(text);
            assert!(e.contains(part), "{text}: {e}");
            assert!(e.contains("; write "), "{text}: {e}");
        };
        check("", "is not a place");
        check("8895", "is not a place");
        check("127.0.0.1:8895", "is not a place");
        check("tcp:127.0.0.1:8895", "is not a place");
        check("inet:8895", "write inet:127.0.0.1:8895");
        check("inet:127.0.0.1:65536", "is not a port");
        check("inet:127.0.0.1:x", "is not a port");
        check("inet:127.0.0.1:", "is not a port");
        check("inet::8895", "is not a host");
        check("inet:8895@", "is not a host");
        check("inet:[127.0.0.1]:8895", "is not a host");
        check("inet:a b:8895", "is not a host");
        check("unix:milter.sock", "not an absolute path");
        check("unix:", "not an absolute path");
        check(&format!("unix:/{}", "x".repeat(107)), "107 octets");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(inet:|unix:|)\\PC{0,40}") {
            if let Ok(listen) = Listen::parse(&text) {
                proptest::prop_assert_eq!(Listen::parse(&listen.to_string()), Ok(listen));
            }
        }
    }

    fn unix(directory: &tempfile::TempDir) -> (Listen, PathBuf) {
        let path = directory.path().join("milter.sock");
        (Listen::Unix { path: path.clone() }, path)
    }

    #[tokio::test]
    async fn a_unix_socket_is_for_the_group_and_goes_with_us() {
        let directory = tempfile::tempdir().expect("a directory");
        let (listen, path) = unix(&directory);
        let bound = Bound::new(&listen).await.expect("bound");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(bound);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let (listen, path) = unix(&directory);
        drop(std::os::unix::net::UnixListener::bind(&path).expect("bound"));
        assert!(path.exists(), "a killed process leaves its socket");
        let bound = Bound::new(&listen).await.expect("replaced");

        let error = |result: io::Result<Bound>| result.err().expect("refused").to_string();
        let live = error(Bound::new(&listen).await);
        assert!(live.contains("another process answers"), "{live}");
        drop(bound);

        std::fs::write(&path, "precious").expect("written");
        let file = error(Bound::new(&listen).await);
        assert!(file.contains("no socket"), "{file}");
        assert_eq!(std::fs::read(&path).expect("there"), b"precious");
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let (listen, path) = unix(&directory);
        let first = Bound::new(&listen).await.expect("bound");
        std::fs::rename(&path, directory.path().join("old")).expect("moved");
        let second = Bound::new(&listen).await.expect("bound");
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = Bound::new(&Listen::parse("inet:127.0.0.1:0").expect("good"))
            .await
            .expect("bound");
        let e = Bound::new(first.address())
            .await
            .err()
            .expect("taken")
            .to_string();
        assert!(
            e.starts_with(&format!("cannot listen at {}: ", first.address())),
            "{e}"
        );
    }
}
