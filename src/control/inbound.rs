//! Received SMS that are stuck, for admins: what nobody wants, what nobody can read, and floods.
//!
//! Texts are let go whole: what was settled at one time (the parts of a text, by which they know each other) is
//! released in one transaction, and leased in one by the delivering task. What nobody would get stays where it is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use super::{Desk, Refused};
use crate::sms::{MessageId, Number, Party};
use crate::store::{Content, Inbound, InboundState, Judgement};
use crate::wire::pdu::hex;

/// Decided about in one transaction, and those that were settled with the last of them; of a flood there are many.
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
    /// Deliver them, with the other parts of their texts.
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
                let (count, left) = self.let_go(&which).await?;
                info!(event = "inbound-released", count, left, of = ?which.sender, all = which.all);
                Ok(vec![json!({ "released": count, "left": left })])
            }
            InboundRequest::Drop(which) => {
                let count = self.discard(&which).await?;
                info!(event = "inbound-dropped", count, of = ?which.sender, all = which.all);
                Ok(vec![json!({ "dropped": count })])
            }
        }
    }

    /// Lets them go; how many those are, and how many stay because nobody would get them.
    async fn let_go(&self, which: &Which) -> Result<(u64, u64), Refused> {
        let store = &self.outbound.store;
        if !which.ids.is_empty() {
            let named = self.named(&which.ids, Judgement::Release).await?;
            let rows = self.whole_texts(named).await?;
            let nobodys = self.inbound.for_nobody(rows.clone()).await?;
            let is_named = |row: &&Inbound| which.ids.contains(&row.id.to_string());
            let mut stay = rows.iter().filter(|row| nobodys.contains(&row.id));
            if let Some(row) = stay.clone().find(is_named).or_else(|| stay.next()) {
                return Err(for_nobody(row));
            }
            let ids = rows.iter().map(|row| row.id).collect();
            let now = self.outbound.world.now();
            let judged = store.judge_inbound(now, ids, Judgement::Release).await?;
            return Ok((judged, 0));
        }
        let (mut count, mut left) = (0, 0);
        for round in rounds(self.stuck(which).await?) {
            let mut rows = Vec::with_capacity(round.len());
            for id in round {
                rows.extend(store.find_inbound(id).await?);
            }
            let nobodys = self.inbound.for_nobody(rows.clone()).await?;
            left += nobodys.len() as u64;
            let ids = rows.iter().map(|row| row.id);
            let ids = ids.filter(|id| !nobodys.contains(id)).collect();
            let now = self.outbound.world.now();
            count += store.judge_inbound(now, ids, Judgement::Release).await?;
        }
        Ok((count, left))
    }

    /// Is done with them; how many those are.
    async fn discard(&self, which: &Which) -> Result<u64, Refused> {
        let store = &self.outbound.store;
        let rounds = match which.ids.is_empty() {
            true => rounds(self.stuck(which).await?),
            false => {
                let named = self.named(&which.ids, Judgement::Drop).await?;
                vec![named.iter().map(|row| row.id).collect()]
            }
        };
        let mut count = 0;
        for ids in rounds {
            let now = self.outbound.world.now();
            count += store.judge_inbound(now, ids, Judgement::Drop).await?;
        }
        Ok(count)
    }

    /// Those of these ids, if all of them are there and can be judged so.
    async fn named(&self, ids: &[String], judgement: Judgement) -> Result<Vec<Inbound>, Refused> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let row = self.outbound.store.find_inbound(parse(id)?).await?;
            let row = row.ok_or_else(|| none(id))?;
            may(&row, judgement)?;
            found.push(row);
        }
        Ok(found)
    }

    /// These, and what else is stuck of their texts.
    async fn whole_texts(&self, named: Vec<Inbound>) -> Result<Vec<Inbound>, Refused> {
        let senders: BTreeSet<Party> = named.iter().filter_map(sender).cloned().collect();
        let texts: BTreeSet<Timestamp> = named.iter().map(|row| row.due).collect();
        // One look through all of them is enough for any number of senders.
        let only = senders.first().filter(|_| senders.len() == 1);
        let mut all: BTreeMap<_, _> = named.into_iter().map(|row| (row.id, row)).collect();
        let mut before = None;
        loop {
            let store = &self.outbound.store;
            let rows = store.stuck_inbound(only, before, AT_ONCE).await?;
            let Some(last) = rows.last() else {
                return Ok(all.into_values().collect());
            };
            before = Some(last.id);
            let is_of_them = |row: &Inbound| {
                texts.contains(&row.due) && sender(row).is_some_and(|from| senders.contains(from))
            };
            let rows = rows.into_iter().filter(is_of_them);
            all.extend(rows.map(|row| (row.id, row)));
        }
    }

    /// All that are stuck, of this sender or of all, and when they were settled: 32 octets each, so that a million
    /// of them can be put in order.
    async fn stuck(&self, which: &Which) -> Result<Vec<(Timestamp, MessageId)>, Refused> {
        let sender = which.sender.as_deref().map(|sender| self.party(sender));
        if sender.is_none() && !which.all {
            let what = "say which: ids as inbound list prints them, a sender, or all";
            return Err(Refused::Usage(what.to_owned()));
        }
        let (mut before, mut found) = (None, Vec::new());
        loop {
            let store = &self.outbound.store;
            let rows = store
                .stuck_inbound(sender.as_ref(), before, AT_ONCE)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            before = Some(last.id);
            found.extend(rows.iter().map(|row| (row.due, row.id)));
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

/// Rounds of some [`AT_ONCE`], oldest first, each with all that were settled at one time.
fn rounds(mut stuck: Vec<(Timestamp, MessageId)>) -> Vec<Vec<MessageId>> {
    stuck.sort_unstable();
    let mut rounds: Vec<Vec<MessageId>> = Vec::new();
    for text in stuck.chunk_by(|a, b| a.0 == b.0) {
        let ids = text.iter().map(|(_, id)| *id);
        match rounds.last_mut().filter(|round| round.len() < AT_ONCE) {
            Some(round) => round.extend(ids),
            None => rounds.push(ids.collect()),
        }
    }
    rounds
}

fn sender(row: &Inbound) -> Option<&Party> {
    match &row.received.content {
        Content::Sms { from, .. } => Some(from),
        Content::Undecodable { .. } => None,
    }
}

/// Why it stays where it is.
fn for_nobody(row: &Inbound) -> Refused {
    let (id, gateway) = (row.id, &row.received.gateway);
    Refused::Unavailable(format!(
        "{id} stays: nobody would get it. Set incoming.default (or default of the gateway {gateway}), reload, and \
         release it again"
    ))
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
                InboundState::Quarantined => "one of a flood, with parts missing".into(),
                InboundState::Undeliverable => "nobody to deliver it to".into(),
                _ => Value::Null,
            };
        }
        Content::Undecodable { reason } => line["why"] = reason.as_str().into(),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_round_ends_within_a_text() {
        let at = |second: i64| Timestamp::from_second(second).expect("time");
        let id = |n: u64| MessageId::new(n, [0; 10]);
        // Texts of 100 parts each, whose parts came one of each in turn.
        let stuck: Vec<_> = (0..1_000).map(|n| (at(n as i64 % 10), id(n))).collect();
        let rounds = rounds(stuck);
        let sizes: Vec<_> = rounds.iter().map(Vec::len).collect();
        assert_eq!(sizes, [300, 300, 300, 100]);
        assert_eq!(rounds[0][..3], [0, 10, 20].map(id));
        assert_eq!(super::rounds(Vec::new()), Vec::<Vec<MessageId>>::new());
    }
}
