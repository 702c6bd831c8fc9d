//! The words that end SMS to a phone, and those that begin them again, by language (spec 8, step 3).
//!
//! Pure data and one comparison. A word counts only when it is the whole text: case, accents, the width of
//! its letters, blanks, punctuation and pictures aside, and also when it is written several times.
//!
//! Which words stand here: those that a law or a carrier names (CTIA and 47 CFR 64.1200(a)(10) in the US:
//! STOP, QUIT, END, REVOKE, OPT OUT, CANCEL, UNSUBSCRIBE; BAJA in Spain; RET in Turkey; הסר in Israel; 退订 and
//! TD in China), and words of a language that alone mean nothing else but "leave me". Words by which people
//! answer each other (NO, NON, NEIN, ENDE, FIN, KONIEC, PAS) do not, and no word of two letters but TD. Words
//! that begin again count only from a phone that had ended, so they may be looser; but YES, JA and OUI do
//! not: who is asked something else means that, and silence is easier mended than trust.
//!
//! An admin leaves languages out, or adds words of his own.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// A longer text is none of them: the longest has some twenty characters, and people shout it thrice.
const MAX_TEXT: usize = 100;

/// A longer word of the configuration is a sentence.
pub const MAX_WORD: usize = 40;

/// The words of a language.
pub struct Language {
    /// Its tag, ISO 639-1.
    pub code: &'static str,
    /// These end.
    pub stop: &'static [&'static str],
    /// These begin again.
    pub start: &'static [&'static str],
}

/// All that are known. `STOP` and `START` are written everywhere, so they stand with English, which is
/// always on.
#[rustfmt::skip]
pub const LANGUAGES: &[Language] = &[
    Language {
        code: "en",
        stop: &["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"],
        start: &["START", "UNSTOP", "SUBSCRIBE", "OPTIN"],
    },
    Language {
        code: "de",
        stop: &["STOPP", "ABMELDEN", "ABBESTELLEN", "AUSTRAGEN"],
        start: &["ANMELDEN", "STARTEN"],
    },
    Language {
        code: "fr",
        stop: &["ARRET", "ARRETER", "ARRETEZ", "DESABONNER", "DESINSCRIRE", "DESINSCRIPTION"],
        start: &["DEMARRER", "REPRENDRE", "REABONNER", "REINSCRIRE"],
    },
    Language {
        code: "es",
        stop: &["BAJA", "PARAR", "CANCELAR", "DARME DE BAJA", "DESUSCRIBIR"],
        start: &["ALTA", "REANUDAR", "INICIAR"],
    },
    Language {
        code: "it",
        stop: &["DISISCRIVI", "DISISCRIVIMI", "CANCELLAMI", "ANNULLA ISCRIZIONE"],
        start: &["INIZIA", "ISCRIVIMI", "RIPRENDI"],
    },
    Language {
        code: "pt",
        stop: &["PARAR", "PARE", "SAIR", "CANCELAR", "DESCADASTRAR"],
        start: &["INICIAR", "VOLTAR", "RECOMECAR"],
    },
    Language {
        code: "cs",
        stop: &["ODHLASIT", "ZRUSIT", "ODHLASIT ODBER", "ZRUSIT ODBER"],
        start: &["PRIHLASIT", "OBNOVIT"],
    },
    Language {
        code: "sk",
        stop: &["ODHLASIT", "ZRUSIT"],
        start: &["PRIHLASIT", "OBNOVIT"],
    },
    Language {
        code: "pl",
        stop: &["WYPISZ", "WYPISZ MNIE", "REZYGNUJE", "REZYGNACJA"],
        start: &["ZAPISZ", "ZAPISZ MNIE", "WZNOW"],
    },
    Language {
        code: "nl",
        stop: &["AFMELDEN", "UITSCHRIJVEN"],
        start: &["AANMELDEN", "INSCHRIJVEN"],
    },
    Language {
        code: "sv",
        stop: &["STOPP", "AVSLUTA", "AVREGISTRERA"],
        start: &["STARTA", "ANMAL"],
    },
    Language {
        code: "da",
        stop: &["STOP", "AFMELD"],
        start: &["TILMELD"],
    },
    Language {
        code: "nb",
        stop: &["STOPP", "AVSLUTT", "MELD AV"],
        start: &["MELD PA"],
    },
    Language {
        code: "fi",
        stop: &["LOPETA", "PERUUTA TILAUS"],
        start: &["ALOITA"],
    },
    Language {
        code: "hu",
        stop: &["LEIRATKOZAS", "LEIRATKOZOM"],
        start: &["FELIRATKOZAS", "FELIRATKOZOM"],
    },
    Language {
        code: "ro",
        stop: &["DEZABONARE", "DEZABONEAZA"],
        start: &["ABONARE"],
    },
    Language {
        code: "tr",
        stop: &["RET", "DURDUR", "ABONELIKTEN CIK"],
        start: &["BASLAT"],
    },
    Language {
        code: "el",
        stop: &["ΣΤΟΠ", "ΔΙΑΚΟΠΗ", "ΔΙΑΓΡΑΦΗ"],
        start: &["ΕΝΑΡΞΗ", "ΕΓΓΡΑΦΗ"],
    },
    Language {
        code: "ru",
        stop: &["СТОП", "ОТПИСАТЬСЯ", "ОТПИСКА"],
        start: &["СТАРТ", "ПОДПИСАТЬСЯ"],
    },
    Language {
        code: "uk",
        stop: &["СТОП", "ВІДПИСАТИСЯ", "ВІДПИСАТИСЬ"],
        start: &["СТАРТ", "ПІДПИСАТИСЯ"],
    },
    Language {
        code: "ms",
        stop: &["BERHENTI", "HENTI", "HENTIKAN"],
        start: &["MULA", "MULAKAN"],
    },
    Language {
        code: "id",
        stop: &["BERHENTI", "HENTIKAN", "UNREG"],
        start: &["MULAI"],
    },
    Language {
        code: "vi",
        stop: &["TU CHOI", "HUY DANG KY"],
        start: &["BAT DAU", "DANG KY LAI"],
    },
    Language {
        code: "th",
        stop: &["หยุด", "ยกเลิกการรับ"],
        start: &["เริ่ม"],
    },
    Language {
        code: "zh",
        stop: &["退订", "退訂", "取消订阅", "取消訂閱", "停止", "TD"],
        start: &["订阅", "訂閱", "开始", "開始"],
    },
    Language {
        code: "ja",
        stop: &["停止", "配信停止", "ストップ"],
        start: &["開始", "配信開始", "スタート"],
    },
    Language {
        code: "ko",
        stop: &["수신거부", "중지"],
        start: &["수신동의", "시작"],
    },
    Language {
        code: "ar",
        stop: &["توقف", "إيقاف", "إلغاء الاشتراك"],
        start: &["ابدأ", "اشتراك"],
    },
    Language {
        code: "he",
        stop: &["הסר", "הסרה", "עצור"],
        start: &["התחל", "הצטרף"],
    },
    Language {
        code: "hi",
        stop: &["रोकें", "बंद करें"],
        start: &["शुरू", "शुरू करें"],
    },
];

