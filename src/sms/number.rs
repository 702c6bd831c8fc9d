//! Phone numbers in E.164, and the other things that can stand in an SMS's sender field.
//!
//! A [`Number`] is `+` and 5 to 15 digits, parsed once at the edge. Its length is possible for its
//! country; whether the number exists is the network's business.

use std::fmt;
use std::sync::OnceLock;

use phonenumber::{country, metadata::DATABASE};

use super::numbering;

/// Longer input is not a number, whatever it holds.
const MAX_INPUT: usize = 64;

/// `log.mask_digits`, as [`hide_in_logs`] set it: `Debug` takes no argument.
static HIDDEN: OnceLock<usize> = OnceLock::new();

/// How many digits of a number are hidden until somebody says otherwise.
const HIDDEN_BY_DEFAULT: usize = 3;

/// From now on `{:?}` hides so many digits of a number. Only the first call counts.
pub fn hide_in_logs(digits: usize) {
    let _ = HIDDEN.set(digits);
}

fn hidden() -> usize {
    *HIDDEN.get().unwrap_or(&HIDDEN_BY_DEFAULT)
}

/// A text for a log: of seven digits and more, which may be a phone's number, the last become dots.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = from.split_at(end.unwrap_or(from.len()));
        let dots = match digits.len() {
            0..=6 => 0,
            n => hidden().min(n),
        };
        out += before;
        out += &digits[..digits.len() - dots];
        out += &".".repeat(dots);
        rest = after;
    }
    out + rest
}

/// The country whose dialling habits read a national number (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(country::Id);

impl Region {
    /// `US`, `cz`, …; `None` when the phone-number metadata does not know it.
    pub fn parse(code: &str) -> Option<Self> {
        if code.len() != 2 {
            return None;
        }
        code.to_ascii_uppercase().parse().ok().map(Self)
    }

    /// The two letters, upper case.
    pub fn code(&self) -> &str {
        self.0.as_ref()
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An E.164 number: `+15551234567`. Nothing but `+` and digits, so it can stand in a URL, an AT
/// command, a header or a file name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(String);

/// Why a text is not a [`Number`]. The texts are for the mail user who typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// A character that has no place in a number, or no digits at all.
    #[error("{0} is not a phone number")]
    NotANumber(String),
    /// Digits, but too few or too many for the country.
    #[error("{0} is too short or too long for a phone number of its country")]
    Length(String),
    /// A calling code that no country has.
    #[error("{0} has an unknown country code; write the number as +COUNTRY NUMBER")]
    Country(String),
}

/// What the numbering plan says of a number, as far as refusing it goes (spec 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Mobile, fixed, or not told apart.
    Ordinary,
    /// The receiver's price is paid by the caller.
    Premium,
    /// Satellite and international services: +870, +881, +882, +883, +979.
    Satellite,
}

impl Number {
    /// Reads a number as people write it: `+1 555 123-4567`, `0015551234567`, `(555) 123-4567`.
    ///
    /// `-`, `.`, `/`, `(`, `)`, blanks and non-breaking blanks are ignored. Without `+` or `00` the
    /// number is national, read with the habits of `region`.
    pub fn parse(text: &str, region: Region) -> Result<Self, NumberError> {
        let shown = || {
            text.chars()
                .take(32)
                .filter(|c| !c.is_control())
                .collect::<String>()
        };
        let not_a_number = || NumberError::NotANumber(shown());
        if text.len() > MAX_INPUT {
            return Err(not_a_number());
        }
        let mut digits = String::with_capacity(text.len());
        for c in text.trim().chars() {
            match c {
                '0'..='9' => digits.push(c),
                '+' if digits.is_empty() => digits.push(c),
                '-' | '.' | '/' | '(' | ')' | ' ' | '\u{a0}' | '\u{202f}' => {}
                _ => return Err(not_a_number()),
            }
        }
        if let Some(rest) = digits.strip_prefix("00") {
            digits = format!("+{rest}");
        }
        if digits.trim_start_matches('+').len() < 3 {
            return Err(not_a_number());
        }
        if is_plain(&digits) {
            return Ok(Self(digits));
        }
        // With a region the library strips that region's trunk prefix even from an international
        // number of another country, so an international one is read without.
        let national = (!digits.starts_with('+')).then_some(region.0);
        let parsed =
            phonenumber::parse(national, &digits).map_err(|e| Self::explain(e, shown()))?;
        let e164 = phonenumber::format(&parsed)
            .mode(phonenumber::Mode::E164)
            .to_string();
        match possible(&e164) {
            Some(true) => Ok(Self(e164)),
            Some(false) => Err(NumberError::Length(shown())),
            None => Err(NumberError::Country(shown())),
        }
    }

    /// Reads `+` and digits that a network, not a person, wrote: the sender of an SMS. Its length is
    /// not checked against any country.
    pub fn from_network(digits: &str) -> Option<Self> {
        let rest = digits.strip_prefix('+').unwrap_or(digits);
        let fits = (5..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(format!("+{rest}")))
    }

    /// With the `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The number with its last `hidden` digits replaced by dots, for logs.
    pub fn masked(&self, hidden: usize) -> String {
        let shown = self.0.len().saturating_sub(hidden).max(1);
        format!("{}{}", &self.0[..shown], ".".repeat(self.0.len() - shown))
    }

    /// The country it belongs to; `None` for satellite and other non-geographic ranges. A number
    /// that fits no country of a shared calling code (`+1 555…`) counts as the main country's.
    pub fn region(&self) -> Option<Region> {
        let (code, _) = numbering::split(self.digits())?;
        let plan = numbering::plan(code)?;
        let search = || phonenumber::parse(None, &self.0).ok()?.country().id();
        plan.only.or_else(search).or(plan.main).map(Region)
    }

