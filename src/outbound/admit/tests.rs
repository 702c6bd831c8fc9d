//! Who may send what where, in every form of address; several pairs of domains; the account's numbers.

use std::collections::HashMap;

use jiff::{civil, tz::TimeZone};

use super::super::names;
use super::*;
use crate::access::credentials::Question;
use crate::access::{self, Access, Policy, User};
use crate::mail::address::Domain;
use crate::outbound::lookup::Known;
use crate::outbound::plan::tests::planner as plain;
use crate::sms::Region;
use crate::store::phonebook::{self, Group, Listing, Member};

fn user(email: &str, policy: Policy) -> User {
    User::new(email, policy)
}

fn settings() -> access::Settings {
    let number = |text| Some(Number::from_network(text).expect("number"));
    let policy = Policy::default;
    access::Settings {
        address_passwords: false,
        certificate_issuers: Vec::new(),
        trusted_networks: vec![access::Network::parse("127.0.0.0/8").expect("network")],
        timezone: TimeZone::UTC,
        defaults: policy(),
        domains: HashMap::new(),
        resubmission: Some(access::Resubmission {
            daemon: "sms".into(),
            trust_sender: false,
        }),
        aliases: HashMap::from([(
            "oncall@example.com".into(),
            access::Alias {
                charge: "ann@example.com".into(),
                to: number("+15551230000").into_iter().collect(),
            },
        )]),
        users: std::sync::Arc::new(access::People::new(vec![
            User {
                nickname: Some("annie".into()),
                aliases: vec!["ann.smith@example.com".into()],
                mobile: number("+15557654321"),
                ..user("ann@example.com", policy())
            },
            User {
                nickname: Some("annie".into()),
                mobile: number("+420777123456"),
                ..user("ann@example.org", policy())
            },
            user(
                "eve@example.com",
                Policy {
                    binary: true,
                    choose_gateway: true,
                    max_segments: 128,
                    sender_ids: vec!["ACME".into(), "SHOP".into()],
                    ..policy()
                },
            ),
            user(
                "bob@example.com",
                Policy {
                    to_external: false,
                    ..policy()
                },
            ),
            user(
                "teacher@example.com",
                Policy {
                    phonebook: true,
                    ..policy()
                },
            ),
            user(
                "nobody@example.com",
                Policy {
                    to_external: false,
                    to_users: false,
                    ..policy()
                },
            ),
            User {
                expires: Some(civil::date(2026, 10, 31)),
                ..user("old@example.com", policy())
            },
            User {
                active: false,
                ..user("gone@example.com", policy())
            },
        ])),
        first_mail_domain: "example.com".into(),
    }
}

/// Ann is at both domains, and not the same person. Eve has the rights, Bob few, others none.
fn planner() -> Planner {
    let region = |code| Region::parse(code).expect("region");
    let mut plain = plain();
    plain.addresses.domains = vec![
        Domain {
            mail: "example.com".into(),
            sms: "sms.example.com".into(),
            region: region("US"),
        },
        Domain {
            mail: "example.org".into(),
            sms: "sms.example.org".into(),
            region: region("CZ"),
        },
    ];
    plain.destinations.regions = vec![region("US"), region("CZ")];
    plain.access = Access::new(settings());
    plain
}

fn envelope(auth: &str) -> Envelope {
    Envelope {
        sender: "x@example.com".into(),
        auth: Some(auth.to_owned()).filter(|auth| !auth.is_empty()),
        ..Envelope::default()
    }
}

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("time")
}

