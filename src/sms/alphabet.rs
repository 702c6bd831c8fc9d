//! The GSM 7-bit alphabets (3GPP TS 23.038 §6.2.1, Annex A): characters ↔ septets ↔ octets.
//!
//! A *septet* is a number below 128. Ten characters take two septets, the escape and one of the
//! extension table. Septets are packed on the air without gaps, from the lowest bit up.
//!
//! National tables stand in for the default ones where [`Shifts`] say so. Nothing here knows of
//! segments or headers.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::national::Table;
use super::{Language, Shifts};

/// Announces a septet of the extension table.
pub const ESC: u8 = 0x1B;

/// TS 23.038 §6.2.1; ESC itself is no character, a receiver that finds it alone shows a space.
static BASE: Table = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', //
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ' ', 'Æ', 'æ', 'ß', 'É', //
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/', //
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', //
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', //
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', //
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', //
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// TS 23.038 §6.2.1.1: the septet after ESC, and its character.
const EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// How Latin-1, where nearly every character of a mail lies, goes on the air. 0xFF: it does not.
static LATIN1: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut septet = 0;
    while septet < BASE.len() {
        let code = BASE[septet] as usize;
        if code < table.len() && septet != ESC as usize {
            table[code] = septet as u8;
        }
        septet += 1;
    }
    table
};

/// One character on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Septets {
    /// A septet of the default alphabet.
    One(u8),
    /// ESC and this septet of the extension table.
    Escaped(u8),
}

impl Septets {
    /// One or two.
    pub fn count(self) -> usize {
        match self {
            Septets::One(_) => 1,
            Septets::Escaped(_) => 2,
        }
    }

    fn push_to(self, septets: &mut Vec<u8>) {
        match self {
            Septets::One(septet) => septets.push(septet),
            Septets::Escaped(septet) => septets.extend([ESC, septet]),
        }
    }
}

/// The septets of `c`; `None` when the alphabet lacks it.
pub fn septets_of(c: char) -> Option<Septets> {
    if let Some(&septet) = LATIN1.get(c as usize)
        && septet != 0xFF
    {
        return Some(Septets::One(septet));
    }
    if let Some(&(septet, _)) = EXTENSION.iter().find(|(_, known)| *known == c) {
        return Some(Septets::Escaped(septet));
    }
    // What is left are ten capitals of Greek, all between 0x10 and 0x1A.
    let septet = (0x10..=0x1A).find(|&septet| BASE[usize::from(septet)] == c)?;
    Some(Septets::One(septet))
}

/// The septets of `c` with these tables in use.
pub fn septets_in(c: char, shifts: Shifts) -> Option<Septets> {
    let default = septets_of(c);
    if shifts == Shifts::default() {
        return default;
    }
    let locking = match shifts.locking.and_then(Language::locking) {
        // A hole is a blank too, and this one is in every table.
        Some(_) if c == ' ' => Some(b' '),
        Some(table) => position(table, c),
        None => match default {
            Some(Septets::One(septet)) => Some(septet),
            _ => None,
        },
    };
    let single = || match (shifts.single, default) {
        (Some(language), _) => position(language.single(), c),
        (None, Some(Septets::Escaped(septet))) => Some(septet),
        (None, _) => None,
    };
    locking
        .map(Septets::One)
        .or_else(|| single().map(Septets::Escaped))
}

fn position(table: &Table, c: char) -> Option<u8> {
    // Latin letters and digits stand where ASCII has them, in the tables that have them.
    let ascii = table.get(c as usize).filter(|&&known| known == c);
    let septet = match ascii {
        Some(_) => Some(c as usize),
        None => table.iter().position(|&known| known == c),
    };
    u8::try_from(septet?).ok().filter(|_| c != ' ')
}

/// The septets of a text with these tables in use, one an octet; `None` when they lack a character.
pub fn encode_with(text: &str, shifts: Shifts) -> Option<Vec<u8>> {
    let mut septets = Vec::with_capacity(text.len());
    for c in text.chars() {
        septets_in(c, shifts)?.push_to(&mut septets);
    }
    Some(septets)
}

/// The septets of a text, or the first character that the default alphabet lacks.
pub fn encode(text: &str) -> Result<Vec<u8>, char> {
    let mut septets = Vec::with_capacity(text.len());
    for c in text.chars() {
        septets_of(c).ok_or(c)?.push_to(&mut septets);
    }
    Ok(septets)
}

/// The text of septets in the default alphabet; see [`decode_with`].
pub fn decode(septets: &[u8]) -> String {
    decode_with(septets, Shifts::default())
}

