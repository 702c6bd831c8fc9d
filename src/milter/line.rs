//! The line of one milter session: the stream from the MTA, and what only the stream can tell.
//!
//! indymilter swallows the ABORTs that follow an end of message and calls `close` for QUIT and for a
//! cut connection alike. Whether a mail ended in order is therefore read off the stream here: the
//! first whole command after the answer to an end of message says that the MTA went on. CONNECT is read
//! here too: Sendmail writes `IPv6:` before an address, which indymilter takes for an error of protocol
//! and ends the session (every mail of an IPv6 client got 451).
//!
//! Never changes an octet. On TCP it sends what is written at once (TCP_NODELAY) and acknowledges what
//! was read at once (TCP_QUICKACK, which the kernel forgets, hence after every read): without them a
//! mail takes 92 ms with Postfix and 180 ms with Sendmail.
//!
//! Limits: a command that has begun is whole within [`COMMAND_TIME`]; its size is limited by
//! indymilter (1 MiB); the pause between two commands by [`super::listen`].

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use indymilter::EitherStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};

use crate::outbound::Client;

/// An MTA writes a command at once; what takes longer is a dead peer or a hostile one.
pub const COMMAND_TIME: Duration = Duration::from_secs(60);

/// SMFIC_CONNECT.
const CONNECT: u8 = b'C';
/// SMFIC_MACRO, which announces a command and is none itself.
const MACROS: u8 = b'D';
/// SMFIC_BODYEOB, the end of the message.
const END: u8 = b'E';

/// A host name (255 octets), a family, a port, an address.
const MAX_CONNECT: usize = 512;

type Hook = Box<dyn FnOnce() + Send>;

/// What the stream and the callbacks of one session know of each other.
pub struct Line {
    client: Mutex<Client>,
    last: AtomicU8,
    is_cut: AtomicBool,
    mail: watch::Sender<bool>,
    next: Mutex<Option<Hook>>,
}

impl Line {
    /// A line on which nothing has been said.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            client: Mutex::new(Client::Unknown),
            last: AtomicU8::new(0),
            is_cut: AtomicBool::new(false),
            mail: watch::Sender::new(false),
            next: Mutex::new(None),
        })
    }

    /// Who has connected to the MTA.
    pub fn client(&self) -> Client {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a mail is in hand: the session is not closed by a stop until it is not.
    pub fn set_mail(&self, in_hand: bool) {
        self.mail.send_replace(in_hand);
    }

    /// Returns when no mail is in hand.
    pub async fn idle(&self) {
        // The sender is a field: it outlives the wait.
        let _ = self.mail.subscribe().wait_for(|in_hand| !in_hand).await;
    }

    /// Runs `hook` when the MTA sends its next command, and never if it sends none.
    pub fn at_next_command(&self, hook: impl FnOnce() + Send + 'static) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// Nothing is read or written any more: the MTA sees a connection that breaks, and falls back to
    /// what it does without us.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    /// The last whole command was the end of the message.
    pub fn is_at_end(&self) -> bool {
        self.last.load(Ordering::Acquire) == END
    }

    /// A command has arrived whole.
    fn command(&self, kind: u8, payload: &[u8]) {
        match kind {
            MACROS => return,
            CONNECT => {
                *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client(payload)
            }
            _ => {}
        }
        self.last.store(kind, Ordering::Release);
        let hook = self
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

/// The client of a CONNECT: its name and NUL, the family, the port, the address and NUL. Postfix pickup
/// says 127.0.0.1 and port 0, which no client of a network can have.
fn client(payload: &[u8]) -> Client {
    let Some((family, port, address)) = parse_connect(payload) else {
        return Client::Unknown;
    };
    let address = match family {
        b'4' | b'6' => address,
        _ => return Client::Unknown,
    };
    let address = match address.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("IPv6:") => &address[5..],
        _ => address,
    };
    match address.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip) if ip.is_loopback() && port == 0 => Client::Local,
        Ok(ip) => Client::Ip(ip),
        Err(_) => Client::Unknown,
    }
}

fn parse_connect(payload: &[u8]) -> Option<(u8, u16, &str)> {
    let name = payload.iter().position(|&octet| octet == 0)?;
    let (&[family, high, low], address) = payload.get(name + 1..)?.split_first_chunk()?;
    let address = address.split(|&octet| octet == 0).next()?;
    Some((
        family,
        u16::from_be_bytes([high, low]),
        std::str::from_utf8(address).ok()?,
    ))
}

/// Where commands end: a length (32 bits, network order) that counts the kind and the payload, the
/// kind, the payload. A length of 0 is read as 1, as indymilter does.
#[derive(Debug, Default)]
struct Frames {
    head: [u8; 5],
    have: usize,
    left: u32,
    /// The payload of CONNECT, of no other command.
    kept: Vec<u8>,
}

