//! A number that a person wrote for us to keep: as the subject of a mail, or in an answer to our question.
//! Pure.
//!
//! In a first mail only a subject that is nothing but a number counts: whatever else has digits in it is
//! about something. In an answer, which was asked for a number, one among words counts, and the first
//! line of the text when the subject has none.

use crate::sms::number::NumberError;
use crate::sms::{Number, Region};

/// Fewer digits are a date, an hour, a house.
const MIN_DIGITS: usize = 5;

/// Octets that are looked at; RFC 5322 §2.1.1 has 998 for a line.
const MAX_SUBJECT: usize = 1_000;

/// The number that the whole subject is; `None`: it is something else.
pub fn whole(subject: &str, region: Region) -> Option<Result<Number, NumberError>> {
    let is_quote = |c: char| c.is_whitespace() || "'\"".contains(c);
    let subject = subject.trim_matches(is_quote);
    let plain = |c: char| c.is_ascii_digit() || is_between(c) || c == '+';
    let is_number = subject.len() <= MAX_SUBJECT && subject.chars().all(plain);
    (is_number && digits(subject) >= MIN_DIGITS).then(|| Number::parse(subject, region))
}

/// The number of an answer, or why there is none, for people.
pub fn answer(subject: &str, text: &str, region: Region) -> Result<Number, String> {
    let first = text.lines().find(|line| !line.trim().is_empty());
    let mut wrong = None;
    for line in [Some(subject), first].into_iter().flatten() {
        match among(line, region) {
            Ok(Some(number)) => return Ok(number),
            Ok(None) => {}
            Err(why) => wrong = wrong.or(Some(why)),
        }
    }
    Err(wrong.unwrap_or_else(|| {
        "no phone number: write it into the subject, as +15551234567".to_owned()
    }))
}

/// The one number in a line of words.
fn among(line: &str, region: Region) -> Result<Option<Number>, String> {
    let mut found: Vec<Number> = Vec::new();
    let mut wrong = None;
    for run in runs(line) {
        match Number::parse(run, region) {
            Ok(number) if found.contains(&number) => {}
            Ok(number) => found.push(number),
            Err(error) => wrong = wrong.or(Some(error.to_string())),
        }
    }
    match (found.as_slice(), wrong) {
        ([_], _) => Ok(found.pop()),
        ([], None) => Ok(None),
        ([], Some(why)) => Err(why),
        _ => Err("two phone numbers: write one".to_owned()),
    }
}

/// The runs of a line that may be numbers.
fn runs(line: &str) -> Vec<&str> {
    let end = line.floor_char_boundary(line.len().min(MAX_SUBJECT));
    let mut rest = &line[..end];
    let mut found = Vec::new();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+' || c == '(') {
        rest = &rest[start..];
        let plus = usize::from(rest.starts_with('+'));
        let is_over = |c: char| !c.is_ascii_digit() && !is_between(c);
        let end = rest[plus..]
            .find(is_over)
            .map_or(rest.len(), |at| plus + at);
        // `(555) 123` needs its first bracket, and nothing that follows the last digit.
        let run = rest[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        if digits(run) >= MIN_DIGITS {
            found.push(run);
        }
        rest = &rest[end.max(1)..];
    }
    found
}

fn is_between(c: char) -> bool {
    "-./() \u{a0}\u{202f}".contains(c)
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn us() -> Region {
        Region::parse("US").expect("region")
    }

    #[test]
    fn only_a_number_is_a_number() {
        for (subject, expected) in [
            ("+15557654321", "+15557654321"),
            (" 555-765-4321 ", "+15557654321"),
            ("\"(555) 765-4321\"", "+15557654321"),
            ("+1555", "-"),
            (
                "123456",
                "123456 is too short or too long for a phone number of its country",
            ),
            ("Re: +15557654321", "-"),
            ("Invoice 15557654321", "-"),
            ("2026", "-"),
            ("", "-"),
        ] {
            let read = match whole(subject, us()) {
                None => "-".to_owned(),
                Some(Ok(number)) => number.to_string(),
                Some(Err(error)) => error.to_string(),
            };
            assert_eq!(read, expected, "{subject}");
        }
    }

    #[test]
    fn an_answer_may_have_words() {
        let none = "no phone number: write it into the subject, as +15551234567";
        for (subject, text, expected) in [
            ("+15557654321", "", "+15557654321"),
            (
                "Re: Mobile number of ann.smith? +1 555 765-4321",
                "",
                "+15557654321",
            ),
            ("Re: it is (555) 765-4321, room 12", "", "+15557654321"),
            (
                "Re: Mobile number of ann.smith?",
                "+15557654321\n\nBob",
                "+15557654321",
            ),
            (
                "Re: Mobile number of ann.smith?",
                "\n  It is 555 765 4321.",
                "+15557654321",
            ),
            ("+15557654321", "or 5551234567", "+15557654321"),
            ("Re: no idea", "sorry", none),
            ("Re: no idea", "sorry\n+15557654321", none),
            (
                "+15557654321 or +15551234567",
                "",
                "two phone numbers: write one",
            ),
            ("+15557654321, +15557654321", "", "+15557654321"),
            (
                "123456",
                "",
                "123456 is too short or too long for a phone number of its country",
            ),
        ] {
            let read = answer(subject, text, us()).map_or_else(|e| e, |n| n.to_string());
            assert_eq!(read, expected, "{subject} / {text}");
        }
    }

    proptest! {
        #[test]
        fn any_mail_has_a_number_or_none(subject in "\\PC{0,60}|[0-9+() ./-]{0,40}", text: String) {
            let _ = whole(&subject, us());
            let _ = answer(&subject, &text, us());
        }
    }
}
