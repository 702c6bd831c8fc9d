//! One connection to the MTA, in SMTP (RFC 5321) or LMTP (RFC 2033): opened, made private, logged in, and then
//! one mail after the other, with one recipient each.
//!
//! One command at a time and its answer read whole: no pipelining, so that no answer can be taken for another's.
//! Octets that came before TLS are not believed after it. What is said depends on where: before MAIL an answer
//! is never about the mail. A connection on which anything but "taken" was said is not used again.
//!
//! Deadlines are the caller's.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::dial::{self, Security};
use super::reply::{Capabilities, MAX_REPLY, Reply};
use super::target::{Place, Protocol, Tls};
use super::{Settings, Trouble};
use crate::mail::compose;
use crate::world::Stream;

/// The MTA's words are cut after this.
const MAX_WORDS: usize = 300;

/// What became of a mail, or of the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing is said of the mail: there is nobody to take any.
    Ours(Trouble),
    /// Not now.
    Later(String),
    /// Never.
    Refused(String),
}

/// What is handed in.
pub(super) struct Parcel<'a> {
    /// Without `<>`; empty: the null sender.
    pub sender: &'a str,
    /// Without `<>`.
    pub recipient: &'a str,
    /// Lines end CRLF, nothing else does.
    pub mail: &'a [u8],
}

/// A connection that is ready for a mail.
pub(super) struct Talk {
    stream: Box<dyn Stream>,
    /// What was read and belongs to no answer yet.
    read: Vec<u8>,
    protocol: Protocol,
    can: Capabilities,
}

type Said<T> = Result<T, Failure>;

/// Opens a connection: greeting, EHLO or LHLO, TLS, login. What fails here is never about a mail.
pub(super) async fn open(settings: &Settings, security: &Security) -> Said<Talk> {
    open_up(settings, security)
        .await
        .map_err(|failure| match failure {
            Failure::Later(why) | Failure::Refused(why) => Failure::Ours(Trouble::Down(why)),
            ours => ours,
        })
}

async fn open_up(settings: &Settings, security: &Security) -> Said<Talk> {
    let target = &settings.target;
    let mut talk = greet(settings, security).await?;
    let wants_tls = match target.tls {
        Tls::None | Tls::Implicit => false,
        Tls::May => talk.can.starttls,
        Tls::Required => true,
    };
    if wants_tls {
        talk = match talk.start_tls(settings, security).await {
            Ok(talk) => talk,
            Err(Failure::Ours(Trouble::Tls(why))) if target.tls == Tls::May => {
                tracing::warn!(event = "inject-in-clear", why);
                greet(settings, security).await?
            }
            Err(failure) => return Err(failure),
        };
    }
    if settings.login.is_some() {
        talk.log_in(settings).await?;
    }
    Ok(talk)
}

async fn greet(settings: &Settings, security: &Security) -> Said<Talk> {
    let target = &settings.target;
    let connected = dial::connect(&target.place).await;
    let mut stream = connected.map_err(|error| down(error.to_string()))?;
    if target.tls == Tls::Implicit {
        let secured = dial_tls(stream, settings, security).await;
        stream = secured.map_err(|error| tls(not_implicit(&error, &target.place)))?;
    }
    let mut talk = Talk {
        stream,
        read: Vec::new(),
        protocol: target.protocol,
        can: Capabilities::default(),
    };
    let greeting = talk.reply().await?;
    if greeting.code != 220 {
        return Err(down(words(&greeting)));
    }
    talk.hello(&settings.hello).await?;
    Ok(talk)
}

/// Why there is no TLS where it was to be there from the first octet on.
fn not_implicit(error: &dial::Untrusted, place: &Place) -> String {
    match (error.is_plain(), place) {
        // A greeting in clear is no TLS record: it is a port for STARTTLS, or for neither.
        (true, Place::Tcp { host, port }) => {
            let host = match host.contains(':') {
                true => format!("[{host}]"),
                false => host.clone(),
            };
            format!(
                "it speaks no TLS from the first octet on: write smtp://{host}:{port}?tls=required in \
                 mail.inject if it offers STARTTLS, else smtp://{host}:{port}"
            )
        }
        _ => error.to_string(),
    }
}

async fn secure(
    stream: Box<dyn Stream>,
    settings: &Settings,
    security: &Security,
) -> Said<Box<dyn Stream>> {
    let secured = dial_tls(stream, settings, security).await;
    secured.map_err(|error| tls(error.to_string()))
}

async fn dial_tls(
    stream: Box<dyn Stream>,
    settings: &Settings,
    security: &Security,
) -> Result<Box<dyn Stream>, dial::Untrusted> {
    let target = &settings.target;
    let host = match &target.place {
        Place::Tcp { host, .. } => host.as_str(),
        Place::Unix(_) => "localhost",
    };
    let name = target.name.as_deref().unwrap_or(host);
    let strict = target.tls != Tls::May;
    let secured = security
        .secure(stream, name, settings.ca.as_deref(), strict)
        .await;
    secured.map_err(|error| dial::Untrusted {
        name: name.to_owned(),
        error,
    })
}