fn judged(envelope: &Envelope, rcpt: &str, esmtp: &[&str]) -> String {
    let esmtp: Vec<String> = esmtp.iter().map(|arg| arg.to_string()).collect();
    match planner().judge(envelope, rcpt, &esmtp, Shown::Nothing, &known(), now()) {
        Judgement::NotOurs => "mail".to_owned(),
        Judgement::Ours(Err(reply)) => reply.to_string(),
        Judgement::Ours(Ok(taken)) => match *taken {
            Taken::Number(to) => format!("{} for {}", to.number, to.payer.account),
            Taken::Account(to) => format!("{} for {}", to.account, to.payer.account),
            Taken::Person(to) => format!("{} of {}", to.address, to.payer.account),
            Taken::Answer(to) => format!("{} says {}", to.payer.account, to.question.address),
            Taken::Group(to) => {
                let shown = to.members.iter().map(|one| match one {
                    Ok(to) => to.number.to_string(),
                    Err(reply) => reply.to_string(),
                });
                shown.collect::<Vec<_>>().join(", ")
            }
        },
    }
}

#[track_caller]
fn check(auth: &str, rcpt: &str, expected: &str) {
    let said = judged(&envelope(auth), rcpt, &[]);
    assert_eq!(said, expected, "{auth} {rcpt}");
}

/// The code in the address that answers to the one open question go to.
const CODE: [u8; names::CODE] = [7; names::CODE];

/// The phonebook: Bob told his number, there are contacts and groups, and the teacher was asked for Eve's.
fn known() -> Known {
    let number = |text| Number::from_network(text).expect("number");
    let entry = |address: &str, text| {
        Listing::Entry(Entry {
            address: address.into(),
            number: number(text),
            shown: None,
            owner: None,
            notes: None,
            changed: now(),
        })
    };
    let group = |address: &str, members: &[&str]| {
        let member = |text: &&str| match Number::from_network(text) {
            Some(number) => Member::Number(number),
            None => Member::Name(text.to_string()),
        };
        Listing::Group(Group {
            address: address.into(),
            members: members.iter().map(member).collect(),
            notes: None,
            changed: now(),
        })
    };
    let found = vec![
        entry("bob@example.com", "+15552220000"),
        entry("plumber@example.com", "+15553330000"),
        entry("dear@example.com", "+19002345678"),
        group(
            "oncall@example.com",
            &[
                "+15551230000",
                "ann@example.com",
                "bob@example.com",
                "+15552220000",
                "eve@example.com",
            ],
        ),
        group("empty@example.com", &[]),
        group("lost@example.com", &["eve@example.com", "x@example.com"]),
        // A user is called so: the user wins.
        group("eve@example.com", &["+15551230000"]),
    ];
    let question = phonebook::Question {
        id: crate::sms::MessageId::from_bytes([1; 16]),
        sender: "teacher@example.com".into(),
        address: "eve@example.com".into(),
        code: names::code_of(&names::answers_to(&CODE)).expect("a code"),
        asked: now(),
        until: "2026-11-23T12:00:00Z".parse().expect("time"),
        mails: 1,
    };
    let mut known = Known::default();
    known.learn(&["nothing".into()], found);
    known.learn_questions("teacher@example.com", vec![question]);
    known
}

#[test]
fn names_of_the_phonebook() {
    check(
        "ann",
        "<bob@sms.example.com>",
        "+15552220000 for ann@example.com",
    );
    check(
        "ann",
        "<Plumber@sms.example.com>",
        "+15553330000 for ann@example.com",
    );
    // A learned number of a user is a user's; a contact is nobody's.
    check(
        "bob",
        "<bob@sms.example.com>",
        "+15552220000 for bob@example.com",
    );
    let no = "550 5.7.1 bob@example.com may not send SMS to +15553330000, only to phones of users";
    check("bob", "<plumber@sms.example.com>", no);
    check(
        "ann",
        "<plumber@sms.example.org>",
        "550 5.1.1 plumber@sms.example.org: no such user",
    );
    let dear = "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number";
    check("ann", "<dear@sms.example.com>", dear);
    let none = "550 5.1.1 eve@example.com has no mobile number here";
    check("ann", "<eve@sms.example.com>", none);
    check(
        "",
        "<plumber@sms.example.com>",
        "550 5.7.1 log in to send SMS: only known users may",
    );
    // Who may teach numbers is told by the subject what becomes of it.
    check(
        "teacher",
        "<eve@sms.example.com>",
        "eve@example.com of teacher@example.com",
    );
    check(
        "teacher",
        "<ann@sms.example.com>",
        "ann@example.com of teacher@example.com",
    );
}

