//! `kill -9` at a random moment under load, again and again: what got a 250 arrives or is told, and
//! nothing arrives twice beyond what the admin allowed (durability 2.2).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::provider::{Answer, Options, Provider};
use crate::sim::smtp_sink::SmtpSink;

const ROUNDS: usize = 20;
const MAILS: usize = 200;
const CONNECTIONS: usize = 20;
const NUMBER: &str = "+1555123";

/// Mails of one round over many connections at a time; those that were answered with a yes.
async fn send(milter: &milter_client::Place, texts: Vec<String>) -> BTreeSet<String> {
    let texts = std::sync::Arc::new(std::sync::Mutex::new(texts));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (milter, texts) = (milter.clone(), texts.clone());
        clients.spawn(async move {
            let mut taken = Vec::new();
            // A panic of the client's is its connection lost to the kill.
            let Ok(mut session) = tokio::spawn({
                let milter = milter.clone();
                async move { Session::open(&milter).await }
            })
            .await
            else {
                return taken;
            };
            loop {
                let Some(text) = texts.lock().expect("texts").pop() else {
                    break;
                };
                let number = format!("<{NUMBER}{:04}@sms.example.com>", hash(&text));
                let mail = Mail::new(&[&number], &text);
                match session.try_mail(&mail).await {
                    Ok(outcome) if outcome.answer == "accept" => taken.push(text),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            taken
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

/// Spreads the mails over numbers, so that they need not wait for each other.
fn hash(text: &str) -> u32 {
    text.bytes()
        .fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(b.into()))
        % 10_000
}

/// Waits until nothing is queued, being sent, or waiting for its outcome, and no mail for the MTA.
fn settle(product: &Product) {
    product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
}

struct Run {
    /// Texts that got their 250.
    taken: BTreeSet<String>,
    /// How often each arrived at the provider.
    arrived: BTreeMap<String, usize>,
    /// Texts with an attempt whose outcome nobody knew.
    open: BTreeSet<String>,
    /// Texts whose sender was told.
    told: BTreeSet<String>,
}

/// All rounds with one store.
async fn run(on_unknown: &str, seed: u64) -> Run {
    let mut random = StdRng::seed_from_u64(seed);
    let provider = Provider::start(Options {
        answers: vec![Answer::say(200, "OK").after(Duration::from_millis(5))],
    })
    .await;
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "numbers: {{ allow: [\"+1\"] }}\ngateways:\n  - {{ id: web, type: http, window: 32, unknown_wait: 1s, \
             on_unknown: {on_unknown}, url: \"{}\" }}\n",
            provider.url("/send?to=%number%&text=%data%")
        ),
    );
    let mut taken = BTreeSet::new();
    for round in 0..ROUNDS {
        let product = place.start();
        let milter = milter_client::Place::parse(&product.milter);
        let texts: Vec<_> = (0..MAILS).map(|n| format!("r{round}m{n}x")).collect();
        let load = tokio::spawn({
            let (milter, texts) = (milter.clone(), texts.clone());
            async move { send(&milter, texts).await }
        });
        tokio::time::sleep(Duration::from_millis(random.random_range(5..400))).await;
        product.kill();
        let first = load.await.expect("clients");
        // What had no answer is sent again, as any client does.
        let product = place.start();
        let milter = milter_client::Place::parse(&product.milter);
        let again: Vec<_> = texts
            .into_iter()
            .filter(|text| !first.contains(text))
            .collect();
        let second = send(&milter, again.clone()).await;
        assert_eq!(
            second.len(),
            again.len(),
            "round {round}: all are taken now"
        );
        taken.extend(first);
        taken.extend(second);
        // One kill for each message: what is open at two is told, and no longer repeated.
        settle(&product);
        assert!(product.stop().success());
    }
    let product = place.start();
    let mut open = BTreeSet::new();
    for line in product.json(&["queue", "list", "--all", "--limit", "0", "--json"]) {
        if line["unknowns"] != 0 {
            let id = line["id"].as_str().expect("id");
            let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
            open.insert(whole["text"].as_str().expect("text").to_owned());
        }
    }
    let mut arrived = BTreeMap::new();
    for request in provider.requests() {
        let (_, text) = request.target.split_once("text=").expect("a text");
        *arrived.entry(text.to_owned()).or_insert(0) += 1;
    }
    let mails = sink.mails();
    let told = mails
        .iter()
        .map(|mail| mail.text())
        .filter(|t| t.contains("may have been sent"));
    let told = told
        .filter_map(|t| t.split("> ").nth(1).map(|t| t.trim().to_owned()))
        .collect();
    Run {
        taken,
        arrived,
        open,
        told,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_retry_once_everything_arrives_and_twice_only_what_was_open() {
    let run = run("retry_once", 1).await;
    assert_eq!(run.taken.len(), ROUNDS * MAILS);
    let lost: Vec<_> = run
        .taken
        .iter()
        .filter(|t| !run.arrived.contains_key(*t))
        .collect();
    assert_eq!(lost, Vec::<&String>::new());
    let twice: Vec<_> = run.arrived.iter().filter(|(_, n)| **n > 1).collect();
    println!(
        "{} attempts were open at a kill; {} texts arrived twice",
        run.open.len(),
        twice.len()
    );
    for (text, copies) in twice {
        assert!(
            run.open.contains(text),
            "{text} arrived {copies} times, and no attempt was open"
        );
        assert_eq!(*copies, 2, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_report_nothing_arrives_twice_and_who_may_have_lost_one_is_told() {
    let run = run("report", 2).await;
    assert_eq!(run.taken.len(), ROUNDS * MAILS);
    let twice: Vec<_> = run.arrived.iter().filter(|(_, n)| **n > 1).collect();
    assert_eq!(twice, vec![]);
    let lost: BTreeSet<_> = run
        .taken
        .iter()
        .filter(|t| !run.arrived.contains_key(*t))
        .cloned()
        .collect();
    println!(
        "{} attempts were open at a kill; {} did not arrive",
        run.open.len(),
        lost.len()
    );
    assert_eq!(
        run.told, run.open,
        "each open attempt is told, and nothing else"
    );
    assert!(
        lost.is_subset(&run.told),
        "not told: {:?}",
        lost.difference(&run.told)
    );
}
