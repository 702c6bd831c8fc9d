//! Someone who speaks AT: commands, answers, text entry, notifications (TS 27.005, TS 27.007).

use std::time::Instant;

use super::line::Stage;
use super::{Deed, Options, State};

/// Commands that a modem gateway has a reason to write.
const KNOWN: [&str; 43] = [
    "AT", "ATE0", "ATE1", "ATV1", "ATI", "AT+CMEE", "AT+CCID", "AT+ICCID", "AT+QCCID", "AT^ICCID",
    "AT+CPIN", "AT+CPINR", "AT+CMGF", "AT+CSMS", "AT+CPMS", "AT+CSCA", "AT+CNMI", "AT+CREG",
    "AT+CGREG", "AT+CEREG", "AT+CSQ", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+GSN",
    "AT+CIMI", "AT+COPS", "AT+CBC", "AT+CMMS", "AT+CMGS", "AT+CMGL", "AT+CMGR", "AT+CMGD",
    "AT+CNMA", "AT+CUSD", "AT+CFUN", "AT+CNUM", "AT+CSCS", "AT+CRSM", "AT+CLCK", "AT+CGATT",
    "AT^CURC",
];

pub(super) fn is_known(command: &str) -> bool {
    KNOWN.contains(&command.split(['=', '?']).next().unwrap_or(""))
}

/// What a text entry is for.
#[derive(Debug)]
struct Entry {
    /// Octets of the TPDU that were announced; `None`: nobody knows any more.
    length: Option<usize>,
    text: String,
}

/// Settings, and what is half said.
#[derive(Debug)]
pub(super) struct Dialogue {
    echo: bool,
    entry: Option<Entry>,
    command: String,
    /// AT+CMEE: 0 no reasons, 1 numbers, 2 words.
    errors: u8,
    /// AT+CREG: its changes are told.
    tells_registration: bool,
    /// AT+CFUN: 0 and 4 have no radio.
    pub function: u8,
    /// AT+CSMS: 1 wants acknowledgements.
    pub service: u8,
    /// AT+CNMI: what becomes of an SMS and of a status report; `None`: it was not told yet.
    pub mt: u8,
    pub ds: Option<u8>,
    /// AT+CPMS: to read and delete, to write, to receive.
    pub memories: [String; 3],
    cmms: u8,
    centre: Option<String>,
    booting: bool,
    /// The network has not said its word on the PDU that was entered.
    pub waiting: bool,
}

impl Dialogue {
    pub fn new(options: &Options) -> Self {
        let entry = Entry {
            length: None,
            text: String::new(),
        };
        let first = options.memories.first().copied().unwrap_or("SM");
        Self {
            echo: options.echo,
            entry: options.in_text.then_some(entry),
            command: String::new(),
            errors: 0,
            tells_registration: false,
            function: 1,
            service: 0,
            mt: 0,
            ds: None,
            memories: [first; 3].map(str::to_owned),
            cmms: 0,
            centre: None,
            booting: false,
            waiting: false,
        }
    }

    pub fn has_centre(&self, options: &Options) -> bool {
        !self.centre.as_deref().unwrap_or(options.centre).is_empty()
    }
}

impl State {
    /// It does not listen: the network has its PDU.
    pub(super) fn is_waiting(&self) -> bool {
        self.dialogue.waiting
    }

    pub(super) fn hear(&mut self, octet: u8, now: Instant) {
        if self.dialogue.booting {
            return;
        }
        if octet == 0x1A && self.dialogue.entry.is_some() && self.is_pulled_at(Stage::BeforeCtrlZ) {
            return;
        }
        if self.dialogue.echo || self.options.stubborn_echo {
            self.say_octet(octet);
        }
        match (&mut self.dialogue.entry, octet) {
            (Some(_), 0x1B) => {
                self.dialogue.entry = None;
                self.say_line("OK");
            }
            (Some(_), 0x1A) => {
                if let Some(entry) = self.dialogue.entry.take() {
                    self.entered(entry, now);
                }
            }
            (Some(entry), _) => {
                entry.text.push(char::from(octet));
                if entry
                    .length
                    .is_some_and(|length| entry.text.len() == length)
                {
                    self.is_pulled_at(Stage::MidPdu);
                }
            }
            (None, b'\r') => {
                let line = std::mem::take(&mut self.dialogue.command);
                self.command(line.trim(), now);
            }
            (None, b'\n' | 0x1B) => {}
            (None, _) => self.dialogue.command.push(char::from(octet)),
        }
    }

