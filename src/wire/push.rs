//! What one instance tells another program over HTTP: an SMS that came, and what became of one that the
//! program had us send. Pure: it makes the octets that are kept until they are taken, and the requests of
//! the programs that have forms of their own.
//!
//! It is kept as the JSON object that `/hooks/GATEWAY` of another sms-milter reads. Never in it: whose mail
//! it would have been, a secret, a gateway's name.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// What needs no escape in a query (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `error` of a message of which nobody knows whether it was sent: no network has such a code.
pub const MAY_HAVE_BEEN_SENT: u16 = u16::MAX;

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Push {
    /// What became of a message.
    Fate {
        /// What we called it when we took it.
        id: String,
        /// What the program called it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        msgid: Option<String>,
        /// The phone.
        number: String,
        /// Which.
        status: Fate,
        /// The network's number for why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<u16>,
        /// Since when, as RFC 3339 has it.
        time: String,
    },
    /// An SMS came.
    Sms {
        /// Its name; a repeat has the same.
        id: String,
        /// The phone, or the name or short code that stands for it.
        from: String,
        /// Our number, when it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// The text; with `binary` the data in hex.
        text: String,
        /// `1`: the text is data.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binary: Option<String>,
        /// The user data header of the data in hex, with its length octet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        udh: Option<String>,
        /// The service centre's time, else ours, as RFC 3339 has it.
        time: String,
    },
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// The phone has it.
    Delivered,
    /// It did not get there, or nobody knows ([`MAY_HAVE_BEEN_SENT`]).
    Failed,
    /// No network took it in time.
    Expired,
}

impl Push {
    /// The octets that are kept, and that another sms-milter is sent.
    pub fn to_json(&self) -> Vec<u8> {
        // String keys and nothing that can fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Push::to_json`] made.
    pub fn from_json(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok()
    }

    /// In words, for an admin who gets it because its receiver did not.
    pub fn in_words(&self) -> String {
        match self {
            Push::Fate {
                id, number, status, ..
            } => format!("The SMS {id} to {number}: {status:?}.").to_lowercase(),
            Push::Sms {
                from, text, time, ..
            } => {
                format!("SMS from {from} of {time}:\n\n{text}")
            }
        }
    }

    /// When what it tells of happened; an SMS: none.
    pub fn happened(&self) -> Option<Timestamp> {
        match self {
            Push::Fate { time, .. } => time.parse().ok(),
            Push::Sms { .. } => None,
        }
    }

    /// The query by which Kannel's HTTP centre is told (`smsc = http`, `system-type = generic`), with the
    /// `smsc-username` and `smsc-password` it wants.
    ///
    /// Kannel hands text on as it came and names its charset by `coding` alone: 0 is UTF-8, 1 data, 2 UTF-16BE
    /// (1.4.5).
    pub fn kannel(&self, user: &str, password: &str) -> String {
        let mut query = String::new();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.extend(utf8_percent_encode(value, RESERVED));
        };
        add("username", user);
        add("password", password);
        match self {
            Push::Fate {
                id,
                number,
                status,
                error,
                ..
            } => {
                // DLR_SUCCESS, DLR_FAIL: the last words. That we took it, our answer said.
                let mask = match status {
                    Fate::Delivered => "1",
                    Fate::Failed | Fate::Expired => "2",
                };
                add("dlr-mid", id);
                add("dlr-mask", mask);
                add("to", number);
                if let Some(error) = error {
                    add("dlr-err", &error.to_string());
                }
            }
            Push::Sms {
                from,
                to,
                text,
                binary,
                udh,
                ..
            } => {
                add("from", from);
                add("to", to.as_deref().unwrap_or_default());
                let data = binary.as_ref().and_then(|_| octets(text));
                if let Some(udh) = udh.as_deref().and_then(octets) {
                    query.push_str("&udh=");
                    query.push_str(&escaped(&udh));
                }
                let utf16 = || text.encode_utf16().flat_map(u16::to_be_bytes).collect();
                let (coding, octets): (_, Vec<u8>) = match data {
                    Some(data) => ("1", data),
                    None if text.is_ascii() => ("0&charset=UTF-8", text.clone().into_bytes()),
                    None => ("2&charset=UTF-16BE", utf16()),
                };
                query.push_str(&format!("&coding={coding}&text={}", escaped(&octets)));
            }
        }
        query
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => {
                let digit = |b: u8| char::from(b).to_digit(16);
                u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
            }
            _ => None,
        })
        .collect()
}

