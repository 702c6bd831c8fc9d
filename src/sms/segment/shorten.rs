//! A text made to fit so many segments, with a mark that says that it was cut.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::super::Encoding;
use super::super::message::MAX_SEGMENTS;
use super::choice::choose;
use super::{CutError, Options, count};

/// Looking for a word's border, [`shorten`] gives up this many characters and no more: what has
/// no blank for so long is an address, or a script without blanks.
const MAX_WORD: usize = 24;

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

/// The beginning with the mark that costs less: `…` would make UCS-2 of a GSM-7 text.
fn marked(beginning: &str, options: &Options) -> String {
    let dots = format!("{beginning}...");
    let gsm7 = |text: &str| {
        choose(text, options).is_ok_and(|chosen| chosen.way.encoding == Encoding::Gsm7)
    };
    if gsm7(&dots) {
        dots
    } else {
        format!("{beginning}…")
    }
}
