//! The milter door: what an MTA says becomes calls of [`Outbound`], and their answers become replies.
//!
//! ```text
//! negotiate, CONNECT                    Session
//!   MAIL    begins a mail
//!   RCPT *  Outbound::at_rcpt           250, or a refusal of this recipient
//!   DATA    no SMS recipient: ACCEPT    ordinary mail costs nothing more
//!   header *, EOH, body *               collected
//!   EOM     Outbound::at_end            durable, then DELRCPT each, then ACCEPT; or a refusal
//!   ABORT, QUIT, EOF                    forgotten
//! ```
//!
//! Decides nothing. Never deletes a recipient before [`Outbound::at_end`] has said that it is durable:
//! a DELRCPT that has been sent stays in force when we die. Never says DISCARD: it would take the
//! ordinary recipients along. Never deletes by anything but the RCPT argument, octet for octet.
//!
//! The key of a mail without a Message-ID of its own holds only until the MTA goes on with its session
//! ([`Line::at_next_command`]): MAIL, ABORT or QUIT release it, a connection that breaks does not.
//! Which of them came because the *client* knows that the mail was taken cannot be told (Postfix sends
//! ABORT at once, and ABORT QUIT for a client that is gone): in doubt the same content is sent again,
//! because a second alarm beats a lost one.
//!
//! Limits: [`session`] and [`line`](mod@line) have those of a mail and of a command, [`listen`] those of
//! connections. Replies are one line of ASCII, at most [`MAX_LINE`] octets.

pub mod line;
pub mod listen;
pub mod session;

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indymilter::{
    Actions, Callbacks, Context, ContextActions, EomContext, MacroStage, NegotiateContext,
    ProtoOpts, SetErrorReply, SmtpReply, Status,
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use crate::mail::Reply;
use crate::outbound::Outbound;

pub use line::Line;
pub use listen::{Bound, Listen};
use session::{Body, Door, End, MailMacros, Memory, Session, Silent};

/// What the administrator decides about the milter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the MTA finds us.
    pub listen: Listen,
    /// Octets of a mail's body that are read.
    pub max_message: u64,
    /// Sessions at a time: more than the MTA has smtpd and cleanup processes, else its clients wait for
    /// their banner.
    pub max_connections: usize,
}

/// Takes the place where the MTA will find us. Say "ready" after it: what connects now waits.
pub async fn bind(settings: &Settings) -> io::Result<Bound> {
    Bound::new(&settings.listen).await
}

/// Serves until `stop` turns true; mails in hand are finished ([`listen::GRACE`]).
pub async fn serve(
    bound: Bound,
    settings: &Settings,
    outbound: Arc<Outbound>,
    stop: watch::Receiver<bool>,
) {
    let door = Arc::new(Door {
        outbound,
        max_message: usize::try_from(settings.max_message).unwrap_or(usize::MAX),
        memory: Arc::new(Memory::default()),
        ends: TaskTracker::new(),
    });
    let ends = door.ends.clone();
    listen::serve(bound, settings.max_connections, stop, |line| {
        callbacks(&door, line)
    })
    .await;
    ends.close();
    // Those that were answered 451 for being late; the process would cut them off half way.
    if tokio::time::timeout(LAST, ends.wait()).await.is_err() {
        warn!(
            mails = ends.len(),
            event = "stopped-late",
            "still being stored at the stop"
        );
    }
}

/// After [`listen::GRACE`], for a store that has only just come to life again.
const LAST: Duration = Duration::from_secs(3);

