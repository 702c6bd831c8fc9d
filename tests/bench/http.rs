//! How many segments a second go to an HTTP provider that takes 100 ms for each, and what they cost.
//!
//!     cargo bench --bench http
//!
//! A provider in a process of its own (this program again) answers each request after 100 ms. First the
//! gateway by itself: so many submissions are kept open all the time, in a URL and in a body of JSON. Then
//! the product with its store on disk: mails come in over 64 milter connections, one SMS each, and go out
//! through a gateway of that window.
//!
//! Printed for each: segments/s, what the latency would allow (window ÷ 100 ms), the ratio, how many
//! requests the provider had open at once, on how many connections, and the CPU seconds, of user and
//! system, that 1,000 segments cost this process. In the product's figures are its milter, its store and
//! the clients that bring the mails.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use sms_milter::gateway::http::{Find, Http, Method, Payload, Place, Settings};
use sms_milter::gateway::{
    Body, Carries, Common, Concatenation, Gateway, Limits, OnUnknown, Outcome, Receipts, Submission,
};
use sms_milter::sms::{Attributes, Encoding, Number};
use sms_milter::wire::template::{Position, Template};
use sms_milter::world::World;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::milter_client::{Mail, Session};

#[allow(dead_code)]
#[path = "../it/sim/milter_client.rs"]
mod milter_client;
mod product;

