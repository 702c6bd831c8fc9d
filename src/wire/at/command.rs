//! The AT commands we ever write, and nothing else (threats T38).
//!
//! A command is a value of [`Ask`]; what goes into it has types that cannot hold a control octet or a
//! second command: digits of a [`Number`], a [`Pin`], a [`Tpdu`] in hex, an [`InitLine`] that was read
//! with suspicion. Commands of 3GPP TS 27.005 (SMS) and TS 27.007 (the rest).

use std::fmt;

use crate::secret::Secret;
use crate::sms::Number;

/// Ends a PDU and sends it (TS 27.005 §3.5.1).
pub const CTRL_Z: u8 = 0x1A;
/// Leaves text entry and sends nothing (TS 27.005 §3.5.1).
pub const ESC: u8 = 0x1B;

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

/// How the modem tells of new SMS and receipts (`+CNMI`, TS 27.005 §3.4.1). `mt=1`: it stores an SMS
/// and says where, so that nothing is lost when we crash; `ds`: what it does with receipts.
pub(super) const NOTIFICATIONS: [&str; 5] = [
    "2,1,0,1,0", // receipts at once
    "1,1,0,1,0",
    "2,1,0,2,0", // receipts stored
    "2,1,0,0,0", // no receipts
    "1,1",
];

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// `AT`: is someone there?
    Attention,
    /// `ATE0`.
    EchoOff,
    /// `AT+CMEE=1`: errors as numbers.
    NumericErrors,
    /// `AT+CCID`: the SIM's number.
    SimId,
    /// `AT+ICCID`: the same in another dialect.
    SimIdOther,
    /// `AT+CPIN?`.
    PinState,
    /// `AT+CPINR="SIM PIN"`: how many tries are left.
    PinTries,
    /// `AT+CPIN="…"`.
    EnterPin(Pin),
    /// A line of the configuration.
    Extra(InitLine),
    /// `AT+CMGF=0`.
    PduMode,
    /// `AT+CMGF?`.
    IsPduMode,
    /// `AT+CSMS?`: must SMS that come without storage be acknowledged?
    Service,
    /// `AT+CPMS=…`: read, write and receive there.
    Storage(Memory),
    /// `AT+CPMS=…`: read and delete there.
    Select(Memory),
    /// `AT+CPMS?`: how full is it?
    Room,
    /// `AT+CSCA=…`.
    SetCentre(Number),
    /// `AT+CSCA?`.
    Centre,
    /// `AT+CNMI=…`, by its place in `NOTIFICATIONS`.
    Notify(usize),
    /// `AT+CREG?`.
    Registration,
    /// `AT+CEREG?`, for modems that know LTE only.
    PacketRegistration,
    /// `AT+CSQ`.
    Signal,
    /// `AT+CGMI`.
    Maker,
    /// `AT+CGMM`.
    Model,
    /// `AT+CMGS=…`, then the PDU.
    Submit(Tpdu),
    /// `AT+CMGL=4`: all that is stored.
    List,
    /// `AT+CMGD=…`.
    Delete(u16),
    /// `AT+CNMA`.
    Acknowledge,
}

/// Which lines belong to the answer of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Information {
    /// None.
    Nothing,
    /// Those that start so. `required`: an `OK` without one is the late answer to something else.
    Prefixed {
        prefix: &'static str,
        required: bool,
    },
    /// All that are not notifications.
    Free,
}

impl Ask {
    /// How many ways of [`Ask::Notify`] there are.
    pub const NOTIFICATIONS: usize = NOTIFICATIONS.len();

    /// The line, without its CR.
    pub fn line(&self) -> String {
        match self {
            Ask::Attention => "AT".into(),
            Ask::EchoOff => "ATE0".into(),
            Ask::NumericErrors => "AT+CMEE=1".into(),
            Ask::SimId => "AT+CCID".into(),
            Ask::SimIdOther => "AT+ICCID".into(),
            Ask::PinState => "AT+CPIN?".into(),
            Ask::PinTries => "AT+CPINR=\"SIM PIN\"".into(),
            Ask::EnterPin(pin) => format!("AT+CPIN=\"{}\"", pin.expose()),
            Ask::Extra(line) => line.0.clone(),
            Ask::PduMode => "AT+CMGF=0".into(),
            Ask::IsPduMode => "AT+CMGF?".into(),
            Ask::Service => "AT+CSMS?".into(),
            Ask::Storage(memory) => format!("AT+CPMS=\"{0}\",\"{0}\",\"{0}\"", memory.name()),
            Ask::Select(memory) => format!("AT+CPMS=\"{}\"", memory.name()),
            Ask::Room => "AT+CPMS?".into(),
            // 145: international, E.164 (TS 24.008 §10.5.4.7).
            Ask::SetCentre(number) => format!("AT+CSCA=\"{}\",145", number.as_str()),
            Ask::Centre => "AT+CSCA?".into(),
            Ask::Notify(way) => format!("AT+CNMI={}", NOTIFICATIONS[way % NOTIFICATIONS.len()]),
            Ask::Registration => "AT+CREG?".into(),
            Ask::PacketRegistration => "AT+CEREG?".into(),
            Ask::Signal => "AT+CSQ".into(),
            Ask::Maker => "AT+CGMI".into(),
            Ask::Model => "AT+CGMM".into(),
            Ask::Submit(tpdu) => format!("AT+CMGS={}", tpdu.length),
            Ask::List => "AT+CMGL=4".into(),
            Ask::Delete(index) => format!("AT+CMGD={index}"),
            Ask::Acknowledge => "AT+CNMA".into(),
        }
    }

    pub(super) fn information(&self) -> Information {
        let (prefix, required) = match self {
            Ask::PinState => ("+CPIN:", true),
            Ask::PinTries => ("+CPINR:", true),
            Ask::IsPduMode => ("+CMGF:", true),
            Ask::Service => ("+CSMS:", false),
            Ask::Storage(_) | Ask::Select(_) | Ask::Room => ("+CPMS:", false),
            Ask::Centre => ("+CSCA:", false),
            Ask::Registration => ("+CREG:", false),
            Ask::PacketRegistration => ("+CEREG:", false),
            Ask::Signal => ("+CSQ:", false),
            Ask::Submit(_) => ("+CMGS:", false),
            Ask::SimId | Ask::SimIdOther | Ask::Maker | Ask::Model => return Information::Free,
            _ => return Information::Nothing,
        };
        Information::Prefixed { prefix, required }
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
        assert!(!format!("{:?}", Ask::EnterPin(pin)).contains("1234"));
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
