//! Any References, In-Reply-To, Thread-Index and Subject: a conversation of bounded length that is read as it is
//! written, and a subject whose answer has the same.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sms_milter::mail::text::moment;
use sms_milter::mail::thread::{MAX_REFERENCES, Thread, base_subject, is_message_id};

fuzz_target!(|input: (Vec<String>, Option<String>, Option<String>, String)| {
    let (references, answered, index, text) = input;
    let thread = Thread::of_mail(&references, answered.as_deref(), index.as_deref());
    let after = thread.after(Some(&text));
    for thread in [&thread, &after] {
        assert!(thread.references.len() <= MAX_REFERENCES);
        assert!(thread.references.iter().all(|id| is_message_id(id)));
    }
    let index = after.index.as_deref();
    assert_eq!(Thread::of_mail(&after.references, None, index), after);
    let grown = after.answer_index(&text, Timestamp::UNIX_EPOCH);
    assert_eq!(grown.is_some(), after.index.is_some());
    let base = base_subject(&text);
    assert_eq!(base_subject(base), base);
    assert_eq!(base_subject(&format!("Re: {base}")), base);
    let _ = moment(&text);
});
