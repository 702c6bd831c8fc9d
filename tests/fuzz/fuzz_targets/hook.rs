//! Any request to any provider's hook: it ends, brings at most 1000 things, and what is said of it is short and
//! on one line.
#![no_main]

use axum::http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use sms_milter::gateway::http::hook::{Hook, HookAnswer};
use sms_milter::gateway::http::preset::Preset;
use sms_milter::web::hooks::brings;

const TYPES: [&str; 4] = ["", "application/json", "application/x-www-form-urlencoded", "text/plain"];

fuzz_target!(|input: (u8, u8, String, Vec<u8>)| {
    let (provider, media, query, body) = input;
    let mut headers = HeaderMap::new();
    let media = TYPES[usize::from(media) % TYPES.len()];
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let classic = Hook::classic(HookAnswer::default());
    let provider = usize::from(provider) % (Preset::all().count() + 1);
    let hook = Preset::all().nth(provider).map_or(&classic, Preset::hook);
    let (things, bad) = brings(hook, &query, &headers, &body);
    assert!(things <= 1000);
    assert!(bad.len() <= 400 && !bad.contains(char::is_control), "{bad:?}");
});
