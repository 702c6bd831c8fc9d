//! What a sender may do: `access.defaults`, then the domain's keys, then the user's.
//!
//! A key that is not there is inherited. So that a user can be given back what the domain took, "nothing"
//! has a word: `credit: none`, `allow: all`, and `[]` or `none` for the other lists.

use std::sync::Arc;

use super::problems::At;
use super::raw::{self, Several, Spelled};
use super::scalars::Judge;
use crate::access::destinations::Reach;
use crate::access::{Confirm, Policy};
use crate::sms::Class;

/// A message has at most as many (spec 2.1, `maxmsgs`).
const MAX_SEGMENTS: u8 = 128;

/// No list of one sender is longer: each number is compared with all of it.
const MAX_LIST: usize = 1000;

/// Where a policy has a right.
type Right = fn(&mut Policy) -> &mut bool;

/// The rights, and what each is in a policy.
const RIGHTS: [(&str, Right); 5] = [
    ("users", |policy| &mut policy.to_users),
    ("external", |policy| &mut policy.to_external),
    ("phonebook", |policy| &mut policy.phonebook),
    ("binary", |policy| &mut policy.binary),
    ("gateway", |policy| &mut policy.choose_gateway),
];

impl Judge<'_> {
    /// The keys that are set, over those of `base`.
    pub fn policy(&mut self, at: &At, raw: Option<&raw::Policy>, base: &Policy) -> Policy {
        let mut policy = base.clone();
        let Some(raw) = raw else {
            return policy;
        };
        if let Some(rights) = &raw.send {
            self.rights(&at.key("send"), rights, &mut policy);
        }
        if raw.allow.is_some() || raw.deny.is_some() {
            policy.reach = Arc::new(self.reach(at, raw, &base.reach));
        }
        if let Some(limit) = raw.monthly_limit {
            policy.monthly_limit = limit;
        }
        if let Some(credit) = &raw.credit {
            policy.credit = self.credit(&at.key("credit"), credit);
        }
        if raw.max_segments.is_some() {
            let here = at.key("max_segments");
            policy.max_segments =
                self.within(&here, raw.max_segments, 1, MAX_SEGMENTS, base.max_segments);
        }
        let confirm = [
            ("asked", Confirm::Asked),
            ("always", Confirm::Always),
            ("never", Confirm::Never),
        ];
        if raw.confirm.is_some() {
            let here = at.key("confirm");
            policy.confirm = self.choice(&here, raw.confirm.as_deref(), &confirm, base.confirm);
        }
        if let Some(ids) = &raw.sender_ids {
            policy.sender_ids = self.sender_ids(&at.key("sender_ids"), ids);
        }
        if raw.class.is_some() {
            policy.class = self.class(&at.key("class"), raw.class.as_deref(), base.class);
        }
        if let Some(language) = &raw.language {
            policy.language = self.language(&at.key("language"), language);
        }
        if let Some(template) = &raw.template {
            self.shape_of_text(&at.key("template"), template);
            policy.template = Some(template.as_str().into());
        }
        policy
    }

    pub fn class(&mut self, at: &At, raw: Option<&str>, default: Class) -> Class {
        let all = [
            ("alarm", Class::Alarm),
            ("normal", Class::Normal),
            ("bulk", Class::Bulk),
        ];
        self.choice(at, raw, &all, default)
    }

    /// A list replaces the one below it whole.
    fn rights(&mut self, at: &At, raw: &Several, policy: &mut Policy) {
        for (_, right) in RIGHTS {
            *right(policy) = false;
        }
        for (i, word) in listed(raw).iter().enumerate() {
            match RIGHTS.iter().find(|(name, _)| name == word) {
                Some((_, right)) => *right(policy) = true,
                None => self.wrong(
                    &at.index(i),
                    word,
                    "is not a right; write users, external, phonebook, binary or gateway",
                ),
            }
        }
    }

    fn reach(&mut self, at: &At, raw: &raw::Policy, base: &Reach) -> Reach {
        let allow = match &raw.allow {
            None => base.allow.clone(),
            Some(list) if list.0 == ["all"] => None,
            Some(list) => {
                let here = at.key("allow");
                if listed(list).is_empty() {
                    let text = "is empty: nobody could be sent to; write all, prefixes as \"+1\", or send: []";
                    self.errors.add(&here, text);
                }
                Some(self.prefixes(&here, list))
            }
        };
        let deny = match &raw.deny {
            None => base.deny.clone(),
            Some(list) => self.prefixes(&at.key("deny"), list),
        };
        Reach { allow, deny }
    }

    fn prefixes(&mut self, at: &At, raw: &Several) -> Vec<String> {
        let list = listed(raw);
        if list.len() > MAX_LIST {
            let text = format!("has too many entries; write at most {MAX_LIST}");
            self.errors.add(at, text);
        }
        let each = list.iter().take(MAX_LIST).enumerate();
        each.filter_map(|(i, prefix)| self.prefix(&at.index(i), prefix))
            .collect()
    }

    fn credit(&mut self, at: &At, raw: &Spelled) -> Option<u32> {
        if raw.0 == "none" {
            return None;
        }
        let digits = raw.0.bytes().all(|b| b.is_ascii_digit());
        let credit = raw.0.parse().ok().filter(|_| digits);
        if credit.is_none() {
            let text = "is not a credit; write a whole number of segments, or none";
            self.wrong(at, &raw.0, text);
        }
        credit
    }

    /// Up to 11 characters or 15 digits (TS 23.040 §9.1.2.5: 10 octets of address).
    fn sender_ids(&mut self, at: &At, raw: &Several) -> Vec<String> {
        let list = listed(raw);
        for (i, id) in list.iter().enumerate() {
            let digits = id.strip_prefix('+').unwrap_or(id);
            let is_number = !digits.is_empty()
                && digits.len() <= 15
                && digits.bytes().all(|b| b.is_ascii_digit());
            let is_name = (1..=11).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
            if !is_number && !is_name {
                self.wrong(
                    &at.index(i),
                    id,
                    "is not a sender id; write up to 11 ASCII characters, or a number",
                );
            }
        }
        list.to_vec()
    }
}

/// What a list says: `none` is an empty one, where an empty cell of a table says that nothing is said.
pub(super) fn listed(raw: &Several) -> &[String] {
    match raw.0.as_slice() {
        [word] if word == "none" => &[],
        list => list,
    }
}
