//! What an SMS is that is no plain text, in words: data for an application, flash, "messages
//! waiting", replacement, and whatever its header holds that nobody here acts upon.
//!
//! Pure. Everything in an SMS may be hostile: the words hold names of ours and numbers, never octets
//! of the SMS; whatever the octets, it never fails. It decides nothing but what to say, and whether
//! data are what their port promises.

use crate::mail::words::Words;
use crate::sms::Marks;
use crate::sms::udh::{self, Element, Ports};
use crate::wire::pdu::{self, Dcs};

/// More elements than this are counted, not named: an SMS holds 69 empty ones.
const MAX_NAMED: usize = 8;

/// What an SMS says beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// A sentence for each thing, without a full stop; none for an ordinary SMS.
    pub sentences: Vec<String>,
    /// The message class.
    pub class: Option<u8>,
    /// From which application for which.
    pub ports: Option<Ports>,
    /// What waits for the subscriber.
    pub waiting: Vec<Waiting>,
    /// It says something even without text or data; class alone does not.
    pub speaks: bool,
}

/// "Messages waiting" of one kind (TS 23.040 §9.2.3.24.2, TS 23.038 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Of what kind: `voicemail`.
    pub kind: &'static str,
    /// How many; `None`: some. 0: none any more.
    pub count: Option<u8>,
}

/// What data for an application are, when they are what its port promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Octets.
    Octets,
    /// A vCard (RFC 6350, or its forerunners).
    VCard,
    /// A calendar (RFC 5545).
    Calendar,
    /// vCalendar 1.0, which RFC 5545 came from.
    OldCalendar,
}

impl DataKind {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            DataKind::Octets => "application/octet-stream",
            DataKind::VCard => "text/vcard",
            DataKind::Calendar => "text/calendar",
            DataKind::OldCalendar => "text/x-vcalendar",
        }
    }

    /// What a file of it is called.
    pub fn extension(self) -> &'static str {
        match self {
            DataKind::Octets => "bin",
            DataKind::VCard => "vcf",
            DataKind::Calendar => "ics",
            DataKind::OldCalendar => "vcs",
        }
    }

    /// Judges data that were sent to a port.
    pub fn of(ports: Option<Ports>, data: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(data) else {
            return DataKind::Octets;
        };
        let text = text.trim().to_ascii_uppercase();
        let is = |what: &str| {
            let begins = text.strip_prefix("BEGIN:");
            begins
                .and_then(|rest| rest.strip_prefix(what))
                .is_some_and(|rest| rest.starts_with(['\r', '\n']))
                && text.ends_with(&format!("\nEND:{what}"))
        };
        let version = |wanted: &str| {
            let mut lines = text.lines().map(str::trim_end);
            lines.any(|line| line.strip_prefix("VERSION:") == Some(wanted))
        };
        match ports.map(|ports| ports.to) {
            Some(9204 | 9206) if is("VCARD") => DataKind::VCard,
            Some(9205 | 9207) if is("VCALENDAR") && version("2.0") => DataKind::Calendar,
            Some(9205 | 9207) if is("VCALENDAR") => DataKind::OldCalendar,
            _ => DataKind::Octets,
        }
    }
}

/// What an SMS with these marks is, in English; `data` is what it has in the place of a text, all of it.
pub fn meaning(marks: &Marks, data: Option<usize>) -> Meaning {
    meaning_in(&Words::default(), marks, data)
}

/// The same in the words of whoever reads it; names of the standards stay as they are there.
pub fn meaning_in(words: &Words, marks: &Marks, data: Option<usize>) -> Meaning {
    let dcs = marks.dcs.map(Dcs);
    let (elements, whole) = udh::elements(&marks.udh);
    let class = dcs.and_then(Dcs::class);
    let ports = udh::ports(&marks.udh);
    let waiting = waiting(dcs, &marks.udh);
    let mut sentences = Vec::new();
    sentences.extend(kind(words, dcs, class, ports, data));
    sentences.extend(waiting.iter().map(|waiting| waiting.sentence(words)));
    if class == Some(0) && data.is_none() {
        sentences.push(words.say("meaning-flash", &[]));
    }
    let before = sentences.len();
    sentences.extend(protocol(words, marks.pid));
    sentences.extend(others(words, &elements));
    if !whole {
        sentences.push(words.say("meaning-damaged", &[]));
    }
    let speaks =
        data.is_some() || ports.is_some() || !waiting.is_empty() || sentences.len() > before;
    Meaning {
        sentences,
        class,
        ports,
        waiting,
        speaks,
    }
}

