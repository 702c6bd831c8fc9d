//! How an HTTP gateway does, as its requests tell; and when the next may go.
//!
//! Refusals of us, not of a message, three in a row: parked. Three times in a row not reached, or unable:
//! down, each time longer. A wait that the provider asks for is kept by all that is sent to it, not only by
//! the message that was told; a short one in [`Health::turn`], a long one as down.
//!
//! While nobody knows whether the provider takes us (at the start, after a refusal, after a rest) requests
//! go one by one: a wrong password is sent three times, not as often as there are messages (F33).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::MAX_RETRY_AFTER;
use crate::gateway::{Outcome, Refusal, Status, become_};

/// Failures in a row before the gateway says so.
const STRIKES: u32 = 3;

/// How long it stays parked before one message tries again.
const PARKED: Duration = Duration::from_secs(3600);

/// How long it stays down: the first time, and at most. Doubled each time.
const DOWN: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));

/// A wait between requests when the provider wants one and does not say how long.
const BUSY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A longer wait is not worth holding messages for: others may carry them.
const HOLD: Duration = Duration::from_secs(5);

/// What an exchange says of the provider, beside its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It is there, or nobody knows.
    Answered,
    /// It was not reached, or says that it cannot serve anybody.
    Unable,
    /// It asks us to wait; how long, when it says.
    Busy(Option<Duration>),
    /// Again would bring the same: a redirect, no credit, a wrong certificate.
    Hopeless,
}

/// How the gateway does, from what became of its requests.
pub(super) struct Health {
    id: String,
    pub(super) status: watch::Sender<Status>,
    state: Mutex<State>,
    /// Held by the one request that goes alone.
    alone: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// Failures in a row, and why the last one was.
    strikes: u32,
    failure: Option<String>,
    /// Nobody knows whether the provider takes us.
    unsure: bool,
    /// Rests and waits since the last success.
    downs: u32,
    waits: u32,
    /// Nothing goes before this: it is down or parked, or the provider asked for it.
    until: Option<Instant>,
}

/// The right to send now; alone, when there is a guard in it.
pub(super) type Turn<'a> = Option<tokio::sync::MutexGuard<'a, ()>>;

impl Health {
    /// `id`: the gateway's, for the log.
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: watch::Sender::new(Status::Up),
            state: Mutex::new(State {
                strikes: 0,
                failure: None,
                unsure: true,
                downs: 0,
                waits: 0,
                until: None,
            }),
            alone: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when it rests, when it does.
    pub(super) fn until(&self) -> Option<Instant> {
        let resting = matches!(&*self.status.borrow(), Status::Down(_) | Status::Parked(_));
        self.state().until.filter(|_| resting)
    }