/// The text of septets, by the rules for a receiver (TS 23.038 §6.2.1.1, §6.2.1.2): ESC and a septet
/// that the single shift table lacks is the character of the main table; ESC ESC is a space; so is
/// an ESC with nothing behind it, which a sender left who cut a message inside a pair.
///
/// The top bit of every octet is ignored.
pub fn decode_with(septets: &[u8], shifts: Shifts) -> String {
    let main = shifts.locking.and_then(Language::locking).unwrap_or(&BASE);
    let mut text = String::with_capacity(septets.len());
    let mut septets = septets.iter().map(|octet| octet & 0x7F);
    while let Some(septet) = septets.next() {
        text.push(match septet {
            ESC => septets.next().map_or(' ', |septet| {
                extended(septet, shifts.single).unwrap_or(main[usize::from(septet)])
            }),
            septet => main[usize::from(septet)],
        });
    }
    text
}

/// What ESC and this septet mean, if anything. Main tables have a space at ESC.
fn extended(septet: u8, single: Option<Language>) -> Option<char> {
    match single {
        Some(language) => Some(language.single()[usize::from(septet)]).filter(|&c| c != ' '),
        None => {
            let known = EXTENSION.iter().find(|(code, _)| *code == septet);
            known.map(|&(_, c)| c)
        }
    }
}

/// Packs septets, lowest bit first, behind `fill` zero bits (0 to 6) that bring them to a septet
/// border after a header (TS 23.040 §9.2.3.24).
pub fn pack(septets: &[u8], fill: usize) -> Vec<u8> {
    let mut octets = vec![0; (fill + septets.len() * 7).div_ceil(8)];
    for (index, septet) in septets.iter().enumerate() {
        let bit = fill + index * 7;
        let spread = u16::from(septet & 0x7F) << (bit % 8);
        let [high, low] = spread.to_be_bytes();
        octets[bit / 8] |= low;
        if high != 0 {
            octets[bit / 8 + 1] |= high;
        }
    }
    octets
}

/// Unpacks `count` septets from behind `fill` bits; fewer when the octets end before.
///
/// The count must come from outside, because eight octets may hold eight septets and seven spare
/// bits, or nine septets of which the last is `@`.
pub fn unpack(octets: &[u8], fill: usize, count: usize) -> Vec<u8> {
    let there = (octets.len() * 8).saturating_sub(fill) / 7;
    let octet = |at: usize| u16::from(octets.get(at).copied().unwrap_or(0));
    (0..count.min(there))
        .map(|index| {
            let bit = fill + index * 7;
            let window = octet(bit / 8) | octet(bit / 8 + 1) << 8;
            (window >> (bit % 8)) as u8 & 0x7F
        })
        .collect()
}

/// What may be done to a text so that it fits the alphabet (`text.fold`, spec 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fold {
    /// Nothing.
    None,
    /// Characters with an exact plain twin: quotes, dashes, ellipsis, blanks, ligatures.
    #[default]
    Typographic,
    /// These, and accents are stripped where the alphabet lacks the letter: `č` is `c`.
    All,
}

impl Fold {
    /// Reads the word of the configuration.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Fold::None),
            "typographic" => Some(Fold::Typographic),
            "all" => Some(Fold::All),
            _ => None,
        }
    }
}

/// What stands for `c` when it is folded: `None` when it stays as it is, because the alphabet has it
/// or because nothing plain is like it.
pub fn twin(c: char, fold: Fold) -> Option<Cow<'static, str>> {
    twin_in(c, fold, Shifts::default())
}

/// The same with these tables in use.
pub fn twin_in(c: char, fold: Fold, shifts: Shifts) -> Option<Cow<'static, str>> {
    let fits = |c| septets_in(c, shifts).is_some();
    if fold == Fold::None || fits(c) {
        return None;
    }
    plain(c, fold).filter(|plain| plain.chars().all(fits))
}

/// What may stand for `c` where it cannot stand itself.
pub(super) fn plain(c: char, fold: Fold) -> Option<Cow<'static, str>> {
    if c.is_ascii_alphanumeric() {
        return None;
    }
    match fold {
        Fold::None => None,
        Fold::Typographic => typographic(c).map(Cow::Borrowed),
        Fold::All => match typographic(c) {
            Some(plain) => Some(plain.into()),
            None => unaccented(c).map(Cow::Owned),
        },
    }
}

