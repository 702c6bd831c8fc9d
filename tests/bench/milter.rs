//! What the product adds to a milter that does nothing but delete the SMS recipients.
//!
//!     cargo bench --bench milter            # all, one after the other
//!
//! 20 connections send 10,000 mails of 1 KB, each with one SMS recipient, a number, a text and a
//! Message-ID of its own, to (a) a milter on the same listener that says DELRCPT and ACCEPT at once, (b)
//! the product with its store on disk and a gateway that sends 10 segments a second, as the fastest
//! modems and many providers do, and (c) the same with a gateway that sends at once, so that the sending
//! of all that is taken runs beside the taking. Printed for each: mails/s, the time from the end of a
//! message to the answer (p50, p99), the peak memory of the process (VmHWM; it only grows), and the
//! ratio to (a).
//!
//! The milter is a process of its own, and the client has a thread for each connection, as an MTA has a
//! process for each. It writes frames that are made beforehand and reads only the kind of each answer, so
//! that it costs the same for both and little. All share the machine: on few cores the figures compare, and
//! do not stand alone.

use std::ffi::CString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use indymilter::{Actions, Callbacks, ContextActions, ProtoOpts, Status};
use sms_milter::milter::listen::{self, Bound, Listen};
use tokio::sync::watch;

mod product;

const MAILS: usize = 10_000;
const CONNECTIONS: usize = 20;
/// The argument that makes a process the milter of that name.
const SERVE: &str = "serve";
const BARE: &str = "deletes only";
const PRODUCT: &str = "sms-milter";
const SENDING: &str = "and sending";
/// Octets of header and body together.
const SIZE: usize = 1024;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, subject, dir] = args.as_slice()
        && serve == SERVE
    {
        return serve_one(subject, Path::new(dir));
    }
    let dir = tempfile::tempdir().expect("a directory");
    // A name after `--` runs only what is called so, for a profiler.
    let only = args.iter().find(|arg| !arg.starts_with('-'));
    let mails = Arc::new((0..MAILS).map(Mail::new).collect::<Vec<_>>());
    let mut bare = f64::NAN;
    for name in [BARE, PRODUCT, SENDING] {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let rate = run(name, Subject::start(name, dir.path()), &mails);
        if name == BARE {
            bare = rate;
        } else {
            println!("{:>14} {:.2}", "ratio", rate / bare);
        }
    }
}

/// A milter in a process of its own, as it is beside an MTA. Dropped, it is killed.
struct Subject {
    process: Child,
    address: SocketAddr,
}

impl Subject {
    fn start(name: &str, dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("Linux"))
            .args([SERVE, name])
            .arg(dir.join(name))
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("its address");
        let address = line.trim().parse().expect("its address");
        Self { process, address }
    }

    /// VmHWM in KiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.expect("VmHWM").trim().trim_end_matches(" kB");
        number.parse().expect("a number")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::main]
async fn serve_one(name: &str, dir: &Path) {
    let address = match name {
        BARE => deleter().await,
        PRODUCT => product(dir, "throughput: 10, ").await,
        _ => product(dir, "").await,
    };
    println!("{address}");
    std::future::pending::<()>().await;
}

/// The product with its store below `dir`, until this process ends; its milter's address.
async fn product(dir: &Path, throughput: &str) -> SocketAddr {
    std::fs::create_dir(dir).expect("a directory");
    let lab = format!("[{{ id: lab, type: simulated, {throughput}number: \"+15550009999\" }}]");
    let (run, address) = product::start(dir, &lab).await;
    // Dropped, it would be a stop.
    std::mem::forget(run);
    address
}

/// A milter that deletes every recipient and does nothing else.
async fn deleter() -> SocketAddr {
    let bound = Bound::new(&Listen::parse("inet:127.0.0.1:0").expect("a place"))
        .await
        .expect("a port");
    let address = bound.socket_addr().expect("TCP");
    tokio::spawn(async move {
        // Dropped, it would be a stop.
        let (_run, stop) = watch::channel(false);
        listen::serve(bound, 1_000, stop, |_| deleting()).await;
    });
    address
}

fn deleting() -> Callbacks<CString> {
    Callbacks::new()
        .on_negotiate(|cx, _, opts| {
            let wanted = ProtoOpts::NO_HELO
                | ProtoOpts::NO_UNKNOWN
                | ProtoOpts::NOREPLY_HEADER
                | ProtoOpts::NOREPLY_EOH
                | ProtoOpts::SKIP;
            cx.requested_actions = Actions::DELETE_RCPT;
            cx.requested_opts = opts & wanted;
            Box::pin(async { Status::Continue })
        })
        .on_rcpt(|cx, mut arguments| {
            cx.data = Some(arguments.swap_remove(0));
            Box::pin(async { Status::Continue })
        })
        .on_header(|_, _, _| Box::pin(async { Status::Noreply }))
        .on_eoh(|_| Box::pin(async { Status::Noreply }))
        .on_eom(|cx| {
            Box::pin(async {
                let recipient = cx.data.take().expect("a recipient");
                let done = cx.actions.delete_recipient(recipient).await;
                done.expect("written");
                Status::Accept
            })
        })
}

