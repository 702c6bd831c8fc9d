//! Who an SMS comes from, or goes to: a phone, a short code, or a name.
//!
//! Networks put three things into the address of an SMS (TS 23.040 §9.1.2.5): a full number, digits
//! of a local plan, or up to 11 characters of text. Only the first can be told apart from every
//! other phone in the world.
//!
//! [`Party::from_network`] never fails and never loses what was sent, but for characters that would
//! do harm where a sender is shown (controls, bidi overrides, invisible ones).

use std::fmt;

use super::Number;
use super::clean::is_harmful;
use super::number::masked;

/// An address field holds 20 digits (TS 23.040 §9.1.2.5: ten octets of semi-octets).
const MAX_DIGITS: usize = 20;

/// A name on the air has 11 characters. HTTP gateways hand on longer ones; no one reads 64.
const MAX_NAME: usize = 64;

/// A sender or receiver as a network writes it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// A phone that can be answered from anywhere.
    Number(Number),
    /// 1 to 20 digits without a country: a short code (`22555`), or a national number.
    Short(String),
    /// Text (`ACME`). It cannot be answered. Never empty: a missing sender is `unknown`.
    Name(String),
}

impl Party {
    /// Reads what a network wrote: `+` and 5 to 15 digits is a number, digits alone are short,
    /// anything else is a name.
    pub fn from_network(written: &str) -> Self {
        let written = written.trim();
        let digits = !written.is_empty() && written.bytes().all(|b| b.is_ascii_digit());
        if digits && written.len() <= MAX_DIGITS {
            return Party::Short(written.to_owned());
        }
        match Number::from_network(written) {
            Some(number) if written.starts_with('+') => Party::Number(number),
            _ => Party::from_name(written),
        }
    }

    /// A sender that the network calls text, even if it is all digits.
    pub fn from_name(name: &str) -> Self {
        let kept = name.chars().filter(|&c| !is_harmful(c));
        let kept: String = kept.take(MAX_NAME).collect();
        match kept.trim() {
            "" => Party::Name("unknown".to_owned()),
            name => Party::Name(name.to_owned()),
        }
    }

    /// The number, when it is one.
    pub fn number(&self) -> Option<&Number> {
        match self {
            Party::Number(number) => Some(number),
            Party::Short(_) | Party::Name(_) => None,
        }
    }
}

/// Masked as a [`Number`] is: what is short may be a whole national number.
impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Number(number) => number.fmt(f),
            Party::Short(text) | Party::Name(text) => masked(text).fmt(f),
        }
    }
}

impl From<Number> for Party {
    fn from(number: Number) -> Self {
        Party::Number(number)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Party::Number(number) => number.as_str(),
            Party::Short(text) | Party::Name(text) => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(written: &str, shown: &str, kind: &str) {
        let party = Party::from_network(written);
        let is = match party {
            Party::Number(_) => "number",
            Party::Short(_) => "short",
            Party::Name(_) => "name",
        };
        assert_eq!(
            (party.to_string().as_str(), is),
            (shown, kind),
            "{written:?}"
        );
    }

    #[test]
    fn from_network() {
        check("+15551234567", "+15551234567", "number");
        check("22555", "22555", "short");
        check("911", "911", "short");
        check("0170123456", "0170123456", "short");
        check("ACME", "ACME", "name");
        check(" Bank of X ", "Bank of X", "name");
        check("+123", "+123", "name");
        check("*21#", "*21#", "name");
        check("+1234567890123456", "+1234567890123456", "name");
        check("123456789012345678901", "123456789012345678901", "name");
        check("A\r\nBcc:x@y", "ABcc:x@y", "name");
        check("\u{202e}ACME\u{200b}", "ACME", "name");
        check("", "unknown", "name");
        check("\u{0}\u{7}", "unknown", "name");
    }

    proptest! {
        #[test]
        fn never_empty_never_a_control(written in any::<String>()) {
            let shown = Party::from_network(&written).to_string();
            prop_assert!(!shown.is_empty());
            prop_assert!(!shown.chars().any(char::is_control));
        }
    }
}
