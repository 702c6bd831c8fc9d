//! The parameters of an address: `name=value` joined by `&` after `?` (spec 2.1).
//!
//! This is their syntax: every name is a known one, once, with a value, percent-decoded. What a value
//! means is for who asks (`outbound::wishes`, `access`). Unknown, repeated and malformed ones are
//! errors that name the parameter; nothing is ignored. No error and no `Debug` shows a password or a
//! token: what follows one is not even named, because it may be the rest of it.
//!
//! Limits: the address has one; each of the known names may be there once.

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// Who is said to pay.
const CREDENTIALS: [&str; 3] = ["user", "pass", "token"];

/// What is asked of the message.
const WISHES: [&str; 14] = [
    "maxmsgs", "id", "sender", "reply", "flash", "confirm", "at", "validity", "priority", "coding",
    "binary", "udh", "pid", "dcs",
];

/// The forerunner took it for proof (threats T03).
const NEVER: &str = "authenticated";

/// As much of an unknown name as is shown.
const MAX_SHOWN: usize = 20;

/// What stands after `?`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Who is said to pay.
    pub credentials: Credentials,
    /// What is asked of the message: name and value as written, each name once, values not empty.
    pub wishes: Vec<(&'static str, String)>,
}

/// Who is said to pay, unproven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// An account: an address (`john%example.com` is `john@example.com` here) or a login.
    pub user: Option<String>,
    /// Its address password.
    pub pass: Option<Secret>,
    /// A number-bound token.
    pub token: Option<Secret>,
}

