//! Faults, seen from outside: the binary, its configuration, its store, its neighbours. What each must
//! come to is in the specification (2.2), the promise (durability 2.2) and the list of faults.
//!
//! The tests that mount file systems need root.

mod damage;
mod disk;
mod load;
mod outcome;
mod quota;
mod recipients;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Output;

use crate::sim::milter_client::{self, Mail, Outcome, Session};
use crate::sim::product::{Place, Product};

/// A phone that all of these write to.
const PHONE: &str = "+15551234567";
/// The same as a recipient.
const SMS: &str = "<+15551234567@sms.example.com>";
/// Phones that can be sent to at once.
const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";

/// Where nobody takes mail: reports wait, and concern other tests.
fn nobody() -> SocketAddr {
    "127.0.0.1:9".parse().expect("an address")
}

/// Its milter.
fn milter(product: &Product) -> milter_client::Place {
    milter_client::Place::parse(&product.milter)
}

/// Bob's mail with this text in a session of its own; what became of it.
async fn send(product: &Product, to: &[&str], text: &str) -> Outcome {
    let mut session = Session::open(&milter(product)).await;
    let outcome = session.mail(&Mail::new(to, text)).await;
    session.quit().await;
    outcome
}

/// The same, and it is taken.
async fn taken(product: &Product, to: &str, text: &str) {
    let outcome = send(product, &[to], text).await;
    assert_eq!(
        outcome.answer,
        "accept",
        "{text}: {outcome:?}\n{}",
        product.log()
    );
}

/// Changes the configuration.
fn configure(place: &Place, change: impl FnOnce(String) -> String) {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let changed = change(config.clone());
    assert_ne!(config, changed, "the change has changed something");
    std::fs::write(place.config(), changed).expect("configuration");
}

/// The texts of all messages in the store.
fn texts(product: &Product) -> BTreeSet<String> {
    let all = product.json(&["queue", "list", "--all", "--limit", "0", "--json"]);
    let text = |line: &serde_json::Value| {
        let id = line["id"].as_str().expect("id");
        let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
        whole["text"].as_str().expect("text").to_owned()
    };
    all.iter().map(text).collect()
}

/// Waits until all messages of the product are final; states by number.
fn settled(product: &Product) -> Vec<(String, String)> {
    product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
    let all = product.json(&["queue", "list", "--all", "--limit", "0", "--json"]);
    let field =
        |line: &serde_json::Value, name: &str| line[name].as_str().expect("text").to_owned();
    let mut states: Vec<_> = all
        .iter()
        .map(|line| (field(line, "number"), field(line, "state")))
        .collect();
    states.sort();
    states
}

/// What a command said on stderr.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `sms-milter run` that ends by itself: its exit code (124: it does not) and its last line.
fn refused_to_run(place: &Place) -> (i32, String) {
    let mut command = std::process::Command::new("timeout");
    command.args(["30", env!("CARGO_BIN_EXE_sms-milter"), "run", "--config"]);
    let output = command.arg(place.config()).output().expect("timeout");
    let last = said(&output).lines().last().unwrap_or_default().to_owned();
    (output.status.code().expect("an exit code"), last)
}
