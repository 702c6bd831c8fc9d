//! From text to the shape of the configuration: syntax, keys nobody knows, keys that come twice, and
//! values of the wrong kind.
//!
//! The first of these ends the reading; what is wrong with the values comes all at once, later. No
//! value is repeated in a complaint: it may be a secret in a place where none was expected.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::belongs::belongs;
use super::problems::{At, Errors};
use super::raw;

/// Keys that are known only to be refused: nobody is told to write them.
const LATER: &[&str] = &[
    "limits",
    "daily_limit",
    "hours",
    "encodings",
    "retries",
    "hold",
    "archive",
    "copy",
    "run",
    "post",
    "sql",
    "continue",
    "concat_window",
];

/// A word this similar is what was meant (0 to 1, Jaro-Winkler).
const SIMILAR: f64 = 0.8;

/// Reads the text.
pub(super) fn read(text: &str, file: &str) -> Result<raw::Config, Errors> {
    once(text).map_err(|error| complain(file, At::root(), error))?;
    let mut track = serde_path_to_error::Track::new();
    let document = serde_yaml::Deserializer::from_str(text);
    // A document of nothing but comments is null: what is missing is said later.
    let read = Option::<raw::Config>::deserialize(serde_path_to_error::Deserializer::new(
        document, &mut track,
    ));
    match read {
        Ok(config) => Ok(config.unwrap_or_default()),
        Err(error) => Err(complain(file, at(&track.path()), error)),
    }
}

fn at(path: &serde_path_to_error::Path) -> At {
    use serde_path_to_error::Segment;
    path.iter().fold(At::root(), |at, segment| match segment {
        Segment::Seq { index } => at.index(*index),
        Segment::Map { key } => at.key(key),
        Segment::Enum { .. } | Segment::Unknown => at,
    })
}

/// Our words for serde's and serde_yaml's.
fn complain(file: &str, at: At, error: serde_yaml::Error) -> Errors {
    let place = error
        .location()
        .map_or((1, 1), |place| (place.line(), place.column()));
    let place = Some(place);
    let whole = error.to_string();
    // The place and the path stand in front already.
    let text = whole
        .rsplit_once(" at line ")
        .map_or(whole.as_str(), |(text, _)| text);
    let mut errors = Errors::new(file);
    if let Some(field) = between(text, "unknown field `", "`") {
        let known: Vec<&str> = text.split('`').skip(3).step_by(2).collect();
        let at = if at.ends_in(field) { at } else { at.key(field) };
        let known: Vec<_> = known
            .into_iter()
            .filter(|key| !LATER.contains(key))
            .collect();
        let at_the_top = at == At::root().key(field);
        let elsewhere = at_the_top.then(|| belongs(field, &known)).flatten();
        errors.add_placed(
            place,
            at,
            elsewhere.unwrap_or_else(|| unknown(field, &known)),
        );
    } else if let Some(key) = between(text, TWICE, "`") {
        errors.add_placed(
            place,
            At::root().key(key),
            "stands here twice; write it once",
        );
    } else if let Some((_, wrong)) = text.split_once("invalid type: ") {
        errors.add_placed(
            place,
            at,
            format!("is {}; write {}", found(wrong), wanted(wrong)),
        );
    } else if let Some((_, wrong)) = text.split_once("invalid value: ") {
        errors.add_placed(
            place,
            at,
            format!("is out of range; write {}", wanted(wrong)),
        );
    } else if let Some((_, ours)) = text.split_once(": is not ") {
        errors.add_placed(place, at, format!("is not {ours}"));
    } else if text.contains("did not match any variant of untagged enum AnyOf") {
        errors.add_placed(
            place,
            at,
            "is not a condition; write any: true, or any: [CONDITION, …]",
        );
    } else {
        errors.add_placed(place, At::root(), not_yaml(text));
    }
    errors
}