/// What a word asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// No more SMS.
    Stop,
    /// SMS again.
    Start,
}

/// The words that count, folded, with how they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words(HashMap<String, (Wish, String)>);

impl Words {
    /// Those of the languages with these codes, English always, and an admin's own. A word that would do
    /// both ends: that is what must not be missed.
    pub fn new(codes: &[String], stop: &[String], start: &[String]) -> Self {
        let mut words = HashMap::new();
        let is_on = |language: &&Language| {
            language.code == "en" || codes.iter().any(|code| code == language.code)
        };
        let on = || LANGUAGES.iter().filter(is_on);
        let starts = on()
            .flat_map(|language| language.start.iter().copied())
            .chain(start.iter().map(String::as_str));
        let stops = on()
            .flat_map(|language| language.stop.iter().copied())
            .chain(stop.iter().map(String::as_str));
        for (wish, word) in starts
            .map(|word| (Wish::Start, word))
            .chain(stops.map(|word| (Wish::Stop, word)))
        {
            words.insert(folded(word), (wish, word.to_owned()));
        }
        words.remove("");
        Self(words)
    }

    /// What a text asks, and the word that it asks with; `None`: it is a text like any other.
    pub fn find(&self, text: &str) -> Option<(Wish, &str)> {
        let text = text.trim();
        if text.chars().nth(MAX_TEXT).is_some() {
            return None;
        }
        let of = |text: &str| {
            let found = self.0.get(&folded(text));
            found.map(|(wish, word)| (*wish, word.as_str()))
        };
        if let Some(found) = of(text) {
            return Some(found);
        }
        // STOP STOP STOP!
        let mut words = text.split_whitespace();
        let first = of(words.next()?)?;
        words.all(|word| of(word) == Some(first)).then_some(first)
    }
}

/// The codes of all languages.
pub fn codes() -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().map(|language| language.code)
}

