//! Which way a text goes on the air: the one with the fewest segments, and of equals the plainest.
//!
//! The ways, the plainest first: GSM-7, which every phone shows; UCS-2, which every phone of this
//! century shows; GSM-7 with a single shift table, which an old phone shows with a wrong letter
//! here and there; with a locking one; with both, of one language rather than of two. National
//! tables stand behind UCS-2 because they are used only when they save something (spec 5).
//!
//! The text is read once, for its different characters and how many there are of each. That gives
//! every way's units, and so a number of segments that it cannot go below; the text is then cut in
//! earnest for those ways only that may still be the best.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::alphabet::{self, Fold, Septets};
use super::super::national::{self, Tables};
use super::super::{Encoding, Language, Shifts};
use super::pieces::{Way, pieces};
use super::{Coding, CutError, Options};

/// As many characters as a person reads in a note.
const MAX_NAMED: usize = 5;

/// A text whose way is decided.
pub(super) struct Chosen<'a> {
    /// As it goes: folded where the way lacks a character.
    pub text: Cow<'a, str>,
    pub way: Way,
    pub folded: bool,
    pub forced_ucs2: Vec<char>,
}

/// The best way for a text.
pub(super) fn choose<'a>(text: &'a str, options: &Options) -> Result<Chosen<'a>, CutError> {
    match plainest(text, options) {
        Some(way) => Ok(Chosen {
            text: Cow::Borrowed(text),
            way,
            folded: false,
            forced_ucs2: Vec::new(),
        }),
        None => choose_among_all(text, options),
    }
}

/// What most texts are: one segment of the default alphabet as they stand, which nothing can better.
fn plainest(text: &str, options: &Options) -> Option<Way> {
    let way = Way {
        encoding: Encoding::Gsm7,
        shifts: Shifts::default(),
        wide: options.wide,
    };
    let mut room = way.alone();
    for c in text.chars() {
        let units = alphabet::septets_in(c, way.shifts)?.count();
        room = room.checked_sub(units)?;
    }
    (options.coding != Coding::Ucs2).then_some(way)
}

fn choose_among_all<'a>(text: &'a str, options: &Options) -> Result<Chosen<'a>, CutError> {
    let letters = letters(text, options.fold);
    let mut possible = possible(&letters, options);
    possible.sort_by_key(|(least, rank, _)| (*least, *rank));
    let Some((rank, way, text)) = fewest(text, &possible, options.fold) else {
        // UCS-2 takes everything: it was not allowed.
        let first = foreign(text, &letters, options).first().copied();
        return Err(CutError::NotGsm7(first.unwrap_or('\0')));
    };
    // The default alphabet could not, or this would be a choice and no force.
    let forced = way.encoding == Encoding::Ucs2
        && options.coding == Coding::Auto
        && possible.iter().all(|(_, other, _)| *other >= rank);
    Ok(Chosen {
        folded: matches!(text, Cow::Owned(_)),
        forced_ucs2: match forced {
            true => foreign(&text, &letters, options),
            false => Vec::new(),
        },
        text,
        way,
    })
}

