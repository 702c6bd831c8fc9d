//! Slows those who guess: wrong passwords and tokens are counted by client and by account, each makes the
//! next answer later, and a client with too many is sent away for a while (threats T05).
//!
//! A guess counts from the moment it is asked, until it proves right: many at once gain nothing over one
//! after the other. By client it is only counted where the MTA names one that may be a stranger. An account
//! is never closed, only slow, so that nobody can lock another out; a name that no one has is slowed as any.
//!
//! Limits: [`MOST`] wrong ones a client in [`FORGOTTEN`], `MAX_KEPT` clients and as many accounts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::mail::Client;

/// Wrong ones of a client before it is sent away. People mistype three times.
pub const MOST: u32 = 10;

/// So long after the last wrong one they are forgotten.
pub const FORGOTTEN: Duration = Duration::from_secs(600);

/// Wrong ones that cost no time: typing errors.
const FREE: u32 = 2;

/// The first that costs time costs so much, each further one twice as much.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// An MTA waits 10 s (Sendmail) for an answer to RCPT.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// A busy client that was never wrong has at most so many under way at a time: Postfix's own limit of
/// connections.
const AT_ONCE: u32 = 100;

/// Entries of some 100 octets each.
const MAX_KEPT: usize = 10_000;

/// When to look whether it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// After that time.
    After(Duration),
    /// Not at all.
    SentAway,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Guesses {
    clients: Tally<IpAddr>,
    accounts: Tally<String>,
}

impl Guesses {
    /// A credential is shown. What is answered with `After` must end in [`Guesses::right`] or
    /// [`Guesses::wrong`].
    pub fn shown(&mut self, client: Client, account: Option<&str>, now: Instant) -> Turn {
        let client = stranger(client);
        let mut wait = Duration::ZERO;
        if let Some(ip) = client {
            let entry = self.clients.entry(ip, now);
            let before = entry.wrong.saturating_add(entry.asked);
            // One that was never wrong is not slowed for being busy.
            let (most, slow) = match entry.wrong {
                0 => (AT_ONCE, Duration::ZERO),
                _ => (MOST, wait_after(before)),
            };
            if before >= most {
                return Turn::SentAway;
            }
            entry.asked += 1;
            wait = slow;
        }
        if let Some(account) = account {
            let entry = self.accounts.entry(account.to_lowercase(), now);
            wait = wait.max(wait_after(entry.wrong));
        }
        Turn::After(wait)
    }

    /// It was right.
    pub fn right(&mut self, client: Client) {
        if let Some(ip) = stranger(client) {
            self.clients.answered(&ip);
        }
    }

    /// It was wrong.
    pub fn wrong(&mut self, client: Client, account: Option<&str>, now: Instant) {
        if let Some(ip) = stranger(client) {
            self.clients.answered(&ip);
            self.clients.count(ip, now);
        }
        if let Some(account) = account {
            self.accounts.count(account.to_lowercase(), now);
        }
    }
}

/// A client to be counted: an IPv6 one by its network, of which it has as many addresses as it likes.
fn stranger(client: Client) -> Option<IpAddr> {
    match client {
        Client::Local => None,
        Client::Unknown => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        Client::Ip(ip) => Some(match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            v4 => v4,
        }),
    }
}

/// What the next answer waits after so many wrong ones.
fn wait_after(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE + 1) {
        None => Duration::ZERO,
        Some(step) => FIRST_WAIT.saturating_mul(1 << step.min(10)).min(MAX_WAIT),
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    wrong: u32,
    /// Asked and not yet known to be right or wrong.
    asked: u32,
    last: Instant,
}

