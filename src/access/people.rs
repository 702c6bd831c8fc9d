//! The users, to be looked up by every name they have. Built once, then only read.
//!
//! Each look-up is a look into a map, however many users there are: a milter asks at each RCPT, and the way
//! in for each SMS. Who has no entry is nobody's error here: `None`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use super::User;
use crate::sms::Number;

/// All users of the configuration.
#[derive(Clone, Default)]
pub struct People {
    users: Vec<User>,
    /// Addresses, aliases and logins, lower case.
    by_name: HashMap<Box<str>, u32>,
    /// Lower case; once in a mail domain.
    by_nickname: HashMap<Box<str>, Vec<u32>>,
    by_mobile: HashMap<Number, u32>,
    /// Lower case.
    by_certificate: HashMap<Box<str>, u32>,
    /// Those that are programs.
    programs: Vec<u32>,
}

impl People {
    /// Builds the tables. Where a name is that of several, the last one has it: the configuration refuses
    /// such users.
    pub fn new(users: Vec<User>) -> Self {
        let mut people = Self {
            by_name: HashMap::with_capacity(2 * users.len()),
            ..Self::default()
        };
        for (index, user) in users.iter().enumerate() {
            // u32: a machine's memory ends before.
            let index = index as u32;
            let names = user.names().map(|name| (lower(name), index));
            people.by_name.extend(names);
            if let Some(nickname) = &user.nickname {
                let called = people.by_nickname.entry(lower(nickname)).or_default();
                called.push(index);
            }
            if let Some(mobile) = &user.mobile {
                // A mobile that several share is the first one's, in a mail's From too.
                people.by_mobile.entry(mobile.clone()).or_insert(index);
            }
            let certificates = user.certificates.iter();
            let certificates = certificates.map(|name| (lower(name), index));
            people.by_certificate.extend(certificates);
            people.programs.extend(user.post.then_some(index));
        }
        people.users = users;
        people
    }

    /// The user with that address, alias or login, any case.
    pub fn named(&self, name: &str) -> Option<&User> {
        self.at(*self.by_name.get(&*lower(name))?)
    }

    /// The user called so on the SMS domain beside a mail domain: local part of an address or alias, else
    /// nickname.
    pub fn called(&self, local: &str, mail_domain: &str) -> Option<&User> {
        if let Some(user) = self.named(&format!("{local}@{mail_domain}")) {
            return Some(user);
        }
        let mut nicknamed = self.all_nicknamed(local);
        nicknamed.find(|user| user.domain().eq_ignore_ascii_case(mail_domain))
    }

    /// The one user with that nickname, in whatever domain; nobody where several have it.
    pub fn nicknamed(&self, nickname: &str) -> Option<&User> {
        let mut all = self.all_nicknamed(nickname);
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    fn all_nicknamed(&self, nickname: &str) -> impl Iterator<Item = &User> {
        let called = self.by_nickname.get(&*lower(nickname));
        let called = called.map_or(&[][..], Vec::as_slice);
        called.iter().filter_map(|&index| self.at(index))
    }

    /// The user with that phone.
    pub fn with_mobile(&self, mobile: &Number) -> Option<&User> {
        self.at(*self.by_mobile.get(mobile)?)
    }

    /// The user with that TLS client certificate, any case.
    pub fn with_certificate(&self, name: &str) -> Option<&User> {
        self.at(*self.by_certificate.get(&*lower(name))?)
    }

    /// Whether two addresses are one user's.
    pub fn is_same(&self, a: &str, b: &str) -> bool {
        let index = |name: &str| self.by_name.get(&*lower(name));
        a.eq_ignore_ascii_case(b) || index(a).is_some_and(|a| index(b) == Some(a))
    }

    /// The users that are programs.
    pub fn programs(&self) -> impl Iterator<Item = &User> {
        self.programs.iter().filter_map(|&index| self.at(index))
    }

    fn at(&self, index: u32) -> Option<&User> {
        self.users.get(index as usize)
    }
}

impl Deref for People {
    type Target = [User];

    fn deref(&self) -> &[User] {
        &self.users
    }
}

impl From<Vec<User>> for People {
    fn from(users: Vec<User>) -> Self {
        Self::new(users)
    }
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.users.fmt(f)
    }
}

fn lower(name: &str) -> Box<str> {
    name.to_lowercase().into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    fn people() -> People {
        let user = |email: &str, nickname: &str| User {
            nickname: Some(nickname.to_owned()),
            ..User::new(email, Policy::default())
        };
        People::new(vec![
            User {
                aliases: vec!["ann@example.com".into()],
                login: Some("ASmith".into()),
                mobile: Number::from_network("+15557654321"),
                certificates: vec!["Ann's phone".into()],
                ..user("ann.smith@example.com", "Annie")
            },
            user("bob@example.com", "ann"),
            user("bob@example.org", "annie"),
            User {
                post: true,
                ..user("branch@example.org", "Zoë")
            },
        ])
    }

    #[test]
    fn looks_up_every_name() {
        let people = people();
        let email = |user: Option<&User>| user.map_or("-", |user| &user.email).to_owned();
        for (name, expected) in [
            ("ann.smith@example.com", "ann.smith@example.com"),
            ("ANN@Example.COM", "ann.smith@example.com"),
            ("asmith", "ann.smith@example.com"),
            ("annie", "-"),
            ("", "-"),
        ] {
            assert_eq!(email(people.named(name)), expected, "{name}");
        }
        for (local, domain, expected) in [
            ("ann.smith", "example.com", "ann.smith@example.com"),
            // An address is more than a nickname.
            ("ann", "example.com", "ann.smith@example.com"),
            ("ANNIE", "example.com", "ann.smith@example.com"),
            ("annie", "example.org", "bob@example.org"),
            ("bob", "example.org", "bob@example.org"),
            ("ann", "example.org", "-"),
            ("annie", "example.net", "-"),
            ("ZOË", "example.org", "branch@example.org"),
        ] {
            let found = email(people.called(local, domain));
            assert_eq!(found, expected, "{local} {domain}");
        }
        // Two are called so: a phone that says it means nobody for sure.
        assert_eq!(email(people.nicknamed("annie")), "-");
        assert_eq!(email(people.nicknamed("Ann")), "bob@example.com");
        let mobile = Number::from_network("+15557654321").expect("number");
        assert_eq!(email(people.with_mobile(&mobile)), "ann.smith@example.com");
        let certificate = people.with_certificate("ANN'S PHONE");
        assert_eq!(email(certificate), "ann.smith@example.com");
        assert!(people.is_same("asmith", "Ann@example.com"));
        assert!(people.is_same("eve@example.com", "Eve@example.com"));
        assert!(!people.is_same("eve@example.com", "ann@example.com"));
        assert_eq!(people.programs().count(), 1);
        assert_eq!(people.len(), 4);
    }
}