fn escaped(octets: &[u8]) -> String {
    percent_encoding::percent_encode(octets, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time() -> String {
        "2026-11-20T12:00:00Z".to_owned()
    }

    fn sms(text: &str, binary: bool, udh: Option<&str>) -> Push {
        Push::Sms {
            id: "7".into(),
            from: "+15551234567".into(),
            to: Some("+15550002222".into()),
            text: text.into(),
            binary: binary.then(|| "1".into()),
            udh: udh.map(str::to_owned),
            time: time(),
        }
    }

    fn fate(status: Fate, error: Option<u16>) -> Push {
        let (id, number) = ("abc".into(), "+15551234567".into());
        Push::Fate {
            id,
            msgid: None,
            number,
            status,
            error,
            time: time(),
        }
    }

    #[test]
    fn as_json() {
        #[track_caller]
        fn check(push: Push, expected: &str) {
            let json = push.to_json();
            assert_eq!(String::from_utf8_lossy(&json), expected);
            assert_eq!(Push::from_json(&json), Some(push));
        }
        check(
            sms("Yes & no", false, None),
            r#"{"id":"7","from":"+15551234567","to":"+15550002222","text":"Yes & no","time":"2026-11-20T12:00:00Z"}"#,
        );
        check(
            sms("01FF", true, Some("0401020304")),
            r#"{"id":"7","from":"+15551234567","to":"+15550002222","text":"01FF","binary":"1","udh":"0401020304","time":"2026-11-20T12:00:00Z"}"#,
        );
        check(
            fate(Fate::Failed, Some(68)),
            r#"{"id":"abc","number":"+15551234567","status":"failed","error":68,"time":"2026-11-20T12:00:00Z"}"#,
        );
        let mut named = fate(Fate::Expired, None);
        if let Push::Fate { msgid, .. } = &mut named {
            *msgid = Some("0190".into());
        }
        check(
            named,
            r#"{"id":"abc","msgid":"0190","number":"+15551234567","status":"expired","time":"2026-11-20T12:00:00Z"}"#,
        );
        assert_eq!(Push::from_json(b"{}"), None);
    }

    #[test]
    fn as_kannel_has_it() {
        #[track_caller]
        fn check(push: Push, expected: &str) {
            let query = push.kannel("us", "p&w");
            assert_eq!(query, format!("username=us&password=p%26w&{expected}"));
        }
        check(
            sms("Yes & +", false, None),
            "from=%2B15551234567&to=%2B15550002222&coding=0&charset=UTF-8&text=Yes%20%26%20%2B",
        );
        check(
            sms("&ž", false, None),
            "from=%2B15551234567&to=%2B15550002222&coding=2&charset=UTF-16BE&text=%00%26%01~",
        );
        check(
            sms("01ff", true, Some("0401020304")),
            "from=%2B15551234567&to=%2B15550002222&udh=%04%01%02%03%04&coding=1&text=%01%FF",
        );
        check(
            fate(Fate::Delivered, None),
            "dlr-mid=abc&dlr-mask=1&to=%2B15551234567",
        );
        check(
            fate(Fate::Expired, Some(70)),
            "dlr-mid=abc&dlr-mask=2&to=%2B15551234567&dlr-err=70",
        );
    }

    proptest! {
        #[test]
        fn whatever_a_phone_writes_stays_in_its_field(text: String, from: String) {
            let push = Push::Sms {
                id: "7".into(), from, to: None, text, binary: None, udh: None, time: time(),
            };
            prop_assert_eq!(Push::from_json(&push.to_json()), Some(push.clone()));
            prop_assert_eq!(push.kannel("u", "p").matches('&').count(), 6);
        }

        #[test]
        fn any_octets_are_read_or_not(octets: Vec<u8>, hex: String) {
            let _ = Push::from_json(&octets);
            let _ = super::octets(&hex);
        }
    }
}
