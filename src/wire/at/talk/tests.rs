//! What lines are taken for, in every state.

use super::*;
use crate::wire::at::command::Tpdu;

const PDU: &str = "0001000B915155214365F700000441E19058";

fn submit() -> Ask {
    Ask::Submit(Tpdu::new(PDU, PDU.len() / 2 - 1).expect("tpdu"))
}

/// Asks, says, and tells what came of it, one word an item.
#[track_caller]
fn check(ask: Option<Ask>, said: &str, expected: &[&str]) {
    let now = Instant::now();
    let mut talk = Talk::new(Duration::from_secs(120));
    if let Some(ask) = ask {
        talk.ask(ask, Duration::from_secs(16), now);
    }
    for octet in said.bytes() {
        talk.octet(octet, now);
    }
    let mut items = Vec::new();
    while let Some(item) = talk.item() {
        items.push(match item {
            Item::Answer(Answer {
                lines,
                listed,
                broken,
                garbled,
                end,
                ..
            }) => {
                let end = match end {
                    End::Ok => "ok".to_owned(),
                    End::Error(code) => code.to_string(),
                    End::Silent => "silent".to_owned(),
                };
                let garbled = if garbled { " garbled" } else { "" };
                let listed: String = listed
                    .iter()
                    .map(|l| format!(" {}:{}", l.index, l.pdu.len()))
                    .collect();
                let broken: String = broken.iter().map(|n| format!(" broken {n}")).collect();
                format!("{end}{garbled}{listed}{broken} {}", lines.join("|"))
                    .trim_end()
                    .to_owned()
            }
            Item::Stored(memory, index) => {
                let index = index.map_or("?".to_owned(), |index| index.to_string());
                format!("stored {memory} {index}")
            }
            Item::Direct(pdu, whole) => {
                format!("direct {}{}", pdu.len(), if whole { "" } else { " hurt" })
            }
            Item::TextMode => "text mode".to_owned(),
            Item::LateSent(reference) => format!("late {reference}"),
            Item::LateFailed(code) => format!("late {code}"),
            Item::Sign(sign) => format!("sign {sign:?}"),
        });
    }
    assert_eq!(items, expected, "{said:?}");
}

#[test]
fn answers() {
    check(Some(Ask::Attention), "\r\nOK\r\n", &["ok"]);
    check(Some(Ask::Attention), "AT\r\r\nOK\r\n", &["ok"]);
    check(Some(Ask::Attention), "AT\r\r\nOK", &[]);
    check(Some(Ask::Attention), "\r\nNOT OK\r\nOKAY\r\n OKs\r\n", &[]);
    check(Some(Ask::Attention), "ERROR\r", &["ERROR without a reason"]);
    check(
        Some(Ask::Attention),
        "+CME ERROR: 10\r",
        &["CME ERROR 10 (SIM not inserted)"],
    );
    check(
        Some(Ask::Attention),
        "+CMS ERROR: SIM busy\r",
        &["CMS ERROR 314 (SIM busy)"],
    );
    check(
        Some(Ask::Signal),
        "+CREG: 1\r\n+CSQ: 20,99\r\nRING\r\nOK\r\n",
        &["ok +CSQ: 20,99"],
    );
    check(Some(Ask::Model), "^RSSI: 3\rE220\rRING\rOK\r", &["ok E220"]);
    check(None, "OK\rERROR\r+CMS ERROR: 38\r", &[]);
}

#[test]
fn an_answer_without_its_line_is_somebody_elses() {
    check(Some(Ask::IsPduMode), "OK\r+CMGF: 0\rOK\r", &["ok +CMGF: 0"]);
    check(Some(Ask::PinState), "OK\r", &[]);
}

