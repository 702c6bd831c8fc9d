//! The daemon and its modems: the real binary, real ptys, a queue on disk. Plugs are pulled and the
//! daemon is killed; what was taken goes out once, what came in is one mail each.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::plug::{STAGES, is_taken};
use super::storage::{interleaved, texts};
use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::modem::{Options, Receipts, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::smtp_sink::SmtpSink;

/// A modem of the configuration, impatient as tests are.
pub(super) fn modem(id: &str, sim: &SimModem, more: &str) -> String {
    format!(
        "  - {{ id: {id}, type: modem, device: {}, number: \"+15550002222\", baud: {}, timeout: 2s, \
         send_timeout: 2s, poll: 1s, unknown_wait: 1s{more} }}\n",
        sim.path().display(),
        sim.speed()
    )
}

/// A modem of its own for each: another IMEI, another SIM.
pub(super) fn another(n: usize, options: Options) -> Options {
    Options {
        imei: format!("49015420323{n:04}").leak(),
        iccid: format!("8942002000000000{n:04}").leak(),
        imsi: format!("23002123456{n:04}").leak(),
        ..options
    }
}

/// Bob's mails to these recipients, all taken.
pub(super) async fn write(product: &Product, mails: &[(String, String)]) {
    let mut session = Session::open(&milter_client::Place::parse(&product.milter)).await;
    for (number, text) in mails {
        let to = format!("<{number}@sms.example.com>");
        let outcome = session.mail(&Mail::new(&[&to], text)).await;
        assert_eq!(outcome.answer, "accept", "{text}: {outcome:?}");
    }
    session.quit().await;
}

/// Waits until nothing is queued; how many messages ended in which state.
pub(super) fn ended(product: &Product) -> BTreeMap<String, usize> {
    product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
    let mut states = BTreeMap::new();
    for line in product.json(&["queue", "list", "--all", "--limit", "0", "--json"]) {
        let state = line["state"].as_str().expect("a state").to_owned();
        *states.entry(state).or_insert(0) += 1;
    }
    states
}

fn states(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let pairs = expected.iter();
    pairs.map(|(state, n)| ((*state).to_owned(), *n)).collect()
}

/// One daemon, ten modems, one message for each; each modem goes at another stage of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_queue_sends_once_what_the_plug_interrupted() {
    let number = |n: usize| format!("+155512345{n:02}");
    let sims: Vec<_> = (0..)
        .zip(STAGES)
        .map(|(n, unplug_at)| {
            SimModem::start(Options {
                unplug_at,
                ..another(n, Options::default())
            })
        })
        .collect();
    let gateways: String = (0..)
        .zip(&sims)
        .map(|(n, sim): (usize, _)| modem(&format!("m{n}"), sim, ""))
        .collect();
    let rule = |n| {
        format!(
            "  - {{ when: {{ to: \"^\\\\{}$\" }}, gateway: [m{n}] }}\n",
            number(n)
        )
    };
    let rules: String = (0..sims.len()).map(rule).collect();
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!("gateways:\n{gateways}outgoing:\n{rules}"),
    );
    let product = place.start();
    for sim in &sims {
        sim.wait("a poll", PATIENCE, |state| state.count("AT+CMGL") > 0);
    }
    sims[0].unplug();
    let mails: Vec<_> = (0..sims.len())
        .map(|n| (number(n), format!("text {n}")))
        .collect();
    write(&product, &mails).await;
    for (stage, sim) in STAGES.iter().zip(&sims) {
        sim.wait_unplugged(PATIENCE);
        assert_eq!(sim.sent().len(), usize::from(is_taken(*stage)), "{stage:?}");
        sim.replug();
    }
    assert_eq!(
        ended(&product),
        states(&[("sent", sims.len())]),
        "{}",
        product.log()
    );
    for (n, (stage, sim)) in STAGES.iter().zip(&sims).enumerate() {
        let sent: Vec<_> = sim
            .sent()
            .into_iter()
            .map(|sms| (sms.to, sms.text))
            .collect();
        assert_eq!(sent, [(number(n), format!("text {n}"))], "{stage:?}");
        assert_eq!(sim.lock().strange(), Vec::<&String>::new());
    }
    assert_eq!(sink.mails().len(), 0, "nobody needs to be told");
    assert!(product.stop().success());
}

