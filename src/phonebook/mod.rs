//! Phonebooks as people write them: files from a phone, a mail program or a spreadsheet, names, and numbers
//! in a [`subject`]. Pure.
//!
//! [`read`] tells vCard from CSV by its beginning and never panics, whatever the octets are. What is
//! wrong is told by line, and the rest is read all the same. Which names are users, and which numbers
//! may be stored, is not decided here.
//!
//! Limits: [`MAX_FILE`] octets, [`MAX_ROWS`] rows, [`MAX_FIELD`] octets a field.

pub mod columns;
pub mod csv;
pub mod subject;
pub mod vcard;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Some thousand cards with photos; what is larger is another file named by mistake.
pub const MAX_FILE: usize = 64 << 20;

/// As many as a phonebook has room for.
pub const MAX_ROWS: usize = 100_000;

/// Longer names, numbers and notes are mistakes; a list of members is longer.
pub const MAX_FIELD: usize = 1_000;

/// Octets of a list of members: a thousand addresses.
pub const MAX_LIST: usize = 64_000;

/// Octets of a local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

/// A line of a phonebook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// What it is to be called: an address, or the local part of one.
    pub name: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// The phone, as it is written; empty for a group.
    pub number: String,
    /// Who may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Numbers and names of a group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// Where, from 1.
    pub line: u64,
    /// Why, and what to write instead.
    pub why: String,
}

/// Why nothing was read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// More than [`MAX_FILE`].
    #[error("it has more than {} MiB; cut it in two", MAX_FILE >> 20)]
    TooLarge,
    /// More than [`MAX_ROWS`].
    #[error("it has more than {MAX_ROWS} entries; cut it in two")]
    TooMany,
    /// Nothing is in it.
    #[error("it is empty")]
    Empty,
    /// The first line names no columns that are known.
    #[error("line 1: {0}")]
    Header(String),
}

/// Reads vCard or CSV.
pub fn read(octets: &[u8]) -> Result<Vec<Result<Row, Bad>>, Unreadable> {
    if octets.len() > MAX_FILE {
        return Err(Unreadable::TooLarge);
    }
    let text = decoded(octets);
    let begin = text.trim_start();
    if begin.is_empty() {
        return Err(Unreadable::Empty);
    }
    let start = begin.get(..11).unwrap_or(begin);
    let rows = match start.eq_ignore_ascii_case("BEGIN:VCARD") {
        true => vcard::read(&text)?,
        false => csv::read(&text)?,
    };
    Ok(rows.into_iter().map(|row| row.and_then(checked)).collect())
}

/// UTF-8, or UTF-16 that says so, or what a spreadsheet of the West writes.
pub fn decoded(octets: &[u8]) -> String {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(octets) {
        return encoding
            .decode_without_bom_handling(&octets[mark..])
            .0
            .into_owned();
    }
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(octets).0.into_owned(),
    }
}

/// A row within the limits, its blanks tidied.
fn checked(mut row: Row) -> Result<Row, Bad> {
    let line = row.line;
    let bad = |why: String| Bad { line, why };
    for text in [&mut row.name, &mut row.number] {
        *text = tidy(text);
    }
    for text in [&mut row.shown, &mut row.owner, &mut row.notes] {
        *text = text
            .take()
            .map(|text| tidy(&text))
            .filter(|text| !text.is_empty());
    }
    if row.name.is_empty() {
        row.name = row.shown.as_deref().and_then(local_of).unwrap_or_default();
    }
    if row.name.is_empty() {
        let why = match &row.shown {
            Some(shown) => format!("{shown} makes no address; add a name of Latin letters"),
            None => "has no name that can be an address; add one".into(),
        };
        return Err(bad(why));
    }
    if row.number.is_empty() && row.members.is_empty() {
        return Err(bad(format!("{} has no number", row.name)));
    }
    let more = [&row.shown, &row.owner, &row.notes].map(Option::as_ref);
    let is_long = |field: &String| field.len() > MAX_FIELD;
    if is_long(&row.name) || is_long(&row.number) || more.iter().flatten().any(|f| is_long(f)) {
        return Err(bad(format!("has a field of more than {MAX_FIELD} octets")));
    }
    Ok(row)
}

