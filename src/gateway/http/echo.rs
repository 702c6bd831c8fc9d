//! What an answer repeats of our message, so that no log and no report shows a text.
//!
//! A text comes back as it was, cut, or in the code of what it came or goes in. So not only the whole is looked
//! for: [`PIECE`] characters of it in a row are enough.

use std::collections::HashSet;
use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter runs are words that anybody writes.
const PIECE: usize = 12;

/// How others write a text: as it is, in JSON, in JSON of ASCII, in a URL, in a form, in XML, in hex.
pub(super) fn ways(text: &str) -> Vec<String> {
    let json = serde_json::Value::from(text).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let ascii = json.chars().fold(String::new(), |mut ascii, c| {
        match c.is_ascii() {
            true => ascii.push(c),
            false => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        ascii
    });
    let url = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let form = url.replace("%20", "+");
    let xml = quick_xml::escape::escape(text).into_owned();
    let hex = text.encode_utf16().fold(String::new(), |mut hex, unit| {
        let _ = write!(hex, "{unit:04X}");
        hex
    });
    let mut all = vec![text.to_owned(), json, ascii, url, form, xml, hex];
    // The longest first, so that none leaves a rest behind.
    all.sort_by_key(|way| std::cmp::Reverse(way.len()));
    all.dedup();
    all
}

/// `text` without the pieces that are one of `said`.
pub(super) fn without(text: &str, said: &[String]) -> String {
    let mut known: HashSet<Vec<char>> = HashSet::new();
    for said in said {
        let said: Vec<char> = said.chars().collect();
        known.extend(said.windows(PIECE).map(<[char]>::to_vec));
    }
    let text: Vec<char> = text.chars().collect();
    let mut hidden = vec![false; text.len()];
    for (at, piece) in text.windows(PIECE).enumerate() {
        if known.contains(piece) {
            hidden[at..at + PIECE].fill(true);
        }
    }
    let mut shown = String::new();
    for (at, c) in text.iter().enumerate() {
        match (hidden[at], at > 0 && hidden[at - 1]) {
            (false, _) => shown.push(*c),
            (true, false) => shown.push_str("***"),
            (true, true) => {}
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_shows_a_text() {
        #[track_caller]
        fn check(answer: &str, expected: &str) {
            let said = "Kód: 8314, \"příliš\" <tajný> & dlouhý".to_owned();
            assert_eq!(without(answer, &ways(&said)), expected, "{answer}");
        }
        check("nothing of it", "nothing of it");
        check("Kód: 8314", "Kód: 8314");
        check("bad: Kód: 8314, \"příliš\"!", "bad: ***!");
        check(
            r#"{"t":"K\u00f3d: 8314, \"p\u0159\u00edli\u0161\" <"}"#,
            r#"{"t":"***"}"#,
        );
        check("K%C3%B3d%3A+8314%2C+%22p%C5%99", "***");
        check("K%C3%B3d%3A%208314%2C%20%22p", "***");
        check("&lt;tajný&gt; &amp; dlouhý", "***");
        check("004B00F30064003A0020003800330031", "***");
    }
}
