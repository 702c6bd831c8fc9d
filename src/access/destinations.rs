//! Where SMS may go (spec 3.2): an allow list, and no premium or satellite numbers by accident.

use regex::Regex;

use crate::mail::Reply;
use crate::sms::number::Kind;
use crate::sms::{Number, Region};

/// Section `numbers` of the configuration.
#[derive(Clone, Debug)]
pub struct Destinations {
    /// Prefixes with `+`; `None`: the countries of `regions`.
    pub allow: Option<Vec<String>>,
    /// Prefixes with `+`.
    pub deny: Vec<String>,
    /// What a number is rewritten to, first match wins; the result is checked.
    pub rewrite: Vec<(Regex, String)>,
    /// The regions of the configured domains.
    pub regions: Vec<Region>,
}

/// Of the destinations above, those that one sender may use. It only ever takes away: what the site does
/// not allow, no user's list opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Prefixes with `+`; `None`: all.
    pub allow: Option<Vec<String>>,
    /// Prefixes with `+`.
    pub deny: Vec<String>,
}

impl Destinations {
    /// The number to send to, after the rewrite rules, or why not. `reach`: the sender's own lists.
    pub fn check(&self, number: Number, region: Region, reach: &Reach) -> Result<Number, Reply> {
        let number = self.rewritten(number, region)?;
        let allowed = match listed(self.allow.as_deref(), &self.deny, &number) {
            Listed::Barred => return Err(refused(&number, "this destination is barred")),
            Listed::Missing => {
                let why = "this destination is not on the list of allowed ones";
                return Err(refused(&number, why));
            }
            Listed::Allowed(prefix) => prefix,
        };
        match listed(reach.allow.as_deref(), &reach.deny, &number) {
            Listed::Barred => return Err(refused(&number, "this destination is barred for you")),
            Listed::Missing => {
                let why = "this destination is not among those you may send to";
                return Err(refused(&number, why));
            }
            Listed::Allowed(_) => {}
        }
        match number.kind() {
            Kind::Premium if !allowed.is_some_and(|p| lies_within(p, Kind::Premium)) => {
                Err(refused(&number, "premium-rate number"))
            }
            Kind::Satellite if !allowed.is_some_and(|p| lies_within(p, Kind::Satellite)) => Err(
                refused(&number, "satellite or international premium number"),
            ),
            Kind::Ordinary if self.allow.is_none() && !self.is_home(&number) => Err(refused(
                &number,
                "this country is not on the list of allowed ones",
            )),
            _ => Ok(number),
        }
    }

    fn rewritten(&self, number: Number, region: Region) -> Result<Number, Reply> {
        let Some((regex, to)) = self
            .rewrite
            .iter()
            .find(|(r, _)| r.is_match(number.as_str()))
        else {
            return Ok(number);
        };
        let text = regex.replace(number.as_str(), to.as_str());
        Number::parse(&text, region)
            .map_err(|error| Reply::new(550, "5.1.1", format!("after numbers.rewrite: {error}")))
    }

    fn is_home(&self, number: &Number) -> bool {
        self.regions.iter().any(|region| number.is_of(*region))
    }
}

/// What two lists say of a number.
enum Listed<'a> {
    /// The longest match is in the list of what is denied.
    Barred,
    /// There is a list of what is allowed, and the number is not on it.
    Missing,
    /// By this prefix; by none where everything is.
    Allowed(Option<&'a str>),
}

/// The longest match wins, deny on a tie.
fn listed<'a>(allow: Option<&'a [String]>, deny: &[String], number: &Number) -> Listed<'a> {
    let allowed = longest(allow.unwrap_or(&[]), number);
    let length = allowed.map_or(0, str::len);
    match longest(deny, number) {
        Some(denied) if denied.len() >= length => Listed::Barred,
        _ if allow.is_some() && allowed.is_none() => Listed::Missing,
        _ => Listed::Allowed(allowed),
    }
}

/// The longest prefix that the number begins with.
fn longest<'a>(prefixes: &'a [String], number: &Number) -> Option<&'a str> {
    let matching = prefixes
        .iter()
        .map(String::as_str)
        .filter(|p| number.as_str().starts_with(p));
    matching.max_by_key(|p| p.len())
}

/// Whether an admin who lists this prefix means that kind of number: all that begin so are.
fn lies_within(prefix: &str, kind: Kind) -> bool {
    ["2", "5", "9"].iter().all(|digit| {
        let width = 12usize.saturating_sub(prefix.len());
        let sample = format!("{prefix}{}", digit.repeat(width));
        Number::from_network(&sample).is_some_and(|n| n.kind() == kind)
    })
}

