//! Handing our mails to the MTA by SMTP (RFC 5321) or LMTP (RFC 2033), until it takes them or refuses for good.
//!
//! One recipient a mail, so one answer a mail, up to `OPEN` mails at a time. What the MTA took is settled
//! directly below its answer; no answer, or a temporary one, is tried again with a growing delay; a mail sent
//! twice bears the same Message-ID (durability W15). A mail that is refused for good, or too old, goes to
//! the default recipient, then to the admin with the MTA's words, and when even that is refused it
//! stays in the store where the admin sees it: no mail is dropped.
//!
//! What is no fault of the mail (nobody listens, a wrong certificate, a wrong password) is a [`Trouble`]: mails
//! wait, those that are due meanwhile are not tried one by one, and whoever asks [`Injector::trouble`] hears
//! of it.
//!
//! What is for a program and no mail ([`OutMail::post`]) takes the same way, up to the last step: a
//! [`Post`] takes it there. What the program refuses goes to the admin.
//!
//! Never: a program to start, a bare CR or LF on the wire (T18), a password in clear to another machine or into
//! a log, a certificate unchecked where one is required (T44), a connection used again after an error or a
//! time-out: an answer that comes late would be taken for that of the next mail.
//!
//! The client is our own: of the libraries one knows no LMTP, one shows the login in its log, one needs a newer
//! Rust; and what an answer means depends on what it answers.

mod dial;
mod reply;
mod talk;
mod target;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use self::dial::Security;
pub use self::dial::check_authorities;
use self::talk::{Failure, Parcel, Talk};
pub use self::target::{Place, Protocol, Target, TargetError, Tls};
use super::compose;
use super::words::Words;
use crate::live::Live;
use crate::pace::{Complaint, Rest};
use crate::secret::Secret;
use crate::store::{MailOutcome, OutMail, QueuedMail, Store, StoreError};
use crate::wire::push::Push;
use crate::world::World;

/// Mails under way at a time: an MTA on the same machine is not quicker with more.
const OPEN: usize = 8;

/// How often to look for mails that nobody rang for.
const POLL: Duration = Duration::from_secs(1);

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

/// After a [`Trouble`] nothing is tried for so long: with a thousand mails in the queue an MTA that comes back
/// must not be met by each of them anew.
const REST: SignedDuration = SignedDuration::from_secs(5);

/// Longer addresses are none: 64 octets, `@` and 255 (RFC 5321 §4.5.3.1).
const MAX_ADDRESS: usize = 320;

/// How to hand mails in.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where the MTA is.
    pub target: Target,
    /// What it knows us by, if it asks.
    pub login: Option<Login>,
    /// Authorities beside the machine's that its certificate may be of, in PEM.
    pub ca: Option<String>,
    /// What we say we are in EHLO: this machine's name.
    pub hello: String,
    /// The longest that one mail may take; [`DEADLINE`].
    pub deadline: Duration,
    /// Who gets what the MTA refuses.
    pub fallback: Fallback,
}

/// What the MTA knows us by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// What proves it.
    pub password: Secret,
}

/// Why no mail at all can be handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody listens there, or does not want to now.
    Down(String),
    /// There is no TLS, or the certificate is not good.
    Tls(String),
    /// The MTA does not know us.
    Login(String),
}

impl Trouble {
    /// What happened, on one line.
    pub fn why(&self) -> &str {
        match self {
            Trouble::Down(why) | Trouble::Tls(why) | Trouble::Login(why) => why,
        }
    }
}

