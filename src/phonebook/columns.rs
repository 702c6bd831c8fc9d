//! The header line of a table: which column is which, whatever a spreadsheet calls it. Pure.
//!
//! Case, blanks, `-`, `_` and what stands in parentheses do not count: `Mobile Phone (US)` is
//! `mobilephone`.

/// Which column is which: an index for each known key that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    found: Vec<(&'static str, usize)>,
    /// Headers that nobody knows.
    pub unknown: Vec<String>,
}

/// A key and the other words for it, in small letters and digits.
pub type Known = (&'static str, &'static [&'static str]);

impl Columns {
    /// Reads a header; the text of the error names the column that comes twice.
    pub fn read<'a>(
        header: impl IntoIterator<Item = &'a str>,
        known: &[Known],
    ) -> Result<Self, String> {
        let mut columns = Self::default();
        for (index, written) in header.into_iter().enumerate() {
            let plain = plain(written);
            let is = |(key, others): &&Known| plain == *key || others.contains(&plain.as_str());
            match known.iter().find(is) {
                Some((key, _)) if columns.index(key).is_some() => {
                    return Err(format!("two columns are {key}; leave one"));
                }
                Some((key, _)) => columns.found.push((key, index)),
                None if plain.is_empty() => {}
                None => columns.unknown.push(written.trim().to_owned()),
            }
        }
        Ok(columns)
    }

    /// Where a key's column is.
    pub fn index(&self, key: &str) -> Option<usize> {
        let found = self.found.iter().find(|(known, _)| *known == key);
        found.map(|(_, index)| *index)
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// What of a header counts.
pub fn plain(written: &str) -> String {
    let before = written.split('(').next().unwrap_or(written);
    let letters = before.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// What separates the columns: of comma, semicolon and tab the one that the first line has most of,
/// outside quotes.
pub fn separator(text: &str) -> u8 {
    let line = text.trim_start_matches(['\r', '\n']);
    let line = line.lines().next().unwrap_or("");
    let count = |separator: char| {
        let mut quoted = false;
        let outside = line.chars().filter(|c| {
            quoted ^= *c == '"';
            !quoted && *c == separator
        });
        outside.count()
    };
    let all = [',', ';', '\t'];
    // The first of equals: a comma, which also stands for "one column".
    let most = all.into_iter().rev().max_by_key(|c| count(*c));
    most.unwrap_or(',') as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[("name", &["alias"]), ("number", &["mobilephone"])];

    #[test]
    fn headers_are_found_whatever_they_are_called() {
        let header = ["Mobile Phone (US)", " e-mail ", "", "ALIAS"];
        let columns = Columns::read(header, KNOWN).expect("columns");
        assert_eq!(columns.index("number"), Some(0));
        assert_eq!(columns.index("name"), Some(3));
        assert_eq!(columns.unknown, ["e-mail"]);
        let twice = Columns::read(["name", "Alias"], KNOWN);
        assert_eq!(twice, Err("two columns are name; leave one".into()));
        assert!(Columns::read(["x"], KNOWN).expect("columns").is_empty());
    }

    #[test]
    fn separators() {
        for (line, expected) in [
            ("name,number", b','),
            ("name;number;\"a,b,c,d\"", b';'),
            ("name\tnumber", b'\t'),
            ("name", b','),
            ("\r\nname;number\n,,,,", b';'),
            ("", b','),
        ] {
            assert_eq!(separator(line), expected, "{line:?}");
        }
    }
}
