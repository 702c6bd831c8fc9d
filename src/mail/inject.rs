//! Handing our mails to the MTA by SMTP (RFC 5321), until it takes them or refuses for good.
//!
//! One recipient a mail, up to `OPEN` mails at a time. What the MTA took is settled directly below
//! its answer; no answer, or a temporary one, is tried again with a growing delay; a mail sent twice
//! bears the same Message-ID (durability W15). A mail that is refused for good, or too old, goes to
//! the default recipient, then to the admin with the MTA's words, and when even that is refused it
//! stays in the store where the admin sees it: no mail is dropped.
//!
//! What is for a program and no mail ([`OutMail::post`]) takes the same way, up to the last step: a
//! [`Post`] takes it there. What the program refuses goes to the admin.
//!
//! Never: TLS or login (the MTA is on this machine, or across a trusted wire), a program to start, a
//! bare CR or LF on the wire (T18), a connection used again after an error or a time-out: an answer
//! that comes late would be taken for that of the next mail. (lettre's own pool takes a connection
//! back when a send is cancelled, so the idle ones are kept here.)

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::compose;
use crate::live::Live;
use crate::store::{MailOutcome, OutMail, QueuedMail, Store, StoreError};
use crate::wire::push::Push;
use crate::world::World;

/// Mails under way at a time: an MTA on the same machine is not quicker with more.
const OPEN: usize = 8;

/// How often to look for mails that nobody rang for.
const POLL: Duration = Duration::from_secs(1);

/// An MTA that does not accept a connection in this time is down.
const CONNECT: Duration = Duration::from_secs(10);

/// The default deadline of a whole transaction. RFC 5321 §4.5.3.2.6 grants the answer to the dot ten
/// minutes; an MTA that needs more than five for an SMS does not work.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// An idle connection is not kept longer: MTAs close them (Postfix under stress after 10 s).
const IDLE: Duration = Duration::from_secs(8);

/// How long the mails under way have to end when we stop. What is cut off is sent again.
const STOP: Duration = Duration::from_secs(10);

/// The delay after the first failure; it doubles.
const FIRST_DELAY: Duration = Duration::from_secs(10);

/// The same for a program: most of them were just started again.
const FIRST_POST_DELAY: Duration = Duration::from_secs(1);

/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(900);

/// Older than this, a mail that cannot be handed in counts as refused (Postfix's
/// `maximal_queue_lifetime`).
const MAX_AGE: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The MTA's words are cut after this.
const MAX_WORDS: usize = 300;

/// How to hand mails in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the MTA is.
    pub target: Target,
    /// What we say we are in EHLO: this machine's name.
    pub hello: String,
    /// The longest that one mail may take; [`DEADLINE`].
    pub deadline: Duration,
    /// Who gets what the MTA refuses.
    pub fallback: Fallback,
}

/// Where the MTA is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `smtp://host:port`.
    Smtp {
        /// A name or an address, IPv6 without brackets.
        host: String,
        /// 25 if not given.
        port: u16,
    },
}

/// Why a text is not a [`Target`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not yet.
    #[error("{0} is not supported yet: write smtp://HOST:PORT")]
    NotYet(&'static str),
    /// Neither that nor anything else.
    #[error("{0} is no address of an MTA: write smtp://HOST:PORT, as smtp://127.0.0.1:10026")]
    Form(String),
}

impl Target {
    /// Reads `smtp://127.0.0.1:10026`, `smtp://mail.example.com`, `smtp://[::1]:25`.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let form = || TargetError::Form(compose::line(text, 80));
        let Some((scheme, rest)) = text.trim().split_once(':') else {
            return Err(form());
        };
        match scheme {
            "smtp" => {}
            "lmtp" => return Err(TargetError::NotYet("lmtp")),
            "unix" => return Err(TargetError::NotYet("a unix socket")),
            _ => return Err(form()),
        }
        let rest = rest.strip_prefix("//").ok_or_else(form)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').map(|v6| v6.split_once(']')) {
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, port))) => (host, Some(port.strip_prefix(':').ok_or_else(form)?)),
            Some(None) => return Err(form()),
            None => rest
                .split_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(port) => port
                .parse()
                .ok()
                .filter(|&port| port > 0)
                .ok_or_else(form)?,
            None => 25,
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
        if host.is_empty() || !host.chars().all(fits) {
            return Err(form());
        }
        Ok(Target::Smtp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target::Smtp { host, port } = self;
        if host.contains(':') {
            write!(f, "smtp://[{host}]:{port}")
        } else {
            write!(f, "smtp://{host}:{port}")
        }
    }
}

