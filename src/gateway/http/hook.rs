//! What a provider pushes to us and how it shows that it is the provider: data, from a preset or by
//! default. `web::hooks` acts on it.
//!
//! A push is a form, a query or JSON. A [`Names`] says where a value stands: the name of a field, or, when
//! it begins with `/`, a JSON pointer (RFC 6901). Of a push with several messages (`each`) names and
//! pointers are those within one of them.

mod scheme;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};

pub use scheme::{
    Algorithm, DEFAULT_WINDOW, Encoding, HeaderScheme, KeyForm, Over, Piece, Scheme, VonageMethod,
};

/// Where a value stands: the first of these that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl Names {
    /// What people know it as: the first name.
    pub fn shown(&self) -> &str {
        self.0.first().map_or("?", String::as_str)
    }
}

impl From<&str> for Names {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum OneOrMore {
            One(String),
            More(Vec<String>),
        }
        Ok(match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(name) => Self(vec![name]),
            OneOrMore::More(names) => Self(names),
        })
    }
}

/// What pushes are like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// What they bring; the first whose `when` holds reads it. A push that none reads is answered and
    /// forgotten: providers tell of more than SMS.
    pub brings: Vec<Brings>,
    /// What the provider must read, or it pushes again.
    #[serde(default)]
    pub answer: HookAnswer,
    /// How pushes are signed, when they can be.
    pub signature: Option<Scheme>,
    /// Which key of the gateway signs them when `signing_key` is not there.
    pub signed_with: Option<String>,
    /// A value that cannot be read is refused, not passed over.
    #[serde(default)]
    pub strict: bool,
}

/// One thing that pushes bring.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Brings {
    /// An SMS.
    Sms(SmsMap),
    /// What became of a message.
    Receipt(ReceiptMap),
}

/// How a preset writes it: `sms: {…}` or `receipt: {…}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    sms: Option<SmsMap>,
    receipt: Option<ReceiptMap>,
}

impl TryFrom<Written> for Brings {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match (written.sms, written.receipt) {
            (Some(map), None) => Ok(Brings::Sms(map)),
            (None, Some(map)) => Ok(Brings::Receipt(map)),
            _ => Err("one of sms and receipt"),
        }
    }
}

impl Brings {
    /// Where the list stands that has one of them each; `None`: the push is one.
    pub fn each(&self) -> Option<&str> {
        match self {
            Brings::Sms(map) => map.each.as_deref(),
            Brings::Receipt(map) => map.each.as_deref(),
        }
    }

    /// What must hold.
    pub fn when(&self) -> &[When] {
        match self {
            Brings::Sms(map) => &map.when,
            Brings::Receipt(map) => &map.when,
        }
    }
}

/// A condition on a field; with neither `is` nor `not` nor `absent`: it is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The field.
    pub field: Names,
    /// It is one of these, in any case.
    #[serde(default)]
    pub is: Vec<String>,
    /// It is there and none of these, in any case.
    #[serde(default)]
    pub not: Vec<String>,
    /// It is not there, or empty.
    #[serde(default)]
    pub absent: bool,
}

/// Where what an SMS says stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsMap {
    /// A JSON pointer to the list of them.
    pub each: Option<String>,
    /// What must hold.
    #[serde(default)]
    pub when: Vec<When>,
    /// The phone.
    pub from: Names,
    /// The text.
    #[serde(default)]
    pub text: Names,
    /// How the text's octets are written.
    #[serde(default)]
    pub text_as: Octets,
    /// The text's charset.
    pub charset: Option<String>,
    /// Where it stands; UTF-8 when that is not a charset's name.
    #[serde(default)]
    pub charset_in: Names,
    /// The payload of a binary message, in place of a text.
    #[serde(default)]
    pub data: Names,
    /// How the payload is written.
    #[serde(default = "Octets::hex_or_base64")]
    pub data_as: Octets,
    /// 1 or true: the text is a payload.
    #[serde(default)]
    pub binary: Names,
    /// Our number.
    #[serde(default)]
    pub to: Names,
    /// The provider's id.
    #[serde(default)]
    pub id: Names,
    /// The time: RFC 3339, date and time in UTC, or seconds or milliseconds since 1970.
    #[serde(default)]
    pub time: Names,
    /// The user data header.
    #[serde(default)]
    pub udh: Names,
    /// How the header is written.
    #[serde(default = "Octets::hex_or_base64")]
    pub udh_as: Octets,
    /// Where it stands in a longer message, when the provider leaves joining to us.
    pub part: Option<PartMap>,
}

/// Where the place of an SMS in a longer message stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartMap {
    /// What its parts have in common.
    pub reference: Names,
    /// Which part it is, from 1.
    pub number: Names,
    /// Of how many.
    pub of: Names,
}

