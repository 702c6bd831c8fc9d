//! `sms-milter gateways`, and what an admin is mailed of a modem, through the whole program.

use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{PATIENCE, Place};
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::{Mail, SmtpSink};

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_listed_and_what_nobody_can_read_is_mailed() {
    let modem = SimModem::start(Options::default());
    let sink = SmtpSink::start().await;
    let device = modem.path();
    let gateways = format!(
        "gateways: [{{ id: hall, type: modem, device: {}, daily_limit: 100 }}, \
         {{ id: off, type: simulated, active: false }}]",
        device.display()
    );
    let place = Place::new(sink.address(), &gateways);
    let product = place.start();
    let list = ["gateways", "list", "--json"];
    let lines = product.until(&list, |lines| {
        lines[0]["state"] == "up" && !lines[0]["storage_total"].is_null()
    });
    assert_eq!(lines[0]["sim"], Options::default().iccid);
    assert_eq!(lines[0]["dbm"], -79);
    assert_eq!(lines[0]["daily_limit"], 100);
    assert_eq!(
        (&lines[1]["state"], &lines[1]["type"]),
        (&"inactive".into(), &"simulated".into())
    );
    assert!(
        product
            .command(&["send", "+15551234567", "hello"])
            .status
            .success()
    );
    modem.wait_sent(1, PATIENCE);
    product.until(&list, |lines| {
        lines[0]["sent_today"] == 1 && lines[0]["sent_month"] == 1
    });
    let table = product.command(&["gateways", "list"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("-79 dBm") && table.contains("1/100"),
        "{table}"
    );

    modem.deliver_pdu("0004FFFF");
    let mails = sink.wait_for(1).await;
    let (subject, text) = (mails[0].header("Subject"), mails[0].text());
    assert_eq!(subject.as_deref(), Some("Unreadable SMS from hall"));
    assert!(text.contains("0004FFFF"), "{text}");
    modem.wait_empty(PATIENCE);

    let accept = |id: &str| product.command(&["gateways", "accept", id]).status.code();
    assert_eq!(accept("hall"), Some(0));
    assert_eq!((accept("off"), accept("nowhere")), (Some(64), Some(64)));
}

/// A provider that does not know us: what waits says so, what was refused says by whom, and the admin hears
/// what to do.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_parked_gateway_says_so() {
    let provider = Provider::answering(Answer::say(401, "who?")).await;
    let sink = SmtpSink::start().await;
    let gateways = format!(
        "gateways: [{{ id: home, type: http, permanent: {{ body: never }}, url: \"{}\" }}]",
        provider.url("/?to=%number%&text=%data%")
    );
    let place = Place::new(sink.address(), &gateways);
    let product = place.start();
    let list = ["queue", "list", "--all", "--json"];
    let send = |text: &str| {
        let sent = product.command(&["send", "+15551234567", text]);
        assert!(sent.status.success(), "{sent:?}");
    };
    // One that is refused for itself.
    provider.change(vec![Answer::say(400, "never")]);
    send("first");
    let lines = product.until(&list, |lines| lines[0]["state"] == "failed");
    assert_eq!(
        (&lines[0]["gateway"], &lines[0]["attempts"]),
        (&"home".into(), &1.into())
    );
    let error = lines[0]["error"].as_str().unwrap_or_default();
    assert_eq!(error, "home: the provider answered 400: never");

    provider.change(vec![Answer::say(402, "pay")]);
    send("second");
    let waits = "waits for home, which is parked: the provider answered 402: pay";
    product.until(&list, |lines| lines[0]["waits_for"] == waits);
    // It never met the provider.
    send("third");
    let lines = product.until(&list, |lines| {
        lines.len() == 3 && lines[0]["waits_for"] == waits
    });
    assert_eq!(lines[0]["error"], serde_json::Value::Null);
    assert_eq!(lines[2]["waits_for"], serde_json::Value::Null);
    let id = lines[0]["id"].as_str().expect("id");
    assert_eq!(
        product.json(&["queue", "show", id, "--json"])[0]["waits_for"],
        waits
    );
    let table = product.command(&["queue", "list"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert_eq!(table.matches(waits).count(), 2, "{table}");

    let mut count = 1;
    let alarm = loop {
        let is_alarm = |mail: &Mail| {
            mail.header("Subject")
                .is_some_and(|s| s.contains("needs you"))
        };
        match sink.wait_for(count).await.into_iter().find(is_alarm) {
            Some(alarm) => break alarm,
            // The report about the first.
            None => count += 1,
        }
    };
    let text = alarm.text().replace("\r\n", " ").replace('\n', " ");
    assert!(text.contains("in gateways.home, and the account"), "{text}");
    assert!(text.contains("then restart sms-milter"), "{text}");
    assert!(product.stop().success());
}

/// Before it counts as down.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_found_is_seen_at_the_first_failure() {
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        "gateways: [{ id: home, type: http, url: \"https://sms.invalid/?to=%number%&text=%data%\" }]",
    );
    let product = place.start();
    assert!(
        product
            .command(&["send", "+15551234567", "x"])
            .status
            .success()
    );
    let lines = product.until(&["gateways", "list", "--json"], |lines| {
        lines[0]["failure"].is_string()
    });
    if lines[0]["state"] == "up" {
        let table = product.command(&["gateways", "list"]);
        let table = String::from_utf8_lossy(&table.stdout).into_owned();
        assert!(table.contains("cannot connect"), "{table}");
    }
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_for_nobody_are_logged() {
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        "gateways: [{ id: kannel, type: http, preset: kannel, api: \"http://127.0.0.1:9/\", account: a, \
         token: t, secret: s3cret }]",
    );
    let mut product = place.start();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let get = async |path: &str| {
        let asked = reqwest::get(format!("http://{}{path}", product.web)).await;
        asked.expect("an answer").status().as_u16()
    };
    let long = "x".repeat(200);
    assert_eq!(get("/hooks/WRONG-ID%0A/s3cret").await, 403);
    assert_eq!(get(&format!("/hooks/{long}/s3cret")).await, 403);
    for _ in 0..2 {
        assert_eq!(get("/hooks/kannel/s3cret").await, 200);
    }
    product.signal_stop();
    assert!(product.ended().success());
    let log = product.log();
    let lines = |wanted: &str| log.lines().filter(|line| line.contains(wanted)).count();
    assert_eq!((lines("push-refused"), lines(&long)), (1, 0), "{log}");
    assert_eq!(lines("there is no gateway WRONG-ID\\n"), 1, "{log}");
    // The second would be logged after a while.
    assert_eq!(lines("push-ignored"), 1, "{log}");
    let warned = log
        .lines()
        .filter(|line| line.contains("push-ignored") && line.contains("WARN"));
    assert_eq!(warned.count(), 1, "{log}");
}
