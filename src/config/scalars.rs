//! Values with a grammar of their own: durations, sizes, words of a choice, numbers, addresses, domains,
//! patterns, secrets. What is wrong is noted, and something harmless stands in, so that one run finds all.
//!
//! Durations: `16s`, `5m`, `4h`, `3d`. Sizes: `64KiB`, `10MiB`. No value of a secret is ever repeated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;

use super::outside::Outside;
use super::problems::{At, Errors};
use super::raw::{self, Spelled};
use crate::mail::words::Words;
use crate::rules;
use crate::secret::Secret;
use crate::sms::number::NumberError;
use crate::sms::{Number, Region};

/// No wait of this product is longer: ten years.
const MAX_DURATION: u64 = 3650 * 24 * 3600;

/// A longer pattern is generated; the forerunner's longest was 200 characters (threats T32).
const MAX_PATTERN: usize = 4096;

/// RFC 5321 §4.5.3.1: local part 64, `@`, domain 255.
const MAX_ADDRESS: usize = 320;

/// So much of a wrong value is shown.
const MAX_SHOWN: usize = 60;

/// Judges values and collects what is wrong with them.
pub(super) struct Judge<'a> {
    pub errors: Errors,
    pub warnings: Errors,
    pub outside: &'a dyn Outside,
    /// What relative paths are relative to: the configuration's directory.
    pub base: &'a Path,
    /// Some secret is written in the configuration itself.
    pub literal_secret: bool,
    /// `web.public_url`, once it was judged.
    pub public_url: Option<String>,
    /// The files of `mail.templates`, in words.
    pub templates: Vec<String>,
    /// What can be said, once `mail` was judged, in `mail.language`.
    pub words: Words,
}

impl<'a> Judge<'a> {
    pub fn new(file: &str, base: &'a Path, outside: &'a dyn Outside) -> Self {
        let (errors, warnings) = (Errors::new(file), Errors::new(file));
        Self {
            errors,
            warnings,
            outside,
            base,
            literal_secret: false,
            public_url: None,
            templates: Vec::new(),
            words: Words::default(),
        }
    }

    /// `"VALUE" is …; write …`.
    pub fn wrong(&mut self, at: &At, value: &str, text: impl AsRef<str>) {
        self.errors
            .add(at, format!("{} {}", shown(value), text.as_ref()));
    }

    /// A key that must be there.
    pub fn missing(&mut self, at: &At, write: &str) {
        self.errors.add(at, format!("is missing; write {write}"));
    }

    /// A key that belongs to a later version, and does something there.
    pub fn later(&mut self, at: &At) {
        self.errors
            .add(at, "is not in this version of sms-milter; remove it");
    }

    pub fn later_if<T>(&mut self, at: &At, key: &str, value: &Option<T>) {
        if value.is_some() {
            self.later(&at.key(key));
        }
    }

    /// One of some words.
    pub fn choice<T: Copy>(
        &mut self,
        at: &At,
        value: Option<&str>,
        all: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(word) = value else {
            return default;
        };
        if let Some((_, found)) = all.iter().find(|(name, _)| *name == word) {
            return *found;
        }
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        self.wrong(
            at,
            word,
            format!("is not known here; write {}", either(&names)),
        );
        default
    }

    /// A time above zero.
    pub fn duration(&mut self, at: &At, value: &Option<Spelled>, default: Duration) -> Duration {
        let Some(Spelled(text)) = value else {
            return default;
        };
        match duration(text) {
            Ok(Duration::ZERO) => self.wrong(at, text, "is no time at all; write 1s or more"),
            Ok(duration) => return duration,
            Err(why) => self.wrong(at, text, why),
        }
        default
    }

    /// Octets, within limits.
    pub fn size(
        &mut self,
        at: &At,
        value: &Option<Spelled>,
        limits: (u64, u64),
        default: u64,
    ) -> u64 {
        let Some(Spelled(text)) = value else {
            return default;
        };
        match size(text) {
            Ok(size) if size < limits.0 => self.wrong(
                at,
                text,
                format!("is too little; write {} or more", size_shown(limits.0)),
            ),
            Ok(size) if size > limits.1 => self.wrong(
                at,
                text,
                format!("is too much; write {} or less", size_shown(limits.1)),
            ),
            Ok(size) => return size,
            Err(why) => self.wrong(at, text, why),
        }
        default
    }

    /// A whole number within limits.
    pub fn within<T: Copy + PartialOrd + std::fmt::Display>(
        &mut self,
        at: &At,
        value: Option<T>,
        least: T,
        most: T,
        default: T,
    ) -> T {
        match value {
            None => default,
            Some(value) if value >= least && value <= most => value,
            Some(value) => {
                let write = if least == most {
                    least.to_string()
                } else {
                    format!("{least} to {most}")
                };
                self.errors
                    .add(at, format!("{value} is out of range; write {write}"));
                default
            }
        }
    }