#[test]
fn submissions() {
    check(
        Some(submit()),
        "\r\n> \r\n+CMGS: 7\r\n\r\nOK\r\n",
        &["ok +CMGS: 7"],
    );
    check(Some(submit()), "AT+CMGS=17\r\r\n>", &[]);
    check(Some(submit()), "OK\r\n> \r\nOK\r\n", &["ok"]);
    check(Some(submit()), "OK\r\n", &[]);
    check(
        Some(submit()),
        "+CMS ERROR: 302\r",
        &["CMS ERROR 302 (operation not allowed)"],
    );
    check(
        Some(submit()),
        &format!("\r\n> {PDU}\x1a\r\n+CMGS: 7\r\nOK\r\n"),
        &["ok +CMGS: 7"],
    );
    check(None, "+CMGS: 9\rOK\r", &["late 9"]);
    check(Some(Ask::Attention), "+CMGS: 9\rOK\r", &["late 9", "ok"]);
}

#[test]
fn listings() {
    check(
        Some(Ask::List),
        "+CMGL: 1,1,,3\r0001\r+CMGL: 12,0,\"A,b\",2\r00\rOK\r",
        &["ok 1:2 12:1"],
    );
    check(
        Some(Ask::List),
        "+CMGL: 1,1,,3\r^RSSI: 3\r0001\rOK\r",
        &["ok 1:2"],
    );
    check(Some(Ask::List), "+CMGL: 1,1,,3\rOK\rOK\r", &["ok 1:2"]);
    check(
        Some(Ask::List),
        "+CMGL: 1,1,,3\r+CMS ERROR: 38\rOK\r",
        &["ok 1:14"],
    );
    check(Some(Ask::List), "+CMGL: 1,1,,0\rOK\r", &["ok"]);
    check(
        Some(Ask::List),
        "+CMGL: 1,\"REC READ\",\"+1\"\rhello\rOK\r",
        &["ok garbled"],
    );
    check(Some(Ask::List), "OK\r", &["ok"]);
    // An entry that cannot be read does not hide the others.
    check(
        Some(Ask::List),
        "+CMGL: 1,1,,1\r0001\r+CMGL: 2,?,,9\r00\r+CMGL: 3,1,,1\r0003\rOK\r",
        &["ok 1:2 3:2 broken 2"],
    );
    // Whole messages between header and PDU.
    check(
        Some(Ask::List),
        "+CMGL: 1,1,,1\r+CMT: ,1\r0066\r+CMTI: \"SM\",4\r0001\rOK\r",
        &["direct 2", "stored SM 4", "ok 1:2"],
    );
    check(Some(Ask::Read(7)), "+CMGR: 0,,1\r0001\rOK\r", &["ok 7:2"]);
    check(Some(Ask::Read(7)), "+CMGR: 0,,0\rOK\r", &["ok"]);
    check(
        Some(Ask::Read(7)),
        "+CMGR: \"REC READ\",\"+1\"\rhi\rOK\r",
        &["ok garbled"],
    );
}

#[test]
fn answers_of_ussd() {
    let ask = || {
        let code = crate::wire::at::ussd::Code::parse("*1#").expect("code");
        Some(Ask::Ussd(code, crate::wire::at::ussd::Form::Plain))
    };
    check(
        ask(),
        "OK\r+CUSD: 0,\"5.00\",15\r",
        &["ok +CUSD: 0,\"5.00\",15"],
    );
    check(
        ask(),
        "+CUSD: 0,\"5.00\",15\rOK\r",
        &["ok +CUSD: 0,\"5.00\",15"],
    );
    check(
        ask(),
        "OK\r+CUSD: 0,\"a\nOK\n+CMT: ,1\nb\",15\r",
        &["ok +CUSD: 0,\"a\nOK\n+CMT: ,1\nb\",15"],
    );
    check(ask(), "OK\r+CUSD: 2\r", &["ok +CUSD: 2"]);
    check(ask(), "OK\r", &[]);
    check(ask(), "ERROR\r", &["ERROR without a reason"]);
    check(None, "+CUSD: 0,\"a\nOK\",15\rRDY\r", &["sign Booted"]);
}

