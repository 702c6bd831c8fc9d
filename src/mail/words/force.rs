//! What is in force: which of the texts is the admin's, from which file and line, and which is ours. For
//! `sms-milter templates`, so that nobody has to guess what a mail will say.

use std::collections::BTreeSet;
use std::fmt;

use fluent_syntax::ast::{Comment, Entry, Message, Pattern, Resource};
use fluent_syntax::parser::parse;
use fluent_syntax::serializer::serialize;

use super::own::{self, ours};
use super::{ENGLISH, NOUNS, Texts, Words, has};

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Ours {
        /// Its language.
        language: String,
    },
    /// A file of `mail.templates`.
    File {
        /// As errors call it.
        name: String,
        /// From 1.
        line: usize,
    },
}

/// As lists show it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Ours { language } => write!(f, "ours ({language})"),
            Origin::File { name, line } => write!(f, "{name}:{line}"),
        }
    }
}

impl Words {
    /// Every text, by its key, and where it comes from in this language.
    pub fn in_force(&self) -> Vec<(String, Origin)> {
        let keys = ours().into_keys();
        keys.filter_map(|key| self.origin(&key).map(|origin| (key, origin)))
            .collect()
    }

    /// All texts in Fluent as they are said in this language. A comment above each that is not ours says whose
    /// it is.
    pub fn in_fluent(&self) -> String {
        let mut body = Vec::new();
        let base = self.base();
        for (_, sources) in NOUNS {
            for entry in read(sources[base]).body {
                body.push(match entry {
                    Entry::Message(message) => Entry::Message(self.overridden(message)),
                    other => other,
                });
            }
        }
        // What the admin's texts refer to.
        let mut seen = BTreeSet::new();
        for source in self.sources() {
            for entry in read(source).body {
                if let Entry::Term(term) = entry
                    && seen.insert(term.id.name.clone())
                {
                    body.push(Entry::Term(term));
                }
            }
        }
        serialize(&Resource { body })
    }

    /// What is looked through for a text, in order.
    fn chain(&self) -> impl Iterator<Item = (&str, &Texts)> {
        let places = [self.language, ENGLISH];
        places.into_iter().flat_map(|place| {
            let tongue = &self.tongues[place.0];
            let texts = tongue.bundles.iter();
            texts.map(|texts| (tongue.name.as_str(), texts.as_ref()))
        })
    }

    /// The files of the admin's among them.
    fn sources(&self) -> impl Iterator<Item = &str> {
        let files = self.chain().filter_map(|(_, texts)| texts.file.as_ref());
        files.map(|file| file.source.as_str())
    }

    /// The language of ours that stands in for what the admin does not say: its place.
    fn base(&self) -> usize {
        let ours = self.chain().find_map(|(_, texts)| texts.ours);
        ours.unwrap_or(ENGLISH.0)
    }

    fn origin(&self, key: &str) -> Option<Origin> {
        let (_, texts) = self.chain().find(|(_, texts)| has(&texts.bundle, key))?;
        Some(match &texts.file {
            Some(file) => Origin::File {
                name: file.name.clone(),
                line: own::place(&file.source, key),
            },
            None => Origin::Ours {
                language: super::LANGUAGES[texts.ours.unwrap_or(ENGLISH.0)].to_owned(),
            },
        })
    }

    /// A message of ours with what the admin says in its place.
    fn overridden(&self, mut message: Message<String>) -> Message<String> {
        let name = message.id.name.clone();
        let mut said = Vec::new();
        let mut instead = |key: &str, pattern: &mut Pattern<String>| {
            let Some(origin @ Origin::File { .. }) = self.origin(key) else {
                return;
            };
            let mut sources = self.sources();
            if let Some(theirs) = sources.find_map(|source| pattern_of(source, key)) {
                *pattern = theirs;
                said.push(format!("{key}: {origin}"));
            }
        };
        if let Some(value) = &mut message.value {
            instead(&name, value);
        }
        for attribute in &mut message.attributes {
            let key = format!("{name}.{}", attribute.id.name);
            instead(&key, &mut attribute.value);
        }
        if !said.is_empty() {
            let mut content = message.comment.take().map_or(Vec::new(), |c| c.content);
            content.append(&mut said);
            message.comment = Some(Comment { content });
        }
        message
    }
}

/// What could be read of a file: it was judged when it was taken.
fn read(source: &str) -> Resource<String> {
    parse(source.to_owned()).unwrap_or_else(|(resource, _)| resource)
}

/// What a file says under a key.
fn pattern_of(source: &str, key: &str) -> Option<Pattern<String>> {
    let (name, attribute) = match key.split_once('.') {
        Some((name, attribute)) => (name, Some(attribute)),
        None => (key, None),
    };
    read(source).body.into_iter().find_map(|entry| match entry {
        Entry::Message(message) if message.id.name == name => match attribute {
            None => message.value,
            Some(wanted) => {
                let mut attributes = message.attributes.into_iter();
                let found = attributes.find(|attribute| attribute.id.name == wanted);
                found.map(|attribute| attribute.value)
            }
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    fn words() -> Words {
        let file = |language: &str, source: &str| File {
            name: format!("/t/{language}.ftl"),
            language: language.to_owned(),
            source: source.to_owned(),
        };
        let files = vec![
            file("de", "\nheld = { -we } halten.\n-we = Wir\n"),
            file("de-AT", "held =\n    .subject = Ach, { $about }\n"),
            file("pt", "held = Retido.\n"),
            file("en", "report-refused = No.\n"),
        ];
        Words::default().with(files).expect("right").0
    }

    #[test]
    fn each_text_has_an_origin() {
        let words = words();
        let check = |language: &str, key: &str, expected: &str| {
            let spoken = words.speaking(language).expect("a language");
            let all = spoken.in_force();
            assert_eq!(all.len(), ours().len(), "{language}");
            let (_, origin) = all.iter().find(|(name, _)| name == key).expect(key);
            assert_eq!(origin.to_string(), expected, "{language} {key}");
        };
        check("de", "held", "/t/de.ftl:2");
        check("de", "held.subject", "ours (de)");
        check("de-AT", "held", "/t/de.ftl:2");
        check("de-AT", "held.subject", "/t/de-AT.ftl:2");
        check("de-AT", "report-refused", "ours (de)");
        check("pt", "held", "/t/pt.ftl:1");
        check("pt", "held.subject", "ours (en)");
        check("pt", "report-refused", "/t/en.ftl:1");
        check("cs", "held", "ours (cs)");
    }

    #[test]
    fn what_is_printed_is_what_is_said() {
        let about = [("about", "x".into()), ("until", "noon".into())];
        for language in ["en", "de", "de-AT", "pt", "cs"] {
            let spoken = words().speaking(language).expect("a language");
            let printed = File {
                name: "printed.ftl".to_owned(),
                language: language.to_owned(),
                source: spoken.in_fluent(),
            };
            let again = Words::default().with(vec![printed]).expect(language).0;
            let again = again.speaking(language).expect("a language");
            for key in ["held", "held.subject", "held-decides", "report-refused"] {
                assert_eq!(
                    again.say(key, &about),
                    spoken.say(key, &about),
                    "{language}"
                );
            }
        }
        let de = words().speaking("de").expect("de").in_fluent();
        assert!(
            de.contains("# held: /t/de.ftl:2\nheld = { -we } halten."),
            "{de}"
        );
    }
}
