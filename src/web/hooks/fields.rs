//! The fields of a push, from query, form or JSON, and what they mean.
//!
//! A field that cannot be understood is an error that names it; fields that nobody asked for are not
//! looked at. Text is UTF-8. A field in the body wins over the same one in the query.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode;
use serde_json::Value;

use crate::gateway::http::HookFields;
use crate::sms::{Concat, Number, Party, Receipt, udh};

/// Shorter digits without a `+` are a short code, not a number without its `+`.
const MIN_NUMBER: usize = 8;

/// Longer ids are garbage, as in answers.
const MAX_ID: usize = 255;

/// From here on a number is milliseconds since 1970, not seconds: year 5138 in one, 1973 in the other.
const MILLISECONDS: i64 = 100_000_000_000;

/// A field that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub(in crate::web) struct BadField {
    field: String,
    what: &'static str,
}

fn bad(field: &str, what: &'static str) -> BadField {
    let field = field.chars().filter(|c| !c.is_control()).take(40).collect();
    BadField { field, what }
}

/// What a push brings.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Push {
    Sms(Sms),
    Receipt {
        id: String,
        /// Either may be the phone: providers do not agree on whose view they tell.
        phones: Vec<String>,
        receipt: Receipt,
        time: Option<Timestamp>,
    },
}

/// A received SMS.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sms {
    pub(super) from: Party,
    pub(super) to: Option<Number>,
    pub(super) text: String,
    pub(super) binary: Option<Vec<u8>>,
    pub(super) concat: Option<Concat>,
    /// With its length octet; empty: none.
    pub(super) udh: Vec<u8>,
    pub(super) id: Option<String>,
    pub(super) time: Option<Timestamp>,
}

/// How octets are written in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Hexadecimal when it looks so, else base64.
    HexOrBase64,
    /// Base64, as the classic door has it.
    Base64,
}

/// The fields of a request.
#[derive(Debug)]
pub(super) struct Fields {
    pairs: Vec<(String, String)>,
    secret: Option<String>,
    /// Query and body as they came, without the secret.
    pub(super) raw: Vec<u8>,
}

