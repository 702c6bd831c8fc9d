//! What may be asked, what may not, and what is said then.

use proptest::prelude::*;

use super::*;

fn wishes(pairs: &str) -> Result<Wishes, String> {
    let mut wishes = Wishes::default();
    for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').expect("a pair");
        assert!(
            wishes.set(name, value).map_err(|e| e.to_string())?,
            "{name}"
        );
    }
    wishes.check().map_err(|e| e.to_string())?;
    Ok(wishes)
}

#[track_caller]
fn check(pairs: &str, expected: Wishes) {
    assert_eq!(wishes(pairs), Ok(expected), "{pairs}");
}

#[test]
fn what_may_be_asked() {
    let none = Wishes::default;
    check("", none());
    check("binary=0", none());
    // They say no to what the header may ask.
    check(
        "flash=0&confirm=0",
        Wishes {
            no_flash: true,
            confirm: Some(false),
            ..none()
        },
    );
    check(
        "flash=1",
        Wishes {
            class: Some(0),
            ..none()
        },
    );
    check(
        "class=2",
        Wishes {
            class: Some(2),
            ..none()
        },
    );
    check(
        "confirm=1",
        Wishes {
            confirm: Some(true),
            ..none()
        },
    );
    let six = Some(Duration::from_hours(6));
    check(
        "validity=6h",
        Wishes {
            validity: six,
            ..none()
        },
    );
    let day = Some(Duration::from_hours(24));
    check(
        "validity=1d",
        Wishes {
            validity: day,
            ..none()
        },
    );
    check(
        "pid=65",
        Wishes {
            pid: Some(0x41),
            ..none()
        },
    );
    check(
        "coding=ucs2",
        Wishes {
            coding: Coding::Ucs2,
            ..none()
        },
    );
    check("coding=auto", none());
    check(
        "pid=0x41&dcs=0xc8",
        Wishes {
            pid: Some(0x41),
            dcs: Some(0xC8),
            ..none()
        },
    );
    check(
        "binary=1&udh=0605040b8423f0&dcs=0xF5",
        Wishes {
            binary: Some(Octets::Base64),
            udh: vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
            dcs: Some(0xF5),
            ..none()
        },
    );
    check(
        "binary=1;hex",
        Wishes {
            binary: Some(Octets::Hex),
            ..none()
        },
    );
    assert_eq!(none().set("token", "x"), Ok(false));
}

#[test]
fn when_and_how_much() {
    let wished = |pairs| wishes(pairs).expect("wishes");
    assert_eq!(wished("maxmsgs=3").max_segments, Some(3));
    assert_eq!(wished("maxmsgs=128").max_segments, Some(128));
    assert_eq!(wished("id=hall").gateway.as_deref(), Some("hall"));
    assert_eq!(wished("sender=ACME").sender.as_deref(), Some("ACME"));
    assert_eq!(wished("reply=a@b").reply.as_deref(), Some("a@b"));
    assert_eq!(wished("priority=low").priority, Some(Priority::Low));
    for value in ["0", "129", "-1", "+1", "x", "", "99999999999"] {
        let text = format!("maxmsgs={value}: write 1 to 128");
        refused(&format!("maxmsgs={value}"), &text);
    }
    refused(
        "priority=urgent",
        "priority=urgent: write low, normal or high",
    );
    refused("id=", "id=: write the id of a gateway");
    for value in [
        "2h",
        "+2",
        "+h",
        "tomorrow",
        "2026-12-24",
        "2026-12-24T18:00:00",
        "++2h",
    ] {
        let what = "write a time such as +2h or 2026-12-24T18:00:00+01:00";
        refused(&format!("at={value}"), &format!("at={value}: {what}"));
    }
}

