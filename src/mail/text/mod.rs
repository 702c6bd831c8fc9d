//! A mail's text, made ready to be an SMS.
//!
//! `read` takes a mail as octets and gives the text and what the header says about
//! it. No IO, no clock, no network; files are counted and never opened. Whatever the
//! mail holds: linear time, memory of a few times `max_message`, no panic.
//!
//! `scan` bounds and cuts the mail into parts, `decode` makes text of a part, `body`
//! chooses, `html` and `flowed` set it, `calendar` and `cards` make a line of what is no
//! text, `quotes` cuts history and signature, `tidy` folds, `template` shapes. mail-parser and html2text only ever see what has been
//! bounded, and a panic in them is an answer, not a crash.

mod body;
mod calendar;
mod cards;
mod decode;
mod flowed;
mod headers;
mod html;
mod quotes;
mod raw;
mod scan;
mod template;
mod tidy;
mod times;

use std::panic::{AssertUnwindSafe, catch_unwind};

use regex::Regex;

use super::thread::Thread;
use super::words::Words;

pub use headers::{is_list, subject, without_secrets};
pub use raw::RawMail;
pub use times::moment;

/// Octets of text that are read. The longest message, 128 segments, is 20 KiB.
const MAX_TEXT: usize = 128 << 10;

/// `text:` of the configuration, as far as it makes text of a mail.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the SMS says; see [`Settings::check_template`].
    pub template: String,
    /// Cut the mail that is answered.
    pub strip_quotes: bool,
    /// Cut from `-- ` on, and what phones write below a mail.
    pub strip_signature: bool,
    /// The text ends where the first of these matches.
    pub cut_at: Vec<Regex>,
    /// What becomes of files.
    pub attachments: Attachments,
    /// High priority asks for a flash SMS.
    pub flash_on_priority: bool,
    /// In the subject it asks for a confirmation; empty: never.
    pub confirm_word: String,
    /// What is added to the sender's words, in the sender's language.
    pub words: Words,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            template: "{body}".into(),
            strip_quotes: true,
            strip_signature: true,
            cut_at: Vec::new(),
            attachments: Attachments::Mention,
            flash_on_priority: true,
            confirm_word: "confirm".into(),
            words: Words::default(),
        }
    }
}

impl Settings {
    /// What is wrong with a template, and what to write instead. Fields: `{body}`
    /// `{subject}` `{from}` `{from_name}` `{size}` `{date}`; `{{` is a brace.
    pub fn check_template(template: &str) -> Result<(), String> {
        template::check(template)
    }
}

/// `text.attachments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachments {
    /// Say nothing.
    Ignore,
    /// Add `[2 files]`.
    Mention,
    /// Refuse the mail.
    Refuse,
}

/// `Auto-Submitted`, RFC 3834.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// A person wrote it, as far as it says.
    #[default]
    No,
    /// A machine wrote it: cron, monitoring.
    Generated,
    /// A machine answers: never to be answered, never to be sent as SMS.
    Replied,
}

/// What a mail says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MailText {
    /// The text to send: template applied, trimmed, lines end in LF.
    pub text: String,
    /// Decoded, one line.
    pub subject: String,
    /// Name (may be empty) and address of the first author, decoded.
    pub from: Option<(String, String)>,
    /// Without the angle brackets.
    pub message_id: Option<String>,
    /// Without the angle brackets; the oldest first.
    pub references: Vec<String>,
    /// Without the angle brackets.
    pub in_reply_to: Option<String>,
    /// `Thread-Index` as it is: what Outlook goes by.
    pub thread_index: Option<String>,
    /// `X-Priority: 1` or `2`, `X-MSMail-Priority: high`, `Importance: high` or `Priority: urgent`, and the
    /// settings make that a flash SMS.
    pub flash: bool,
    /// The confirm word is in the subject.
    pub confirm: bool,
    /// A receipt is asked for (`Disposition-Notification-To`, `Return-Receipt-To`).
    pub receipt_requested: bool,
    /// Whether a machine wrote it.
    pub auto_submitted: AutoSubmitted,
    /// The mail is one of ours.
    pub own_loop: bool,
    /// It comes from a mailing list or goes to very many.
    pub list: bool,
    /// `Sensitivity: private`: the text must reach no log and no dashboard.
    pub private: bool,
    /// `Sensitivity` as it is, where it is none that is known.
    pub strange_sensitivity: Option<String>,
    /// `Date` as it is.
    pub date: Option<String>,
    /// `Deferred-Delivery` as it is: when to send; [`moment`] reads it.
    pub deferred_delivery: Option<String>,
    /// `Expires` or `Expiry-Date` as it is: when to give up; [`moment`] reads it.
    pub expires: Option<String>,
    /// Files the mail carries.
    pub attachments: usize,
    /// What was done to the text that its sender may want to know.
    pub notes: Vec<String>,
    /// What another template would be filled with; `None`: it is no mail, and none shapes it.
    pub matter: Option<Matter>,
    /// Why `text` is empty, of a mail that was read by [`read_for_rules`].
    pub flaw: Option<Unreadable>,
}

