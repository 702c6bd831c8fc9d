//! What directories know of people, as far as somebody asked: the look-ups that [`super::Access`] and the
//! way in need beyond the configuration.
//!
//! Who decides is pure and asks no network. It decides with the answers it was handed and notes in
//! [`Found`] what it missed; who called it has that looked up and lets it decide again, until nothing
//! is missing (`directory::Directories::knowing`). So the look-ups are those that the decision makes, and
//! nobody has to guess them beforehand. A decision beside which something is missing is none.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{People, User};
use crate::sms::Number;

/// No longer name is looked up: RFC 5321 §4.5.3.1 has 64 octets, `@` and 255.
const MAX_NAME: usize = 320;

/// What a directory is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// The user with this address, alias or login; lower case.
    Name(String),
    /// The user of a mail domain who is called so; lower case.
    Nickname {
        /// What people on phones say.
        nickname: String,
        /// The mail domain.
        domain: String,
    },
    /// The user with this phone.
    Mobile(Number),
}

impl fmt::Display for Question {
    /// For logs and people; a number as it is, where [`fmt::Debug`] masks it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Question::Name(name) => write!(f, "{name}"),
            Question::Nickname { nickname, domain } => write!(f, "nickname {nickname} at {domain}"),
            Question::Mobile(number) => write!(f, "mobile {number:?}"),
        }
    }
}

impl Question {
    /// Asks for an address, alias or login; `None`: nobody can be called so.
    pub fn name(name: &str) -> Option<Self> {
        plausible(name).map(Question::Name)
    }

    /// Asks for a nickname; `None`: nobody can be called so.
    pub fn nickname(nickname: &str, domain: &str) -> Option<Self> {
        Some(Question::Nickname {
            nickname: plausible(nickname).filter(|name| !name.contains(char::is_whitespace))?,
            domain: domain.to_lowercase(),
        })
    }
}

/// In lower case, when a name of a person can look so.
fn plausible(name: &str) -> Option<String> {
    let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
    fits.then(|| name.to_lowercase())
}

/// Answers, and what was asked in vain.
#[derive(Debug, Default)]
pub struct Found {
    /// There is somebody to ask.
    asks: bool,
    answers: HashMap<Question, Option<Arc<User>>>,
    missed: Mutex<BTreeSet<Question>>,
}

impl Found {
    /// Nothing is known yet, and there is somebody to ask. (Without: [`Found::default`].)
    pub fn asking() -> Self {
        Self {
            asks: true,
            ..Self::default()
        }
    }

    /// The answer; where there is none yet, the question is noted.
    pub fn about(&self, question: Question) -> Option<&User> {
        if !self.asks {
            return None;
        }
        match self.answers.get(&question) {
            Some(answer) => answer.as_deref(),
            None => {
                let mut missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
                missed.insert(question);
                None
            }
        }
    }

    /// Whether the question is answered, with somebody or nobody.
    fn has(&self, question: &Question) -> bool {
        self.answers.contains_key(question)
    }

    /// What was asked and is not known.
    pub fn missed(&self) -> Vec<Question> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.iter().cloned().collect()
    }

    /// The same answers and more, with nothing missed.
    pub fn with(&self, more: impl IntoIterator<Item = (Question, Option<Arc<User>>)>) -> Self {
        let mut answers = self.answers.clone();
        for (question, answer) in more {
            if let Some(user) = &answer {
                // Whoever was found by another name is not asked for by the address again.
                let own = Question::Name(user.email.clone());
                answers.entry(own).or_insert_with(|| answer.clone());
            }
            answers.insert(question, answer);
        }
        Self {
            asks: self.asks,
            answers,
            missed: Mutex::default(),
        }
    }
}

/// All who are known: the users of the configuration, then those that directories found. Whoever the
/// configuration has, by the address, is as it says there, whatever a directory says.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    people: &'a People,
    found: &'a Found,
}

impl<'a> Known<'a> {
    /// The users, and what directories said so far.
    pub fn new(people: &'a People, found: &'a Found) -> Self {
        Self { people, found }
    }

