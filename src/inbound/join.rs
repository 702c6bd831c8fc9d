//! Parts of a long SMS joined to its text (spec 8.1; TS 23.040 §9.2.3.24.1).
//!
//! [`Join`] is pure: parts and the time go in, [`Whole`] texts come out. Parts belong together when
//! gateway, sender, reference, its width and the count are equal. They come in any order; a part that
//! is there already (same text or data, same time) is a duplicate; the same part with another text begins a
//! new set, because senders reuse references (T34). What is not whole after the wait, or when there
//! is no room, goes out with a mark for each part that is missing: nothing is ever dropped (T33).
//!
//! The index lives in memory only: the parts are in the store, leased by us, and come again after a
//! restart. What is forgotten by a restart is which sets are gone, so a late part then comes alone.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::whole::{Key, Piece, Set, Share, Whole, alone, is_possible, join};
use crate::sms::{MessageId, Party};

/// Open sets of one sender: nobody writes twenty long texts at a time, a flood does.
const MAX_SENDER_SETS: usize = 20;

/// Open sets in all: some 10 MB with a few parts each.
const MAX_SETS: usize = 10_000;

/// Parts in all: a set may hold 255, and 10,000 full ones are too much memory.
const MAX_PARTS: usize = 50_000;

/// How long a set that went out is remembered, for late parts and repeats of the network.
const REMEMBER: SignedDuration = SignedDuration::from_hours(24);

/// Sets that went out and are remembered; the oldest go first.
const MAX_GONE: usize = 10_000;

/// What became of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Joined {
    /// It waits for others.
    Waits,
    /// There was no room: these went out as they are, and the part waits.
    Evicted(Vec<Whole>),
    /// It was there already: nothing to do but to forget it.
    Duplicate,
    /// It made a text whole, or is late and goes out alone.
    Done(Box<Whole>),
}

/// Parts that wait for each other.
pub struct Join {
    wait: SignedDuration,
    /// The sets of a key, in the order they began in: the first of two takes what fits both.
    open: HashMap<Key, Vec<Set>>,
    /// All open sets, oldest first.
    order: BTreeMap<u64, Key>,
    /// The open sets of each sender.
    senders: HashMap<Party, BTreeSet<u64>>,
    gone: HashMap<Key, Gone>,
    gone_order: VecDeque<(Timestamp, Key)>,
    /// The name of the next set.
    next: u64,
    parts: usize,
}

/// A set that went out.
struct Gone {
    first: MessageId,
    at: Timestamp,
    parts: BTreeMap<u8, u64>,
}

impl Join {
    /// Parts wait `wait` for the others.
    pub fn new(wait: Duration) -> Self {
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        Self {
            wait,
            open: HashMap::new(),
            order: BTreeMap::new(),
            senders: HashMap::new(),
            gone: HashMap::new(),
            gone_order: VecDeque::new(),
            next: 0,
            parts: 0,
        }
    }

    /// How many sets are open.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// No part waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Takes a part.
    pub fn insert(&mut self, now: Timestamp, piece: Piece) -> Joined {
        let Some(concat) = piece.concat.filter(is_possible) else {
            return Joined::Done(Box::new(alone(piece, None)));
        };
        let part = concat.part;
        let key = Key::of(&piece, concat);
        if let Some(place) = self
            .open
            .get(&key)
            .and_then(|sets| holder(sets, part, &piece))
        {
            return match place {
                Place::Known => Joined::Duplicate,
                Place::Free(index) => self.add(&key, index, part, now, piece),
            };
        }
        // No set that waits misses it: it may be late, or repeated after the fact.
        if let Some(gone) = self.gone.get_mut(&key) {
            let same = fingerprint(&piece.text, piece.data.as_deref(), piece.sent);
            match gone.parts.get(&part) {
                // Without the network's time, the same text again may be a new message.
                Some(&known) if known == same && piece.sent.is_some() => return Joined::Duplicate,
                Some(_) => {}
                None => {
                    gone.parts.insert(part, same);
                    let first = gone.first;
                    return Joined::Done(Box::new(alone(piece, Some(first))));
                }
            }
        }
        self.open_set(key, part, now, piece)
    }

