//! The mails we write about messages: failures and the like (RFC 3464, RFC 3834). Pure.
//!
//! Every one has the null envelope sender, `Auto-Submitted`, our loop header, and a Message-ID made of
//! an id of ours, so that a repeat is the same mail. Header values pass the mail builder, which
//! encodes what could break a header.

use jiff::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;

use super::compose::automatic;
use super::printable;
use crate::sms::MessageId;

/// More of the original's header than this is not returned.
const MAX_ORIGINAL: usize = 64 * 1024;

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
    /// What became of it (RFC 3464 §2.3.3).
    pub action: Action,
    /// Enhanced status code (RFC 3463).
    pub status: String,
    /// Why, for people.
    pub reason: String,
}

/// RFC 3464 §2.3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It will not be delivered.
    Failed,
    /// It is late.
    Delayed,
    /// It went into a network that may or may not say more.
    Relayed,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Relayed => "relayed",
        }
    }
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
    /// What came back: header fields (RFC 5322), or a text that stands for them.
    pub original: Option<&'a [u8]>,
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
            ascii_part("message/delivery-status", self.status(report.fates)),
        ];
        if let Some(original) = report.original {
            parts.push(original_part(original));
        }
        let kind = ContentType::new("multipart/report").attribute("report-type", "delivery-status");
        MimePart::new(kind, parts)
    }

    /// RFC 3464 §2: fields of the mail, then a block of fields a recipient.
    fn status(&self, fates: &[Fate]) -> String {
        let mut status = format!("Reporting-MTA: dns; {}\r\n", line(&self.hostname));
        for fate in fates {
            let recipient = line(fate.recipient.trim_matches(['<', '>']));
            status += &format!(
                "\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {}\r\nStatus: {}\r\n\
                 Diagnostic-Code: X-SMS; {}\r\n",
                fate.action.name(),
                line(&fate.status),
                line(&fate.reason),
            );
        }
        status
    }
}

/// One line of printable ASCII, with its field's name within the 998 octets of RFC 5322 §2.1.1.
fn line(text: &str) -> String {
    printable(text, 400)
}

/// A part that must stay as it is (RFC 3464 §2: no encoding), so it may only hold short ASCII lines.
fn ascii_part<'a>(kind: &'static str, text: String) -> MimePart<'a> {
    MimePart::new(kind, text.into_bytes()).transfer_encoding("7bit")
}

/// The original's header, as it was when that is ASCII in sane lines, else as a text attachment.
fn original_part(original: &[u8]) -> MimePart<'_> {
    let original = &original[..original.len().min(MAX_ORIGINAL)];
    let lines_fit = original.split(|&b| b == b'\n').all(|l| l.len() <= 998);
    let text = String::from_utf8_lossy(original);
    if original.is_ascii() && lines_fit && !original.contains(&0) {
        let crlf = text
            .replace("\r\n", "\n")
            .replace('\r', "")
            .replace('\n', "\r\n");
        return ascii_part("text/rfc822-headers", crlf);
    }
    MimePart::new("text/plain", text.into_owned()).attachment("original.txt")
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

    fn written(subject: &str, text: &str, reason: &str, original: &[u8]) -> Vec<u8> {
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
                action: Action::Failed,
                status: "5.1.1".into(),
                reason: reason.into(),
            }],
            original: Some(original),
        })
    }

    #[test]
    fn a_failure_is_a_delivery_report() {
        let bytes = written(
            "Not sent: hello",
            "It was not sent.",
            "no such number",
            b"Subject: hello\r\n",
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
        assert!(text.contains("Final-Recipient: rfc822; +15551234567@sms.example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
        assert!(text.contains("Auto-Submitted: auto-replied\r\n"));
        assert!(text.contains("Subject: hello\r\n"));
    }

    proptest! {
        #[test]
        fn nothing_breaks_a_header(subject in "\\PC{0,30}|[\r\n\t\0 -~]{0,60}", text: String, reason: String, original: Vec<u8>) {
            let names = |bytes: &[u8]| {
                let mail = MessageParser::default().parse(bytes).expect("a mail");
                mail.headers().iter().map(|h| h.name().to_owned()).collect::<Vec<_>>()
            };
            let plain = names(&written("s", "t", "r", b"o"));
            prop_assert_eq!(names(&written(&subject, &text, &reason, &original)), plain);
        }
    }
}
