//! The door for the admin's commands: JSON lines over a unix socket that only we may open.
//!
//! A client writes one [`Request`] a connection; we answer with lines: objects, then
//! `{"ok":true}` or `{"error":"…"}`. With no daemon the commands open the store themselves and ask the
//! same [`Desk`], so there is one way to do each thing.

mod gateways;
mod held;
mod inbound;
mod mails;
mod optout;
mod phonebook;
mod tokens;
mod users;
mod waiting;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::gateways::Listed;
pub use self::inbound::{InboundRequest, Which};
pub use self::mails::{MailRequest, These};
pub use self::phonebook::PhonebookRequest;
use crate::gateway::simulated::{Direction, Simulated, Written};
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::outbound::wishes::{self, Wishes};
use crate::pace::Complaint;
use crate::sms::{MessageId, Number};
use crate::store::{Filter, Message, PartState, State, StoreError};
use crate::wire::pdu::hex;

/// A request is a command line at most.
const MAX_REQUEST: u64 = 1 << 20;
/// A client that says nothing is not kept.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a command asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Messages, newest first.
    List {
        /// Only these states; empty: all that are not final.
        states: Vec<String>,
        /// Final ones too.
        all: bool,
        /// At most this many; 0: all.
        limit: usize,
    },
    /// One message, with its parts.
    Show {
        /// Its id.
        id: String,
    },
    /// Send it now, not later.
    Retry {
        /// Its id.
        id: String,
    },
    /// Do not send them.
    Cancel {
        /// Their ids.
        ids: Vec<String>,
    },
    /// Let messages go that are held.
    Release {
        /// These.
        ids: Vec<String>,
        /// All that are held.
        all: bool,
        /// Those of this sender.
        sender: Option<String>,
    },
    /// What each user and account has sent.
    Users,
    /// Sets back what an account has used.
    ResetUser {
        /// Its address or login.
        name: String,
        /// So much of its credit is left; else nothing is used of its month.
        credit: Option<u32>,
    },
    /// Sets back what the whole site has used of the day.
    ResetSite,
    /// What would become of a message now, as far as what is used decides that.
    Foresee {
        /// Who pays.
        account: String,
        /// To whom.
        number: String,
        /// What it costs.
        segments: u8,
        /// `alarm`, `normal` or `bulk`.
        class: String,
    },
    /// How many there are of what.
    Stats,
    /// The gateways and how they do.
    Gateways,
    /// Read the configuration again.
    Reload,
    /// The SIM that is in the modem of a gateway is meant.
    AcceptSim {
        /// The gateway.
        id: String,
    },
    /// Send a text, or data.
    Send {
        /// As people write it.
        number: String,
        /// The text; with the wish `binary` the data, written as that says.
        text: String,
        /// In whose name.
        account: String,
        /// Names and values, as in addresses (spec 2.1).
        #[serde(default)]
        wishes: Vec<(String, String)>,
    },
    /// Make a token.
    CreateToken {
        /// Who pays: address or login.
        user: String,
        /// For which numbers, as people write them.
        to: Vec<String>,
        /// Until when: `30d`, or a day.
        expires: String,
        /// How many messages it brings.
        uses: Option<u32>,
    },
    /// The tokens.
    Tokens,
    /// End a token.
    RevokeToken {
        /// Its id.
        id: String,
    },
    /// For whom a token pays, if it is good.
    FindToken {
        /// SHA-256 of the token, hex.
        digest: String,
    },
    /// Phones that want no SMS.
    OptOuts,
    /// Puts a phone on that list.
    OptOut {
        /// As people write it.
        number: String,
        /// For people.
        #[serde(default)]
        note: Option<String>,
    },
    /// Takes a phone off it.
    OptIn {
        /// As people write it.
        number: String,
    },
    /// Of the phonebook.
    Phonebook(PhonebookRequest),
    /// Of received SMS.
    Inbound(InboundRequest),
    /// Of mails for the MTA.
    Mails(MailRequest),
    /// The phones of the simulated network.
    Phones,
    /// What one of them shows.
    Phone {
        /// Its number.
        number: String,
    },
    /// An SMS from one of them.
    Reply {
        /// Its number.
        number: String,
        /// What it writes; with the wish `binary` the data, written as that says.
        text: String,
        /// `binary`, `udh`, `pid`, `dcs`, as in `Send`.
        #[serde(default)]
        wishes: Vec<(String, String)>,
    },
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The request makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing, or not in that state.
    #[error("{0}")]
    Unavailable(String),
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks for a reload. The answer: what an admin may want to change; or what is wrong, and then nothing has
/// changed.
pub type Reload = mpsc::Sender<oneshot::Sender<Result<Vec<String>, String>>>;

