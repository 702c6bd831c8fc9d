//! Cuts what a modem says into lines and prompts.
//!
//! A line ends with CR or LF, in any mixture; empty lines are none. NUL, 0xFF, flow control and the
//! like are noise of the line and dropped; other octets outside of printable ASCII become `?`, so that
//! no line can do harm in a log. A line longer than [`MAX_LINE`] is dropped whole. The prompt has no
//! line end: it is seen only while one is expected.

/// The longest line of use is a PDU of 176 octets in hex, or a list of network operators of some
/// hundred characters. What is longer is noise.
pub const MAX_LINE: usize = 4096;

/// A piece of what a modem says.
#[derive(Debug, PartialEq, Eq)]
pub enum Token {
    /// A line, without its end and without blanks around it; never empty.
    Line(String),
    /// `>` at the start of a line: the modem waits for a PDU.
    Prompt,
}

/// Holds the line that is not yet whole.
#[derive(Debug, Default)]
pub struct Scanner {
    line: Vec<u8>,
    overlong: bool,
}

impl Scanner {
    /// Takes one octet; `prompt`: a prompt is expected.
    pub fn push(&mut self, octet: u8, prompt: bool) -> Option<Token> {
        match octet {
            b'\r' | b'\n' => {
                let overlong = std::mem::take(&mut self.overlong);
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                (!overlong && !line.is_empty()).then_some(Token::Line(line))
            }
            // NUL, backspace, XON, XOFF, Ctrl-Z, ESC and a line without a modem.
            0x00 | 0x08 | 0x11 | 0x13 | 0x1A | 0x1B | 0xFF => None,
            b'>' if prompt && self.line.iter().all(|&c| c == b' ') => {
                self.line.clear();
                Some(Token::Prompt)
            }
            _ if self.overlong => None,
            _ => {
                let printable = matches!(octet, b' '..=b'~');
                self.line.push(if printable { octet } else { b'?' });
                if self.line.len() > MAX_LINE {
                    self.line.clear();
                    self.overlong = true;
                }
                None
            }
        }
    }

    /// Forgets the beginning of a line.
    pub fn clear(&mut self) {
        self.line.clear();
        self.overlong = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(input: &[u8], prompt: bool, expected: &[&str]) {
        let mut scanner = Scanner::default();
        let tokens = input.iter().filter_map(|&b| scanner.push(b, prompt));
        let said: Vec<String> = tokens
            .map(|token| match token {
                Token::Line(line) => line,
                Token::Prompt => "PROMPT".to_owned(),
            })
            .collect();
        assert_eq!(said, expected, "{:?}", String::from_utf8_lossy(input));
    }

    #[test]
    fn lines_and_prompts() {
        check(b"\r\nOK\r\n", false, &["OK"]);
        check(b"AT\r\r\nOK\r\n", false, &["AT", "OK"]);
        check(b"OK\n\n\rERROR\r", false, &["OK", "ERROR"]);
        check(b"O\0K\xFF\r", false, &["OK"]);
        check(b"\xC3OK\r", false, &["?OK"]);
        check(b"OK", false, &[]);
        check(b"\r\n> ", true, &["PROMPT"]);
        check(b"\r\n>", true, &["PROMPT"]);
        check(b" > ", true, &["PROMPT"]);
        check(b"\r\n> ", false, &[]);
        check(b"\r\n> \r\n", false, &[">"]);
        check(b"a> \r\n", true, &["a>"]);
        check(b"+CREG: 1\r\n> ", true, &["+CREG: 1", "PROMPT"]);
        check(&[b'x'; MAX_LINE + 1], false, &[]);
    }

    #[test]
    fn a_line_without_end_costs_one_line() {
        let mut input = vec![b'x'; 1_000_000];
        input.extend_from_slice(b"\r\nOK\r\n");
        check(&input, false, &["OK"]);
        check(
            &[&[b'y'; MAX_LINE][..], b"\r"].concat(),
            false,
            &["y".repeat(MAX_LINE).as_str()],
        );
    }

    proptest! {
        #[test]
        fn any_octets_make_printable_short_lines(
            input in proptest::collection::vec(any::<u8>(), 0..9000),
            prompt in any::<bool>(),
        ) {
            let mut scanner = Scanner::default();
            for octet in input {
                if let Some(Token::Line(line)) = scanner.push(octet, prompt) {
                    prop_assert!(!line.is_empty() && line.len() <= MAX_LINE);
                    prop_assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')));
                }
            }
        }
    }
}
