//! National languages: which tables they bring, and which of all tables have a character.
//!
//! A *locking* table stands in for the default alphabet, a *single* one for its extension table
//! (3GPP TS 23.038 §6.2.1.2). The tables themselves are in `national/tables.rs`.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::Language;
use super::alphabet::{self, ESC, Septets};

pub use tables::Table;

mod tables;

impl Language {
    /// All of Annex A, in its order.
    pub const ALL: [Language; 13] = [
        Language::Turkish,
        Language::Spanish,
        Language::Portuguese,
        Language::Bengali,
        Language::Gujarati,
        Language::Hindi,
        Language::Kannada,
        Language::Malayalam,
        Language::Oriya,
        Language::Punjabi,
        Language::Tamil,
        Language::Telugu,
        Language::Urdu,
    ];

    /// The name used in the configuration, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Language::Turkish => "turkish",
            Language::Spanish => "spanish",
            Language::Portuguese => "portuguese",
            Language::Bengali => "bengali",
            Language::Gujarati => "gujarati",
            Language::Hindi => "hindi",
            Language::Kannada => "kannada",
            Language::Malayalam => "malayalam",
            Language::Oriya => "oriya",
            Language::Punjabi => "punjabi",
            Language::Tamil => "tamil",
            Language::Telugu => "telugu",
            Language::Urdu => "urdu",
        }
    }

    /// Reads a name, any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.name().eq_ignore_ascii_case(name))
    }

    /// The language of an identifier on the air; `None` for those that are reserved.
    pub fn from_identifier(identifier: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|&language| language as u8 == identifier)
    }

    /// What stands in for the default alphabet; Spanish has no such table.
    pub(super) fn locking(self) -> Option<&'static Table> {
        Some(match self {
            Language::Turkish => &tables::TURKISH_LOCKING,
            Language::Spanish => return None,
            Language::Portuguese => &tables::PORTUGUESE_LOCKING,
            Language::Bengali => &tables::BENGALI_LOCKING,
            Language::Gujarati => &tables::GUJARATI_LOCKING,
            Language::Hindi => &tables::HINDI_LOCKING,
            Language::Kannada => &tables::KANNADA_LOCKING,
            Language::Malayalam => &tables::MALAYALAM_LOCKING,
            Language::Oriya => &tables::ORIYA_LOCKING,
            Language::Punjabi => &tables::PUNJABI_LOCKING,
            Language::Tamil => &tables::TAMIL_LOCKING,
            Language::Telugu => &tables::TELUGU_LOCKING,
            Language::Urdu => &tables::URDU_LOCKING,
        })
    }

    /// What stands in for the default extension table.
    pub(super) fn single(self) -> &'static Table {
        match self {
            Language::Turkish => &tables::TURKISH_SINGLE,
            Language::Spanish => &tables::SPANISH_SINGLE,
            Language::Portuguese => &tables::PORTUGUESE_SINGLE,
            Language::Bengali => &tables::BENGALI_SINGLE,
            Language::Gujarati => &tables::GUJARATI_SINGLE,
            Language::Hindi => &tables::HINDI_SINGLE,
            Language::Kannada => &tables::KANNADA_SINGLE,
            Language::Malayalam => &tables::MALAYALAM_SINGLE,
            Language::Oriya => &tables::ORIYA_SINGLE,
            Language::Punjabi => &tables::PUNJABI_SINGLE,
            Language::Tamil => &tables::TAMIL_SINGLE,
            Language::Telugu => &tables::TELUGU_SINGLE,
            Language::Urdu => &tables::URDU_SINGLE,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Languages(u16);

impl Languages {
    /// Every one there is.
    pub fn all() -> Self {
        Language::ALL.into_iter().collect()
    }

    /// Not one.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Is it among them?
    pub fn contains(self, language: Language) -> bool {
        self.0 & bit(Some(language)) != 0
    }

    /// They, in the standard's order.
    pub fn iter(self) -> impl Iterator<Item = Language> {
        Language::ALL
            .into_iter()
            .filter(move |&language| self.contains(language))
    }
}

impl FromIterator<Language> for Languages {
    fn from_iter<I: IntoIterator<Item = Language>>(languages: I) -> Self {
        let bits = languages.into_iter().map(|language| bit(Some(language)));
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

/// The tables that have a character: a bit for each language by its identifier, bit 0 for the
/// default ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// In one septet.
    pub locking: u16,
    /// In two, the escape first.
    pub single: u16,
}

/// The bit of a language's tables, or of the default ones.
pub fn bit(language: Option<Language>) -> u16 {
    1 << language.map_or(0, |language| language as u8)
}

/// Which tables have this character.
pub fn tables_with(c: char) -> Tables {
    static KNOWN: LazyLock<HashMap<char, Tables>> = LazyLock::new(known);
    KNOWN.get(&c).copied().unwrap_or_default()
}

fn known() -> HashMap<char, Tables> {
    let mut known: HashMap<char, Tables> = HashMap::new();
    for septet in (0..128).filter(|&septet| septet != ESC) {
        let c = alphabet::decode(&[septet]).chars().next();
        known.entry(c.unwrap_or(' ')).or_default().locking |= bit(None);
        let escaped = alphabet::decode(&[ESC, septet]).chars().next();
        let escaped =
            escaped.filter(|&c| alphabet::septets_of(c) == Some(Septets::Escaped(septet)));
        if let Some(c) = escaped {
            known.entry(c).or_default().single |= bit(None);
        }
    }
    for language in Language::ALL {
        let bit = bit(Some(language));
        for &c in language.locking().into_iter().flatten() {
            known.entry(c).or_default().locking |= bit;
        }
        for &c in language.single().iter().filter(|&&c| c != ' ') {
            known.entry(c).or_default().single |= bit;
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_identifiers_are_read_back() {
        for (identifier, language) in (1..).zip(Language::ALL) {
            assert_eq!(Language::from_identifier(identifier), Some(language));
            assert_eq!(
                Language::parse(&language.name().to_uppercase()),
                Some(language)
            );
        }
        assert_eq!(Language::from_identifier(0), None);
        assert_eq!(Language::from_identifier(14), None);
        assert_eq!(Language::parse("klingon"), None);
        assert!(Languages::all().iter().eq(Language::ALL));
    }

    /// What no locking table changes, and what no single one does.
    #[test]
    fn tables_agree_where_the_standard_says_so() {
        for language in Language::ALL {
            if let Some(table) = language.locking() {
                let same = "\n\r !0123456789:?abcdefghijklmnopqrstuvwxyz";
                for c in same.chars() {
                    let at = table.iter().rposition(|&known| known == c && c != ' ');
                    let septet = alphabet::encode(&c.to_string()).expect("a character")[0];
                    assert!(c == ' ' || at == Some(septet.into()), "{language} {c:?}");
                }
                assert_eq!(table[0x20], ' ', "{language}");
                assert_eq!(table[usize::from(ESC)], ' ', "{language}");
            }
            for (septet, c) in [(0x0A, '\u{c}'), (0x14, '^'), (0x28, '{'), (0x29, '}')] {
                assert_eq!(language.single()[septet], c, "{language}");
            }
            for (septet, c) in [(0x2F, '\\'), (0x3C, '['), (0x3D, '~'), (0x3E, ']')] {
                assert_eq!(language.single()[septet], c, "{language}");
            }
            for (septet, c) in [(0x40, '|'), (0x65, '€'), (0x1B, ' '), (0x0D, ' ')] {
                assert_eq!(language.single()[septet], c, "{language}");
            }
        }
    }

    #[track_caller]
    fn check(c: char, locking: &[Language], single: &[Language]) {
        let bits = |languages: &[Language]| languages.iter().copied().collect::<Languages>().0;
        let found = tables_with(c);
        assert_eq!(
            (found.locking & !1, found.single & !1),
            (bits(locking), bits(single)),
            "{c:?}"
        );
    }

    #[test]
    fn which_tables_have_a_character() {
        use Language::*;
        check('ş', &[Turkish], &[Turkish]);
        check('ú', &[Portuguese], &[Spanish, Portuguese]);
        check('∞', &[Portuguese], &[]);
        check('অ', &[Bengali], &[]);
        check('০', &[], &[Bengali]);
        check(
            '।',
            &[],
            &[Gujarati, Hindi, Kannada, Malayalam, Oriya, Punjabi, Tamil],
        );
        check('ی', &[Urdu], &[]);
        check('😀', &[], &[]);
        check('€', &[Turkish, Portuguese], &Language::ALL);
        assert_eq!(tables_with('€').single & 1, 1);
        assert_eq!(tables_with('a').locking, 0x3FFB);
        assert_eq!(
            tables_with(' '),
            Tables {
                locking: 0x3FFB,
                single: 0
            }
        );
    }
}
