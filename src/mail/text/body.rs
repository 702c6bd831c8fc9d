//! Which part of a mail is its text, and what else it carries.
//!
//! `text/plain` first, HTML when there is no plain text or only blanks; several
//! inline texts follow each other, as mail programs show them. Files are counted,
//! never opened. A forwarded mail is read when there is nothing else.

use super::decode;
use super::flowed;
use super::html;
use super::raw::RawMail;
use super::scan::Part;

/// What a mail holds for a reader.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Body {
    /// Lines end in LF.
    pub text: String,
    /// Whether all parts of the text were there to the end.
    pub is_whole: bool,
    /// Whether it was too long and its end is not in `text`.
    pub is_cut: bool,
}

/// The text of the mail; `strip_quotes` is for HTML, whose quotes are elements.
pub(super) fn body(mail: &RawMail, parts: &[Part], strip_quotes: bool) -> Body {
    let reader = Reader {
        mail,
        parts,
        strip_quotes,
    };
    let body = reader.read(0);
    if !is_blank(&body.text) {
        return body;
    }
    let forwarded = parts
        .iter()
        .filter(|part| is_message(part))
        .filter_map(|part| part.children.first());
    let found = forwarded
        .map(|inner| reader.read(*inner))
        .find(|inner| !is_blank(&inner.text));
    found.unwrap_or(body)
}

/// Files the mail carries, as its reader would count them.
pub(super) fn attachments(parts: &[Part]) -> usize {
    count(parts, 0, Around::Mixed)
}

/// Whether the mail, or what it is made of, can only be read with a key.
pub(super) fn is_encrypted(parts: &[Part], text: &str) -> bool {
    let sealed = |media: &str| {
        matches!(
            media,
            "multipart/encrypted"
                | "application/pgp-encrypted"
                | "application/pkcs7-mime"
                | "application/x-pkcs7-mime"
        )
    };
    // What is inside a forwarded mail is a file of this one.
    let own = own_parts(parts);
    own.iter().any(|part| {
        sealed(&part.media)
            && !(part.media.starts_with("application/pkcs7") && is_certificate(part))
    }) || text
        .lines()
        .any(|line| line.trim_end() == "-----BEGIN PGP MESSAGE-----")
}

/// `smime-type=certs-only` and files that happen to be certificates are attachments.
fn is_certificate(part: &Part) -> bool {
    part.smime_type.as_deref() == Some("certs-only")
}

fn own_parts(parts: &[Part]) -> Vec<&Part> {
    let mut own = Vec::new();
    let mut next = vec![0];
    while let Some(part) = next.pop().and_then(|n| parts.get(n)) {
        own.push(part);
        if !is_message(part) {
            next.extend(&part.children);
        }
    }
    own
}

fn is_message(part: &Part) -> bool {
    part.media == "message/rfc822" || part.media == "message/global"
}

fn is_blank(text: &str) -> bool {
    text.chars().all(super::tidy::is_invisible)
}

/// What is around a part decides whether it is a file.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Mixed,
    Alternative,
    Related,
}

fn count(parts: &[Part], index: usize, around: Around) -> usize {
    let part = &parts[index];
    if part.children.is_empty() || is_message(part) {
        return usize::from(is_attachment(part, around));
    }
    let around = match part.media.as_str() {
        "multipart/alternative" => Around::Alternative,
        "multipart/related" => Around::Related,
        _ => Around::Mixed,
    };
    part.children
        .iter()
        .map(|child| count(parts, *child, around))
        .sum()
}

fn is_attachment(part: &Part, around: Around) -> bool {
    let is_file = part.is_file;
    match part.media.as_str() {
        "text/plain" | "text/html" => is_file,
        // The proofs of a signed mail, the control part of an encrypted one, a bounce's details.
        "application/pgp-signature"
        | "application/pkcs7-signature"
        | "application/x-pkcs7-signature"
        | "application/pgp-encrypted"
        | "message/delivery-status"
        | "message/disposition-notification"
        | "text/rfc822-headers" => false,
        "text/calendar" | "text/vcard" | "text/x-vcard" | "text/directory" => true,
        // Other ways to say the same, and the pictures of the page.
        media if around == Around::Alternative && media.starts_with("text/") => is_file,
        _ if around == Around::Related => part.disposition.as_deref() == Some("attachment"),
        _ => true,
    }
}

