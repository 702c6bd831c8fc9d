//! `kill -9` at a random moment while parts of long SMS come in, again and again: each text that a gateway was told is
//! kept arrives whole, and a mail that arrives twice is the same mail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const ROUNDS: usize = 12;
const TEXTS: usize = 60;
const CONNECTIONS: usize = 12;
const SECRET: &str = "0123456789abcdef";

/// Part `part` of 3 of a text, as a provider pushes it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Push {
    round: usize,
    text: usize,
    part: usize,
}

impl Push {
    fn body(&self) -> String {
        let Self { round, text, part } = self;
        // Few references, so that they are used again.
        let reference = text % 4;
        format!(
            "from=%2B1555{text:07}&text=r{round}t{text}p{part}.&udh=050003{reference:02X}03{part:02X}\
             &id=r{round}t{text}p{part}"
        )
    }
}

/// Pushes them over many connections; those that were answered with a yes.
async fn push(product: &Product, all: Vec<Push>) -> BTreeSet<Push> {
    let hook = format!("http://{}/hooks/web", product.web);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20));
    let client = client.build().expect("a client");
    let all = Arc::new(Mutex::new(all));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (hook, client, all) = (hook.clone(), client.clone(), all.clone());
        clients.spawn(async move {
            let mut kept = Vec::new();
            loop {
                let Some(push) = all.lock().expect("lock").pop() else {
                    return kept;
                };
                let request = client
                    .post(&hook)
                    .bearer_auth(SECRET)
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(push.body());
                match request.send().await {
                    Ok(answer) if answer.status() == 200 => kept.push(push),
                    Ok(answer) => panic!("{}", answer.status()),
                    Err(_) => return kept,
                }
            }
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_text_arrives_whole_and_a_repeat_is_the_same_mail() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut random = StdRng::seed_from_u64(6);
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "gateways:\n  - {{ id: web, type: http, secret: \"{SECRET}\", url: \"http://127.0.0.1:9/\" }}\n\
             incoming: {{ default: bob@example.com }}\n"
        ),
    );
    for round in 0..ROUNDS {
        let product = place.start();
        let texts = (0..TEXTS).flat_map(|text| (1..=3).map(move |part| Push { round, text, part }));
        let mut all: Vec<Push> = texts.collect();
        all.shuffle(&mut random);
        let pause = Duration::from_millis(random.random_range(5..300));
        let kept = {
            let load = push(&product, all.clone());
            tokio::pin!(load);
            tokio::select! {
                kept = &mut load => kept,
                () = tokio::time::sleep(pause) => {
                    product.signal_kill();
                    load.await
                }
            }
        };
        product.kill();
        // What had no answer comes again, as from any provider.
        let product = place.start();
        let again: Vec<Push> = all
            .into_iter()
            .filter(|push| !kept.contains(push))
            .collect();
        let count = again.len();
        assert_eq!(push(&product, again).await.len(), count, "round {round}");
        product.until(&["queue", "stats", "--json"], |lines| {
            lines[0]["inbound_open"] == 0 && lines[0]["mails"] == 0
        });
        assert!(product.stop().success());
    }
    let mut arrived: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mails = sink.mails();
    for mail in &mails {
        let same = arrived.entry(mail.text()).or_default();
        same.insert(mail.data.clone());
    }
    let wanted = (0..ROUNDS).flat_map(|round| (0..TEXTS).map(move |text| (round, text)));
    let wanted: BTreeSet<String> = wanted
        .map(|(r, t)| format!("r{r}t{t}p1.r{r}t{t}p2.r{r}t{t}p3."))
        .collect();
    let found: BTreeSet<String> = arrived.keys().cloned().collect();
    assert_eq!(found, wanted);
    println!("{} texts, {} mails", wanted.len(), mails.len());
    let differ = arrived.values().filter(|same| same.len() > 1).count();
    assert_eq!(differ, 0, "a repeat is the same mail");
}