impl Fields {
    /// Reads query and body. Fields named in `secrets` are kept apart.
    pub(super) fn read(
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
        secrets: &[&str],
    ) -> Result<Self, BadField> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let json = essence.ends_with("json") || (essence.is_empty() && body.first() == Some(&b'{'));
        let form = essence.is_empty() || essence == "application/x-www-form-urlencoded";
        let mut pairs = match () {
            () if body.is_empty() => Vec::new(),
            () if json => json_pairs(body)?,
            () if form => self::pairs(body)?,
            () => return Err(bad("Content-Type", "send a form or JSON")),
        };
        pairs.extend(self::pairs(query.as_bytes())?);
        let is_secret = |name: &str| secrets.contains(&name);
        let secret = pairs.iter().find(|(name, _)| is_secret(name));
        let secret = secret.map(|(_, value)| value.clone());
        pairs.retain(|(name, _)| !is_secret(name));
        let mut raw = without(query.as_bytes(), is_secret);
        if !body.is_empty() {
            if !raw.is_empty() {
                raw.push(b'\n');
            }
            raw.extend(if json {
                body.to_vec()
            } else {
                without(body, is_secret)
            });
        }
        Ok(Self { pairs, secret, raw })
    }

    /// The first field of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The secret among the fields.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// What they mean, read by these names.
    pub(super) fn push(&self, names: &HookFields, coding: Coding) -> Result<Push, BadField> {
        let id = self
            .get(&names.id)
            .map(str::trim)
            .filter(|id| !id.is_empty());
        if id.is_some_and(|id| id.len() > MAX_ID) {
            return Err(bad(&names.id, "is longer than 255 octets"));
        }
        let time = match self.get(&names.time).map(str::trim) {
            None | Some("") => None,
            Some(text) => Some(
                time(text)
                    .ok_or_else(|| bad(&names.time, "is neither RFC 3339 nor a time since 1970"))?,
            ),
        };
        if let Some(receipt) = self.receipt(names)? {
            let id = id.ok_or_else(|| bad(&names.id, "missing; a receipt needs it"))?;
            let phones = [&names.to, &names.from].into_iter();
            let phones = phones.filter_map(|name| self.get(name).map(str::trim));
            return Ok(Push::Receipt {
                id: id.to_owned(),
                phones: phones
                    .filter(|phone| !phone.is_empty())
                    .map(|phone| phone.chars().take(MAX_ID).collect())
                    .collect(),
                receipt,
                time,
            });
        }
        let from = self
            .get(&names.from)
            .map(str::trim)
            .filter(|from| !from.is_empty());
        let from = from.ok_or_else(|| bad(&names.from, "missing"))?;
        let text = self
            .get(&names.text)
            .ok_or_else(|| bad(&names.text, "missing"))?;
        let is_binary = match self.get(&names.binary).map(str::trim) {
            None | Some("" | "0" | "false") => false,
            Some("1" | "true") => true,
            Some(_) => return Err(bad(&names.binary, "is neither 0 nor 1")),
        };
        let octets = |field: &str, text: &str| {
            octets(text, coding).ok_or_else(|| bad(field, "is neither hex nor base64"))
        };
        let udh = self
            .get(&names.udh)
            .map(str::trim)
            .filter(|udh| !udh.is_empty());
        let udh = udh.map(|udh| octets(&names.udh, udh)).transpose()?;
        // One that is broken is kept as it came, and said to be broken where it is shown.
        let udh = udh.map_or_else(Vec::new, |udh| udh::read(&udh).unwrap_or(udh));
        let payload = is_binary
            .then(|| octets(&names.text, text.trim()))
            .transpose()?;
        Ok(Push::Sms(Sms {
            from: party(from),
            to: self
                .get(&names.to)
                .and_then(|to| party(to).number().cloned()),
            text: if is_binary {
                String::new()
            } else {
                text.to_owned()
            },
            binary: payload,
            concat: udh::concat(&udh),
            udh,
            id: id.map(str::to_owned),
            time,
        }))
    }

    /// What `status` says; `None`: this is no receipt.
    fn receipt(&self, names: &HookFields) -> Result<Option<Receipt>, BadField> {
        let Some(status) = self.get(&names.status).map(str::trim) else {
            return Ok(None);
        };
        let code = || {
            let code = self.get(&names.error).map(str::trim);
            code.and_then(|code| code.parse().ok()).unwrap_or(0)
        };
        match status.to_ascii_lowercase().as_str() {
            "" | "received" => Ok(None),
            "delivered" | "read" => Ok(Some(Receipt::Delivered)),
            "failed" | "undelivered" | "undeliverable" | "expired" | "rejected" | "canceled"
            | "cancelled" | "deleted" => Ok(Some(Receipt::GivenUp(code()))),
            "sent" | "sending" | "queued" | "accepted" | "scheduled" | "buffered" | "pending"
            | "processed" | "enroute" | "unknown" => Ok(Some(Receipt::Pending)),
            // Of a message it may say anything; better a message too many than one lost.
            _ if self.get(&names.from).and(self.get(&names.text)).is_some() => Ok(None),
            _ => Err(bad(&names.status, "is neither delivered nor failed")),
        }
    }
}

/// The pairs of a form or query (WHATWG URL, `application/x-www-form-urlencoded`).
pub(super) fn pairs(text: &[u8]) -> Result<Vec<(String, String)>, BadField> {
    let decode = |text: &[u8]| {
        let blanks: Vec<u8> = text
            .iter()
            .map(|&b| if b == b'+' { b' ' } else { b })
            .collect();
        String::from_utf8(percent_decode(&blanks).collect()).ok()
    };
    let pair = |pair: &[u8]| {
        let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
        let name = decode(&pair[..end]).ok_or_else(|| bad("a field's name", "is not UTF-8"))?;
        let value = decode(pair.get(end + 1..).unwrap_or_default());
        let value = value.ok_or_else(|| bad(&name, "is not UTF-8"))?;
        Ok((name, value))
    };
    let pieces = text.split(|&b| b == b'&');
    pieces.filter(|piece| !piece.is_empty()).map(pair).collect()
}

