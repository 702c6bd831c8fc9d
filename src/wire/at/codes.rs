//! What a modem's and a network's error codes mean for a message.
//!
//! `+CMS ERROR` carries RP-cause (TS 24.011 Annex E-2, 0–127), TP-FCS (TS 23.040 §9.2.3.22, 128–255) or
//! the modem's own (TS 27.005 §3.2.5, 300–511; the vendor's from 512); `+CME ERROR` is TS 27.007 §9.2.
//! The classes are a judgement (faults.md 3.4); [`verdict`] is the only place that reads them.

use std::time::Duration;

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
}

/// The classes of faults.md 3.4, before it is known how far the submission was.
#[derive(Clone, Copy)]
enum Class {
    /// Temporary.
    T,
    /// Temporary, not before so many seconds.
    After(u64),
    /// Temporary so often, with so many seconds between, then permanent.
    Times(u8, u64),
    /// Permanent for this message.
    P,
    /// Permanent; of many numbers: route.
    Many,
    /// This route cannot.
    R,
    /// Modem state.
    M,
    /// Modem state that only a human repairs.
    Human,
    /// Our error.
    C,
    /// Our error, once more without that.
    Without(Feature),
    /// Unknown, whether or not the PDU was out.
    U,
    /// Unknown once the PDU was out, before it: modem state.
    MU,
    /// A duplicate: what a repeat hopes for.
    Duplicate,
}

use Class as K;

/// Code, class, meaning. Sorted by code.
const CMS: &[(u16, Class, &str)] = &[
    (1, K::P, "unassigned number"),
    (8, K::R, "barred by the operator"),
    (10, K::R, "call barred"),
    (17, K::T, "network failure"),
    (21, K::Times(2, 300), "short message transfer rejected"),
    (22, K::T, "congestion, or no memory on the phone"),
    (27, K::T, "destination out of service"),
    (28, K::R, "the network does not know our SIM"),
    (29, K::R, "facility rejected"),
    (30, K::Many, "unknown subscriber"),
    // Minutes, and for this message alone: one switched-off phone must not stop all.
    (38, K::After(600), "network out of order"),
    (41, K::T, "temporary failure"),
    (42, K::T, "congestion"),
    (47, K::T, "no resources"),
    (50, K::R, "facility not subscribed"),
    (69, K::R, "facility not implemented"),
    (81, K::M, "invalid reference"),
    (95, K::C, "invalid message"),
    (96, K::C, "mandatory information missing"),
    (97, K::C, "message type not implemented"),
    (98, K::M, "message does not fit the protocol state"),
    (99, K::C, "information element not implemented"),
    (111, K::Times(2, 0), "protocol error"),
    (127, K::Times(2, 0), "interworking error"),
    (128, K::C, "telematic interworking not supported"),
    (129, K::C, "short message type 0 not supported"),
    (130, K::C, "short message cannot be replaced"),
    (143, K::C, "protocol identifier refused"),
    (144, K::C, "alphabet not supported"),
    (
        145,
        K::Without(Feature::Flash),
        "message class not supported",
    ),
    (159, K::C, "data coding scheme refused"),
    (160, K::C, "command cannot be actioned"),
    (161, K::C, "command not supported"),
    (175, K::R, "command refused"),
    (176, K::R, "PDU type not supported"),
    (192, K::T, "service centre busy"),
    (193, K::R, "no subscription to the service centre"),
    (194, K::T, "service centre system failure"),
    (195, K::P, "invalid destination address"),
    (196, K::P, "destination barred"),
    (197, K::Duplicate, "duplicate refused"),
    (
        198,
        K::Without(Feature::Validity),
        "validity format not supported",
    ),
    (199, K::Without(Feature::Validity), "validity not supported"),
    (208, K::M, "SIM storage full"),
    (209, K::M, "no SMS storage on the SIM"),
    (210, K::M, "error in the phone"),
    (211, K::M, "memory full"),
    (212, K::After(10), "SIM application busy"),
    (213, K::M, "SIM data download error"),
    (255, K::Times(3, 0), "unspecified error"),
    (300, K::MU, "modem failure"),
    (301, K::M, "SMS service reserved"),
    (302, K::M, "operation not allowed"),
    (303, K::R, "operation not supported"),
    (304, K::C, "invalid PDU"),
    (305, K::C, "invalid text parameter"),
    (310, K::M, "SIM not inserted"),
    (311, K::M, "SIM PIN required"),
    (312, K::M, "phone-to-SIM PIN required"),
    (313, K::M, "SIM failure"),
    (314, K::After(5), "SIM busy"),
    (315, K::M, "SIM wrong"),
    (316, K::Human, "SIM PUK required"),
    (317, K::M, "SIM PIN2 required"),
    (318, K::Human, "SIM PUK2 required"),
    (320, K::M, "memory failure"),
    (321, K::M, "invalid memory index"),
    (322, K::M, "memory full"),
    (330, K::M, "SMSC address unknown"),
    (331, K::M, "no network service"),
    (332, K::U, "network timeout"),
    (340, K::M, "no acknowledgement expected"),
    (500, K::MU, "unknown error"),
    (512, K::T, "aborted, or the signal is too weak"),
    (513, K::U, "connection lost while sending"),
    (514, K::U, "congestion while sending"),
    (515, K::After(5), "modem busy"),
    (528, K::M, "location update failed"),
    (529, K::M, "no operator selected"),
    (531, K::R, "number not among the SIM's fixed numbers"),
];

