//! Whom we write to in which language: the account's `language`, else its domain's, else
//! `access.defaults.language`, else `mail.language`.
//!
//! A directory is not waited for: what it says of a language counts from the moment when somebody of it was
//! served here ([`Speech::learn`]) to the next reload.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Words;
use crate::access::{People, Settings};

/// Users of directories whose language is remembered; the rest are written to as their domain is.
const MAX_LEARNED: usize = 10_000;

/// The words for everybody. Cheap to clone.
#[derive(Clone, Default)]
pub struct Speech {
    house: Words,
    defaults: Option<Arc<str>>,
    /// Mail domains, lower case.
    domains: Arc<HashMap<String, Arc<str>>>,
    people: Arc<People>,
    learned: Arc<Mutex<HashMap<String, Option<Arc<str>>>>>,
}

// Who the people are is nobody's business here.
impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.house.fmt(f)
    }
}

impl Speech {
    /// `words` speak `mail.language`; `access` knows who wants another one.
    pub fn new(words: Words, access: &Settings) -> Self {
        let domains = access.domains.iter();
        let domains =
            domains.filter_map(|(domain, policy)| Some((domain.clone(), policy.language.clone()?)));
        Self {
            house: words.in_zone(access.timezone.clone()),
            defaults: access.defaults.language.clone(),
            domains: Arc::new(domains.collect()),
            people: access.users.clone(),
            learned: Arc::default(),
        }
    }

    /// For the admin, for phones, and for what nobody is written to in.
    pub fn house(&self) -> &Words {
        &self.house
    }

    /// An account that a directory found wants this language.
    pub fn learn(&self, account: &str, language: Option<&Arc<str>>) {
        if self.people.named(account).is_some() || language.map(|l| &**l) == self.known(account) {
            return;
        }
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if learned.len() < MAX_LEARNED || learned.contains_key(account) {
            learned.insert(account.to_owned(), language.cloned());
        }
    }

    /// For somebody, by any address of theirs.
    pub fn to(&self, address: &str) -> Words {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.get(address).cloned();
        let language = match &learned {
            Some(language) => language.as_deref(),
            None => self.known(address),
        };
        let theirs = language.and_then(|language| self.house.speaking(language));
        theirs.unwrap_or_else(|| self.house.clone())
    }

    /// What the configuration says of an address.
    fn known(&self, address: &str) -> Option<&str> {
        if let Some(user) = self.people.named(address) {
            return user.policy.language.as_deref();
        }
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let theirs = self.domains.get(&domain.to_ascii_lowercase());
        theirs
            .or(self.defaults.as_ref())
            .map(|language| &**language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Policy, User};

    fn speaking(language: Option<&str>) -> Policy {
        Policy {
            language: language.map(Arc::from),
            ..Policy::default()
        }
    }

    #[test]
    fn a_user_then_his_domain_then_all() {
        let user = |email: &str, language| User::new(email, speaking(language));
        let users = vec![
            user("ann@example.com", Some("fr")),
            // Inheritance is the configuration's.
            user("bob@example.com", Some("de")),
            user("eve@example.org", None),
        ];
        let speech = Speech {
            domains: Arc::new(HashMap::from([("example.com".to_owned(), "de".into())])),
            people: Arc::new(People::new(users)),
            ..Speech::default()
        };
        let check = |address: &str, language: &str| {
            assert_eq!(speech.to(address).language(), language, "{address}");
        };
        check("ann@example.com", "fr");
        check("bob@example.com", "de");
        check("eve@example.org", "en");
        check("new@EXAMPLE.com", "de");
        check("stranger@elsewhere.example", "en");
        speech.learn("new@example.com", Some(&"cs".into()));
        speech.learn("ann@example.com", Some(&"cs".into()));
        check("new@example.com", "cs");
        check("ann@example.com", "fr");
        speech.learn("new@example.com", Some(&"it".into()));
        check("new@example.com", "it");
    }
}
