//! Any octets as a mail: a text or a reason, in bounded time, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::text::{RawMail, Settings, read};

fuzz_target!(|bytes: &[u8]| {
    let mut mail = RawMail::from_bytes(bytes);
    let settings = Settings::default();
    if let Ok(found) = read(&mail, &settings) {
        assert!(!found.text.is_empty());
    }
    mail.truncated = true;
    let _ = read(&mail, &settings);
    // What was written is read as it was.
    mail.truncated = false;
    let again = RawMail::from_bytes(&mail.to_bytes());
    assert_eq!(again.body, mail.body);
});