/// What a template is filled with, beside the subject.
#[derive(Clone, PartialEq, Eq)]
pub struct Matter {
    /// What was written, or why nobody can read it.
    pub text: Result<String, Unreadable>,
    /// `[2 files]`, or nothing.
    pub files: String,
    /// The first author's address.
    pub from: String,
    /// Their name, else the address.
    pub from_name: String,
    /// The mail's size, for people.
    pub size: String,
    /// `Date` as it is.
    pub date: String,
}

impl MailText {
    /// The text in the shape of a template; as it is when it is no mail's.
    pub fn shaped(&self, template: &str) -> Result<String, Unreadable> {
        match &self.matter {
            Some(matter) => matter.fill(template, &self.subject),
            None => Ok(self.text.clone()),
        }
    }

    /// The conversation it stands in.
    pub fn thread(&self) -> Thread {
        let (answered, index) = (self.in_reply_to.as_deref(), self.thread_index.as_deref());
        Thread::of_mail(&self.references, answered, index)
    }
}

// Neither text nor subject reaches a log by accident.
impl std::fmt::Debug for MailText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailText")
            .field(
                "text",
                &format_args!("<{} chars>", self.text.chars().count()),
            )
            .field("message_id", &self.message_id)
            .field("attachments", &self.attachments)
            .finish_non_exhaustive()
    }
}

/// Why there is no text to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Containers nested more than 20 deep.
    #[error("parts nested too deep")]
    TooDeep,
    /// More than 100 parts.
    #[error("too many parts")]
    TooManyParts,
    /// A header of more than 256 KiB.
    #[error("header too big")]
    HeadersTooBig,
    /// More than 1,000 fields, or 100 parameters of one.
    #[error("too many header fields")]
    TooManyHeaders,
    /// The text was not whole within `milter.max_message`.
    #[error("text not whole within max_message")]
    Truncated,
    /// No text: only files, or nothing.
    #[error("no text")]
    Empty,
    /// Only the recipient's key opens it.
    #[error("encrypted")]
    Encrypted,
    /// Signed, but the text lies inside the signature (S/MIME `signed-data`).
    #[error("sealed in its signature")]
    Sealed,
    /// It carries files, and `text.attachments` is `refuse`.
    #[error("attachments refused")]
    AttachmentsRefused,
    /// A library panicked on it.
    #[error("parser failed")]
    Parser,
}

impl Unreadable {
    /// What a mail says of it, by its key in the catalogue.
    pub fn key(&self) -> &'static str {
        match self {
            Unreadable::TooDeep => "refused-too-deep",
            Unreadable::TooManyParts => "refused-too-many-parts",
            Unreadable::HeadersTooBig | Unreadable::TooManyHeaders => "refused-long-header",
            Unreadable::Truncated => "refused-too-big",
            Unreadable::Empty => "refused-no-text",
            Unreadable::Encrypted => "refused-encrypted",
            Unreadable::Sealed => "refused-sealed",
            Unreadable::AttachmentsRefused => "refused-files",
            Unreadable::Parser => "refused-damaged",
        }
    }

    /// The SMTP reply: code, enhanced status code (RFC 3463), one line for people.
    pub fn reply(&self) -> (u16, &'static str, String) {
        let (code, enhanced, text) = match self {
            Unreadable::TooDeep => (
                554,
                "5.6.0",
                "This mail has too many mails inside each other to be sent as SMS",
            ),
            Unreadable::TooManyParts => (
                554,
                "5.6.0",
                "This mail has too many parts to be sent as SMS",
            ),
            Unreadable::HeadersTooBig | Unreadable::TooManyHeaders => (
                554,
                "5.6.0",
                "The header of this mail is too long to be sent as SMS",
            ),
            Unreadable::Truncated => (
                552,
                "5.3.4",
                "This mail is too big: its text comes too late to be sent as SMS",
            ),
            Unreadable::Empty => (
                554,
                "5.6.0",
                "This mail has no text that could be sent as SMS",
            ),
            Unreadable::Encrypted => (
                554,
                "5.6.1",
                "This mail is encrypted: an SMS needs plain text",
            ),
            Unreadable::Sealed => (
                554,
                "5.6.1",
                "The text of this mail lies inside its signature: sign as clear text",
            ),
            Unreadable::AttachmentsRefused => (
                554,
                "5.6.1",
                "Files cannot be sent as SMS: send the text alone",
            ),
            Unreadable::Parser => (
                554,
                "5.6.0",
                "This mail is damaged and cannot be sent as SMS",
            ),
        };
        (code, enhanced, text.to_owned())
    }
}