    /// Texts whose parts have waited long enough.
    pub fn expired(&mut self, now: Timestamp) -> Vec<Whole> {
        while self
            .gone_order
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) >= REMEMBER)
        {
            self.forget_oldest();
        }
        let mut out = Vec::new();
        while let Some((&name, key)) = self.order.first_key_value() {
            if now.duration_since(self.since(name, key)) < self.wait {
                break;
            }
            out.extend(self.close(name, now));
        }
        out
    }

    /// When the next text will have waited long enough.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let (&name, key) = self.order.first_key_value()?;
        self.since(name, key).checked_add(self.wait).ok()
    }

    fn since(&self, name: u64, key: &Key) -> Timestamp {
        let set = self
            .open
            .get(key)
            .and_then(|sets| sets.iter().find(|set| set.name == name));
        set.map_or(Timestamp::MIN, |set| set.since)
    }

    fn add(&mut self, key: &Key, index: usize, part: u8, now: Timestamp, piece: Piece) -> Joined {
        let Some(set) = self.open.get_mut(key).and_then(|sets| sets.get_mut(index)) else {
            return Joined::Done(Box::new(alone(piece, None)));
        };
        set.parts.insert(part, Share::from(piece));
        self.parts += 1;
        if set.parts.len() < usize::from(key.parts) {
            return Joined::Waits;
        }
        let name = set.name;
        let whole = self.close(name, now);
        whole.map_or(Joined::Waits, |whole| Joined::Done(Box::new(whole)))
    }

    fn open_set(&mut self, key: Key, part: u8, now: Timestamp, piece: Piece) -> Joined {
        let evicted = self.make_room(&key.from, now);
        let name = self.next;
        self.next += 1;
        self.parts += 1;
        self.order.insert(name, key.clone());
        self.senders
            .entry(key.from.clone())
            .or_default()
            .insert(name);
        let set = Set {
            name,
            since: piece.at,
            to: piece.to.clone(),
            parts: BTreeMap::from([(part, Share::from(piece))]),
        };
        self.open.entry(key).or_default().push(set);
        if evicted.is_empty() {
            Joined::Waits
        } else {
            Joined::Evicted(evicted)
        }
    }

    fn make_room(&mut self, from: &Party, now: Timestamp) -> Vec<Whole> {
        let mut evicted = Vec::new();
        let of_sender = self
            .senders
            .get(from)
            .filter(|names| names.len() >= MAX_SENDER_SETS);
        if let Some(&oldest) = of_sender.and_then(|names| names.first()) {
            evicted.extend(self.close(oldest, now));
        }
        while self.order.len() >= MAX_SETS || self.parts >= MAX_PARTS {
            let Some((&oldest, _)) = self.order.first_key_value() else {
                break;
            };
            evicted.extend(self.close(oldest, now));
        }
        evicted
    }

    /// Takes a set out and remembers that it went.
    fn close(&mut self, name: u64, now: Timestamp) -> Option<Whole> {
        let key = self.order.remove(&name)?;
        if let Some(names) = self.senders.get_mut(&key.from) {
            names.remove(&name);
            if names.is_empty() {
                self.senders.remove(&key.from);
            }
        }
        let sets = self.open.get_mut(&key)?;
        let set = sets.remove(sets.iter().position(|set| set.name == name)?);
        if sets.is_empty() {
            self.open.remove(&key);
        }
        self.parts -= set.parts.len();
        let first = set.parts.values().next()?.id;
        let prints = set
            .parts
            .iter()
            .map(|(&n, s)| (n, fingerprint(&s.text, s.data.as_deref(), s.sent)))
            .collect();
        if self.gone_order.len() >= MAX_GONE {
            self.forget_oldest();
        }
        let whole = join(&key, set);
        self.gone_order.push_back((now, key.clone()));
        self.gone.insert(
            key,
            Gone {
                first,
                at: now,
                parts: prints,
            },
        );
        Some(whole)
    }

    fn forget_oldest(&mut self) {
        if let Some((at, key)) = self.gone_order.pop_front()
            && self.gone.get(&key).is_some_and(|gone| gone.at == at)
        {
            self.gone.remove(&key);
        }
    }
}

