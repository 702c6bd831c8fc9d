//! Where the decoders of others read otherwise than we do, and why: one rule a difference.
//!
//! A rule is no excuse: it says what the other one does, models it, and holds only where the model
//! gives exactly what the other one said. Where TS 23.040 or 23.038 decides, it is named; in every one
//! of these cases it is the other one that strays.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sms_milter::sms::alphabet::{self, ESC, unpack};
use sms_milter::wire::pdu::{Dcs, hex, octets_of};

use super::corpus::Sample;
use super::readings::{Peer, Reading};

/// One difference: a key that two decoders fill differently.
pub struct Difference<'a> {
    pub sample: &'a Sample,
    pub ours: &'a Reading,
    pub theirs: &'a Reading,
    pub key: &'a str,
}

/// A name that says what the other one does, and whether that is what happened.
type Rule = (&'static str, fn(&Difference) -> bool);

fn rules(peer: Peer) -> &'static [Rule] {
    match peer {
        Peer::Gammu => GAMMU,
        Peer::Gsmmodem => GSMMODEM,
        Peer::NodePdu => NODE_PDU,
    }
}

pub fn names(peer: Peer) -> BTreeSet<&'static str> {
    rules(peer).iter().map(|(name, _)| *name).collect()
}

/// The first rule that explains it.
pub fn explain(peer: Peer, difference: &Difference) -> Option<&'static str> {
    let found = rules(peer).iter().find(|(_, holds)| holds(difference));
    found.map(|(name, _)| *name)
}

const GAMMU: &[Rule] = &[
    (
        "an alphanumeric sender is unpacked but not decoded: Ä, septet 5B, is shown as [",
        |d| {
            d.key == "number"
                && d.our("number_type") == 5
                && in_ascii(d.our_text()) == d.their_text()
        },
    ),
    ("* # a b c of a number are left out", |d| {
        d.key == "number"
            && d.our_text().replace(|c: char| !c.is_ascii_digit(), "") == d.their_text()
    }),
    (
        "a text has as many characters as septets: behind an escape pair's one comes a NUL and memory",
        |d| {
            let pair = |c| matches!(alphabet::septets_of(c), Some(septets) if septets.count() == 2);
            d.is_text("gsm7")
                && d.our_text().chars().any(pair)
                && d.their_text().split('\0').next() == Some(d.our_text())
        },
    ),
    (
        "~ is its own escape in UCS-2, comes out twice, and the text is cut at the old length",
        |d| d.is_text("ucs2") && doubled(d.our_text()) == d.their_text(),
    ),
    (
        "national tables are not known; an escape that means nothing is shown as ¹",
        |d| {
            let known = |septet| alphabet::decode(&[ESC, septet]) != base(septet).to_string();
            let reader = Gsm7 {
                knows: known,
                unknown: |septet| format!("¹{}", base(septet)),
                paragraph: '§',
            };
            let septets = d.septets();
            let shown: String = reader.read(&septets).chars().take(septets.len()).collect();
            d.is_text("gsm7") && d.has_shift() && d.their_text().split('\0').next() == Some(&shown)
        },
    ),
    (
        "a coding with reserved bits is 8-bit data, not GSM 7-bit (TS 23.038 §4)",
        |d| {
            let (dcs, _, data) = d.user_data();
            Dcs(dcs).reserved()
                && match d.key {
                    "encoding" => d.their("encoding") == "binary",
                    _ => d.key == "data" && d.their_text() == hex(&data),
                }
        },
    ),
    (
        "a coding with reserved bits needs as many octets as there are septets",
        |d| {
            let (dcs, length, data) = d.user_data();
            Dcs(dcs).reserved() && d.is_error("ERR_CORRUPTED") && length > data.len()
        },
    ),
    ("compressed text is refused", |d| {
        d.our("compressed") == true && d.is_error("ERR_NOTSUPPORTED")
    }),
    (
        "of a message to be deleted when read, the class is not told",
        |d| d.key == "class" && d.their("class") == -1 && (0x50..=0x7F).contains(&d.user_data().0),
    ),
    ("the enhanced validity is refused", |d| {
        d.is_enhanced() && d.is_error("ERR_UNKNOWN")
    }),
    ("TP-RP is not told", |d| {
        d.key == "reply_path" && d.their("reply_path") == false
    }),
    ("TP-RD is not told", |d| {
        d.key == "reject_duplicates" && d.their("reject_duplicates") == false
    }),
    (
        "years from 90 on are counted from 1990: 1999 is 2089",
        |d| d.key == "wall" && later_by_90(d.our_text(), d.their_text()),
    ),
    ("a zone that is none does not spoil the date", |d| {
        d.key == "wall" && d.our("zone").is_null() && d.their_text() == "2026-11-20T12:00:00"
    }),
];

