//! Any octets as a phonebook: they are read or refused, and what was read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::phonebook::{csv, read, subject, vcard};
use sms_milter::sms::Region;

fuzz_target!(|octets: &[u8]| {
    let text = String::from_utf8_lossy(octets);
    let us = Region::parse("US").expect("region");
    let _ = subject::whole(&text, us);
    let _ = subject::answer(&text, &text, us);
    let Ok(rows) = read(octets) else { return };
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    let again = read(csv::write(&rows).as_bytes());
    if !rows.is_empty() {
        assert_eq!(again.expect("our own table").len(), rows.len());
        for version in [vcard::Version::V3, vcard::Version::V4] {
            let _ = vcard::write(&rows, version, |row| row.name.clone());
        }
    }
});