fn refused(number: &Number, why: &str) -> Reply {
    Reply::new(
        550,
        "5.7.1",
        format!("SMS to {number} is not allowed: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: Option<&[&str]>, deny: &[&str], number: &str) -> String {
        let owned = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        let us = Region::parse("US").expect("US");
        let destinations = Destinations {
            allow: allow.map(owned),
            deny: owned(deny),
            rewrite: vec![(
                Regex::new("^\\+1555000(\\d+)$").expect("regex"),
                "+1555111$1".into(),
            )],
            regions: vec![us],
        };
        let number = Number::from_network(number).expect("number");
        match destinations.check(number, us, &Reach::default()) {
            Ok(number) => number.to_string(),
            Err(reply) => reply.text,
        }
    }

    #[test]
    fn a_sender_s_lists_only_take_away() {
        let owned = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        let us = Region::parse("US").expect("US");
        let site = Destinations {
            allow: Some(owned(&["+1", "+420", "+44"])),
            deny: owned(&["+1900", "+4470"]),
            rewrite: vec![(
                Regex::new("^\\+15550(\\d+)$").expect("regex"),
                "+420777$1".into(),
            )],
            regions: vec![us],
        };
        let (fine, barred) = ("fine", "this destination is barred for you");
        let foreign = "this destination is not among those you may send to";
        for (allow, deny, number, expected) in [
            (None, &[][..], "+420777123456", fine),
            (Some(&["+420"][..]), &[], "+420777123456", fine),
            (Some(&["+420"]), &[], "+15551234567", foreign),
            (Some(&[]), &[], "+15551234567", foreign),
            (None, &["+420"], "+420777123456", barred),
            (None, &["+420"], "+15551234567", fine),
            // The longest match, deny on a tie.
            (Some(&["+4207"]), &["+420"], "+420777123456", fine),
            (Some(&["+420"]), &["+420"], "+420777123456", barred),
            (Some(&["+420"]), &["+4207"], "+420777123456", barred),
            // What the site does not allow, nobody does.
            (
                Some(&["+33"]),
                &[],
                "+33612345678",
                "this destination is not on the list of allowed ones",
            ),
            (
                Some(&["+447012"]),
                &[],
                "+447012345678",
                "this destination is barred",
            ),
            // What comes of a rewrite counts.
            (Some(&["+1"]), &[], "+15550771234", foreign),
        ] {
            let reach = Reach {
                allow: allow.map(owned),
                deny: owned(deny),
            };
            let number = Number::from_network(number).expect("number");
            let said = match site.check(number, us, &reach) {
                Ok(_) => fine.to_owned(),
                Err(reply) => reply.text,
            };
            assert!(said.ends_with(expected), "{said} {allow:?} {deny:?}");
        }
    }

    #[test]
    fn allows_and_denies_by_the_longest_prefix() {
        let not = |number: &str, why: &str| format!("SMS to {number} is not allowed: {why}");
        let barred = "this destination is barred";
        let unlisted = "this destination is not on the list of allowed ones";
        for (allow, deny, number, expected) in [
            (None, &[][..], "+15551234567", "+15551234567".to_owned()),
            (None, &[], "+15550001234", "+15551111234".to_owned()),
            (
                None,
                &[],
                "+18765551234",
                not(
                    "+18765551234",
                    "this country is not on the list of allowed ones",
                ),
            ),
            (
                None,
                &[],
                "+420777123456",
                not(
                    "+420777123456",
                    "this country is not on the list of allowed ones",
                ),
            ),
            (
                None,
                &[],
                "+19002345678",
                not("+19002345678", "premium-rate number"),
            ),
            (
                None,
                &[],
                "+881612345678",
                not("+881612345678", "satellite or international premium number"),
            ),
            (
                None,
                &["+1555"],
                "+15551234567",
                not("+15551234567", barred),
            ),
            (
                Some(&["+1", "+420"][..]),
                &["+1900"],
                "+420777123456",
                "+420777123456".to_owned(),
            ),
            (
                Some(&["+1"]),
                &["+1900"],
                "+19002345678",
                not("+19002345678", barred),
            ),
            (
                Some(&["+1"]),
                &[],
                "+19002345678",
                not("+19002345678", "premium-rate number"),
            ),
            (
                Some(&["+1", "+1900234"]),
                &[],
                "+19002345678",
                "+19002345678".to_owned(),
            ),
            (
                Some(&["+1", "+8816"]),
                &[],
                "+881612345678",
                "+881612345678".to_owned(),
            ),
            (
                Some(&["+1"]),
                &[],
                "+420777123456",
                not("+420777123456", unlisted),
            ),
            (
                Some(&["+1555"]),
                &["+1555"],
                "+15551234567",
                not("+15551234567", barred),
            ),
            (
                Some(&["+15551"]),
                &["+1555"],
                "+15551234567",
                "+15551234567".to_owned(),
            ),
        ] {
            assert_eq!(
                check(allow, deny, number),
                expected,
                "{number} {allow:?} {deny:?}"
            );
        }
    }
}
