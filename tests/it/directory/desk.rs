//! Commands about users whom only a directory knows, and a directory that a reload brings.

use std::path::Path;

use serde_json::Value;

use crate::sim::directories::sqlite;
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n";
const TO: &str = "+15551234567@sms.example.com";

/// A file with one person in it.
fn file(path: &Path, person: &str) {
    let sql = format!(
        "CREATE TABLE people (email TEXT, login TEXT, quota INT, credit INT); \
         INSERT INTO people VALUES ({person});"
    );
    sqlite(path, &sql);
}

fn section(path: &Path) -> String {
    format!(
        "users_sql:\n  url: \"sqlite:{}\"\n  query: SELECT * FROM people WHERE email = %s OR login = %s\n  \
         columns: {{ monthly_limit: quota }}\n",
        path.display()
    )
}

async fn send(product: &Product, login: &str, text: &str) -> String {
    let place = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&place).await;
    let mut mail = Mail::new(&[&format!("<{TO}>")], text);
    mail.auth = Some(login.to_owned());
    let outcome = session.mail(&mail).await;
    session.quit().await;
    match outcome.answer.as_str() {
        "no recipient" => outcome.recipients.concat(),
        answer => answer.to_owned(),
    }
}

fn explained(product: &Product, place: &Place) -> Value {
    let mail = place.path().join("mail.eml");
    std::fs::write(&mail, "Subject: x\r\n\r\nhello\r\n").expect("write");
    let file = mail.to_str().expect("a path");
    let args = ["explain", "--from", "cjones", "--to", TO, "--json", file];
    product.json(&args)[0][0].clone()
}

fn of_carol(product: &Product) -> Value {
    let all = product.json(&["users", "list", "--json"]);
    let carol = |line: &&Value| line["account"] == "carol@example.com";
    all.iter().find(carol).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_know_users_of_a_directory() {
    let sink = SmtpSink::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let people = dir.path().join("people.db");
    file(&people, "'carol@example.com', 'cjones', 2, 3");
    let place = Place::new(sink.address(), &format!("{LAB}{}", section(&people)));
    let product = place.start();
    let done = |args: &[&str]| {
        let said = product.command(args);
        let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.status.success(), "{args:?}: {stderr}");
    };
    for text in ["one", "two"] {
        assert_eq!(send(&product, "cjones", text).await, "accept");
    }
    let used_up = "550 5.7.1 carol@example.com has used up this month's SMS";
    assert_eq!(send(&product, "cjones", "three").await, "550 5.7.1");
    // `explain` says so too, and so does the list.
    let line = explained(&product, &place);
    let reply = line["reply"].as_str().unwrap_or_default();
    assert!(reply.starts_with(used_up), "{line}");
    let line = of_carol(&product);
    assert_eq!(
        (
            &line["user"],
            &line["sent_month"],
            &line["monthly_limit"],
            &line["credit_left"]
        ),
        (&true.into(), &2.into(), &2.into(), &1.into()),
        "{line}"
    );
    done(&["users", "reset", "cjones", "--month"]);
    done(&["users", "reset", "cjones", "--credit", "2"]);
    let line = of_carol(&product);
    assert_eq!(
        (&line["sent_month"], &line["credit_left"]),
        (&0.into(), &2.into())
    );
    assert_eq!(explained(&product, &place)["verdict"], "send");
    let args = [
        "token",
        "create",
        "--user",
        "cjones",
        "--to",
        "+15551234567",
        "--expires",
        "1d",
        "--json",
    ];
    assert_eq!(product.json(&args)[0]["user"], "carol@example.com");

    // It goes: what she may is not known, what she has sent is.
    std::fs::remove_file(&people).expect("removed");
    let product = {
        assert!(product.stop().success());
        place.start()
    };
    let line = of_carol(&product);
    assert_eq!(
        (&line["sent_month"], &line["monthly_limit"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(
        explained(&product, &place)["reply"]
            .as_str()
            .map(|r| &r[..3]),
        Some("451")
    );
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_over_directories_and_says_nothing_of_a_restart() {
    let sink = SmtpSink::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    let (old, new) = (dir.path().join("old.db"), dir.path().join("new.db"));
    file(&old, "'carol@example.com', 'cjones', 0, NULL");
    file(&new, "'dave@example.com', 'cjones', 0, NULL");
    let place = Place::new(sink.address(), &format!("{LAB}{}", section(&old)));
    let product = place.start();
    assert_eq!(send(&product, "cjones", "one").await, "accept");
    let config = std::fs::read_to_string(place.config()).expect("read");
    std::fs::write(place.config(), config.replace("old.db", "new.db")).expect("written");
    let said = product.command(&["reload"]);
    let words = String::from_utf8_lossy(&said.stderr) + String::from_utf8_lossy(&said.stdout);
    assert!(
        said.status.success() && !words.contains("restart"),
        "{words}"
    );
    assert_eq!(send(&product, "cjones", "two").await, "accept");
    let queue = product.until(&["queue", "list", "--all", "--json"], |all| all.len() == 2);
    let payers: Vec<_> = queue.iter().map(|line| line["sender"].clone()).collect();
    assert_eq!(payers, ["dave@example.com", "carol@example.com"]);
    assert!(product.stop().success());
}
