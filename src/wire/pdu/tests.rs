//! Whole PDUs: vectors from elsewhere, round trips, and bytes of no meaning.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::sms::segment::{Coding, Options, cut};
use crate::sms::{Encoding, Party, Receipt};

fn submit(hex: &str) -> Submit {
    match decode(hex).unwrap() {
        Pdu::Submit(submit) => submit,
        other => panic!("{other:?}"),
    }
}

fn deliver(hex: &str) -> Deliver {
    match decode(hex).unwrap() {
        Pdu::Deliver(deliver) => deliver,
        other => panic!("{other:?}"),
    }
}

fn segment(text: &str) -> Content {
    Content::segment(&cut(text, &Options::default()).unwrap().segments[0], false)
}

#[test]
fn the_submit_of_every_tutorial() {
    let hex = "0011000B916407281553F80000AA0AE8329BFD4697D9EC37";
    let found = submit(hex);
    assert_eq!(found.to.to_string(), "+46708251358");
    assert_eq!(found.content.text(), Some("hellohello"));
    assert_eq!(
        found.validity,
        Some(Validity::Relative(Duration::from_secs(4 * 86_400)))
    );
    let wanted = Encoded {
        hex: hex.to_owned(),
        tpdu_length: 23,
    };
    assert_eq!(found.encode(), Ok(wanted));
}

#[test]
fn the_deliver_of_every_tutorial() {
    let hex = "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37";
    let found = deliver(hex);
    assert_eq!(found.smsc.unwrap().to_string(), "+27381000015");
    assert_eq!(found.from, Party::Short("27838890001".to_owned()));
    assert_eq!(found.content.text(), Some("hellohello"));
    assert_eq!(
        found.timestamp.time(),
        Some("1999-03-29T13:16:59Z".parse().unwrap())
    );
}

#[test]
fn a_reserved_type_is_a_deliver() {
    let hex = "07917283010010F5070BC87238880900F10000993092516195800AE8329BFD4697D9EC37";
    assert_eq!(deliver(hex).content.text(), Some("hellohello"));
}

#[test]
fn a_status_report() {
    let hex = "0006D60B915155214365F7621120210000006211202100100000";
    let Pdu::StatusReport(found) = decode(hex).unwrap() else {
        panic!()
    };
    assert_eq!(found.reference, 0xD6);
    assert_eq!(found.to.to_string(), "+15551234567");
    assert_eq!(found.receipt(), Receipt::Delivered);
    assert_eq!(
        found.timestamp.time(),
        Some("2026-11-02T12:00:00Z".parse().unwrap())
    );
    assert_eq!(found.encode().unwrap().hex, hex);
    let with_parameters = format!("{hex}07000004C8329BFD");
    let Pdu::StatusReport(found) = decode(&with_parameters).unwrap() else {
        panic!()
    };
    assert_eq!(found.parameters.len(), 8);
    assert_eq!(found.encode().unwrap().hex, with_parameters);
}

#[test]
fn flags_and_fields_of_a_submit() {
    let mut wanted = Submit::new(Party::from_network("22555"), segment("hi"));
    wanted.smsc = Some(Party::from_network("+15550001111"));
    wanted.reference = 7;
    wanted.pid = 0x41;
    wanted.content.dcs = Dcs::new(Encoding::Gsm7, true);
    wanted.validity = Some(Duration::from_secs(6 * 3600).into());
    wanted.status_report = true;
    wanted.reject_duplicates = true;
    let encoded = wanted.encode().unwrap();
    assert_eq!(encoded.hex, "07915155001011F1350705812255F541104702E834");
    assert_eq!(encoded.tpdu_length, 13);
    assert_eq!(submit(&encoded.hex), wanted);
}

