//! The text as a reader would have it: no control characters, no blanks at the ends
//! of lines, no two blank lines; a PGP signed text without its armour.

use crate::sms::clean::{clean, is_harmful};

/// Blanks and characters without a shape, with which newsletters pad their previews.
pub(super) fn is_invisible(c: char) -> bool {
    // The fillers of Hangul and the empty Braille cell are letters to Unicode, and blanks to the eye.
    let is_filler = matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    );
    c.is_whitespace() || is_filler || is_harmful(c)
}

/// Runs of blank lines become one, blanks at the ends of lines go, and what no reader sees or only an attacker
/// sends (threats T31); trimmed.
pub(super) fn fold(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.lines() {
        let line = line.trim_end_matches(is_invisible);
        if line.is_empty() {
            blank += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if blank > 0 { "\n\n" } else { "\n" });
        }
        blank = 0;
        out.push_str(line);
    }
    out.trim().to_owned()
}

/// The text inside a cleartext signature, RFC 9580 §7; all else as it is.
pub(super) fn without_armour(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
    const END: &str = "-----END PGP SIGNATURE-----";
    if !text.lines().any(|line| line.trim_end() == BEGIN) {
        return text.to_owned();
    }
    #[derive(PartialEq)]
    enum At {
        Outside,
        Header,
        Text,
        Signature,
    }
    let mut at = At::Outside;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let bare = line.trim_end();
        at = match at {
            At::Outside if bare == BEGIN => At::Header,
            At::Header if bare.is_empty() => At::Text,
            At::Text if bare == SIGNATURE => At::Signature,
            At::Signature if bare == END => At::Outside,
            At::Outside | At::Text => {
                // §7.2: dash-escaped lines; `- -- ` is the signature mark.
                let line = line
                    .strip_prefix("- ")
                    .filter(|_| at == At::Text)
                    .unwrap_or(line);
                out.extend([line, "\n"]);
                at
            }
            at => at,
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded() {
        for (text, expected) in [
            ("\n\n a  \n\n\n\nb\t\n c\n", "a\n\nb\n c"),
            (
                "a\u{a0}\u{200c} \n\u{a0}\u{200b}\n\u{feff}\nb\0\u{7}x",
                "a\n\nbx",
            ),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{3164}\n\u{2800}\n", ""),
            ("safe\u{202e}gpj.exe\u{2066}", "safegpj.exe"),
            ("", ""),
        ] {
            assert_eq!(fold(text), expected, "{text:?}");
        }
    }

    #[test]
    fn armour() {
        let signed = "intro\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nHi\n- -- \nAnn\n\
            -----BEGIN PGP SIGNATURE-----\n\niQx\n-----END PGP SIGNATURE-----\nend\n";
        assert_eq!(without_armour(signed), "intro\nHi\n-- \nAnn\nend\n");
        assert_eq!(without_armour("- a\n-----BEGIN"), "- a\n-----BEGIN");
    }
}
