//! The template dialect of HTTP gateways (IceWarp SMS Service 11.4): `%name;attr;attr=value%`.
//!
//! A template is the URL, a header or the body of a request. It is parsed once, from the
//! configuration, and each mistake in it is an error with its place and what to write instead; it is
//! rendered for each request in one pass, so a value that looks like a variable stays as it is.
//!
//! Where a variable stands decides how its value is written: percent-encoded in a URL and a form
//! (everything but `A-Z a-z 0-9 - . _ ~`, so a `+` is always `%2B`), escaped in a JSON string, XML
//! text or an attribute, visible in a header, as it is in any other body. So the provider sees one
//! field with exactly our octets, whatever a text holds. `;json` and `;xml`, beyond the dialect, make of
//! it what a body of another type needs, or JSON in a form's field; `;octets` leaves data the octets they are,
//! percent-encoded in a URL and a form, where the dialect has base64.
//!
//! A variable is never part of a URL's scheme, host or port, and cannot walk up its path.
//!
//! Sans IO; no limits but [`MAX_TEMPLATE`]: values are limited where they come from.

mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longer templates are a mistake: 64 KiB, octets.
pub const MAX_TEMPLATE: usize = 64 * 1024;

/// What a template is, which decides how values are written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// A whole URL.
    Url,
    /// The value of a header.
    Header,
    /// A body of `application/x-www-form-urlencoded`.
    Form,
    /// A body of JSON.
    Json,
    /// A body of XML.
    Xml,
    /// Any other body: octets as they are.
    Raw,
}

impl Position {
    /// The position that a body of this content type is.
    pub fn of_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => Position::Form,
            // text/json, application/problem+json, application/x-ndjson.
            other if other.ends_with("json") => Position::Json,
            other if other.ends_with("xml") => Position::Xml,
            _ => Position::Raw,
        }
    }
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at offset {offset}: {what}; {instead}")]
pub struct TemplateError {
    /// Where, in octets from the template's beginning.
    pub offset: usize,
    /// What is wrong.
    pub what: String,
    /// What to write.
    pub instead: String,
}

/// Why these values cannot stand in this template. The message, not the template, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// `;len` is one octet.
    #[error("%{0};len% is longer than 255 octets")]
    TooLong(&'static str),
    /// `.` and `..` cannot be written in a path, not even encoded (WHATWG URL, "double-dot").
    #[error("a value in the URL's path is . or .., which no path can hold")]
    Dots,
}

/// A variable of the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The destination, with `+`.
    Number,
    /// The text, or the payload of a binary message.
    Data,
    /// The user data header, without its length octet.
    Udh,
    /// 1 for an 8-bit payload, else 0.
    Binary,
    /// The protocol identifier.
    Pid,
    /// The data coding scheme.
    Dcs,
    /// The sender id.
    Sender,
    /// The sender's phone alias.
    SenderPhonealias,
    /// How many standard segments the message is.
    Parts,
    /// Our id of the message.
    Msgid,
    /// Always empty.
    Condition,
    /// The phone a pushed message comes from.
    From,
}

impl Variable {
    const ALL: [Variable; 12] = [
        Variable::Number,
        Variable::Data,
        Variable::Udh,
        Variable::Binary,
        Variable::Pid,
        Variable::Dcs,
        Variable::Sender,
        Variable::SenderPhonealias,
        Variable::Parts,
        Variable::Msgid,
        Variable::Condition,
        Variable::From,
    ];

    /// Its name between the percent signs.
    pub fn name(self) -> &'static str {
        match self {
            Variable::Number => "number",
            Variable::Data => "data",
            Variable::Udh => "udh",
            Variable::Binary => "binary",
            Variable::Pid => "pid",
            Variable::Dcs => "dcs",
            Variable::Sender => "sender",
            Variable::SenderPhonealias => "sender_phonealias",
            Variable::Parts => "parts",
            Variable::Msgid => "msgid",
            Variable::Condition => "condition",
            Variable::From => "from",
        }
    }

    /// It may hold a phone number, whose `+` can be replaced.
    fn is_number(self) -> bool {
        use Variable::{From, Number, Sender, SenderPhonealias};
        matches!(self, Number | From | Sender | SenderPhonealias)
    }

    /// It may hold text, which can be converted.
    fn is_text(self) -> bool {
        matches!(self, Variable::Data | Variable::Msgid | Variable::Condition) || self.is_number()
    }
}

