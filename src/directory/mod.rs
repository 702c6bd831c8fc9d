//! Users that are not in the configuration but in a directory: LDAP ([`ldap`]) or SQL ([`sql`]).
//!
//! A directory answers one [`Question`] with at most one [`Entry`]: attributes by the names that a user has
//! in the configuration. What they mean is judged by the configuration's own rules ([`Reader`]), so a user
//! is the same wherever it comes from. Between who asks and the directory stands [`cache::Asked`]: it
//! remembers, lets one look-up of a key fly at a time, and leaves a directory alone that does not answer.
//!
//! What a directory MUST do: answer within its own timeout; answer `Ok(None)` only when it knows that nobody
//! is there; put names into its query so that they stay names (RFC 4515 escaping, bound parameters).
//! What it MAY NOT do: choose one of several entries; write; take a name from anywhere but the question.
//!
//! A look-up that cannot be answered is [`Later`], and the client hears 451: never 550, because a
//! directory that is away must not bounce a mail. That holds for two entries of one name and for an entry
//! that makes no sense too: an admin can mend both before the MTA gives up.

pub mod cache;
pub mod ldap;
pub mod sql;
pub mod template;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use crate::access::User;
use crate::access::found::{Found, Question};
use crate::mail::Reply;
use crate::secret::Secret;

/// A decision needs the sender, perhaps an alias's payer, the recipient by two names and its phone:
/// each may bring up the next.
const ROUNDS: usize = 8;

/// Values of one attribute that are looked at: Active Directory lists dozens of `proxyAddresses`.
const MAX_VALUES: usize = 256;

/// Octets of a value: no address, number or name is longer.
const MAX_VALUE: usize = 1024;

/// Octets of a value that an entry's DN or row may take in a log line.
const MAX_PLACE: usize = 200;

/// Where people are looked up.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Who it is, for people: `users_ldap[0]`.
    fn name(&self) -> &str;

    /// The entry that answers the question; `None`: nobody, and it is sure of that.
    async fn find(&self, question: &Question) -> Result<Option<Entry>, Later>;

    /// Tries everything that a look-up needs, and says what was found wanting, for `check`.
    async fn probe(&self) -> Result<Probe, Later>;
}

/// What a trial brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// What was reached and how, for people.
    pub reached: String,
    /// What an admin may want to change.
    pub remarks: Vec<String>,
}

/// A person's record as the directory has it: the attributes under the names that the keys of `users` have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The DN, or the query; for log lines.
    pub place: String,
    /// Key and values; a key without a value is not there.
    pub fields: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// An entry within limits.
    pub fn new(
        place: &str,
        fields: impl IntoIterator<Item = (String, Vec<String>)>,
    ) -> Result<Self, Later> {
        let mut cut: String = place.chars().filter(|c| !c.is_control()).collect();
        let end = cut.floor_char_boundary(MAX_PLACE);
        cut.truncate(end);
        let mut entry = Self {
            place: cut,
            fields: Vec::new(),
        };
        for (key, values) in fields {
            let values: Vec<_> = values.into_iter().filter(|v| !v.is_empty()).collect();
            if values.len() > MAX_VALUES || values.iter().any(|v| v.len() > MAX_VALUE) {
                let place = &entry.place;
                let why = format!(
                    "{place}: {key} has more than {MAX_VALUES} values or {MAX_VALUE} octets"
                );
                return Err(Later::Unusable(why));
            }
            if !values.is_empty() {
                entry.fields.push((key, values));
            }
        }
        Ok(entry)
    }
}

/// Makes a user of an entry, by the rules of the configuration; in words why not. What is wrong and does
/// no harm it leaves out, and logs.
pub type Reader = Arc<dyn Fn(&Entry) -> Result<User, String> + Send + Sync>;

/// No answer now. The texts are for logs and `check`: they may name people, and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Later {
    /// It could not be asked.
    #[error("{0}")]
    Down(String),
    /// There are several, and one of them would have to pay.
    #[error("{0}")]
    Ambiguous(String),
    /// What is there is no user.
    #[error("{0}")]
    Unusable(String),
}

impl Later {
    /// What the client hears: nothing of the directory, for that is not its business.
    pub fn reply(&self) -> Reply {
        let text = match self {
            Later::Down(_) => "the directory of SMS users does not answer; try again later",
            Later::Ambiguous(_) => {
                "the directory of SMS users has several entries for one name; the log says more"
            }
            Later::Unusable(_) => {
                "an entry in the directory of SMS users cannot be used; the log says more"
            }
        };
        Reply::new(451, "4.3.0", text)
    }
}

/// Where one directory is, and how it is asked.
#[derive(Clone, Debug)]
pub enum Kind {
    /// LDAP.
    Ldap(ldap::Settings),
    /// SQL.
    Sql(sql::Settings),
}

