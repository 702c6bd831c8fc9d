//! Counting: what an account may spend is never exceeded, whatever the clock, a kill or a crowd does; and
//! what the guard over spending holds is told, released, cancelled, or expires.

mod clock;
mod guard;
mod quota;

use std::net::SocketAddr;

use crate::sim::milter_client::{self, Mail, Outcome, Session};
use crate::sim::product::{Place, Product};

/// Where nobody takes mail.
fn nobody() -> SocketAddr {
    "127.0.0.1:9".parse().expect("an address")
}

/// Phones that can be sent to at once, and more YAML.
fn lab(inject: SocketAddr, more: &str) -> Place {
    let lab = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";
    Place::new(inject, &format!("{lab}\n{more}"))
}

/// Gives bob these keys too.
fn bob(place: &Place, keys: &str) {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let changed = config.replace("nickname: bob", &format!("nickname: bob, {keys}"));
    assert_ne!(config, changed);
    std::fs::write(place.config(), changed).expect("configuration");
}

fn milter(product: &Product) -> milter_client::Place {
    milter_client::Place::parse(&product.milter)
}

/// A mail of bob's.
async fn send(product: &Product, to: &str, text: &str) -> Outcome {
    let mut session = Session::open(&milter(product)).await;
    let to = format!("<{to}@sms.example.com>");
    session.mail(&Mail::new(&[&to], text)).await
}

/// The line of an account in `users list`.
fn user(product: &Product, account: &str) -> serde_json::Value {
    let lines = product.json(&["users", "list", "--json"]);
    let line = lines.into_iter().find(|line| line["account"] == account);
    line.unwrap_or_else(|| panic!("{account} is not in the list"))
}

/// How many messages are in a state.
fn count(product: &Product, state: &str) -> usize {
    let args = ["queue", "list", "--limit", "0", "--state", state, "--json"];
    product.json(&args).len()
}
