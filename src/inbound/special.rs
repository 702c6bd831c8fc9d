//! SMS that are not written to people: what becomes of them before anybody is asked whose they are (spec 8,
//! steps 1 and 2; TS 23.040 §9.2.3.9, TS 23.038 §4).
//!
//! Pure. All of them were kept and acknowledged as any SMS is; their rows stay in the log. Nothing that a
//! person could read is left out of a mail: what has a text goes where texts go, with words for the rest.

use super::whole::Whole;
use crate::sms::udh;
use crate::wire::meaning::meaning;

/// TP-PID: short message type 0. The phone acknowledges it and shows nothing (TS 23.040 §9.2.3.9).
const TYPE_0: u8 = 0x40;

/// TP-PID: for the phone or its SIM: ANSI-136 data, ME data download, ME depersonalization, (U)SIM data download.
const FOR_THE_PHONE: std::ops::RangeInclusive<u8> = 0x7C..=0x7F;

/// What becomes of an SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes where SMS go.
    Ordinary,
    /// It is in the log, and in no mail; why, for the log.
    Logged(&'static str),
    /// It is no user's business: an admin gets it; why, for the log.
    Admin(&'static str),
}

/// Judges an SMS that says something.
pub(super) fn fate(whole: &Whole) -> Fate {
    let marks = &whole.marks;
    let has_text = !whole.text.trim().is_empty();
    if FOR_THE_PHONE.contains(&marks.pid) || toolkit(&marks.udh) {
        // Never carried out: nothing here is a SIM. Somebody tries to change one.
        return Fate::Admin("for-the-sim");
    }
    if marks.pid == TYPE_0 {
        return Fate::Logged("silent");
    }
    if has_text || !whole.data.is_empty() {
        return Fate::Ordinary;
    }
    let waiting = meaning(marks, None).waiting;
    match !waiting.is_empty() && waiting.iter().all(|waiting| waiting.count == Some(0)) {
        // The lamp goes out.
        true => Fate::Logged("nothing-waits"),
        false => Fate::Ordinary,
    }
}

/// It holds (U)SIM toolkit security headers (TS 23.040 §9.2.3.24.7, TS 31.115).
fn toolkit(header: &[u8]) -> bool {
    let (elements, _) = udh::elements(header);
    elements
        .iter()
        .any(|element| (0x70..=0x7F).contains(&element.id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{id, number};
    use super::super::whole::Run;
    use super::*;
    use crate::sms::{Marks, Party};
    use crate::wire::pdu::octets_of;

    fn whole(text: &str, data: bool, pid: u8, dcs: Option<u8>, udh: Vec<u8>) -> Whole {
        let run = Run {
            first: 1,
            octets: vec![1],
        };
        Whole {
            id: id(1),
            ids: vec![id(1)],
            gateway: "hall".to_owned(),
            from: Party::Number(number("+15551234567")),
            to: None,
            sent: jiff::Timestamp::UNIX_EPOCH,
            text: text.to_owned(),
            data: data.then_some(run).into_iter().collect(),
            marks: Marks { pid, dcs, udh },
            parts: (1, 1),
            follows: None,
        }
    }

    #[track_caller]
    fn check(text: &str, data: bool, pid: u8, dcs: u8, udh: &str, expected: Fate) {
        let udh = octets_of(udh).expect("hex");
        assert_eq!(fate(&whole(text, data, pid, Some(dcs), udh)), expected);
    }

    #[test]
    fn fates() {
        use Fate::{Admin, Logged, Ordinary};
        check("hi", false, 0, 0, "", Ordinary);
        check("hi", false, 0, 0x10, "", Ordinary);
        check("", true, 0, 4, "", Ordinary);
        // Silent.
        check("hi", false, 0x40, 0, "", Logged("silent"));
        check("", false, 0x40, 0xC0, "", Logged("silent"));
        check("hi", false, 0x41, 0, "", Ordinary);
        check("hi", false, 0x47, 0, "", Ordinary);
        // The lamp goes on, and out: by DCS (discard, store), by header, with and without a text.
        check("", false, 0, 0xC8, "", Ordinary);
        check("", false, 0, 0xC8, "0401020003", Ordinary);
        check("", false, 0, 0xC0, "", Logged("nothing-waits"));
        check("", false, 0, 0xD1, "", Logged("nothing-waits"));
        check("", false, 0, 0x00, "0401020000", Logged("nothing-waits"));
        check("", false, 0, 0x00, "080102800001028105", Ordinary);
        check("No new voicemail", false, 0, 0xC0, "", Ordinary);
        check("2 new", false, 0, 0xC8, "", Ordinary);
        // For a SIM.
        check("", true, 0x7F, 0xF6, "", Admin("for-the-sim"));
        check("", true, 0x7F, 0xF6, "027000", Admin("for-the-sim"));
        check("", true, 0, 4, "027000", Admin("for-the-sim"));
        check("", true, 0x7D, 4, "", Admin("for-the-sim"));
        check("", true, 0x5F, 4, "", Ordinary);
    }

    proptest! {
        #[test]
        fn what_people_may_read_is_in_a_mail(
            text in "[a-z]{1,9}", pid: u8, dcs: Option<u8>, udh: Vec<u8>,
        ) {
            let fate = fate(&whole(&text, false, pid, dcs, udh));
            prop_assert!(pid == TYPE_0 || !matches!(fate, Fate::Logged(_)));
        }
    }
}