struct Reader<'a> {
    mail: &'a RawMail,
    parts: &'a [Part],
    strip_quotes: bool,
}

impl Reader<'_> {
    /// The text of a part and what is inside. No deeper than `scan` lets parts nest.
    fn read(&self, index: usize) -> Body {
        let part = &self.parts[index];
        if part.children.is_empty() {
            return self.leaf(part);
        }
        match part.media.as_str() {
            "message/rfc822" | "message/global" => Body::nothing(),
            "multipart/alternative" => self.alternative(part),
            "multipart/encrypted" => Body::nothing(),
            // RFC 2387: the first is the page, RFC 1847: the first is what was signed,
            // RFC 6522: the first is for people.
            "multipart/related" | "multipart/signed" | "multipart/report" => {
                self.read(part.children[0])
            }
            _ => part
                .children
                .iter()
                .map(|child| self.read(*child))
                .fold(Body::nothing(), Body::then),
        }
    }

    /// Plain text first; whatever is not blank.
    fn alternative(&self, part: &Part) -> Body {
        let (plain, other): (Vec<usize>, Vec<usize>) = part
            .children
            .iter()
            .partition(|child| self.is_plain(**child));
        let mut seen = Body::nothing();
        for child in plain.into_iter().chain(other) {
            let body = self.read(child);
            if !is_blank(&body.text) {
                return body;
            }
            seen.is_whole &= body.is_whole;
        }
        seen
    }

    /// Whether the first text inside is plain.
    fn is_plain(&self, index: usize) -> bool {
        let part = &self.parts[index];
        match part.children.first() {
            Some(first) => self.is_plain(*first),
            None => part.media == "text/plain",
        }
    }

    fn leaf(&self, part: &Part) -> Body {
        let is_html = part.media == "text/html";
        let is_text = is_html || part.media == "text/plain";
        if !is_text || part.is_file {
            return Body::nothing();
        }
        let octets = &self.mail.body[part.body.clone()];
        let (text, is_all) = match (&part.charset, is_html) {
            (None, true) => {
                decode::text(octets, part.coding, decode::html_charset(octets).as_deref())
            }
            (charset, _) => decode::text(octets, part.coding, charset.as_deref()),
        };
        let text = match is_html {
            true => self.html(&text),
            false => {
                let text = text.replace("\r\n", "\n");
                match part.flowed {
                    true => flowed::unflow(&text, part.delsp),
                    false => text,
                }
            }
        };
        Body {
            text,
            is_whole: part.whole,
            is_cut: !is_all,
        }
    }

    fn html(&self, html: &str) -> String {
        let text = html::to_text(html, self.strip_quotes);
        match self.strip_quotes && is_blank(&text) {
            true => html::to_text(html, false),
            false => text,
        }
    }
}

impl Body {
    fn nothing() -> Body {
        Body {
            text: String::new(),
            is_whole: true,
            is_cut: false,
        }
    }