    /// Why the last exchange failed, when none went well since.
    pub(super) fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Waits until a request may go; refused when the gateway is not up.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Outcome> {
        let mut alone = None;
        loop {
            if let Status::Down(reason) | Status::Parked(reason) = &*self.status.borrow() {
                return Err(Outcome::Refused {
                    class: Refusal::Link,
                    reason: reason.clone(),
                });
            }
            let (until, unsure) = {
                let state = self.state();
                (state.until, state.unsure)
            };
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None if !unsure => return Ok(None),
                None if alone.is_some() => return Ok(alone),
                // What was true before may not be after.
                None => alone = Some(self.alone.lock().await),
            }
        }
    }

    /// Takes note of an exchange. `jitter`: 0.5 to 1.5.
    pub(super) fn note(&self, outcome: &Outcome, sign: Sign, now: Instant, jitter: f64) {
        let mut state = self.state();
        let resting = state.until.is_some_and(|until| until > now);
        state.failure = match (outcome, sign) {
            // Of that message, not of the provider.
            (
                Outcome::Refused {
                    class: Refusal::Never | Refusal::Route | Refusal::Ours,
                    ..
                },
                _,
            )
            | (Outcome::Accepted(_), _) => None,
            (Outcome::Refused { reason, .. } | Outcome::Unknown(reason), _) => Some(reason.clone()),
        };
        let status = match (outcome, sign) {
            (
                Outcome::Refused {
                    class: Refusal::Link,
                    reason,
                },
                sign,
            ) => {
                let parks = state.strike(sign == Sign::Hopeless);
                state.unsure = true;
                parks.then(|| {
                    state.until = Some(now + PARKED.mul_f64(jitter));
                    Status::Parked(reason.clone())
                })
            }
            (
                Outcome::Refused {
                    class: Refusal::Later { .. },
                    reason,
                },
                Sign::Unable,
            ) => (state.strike(false) && !resting).then(|| {
                state.unsure = true;
                state.until = Some(now + doubled(DOWN, state.downs).mul_f64(jitter));
                state.downs += 1;
                Status::Down(reason.clone())
            }),
            (Outcome::Refused { .. }, Sign::Busy(asked)) => state.wait(asked, resting, now),
            (Outcome::Unknown(_), _) => {
                state.unsure = false;
                None
            }
            (outcome, _) => {
                state.strikes = 0;
                state.unsure = false;
                if matches!(outcome, Outcome::Accepted(_)) {
                    state.downs = 0;
                }
                // A wait that was asked for is kept, whatever was under way already.
                let waits = state.waits > 0 && resting;
                (!waits).then(|| {
                    state.waits = 0;
                    state.until = None;
                    Status::Up
                })
            }
        };
        drop(state);
        if let Some(status) = status {
            become_(&self.id, &self.status, status);
        }
    }

    /// Tries, when it has rested: the next failure is one too many.
    pub(super) fn try_again(&self, now: Instant) {
        let mut state = self.state();
        if state.until.is_none_or(|until| until > now) {
            return;
        }
        state.strikes = STRIKES - 1;
        state.unsure = true;
        state.until = None;
        drop(state);
        let reason = match &*self.status.borrow() {
            Status::Down(reason) | Status::Parked(reason) => reason.clone(),
            Status::Up | Status::Trying(_) => return,
        };
        become_(&self.id, &self.status, Status::Trying(reason));
    }
}

impl State {
    /// One more failure; says whether that was the last.
    fn strike(&mut self, last: bool) -> bool {
        self.strikes = if last { STRIKES } else { self.strikes + 1 };
        self.strikes >= STRIKES
    }

    /// The provider asks for a wait. What was sent side by side asks for it once.
    fn wait(&mut self, asked: Option<Duration>, resting: bool, now: Instant) -> Option<Status> {
        self.strikes = 0;
        self.unsure = false;
        let own = match resting {
            true => Duration::ZERO,
            false => doubled(BUSY, self.waits),
        };
        let wait = asked.unwrap_or_default().max(own).min(MAX_RETRY_AFTER);
        self.waits += u32::from(!resting);
        self.until = self.until.max(Some(now + wait));
        (wait > HOLD).then(|| {
            let seconds = wait.as_secs_f64().ceil();
            Status::Down(format!("the provider asks us to wait {seconds} s"))
        })
    }
}

