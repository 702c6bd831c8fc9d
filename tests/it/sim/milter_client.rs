//! An MTA, as a milter sees it: Postfix's order of callbacks and macros, on indymilter-test.
//!
//! [`Session::mail`] sends a mail the way Postfix does, heeding every answer. For any other order use
//! [`Session::mta`] step by step; for what is no milter protocol at all, [`raw`].

use std::ffi::CString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use indymilter_test::{
    Actions, EomAction, MacroStage, ProtoOpts, SocketInfo, Status, TestConnection,
    TestConnectionBuilder, TestResult,
};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinHandle;

/// Octets in one command of a body (MILTER_CHUNK_SIZE).
pub const CHUNK: usize = 65_535;

/// Where a milter listens.
#[derive(Clone, Debug)]
pub enum Place {
    /// TCP.
    Inet(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Reads `inet:127.0.0.1:8895` or `unix:/path`.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':').expect("a kind of address") {
            ("inet", address) => Self::Inet(address.parse().expect("an address")),
            (_, path) => Self::Unix(path.into()),
        }
    }
}

/// A way to a milter for one connection, that tells when the milter has hung up: QUIT has no answer.
pub struct Watched {
    /// Connect here.
    pub place: Place,
    carried: JoinHandle<()>,
}

impl Watched {
    /// To a milter on TCP.
    pub async fn new(milter: &Place) -> Self {
        let Place::Inet(milter) = *milter else {
            panic!("on TCP only");
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let place = Place::Inet(listener.local_addr().expect("an address"));
        let carried = tokio::spawn(async move {
            let (mut near, _) = listener.accept().await.expect("the session");
            let mut far = TcpStream::connect(milter).await.expect("connected");
            let _ = copy_bidirectional(&mut near, &mut far).await;
        });
        Self { place, carried }
    }

    /// Once the milter has read what there was to read.
    pub async fn hung_up(self) {
        self.carried.await.expect("carried");
    }
}

/// A mail and its envelope.
#[derive(Clone, Debug)]
pub struct Mail {
    /// MAIL, as the client wrote it.
    pub sender: String,
    /// RCPT, as the client wrote it; ESMTP parameters after a blank.
    pub recipients: Vec<String>,
    /// Header fields.
    pub header: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// The SMTP AUTH login.
    pub auth: Option<String>,
    /// The queue id that the MTA gives it.
    pub queue_id: String,
}

impl Mail {
    /// A mail of bob's, with a Message-ID of its own made of the text.
    pub fn new(recipients: &[&str], text: &str) -> Self {
        let id: String = text
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(40)
            .collect();
        let field = |name: &str, value: String| (name.to_owned(), value);
        Self {
            sender: "<bob@example.com>".into(),
            recipients: recipients.iter().map(|&r| r.to_owned()).collect(),
            header: vec![
                field("From", "bob@example.com".into()),
                field("Subject", "test".into()),
                field("Message-ID", format!("<{id}@client.example.com>")),
            ],
            body: format!("{text}\r\n").into_bytes(),
            auth: None,
            queue_id: "4XyZ1234".into(),
        }
    }

    /// Without the header fields of that name.
    pub fn without(mut self, name: &str) -> Self {
        self.header.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }
}

/// What became of a mail.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The answer to each RCPT, in [`said`]'s words.
    pub recipients: Vec<String>,
    /// The last answer: to DATA when the milter let the mail go there, else to the end of the message;
    /// "no recipient" when every RCPT was refused.
    pub answer: String,
    /// Parts of the body that were sent.
    pub chunks: usize,
    /// DELRCPT arguments.
    pub deleted: Vec<String>,
}

/// One session.
pub struct Session {
    /// For steps of one's own.
    pub mta: TestConnection,
}

impl Session {
    /// A session of a client at 127.0.0.1, with all that Postfix offers.
    pub async fn open(place: &Place) -> Self {
        Self::of(place, client("127.0.0.1", 40_123)).await
    }

    /// Postfix pickup's.
    pub async fn pickup(place: &Place) -> Self {
        Self::of(place, client("127.0.0.1", 0)).await
    }

    /// A session of that client.
    pub async fn of(place: &Place, client: SocketInfo) -> Self {
        let mut session = Self {
            mta: negotiate(TestConnection::configure(), place)
                .await
                .expect("negotiated"),
        };
        let macros = [
            ("j", "mail.example.com"),
            ("{daemon_name}", "mail.example.com"),
        ];
        session
            .mta
            .macros(MacroStage::Connect, macros)
            .await
            .expect("macros");
        let answer = session
            .mta
            .connect("client.example.com", client)
            .await
            .expect("CONNECT");
        assert_eq!(answer, Status::Continue);
        session
    }

    /// A session with an MTA that offers less.
    pub async fn offering(place: &Place, actions: Actions, opts: ProtoOpts) -> TestResult<Self> {
        let builder = TestConnection::configure()
            .available_actions(actions)
            .available_opts(opts);
        let mut mta = negotiate(builder, place).await?;
        mta.connect("client.example.com", client("127.0.0.1", 40_123))
            .await?;
        Ok(Self { mta })
    }

    /// MAIL.
    pub async fn begin(&mut self, mail: &Mail) -> TestResult<Status> {
        let mut macros = vec![
            ("j", "mail.example.com"),
            ("{mail_addr}", mail.sender.trim_matches(['<', '>'])),
        ];
        if let Some(login) = &mail.auth {
            macros.push(("{auth_authen}", login));
        }
        self.mta.macros(MacroStage::Mail, macros).await?;
        self.mta.mail([mail.sender.as_str()]).await
    }

