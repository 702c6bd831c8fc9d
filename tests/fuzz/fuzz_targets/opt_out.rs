//! Any text of a phone: it asks for something or not, the same with blanks around it, and folding is done once.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sms_milter::inbound::optout::words::{Words, codes, folded};

static ALL: LazyLock<Words> = LazyLock::new(|| {
    let codes: Vec<String> = codes().map(str::to_owned).collect();
    Words::new(&codes, &[], &[])
});

fuzz_target!(|text: &str| {
    let found = ALL.find(text);
    assert_eq!(ALL.find(&format!(" {text}\n")), found);
    if let Some((wish, word)) = found {
        assert_eq!(ALL.find(word), Some((wish, word)));
    }
    let once = folded(text);
    assert_eq!(folded(&once), once);
});
