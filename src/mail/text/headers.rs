//! What the header fields of a mail mean to us.
//!
//! Only the fields read here reach mail-parser, each once, all within the limits that
//! `scan` has checked. Says what the fields say; decides nothing.

use std::borrow::Cow;

use mail_parser::{HeaderName, MessageParser};

use super::raw::{RawMail, push_folded};
use super::{AutoSubmitted, Unreadable, decode, guarded};
use crate::mail::LOOP_HEADER;

/// Message-IDs of References that are kept: the first, and the last ones.
const MAX_REFERENCES: usize = 50;
/// Octets of a Message-ID; RFC 5322 allows a line of 998.
const MAX_ID: usize = 998;

/// Fields with structure or encoded words, decoded.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub subject: String,
    pub from: Option<(String, String)>,
    pub message_id: Option<String>,
    pub references: Vec<String>,
    pub in_reply_to: Option<String>,
}

pub(super) fn decode(mail: &RawMail) -> Result<Decoded, Unreadable> {
    let mut block = Vec::new();
    for name in ["Subject", "From", "Message-ID", "References", "In-Reply-To"] {
        if let Some(value) = mail.header(name) {
            block.extend_from_slice(name.as_bytes());
            block.extend_from_slice(b": ");
            push_folded(&mut block, decode::guess(&within_words(value)).as_bytes());
            block.extend_from_slice(b"\r\n");
        }
    }
    block.extend_from_slice(b"\r\n");
    guarded(|| {
        let Some(message) = MessageParser::default().parse_headers(&block) else {
            return Decoded::default();
        };
        let ids = |name: HeaderName<'_>| -> Vec<String> {
            let value = message
                .header(name)
                .and_then(|value| value.as_text_list())
                .unwrap_or_default();
            value
                .iter()
                .map(|id| one_line(id))
                .filter(|id| !id.is_empty() && id.len() <= MAX_ID)
                .collect()
        };
        let from = message.from().and_then(|from| from.first());
        Decoded {
            subject: one_line(message.subject().unwrap_or_default()),
            from: from.and_then(|from| {
                let name = one_line(from.name().unwrap_or_default());
                Some((name, one_line(from.address()?)))
            }),
            message_id: ids(HeaderName::MessageId).into_iter().next(),
            references: shorten(ids(HeaderName::References)),
            in_reply_to: ids(HeaderName::InReplyTo).into_iter().next(),
        }
    })
}

/// The subject alone, decoded, in one line; `None`: it has none, or one that cannot be read.
pub fn subject(mail: &RawMail) -> Option<String> {
    let subject = decode(mail).ok()?.subject;
    (!subject.is_empty()).then_some(subject)
}

/// The value with the raw octets inside of encoded words as RFC 2047 §4.2 wants them: they are of the word's
/// charset, not of the field's.
fn within_words(value: &[u8]) -> Cow<'_, [u8]> {
    if value.is_ascii() || !value.windows(2).any(|pair| pair == b"=?") {
        return Cow::Borrowed(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = rest.windows(2).position(|pair| pair == b"=?") {
        out.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        // =?charset?Q?text?=
        let mut marks = rest.iter().enumerate().filter(|(_, b)| **b == b'?');
        let ends = (marks.next(), marks.next(), marks.next(), marks.next());
        let (Some(_), Some(_), Some((text, _)), Some((end, _))) = ends else {
            break;
        };
        let is_q = rest[text - 1].eq_ignore_ascii_case(&b'q');
        for &octet in &rest[..=end] {
            match octet.is_ascii() || !is_q {
                true => out.push(octet),
                false => out.extend_from_slice(format!("={octet:02X}").as_bytes()),
            }
        }
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Names (may be empty) and addresses of all To and Cc, decoded.
pub(super) fn addressees(mail: &RawMail) -> Result<Vec<(String, String)>, Unreadable> {
    let is_theirs =
        |name: &[u8]| name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"Cc");
    let mut all = Vec::new();
    for (_, value) in mail.headers.iter().filter(|(name, _)| is_theirs(name)) {
        let mut block = b"To: ".to_vec();
        push_folded(&mut block, decode::guess(value).as_bytes());
        block.extend_from_slice(b"\r\n\r\n");
        all.extend(guarded(|| {
            let message = MessageParser::default().parse_headers(&block);
            let to = message.as_ref().and_then(|message| message.to());
            let one = |to: &mail_parser::Addr<'_>| {
                let name = one_line(to.name().unwrap_or_default());
                let address = one_line(to.address()?);
                // A quoted local part without <> is a name to mail-parser.
                match address.strip_prefix('@') {
                    Some(domain) => Some((String::new(), format!("{name}@{domain}"))),
                    None => Some((name, address)),
                }
            };
            let all = to.into_iter().flat_map(|to| to.iter());
            all.filter_map(one).collect::<Vec<_>>()
        })?);
    }
    Ok(all)
}

fn shorten(mut ids: Vec<String>) -> Vec<String> {
    if ids.len() > MAX_REFERENCES {
        ids.drain(1..=ids.len() - MAX_REFERENCES);
    }
    ids
}

/// Words apart by one blank, no control characters.
fn one_line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A field as it is, in one line.
pub(super) fn plain(mail: &RawMail, name: &str) -> Option<String> {
    mail.header(name)
        .map(|value| one_line(&decode::guess(value)))
        .filter(|value| !value.is_empty())
}

/// The first word of a field, lower case: up to a blank, a comment or a parameter.
fn keyword(mail: &RawMail, name: &str) -> String {
    let value = plain(mail, name).unwrap_or_default().to_ascii_lowercase();
    let end = value
        .find(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | ','))
        .unwrap_or(value.len());
    value[..end].to_owned()
}

