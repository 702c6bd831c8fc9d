//! The fields of a push, from query, form or JSON, as octets.
//!
//! A field in the body wins over the same one in the query. Names are UTF-8; values are what they are.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use serde_json::Value;

use crate::gateway::http::hook::{Names, Octets};

/// More fields than any provider sends (Twilio some 20, Kannel's reader any number).
const MAX_FIELDS: usize = 1000;

/// A field that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub(in crate::web) struct BadField {
    field: String,
    what: &'static str,
}

pub(super) fn bad(field: &str, what: &'static str) -> BadField {
    let field = field.chars().filter(|c| !c.is_control()).take(40).collect();
    BadField { field, what }
}

/// Names with values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pairs(pub(super) Vec<(String, Vec<u8>)>);

impl Pairs {
    /// Of a form or query (WHATWG URL, `application/x-www-form-urlencoded`).
    pub(super) fn read(text: &[u8]) -> Result<Self, BadField> {
        let decode = |text: &[u8]| -> Vec<u8> {
            let blanks: Vec<u8> = text
                .iter()
                .map(|&b| if b == b'+' { b' ' } else { b })
                .collect();
            percent_decode(&blanks).collect()
        };
        let pair = |pair: &[u8]| {
            let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            let name = String::from_utf8(decode(&pair[..end]));
            let name = name.map_err(|_| bad("a field's name", "is not UTF-8"))?;
            Ok((name, decode(pair.get(end + 1..).unwrap_or_default())))
        };
        let pieces = text.split(|&b| b == b'&').filter(|piece| !piece.is_empty());
        let pairs: Vec<_> = pieces.map(pair).collect::<Result<_, _>>()?;
        match pairs.len() > MAX_FIELDS {
            true => Err(bad("the request", "has more than 1000 fields")),
            false => Ok(Self(pairs)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.get(name)?).ok()
    }
}

/// A request that brings something.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) query: Pairs,
    /// Of a form; of JSON what stands at its top.
    pub(super) body: Pairs,
    json: Option<Value>,
    secret: Option<Vec<u8>>,
    /// Query and body as they came, without the secret.
    pub(super) raw: Vec<u8>,
}

