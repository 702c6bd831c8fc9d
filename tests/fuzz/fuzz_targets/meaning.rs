//! Any header and data of an SMS, and any word of another instance: what they mean can be told, on lines of their
//! own, and what is written is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::sms::{Marks, udh};
use sms_milter::wire::meaning::{DataKind, meaning};
use sms_milter::wire::push::Push;

fuzz_target!(|input: (u8, u8, Vec<u8>, &[u8])| {
    let (pid, dcs, udh, data) = input;
    let kind = DataKind::of(udh::ports(&udh), data);
    assert!(!kind.media_type().is_empty() && !kind.extension().is_empty());
    let marks = Marks {
        pid,
        dcs: Some(dcs),
        udh,
    };
    let _ = meaning(&marks, Some(data.len()));
    if let Some(push) = Push::from_json(data) {
        assert_eq!(Push::from_json(&push.to_json()), Some(push.clone()));
        let _ = (push.in_words(), push.happened());
        assert!(!push.kannel("user", "password").contains([' ', '\r', '\n']));
    }
});