    /// Whether it is a number of that country.
    pub fn is_of(&self, region: Region) -> bool {
        let Some((code, national)) = numbering::split(self.digits()) else {
            return false;
        };
        // Most numbers are what the country's plan says outright.
        numbering::belongs(code, national, region.0) || self.region() == Some(region)
    }

    /// What the numbering plan says of it.
    pub fn kind(&self) -> Kind {
        const SATELLITE: [&str; 5] = ["870", "881", "882", "883", "979"];
        if SATELLITE.iter().any(|code| self.digits().starts_with(code)) {
            return Kind::Satellite;
        }
        let premium = numbering::split(self.digits())
            .and_then(|(code, national)| Some((numbering::plan(code)?, national)))
            .is_some_and(|(plan, national)| plan.is_premium(national));
        if premium {
            Kind::Premium
        } else {
            Kind::Ordinary
        }
    }

    fn explain(error: phonenumber::ParseError, shown: String) -> NumberError {
        use phonenumber::ParseError as E;
        match error {
            E::InvalidCountryCode => NumberError::Country(shown),
            E::TooShortAfterIdd | E::TooShortNsn | E::TooLong => NumberError::Length(shown),
            _ => NumberError::NotANumber(shown),
        }
    }
}

/// International digits that need no reading: the length is possible and no trunk prefix can stand
/// in front of the national number (0 nearly everywhere, 1 in North America, 8 in the East).
fn is_plain(digits: &str) -> bool {
    let international = digits.strip_prefix('+').and_then(numbering::split);
    let plain = |national: &str| !national.starts_with(['0', '1', '8']);
    international.is_some_and(|(_, national)| plain(national)) && possible(digits) == Some(true)
}

/// Whether some country of the number's calling code has numbers of that length; `None` when no
/// country has the code.
fn possible(e164: &str) -> Option<bool> {
    let (code, national) = numbering::split(e164.strip_prefix('+')?)?;
    let plan = numbering::plan(code)?;
    Some(plan.has_length(national.len()) && e164.len() <= 16)
}

/// Loads the numbering plans, which takes some 70 ms: at start rather than in the first mail.
pub fn warm_up() {
    let _ = DATABASE.by_code(&1);
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked: a number in a log line is a person's.
impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked(hidden()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, region: &str) -> String {
        match Number::parse(text, Region::parse(region).expect("region")) {
            Ok(n) => n.to_string(),
            Err(e) => e.to_string(),
        }
    }

    #[test]
    fn reads_numbers_as_people_write_them() {
        for (text, region, expected) in [
            ("+15551234567", "CZ", "+15551234567"),
            ("0015551234567", "US", "+15551234567"),
            ("5551234567", "US", "+15551234567"),
            ("(555)123-4567", "US", "+15551234567"),
            ("1 (555) 123.4567", "US", "+15551234567"),
            ("+44 (0) 20 7946 0018", "US", "+442079460018"),
            ("+441632960018", "US", "+441632960018"),
            ("0170 1234567", "DE", "+491701234567"),
            ("777/123 456", "CZ", "+420777123456"),
            ("+420777123456", "US", "+420777123456"),
            ("+393123456789", "US", "+393123456789"),
            ("0612345678", "FR", "+33612345678"),
            ("+390612345678", "US", "+390612345678"),
            ("", "US", " is not a phone number"),
            ("ann", "US", "ann is not a phone number"),
            ("12", "US", "12 is not a phone number"),
            (
                "+1555123456",
                "US",
                "+1555123456 is too short or too long for a phone number of its country",
            ),
            (
                "+155512345678",
                "US",
                "+155512345678 is too short or too long for a phone number of its country",
            ),
            (
                "+99912345678",
                "US",
                "+99912345678 has an unknown country code; write the number as +COUNTRY NUMBER",
            ),
            ("+1555123456a", "US", "+1555123456a is not a phone number"),
            ("+1+5551234567", "US", "+1+5551234567 is not a phone number"),
        ] {
            assert_eq!(parse(text, region), expected, "{text} in {region}");
        }
    }

    #[test]
    fn knows_countries_and_dear_ranges() {
        for (number, region, kind) in [
            ("+15551234567", Some("US"), Kind::Ordinary),
            ("+18765551234", Some("JM"), Kind::Ordinary),
            ("+420777123456", Some("CZ"), Kind::Ordinary),
            ("+19002345678", Some("US"), Kind::Premium),
            ("+881612345678", None, Kind::Satellite),
            ("+882161234567", None, Kind::Satellite),
        ] {
            let n = Number::from_network(number).expect("number");
            assert_eq!(
                n.region().map(|r| r.code().to_owned()).as_deref(),
                region,
                "{number}"
            );
            assert_eq!(n.kind(), kind, "{number}");
        }
    }

    #[test]
    fn masks() {
        let n = Number::from_network("+15551234567").expect("number");
        assert_eq!(n.masked(3), "+15551234...");
        assert_eq!(format!("{n:?}"), "+15551234...");
        assert_eq!(n.masked(50), "+...........");
        assert_eq!(
            masked("to +15551234567, code 123456, 7654321"),
            "to +15551234..., code 123456, 7654..."
        );
        assert_eq!(masked("é1234567"), "é1234...");
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_e164_and_parses_again(text in "\\PC{0,20}|[+0-9 ()./-]{3,24}") {
            let us = Region::parse("US").expect("US");
            if let Ok(n) = Number::parse(&text, us) {
                prop_assert!(n.digits().bytes().all(|b| b.is_ascii_digit()));
                prop_assert!((5..=15).contains(&n.digits().len()), "{}", n);
                prop_assert_eq!(Number::parse(n.as_str(), us).map(|m| m.to_string()), Ok(n.to_string()));
            }
        }
    }
}