#[test]
fn groups_go_to_each_number_once() {
    let eve = "550 5.1.1 eve@example.com of oncall@example.com: has no mobile number here";
    let all = format!("+15551230000, +15557654321, +15552220000, {eve}");
    check("ann", "<oncall@sms.example.com>", &all);
    check(
        "ann",
        "<empty@sms.example.com>",
        "550 5.1.1 empty@example.com: nobody is in this group",
    );
    let lost = "550 5.1.1 eve@example.com of lost@example.com: has no mobile number here; \
                x@example.com of lost@example.com: has no mobile number here";
    check("ann", "<lost@sms.example.com>", lost);
}

#[test]
fn only_who_was_asked_answers() {
    let to = format!("<{}@sms.example.com>", names::answers_to(&CODE));
    let closed = "550 5.1.1 this question is not open: it was answered, or its time is over";
    check("teacher", &to, "teacher@example.com says eve@example.com");
    check(
        "teacher",
        &to.to_uppercase(),
        "teacher@example.com says eve@example.com",
    );
    for auth in ["ann", "eve", "bob"] {
        check(auth, &to, closed);
    }
    check(
        "",
        &to,
        "550 5.7.1 log in to send SMS: only known users may",
    );
    let other = format!("<{}@sms.example.com>", names::answers_to(&[8; names::CODE]));
    check("teacher", &other, closed);
}

#[test]
fn users_of_two_domains_with_the_same_names() {
    for name in ["ann", "Ann", "annie"] {
        let said = "+15557654321 for eve@example.com";
        check("eve", &format!("<{name}@sms.example.com>"), said);
        let said = "+420777123456 for eve@example.com";
        check("eve", &format!("<{name}@sms.example.org>"), said);
    }
    check(
        "eve",
        "<ann.smith@sms.example.com>",
        "+15557654321 for eve@example.com",
    );
    let nobody = "550 5.1.1 ann.smith@sms.example.org: no such user";
    check("eve", "<ann.smith@sms.example.org>", nobody);
    let none = "550 5.1.1 eve@example.com has no mobile number here";
    check("eve", "<eve@sms.example.com>", none);
    check(
        "eve",
        "<777123456@sms.example.org>",
        "+420777123456 for eve@example.com",
    );
    check(
        "eve",
        "<\"sms:777123456\"@example.org>",
        "+420777123456 for eve@example.com",
    );
    // Who sends is one of a domain, too.
    check(
        "ann@example.org",
        "<ann@sms.example.com>",
        "+15557654321 for ann@example.org",
    );
    check(
        "ann@example.com",
        "<ann@sms.example.com>",
        "+15557654321 for ann@example.com",
    );
}

#[test]
fn rights() {
    let number = "<+15551234567@sms.example.com>";
    check(
        "bob",
        "<ann@sms.example.com>",
        "+15557654321 for bob@example.com",
    );
    let refused =
        "550 5.7.1 bob@example.com may not send SMS to +15551234567, only to phones of users";
    check("bob", number, refused);
    check(
        "bob",
        "<sms@example.com>",
        "sms@example.com for bob@example.com",
    );
    let refused = "550 5.7.1 nobody@example.com may not send SMS";
    check("nobody", "<sms@example.com>", refused);
    for rcpt in [number, "<sms@example.com>", "<ann@sms.example.com>"] {
        check(
            "old",
            rcpt,
            "550 5.7.1 the account old@example.com has expired",
        );
        check(
            "gone",
            rcpt,
            "550 5.7.1 the account gone@example.com is not active",
        );
        check(
            "",
            rcpt,
            "550 5.7.1 log in to send SMS: only known users may",
        );
    }
}

