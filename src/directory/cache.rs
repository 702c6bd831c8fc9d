//! One directory as the rest of the product asks it: what it said is remembered for a while, one look-up of
//! a key flies at a time, and a directory that does not answer is left alone.
//!
//! | what | counts for | when the directory is down |
//! |---|---|---|
//! | who was found | `cache` | as long as `stale` says beyond that |
//! | who was not found | `negative_cache` | no longer: a new colleague is not told that he does not exist |
//! | an entry that is no use, or several | `negative_cache` | – |
//!
//! After a look-up that failed, nobody asks for a rest of 1 s, doubled up to 30 s with each failure; then one
//! look-up tries, while the others still hear [`Later`] at once. So a directory that hangs costs one client
//! its timeout, and not every RCPT.
//!
//! Look-ups run in tasks of their own: a client that goes away does not take the answer from the others.
//! Times are wall-clock times of the [`Clock`]; when it goes back, what is remembered is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::{Directory, Later, Probe, Reader, Times};
use crate::access::User;
use crate::access::found::Question;
use crate::world::Clock;

/// People who are remembered: about a KiB each.
pub const MAX_FOUND: usize = 10_000;

/// Names that nobody has, and unusable entries. Apart, so that whoever tries names (threats T05) does not
/// make us forget the people.
pub const MAX_UNKNOWN: usize = 10_000;

/// Look-ups in one directory at a time: more make no directory faster.
pub const MAX_FLIGHTS: usize = 16;

/// The rest after the first failure, and the longest.
const REST: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_secs(30));

/// What a look-up brought.
type Answer = Result<Option<Arc<User>>, Later>;

/// One directory, with its memory.
pub struct Asked {
    directory: Arc<dyn Directory>,
    reader: Reader,
    times: Times,
    clock: Arc<dyn Clock>,
    gate: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    found: Memory,
    unknown: Memory,
    flights: HashMap<Question, Shared<BoxFuture<'static, Answer>>>,
    health: Health,
}

/// How the directory is.
#[derive(Default)]
struct Health {
    failures: u32,
    /// It is left alone until then.
    until: Option<Timestamp>,
    /// One look-up tries it after a failure.
    tries: bool,
    why: String,
}

/// Answers with their times, the oldest forgotten first.
#[derive(Default)]
struct Memory {
    answers: HashMap<Question, (Timestamp, Answer)>,
    order: VecDeque<(Timestamp, Question)>,
}

impl Memory {
    /// The answer, if it is not older than `age`.
    fn get(&self, question: &Question, now: Timestamp, age: Duration) -> Option<Answer> {
        let (at, answer) = self.answers.get(question)?;
        let old = now.duration_since(*at);
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        (!old.is_negative() && old < age).then(|| answer.clone())
    }

    fn put(&mut self, question: Question, now: Timestamp, answer: Answer, most: usize) {
        self.order.push_back((now, question.clone()));
        self.answers.insert(question, (now, answer));
        while self.answers.len() > most || self.order.len() > 2 * most {
            let Some((at, oldest)) = self.order.pop_front() else {
                break;
            };
            if self.answers.get(&oldest).is_some_and(|(own, _)| *own == at) {
                self.answers.remove(&oldest);
            }
        }
    }

    fn forget(&mut self, question: &Question) {
        self.answers.remove(question);
    }
}

