//! A text cut into segments, as few as can be, and never where a reader would see it.
//!
//! Units are septets in GSM-7 and 16-bit words in UCS-2. An escape pair, a surrogate pair and a
//! grapheme cluster stay in one segment; only a cluster longer than a segment is cut, at a code
//! point. The text is taken as it is ([`super::clean::clean`] comes before), but for the folding
//! that the options allow. The segments' texts joined are the text that was cut.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use unicode_segmentation::{Graphemes, UnicodeSegmentation};

use super::alphabet::{self, Fold};
use super::message::MAX_SEGMENTS;
use super::{Concat, Encoding, Segment, Shifts};

/// Looking for a word's border, [`shorten`] gives up this many characters and no more: what has
/// no blank for so long is an address, or a script without blanks.
const MAX_WORD: usize = 24;

/// Which encoding a text gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Coding {
    /// GSM-7 where every character fits, folded if that is allowed and enough; else UCS-2.
    #[default]
    Auto,
    /// GSM-7, folded if that is allowed; a text that does not fit is an error.
    Gsm7,
    /// UCS-2, never folded.
    Ucs2,
}

/// How a text is to be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What may be done to make it fit GSM-7.
    pub fold: Fold,
    /// Which encoding it gets.
    pub coding: Coding,
    /// Tells this message's parts from another's; only the low octet is used unless `wide`.
    pub reference: u16,
    /// A 16-bit reference: one septet or word less in each segment.
    pub wide: bool,
}

/// A text, cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Of all segments.
    pub encoding: Encoding,
    /// 1 to [`MAX_SEGMENTS`]; one, without characters, for the empty text.
    pub segments: Vec<Segment>,
    /// The segments hold plain twins of some characters ([`alphabet::twin`] says of which).
    pub folded: bool,
    /// The first character that no allowed folding makes fit GSM-7: it cost the sender UCS-2.
    pub forced_ucs2: Option<char>,
}

/// Why a text cannot be cut as wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// GSM-7 was asked for.
    #[error("the character {0:?} is not in the GSM 7-bit alphabet; leave the coding to auto")]
    NotGsm7(char),
    /// More than the limit.
    #[error("the text takes more than {MAX_SEGMENTS} segments")]
    TooLong,
}

/// Cuts a text.
pub fn cut(text: &str, options: &Options) -> Result<Cut, CutError> {
    let Coded {
        text,
        encoding,
        folded,
        forced_ucs2,
    } = code(text, options)?;
    let pieces = pieces(&text, encoding, options.wide).take(usize::from(MAX_SEGMENTS) + 1);
    let pieces: Vec<Piece> = pieces.collect();
    let parts = u8::try_from(pieces.len())
        .ok()
        .filter(|&parts| parts <= MAX_SEGMENTS);
    let parts = parts.ok_or(CutError::TooLong)?;
    let reference = if options.wide {
        options.reference
    } else {
        options.reference & 0xFF
    };
    let concat = |part| {
        (parts > 1).then_some(Concat {
            reference,
            wide: options.wide,
            part,
            parts,
        })
    };
    let segments = (1..=parts).zip(pieces).map(|(part, piece)| Segment {
        text: piece.text.to_owned(),
        encoding,
        units: piece.units,
        concat: concat(part),
        shifts: Shifts::default(),
    });
    Ok(Cut {
        encoding,
        segments: segments.collect(),
        folded,
        forced_ucs2,
    })
}

/// How many segments [`cut`] makes of a text, or would make if there were no limit.
pub fn count(text: &str, options: &Options) -> Result<usize, CutError> {
    let coded = code(text, options)?;
    Ok(pieces(&coded.text, coded.encoding, options.wide).count())
}

