//! What an MTA answers (RFC 5321 §4.2), read from octets as they come. Pure.
//!
//! A line ends LF, with or without CR; all lines of a reply bear one code. What keeps to none of this is no
//! answer: whoever speaks so is not asked further. At most [`MAX_LINE`] octets a line and [`MAX_REPLY`] in all.

/// RFC 5321 §4.5.3.1.5 says 512; some servers write more.
const MAX_LINE: usize = 4096;

/// The answer to EHLO is the longest, a few hundred octets.
pub(super) const MAX_REPLY: usize = 64 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// Its lines, without the code.
    pub lines: Vec<String>,
}

/// It is not an MTA that speaks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what answers there does not speak SMTP")]
pub(super) struct Malformed;

impl Reply {
    /// The first answer in `octets` and how many octets it has; `None`: it is not whole yet.
    pub fn read(octets: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let mut reply: Option<Reply> = None;
        let mut used = 0;
        loop {
            let rest = &octets[used..];
            let Some(end) = rest.iter().position(|&octet| octet == b'\n') else {
                let too_long = rest.len() > MAX_LINE || octets.len() > MAX_REPLY;
                return if too_long { Err(Malformed) } else { Ok(None) };
            };
            if end > MAX_LINE || used + end > MAX_REPLY {
                return Err(Malformed);
            }
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            used += end + 1;
            let (code, is_last, text) = split(line).ok_or(Malformed)?;
            let reply = reply.get_or_insert_with(|| Reply {
                code,
                lines: Vec::new(),
            });
            if reply.code != code {
                return Err(Malformed);
            }
            reply.lines.push(String::from_utf8_lossy(text).into_owned());
            if is_last {
                return Ok(Some((reply.clone(), used)));
            }
        }
    }

    /// It was done.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The enhanced status code (RFC 2034), when it says one of its own class.
    pub fn status(&self) -> Option<(u16, u16, u16)> {
        let word = self.lines.first()?.split(' ').next()?;
        let mut numbers = word.split('.').map(|part| part.parse().ok());
        match (
            numbers.next()?,
            numbers.next()?,
            numbers.next()?,
            numbers.next(),
        ) {
            (Some(class), Some(subject), Some(detail), None) if class == self.code / 100 => {
                Some((class, subject, detail))
            }
            _ => None,
        }
    }

    /// As it was said, on one line; a bare CR or another control is a blank.
    pub fn words(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" ")).replace(char::is_control, " ")
    }
}

fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let digits = line.get(..3)?;
    let fits = (b'2'..=b'5').contains(&digits[0]) && digits[1..].iter().all(u8::is_ascii_digit);
    if !fits {
        return None;
    }
    let code = digits
        .iter()
        .fold(0, |code, d| code * 10 + u16::from(d - b'0'));
    match line.get(3) {
        None => Some((code, true, b"")),
        Some(b' ') => Some((code, true, &line[4..])),
        Some(b'-') => Some((code, false, &line[4..])),
        Some(_) => None,
    }
}

/// What the MTA can do (its answer to EHLO or LHLO).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub utf8: bool,
    /// RFC 1870: the largest mail, 0: it does not say.
    pub size: Option<u64>,
    /// RFC 4954, those that we speak.
    pub plain: bool,
    /// The older one of the two.
    pub login: bool,
}

impl Capabilities {
    /// Reads them; the first line is a greeting.
    pub fn read(reply: &Reply) -> Self {
        let mut can = Self::default();
        for line in reply.lines.iter().skip(1) {
            // "AUTH=PLAIN" is how old servers write it for old clients.
            let line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_whitespace();
            match words.next() {
                Some("STARTTLS") => can.starttls = true,
                Some("8BITMIME") => can.eight_bit = true,
                Some("SMTPUTF8") => can.utf8 = true,
                Some("SIZE") => {
                    can.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0))
                }
                Some("AUTH") => {
                    for word in words {
                        can.plain |= word == "PLAIN";
                        can.login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        can
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: &str, expected: Result<Option<(&str, usize)>, Malformed>) {
        let read = Reply::read(octets.as_bytes());
        let read = read.map(|found| found.map(|(reply, used)| (reply.words(), used)));
        let expected = expected.map(|found| found.map(|(words, used)| (words.to_owned(), used)));
        assert_eq!(read, expected, "{octets:?}");
    }

    #[test]
    fn answers() {
        check("250 2.1.0 Ok\r\n", Ok(Some(("250 2.1.0 Ok", 14))));
        check("250\r\n250 x\r\n", Ok(Some(("250 ", 5))));
        check("250-a\r\n250-b\n250 c\r\n", Ok(Some(("250 a b c", 20))));
        check("250-a\r\n250 b", Ok(None));
        check("", Ok(None));
        // Found by fuzzing: what is said of the answer in mails and logs is one line.
        let hostile = "550 no\rX-Evil: 1\x1b[2J\r\n";
        check(hostile, Ok(Some(("550 no X-Evil: 1 [2J", 22))));
        for wrong in [
            "hello\r\n",
            "250_x\r\n",
            "25\r\n",
            "250-a\r\n251 b\r\n",
            "150 x\r\n",
            "\r\n",
            "\0\0\0\n",
        ] {
            check(wrong, Err(Malformed));
        }
        check(&"2".repeat(MAX_LINE + 1), Err(Malformed));
        check(&"250-x\r\n".repeat(MAX_REPLY / 7 + 1), Err(Malformed));
    }

    #[test]
    fn status_codes() {
        for (line, expected) in [
            ("550 5.1.1 no", Some((5, 1, 1))),
            ("421 4.3.2 later", Some((4, 3, 2))),
            ("550 4.1.1 no", None),
            ("550 no 5.1.1", None),
            ("250 1.2.3.4", None),
            ("250", None),
        ] {
            let (reply, _) = Reply::read(format!("{line}\r\n").as_bytes())
                .expect(line)
                .expect(line);
            assert_eq!(reply.status(), expected, "{line}");
        }
    }

    #[test]
    fn what_it_can() {
        let said = "250-mx\r\n250-SIZE 1000\r\n250-starttls\r\n250-AUTH=PLAIN\r\n250-AUTH CRAM-MD5 LOGIN\r\n\
                    250-8BITMIME\r\n250 SMTPUTF8\r\n";
        let (reply, _) = Reply::read(said.as_bytes())
            .expect("a reply")
            .expect("whole");
        let all = Capabilities {
            starttls: true,
            eight_bit: true,
            utf8: true,
            size: Some(1000),
            plain: true,
            login: true,
        };
        assert_eq!(Capabilities::read(&reply), all);
        let (reply, _) = Reply::read(b"250 AUTH PLAIN\r\n")
            .expect("a reply")
            .expect("whole");
        assert_eq!(Capabilities::read(&reply), Capabilities::default());
    }

    proptest! {
        #[test]
        fn no_octets_are_too_much(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::read(&octets);
        }

        #[test]
        fn where_it_is_cut_makes_no_difference(
            lines in prop::collection::vec("[ -~]{0,40}", 1..5), at in any::<prop::sample::Index>(),
        ) {
            let last = lines.len() - 1;
            let wire: String = lines.iter().enumerate()
                .map(|(n, line)| format!("250{}{line}\r\n", if n == last { ' ' } else { '-' }))
                .collect();
            let cut = at.index(wire.len());
            prop_assert_eq!(Reply::read(&wire.as_bytes()[..cut]), Ok(None));
            let reply = Reply { code: 250, lines };
            prop_assert_eq!(Reply::read(format!("{wire}x").as_bytes()), Ok(Some((reply, wire.len()))));
        }
    }
}
