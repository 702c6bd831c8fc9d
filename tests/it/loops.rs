//! Machines that answer each other, through a real Postfix (threats T20, must-show 4 of the mail side): at most
//! two SMS, then silence and one mail to the admin, also over a restart; and what looks like that and is none.

use crate::sim::lmtp::Dovecot;
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{Place, Product};

const PHONE: &str = "+15551234567";
const SMS: &str = "+15551234567@sms.example.com";
const AWAY: &str = "I am on holiday until Monday. For help write to bob.";
const DRIVING: &str = "I'm driving, will call back";

fn lab(number: &str, default: &str) -> String {
    format!(
        "gateways: [{{ id: lab, type: simulated, number: \"{number}\" }}]\nincoming: {{ default: {default} }}\n"
    )
}

fn house() -> (Mta, Product, Place) {
    let mta = Mta::start(Kind::Postfix, &[]);
    let place = Place::with_milter(
        &mta.milter(),
        mta.inject(),
        &lab("+15550009999", "alice@example.com"),
    );
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let users = "users:\n  - { email: alice@example.com, nickname: alice }";
    std::fs::write(place.config(), config.replace("users:", users)).expect("configuration");
    let product = place.start();
    (mta, product, place)
}

/// All that a phone of the simulated network shows: `<-` what arrived there.
fn arrived(product: &Product, phone: &str) -> Vec<String> {
    let lines = product.json(&["phone", "show", phone, "--json"]);
    let texts = lines.iter().filter(|line| line["direction"] == "in");
    texts
        .filter_map(|line| Some(line["text"].as_str()?.to_owned()))
        .collect()
}

/// Waits until so many SMS arrived.
fn until(product: &Product, count: usize) {
    let is_in = |line: &&serde_json::Value| line["direction"] == "in";
    product.until(&["phone", "show", PHONE, "--json"], |lines| {
        lines.iter().filter(is_in).count() >= count
    });
}

/// The phone writes `text`; the mail that alice has of it, the `count`th.
fn written(mta: &Mta, product: &Product, text: &str, count: usize) -> String {
    assert!(
        product
            .command(&["phone", "reply", PHONE, text])
            .status
            .success()
    );
    mta.mail("alice", |_| of_sms(mta).len() >= count);
    of_sms(mta).pop().expect("a mail")
}

fn of_sms(mta: &Mta) -> Vec<String> {
    let mut mails = mta.mails("alice");
    mails.retain(|mail| mail.contains("X-SMS-Number"));
    mails
}

fn field<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':'))
        .map_or("", |(_, value)| value.trim())
}

/// What a responder makes of a mail: to whom it came from, with these fields more.
fn answer(to: &str, fields: &str, text: &str) -> String {
    format!(
        "From: Alice <alice@example.com>\nTo: {SMS}\nSubject: Re: {}\n{fields}\n{text}\n",
        field(to, "Subject")
    )
}

fn alarms(mta: &Mta) -> usize {
    let mails = mta.mails("postmaster");
    mails
        .iter()
        .filter(|mail| mail.contains("Subject: SMS and mail went in a circle"))
        .count()
}

/// Waits for the alarm.
fn alarm(mta: &Mta) -> String {
    mta.mail("postmaster", |mail| {
        mail.contains("Subject: SMS and mail went in a circle")
    })
}

/// The first SMS to the phone, so that it knows whom to answer.
fn begin(mta: &Mta, product: &Product) {
    let mail = format!(
        "From: alice@example.com\nTo: {SMS}\nSubject: Hello\nMessage-ID: <1@example.com>\n\nAre you there?\n"
    );
    let reply = mta
        .smtp_as("alice")
        .send("alice@example.com", &[SMS], &mail);
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(product.phone(PHONE, 1), ["Are you there?"]);
}