/// The mail's text and what its header says.
pub fn read(mail: &RawMail, settings: &Settings) -> Result<MailText, Unreadable> {
    let read = read_for_rules(mail, settings)?;
    match read.flaw {
        Some(why) => Err(why),
        None => Ok(read),
    }
}

/// The same of a mail of which the template makes no text: one of a rule may.
pub fn read_for_rules(mail: &RawMail, settings: &Settings) -> Result<MailText, Unreadable> {
    let parts = scan::parts(mail)?;
    let head = headers::decode(mail)?;
    let invitation = body::invitation(mail, &parts, &settings.words);
    let mut attachments = body::attachments(&parts, invitation.is_some());
    if attachments > 0 && settings.attachments == Attachments::Refuse {
        return Err(Unreadable::AttachmentsRefused);
    }
    let mut notes = Vec::new();
    let text = match invitation {
        Some(line) => Ok(tidy::fold(&line)),
        None => text(mail, &parts, &head.subject, settings, &mut notes).map(|(text, cards)| {
            attachments -= cards.min(attachments);
            text
        }),
    };
    if !template::uses(&settings.template, "body") {
        // None of it is sent.
        notes.clear();
    }
    let matter = matter(mail, settings, &head, text, attachments);
    // "You have new mail" needs no text, and tells of encrypted mails too.
    let (text, flaw) = match matter.fill(&settings.template, &head.subject) {
        Ok(text) => (text, None),
        Err(why) => (String::new(), Some(why)),
    };
    Ok(MailText {
        text,
        flaw,
        matter: Some(matter),
        flash: headers::is_high_priority(mail) && settings.flash_on_priority,
        confirm: headers::has_word(&head.subject, &settings.confirm_word),
        receipt_requested: headers::wants_receipt(mail),
        auto_submitted: headers::auto_submitted(mail),
        own_loop: headers::is_own(mail),
        list: headers::is_list(mail),
        private: headers::is_private(mail),
        strange_sensitivity: headers::strange_sensitivity(mail),
        date: headers::plain(mail, "Date"),
        deferred_delivery: headers::plain(mail, "Deferred-Delivery"),
        expires: headers::plain(mail, "Expires").or_else(|| headers::plain(mail, "Expiry-Date")),
        subject: head.subject,
        from: head.from,
        message_id: head.message_id,
        references: head.references,
        in_reply_to: head.in_reply_to,
        thread_index: headers::plain(mail, "Thread-Index"),
        attachments,
        notes,
    })
}

/// What the header says of a mail whose text is not asked for: there may be none.
pub fn head(mail: &RawMail) -> Result<MailText, Unreadable> {
    scan::parts(mail)?;
    let head = headers::decode(mail)?;
    Ok(MailText {
        auto_submitted: headers::auto_submitted(mail),
        own_loop: headers::is_own(mail),
        list: headers::is_list(mail),
        private: headers::is_private(mail),
        subject: head.subject,
        from: head.from,
        message_id: head.message_id,
        references: head.references,
        in_reply_to: head.in_reply_to,
        thread_index: headers::plain(mail, "Thread-Index"),
        ..MailText::default()
    })
}

