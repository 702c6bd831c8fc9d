//! The structure of a mail: which octets are which part.
//!
//! One pass over the lines, before any library sees an octet: mail-parser is later
//! given single header fields and single leaves only, so that no nesting, no
//! boundary and no flood reaches it. Linear in the size of the mail whatever it
//! holds; keeps ranges, copies nothing but the few fields that matter.
//! A boundary counts only as a whole line (RFC 2046 §5.1.1).

use std::ops::Range;

use mail_parser::{MessageParser, MimeHeaders};

use super::raw::{RawMail, fields, is_header_line, next_line, push_folded, trim_newline};
use super::{Unreadable, decode, guarded};

/// Containers within containers; real mails have five, forwarding chains ten.
const MAX_DEPTH: usize = 20;
/// Parts of all kinds, forwarded mails included.
const MAX_PARTS: usize = 100;
/// Octets of one header, of the mail or of a part; Postfix's header_size_limit is 100 KiB.
const MAX_HEADER: usize = 256 << 10;
/// Fields of one header.
const MAX_FIELDS: usize = 1_000;
/// Parameters of one Content-Type or Content-Disposition, RFC 2231 continuations included.
const MAX_PARAMETERS: usize = 100;

/// Content-Transfer-Encoding, RFC 2045 §6; what is unknown is taken as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Base64,
    QuotedPrintable,
}

/// One part. Parts are in the order of the mail: a child comes after its parent.
#[derive(Debug)]
pub(super) struct Part {
    pub children: Vec<usize>,
    /// `type/subtype`, lower case; defaults are filled in.
    pub media: String,
    pub coding: Coding,
    pub charset: Option<String>,
    /// RFC 3676: `format=flowed` and `delsp=yes`.
    pub flowed: bool,
    pub delsp: bool,
    /// `smime-type`, RFC 8551 §3.2.2.
    pub smime_type: Option<String>,
    /// `Content-Disposition: attachment`, or it has a file name.
    pub is_file: bool,
    /// `Content-Disposition: attachment` or `inline`, lower case.
    pub disposition: Option<String>,
    pub body: Range<usize>,
    /// Whether its end was seen; only a truncated mail has parts without.
    pub whole: bool,
    boundary: Option<Vec<u8>>,
}

/// The parts of a mail; the first is the mail itself.
pub(super) fn parts(mail: &RawMail) -> Result<Vec<Part>, Unreadable> {
    let size: usize = mail
        .headers
        .iter()
        .map(|(n, v)| n.len() + v.len() + 4)
        .sum();
    check_header(size, mail.headers.len())?;
    let root = part(
        mail.headers
            .iter()
            .map(|(n, v)| (n.as_slice(), v.as_slice())),
        "text/plain",
    )?;
    let mut walk = Walk {
        body: &mail.body,
        parts: Vec::new(),
        open: Vec::new(),
        header: None,
    };
    walk.add(root, 0)?;
    walk.run()?;
    Ok(walk.finish(!mail.truncated))
}

fn check_header(size: usize, count: usize) -> Result<(), Unreadable> {
    match () {
        () if size > MAX_HEADER => Err(Unreadable::HeadersTooBig),
        () if count > MAX_FIELDS => Err(Unreadable::TooManyHeaders),
        () => Ok(()),
    }
}

/// A container whose end has not been seen.
struct Open {
    part: usize,
    /// None: a message/rfc822, which ends with what is around it.
    boundary: Option<Vec<u8>>,
}

