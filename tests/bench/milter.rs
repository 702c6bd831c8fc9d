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
//! The client writes frames that are made beforehand and reads only the kind of each answer, so that it
//! costs the same for both and little. It runs in the same process: on few cores the figures compare,
//! and do not stand alone.

use std::ffi::CString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indymilter::{Actions, Callbacks, ContextActions, ProtoOpts, Status};
use sms_milter::Addresses;
use sms_milter::milter::listen::{self, Bound, Listen};
use sms_milter::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

const MAILS: usize = 10_000;
const CONNECTIONS: usize = 20;
/// Octets of header and body together.
const SIZE: usize = 1024;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().expect("a directory");
    // A name after `--` runs only what is called so, for a profiler.
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let bare = match wanted("deletes only") {
        true => run("deletes only", deleter().await).await,
        false => f64::NAN,
    };
    let products = [("sms-milter", "throughput: 10, "), ("and sending", "")];
    for (name, throughput) in products.into_iter().filter(|(name, _)| wanted(name)) {
        let address = product(&dir.path().join(name), throughput).await;
        let rate = run(name, address).await;
        println!("{:>14} {:.2}", "ratio", rate / bare);
    }
}

/// The product with its store below `dir`; its milter's address.
async fn product(dir: &Path, throughput: &str) -> SocketAddr {
    std::fs::create_dir(dir).expect("a directory");
    let config = format!(
        r#"
hostname: bench.test
milter: {{ listen: "inet:127.0.0.1:0" }}
addresses: {{ domains: [{{ mail: example.com, sms: sms.example.com, region: US }}] }}
access: {{ trusted_networks: ["127.0.0.0/8"], defaults: {{ monthly_limit: 0 }} }}
users: [{{ email: bob@example.com, nickname: bob }}]
gateways: [{{ id: lab, type: simulated, {throughput}number: "+15550009999" }}]
mail: {{ inject: "smtp://127.0.0.1:9", admin: postmaster@example.com }}
store: sled:store
web: {{ listen: 127.0.0.1:0 }}
"#
    );
    let path = dir.join("config.yaml");
    std::fs::write(&path, config).expect("a configuration");
    let settings = sms_milter::config::load(&path).unwrap_or_else(|e| panic!("{e}"));
    let (tell, milter) = oneshot::channel();
    tokio::spawn(async move {
        // Dropped, it would be a stop.
        let (_run, stop) = watch::channel(false);
        let ready = |addresses: &Addresses| tell.send(addresses.milter.clone()).expect("awaited");
        let ended = sms_milter::run(settings, World::real(), stop, ready).await;
        ended.unwrap_or_else(|e| panic!("{e}"));
    });
    match milter.await.expect("ready") {
        Listen::Inet { host, port } => format!("{host}:{port}").parse().expect("an address"),
        Listen::Unix { .. } => unreachable!("TCP was asked for"),
    }
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
async fn run(name: &str, address: SocketAddr) -> f64 {
    let mails = Arc::new((0..MAILS).map(Mail::new).collect::<Vec<_>>());
    let began = Instant::now();
    let mut senders = Vec::new();
    for first in 0..CONNECTIONS {
        let mails = mails.clone();
        senders.push(tokio::spawn(
            async move { send(address, &mails, first).await },
        ));
    }
    let mut times = Vec::with_capacity(MAILS);
    for sender in senders {
        times.extend(sender.await.expect("sent"));
    }
    let rate = MAILS as f64 / began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "{name:>12}: {rate:>8.0} mails/s, end of message p50 {:?}, p99 {:?}, VmHWM {} KiB",
        at(0.5),
        at(0.99),
        peak_memory()
    );
    rate
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
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
async fn send(address: SocketAddr, mails: &[Mail], first: usize) -> Vec<Duration> {
    let stream = TcpStream::connect(address).await.expect("connected");
    stream.set_nodelay(true).expect("TCP");
    let mut stream = BufReader::new(stream);
    let version = [0, 0, 0, 6];
    let actions = Actions::all().bits().to_be_bytes();
    let opts = ProtoOpts::all().bits().to_be_bytes();
    ask(
        &mut stream,
        &frame(b'O', &[version, actions, opts].concat()),
        b'O',
    )
    .await;
    let connect = [
        &b"client.example.com\x004"[..],
        &40_123_u16.to_be_bytes(),
        b"127.0.0.1\0",
    ]
    .concat();
    ask(&mut stream, &frame(b'C', &connect), b'c').await;
    let mut times = Vec::new();
    for mail in mails.iter().skip(first).step_by(CONNECTIONS) {
        for command in &mail.envelope {
            ask(&mut stream, command, b'c').await;
        }
        ask(&mut stream, &mail.content, b'c').await;
        let began = Instant::now();
        ask(&mut stream, &mail.end, b'-').await;
        assert_eq!(kind(&mut stream).await, b'a', "accepted");
        times.push(began.elapsed());
        stream.write_all(&frame(b'A', b"")).await.expect("written");
    }
    stream.write_all(&frame(b'Q', b"")).await.expect("written");
    times
}

async fn ask(stream: &mut BufReader<TcpStream>, command: &[u8], expected: u8) {
    stream.write_all(command).await.expect("written");
    let answer = kind(stream).await;
    assert_eq!(
        char::from(answer),
        char::from(expected),
        "to {:?}",
        char::from(command[4])
    );
}

/// The kind of the next answer; the rest of it is read over.
async fn kind(stream: &mut BufReader<TcpStream>) -> u8 {
    let len = stream.read_u32().await.expect("an answer");
    let kind = stream.read_u8().await.expect("an answer");
    let mut rest = [0; 1024];
    let rest = &mut rest[..len as usize - 1];
    stream.read_exact(rest).await.expect("an answer");
    kind
}