impl Talk {
    async fn hello(&mut self, name: &str) -> Said<()> {
        let (verb, other) = match self.protocol {
            Protocol::Smtp => ("EHLO", "LMTP: write lmtp:// or lmtp+unix:"),
            Protocol::Lmtp => ("LHLO", "SMTP: write smtp:// or smtp+unix:"),
        };
        let reply = self.command(&format!("{verb} {name}")).await?;
        if matches!(reply.code, 500 | 502 | 503) {
            let said = words(&reply);
            return Err(down(format!(
                "it may speak {other} in mail.inject ({said})"
            )));
        }
        if !reply.is_done() {
            return Err(down(words(&reply)));
        }
        self.can = Capabilities::read(&reply);
        Ok(())
    }

    async fn start_tls(mut self, settings: &Settings, security: &Security) -> Said<Self> {
        if !self.can.starttls {
            return Err(tls("it does not offer STARTTLS".into()));
        }
        let reply = self.command("STARTTLS").await?;
        if reply.code != 220 {
            return Err(tls(words(&reply)));
        }
        if !self.read.is_empty() {
            // Somebody in between wants it to be heard as if it came through TLS.
            return Err(tls("it speaks before TLS has begun".into()));
        }
        self.stream = secure(self.stream, settings, security).await?;
        self.hello(&settings.hello).await?;
        Ok(self)
    }

    /// PLAIN (RFC 4616), else LOGIN. Only where TLS, or this machine, keeps it from others' eyes: see
    /// [`super::Target::with`].
    async fn log_in(&mut self, settings: &Settings) -> Said<()> {
        let Some(login) = &settings.login else {
            return Ok(());
        };
        let (user, password) = (&login.user, login.password.expose());
        let encode = |text: &str| Zeroizing::new(STANDARD.encode(text));
        let reply = if self.can.plain {
            let both = Zeroizing::new(format!("\0{user}\0{password}"));
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *encode(&both)));
            self.command(&line).await?
        } else if self.can.login {
            let mut reply = self.command("AUTH LOGIN").await?;
            for answer in [encode(user), encode(password)] {
                if reply.code == 334 {
                    reply = self.command(&answer).await?;
                }
            }
            reply
        } else {
            let why = "it offers no login with PLAIN or LOGIN";
            return Err(Failure::Ours(Trouble::Login(why.into())));
        };
        match reply.code {
            235 => Ok(()),
            // RFC 4954 §6: temporary, say of a server whose list of users is away.
            400..500 => Err(down(words(&reply))),
            _ => Err(Failure::Ours(Trouble::Login(words(&reply)))),
        }
    }

    /// Whether it still listens.
    pub async fn is_alive(&mut self) -> bool {
        self.command("NOOP")
            .await
            .is_ok_and(|reply| reply.is_done())
    }

    /// Says goodbye; nobody waits for the answer.
    pub async fn quit(&mut self) {
        let _ = self.stream.write_all(b"QUIT\r\n").await;
        let _ = self.stream.flush().await;
        let _ = self.stream.shutdown().await;
    }

    /// Hands a mail in. `Ok`: the MTA has it for good.
    pub async fn hand_in(&mut self, parcel: &Parcel<'_>) -> Said<()> {
        let mail = self.mail_from(parcel)?;
        let reply = self.command(&mail).await?;
        if !reply.is_done() {
            return Err(refusal(&reply));
        }
        let rcpt = format!("RCPT TO:<{}>", parcel.recipient);
        let reply = self.command(&rcpt).await?;
        if !reply.is_done() {
            return Err(refusal(&reply));
        }
        let reply = self.command("DATA").await?;
        if reply.code != 354 {
            return Err(refusal(&reply));
        }
        self.write(&stuffed(parcel.mail)).await?;
        // In LMTP an answer for each recipient (RFC 2033 §4.2): there is one.
        let reply = self.reply().await?;
        match reply.is_done() {
            true => Ok(()),
            false => Err(refusal(&reply)),
        }
    }

    /// The MAIL command, or why this MTA cannot take the mail.
    fn mail_from(&self, parcel: &Parcel<'_>) -> Said<String> {
        let size = parcel.mail.len() as u64;
        let mut line = format!("MAIL FROM:<{}>", parcel.sender);
        if let Some(most) = self.can.size {
            if most > 0 && size > most {
                let why = format!("the mail has {size} octets, and the mail server takes {most}");
                return Err(Failure::Refused(why));
            }
            line += &format!(" SIZE={size}");
        }
        if !parcel.mail.is_ascii() {
            if !self.can.eight_bit {
                let why = "the mail has 8-bit text, and the mail server takes none (8BITMIME)";
                return Err(Failure::Refused(why.into()));
            }
            line += " BODY=8BITMIME";
        }
        if !(parcel.sender.is_ascii() && parcel.recipient.is_ascii()) {
            if !self.can.utf8 {
                let why = "the address is not ASCII, and the mail server takes no such addresses (SMTPUTF8)";
                return Err(Failure::Refused(why.into()));
            }
            line += " SMTPUTF8";
        }
        Ok(line)
    }

    async fn command(&mut self, line: &str) -> Said<Reply> {
        let line = Zeroizing::new(format!("{line}\r\n"));
        self.write(line.as_bytes()).await?;
        self.reply().await
    }

    async fn write(&mut self, octets: &[u8]) -> Said<()> {
        let written = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match written.await {
            Ok(()) => Ok(()),
            // Who hangs up may have said why before.
            Err(error) => match self.reply().await {
                Ok(reply) => Err(down(words(&reply))),
                Err(_) => Err(lost(&error)),
            },
        }
    }

    async fn reply(&mut self) -> Said<Reply> {
        loop {
            match Reply::read(&self.read) {
                Ok(Some((reply, used))) => {
                    self.read.drain(..used);
                    return Ok(reply);
                }
                Ok(None) => {}
                Err(malformed) => return Err(down(malformed.to_string())),
            }
            let mut chunk = [0; 4096];
            debug_assert!(self.read.len() <= MAX_REPLY + chunk.len());
            match self.stream.read(&mut chunk).await {
                Ok(0) => return Err(lost(&io::Error::other("it hung up"))),
                Ok(read) => self.read.extend_from_slice(&chunk[..read]),
                Err(error) => return Err(lost(&error)),
            }
        }
    }
}