/// The text with every character that has one replaced by its twin.
pub fn fold(text: &str, how: Fold) -> Cow<'_, str> {
    fold_in(text, how, Shifts::default())
}

/// The same with these tables in use.
pub fn fold_in(text: &str, how: Fold, shifts: Shifts) -> Cow<'_, str> {
    let twin = |c| twin_in(c, how, shifts);
    if !text.chars().any(|c| twin(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match twin(c) {
            Some(plain) => folded.push_str(&plain),
            None => folded.push(c),
        }
    }
    Cow::Owned(folded)
}

fn typographic(c: char) -> Option<&'static str> {
    Some(match c {
        '‘' | '’' | '‚' | '‛' | '′' | '´' | '`' | 'ʼ' | '＇' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '＂' => "\"",
        '‹' => "<",
        '›' => ">",
        // U+2010–U+2015 hyphens and dashes, the minus sign, the small and the wide hyphen.
        '\u{2010}'..='\u{2015}' | '−' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => "-",
        '…' => "...",
        // No-break, en, em, thin, figure, narrow, mathematical and ideographic blanks; the tab.
        '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        _ => return None,
    })
}

/// The letter without its accents, when the alphabet has that; nothing for an accent of its own.
fn unaccented(c: char) -> Option<String> {
    // Letters that Unicode does not decompose.
    let plain = match c {
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'ħ' => "h",
        'Ħ' => "H",
        'ŧ' => "t",
        'Ŧ' => "T",
        'ı' => "i",
        'œ' => "oe",
        'Œ' => "OE",
        'þ' => "th",
        'Þ' => "Th",
        'ẞ' => "SS",
        _ => "",
    };
    if !plain.is_empty() {
        return Some(plain.to_owned());
    }
    let base: String = c.nfd().filter(|&part| !is_combining_mark(part)).collect();
    base.chars()
        .all(|c| septets_of(c).is_some())
        .then_some(base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_septet_is_the_character_that_encodes_to_it() {
        for septet in (0..128).filter(|&septet| septet != ESC) {
            let c = BASE[usize::from(septet)];
            assert_eq!(septets_of(c), Some(Septets::One(septet)), "{c:?}");
        }
        for (septet, c) in EXTENSION {
            assert_eq!(septets_of(c), Some(Septets::Escaped(septet)), "{c:?}");
        }
    }

    #[test]
    fn what_the_alphabet_lacks() {
        for c in [
            'ç', '`', '\t', '\u{1b}', '\0', 'Α', 'α', '’', 'č', '😀', '\u{ff}',
        ] {
            assert_eq!(septets_of(c), None, "{c:?}");
        }
        assert_eq!(encode("tři"), Err('ř'));
    }

    #[track_caller]
    fn check_decode(septets: &[u8], text: &str) {
        assert_eq!(decode(septets), text, "{septets:02X?}");
    }

    #[test]
    fn decode_like_a_receiver() {
        check_decode(b"Hello\x00", "Hello@");
        check_decode(&[ESC, 0x65], "€");
        check_decode(&[ESC, b'a'], "a");
        check_decode(&[ESC, ESC], " ");
        check_decode(&[ESC, ESC, b'a'], " a");
        check_decode(&[b'a', ESC], "a ");
        check_decode(&[ESC, 0x0D], "\r");
        check_decode(&[0xFF], "à");
    }

    #[test]
    fn the_vector_everyone_knows() {
        let octets = [0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37];
        assert_eq!(pack(b"hellohello", 0), octets);
        assert_eq!(unpack(&octets, 0, 10), b"hellohello");
    }

    #[test]
    fn the_count_tells_seven_spare_bits_from_an_at_sign() {
        let octets = pack(b"ABCDEFG", 0);
        assert_eq!(octets.len(), 7);
        assert_eq!(decode(&unpack(&octets, 0, 7)), "ABCDEFG");
        assert_eq!(decode(&unpack(&octets, 0, 8)), "ABCDEFG@");
        assert_eq!(decode(&unpack(&octets, 0, 160)), "ABCDEFG@");
    }

    #[track_caller]
    fn check_fold(text: &str, typographic: &str, all: &str) {
        assert_eq!(fold(text, Fold::None), text);
        assert_eq!(fold(text, Fold::Typographic), typographic);
        assert_eq!(fold(text, Fold::All), all);
    }

    #[test]
    fn folding() {
        check_fold("plain", "plain", "plain");
        check_fold(
            "It’s “fine” – really…",
            "It's \"fine\" - really...",
            "It's \"fine\" - really...",
        );
        check_fold("10\u{a0}€ `x`\ty", "10 € 'x' y", "10 € 'x' y");
        check_fold(
            "Příliš žluťoučký kůň",
            "Příliš žluťoučký kůň",
            "Prilis zlutoucky kun",
        );
        check_fold(
            "Łódź, façade, œuf",
            "Łódź, façade, œuf",
            "Lodz, facade, oeuf",
        );
        check_fold("élan Ñandú", "élan Ñandú", "élan Ñandu");
        check_fold("e\u{301} 中 😀", "e\u{301} 中 😀", "e 中 😀");
    }

    fn shifts(locking: Option<Language>, single: Option<Language>) -> Shifts {
        Shifts { locking, single }
    }

    #[track_caller]
    fn check_with(shifts: Shifts, text: &str, septets: &[u8]) {
        assert_eq!(encode_with(text, shifts).as_deref(), Some(septets));
        assert_eq!(decode_with(septets, shifts), text);
    }

    #[test]
    fn national_tables_stand_in() {
        use Language::{Bengali, Hindi, Portuguese, Spanish, Turkish, Urdu};
        check_with(shifts(None, Some(Spanish)), "sí", b"s\x1bi");
        check_with(shifts(None, Some(Turkish)), "işğ", b"i\x1bs\x1bg");
        check_with(shifts(Some(Turkish), None), "işğ€{", b"i\x1d\x0c\x04\x1b(");
        check_with(shifts(Some(Portuguese), None), "ã~ ^", b"{` \x16");
        check_with(shifts(Some(Hindi), Some(Hindi)), "अब A", b"\x03@ \x1bA");
        check_with(shifts(Some(Bengali), Some(Turkish)), "ক,ş", b"\x15,\x1bs");
        check_with(shifts(Some(Urdu), Some(Urdu)), "آپ۔", b"\x01\x05\x1b?");
        // There is no such table: the default one.
        check_with(shifts(Some(Spanish), None), "è", b"\x04");
        for (text, shifts) in [
            ("í", shifts(None, None)),
            ("è", shifts(Some(Turkish), None)),
            ("A", shifts(Some(Hindi), None)),
            ("ব", shifts(Some(Hindi), Some(Hindi))),
        ] {
            assert_eq!(encode_with(text, shifts), None, "{text}");
        }
    }

    #[test]
    fn holes_are_read_like_a_receiver() {
        let turkish = shifts(Some(Language::Turkish), Some(Language::Turkish));
        // Nothing in the single table: the locking one. Its ESC, and ESC at the end, are blanks.
        assert_eq!(decode_with(b"\x1b\x04\x1b\x1b\x1b", turkish), "€  ");
        let kannada = shifts(Some(Language::Kannada), None);
        assert_eq!(decode_with(b"\x00\x11", kannada), "  ");
    }

    fn any_shifts() -> impl Strategy<Value = Shifts> {
        let language = || prop::option::of(prop::sample::select(Language::ALL.to_vec()));
        (language(), language()).prop_map(|(locking, single)| Shifts { locking, single })
    }

    proptest! {
        #[test]
        fn packing_round_trips(septets in prop::collection::vec(0u8..128, 0..300), fill in 0usize..7) {
            let octets = pack(&septets, fill);
            prop_assert_eq!(unpack(&octets, fill, septets.len()), septets);
        }

        #[test]
        fn unpacking_takes_anything(octets in prop::collection::vec(any::<u8>(), 0..50), fill in 0usize..7, count in any::<usize>()) {
            let _ = decode(&unpack(&octets, fill, count));
        }

        #[test]
        fn what_encodes_decodes(text in any::<String>()) {
            if let Ok(septets) = encode(&text) {
                prop_assert_eq!(decode(&septets), text);
            }
        }

        #[test]
        fn national_text_comes_back(septets in prop::collection::vec(any::<u8>(), 0..200), shifts in any_shifts()) {
            // Some septets say the same, so it is the text that comes back, in as few of them.
            let text = decode_with(&septets, shifts);
            let again = encode_with(&text, shifts).expect("it was read with these tables");
            prop_assert!(again.len() <= septets.len());
            prop_assert_eq!(decode_with(&again, shifts), text);
        }

        #[test]
        fn a_fold_is_done_once(text in any::<String>()) {
            for how in [Fold::None, Fold::Typographic, Fold::All] {
                let once = fold(&text, how).into_owned();
                let twice = fold(&once, how).into_owned();
                prop_assert_eq!(&twice, &once);
            }
        }
    }
}