impl Frames {
    /// Takes `octets` and calls `whole` with the kind of each command that they complete, and with
    /// the payload of CONNECT.
    fn read(&mut self, mut octets: &[u8], mut whole: impl FnMut(u8, &[u8])) {
        while !octets.is_empty() {
            if self.have < self.head.len() {
                let n = octets.len().min(self.head.len() - self.have);
                self.head[self.have..self.have + n].copy_from_slice(&octets[..n]);
                self.have += n;
                octets = &octets[n..];
                if self.have < self.head.len() {
                    return;
                }
                let [a, b, c, d, _] = self.head;
                self.left = u32::from_be_bytes([a, b, c, d]).saturating_sub(1);
            } else {
                let n = octets
                    .len()
                    .min(usize::try_from(self.left).unwrap_or(usize::MAX));
                if self.head[4] == CONNECT {
                    let room = MAX_CONNECT - self.kept.len();
                    self.kept.extend_from_slice(&octets[..n.min(room)]);
                }
                octets = &octets[n..];
                // n ≤ left, so it fits.
                self.left -= u32::try_from(n).unwrap_or(self.left);
            }
            if self.left == 0 {
                self.have = 0;
                whole(self.head[4], &self.kept);
                self.kept.clear();
            }
        }
    }

    /// A command has begun and is not whole.
    fn is_inside(&self) -> bool {
        self.have > 0
    }
}

/// For the fuzzer: the commands that these pieces complete, the client they name, and the octets that are kept.
#[cfg(fuzzing)]
pub fn commands<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Client, usize) {
    let (line, mut frames, mut kinds) = (Line::new(), Frames::default(), Vec::new());
    for piece in pieces {
        frames.read(piece, |kind, payload| {
            line.command(kind, payload);
            kinds.push(kind);
        });
    }
    (kinds, line.client(), frames.kept.len())
}

/// The stream of one session.
pub struct Wire {
    io: EitherStream<TcpStream, UnixStream>,
    line: Arc<Line>,
    frames: Frames,
    command_time: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// Takes a connection from the MTA.
    pub(super) fn new(io: EitherStream<TcpStream, UnixStream>, line: Arc<Line>) -> Self {
        if let EitherStream::Tcp(tcp) = &io {
            // Fails only on a connection that is already gone.
            let _ = tcp.set_nodelay(true);
        }
        Self {
            io,
            line,
            frames: Frames::default(),
            command_time: COMMAND_TIME,
            deadline: None,
        }
    }

    fn note(&mut self, octets: &[u8]) {
        if let EitherStream::Tcp(tcp) = &self.io {
            let _ = tcp.set_quickack(true);
        }
        let mut is_whole = false;
        let line = &self.line;
        self.frames.read(octets, |kind, payload| {
            is_whole = true;
            line.command(kind, payload);
        });
        if is_whole {
            self.deadline = None;
        }
    }

