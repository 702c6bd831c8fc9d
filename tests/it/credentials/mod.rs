//! Who pays: logins, TLS client certificates, tokens and passwords in addresses, and who only pretends to
//! be someone. What is shown is never kept, logged or told.

mod canary;
mod guesses;
mod lists;
mod pretenders;
mod tls;
mod tokens;

use argon2::password_hash::PasswordHasher;
use indymilter_test::Status;

use crate::sim::milter_client::{self, Mail, Session, client};
use crate::sim::product::{Place, Product};

/// Phones that can be sent to at once.
const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";

const WRONG: &str = "550 5.7.8 wrong password or token";

/// An Argon2id hash that costs little.
pub fn hash(password: &str) -> String {
    hash_of(password, 8)
}

/// An Argon2id hash over so many KiB.
fn hash_of(password: &str, memory: u32) -> String {
    let params = argon2::Params::new(memory, 1, 1, None).expect("parameters");
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), b"saltsaltsalt");
    hash.expect("hash").to_string()
}

/// A place where passwords in addresses count, strangers are strangers, and these are users too: YAML lines.
fn configured(place: &Place, users: &str) {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let changed = config
        .replace("127.0.0.0/8", "127.0.0.1/32")
        .replace("access:\n", "access:\n  address_passwords: true\n")
        .replace("users:\n", &format!("users:\n{users}"));
    assert_ne!(config, changed);
    std::fs::write(place.config(), changed).expect("configuration");
}

fn milter(product: &Product) -> milter_client::Place {
    milter_client::Place::parse(&product.milter)
}

/// Code and text of an answer.
fn words(status: &Status) -> String {
    match status {
        Status::Reject { message } | Status::Tempfail { message } => {
            let message = message.as_ref().expect("a text");
            message.to_str().expect("UTF-8").to_owned()
        }
        Status::Continue => "ok".into(),
        other => format!("{other:?}"),
    }
}

/// A session of a stranger at that address, who says MAIL.
async fn stranger(product: &Product, ip: &str) -> Session {
    let mut session = Session::of(&milter(product), client(ip, 40_123)).await;
    let mut mail = Mail::new(&[], "");
    mail.sender = "<stranger@example.net>".into();
    session.begin(&mail).await.expect("MAIL");
    session
}

/// The answer to a RCPT.
async fn rcpt(session: &mut Session, address: &str) -> String {
    words(&session.mta.rcpt([address]).await.expect("RCPT"))
}

/// A whole mail of a stranger; the answers to its recipients, and the last one.
async fn mail(product: &Product, ip: &str, to: &[&str], text: &str) -> milter_client::Outcome {
    let mut session = Session::of(&milter(product), client(ip, 40_123)).await;
    let mut mail = Mail::new(to, text);
    mail.sender = "<stranger@example.net>".into();
    let outcome = session.mail(&mail).await;
    session.quit().await;
    outcome
}

/// Whose messages there are, oldest first.
fn payers(product: &Product) -> Vec<String> {
    let all = product.json(&["queue", "list", "--all", "--json"]);
    let payer = |line: &serde_json::Value| line["sender"].as_str().expect("sender").to_owned();
    all.iter().rev().map(payer).collect()
}

/// A new token's secret and id.
fn token(product: &Product, more: &[&str]) -> (String, String) {
    let mut args = vec!["token", "create", "--json", "--expires", "1d"];
    args.extend(more);
    let made = product.json(&args).remove(0);
    let text = |key: &str| made[key].as_str().expect("text").to_owned();
    (text("token"), text("id"))
}