/// How gsmmodem reads septets; it drops what it does not know, and its table lacks the page break.
const OF_GSMMODEM: Gsm7 = Gsm7 {
    knows: |septet| septet != 0x0A && alphabet::decode(&[ESC, septet]) != base(septet).to_string(),
    unknown: |_| String::new(),
    paragraph: '`',
};

const GSMMODEM: &[Rule] = &[
    (
        "* # a b c of a number are shown as the hex digits they are sent as",
        |d| d.key == "number" && in_hex(d.our_text()) == d.their_text(),
    ),
    ("8-bit data are shown as the characters of Latin-1", |d| {
        let plain = d.our("encoding") == "binary" && d.user_data().0 < 0x20;
        d.key == "text" && plain && latin1(d.our("data")) == d.their_text()
    }),
    ("a paragraph sign is shown as a grave accent", |d| {
        d.is_text("gsm7") && d.our_text().replace('§', "`") == d.their_text()
    }),
    (
        "national tables are not known; an escape that means nothing is dropped with its septet",
        |d| d.is_text("gsm7") && d.has_shift() && OF_GSMMODEM.read(&d.septets()) == d.their_text(),
    ),
    (
        "behind a header of a multiple of seven octets the first septet is lost",
        |d| {
            let border = d.header() > 0 && d.header() % 7 == 0;
            let rest = d.septets().get(1..).map(|rest| OF_GSMMODEM.read(rest));
            d.is_text("gsm7") && border && rest.as_deref() == Some(d.their_text())
        },
    ),
    (
        "behind a header an at sign that ends with the last octet is lost",
        |d| {
            let (_, length, _) = d.user_data();
            let border = d.header() > 0 && length % 8 == 0;
            let mut septets = d.septets();
            let at_sign = septets.pop() == Some(0);
            let first = usize::from(d.header() % 7 == 0);
            let rest = septets.get(first..).map(|rest| OF_GSMMODEM.read(rest));
            d.is_text("gsm7") && border && at_sign && rest.as_deref() == Some(d.their_text())
        },
    ),
    ("a header without a text behind it is an error", |d| {
        d.header() > 0 && d.our("text") == "" && d.is_error("StopIteration")
    }),
    (
        "compression is not seen, what is compressed is read as a text",
        |d| d.our("compressed") == true && d.is_text_of_gsmmodem(),
    ),
    ("the reserved alphabet is 8-bit data", |d| {
        matches!(d.user_data().0, 0x0C..=0x0F | 0x1C..=0x1F) && d.is_text_of_gsmmodem()
    }),
    (
        "coding groups from 4 on are GSM 7-bit whatever they say",
        |d| d.user_data().0 >= 0x40 && d.is_text_of_gsmmodem(),
    ),
    (
        "the enhanced validity is not skipped, its first octet is taken for the length",
        |d| {
            let octets = octets_of(&d.sample.hex).unwrap();
            // TP-VP stands in the same place in all of these.
            let (length, rest) = (usize::from(octets[13]), &octets[14..]);
            d.key == "text"
                && d.is_enhanced()
                && OF_GSMMODEM.read(&unpack(rest, 0, length)) == d.their_text()
        },
    ),
    ("a date that does not exist is an error", |d| {
        d.is_error("ValueError") && d.sample.kind == "odd times"
    }),
    (
        "of a zone that is none, the one digit that is one counts",
        |d| matches!(d.key, "zone" | "time") && d.our("zone").is_null() && d.their("zone") == 105,
    ),
    ("years from 69 to 89 are of the last century", |d| {
        d.key == "time" && a_century_less(d.our("time"), d.their("time"))
    }),
];

/// How node-pdu reads septets; a grave accent stands for what it does not know.
const OF_NODE_PDU: Gsm7 = Gsm7 {
    knows: OF_GSMMODEM.knows,
    unknown: |_| "`".to_owned(),
    paragraph: '`',
};

