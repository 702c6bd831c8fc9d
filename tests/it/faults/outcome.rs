//! Every accepted message ends in one of the states of the promise (durability 2.2), and whoever must
//! hear of it does: whatever the gateway, the MTA, or somebody with a `kill` does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{PHONE, SMS, nobody, settled, taken};
use crate::sim::modem::{Options, Reply, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::provider::{Answer, Options as Answers, Provider};
use crate::sim::smtp_sink::SmtpSink;

/// The states of the parts of the only message.
fn parts(product: &Product) -> Vec<String> {
    let all = product.json(&["queue", "list", "--all", "--json"]);
    assert_eq!(all.len(), 1, "{all:?}");
    let id = all[0]["id"].as_str().expect("id");
    let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
    let parts = whole["parts"].as_array().expect("parts").iter();
    parts
        .map(|part| part["state"].as_str().expect("state").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_provider() {
    let provider = Provider::answering(Answer::Held("OK")).await;
    let url = provider.url("/send?text=%data%");
    let place = Place::new(
        nobody(),
        &format!("gateways: [{{ id: web, type: http, url: \"{url}\" }}]"),
    );
    let mut product = place.start();
    taken(&product, SMS, "on the wire").await;
    provider.wait_for(1).await;
    // Behind it, to the same phone: not begun, so not sent by a product that stops.
    taken(&product, SMS, "waits").await;
    product.signal_stop();
    let stopping = product.log_line(|line| line.contains("event=\"stopping\""));
    assert!(stopping.is_some(), "{}", product.log());
    provider.let_go();
    assert!(product.ended().success(), "exit 0");
    assert_eq!(provider.requests().len(), 1);
    let product = place.start();
    let states = settled(&product);
    assert!(
        states.iter().all(|(_, state)| state == "sent"),
        "{states:?}"
    );
    assert_eq!(
        (states.len(), provider.requests().len()),
        (2, 2),
        "each went once"
    );
}

/// A kill while the modem has a PDU and has not said what became of it.
async fn killed_at_the_modem(reply: Reply, policy: &str) -> (SimModem, Product, Place, SmtpSink) {
    let modem = SimModem::start(Options {
        replies: vec![reply],
        ..Options::default()
    });
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "gateways: [{{ id: hall, type: modem, device: {}, number: \"+15550002222\", {policy} }}]",
            modem.path().display()
        ),
    );
    let product = place.start();
    taken(&product, SMS, "in the air").await;
    modem.wait("a PDU", PATIENCE, |state| state.submissions == 1);
    assert_eq!(parts(&product), ["handed"]);
    product.kill();
    let product = place.start();
    // Also when that is over before we look: on a slow machine its wait may be.
    product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 1 && lines[0]["unknowns"] == 1
    });
    (modem, product, place, sink)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_the_network_has_it_sends_no_second() {
    let (modem, product, _place, sink) =
        killed_at_the_modem(Reply::TakenSilently, "unknown_wait: 3s").await;
    assert_eq!(settled(&product), [(PHONE.to_owned(), "sent".to_owned())]);
    // It was submitted again with TP-RD, and the service centre threw it away.
    assert_eq!(modem.lock().submissions, 2);
    assert_eq!(modem.sent().len(), 1);
    assert!(sink.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_the_network_has_it_sends_it_again() {
    let (modem, product, _place, sink) = killed_at_the_modem(Reply::Lost, "unknown_wait: 3s").await;
    assert_eq!(settled(&product), [(PHONE.to_owned(), "sent".to_owned())]);
    let sent = modem.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].repeat, "TP-RD: {sent:?}");
    assert!(sink.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_is_only_reported() {
    let (modem, product, _place, sink) =
        killed_at_the_modem(Reply::TakenSilently, "unknown_wait: 3s, on_unknown: report").await;
    assert_eq!(
        settled(&product),
        [(PHONE.to_owned(), "unknown".to_owned())]
    );
    let mail = sink.wait_for(1).await.remove(0);
    assert!(
        mail.text().contains("may have been sent"),
        "{}",
        mail.text()
    );
    assert_eq!((modem.lock().submissions, sink.mails().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_which_the_network_reports_sends_no_second() {
    let (modem, product, _place, sink) =
        killed_at_the_modem(Reply::TakenSilently, "unknown_wait: 10m").await;
    let sent = modem.sent().remove(0);
    assert!(
        sent.receipt,
        "TP-SRR: the report may be all that is ever known"
    );
    // As a service centre does that hears no acknowledgement: a modem that is being set up says none.
    let reported = async {
        while parts(&product) == ["unknown"] {
            modem.status_report(sent.reference, PHONE, 0x00);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let reported = tokio::time::timeout(PATIENCE, reported).await;
    assert!(reported.is_ok(), "{}", product.log());
    assert_eq!(
        settled(&product),
        [(PHONE.to_owned(), "delivered".to_owned())]
    );
    assert_eq!((modem.lock().submissions, sink.mails().len()), (1, 0));
}

/// What a provider does, the state that it makes, what the sender hears (nothing: ""), and how often
/// the provider hears of it (0: as often as it takes).
struct Behaviour {
    name: &'static str,
    answers: Vec<Answer>,
    state: &'static str,
    told: &'static str,
    requests: usize,
}

fn behaviours() -> Vec<Behaviour> {
    let b = |name, answers, state, told, requests| Behaviour {
        name,
        answers,
        state,
        told,
        requests,
    };
    let ok = || Answer::say(200, "OK 1");
    let unknown = "may have been sent";
    vec![
        b("well", vec![ok()], "sent", "", 1),
        b(
            "an error text with 200",
            vec![Answer::say(200, "ERR 42")],
            "unknown",
            unknown,
            1,
        ),
        b(
            "an error it is told to know",
            vec![Answer::say(200, "INVALID number")],
            "failed",
            "was not sent",
            1,
        ),
        b("500", vec![Answer::say(500, "oops")], "unknown", unknown, 1),
        b("502", vec![Answer::say(502, "oops")], "unknown", unknown, 1),
        b("a reset", vec![Answer::Reset], "unknown", unknown, 1),
        b("silence", vec![Answer::Silence], "unknown", unknown, 1),
        b(
            "a cut answer",
            vec![Answer::Cut {
                promised: 100,
                body: "O".into(),
            }],
            "unknown",
            unknown,
            1,
        ),
        b(
            "an endless answer",
            vec![Answer::Endless],
            "unknown",
            unknown,
            1,
        ),
        b(
            "404",
            vec![Answer::say(404, "no")],
            "failed",
            "was not sent",
            1,
        ),
        b(
            "busy, then well",
            vec![Answer::say(503, "busy"), ok()],
            "sent",
            "",
            2,
        ),
        b(
            "throttled, then well",
            vec![Answer::say(429, "slow").with("Retry-After", "1"), ok()],
            "sent",
            "",
            2,
        ),
        b(
            "busy for ever",
            vec![Answer::say(503, "busy")],
            "expired",
            "was not sent in time",
            0,
        ),
        b(
            "a wrong password",
            vec![Answer::say(401, "who?")],
            "expired",
            "was not sent in time",
            0,
        ),
        b("not there", vec![], "expired", "was not sent in time", 0),
    ]
}

/// Those that end in time have all the time of a slow machine; for the others it is short.
#[tokio::test(flavor = "multi_thread")]
async fn each_message_ends_in_one_state_and_its_sender_hears_of_it() {
    let (late, others) = behaviours()
        .into_iter()
        .partition(|behaviour| behaviour.state == "expired");
    tokio::join!(end_so(late, "8s"), end_so(others, "1h"));
}

/// One product, a gateway for each behaviour and a number for each gateway.
async fn end_so(behaviours: Vec<Behaviour>, expire: &str) {
    let sink = SmtpSink::start().await;
    let (mut gateways, mut rules, mut providers) = (String::new(), String::new(), Vec::new());
    for (n, behaviour) in behaviours.iter().enumerate() {
        // No provider at all is nobody's port.
        let answers = match behaviour.answers.is_empty() {
            true => vec![Answer::Reset],
            false => behaviour.answers.clone(),
        };
        let provider = Provider::start(Answers { answers }).await;
        let url = match behaviour.answers.is_empty() {
            true => "http://127.0.0.1:9/".to_owned(),
            false => provider.url("/send?to=%number%&text=%data%"),
        };
        // Only who says nothing may be too slow.
        let timeout = match behaviour.answers[..] {
            [Answer::Silence] => "2s",
            _ => "60s",
        };
        gateways += &format!(
            "  - {{ id: g{n}, type: http, url: \"{url}\", timeout: {timeout}, unknown_wait: 1s, on_unknown: report, \
             success: {{ status: [200], body: \"^OK\" }}, permanent: {{ body: \"^INVALID\" }} }}\n"
        );
        rules +=
            &format!("  - {{ when: {{ to: \"^\\\\+155512300{n:02}$\" }}, gateway: [g{n}] }}\n");
        providers.push(provider);
    }
    let place = Place::new(
        sink.address(),
        &format!(
            "queue: {{ expire: {expire}, warn_after: 1h, retry: {{ first: 1s, factor: 1, max: 1s }} }}\n\
             gateways:\n{gateways}outgoing:\n{rules}"
        ),
    );
    let product = place.start();
    for n in 0..behaviours.len() {
        taken(
            &product,
            &format!("<+155512300{n:02}@sms.example.com>"),
            &format!("text {n}"),
        )
        .await;
    }
    let states: BTreeMap<_, _> = settled(&product).into_iter().collect();
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
    let mails = sink.mails();
    let about = |n: usize| {
        let number = format!("+155512300{n:02}");
        let own = mails
            .iter()
            .map(|mail| mail.text())
            .filter(|text| text.contains(&number));
        (states[&number].as_str(), own.collect::<Vec<_>>())
    };
    for (n, behaviour) in behaviours.iter().enumerate() {
        let (state, told) = about(n);
        assert_eq!(
            state,
            behaviour.state,
            "{}\n{}",
            behaviour.name,
            product.log()
        );
        match behaviour.told {
            "" => assert_eq!(told, Vec::<String>::new(), "{}", behaviour.name),
            words => {
                assert_eq!(told.len(), 1, "{}: {told:?}", behaviour.name);
                assert!(told[0].contains(words), "{}: {}", behaviour.name, told[0]);
                assert!(told[0].contains(&format!("> text {n}")), "{}", told[0]);
            }
        }
        if behaviour.requests > 0 {
            assert_eq!(
                providers[n].requests().len(),
                behaviour.requests,
                "{}",
                behaviour.name
            );
        }
    }
    for mail in &mails {
        assert_eq!(mail.sender, "");
        // The admin may hear, before all is over, of gateways that do not work; of nothing else.
        if mail.recipient != "bob@example.com" {
            assert_eq!(mail.recipient, "postmaster@example.com");
            assert!(mail.text().contains("gateway g"), "{}", mail.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_away_for_a_while() {
    let provider = Provider::answering(Answer::say(503, "back soon")).await;
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "queue: {{ warn_after: 2s, retry: {{ first: 1s, factor: 1, max: 1s }} }}\n\
             gateways: [{{ id: web, type: http, url: \"{}\" }}]",
            provider.url("/?text=%data%")
        ),
    );
    let product = place.start();
    for n in 0..5 {
        taken(&product, SMS, &format!("text-{n}")).await;
    }
    // Each sender hears of the delay once.
    let warnings = sink.wait_for(5).await;
    let says = |mail: &crate::sim::smtp_sink::Mail| mail.text().contains("has not been sent yet");
    assert!(warnings.iter().all(says), "{warnings:?}");
    let before = provider.change(vec![Answer::say(200, "OK")]);
    let states = settled(&product);
    assert!(
        states.iter().all(|(_, state)| state == "sent"),
        "{states:?}"
    );
    let requests = provider.requests().split_off(before);
    let each: BTreeSet<_> = requests.iter().map(|request| &request.target).collect();
    assert_eq!(
        (requests.len(), each.len()),
        (5, 5),
        "each goes once: {each:?}"
    );
    assert_eq!(sink.mails().len(), 5, "no other mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_comes_while_the_mta_is_down() {
    let shut = SmtpSink::shut();
    let place = Place::new(
        shut.address(),
        "incoming: { default: bob@example.com }\n\
         gateways: [{ id: web, type: http, number: \"+15550003333\", secret: \"0123456789abcdef\", \
         url: \"http://127.0.0.1:9/\" }]",
    );
    let mut product = place.start();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let post = async |product: &Product| {
        let request = reqwest::Client::new()
            .post(format!("http://{}/hooks/web", product.web))
            .header("Content-Type", "application/json")
            .header("Authorization", "Bearer 0123456789abcdef")
            .body(format!("{{\"from\":\"{PHONE}\",\"to\":\"+15550003333\",\"text\":\"Hello\",\"id\":\"in-1\"}}"));
        request.send().await.expect("an answer").status()
    };
    assert_eq!(post(&product).await, 200);
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 1
    });
    // It survives a kill, and the provider's repeat is the same SMS.
    product.kill();
    product = place.start();
    assert_eq!(post(&product).await, 200);
    let sink = shut.open();
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.recipient.as_str(), mail.text().as_str()),
        ("bob@example.com", "Hello")
    );
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}
