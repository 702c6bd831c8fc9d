//! What waits for an admin, as he sees it on the command line: `inbound list|show|release|drop` and
//! `mail list|show|retry|drop`, with a daemon and without one.

use std::collections::BTreeSet;
use std::process::Output;

use jiff::Timestamp;
use serde_json::Value;
use sms_milter::sms::{Concat, MessageId, Number, Party};
use sms_milter::store::sled::{Settings, SledStore};
use sms_milter::store::{Content, InboundOutcome, InboundState, Kept, Received, Store};

use crate::sim::product::{self, Place, Product};
use crate::sim::smtp_sink::SmtpSink;

const PHONE: &str = "+15551234567";
const OTHER: &str = "+15557770000";
const LAB: &str = "gateways: [{ id: lab, type: simulated, number: \"+15550009999\" }]\n";
const DEFAULT: &str = "incoming: { default: bob@example.com }\n";
/// An id that nothing has.
const NOTHING: &str = "00000000-0000-7000-8000-000000000000";

fn says(product: &Product, phone: &str, text: &str) {
    let said = product.command(&["phone", "reply", phone, text]);
    assert!(said.status.success(), "{said:?}");
}

/// Standard output of a command that did what it was asked.
#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error of a command that ended with this code.
#[track_caller]
fn refused(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn append(place: &Place, more: &str) {
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    std::fs::write(place.config(), format!("{config}{more}")).expect("configuration");
}

fn id(line: &Value) -> &str {
    line["id"].as_str().expect("an id")
}

/// Waits until so many are stuck; they.
fn stuck(product: &Product, count: usize) -> Vec<Value> {
    product.until(&["inbound", "list", "--json"], |lines| lines.len() == count)
}

fn states(lines: &[Value]) -> BTreeSet<&str> {
    lines.iter().filter_map(|l| l["state"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sms_for_nobody_are_listed_shown_released_and_dropped() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let nothing = done(&product.command(&["inbound", "list"]));
    assert_eq!(nothing.lines().count(), 1, "a heading: {nothing}");
    says(&product, PHONE, "for nobody");
    says(&product, PHONE, "nor this");
    says(&product, OTHER, "and another");
    let lines = stuck(&product, 3);
    sink.wait_for(3).await;
    assert_eq!(states(&lines), ["undeliverable"].into());
    let newest = &lines[0];
    assert_eq!(newest["sender"], OTHER, "newest first: {lines:?}");
    assert_eq!(
        (&newest["gateway"], &newest["part"], &newest["why"]),
        (
            &"lab".into(),
            &Value::Null,
            &"nobody to deliver it to".into()
        )
    );
    assert!(newest["received"].as_str().expect("a time").ends_with('Z'));
    let of_other = product.json(&["inbound", "list", "--sender", OTHER, "--json"]);
    assert_eq!(of_other, lines[..1]);
    let two = product.json(&["inbound", "list", "--limit", "2", "--json"]);
    assert_eq!(two, lines[..2]);
    let table = done(&product.command(&["inbound", "list"]));
    let head: Vec<_> = table
        .lines()
        .next()
        .expect("a heading")
        .split_whitespace()
        .collect();
    assert_eq!(
        head,
        [
            "ID", "STATE", "SENDER", "GATEWAY", "PART", "RECEIVED", "WHY"
        ]
    );
    assert!(
        table.lines().nth(1).expect("a line").contains(id(newest)),
        "{table}"
    );
    assert!(!table.contains("another"), "no text in a list: {table}");

    let shown = product
        .json(&["inbound", "show", id(newest), "--json"])
        .remove(0);
    assert_eq!(shown["text"], "and another");
    assert_eq!(
        shown["raw"].as_str().expect("octets").len(),
        2 * "and another".len()
    );
    assert!(done(&product.command(&["inbound", "show", id(newest)])).contains("and another"));

    // Wrong ids, and nothing named.
    for command in ["show", "release", "drop"] {
        let wrong = refused(&product.command(&["inbound", command, "seven"]), 64);
        assert!(wrong.contains("seven is no id of an SMS"), "{wrong}");
        let none = refused(&product.command(&["inbound", command, NOTHING]), 69);
        assert!(none.contains("there is no received SMS"), "{none}");
    }
    for command in ["release", "drop"] {
        assert_eq!(
            product.command(&["inbound", command]).status.code(),
            Some(64)
        );
        let both = product.command(&["inbound", command, "--all", id(newest)]);
        assert_eq!(both.status.code(), Some(64));
        // One wrong id, and nothing is done.
        let both = product.command(&["inbound", command, id(newest), NOTHING]);
        refused(&both, 69);
    }
    assert_eq!(stuck(&product, 3), lines);

    // There is nobody to deliver them to: they stay, and it is said what to write.
    let no = refused(&product.command(&["inbound", "release", id(newest)]), 69);
    assert!(
        no.contains(id(newest)) && no.contains("incoming.default"),
        "{no}"
    );
    for which in [["--sender", OTHER].as_slice(), &["--all"]] {
        let output = product.command(&[&["inbound", "release"], which].concat());
        let no = refused(&output, 69);
        assert!(
            no.contains("stay") && no.contains("incoming.default"),
            "{no}"
        );
        assert_eq!(output.stdout, b"0 SMS released\n");
    }
    assert_eq!(stuck(&product, 3), lines);
    assert_eq!(sink.mails().len(), 3, "nobody is told a second time");

    // Now there is.
    append(&place, DEFAULT);
    done(&product.command(&["reload"]));
    let one = done(&product.command(&["inbound", "release", id(&lines[1])]));
    assert_eq!(one, "1 SMS released\n");
    let mail = sink.wait_for(4).await.remove(3);
    assert_eq!(
        (mail.recipient.as_str(), mail.text().as_str()),
        ("bob@example.com", "nor this")
    );
    let again = refused(&product.command(&["inbound", "release", id(&lines[1])]), 69);
    assert!(again.contains("nothing to decide"), "{again}");
    let dropped = done(&product.command(&["inbound", "drop", id(newest)]));
    assert_eq!(dropped, "1 SMS dropped\n");
    refused(&product.command(&["inbound", "drop", id(newest)]), 69);
    // What was dropped is still to be seen, as what was delivered is.
    let shown = product
        .json(&["inbound", "show", id(newest), "--json"])
        .remove(0);
    assert_eq!(
        (&shown["state"], &shown["text"]),
        (&"done".into(), &"and another".into())
    );
    let rest = done(&product.command(&["inbound", "release", "--sender", PHONE]));
    assert_eq!(rest, "1 SMS released\n");
    let mail = sink.wait_for(5).await.remove(4);
    assert_eq!(mail.text(), "for nobody");
    assert_eq!(stuck(&product, 0), Vec::<Value>::new());
    assert_eq!(
        done(&product.command(&["inbound", "drop", "--all"])),
        "0 SMS dropped\n"
    );
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_with_no_daemon() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let config = place.config();
    let command = |args: &[&str]| product::command(&config, args);
    // There is no store yet.
    refused(&command(&["inbound", "list"]), 69);
    refused(&command(&["mail", "list"]), 69);
    let product = place.start();
    for text in ["one", "two", "three"] {
        says(&product, PHONE, text);
    }
    stuck(&product, 3);
    sink.wait_for(3).await;
    assert!(product.stop().success());
    let lines = product::json(&config, &["inbound", "list", "--json"]);
    assert_eq!(lines.len(), 3);
    let shown = product::json(&config, &["inbound", "show", id(&lines[0]), "--json"]);
    assert_eq!(shown[0]["text"], "three");
    refused(&command(&["inbound", "show", NOTHING]), 69);
    refused(&command(&["inbound", "show", "seven"]), 64);
    assert_eq!(
        done(&command(&["inbound", "drop", id(&lines[0])])),
        "1 SMS dropped\n"
    );
    let no = refused(&command(&["inbound", "release", "--all"]), 69);
    assert!(
        no.contains("2 SMS stay") && no.contains("incoming.default"),
        "{no}"
    );
    append(&place, DEFAULT);
    assert_eq!(
        done(&command(&["inbound", "release", "--all"])),
        "2 SMS released\n"
    );
    assert_eq!(
        product::json(&config, &["inbound", "list", "--json"]).len(),
        0
    );
    assert_eq!(sink.mails().len(), 3, "nobody delivers them yet");
    let product = place.start();
    let mails = sink.wait_for(5).await;
    let texts: BTreeSet<_> = mails[3..].iter().map(|mail| mail.text()).collect();
    assert_eq!(texts, ["one", "two"].map(str::to_owned).into());
    assert!(product.stop().success());
}

/// Texts of three parts each, in quarantine, whose parts came in turn: the first ones of all, the second ones, …
async fn quarantined(place: &Place, texts: u64) -> Vec<MessageId> {
    let store = SledStore::open(&Settings {
        path: place.path().join("store"),
        largest: 1 << 20,
        reserve: Some(0),
    });
    let store = store.expect("the store opens");
    let at = |n: u64| Timestamp::from_millisecond(1_790_000_000_000 + n as i64).expect("a time");
    let id = |part: u8, text: u64| MessageId::new(u64::from(part) * 10_000 + text, [7; 10]);
    for part in 1..=3 {
        for text in 0..texts {
            let content = Content::Sms {
                from: Party::Number(Number::from_network(PHONE).expect("a number")),
                to: None,
                text: format!("t{text}p{part} "),
                binary: None,
                concat: Some(Concat {
                    reference: text as u16,
                    wide: true,
                    part,
                    parts: 3,
                }),
                marks: Default::default(),
                sent: None,
            };
            let received = Received {
                gateway: "lab".into(),
                at: at(0),
                dedupe: None,
                raw: Vec::new(),
                content,
            };
            let kept = store.keep_inbound(at(0), id(part, text), received).await;
            assert_eq!(kept, Ok(Kept::New));
        }
    }
    for text in 0..texts {
        let outcome = InboundOutcome {
            ids: (1..=3).map(|part| id(part, text)).collect(),
            state: InboundState::Quarantined,
            due: at(text),
            mails: Vec::new(),
            messages: Vec::new(),
        };
        assert_eq!(store.settle_inbound(at(1), outcome).await, Ok(()));
    }
    (1..=3).map(|part| id(part, 5)).collect()
}

/// More than fit into one transaction, or one round of the daemon: whatever is let go, a text is one mail.
#[tokio::test(flavor = "multi_thread")]
async fn texts_are_released_whole() {
    const TEXTS: u64 = 200;
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), &format!("{LAB}{DEFAULT}"));
    let sixth = quarantined(&place, TEXTS).await;
    let product = place.start();
    assert_eq!(stuck(&product, 600).len(), 600);
    // One part is named, its text is let go.
    let one = done(&product.command(&["inbound", "release", &sixth[1].to_string()]));
    assert_eq!(one, "3 SMS released\n");
    sink.wait_for(1).await;
    let all = done(&product.command(&["inbound", "release", "--all"]));
    assert_eq!(all, "597 SMS released\n");
    let mails = sink.wait_for(TEXTS as usize).await;
    let texts: BTreeSet<_> = mails.iter().map(|mail| mail.text()).collect();
    let whole = (0..TEXTS).map(|n| format!("t{n}p1 t{n}p2 t{n}p3"));
    assert_eq!(texts, whole.collect());
    product.until(&["queue", "stats", "--json"], |lines| {
        lines[0]["inbound_open"] == 0 && lines[0]["mails"] == 0
    });
    assert_eq!(sink.mails().len(), TEXTS as usize);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_were_refused_are_listed_shown_retried_and_dropped() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), &format!("{LAB}{DEFAULT}"));
    // Neither the default recipient nor the admin is anybody: what is refused stays here.
    for nobody in ["bob@example.com", "postmaster@example.com"] {
        sink.answer_rcpt(nobody, &["550 5.1.1 unknown"]);
    }
    let product = place.start();
    assert_eq!(done(&product.command(&["mail", "list"])).lines().count(), 1);
    for text in ["one", "two", "three", "four"] {
        says(&product, PHONE, text);
    }
    let all = ["mail", "list", "--json"];
    let lines = product.until(&all, |lines| {
        lines.len() == 4 && states(lines) == ["refused"].into()
    });
    let find = |text: &str| holding(&product, text);
    let line = &lines[0];
    assert_eq!(line["recipient"], "postmaster@example.com");
    assert!(
        line["error"]
            .as_str()
            .expect("why")
            .contains("5.1.1 unknown"),
        "{line}"
    );
    assert!(
        line["subject"].as_str().is_some_and(|s| !s.is_empty()),
        "{line}"
    );
    assert_eq!(
        product.json(&["mail", "list", "--limit", "1", "--json"]),
        lines[..1]
    );
    let table = done(&product.command(&["mail", "list"]));
    assert!(
        table.starts_with("ID") && table.contains("refused"),
        "{table}"
    );
    let shown = done(&product.command(&["mail", "show", &find("one")]));
    assert!(
        shown.contains("postmaster@example.com") && shown.contains("\none\n"),
        "{shown}"
    );

    for command in ["show", "retry", "drop"] {
        let wrong = refused(&product.command(&["mail", command, "seven"]), 64);
        assert!(wrong.contains("seven is no id of a mail"), "{wrong}");
        refused(&product.command(&["mail", command, NOTHING]), 69);
    }
    assert_eq!(product.command(&["mail", "drop"]).status.code(), Some(64));
    let wrong = refused(
        &product.command(&["mail", "retry", "--all", "--to", "me"]),
        64,
    );
    assert!(wrong.contains("me is no mail address"), "{wrong}");
    // Nobody pays for it there, and it would be lost.
    let to = "+15551234567@sms.example.com";
    let wrong = refused(
        &product.command(&["mail", "retry", "--all", "--to", to]),
        64,
    );
    assert!(wrong.contains("is an SMS address"), "{wrong}");

    // To somebody else; to the same, who is somebody now; to nobody; and after a restart.
    let to = ["mail", "retry", "--to", "me@example.com", &find("one")];
    assert_eq!(done(&product.command(&to)), "1 mail will be tried now\n");
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(mail.recipient, "me@example.com");
    assert!(String::from_utf8_lossy(&mail.data).contains("\r\none\r\n"));
    assert_eq!(
        done(&product.command(&["mail", "drop", &find("two")])),
        "1 mail dropped\n"
    );
    product.until(&all, |lines| lines.len() == 2);
    // In vain: the answer is the same, and it is here again.
    done(&product.command(&["mail", "retry", &find("three")]));
    product.until(&all, |lines| {
        lines.len() == 2
            && states(lines) == ["refused"].into()
            && lines.iter().all(|line| line["attempts"] == 1)
    });
    assert!(product.stop().success());
    sink.answer_rcpt("postmaster@example.com", &["250 2.1.5 ok"]);
    let config = place.config();
    assert_eq!(
        product::json(&config, &["mail", "list", "--refused", "--json"]).len(),
        2
    );
    let retried = product::command(&config, &["mail", "retry", "--all"]);
    assert_eq!(done(&retried), "2 mails will be tried now\n");
    let waiting = product::json(&config, &all);
    assert_eq!(states(&waiting), ["waiting"].into());
    assert_eq!(
        done(&product::command(&config, &["mail", "drop", "--all"])),
        "0 mails dropped\n"
    );
    let product = place.start();
    let mails = sink.wait_for(3).await;
    assert!(
        mails[1..]
            .iter()
            .all(|mail| mail.recipient == "postmaster@example.com")
    );
    product.until(&all, |lines| lines.is_empty());
    assert!(product.stop().success());
}

/// The id of the mail that holds this text.
fn holding(product: &Product, text: &str) -> String {
    let lines = product.json(&["mail", "list", "--json"]);
    let holds = |line: &&Value| {
        let shown = product
            .json(&["mail", "show", id(line), "--json"])
            .remove(0);
        shown["mail"]
            .as_str()
            .expect("a mail")
            .contains(&format!("\n{text}\r\n"))
    };
    let found = lines.iter().find(holds);
    id(found.unwrap_or_else(|| panic!("{text}: {lines:?}"))).to_owned()
}