/// The text, or as much of its beginning as fits `max_segments` with a mark that says it was cut:
/// `…`, or `...` where that keeps GSM-7. Cut between words if there is a blank near, between
/// graphemes always.
pub fn shorten<'a>(
    text: &'a str,
    max_segments: usize,
    options: &Options,
) -> Result<Cow<'a, str>, CutError> {
    let max_segments = max_segments.clamp(1, MAX_SEGMENTS.into());
    if count(text, options)? <= max_segments {
        return Ok(Cow::Borrowed(text));
    }
    // Beyond this no border can fit: every character takes a unit, or half a one where folding
    // strips marks that Unicode does not compose.
    let horizon = 2 * max_segments * Encoding::Gsm7.single();
    let borders: Vec<usize> = text
        .grapheme_indices(true)
        .map(|(at, _)| at)
        .take(horizon)
        .collect();
    let fits = |end: usize| -> Result<bool, CutError> {
        Ok(count(&marked(&text[..end], options), options)? <= max_segments)
    };
    let mut longest = 0;
    let (mut low, mut high) = (0, borders.len());
    while low < high {
        let middle = low.midpoint(high);
        if fits(borders[middle])? {
            longest = middle;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    // A shorter text may take a segment more, when a cluster too long to stay whole became short
    // enough to: so the answer is tried before it is given.
    loop {
        let shorter = marked(word_border(text, borders[longest]), options);
        if longest == 0 || count(&shorter, options)? <= max_segments {
            return Ok(Cow::Owned(shorter));
        }
        longest -= 1;
    }
}

/// The beginning of `text` up to `end`, or to the last blank before it.
fn word_border(text: &str, end: usize) -> &str {
    let (kept, rest) = text.split_at(end);
    let between_words = rest.starts_with(char::is_whitespace);
    let blank = kept
        .char_indices()
        .rev()
        .take(MAX_WORD)
        .find(|(_, c)| c.is_whitespace());
    match blank {
        Some((at, _)) if !between_words => kept[..at].trim_end(),
        _ => kept.trim_end(),
    }
}

fn marked(beginning: &str, options: &Options) -> String {
    let plain = options.coding != Coding::Ucs2
        && alphabet::fold(beginning, options.fold)
            .chars()
            .all(|c| alphabet::septets_of(c).is_some());
    format!("{beginning}{}", if plain { "..." } else { "…" })
}

/// A text whose encoding is decided.
struct Coded<'a> {
    text: Cow<'a, str>,
    encoding: Encoding,
    folded: bool,
    forced_ucs2: Option<char>,
}

fn code<'a>(text: &'a str, options: &Options) -> Result<Coded<'a>, CutError> {
    let as_ucs2 = |forced_ucs2| Coded {
        text: Cow::Borrowed(text),
        encoding: Encoding::Ucs2,
        folded: false,
        forced_ucs2,
    };
    if options.coding == Coding::Ucs2 {
        return Ok(as_ucs2(None));
    }
    match (foreign(text, options.fold), options.coding) {
        (None, _) => {
            let text = alphabet::fold(text, options.fold);
            let folded = matches!(text, Cow::Owned(_));
            Ok(Coded {
                text,
                encoding: Encoding::Gsm7,
                folded,
                forced_ucs2: None,
            })
        }
        (Some(c), Coding::Gsm7) => Err(CutError::NotGsm7(c)),
        (Some(c), _) => Ok(as_ucs2(Some(c))),
    }
}

/// The first character that this folding does not bring into the alphabet.
fn foreign(text: &str, fold: Fold) -> Option<char> {
    text.chars()
        .find(|&c| alphabet::septets_of(c).is_none() && alphabet::twin(c, fold).is_none())
}

/// One segment's share.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    units: usize,
}

/// The shares of a text, whole if it fits one SMS, else each as long as can be: that is the fewest.
fn pieces(text: &str, encoding: Encoding, wide: bool) -> Pieces<'_> {
    let alone = encoding.single();
    // Each character takes a unit or more, so this looks at no more than one SMS of a long text.
    let head = text.chars().take(alone + 1);
    let whole = head.map(|c| units_of(c, encoding)).sum::<usize>() <= alone;
    let limit = if whole {
        alone
    } else {
        encoding.concatenated(wide)
    };
    Pieces {
        text,
        clusters: text.graphemes(true).peekable(),
        loose: "".chars(),
        encoding,
        limit,
        end: None,
    }
}

