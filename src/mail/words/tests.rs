//! Every language says all that English says, with the same arguments, and nothing more.

use std::fs;
use std::path::Path;

use super::shape::{self, Shape};
use super::*;
use crate::sms::segment;

/// The texts that go to phones: one segment in each language, whatever their arguments.
const SMS: [&str; 3] = [
    "conflict-question",
    "opt-in-confirmation",
    "opt-out-confirmation",
];

fn shapes(place: usize) -> Shape {
    let mut all = Shape::new();
    for (noun, sources) in NOUNS {
        let (resource, errors) = parsed(sources[place]);
        let language = LANGUAGES[place];
        assert!(errors.is_empty(), "{language}/{noun}.ftl: {errors:?}");
        for (key, variables) in shape::of(&resource) {
            let before = all.insert(key.clone(), variables);
            assert!(
                before.is_none(),
                "{language}/{noun}.ftl: {key} is there twice"
            );
        }
    }
    all
}

#[test]
fn every_language_has_the_same_texts_with_the_same_variables() {
    let english = shapes(0);
    for (place, language) in LANGUAGES.iter().enumerate() {
        let theirs = shapes(place);
        for (key, variables) in &english {
            assert_eq!(theirs.get(key), Some(variables), "{language}: {key}");
        }
        let more: Vec<_> = theirs
            .keys()
            .filter(|key| !english.contains_key(*key))
            .collect();
        assert!(
            more.is_empty(),
            "{language} has more than English: {more:?}"
        );
    }
}

#[test]
fn every_text_can_be_said() {
    let words = Words::default();
    for language in LANGUAGES {
        let words = words.speaking(language).expect("a language");
        assert_eq!(words.language(), language);
        for (key, variables) in shapes(0) {
            for number in [0, 1, 2, 5, 21] {
                let args = variables.iter().map(|name| (name.as_str(), number.into()));
                let said = words.say(&key, &args.collect::<Vec<_>>());
                let strange = said.chars().find(|c| c.is_control() && *c != '\n');
                assert_eq!(strange, None, "{language}: {key}: {said:?}");
                assert!(!said.trim().is_empty(), "{language}: {key}");
                assert!(!said.contains("{$"), "{language}: {key}: {said}");
                if key.ends_with(".subject") {
                    assert!(!said.contains('\n'), "{language}: {key}: {said}");
                }
            }
        }
    }
}

#[test]
fn a_text_for_a_phone_is_one_segment() {
    for language in LANGUAGES {
        let words = Words::default().speaking(language).expect("a language");
        for key in SMS {
            let text = words.say(key, &[]);
            let segments = segment::count(&text, &segment::Options::default());
            assert_eq!(segments, Ok(1), "{language}: {key}: {text}");
        }
    }
}

/// What is said in the sources: `.say("key", &[("variable", …), …])`.
#[test]
fn what_the_code_says_is_there() {
    let english = shapes(0);
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("src") {
            let path = entry.expect("entry").path();
            if path.is_dir() && !path.ends_with("mail/words") {
                dirs.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let source = fs::read_to_string(&path).expect("source");
                // A modem's lines are said, too.
                let ours = |at: usize| !["self", "play"].iter().any(|s| source[..at].ends_with(s));
                let places = source.match_indices(".say(").filter(|(at, _)| ours(*at));
                let keys = places.filter_map(|(at, call)| {
                    let rest = source[at + call.len()..].trim_start();
                    rest.strip_prefix('"')?.split('"').next()
                });
                for key in keys {
                    assert!(
                        english.contains_key(key),
                        "{}: no text is called {key}",
                        path.display()
                    );
                }
            }
        }
    }
}

#[test]
fn regions_speak_their_language() {
    let words = Words::default();
    let check = |wanted: &str, spoken: Option<&str>| {
        let found = words.speaking(wanted);
        assert_eq!(found.as_ref().map(Words::language), spoken, "{wanted}");
    };
    check("de", Some("de"));
    check("de-AT", Some("de"));
    check("de_CH.UTF-8", Some("de"));
    check("zh-Hant-TW", None);
    check("MS", Some("ms"));
    check("", None);
}

fn is_shared<T: Send + Sync + Clone>() {}

#[test]
fn it_goes_between_tasks() {
    is_shared::<Words>();
}

#[test]
fn a_report_speaks_to_people() {
    let check = |language: &str, segments: u8, expected: &str| {
        let words = Words::default().speaking(language).expect("a language");
        let args = [
            ("number", "+15551234567".into()),
            ("segments", segments.into()),
            ("at", words.time(Timestamp::UNIX_EPOCH).into()),
        ];
        assert_eq!(words.say("report-delivered", &args), expected);
    };
    check(
        "en",
        1,
        "Your SMS to +15551234567 was delivered on 1970-01-01 00:00 UTC in 1 segment.",
    );
    check(
        "de",
        2,
        "Ihre SMS an +15551234567 wurde am 1970-01-01 00:00 UTC in 2 Segmenten zugestellt.",
    );
    check(
        "cs",
        3,
        "Vaše SMS na číslo +15551234567 byla doručena 1970-01-01 00:00 UTC ve 3 segmentech.",
    );
    check(
        "cs",
        5,
        "Vaše SMS na číslo +15551234567 byla doručena 1970-01-01 00:00 UTC v 5 segmentech.",
    );
    check(
        "ms",
        1,
        "SMS anda kepada +15551234567 telah disampaikan pada 1970-01-01 00:00 UTC dalam 1 segmen.",
    );
}

#[test]
fn each_language_has_its_plurals() {
    let check = |language: &str, hours: u64, expected: &str| {
        let words = Words::default().speaking(language).expect("a language");
        assert_eq!(
            words.span(std::time::Duration::from_secs(hours * 3600)),
            expected
        );
    };
    check("de", 48, "2 Tage");
    check("fr", 3, "3 heures");
    check("es", 24, "1 día");
    check("it", 24, "1 giorno");
    check("cs", 3, "3 hodiny");
    check("cs", 5, "5 hodin");
    check("cs", 24, "1 den");
    check("ms", 5, "5 jam");
}
