//! Ports of the loopback interface for servers that are told theirs before they open it. A port that the kernel gave
//! and took back may be somebody else's by then: these are below those that it gives, and claimed in the place where
//! `contrib/demo/sandbox.sh` claims its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The kernel gives 32768 and up.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Claims are links, PORT -> DIR; one whose directory is gone is void.
fn claims() -> PathBuf {
    let shared = PathBuf::from("/run/sms-milter-ports");
    if fs::create_dir_all(&shared).is_ok() && File::create(shared.join("lock")).is_ok() {
        return shared;
    }
    // Not as root: among ourselves at least.
    let own = std::env::temp_dir().join("sms-milter-ports");
    fs::create_dir_all(&own).expect("a directory");
    own
}

/// Free ports, nobody else's as long as `dir` is there.
pub fn claim<const N: usize>(dir: &Path) -> [u16; N] {
    let claims = claims();
    let lock = File::create(claims.join("lock")).expect("a lock");
    // As flock(1): let go when it is closed.
    lock.lock().expect("a lock");
    [(); N].map(|()| {
        loop {
            let port = rand::random_range(PORTS);
            let claim = claims.join(port.to_string());
            if claim.exists() || TcpListener::bind(("127.0.0.1", port)).is_err() {
                continue;
            }
            // What is left of one that is void.
            let _ = fs::remove_file(&claim);
            symlink(dir, &claim).expect("a claim");
            return port;
        }
    })
}
