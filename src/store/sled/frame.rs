//! The frame around every value: what makes a damaged row show.
//!
//! ```text
//! octet 0      version of the frame, 1
//! octet 1      0: the payload follows; 1: the payload names a spool file that holds it
//! octets 2–5   length of the payload, big-endian
//! octets 6–13  sequence of the batch that wrote it
//! octets 14–17 CRC32C over the key, octets 0–13 and the payload
//! octets 18–   payload
//! ```
//!
//! The checksum covers the key, so a value that turns up under another key is damage too.

use super::records::Damage;

/// The only version of the frame there is.
const VERSION: u8 = 1;

/// What stands before the payload.
const HEADER: usize = 18;

/// sled writes pages above a quarter of its segment (2 MiB) to files that it never syncs; a page
/// holds up to 16 values, so 8 KiB keeps every page at a quarter of that.
pub const MAX_VALUE: usize = 8 * 1024;

/// Payloads up to this stand in the row itself.
pub const MAX_INLINE: usize = MAX_VALUE - HEADER;

/// Where the payload of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the row.
    Row,
    /// In a file of the spool.
    Spool,
}

/// A value that was read back and is what was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where the payload is.
    pub place: Place,
    /// The batch that wrote it.
    pub sequence: u64,
    /// The payload, or the reference to it.
    pub payload: &'a [u8],
    /// Its checksum.
    pub crc: u32,
}

impl Frame<'_> {
    /// Its share in the sum over all rows.
    pub fn weight(&self) -> u64 {
        weight(self.crc)
    }
}

/// A row's share in the sum over all rows: the sum tells a row that fell back to an older version,
/// which the count of rows does not.
fn weight(crc: u32) -> u64 {
    // splitmix64: sums of plain checksums would cancel out too easily.
    let mut z = u64::from(crc).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Puts the frame around a payload; returns the value and its weight. The caller keeps to
/// [`MAX_INLINE`].
pub fn seal(key: &[u8], place: Place, sequence: u64, payload: &[u8]) -> (Vec<u8>, u64) {
    let length = u32::try_from(payload.len()).expect("a payload of at most 8 KiB");
    let mut value = Vec::with_capacity(HEADER + payload.len());
    value.push(VERSION);
    value.push(match place {
        Place::Row => 0,
        Place::Spool => 1,
    });
    value.extend(length.to_be_bytes());
    value.extend(sequence.to_be_bytes());
    let crc = checksum(key, &value, payload);
    value.extend(crc.to_be_bytes());
    value.extend_from_slice(payload);
    (value, weight(crc))
}

/// Takes the frame off.
pub fn open<'a>(key: &[u8], value: &'a [u8]) -> Result<Frame<'a>, Damage> {
    let Some((header, payload)) = value.split_at_checked(HEADER) else {
        return Err(Damage::Bad("is cut off".into()));
    };
    let crc = u32::from_be_bytes(array(&header[14..]));
    if crc != checksum(key, &header[..14], payload) {
        return Err(Damage::Bad("has a wrong checksum".into()));
    }
    if header[0] != VERSION {
        return Err(Damage::Newer(header[0]));
    }
    let place = match header[1] {
        0 => Place::Row,
        1 => Place::Spool,
        other => return Err(Damage::Newer(other)),
    };
    let length = u32::from_be_bytes(array(&header[2..6])) as usize;
    if length != payload.len() {
        return Err(Damage::Bad("has a wrong length".into()));
    }
    let sequence = u64::from_be_bytes(array(&header[6..14]));
    Ok(Frame {
        place,
        sequence,
        payload,
        crc,
    })
}

/// The first octets of a slice that is long enough.
pub fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}

fn checksum(key: &[u8], header: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(key);
    let crc = crc32c::crc32c_append(crc, header);
    crc32c::crc32c_append(crc, payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_sealed_opens(key in any::<Vec<u8>>(), payload in any::<Vec<u8>>(), sequence: u64) {
            let (value, weight) = seal(&key, Place::Row, sequence, &payload);
            let frame = open(&key, &value).expect("frame");
            prop_assert_eq!(frame.payload, &payload[..]);
            prop_assert_eq!(frame.sequence, sequence);
            prop_assert_eq!(frame.weight(), weight);
        }

        #[test]
        fn any_flipped_bit_shows(payload in any::<Vec<u8>>(), at: prop::sample::Index, bit in 0..8_u32) {
            let (mut value, _) = seal(b"key", Place::Row, 7, &payload);
            let at = at.index(value.len());
            value[at] ^= 1_u8 << bit;
            prop_assert!(open(b"key", &value).is_err());
        }

        #[test]
        fn any_octets_are_read_without_panic(key in any::<Vec<u8>>(), value in any::<Vec<u8>>()) {
            let _ = open(&key, &value);
        }
    }

    #[test]
    fn another_key_is_damage() {
        let (value, _) = seal(b"one", Place::Spool, 1, b"x");
        assert!(open(b"one", &value).is_ok());
        assert!(open(b"two", &value).is_err());
        assert!(open(b"one", &value[..17]).is_err());
    }
}
