//! An admin's own texts: files of `mail.templates`, one a language, that say what is to be said otherwise.
//!
//! A file that would say something wrong, or nothing, when it is needed is refused as a whole, with all that is
//! wrong in it: what it calls by a name that is not there, Fluent's own mistakes, a subject of two lines. What
//! it does not name stays as we say it. A language that we do not have may be added; what its file lacks is
//! said in English, or for a region (`de-at`) as its language says it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_syntax::ast::Entry;
use fluent_syntax::parser::ParserError;
use strsim::jaro_winkler;
use unic_langid::LanguageIdentifier;

use super::shape::{self, Shape};
use super::{ENGLISH, LANGUAGES, NOUNS, PHONE, Texts, Tongue, Value, Words, empty, needs, parsed};

/// A text for a phone that is longer than three SMS is a mistake, and a cost with each.
pub const MAX_PHONE: usize = 459;

/// The subject in whose answers the number stands.
const QUESTION: &str = "number-question.subject";

/// More is wrong than anybody reads at a time.
const MAX_MISTAKES: usize = 20;

/// A file of the admin's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As errors call it.
    pub name: String,
    /// `de`: its name without `.ftl`.
    pub language: String,
    /// What it says.
    pub source: String,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {text}")]
pub struct Mistake {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What, and what to write instead.
    pub text: String,
}

/// What an admin may want to know of a file that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The file's name.
    pub file: String,
    /// How many texts it has.
    pub texts: usize,
    /// How many there are.
    pub of: usize,
    /// What says the rest; `None`: it is a language of ours, or has all.
    pub rest: Option<String>,
}

impl Words {
    /// The same words, with an admin's before ours.
    pub fn with(&self, mut files: Vec<File>) -> Result<(Self, Vec<Said>), Vec<Mistake>> {
        // A language before its regions, which take from it what they lack.
        files.sort_by_key(|file| (file.language.len(), file.name.clone()));
        let ours = ours();
        let mut words = self.clone();
        let (mut said, mut mistakes) = (Vec::new(), twins(&files));
        for file in files {
            match read(&file, &ours) {
                Ok((bundle, texts)) => {
                    let name = file.name.clone();
                    let rest = words.put(file, bundle);
                    said.push(Said {
                        file: name,
                        texts,
                        of: ours.len(),
                        rest: rest.filter(|_| texts < ours.len()),
                    });
                }
                Err(wrong) => mistakes.extend(wrong),
            }
        }
        mistakes.truncate(MAX_MISTAKES);
        match mistakes.is_empty() {
            true => Ok((words, said)),
            false => Err(mistakes),
        }
    }

    /// Before what the language has; which language a new one takes the rest from.
    fn put(&mut self, file: File, bundle: FluentBundle<FluentResource>) -> Option<String> {
        let name = tag(&file.language);
        let base = self.speaking(&name);
        let tongues = Arc::make_mut(&mut self.tongues);
        let bundle = Arc::new(Texts {
            bundle,
            file: Some(file),
            ours: None,
        });
        if let Some(tongue) = tongues.iter_mut().find(|tongue| tongue.name == name) {
            tongue.bundles.insert(0, bundle);
            return None;
        }
        let base = base.map_or(ENGLISH, |words| words.language);
        let (rest, lower) = (tongues[base.0].name.clone(), &tongues[base.0].bundles);
        let mut bundles = vec![bundle];
        if base != ENGLISH {
            bundles.extend(lower.iter().cloned());
        }
        tongues.push(Tongue { name, bundles });
        Some(rest)
    }
}

/// A language as it is looked up: `de-at` of `de_AT`.
fn tag(language: &str) -> String {
    language.replace('_', "-").to_ascii_lowercase()
}

/// Files of the same language: a file system that does not tell `DE.ftl` from `de.ftl` has one of them only, and
/// nobody could say which of two is meant.
fn twins(files: &[File]) -> Vec<Mistake> {
    let mut seen: BTreeMap<String, &File> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for file in files {
        let tag = tag(&file.language);
        if let Some(first) = seen.get(&tag) {
            let text = format!("is {tag}, and so is {}; leave one of them", first.name);
            mistakes.push(Mistake {
                file: file.name.clone(),
                line: 1,
                text,
            });
            continue;
        }
        seen.insert(tag, file);
    }
    mistakes
}