    fn entered(&mut self, entry: Entry, now: Instant) {
        self.submissions += 1;
        if self.is_pulled_at(Stage::AfterCtrlZ) {
            return;
        }
        let smsc = entry
            .text
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let tpdu = smsc.and_then(|smsc| (entry.text.len() / 2).checked_sub(usize::from(smsc) + 1));
        if tpdu.is_none() || entry.length.is_some_and(|length| tpdu != Some(length)) {
            return self.say_line("+CMS ERROR: 304");
        }
        if self.options.network_delay.is_zero() {
            return self.submit(&entry.text, now);
        }
        self.dialogue.waiting = true;
        let at = now + self.options.network_delay;
        self.do_later(at, Deed::Submit(entry.text));
    }

    fn command(&mut self, line: &str, now: Instant) {
        if line.is_empty() {
            return;
        }
        self.commands.push(line.to_owned());
        let hangs = self.options.hang_at.is_some_and(|at| line.starts_with(at));
        if hangs && self.options.hangs > 0 {
            self.options.hangs -= 1;
            return;
        }
        if let Some((_, said)) = self.options.answers.iter().find(|(c, _)| *c == line) {
            return said.split('\n').for_each(|line| self.say_line(line));
        }
        let (head, value) = line.split_once('=').unwrap_or((line, ""));
        let head = head.to_ascii_uppercase();
        if let Some(error) = self.sim_error(&head) {
            return self.say_line(&error);
        }
        match head.as_str() {
            "ATE0" | "ATE1" => {
                self.dialogue.echo = head == "ATE1";
                self.ok();
            }
            "AT" | "ATV1" | "ATZ" | "AT&F" | "AT+CMGF" | "AT+CLIP" | "AT+CRC" | "AT+CGREG"
            | "AT+CEREG" | "AT+CSCS" | "AT+COPS" | "AT^CURC" => self.ok(),
            "AT+CMEE" => {
                self.dialogue.errors = value.parse().unwrap_or(0);
                self.ok();
            }
            "AT+CMGF?" => self.answer("+CMGF: 0"),
            "AT+CGMI" => self.answer(self.options.model.0),
            "AT+CGMM" => self.answer(self.options.model.1),
            "AT+CGMR" => self.answer("1.0"),
            "AT+CGSN" | "AT+GSN" => self.answer(self.options.imei),
            "ATI" => {
                let (maker, model) = self.options.model;
                self.answer(&format!("{maker}\r\n{model}\r\n1.0"));
            }
            "AT+CBC" => self.answer("+CBC: 0,80,3900"),
            "AT+CFUN" => self.function(value, now),
            "AT+CFUN?" => self.answer(&format!("+CFUN: {}", self.dialogue.function)),
            "AT+CUSD" => self.ussd(value, now),
            "AT+CSMS" => {
                self.dialogue.service = value.parse().unwrap_or(0);
                self.answer("+CSMS: 1,1,1");
            }
            "AT+CSMS?" => self.answer(&format!("+CSMS: {},1,1,1", self.dialogue.service)),
            "AT+CMMS" => {
                self.dialogue.cmms = value.parse().unwrap_or(0);
                self.ok();
            }
            "AT+CMMS?" => self.answer(&format!("+CMMS: {}", self.dialogue.cmms)),
            "AT+CSCA" => {
                let centre = value.split(',').next().unwrap_or("").trim_matches('"');
                self.dialogue.centre = Some(centre.to_owned());
                self.ok();
            }
            "AT+CSCA?" => {
                let centre = self
                    .dialogue
                    .centre
                    .as_deref()
                    .unwrap_or(self.options.centre);
                let kind = if centre.starts_with('+') { 145 } else { 129 };
                self.answer(&format!("+CSCA: \"{centre}\",{kind}"));
            }
            "AT+CNMI" if self.options.notifies => self.notify(value),
            "AT+CREG" => {
                self.dialogue.tells_registration = value != "0";
                self.ok();
            }
            "AT+CREG?" | "AT+CGREG?" | "AT+CEREG?" => {
                let name = head.trim_start_matches("AT").trim_end_matches('?');
                let tells = u8::from(self.dialogue.tells_registration);
                self.answer(&format!("{name}: {tells},{}", self.registration()));
            }
            "AT+CSQ" => self.answer(if self.has_network() {
                "+CSQ: 17,99"
            } else {
                "+CSQ: 99,99"
            }),
            "AT+COPS?" => self.answer(match self.has_network() {
                true => "+COPS: 0,0,\"SimNet\"",
                false => "+COPS: 0",
            }),
            "AT+CMGS" => self.send(value),
            "AT+CNMA" => self.acknowledge(),
            _ => self.sim_command(&head, value),
        }
    }

