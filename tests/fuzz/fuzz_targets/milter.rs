//! Any octets from an MTA, in any pieces: the same commands and the same client, and little is kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::milter::line::commands;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, octets) = input;
    let whole = commands([octets].into_iter());
    let pieces = commands(octets.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
    assert!(whole.2 <= 512);
});
