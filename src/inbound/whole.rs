//! The parts of an SMS, and the text they make (spec 8.1; TS 23.040 §9.2.3.24.1).
//!
//! Pure. Parts join without a blank; a part that is missing leaves a mark on a line of its own. Data
//! join too, octet to octet, and never over a gap.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::mail::words::Words;
use crate::sms::{Concat, Marks, MessageId, Number, Party};

/// One part, as much of it as matters here.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its row in the store.
    pub id: MessageId,
    /// By which gateway it came.
    pub gateway: String,
    /// From whom.
    pub from: Party,
    /// Our number, when the network said so or the gateway has one.
    pub to: Option<Number>,
    /// Its share of the text.
    pub text: String,
    /// Its share of the data, when it is no text.
    pub data: Option<Vec<u8>>,
    /// What it said beside that.
    pub marks: Marks,
    /// Where it stands; `None`: it is all there is.
    pub concat: Option<Concat>,
    /// The service centre's time.
    pub sent: Option<Timestamp>,
    /// When it was received; the wait begins with the first part.
    pub at: Timestamp,
}

/// A text, whole or as much as there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// The row of its first part: its name.
    pub id: MessageId,
    /// The rows it is made of, the first part first.
    pub ids: Vec<MessageId>,
    /// By which gateway its first part came.
    pub gateway: String,
    /// From whom.
    pub from: Party,
    /// Our number, when the network said so or the gateway has one.
    pub to: Option<Number>,
    /// The service centre's time, else ours.
    pub sent: Timestamp,
    /// The text, with a mark for each missing part.
    pub text: String,
    /// The data, one run if no part of them is missing; none: it is a text.
    pub data: Vec<Run>,
    /// What the first part that is there said beside that.
    pub marks: Marks,
    /// How many parts are there, and of how many.
    pub parts: (u8, u8),
    /// It came late: the id of the first part of what went out before.
    pub follows: Option<MessageId>,
}

/// Data of parts that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The first of those parts, from 1.
    pub first: u8,
    /// The data.
    pub octets: Vec<u8>,
}

/// What the parts of a text have in common. Not the gateway: a number that two of them serve gets the parts
/// of one text by both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) from: Party,
    pub(super) reference: u16,
    pub(super) wide: bool,
    pub(super) parts: u8,
}

impl Key {
    pub(super) fn of(from: &Party, concat: Concat) -> Self {
        Self {
            from: from.clone(),
            reference: concat.reference,
            wide: concat.wide,
            parts: concat.parts,
        }
    }
}

/// The parts of one text that are there.
pub(super) struct Set {
    pub(super) name: u64,
    pub(super) since: Timestamp,
    pub(super) gateway: String,
    pub(super) to: Option<Number>,
    pub(super) parts: BTreeMap<u8, Share>,
    /// They are late: what went out before them.
    pub(super) follows: Option<Followed>,
}

/// A text that went out without all its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Followed {
    /// Its name.
    pub(super) first: MessageId,
    /// The parts that went out.
    pub(super) had: BTreeSet<u8>,
}

impl Set {
    /// A set of no part yet.
    pub(super) fn of(name: u64, since: Timestamp, piece: &Piece) -> Self {
        Self {
            name,
            since,
            gateway: piece.gateway.clone(),
            to: piece.to.clone(),
            parts: BTreeMap::new(),
            follows: None,
        }
    }

    /// Nothing more of it can come.
    pub(super) fn is_whole(&self, parts: u8) -> bool {
        let before = self.follows.as_ref().map_or(0, |text| text.had.len());
        self.parts.len() + before >= usize::from(parts)
    }

    /// This part is missing, here and in what went out before.
    pub(super) fn misses(&self, part: u8) -> bool {
        let went = self.follows.as_ref().is_some_and(|t| t.had.contains(&part));
        !went && !self.parts.contains_key(&part)
    }

    /// When it was sent, as far as the service centre said.
    pub(super) fn sent(&self) -> Option<Timestamp> {
        self.parts.values().find_map(|share| share.sent)
    }
}

pub(super) struct Share {
    pub(super) id: MessageId,
    pub(super) text: String,
    pub(super) data: Option<Vec<u8>>,
    pub(super) marks: Marks,
    pub(super) sent: Option<Timestamp>,
}

impl From<Piece> for Share {
    fn from(piece: Piece) -> Self {
        Self {
            id: piece.id,
            text: piece.text,
            data: piece.data,
            marks: piece.marks,
            sent: piece.sent,
        }
    }
}

pub(super) fn is_possible(concat: &Concat) -> bool {
    concat.parts > 1 && (1..=concat.parts).contains(&concat.part)
}

