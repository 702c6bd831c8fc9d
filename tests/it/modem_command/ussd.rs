//! `modem ussd`: the network's answers, in whatever way a modem writes them.

use super::gadget::Gadget;
use super::{Answers, options, path_of, run};
use crate::sim::modem::{Options, SimModem};

const PLAIN: &str = "AT+CUSD=1,\"*100#\",15";
const PACKED: &str = "AT+CUSD=1,\"AA180C3602\",15";
const UCS2: &str = "AT+CUSD=1,\"002A0031003000300023\",15";

async fn ask(options: Options, more: &[&str]) -> (SimModem, String, Option<String>) {
    let sim = SimModem::start(options);
    let path = path_of(&sim);
    let args: Vec<&str> = ["ussd", &path, "*100#"]
        .iter()
        .chain(more)
        .copied()
        .collect();
    let (said, done) = run(&args).await;
    let why = done.err().map(|failure| {
        assert_eq!(failure.code, 1, "{failure}");
        failure.text
    });
    (sim, said, why)
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_the_networks_answer_as_text() {
    let cases: [(Answers, &str); 5] = [
        (
            &[(PLAIN, "OK\n+CUSD: 0,\"Your balance is $5.20\",15")],
            "Your balance is $5.20\n",
        ),
        // The answer before the OK.
        (&[(PLAIN, "+CUSD: 0,\"$5.20\",15\nOK")], "$5.20\n"),
        // UCS-2 in hex.
        (
            &[(PLAIN, "OK\n+CUSD: 0,\"041E0441044204300442043E043A\",72")],
            "Остаток\n",
        ),
        // Huawei: septets in hex, both ways.
        (
            &[
                ("AT+CGMI", "huawei\nOK"),
                (PACKED, "OK\n+CUSD: 0,\"C8329BFD06\",15"),
            ],
            "Hello\n",
        ),
        // One that wants UCS-2 only.
        (
            &[
                (PLAIN, "ERROR"),
                ("AT+CSCS=\"UCS2\"", "OK"),
                (UCS2, "OK\n+CUSD: 0,\"00480069\",72"),
            ],
            "Hi\n",
        ),
    ];
    for (answers, expected) in cases {
        let (_, said, why) = ask(options(answers), &[]).await;
        assert_eq!((said.as_str(), why), (expected, None), "{answers:?}");
    }
    let (_, said, _) = ask(
        options(&[(PLAIN, "OK\n+CUSD: 0,\"$5.20\",15")]),
        &["--json"],
    )
    .await;
    assert_eq!(
        said,
        "{\"code\":\"*100#\",\"more\":false,\"text\":\"$5.20\"}\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_that_nobody_answers_is_ended() {
    let menu: Answers = &[
        (PLAIN, "OK\n+CUSD: 1,\"1 Balance 2 Offers\",15"),
        ("AT+CUSD=2", "OK"),
    ];
    let (sim, said, why) = ask(options(menu), &["--json"]).await;
    assert_eq!(why, None);
    assert!(said.contains("\"more\":true"), "{said}");
    let commands = sim.lock().commands.clone();
    assert!(
        commands.iter().any(|command| command == "AT+CUSD=2"),
        "{commands:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn says_why_there_is_no_answer() {
    let cases: [(Answers, &str); 7] = [
        (&[(PLAIN, "OK\n+CUSD: 4")], "does not know this code"),
        (&[(PLAIN, "OK\n+CUSD: 2")], "ended the session"),
        (&[(PLAIN, "OK\n+CUSD: 5")], "did not answer in time"),
        (
            &[(PLAIN, "+CME ERROR: 30")],
            "CME ERROR 30 (no network service)",
        ),
        (
            &[(PLAIN, "OK")],
            "no answer within 1 s: is there a network (sms-milter modem test",
        ),
        (&[("AT+CPIN?", "+CME ERROR: 10")], "there is no SIM"),
        (&[("AT+CPIN?", "+CPIN: SIM PIN\nOK")], "--pin-file"),
    ];
    for (answers, words) in cases {
        let timeout = if words.contains("within 1 s") {
            "1"
        } else {
            "60"
        };
        let (_, said, why) = ask(options(answers), &["--timeout", timeout]).await;
        let why = why.expect("a reason");
        assert!(said.is_empty() && why.contains(words), "{words}: {why}");
    }
    let gps = Gadget::start(|_| b"\r\n$GPRMC,,V,,,,,,,,,,N*53\r\n".to_vec());
    let (_, done) = run(&["ussd", &gps.path(), "*100#"]).await;
    let failure = done.expect_err("not a modem");
    assert!(failure.text.contains("GPS receiver"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opens_the_sim_if_it_must() {
    let locked = Options {
        pin: Some("4711"),
        ..options(&[(PLAIN, "OK\n+CUSD: 0,\"$5.20\",15")])
    };
    let (sim, said, why) = ask(locked, &["--pin", "4711"]).await;
    assert_eq!((said.as_str(), why), ("$5.20\n", None));
    assert_eq!(sim.lock().pins, 1);
}
