//! What is wrong with a configuration: which file, line, column, key, value, and what to write instead.
//!
//! serde_yaml gives positions for what it refuses itself. For what we refuse later, a walk through the
//! text to the key's path raises an error there, whose position is the key's.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// So many are placed and shown: each costs a walk through the text, and nobody reads more at a time.
const MAX_SHOWN: usize = 50;

/// One step of a path into a YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An element of a sequence.
    Index(usize),
}

/// Where a value stands: `gateways[1].url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At(Vec<Step>);

impl At {
    /// The document.
    pub fn root() -> Self {
        Self::default()
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
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
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
        self.found.push(Problem {
            place: None,
            at: at.clone(),
            what: what.into(),
        });
    }

    /// Something is wrong at a known line and column.
    pub fn add_placed(&mut self, place: Option<(usize, usize)>, at: At, what: impl Into<String>) {
        self.found.push(Problem {
            place,
            at,
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
            let mut at = Some(problem.at.clone());
            // A key that is missing has the place of what it is missing in.
            while let (None, Some(here)) = (problem.place, at) {
                problem.place = locate(text, &here.0);
                at = here.parent();
            }
        }
        self.found.sort_by_key(|problem| problem.place);
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.found {
            write!(f, "{}:", self.file)?;
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
}
