//! What the delivering task has in memory between rounds: texts that wait for their parts or for the
//! phone's answer, and what the store did not take yet.
//!
//! All of it is in the store too, or can be done without: after a restart the leases are gone and the
//! rows come again.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use super::Settings;
use super::address::Recipient;
use super::chain::Chains;
use super::flood::Flood;
use super::join::{Join, Joined};
use super::whole::{Piece, Whole, assemble, is_possible};
use crate::rules::Forward;
use crate::sms::{MessageId, Number, Party};
use crate::store::{self, Content, InboundState};

/// Partial mails that are remembered for their late parts.
const MAX_FOLLOWED: usize = 10_000;

/// Texts of one phone that wait for its answer. More of them do not find the answer: they go to the
/// default recipient when their time is over.
const MAX_ASKED: usize = 100;

/// Those of all phones.
const MAX_ALL_ASKED: usize = 10_000;

/// Octets that nobody could read are shown up to here: a PDU has 176 at most, a provider's request
/// that makes no sense says so soon.
const MAX_DUMP: usize = 4096;

/// Octets in a line of hex.
const LINE: usize = 32;

/// Something to be done, again if the store did not take it.
pub(super) enum Work {
    /// A text to be addressed.
    Text(Whole),
    /// A text that lacks parts, to be addressed unless there are too many of them.
    Partial(Whole),
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
    pub(super) chains: Chains,
    pub(super) flood: Flood,
    pub(super) again: Vec<Work>,
    /// What the phones were asked about.
    asked: HashMap<Number, Vec<Whole>>,
    /// Of those, what was answered in this pass: its time may be over in the same one.
    answered: HashSet<MessageId>,
    /// Who got the beginning of a text of which a part is late.
    pub(super) followed: HashMap<MessageId, (Vec<Recipient>, Option<Forward>)>,
    followed_order: VecDeque<MessageId>,
    /// Texts that went out without all their parts before the restart.
    recalled: HashMap<MessageId, Whole>,
    /// Since when texts wait for a directory of users.
    puzzles: HashMap<MessageId, Timestamp>,
}

impl Desk {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            join: Join::new(settings.join_wait),
            chains: Chains::default(),
            flood: Flood::default(),
            again: Vec::new(),
            asked: HashMap::new(),
            answered: HashSet::new(),
            followed: HashMap::new(),
            followed_order: VecDeque::new(),
            recalled: HashMap::new(),
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
    pub(super) fn sort_out(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        leased: Vec<store::Inbound>,
    ) -> Vec<Work> {
        self.join.words = settings.speech.house().clone();
        let (mut asked, mut released, mut work) = (Vec::new(), Vec::new(), Vec::new());
        for row in leased {
            match row.state {
                InboundState::Asked => asked.push(row),
                InboundState::Released => released.push(row),
                _ => self.take(now, settings, row, &mut work),
            }
        }
        let asked = texts(settings, asked).into_iter();
        work.extend(asked.map(|(_, whole)| Work::Unanswered(whole)));
        // An admin has looked at them.
        let released = texts(settings, released).into_iter();
        work.extend(released.map(|(_, whole)| Work::Text(whole)));
        work
    }

    /// Takes one row that was not looked at yet.
    fn take(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        row: store::Inbound,
        work: &mut Vec<Work>,
    ) {
        let id = row.id;
        let piece = match piece(settings, row) {
            Ok(piece) => piece,
            Err(unreadable) => return work.push(*unreadable),
        };
        let is_part = piece.concat.is_some_and(|concat| concat.parts > 1);
        if !is_part {
            // STOP is nothing but the word, whatever it follows: it ends what is open and goes by itself.
            let window = match settings.opt_out.words.find(&piece.text) {
                Some(_) => std::time::Duration::ZERO,
                None => settings.concat_window,
            };
            let texts = self.chains.insert(now, window, piece);
            return work.extend(texts.into_iter().map(Work::Text));
        }
        match self.join.insert(now, piece) {
            Joined::Waits => {}
            Joined::Duplicate => work.push(Work::Duplicate(id)),
            Joined::Out(wholes) => work.extend(wholes.into_iter().map(text)),
        }
    }

    /// Texts that have waited long enough.
    pub(super) fn expired(&mut self, now: Timestamp, settings: &Settings) -> Vec<Work> {
        let parts = self.join.expired(now);
        let chains = self.chains.expired(now, settings.concat_window);
        parts.into_iter().chain(chains).map(text).collect()
    }

