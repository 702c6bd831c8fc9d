//! The numbers of the account form: `sms@example.com` with the number beside it in To or Cc, or in the
//! subject (spec 2).
//!
//! A name beside the account that is a number counts, and then the subject does not. Mail programs put
//! quotes of their own around names, and write the address itself where there is none: such names are no
//! numbers. In the subject the numbers come first, separated by `,` or `;`, and what follows is words.
//! A number that is wrong is an error of that number, never words.
//!
//! Limits: [`MAX_NUMBERS`] numbers.

use crate::mail::Reply;
use crate::sms::{Number, Region};

/// More people are a list, which has an address of its own. A subject of one line (RFC 5322 §2.1.1: 998
/// octets) has no room for more.
pub const MAX_NUMBERS: usize = 100;

/// A word with so many digits is a number by itself; shorter ones go on over the next blank, because
/// people write `+420 777 123 456`.
const WHOLE_NUMBER: usize = 10;

/// Fewer digits before a word are part of what is said: `+15551234567, 2 pizzas`.
const MIN_DIGITS: usize = 5;

/// The numbers for an account in a mail. `named`: names and addresses of To and Cc, decoded.
pub fn numbers(
    account: &str,
    named: &[(String, String)],
    subject: &str,
    region: Region,
) -> Result<Vec<Result<Number, Reply>>, Reply> {
    let beside = named.iter().filter(|(_, address)| is(address, account));
    let mut found: Vec<_> = beside
        .map(|(name, _)| unquoted(name))
        .filter(|name| is_numeric(name))
        .flat_map(|name| list(name, region))
        .collect();
    if found.is_empty() {
        found = list(unquoted(subject), region);
    }
    let mut seen = Vec::new();
    found.retain(|number| {
        let is_new = !seen.contains(number);
        seen.push(number.clone());
        is_new
    });
    let wrong = |text: String| Err(Reply::new(550, "5.1.3", text));
    match found.len() {
        0 => wrong(format!(
            "no phone number: write it as the subject, or as the name beside {account}"
        )),
        1..=MAX_NUMBERS => Ok(found),
        n => wrong(format!(
            "{n} phone numbers: one mail to {account} may have {MAX_NUMBERS}"
        )),
    }
}

/// The address is that account's, with or without parameters.
fn is(address: &str, account: &str) -> bool {
    let Some((local, domain)) = address.trim().rsplit_once('@') else {
        return false;
    };
    let local = local.trim_matches('"');
    let (local, _) = local.split_once('?').unwrap_or((local, ""));
    format!("{local}@{domain}").eq_ignore_ascii_case(account)
}

/// Without the quotes that mail programs leave around a name: `'+15551234567'`.
fn unquoted(name: &str) -> &str {
    let is_quote = |c: char| c.is_whitespace() || "'\"`´‘’‚“”„«»".contains(c);
    name.trim_matches(is_quote)
}

/// A name of digits and what stands between them: a number, right or wrong.
fn is_numeric(name: &str) -> bool {
    name.contains(|c: char| c.is_ascii_digit()) && !name.contains(char::is_alphabetic)
}

/// The numbers that a text begins with; what follows them is words.
fn list(text: &str, region: Region) -> Vec<Result<Number, Reply>> {
    let mut numbers = Vec::new();
    for item in text.split([',', ';']).map(unquoted) {
        if item.is_empty() {
            continue;
        }
        let Some((number, is_last)) = leading(item) else {
            break;
        };
        let parsed = Number::parse(number, region);
        numbers.push(parsed.map_err(|error| Reply::new(550, "5.1.1", error.to_string())));
        // One more than is allowed says that there are too many.
        if is_last || numbers.len() > MAX_NUMBERS {
            break;
        }
    }
    numbers
}