/// The strings, numbers and truth values of an object; what is nested has no meaning here.
fn json_pairs(body: &[u8]) -> Result<Vec<(String, String)>, BadField> {
    let value: Value = serde_json::from_slice(body).map_err(|_| bad("body", "is not JSON"))?;
    let Value::Object(object) = value else {
        return Err(bad("body", "is not a JSON object"));
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pairs = object.into_iter();
    Ok(pairs
        .filter_map(|(name, value)| Some((name, text(value)?)))
        .collect())
}

/// A form as it came, without some fields.
fn without(form: &[u8], is_secret: impl Fn(&str) -> bool) -> Vec<u8> {
    let kept = form.split(|&b| b == b'&').filter(|pair| {
        let read = pairs(pair).unwrap_or_default();
        !read.iter().any(|(name, _)| is_secret(name))
    });
    kept.collect::<Vec<_>>().join(&b'&')
}

/// Providers leave the `+` out, or it became a blank on the way.
fn party(written: &str) -> Party {
    let written = written.trim();
    let long = written.len() >= MIN_NUMBER && !written.starts_with('0');
    let bare = long && written.bytes().all(|b| b.is_ascii_digit());
    match Number::from_network(written) {
        Some(number) if bare => Party::Number(number),
        _ => Party::from_network(written),
    }
}

fn time(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(number) if number.abs() >= MILLISECONDS => Timestamp::from_millisecond(number).ok(),
        Ok(number) => Timestamp::from_second(number).ok(),
        Err(_) => text.parse().ok(),
    }
}

