//! Every row of faults.md 3.4.

use std::time::Duration;

use super::*;
use Verdict as V;

fn later(seconds: u64) -> Verdict {
    let after = (seconds > 0).then(|| Duration::from_secs(seconds));
    // A busy SIM or modem says nothing of the message.
    let counts = seconds == 0 || seconds > 60;
    V::Later { after, counts }
}

fn then_never(times: u8, seconds: u64) -> Verdict {
    let after = (seconds > 0).then(|| Duration::from_secs(seconds));
    V::LaterThenNever { times, after }
}

fn without(feature: Feature) -> Verdict {
    V::Without(feature)
}

#[track_caller]
fn check(code: &Code, handed: bool, repeat: bool, expected: Verdict) {
    let got = verdict(code, handed, repeat);
    assert_eq!(got, expected, "{code}, handed: {handed}, repeat: {repeat}");
}

/// Codes, what they mean before the PDU was written, and after.
#[test]
fn every_row_of_the_table() {
    use Feature::{Alphabet, Flash, Protocol, Validity};
    let same = |verdict: Verdict| (verdict, verdict);
    let unknown_after = (V::Repair, V::Unknown);
    let cms: &[(&[u16], (Verdict, Verdict))] = &[
        (&[1], same(V::Never)),
        (&[8, 10], same(V::Route)),
        (&[17], same(later(0))),
        (&[21], same(then_never(2, 300))),
        (&[22, 27], same(later(0))),
        (&[28, 29], same(V::Route)),
        (&[30], same(V::NeverUnlessMany)),
        (&[38], same(later(600))),
        (&[41, 42, 47], same(later(0))),
        (&[50, 69], same(V::Route)),
        (&[81, 98], same(V::Repair)),
        (&[95, 96, 97, 99], same(V::Ours)),
        (&[111, 127], same(then_never(2, 0))),
        (&[128, 129, 130, 143], same(without(Protocol))),
        (&[144, 159], same(without(Alphabet))),
        (&[145], same(without(Flash))),
        (&[160, 161], same(V::Ours)),
        (&[175, 176], same(V::Route)),
        (&[192], same(later(0))),
        (&[193], same(V::Route)),
        (&[194], same(later(0))),
        (&[195, 196], same(V::Never)),
        (&[197], same(V::Ours)),
        (&[198, 199], same(without(Validity))),
        (&[208, 209, 211], same(V::Repair)),
        (&[210, 213], same(V::Repair)),
        (&[212], same(later(10))),
        (&[224, 230, 254], same(then_never(2, 0))),
        (&[255], same(then_never(3, 0))),
        (&[300], unknown_after),
        (&[301, 302], same(V::Repair)),
        (&[303], same(V::Route)),
        (&[304, 305], same(V::Ours)),
        (&[310, 313, 315], same(V::Repair)),
        (&[311, 312, 317], same(V::Repair)),
        (&[314], same(later(5))),
        (&[316, 318], same(V::Human)),
        (&[320, 321, 322], same(V::Repair)),
        (&[330, 331], same(V::Repair)),
        (&[332], (later(0), V::Unknown)),
        (&[340], same(V::Repair)),
        (&[500], unknown_after),
        (&[512], same(later(0))),
        (&[513], (later(0), V::Unknown)),
        (&[514], (later(0), V::Repeat)),
        (&[515], same(later(5))),
        (&[528, 529], same(V::Repair)),
        (&[531], same(V::Route)),
        (&[520, 600, 65_535], unknown_after),
    ];
    let cme: &[(&[u16], (Verdict, Verdict))] = &[
        (&[3], same(V::Repair)),
        (&[4], same(V::Route)),
        (&[10, 13, 15], same(V::Repair)),
        (&[11], same(V::Repair)),
        (&[12, 16, 17, 18], same(V::Human)),
        (&[14], same(later(5))),
        (&[20, 23], same(V::Repair)),
        (&[21, 22], same(V::Repair)),
        (&[24, 25, 26, 27], same(V::Ours)),
        (&[30, 32], same(V::Repair)),
        (&[31], unknown_after),
        (&[40, 41, 42, 43, 44, 45, 46, 47], same(V::Human)),
        (&[100], unknown_after),
        (&[777], unknown_after),
    ];
    let rows = cms.iter().map(|row| (Code::Cms as fn(u16) -> Code, row));
    let rows = rows.chain(cme.iter().map(|row| (Code::Cme as fn(u16) -> Code, row)));
    for (code, (numbers, (before, after))) in rows {
        for &n in *numbers {
            check(&code(n), false, false, *before);
            check(&code(n), true, false, *after);
        }
    }
    for code in [Code::Plain, Code::Words("who knows".into())] {
        check(&code, false, false, V::Repair);
        check(&code, true, false, V::Unknown);
    }
}

