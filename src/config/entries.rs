//! What a user is whom a directory has: an entry's attributes as the record that `users` would have, judged by
//! the very rules of `users` ([`Judge::user`]) over the same policies.
//!
//! What only names the user and is wrong (`mobile`, `phone_alias`, `nickname`, `name`, an alias) is left out and
//! logged with the entry's DN or row and the key, never with the value. What says who the user is and what he
//! may do makes the whole entry unusable: it must not fall back to rights that nobody gave.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::outside::ThisMachine;
use super::people::Surroundings;
use super::problems::At;
use super::raw::{self, Several, Spelled};
use super::scalars::Judge;
use crate::access::{self, Policy, User};
use crate::directory::{Entry, Reader};
use crate::mail::address;
use crate::mail::words::Words;
use crate::sms::Region;

/// What only names a user, or how to speak to them: left out when it is wrong.
const HARMLESS: [&str; 5] = ["name", "nickname", "mobile", "phone_alias", "language"];

/// What a user of a directory is judged by.
struct Rules {
    addresses: address::Settings,
    region: Region,
    gateways: Vec<String>,
    defaults: Policy,
    domains: HashMap<String, Policy>,
    words: Words,
}

pub(super) fn reader(
    access: &access::Settings,
    around: &Surroundings<'_>,
    words: &Words,
) -> Reader {
    let rules = Rules {
        addresses: around.addresses.clone(),
        region: around.region,
        gateways: around.gateways.to_vec(),
        defaults: access.defaults.clone(),
        domains: access.domains.clone(),
        words: words.clone(),
    };
    Arc::new(move |entry: &Entry| rules.read(entry))
}

impl Rules {
    fn read(&self, entry: &Entry) -> Result<User, String> {
        let fields = fields(entry);
        let mut whole = record(&fields, |_| true)?;
        if let Ok(user) = self.judge(&whole) {
            return Ok(user);
        }
        // Something is wrong. What does no harm goes, each for itself.
        let mut bad = Vec::new();
        for key in HARMLESS {
            let alone = record(&fields, |own| own == "email" || own == key)?;
            if self.judge(&alone).is_err() {
                bad.push(key);
            }
        }
        let fits = |alias: &String| {
            let one = raw::User {
                email: whole.email.clone(),
                aliases: Some(Several(vec![alias.clone()])),
                ..raw::User::default()
            };
            self.judge(&one).is_ok()
        };
        let aliases: Option<Vec<_>> = whole.aliases.as_ref().map(|all| {
            let fit = all.0.iter().filter(|alias| fits(alias));
            fit.cloned().collect()
        });
        if whole.aliases.as_ref().map(|all| all.0.len()) != aliases.as_ref().map(Vec::len) {
            bad.push("aliases");
        }
        whole = record(&fields, |key| key == "aliases" || !bad.contains(&key))?;
        whole.aliases = aliases.map(Several);
        let user = self.judge(&whole)?;
        for key in bad {
            tracing::warn!(
                place = entry.place,
                key,
                event = "bad-value",
                "this value of a directory's entry makes no sense and is left out"
            );
        }
        Ok(user)
    }

    fn judge(&self, raw: &raw::User) -> Result<User, String> {
        let mut judge = Judge::new("", Path::new("/"), &ThisMachine);
        judge.words = self.words.clone();
        let at = At::root();
        let email = raw.email.as_deref().ok_or("it has no email")?;
        let email = judge.address(&at.key("email"), email).unwrap_or_default();
        let email = email.to_lowercase();
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let base = self.domains.get(domain).unwrap_or(&self.defaults);
        let domains = &self.addresses.domains;
        let own = domains.iter().find(|own| own.mail == domain);
        // A directory has national numbers as people write them at their place.
        let region = own.map_or(self.region, |own| own.region);
        let user = judge.user(&at, raw, email, base, (region, &self.gateways));
        match judge.errors.is_empty() {
            true => Ok(user),
            false => {
                let lines = judge.errors.lines();
                let lines: Vec<_> = lines
                    .iter()
                    .map(|line| line.trim_start_matches(": "))
                    .collect();
                Err(lines.join("; "))
            }
        }
    }
}

