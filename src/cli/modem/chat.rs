//! A line with a modem on which a person says what is written: for `modem at`.
//!
//! Cuts what comes in into lines and prompts, and leaves echoes out. It writes what it is given: who
//! gives it has looked at it before (see [`super::caution`]). Ctrl-Z is written behind a whole text
//! only, and control octets inside of a line are dropped.

use std::collections::VecDeque;
use std::time::Instant;

use crate::wire::Core;
use crate::wire::at::command::{CTRL_Z, ESC};
use crate::wire::at::line::{Scanner, Token};

/// What a person wants written.
#[derive(Debug)]
pub(super) enum Say {
    /// A command.
    Command {
        /// Without its CR.
        line: String,
        /// It ends in a prompt.
        prompts: bool,
        /// It holds a code: what looks like its echo is not shown either.
        secret: bool,
    },
    /// The PDU or text that a prompt asked for.
    Text(String),
    /// Leave text entry, or stop what takes so long.
    Escape,
}

/// What the modem says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A line that is no echo.
    Line(String),
    /// It asks for a PDU or text.
    Prompt,
}

/// See the file's header.
#[derive(Debug, Default)]
pub(super) struct Chat {
    scanner: Scanner,
    out: Vec<u8>,
    heard: VecDeque<Heard>,
    /// What was written last, and may come back.
    said: String,
    secret: bool,
    prompts: bool,
}

impl Chat {
    fn write(&mut self, text: &str) {
        self.out
            .extend(text.bytes().filter(|b| matches!(b, b' '..=b'~')));
        self.said = text.trim().to_owned();
    }

    fn is_echo(&self, line: &str) -> bool {
        let bare = line.trim_start_matches(['>', ' ']);
        let head = line.get(..2);
        let alike = head.is_some_and(|head| head.eq_ignore_ascii_case("AT"));
        (!self.said.is_empty() && (line == self.said || bare == self.said))
            || (self.secret && alike)
    }
}

impl Core for Chat {
    type Command = Say;
    type Event = Heard;

    fn handle_input(&mut self, bytes: &[u8], _: Instant) {
        for &octet in bytes {
            match self.scanner.push(octet, self.prompts) {
                Some(Token::Prompt) => {
                    self.prompts = false;
                    self.heard.push_back(Heard::Prompt);
                }
                Some(Token::Line(line)) if !self.is_echo(&line) => {
                    self.heard.push_back(Heard::Line(line));
                }
                Some(Token::Line(_)) | None => {}
            }
        }
    }

    fn handle_command(&mut self, say: Say, _: Instant) {
        match say {
            Say::Command {
                line,
                prompts,
                secret,
            } => {
                self.write(&line);
                self.out.push(b'\r');
                (self.prompts, self.secret) = (prompts, secret);
            }
            Say::Text(text) => {
                self.write(&text);
                self.out.push(CTRL_Z);
            }
            Say::Escape => {
                self.prompts = false;
                self.out.push(ESC);
            }
        }
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    fn poll_event(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// How a line ends an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Final {
    Good,
    Bad,
}

/// Final results (ITU-T V.250 §5.7.1, TS 27.007 §9.2, TS 27.005 §3.2.5), matched whole.
pub(super) fn final_result(line: &str) -> Option<Final> {
    match line {
        "OK" => Some(Final::Good),
        "ERROR"
        | "NO CARRIER"
        | "NO ANSWER"
        | "NO DIALTONE"
        | "NO DIAL TONE"
        | "BUSY"
        | "ABORTED"
        | "COMMAND NOT SUPPORT"
        | "COMMAND NOT SUPPORTED"
        | "TOO MANY PARAMETERS" => Some(Final::Bad),
        _ if line.starts_with("+CME ERROR:") || line.starts_with("+CMS ERROR:") => Some(Final::Bad),
        _ if line == "CONNECT" || line.starts_with("CONNECT ") => Some(Final::Good),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn command(line: &str, prompts: bool, secret: bool) -> Say {
        let line = line.to_owned();
        Say::Command {
            line,
            prompts,
            secret,
        }
    }

    #[track_caller]
    fn check(says: Vec<Say>, input: &str, written: &str, heard: &[&str]) {
        let now = Instant::now();
        let mut chat = Chat::default();
        let mut out = Vec::new();
        for say in says {
            chat.handle_command(say, now);
            out.extend(chat.poll_transmit().unwrap_or_default());
        }
        chat.handle_input(input.as_bytes(), now);
        let mut said = Vec::new();
        while let Some(event) = chat.poll_event() {
            said.push(match event {
                Heard::Line(line) => line,
                Heard::Prompt => "PROMPT".to_owned(),
            });
        }
        assert_eq!(String::from_utf8_lossy(&out), written);
        assert_eq!(said, heard);
    }

    #[test]
    fn writes_what_it_is_given_and_drops_echoes() {
        check(
            vec![command("AT+CSQ", false, false)],
            "AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
            "AT+CSQ\r",
            &["+CSQ: 17,99", "OK"],
        );
        check(
            vec![command("AT\u{1a}+C\rSQ", false, false)],
            "",
            "AT+CSQ\r",
            &[],
        );
        check(
            vec![command("AT+CMGS=1", true, false)],
            "AT+CMGS=1\r\r\n> ",
            "AT+CMGS=1\r",
            &["PROMPT"],
        );
        check(
            vec![command("AT+CMGS=1", true, false), Say::Escape],
            "\r\n> \r\nOK\r\n",
            "AT+CMGS=1\r\u{1b}",
            &[">", "OK"],
        );
        check(
            vec![Say::Text("0001".into())],
            "> 0001\r\n+CMGS: 7\r\n",
            "0001\u{1a}",
            &["+CMGS: 7"],
        );
    }

    #[test]
    fn shows_no_echo_of_a_code() {
        check(
            vec![command("AT+CPIN=\"1234\"", false, true)],
            "AT+CPIN=\"1234\"\r\r\nAT+CPI?=\"1234\"\r\nOK\r\n",
            "AT+CPIN=\"1234\"\r",
            &["OK"],
        );
    }

    #[test]
    fn knows_the_end_of_an_answer() {
        for (line, expected) in [
            ("OK", Some(Final::Good)),
            ("CONNECT 115200", Some(Final::Good)),
            ("ERROR", Some(Final::Bad)),
            ("+CME ERROR: 10", Some(Final::Bad)),
            ("+CMS ERROR: SIM busy", Some(Final::Bad)),
            ("NO CARRIER", Some(Final::Bad)),
            ("OKAY", None),
            ("+CSQ: 17,99", None),
            ("CONNECTED", None),
        ] {
            assert_eq!(final_result(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_make_lines_and_one_prompt(
            input in proptest::collection::vec(any::<u8>(), 0..400),
            prompts in any::<bool>(),
        ) {
            let now = Instant::now();
            let mut chat = Chat::default();
            chat.handle_command(command("AT+CMGS=1", prompts, false), now);
            chat.handle_input(&input, now);
            let mut asked = 0;
            while let Some(event) = chat.poll_event() {
                match event {
                    Heard::Line(line) => prop_assert!(line.bytes().all(|b| matches!(b, b' '..=b'~'))),
                    Heard::Prompt => asked += 1,
                }
            }
            prop_assert!(asked <= usize::from(prompts));
        }
    }
}
