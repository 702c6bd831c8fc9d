//! What is wrong with a configuration: which file, line, column, key, value, and what to write instead.
//!
//! serde_yaml gives positions for what it refuses itself. For what we refuse later, a walk through the
//! text to the key's path raises an error there, whose position is the key's. What stands in a row of a
//! table has its place by the row and the column ([`Table`]).

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// So many are placed and shown: each costs a walk through the text, and nobody reads more at a time.
const MAX_SHOWN: usize = 50;

/// More are counted and not kept: a wrong column of a large table is wrong in each row.
const MAX_KEPT: usize = 1000;

/// One step of a path into a YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An element of a sequence.
    Index(usize),
    /// A row of a table; always the first step.
    Row(Row),
}

/// A file of rows, for those who say what is wrong in it.
pub struct Table {
    /// Its name in errors.
    pub file: String,
    /// All of it.
    pub text: String,
    /// What separates the cells.
    pub separator: u8,
    /// The key that each column is.
    pub columns: Vec<Option<&'static str>>,
}

/// A row of a table.
#[derive(Clone)]
pub struct Row {
    /// Of this one.
    pub table: Arc<Table>,
    /// Its first line, from 1.
    pub line: usize,
    /// Where in the text it begins.
    pub offset: usize,
}

impl Row {
    /// The line and column, from 1, of the cell of a key; of the row when it has none.
    fn place(&self, key: Option<&Step>) -> (usize, usize) {
        let is = |column: &Option<&str>| matches!(key, Some(Step::Key(key)) if *column == Some(key.as_str()));
        let Some(wanted) = self.table.columns.iter().position(is) else {
            return (self.line, 1);
        };
        let separator = char::from(self.table.separator);
        let (mut line, mut column, mut cell, mut quoted) = (self.line, 1, 0, false);
        for c in self.table.text[self.offset..].chars() {
            if cell == wanted {
                break;
            }
            column += 1;
            match c {
                // A doubled quote in a quoted cell ends it and begins it again.
                '"' => quoted = !quoted,
                '\n' if quoted => (line, column) = (line + 1, 1),
                '\n' => return (self.line, 1),
                c if c == separator && !quoted => cell += 1,
                _ => {}
            }
        }
        (line, column)
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table) && self.offset == other.offset
    }
}

impl Eq for Row {}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.table.file, self.line)
    }
}

/// Where a value stands: `gateways[1].url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At(Vec<Step>);

impl At {
    /// The document.
    pub fn root() -> Self {
        Self::default()
    }

    /// A row of a table.
    pub fn row(row: Row) -> Self {
        Self(vec![Step::Row(row)])
    }

    fn in_table(&self) -> Option<&Row> {
        match self.0.first() {
            Some(Step::Row(row)) => Some(row),
            _ => None,
        }
    }

    /// Without the row, whose place stands in front already.
    fn in_row(&self) -> Self {
        Self(self.0[1..].to_vec())
    }

    /// The value of a key in it.
    pub fn key(&self, key: impl Into<String>) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.into()));
        Self(steps)
    }

    /// An element in it.
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// Whether the last step is this key.
    pub fn ends_in(&self, key: &str) -> bool {
        matches!(self.0.last(), Some(Step::Key(last)) if last == key)
    }

    fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) if i == 1 && self.in_table().is_some() => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Row(row) if self.0.len() == 1 => write!(f, "{row:?}")?,
                Step::Row(row) => write!(f, "{row:?} ")?,
            }
        }
        Ok(())
    }
}

/// All that is wrong, in the order of the file.
#[derive(Debug, Default)]
pub struct Errors {
    file: String,
    found: Vec<Problem>,
    /// How many are not shown.
    more: usize,
}

#[derive(Debug)]
struct Problem {
    /// Another file than the configuration.
    file: Option<String>,
    place: Option<(usize, usize)>,
    at: At,
    what: String,
}

