//! A mail as octets: what a milter collects, or what a file holds.
//!
//! Takes a mail apart into header fields and a body and puts it together again.
//! Never decodes, never judges: the limits are in `scan`, so that a hostile mail
//! can still be kept, counted and returned to its sender.

use std::fmt;

/// A mail as a milter collects it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawMail {
    /// Header fields in order: name and value, raw octets, no blank before the
    /// value; a folded value holds LF and the blank that follows it.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body's octets, at most `milter.max_message` of them.
    pub body: Vec<u8>,
    /// Whether the body went on after what is here; of a mail [without its body](RawMail::without_body) it did.
    pub truncated: bool,
}

// The text of a mail never reaches a log by accident.
impl fmt::Debug for RawMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMail")
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .field("truncated", &self.truncated)
            .finish()
    }
}

impl RawMail {
    /// What is left of a mail whose body was not kept: it is neither empty nor whole.
    pub fn without_body(headers: Vec<(Vec<u8>, Vec<u8>)>) -> RawMail {
        RawMail {
            headers,
            body: Vec::new(),
            truncated: true,
        }
    }

    /// The mail with CRLF in its header; the body as it came.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.size() + 4 * self.headers.len());
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name);
            bytes.extend_from_slice(b": ");
            push_folded(&mut bytes, value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// A mail from a file: CRLF or LF; the `From ` line of an mbox is dropped.
    pub fn from_bytes(bytes: &[u8]) -> RawMail {
        let mut at = 0;
        if bytes.starts_with(b"From ") {
            at = next_line(bytes, 0);
        }
        let start = at;
        while at < bytes.len() {
            let next = next_line(bytes, at);
            let line = trim_newline(&bytes[at..next]);
            if line.is_empty() {
                return RawMail {
                    headers: owned_fields(&bytes[start..at]),
                    body: bytes[next..].to_vec(),
                    truncated: false,
                };
            }
            if !is_header_line(line) {
                break;
            }
            at = next;
        }
        RawMail {
            headers: owned_fields(&bytes[start..at]),
            body: bytes[at..].to_vec(),
            truncated: false,
        }
    }

    /// The value of the first field of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// Octets of the mail, as far as it is here.
    pub fn size(&self) -> usize {
        let header: usize = self
            .headers
            .iter()
            .map(|(n, v)| n.len() + v.len() + 4)
            .sum();
        header + 2 + self.body.len()
    }
}

/// Appends a value whose lines all begin with a blank, whatever it held: a bare
/// line feed must not begin a new field.
pub(super) fn push_folded(out: &mut Vec<u8>, value: &[u8]) {
    let mut lines = value
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    out.extend_from_slice(lines.next().unwrap_or_default());
    for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
        out.extend_from_slice(b"\r\n");
        if !matches!(line[0], b' ' | b'\t') {
            out.push(b' ');
        }
        out.extend_from_slice(line);
    }
}

/// Where the line after the one at `at` begins.
pub(super) fn next_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&b| b == b'\n')
        .map_or(bytes.len(), |n| at + n + 1)
}

/// The line without its LF or CRLF.
pub(super) fn trim_newline(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line can stand in a header: a field (RFC 5322 §2.2) or a folded rest.
pub(super) fn is_header_line(line: &[u8]) -> bool {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return true;
    }
    field_name(line).is_some()
}

fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// The fields of a header block, in order; a folded value keeps LF and the blank.
/// Lines that are no field and continue none are left out.
pub(super) fn fields(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < block.len() {
            let start = at;
            at = next_line(block, at);
            let first = trim_newline(&block[start..at]);
            if matches!(first.first(), Some(b' ' | b'\t')) {
                continue;
            }
            let Some(name) = field_name(first) else {
                continue;
            };
            while matches!(block.get(at), Some(b' ' | b'\t')) {
                at = next_line(block, at);
            }
            let colon = start + first.iter().position(|&b| b == b':').unwrap_or(name.len());
            let value = trim_newline(&block[colon + 1..at]);
            return Some((name, value.trim_ascii_start()));
        }
        None
    })
}

fn owned_fields(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields(block)
        .map(|(name, value)| {
            let mut lf = value.to_vec();
            lf.retain(|&b| b != b'\r');
            (name.to_vec(), lf)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mail(headers: &[(&str, &str)], body: &str) -> RawMail {
        RawMail {
            headers: headers
                .iter()
                .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
                .collect(),
            body: body.as_bytes().to_vec(),
            truncated: false,
        }
    }

    #[test]
    fn files_of_every_kind() {
        let expected = mail(
            &[("From", "a@b"), ("Subject", "one\n two"), ("X", "")],
            "text\n",
        );
        for file in [
            "From: a@b\nSubject: one\n two\nX:\n\ntext\n",
            "From: a@b\r\nSubject:one\r\n two\r\nX:   \r\n\r\ntext\n",
            "From a@b Mon Jan  5 10:00:00 2026\nFrom: a@b\nSubject : one\n two\nX:\n\ntext\n",
            "From: a@b\nSubject: one\n two\nX:\ntext\n",
        ] {
            assert_eq!(RawMail::from_bytes(file.as_bytes()), expected, "{file:?}");
        }
    }

    #[test]
    fn a_line_feed_in_a_value_begins_no_field() {
        let bytes = mail(&[("Subject", "one\nBcc: x@y\n\nmore")], "").to_bytes();
        assert_eq!(bytes, b"Subject: one\r\n Bcc: x@y\r\n more\r\n\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_mail(bytes: Vec<u8>) {
            let mail = RawMail::from_bytes(&bytes);
            prop_assert!(mail.size() <= bytes.len() + 4 * mail.headers.len() + 2);
        }

        #[test]
        fn a_mail_survives_the_file(
            headers in prop::collection::vec(("[A-Za-z-]{1,12}", "[!-~]{0,9}( [!-~]{1,9})?(\n [!-~]{1,9})?"), 0..6),
            body in "[ -~\r\n]{0,40}",
        ) {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.trim_start())).collect();
            let mail = mail(&headers, &body);
            prop_assert_eq!(RawMail::from_bytes(&mail.to_bytes()), mail);
        }
    }
}
