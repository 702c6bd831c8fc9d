//! Which modem and which SIM a gateway has, and which it means.
//!
//! The SIM is what counts: its number, its contract, its limits. A SIM that moved into another modem is
//! ours; another SIM in our modem is not, until an admin says so. What was seen first is remembered
//! under [`about`], over restarts; the configuration's `imei` and `sim` go before it.
//!
//! A PIN is entered once into a SIM (threats T40): that it will be is durable before it is, as a keyed
//! hash, and is forgotten when the SIM takes it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::super::Memory;
use crate::store::Note;
use crate::wire::at::Pin;
use crate::world::World;

/// An ICCID has 18 to 22 digits (ITU-T E.118); some modems leave the check digit out.
const SHORTEST_SIM: usize = 18;

/// What must be at the port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The modem; `None`: any that has the SIM.
    pub imei: Option<String>,
    /// The SIM.
    pub sim: WantedSim,
}

/// Which SIM must be in the modem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WantedSim {
    /// The one that was there first.
    #[default]
    Remembered,
    /// Whichever is there.
    Any,
    /// That one.
    Only(String),
}

/// The digits of a SIM's number as people write it; `None` when it is not one.
pub fn sim_id(text: &str) -> Option<String> {
    let spaces = |c: char| c == ' ' || c == '-';
    let digits: String = text.trim().chars().filter(|c| !spaces(*c)).collect();
    let digits = digits.trim_end_matches(['F', 'f']);
    let fits =
        (SHORTEST_SIM..=22).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| digits.to_owned())
}

/// What a gateway's memory of its modem and SIM is kept under.
pub fn about(gateway: &str) -> String {
    format!("modem {gateway}")
}

/// What a modem says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub imei: Option<String>,
    pub sim: Option<String>,
}

impl Identity {
    pub(super) fn of(note: &Note) -> Self {
        Self {
            imei: note.get("imei").cloned(),
            sim: note.get("sim").cloned(),
        }
    }

    pub(super) fn note(&self) -> Note {
        let words = [("imei", &self.imei), ("sim", &self.sim)];
        let known = words.into_iter().filter_map(|(key, value)| {
            let value = value.clone()?;
            Some((key.to_owned(), value))
        });
        known.collect()
    }

    /// What is known of it now, and otherwise what was.
    fn or(&self, before: &Identity) -> Identity {
        Identity {
            imei: self.imei.clone().or_else(|| before.imei.clone()),
            sim: self.sim.clone().or_else(|| before.sim.clone()),
        }
    }
}

/// Whose modem it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours. `Some`: remember that.
    Ours(Option<Identity>),
    /// Not ours: what is wrong, and what to do.
    Other(String),
}

impl Wanted {
    /// Whether the modem that was found is the one of `gateway`, which had `before` the last time.
    pub(super) fn judge(&self, gateway: &str, before: &Identity, found: &Identity) -> Whose {
        if let (Some(wanted), Some(imei)) = (&self.imei, &found.imei)
            && !is_same_imei(wanted, imei)
        {
            return Whose::Other(format!(
                "the modem there has the IMEI {imei}, and `imei` says {wanted}: connect that one, or \
                 change `imei`"
            ));
        }
        let sim = match (&self.sim, &before.sim, &found.sim) {
            (WantedSim::Only(wanted), _, Some(sim)) if !is_same_sim(wanted, sim) => Some(format!(
                "the SIM {sim} is in the modem, and `sim` says {wanted}: put that one in, or change `sim`"
            )),
            (WantedSim::Only(wanted), _, None) => Some(format!(
                "the modem does not tell which SIM it has, and `sim` says {wanted}: put it in; if it \
                 is, remove `sim` and write `imei`"
            )),
            (WantedSim::Remembered, Some(was), Some(sim)) if !is_same_sim(was, sim) => {
                Some(format!(
                    "another SIM is in the modem: {sim} instead of {was}. If that is meant, run \
                 `sms-milter gateways accept {gateway}`; if not, put the other one back"
                ))
            }
            // It may be locked, or not in its place: the modem itself is what is left to go by.
            (WantedSim::Remembered, Some(was), None) if !self.has_same_modem(before, found) => {
                Some(format!(
                    "another modem is there, and it does not tell whether it has the SIM {was}: put \
                     the SIM in; if it is, run `sms-milter gateways accept {gateway}`"
                ))
            }
            (WantedSim::Remembered, None, _) if !self.has_same_modem(before, found) => {
                Some(format!(
                    "another modem is there, with the IMEI {}. If that is meant, run `sms-milter gateways \
                 accept {gateway}`; if not, connect the other one",
                    found.imei.as_deref().unwrap_or("unknown")
                ))
            }
            _ => None,
        };
        match sim {
            Some(reason) => Whose::Other(reason),
            None => {
                let now = found.or(before);
                Whose::Ours((now != *before).then_some(now))
            }
        }
    }

