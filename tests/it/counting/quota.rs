//! Limits of accounts, seen from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{bob, lab, milter, nobody, send, user};
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const BOB: &str = "bob@example.com";

/// 100 clients send 50 mails each; how many were taken. `after`: called when so many were.
async fn crowd(
    milter: milter_client::Place,
    round: &'static str,
    after: (usize, impl FnOnce() + Send + 'static),
) -> usize {
    let taken = Arc::new(AtomicUsize::new(0));
    let (enough, mut reached) = tokio::sync::mpsc::channel::<()>(1);
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..100 {
        let (milter, taken, enough) = (milter.clone(), taken.clone(), enough.clone());
        let threshold = after.0;
        // A client whose connection is cut ends, by a panic if need be.
        clients.spawn(async move {
            let mut session = Session::open(&milter).await;
            for n in 0..50 {
                let to = format!("<+1555{:07}@sms.example.com>", client * 50 + n);
                let mail = Mail::new(&[&to], &format!("{round} {client} {n}"));
                match session.try_mail(&mail).await {
                    Ok(outcome) if outcome.answer == "accept" => {
                        if taken.fetch_add(1, Ordering::SeqCst) + 1 == threshold {
                            let _ = enough.try_send(());
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
    }
    drop(enough);
    let act = after.1;
    let acting = tokio::spawn(async move {
        if reached.recv().await.is_some() {
            tokio::task::spawn_blocking(act).await.expect("done");
        }
    });
    while clients.join_next().await.is_some() {}
    acting.await.expect("done");
    taken.load(Ordering::SeqCst)
}

fn accepted(product: &Product) -> usize {
    let args = ["queue", "list", "--all", "--limit", "0", "--json"];
    product.json(&args).len()
}

/// A limit of 1,000, and a modem that is not there: nothing is sent, and nothing given back.
fn place() -> Place {
    let none = "gateways: [{ id: none, type: modem, device: /dev/serial/by-id/none }]";
    let place = Place::new(nobody(), none);
    bob(&place, "monthly_limit: 1000");
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_get_exactly_a_thousand() {
    let place = place();
    let product = place.start();
    let taken = crowd(milter(&product), "one", (usize::MAX, || {})).await;
    assert_eq!(taken, 1_000);
    assert_eq!(accepted(&product), 1_000);
    assert_eq!(user(&product, BOB)["sent_month"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_neither_gives_nor_takes() {
    let place = place();
    let product = place.start();
    let milter_then = milter(&product);
    let taken = crowd(milter_then, "before", (400, move || product.kill())).await;
    let product = place.start();
    let kept = accepted(&product);
    // Who heard no answer may have been taken all the same.
    assert!(kept >= taken && kept <= 1_000, "{taken} taken, {kept} kept");
    assert_eq!(user(&product, BOB)["sent_month"], kept, "used = accepted");
    let more = crowd(milter(&product), "after", (usize::MAX, || {})).await;
    assert_eq!((kept + more, accepted(&product)), (1_000, 1_000));
    assert_eq!(user(&product, BOB)["sent_month"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_hears_at_80_and_at_100_percent_once() {
    let sink = SmtpSink::start().await;
    let place = lab(sink.address(), "");
    bob(&place, "monthly_limit: 10, credit: 20");
    let product = place.start();
    for n in 0..8 {
        let outcome = send(&product, &format!("+1555123000{n}"), &format!("mail {n}")).await;
        assert_eq!(outcome.answer, "accept");
    }
    let first = sink.wait_for(1).await.remove(0);
    assert_eq!(first.header("To").as_deref(), Some("<bob@example.com>"));
    assert_eq!(
        first.header("Subject").as_deref(),
        Some("80 % of the SMS of this month are used up")
    );
    assert!(first.header("Auto-Submitted").is_some());
    assert!(first.text().contains("8 of the 10 SMS"), "{}", first.text());
    // Another process knows that it was told.
    assert!(product.stop().success());
    let product = place.start();
    for n in 8..10 {
        let outcome = send(&product, &format!("+155512300{n:02}"), &format!("mail {n}")).await;
        assert_eq!(outcome.answer, "accept");
    }
    let outcome = send(&product, "+15551230010", "mail 10").await;
    assert_eq!(outcome.recipients, ["550 5.7.1"]);
    let mails = sink.wait_for(2).await;
    assert_eq!(
        mails[1].header("Subject").as_deref(),
        Some("All SMS of this month are used up")
    );
    let line = user(&product, BOB);
    assert_eq!(
        (&line["sent_month"], &line["credit_left"]),
        (&10.into(), &10.into())
    );
    assert!(line["last_sent"].is_string());

    // An admin gives a new month; the credit has its own thresholds.
    product.json(&["users", "reset", "bob"]);
    assert_eq!(user(&product, BOB)["sent_month"], 0);
    for n in 11..19 {
        let outcome = send(&product, &format!("+155512300{n}"), &format!("mail {n}")).await;
        assert_eq!(outcome.answer, "accept");
    }
    let mails = sink.wait_for(4).await;
    let mut subjects: Vec<_> = mails[2..]
        .iter()
        .filter_map(|m| m.header("Subject"))
        .collect();
    subjects.sort();
    let expected = [
        "80 % of the SMS of this month are used up",
        "80 % of the SMS of your credit are used up",
    ];
    assert_eq!(subjects, expected);
    product.json(&["users", "reset", BOB, "--credit", "1"]);
    for (n, expected) in [(19, "accept"), (20, "no recipient")] {
        let outcome = send(&product, &format!("+155512300{n}"), &format!("mail {n}")).await;
        assert_eq!(outcome.answer, expected);
    }
    assert_eq!(user(&product, BOB)["credit_left"], 0);
    let stranger = product.command(&["users", "reset", "nobody@example.net"]);
    assert_eq!(stranger.status.code(), Some(69));
    let none = product.command(&["users", "reset", "ann.smith@example.com", "--credit", "5"]);
    assert_eq!(none.status.code(), Some(64));
}