/// A word as it is compared: letters and digits, in their plainest form.
pub fn folded(word: &str) -> String {
    let plain = word.nfkd().flat_map(char::to_lowercase).nfkd();
    let kept = plain.filter(|c| canonical_combining_class(*c) == 0 && c.is_alphanumeric());
    let mut folded = String::new();
    for c in kept {
        match c {
            // What no decomposition makes plain, and phones without the letter write so.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            // At the end of a word it looks different.
            'ς' => folded.push('σ'),
            c => folded.push(c),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> Words {
        let codes: Vec<String> = codes().map(str::to_owned).collect();
        Words::new(&codes, &[], &[])
    }

    #[track_caller]
    fn check(text: &str, expected: Option<Wish>) {
        assert_eq!(all().find(text).map(|found| found.0), expected, "{text:?}");
    }

    #[test]
    fn whole_texts() {
        let (stop, start) = (Some(Wish::Stop), Some(Wish::Start));
        for text in [
            "STOP",
            "stop",
            " Stop! ",
            "sToP.",
            "\"STOP\"",
            "Stop\n",
            "S T O P",
            "S.T.O.P.",
            "ＳＴＯＰ",
            "ｓｔｏｐ",
            "STOP STOP STOP",
            "stop, stop!",
            "STOP 🛑",
            "STOP\u{200b}",
            "stop all",
            "Opt-out",
            "opt out",
            "Arrêt",
            "ARRÊT",
            "arret",
            "Désabonner",
            "STOPP!",
            "Odhlásit",
            "zrušit",
            "ZRUSIT",
            "Berhenti",
            "¡Baja!",
            "PARAR",
            "стоп",
            "Стоп.",
            "Διακοπή",
            "ΣΤΟΠ",
            "στοπ",
            "İptal STOP",
            "退订",
            "td",
            "停止。",
            "ストップ",
            "ｽﾄｯﾌﾟ",
            "수신거부",
            "إيقاف",
            "ايقاف",
            "הסר",
            "रोकें",
            "หยุด",
            "Từ chối",
            "hủy đăng ký",
            "rezygnuję",
            "wypisz mnie",
        ] {
            let expected = if text == "İptal STOP" { None } else { stop };
            check(text, expected);
        }
        for text in [
            "START",
            "Start!",
            "unstop",
            "Přihlásit",
            "mula",
            "ALTA",
            "старт",
            "开始",
            "wznów",
        ] {
            check(text, start);
        }
    }

    #[test]
    fn what_people_mean_otherwise() {
        for text in [
            "",
            "   ",
            "!!!",
            "no",
            "NO",
            "Nein",
            "non",
            "não",
            "ne",
            "yes",
            "ja",
            "oui",
            "ok",
            "fin",
            "Ende",
            "koniec",
            "stop it",
            "please stop",
            "Stop by at 5",
            "Stopp morgen um 5",
            "don't stop",
            "cancel the meeting",
            "the end",
            "bajamos",
            "#stop# hello",
            "stop?no",
            "restart",
            "1",
            "STOP 2",
            "I quit",
            "stop the car",
            "STOP START",
            "[part 2 of 3 missing]\nstop",
        ] {
            check(text, None);
        }
        check(&"stop ".repeat(21), None);
        check(&"stop ".repeat(19), Some(Wish::Stop));
    }

    #[test]
    fn every_word_is_found_as_it_is_written() {
        for language in LANGUAGES {
            for (wish, list) in [(Wish::Stop, language.stop), (Wish::Start, language.start)] {
                assert!(!list.is_empty(), "{}", language.code);
                for word in list {
                    assert!(word.chars().count() <= MAX_WORD);
                    check(word, Some(wish));
                    check(&word.to_lowercase(), Some(wish));
                }
            }
        }
        assert!(LANGUAGES.len() >= 10);
    }

    #[test]
    fn an_admin_chooses() {
        let few = Words::new(
            &["de".to_owned()],
            &["Schluss".to_owned()],
            &["los".to_owned()],
        );
        assert_eq!(few.find("SCHLUSS!"), Some((Wish::Stop, "Schluss")));
        assert_eq!(few.find("Los"), Some((Wish::Start, "los")));
        assert_eq!(few.find("stop"), Some((Wish::Stop, "STOP")));
        assert_eq!(few.find("Abmelden"), Some((Wish::Stop, "ABMELDEN")));
        assert_eq!(few.find("baja"), None);
        let both = Words::new(&[], &["x1".to_owned()], &["X1".to_owned()]);
        assert_eq!(both.find("x1"), Some((Wish::Stop, "x1")));
        // A word of nothing but punctuation is no word.
        assert_eq!(Words::new(&[], &["!".to_owned()], &[]).find("?"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = all().find(&text);
        }

        #[test]
        fn a_longer_text_is_none(text in "[a-z][a-z ]{100,299}[a-z]") {
            let words = all();
            prop_assert_eq!(words.find(&text), None);
        }
    }
}