#[test]
fn a_time_is_soon_enough() {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("time");
    let due = |value: &str| match wishes(&format!("at={value}")).expect("a time").due(now) {
        Ok(Some(at)) => at.to_string(),
        Ok(None) => "now".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(due("+2h"), "2026-11-20T14:00:00Z");
    assert_eq!(due("+0m"), "now");
    assert_eq!(due("2026-12-01T08:00:00+01:00"), "2026-12-01T07:00:00Z");
    assert_eq!(due("2026-11-20T11:30:00Z"), "now");
    let past = "at=2026-11-20T10:00:00Z: this time has passed";
    assert_eq!(due("2026-11-20T10:00:00Z"), past);
    let ahead = "nothing is kept for longer than 31 days before it is sent";
    for value in ["+32d", "2027-01-20T12:00:00Z", "+99999999999999999999d"] {
        assert!(due(value).ends_with(ahead), "{value}: {}", due(value));
    }
    assert_eq!(Wishes::default().due(now), Ok(None));
}

#[test]
fn what_talks_to_phones_is_named() {
    for (pairs, expected) in [
        ("flash=1&maxmsgs=2&validity=2h&coding=ucs2", None),
        ("class=1", None),
        ("class=2", Some("class")),
        ("pid=0", Some("pid")),
        ("pid=0x40", Some("pid")),
        ("dcs=8", Some("dcs")),
        ("dcs=0x10", Some("dcs")),
        ("binary=1&udh=0605040B8423F0", Some("binary")),
    ] {
        assert_eq!(
            wishes(pairs).expect("wishes").special(),
            expected,
            "{pairs}"
        );
    }
    for (pairs, expected) in [
        ("", true),
        ("dcs=0x10", true),
        ("dcs=8", true),
        ("dcs=0x12", false),
        ("dcs=0xC8", false),
        ("dcs=0xF6&binary=1", false),
    ] {
        let plain = wishes(pairs).expect("wishes").is_plain();
        assert_eq!(plain, expected, "{pairs}");
    }
}

#[track_caller]
fn refused(pairs: &str, expected: &str) {
    assert_eq!(wishes(pairs), Err(expected.to_owned()), "{pairs}");
}

#[test]
fn what_may_not() {
    refused("flash=yes", "flash=yes: write 1, or leave it out");
    refused(
        "class=4",
        "class=4: write 0 (flash), 1 (phone), 2 (SIM) or 3 (attached device)",
    );
    refused("confirm=", "confirm=: write 1, or leave it out");
    for value in ["6", "h", "6 h", "-1h", "6H", "1h30m"] {
        let text = format!("validity={value}: write a time such as 30m, 6h or 2d");
        refused(&format!("validity={value}"), &text);
    }
    refused(
        "validity=4m",
        "validity=4m: networks know nothing shorter than 5m",
    );
    let long = "networks know nothing longer than 441d";
    refused("validity=442d", &format!("validity=442d: {long}"));
    refused(
        "validity=99999999999999999d",
        &format!("validity=99999999999999999d: {long}"),
    );
    refused(
        "binary=yes",
        "binary=yes: write 1 for a text in base64, hex for one in hex",
    );
    refused("udh=0x05", "udh=0x05: character 2 is 'x', not a hex digit");
    refused(
        "udh=050",
        "udh=050: 3 hex digits; octets have two each, so one is missing or too many",
    );
    for (name, value) in [
        ("pid", "256"),
        ("dcs", "0x100"),
        ("pid", "-1"),
        ("dcs", "F5"),
    ] {
        let pair = format!("{name}={value}");
        refused(&pair, &format!("{pair}: write 0 to 255, or 0x00 to 0xFF"));
    }
    refused(
        "udh=0605040B8423F0",
        "udh goes with binary: a text has no user data header of its own",
    );
    refused(
        "dcs=4",
        "dcs=0x04: is for 8-bit data, which go with binary; for a text write 0x00 or 0x08, or \
         leave dcs out",
    );
    refused(
        "dcs=0&binary=1",
        "dcs=0x00: is for text; for binary write 0x04, 0xF5, or leave dcs out",
    );
    refused(
        "dcs=0x20",
        "dcs=0x20: is for compressed SMS, which nothing reads; clear bit 5",
    );
    refused("coding=utf8", "coding=utf8: write auto, gsm7 or ucs2");
    refused(
        "coding=ucs2&dcs=8",
        "coding goes with a text whose DCS is left open: leave coding out",
    );
    refused(
        "dcs=0x10&flash=1",
        "dcs holds the class too: leave flash and class out, or dcs",
    );
}

#[track_caller]
fn check_data(written: Octets, text: &str, expected: Result<&[u8], &str>) {
    let read = written.read(text);
    let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
    assert_eq!(read, expected, "{text}");
}

#[test]
fn data_in_texts() {
    use Octets::{Base64, Hex};
    check_data(Hex, "01 ff\r\n7F", Ok(&[1, 0xFF, 0x7F]));
    check_data(Hex, "", Ok(&[]));
    check_data(
        Hex,
        "01g0",
        Err("the data: character 3 is 'g', not a hex digit"),
    );
    check_data(Base64, "AQ//", Ok(&[1, 0x0F, 0xFF]));
    check_data(Base64, "AQ8=\n", Ok(&[1, 0x0F]));
    check_data(Base64, "AQ8", Ok(&[1, 0x0F]));
    check_data(
        Base64,
        "AQ-8",
        Err("the data are not base64: character 3 is not of it"),
    );
    check_data(
        Base64,
        "A",
        Err("the data are not base64: the end is missing"),
    );
    let long = "00".repeat(MAX_DATA + 1);
    check_data(Hex, &long, Err("the data are longer than 17920 octets"));
}

proptest! {
    #[test]
    fn any_value_is_read_or_refused(name in "flash|class|confirm|validity|binary|udh|pid|dcs|coding|maxmsgs|id|sender|reply|at|priority", value: String) {
        let mut wishes = Wishes::default();
        let _ = wishes.set(&name, &value);
        let _ = wishes.check();
        let _ = wishes.due(Timestamp::MAX);
        let _ = wishes.due(Timestamp::MIN);
    }

    #[test]
    fn any_text_is_data_or_refused(text: String) {
        let _ = (Octets::Hex.read(&text), Octets::Base64.read(&text));
    }

    #[test]
    fn data_come_back(data: Vec<u8>) {
        let text = base64::engine::general_purpose::STANDARD.encode(&data);
        prop_assert_eq!(Octets::Base64.read(&text), Ok(data.clone()));
        prop_assert_eq!(Octets::Hex.read(&hex(&data)), Ok(data));
    }
}