impl Asked {
    /// Nothing is remembered yet.
    pub fn new(
        directory: Arc<dyn Directory>,
        reader: Reader,
        times: Times,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            directory,
            reader,
            times,
            clock,
            gate: Semaphore::new(MAX_FLIGHTS),
            state: Mutex::default(),
        }
    }

    /// Who it is, for people.
    pub fn name(&self) -> &str {
        self.directory.name()
    }

    /// Who answers the question here: from memory, from the directory, or, when that is down, from what
    /// it said before.
    pub async fn find(self: &Arc<Self>, question: &Question) -> Answer {
        let flight = match self.known_or_flight(question) {
            Ok(answer) => return answer,
            Err(flight) => flight,
        };
        match flight.await {
            Err(Later::Down(why)) => self.stale(question).ok_or(Later::Down(why)),
            answer => answer,
        }
    }

    /// Tries the directory itself.
    pub async fn probe(&self) -> Result<Probe, Later> {
        self.directory.probe().await
    }

    /// How many answers are remembered: of people, of others.
    pub fn remembered(&self) -> (usize, usize) {
        let state = self.state();
        (state.found.answers.len(), state.unknown.answers.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; else the look-up that is to be waited for.
    fn known_or_flight(
        self: &Arc<Self>,
        question: &Question,
    ) -> Result<Answer, Shared<BoxFuture<'static, Answer>>> {
        let now = self.clock.now();
        let mut state = self.state();
        let known = state.found.get(question, now, self.times.found);
        let known = known.or_else(|| state.unknown.get(question, now, self.times.unknown));
        if let Some(answer) = known {
            return Ok(answer);
        }
        if let Some(flight) = state.flights.get(question) {
            return Err(flight.clone());
        }
        if let Some(why) = state.health.refuses(now) {
            drop(state);
            return Ok(self.stale(question).ok_or(Later::Down(why)));
        }
        let flight = self.clone().fly(question.clone());
        let flight = flight.boxed().shared();
        state.flights.insert(question.clone(), flight.clone());
        drop(state);
        // It flies whoever waits for it.
        tokio::spawn(flight.clone());
        Err(flight)
    }

    /// Who was found before the directory went down, if that is not too long ago.
    fn stale(&self, question: &Question) -> Option<Option<Arc<User>>> {
        let now = self.clock.now();
        let age = self.times.found.saturating_add(self.times.stale);
        let known = self.state().found.get(question, now, age)?;
        info!(directory = self.name(), event = "stale-user-used");
        known.ok()
    }

    /// One look-up, from the gate to the memory.
    async fn fly(self: Arc<Self>, question: Question) -> Answer {
        // A panic below (a library's, over octets that make no sense) must not leave the flight behind.
        let looked = std::panic::AssertUnwindSafe(self.look(&question));
        let answer = looked.catch_unwind().await.unwrap_or_else(|_| {
            let why = format!("{}: a look-up broke; its answer made no sense", self.name());
            Err(Later::Down(why))
        });
        let now = self.clock.now();
        let mut state = self.state();
        state.flights.remove(&question);
        match &answer {
            Err(Later::Down(why)) => {
                if let Some(rest) = state.health.failed(now, why) {
                    warn!(
                        directory = self.name(),
                        event = "directory-down",
                        why,
                        rest = format_args!("{}s", rest.as_secs())
                    );
                }
                return answer;
            }
            Ok(Some(_)) => {
                state.unknown.forget(&question);
                state.found.put(question, now, answer.clone(), MAX_FOUND);
            }
            Ok(None) | Err(_) => {
                state.found.forget(&question);
                state
                    .unknown
                    .put(question, now, answer.clone(), MAX_UNKNOWN);
            }
        }
        if state.health.answered() {
            info!(directory = self.name(), event = "directory-up");
        }
        drop(state);
        if let Err(why) = &answer {
            warn!(directory = self.name(), event = "bad-entry", %why);
        }
        answer
    }

    async fn look(&self, question: &Question) -> Answer {
        // Never closed.
        let _permit = self.gate.acquire().await;
        // Whoever waited behind look-ups that failed does not wait for a timeout of its own.
        if let Some(why) = self.state().health.resting(self.clock.now()) {
            return Err(Later::Down(why));
        }
        match self.directory.find(question).await? {
            None => Ok(None),
            Some(entry) => match (self.reader)(&entry) {
                Ok(user) => Ok(Some(Arc::new(user))),
                Err(why) => Err(Later::Unusable(format!("{}: {why}", entry.place))),
            },
        }
    }
}

impl Health {
    /// It is left alone now; why.
    fn resting(&self, now: Timestamp) -> Option<String> {
        let until = self.until?;
        // A clock that went back far does not make the rest longer than any is.
        let left = until.duration_since(now);
        (left.is_positive() && left <= REST.1).then(|| self.why.clone())
    }

    /// Whether a look-up is not to be made; when it is to be made after a failure, it is the only one.
    fn refuses(&mut self, now: Timestamp) -> Option<String> {
        if self.failures == 0 {
            return None;
        }
        if self.tries || self.resting(now).is_some() {
            return Some(self.why.clone());
        }
        self.tries = true;
        None
    }

