//! USSD (`AT+CUSD`, TS 27.007 §7.15): a code goes to the network, a text comes back. `*100#` and the
//! like tell the balance of a prepaid SIM.
//!
//! Modems disagree on how the text is written on the line; [`Form`] has the three ways there are, and
//! [`Code::forms`] the order to try them in. A modem that refuses a form refuses it at once; what the
//! network said is never asked twice. Texts are the subscriber's: they are not for logs.

use std::time::Duration;

use super::codes::Code as Error;
use super::talk::{Answer, End};
use crate::sms::alphabet;
use crate::wire::pdu;

/// How long the network may take: operators answer within seconds, or give up after a minute.
pub const TIMEOUT: Duration = Duration::from_secs(90);

/// The network takes 160 octets, that is 182 septets (TS 24.080 §4.5); no one types that much.
const MAX_CODE: usize = 100;

/// What an answer has at most is 182 characters; modems do not keep to that.
const MAX_TEXT: usize = 1024;

/// What may be asked: `*100#`, or `2` when a menu waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// Codes that change or unblock a PIN (TS 22.030 §6.6.2, 6.6.3): a wrong one locks the SIM.
    const FORBIDDEN: [&'static str; 4] = ["**04", "**05", "*04", "*05"];

    /// Reads it; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // The same octets in ASCII and in GSM's alphabet, and none that ends a quoted string.
        let fits = |c: char| c.is_ascii_alphanumeric() || "*#+-.,:/ ?!()&%".contains(c);
        if text.is_empty() || text.len() > MAX_CODE || !text.chars().all(fits) {
            return Err(format!(
                "a USSD code is up to {MAX_CODE} digits, letters, * and #, such as *100#"
            ));
        }
        match Self::forbidden(text) {
            Some(code) => Err(format!(
                "{code}… changes a PIN, and wrong ones lock the SIM: do that in a phone"
            )),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// It would change or unblock a PIN.
    pub fn changes_pin(text: &str) -> bool {
        Self::forbidden(text).is_some()
    }

    fn forbidden(text: &str) -> Option<&'static str> {
        let mut all = Self::FORBIDDEN.iter().copied();
        all.find(|code| text.starts_with(code))
    }

    /// It.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ways to write it, in the order to try them. `maker`: what `AT+CGMI` said. Huawei's sticks
    /// take hex where others take text; they take text, too, and send a wrong code then.
    pub fn forms(maker: Option<&str>) -> [Form; 3] {
        let huawei = maker.is_some_and(|maker| maker.to_ascii_lowercase().contains("huawei"));
        match huawei {
            true => [Form::Packed, Form::Plain, Form::Ucs2],
            false => [Form::Plain, Form::Ucs2, Form::Packed],
        }
    }
}

/// How texts of USSD are written on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are; with `AT+CSCS="GSM"`.
    Plain,
    /// Septets packed into octets, in hex; with `AT+CSCS="GSM"`.
    Packed,
    /// UCS-2 in hex; with `AT+CSCS="UCS2"`.
    Ucs2,
}