/// Who gets what the MTA refuses.
#[derive(Clone, Debug, PartialEq)]
pub struct Fallback {
    /// Gets the SMS that were for someone the MTA does not know (`incoming.default`).
    pub default: Option<String>,
    /// Gets everything else.
    pub admin: String,
    /// From of the notes to the admin.
    pub from: String,
    /// What they say.
    pub words: Words,
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
    /// What notes to the admin say, at first [`Fallback::words`]; a reload exchanges it.
    pub words: Live<Words>,
    programs: Arc<dyn Post>,
    store: Arc<dyn Store>,
    world: World,
    bell: Arc<Notify>,
    security: Security,
    idle: Mutex<Vec<(Instant, Talk)>>,
    /// The trouble there is, and until when nothing is tried.
    trouble: watch::Sender<Option<Trouble>>,
    rest: Mutex<Option<Timestamp>>,
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
            words: Live::new(settings.fallback.words.clone()),
            settings,
            programs,
            store,
            world,
            bell,
            security: Security::default(),
            idle: Mutex::new(Vec::new()),
            trouble: watch::Sender::new(None),
            rest: Mutex::new(None),
        })
    }

    /// The trouble there is, whenever that changes.
    pub fn trouble(&self) -> watch::Receiver<Option<Trouble>> {
        self.trouble.subscribe()
    }

    /// Hands mails in until `stop` turns true or the store is dead.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let (mut open, mut complaint) = (JoinSet::new(), Complaint::default());
        while !*stop.borrow() {
            if open.len() < OPEN
                && let Err(reason) = self.start(&mut open, &stop).await
            {
                if complaint.is_due(Instant::now()) {
                    error!(event = "mail-not-leased", %reason);
                }
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
        let resting = self.rests().filter(|_| !queued.mail.post);
        let known = resting.is_some();
        let answer = match resting {
            Some(trouble) => Answer::Later(trouble.why().to_owned()),
            None if queued.mail.post => {
                let mail = &queued.mail;
                self.programs.post(&mail.recipient, &mail.bytes).await
            }
            None => self.send(&queued.mail).await,
        };
        let (outcome, why) = self.outcome(&queued, answer).await;
        log(&queued, &outcome, &why, known, started.elapsed());
        let id = queued.mail.id;
        let mut rest = Rest::default();
        // The MTA's answer is not forgotten for a store that is full just now.
        while let Err(reason) = self
            .store
            .settle_mail(self.world.now(), id, outcome.clone())
            .await
        {
            let wait = rest.failed(Instant::now());
            error!(mail = %id, event = "mail-not-settled", again = ?wait, %reason);
            // In a conflict an admin was quicker, and the mail is no longer ours.
            let is_over = matches!(reason, StoreError::Dead(_) | StoreError::Conflict(_));
            if is_over || *stop.borrow() {
                return;
            }
            let _ = timeout(wait, stop.changed()).await;
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
        let (default, words) = (self.default.get(), self.words.get());
        let is_for = |address: &String| address.eq_ignore_ascii_case(&mail.recipient);
        if mail.last_resort || is_for(admin) {
            return None;
        }
        let id = self.world.message_id();
        let posted = match mail.post {
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
        let mut args = vec![
            ("recipient", mail.recipient.as_str().into()),
            ("why", error.into()),
        ];
        let key = match posted {
            Some(posted) => {
                args.push(("content", posted.into()));
                "mail-not-posted"
            }
            None => "mail-refused",
        };
        let (subject, text) = (
            words.say("mail-refused.subject", &args),
            words.say(key, &args),
        );
        let note = compose::Note {
            id,
            hostname: &self.settings.hello,
            from,
            to: admin,
            subject: &subject,
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
        for address in [&mail.sender, &mail.recipient] {
            if !(is_address(address) || address.is_empty() && *address == mail.sender) {
                let shown = compose::line(address, 100);
                return Answer::Refused(format!("{shown} is no mail address"));
            }
        }
        let bytes = wire_lines(&mail.bytes);
        let parcel = Parcel {
            sender: &mail.sender,
            recipient: &mail.recipient,
            mail: &bytes,
        };
        match timeout(self.settings.deadline, self.transact(&parcel)).await {
            Ok(Ok(())) => Answer::Taken,
            Ok(Err(Failure::Refused(why))) => Answer::Refused(why),
            Ok(Err(Failure::Later(why))) => Answer::Later(why),
            Ok(Err(Failure::Ours(trouble))) => Answer::Later(trouble.why().to_owned()),
            // The connection went with the future.
            Err(_) => Answer::Later("the mail server did not answer in time".to_owned()),
        }
    }

    async fn transact(&self, parcel: &Parcel<'_>) -> Result<(), Failure> {
        let mut talk = match self.connection().await {
            Ok(talk) => talk,
            Err(failure) => return Err(self.look_at(failure)),
        };
        match talk.hand_in(parcel).await {
            Ok(()) => {
                self.idle().push((Instant::now(), talk));
                self.is_well();
                Ok(())
            }
            Err(failure) => {
                talk.quit().await;
                Err(self.look_at(failure))
            }
        }
    }

    async fn connection(&self) -> Result<Talk, Failure> {
        while let Some(mut talk) = self.take_idle() {
            if talk.is_alive().await {
                return Ok(talk);
            }
        }
        talk::open(&self.settings, &self.security).await
    }

    fn take_idle(&self) -> Option<Talk> {
        let mut idle = self.idle();
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.pop().map(|(_, talk)| talk)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Talk)>> {
        // A list of connections is whole after any panic.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trouble for which nothing is tried just now.
    fn rests(&self) -> Option<Trouble> {
        let until = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.world.now();
        // A clock that went back does not make a long rest.
        let rests = |until: &Timestamp| now < *until && until.duration_since(now) <= REST;
        until
            .filter(rests)
            .and_then(|_| self.trouble.borrow().clone())
    }

    /// Notes whether it is trouble.
    fn look_at(&self, failure: Failure) -> Failure {
        let Failure::Ours(trouble) = &failure else {
            self.is_well();
            return failure;
        };
        let until = self.world.now().checked_add(REST).ok();
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = until;
        let is_new = |known: &Option<Trouble>| known.as_ref() != Some(trouble);
        let news = self.trouble.send_if_modified(|known| {
            let news = is_new(known);
            *known = Some(trouble.clone());
            news
        });
        if news {
            let (target, why) = (&self.settings.target, trouble.why());
            match trouble {
                Trouble::Down(_) => warn!(event = "mta-down", %target, why),
                Trouble::Tls(_) => error!(event = "mta-not-trusted", %target, why),
                Trouble::Login(_) => error!(event = "mta-login-refused", %target, why),
            }
        }
        failure
    }

    fn is_well(&self) {
        let was = self
            .trouble
            .send_if_modified(|trouble| trouble.take().is_some());
        if was {
            info!(event = "mta-back", target = %self.settings.target);
        }
    }
}

/// What would be met now: opens a connection, logs in, and says goodbye. `Ok`: what the line is like.
pub async fn probe(settings: &Settings) -> Result<&'static str, String> {
    let mut talk = match talk::open(settings, &Security::default()).await {
        Ok(talk) => talk,
        Err(Failure::Ours(trouble)) => return Err(trouble.why().to_owned()),
        Err(Failure::Later(why) | Failure::Refused(why)) => return Err(why),
    };
    talk.quit().await;
    Ok(match (settings.target.tls, &settings.login) {
        (Tls::Required | Tls::Implicit, Some(_)) => {
            "greets, its certificate is good, and it knows us"
        }
        (Tls::Required | Tls::Implicit, None) => "greets, and its certificate is good",
        (_, Some(_)) => "greets, and it knows us",
        (_, None) => "greets",
    })
}

/// Whether it may stand in `<>` of MAIL and RCPT: a dot-string or a quoted one, `@`, and a domain or an address
/// (RFC 5321 §4.1.2, RFC 6531 §3.3). Dots may stand where that forbids it: such addresses are in use.
pub fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let harmless = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[]\\,;:\"@".contains(c);
    // Allowed after `\`, and nobody's name: who looks for the end of an address at `>` shall find it there.
    let angle = |c: char| "<>".contains(c);
    let is_plain = || !local.is_empty() && local.chars().all(harmless);
    let is_quoted = || {
        let inner = local
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let mut chars = inner.unwrap_or("\"").chars();
        std::iter::from_fn(|| match chars.next() {
            Some('\\') => Some(
                chars
                    .next()
                    .is_some_and(|c| (' '..='~').contains(&c) && !angle(c)),
            ),
            c => c.map(|c| {
                c != '"' && !angle(c) && (c == ' ' || !c.is_control() && !c.is_whitespace())
            }),
        })
        .all(|fits| fits)
    };
    let in_name = |c: char| c.is_alphanumeric() || "-._".contains(c);
    let literal = domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_domain = match literal {
        Some(ip) => {
            !ip.is_empty()
                && ip
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".:".contains(c))
        }
        None => !domain.is_empty() && domain.chars().all(in_name),
    };
    address.len() <= MAX_ADDRESS && is_domain && (is_plain() || is_quoted())
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

/// For the fuzzer: the first answer of an MTA, with its words, and how many octets it has.
#[cfg(fuzzing)]
pub fn first_answer(octets: &[u8]) -> Option<(u16, String, usize)> {
    let (reply, used) = reply::Reply::read(octets).ok()??;
    let _ = (
        reply::Capabilities::read(&reply),
        reply.is_done(),
        reply.status(),
    );
    Some((reply.code, reply.words(), used))
}

/// `known`: it was not even tried, and the log says why already.
fn log(queued: &QueuedMail, outcome: &MailOutcome, why: &str, known: bool, took: Duration) {
    let QueuedMail { mail, attempts, .. } = queued;
    let attempt = attempts + 1;
    let about = mail.about.map(|id| id.to_string()).unwrap_or_default();
    match outcome {
        MailOutcome::Taken => {
            let event = if mail.post { "posted" } else { "mailed" };
            info!(msg = about, mail = %mail.id, event, attempt, ?took);
        }
        MailOutcome::Later { at, .. } if known => {
            debug!(msg = about, mail = %mail.id, event = "mail-later", attempt, %at, why);
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

    #[test]
    fn addresses() {
        for right in [
            "ann@example.com",
            "a..b.@docomo.ne.jp",
            "\"sms:+1555\"@example.com",
            "\"a b\\\"c\"@d",
            "x=y@[127.0.0.1]",
            "\u{fc}@b\u{fc}cher.example",
            "+15551234567@sms.example.com",
            "x@[IPv6:::1]",
        ] {
            assert!(is_address(right), "{right}");
        }
        for wrong in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a\r\nRCPT@c",
            "a>@c",
            "\"a>b\"@c",
            "\"a\nb\"@c",
            "\"a\"b\"@c",
            "\"a\\\"@c",
            "a@b c",
            "a@b>",
            "\"\\<\"@c",
            "a@b\0",
            "a@[b",
            "a@[]",
            "a@b@c",
        ] {
            assert!(!is_address(wrong), "{wrong:?}");
        }
        assert!(!is_address(&format!("a@{}", "b".repeat(MAX_ADDRESS))));
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
        fn no_address_leaves_its_command(text in "\\PC*@\\PC*|\"([ -~\r\n\\\\])*\"@[a-z]+|.{0,9}@.{0,9}") {
            if is_address(&text) {
                prop_assert!(!text.contains(['\r', '\n', '\0', '<', '>']));
            }
        }
    }
}
