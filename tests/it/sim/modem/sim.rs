//! The SIM: its number, its PIN and PUK, and the places for SMS on it and in the modem.

use std::collections::{BTreeMap, HashSet};

use super::State;

/// Tries of a PIN and of a PUK (TS 31.101 §9.5).
const PINS: u8 = 3;
const PUKS: u8 = 10;

/// A closed SIM, or an open one.
#[derive(Debug)]
pub(super) struct Sim {
    entered: bool,
    /// The PIN, when a PUK has set another.
    pin: Option<String>,
    pins_left: u8,
    puks_left: u8,
    /// What was listed or read once: memory and place.
    read: HashSet<(String, u16)>,
}

impl Default for Sim {
    fn default() -> Self {
        Self {
            entered: false,
            pin: None,
            pins_left: PINS,
            puks_left: PUKS,
            read: HashSet::new(),
        }
    }
}

impl Sim {
    pub fn power_on(&mut self) {
        self.entered = false;
    }
}

impl State {
    pub(super) fn is_open(&self) -> bool {
        let blocked = self.sim.pins_left == 0;
        !self.options.no_sim && !blocked && (self.sim.entered || self.options.pin.is_none())
    }

    /// What keeps a command from the SIM.
    pub(super) fn sim_error(&mut self, head: &str) -> Option<String> {
        const OF_SMS: [&str; 6] = [
            "AT+CMGS", "AT+CMGL", "AT+CMGR", "AT+CMGD", "AT+CPMS", "AT+CSCA",
        ];
        const OF_SIM: [&str; 8] = [
            "AT+CPIN", "AT+CPINR", "AT+CCID", "AT+ICCID", "AT+QCCID", "AT+CIMI", "AT+CNUM",
            "AT+CRSM",
        ];
        let head = head.trim_end_matches('?');
        let (sms, sim) = (
            OF_SMS.contains(&head) || head == "AT+CNMI",
            OF_SIM.contains(&head),
        );
        if !(sms || sim) {
            return None;
        }
        if self.options.no_sim {
            return Some(if sms {
                "+CMS ERROR: 310".to_owned()
            } else {
                self.cme(10)
            });
        }
        if self.options.busy > 0 {
            self.options.busy -= 1;
            return Some(if sms {
                "+CMS ERROR: 314".to_owned()
            } else {
                self.cme(14)
            });
        }
        // The number of the card is read without a PIN, the subscriber's is not.
        let closed = !self.is_open() && (sms || head == "AT+CIMI" || head == "AT+CNUM");
        let (cms, cme) = if self.sim.pins_left == 0 {
            (316, 12)
        } else {
            (311, 11)
        };
        closed.then(|| match sms {
            true => format!("+CMS ERROR: {cms}"),
            false => self.cme(cme),
        })
    }

    pub(super) fn sim_command(&mut self, head: &str, value: &str) {
        match head {
            "AT+CCID" => self.answer(&format!("+CCID: \"{}\"", self.options.iccid)),
            "AT+CIMI" => self.answer(self.options.imsi),
            "AT+CNUM" => self.ok(),
            "AT+CPIN?" => self.answer(match (self.is_open(), self.sim.pins_left) {
                (true, _) => "+CPIN: READY",
                (false, 0) => "+CPIN: SIM PUK",
                (false, _) => "+CPIN: SIM PIN",
            }),
            "AT+CPIN" => self.enter_pin(value),
            "AT+CPINR" | "AT+CPINR?" if self.options.tells_tries => {
                let left = self.sim.pins_left;
                self.answer(&format!("+CPINR: SIM PIN,{left},{PINS}"));
            }
            "AT+CPMS" => self.choose_memories(value),
            "AT+CPMS?" => {
                let memories = self.dialogue.memories.clone();
                let rooms = memories.map(|memory| {
                    let (used, total) = self.room(&memory);
                    format!("\"{memory}\",{used},{total}")
                });
                self.answer(&format!("+CPMS: {}", rooms.join(",")));
            }
            "AT+CMGL" => self.list(value),
            "AT+CMGR" => self.read(value),
            "AT+CMGD" => self.delete(value),
            _ => {
                let error = self.cme(4);
                self.say_line(&error);
            }
        }
    }

    /// `"<pin>"`, or `"<puk>","<new pin>"`.
    fn enter_pin(&mut self, value: &str) {
        self.pins += 1;
        let mut codes = value.split(',').map(|code| code.trim_matches('"'));
        let (code, new) = (codes.next().unwrap_or(""), codes.next());
        let sim = &mut self.sim;
        let right = match (sim.pins_left, new) {
            (0, Some(new)) if sim.puks_left > 0 => {
                let right = code == self.options.puk;
                if right {
                    (sim.pin, sim.pins_left, sim.puks_left) = (Some(new.to_owned()), PINS, PUKS);
                } else {
                    sim.puks_left -= 1;
                }
                right
            }
            (0, _) => {
                let error = self.cme(12);
                return self.say_line(&error);
            }
            _ => {
                let right = sim.pin.as_deref().or(self.options.pin) == Some(code);
                sim.pins_left = if right { PINS } else { sim.pins_left - 1 };
                right
            }
        };
        if right {
            self.sim.entered = true;
            self.ok();
            self.hand_over();
        } else {
            let error = self.cme(16);
            self.say_line(&error);
        }
    }

