//! The mails that we write of SMS: the one an SMS becomes (spec 8.2), and notes to the admin.
//!
//! Nothing from a phone can change which header fields there are (T17): values are typed, pass
//! [`line`](fn@line), and are written by mail-builder. The mails are ASCII on the wire but for a recipient's
//! own address, their lines end CRLF, and no line holds a bare CR or LF (T18). The same input gives
//! the same octets, so a repeat is the same mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

use super::thread::{Thread, base_subject, is_message_id};
use super::words::Words;
use super::{LOOP_HEADER, printable};
use crate::sms::clean::is_harmful;
use crate::sms::{MessageId, Party};

/// Local part of the From of an SMS that came from a name: replies to it are refused at RCPT.
pub const NO_REPLY: &str = "no-reply";

/// The octets of an SMS in hex, with room to spare.
const MAX_FIELD: usize = 300;

/// RFC 2045 §6.8.
const BASE64_LINE: usize = 76;

/// A longer subject is no subject (and reading programs cut it).
const MAX_SUBJECT: usize = 200;

/// Longer names and gateway ids are cut.
const MAX_NAME: usize = 64;

/// A service centre whose clock is that much ahead of ours is wrong; its mail would stay on top.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// No service centre keeps an SMS longer: 63 weeks (TS 23.040 §9.2.3.12.1).
const MAX_BEHIND: SignedDuration = SignedDuration::from_hours(63 * 7 * 24);

/// A mail that is sent on inside another is not longer than this; ours never are.
const MAX_ORIGINAL: usize = 1 << 20;

/// What an SMS that is no plain text brings into its mail. The default is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra<'a> {
    /// What it is, a sentence for each thing.
    pub sentences: &'a [String],
    /// Header fields and their values, letters, digits and blanks.
    pub fields: &'a [(&'static str, String)],
    /// Its data.
    pub files: &'a [Attachment],
}

/// A file that goes with a mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    /// What it is called: ASCII.
    pub name: String,
    /// What it is; a `text/` is UTF-8.
    pub media_type: &'static str,
    /// It.
    pub octets: Vec<u8>,
}

/// An SMS on its way into a mail.
#[derive(Clone, Copy, Debug)]
pub struct Sms<'a> {
    /// Its first part's id, which the Message-ID is made of.
    pub id: MessageId,
    /// This machine, in Message-ID and loop header.
    pub hostname: &'a str,
    /// Who sent it.
    pub from: &'a Party,
    /// What we call them, if we know them.
    pub name: Option<&'a str>,
    /// The gateway's own From, `sms:%s@example.com`.
    pub from_template: Option<&'a str>,
    /// The SMS domain that goes with the recipient's mail domain.
    pub sms_domain: &'a str,
    /// Who gets it.
    pub to: &'a str,
    /// By which gateway it came.
    pub gateway: &'a str,
    /// The service centre's time, else ours.
    pub sent: Timestamp,
    /// How many parts there are, and of how many.
    pub parts: (u8, u8),
    /// The text.
    pub text: &'a str,
    /// In which words its recipient is written to.
    pub words: &'a Words,
    /// What there is beside it.
    pub extra: Extra<'a>,
    /// The subject of the mail it answers.
    pub subject: Option<&'a str>,
    /// The Message-ID of the mail it answers or follows, without `<>`.
    pub answers: Option<&'a str>,
    /// The conversation of that mail; without one, that of the phone and the recipient.
    pub thread: &'a Thread,
}

/// The Message-ID of the mail that an SMS becomes, without `<>`.
pub fn message_id(id: MessageId, hostname: &str) -> String {
    format!("in.{id}@{hostname}")
}