/// `X-Priority: 1` or `2`, `X-MSMail-Priority: high`, `Importance: high`, `Priority: urgent` (RFC 2156).
pub(super) fn is_high_priority(mail: &RawMail) -> bool {
    matches!(keyword(mail, "X-Priority").as_str(), "1" | "2")
        || keyword(mail, "X-MSMail-Priority") == "high"
        || keyword(mail, "Importance") == "high"
        || keyword(mail, "Priority") == "urgent"
}

/// Whether a receipt is asked for: RFC 8098 §2.1, and what older programs write.
pub(super) fn wants_receipt(mail: &RawMail) -> bool {
    [
        "Disposition-Notification-To",
        "Return-Receipt-To",
        "X-Confirm-Reading-To",
    ]
    .iter()
    .any(|name| plain(mail, name).is_some())
}

/// RFC 3834 §5; a keyword nobody knows is some machine's. Older answering machines have fields of their own.
pub(super) fn auto_submitted(mail: &RawMail) -> AutoSubmitted {
    if is_automatic_answer(mail) {
        return AutoSubmitted::Replied;
    }
    match keyword(mail, "Auto-Submitted").as_str() {
        "" | "no" => AutoSubmitted::No,
        "auto-replied" => AutoSubmitted::Replied,
        _ => AutoSubmitted::Generated,
    }
}

/// Fields that answering machines set, and nobody else.
const ANSWERING: [&str; 8] = [
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Response",
    "X-Autoreply-From",
    "X-Mail-Autoreply",
    "X-Vacation",
];

/// What said that it answers by itself before RFC 3834, or does without it. `Precedence: bulk` alone says less:
/// cron says it, too, so the mail must be an answer beside that, and of no list. A mail that says of itself that it
/// is generated and no answer is believed.
fn is_automatic_answer(mail: &RawMail) -> bool {
    let says = |name: &str, words: &[&str]| words.contains(&keyword(mail, name).as_str());
    let machine = |name: &&str| {
        let value = keyword(mail, name);
        !matches!(value.as_str(), "" | "no" | "none" | "false" | "0")
    };
    let precedence = ["Precedence", "X-Precedence", "Preference"];
    let replies = [
        "auto_reply",
        "auto-reply",
        "auto_replied",
        "auto-replied",
        "autoreply",
    ];
    if ANSWERING.iter().any(machine)
        || precedence.iter().any(|name| says(name, &replies))
        || says("X-Autogenerated", &["reply"])
        || says("Delivered-To", &["autoresponder"])
    {
        return true;
    }
    if has_list_field(mail) || says("Auto-Submitted", &["auto-generated"]) {
        return false;
    }
    let subject = plain(mail, "Subject")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let answers = mail.header("In-Reply-To").is_some()
        || ["re:", "auto:", "aw:"]
            .iter()
            .any(|start| subject.starts_with(start));
    says("Precedence", &["junk"]) || says("Precedence", &["bulk", "list"]) && answers
}

/// Whether the mail is one that we made.
pub(super) fn is_own(mail: &RawMail) -> bool {
    mail.header(LOOP_HEADER).is_some() || mail.header("X-SMS-Gateway").is_some()
}

/// `List-*` (RFC 2369, RFC 2919) or `Precedence: bulk`, `list`, `junk`.
pub fn is_list(mail: &RawMail) -> bool {
    has_list_field(mail)
        || matches!(
            keyword(mail, "Precedence").as_str(),
            "bulk" | "list" | "junk"
        )
}

