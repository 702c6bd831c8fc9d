//! Every value of the vocabulary comes back as it went, and no octets make the readers panic.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::message::{CLASSES, ENCODINGS, STATES};
use super::*;
use crate::mail::dsn::{self, Dsn, Notify, OriginalRecipient, Return};
use crate::mail::thread::Thread;
use crate::sms::{Attributes, Language, Payload, Receipt, Shifts};
use crate::store::guard::{Over, Run};
use crate::store::{Attempt, Charge, OfMail, Origin, Part, PartState, Reason, TokenId};

fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = Timestamp::MIN.as_second()..Timestamp::MAX.as_second();
    (seconds, 0..1_000_000_000).prop_map(|(s, n)| Timestamp::new(s, n).expect("a time"))
}

fn id() -> impl Strategy<Value = MessageId> {
    any::<[u8; 16]>().prop_map(MessageId::from_bytes)
}

fn number() -> impl Strategy<Value = Number> {
    "[0-9]{5,15}".prop_map(|digits| Number::from_network(&digits).expect("a number"))
}

fn string() -> impl Strategy<Value = String> {
    any::<String>()
}

fn part() -> impl Strategy<Value = Part> {
    let state = prop_oneof![
        Just(PartState::Queued),
        (string(), time()).prop_map(|(gateway, at)| PartState::Handed { gateway, at }),
        (string(), of(string()), time()).prop_map(|(gateway, reference, at)| PartState::Sent {
            gateway,
            reference,
            at
        }),
        (string(), time(), string()).prop_map(|(gateway, at, reason)| PartState::Unknown {
            gateway,
            at,
            reason
        }),
        string().prop_map(|reason| PartState::Failed { reason }),
    ];
    let receipt = prop_oneof![
        Just(Receipt::Delivered),
        Just(Receipt::Pending),
        any::<u16>().prop_map(Receipt::Failed),
        any::<u16>().prop_map(Receipt::GivenUp),
    ];
    let attempt = (string(), time(), of(string()), any::<bool>()).prop_map(
        |(gateway, at, reference, receipt)| Attempt {
            gateway,
            at,
            reference,
            receipt,
        },
    );
    let said = (of(receipt), of(time()), any::<u32>());
    (string(), state, said, vec(attempt, 0..3)).prop_map(|(text, state, said, attempts)| Part {
        text,
        state,
        receipt: said.0,
        receipt_at: said.1,
        unknowns: said.2,
        attempts,
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    any::<(u8, Option<u8>, Option<u8>)>().prop_map(|(pid, dcs, class)| Attributes {
        pid,
        dcs,
        class,
    })
}

fn shifts() -> impl Strategy<Value = Shifts> {
    let language = || of(prop::sample::select(Language::ALL.to_vec()));
    (language(), language()).prop_map(|(locking, single)| Shifts { locking, single })
}

pub(super) fn thread() -> impl Strategy<Value = Thread> {
    (vec(string(), 0..4), of(string())).prop_map(|(references, index)| Thread { references, index })
}

/// What an envelope may ask.
fn asked(bits: u32, text: &str) -> Dsn {
    let bit = |n: u32| bits & (1 << n) != 0;
    let notify = Notify {
        success: bit(0),
        failure: bit(1),
        delay: bit(2),
    };
    let orcpt = OriginalRecipient {
        kind: "rfc822".into(),
        address: text.into(),
    };
    let ret = match bit(4) {
        true => Return::Full,
        false => Return::Headers,
    };
    Dsn {
        mail: dsn::OfMail {
            ret: bit(3).then_some(ret),
            envid: bit(5).then(|| text.to_owned()),
        },
        recipient: dsn::OfRecipient {
            notify: bit(6).then_some(notify),
            orcpt: bit(7).then_some(orcpt),
        },
    }
}

fn message() -> impl Strategy<Value = Message> {
    let token = of(any::<[u8; 32]>().prop_map(|digest| TokenId::of(&digest)));
    let origin = (
        of(string()),
        string(),
        of(string()),
        string(),
        of(string()),
        token,
        (any::<u32>(), of((id(), any::<u16>())), thread()),
    )
        .prop_map(
            |(queue_id, recipient, message_id, subject, report_to, token, (dsn, mail, thread))| {
                Origin {
                    dsn: asked(dsn, &recipient),
                    mail: mail.map(|(id, messages)| OfMail { id, messages }),
                    queue_id,
                    recipient,
                    message_id,
                    subject,
                    thread,
                    report_to,
                    token,
                }
            },
        );
    let charge = (string(), string(), any::<(u32, u32, Option<u32>)>()).prop_map(
        |(account, month, (segments, limit, credit))| Charge {
            account,
            month,
            segments,
            limit,
            credit,
        },
    );
    let who = (id(), any::<u64>(), origin, string(), of(charge), number());
    let special = (any::<Option<(Vec<u8>, Vec<u8>)>>(), attributes(), shifts());
    let what = (
        (string(), special),
        prop::sample::select(&ENCODINGS[..]),
        any::<(u8, u8, bool, bool)>(),
        prop::sample::select(&CLASSES[..]),
        of(string()),
        vec(string(), 0..3),
    );
    let how = (
        prop::sample::select(&STATES[..]),
        vec(part(), 0..4),
        any::<u32>(),
        (time(), time(), time(), of(time())),
        any::<(bool, bool)>(),
        (
            of(string()),
            of(string()),
            vec(string(), 0..3),
            of(string()),
        ),
        (of(string()), any::<bool>(), of(time())),
    );
    (who, what, how).prop_map(|(who, what, how)| Message {
        id: who.0,
        revision: who.1,
        created: how.3.0,
        origin: who.2,
        account: who.3,
        reply_to: how.6.0,
        charge: who.4,
        number: who.5,
        text: what.0.0,
        payload: what.0.1.0.map(|(data, udh)| Payload { data, udh }),
        attributes: what.0.1.1,
        encoding: what.1,
        shifts: what.0.1.2,
        segments: what.2.0,
        reference: what.2.1,
        flash: what.2.2,
        confirm: what.2.3,
        private: !what.2.3,
        class: what.3,
        high: how.6.1,
        sender_id: what.4,
        gateways: what.5,
        state: how.0,
        parts: how.1,
        attempts: how.2,
        not_before: how.6.2,
        next_attempt: how.3.1,
        expires: how.3.2,
        warned: how.4.0,
        awaited: how.3.3,
        in_order: how.4.1,
        error: how.5.0.map(Reason::Said),
        begun: how.5.1,
        avoided: how.5.2,
        refused_by: how.5.3,
    })
}

fn inbound() -> impl Strategy<Value = Inbound> {
    let from = prop_oneof![
        number().prop_map(Party::Number),
        string().prop_map(Party::Short),
        string().prop_map(Party::Name),
    ];
    let concat = any::<(u16, bool, u8, u8)>().prop_map(|(reference, wide, part, parts)| Concat {
        reference,
        wide,
        part,
        parts,
    });
    let marks = any::<(u8, Option<u8>, Vec<u8>)>();
    let marks = marks.prop_map(|(pid, dcs, udh)| Marks { pid, dcs, udh });
    let content = prop_oneof![
        (
            from,
            of(number()),
            string(),
            of(any::<Vec<u8>>()),
            of(concat),
            marks,
            of(time())
        )
            .prop_map(
                |(from, to, text, binary, concat, marks, sent)| Content::Sms {
                    from,
                    to,
                    text,
                    binary,
                    concat,
                    marks,
                    sent
                }
            ),
        string().prop_map(|reason| Content::Undecodable { reason }),
    ];
    let dedupe = (any::<[u8; 32]>(), time()).prop_map(|(key, until)| Dedupe { key, until });
    let state = prop::sample::select(&INBOUND_STATES[..]);
    let times = (time(), time());
    (
        id(),
        string(),
        of(dedupe),
        any::<Vec<u8>>(),
        content,
        state,
        times,
    )
        .prop_map(
            |(id, gateway, dedupe, raw, content, state, (at, due))| Inbound {
                id,
                received: Received {
                    gateway,
                    at,
                    dedupe,
                    raw,
                    content,
                },
                state,
                due,
            },
        )
}

fn mail() -> impl Strategy<Value = QueuedMail> {
    let mail = (
        id(),
        string(),
        string(),
        any::<Vec<u8>>(),
        of(id()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(id, sender, recipient, bytes, about, last_resort, post)| OutMail {
                id,
                sender,
                recipient,
                bytes,
                about,
                last_resort,
                post,
            },
        );
    let rest = (time(), any::<u32>(), time(), of(string()), any::<bool>());
    (mail, rest).prop_map(
        |(mail, (created, attempts, next_attempt, error, undeliverable))| QueuedMail {
            mail,
            created,
            attempts,
            next_attempt,
            error,
            undeliverable,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn messages_come_back(value in message(), touched in time()) {
        let kept = decode_message(&encode_message(&value, touched));
        prop_assert_eq!(kept, Ok(Kept { touched, value }));
    }

    #[test]
    fn received_come_back(value in inbound(), touched in time()) {
        let kept = decode_inbound(&encode_inbound(&value, touched));
        prop_assert_eq!(kept, Ok(Kept { touched, value }));
    }

    #[test]
    fn mails_come_back(mail in mail()) {
        prop_assert_eq!(decode_mail(&encode_mail(&mail)), Ok(mail));
    }

    #[test]
    fn what_reports_need_comes_back(
        ids in (id(), id()), messages: u16, cause in string(), at in time(), whole: bool, bytes: Vec<u8>,
    ) {
        let mail = OfMail { id: ids.0, messages };
        let telling = Telling { mail, cause, message: ids.1, at };
        prop_assert_eq!(decode_telling(&encode_telling(&telling)), Ok(telling));
        let original = Original { id: ids.0, until: at, whole, bytes };
        prop_assert_eq!(decode_original(&encode_original(&original)), Ok(original));
    }

    #[test]
    fn what_points_to_messages_comes_back(
        id in id(), until in time(), part: usize, used: u32, ours in of(number()), phone in number(),
        thread in thread(), a in string(), b in string(), c in of(string()),
    ) {
        let known = Known { until, id };
        prop_assert_eq!(decode_known(&encode_known(&known)), Ok(known));
        let named = Named { gateway: a.clone(), reference: b.clone(), id, part };
        prop_assert_eq!(decode_named(&encode_named(&named)), Ok(named));
        let counter = Counter { account: a.clone(), month: b.clone(), used };
        prop_assert_eq!(decode_counter(&encode_counter(&counter)), Ok(counter));
        let note: Note = [(a.clone(), b.clone())].into();
        prop_assert_eq!(decode_note(&encode_note(&b, &note)), Ok(note));
        let link = Link {
            ours, gateway: c.clone(), phone, sender: a, message_id: c, subject: b, thread, at: until,
        };
        prop_assert_eq!(decode_link(&encode_link(&link)), Ok(link));
    }

    #[test]
    fn any_octets_are_read_without_panic(payload in any::<Vec<u8>>()) {
        for kind in Kind::ALL {
            prop_assert!(decode(kind, &payload).is_err());
        }
    }

    #[test]
    fn changed_json_is_read_without_panic(value in message(), at: prop::sample::Index, octet: u8) {
        let mut payload = encode_message(&value, Timestamp::UNIX_EPOCH);
        let at = at.index(payload.len());
        payload[at] = octet;
        for kind in Kind::ALL {
            let _ = decode(kind, &payload);
        }
    }
}

/// As version 0.1.0 wrote it.
fn old_message() -> Message {
    let message = br#"{"touched":"2026-11-20T10:00:00Z","id":"01900000-0000-7000-8000-000000000001","revision":3,
        "created":"2026-11-20T10:00:00Z","origin":{"queue_id":null,"recipient":"+15551234567","message_id":null,
        "subject":"","report_to":null},"account":"ann@example.com","charge":null,"number":"+15551234567",
        "text":"hello","encoding":"gsm7","segments":1,"reference":7,"flash":true,"confirm":false,
        "class":"normal","sender_id":null,"gateways":[],"in_order":false,"avoided":[],"state":"queued",
        "begun":null,"parts":[{"text":"hello","state":"queued","receipt":null,"unknowns":0}],"attempts":0,
        "next_attempt":"2026-11-20T10:00:00Z","expires":"2026-11-25T10:00:00Z","warned":false,"error":null}"#;
    decode_message(&[&[VERSION], &message[..]].concat())
        .expect("a message")
        .value
}

/// Records as version 0.1.0 wrote them, before there were payloads, attributes and marks.
#[test]
fn records_of_before_are_read() {
    let read = |json: &[u8]| [&[VERSION], json].concat();
    let message = old_message();
    assert_eq!(
        (message.payload, message.attributes, message.shifts),
        (None, Attributes::default(), Shifts::default())
    );
    assert_eq!((message.text.as_str(), message.flash), ("hello", true));
    assert_eq!(
        (message.origin.dsn, message.origin.mail),
        (Dsn::default(), None)
    );
    let inbound = br#"{"touched":"2026-11-20T10:00:00Z","id":"01900000-0000-7000-8000-000000000002",
        "gateway":"hall","at":"2026-11-20T10:00:00Z","dedupe":null,"raw":"AAEC","content":{"sms":{
        "from":{"number":"+15551234567"},"to":null,"text":"","binary":"/wAB","concat":null,"sent":null}},
        "state":"open","due":"2026-11-20T10:00:00Z"}"#;
    let inbound = decode_inbound(&read(inbound)).expect("an SMS").value;
    let Content::Sms { binary, marks, .. } = inbound.received.content else {
        panic!("no SMS")
    };
    assert_eq!((binary, marks), (Some(vec![0xFF, 0, 1]), Marks::default()));
}

/// What is ours to say has a name in the record, and its English words beside it, as older versions read it; a
/// record of theirs has the words alone.
#[test]
fn reasons_are_kept_by_name() {
    let run = Run {
        numbers: 30,
        minutes: 90,
    };
    let day = "2026-11-20".to_owned();
    let reasons = [
        Reason::OptedOut,
        Reason::NoGateway,
        Reason::Held(Over::Run(run)),
        Reason::Held(Over::UserHour(5)),
        Reason::Held(Over::NumberHour(6)),
        Reason::Held(Over::SiteDay { day, limit: 7 }),
        Reason::Network(Receipt::Failed(0x46)),
        Reason::Network(Receipt::GivenUp(7)),
        Reason::Said("CMS ERROR 38 (network out of order)".to_owned()),
    ];
    for reason in reasons {
        let mut message = old_message();
        message.error = Some(reason.clone());
        let payload = encode_message(&message, message.created);
        let read = decode_message(&payload).expect("a message").value;
        assert_eq!(read.error.as_ref(), Some(&reason));
        let mut row: serde_json::Value = serde_json::from_slice(&payload[1..]).expect("JSON");
        assert_eq!(row["error"], reason.to_string());
        row.as_object_mut().expect("an object").remove("why");
        let old = [&[VERSION], row.to_string().as_bytes()].concat();
        let read = decode_message(&old).expect("a message").value;
        assert_eq!(read.error, Some(Reason::Said(reason.to_string())));
    }
}

#[test]
fn a_newer_version_is_told_from_damage() {
    assert_eq!(decode_known(&[2, b'{']), Err(Damage::Newer(2)));
    assert!(matches!(decode_known(b""), Err(Damage::Bad(_))));
    assert!(matches!(decode_known(b"\x01{}"), Err(Damage::Bad(_))));
}