/// Who does it.
pub struct Desk {
    /// The outbound path, with its store.
    pub outbound: Arc<Outbound>,
    /// The inbound path.
    pub inbound: Arc<Inbound>,
    /// The simulated networks.
    pub simulated: Vec<Arc<Simulated>>,
    /// Has the configuration read again; `None`: there is no daemon that runs by it.
    pub reload: Option<Reload>,
    /// All gateways of the configuration.
    pub gateways: Vec<Listed>,
}

impl Desk {
    /// Does what is asked; the lines to print.
    pub async fn answer(&self, request: Request) -> Result<Vec<Value>, Refused> {
        match request {
            Request::List { states, all, limit } => self.list(&states, all, limit).await,
            Request::Show { id } => self.show(&id).await,
            Request::Retry { id } => self.retry(&id).await,
            Request::Cancel { ids } => self.cancel(&ids).await,
            Request::Release { ids, all, sender } => {
                self.release(&ids, all, sender.as_deref()).await
            }
            Request::Users => self.users().await,
            Request::ResetUser { name, credit } => self.reset_user(&name, credit).await,
            Request::ResetSite => {
                self.outbound.store.reset_site_day().await?;
                Ok(vec![])
            }
            Request::Foresee {
                account,
                number,
                segments,
                class,
            } => self.foresee(&account, &number, segments, &class).await,
            Request::Stats => self.stats().await,
            Request::Gateways => self.gateways().await,
            Request::Reload => self.reload().await,
            Request::AcceptSim { id } => self.accept_sim(&id).await,
            Request::Send {
                number,
                text,
                account,
                wishes,
            } => self.send(&number, &text, &account, &wishes).await,
            Request::CreateToken {
                user,
                to,
                expires,
                uses,
            } => self.create_token(&user, &to, &expires, uses).await,
            Request::Tokens => self.list_tokens().await,
            Request::RevokeToken { id } => self.revoke_token(&id).await,
            Request::FindToken { digest } => self.find_token(&digest).await,
            Request::OptOuts => self.opt_outs().await,
            Request::OptOut { number, note } => self.opt_out(&number, note).await,
            Request::OptIn { number } => self.opt_in(&number).await,
            Request::Phonebook(request) => self.phonebook(request).await,
            Request::Inbound(request) => self.inbound(request).await,
            Request::Mails(request) => self.mails(request).await,
            Request::Phones => self.phones(),
            Request::Phone { number } => self.phone(&number),
            Request::Reply {
                number,
                text,
                wishes,
            } => self.reply(&number, &text, &wishes).await,
        }
    }

    async fn reload(&self) -> Result<Vec<Value>, Refused> {
        let gone = || Refused::Unavailable("no daemon runs here that could reload".to_owned());
        let reload = self.reload.as_ref().ok_or_else(gone)?;
        let (answer, answered) = oneshot::channel();
        reload.send(answer).await.map_err(|_| gone())?;
        let warnings = answered.await.map_err(|_| gone())?;
        let warnings = warnings.map_err(Refused::Unavailable)?;
        let line = |warning: String| json!({ "warning": warning });
        Ok(warnings.into_iter().map(line).collect())
    }

    async fn list(
        &self,
        states: &[String],
        all: bool,
        limit: usize,
    ) -> Result<Vec<Value>, Refused> {
        let unknown = |name: &String| {
            let names: Vec<_> = STATES.iter().map(|s| s.name()).collect();
            Refused::Usage(format!("{name} is no state; they are {}", names.join(", ")))
        };
        let find = |name: &String| STATES.into_iter().find(|s| s.name() == name);
        let mut wanted = Vec::new();
        for name in states {
            wanted.push(find(name).ok_or_else(|| unknown(name))?);
        }
        if wanted.is_empty() && !all {
            wanted = STATES.into_iter().filter(|s| !s.is_final()).collect();
        }
        let filter = Filter {
            states: wanted,
            account: None,
            limit,
        };
        let messages = self.outbound.store.list(filter).await?;
        let gateways = self.gateways().await?;
        let line = |message: &Message| {
            let mut line = brief(message);
            line["waits_for"] = waiting::waits_for(message, &gateways).into();
            line
        };
        Ok(messages.iter().map(line).collect())
    }

