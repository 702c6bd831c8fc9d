//! Users in directories: real OpenLDAP, PostgreSQL, MariaDB and SQLite, by the configuration an admin
//! writes.

mod desk;
mod ldap;
mod product;
mod sql;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sms_milter::access::User;
use sms_milter::access::found::Question;
use sms_milter::config;
use sms_milter::directory::{Directories, Later};
use sms_milter::sms::Number;

use crate::sim::product::PATIENCE;

/// What every configuration needs.
const REQUIRED: &str = "hostname: mail.example.com
milter: { listen: inet:127.0.0.1:8895 }
addresses:
  domains:
    - { mail: example.com, sms: sms.example.com, region: US }
    - { mail: example.org, sms: sms.example.org, region: CZ }
mail: { inject: smtp://127.0.0.1:10026 }
store: sled:store
gateways: [{ id: lab, type: simulated }]
";

/// Names that are meant to be more than names, and are not.
const ATTACKS: [&str; 8] = [
    "*",
    "*)(uid=*",
    "carol)(|(uid=*",
    "carol@example.com)(objectClass=*",
    "' OR 1=1 --",
    "' OR ''='",
    "carol@example.com'; DROP TABLE people; --",
    "\\27 OR 1=1 #",
];

/// The directories of a configuration.
fn directories(yaml: &str) -> Arc<Directories> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("config.yaml");
    std::fs::write(&path, format!("{REQUIRED}{yaml}")).expect("write");
    let settings = config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    settings.directories
}

async fn find(directories: &Directories, question: Question) -> Result<Option<Arc<User>>, Later> {
    let found = directories.find(&question).await?;
    Ok(found.map(|(user, _)| user))
}

async fn named(directories: &Directories, name: &str) -> Result<Option<Arc<User>>, Later> {
    find(directories, Question::name(name).expect("a name")).await
}

/// The address of who is found.
fn email(found: Result<Option<Arc<User>>, Later>) -> String {
    match found {
        Ok(Some(user)) => user.email.clone(),
        Ok(None) => "-".to_owned(),
        Err(later) => format!("later: {later}"),
    }
}

fn nickname(nickname: &str, domain: &str) -> Question {
    Question::nickname(nickname, domain).expect("a nickname")
}

fn mobile(number: &str) -> Question {
    Question::Mobile(Number::from_network(number).expect("number"))
}

/// Asks until somebody answers: a directory that came back is left alone for a moment.
async fn until_found(directories: &Directories, name: &str) -> Arc<User> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match named(directories, name).await {
            Ok(Some(user)) => return user,
            other => assert!(Instant::now() < deadline, "{name}: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a trial of the only directory says.
async fn probe(directories: &Directories) -> String {
    let probed = directories.probe().await;
    match &probed[..] {
        [(name, Ok(probe))] => format!("ok {name}: {} {:?}", probe.reached, probe.remarks),
        [(_, Err(later))] => format!("error {later}"),
        all => panic!("{all:?}"),
    }
}