impl Credentials {
    /// Nobody is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wrong with the parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// `?` and nothing.
    #[error("a parameter is missing after ?")]
    Missing,
    /// Not one of ours.
    #[error("parameter {0} is not known")]
    Unknown(String),
    /// Not one of ours, and its name is better not shown. From 1.
    #[error("parameter {0} after ? is not known, or a & in a value is not written as %26")]
    UnknownAt(usize),
    /// No `=`, or no name. From 1.
    #[error("parameter {0} after ? is not NAME=VALUE")]
    NoPair(usize),
    /// No `=`, or nothing behind it.
    #[error("parameter {0} has no value: write {0}=VALUE")]
    NoValue(&'static str),
    /// Twice.
    #[error("parameter {0} is written twice")]
    Repeated(&'static str),
    /// Percent signs and other octets that cannot be.
    #[error("parameter {0}: write % as %25 and odd characters as % and two hex digits of UTF-8")]
    Malformed(&'static str),
    /// The one that would be an attack.
    #[error("parameter {NEVER} is never taken from an address")]
    Never,
}

impl Parameters {
    /// Reads what stands after `?`.
    pub fn parse(text: &str) -> Result<Self, ParameterError> {
        if text.is_empty() {
            return Err(ParameterError::Missing);
        }
        let mut parameters = Self::default();
        for (index, pair) in text.split('&').enumerate() {
            let (name, value) = parameters.known(index + 1, pair)?;
            if value.is_empty() {
                return Err(ParameterError::NoValue(name));
            }
            let value = decode(name, value).ok_or(ParameterError::Malformed(name))?;
            if !parameters.add(name, value) {
                return Err(ParameterError::Repeated(name));
            }
        }
        Ok(parameters)
    }

    /// No parameter at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The known name of a pair, and its value as written.
    fn known<'a>(
        &self,
        at: usize,
        pair: &'a str,
    ) -> Result<(&'static str, &'a str), ParameterError> {
        let (written, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is = |name: &&&str| name.eq_ignore_ascii_case(written);
        if let Some(name) = CREDENTIALS.iter().chain(&WISHES).find(is) {
            return Ok((name, value));
        }
        if written.eq_ignore_ascii_case(NEVER) {
            return Err(ParameterError::Never);
        }
        // It may be the rest of a password with a & in it.
        let secret = self.credentials.pass.is_some() || self.credentials.token.is_some();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        Err(match pair.contains('=') {
            _ if secret => ParameterError::UnknownAt(at),
            true if !written.is_empty() && written.chars().all(is_name) => {
                ParameterError::Unknown(written.chars().take(MAX_SHOWN).collect())
            }
            _ => ParameterError::NoPair(at),
        })
    }

    /// `false`: it is there already.
    fn add(&mut self, name: &'static str, value: String) -> bool {
        let Credentials { user, pass, token } = &mut self.credentials;
        match name {
            "user" => user.replace(value).is_none(),
            "pass" => pass.replace(Secret::new(value)).is_none(),
            "token" => token.replace(Secret::new(value)).is_none(),
            _ => {
                let is_new = self.wishes.iter().all(|(there, _)| *there != name);
                self.wishes.push((name, value));
                is_new
            }
        }
    }
}

fn decode(name: &str, value: &str) -> Option<String> {
    match name {
        "user" => user(value),
        _ => plain(value),
    }
}

/// A value, percent-decoded: UTF-8 without control characters.
fn plain(value: &str) -> Option<String> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !value.split('%').skip(1).all(is_escape) {
        return None;
    }
    let decoded = percent_decode_str(value).decode_utf8().ok()?.into_owned();
    let is_plain = !decoded.is_empty() && !decoded.contains(char::is_control);
    is_plain.then_some(decoded)
}

/// A user name, where `%` before the last domain also stands for `@`: many programs allow no `@`
/// there, not even a quoted one, and few people know `%40`.
fn user(value: &str) -> Option<String> {
    let escaped = plain(value);
    if escaped.as_ref().is_some_and(|user| user.contains('@')) {
        return escaped;
    }
    let is_domain = |text: &str| {
        let is_char = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
        !text.is_empty() && text.chars().all(is_char)
    };
    let split = value.rsplit_once('%').filter(|(_, domain)| {
        // `j%C3%B6rg` is a login, `john%de.example` is no octet DE.
        is_domain(domain) && (escaped.is_none() || domain.contains('.'))
    });
    match split.and_then(|(local, domain)| Some(format!("{}@{domain}", plain(local)?))) {
        Some(address) => Some(address),
        None => escaped,
    }
}

/// A RCPT argument as it may be shown and stored: without its parameters, if there may be a password
/// or a token among them. For any text, also for what is no address.
pub fn shown(rcpt: &str) -> String {
    let Some((before, parameters)) = rcpt.split_once('?') else {
        return rcpt.to_owned();
    };
    // In a quoted string `p\ass` is `pass` too (RFC 5321 §4.1.2).
    let lower = parameters.replace('\\', "").to_ascii_lowercase();
    if !["pass", "token"].iter().any(|name| lower.contains(name)) {
        return rcpt.to_owned();
    }
    // A password may have an @ of its own, quoted: the domain follows the last.
    let domain = parameters.rsplit_once('@').map_or("", |(_, domain)| domain);
    let quote = if before.contains('"') { "\"" } else { "" };
    format!("{before}{quote}@{domain}")
}

/// A RCPT argument, octet for octet: what DELRCPT must say. It shows itself without passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Verbatim(Secret);

impl Verbatim {
    /// As the MTA said it.
    pub fn new(rcpt: impl Into<String>) -> Self {
        Self(Secret::new(rcpt))
    }

    /// Octet for octet, for DELRCPT and for nothing else.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl std::fmt::Display for Verbatim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(self.expose()))
    }
}

impl std::fmt::Debug for Verbatim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", shown(self.expose()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parameters in words, secrets with them.
    fn words(text: &str) -> String {
        match Parameters::parse(text) {
            Err(error) => error.to_string(),
            Ok(Parameters {
                credentials,
                wishes,
            }) => {
                let open = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
                let credentials = [
                    ("user", credentials.user.clone()),
                    ("pass", open(&credentials.pass)),
                    ("token", open(&credentials.token)),
                ];
                let named = credentials.into_iter().filter_map(|(n, v)| Some((n, v?)));
                let all: Vec<_> = named
                    .chain(wishes)
                    .map(|(n, v)| format!("{n}: {v}"))
                    .collect();
                all.join(", ")
            }
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(words(text), expected, "{text}");
    }

    #[test]
    fn pairs_are_read() {
        check("maxmsgs=3", "maxmsgs: 3");
        check("maxmsgs=3&flash=1", "maxmsgs: 3, flash: 1");
        check("MaxMsgs=3", "maxmsgs: 3");
        check("at=+2h", "at: +2h");
        check(
            "at=2026-12-01T08:00:00%2B01:00",
            "at: 2026-12-01T08:00:00+01:00",
        );
        check("binary=1;hex", "binary: 1;hex");
        check("reply=ann%40example.com", "reply: ann@example.com");
        check("sender=Caf%C3%A9", "sender: Café");
        check("user=john&pass=a=b", "user: john, pass: a=b");
        check("pass=a%26b%20c%25", "pass: a&b c%");
        check("token=AbC-_1", "token: AbC-_1");
    }

    #[test]
    fn a_percent_sign_is_the_at_sign_of_a_user() {
        for user in [
            "john%example.com",
            "john%40example.com",
            "john@example.com",
            "john%40EXAMPLE.com",
        ] {
            let read = words(&format!("user={user}"));
            assert_eq!(read.to_lowercase(), "user: john@example.com", "{user}");
        }
        // What could be read as an octet is a domain where that makes sense.
        check("user=john%de.example", "user: john@de.example");
        check("user=john%ab.example.com", "user: john@ab.example.com");
        check("user=john%host", "user: john@host");
        check("user=j%C3%B6rg", "user: jörg");
        check("user=j%C3%B6rg%example.com", "user: jörg@example.com");
        check(
            "user=a%b%example.com",
            "parameter user: write % as %25 and odd characters as % and two hex digits of UTF-8",
        );
        check("user=asmith", "user: asmith");
        // Elsewhere it is what it is.
        check(
            "reply=ann%example.com",
            "parameter reply: write % as %25 and odd characters as % and two hex digits of UTF-8",
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let malformed = "write % as %25 and odd characters as % and two hex digits of UTF-8";
        check("", "a parameter is missing after ?");
        check("color=red", "parameter color is not known");
        check("t=1", "parameter t is not known");
        check("flash", "parameter flash has no value: write flash=VALUE");
        check("flash=", "parameter flash has no value: write flash=VALUE");
        check("pass=", "parameter pass has no value: write pass=VALUE");
        check("pass", "parameter pass has no value: write pass=VALUE");
        check("flash=1&flash=1", "parameter flash is written twice");
        check("flash=1&FLASH=0", "parameter flash is written twice");
        check("user=a&user=b", "parameter user is written twice");
        check("pass=a&pass=b", "parameter pass is written twice");
        check("token=a&token=b", "parameter token is written twice");
        check("&flash=1", "parameter 1 after ? is not NAME=VALUE");
        check("flash=1&", "parameter 2 after ? is not NAME=VALUE");
        check("=1", "parameter 1 after ? is not NAME=VALUE");
        check("geheim", "parameter 1 after ? is not NAME=VALUE");
        check("a b=1", "parameter 1 after ? is not NAME=VALUE");
        check("sender=%", &format!("parameter sender: {malformed}"));
        check("sender=%4", &format!("parameter sender: {malformed}"));
        check("sender=%zz", &format!("parameter sender: {malformed}"));
        check("sender=%FF", &format!("parameter sender: {malformed}"));
        check("sender=a%0D%0Ab", &format!("parameter sender: {malformed}"));
        check("pass=50%off", &format!("parameter pass: {malformed}"));
        for text in [
            "authenticated=1",
            "authenticated",
            "flash=1&Authenticated=0",
        ] {
            check(
                text,
                "parameter authenticated is never taken from an address",
            );
        }
        let name = "x".repeat(300);
        check(
            &format!("{name}=1"),
            &format!("parameter {} is not known", &name[..20]),
        );
    }

    #[test]
    fn the_rest_of_a_password_is_not_named() {
        let at = "after ? is not known, or a & in a value is not written as %26";
        check("user=a&pass=hunter&two=2", &format!("parameter 3 {at}"));
        check("user=a&pass=hunter&two", &format!("parameter 3 {at}"));
        check("token=abc&def", &format!("parameter 2 {at}"));
    }

    #[test]
    fn what_is_shown_has_no_password() {
        for (rcpt, expected) in [
            (
                "<+15551234567@sms.example.com>",
                "<+15551234567@sms.example.com>",
            ),
            (
                "<sms:+1555?flash=1@example.com>",
                "<sms:+1555?flash=1@example.com>",
            ),
            (
                "<\"sms:+1555?user=a&pass=b\"@example.com>",
                "<\"sms:+1555\"@example.com>",
            ),
            (
                "<\"sms:+1555?pass=b\\\"c@d?e\"@example.com>",
                "<\"sms:+1555\"@example.com>",
            ),
            (
                "<\"sms:+1555?user=a&p\\as\\s=b\"@example.com>",
                "<\"sms:+1555\"@example.com>",
            ),
            ("<sms:+1555?TOKEN=b@example.com>", "<sms:+1555@example.com>"),
            ("sms:+1555?token=b", "sms:+1555@"),
        ] {
            assert_eq!(shown(rcpt), expected);
            assert_eq!(
                format!("{:?}", Verbatim::new(rcpt)),
                format!("{expected:?}")
            );
            assert_eq!(Verbatim::new(rcpt).expose(), rcpt);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parameters_or_an_error(text in "\\PC{0,60}|([a-z]{2,8}|pass|user|flash|%[0-9A-F]{2}|[%&=@.]){0,12}") {
            let _ = Parameters::parse(&text);
            let _ = shown(&text);
        }

        /// Whatever the password is, and whatever is wrong around it.
        #[test]
        fn no_password_is_printed(secret in "[A-Za-z0-9&%=@]{6,20}", name in "pass|token", more in "|&flash=1|&flash=1&flash=1|&x|%") {
            let text = format!("user=john&{name}=q{secret}{more}");
            let rcpt = format!("<\"sms:+15551234567?{text}\"@example.com>");
            let printed = format!("{:?} {:?} {}", Parameters::parse(&text), Verbatim::new(&rcpt), shown(&rcpt));
            let read = Parameters::parse(&text).map_err(|error| error.to_string());
            // No six letters of it in a row.
            for part in secret.as_bytes().windows(6) {
                let part = std::str::from_utf8(part).expect("ASCII");
                prop_assert!(!printed.contains(part) && !format!("{read:?}").contains(part), "{printed}");
            }
        }

        #[test]
        fn values_come_back(value in "\\PC{1,40}") {
            let written = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            let read = Parameters::parse(&format!("sender={written}")).map(|read| read.wishes);
            prop_assert_eq!(read, Ok(vec![("sender", value)]));
        }
    }
}
