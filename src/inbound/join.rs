//! Parts of a long SMS joined to its text (spec 8.1; TS 23.040 §9.2.3.24.1).
//!
//! [`Join`] is pure: parts and the time go in, [`Whole`] texts come out. Parts belong together when
//! sender, reference, its width and the count are equal, they went to the same number of ours as far as we know,
//! and the service centre got them within hours. They come in any order and by any gateway; a part that
//! is there already (same text or data, same time) is a duplicate; the same part with another text begins a
//! new set, because senders reuse references (T34). What is not whole after the wait, or when there
//! is no room, goes out with a mark for each part that is missing: nothing is ever dropped (T33). What comes
//! after that waits a minute for others that are late too, and follows.
//!
//! The index lives in memory only: the parts are in the store, leased by us, and come again after a
//! restart; what went out lately is told us then ([`Join::recall`]).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gone::{Gone, REMEMBER, Standing};
use super::whole::{Followed, Key, Piece, Set, Share, Whole, alone, is_possible, join};
use crate::mail::words::Words;
use crate::sms::{Number, Party};

/// Open sets of one sender: nobody writes twenty long texts at a time, a flood does.
const MAX_SENDER_SETS: usize = 20;

/// Open sets in all: some 10 MB with a few parts each.
const MAX_SETS: usize = 10_000;

/// Parts in all: a set may hold 255, and 10,000 full ones are too much memory.
const MAX_PARTS: usize = 50_000;

/// Parts do not wait longer for each other, whatever the configuration says (T33).
pub const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A late part waits so long for others: a phone that finds its network again sends them in a row.
const LATE_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// Parts that the service centre got further apart are of two texts whose sender uses one reference. A phone
/// gives up sooner; and providers that write their own time for the centre's write a late part's, too.
const SENT_WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// What became of a part.
#[derive(Clone, Debug, PartialEq)]
pub enum Joined {
    /// It waits for others.
    Waits,
    /// It was there already: nothing to do but to forget it.
    Duplicate,
    /// These go out: a text that it made whole, or what it needed the room of.
    Out(Vec<Whole>),
}

/// Parts that wait for each other.
pub struct Join {
    /// What a text says of its missing and late parts.
    pub words: Words,
    wait: SignedDuration,
    /// The sets of a key, in the order they began in: the first of two takes what fits both.
    open: HashMap<Key, Vec<Set>>,
    /// All open sets by when their wait is over.
    due: BTreeSet<(Timestamp, u64)>,
    /// Where each is, and when its wait is over.
    names: HashMap<u64, (Key, Timestamp)>,
    /// What each sender holds open.
    senders: HashMap<Party, Holding>,
    /// Who holds the most parts, and of those who do so the longest, is last.
    crowd: BTreeMap<(usize, Reverse<u64>), Party>,
    gone: Gone,
    /// The name of the next set.
    next: u64,
    parts: usize,
    evicted: u64,
}

/// What a sender holds open.
#[derive(Default)]
struct Holding {
    /// Oldest first.
    sets: BTreeSet<u64>,
    parts: usize,
}

impl Holding {
    fn rank(&self) -> Option<(usize, Reverse<u64>)> {
        Some((self.parts, Reverse(*self.sets.first()?)))
    }
}

impl Join {
    /// Parts wait `wait` for the others.
    pub fn new(wait: Duration) -> Self {
        let wait = SignedDuration::try_from(wait.min(MAX_WAIT)).unwrap_or(REMEMBER);
        Self {
            words: Words::default(),
            wait,
            open: HashMap::new(),
            due: BTreeSet::new(),
            names: HashMap::new(),
            senders: HashMap::new(),
            crowd: BTreeMap::new(),
            gone: Gone::default(),
            next: 0,
            parts: 0,
            evicted: 0,
        }
    }

    /// How many sets are open.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// No part waits.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many sets went out because there was no room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes a part.
    pub fn insert(&mut self, now: Timestamp, piece: Piece) -> Joined {
        let Some(concat) = piece.concat.filter(is_possible) else {
            return Joined::Out(vec![alone(piece)]);
        };
        let (part, key) = (concat.part, Key::of(&piece.from, concat));
        let sets = self.open.get(&key).map_or(&[][..], Vec::as_slice);
        if sets.iter().any(|set| holds(set, part, &piece)) || self.gone.holds(&key, part, &piece) {
            return Joined::Duplicate;
        }
        let mut out = Vec::new();
        while self.parts >= MAX_PARTS {
            out.extend(self.evict(now));
        }
        out.extend(self.place(now, key, part, piece));
        match out.is_empty() {
            true => Joined::Waits,
            false => Joined::Out(out),
        }
    }

