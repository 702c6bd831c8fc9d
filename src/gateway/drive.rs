//! Moves bytes between any [`Core`] and any [`Stream`], and wakes the core when it asks for it.
//!
//! A [`Line`] never interprets a byte and never reconnects. It has a write timeout of its own, because
//! a port with stuck flow control takes nothing and says nothing. A read of no bytes is the end of the
//! line: an unplugged port returns it for ever. Drop the line at once then, or the kernel gives the
//! device another name when it comes back.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

use crate::wire::Core;
use crate::world::Stream;

/// One read; a serial port seldom has more than a few hundred octets at a time.
const READ: usize = 4096;

/// Why a line is over.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The other end is gone.
    #[error("the line was disconnected")]
    Disconnected,
    /// It takes no more bytes.
    #[error("the line takes no bytes (flow control?)")]
    Stuck,
    /// The operating system's word.
    #[error("the line failed: {0}")]
    Io(#[from] std::io::Error),
}

/// A core on its stream.
pub struct Line<C> {
    core: C,
    read: ReadHalf<Box<dyn Stream>>,
    write: WriteHalf<Box<dyn Stream>>,
    out: BytesMut,
    write_timeout: Duration,
    write_by: Option<Instant>,
}

impl<C: Core> Line<C> {
    /// `write_timeout`: the line is stuck when it takes no byte for so long.
    pub fn new(core: C, stream: Box<dyn Stream>, write_timeout: Duration) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            core,
            read,
            write,
            out: BytesMut::new(),
            write_timeout,
            write_by: None,
        }
    }

    /// Tells the core what is wanted. Its bytes are written and its events told by [`Line::event`].
    pub fn command(&mut self, command: C::Command) {
        self.core.handle_command(command, now());
    }

    /// An event that is there already, without waiting.
    pub fn poll_event(&mut self) -> Option<C::Event> {
        self.core.poll_event()
    }

    /// The next event. May be dropped at any time: no byte is lost or written twice.
    pub async fn event(&mut self) -> Result<C::Event, LineError> {
        let mut buffer = [0; READ];
        loop {
            while let Some(bytes) = self.core.poll_transmit() {
                self.out.extend_from_slice(&bytes);
            }
            if let Some(event) = self.core.poll_event() {
                return Ok(event);
            }
            self.write_by = match self.out.is_empty() {
                true => None,
                false => Some(
                    self.write_by
                        .unwrap_or_else(|| Instant::now() + self.write_timeout),
                ),
            };
            let wake = self.core.poll_timeout().map(Instant::from_std);
            tokio::select! {
                n = self.read.read(&mut buffer) => match n? {
                    0 => return Err(LineError::Disconnected),
                    n => self.core.handle_input(buffer.get(..n).unwrap_or_default(), now()),
                },
                n = self.write.write(&self.out), if !self.out.is_empty() => match n? {
                    0 => return Err(LineError::Disconnected),
                    n => {
                        self.out.advance(n);
                        self.write_by = None;
                    }
                },
                () = until(self.write_by) => return Err(LineError::Stuck),
                () = until(wake) => self.core.handle_timeout(now()),
            }
        }
    }
}

/// Tokio's time, which tests can stop.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says back every byte as an event, and `late` a moment after its start.
    struct Parrot {
        heard: Vec<u8>,
        out: Vec<u8>,
        wake: Option<std::time::Instant>,
        late: bool,
    }

    impl Parrot {
        fn new(out: &[u8]) -> Self {
            let wake = Some(now() + MOMENT);
            Self {
                heard: Vec::new(),
                out: out.to_vec(),
                wake,
                late: false,
            }
        }
    }

    impl Core for Parrot {
        type Command = Vec<u8>;
        type Event = String;

        fn handle_input(&mut self, bytes: &[u8], _: std::time::Instant) {
            self.heard.extend_from_slice(bytes);
        }

        fn handle_command(&mut self, command: Vec<u8>, _: std::time::Instant) {
            self.out.extend(command);
        }

        fn handle_timeout(&mut self, _: std::time::Instant) {
            self.late = self.wake.take().is_some();
        }

        fn poll_transmit(&mut self) -> Option<Vec<u8>> {
            (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
        }

        fn poll_event(&mut self) -> Option<String> {
            if std::mem::take(&mut self.late) {
                return Some("late".to_owned());
            }
            (!self.heard.is_empty())
                .then(|| String::from_utf8_lossy(&std::mem::take(&mut self.heard)).into_owned())
        }

        fn poll_timeout(&self) -> Option<std::time::Instant> {
            self.wake
        }
    }

    const MOMENT: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn moves_bytes_both_ways_and_sees_the_end() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut line = Line::new(Parrot::new(b"hello"), Box::new(ours), PATIENCE);
        theirs.write_all(b"hi").await.expect("write");
        assert_eq!(line.event().await.expect("event"), "hi");
        assert_eq!(line.event().await.expect("event"), "late");
        line.command(b" there".to_vec());
        let mut heard = [0; 11];
        tokio::select! {
            event = line.event() => panic!("{event:?}"),
            read = theirs.read_exact(&mut heard) => drop(read.expect("read")),
        }
        assert_eq!(&heard, b"hello there");
        drop(theirs);
        assert!(matches!(line.event().await, Err(LineError::Disconnected)));
    }

    #[tokio::test]
    async fn gives_a_stuck_line_up() {
        let (ours, _theirs) = tokio::io::duplex(4);
        let mut line = Line::new(Parrot::new(b"more than fits"), Box::new(ours), PATIENCE);
        let start = Instant::now();
        assert_eq!(line.event().await.expect("event"), "late");
        assert!(matches!(line.event().await, Err(LineError::Stuck)));
        assert!(start.elapsed() >= PATIENCE);
    }
}