    /// Learns from rows of before the restart, in any order: what phones were asked about, and which texts
    /// went out.
    pub(super) fn recall(&mut self, settings: &Settings, rows: Vec<store::Inbound>) {
        let (asked, done): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .filter(|row| matches!(row.state, InboundState::Asked | InboundState::Done))
            .partition(|row| row.state == InboundState::Asked);
        for (_, whole) in texts(settings, asked) {
            self.remember_asked(whole);
        }
        let parts = done.into_iter().filter(|row| match &row.received.content {
            Content::Sms { concat, .. } => concat.as_ref().is_some_and(is_possible),
            Content::Undecodable { .. } => false,
        });
        let mut sets = sets(settings, parts.collect());
        sets.sort_by_key(|(at, _)| *at);
        for (at, pieces) in sets {
            self.join.recall(at, pieces.clone());
            let whole = assemble(settings.speech.house(), pieces);
            if let Some(whole) = whole.filter(|whole| whole.parts.0 < whole.parts.1) {
                self.recalled.insert(whole.id, whole);
            }
        }
    }

    /// A text that went out before the restart without all its parts.
    pub(super) fn recalled(&self, first: MessageId) -> Option<&Whole> {
        self.recalled.get(&first)
    }

    /// The texts about which this phone was asked.
    pub(super) fn asked(&self, phone: Option<&Number>) -> &[Whole] {
        phone
            .and_then(|phone| self.asked.get(phone))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn remember_asked(&mut self, whole: Whole) {
        if let Some(phone) = whole.from.number()
            && self.asked.values().map(Vec::len).sum::<usize>() < MAX_ALL_ASKED
        {
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

    /// The phone said whose these are, and they went there: they are not unanswered as well.
    pub(super) fn answer(&mut self, texts: &[Whole]) {
        self.answered.extend(texts.iter().map(|whole| whole.id));
        let answered = &self.answered;
        self.again.retain(
            |work| !matches!(work, Work::Unanswered(whole) if answered.contains(&whole.id)),
        );
    }

    pub(super) fn is_answered(&self, text: MessageId) -> bool {
        self.answered.contains(&text)
    }

    /// All of a pass is done: what is leased from now on is not answered.
    pub(super) fn end_pass(&mut self) {
        self.answered.clear();
    }

    pub(super) fn remember_followed(
        &mut self,
        first: MessageId,
        recipients: Vec<Recipient>,
        forward: Option<Forward>,
    ) {
        if self.followed_order.len() >= MAX_FOLLOWED
            && let Some(oldest) = self.followed_order.pop_front()
        {
            self.followed.remove(&oldest);
        }
        self.followed_order.push_back(first);
        self.followed.insert(first, (recipients, forward));
    }
}

/// Work on a text that comes from its parts.
fn text(whole: Whole) -> Work {
    match whole.parts.0 < whole.parts.1 {
        true => Work::Partial(whole),
        false => Work::Text(whole),
    }
}

/// The texts of rows that were settled, and when; those of one text were settled in one transaction, so
/// they have their time in common.
pub(super) fn texts(settings: &Settings, rows: Vec<store::Inbound>) -> Vec<(Timestamp, Whole)> {
    let sets = sets(settings, rows).into_iter();
    sets.filter_map(|(at, pieces)| Some((at, assemble(settings.speech.house(), pieces)?)))
        .collect()
}

/// What the pieces of a text have in common: when they were settled, and all but their places.
type Common = (Timestamp, Party, Option<(u16, bool, u8)>);

fn sets(settings: &Settings, rows: Vec<store::Inbound>) -> Vec<(Timestamp, Vec<Piece>)> {
    let mut sets: BTreeMap<Common, Vec<Vec<Piece>>> = BTreeMap::new();
    for row in rows {
        let due = row.due;
        let Ok(piece) = piece(settings, row) else {
            continue;
        };
        let concat = piece.concat.map(|c| (c.reference, c.wide, c.parts));
        let known = sets.entry((due, piece.from.clone(), concat)).or_default();
        // Two texts that were settled at one time would have one part each.
        let part = |piece: &Piece| piece.concat.map(|concat| concat.part);
        let lacks = |set: &&mut Vec<Piece>| {
            concat.is_none() || set.iter().all(|other| part(other) != part(&piece))
        };
        match known.iter_mut().find(lacks) {
            Some(set) => set.push(piece),
            None => known.push(vec![piece]),
        }
    }
    let all = sets.into_iter();
    let mut all: Vec<_> = all
        .flat_map(|((at, ..), sets)| sets.into_iter().map(move |set| (at, set)))
        .collect();
    for (_, set) in &mut all {
        // As they came.
        set.sort_by_key(|piece| piece.id);
    }
    all
}

/// What of a row matters for its text.
fn piece(settings: &Settings, row: store::Inbound) -> Result<Piece, Box<Work>> {
    let store::Received {
        gateway,
        at,
        content,
        raw,
        ..
    } = row.received;
    let own = || {
        let line = settings.gateways.get(&gateway);
        line.and_then(|line| line.number.clone())
    };
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
            to: to.or_else(own),
            gateway,
            from,
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