/// The number that an item begins with, and whether words follow; `None`: it is all words.
fn leading(item: &str) -> Option<(&str, bool)> {
    let is_part = |c: char| c.is_ascii_digit() || "+-./() \u{a0}\u{202f}".contains(c);
    let end = item.find(|c| !is_part(c)).unwrap_or(item.len());
    let run = item[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let words = end < item.len();
    if digits(run) == 0 || words && digits(run) < MIN_DIGITS {
        return None;
    }
    let first = run.split_whitespace().next().unwrap_or(run);
    if digits(first) >= WHOLE_NUMBER {
        return Some((first, words || first.len() < run.len()));
    }
    Some((run, words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(region: &str, named: &[(&str, &str)], subject: &str) -> String {
        let region = Region::parse(region).expect("region");
        let owned: Vec<_> = named
            .iter()
            .map(|(name, address)| (name.to_string(), address.to_string()))
            .collect();
        match numbers("sms@example.com", &owned, subject, region) {
            Err(reply) => reply.to_string(),
            Ok(numbers) => {
                let shown = numbers.into_iter().map(|number| match number {
                    Ok(number) => number.to_string(),
                    Err(reply) => reply.to_string(),
                });
                shown.collect::<Vec<_>>().join(", ")
            }
        }
    }

    const MISSING: &str =
        "550 5.1.3 no phone number: write it as the subject, or as the name beside sms@example.com";

    #[track_caller]
    fn check_subject(subject: &str, expected: &str) {
        assert_eq!(found("US", &[], subject), expected, "{subject}");
    }

    #[test]
    fn subjects() {
        let ann = "+15551234567";
        let both = "+15551234567, +15557654321";
        check_subject("+15551234567", ann);
        check_subject("5551234567", ann);
        check_subject(" (555) 123-4567 ", ann);
        check_subject("\"+15551234567\"", ann);
        check_subject("+1 555 123 4567", ann);
        check_subject("+1\u{a0}555\u{a0}123\u{a0}4567", ann);
        check_subject("+15551234567 lunch at 12", ann);
        check_subject("+15551234567: lunch", ann);
        check_subject("+15551234567 - lunch, 2 pizzas", ann);
        check_subject("+1 555 123-4567 lunch", ann);
        check_subject("+15551234567 5 hosts are down", ann);
        check_subject("+15551234567, 2 pizzas", ann);
        check_subject("+15551234567, lunch; 5557654321", ann);
        check_subject("+15551234567,5557654321", both);
        check_subject("+15551234567; +1 555 765 4321 ; lunch", both);
        check_subject("+15551234567,, (555)765-4321;", both);
        check_subject("+15551234567, 5551234567", ann);
        for none in [
            "",
            "lunch",
            "Re: +15551234567",
            "2 pizzas",
            ",;",
            "+",
            "---",
        ] {
            check_subject(none, MISSING);
        }
        let (ok, wrong) = (ann, "550 5.1.1 12 is not a phone number");
        check_subject("12", wrong);
        check_subject("+15551234567, 12", &format!("{ok}, {wrong}"));
        let long = "is too short or too long for a phone number of its country";
        check_subject(
            "+1 555 123 45678",
            &format!("550 5.1.1 +1 555 123 45678 {long}"),
        );
        check_subject(
            "+155512345678 lunch",
            &format!("550 5.1.1 +155512345678 {long}"),
        );
        assert_eq!(
            found("CZ", &[], "777 123 456; 777123457 oběd"),
            "+420777123456, +420777123457"
        );
        assert_eq!(found("DE", &[], "+491701234567 2 Pizzen"), "+491701234567");
    }

    #[test]
    fn as_many_as_there_may_be() {
        let many = |n: usize| {
            let numbers: Vec<_> = (0..n).map(|n| format!("555123{n:04}")).collect();
            found("US", &[], &numbers.join(","))
        };
        assert_eq!(many(MAX_NUMBERS).split(", ").count(), MAX_NUMBERS);
        let said = "550 5.1.3 101 phone numbers: one mail to sms@example.com may have 100";
        assert_eq!(many(MAX_NUMBERS + 1), said);
        assert_eq!(many(MAX_NUMBERS + 50), said);
    }

    #[track_caller]
    fn check_names(named: &[(&str, &str)], expected: &str) {
        assert_eq!(found("US", named, "+15559999999"), expected, "{named:?}");
    }

    #[test]
    fn names_beside_the_account() {
        let (sms, ann, subject) = ("sms@example.com", "+15551234567", "+15559999999");
        for name in [
            "+15551234567",
            "'+15551234567'",
            "\"+15551234567\"",
            "‘(555) 123-4567’",
            "+1 555 123-4567",
            "5551234567",
        ] {
            check_names(&[(name, sms)], ann);
        }
        check_names(&[("+15551234567", "SMS@Example.Com")], ann);
        check_names(&[("+15551234567", "\"sms?flash=1\"@example.com")], ann);
        check_names(
            &[("+15551234567", sms), ("5557654321", sms)],
            "+15551234567, +15557654321",
        );
        check_names(
            &[("+15551234567; 5557654321", sms)],
            "+15551234567, +15557654321",
        );
        check_names(&[("+15551234567", sms), ("", sms)], ann);
        // A name that is none counts for nothing.
        for name in ["", "SMS", "'sms@example.com'", "Ann Smith", "Ann 2"] {
            check_names(&[(name, sms)], subject);
        }
        // Others are none of ours.
        check_names(&[("+15551234567", "bob@example.com")], subject);
        check_names(&[("+15551234567", "sms@sms.example.com")], subject);
        check_names(&[], subject);
        check_names(&[("12", sms)], "550 5.1.1 12 is not a phone number");
    }

    proptest! {
        #[test]
        fn any_header_has_numbers_or_an_error(name in "\\PC{0,40}", subject in "\\PC{0,60}|[0-9+,; ()a]{0,80}") {
            let named = [(name, "sms@example.com".to_owned())];
            let region = Region::parse("US").expect("region");
            if let Ok(numbers) = numbers("sms@example.com", &named, &subject, region) {
                prop_assert!((1..=MAX_NUMBERS).contains(&numbers.len()));
            }
        }

        /// Nothing becomes a number but digits that are written together.
        #[test]
        fn no_digit_is_invented(subject in "[0-9+,; ()a-c-]{0,60}") {
            let region = Region::parse("CZ").expect("region");
            let digits: String = subject.chars().filter(char::is_ascii_digit).collect();
            for number in numbers("sms@example.com", &[], &subject, region).into_iter().flatten().flatten() {
                let own = number.digits().strip_prefix("420").unwrap_or(number.digits());
                prop_assert!(digits.contains(own), "{number} of {subject}");
            }
        }
    }
}
