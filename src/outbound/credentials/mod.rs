//! Whether what an address shows is right: its password, or its token (spec 2.1, 3).
//!
//! Looked at only where it decides: who has logged in pays, whatever the address says. A wrong one is never
//! passed over in favour of something weaker. No secret is stored or logged, and none outlives its question.
//!
//! Time: guesses are slowed by [`guesses`], and never by so much that an MTA gives up.

pub mod guesses;
pub mod passwords;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;

use self::guesses::{Guesses, Turn};
use self::passwords::{Passwords, Verdict, Workers};
use super::Outbound;
use super::plan::Planner;
use crate::access::credentials::{Question, Shown, wrong};
use crate::access::{Access, token};
use crate::mail::address::Credentials;
use crate::mail::{Client, Envelope, Reply};
use crate::secret::Secret;
use crate::world::World;

/// What is kept for the next question.
pub struct Checks {
    passwords: Passwords,
    guesses: Mutex<Guesses>,
    /// The threads that hash, for all doors.
    pub workers: Arc<Workers>,
}

impl Checks {
    /// Nothing is known yet.
    pub fn new(world: &World) -> Self {
        let workers = Workers::new();
        Self {
            passwords: Passwords::new(workers.clone(), world),
            guesses: Mutex::default(),
            workers,
        }
    }

    fn guesses<T>(&self, change: impl FnOnce(&mut Guesses) -> T) -> T {
        let guesses = self.guesses.lock();
        change(&mut guesses.unwrap_or_else(PoisonError::into_inner))
    }
}

/// A credential that is being looked at. It was a wrong one, unless somebody says otherwise.
pub struct Guess<'a> {
    checks: &'a Checks,
    client: Client,
    account: Option<String>,
    is_wrong: bool,
}

impl Guess<'_> {
    /// It was right, or nobody could tell.
    pub fn not_wrong(mut self) {
        self.is_wrong = false;
    }
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        let (client, account) = (self.client, self.account.as_deref());
        self.checks.guesses(|guesses| match self.is_wrong {
            false => guesses.right(client),
            true => guesses.wrong(client, account, Instant::now()),
        });
    }
}

impl Outbound {
    /// Looks up what the address of a recipient shows. The guess that it is was a wrong one, until it has paid
    /// ([`Guess::not_wrong`]): a token does not pay for another number.
    pub async fn look_up(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<(Shown, Option<Guess<'_>>), Reply> {
        let access = &planner.access;
        let Some(question) = access.question(envelope, credentials)? else {
            return Ok((Shown::Nothing, None));
        };
        // Who is believed anyway gains nothing by guessing, and brings other people's mail: one stale token
        // must not keep it out. What comes back through the MTA was looked at when it first came.
        let client = match access.is_resubmission(envelope) || access.is_trusted(envelope.client) {
            true => Client::Local,
            false => envelope.client,
        };
        let access = match question.name() {
            Some(name) => &planner.access_to(name).await?,
            None => access,
        };
        let account = question.name().map(|name| {
            let user = access.user_named(name);
            user.map_or(name, |user| &user.email)
        });
        let guess = self.guess(client, account).await?;
        let shown = match question {
            Question::Token(token) => self.token(&token, now).await,
            Question::Password(name, password) => {
                check_password(&self.checks.passwords, access, &name, password).await
            }
        };
        match shown {
            Ok(Some(shown)) => Ok((shown, Some(guess))),
            Err(reply) => {
                guess.not_wrong();
                Err(reply)
            }
            Ok(None) => {
                tracing::info!(
                    queue_id = envelope.queue_id.as_deref().unwrap_or_default(),
                    client = %Named(envelope.client),
                    event = "wrong-credentials"
                );
                Err(wrong())
            }
        }
    }

    /// Waits until this client may guess, and this account be guessed.
    async fn guess(&self, client: Client, account: Option<&str>) -> Result<Guess<'_>, Reply> {
        let checks = &self.checks;
        match checks.guesses(|guesses| guesses.shown(client, account, Instant::now())) {
            Turn::SentAway => {
                let text = "too many wrong passwords or tokens from this address; try again later";
                Err(Reply::new(421, "4.7.0", text))
            }
            Turn::After(wait) => {
                let guess = Guess {
                    checks,
                    client,
                    account: account.map(str::to_owned),
                    is_wrong: true,
                };
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                Ok(guess)
            }
        }
    }

    async fn token(&self, token: &Secret, now: Timestamp) -> Result<Option<Shown>, Reply> {
        let Some(digest) = token::digest(token) else {
            return Ok(None);
        };
        let found = self.store.token(digest).await;
        let found = found.map_err(|error| super::accept::unable(&error))?;
        Ok(found
            .filter(|token| token.is_good(now))
            .map(|token| Shown::Token {
                id: token.id(),
                account: token.account,
                numbers: token.numbers,
            }))
    }
}

/// Whose password it is, if it is right.
pub async fn check_password(
    passwords: &Passwords,
    access: &Access,
    name: &str,
    password: Secret,
) -> Result<Option<Shown>, Reply> {
    let user = access.user_named(name);
    let hash = user.and_then(|user| user.password_hash.as_ref());
    let account = user.map_or(name, |user| &user.email);
    let hash = hash.map(Secret::expose);
    let checked = passwords.check(account, hash, access.stand_ins(), password);
    match checked.await {
        Verdict::Right => Ok(Some(Shown::Password(account.to_owned()))),
        Verdict::Wrong => Ok(None),
        Verdict::Busy => {
            let text = "too many passwords at once; try again later";
            Err(Reply::new(451, "4.7.0", text))
        }
    }
}

/// A client in a log line.
struct Named(Client);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Client::Local => f.write_str("local"),
            Client::Ip(ip) => write!(f, "{ip}"),
            Client::Unknown => f.write_str("unknown"),
        }
    }
}