    async fn message(&self, id: &str) -> Result<Message, Refused> {
        let parsed = MessageId::parse(id)
            .ok_or_else(|| Refused::Usage(format!("{id} is no message id; see queue list")))?;
        let found = self.outbound.store.find(parsed).await?;
        found.ok_or_else(|| Refused::Unavailable(format!("there is no message {id}")))
    }

    async fn show(&self, id: &str) -> Result<Vec<Value>, Refused> {
        let message = self.message(id).await?;
        let mut shown = whole(&message);
        shown["waits_for"] = waiting::waits_for(&message, &self.gateways().await?).into();
        Ok(vec![shown])
    }

    async fn retry(&self, id: &str) -> Result<Vec<Value>, Refused> {
        let message = self.message(id).await?;
        self.outbound
            .retry_now(message)
            .await
            .map_err(Refused::Unavailable)?;
        Ok(vec![])
    }

    async fn cancel(&self, ids: &[String]) -> Result<Vec<Value>, Refused> {
        for id in ids {
            let cancelled = self.outbound.cancel(self.message(id).await?).await;
            cancelled.map_err(Refused::Unavailable)?;
        }
        Ok(vec![])
    }

    async fn stats(&self) -> Result<Vec<Value>, Refused> {
        let counts = self.outbound.store.counts().await?;
        let messages: serde_json::Map<String, Value> = counts
            .messages
            .iter()
            .map(|(s, n)| (s.name().to_owned(), (*n).into()))
            .collect();
        Ok(vec![json!({
            "messages": messages, "inbound_open": counts.inbound_open,
            "inbound_stuck": counts.inbound_stuck, "mails": counts.mails,
            "mails_stuck": counts.mails_stuck,
        })])
    }

    async fn send(
        &self,
        number: &str,
        text: &str,
        account: &str,
        wishes: &[(String, String)],
    ) -> Result<Vec<Value>, Refused> {
        let number = self.number(number)?;
        let wishes = read_wishes(wishes)?;
        match self
            .outbound
            .submit_text(
                account,
                number,
                self.outbound.planner().region(),
                text,
                wishes,
            )
            .await
        {
            Ok(message) => Ok(vec![brief(&message)]),
            Err(reply) => Err(Refused::Unavailable(reply.text)),
        }
    }

    fn number(&self, text: &str) -> Result<Number, Refused> {
        Number::parse(text, self.outbound.planner().region())
            .map_err(|error| Refused::Usage(error.to_string()))
    }

    fn network(&self) -> Result<(), Refused> {
        match self.simulated.is_empty() {
            true => Err(Refused::Unavailable(
                "no simulated phones: add a gateway of type simulated to the configuration, \
                 and start sms-milter run"
                    .into(),
            )),
            false => Ok(()),
        }
    }

    fn phones(&self) -> Result<Vec<Value>, Refused> {
        self.network()?;
        let all = self.simulated.iter().flat_map(|network| network.phones());
        Ok(all
            .map(|p| {
                json!({"number": p.number.as_str(), "messages": p.messages,
                       "last_at": p.last_at.to_string()})
            })
            .collect())
    }

    fn phone(&self, number: &str) -> Result<Vec<Value>, Refused> {
        self.network()?;
        let number = self.number(number)?;
        let all = self
            .simulated
            .iter()
            .flat_map(|network| network.show(&number));
        Ok(all
            .map(|m| {
                let direction = if m.direction == Direction::In {
                    "in"
                } else {
                    "out"
                };
                let mut shown = json!({"number": number.as_str(), "direction": direction,
                    "text": m.text, "at": m.at.to_string(), "parts": m.parts, "flash": m.flash,
                    "pid": m.marks.pid, "dcs": m.marks.dcs, "meaning": m.meaning().sentences});
                if let Some(data) = &m.data {
                    shown["data"] = hex(data).into();
                    shown["udh"] = hex(&m.marks.udh).into();
                }
                shown
            })
            .collect())
    }