/// What it is in the first place, when it is no text for people.
fn kind(
    words: &Words,
    dcs: Option<Dcs>,
    class: Option<u8>,
    ports: Option<Ports>,
    data: Option<usize>,
) -> Option<String> {
    let ports = ports.map(|ports| ports_shown(words, ports));
    let Some(octets) = data else {
        let ports = [("ports", ports?.into())];
        return Some(words.say("meaning-for-application", &ports));
    };
    let octets = [("octets", octets.into())];
    let mut sentence = if dcs.is_some_and(Dcs::compressed) {
        words.say("meaning-compressed", &octets)
    } else {
        words.say("meaning-binary", &octets)
    };
    let class = class.map(|class| match class {
        0 => words.say("meaning-class-0", &[]),
        1 => words.say("meaning-class-1", &[]),
        2 => words.say("meaning-class-2", &[]),
        _ => words.say("meaning-class-3", &[]),
    });
    for more in ports.iter().chain(&class) {
        sentence += ", ";
        sentence += more;
    }
    Some(sentence)
}

fn octets_shown(octets: usize) -> String {
    match octets {
        1 => "1 octet".to_owned(),
        octets => format!("{octets} octets"),
    }
}

fn ports_shown(words: &Words, ports: Ports) -> String {
    let Ports { from, to } = ports;
    let mut args = vec![("from", from.into()), ("to", to.into())];
    match port_name(to).or_else(|| port_name(from)) {
        Some(name) => {
            args.push(("name", name.into()));
            words.say("meaning-ports-named", &args)
        }
        None => words.say("meaning-ports", &args),
    }
}

/// What listens there: IANA's WAP ports, and what Nokia's phones made common.
fn port_name(port: u16) -> Option<&'static str> {
    Some(match port {
        2805 | 2923 => "WAP telephony",
        2948 => "WAP push",
        2949 => "WAP push, secure",
        5505 => "ring tone",
        5506 => "operator logo",
        5507 => "caller logo",
        5514 => "picture message",
        9200..=9203 => "WAP",
        9204 => "vCard",
        9205 => "vCalendar",
        9206 => "vCard, secure",
        9207 => "vCalendar, secure",
        49999 => "settings over the air",
        _ => return None,
    })
}

impl Waiting {
    fn sentence(&self, words: &Words) -> String {
        let mut args = vec![("kind", self.kind.into())];
        match self.count {
            // TS 23.040 §9.2.3.24.2: 255 is "255 or more".
            Some(count) => {
                args.push(("count", count.into()));
                words.say("meaning-waiting", &args)
            }
            None => words.say("meaning-waiting-some", &args),
        }
    }
}

fn waiting(dcs: Option<Dcs>, header: &[u8]) -> Vec<Waiting> {
    let told = pdu::udh::waiting(dcs, header).into_iter();
    told.map(|told| Waiting {
        kind: told.kind.name(),
        count: if told.active { told.count } else { Some(0) },
    })
    .collect()
}

/// What TP-PID asks of the phone (TS 23.040 §9.2.3.9).
fn protocol(words: &Words, pid: u8) -> Option<String> {
    let phone = |what: &str| Some(words.say("meaning-for-phone", &[("what", what.into())]));
    match pid {
        0x00 => None,
        0x40 => Some(words.say("meaning-silent", &[])),
        0x41..=0x47 => Some(words.say("meaning-replaces", &[("type", (pid - 0x40).into())])),
        0x48 => Some("Device triggering SMS".to_owned()),
        0x5E => Some("Enhanced message service".to_owned()),
        0x5F => Some(words.say("meaning-call-back", &[])),
        0x7C => phone("ANSI-136 data"),
        0x7D => phone("data download"),
        0x7E => phone("depersonalization"),
        0x7F => Some(words.say("meaning-for-sim", &[("what", "data download".into())])),
        0x20..=0x3F => {
            let service = interworking(pid & 0x1F).map(str::to_owned);
            let service = service.unwrap_or_else(|| format!("another service (PID {pid:02X})"));
            Some(words.say("meaning-came-by", &[("service", service.into())]))
        }
        _ => {
            let shown = [("pid", format!("{pid:02X}").into())];
            Some(words.say("meaning-protocol", &shown))
        }
    }
}