fn octets(text: &str, coding: Coding) -> Option<Vec<u8>> {
    match coding {
        Coding::HexOrBase64 => hex(text).or_else(|| STANDARD.decode(text).ok()),
        Coding::Base64 => STANDARD.decode(text).ok(),
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(content_type: &str, query: &str, body: &str) -> Result<Push, BadField> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().expect("value"));
        }
        let fields = Fields::read(query, &headers, body.as_bytes(), &["pass"])?;
        assert!(!String::from_utf8_lossy(&fields.raw).contains("s3cret"));
        fields.push(&HookFields::default(), Coding::HexOrBase64)
    }

    fn show(push: Result<Push, BadField>) -> String {
        match push {
            Err(e) => e.to_string(),
            Ok(Push::Receipt { id, receipt, .. }) => format!("{id} {receipt:?}"),
            Ok(Push::Sms(sms)) => {
                let to = sms.to.map_or_else(String::new, |to| format!(" to {to}"));
                let time = sms
                    .time
                    .map_or_else(String::new, |time| format!(" at {time}"));
                let id = sms.id.map_or_else(String::new, |id| format!(" id {id}"));
                let binary = sms
                    .binary
                    .map_or_else(String::new, |b| format!(" binary {b:?}"));
                let concat = sms.concat.map_or_else(String::new, |c| {
                    format!(" {}:{}/{}", c.reference, c.part, c.parts)
                });
                let udh = match (sms.udh.is_empty(), concat.is_empty()) {
                    (false, true) => format!(" udh {:02x?}", sms.udh),
                    _ => String::new(),
                };
                let extra = format!("{binary}{concat}{udh}");
                format!("{}: {}{to}{time}{id}{extra}", sms.from, sms.text)
            }
        }
    }

    #[test]
    fn pushes() {
        #[track_caller]
        fn check(content_type: &str, query: &str, body: &str, expected: &str) {
            assert_eq!(
                show(read(content_type, query, body)),
                expected,
                "{query} {body}"
            );
        }
        const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
        const JSON: &str = "application/json";
        check(
            "",
            "from=%2B15551234567&text=Hi+there%21&pass=s3cret",
            "",
            "+15551234567: Hi there!",
        );
        check("", "from=+15551234567&text=", "", "+15551234567: ");
        check("", "from=15551234567&text=a%2Bb", "", "+15551234567: a+b");
        check("", "from=22555&text=x", "", "22555: x");
        check("", "from=Bank&text=x", "", "Bank: x");
        check(FORM, "pass=s3cret", "from=Bank&text=x&text=y", "Bank: x");
        check(
            FORM,
            "text=query",
            "from=Bank&text=body&pass=s3cret",
            "Bank: body",
        );
        check(
            JSON,
            "",
            r#"{"from":"Bank","text":"x","id":7,"to":"+15550002222","a":[1]}"#,
            "Bank: x to +15550002222 id 7",
        );
        check("", "", r#"{"from":"Bank","text":"ž"}"#, "Bank: ž");
        check(
            "",
            "from=a&text=b&time=2026-11-20T12:00:00Z",
            "",
            "a: b at 2026-11-20T12:00:00Z",
        );
        check(
            "",
            "from=a&text=b&time=1763640000",
            "",
            "a: b at 2025-11-20T12:00:00Z",
        );
        check(
            "",
            "from=a&text=b&time=1763640000000",
            "",
            "a: b at 2025-11-20T12:00:00Z",
        );
        check("", "from=a&text=b&udh=050003CC0201", "", "a: b 204:1/2");
        check("", "from=a&text=b&udh=0003cc0202", "", "a: b 204:2/2");
        check("", "from=a&text=b&udh=06080401020301", "", "a: b 258:1/3");
        check(
            "",
            "from=a&text=b&udh=0003cc0203",
            "",
            "a: b udh [05, 00, 03, cc, 02, 03]",
        );
        check("", "from=a&text=b&udh=0009", "", "a: b udh [00, 09]");
        check(
            "",
            "from=a&text=AQI=&binary=1&udh=05040B8423F0",
            "",
            "a:  binary [1, 2] udh [06, 05, 04, 0b, 84, 23, f0]",
        );
        check("", "from=a&text=FBFF&binary=1", "", "a:  binary [251, 255]");
        check(
            "",
            "from=a&text=%2B/8A&binary=1",
            "",
            "a:  binary [251, 255, 0]",
        );
        check("", "status=delivered&id=abc", "", "abc Delivered");
        check(
            "",
            "status=FAILED&id=abc&error=30003",
            "",
            "abc GivenUp(30003)",
        );
        check("", "status=sent&id=abc", "", "abc Pending");
        check("", "status=received&from=a&text=b", "", "a: b");
        check("", "status=new&from=a&text=b", "", "a: b");

        check("", "text=b", "", "from: missing");
        check("", "from=a", "", "text: missing");
        check("", "from=&text=b", "", "from: missing");
        check("", "from=a&text=%FF", "", "text: is not UTF-8");
        check(
            "",
            "from=a&text=b&time=soon",
            "",
            "time: is neither RFC 3339 nor a time since 1970",
        );
        check(
            "",
            "from=a&text=b&udh=xyz",
            "",
            "udh: is neither hex nor base64",
        );
        check(
            "",
            "from=a&text=xyz&binary=1",
            "",
            "text: is neither hex nor base64",
        );
        check(
            "",
            "from=a&text=b&binary=2",
            "",
            "binary: is neither 0 nor 1",
        );
        check(
            "",
            "status=delivered",
            "",
            "id: missing; a receipt needs it",
        );
        check(
            "",
            "status=maybe&id=a",
            "",
            "status: is neither delivered nor failed",
        );
        check(JSON, "", "[1]", "body: is not a JSON object");
        check(JSON, "", "{", "body: is not JSON");
        check(
            "text/plain",
            "",
            "hello",
            "Content-Type: send a form or JSON",
        );
    }

    #[test]
    fn the_raw_request_is_kept_but_for_the_secret() {
        let raw = |query: &str, body: &str| {
            let fields = Fields::read(query, &HeaderMap::new(), body.as_bytes(), &["pass"]);
            String::from_utf8(fields.expect("fields").raw).expect("UTF-8")
        };
        assert_eq!(raw("from=%2B1&p%61ss=x&text=a+b", ""), "from=%2B1&text=a+b");
        assert_eq!(raw("pass=x", "from=1&text=%61"), "from=1&text=%61");
        assert_eq!(raw("a=1", r#"{"b": 2}"#), "a=1\n{\"b\": 2}");
    }

    proptest! {
        #[test]
        fn any_request_is_read_or_refused(query: String, body: Vec<u8>, json: bool) {
            let mut headers = HeaderMap::new();
            if json {
                headers.insert(header::CONTENT_TYPE, "application/json".parse().expect("value"));
            }
            if let Ok(fields) = Fields::read(&query, &headers, &body, &["pass"]) {
                let _ = fields.push(&HookFields::default(), Coding::Base64);
            }
        }

        #[test]
        fn a_form_comes_back(text: String) {
            let query = format!("a=b&text={}", percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC));
            let read = pairs(query.as_bytes()).expect("pairs");
            prop_assert_eq!(&read[1].1, &text);
        }
    }
}
