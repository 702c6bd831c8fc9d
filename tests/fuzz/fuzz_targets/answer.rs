//! Any body, any place, any pattern: reading an answer ends, what is found is in bounds, and JSON's values
//! are those that serde_json's own pointer finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::gateway::http::{Document, Place};

fuzz_target!(|input: (String, String)| {
    let (place, body) = input;
    let document = Document::new(&body);
    for place in [Place::json(&place), Place::xml(&place)].into_iter().flatten() {
        let found = document.values(&place);
        assert!(found.len() <= 256);
        assert!(found.iter().flatten().all(|value| value.len() <= 8 * body.len() + 8));
    }
    for place in ["/r", "/r/a", "/r/@a", "/r/a/b"] {
        document.values(&Place::xml(place).expect("path"));
    }
    if !place.contains('*')
        && let Ok(pointer) = Place::json(&place)
        && let Ok(json) = serde_json::from_str::<serde_json::Value>(&body)
    {
        let ours = document.first(&pointer);
        let theirs = json.pointer(&place).and_then(|value| match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
        assert_eq!(ours, theirs);
    }
});
