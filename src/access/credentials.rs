//! What a recipient's address shows beside the envelope: who is said to pay, proven or not.
//!
//! Whether a password is right takes threads, whether a token is, the store: `outbound::credentials`
//! finds out and says so with a [`Shown`]. Who pays is then [`super::payer`]'s. Every wrong one is answered
//! alike ([`wrong`]), and no answer repeats any.

use super::Access;
use super::token::TokenId;
use crate::mail::address::Credentials;
use crate::mail::{Envelope, Reply};
use crate::secret::Secret;
use crate::sms::Number;

/// A TLS client certificate that the MTA has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The common name of its subject.
    pub name: String,
    /// The common name of who issued it, when the MTA says so.
    pub issuer: Option<String>,
}

/// What an address shows, looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nothing; or nothing that counts, because who has logged in pays.
    #[default]
    Nothing,
    /// The right password of this account.
    Password(String),
    /// A token that is good.
    Token {
        /// Who pays.
        account: String,
        /// For these numbers only.
        numbers: Vec<Number>,
        /// Which it is.
        id: TokenId,
    },
}

impl Shown {
    /// The account that pays for this number; `None`: nothing was shown.
    pub fn account(&self, number: &Number) -> Result<Option<&str>, Reply> {
        match self {
            Shown::Nothing => Ok(None),
            Shown::Password(account) => Ok(Some(account)),
            Shown::Token {
                account, numbers, ..
            } if numbers.contains(number) => Ok(Some(account)),
            Shown::Token { .. } => Err(wrong()),
        }
    }

    /// The account that pays, for whatever number it is.
    pub fn account_at_all(&self) -> Option<&str> {
        match self {
            Shown::Nothing => None,
            Shown::Password(account) | Shown::Token { account, .. } => Some(account),
        }
    }

    /// The token, when it is one.
    pub fn token(&self) -> Option<TokenId> {
        match self {
            Shown::Token { id, .. } => Some(*id),
            _ => None,
        }
    }
}

/// The answer to a wrong password and to a wrong, expired, revoked or used up token, and to one for another
/// number: one for every cause, so that it tells a guesser nothing (spec 2.2).
pub fn wrong() -> Reply {
    Reply::new(550, "5.7.8", "wrong password or token")
}

/// Whether a reply is [`wrong`]'s.
pub fn is_wrong(reply: &Reply) -> bool {
    reply.enhanced == "5.7.8"
}

/// What is to be looked up of what an address shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether this token is good, and whose it is.
    Token(Secret),
    /// Whether this is the password of that user.
    Password(String, Secret),
}

impl Question {
    /// The name that a password is said to be of.
    pub fn name(&self) -> Option<&str> {
        match self {
            Question::Token(_) => None,
            Question::Password(name, _) => Some(name),
        }
    }
}

impl Access {
    /// What must be looked up before it is known who pays: nothing where nothing is shown, nor for who has
    /// logged in, because that counts more.
    pub fn question(
        &self,
        envelope: &Envelope,
        credentials: Credentials,
    ) -> Result<Option<Question>, Reply> {
        let Credentials { user, pass, token } = credentials;
        let asked = match (token, user, pass) {
            (None, None, None) => return Ok(None),
            (_, Some(_), _) if !self.takes_address_passwords() => return Err(no_passwords("user")),
            (_, _, Some(_)) if !self.takes_address_passwords() => return Err(no_passwords("pass")),
            (_, Some(_), None) => return Err(missing("pass")),
            (_, None, Some(_)) => return Err(missing("user")),
            (Some(token), _, _) => Question::Token(token),
            (None, Some(user), Some(pass)) => Question::Password(user, pass),
        };
        Ok(Some(asked).filter(|_| self.logged_in(envelope).is_none()))
    }
}

fn missing(parameter: &str) -> Reply {
    let text = format!("parameter {parameter} is missing: user and pass go together");
    Reply::new(550, "5.1.3", text)
}

/// The answer where passwords in addresses are not taken.
fn no_passwords(parameter: &str) -> Reply {
    let text = format!(
        "parameter {parameter} is not taken here: log in to the mail server, or use a token"
    );
    Reply::new(550, "5.1.3", text)
}