    /// Counts a failure. Of several that flew together only the first does; the rest it brings.
    fn failed(&mut self, now: Timestamp, why: &str) -> Option<SignedDuration> {
        if self.resting(now).is_some() {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        self.tries = false;
        let doubled = REST.0 * (1 << (self.failures - 1).min(8));
        let rest = doubled.min(REST.1);
        self.until = now.checked_add(rest).ok();
        why.clone_into(&mut self.why);
        Some(rest)
    }

    /// It answered; `true`: it had not before.
    fn answered(&mut self) -> bool {
        let was = self.failures > 0;
        *self = Self::default();
        was
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::access::Policy;
    use crate::directory::Entry;

    /// A clock that stands until it is set.
    struct Stands(Mutex<Timestamp>);

    impl Clock for Stands {
        fn now(&self) -> Timestamp {
            *self.0.lock().expect("clock")
        }
    }

    /// Knows `known@example.com`; counts who asks, answers when it may, and as it is told.
    struct Played {
        asked: AtomicUsize,
        may_answer: Semaphore,
        down: Mutex<bool>,
    }

    #[async_trait]
    impl Directory for Played {
        fn name(&self) -> &str {
            "played"
        }

        async fn find(&self, question: &Question) -> Result<Option<Entry>, Later> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let _may = self.may_answer.acquire().await.expect("open");
            if *self.down.lock().expect("down") {
                return Err(Later::Down("played: away".into()));
            }
            let Question::Name(name) = question else {
                panic!("for the test");
            };
            let fields = [("email".to_owned(), vec![name.clone()])];
            match name.as_str() {
                "known@example.com" | "bad@example.com" => Entry::new(name, fields).map(Some),
                "two@example.com" => Err(Later::Ambiguous("two".into())),
                _ => Ok(None),
            }
        }

        async fn probe(&self) -> Result<Probe, Later> {
            Ok(Probe::default())
        }
    }

    struct Bench {
        asked: Arc<Asked>,
        played: Arc<Played>,
        clock: Arc<Stands>,
    }

    impl Bench {
        fn new() -> Self {
            let played = Arc::new(Played {
                asked: AtomicUsize::new(0),
                may_answer: Semaphore::new(1_000),
                down: Mutex::new(false),
            });
            let clock = Arc::new(Stands(Mutex::new(Timestamp::UNIX_EPOCH)));
            let reader: Reader = Arc::new(|entry| match entry.place.as_str() {
                "bad@example.com" => Err("active is nonsense".into()),
                place => Ok(User::new(place, Policy::default())),
            });
            let times = Times {
                timeout: Duration::from_secs(5),
                found: Duration::from_secs(300),
                unknown: Duration::from_secs(30),
                stale: Duration::from_secs(3600),
            };
            let asked = Asked::new(played.clone(), reader, times, clock.clone());
            Self {
                asked: Arc::new(asked),
                played,
                clock,
            }
        }

        async fn find(&self, name: &str) -> String {
            match self.asked.find(&Question::Name(name.into())).await {
                Ok(Some(user)) => user.email.clone(),
                Ok(None) => "-".into(),
                Err(Later::Down(_)) => "down".into(),
                Err(Later::Ambiguous(_)) => "ambiguous".into(),
                Err(Later::Unusable(_)) => "unusable".into(),
            }
        }

        fn count(&self) -> usize {
            self.played.asked.load(Ordering::SeqCst)
        }

        fn down(&self, down: bool) {
            *self.played.down.lock().expect("down") = down;
        }

        fn later(&self, seconds: i64) {
            let mut now = self.clock.0.lock().expect("clock");
            *now += SignedDuration::from_secs(seconds);
        }

        /// Asks, and says how often the directory was.
        async fn check(&self, name: &str, expected: &str, asked: usize) {
            let before = self.count();
            assert_eq!(self.find(name).await, expected, "{name}");
            assert_eq!(self.count() - before, asked, "{name}");
        }
    }

    const KNOWN: &str = "known@example.com";

    #[tokio::test]
    async fn answers_count_for_their_time() {
        let bench = Bench::new();
        for (name, expected) in [
            (KNOWN, KNOWN),
            ("nobody@example.com", "-"),
            ("bad@example.com", "unusable"),
            ("two@example.com", "ambiguous"),
        ] {
            bench.check(name, expected, 1).await;
            bench.check(name, expected, 0).await;
        }
        bench.later(30);
        bench.check(KNOWN, KNOWN, 0).await;
        for name in ["nobody@example.com", "bad@example.com", "two@example.com"] {
            let before = bench.count();
            bench.find(name).await;
            assert_eq!(bench.count() - before, 1, "{name}");
        }
        bench.later(270);
        bench.check(KNOWN, KNOWN, 1).await;
        // The clock goes back: nothing is believed for longer than it should be.
        bench.later(-1);
        bench.check(KNOWN, KNOWN, 1).await;
    }

    #[tokio::test]
    async fn while_it_is_down_the_people_seen_before_count() {
        let bench = Bench::new();
        bench.check(KNOWN, KNOWN, 1).await;
        bench.check("nobody@example.com", "-", 1).await;
        bench.down(true);
        bench.later(300);
        bench.check(KNOWN, KNOWN, 1).await;
        bench.check("nobody@example.com", "down", 0).await;
        bench.later(3600);
        bench.check(KNOWN, "down", 1).await;
    }

    #[tokio::test]
    async fn a_directory_that_fails_has_its_rest() {
        let bench = Bench::new();
        bench.down(true);
        bench.check("a", "down", 1).await;
        for rest in [1, 2, 4, 8, 16, 30, 30] {
            bench.check("a", "down", 0).await;
            bench.check("b", "down", 0).await;
            bench.later(rest);
            bench.check("b", "down", 1).await;
        }
        bench.down(false);
        bench.later(30);
        bench.check("b", "-", 1).await;
        // Well again: the next failure begins with the first rest.
        bench.down(true);
        bench.check("c", "down", 1).await;
        bench.later(1);
        bench.check("c", "down", 1).await;
    }

    #[tokio::test]
    async fn one_look_up_of_a_key_flies_at_a_time() {
        let bench = Bench::new();
        bench.played.may_answer.forget_permits(1_000);
        let all: Vec<_> = (0..50)
            .map(|_| {
                let asked = bench.asked.clone();
                tokio::spawn(async move { asked.find(&Question::Name(KNOWN.into())).await })
            })
            .collect();
        while bench.count() == 0 {
            tokio::task::yield_now().await;
        }
        // Who asked first goes away; the others, and the memory, get the answer all the same.
        all[0].abort();
        bench.played.may_answer.add_permits(1);
        for waiting in all.into_iter().skip(1) {
            let answer = waiting.await.expect("answered").expect("an answer");
            assert_eq!(answer.expect("a user").email, KNOWN);
        }
        assert_eq!(bench.count(), 1);
        bench.check(KNOWN, KNOWN, 0).await;
    }

    #[tokio::test]
    async fn of_many_only_few_ask_at_a_time() {
        let bench = Bench::new();
        bench.played.may_answer.forget_permits(1_000);
        let all: Vec<_> = (0..100)
            .map(|n| {
                let asked = bench.asked.clone();
                tokio::spawn(async move { asked.find(&Question::Name(format!("n{n}"))).await })
            })
            .collect();
        while bench.count() < MAX_FLIGHTS {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(bench.count(), MAX_FLIGHTS);
        // It fails: those behind do not try it one after the other.
        bench.down(true);
        bench.played.may_answer.add_permits(100);
        for waiting in all {
            let answer = waiting.await.expect("answered");
            assert!(matches!(answer, Err(Later::Down(_))));
        }
        assert_eq!(bench.count(), MAX_FLIGHTS);
    }

    #[tokio::test]
    async fn unknown_names_fill_nothing_but_their_own_place() {
        let bench = Bench::new();
        bench.check(KNOWN, KNOWN, 1).await;
        for n in 0..MAX_UNKNOWN + 500 {
            bench.find(&format!("name{n}@example.com")).await;
        }
        assert_eq!(bench.asked.remembered(), (1, MAX_UNKNOWN));
        assert!(bench.asked.state().unknown.order.len() <= 2 * MAX_UNKNOWN);
        assert!(bench.asked.state().flights.is_empty());
        bench.check(KNOWN, KNOWN, 0).await;
    }

    #[tokio::test]
    async fn a_look_up_that_breaks_leaves_nothing_behind() {
        let bench = Bench::new();
        let number = crate::sms::Number::from_network("+15551234567").expect("number");
        let answer = bench.asked.find(&Question::Mobile(number)).await;
        assert!(matches!(answer, Err(Later::Down(_))), "{answer:?}");
        assert!(bench.asked.state().flights.is_empty());
        bench.later(1);
        bench.check(KNOWN, KNOWN, 1).await;
    }
}
