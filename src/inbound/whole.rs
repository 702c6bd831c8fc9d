//! The parts of an SMS, and the text they make (spec 8.1; TS 23.040 §9.2.3.24.1).
//!
//! Pure. Parts join without a blank; a part that is missing leaves a mark on a line of its own. Data
//! join too, octet to octet, and never over a gap.

use std::collections::BTreeMap;

use jiff::Timestamp;

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
    /// Our number, when the network said so.
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
    /// By which gateway it came.
    pub gateway: String,
    /// From whom.
    pub from: Party,
    /// Our number, when the network said so.
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

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) gateway: String,
    pub(super) from: Party,
    pub(super) reference: u16,
    pub(super) wide: bool,
    pub(super) parts: u8,
}

impl Key {
    pub(super) fn of(piece: &Piece, concat: Concat) -> Self {
        let Concat {
            reference,
            wide,
            parts,
            ..
        } = concat;
        Self {
            gateway: piece.gateway.clone(),
            from: piece.from.clone(),
            reference,
            wide,
            parts,
        }
    }
}

/// The parts of one text that are there.
pub(super) struct Set {
    pub(super) name: u64,
    pub(super) since: Timestamp,
    pub(super) to: Option<Number>,
    pub(super) parts: BTreeMap<u8, Share>,
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
pub fn assemble(pieces: Vec<Piece>) -> Option<Whole> {
    let first = pieces.first()?;
    let Some(concat) = first.concat.filter(is_possible) else {
        return pieces.into_iter().next().map(|piece| alone(piece, None));
    };
    let key = Key::of(first, concat);
    let (since, to) = (first.at, first.to.clone());
    let share = |piece: Piece| {
        let part = piece.concat.map_or(1, |concat| concat.part);
        (part, Share::from(piece))
    };
    let parts = pieces.into_iter().map(share).collect();
    Some(join(
        &key,
        Set {
            name: 0,
            since,
            to,
            parts,
        },
    ))
}

pub(super) fn alone(piece: Piece, follows: Option<MessageId>) -> Whole {
    let (part, parts) = piece
        .concat
        .map_or((1, 1), |concat| (concat.part, concat.parts.max(1)));
    let text = match follows {
        Some(_) => format!("[part {part} of {parts}]\n{}", piece.text),
        None => piece.text,
    };
    Whole {
        id: piece.id,
        ids: vec![piece.id],
        gateway: piece.gateway,
        from: piece.from,
        to: piece.to,
        sent: piece.sent.unwrap_or(piece.at),
        text,
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
        follows,
    }
}

pub(super) fn join(key: &Key, set: Set) -> Whole {
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
        mark(&mut text, missing.take(), part - 1, key.parts);
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
    mark(&mut text, missing, key.parts, key.parts);
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
        gateway: key.gateway.clone(),
        from: key.from.clone(),
        to: set.to,
        sent: sent.unwrap_or(set.since),
        text,
        data,
        marks,
        parts: (have, key.parts),
        follows: None,
    }
}

/// Says on a line of its own that the parts `from` to `to` are missing.
fn mark(text: &mut String, from: Option<u8>, to: u8, parts: u8) {
    let Some(from) = from else {
        return;
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    if from == to {
        text.push_str(&format!("[part {from} of {parts} missing]\n"));
    } else {
        text.push_str(&format!("[parts {from} to {to} of {parts} missing]\n"));
    }
}
