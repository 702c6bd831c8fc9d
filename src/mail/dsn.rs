//! What the envelope of a mail asks of reports: `NOTIFY`, `ORCPT`, `RET`, `ENVID` (RFC 3461 §4), as an MTA
//! hands them to a milter behind the address. Pure.
//!
//! A parameter that is malformed, too long or not known is as if it was not there: the MTA has judged it, and
//! a mail is not refused for how its report was to be. Of one that comes twice the first holds. What is kept
//! is decoded (xtext, §4), printable, and shows no password of an address.

use super::address::shown;

/// RFC 3461 §4.4.
pub const MAX_ENVID: usize = 100;
/// RFC 3461 §4.2.
pub const MAX_ORCPT: usize = 500;
/// RFC 3464 §2.3: `rfc822`, `utf-8`; registered names are short.
const MAX_KIND: usize = 40;

/// `NOTIFY` (RFC 3461 §4.1); nothing of it is `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// It arrived.
    pub success: bool,
    /// It did not.
    pub failure: bool,
    /// It is late.
    pub delay: bool,
}

impl Notify {
    /// Reads `NEVER`, or any of the others with commas between.
    pub fn parse(value: &str) -> Option<Self> {
        let mut notify = Notify::default();
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        for word in value.split(',') {
            let asked = match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return None,
            };
            *asked = true;
        }
        Some(notify)
    }

    /// Whether no report of any kind is wanted.
    pub fn is_never(self) -> bool {
        self == Notify::default()
    }
}

/// As it is written in SMTP.
impl std::fmt::Display for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ];
        let words: Vec<_> = words.iter().filter(|w| w.0).map(|w| w.1).collect();
        f.write_str(match words.is_empty() {
            true => "NEVER",
            false => return f.write_str(&words.join(",")),
        })
    }
}

/// `RET` (RFC 3461 §4.3): what of the mail comes back with a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

impl Return {
    /// Reads `FULL` or `HDRS`.
    pub fn parse(value: &str) -> Option<Self> {
        [Return::Full, Return::Headers]
            .into_iter()
            .find(|ret| value.eq_ignore_ascii_case(ret.name()))
    }

    /// As it is written in SMTP.
    pub fn name(self) -> &'static str {
        match self {
            Return::Full => "FULL",
            Return::Headers => "HDRS",
        }
    }
}

/// Whom the mail was for before anybody changed it (RFC 3461 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// `rfc822`.
    pub kind: String,
    /// The address, decoded.
    pub address: String,
}

impl OriginalRecipient {
    /// Reads `rfc822;ann+2Bx@example.com`.
    pub fn parse(value: &str) -> Option<Self> {
        let (kind, address) = value.split_once(';')?;
        let is_atom = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if value.len() > MAX_ORCPT || kind.is_empty() || kind.len() > MAX_KIND {
            return None;
        }
        let address = decode(address).filter(|address| !address.is_empty())?;
        kind.chars().all(is_atom).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            address: shown(&address),
        })
    }
}

/// As it is written in SMTP, but for the coding.
impl std::fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{};{}", self.kind, self.address)
    }
}

/// What MAIL asks, of the whole mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfMail {
    /// `RET`.
    pub ret: Option<Return>,
    /// `ENVID`, decoded.
    pub envid: Option<String>,
}

impl OfMail {
    /// Reads the arguments of MAIL behind the address.
    pub fn read(arguments: &[String]) -> Self {
        let envid = |value: &str| {
            let is_short = value.len() <= MAX_ENVID;
            decode(value).filter(|id| is_short && !id.is_empty())
        };
        Self {
            ret: argument(arguments, "RET").and_then(Return::parse),
            envid: argument(arguments, "ENVID").and_then(envid),
        }
    }
}

/// What RCPT asks, of one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfRecipient {
    /// `NOTIFY`.
    pub notify: Option<Notify>,
    /// `ORCPT`.
    pub orcpt: Option<OriginalRecipient>,
}

impl OfRecipient {
    /// Reads the arguments of RCPT behind the address.
    pub fn read(arguments: &[String]) -> Self {
        Self {
            notify: argument(arguments, "NOTIFY").and_then(Notify::parse),
            orcpt: argument(arguments, "ORCPT").and_then(OriginalRecipient::parse),
        }
    }

    /// The mail address that led here.
    pub fn original_address(&self) -> Option<&str> {
        let orcpt = self.orcpt.as_ref()?;
        (orcpt.kind == "rfc822").then_some(&orcpt.address)
    }
}

/// What both ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dsn {
    /// Of the mail.
    pub mail: OfMail,
    /// Of the recipient.
    pub recipient: OfRecipient,
}

fn argument<'a>(arguments: &'a [String], wanted: &str) -> Option<&'a str> {
    arguments.iter().find_map(|argument| {
        let (name, value) = argument.split_once('=')?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    })
}

