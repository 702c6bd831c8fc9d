//! `sms-milter modem test` against simulated modems.

use sms_milter::cli::modem::{TestArgs, test};
use sms_milter::secret::Secret;
use sms_milter::world::World;

use crate::sim::modem::{Options, SimModem};

/// What it prints, and whether it finds the modem well.
async fn said(sim: &SimModem, pin: Option<&str>) -> (bool, String) {
    let args = TestArgs {
        device: sim.path().to_string_lossy().into_owned(),
        baud: 115_200,
        pin: pin.map(Secret::from),
    };
    let mut out = Vec::new();
    let well = test(&args, &World::real(), &mut out).await.expect("output");
    (well, String::from_utf8(out).expect("UTF-8"))
}

async fn check(options: Options, pin: Option<&str>, well: bool, words: &[&str]) -> SimModem {
    let sim = SimModem::start(options);
    let (found, said) = said(&sim, pin).await;
    assert_eq!(found, well, "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in\n{said}");
    }
    assert_eq!(sim.lock().strange(), Vec::<&String>::new());
    sim
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_is_right_and_what_is_wrong() {
    let well = [
        "Simulated SIM-1",
        "89420020000000000123",
        "+15550001111",
        "0 of 20",
        "at once",
        "17 of 31",
    ];
    check(Options::default(), None, true, &well).await;
    let bad_line = Options {
        stubborn_echo: true,
        storm: true,
        noise: true,
        in_text: true,
        ..Options::default()
    };
    let sim = check(bad_line, None, true, &well).await;
    assert_eq!(sim.lock().submissions, 0);
    check(
        Options {
            registered: false,
            ..Options::default()
        },
        None,
        false,
        &["no network", "antenna"],
    )
    .await;
    check(
        Options {
            slots: 0,
            ..Options::default()
        },
        None,
        false,
        &["0 of 0", "nothing more can arrive"],
    )
    .await;
    let deaf = Options {
        hang_at: Some("AT+CSCA?"),
        hangs: 1,
        ..Options::default()
    };
    check(deaf, None, true, &["does not tell its service centre"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn is_careful_with_pins() {
    let locked = || Options {
        pin: Some("4711"),
        ..Options::default()
    };
    let sim = check(locked(), None, false, &["wants its PIN", "--pin"]).await;
    assert_eq!(sim.lock().pins, 0);
    let sim = check(locked(), Some("1234"), false, &["CME ERROR 16 (wrong PIN)"]).await;
    assert_eq!(sim.lock().pins, 1);
    check(locked(), Some("4711"), true, &["open, number"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn says_why_a_port_does_not_open() {
    let sim = SimModem::start(Options::default());
    std::fs::remove_file(sim.path()).expect("a link");
    let (well, said) = said(&sim, None).await;
    assert!(!well && said.contains("is it plugged in?"), "{said}");
}
