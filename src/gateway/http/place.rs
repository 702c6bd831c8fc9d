//! Where a value stands in an answer or a push: a JSON pointer, or a path into XML.
//!
//! A pointer is RFC 6901's, and a step `*` means every element of a list. A path is `/a/b` or
//! `/a/b/@c`: names of elements without their prefixes, from the root, each of which may stand there
//! several times. So a place is a list of values, of which some may be missing.
//!
//! The text is hostile. It is read once, without recursion deeper than `MAX_DEPTH` (serde_json has a
//! limit of its own, 128); a document type is not read, so there are no entities to expand; text that is
//! not well-formed to its end has no values.

use std::cell::OnceCell;
use std::fmt;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use serde_json::Value;

/// Longer places are mistakes: those of real answers have a few steps. Octets.
const MAX_PLACE: usize = 256;

/// Answers of providers nest up to six deep.
const MAX_DEPTH: usize = 64;

/// More values at one place are not looked at: no list is longer than a message has parts.
const MAX_VALUES: usize = 256;

/// Where values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In JSON.
    Json(Pointer),
    /// In XML.
    Xml(Path),
}

/// A JSON pointer with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    written: String,
    steps: Vec<String>,
}

/// A path into XML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    written: String,
    elements: Vec<String>,
    attribute: Option<String>,
}

/// Why a text is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// For JSON.
    #[error("is not a JSON pointer; write one like /messages/0/id, or /messages/*/id for all")]
    Pointer,
    /// For XML.
    #[error("is not a path; write one like /response/message/id, or /response/message/@id")]
    Path,
}

impl Place {
    /// Reads a JSON pointer.
    pub fn json(text: &str) -> Result<Self, PlaceError> {
        let steps = text.strip_prefix('/').ok_or(PlaceError::Pointer)?;
        let steps: Option<Vec<String>> = steps.split('/').map(unescaped).collect();
        let steps = steps.filter(|_| text.len() <= MAX_PLACE);
        Ok(Place::Json(Pointer {
            written: text.to_owned(),
            steps: steps.ok_or(PlaceError::Pointer)?,
        }))
    }

    /// Reads a path into XML.
    pub fn xml(text: &str) -> Result<Self, PlaceError> {
        let steps = text.strip_prefix('/').ok_or(PlaceError::Path)?;
        let (elements, attribute) = match steps.split_once("/@") {
            Some((elements, attribute)) => (elements, Some(attribute.to_owned())),
            None => (steps, None),
        };
        let elements: Vec<String> = elements.split('/').map(str::to_owned).collect();
        let names = elements.iter().chain(&attribute);
        let is_name = |name: &String| {
            let first = name.chars().next();
            first.is_some_and(|c| c.is_alphabetic() || c == '_')
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-.".contains(c))
        };
        if text.len() > MAX_PLACE || elements.len() > MAX_DEPTH || !names.into_iter().all(is_name) {
            return Err(PlaceError::Path);
        }
        Ok(Place::Xml(Path {
            written: text.to_owned(),
            elements,
            attribute,
        }))
    }
}

/// As it is written.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Json(pointer) => &pointer.written,
            Place::Xml(path) => &path.written,
        })
    }
}

/// RFC 6901 §4.
fn unescaped(step: &str) -> Option<String> {
    let wrong = step
        .split('~')
        .skip(1)
        .any(|after| !after.starts_with(['0', '1']));
    (!wrong).then(|| step.replace("~1", "/").replace("~0", "~"))
}

/// A body, read as JSON when somebody asks for a place in JSON.
pub struct Document<'a> {
    text: &'a str,
    json: OnceCell<Option<Value>>,
}