/// What a provider of text messages takes over the Internet.
const LATENCY: Duration = Duration::from_millis(100);
/// Submissions open at a time, and how many there are.
const RUNS: [(usize, usize); 3] = [(8, 400), (100, 5_000), (500, 20_000)];
/// The same for the product.
const PRODUCT: [(usize, usize); 2] = [(100, 4_000), (500, 12_000)];
/// Milter connections: what a busy MTA has.
const SESSIONS: usize = 64;
/// No run takes as long as this.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    if std::env::args().any(|arg| arg == "--provider") {
        return runtime().block_on(provide());
    }
    println!(
        "{:>8} {:>6} {:>9} {:>10} {:>8} {:>5} {:>5} {:>11} {:>9}",
        "what",
        "window",
        "segments",
        "segments/s",
        "limit/s",
        "of it",
        "open",
        "connections",
        "CPU s/1000"
    );
    for (window, segments) in RUNS {
        runtime().block_on(gateway("URL", window, segments));
    }
    for (window, segments) in RUNS {
        runtime().block_on(gateway("JSON", window, segments));
    }
    for (window, segments) in PRODUCT {
        runtime().block_on(product(window, segments));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

/// The gateway by itself.
async fn gateway(what: &str, window: usize, segments: usize) {
    let provider = Provider::start();
    let mut settings = Settings::new(
        common(window),
        template(
            &provider.url("/send?to=%number%&text=%data%"),
            Position::Url,
        ),
    );
    if what == "JSON" {
        settings.url = template(&provider.url("/send"), Position::Url);
        settings.method = Method::Post;
        settings.payload = Some(Payload {
            template: template(r#"{"to": %number%, "text": %data%}"#, Position::Json),
            content_type: "application/json".to_owned(),
        });
    }
    let id = Place::json("/id").expect("a pointer");
    settings.reading.message_id = Some(Find::Value(id));
    let world = World::real();
    let gateway = Http::new(settings, world.clone()).expect("a gateway");
    let (cpu, began, left) = (cpu(), Instant::now(), Arc::new(AtomicUsize::new(segments)));
    let lanes = (0..window).map(|lane| {
        let (gateway, left, world) = (gateway.clone(), left.clone(), world.clone());
        tokio::spawn(async move {
            while left
                .fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1))
                .is_ok()
            {
                let outcome = gateway.submit(submission(&world, lane)).await;
                assert!(matches!(outcome, Outcome::Accepted(Some(_))), "{outcome:?}");
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane");
    }
    print(
        what,
        window,
        segments,
        began.elapsed(),
        used(cpu),
        &provider,
    );
}

/// The whole product.
async fn product(window: usize, segments: usize) {
    let provider = Provider::start();
    let dir = tempfile::tempdir().expect("a directory");
    let url = provider.url("/send?to=%number%&text=%data%");
    let gateway = format!(
        "[{{ id: provider, type: http, window: {window}, url: \"{url}\", message_id: {{ json: /id }} }}]"
    );
    let (_run, milter) = product::start(dir.path(), &gateway).await;
    let milter = milter_client::Place::Inet(milter);
    let (cpu, began) = (cpu(), Instant::now());
    let sessions = (0..SESSIONS).map(|session| {
        let mails = (session..segments).step_by(SESSIONS);
        load(&milter, mails.collect())
    });
    futures_util::future::join_all(sessions).await;
    let deadline = began + PATIENCE;
    while provider.ask()[0] < segments {
        assert!(Instant::now() < deadline, "not all were sent");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    print(
        "product",
        window,
        segments,
        began.elapsed(),
        used(cpu),
        &provider,
    );
}

fn print(
    what: &str,
    window: usize,
    segments: usize,
    took: Duration,
    cpu: f64,
    provider: &Provider,
) {
    let [_, open, connections] = provider.ask();
    let rate = segments as f64 / took.as_secs_f64();
    let limit = window as f64 / LATENCY.as_secs_f64();
    println!(
        "{what:>8} {window:>6} {segments:>9} {rate:>10.0} {limit:>8.0} {:>4.0}% {open:>5} {connections:>11} {:>9.3}",
        rate / limit * 100.0,
        cpu / segments as f64 * 1000.0
    );
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage");
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn used(before: f64) -> f64 {
    cpu() - before
}

fn template(text: &str, position: Position) -> Template {
    Template::parse(text, position).expect("a template")
}

fn common(window: usize) -> Common {
    Common {
        id: "provider".to_owned(),
        active: true,
        number: Number::from_network("+15550003333"),
        concat: Concatenation::Provider,
        on_unknown: OnUnknown::Report,
        unknown_wait: Duration::ZERO,
        window,
        throughput: None,
        rates: Vec::new(),
        from: None,
        carries: Carries::default(),
        limits: Limits::default(),
        receipts: Receipts::default(),
    }
}

fn submission(world: &World, lane: usize) -> Submission {
    Submission {
        id: world.message_id(),
        part: 0,
        number: Number::from_network(&format!("+1212{:07}", 2_000_000 + lane)).expect("a number"),
        body: Body::Whole {
            text: text(lane),
            encoding: Encoding::Gsm7,
            segments: 1,
        },
        reference: 0,
        repeat: false,
        flash: false,
        attributes: Attributes::default(),
        receipt: false,
        validity: None,
        sender_id: None,
    }
}

/// 160 characters.
fn text(n: usize) -> String {
    let mut text = format!("bench number {n}: ");
    while text.len() < 160 {
        text.push_str("the disk of a host is full, ");
    }
    text.truncate(159);
    text.push('.');
    text
}

/// Mails of 160 characters, each to a phone of its own.
async fn load(milter: &milter_client::Place, mails: Vec<usize>) {
    let mut session = Session::open(milter).await;
    for n in mails {
        let to = format!("<+1212{:07}@sms.example.com>", 2_000_000 + n);
        let outcome = session.mail(&Mail::new(&[&to], &text(n))).await;
        assert_eq!(outcome.answer, "accept", "{outcome:?}");
    }
    session.quit().await;
}

/// The provider's process.
struct Provider {
    child: Child,
    port: u16,
}

impl Provider {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("--provider")
            .stdout(Stdio::piped())
            .spawn()
            .expect("a provider");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its port");
        let port = line.trim().parse().expect("a port");
        Self { child, port }
    }

    fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}{rest}", self.port)
    }

    /// Requests answered, the most that were open at once, connections.
    fn ask(&self) -> [usize; 3] {
        use std::io::{Read, Write};
        let mut stream =
            std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("it is there");
        stream
            .write_all(b"COUNT / HTTP/1.1\r\n\r\n")
            .expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let counts: Vec<usize> = answer
            .split(' ')
            .map(|n| n.parse().expect("a count"))
            .collect();
        counts.try_into().expect("three counts")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    connections: AtomicUsize,
}

/// Answers until it is killed.
async fn provide() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("address").port());
    let counts = Arc::new(Counts::default());
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, counts.clone()));
    }
}

async fn serve(stream: TcpStream, counts: Arc<Counts>) -> std::io::Result<()> {
    let mut stream = tokio::io::BufReader::new(stream);
    let (mut line, mut counted) = (String::new(), false);
    loop {
        let (mut length, mut first) = (0, true);
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if first && line.starts_with("COUNT") {
                let shown = [&counts.answered, &counts.most, &counts.connections];
                let shown = shown.map(|count| count.load(Relaxed).to_string()).join(" ");
                return stream.get_mut().write_all(shown.as_bytes()).await;
            }
            first = false;
            let value = line.to_ascii_lowercase();
            if let Some(value) = value.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        if !std::mem::replace(&mut counted, true) {
            counts.connections.fetch_add(1, Relaxed);
        }
        let open = counts.open.fetch_add(1, Relaxed) + 1;
        counts.most.fetch_max(open, Relaxed);
        tokio::time::sleep(LATENCY).await;
        counts.open.fetch_sub(1, Relaxed);
        let answered = counts.answered.fetch_add(1, Relaxed) + 1;
        let id = format!(r#"{{"id":"m{answered}"}}"#);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{id}",
            id.len()
        );
        stream.get_mut().write_all(head.as_bytes()).await?;
    }
}
