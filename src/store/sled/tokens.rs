//! Tokens: their row, and what is done with it.
//!
//! The key is the token's id; the whole digest stands in the row and is compared, so that an id alone
//! opens nothing.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys;
use super::records::{At, Damage, Octets, Phone, Text, encode, parse, text};
use super::txn::Txn;
use super::verbs::fetch;
use crate::store::{StoreError, Token, TokenId};

#[derive(Serialize, Deserialize)]
struct TokenRow<'a> {
    digest: Octets<'a>,
    account: Text<'a>,
    numbers: Vec<Phone<'a>>,
    created: At,
    expires: At,
    uses: Option<u32>,
    used: u32,
    last_used: Option<At>,
}

/// The payload of a token.
pub fn encode_token(token: &Token) -> Vec<u8> {
    encode(&TokenRow {
        digest: Octets(Cow::Borrowed(&token.digest)),
        account: text(&token.account),
        numbers: token.numbers.iter().map(Phone::of).collect(),
        created: At(token.created),
        expires: At(token.expires),
        uses: token.uses,
        used: token.used,
        last_used: token.last_used.map(At),
    })
}

/// Reads what [`encode_token`] made.
pub fn decode_token(payload: &[u8]) -> Result<Token, Damage> {
    let row: TokenRow<'static> = parse(payload)?;
    let digest = row.digest.0[..].try_into();
    Ok(Token {
        digest: digest.map_err(|_| Damage::Bad("holds a digest that is not 32 octets".into()))?,
        account: row.account.into_owned(),
        numbers: row.numbers.into_iter().map(|n| n.0.into_owned()).collect(),
        created: row.created.0,
        expires: row.expires.0,
        uses: row.uses,
        used: row.used,
        last_used: row.last_used.map(|at| at.0),
    })
}

/// See `Store::add_token`.
pub fn add(txn: &mut Txn<'_>, token: &Token) -> Result<bool, StoreError> {
    let key = keys::token(token.id());
    let is_new = txn.get(&key)?.is_none();
    if is_new {
        txn.put(key, encode_token(token));
    }
    Ok(is_new)
}

/// See `Store::revoke_token`.
pub fn revoke(txn: &mut Txn<'_>, id: TokenId) -> Result<Option<Token>, StoreError> {
    let key = keys::token(id);
    let token = fetch(txn, &key, decode_token)?;
    if token.is_some() {
        txn.delete(key);
    }
    Ok(token)
}

/// Counts a message that a token brings; one that is no good any more brings none.
pub fn spend(txn: &mut Txn<'_>, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let key = keys::token(id);
    let found = fetch(txn, &key, decode_token)?;
    let Some(mut token) = found.filter(|token| token.is_good(now)) else {
        return Err(StoreError::TokenOver(id));
    };
    token.used = token.used.saturating_add(1);
    token.last_used = Some(now);
    txn.put(key, encode_token(&token));
    Ok(())
}