/// Decodes xtext (RFC 3461 §4): `+2B` is `+`. `None`: it is none, or not printable. What an MTA should have
/// encoded and did not is taken as it is, but for `+`.
fn decode(xtext: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(xtext.len());
    let mut rest = xtext.as_bytes();
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'+' {
            octets.push(octet);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |octet: u8| char::from(octet).to_digit(16);
        octets.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = after;
    }
    let text = String::from_utf8(octets).ok()?;
    (!text.contains(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arguments(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn notify_is_read() {
        let check = |value: &str, expected: Option<&str>| {
            let read = OfRecipient::read(&arguments(&format!("NOTIFY={value}"))).notify;
            let read = read.map(|notify| notify.to_string());
            assert_eq!(read.as_deref(), expected, "{value}");
        };
        check("NEVER", Some("NEVER"));
        check("never", Some("NEVER"));
        check("SUCCESS", Some("SUCCESS"));
        check("Delay,Failure", Some("FAILURE,DELAY"));
        check("SUCCESS,FAILURE,DELAY", Some("SUCCESS,FAILURE,DELAY"));
        check("FAILURE,FAILURE", Some("FAILURE"));
        // RFC 3461 §4.1: NEVER stands alone.
        check("NEVER,FAILURE", None);
        check("SUCCESS,", None);
        check("", None);
        check("ALWAYS", None);
    }

    #[test]
    fn the_original_recipient_is_read() {
        let check = |value: &str, expected: Option<&str>| {
            let read = OfRecipient::read(&arguments(&format!("orcpt={value}"))).orcpt;
            let read = read.map(|orcpt| orcpt.to_string());
            assert_eq!(read.as_deref(), expected, "{value}");
        };
        check(
            "rfc822;oncall@example.com",
            Some("rfc822;oncall@example.com"),
        );
        check("RFC822;+2B1555@sms.test", Some("rfc822;+1555@sms.test"));
        check("rfc822;a+3Db@example.com", Some("rfc822;a=b@example.com"));
        check(
            "utf-8;j\u{f6}rg@example.com",
            Some("utf-8;j\u{f6}rg@example.com"),
        );
        check(
            "rfc822;\"sms:+2B1555?pass+3Dsecret\"@example.com",
            Some("rfc822;\"sms:+1555\"@example.com"),
        );
        check(
            "rfc822;50%25+3Doff@example.com",
            Some("rfc822;50%25=off@example.com"),
        );
        check("rfc822;a+0D+0Ab@example.com", None);
        check("rfc822;a+2@example.com", None);
        check("rfc822;a+", None);
        check("rfc822;+FF@example.com", None);
        check("rfc822;", None);
        check(";a@example.com", None);
        check("x y;a@example.com", None);
        check("a@example.com", None);
        let long = "a".repeat(MAX_ORCPT);
        check(&format!("rfc822;{long}"), None);
        let longest = &long[7..];
        check(
            &format!("rfc822;{longest}"),
            Some(&format!("rfc822;{longest}")),
        );
    }

    #[test]
    fn what_mail_asks_is_read() {
        let check = |words: &str, ret: Option<Return>, envid: Option<&str>| {
            let read = OfMail::read(&arguments(words));
            assert_eq!((read.ret, read.envid.as_deref()), (ret, envid), "{words}");
        };
        check("", None, None);
        check("SIZE=100 BODY=8BITMIME", None, None);
        check(
            "RET=FULL ENVID=QQ314159",
            Some(Return::Full),
            Some("QQ314159"),
        );
        check(
            "ret=hdrs envid=a+3Db+20c",
            Some(Return::Headers),
            Some("a=b c"),
        );
        check("RET=NONE ENVID=", None, None);
        check("RET=FULL RET=HDRS", Some(Return::Full), None);
        check("ENVID=a+0Ab RET", None, None);
        let long = "e".repeat(MAX_ENVID);
        check(&format!("ENVID={long}"), None, Some(&long));
        check(&format!("ENVID={long}e"), None, None);
    }

    proptest! {
        #[test]
        fn any_arguments_are_read(arguments in proptest::collection::vec("(NOTIFY|ORCPT|RET|ENVID)?=?\\PC{0,40}|[ -~]{0,60}", 0..6)) {
            let mail = OfMail::read(&arguments);
            let recipient = OfRecipient::read(&arguments);
            if let Some(notify) = recipient.notify {
                prop_assert_eq!(Notify::parse(&notify.to_string()), Some(notify));
            }
            let texts = [mail.envid, recipient.orcpt.map(|orcpt| orcpt.to_string())];
            for text in texts.into_iter().flatten() {
                prop_assert!(!text.contains(char::is_control));
                prop_assert!(text.len() <= MAX_ORCPT);
            }
        }

        #[test]
        fn what_was_encoded_comes_back(text in "[ -~]{1,30}") {
            let encode = |c: char| match c {
                '!'..='~' if !matches!(c, '+' | '=') => c.to_string(),
                c => format!("+{:02X}", c as u32),
            };
            let encoded: String = text.chars().map(encode).collect();
            let read = OfMail::read(&[format!("ENVID={encoded}")]);
            let is_short = encoded.len() <= MAX_ENVID;
            prop_assert_eq!(read.envid, is_short.then_some(text));
        }
    }
}
