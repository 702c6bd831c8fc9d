//! `format=flowed` back to paragraphs, RFC 3676.
//!
//! Lines that end in a space are joined with the next of the same quote depth;
//! `DelSp=yes` drops that space. Quoted lines keep one `>` for each level.

/// Paragraphs as lines.
pub(super) fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // Depth of the paragraph that is still open.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        // §4.4: space-stuffing
        let content = content.strip_prefix(' ').unwrap_or(content);
        let is_signature = content == "-- ";
        // §4.3 and §4.5: a change of depth and the signature end a paragraph.
        if open != Some(depth) || is_signature {
            end_line(&mut out);
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                out.push(' ');
            }
        }
        let is_flowed = content.ends_with(' ') && !is_signature;
        match is_flowed && delsp {
            true => out.push_str(&content[..content.len() - 1]),
            false => out.push_str(content),
        }
        open = is_flowed.then_some(depth);
        if !is_flowed {
            out.push('\n');
        }
    }
    out
}

fn end_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs() {
        for (delsp, flowed, expected) in [
            (false, "one \ntwo\nthree\n", "one two\nthree\n"),
            (true, "DNS \nSEC\n", "DNSSEC\n"),
            (true, "one  \ntwo", "one two\n"),
            (
                false,
                " stuffed\n >no quote\n From me\n",
                "stuffed\n>no quote\nFrom me\n",
            ),
            (
                false,
                ">a \n>b\n>> c \n> d\nmine",
                "> a b\n>> c \n> d\nmine\n",
            ),
            (false, "end \n-- \nAnn \nSmith", "end \n-- \nAnn Smith\n"),
            (false, "a \n\nb", "a \nb\n"),
            (false, "", ""),
        ] {
            assert_eq!(unflow(flowed, delsp), expected, "{flowed:?}");
        }
    }
}
