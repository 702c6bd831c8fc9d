//! The PDUs that all decoders read: a seed makes them, so they are the same every time.
//!
//! Each kind is there for one thing that can be misread. What our own encoder would not write is put
//! together from octets.

use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sms_milter::sms::alphabet::{Fold, pack};
use sms_milter::sms::segment::{Coding, Options, cut};
use sms_milter::sms::{Encoding, Language, Party};
use sms_milter::wire::pdu::{
    Body, Content, Dcs, Deliver, EncodeError, Encoded, Enhanced, Stamp, StatusReport, Submit, Toa,
    Validity, hex,
};

const SEED: u64 = 0x5335_0917;

/// Texts of the plain kind; most are cut into several SMS.
const TEXTS: usize = 2_000;

/// A PDU and what it is there for.
pub struct Sample {
    pub kind: &'static str,
    pub hex: String,
}

pub fn corpus() -> Vec<Sample> {
    let mut corpus = Corpus {
        random: StdRng::seed_from_u64(SEED),
        samples: Vec::new(),
    };
    corpus.tutorials();
    corpus.texts();
    corpus.binary();
    corpus.codings();
    corpus.addresses();
    corpus.headers();
    corpus.national();
    corpus.times();
    corpus.validities();
    corpus.flags();
    corpus.reports();
    corpus.samples
}

struct Corpus {
    random: StdRng,
    samples: Vec<Sample>,
}

impl Corpus {
    fn push(&mut self, kind: &'static str, encoded: Result<Encoded, EncodeError>) {
        let encoded = encoded.unwrap_or_else(|error| panic!("{kind}: {error}"));
        self.samples.push(Sample {
            kind,
            hex: encoded.hex,
        });
    }

    /// What documentation on the web has shown for twenty years.
    fn tutorials(&mut self) {
        for hex in [
            "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37",
            "0011000B916407281553F80000AA0AE8329BFD4697D9EC37",
            "0001000B915155214365F7000002E834",
            "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07",
            "0006D60B915155214365F7621120210000006211202100100000",
        ] {
            self.samples.push(Sample {
                kind: "tutorials",
                hex: hex.to_owned(),
            });
        }
    }

    fn texts(&mut self) {
        let stamp = afternoon(4);
        for _ in 0..TEXTS {
            let text = text(&mut self.random);
            let random = &mut self.random;
            let options = Options {
                fold: *[Fold::None, Fold::Typographic, Fold::All]
                    .choose(random)
                    .unwrap(),
                coding: *[Coding::Auto, Coding::Auto, Coding::Ucs2]
                    .choose(random)
                    .unwrap(),
                reference: random.random(),
                wide: random.random(),
                ..Options::default()
            };
            let flash = random.random_bool(0.2);
            for segment in cut(&text, &options).unwrap().segments {
                let content = Content::segment(&segment, flash);
                let random = &mut self.random;
                let encoded = if random.random() {
                    Deliver::new(sender(random), content, stamp).encode()
                } else {
                    Submit::new(party(random), content).encode()
                };
                self.push("texts", encoded);
            }
        }
    }