fn interworking(service: u8) -> Option<&'static str> {
    Some(match service {
        0x01 => "telex",
        0x02 | 0x03 => "fax",
        0x04 => "voice telephony",
        0x05 => "ERMES paging",
        0x06 => "national paging",
        0x07 => "videotex",
        0x08..=0x0D => "teletex",
        0x10 => "a message handling system",
        0x11 => "X.400",
        0x12 => "Internet mail",
        _ => return None,
    })
}

/// The elements that nothing here acts upon.
fn others(words: &Words, elements: &[Element]) -> Option<String> {
    let quiet = |element: &&Element| {
        !matches!(
            element.id,
            udh::CONCAT
                | udh::WIDE_CONCAT
                | udh::WAITING
                | udh::PORTS
                | udh::WIDE_PORTS
                | udh::SINGLE_SHIFT
                | udh::LOCKING_SHIFT
        )
    };
    let found: Vec<&Element> = elements.iter().filter(quiet).collect();
    let name = |element: &&&Element| match element_name(element.id) {
        Some(name) => name.to_owned(),
        None => format!(
            "element {:02X} of {}",
            element.id,
            octets_shown(element.data.len())
        ),
    };
    let mut names: Vec<String> = found.iter().take(MAX_NAMED).map(|e| name(&e)).collect();
    names.dedup();
    if found.len() > MAX_NAMED {
        names.push(format!("{} more", found.len() - MAX_NAMED));
    }
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    Some(words.say("meaning-header-has", &[("elements", names.into())]))
}

