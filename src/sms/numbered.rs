//! Long texts for phones and providers without concatenation: `(1/3) ` in front of each SMS.
//!
//! Each piece stands for itself, within the limit of one SMS. A word that fits in a piece is never
//! cut; a longer one is cut between characters as people see them.

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
        for cluster in word.graphemes(true) {
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

    proptest! {
        #[test]
        fn pieces_fit_and_hold_everything(text in "([a-zé€]{1,12}[ \n]){20,120}|[a-zä ]{161,900}") {
            let pieces = numbered(&text, Encoding::Gsm7).expect("pieces");
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
