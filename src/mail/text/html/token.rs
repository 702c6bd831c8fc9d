//! HTML to tags and texts, in one pass and linear time.
//!
//! Follows the tokenizer of the HTML standard (13.2.5) as far as it decides what is
//! text and what is markup; character references stay as they are.

/// Attributes of one tag that are read.
const MAX_ATTRIBUTES: usize = 50;

/// Elements whose content is no markup, and not for the reader.
pub(super) const RAW: [&str; 7] = [
    "script", "style", "title", "textarea", "iframe", "noembed", "noframes",
];
pub(super) enum Token<'a> {
    Text(&'a str),
    Open(Tag),
    Close(String),
    Nothing,
}

pub(super) struct Tag {
    /// Lower case.
    pub name: String,
    /// Names in lower case, values as they are.
    pub attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.trim())
    }

    pub(super) fn has_class(&self, class: &str) -> bool {
        self.get("class")
            .is_some_and(|all| all.split_ascii_whitespace().any(|c| c == class))
    }

    /// The declarations of `style`, lower case, without `!important`.
    pub(super) fn style(&self) -> Vec<(String, String)> {
        let style = self.get("style").unwrap_or_default().to_ascii_lowercase();
        let declarations = style.split(';').filter_map(|d| d.split_once(':'));
        declarations
            .map(|(key, value)| {
                (
                    key.trim().to_owned(),
                    value.replace("!important", "").trim().to_owned(),
                )
            })
            .collect()
    }
}

/// The first token, and what follows it. Always takes at least one octet.
pub(super) fn token(html: &str) -> (Token<'_>, &str) {
    let Some(after) = html.strip_prefix('<') else {
        let end = html.find('<').unwrap_or(html.len());
        return (Token::Text(&html[..end]), &html[end..]);
    };
    match after.as_bytes() {
        [b'!', b'-', b'-', ..] => (Token::Nothing, after_comment(&after[3..])),
        [b'!' | b'?', ..] => (Token::Nothing, after_any(after, '>')),
        [b'/', b, ..] if b.is_ascii_alphabetic() => {
            let (tag, rest) = tag(&after[1..]);
            (Token::Close(tag.name), rest)
        }
        [b'/', ..] => (Token::Nothing, after_any(after, '>')),
        [b, ..] if b.is_ascii_alphabetic() => {
            let (tag, rest) = tag(after);
            (Token::Open(tag), rest)
        }
        _ => (Token::Text(&html[..1]), after),
    }
}

fn after_any(html: &str, end: char) -> &str {
    html.split_once(end).map_or("", |(_, rest)| rest)
}

fn after_comment(html: &str) -> &str {
    if let Some(rest) = html.strip_prefix('>').or_else(|| html.strip_prefix("->")) {
        return rest;
    }
    let mut rest = html;
    while let Some(at) = rest.find("--") {
        let after = &rest[at + 2..];
        if let Some(rest) = after.strip_prefix('>').or_else(|| after.strip_prefix("!>")) {
            return rest;
        }
        rest = &rest[at + 1..];
    }
    ""
}

/// What follows the end tag of an element without markup; nothing when there is none.
pub(super) fn after_raw<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let end = rest.as_bytes().get(name.len());
        let is_name = rest
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name));
        if is_name && end.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')) {
            return after_any(rest, '>');
        }
    }
    ""
}

/// A tag from its name on. One that never ends is dropped with what it swallowed.
fn tag(html: &str) -> (Tag, &str) {
    let ends_name = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>');
    let end = html.find(ends_name).unwrap_or(html.len());
    let mut tag = Tag {
        name: html[..end].to_ascii_lowercase(),
        attributes: Vec::new(),
    };
    let mut rest = &html[end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = rest.strip_prefix('>') {
            return (tag, rest);
        }
        if rest.is_empty() {
            return (tag, "");
        }
        // A name may begin with `=`, but with nothing else that ends one.
        let ends = |(n, c): &(usize, char)| *n > 0 && (ends_name(*c) || *c == '=');
        let end = rest
            .char_indices()
            .find(ends)
            .map_or(rest.len(), |(n, _)| n);
        let (name, after) = rest.split_at(end);
        let mut value = "";
        rest = after;
        if let Some(after) = after.trim_ascii_start().strip_prefix('=') {
            (value, rest) = attribute_value(after.trim_ascii_start());
        }
        if tag.attributes.len() < MAX_ATTRIBUTES {
            tag.attributes
                .push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
}

fn attribute_value(html: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inside) = html.strip_prefix(quote) {
            return inside.split_once(quote).unwrap_or((inside, ""));
        }
    }
    let end = html
        .find(|c: char| c.is_ascii_whitespace() || c == '>')
        .unwrap_or(html.len());
    html.split_at(end)
}
