//! Texts that a phone cut without saying so (spec 8.1, `incoming.concat_window`).
//!
//! Pure. An SMS without a place among parts that is filled to the last character may go on in the next one: if
//! that follows from the same sender by the same gateway within the window, they are one text; if it is full
//! too, so on. An SMS that is not full waits for nothing. Off by default: a text that happens to be exactly as
//! long as an SMS comes later by the window.
//!
//! In memory only: the SMS are in the store, leased, and come again after a restart in their order. The
//! window counts from one arrival to the next, so they join then as they would have.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::whole::{Piece, Whole, in_a_row};
use crate::sms::{Encoding, Party, segment};

/// A phone that cuts makes no more of one text: what 1,530 characters are with parts.
const MAX_CHAIN: usize = 10;

/// Chains that are open; the oldest goes out to make room. Some 2 MB.
const MAX_OPEN: usize = 1000;

/// Longest window: a person who answers in that time is another text.
pub const MAX_WINDOW: Duration = Duration::from_secs(600);

/// Units of a full SMS (TS 23.040 §9.2.3.24.1): alone, and by phones that leave room for a header they then do
/// not write. One less where the next character takes two.
const FULL_SEPTETS: [usize; 4] = [160, 159, 153, 152];
const FULL_UCS2: [usize; 4] = [70, 69, 67, 66];

type Key = (String, Party);

/// SMS that may go on.
#[derive(Default)]
pub(super) struct Chains {
    open: HashMap<Key, Chain>,
    /// By when the last SMS of each came.
    order: BTreeSet<(Timestamp, Key)>,
}

struct Chain {
    last: Timestamp,
    pieces: Vec<Piece>,
}

impl Chains {
    /// Takes an SMS that has no place among parts; what goes out now. The window zero: nothing ever waits.
    pub(super) fn insert(&mut self, now: Timestamp, window: Duration, piece: Piece) -> Vec<Whole> {
        let key = (piece.gateway.clone(), piece.from.clone());
        let at = piece.at.min(now);
        let window = SignedDuration::try_from(window.min(MAX_WINDOW)).unwrap_or_default();
        let is_text = piece.data.is_none() && piece.marks.udh.is_empty();
        let mut out = Vec::new();
        let mut pieces = match self.take(&key) {
            None => Vec::new(),
            Some(chain) => {
                let follows = is_text
                    && !window.is_zero()
                    && at.duration_since(chain.last) <= window
                    && chain.pieces.len() < MAX_CHAIN;
                match follows {
                    true => chain.pieces,
                    false => {
                        out.extend(in_a_row(chain.pieces));
                        Vec::new()
                    }
                }
            }
        };
        let goes_on =
            !window.is_zero() && is_text && is_full(&piece) && pieces.len() + 1 < MAX_CHAIN;
        pieces.push(piece);
        if !goes_on {
            out.extend(in_a_row(pieces));
            return out;
        }
        if self.open.len() >= MAX_OPEN
            && let Some((_, oldest)) = self.order.first().cloned()
        {
            out.extend(self.take(&oldest).and_then(|chain| in_a_row(chain.pieces)));
        }
        self.order.insert((at, key.clone()));
        self.open.insert(key, Chain { last: at, pieces });
        out
    }

    /// What nothing followed in time.
    pub(super) fn expired(&mut self, now: Timestamp, window: Duration) -> Vec<Whole> {
        let window = SignedDuration::try_from(window.min(MAX_WINDOW)).unwrap_or_default();
        let mut out = Vec::new();
        while let Some((last, key)) = self.order.first() {
            if *last <= now && now.duration_since(*last) <= window {
                break;
            }
            let key = key.clone();
            out.extend(self.take(&key).and_then(|chain| in_a_row(chain.pieces)));
        }
        out
    }

    fn take(&mut self, key: &Key) -> Option<Chain> {
        let chain = self.open.remove(key)?;
        self.order.remove(&(chain.last, key.clone()));
        Some(chain)
    }
}

/// Not one character more goes into this SMS.
fn is_full(piece: &Piece) -> bool {
    let septets = || segment::units(&piece.text, Encoding::Gsm7);
    let ucs2 = || piece.text.encode_utf16().count();
    let gsm = crate::sms::alphabet::encode(&piece.text).is_ok();
    match piece.marks.dcs.and_then(is_ucs2) {
        Some(true) => FULL_UCS2.contains(&ucs2()),
        Some(false) => gsm && FULL_SEPTETS.contains(&septets()),
        // Not told: a text is cut in one alphabet, and a share of it may do with the smaller.
        None => FULL_UCS2.contains(&ucs2()) || gsm && FULL_SEPTETS.contains(&septets()),
    }
}