    /// RCPT for all; their answers.
    pub async fn recipients(&mut self, mail: &Mail) -> TestResult<Vec<Status>> {
        let mut answers = Vec::new();
        let mut has_queue_id = false;
        for recipient in &mail.recipients {
            if has_queue_id {
                self.mta
                    .macros(MacroStage::Rcpt, [("i", mail.queue_id.as_str())])
                    .await?;
            }
            let (address, parameters) = match recipient.split_once("> ") {
                Some((address, parameters)) => (format!("{address}>"), parameters),
                None => (recipient.clone(), ""),
            };
            let parameters = parameters.split_whitespace().map(str::to_owned);
            let answer = self
                .mta
                .rcpt(std::iter::once(address).chain(parameters))
                .await?;
            has_queue_id |= answer == Status::Continue;
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Header, body; the parts of the body that were sent.
    pub async fn content(&mut self, mail: &Mail) -> TestResult<usize> {
        for (name, value) in &mail.header {
            self.mta.header(name.as_str(), value.as_str()).await?;
        }
        self.mta.eoh().await?;
        let mut sent = 0;
        for chunk in mail.body.chunks(CHUNK) {
            sent += 1;
            if self.mta.body(chunk.to_vec()).await? == Status::Skip {
                break;
            }
        }
        Ok(sent)
    }

    /// The end of the message: DELRCPT arguments and the answer.
    pub async fn end(&mut self, mail: &Mail) -> TestResult<(Vec<String>, Status)> {
        self.mta
            .macros(MacroStage::Eom, [("i", mail.queue_id.as_str())])
            .await?;
        let (actions, answer) = self.mta.eom().await?;
        let deleted = actions.actions.into_iter().map(|action| match action {
            EomAction::DeleteRecipient { rcpt } => rcpt.into_string().expect("UTF-8"),
            other => panic!("the milter may only delete recipients: {other:?}"),
        });
        Ok((deleted.collect(), answer))
    }

    /// A whole mail, then ABORT ABORT as Postfix.
    pub async fn mail(&mut self, mail: &Mail) -> Outcome {
        let outcome = self.try_mail(mail).await.expect("a session that goes on");
        self.mta.abort().await.expect("ABORT");
        self.mta.abort().await.expect("ABORT");
        outcome
    }

    /// A whole mail without what follows it.
    pub async fn try_mail(&mut self, mail: &Mail) -> TestResult<Outcome> {
        let mut outcome = Outcome::default();
        assert_eq!(self.begin(mail).await?, Status::Continue);
        let answers = self.recipients(mail).await?;
        outcome.recipients = answers.iter().map(said).collect();
        if !answers.contains(&Status::Continue) {
            outcome.answer = "no recipient".into();
            return Ok(outcome);
        }
        self.mta
            .macros(MacroStage::Data, [("i", mail.queue_id.as_str())])
            .await?;
        let data = self.mta.data().await?;
        if data != Status::Continue {
            outcome.answer = format!("{} at DATA", said(&data));
            return Ok(outcome);
        }
        outcome.chunks = self.content(mail).await?;
        let (deleted, answer) = self.end(mail).await?;
        (outcome.deleted, outcome.answer) = (deleted, said(&answer));
        Ok(outcome)
    }

    /// QUIT.
    pub async fn quit(self) {
        self.mta.close().await.expect("QUIT");
    }

    /// The connection breaks.
    pub fn cut(self) {}
}

async fn negotiate(builder: TestConnectionBuilder, place: &Place) -> TestResult<TestConnection> {
    match place {
        Place::Inet(address) => builder.open_tcp(address).await,
        Place::Unix(path) => builder.open_unix(path).await,
    }
}

/// A client's address.
pub fn client(ip: &str, port: u16) -> SocketInfo {
    let ip: IpAddr = ip.parse().expect("an address");
    SocketInfo::Inet((ip, port).into())
}

/// An answer in short: `ok`, `accept`, `skip`, `550 5.1.1`, `451`, `reject`.
pub fn said(status: &Status) -> String {
    let code = |message: &Option<CString>, bare: &str| {
        let text = message.as_ref().map(|m| m.to_string_lossy().into_owned());
        text.map_or(bare.to_owned(), |text| {
            let enhanced = |word: &&str| {
                word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.')
            };
            let words: Vec<&str> = text.split(' ').take(2).collect();
            match words[..] {
                [code, word] if enhanced(&word) => format!("{code} {word}"),
                _ => words[0].to_owned(),
            }
        })
    };
    match status {
        Status::Continue => "ok".into(),
        Status::Accept => "accept".into(),
        Status::Skip => "skip".into(),
        Status::Noreply => "silent".into(),
        Status::Discard => "discard".into(),
        Status::Reject { message } => code(message, "reject"),
        Status::Tempfail { message } => code(message, "tempfail"),
    }
}

/// A connection without a protocol.
pub trait Raw: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Raw for T {}

/// A connection without a protocol.
pub async fn raw(place: &Place) -> Box<dyn Raw> {
    match place {
        Place::Inet(address) => Box::new(TcpStream::connect(address).await.expect("connected")),
        Place::Unix(path) => Box::new(UnixStream::connect(path).await.expect("connected")),
    }
}
