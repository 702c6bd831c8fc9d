//! Texts that went out, remembered for parts that come after them: late ones, and repeats of the network.
//!
//! Pure. In memory for a day, of so many texts and parts at most; [`super::deliver`] fills it again from the
//! store at a start. What is forgotten costs a late part its thread, and a repeat of the network a second
//! mail: never a part.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::whole::{Followed, Key, Piece, Share};
use crate::sms::{MessageId, Number};

/// A part that is later than a day is a text of its own: the network itself gives up after two or three.
pub(super) const REMEMBER: SignedDuration = SignedDuration::from_hours(24);

/// Texts that are remembered; the oldest go first. Some 5 MB.
const MAX_TEXTS: usize = 10_000;

/// Parts of them in all: a text may have 255, and 10,000 of those are too much memory.
const MAX_PARTS: usize = 50_000;

/// What a part is to the texts that went out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    New,
    /// One of them holds it.
    Repeat,
    /// One of them went out without it.
    Late(Followed),
}

#[derive(Default)]
pub(super) struct Gone {
    texts: HashMap<Key, Vec<Text>>,
    order: VecDeque<(u64, Key)>,
    next: u64,
    parts: usize,
}

struct Text {
    name: u64,
    first: MessageId,
    at: Timestamp,
    to: Option<Number>,
    sent: Option<Timestamp>,
    /// Part and fingerprint.
    parts: BTreeMap<u8, u64>,
}

impl Gone {
    /// A text went out with these parts.
    pub(super) fn remember(
        &mut self,
        at: Timestamp,
        key: Key,
        to: Option<Number>,
        parts: &BTreeMap<u8, Share>,
    ) {
        let Some(first) = parts.values().next() else {
            return;
        };
        let text = Text {
            name: self.next,
            first: first.id,
            at,
            to,
            sent: parts.values().find_map(|share| share.sent),
            parts: parts.iter().map(|(&n, share)| (n, of(share))).collect(),
        };
        self.next += 1;
        self.parts += text.parts.len();
        self.order.push_back((text.name, key.clone()));
        self.texts.entry(key).or_default().push(text);
        while self.order.len() > MAX_TEXTS || self.parts > MAX_PARTS {
            self.forget_oldest();
        }
    }

    /// A late part, or several, went out after that text.
    pub(super) fn add(&mut self, key: &Key, first: MessageId, parts: &BTreeMap<u8, Share>) {
        let text = self.texts.get_mut(key).into_iter().flatten();
        for text in text.filter(|text| text.first == first) {
            let before = text.parts.len();
            text.parts
                .extend(parts.iter().map(|(&n, share)| (n, of(share))));
            self.parts += text.parts.len() - before;
        }
    }

    /// The text that went out without any of these parts, if there is one.
    pub(super) fn without(&self, key: &Key, parts: &BTreeMap<u8, Share>) -> Option<MessageId> {
        let lacks = |text: &&Text| parts.keys().all(|part| !text.parts.contains_key(part));
        self.texts.get(key)?.iter().find(lacks).map(|t| t.first)
    }

    /// One of the texts holds this part, octet for octet. Without the network's time the same text again may be
    /// a new message.
    pub(super) fn holds(&self, key: &Key, part: u8, piece: &Piece) -> bool {
        let print = fingerprint(&piece.text, piece.data.as_deref(), piece.sent);
        let same = |text: &Text| text.parts.get(&part) == Some(&print);
        piece.sent.is_some() && self.texts.get(key).is_some_and(|t| t.iter().any(same))
    }

    /// What a part is that no open set misses. `fits` says whether number and time let it belong.
    pub(super) fn standing(
        &self,
        key: &Key,
        part: u8,
        piece: &Piece,
        fits: impl Fn(Option<&Number>, Option<Timestamp>) -> bool,
    ) -> Standing {
        if self.holds(key, part, piece) {
            return Standing::Repeat;
        }
        let texts = self.texts.get(key).map_or(&[][..], Vec::as_slice);
        let lacks =
            |text: &&Text| !text.parts.contains_key(&part) && fits(text.to.as_ref(), text.sent);
        match texts.iter().find(lacks) {
            Some(text) => Standing::Late(Followed {
                first: text.first,
                had: text.parts.keys().copied().collect(),
            }),
            None => Standing::New,
        }
    }

    /// Forgets what is older than a day.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some((name, key)) = self.order.front() {
            let text = self.texts.get(key).into_iter().flatten();
            let mut at = text.filter(|text| text.name == *name).map(|text| text.at);
            if at
                .next()
                .is_some_and(|at| now.duration_since(at) < REMEMBER)
            {
                return;
            }
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((name, key)) = self.order.pop_front() else {
            return;
        };
        let Some(texts) = self.texts.get_mut(&key) else {
            return;
        };
        let parts = &mut self.parts;
        texts.retain(|text| {
            let stays = text.name != name;
            if !stays {
                *parts -= text.parts.len();
            }
            stays
        });
        if texts.is_empty() {
            self.texts.remove(&key);
        }
    }

    /// How many texts and parts are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        let texts = self.texts.values().flatten();
        assert_eq!(texts.map(|t| t.parts.len()).sum::<usize>(), self.parts);
        (self.order.len(), self.parts)
    }
}

fn of(share: &Share) -> u64 {
    fingerprint(&share.text, share.data.as_deref(), share.sent)
}

fn fingerprint(text: &str, data: Option<&[u8]>, sent: Option<Timestamp>) -> u64 {
    // SipHash without a key: a collision, made or met, costs a late duplicate its mail, no more.
    let mut hasher = DefaultHasher::new();
    (text, data, sent).hash(&mut hasher);
    hasher.finish()
}