/// Names (may be empty) and addresses of To and Cc. For a mail that [`read`] has read: it has bounded it.
pub fn addressees(mail: &RawMail) -> Result<Vec<(String, String)>, Unreadable> {
    headers::addressees(mail)
}

/// What was written in the mail, without all that the settings cut; and how many cards of it are named.
fn text(
    mail: &RawMail,
    parts: &[scan::Part],
    subject: &str,
    settings: &Settings,
    notes: &mut Vec<String>,
) -> Result<(String, usize), Unreadable> {
    let strip = quotes::Strip {
        quotes: settings.strip_quotes,
        signature: settings.strip_signature,
    };
    let strip_html = quotes::Strip {
        quotes: strip.quotes && !quotes::is_forward(subject),
        ..strip
    };
    let body = body::body(mail, parts, strip_html);
    if let Some(why) = body::sealed(parts, &body.text) {
        return Err(why);
    }
    let is_blank = body.text.chars().all(tidy::is_invisible);
    if !body.is_whole || mail.truncated && is_blank {
        return Err(Unreadable::Truncated);
    }
    if body.is_cut {
        notes.push(format!(
            "only the first {} KiB of the text were read",
            MAX_TEXT >> 10
        ));
    }
    let text = quotes::strip(&tidy::without_armour(&body.text), strip, subject);
    let end = settings
        .cut_at
        .iter()
        .filter_map(|regex| regex.find(&text))
        .map(|found| found.start())
        .min();
    let text = tidy::fold(&text[..end.unwrap_or(text.len())]);
    Ok((text, body.cards))
}

/// What templates are filled with.
fn matter(
    mail: &RawMail,
    settings: &Settings,
    head: &headers::Decoded,
    text: Result<String, Unreadable>,
    attachments: usize,
) -> Matter {
    let mention = settings.attachments == Attachments::Mention && attachments > 0;
    let (name, address) = head.from.as_ref().map_or(("", ""), |(name, address)| {
        (name.as_str(), address.as_str())
    });
    Matter {
        text,
        files: match mention {
            true => format!(
                "[{}]",
                settings
                    .words
                    .say("text-files", &[("count", attachments.into())])
            ),
            false => String::new(),
        },
        from: address.to_owned(),
        from_name: if name.is_empty() { address } else { name }.to_owned(),
        size: size(mail),
        date: headers::plain(mail, "Date").unwrap_or_default(),
    }
}

impl Matter {
    /// The template with the fields in their places.
    fn fill(&self, template: &str, subject: &str) -> Result<String, Unreadable> {
        let uses = |field| template::uses(template, field);
        let mut body = match uses("body") {
            true => self.text.clone()?,
            false => String::new(),
        };
        // Names and dates around nothing are no message; a subject is.
        let subject_says_it = uses("subject") && !subject.is_empty();
        if uses("body") && body.is_empty() && !subject_says_it {
            return Err(Unreadable::Empty);
        }
        if !self.files.is_empty() {
            let blank = if body.is_empty() { "" } else { "\n" };
            body.extend([blank, &self.files]);
        }
        let fields = template::Fields {
            body: &body,
            subject,
            from: &self.from,
            from_name: &self.from_name,
            size: &self.size,
            date: &self.date,
        };
        let text = template::fill(template, &fields).trim().to_owned();
        match text.is_empty() {
            true => Err(Unreadable::Empty),
            false => Ok(text),
        }
    }

    /// Of an SMS that goes on to another phone.
    pub fn of_sms(from: &str, name: &str, text: &str, date: &str) -> Matter {
        Matter {
            text: Ok(text.to_owned()),
            files: String::new(),
            from: from.to_owned(),
            from_name: name.to_owned(),
            size: format!("{} B", text.len()),
            date: date.to_owned(),
        }
    }
}

// Nothing of it reaches a log by accident.
impl std::fmt::Debug for Matter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matter").finish_non_exhaustive()
    }
}

/// The mail's size for people.
fn size(mail: &RawMail) -> String {
    let more = if mail.truncated { ">" } else { "" };
    match mail.size() {
        octets @ 0..1024 => format!("{more}{octets} B"),
        octets @ 1024..1_048_576 => format!("{more}{} KB", octets >> 10),
        octets => format!("{more}{} MB", octets >> 20),
    }
}