/// What an answer that is no yes, to MAIL or later, means for the mail.
fn refusal(reply: &Reply) -> Failure {
    let said = words(reply);
    let wants_login = matches!(reply.status(), Some((5, 7, 8..=11)));
    match reply.code {
        // RFC 4954 §6 and RFC 3207 §4: it will not hear us like this, whatever the mail.
        530 | 538 if said.to_ascii_uppercase().contains("STARTTLS") => tls(said),
        530 | 534 | 535 | 538 => Failure::Ours(Trouble::Login(said)),
        500.. if wants_login => Failure::Ours(Trouble::Login(said)),
        // Not in order, or not known: it speaks otherwise than we do, and says nothing of the mail.
        500 | 502 | 503 | 504 => Failure::Later(said),
        // RFC 5321 §3.8: it closes.
        421 => down(said),
        500.. => Failure::Refused(said),
        _ => Failure::Later(said),
    }
}

fn down(why: String) -> Failure {
    Failure::Ours(Trouble::Down(compose::line(&why, MAX_WORDS)))
}

fn tls(why: String) -> Failure {
    Failure::Ours(Trouble::Tls(compose::line(&why, MAX_WORDS)))
}

/// Between greeting and answer: the next mail may fare better.
fn lost(error: &io::Error) -> Failure {
    let why = format!("the connection to the mail server was lost: {error}");
    Failure::Later(compose::line(&why, MAX_WORDS))
}

/// The MTA's words, on one line.
fn words(reply: &Reply) -> String {
    compose::line(&reply.words(), MAX_WORDS)
}

/// What goes between DATA and its answer (RFC 5321 §4.5.2). Of the mail every line ends CRLF, but perhaps the
/// last.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|&octet| octet == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let (reply, _) = Reply::read(format!("{line}\r\n").as_bytes())
            .expect(line)
            .expect(line);
        let kind = match refusal(&reply) {
            Failure::Ours(Trouble::Down(_)) => "down",
            Failure::Ours(Trouble::Tls(_)) => "tls",
            Failure::Ours(Trouble::Login(_)) => "login",
            Failure::Later(_) => "later",
            Failure::Refused(_) => "refused",
        };
        assert_eq!(kind, expected, "{line}");
    }

    #[test]
    fn what_answers_mean() {
        for (line, expected) in [
            (
                "450 4.2.0 <a@b>: Recipient address rejected: Greylisted",
                "later",
            ),
            ("451 4.3.0 try later", "later"),
            ("452 4.3.1 no room", "later"),
            ("421 4.3.2 closing", "down"),
            ("550 5.1.1 no such user", "refused"),
            ("552 5.2.2 mailbox full", "refused"),
            ("554 5.7.1 relay access denied", "refused"),
            ("553 5.1.3 bad address", "refused"),
            ("501 5.1.3 bad address", "refused"),
            ("530 5.7.0 Must issue a STARTTLS command first", "tls"),
            ("530 5.7.0 Authentication required", "login"),
            ("535 5.7.8 wrong", "login"),
            ("550 5.7.11 encryption needed", "login"),
            ("503 5.5.1 send hello first", "later"),
            ("250 2.0.0 not what was asked for", "later"),
        ] {
            check(line, expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_ends_its_mail(mail in "([a.]|\r\n){0,30}") {
            let wire = String::from_utf8(stuffed(mail.as_bytes())).expect("ASCII");
            let (body, end) = wire.split_at(wire.len() - 3);
            prop_assert_eq!(end, ".\r\n");
            prop_assert!(body.is_empty() || body.ends_with("\r\n"));
            prop_assert!(body.lines().all(|line| line != "."));
            // RFC 5321 §4.5.2, the other side.
            let read: String = body.lines().map(|l| format!("{}\r\n", l.strip_prefix('.').unwrap_or(l))).collect();
            let whole = if mail.is_empty() || mail.ends_with("\r\n") { mail } else { format!("{mail}\r\n") };
            prop_assert_eq!(read, whole);
        }
    }
}