/// Five messages in forty parts fill the SIM; the daemon is killed three times while it drains it.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_makes_one_mail_of_each_stored_sms() {
    let seed = 11;
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let sim = SimModem::start(Options {
        slots: 10,
        // So that a kill is in the middle of something.
        baud: 115_200,
        ..Options::default()
    });
    for part in interleaved(&sim, &mut random) {
        sim.deliver_pdu(&part);
    }
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "incoming: {{ default: bob@example.com }}\ngateways:\n{}",
            modem("hall", &sim, "")
        ),
    );
    for deletions in [1, 12, 27] {
        let product = place.start();
        sim.wait("deletions", PATIENCE, |state| {
            state.count("AT+CMGD") >= deletions
        });
        product.kill();
    }
    let product = place.start();
    sim.wait_empty(PATIENCE);
    sim.deliver("+15557770000", "the last one");
    sim.wait_empty(PATIENCE);
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["inbound_open"] == 0 && lines[0]["mails"] == 0
    });
    let mut mails = BTreeMap::new();
    for mail in sink.mails() {
        if mail.recipient == "postmaster@example.com" {
            // The SIM was full: that is told, too.
            continue;
        }
        assert_eq!(mail.recipient, "bob@example.com");
        // The same mail may come twice when a kill fell on the MTA's yes, and can be told by that.
        let id = mail.header("Message-ID").expect("a Message-ID");
        mails.insert(id, mail.text());
    }
    let mut got: Vec<_> = mails.into_values().collect();
    let mut expected: Vec<_> = texts()
        .iter()
        .map(|text| text.trim_end().to_owned())
        .collect();
    expected.push("the last one".to_owned());
    got.sort();
    expected.sort();
    assert_eq!(got, expected);
    assert!(product.stop().success());
}

/// The status report is there before the modem's answer, and long after it: delivered both times.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_before_and_after_the_answer_end_in_delivered() {
    let after = Receipts::After(std::time::Duration::from_millis(300));
    let sims: Vec<_> = [Receipts::Before, after]
        .into_iter()
        .enumerate()
        .map(|(n, receipts)| {
            SimModem::start(Options {
                receipts,
                ..another(n, Options::default())
            })
        })
        .collect();
    let gateways: String = ["before", "after"]
        .iter()
        .zip(&sims)
        .map(|(id, sim)| modem(id, sim, ""))
        .collect();
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        &format!(
            "access: {{ trusted_networks: [\"127.0.0.0/8\"], defaults: {{ monthly_limit: 0, confirm: always }} }}\n\
             gateways:\n{gateways}outgoing:\n  - {{ when: {{ to: \"1$\" }}, gateway: [before] }}\n  \
             - {{ when: {{ to: \"2$\" }}, gateway: [after] }}\n"
        ),
    );
    let text = std::fs::read_to_string(place.config()).expect("a configuration");
    let (head, rest) = text.split_once("access:\n").expect("access");
    let (_, tail) = rest.split_once("users:\n").expect("users");
    std::fs::write(place.config(), format!("{head}users:\n{tail}")).expect("written");
    let product = place.start();
    // One SMS, and one of three parts.
    let long = "a long text, so that it has parts. ".repeat(10);
    for (n, text) in [(1, "short"), (2, "short"), (1, &*long), (2, &*long)] {
        write(
            &product,
            &[(format!("+1555123450{n}"), format!("{n} {text}"))],
        )
        .await;
    }
    let all = ["queue", "list", "--all", "--json"];
    product.until(&all, |lines| {
        lines.len() == 4 && lines.iter().all(|line| line["state"] == "delivered")
    });
    assert_eq!(sims.iter().map(|sim| sim.sent().len()).sum::<usize>(), 8);
    assert!(product.stop().success());
}
