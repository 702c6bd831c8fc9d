//! What an outcome, a wait and a receipt make of a message, case by case.

use super::*;
use crate::sms::{Encoding, MessageId, Number};
use crate::store::{Origin, Part};

fn settings() -> Settings {
    Settings {
        expire: SignedDuration::from_hours(120),
        warn_after: SignedDuration::from_hours(4),
        retry_first: Duration::from_secs(30),
        retry_factor: 2.0,
        retry_max: Duration::from_secs(3600),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("time")
}

/// Parts by letter: q queued, h handed, s sent, u unknown.
fn message(parts: &str) -> Message {
    let gateway = || "hall".to_owned();
    let state = |c| match c {
        'h' => PartState::Handed {
            gateway: gateway(),
            at: at(0),
        },
        's' => PartState::Sent {
            gateway: gateway(),
            reference: Some("r".into()),
            at: at(0),
        },
        'f' => PartState::Failed {
            reason: "no".into(),
        },
        'u' => PartState::Unknown {
            gateway: gateway(),
            at: at(0),
            reason: "?".into(),
        },
        _ => PartState::Queued,
    };
    let attempt = || Attempt {
        gateway: gateway(),
        at: at(0),
        reference: Some("r".into()),
        receipt: false,
    };
    let part = |c| Part {
        state: state(c),
        unknowns: u32::from(c == 'u'),
        attempts: if c == 'q' { vec![] } else { vec![attempt()] },
        ..Part::new("x".into())
    };
    Message {
        id: MessageId::from_bytes([1; 16]),
        revision: 3,
        created: at(0),
        origin: Origin::default(),
        account: "ann@example.com".into(),
        reply_to: None,
        charge: Some(Charge {
            account: "ann@example.com".into(),
            month: "1970-01".into(),
            segments: parts.len() as u32,
            limit: 0,
            credit: None,
        }),
        number: Number::from_network("+15551234567").expect("number"),
        text: "x".repeat(parts.len()),
        payload: None,
        shifts: Default::default(),
        attributes: Default::default(),
        encoding: Encoding::Gsm7,
        segments: parts.len() as u8,
        reference: 7,
        flash: false,
        confirm: true,
        private: false,
        class: Class::Normal,
        high: false,
        sender_id: None,
        gateways: vec![],
        in_order: false,
        avoided: vec![],
        state: State::Sending,
        begun: parts.contains(['s', 'u']).then(gateway),
        parts: parts.chars().map(part).collect(),
        attempts: 0,
        not_before: None,
        next_attempt: at(0),
        expires: at(432_000),
        warned: false,
        awaited: None,
        error: None,
        refused_by: None,
    }
}

fn letters(message: &Message) -> String {
    let letter = |p: &Part| match p.state {
        PartState::Queued => 'q',
        PartState::Handed { .. } => 'h',
        PartState::Sent { .. } => 's',
        PartState::Unknown { .. } => 'u',
        PartState::Failed { .. } => 'f',
    };
    message.parts.iter().map(letter).collect()
}

fn shown(message: &Message, then: &Consequences) -> String {
    let wait = message.next_attempt.as_second() - 100;
    let due = if message.state.is_final() {
        String::new()
    } else {
        format!(" in {wait}")
    };
    let refund = if then.refund.is_some() { " refund" } else { "" };
    let tell = then
        .tell
        .map(|cause| format!(" tell {cause:?}"))
        .unwrap_or_default();
    format!(
        "{} {}{due}{refund}{tell}",
        letters(message),
        message.state.name()
    )
}

#[test]
fn an_outcome_becomes_a_state() {
    let refused = |class| Outcome::Refused {
        class,
        reason: "why".into(),
    };
    let later = |after: Option<u64>, counts| {
        refused(Refusal::Later {
            after: after.map(Duration::from_secs),
            counts,
        })
    };
    let accepted = || Outcome::Accepted(Some("id".into()));
    let unknown = || Outcome::Unknown("silence".into());
    for (parts, attempts, outcome, expected) in [
        ("h", 0, accepted(), "s sent tell Confirmed"),
        ("hqq", 0, accepted(), "sqq queued in -100"),
        ("ssh", 0, accepted(), "sss sent tell Confirmed"),
        ("h", 0, later(None, true), "q queued in 30"),
        ("h", 2, later(None, true), "q queued in 120"),
        ("h", 50, later(None, true), "q queued in 3600"),
        ("h", 0, later(Some(600), true), "q queued in 600"),
        ("h", 0, later(Some(10), false), "q queued in 10"),
        ("h", 0, later(Some(90_000), false), "q queued in 3600"),
        ("h", 0, refused(Refusal::Link), "q queued in 5"),
        ("h", 0, refused(Refusal::Route), "q queued in 0"),
        (
            "h",
            0,
            refused(Refusal::Never),
            "f failed refund tell Failed",
        ),
        (
            "h",
            0,
            refused(Refusal::Ours),
            "f failed refund tell Failed",
        ),
        ("shq", 0, refused(Refusal::Never), "sff failed tell Failed"),
        ("h", 0, unknown(), "u sending in 600"),
        ("shq", 0, unknown(), "suq sending in 600"),
    ] {
        let mut message = message(parts);
        message.attempts = attempts;
        let part = parts.find('h').expect("an open attempt");
        let wait = Duration::from_secs(600);
        let then = settings().outcome(&mut message, part, outcome.clone(), wait, at(100), 1.0);
        assert_eq!(shown(&message, &then), expected, "{parts} {outcome:?}");
    }
}

#[test]
fn who_refused_and_how_often_is_noted() {
    let refused = |class| Outcome::Refused {
        class,
        reason: "why".into(),
    };
    let later = |counts| {
        refused(Refusal::Later {
            after: None,
            counts,
        })
    };
    for (outcome, attempts, by) in [
        (refused(Refusal::Never), 1, Some("hall")),
        (refused(Refusal::Ours), 1, Some("hall")),
        (refused(Refusal::Route), 1, Some("hall")),
        (later(true), 1, Some("hall")),
        (later(false), 0, Some("hall")),
        (refused(Refusal::Link), 0, Some("hall")),
        (Outcome::Unknown("silence".into()), 0, None),
        (Outcome::Accepted(None), 0, None),
    ] {
        let mut message = message("h");
        message.refused_by = Some("other".into());
        settings().outcome(
            &mut message,
            0,
            outcome.clone(),
            Duration::ZERO,
            at(100),
            1.0,
        );
        let noted = (message.attempts, message.refused_by.as_deref());
        assert_eq!(noted, (attempts, by), "{outcome:?}");
    }
}

#[test]
fn an_unknown_outcome_is_repeated_as_the_admin_chose() {
    use OnUnknown::{Repeat, Report, RetryOnce, RetryUntilExpiry};
    for (class, policy, unknowns, now, expected) in [
        (Class::Normal, Report, 1, 100, "u unknown tell Unknown"),
        (Class::Normal, RetryOnce, 1, 100, "q queued in 0"),
        (Class::Normal, RetryOnce, 2, 100, "u unknown tell Unknown"),
        (Class::Normal, RetryUntilExpiry, 3, 100, "q queued in 60"),
        (
            Class::Normal,
            RetryUntilExpiry,
            9,
            432_000,
            "u unknown tell Unknown",
        ),
        (Class::Alarm, Report, 1, 100, "q queued in 0"),
        (Class::Alarm, Report, 50, 100, "q queued in 3600"),
        (
            Class::Bulk,
            RetryUntilExpiry,
            1,
            100,
            "u unknown tell Unknown",
        ),
        (Class::Bulk, Repeat, 3, 100, "q queued in 60"),
        (Class::Normal, Repeat, 9, 432_000, "u unknown tell Unknown"),
    ] {
        let mut message = message("u");
        message.class = class;
        message.parts[0].unknowns = unknowns;
        let then = settings().give_up_waiting(&mut message, 0, policy, at(now));
        assert_eq!(
            shown(&message, &then),
            expected,
            "{class:?} {policy:?} {unknowns} {now}"
        );
    }
}

#[test]
fn a_late_answer_settles_what_still_waits() {
    for (parts, state, by, expected) in [
        ("u", State::Sending, "hall", Some("s sent tell Confirmed")),
        ("suq", State::Sending, "hall", Some("ssq queued in -100")),
        ("u", State::Sending, "other", None),
        ("u", State::Unknown, "hall", None),
        ("q", State::Queued, "hall", None),
        ("h", State::Sending, "hall", None),
    ] {
        let mut message = message(parts);
        message.state = state;
        let part = parts.find(['u', 'h']).unwrap_or(0);
        let then = settings().late(&mut message, part, by, "17:1", at(100));
        let then = then.map(|then| shown(&message, &then));
        assert_eq!(then.as_deref(), expected, "{parts} {state:?} {by}");
        if expected.is_some() {
            let reference = message.parts[part].attempts[0].reference.as_deref();
            assert_eq!(reference, Some("17:1"));
        }
    }
}

#[test]
fn what_may_have_been_sent_never_ends_as_failed() {
    let mut message = message("h");
    message.parts[0].unknowns = 1;
    message.begun = Some("hall".into());
    let never = Outcome::Refused {
        class: Refusal::Never,
        reason: "barred".into(),
    };
    let then = settings().outcome(&mut message, 0, never, Duration::ZERO, at(100), 1.0);
    assert_eq!(shown(&message, &then), "f unknown tell Unknown");
}

fn said(receipt: Receipt) -> Report {
    Report {
        gateway: "hall".into(),
        reference: "r".into(),
        phones: vec![],
        receipt,
        submitted: None,
        at: Some(at(99)),
    }
}

fn told(message: &mut Message, part: usize, receipt: Receipt) -> Option<Consequences> {
    settings().receipt(message, part, &said(receipt), at(100))
}

#[test]
fn receipts_that_came_before_the_last_part_was_taken_count() {
    use Receipt::{Delivered, Failed};
    for (first, expected) in [
        (Delivered, "ss sent tell Confirmed"),
        (Failed(70), "ss failed tell Undelivered"),
    ] {
        let mut message = message("sh");
        told(&mut message, 0, first);
        let outcome = Outcome::Accepted(Some("id".into()));
        let then = settings().outcome(&mut message, 1, outcome, Duration::ZERO, at(100), 1.0);
        assert_eq!(shown(&message, &then), expected, "{first:?}");
    }
}

#[test]
fn receipts_change_what_was_sent_once() {
    use Receipt::{Delivered, Failed, GivenUp, Pending};
    for (parts, receipts, expected) in [
        ("s", &[(0, Delivered)][..], "delivered"),
        ("s", &[(0, Pending), (0, Delivered)], "delivered"),
        ("ss", &[(0, Delivered)], "sent"),
        ("ss", &[(0, Delivered), (1, Delivered)], "delivered"),
        ("ss", &[(1, Failed(70)), (0, Delivered)], "failed"),
        ("s", &[(0, Delivered), (0, Failed(70))], "delivered"),
        ("s", &[(0, GivenUp(0)), (0, Delivered)], "failed"),
        ("s", &[(7, Delivered)], "sent"),
    ] {
        let mut message = message(parts);
        message.state = State::Sent;
        for (part, receipt) in receipts {
            told(&mut message, *part, *receipt);
        }
        assert_eq!(message.state.name(), expected, "{parts} {receipts:?}");
    }
}

#[test]
fn a_receipt_settles_what_nobody_knew() {
    use Receipt::{Delivered, Failed, Pending};
    // Parts, their state, of which part, what; what comes of it.
    for (parts, state, part, receipt, expected) in [
        (
            "u",
            State::Sending,
            0,
            Delivered,
            "s delivered tell Delivered",
        ),
        ("u", State::Sending, 0, Pending, "s sent tell Confirmed"),
        (
            "u",
            State::Sending,
            0,
            Failed(0x46),
            "s failed tell Undelivered",
        ),
        ("suq", State::Sending, 1, Delivered, "ssq queued in -100"),
        ("suq", State::Sending, 0, Delivered, "suq sending in 400"),
        ("uu", State::Sending, 1, Delivered, "us sending in 400"),
        // It was told already that it may have been sent.
        (
            "u",
            State::Unknown,
            0,
            Delivered,
            "s delivered tell Delivered",
        ),
        (
            "u",
            State::Unknown,
            0,
            Failed(0x46),
            "s failed tell Undelivered",
        ),
        ("uf", State::Unknown, 0, Delivered, "sf unknown"),
        // One that the gateway was sure of is somebody else's.
        ("q", State::Queued, 0, Delivered, "nothing"),
        ("f", State::Failed, 0, Delivered, "nothing"),
        // An open attempt waits for its gateway's answer.
        ("h", State::Sending, 0, Delivered, "h sending in 400"),
    ] {
        let mut message = message(parts);
        message.state = state;
        message.next_attempt = at(500);
        let shown = match told(&mut message, part, receipt) {
            Some(then) => shown(&message, &then),
            None => "nothing".to_owned(),
        };
        assert_eq!(shown, expected, "{parts} {receipt:?}");
    }
}

#[test]
fn a_repeat_that_was_not_needed_is_not_made() {
    // Queued again after an unknown outcome, and then the word of it comes.
    let mut message = message("u");
    settings().give_up_waiting(&mut message, 0, OnUnknown::RetryOnce, at(100));
    assert_eq!(letters(&message), "q");
    let then = told(&mut message, 0, Receipt::Delivered).expect("a change");
    assert_eq!(shown(&message, &then), "s delivered tell Delivered");
}

#[test]
fn what_the_network_said_during_the_attempt_decides_what_the_gateway_did_not_know() {
    let unknown = || Outcome::Unknown("silence".into());
    let refused = || Outcome::Refused {
        class: Refusal::Never,
        reason: "barred".into(),
    };
    for (unknowns, outcome, expected) in [
        (0, unknown(), "s delivered tell Delivered"),
        (1, unknown(), "s delivered tell Delivered"),
        // An earlier attempt was the one.
        (1, refused(), "s delivered tell Delivered"),
        (0, refused(), "f failed refund tell Failed"),
    ] {
        let mut message = message("h");
        message.parts[0].unknowns = unknowns;
        told(&mut message, 0, Receipt::Delivered);
        let then = settings().outcome(
            &mut message,
            0,
            outcome.clone(),
            Duration::ZERO,
            at(100),
            1.0,
        );
        assert_eq!(shown(&message, &then), expected, "{unknowns} {outcome:?}");
    }
}

#[test]
fn a_confirmation_waits_for_the_receipt_where_one_comes() {
    let accepted = || Outcome::Accepted(Some("id".into()));
    let sent = |confirm: bool| {
        let mut message = message("h");
        message.confirm = confirm;
        message.parts[0].attempts[0].receipt = true;
        let then = settings().outcome(&mut message, 0, accepted(), Duration::ZERO, at(100), 1.0);
        assert_eq!(shown(&message, &then), "s sent");
        message
    };
    let mut message = sent(true);
    assert_eq!(message.awaited, Some(at(100) + settings().warn_after));
    let mut late = message.clone();
    let then = told(&mut message, 0, Receipt::Delivered).expect("a change");
    assert_eq!(shown(&message, &then), "s delivered tell Delivered");
    assert_eq!(
        (message.awaited, message.parts[0].receipt_at),
        (None, Some(at(99)))
    );
    assert_eq!(told(&mut message, 0, Receipt::Delivered), None);
    // No word for long, and then it comes.
    let then = settings().overdue(&mut late);
    assert_eq!(shown(&late, &then), "s sent tell Overdue");
    assert_eq!(late.awaited, Some(Timestamp::MAX));
    let then = told(&mut late, 0, Receipt::Delivered).expect("a change");
    assert_eq!(shown(&late, &then), "s delivered tell Delivered");
    // Who did not ask hears of failures only.
    let mut message = sent(false);
    assert_eq!(message.awaited, None);
    let mut failed = message.clone();
    let then = told(&mut message, 0, Receipt::Delivered).expect("a change");
    assert_eq!(shown(&message, &then), "s delivered");
    let then = told(&mut failed, 0, Receipt::Failed(0x46)).expect("a change");
    assert_eq!(shown(&failed, &then), "s failed tell Undelivered");
    let error = "the phone was not reached before the SMS expired (status 0x46)";
    let said = failed.error.as_ref().map(Reason::to_string);
    assert_eq!(said.as_deref(), Some(error));
}

#[test]
fn attempts_are_remembered_while_they_may_have_been_sent() {
    let mut message = message("q");
    for n in 0..20 {
        let attempt = Attempt {
            gateway: "hall".into(),
            at: at(n),
            reference: None,
            receipt: true,
        };
        begin(&mut message, 0, attempt);
        assert_eq!(letters(&message), "h");
    }
    assert_eq!(message.parts[0].attempts.len(), MAX_ATTEMPTS);
    let named = Outcome::Accepted(Some("id".into()));
    let mut accepted = message.clone();
    settings().outcome(&mut accepted, 0, named, Duration::ZERO, at(100), 1.0);
    let last = accepted.parts[0].attempts.last().expect("an attempt");
    assert_eq!((last.at, last.reference.as_deref()), (at(19), Some("id")));
    let link = Outcome::Refused {
        class: Refusal::Link,
        reason: "gone".into(),
    };
    settings().outcome(&mut message, 0, link, Duration::ZERO, at(100), 1.0);
    let last = message.parts[0].attempts.last().expect("an attempt");
    assert_eq!(last.at, at(18));
}