/// Runs foreign code; its panic becomes an answer about this mail only.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Unreadable> {
    // What a panic leaves behind is dropped here: nothing is shared with `work`.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Unreadable::Parser)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(mail: &str, settings: &Settings, expected: Result<&str, Unreadable>) {
        let found = read(&RawMail::from_bytes(mail.as_bytes()), settings).map(|mail| mail.text);
        assert_eq!(found.as_deref().map_err(|e| *e), expected, "{mail}");
    }

    const HEAD: &str = "From: Ann Smith <ann@example.com>\nSubject: Server down\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n";

    fn templated(template: &str) -> Settings {
        Settings {
            template: template.into(),
            ..Settings::default()
        }
    }

    #[test]
    fn templates() {
        let mail = format!("{HEAD}\nweb1 {{subject}}\n");
        check(&mail, &templated("{body}"), Ok("web1 {subject}"));
        check(
            &mail,
            &templated("{from_name}: {subject}\n{body} "),
            Ok("Ann Smith: Server down\nweb1 {subject}"),
        );
        check(
            &mail,
            &templated("{from} {date} {size}"),
            Ok("ann@example.com Mon, 5 Jan 2026 10:00:00 +0000 112 B"),
        );
        check("From: a@b\n\nx", &templated("{from_name}"), Ok("a@b"));
        check(
            &format!("{HEAD}\n"),
            &templated("{body}"),
            Err(Unreadable::Empty),
        );
        check(
            &format!("{HEAD}\n"),
            &templated("{from}: {body}"),
            Err(Unreadable::Empty),
        );
        check(
            &format!("{HEAD}\n"),
            &templated("{subject} {body}"),
            Ok("Server down"),
        );
        check("\n", &templated("{subject}"), Err(Unreadable::Empty));
        let sealed = format!("{HEAD}Content-Type: application/pkcs7-mime\n\nx");
        check(&sealed, &templated("{body}"), Err(Unreadable::Encrypted));
        check(
            &sealed,
            &templated("{from_name}: {subject}"),
            Ok("Ann Smith: Server down"),
        );
    }

    #[test]
    fn cuts() {
        let mail = "\nHi\n\n\nThere  \n\nThis e-mail is confidential.\nx\n-- \nAnn";
        let cut = |pattern: &str| Settings {
            cut_at: vec![
                Regex::new("never").expect("valid"),
                Regex::new(pattern).expect("valid"),
            ],
            ..Settings::default()
        };
        check(
            mail,
            &Settings::default(),
            Ok("Hi\n\nThere\n\nThis e-mail is confidential.\nx"),
        );
        check(
            mail,
            &cut("(?m)^This e-mail is confidential"),
            Ok("Hi\n\nThere"),
        );
        check(mail, &cut("^"), Err(Unreadable::Empty));
    }

    #[test]
    fn files() {
        let with = |attachments| Settings {
            attachments,
            ..Settings::default()
        };
        let file = "--b\nContent-Type: application/pdf\n\nx\n";
        let mail = |text: &str, files: usize| {
            format!(
                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n{}--b--",
                file.repeat(files)
            )
        };
        check(
            &mail("Hi", 2),
            &with(Attachments::Mention),
            Ok("Hi\n[2 files]"),
        );
        check(
            &mail("Hi", 1),
            &with(Attachments::Mention),
            Ok("Hi\n[1 file]"),
        );
        check(&mail("Hi", 0), &with(Attachments::Mention), Ok("Hi"));
        check(&mail("Hi", 2), &with(Attachments::Ignore), Ok("Hi"));
        check(
            &mail("Hi", 2),
            &with(Attachments::Refuse),
            Err(Unreadable::AttachmentsRefused),
        );
        check(&mail("Hi", 0), &with(Attachments::Refuse), Ok("Hi"));
        check(
            &mail("", 2),
            &with(Attachments::Mention),
            Err(Unreadable::Empty),
        );
    }

    #[test]
    fn a_truncated_mail() {
        let truncated = |mail: &str| {
            let raw = RawMail {
                truncated: true,
                ..RawMail::from_bytes(mail.as_bytes())
            };
            read(&raw, &Settings::default()).map(|mail| mail.text)
        };
        let head = "Content-Type: multipart/mixed; boundary=b\n\n";
        let (text, pdf) = ("--b\n\nHi\n", "--b\nContent-Type: application/pdf\n\nx");
        assert_eq!(truncated("\nHi"), Err(Unreadable::Truncated));
        assert_eq!(
            truncated(&format!("{head}{text}{pdf}")).as_deref(),
            Ok("Hi\n[1 file]")
        );
        assert_eq!(
            truncated(&format!("{head}{text}")),
            Err(Unreadable::Truncated)
        );
        assert_eq!(truncated(&format!("{head}{text}--b")).as_deref(), Ok("Hi"));
        assert_eq!(
            truncated(&format!("{head}{pdf}")),
            Err(Unreadable::Truncated)
        );
        assert_eq!(
            truncated(&format!("{head}{pdf}\n{text}")),
            Err(Unreadable::Truncated)
        );
    }

    #[test]
    fn what_the_header_says() {
        let mail = RawMail::from_bytes(
            b"Subject: pump 3 CONFIRM\nX-Priority: 1\nSensitivity: private\nDisposition-Notification-To: a@b\n\
              Deferred-Delivery: Mon, 5 Jan 2026 10:00:00 +0000\nExpiry-Date: Tue, 6 Jan 2026 10:00:00 +0000\n\nx",
        );
        let found = read(&mail, &Settings::default()).expect("a text");
        assert!(found.confirm && found.flash && found.private && found.receipt_requested);
        assert!(
            found
                .deferred_delivery
                .is_some_and(|d| d.starts_with("Mon"))
        );
        assert!(found.expires.is_some_and(|d| d.starts_with("Tue")));
        let settings = Settings {
            flash_on_priority: false,
            confirm_word: String::new(),
            ..Settings::default()
        };
        let found = read(&mail, &settings).expect("a text");
        assert!(!found.confirm && !found.flash);
    }

    #[test]
    fn replies_are_for_people() {
        for error in [
            Unreadable::TooDeep,
            Unreadable::TooManyParts,
            Unreadable::HeadersTooBig,
            Unreadable::TooManyHeaders,
            Unreadable::Truncated,
            Unreadable::Empty,
            Unreadable::Encrypted,
            Unreadable::Sealed,
            Unreadable::AttachmentsRefused,
            Unreadable::Parser,
        ] {
            let (code, enhanced, text) = error.reply();
            assert!(
                (500..600).contains(&code) && enhanced.starts_with("5."),
                "{error:?}"
            );
            assert!(
                text.is_ascii() && text.len() < 100 && !text.contains(['\n', '%']),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_panic_is_an_answer() {
        assert_eq!(
            guarded(|| -> () { panic!("on purpose, seen in the output of this test") }),
            Err(Unreadable::Parser)
        );
    }

    proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>, truncated: bool) {
            let mail = RawMail { truncated, ..RawMail::from_bytes(&bytes) };
            let _ = read(&mail, &Settings::default());
        }

        #[test]
        fn any_mail(
            pieces in prop::collection::vec(prop::sample::select(&[
                "Content-Type: ", "multipart/mixed; ", "multipart/alternative; ", "message/rfc822\n", "text/html\n",
                "text/plain; format=flowed; delsp=yes; ", "boundary=b\n", "boundary=\"b b\"\n", "charset=utf-16\n",
                "Content-Transfer-Encoding: base64\n", "Content-Transfer-Encoding: quoted-printable\n", "\n", "\r\n",
                "--b\n", "--b--\n", "--b b\r\n", "From: a@b\n", "Subject: =?utf-8?Q?=\n", "> x\n", "-- \n", "é=C3", "<p>",
                "</div>", "On 1.1. 10:00 a wrote:\n", "\0", "\u{feff}",
                "Content-Type: text/calendar\n", "Content-Type: text/vcard\n", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\n",
                "BEGIN:VCARD\nFN:x\nEND:VCARD\n", "Sent from my iPhone\n", "---------- Forwarded message ---------\n",
                "From: a\nSent: b\nTo: c\n", "<blockquote type=cite>", "<div class=gmail_quote>", "<a href='https://x'>",
            ][..]), 0..40),
            truncated: bool,
        ) {
            let mail = RawMail { truncated, ..RawMail::from_bytes(pieces.concat().as_bytes()) };
            if let Ok(found) = read(&mail, &Settings::default()) {
                prop_assert!(!found.text.is_empty() && found.text.trim() == found.text);
            }
        }
    }
}