/// A submission was given up, and bore that TP-MR.
#[test]
fn late_answers() {
    let now = Instant::now();
    let mut talk = Talk::new(Duration::from_secs(120));
    let say = |talk: &mut Talk, said: &str, at: Instant| {
        said.bytes().for_each(|octet| talk.octet(octet, at));
        std::iter::from_fn(|| talk.item()).collect::<Vec<_>>()
    };
    talk.doubt(Some(Some(9)));
    talk.ask(Ask::EchoOff, Duration::from_secs(16), now);
    let items = say(&mut talk, "+CMS ERROR: 38\r", now);
    assert_eq!(items, [Item::LateFailed(Code::Cms(38))]);
    // Its OK is not ours, unless it comes much later.
    let items = say(&mut talk, "+CMGS: 9\rOK\r", now);
    assert_eq!(items, [Item::LateSent("9".into())]);
    assert_eq!(say(&mut talk, "OK\r", now).len(), 1);
    talk.ask(submit(), Duration::from_secs(16), now);
    assert_eq!(say(&mut talk, "> ", now), []);
    let items = say(&mut talk, "+CMGS: 9\rOK\r", now);
    assert_eq!(items, [Item::LateSent("9".into())]);
    assert_eq!(say(&mut talk, "+CMGS: 0\rOK\r", now).len(), 1);
    talk.ask(Ask::EchoOff, Duration::from_secs(16), now);
    assert_eq!(say(&mut talk, "+CMGS: 9\r", now).len(), 1);
    assert_eq!(
        say(&mut talk, "OK\r", now + Duration::from_secs(3)).len(),
        1
    );
}

#[test]
fn deadlines_are_moved_by_nothing() {
    let now = Instant::now();
    let mut talk = Talk::new(Duration::from_secs(120));
    talk.ask(Ask::Signal, Duration::from_secs(16), now);
    let deadline = talk.deadline();
    for second in 0..16 {
        for octet in "\r\n^RSSI:1\r\n+CREG: 1\r\nRING\r\n".bytes() {
            talk.octet(octet, now + Duration::from_secs(second));
        }
        assert_eq!(talk.deadline(), deadline);
    }
    talk.expire(now + Duration::from_secs(16));
    assert!(matches!(talk.item(), Some(Item::Answer(answer)) if answer.end == End::Silent));
}

#[test]
fn notifications() {
    check(
        None,
        "+CMTI: \"SM\",3\r+CDSI: \"SR\",1\r",
        &["stored SM 3", "stored SR 1"],
    );
    check(None, "+CMT: ,1\r0001\r", &["direct 2"]);
    check(None, "+CMT: ,2\r0001\r", &["direct 2"]);
    check(None, "+CMT: \"Ann, or so\",1\r0001\r", &["direct 2"]);
    check(None, "+CMT: ,24\r0001\r", &["direct 2 hurt"]);
    check(None, "+CMT: ,1\r000\r", &["direct 3 hurt"]);
    check(None, "+CDS: 1\r0001\r", &["direct 2"]);
    check(
        None,
        "+CMT: \"+15551234567\",,\"26/11/20,11:30:00+00\"\rOK\r",
        &["text mode", "direct 2 hurt"],
    );
    check(None, "+CBM: 88\r0001\r", &[]);
    check(
        Some(Ask::Attention),
        "+CMT: ,24\rOK\rOK\r",
        &["direct 2 hurt", "ok"],
    );
    check(
        Some(Ask::Attention),
        "+CMT: ,24\r+CMS ERROR: 38\rOK\r",
        &["direct 14 hurt", "ok"],
    );
    check(None, "RDY\r", &["sign Booted"]);
    check(
        Some(Ask::PinState),
        "+CPIN: NOT READY\rOK\r",
        &["ok +CPIN: NOT READY"],
    );
    check(None, "+CPIN: NOT READY\r", &["sign NoSim"]);
}