struct Walk<'a> {
    body: &'a [u8],
    parts: Vec<Part>,
    open: Vec<Open>,
    /// Where the header being read began; None while in a body.
    header: Option<usize>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Unreadable> {
        let mut at = 0;
        while at < self.body.len() {
            let next = next_line(self.body, at);
            let line = trim_newline(&self.body[at..next]);
            if let Some((level, is_last)) = self.delimiter(line) {
                self.close(level, at, is_last);
                self.header = (!is_last).then_some(next);
            } else if let Some(start) = self.header {
                if at - start > MAX_HEADER {
                    return Err(Unreadable::HeadersTooBig);
                }
                // Some writers forget the blank line: what is no field is the body.
                if line.is_empty() {
                    self.begin(start..at, next)?;
                } else if !is_header_line(line) && (at > start || !line.starts_with(b"From ")) {
                    self.begin(start..at, at)?;
                    // The line may be the first of a mail within.
                    continue;
                }
            }
            at = next;
        }
        if let Some(start) = self.header {
            self.begin(start..self.body.len(), self.body.len())?;
        }
        Ok(())
    }

    /// Which open multipart a line delimits, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let rest = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open
            .iter()
            .enumerate()
            .rev()
            .find_map(
                |(level, open)| match rest.strip_prefix(open.boundary.as_deref()?)? {
                    b"" => Some((level, false)),
                    b"--" => Some((level, true)),
                    _ => None,
                },
            )
    }

    /// Ends everything within the container at `level`, and with `is_last` itself.
    fn close(&mut self, level: usize, at: usize, is_last: bool) {
        // The line end before a boundary belongs to the boundary.
        let before = &self.body[..at];
        let end = trim_newline(before).len();
        let container = self.open[level].part;
        for part in self.parts[container + 1..].iter_mut().filter(|p| !p.whole) {
            part.body.end = end.max(part.body.start);
            part.whole = true;
        }
        self.open.truncate(if is_last { level } else { level + 1 });
    }

    /// A header ended: the part is known.
    fn begin(&mut self, header: Range<usize>, body: usize) -> Result<(), Unreadable> {
        let block = &self.body[header];
        check_header(block.len(), fields(block).take(MAX_FIELDS + 1).count())?;
        let in_digest = self
            .open
            .last()
            .is_some_and(|open| self.parts[open.part].media == "multipart/digest");
        // RFC 2046 §5.1.5
        let default = if in_digest {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let part = part(fields(block), default)?;
        self.header = None;
        self.add(part, body)
    }

    fn add(&mut self, mut part: Part, body: usize) -> Result<(), Unreadable> {
        let index = self.parts.len();
        if index >= MAX_PARTS {
            return Err(Unreadable::TooManyParts);
        }
        if let Some(open) = self.open.last() {
            self.parts[open.part].children.push(index);
        }
        part.body = body..self.body.len();
        let is_message = part.media == "message/rfc822" || part.media == "message/global";
        let boundary = part.boundary.take();
        let holds_mail = is_message && part.coding == Coding::Identity;
        self.parts.push(part);
        if boundary.is_some() || holds_mail {
            if self.open.len() >= MAX_DEPTH {
                return Err(Unreadable::TooDeep);
            }
            self.open.push(Open {
                part: index,
                boundary,
            });
        }
        if holds_mail {
            self.header = Some(body);
        }
        Ok(())
    }

    fn finish(mut self, whole: bool) -> Vec<Part> {
        for part in &mut self.parts {
            part.whole |= whole;
            // A multipart without a boundary, or whose boundary never came, is text to everyone.
            if part.children.is_empty() && part.media.starts_with("multipart/") {
                part.media = "text/plain".into();
            }
        }
        self.parts
    }
}

/// What the Content-* fields of a header say.
fn part<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    default: &str,
) -> Result<Part, Unreadable> {
    const KNOWN: [&str; 3] = [
        "Content-Type",
        "Content-Disposition",
        "Content-Transfer-Encoding",
    ];
    let mut seen = [false; KNOWN.len()];
    let mut block = Vec::new();
    for (name, value) in fields {
        let Some(known) = KNOWN
            .iter()
            .position(|k| name.eq_ignore_ascii_case(k.as_bytes()))
        else {
            continue;
        };
        if value.iter().filter(|&&b| b == b';').count() > MAX_PARAMETERS {
            return Err(Unreadable::TooManyHeaders);
        }
        // Of two fields of a name the first counts.
        if !std::mem::replace(&mut seen[known], true) {
            block.extend_from_slice(KNOWN[known].as_bytes());
            block.extend_from_slice(b": ");
            push_folded(&mut block, decode::guess(value).as_bytes());
            block.extend_from_slice(b"\r\n");
        }
    }
    block.extend_from_slice(b"\r\n");
    guarded(|| describe(&block, default))
}

