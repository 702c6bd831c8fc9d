//! The `{key}` and `{piece}` of a preset's texts, filled in from a gateway's keys in one pass.
//!
//! A value is written as the place wants it: percent-encoded in a URL and a form, escaped in JSON, its percent
//! signs doubled where the template dialect would take them for its own. So no key makes another request of it.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Preset, PresetError};
use crate::secret::Secret;
use crate::wire::template::Position;

/// Everything but what RFC 3986 §2.3 calls unreserved.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a gateway has that its preset fills in.
pub(super) struct Filling<'a> {
    pub(super) preset: &'static Preset,
    pub(super) keys: BTreeMap<&'static str, Secret>,
    /// Where the provider pushes to.
    pub(super) hook: Option<&'a str>,
    pub(super) number: bool,
}

impl Filling<'_> {
    /// `text` as a template that stands at `position`.
    pub(super) fn template(&self, text: &str, position: Position) -> Result<String, PresetError> {
        self.fill(text, &|name, value| written(name, value, position))
    }

    /// `text` as it is sent.
    pub(super) fn plain(&self, text: &str) -> Result<String, PresetError> {
        self.fill(text, &|_, value| value.to_owned())
    }

    /// `text` with each `{key}` and `{piece}` replaced, in one pass; a brace that is of JSON stays.
    fn fill(
        &self,
        text: &str,
        write: &dyn Fn(&str, &str) -> String,
    ) -> Result<String, PresetError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            match after.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    out.push_str(&self.value(name, write)?);
                    rest = after;
                }
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(
        &self,
        name: &str,
        write: &dyn Fn(&str, &str) -> String,
    ) -> Result<String, PresetError> {
        if let Some(piece) = self.preset.pieces.get(name) {
            let there = match piece.when.as_str() {
                "number" => self.number,
                "hook" => self.hook.is_some(),
                key => self.keys.contains_key(key),
            };
            return match there {
                true => self.fill(&piece.text, write),
                false => Ok(String::new()),
            };
        }
        let value = match name {
            "hook" => self.hook,
            key => self.keys.get(key).map(Secret::expose),
        };
        let value = value.ok_or_else(|| self.preset.broken(format!("nothing is called {name}")))?;
        Ok(write(name, value))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// A value as the template's position wants it; scheme and host of a URL are `{api}` as it is, whose
/// pattern lets nothing else through.
fn written(name: &str, value: &str, position: Position) -> String {
    match position {
        Position::Url if name == "api" => value.to_owned(),
        Position::Url | Position::Form => utf8_percent_encode(value, RESERVED).to_string(),
        Position::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            quoted[1..quoted.len() - 1].replace('%', "%%")
        }
        Position::Header | Position::Xml | Position::Raw => value.replace('%', "%%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_their_place_wants_it() {
        let check = |position, value: &str, expected: &str| {
            assert_eq!(written("token", value, position), expected);
        };
        check(Position::Form, "a&b%data%", "a%26b%25data%25");
        check(Position::Url, "a/b é", "a%2Fb%20%C3%A9");
        check(Position::Json, "a\"b%data%", "a\\\"b%%data%%");
        check(Position::Header, "a%number%", "a%%number%%");
        assert_eq!(
            written("api", "https://h:1/x", Position::Url),
            "https://h:1/x"
        );
    }
}
