//! A text made fit for the air: what no reader sees, or only an attacker sends, is taken out.
//!
//! [`clean`] composes (NFC), makes every line end LF, and drops controls, bidi controls, invisible
//! characters, blanks at line ends and runs of blank lines. It never changes a character that a
//! reader sees, and doing it twice is doing it once. The time is linear in the text.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// More marks on one letter than any language writes (Vietnamese and Thai have two, Hebrew three,
/// decomposed): the rest is there to break a phone's display.
const MAX_MARKS: usize = 4;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';

/// The text as it may go on the air.
pub fn clean(text: &str) -> String {
    let composed = limit_marks(drop_invisible(text).nfc());
    let mut lines: Vec<String> = Vec::new();
    // A second look, because a joiner may have stood behind a mark that is gone.
    for line in drop_invisible(&composed).split('\n') {
        let line = line.trim_end();
        let repeats_a_blank = line.is_empty() && lines.last().is_none_or(String::is_empty);
        if !repeats_a_blank {
            lines.push(line.to_owned());
        }
    }
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

/// What must never reach a line where a sender is shown: C0, DEL, C1, bidi controls, characters of
/// no width. In a text, [`clean`] keeps those of them that make lines, emoji and spelling.
pub fn is_harmful(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Lines, emoji and Persian keep what they need; everything else that cannot be seen goes.
fn drop_invisible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut previous = '\0';
    let mut flag = false;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let c = match c {
            '\r' if rest.peek() == Some(&'\n') => continue,
            // CR, VT, FF, NEL, LINE and PARAGRAPH SEPARATOR all end a line.
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            c => c,
        };
        flag = c == '\u{1F3F4}' || flag && is_tag(c);
        let keep = match c {
            ZWJ | ZWNJ => {
                let next = rest.peek().copied().unwrap_or('\0');
                let glues = c == ZWJ && is_emoji(previous) && is_pictograph(next);
                let spells = spells_with_joiners(previous) && spells_with_joiners(next);
                glues || spells && !is_combining_mark(next)
            }
            // Text or emoji presentation, of what has both.
            '\u{FE0E}' | '\u{FE0F}' => is_pictograph(previous) || is_keycap(previous),
            // The subdivision flags: a black flag and a region in tag letters.
            c if is_tag(c) => flag,
            c => c == '\n' || !is_harmful(c),
        };
        if keep {
            kept.push(c);
            previous = c;
        }
    }
    kept
}

/// The characters, no letter with more than [`MAX_MARKS`] marks.
fn limit_marks(text: impl Iterator<Item = char>) -> String {
    let mut marks = 0;
    text.filter(|&c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        marks <= MAX_MARKS
    })
    .collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}'                      // soft hyphen
        | '\u{34f}'                   // combining grapheme joiner
        | '\u{61c}'                   // Arabic letter mark
        | '\u{180b}'..='\u{180f}'     // Mongolian variation selectors, vowel separator
        | '\u{200b}'..='\u{200f}'     // zero-width blank and joiners, LRM, RLM
        | '\u{202a}'..='\u{202e}'     // bidi embeddings and overrides
        | '\u{2060}'..='\u{206f}'     // word joiner, invisible operators, bidi isolates
        | '\u{fe00}'..='\u{fe0f}'     // variation selectors
        | '\u{feff}'                  // byte order mark
        | '\u{fff9}'..='\u{fffb}'     // interlinear annotation
        | '\u{1bca0}'..='\u{1bca3}'   // shorthand format controls
        | '\u{1d173}'..='\u{1d17a}'   // musical format controls
        | '\u{e0000}'..='\u{e0fff}'   // tags, more variation selectors
    )
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Blocks that hold what Unicode calls Extended_Pictographic; wider than the property, which only
/// means that a joiner between two dingbats stays.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ'
        | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}'
        | 'Ⓜ'
        | '\u{25a0}'..='\u{27bf}'
        | '\u{2900}'..='\u{297f}'
        | '\u{2b00}'..='\u{2bff}'
        | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}'
    )
}

/// A pictograph, with its presentation selector or without (a skin tone is a pictograph here).
fn is_emoji(c: char) -> bool {
    is_pictograph(c) || c == '\u{fe0f}'
}

fn is_keycap(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*')
}

/// Letters of Arabic to Myanmar, Khmer and Mongolian, where a joiner or non-joiner between two
/// letters is spelling: Persian "می‌خواهم", Malayalam chillus.
fn spells_with_joiners(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{109f}' | '\u{1780}'..='\u{18af}') && !is_invisible(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, cleaned: &str) {
        assert_eq!(clean(text), cleaned, "{text:?}");
    }

    #[test]
    fn lines_and_blanks() {
        check("a\r\nb\rc\nd", "a\nb\nc\nd");
        check("a\u{85}b\u{2028}c\u{2029}d\u{b}e\u{c}f", "a\nb\nc\nd\ne\nf");
        check("a  \nb\t\n\n\n\nc\n\n", "a\nb\n\nc");
        check("\n \n a", " a");
        check("a\tb", "a b");
        check(" \n\u{200b}\n", "");
    }

    #[test]
    fn controls() {
        check("a\0b\u{1b}[31mc\u{7f}d\u{9b}e", "ab[31mcde");
    }

    #[test]
    fn bidi_and_invisible() {
        check(
            "\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{61c}\u{200f}",
            "evil x",
        );
        check("z\u{200b}e\u{200c}r\u{200d}o\u{feff}\u{2060}\u{ad}", "zero");
        check("\u{e0061}\u{e0062}hidden\u{e007f}", "hidden");
        check(&"\u{200b}".repeat(10_000), "");
    }

    #[test]
    fn composition_and_marks() {
        check("e\u{301}", "é");
        check("e\u{200b}\u{301}", "é");
        check(
            &format!("q{}", "\u{301}".repeat(10_000)),
            "q\u{301}\u{301}\u{301}\u{301}",
        );
        check("ยิ้ม", "ยิ้ม");
    }

    #[test]
    fn emoji_stay_whole() {
        for emoji in ["👨‍👩‍👧‍👦", "❤️‍🔥", "👩🏽‍🚀", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "☎︎", "🇨🇿", "🏳️‍🌈"]
        {
            check(emoji, emoji);
        }
        check("a\u{fe0f}b", "ab");
        check("👨\u{200d}\u{200d}👩\u{200d}", "👨\u{200d}👩");
    }

    #[test]
    fn joiners_of_a_script_stay() {
        check("می\u{200c}خواهم", "می\u{200c}خواهم");
        check("ന\u{d4d}\u{200d} ", "ന\u{d4d}");
        check("می\u{200c}\u{200c}خ", "می\u{200c}خ");
    }

    proptest! {
        #[test]
        fn twice_is_once(text in any::<String>()) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }

        #[test]
        fn of_hostile_pieces(pieces in prop::collection::vec(prop::sample::select(vec![
            "a", "é", "e\u{301}", "\u{301}", " ", "\n", "\r\n", "\u{200d}", "\u{200c}", "\u{fe0f}", "👨", "🏽",
            "🏴", "\u{e0067}", "\u{e007f}", "\u{202e}", "م", "1", "\u{20e3}", "\u{1b}", "\0", "한", "\u{1100}", "\u{1161}",
        ]), 0..40)) {
            let once = clean(&pieces.concat());
            prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert!(!once.contains("\n\n\n") && !once.contains(" \n"));
            prop_assert_eq!(clean(&once), once);
        }
    }
}
