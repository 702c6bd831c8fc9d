//! Opt-outs as everybody sees them: the phone, the senders, the admin; through the milter and the command line.

use serde_json::Value;

use crate::sim::milter_client::{self, Mail, Outcome, Session};
use crate::sim::product::{self, Place, Product};
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::SmtpSink;

const PHONE: &str = "+15551234567";
const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]";
const GONE: &str = "You will get no more SMS from us";

async fn mail(product: &Product, recipients: &[&str], text: &str) -> Outcome {
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    let mut mail = Mail::new(recipients, text);
    mail.auth = Some("asmith".into());
    let outcome = session.mail(&mail).await;
    session.quit().await;
    outcome
}

async fn to_phone(product: &Product, text: &str) -> Outcome {
    mail(product, &["<+15551234567@sms.example.com>"], text).await
}

fn says(product: &Product, text: &str) {
    let output = product.command(&["phone", "reply", PHONE, text]);
    assert!(output.status.success(), "{output:?}");
}

fn list(product: &Product) -> Vec<Value> {
    product.json(&["optout", "list", "--json"])
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_start_and_stop_again_by_hand() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    assert_eq!(to_phone(&product, "Lunch?").await.answer, "accept");
    assert_eq!(product.phone(PHONE, 1), ["Lunch?"]);
    says(&product, "Stop.");
    let told = sink.wait_for(1).await.remove(0);
    assert_eq!(told.recipient, "ann.smith@example.com");
    assert!(told.text().contains("has opted out"), "{}", told.text());
    let shown = product.phone(PHONE, 3);
    assert!(shown[2].starts_with(GONE), "{shown:?}");
    let line = list(&product).remove(0);
    assert_eq!(
        (
            &line["number"],
            &line["by"],
            &line["word"],
            &line["gateway"]
        ),
        (
            &PHONE.into(),
            &"phone".into(),
            &"STOP".into(),
            &"lab".into()
        )
    );
    // Refused with the reason, alone and in company; the others get theirs.
    let refused = to_phone(&product, "Hello?").await;
    assert!(
        refused.recipients[0].starts_with("550 5.7.1"),
        "{refused:?}"
    );
    let two = [
        "<+15551234567@sms.example.com>",
        "<+15551234568@sms.example.com>",
    ];
    let both = mail(&product, &two, "Hello both").await;
    assert!(both.recipients[0].starts_with("550 5.7.1"), "{both:?}");
    assert_eq!(
        (both.recipients[1].as_str(), both.answer.as_str()),
        ("ok", "accept")
    );
    assert_eq!(product.phone("+15551234568", 1), ["Hello both"]);
    // The account form is known at the end of the message only.
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    let mut account = Mail::new(&["<sms@sms.example.com>"], "Hello?").without("Subject");
    account.auth = Some("asmith".into());
    account.header.push(("Subject".into(), PHONE.into()));
    let answer = session.mail(&account).await.answer;
    assert!(answer.starts_with("550 5.7.1"), "{answer}");
    session.quit().await;
    let send = product.command(&["send", PHONE, "Hello?"]);
    assert!(!send.status.success());
    assert!(
        String::from_utf8_lossy(&send.stderr).contains("opted out"),
        "{send:?}"
    );
    // A repeat is nothing new.
    says(&product, "STOP");
    product
        .log_line(|line| line.contains("opted-out-already"))
        .expect("in the log");
    says(&product, "start");
    let shown = product.phone(PHONE, 6);
    assert!(
        shown[5].starts_with("You will get our SMS again"),
        "{shown:?}"
    );
    assert_eq!(list(&product), Vec::<Value>::new());
    sink.wait_for(2).await;
    assert_eq!(to_phone(&product, "Back?").await.answer, "accept");
    assert_eq!(product.phone(PHONE, 7)[6], "Back?");
    // By hand.
    let add = product.command(&["optout", "add", PHONE, "--note", "asked by phone"]);
    assert!(add.status.success(), "{add:?}");
    let again = product.command(&["optout", "add", PHONE]);
    assert_eq!(again.status.code(), Some(69), "{again:?}");
    assert_eq!(list(&product)[0]["note"], "asked by phone");
    assert!(to_phone(&product, "x").await.recipients[0].starts_with("550 5.7.1"));
    assert!(
        product
            .command(&["optout", "remove", PHONE])
            .status
            .success()
    );
    assert_eq!(
        product.command(&["optout", "remove", PHONE]).status.code(),
        Some(69)
    );
    assert_eq!(
        product.command(&["optout", "add", "nobody"]).status.code(),
        Some(64)
    );
    assert!(product.stop().success());
    // Nobody runs: the store is asked.
    let config = place.config();
    assert!(
        product::command(&config, &["optout", "add", PHONE])
            .status
            .success()
    );
    assert_eq!(
        product::json(&config, &["optout", "list", "--json"]).len(),
        1
    );
}

