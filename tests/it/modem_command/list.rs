//! `modem list`: modems, what is none, and ports that somebody has.

use std::process::{Command, Stdio};

use serde_json::Value;
use sms_milter::world::World;

use super::gadget::Gadget;
use super::{PATIENCE, options, path_of, run, text};
use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{self, Place};

#[tokio::test(flavor = "multi_thread")]
async fn tells_modems_from_what_is_none() {
    let good = SimModem::start(options(&[]));
    let locked = SimModem::start(Options {
        pin: Some("4711"),
        ..options(&[
            ("AT+CGSN", "861111111111111\nOK"),
            ("AT+CSQ", "+CSQ: 99,99\nOK"),
        ])
    });
    let empty = SimModem::start(options(&[("AT+CPIN?", "+CME ERROR: 10")]));
    let gps = Gadget::start(|_| b"\r\n$GPRMC,,V,,,,,,,,,,N*53\r\n".to_vec());
    let mute = Gadget::start(|_| Vec::new());
    let held = SimModem::start(options(&[]));
    let holder = World::real()
        .dial
        .serial(&path_of(&held), 9600)
        .await
        .expect("opens");
    let paths = [
        path_of(&good),
        path_of(&locked),
        path_of(&empty),
        gps.path(),
        mute.path(),
        path_of(&held),
        "/dev/ttyNONE7".to_owned(),
    ];
    let mut args = vec!["list", "--port"];
    args.extend(paths.iter().map(String::as_str));
    let (said, done) = run(&args).await;
    done.expect("fine");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("PORT ") && lines[0].ends_with("SIGNAL"),
        "{said}"
    );
    let of = |i: usize| lines[i + 1].trim_start_matches(paths[i].as_str()).trim();
    let cells = |i: usize| {
        of(i)
            .split("  ")
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        cells(0),
        [
            "Simulated SIM-1",
            "356938035643809",
            "89420020000000000123",
            "Example Net",
            "▂▄▆_ good"
        ]
    );
    assert_eq!(
        cells(1)[..3],
        ["Simulated SIM-1", "861111111111111", "wants its PIN"]
    );
    assert!(cells(2).contains(&"there is no SIM"), "{said}");
    for (i, words) in [
        (3, "not a modem: a GPS receiver"),
        (4, "no answer"),
        (5, "in use by another program"),
        (6, "no such port"),
    ] {
        assert!(of(i).starts_with(words), "{words}\n{said}");
    }
    let paste = format!(
        "below `gateways:` in the configuration:\n\n  - id: modem1\n    type: modem\n    device: {}\n",
        paths[0]
    );
    assert!(said.contains(&paste), "{said}");
    assert!(
        said.contains("pin: { file: /etc/sms-milter/modem2.pin }"),
        "{said}"
    );
    assert_eq!(locked.lock().pins, 0);
    assert_eq!(held.lock().commands.len(), 0);
    drop(holder);
}

#[tokio::test(flavor = "multi_thread")]
async fn speaks_json() {
    let sim = SimModem::start(options(&[]));
    let (said, done) = run(&["list", "--json", "--port", &path_of(&sim), "/dev/ttyNONE7"]).await;
    done.expect("fine");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    for (key, value) in [
        ("state", "modem"),
        ("model", "Simulated SIM-1"),
        ("imei", "356938035643809"),
        ("iccid", "89420020000000000123"),
        ("sim_state", "READY"),
        ("operator", "Example Net"),
    ] {
        assert_eq!(lines[0][key], value, "{said}");
    }
    assert_eq!(lines[0]["signal"], 17);
    assert_eq!(lines[0]["port"], path_of(&sim));
    assert!(
        lines[0]["device"]
            .as_str()
            .is_some_and(|d| d.starts_with("/dev/pts/"))
    );
    assert_eq!(lines[1]["state"], "missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_modem_costs_its_time_and_no_more() {
    // Answers to AT and then to nothing: what is known is shown.
    let sim = SimModem::start(Options {
        hang_at: Some("AT+"),
        hangs: 1000,
        ..options(&[])
    });
    let start = std::time::Instant::now();
    let (said, done) = run(&["list", "--timeout", "3", "--port", &path_of(&sim)]).await;
    done.expect("fine");
    assert!(said.contains("a modem"), "{said}");
    // Several commands of three seconds each would take longer.
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(15), "{took:?}");
}

#[test]
fn says_nothing_to_a_reader_who_has_enough() {
    let sim = SimModem::start(options(&[]));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_sms-milter"))
        .args(["modem", "list", "--config", "/nonexistent", "--port"])
        .arg(sim.path())
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("the binary runs");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn the_daemons_ports_are_the_daemons() {
    let sim = SimModem::start(options(&[]));
    let gateway = format!(
        "gateways: [{{ id: hall, type: modem, device: \"{}\", number: \"+15550002222\" }}]",
        path_of(&sim)
    );
    let place = Place::new("127.0.0.1:9".parse().expect("address"), &gateway);
    let daemon = place.start();
    sim.wait("the daemon", PATIENCE, |state| {
        state.commands.iter().any(|command| command == "AT+CMGL=4")
    });
    let words = "in use by the running sms-milter, as gateway hall";
    let path = path_of(&sim);
    let output = daemon.command(&["modem", "list", "--port", &path]);
    assert!(
        text(&output.stdout).contains(words),
        "{}",
        text(&output.stdout)
    );
    assert!(output.status.success());
    let json = product::json(
        &place.config(),
        &["modem", "list", "--json", "--port", &path],
    );
    assert_eq!(
        (&json[0]["state"], &json[0]["gateway"]),
        (&"in use".into(), &"hall".into())
    );
    let before = sim.lock().commands.len();
    for args in [
        vec!["modem", "test", &path],
        vec!["modem", "at", &path, "AT"],
        vec!["modem", "ussd", &path, "*100#"],
    ] {
        let output = daemon.command(&args);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains(words), "{args:?}: {said}");
        assert!(
            said.contains("systemctl stop sms-milter"),
            "{args:?}: {said}"
        );
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    assert!(
        !sim.lock().commands[before..]
            .iter()
            .any(|command| command == "AT")
    );
    assert!(daemon.stop().success());
}
