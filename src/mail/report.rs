//! The mails we write about messages: reports (RFC 3464, RFC 3834) and others. Pure.
//!
//! Every one has the null envelope sender, `Auto-Submitted`, our loop header, and a Message-ID made of
//! an id of ours, so that a repeat is the same mail. Header values pass the mail builder, which
//! encodes what could break a header.
//!
//! A report is `multipart/report`: a text for people, `message/delivery-status` for programs, and what comes
//! back of the original: all of it (`message/rfc822`) or its header (`text/rfc822-headers`). RFC 3464 §2 and
//! RFC 2046 §5.2.1 allow no encoding there: an original with octets above 127 goes as 8bit, and one with NULs or
//! lines beyond 998 octets comes back as its header alone.

use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;

use super::compose::automatic;
use super::dsn::OriginalRecipient;
use super::printable;
use crate::sms::MessageId;

/// More of the original than this is not returned.
const MAX_ORIGINAL: usize = 64 * 1024;

/// RFC 5322 §2.1.1.
const MAX_LINE: usize = 998;

/// What all our mails have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Letterhead {
    /// Right of `@` in our Message-IDs, and the reporting MTA.
    pub hostname: String,
    /// Display name and address of `From`.
    pub from: (String, String),
}

/// What the report says of one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Fate {
    /// The recipient as the mail named it.
    pub recipient: String,
    /// Whom the mail was for before anybody changed it.
    pub original: Option<OriginalRecipient>,
    /// What became of it (RFC 3464 §2.3.3).
    pub action: Action,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    /// Why, for people.
    pub reason: String,
    /// When it was last tried.
    pub tried: Option<Timestamp>,
    /// Until when it is tried.
    pub until: Option<Timestamp>,
    /// What we call it.
    pub message: Option<MessageId>,
}

/// RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// It is late.
    Delayed,
    /// The phone has it.
    Delivered,
    /// It went into a network that may or may not say more.
    Relayed,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
        }
    }
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned<'a> {
    /// Header and body.
    Whole(&'a [u8]),
    /// The header, with or without the empty line behind it.
    Header(&'a [u8]),
}

/// A mail to be written.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Its Message-ID is made of this.
    pub id: MessageId,
    /// Whom it is for.
    pub to: &'a str,
    /// Its date.
    pub now: Timestamp,
    /// Its subject.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
    /// Where an answer goes, if not to the sender.
    pub reply_to: Option<&'a str>,
    /// The Message-ID it answers, without `<>`.
    pub in_reply_to: Option<&'a str>,
    /// With these it is a delivery report that mail programs show as one.
    pub fates: &'a [Fate],
    /// What comes back of the original.
    pub original: Option<Returned<'a>>,
    /// What its envelope called it (RFC 3461 §4.4).
    pub envid: Option<&'a str>,
    /// When it came.
    pub arrived: Option<Timestamp>,
}

impl Letterhead {
    /// The mail, with CRLF lines.
    pub fn write(&self, report: &Report<'_>) -> Vec<u8> {
        let (name, address) = &self.from;
        let mail = MessageBuilder::new()
            .from((name.as_str(), address.as_str()))
            .to(report.to)
            .subject(report.subject)
            .date(report.now.as_second())
            .message_id(format!("sms.{}@{}", report.id, self.hostname));
        let mut mail = automatic(mail, "auto-replied", &self.hostname);
        if let Some(address) = report.reply_to {
            mail = mail.reply_to(address);
        }
        if let Some(id) = report.in_reply_to {
            mail = mail.in_reply_to(id).references(id);
        }
        let text = MimePart::new("text/plain", report.text);
        let body = if report.fates.is_empty() {
            text
        } else {
            self.multipart(text, report)
        };
        mail.body(body).write_to_vec().unwrap_or_default()
    }

    fn multipart<'a>(&'a self, text: MimePart<'a>, report: &Report<'a>) -> MimePart<'a> {
        let mut parts = vec![
            text,
            plain_part("message/delivery-status", self.status(report).into_bytes()),
        ];
        if let Some(original) = report.original {
            parts.push(original_part(original));
        }
        let kind = ContentType::new("multipart/report").attribute("report-type", "delivery-status");
        MimePart::new(kind, parts)
    }

    /// RFC 3464 §2: fields of the mail, then a block of fields a recipient.
    fn status(&self, report: &Report<'_>) -> String {
        let mut status = String::new();
        let mut field = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                status += &format!("{name}: {value}\r\n");
            }
        };
        field("Original-Envelope-Id", report.envid.map(line));
        field(
            "Reporting-MTA",
            Some(format!("dns; {}", line(&self.hostname))),
        );
        field("Arrival-Date", report.arrived.map(date));
        for fate in report.fates {
            status += "\r\n";
            status += &recipient(fate);
        }
        status
    }
}