    /// Nothing speaks against it: a modem that does not tell its number is not another one.
    fn has_same_modem(&self, before: &Identity, found: &Identity) -> bool {
        match (&before.imei, &found.imei) {
            (Some(was), Some(imei)) => self.imei.is_some() || is_same_imei(was, imei),
            _ => true,
        }
    }

    /// Whether a port that nobody named may be taken for ours: only what is told counts there.
    pub(super) fn is_found(&self, before: &Identity, found: &Identity) -> bool {
        let same = |ours: &Option<String>,
                    theirs: &Option<String>,
                    is_same: fn(&str, &str) -> bool| {
            match (ours, theirs) {
                (Some(ours), Some(theirs)) => Some(is_same(ours, theirs)),
                (Some(_), None) => Some(false),
                (None, _) => None,
            }
        };
        let imei = self.imei.clone().or_else(|| before.imei.clone());
        let sim = match &self.sim {
            WantedSim::Only(sim) => Some(sim.clone()),
            WantedSim::Remembered => before.sim.clone(),
            WantedSim::Any => None,
        };
        let by_imei = same(&imei, &found.imei, is_same_imei);
        match same(&sim, &found.sim, is_same_sim) {
            // The SIM may have moved into another modem, unless the configuration names one.
            Some(by_sim) => by_sim && (self.imei.is_none() || by_imei == Some(true)),
            None => by_imei == Some(true),
        }
    }

    /// Something is known to look for.
    pub(super) fn can_be_found(&self, before: &Identity) -> bool {
        let sim = match &self.sim {
            WantedSim::Only(_) => true,
            WantedSim::Remembered => before.sim.is_some(),
            WantedSim::Any => false,
        };
        sim || self.imei.is_some() || before.imei.is_some()
    }
}

/// One with the check digit and one without, are the same.
fn is_same_sim(one: &str, other: &str) -> bool {
    let least = one.len().min(other.len());
    least >= SHORTEST_SIM && one.as_bytes()[..least] == other.as_bytes()[..least]
}

/// 14 digits are the modem; a check digit or the software's version may follow (TS 23.003 §6.2).
fn is_same_imei(one: &str, other: &str) -> bool {
    one == other || (one.len() >= 14 && other.len() >= 14 && one.get(..14) == other.get(..14))
}

/// What is remembered of the PINs that were entered into a SIM.
pub(super) struct Pins<'a> {
    pub memory: &'a dyn Memory,
    pub world: &'a World,
    /// The SIM's number, or what stands for it.
    pub sim: &'a str,
}

impl Pins<'_> {
    fn about(&self) -> String {
        format!("sim {}", self.sim)
    }

    /// Notes that this PIN is tried. `false`: it was tried before, or that cannot be made durable.
    pub(super) async fn may_try(&self, pin: &Pin) -> bool {
        let Some(mut note) = self.memory.recall(&self.about()).await else {
            return false;
        };
        if is_tried(&note, pin) {
            return false;
        }
        let mut salt = [0; 16];
        self.world.random.fill(&mut salt);
        let salt = hex(&salt);
        note.insert("tried".to_owned(), keyed(&salt, pin));
        note.insert("key".to_owned(), salt);
        self.memory.remember(&self.about(), note).await
    }

    /// It was right, so it may be entered again when the SIM lost power.
    pub(super) async fn was_right(&self) {
        // When that is not durable, an admin has one more thing to do after a restart; no SIM is lost.
        let _ = self.memory.remember(&self.about(), Note::new()).await;
    }
}

fn is_tried(note: &Note, pin: &Pin) -> bool {
    match (note.get("key"), note.get("tried")) {
        (Some(key), Some(tried)) => *tried == keyed(key, pin),
        _ => false,
    }
}

