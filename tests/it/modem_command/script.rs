//! `modem at` from a pipe or from its arguments.

use sms_milter::sms::{Encoding, Party, Segment, Shifts};
use sms_milter::wire::pdu::{Content, Submit};

use super::gadget::Gadget;
use super::{binary, options, path_of, text};
use crate::sim::modem::{Options, SimModem};

/// Runs a script; exit code, standard output, standard error.
fn at(sim: &SimModem, more: &[&str], script: &str) -> (i32, String, String) {
    let path = path_of(sim);
    let args: Vec<&str> = ["at", &path].iter().chain(more).copied().collect();
    let output = binary(&args, script);
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}

fn sim() -> SimModem {
    SimModem::start(options(&[]))
}

#[test]
fn prints_answers_and_nothing_else() {
    for echo in [true, false] {
        let sim = SimModem::start(Options {
            echo,
            ..options(&[])
        });
        let script = "# how is it?\n\nAT+CSQ\nAT+NONE\n";
        let (code, out, err) = at(&sim, &[], script);
        assert_eq!(out, "+CSQ: 17,99\nOK\nERROR\n");
        assert_eq!((code, err.as_str()), (1, ""));
        let (code, out, _) = at(&sim, &["AT+CSQ", "AT+CGSN"], "");
        assert_eq!(out, "+CSQ: 17,99\nOK\n356938035643809\nOK\n");
        assert_eq!(code, 0);
        assert!(
            !sim.lock().commands.contains(&"ATE0".to_owned()),
            "it leaves the modem as it was"
        );
    }
}

#[test]
fn ends_at_the_first_error_unless_told_otherwise() {
    let sim = sim();
    let (code, out, err) = at(&sim, &[], "AT+NONE\nAT+CSQ\n");
    assert_eq!((code, out.as_str(), err.as_str()), (1, "ERROR\n", ""));
    let (code, out, _) = at(&sim, &["--keep-going"], "AT+NONE\nAT+CSQ\n");
    assert_eq!((code, out.as_str()), (1, "ERROR\n+CSQ: 17,99\nOK\n"));
}

#[test]
fn does_not_do_what_costs_or_destroys() {
    let sim = SimModem::start(Options {
        pin: Some("4711"),
        ..options(&[("AT+CMGD=1,4", "OK")])
    });
    for (line, words) in [
        ("AT+CFUN=1,1", "restarts the modem"),
        ("AT+CMGS=17", "sends a real SMS"),
        ("AT+CMGD=1,4", "deletes more than one SMS"),
        ("AT+CPIN=\"4711\"", "tries"),
        ("AT&F", "factory's settings"),
        ("ATD+15551234567;", "calls somebody"),
        ("AT+COPS=2", "changes the network"),
    ] {
        let (code, out, err) = at(&sim, &[], &format!("{line}\n"));
        assert_eq!((code, out.as_str()), (1, ""), "{line}");
        assert!(
            err.contains("not done: this") && err.contains(words),
            "{line}: {err}"
        );
        assert!(
            err.contains("add --yes") && !err.contains("4711"),
            "{line}: {err}"
        );
        assert!(
            !sim.lock().commands.iter().any(|command| command == line),
            "{line}"
        );
    }
    let (code, out, _) = at(&sim, &["--yes"], "AT+CMGD=1,4\nAT+CPIN=\"4711\"\n");
    assert_eq!((code, out.as_str()), (0, "OK\nOK\n"));
    assert_eq!(sim.lock().pins, 1);
}

#[test]
fn never_writes_what_is_no_command() {
    let sim = sim();
    for (line, words) in [
        ("hello", "begins with AT"),
        ("A/", "type it again"),
        ("ATé", "printable ASCII"),
        (".nonsense", ".help"),
        (".wait soon", "number of seconds"),
    ] {
        let (code, out, err) = at(&sim, &[], &format!("{line}\n"));
        assert_eq!((code, out.as_str()), (1, ""), "{line}");
        assert!(err.contains(words), "{line}: {err}");
    }
    assert!(sim.lock().commands.iter().all(|command| command == "AT"));
}

fn pdu(words: &str) -> (String, usize) {
    let segment = Segment {
        text: words.to_owned(),
        encoding: Encoding::Gsm7,
        units: 0,
        concat: None,
        shifts: Shifts::default(),
    };
    let to = Party::from_network("+15551234567");
    let submit = Submit::new(to, Content::segment(&segment, false));
    let encoded = submit.encode().expect("a PDU");
    (encoded.hex, encoded.tpdu_length)
}

#[test]
fn sends_whole_pdus_only() {
    let (hex, length) = pdu("hello");
    for prompt in ["\r\n> ", "\r\n>", "> "] {
        let sim = SimModem::start(Options {
            prompt,
            ..options(&[])
        });
        let script = format!("AT+CMGS={length}\n{hex}\nAT+CSQ\n");
        let (code, out, err) = at(&sim, &["--yes"], &script);
        assert_eq!((code, err.as_str()), (0, ""), "{prompt:?}: {out}");
        assert_eq!(out, "+CMGS: 0\nOK\n+CSQ: 17,99\nOK\n");
        assert_eq!(sim.sent()[0].text, "hello");
    }
    let short = &hex[..hex.len() - 2];
    for line in [short, "hello", "AT+CSQ", ""] {
        let sim = sim();
        let (code, out, err) = at(&sim, &["--yes"], &format!("AT+CMGS={length}\n{line}\n"));
        assert_eq!((code, out.as_str()), (1, ""), "{line}");
        assert!(
            err.contains("not a whole PDU") && err.contains("nothing was sent"),
            "{err}"
        );
        assert_eq!(sim.lock().submissions, 0, "{line}");
        assert_eq!(
            at(&sim, &["AT+CSQ"], "").0,
            0,
            "it is not in text entry any more"
        );
    }
    // The script ends where the PDU should be.
    let sim = sim();
    let (code, _, err) = at(&sim, &["--yes"], &format!("AT+CMGS={length}\n"));
    assert_eq!(code, 1);
    assert!(err.contains("nothing was sent"), "{err}");
    assert_eq!(sim.lock().submissions, 0);
    assert_eq!(at(&sim, &["AT+CSQ"], "").0, 0);
}

#[test]
fn shows_what_the_modem_says_by_itself() {
    let sim = SimModem::start(options(&[("AT+CNMI=2,1", "OK\n+CMTI: \"SM\",3")]));
    let (code, out, _) = at(&sim, &[], "AT+CNMI=2,1\n.wait 1\nAT+CSQ\n");
    assert_eq!(
        (code, out.as_str()),
        (0, "OK\n+CMTI: \"SM\",3\n+CSQ: 17,99\nOK\n")
    );
}

#[test]
fn does_not_wait_for_ever() {
    let sim = SimModem::start(Options {
        hang_at: Some("AT+CSQ"),
        hangs: 1,
        ..options(&[])
    });
    let (code, out, err) = at(&sim, &["--timeout", "1"], "AT+CSQ\n");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no answer within 1 s"), "{err}");
    let mute = Gadget::start(|_| Vec::new());
    let output = binary(&["at", &mute.path()], "AT\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("modem test"),
        "{}",
        text(&output.stderr)
    );
    sim.unplug();
    // Pulling the plug may have taken the name away.
    let _ = std::fs::remove_file(sim.path());
    let (code, _, err) = at(&sim, &[], "AT\n");
    assert_eq!(code, 1);
    assert!(
        err.contains("there is no ") && err.contains("plugged in?"),
        "{err}"
    );
}
