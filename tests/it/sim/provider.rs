//! An HTTP provider on a real socket: records each request octet for octet, answers as told.
//!
//! It speaks as much HTTP/1.1 as clients of ours do: bodies with a Content-Length, connections that
//! stay open. It can do what real servers do and libraries do not let one do: break off in the
//! middle, promise more than comes, never end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the provider does with requests, in the order they come; the last for all that follow.
#[derive(Clone, Debug)]
pub struct Options {
    pub answers: Vec<Answer>,
}

/// What the provider does with one request, once it has read it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Answers.
    Say {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
        /// It thinks that long first.
        after: Duration,
    },
    /// 200 and this, once [`Provider::let_go`] was called.
    Held(&'static str),
    /// Says that `promised` octets come, sends less, closes.
    Cut { promised: usize, body: String },
    /// Chunks without end.
    Endless,
    /// Nothing, and the connection stays open.
    Silence,
    /// Resets the connection.
    Reset,
}

impl Answer {
    pub fn say(status: u16, body: &str) -> Self {
        Answer::Say {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            after: Duration::ZERO,
        }
    }

    pub fn after(mut self, wait: Duration) -> Self {
        if let Answer::Say { after, .. } = &mut self {
            *after = wait;
        }
        self
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Answer::Say { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// One request, as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Which connection brought it, from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub struct Provider {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

struct State {
    /// The answers, and how many requests there were before the first of them.
    answers: Mutex<(Vec<Answer>, usize)>,
    requests: Mutex<Vec<Recorded>>,
    connections: watch::Sender<usize>,
    let_go: watch::Sender<bool>,
}

impl Provider {
    pub async fn start(options: Options) -> Self {
        Self::on(
            TcpListener::bind("127.0.0.1:0").await.expect("a port"),
            options,
        )
    }

    fn on(listener: TcpListener, options: Options) -> Self {
        let address = listener.local_addr().expect("address");
        let state = Arc::new(State {
            answers: Mutex::new((options.answers, 0)),
            requests: Mutex::default(),
            connections: watch::Sender::new(0),
            let_go: watch::Sender::new(false),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = *shared.connections.borrow();
                shared.connections.send_modify(|count| *count += 1);
                tokio::spawn(serve(stream, connection, Arc::clone(&shared)));
            }
        });
        Self {
            address,
            state,
            accepting,
        }
    }

    /// These answers, one after the other.
    pub async fn each(answers: Vec<Answer>) -> Self {
        Self::start(Options { answers }).await
    }

    pub async fn answering(answer: Answer) -> Self {
        Self::start(Options {
            answers: vec![answer],
        })
        .await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and this.
    pub fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().expect("requests").clone()
    }

    /// Answers so from now on; how many requests there were before.
    pub fn change(&self, answers: Vec<Answer>) -> usize {
        let requests = self.state.requests.lock().expect("requests");
        *self.state.answers.lock().expect("answers") = (answers, requests.len());
        requests.len()
    }

    /// Those that were [`Answer::Held`] get their answer, and those that come.
    pub fn let_go(&self) {
        self.state.let_go.send_replace(true);
    }

    /// Waits until there were so many requests.
    pub async fn wait_for(&self, count: usize) {
        let deadline = tokio::time::Instant::now() + super::product::PATIENCE;
        while self.requests().len() < count {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{count} requests were waited for, these came: {:?}",
                self.requests()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one connection until it breaks.
async fn serve(stream: TcpStream, connection: usize, state: Arc<State>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read(&mut stream, connection).await?;
        let answer = {
            let mut requests = state.requests.lock().expect("requests");
            let (answers, before) = &*state.answers.lock().expect("answers");
            let index = (requests.len() - before).min(answers.len() - 1);
            requests.push(request);
            answers[index].clone()
        };
        let stream = stream.get_mut();
        match answer {
            Answer::Say {
                status,
                headers,
                body,
                after,
            } => {
                tokio::time::sleep(after).await;
                let headers: String = headers
                    .iter()
                    .map(|(n, v)| format!("{n}: {v}\r\n"))
                    .collect();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Answer::Held(body) => {
                let mut let_go = state.let_go.subscribe();
                let_go.wait_for(|let_go| *let_go).await.ok()?;
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Answer::Cut { promised, body } => {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.ok()?;
                return None;
            }
            Answer::Endless => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).await.ok()?;
                let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
                loop {
                    stream.write_all(chunk.as_bytes()).await.ok()?;
                }
            }
            Answer::Silence => {
                // Until the client goes, or for as long as no test takes.
                let mut rest = [0; 64];
                let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut rest));
                let _ = read.await;
                return None;
            }
            Answer::Reset => {
                stream.set_zero_linger().ok()?;
                return None;
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> Option<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
        // TLS, say: a server answers in the clear, as Apache does.
        if !head[0].is_ascii_uppercase() {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            stream.get_mut().write_all(answer).await.ok()?;
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let mut request = Recorded {
        connection,
        method,
        target,
        headers,
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok());
    request.body.resize(length.unwrap_or(0), 0);
    stream.read_exact(&mut request.body).await.ok()?;
    Some(request)
}