impl<'a> Document<'a> {
    /// Of this text.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            json: OnceCell::new(),
        }
    }

    /// The text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The values at a place: of a string its text, of anything else in JSON how it is written. `None`
    /// for a list's element that has no such value, or has null; empty when the place is not there.
    pub fn values(&self, place: &Place) -> Vec<Option<String>> {
        match place {
            Place::Json(pointer) => {
                let json = self
                    .json
                    .get_or_init(|| serde_json::from_str(self.text).ok());
                let mut found = Vec::new();
                if let Some(json) = json {
                    pointer.collect(json, 0, &mut found);
                }
                found
            }
            Place::Xml(path) => path.values(self.text).unwrap_or_default(),
        }
    }

    /// The first value there.
    pub fn first(&self, place: &Place) -> Option<String> {
        self.values(place).into_iter().flatten().next()
    }
}

impl Pointer {
    fn collect(&self, value: &Value, step: usize, found: &mut Vec<Option<String>>) {
        if found.len() >= MAX_VALUES {
            return;
        }
        let Some(name) = self.steps.get(step) else {
            return found.push(match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            });
        };
        let next = match value {
            Value::Array(all) if name == "*" => {
                return all
                    .iter()
                    .for_each(|one| self.collect(one, step + 1, found));
            }
            Value::Array(all) => index(name).and_then(|index| all.get(index)),
            Value::Object(all) => all.get(name),
            _ => None,
        };
        match next {
            Some(next) => self.collect(next, step + 1, found),
            None => found.push(None),
        }
    }
}

/// RFC 6901 §4: without leading zeros.
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|b| b.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| plain)
}

impl Path {
    /// `None`: not XML that is read here.
    fn values(&self, text: &str) -> Option<Vec<Option<String>>> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut found = Vec::new();
        // How deep we are, and how many of those names are the path's.
        let (mut depth, mut matched, mut roots) = (0, 0, 0);
        // The text of the element that is read.
        let mut open: Option<String> = None;
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    let on_path = matched == depth
                        && (self.elements.get(depth))
                            .is_some_and(|name| start.local_name().as_ref() == name.as_bytes());
                    depth += 1;
                    roots += usize::from(depth == 1);
                    if depth > MAX_DEPTH || roots > 1 {
                        return None;
                    }
                    if on_path {
                        matched = depth;
                    }
                    if on_path && depth == self.elements.len() && found.len() < MAX_VALUES {
                        match &self.attribute {
                            Some(name) => found.push(attribute(&start, name)?),
                            None => open = Some(String::new()),
                        }
                    }
                }
                Event::End(_) => {
                    if depth == self.elements.len() && matched == depth {
                        found.extend(open.take().map(|text| Some(text.trim().to_owned())));
                    }
                    depth = depth.checked_sub(1)?;
                    matched = matched.min(depth);
                }
                Event::Text(text) => {
                    let text = text.xml10_content().ok()?;
                    if depth == 0 && !text.trim().is_empty() {
                        return None;
                    }
                    add(&mut open, &text);
                }
                Event::CData(text) => add(&mut open, &text.xml10_content().ok()?),
                Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                    Some(c) => add(&mut open, c.encode_utf8(&mut [0; 4])),
                    None => add(&mut open, resolve_predefined_entity(&name.decode().ok()?)?),
                },
                Event::DocType(_) => return None,
                Event::Eof => return (depth == 0 && roots == 1).then_some(found),
                _ => {}
            }
        }
    }
}

fn add(open: &mut Option<String>, text: &str) {
    if let Some(open) = open {
        open.push_str(text);
    }
}

