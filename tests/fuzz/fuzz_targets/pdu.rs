//! Any octets: decoding ends, and what was decoded and can be encoded has one meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::sms::Party;
use sms_milter::wire::pdu::{Pdu, decode, hex};

fuzz_target!(|octets: &[u8]| {
    let Ok(pdu) = decode(&hex(octets)) else {
        return;
    };
    let (party, encoded) = encode(&pdu);
    // Not everything a network sends is something we would send: a name of twenty digits, a text
    // with an ESC of its own.
    let Some(encoded) = encoded else {
        return;
    };
    // A name of eight characters with an at sign at the end is read as one of seven.
    if matches!(party, Party::Name(name) if name.ends_with('@')) {
        return;
    }
    let again = decode(&encoded).expect("our own PDU");
    assert_eq!(encode(&again).1, Some(encoded));
});

fn encode(pdu: &Pdu) -> (&Party, Option<String>) {
    let (party, encoded) = match pdu {
        Pdu::Submit(submit) => (&submit.to, submit.encode()),
        Pdu::Deliver(deliver) => (&deliver.from, deliver.encode()),
        Pdu::StatusReport(report) => (&report.to, report.encode()),
    };
    (party, encoded.ok().map(|encoded| encoded.hex))
}