/// Where a part belongs among the open sets of its key.
enum Place {
    Known,
    Free(usize),
}

fn holder(sets: &[Set], part: u8, piece: &Piece) -> Option<Place> {
    let same = |share: &Share| {
        share.text == piece.text && share.data == piece.data && share.sent == piece.sent
    };
    if sets
        .iter()
        .any(|set| set.parts.get(&part).is_some_and(same))
    {
        return Some(Place::Known);
    }
    sets.iter()
        .position(|set| !set.parts.contains_key(&part))
        .map(Place::Free)
}

fn fingerprint(text: &str, data: Option<&[u8]>, sent: Option<Timestamp>) -> u64 {
    // SipHash without a key: a collision, made or met, costs a late duplicate its mail, no more.
    let mut hasher = DefaultHasher::new();
    (text, data, sent).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, subsequence};

    use super::*;
    use crate::inbound::tests::{id, number};
    use crate::sms::Concat;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("time")
    }

    /// Part `part` of `parts` with reference `reference`, as row `row`, at second `row`.
    fn piece(row: u64, reference: u16, part: u8, parts: u8, text: &str) -> Piece {
        Piece {
            id: id(row),
            gateway: "hall".to_owned(),
            from: Party::Number(number("+15551234567")),
            text: text.to_owned(),
            data: None,
            marks: crate::sms::Marks::default(),
            to: None,
            concat: Some(Concat {
                reference,
                wide: false,
                part,
                parts,
            }),
            sent: None,
            at: at(row.try_into().expect("small")),
        }
    }

    fn done(joined: Joined) -> Option<Whole> {
        match joined {
            Joined::Done(whole) => Some(*whole),
            Joined::Waits | Joined::Duplicate => None,
            Joined::Evicted(_) => panic!("there was room"),
        }
    }

    /// Inserts `(reference, part, parts, text)` one a second; the texts that came out, and what
    /// comes out after the wait.
    #[track_caller]
    fn check(pieces: &[(u16, u8, u8, &str)], whole: &[&str], after_the_wait: &[&str]) {
        let mut join = Join::new(HOUR);
        let mut texts = Vec::new();
        for (row, &(reference, part, parts, text)) in (0u64..).zip(pieces) {
            let now = at(row.try_into().expect("small"));
            let joined = join.insert(now, piece(row, reference, part, parts, text));
            texts.extend(done(joined).map(|w| w.text));
        }
        assert_eq!(texts, whole);
        assert!(join.expired(at(3599)).is_empty());
        let rest: Vec<String> = join.expired(at(3700)).into_iter().map(|w| w.text).collect();
        assert_eq!(rest, after_the_wait);
        assert!(join.is_empty() && join.parts == 0 && join.next_deadline().is_none());
    }

    #[test]
    fn joins() {
        check(&[(7, 1, 2, "a"), (7, 2, 2, "b")], &["ab"], &[]);
        check(&[(7, 2, 2, "b"), (7, 1, 2, "a")], &["ab"], &[]);
        check(&[(7, 1, 1, "a")], &["a"], &[]);
        check(&[(7, 0, 2, "a"), (7, 3, 2, "b")], &["a", "b"], &[]);
        // Duplicates.
        check(
            &[(7, 1, 2, "a"), (7, 1, 2, "a"), (7, 2, 2, "b")],
            &["ab"],
            &[],
        );
        // Another reference, another count: another text.
        check(
            &[(7, 1, 2, "a"), (8, 2, 2, "b")],
            &[],
            &["a\n[part 2 of 2 missing]\n", "[part 1 of 2 missing]\nb"],
        );
        check(
            &[
                (7, 1, 3, "a"),
                (7, 1, 2, "x"),
                (7, 2, 2, "y"),
                (7, 2, 3, "b"),
                (7, 3, 3, "c"),
            ],
            &["xy", "abc"],
            &[],
        );
        // T34: a reference reused while its first text is open, parts interleaved.
        check(
            &[
                (7, 1, 3, "a"),
                (7, 1, 3, "x"),
                (7, 2, 3, "b"),
                (7, 2, 3, "y"),
                (7, 3, 3, "c"),
                (7, 3, 3, "z"),
            ],
            &["abc", "xyz"],
            &[],
        );
        // Reused after it was whole.
        check(
            &[
                (7, 1, 2, "a"),
                (7, 2, 2, "b"),
                (7, 1, 2, "a"),
                (7, 2, 2, "b"),
            ],
            &["ab", "ab"],
            &[],
        );
        // What is missing.
        check(
            &[(7, 2, 5, "b")],
            &[],
            &["[part 1 of 5 missing]\nb\n[parts 3 to 5 of 5 missing]\n"],
        );
    }

    #[test]
    fn data_join_and_never_over_a_gap() {
        let mut join = Join::new(HOUR);
        let data = |row, part, octets: &[u8]| Piece {
            data: Some(octets.to_vec()),
            ..piece(row, 7, part, 4, "")
        };
        let runs = |whole: Whole| -> Vec<_> {
            let runs = whole.data.into_iter();
            runs.map(|run| (run.first, run.octets)).collect()
        };
        for (row, part, octets) in [(1, 4, &b"d"[..]), (2, 1, b"a"), (3, 3, b""), (4, 1, b"a")] {
            let joined = join.insert(at(1), data(row, part, octets));
            assert!(matches!(joined, Joined::Waits | Joined::Duplicate));
        }
        let whole = done(join.insert(at(2), data(5, 2, b"\x00b"))).expect("whole");
        assert_eq!(runs(whole), [(1, b"a\x00bd".to_vec())]);
        for (row, part) in [(10, 1), (11, 2), (12, 4)] {
            let joined = join.insert(at(10), data(row, part, &[part]));
            assert_eq!(joined, Joined::Waits);
        }
        let partial = join.expired(at(4000)).remove(0);
        assert_eq!(partial.text, "[part 3 of 4 missing]\n");
        assert_eq!(runs(partial), [(1, vec![1, 2]), (4, vec![4])]);
    }

    #[test]
    fn a_late_part_follows_alone() {
        let mut join = Join::new(HOUR);
        assert_eq!(join.insert(at(0), piece(0, 7, 1, 2, "a")), Joined::Waits);
        assert_eq!(join.next_deadline(), Some(at(3600)));
        let partial = join.expired(at(3600));
        assert_eq!(partial[0].parts, (1, 2));
        let late = done(join.insert(at(4000), piece(4000, 7, 2, 2, "b"))).expect("at once");
        assert_eq!(late.follows, Some(id(0)));
        assert_eq!(late.text, "[part 2 of 2]\nb");
        // A day later it is a new text.
        join.expired(at(100_000));
        assert_eq!(
            join.insert(at(100_000), piece(5, 7, 2, 2, "b")),
            Joined::Waits
        );
    }

    #[test]
    fn a_part_that_the_network_repeats_after_the_fact_is_a_duplicate() {
        let mut join = Join::new(HOUR);
        let sent = |row, part, text| Piece {
            sent: Some(at(0)),
            ..piece(row, 7, part, 2, text)
        };
        join.insert(at(0), sent(0, 1, "a"));
        assert!(done(join.insert(at(1), sent(1, 2, "b"))).is_some());
        assert_eq!(join.insert(at(2), sent(2, 2, "b")), Joined::Duplicate);
        assert_eq!(join.insert(at(2), sent(2, 2, "c")), Joined::Waits);
    }

    #[test]
    fn at_the_cap_what_is_there_goes_out() {
        let mut join = Join::new(HOUR);
        for row in 0..20 {
            let reference = row.try_into().expect("small");
            assert_eq!(
                join.insert(at(20), piece(row, reference, 1, 3, "a")),
                Joined::Waits
            );
        }
        let Joined::Evicted(out) = join.insert(at(20), piece(20, 20, 1, 3, "b")) else {
            panic!("there was room")
        };
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].ids, [id(0)]);
        assert_eq!(join.len(), 20);
    }

    #[test]
    fn a_flood_of_first_parts_stays_within_the_caps_and_loses_none() {
        let mut join = Join::new(HOUR);
        let mut seen = 0;
        for row in 0..12_000u32 {
            let from = Party::Number(number(&format!("+1555{row:07}")));
            let piece = Piece {
                from,
                ..piece(row.into(), 7, 1, 255, "a")
            };
            if let Joined::Evicted(out) = join.insert(at(0), piece) {
                seen += out.len();
            }
            assert!(join.len() <= MAX_SETS);
        }
        assert_eq!(seen + join.expired(at(100_000)).len(), 12_000);
    }

    proptest! {
        #[test]
        fn any_order_with_duplicates_gives_the_text_once(
            texts in prop::collection::vec("\\PC{1,5}", 2..12),
            extra in prop::collection::vec(any::<Index>(), 0..8),
            shuffle in prop::collection::vec(any::<Index>(), 20),
        ) {
            let parts = u8::try_from(texts.len()).expect("few");
            let mut order: Vec<u8> = (1..=parts).collect();
            for (i, index) in shuffle.iter().enumerate().take(order.len()) {
                let j = index.index(order.len());
                order.swap(i, j);
            }
            // A duplicate comes at any time after the original.
            for index in extra {
                let from = index.index(order.len());
                order.insert(index.index(order.len() - from) + from + 1, order[from]);
            }
            let mut join = Join::new(HOUR);
            let mut out = Vec::new();
            let mut ids = 0;
            for (row, part) in (0u64..).zip(order) {
                let text = &texts[usize::from(part) - 1];
                let piece = Piece { sent: Some(at(0)), ..piece(row, 7, part, parts, text) };
                out.extend(done(join.insert(at(0), piece)));
                ids = row;
            }
            prop_assert!(ids + 1 >= u64::from(parts));
            prop_assert_eq!(out.len(), 1);
            prop_assert_eq!(&out[0].text, &texts.concat());
            prop_assert_eq!(out[0].ids.len(), texts.len());
            prop_assert!(join.is_empty());
        }

        #[test]
        fn what_came_goes_out(
            rows in prop::collection::vec((0u16..3, 0u8..5, 0u8..5, "[ab]"), 0..60),
            when in subsequence((0..60usize).collect::<Vec<_>>(), 0..10),
        ) {
            let mut join = Join::new(HOUR);
            let (mut forgotten, mut out) = (0, 0);
            for (row, (reference, part, parts, text)) in rows.iter().enumerate() {
                let now = at(i64::try_from(row).expect("small") * 600);
                let piece = Piece { at: now, ..piece(row as u64, *reference, *part, *parts, text) };
                match join.insert(now, piece) {
                    Joined::Waits => {}
                    Joined::Duplicate => forgotten += 1,
                    Joined::Done(whole) => out += whole.ids.len(),
                    Joined::Evicted(all) => out += all.iter().map(|w| w.ids.len()).sum::<usize>(),
                }
                if when.contains(&row) {
                    out += join.expired(now).iter().map(|w| w.ids.len()).sum::<usize>();
                }
            }
            out += join.expired(at(1_000_000)).iter().map(|w| w.ids.len()).sum::<usize>();
            prop_assert_eq!(forgotten + out, rows.len());
        }
    }
}
