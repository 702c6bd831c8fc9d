//! Two instances: A has the mail and no modem, B has the modem. What A's people write goes out through B,
//! and the answers and receipts come back to them. Killing either loses nothing, and nothing goes out
//! twice: A repeats a request under the same `msgid`, B what it tells under the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::modem::{Options, Receipts, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::provider::{Answer, Provider};
use crate::sim::smtp_sink::SmtpSink;
use crate::sim::wire::Wire;

const PHONE: &str = "+15551234567";
const PASSWORD: &str = "correct horse";
const SECRET: &str = "0123456789abcdef";

/// A hash that takes no time.
pub fn hash(password: &str) -> String {
    let cheap = argon2::Params::new(8, 1, 1, None).expect("parameters");
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let hash = argon2.hash_password_with_salt(password.as_bytes(), b"saltsalt");
    hash.expect("hash").to_string()
}

/// A place with a program among its users, and the door for it open.
pub fn with_program(place: Place, user: &str) -> Place {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config
        .replace("users:\n", &format!("users:\n  - {user}\n"))
        .replace(
            "web: { listen: 127.0.0.1:0 }",
            "web: { listen: 127.0.0.1:0, compat: [icewarp] }",
        );
    std::fs::write(place.config(), config).expect("configuration");
    place
}

/// A place whose people always hear that an SMS was delivered.
pub fn confirming(place: Place) -> Place {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let confirming = "defaults: { monthly_limit: 0, confirm: always }";
    let config = config.replace("defaults: { monthly_limit: 0 }", confirming);
    std::fs::write(place.config(), config).expect("configuration");
    place
}

struct Chain {
    modem: SimModem,
    mails_of_a: SmtpSink,
    mails_of_b: SmtpSink,
    a: Place,
    b: Place,
    to_a: Wire,
    to_b: Wire,
}

impl Chain {
    async fn new() -> Self {
        let modem = SimModem::start(Options {
            receipts: Receipts::After(Duration::from_millis(20)),
            ..Options::default()
        });
        let (mails_of_a, mails_of_b) = (SmtpSink::start().await, SmtpSink::start().await);
        let (to_a, to_b) = (Wire::new().await, Wire::new().await);
        let a = Place::new(
            mails_of_a.address(),
            &format!(
                "queue: {{ retry: {{ first: 1s, factor: 1, max: 1s }} }}\n\
                 gateways: [{{ id: hq, type: http, preset: sms-milter, api: \"{}\", account: hq, token: \"{PASSWORD}\", \
                 number: \"+15550002222\", secret: \"{SECRET}\", receipts: always, unknown_wait: 1s }}]\n",
                to_b.url("")
            ),
        );
        let b = Place::new(
            mails_of_b.address(),
            &format!(
                "gateways: [{{ id: hall, type: modem, device: {}, number: \"+15550002222\", unknown_wait: 2s }}]\n",
                modem.path().display()
            ),
        );
        let hash = hash(PASSWORD);
        let hook = to_a.url("/hooks/hq");
        let user = format!(
            "{{ email: hq@example.com, login: hq, password_hash: \"{hash}\", post: {{ url: \"{hook}\", secret: \"{SECRET}\" }} }}"
        );
        Self {
            modem,
            mails_of_a,
            mails_of_b,
            a,
            b: with_program(b, &user),
            to_a,
            to_b,
        }
    }

    fn start_a(&self) -> Product {
        let a = self.a.start();
        self.to_a.lead(Some(a.web));
        a
    }

    fn start_b(&self) -> Product {
        let b = self.b.start();
        self.to_b.lead(Some(b.web));
        b
    }
}