/// Two gateways: what waits for one does not go when the phone has told the other, and its sender hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_before_does_not_go() {
    let sink = SmtpSink::start().await;
    let provider = Provider::answering(Answer::say(503, "busy")).await;
    let more = format!(
        "gateways:\n  - {{ id: lab, type: simulated, number: \"+15550009999\" }}\n  \
         - {{ id: web, type: http, url: \"{}\", success: {{ status: [200] }} }}\n\
         outgoing: [{{ when: {{ text: web }}, gateway: web }}]\n\
         access: {{ trusted_networks: [\"127.0.0.0/8\"], defaults: {{ monthly_limit: 10 }} }}\n\
         queue: {{ retry: {{ first: 1h, factor: 2, max: 2h }} }}\n",
        provider.url("/send?to=%number%&text=%data%")
    );
    let place = Place::new(sink.address(), LAB);
    let text = std::fs::read_to_string(place.config()).expect("configuration");
    let (head, _) = text.split_once("access:").expect("access");
    let (_, tail) = text.split_once("users:").expect("users");
    let tail = tail.replace(LAB, "");
    std::fs::write(place.config(), format!("{head}users:{tail}\n{more}")).expect("configuration");
    let product = place.start();
    assert_eq!(to_phone(&product, "first").await.answer, "accept");
    product.phone(PHONE, 1);
    assert_eq!(to_phone(&product, "by web").await.answer, "accept");
    provider.wait_for(1).await;
    product.until(&["queue", "list", "--json"], |lines| {
        lines.len() == 1 && lines[0]["state"] == "queued"
    });
    says(&product, "STOP");
    // The mail that the phone opted out, and the report.
    let mails = sink.wait_for(2).await;
    assert!(
        mails
            .iter()
            .all(|mail| mail.recipient == "ann.smith@example.com")
    );
    let report = mails
        .iter()
        .find(|mail| mail.text().contains("was not sent"));
    let report = report
        .unwrap_or_else(|| panic!("a report: {mails:?}"))
        .text();
    assert!(report.contains("its owner has opted out"), "{report}");
    assert!(product.phone(PHONE, 3)[2].starts_with(GONE));
    // kill -9, and the provider is well again: nothing goes, nothing comes twice.
    product.kill();
    provider.change(vec![Answer::say(200, "ok")]);
    let product = place.start();
    assert!(to_phone(&product, "by web").await.recipients[0].starts_with("550 5.7.1"));
    assert_eq!(
        mail(&product, &["<+15551234568@sms.example.com>"], "web, too")
            .await
            .answer,
        "accept"
    );
    provider.wait_for(2).await;
    let others = provider.requests();
    assert!(
        others[1].target.contains("15551234568"),
        "{}",
        others[1].target
    );
    let users = product.json(&["users", "list", "--json"]);
    let ann = users
        .iter()
        .find(|user| user["account"] == "ann.smith@example.com");
    let ann = ann.unwrap_or_else(|| panic!("ann: {users:?}"));
    assert_eq!(ann["sent_month"].as_u64(), Some(2), "{ann}");
    assert_eq!(sink.mails().len(), 2);
    assert!(product.stop().success());
}

/// kill -9 as soon as the STOP is acknowledged, again and again: on the list, confirmed once, told once.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_neither_loses_nor_doubles_it() {
    let sink = SmtpSink::start().await;
    // What a kill leaves open is given up soon, and not repeated.
    let lab = LAB.replace("type: simulated", "type: simulated, unknown_wait: 1s");
    let place = Place::new(sink.address(), &lab);
    let mut product = place.start();
    assert_eq!(to_phone(&product, "Lunch?").await.answer, "accept");
    product.phone(PHONE, 1);
    says(&product, "STOP");
    for _ in 0..3 {
        product.kill();
        product = place.start();
    }
    sink.wait_for(1).await;
    product.until(&["optout", "list", "--json"], |lines| lines.len() == 1);
    // A confirmation that was on the wire when the process was killed is not repeated.
    let confirmations = || {
        let all = product.json(&["queue", "list", "--all", "--json"]);
        let is_ours = |line: &&Value| line["sender"] == "postmaster@example.com";
        let all: Vec<_> = all.iter().filter(is_ours).cloned().collect();
        all
    };
    product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
    let all = confirmations();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_ne!(all[0]["state"], "failed", "{all:?}");
    assert!(to_phone(&product, "x").await.recipients[0].starts_with("550 5.7.1"));
    // One that the MTA took just before a kill comes again as the same mail.
    let told: std::collections::BTreeSet<_> = sink
        .mails()
        .iter()
        .map(|m| m.header("Message-ID"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(product.stop().success());
}