struct Pieces<'a> {
    text: &'a str,
    clusters: Peekable<Graphemes<'a>>,
    /// What is left of a cluster too long for a segment: it goes by code points.
    loose: Chars<'a>,
    encoding: Encoding,
    limit: usize,
    /// Where the last piece ended, in octets; `None` at first, as the empty text is one empty piece.
    end: Option<usize>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.end == Some(self.text.len()) {
            return None;
        }
        let start = self.end.unwrap_or(0);
        let (mut end, mut units) = (start, 0);
        while let Some((length, cost)) = self.take(self.limit - units) {
            end += length;
            units += cost;
        }
        self.end = Some(end);
        Some(Piece {
            text: &self.text[start..end],
            units,
        })
    }
}

impl Pieces<'_> {
    /// Takes what comes next and must stay together, if it goes into so many units: its octets of
    /// text and its units.
    fn take(&mut self, room: usize) -> Option<(usize, usize)> {
        if self.loose.as_str().is_empty() {
            let &cluster = self.clusters.peek()?;
            let cost = cluster.chars().map(|c| units_of(c, self.encoding)).sum();
            if cost <= self.limit {
                return (cost <= room).then(|| {
                    self.clusters.next();
                    (cluster.len(), cost)
                });
            }
            self.loose = self.clusters.next()?.chars();
        }
        let c = self.loose.clone().next()?;
        let cost = units_of(c, self.encoding);
        (cost <= room).then(|| {
            self.loose.next();
            (c.len_utf8(), cost)
        })
    }
}

/// How many units a text takes, every character being in the encoding's alphabet.
pub fn units(text: &str, encoding: Encoding) -> usize {
    text.chars().map(|c| units_of(c, encoding)).sum()
}