impl Form {
    /// A code in it.
    pub(super) fn write(self, code: &Code) -> String {
        match self {
            Form::Plain => code.0.clone(),
            Form::Packed => {
                let mut septets = alphabet::encode(&code.0).unwrap_or_default();
                // Seven bits that are left over would be read as one more `@` (TS 23.038 §6.1.2.3.1).
                if septets.len() % 8 == 7 {
                    septets.push(b'\r');
                }
                pdu::hex(&alphabet::pack(&septets, 0))
            }
            Form::Ucs2 => {
                let units = code.0.encode_utf16();
                units.map(|unit| format!("{unit:04X}")).collect()
            }
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The network's text. `more`: it waits for one of ours, or for the end of the session.
    Text {
        /// The text.
        text: String,
        /// The session is open.
        more: bool,
    },
    /// The network or the modem did not do it; why, for people.
    Refused(String),
    /// Nothing came in time.
    Silent,
}

/// What the answer to an [`super::Ask::Ussd`] says, written in that form.
pub fn reply(answer: &Answer, form: Form) -> Reply {
    if let Some(reply) = answer.lines.iter().rev().find_map(|line| read(line, form)) {
        return reply;
    }
    match &answer.end {
        End::Error(code) => Reply::Refused(code.to_string()),
        End::Ok | End::Silent => Reply::Silent,
    }
}

/// The modem did not take the command in this form: another may do. An error of the network would
/// have come in a line of its own.
pub fn is_worth_another_form(answer: &Answer) -> bool {
    let wrong = |code: &Error| matches!(code, Error::Plain | Error::Words(_)) || is_syntax(code);
    answer.lines.is_empty() && matches!(&answer.end, End::Error(code) if wrong(code))
}

/// Not allowed, not supported, strings too long or with wrong characters, wrong parameters, unknown
/// (TS 27.007 §9.2).
fn is_syntax(code: &Error) -> bool {
    matches!(
        code,
        Error::Cme(3 | 4 | 24..=27 | 50 | 100) | Error::Cms(302..=305)
    )
}

/// `+CUSD: <m>[,"<text>"[,<dcs>]]`.
fn read(line: &str, form: Form) -> Option<Reply> {
    let rest = line.strip_prefix("+CUSD:")?.trim();
    let (m, rest) = rest.split_once(',').unwrap_or((rest, ""));
    let (text, dcs) = match rest.rfind(['"', '\'']) {
        Some(end) => {
            let start = rest.find(['"', '\'']).map_or(0, |start| start + 1);
            let dcs = rest.get(end + 1..).unwrap_or("");
            (rest.get(start..end).unwrap_or(""), dcs)
        }
        None => rest.rsplit_once(',').unwrap_or((rest, "")),
    };
    let dcs = dcs.trim_matches([',', ' ', '>']).parse().unwrap_or(15);
    let text = text_of(text, dcs, form);
    Some(match (m.trim(), text.is_empty()) {
        ("0", _) => Reply::Text { text, more: false },
        ("1", _) => Reply::Text { text, more: true },
        // Some networks put their last word into the end of the session.
        ("2", false) => Reply::Text { text, more: false },
        ("2", true) => Reply::Refused("the network ended the session".to_owned()),
        ("3", _) => Reply::Refused("somebody else uses USSD at this modem".to_owned()),
        ("4", _) => Reply::Refused("the network does not know this code".to_owned()),
        ("5", _) => Reply::Refused("the network did not answer in time".to_owned()),
        _ => return None,
    })
}

/// How characters are coded, by the coding scheme of cell broadcast and USSD (TS 23.038 §5).
#[derive(Clone, Copy, PartialEq)]
enum Coding {
    Gsm,
    Data,
    Ucs2,
}

fn coding(dcs: u8) -> Coding {
    match (dcs, dcs & 0x0C) {
        (0x11, _) => Coding::Ucs2,
        // General coding, and with a user data header.
        (0x40..=0x7F | 0x90..=0x9F, 0x04) | (0xF4..=0xF7 | 0xFC..=0xFF, _) => Coding::Data,
        (0x40..=0x7F | 0x90..=0x9F, 0x08) => Coding::Ucs2,
        _ => Coding::Gsm,
    }
}

/// A text as a modem wrote it.
fn text_of(said: &str, dcs: u8, form: Form) -> String {
    let octets = pdu::octets_of(said)
        .ok()
        .filter(|octets| !octets.is_empty());
    let text = match (coding(dcs), octets) {
        (_, None) => said.to_owned(),
        (Coding::Ucs2, Some(octets)) => ucs2(match dcs {
            // The language stands before it, as two characters of seven bits.
            0x11 if octets.len() % 2 == 0 => octets.get(2..).unwrap_or(&octets),
            _ => &octets,
        })
        .unwrap_or_else(|| said.to_owned()),
        (Coding::Data, Some(octets)) => String::from_utf8_lossy(&octets).into_owned(),
        (Coding::Gsm, Some(octets)) => gsm(said, &octets, form),
    };
    // 0x10: the language and a CR before the text.
    let text = match (dcs, text.split_once(['\r', '\n'])) {
        (0x10, Some((language, text))) if language.chars().count() == 2 => text.to_owned(),
        _ => text,
    };
    let kept = text
        .chars()
        .map(|c| if matches!(c, '\r' | '\u{0}') { '\n' } else { c })
        .filter(|c| *c == '\n' || !c.is_control());
    kept.take(MAX_TEXT).collect::<String>().trim().to_owned()
}

/// Hex where GSM's alphabet was announced: UCS-2, septets, or a text that happens to look like hex.
fn gsm(said: &str, octets: &[u8], form: Form) -> String {
    let packed = unpacked(octets);
    match form {
        Form::Ucs2 => ucs2(octets).unwrap_or(packed),
        Form::Packed => packed,
        // Some modems write hex though they were asked in text. A balance of digits only is short, and
        // makes no words when it is unpacked.
        Form::Plain if said.len() >= 12 && reads_well(&packed) => packed,
        Form::Plain if said.len() >= 12 && said.starts_with("00") => {
            ucs2(octets).unwrap_or_else(|| said.to_owned())
        }
        Form::Plain => said.to_owned(),
    }
}

fn unpacked(octets: &[u8]) -> String {
    let count = octets.len() * 8 / 7;
    let mut septets = alphabet::unpack(octets, 0, count);
    // What fills the last octet is no character.
    if count.is_multiple_of(8) && matches!(septets.last(), Some(0 | b'\r')) {
        septets.pop();
    }
    alphabet::decode(&septets)
}

fn reads_well(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || " \n\r.,:;-+*#/()!?%$£€'\"=@&".contains(c);
    text.chars().all(usual) && text.contains(' ')
}

fn ucs2(octets: &[u8]) -> Option<String> {
    if !octets.len().is_multiple_of(2) {
        return None;
    }
    let units = octets
        .chunks(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    Some(
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str, more: bool) -> Option<Reply> {
        let text = text.to_owned();
        Some(Reply::Text { text, more })
    }

    fn refused(reason: &str) -> Option<Reply> {
        Some(Reply::Refused(reason.to_owned()))
    }

    #[test]
    fn codes() {
        for (code, good) in [
            ("*100#", true),
            (" *#06# ", true),
            ("1", true),
            ("*100*2*word#", true),
            ("", false),
            ("*100#\"", false),
            ("*100#\r", true),
            ("*1\r00#", false),
            ("*100#é", false),
            ("**04*1234*4321*4321#", false),
            ("**05*12345678*1234*1234#", false),
        ] {
            assert_eq!(Code::parse(code).is_ok(), good, "{code:?}");
        }
        assert!(Code::parse(&"1".repeat(MAX_CODE + 1)).is_err());
    }

    #[test]
    fn answers_in_every_form() {
        use Form::{Packed, Plain, Ucs2};
        for (line, form, expected) in [
            (
                "+CUSD: 0,\"Balance 5.00\",15",
                Plain,
                text("Balance 5.00", false),
            ),
            (
                "+CUSD: 1,\"1 More\n2 Less\",15",
                Plain,
                text("1 More\n2 Less", true),
            ),
            (
                "+CUSD:0,\"Balance 5.00\"",
                Plain,
                text("Balance 5.00", false),
            ),
            (
                "+CUSD: 0,\"say \"hi\" now\",15",
                Plain,
                text("say \"hi\" now", false),
            ),
            // UCS-2, though the line is in GSM's alphabet.
            (
                "+CUSD: 0,\"005300740061006E006400200035002020AC\",72",
                Plain,
                text("Stand 5 €", false),
            ),
            (
                "+CUSD: 0,\"005300740061006E006400200035002020AC\",15",
                Plain,
                text("Stand 5 €", false),
            ),
            ("+CUSD: 0,\"0035002020AC\",72", Plain, text("5 €", false)),
            ("+CUSD: 0,\"00350020\",15", Ucs2, text("5", false)),
            // Septets, asked for and not.
            (
                "+CUSD: 0,\"C2303BEC1E974135170C062A56A5\",15",
                Packed,
                text("Balance 5.00 EUR", false),
            ),
            (
                "+CUSD: 0,\"C2303BEC1E974135170C062A56A5\",15",
                Plain,
                text("Balance 5.00 EUR", false),
            ),
            (
                "+CUSD: 0,\"C2303BEC9E83\",15",
                Plain,
                text("C2303BEC9E83", false),
            ),
            ("+CUSD: 0,\"12345678\",15", Plain, text("12345678", false)),
            ("+CUSD: 2", Plain, refused("the network ended the session")),
            ("+CUSD: 2,\"Bye\",15", Plain, text("Bye", false)),
            (
                "+CUSD: 4",
                Plain,
                refused("the network does not know this code"),
            ),
            (
                "+CUSD: 5",
                Plain,
                refused("the network did not answer in time"),
            ),
            ("+CUSD: 9", Plain, None),
            ("+CUSD: 0,\"de\rHallo\",16", Plain, text("Hallo", false)),
        ] {
            assert_eq!(read(line, form), expected, "{line}");
        }
    }

    #[test]
    fn septets_come_back_whatever_their_number() {
        for n in 1..40 {
            let said: String = "Balance 5.00 EUR and some more words here"
                .chars()
                .take(n)
                .collect();
            let code = Code::parse(said.trim()).expect("code");
            let line = format!("+CUSD: 0,\"{}\",15", Form::Packed.write(&code));
            assert_eq!(
                read(&line, Form::Packed),
                text(said.trim(), false),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\+CUSD: [0-9],\"?[ -~]{0,40}\"?,?[0-9]{0,4}", dcs in any::<u8>()) {
            for form in [Form::Plain, Form::Packed, Form::Ucs2] {
                let _ = read(&line, form);
                let _ = text_of(&line, dcs, form);
            }
        }
    }
}
