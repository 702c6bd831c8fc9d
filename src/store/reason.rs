//! Why a message was not sent, not yet, or did not arrive.
//!
//! What is ours to say has a name, so that a mail can say it in its reader's language. What a gateway, a network
//! or a provider said is kept in its own words. [`fmt::Display`] is English, as logs, commands, the API and
//! RFC 3464 have it, and as records of versions before hold it.

use std::fmt;

use super::guard::{Over, Run};
use crate::sms::{Receipt, span};

/// The reason of a message's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its phone wants no SMS.
    OptedOut,
    /// None of the gateways can carry it.
    NoGateway,
    /// A limit holds it.
    Held(Over),
    /// The network took it, and said later that it did not arrive.
    Network(Receipt),
    /// As somebody else said it: one line, no secrets.
    Said(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::OptedOut => f.write_str("this phone wants no SMS: its owner has opted out"),
            Reason::NoGateway => f.write_str("no gateway can carry this message"),
            Reason::Held(over) => held(over, f),
            Reason::Network(receipt) => f.write_str(&receipt.failure().unwrap_or_default()),
            Reason::Said(said) => f.write_str(said),
        }
    }
}

fn held(over: &Over, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match over {
        Over::Run(Run { numbers, minutes }) => {
            let within = span::english(span::minutes(*minutes));
            write!(
                f,
                "held: more than {numbers} neighbouring numbers in {within} (limits.run)"
            )
        }
        Over::UserHour(limit) => write!(
            f,
            "held: more than {limit} SMS of one sender in an hour (limits.per_user_hour)"
        ),
        Over::NumberHour(limit) => write!(
            f,
            "held: more than {limit} SMS to one number in an hour (limits.per_number_hour, or the bound \
             of what incoming.rules forwards)"
        ),
        Over::SiteDay { day, limit } => write!(
            f,
            "held: the {limit} SMS that this site sends on {day} are used up (limits.site_day)"
        ),
    }
}

impl From<&str> for Reason {
    fn from(said: &str) -> Self {
        Reason::Said(said.to_owned())
    }
}