#[track_caller]
fn check_parameters(auth: &str, parameters: &str, expected: &str) {
    for rcpt in [
        format!("<\"sms:+15551234567?{parameters}\"@example.com>"),
        format!("<\"sms:+15551234567?{parameters}\"@sms.example.com>"),
        format!("<\"+15551234567?{parameters}\"@sms.example.com>"),
        format!("<\"sms+15551234567?{parameters}\"@example.com>"),
    ] {
        let expected = match expected {
            "fine" => format!("+15551234567 for {auth}@example.com"),
            wrong => wrong.to_owned(),
        };
        check(auth, &rcpt, &expected);
    }
    let account = match expected {
        "fine" => format!("sms@example.com for {auth}@example.com"),
        wrong => wrong.to_owned(),
    };
    check(
        auth,
        &format!("<\"sms?{parameters}\"@example.com>"),
        &account,
    );
    let user = match expected {
        "fine" => format!("+15557654321 for {auth}@example.com"),
        wrong => wrong.to_owned(),
    };
    check(
        auth,
        &format!("<\"ann?{parameters}\"@sms.example.com>"),
        &user,
    );
}

#[test]
fn parameters_that_all_may_use() {
    for parameters in [
        "maxmsgs=3",
        "flash=1",
        "confirm=1",
        "at=%2B2h",
        "at=+2h",
        "at=2026-12-01T08:00:00Z",
        "validity=6h",
        "priority=high",
        "coding=ucs2",
        "flash=1&confirm=1&validity=2d&at=+30m&priority=low&coding=auto&maxmsgs=5",
    ] {
        check_parameters("ann", parameters, "fine");
    }
    check_parameters("ann", "reply=ann.smith%40example.com", "fine");
    check_parameters("ann", "reply=Ann@example.com", "fine");
}

#[test]
fn parameters_that_need_a_right() {
    for (parameters, refused) in [
        (
            "maxmsgs=6",
            "maxmsgs=6: ann@example.com may send 5 at a time",
        ),
        ("id=cheap", "id: ann@example.com may not choose the gateway"),
        (
            "sender=ACME",
            "sender: ann@example.com may not be shown as ACME",
        ),
        (
            "sender=%2B112",
            "sender: ann@example.com may not be shown as +112",
        ),
        ("binary=1", "binary: ann@example.com may not send data"),
        (
            "binary=1&udh=0605040B8423F0",
            "binary: ann@example.com may not send data",
        ),
        (
            "binary=1&udh=027000",
            "binary: ann@example.com may not send data",
        ),
        ("pid=0x40", "pid: ann@example.com may not send data"),
        ("pid=127", "pid: ann@example.com may not send data"),
        (
            "dcs=0xF6",
            "dcs=0xf6: is for 8-bit data, which go with binary; for a text write 0x00 or 0x08, or leave dcs out",
        ),
        ("dcs=0x12", "dcs: ann@example.com may not send data"),
    ] {
        check_parameters("ann", parameters, &format!("550 5.1.3 {refused}"));
    }
    for parameters in [
        "maxmsgs=128",
        "id=cheap",
        "sender=ACME",
        "sender=SHOP",
        "binary=1",
        "binary=1;hex&udh=0605040B8423F0&dcs=0xF6",
        "pid=0x40&dcs=0x12",
    ] {
        check_parameters("eve", parameters, "fine");
    }
    for (parameters, refused) in [
        ("id=gone", "id=gone: there is no such gateway"),
        (
            "sender=acme",
            "sender: eve@example.com may not be shown as acme",
        ),
        (
            "reply=ann@example.com",
            "reply: ann@example.com is no address of eve@example.com",
        ),
        (
            "validity=6d",
            "validity: the queue keeps no message longer than 5d (queue.expire); write 5d or less",
        ),
        (
            "at=2026-11-20T08:00:00Z",
            "at=2026-11-20T08:00:00Z: this time has passed",
        ),
        (
            "at=+32d",
            "at=2026-12-22T12:00:00Z: nothing is kept for longer than 31 days before it is sent",
        ),
    ] {
        check_parameters("eve", parameters, &format!("550 5.1.3 {refused}"));
    }
}