/// How octets are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Octets {
    /// As they are.
    #[default]
    Plain,
    /// Hexadecimal.
    Hex,
    /// Base64 (RFC 4648 §4).
    Base64,
    /// Hexadecimal when it looks so, else base64.
    HexOrBase64,
}

impl Octets {
    fn hex_or_base64() -> Self {
        Octets::HexOrBase64
    }
}

/// Where what a receipt says stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMap {
    /// A JSON pointer to the list of them.
    pub each: Option<String>,
    /// What must hold.
    #[serde(default)]
    pub when: Vec<When>,
    /// Which message: the provider's id.
    pub id: Names,
    /// What may be the phone: all of these that are there.
    #[serde(default)]
    pub number: Names,
    /// What became of it.
    pub status: Names,
    /// The provider's number for why not.
    #[serde(default)]
    pub error: Names,
    /// When.
    #[serde(default)]
    pub time: Names,
    /// Words for: the phone has it.
    #[serde(default)]
    pub delivered: Vec<String>,
    /// Words for: it never will.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Words for: not yet. Any other word counts as one, unless the hook is strict.
    #[serde(default)]
    pub pending: Vec<String>,
}

/// An answer of ours.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookAnswer {
    /// The status.
    #[serde(default = "HookAnswer::ok")]
    pub status: u16,
    /// The media type.
    #[serde(default = "HookAnswer::plain")]
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl HookAnswer {
    fn ok() -> u16 {
        200
    }

    fn plain() -> String {
        "text/plain; charset=utf-8".to_owned()
    }
}

impl Default for HookAnswer {
    fn default() -> Self {
        Self {
            status: Self::ok(),
            content_type: Self::plain(),
            body: "OK\n".to_owned(),
        }
    }
}

/// What words mean when nobody says otherwise, in the order delivered, failed, pending.
const WORDS: [&[&str]; 3] = [
    &["delivered", "read"],
    &[
        "failed",
        "undelivered",
        "undeliverable",
        "expired",
        "rejected",
        "canceled",
        "cancelled",
        "deleted",
    ],
    &[
        "sent",
        "sending",
        "queued",
        "accepted",
        "scheduled",
        "buffered",
        "pending",
        "processed",
        "enroute",
        "unknown",
    ],
];

/// `from`, `text`, `to`, `id`, `time`, `udh`, `binary`; with `status` a receipt of `id`.
impl Default for Hook {
    fn default() -> Self {
        let words = |index: usize| WORDS[index].iter().map(|&word| word.to_owned()).collect();
        let when = |field: &str| When {
            field: field.into(),
            is: Vec::new(),
            not: Vec::new(),
            absent: false,
        };
        let status = ReceiptMap {
            when: vec![When {
                is: WORDS.concat().iter().map(|&word| word.to_owned()).collect(),
                ..when("status")
            }],
            id: "id".into(),
            // Providers do not agree on whose view they tell.
            number: Names(["number", "to", "from"].map(str::to_owned).to_vec()),
            status: "status".into(),
            error: "error".into(),
            time: "time".into(),
            delivered: words(0),
            failed: words(1),
            pending: words(2),
            each: None,
        };
        // Of a message `status` may say anything; better a message too many than one lost.
        let absent = |field| When {
            absent: true,
            ..when(field)
        };
        let other_status = ReceiptMap {
            when: vec![
                When {
                    not: vec!["received".to_owned()],
                    ..when("status")
                },
                absent("from"),
            ],
            ..status.clone()
        };
        let sms = SmsMap {
            from: "from".into(),
            text: "text".into(),
            binary: "binary".into(),
            to: "to".into(),
            id: "id".into(),
            time: "time".into(),
            udh: "udh".into(),
            data_as: Octets::HexOrBase64,
            udh_as: Octets::HexOrBase64,
            ..SmsMap::default()
        };
        Self {
            brings: vec![
                Brings::Receipt(status),
                Brings::Receipt(other_status),
                Brings::Sms(sms),
            ],
            answer: HookAnswer::default(),
            signature: None,
            signed_with: None,
            strict: true,
        }
    }
}

impl Hook {
    /// The same door by the names of IceWarp: `number`, `data`, `binary`, `udh`, `msgid`; `id` is the
    /// gateway there, and payloads are base64.
    pub fn classic(answer: HookAnswer) -> Self {
        let sms = SmsMap {
            from: "number".into(),
            text: "data".into(),
            binary: "binary".into(),
            to: "to".into(),
            id: "msgid".into(),
            time: "time".into(),
            udh: "udh".into(),
            data_as: Octets::Base64,
            udh_as: Octets::Base64,
            ..SmsMap::default()
        };
        Self {
            brings: vec![Brings::Sms(sms)],
            answer,
            signature: None,
            signed_with: None,
            strict: true,
        }
    }
}