    /// Texts whose parts have waited long enough.
    pub fn expired(&mut self, now: Timestamp) -> Vec<Whole> {
        self.gone.forget(now);
        let mut out = Vec::new();
        while let Some(&(at, name)) = self.due.first() {
            if at > now {
                break;
            }
            out.extend(self.close(name, now));
        }
        out
    }

    /// When the next text will have waited long enough.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|&(at, _)| at)
    }

    /// A text that went out at `at`, before a restart, the oldest first; whether it was a late one's turn.
    pub fn recall(&mut self, at: Timestamp, pieces: Vec<Piece>) {
        let Some((concat, first)) = pieces.first().and_then(|p| Some((p.concat?, p))) else {
            return;
        };
        if !is_possible(&concat) {
            return;
        }
        let (key, to) = (Key::of(&first.from, concat), first.to.clone());
        let part = |piece: Piece| (piece.concat.map_or(1, |c| c.part), Share::from(piece));
        let parts: BTreeMap<u8, Share> = pieces.into_iter().map(part).collect();
        let follows = match parts.len() < usize::from(key.parts) {
            true => self.gone.without(&key, &parts),
            false => None,
        };
        match follows {
            Some(first) => self.gone.add(&key, first, &parts),
            None => self.gone.remember(at, key, to, &parts),
        }
    }

    /// Puts a part where it belongs.
    fn place(&mut self, now: Timestamp, key: Key, part: u8, piece: Piece) -> Vec<Whole> {
        let window = self.wait.max(SENT_WITHIN);
        let fits = |to: Option<&Number>, sent: Option<Timestamp>| {
            let same_number = to.zip(piece.to.as_ref()).is_none_or(|(a, b)| a == b);
            let apart = sent.zip(piece.sent).map(|(a, b)| a.duration_since(b).abs());
            same_number && apart.is_none_or(|apart| apart <= window)
        };
        let sets = self.open.get(&key).map_or(&[][..], Vec::as_slice);
        let fitting = sets
            .iter()
            .filter(|set| set.misses(part) && fits(set.to.as_ref(), set.sent()));
        let best =
            fitting.min_by_key(|s| (s.gateway != piece.gateway, s.follows.is_some(), s.name));
        if let Some(name) = best.map(|set| set.name) {
            return self.add(name, part, now, piece).into_iter().collect();
        }
        let follows = match self.gone.standing(&key, part, &piece, fits) {
            Standing::Late(followed) => Some(followed),
            Standing::New | Standing::Repeat => None,
        };
        let (mut out, name) = self.open_set(now, key, &piece, follows);
        out.extend(self.add(name, part, now, piece));
        out
    }

    /// Begins a set, without a part yet; what went out for its room, and its name.
    fn open_set(
        &mut self,
        now: Timestamp,
        key: Key,
        piece: &Piece,
        follows: Option<Followed>,
    ) -> (Vec<Whole>, u64) {
        let mut out = Vec::new();
        let own = self.senders.get(&key.from).map(|held| &held.sets);
        if let Some(sets) = own.filter(|sets| sets.len() >= MAX_SENDER_SETS)
            && let Some(&oldest) = sets.first()
        {
            self.evicted += 1;
            out.extend(self.close(oldest, now));
        }
        while self.names.len() >= MAX_SETS {
            out.extend(self.evict(now));
        }
        let name = self.next;
        self.next += 1;
        // A clock that was set back makes no wait longer.
        let since = piece.at.min(now);
        let wait = match follows {
            Some(_) => LATE_WAIT,
            None => self.wait,
        };
        let at = since.checked_add(wait).unwrap_or(Timestamp::MAX);
        self.due.insert((at, name));
        self.weigh(&key.from, |held| {
            held.sets.insert(name);
        });
        self.names.insert(name, (key.clone(), at));
        let set = Set {
            follows,
            ..Set::of(name, since, piece)
        };
        self.open.entry(key).or_default().push(set);
        (out, name)
    }

    fn add(&mut self, name: u64, part: u8, now: Timestamp, piece: Piece) -> Option<Whole> {
        let (key, _) = self.names.get(&name)?;
        let (from, parts) = (key.from.clone(), key.parts);
        let sets = self.open.get_mut(key)?;
        let set = sets.iter_mut().find(|set| set.name == name)?;
        set.parts.insert(part, Share::from(piece));
        let is_whole = set.is_whole(parts);
        self.parts += 1;
        self.weigh(&from, |held| held.parts += 1);
        match is_whole {
            true => self.close(name, now),
            false => None,
        }
    }

    /// Changes what a sender holds.
    fn weigh(&mut self, from: &Party, change: impl FnOnce(&mut Holding)) {
        let held = self.senders.entry(from.clone()).or_default();
        if let Some(rank) = held.rank() {
            self.crowd.remove(&rank);
        }
        change(held);
        match held.rank() {
            Some(rank) => {
                self.crowd.insert(rank, from.clone());
            }
            None => {
                self.senders.remove(from);
            }
        }
    }

    /// Makes room: the oldest set of whoever holds the most parts, so that a flood pushes out its own.
    fn evict(&mut self, now: Timestamp) -> Option<Whole> {
        let (_, from) = self.crowd.last_key_value()?;
        let oldest = *self.senders.get(from)?.sets.first()?;
        self.evicted += 1;
        self.close(oldest, now)
    }

    /// Takes a set out and remembers that it went.
    fn close(&mut self, name: u64, now: Timestamp) -> Option<Whole> {
        let (key, at) = self.names.remove(&name)?;
        self.due.remove(&(at, name));
        let sets = self.open.get_mut(&key)?;
        let set = sets.remove(sets.iter().position(|set| set.name == name)?);
        if sets.is_empty() {
            self.open.remove(&key);
        }
        let count = set.parts.len();
        self.parts -= count;
        self.weigh(&key.from, |held| {
            held.sets.remove(&name);
            held.parts -= count;
        });
        match &set.follows {
            Some(text) => self.gone.add(&key, text.first, &set.parts),
            None => {
                let (key, to) = (key.clone(), set.to.clone());
                self.gone.remember(now, key, to, &set.parts);
            }
        }
        // A set is never without a part.
        (count > 0).then(|| join(&self.words, &key, set))
    }
}

