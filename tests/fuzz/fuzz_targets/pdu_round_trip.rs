//! Any PDU that can be put together: it is refused, or what is encoded decodes to the same.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sms_milter::sms::Party;
use sms_milter::wire::pdu::{
    Body, Content, Dcs, Deliver, Enhanced, MAX_HEX, Pdu, Stamp, StatusReport, Submit, Toa,
    Validity, decode,
};

fuzz_target!(|octets: &[u8]| {
    let mut input = Input(octets);
    let Some(pdu) = pdu(&mut input) else {
        return;
    };
    let Ok(encoded) = pdu.encode() else {
        return;
    };
    assert!(encoded.hex.len() <= MAX_HEX);
    let again = decode(&encoded.hex).expect("our own PDU");
    let was_text = is_text(&pdu);
    assert_eq!(again, normal(pdu, &again));
    // Data in UCS-2 are read as a text, with U+FFFD where they are none.
    if was_text == is_text(&again) {
        assert_eq!(again.encode(), Ok(encoded));
    }
});

fn is_text(pdu: &Pdu) -> bool {
    match pdu {
        Pdu::Submit(submit) => submit.content.text().is_some(),
        Pdu::Deliver(deliver) => deliver.content.text().is_some(),
        Pdu::StatusReport(_) => false,
    }
}

/// The octets, from the left; zero behind the last.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array(&mut self) -> [u8; 7] {
        let mut array = [0; 7];
        array.fill_with(|| self.octet());
        array
    }
}

fn pdu(input: &mut Input) -> Option<Pdu> {
    let kind = input.octet();
    let flag = |bit: u8| kind & bit != 0;
    let smsc = flag(0x80).then(|| party(input)).flatten();
    let (pid, reference, toa) = (input.octet(), input.octet(), input.octet());
    let party = party(input)?;
    let (first, second) = (Stamp(input.array()), Stamp(input.array()));
    Some(match kind & 0x03 {
        0 => {
            let mut deliver = Deliver::new(party, content(input), first);
            // A type that the number is not written with would make it another number.
            if flag(0x40) && !matches!(deliver.from, Party::Name(_)) {
                deliver.toa = other_type(&deliver.from, toa);
            }
            deliver.smsc = smsc;
            deliver.pid = pid;
            deliver.more = flag(0x04);
            deliver.loop_prevention = flag(0x08);
            deliver.status_report = flag(0x10);
            deliver.reply_path = flag(0x20);
            Pdu::Deliver(deliver)
        }
        1 => {
            let mut report = StatusReport::new(reference, party, first, second, pid);
            report.smsc = smsc;
            report.more = flag(0x04);
            report.loop_prevention = flag(0x08);
            report.of_a_command = flag(0x10);
            report.header = flag(0x20);
            report.parameters = input.0.iter().copied().take(160).collect();
            Pdu::StatusReport(report)
        }
        choice => {
            let mut submit = Submit::new(party, content(input));
            submit.smsc = smsc;
            submit.reference = reference;
            submit.pid = pid;
            submit.status_report = flag(0x04);
            submit.reject_duplicates = flag(0x08);
            submit.reply_path = flag(0x10);
            let seconds = u32::from_be_bytes([0, toa, first.0[0], first.0[1]]);
            submit.validity = match (choice, kind >> 5 & 0x03) {
                (2, 0) => None,
                (2, 1) => Some(Validity::Absolute(first)),
                (2, _) => Some(Validity::Enhanced(Enhanced(first.0))),
                _ => Some(Validity::Relative(Duration::from_secs(seconds.into()))),
            };
            Pdu::Submit(submit)
        }
    })
}

fn other_type(party: &Party, toa: u8) -> Toa {
    let number_type = match party {
        Party::Number(_) => 0x10,
        // Neither international, which would add a plus, nor a name.
        _ => [0x00, 0x20, 0x30, 0x40, 0x60, 0x70][usize::from(toa >> 4) % 6],
    };
    Toa(0x80 | number_type | toa & 0x0F)
}

/// A number, a short code or a name, in the one form that the wire has for it.
fn party(input: &mut Input) -> Option<Party> {
    let choice = input.octet();
    let length = usize::from(choice & 0x1F) + 1;
    let digits = |octets: &[u8]| -> String {
        octets.iter().map(|octet| char::from(b'0' + octet % 10)).collect()
    };
    let party = match choice >> 6 {
        0 => Party::from_network(&format!("+{}", digits(input.take(length)))),
        1 => Party::from_network(&digits(input.take(length))),
        _ => {
            let name = String::from_utf8_lossy(input.take(length)).into_owned();
            Party::from_name(&name)
        }
    };
    let shown = party.to_string();
    // A name of seven characters and an at sign is read as seven, without digits there is none, and
    // a plus before too many of them makes a name.
    let odd = shown.ends_with('@') || shown.starts_with('+') && matches!(party, Party::Name(_));
    (!odd).then_some(party)
}

fn content(input: &mut Input) -> Content {
    let dcs = Dcs(input.octet());
    let length = input.octet();
    let mut udh = Vec::new();
    if length > 0 {
        let elements = input.take(usize::from(length) - 1).to_vec();
        udh.push(elements.len() as u8);
        udh.extend(elements);
    }
    let body = match input.octet() & 1 {
        0 => Body::Text(String::from_utf8_lossy(input.0).into_owned()),
        _ => Body::Data(input.0.to_vec()),
    };
    Content { dcs, udh, body }
}

/// What the wire cannot tell apart: data in UCS-2 are a text, a time of validity is a step, a service
/// centre's name of seven characters may have an eighth.
fn normal(pdu: Pdu, again: &Pdu) -> Pdu {
    match (pdu, again) {
        (Pdu::Submit(mut submit), Pdu::Submit(again)) => {
            if let (Some(Validity::Relative(asked)), Some(Validity::Relative(told))) =
                (submit.validity, again.validity)
            {
                assert!(told >= asked || told == Duration::from_secs(63 * 7 * 86_400));
                submit.validity = again.validity;
            }
            submit.content = normal_content(submit.content, &again.content);
            submit.smsc = normal_centre(submit.smsc, &again.smsc);
            Pdu::Submit(submit)
        }
        (Pdu::Deliver(mut deliver), Pdu::Deliver(again)) => {
            deliver.content = normal_content(deliver.content, &again.content);
            deliver.smsc = normal_centre(deliver.smsc, &again.smsc);
            Pdu::Deliver(deliver)
        }
        (Pdu::StatusReport(mut report), Pdu::StatusReport(again)) => {
            report.smsc = normal_centre(report.smsc, &again.smsc);
            Pdu::StatusReport(report)
        }
        (pdu, _) => pdu,
    }
}

fn normal_content(content: Content, again: &Content) -> Content {
    match (&content.body, &again.body) {
        (Body::Data(data), Body::Text(text)) => {
            let whole = data.len().div_ceil(2);
            assert!(text.encode_utf16().count() == whole);
            again.clone()
        }
        _ => content,
    }
}

fn normal_centre(centre: Option<Party>, again: &Option<Party>) -> Option<Party> {
    match (&centre, again) {
        (Some(Party::Name(_)), Some(Party::Name(_))) => again.clone(),
        _ => centre,
    }
}
