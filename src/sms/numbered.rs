//! Long texts for phones and providers without concatenation: `(1/3) ` in front of each SMS.
//!
//! Each piece stands for itself, within the limit of one SMS. A word that fits in a piece is never
//! cut; a longer one is cut between characters as people see them, and such a character, when it is
//! itself longer than a piece, between code points.

use unicode_segmentation::UnicodeSegmentation;

use super::message::{Encoding, MAX_SEGMENTS};
use super::segment;

/// The pieces with their numbers; one piece without a number when the text fits in one. `None` when
/// more than [`MAX_SEGMENTS`] would be needed.
pub fn numbered(text: &str, encoding: Encoding) -> Option<Vec<String>> {
    let units = |text: &str| segment::units(text, encoding);
    if units(text) <= encoding.single() {
        return Some(vec![text.to_owned()]);
    }
    // More pieces make a longer "(1/10) ", which can make more pieces: at most twice.
    let mut parts = 2;
    loop {
        let room = encoding.single() - units(&mark(parts, parts));
        let pieces = split(text, room, &units);
        if pieces.len() > usize::from(MAX_SEGMENTS) {
            return None;
        }
        if pieces.len() <= parts {
            let parts = pieces.len();
            let number = |(i, piece): (usize, &String)| format!("{}{piece}", mark(i + 1, parts));
            return Some(pieces.iter().enumerate().map(number).collect());
        }
        parts = pieces.len();
    }
}

fn mark(part: usize, parts: usize) -> String {
    format!("({part}/{parts}) ")
}

/// Pieces of at most `room` units each; blanks at a border are left out.
fn split(text: &str, room: usize, units: &dyn Fn(&str) -> usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive([' ', '\n']) {
        let bare = word.trim_end_matches([' ', '\n']);
        if used + units(bare) > room && units(bare) <= room {
            pieces.push(String::new());
            used = 0;
        }
        let whole = |cluster: &str| units(cluster) <= room;
        let atoms = word
            .graphemes(true)
            .flat_map(|cluster| match whole(cluster) {
                true => vec![cluster],
                false => cluster.split_inclusive(|_| true).collect(),
            });
        for cluster in atoms {
            let cost = units(cluster);
            if used + cost > room {
                if cluster == " " || cluster == "\n" {
                    continue;
                }
                pieces.push(String::new());
                used = 0;
            }
            if let Some(last) = pieces.last_mut() {
                last.push_str(cluster);
            }
            used += cost;
        }
    }
    let trimmed = pieces
        .iter()
        .map(|piece| piece.trim_end_matches([' ', '\n']).to_owned());
    trimmed.filter(|piece| !piece.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_what_does_not_fit() {
        assert_eq!(
            numbered("short", Encoding::Gsm7),
            Some(vec!["short".into()])
        );
        let words = "word ".repeat(50);
        let pieces = numbered(words.trim(), Encoding::Gsm7).expect("pieces");
        assert_eq!(pieces.len(), 2);
        assert!(
            pieces[0].starts_with("(1/2) word ") && pieces[0].ends_with("word"),
            "{pieces:?}"
        );
        assert!(numbered(&"x".repeat(40_000), Encoding::Gsm7).is_none());
    }

    #[test]
    fn what_a_person_sees_as_one_character_stays_whole() {
        let flags = "🇨🇿".repeat(40);
        let pieces = numbered(&flags, Encoding::Ucs2).expect("pieces");
        assert!(
            pieces
                .iter()
                .all(|piece| piece.chars().filter(|c| *c > '\u{1F000}').count() % 2 == 0)
        );
        // Longer than an SMS: between code points, and never over the limit.
        let endless = "👨\u{200d}".repeat(100);
        let pieces = numbered(&endless, Encoding::Ucs2).expect("pieces");
        assert!(
            pieces
                .iter()
                .all(|piece| segment::units(piece, Encoding::Ucs2) <= 70),
            "{pieces:?}"
        );
        assert_eq!(pieces.concat().matches('👨').count(), 100);
    }

    proptest! {
        #[test]
        fn pieces_fit_and_hold_everything(text in "([a-zé€]{1,12}[ \n]){20,120}|[a-zä ]{161,900}") {
            let pieces = numbered(&text, Encoding::Gsm7).expect("pieces");
            // Every word is whole: it is a word of a piece, if a piece can hold it.
            let room = 160 - "(99/99) ".len();
            for word in text.split_whitespace().filter(|w| segment::units(w, Encoding::Gsm7) <= room) {
                let mut words = pieces.iter().flat_map(|piece| piece.split_whitespace());
                prop_assert!(words.any(|other| other == word), "{}", word);
            }
            let bare = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let body = |p: &String| p.split_once(") ").map_or(p.as_str(), |(_, b)| b).to_owned();
            let joined: String = pieces.iter().map(body).collect();
            prop_assert_eq!(bare(&joined), bare(&text));
            for piece in &pieces {
                prop_assert!(segment::units(piece, Encoding::Gsm7) <= 160, "{}", piece);
            }
        }
    }
}
