//! What waits for a number, when something else changes meanwhile: wishes, quotas, users.

use super::*;

/// The product, and where dora's number is to be told.
async fn asked(place: &Place, sink: &SmtpSink, to: &str, text: &str) -> (Product, String) {
    let product = place.start();
    assert_eq!(
        say(&product, &mail("teacher", to, "Dinner", text)).await,
        "accept"
    );
    let question = told(sink, "teacher@example.com", QUESTION).await;
    (product, answers_to(&question))
}

fn edit(place: &Place, from: &str, to: &str) {
    let text = std::fs::read_to_string(place.config()).expect("read");
    assert!(text.contains(from), "{from}");
    std::fs::write(place.config(), text.replace(from, to)).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_beside_a_token_are_kept_and_the_token_is_not() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let to = "dora?token=canarycanary&maxmsgs=1@sms.example.com";
    let (product, to) = asked(&place, &sink, to, &"long text ".repeat(30)).await;
    assert_eq!(
        say(&product, &mail("teacher", &to, "+15556660000", "")).await,
        "accept"
    );
    let text = product.phone(DORA, 1).remove(0);
    assert!(text.chars().count() <= 160, "{text}");
    let shown = product.command(&["queue", "list", "--all", "--json"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("canary"));
    assert!(!product.log().contains("canary"));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_costs_nothing_and_what_it_releases_does() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    edit(
        &place,
        "{ email: teacher@example.com,",
        "{ email: teacher@example.com, monthly_limit: 1,",
    );
    let (product, answers) = asked(&place, &sink, "dora@sms.example.com", "one").await;
    let bob = mail("teacher", "+15551234567@sms.example.com", "x", "spent");
    assert_eq!(say(&product, &bob).await, "accept");
    assert_eq!(
        say(&product, &mail("teacher", &answers, "+15556660000", "")).await,
        "accept"
    );
    let report = told(&sink, "teacher@example.com", "SMS not sent: Dinner").await;
    assert!(report.text().contains("has used up this month's SMS"));
    let known = product.json(&["phonebook", "list", "--json"]);
    assert_eq!(known[0]["number"], DORA);
    assert!(
        product
            .log_line(|line| line.contains("event=\"given-up\""))
            .is_some()
    );
    assert!(!product.log().contains("event=\"released\""));
    let users = product.json(&["users", "list", "--json"]);
    let teacher = users
        .iter()
        .find(|line| line["account"] == "teacher@example.com");
    assert_eq!(teacher.expect("teacher")["sent_month"], 1);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_send_any_more_sends_nothing_that_waited() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let (product, _) = asked(&place, &sink, "dora@sms.example.com", "one").await;
    edit(
        &place,
        "{ email: teacher@example.com,",
        "{ email: teacher@example.com, active: false,",
    );
    assert!(product.command(&["reload"]).status.success());
    let said = product.command(&["phonebook", "set", "dora", DORA]);
    assert!(said.status.success(), "{said:?}");
    let report = told(&sink, "teacher@example.com", "SMS not sent: Dinner").await;
    assert!(report.text().contains("is not active"));
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_is_told_of_who_is_no_user_any_more() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let (product, answers) = asked(&place, &sink, "dora@sms.example.com", "one").await;
    edit(
        &place,
        "{ email: dora@example.com, nickname: dodo,",
        "{ email: doris@example.com,",
    );
    assert!(product.command(&["reload"]).status.success());
    assert_eq!(
        say(&product, &mail("teacher", &answers, "+15556660000", "")).await,
        "550 5.1.1"
    );
    assert_eq!(product.json(&["phonebook", "list", "--json"]).len(), 0);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_goes_through_the_guard() {
    let sink = SmtpSink::start().await;
    let place = place(&sink, "");
    let (product, answers) = asked(&place, &sink, "dora@sms.example.com", "one").await;
    edit(
        &place,
        "store: sled:store",
        "limits: { site_day: 1 }\nstore: sled:store",
    );
    assert!(product.command(&["reload"]).status.success());
    let bob = mail("teacher", "+15551234567@sms.example.com", "x", "spent");
    assert_eq!(say(&product, &bob).await, "accept");
    assert_eq!(
        say(&product, &mail("teacher", &answers, "+15556660000", "")).await,
        "accept"
    );
    product.until(&["queue", "list", "--json"], |all| {
        all.len() == 1 && all[0]["state"] == "held"
    });
    let said = product.command(&["queue", "release", "--sender", "teacher"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(product.phone(DORA, 1), ["one"]);
    assert!(product.stop().success());
}

/// What a rule makes of a mail is known with the number, and its template needs what was in the mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_shapes_a_mail_that_waited() {
    let sink = SmtpSink::start().await;
    let place = place(
        &sink,
        "text: { template: \"site {body}\" }\noutgoing:\n  \
         - { when: { to: \"^\\\\+1555666\" }, text: \"{from}, {subject}: {body}\" }\n",
    );
    let product = place.start();
    let mut waiting = mail("teacher", "dora@sms.example.com", "Dinner", "at eight").without("From");
    let from = "Miss Smith <teacher@example.com>";
    waiting.header.push(("From".into(), from.into()));
    assert_eq!(say(&product, &waiting).await, "accept");
    let question = told(&sink, "teacher@example.com", QUESTION).await;
    product.kill();
    let product = place.start();
    let answer = mail("teacher", &answers_to(&question), DORA, "");
    assert_eq!(say(&product, &answer).await, "accept");
    assert_eq!(
        product.phone(DORA, 1),
        ["teacher@example.com, Dinner: at eight"]
    );
    assert!(product.stop().success());
}
