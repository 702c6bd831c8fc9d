//! Any text: cutting loses nothing, shortening fits, cleaning is done once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::sms::alphabet::{Fold, fold_in};
use sms_milter::sms::clean::clean;
use sms_milter::sms::segment::{Coding, Options, count, cut, shorten};
use sms_milter::sms::{Encoding, Languages};

fuzz_target!(|input: (u8, &str)| {
    let (bits, text) = input;
    let options = Options {
        fold: [Fold::None, Fold::Typographic, Fold::All, Fold::All][usize::from(bits & 3)],
        coding: [Coding::Auto, Coding::Gsm7, Coding::Ucs2, Coding::Auto]
            [usize::from(bits >> 2 & 3)],
        reference: bits.into(),
        wide: bits & 16 != 0,
        languages: if bits & 32 != 0 {
            Languages::all()
        } else {
            Languages::default()
        },
    };
    let most = usize::from(bits >> 5).max(1);
    if let Ok(cut) = cut(text, &options) {
        let joined: String = cut.segments.iter().map(|part| part.text.as_str()).collect();
        let wanted = match cut.encoding {
            Encoding::Gsm7 => fold_in(text, options.fold, cut.shifts),
            _ => text.into(),
        };
        assert_eq!(joined, wanted);
        assert_eq!(count(text, &options), Ok(cut.segments.len()));
        let alone = cut.segments.len() == 1;
        let header = cut.shifts.header((!alone).then_some(options.wide));
        let limit = cut.encoding.room(header);
        assert!(cut.segments.iter().all(|part| part.units <= limit));
    }
    if let Ok(shorter) = shorten(text, most, &options) {
        assert!(count(&shorter, &options).expect("as before") <= most);
    }
    let cleaned = clean(text);
    assert_eq!(clean(&cleaned), cleaned);
});