#[test]
fn a_responder_that_says_what_it_is_sends_no_sms() {
    let (mta, product, _place) = house();
    begin(&mta, &product);
    let mail = written(&mta, &product, "yes", 1);
    let answered = format!(
        "In-Reply-To: {}\nPrecedence: bulk\n",
        field(&mail, "Message-ID")
    );
    for fields in [
        "Auto-Submitted: auto-replied (vacation)\n",
        "Precedence: junk\n",
        &answered,
        "Precedence: list\n",
        "X-Autoreply: yes\n",
        "X-Autorespond: Hello\n",
        "X-Precedence: auto_reply\n",
        "X-SMS-Milter: other.example\n",
    ] {
        let reply =
            mta.smtp_as("alice")
                .send("alice@example.com", &[SMS], &answer(&mail, fields, AWAY));
        assert!(reply.starts_with("550 5.7.1"), "{fields}: {reply}");
    }
    // The null sender, which most of them use.
    let mut smtp = mta.smtp_as("alice");
    smtp.expect("MAIL FROM:<>", 250);
    smtp.expect(&format!("RCPT TO:<{SMS}>"), 550);
    assert_eq!(arrived(&product, PHONE), ["Are you there?"]);
    // Of these one came from us, as its mark says.
    alarm(&mta);
    assert_eq!(alarms(&mta), 1);
}

#[test]
fn two_that_do_not_say_what_they_are_end_after_two_sms_and_one_alarm() {
    let (mta, mut product, place) = house();
    begin(&mta, &product);
    let mut mails = 0;
    let mut round = |product: &Product, fields: &dyn Fn(&str) -> String| {
        mails += 1;
        let mail = written(&mta, product, DRIVING, mails);
        let mail = answer(&mail, &fields(&mail), AWAY);
        mta.smtp_as("alice")
            .send("alice@example.com", &[SMS], &mail)
    };
    let plain = |_: &str| String::new();
    for n in 0..2 {
        let reply = round(&product, &plain);
        assert!(reply.starts_with("250"), "{n}: {reply}");
        until(&product, n + 2);
    }
    let threads = |mail: &str| format!("In-Reply-To: {}\n", field(mail, "Message-ID"));
    for _ in 0..3 {
        let reply = round(&product, &threads);
        assert!(
            reply.starts_with("550 5.7.1 the same text again"),
            "{reply}"
        );
    }
    assert_eq!(arrived(&product, PHONE), ["Are you there?", AWAY, AWAY]);
    let told = alarm(&mta);
    assert!(
        told.contains("alice@example.com") && told.contains(PHONE),
        "{told}"
    );

    // A person writes meanwhile, and is heard.
    let reply = mta.smtp_as("alice").send(
        "alice@example.com",
        &[SMS],
        &answer("Subject: x", "", "Back now"),
    );
    assert!(reply.starts_with("250"), "{reply}");
    until(&product, 4);

    // Started anew it has forgotten the circle, and not that the admin knows.
    assert!(product.stop().success());
    product = place.start();
    begin_again(&mta, &product);
    for n in 0..3 {
        let reply = round(&product, &threads);
        assert_eq!(reply.starts_with("250"), n < 2, "{n}: {reply}");
        if n < 2 {
            until(&product, n + 2);
        }
    }
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["mails"] == 0
    });
    assert_eq!(alarms(&mta), 1);
}

/// The simulated phones are forgotten with the process.
fn begin_again(mta: &Mta, product: &Product) {
    let mail = format!(
        "From: alice@example.com\nTo: {SMS}\nSubject: x\nMessage-ID: <2@example.com>\n\nHello again\n"
    );
    let reply = mta
        .smtp_as("alice")
        .send("alice@example.com", &[SMS], &mail);
    assert!(reply.starts_with("250"), "{reply}");
    product.phone(PHONE, 1);
}

#[test]
fn a_quick_chat_and_repeated_alarms_pass() {
    let (mta, product, _place) = house();
    begin(&mta, &product);
    for n in 1..=20 {
        let mail = written(&mta, &product, &format!("Question {n}?"), n);
        let mail = answer(&mail, "", &format!("Answer {n}"));
        let reply = mta
            .smtp_as("alice")
            .send("alice@example.com", &[SMS], &mail);
        assert!(reply.starts_with("250"), "{n}: {reply}");
        until(&product, n + 1);
    }
    for n in 1..=10 {
        let mail = format!(
            "From: alice@example.com\nTo: {SMS}\nSubject: Disk\nMessage-ID: <disk{n}@example.com>\n\nhost1: disk is full\n"
        );
        let reply = mta.smtp().send("alice@example.com", &[SMS], &mail);
        assert!(reply.starts_with("250"), "{n}: {reply}");
    }
    until(&product, 31);
    assert_eq!(alarms(&mta), 0);
}

