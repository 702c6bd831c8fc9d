//! What of a mail is kept for reports on it, and what of that comes back (spec 7.3; RFC 3461 §4.3, §5.3). Pure.
//!
//! It is kept in the transaction that takes the mail, once for all its messages, so it must be small: what a row
//! of the store holds costs a few microseconds, what is larger a file with two syncs of its own, for every mail
//! that is taken. So
//!
//! * `RET` absent: the fields of the header that a person or a mail program knows the mail by, and the body when
//!   all of it is within [`SHORT`] octets: a mail that was written to be an SMS, nearly always. Of longer ones
//!   the body does not come back; the report's text has what was sent of it, as every report has.
//! * `RET=HDRS`: the whole header.
//! * `RET=FULL`: the whole header and the body, up to [`LARGEST`] octets (as Postfix's `bounce_size_limit`);
//!   beyond that the header.
//!
//! Never kept: fields that may hold a password of an address, body and subject of a mail that is private
//! (`Sensitivity`), anything of a mail about which nobody is told.

use super::cause::Cause;
use crate::mail::dsn::Return;
use crate::mail::report::Returned;
use crate::mail::text::{self, RawMail};
use crate::store::Original;

/// Octets of a mail that stay in one row with all that is around them: base64 makes them 6,700 of 8,192.
pub const SHORT: usize = 5_000;
/// Postfix's `bounce_size_limit`.
pub const LARGEST: usize = 50_000;
/// Octets of a header.
pub const MAX_HEADER: usize = 64 * 1024;

/// Trace and signature fields say nothing to who wrote the mail.
const TELLING: [&str; 15] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Date",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Content-Language",
    "References",
];

/// What of a mail is kept: the octets, and whether the body is among them.
pub fn kept(mail: &RawMail, ret: Option<Return>, private: bool) -> (Vec<u8>, bool) {
    let most = if ret.is_none() { SHORT } else { MAX_HEADER };
    let mut left = most;
    let mut fields = text::without_secrets(mail);
    fields.retain(|(name, value)| {
        let is_telling = |field: &&str| name.eq_ignore_ascii_case(field.as_bytes());
        // ": ", CRLF, and what folding may add.
        let octets = name.len() + value.len() + value.len() / 64 + 8;
        let hidden = private && name.eq_ignore_ascii_case(b"Subject");
        let is_wanted = ret.is_some() || TELLING.iter().any(is_telling);
        let stays = octets <= left && is_wanted && !hidden;
        left -= if stays { octets } else { 0 };
        stays
    });
    let mut kept = RawMail {
        headers: fields,
        ..RawMail::default()
    };
    let room = match ret {
        None => SHORT,
        Some(Return::Full) => LARGEST,
        Some(Return::Headers) => 0,
    };
    let fits = kept.to_bytes().len() + mail.body.len() <= room;
    let whole = fits && !mail.truncated && !private;
    if whole {
        kept.body = mail.body.clone();
    }
    (kept.to_bytes(), whole)
}

/// What of it comes back: all of it with a failure only (RFC 3461 §5.3).
pub(super) fn returned(original: &Original, cause: Cause) -> Returned<'_> {
    match original.whole && cause.is_failure() {
        true => Returned::Whole(&original.bytes),
        false => Returned::Header(header(&original.bytes)),
    }
}

fn header(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(bytes, |end| &bytes[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(body: usize) -> RawMail {
        let field = |name: &str, value: &str| (name.into(), value.into());
        RawMail {
            headers: vec![
                field("Received", "from somewhere"),
                field("From", "ann@example.com"),
                field("To", "\"sms:+1555?pass=secret\"@example.com"),
                field("Subject", "Lunch"),
            ],
            body: b"x\r\n".repeat(body / 3),
            truncated: false,
        }
    }

    #[test]
    fn as_much_is_kept_as_was_asked_and_fits() {
        let check = |body: usize, ret, private, fields: usize, whole: bool| {
            let mail = mail(body);
            let (bytes, is_whole) = kept(&mail, ret, private);
            let case = format!("{body} {ret:?} {private}");
            let text = String::from_utf8(bytes.clone()).expect("ASCII");
            assert!(!text.contains("secret"), "{case}: {text}");
            assert_eq!(text.matches(": ").count(), fields, "{case}: {text}");
            assert_eq!(is_whole, whole, "{case}");
            let end = header(&bytes).len() + 2;
            assert_eq!(
                &bytes[end..],
                if whole { &mail.body[..] } else { b"" },
                "{case}"
            );
        };
        check(300, None, false, 2, true);
        check(6_000, None, false, 2, false);
        check(300, None, true, 1, false);
        check(300, Some(Return::Headers), false, 3, false);
        check(300, Some(Return::Full), false, 3, true);
        check(48_000, Some(Return::Full), false, 3, true);
        check(51_000, Some(Return::Full), false, 3, false);
        check(300, Some(Return::Full), true, 2, false);
    }

    #[test]
    fn a_large_header_is_bounded() {
        let long = "a ".repeat(500);
        let mut mail = mail(3);
        for name in ["References", "Cc", "X-Long"] {
            for _ in 0..100 {
                mail.headers.push((name.into(), long.clone().into_bytes()));
            }
        }
        assert!(kept(&mail, None, false).0.len() <= SHORT);
        assert!(kept(&mail, Some(Return::Full), false).0.len() <= MAX_HEADER + 8);
    }
}