/// The n-th mail that A's people got.
async fn nth(chain: &Chain, n: usize, a: &Product, b: &Product) -> crate::sim::smtp_sink::Mail {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut mails = chain.mails_of_a.mails();
        if mails.len() > n {
            return mails.swap_remove(n);
        }
        assert!(
            Instant::now() < deadline,
            "A:\n{}\nB:\n{}",
            a.log(),
            b.log()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ann's mail at `product`; whether it was taken.
async fn mail(product: &milter_client::Place, to: &str, text: &str, subject: &str) -> bool {
    let (product, mut mail) = (product.clone(), Mail::new(&[to], text));
    mail = mail.without("Subject");
    mail.header.push(("Subject".into(), subject.into()));
    mail.auth = Some("asmith".into());
    // A panic of the client's is its connection lost to a kill.
    let sent = tokio::spawn(async move {
        let mut session = Session::open(&product).await;
        session
            .try_mail(&mail)
            .await
            .is_ok_and(|outcome| outcome.answer == "accept")
    });
    sent.await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_through_another_instance() {
    let mut chain = Chain::new().await;
    chain.a = confirming(chain.a);
    let (a, b) = (chain.start_a(), chain.start_b());
    let milter = milter_client::Place::parse(&a.milter);
    let to = "<+15551234567@sms.example.com>";
    let long = format!("Lunch at noon? {}", "€ and ž so on ".repeat(12));
    assert!(mail(&milter, to, long.trim(), "Lunch").await);

    // Out: B cuts it.
    let parts = chain.modem.wait_sent(3, PATIENCE);
    let text: String = parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(text, long.trim());
    assert!(parts.iter().all(|part| part.to == PHONE && part.receipt));

    // The receipt: one mail that confirms, when all parts are there.
    let confirmed = nth(&chain, 0, &a, &b).await;
    assert_eq!(confirmed.recipient, "ann.smith@example.com");
    let subject = confirmed.header("Subject").unwrap_or_default();
    assert_eq!(subject, "SMS delivered: Lunch");
    a.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 1 && lines[0]["state"] == "delivered"
    });

    // The answer: a mail in the thread.
    chain.modem.deliver(PHONE, "Yes, and ž bring Bob");
    let answered = nth(&chain, 1, &a, &b).await;
    let header = |name: &str| answered.header(name).unwrap_or_default();
    assert_eq!(answered.recipient, "ann.smith@example.com");
    assert_eq!(answered.text().trim(), "Yes, and ž bring Bob");
    assert_eq!(header("Subject"), "Re: Lunch");
    assert_eq!(
        header("In-Reply-To"),
        confirmed.header("In-Reply-To").expect("the mail")
    );
    assert!(
        header("From").contains("<+15551234567@sms.example.com>"),
        "{}",
        header("From")
    );
    chain.modem.wait_empty(PATIENCE);

    // What does not get there is told, with the reason.
    chain.modem.change(|options| options.receipt_status = 0x45);
    assert!(mail(&milter, "<+15551234567@sms.example.com>", "again", "Again").await);
    let failed = nth(&chain, 2, &a, &b).await;
    let subject = failed.header("Subject").unwrap_or_default();
    assert_eq!(subject, "SMS not delivered: Again");

    assert_eq!(chain.mails_of_b.mails().len(), 0);
    assert!(a.stop().success());
    assert!(b.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_known_whose_messages_answer_never_came() {
    let mut chain = Chain::new().await;
    chain.a = confirming(chain.a);
    let (a, b) = (chain.start_a(), chain.start_b());
    chain.to_b.mute(true);
    let milter = milter_client::Place::parse(&a.milter);
    let to = "<+15551234567@sms.example.com>";
    assert!(mail(&milter, to, "Lunch?", "Lunch").await);
    let confirmed = nth(&chain, 0, &a, &b).await;
    let subject = confirmed.header("Subject").unwrap_or_default();
    assert_eq!(subject, "SMS delivered: Lunch");
    assert_eq!(chain.modem.sent().len(), 1);
    assert!(a.stop().success());
    assert!(b.stop().success());
}

/// Rounds of the load; in each, one of the two is killed.
const ROUNDS: usize = 6;
const MAILS: usize = 6;
/// What has not come by then was on the wire when B was killed.
const LATEST_RECEIPT: Duration = Duration::from_secs(10);

fn phone(round: usize, n: usize) -> String {
    format!("+1555123{:04}", round * MAILS + n)
}

/// Messages that were sent and of which no receipt says that they arrived. A receipt that is on the wire when B is
/// killed is lost with it: such a modem wants no acknowledgement. What B knows, A must know. None: some are not sent yet.
fn undelivered(lines: &[serde_json::Value]) -> Option<usize> {
    let states = lines.iter().map(|line| &line["state"]);
    let states: Vec<_> = states.filter(|state| *state != "delivered").collect();
    let sent = states.iter().all(|state| *state == "sent");
    sent.then_some(states.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_either_loses_nothing() {
    let chain = Chain::new().await;
    let mut random = StdRng::seed_from_u64(4);
    let (mut a, mut b) = (chain.start_a(), chain.start_b());
    for round in 0..ROUNDS {
        let load = |milter: milter_client::Place, which: Vec<usize>| async move {
            let mut refused = Vec::new();
            for n in which {
                let to = format!("<{}@sms.example.com>", phone(round, n));
                if !mail(&milter, &to, &format!("r{round}m{n}x"), "Load").await {
                    refused.push(n);
                }
            }
            refused
        };
        let milter = milter_client::Place::parse(&a.milter);
        let first = tokio::spawn(load(milter, (0..MAILS).collect()));
        // Those of the last round answer meanwhile.
        if let Some(last) = round.checked_sub(1) {
            for n in 0..MAILS {
                chain
                    .modem
                    .deliver(&phone(last, n), &format!("answer r{last}m{n}x"));
            }
        }
        // The moment of the kill is what is random here.
        tokio::time::sleep(Duration::from_millis(random.random_range(5..500))).await;
        if round % 2 == 0 {
            chain.to_b.lead(None);
            b.kill();
            b = chain.start_b();
        } else {
            chain.to_a.lead(None);
            a.kill();
            a = chain.start_a();
        }
        // What had no yes is sent again, as any client does.
        let refused = first.await.expect("clients");
        let milter = milter_client::Place::parse(&a.milter);
        let refused = load(milter, refused).await;
        assert_eq!(refused, Vec::<usize>::new(), "round {round}");
        // The phones of this round can answer what they have.
        chain.modem.wait_sent((round + 1) * MAILS, PATIENCE);
    }
    let all = ["queue", "list", "--all", "--limit", "0", "--json"];
    let (began, deadline) = (Instant::now(), Instant::now() + PATIENCE);
    loop {
        let lines = a.json(&all);
        let delivered = |line: &&serde_json::Value| line["state"] == "delivered";
        if lines.iter().filter(delivered).count() == ROUNDS * MAILS {
            break;
        }
        if began.elapsed() > LATEST_RECEIPT {
            let (missing, on_wire) = (undelivered(&lines), undelivered(&b.json(&all)));
            if missing == on_wire && missing.is_some_and(|missing| missing <= ROUNDS.div_ceil(2)) {
                break;
            }
            let logs = format!("{lines:#?}\nA:\n{}\nB:\n{}", a.log(), b.log());
            assert!(Instant::now() < deadline, "{logs}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for sms in chain.modem.sent() {
        *sent.entry(sms.text).or_default() += 1;
    }
    assert_eq!(sent.len(), ROUNDS * MAILS);
    let twice: Vec<_> = sent.iter().filter(|(_, n)| **n > 1).collect();
    assert_eq!(twice, Vec::<(&String, &usize)>::new());

    // A mail that was cut off after the dot comes again, and is the same mail.
    let answers = (ROUNDS - 1) * MAILS;
    let told = || {
        let mails = chain.mails_of_a.mails().into_iter();
        let told = mails.map(|mail| (mail.text().trim().to_owned(), mail.header("Message-ID")));
        told.collect::<BTreeSet<_>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while told().len() < answers {
        let missing = format!("{} of {answers}\n{}\n{}", told().len(), a.log(), b.log());
        assert!(Instant::now() < deadline, "{missing}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    b.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
    let texts: BTreeSet<_> = told().into_iter().map(|(text, _)| text).collect();
    assert_eq!(texts.len(), answers);
    assert_eq!(told().len(), answers, "none is two mails");
    assert_eq!(chain.mails_of_b.mails().len(), 0);
    chain.modem.wait_empty(PATIENCE);
    assert!(a.stop().success());
    assert!(b.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_says_what_became_of_a_request() {
    let sink = SmtpSink::start().await;
    let place = Place::new(
        sink.address(),
        "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n",
    );
    let hash = hash(PASSWORD);
    let user = format!(
        "{{ email: hq@example.com, login: hq, password_hash: \"{hash}\", monthly_limit: 3 }}"
    );
    let place = with_program(place, &user);
    let product = place.start();
    let ask = async |query: &str| ask(product.web, query).await;
    let good = "user=hq&pass=correct+horse&number=%2B15551234567";

    let (status, first) = ask(&format!(
        "{good}&data=Hi+%C5%BE&msgid=1&udh=&binary=0&pid=0&dcs=8"
    ))
    .await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(product.phone(PHONE, 1), ["Hi ž"]);
    let (status, again) = ask(&format!("{good}&data=Hi+%C5%BE&msgid=1&dcs=8")).await;
    assert_eq!((status, again), (200, first.clone()));
    let id = first.trim().strip_prefix("ID: ").expect("an id").to_owned();
    let shown = product.json(&["queue", "show", &id, "--json"]).remove(0);
    assert_eq!(shown["sender"], "hq@example.com");

    let check = async |query: &str, expected: u16, words: &str| {
        let (status, text) = ask(query).await;
        assert!(
            status == expected && text.contains(words),
            "{query}: {status} {text}"
        );
    };
    check(&format!("{good}&data=Ho&msgid=1"), 409, "ERR: this msgid").await;
    check(good, 400, "ERR: data: missing").await;
    check(&format!("{good}&data=x&reply=a@example.com"), 400, "reply").await;
    check(&format!("{good}&data=x&sender=ACME"), 400, "sender").await;
    check(
        &format!("{good}&data=x&prioroty=9"),
        400,
        "prioroty: is not",
    )
    .await;
    check(
        &format!("{good}&data=x&data=y"),
        400,
        "data: stands there twice",
    )
    .await;
    let too_long = "x".repeat(2000);
    check(
        &format!("{good}&data={too_long}"),
        422,
        "the text is too long",
    )
    .await;
    check(
        "user=hq&pass=wrong&number=1&data=x",
        401,
        "WHO: no such user",
    )
    .await;
    check(
        "user=nobody&pass=wrong&number=1&data=x",
        401,
        "WHO: no such user",
    )
    .await;
    check(
        "user=hq&pass=correct+horse&number=%2B442071234567&data=x",
        422,
        "ERR: SMS to",
    )
    .await;
    let long = "x".repeat(161);
    check(&format!("{good}&data={long}&msgid=2"), 202, "ID").await;
    check(&format!("{good}&data=x&msgid=3"), 422, "used up").await;
    // Nobody's message came of what was refused.
    product.until(&["queue", "list", "--all", "--json"], |lines| {
        lines.len() == 2
    });
    assert!(product.stop().success());
}

/// Two instances that are each other's provider: what goes round is stopped, and who began hears of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_round_is_stopped() {
    let (mails_of_a, mails_of_b) = (SmtpSink::start().await, SmtpSink::start().await);
    let (to_a, to_b) = (Wire::new().await, Wire::new().await);
    let hash = hash(PASSWORD);
    let place = |mails: &SmtpSink, other: &Wire| {
        let place = Place::new(
            mails.address(),
            &format!(
                "gateways: [{{ id: hq, type: http, preset: sms-milter, api: \"{}\", account: hq, \
                 token: \"{PASSWORD}\", number: \"+15550002222\", secret: \"{SECRET}\" }}]\n",
                other.url("")
            ),
        );
        let hook = other.url("/hooks/hq");
        let user = format!(
            "{{ email: hq@example.com, login: hq, password_hash: \"{hash}\", \
             post: {{ url: \"{hook}\", secret: \"{SECRET}\" }} }}"
        );
        with_program(place, &user)
    };
    let (a, b) = (place(&mails_of_a, &to_b), place(&mails_of_b, &to_a));
    let (a, b) = (a.start(), b.start());
    to_a.lead(Some(a.web));
    to_b.lead(Some(b.web));
    let milter = milter_client::Place::parse(&a.milter);
    assert!(mail(&milter, "<+15551234567@sms.example.com>", "Round", "Round").await);
    let told = mails_of_a.wait_for(1).await.remove(0);
    assert_eq!(told.recipient, "ann.smith@example.com");
    let subject = told.header("Subject").unwrap_or_default();
    assert_eq!(subject, "SMS not delivered: Round");
    for instance in [&a, &b] {
        let all = ["queue", "list", "--all", "--limit", "0", "--json"];
        instance.until(&all, |lines| {
            let waits =
                |line: &serde_json::Value| line["state"] == "queued" || line["state"] == "sent";
            !lines.iter().any(waits)
        });
        let turns = instance.json(&all).len();
        assert!((20..=21).contains(&turns), "{turns}");
    }
    assert!(a.stop().success());
    assert!(b.stop().success());
}

/// What a program will never take, an admin reads; what it cannot take now, it is told again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_does_not_take_is_not_lost() {
    let sink = SmtpSink::start().await;
    let program = Provider::answering(Answer::say(422, "no")).await;
    let hash = hash(PASSWORD);
    let user = format!(
        "{{ email: hq@example.com, login: hq, password_hash: \"{hash}\", post: {{ url: \"{}\", secret: \"{SECRET}\" }} }}",
        program.url("/hooks/hq")
    );
    let place = Place::new(
        sink.address(),
        "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n",
    );
    let place = with_program(place, &user);
    let product = place.start();
    let good = "user=hq&pass=correct+horse&number=%2B15551234567";
    let (status, said) = ask(product.web, &format!("{good}&data=Hi")).await;
    assert_eq!(status, 202, "{said}");
    let id = said.trim().trim_start_matches("ID: ").to_owned();

    let told = sink.wait_for(1).await.remove(0);
    assert_eq!(told.recipient, "postmaster@example.com");
    assert!(
        told.text()
            .contains("was to be posted to hq@example.com was not taken")
    );
    assert!(told.text().contains("422"), "{}", told.text());
    let first = program.requests().remove(0);
    let body: serde_json::Value = serde_json::from_slice(&first.body).expect("JSON");
    assert_eq!(
        first.header("authorization"),
        Some("Bearer 0123456789abcdef")
    );
    assert_eq!(
        (&body["id"], &body["status"]),
        (&id.into(), &"delivered".into())
    );

    program.change(vec![Answer::say(503, "later"), Answer::say(200, "OK")]);
    let reply = product.command(&["phone", "reply", PHONE, "Ho"]);
    assert!(reply.status.success());
    program.wait_for(3).await;
    let bodies: Vec<_> = program
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(bodies[1], bodies[2], "the same, under the same id");
    assert!(String::from_utf8_lossy(&bodies[1]).contains("\"text\":\"Ho\""));
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0 && lines[0]["mails_stuck"] == 0
    });
    assert_eq!(sink.mails().len(), 1);
    assert!(product.stop().success());
}

async fn ask(web: SocketAddr, query: &str) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("client");
    let answer = client
        .get(format!("http://{web}/sms/?{query}"))
        .send()
        .await;
    let answer = answer.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}