fn describe(block: &[u8], default: &str) -> Part {
    let message = MessageParser::default().parse_headers(block);
    let mut part = Part {
        children: Vec::new(),
        media: default.to_owned(),
        coding: Coding::Identity,
        charset: None,
        flowed: false,
        delsp: false,
        smime_type: None,
        is_file: false,
        disposition: None,
        body: 0..0,
        whole: false,
        boundary: None,
    };
    let Some(message) = message else { return part };
    let lower = |text: &str| text.trim().to_ascii_lowercase();
    part.coding = match message.content_transfer_encoding().map(lower).as_deref() {
        Some("base64") => Coding::Base64,
        Some("quoted-printable") => Coding::QuotedPrintable,
        _ => Coding::Identity,
    };
    if let Some(disposition) = message.content_disposition() {
        part.disposition = Some(lower(disposition.ctype()));
        part.is_file = disposition.attribute("filename").is_some();
    }
    part.is_file |= part.disposition.as_deref() == Some("attachment");
    if let Some(content) = message.content_type() {
        // RFC 2045 §5.2: what cannot be read is text/plain.
        if let Some(subtype) = content.subtype() {
            part.media = format!("{}/{}", lower(content.ctype()), lower(subtype));
        } else if content.ctype().eq_ignore_ascii_case("text") {
            part.media = "text/plain".into();
        }
        part.charset = content.attribute("charset").map(lower);
        part.flowed = content
            .attribute("format")
            .is_some_and(|v| lower(v) == "flowed");
        part.delsp = content
            .attribute("delsp")
            .is_some_and(|v| lower(v) == "yes");
        part.smime_type = content.attribute("smime-type").map(lower);
        part.is_file |= content.attribute("name").is_some();
        let boundary = content
            .attribute("boundary")
            .map(|b| b.trim_end().as_bytes().to_vec());
        part.boundary = boundary.filter(|b| !b.is_empty() && part.media.starts_with("multipart/"));
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(mail: &str) -> Result<Vec<Part>, Unreadable> {
        parts(&RawMail::from_bytes(mail.as_bytes()))
    }

    /// Each part as `media body`, children indented.
    fn check(mail: &str, expected: &[&str]) {
        let raw = RawMail::from_bytes(mail.as_bytes());
        let found: Vec<String> = parts(&raw)
            .expect("within limits")
            .iter()
            .map(|p| match p.children.is_empty() {
                true => format!(
                    "{} {:?}",
                    p.media,
                    String::from_utf8_lossy(&raw.body[p.body.clone()])
                ),
                false => format!("{} {:?}", p.media, p.children),
            })
            .collect();
        assert_eq!(found, expected, "{mail}");
    }

    #[test]
    fn one_part() {
        check("Subject: x\n\nhi\n", &["text/plain \"hi\\n\""]);
        check(
            "Content-Type: TEXT/HTML; charset=x\n\nhi",
            &["text/html \"hi\""],
        );
        check("Content-Type: text\n\nhi", &["text/plain \"hi\""]);
        check(
            "Content-Type: multipart/mixed\n\nhi",
            &["text/plain \"hi\""],
        );
        check(
            "Content-Type: multipart/mixed; boundary=b\n\nhi",
            &["text/plain \"hi\""],
        );
    }

    #[test]
    fn boundaries_are_whole_lines() {
        check(
            "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b  \r\n\r\nvisit --b for\r\n--bc\r\nx--b\r\n\
             --b\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\nepilogue\r\n",
            &[
                "multipart/mixed [1, 2]",
                "text/plain \"visit --b for\\r\\n--bc\\r\\nx--b\"",
                "image/png \"PNG\"",
            ],
        );
    }

    #[test]
    fn nesting_and_what_is_missing() {
        check(
            "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=o-2\n\n\
             --o-2\n\nplain\n--o-2\nContent-Type: text/html\n\nhtml\n--o\nContent-Type: message/rfc822\n\n\
             Subject: inner\n\ninside\n--o--\n",
            &[
                "multipart/mixed [1, 4]",
                "multipart/alternative [2, 3]",
                "text/plain \"plain\"",
                "text/html \"html\"",
                "message/rfc822 [5]",
                "text/plain \"inside\"",
            ],
        );
        check(
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\n1\n--b\nno header\n",
            &[
                "multipart/digest [1, 3]",
                "message/rfc822 [2]",
                "text/plain \"1\"",
                "message/rfc822 [4]",
                "text/plain \"no header\\n\"",
            ],
        );
        // No blank line after the part's header; nothing after the last boundary.
        check(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n<p>\n--b",
            &[
                "multipart/mixed [1, 2]",
                "text/html \"<p>\"",
                "text/plain \"\"",
            ],
        );
    }

    #[test]
    fn a_cut_part_is_not_whole() {
        let mut raw = RawMail::from_bytes(
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntw",
        );
        raw.truncated = true;
        let whole: Vec<bool> = parts(&raw)
            .expect("within limits")
            .iter()
            .map(|p| p.whole)
            .collect();
        assert_eq!(whole, [false, true, false]);
    }

    fn nested(depth: usize) -> String {
        let mut mail = String::new();
        for n in 0..depth {
            mail += &format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
        }
        mail + "\ntext"
    }

    #[test]
    fn limits_of_the_structure() {
        let flat = |n: usize| {
            "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n\nx\n".repeat(n)
        };
        let mails = |n: usize| "Content-Type: message/rfc822\n\n".repeat(n) + "Subject: x\n\ntext";
        for (verdict, mail) in [
            (None, nested(20)),
            (Some(Unreadable::TooDeep), nested(21)),
            (Some(Unreadable::TooDeep), nested(35_000)),
            (None, flat(99)),
            (Some(Unreadable::TooManyParts), flat(100)),
            (Some(Unreadable::TooManyParts), flat(500_000)),
            (None, mails(20)),
            (Some(Unreadable::TooDeep), mails(21)),
            (Some(Unreadable::TooDeep), mails(35_000)),
        ] {
            assert_eq!(scan(&mail).err(), verdict, "{} octets", mail.len());
        }
    }

    #[test]
    fn limits_of_the_header() {
        let inside = |header: &str| {
            format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{header}\n\nx\n--b--\n")
        };
        let field = |n: usize, text: &str| text.repeat(n);
        let continuations: String = (0..500_000).map(|n| format!("; charset*{n}=x")).collect();
        let few: String = (0..99).map(|n| format!("; x{n}=x")).collect();
        for (verdict, header) in [
            (None, field(998, "X: y\n")),
            (Some(Unreadable::TooManyHeaders), field(1_001, "X: y\n")),
            (Some(Unreadable::HeadersTooBig), field(500_000, "X: y\n")),
            (
                Some(Unreadable::HeadersTooBig),
                "To: a@b".to_owned() + &field(500_000, ",\n a@b"),
            ),
            (
                Some(Unreadable::HeadersTooBig),
                "To: a@b".to_owned() + &field(500_000, ", a@b"),
            ),
            (
                Some(Unreadable::HeadersTooBig),
                format!("Content-Type: text/plain{continuations}"),
            ),
            (None, format!("Content-Type: text/plain{few}")),
            (
                Some(Unreadable::TooManyHeaders),
                format!("Content-Type: text/plain{few}; y=z; z=y"),
            ),
            (
                Some(Unreadable::HeadersTooBig),
                "X: ".to_owned() + &"x".repeat(300_000),
            ),
        ] {
            let header = header.trim_end();
            assert_eq!(
                scan(&format!("{header}\n\nx")).err(),
                verdict,
                "of the mail: {:.40}",
                header
            );
            assert_eq!(
                scan(&inside(header)).err(),
                verdict,
                "of a part: {:.40}",
                header
            );
        }
    }
}