/// The mail that an SMS becomes.
pub fn sms(sms: &Sms) -> Vec<u8> {
    let (name, address) = sender(sms);
    let who = line(&sms.from.to_string(), MAX_NAME);
    let subject = sms.subject.map(|s| line(s, MAX_SUBJECT));
    let subject = match subject.as_deref().map(base_subject) {
        Some(base) if !base.is_empty() => format!("Re: {base}"),
        _ => {
            let from = sms.words.say("sms-from", &[("from", who.as_str().into())]);
            let again = if sms.answers.is_some() { "Re: " } else { "" };
            line(&format!("{again}{from}"), MAX_SUBJECT)
        }
    };
    let id = message_id(sms.id, sms.hostname);
    let date = date(sms.sent, sms.id);
    let topic = base_subject(&subject).to_owned();
    let mut mail = MessageBuilder::new()
        .from(Address::new_address(Some(name), address))
        .to(Address::new_address(None::<&str>, sms.to))
        .subject(subject)
        .date(date.as_second())
        .message_id(id.as_str());
    let answered = sms.answers.filter(|id| is_message_id(id));
    if let Some(answered) = answered {
        mail = mail.in_reply_to(answered);
    }
    let thread = sms.thread.after(answered);
    if !thread.references.is_empty() {
        mail = mail.references(&thread.references[..]);
    }
    if let Some(index) = thread.answer_index(&id, date) {
        mail = mail
            .header("Thread-Topic", Text::new(topic))
            .header("Thread-Index", plain(index));
    }
    let (have, of) = sms.parts;
    let parts = if have == of {
        of.to_string()
    } else {
        format!("{have} of {of}")
    };
    let mut mail = automatic(mail, "auto-generated", sms.hostname)
        .header("X-SMS-Number", plain(phone_part(&who)))
        .header("X-SMS-Gateway", plain(phone_part(sms.gateway)))
        .header("X-SMS-Parts", plain(parts))
        .header("X-SMS-Time", plain(sms.sent.to_string()));
    for (name, value) in sms.extra.fields {
        mail = mail.header(*name, plain(line(value, MAX_FIELD)));
    }
    let text = body(&with_sentences(sms.text, sms.extra.sentences));
    if sms.extra.files.is_empty() {
        return mail.text_body(text).write_to_vec().unwrap_or_default();
    }
    let mut parts = vec![MimePart::new("text/plain", text)];
    parts.extend(sms.extra.files.iter().map(attached));
    // Of its own, so that the same SMS is the same mail; base64 and our text have no line like it.
    let boundary = format!("=_sms-{}", sms.id);
    let mixed = ContentType::new("multipart/mixed").attribute("boundary", boundary);
    let mail = mail.body(MimePart::new(mixed, parts));
    mail.write_to_vec().unwrap_or_default()
}

/// The text, and what there is to say of it on lines of their own.
fn with_sentences(text: &str, sentences: &[String]) -> String {
    let said: Vec<String> = sentences.iter().map(|s| format!("[{s}]")).collect();
    match (text.trim().is_empty(), said.is_empty()) {
        (_, true) => text.to_owned(),
        (true, false) => said.join("\n"),
        (false, false) => format!("{}\n\n{}", text.trim_end(), said.join("\n")),
    }
}

fn attached(file: &Attachment) -> MimePart<'_> {
    let kind = ContentType::new(file.media_type);
    let kind = match file.media_type.starts_with("text/") {
        true => kind.attribute("charset", "utf-8"),
        false => kind,
    };
    // Always base64, whatever the builder thinks of the octets: a bare CR or LF among them would stand
    // on a line of the mail (T18).
    let coded = STANDARD.encode(&file.octets).into_bytes();
    let lines: Vec<&[u8]> = coded.chunks(BASE64_LINE).collect();
    let part = MimePart::new(kind, BodyPart::Binary(lines.join(&b"\r\n"[..]).into()));
    part.attachment(file.name.as_str())
        .transfer_encoding("base64")
}

/// A note of ours, as to the admin.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// Its name, which the Message-ID is made of.
    pub id: MessageId,
    /// This machine.
    pub hostname: &'a str,
    /// From whom: an address of ours.
    pub from: &'a str,
    /// To whom.
    pub to: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// The text.
    pub text: &'a str,
    /// When.
    pub at: Timestamp,
    /// A mail that goes with it, whole.
    pub original: Option<&'a [u8]>,
}

/// The mail that a note is.
pub fn note(note: &Note) -> Vec<u8> {
    let mail = MessageBuilder::new()
        .from(Address::new_address(Some("SMS"), note.from))
        .to(Address::new_address(None::<&str>, note.to))
        .subject(line(note.subject, MAX_SUBJECT))
        .date(note.at.as_second())
        .message_id(format!("note.{}@{}", note.id, note.hostname));
    let mail = automatic(mail, "auto-generated", note.hostname);
    let text = body(note.text);
    let Some(original) = note.original else {
        return mail.text_body(text).write_to_vec().unwrap_or_default();
    };
    let original = &original[..original.len().min(MAX_ORIGINAL)];
    let attached = if original.is_ascii() {
        // RFC 2046 §5.2.1: no encoding but 7bit for what is 7bit.
        let part = MimePart::new("message/rfc822", BodyPart::Binary(original.into()));
        part.transfer_encoding("7bit")
    } else {
        let part = MimePart::new(
            "application/octet-stream",
            BodyPart::Binary(original.into()),
        );
        part.attachment("original.eml")
    };
    let parts = vec![MimePart::new("text/plain", text), attached];
    let mail = mail.body(MimePart::new("multipart/mixed", parts));
    mail.write_to_vec().unwrap_or_default()
}

