//! What the mail of an SMS shows beside its text: words for what it is, header fields, and its data as
//! files; and what a program is told of it. Pure.

use super::whole::{Run, Whole};
use crate::mail::compose::{self, Attachment};
use crate::mail::words::Words;
use crate::sms::{Number, udh};
use crate::wire::meaning::{DataKind, Meaning, meaning_in};
use crate::wire::pdu::hex;
use crate::wire::push::Push;

/// What there is to show.
pub(super) struct Shown {
    /// A sentence for each thing.
    pub(super) sentences: Vec<String>,
    /// `X-SMS-…` fields and their values.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The data.
    pub(super) files: Vec<Attachment>,
}

/// What a text, or what there is of one, is.
fn meaning_of(words: &Words, whole: &Whole) -> Meaning {
    let octets = whole.data.iter().map(|run| run.octets.len()).sum();
    meaning_in(
        words,
        &whole.marks,
        (!whole.data.is_empty()).then_some(octets),
    )
}

/// It has no text, and says nothing without one (spec 8, step 2).
pub(super) fn is_empty(whole: &Whole) -> bool {
    whole.text.trim().is_empty() && !meaning_of(&Words::default(), whole).speaks
}

/// What a program is told of it. Data with a gap is told in words: nothing else says where the gap is.
pub(super) fn push(whole: &Whole, text: &str, ours: Option<&Number>) -> Push {
    let (text, binary, udh) = match &whole.data[..] {
        [] => (text.to_owned(), None, None),
        [run] if whole.parts.0 == whole.parts.1 => {
            let header = udh::without_concat(&whole.marks.udh);
            let header = Some(header).filter(|header| !header.is_empty());
            (
                hex(&run.octets),
                Some("1".to_owned()),
                header.as_deref().map(hex),
            )
        }
        runs => {
            let line = |run: &Run| format!("\n[data from part {}] {}", run.first, hex(&run.octets));
            let lines: String = runs.iter().map(line).collect();
            (format!("{text}{lines}"), None, None)
        }
    };
    Push::Sms {
        id: whole.id.to_string(),
        from: whole.from.to_string(),
        to: ours.map(ToString::to_string),
        text,
        binary,
        udh,
        time: whole.sent.to_string(),
    }
}

pub(super) fn shown(words: &Words, whole: &Whole) -> Shown {
    let meaning = meaning_of(words, whole);
    let marks = &whole.marks;
    let mut fields = Vec::new();
    if let Some(class) = meaning.class {
        fields.push(("X-SMS-Class", class.to_string()));
    }
    if let Some(ports) = meaning.ports {
        fields.push(("X-SMS-Ports", format!("{} {}", ports.from, ports.to)));
    }
    for waiting in &meaning.waiting {
        let count = match waiting.count {
            Some(count) => count.to_string(),
            None => "some".to_owned(),
        };
        fields.push(("X-SMS-Waiting", format!("{} {count}", waiting.kind)));
    }
    if !meaning.sentences.is_empty() {
        if let Some(dcs) = marks.dcs {
            fields.push(("X-SMS-DCS", format!("{dcs:02X}")));
        }
        if marks.pid != 0 {
            fields.push(("X-SMS-PID", format!("{:02X}", marks.pid)));
        }
        if !marks.udh.is_empty() {
            fields.push(("X-SMS-UDH", hex(&marks.udh)));
        }
    }
    let (have, of) = whole.parts;
    let complete = have == of && whole.follows.is_none();
    let file = |run: &Run| {
        // A part of a card is no card.
        let kind = match complete {
            true => DataKind::of(meaning.ports, &run.octets),
            false => DataKind::Octets,
        };
        let extension = kind.extension();
        Attachment {
            name: match complete {
                true => format!("sms.{extension}"),
                false => format!("sms-part-{}.{extension}", run.first),
            },
            media_type: kind.media_type(),
            octets: run.octets.clone(),
        }
    };
    Shown {
        files: whole.data.iter().map(file).collect(),
        sentences: meaning.sentences,
        fields,
    }
}

impl Shown {
    /// As the mail has it.
    pub(super) fn extra(&self) -> compose::Extra<'_> {
        compose::Extra {
            sentences: &self.sentences,
            fields: &self.fields,
            files: &self.files,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::tests::{id, number};
    use crate::sms::{Marks, Party};
    use crate::wire::pdu::octets_of;

    fn whole(text: &str, data: Option<&[u8]>, dcs: u8, pid: u8, udh: &str) -> Whole {
        let octets = |octets: &[u8]| Run {
            first: 1,
            octets: octets.to_vec(),
        };
        Whole {
            id: id(1),
            ids: vec![id(1)],
            gateway: "hall".to_owned(),
            from: Party::Number(number("+15551234567")),
            to: None,
            sent: jiff::Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
            data: data.map(octets).into_iter().collect(),
            marks: Marks {
                pid,
                dcs: Some(dcs),
                udh: octets_of(udh).expect("hex"),
            },
            parts: (1, 1),
            follows: None,
        }
    }

    #[track_caller]
    fn check(whole: &Whole, expected: &str) {
        let shown = shown(&Words::default(), whole);
        let fields = shown.fields.iter().map(|(name, value)| {
            let name = name.strip_prefix("X-SMS-").expect("a field of ours");
            format!("{name}={value}")
        });
        let files = shown
            .files
            .iter()
            .map(|file| format!("{} {} {}", file.name, file.media_type, file.octets.len()));
        let all: Vec<String> = shown
            .sentences
            .iter()
            .cloned()
            .chain(fields)
            .chain(files)
            .collect();
        assert_eq!(all.join(" | "), expected);
    }

    #[test]
    fn what_is_shown() {
        check(&whole("hi", None, 0, 0, ""), "");
        check(&whole("hi", None, 0x11, 0, ""), "Class=1");
        check(
            &whole("hi", None, 0x10, 0, ""),
            "Flash SMS: phones show it at once and do not keep it | Class=0 | DCS=10",
        );
        check(
            &whole("", None, 0xC8, 0, "0401020003"),
            "Voicemail: 3 new messages waiting | Waiting=voicemail 3 | DCS=C8 | UDH=0401020003",
        );
        check(
            &whole("", Some(b"\x01\x02"), 4, 0x41, "0605040B8423F0"),
            "Binary SMS, 2 octets, ports 9200→2948 (WAP push) | Replaces the last SMS of type 1 from \
             this sender | Ports=9200 2948 | DCS=04 | PID=41 | UDH=0605040B8423F0 | sms.bin \
             application/octet-stream 2",
        );
        let card = b"BEGIN:VCARD\r\nVERSION:2.1\r\nEND:VCARD\r\n";
        let mut card = whole("", Some(card), 4, 0, "06050423F40000");
        check(
            &card,
            "Binary SMS, 37 octets, ports 0→9204 (vCard) | Ports=0 9204 | DCS=04 | \
             UDH=06050423F40000 | sms.vcf text/vcard 37",
        );
        card.parts = (1, 2);
        card.data[0].first = 2;
        assert_eq!(
            shown(&Words::default(), &card).files[0].name,
            "sms-part-2.bin"
        );
    }

    #[test]
    fn what_says_nothing() {
        assert!(is_empty(&whole(" \n", None, 0, 0, "")));
        assert!(is_empty(&whole("", None, 0x10, 0, "")));
        assert!(!is_empty(&whole("x", None, 0, 0, "")));
        assert!(!is_empty(&whole("", Some(b""), 4, 0, "")));
        assert!(!is_empty(&whole("", None, 0xC0, 0, "")));
        assert!(!is_empty(&whole("", None, 0, 0x41, "")));
    }
}