/// Who gets what the MTA refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Gets the SMS that were for someone the MTA does not know (`incoming.default`).
    pub default: Option<String>,
    /// Gets everything else.
    pub admin: String,
    /// From of the notes to the admin.
    pub from: String,
}

/// Takes what is for programs to them.
#[async_trait]
pub trait Post: Send + Sync {
    /// Hands `push`, a [`Push`] as it is kept, to the program behind `account`, and answers within a
    /// deadline of its own.
    async fn post(&self, account: &str, push: &[u8]) -> Answer;
}

/// Hands mails in. See the module's contract.
pub struct Injector {
    settings: Settings,
    /// Who gets what nobody else may, at first [`Fallback::default`]; a reload exchanges it.
    pub default: Live<Option<String>>,
    programs: Arc<dyn Post>,
    store: Arc<dyn Store>,
    world: World,
    bell: Arc<Notify>,
    idle: Mutex<Vec<(Instant, AsyncSmtpConnection)>>,
}

/// What the MTA made of a mail, or a program of what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, for good.
    Taken,
    /// Not now; why, on one line.
    Later(String),
    /// Never; why, on one line.
    Refused(String),
}

impl Injector {
    /// `bell` is to be rung when there is a mail; without that, mails wait up to a second.
    pub fn new(
        settings: Settings,
        programs: Arc<dyn Post>,
        store: Arc<dyn Store>,
        world: World,
        bell: Arc<Notify>,
    ) -> Arc<Self> {
        Arc::new(Self {
            default: Live::new(settings.fallback.default.clone()),
            settings,
            programs,
            store,
            world,
            bell,
            idle: Mutex::new(Vec::new()),
        })
    }

    /// Hands mails in until `stop` turns true or the store is dead.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut open = JoinSet::new();
        while !*stop.borrow() {
            if open.len() < OPEN
                && let Err(reason) = self.start(&mut open, &stop).await
            {
                error!(event = "mail-not-leased", %reason);
                if matches!(reason, StoreError::Dead(_)) {
                    break;
                }
            }
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { break },
                Some(ended) = open.join_next() => if let Err(panic) = ended {
                    error!(event = "inject-panicked", %panic);
                },
                () = self.bell.notified(), if open.len() < OPEN => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        let ended = async { while open.join_next().await.is_some() {} };
        if timeout(STOP, ended).await.is_err() {
            warn!(
                event = "inject-cut-off",
                "mails under way are sent again after the start"
            );
        }
    }

    async fn start(
        self: &Arc<Self>,
        open: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        for mail in self
            .store
            .lease_mail(self.world.now(), OPEN - open.len())
            .await?
        {
            open.spawn(Arc::clone(self).handle(mail, stop.clone()));
        }
        Ok(())
    }

    /// One mail, from the queue to its settled outcome.
    async fn handle(self: Arc<Self>, queued: QueuedMail, mut stop: watch::Receiver<bool>) {
        let started = Instant::now();
        let answer = match queued.mail.post {
            true => {
                let mail = &queued.mail;
                self.programs.post(&mail.recipient, &mail.bytes).await
            }
            false => self.send(&queued.mail).await,
        };
        let (outcome, why) = self.outcome(&queued, answer).await;
        log(&queued, &outcome, &why, started.elapsed());
        let id = queued.mail.id;
        // The MTA's answer is not forgotten for a store that is full just now.
        while let Err(reason) = self
            .store
            .settle_mail(self.world.now(), id, outcome.clone())
            .await
        {
            error!(mail = %id, event = "mail-not-settled", %reason);
            // In a conflict an admin was quicker, and the mail is no longer ours.
            let is_over = matches!(reason, StoreError::Dead(_) | StoreError::Conflict(_));
            if is_over || *stop.borrow() {
                return;
            }
            let _ = timeout(POLL, stop.changed()).await;
        }
    }

