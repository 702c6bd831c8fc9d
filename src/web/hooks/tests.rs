//! What pushes mean, who asks, how long repeats are known.

mod signatures;

use axum::http::header;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::fields::hex;
use super::read::Sms;
use super::signature::{Unsigned, verify};
use super::*;
use crate::gateway::http::hook::{Algorithm, Encoding, HeaderScheme, KeyForm, Over, VonageMethod};
use crate::gateway::http::preset::Preset;

fn read_by(
    hook: &Hook,
    content_type: &str,
    query: &str,
    body: &[u8],
) -> Result<Vec<Push>, BadField> {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("value"));
    }
    let fields = Fields::read(query, &headers, body, "pass")?;
    assert!(!String::from_utf8_lossy(&fields.raw).contains("s3cret"));
    let (brought, all) = read::read(hook, &fields);
    all.map(|()| brought)
}

fn show(push: Push) -> String {
    match push {
        Push::Receipt {
            id,
            receipt,
            phones,
            ..
        } => {
            let phones: Vec<_> = phones.iter().map(|phone| format!(" of {phone}")).collect();
            format!("{id} {receipt:?}{}", phones.concat())
        }
        Push::Sms(sms) => show_sms(sms),
    }
}

fn show_sms(sms: Sms) -> String {
    let to = sms.to.map_or_else(String::new, |to| format!(" to {to}"));
    let time = sms
        .time
        .map_or_else(String::new, |time| format!(" at {time}"));
    let id = sms.id.map_or_else(String::new, |id| format!(" id {id}"));
    let binary = sms
        .binary
        .map_or_else(String::new, |b| format!(" binary {b:?}"));
    let concat = sms.concat.map_or_else(String::new, |c| {
        format!(" {}:{}/{}", c.reference, c.part, c.parts)
    });
    let udh = match (sms.udh.is_empty(), concat.is_empty()) {
        (false, true) => format!(" udh {:02x?}", sms.udh),
        _ => String::new(),
    };
    format!(
        "{}: {}{to}{time}{id}{binary}{concat}{udh}",
        sms.from, sms.text
    )
}

