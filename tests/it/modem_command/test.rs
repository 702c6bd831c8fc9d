//! `modem test`: what it says of modems that are well, of those that are not, and of what is none.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use sms_milter::world::{Dial, Stream, World};

use super::gadget::Gadget;
use super::{Answers, PATIENCE, options, path_of, run, run_with};
use crate::sim::modem::{Options, Reply, SimModem};

/// What `modem test` says with these arguments, and whether it finds the modem well.
async fn said(device: &str, more: &[&str]) -> (bool, String) {
    let args: Vec<&str> = ["test", device].iter().chain(more).copied().collect();
    let (said, done) = run(&args).await;
    let code = done.as_ref().err().map_or(0, |failure| failure.code);
    assert!(code == 0 || code == 1, "{done:?}");
    (code == 0, said)
}

async fn check(options: Options, more: &[&str], well: bool, words: &[&str]) -> SimModem {
    let sim = SimModem::start(options);
    let (found, said) = said(&path_of(&sim), more).await;
    for word in words {
        assert!(said.contains(word), "{word:?} is not in\n{said}");
    }
    assert_eq!(found, well, "{said}");
    assert_eq!(said.contains("BAD"), !well, "{said}");
    sim
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_a_good_modem_well() {
    let well = [
        "ok    answer   it answers to AT at 115200 bit/s",
        "Simulated SIM-1, firmware 11.117",
        "356938035643809",
        "89420020000000000123",
        "+15550001111",
        "0 of 20 places are used (SM)",
        "at once",
        "between the parts",
        "registered at Example Net",
        "good ▂▄▆_ (17 of 31)",
    ];
    let sim = check(options(&[]), &[], true, &well).await;
    assert_eq!(sim.lock().submissions, 0);
    let bad_line = Options {
        stubborn_echo: true,
        storm: true,
        noise: true,
        in_text: true,
        ..options(&[])
    };
    let sim = check(bad_line, &[], true, &well).await;
    assert_eq!(sim.lock().submissions, 0);
}

/// Must-show 6 of the modems' issue, with those next to them.
#[tokio::test(flavor = "multi_thread")]
async fn says_what_is_wrong_and_what_to_do() {
    let cases: [(Answers, &[&str]); 12] = [
        (
            &[("AT+CPIN?", "+CME ERROR: 10")],
            &["BAD   SIM      there is no SIM", "the right way round"],
        ),
        (
            &[("AT+CPIN?", "+CPIN: SIM PUK\nOK")],
            &["wants its PUK", "enter the PUK there"],
        ),
        (
            &[("AT+CPIN?", "+CPIN: PH-NET PIN\nOK")],
            &["locked to another operator's SIMs", "of that operator"],
        ),
        (
            &[("AT+CSCA?", "+CSCA: \"\",129\nOK")],
            &["BAD   SMSC     the SIM has no service centre", "set `smsc`"],
        ),
        (
            &[
                ("AT+CREG?", "+CREG: 0,2\nOK"),
                ("AT+CEREG?", "ERROR"),
                ("AT+CGREG?", "ERROR"),
            ],
            &["BAD   network  no network", "check the antenna"],
        ),
        (
            &[
                ("AT+CREG?", "+CREG: 0,3\nOK"),
                ("AT+CEREG?", "ERROR"),
                ("AT+CGREG?", "ERROR"),
            ],
            &["the network denies the SIM", "activated and paid"],
        ),
        (
            &[
                ("AT+CREG?", "+CREG: 0,0\nOK"),
                ("AT+CEREG?", "ERROR"),
                ("AT+CGREG?", "ERROR"),
            ],
            &["looks for none", "AT+CFUN=1"],
        ),
        (
            &[("AT+CMGF=0", "ERROR")],
            &["refuses PDU mode", "data-only stick"],
        ),
        (
            &[(
                "AT+CPMS?",
                "+CPMS: \"SM\",20,20,\"SM\",20,20,\"SM\",20,20\nOK",
            )],
            &["20 of 20 places", "nothing more can arrive"],
        ),
        (
            &[
                ("AT+CPMS=\"SM\",\"SM\",\"SM\"", "+CMS ERROR: 302"),
                ("AT+CPMS=\"ME\",\"ME\",\"ME\"", "+CMS ERROR: 302"),
                ("AT+CPMS=\"MT\",\"MT\",\"MT\"", "+CMS ERROR: 302"),
            ],
            &["opens no storage", "data only"],
        ),
        (
            &[("AT+CPIN?", "+CME ERROR: 13")],
            &["cannot be read: CME ERROR 13", "clean its contacts"],
        ),
        (
            &[
                ("AT+CPIN?", "+CPIN: SIM PIN\nOK"),
                ("AT+CPINR=\"SIM PIN\"", "+CPINR: SIM PIN,1,3\nOK"),
            ],
            &[
                "wants its PIN, and only 1 tries are left: not tried",
                "unlock it in a phone",
            ],
        ),
    ];
    for (answers, words) in cases {
        let sim = check(options(answers), &["--pin", "4711"], false, words).await;
        assert_eq!(sim.lock().pins, 0);
    }
    let poor: [(Answers, &[&str]); 4] = [
        (
            &[("AT+CSQ", "+CSQ: 4,99\nOK")],
            &["poor  signal   weak ▂___ (4 of 31)", "move the antenna"],
        ),
        (
            &[("AT+CSQ", "+CSQ: 99,99\nOK")],
            &["poor  signal   the modem does not tell"],
        ),
        (
            &[("AT+CSCA?", "ERROR")],
            &["poor  SMSC", "if sending fails, set `smsc`"],
        ),
        (
            &[
                ("AT+CREG?", "+CREG: 0,5\nOK"),
                ("AT+CGMI", "ERROR"),
                ("AT+CGMM", "ERROR"),
            ],
            &["roaming (SMS may cost more)", "it does not say what it is"],
        ),
    ];
    for (answers, words) in poor {
        check(options(answers), &[], true, words).await;
    }
    let silent_notices = Options {
        notifies: false,
        ..options(&[])
    };
    check(
        silent_notices,
        &[],
        true,
        &["does not tell of new SMS", "polling"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn is_careful_with_pins() {
    let locked = || Options {
        pin: Some("4711"),
        ..options(&[])
    };
    let sim = check(
        locked(),
        &[],
        false,
        &["the SIM wants its PIN", "--pin-file"],
    )
    .await;
    assert_eq!(sim.lock().pins, 0);
    let wrong = [
        "the PIN is wrong: CME ERROR 16 (wrong PIN)",
        "after three wrong ones",
    ];
    let sim = check(locked(), &["--pin", "1234"], false, &wrong).await;
    assert_eq!(sim.lock().pins, 1);
    check(locked(), &["--pin", "4711"], true, &["open, number"]).await;

    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_string_lossy().into_owned();
    std::fs::write(&path, "4711\n").expect("written");
    let sim = check(locked(), &["--pin-file", &path], true, &["open, number"]).await;
    assert_eq!(sim.lock().pins, 1);
    std::fs::write(&path, "my dog's name\n").expect("written");
    let (said, done) = run(&["test", &path_of(&sim), "--pin-file", &path]).await;
    let failure = done.expect_err("no PIN");
    assert_eq!((failure.code, said.as_str()), (65, ""));
    assert!(
        failure.text.contains("holds no PIN") && !failure.text.contains("dog"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn knows_what_is_not_a_modem() {
    fn positions(_: &[u8]) -> Vec<u8> {
        b"8,M,,*4A\r\n$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
            .to_vec()
    }
    fn echo(heard: &[u8]) -> Vec<u8> {
        heard.to_vec()
    }
    fn garbage(_: &[u8]) -> Vec<u8> {
        b"\xe4\x86\x9a\xfe\x80x\x86\xf8".to_vec()
    }
    fn login(_: &[u8]) -> Vec<u8> {
        b"\r\nbox login: ".to_vec()
    }
    fn shell(_: &[u8]) -> Vec<u8> {
        b"sh: AT: not found\r\n".to_vec()
    }
    fn silence(_: &[u8]) -> Vec<u8> {
        Vec::new()
    }
    // All at once: each waits for what does not come.
    let cases: [(super::gadget::Habit, &[&str]); 6] = [
        (
            positions,
            &["not a modem: it tells positions", "GPS", "other ports"],
        ),
        (echo, &["says back what it hears", "pull its plug"]),
        (garbage, &["garbage", "--baud", "cable"]),
        (login, &["a computer asks for a login", "another port"]),
        (
            shell,
            &["this is not a modem: to AT it says \"sh: AT: not found\""],
        ),
        (
            silence,
            &[
                "no answer to AT at 115200 bit/s",
                "other ports",
                "pull its plug",
            ],
        ),
    ];
    let checks = cases.map(|(habit, words)| async move {
        let gadget = Gadget::start(habit);
        let (well, said) = said(&gadget.path(), &[]).await;
        assert!(!well, "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in\n{said}");
        }
    });
    futures_util::future::join_all(checks).await;
}

/// Ports of which one speed is the modem's.
struct Speeds {
    world: World,
    right: u32,
    wrong: String,
}

#[async_trait]
impl Dial for Speeds {
    async fn serial(&self, device: &str, baud: u32) -> io::Result<Box<dyn Stream>> {
        let device = if baud == self.right {
            device
        } else {
            &self.wrong
        };
        self.world.dial.serial(device, baud).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_the_speed_of_a_modem() {
    let sim = SimModem::start(options(&[]));
    let gadget = Gadget::start(|_| b"\xe4\x86\x9a\xfe\x80x\x86\xf8".to_vec());
    let world = World {
        dial: Arc::new(Speeds {
            world: World::real(),
            right: 9600,
            wrong: gadget.path(),
        }),
        ..World::real()
    };
    let (said, done) = run_with(&world, &["test", &path_of(&sim)]).await;
    assert_eq!(done.expect_err("not well").code, 1);
    let wanted = "no answer to AT at 115200 bit/s, but at 9600\n               use --baud 9600, and `baud: 9600`";
    assert!(said.contains(wanted), "{said}");
    let (said, done) = run_with(&world, &["test", &path_of(&sim), "--baud", "9600"]).await;
    assert!(done.is_ok(), "{said}");
}

/// A port that does not open.
struct Shut(io::ErrorKind);

#[async_trait]
impl Dial for Shut {
    async fn serial(&self, _: &str, _: u32) -> io::Result<Box<dyn Stream>> {
        Err(io::Error::new(self.0, "Permission denied"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn says_why_a_port_does_not_open() {
    let (well, said_of_none) = said("/dev/serial/by-id/usb-none", &[]).await;
    assert!(
        !well && said_of_none.contains("there is no /dev/serial/by-id/usb-none"),
        "{said_of_none}"
    );
    assert!(said_of_none.contains("plugged in?"), "{said_of_none}");

    let file = tempfile::NamedTempFile::new().expect("a file");
    let (well, said_of_file) = said(&file.path().to_string_lossy(), &[]).await;
    assert!(
        !well && said_of_file.contains("is not a serial port"),
        "{said_of_file}"
    );

    let sim = SimModem::start(options(&[]));
    let world = World {
        dial: Arc::new(Shut(io::ErrorKind::PermissionDenied)),
        ..World::real()
    };
    let (said, done) = run_with(&world, &["test", &path_of(&sim)]).await;
    assert_eq!(done.expect_err("not well").code, 1);
    assert!(
        said.contains("you may not open") && said.contains("only root"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_a_port_alone_that_somebody_has() {
    let sim = SimModem::start(options(&[]));
    let holder = World::real()
        .dial
        .serial(&path_of(&sim), 9600)
        .await
        .expect("opens");
    let (well, said) = said(&path_of(&sim), &[]).await;
    assert!(
        !well && said.contains("is in use by another program"),
        "{said}"
    );
    assert_eq!(sim.lock().commands.len(), 0);
    drop(holder);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_one_sms_and_waits_for_it_to_come_back() {
    let sim = SimModem::start(options(&[]));
    sim.deliver("+15557654321", "somebody else's");
    let path = path_of(&sim);
    let args = ["test", &path, "--send", "+1 555 000-2222"];
    let back = async {
        loop {
            if let Some(sent) = sim.sent().first().cloned() {
                sim.deliver("+15550002222", &sent.text);
                break sent;
            }
            tokio::task::yield_now().await;
        }
    };
    let ((said, done), sent) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(run(&args), back) })
            .await
            .expect("in time");
    assert!(done.is_ok(), "{said}");
    assert_eq!(sent.to, "+15550002222");
    assert!(sent.text.starts_with("sms-milter test "), "{sent:?}");
    assert!(
        said.contains("the network took the SMS to +15550002222"),
        "{said}"
    );
    assert!(said.contains("it came back after "), "{said}");
    assert_eq!(sim.sent().len(), 1);
    assert_eq!(sim.lock().stored.len(), 1, "only its own is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_became_of_the_sms() {
    let with = |replies: Vec<Reply>, answers: Answers| Options {
        replies,
        ..options(answers)
    };
    let send = ["--send", "+15551234567"];
    check(
        with(vec![], &[]),
        &send,
        true,
        &["took the SMS to +15551234567"],
    )
    .await;
    let unknown: Answers = &[("AT+CNUM", "ERROR")];
    check(
        with(vec![], unknown),
        &send,
        true,
        &["not waited for", "--back"],
    )
    .await;
    for (reply, words) in [
        (
            Reply::Cms(38),
            [
                "refused: CMS ERROR 38 (network out of order)",
                "some minutes",
            ],
        ),
        (Reply::Cms(8), ["refused: CMS ERROR 8", "has it credit"]),
        (
            Reply::Cms(1),
            ["refused: CMS ERROR 1", "is the number right"],
        ),
        (Reply::Error, ["refused:", "may have been sent"]),
    ] {
        check(with(vec![reply], &[]), &send, false, &words).await;
    }
    let nowhere: Answers = &[
        ("AT+CREG?", "+CREG: 0,2\nOK"),
        ("AT+CEREG?", "ERROR"),
        ("AT+CGREG?", "ERROR"),
    ];
    let sim = check(
        with(vec![], nowhere),
        &send,
        false,
        &["not tried: no network"],
    )
    .await;
    assert_eq!(sim.lock().submissions, 0);
}