fn units_of(c: char, encoding: Encoding) -> usize {
    match encoding {
        // A text is only here as GSM-7 when every character fits.
        Encoding::Gsm7 => alphabet::septets_of(c).map_or(1, alphabet::Septets::count),
        Encoding::Ucs2 => c.len_utf16(),
        Encoding::Binary => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(fold: Fold, coding: Coding) -> Options {
        Options {
            fold,
            coding,
            reference: 0x1234,
            wide: false,
        }
    }

    fn auto(text: &str) -> Cut {
        cut(text, &Options::default()).unwrap()
    }

    #[track_caller]
    fn check(text: &str, encoding: Encoding, units: &[usize]) {
        let cut = auto(text);
        let found: Vec<usize> = cut.segments.iter().map(|s| s.units).collect();
        assert_eq!(
            (cut.encoding, found.as_slice()),
            (encoding, units),
            "{text:?}"
        );
        assert_eq!(count(text, &Options::default()), Ok(units.len()));
    }

    #[test]
    fn borders_of_gsm7() {
        check("", Encoding::Gsm7, &[0]);
        check(&"a".repeat(160), Encoding::Gsm7, &[160]);
        check(&"a".repeat(161), Encoding::Gsm7, &[153, 8]);
        check(&"a".repeat(306), Encoding::Gsm7, &[153, 153]);
        check(&"a".repeat(307), Encoding::Gsm7, &[153, 153, 1]);
        check(&"€".repeat(80), Encoding::Gsm7, &[160]);
        check(&"€".repeat(81), Encoding::Gsm7, &[152, 10]);
        check(&format!("{}€b", "a".repeat(152)), Encoding::Gsm7, &[155]);
        check(
            &format!("{}€{}", "a".repeat(152), "b".repeat(10)),
            Encoding::Gsm7,
            &[152, 12],
        );
    }

    #[test]
    fn borders_of_ucs2() {
        check(&"я".repeat(70), Encoding::Ucs2, &[70]);
        check(&"я".repeat(71), Encoding::Ucs2, &[67, 4]);
        check(&"😀".repeat(35), Encoding::Ucs2, &[70]);
        check(&"😀".repeat(36), Encoding::Ucs2, &[66, 6]);
        let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦"; // 11 units
        check(
            &format!("{}{family}", "я".repeat(60)),
            Encoding::Ucs2,
            &[60, 11],
        );
        check(
            &format!("{}e\u{301}я", "я".repeat(66)),
            Encoding::Ucs2,
            &[69],
        );
        check(
            &format!("{}q\u{301}яяя", "я".repeat(66)),
            Encoding::Ucs2,
            &[66, 5],
        );
        let endless = format!("я{}", "\u{301}".repeat(100));
        check(&endless, Encoding::Ucs2, &[67, 34]);
        check(&format!("яя{endless}"), Encoding::Ucs2, &[67, 36]);
    }

    #[test]
    fn wide_references_cost_one_unit() {
        let wide = Options {
            wide: true,
            reference: 0x1234,
            ..Options::default()
        };
        let cut = cut(&"a".repeat(161), &wide).unwrap();
        assert_eq!(cut.segments[0].units, 152);
        let concat = Concat {
            reference: 0x1234,
            wide: true,
            part: 2,
            parts: 2,
        };
        assert_eq!(cut.segments[1].concat, Some(concat));
    }

    #[test]
    fn a_narrow_reference_has_eight_bits() {
        let cut = cut(&"a".repeat(161), &options(Fold::None, Coding::Auto)).unwrap();
        assert_eq!(cut.segments[0].concat.unwrap().reference, 0x34);
    }

    #[track_caller]
    fn check_coding(
        text: &str,
        fold: Fold,
        coding: Coding,
        wanted: Result<(&str, bool, Option<char>), CutError>,
    ) {
        let found = cut(text, &options(fold, coding));
        let found = found.map(|cut| (cut.segments[0].text.clone(), cut.folded, cut.forced_ucs2));
        let wanted = wanted.map(|(text, folded, forced)| (text.to_owned(), folded, forced));
        assert_eq!(found, wanted, "{text:?} {fold:?} {coding:?}");
    }

    #[test]
    fn coding_and_folding() {
        use Coding::{Auto, Gsm7, Ucs2};
        use Fold::{All, None as Never, Typographic};
        check_coding("It’s", Never, Auto, Ok(("It’s", false, Some('’'))));
        check_coding("It’s", Typographic, Auto, Ok(("It's", true, None)));
        check_coding("It’s", Typographic, Ucs2, Ok(("It’s", false, None)));
        check_coding("It’s", Typographic, Gsm7, Ok(("It's", true, None)));
        check_coding("It’s", Never, Gsm7, Err(CutError::NotGsm7('’')));
        check_coding(
            "It’s čas",
            Typographic,
            Auto,
            Ok(("It’s čas", false, Some('č'))),
        );
        check_coding("It’s čas", All, Auto, Ok(("It's cas", true, None)));
        check_coding("It’s 中文", All, Auto, Ok(("It’s 中文", false, Some('中'))));
        check_coding("It’s 中文", All, Gsm7, Err(CutError::NotGsm7('中')));
    }

    #[test]
    fn not_over_the_limit() {
        let most = "a".repeat(153 * 128);
        assert_eq!(auto(&most).segments.len(), 128);
        let more = most + "a";
        assert_eq!(cut(&more, &Options::default()), Err(CutError::TooLong));
        assert_eq!(count(&more, &Options::default()), Ok(129));
    }

    #[track_caller]
    fn check_shorten(text: &str, segments: usize, wanted: &str) {
        assert_eq!(
            shorten(text, segments, &Options::default()).unwrap(),
            wanted
        );
    }

    #[test]
    fn shortening() {
        check_shorten("short", 1, "short");
        check_shorten(&"a".repeat(200), 1, &format!("{}...", "a".repeat(157)));
        check_shorten(&"a".repeat(400), 2, &format!("{}...", "a".repeat(303)));
        check_shorten(
            &"word ".repeat(40),
            1,
            &format!("{}word...", "word ".repeat(30)),
        );
        check_shorten(
            &"слово ".repeat(40),
            1,
            &format!("{}слово…", "слово ".repeat(10)),
        );
        check_shorten(&"😀".repeat(40), 1, &format!("{}…", "😀".repeat(34)));
        // What forces UCS-2 stands behind the cut.
        check_shorten(
            &format!("{}中", "a".repeat(200)),
            1,
            &format!("{}...", "a".repeat(157)),
        );
        check_shorten(&"a".repeat(200), 0, &format!("{}...", "a".repeat(157)));
    }

    #[test]
    fn an_endless_cluster_takes_linear_time() {
        let endless = "👨\u{200d}".repeat(500_000);
        assert_eq!(count(&endless, &Options::default()), Ok(22_728));
    }

    /// The fewest segments, by trying every border.
    fn fewest(text: &str, encoding: Encoding, wide: bool) -> usize {
        let cost = |text: &str| text.chars().map(|c| units_of(c, encoding)).sum::<usize>();
        if cost(text) <= encoding.single() {
            return 1;
        }
        let limit = encoding.concatenated(wide);
        let mut atoms = Vec::new();
        for cluster in text.graphemes(true) {
            match cost(cluster) {
                whole if whole <= limit => atoms.push(whole),
                _ => atoms.extend(cluster.chars().map(|c| units_of(c, encoding))),
            }
        }
        let mut best = vec![usize::MAX; atoms.len() + 1];
        best[0] = 0;
        for end in 1..=atoms.len() {
            let mut units = 0;
            for start in (0..end).rev() {
                units += atoms[start];
                if units > limit {
                    break;
                }
                best[end] = best[end].min(best[start] + 1);
            }
        }
        best[atoms.len()]
    }

    /// Texts of a few hundred units of all kinds.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => "[a-z ]{1,20}",
            2 => Just("€".to_owned()),
            1 => Just("’".to_owned()),
            1 => "[áčř]{1,3}",
            1 => Just("😀".to_owned()),
            1 => Just("👩🏽\u{200d}🚀".to_owned()),
            1 => Just("🇨🇿".to_owned()),
            1 => Just("q\u{301}\u{302}".to_owned()),
            1 => any::<char>().prop_map(String::from),
        ];
        let long = (
            0usize..400,
            prop::sample::select(vec!["a", "я", "\u{301}", "€", "😀", "👨\u{200d}"]),
        );
        let long = long.prop_map(|(times, what)| what.repeat(times));
        let pieces = prop::collection::vec(prop_oneof![8 => piece, 1 => long], 0..60);
        prop_oneof![1 => pieces.prop_map(|pieces| pieces.concat()), 1 => "[a-z€ ]{140,330}"]
    }

    fn any_options() -> impl Strategy<Value = Options> {
        let fold = prop::sample::select(vec![Fold::None, Fold::Typographic, Fold::All]);
        let coding =
            prop::sample::select(vec![Coding::Auto, Coding::Auto, Coding::Gsm7, Coding::Ucs2]);
        (fold, coding, any::<u16>(), any::<bool>()).prop_map(|(fold, coding, reference, wide)| {
            Options {
                fold,
                coding,
                reference,
                wide,
            }
        })
    }

    proptest! {
        #[test]
        fn a_cut_is_whole_and_small(text in texts(), options in any_options()) {
            let Ok(cut) = cut(&text, &options) else { return Ok(()) };
            let joined: String = cut.segments.iter().map(|s| s.text.as_str()).collect();
            let wanted = if cut.folded { alphabet::fold(&text, options.fold) } else { (&text).into() };
            prop_assert_eq!(&joined, &wanted);
            prop_assert_eq!(cut.segments.len(), fewest(&joined, cut.encoding, options.wide));
            prop_assert_eq!(count(&text, &options), Ok(cut.segments.len()));
            let alone = cut.segments.len() == 1;
            let limit = if alone { cut.encoding.single() } else { cut.encoding.concatenated(options.wide) };
            for (index, segment) in cut.segments.iter().enumerate() {
                let units = match cut.encoding {
                    Encoding::Gsm7 => alphabet::encode(&segment.text).unwrap().len(),
                    _ => segment.text.encode_utf16().count(),
                };
                prop_assert_eq!(units, segment.units);
                prop_assert!(units <= limit);
                prop_assert_eq!(segment.concat.is_none(), alone);
                prop_assert!(segment.concat.is_none_or(|c| usize::from(c.part) == index + 1));
            }
        }

        #[test]
        fn what_is_shortened_fits(text in texts(), options in any_options(), most in 0usize..5) {
            let Ok(shorter) = shorten(&text, most, &options) else { return Ok(()) };
            prop_assert!(count(&shorter, &options).unwrap() <= most.max(1));
            if count(&text, &options).unwrap() <= most.max(1) {
                prop_assert_eq!(shorter.as_ref(), text.as_str());
            }
        }

        #[test]
        fn any_string_is_cut_or_refused(text in any::<String>(), options in any_options()) {
            let _ = cut(&text, &options);
        }
    }
}
