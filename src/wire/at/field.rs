//! What is inside of a line: fields, texts in quotes, octets in hex. Nothing here fails or remembers.

/// Cut at commas, but for those in quotes.
pub(super) fn fields(rest: &str) -> Vec<&str> {
    let mut quoted = false;
    let cut = rest.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    cut.map(str::trim).collect()
}

/// Receipts have no status in some modems.
pub(super) fn status(field: &str) -> Option<u8> {
    match field {
        "" => Some(1),
        field => field.parse().ok(),
    }
}

/// With the service centre's address before it, whose length is the first octet, or without.
pub(super) fn is_whole(pdu: &[u8], length: usize) -> bool {
    let before = pdu.first().map_or(0, |&smsc| usize::from(smsc) + 1);
    pdu.len() == length + before || pdu.len() == length
}

/// `+CUSD: 0`, `+CUSD: 0,"text"`, `+CUSD: 0,"text",15`; not the beginning of a text of several lines.
pub(super) fn is_closed(text: &str) -> bool {
    let Some(start) = text.find('"') else {
        return true;
    };
    let bare = text.trim_end_matches([' ', '>']);
    let bare = bare.trim_end_matches(|c: char| c.is_ascii_digit());
    let bare = bare.trim_end_matches([' ', ',']);
    bare.len() > start + 1 && bare.ends_with('"')
}

/// The octets of a hex line; the line's own when it is none.
pub(super) fn octets(line: &str) -> (Vec<u8>, bool) {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = line.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    match pairs.collect::<Option<Vec<u8>>>() {
        Some(octets) => (octets, true),
        None => (line.as_bytes().to_vec(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_fields() {
        for (rest, expected) in [
            (
                " 1,0,\"Ann, or so\",24",
                &["1", "0", "\"Ann, or so\"", "24"][..],
            ),
            (" ,24", &["", "24"]),
            ("24", &["24"]),
            (" \"open,24", &["\"open,24"]),
        ] {
            assert_eq!(fields(rest), expected, "{rest}");
        }
    }

    #[test]
    fn knows_the_end_of_a_text() {
        for (text, expected) in [
            ("+CUSD: 0", true),
            ("+CUSD: 0,\"text\"", true),
            ("+CUSD: 0,\"text\",15", true),
            ("+CUSD: 0,\"\",15", true),
            ("+CUSD: 1,\"text\",15 >", true),
            ("+CUSD: 0,\"", false),
            ("+CUSD: 0,\"text", false),
            ("+CUSD: 0,\"text, 15", false),
            ("+CUSD: 0,\"one\ntwo\",15", true),
        ] {
            assert_eq!(is_closed(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_octets() {
        assert_eq!(octets("00fF"), (vec![0, 255], true));
        assert_eq!(octets("00f"), (b"00f".to_vec(), false));
        assert_eq!(octets("OK"), (b"OK".to_vec(), false));
        for (pdu, length, whole) in [
            (&[0, 1, 2][..], 2, true),
            (&[0, 1, 2], 3, true),
            (&[0, 1, 2], 1, false),
            (&[1, 0x91, 1, 2], 2, true),
            (&[], 0, true),
            (&[], 1, false),
        ] {
            assert_eq!(is_whole(pdu, length), whole, "{pdu:?} {length}");
        }
    }
}