/// One line, without controls and runs of blanks.
fn tidy(text: &str) -> String {
    let flat: String = text
        .chars()
        .map(|c| match c.is_control() || is_separator(c) {
            true => ' ',
            false => c,
        })
        .collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// LINE and PARAGRAPH SEPARATOR end a line in some programs.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// The local part that a person's name makes: `Ann Šmíd` is `ann.smid`.
pub fn local_of(shown: &str) -> Option<String> {
    let mut local = String::new();
    for c in shown.nfd().filter(|c| !is_combining_mark(*c)) {
        match c {
            c if c.is_ascii_alphanumeric() => local.push(c.to_ascii_lowercase()),
            '\'' | '’' => {}
            'ß' => local.push_str("ss"),
            'ł' | 'Ł' => local.push('l'),
            'ø' | 'Ø' => local.push('o'),
            'đ' | 'Đ' => local.push('d'),
            'æ' | 'Æ' => local.push_str("ae"),
            'œ' | 'Œ' => local.push_str("oe"),
            // A letter that has no plain twin: half of a name is none.
            c if !c.is_ascii() && c.is_alphanumeric() => return None,
            _ if local.ends_with('.') || local.is_empty() => {}
            _ => local.push('.'),
        }
    }
    let local = local.trim_matches('.');
    let has_letter = local.bytes().any(|b| b.is_ascii_alphabetic());
    (has_letter && local.len() <= MAX_LOCAL).then(|| local.to_owned())
}

/// Whether a name (lower case) can stand left of `@` without quotes and is no number.
pub fn is_local(local: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-'&+".contains(c);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    let has_letter = local.chars().any(char::is_alphabetic);
    (1..=MAX_LOCAL).contains(&local.len()) && local.chars().all(fits) && has_letter && !dots
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_addresses() {
        for (shown, local) in [
            ("Ann Smith", Some("ann.smith")),
            ("Ann  Šmíd (work)", Some("ann.smid.work")),
            ("O'Brien, Pat", Some("obrien.pat")),
            ("Łukasz Groß", Some("lukasz.gross")),
            ("Søren Ærø", Some("soren.aero")),
            ("山田", None),
            ("+1 555", None),
            ("", None),
            ("--", None),
        ] {
            assert_eq!(local_of(shown).as_deref(), local, "{shown}");
        }
    }

    #[test]
    fn what_can_be_a_name() {
        for (local, fits) in [
            ("plumber", true),
            ("ann.smith", true),
            ("josé", true),
            ("team-7", true),
            ("", false),
            ("555", false),
            (".a", false),
            ("a..b", false),
            ("a b", false),
            ("a@b", false),
            ("a?b", false),
            ("sms:a", false),
        ] {
            assert_eq!(is_local(local), fits, "{local}");
        }
        assert!(!is_local(&"a".repeat(65)));
    }

    #[test]
    fn files_of_many_programs_are_told_apart() {
        let names = |octets: &[u8]| {
            let rows = read(octets).expect("a file");
            let name = |row: Result<Row, Bad>| row.map_or_else(|bad| bad.why, |row| row.name);
            rows.into_iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names(b"name,number\nann,+15551234567\n"), ["ann"]);
        assert_eq!(
            names(b"\xEF\xBB\xBFname;number\r\nann;+15551234567\r\n"),
            ["ann"]
        );
        let utf16: Vec<u8> = "\u{feff}name,number\nann,+15551234567\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(names(&utf16), ["ann"]);
        assert_eq!(
            names(b"display name,mobile\nJos\xe9 Mar\xeda,+15551234567\n"),
            ["jose.maria"]
        );
        assert_eq!(
            names(b"begin:vcard\nVERSION:3.0\nFN:Ann Smith\nTEL:+15551234567\nEND:VCARD\n"),
            ["ann.smith"]
        );
        assert_eq!(read(b" \n"), Err(Unreadable::Empty));
    }

    proptest! {
        #[test]
        fn any_octets_are_read(octets: Vec<u8>) {
            let _ = read(&octets);
        }

        #[test]
        fn anything_like_csv_is_read(text in "(name|number|mobile|\"|,|;|\t|\n|\r|[ -~é]){0,40}") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn anything_like_a_card_is_read(
            lines in proptest::collection::vec(
                "(BEGIN:VCARD|END:VCARD|FN|N|TEL|EMAIL|NOTE|MEMBER|KIND|item1[.]TEL)(;TYPE=cell|;ENCODING=QUOTED-PRINTABLE|;CHARSET=x|;PREF=1)?:?[ -~é;=]{0,12}",
                0..20,
            )
        ) {
            let text = format!("BEGIN:VCARD\r\n{}", lines.join("\r\n"));
            for row in read(text.as_bytes()).into_iter().flatten().flatten() {
                prop_assert!(!row.name.is_empty() && row.name.len() <= MAX_FIELD);
            }
        }

        #[test]
        fn names_made_of_names_are_addresses(shown: String) {
            if let Some(local) = local_of(&shown) {
                prop_assert!(is_local(&local), "{local}");
            }
        }
    }
}