/// Sends the mails; mails a second.
fn run(name: &str, subject: Subject, mails: &Arc<Vec<Mail>>) -> f64 {
    let began = Instant::now();
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let (mails, address) = (mails.clone(), subject.address);
            thread::spawn(move || send(address, &mails, first))
        })
        .collect();
    let times = senders
        .into_iter()
        .map(|sender| sender.join().expect("sent"));
    let mut times: Vec<Duration> = times.flatten().collect();
    let rate = MAILS as f64 / began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "{name:>12}: {rate:>8.0} mails/s, end of message p50 {:?}, p99 {:?}, VmHWM {} KiB",
        at(0.5),
        at(0.99),
        subject.peak_memory()
    );
    rate
}

/// A mail as the frames between two waits for an answer.
struct Mail {
    envelope: [Vec<u8>; 3],
    content: Vec<u8>,
    end: Vec<u8>,
}

impl Mail {
    fn new(n: usize) -> Self {
        let queue_id = format!("4Bench{n:07}");
        let sms = format!("<+1212{:07}@sms.example.com>", 2_000_000 + n);
        let id = macros(b'E', &["i", &queue_id]);
        let mail_macros = macros(
            b'M',
            &["j", "mail.example.com", "{mail_addr}", "bob@example.com"],
        );
        let header: [(&str, String); 4] = [
            ("From", "bob@example.com".into()),
            ("To", sms.clone()),
            ("Subject", format!("bench {n}")),
            ("Message-ID", format!("<{n}@bench.example.com>")),
        ];
        let mut content = Vec::new();
        let mut octets = 0;
        for (name, value) in &header {
            content.extend(strings(b'L', &[name, value]));
            octets += name.len() + value.len() + 4;
        }
        content.extend(frame(b'N', b""));
        // A short text and a signature that is cut off, so that the mail is 1 KB and the SMS is one.
        let mut body = format!("bench number {n}: the disk of host-{n} is full\r\n-- \r\n");
        while body.len() + octets < SIZE {
            body.push_str("Example Monitoring, Example Street 1, Example City\r\n");
        }
        content.extend(frame(b'B', body.as_bytes()));
        Self {
            envelope: [
                [mail_macros, strings(b'M', &["<bob@example.com>"])].concat(),
                strings(b'R', &[&sms]),
                [macros(b'T', &["i", &queue_id]), frame(b'T', b"")].concat(),
            ],
            content,
            end: [id, frame(b'E', b"")].concat(),
        }
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 1).expect("short");
    [&len.to_be_bytes()[..], &[kind], payload].concat()
}

fn strings(kind: u8, strings: &[&str]) -> Vec<u8> {
    let payload: Vec<u8> = strings
        .iter()
        .flat_map(|s| [s.as_bytes(), b"\0"].concat())
        .collect();
    frame(kind, &payload)
}

fn macros(stage: u8, names_and_values: &[&str]) -> Vec<u8> {
    let strings = names_and_values
        .iter()
        .flat_map(|s| [s.as_bytes(), b"\0"].concat());
    let payload: Vec<u8> = std::iter::once(stage).chain(strings).collect();
    frame(b'D', &payload)
}

/// Every [`CONNECTIONS`]th mail from `first`, over one connection; the times of their ends.
fn send(address: SocketAddr, mails: &[Mail], first: usize) -> Vec<Duration> {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_nodelay(true).expect("TCP");
    let mut stream = BufReader::new(stream);
    let version = [0, 0, 0, 6];
    let actions = Actions::all().bits().to_be_bytes();
    let opts = ProtoOpts::all().bits().to_be_bytes();
    ask(
        &mut stream,
        &frame(b'O', &[version, actions, opts].concat()),
        b'O',
    );
    let connect = [
        &b"client.example.com\x004"[..],
        &40_123_u16.to_be_bytes(),
        b"127.0.0.1\0",
    ]
    .concat();
    ask(&mut stream, &frame(b'C', &connect), b'c');
    let mut times = Vec::new();
    for mail in mails.iter().skip(first).step_by(CONNECTIONS) {
        for command in &mail.envelope {
            ask(&mut stream, command, b'c');
        }
        ask(&mut stream, &mail.content, b'c');
        let began = Instant::now();
        ask(&mut stream, &mail.end, b'-');
        assert_eq!(kind(&mut stream), b'a', "accepted");
        times.push(began.elapsed());
        stream
            .get_mut()
            .write_all(&frame(b'A', b""))
            .expect("written");
    }
    stream
        .get_mut()
        .write_all(&frame(b'Q', b""))
        .expect("written");
    times
}

fn ask(stream: &mut BufReader<TcpStream>, command: &[u8], expected: u8) {
    stream.get_mut().write_all(command).expect("written");
    let answer = kind(stream);
    assert_eq!(
        char::from(answer),
        char::from(expected),
        "to {:?}",
        char::from(command[4])
    );
}

/// The kind of the next answer; the rest of it is read over.
fn kind(stream: &mut BufReader<TcpStream>) -> u8 {
    let mut head = [0; 5];
    stream.read_exact(&mut head).expect("an answer");
    let [length @ .., kind] = head;
    let mut rest = [0; 1024];
    let rest = &mut rest[..u32::from_be_bytes(length) as usize - 1];
    stream.read_exact(rest).expect("an answer");
    kind
}