#[derive(Debug)]
struct Tally<K>(HashMap<K, Entry>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + std::hash::Hash + Clone> Tally<K> {
    fn entry(&mut self, key: K, now: Instant) -> &mut Entry {
        if self.0.len() >= MAX_KEPT && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let fresh = Entry {
            wrong: 0,
            asked: 0,
            last: now,
        };
        let entry = self.0.entry(key).or_insert(fresh);
        if now.saturating_duration_since(entry.last) >= FORGOTTEN {
            entry.wrong = 0;
        }
        entry
    }

    fn answered(&mut self, key: &K) {
        if let Some(entry) = self.0.get_mut(key) {
            entry.asked = entry.asked.saturating_sub(1);
            if entry.asked == 0 && entry.wrong == 0 {
                self.0.remove(key);
            }
        }
    }

    fn count(&mut self, key: K, now: Instant) {
        let entry = self.entry(key, now);
        entry.wrong = entry.wrong.saturating_add(1);
        entry.last = now;
    }

    /// Drops what is forgotten; and, when all are new, the one with the fewest: whoever comes with ten thousand
    /// addresses does not make us forget those that guess most.
    fn make_room(&mut self, now: Instant) {
        self.0
            .retain(|_, e| e.asked > 0 || now.saturating_duration_since(e.last) < FORGOTTEN);
        if self.0.len() >= MAX_KEPT {
            let least = self
                .0
                .iter()
                .min_by_key(|(_, e)| (e.asked, e.wrong, e.last));
            if let Some(key) = least.map(|(key, _)| key.clone()) {
                self.0.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Client {
        Client::Ip(text.parse().expect("an address"))
    }

    fn wait(turn: Turn) -> u128 {
        match turn {
            Turn::After(wait) => wait.as_millis(),
            Turn::SentAway => 99_999,
        }
    }

    #[test]
    fn each_wrong_one_makes_the_next_later() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        let one = ip("192.0.2.1");
        let waits: Vec<u128> = (0..12)
            .map(|_| {
                let turn = guesses.shown(one, None, now);
                if turn != Turn::SentAway {
                    guesses.wrong(one, None, now);
                }
                wait(turn)
            })
            .collect();
        let expected = [
            0, 0, 0, 100, 200, 400, 800, 1600, 2000, 2000, 99_999, 99_999,
        ];
        assert_eq!(waits, expected);
        // Nobody else is in its way; after a time it may try again.
        assert_eq!(wait(guesses.shown(ip("192.0.2.2"), None, now)), 0);
        assert_eq!(wait(guesses.shown(one, None, now + FORGOTTEN)), 0);
    }

    #[test]
    fn many_at_once_gain_nothing() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        let one = ip("2001:db8::1");
        guesses.shown(one, None, now);
        guesses.wrong(one, None, now);
        let another = ip("2001:db8::ffff");
        let asked = (0..100).filter(|_| guesses.shown(another, None, now) != Turn::SentAway);
        assert_eq!(asked.count() as u32, MOST - 1);
    }

    #[test]
    fn right_ones_cost_nothing() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        for _ in 0..1000 {
            assert_eq!(wait(guesses.shown(ip("192.0.2.1"), Some("ann"), now)), 0);
            guesses.right(ip("192.0.2.1"));
        }
        assert!(guesses.clients.0.is_empty());
    }

    #[test]
    fn an_account_is_slow_and_never_closed() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        for n in 0..200_u8 {
            guesses.wrong(
                Client::Ip([192, 0, 2, n].into()),
                Some("Ann@example.com"),
                now,
            );
        }
        let other = ip("198.51.100.1");
        assert_eq!(
            wait(guesses.shown(other, Some("ann@example.com"), now)),
            2000
        );
        assert_eq!(wait(guesses.shown(other, Some("bob@example.com"), now)), 0);
        // A program on the mail server is no stranger, however often it is wrong.
        for _ in 0..100 {
            guesses.wrong(Client::Local, None, now);
        }
        assert_eq!(wait(guesses.shown(Client::Local, None, now)), 0);
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let mut guesses = Guesses::default();
        let now = Instant::now();
        for _ in 0..MOST {
            guesses.wrong(ip("192.0.2.1"), None, now);
        }
        for n in 0..MAX_KEPT as u32 + 500 {
            guesses.wrong(Client::Ip(std::net::Ipv4Addr::from(n).into()), None, now);
        }
        assert!(guesses.clients.0.len() <= MAX_KEPT);
        assert_eq!(guesses.shown(ip("192.0.2.1"), None, now), Turn::SentAway);
    }
}
