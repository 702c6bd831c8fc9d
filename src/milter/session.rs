//! What the MTA has said in one session, by lifetime: the connection's part and the mail's part.
//!
//! Collects and asks [`Outbound`]; decides nothing. Nothing here knows indymilter's contexts, so the
//! whole of it is plain calls.
//!
//! Limits, each for one mail: [`MAX_SMS`] SMS recipients, [`MAX_HEADER`] octets and [`MAX_FIELDS`]
//! fields of header, `max_message` octets of body; for all mails together [`MAX_MEMORY`] octets.

use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::access::credentials::Certificate;
use crate::mail::Reply;
use crate::mail::address::Verbatim;
use crate::mail::dsn::{OfMail, OfRecipient};
use crate::mail::text::RawMail;
use crate::outbound::plan::Planner;
use crate::outbound::{AtEnd, AtRcpt, Client, Envelope, Outbound, Recipient};
use crate::secret::Secret;

use super::line::Line;

/// SMS recipients of one mail: Postfix's own limit for all of them (smtpd_recipient_limit).
pub const MAX_SMS: usize = 1_000;

/// Octets of header fields that are kept, threats T27. The field that goes beyond is kept as the last
/// one: that is how the reader of the mail sees that there was too much.
pub const MAX_HEADER: usize = 256 * 1024;

/// Header fields that are kept, as [`MAX_HEADER`].
pub const MAX_FIELDS: usize = 1_000;

/// Octets of header and body that are kept for all mails in hand: a dozen of the largest, T28.
pub const MAX_MEMORY: usize = 128 * 1024 * 1024;

/// A mail below this may use the last quarter of [`MAX_MEMORY`] too: large and slow mails do not keep
/// an alarm out.
const SMALL: usize = 256 * 1024;

/// What the vectors and strings of a header field cost beside their octets.
const FIELD_COST: usize = 64;

/// Postfix gives up on a command after 30 s and on an end of message after 300 s, a person with a mail
/// program after a minute.
pub const ANSWER_TIME: Duration = Duration::from_secs(25);

/// What all sessions share.
pub struct Door {
    /// Who decides.
    pub outbound: Arc<Outbound>,
    /// Octets of a body that are kept.
    pub max_message: usize,
    /// Octets that are kept.
    pub memory: Arc<Memory>,
    /// Calls of `at_end` that run: they run to their end whatever becomes of the session.
    pub ends: TaskTracker,
}

/// Octets that are kept for all mails.
#[derive(Default)]
pub struct Memory(AtomicUsize);

/// What of [`Memory`] one mail has; given back when dropped.
struct Share {
    memory: Arc<Memory>,
    held: usize,
}

impl Share {
    fn new(memory: Arc<Memory>) -> Self {
        Self { memory, held: 0 }
    }

    /// Takes `octets` more, unless there are too many already.
    fn grow(&mut self, octets: usize) -> bool {
        let limit = if self.held + octets > SMALL {
            MAX_MEMORY / 4 * 3
        } else {
            MAX_MEMORY
        };
        let add = |used: usize| used.checked_add(octets).filter(|sum| *sum <= limit);
        let is_taken = self
            .memory
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add)
            .is_ok();
        if is_taken {
            self.held += octets;
        }
        is_taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.held, Ordering::AcqRel);
    }
}

/// One session.
pub struct Session {
    door: Arc<Door>,
    /// The stream below.
    pub line: Arc<Line>,
    /// SMFIP_NR_HDR and SMFIP_NR_EOH were agreed on.
    pub is_silent: Silent,
    /// SMFIP_SKIP was agreed on.
    pub may_skip: bool,
    mail: Option<Mail>,
}

/// The stages that get no answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent {
    /// Header fields.
    pub header: bool,
    /// The end of the header.
    pub eoh: bool,
}

/// What the MTA says beside MAIL.
#[derive(Debug, Default)]
pub struct MailMacros<'a> {
    /// `{auth_authen}`.
    pub auth: Option<&'a CStr>,
    /// `{daemon_name}`.
    pub daemon: Option<&'a CStr>,
    /// `v`: which MTA it is.
    pub version: Option<&'a CStr>,
    /// `{verify}`: what Sendmail says of the client's certificate.
    pub verify: Option<&'a CStr>,
    /// `{cn_subject}` (Sendmail) and `{cert_subject}`.
    pub subject: [Option<&'a CStr>; 2],
    /// `{cn_issuer}` (Sendmail) and `{cert_issuer}`.
    pub issuer: [Option<&'a CStr>; 2],
    /// `i`: Sendmail has it already.
    pub queue_id: Option<&'a CStr>,
}

impl MailMacros<'_> {
    /// The client's certificate, if the MTA has verified it. Postfix only says whose it is when it has, and
    /// knows no `{verify}`; Sendmail says it of any, and `{verify}` tells. Whoever else says neither is not
    /// believed.
    fn certificate(&self) -> Option<Certificate> {
        let version = self.version.and_then(text).unwrap_or_default();
        let is_verified = match self.verify.and_then(text) {
            Some(verify) => verify == "OK",
            None => version.starts_with("Postfix"),
        };
        let first = |names: &[Option<&CStr>]| names.iter().flatten().find_map(|name| text(name));
        let name = first(&self.subject).filter(|_| is_verified)?;
        Some(Certificate {
            name,
            issuer: first(&self.issuer),
        })
    }
}

