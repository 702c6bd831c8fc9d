//! A simulated phone: what it shows, and what is written on it.
//!
//! It keeps its last [`MAX_MESSAGES`] messages, and joins the parts of long ones, up to `MAX_PENDING`
//! at a time.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::ReplyError;
use crate::sms::parameters::Piece;
use crate::sms::segment;
use crate::sms::{Concat, Encoding, Marks, Number, Payload, Segment, udh};
use crate::wire::meaning::{Meaning, meaning};
use crate::wire::pdu::Dcs;

/// How many messages a phone keeps.
pub const MAX_MESSAGES: usize = 200;

/// How many messages may be incomplete on a phone.
pub(super) const MAX_PENDING: usize = 16;

/// Which way a message went, as the phone sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It arrived on the phone.
    In,
    /// The phone sent it.
    Out,
}

/// What a phone shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneMessage {
    /// Which way.
    pub direction: Direction,
    /// The other end: who sent it, or whom it went to. Empty: not said.
    pub other: String,
    /// All of its text.
    pub text: String,
    /// All of its data, when it is no text.
    pub data: Option<Vec<u8>>,
    /// What it said beside that, in its first part.
    pub marks: Marks,
    /// When it arrived whole, or was sent.
    pub at: Timestamp,
    /// Of how many SMS it was.
    pub parts: u8,
    /// It was shown at once (class 0).
    pub flash: bool,
}

impl PhoneMessage {
    /// Puts the next part behind this one.
    fn append(&mut self, next: PhoneMessage) {
        self.text.push_str(&next.text);
        if let Some(data) = next.data {
            self.data.get_or_insert_default().extend(data);
        }
    }

    /// What it is beside a text.
    pub fn meaning(&self) -> Meaning {
        meaning(&self.marks, self.data.as_ref().map(Vec::len))
    }
}

/// What somebody writes on a phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// A text.
    pub text: String,
    /// Data in its place.
    pub payload: Option<Payload>,
    /// TP-PID.
    pub pid: u8,
    /// TP-DCS, when it is not the plainest.
    pub dcs: Option<u8>,
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }
}

impl Written {
    fn marks(&self) -> Marks {
        let binary = self.payload.as_ref();
        Marks {
            pid: self.pid,
            dcs: self
                .dcs
                .or(binary.map(|_| Dcs::new(Encoding::Binary, false).0)),
            udh: binary.map_or_else(Vec::new, |payload| payload.udh.clone()),
        }
    }

    /// As the phone itself shows it, once it is sent as so many SMS.
    pub(super) fn shown(&self, to: Option<&Number>, at: Timestamp, parts: u8) -> PhoneMessage {
        let marks = self.marks();
        PhoneMessage {
            direction: Direction::Out,
            other: to.map_or_else(String::new, ToString::to_string),
            text: self.text.clone(),
            data: self.payload.as_ref().map(|payload| payload.data.clone()),
            at,
            parts,
            flash: marks.dcs.is_some_and(|dcs| Dcs(dcs).class() == Some(0)),
            marks,
        }
    }

    /// The SMS it takes; `reference` joins them.
    pub(super) fn sms(&self, reference: u8) -> Result<Vec<Part>, ReplyError> {
        let marks = self.marks();
        if let Some(payload) = &self.payload {
            let pieces = payload.cut(reference)?.into_iter();
            let part = |piece: Piece| {
                let concat = udh::concat(&piece.udh);
                let marks = Marks {
                    udh: piece.udh,
                    ..marks.clone()
                };
                (String::new(), Some(piece.data), concat, marks)
            };
            return Ok(pieces.map(part).collect());
        }
        let options = segment::Options {
            reference: reference.into(),
            ..segment::Options::default()
        };
        let segments = segment::cut(&self.text, &options)?.segments.into_iter();
        let part = |segment: Segment| (segment.text, None, segment.concat, marks.clone());
        Ok(segments.map(part).collect())
    }
}

/// One SMS that a phone sends: text, data, place, marks.
pub(super) type Part = (String, Option<Vec<u8>>, Option<Concat>, Marks);

/// One phone.
#[derive(Default)]
pub(super) struct Phone {
    pub(super) messages: VecDeque<PhoneMessage>,
    pub(super) pending: VecDeque<Pending>,
    pub(super) last_at: Timestamp,
}

/// A message of which some parts have come.
pub(super) struct Pending {
    other: String,
    concat: Concat,
    /// By part; `None`: has not come.
    parts: Vec<Option<PhoneMessage>>,
}

impl Phone {
    pub(super) fn keep(&mut self, message: PhoneMessage) {
        if self.messages.len() >= MAX_MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    /// Shows a message once all of its parts are there.
    pub(super) fn join(&mut self, message: PhoneMessage, concat: Concat) {
        let parts = usize::from(concat.parts.max(1));
        let same = |pending: &Pending| {
            let Concat {
                reference,
                wide,
                parts,
                ..
            } = pending.concat;
            pending.other == message.other
                && (reference, wide, parts) == (concat.reference, concat.wide, concat.parts)
        };
        let at = self.pending.iter().position(same).unwrap_or_else(|| {
            if self.pending.len() >= MAX_PENDING {
                self.pending.pop_front();
            }
            self.pending.push_back(Pending {
                other: message.other.clone(),
                concat,
                parts: vec![None; parts],
            });
            self.pending.len() - 1
        });
        let pending = &mut self.pending[at];
        let Some(slot) = pending
            .parts
            .get_mut(usize::from(concat.part).wrapping_sub(1))
        else {
            return;
        };
        let at_last = message.at;
        *slot = Some(message);
        if pending.parts.iter().all(Option::is_some) {
            let parts = self.pending.remove(at).into_iter();
            let mut parts = parts.flat_map(|pending| pending.parts).flatten();
            if let Some(mut whole) = parts.next() {
                for part in parts {
                    whole.append(part);
                }
                whole.parts = concat.parts;
                whole.at = at_last;
                self.keep(whole);
            }
        }
    }
}