fn doubled((first, most): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn refused(class: Refusal, reason: &str) -> Outcome {
        Outcome::Refused {
            class,
            reason: reason.to_owned(),
        }
    }

    fn later() -> Outcome {
        let class = Refusal::Later {
            after: None,
            counts: true,
        };
        refused(class, "refused")
    }

    /// A health with a clock.
    struct Clocked(Health, Instant);

    impl Clocked {
        fn new() -> Self {
            Self(Health::new("provider"), Instant::now())
        }

        fn note(&self, outcome: &Outcome, sign: Sign) {
            self.0.note(outcome, sign, self.1, 1.0);
        }

        /// Seconds until it may send again.
        fn rests(&self) -> Option<u64> {
            let until = self.0.state().until?;
            Some(until.saturating_duration_since(self.1).as_secs())
        }

        fn pass(&mut self, seconds: u64) {
            self.1 += Duration::from_secs(seconds);
            if self.0.until().is_some() {
                self.0.try_again(self.1);
            }
        }

        #[track_caller]
        fn check(&self, status: Status, rests: Option<u64>) {
            assert_eq!(*self.0.status.borrow(), status);
            assert_eq!(self.rests(), rests);
        }
    }

    fn parked() -> Status {
        Status::Parked("401".to_owned())
    }

    fn down() -> Status {
        Status::Down("refused".to_owned())
    }

    #[test]
    fn three_strikes_park() {
        let link = || refused(Refusal::Link, "401");
        let mut health = Clocked::new();
        health.note(&link(), Sign::Answered);
        health.note(&link(), Sign::Answered);
        health.check(Status::Up, None);
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.note(&link(), Sign::Answered);
        health.note(&Outcome::Unknown(String::new()), Sign::Answered);
        health.note(&link(), Sign::Answered);
        health.check(Status::Up, None);
        health.note(&link(), Sign::Answered);
        health.check(parked(), Some(3600));
        health.pass(3599);
        health.check(parked(), Some(1));
        health.pass(1);
        health.check(Status::Trying("401".to_owned()), None);
        health.note(&link(), Sign::Answered);
        health.check(parked(), Some(3600));
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.check(Status::Up, None);
        health.note(&link(), Sign::Hopeless);
        health.check(parked(), Some(3600));
    }

    #[test]
    fn down_lasts_longer_each_time() {
        let mut health = Clocked::new();
        for _ in 0..2 {
            health.note(&later(), Sign::Unable);
        }
        health.check(Status::Up, None);
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            health.note(&later(), Sign::Unable);
            // Those that were under way say the same.
            health.note(&later(), Sign::Unable);
            health.check(down(), Some(seconds));
            health.pass(seconds);
            health.check(Status::Trying("refused".to_owned()), None);
        }
        health.note(&Outcome::Unknown(String::new()), Sign::Answered);
        health.check(Status::Trying("refused".to_owned()), None);
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.check(Status::Up, None);
        for _ in 0..3 {
            health.note(&later(), Sign::Unable);
        }
        health.check(down(), Some(10));
    }

    #[test]
    fn a_wait_is_for_all() {
        let mut health = Clocked::new();
        for seconds in [1, 2, 4] {
            for _ in 0..8 {
                health.note(&later(), Sign::Busy(None));
            }
            // It was under way.
            health.note(&Outcome::Accepted(None), Sign::Answered);
            health.check(Status::Up, Some(seconds));
            health.pass(seconds);
        }
        let asks = |seconds| Status::Down(format!("the provider asks us to wait {seconds} s"));
        health.note(&later(), Sign::Busy(None));
        health.check(asks(8), Some(8));
        health.pass(8);
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.note(&later(), Sign::Busy(Some(Duration::from_secs(3))));
        health.check(Status::Up, Some(3));
        health.pass(3);
        health.note(&later(), Sign::Busy(Some(Duration::from_secs(86_400))));
        health.check(asks(3600), Some(3600));
        health.note(&Outcome::Accepted(None), Sign::Answered);
        health.check(asks(3600), Some(3600));
        health.pass(3600);
        let tries = Status::Trying("the provider asks us to wait 3600 s".to_owned());
        health.check(tries, None);
    }

    /// So many may send at the same time.
    fn turns(health: &Health) -> usize {
        let turns = [(); 5].map(|()| health.turn().now_or_never());
        turns.iter().flatten().filter(|turn| turn.is_ok()).count()
    }

    #[tokio::test]
    async fn who_is_not_sure_sends_one_by_one() {
        let health = Health::new("provider");
        let note = |outcome, sign| health.note(&outcome, sign, Instant::now(), 1.0);
        assert_eq!(turns(&health), 1);
        note(Outcome::Accepted(None), Sign::Answered);
        assert_eq!(turns(&health), 5);
        note(refused(Refusal::Link, "401"), Sign::Answered);
        assert_eq!(turns(&health), 1);
        note(refused(Refusal::Never, "400"), Sign::Answered);
        assert_eq!(turns(&health), 5);
        note(refused(Refusal::Link, "402"), Sign::Hopeless);
        assert!(health.turn().await.is_err());
    }

    #[tokio::test]
    async fn a_short_wait_is_waited_for() {
        let health = Health::new("provider");
        let busy = Sign::Busy(Some(Duration::from_secs(4)));
        let now = Instant::now();
        health.note(&later(), busy, now - Duration::from_secs(5), 1.0);
        assert_eq!(turns(&health), 5);
        health.note(&later(), busy, now, 1.0);
        assert_eq!(turns(&health), 0);
    }
}
