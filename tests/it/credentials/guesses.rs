//! Threats T05: guessing is slow, dear to nobody but the guesser, and tells nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::sim::product::Place;
use crate::sim::smtp_sink::SmtpSink;

const CLIENTS: u8 = 100;
/// What a client may try before it is sent away.
const EACH: usize = 10;

/// Half of them guess Ann's password, the others one of somebody who does not exist; one answer each, and
/// how long it took.
async fn guess(product: &Product, n: u8) -> Vec<(bool, String, Duration)> {
    let mut answers = Vec::new();
    let mut session = stranger(product, &format!("203.0.113.{n}")).await;
    for at in 0..EACH {
        let known = n.is_multiple_of(2);
        let user = if known { "ann.smith" } else { "nobody" };
        let address = format!(
            "<\"sms:+15551234567?user={user}%example.com&pass=guess{n}.{at}\"@example.com>"
        );
        let (mut start, mut said);
        loop {
            start = Instant::now();
            said = rcpt(&mut session, &address).await;
            // On a slow machine a hundred hashes take longer than the turn of one is waited for; then it is no guess.
            if !said.starts_with("451 4.7.0 too many passwords at once") {
                break;
            }
        }
        answers.push((known, said, start.elapsed()));
    }
    let away = rcpt(&mut session, "<\"sms:+15551234567?token=abc\"@example.com>").await;
    assert!(away.starts_with("421 4.7.0"), "{away}");
    // Who shows nothing is not slowed.
    let plain = rcpt(&mut session, "<+15551234567@sms.example.com>").await;
    assert!(plain.starts_with("550 5.7.1"), "{plain}");
    session.cut();
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t05_a_thousand_guesses() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    configured(&place, "");
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let ann = format!(
        "login: asmith, password_hash: \"{}\",",
        hash_of("right", 1024)
    );
    let config = config.replace("login: asmith,", &ann);
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    let guesses = (0..CLIENTS).map(|n| guess(&product, n));
    let answers: Vec<_> = futures_util::future::join_all(guesses).await.concat();
    assert_eq!(answers.len(), usize::from(CLIENTS) * EACH);
    let texts: BTreeSet<&str> = answers.iter().map(|(_, said, _)| said.as_str()).collect();
    assert_eq!(texts, BTreeSet::from([WRONG]), "one answer for every cause");
    let times = |known: bool| {
        let mut times: Vec<_> = answers
            .iter()
            .filter(|(k, ..)| *k == known)
            .map(|(.., time)| *time)
            .collect();
        times.sort();
        (times[times.len() / 2], times[times.len() * 95 / 100])
    };
    eprintln!(
        "known: {:?}, nobody: {:?} (median, 95 %)",
        times(true),
        times(false)
    );
    // From elsewhere the right one works, in the middle of it all.
    let right = "<\"sms:+15551234567?user=asmith&pass=right\"@example.com>";
    let outcome = mail(&product, "198.51.100.1", &[right], "it is me").await;
    assert_eq!(outcome.answer, "accept", "{outcome:?}");
    assert_eq!(payers(&product), ["ann.smith@example.com"]);
    let log = product.log();
    assert!(!log.contains("guess1.1") && !log.contains("pass="), "{log}");
    assert!(product.stop().success());
}

/// One guess at a time, from another client each: what a name that nobody has costs, against one that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t05_time_tells_nothing() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let user = |n: u32| {
        let hash = hash_of("right", 8192);
        format!("  - {{ email: u{n}@example.com, password_hash: \"{hash}\" }}\n")
    };
    configured(&place, &(0..60).map(user).collect::<String>());
    let product = place.start();
    // Each account is slowed from the fourth guess on. What else runs on this machine makes single measurements differ;
    // a name that costs no hash would be quicker in all of them.
    let mut measured = Vec::new();
    for round in 0..3 {
        let [nobody, known] = measure(&product, round).await;
        let difference = nobody.abs_diff(known);
        measured.push((nobody, known));
        eprintln!("nobody {nobody:?}, known {known:?}");
        // The whole hash is some 10 ms here.
        if difference < Duration::from_millis(5).max(known / 2) {
            assert!(product.stop().success());
            return;
        }
    }
    panic!("nobody and known: {measured:?}");
}

/// How long an answer takes about a name that nobody has, and about one that is.
async fn measure(product: &Product, round: u32) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    // From another client each, and one an account.
    for n in 0..120_u32 {
        // Each as often before as behind the other.
        let known = (n % 2 == 0) != (n % 4 > 1);
        let name = if known { "u" } else { "x" };
        let mut session = stranger(product, &format!("203.0.{}.{n}", 113 + round)).await;
        let address = format!(
            "<\"sms:+15551234567?user={name}{}%example.com&pass=wrong\"@example.com>",
            n / 2
        );
        let start = Instant::now();
        assert_eq!(rcpt(&mut session, &address).await, WRONG);
        times[usize::from(known)].push(start.elapsed());
        session.cut();
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 4]
    })
}
