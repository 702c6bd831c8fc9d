//! A business card in one line: `Ann Smith +1 555 123-4567`.
//!
//! The number for texts, as the phonebook chooses it; without a number the mail address. Reads only what
//! `decode` has bounded.

use crate::phonebook::vcard;

/// Cards of one file that are named; an exported phonebook has thousands.
const MAX_CARDS: usize = 5;
/// Letters of a name.
const MAX_NAME: usize = 60;

/// One line for each card; None for what holds no card.
pub(super) fn lines(text: &str) -> Option<String> {
    let rows = vcard::read(text).ok()?;
    let rows: Vec<_> = rows.into_iter().filter_map(Result::ok).collect();
    let mut lines: Vec<String> = rows
        .iter()
        .take(MAX_CARDS)
        .map(|row| {
            let shown = row.shown.as_deref().unwrap_or(&row.name);
            let words: Vec<&str> = shown.split_whitespace().collect();
            let name: String = words.join(" ").chars().take(MAX_NAME).collect();
            let reach = if row.number.is_empty() && row.name.contains('@') {
                &row.name
            } else {
                &row.number
            };
            format!("{name} {reach}").trim().to_owned()
        })
        .filter(|line| !line.is_empty())
        .collect();
    if rows.len() > MAX_CARDS {
        lines.push(format!("(+{})", rows.len() - MAX_CARDS));
    }
    Some(lines.join("\n")).filter(|lines| !lines.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let card = |lines: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}END:VCARD\r\n");
        for (text, expected) in [
            (
                card("FN:Ann Smith\r\nTEL;TYPE=WORK:1\r\nTEL;TYPE=CELL:+1 555 123-4567\r\n"),
                Some("Ann Smith +1 555 123-4567"),
            ),
            (
                card("N:Smith;Ann;;;\r\nEMAIL:ann@example.com\r\n"),
                Some("Ann Smith ann@example.com"),
            ),
            (
                card("FN:Ann\r\nTEL:1\r\n") + &card("FN:Bob\r\nTEL:2\r\n"),
                Some("Ann 1\nBob 2"),
            ),
            (card("FN:A\r\n").repeat(7), Some("A\nA\nA\nA\nA\n(+2)")),
            ("BEGIN:VCARD".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(lines(&text).as_deref(), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_card_is_short_lines(
            pieces in proptest::collection::vec("BEGIN:VCARD\r?\n|END:VCARD\n|(FN|N|TEL|EMAIL|TEL;TYPE=CELL):|\\PC{0,12}|\n", 0..30),
        ) {
            if let Some(lines) = lines(&pieces.concat()) {
                proptest::prop_assert!(lines.lines().count() <= MAX_CARDS + 1);
            }
        }
    }
}
