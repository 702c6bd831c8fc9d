//! What a command that somebody types may cost or destroy, and what it waits for.
//!
//! A look at the line alone; nothing is asked of the modem. It knows the commands of TS 27.005 and
//! TS 27.007 and those of the makers that are met most. It is a help against slips, not a wall: a
//! command that it does not know is let through.

use std::time::Duration;

use crate::wire::at::ussd;

/// What the modem does with a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// What to ask about first; empty: nothing.
    pub(super) risks: Vec<&'static str>,
    /// It holds, or may hold, a PIN or another code: never into a history.
    pub(super) secret: bool,
    /// It uses up one of a SIM's tries.
    pub(super) tries: bool,
    /// It asks for a text or PDU of so many octets before it is done.
    pub(super) dialog: Option<Dialog>,
    /// It may take longer than others.
    pub(super) patience: Option<Duration>,
    /// It is never written.
    pub(super) refused: Option<&'static str>,
}

/// What a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialog {
    /// A PDU; its octets without the service centre's address (TS 27.005 §4.3).
    Pdu(usize),
    /// A text (TS 27.005 §3.5.1).
    Text,
}

const SEND: &str = "sends a real SMS, which may cost money";
const RESTART: &str = "restarts the modem or switches it off; the port may be gone for a while";
const FIRMWARE: &str = "changes the modem's firmware, and may leave it unusable";
const CODES: &str = "uses one of the tries that a SIM has; after three wrong PINs it wants its PUK, after ten wrong PUKs it is dead";

/// Commands whose `=` form (or any form, with `any`) needs a second thought.
const RISKY: &[(&str, bool, &str)] = &[
    ("+CMGS", false, SEND),
    ("+CMGC", false, SEND),
    ("+CMSS", false, SEND),
    ("+CMGDA", false, "deletes all SMS"),
    ("+QMGDA", false, "deletes all SMS"),
    ("+CPIN", false, CODES),
    ("+CPIN2", false, CODES),
    ("^CPIN", false, CODES),
    ("+CPWD", false, CODES),
    ("+CFUN", false, RESTART),
    ("+CRESET", true, RESTART),
    ("+CPOWD", true, RESTART),
    ("+CPOF", true, RESTART),
    ("+QPOWD", true, RESTART),
    ("^RESET", true, RESTART),
    ("^SMSO", true, RESTART),
    ("#SHDN", true, RESTART),
    ("#REBOOT", true, RESTART),
    ("!RESET", true, RESTART),
    ("!BOOTHOLD", true, FIRMWARE),
    ("^GODLOAD", true, FIRMWARE),
    ("^FDLOAD", true, FIRMWARE),
    ("^SFDL", true, FIRMWARE),
    ("+WDWL", true, FIRMWARE),
    ("+QFOTADL", true, FIRMWARE),
    ("+CFOTA", true, FIRMWARE),
    ("+UFWUPD", true, FIRMWARE),
    ("+UFWINSTALL", true, FIRMWARE),
    ("#OTAUP", true, FIRMWARE),
    ("+FWUPD", true, FIRMWARE),
    ("+QPRTPARA", false, "brings the factory's settings back"),
    (
        "^U2DIAG",
        false,
        "changes the ports the modem shows, and may hide this one for good",
    ),
    (
        "^SETPORT",
        false,
        "changes the ports the modem shows, and may hide this one for good",
    ),
    (
        "+EGMR",
        false,
        "changes the IMEI, which is a crime in many countries",
    ),
    (
        "+SIMEI",
        false,
        "changes the IMEI, which is a crime in many countries",
    ),
    (
        "+IPR",
        false,
        "changes the speed of the line: this port may not be understood after it",
    ),
    (
        "+CSIM",
        false,
        "speaks to the SIM itself, and may damage it",
    ),
    (
        "^CARDLOCK",
        false,
        "uses one of the tries that the modem has for its operator lock",
    ),
];

/// Parts of the names of commands that carry a code.
const SECRETS: [&str; 8] = [
    "CPIN", "CLCK", "CPWD", "CPUC", "CARDLOCK", "SPIC", "SPWD", "CACM",
];

/// Commands that search networks or call.
const SLOW: Duration = Duration::from_secs(180);

/// Reads a line as it was typed.
pub(super) fn judge(line: &str) -> Judged {
    let mut judged = Judged::default();
    let line = line.trim();
    // A/ has no CR and repeats blindly; +++ leaves data mode, and is nothing in command mode.
    if line.eq_ignore_ascii_case("A/") {
        judged.refused = Some("A/ repeats the last command unseen; type it again instead");
        return judged;
    }
    let body = strip_at(line);
    for part in parts(body) {
        judge_part(part, &mut judged);
    }
    // Also what is written wrongly must not be remembered.
    let upper = line.to_ascii_uppercase();
    let valued = upper.contains('=') || upper.contains('"');
    judged.secret |= valued && SECRETS.iter().any(|word| upper.contains(word));
    judged.risks.dedup();
    judged
}

