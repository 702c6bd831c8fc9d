//! The phonebook as its users have it: the conversation about a number, contacts, groups, files.

mod conversation;
mod waits;

use crate::sim::milter_client::{self, Mail, Session};
use crate::sim::product::{Place, Product};
use crate::sim::smtp_sink::{self, SmtpSink};

const LAB: &str = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]
incoming: { default: postmaster@example.com }
"#;

/// Users: teacher and rival with the right, bob without, dora and erin without a number.
fn place(sink: &SmtpSink, more: &str) -> Place {
    let place = Place::new(sink.address(), &format!("{LAB}{more}"));
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let teacher = "send: [users, external, phonebook]";
    let users = format!(
        "users:\n  - {{ email: teacher@example.com, {teacher} }}\n  - {{ email: rival@example.com, {teacher} }}\n  \
         - {{ email: dora@example.com, nickname: dodo, {teacher} }}\n  - {{ email: erin@example.com }}"
    );
    std::fs::write(place.config(), config.replace("users:", &users)).expect("configuration");
    place
}

fn mail(auth: &str, to: &str, subject: &str, text: &str) -> Mail {
    let mut mail = Mail::new(&[&format!("<{to}>")], text);
    mail.header[1].1 = subject.into();
    mail.auth = Some(auth.into());
    mail
}

/// What the milter says to a mail: the answer to RCPT when it is refused there.
async fn say(product: &Product, mail: &Mail) -> String {
    let place = milter_client::Place::parse(&product.milter);
    let mut session = Session::open(&place).await;
    let outcome = session.mail(mail).await;
    session.quit().await;
    match outcome.answer.as_str() {
        "no recipient" => outcome.recipients[0].clone(),
        answer => answer.to_owned(),
    }
}

/// Waits for a mail to somebody whose subject begins so.
async fn told(sink: &SmtpSink, to: &str, subject: &str) -> smtp_sink::Mail {
    for count in 1.. {
        let mails = sink.wait_for(count).await;
        let is_it = |mail: &&smtp_sink::Mail| {
            let said = mail.header("Subject").unwrap_or_default();
            mail.recipient == to && said.starts_with(subject)
        };
        if let Some(mail) = mails.iter().find(is_it) {
            return mail.clone();
        }
    }
    unreachable!("it waits for ever, or panics")
}

/// Where the answer to a question goes.
fn answers_to(question: &smtp_sink::Mail) -> String {
    let to = question.header("Reply-To").expect("Reply-To");
    to.trim().trim_matches(['<', '>']).to_owned()
}

const QUESTION: &str = "Mobile number of dora@example.com?";
const DORA: &str = "+15556660000";