/// Whether it is the tag of a language (RFC 5646): two or three letters, then perhaps a script, a region and
/// variants. Longer first words are well-formed, but none is registered: they are names, as deutsch.
fn is_tag(language: &str) -> bool {
    let first = language.split(['-', '_']).next().unwrap_or_default();
    (2..=3).contains(&first.len()) && language.parse::<LanguageIdentifier>().is_ok()
}

/// All texts there are, with their variables.
pub(super) fn ours() -> Shape {
    let mut all = Shape::new();
    for (_, sources) in NOUNS {
        all.extend(shape::of(&parsed(sources[ENGLISH.0]).0));
    }
    all
}

/// What a file says, and how many texts.
fn read(file: &File, ours: &Shape) -> Result<(FluentBundle<FluentResource>, usize), Vec<Mistake>> {
    let at = |line: usize, text: String| Mistake {
        file: file.name.clone(),
        line,
        text,
    };
    if !is_tag(&file.language) {
        let ours: Vec<_> = LANGUAGES.iter().map(|name| format!("{name}.ftl")).collect();
        let text = format!(
            "its name is not the tag of a language; call it {}, or by another tag of BCP 47, as pt.ftl or de-AT.ftl",
            ours.join(", ")
        );
        return Err(vec![at(1, text)]);
    }
    let (resource, errors) = parsed(&file.source);
    let syntax = |error: &ParserError| {
        let line = 1 + file.source[..error.pos.start.min(file.source.len())]
            .bytes()
            .filter(|b| *b == b'\n')
            .count();
        let write = "write key = text, and go on with indented lines";
        at(line, format!("this is not Fluent: {}; {write}", error.kind))
    };
    let mut mistakes: Vec<Mistake> = errors.iter().map(syntax).collect();
    let mut seen = BTreeSet::new();
    for entry in resource.entries() {
        if let Entry::Message(message) = entry
            && !seen.insert(message.id.name)
        {
            let name = message.id.name;
            let text = format!("{name} is there twice; leave one of them");
            mistakes.push(at(place(&file.source, name), text));
        }
    }
    let theirs = shape::of(&resource);
    for (key, variables) in &theirs {
        let line = place(&file.source, key);
        let Some(known) = ours.get(key) else {
            mistakes.push(at(line, unknown_key(key, ours)));
            continue;
        };
        let before = mistakes.len();
        for name in variables.difference(known) {
            mistakes.push(at(line, unknown_variable(key, name, known)));
        }
        // A misspelt one is there, in a way.
        let is_said = mistakes.len() == before;
        let lacking = needs::of(key).iter();
        for name in lacking.filter(|name| is_said && !variables.contains(**name)) {
            let text = format!("{key} lacks {{ ${name} }}: it says nothing without; write it in");
            mistakes.push(at(line, text));
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut bundle = empty(&file.language);
    let _ = bundle.add_resource(resource);
    for (key, variables) in &theirs {
        if let Err(why) = tried(&bundle, key, variables) {
            mistakes.push(at(place(&file.source, key), format!("{key}: {why}")));
        }
    }
    match mistakes.is_empty() {
        true => Ok((bundle, theirs.len())),
        false => Err(mistakes),
    }
}

/// Says a text with words and with numbers, as it will be.
fn tried(
    bundle: &FluentBundle<FluentResource>,
    key: &str,
    variables: &BTreeSet<String>,
) -> Result<(), String> {
    let numbers = [Some(1_u8), Some(5), None];
    // What stands in it is an address, which is no number.
    let samples = &numbers[if key == QUESTION { 2 } else { 0 }..];
    for &sample in samples {
        let sample = |name| -> (&str, Value<'_>) { (name, sample.map_or("x".into(), Value::from)) };
        let args = variables.iter().map(|name| sample(name.as_str()));
        let args: FluentArgs<'_> = args.collect();
        let (said, errors) = super::format(bundle, key, &args).unwrap_or_default();
        if let Some(error) = errors.first() {
            return Err(format!(
                "it does not work: {error}; refer to variables, and to what stands in the same file"
            ));
        }
        if said.trim().is_empty() {
            return Err("it says nothing; leave it out, and ours is said".to_owned());
        }
        if let Some(strange) = said.chars().find(|c| c.is_control() && *c != '\n') {
            return Err(format!("{strange:?} cannot stand in a mail; remove it"));
        }
        if key.ends_with(".subject") && said.contains('\n') {
            return Err("a subject is one line; write it in one".to_owned());
        }
        if key == QUESTION && said.contains(|c: char| c.is_numeric()) {
            return Err(
                "an answer has this subject, and a number is looked for in that; write no digits"
                    .to_owned(),
            );
        }
        if PHONE.contains(&key) && said.chars().count() > MAX_PHONE {
            return Err(format!(
                "is too long for a phone; write at most {MAX_PHONE} characters"
            ));
        }
    }
    Ok(())
}

fn unknown_key(key: &str, ours: &Shape) -> String {
    let alike = |name: &&String| jaro_winkler(name, key);
    let near = ours.keys().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let near = near.filter(|name| alike(name) > 0.85);
    match near {
        Some(near) => format!("no text is called {key}; did you mean {near}?"),
        None => format!("no text is called {key}; sms-milter templates shows all there are"),
    }
}

fn unknown_variable(key: &str, name: &str, known: &BTreeSet<String>) -> String {
    let known: Vec<_> = known.iter().map(|name| format!("{{ ${name} }}")).collect();
    match known.is_empty() {
        true => format!("{key} has no variable ${name}, nor any other; write text alone"),
        false => format!("{key} has no variable ${name}; it has {}", known.join(", ")),
    }
}

/// The line on which a text begins.
pub(super) fn place(source: &str, key: &str) -> usize {
    let (message, attribute) = match key.split_once('.') {
        Some((message, attribute)) => (message, Some(attribute)),
        None => (key, None),
    };
    let names = |line: &str, name: &str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let mut lines = source.lines().enumerate();
    let Some((begin, _)) = lines.find(|(_, line)| names(line, message)) else {
        return 1;
    };
    let inside = |name: &str| {
        let dotted = format!(".{name}");
        lines.find(|(_, line)| names(line.trim_start(), &dotted))
    };
    1 + attribute.and_then(inside).map_or(begin, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(language: &str, source: &str) -> File {
        File {
            name: format!("{language}.ftl"),
            language: language.to_owned(),
            source: source.to_owned(),
        }
    }

    fn with(files: &[(&str, &str)]) -> Words {
        let files = files
            .iter()
            .map(|(language, source)| file(language, source));
        let words = Words::default().with(files.collect());
        words.expect("files without mistakes").0
    }

    #[test]
    fn an_admins_text_goes_before_ours() {
        let words = with(&[(
            "de",
            "report-refused = Ging nicht.\n    .subject = Ach: { $about }\n",
        )]);
        let de = words.speaking("de").expect("de");
        assert_eq!(de.say("report-refused", &[]), "Ging nicht.");
        let about = [("about", "x".into())];
        assert_eq!(de.say("report-refused.subject", &about), "Ach: x");
        assert!(de.say("held.subject", &about).contains("zurückgehalten"));
        assert_eq!(
            words.say("report-refused.subject", &about),
            "SMS not sent: x"
        );
    }

    #[test]
    fn what_a_text_leaves_out_stays_ours() {
        let words = with(&[
            ("en", "report-refused = No.\n"),
            ("de", "held =\n    .subject = H { $about }\n"),
        ]);
        let about = [("about", "x".into())];
        assert_eq!(
            words.say("report-refused.subject", &about),
            "SMS not sent: x"
        );
        let de = words.speaking("de-CH").expect("de");
        assert!(de.say("held", &[]).contains("Administrator"));
        assert_eq!(de.say("held.subject", &about), "H x");
    }

    #[test]
    fn languages_can_be_added() {
        let files = vec![
            file("de_AT", "report-refused = Geht sich nicht aus.\n"),
            file("pt", "report-refused = Não foi enviado.\n"),
        ];
        let (words, said) = Words::default().with(files).expect("fine");
        let pt = words.speaking("pt-BR").expect("pt");
        assert_eq!(
            (pt.language(), pt.say("report-refused", &[])),
            ("pt", "Não foi enviado.".into())
        );
        assert!(pt.say("held", &[]).contains("administrator has been told"));
        let at = words.speaking("de-AT").expect("de-at");
        assert_eq!(at.say("report-refused", &[]), "Geht sich nicht aus.");
        assert!(at.say("held", &[]).contains("zurückgehalten"));
        let rest: Vec<_> = said.iter().map(|said| said.rest.as_deref()).collect();
        assert_eq!(rest, [Some("en"), Some("de")]);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |source: &str, expected: &str| {
            let wrong = Words::default().with(vec![file("de", source)]);
            let wrong = wrong.expect_err(source);
            assert_eq!(wrong[0].to_string(), expected);
        };
        check(
            "\nreport-refusd = x\n",
            "de.ftl:2: no text is called report-refusd; did you mean report-refused?",
        );
        check(
            "zzz = x\n",
            "de.ftl:1: no text is called zzz; sms-milter templates shows all there are",
        );
        check(
            "held = x\n    .subject = { $abuot }\n",
            "de.ftl:2: held.subject has no variable $abuot; it has { $about }",
        );
        check(
            "held = { $about }\n",
            "de.ftl:1: held has no variable $about, nor any other; write text alone",
        );
        check(
            "# well\nheld x\n",
            "de.ftl:2: this is not Fluent: Expected a token starting with \"=\"; write key = text, and go on with indented lines",
        );
        check(
            "held = x\nheld = y\n",
            "de.ftl:1: held is there twice; leave one of them",
        );
        check(
            "held = { other }\n",
            "de.ftl:1: held: it does not work: Resolver error: Unknown message: other; refer to variables, and to what stands in the same file",
        );
        check(
            "held = x\n    .subject =\n        a\n        b\n",
            "de.ftl:2: held.subject: a subject is one line; write it in one",
        );
        check(
            "held = { \"\\u0007\" }\n",
            "de.ftl:1: held: '\\u{7}' cannot stand in a mail; remove it",
        );
        check(
            &format!("conflict-question = {}\n", "x".repeat(460)),
            "de.ftl:1: conflict-question: is too long for a phone; write at most 459 characters",
        );
        check(
            "\nnumber-question = Welche Nummer?\n",
            "de.ftl:2: number-question lacks { $address }: it says nothing without; write it in",
        );
        check(
            "number-question =\n    .subject = Antwort an 4711\n",
            "de.ftl:2: number-question.subject: an answer has this subject, and a number is looked for in that; write no digits",
        );
        for name in ["notes!", "deutsch", "german-AT", "d"] {
            let no_language = Words::default().with(vec![file(name, "held = x\n")]);
            assert_eq!(
                no_language.expect_err("no language")[0].to_string(),
                format!(
                    "{name}.ftl:1: its name is not the tag of a language; call it en.ftl, de.ftl, fr.ftl, es.ftl, \
                     it.ftl, cs.ftl, ms.ftl, or by another tag of BCP 47, as pt.ftl or de-AT.ftl"
                ),
            );
        }
    }

    #[test]
    fn one_file_a_language() {
        let check = |names: [&str; 2], expected: &str| {
            let files = names.map(|name| file(name, "held = x\n"));
            let wrong = Words::default().with(files.to_vec());
            let wrong = wrong.expect_err("twins");
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            assert_eq!(wrong[0].to_string(), expected);
        };
        check(
            ["de", "DE"],
            "de.ftl:1: is de, and so is DE.ftl; leave one of them",
        );
        check(
            ["de_AT", "de-at"],
            "de_AT.ftl:1: is de-at, and so is de-at.ftl; leave one of them",
        );
        // Alone it is as good as any other.
        assert_eq!(
            with(&[("DE", "held = x\n")])
                .speaking("de")
                .map(|w| w.say("held", &[])),
            Some("x".into())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_right_or_refused(source in "\\PC{0,60}|[a-z.={} $\n\"\\-\\[\\]*>]{0,120}") {
            if let Ok((words, _)) = Words::default().with(vec![file("de", &source)]) {
                let de = words.speaking("de").expect("de");
                proptest::prop_assert!(!de.say("held", &[]).is_empty());
            }
        }
    }
}