/// One session's callbacks. None for CONNECT: the line reads it, and indymilter cannot always.
fn callbacks(door: &Arc<Door>, line: Arc<Line>) -> Callbacks<Session> {
    let door = door.clone();
    Callbacks::new()
        .on_negotiate(move |cx, actions, opts| {
            let session = Session::new(door.clone(), line.clone());
            Box::pin(async move { negotiate(cx, session, actions, opts) })
        })
        .on_mail(|cx, args| Box::pin(async move { mail(cx, &args) }))
        .on_rcpt(|cx, args| Box::pin(rcpt(cx, args)))
        .on_data(|cx| Box::pin(async move { data(cx) }))
        .on_header(|cx, name, value| Box::pin(async move { header(cx, name, value) }))
        .on_eoh(|cx| Box::pin(async move { eoh(cx) }))
        .on_body(|cx, chunk| Box::pin(async move { body(cx, &chunk) }))
        .on_eom(|cx| Box::pin(eom(cx)))
        .on_abort(|cx| Box::pin(async move { abort(cx) }))
        .on_close(|cx| Box::pin(async move { abort(cx) }))
}

/// Options that help; each is asked for when the MTA has it. Not NO_DATA: ordinary mail is let go at
/// DATA. Not NO_EOH: indymilter cannot follow a mail without header fields then. Not LEADING_SPACE:
/// values come without their first blank.
const WANTED: ProtoOpts = ProtoOpts::NO_HELO
    .union(ProtoOpts::NO_UNKNOWN)
    .union(ProtoOpts::NOREPLY_HEADER)
    .union(ProtoOpts::NOREPLY_EOH)
    .union(ProtoOpts::SKIP);

/// Macros by stage. A request replaces the stage's default list. `j` at MAIL is there so that the list
/// is never empty: an empty one is not sent, and the last mail's would stay.
const MACROS: [(MacroStage, &std::ffi::CStr); 5] = [
    (
        MacroStage::Connect,
        c"j v _ {daemon_name} {client_addr} {client_port}",
    ),
    (
        MacroStage::Mail,
        c"i j {auth_authen} {auth_type} {mail_addr} {verify} {cert_subject} {cert_issuer} {cn_subject} {cn_issuer}",
    ),
    (MacroStage::Rcpt, c"i {rcpt_addr}"),
    (MacroStage::Data, c"i"),
    (MacroStage::Eom, c"i"),
];

fn negotiate(
    cx: &mut NegotiateContext<Session>,
    mut session: Session,
    offered: Actions,
    opts: ProtoOpts,
) -> Status {
    if !offered.contains(Actions::DELETE_RCPT) {
        error!(
            event = "negotiate",
            "the MTA does not let milters delete recipients, without which every SMS would also bounce: session closed"
        );
        // Anything but Continue closes it.
        return Status::Reject;
    }
    let agreed = opts & WANTED;
    cx.requested_actions = Actions::DELETE_RCPT;
    cx.requested_opts = agreed;
    if offered.contains(Actions::REQUEST_MACROS) {
        cx.requested_macros = HashMap::from(MACROS.map(|(stage, names)| (stage, names.to_owned())));
    }
    session.is_silent = Silent {
        header: agreed.contains(ProtoOpts::NOREPLY_HEADER),
        eoh: agreed.contains(ProtoOpts::NOREPLY_EOH),
    };
    session.may_skip = agreed.contains(ProtoOpts::SKIP);
    cx.data = Some(session);
    Status::Continue
}

fn mail(cx: &mut Context<Session>, args: &[CString]) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    // Never {auth_author}: Sendmail has there what an unauthenticated client wrote.
    let macros = MailMacros {
        auth: cx.macros.get(c"{auth_authen}"),
        daemon: cx.macros.get(c"{daemon_name}"),
        version: cx.macros.get(c"v"),
        verify: cx.macros.get(c"{verify}"),
        subject: [
            cx.macros.get(c"{cn_subject}"),
            cx.macros.get(c"{cert_subject}"),
        ],
        issuer: [
            cx.macros.get(c"{cn_issuer}"),
            cx.macros.get(c"{cert_issuer}"),
        ],
        queue_id: cx.macros.get(c"i"),
    };
    session.mail(args, &macros);
    Status::Continue
}

async fn rcpt(cx: &mut Context<Session>, args: Vec<CString>) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    match session.rcpt(&args, cx.macros.get(c"i")).await {
        None => Status::Continue,
        Some(reply) => refuse(&mut cx.reply, &reply),
    }
}