/// RFC 3464 §2.3.
fn recipient(fate: &Fate) -> String {
    let original = fate.original.as_ref();
    let fields = [
        (
            "Original-Recipient",
            original.map(|o| format!("{}; {}", line(&o.kind), line(&o.address))),
        ),
        (
            "Final-Recipient",
            Some(format!(
                "rfc822; {}",
                line(fate.recipient.trim_matches(['<', '>']))
            )),
        ),
        ("Action", Some(fate.action.name().to_owned())),
        ("Status", Some(line(&fate.status))),
        (
            "Diagnostic-Code",
            Some(format!("X-SMS; {}", line(&fate.reason))),
        ),
        ("Last-Attempt-Date", fate.tried.map(date)),
        ("Will-Retry-Until", fate.until.map(date)),
        ("X-SMS-Message", fate.message.map(|id| id.to_string())),
    ];
    let said = fields.into_iter().filter_map(|(n, v)| Some((n, v?)));
    said.map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}

/// RFC 5322 §3.3.
fn date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// One line of printable ASCII, with its field's name within the 998 octets of RFC 5322 §2.1.1.
fn line(text: &str) -> String {
    printable(text, 400)
}

/// A part that must stay as it is, of short lines.
fn plain_part<'a>(kind: &'static str, octets: Vec<u8>) -> MimePart<'a> {
    let encoding = if octets.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new(kind, octets).transfer_encoding(encoding)
}

