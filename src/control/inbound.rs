//! Received SMS that are stuck, for admins: what nobody wants, what nobody can read, and floods.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::{Desk, Refused};
use crate::sms::{MessageId, Number, Party};
use crate::store::{Content, Inbound, Judgement};
use crate::wire::pdu::hex;

/// Decided about in one transaction; of a flood there are many.
const AT_ONCE: usize = 256;

/// What a command asks about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "inbound", rename_all = "kebab-case", deny_unknown_fields)]
pub enum InboundRequest {
    /// Those that are stuck, newest first.
    List {
        /// Of this sender only.
        sender: Option<String>,
        /// At most this many; 0: all.
        limit: usize,
    },
    /// One received SMS, stuck or not.
    Show {
        /// Its id.
        id: String,
    },
    /// Deliver them.
    Release(Which),
    /// Do not; they stay in the store as long as what was delivered.
    Drop(Which),
}

/// About which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// These.
    pub ids: Vec<String>,
    /// All of this sender.
    pub sender: Option<String>,
    /// All.
    pub all: bool,
}

impl Desk {
    pub(super) async fn inbound(&self, request: InboundRequest) -> Result<Vec<Value>, Refused> {
        match request {
            InboundRequest::List { sender, limit } => {
                let max = if limit == 0 { usize::MAX } else { limit };
                let sender = sender.map(|sender| self.party(&sender));
                let store = &self.outbound.store;
                let rows = store.stuck_inbound(sender.as_ref(), None, max).await?;
                Ok(rows.iter().map(brief).collect())
            }
            InboundRequest::Show { id } => {
                let row = self.outbound.store.find_inbound(parse(&id)?).await?;
                let row = row.ok_or_else(|| none(&id))?;
                let mut shown = brief(&row);
                if let Content::Sms { text, binary, .. } = &row.received.content {
                    shown["text"] = text.as_str().into();
                    shown["data"] = binary.as_deref().map(hex).into();
                }
                shown["raw"] = hex(&row.received.raw).into();
                Ok(vec![shown])
            }
            InboundRequest::Release(which) => {
                let count = self.judge(&which, Judgement::Release).await?;
                info!(event = "inbound-released", count, of = ?which.sender, all = which.all);
                Ok(vec![json!({ "released": count })])
            }
            InboundRequest::Drop(which) => {
                let count = self.judge(&which, Judgement::Drop).await?;
                info!(event = "inbound-dropped", count, of = ?which.sender, all = which.all);
                Ok(vec![json!({ "dropped": count })])
            }
        }
    }

    /// Decides about them; how many that were.
    async fn judge(&self, which: &Which, judgement: Judgement) -> Result<u64, Refused> {
        let (store, now) = (&self.outbound.store, || self.outbound.world.now());
        if !which.ids.is_empty() {
            let mut ids = Vec::new();
            for id in &which.ids {
                let parsed = parse(id)?;
                let row = store.find_inbound(parsed).await?;
                may(&row.ok_or_else(|| none(id))?, judgement)?;
                ids.push(parsed);
            }
            return Ok(store.judge_inbound(now(), ids, judgement).await?);
        }
        let sender = which.sender.as_deref().map(|sender| self.party(sender));
        if sender.is_none() && !which.all {
            let what = "say which: ids as inbound list prints them, a sender, or all";
            return Err(Refused::Usage(what.to_owned()));
        }
        let (mut before, mut count) = (None, 0);
        loop {
            let rows = store
                .stuck_inbound(sender.as_ref(), before, AT_ONCE)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(count);
            };
            before = Some(last.id);
            let ids = rows.iter().map(|row| row.id).collect();
            count += store.judge_inbound(now(), ids, judgement).await?;
        }
    }

    /// A sender as people write it, or as a list shows it.
    fn party(&self, text: &str) -> Party {
        match Number::parse(text, self.outbound.planner().region()) {
            Ok(number) if !text.bytes().all(|b| b.is_ascii_digit()) => Party::Number(number),
            _ => Party::from_network(text),
        }
    }
}

fn parse(id: &str) -> Result<MessageId, Refused> {
    MessageId::parse(id)
        .ok_or_else(|| Refused::Usage(format!("{id} is no id of an SMS; see inbound list")))
}

fn none(id: &str) -> Refused {
    Refused::Unavailable(format!("there is no received SMS {id}"))
}

/// Whether that can be decided about it.
fn may(row: &Inbound, judgement: Judgement) -> Result<(), Refused> {
    let (id, state) = (row.id, row.state);
    if !state.is_stuck() {
        let text = format!("{id} is {}: there is nothing to decide", state.name());
        return Err(Refused::Unavailable(text));
    }
    match (&row.received.content, judgement) {
        (Content::Undecodable { reason }, Judgement::Release) => {
            Err(Refused::Unavailable(format!(
                "{id} could not be read ({reason}), so there is no text to deliver; inbound show {id} prints its octets"
            )))
        }
        _ => Ok(()),
    }
}

fn brief(row: &Inbound) -> Value {
    let received = &row.received;
    let mut line = json!({
        "id": row.id.to_string(), "state": row.state.name(), "gateway": received.gateway,
        "received": received.at.to_string(), "sender": null, "part": null, "why": null,
    });
    match &received.content {
        Content::Sms { from, concat, .. } => {
            line["sender"] = from.to_string().into();
            line["part"] = concat.map(|c| format!("{}/{}", c.part, c.parts)).into();
            line["why"] = match row.state {
                crate::store::InboundState::Quarantined => {
                    "one of a flood, with parts missing".into()
                }
                crate::store::InboundState::Undeliverable => "nobody to deliver it to".into(),
                _ => Value::Null,
            };
        }
        Content::Undecodable { reason } => line["why"] = reason.as_str().into(),
    }
    line
}