const NODE_PDU: &[Rule] = &[
    (
        "* # a b c of a number are shown as the hex digits they are sent as",
        |d| d.key == "number" && in_hex(d.our_text()).to_uppercase() == d.their_text(),
    ),
    ("a paragraph sign is shown as a grave accent", |d| {
        d.is_text("gsm7") && d.our_text().replace('§', "`") == d.their_text()
    }),
    (
        "national tables are not known; an escape that means nothing is a grave accent",
        |d| d.is_text("gsm7") && d.has_shift() && OF_NODE_PDU.read(&d.septets()) == d.their_text(),
    ),
    ("fill bits without a text behind them are an at sign", |d| {
        d.is_text("gsm7") && d.our("text") == "" && d.header() % 7 != 0 && d.their_text() == "@"
    }),
    (
        "compression is seen, and what is compressed is read as a text nevertheless",
        |d| d.our("compressed") == true && d.is_text_of_node_pdu(),
    ),
    (
        "the reserved alphabet is an error, not GSM 7-bit (TS 23.038 §4)",
        |d| d.node_pdu_alphabet() == 3 && d.is_error("Unknown alpabet"),
    ),
    (
        "reserved coding groups and bits are read as if they were the first group's",
        |d| {
            let (dcs, _, _) = d.user_data();
            let same = match d.key {
                "class" => d.their("class") == dcs & 3,
                "compressed" => d.their("compressed") == true,
                "encoding" => {
                    *d.their("encoding") == ["gsm7", "binary", "ucs2"][d.node_pdu_alphabet()]
                }
                "data" => d.their_text() == hex(&d.user_data().2),
                _ => d.is_text_of_node_pdu(),
            };
            Dcs(dcs).reserved() && same
        },
    ),
    (
        "of message waiting groups D and E, the bits for what waits are read as the alphabet",
        |d| {
            let (dcs, _, _) = d.user_data();
            let same = match d.key {
                "encoding" => {
                    *d.their("encoding") == ["gsm7", "binary", "ucs2"][d.node_pdu_alphabet()]
                }
                _ => d.is_text_of_node_pdu(),
            };
            (0xD0..=0xEF).contains(&dcs) && same
        },
    ),
    ("when nothing waits, it does not say of what", |d| {
        d.key == "waiting" && d.our("waiting")[1] == false && d.their("waiting")[0] == 0
    }),
    ("the enhanced validity is refused", |d| {
        d.is_enhanced() && d.is_error("Unknown validity period format")
    }),
    (
        "relative validities above 143 are wrong: days for hours, a day or four weeks less",
        |d| {
            d.key == "validity"
                && validity_of_node_pdu(d.our("validity")) == d.their("validity").as_i64()
        },
    ),
    (
        "a date that does not exist is the one that many days later, a digit that is none is zero",
        |d| {
            // None of them is told as what it is; in the order of the corpus.
            const TOLD: [i64; 8] = [
                943_920_000,
                943_996_500,
                1_772_452_800,
                1_799_582_400,
                1_795_219_200,
                1_795_179_600,
                1_795_099_500,
                1_766_232_000,
            ];
            let told = d.their("time").as_i64();
            d.key == "time" && d.our("time").is_null() && told.is_some_and(|t| TOLD.contains(&t))
        },
    ),
    ("a zone that is none is one", |d| {
        d.key == "zone"
            && d.our("zone").is_null()
            && d.their("zone").as_i64().map(i64::abs) == Some(1275)
    }),
    ("years from 71 to 89 are of the last century", |d| {
        d.key == "time" && a_century_less(d.our("time"), d.their("time"))
    }),
];

impl Difference<'_> {
    fn our(&self, key: &str) -> &Value {
        self.ours.get(key).unwrap_or(&Value::Null)
    }

    fn their(&self, key: &str) -> &Value {
        self.theirs.get(key).unwrap_or(&Value::Null)
    }

    fn our_text(&self) -> &str {
        self.our(self.key).as_str().unwrap_or_default()
    }

    fn their_text(&self) -> &str {
        self.their(self.key).as_str().unwrap_or_default()
    }

    fn has_shift(&self) -> bool {
        let elements = self.our("elements").as_array();
        elements.is_some_and(|all| all.iter().any(|e| e[0] == 0x24 || e[0] == 0x25))
    }

    /// TP-DCS, TP-UDL and TP-UD of a SUBMIT or DELIVER.
    fn user_data(&self) -> (u8, usize, Vec<u8>) {
        let octets = octets_of(&self.sample.hex).unwrap();
        let first = 1 + usize::from(octets[0]);
        let submit = octets[first] & 3 == 1;
        let address = first + 1 + usize::from(submit);
        let dcs = address + 3 + usize::from(octets[address]).div_ceil(2);
        let time = match (submit, octets[first] >> 3 & 3) {
            (false, _) | (true, 1 | 3) => 7,
            (true, 2) => 1,
            (true, _) => 0,
        };
        let length = dcs + 1 + time;
        let data = octets[length + 1..].to_vec();
        (octets[dcs], usize::from(octets[length]), data)
    }

    /// Octets of the header, its length among them.
    fn header(&self) -> usize {
        self.our("udh").as_str().map_or(0, |udh| udh.len() / 2)
    }

    /// The septets behind the header.
    fn septets(&self) -> Vec<u8> {
        let (_, length, data) = self.user_data();
        let header = self.header();
        let units = (header * 8).div_ceil(7);
        unpack(&data[header..], units * 7 - header * 8, length - units)
    }

    /// It is about a text in that encoding.
    fn is_text(&self, encoding: &str) -> bool {
        self.key == "text" && self.our("encoding") == encoding && self.our("text").is_string()
    }

    fn is_error(&self, named: &str) -> bool {
        self.key == "error" && self.their_text().contains(named)
    }

    fn is_enhanced(&self) -> bool {
        self.sample.kind == "enhanced validities"
    }

    /// A text of user data without a header in one of the first group's alphabets.
    fn is_text_of_gsmmodem(&self) -> bool {
        let (dcs, _, data) = self.user_data();
        let text = match dcs >> 2 {
            alphabet @ (1 | 3 | 5 | 7 | 9 | 11 | 13 | 15) if alphabet < 16 => {
                latin1(&json!(hex(&data)))
            }
            2 | 6 | 10 | 14 => utf16(&data),
            _ => OF_GSMMODEM.read(&unpack(&data, 0, usize::MAX)),
        };
        self.key == "text" && self.their_text() == text
    }

    fn node_pdu_alphabet(&self) -> usize {
        usize::from(self.user_data().0 >> 2 & 3)
    }

    fn is_text_of_node_pdu(&self) -> bool {
        let (_, length, data) = self.user_data();
        let text = match self.node_pdu_alphabet() {
            2 => utf16(&data),
            _ => OF_NODE_PDU.read(&unpack(&data, 0, length)),
        };
        self.key == "text" && self.their_text() == text
    }
}