#[test]
fn parameters_of_a_status_report() {
    let report = |parameters: &str| {
        let hex = format!("0006D60B915155214365F7621120210000006211202100100000{parameters}");
        match decode(&hex).unwrap() {
            Pdu::StatusReport(report) => report,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(report("").parameters(), Ok(Parameters::default()));
    let all = report("07410002E834").parameters().unwrap();
    assert_eq!((all.pid, all.dcs), (Some(0x41), Some(Dcs(0))));
    assert_eq!(all.content.unwrap().text(), Some("hi"));
    let without_dcs = report("0402E834").parameters().unwrap();
    assert_eq!(without_dcs.content.unwrap().text(), Some("hi"));
    // An octet more of announcements, none of which is known.
    let extended = report("817F41").parameters().unwrap();
    assert_eq!((extended.pid, extended.dcs), (Some(0x41), None));
    let wrong = report("07000005E8");
    assert_eq!(
        wrong.parameters().unwrap_err().to_string(),
        "octet 4, TP-UD: octets needed: 5, left: 1"
    );
    assert_eq!(wrong.receipt(), Receipt::Delivered);
}

#[track_caller]
fn check_named(hex: &str, name: &'static str) {
    assert_eq!(decode(hex), Err(DecodeError::Unsent(name)), "{hex}");
}

#[test]
fn what_nobody_stores_is_named() {
    check_named("000000", "SMS-DELIVER-REPORT");
    check_named("0000D300", "SMS-DELIVER-REPORT");
    check_named("07917283010010F50007000002E834", "SMS-DELIVER-REPORT");
    check_named("00010062110221000040", "SMS-SUBMIT-REPORT");
    check_named("0001C00062110221000040", "SMS-SUBMIT-REPORT");
    check_named("00010762110221000040000002E834", "SMS-SUBMIT-REPORT");
    check_named("0002050002110B915155214365F700", "SMS-COMMAND");
    check_named("0022050003110B915155214365F7020102", "SMS-COMMAND");
    // With more digits than make a status report, too.
    check_named(
        "0002050002110B915155214365F70A00112233445566778899",
        "SMS-COMMAND",
    );
}

#[test]
fn what_is_stored_keeps_its_name() {
    for hex in [
        "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
        // Padded.
        "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC370000",
        "0011000B916407281553F80000AA0AE8329BFD4697D9EC3700",
        "0006D60B915155214365F762112021000000621120210010000007",
        // A type of address without its highest bit.
        "00040B115155214365F70000993092516195800AE8329BFD4697D9EC37",
    ] {
        assert!(decode(hex).is_ok(), "{hex}");
    }
}

/// Found by fuzzing: a type of address without bit 7 was written as it came, and the report then read
/// as an SMS-COMMAND.
#[test]
fn what_came_odd_is_written_proper() {
    let hex = "0408E15555524300006211813008E1805211813160048002E832";
    let odd = decode(hex).unwrap();
    assert!(matches!(odd, Pdu::StatusReport(_)));
    let proper = odd.encode().unwrap();
    assert_eq!(decode(&proper.hex).unwrap().encode(), Ok(proper));
}

#[test]
fn national_tables() {
    use crate::sms::Language::Turkish;
    // A header of two elements, and text in the Turkish tables (TS 23.038 annex A).
    let mut content = Content {
        dcs: Dcs(0),
        udh: octets_of("06240101250101").unwrap(),
        body: Body::Text("işğ€{ İ".to_owned()),
    };
    let stamp = Stamp([0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0x40]);
    let sent = Deliver::new(Party::from_network("22555"), content.clone(), stamp);
    let found = deliver(&sent.encode().unwrap().hex);
    assert_eq!(found, sent);
    assert_eq!(found.content.shifts().single, Some(Turkish));
    assert_eq!(found.content.shifts().locking, Some(Turkish));
    content.body = Body::Text("í".to_owned());
    let lacking = Deliver::new(Party::from_network("22555"), content, stamp);
    assert_eq!(lacking.encode(), Err(EncodeError::NotGsm7('í')));
}

#[test]
fn what_waits() {
    let waiting = |dcs: u8, udh: &str| {
        let content = Content {
            dcs: Dcs(dcs),
            udh: octets_of(udh).unwrap(),
            body: Body::Text(String::new()),
        };
        let shown: Vec<String> = content.waiting().iter().map(Waiting::to_string).collect();
        shown.join(", ")
    };
    assert_eq!(waiting(0x00, ""), "");
    assert_eq!(waiting(0xC8, ""), "voicemail waiting");
    assert_eq!(waiting(0xC8, "0401028005"), "voicemail waiting: 5");
    assert_eq!(
        waiting(0xC9, "0401028005"),
        "voicemail waiting: 5, fax waiting"
    );
    assert_eq!(
        waiting(0x00, "080102800301028100"),
        "voicemail waiting: 3, no fax waiting"
    );
    // A header that does not fit is no header.
    assert_eq!(waiting(0xD1, "0401038005"), "no fax waiting");
}

#[track_caller]
fn check_refused(hex: &str, error: &str) {
    assert_eq!(decode(hex).unwrap_err().to_string(), error, "{hex}");
}

#[test]
fn errors_say_where() {
    check_refused(
        "",
        "octet 0, service centre's address: octets needed: 1, left: 0",
    );
    check_refused("00", "octet 1, first octet: octets needed: 1, left: 0");
    check_refused("0G", "character 2 is 'G', not a hex digit");
    check_refused(
        "001",
        "3 hex digits; octets have two each, so one is missing or too many",
    );
    check_refused(
        "0D91",
        "octet 0, service centre's address: length 13, 11 is the most",
    );
    check_refused("0001000B9151", "octet 5, TP-DA: octets needed: 6, left: 1");
    check_refused(
        "0001000B915155214365F7",
        "octet 11, TP-PID: octets needed: 1, left: 0",
    );
    check_refused(
        &"0".repeat(1025),
        "1025 hex digits; a PDU has 1024 at the most",
    );
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![
        "\\+[1-9][0-9]{4,14}".prop_map(|text| Party::from_network(&text)),
        "[0-9]{3,20}".prop_map(Party::Short),
        "[A-Za-z&]([A-Za-z0-9 .]{0,9}[A-Za-z])?".prop_map(Party::Name),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let text = prop_oneof!["[ -~€]{0,400}", "\\PC{0,200}", "[а-я😀 ]{0,200}"];
    let coding = prop::sample::select(vec![Coding::Auto, Coding::Ucs2]);
    let segment = (
        text,
        coding,
        any::<u16>(),
        any::<bool>(),
        any::<bool>(),
        any::<prop::sample::Index>(),
    );
    let segment = segment.prop_map(|(text, coding, reference, wide, flash, index)| {
        let options = Options {
            coding,
            reference,
            wide,
            ..Options::default()
        };
        let cut = cut(&text, &options).unwrap();
        Content::segment(index.get(&cut.segments), flash)
    });
    let binary = prop::collection::vec(any::<u8>(), 0..=120).prop_map(|data| {
        let udh = if data.len() % 2 == 0 {
            vec![]
        } else {
            vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]
        };
        Content::binary(data, udh)
    });
    prop_oneof![3 => segment, 1 => binary]
}

fn validity() -> impl Strategy<Value = Option<Validity>> {
    prop_oneof![
        Just(None),
        any::<u8>().prop_map(|octet| Some(Validity::Relative(time::duration(octet)))),
        any::<[u8; 7]>().prop_map(|octets| Some(Validity::Absolute(Stamp(octets)))),
        any::<[u8; 7]>().prop_map(|octets| Some(Validity::Enhanced(Enhanced(octets)))),
    ]
}

fn any_pdu() -> impl Strategy<Value = Pdu> {
    let flags = any::<[bool; 4]>();
    let stamps = any::<([u8; 7], [u8; 7])>();
    let common = (
        prop::option::of(party()),
        party(),
        any::<u8>(),
        any::<u8>(),
        content(),
    );
    let parameters = prop::collection::vec(any::<u8>(), 0..20);
    (common, validity(), stamps, flags, 0..3, parameters).prop_map(
        |((smsc, party, octet, pid, content), validity, stamps, flags, kind, parameters)| {
            // A whole number of octets cannot say where a name of 7n characters ends.
            let smsc = smsc.filter(|smsc| !matches!(smsc, Party::Name(_)));
            let [a, b, c, d] = flags;
            let (first, second) = (Stamp(stamps.0), Stamp(stamps.1));
            match kind {
                0 => Pdu::Submit(Submit {
                    smsc,
                    reference: octet,
                    toa: Toa::of(&party),
                    to: party,
                    pid,
                    content,
                    validity,
                    status_report: a,
                    reject_duplicates: b,
                    reply_path: c,
                }),
                1 => Pdu::Deliver(Deliver {
                    smsc,
                    toa: Toa::of(&party),
                    from: party,
                    pid,
                    content,
                    timestamp: first,
                    more: a,
                    loop_prevention: b,
                    status_report: c,
                    reply_path: d,
                }),
                _ => Pdu::StatusReport(StatusReport {
                    smsc,
                    reference: octet,
                    toa: Toa::of(&party),
                    to: party,
                    timestamp: first,
                    discharged: second,
                    status: pid,
                    more: a,
                    loop_prevention: b,
                    of_a_command: c,
                    header: d,
                    parameters,
                }),
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(pdu in any_pdu()) {
        let encoded = pdu.encode().unwrap();
        prop_assert_eq!(decode(&encoded.hex), Ok(pdu));
        prop_assert_eq!(decode(&encoded.hex.to_lowercase()), decode(&encoded.hex));
    }

    #[test]
    fn the_length_leaves_out_the_service_centre(pdu in any_pdu()) {
        let encoded = pdu.encode().unwrap();
        let smsc = 1 + usize::from(octets_of(&encoded.hex).unwrap()[0]);
        prop_assert_eq!(encoded.hex.len(), 2 * (smsc + encoded.tpdu_length));
    }

    #[test]
    fn any_octets_decode_or_are_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&hex(&octets)).map(|pdu| pdu.encode());
    }

    #[test]
    fn any_text_decodes_or_is_refused(text in any::<String>()) {
        let _ = decode(&text);
    }

    #[test]
    fn a_broken_pdu_decodes_or_is_refused(
        pdu in any_pdu(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        cut_off in any::<bool>(),
    ) {
        let mut octets = octets_of(&pdu.encode().unwrap().hex).unwrap();
        for (index, octet) in changes {
            *index.get_mut(&mut octets) = octet;
        }
        if cut_off {
            octets.truncate(end.index(octets.len()));
        }
        let _ = decode(&hex(&octets)).map(|pdu| pdu.encode());
    }
}