    fn memory(&self, name: &str) -> &BTreeMap<u16, String> {
        match name {
            "SM" => &self.stored,
            "SR" => &self.reports,
            _ => &self.in_modem,
        }
    }

    fn memory_mut(&mut self, name: &str) -> &mut BTreeMap<u16, String> {
        match name {
            "SM" => &mut self.stored,
            "SR" => &mut self.reports,
            _ => &mut self.in_modem,
        }
    }

    /// Places used, places there are.
    fn room(&self, name: &str) -> (u16, u16) {
        let used = u16::try_from(self.memory(name).len()).expect("few SMS");
        let total = match name {
            "SM" => self.options.slots,
            "SR" => 10,
            _ => self.options.modem_slots,
        };
        (used, total)
    }

    /// Puts a PDU into the first free place; which. `None`: there is none.
    pub(super) fn store(&mut self, memory: &str, hex: String) -> Option<u16> {
        let (_, total) = self.room(memory);
        let taken = self.memory(memory);
        let place = (1..=total).find(|place| !taken.contains_key(place))?;
        self.memory_mut(memory).insert(place, hex);
        self.sim.read.remove(&(memory.to_owned(), place));
        Some(place)
    }

    fn choose_memories(&mut self, value: &str) {
        let names: Vec<_> = value
            .split(',')
            .map(|name| name.trim_matches('"'))
            .collect();
        if names.is_empty()
            || names.len() > 3
            || !names
                .iter()
                .all(|name| self.options.memories.contains(name))
        {
            return self.say_line("+CMS ERROR: 303");
        }
        for (memory, name) in self.dialogue.memories.iter_mut().zip(&names) {
            *memory = (*name).to_owned();
        }
        let rooms = self.dialogue.memories.clone().map(|memory| {
            let (used, total) = self.room(&memory);
            format!("{used},{total}")
        });
        self.answer(&format!("+CPMS: {}", rooms.join(",")));
    }

    /// Its status, which reading changes (TS 27.005 §3.1).
    fn status(&mut self, memory: &str, place: u16) -> u8 {
        u8::from(!self.sim.read.insert((memory.to_owned(), place)))
    }

    fn list(&mut self, value: &str) {
        let memory = self.dialogue.memories[0].clone();
        for (place, hex) in self.memory(&memory).clone() {
            let was_read = self.sim.read.contains(&(memory.clone(), place));
            let wanted = match value {
                "4" => true,
                "1" => was_read,
                "0" | "" => !was_read,
                _ => false,
            };
            if wanted {
                let status = self.status(&memory, place);
                let length = hex.len() / 2 - 1;
                self.say_line(&format!("+CMGL: {place},{status},,{length}\r\n{hex}"));
            }
        }
        self.ok();
        if self.options.vanishing > 0 && !self.memory(&memory).is_empty() {
            self.options.vanishing -= 1;
            self.memory_mut(&memory).pop_first();
        }
    }

    fn read(&mut self, value: &str) {
        let memory = self.dialogue.memories[0].clone();
        let place = value.parse().unwrap_or(0);
        let Some(hex) = self.memory(&memory).get(&place).cloned() else {
            return self.say_line("+CMS ERROR: 321");
        };
        let status = self.status(&memory, place);
        let length = hex.len() / 2 - 1;
        self.answer(&format!("+CMGR: {status},,{length}\r\n{hex}"));
    }

    /// `<place>`, or `<place>,<flag>`: with a flag, more than that one.
    fn delete(&mut self, value: &str) {
        if self.options.failing_deletions > 0 {
            self.options.failing_deletions -= 1;
            return self.say_line("+CMS ERROR: 320");
        }
        let memory = self.dialogue.memories[0].clone();
        let (place, flag) = value.split_once(',').unwrap_or((value, "0"));
        let place = place.parse().unwrap_or(0);
        let gone = match flag {
            "0" => self.memory_mut(&memory).remove(&place).is_some(),
            "4" => {
                self.memory_mut(&memory).clear();
                true
            }
            _ => {
                let read = self.sim.read.clone();
                let name = memory.clone();
                self.memory_mut(&memory)
                    .retain(|place, _| !read.contains(&(name.clone(), *place)));
                true
            }
        };
        self.say_line(if gone { "OK" } else { "+CMS ERROR: 321" });
        // There is room now; the network is told so (TS 23.040 §10.3, memory available).
        self.hand_over();
    }
}
