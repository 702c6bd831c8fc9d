//! The list of phones that want no SMS: its rows, and what is done with them.
//!
//! A row a phone, and its number in the index. A phone has at most 15 digits and a row some 200 octets: a
//! million of them are 200 MB on the disk and less in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SledStore;
use super::index::Effect;
use super::keys::{self, Kind};
use super::records::{At, Damage, Id, Phone, Text, encode, parse, text, texts};
use super::shared::{Shared, describe};
use super::txn::Txn;
use super::verbs::{self, fetch};
use crate::sms::{MessageId, Number};
use crate::store::optout::{By, Change, OptOut, OptOuts};
use crate::store::{InboundOutcome, Kept, Received, StoreError, Taken};

#[derive(Serialize, Deserialize)]
struct OptOutRow<'a> {
    phone: Phone<'a>,
    since: At,
    by: ByRow<'a>,
    note: Option<Text<'a>>,
    confirmation: Option<Id>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByRow<'a> {
    Phone {
        gateway: Text<'a>,
        ours: Option<Phone<'a>>,
        word: Text<'a>,
    },
    Admin,
}

/// The payload of a phone that opted out.
pub fn encode_opt_out(opt_out: &OptOut) -> Vec<u8> {
    encode(&OptOutRow {
        phone: Phone::of(&opt_out.phone),
        since: At(opt_out.since),
        by: match &opt_out.by {
            By::Phone {
                gateway,
                ours,
                word,
            } => ByRow::Phone {
                gateway: text(gateway),
                ours: ours.as_ref().map(Phone::of),
                word: text(word),
            },
            By::Admin => ByRow::Admin,
        },
        note: texts(&opt_out.note),
        confirmation: opt_out.confirmation.map(Id),
    })
}

/// Reads what [`encode_opt_out`] made.
pub fn decode_opt_out(payload: &[u8]) -> Result<OptOut, Damage> {
    let row: OptOutRow<'static> = parse(payload)?;
    Ok(OptOut {
        phone: row.phone.0.into_owned(),
        since: row.since.0,
        by: match row.by {
            ByRow::Phone {
                gateway,
                ours,
                word,
            } => By::Phone {
                gateway: gateway.into_owned(),
                ours: ours.map(|ours| ours.0.into_owned()),
                word: word.into_owned(),
            },
            ByRow::Admin => By::Admin,
        },
        note: row.note.map(Text::into_owned),
        confirmation: row.confirmation.map(|id| id.0),
    })
}

/// What the index follows when a row is written or read.
pub fn effect(opt_out: &OptOut) -> Effect {
    Effect::OptOut {
        phone: opt_out.phone.clone(),
        is: Some(opt_out.confirmation),
    }
}

fn write(txn: &mut Txn<'_>, opt_out: &OptOut) {
    txn.put(keys::opt_out(&opt_out.phone), encode_opt_out(opt_out));
    txn.effect(effect(opt_out));
}

/// Adds a phone, unless it is there.
fn add(txn: &mut Txn<'_>, opt_out: &OptOut) -> Result<bool, StoreError> {
    let is_new = txn.get(&keys::opt_out(&opt_out.phone))?.is_none();
    if is_new {
        write(txn, opt_out);
    }
    Ok(is_new)
}

fn remove(txn: &mut Txn<'_>, phone: &Number) -> Result<Option<OptOut>, StoreError> {
    let key = keys::opt_out(phone);
    let found = fetch(txn, &key, decode_opt_out)?;
    if found.is_some() {
        txn.delete(key);
        let phone = phone.clone();
        txn.effect(Effect::OptOut { phone, is: None });
    }
    Ok(found)
}

/// See [`OptOuts::settle_opt`].
fn settle(
    txn: &mut Txn<'_>,
    now: Timestamp,
    outcome: InboundOutcome,
    change: Change,
) -> Result<Vec<Taken>, StoreError> {
    let confirmation = outcome.messages.first().map(|new| new.message.id);
    let taken = verbs::settle_inbound(txn, now, outcome)?;
    // Of one that was confirmed a short while ago, the message that confirms it is that one.
    let confirmation = match taken.first() {
        Some(Taken::Repeat(earlier)) => Some(*earlier),
        Some(Taken::Queued) | None => confirmation,
    };
    match change {
        Change::In(phone) => drop(remove(txn, &phone)?),
        Change::Out(opt_out) => {
            let key = keys::opt_out(&opt_out.phone);
            let mut kept = fetch(txn, &key, decode_opt_out)?.unwrap_or(opt_out);
            kept.confirmation = confirmation.or(kept.confirmation);
            write(txn, &kept);
        }
    }
    Ok(taken)
}

#[async_trait]
impl OptOuts for SledStore {
    fn is_opted_out(&self, phone: &Number, message: Option<MessageId>) -> bool {
        self.shared.index().is_opted_out(phone, message)
    }

    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError> {
        let list = |shared: &Shared| {
            let mut found = Vec::new();
            shared.scan(&Kind::OptOut.prefix(), false, |key, payload| {
                let row = decode_opt_out(payload);
                found.push(row.map_err(|e| format!("{} {e}", describe(key)))?);
                Ok(true)
            })?;
            Ok(found)
        };
        self.read_long(list).await
    }

    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError> {
        // What ends messages is taken when no new ones are any more.
        let change = move |txn: &mut Txn<'_>| {
            txn.need_room_for_a_word()?;
            add(txn, &opt_out)
        };
        self.submit(change).await
    }

    async fn opt_in(&self, phone: &Number) -> Result<Option<OptOut>, StoreError> {
        let phone = phone.clone();
        self.submit(move |txn| remove(txn, &phone)).await
    }

    async fn keep_opt(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError> {
        let keep = move |txn: &mut Txn<'_>| {
            txn.need_room_for_a_word()?;
            verbs::keep_inbound(txn, now, id, received)
        };
        self.submit(keep).await
    }

    async fn settle_opt(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
        change: Change,
    ) -> Result<Vec<Taken>, StoreError> {
        let settle = move |txn: &mut Txn<'_>| {
            if !(outcome.mails.is_empty() && outcome.messages.is_empty()) {
                txn.need_room_for_a_word()?;
            }
            settle(txn, now, outcome, change)
        };
        self.submit(settle).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Number> {
        "[0-9]{5,15}".prop_map(|digits| Number::from_network(&digits).expect("a number"))
    }

    proptest! {
        #[test]
        fn rows_come_back(
            phone in number(), ours in of(number()), gateway: String, word: String,
            note in of(any::<String>()), id in of(any::<[u8; 16]>()), admin: bool,
            second in -1_000_000_000i64..4_000_000_000,
        ) {
            let opt_out = OptOut {
                phone,
                since: Timestamp::from_second(second).expect("time"),
                by: if admin { By::Admin } else { By::Phone { gateway, ours, word } },
                note,
                confirmation: id.map(MessageId::from_bytes),
            };
            prop_assert_eq!(decode_opt_out(&encode_opt_out(&opt_out)), Ok(opt_out));
        }

        #[test]
        fn any_octets_are_read_without_panic(octets: Vec<u8>) {
            let _ = decode_opt_out(&octets);
        }
    }
}