/// The mail with a header field in front that says whom the MTA refused it for.
pub fn redirected(mail: &[u8], refused: &str, why: &str) -> Vec<u8> {
    let why = line(&format!("{refused}: {why}"), MAX_SUBJECT);
    let why = printable(&why, MAX_SUBJECT);
    let mut redirected = format!("X-SMS-Refused: {why}\r\n").into_bytes();
    redirected.extend_from_slice(mail);
    redirected
}

/// What tells other machines not to answer (`kind`: RFC 3834 §5), and us that it is ours.
pub(super) fn automatic<'a>(
    mail: MessageBuilder<'a>,
    kind: &'static str,
    hostname: &'a str,
) -> MessageBuilder<'a> {
    mail.header("Auto-Submitted", plain(kind))
        .header("X-Auto-Response-Suppress", plain("All"))
        .header(LOOP_HEADER, plain(hostname))
}

/// Display name and address that an answer goes to (spec 6.4).
fn sender(sms: &Sms) -> (String, String) {
    let shown = line(&sms.from.to_string(), MAX_NAME);
    let written = phone_part(&shown);
    let name = match sms.name.map(|name| line(name, MAX_NAME)) {
        Some(name) if !name.is_empty() => format!("{name} ({shown})"),
        _ => shown,
    };
    let address = match (sms.from, sms.from_template) {
        (Party::Name(_), _) => format!("{NO_REPLY}@{}", sms.sms_domain),
        (_, Some(template)) => quoted(&template.replace("%s", &written)),
        (_, None) => format!("{written}@{}", sms.sms_domain),
    };
    (name, address)
}

/// An address whose local part is quoted where it must be: `sms:+1…` is no dot-atom (RFC 5322
/// §3.2.3), and unquoted it reads as a group.
fn quoted(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_dot_atom = local
        .split('.')
        .all(|a| !a.is_empty() && a.chars().all(is_atom));
    if is_dot_atom || local.starts_with('"') {
        return address.to_owned();
    }
    let escaped = local.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"@{domain}")
}

/// The service centre's time, unless its clock is out of order; then ours, which the id has.
fn date(sent: Timestamp, id: MessageId) -> Timestamp {
    let received = i64::try_from(id.unix_millis()).unwrap_or(i64::MAX);
    let Ok(received) = Timestamp::from_millisecond(received) else {
        return sent;
    };
    let behind = received.duration_since(sent);
    match (-MAX_AHEAD..=MAX_BEHIND).contains(&behind) {
        true => sent,
        false => received,
    }
}

/// A text as one line of a header: what does harm is a blank, runs of blanks are one. What looks like an encoded
/// word (RFC 2047 §2) is parted: many programs decode it where it must not stand, and what it encodes may be
/// anything.
pub fn line(text: &str, max_chars: usize) -> String {
    let harmless = |c: char| {
        if c == '\n' || is_harmful(c) || is_separator(c) {
            ' '
        } else {
            c
        }
    };
    let flat: String = text.chars().map(harmless).take(4 * max_chars).collect();
    let words: Vec<&str> = flat.split_whitespace().collect();
    words
        .join(" ")
        .replace("=?", "= ?")
        .chars()
        .take(max_chars)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// LINE and PARAGRAPH SEPARATOR end a line in some programs.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// What may stand in an address or an `X-SMS-` field (T17).
fn phone_part(text: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "+._-".contains(*c);
    text.chars().filter(fits).take(MAX_NAME).collect()
}

fn plain<'a>(value: impl Into<std::borrow::Cow<'a, str>>) -> Raw<'a> {
    Raw::new(value)
}