    fn ask(self, question: Option<Question>) -> Option<&'a User> {
        let user = self.found.about(question?)?;
        Some(self.people.named(&user.email).unwrap_or(user))
    }

    /// The user with that address, alias or login, any case.
    pub fn named(self, name: &str) -> Option<&'a User> {
        let own = self.people.named(name);
        own.or_else(|| self.ask(Question::name(name)))
    }

    /// The user called so on the SMS domain beside a mail domain: local part of an address or alias, else
    /// nickname.
    pub fn called(self, local: &str, mail_domain: &str) -> Option<&'a User> {
        let own = self.people.called(local, mail_domain);
        let address = Question::name(&format!("{local}@{mail_domain}"));
        let own = own.or_else(|| self.ask(address.clone()));
        // Whoever has the address needs no nickname, and it is not asked for in vain.
        let is_nobody = || address.is_none_or(|address| self.found.has(&address));
        own.or_else(|| is_nobody().then(|| self.nicknamed_at(local, mail_domain))?)
    }

    fn nicknamed_at(self, nickname: &str, mail_domain: &str) -> Option<&'a User> {
        let found = self.ask(Question::nickname(nickname, mail_domain));
        found.filter(|user| user.domain().eq_ignore_ascii_case(mail_domain))
    }

    /// The one user with that nickname in any of these mail domains; nobody where several have it.
    pub fn nicknamed<'d>(
        self,
        nickname: &str,
        mail_domains: impl Iterator<Item = &'d str>,
    ) -> Option<&'a User> {
        let own = self.people.nicknamed(nickname);
        let found = mail_domains.filter_map(|domain| self.nicknamed_at(nickname, domain));
        let mut all: Vec<&User> = own.into_iter().chain(found).collect();
        all.dedup_by(|a, b| a.email == b.email);
        match all[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The user with that phone.
    pub fn with_mobile(self, mobile: &Number) -> Option<&'a User> {
        let own = self.people.with_mobile(mobile);
        own.or_else(|| self.ask(Some(Question::Mobile(mobile.clone()))))
    }

    /// Whether two addresses are one user's.
    pub fn is_same(self, a: &str, b: &str) -> bool {
        let user = |name: &str| self.named(name).map(|user| &user.email);
        a.eq_ignore_ascii_case(b) || user(a).is_some_and(|a| user(b) == Some(a))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_name_is_asked() {
        for (name, expected) in [
            ("Ann@Example.com", Some("ann@example.com")),
            ("asmith", Some("asmith")),
            ("*)(uid=*", Some("*)(uid=*")),
            ("", None),
            ("ann\0", None),
            ("ann\r\n", None),
        ] {
            let asked = Question::name(name).map(|q| q.to_string());
            assert_eq!(asked.as_deref(), expected, "{name}");
        }
        assert_eq!(Question::name(&"a".repeat(321)), None);
        assert_eq!(Question::nickname("ann smith", "example.com"), None);
    }

    #[test]
    fn a_nickname_is_asked_for_when_nobody_has_the_address() {
        let people = People::default();
        let name = Question::Name("ann@example.com".into());
        let nickname = Question::nickname("ann", "example.com").expect("a nickname");
        let missed = |found: &Found| {
            let user = Known::new(&people, found).called("Ann", "example.com");
            (user.map(|user| user.email.clone()), found.missed())
        };
        let nothing = Found::asking();
        assert_eq!(missed(&nothing), (None, vec![name.clone()]));
        let nobody = nothing.with([(name.clone(), None)]);
        assert_eq!(missed(&nobody), (None, vec![nickname.clone()]));
        let ann = Arc::new(User::new("ann.smith@example.com", Default::default()));
        let email = Some(ann.email.clone());
        let elsewhere = Arc::new(User::new("ann@example.org", Default::default()));
        for (question, user, expected) in [
            (name, &ann, email.clone()),
            (nickname.clone(), &ann, email),
            (nickname, &elsewhere, None),
        ] {
            let known = nobody.with([(question, Some(user.clone()))]);
            assert_eq!(missed(&known), (expected, vec![]));
        }
    }

    #[test]
    fn whom_the_configuration_has_is_as_it_says() {
        let own = User {
            active: false,
            ..User::new("ann@example.com", Default::default())
        };
        let people = People::from(vec![own]);
        let found = Arc::new(User::new("ann@example.com", Default::default()));
        let found = Found::asking().with([(Question::Name("asmith".into()), Some(found))]);
        let known = Known::new(&people, &found).named("ASmith");
        assert_eq!(known.map(|user| user.active), Some(false));
    }

    #[test]
    fn what_is_missing_is_noted_once() {
        let none = Found::default();
        assert_eq!(none.about(Question::Name("ann".into())), None);
        assert_eq!(none.missed(), []);
        let found = Found::asking();
        for _ in 0..2 {
            assert_eq!(found.about(Question::Name("ann".into())), None);
        }
        assert_eq!(found.missed(), [Question::Name("ann".into())]);
        let found = found.with([(Question::Name("ann".into()), None)]);
        assert_eq!(found.about(Question::Name("ann".into())), None);
        assert_eq!(found.missed(), []);
    }
}