impl Errors {
    /// Nothing yet.
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
            more: 0,
        }
    }

    /// Something is wrong at `at`: says what, and what to write instead.
    pub fn add(&mut self, at: &At, what: impl Into<String>) {
        self.add_placed(None, at.clone(), what);
    }

    /// Something is wrong at a known line and column.
    pub fn add_placed(&mut self, place: Option<(usize, usize)>, at: At, what: impl Into<String>) {
        if self.found.len() >= MAX_KEPT {
            self.more += 1;
            return;
        }
        self.found.push(Problem {
            file: None,
            place,
            at,
            what: what.into(),
        });
    }

    /// Something is wrong in another file, at a line and column.
    pub fn add_in(&mut self, file: &str, place: (usize, usize), what: impl Into<String>) {
        self.found.push(Problem {
            file: Some(file.to_owned()),
            place: Some(place),
            at: At::root(),
            what: what.into(),
        });
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Each as a line.
    pub fn lines(&self) -> Vec<String> {
        self.to_string().lines().map(str::to_owned).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.found.len() + self.more
    }

    /// None.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Finds the lines, and puts them in order.
    pub fn place(&mut self, text: &str) {
        self.more += self.found.len().saturating_sub(MAX_SHOWN);
        self.found.truncate(MAX_SHOWN);
        for problem in &mut self.found {
            if let Some(row) = problem.at.in_table() {
                problem.place = Some(row.place(problem.at.0.get(1)));
                problem.file = Some(row.table.file.clone());
                problem.at = problem.at.in_row();
                continue;
            }
            let mut at = Some(problem.at.clone());
            // A key that is missing has the place of what it is missing in.
            while let (None, Some(here)) = (problem.place, at) {
                problem.place = locate(text, &here.0);
                at = here.parent();
            }
        }
        self.found
            .sort_by_key(|problem| (problem.file.is_some(), problem.place));
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.found {
            write!(f, "{}:", problem.file.as_ref().unwrap_or(&self.file))?;
            if let Some((line, column)) = problem.place {
                write!(f, "{line}:{column}:")?;
            }
            let at = problem.at.to_string();
            match at.is_empty() {
                true => writeln!(f, " {}", problem.what)?,
                false => writeln!(f, " {at}: {}", problem.what)?,
            }
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "{}: and {more} more", self.file),
        }
    }
}

impl std::error::Error for Errors {}

/// The line and column, from 1, of the value at the end of the path.
fn locate(text: &str, path: &[Step]) -> Option<(usize, usize)> {
    let error = Walk(path)
        .deserialize(serde_yaml::Deserializer::from_str(text))
        .err()?;
    error.location().map(|place| (place.line(), place.column()))
}

/// Walks to the end of a path and fails there.
struct Walk<'a>(&'a [Step]);

/// What it fails with; only its place is read.
const HERE: &str = "here";

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Walk<'_> {
    fn scalar<E: Error>(&self) -> Result<(), E> {
        if self.0.is_empty() {
            Err(E::custom(HERE))
        } else {
            Ok(())
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }
    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.scalar()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else {
            return Err(A::Error::custom(HERE));
        };
        if let Step::Index(index) = step {
            for _ in 0..*index {
                if seq.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            seq.next_element_seed(Walk(rest))?;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((step, rest)) = self.0.split_first() else {
            return Err(A::Error::custom(HERE));
        };
        while let Some(key) = map.next_key::<serde_yaml::Value>()? {
            match (step, key.as_str()) {
                (Step::Key(wanted), Some(key)) if wanted == key => {
                    map.next_value_seed(Walk(rest))?
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_place_of_a_path() {
        let text = "# c\nlisten: inet:1\nroutes:\n  - match: '^a'\n    to: x\n  - match: \"(un\"\n    to: [a,\n      b]\n";
        let root = At::root();
        let route = root.key("routes").index(1);
        for (at, expected) in [
            (root.key("listen"), Some((2, 9))),
            (route.key("match"), Some((6, 12))),
            (route.key("to").index(1), Some((8, 7))),
            (root.key("missing"), None),
            (root.key("routes").index(7), None),
        ] {
            assert_eq!(locate(text, &at.0), expected, "{at}");
        }
    }

    #[test]
    fn finds_the_place_of_a_cell() {
        let table = Table {
            file: "users.csv".to_owned(),
            text: "email;send;x;mobile\nann@e;\"us\"\"ers;\nexternal\";ü;1\nbob\n".to_owned(),
            separator: b';',
            columns: vec![Some("email"), Some("send"), None, Some("mobile")],
        };
        let (table, second) = (Arc::new(table), 20);
        let row = |line, offset| {
            At::row(Row {
                table: Arc::clone(&table),
                line,
                offset,
            })
        };
        let ann = row(2, second);
        let bob = row(4, table.text.len() - 4);
        for (at, shown, place) in [
            (ann.key("email"), "users.csv:2 email", (2, 1)),
            (ann.key("send").index(1), "users.csv:2 send[1]", (2, 7)),
            (ann.key("mobile"), "users.csv:2 mobile", (3, 13)),
            (ann.key("login"), "users.csv:2 login", (2, 1)),
            (bob.key("mobile"), "users.csv:4 mobile", (4, 1)),
            (bob.clone(), "users.csv:4", (4, 1)),
        ] {
            assert_eq!(at.to_string(), shown);
            let row = at.in_table().expect("a row");
            assert_eq!(row.place(at.0.get(1)), place, "{shown}");
        }
        let mut errors = Errors::new("config.yaml");
        errors.add(&ann.key("mobile"), "is wrong");
        errors.add(&At::root().key("x"), "is wrong too");
        errors.place("x: 1\n");
        let said = "config.yaml:1:4: x: is wrong too\nusers.csv:3:13: mobile: is wrong\n";
        assert_eq!(errors.to_string(), said);
    }
}