/// The fields with one name for each.
fn fields(entry: &Entry) -> BTreeMap<&str, Vec<&str>> {
    let mut fields: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, values) in &entry.fields {
        let values = values.iter().map(|value| value.trim());
        let values = values.filter(|value| !value.is_empty());
        fields.entry(key).or_default().extend(values);
    }
    fields.retain(|_, values| !values.is_empty());
    fields
}

/// The record that `users` would have for these keys; in words which value is none of its kind.
fn record(
    fields: &BTreeMap<&str, Vec<&str>>,
    wanted: impl Fn(&str) -> bool,
) -> Result<raw::User, String> {
    let mut user = raw::User::default();
    for (&key, values) in fields {
        if !wanted(key) {
            continue;
        }
        let one = || match values[..] {
            [one] => Ok(one),
            _ => Err(format!(
                "{key} has {} values; only one can be meant",
                values.len()
            )),
        };
        let word = || one().map(str::to_owned).map(Some);
        let spelled = || one().map(|one| Some(Spelled(one.to_owned())));
        let number = || {
            let text = one()?;
            let number = text.parse::<u32>();
            number.map_err(|_| format!("{key} is {text:?}, which is not a number"))
        };
        match key {
            "email" => {
                // The same on each replica, whatever its order: the account is called so.
                let mut sorted = values.clone();
                sorted.sort_unstable();
                let more = sorted[1..].iter().map(|one| (*one).to_owned());
                let more: Vec<_> = more.collect();
                user.email = Some(sorted[0].to_owned());
                user.aliases
                    .get_or_insert_with(|| Several(Vec::new()))
                    .0
                    .extend(more);
            }
            "aliases" => {
                let all = list(values, &[',', ';', ' ', '\n']);
                user.aliases
                    .get_or_insert_with(|| Several(Vec::new()))
                    .0
                    .extend(all);
            }
            // The first of several is as good as the next.
            "name" => user.name = Some(Spelled(values[0].to_owned())),
            "mobile" => user.mobile = Some(Spelled(values[0].to_owned())),
            "phone_alias" => user.phone_alias = Some(Spelled(values[0].to_owned())),
            "nickname" => user.nickname = Some(Spelled(values[0].to_owned())),
            "login" => {
                let mut sorted = values.clone();
                sorted.sort_unstable();
                user.login = Some(Spelled(sorted[0].to_owned()));
            }
            "gateway" => user.gateway = word()?,
            "expires" => user.expires = Some(Spelled(date(one()?))),
            "active" => user.active = Some(truth(one()?)?),
            "password_hash" => user.password_hash = word()?,
            "send" => user.send = Some(Several(list(values, &[',', ';', ' ']))),
            "allow" => user.allow = Some(Several(list(values, &[',', ';', ' ']))),
            "deny" => user.deny = Some(Several(list(values, &[',', ';', ' ']))),
            "sender_ids" => user.sender_ids = Some(Several(list(values, &[',', ';']))),
            "monthly_limit" => user.monthly_limit = Some(number()?),
            "max_segments" => {
                let few = u8::try_from(number()?);
                user.max_segments = Some(few.map_err(|_| "max_segments is above 128".to_owned())?);
            }
            "credit" => user.credit = spelled()?,
            "confirm" => user.confirm = word()?,
            "class" => user.class = word()?,
            "language" => user.language = word()?,
            "template" => user.template = word()?,
            _ => {}
        }
    }
    Ok(user)
}

/// Several values, or several in one.
fn list(values: &[&str], between: &[char]) -> Vec<String> {
    let all = values.iter().flat_map(|value| value.split(between));
    let all = all.map(str::trim).filter(|one| !one.is_empty());
    all.map(str::to_owned).collect()
}