    async fn reply(
        &self,
        number: &str,
        text: &str,
        wishes: &[(String, String)],
    ) -> Result<Vec<Value>, Refused> {
        self.network()?;
        let wishes = read_wishes(wishes)?;
        let payload = wishes.payload(text);
        let payload = payload.map_err(|error| Refused::Usage(error.to_string()))?;
        let written = Written {
            text: match payload {
                Some(_) => String::new(),
                None => text.to_owned(),
            },
            payload,
            pid: wishes.pid.unwrap_or(0),
            dcs: wishes.dcs,
        };
        let number = self.number(number)?;
        // The network that wrote last is the one the phone answers.
        let last = |n: &&Arc<Simulated>| n.show(&number).last().map(|m| m.at);
        let network = self.simulated.iter().max_by_key(last);
        match network {
            Some(network) => match network.reply(&number, &written, None).await {
                Ok(()) => Ok(vec![]),
                Err(error) => Err(Refused::Unavailable(error.to_string())),
            },
            None => Ok(vec![]),
        }
    }
}

fn read_wishes(pairs: &[(String, String)]) -> Result<Wishes, Refused> {
    let mut wishes = Wishes::default();
    let usage = |error: wishes::WishError| Refused::Usage(error.to_string());
    for (name, value) in pairs {
        if !wishes.set(name, value).map_err(usage)? {
            return Err(Refused::Usage(format!(
                "{name} is nothing that can be asked"
            )));
        }
    }
    wishes.check().map_err(usage)?;
    Ok(wishes)
}

const STATES: [State; 9] = [
    State::Queued,
    State::Sending,
    State::Sent,
    State::Delivered,
    State::Failed,
    State::Expired,
    State::Unknown,
    State::Held,
    State::Cancelled,
];

/// The keys that programs may rely on (spec 14).
fn brief(message: &Message) -> Value {
    let sent = message
        .parts
        .iter()
        .filter(|p| matches!(p.state, PartState::Sent { .. }))
        .count();
    let total = if message.parts.is_empty() {
        message.segments.into()
    } else {
        message.parts.len()
    };
    let error = message.error.as_ref().map(|why| match &message.refused_by {
        Some(gateway) => format!("{gateway}: {why}"),
        None => why.to_string(),
    });
    let gateway = message.begun.as_ref().or(message.refused_by.as_ref());
    json!({
        "id": message.id.to_string(), "state": message.state.name(), "sender": message.account,
        "number": message.number.as_str(), "gateway": gateway, "segments_sent": sent,
        "segments_total": total, "attempts": message.attempts,
        "unknowns": message.parts.iter().map(|p| p.unknowns).sum::<u32>(),
        "created": message.created.to_string(), "next_attempt": message.next_attempt.to_string(),
        "error": error,
    })
}

fn whole(message: &Message) -> Value {
    let mut value = brief(message);
    let state = |part: &crate::store::Part| match &part.state {
        PartState::Queued => json!({"state": "queued"}),
        PartState::Handed { gateway, at } => {
            json!({"state": "handed", "gateway": gateway, "at": at.to_string()})
        }
        PartState::Sent {
            gateway,
            reference,
            at,
        } => {
            json!({"state": "sent", "gateway": gateway, "reference": reference, "at": at.to_string()})
        }
        PartState::Unknown {
            gateway,
            at,
            reason,
        } => {
            json!({"state": "unknown", "gateway": gateway, "reason": reason, "at": at.to_string()})
        }
        PartState::Failed { reason } => json!({"state": "failed", "reason": reason}),
    };
    let part = |part: &crate::store::Part| {
        let mut shown = state(part);
        shown["text"] = part.text.clone().into();
        shown["unknowns"] = part.unknowns.into();
        shown
    };
    value["text"] = message.text.clone().into();
    if let Some(payload) = &message.payload {
        value["data"] = hex(&payload.data).into();
        value["udh"] = hex(&payload.udh).into();
        value["meaning"] = wishes::sentences(message).into();
    }
    let attributes = message.attributes;
    value["flash"] = (message.flash || attributes.class == Some(0)).into();
    value["message_class"] = attributes.class.into();
    value["pid"] = attributes.pid.into();
    value["dcs"] = attributes.dcs.into();
    value["encoding"] = message.encoding.name().into();
    value["class"] = message.class.name().into();
    value["high"] = message.high.into();
    value["not_before"] = message.not_before.map(|at| at.to_string()).into();
    value["sender_id"] = message.sender_id.clone().into();
    value["reply_to"] = message.reply_to.clone().into();
    value["recipient"] = message.origin.recipient.clone().into();
    value["subject"] = message.origin.subject.clone().into();
    value["message_id"] = message.origin.message_id.clone().into();
    value["queue_id"] = message.origin.queue_id.clone().into();
    let asked = &message.origin.dsn;
    let notify = asked.recipient.notify;
    value["notify"] = notify.map(|notify| notify.to_string()).into();
    value["ret"] = asked.mail.ret.map(|ret| ret.name()).into();
    value["envid"] = asked.mail.envid.clone().into();
    let orcpt = asked.recipient.orcpt.as_ref();
    value["orcpt"] = orcpt.map(|orcpt| orcpt.to_string()).into();
    value["expires"] = message.expires.to_string().into();
    value["parts"] = message.parts.iter().map(part).collect();
    value["confirm"] = message.confirm.into();
    value["private"] = message.private.into();
    if message.private {
        hide(&mut value);
    }
    value
}

