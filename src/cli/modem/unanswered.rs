//! What a port that does not answer to AT is, by what it says instead.

use crate::sms::clean::is_harmful;

/// How much of its words is shown.
const MAX_SHOWN: usize = 40;

/// What it says instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// Nothing.
    Nothing,
    /// What was said to it.
    Echo,
    /// Positions (NMEA 0183).
    Positions,
    /// Frames of a diagnostic protocol, or PPP (RFC 1662: 0x7E around each).
    Frames,
    /// A computer's login.
    Login,
    /// Octets that are no text.
    Garbage,
    /// Something else.
    Words(String),
}

/// Reads what came in after AT.
pub(super) fn instead(heard: &[u8]) -> Instead {
    // NUL and 0xFF are what an idle or broken line looks like.
    let said: Vec<u8> = heard
        .iter()
        .copied()
        .filter(|b| !matches!(b, 0x00 | 0xFF | 0x1B))
        .collect();
    let text = String::from_utf8_lossy(&said);
    let lines = || {
        text.split(['\r', '\n'])
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let strange = said
        .iter()
        .filter(|b| !matches!(b, b' '..=b'~' | b'\r' | b'\n' | b'\t'))
        .count();
    let is_position = |line: &str| {
        [
            "$GP", "$GN", "$GL", "$GA", "$BD", "$GB", "!AIVD", "$PMTK", "$PSRF",
        ]
        .iter()
        .any(|start| line.starts_with(start))
    };
    let lower = text.to_ascii_lowercase();
    if lines().any(is_position) {
        Instead::Positions
    } else if said.iter().filter(|b| **b == 0x7E).count() >= 2 && strange > 0 {
        Instead::Frames
    } else if strange * 4 > said.len() || text.contains('\u{FFFD}') {
        Instead::Garbage
    } else if lower.contains("login:") || lower.contains("password:") {
        Instead::Login
    } else if lines().next().is_none() {
        // What an idle line is not: a lot of NUL or 0xFF, as at a speed that is far off.
        match heard.len() - said.len() {
            0..=32 => Instead::Nothing,
            _ => Instead::Garbage,
        }
    } else if lines().all(|line| {
        line.trim_matches(|c: char| c.is_control())
            .split("AT")
            .all(str::is_empty)
    }) {
        Instead::Echo
    } else {
        let shown = lines()
            .next()
            .unwrap_or("")
            .chars()
            .filter(|c| !is_harmful(*c));
        Instead::Words(shown.take(MAX_SHOWN).collect())
    }
}

impl Instead {
    /// A few words.
    pub(super) fn brief(&self) -> String {
        match self {
            Self::Nothing => "no answer".to_owned(),
            Self::Echo => "not a modem: it says back what it hears".to_owned(),
            Self::Positions => "not a modem: a GPS receiver".to_owned(),
            Self::Frames => "no AT port: diagnostics or data".to_owned(),
            Self::Login => "not a modem: a computer's login".to_owned(),
            Self::Garbage => "garbage: another --baud?".to_owned(),
            Self::Words(words) => format!("not a modem: it says {words:?}"),
        }
    }

    /// What is wrong, and what to do.
    pub(super) fn words(&self, baud: u32) -> (String, &'static str) {
        match self {
            Self::Nothing => (
                format!("no answer to AT at {baud} bit/s"),
                "try its other ports (many modems have three), another --baud, or pull its plug for a moment",
            ),
            Self::Echo => (
                "this is not a modem, or one that hangs: it says back what it hears, and nothing else"
                    .to_owned(),
                "pull its plug for a moment; at a plain serial port, are sending and receiving wires joined?",
            ),
            Self::Positions => (
                "this is not a modem: it tells positions, as a GPS receiver does (NMEA)".to_owned(),
                "if it is part of a modem, try the modem's other ports",
            ),
            Self::Frames => (
                "this port speaks a diagnostic protocol or data, not AT".to_owned(),
                "try the modem's other ports; `sms-milter modem list` asks all",
            ),
            Self::Login => (
                "this is not a modem: a computer asks for a login there".to_owned(),
                "try another port; `sms-milter modem list` asks all",
            ),
            Self::Garbage => (
                format!("what comes in at {baud} bit/s is garbage"),
                "another --baud (9600, 19200, 57600, 115200 …), or a bad cable",
            ),
            Self::Words(words) => (
                format!("this is not a modem: to AT it says {words:?}"),
                "try another port; `sms-milter modem list` asks all",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(heard: &[u8], expected: Instead) {
        assert_eq!(
            instead(heard),
            expected,
            "{:?}",
            String::from_utf8_lossy(heard)
        );
    }

    #[test]
    fn knows_things_by_what_they_say() {
        check(b"", Instead::Nothing);
        check(b"\0\xff\r\n", Instead::Nothing);
        check(&[0; 100], Instead::Garbage);
        check(b"AT\r\x1bAT\r\x1bAT\r", Instead::Echo);
        check(b"ATATAT", Instead::Echo);
        check(
            b"7,E,1,08*4A\r\n$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M*47\r\n",
            Instead::Positions,
        );
        check(b"$GNRMC,,V,,,,,,,,,,N*4D\r\n", Instead::Positions);
        check(b"\x7e\x13\x42\x81\x7e\x13\x42\x81\x7e", Instead::Frames);
        check(b"\xe4\x86\x9a\x02x\x80\x86", Instead::Garbage);
        check(
            b"\r\nDebian GNU/Linux 13 box ttyS1\r\n\r\nbox login: ",
            Instead::Login,
        );
        check(
            b"AT: command not found\r\n",
            Instead::Words("AT: command not found".into()),
        );
        check(b"ok\r\n?\r\n", Instead::Words("ok".into()));
        check("Größe\r\n".as_bytes(), Instead::Garbage);
    }

    proptest! {
        #[test]
        fn any_octets_are_something(heard in proptest::collection::vec(any::<u8>(), 0..300)) {
            let what = instead(&heard);
            let said = format!("{}{}", what.brief(), what.words(115_200).0);
            prop_assert!(!said.chars().any(char::is_control));
        }
    }
}