/// A day as directories write it: 2027-12-31, with a time behind it, or 20271231235959Z (RFC 4517 §3.3.13).
fn date(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match (digits, text.get(..10), text.as_bytes().get(10)) {
        (8.., Some(_), _) | (8, None, _) => {
            format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..8])
        }
        (_, Some(day), Some(b' ' | b'T')) => day.to_owned(),
        _ => text.to_owned(),
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(format!("active is {text:?}; write true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::address::Domain;

    fn rules() -> Rules {
        let region = |code| Region::parse(code).expect("region");
        let domain = |mail: &str, code| Domain {
            mail: mail.to_owned(),
            sms: format!("sms.{mail}"),
            region: region(code),
        };
        Rules {
            addresses: address::Settings {
                domains: vec![domain("example.com", "US"), domain("example.org", "CZ")],
                prefix: "sms".into(),
                account: "sms".into(),
                plus_numbers: false,
            },
            region: region("US"),
            gateways: vec!["lab".into()],
            words: Words::default(),
            defaults: Policy::default(),
            domains: HashMap::from([(
                "example.org".to_owned(),
                Policy {
                    monthly_limit: 500,
                    ..Policy::default()
                },
            )]),
        }
    }

    fn read(fields: &[(&str, &str)]) -> Result<User, String> {
        let fields = fields
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]));
        let entry = Entry::new("cn=x", fields).expect("within limits");
        rules().read(&entry)
    }

    #[test]
    fn an_entry_is_a_user_like_others() {
        let user = read(&[
            ("email", "Jan@Example.org"),
            ("email", "a.novak@example.org"),
            ("aliases", "honza@example.org, jn@example.org"),
            ("login", "jnovak"),
            ("mobile", "777 123 456"),
            ("active", "TRUE"),
            ("expires", "20271231235959Z"),
            ("sender_ids", "ACME Inc,Hall"),
            ("send", "users"),
            ("gateway", "lab"),
            ("vacation", "means nothing"),
        ])
        .expect("a user");
        assert_eq!(user.email, "jan@example.org");
        assert_eq!(
            user.aliases,
            ["honza@example.org", "jn@example.org", "a.novak@example.org"]
        );
        assert_eq!(user.login.as_deref(), Some("jnovak"));
        let mobile = user.mobile.map(|number| number.as_str().to_owned());
        assert_eq!(mobile.as_deref(), Some("+420777123456"));
        assert_eq!(user.expires, Some(jiff::civil::date(2027, 12, 31)));
        assert_eq!(user.policy.sender_ids, ["ACME Inc", "Hall"]);
        assert_eq!(user.policy.monthly_limit, 500);
        assert!(user.policy.to_users && !user.policy.to_external);
    }

    #[test]
    fn what_does_no_harm_is_left_out() {
        let user = read(&[
            ("email", "ann@example.com"),
            ("aliases", "not an address,a@example.com"),
            ("mobile", "call me"),
            ("nickname", "two words"),
            ("phone_alias", "+1"),
            ("monthly_limit", "7"),
        ])
        .expect("a user");
        assert_eq!(
            (user.mobile, user.nickname, user.phone_alias),
            (None, None, None)
        );
        assert_eq!(user.aliases, ["a@example.com"]);
        assert_eq!(user.policy.monthly_limit, 7);
    }

    #[test]
    fn what_decides_must_make_sense() {
        for (key, value, expected) in [
            (
                "email",
                "ann",
                "email: \"ann\" is not a mail address; write one like ann@example.com",
            ),
            (
                "active",
                "perhaps",
                "active is \"perhaps\"; write true or false",
            ),
            (
                "expires",
                "soon",
                "expires: \"soon\" is not a date; write one like 2027-12-31",
            ),
            (
                "expires",
                "20271399",
                "expires: \"2027-13-99\" is not a date; write one like 2027-12-31",
            ),
            (
                "monthly_limit",
                "-1",
                "monthly_limit is \"-1\", which is not a number",
            ),
            ("max_segments", "300", "max_segments is above 128"),
            (
                "gateway",
                "moon",
                "gateway: \"moon\" is not a gateway; write lab",
            ),
        ] {
            let mut fields = vec![("email", "ann@example.com"), (key, value)];
            if key == "email" {
                fields.remove(0);
            }
            assert_eq!(read(&fields).expect_err(value), expected);
        }
        assert_eq!(
            read(&[("mobile", "+15551234567")]).expect_err("nobody"),
            "it has no email"
        );
        let rights = read(&[("email", "ann@example.com"), ("send", "everything")]);
        assert!(
            rights
                .expect_err("rights")
                .starts_with("send[0]: \"everything\" is not a right")
        );
    }
}