fn has_list_field(mail: &RawMail) -> bool {
    let is_list_field = |name: &[u8]| {
        name.get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"list-"))
    };
    mail.headers.iter().any(|(name, _)| is_list_field(name))
}

/// The header without the fields in which a password or a token of an address may stand, written in whatever
/// way: for what we send, and to whomever (threats T23).
pub fn without_secrets(mail: &RawMail) -> Vec<(Vec<u8>, Vec<u8>)> {
    let fields = mail.headers.iter();
    let harmless = fields.filter(|(_, value)| !may_hold_secret(value));
    harmless.cloned().collect()
}

fn may_hold_secret(value: &[u8]) -> bool {
    let text = decode::guess(value);
    let encoded = text.contains("=?").then(|| {
        let mut field = b"Subject: ".to_vec();
        push_folded(&mut field, text.as_bytes());
        field.extend_from_slice(b"\r\n\r\n");
        guarded(|| {
            let parsed = MessageParser::default().parse_headers(&field);
            parsed.and_then(|mail| mail.subject().map(str::to_owned))
        })
    });
    names_secret(&text)
        || match encoded {
            None => false,
            Some(Ok(decoded)) => decoded.is_some_and(|decoded| names_secret(&decoded)),
            // Nobody knows what is in it.
            Some(Err(_)) => true,
        }
}

/// `pass=` or `token=`: folded, quoted, or with the `=` as URLs, xtext (RFC 3461 §4) and RFC 2045 write it.
fn names_secret(text: &str) -> bool {
    let is_said = |c: &char| !c.is_whitespace() && !matches!(c, '\\' | '"');
    let said: String = text.chars().filter(is_said).collect();
    let said = said.to_ascii_lowercase();
    ["pass", "token"].iter().any(|name| {
        said.match_indices(name).any(|(at, _)| {
            let rest = &said[at + name.len()..];
            ["=", "%3d", "+3d"]
                .iter()
                .any(|sign| rest.starts_with(sign))
        })
    })
}

/// RFC 2156 §2.3.1.3: `private`, and `company-confidential`, which means no less.
pub(super) fn is_private(mail: &RawMail) -> bool {
    matches!(
        keyword(mail, "Sensitivity").as_str(),
        "private" | "company-confidential" | "personal"
    )
}

/// A `Sensitivity` that no standard knows, as it is: somebody meant something by it.
pub(super) fn strange_sensitivity(mail: &RawMail) -> Option<String> {
    let is_known =
        is_private(mail) || matches!(keyword(mail, "Sensitivity").as_str(), "" | "normal");
    plain(mail, "Sensitivity").filter(|_| !is_known)
}

