//! Which mail becomes what, for whom, through which gateway.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::access;
use crate::access::credentials::Shown;
use crate::gateway::OnUnknown;
use crate::mail::Envelope;
use crate::outbound::admit::{Judgement, Taken};
use crate::outbound::lookup::Known;
use crate::rules::Condition;
use crate::sms::Region;

fn gateway(id: &str, rate: f64) -> Common {
    Common {
        id: id.into(),
        active: true,
        number: None,
        concat: Concatenation::Udh,
        on_unknown: OnUnknown::Report,
        unknown_wait: Duration::from_secs(600),
        receipts: Default::default(),
        window: 1,
        throughput: None,
        limits: Default::default(),
        rates: vec![("+1".into(), rate), ("+1555".into(), rate * 2.0)],
        from: None,
        carries: Carries::default(),
    }
}

pub(in crate::outbound) fn planner() -> Planner {
    let us = Region::parse("US").expect("US");
    let when = |field, pattern| Condition::pattern(field, pattern).expect("pattern");
    use crate::rules::Field;
    Planner {
        addresses: address::Settings {
            domains: vec![address::Domain {
                mail: "example.com".into(),
                sms: "sms.example.com".into(),
                region: us,
            }],
            prefix: "sms".into(),
            account: "sms".into(),
            plus_numbers: false,
        },
        access: Access::new(access::Settings {
            trusted_networks: vec![],
            address_passwords: false,
            certificate_issuers: vec![],
            timezone: jiff::tz::TimeZone::UTC,
            defaults: access::Policy {
                max_segments: 2,
                ..access::Policy::default()
            },
            domains: HashMap::new(),
            resubmission: Some(access::Resubmission {
                daemon: "sms".into(),
                trust_sender: false,
            }),
            aliases: HashMap::new(),
            users: Default::default(),
            first_mail_domain: "example.com".into(),
        }),
        directories: Arc::default(),
        destinations: Destinations {
            allow: None,
            deny: vec![],
            rewrite: vec![],
            regions: vec![us],
        },
        rules: vec![
            OutgoingRule {
                when: when(Field::Text, "(?i)password"),
                action: Action::Reject("no passwords by SMS".into()),
                text: None,
            },
            OutgoingRule {
                when: when(Field::To, "^\\+1555777"),
                action: Action::Gateways(vec!["dear".into(), "cheap".into()], Strategy::Cheapest),
                text: None,
            },
            OutgoingRule {
                when: when(Field::Subject, "pin"),
                action: Action::Gateways(vec!["gone".into()], Strategy::InOrder),
                text: None,
            },
        ],
        text: text::Settings::default(),
        fold: Fold::Typographic,
        languages: Languages::default(),
        on_overflow: Overflow::Cut,
        gateways: vec![gateway("dear", 0.1), gateway("cheap", 0.01)],
        limits: Limits::default(),
        expire: Duration::from_hours(5 * 24),
        phonebook_wait: jiff::SignedDuration::from_hours(3 * 24),
        reply_window: jiff::SignedDuration::from_hours(3 * 24),
    }
}

fn envelope(auth: Option<&str>) -> Envelope {
    Envelope {
        sender: "ann@example.com".into(),
        auth: auth.map(Into::into),
        ..Envelope::default()
    }
}

