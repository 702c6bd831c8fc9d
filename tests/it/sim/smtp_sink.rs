//! An MTA that records what it takes and answers as it was told.
//!
//! It speaks enough of RFC 5321 for one client: EHLO, MAIL, RCPT, DATA, RSET, NOOP, QUIT. What is not a
//! command it knows is recorded as [`SmtpSink::strays`]: a smuggled one, or text taken for one.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The argument of MAIL FROM, without `<>`.
    pub sender: String,
    /// The argument of RCPT TO, without `<>`.
    pub recipient: String,
    /// What came between DATA and the dot, dots unstuffed.
    pub data: Vec<u8>,
}

impl Mail {
    /// The value of a header field on one line.
    pub fn header(&self, name: &str) -> Option<String> {
        let parsed = mail_parser::MessageParser::new().parse(&self.data)?;
        let raw = parsed.header_raw(name.to_owned())?;
        Some(raw.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// The text, decoded.
    pub fn text(&self) -> String {
        let parsed = mail_parser::MessageParser::new().parse(&self.data);
        let text = parsed.as_ref().and_then(|mail| mail.body_text(0));
        text.map(|text| text.trim_end().replace("\r\n", "\n"))
            .unwrap_or_default()
    }
}

/// What happens at the dot.
#[derive(Clone, Copy, Debug)]
pub enum AtDot {
    /// Record the mail, then drop the connection without an answer.
    TakeAndDrop,
    /// Record the mail, then answer after this time.
    TakeSlowly(Duration),
}

#[derive(Default)]
struct Script {
    /// Answers to RCPT by recipient; the last one stays.
    rcpt: HashMap<String, VecDeque<String>>,
    at_dot: VecDeque<AtDot>,
    strays: Vec<String>,
    connections: usize,
}

/// The MTA. It stops when it is dropped.
pub struct SmtpSink {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    mails: watch::Receiver<Vec<Mail>>,
    task: tokio::task::JoinHandle<()>,
}

/// An MTA that is down; see [`SmtpSink::shut`].
pub struct Shut(TcpSocket);

impl Shut {
    /// Where it will listen.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// Listens.
    pub fn open(self) -> SmtpSink {
        SmtpSink::on(self.0.listen(1024).expect("it listens"))
    }
}

impl SmtpSink {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener)
    }

    /// Has its port, and refuses whoever connects until it is opened: nobody else can have the port meanwhile.
    pub fn shut() -> Shut {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a free port");
        Shut(socket)
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("an address");
        let script = Arc::new(Mutex::new(Script::default()));
        let (taken, mails) = watch::channel(Vec::new());
        let shared = Arc::clone(&script);
        let task = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().expect("lock").connections += 1;
                sessions.spawn(session(stream, Arc::clone(&shared), taken.clone()));
            }
        });
        Self {
            address,
            script,
            mails,
            task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers RCPT for this recipient so, first with the first; the last answer stays.
    pub fn answer_rcpt(&self, recipient: &str, answers: &[&str]) {
        let answers = answers.iter().map(|&answer| answer.to_owned()).collect();
        self.script
            .lock()
            .expect("lock")
            .rcpt
            .insert(recipient.to_owned(), answers);
    }

    /// Does this at the next dot that has nothing else to do.
    pub fn at_dot(&self, what: AtDot) {
        self.script.lock().expect("lock").at_dot.push_back(what);
    }

    /// Lines that are no command.
    pub fn strays(&self) -> Vec<String> {
        self.script.lock().expect("lock").strays.clone()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.script.lock().expect("lock").connections
    }

    /// What was taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.borrow().clone()
    }

    /// Waits until so many mails were taken.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let mut mails = self.mails.clone();
        let enough = mails.wait_for(|mails| mails.len() >= count);
        match tokio::time::timeout(super::patience::PATIENCE, enough).await {
            Ok(mails) => mails.expect("the sink runs").clone(),
            Err(_) => panic!(
                "{count} mails were waited for, these came: {:?}",
                self.mails()
            ),
        }
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn session(
    stream: TcpStream,
    script: Arc<Mutex<Script>>,
    taken: watch::Sender<Vec<Mail>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 sink ESMTP").await?;
    let (mut sender, mut recipient) = (String::new(), None);
    loop {
        let line = line(&mut stream).await?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let upper = line.to_ascii_uppercase();
        let answer = match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-sink\r\n250 8BITMIME".to_owned(),
            "NOOP" | "RSET" => "250 2.0.0 ok".to_owned(),
            "MAIL" => {
                (sender, recipient) = (path(&line), None);
                "250 2.1.0 ok".to_owned()
            }
            "RCPT" => {
                let to = path(&line);
                let answer = answer(&script, &to);
                if answer.starts_with('2') {
                    recipient = Some(to);
                }
                answer
            }
            "DATA" => match recipient.take() {
                Some(recipient) => {
                    say(&mut stream, "354 go on").await?;
                    let data = data(&mut stream).await?;
                    let mail = Mail {
                        sender: sender.clone(),
                        recipient,
                        data,
                    };
                    let at_dot = script.lock().expect("lock").at_dot.pop_front();
                    taken.send_modify(|mails| mails.push(mail));
                    match at_dot {
                        Some(AtDot::TakeAndDrop) => return None,
                        Some(AtDot::TakeSlowly(time)) => tokio::time::sleep(time).await,
                        None => {}
                    }
                    "250 2.0.0 queued".to_owned()
                }
                None => "503 5.5.1 no recipient".to_owned(),
            },
            "QUIT" => {
                say(&mut stream, "221 2.0.0 bye").await?;
                return None;
            }
            _ => {
                script.lock().expect("lock").strays.push(line);
                "500 5.5.2 what?".to_owned()
            }
        };
        say(&mut stream, &answer).await?;
    }
}

fn answer(script: &Mutex<Script>, recipient: &str) -> String {
    let mut script = script.lock().expect("lock");
    let Some(answers) = script.rcpt.get_mut(recipient) else {
        return "250 2.1.5 ok".to_owned();
    };
    let next = if answers.len() > 1 {
        answers.pop_front()
    } else {
        answers.front().cloned()
    };
    next.unwrap_or_else(|| "250 2.1.5 ok".to_owned())
}

fn path(line: &str) -> String {
    let start = line.find('<').map_or(line.len(), |at| at + 1);
    let end = line.rfind('>').unwrap_or(line.len());
    line.get(start..end).unwrap_or_default().to_owned()
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = stream.read_until(b'\n', &mut line).await.ok()?;
    (read > 0).then_some(line)
}

async fn data(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = line(stream).await?;
        if line == b".\r\n" {
            return Some(data);
        }
        let stuffed = line.starts_with(b".");
        data.extend_from_slice(&line[usize::from(stuffed)..]);
    }
}

async fn say(stream: &mut BufReader<TcpStream>, answer: &str) -> Option<()> {
    let answer = format!("{answer}\r\n");
    stream.get_mut().write_all(answer.as_bytes()).await.ok()
}
