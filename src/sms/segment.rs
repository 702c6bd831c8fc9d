//! A text cut into segments, as few as can be, and never where a reader would see it.
//!
//! Units are septets in GSM-7 and 16-bit words in UCS-2. An escape pair, a surrogate pair and a
//! grapheme cluster stay in one segment; only a cluster longer than a segment is cut, at a code
//! point. The text is taken as it is ([`super::clean::clean`] comes before), but for the folding
//! that the options allow. The segments' texts joined are the text that was cut.
//!
//! `choice` finds the way with the fewest segments, `pieces` cuts, `shorten` makes a text fit. All
//! take time linear in the text; there are at most 183 ways.

use super::alphabet::{self, Fold};
use super::message::MAX_SEGMENTS;
use super::{Concat, Encoding, Languages, Segment, Shifts};

mod choice;
mod pieces;
mod shorten;
#[cfg(test)]
mod tests;

use choice::choose;
use pieces::{Piece, Way, pieces};
pub use shorten::shorten;

/// Which encoding a text gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Whatever takes the fewest segments; of equals GSM-7 without tables, then UCS-2.
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
    /// Whose national tables may be used when they save segments.
    pub languages: Languages,
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
    /// Of all segments.
    pub shifts: Shifts,
    /// 1 to [`MAX_SEGMENTS`]; one, without characters, for the empty text.
    pub segments: Vec<Segment>,
    /// The segments hold plain twins of some characters ([`alphabet::twin_in`] says of which).
    pub folded: bool,
    /// What cost the sender UCS-2: the first few characters that no allowed folding makes fit GSM-7,
    /// and that no allowed table has, if there are such.
    pub forced_ucs2: Vec<char>,
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
    let chosen = choose(text, options)?;
    Ok(Cut {
        encoding: chosen.way.encoding,
        shifts: chosen.way.shifts,
        segments: segments(&chosen.text, chosen.way, options.reference)?,
        folded: chosen.folded,
        forced_ucs2: chosen.forced_ucs2,
    })
}

/// Cuts a text whose encoding and tables are decided; the characters are as they shall go.
pub fn cut_as(
    text: &str,
    encoding: Encoding,
    shifts: Shifts,
    reference: u8,
) -> Result<Vec<Segment>, CutError> {
    let way = Way {
        encoding,
        shifts,
        wide: false,
    };
    segments(text, way, reference.into())
}

fn segments(text: &str, way: Way, reference: u16) -> Result<Vec<Segment>, CutError> {
    let pieces = pieces(text, way).take(usize::from(MAX_SEGMENTS) + 1);
    let pieces: Vec<Piece> = pieces.collect();
    let parts = u8::try_from(pieces.len())
        .ok()
        .filter(|&parts| parts <= MAX_SEGMENTS);
    let parts = parts.ok_or(CutError::TooLong)?;
    let concat = |part| Concat {
        reference: if way.wide {
            reference
        } else {
            reference & 0xFF
        },
        wide: way.wide,
        part,
        parts,
    };
    let segments = (1..=parts).zip(pieces).map(|(part, piece)| Segment {
        text: piece.text.to_owned(),
        encoding: way.encoding,
        units: piece.units,
        concat: (parts > 1).then(|| concat(part)),
        shifts: way.shifts,
    });
    Ok(segments.collect())
}

/// How many segments [`cut`] makes of a text, or would make if there were no limit.
pub fn count(text: &str, options: &Options) -> Result<usize, CutError> {
    let chosen = choose(text, options)?;
    Ok(pieces(&chosen.text, chosen.way).count())
}

/// How many units a text takes, every character being in the encoding's alphabet.
pub fn units(text: &str, encoding: Encoding) -> usize {
    units_with(text, encoding, Shifts::default())
}

/// How many units a text takes with these tables in use, every character being in them.
pub fn units_with(text: &str, encoding: Encoding, shifts: Shifts) -> usize {
    let units = |c| units_of(c, encoding, shifts);
    text.chars().map(units).sum()
}

fn units_of(c: char, encoding: Encoding, shifts: Shifts) -> usize {
    match encoding {
        // A text is only here as GSM-7 when every character fits.
        Encoding::Gsm7 => alphabet::septets_in(c, shifts).map_or(1, alphabet::Septets::count),
        Encoding::Ucs2 => c.len_utf16(),
        Encoding::Binary => c.len_utf8(),
    }
}
