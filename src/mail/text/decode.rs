//! A leaf's octets to text: transfer encoding, then charset.
//!
//! Never fails and never refuses: what is broken is read as far as it goes, since a
//! person wrote it and a wrong letter is better than no message. Linear; at most
//! `MAX_ENCODED` octets are looked at.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;

use super::MAX_TEXT;
use super::scan::Coding;

/// Octets of a leaf that are decoded: `MAX_TEXT` of text in the widest writing
/// (UTF-16 in quoted-printable), and some air.
const MAX_ENCODED: usize = 8 * MAX_TEXT;

/// Text of a leaf, and whether it is all of it.
pub(super) fn text(octets: &[u8], coding: Coding, charset: Option<&str>) -> (String, bool) {
    let seen = &octets[..octets.len().min(MAX_ENCODED)];
    let plain = match coding {
        Coding::Identity => Cow::Borrowed(seen),
        Coding::Base64 => base64(seen),
        Coding::QuotedPrintable => quoted_printable(seen).into(),
    };
    let mut text = self::charset(&plain, charset);
    let limit = text.floor_char_boundary(MAX_TEXT);
    let is_all = limit == text.len() && seen.len() == octets.len();
    text.truncate(limit);
    (text, is_all)
}

/// RFC 2045 §6.8: octets outside the alphabet are passed over, and so is all that follows the padding.
fn base64(octets: &[u8]) -> Cow<'_, [u8]> {
    if is_prose(octets) {
        return Cow::Borrowed(octets);
    }
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let padding = octets.iter().position(|&b| b == b'=');
    let data = &octets[..padding.unwrap_or(octets.len())];
    let mut clean: Vec<u8> = data.iter().copied().filter(is_base64).collect();
    // A last digit alone holds six bits: no octet.
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    clean.resize(clean.len().next_multiple_of(4), b'=');
    base64_decode(&clean).unwrap_or_default().into()
}

/// Words with blanks between: what somebody calls base64 and is not. No encoder writes a blank within a line.
fn is_prose(octets: &[u8]) -> bool {
    let lines = octets.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let lines = lines.filter(|line| !line.is_empty()).take(10);
    let words = lines.map(|line| line.contains(&b' ') && !line.contains(&b'='));
    let (mut all, mut prose) = (0, 0);
    for is_words in words {
        all += 1;
        prose += usize::from(is_words);
    }
    2 * prose > all
}

/// RFC 2045 §6.7; a `=` that introduces nothing is itself.
fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let hex = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let mut out = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|&b| b == b'\n') {
        let bare = line.trim_ascii_end();
        let (bare, is_soft) = match bare.strip_suffix(b"=") {
            Some(before) => (before, true),
            None => (bare, false),
        };
        let mut at = 0;
        while at < bare.len() {
            let pair = (bare[at] == b'=')
                .then(|| bare.get(at + 1..at + 3))
                .flatten();
            match pair.and_then(|p| Some(hex(p[0])? << 4 | hex(p[1])?)) {
                Some(octet) => {
                    out.push(octet);
                    at += 3;
                }
                None => {
                    out.push(bare[at]);
                    at += 1;
                }
            }
        }
        if !is_soft && line.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    out
}

/// Octets in a declared charset; without one, or with one nobody knows, guessed.
fn charset(octets: &[u8], declared: Option<&str>) -> String {
    let label = declared.unwrap_or_default().trim_matches(['"', '\'', ' ']);
    if label == "utf-16" {
        return utf16(octets);
    }
    match Encoding::for_label_no_replacement(label.as_bytes()) {
        // us-ascii and iso-8859-1 are windows-1252 to WHATWG; both are often UTF-8 in truth for ascii.
        Some(encoding) if encoding == UTF_8 || label.contains("ascii") => {
            guess(octets).into_owned()
        }
        Some(encoding) => encoding.decode(octets).0.into_owned(),
        None => match charset_decoder(label.as_bytes()).filter(|_| !label.is_empty()) {
            Some(decoder) => decoder(octets),
            None => guess(octets).into_owned(),
        },
    }
}