    pub(super) fn ok(&mut self) {
        self.say_line("OK");
    }

    pub(super) fn answer(&mut self, information: &str) {
        self.say_line(information);
        self.ok();
    }

    /// An error that is not of an SMS: as AT+CMEE has it.
    pub(super) fn cme(&self, code: u16) -> String {
        match self.dialogue.errors {
            0 => "ERROR".to_owned(),
            _ => format!("+CME ERROR: {code}"),
        }
    }

    fn send(&mut self, value: &str) {
        let entry = Entry {
            length: value.parse().ok(),
            text: String::new(),
        };
        if entry.length.is_none() {
            return self.say_line("+CMS ERROR: 304");
        }
        if self.is_pulled_at(Stage::Asked) {
            return;
        }
        self.dialogue.entry = Some(entry);
        if self.options.lost_prompts > 0 {
            self.options.lost_prompts -= 1;
            return;
        }
        let prompt = self.options.prompt;
        self.say(prompt);
        self.is_pulled_at(Stage::Prompt);
    }

    /// AT+CNMI=<mode>,<mt>,<bm>,<ds>,<bfr>.
    fn notify(&mut self, value: &str) {
        let field = |n| {
            value
                .split(',')
                .nth(n)
                .and_then(|field: &str| field.parse().ok())
        };
        self.dialogue.mt = field(1).unwrap_or(0);
        self.dialogue.ds = Some(field(3).unwrap_or(0));
        self.ok();
        self.hand_over_untold();
    }

    /// AT+CFUN=<function>,<reset>.
    fn function(&mut self, value: &str, now: Instant) {
        self.ok();
        let (function, reset) = value.split_once(',').unwrap_or((value, "0"));
        if reset == "1" {
            self.dialogue.booting = true;
            let at = now + self.options.boot;
            self.do_later(at, Deed::Booted);
            return;
        }
        self.dialogue.function = function.parse().unwrap_or(1);
        if self.dialogue.tells_registration {
            self.say_line(&format!("+CREG: {}", self.registration()));
        }
    }

    pub(super) fn booted(&mut self) {
        self.power_on();
        self.say_line("RDY");
        self.say_line("+CFUN: 1");
        self.say_line(if self.is_open() {
            "+CPIN: READY"
        } else {
            "+CPIN: SIM PIN"
        });
    }

    /// AT+CUSD=<n>,"<code>",<dcs>: the network's answer comes behind the OK.
    fn ussd(&mut self, value: &str, now: Instant) {
        self.ok();
        let mut fields = value.split(',');
        if fields.next() != Some("1") {
            return;
        }
        let code = fields.next().unwrap_or("").trim_matches('"').to_owned();
        let known = self.options.ussd.iter().find(|(known, _)| *known == code);
        let answer = match known {
            Some((_, text)) => format!("+CUSD: 0,\"{text}\",15"),
            None => "+CUSD: 4".to_owned(),
        };
        let at = now + self.options.network_delay;
        self.do_later(at, Deed::Say(answer));
    }
}