/// What the variables stand for in one request.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `%number%`, E.164 with `+`.
    pub number: &'a str,
    /// `%data%`, `%binary%`, and which of `isascii`, `isunicode`, `isbinary` holds.
    pub data: Data<'a>,
    /// `%udh%`, without its length octet; empty: none.
    pub udh: &'a [u8],
    /// `%pid%`.
    pub pid: u8,
    /// `%dcs%`.
    pub dcs: u8,
    /// `%sender%`.
    pub sender: &'a str,
    /// `%sender_phonealias%`.
    pub sender_phonealias: &'a str,
    /// `%parts%`.
    pub parts: u8,
    /// `%msgid%`.
    pub msgid: &'a str,
    /// `%from%`.
    pub from: &'a str,
}

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// A text whose characters are all in the GSM alphabet.
    Ascii(&'a str),
    /// A text that needs UCS-2.
    Unicode(&'a str),
    /// 8-bit data.
    Binary(&'a [u8]),
}

/// A parsed template.
#[derive(Clone, PartialEq)]
pub struct Template {
    position: Position,
    pieces: Vec<Piece>,
    /// Some variable stands in the path of the URL.
    templated_path: bool,
}

/// Its literal text may hold passwords, so it is not shown.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.variables().map(Variable::name).collect::<Vec<_>>();
        write!(f, "Template({:?}, {names:?})", self.position)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Field(Field),
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    variable: Variable,
    /// All must hold, else the field is nothing.
    conditions: Vec<Kind>,
    /// What stands for a leading `+`.
    interprefix: Option<String>,
    charset: Option<Charset>,
    /// The length octet goes before the value.
    len: bool,
    coding: Option<Coding>,
    /// What it is for whoever takes it out of where it stands.
    format: Option<Format>,
    /// Stands behind the value, as it is.
    suffix: String,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ascii,
    Unicode,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Hex,
    Base64,
    /// None: the octets themselves, as the position writes octets.
    Octets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A JSON value: with quotes, or as a number.
    Json,
    /// XML text.
    Xml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Utf16Be,
    Utf16Le,
    Other(&'static encoding_rs::Encoding),
}

/// How a value is written where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Percent,
    Header,
    /// Between the quotes of a JSON string.
    JsonString,
    /// Where JSON has a value: with quotes, or as a number.
    JsonValue,
    Xml,
    Raw,
}

impl Template {
    /// Its variables, in the order they stand.
    pub fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field.variable),
            Piece::Literal(_) => None,
        })
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(field) => Some(field),
            Piece::Literal(_) => None,
        })
    }

    /// 8-bit data get in: some `%data%` stands for them too.
    pub fn takes_data(&self) -> bool {
        let for_data = |field: &Field| field.conditions.iter().all(|c| *c == Kind::Binary);
        self.fields()
            .any(|field| field.variable == Variable::Data && for_data(field))
    }

    /// The header of a text's part gets in: some `%udh%` is not for data only.
    pub fn takes_header(&self) -> bool {
        let for_text = |field: &Field| !field.conditions.contains(&Kind::Binary);
        self.fields()
            .any(|field| field.variable == Variable::Udh && for_text(field))
    }

    /// Whoever reads it can tell 8-bit data from a text.
    pub fn tells_data(&self) -> bool {
        self.fields().any(|field| {
            matches!(field.variable, Variable::Binary | Variable::Dcs)
                || field.conditions.contains(&Kind::Binary)
        })
    }

    /// Its literal text, in the order it stands: what of it is a secret must not be logged.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.as_str(),
            Piece::Field(field) => field.suffix.as_str(),
        })
    }

    /// The octets of one request. They are UTF-8 but for a raw body with `;charset=`.
    pub fn render(&self, values: &Values<'_>) -> Result<Vec<u8>, RenderError> {
        let mut out = Vec::with_capacity(512);
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Field(field) => field.render(values, &mut out)?,
            }
        }
        if self.templated_path && walks(&out) {
            return Err(RenderError::Dots);
        }
        Ok(out)
    }

    /// The same, for positions whose output is always text: all but a raw body.
    pub fn render_text(&self, values: &Values<'_>) -> Result<String, RenderError> {
        let octets = self.render(values)?;
        Ok(String::from_utf8(octets)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
    }
}

