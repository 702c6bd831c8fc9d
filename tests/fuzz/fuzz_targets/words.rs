//! Any file of an admin's texts: it is refused with a line for each mistake, or what is said with it is said, and a
//! subject is one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::words::{File, Words};

fuzz_target!(|source: &str| {
    let file = File {
        name: "de.ftl".into(),
        language: "de".into(),
        source: source.to_owned(),
    };
    match Words::default().with(vec![file]) {
        Ok((words, _)) => {
            let words = words.speaking("de").expect("de");
            let args = ["about", "number", "segments"].map(|name| (name, "x".into()));
            assert!(!words.say("held", &args).is_empty());
            for subject in ["held.subject", "report-failed.subject", "report-cut.subject"] {
                assert!(!words.say(subject, &args).trim().contains('\n'));
            }
        }
        Err(mistakes) => {
            let lines = source.split('\n').count();
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|wrong| (1..=lines).contains(&wrong.line)));
        }
    }
});
