//! Any octets as a row of the store (threats T58): it is read or damaged, what was sealed is opened, and an octet
//! that differs is seen.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::store::sled::frame::{MAX_INLINE, Place, open, seal};
use sms_milter::store::sled::keys::Kind;
use sms_milter::store::sled::records::{Row, decode, decode_message, encode_message};

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (at, key, payload) = input;
    let _ = open(key, payload);
    // The version, so that the fuzzer need not find it.
    let row = [&[1], payload].concat();
    let kind = Kind::ALL[usize::from(at) % Kind::ALL.len()];
    if let Ok(Row::Message(kept)) = decode(kind, &row) {
        let again = encode_message(&kept.value, kept.touched);
        assert_eq!(decode_message(&again), Ok(*kept));
    }
    let payload = &payload[..payload.len().min(MAX_INLINE)];
    let (mut sealed, _) = seal(key, Place::Row, at.into(), payload);
    let opened = open(key, &sealed).expect("what was sealed");
    assert_eq!((opened.payload, opened.sequence), (payload, at.into()));
    let damaged = usize::from(at) % sealed.len();
    sealed[damaged] ^= 1;
    assert!(open(key, &sealed).is_err());
});
