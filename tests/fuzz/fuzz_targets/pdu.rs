//! Any octets as a PDU: decoding ends, everything in it can be asked for, and what was decoded and
//! can be encoded has one meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::sms::Party;
use sms_milter::wire::meaning::meaning;
use sms_milter::wire::pdu::{Content, Pdu, Validity, decode, hex, pid_name, udh};
use sms_milter::sms::receipt::status_name;

fuzz_target!(|octets: &[u8]| {
    let written = hex(octets);
    let pdu = match decode(&written) {
        Ok(pdu) => pdu,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let party = match &pdu {
        Pdu::Submit(submit) => {
            ask(&submit.content);
            if let Some(Validity::Enhanced(enhanced)) = submit.validity {
                let _ = (enhanced.period(), enhanced.single_shot());
            }
            let _ = pid_name(submit.pid);
            &submit.to
        }
        Pdu::Deliver(deliver) => {
            ask(&deliver.content);
            let _ = (deliver.timestamp.time(), deliver.timestamp.zone());
            &deliver.from
        }
        Pdu::StatusReport(report) => {
            if let Ok(parameters) = report.parameters() {
                parameters.content.iter().for_each(ask);
            }
            let _ = (report.receipt(), report.discharged.time());
            assert!(!status_name(report.status).is_empty());
            &report.to
        }
    };
    let _ = (pdu.toa().number_type(), pdu.toa().plan());
    // Not everything a network sends is something we would send: a name with a character that does
    // harm where it is shown, a text with an ESC of its own that fills the SMS.
    let Ok(encoded) = pdu.encode() else {
        return;
    };
    // A name of eight characters with an at sign at the end is read as one of seven.
    if matches!(party, Party::Name(name) if name.ends_with('@')) {
        return;
    }
    let again = decode(&encoded.hex).expect("our own PDU");
    assert_eq!(again.encode(), Ok(encoded));
});

fn ask(content: &Content) {
    if let Ok(elements) = udh::parse(&content.udh) {
        for element in &elements {
            assert!(!udh::name(element).is_empty());
        }
    }
    let values = udh::values(&content.udh);
    let _: Vec<String> = values.iter().map(ToString::to_string).collect();
    let _ = (content.concat(), content.shifts(), content.dcs.to_string());
    let waiting: Vec<String> = content.waiting().iter().map(ToString::to_string).collect();
    let marks = sms_milter::sms::Marks {
        pid: 0,
        dcs: Some(content.dcs.0),
        udh: content.udh.clone(),
    };
    assert_eq!(meaning(&marks, None).waiting.len(), waiting.len());
}