    fn binary(&mut self) {
        for length in 1..=133 {
            for udh in [vec![], vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0]] {
                let mut data = vec![0; length];
                self.random.fill(data.as_mut_slice());
                let to = party(&mut self.random);
                let submit = Submit::new(to, Content::binary(data, udh));
                self.push("binary", submit.encode());
            }
        }
    }

    /// Every octet that TP-DCS can be, with a text that fits it and with nothing.
    fn codings(&mut self) {
        for octet in 0..=255 {
            for text in ["Hello, @world!", ""] {
                let dcs = Dcs(octet);
                let body = if dcs.encoding() == Encoding::Binary || dcs.compressed() {
                    Body::Data(text.as_bytes().to_vec())
                } else {
                    Body::Text(text.to_owned())
                };
                let content = Content {
                    dcs,
                    udh: Vec::new(),
                    body,
                };
                let from = Party::from_network("+15551234567");
                let encoded = Deliver::new(from, content, afternoon(0)).encode();
                self.push("codings", encoded);
            }
        }
    }

    /// Every type of number and length of its digits; names of every length; service centres.
    fn addresses(&mut self) {
        let content = || segment("hi");
        for number_type in [0u8, 1, 2, 3, 4, 6, 7] {
            for plan in [0u8, 1, 8, 9] {
                for length in 1..=15 {
                    let digits = digits(&mut self.random, length);
                    let written = if number_type == 1 {
                        format!("+{digits}")
                    } else {
                        digits
                    };
                    let mut deliver =
                        Deliver::new(Party::from_network(&written), content(), afternoon(8));
                    deliver.toa = Toa(0x80 | number_type << 4 | plan);
                    self.push("addresses", deliver.encode());
                }
            }
        }
        for digits in ["*21#", "12ab", "*100*1#", "0a1b2c"] {
            let mut submit = Submit::new(Party::from_name(digits), content());
            submit.toa = Toa::UNKNOWN;
            self.push("addresses", submit.encode());
        }
        for length in 1..=11 {
            for _ in 0..20 {
                let name = name(&mut self.random, length);
                let deliver = Deliver::new(Party::from_name(&name), content(), afternoon(-8));
                self.push("names", deliver.encode());
            }
        }
        for length in 5..=15 {
            let mut submit = Submit::new(Party::from_network("22555"), content());
            let digits = digits(&mut self.random, length);
            submit.smsc = Some(Party::from_network(&format!("+{digits}")));
            self.push("service centres", submit.encode());
            submit.smsc = Some(Party::from_network(&digits));
            self.push("service centres", submit.encode());
        }
    }

    /// Headers of every length, so that there are 0 to 6 fill bits, in all three encodings.
    fn headers(&mut self) {
        let elements: [&[u8]; 12] = [
            &[],
            &[0x00, 3, 7, 2, 1],
            &[0x08, 4, 1, 7, 2, 1],
            &[0x01, 2, 0x80, 5],
            &[0x04, 2, 0xF0, 0xF1],
            &[0x05, 4, 0x0B, 0x84, 0x23, 0xF0],
            &[0x05, 4, 0x0B, 0x84, 0x23, 0xF0, 0x00, 3, 9, 3, 2],
            &[0x70, 0],
            &[0xA9, 1, 42],
            &[0xC0, 7, 1, 2, 3, 4, 5, 6, 7],
            &[0x0A, 3, 0, 5, 1, 0x00, 3, 1, 2, 2],
            &[0x01, 2, 0x00, 3, 0x01, 2, 0x81, 0],
        ];
        for elements in elements {
            let mut udh = vec![elements.len() as u8];
            udh.extend(elements);
            for body in ["", "h", "Hello {@}", "Hello, hello, hello"] {
                for encoding in [Encoding::Gsm7, Encoding::Ucs2, Encoding::Binary] {
                    let content = Content {
                        dcs: Dcs::new(encoding, false),
                        udh: udh.clone(),
                        body: match encoding {
                            Encoding::Binary => Body::Data(body.as_bytes().to_vec()),
                            _ => Body::Text(body.to_owned()),
                        },
                    };
                    let to = party(&mut self.random);
                    self.push("headers", Submit::new(to, content.clone()).encode());
                    let from = sender(&mut self.random);
                    self.push(
                        "headers",
                        Deliver::new(from, content, afternoon(1)).encode(),
                    );
                }
            }
        }
    }

    fn national(&mut self) {
        for language in Language::ALL {
            for element in [0x24, 0x25] {
                let udh = vec![3, element, 1, language as u8];
                // Every septet but ESC, then every pair.
                let all: Vec<u8> = (0..128).filter(|&septet| septet != 0x1B).collect();
                let pairs: Vec<u8> = (0..128)
                    .filter(|&s| s != 0x1B)
                    .flat_map(|s| [0x1B, s])
                    .collect();
                for septets in all.chunks(100).chain(pairs.chunks(100)) {
                    let hex = raw_deliver(&udh, septets);
                    self.samples.push(Sample {
                        kind: "national tables",
                        hex,
                    });
                }
            }
        }
    }

    /// Every zone, every hour, the years of both centuries, and dates that do not exist.
    fn times(&mut self) {
        let from = || Party::from_network("22555");
        for quarters in -79..=79 {
            let encoded = Deliver::new(from(), segment("hi"), afternoon(quarters)).encode();
            self.push("times", encoded);
        }
        for days in 0..300 {
            // Steps of 120 days, 5 hours, 7 minutes and 11 seconds from 1990 on.
            let second = 631_238_400 + days * (120 * 86_400 + 18_431);
            let stamp = Stamp::new(Timestamp::from_second(second).unwrap(), 4).unwrap();
            let encoded = Deliver::new(from(), segment("hi"), stamp).encode();
            self.push("times", encoded);
        }
        for octets in [
            [0; 7],
            [0xFF; 7],
            [0x62, 0x20, 0x03, 0x21, 0x00, 0x00, 0x00],
            [0x62, 0x31, 0x01, 0x21, 0x00, 0x00, 0x00],
            [0x62, 0x11, 0x02, 0x42, 0x00, 0x00, 0x00],
            [0x62, 0x11, 0x02, 0x21, 0x06, 0x00, 0x00],
            [0x62, 0x11, 0x02, 0x21, 0x00, 0x00, 0xF7],
            [0x62, 0xA1, 0x02, 0x21, 0x00, 0x00, 0x00],
        ] {
            let encoded = Deliver::new(from(), segment("hi"), Stamp(octets)).encode();
            self.push("odd times", encoded);
        }
    }

    fn validities(&mut self) {
        let mut submit = Submit::new(Party::from_network("+15551234567"), segment("hi"));
        for octet in 0..=255 {
            // Written by our encoder, and put in place of what it wrote.
            submit.validity = Some(Validity::Relative(Duration::from_secs(300)));
            let hex = submit.encode().unwrap().hex;
            let at = hex.len() - 2 * 5;
            let hex = format!("{}{octet:02X}{}", &hex[..at + 2], &hex[at + 4..]);
            self.samples.push(Sample {
                kind: "relative validities",
                hex,
            });
        }
        for quarters in -79..=79 {
            submit.validity = Some(Validity::Absolute(afternoon(quarters)));
            self.push("absolute validities", submit.encode());
        }
        for octets in [
            [0x00, 0, 0, 0, 0, 0, 0],
            [0x40, 0, 0, 0, 0, 0, 0],
            [0x01, 0xAA, 0, 0, 0, 0, 0],
            [0x42, 30, 0, 0, 0, 0, 0],
            [0x03, 0x21, 0x43, 0x55, 0, 0, 0],
        ] {
            submit.validity = Some(Validity::Enhanced(Enhanced(octets)));
            self.push("enhanced validities", submit.encode());
        }
    }

    fn flags(&mut self) {
        for bits in 0..16u8 {
            let set = |bit: u8| bits >> bit & 1 == 1;
            let mut deliver =
                Deliver::new(Party::from_network("22555"), segment("hi"), afternoon(0));
            deliver.more = set(0);
            deliver.loop_prevention = set(1);
            deliver.status_report = set(2);
            deliver.reply_path = set(3);
            deliver.pid = 0x40 + bits;
            self.push("flags", deliver.encode());
            let mut submit = Submit::new(Party::from_network("22555"), segment("hi"));
            submit.reject_duplicates = set(0);
            submit.status_report = set(1);
            submit.reply_path = set(2);
            submit.reference = bits.wrapping_mul(17);
            submit.pid = 0x3C + bits;
            self.push("flags", submit.encode());
        }
    }

    fn reports(&mut self) {
        for status in 0..=255u8 {
            let (sent, done) = (afternoon(-20), afternoon((status % 80) as i8));
            let random = &mut self.random;
            let mut report = StatusReport::new(random.random(), party(random), sent, done, status);
            report.more = status % 2 == 1;
            report.parameters = match status % 3 {
                0 => vec![],
                1 => vec![0],
                _ => vec![7, 0, 0, 2, 0xE8, 0x34],
            };
            self.push("status reports", report.encode());
        }
    }
}