#[test]
fn parameters_that_are_wrong() {
    for (parameters, refused) in [
        ("color=red", "parameter color is not known"),
        // Those of the forerunner (threats T03), and what only other doors have.
        (
            "authenticated=1&user=boss",
            "parameter authenticated is never taken from an address",
        ),
        ("class=2", "parameter class is not known"),
        ("msgid=1", "parameter msgid is not known"),
        ("flash=1&flash=1", "parameter flash is written twice"),
        ("flash", "parameter flash has no value: write flash=VALUE"),
        ("flash=yes", "flash=yes: write 1, or leave it out"),
        ("maxmsgs=0", "maxmsgs=0: write 1 to 128"),
        (
            "priority=urgent",
            "priority=urgent: write low, normal or high",
        ),
        ("coding=utf8", "coding=utf8: write auto, gsm7 or ucs2"),
        (
            "validity=1",
            "validity=1: write a time such as 30m, 6h or 2d",
        ),
        (
            "at=noon",
            "at=noon: write a time such as +2h or 2026-12-24T18:00:00+01:00",
        ),
        (
            "udh=0605040B8423F0",
            "udh goes with binary: a text has no user data header of its own",
        ),
    ] {
        check_parameters("ann", parameters, &format!("550 5.1.3 {refused}"));
    }
}

/// What is to be looked up of an address, or why not.
fn question(envelope: &Envelope, parameters: &str, passwords: bool) -> String {
    let mut planner = planner();
    planner.access = Access::new(access::Settings {
        address_passwords: passwords,
        ..settings()
    });
    let rcpt = format!("<\"sms:+15551234567?{parameters}\"@example.com>");
    let credentials = planner.credentials(envelope, &rcpt);
    match planner.access.question(envelope, credentials) {
        Ok(None) => "nothing".into(),
        Ok(Some(Question::Token(_))) => "token".into(),
        Ok(Some(Question::Password(name, _))) => format!("password of {name}"),
        Err(reply) => reply.to_string(),
    }
}

#[test]
fn credentials_are_looked_up_for_who_has_not_logged_in() {
    let off = |name: &str| {
        format!(
            "550 5.1.3 parameter {name} is not taken here: log in to the mail server, or use a token"
        )
    };
    let missing =
        |name: &str| format!("550 5.1.3 parameter {name} is missing: user and pass go together");
    for (parameters, without, with) in [
        ("flash=1", "nothing".into(), "nothing".into()),
        ("token=abc", "token".into(), "token".into()),
        (
            "user=ann%example.com&pass=123",
            off("user"),
            "password of ann@example.com".into(),
        ),
        (
            "pass=123&user=nobody",
            off("user"),
            "password of nobody".into(),
        ),
        ("user=ann", off("user"), missing("pass")),
        ("pass=123", off("pass"), missing("user")),
        ("user=a&pass=b&token=abc", off("user"), "token".into()),
    ] {
        assert_eq!(
            question(&envelope(""), parameters, false),
            without,
            "{parameters}"
        );
        assert_eq!(
            question(&envelope(""), parameters, true),
            with,
            "{parameters}"
        );
        // Who has logged in pays.
        let logged_in = match with.starts_with('5') {
            true => with,
            false => "nothing".into(),
        };
        assert_eq!(question(&envelope("ann"), parameters, true), logged_in);
        let null = Envelope::default();
        assert_eq!(question(&null, parameters, true), "nothing");
    }
}