fn data(cx: &mut Context<Session>) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    if session.data(cx.macros.get(c"i")) {
        Status::Continue
    } else {
        Status::Accept
    }
}

fn header(cx: &mut Context<Session>, name: CString, value: CString) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    session.header(name, value);
    silent(session.is_silent.header)
}

fn eoh(cx: &mut Context<Session>) -> Status {
    silent(
        cx.data
            .as_ref()
            .is_some_and(|session| session.is_silent.eoh),
    )
}

fn silent(is_silent: bool) -> Status {
    if is_silent {
        Status::Noreply
    } else {
        Status::Continue
    }
}

fn body(cx: &mut Context<Session>, chunk: &Bytes) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    match session.body(chunk) {
        // The last part may come with the end of the message, which has one answer only.
        Body::Enough if session.may_skip && !session.line.is_at_end() => Status::Skip,
        Body::Enough | Body::Continue => Status::Continue,
    }
}

async fn eom(cx: &mut EomContext<Session>) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    let status = match session.end(cx.macros.get(c"i")).await {
        End::NotOurs => Status::Accept,
        End::Refused(reply) => refuse(&mut cx.reply, &reply),
        End::Taken { delete, weak } => {
            for rcpt in delete {
                if let Err(e) = cx.actions.delete_recipient(rcpt).await {
                    // An ACCEPT after it would let the MTA bounce what we send.
                    warn!(error = %e, event = "session-cut", "cannot tell the MTA which recipients are ours: session closed");
                    session.line.cut();
                    return Status::Tempfail;
                }
            }
            if !weak.is_empty() {
                let outbound = session.outbound();
                session
                    .line
                    .at_next_command(move || outbound.ended_in_order(weak));
            }
            Status::Accept
        }
    };
    // Not earlier: a stop waits for this. The answer itself is written before a session ends.
    session.drop_mail();
    status
}

fn abort(cx: &mut Context<Session>) -> Status {
    if let Some(session) = &mut cx.data {
        session.drop_mail();
    }
    Status::Continue
}

/// Octets of a reply line that milters may send (libmilter).
pub const MAX_LINE: usize = 980;

/// Sets the reply; the status goes with it. Immediately before the return: a reply that is not used
/// stays for the next refusal.
fn refuse(slot: &mut SmtpReply, reply: &Reply) -> Status {
    let is_temporary = reply.is_temporary();
    // A class that differs (550 4.7.1) makes Postfix drop the milter.
    let enhanced =
        Some(reply.enhanced).filter(|e| e.starts_with(if is_temporary { "4." } else { "5." }));
    if let Err(e) =
        slot.set_error_reply(&reply.code.to_string(), enhanced, [reply_text(&reply.text)])
    {
        error!(error = %e, code = reply.code, event = "reply", "not a reply; the MTA's own text is used");
    }
    if is_temporary {
        Status::Tempfail
    } else {
        Status::Reject
    }
}

/// One line of ASCII; `%` doubled, because MTAs read it as a format (Sendmail then discards the reply).
fn reply_text(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            ' '..='~' => c,
            _ => '?',
        };
        if line.len() + 2 > MAX_LINE {
            break;
        }
        line.push(c);
        if c == '%' {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_texts_are_safe_for_the_mta() {
        let check = |text: &str, expected: &str| assert_eq!(reply_text(text), expected, "{text:?}");
        check("", "");
        check("no such number", "no such number");
        check("50% off", "50%% off");
        check("a\r\n250 ok\0", "a??250 ok?");
        check("Größe", "Gr??e");
    }

    proptest::proptest! {
        #[test]
        fn reply_texts_have_a_limit(text in "(%|\\PC|[\r\n]){0,1200}") {
            let line = reply_text(&text);
            proptest::prop_assert!(line.len() <= MAX_LINE);
            proptest::prop_assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)));
            proptest::prop_assert_eq!(line.matches('%').count() % 2, 0);
        }
    }
}