/// One mail.
struct Mail {
    /// What judges it, to its end.
    planner: Arc<Planner>,
    envelope: Envelope,
    recipients: Vec<Recipient>,
    others: usize,
    raw: RawMail,
    header_octets: usize,
    share: Share,
    /// What is wrong with the whole mail: answered at its end.
    refusal: Option<Reply>,
}

/// The answer to the end of a message.
#[derive(Debug, PartialEq)]
pub enum End {
    /// Nothing of it is ours.
    NotOurs,
    /// Ours, durable: delete these recipients, then accept.
    Taken {
        /// DELRCPT arguments.
        delete: Vec<CString>,
        /// For [`Outbound::ended_in_order`].
        weak: Vec<[u8; 32]>,
    },
    /// Not taken.
    Refused(Reply),
}

/// What to answer to a part of the body.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// Go on.
    Continue,
    /// The rest is of no use.
    Enough,
}

impl Session {
    /// A session of which nothing is known yet.
    pub fn new(door: Arc<Door>, line: Arc<Line>) -> Self {
        Self {
            door,
            line,
            is_silent: Silent::default(),
            may_skip: false,
            mail: None,
        }
    }

    /// MAIL. `args[0]`: the sender; the further ones: ESMTP parameters.
    pub fn mail(&mut self, args: &[CString], macros: &MailMacros<'_>) {
        let sender = args.first().map(|a| lossy(a)).unwrap_or_default();
        let esmtp: Vec<String> = args.iter().skip(1).map(|a| lossy(a)).collect();
        self.mail = Some(Mail {
            planner: self.door.outbound.planner(),
            envelope: Envelope {
                sender: bare(&sender).to_owned(),
                auth: macros.auth.and_then(text),
                certificate: macros.certificate(),
                client: self.line.client(),
                daemon: macros.daemon.and_then(text),
                queue_id: macros.queue_id.and_then(text),
                dsn: OfMail::read(&esmtp),
            },
            recipients: Vec::new(),
            others: 0,
            raw: RawMail::default(),
            header_octets: 0,
            share: Share::new(self.door.memory.clone()),
            refusal: None,
        });
        self.line.set_mail(true);
    }

    /// RCPT. `Some`: refused.
    pub async fn rcpt(&mut self, args: &[CString], queue_id: Option<&CStr>) -> Option<Reply> {
        let (Some(mail), Some(argument)) = (&mut self.mail, args.first()) else {
            return Some(Reply::new(451, "4.3.0", "RCPT without MAIL"));
        };
        mail.set_queue_id(queue_id);
        // DELRCPT must say it octet for octet, so only what is UTF-8 can be taken.
        let verbatim = argument.to_str().ok();
        let rcpt = Secret::new(lossy(argument));
        let esmtp: Vec<String> = args[1..].iter().map(|a| lossy(a)).collect();
        let esmtp = Zeroizing::new(esmtp);
        let refusal = match at_rcpt(&self.door.outbound, mail, rcpt.expose(), &esmtp).await {
            AtRcpt::NotOurs => {
                mail.others += 1;
                return None;
            }
            AtRcpt::Taken(_) if verbatim.is_none() => {
                Reply::new(553, "5.1.3", "the address of an SMS must be ASCII or UTF-8")
            }
            AtRcpt::Taken(_) if mail.recipients.len() >= MAX_SMS => {
                Reply::new(452, "4.5.3", "too many SMS recipients in one mail")
            }
            AtRcpt::Taken(recipient) => {
                mail.recipients.push(*recipient);
                return None;
            }
            AtRcpt::Refused(reply) => reply,
        };
        mail.refuse_recipient(verbatim, OfRecipient::read(&esmtp), refusal)
    }

    /// DATA. `false`: nothing of the mail is ours, and it is done with.
    pub fn data(&mut self, queue_id: Option<&CStr>) -> bool {
        let is_ours = self.mail.as_mut().is_some_and(|mail| {
            mail.set_queue_id(queue_id);
            mail.is_ours()
        });
        if !is_ours {
            self.drop_mail();
        }
        is_ours
    }

