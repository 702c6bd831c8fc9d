//! Which part of a mail is its text, and what else it carries.
//!
//! `text/plain` first, HTML when there is no plain text or only blanks; several
//! inline texts follow each other, as mail programs show them. Files are counted,
//! never opened. A forwarded mail is read when there is nothing else.

use super::quotes::{self, Strip};
use super::raw::RawMail;
use super::scan::Part;
use super::{Unreadable, calendar, cards, decode, flowed, html};
use crate::mail::words::Words;

/// What a mail holds for a reader.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Body {
    /// Lines end in LF.
    pub text: String,
    /// Whether all parts of the text were there to the end.
    pub is_whole: bool,
    /// Whether it was too long and its end is not in `text`.
    pub is_cut: bool,
    /// Business cards that are named in `text`, and therefore no files.
    pub cards: usize,
}

/// What a plain text says that only stands in for the page; all of them speak of HTML.
const PLACEHOLDERS: [&str; 6] = [
    "view th", "support", "display", "enable", "anzeig", "afficher",
];
/// Octets of such a text.
const MAX_PLACEHOLDER: usize = 400;

/// The text of the mail; `strip` is for HTML, whose quotes and signatures are elements.
pub(super) fn body(mail: &RawMail, parts: &[Part], strip: Strip) -> Body {
    let reader = Reader { mail, parts, strip };
    let body = reader.read(0);
    if !is_blank(&body.text) && !quotes::says_nothing(&body.text, strip) {
        return body;
    }
    let forwarded = parts
        .iter()
        .filter(|part| is_message(part))
        .filter_map(|part| part.children.first());
    let found = forwarded
        .map(|inner| reader.read(*inner))
        .find(|inner| !is_blank(&inner.text));
    found.or_else(|| reader.cards()).unwrap_or(body)
}

/// The line of an invitation (RFC 6047): a calendar that is the mail or stands beside its text, not one that
/// somebody attached.
pub(super) fn invitation(mail: &RawMail, parts: &[Part], said: &Words) -> Option<String> {
    let index = calendar_part(parts, 0, Around::Mixed)?;
    if !parts[index].whole {
        return None;
    }
    calendar::line(&leaf_text(mail, &parts[index]).0, said)
}

fn calendar_part(parts: &[Part], index: usize, around: Around) -> Option<usize> {
    let part = &parts[index];
    if is_message(part) {
        return None;
    }
    let is_beside = around == Around::Alternative || !part.is_file || index == 0;
    if part.media == "text/calendar" && is_beside {
        return Some(index);
    }
    let around = around_children(part);
    let mut children = part.children.iter();
    children.find_map(|child| calendar_part(parts, *child, around))
}

/// Files the mail carries, as its reader would count them; of an invitation the calendar is none.
pub(super) fn attachments(parts: &[Part], is_invitation: bool) -> usize {
    count(parts, 0, Around::Mixed, is_invitation)
}

/// Why the mail, or what it is made of, cannot be read: it needs a key, or lies in an envelope.
pub(super) fn sealed(parts: &[Part], text: &str) -> Option<Unreadable> {
    let why = |part: &&Part| match part.media.as_str() {
        "multipart/encrypted" | "application/pgp-encrypted" => Some(Unreadable::Encrypted),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => match part.smime_type.as_deref() {
            // Certificates are files like others.
            Some("certs-only") => None,
            Some("signed-data" | "compressed-data") => Some(Unreadable::Sealed),
            _ => Some(Unreadable::Encrypted),
        },
        _ => None,
    };
    // What is inside a forwarded mail is a file of this one.
    let is_armoured = |text: &str| {
        let mut lines = text.lines().map(str::trim_end);
        lines.any(|line| line == "-----BEGIN PGP MESSAGE-----")
    };
    let found = own_parts(parts).iter().find_map(why);
    found.or_else(|| is_armoured(text).then_some(Unreadable::Encrypted))
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

fn around_children(part: &Part) -> Around {
    match part.media.as_str() {
        "multipart/alternative" => Around::Alternative,
        "multipart/related" => Around::Related,
        _ => Around::Mixed,
    }
}

fn count(parts: &[Part], index: usize, around: Around, is_invitation: bool) -> usize {
    let part = &parts[index];
    if part.children.is_empty() || is_message(part) {
        let is_calendar = matches!(part.media.as_str(), "text/calendar" | "application/ics");
        return usize::from(!(is_calendar && is_invitation) && is_attachment(part, around));
    }
    let around = around_children(part);
    let children = part.children.iter();
    children
        .map(|child| count(parts, *child, around, is_invitation))
        .sum()
}

fn is_card(part: &Part) -> bool {
    matches!(
        part.media.as_str(),
        "text/vcard" | "text/x-vcard" | "text/directory"
    )
}

/// A leaf decoded, and whether it is all of it.
fn leaf_text(mail: &RawMail, part: &Part) -> (String, bool) {
    let octets = &mail.body[part.body.clone()];
    // Calendars and cards are UTF-8 unless they say otherwise (RFC 5545 §3.1.4, RFC 6350 §3.1).
    decode::text(octets, part.coding, part.charset.as_deref())
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
    strip: Strip,
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
            if !is_blank(&body.text) && !is_placeholder(&body.text) {
                return body;
            }
            if is_blank(&seen.text) {
                seen.text = body.text;
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
            cards: 0,
        }
    }

    /// Less and less is cut until something is left.
    fn html(&self, html: &str) -> String {
        let quoted = Strip {
            quotes: false,
            ..self.strip
        };
        let nothing = Strip {
            signature: false,
            ..quoted
        };
        let mut text = html::to_text(html, self.strip);
        for strip in [quoted, nothing] {
            if is_blank(&text) && strip != self.strip {
                text = html::to_text(html, strip);
            }
        }
        text
    }

    /// The cards of a mail that has nothing else to say.
    fn cards(&self) -> Option<Body> {
        let own = own_parts(self.parts);
        let cards = own.into_iter().filter(|part| is_card(part) && part.whole);
        let named: Vec<String> = cards
            .filter_map(|part| cards::lines(&leaf_text(self.mail, part).0))
            .collect();
        (!named.is_empty()).then(|| Body {
            text: named.join("\n"),
            cards: named.len(),
            ..Body::nothing()
        })
    }
}