/// How long answers count, and how long the directory may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// A look-up, with everything it needs.
    pub timeout: Duration,
    /// Who was found counts so long.
    pub found: Duration,
    /// Who was not found counts so long.
    pub unknown: Duration,
    /// Who was found counts so long beyond that while the directory does not answer.
    pub stale: Duration,
}

/// One directory of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `users_ldap`, `users_sql[1]`.
    pub name: String,
    /// Which and where.
    pub kind: Kind,
    /// How long.
    pub times: Times,
}

/// Who asks the directory with which words.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The DN or user.
    pub name: String,
    /// Never printed.
    pub password: Secret,
}

/// Why a directory cannot be made of its settings.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {why}")]
pub struct Unfit {
    name: String,
    why: String,
}

/// All directories, in the order they are asked in.
#[derive(Default)]
pub struct Directories(Vec<Arc<cache::Asked>>);

impl Directories {
    /// These, asked in this order.
    pub fn of(all: Vec<Arc<cache::Asked>>) -> Self {
        Self(all)
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who answers the question, and in which directory. They are asked in order, and the first that knows
    /// decides; one that cannot be asked is not passed over, because it may know better.
    pub async fn find(&self, question: &Question) -> Result<Option<(Arc<User>, &str)>, Later> {
        for directory in &self.0 {
            if let Some(user) = directory.find(question).await? {
                return Ok(Some((user, directory.name())));
            }
        }
        Ok(None)
    }

    /// Tries each, past what is remembered of it.
    pub async fn probe(&self) -> Vec<(&str, Result<Probe, Later>)> {
        let mut all = Vec::new();
        for directory in &self.0 {
            all.push((directory.name(), directory.probe().await));
        }
        all
    }

    /// Decides with what directories know. `judge` is pure: it is called again with more answers until
    /// nothing is missing, and only the last of its decisions counts.
    pub async fn knowing<T>(&self, mut judge: impl FnMut(&Arc<Found>) -> T) -> Result<T, Later> {
        if self.0.is_empty() {
            return Ok(judge(&Arc::default()));
        }
        let mut found = Arc::new(Found::asking());
        for _ in 0..ROUNDS {
            let judged = judge(&found);
            let missed = found.missed();
            if missed.is_empty() {
                return Ok(judged);
            }
            let asked = missed.into_iter().map(|question| async {
                let answer = self.find(&question).await?;
                Ok((question, answer.map(|(user, _)| user)))
            });
            found = Arc::new(found.with(try_join_all(asked).await?));
        }
        let why = format!("a decision needed more than {ROUNDS} rounds of look-ups");
        Err(Later::Down(why))
    }
}

impl fmt::Debug for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|one| one.name()))
            .finish()
    }
}

/// Makes the directory of its settings. It connects to nothing yet: one that is away at the start is away like
/// later.
pub fn open(settings: &Settings) -> Result<Arc<dyn Directory>, Unfit> {
    let unfit = |why: String| Unfit {
        name: settings.name.clone(),
        why,
    };
    let (name, timeout) = (settings.name.clone(), settings.times.timeout);
    Ok(match &settings.kind {
        Kind::Ldap(ldap) => Arc::new(ldap::Ldap::new(name, ldap.clone(), timeout).map_err(unfit)?),
        Kind::Sql(sql) => Arc::new(sql::Sql::new(name, sql.clone(), timeout)),
    })
}

/// The host is this machine: nobody listens on the way. `rest`: a URL behind its `://`.
fn is_near(rest: &str) -> bool {
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(ip) => ip.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let ip = host.parse::<std::net::IpAddr>();
    host.is_empty() || host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near() {
        for (rest, expected) in [
            ("localhost:389", true),
            ("127.0.0.1:389/", true),
            ("user@127.1.2.3/db", true),
            ("[::1]:389", true),
            ("/db?socket=/run/x", true),
            ("ldap.example.com", false),
            ("127.0.0.1.example.com", false),
            ("localhost@ldap.example.com/", false),
            ("192.0.2.1:389", false),
        ] {
            assert_eq!(is_near(rest), expected, "{rest}");
        }
    }

    #[test]
    fn an_entry_has_limits() {
        let of = |values: Vec<String>| Entry::new("cn=ann", [("mobile".to_owned(), values)]);
        assert!(of(vec!["x".repeat(MAX_VALUE + 1)]).is_err());
        assert!(of(vec!["x".to_owned(); MAX_VALUES + 1]).is_err());
        assert_eq!(of(vec![String::new()]).expect("entry").fields, []);
        let long = Entry::new(&"ü\n".repeat(300), []).expect("entry");
        assert!(long.place.len() <= MAX_PLACE);
    }
}