/// This very part is in the set.
fn holds(set: &Set, part: u8, piece: &Piece) -> bool {
    set.parts.get(&part).is_some_and(|share| {
        share.text == piece.text && share.data == piece.data && share.sent == piece.sent
    })
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
            Joined::Out(mut out) => {
                assert_eq!(out.len(), 1, "there was room");
                out.pop()
            }
            Joined::Waits | Joined::Duplicate => None,
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
        is_clean(&join);
    }

    /// Nothing is left of what went out, but the memory of it.
    #[track_caller]
    fn is_clean(join: &Join) {
        assert!(join.is_empty() && join.parts == 0 && join.next_deadline().is_none());
        assert!(join.open.is_empty() && join.senders.is_empty() && join.crowd.is_empty());
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
    fn references_of_8_and_16_bits_are_two() {
        let mut join = Join::new(HOUR);
        let wide = |mut piece: Piece| {
            piece.concat = piece.concat.map(|c| Concat { wide: true, ..c });
            piece
        };
        join.insert(at(0), piece(0, 7, 1, 2, "a"));
        assert_eq!(
            join.insert(at(1), wide(piece(1, 7, 2, 2, "y"))),
            Joined::Waits
        );
        let narrow = done(join.insert(at(2), piece(2, 7, 2, 2, "b")));
        assert_eq!(narrow.expect("whole").text, "ab");
        let wide = done(join.insert(at(3), wide(piece(3, 7, 1, 2, "x"))));
        assert_eq!(wide.expect("whole").text, "xy");
        is_clean(&join);
    }

    #[test]
    fn parts_come_by_any_gateway_of_one_number() {
        let by = |gateway: &str, to: Option<&str>, piece: Piece| Piece {
            gateway: gateway.to_owned(),
            to: to.map(number),
            ..piece
        };
        let mut join = Join::new(HOUR);
        join.insert(at(0), by("hall", None, piece(0, 7, 1, 2, "a")));
        let both = done(join.insert(at(1), by("attic", None, piece(1, 7, 2, 2, "b"))));
        let both = both.expect("whole");
        assert_eq!((both.text.as_str(), both.gateway.as_str()), ("ab", "hall"));
        // Two numbers of ours: two texts, whichever comes when.
        let (one, two) = (Some("+15550001111"), Some("+15550002222"));
        join.insert(at(2), by("hall", one, piece(2, 7, 1, 2, "c")));
        let other = join.insert(at(3), by("attic", two, piece(3, 7, 2, 2, "z")));
        assert_eq!(other, Joined::Waits);
        let first = done(join.insert(at(4), by("hall", one, piece(4, 7, 2, 2, "d"))));
        assert_eq!(first.expect("whole").text, "cd");
        // Of two that it fits, that of its gateway.
        join.insert(at(5), by("web", None, piece(5, 9, 1, 2, "e")));
        join.insert(at(6), by("hall", None, piece(6, 9, 1, 2, "g")));
        let own = done(join.insert(at(7), by("hall", None, piece(7, 9, 2, 2, "h"))));
        assert_eq!(own.expect("whole").text, "gh");
    }

    #[test]
    fn parts_sent_hours_apart_are_of_two_texts() {
        let mut join = Join::new(HOUR);
        let sent = |row, part, text, second| Piece {
            sent: Some(at(second)),
            ..piece(row, 7, part, 2, text)
        };
        join.insert(at(0), sent(0, 1, "a", 0));
        assert_eq!(join.insert(at(1), sent(1, 2, "y", 8 * 3600)), Joined::Waits);
        assert_eq!(join.len(), 2);
        let first = done(join.insert(at(2), sent(2, 2, "b", 60)));
        assert_eq!(first.expect("whole").text, "ab");
    }

    #[test]
    fn late_parts_follow_together_and_a_repeat_of_one_does_not() {
        let mut join = Join::new(HOUR);
        let sent = |row, part, text| Piece {
            sent: Some(at(0)),
            ..piece(row, 7, part, 5, text)
        };
        join.insert(at(0), sent(0, 1, "a"));
        assert_eq!(join.expired(at(3600))[0].parts, (1, 5));
        assert_eq!(join.insert(at(4000), sent(4000, 3, "c")), Joined::Waits);
        assert_eq!(join.insert(at(4001), sent(4001, 2, "b")), Joined::Waits);
        assert_eq!(join.insert(at(4002), sent(4002, 2, "b")), Joined::Duplicate);
        assert_eq!(join.next_deadline(), Some(at(4060)));
        let late = join.expired(at(4060)).remove(0);
        assert_eq!(late.text, "[parts 2 to 3 of 5]\nbc");
        assert_eq!((late.parts, late.follows), ((2, 5), Some(id(0))));
        assert_eq!(join.insert(at(4100), sent(4100, 3, "c")), Joined::Duplicate);
        assert_eq!(join.insert(at(4101), sent(4101, 5, "e")), Joined::Waits);
        let last = done(join.insert(at(4102), sent(4102, 4, "d"))).expect("no more can come");
        assert_eq!(last.text, "[parts 4 to 5 of 5]\nde");
        assert_eq!(last.follows, Some(id(0)));
        is_clean(&join);
        // Gaps among late ones are told by their numbers.
        let mut join = Join::new(HOUR);
        join.insert(at(0), sent(0, 2, "b"));
        join.expired(at(3600));
        for (row, part, text) in [(4000, 5, "e"), (4001, 1, "a")] {
            join.insert(at(4001), sent(row, part, text));
        }
        assert_eq!(
            join.expired(at(5000))[0].text,
            "[part 1 of 5]\na\n[part 5 of 5]\ne"
        );
    }

    #[test]
    fn what_went_out_is_known_again_after_a_restart() {
        let mut join = Join::new(HOUR);
        let sent = |row, part, text| Piece {
            sent: Some(at(0)),
            ..piece(row, 7, part, 4, text)
        };
        join.recall(at(10), vec![sent(0, 1, "a"), sent(1, 2, "b")]);
        join.recall(at(20), vec![sent(2, 3, "c")]);
        assert_eq!(join.insert(at(30), sent(3, 3, "c")), Joined::Duplicate);
        let late = done(join.insert(at(31), sent(4, 4, "d"))).expect("no more can come");
        assert_eq!(late.follows, Some(id(0)));
        // Whole: nothing is late of it.
        let mut join = Join::new(HOUR);
        let pieces = (0..).zip(1..).zip(["a", "b", "c", "d"]);
        let pieces = pieces.map(|((row, part), text)| sent(row, part, text));
        join.recall(at(10), pieces.collect());
        assert_eq!(join.insert(at(30), sent(9, 4, "x")), Joined::Waits);
        assert!(join.expired(at(9000))[0].follows.is_none());
    }

    #[test]
    fn a_clock_set_back_makes_no_wait_longer() {
        let mut join = Join::new(Duration::from_secs(u64::MAX));
        let ahead = Piece {
            at: at(1_000_000),
            ..piece(0, 7, 1, 2, "a")
        };
        join.insert(at(0), ahead);
        assert_eq!(join.next_deadline(), Some(at(24 * 3600)), "a day at most");
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
        let Joined::Out(out) = join.insert(at(20), piece(20, 20, 1, 3, "b")) else {
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
            if let Joined::Out(out) = join.insert(at(0), piece) {
                seen += out.len();
            }
            assert!(join.len() <= MAX_SETS);
        }
        assert_eq!(seen + join.expired(at(100_000)).len(), 12_000);
    }

    /// Few sets may have many parts.
    #[test]
    fn parts_stay_within_their_cap_and_none_is_lost() {
        let mut join = Join::new(HOUR);
        let (mut out, rows) = (0, 60_000u32);
        for row in 0..rows {
            // Twelve senders with twenty texts each, of which the last part is missing.
            let (sender, reference, part) = (row / 5080, row / 254, row % 254 + 1);
            let part = u8::try_from(part).expect("small");
            let reference = u16::try_from(reference).expect("small");
            let piece = Piece {
                from: Party::Number(number(&format!("+1555{sender:07}"))),
                ..piece(row.into(), reference, part, 255, "flood")
            };
            if let Joined::Out(wholes) = join.insert(at(1), piece) {
                out += wholes.iter().map(|whole| whole.ids.len()).sum::<usize>();
            }
            assert!(join.parts <= MAX_PARTS);
        }
        assert!(join.parts > MAX_PARTS - 255, "the cap was reached");
        assert_eq!(out + join.parts, 60_000);
    }

    #[test]
    fn a_flood_pushes_out_its_own() {
        let mut join = Join::new(HOUR);
        let by = |sender: u32, piece: Piece| Piece {
            from: Party::Number(number(&format!("+1555{sender:07}"))),
            ..piece
        };
        // Quiet ones, each with one long text of which a part is missing.
        for row in 0..200u32 {
            join.insert(at(0), by(row, piece(row.into(), 7, 1, 3, "quiet")));
        }
        // Five hundred senders with as many texts as they may, and more; then one with endless parts.
        let mut out = Vec::new();
        for row in 0..15_000u32 {
            let reference = u16::try_from(row / 500).expect("small");
            let flood = by(
                1000 + row % 500,
                piece(1000 + u64::from(row), reference, 1, 3, "flood"),
            );
            if let Joined::Out(wholes) = join.insert(at(1), flood) {
                out.extend(wholes);
            }
        }
        for row in 0..60_000u32 {
            let (reference, part) = (row / 254, row % 254 + 1);
            let part = u8::try_from(part).expect("small");
            let reference = u16::try_from(reference).expect("small");
            let flood = by(
                9000,
                piece(100_000 + u64::from(row), reference, part, 255, "flood"),
            );
            if let Joined::Out(wholes) = join.insert(at(2), flood) {
                out.extend(wholes);
            }
            assert!(join.len() <= MAX_SETS && join.parts <= MAX_PARTS);
        }
        assert!(out.len() > 5000 && out.iter().all(|whole| !whole.text.contains("quiet")));
        let (texts, parts) = join.gone.len();
        assert!(
            texts <= 10_000 && parts <= 50_000,
            "{texts} texts, {parts} parts"
        );
        for row in 0..200u32 {
            join.insert(at(3), by(row, piece(0, 7, 2, 3, "and ")));
            let whole = done(join.insert(at(3), by(row, piece(0, 7, 3, 3, "whole"))));
            assert_eq!(whole.expect("whole").text, "quietand whole");
        }
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
                    Joined::Out(all) => out += all.iter().map(|w| w.ids.len()).sum::<usize>(),
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