    /// A phone's number, as people write it where `region` is.
    pub fn number(&mut self, at: &At, text: &str, region: Region) -> Option<Number> {
        match Number::parse(text, region) {
            Ok(number) => return Some(number),
            Err(NumberError::NotANumber(_)) => self.wrong(
                at,
                text,
                "is not a phone number; write one like \"+15551234567\"",
            ),
            Err(NumberError::Length(_)) => self.wrong(
                at,
                text,
                "is too short or too long for its country; write all of its digits",
            ),
            Err(NumberError::Country(_)) => self.wrong(
                at,
                text,
                "has an unknown country code; write the number as +COUNTRY NUMBER",
            ),
        }
        None
    }

    /// `+` and the digits that numbers begin with.
    pub fn prefix(&mut self, at: &At, text: &str) -> Option<String> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        if (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(text.to_owned());
        }
        self.wrong(
            at,
            text,
            "is not the beginning of a number; write + and digits, as \"+1\" or \"+4477\"",
        );
        None
    }

    /// A mail address, without a name or `<>`; its domain in lower case.
    pub fn address(&mut self, at: &At, text: &str) -> Option<String> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>,;\"\\()[]".contains(c);
        match text.rsplit_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && !local.contains('@')
                    && text.len() <= MAX_ADDRESS
                    && !text.contains(odd)
                    && is_domain(domain) =>
            {
                Some(format!("{local}@{}", domain.to_ascii_lowercase()))
            }
            _ => {
                self.wrong(
                    at,
                    text,
                    "is not a mail address; write one like ann@example.com",
                );
                None
            }
        }
    }

    /// A domain, in lower case.
    pub fn domain(&mut self, at: &At, text: &str) -> Option<String> {
        if is_domain(text) {
            return Some(text.to_ascii_lowercase());
        }
        self.wrong(
            at,
            text,
            "is not a domain; write one like example.com, in ASCII (xn--…)",
        );
        None
    }

    /// A regular expression that costs no more than it should.
    pub fn pattern(&mut self, at: &At, text: &str) -> Option<Regex> {
        if text.len() > MAX_PATTERN {
            self.wrong(
                at,
                text,
                format!("is too long; write at most {MAX_PATTERN} octets"),
            );
            return None;
        }
        if let Some(meant) = repeated_start(text) {
            self.warnings.add(
                at,
                format!(
                    "{text}: + repeats the ^ before it, and is no + of a number; write {meant}"
                ),
            );
        }
        match rules::compile(text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.wrong(at, text, pattern_error(&error));
                None
            }
        }
    }

    /// A path; a relative one begins where the configuration stands.
    pub fn path(&mut self, at: &At, text: &str) -> PathBuf {
        if text.is_empty() || text.contains(char::is_control) {
            self.wrong(
                at,
                text,
                "is not a path; write one like /var/lib/sms-milter",
            );
        }
        self.base.join(text)
    }

    /// A secret's text. `Debug` of what comes back shows nothing.
    pub fn secret(&mut self, at: &At, value: &raw::Secret) -> Secret {
        match value {
            raw::Secret::Literal(text) => {
                self.literal_secret = true;
                self.not_empty(at, text.clone(), "the secret")
            }
            raw::Secret::File(path) => self.secret_file(&at.key("file"), path),
            raw::Secret::Env(name) => {
                let at = at.key("env");
                match self.outside.variable(name) {
                    Some(text) => self.not_empty(&at, text, "the variable"),
                    None => {
                        self.wrong(
                            &at,
                            name,
                            "is not set; set this variable of the environment",
                        );
                        Secret::new("")
                    }
                }
            }
        }
    }

    fn secret_file(&mut self, at: &At, name: &str) -> Secret {
        let path = self.path(at, name);
        match self.outside.mode(&path) {
            Ok(mode) if mode & 0o007 != 0 => {
                let text = format!("is open to everybody; run chmod o= {}", path.display());
                self.wrong(at, name, text);
                return Secret::new("");
            }
            Ok(_) => {}
            Err(error) => {
                self.wrong(at, name, unreadable(&path, &error));
                return Secret::new("");
            }
        }
        match self.outside.secret(&path) {
            // Editors end a file with a line end; it is no part of the secret.
            Ok(text) => {
                let first = text.lines().next().unwrap_or_default().to_owned();
                self.not_empty(at, first, "the file's first line")
            }
            Err(error) => {
                self.wrong(at, name, unreadable(&path, &error));
                Secret::new("")
            }
        }
    }

    fn not_empty(&mut self, at: &At, text: String, what: &str) -> Secret {
        if text.is_empty() || text.contains(char::is_control) {
            let wrong = if text.is_empty() {
                "is empty"
            } else {
                "holds control characters"
            };
            self.errors.add(
                at,
                format!("{what} {wrong}; write the secret there, on one line"),
            );
        }
        Secret::new(text)
    }
}