/// The texts of all messages, oldest first, once there are so many and all are sent to Dora.
fn all_sent(product: &Product, count: usize) -> Vec<String> {
    let all = ["queue", "list", "--all", "--json"];
    let mut lines = product.until(&all, |lines| {
        let is_sent =
            |line: &serde_json::Value| line["state"] == "sent" || line["state"] == "delivered";
        lines.len() >= count && lines.iter().all(is_sent)
    });
    lines.sort_by_key(|line| line["id"].as_str().map(str::to_owned));
    let text = |line: &serde_json::Value| {
        assert_eq!(line["number"], DORA);
        let id = line["id"].as_str().expect("id");
        let whole = product.json(&["queue", "show", id, "--json"]).remove(0);
        whole["text"].as_str().expect("text").to_owned()
    };
    lines.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_question_and_answer_loses_nothing() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    // What a kill leaves open goes again soon.
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let config = config.replace("type: simulated", "type: simulated, unknown_wait: 1s");
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    let to = "dora@sms.example.com";
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "one")).await,
        "accept"
    );
    // Killed before anybody can have been asked, perhaps.
    product.kill();
    let product = place.start();
    let question = told(&sink, "teacher@example.com", QUESTION).await;
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "two")).await,
        "accept"
    );
    // The client did not hear our yes, and comes again.
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "two")).await,
        "accept"
    );
    product.kill();
    let product = place.start();
    let answer = mail(
        "teacher",
        &answers_to(&question),
        "Re: it is (555) 666-0000",
        "",
    );
    assert_eq!(say(&product, &answer).await, "accept");
    product.kill();
    let product = place.start();
    // The simulated phone forgets with the process what came before the kill; the queue does not.
    assert_eq!(all_sent(&product, 2), ["one", "two"]);
    // Whoever repeats the first mail by now finds it sent.
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "one")).await,
        "accept"
    );
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "three")).await,
        "accept"
    );
    assert_eq!(all_sent(&product, 3), ["one", "two", "three"]);
    // A kill may make the MTA see it twice, but it is one mail.
    let mails = sink.mails();
    let questions = mails
        .iter()
        .filter(|mail| mail.header("Subject").is_some_and(|s| s == QUESTION))
        .map(|mail| mail.header("Message-ID"));
    let questions: std::collections::BTreeSet<_> = questions.collect();
    assert_eq!(questions.len(), 1, "one question however many mails");
    told(
        &sink,
        "dora@example.com",
        "Phonebook: dora@example.com was changed",
    )
    .await;
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_changes_nothing() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let product = place.start();
    let to = "dora@sms.example.com";
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "one")).await,
        "accept"
    );
    let question = told(&sink, "teacher@example.com", QUESTION).await;
    let answers_to = answers_to(&question);
    let closed = "550 5.1.1";
    let answer = |auth: &str, to: &str| mail(auth, to, DORA, "");
    // Without the right, with the right but not asked, from nobody.
    assert_eq!(say(&product, &answer("bob", &answers_to)).await, closed);
    assert_eq!(say(&product, &answer("rival", &answers_to)).await, closed);
    assert_eq!(say(&product, &answer("dora", &answers_to)).await, closed);
    let mut forged = answer("rival", &answers_to);
    forged.sender = "<teacher@example.com>".into();
    forged.header[0].1 = "teacher@example.com".into();
    assert_eq!(say(&product, &forged).await, closed);
    // The right one with another code; an automatic answer; an answer without a number, or with two.
    let other = format!("ask-{}@sms.example.com", "a".repeat(26));
    assert_eq!(say(&product, &answer("teacher", &other)).await, closed);
    let mut automatic = answer("teacher", &answers_to);
    automatic
        .header
        .push(("Auto-Submitted".into(), "auto-replied".into()));
    assert!(say(&product, &automatic).await.starts_with("550 5.7.1"));
    for (subject, expected) in [
        ("Re: out of office", "550 5.1.3"),
        ("+15551234567 or +15557654321", "550 5.1.3"),
        ("+19002345678", "550 5.7.1"),
    ] {
        let said = say(&product, &mail("teacher", &answers_to, subject, "x")).await;
        assert!(said.starts_with(expected), "{subject}: {said}");
    }
    // A number in the subject of one who may not teach is nothing, and an existing one is not replaced.
    let said = say(&product, &mail("bob", to, DORA, "x")).await;
    assert_eq!(said, "550 5.1.1");
    assert_eq!(product.json(&["phonebook", "list", "--json"]).len(), 0);
    assert_eq!(
        say(&product, &answer("teacher", &answers_to)).await,
        "accept"
    );
    assert_eq!(product.phone(DORA, 1), ["one"]);
    let said = say(&product, &mail("rival", to, "+15551112222", "y")).await;
    assert!(said.starts_with("550 5.7.1"), "{said}");
    assert_eq!(say(&product, &answer("teacher", &answers_to)).await, closed);
    let listed = product.json(&["phonebook", "list", "--json"]);
    assert_eq!(listed[0]["number"], DORA);
    let log = product.json(&["phonebook", "log", "--json"]);
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0]["who"], "teacher@example.com");
    assert!(
        !product.log().contains(DORA),
        "a number in the log:\n{}",
        product.log()
    );
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_replaces_the_number_and_the_old_phone_hears_of_it() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let product = place.start();
    let to = "dodo@sms.example.com";
    // A number in the first subject is kept, and the mail goes there.
    assert_eq!(
        say(&product, &mail("teacher", to, DORA, "hello")).await,
        "accept"
    );
    assert_eq!(product.phone(DORA, 1), ["hello"]);
    assert_eq!(
        say(&product, &mail("dora", to, "+15557770000", "mine")).await,
        "accept"
    );
    assert_eq!(product.phone("+15557770000", 1), ["mine"]);
    let old = product.phone(DORA, 2);
    assert!(
        old[1].starts_with("SMS to dora@example.com no longer come to this phone"),
        "{old:?}"
    );
    // Who has no right sends there all the same.
    assert_eq!(
        say(&product, &mail("bob", to, "x", "from bob")).await,
        "accept"
    );
    assert_eq!(product.phone("+15557770000", 2)[1], "from bob");
    let log = product.json(&["phonebook", "log", "dora@sms.example.com", "--json"]);
    let line = |at: usize| (log[at]["who"].clone(), log[at]["old"].clone());
    assert_eq!(
        line(1),
        ("teacher@example.com".into(), serde_json::Value::Null)
    );
    assert_eq!(line(0).0, "dora@example.com");
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_in_vain_is_told() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "phonebook: { wait: 1s }\n");
    let product = place.start();
    let to = "erin@sms.example.com";
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", "one")).await,
        "accept"
    );
    let report = told(&sink, "teacher@example.com", "SMS not sent: Dinner").await;
    assert!(
        report
            .text()
            .contains("nobody told the mobile number of erin@example.com in time")
    );
    // Then it is asked anew.
    assert_eq!(
        say(&product, &mail("teacher", to, "Lunch", "two")).await,
        "accept"
    );
    told(&sink, "teacher@example.com", "SMS not sent: Lunch").await;
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_and_groups_are_written_to_and_shown() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let product = place.start();
    let done = |args: &[&str]| {
        let output = product.command(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().expect("a code"), said)
    };
    let set = [
        "phonebook",
        "set",
        "plumber",
        "(555) 333-0000",
        "--display-name",
        "Joe Plumb",
    ];
    assert_eq!(done(&set), (0, String::new()));
    let (code, said) = done(&["phonebook", "set", "ann", "+15551112222"]);
    assert_eq!(code, 64, "{said}");
    assert!(
        said.contains("has mobile") || said.contains("with mobile"),
        "{said}"
    );
    let group = [
        "phonebook",
        "group",
        "add",
        "oncall",
        "plumber",
        "ann",
        "+15551230000",
        "erin",
    ];
    assert_eq!(done(&group), (0, String::new()));
    let (code, said) = done(&["phonebook", "group", "add", "plumber", "ann"]);
    assert_eq!(code, 64, "{said}");

    assert_eq!(
        say(
            &product,
            &mail("bob", "oncall@sms.example.com", "x", "It burns")
        )
        .await,
        "accept"
    );
    for phone in ["+15553330000", "+15557654321", "+15551230000"] {
        assert_eq!(product.phone(phone, 1), ["It burns"]);
    }
    let report = told(&sink, "bob@example.com", "SMS not sent").await;
    assert!(
        report
            .text()
            .contains("erin@example.com of oncall@example.com: has no mobile")
    );

    // The contact answers under its name.
    let reply = ["phone", "reply", "+15553330000", "On my way"];
    assert_eq!(done(&reply), (0, String::new()));
    let answer = told(&sink, "bob@example.com", "Re: x").await;
    let from = answer.header("From").expect("From");
    assert!(from.contains("Joe Plumb (+15553330000)"), "{from}");
    assert_eq!(done(&["phonebook", "remove", "oncall"]), (0, String::new()));
    assert_eq!(done(&["phonebook", "remove", "oncall"]).0, 69);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_in_and_out() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    place.start().stop();
    let file = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let csv = "Name;Mobile;Note;Members\nplumber;(555) 333-0000;=cmd;\nann;+15551112222;;\nplumber;1;;\n\
               bad;12;;\noncall;;;plumber, +15551230000\ndora;+15556660000;;\n";
    std::fs::write(file("in.csv"), csv).expect("a file");
    let run = |args: &[&str]| crate::sim::product::command(&place.config(), args);
    let import = |more: &[&str]| {
        let output = run(&[&["phonebook", "import", &file("in.csv")], more].concat());
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let list = || crate::sim::product::json(&place.config(), &["phonebook", "list", "--json"]);
    // No daemon runs: the store is opened here.
    let (code, said, _) = import(&["--dry-run"]);
    assert_eq!(code, Some(65));
    let added = "added plumber@sms.example.com (555) 333-0000\nadded oncall@sms.example.com\n\
                 added dora@sms.example.com +15556660000\n";
    assert_eq!(
        said.strip_prefix(added).expect("what is added"),
        "3 would be added, 0 would be changed, 0 unchanged, 3 would be skipped\n"
    );
    assert_eq!(list().len(), 0);
    let (code, said, why) = import(&[]);
    assert_eq!(
        (code, said.strip_prefix(added).expect("what was added")),
        (Some(65), "3 added, 0 changed, 0 unchanged, 3 skipped\n")
    );
    for line in [
        "in.csv:3: skipped: ann.smith@example.com is a user with mobile +15557654321",
        "in.csv:4: skipped: plumber is also in line 2",
        "in.csv:5: skipped: 12 is not a phone number",
    ] {
        assert!(why.contains(line), "{line}\n{why}");
    }
    let (_, said, _) = import(&[]);
    assert_eq!(said, "0 added, 0 changed, 3 unchanged, 3 skipped\n");
    let before = list();
    for name in ["out.csv", "out.vcf"] {
        let out = run(&["phonebook", "export", &file(name)]);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        for listing in &before {
            let name = listing["name"].as_str().expect("a name");
            assert!(run(&["phonebook", "remove", name]).status.success());
        }
        assert_eq!(list().len(), 0);
        let back = run(&["phonebook", "import", &file(name)]);
        let said = String::from_utf8_lossy(&back.stdout).into_owned();
        assert!(
            back.status.success(),
            "{name}: {said}{}",
            String::from_utf8_lossy(&back.stderr)
        );
        let plain = |lines: &[serde_json::Value]| {
            let strip = |line: &serde_json::Value| {
                let mut line = line.clone();
                line["changed"] = serde_json::Value::Null;
                // A vCard has a name for people; what is missing is made up.
                line["shown"] = serde_json::Value::Null;
                line
            };
            lines.iter().map(strip).collect::<Vec<_>>()
        };
        assert_eq!(plain(&list()), plain(&before), "{name}");
    }
    // A file is not written over, and what is none is told.
    assert_eq!(
        run(&["phonebook", "export", &file("out.csv")])
            .status
            .code(),
        Some(73)
    );
    std::fs::write(file("none.csv"), "what is this\n").expect("a file");
    let none = run(&["phonebook", "import", &file("none.csv")]);
    assert_eq!(none.status.code(), Some(65));
    assert!(
        String::from_utf8_lossy(&none.stderr).contains("none.csv: line 1: must name the columns")
    );
}