    /// What an answer means for the mail, and the MTA's words.
    async fn outcome(&self, queued: &QueuedMail, answer: Answer) -> (MailOutcome, String) {
        let now = self.world.now();
        let too_old = now.duration_since(queued.created) > MAX_AGE;
        let error = match answer {
            Answer::Taken => return (MailOutcome::Taken, String::new()),
            Answer::Later(error) if !too_old => {
                let first = match queued.mail.post {
                    true => FIRST_POST_DELAY,
                    false => FIRST_DELAY,
                };
                let at = now
                    .checked_add(self.delay(first, queued.attempts))
                    .unwrap_or(Timestamp::MAX);
                return (
                    MailOutcome::Later {
                        at,
                        error: error.clone(),
                    },
                    error,
                );
            }
            Answer::Later(error) => format!("given up after 5 days: {error}"),
            Answer::Refused(error) => error,
        };
        // A report to a sender is not the default recipient's business; an SMS is.
        let is_report = match queued.mail.about {
            Some(message) => !matches!(self.store.find(message).await, Ok(None)),
            // About recipients that never became messages.
            None => true,
        };
        let outcome = match self.instead(&queued.mail, &error, is_report) {
            Some(mail) => MailOutcome::Instead(vec![mail]),
            None => MailOutcome::Undeliverable {
                error: error.clone(),
            },
        };
        (outcome, error)
    }

    /// The mail that goes in place of one that was refused for good.
    fn instead(&self, mail: &OutMail, error: &str, is_report: bool) -> Option<OutMail> {
        let Fallback { admin, from, .. } = &self.settings.fallback;
        let default = self.default.get();
        let is_for = |address: &String| address.eq_ignore_ascii_case(&mail.recipient);
        if mail.last_resort || is_for(admin) {
            return None;
        }
        let id = self.world.message_id();
        let words = match mail.post {
            true => Push::from_json(&mail.bytes).map(|push| push.in_words()),
            false => None,
        };
        let default =
            Option::as_ref(&default).filter(|default| !is_report && !mail.post && !is_for(default));
        if let Some(default) = default {
            let bytes = compose::redirected(&mail.bytes, &mail.recipient, error);
            return Some(OutMail {
                id,
                recipient: default.clone(),
                bytes,
                ..mail.clone()
            });
        }
        let to = &mail.recipient;
        let text = match &words {
            Some(words) => {
                format!("What was to be posted to {to} was not taken: {error}\n\n{words}")
            }
            None => format!("The mail server refused the attached mail to {to}:\n\n{error}"),
        };
        let note = compose::Note {
            id,
            hostname: &self.settings.hello,
            from,
            to: admin,
            subject: &format!("Mail to {} was refused", mail.recipient),
            text: &text,
            at: self.world.now(),
            original: (!mail.post).then_some(&mail.bytes),
        };
        Some(OutMail {
            id,
            sender: String::new(),
            recipient: admin.clone(),
            bytes: compose::note(&note),
            about: mail.about,
            last_resort: true,
            post: false,
        })
    }

    fn delay(&self, first: Duration, attempts: u32) -> Duration {
        let doubled = first.saturating_mul(2u32.saturating_pow(attempts.min(16)));
        doubled.min(MAX_DELAY).mul_f64(self.world.jitter())
    }

    async fn send(&self, mail: &OutMail) -> Answer {
        let envelope = match envelope(mail) {
            Ok(envelope) => envelope,
            Err(refused) => return refused,
        };
        let bytes = wire_lines(&mail.bytes);
        match timeout(self.settings.deadline, self.transact(&envelope, &bytes)).await {
            Ok(answer) => answer,
            // The connection went with the future.
            Err(_) => Answer::Later("the mail server did not answer in time".to_owned()),
        }
    }

    async fn transact(&self, envelope: &Envelope, bytes: &[u8]) -> Answer {
        let mut connection = match self.connection().await {
            Ok(connection) => connection,
            // Whatever it says before it has heard of the mail is not about the mail.
            Err(error) => return Answer::Later(words(&error)),
        };
        match connection.send(envelope, bytes).await {
            Ok(_) => {
                self.idle().push((Instant::now(), connection));
                Answer::Taken
            }
            // Not for this MTA: it takes no UTF-8 in addresses or no 8-bit text.
            Err(error) if error.is_permanent() || error.is_client() => {
                Answer::Refused(words(&error))
            }
            Err(error) => Answer::Later(words(&error)),
        }
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        while let Some(mut connection) = self.take_idle() {
            if connection.test_connected().await {
                return Ok(connection);
            }
        }
        let Target::Smtp { host, port } = &self.settings.target;
        let hello = ClientId::Domain(self.settings.hello.clone());
        let server = (host.as_str(), *port);
        AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &hello, None, None).await
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle();
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.pop().map(|(_, connection)| connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, AsyncSmtpConnection)>> {
        // A list of connections is whole after any panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn envelope(mail: &OutMail) -> Result<Envelope, Answer> {
    let parse = |address: &str| {
        address.parse::<Address>().map_err(|_| {
            Answer::Refused(format!(
                "{} is no mail address",
                compose::line(address, 100)
            ))
        })
    };
    let sender = match mail.sender.as_str() {
        "" => None,
        sender => Some(parse(sender)?),
    };
    let recipient = parse(&mail.recipient)?;
    Envelope::new(sender, vec![recipient]).map_err(|e| Answer::Refused(e.to_string()))
}

/// The mail with nothing but CRLF for line ends.
fn wire_lines(mail: &[u8]) -> Cow<'_, [u8]> {
    let mut previous = 0;
    let mut bare = false;
    for &octet in mail.iter().chain([&0]) {
        bare |= (octet == b'\n') != (previous == b'\r');
        previous = octet;
    }
    if !bare {
        return Cow::Borrowed(mail);
    }
    let mut lines = Vec::with_capacity(mail.len() + mail.len() / 32);
    let mut previous = 0;
    for &octet in mail {
        match octet {
            b'\n' if previous == b'\r' => {}
            b'\r' | b'\n' => lines.extend_from_slice(b"\r\n"),
            octet => lines.push(octet),
        }
        previous = octet;
    }
    Cow::Owned(lines)
}

