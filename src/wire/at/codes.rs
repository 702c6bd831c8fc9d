//! What a modem's and a network's error codes mean for a message.
//!
//! `+CMS ERROR` carries RP-cause (TS 24.011 Annex E-2, 0–127), TP-FCS (TS 23.040 §9.2.3.22, 128–255) or
//! the modem's own (TS 27.005 §3.2.5, 300–511; the vendor's from 512); `+CME ERROR` is TS 27.007 §9.2.
//! The classes are a judgement (faults.md 3.4); [`verdict`] is the only place that reads them.

use std::time::Duration;

use super::cause::{CME, CME_WORDS, CMS, CMS_WORDS, Class, Row};
use Class as K;

/// Errors in words are cut: they are shown to people.
const MAX_WORDS: usize = 60;

/// An error as a modem says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// `ERROR` and nothing more.
    Plain,
    /// `+CMS ERROR: n`.
    Cms(u16),
    /// `+CME ERROR: n`.
    Cme(u16),
    /// An error in words, from modems that ignore `+CMEE=1`.
    Words(String),
}

impl Code {
    /// Reads `+CMS ERROR: 38`, `+CME ERROR: SIM busy`; `None` for every other line.
    pub fn read(line: &str) -> Option<Self> {
        let (rest, words, code): (_, _, fn(u16) -> Code) = match (
            line.strip_prefix("+CMS ERROR:"),
            line.strip_prefix("+CME ERROR:"),
        ) {
            (Some(rest), _) => (rest.trim(), CMS_WORDS, Code::Cms),
            (_, Some(rest)) => (rest.trim(), CME_WORDS, Code::Cme),
            (None, None) => return None,
        };
        if let Ok(n) = rest.parse() {
            return Some(code(n));
        }
        let known = words
            .iter()
            .find(|(said, _)| said.eq_ignore_ascii_case(rest));
        Some(match known {
            Some((_, n)) => code(*n),
            None => Code::Words(rest.chars().take(MAX_WORDS).collect()),
        })
    }
}

/// What an error means for the message that was being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The network had it already: sent.
    Accepted,
    /// Not sent; again later.
    Later {
        /// Not before.
        after: Option<Duration>,
        /// It counts as an attempt.
        counts: bool,
    },
    /// Not sent; again later, but when this code comes for the message more often than that, never.
    LaterThenNever {
        /// How often it is tried again.
        times: u8,
        /// Not before.
        after: Option<Duration>,
    },
    /// Not sent, and never will be.
    Never,
    /// As `Never`, but when it is said of many numbers our own SIM is meant: then `Route`.
    NeverUnlessMany,
    /// Not sent; this SIM or network cannot.
    Route,
    /// Not sent; the modem needs repair, which it gets.
    Repair,
    /// Not sent; the modem needs a human.
    Human,
    /// Not sent: we wrote something wrong.
    Ours,
    /// Not sent; once more without this.
    Without(Feature),
    /// It was hardly sent: again soon, with TP-RD and the same TP-MR, so that the network can tell.
    Repeat,
    /// It may have been sent.
    Unknown,
}

/// A part of a submission that some networks do not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// TP-VP.
    Validity,
    /// Class 0.
    Flash,
    /// A TP-PID other than 0.
    Protocol,
    /// Its alphabet: the other one of GSM-7 and UCS-2 may do.
    Alphabet,
}

fn row(code: &Code) -> Option<&'static Row> {
    let (table, n) = match code {
        Code::Cms(n) => (CMS, n),
        Code::Cme(n) => (CME, n),
        Code::Plain | Code::Words(_) => return None,
    };
    let at = table.binary_search_by_key(n, |row| row.0).ok()?;
    table.get(at)
}

fn class(code: &Code) -> Class {
    match (row(code), code) {
        (Some(row), _) => row.1,
        // RP-causes that no standard names.
        (None, Code::Cms(0..=127)) => K::Times(3, 0),
        // TP-FCS: reserved ones are like 255, those from 224 on are the centre's own.
        (None, Code::Cms(128..=223)) => K::Times(3, 0),
        (None, Code::Cms(224..=255)) => K::Times(2, 0),
        // Ranges of the modem: no one knows how far it was.
        (None, _) => K::MU,
    }
}

/// What `code` means for a message. `handed`: its PDU was written, Ctrl-Z with it. `repeat`: it bears
/// TP-RD and the TP-MR of an earlier attempt.
pub fn verdict(code: &Code, handed: bool, repeat: bool) -> Verdict {
    let seconds = |n: u64| (n > 0).then(|| Duration::from_secs(n));
    match class(code) {
        K::U | K::MU if handed => Verdict::Unknown,
        // The repeat was no clearer.
        K::Weak if handed && repeat => Verdict::Unknown,
        K::Weak if handed => Verdict::Repeat,
        K::U | K::Weak | K::T => Verdict::Later {
            after: None,
            counts: true,
        },
        // The modem or SIM is busy: that says nothing of the message.
        K::After(n) => Verdict::Later {
            after: seconds(n),
            counts: n > 60,
        },
        K::Times(times, n) => Verdict::LaterThenNever {
            times,
            after: seconds(n),
        },
        K::P => Verdict::Never,
        K::Many => Verdict::NeverUnlessMany,
        K::R => Verdict::Route,
        K::M | K::MU => Verdict::Repair,
        K::Human => Verdict::Human,
        K::C => Verdict::Ours,
        K::Without(feature) => Verdict::Without(feature),
        K::Duplicate if repeat => Verdict::Accepted,
        K::Duplicate => Verdict::Ours,
    }
}

/// There is nothing at that place (any more): for reading and deleting that is an answer.
pub fn is_gone(code: &Code) -> bool {
    matches!(code, Code::Cms(321) | Code::Cme(21 | 22))
}

/// The storage has no room: SMS must be read and deleted first.
pub fn is_full(code: &Code) -> bool {
    matches!(code, Code::Cms(208 | 211 | 322) | Code::Cme(20))
}

/// The SIM or modem is still starting: the same command again in a few seconds.
pub fn is_busy(code: &Code) -> bool {
    matches!(code, Code::Cms(212 | 314 | 515) | Code::Cme(14))
}

/// For people: `CMS ERROR 38 (network out of order)`.
impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Code::Plain => f.write_str("ERROR without a reason")?,
            Code::Cms(n) => write!(f, "CMS ERROR {n}")?,
            Code::Cme(n) => write!(f, "CME ERROR {n}")?,
            Code::Words(words) => write!(f, "error: {words}")?,
        }
        match row(self) {
            Some((_, _, meaning)) => write!(f, " ({meaning})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