/// UTF-8 when it is, or nearly is; else windows-1252, in which nothing is wrong.
pub(super) fn guess(octets: &[u8]) -> Cow<'_, str> {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    if let Ok(text) = std::str::from_utf8(octets) {
        return Cow::Borrowed(text);
    }
    let lossy = String::from_utf8_lossy(octets);
    let wrong = lossy.matches('\u{FFFD}').count();
    let right = lossy
        .chars()
        .filter(|c| !c.is_ascii() && *c != '\u{FFFD}')
        .count();
    match right > wrong {
        true => lossy,
        false => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// RFC 2781 §4.3: without a mark it is big-endian, unless the zeros say otherwise.
fn utf16(octets: &[u8]) -> String {
    let zeros = |odd: usize| {
        octets
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|&&b| b == 0)
            .count()
    };
    let encoding = if zeros(1) > zeros(0) {
        UTF_16LE
    } else {
        UTF_16BE
    };
    encoding.decode(octets).0.into_owned()
}

/// The charset a HTML document names in itself, when the mail names none.
pub(super) fn html_charset(octets: &[u8]) -> Option<String> {
    let head = octets[..octets.len().min(1024)].to_ascii_lowercase();
    let at = head.windows(8).position(|w| w == b"charset=")? + 8;
    let label: Vec<u8> = head[at..]
        .iter()
        .skip_while(|b| matches!(b, b'"' | b'\''))
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        .copied()
        .collect();
    String::from_utf8(label).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn transfer_encodings() {
        for (coding, octets, expected) in [
            (Coding::Identity, "a=3Db", "a=3Db"),
            (
                Coding::QuotedPrintable,
                "a=3Db  \r\nc=\r\nd = e=C3=A9=",
                "a=b\ncd = eé",
            ),
            (Coding::QuotedPrintable, "=20\n=zz\n", " \n=zz\n"),
            (Coding::Base64, "w6nD\r\n qQ==\r\n", "éé"),
            (Coding::Base64, "w6nD!qQ", "éé"),
            (Coding::Base64, "", ""),
            (Coding::Base64, "w6nDqQ== ignored\n", "éé"),
            (Coding::Base64, "w6nDqX", "éé"),
            (
                Coding::Base64,
                "plain words, not\nin base64 at all\n",
                "plain words, not\nin base64 at all\n",
            ),
        ] {
            assert_eq!(
                text(octets.as_bytes(), coding, Some("utf-8")).0,
                expected,
                "{octets:?}"
            );
        }
    }

    #[test]
    fn charsets() {
        for (label, octets, expected) in [
            (None, &b"caf\xe9"[..], "café"),
            (None, b"caf\xc3\xa9", "café"),
            (Some("us-ascii"), b"caf\xc3\xa9", "café"),
            (Some("x-unknown"), b"\x80 5", "€ 5"),
            (Some("utf-8"), b"caf\xe9", "café"),
            (Some("utf-8"), b"\xef\xbb\xbfa", "a"),
            (Some("iso-8859-1"), b"\x93x\x94", "“x”"),
            (Some("iso-8859-2"), b"\xb9\xe8", "šč"),
            (Some("koi8-r"), b"\xf0\xd2\xc9", "При"),
            (Some("gb18030"), b"\xc4\xe3\xba\xc3", "你好"),
            (Some("utf-7"), b"+ZYeB9A-", "文致"),
            (Some("utf-16"), b"\xfe\xff\0a", "a"),
            (Some("utf-16"), b"a\0b\0", "ab"),
            (Some("utf-16"), b"\0a\0b", "ab"),
        ] {
            assert_eq!(charset(octets, label), expected, "{label:?} {octets:?}");
        }
        assert_eq!(
            html_charset(b"<meta charset='KOI8-R'>").as_deref(),
            Some("koi8-r")
        );
        assert_eq!(html_charset(b"<p>"), None);
    }

    #[test]
    fn a_long_text_is_cut_on_a_letter() {
        let (cut, is_all) = text("é".repeat(MAX_TEXT).as_bytes(), Coding::Identity, None);
        assert_eq!((cut.len(), is_all), (MAX_TEXT, false));
    }

    proptest! {
        #[test]
        fn any_octets_are_text(octets: Vec<u8>, label in prop::option::of("[a-z0-9-]{0,14}"), coding in 0..3) {
            let coding = [Coding::Identity, Coding::Base64, Coding::QuotedPrintable][coding as usize];
            text(&octets, coding, label.as_deref());
        }
    }
}