/// The parser's complaint, and what it mostly comes from: it knows the letters, not what was meant.
fn not_yaml(text: &str) -> String {
    let remedy = [
        (
            "cannot start any token",
            "indent with spaces, not tabs, and put quotes around what begins with @, %, & or *",
        ),
        (
            "did not find expected key",
            "begin each key below the first letter of the key before it, and close quotes and braces",
        ),
        (
            "did not find expected '-' indicator",
            "begin each - below the - before it",
        ),
        (
            "could not find expected ':'",
            "write KEY: VALUE, with a space after the colon",
        ),
        (
            "mapping values are not allowed",
            "begin each key below the first letter of the key before it, and put quotes around a \
             value with a colon in it",
        ),
        (
            "unknown escape character",
            "in double quotes write \\\\ for \\, as \"^\\\\+420\"",
        ),
    ]
    .into_iter()
    .find(|(complaint, _)| text.contains(complaint));
    match remedy {
        Some((_, remedy)) => format!("this is not YAML: {text}; {remedy}"),
        None => format!("this is not YAML: {text}"),
    }
}

fn unknown(field: &str, known: &[&str]) -> String {
    let best = known
        .iter()
        .map(|word| (strsim::jaro_winkler(word, field), word))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, word)) if likeness >= SIMILAR => {
            format!("there is no such key; did you mean {word}?")
        }
        _ => format!("there is no such key; write one of {}", known.join(", ")),
    }
}

/// Of `string "x", expected struct Auth` what was found, without the value.
fn found(wrong: &str) -> &'static str {
    match wrong.split([' ', '`', '"']).next().unwrap_or_default() {
        "string" => "a word",
        "integer" => "a number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "keys with values",
        "unit" | "null" | "Option" => "nothing",
        _ => "something else",
    }
}

/// And what was expected.
fn wanted(wrong: &str) -> &str {
    let expected = wrong
        .rsplit_once(", expected ")
        .map_or("something else", |(_, expected)| expected);
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "f64" => "a number",
        "a sequence" => "a list: [ … ]",
        "a boolean" => "true or false",
        "a string" => "a word",
        "a map" => "keys with values: { KEY: VALUE }",
        other if other.starts_with("struct") => "keys with values: { KEY: VALUE }",
        other => other,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// How [`Once`] says it.
const TWICE: &str = "this key comes twice: `";

/// Whether a key stands twice in one mapping, anywhere. (serde sees it only in some places, and says
/// line 1.)
fn once(text: &str) -> Result<(), serde_yaml::Error> {
    Once { path: "" }.deserialize(serde_yaml::Deserializer::from_str(text))
}

/// Walks everything.
struct Once<'a> {
    path: &'a str,
}

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        Ok(())
    }
    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, tagged: A) -> Result<(), A::Error> {
        use serde::de::VariantAccess;
        let (_, value) = tagged.variant::<IgnoredAny>()?;
        value.newtype_variant::<IgnoredAny>().map(drop)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        loop {
            let path = format!("{}[{index}]", self.path);
            if seq.next_element_seed(Once { path: &path })?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(path) = map.next_key_seed(NewKey {
            path: self.path,
            seen: &mut seen,
        })? {
            map.next_value_seed(Once { path: &path })?;
        }
        Ok(())
    }
}

/// A key that must not have been seen; gives its path.
struct NewKey<'a> {
    path: &'a str,
    seen: &'a mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        let path = match self.path {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        match self.seen.insert(key.to_owned()) {
            true => Ok(path),
            false => Err(E::custom(format!("{TWICE}{path}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_a_configuration_or_refused(
            text in "\\PC{0,80}|([a-z_]{1,10}:? |[-{}\\[\\]&*!|>'\",#\n]|gateways:|  id: x\n|&a \\*a){0,30}",
        ) {
            if let Err(errors) = super::read(&text, "config.yaml") {
                prop_assert!(!errors.is_empty());
                prop_assert!(errors.lines().iter().all(|line| line.starts_with("config.yaml")));
            }
        }
    }
}