/// Two instances, each with its Postfix, each the other's phone: alice forwards her mail to the other's number, on
/// both sides, and what is written to the number comes to her as mail.
struct Pair([(Mta, Product, Place); 2]);

const NUMBERS: [&str; 2] = ["+15550001111", "+15550002222"];
const TEXT: &str = "A text that goes round and round for ever";

impl Pair {
    /// `options`: of Postfix; `mail`: more of the section.
    fn start(options: &[&str], mail: &str) -> Self {
        let mtas = [0, 1].map(|n: usize| {
            let alias = format!("alice {}@sms.example.com", NUMBERS[1 - n]);
            Mta::start(Kind::Postfix, &[&["--alias", &alias], options].concat())
        });
        let ports = [mtas[0].spare(), mtas[1].spare()];
        let mut n = 0;
        Self(mtas.map(|mta| {
            let (own, other, there) = (NUMBERS[n], NUMBERS[1 - n], ports[1 - n]);
            let link = format!(
                "gateways:\n  - {{ id: link, type: http, number: \"{own}\", url: \"http://{there}/hooks/link\", method: POST, \
                 body: '{{\"from\": \"{own}\", \"to\": %number;json%, \"text\": %data;json%}}', \
                 content_type: application/json, auth: {{ bearer: s3cret }}, secret: s3cret, concat: provider }}\n\
                 incoming: {{ default: alice@example.com }}\n"
            );
            let place = Place::with_milter(&mta.milter(), mta.inject(), &link);
            let config = std::fs::read_to_string(place.config()).expect("configuration");
            let alias = "oncall@example.com: { charge: bob@example.com, to: [\"+15551230000\"] }";
            assert!(config.contains(alias));
            let config = config
                .replace(alias, &format!("alice@example.com: {{ charge: alice@example.com, to: [\"{other}\"] }}"))
                .replace("users:", "users:\n  - { email: alice@example.com, nickname: alice }")
                .replace("127.0.0.1:0 }\ngate", &format!("{} }}\ngate", ports[n]))
                .replace("admin: postmaster@example.com", &format!("admin: postmaster@example.com{mail}"));
            std::fs::write(place.config(), config).expect("configuration");
            n += 1;
            let product = place.start();
            (mta, product, place)
        }))
    }

    /// Alice writes to the other's number, once.
    fn begin(&self) {
        self.say(TEXT);
    }

    fn say(&self, text: &str) {
        let to = format!("{}@sms.example.com", NUMBERS[1]);
        let mail = format!(
            "From: alice@example.com\nTo: {to}\nSubject: Hello\nMessage-ID: <1@example.com>\n\n{text}\n"
        );
        let reply = self.0[0]
            .0
            .smtp_as("alice")
            .send("alice@example.com", &[&to], &mail);
        assert!(reply.starts_with("250"), "{reply}");
    }

    /// How many SMS each side has sent, when nothing goes on any more.
    fn sent(&self) -> [usize; 2] {
        let quiet = |product: &Product| {
            product.until(&["queue", "list", "--json"], |lines| lines.is_empty());
            product.until(&["queue", "stats", "--json"], |lines| {
                lines[0]["mails"] == 0
            });
        };
        [0, 1].map(|n| {
            quiet(&self.0[n].1);
            self.0[n]
                .1
                .json(&["queue", "list", "--all", "--json"])
                .len()
        })
    }

    fn alarms(&self) -> usize {
        self.0.iter().map(|(mta, ..)| alarms(mta)).sum()
    }
}

#[test]
fn two_gateways_that_point_at_each_other_end_at_the_first_return() {
    for mail in ["", ", envelope_from: sms@example.com"] {
        let pair = Pair::start(&[], mail);
        pair.begin();
        // The first SMS becomes a mail there, and that comes back to be an SMS.
        let told = alarm(&pair.0[1].0);
        assert!(told.contains(NUMBERS[0]), "{told}");
        assert_eq!(pair.sent(), [1, 0]);
        assert_eq!(pair.alarms(), 1);
    }
}