/// A segment of the URL's path is one that a client resolves instead of sending it.
fn walks(url: &[u8]) -> bool {
    let end = url.iter().position(|&b| b == b'?').unwrap_or(url.len());
    url[..end].split(|&b| b == b'/').any(|segment| {
        let plain = String::from_utf8_lossy(segment).to_ascii_lowercase();
        matches!(plain.replace("%2e", ".").as_str(), "." | "..")
    })
}

/// A value before it is written.
struct Value<'a> {
    octets: Cow<'a, [u8]>,
    /// Coded when nothing else is asked for: octets that are no text.
    coding: Option<Coding>,
    /// JSON writes it without quotes.
    number: bool,
}

impl Field {
    fn render(&self, values: &Values<'_>, out: &mut Vec<u8>) -> Result<(), RenderError> {
        let kind = match values.data {
            Data::Ascii(_) => Kind::Ascii,
            Data::Unicode(_) => Kind::Unicode,
            Data::Binary(_) => Kind::Binary,
        };
        if self.conditions.iter().any(|&condition| condition != kind) {
            return Ok(());
        }
        let mut value = self.value(values);
        if self.len && !value.octets.is_empty() {
            let length = u8::try_from(value.octets.len())
                .map_err(|_| RenderError::TooLong(self.variable.name()))?;
            value.octets.to_mut().insert(0, length);
        }
        let coded = match self.coding.or(value.coding) {
            Some(Coding::Hex) => Cow::Owned(upper_hex(&value.octets).into_bytes()),
            Some(Coding::Base64) => Cow::Owned(STANDARD.encode(&value.octets).into_bytes()),
            Some(Coding::Octets) | None => value.octets,
        };
        let bare = value.number || self.variable == Variable::Condition;
        let text = || String::from_utf8_lossy(&coded);
        let formatted = match self.format {
            Some(Format::Json) if !bare => Cow::Owned(json(&text()).into_bytes()),
            Some(Format::Xml) => {
                let mut escaped = Vec::with_capacity(coded.len());
                xml(&text(), &mut escaped);
                Cow::Owned(escaped)
            }
            Some(Format::Json) | None => coded,
        };
        self.escape.write(&formatted, bare, out);
        out.extend_from_slice(self.suffix.as_bytes());
        Ok(())
    }

    fn value<'a>(&self, values: &Values<'a>) -> Value<'a> {
        match self.variable {
            Variable::Number => self.text(values.number),
            Variable::Sender => self.text(values.sender),
            Variable::SenderPhonealias => self.text(values.sender_phonealias),
            Variable::Msgid => self.text(values.msgid),
            Variable::From => self.text(values.from),
            Variable::Condition => self.text(""),
            Variable::Data => match values.data {
                Data::Ascii(text) | Data::Unicode(text) => self.text(text),
                Data::Binary(octets) => self.octets(octets),
            },
            Variable::Udh => self.octets(values.udh),
            Variable::Binary => self.small(matches!(values.data, Data::Binary(_)).into()),
            Variable::Pid => self.small(values.pid),
            Variable::Dcs => self.small(values.dcs),
            Variable::Parts => self.small(values.parts),
        }
    }

    fn text<'a>(&self, text: &'a str) -> Value<'a> {
        let text = match (&self.interprefix, text.strip_prefix('+')) {
            (Some(prefix), Some(rest)) => Cow::Owned(format!("{prefix}{rest}")),
            _ => Cow::Borrowed(text),
        };
        let octets = match (self.charset, text) {
            (Some(charset), text) => Cow::Owned(charset.encode(&text)),
            (None, Cow::Borrowed(text)) => Cow::Borrowed(text.as_bytes()),
            (None, Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        };
        // A length octet makes octets of a text.
        let coding = self.len.then_some(Coding::Base64);
        Value {
            octets,
            coding,
            number: false,
        }
    }

    fn octets<'a>(&self, octets: &'a [u8]) -> Value<'a> {
        Value {
            octets: Cow::Borrowed(octets),
            coding: Some(Coding::Base64),
            number: false,
        }
    }

    /// Decimal, unless its octet is asked for.
    fn small(&self, value: u8) -> Value<'static> {
        let as_octet = self.len || self.coding.is_some();
        let octets = if as_octet {
            vec![value]
        } else {
            value.to_string().into_bytes()
        };
        Value {
            octets: Cow::Owned(octets),
            coding: as_octet.then_some(Coding::Base64),
            number: !as_octet,
        }
    }
}