/// Of these ways, sorted, the one that makes the fewest segments.
fn fewest<'a>(text: &'a str, ways: &[Possible], fold: Fold) -> Option<(usize, Way, Cow<'a, str>)> {
    let mut best: Option<(usize, usize, Way, Cow<'a, str>)> = None;
    for &(least, rank, way) in ways {
        if best.as_ref().is_some_and(|b| (least, rank) > (b.0, b.1)) {
            break;
        }
        let text = finished(text, way, fold);
        let segments = pieces(&text, way).count();
        if best.as_ref().is_none_or(|b| (segments, rank) < (b.0, b.1)) {
            best = Some((segments, rank, way, text));
        }
    }
    best.map(|(_, rank, way, text)| (rank, way, text))
}

/// The fewest segments that it can be, how plain it is (0 is the plainest), and the way.
type Possible = (usize, usize, Way);

/// The ways that a text of these letters can go.
fn possible(letters: &HashMap<char, Letter>, options: &Options) -> Vec<Possible> {
    let least = |way: Way| {
        let units = total(letters, way)?;
        match units <= way.alone() {
            true => Some(1),
            false => Some(units.div_ceil(way.joined())),
        }
    };
    let ways = ways(options).into_iter().enumerate();
    let known = |(rank, way)| least(way).map(|least| (least, rank, way));
    let mut possible: Vec<Possible> = Vec::new();
    for (least, rank, way) in ways.filter_map(known) {
        possible.push((least, rank, way));
        // One segment: nothing that is less plain can be better.
        if least == 1 {
            break;
        }
    }
    possible
}

/// All ways that are allowed, the plainest first.
fn ways(options: &Options) -> Vec<Way> {
    let way = |encoding, locking, single| Way {
        encoding,
        shifts: Shifts { locking, single },
        wide: options.wide,
    };
    let gsm7 = |locking, single| way(Encoding::Gsm7, locking, single);
    let ucs2 = way(Encoding::Ucs2, None, None);
    let languages: Vec<Language> = options.languages.iter().collect();
    let lock = || languages.iter().filter(|l| l.locking().is_some()).copied();
    let single = || languages.iter().copied();
    let mut ways = vec![gsm7(None, None), ucs2];
    ways.extend(single().map(|language| gsm7(None, Some(language))));
    ways.extend(lock().map(|language| gsm7(Some(language), None)));
    // A phone that knows a language has both its tables.
    ways.extend(lock().map(|language| gsm7(Some(language), Some(language))));
    for locking in lock() {
        let others = single().filter(|single| *single != locking);
        ways.extend(others.map(|single| gsm7(Some(locking), Some(single))));
    }
    ways.retain(|way| match options.coding {
        Coding::Auto => true,
        Coding::Gsm7 => way.encoding == Encoding::Gsm7,
        Coding::Ucs2 => way.encoding == Encoding::Ucs2,
    });
    ways
}

/// A character of the text.
struct Letter {
    /// How often it stands there.
    times: usize,
    /// Who has it.
    tables: Tables,
    /// What may stand in its place where nobody has.
    twin: Option<Cow<'static, str>>,
}

fn letters(text: &str, fold: Fold) -> HashMap<char, Letter> {
    let mut letters: HashMap<char, Letter> = HashMap::new();
    for c in text.chars() {
        let letter = letters.entry(c).or_insert_with(|| Letter {
            times: 0,
            tables: national::tables_with(c),
            twin: alphabet::plain(c, fold),
        });
        letter.times += 1;
    }
    letters
}

/// The units of the whole text, folded where it must be; `None`: it cannot go this way.
fn total(letters: &HashMap<char, Letter>, way: Way) -> Option<usize> {
    let units = |(c, letter): (&char, &Letter)| {
        let each = match way.encoding {
            Encoding::Gsm7 => septets(letter.tables, way.shifts).or_else(|| {
                let twin = letter.twin.as_deref()?;
                let count = |c| alphabet::septets_in(c, way.shifts).map(Septets::count);
                twin.chars().map(count).sum()
            }),
            _ => Some(c.len_utf16()),
        };
        each.map(|each| each * letter.times)
    };
    letters.iter().map(units).sum()
}

/// How many septets a character takes that these tables have.
fn septets(tables: Tables, shifts: Shifts) -> Option<usize> {
    let [locking, single] = [shifts.locking, shifts.single].map(national::bit);
    if tables.locking & locking != 0 {
        Some(1)
    } else {
        (tables.single & single != 0).then_some(2)
    }
}

/// The text as it goes this way.
fn finished(text: &str, way: Way, fold: Fold) -> Cow<'_, str> {
    match way.encoding {
        Encoding::Gsm7 => alphabet::fold_in(text, fold, way.shifts),
        _ => Cow::Borrowed(text),
    }
}

/// The first characters that keep a text from GSM-7. Those that no table has, if there are any: the
/// others would have gone with one.
fn foreign(text: &str, letters: &HashMap<char, Letter>, options: &Options) -> Vec<char> {
    let languages = options.languages.iter().map(Some).map(national::bit);
    let allowed = languages.fold(national::bit(None), |all, bit| all | bit);
    let plain = |letter: &Letter| septets(letter.tables, Shifts::default()).is_some();
    let lacking = |c: &char| {
        letters
            .get(c)
            .is_some_and(|l| !plain(l) && l.twin.is_none())
    };
    let nobodys = |c: &char| {
        lacking(c)
            && letters
                .get(c)
                .is_some_and(|l| (l.tables.locking | l.tables.single) & allowed == 0)
    };
    let mut first = named(text.chars().filter(nobodys));
    if first.is_empty() {
        first = named(text.chars().filter(lacking));
    }
    first
}

/// The first few different ones.
fn named(chars: impl Iterator<Item = char>) -> Vec<char> {
    let mut first = Vec::new();
    for c in chars {
        if first.len() == MAX_NAMED {
            break;
        }
        if !first.contains(&c) {
            first.push(c);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_leads_where_the_long_one_does(
            text in "([ -~]|[à-ÿ€\\n’]){0,170}", wide in any::<bool>(), coding in 0..3,
        ) {
            let coding = [Coding::Auto, Coding::Gsm7, Coding::Ucs2][coding as usize];
            let options = Options { wide, coding, ..Options::default() };
            let seen = |chosen: Result<Chosen<'_>, CutError>| {
                chosen.map(|c| (c.text.into_owned(), c.way, c.folded, c.forced_ucs2))
            };
            prop_assert_eq!(seen(choose(&text, &options)), seen(choose_among_all(&text, &options)));
        }
    }
}
