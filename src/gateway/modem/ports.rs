//! Which port a modem is at: one gateway a port, and a modem that was renumbered is found again.
//!
//! A port is asked who is there (`AT`, IMEI, ICCID) only when its own gateway does not have it open;
//! nothing else is written to a port before it is known to be ours.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Settings;
use super::identity::Identity;
use crate::gateway::drive::Line;
use crate::wire::at::{self, At, Command};
use crate::world::{Stream, World};

/// A port that is asked who is there has so long; ports that are no modem's are silent.
const ASKING: Duration = Duration::from_secs(8);

/// For each answer, and for the SIM of a modem that starts.
const ANSWER: Duration = Duration::from_secs(3);

/// A port that another gateway has is tried again: when modems have changed names, each gateway finds
/// out about its own port in a second or two, and then leaves it.
const AGAIN: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The right to a port, until it is dropped. There is one for each port in this process, whatever
/// names the port has.
#[derive(Debug)]
pub(super) struct Claim(PathBuf);

static CLAIMED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

impl Claim {
    /// `None`: another gateway has it.
    pub(super) fn take(device: &str) -> Option<Self> {
        let port = real(device);
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        // Made only when it is ours: dropping one gives the port back.
        claimed.insert(port.clone()).then(|| Self(port))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.remove(&self.0);
    }
}

/// The port behind a name of it.
fn real(device: &str) -> PathBuf {
    std::fs::canonicalize(device).unwrap_or_else(|_| PathBuf::from(device))
}

/// An open port.
pub(super) struct Port {
    pub device: String,
    pub stream: Box<dyn Stream>,
    pub claim: Claim,
}

/// Opens a port for ourselves alone; why not, for people.
pub(super) async fn open(world: &World, device: &str, baud: u32) -> Result<Port, String> {
    let Some(claim) = Claim::take(device) else {
        return Err(format!("{device} is open for another gateway"));
    };
    match world.dial.serial(device, baud).await {
        Ok(stream) => Ok(Port {
            device: device.to_owned(),
            stream,
            claim,
        }),
        Err(error) => Err(format!("{device} cannot be opened: {error}")),
    }
}

/// Looks for a modem at all ports but that of the configuration; `is_ours` decides.
pub(super) async fn find(
    world: &World,
    settings: &Settings,
    at: &at::Settings,
    is_ours: impl Fn(&Identity) -> bool,
) -> Option<Port> {
    let mut seen = HashSet::from([real(&settings.device)]);
    let mut ports = world.dial.ports();
    ports.retain(|device| seen.insert(real(device)));
    for wait in AGAIN {
        sleep(wait).await;
        let mut taken = Vec::new();
        for device in ports {
            let Ok(port) = open(world, &device, settings.baud).await else {
                taken.push(device);
                continue;
            };
            let Port { stream, claim, .. } = port;
            let identity = ask(at, stream).await;
            if !identity.is_some_and(|identity| is_ours(&identity)) {
                continue;
            }
            // The claim stays, so that nobody comes between.
            if let Ok(stream) = world.dial.serial(&device, settings.baud).await {
                return Some(Port {
                    device,
                    stream,
                    claim,
                });
            }
        }
        ports = taken;
        if ports.is_empty() {
            break;
        }
    }
    None
}

/// Who is there? `None`: no modem.
async fn ask(at: &at::Settings, stream: Box<dyn Stream>) -> Option<Identity> {
    let short = at::Settings {
        timeout: at.timeout.min(ANSWER),
        ..at.clone()
    };
    let core = At::new(short, Instant::now().into_std());
    let mut line = Line::new(core, stream, ANSWER);
    line.command(Command::Open);
    let asked = timeout(ASKING, async {
        let mut imei = None;
        loop {
            match line.event().await.ok()? {
                at::Event::Modem(modem) => imei = modem.imei,
                at::Event::Sim(sim) => return Some(Identity { imei, sim }),
                at::Event::Dead(_) | at::Event::Parked(_) => return None,
                _ => {}
            }
        }
    });
    asked.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_claimed_once_under_all_its_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let port = folder.path().join("ttyUSB0");
        std::fs::write(&port, "").expect("a file");
        let name = folder.path().join("usb-modem");
        std::os::unix::fs::symlink(&port, &name).expect("a link");
        let (port, name) = (port.to_string_lossy(), name.to_string_lossy());
        let claim = Claim::take(&port).expect("free");
        assert!(Claim::take(&name).is_none());
        drop(claim);
        assert!(Claim::take(&name).is_some());
    }
}
