//! Any octets as the answer of an MTA: it is read when it is whole, more octets change nothing of it, and its words
//! are one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::inject::first_answer;

fuzz_target!(|octets: &[u8]| {
    let Some((code, words, used)) = first_answer(octets) else {
        return;
    };
    assert!((200..600).contains(&code) && used <= octets.len());
    assert!(!words.contains(char::is_control));
    assert_eq!(first_answer(&octets[..used - 1]), None);
    assert_eq!(first_answer(&octets[..used]), Some((code, words, used)));
});