#[test]
fn where_even_the_id_is_lost_on_the_way_it_ends_as_a_repeat() {
    let strip =
        "header_checks = regexp:{{/^(X-SMS|Message-ID|Auto-Submitted|Precedence|X-Auto)/ IGNORE}}";
    let mut pair = Pair::start(&["--main", strip], ", envelope_from: sms@example.com");
    pair.begin();
    let ended = |pair: &Pair| {
        let product = &pair.0[1].1;
        let ended = product.log_line(|line| line.contains("event=\"duplicate\""));
        assert!(ended.is_some(), "{}", product.log());
    };
    // Once round, and the same SMS again is a repeat of the first (durability W12). They are our own words, which
    // no provider that only repeats itself would have from us.
    ended(&pair);
    let told = alarm(&pair.0[1].0);
    assert!(
        told.contains("alice@example.com") && told.contains(NUMBERS[0]),
        "{told}"
    );
    assert_eq!(pair.sent(), [2, 1]);
    assert_eq!(pair.alarms(), 1);

    // Started anew it has forgotten the circle, and not that the admin knows.
    let Pair([one, (mta, product, place)]) = pair;
    assert!(product.stop().success());
    let product = place.start();
    pair = Pair([one, (mta, product, place)]);
    pair.say("Another text that goes round and round for ever");
    ended(&pair);
    assert_eq!(pair.sent(), [4, 2]);
    assert_eq!(pair.alarms(), 1);
}

#[test]
fn marks_that_are_lost_but_the_id_are_enough() {
    let strip = "header_checks = regexp:{{/^(X-SMS|Auto-Submitted|X-Auto)/ IGNORE}}";
    let pair = Pair::start(&["--main", strip], ", envelope_from: sms@example.com");
    pair.begin();
    alarm(&pair.0[1].0);
    assert_eq!(pair.sent(), [1, 0]);
    assert_eq!(pair.alarms(), 1);
}

/// A real responder: Sieve's `vacation` (RFC 5230), in Dovecot behind Postfix.
#[test]
fn a_vacation_of_sieve_answers_people_and_no_phone() {
    let away = "require [\"vacation\"];\nvacation :days 1 \"I am on holiday until Monday.\";\n";
    let dovecot = Dovecot::start(Some(away));
    let transport = format!(
        "virtual_transport = lmtp:unix:{}",
        dovecot.socket().display()
    );
    let mta = Mta::start(
        Kind::Postfix,
        &["--main", &transport, "--master", "lmtp unix - - n - - lmtp"],
    );
    dovecot.send_through(mta.smtp_address());
    for (sender, question) in [
        ("", "Are you?"),
        (", envelope_from: sms@example.com", "Are you not?"),
    ] {
        let place = Place::with_milter(
            &mta.milter(),
            mta.inject(),
            &lab("+15550009999", "alice@example.com"),
        );
        let config = std::fs::read_to_string(place.config()).expect("configuration");
        let config = config
            .replace(
                "users:",
                "users:\n  - { email: alice@example.com, nickname: alice }",
            )
            .replace(
                "admin: postmaster@example.com",
                &format!("admin: postmaster@example.com{sender}"),
            );
        std::fs::write(place.config(), config).expect("configuration");
        let product = place.start();
        begin(&mta, &product);
        // It answers whom it should.
        let reply = mta.smtp().send(
            "bob@example.com",
            &["alice@example.com"],
            "From: bob@example.com\nTo: alice@example.com\nSubject: Hi\n\nHi\n",
        );
        assert!(reply.starts_with("250"), "{reply}");
        dovecot.mail("bob", |mail| {
            mail.contains("on holiday") && mail.contains("Auto-Submitted: auto-replied")
        });
        assert!(
            product
                .command(&["phone", "reply", PHONE, question])
                .status
                .success()
        );
        // What it has to say it says before the mail is in the box.
        dovecot.mail("alice", |mail| {
            mail.contains("X-SMS-Number") && mail.contains(question)
        });
        assert_eq!(arrived(&product, PHONE), ["Are you there?"]);
        assert!(product.stop().success());
    }
}