    /// A header field.
    pub fn header(&mut self, name: CString, value: CString) {
        if let Some(mail) = &mut self.mail {
            mail.header(name.into_bytes(), value.into_bytes());
        }
    }

    /// A part of the body.
    pub fn body(&mut self, octets: &[u8]) -> Body {
        match &mut self.mail {
            Some(mail) => mail.body(octets, self.door.max_message),
            None => Body::Continue,
        }
    }

    /// The end of the message. What is taken is durable, even when the answer comes too late to say so.
    pub async fn end(&mut self, queue_id: Option<&CStr>) -> End {
        let Some(mut mail) = self.mail.take() else {
            return End::NotOurs;
        };
        mail.set_queue_id(queue_id);
        if !mail.is_ours() {
            return End::NotOurs;
        }
        let (sms, others) = (mail.recipients.len(), mail.others);
        let queue_id = mail.envelope.queue_id.clone().unwrap_or_default();
        let answer = match mail.refusal.take() {
            Some(reply) => AtEnd::Refuse(reply),
            None => at_end(&self.door, mail).await,
        };
        match answer {
            AtEnd::Accept { delete, weak } => {
                info!(queue_id, sms, others, event = "taken");
                // A NUL cannot be in what came as a C string.
                let delete = delete
                    .into_iter()
                    .filter_map(|rcpt| CString::new(rcpt.expose()).ok())
                    .collect();
                End::Taken { delete, weak }
            }
            AtEnd::Refuse(reply) => {
                // Not the text: it may name a number.
                info!(
                    queue_id,
                    sms,
                    others,
                    event = "refused",
                    code = reply.code,
                    status = reply.enhanced
                );
                End::Refused(reply)
            }
        }
    }

    /// The client of the mail's outbound keys: for [`Line::at_next_command`].
    pub fn outbound(&self) -> Arc<Outbound> {
        self.door.outbound.clone()
    }

    /// The mail is done with, one way or another.
    pub fn drop_mail(&mut self) {
        self.mail = None;
        self.line.set_mail(false);
    }
}

impl Mail {
    fn is_ours(&self) -> bool {
        !self.recipients.is_empty() || self.refusal.is_some()
    }

    /// Postfix knows its queue id from the second recipient on.
    fn set_queue_id(&mut self, queue_id: Option<&CStr>) {
        if let Some(id) = queue_id.and_then(text) {
            self.envelope.queue_id = Some(id);
        }
    }

    /// Refuses a recipient of ours; for local submission later, because a refusal at RCPT would keep
    /// the whole mail in Postfix's maildrop for ever.
    fn refuse_recipient(
        &mut self,
        verbatim: Option<&str>,
        dsn: OfRecipient,
        reply: Reply,
    ) -> Option<Reply> {
        info!(
            queue_id = self.envelope.queue_id.as_deref().unwrap_or_default(),
            event = "refused",
            at = "rcpt",
            code = reply.code,
            status = reply.enhanced
        );
        if self.envelope.client != Client::Local {
            return Some(reply);
        }
        match verbatim {
            Some(rcpt) if self.recipients.len() < MAX_SMS => self.recipients.push(Recipient {
                rcpt: Verbatim::new(rcpt),
                dsn,
                taken: Err(reply),
            }),
            // It cannot be deleted, or there are too many: that will not change.
            _ => {
                self.refusal.get_or_insert(Reply {
                    code: 554,
                    enhanced: "5.1.3",
                    ..reply
                });
            }
        }
        None
    }

    fn header(&mut self, name: Vec<u8>, value: Vec<u8>) {
        let is_over = self.header_octets > MAX_HEADER || self.raw.headers.len() > MAX_FIELDS;
        let octets = name.len() + value.len();
        self.header_octets = self.header_octets.saturating_add(octets);
        if is_over || !self.is_ours() || self.refusal.is_some() {
            return;
        }
        if self.share.grow(octets + FIELD_COST) {
            self.raw.headers.push((name, value));
        } else {
            self.refuse_for_memory();
        }
    }

    fn body(&mut self, octets: &[u8], max: usize) -> Body {
        if !self.is_ours() || self.refusal.is_some() {
            return Body::Enough;
        }
        let body = &mut self.raw.body;
        let room = max.saturating_sub(body.len());
        let octets = if octets.len() > room {
            self.raw.truncated = true;
            &octets[..room]
        } else {
            octets
        };
        let needed = body.len() + octets.len();
        if needed > body.capacity() {
            let capacity = needed.max(body.capacity() * 2).min(max);
            if !self.share.grow(capacity - body.capacity()) {
                self.refuse_for_memory();
                return Body::Enough;
            }
            body.reserve_exact(capacity - body.len());
        }
        body.extend_from_slice(octets);
        if self.raw.truncated {
            Body::Enough
        } else {
            Body::Continue
        }
    }

