//! The rows for reports: what an envelope asks of them, what is kept of a mail, what is to be told with other
//! things.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{At, Damage, Id, Octets, Text, encode, parse, text};
use crate::mail::dsn::{self, Dsn, Notify, OriginalRecipient, Return};
use crate::store::{OfMail, Original, Telling};

/// In rows of a message and of a mail that waits; left out where nothing is asked.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct DsnRow<'a> {
    /// As in SMTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ret: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envid: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    orcpt: Option<OrcptRow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct OrcptRow<'a> {
    kind: Text<'a>,
    address: Text<'a>,
}

/// The row of what is asked.
pub(super) fn dsn_row(dsn: &Dsn) -> Option<DsnRow<'_>> {
    let row = || DsnRow {
        notify: dsn.recipient.notify.map(|notify| notify.to_string()),
        ret: dsn.mail.ret.map(|ret| text(ret.name())),
        envid: dsn.mail.envid.as_deref().map(text),
        orcpt: dsn.recipient.orcpt.as_ref().map(|orcpt| OrcptRow {
            kind: text(&orcpt.kind),
            address: text(&orcpt.address),
        }),
    };
    (*dsn != Dsn::default()).then(row)
}

/// Reads what [`dsn_row`] made.
pub(super) fn dsn(row: Option<DsnRow<'_>>) -> Result<Dsn, Damage> {
    let row = row.unwrap_or_default();
    let word = |known: bool| match known {
        true => Ok(()),
        false => Err(Damage::Bad("holds an unknown word".into())),
    };
    let notify = row.notify.as_deref().map(Notify::parse);
    word(notify != Some(None))?;
    let ret = row.ret.as_deref().map(Return::parse);
    word(ret != Some(None))?;
    Ok(Dsn {
        mail: dsn::OfMail {
            ret: ret.flatten(),
            envid: row.envid.map(Text::into_owned),
        },
        recipient: dsn::OfRecipient {
            notify: notify.flatten(),
            orcpt: row.orcpt.map(|orcpt| OriginalRecipient {
                kind: orcpt.kind.into_owned(),
                address: orcpt.address.into_owned(),
            }),
        },
    })
}

/// Which mail.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct OfMailRow {
    id: Id,
    messages: u16,
}

impl From<OfMail> for OfMailRow {
    fn from(mail: OfMail) -> Self {
        Self {
            id: Id(mail.id),
            messages: mail.messages,
        }
    }
}

impl From<OfMailRow> for OfMail {
    fn from(row: OfMailRow) -> Self {
        Self {
            id: row.id.0,
            messages: row.messages,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct OriginalRow<'a> {
    id: Id,
    until: At,
    whole: bool,
    bytes: Octets<'a>,
}

/// The payload of what is kept of a mail.
pub fn encode_original(original: &Original) -> Vec<u8> {
    encode(&OriginalRow {
        id: Id(original.id),
        until: At(original.until),
        whole: original.whole,
        bytes: Octets(Cow::Borrowed(&original.bytes)),
    })
}

/// Reads what [`encode_original`] made.
pub fn decode_original(payload: &[u8]) -> Result<Original, Damage> {
    let row: OriginalRow<'static> = parse(payload)?;
    Ok(Original {
        id: row.id.0,
        until: row.until.0,
        whole: row.whole,
        bytes: row.bytes.0.into_owned(),
    })
}

#[derive(Serialize, Deserialize)]
struct TellingRow<'a> {
    mail: OfMailRow,
    cause: Text<'a>,
    message: Id,
    at: At,
}

/// The payload of what is to be told.
pub fn encode_telling(telling: &Telling) -> Vec<u8> {
    encode(&TellingRow {
        mail: telling.mail.into(),
        cause: text(&telling.cause),
        message: Id(telling.message),
        at: At(telling.at),
    })
}

/// Reads what [`encode_telling`] made.
pub fn decode_telling(payload: &[u8]) -> Result<Telling, Damage> {
    let row: TellingRow<'static> = parse(payload)?;
    Ok(Telling {
        mail: row.mail.into(),
        cause: row.cause.into_owned(),
        message: row.message.0,
        at: row.at.0,
    })
}