    /// Both, one below the other. What adds no text matters only while there is none:
    /// a mail may be cut in a part that its reader would not miss.
    fn then(mut self, next: Body) -> Body {
        match (is_blank(&self.text), is_blank(&next.text)) {
            (false, true) => return self,
            (true, _) => self.text = next.text,
            (false, false) => {
                self.text.truncate(self.text.trim_end_matches('\n').len());
                self.text.push('\n');
                self.text.push_str(next.text.trim_start_matches('\n'));
            }
        }
        Body {
            text: self.text,
            is_whole: self.is_whole && next.is_whole,
            is_cut: self.is_cut || next.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;

    /// A mail of parts: `type` or `type; parameters`, then its text.
    fn multipart(media: &str, parts: &[(&str, &str)]) -> String {
        let mut mail = format!("Content-Type: {media}; boundary=\"{media}\"\n\n");
        for (header, text) in parts {
            mail += &format!("--{media}\n{}\n\n{text}\n", header);
        }
        mail + &format!("--{media}--\n")
    }

    fn check(mail: &str, text: &str, files: usize) {
        let raw = RawMail::from_bytes(mail.as_bytes());
        let parts = scan::parts(&raw).expect("within limits");
        let found = body(&raw, &parts, true);
        assert_eq!(
            (found.text.trim(), attachments(&parts)),
            (text, files),
            "{mail}"
        );
    }

    const PLAIN: (&str, &str) = ("Content-Type: text/plain", "plain");
    const HTML: (&str, &str) = ("Content-Type: text/html", "<p>html</p>");
    const PDF: (&str, &str) = ("Content-Type: application/pdf; name=x.pdf", "PDF");
    const PNG: (&str, &str) = ("Content-Type: image/png\nContent-ID: <x>", "PNG");

    #[test]
    fn which_part_is_the_text() {
        check(
            &multipart("multipart/alternative", &[PLAIN, HTML]),
            "plain",
            0,
        );
        check(
            &multipart("multipart/alternative", &[HTML, PLAIN]),
            "plain",
            0,
        );
        check(
            &multipart(
                "multipart/alternative",
                &[("Content-Type: text/plain", " \u{a0}\n"), HTML],
            ),
            "html",
            0,
        );
        check(
            &multipart("multipart/mixed", &[PLAIN, PDF, PNG]),
            "plain",
            2,
        );
        check(
            &multipart("multipart/mixed", &[PLAIN, ("", "footer")]),
            "plain\nfooter",
            0,
        );
        check(
            &multipart(
                "multipart/mixed",
                &[PLAIN, ("Content-Disposition: attachment", "log")],
            ),
            "plain",
            1,
        );
        check(&multipart("multipart/related", &[HTML, PNG]), "html", 0);
        check(
            &multipart(
                "multipart/signed",
                &[
                    PLAIN,
                    ("Content-Type: application/pgp-signature; name=s.asc", "s"),
                ],
            ),
            "plain",
            0,
        );
        check(
            &multipart(
                "multipart/mixed",
                &[("Content-Type: message/rfc822", "Subject: x\n\ninside")],
            ),
            "inside",
            1,
        );
        check(
            &multipart(
                "multipart/mixed",
                &[
                    PLAIN,
                    ("Content-Type: message/rfc822", "Subject: x\n\ninside"),
                ],
            ),
            "plain",
            1,
        );
        check(
            &multipart(
                "multipart/alternative",
                &[PLAIN, ("Content-Type: text/calendar", "BEGIN")],
            ),
            "plain",
            1,
        );
        check("Content-Type: application/pdf\n\nPDF", "", 1);
        let inner = multipart("multipart/related", &[HTML, PNG]);
        let (header, rest) = inner.split_once("\n\n").expect("a header");
        check(
            &multipart("multipart/alternative", &[(header, rest), PLAIN]),
            "plain",
            0,
        );
        check(
            &multipart("multipart/mixed", &[(header, rest), PDF]),
            "html",
            1,
        );
    }

    #[test]
    fn which_mail_needs_a_key() {
        for (mail, expected) in [
            (
                multipart(
                    "multipart/encrypted",
                    &[("Content-Type: application/pgp-encrypted", "Version: 1")],
                ),
                true,
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx".into(),
                true,
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=certs-only\n\nx".into(),
                false,
            ),
            ("\nHi\n-----BEGIN PGP MESSAGE-----\nx".into(), true),
            ("\n> -----BEGIN PGP MESSAGE-----\nx".into(), false),
        ] {
            let raw = RawMail::from_bytes(mail.as_bytes());
            let parts = scan::parts(&raw).expect("within limits");
            assert_eq!(
                is_encrypted(&parts, &body(&raw, &parts, true).text),
                expected,
                "{mail}"
            );
        }
    }
}