/// The text of parts that are known to belong together, in any order; `None` when there are none.
pub fn assemble(words: &Words, pieces: Vec<Piece>) -> Option<Whole> {
    let first = pieces.first()?;
    let Some(concat) = first.concat.filter(is_possible) else {
        return in_a_row(pieces);
    };
    let key = Key::of(&first.from, concat);
    let mut set = Set::of(0, first.at, first);
    for piece in pieces {
        let part = piece.concat.map_or(1, |concat| concat.part);
        set.parts.insert(part, Share::from(piece));
    }
    Some(join(words, &key, set))
}

/// What a phone cut without saying so, the first first (see [`chain`](super::chain)).
pub(super) fn in_a_row(pieces: Vec<Piece>) -> Option<Whole> {
    let mut pieces = pieces.into_iter();
    let mut whole = alone(pieces.next()?);
    for piece in pieces {
        whole.ids.push(piece.id);
        whole.text.push_str(&piece.text);
    }
    Some(whole)
}

pub(super) fn alone(piece: Piece) -> Whole {
    let (part, parts) = piece
        .concat
        .map_or((1, 1), |concat| (concat.part, concat.parts.max(1)));
    Whole {
        id: piece.id,
        ids: vec![piece.id],
        gateway: piece.gateway,
        from: piece.from,
        to: piece.to,
        sent: piece.sent.unwrap_or(piece.at),
        text: piece.text,
        data: piece
            .data
            .map(|octets| Run {
                first: part,
                octets,
            })
            .into_iter()
            .collect(),
        marks: piece.marks,
        parts: (1, parts),
        follows: None,
    }
}

pub(super) fn join(words: &Words, key: &Key, set: Set) -> Whole {
    let mut text = String::new();
    let mut data: Vec<Run> = Vec::new();
    let mut missing = None;
    // The part before this one ended the last run.
    let mut goes_on = false;
    for part in 1..=key.parts {
        let Some(share) = set.parts.get(&part) else {
            missing = missing.or(Some(part));
            goes_on = false;
            continue;
        };
        match &set.follows {
            None => {
                if let Some(from) = missing.take() {
                    mark(words, &mut text, "missing", (from, part - 1, key.parts));
                }
            }
            // What is not here went out before, or is told there as missing.
            Some(_) if part == 1 || missing.take().is_some() => {
                let to = run_end(&set.parts, part);
                mark(words, &mut text, "late", (part, to, key.parts));
            }
            Some(_) => {}
        }
        text.push_str(&share.text);
        match (&share.data, data.last_mut()) {
            (Some(octets), Some(run)) if goes_on => run.octets.extend(octets),
            (Some(octets), _) => data.push(Run {
                first: part,
                octets: octets.clone(),
            }),
            (None, _) => {}
        }
        goes_on = share.data.is_some();
    }
    if let Some(from) = missing.filter(|_| set.follows.is_none()) {
        mark(words, &mut text, "missing", (from, key.parts, key.parts));
    }
    let have = u8::try_from(set.parts.len()).unwrap_or(key.parts);
    let sent = set.parts.values().find_map(|share| share.sent);
    let first = set.parts.values().next();
    let marks = first.map_or_else(Marks::default, |share| share.marks.clone());
    let ids: Vec<MessageId> = set.parts.into_values().map(|share| share.id).collect();
    Whole {
        // A set is never without a part.
        id: ids
            .first()
            .copied()
            .unwrap_or(MessageId::from_bytes([0; 16])),
        ids,
        gateway: set.gateway,
        from: key.from.clone(),
        to: set.to,
        sent: sent.unwrap_or(set.since),
        text,
        data,
        marks,
        parts: (have, key.parts),
        follows: set.follows.map(|text| text.first),
    }
}

/// The last of the parts that follow `part` without a gap.
fn run_end(parts: &BTreeMap<u8, Share>, part: u8) -> u8 {
    let after = |n: &u8| n.checked_add(1).filter(|next| parts.contains_key(next));
    std::iter::successors(Some(part), after)
        .last()
        .unwrap_or(part)
}

/// Says on a line of its own which parts are missing, or late and follow: from one to another, of how many.
fn mark(words: &Words, text: &mut String, what: &str, (from, to, parts): (u8, u8, u8)) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let parts = ("parts", parts.into());
    let said = match from == to {
        true => words.say(&format!("part-{what}"), &[("part", from.into()), parts]),
        false => {
            let range = [("from", from.into()), ("to", to.into()), parts];
            words.say(&format!("parts-{what}"), &range)
        }
    };
    text.push_str(&said);
    text.push('\n');
}
