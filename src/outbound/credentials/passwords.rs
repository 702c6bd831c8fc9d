//! Whether a password is right: Argon2, on threads of its own, a few at a time whoever asks.
//!
//! Each hash takes memory and time on purpose; [`Workers`] caps them for the milter and all web doors
//! together, so that guessing is not a way to stop the mail (threats T05). A name that nobody has, and one
//! without a password, cost what another's cost: a stand-in is hashed. What is empty or blank is never
//! right (T04). Passwords are wiped when they were looked at; right ones are remembered for
//! `REMEMBERED` as digests under a key that ends with the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::{PasswordVerifier, phc::PasswordHash};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::access::stand_ins::StandIns;
use crate::secret::Secret;
use crate::world::World;

/// Some 20 to 60 MB each.
const MAX_WORKERS: usize = 8;

/// Who waits longer for their turn is one of too many.
const TURN: Duration = Duration::from_secs(5);

/// A browser sends the password with each request, a mail with each recipient; Argon2 runs once in that time.
const REMEMBERED: Duration = Duration::from_secs(600);

/// More right passwords than that are not remembered.
const MAX_REMEMBERED: usize = 1_000;

/// The threads that hash.
#[derive(Debug)]
pub struct Workers {
    turns: Arc<Semaphore>,
    cap: usize,
    at_work: AtomicUsize,
    most: AtomicUsize,
}

impl Workers {
    /// As many as half of the cores.
    pub fn new() -> Arc<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::capped((cores / 2).clamp(1, MAX_WORKERS))
    }

    /// So many.
    pub fn capped(cap: usize) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::new(Semaphore::new(cap)),
            cap,
            at_work: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// How many may work at a time, and how many ever have.
    pub fn census(&self) -> (usize, usize) {
        (self.cap, self.most.load(Ordering::Relaxed))
    }

    /// Does it when it is its turn; `None`: there are too many.
    async fn run(self: &Arc<Self>, work: impl FnOnce() -> bool + Send + 'static) -> Option<bool> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.ok()?.ok()?;
        let workers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let at_work = workers.at_work.fetch_add(1, Ordering::Relaxed) + 1;
            workers.most.fetch_max(at_work, Ordering::Relaxed);
            let done = work();
            workers.at_work.fetch_sub(1, Ordering::Relaxed);
            // Who hangs up stops waiting, not the work: so the work has the turn.
            drop(turn);
            done
        });
        Some(done.await.unwrap_or(false))
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Right,
    /// It is not, or there is no such name.
    Wrong,
    /// There was no thread for it.
    Busy,
}

/// See the module.
pub struct Passwords {
    workers: Arc<Workers>,
    /// Digests of name and password that were right, and until when.
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
    /// Makes the digests useless elsewhere.
    key: [u8; 32],
}

impl Passwords {
    /// Nothing is remembered yet.
    pub fn new(workers: Arc<Workers>, world: &World) -> Self {
        let mut key = [0; 32];
        world.random.fill(&mut key);
        Self {
            workers,
            remembered: Mutex::default(),
            key,
        }
    }

    /// Whether the password of `name` is this one. `hash` is that of the one who is called so, if there is one.
    pub async fn check(
        &self,
        name: &str,
        hash: Option<&str>,
        stand_ins: &StandIns,
        password: Secret,
    ) -> Verdict {
        let digest = self.digest(name, hash, &password);
        if self.remembers(&digest) {
            return Verdict::Right;
        }
        let known = hash.is_some() && !password.expose().trim().is_empty();
        let unknown = || self.digest(name, None, &Secret::new(""));
        let hash = hash.unwrap_or_else(|| stand_ins.one(&unknown()));
        let hash = hash.to_owned();
        match self.workers.run(move || verify(&hash, &password)).await {
            None => Verdict::Busy,
            Some(true) if known => {
                self.remember(digest);
                Verdict::Right
            }
            Some(_) => Verdict::Wrong,
        }
    }

    fn digest(&self, name: &str, hash: Option<&str>, password: &Secret) -> [u8; 32] {
        let mut sha = Sha256::new();
        sha.update(self.key);
        // With the hash, because it changes with the password.
        for part in [name, hash.unwrap_or_default(), password.expose()] {
            sha.update(part.len().to_be_bytes());
            sha.update(part);
        }
        sha.finalize().into()
    }