/// Nobody reads the PIN there at a glance; who can try all ten thousand can read the store anyway.
fn keyed(key: &str, pin: &Pin) -> String {
    let hash = Sha256::new()
        .chain_update(key)
        .chain_update([0])
        .chain_update(pin.expose());
    hex(&hash.finalize())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::memory::Fleeting;
    use crate::secret::Secret;

    const IMEI: &str = "356938035643809";
    const OTHER_IMEI: &str = "490154203237518";
    const SIM: &str = "89490200000000011234";
    const OTHER_SIM: &str = "89490200000000099999";

    /// `IMEI/SIM`, `-` for none.
    fn identity(text: &str) -> Identity {
        let (imei, sim) = text.split_once('/').expect("two");
        let word = |word: &str| match word {
            "-" => None,
            "i" => Some(IMEI.to_owned()),
            "I" => Some(OTHER_IMEI.to_owned()),
            "s" => Some(SIM.to_owned()),
            "S" => Some(OTHER_SIM.to_owned()),
            other => Some(other.to_owned()),
        };
        Identity {
            imei: word(imei),
            sim: word(sim),
        }
    }

    fn wanted(text: &str) -> Wanted {
        let Identity { imei, sim } = identity(text);
        let sim = match sim.as_deref() {
            None => WantedSim::Remembered,
            Some("any") => WantedSim::Any,
            Some(sim) => WantedSim::Only(sim.to_owned()),
        };
        Wanted { imei, sim }
    }

    #[test]
    fn knows_its_own() {
        // What the configuration wants, what was there, what is there; what to remember, or a word of
        // the refusal.
        for (want, before, found, expected) in [
            ("-/-", "-/-", "i/s", Ok(Some("i/s"))),
            ("-/-", "-/-", "-/-", Ok(None)),
            ("-/-", "i/s", "i/s", Ok(None)),
            ("-/-", "i/s", "I/s", Ok(Some("I/s"))),
            ("-/-", "i/s", "i/S", Err("another SIM")),
            ("-/-", "i/s", "I/S", Err("another SIM")),
            ("-/-", "i/s", "i/-", Ok(None)),
            ("-/-", "i/s", "-/s", Ok(None)),
            ("-/-", "i/s", "I/-", Err("another modem")),
            ("-/-", "i/-", "I/S", Err("another modem")),
            ("-/-", "i/-", "i/s", Ok(Some("i/s"))),
            (
                "-/-",
                "i/s",
                "i/8949020000000001123",
                Ok(Some("i/8949020000000001123")),
            ),
            ("-/any", "i/s", "I/S", Ok(Some("I/S"))),
            ("-/S", "i/s", "i/S", Ok(Some("i/S"))),
            ("-/S", "i/s", "i/s", Err("change `sim`")),
            ("-/s", "i/s", "i/-", Err("remove `sim`")),
            ("i/-", "i/s", "I/s", Err("change `imei`")),
            ("I/-", "i/s", "I/s", Ok(Some("I/s"))),
        ] {
            let judged = wanted(want).judge("hall", &identity(before), &identity(found));
            match (&judged, expected) {
                (Whose::Ours(note), Ok(expected)) => {
                    assert_eq!(*note, expected.map(identity), "{want} {before} {found}");
                }
                (Whose::Other(reason), Err(word)) => assert!(reason.contains(word), "{reason}"),
                _ => panic!("{want} {before} {found}: {judged:?}"),
            }
        }
    }

    #[test]
    fn takes_no_strangers_port() {
        for (want, before, found, expected) in [
            ("-/-", "i/s", "i/s", true),
            ("-/-", "i/s", "I/s", true),
            ("-/-", "i/s", "i/S", false),
            ("-/-", "i/s", "i/-", false),
            ("-/-", "i/-", "i/S", true),
            ("-/-", "i/-", "I/S", false),
            ("-/-", "-/-", "i/s", false),
            ("-/any", "i/s", "i/S", true),
            ("-/any", "-/-", "i/S", false),
            ("-/S", "i/s", "I/S", true),
            ("i/-", "-/-", "i/S", true),
            ("i/-", "i/s", "I/s", false),
        ] {
            let (want, before) = (wanted(want), identity(before));
            let is_found = want.is_found(&before, &identity(found));
            assert_eq!(is_found, expected, "{want:?} {before:?} {found}");
            assert!(!is_found || want.can_be_found(&before));
        }
    }

    #[test]
    fn reads_numbers_of_sims() {
        for (text, expected) in [
            (SIM, Some(SIM)),
            ("8949 0200 0000 0001 1234", Some(SIM)),
            ("8949020000000001123F", Some("8949020000000001123")),
            ("12345", None),
            ("any", None),
            ("8949020000000001123x", None),
        ] {
            assert_eq!(sim_id(text).as_deref(), expected, "{text}");
        }
    }

    #[tokio::test]
    async fn a_pin_is_tried_once_until_it_was_right() {
        let (memory, world) = (Fleeting::default(), World::real());
        let pin = |digits: &str| Pin::parse(&Secret::from(digits)).expect("pin");
        let pins = |sim| Pins {
            memory: &memory,
            world: &world,
            sim,
        };
        assert!(pins(SIM).may_try(&pin("1234")).await);
        assert!(!pins(SIM).may_try(&pin("1234")).await);
        assert!(pins(OTHER_SIM).may_try(&pin("1234")).await);
        assert!(pins(SIM).may_try(&pin("4711")).await);
        pins(SIM).was_right().await;
        assert!(pins(SIM).may_try(&pin("4711")).await);
        let note = memory.recall(&format!("sim {SIM}")).await.expect("note");
        assert!(!format!("{note:?}").contains("4711"));
    }

    /// A store that takes nothing: then the PIN stays here.
    struct Full;

    #[async_trait::async_trait]
    impl Memory for Full {
        async fn recall(&self, _: &str) -> Option<Note> {
            Some(Note::new())
        }
        async fn remember(&self, _: &str, _: Note) -> bool {
            false
        }
    }

    #[tokio::test]
    async fn a_pin_is_not_tried_when_that_is_not_durable() {
        let world = World::real();
        let pins = Pins {
            memory: &Full,
            world: &world,
            sim: SIM,
        };
        let pin = Pin::parse(&Secret::from("1234")).expect("pin");
        assert!(!pins.may_try(&pin).await);
    }
}
