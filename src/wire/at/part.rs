//! What goes into commands: types that cannot hold a control octet or a second command (threats T38).

use std::fmt;

use crate::secret::Secret;

/// An SMS-SUBMIT has at most 164 octets (TS 23.040 §9.2.2.2: 24 before the user data, 140 of it); an
/// SMSC address of 12 may stand before it.
const MAX_TPDU: usize = 164;
const MAX_SMSC: usize = 12;

/// The longest line of `init`; modems take 256 octets or more.
const MAX_INIT: usize = 200;

/// The code that opens a SIM: 4 to 8 digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Secret);

impl Pin {
    /// `None` when it is not 4 to 8 digits.
    pub fn parse(secret: &Secret) -> Option<Self> {
        let digits = secret.expose().trim();
        let fits = (4..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(Secret::new(digits)))
    }

    /// The digits.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// An SMS-SUBMIT in hex, with its SMSC address before it, and how long it is without that address.
#[derive(Clone, PartialEq, Eq)]
pub struct Tpdu {
    hex: String,
    length: usize,
}

impl Tpdu {
    /// `None` when it is not hex, too long, or the length is not that of the SMSC prefix in it.
    pub fn new(hex: &str, length: usize) -> Option<Self> {
        let is_hex = hex.len().is_multiple_of(2) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let prefix = (hex.len() / 2).checked_sub(length)?;
        let announced = usize::from(u8::from_str_radix(hex.get(..2)?, 16).ok()?) + 1;
        let fits = (1..=MAX_TPDU).contains(&length) && prefix == announced && prefix <= MAX_SMSC;
        (is_hex && fits).then(|| Self {
            hex: hex.to_ascii_uppercase(),
            length,
        })
    }

    /// Upper-case hex.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// How many octets it has, its SMSC address not counted.
    pub fn length(&self) -> usize {
        self.length
    }

    /// TP-MR, the second octet of an SMS-SUBMIT (TS 23.040 §9.2.2.2).
    pub fn reference(&self) -> Option<u8> {
        let at = self.hex.len().checked_sub(2 * self.length)? + 2;
        u8::from_str_radix(self.hex.get(at..at + 2)?, 16).ok()
    }
}

/// It holds a text.
impl fmt::Debug for Tpdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tpdu({} octets)", self.length)
    }
}

/// A command of the configuration, for modems that need one more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitLine(String);

impl InitLine {
    /// Commands that wait for a text, send, call, or touch codes: never from a configuration.
    const FORBIDDEN: [&'static str; 11] = [
        "+CMGS", "+CMGW", "+CMGC", "+CMSS", "+CNMA", "+CMGD", "+CPIN", "+CPWD", "+CLCK", "ATD",
        "+++",
    ];

    /// Reads `AT+SOMETHING=…`; the error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let upper = line.to_ascii_uppercase();
        if !upper.starts_with("AT") {
            return Err(format!(
                "`{}` is not an AT command: it must start with AT",
                line.escape_debug()
            ));
        }
        if line.len() > MAX_INIT || !line.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(format!(
                "an init line must be at most {MAX_INIT} printable ASCII characters"
            ));
        }
        match Self::FORBIDDEN.iter().find(|word| upper.contains(**word)) {
            Some(word) => Err(format!("{word} is not allowed in an init line")),
            None => Ok(Self(line.to_owned())),
        }
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a modem keeps SMS (TS 27.005 §3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Memory {
    /// The SIM.
    Sim,
    /// The modem.
    Modem,
    /// Both.
    Both,
    /// Status reports, in modems that keep them apart.
    Reports,
}

impl Memory {
    /// Reads `SM`, `ME`, `MT` or `SR`.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim().to_ascii_uppercase().as_str() {
            "SM" => Some(Memory::Sim),
            "ME" => Some(Memory::Modem),
            "MT" => Some(Memory::Both),
            "SR" => Some(Memory::Reports),
            _ => None,
        }
    }

    /// The two letters.
    pub fn name(self) -> &'static str {
        match self {
            Memory::Sim => "SM",
            Memory::Modem => "ME",
            Memory::Both => "MT",
            Memory::Reports => "SR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins() {
        for (text, good) in [
            ("1234", true),
            ("12345678", true),
            (" 1234\n", true),
            ("123", false),
            ("123456789", false),
            ("12a4", false),
            ("1234\"\rAT", false),
            ("", false),
        ] {
            assert_eq!(Pin::parse(&Secret::from(text)).is_some(), good, "{text:?}");
        }
        let pin = Pin::parse(&Secret::from("1234")).expect("pin");
        assert!(!format!("{pin:?}").contains("1234"));
    }

    #[test]
    fn pdus() {
        for (hex, length, good) in [
            ("0001000B91", 4, true),
            ("0791448720003023010B", 2, true),
            ("0001000B91", 5, false),
            ("0001000B9", 4, false),
            ("00", 0, false),
            ("", 0, false),
            ("00ZZ", 1, false),
            ("00\r1", 1, false),
            ("0€1", 1, false),
        ] {
            assert_eq!(Tpdu::new(hex, length).is_some(), good, "{hex:?} {length}");
        }
        let reference = |hex, length| Tpdu::new(hex, length).and_then(|tpdu| tpdu.reference());
        assert_eq!(reference("0001170B91", 4), Some(0x17));
        assert_eq!(reference("07914487200030230117", 2), Some(0x17));
        assert_eq!(reference("0001", 1), None);
        assert!(Tpdu::new(&"00".repeat(165), 164).is_some());
        assert!(Tpdu::new(&"00".repeat(166), 165).is_none());
    }

    #[test]
    fn init_lines() {
        for (line, good) in [
            ("AT+CFUN=1", true),
            ("at^curc=0", true),
            ("ATZ", true),
            ("AT+CMGS=1", false),
            ("AT;+cmgs=1", false),
            ("ATD+15551234567;", false),
            ("AT+CPIN=\"1234\"", false),
            ("hello", false),
            ("AT\rAT+CFUN=0", false),
            ("AT\u{1a}", false),
            ("ATé", false),
        ] {
            assert_eq!(InitLine::parse(line).is_ok(), good, "{line:?}");
        }
        assert!(InitLine::parse(&format!("AT{}", "x".repeat(MAX_INIT))).is_err());
    }
}