    /// The time of the command that has begun is up.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.frames.is_inside() {
            return false;
        }
        let command_time = self.command_time;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(command_time)));
        deadline.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.line.is_cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut wire.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                wire.note(&buf.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Pending if wire.poll_late(cx) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            other => other,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.line.is_cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut wire.io).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len() + 1).expect("short");
        [&len.to_be_bytes()[..], &[kind], payload].concat()
    }

    fn kinds(chunks: &[&[u8]]) -> Vec<u8> {
        let mut frames = Frames::default();
        let mut kinds = Vec::new();
        for chunk in chunks {
            frames.read(chunk, |kind, _| kinds.push(kind));
        }
        kinds
    }

    #[test]
    fn frames_are_found() {
        let check = |octets: &[u8], expected: &[u8]| {
            assert_eq!(kinds(&[octets]), expected, "{octets:x?}");
            let singly: Vec<&[u8]> = octets.chunks(1).collect();
            assert_eq!(kinds(&singly), expected, "{octets:x?} octet by octet");
        };
        check(b"", b"");
        check(b"\0\0\0\x01Q", b"Q");
        check(b"\0\0\0\0Q\0\0\0\x01A", b"QA"); // a length of 0 is 1
        check(b"\0\0\0\x03Bxy\0\0\0\x01E", b"BE");
        check(b"\0\0\0\x03Bx", b"");
        check(b"\xff\xff\xff\xffUNKNOWN", b"");
    }

    #[test]
    fn clients_are_read_as_either_mta_writes_them() {
        let check = |family: u8, port: u16, address: &str, expected: Client| {
            let payload = [
                b"mx.example.net\0",
                &[family][..],
                &port.to_be_bytes(),
                address.as_bytes(),
                b"\0",
            ];
            assert_eq!(client(&payload.concat()), expected, "{address}");
        };
        let ip = |address: &str| Client::Ip(address.parse().expect("an address"));
        check(b'4', 40_123, "192.0.2.1", ip("192.0.2.1"));
        check(b'6', 40_123, "2001:db8::1", ip("2001:db8::1"));
        check(b'6', 40_123, "IPv6:2001:db8:0:0:0:0:0:1", ip("2001:db8::1")); // Sendmail
        check(b'6', 40_123, "::ffff:192.0.2.1", ip("192.0.2.1"));
        check(b'4', 0, "127.0.0.1", Client::Local); // Postfix pickup
        check(b'4', 40_123, "127.0.0.1", ip("127.0.0.1"));
        check(b'4', 0, "192.0.2.1", ip("192.0.2.1"));
        check(b'L', 0, "/run/socket", Client::Unknown);
        check(b'4', 25, "nonsense", Client::Unknown);
        for payload in [
            &b""[..],
            b"\0",
            b"localhost\0U",
            b"localhost\x004",
            b"localhost",
            b"a\x004\0\x19",
        ] {
            assert_eq!(client(payload), Client::Unknown, "{payload:?}");
        }
    }

    proptest! {
        #[test]
        fn any_connect_is_read(payload in prop::collection::vec(any::<u8>(), 0..600)) {
            let line = Line::new();
            let mut frames = Frames::default();
            frames.read(&frame(CONNECT, &payload), |kind, payload| line.command(kind, payload));
            prop_assert_eq!(line.client(), client(&payload[..payload.len().min(MAX_CONNECT)]));
            prop_assert!(frames.kept.is_empty());
        }

        #[test]
        fn frames_do_not_depend_on_the_chunks(
            commands in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            size in 1_usize..50,
        ) {
            let octets: Vec<u8> = commands.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect();
            let expected: Vec<u8> = commands.iter().map(|(kind, _)| *kind).collect();
            let chunks: Vec<&[u8]> = octets.chunks(size).collect();
            prop_assert_eq!(kinds(&chunks), expected);
        }

        #[test]
        fn frames_take_any_octets(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = kinds(&[&octets]);
        }
    }

    fn pair() -> (UnixStream, Wire, Arc<Line>) {
        let (mta, ours) = UnixStream::pair().expect("a pair");
        let line = Line::new();
        (mta, Wire::new(EitherStream::Unix(ours), line.clone()), line)
    }

    async fn read(wire: &mut Wire) {
        assert_ne!(wire.read(&mut [0; 64]).await.expect("read"), 0);
    }

    #[tokio::test]
    async fn the_next_command_is_told_once_and_macros_are_none() {
        let (mut mta, mut wire, line) = pair();
        let told = Arc::new(AtomicUsize::new(0));
        mta.write_all(&frame(b'E', b"")).await.expect("written");
        read(&mut wire).await;
        assert!(line.is_at_end());
        let count = told.clone();
        line.at_next_command(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });

        mta.write_all(&frame(b'D', b"Mi\0x\0"))
            .await
            .expect("written");
        read(&mut wire).await;
        assert_eq!(told.load(Ordering::SeqCst), 0);
        assert!(line.is_at_end());

        mta.write_all(&[frame(b'A', b""), frame(b'A', b"")].concat())
            .await
            .expect("written");
        read(&mut wire).await;
        assert_eq!(told.load(Ordering::SeqCst), 1);
        assert!(!line.is_at_end());
    }

    #[tokio::test]
    async fn a_cut_connection_tells_nothing() {
        let (mut mta, mut wire, line) = pair();
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        line.at_next_command(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        mta.write_all(b"\0\0\0").await.expect("written");
        drop(mta);
        let mut octets = Vec::new();
        wire.read_to_end(&mut octets).await.expect("read");
        drop((wire, line));
        assert_eq!(told.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_line_that_is_cut_neither_reads_nor_writes() {
        let (mut mta, mut wire, line) = pair();
        mta.write_all(b"\0\0\0\x01Q").await.expect("written");
        line.cut();
        assert!(wire.write(b"x").await.is_err());
        assert!(wire.read(&mut [0; 9]).await.is_err());
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_given_up_and_a_pause_is_not() {
        let (mut mta, mut wire, _line) = pair();
        wire.command_time = Duration::from_millis(30);
        mta.write_all(&frame(b'A', b"")).await.expect("written");
        read(&mut wire).await;
        let pause = tokio::time::timeout(wire.command_time * 3, wire.read(&mut [0; 64])).await;
        assert!(
            pause.is_err(),
            "a pause between commands is the MTA's right"
        );

        mta.write_all(b"\0\0\0\x09B").await.expect("written");
        read(&mut wire).await;
        let late = wire.read(&mut [0; 64]).await.expect_err("late");
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
