//! What the product asks of the outside: the time, randomness, and a serial line.
//!
//! Everything below the assembly gets its [`World`] handed in, so a test can stop the clock, seed the
//! randomness and plug a simulated modem into the serial port.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::sms::MessageId;

/// Wall-clock time. For deadlines on the wire use `tokio::time` or `std::time::Instant`.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Randomness that nobody can guess.
pub trait Random: Send + Sync {
    /// Fills `octets`.
    fn fill(&self, octets: &mut [u8]);
}

/// A byte stream with two directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens lines to modems.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Opens the serial port `device` (a path), 8N1, for ourselves alone.
    async fn serial(&self, device: &str, baud: u32) -> io::Result<Box<dyn Stream>>;

    /// The ports where a modem may be, stable names first.
    fn ports(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The three together; cheap to clone.
#[derive(Clone)]
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Serial ports.
    pub dial: Arc<dyn Dial>,
}

impl World {
    /// The system's clock, the operating system's randomness, real ports.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            dial: Arc::new(Ports),
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new message id of now.
    pub fn message_id(&self) -> MessageId {
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let millis = u64::try_from(self.now().as_millisecond()).unwrap_or(0);
        MessageId::new(millis, random)
    }

    /// A random octet, as a concatenation reference.
    pub fn octet(&self) -> u8 {
        let mut octet = [0];
        self.random.fill(&mut octet);
        octet[0]
    }

    /// A random factor between 0.5 and 1.5, so that what failed together does not come back together.
    pub fn jitter(&self) -> f64 {
        0.5 + f64::from(self.octet()) / 255.0
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, octets: &mut [u8]) {
        use rand::TryRngCore;
        // Without randomness ids collide and messages overwrite each other: rather stop.
        rand::rngs::OsRng
            .try_fill_bytes(octets)
            .expect("the operating system has no randomness");
    }
}

struct Ports;

#[async_trait]
impl Dial for Ports {
    async fn serial(&self, device: &str, baud: u32) -> io::Result<Box<dyn Stream>> {
        use tokio_serial::SerialPortBuilderExt;
        let port = tokio_serial::new(device, baud)
            .open_native_async()
            .map_err(io::Error::from)?;
        Ok(Box::new(port))
    }

    fn ports(&self) -> Vec<String> {
        let mut ports = listed("/dev/serial/by-id", "");
        ports.extend(listed("/dev", "ttyUSB"));
        ports.extend(listed("/dev", "ttyACM"));
        ports
    }
}

/// A machine with more modems than this names them in its configuration.
const MAX_PORTS: usize = 256;

/// The paths in a directory whose names begin so, sorted; none when it cannot be read.
fn listed(directory: &str, start: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .filter_map(|entry| entry.path().into_os_string().into_string().ok());
    let mut paths: Vec<String> = paths.take(MAX_PORTS).collect();
    paths.sort();
    paths
}