/// `None`: broken attributes; `Some(None)`: it is not there.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<Option<String>> {
    let mut value = None;
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        if attribute.key.local_name().as_ref() == name.as_bytes() {
            value = Some(
                attribute
                    .normalized_value(XmlVersion::Explicit1_0)
                    .ok()?
                    .into_owned(),
            );
        }
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Place as P;
    use super::*;

    #[track_caller]
    fn check(place: &str, text: &str, expected: &[&str]) {
        let place = match text.starts_with('<') {
            true => P::xml(place),
            false => P::json(place),
        };
        let place = place.expect("place");
        let found = Document::new(text).values(&place);
        let shown: Vec<&str> = found.iter().map(|v| v.as_deref().unwrap_or("-")).collect();
        assert_eq!(shown, expected, "{place:?} {text}");
    }

    #[test]
    fn json() {
        let messages =
            r#"{"m":[{"id":"a","s":0},{"id":"b"},{"id":null,"s":"1"}],"a/b":{"~":true}}"#;
        check("/m/0/id", messages, &["a"]);
        check("/m/*/id", messages, &["a", "b", "-"]);
        check("/m/*/s", messages, &["0", "-", "1"]);
        check("/m/00/id", messages, &["-"]);
        check("/m/3/id", messages, &["-"]);
        check("/a~1b/~0", messages, &["true"]);
        check("/m/0", messages, &[r#"{"id":"a","s":0}"#]);
        check("/*", r#"{"*":7}"#, &["7"]);
        check("/*/x", "[]", &[]);
        check("/x", "no JSON", &[]);
        check("/x", r#"{"x":1"#, &[]);
        check(
            "/x",
            &format!("{}1{}", "[".repeat(60_000), "]".repeat(60_000)),
            &[],
        );
    }

    #[test]
    fn xml() {
        let answer = "<?xml version='1.0'?>\n<r xmlns='urn:x'><!-- id --><s:m xmlns:s='y' id='a&amp;b'><id> 1<x>2</x><![CDATA[<3]]>&#52;&lt; </id>\
            </s:m><m><id/></m><n><id>no</id><m><id>no</id></m></n></r>";
        check("/r/m/id", answer, &["12<34<", ""]);
        check("/r/m/@id", answer, &["a&b", "-"]);
        check("/r/m/id/x", answer, &["2"]);
        check("/r/o", answer, &[]);
        check("/r", "<r>7</r>", &["7"]);
        check("/r", "<r/>", &[""]);
        check("/r", "<r>7", &[]);
        check("/r", "<r>7</q>", &[]);
        check("/r", "<r>7</r><r>8</r>", &[]);
        check("/r", "<r>7</r> 8", &[]);
        check("/r", "<r>&unknown;</r>", &[]);
        check("/r/@a", "<r a='1' a='2'/>", &[]);
        let bomb = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><r>&b;</r>";
        check("/r", bomb, &[]);
        let deep = format!("{}{}", "<r>".repeat(9_000), "</r>".repeat(9_000));
        check("/r", &deep, &[]);
        let many = format!("<r>{}</r>", "<i>1</i>".repeat(8_000));
        assert_eq!(
            Document::new(&many)
                .values(&P::xml("/r/i").expect("path"))
                .len(),
            256
        );
    }

    #[test]
    fn no_places() {
        for text in ["", "x", "/a~", "/a~2", &format!("/{}", "x".repeat(256))] {
            assert_eq!(P::json(text), Err(PlaceError::Pointer), "{text}");
        }
        for text in [
            "", "x", "/", "//x", "/a/", "/a//b", "/a/@", "/a/@b/c", "/@a", "/a[1]", "/1a", "/a:b",
        ] {
            assert_eq!(P::xml(text), Err(PlaceError::Path), "{text}");
        }
        assert_eq!(P::xml("/a/@b").expect("path").to_string(), "/a/@b");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(<[a-c/!?\\[@'\"= ]{0,4}>?|&[a-z#0-9]{0,5};?|[a-c<>\\]\\[{}:,\"*0]|<r>|</r>|<!DOCTYPE|<!\\[CDATA\\[){0,30}") {
            for place in [P::xml("/r/a"), P::xml("/r/@a"), P::json("/*/a"), P::json("/a")] {
                let values = Document::new(&text).values(&place.expect("place"));
                prop_assert!(values.len() <= MAX_VALUES);
            }
        }
    }
}
