//! The shares of a text, each as long as can be, borders only where no reader sees them.

use std::iter::Peekable;
use std::str::Chars;

use unicode_segmentation::{Graphemes, UnicodeSegmentation};

use super::super::{Encoding, Shifts};
use super::units_of;

/// How a text goes on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub encoding: Encoding,
    /// Only with GSM-7.
    pub shifts: Shifts,
    /// A 16-bit reference, if there is one at all.
    pub wide: bool,
}

impl Way {
    /// How many units one SMS holds that is the whole text.
    pub fn alone(self) -> usize {
        self.encoding.room(self.shifts.header(None))
    }

    /// How many units one of several holds.
    pub fn joined(self) -> usize {
        self.encoding.room(self.shifts.header(Some(self.wide)))
    }

    pub fn units_of(self, c: char) -> usize {
        units_of(c, self.encoding, self.shifts)
    }
}

/// One segment's share.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    pub units: usize,
}

/// The shares of a text, whole if it fits one SMS, else each as long as can be: that is the fewest.
pub(super) fn pieces(text: &str, way: Way) -> Pieces<'_> {
    let alone = way.alone();
    // Each character takes a unit or more, so this looks at no more than one SMS of a long text.
    let head = text.chars().take(alone + 1);
    let units = head.map(|c| way.units_of(c)).sum::<usize>();
    let whole = units <= alone;
    Pieces {
        text,
        clusters: text.graphemes(true).peekable(),
        loose: "".chars(),
        way,
        limit: if whole { alone } else { way.joined() },
        whole: whole.then_some(units),
        end: None,
    }
}

pub(super) struct Pieces<'a> {
    text: &'a str,
    clusters: Peekable<Graphemes<'a>>,
    /// What is left of a cluster too long for a segment: it goes by code points.
    loose: Chars<'a>,
    way: Way,
    limit: usize,
    /// It is one piece, of so many units: nobody has to look where it could be cut.
    whole: Option<usize>,
    /// Where the last piece ended, in octets; `None` at first, as the empty text is one empty piece.
    end: Option<usize>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.end == Some(self.text.len()) {
            return None;
        }
        if let Some(units) = self.whole {
            self.end = Some(self.text.len());
            let text = self.text;
            return Some(Piece { text, units });
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
            let cost = cluster.chars().map(|c| self.way.units_of(c)).sum();
            if cost <= self.limit {
                return (cost <= room).then(|| {
                    self.clusters.next();
                    (cluster.len(), cost)
                });
            }
            self.loose = self.clusters.next()?.chars();
        }
        let c = self.loose.clone().next()?;
        let cost = self.way.units_of(c);
        (cost <= room).then(|| {
            self.loose.next();
            (c.len_utf8(), cost)
        })
    }
}
