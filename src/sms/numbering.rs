//! Numbering plans by calling code: what can be asked of a number without searching the whole
//! metadata.
//!
//! The phone-number library compiles its patterns into a small shared cache, which a mail server
//! with several countries empties all the time; here a calling code's few patterns are compiled once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use phonenumber::country;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::Regex;

/// A national number is no longer than this (E.164 §6.2.1, less one digit for the code).
const MAX_NATIONAL: usize = 17;

/// What all countries of a calling code have in common.
pub struct Plan {
    lengths: [bool; MAX_NATIONAL + 1],
    premium: Vec<Regex>,
    /// The one country of the code, when there is only one.
    pub only: Option<country::Id>,
    /// The country that numbers of no country count as.
    pub main: Option<country::Id>,
}

impl Plan {
    /// Some country of the code has numbers of that many digits, the calling code not counted.
    pub fn has_length(&self, digits: usize) -> bool {
        self.lengths.get(digits).copied().unwrap_or(false)
    }

    /// The caller pays more for it, in some country of the code.
    pub fn is_premium(&self, national: &str) -> bool {
        self.premium
            .iter()
            .any(|pattern| pattern.is_match(national))
    }
}

/// Splits E.164 digits (without `+`) into calling code and national number; no code is the beginning
/// of another.
pub fn split(digits: &str) -> Option<(u16, &str)> {
    (1..=3.min(digits.len())).find_map(|width| {
        let (code, national) = digits.split_at_checked(width)?;
        let code: u16 = code.parse().ok()?;
        DATABASE.by_code(&code).map(|_| (code, national))
    })
}

/// The plan of a calling code; `None` when no country has it.
pub fn plan(code: u16) -> Option<Arc<Plan>> {
    static PLANS: OnceLock<RwLock<HashMap<u16, Arc<Plan>>>> = OnceLock::new();
    let plans = PLANS.get_or_init(RwLock::default);
    let known = plans
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&code)
        .cloned();
    if known.is_some() {
        return known;
    }
    let plan = Arc::new(make(code)?);
    plans
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(code, plan.clone());
    Some(plan)
}

/// The country has that calling code and says of such numbers what they are.
pub fn belongs(code: u16, national: &str, country: country::Id) -> bool {
    static KINDS: OnceLock<RwLock<HashMap<country::Id, Option<Arc<Regex>>>>> = OnceLock::new();
    let kinds = KINDS.get_or_init(RwLock::default);
    let meta = || {
        DATABASE
            .by_id(country.as_ref())
            .filter(|c| c.country_code() == code)
    };
    let known = kinds
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&country)
        .cloned();
    let pattern = known.unwrap_or_else(|| {
        let made = DATABASE
            .by_id(country.as_ref())
            .and_then(pattern_of)
            .map(Arc::new);
        let mut kinds = kinds.write().unwrap_or_else(PoisonError::into_inner);
        kinds.entry(country).or_insert(made).clone()
    });
    meta().is_some() && pattern.is_some_and(|pattern| pattern.is_match(national))
}

/// All kinds of numbers of a country in one pattern.
fn pattern_of(country: &phonenumber::Metadata) -> Option<Regex> {
    let all = kinds(country)
        .into_iter()
        .flatten()
        .map(|d| written(d.national_number().as_str()));
    Regex::new(&format!("^(?:{})$", all.collect::<Vec<_>>().join("|"))).ok()
}

/// Patterns are written for people, in lines.
fn written(pattern: &str) -> String {
    pattern.split_whitespace().collect()
}

fn kinds(country: &phonenumber::Metadata) -> [Option<&Descriptor>; 9] {
    let d = country.descriptors();
    [
        d.fixed_line(),
        d.mobile(),
        d.toll_free(),
        d.premium_rate(),
        d.shared_cost(),
        d.personal_number(),
        d.voip(),
        d.pager(),
        d.uan(),
    ]
}

fn make(code: u16) -> Option<Plan> {
    let countries = DATABASE.by_code(&code)?;
    let mut lengths = [false; MAX_NATIONAL + 1];
    let mut premium: Vec<String> = Vec::new();
    for country in &countries {
        // The general description has no lengths of its own: they are those of its kinds.
        let possible = kinds(country)
            .into_iter()
            .flatten()
            .flat_map(Descriptor::possible_length);
        for &length in possible.filter(|&&length| usize::from(length) <= MAX_NATIONAL) {
            lengths[usize::from(length)] = true;
        }
        let pattern = country.descriptors().premium_rate();
        let pattern = pattern.map(|d| format!("^(?:{})$", written(d.national_number().as_str())));
        premium.extend(pattern.filter(|p| !premium.contains(p)));
    }
    let id = |country: &&phonenumber::Metadata| country.id().parse().ok();
    Some(Plan {
        lengths,
        premium: premium
            .iter()
            .filter_map(|pattern| Regex::new(pattern).ok())
            .collect(),
        only: (countries.len() == 1)
            .then(|| countries.first().and_then(id))
            .flatten(),
        main: countries
            .iter()
            .find(|c| c.is_main_country_for_code())
            .and_then(id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_knows() {
        for (digits, expected) in [
            ("15551234567", Some((1, "5551234567"))),
            ("420777123456", Some((420, "777123456"))),
            ("442079460018", Some((44, "2079460018"))),
            ("99912345678", None),
            ("", None),
        ] {
            assert_eq!(split(digits), expected, "{digits}");
        }
        let us = plan(1).expect("a plan");
        assert!(us.has_length(10) && !us.has_length(11) && !us.has_length(99));
        assert!(us.is_premium("9002345678") && !us.is_premium("5551234567"));
        assert!(us.only.is_none() && us.main == Some(country::US));
        assert_eq!(plan(420).expect("a plan").only, Some(country::CZ));
    }

    /// The patterns are the library's, so what it calls premium is premium here too.
    #[test]
    fn agrees_with_the_library_on_examples() {
        let mut seen = 0;
        for country in DATABASE.iter() {
            let Some(example) = country
                .descriptors()
                .premium_rate()
                .and_then(|d| d.example())
            else {
                continue;
            };
            let plan = plan(country.country_code()).expect("a plan");
            assert!(plan.is_premium(example), "{} {example}", country.id());
            assert!(plan.has_length(example.len()), "{} {example}", country.id());
            seen += 1;
        }
        assert!(seen > 50, "only {seen} examples");
    }
}
