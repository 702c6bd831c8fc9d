//! What modems say unasked (TS 27.007, TS 27.005, and what makers add).
//!
//! None of it is an answer. Some means that the modem's state is not what it was: [`Sign`].

/// A notification that the core acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It has started anew: echo, PDU mode and notifications are as they were made.
    Booted,
    /// The SIM is out.
    NoSim,
    /// The storage has no room.
    Full,
}

/// Whole lines, or beginnings when they end in `*`.
const SIGNS: [(&str, Sign); 18] = [
    // SIMCom and Quectel; Siemens and Cinterion, with a mode behind it or not; ZTE; Wavecom ("ready").
    ("RDY", Sign::Booted),
    ("^SYSSTART*", Sign::Booted),
    ("MODEM:STARTUP", Sign::Booted),
    ("+WIND: 3", Sign::Booted),
    // SIMCom and Quectel; Siemens and Cinterion; Wavecom; Telit; Huawei.
    ("+CPIN: NOT INSERTED", Sign::NoSim),
    ("+CPIN: SIM REMOVED", Sign::NoSim),
    ("+CPIN: NOT READY", Sign::NoSim),
    ("^SCKS: 0", Sign::NoSim),
    ("+WIND: 0", Sign::NoSim),
    ("#QSS: 0", Sign::NoSim),
    ("^SIMST: 255*", Sign::NoSim),
    // Huawei; Quectel; SIMCom; Siemens; names of +CIEV (TS 27.007 §8.9).
    ("^SMMEMFULL*", Sign::Full),
    ("+QIND: SMS FULL*", Sign::Full),
    ("+QIND: \"SMS FULL\"*", Sign::Full),
    ("+QIND: \"SMSFULL\"*", Sign::Full),
    ("^SMGO: 1", Sign::Full),
    ("^SMGO: 2", Sign::Full),
    ("+CIEV: \"SMSFULL\",1", Sign::Full),
];

/// Beginnings. Those of makers begin with a character of their own.
const BEGINNINGS: [&str; 57] = [
    "+CBM:",
    "+CCWA:",
    "+CDSI:",
    "+CEREG:",
    "+CFUN:",
    "+CGEV:",
    "+CGREG:",
    "+CIEV:",
    "+CLIP:",
    "+CMTI:",
    "+COLP:",
    "+CPIN:",
    "+CREG:",
    "+CRING:",
    "+CSQ:",
    "+CSQN:",
    "+CSSI:",
    "+CSSU:",
    "+CTZE:",
    "+CTZV:",
    "+CTZDST:",
    "+CUSD:",
    "+CALV:",
    "+CALA:",
    "+CRC:",
    "+CSCON:",
    "+CPSI:",
    "+CME SIM",
    "+EVENT",
    "+PACSP",
    "+PBREADY",
    "+PSUTTZ:",
    "+QIND:",
    "+QSIMDET",
    "+QSIMSTAT:",
    "+QUSIM:",
    "+SIM READY",
    "+SIMCARD",
    "+STIN:",
    "+WIND:",
    "+XCALLSTAT:",
    "+ZDONR:",
    "+ZPASR:",
    "+ZUSIMR:",
    "_OBLS",
    "_OSIGQ:",
    "APP RDY",
    "Call Ready",
    "DST:",
    "NO CARRIER",
    "NORMAL POWER",
    "OVER-VOLTAGE",
    "PB DONE",
    "RING",
    "SMS DONE",
    "SMS Ready",
    "UNDER-VOLTAGE",
];

/// It is one, and no answer to anything that we ask without a prefix of its own; never a PDU.
pub fn is_notification(line: &str) -> bool {
    line.starts_with(['^', '*', '%', '#', '$', '!'])
        || sign(line).is_some()
        || BEGINNINGS.iter().any(|start| line.starts_with(start))
}

/// What it means for the modem's state.
pub fn sign(line: &str) -> Option<Sign> {
    let upper = line.to_ascii_uppercase();
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => upper.starts_with(start),
        None => upper == pattern,
    };
    let found = SIGNS.iter().find(|(pattern, _)| fits(pattern));
    found.map(|(_, sign)| *sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications() {
        for (line, expected) in [
            ("^RSSI:12", true),
            ("^BOOT:20952548,0,0,0,72", true),
            ("#QSS: 1", true),
            ("RING", true),
            ("Call Ready", true),
            ("+CPIN: READY", true),
            ("+WIND: 7", true),
            ("E220", false),
            ("0791448720003023", false),
            ("OK", false),
            ("+CMGS: 7", false),
            ("356938035643809", false),
        ] {
            assert_eq!(is_notification(line), expected, "{line}");
        }
    }

    #[test]
    fn signs() {
        for (line, expected) in [
            ("RDY", Some(Sign::Booted)),
            ("RDY.", None),
            ("^SYSSTART", Some(Sign::Booted)),
            ("^SYSSTART AIRPLANE MODE", Some(Sign::Booted)),
            ("+WIND: 3", Some(Sign::Booted)),
            ("+WIND: 4", None),
            ("^SCKS: 0", Some(Sign::NoSim)),
            ("^SCKS: 1", None),
            ("^SMMEMFULL: \"SM\"", Some(Sign::Full)),
            ("+QIND: SMS FULL,\"ME\"", Some(Sign::Full)),
            ("^BOOT:1,0,0,0,72", None),
            ("+CPIN: READY", None),
        ] {
            assert_eq!(sign(line), expected, "{line}");
        }
    }
}