/// Whether a text only says that the page should be looked at.
fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let says_it = || {
        let lower = text.to_lowercase();
        lower.contains("html") && PLACEHOLDERS.iter().any(|word| lower.contains(word))
    };
    text.len() <= MAX_PLACEHOLDER && says_it()
}

impl Body {
    fn nothing() -> Body {
        Body {
            text: String::new(),
            is_whole: true,
            is_cut: false,
            cards: 0,
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
            cards: self.cards + next.cards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;

    const BOTH: Strip = Strip {
        quotes: true,
        signature: true,
    };

    /// A mail of parts: `type` or `type; parameters`, then its text.
    fn multipart(media: &str, parts: &[(&str, &str)]) -> String {
        let mut mail = format!("Content-Type: {media}; boundary=\"{media}\"\n\n");
        for (header, text) in parts {
            mail += &format!("--{media}\n{}\n\n{text}\n", header);
        }
        mail + &format!("--{media}--\n")
    }

    fn check(mail: &str, text: &str, expected_files: usize) {
        let raw = RawMail::from_bytes(mail.as_bytes());
        let parts = scan::parts(&raw).expect("within limits");
        let found = body(&raw, &parts, BOTH);
        let files = attachments(
            &parts,
            invitation(&raw, &parts, &Words::default()).is_some(),
        );
        assert_eq!(
            (found.text.trim(), files - found.cards),
            (text, expected_files),
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
    fn invitations_and_cards() {
        let event = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:Board\nEND:VEVENT\nEND:VCALENDAR";
        let attached = "Content-Type: text/calendar; name=a.ics\nContent-Disposition: attachment";
        for (media, header, expected) in [
            (
                "multipart/alternative",
                "Content-Type: text/calendar",
                Some("Board"),
            ),
            ("multipart/alternative", attached, Some("Board")),
            (
                "multipart/mixed",
                "Content-Type: text/calendar",
                Some("Board"),
            ),
            ("multipart/mixed", attached, None),
        ] {
            let mail = multipart(media, &[PLAIN, (header, event)]);
            let raw = RawMail::from_bytes(mail.as_bytes());
            let parts = scan::parts(&raw).expect("within limits");
            let found = invitation(&raw, &parts, &Words::default());
            assert_eq!(found.as_deref(), expected, "{mail}");
            assert_eq!(
                attachments(&parts, found.is_some()),
                usize::from(expected.is_none()),
                "{mail}"
            );
        }
        let card = (
            "Content-Type: text/vcard; name=a.vcf",
            "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL:1\nEND:VCARD",
        );
        check(&multipart("multipart/mixed", &[card]), "Ann 1", 0);
        check(&multipart("multipart/mixed", &[PLAIN, card]), "plain", 1);
        let broken = ("Content-Type: text/vcard; name=a.vcf", "BEGIN:VCARD");
        check(&multipart("multipart/mixed", &[broken]), "", 1);
        let page_only = (
            "Content-Type: text/plain",
            "Please enable HTML to view this mail.",
        );
        check(
            &multipart("multipart/alternative", &[page_only, HTML]),
            "html",
            0,
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
                Some(Unreadable::Encrypted),
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx".into(),
                Some(Unreadable::Encrypted),
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx".into(),
                Some(Unreadable::Sealed),
            ),
            (
                "Content-Type: application/pkcs7-mime; smime-type=certs-only\n\nx".into(),
                None,
            ),
            (
                "\nHi\n-----BEGIN PGP MESSAGE-----\nx".into(),
                Some(Unreadable::Encrypted),
            ),
            ("\n> -----BEGIN PGP MESSAGE-----\nx".into(), None),
        ] {
            let raw = RawMail::from_bytes(mail.as_bytes());
            let parts = scan::parts(&raw).expect("within limits");
            assert_eq!(
                sealed(&parts, &body(&raw, &parts, BOTH).text),
                expected,
                "{mail}"
            );
        }
    }
}