impl Fields {
    /// Reads query and body. A field named `secret` is kept apart.
    pub(super) fn read(
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
        secret: &str,
    ) -> Result<Self, BadField> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let is_json = essence.ends_with("json")
            || (matches!(&essence[..], "" | "text/plain")
                && matches!(body.first(), Some(b'{' | b'[')));
        let is_form = matches!(&essence[..], "" | "application/x-www-form-urlencoded");
        let mut json = None;
        let mut fields = match () {
            () if body.is_empty() => Pairs::default(),
            () if is_json => {
                let value = serde_json::from_slice(body).map_err(|_| bad("body", "is not JSON"))?;
                let top = top(&value)?;
                json = Some(value);
                top
            }
            () if is_form => Pairs::read(body)?,
            () => return Err(bad("Content-Type", "send a form or JSON")),
        };
        let mut query_fields = Pairs::read(query.as_bytes())?;
        let all = || fields.0.iter().chain(&query_fields.0);
        let shown = all().find(|(name, _)| name == secret);
        let shown = shown.map(|(_, value)| value.clone());
        fields.0.retain(|(name, _)| name != secret);
        query_fields.0.retain(|(name, _)| name != secret);
        let mut raw = without(query.as_bytes(), secret);
        if !body.is_empty() {
            if !raw.is_empty() {
                raw.push(b'\n');
            }
            let found = json.as_mut().and_then(Value::as_object_mut);
            let found = found.and_then(|object| object.remove(secret));
            raw.extend(match &json {
                None => without(body, secret),
                Some(json) if found.is_some() => json.to_string().into_bytes(),
                Some(_) => body.to_vec(),
            });
        }
        Ok(Self {
            query: query_fields,
            body: fields,
            json,
            secret: shown,
            raw,
        })
    }

    /// The secret among the fields.
    pub(super) fn secret(&self) -> Option<&[u8]> {
        self.secret.as_deref()
    }

    pub(super) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// The whole of it as one thing that is brought, or the elements of a list in it.
    pub(super) fn items(&self, each: Option<&str>) -> Vec<Item<'_>> {
        let json = self.json.as_ref();
        let Some(pointer) = each else {
            return vec![Item { fields: self, json }];
        };
        match json.and_then(|json| json.pointer(pointer)) {
            Some(Value::Array(all)) => all
                .iter()
                .map(|one| Item {
                    fields: self,
                    json: Some(one),
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The strings, numbers and truth values of an object.
fn top(value: &Value) -> Result<Pairs, BadField> {
    let Value::Object(object) = value else {
        return match value {
            Value::Array(_) => Ok(Pairs::default()),
            _ => Err(bad("body", "is not a JSON object")),
        };
    };
    let pairs = object.iter();
    let pairs = pairs.filter_map(|(name, value)| Some((name.clone(), scalar(value)?.into_owned())));
    Ok(Pairs(pairs.collect()))
}

/// What a value is as a field's octets; what is nested is none.
fn scalar(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        Value::Number(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        Value::Bool(truth) => Some(Cow::Owned(truth.to_string().into_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One thing that a push brings.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    fields: &'a Fields,
    json: Option<&'a Value>,
}

impl<'a> Item<'a> {
    /// The first of these that is there.
    pub(super) fn get(&self, names: &Names) -> Option<Cow<'a, [u8]>> {
        names.0.iter().find_map(|name| self.value(name))
    }

    fn value(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        if name.starts_with('/') {
            return scalar(self.json?.pointer(name)?);
        }
        let there = self.json.and_then(|json| scalar(json.get(name)?));
        let pairs = || self.fields.body.get(name).or(self.fields.query.get(name));
        // Within a list, a name is one of the element's only.
        let is_whole = self.json.is_none_or(|json| {
            let whole = self.fields.json.as_ref();
            whole.is_some_and(|whole| std::ptr::eq(whole, json))
        });
        there.or_else(|| is_whole.then(pairs).flatten().map(Cow::Borrowed))
    }

    /// The same as text; not UTF-8 is an error.
    pub(super) fn text(&self, names: &Names) -> Result<Option<String>, BadField> {
        let Some(octets) = self.get(names) else {
            return Ok(None);
        };
        let text = String::from_utf8(octets.into_owned());
        text.map(Some)
            .map_err(|_| bad(names.shown(), "is not UTF-8"))
    }

    /// The same without blanks around it; `None` when nothing else is there.
    pub(super) fn word(&self, names: &Names) -> Result<Option<String>, BadField> {
        let text = self.text(names)?;
        let word = text.map(|text| text.trim().to_owned());
        Ok(word.filter(|word| !word.is_empty()))
    }

    /// What came of it: of a list its element.
    pub(super) fn raw(&self, is_element: bool) -> Vec<u8> {
        match self.json {
            Some(json) if is_element => json.to_string().into_bytes(),
            _ => self.fields.raw.clone(),
        }
    }
}

/// A form as it came, without a field.
fn without(form: &[u8], secret: &str) -> Vec<u8> {
    let kept = form.split(|&b| b == b'&').filter(|pair| {
        let read = Pairs::read(pair).unwrap_or_default();
        !read.0.iter().any(|(name, _)| name == secret)
    });
    kept.collect::<Vec<_>>().join(&b'&')
}

/// Reads octets as they are written; `None`: they are not.
pub(super) fn octets(value: &[u8], written: Octets) -> Option<Vec<u8>> {
    let text = || str::from_utf8(value).ok().map(str::trim);
    match written {
        Octets::Plain => Some(value.to_vec()),
        Octets::Hex => hex(text()?),
        Octets::Base64 => STANDARD.decode(text()?).ok(),
        Octets::HexOrBase64 => {
            let text = text()?;
            hex(text).or_else(|| STANDARD.decode(text).ok())
        }
    }
}

/// Reads hexadecimal.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let octet = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    text.as_bytes().chunks_exact(2).map(octet).collect()
}
