//! Number-bound tokens: a secret in an address that pays for SMS to a few numbers, until a day (spec 2.1).
//!
//! The secret itself is never kept: only its SHA-256, which is enough because nobody guesses 160 random
//! bits. A token is told by [`TokenId`], the first octets of that digest, which open nothing. It is written
//! in lower case, and read in any: some mail servers change the case of addresses on their way.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::secret::Secret;
use crate::sms::Number;

/// Random octets of a token: 32 characters, so that an address with the longest number stays within the 64
/// octets of a local part (RFC 5321 §4.5.3.1.1).
pub const RANDOM: usize = 20;

/// Octets of a token that is looked up; a longer one is none of ours.
const MAX_SECRET: usize = 128;

/// RFC 4648 §6, in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Random octets as they are written in an address.
pub fn written(mut random: [u8; RANDOM]) -> Secret {
    let digits = random.chunks_exact(5).flat_map(|five| {
        let bits = five
            .iter()
            .fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        (0..8)
            .rev()
            .map(move |at| char::from(BASE32[(bits >> (5 * at)) as usize & 31]))
    });
    let secret = Secret::new(digits.collect::<String>());
    random.zeroize();
    secret
}

/// What is kept of a token, and found by; `None`: it is too long to be one.
pub fn digest(secret: &Secret) -> Option<[u8; 32]> {
    let text = secret.expose();
    if text.len() > MAX_SECRET {
        return None;
    }
    let lower = Secret::new(text.to_ascii_lowercase());
    Some(Sha256::digest(lower.expose()).into())
}

/// What a token is called where it must not be shown: 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId([u8; 8]);

impl TokenId {
    /// Of the token with this digest.
    pub fn of(digest: &[u8; 32]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }

    /// Its octets, for keys.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let octets = is_hex.then(|| u64::from_str_radix(text, 16).ok())?;
        octets.map(|octets| Self(octets.to_be_bytes()))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the secret as it is written in addresses.
    pub digest: [u8; 32],
    /// Who pays.
    pub account: String,
    /// The only numbers it pays for.
    pub numbers: Vec<Number>,
    /// When it was made.
    pub created: Timestamp,
    /// From then on it opens nothing.
    pub expires: Timestamp,
    /// How many messages it may bring; `None`: any.
    pub uses: Option<u32>,
    /// How many it has brought.
    pub used: u32,
    /// When it brought the last one.
    pub last_used: Option<Timestamp>,
}

impl Token {
    /// What it is called.
    pub fn id(&self) -> TokenId {
        TokenId::of(&self.digest)
    }

    /// Whether it still pays for anything.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires && self.uses.is_none_or(|uses| self.used < uses)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_read_as_it_is_shown(digest: [u8; 32]) {
            let id = TokenId::of(&digest);
            prop_assert_eq!(TokenId::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn no_text_makes_an_id_panic(text: String) {
            let _ = TokenId::parse(&text);
        }
    }

    #[test]
    fn it_is_written_in_32_lower_case_characters() {
        for (random, expected) in [
            ([0; RANDOM], "a".repeat(32)),
            ([0xff; RANDOM], "7".repeat(32)),
            (
                *b"foobarfoobarfoobarfo",
                "mzxw6ytbojtg633cmfzgm33pmjqxeztp".into(),
            ),
        ] {
            assert_eq!(written(random).expose(), expected);
        }
    }

    #[test]
    fn it_is_read_in_any_case() {
        let token = written(*b"01234567890123456789");
        let upper = Secret::new(token.expose().to_ascii_uppercase());
        assert_eq!(digest(&token), digest(&upper));
        assert_ne!(digest(&token), digest(&Secret::new("x")));
        assert_eq!(digest(&Secret::new("x".repeat(129))), None);
    }

    #[test]
    fn ids_are_16_hex_digits() {
        for wrong in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "+123456789abcdef",
            "0123456789abcdeg",
        ] {
            assert_eq!(TokenId::parse(wrong), None, "{wrong}");
        }
    }
}