#[test]
fn an_alias_may_lead_to_the_account() {
    let envelope = Envelope {
        daemon: Some("sms".into()),
        ..envelope("")
    };
    let orcpt = ["ORCPT=rfc822;oncall@example.com"];
    let said = judged(&envelope, "<sms@example.com>", &orcpt);
    assert_eq!(said, "sms@example.com for ann@example.com");
    let nobody =
        "550 5.7.1 nobody pays for this SMS: no alias of access.aliases leads to this number";
    assert_eq!(judged(&envelope, "<sms@example.com>", &[]), nobody);
    // It pays for its numbers only, which the subject names.
    for (subject, expected) in [("+15551230000", "+15551230000"), ("+15551234567", nobody)] {
        let said = numbers(&envelope, &orcpt, &format!("Subject: {subject}\n\n"));
        assert_eq!(said, expected);
    }
}

/// Whom a mail to the account goes to.
fn numbers(envelope: &Envelope, esmtp: &[&str], mail: &str) -> String {
    let planner = planner();
    let esmtp: Vec<String> = esmtp.iter().map(|arg| arg.to_string()).collect();
    let taken = match planner.judge(
        envelope,
        "<sms@example.com>",
        &esmtp,
        Shown::Nothing,
        &known(),
        now(),
    ) {
        Judgement::Ours(Ok(taken)) => *taken,
        other => panic!("{other:?}"),
    };
    let Taken::Account(pending) = taken else {
        panic!("{taken:?}");
    };
    let raw = RawMail::from_bytes(mail.as_bytes());
    let read = text::read(&raw, &planner.text);
    // A mail without text is not what this is about.
    let mail = read.unwrap_or_else(|_| MailText {
        subject: mail.trim().trim_start_matches("Subject: ").to_owned(),
        ..MailText::default()
    });
    let judged = planner.numbers(envelope, &pending, &raw, &mail, now());
    let shown = judged.into_iter().map(|one| match one {
        Ok(to) => to.number.to_string(),
        Err(reply) => reply.to_string(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[test]
fn each_number_of_the_account_is_judged() {
    for (auth, header, expected) in [
        (
            "eve",
            "Subject: +15551234567, 5557654321 lunch",
            "+15551234567, +15557654321",
        ),
        (
            "eve",
            "To: \"+15551234567\" <sms@example.com>\nSubject: +15557654321",
            "+15551234567",
        ),
        (
            "eve",
            "Subject: +15551234567, +19002345678",
            "+15551234567, 550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
        ),
        (
            "bob",
            "Subject: +15557654321, +15551234567",
            "+15557654321, 550 5.7.1 bob@example.com may not send SMS to +15551234567, only to phones of users",
        ),
        // All fail alike: one reply for all.
        (
            "eve",
            "Subject: 12, 13",
            "550 5.1.1 12 is not a phone number; 13 is not a phone number",
        ),
        (
            "eve",
            "Subject: 12, +19002345678",
            "550 5.1.1 12 is not a phone number, 550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
        ),
        (
            "eve",
            "Subject: lunch",
            "550 5.1.3 no phone number: write it as the subject, or as the name beside sms@example.com",
        ),
    ] {
        let said = numbers(&envelope(auth), &[], &format!("{header}\n\ntext\n"));
        assert_eq!(said, expected, "{auth} {header}");
    }
}

#[test]
fn other_senders() {
    let trusted = Envelope {
        sender: "Ann@example.org".into(),
        client: Client::Ip("127.0.0.1".parse().expect("ip")),
        ..Envelope::default()
    };
    let said = judged(&trusted, "<+15551234567@sms.example.com>", &[]);
    assert_eq!(said, "+15551234567 for ann@example.org");
    let local = Envelope {
        client: Client::Local,
        ..trusted.clone()
    };
    let said = judged(&local, "\"sms:+15551234567?flash=1\"@example.com", &[]);
    assert_eq!(said, "+15551234567 for ann@example.org");
    let null = Envelope {
        sender: String::new(),
        ..trusted
    };
    let refused = "550 5.7.1 SMS need a sender: this mail has the null sender";
    for rcpt in ["<+15551234567@sms.example.com>", "<sms@example.com>"] {
        assert_eq!(judged(&null, rcpt, &[]), refused);
    }
}
