//! Any line on the control socket: it is a request or none, and a request is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::control::Request;

fuzz_target!(|octets: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Request>(octets) else {
        return;
    };
    let written = serde_json::to_vec(&request).expect("a request is JSON");
    let again: Request = serde_json::from_slice(&written).expect("our own request");
    assert_eq!(again, request);
});
