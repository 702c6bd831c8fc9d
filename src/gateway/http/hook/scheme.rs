//! How pushes are signed: data, from a preset or the configuration. `web::hooks` verifies.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

/// How old a signature may be, either way: what the standard-webhooks specification advises.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(300);

/// How pushes are signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum Scheme {
    /// A digest of some of the request in a header.
    Header(HeaderScheme),
    /// HMAC-SHA1 over our URL and the sorted fields of the form.
    Twilio,
    /// A field `sig` over the others.
    Vonage {
        /// Which of the methods that an account can choose.
        #[serde(default)]
        method: VonageMethod,
        /// How old it may be.
        #[serde(default = "window", deserialize_with = "seconds")]
        window: Duration,
    },
    /// HMAC-SHA256 over our URL, the sorted fields and a nonce (V3).
    Plivo,
    /// A JSON Web Token with digests of our URL and the body (RFC 7519).
    Messagebird,
}

/// Which of the methods that a Vonage account can choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VonageMethod {
    /// MD5 of the fields and the key: what accounts have that never chose.
    #[default]
    Md5hash,
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// A digest in a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderScheme {
    /// The header.
    pub header: String,
    /// What of it is in front of the digest. A header may hold several, with blanks between them.
    #[serde(default)]
    pub prefix: String,
    /// How the digest is made.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// How it is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// Over what.
    pub over: Over,
    /// The header with the time, in seconds since 1970.
    pub timestamp: Option<String>,
    /// The header with an id that no other push has.
    pub id: Option<String>,
    /// The header with random characters.
    pub nonce: Option<String>,
    /// How the key is written.
    #[serde(default)]
    pub key: KeyForm,
    /// How old it may be.
    #[serde(default = "window", deserialize_with = "seconds")]
    pub window: Duration,
}

impl HeaderScheme {
    /// <https://github.com/standard-webhooks/standard-webhooks>
    pub fn standard_webhooks() -> Self {
        let name = |name: &str| Some(name.to_owned());
        Self {
            header: "webhook-signature".to_owned(),
            prefix: "v1,".to_owned(),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Base64,
            over: Over(vec![
                Piece::Id,
                Piece::Literal(".".to_owned()),
                Piece::Timestamp,
                Piece::Literal(".".to_owned()),
                Piece::Body,
            ]),
            timestamp: name("webhook-timestamp"),
            id: name("webhook-id"),
            nonce: None,
            key: KeyForm::Whsec,
            window: DEFAULT_WINDOW,
        }
    }

    /// What is missing for what it is over, as a key of the configuration.
    pub fn lacks(&self) -> Option<&'static str> {
        let over = |piece| self.over.0.contains(&piece);
        [
            (
                over(Piece::Timestamp) && self.timestamp.is_none(),
                "timestamp",
            ),
            (over(Piece::Id) && self.id.is_none(), "id"),
            (over(Piece::Nonce) && self.nonce.is_none(), "nonce"),
        ]
        .into_iter()
        .find_map(|(lacks, key)| lacks.then_some(key))
    }

    /// What is named and not signed, as a key of the configuration: anyone can write it anew, so it proves
    /// nothing.
    pub fn unsigned(&self) -> Option<&'static str> {
        let over = |piece| self.over.0.contains(&piece);
        [
            (
                self.timestamp.is_some() && !over(Piece::Timestamp),
                "timestamp",
            ),
            (self.id.is_some() && !over(Piece::Id), "id"),
            (self.nonce.is_some() && !over(Piece::Nonce), "nonce"),
        ]
        .into_iter()
        .find_map(|(unsigned, key)| unsigned.then_some(key))
    }
}

impl Scheme {
    /// It is over our URL, so that we must know how the provider sees it.
    pub fn needs_url(&self) -> bool {
        match self {
            Scheme::Header(scheme) => scheme.over.0.contains(&Piece::Url),
            Scheme::Twilio | Scheme::Plivo | Scheme::Messagebird => true,
            Scheme::Vonage { .. } => false,
        }
    }

