//! `addresses` and `numbers`: whose mail domains, and where SMS may go.

use std::collections::HashMap;

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::access::destinations::Destinations;
use crate::mail::address::{Domain, Settings};
use crate::sms::Region;

/// More pairs than any mail server has.
const MAX_DOMAINS: usize = 10_000;

impl Judge<'_> {
    /// `addresses`. With errors noted, the list of domains may be empty.
    pub fn addresses(&mut self, at: &At, raw: Option<&raw::Addresses>) -> Settings {
        let none = raw::Addresses::default();
        let raw = raw.unwrap_or(&none);
        let at = at.key("addresses");
        let list = raw.domains.as_deref().unwrap_or_default();
        let here = at.key("domains");
        if list.is_empty() {
            self.missing(
                &here,
                "- { mail: example.com, sms: sms.example.com, region: US }",
            );
        }
        if list.len() > MAX_DOMAINS {
            self.errors.add(
                &here,
                format!("has too many entries; write at most {MAX_DOMAINS}"),
            );
        }
        let mut seen = HashMap::new();
        let list = list.iter().take(MAX_DOMAINS).enumerate();
        let domains = list
            .filter_map(|(i, raw)| self.pair(&here.index(i), raw, &mut seen))
            .collect();
        Settings {
            domains,
            prefix: self.local_word(&at.key("prefix"), raw.prefix.as_deref()),
            account: self.local_word(&at.key("account"), raw.account.as_deref()),
            plus_numbers: raw.plus_numbers.unwrap_or(false),
        }
    }

    fn pair(
        &mut self,
        at: &At,
        raw: &raw::Domain,
        seen: &mut HashMap<String, At>,
    ) -> Option<Domain> {
        let region = self.region(&at.key("region"), raw.region.as_ref());
        let Some(mail) = &raw.mail else {
            self.missing(&at.key("mail"), "the mail domain, as example.com");
            return None;
        };
        let mail = self.domain(&at.key("mail"), mail);
        let sms = match &raw.sms {
            Some(sms) => self.domain(&at.key("sms"), sms),
            None => mail.as_ref().map(|mail| format!("sms.{mail}")),
        };
        let (mail, sms) = (mail?, sms?);
        let mut fine = true;
        for (key, name) in [("mail", &mail), ("sms", &sms)] {
            if let Some(other) = seen.get(name) {
                self.wrong(
                    &at.key(key),
                    name,
                    format!("is also {other}; write each domain once"),
                );
                fine = false;
            } else {
                seen.insert(name.clone(), at.key(key));
            }
        }
        fine.then_some(Domain {
            mail,
            sms,
            region: region?,
        })
    }

    fn region(&mut self, at: &At, raw: Option<&raw::Spelled>) -> Option<Region> {
        let Some(raw::Spelled(code)) = raw else {
            self.missing(at, "the country whose people write the numbers, as US");
            return None;
        };
        let region = Region::parse(code);
        if region.is_none() {
            self.wrong(
                at,
                code,
                "is not a country; write its two letters (ISO 3166), as US",
            );
        }
        region
    }

    /// The left side of `sms@` and `sms:`.
    fn local_word(&mut self, at: &At, raw: Option<&str>) -> String {
        let word = raw.unwrap_or("sms");
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
        let dotted = word.starts_with('.') || word.ends_with('.') || word.contains("..");
        // Digits alone would be a number.
        let all_digits = word.bytes().all(|b| b.is_ascii_digit());
        if word.len() > 32 || !word.bytes().all(fits) || dotted || all_digits {
            self.wrong(
                at,
                word,
                "is not a word that can stand before @; write letters, as sms",
            );
        }
        word.to_ascii_lowercase()
    }

    /// `numbers`. `regions`: those of the domains, the first first.
    pub fn destinations(
        &mut self,
        at: &At,
        raw: Option<&raw::Numbers>,
        regions: Vec<Region>,
    ) -> Destinations {
        let none = raw::Numbers::default();
        let raw = raw.unwrap_or(&none);
        let at = at.key("numbers");
        let mut prefixes = |key: &str, list: &Option<raw::Several>| {
            let list = list.as_ref()?;
            let each = list.0.iter().enumerate();
            Some(
                each.filter_map(|(i, p)| self.prefix(&at.key(key).index(i), p))
                    .collect::<Vec<_>>(),
            )
        };
        let allow = prefixes("allow", &raw.allow);
        let deny = prefixes("deny", &raw.deny).unwrap_or_default();
        if raw.allow.as_ref().is_some_and(|list| list.0.is_empty()) {
            let text = "is empty: no SMS could be sent; remove it, or list prefixes as \"+1\"";
            self.errors.add(&at.key("allow"), text);
        }
        let mut rewrite = Vec::new();
        for (i, rule) in raw.rewrite.iter().flatten().enumerate() {
            let at = at.key("rewrite").index(i);
            let (Some(pattern), Some(to)) = (&rule.r#match, &rule.to) else {
                self.errors.add(
                    &at,
                    "is not a whole rule; write match: PATTERN and to: NUMBER",
                );
                continue;
            };
            if to.is_empty() || to.len() > 64 || to.contains(char::is_control) {
                self.wrong(
                    &at.key("to"),
                    to,
                    "is not a number; write one, with $1 for the first group",
                );
            }
            if let Some(pattern) = self.pattern(&at.key("match"), pattern) {
                self.groups(&at.key("to"), to, &pattern);
                rewrite.push((pattern, to.clone()));
            }
        }
        Destinations {
            allow,
            deny,
            rewrite,
            regions,
        }
    }

    /// Each `$1` of a replacement is a group of the pattern: regex takes another one for empty.
    fn groups(&mut self, at: &At, to: &str, pattern: &regex::Regex) {
        for piece in to.split('$').skip(1) {
            let braced = piece
                .strip_prefix('{')
                .and_then(|p| p.split_once('}'))
                .map(|(name, _)| name);
            let plain = || {
                let end = piece.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                &piece[..end.unwrap_or(piece.len())]
            };
            let name = braced.unwrap_or_else(plain);
            let known = match name.parse::<usize>() {
                Ok(group) => group < pattern.captures_len(),
                Err(_) => pattern.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                let text = format!(
                    "has ${name}, which the pattern has not; write ${{1}} for its first group"
                );
                self.wrong(at, to, text);
            }
        }
    }
}
