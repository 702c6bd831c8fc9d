//! The catalogue: every text of a mail or an SMS that we write, in the languages that we speak.
//!
//! The texts are Fluent messages in `LANG/NOUN.ftl` beside this file, compiled in; an admin's own files go
//! before them. A message that a language lacks is said in English. Logs, SMTP replies, commands and the
//! machine-readable part of a report (RFC 3464) are not in here: they stay English.
//!
//! Layer 1, pure: whoever has an admin's files hands them in ([`Words::with`]).
//!
//! A new noun is its file in each language and its line in the table below. A message's subject is its
//! attribute: `held = …` with `.subject = …` is said as `held` and `held.subject`.

mod force;
mod needs;
mod own;
mod shape;
mod speech;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use unic_langid::LanguageIdentifier;

use crate::sms::span::{self, Unit};

pub use fluent_bundle::FluentValue as Value;
pub use force::Origin;
pub use own::{File, MAX_PHONE, Mistake, Said};
pub use speech::Speech;

/// The languages in which every text is there; the first stands in for what another lacks.
pub const LANGUAGES: [&str; 7] = ["en", "de", "fr", "es", "it", "cs", "ms"];

/// `catalogue![noun, …]`: the files of each noun, in the order of [`LANGUAGES`].
macro_rules! catalogue {
    ($($noun:literal),* $(,)?) => {
        [$(($noun, [
            include_str!(concat!("en/", $noun, ".ftl")),
            include_str!(concat!("de/", $noun, ".ftl")),
            include_str!(concat!("fr/", $noun, ".ftl")),
            include_str!(concat!("es/", $noun, ".ftl")),
            include_str!(concat!("it/", $noun, ".ftl")),
            include_str!(concat!("cs/", $noun, ".ftl")),
            include_str!(concat!("ms/", $noun, ".ftl")),
        ])),*]
    };
}

/// The one list of files. A new noun is one line.
#[rustfmt::skip]
const NOUNS: &[(&str, [&str; LANGUAGES.len()])] = &catalogue![
    "alarms",
    "held",
    "inbound",
    "inject",
    "loops",
    "meaning",
    "optout",
    "parts",
    "phonebook",
    "question",
    "quota",
    "reasons",
    "refusals",
    "reports",
    "spans",
    "text",
];

/// The texts that go to phones as SMS.
pub const PHONE: &[&str] = &[
    "conflict-question",
    "opt-in-confirmation",
    "opt-out-confirmation",
    "phonebook-replaced",
];

/// A language of a [`Words`]: its place there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Language(usize);

const ENGLISH: Language = Language(0);

/// The texts of one language: an admin's before ours.
#[derive(Clone)]
struct Tongue {
    name: String,
    bundles: Vec<Arc<Texts>>,
}

/// The texts of a file.
struct Texts {
    bundle: FluentBundle<FluentResource>,
    /// The admin's file.
    file: Option<File>,
    /// The place of their language, when they are ours.
    ours: Option<usize>,
}

/// They are read once.
static OWN: LazyLock<Arc<Vec<Tongue>>> = LazyLock::new(|| {
    let texts = |place: usize, name| Texts {
        bundle: own(name),
        file: None,
        ours: Some(place),
    };
    let languages = LANGUAGES.iter().enumerate();
    let tongues = languages.map(|(place, name)| Tongue {
        name: (*name).to_owned(),
        bundles: vec![Arc::new(texts(place, name))],
    });
    Arc::new(tongues.collect())
});

/// All that we can say, and the language in which we say it. Cheap to clone.
#[derive(Clone)]
pub struct Words {
    tongues: Arc<Vec<Tongue>>,
    language: Language,
    zone: TimeZone,
}

impl Default for Words {
    /// Our own texts, in English.
    fn default() -> Self {
        Self {
            tongues: OWN.clone(),
            language: ENGLISH,
            zone: TimeZone::UTC,
        }
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({})", self.language())
    }
}

impl PartialEq for Words {
    /// The same catalogue, language and zone, not merely equal texts.
    fn eq(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.tongues, &other.tongues);
        same && self.language == other.language && self.zone == other.zone
    }
}