const CME: &[(u16, Class, &str)] = &[
    (3, K::M, "operation not allowed"),
    (4, K::R, "operation not supported"),
    (5, K::Human, "phone-to-SIM PIN required"),
    (6, K::Human, "phone-to-first-SIM PIN required"),
    (7, K::Human, "phone-to-first-SIM PUK required"),
    (10, K::M, "SIM not inserted"),
    (11, K::M, "SIM PIN required"),
    (12, K::Human, "SIM PUK required"),
    (13, K::M, "SIM failure"),
    (14, K::After(5), "SIM busy"),
    (15, K::M, "SIM wrong"),
    (16, K::Human, "wrong PIN"),
    (17, K::Human, "SIM PIN2 required"),
    (18, K::Human, "SIM PUK2 required"),
    (20, K::M, "memory full"),
    (21, K::M, "invalid index"),
    (22, K::M, "not found"),
    (23, K::M, "memory failure"),
    (24, K::C, "text too long"),
    (25, K::C, "invalid characters"),
    (26, K::C, "number too long"),
    (27, K::C, "invalid characters in the number"),
    (30, K::M, "no network service"),
    (31, K::MU, "network timeout"),
    (32, K::M, "emergency calls only"),
    (40, K::Human, "network lock PIN required"),
    (41, K::Human, "network lock PUK required"),
    (42, K::Human, "network subset lock PIN required"),
    (43, K::Human, "network subset lock PUK required"),
    (44, K::Human, "provider lock PIN required"),
    (45, K::Human, "provider lock PUK required"),
    (46, K::Human, "corporate lock PIN required"),
    (47, K::Human, "corporate lock PUK required"),
    (100, K::MU, "unknown error"),
];

fn row(code: &Code) -> Option<&'static (u16, Class, &'static str)> {
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
        K::U | K::T => Verdict::Later {
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
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Code, handed: bool, expected: Verdict) {
        assert_eq!(verdict(&code, handed, false), expected, "{code} {handed}");
    }

    #[test]
    fn tables_are_sorted() {
        for table in [CMS, CME] {
            assert!(table.windows(2).all(|w| w[0].0 < w[1].0));
        }
    }

    #[test]
    fn classes() {
        let later = |seconds: Option<u64>, counts| Verdict::Later {
            after: seconds.map(Duration::from_secs),
            counts,
        };
        let then_never = |times, seconds: Option<u64>| Verdict::LaterThenNever {
            times,
            after: seconds.map(Duration::from_secs),
        };
        check(Code::Cms(1), true, Verdict::Never);
        check(Code::Cms(8), true, Verdict::Route);
        check(Code::Cms(17), true, later(None, true));
        check(Code::Cms(21), true, then_never(2, Some(300)));
        check(Code::Cms(30), true, Verdict::NeverUnlessMany);
        check(Code::Cms(38), true, later(Some(600), true));
        check(Code::Cms(96), true, Verdict::Ours);
        check(Code::Cms(145), true, Verdict::Without(Feature::Flash));
        check(Code::Cms(199), true, Verdict::Without(Feature::Validity));
        check(Code::Cms(197), true, Verdict::Ours);
        check(Code::Cms(230), true, then_never(2, None));
        check(Code::Cms(255), true, then_never(3, None));
        check(Code::Cms(300), true, Verdict::Unknown);
        check(Code::Cms(300), false, Verdict::Repair);
        check(Code::Cms(314), true, later(Some(5), false));
        check(Code::Cms(316), false, Verdict::Human);
        check(Code::Cms(330), true, Verdict::Repair);
        check(Code::Cms(332), true, Verdict::Unknown);
        check(Code::Cms(332), false, later(None, true));
        check(Code::Cms(500), true, Verdict::Unknown);
        check(Code::Cms(513), true, Verdict::Unknown);
        check(Code::Cms(999), true, Verdict::Unknown);
        check(Code::Cms(999), false, Verdict::Repair);
        check(Code::Cme(11), false, Verdict::Repair);
        check(Code::Cme(16), false, Verdict::Human);
        check(Code::Cme(777), true, Verdict::Unknown);
        check(Code::Plain, true, Verdict::Unknown);
        check(Code::Plain, false, Verdict::Repair);
        check(Code::Words("SIM busy".into()), true, Verdict::Unknown);
    }

    #[test]
    fn a_refused_duplicate_is_what_a_repeat_hopes_for() {
        assert_eq!(verdict(&Code::Cms(197), true, true), Verdict::Accepted);
    }

    /// Not every code can be known, but no code may claim a certainty it has not.
    #[test]
    fn no_unlisted_vendor_code_is_sure_once_the_pdu_is_out() {
        for n in 256..=u16::MAX {
            if row(&Code::Cms(n)).is_none() {
                check(Code::Cms(n), true, Verdict::Unknown);
            }
        }
    }

    #[test]
    fn words() {
        assert_eq!(
            Code::Cms(38).to_string(),
            "CMS ERROR 38 (network out of order)"
        );
        assert_eq!(Code::Cms(777).to_string(), "CMS ERROR 777");
        assert_eq!(Code::Plain.to_string(), "ERROR without a reason");
    }
}
