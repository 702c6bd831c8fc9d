//! The guard over spending: held, told once, released, cancelled, expired.

use super::{bob, count, lab, milter, nobody, send, user};
use crate::sim::milter_client::{Mail, Session};
use crate::sim::product::command;
use crate::sim::smtp_sink::SmtpSink;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_neighbours_is_held_and_scattered_colleagues_are_not() {
    let sink = SmtpSink::start().await;
    let place = lab(
        sink.address(),
        "limits: { run: { numbers: 30, within: 10m } }",
    );
    let product = place.start();
    let mut session = Session::open(&milter(&product)).await;
    let mut mail = async |number: String| {
        let to = format!("<{number}@sms.example.com>");
        let outcome = session
            .mail(&Mail::new(&[&to], &format!("to {number}")))
            .await;
        assert_eq!(outcome.answer, "accept", "{number}: {outcome:?}");
    };
    for n in 0..50 {
        mail(format!("+4206{:08}", n * 1_234_567)).await;
    }
    assert_eq!(count(&product, "held"), 0);
    for n in 1..=50 {
        mail(format!("+420777000{n:03}")).await;
    }
    assert_eq!(count(&product, "held"), 20);
    product.until(&["queue", "list", "--json"], |lines| lines.len() == 20);

    // The admin hears it once, bob of each of his mails.
    let mails = sink.wait_for(21).await;
    let to = |whom: &str| {
        let to = format!("<{whom}>");
        let mails = mails.iter();
        let mails = mails.filter(move |m| m.header("To").as_deref() == Some(&to));
        mails.map(|m| m.text()).collect::<Vec<_>>()
    };
    let admin = to("postmaster@example.com");
    assert_eq!(admin.len(), 1);
    assert!(
        admin[0].contains("+420777000000 to +420777000999"),
        "{}",
        admin[0]
    );
    let held = to("bob@example.com");
    assert_eq!(held.len(), 20);
    assert!(held[0].contains("neighbouring numbers"), "{}", held[0]);

    // `explain` knows.
    let file = place.path().join("mail.eml");
    std::fs::write(&file, "Subject: x\r\n\r\nhello\r\n").expect("a mail");
    let file = file.to_str().expect("a name");
    let to = "+420777000099@sms.example.com";
    let args = [
        "explain",
        "--json",
        "--from",
        "bob@example.com",
        "--to",
        to,
        file,
    ];
    let output = command(&place.config(), &args);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let notes = said[0]["notes"].to_string();
    assert!(notes.contains("would be held"), "{said}");

    // One is taken back, and costs nothing.
    assert_eq!(user(&product, "bob@example.com")["sent_month"], 100);
    let held = product.json(&["queue", "list", "--state", "held", "--json"]);
    let id = |n: usize| held[n]["id"].as_str().expect("an id").to_owned();
    product.json(&["queue", "cancel", &id(0), &id(1)]);
    assert_eq!(user(&product, "bob@example.com")["sent_month"], 98);
    // One is let go, then all.
    let released = product.command(&["queue", "release", &id(2)]);
    assert_eq!(released.stdout, b"1 message released\n");
    let again = product.command(&["queue", "release", &id(2)]);
    assert_eq!(again.status.code(), Some(69), "it is held no more");
    assert!(product.stop().success());
    let product = place.start();
    let all = product.command(&["queue", "release", "--sender", "bob"]);
    assert_eq!(all.stdout, b"17 messages released\n");
    product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
    assert_eq!(count(&product, "sent") + count(&product, "delivered"), 98);
    // What is held from now on is news.
    let outcome = send(&product, "+420777000051", "one more").await;
    assert_eq!(outcome.answer, "accept");
    let mails = sink.wait_for(23).await;
    let admin = Some("<postmaster@example.com>".to_owned());
    let told = mails[21..].iter().filter(|m| m.header("To") == admin);
    assert_eq!(told.count(), 1);
    // It is a delay: who asks for none to be told is not told of it.
    let to = "<+420777000052@sms.example.com> NOTIFY=FAILURE";
    let mut session = Session::open(&milter(&product)).await;
    let outcome = session.mail(&Mail::new(&[to], "in silence")).await;
    assert_eq!(outcome.answer, "accept");
    product.until(&["queue", "stats", "--json"], |stats| {
        stats[0]["mails"] == 0
    });
    assert_eq!(count(&product, "held"), 2);
    assert_eq!(sink.mails().len(), 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_senders_spend_exactly_the_day_of_the_site() {
    let sink = SmtpSink::start().await;
    let place = lab(sink.address(), "limits: { site_day: 100 }");
    let product = place.start();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..16 {
        let milter = milter(&product);
        senders.spawn(async move {
            let mut session = Session::open(&milter).await;
            for n in 0..10 {
                let to = format!("<+1555{sender:03}{n:04}@sms.example.com>");
                let mut mail = Mail::new(&[&to], &format!("{sender} {n}"));
                mail.sender = format!("<user{sender}@example.com>");
                assert_eq!(session.mail(&mail).await.answer, "accept");
            }
        });
    }
    senders.join_all().await;
    product.until(&["queue", "list", "--json"], |lines| lines.len() == 60);
    assert_eq!(count(&product, "held"), 60);
    // It was one incident, and sixty messages of their senders.
    let mails = sink.wait_for(61).await;
    let admin = Some("<postmaster@example.com>".to_owned());
    let told: Vec<_> = mails.iter().filter(|m| m.header("To") == admin).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].text().contains("limits.site_day"));
    product.json(&["users", "reset", "--site"]);
    let outcome = send(&product, "+15559999999", "after the reset").await;
    assert_eq!(
        (outcome.answer.as_str(), count(&product, "held")),
        ("accept", 60)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_hold_all_but_alarms_and_what_is_held_expires() {
    let sink = SmtpSink::start().await;
    // Time enough for what is not held.
    let more = "limits: { per_user_hour: 2, per_number_hour: 1 }\nqueue: { expire: 8s }";
    let place = lab(sink.address(), more);
    bob(&place, "monthly_limit: 50");
    let product = place.start();
    for (n, to) in [
        "+15551230001",
        "+15551230001",
        "+15551230002",
        "+15551230003",
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = send(&product, to, &format!("mail {n}")).await;
        assert_eq!(outcome.answer, "accept");
    }
    // To the first number again, and bob's third that went.
    let reasons = |mails: &[crate::sim::smtp_sink::Mail], what: &str| {
        mails.iter().filter(|m| m.text().contains(what)).count()
    };
    let states = product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.iter().filter(|l| l["state"] == "expired").count() == 2
    });
    assert_eq!(states.len(), 4);
    assert_eq!(
        user(&product, "bob@example.com")["sent_month"],
        2,
        "given back"
    );
    // Two held, two alarms, two expired.
    let mails = sink.wait_for(6).await;
    assert_eq!(
        reasons(&mails, "to one number in an hour"),
        2,
        "held, given up"
    );
    assert_eq!(
        reasons(&mails, "of one sender in an hour"),
        2,
        "held, given up"
    );
    assert_eq!(reasons(&mails, "was not sent in time"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_is_counted_and_goes() {
    let place = lab(nobody(), "limits: { per_user_hour: 1 }");
    bob(&place, "class: alarm");
    let product = place.start();
    for n in 0..3 {
        let outcome = send(&product, "+15551230001", &format!("alarm {n}")).await;
        assert_eq!(outcome.answer, "accept");
    }
    assert_eq!(product.phone("+15551230001", 3).len(), 3);
    assert_eq!(count(&product, "held"), 0);
}