fn all(brought: Result<Vec<Push>, BadField>) -> String {
    match brought {
        Err(e) => e.to_string(),
        Ok(pushes) => pushes.into_iter().map(show).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn pushes() {
    #[track_caller]
    fn check(content_type: &str, query: &str, body: &str, expected: &str) {
        assert_eq!(
            all(read_by(
                &Hook::default(),
                content_type,
                query,
                body.as_bytes()
            )),
            expected,
            "{query} {body}"
        );
    }
    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
    const JSON: &str = "application/json";
    check(
        "",
        "from=%2B15551234567&text=Hi+there%21&pass=s3cret",
        "",
        "+15551234567: Hi there!",
    );
    check("", "from=+15551234567&text=", "", "+15551234567: ");
    check("", "from=15551234567&text=a%2Bb", "", "+15551234567: a+b");
    check("", "from=22555&text=x", "", "22555: x");
    check("", "from=Bank&text=x", "", "Bank: x");
    check(FORM, "pass=s3cret", "from=Bank&text=x&text=y", "Bank: x");
    check(
        FORM,
        "text=query",
        "from=Bank&text=body&pass=s3cret",
        "Bank: body",
    );
    check(
        JSON,
        "",
        r#"{"from":"Bank","text":"x","id":7,"to":"+15550002222","a":[1]}"#,
        "Bank: x to +15550002222 id 7",
    );
    check("", "", r#"{"from":"Bank","text":"ž"}"#, "Bank: ž");
    check("", "", r#"{"from":"a","text":"b","pass":"s3cret"}"#, "a: b");
    check(
        "",
        "from=a&text=b&time=-9223372036854775808",
        "",
        "time: is neither RFC 3339 nor a time since 1970",
    );
    check(
        "",
        "from=a&text=b&time=2026-11-20T12:00:00Z",
        "",
        "a: b at 2026-11-20T12:00:00Z",
    );
    check(
        "",
        "from=a&text=b&time=1763640000",
        "",
        "a: b at 2025-11-20T12:00:00Z",
    );
    check(
        "",
        "from=a&text=b&time=1763640000000",
        "",
        "a: b at 2025-11-20T12:00:00Z",
    );
    check("", "from=a&text=b&udh=050003CC0201", "", "a: b 204:1/2");
    check("", "from=a&text=b&udh=0003cc0202", "", "a: b 204:2/2");
    check("", "from=a&text=b&udh=06080401020301", "", "a: b 258:1/3");
    check(
        "",
        "from=a&text=b&udh=0003cc0203",
        "",
        "a: b udh [05, 00, 03, cc, 02, 03]",
    );
    check("", "from=a&text=b&udh=0009", "", "a: b udh [00, 09]");
    check(
        "",
        "from=a&text=AQI=&binary=1&udh=05040B8423F0",
        "",
        "a:  binary [1, 2] udh [06, 05, 04, 0b, 84, 23, f0]",
    );
    check("", "from=a&text=FBFF&binary=1", "", "a:  binary [251, 255]");
    check(
        "",
        "from=a&text=%2B/8A&binary=1",
        "",
        "a:  binary [251, 255, 0]",
    );
    check("", "status=delivered&id=abc", "", "abc Delivered");
    check(
        "",
        "status=FAILED&id=abc&error=30003",
        "",
        "abc GivenUp(30003)",
    );
    check("", "status=sent&id=abc", "", "abc Pending");
    check("", "status=received&from=a&text=b", "", "a: b");
    check("", "status=new&from=a&text=b", "", "a: b");

    check("", "text=b", "", "from: missing");
    check("", "from=a", "", "text: missing");
    check("", "from=&text=b", "", "from: missing");
    check("", "from=a&text=%FF", "", "text: is not UTF-8");
    check(
        "",
        "from=a&text=b&time=soon",
        "",
        "time: is neither RFC 3339 nor a time since 1970",
    );
    check(
        "",
        "from=a&text=b&udh=xyz",
        "",
        "udh: is neither hex nor base64",
    );
    check(
        "",
        "from=a&text=xyz&binary=1",
        "",
        "text: is neither hex nor base64",
    );
    check(
        "",
        "from=a&text=b&binary=2",
        "",
        "binary: is neither 0 nor 1",
    );
    check(
        "",
        "status=delivered",
        "",
        "id: missing; a receipt needs it",
    );
    check(
        "",
        "status=maybe&id=a",
        "",
        "status: is neither delivered nor failed",
    );
    check(JSON, "", "[1]", "from: missing");
    check(JSON, "", "7", "body: is not a JSON object");
    check(JSON, "", "{", "body: is not JSON");
    check(
        "text/plain",
        "",
        "hello",
        "Content-Type: send a form or JSON",
    );
}

#[test]
fn the_raw_request_is_kept_but_for_the_secret() {
    let raw = |query: &str, body: &str| {
        let fields = Fields::read(query, &HeaderMap::new(), body.as_bytes(), "pass");
        String::from_utf8(fields.expect("fields").raw).expect("UTF-8")
    };
    assert_eq!(raw("from=%2B1&p%61ss=x&text=a+b", ""), "from=%2B1&text=a+b");
    assert_eq!(raw("pass=x", "from=1&text=%61"), "from=1&text=%61");
    assert_eq!(raw("a=1", r#"{"b": 2}"#), "a=1\n{\"b\": 2}");
}

#[test]
fn presets_read_what_is_theirs_alone() {
    #[track_caller]
    fn check(preset: &str, query: &str, body: &str, expected: &str) {
        let hook = Preset::find(preset).expect("preset").hook();
        assert_eq!(
            all(read_by(hook, "", query, body.as_bytes())),
            expected,
            "{preset} {query} {body}"
        );
    }
    // Octets of another charset, as Kannel and Jasmin send them.
    check(
        "kannel",
        "from=%2B1555123456&text=%01%7E%00e&coding=2&charset=UTF-16BE",
        "",
        "+1555123456: že",
    );
    check(
        "kannel",
        "from=%2B1555123456&text=%C3%A9&coding=0&charset=GSM",
        "",
        "+1555123456: é",
    );
    check(
        "kannel",
        "from=%2B1555123456&text=%FF&coding=1&data=FF00&charset=binary",
        "",
        "+1555123456:  binary [255, 0]",
    );
    check(
        "jasmin",
        "",
        "id=a&from=1555123456&content=%01%7E&binary=017e&coding=8",
        "+1555123456: ž id a",
    );
    // Several in one push; an element has no names of the others.
    check(
        "infobip",
        "",
        r#"{"results":[{"from":"15551234567","text":"a","messageId":"1"},{"from":"15551234568","text":"b"}]}"#,
        "+15551234567: a id 1; +15551234568: b",
    );
    check(
        "infobip",
        "",
        r#"{"results":[{"messageId":"9","to":"15551234567","status":{"groupName":"REJECTED"},"error":{"id":5}},{"text":"x"}],"from":"+1"}"#,
        "9 GivenUp(5) of 15551234567",
    );
    check(
        "clickatell-one",
        "",
        r#"{"event":{"moText":[{"from":"15551234567","content":"a","messageId":"1"}],"messageStatusUpdate":[{"messageId":"2","status":"DEVICE_ACK"}]}}"#,
        "+15551234567: a id 1; 2 Delivered",
    );
    // What is about something else.
    check(
        "telnyx",
        "",
        r#"{"data":{"event_type":"call.initiated","payload":{}}}"#,
        "",
    );
    check("smsgate", "", r#"{"event":"system:ping","payload":{}}"#, "");
    check("twilio", "", "", "");
    check("telnyx", "", "[]", "");
    // An unknown word is no reason to refuse a receipt, nor is a time in an unknown form.
    check(
        "vonage",
        "messageId=1&msisdn=15551234567&status=gone&message-timestamp=x",
        "",
        "1 Pending of 15551234567",
    );
    check(
        "vonage",
        "messageId=1&msisdn=15551234567&to=15550002222&text=a&concat=true&concat-ref=7&concat-total=2&concat-part=1&message-timestamp=2026-11-20+12:00:00",
        "",
        "+15551234567: a to +15550002222 at 2026-11-20T12:00:00Z id 1 7:1/2",
    );
    check(
        "vonage",
        "messageId=1&msisdn=15551234567&text=a&concat-ref=999&concat-total=2&concat-part=3",
        "",
        "+15551234567: a id 1",
    );
    check(
        "vonage",
        "messageId=1&msisdn=15551234567&text=a&concat-ref=x&concat-total=2&concat-part=3",
        "",
        "concat-ref: is not a number from 0 to 65535",
    );
}

/// A phone may have written what cannot be read; the others in the same push are not its concern.
#[test]
fn what_can_be_read_of_a_push_is() {
    let hook = Preset::find("infobip").expect("preset").hook();
    let body = r#"{"results":[{"from":"1","text":"a","messageId":"x"},{"from":"2","messageId":"y"},
        {"from":"3","text":"c","messageId":"z"}]}"#;
    let fields = Fields::read("", &HeaderMap::new(), body.as_bytes(), "pass").expect("fields");
    let (brought, all) = read::read(hook, &fields);
    let shown: Vec<_> = brought.into_iter().map(show).collect();
    assert_eq!(shown, ["1: a id x", "3: c id z"]);
    assert_eq!(
        all.map_err(|bad| bad.to_string()),
        Err("text: missing".to_owned())
    );
}

#[test]
fn whose_address_counts() {
    let network = |text: &&str| Network::parse(text).expect("network");
    let check = |proxies: &[&str], forwarded: &[&str], expected: &str| {
        let proxies = proxies.iter().map(network).collect();
        let doors = Doors::new(Default::default(), proxies, &crate::world::World::real());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("value"));
        }
        let peer = "127.0.0.1".parse().expect("address");
        let client = doors.client(peer, &headers);
        let client = client.map_or_else(|| "nobody".to_owned(), |client| client.to_string());
        assert_eq!(client, expected, "{forwarded:?}");
    };
    check(&[], &["192.0.2.1"], "127.0.0.1");
    check(&["127.0.0.1"], &["192.0.2.1"], "192.0.2.1");
    check(&["127.0.0.1"], &["10.0.0.1, 192.0.2.1"], "192.0.2.1");
    check(
        &["127.0.0.1", "10.0.0.0/8"],
        &["192.0.2.1", "10.0.0.1"],
        "192.0.2.1",
    );
    check(&["127.0.0.1"], &["192.0.2.1:4711"], "192.0.2.1");
    check(&["127.0.0.1"], &["[2001:db8::1]:4711"], "2001:db8::1");
    // Not the proxy itself, which may well be in allow_from.
    check(&["127.0.0.1"], &["unknown"], "nobody");
    check(&["127.0.0.1"], &["192.0.2.1, "], "nobody");
    check(&["127.0.0.1"], &["192.0.2.1\u{e9}"], "nobody");
    check(&["127.0.0.1"], &[], "127.0.0.1");
}

#[test]
fn how_long_repeats_are_known() {
    let sms = |id: Option<&str>, time| {
        let hook = Hook::default();
        let query = format!(
            "from=a&text=b{}",
            id.map_or_else(String::new, |id| format!("&id={id}"))
        );
        match read_by(&hook, "", &query, b"").expect("read").remove(0) {
            Push::Sms(sms) => Sms { time, ..sms },
            Push::Receipt { .. } => panic!("a receipt"),
        }
    };
    let now = Timestamp::from_second(1_700_000_000).expect("time");
    let kept = |sms: &Sms, proof: Option<&Proof>| {
        (dedupe("g", sms, proof, 0, now).until - now)
            .total(jiff::Unit::Second)
            .expect("seconds")
    };
    let seconds = |span: SignedDuration| span.as_secs_f64();
    let proof = |timed, once: Option<&str>| Proof {
        once: once.map(str::to_owned),
        timed,
    };
    assert_eq!(kept(&sms(Some("1"), None), None), seconds(REPEATS));
    assert_eq!(
        kept(&sms(Some("1"), None), Some(&proof(true, None))),
        seconds(REPEATS)
    );
    assert_eq!(
        kept(&sms(Some("1"), None), Some(&proof(false, None))),
        seconds(REPLAYS)
    );
    assert_eq!(
        kept(&sms(None, None), Some(&proof(true, Some("n")))),
        seconds(REPEATS)
    );
    assert_eq!(kept(&sms(None, Some(now)), None), seconds(REPEATS));
    assert_eq!(
        kept(&sms(None, None), Some(&proof(true, None))),
        seconds(IDENTICAL)
    );
    // Several of one push are not repeats of each other.
    let (one, proof) = (sms(None, None), proof(true, Some("n")));
    let key = |index| dedupe("g", &one, Some(&proof), index, now).key;
    assert_ne!(key(0), key(1));
    assert_eq!(hex("0aF"), None);
}

proptest! {
    #[test]
    fn any_request_is_read_or_refused(query: String, body: Vec<u8>, json: bool) {
        let kind = if json { "application/json" } else { "" };
        for preset in Preset::all() {
            let _ = read_by(preset.hook(), kind, &query, &body);
        }
        let _ = read_by(&Hook::default(), kind, &query, &body);
    }

    #[test]
    fn any_json_is_read_or_refused(text in "(\\{|\\}|\\[|\\]|,|:|\"(results|event|data|payload|from|to|text|type|status|0)\"|1|null){0,24}") {
        for preset in Preset::all() {
            let _ = read_by(preset.hook(), "application/json", "", text.as_bytes());
        }
    }

    #[test]
    fn a_form_comes_back(text: String) {
        let query = format!("a=b&text={}", percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC));
        let read = Pairs::read(query.as_bytes()).expect("pairs");
        prop_assert_eq!(read.text("text"), Some(&text[..]));
    }
}