/// What comes back, as it was when its lines are sane; else the header, as a text attachment if need be.
fn original_part(returned: Returned<'_>) -> MimePart<'_> {
    let header = match returned {
        Returned::Whole(whole) if whole.len() <= MAX_ORIGINAL && is_sane(whole) => {
            return plain_part("message/rfc822", crlf(whole));
        }
        Returned::Whole(whole) => header_of(whole),
        Returned::Header(header) => header,
    };
    let header = &header[..header.len().min(MAX_ORIGINAL)];
    if header.is_ascii() && is_sane(header) {
        return plain_part("text/rfc822-headers", crlf(header));
    }
    let text = String::from_utf8_lossy(header).into_owned();
    MimePart::new("text/plain", text).attachment("original.txt")
}

fn is_sane(octets: &[u8]) -> bool {
    let mut lines = octets.split(|&b| b == b'\n');
    lines.all(|line| line.len() <= MAX_LINE) && !octets.contains(&0)
}

/// With the empty line that ends it; all, when there is none.
fn header_of(whole: &[u8]) -> &[u8] {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let end = ends.iter().filter_map(|end| {
        let at = whole.windows(end.len()).position(|window| window == *end);
        at.map(|at| at + end.len())
    });
    &whole[..end.min().unwrap_or(whole.len())]
}

/// With CRLF at every end of a line, and no other CR.
fn crlf(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(octets.len() + octets.len() / 32);
    for octet in octets.iter().filter(|octet| **octet != b'\r') {
        if *octet == b'\n' {
            lines.push(b'\r');
        }
        lines.push(*octet);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::{MessageParser, MimeHeaders};
    use proptest::prelude::*;

    fn letterhead() -> Letterhead {
        Letterhead {
            hostname: "mail.example.com".into(),
            from: ("SMS".into(), "sms@example.com".into()),
        }
    }

    fn written(subject: &str, text: &str, reason: &str, original: Returned<'_>) -> Vec<u8> {
        letterhead().write(&Report {
            id: MessageId::from_bytes([7; 16]),
            to: "ann@example.com",
            now: Timestamp::UNIX_EPOCH,
            subject,
            text,
            reply_to: None,
            in_reply_to: Some("abc@example.com"),
            fates: &[Fate {
                recipient: "<+15551234567@sms.example.com>".into(),
                original: OriginalRecipient::parse("rfc822;oncall@example.com"),
                tried: Some(Timestamp::UNIX_EPOCH),
                until: None,
                message: Some(MessageId::from_bytes([8; 16])),
                action: Action::Failed,
                status: "5.1.1".into(),
                reason: reason.into(),
            }],
            original: Some(original),
            envid: Some("QQ\r\n314159"),
            arrived: Some(Timestamp::UNIX_EPOCH),
        })
    }

    #[test]
    fn a_failure_is_a_delivery_report() {
        let bytes = written(
            "Not sent: hello",
            "It was not sent.",
            "no such number",
            Returned::Header(b"Subject: hello\r\n"),
        );
        let mail = MessageParser::default().parse(&bytes).expect("a mail");
        let kind = mail.content_type().expect("content type");
        assert_eq!(kind.subtype(), Some("report"));
        assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
        assert_eq!(mail.in_reply_to().as_text(), Some("abc@example.com"));
        assert_eq!(
            mail.body_text(0).as_deref().map(str::trim),
            Some("It was not sent.")
        );
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(text.contains(
            "Original-Envelope-Id: QQ??314159\r\nReporting-MTA: dns; mail.example.com\r\n\
             Arrival-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\n\
             Original-Recipient: rfc822; oncall@example.com\r\n\
             Final-Recipient: rfc822; +15551234567@sms.example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: X-SMS; no such number\r\n\
             Last-Attempt-Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nX-SMS-Message: "
        ));
        assert!(text.contains("Auto-Submitted: auto-replied\r\n"));
        assert!(text.contains("Subject: hello\r\n"));
    }

    #[test]
    fn the_original_comes_back_as_it_was_or_not_at_all() {
        let check = |original: Returned<'_>, kind: &str, expected: &str| {
            let bytes = written("s", "t", "r", original);
            let mail = MessageParser::default().parse(&bytes).expect("a mail");
            let part = mail.parts.last().expect("a part");
            let of = part.content_type().expect("a type");
            let of = format!("{}/{}", of.ctype(), of.subtype().unwrap_or_default());
            assert_eq!(of, kind);
            let text = String::from_utf8_lossy(&bytes);
            assert!(text.contains(expected), "{text}");
            assert_eq!(part.encoding, mail_parser::Encoding::None);
        };
        let whole: &[u8] = b"Subject: hi\nX: y\n\nbody\r\nmore\n";
        check(
            Returned::Whole(whole),
            "message/rfc822",
            "7bit\r\n\r\nSubject: hi\r\nX: y\r\n\r\nbody\r\nmore\r\n",
        );
        let eight = "Subject: hi\n\ngr\u{fc}n\n".as_bytes();
        check(
            Returned::Whole(eight),
            "message/rfc822",
            "8bit\r\n\r\nSubject: hi\r\n\r\ngr\u{fc}n",
        );
        let long = [&b"Subject: hi\n\n"[..], &[b'x'; 1000]].concat();
        check(
            Returned::Whole(&long),
            "text/rfc822-headers",
            "Subject: hi\r\n",
        );
        let nul = b"Subject: hi\n\na\0b\n";
        check(
            Returned::Whole(nul),
            "text/rfc822-headers",
            "Subject: hi\r\n",
        );
        let large = [&b"Subject: hi\n\n"[..], &b"x\n".repeat(MAX_ORIGINAL)].concat();
        check(
            Returned::Whole(&large),
            "text/rfc822-headers",
            "Subject: hi\r\n",
        );
        check(
            Returned::Header(b"Subject: hi\r\n\r\n"),
            "text/rfc822-headers",
            "Subject: hi\r\n",
        );
    }

    proptest! {
        #[test]
        fn nothing_breaks_a_header(subject in "\\PC{0,30}|[\r\n\t\0 -~]{0,60}", text: String, reason: String, original: Vec<u8>) {
            let names = |bytes: &[u8]| {
                let mail = MessageParser::default().parse(bytes).expect("a mail");
                mail.headers().iter().map(|h| h.name().to_owned()).collect::<Vec<_>>()
            };
            let plain = names(&written("s", "t", "r", Returned::Header(b"o")));
            for returned in [Returned::Header(&original), Returned::Whole(&original)] {
                prop_assert_eq!(names(&written(&subject, &text, &reason, returned)), plain.clone());
            }
        }
    }
}
