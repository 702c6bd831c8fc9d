//! How an HTTP gateway does, as its requests tell.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::gateway::{Outcome, Refusal, Status, become_};

/// Failures in a row before the gateway says so.
const STRIKES: u32 = 3;

/// What an exchange says of the provider, beside its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is there, or nobody knows.
    Answered,
    /// It was not reached.
    Unreached,
    /// Again would bring the same: a redirect, no credit, a wrong certificate.
    Hopeless,
}

/// How the gateway does, from what became of its requests.
pub(super) struct Health {
    id: String,
    pub(super) status: watch::Sender<Status>,
    strikes: Mutex<u32>,
}

impl Health {
    /// `id`: the gateway's, for the log.
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: watch::Sender::new(Status::Up),
            strikes: Mutex::new(0),
        }
    }

    /// Takes note of an exchange.
    pub(super) fn note(&self, outcome: &Outcome, sign: Sign) {
        let mut strikes = self.strikes.lock().unwrap_or_else(PoisonError::into_inner);
        let status = match outcome {
            Outcome::Refused {
                class: Refusal::Link,
                reason,
            } => {
                *strikes = if sign == Sign::Hopeless {
                    STRIKES
                } else {
                    *strikes + 1
                };
                (*strikes >= STRIKES).then(|| Status::Parked(reason.clone()))
            }
            Outcome::Refused {
                class: Refusal::Later { counts: true, .. },
                reason,
            } if sign == Sign::Unreached => {
                *strikes += 1;
                (*strikes >= STRIKES).then(|| Status::Down(reason.clone()))
            }
            Outcome::Unknown(_) => None,
            Outcome::Accepted(_) | Outcome::Refused { .. } => {
                *strikes = 0;
                Some(Status::Up)
            }
        };
        drop(strikes);
        if let Some(status) = status {
            self.set(status);
        }
    }

    /// Up, but the next failure is one too many.
    pub(super) fn try_again(&self) {
        *self.strikes.lock().unwrap_or_else(PoisonError::into_inner) = STRIKES - 1;
        self.set(Status::Up);
    }

    fn set(&self, status: Status) {
        become_(&self.id, &self.status, status);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_strikes() {
        let link = || Outcome::Refused {
            class: Refusal::Link,
            reason: "401".to_owned(),
        };
        let unreached = || Outcome::Refused {
            class: Refusal::Later {
                after: None,
                counts: true,
            },
            reason: "refused".to_owned(),
        };
        let parked = Status::Parked("401".to_owned());
        let health = Health::new("provider");
        let check = |status: &Status| assert_eq!(&*health.status.borrow(), status);
        health.note(&link(), Sign::Answered);
        health.note(&link(), Sign::Answered);
        check(&Status::Up);
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.note(&link(), Sign::Answered);
        health.note(&Outcome::Unknown(String::new()), Sign::Answered);
        health.note(&link(), Sign::Answered);
        check(&Status::Up);
        health.note(&link(), Sign::Answered);
        check(&parked);
        health.try_again();
        check(&Status::Up);
        health.note(&link(), Sign::Answered);
        check(&parked);
        health.note(&Outcome::Accepted(None), Sign::Answered);
        check(&Status::Up);
        health.note(&link(), Sign::Hopeless);
        check(&parked);
        health.try_again();
        health.note(&unreached(), Sign::Unreached);
        check(&Status::Down("refused".to_owned()));
        // A 503 is an answer: it is there.
        health.note(&unreached(), Sign::Answered);
        check(&Status::Up);
    }
}
