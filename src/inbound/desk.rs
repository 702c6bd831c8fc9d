//! What the delivering task has in memory between rounds: texts that wait for their parts or for the
//! phone's answer, and what the store did not take yet.
//!
//! All of it is in the store too, or can be done without: after a restart the leases are gone and the
//! rows come again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use super::address::Recipient;
use super::join::{Join, Joined};
use super::whole::{Piece, Whole, assemble};
use crate::sms::{MessageId, Number};
use crate::store::{self, Content, InboundState};

/// Partial mails that are remembered for their late parts.
const MAX_FOLLOWED: usize = 10_000;

/// Texts of one phone that wait for its answer. More of them do not find the answer: they go to the
/// default recipient when their time is over.
const MAX_ASKED: usize = 100;

/// Octets that nobody could read are shown up to here: a PDU has 176 at most, a provider's request
/// that makes no sense says so soon.
const MAX_DUMP: usize = 4096;

/// Octets in a line of hex.
const LINE: usize = 32;

/// Something to be done, again if the store did not take it.
pub(super) enum Work {
    /// A text to be addressed.
    Text(Whole),
    /// The phone did not answer our question in time.
    Unanswered(Whole),
    /// A part that was there already.
    Duplicate(MessageId),
    /// What nobody could read.
    Unreadable {
        id: MessageId,
        gateway: String,
        at: Timestamp,
        reason: String,
        /// Octet for octet.
        raw: Vec<u8>,
    },
}

/// What is in memory between rounds.
pub(super) struct Desk {
    pub(super) join: Join,
    pub(super) again: Vec<Work>,
    /// What the phones were asked about.
    asked: HashMap<Number, Vec<Whole>>,
    /// Who got the beginning of a text of which a part is late.
    pub(super) followed: HashMap<MessageId, Vec<Recipient>>,
    followed_order: VecDeque<MessageId>,
    /// Since when texts wait for a directory of users.
    puzzles: HashMap<MessageId, Timestamp>,
}

impl Desk {
    pub(super) fn new(join_wait: Duration) -> Self {
        Self {
            join: Join::new(join_wait),
            again: Vec::new(),
            asked: HashMap::new(),
            followed: HashMap::new(),
            followed_order: VecDeque::new(),
            puzzles: HashMap::new(),
        }
    }

    /// A directory does not say whose a text is; since when it does not. There are no more of them than
    /// of what is to be done again.
    pub(super) fn puzzles_since(&mut self, text: MessageId, now: Timestamp) -> Timestamp {
        *self.puzzles.entry(text).or_insert(now)
    }

    /// A text is decided, one way or the other.
    pub(super) fn is_solved(&mut self, text: MessageId) {
        self.puzzles.remove(&text);
    }

    /// What is to be done about leased rows.
    pub(super) fn sort_out(&mut self, now: Timestamp, leased: Vec<store::Inbound>) -> Vec<Work> {
        let (asked, open): (Vec<_>, Vec<_>) = leased
            .into_iter()
            .partition(|row| row.state == InboundState::Asked);
        let mut work: Vec<Work> = texts(asked).into_iter().map(Work::Unanswered).collect();
        for row in open {
            let id = row.id;
            match piece(row) {
                Ok(piece) => match self.join.insert(now, piece) {
                    Joined::Waits => {}
                    Joined::Duplicate => work.push(Work::Duplicate(id)),
                    Joined::Done(whole) => work.push(Work::Text(*whole)),
                    Joined::Evicted(wholes) => {
                        warn!(event = "joining-full", texts = wholes.len());
                        work.extend(wholes.into_iter().map(Work::Text));
                    }
                },
                Err(unreadable) => work.push(*unreadable),
            }
        }
        work
    }

    /// The texts about which this phone was asked.
    pub(super) fn asked(&self, phone: Option<&Number>) -> &[Whole] {
        phone
            .and_then(|phone| self.asked.get(phone))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn remember_asked(&mut self, whole: Whole) {
        if let Some(phone) = whole.from.number() {
            let asked = self.asked.entry(phone.clone()).or_default();
            if asked.len() < MAX_ASKED {
                asked.push(whole);
            }
        }
    }

    pub(super) fn forget_asked(&mut self, phone: &Number, done: impl Fn(MessageId) -> bool) {
        if let Some(asked) = self.asked.get_mut(phone) {
            asked.retain(|whole| !done(whole.id));
            if asked.is_empty() {
                self.asked.remove(phone);
            }
        }
    }

    pub(super) fn remember_followed(&mut self, first: MessageId, recipients: Vec<Recipient>) {
        if self.followed_order.len() >= MAX_FOLLOWED
            && let Some(oldest) = self.followed_order.pop_front()
        {
            self.followed.remove(&oldest);
        }
        self.followed_order.push_back(first);
        self.followed.insert(first, recipients);
    }
}

/// The texts of rows that were asked about; those of one text were settled in one transaction, so
/// they have their time in common.
pub(super) fn texts(rows: Vec<store::Inbound>) -> Vec<Whole> {
    let mut sets: Vec<(Timestamp, Vec<Piece>)> = Vec::new();
    for row in rows {
        let due = row.due;
        let Ok(piece) = piece(row) else { continue };
        let same = |known: &&mut (Timestamp, Vec<Piece>)| {
            known.0 == due && known.1.first().is_some_and(|first| belong(first, &piece))
        };
        match sets.iter_mut().find(same) {
            Some((_, pieces)) => pieces.push(piece),
            None => sets.push((due, vec![piece])),
        }
    }
    sets.into_iter()
        .filter_map(|(_, pieces)| assemble(pieces))
        .collect()
}

fn belong(a: &Piece, b: &Piece) -> bool {
    let set = |piece: &Piece| piece.concat.map(|c| (c.reference, c.wide, c.parts));
    a.from == b.from && a.gateway == b.gateway && a.concat.is_some() && set(a) == set(b)
}

/// What of a row matters for its text.
fn piece(row: store::Inbound) -> Result<Piece, Box<Work>> {
    let store::Received {
        gateway,
        at,
        content,
        raw,
        ..
    } = row.received;
    match content {
        Content::Sms {
            from,
            to,
            text,
            binary,
            concat,
            marks,
            sent,
        } => Ok(Piece {
            id: row.id,
            gateway,
            from,
            to,
            text,
            data: binary,
            marks,
            concat,
            sent,
            at,
        }),
        Content::Undecodable { reason } => Err(Box::new(Work::Unreadable {
            id: row.id,
            gateway,
            at,
            reason,
            raw,
        })),
    }
}

/// Octets in hex, in lines that no mail program breaks; no modem and no provider gives more than
/// [`MAX_DUMP`] that an admin would read.
pub(super) fn dump(octets: &[u8]) -> String {
    let lines = octets
        .chunks(LINE)
        .take(MAX_DUMP / LINE)
        .map(crate::wire::pdu::hex);
    let mut lines: Vec<String> = lines.collect();
    if octets.len() > MAX_DUMP {
        lines.push(format!("… {} octets in all", octets.len()));
    }
    lines.join("\n")
}