fn strip_at(line: &str) -> &str {
    match line.get(..2) {
        Some(head) if head.eq_ignore_ascii_case("AT") => &line[2..],
        _ => line,
    }
}

/// The commands of a line: `;` separates them, but not inside of quotes (ITU-T V.250 §5.2.1).
fn parts(body: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    body.split(move |c: char| {
        quoted ^= c == '"';
        c == ';' && !quoted
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn judge_part(part: &str, judged: &mut Judged) {
    let (name, value) = match part.split_once('=') {
        Some((name, value)) => (name.trim().to_ascii_uppercase(), Some(value.trim())),
        None => (part.trim_end_matches('?').to_ascii_uppercase(), None),
    };
    // `=?` and `?` only ask.
    let sets = value.is_some_and(|value| value != "?");
    let asks = !sets && (part.ends_with('?'));
    if !name.starts_with(['+', '^', '#', '!', '*', '%', '$', '-', '_']) {
        return judge_basic(part, judged);
    }
    for (risky, any, why) in RISKY {
        if name == *risky && (sets || (*any && !asks)) {
            judged.risks.push(why);
        }
    }
    judged.tries |= sets && ["+CPIN", "+CPIN2", "^CPIN", "+CPWD", "+CLCK"].contains(&name.as_str());
    let fields: Vec<&str> = value.unwrap_or("").split(',').map(str::trim).collect();
    match (name.as_str(), fields[..].as_ref()) {
        // <flag> 1 to 4: more than the one (TS 27.005 §3.5.4).
        ("+CMGD", [_, flag, ..]) if !matches!(*flag, "" | "0") => {
            judged.risks.push("deletes more than one SMS");
        }
        // 2 only asks (TS 27.007 §7.4).
        ("+CLCK", [_, mode, ..]) if *mode != "2" => {
            judged.risks.push(CODES);
        }
        ("+COPS", [mode, ..]) if sets => {
            judged.patience = Some(SLOW);
            // 3 only sets how the operator is written (TS 27.007 §7.3).
            if *mode != "3" {
                judged
                    .risks
                    .push("changes the network; the modem may be without one for a while");
            }
        }
        ("+COPS", ["?"]) => judged.patience = Some(SLOW),
        // UPDATE BINARY and UPDATE RECORD (TS 27.007 §8.18).
        ("+CRSM", ["214" | "220", ..]) => judged.risks.push("writes to the SIM, and may damage it"),
        ("+CMGS" | "+CMGW" | "+CMGC", [first, ..]) if sets => {
            judged.patience = Some(SLOW);
            judged.dialog = Some(match first.parse() {
                Ok(length) => Dialog::Pdu(length),
                Err(_) => Dialog::Text,
            });
        }
        // A negative acknowledgement may bring a PDU (TS 27.005 §4.7).
        ("+CNMA", [_, length]) => judged.dialog = length.parse().ok().map(Dialog::Pdu),
        ("+CMSS" | "+CUSD", fields) if sets => {
            judged.patience = Some(SLOW);
            let code = fields.get(1).map_or("", |code| code.trim_matches('"'));
            if ussd::Code::changes_pin(code) {
                judged.risks.push(CODES);
                judged.secret = true;
            }
        }
        _ => {}
    }
}

/// Basic commands stand one behind the other, as in `E0&F`; a dial command ends the line.
fn judge_basic(part: &str, judged: &mut Judged) {
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        let from_here = rest;
        rest = &rest[c.len_utf8()..];
        match c.to_ascii_uppercase() {
            'D' => {
                judged.risks.push("calls somebody, which may cost money");
                judged.patience = Some(SLOW);
                return;
            }
            '&' => {
                if rest.starts_with(['F', 'f']) {
                    judged.risks.push("brings the factory's settings back");
                }
                rest = rest.get(1..).unwrap_or("");
            }
            // An extended command right behind basic ones, as in E0+CMEE=1.
            '+' | '^' | '#' | '!' => return judge_part(from_here, judged),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, risk: &str) {
        let judged = judge(line);
        let said = judged.risks.join("; ");
        match risk {
            "" => assert_eq!(said, "", "{line}"),
            risk => assert!(said.contains(risk), "{line}: {said:?}"),
        }
    }

    #[test]
    fn asks_before_what_costs_or_destroys() {
        for (line, risk) in [
            ("AT", ""),
            ("ATI", ""),
            ("AT+CSQ", ""),
            ("ate0", ""),
            ("AT+CPIN?", ""),
            ("AT+CFUN?", ""),
            ("AT+CFUN=?", ""),
            ("AT+CMGS=?", ""),
            ("AT+CMGF=0", ""),
            ("AT+CMGD=3", ""),
            ("AT+CMGD=3,0", ""),
            ("AT+CMGL=4", ""),
            ("AT+CLCK=\"SC\",2", ""),
            ("AT+COPS?", ""),
            ("AT+COPS=?", ""),
            ("AT+COPS=3,0", ""),
            ("AT+CRSM=176,12258,0,0,10", ""),
            ("AT+CUSD=1,\"*100#\",15", ""),
            ("AT+CSCA=\"+1;+CFUN=0\"", ""),
            ("AT&V", ""),
            ("AT+CMGS=17", "real SMS"),
            ("at+cmgs=\"+15551234567\"", "real SMS"),
            ("AT+CMSS=3", "real SMS"),
            ("AT+CMGF=0;+CMGS=17", "real SMS"),
            ("AT+CMGD=1,4", "more than one"),
            ("AT+CMGD=1, 1", "more than one"),
            ("AT+QMGDA=6", "all SMS"),
            ("AT+CPIN=\"1234\"", "tries"),
            ("AT+CPIN=\"12345678\",\"1234\"", "PUK"),
            ("AT+CLCK=\"SC\",0,\"1234\"", "tries"),
            ("AT+CPWD=\"SC\",\"1234\",\"4321\"", "tries"),
            ("AT+CFUN=1,1", "restarts"),
            ("AT+CFUN = 0", "restarts"),
            ("AT+COPS=1,2,\"26201\"", "network"),
            ("AT&F", "factory"),
            ("ATE0&F", "factory"),
            ("ATZ&F0", "factory"),
            ("ATE0+CRESET", "restarts"),
            ("ATD+15551234567;", "calls"),
            ("AT^GODLOAD", "firmware"),
            ("AT^RESET", "restarts"),
            ("AT+CSQ;^RESET", "restarts"),
            ("AT+CRSM=214,28486,0,0,17,\"00\"", "SIM"),
            ("AT+EGMR=1,7,\"123\"", "IMEI"),
            ("AT+IPR=9600", "speed"),
            ("ATE0+CMGD=1", ""),
            ("ATE0+CMGD=1,4", "more than one"),
            ("ate0+cmgd=1,4", "more than one"),
            ("ATE0V1+CLCK=\"SC\",0,\"1234\"", "tries"),
            ("ATE0+CFUN?", ""),
            ("ATE0+CFUN=?", ""),
            ("AT+CUSD=1,\"**04*1*2*2#\",15", "tries"),
            ("AT+CUSD=1,**05*1*2*2#", "tries"),
        ] {
            check(line, risk);
        }
    }

    #[test]
    fn knows_what_must_not_be_remembered() {
        for (line, secret) in [
            ("AT+CPIN=\"1234\"", true),
            ("at+cpin=1234", true),
            ("AT+CPIN2=\"1234\"", true),
            ("AT^CPIN=\"1234\"", true),
            ("+CPIN=1234", true),
            ("AT+CSQ;+CLCK=\"SC\",1,\"1234\"", true),
            ("AT+CPWD=\"SC\",\"1\",\"2\"", true),
            ("AT CPIN \"1234\"", true),
            ("AT+CUSD=1,\"**04*1*2*2#\"", true),
            ("AT+CPIN?", false),
            ("AT+CSQ", false),
            ("AT+CSCA=\"+15550001111\"", false),
        ] {
            assert_eq!(judge(line).secret, secret, "{line}");
        }
    }

    #[test]
    fn knows_what_a_command_waits_for() {
        let pdu = |n| Some(Dialog::Pdu(n));
        for (line, dialog) in [
            ("AT+CMGS=17", pdu(17)),
            ("AT+CMGW=17,2", pdu(17)),
            ("AT+CMGC=17", pdu(17)),
            ("AT+CMGF=0;+CMGS=17", pdu(17)),
            ("AT+CNMA=1,12", pdu(12)),
            ("AT+CMGS=\"+15551234567\"", Some(Dialog::Text)),
            ("ATE0+CMGS=17", pdu(17)),
            ("ATE0+CMGS=?", None),
            ("AT+CMGS=?", None),
            ("AT+CNMA", None),
            ("AT+CNMA=0", None),
            ("AT+CMGF=0", None),
        ] {
            assert_eq!(judge(line).dialog, dialog, "{line}");
        }
        assert!(judge("A/").refused.is_some());
        assert!(judge("AT+COPS=?").patience > judge("AT+CSQ").patience);
        assert!(judge("AT+CPIN=1").tries && !judge("AT+CPIN?").tries);
    }

    proptest! {
        #[test]
        fn any_line_is_judged(line in "\\PC{0,80}") {
            judge(&line);
        }

        #[test]
        fn a_risk_is_seen_behind_anything_harmless(
            head in "(AT|at)(\\+CSQ;|\\+CMGF=0;|)",
            tail in prop_oneof![Just("+CFUN=1,1"), Just("+CMGS=17"), Just("+CMGD=1,4")],
        ) {
            let line = format!("{head}{tail}");
            prop_assert!(!judge(&line).risks.is_empty(), "{}", line);
        }
    }
}