/// What a repeat, with TP-RD and the TP-MR of the first, hopes for, and what it does not mend.
#[test]
fn repeats() {
    check(&Code::Cms(197), true, true, V::Accepted);
    check(&Code::Cms(514), true, true, V::Unknown);
    check(&Code::Cms(513), true, true, V::Unknown);
}

#[test]
fn what_concerns_the_storage() {
    for (code, gone, full, busy) in [
        (Code::Cms(321), true, false, false),
        (Code::Cme(21), true, false, false),
        (Code::Cme(22), true, false, false),
        (Code::Cms(322), false, true, false),
        (Code::Cms(208), false, true, false),
        (Code::Cme(20), false, true, false),
        (Code::Cms(314), false, false, true),
        (Code::Cme(14), false, false, true),
        (Code::Plain, false, false, false),
    ] {
        let got = (is_gone(&code), is_full(&code), is_busy(&code));
        assert_eq!(got, (gone, full, busy), "{code}");
    }
}

#[test]
fn tables_are_sorted_and_words_name_their_rows() {
    for (table, words) in [(CMS, CMS_WORDS), (CME, CME_WORDS)] {
        assert!(table.windows(2).all(|w| w[0].0 < w[1].0));
        for (said, n) in words {
            assert!(table.binary_search_by_key(n, |row| row.0).is_ok(), "{said}");
            assert_eq!(*said, said.to_ascii_lowercase());
        }
    }
}

/// Not every code can be known, but no code may claim a certainty it has not.
#[test]
fn no_unlisted_vendor_code_is_sure_once_the_pdu_is_out() {
    for n in 256..=u16::MAX {
        if row(&Code::Cms(n)).is_none() {
            check(&Code::Cms(n), true, false, V::Unknown);
        }
    }
}

#[test]
fn reads_numbers_and_words() {
    for (line, expected) in [
        ("+CMS ERROR: 38", Some(Code::Cms(38))),
        ("+CMS ERROR:38", Some(Code::Cms(38))),
        ("+CMS ERROR: SIM busy", Some(Code::Cms(314))),
        ("+CMS ERROR: Unknown error", Some(Code::Cms(500))),
        ("+CMS ERROR: Memory full", Some(Code::Cms(322))),
        ("+CMS ERROR: network timeout", Some(Code::Cms(332))),
        ("+CMS ERROR: invalid memory index", Some(Code::Cms(321))),
        ("+CME ERROR: SIM not inserted", Some(Code::Cme(10))),
        ("+CME ERROR: incorrect password", Some(Code::Cme(16))),
        ("+CME ERROR: SIM PIN required", Some(Code::Cme(11))),
        ("+CME ERROR: SIM busy", Some(Code::Cme(14))),
        ("+CME ERROR: whatever", Some(Code::Words("whatever".into()))),
        ("+CMS ERROR: 99999", Some(Code::Words("99999".into()))),
        ("+CMS ERROR", None),
        ("ERROR", None),
        ("so +CMS ERROR: 38", None),
    ] {
        assert_eq!(Code::read(line), expected, "{line}");
    }
    let long = format!("+CMS ERROR: {}", "x".repeat(500));
    assert!(matches!(Code::read(&long), Some(Code::Words(words)) if words.len() == MAX_WORDS));
}

#[test]
fn words_for_people() {
    assert_eq!(
        Code::Cms(38).to_string(),
        "CMS ERROR 38 (network out of order)"
    );
    assert_eq!(Code::Cms(777).to_string(), "CMS ERROR 777");
    assert_eq!(Code::Plain.to_string(), "ERROR without a reason");
}