/// A DELIVER of these septets behind a header, whether or not a text has them.
fn raw_deliver(udh: &[u8], septets: &[u8]) -> String {
    let header = (udh.len() * 8).div_ceil(7);
    let fill = header * 7 - udh.len() * 8;
    let stamp = afternoon(4).0;
    let mut octets = vec![0, 0x44, 5, 0x81, 0x22, 0x55, 0xF5, 0, 0];
    octets.extend(stamp);
    octets.push((header + septets.len()) as u8);
    octets.extend(udh);
    octets.extend(pack(septets, fill));
    hex(&octets)
}

fn afternoon(quarters: i8) -> Stamp {
    Stamp::new(Timestamp::from_second(1_795_000_000).unwrap(), quarters).unwrap()
}

fn segment(text: &str) -> Content {
    Content::segment(&cut(text, &Options::default()).unwrap().segments[0], false)
}

const GSM7: &str =
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà";
const EXTENSION: &str = "^{}\\[~]|€";
const UCS2: [&str; 12] = [
    "я",
    "č",
    "中",
    "’",
    "…",
    "😀",
    "👩🏽\u{200d}🚀",
    "🇨🇿",
    "q\u{301}",
    "한",
    "`",
    "\u{feff}",
];

pub fn text(random: &mut StdRng) -> String {
    let gsm: Vec<char> = GSM7.chars().collect();
    let extension: Vec<char> = EXTENSION.chars().collect();
    let border = *[70, 134, 140, 153, 160, 306].choose(random).unwrap();
    let units = match random.random_range(0..4) {
        0 => random.random_range(0..40),
        1 => border + random.random_range(0..3) - 1,
        _ => random.random_range(0..500),
    };
    let [rare, foreign] = *[[0.0, 0.0], [0.1, 0.0], [0.5, 0.0], [0.05, 0.02], [0.0, 0.5]]
        .choose(random)
        .unwrap();
    let mut text = String::new();
    for _ in 0..units {
        if random.random_bool(rare) {
            text.push(*extension.choose(random).unwrap());
        } else if random.random_bool(foreign) {
            text.push_str(UCS2.choose(random).unwrap());
        } else {
            text.push(*gsm.choose(random).unwrap());
        }
    }
    text
}

pub fn digits(random: &mut StdRng, count: usize) -> String {
    let first = random.random_range(b'1'..=b'9');
    let rest = (1..count).map(|_| random.random_range(b'0'..=b'9'));
    [first].into_iter().chain(rest).map(char::from).collect()
}

fn party(random: &mut StdRng) -> Party {
    let length = random.random_range(5..=15);
    match random.random_range(0..4) {
        0 => {
            let length = random.random_range(3..=8);
            Party::Short(digits(random, length))
        }
        _ => Party::from_network(&format!("+{}", digits(random, length))),
    }
}

fn sender(random: &mut StdRng) -> Party {
    if random.random_bool(0.8) {
        return party(random);
    }
    let count = random.random_range(1..=11);
    Party::from_name(&name(random, count))
}

fn name(random: &mut StdRng, length: usize) -> String {
    let letters: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz&.-ÄÖÜ0123"
        .chars()
        .collect();
    let letter = |_| *letters.choose(random).unwrap();
    (0..length).map(letter).collect()
}