/// TS 23.040 §9.2.3.24.
fn element_name(id: u8) -> Option<&'static str> {
    Some(match id {
        0x06 => "service centre control",
        0x07 => "source indicator",
        0x09 => "wireless control messages",
        0x0A => "text formatting",
        0x0B | 0x0C => "a sound",
        0x0D..=0x0F => "an animation",
        0x10..=0x12 => "a picture",
        0x13 => "user prompt",
        0x14 | 0x15 | 0x17 => "an extended object",
        0x16 => "compression control",
        0x18 | 0x19 => "vector graphics",
        0x1A => "a request for an extended object",
        0x20 => "a mail header",
        0x21 => "a hyperlink",
        0x22 => "a reply address",
        0x23 => "voicemail information",
        0x70..=0x7F => "SIM toolkit security",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::pdu::octets_of;

    #[track_caller]
    fn check(pid: u8, dcs: u8, udh: &str, data: Option<usize>, expected: &[&str]) {
        let marks = Marks {
            pid,
            dcs: Some(dcs),
            udh: octets_of(udh).expect("hex"),
        };
        let found = meaning(&marks, data);
        assert_eq!(found.sentences, expected, "{pid:02X} {dcs:02X} {udh}");
        let class_alone = expected.is_empty() || expected[0].starts_with("Flash SMS");
        assert_eq!(found.speaks, !(class_alone && expected.len() < 2));
    }

    const FLASH: &str = "Flash SMS: phones show it at once and do not keep it";

    #[test]
    fn data_and_ports() {
        check(0, 0x00, "", None, &[]);
        check(0, 0x04, "", Some(134), &["Binary SMS, 134 octets"]);
        check(0, 0x04, "", Some(1), &["Binary SMS, 1 octet"]);
        check(
            0,
            0x04,
            "0605040B8423F0",
            Some(133),
            &["Binary SMS, 133 octets, ports 9200→2948 (WAP push)"],
        );
        check(
            0,
            0xF5,
            "06050423F40000",
            Some(9),
            &["Binary SMS, 9 octets, ports 0→9204 (vCard), class 1 (for the phone)"],
        );
        check(
            0,
            0x16,
            "",
            Some(9),
            &["Binary SMS, 9 octets, class 2 (for the SIM)"],
        );
        check(
            0,
            0x20,
            "",
            Some(9),
            &["Compressed SMS, 9 octets, which nothing here unpacks"],
        );
        check(
            0,
            0x00,
            "0605043E813E82",
            None,
            &["For an application: ports 16002→16001"],
        );
        check(0, 0x00, "0500032A0201", None, &[]);
    }

    #[test]
    fn flash_and_waiting() {
        check(0, 0x10, "", None, &[FLASH]);
        check(0, 0xF0, "", None, &[FLASH]);
        check(0, 0x11, "", None, &[]);
        check(0, 0xC8, "", None, &["Voicemail: new messages waiting"]);
        check(
            0,
            0xC0,
            "",
            None,
            &["Voicemail: no messages waiting any more"],
        );
        check(0, 0xD9, "", None, &["Fax: new messages waiting"]);
        check(0, 0xEA, "", None, &["E-mail: new messages waiting"]);
        check(0, 0xDB, "", None, &["Other messages: new messages waiting"]);
        check(
            0,
            0xC8,
            "0401020003",
            None,
            &["Voicemail: 3 new messages waiting"],
        );
        check(
            0,
            0x00,
            "0401020001",
            None,
            &["Voicemail: 1 new message waiting"],
        );
        check(
            0,
            0x00,
            "080102800001028105",
            None,
            &[
                "Voicemail: no messages waiting any more",
                "Fax: 5 new messages waiting",
            ],
        );
        check(
            0,
            0x00,
            "0401020702",
            None,
            &["Video messages: 2 new messages waiting"],
        );
        check(
            0,
            0x00,
            "04010200FF",
            None,
            &["Voicemail: 255 or more new messages waiting"],
        );
    }

    #[test]
    fn protocols_and_other_elements() {
        check(
            0x43,
            0x00,
            "",
            None,
            &["Replaces the last SMS of type 3 from this sender"],
        );
        check(
            0x40,
            0x10,
            "",
            None,
            &[FLASH, "Silent SMS (type 0): phones do not show it"],
        );
        check(0x32, 0x00, "", None, &["Came by way of Internet mail"]);
        check(
            0x3F,
            0x00,
            "",
            None,
            &["Came by way of another service (PID 3F)"],
        );
        check(0x81, 0x00, "", None, &["Its protocol identifier is 81"]);
        check(
            0,
            0x00,
            "07A102FFFF0B0105",
            None,
            &["Its user data header has: element A1 of 2 octets, a sound"],
        );
        check(
            0,
            0x00,
            "05A102FF",
            None,
            &["Its user data header is damaged"],
        );
        check(
            0,
            0x00,
            &format!("18{}", "A200".repeat(12)),
            None,
            &["Its user data header has: element A2 of 0 octets, 4 more"],
        );
    }

    #[track_caller]
    fn check_data(port: u16, data: &str, expected: &str) {
        let ports = Ports {
            from: 9205,
            to: port,
        };
        let kind = DataKind::of(Some(ports), data.as_bytes());
        assert_eq!(kind.media_type(), expected, "{data}");
    }

    #[test]
    fn what_a_port_promises() {
        let card = "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Smith\r\nEND:VCARD\r\n";
        check_data(9204, card, "text/vcard");
        check_data(9204, &card.to_lowercase(), "text/vcard");
        check_data(9205, card, "application/octet-stream");
        check_data(9204, &card[..30], "application/octet-stream");
        check_data(9204, "BEGIN:VCARDX\nEND:VCARD", "application/octet-stream");
        let old = "BEGIN:VCALENDAR\nVERSION:1.0\nEND:VCALENDAR";
        check_data(9205, old, "text/x-vcalendar");
        check_data(9205, &old.replace("1.0", "2.0"), "text/calendar");
        let latin1 = DataKind::of(
            Some(Ports { from: 0, to: 9204 }),
            b"BEGIN:VCARD\nN:\xE9\nEND:VCARD",
        );
        assert_eq!(latin1, DataKind::Octets);
        assert_eq!(DataKind::of(None, card.as_bytes()), DataKind::Octets);
    }

    proptest! {
        #[test]
        fn anything_has_a_meaning_in_few_words(pid: u8, dcs: Option<u8>, udh: Vec<u8>, data: Option<u16>) {
            let found = meaning(&Marks { pid, dcs, udh }, data.map(usize::from));
            prop_assert!(found.sentences.iter().map(String::len).sum::<usize>() < 2000);
            prop_assert!(!found.sentences.iter().any(|s| s.contains(char::is_control)));
            prop_assert!(data.is_none() || found.speaks);
        }

        #[test]
        fn any_data_are_something(data: Vec<u8>, to: u16) {
            let _ = DataKind::of(Some(Ports { from: 0, to }), &data);
        }
    }
}