/// Whether a data coding scheme says UCS-2 (TS 23.038 §4); `None`: neither that nor the GSM alphabet.
fn is_ucs2(dcs: u8) -> Option<bool> {
    match (dcs >> 4, dcs & 0x0C) {
        (0x0..=0x7, 0x00) | (0xC | 0xD, _) => Some(false),
        (0x0..=0x7, 0x08) | (0xE, _) => Some(true),
        (0xF, _) if dcs & 0x04 == 0 => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::tests::{id, number};
    use crate::sms::Marks;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).expect("time")
    }

    fn piece(second: i64, text: &str) -> Piece {
        Piece {
            id: id(second.unsigned_abs()),
            gateway: "hall".to_owned(),
            from: Party::Number(number("+15551234567")),
            to: None,
            text: text.to_owned(),
            data: None,
            marks: Marks::default(),
            concat: None,
            sent: None,
            at: at(second),
        }
    }

    /// Takes `(second, text)`; the texts that went out, each with the second it did, the last looked for at 1000.
    #[track_caller]
    fn check(window: Duration, pieces: &[(i64, &str)], expected: &[(i64, &str)]) {
        let mut chains = Chains::default();
        let mut out = Vec::new();
        for &(second, text) in pieces {
            for whole in chains.expired(at(second), window) {
                out.push((second, whole.text));
            }
            for whole in chains.insert(at(second), window, piece(second, text)) {
                out.push((second, whole.text));
            }
        }
        for whole in chains.expired(at(1000), window) {
            out.push((1000, whole.text));
        }
        let out: Vec<_> = out.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(out, expected);
        assert!(chains.open.is_empty() && chains.order.is_empty());
    }

    /// After a restart they come at once, and the time between their arrivals counts.
    #[test]
    fn what_came_while_nobody_looked_is_joined_as_it_would_have_been() {
        let full = "a".repeat(160);
        for (second, expected) in [
            (10, vec![format!("{full}end")]),
            (11, vec![full.clone(), "end".into()]),
        ] {
            let mut chains = Chains::default();
            let mut out = chains.insert(at(500), WINDOW, piece(0, &full));
            out.extend(chains.insert(at(500), WINDOW, piece(second, "end")));
            let texts: Vec<_> = out.into_iter().map(|whole| whole.text).collect();
            assert_eq!(texts, expected, "{second}");
        }
    }

    #[test]
    fn full_ones_go_on_in_the_next() {
        let full = "a".repeat(160);
        let end = format!("{full}end");
        check(WINDOW, &[(0, &full), (5, "end")], &[(5, &end)]);
        check(
            WINDOW,
            &[(0, &full), (11, "end")],
            &[(11, &full), (11, "end")],
        );
        check(WINDOW, &[(0, "hi"), (1, "ho")], &[(0, "hi"), (1, "ho")]);
        check(WINDOW, &[(0, &full)], &[(1000, &full)]);
        // Off.
        let off = Duration::ZERO;
        check(off, &[(0, &full), (0, "end")], &[(0, &full), (0, "end")]);
        let three = format!("{full}{full}end");
        check(
            WINDOW,
            &[(0, &full), (9, &full), (18, "end")],
            &[(18, &three)],
        );
        for (unit, count, goes_on) in [
            ("a", 159, true),
            ("a", 158, false),
            ("a", 161, false),
            ("a", 153, true),
            ("€", 80, true),
            ("€", 70, true),
            ("ž", 70, true),
            ("ž", 67, true),
            ("ž", 68, false),
            ("😀", 35, true),
            ("😀", 33, true),
        ] {
            let full = unit.repeat(count);
            let both = format!("{full}end");
            match goes_on {
                true => check(WINDOW, &[(0, &full), (1, "end")], &[(1, &both)]),
                false => check(WINDOW, &[(0, &full), (1, "end")], &[(0, &full), (1, "end")]),
            }
        }
    }

    #[test]
    fn what_the_coding_scheme_says_is_believed() {
        let full = |text: String, dcs: u8| {
            let marks = Marks {
                dcs: Some(dcs),
                ..Marks::default()
            };
            is_full(&Piece {
                marks,
                ..piece(0, &text)
            })
        };
        assert!(full("a".repeat(160), 0x00) && !full("a".repeat(160), 0x08));
        assert!(full("a".repeat(70), 0x08) && !full("a".repeat(70), 0x00));
        assert!(full("a".repeat(160), 0xF1) && full("a".repeat(67), 0x18));
    }

    #[test]
    fn only_the_same_sender_by_the_same_gateway_goes_on() {
        let full = "a".repeat(160);
        let mut chains = Chains::default();
        assert!(chains.insert(at(0), WINDOW, piece(0, &full)).is_empty());
        let other = Piece {
            gateway: "attic".to_owned(),
            ..piece(1, "b")
        };
        assert_eq!(chains.insert(at(1), WINDOW, other)[0].text, "b");
        let other = Piece {
            from: Party::Name("ACME".to_owned()),
            ..piece(2, "c")
        };
        assert_eq!(chains.insert(at(2), WINDOW, other)[0].text, "c");
        // Data do not continue a text, and end the wait for one.
        let data = Piece {
            data: Some(vec![1]),
            ..piece(3, "")
        };
        let out = chains.insert(at(3), WINDOW, data);
        assert_eq!(
            out.iter().map(|w| w.text.len()).collect::<Vec<_>>(),
            [160, 0]
        );
    }

    #[test]
    fn chains_are_short_and_few() {
        let full = "a".repeat(160);
        let mut chains = Chains::default();
        let mut out = Vec::new();
        for n in 0..25 {
            out.extend(chains.insert(at(n), WINDOW, piece(n, &full)));
        }
        assert_eq!(
            out.iter().map(|w| w.ids.len()).collect::<Vec<_>>(),
            [10, 10]
        );
        let mut seen = 0;
        for n in 0..3000u32 {
            let from = Party::Number(number(&format!("+1556{n:07}")));
            let piece = Piece {
                from,
                ..piece(30, &full)
            };
            seen += chains.insert(at(30), WINDOW, piece).len();
            assert!(chains.open.len() <= MAX_OPEN);
        }
        seen += chains.expired(at(100), WINDOW).len();
        assert_eq!(seen, 3001);
    }
}