    fn remembers(&self, digest: &[u8; 32]) -> bool {
        let remembered = self.remembered.lock();
        let remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        remembered
            .get(digest)
            .is_some_and(|until| Instant::now() < *until)
    }

    fn remember(&self, digest: [u8; 32]) {
        let now = Instant::now();
        let remembered = self.remembered.lock();
        let mut remembered = remembered.unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, until| now < *until);
        }
        if remembered.len() < MAX_REMEMBERED {
            remembered.insert(digest, now + REMEMBERED);
        }
    }
}

fn verify(hash: &str, password: &Secret) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let right = Argon2::default().verify_password(password.expose().as_bytes(), &hash);
    right.is_ok()
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;

    fn hash(password: &str, memory: u32) -> String {
        let cheap = argon2::Params::new(memory, 1, 1, None).expect("parameters");
        let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
        let hash = argon2.hash_password_with_salt(password.as_bytes(), b"saltsalt");
        hash.expect("hash").to_string()
    }

    fn passwords(known: &str) -> (Passwords, StandIns) {
        let passwords = Passwords::new(Workers::capped(2), &World::real());
        (passwords, StandIns::of([known].into_iter()))
    }

    #[tokio::test]
    async fn only_the_right_one_is_right() {
        let (right, empty, blank) = (hash("right", 8), hash("", 8), hash(" ", 8));
        let (passwords, others) = passwords(&right);
        for (known, password, expected) in [
            (Some(&right), "right", Verdict::Right),
            (Some(&right), "right", Verdict::Right),
            (Some(&right), "Right", Verdict::Wrong),
            (Some(&right), "", Verdict::Wrong),
            (None, "right", Verdict::Wrong),
            (None, "", Verdict::Wrong),
            (Some(&empty), "", Verdict::Wrong),
            (Some(&blank), " ", Verdict::Wrong),
            (Some(&"$argon2id$…".to_owned()), "", Verdict::Wrong),
        ] {
            let known = known.map(String::as_str);
            let verdict = passwords.check("ann", known, &others, Secret::new(password));
            assert_eq!(verdict.await, expected, "{known:?} {password:?}");
        }
        // Another's name with the same password is another matter.
        let verdict = passwords.check("bob", None, &others, Secret::new("right"));
        assert_eq!(verdict.await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn who_hangs_up_does_not_free_a_turn() {
        // Some tens of milliseconds each, in a debug build.
        let slow = hash("right", 32 * 1024);
        let (passwords, others) = passwords(&slow);
        for n in 0..4 {
            let guess = passwords.check(
                "ann",
                Some(&slow),
                &others,
                Secret::new(format!("wrong{n}")),
            );
            let hung_up = tokio::time::timeout(Duration::from_millis(1), guess).await;
            assert!(hung_up.is_err());
        }
        assert_eq!(passwords.workers.turns.available_permits(), 0);
        let work = passwords.workers.turns.acquire_many(2);
        assert!(tokio::time::timeout(TURN, work).await.is_ok(), "it ends");
    }

    #[tokio::test]
    async fn a_changed_password_is_not_remembered() {
        let (old, new) = (hash("old", 8), hash("new", 8));
        let (passwords, others) = passwords(&old);
        let check = |hash: String, password: &'static str| {
            let (passwords, others) = (&passwords, &others);
            async move {
                passwords
                    .check("ann", Some(&hash), others, Secret::new(password))
                    .await
            }
        };
        assert_eq!(check(old, "old").await, Verdict::Right);
        assert_eq!(check(new, "old").await, Verdict::Wrong);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn never_more_at_work_than_there_may() {
        let right = hash("right", 1024);
        let (passwords, others) = passwords(&right);
        let (passwords, others) = (Arc::new(passwords), Arc::new(others));
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..50 {
            let (passwords, others) = (passwords.clone(), others.clone());
            let right = right.clone();
            tasks.spawn(async move {
                let guess = Secret::new(format!("guess {n}"));
                passwords.check("ann", Some(&right), &others, guess).await
            });
        }
        assert!(tasks.join_all().await.iter().all(|v| *v == Verdict::Wrong));
        let (cap, most) = passwords.workers.census();
        assert!(cap == 2 && (1..=2).contains(&most), "{most}");
    }
}