/// A reader of the default alphabet with ideas of its own.
struct Gsm7 {
    /// Whether ESC and this septet mean something.
    knows: fn(u8) -> bool,
    /// What is shown for them when they do not.
    unknown: fn(u8) -> String,
    /// Septet 5F.
    paragraph: char,
}

impl Gsm7 {
    fn read(&self, septets: &[u8]) -> String {
        let mut text = String::new();
        let mut septets = septets.iter().copied();
        while let Some(septet) = septets.next() {
            match septet {
                ESC => match septets.next() {
                    Some(septet) if (self.knows)(septet) => {
                        text += &alphabet::decode(&[ESC, septet])
                    }
                    Some(septet) => text += &(self.unknown)(septet),
                    None => {}
                },
                0x5F => text.push(self.paragraph),
                septet => text.push(base(septet)),
            }
        }
        text
    }
}

fn latin1(data: &Value) -> String {
    let octets = octets_of(data.as_str().unwrap_or_default()).unwrap_or_default();
    octets.into_iter().map(char::from).collect()
}

fn utf16(octets: &[u8]) -> String {
    let words = octets.chunks(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        [high] => u16::from_be_bytes([high, 0]),
        _ => 0,
    });
    String::from_utf16_lossy(&words.collect::<Vec<_>>())
}

fn validity_of_node_pdu(ours: &Value) -> Option<i64> {
    const DAY: i64 = 86_400;
    let ours = ours.as_i64()?;
    Some(match ours {
        ..=43_200 => ours,
        43_201..=DAY => ours - 43_200 + 12 * DAY,
        _ if ours <= 30 * DAY => ours - DAY,
        _ => ours - 4 * 7 * DAY,
    })
}

fn base(septet: u8) -> char {
    alphabet::decode(&[septet]).chars().next().unwrap_or(' ')
}

fn in_ascii(name: &str) -> String {
    let septets = alphabet::encode(name).unwrap_or_default();
    septets.into_iter().map(char::from).collect()
}

fn in_hex(number: &str) -> String {
    let digit = |c: char| match c {
        '*' => 'a',
        '#' => 'b',
        'a'..='c' => char::from(c as u8 + 2),
        c => c,
    };
    number.chars().map(digit).collect()
}

/// As many 16-bit units as `text` has, but the last pair whole.
fn doubled(text: &str) -> String {
    let length = text.encode_utf16().count();
    let doubled = text.replace('~', "~~");
    let mut units = 0;
    let before = |c: &char| {
        let fits = units < length;
        units += c.len_utf16();
        fits
    };
    doubled.chars().take_while(before).collect()
}

fn later_by_90(ours: &str, theirs: &str) -> bool {
    let year = |wall: &str| wall.get(..4).and_then(|year| year.parse::<u16>().ok());
    let years = year(ours).zip(year(theirs));
    years.is_some_and(|(ours, theirs)| ours < 2000 && theirs == ours + 90)
        && ours.get(4..) == theirs.get(4..)
}

fn a_century_less(ours: &Value, theirs: &Value) -> bool {
    const CENTURY: i64 = 36_525 * 86_400;
    let seconds = ours.as_i64().zip(theirs.as_i64());
    seconds.is_some_and(|(ours, theirs)| ours - theirs == CENTURY)
}
