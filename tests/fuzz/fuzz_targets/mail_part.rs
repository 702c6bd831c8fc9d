//! Any octets as a part of a mail that is not plain text (a page, an invitation, a card, what Outlook wraps): a text
//! or a reason, clean and no longer than what is read of a mail, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::text::{RawMail, Settings, read};

const KINDS: [&str; 8] = [
    "text/html; charset=utf-8",
    "text/html; charset=iso-2022-jp",
    "text/calendar; charset=utf-8; method=REQUEST",
    "text/vcard; charset=utf-8",
    "text/plain; charset=utf-8; format=flowed; delsp=yes",
    "application/ms-tnef; name=winmail.dat",
    "multipart/alternative; boundary=b",
    "message/rfc822",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, octets) = input;
    let coding = ["8bit", "quoted-printable", "base64"][usize::from(kind >> 6) % 3];
    let kind = KINDS[usize::from(kind) % KINDS.len()];
    let head = format!("Subject: x\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {coding}\r\n\r\n");
    let mail = RawMail::from_bytes(&[head.as_bytes(), octets].concat());
    if let Ok(found) = read(&mail, &Settings::default()) {
        assert!(!found.text.is_empty());
        assert!(!found.text.contains(|c: char| c.is_control() && c != '\n'));
        assert!(found.text.len() <= 1 << 20);
    }
});