/// Whether the word stands in the subject, whole and in any case.
pub(super) fn has_word(subject: &str, word: &str) -> bool {
    let word = word.trim().to_lowercase();
    let subject = subject.to_lowercase();
    let is_inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !word.is_empty()
        && subject.match_indices(&word).any(|(at, found)| {
            !is_inside(subject[..at].chars().next_back())
                && !is_inside(subject[at + found.len()..].chars().next())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(header: &str) -> RawMail {
        RawMail::from_bytes(header.as_bytes())
    }

    #[test]
    fn encoded_words_and_addresses() {
        for (from, name, address) in [
            ("ann@example.com", "", "ann@example.com"),
            (
                "Ann Smith <ann@example.com>",
                "Ann Smith",
                "ann@example.com",
            ),
            (
                "\"Smith, Ann\" <ann@example.com>, bob@example.com",
                "Smith, Ann",
                "ann@example.com",
            ),
            (
                "=?iso-8859-2?Q?Jan_Nov=E1k?= <jan@example.cz>",
                "Jan Novák",
                "jan@example.cz",
            ),
            ("ann@example.com (Ann)", "Ann", "ann@example.com"),
        ] {
            let found = decode(&mail(&format!("From: {from}\n\n")))
                .expect("no panic")
                .from;
            assert_eq!(found, Some((name.to_owned(), address.to_owned())), "{from}");
        }
        for (subject, expected) in [
            ("plain", "plain"),
            ("two\n  lines", "two lines"),
            ("=?utf-8?B?w6nDqQ==?= =?utf-8?Q?_x?=", "éé x"),
            ("=?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
            ("=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x"),
        ] {
            assert_eq!(
                decode(&mail(&format!("Subject: {subject}\n\n")))
                    .expect("no panic")
                    .subject,
                expected
            );
        }
        let raw = RawMail {
            headers: vec![(b"subject".to_vec(), b"caf\xe9".to_vec())],
            ..RawMail::default()
        };
        assert_eq!(decode(&raw).expect("no panic").subject, "café");
        for (subject, expected) in [
            (&b"=?iso-8859-1?Q?caf\xe9?="[..], "café"),
            (b"a \xe9 =?iso-8859-2?q?\xb9_=E8?= \xe9", "a é š č é"),
            (b"=?utf-8?B?w6k=?= \xc3\xa9", "é é"),
            (b"=?x \xe9", "=?x é"),
        ] {
            let raw = RawMail {
                headers: vec![(b"Subject".to_vec(), subject.to_vec())],
                ..RawMail::default()
            };
            assert_eq!(decode(&raw).expect("no panic").subject, expected);
        }
    }

    #[test]
    fn whom_it_is_to() {
        for (to, expected) in [
            ("sms@example.com", "<sms@example.com>"),
            (
                "\"+15551234567\" <sms@example.com>",
                "+15551234567<sms@example.com>",
            ),
            (
                "+15551234567 <sms@example.com>",
                "+15551234567<sms@example.com>",
            ),
            (
                "+1 555 123-4567 <sms@example.com>",
                "+1 555 123-4567<sms@example.com>",
            ),
            // Outlook.
            (
                "\"'+15551234567'\" <sms@example.com>",
                "'+15551234567'<sms@example.com>",
            ),
            (
                "'sms@example.com' <sms@example.com>",
                "'sms@example.com'<sms@example.com>",
            ),
            // Thunderbird quotes what has specials.
            (
                "\"(555) 123-4567\" <sms@example.com>",
                "(555) 123-4567<sms@example.com>",
            ),
            (
                "=?UTF-8?Q?+1=C2=A0555=C2=A01234567?= <sms@example.com>",
                "+1 555 1234567<sms@example.com>",
            ),
            (
                "=?utf-8?B?KzE1NTUxMjM0NTY3?= <sms@example.com>",
                "+15551234567<sms@example.com>",
            ),
            (
                "sms@example.com (+15551234567)",
                "+15551234567<sms@example.com>",
            ),
            (
                "SMS: \"+15551234567\"\n <sms@example.com>, bob@example.com;",
                "+15551234567<sms@example.com> <bob@example.com>",
            ),
            ("\"sms?flash=1\"@example.com", "<sms?flash=1@example.com>"),
            (
                "\"+15551234567\" <\"sms?flash=1\"@example.com>",
                "+15551234567<\"sms?flash=1\"@example.com>",
            ),
        ] {
            let read = addressees(&mail(&format!("To: {to}\n\n"))).expect("no panic");
            let shown: Vec<_> = read.iter().map(|(n, a)| format!("{n}<{a}>")).collect();
            assert_eq!(shown.join(" "), expected, "{to}");
        }
        let two = mail("To: a@b\ncc: c@d\nBcc: e@f\nTO: g@h\n\n");
        let read = addressees(&two).expect("no panic");
        assert_eq!(
            read.iter().map(|(_, a)| a.as_str()).collect::<Vec<_>>(),
            ["a@b", "c@d", "g@h"]
        );
    }

    #[test]
    fn threads() {
        let ids: String = (0..80).map(|n| format!("<{n}@x>\n ")).collect();
        let found = decode(&mail(&format!(
            "Message-Id: <a@b>\nReferences: {ids}<z@x>\nIn-Reply-To: <z@x> (of today)\n\n"
        )));
        let found = found.expect("no panic");
        assert_eq!(
            (found.message_id.as_deref(), found.in_reply_to.as_deref()),
            (Some("a@b"), Some("z@x"))
        );
        assert_eq!(found.references.len(), MAX_REFERENCES);
        assert_eq!(
            (found.references[0].as_str(), found.references[49].as_str()),
            ("0@x", "z@x")
        );
    }

    #[test]
    fn flags() {
        for (header, expected) in [
            ("X-Priority: 1 (Highest)", true),
            ("X-Priority: 3", false),
            ("X-Priority: 10", false),
            ("X-MSMail-Priority: High", true),
            ("X-MSMail-Priority: Normal", false),
            ("importance: High", true),
            ("Priority: urgent", true),
            ("Priority: normal", false),
        ] {
            assert_eq!(
                is_high_priority(&mail(&format!("{header}\n\n"))),
                expected,
                "{header}"
            );
        }
        for (header, expected) in [
            ("Auto-Submitted: no", AutoSubmitted::No),
            ("X: y", AutoSubmitted::No),
            (
                "Auto-Submitted: auto-replied (vacation)",
                AutoSubmitted::Replied,
            ),
            (
                "Auto-Submitted: Auto-Generated; x=y",
                AutoSubmitted::Generated,
            ),
            ("Auto-Submitted: auto-notified", AutoSubmitted::Generated),
            ("Precedence: bulk", AutoSubmitted::No),
            (
                "Precedence: bulk\nAuto-Submitted: auto-generated",
                AutoSubmitted::Generated,
            ),
            (
                "Precedence: bulk\nIn-Reply-To: <x@y>",
                AutoSubmitted::Replied,
            ),
            ("Precedence: list\nSubject: Re: x", AutoSubmitted::Replied),
            (
                "Precedence: list\nSubject: Re: x\nList-Id: <x>",
                AutoSubmitted::No,
            ),
            ("Precedence: junk", AutoSubmitted::Replied),
            ("Precedence: junk\nList-Id: <x>", AutoSubmitted::No),
            ("X-Autoreply: yes", AutoSubmitted::Replied),
            ("X-Autorespond: Re: x", AutoSubmitted::Replied),
            ("X-Autoreply: no", AutoSubmitted::No),
            (
                "Auto-Submitted: auto-generated\nX-Precedence: auto_reply",
                AutoSubmitted::Replied,
            ),
        ] {
            assert_eq!(
                auto_submitted(&mail(&format!("{header}\n\n"))),
                expected,
                "{header}"
            );
        }
        assert!(is_list(&mail("List-Id: <x>\n\n")) && is_list(&mail("Precedence: Bulk\n\n")));
        assert!(!is_list(&mail("Listen: x\nPrecedence: first\n\n")));
        assert!(is_own(&mail("x-sms-milter: 1\n\n")) && !is_own(&mail("X: 1\n\n")));
        for (header, expected) in [
            ("Sensitivity: Private", true),
            ("Sensitivity: personal", true),
            ("Sensitivity: Company-Confidential (x)", true),
            ("Sensitivity: normal", false),
            ("X: private", false),
        ] {
            assert_eq!(
                is_private(&mail(&format!("{header}\n\n"))),
                expected,
                "{header}"
            );
        }
        for (header, expected) in [
            ("Disposition-Notification-To: ann@example.com", true),
            ("return-receipt-to: <ann@example.com>", true),
            ("X-Confirm-Reading-To: ann@example.com", true),
            ("Disposition-Notification-To:", false),
            ("Disposition-Notification-Options: x", false),
        ] {
            assert_eq!(
                wants_receipt(&mail(&format!("{header}\n\n"))),
                expected,
                "{header}"
            );
        }
    }

    #[test]
    fn fields_with_secrets_are_left_out() {
        for (value, stays) in [
            (
                "\"sms:+15551234567?user=ann&pass=hunter2\"@example.com",
                false,
            ),
            ("+15551234567?TOKEN=abc@sms.example.com", false),
            ("<sms:+1555?pa\r\n ss=hunter2@example.com>", false),
            ("\"sms:+1555?p\\ass=hunter2\"@example.com", false),
            (
                "from x by y for <sms:+1555?user=a&pass=b@example.com>; today",
                false,
            ),
            ("rfc822;sms:+2B1555?pass+3Dhunter2@example.com", false),
            (
                "=?utf-8?Q?sms:+1555=3Fpass=3Dhunter2?= <x@example.com>",
                false,
            ),
            ("=?utf-8?B?cGFzcz1odW50ZXIy?= <x@example.com>", false),
            ("spf=pass smtp.mailfrom=x", true),
            ("ann@example.com", true),
            ("=?utf-8?Q?J=C3=B6rg?= <j@example.com>", true),
        ] {
            let mail = RawMail {
                headers: vec![(b"X".to_vec(), value.as_bytes().to_vec())],
                ..RawMail::default()
            };
            assert_eq!(without_secrets(&mail).len() == 1, stays, "{value}");
        }
    }

    #[test]
    fn words() {
        for (subject, expected) in [
            ("Confirm", true),
            ("please CONFIRM, now", true),
            ("unconfirmed", false),
            ("reconfirm confirm", true),
            ("confirmed", false),
        ] {
            assert_eq!(has_word(subject, "confirm"), expected, "{subject}");
        }
        assert!(has_word("BESTÄTIGEN!", "bestätigen") && !has_word("x", " "));
    }
}