impl Words {
    /// The same texts in another language: `de`, or `de-AT` for want of something nearer. `None`: not there.
    pub fn speaking(&self, language: &str) -> Option<Self> {
        let wanted = language.replace('_', "-").to_ascii_lowercase();
        let place = |name: &str| self.tongues.iter().position(|t| t.name == name);
        let mut name = wanted.as_str();
        loop {
            if let Some(place) = place(name) {
                return Some(Self {
                    language: Language(place),
                    ..self.clone()
                });
            }
            (name, _) = name.rsplit_once('-')?;
        }
    }

    /// The same words, whose times are those of a zone; it is UTC otherwise.
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// A time for people, with its zone: `2026-11-20 14:03 CET`.
    pub fn time(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        zoned.strftime("%Y-%m-%d %H:%M %Z").to_string()
    }

    /// How long, for people: `90 minutes`, `3 hours`, `2 days`.
    pub fn span(&self, span: Duration) -> String {
        let said = span::parts(span).into_iter().map(|(unit, count)| {
            let args = [("count", count.into())];
            match unit {
                Unit::Days => self.say("span-days", &args),
                Unit::Hours => self.say("span-hours", &args),
                Unit::Minutes => self.say("span-minutes", &args),
                Unit::Seconds => self.say("span-seconds", &args),
            }
        });
        said.collect::<Vec<_>>().join(" ")
    }

    /// The language it speaks.
    pub fn language(&self) -> &str {
        &self.tongues[self.language.0].name
    }

    /// All languages there are, ours first.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.tongues.iter().map(|tongue| tongue.name.as_str())
    }

    /// A text. `key` is a message's name, or `name.subject` for an attribute of it; what it lacks in this
    /// language is said in English. A key that is in no file is a mistake of ours that a test finds.
    pub fn say(&self, key: &str, args: &[(&str, Value<'_>)]) -> String {
        let args: FluentArgs<'_> = args
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect();
        for place in [self.language, ENGLISH] {
            for texts in &self.tongues[place.0].bundles {
                if let Some((said, errors)) = format(&texts.bundle, key, &args) {
                    debug_assert!(errors.is_empty(), "{key}: {errors:?}");
                    return said;
                }
            }
        }
        debug_assert!(false, "no text is called {key}");
        key.to_owned()
    }
}

/// A text of a bundle and what went wrong in it; `None`: it is not there.
fn format(
    bundle: &FluentBundle<FluentResource>,
    key: &str,
    args: &FluentArgs<'_>,
) -> Option<(String, Vec<FluentError>)> {
    let pattern = pattern(bundle, key)?;
    let mut errors = Vec::new();
    let said = bundle.format_pattern(pattern, Some(args), &mut errors);
    Some((said.into_owned(), errors))
}

fn pattern<'a>(
    bundle: &'a FluentBundle<FluentResource>,
    key: &str,
) -> Option<&'a fluent_syntax::ast::Pattern<&'a str>> {
    match key.split_once('.') {
        Some((message, attribute)) => {
            let message = bundle.get_message(message)?;
            Some(message.get_attribute(attribute)?.value())
        }
        None => bundle.get_message(key)?.value(),
    }
}

/// Whether a bundle has a text.
fn has(bundle: &FluentBundle<FluentResource>, key: &str) -> bool {
    pattern(bundle, key).is_some()
}

/// A bundle that has nothing yet.
fn empty(language: &str) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = language.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // The marks around arguments are for screens; in mails and SMS they are litter.
    bundle.set_use_isolating(false);
    bundle
}

/// Our own texts of a language.
fn own(language: &str) -> FluentBundle<FluentResource> {
    let mut bundle = empty(language);
    let place = LANGUAGES.iter().position(|name| *name == language);
    for (_, sources) in NOUNS {
        let Some(source) = place.map(|place| sources[place]) else {
            break;
        };
        // A file with a mistake keeps its right half; a test lets none through.
        let (resource, _) = parsed(source);
        let _ = bundle.add_resource(resource);
    }
    bundle
}

/// What could be read of a file, and what could not be read of it.
fn parsed(source: &str) -> (FluentResource, Vec<fluent_syntax::parser::ParserError>) {
    match FluentResource::try_new(source.to_owned()) {
        Ok(resource) => (resource, Vec::new()),
        Err((resource, errors)) => (resource, errors),
    }
}

#[cfg(test)]
mod tests;