    /// In a few words.
    pub fn shown(&self) -> String {
        match self {
            Scheme::Header(scheme) => {
                let algorithm = match scheme.algorithm {
                    Algorithm::Sha1 => "HMAC-SHA1",
                    Algorithm::Sha256 => "HMAC-SHA256",
                    Algorithm::Sha512 => "HMAC-SHA512",
                    Algorithm::Ed25519 => "Ed25519",
                };
                format!("{algorithm} in {}", scheme.header)
            }
            Scheme::Twilio => "HMAC-SHA1 in X-Twilio-Signature".to_owned(),
            Scheme::Vonage { .. } => {
                "field sig; as the account is set: md5hash, md5, sha1, sha256 or sha512".to_owned()
            }
            Scheme::Plivo => "HMAC-SHA256 in X-Plivo-Signature-V3".to_owned(),
            Scheme::Messagebird => "JWT in MessageBird-Signature-JWT".to_owned(),
        }
    }
}

/// How a digest is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// HMAC-SHA1.
    Sha1,
    /// HMAC-SHA256.
    #[default]
    Sha256,
    /// HMAC-SHA512.
    Sha512,
    /// Ed25519 (RFC 8032); the key is the public one.
    Ed25519,
}

/// How a digest is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, in any case.
    #[default]
    Hex,
    /// Base64 (RFC 4648 §4).
    Base64,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyForm {
    /// Its characters are its octets.
    #[default]
    Text,
    /// Base64.
    Base64,
    /// Base64, with or without `whsec_` in front.
    Whsec,
}

/// What a digest is over, one after the other: `timestamp+'.'+body`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over(pub Vec<Piece>);

/// A piece of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The body, octet for octet.
    Body,
    /// Its SHA-256, 32 octets.
    BodySha256,
    /// Our URL as the provider sees it.
    Url,
    /// What the header `timestamp` says.
    Timestamp,
    /// What the header `id` says.
    Id,
    /// What the header `nonce` says.
    Nonce,
    /// These characters.
    Literal(String),
}

impl Over {
    /// Reads `timestamp+'.'+body`.
    pub fn parse(text: &str) -> Option<Self> {
        let pieces: Option<Vec<Piece>> = text.split('+').map(Piece::parse).collect();
        let over = pieces?;
        // Without the body anyone could put another one under a signature.
        let covers = over.contains(&Piece::Body) || over.contains(&Piece::BodySha256);
        covers.then_some(Self(over))
    }
}

impl Piece {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "body" => Piece::Body,
            "body_sha256" => Piece::BodySha256,
            "url" => Piece::Url,
            "timestamp" => Piece::Timestamp,
            "id" => Piece::Id,
            "nonce" => Piece::Nonce,
            quoted => {
                let literal = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
                Piece::Literal(literal.to_owned())
            }
        })
    }
}

impl<'de> Deserialize<'de> for Over {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("is not what a signature can be over"))
    }
}

fn window() -> Duration {
    DEFAULT_WINDOW
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_signature_is_over() {
        let check = |text: &str, expected: Option<&[Piece]>| {
            let over = Over::parse(text);
            assert_eq!(over.as_ref().map(|over| &over.0[..]), expected, "{text}");
        };
        let dot = || Piece::Literal(".".to_owned());
        check("body", Some(&[Piece::Body]));
        check("timestamp+body", Some(&[Piece::Timestamp, Piece::Body]));
        check("id+'.'+body", Some(&[Piece::Id, dot(), Piece::Body]));
        check("url+body_sha256", Some(&[Piece::Url, Piece::BodySha256]));
        check("timestamp", None);
        check("body+", None);
        check("body+x", None);
        check("", None);
    }

    #[test]
    fn what_it_lacks() {
        let mut scheme = HeaderScheme::standard_webhooks();
        assert_eq!(scheme.lacks(), None);
        scheme.timestamp = None;
        assert_eq!(scheme.lacks(), Some("timestamp"));
        assert_eq!(scheme.unsigned(), None);
        scheme.over = Over(vec![Piece::Body]);
        assert_eq!(scheme.unsigned(), Some("id"));
    }
}
