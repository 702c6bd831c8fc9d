//! What there is to tell a sender of a message, and whether he wants to hear of it. Pure.

use crate::mail::dsn::Notify;
use crate::store::{Message, State};

/// What a mail about a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Refused for good.
    Failed,
    /// Too late.
    Expired,
    /// May have been sent.
    Unknown,
    /// Not sent yet.
    Late,
    /// Handed over, as asked; more will not be known.
    Confirmed,
    /// Handed over, and still no word that it was delivered.
    Overdue,
    /// Delivered, as asked.
    Delivered,
    /// Taken by the network, but it did not reach the phone.
    Undelivered,
}

impl Cause {
    const ALL: [Cause; 8] = [
        Cause::Failed,
        Cause::Expired,
        Cause::Unknown,
        Cause::Late,
        Cause::Confirmed,
        Cause::Overdue,
        Cause::Delivered,
        Cause::Undelivered,
    ];

    /// As the store keeps it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Failed => "failed",
            Cause::Expired => "expired",
            Cause::Unknown => "unknown",
            Cause::Late => "late",
            Cause::Confirmed => "confirmed",
            Cause::Overdue => "overdue",
            Cause::Delivered => "delivered",
            Cause::Undelivered => "undelivered",
        }
    }

    /// The cause of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// Whether the message did not arrive, as far as anyone knows.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Cause::Failed | Cause::Expired | Cause::Unknown | Cause::Undelivered
        )
    }

    /// Whether the sender wants to hear of it (RFC 3461 §4.1). Without `NOTIFY` it is as we think fit: all but
    /// confirmations, which are only told when they were asked for in some way.
    pub(super) fn is_wanted(self, notify: Option<Notify>) -> bool {
        let Some(notify) = notify else { return true };
        match self {
            cause if cause.is_failure() => notify.failure,
            Cause::Late => notify.delay,
            _ => notify.success,
        }
    }

    /// Whether it is still so: what is told later than it happened may be over.
    pub(super) fn still_holds(self, message: &Message) -> bool {
        let state = message.state;
        match self {
            Cause::Failed | Cause::Undelivered => state == State::Failed,
            Cause::Expired => state == State::Expired,
            Cause::Unknown => state == State::Unknown,
            Cause::Late => !state.is_final(),
            // A receipt that nobody asked for makes it no less true.
            Cause::Confirmed => matches!(state, State::Sent | State::Delivered),
            Cause::Overdue => state == State::Sent,
            Cause::Delivered => state == State::Delivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        for cause in Cause::ALL {
            assert_eq!(Cause::of_name(cause.name()), Some(cause));
        }
        assert_eq!(Cause::of_name("told"), None);
    }

    /// RFC 3461 §4.1.
    #[test]
    fn each_is_told_to_who_asked_for_it() {
        use Cause::*;
        let all = |causes: &[Cause], word: &str| {
            for cause in Cause::ALL {
                let notify = Notify::parse(word);
                assert_eq!(
                    cause.is_wanted(notify),
                    causes.contains(&cause),
                    "{word} {cause:?}"
                );
            }
        };
        let (failures, successes) = (
            [Failed, Expired, Unknown, Undelivered],
            [Confirmed, Overdue, Delivered],
        );
        all(&[], "NEVER");
        all(&failures, "FAILURE");
        all(&[Late], "DELAY");
        all(&successes, "SUCCESS");
        all(&[&failures[..], &[Late]].concat(), "DELAY,FAILURE");
        all(&Cause::ALL, "");
    }
}