/// The MTA's words, or what is wrong with the connection, on one line.
fn words(error: &lettre::transport::smtp::Error) -> String {
    compose::line(&error.to_string(), MAX_WORDS)
}

fn log(queued: &QueuedMail, outcome: &MailOutcome, why: &str, took: Duration) {
    let QueuedMail { mail, attempts, .. } = queued;
    let attempt = attempts + 1;
    let about = mail.about.map(|id| id.to_string()).unwrap_or_default();
    match outcome {
        MailOutcome::Taken => {
            let event = if mail.post { "posted" } else { "mailed" };
            info!(msg = about, mail = %mail.id, event, attempt, ?took);
        }
        MailOutcome::Later { at, .. } => {
            warn!(msg = about, mail = %mail.id, event = "mail-later", attempt, %at, why);
        }
        MailOutcome::Instead(_) => {
            warn!(msg = about, mail = %mail.id, event = "mail-refused", attempt, why);
        }
        MailOutcome::Undeliverable { .. } => {
            error!(msg = about, mail = %mail.id, event = "mail-stuck", attempt, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match Target::parse(text) {
            Ok(target) => target.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn targets() {
        check("smtp://127.0.0.1:10026", "smtp://127.0.0.1:10026");
        check("smtp://localhost", "smtp://localhost:25");
        check("smtp://mail.example.com:25/", "smtp://mail.example.com:25");
        check("smtp://[::1]:10026", "smtp://[::1]:10026");
        check("smtp://[::1]", "smtp://[::1]:25");
        check(
            "lmtp://127.0.0.1:24",
            "lmtp is not supported yet: write smtp://HOST:PORT",
        );
        check(
            "unix:/run/x",
            "a unix socket is not supported yet: write smtp://HOST:PORT",
        );
        for wrong in [
            "",
            "127.0.0.1:25",
            "smtp:/x",
            "smtp://",
            "smtp://a:0",
            "smtp://a:x",
            "smtp://[::1",
            "smtp://u:p@h:25",
            "smtp://a b",
            "http://a:25",
        ] {
            let why = "is no address of an MTA: write smtp://HOST:PORT, as smtp://127.0.0.1:10026";
            check(wrong, &format!("{wrong} {why}"));
        }
    }

    #[test]
    fn lines_on_the_wire() {
        for end in ["\r\n", "\n", "\r"] {
            let mail = format!("a{end}.{end}{end}b{end}");
            assert_eq!(
                &*wire_lines(mail.as_bytes()),
                b"a\r\n.\r\n\r\nb\r\n",
                "{end:?}"
            );
        }
        assert!(matches!(wire_lines(b"a\r\nb\r\n"), Cow::Borrowed(_)));
        assert!(matches!(wire_lines(b""), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn no_bare_end_of_line(mail in "[a\r\n.]{0,30}") {
            let lines = wire_lines(mail.as_bytes()).into_owned();
            let rest = String::from_utf8(lines.clone()).expect("ASCII").replace("\r\n", "");
            prop_assert!(!rest.contains(['\r', '\n']));
            prop_assert_eq!(&*wire_lines(&lines), &lines[..]);
        }

        #[test]
        fn any_text_is_a_target_or_not(text in "\\PC*|smtp://[\\]\\[a-z0-9:./]{0,20}") {
            if let Ok(target) = Target::parse(&text) {
                prop_assert_eq!(Target::parse(&target.to_string()), Ok(target));
            }
        }
    }
}