/// Takes out what is for the phone and its sender only (`Sensitivity`, spec 4).
fn hide(value: &mut Value) {
    for key in ["text", "subject", "data"] {
        if value.get(key).is_some() {
            value[key] = Value::Null;
        }
    }
    for part in value["parts"].as_array_mut().into_iter().flatten() {
        part["text"] = Value::Null;
    }
}

/// Opens the socket at `path`, mode 0600; one that nobody listens on is replaced.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another sms-milter listens there",
        ));
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers until `stop`.
pub async fn serve(listener: UnixListener, desk: Arc<Desk>, mut stop: watch::Receiver<bool>) {
    let mut failed = Complaint::default();
    while !*stop.borrow() {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let desk = Arc::clone(&desk);
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &desk).await {
                            tracing::debug!(%error, event = "control-lost");
                        }
                    });
                }
                // Out of descriptors: others will be given back.
                Err(error) => {
                    if failed.is_due(Instant::now()) {
                        tracing::warn!(%error, event = "control-accept");
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            },
            _ = stop.changed() => {}
        }
    }
}

async fn converse(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(MAX_REQUEST));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => desk.answer(request).await,
        Err(error) => Err(Refused::Usage(format!(
            "this request cannot be read: {error}"
        ))),
    };
    let mut out = String::new();
    match answer {
        Ok(lines) => {
            for line in lines {
                out += &format!("{line}\n");
            }
            out += "{\"ok\":true}\n";
        }
        Err(refused) => {
            let usage = matches!(refused, Refused::Usage(_));
            out += &format!(
                "{}\n",
                json!({"error": refused.to_string(), "usage": usage})
            );
        }
    }
    write.write_all(out.as_bytes()).await
}

/// Asks the daemon at `path`. `None`: there is no daemon.
pub async fn ask(
    path: &Path,
    request: &Request,
) -> io::Result<Option<Result<Vec<Value>, Refused>>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    stream
        .write_all(format!("{}\n", serde_json::to_string(request)?).as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let mut lines = Vec::new();
    for line in answer.lines() {
        let value: Value = serde_json::from_str(line)?;
        if value.get("ok").is_some() {
            return Ok(Some(Ok(lines)));
        }
        if let Some(error) = value
            .get("error")
            .and_then(Value::as_str)
            .filter(|_| value.get("usage").is_some())
        {
            let refused = match value["usage"].as_bool() {
                Some(true) => Refused::Usage(error.into()),
                _ => Refused::Unavailable(error.into()),
            };
            return Ok(Some(Err(refused)));
        }
        lines.push(value);
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the daemon stopped in the middle of its answer",
    ))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_line_is_a_request_or_none(line: Vec<u8>) {
            let _ = serde_json::from_slice::<Request>(&line);
        }

        #[test]
        fn what_is_read_is_written(
            verb in "list|show|reload|counts|[a-z-]{1,8}", states in prop::collection::vec("\\PC{0,6}", 0..3),
            all: bool, limit: usize, id in "\\PC{0,20}",
        ) {
            for line in [
                json!({"do": verb, "states": states, "all": all, "limit": limit}),
                json!({"do": verb, "id": id}),
                json!({"do": verb}),
            ] {
                if let Ok(request) = serde_json::from_value::<Request>(line) {
                    let written = serde_json::to_string(&request).expect("a request is JSON");
                    prop_assert_eq!(serde_json::from_str::<Request>(&written).expect("ours"), request);
                }
            }
        }
    }
}