/// A text as a body: every line ends CRLF, and a control becomes a mark that shows.
fn body(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' | '\n' => lines.push_str("\r\n"),
            '\t' => lines.push('\t'),
            c if c.is_control() => lines.push(char::REPLACEMENT_CHARACTER),
            c => lines.push(c),
        }
    }
    if !lines.ends_with("\r\n") {
        lines.push_str("\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use mail_parser::{HeaderValue, MessageParser};
    use proptest::prelude::*;

    use super::*;
    use crate::sms::Number;

    fn id(n: u8) -> MessageId {
        MessageId::new(
            u64::try_from(at().as_millisecond()).expect("a time"),
            [n; 10],
        )
    }

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn at() -> Timestamp {
        "2026-11-20T10:00:00Z".parse().expect("time")
    }

    fn phone() -> Party {
        Party::Number(number("+15551234567"))
    }

    fn example<'a>(from: &'a Party, text: &'a str) -> Sms<'a> {
        Sms {
            id: id(1),
            hostname: "mail.example.com",
            from,
            name: None,
            from_template: None,
            sms_domain: "sms.example.com",
            to: "ann@example.com",
            gateway: "hall",
            sent: at(),
            parts: (1, 1),
            text,
            words: &ENGLISH,
            extra: Extra::default(),
            subject: None,
            answers: None,
            thread: &ALONE,
        }
    }

    static ENGLISH: std::sync::LazyLock<Words> = std::sync::LazyLock::new(Words::default);

    static ALONE: Thread = Thread {
        references: Vec::new(),
        index: None,
    };

    #[test]
    fn a_mail() {
        let from = phone();
        let thread = Thread {
            references: vec!["m0@example.com".to_owned()],
            index: Thread::begun(&from, "", "", at()).index,
        };
        let mail = sms(&Sms {
            name: Some("Ann Smith"),
            subject: Some("Lunch"),
            answers: Some("m1@example.com"),
            thread: &thread,
            ..example(&from, "yes\n.\nplease")
        });
        let index = thread.answer_index(&message_id(id(1), "mail.example.com"), at());
        let expected = format!(
            "From: \"Ann Smith (+15551234567)\" <+15551234567@sms.example.com>\r\n\
             To: <ann@example.com>\r\n\
             Subject: Re: Lunch\r\n\
             Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\
             Message-ID: <in.{}@mail.example.com>\r\n\
             In-Reply-To: <m1@example.com>\r\n\
             References: <m0@example.com> <m1@example.com>\r\n\
             Thread-Topic: Lunch\r\n\
             Thread-Index: {}\r\n\
             Auto-Submitted: auto-generated\r\n\
             X-Auto-Response-Suppress: All\r\n\
             X-SMS-Milter: mail.example.com\r\n\
             X-SMS-Number: +15551234567\r\n\
             X-SMS-Gateway: hall\r\n\
             X-SMS-Parts: 1\r\n\
             X-SMS-Time: 2026-11-20T10:00:00Z\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=\"utf-8\"\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\n\
             yes\r\n.\r\nplease\r\n",
            id(1),
            index.expect("an index"),
        );
        assert_eq!(String::from_utf8(mail).expect("text"), expected);
    }

    #[test]
    fn data_go_with_the_mail() {
        let from = phone();
        let sentences = ["Binary SMS, 3 octets, ports 0→9204 (vCard)".to_owned()];
        let fields = [("X-SMS-UDH", "06050423F40000".repeat(20))];
        let file = |name: &str, media_type, octets: &[u8]| Attachment {
            name: name.to_owned(),
            media_type,
            octets: octets.to_vec(),
        };
        let files = [
            file(
                "sms.vcf",
                "text/vcard",
                "BEGIN:VCARD\nN:Ž\nEND:VCARD".as_bytes(),
            ),
            file("sms.bin", "application/octet-stream", &[0, 13, 255]),
        ];
        let extra = Extra {
            sentences: &sentences,
            fields: &fields,
            files: &files,
        };
        let example = Sms {
            extra,
            ..example(&from, "")
        };
        let mail = sms(&example);
        assert_eq!(mail, sms(&example), "a repeat is the same mail");
        let parsed = MessageParser::new().parse(&mail).expect("a mail");
        let text = parsed.body_text(0).expect("a text");
        assert_eq!(
            text.trim_end(),
            "[Binary SMS, 3 octets, ports 0→9204 (vCard)]"
        );
        let found: Vec<_> = parsed
            .attachments()
            .map(|part| {
                use mail_parser::MimeHeaders;
                let kind = part.content_type().expect("a type");
                let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
                let name = part.attachment_name().unwrap_or_default().to_owned();
                (name, kind, part.contents().to_vec())
            })
            .collect();
        let expected = files
            .clone()
            .map(|f| (f.name, f.media_type.to_owned(), f.octets));
        assert_eq!(found, expected);
        assert!(mail.split(|&b| b == b'\n').all(|line| line.len() < 998));
        // A text keeps its place before the words.
        let said = Sms {
            extra: Extra {
                files: &[],
                ..extra
            },
            text: "hi\n",
            ..example
        };
        let mail = sms(&said);
        let parsed = MessageParser::new().parse(&mail).expect("a mail");
        let text = parsed.body_text(0).expect("a text").replace("\r\n", "\n");
        assert_eq!(text, "hi\n\n[Binary SMS, 3 octets, ports 0→9204 (vCard)]\n");
    }

    #[track_caller]
    fn check(sms_: &Sms, from: &str, subject: &str) {
        let mail = sms(sms_);
        let parsed = MessageParser::new().parse(&mail).expect("a mail");
        assert_eq!(parsed.subject(), Some(subject));
        let line = mail.split(|&b| b == b'\n').next().expect("a line");
        assert_eq!(
            String::from_utf8_lossy(line).trim_end(),
            format!("From: {from}")
        );
    }

    #[test]
    fn senders_and_subjects() {
        let (phone, short) = (phone(), Party::Short("22555".to_owned()));
        let name = Party::Name("AC ME".to_owned());
        check(
            &example(&phone, ""),
            "\"+15551234567\" <+15551234567@sms.example.com>",
            "SMS from +15551234567",
        );
        check(
            &example(&short, ""),
            "\"22555\" <22555@sms.example.com>",
            "SMS from 22555",
        );
        check(
            &example(&name, ""),
            "\"AC ME\" <no-reply@sms.example.com>",
            "SMS from AC ME",
        );
        let template = |from_template| Sms {
            from_template,
            ..example(&phone, "")
        };
        check(
            &template(Some("sms:%s@example.com")),
            "\"+15551234567\" <\"sms:+15551234567\"@example.com>",
            "SMS from +15551234567",
        );
        check(
            &template(Some("sms+%s@example.com")),
            "\"+15551234567\" <sms++15551234567@example.com>",
            "SMS from +15551234567",
        );
        let subject = |subject| Sms {
            subject: Some(subject),
            ..example(&phone, "")
        };
        let from = "\"+15551234567\" <+15551234567@sms.example.com>";
        check(&subject("RE: Lunch"), from, "Re: Lunch");
        check(&subject("AW: Re: Lunch"), from, "Re: Lunch");
        check(&subject("Re:"), from, "SMS from +15551234567");
        let late = Sms {
            answers: Some("in.1@mail.example.com"),
            ..example(&phone, "")
        };
        check(&late, from, "Re: SMS from +15551234567");
        check(&subject("Mittag\u{fc}"), from, "Re: Mittag\u{fc}");
        check(&subject("a\r\nBcc: x@y\u{2028}z"), from, "Re: a Bcc: x@y z");
        check(&subject(" \n"), from, "SMS from +15551234567");
    }

    #[test]
    fn a_clock_that_is_out_of_order_is_not_believed() {
        let ours = "Fri, 20 Nov 2026 10:00:00 +0000";
        for (sent, date) in [
            ("2026-11-20T09:00:00Z", "Fri, 20 Nov 2026 09:00:00 +0000"),
            ("2026-11-20T10:05:00Z", "Fri, 20 Nov 2026 10:05:00 +0000"),
            ("2026-11-20T10:05:01Z", ours),
            ("2099-01-01T00:00:00Z", ours),
            ("2025-12-01T00:00:00Z", "Mon, 1 Dec 2025 00:00:00 +0000"),
            ("2000-01-01T00:00:00Z", ours),
        ] {
            let from = phone();
            let mail = sms(&Sms {
                sent: sent.parse().expect("time"),
                ..example(&from, "x")
            });
            let mail = String::from_utf8(mail).expect("text");
            assert!(mail.contains(&format!("\r\nDate: {date}\r\n")), "{mail}");
            assert!(
                mail.contains(&format!("\r\nX-SMS-Time: {sent}\r\n")),
                "{mail}"
            );
        }
    }

    #[test]
    fn notes_and_what_goes_with_them() {
        let from = phone();
        for text in ["plain", "gr\u{fc}n"] {
            let original = sms(&example(&from, text));
            let mail = note(&Note {
                id: id(2),
                hostname: "mail.example.com",
                from: "sms@example.com",
                to: "postmaster@example.com",
                subject: "refused",
                text: "550 no such user",
                at: at(),
                original: Some(&original),
            });
            assert!(mail.is_ascii());
            let parsed = MessageParser::new().parse(&mail).expect("a mail");
            assert_eq!(
                parsed.body_text(0).expect("text").trim_end(),
                "550 no such user"
            );
            assert_eq!(parsed.attachment_count(), 1);
            let inner = parsed
                .attachment(0)
                .and_then(|part| part.message())
                .expect("mail");
            assert_eq!(inner.body_text(0).expect("text").trim_end(), text);
        }
    }

    #[test]
    fn a_redirected_mail_says_why() {
        let mail = redirected(
            b"To: <a@b>\r\n\r\nx\r\n",
            "a@b",
            "550 5.1.1 no\r\nBcc: \u{fc}",
        );
        let expected = "X-SMS-Refused: a@b: 550 5.1.1 no Bcc: ?\r\nTo: <a@b>\r\n\r\nx\r\n";
        assert_eq!(String::from_utf8(mail).expect("text"), expected);
    }

    const FIELDS: [&str; 19] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Thread-Topic",
        "Thread-Index",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "X-SMS-Milter",
        "X-SMS-Number",
        "X-SMS-Gateway",
        "X-SMS-Parts",
        "X-SMS-Time",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];

    /// Texts with all that breaks headers, lines and displays.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "([\\x00-\\x1f\\x7f-\\x9f \u{2028}\u{2029}\u{202e}\u{fffd}\u{feff}\"<>@:;,.\\\\=?a]){0,60}",
            "(\r|\n|\r\n|\\.|Bcc: a@b\\.cz|=\\?utf-8\\?q\\?=0A\\?=|#){0,12}",
            "[a-z ]{0,3000}",
        ]
    }

    proptest! {
        #[test]
        fn nothing_changes_the_header_and_the_body_comes_back(
            text in nasty(), subject in nasty(), sender in nasty(), name in nasty(),
            gateway in nasty(), answers in nasty(), chain in prop::collection::vec(nasty(), 0..30),
            begun: bool,
        ) {
            let from = Party::Name(sender);
            let answered = is_message_id(&answers);
            let mut thread = Thread::of_mail(&chain, None, None);
            if begun {
                thread = Thread::begun(&from, "ann@example.com", "mail.example.com", at());
            }
            let mail = sms(&Sms {
                name: Some(&name),
                subject: Some(&subject),
                answers: Some(&answers),
                gateway: &gateway,
                thread: &thread,
                ..example(&from, &text)
            });
            prop_assert!(mail.is_ascii());
            for line in mail.split_inclusive(|&b| b == b'\n') {
                prop_assert!(line.len() <= 1000 && line.ends_with(b"\r\n"));
                prop_assert!(!line[..line.len() - 2].contains(&b'\r'));
            }
            let parsed = MessageParser::new().parse(&mail).expect("a mail");
            let fields: Vec<&str> = parsed.headers().iter().map(|h| h.name.as_str()).collect();
            let expected = FIELDS.iter().filter(|field| match **field {
                "In-Reply-To" => answered,
                "References" => answered || !thread.references.is_empty(),
                "Thread-Topic" | "Thread-Index" => begun,
                _ => true,
            });
            prop_assert_eq!(fields, expected.copied().collect::<Vec<_>>());
            prop_assert!(parsed.header("Bcc").is_none());
            let HeaderValue::Address(senders) = parsed.header("From").expect("From") else {
                panic!("no address")
            };
            let senders: Vec<_> = senders.iter().filter_map(|a| a.address()).collect();
            prop_assert_eq!(senders, ["no-reply@sms.example.com"]);
            let shown = parsed.body_text(0).expect("a text").replace("\r\n", "\n");
            prop_assert_eq!(shown, body(&text).replace("\r\n", "\n"));
        }

        #[test]
        fn a_line_is_one_line(text in nasty()) {
            let line = line(&text, 50);
            prop_assert!(line.chars().count() <= 50);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_separator(c)));
        }
    }
}