pub(in crate::outbound) fn admitted(planner: &Planner, rcpt: &str) -> Admitted {
    let now = Timestamp::UNIX_EPOCH;
    match planner.judge(
        &envelope(Some("ann")),
        rcpt,
        &[],
        Shown::Nothing,
        &Known::default(),
        now,
    ) {
        Judgement::Ours(Ok(taken)) => match *taken {
            Taken::Number(admitted) => admitted,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn planned(text: &str, subject: &str, number: &str) -> Result<Plan, String> {
    let planner = planner();
    let to = admitted(&planner, &format!("<{number}@sms.example.com>"));
    let mail = MailText {
        text: text.into(),
        subject: subject.into(),
        ..MailText::default()
    };
    planner.plan(&mail, &to).map_err(|reply| reply.to_string())
}

#[test]
fn recipients_are_judged() {
    let log_in = "550 5.7.1 log in to send SMS: only known users may";
    for (auth, daemon, rcpt, expected) in [
        (
            Some("ann"),
            None,
            "<+15551234567@sms.example.com>",
            "+15551234567 for ann@example.com",
        ),
        (None, None, "<+15551234567@sms.example.com>", log_in),
        (Some("ann"), None, "<bob@example.com>", "mail"),
        (
            None,
            Some("sms"),
            "<bob@example.com>",
            "550 5.1.1 no SMS recipient: this listener takes nothing else",
        ),
        (
            Some("ann"),
            None,
            "<carol@sms.example.com>",
            "550 5.1.1 carol@sms.example.com: no such user",
        ),
        (
            Some("ann"),
            None,
            "<+19002345678@sms.example.com>",
            "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
        ),
    ] {
        let envelope = Envelope {
            daemon: daemon.map(Into::into),
            ..envelope(auth)
        };
        let shown = match planner().judge(
            &envelope,
            rcpt,
            &[],
            Shown::Nothing,
            &Known::default(),
            Timestamp::UNIX_EPOCH,
        ) {
            Judgement::NotOurs => "mail".to_owned(),
            Judgement::Ours(Ok(taken)) => match *taken {
                Taken::Number(to) => format!("{} for {}", to.number, to.payer.account),
                Taken::Account(to) => format!("{} for {}", to.account, to.payer.account),
                other => panic!("{other:?}"),
            },
            Judgement::Ours(Err(reply)) => reply.to_string(),
        };
        assert_eq!(shown, expected, "{auth:?} {daemon:?} {rcpt}");
    }
}

#[test]
fn rules_choose_gateways_or_refuse() {
    let plan = planned("hello", "", "+15551234567").expect("a plan");
    assert_eq!(
        (plan.gateways.join(" "), plan.pinned, plan.rule),
        ("dear cheap".into(), false, None)
    );
    assert_eq!(plan.price, Some(0.2));
    let plan = planned("hello", "", "+15557771234").expect("a plan");
    assert_eq!(
        (plan.gateways.join(" "), plan.pinned, plan.rule),
        ("cheap dear".into(), true, Some(2))
    );
    assert!(plan.in_order);
    let refused = |text, subject| planned(text, subject, "+15551234567").expect_err("refused");
    assert_eq!(refused("my Password", ""), "550 5.7.1 no passwords by SMS");
    assert_eq!(
        refused("x", "pin"),
        "550 5.7.1 no gateway can carry this message"
    );
}

#[track_caller]
fn check_wishes(carries: Carries, wishes: &str, text: &str, expected: &str) {
    let mut planner = planner();
    planner.gateways[0].carries = carries;
    let mut to = admitted(&planner, "<+15551234567@sms.example.com>");
    for pair in wishes.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').expect("a pair");
        to.wishes.set(name, value).expect("a wish");
    }
    let mail = MailText {
        text: text.into(),
        ..MailText::default()
    };
    let shown = |plan: Plan| {
        let sizes: Vec<_> = plan.segments.iter().map(|s| s.units.to_string()).collect();
        let Attributes { pid, dcs, class } = plan.attributes;
        format!(
            "{} [{}] {} pinned={} pid={pid} dcs={dcs:?} class={class:?}",
            plan.encoding.name(),
            sizes.join(" "),
            plan.gateways.join(" "),
            plan.pinned,
        )
    };
    let planned = planner.plan(&mail, &to);
    let planned = planned.map_or_else(|reply| reply.to_string(), shown);
    assert_eq!(planned, expected, "{wishes} {text}");
}

#[test]
fn wishes_choose_content_and_gateways() {
    let (all, none) = (
        Carries::default(),
        Carries {
            binary: false,
            udh: false,
            dcs: false,
            pid: false,
            tables: false,
        },
    );
    let rest = "pid=0 dcs=None class=None";
    check_wishes(
        all,
        "",
        "hi",
        &format!("gsm7 [2] dear cheap pinned=false {rest}"),
    );
    check_wishes(
        none,
        "",
        "hi",
        &format!("gsm7 [2] dear cheap pinned=false {rest}"),
    );
    check_wishes(
        none,
        "flash=1",
        "hi",
        "gsm7 [2] cheap pinned=true pid=0 dcs=None class=Some(0)",
    );
    check_wishes(
        none,
        "pid=65",
        "hi",
        "gsm7 [2] cheap pinned=true pid=65 dcs=None class=None",
    );
    check_wishes(
        all,
        "dcs=8",
        "hi",
        "ucs2 [2] dear cheap pinned=false pid=0 dcs=Some(8) class=None",
    );
    check_wishes(
        all,
        "dcs=0xC8",
        "жди",
        "550 5.1.3 dcs=0xc8: means GSM 7-bit, and the text has U+0436, which that has not; leave \
         dcs out, or write one of UCS-2, as 0x08",
    );
    check_wishes(
        none,
        "binary=hex",
        "01 02 FF",
        &format!("binary [3] cheap pinned=true {rest}"),
    );
    let no_udh = Carries { udh: false, ..all };
    let long = "00".repeat(141);
    check_wishes(
        no_udh,
        "binary=hex",
        "0102FF",
        &format!("binary [3] dear cheap pinned=false {rest}"),
    );
    check_wishes(
        no_udh,
        "binary=hex",
        &long,
        &format!("binary [134 7] cheap pinned=true {rest}"),
    );
    check_wishes(
        all,
        "binary=hex&udh=0605040B8423F0",
        &"00".repeat(134),
        &format!("binary [128 6] dear cheap pinned=false {rest}"),
    );
    check_wishes(
        all,
        "binary=hex",
        &"00".repeat(300),
        "550 5.7.1 the data take 3 SMS; you may send 2 at a time",
    );
    check_wishes(
        all,
        "binary=1",
        "=?",
        "554 5.6.0 the data are not base64: character 1 is not of it",
    );
    check_wishes(
        all,
        "udh=0605040B8423F0",
        "hi",
        "550 5.1.3 udh goes with binary: a text has no user data header of its own",
    );
}

#[test]
fn what_no_gateway_carries_is_refused_with_the_reason() {
    let mut planner = planner();
    for gateway in &mut planner.gateways {
        gateway.carries.binary = false;
    }
    let mut to = admitted(&planner, "<+15551234567@sms.example.com>");
    to.wishes.set("binary", "hex").expect("a wish");
    let mail = MailText {
        text: "00".into(),
        ..MailText::default()
    };
    let reply = planner.plan(&mail, &to).expect_err("refused");
    assert_eq!(
        reply.to_string(),
        "550 5.7.1 no gateway can carry this message: dear cannot carry binary data, cheap \
         cannot carry binary data"
    );
}

/// Two gateways, of which the second sends tables or does not.
fn check_tables(second: Common, rcpt: &str, wishes: &[(&str, &str)], text: &str, expected: &str) {
    let mut planner = planner();
    planner.languages = [Language::Turkish].into_iter().collect();
    planner.gateways[1] = second;
    let mut to = admitted(&planner, rcpt);
    for (name, value) in wishes {
        to.wishes.set(name, value).expect("a wish");
    }
    let mail = MailText {
        text: text.into(),
        ..MailText::default()
    };
    let plan = planner.plan(&mail, &to).expect("a plan");
    let sizes: Vec<_> = plan.segments.iter().map(|s| s.units.to_string()).collect();
    let locking = plan.shifts.locking.map_or("-", Language::name);
    let found = format!(
        "{} {locking} [{}] {}",
        plan.encoding.name(),
        sizes.join(" "),
        plan.notes.join("; ")
    );
    assert_eq!(found, expected);
}

#[test]
fn tables_only_where_every_gateway_sends_them() {
    let (all, text) = ("<+15551234567@sms.example.com>", "ş".repeat(100));
    let cheap = || gateway("cheap", 0.01);
    let ucs2 = "ucs2 - [67 33] ş is not in the GSM alphabet: 70 characters a segment, not 160";
    let tables = "gsm7 turkish [100] turkish letter tables save segments: a phone without them shows \
                  some letters wrong";
    check_tables(cheap(), all, &[], &text, tables);
    let provider = Common {
        carries: Carries {
            tables: false,
            ..Carries::default()
        },
        ..cheap()
    };
    check_tables(provider, all, &[], &text, ucs2);
    for concat in [Concatenation::Numbered, Concatenation::Provider] {
        let numbering = Common { concat, ..cheap() };
        check_tables(numbering, all, &[], &text, ucs2);
    }
    // Somebody said how it is to be coded.
    check_tables(
        cheap(),
        all,
        &[("coding", "ucs2")],
        &text,
        "ucs2 - [67 33] ",
    );
    check_tables(cheap(), all, &[("dcs", "8")], &text, "ucs2 - [67 33] ");
    let smile = format!("ş😀q\u{303}{}", "a".repeat(80));
    let forced = "ucs2 - [67 18] 😀 U+0303 are not in the GSM alphabet: 70 characters a segment, \
                  not 160";
    check_tables(cheap(), all, &[], &smile, forced);
}

#[test]
fn long_texts_are_cut_and_said_to_be() {
    let plan = planned(&"word ".repeat(200), "", "+15551234567").expect("a plan");
    assert_eq!((plan.segments.len(), plan.cut), (2, true));
    assert_eq!(plan.notes, ["cut to 2 segments"]);
    let refusing = Planner {
        on_overflow: Overflow::Refuse,
        ..planner()
    };
    let to = admitted(&refusing, "<+15551234567@sms.example.com>");
    let mail = MailText {
        text: "word ".repeat(200),
        ..MailText::default()
    };
    let reply = refusing.plan(&mail, &to).expect_err("refused");
    assert_eq!(
        reply.to_string(),
        "550 5.7.1 the text is longer than the 2 SMS you may send at a time"
    );
}

#[test]
fn a_repeat_is_known_by_what_the_client_wrote() {
    let planner = planner();
    let to = admitted(&planner, "<+15551234567@sms.example.com>");
    let key = |queue_id: &str, message_id: Option<&str>, body: &str| {
        let mut headers = vec![(b"Date".to_vec(), b"today".to_vec())];
        headers.extend(message_id.map(|id| (b"Message-ID".to_vec(), id.as_bytes().to_vec())));
        let mail = RawMail {
            headers,
            body: body.into(),
            truncated: false,
        };
        let envelope = Envelope {
            queue_id: Some(queue_id.into()),
            ..Envelope::default()
        };
        repeat_key(&envelope, &mail, &to)
    };
    let first = key("Q1", Some("<a@b>"), "text");
    assert!(!first.1);
    assert_eq!(
        first,
        key("Q2", Some("<a@b>"), "text"),
        "a new queue id is the same mail"
    );
    assert_ne!(first.0, key("Q1", Some("<a@b>"), "other").0);
    assert_ne!(first.0, key("Q1", Some("<c@b>"), "text").0);
    // The MTA made this id up in this attempt, and would make up another in the next.
    let made_up = key("Q1", Some("<2026.Q1@mta>"), "text");
    assert!(made_up.1);
    assert_eq!(made_up, key("Q2", Some("<2026.Q2@mta>"), "text"));
    assert_eq!(made_up, key("Q3", None, "text"));
}

#[test]
fn wishes_bound_the_message() {
    let check = |wishes: &str, text: &str, expected: &str| {
        let mut planner = planner();
        planner.rules.clear();
        let mut to = admitted(&planner, "<+15551234567@sms.example.com>");
        to.payer.policy.sender_ids = vec!["ACME".into(), "SHOP".into()];
        for pair in wishes.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').expect("a pair");
            to.wishes.set(name, value).expect("a wish");
        }
        let mail = MailText {
            text: text.into(),
            ..MailText::default()
        };
        let plan = planner.plan(&mail, &to).expect("a plan");
        let shown = format!(
            "{} {} {} {} {} {}",
            plan.segments.len(),
            if plan.cut { "cut" } else { "whole" },
            plan.sender_id.as_deref().unwrap_or("-"),
            plan.class.name(),
            if plan.high { "high" } else { "usual" },
            plan.gateways.join(","),
        );
        assert_eq!(shown, expected, "{wishes}");
    };
    let long = "word ".repeat(60);
    check("", &long, "2 whole ACME normal usual dear,cheap");
    check("maxmsgs=1", &long, "1 cut ACME normal usual dear,cheap");
    check("maxmsgs=128", "x", "1 whole ACME normal usual dear,cheap");
    check("sender=SHOP", "x", "1 whole SHOP normal usual dear,cheap");
    check("priority=low", "x", "1 whole ACME bulk usual dear,cheap");
    check(
        "priority=normal",
        "x",
        "1 whole ACME normal usual dear,cheap",
    );
    check("priority=high", "x", "1 whole ACME normal high dear,cheap");
    check("id=cheap", "x", "1 whole ACME normal usual cheap");
}

/// A rule that refuses stands above the gateway that somebody chose; one that chooses does not.
#[test]
fn a_chosen_gateway_and_the_rules() {
    let planner = planner();
    let mut to = admitted(&planner, "<+15557771234@sms.example.com>");
    to.wishes.set("id", "dear").expect("a wish");
    let plan = |text: &str| {
        let mail = MailText {
            text: text.into(),
            ..MailText::default()
        };
        planner
            .plan(&mail, &to)
            .map(|plan| (plan.gateways, plan.pinned))
    };
    assert_eq!(plan("hello"), Ok((vec!["dear".to_owned()], true)));
    assert!(plan("my password").is_err());
}

/// Whether a sender hears that his SMS arrived: as his account has it, and where that leaves it open, as the address
/// says, then the header.
#[test]
fn who_gets_a_confirmation() {
    use Confirm::{Always, Asked, Never};
    let planner = planner();
    for (policy, address, header, receipt, expected) in [
        (Asked, None, false, false, false),
        (Asked, None, true, false, true),
        (Asked, None, false, true, true),
        (Asked, Some(false), true, true, false),
        (Asked, Some(true), false, false, true),
        (Always, None, false, false, true),
        (Always, Some(false), false, false, true),
        (Never, None, true, true, false),
        (Never, Some(true), false, false, false),
    ] {
        let mut to = admitted(&planner, "<+15551234567@sms.example.com>");
        to.payer.policy.confirm = policy;
        to.wishes.confirm = address;
        let mail = MailText {
            text: "hi".into(),
            confirm: header,
            receipt_requested: receipt,
            ..MailText::default()
        };
        let plan = planner.plan(&mail, &to).expect("a plan");
        let case = (policy, address, header, receipt);
        assert_eq!(plan.confirm, expected, "{case:?}");
        // Who asks in vain is told so.
        let noted = plan.notes.iter().any(|note| note.contains("switched off"));
        assert_eq!(noted, policy == Never && address == Some(true), "{case:?}");
    }
}

/// What a rule makes of a mail of Ann's; `None`: no mail, but what a program sent.
#[track_caller]
fn check_template(template: &str, body: Option<&str>, expected: Result<&str, &str>) {
    let mut planner = planner();
    planner.rules.insert(
        0,
        OutgoingRule {
            when: Condition::Any,
            action: Action::Any,
            text: Some(template.into()),
        },
    );
    planner.text.template = "site {body}".into();
    let to = admitted(&planner, "<+15551234567@sms.example.com>");
    let mail = match body {
        Some(body) => {
            let raw = format!("From: Ann <ann@example.com>\nSubject: Lunch\n\n{body}\n");
            let raw = RawMail::from_bytes(raw.as_bytes());
            text::read_for_rules(&raw, &planner.text).expect("a mail")
        }
        None => MailText {
            text: "as it is".into(),
            ..MailText::default()
        },
    };
    let plan = planner.plan(&mail, &to).map_err(|reply| reply.to_string());
    let found = plan.as_ref().map(|plan| (plan.text.as_str(), plan.rule));
    let expected = expected.map(|text| (text, Some(1)));
    assert_eq!(found.map_err(String::as_str), expected, "{template}");
}

#[test]
fn a_rule_has_a_template() {
    let nothing = "554 5.6.0 This mail has no text that could be sent as SMS";
    check_template("{body}", Some("noon"), Ok("noon"));
    check_template("{from_name}: {subject}", Some("noon"), Ok("Ann: Lunch"));
    check_template("{from_name}: {subject}", Some(""), Ok("Ann: Lunch"));
    check_template(
        "[{from}] {body}",
        Some("noon"),
        Ok("[ann@example.com] noon"),
    );
    check_template("{body}", Some(""), Err(nothing));
    check_template("{from}: {body}", None, Ok("as it is"));
}

/// Without a rule that shapes it, a mail without a text is refused as ever.
#[test]
fn what_no_rule_shapes_needs_a_text() {
    let planner = planner();
    let to = admitted(&planner, "<+15551234567@sms.example.com>");
    let raw = RawMail::from_bytes(b"From: ann@example.com\nSubject: Lunch\n\n");
    let mail = text::read_for_rules(&raw, &planner.text).expect("a mail");
    let refused = planner.plan(&mail, &to).expect_err("no text");
    assert_eq!((refused.code, refused.enhanced), (554, "5.6.0"));
}