    fn refuse_for_memory(&mut self) {
        warn!(
            queue_id = self.envelope.queue_id.as_deref().unwrap_or_default(),
            event = "no-memory",
            "too much mail at once for {} MiB of memory; the client will try again",
            MAX_MEMORY >> 20
        );
        self.raw = RawMail::default();
        self.share = Share::new(self.share.memory.clone());
        self.refusal = Some(Reply::new(451, "4.3.1", "too much mail at once, try again"));
    }
}

const LATE: &str = "the SMS gateway did not answer in time";
const BROKEN: &str = "the SMS gateway has an internal error";

/// [`Outbound::at_rcpt`], which may be dropped: nothing is durable at RCPT.
async fn at_rcpt(outbound: &Outbound, mail: &Mail, rcpt: &str, esmtp: &[String]) -> AtRcpt {
    let queue_id = mail.envelope.queue_id.as_deref().unwrap_or_default();
    let asked = outbound.at_rcpt(&mail.planner, &mail.envelope, rcpt, esmtp);
    let asked = AssertUnwindSafe(asked).catch_unwind();
    match timeout(ANSWER_TIME, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            error!(
                queue_id,
                event = "panic",
                "panic at RCPT: this is a bug, please report it"
            );
            AtRcpt::Refused(Reply::new(451, "4.3.0", BROKEN))
        }
        Err(_) => {
            warn!(
                queue_id,
                event = "late",
                "no answer to RCPT in {ANSWER_TIME:?}"
            );
            AtRcpt::Refused(Reply::new(451, "4.3.0", LATE))
        }
    }
}

/// [`Outbound::at_end`], in a task of its own: what it has begun to write stands, also when we had to
/// say 451 because it took too long. The key of the mail then makes the client's repeat harmless; its
/// weak keys stay, because the client knows that it has to repeat.
async fn at_end(door: &Door, mail: Mail) -> AtEnd {
    let queue_id = mail.envelope.queue_id.clone().unwrap_or_default();
    let outbound = door.outbound.clone();
    let end = door.ends.spawn(async move {
        let Mail {
            planner,
            envelope,
            recipients,
            others,
            raw,
            share,
            ..
        } = mail;
        let answer = outbound
            .at_end(&planner, &envelope, recipients, others > 0, raw)
            .await;
        drop(share);
        answer
    });
    match timeout(ANSWER_TIME, end).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => {
            error!(
                queue_id,
                event = "panic",
                "panic at the end of a message: this is a bug, please report it"
            );
            AtEnd::Refuse(Reply::new(451, "4.3.0", BROKEN))
        }
        Err(_) => {
            warn!(
                queue_id,
                event = "late",
                "no answer to the end of a message in {ANSWER_TIME:?}"
            );
            AtEnd::Refuse(Reply::new(451, "4.3.0", LATE))
        }
    }
}

fn lossy(argument: &CStr) -> String {
    argument.to_string_lossy().into_owned()
}

/// A macro's value, unless empty.
fn text(value: &CStr) -> Option<String> {
    Some(lossy(value)).filter(|v| !v.is_empty())
}

/// An address without its `<>`.
fn bare(address: &str) -> &str {
    address
        .strip_prefix('<')
        .and_then(|a| a.strip_suffix('>'))
        .unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_counts_when_the_mta_has_verified_it() {
        let postfix = Some(c"Postfix 3.7.11");
        let sendmail = Some(c"8.17.1.9");
        let own = [None, Some(c"monitor")];
        let both = [Some(c"monitor"), Some(c"/CN=monitor")];
        let none = [None, None];
        for (version, verify, subject, expected) in [
            (postfix, None, own, Some("monitor")),
            (postfix, None, none, None),
            (postfix, None, [None, Some(c"")], None),
            (sendmail, Some(c"OK"), both, Some("monitor")),
            (sendmail, Some(c"OK"), [None, Some(c"/CN=x")], Some("/CN=x")),
            (sendmail, Some(c"FAIL"), both, None),
            (sendmail, Some(c"NO"), both, None),
            (sendmail, Some(c""), both, None),
            (sendmail, None, both, None),
            (None, None, both, None),
        ] {
            let macros = MailMacros {
                version,
                verify,
                subject,
                ..MailMacros::default()
            };
            let found = macros.certificate().map(|certificate| certificate.name);
            assert_eq!(found.as_deref(), expected, "{macros:?}");
        }
    }
}