/// A value as an error shows it: one line, not endless.
pub(super) fn shown(value: &str) -> String {
    let mut cut: String = value.chars().take(MAX_SHOWN).collect();
    if cut.len() < value.len() {
        cut.push('…');
    }
    format!("{cut:?}").replace("\\\\", "\\")
}

/// `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        words => words.concat(),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    const WRITE: &str = "is not a time; write 16s, 5m, 4h or 3d";
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        Some(c) if c.is_ascii_digit() => return Err("has no unit; write 16s, 5m, 4h or 3d"),
        _ => return Err(WRITE),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRITE);
    }
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)) {
        Some(seconds) if seconds <= MAX_DURATION => Ok(Duration::from_secs(seconds)),
        _ => Err("is too long; write 3650d or less"),
    }
}

fn size(text: &str) -> Result<u64, &'static str> {
    const WRITE: &str = "is not a size; write 64KiB or 10MiB";
    let (digits, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let factor = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" if !digits.is_empty() => return Err("has no unit; write 64KiB or 10MiB"),
        _ => return Err(WRITE),
    };
    let size = digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor));
    size.ok_or(WRITE)
}

fn size_shown(size: u64) -> String {
    match size {
        size if size % (1 << 20) == 0 => format!("{}MiB", size >> 20),
        size => format!("{}KiB", size >> 10),
    }
}

fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// The regex crate's complaint on one line, and what to do.
/// Of a pattern that says `^+420`, which matches `420`, what was meant. `[^+]` is another thing.
fn repeated_start(text: &str) -> Option<String> {
    let at = text.find("^+")?;
    let is_other = text[..at].ends_with(['[', '\\']);
    (!is_other).then(|| text.replacen("^+", r"^\+", 1))
}

fn pattern_error(error: &regex::Error) -> String {
    let text = error.to_string();
    if text.contains("look-around") {
        return "is a pattern with look-ahead or look-behind, which are not supported; \
                write it without; a rule can have a second pattern under not:"
            .into();
    }
    if let regex::Error::CompiledTooBig(_) = error {
        return "is a pattern that costs too much; write fewer or smaller repetitions".into();
    }
    let last = text.lines().last().unwrap_or_default();
    let why = last.strip_prefix("error: ").unwrap_or(last);
    format!(
        "is not a regular expression: {why}; write \\ before a character that is meant as itself"
    )
}

/// Why a secret's file gives nothing. That it is there, and closed to the daemon's user, is what mostly happens.
fn unreadable(path: &Path, error: &std::io::Error) -> String {
    let remedy = match error.kind() {
        std::io::ErrorKind::PermissionDenied => format!(
            "let the user that sms-milter runs as read it: chgrp sms-milter {0}; chmod 640 {0}",
            path.display()
        ),
        _ => "write the path of a file with the secret".to_owned(),
    };
    format!("cannot be read: {error}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("16s", Ok(16)),
            ("5m", Ok(300)),
            ("4h", Ok(4 * 3600)),
            ("3d", Ok(3 * 86400)),
            ("0s", Ok(0)),
            ("3650d", Ok(3650 * 86400)),
            ("3651d", Err("is too long; write 3650d or less")),
            (
                "99999999999999999999d",
                Err("is too long; write 3650d or less"),
            ),
            ("30", Err("has no unit; write 16s, 5m, 4h or 3d")),
            ("", Err("is not a time; write 16s, 5m, 4h or 3d")),
            ("s", Err("is not a time; write 16s, 5m, 4h or 3d")),
            ("-5s", Err("is not a time; write 16s, 5m, 4h or 3d")),
            ("1.5h", Err("is not a time; write 16s, 5m, 4h or 3d")),
            ("5 m", Err("is not a time; write 16s, 5m, 4h or 3d")),
            ("5ü", Err("is not a time; write 16s, 5m, 4h or 3d")),
        ] {
            assert_eq!(duration(text).map(|d| d.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("64KiB", Some(64 << 10)),
            ("10MiB", Some(10 << 20)),
            ("1GiB", Some(1 << 30)),
            ("10MB", None),
            ("10", None),
            ("KiB", None),
            ("-1KiB", None),
            ("99999999999999999GiB", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(text in "\\PC{0,12}|[0-9]{1,22}[smhdKMGiB]{0,3}") {
            let _ = (duration(&text), size(&text), is_domain(&text), shown(&text));
        }
    }
}
