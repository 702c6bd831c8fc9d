//! An admin's own texts: files of `mail.templates`, one a language, that say what is to be said otherwise.
//!
//! A file that would say something wrong, or nothing, when it is needed is refused as a whole, with all that is
//! wrong in it: what it calls by a name that is not there, Fluent's own mistakes, a subject of two lines. What
//! it does not name stays as we say it. A language that we do not have may be added; what its file lacks is
//! said in English, or for a region (`de-at`) as its language says it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_syntax::ast::Entry;
use fluent_syntax::parser::ParserError;
use strsim::jaro_winkler;
use unic_langid::LanguageIdentifier;

use super::shape::{self, Shape};
use super::{ENGLISH, NOUNS, PHONE, Tongue, Value, Words, empty, parsed};

/// A text for a phone that is longer than three SMS is a mistake, and a cost with each.
pub const MAX_PHONE: usize = 459;

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
        files.sort_by_key(|file| (file.language.len(), file.language.clone()));
        let ours = ours();
        let mut words = self.clone();
        let (mut said, mut mistakes) = (Vec::new(), Vec::new());
        for file in files {
            match read(&file, &ours) {
                Ok((bundle, texts)) => {
                    let rest = words.put(&file.language, bundle);
                    said.push(Said {
                        file: file.name,
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
    fn put(&mut self, language: &str, bundle: FluentBundle<FluentResource>) -> Option<String> {
        let name = language.replace('_', "-").to_ascii_lowercase();
        let base = self.speaking(&name);
        let tongues = Arc::make_mut(&mut self.tongues);
        let bundle = Arc::new(bundle);
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

/// All texts there are, with their variables.
fn ours() -> Shape {
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
    if file.language.parse::<LanguageIdentifier>().is_err() {
        let text = "its name is not that of a language; call it as de.ftl or pt.ftl".to_owned();
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
        for name in variables.difference(known) {
            mistakes.push(at(line, unknown_variable(key, name, known)));
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
    for sample in [Some(1_u8), Some(5), None] {
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
fn place(source: &str, key: &str) -> usize {
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
        let no_language = Words::default().with(vec![file("notes!", "held = x\n")]);
        assert_eq!(
            no_language.expect_err("no language")[0].to_string(),
            "notes!.ftl:1: its name is not that of a language; call it as de.ftl or pt.ftl",
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