impl Escape {
    fn write(self, octets: &[u8], bare: bool, out: &mut Vec<u8>) {
        let text = || String::from_utf8_lossy(octets);
        match self {
            Escape::Raw => out.extend_from_slice(octets),
            Escape::Percent => percent(octets, out, |b| {
                b.is_ascii_alphanumeric() || b"-._~".contains(&b)
            }),
            Escape::Header => header(octets, out),
            Escape::JsonValue if bare => out.extend_from_slice(octets),
            Escape::JsonValue => out.extend_from_slice(json(&text()).as_bytes()),
            Escape::JsonString => {
                let quoted = json(&text());
                out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
            }
            Escape::Xml => xml(&text(), out),
        }
    }
}

fn upper_hex(octets: &[u8]) -> String {
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut hex, octet| {
            let _ = write!(hex, "{octet:02X}");
            hex
        })
}

fn percent(octets: &[u8], out: &mut Vec<u8>, plain: impl Fn(u8) -> bool) {
    for &octet in octets {
        if plain(octet) {
            out.push(octet);
        } else {
            out.extend_from_slice(format!("%{octet:02X}").as_bytes());
        }
    }
}

/// Printable ASCII as it is, the rest percent-encoded: a header holds nothing else (RFC 9110 §5.5).
/// A `%` too, so that it can be undone; and blanks at the ends, which servers strip.
fn header(octets: &[u8], out: &mut Vec<u8>) {
    let inner = octets.trim_ascii();
    let start = octets.len() - octets.trim_ascii_start().len();
    let (before, after) = (&octets[..start], &octets[start + inner.len()..]);
    percent(before, out, |_| false);
    percent(inner, out, |b| matches!(b, b' '..=b'~') && b != b'%');
    percent(after, out, |_| false);
}

/// With its quotes (RFC 8259 §7).
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text or an attribute of XML 1.0 (§2.2, §2.4, §3.3.3). Characters that XML cannot hold become
/// U+FFFD; line ends and tabs stay themselves because parsers fold only those that are not escaped.
fn xml(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&apos;"),
            '\t' | '\n' | '\r' => {
                out.extend_from_slice(format!("&#{};", u32::from(c)).as_bytes());
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl Charset {
    /// `None` for a name that nobody knows.
    fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("ucs-2") || name.eq_ignore_ascii_case("utf-16") {
            return Some(Charset::Utf16Be);
        }
        let encoding = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes())?;
        Some(if encoding == encoding_rs::UTF_16BE {
            Charset::Utf16Be
        } else if encoding == encoding_rs::UTF_16LE {
            Charset::Utf16Le
        } else {
            Charset::Other(encoding)
        })
    }

    fn is_utf8(self) -> bool {
        self == Charset::Other(encoding_rs::UTF_8)
    }

    /// A character that the charset lacks becomes `?`.
    fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Charset::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Charset::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Charset::Other(encoding) => encode_with(encoding, text),
        }
    }
}

fn encode_with(encoding: &'static encoding_rs::Encoding, text: &str) -> Vec<u8> {
    use encoding_rs::EncoderResult;
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    loop {
        // Room for the worst case of what is left, so `OutputFull` only asks for another round.
        out.reserve(rest.len() * 4 + 16);
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}
