//! The rows of accounts, and of what the guard over spending counts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{At, Damage, Octets, Text, encode, parse, text};
use crate::store::accounts::{Account, Told};
use crate::store::guard::{Hour, Recent, Spending};

#[derive(Serialize, Deserialize)]
struct AccountRow<'a> {
    name: Text<'a>,
    months: Cow<'a, BTreeMap<String, u32>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    spent: i64,
    last_sent: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_month: Option<ToldRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_credit: Option<ToldRow>,
    #[serde(default, skip_serializing_if = "is_empty")]
    hour: Cow<'a, [(i64, u32)]>,
    /// Of each number eight octets for its digits and four for the minute, high octets first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recent: Option<Octets<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ToldRow {
    limit: u32,
    percent: u8,
}

#[derive(Serialize, Deserialize)]
struct SpendingRow<'a> {
    about: Text<'a>,
    #[serde(default, skip_serializing_if = "is_empty")]
    hour: Cow<'a, [(i64, u32)]>,
    day: Option<(Text<'a>, u32)>,
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

fn is_empty(hour: &[(i64, u32)]) -> bool {
    hour.is_empty()
}

/// Octets of a number and its minute.
const RECENT: usize = 12;

/// The payload of an account.
pub fn encode_account(account: &Account) -> Vec<u8> {
    let told = |told: Option<Told>| {
        told.map(|t| ToldRow {
            limit: t.limit,
            percent: t.percent,
        })
    };
    let recent = account.recent.0.iter().flat_map(|(number, minute)| {
        let mut octets = number.to_be_bytes().to_vec();
        octets.extend(minute.to_be_bytes());
        octets
    });
    let recent: Vec<u8> = recent.collect();
    encode(&AccountRow {
        name: text(&account.name),
        months: Cow::Borrowed(&account.months),
        spent: account.spent,
        last_sent: account.last_sent.map(At),
        told_month: told(account.told_month),
        told_credit: told(account.told_credit),
        hour: Cow::Borrowed(&account.hour.0),
        recent: (!recent.is_empty()).then_some(Octets(Cow::Owned(recent))),
    })
}

/// Reads what [`encode_account`] made.
pub fn decode_account(payload: &[u8]) -> Result<Account, Damage> {
    let row: AccountRow<'static> = parse(payload)?;
    let told = |told: Option<ToldRow>| {
        told.map(|t| Told {
            limit: t.limit,
            percent: t.percent,
        })
    };
    let octets = row.recent.map(|recent| recent.0).unwrap_or_default();
    if !octets.len().is_multiple_of(RECENT) {
        return Err(Damage::Bad("holds half a number".into()));
    }
    let number = |octets: &[u8]| {
        let value = |octets: &[u8]| octets.iter().fold(0_u64, |v, o| v << 8 | u64::from(*o));
        let minute = u32::try_from(value(&octets[8..])).unwrap_or(u32::MAX);
        (value(&octets[..8]), minute)
    };
    Ok(Account {
        name: row.name.into_owned(),
        months: row.months.into_owned(),
        spent: row.spent,
        last_sent: row.last_sent.map(|at| at.0),
        told_month: told(row.told_month),
        told_credit: told(row.told_credit),
        hour: Hour(row.hour.into_owned()),
        recent: Recent(octets.chunks(RECENT).map(number).collect()),
    })
}

/// The payload of what is counted of a number or of the site.
pub fn encode_spending(spending: &Spending) -> Vec<u8> {
    encode(&SpendingRow {
        about: text(&spending.about),
        hour: Cow::Borrowed(&spending.hour.0),
        day: spending.day.as_ref().map(|(day, used)| (text(day), *used)),
    })
}

/// Reads what [`encode_spending`] made.
pub fn decode_spending(payload: &[u8]) -> Result<Spending, Damage> {
    let row: SpendingRow<'static> = parse(payload)?;
    Ok(Spending {
        about: row.about.into_owned(),
        hour: Hour(row.hour.into_owned()),
        day: row.day.map(|(day, used)| (day.into_owned(), used)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn account()(
            name: String,
            months in prop::collection::btree_map("[0-9]{4}-[0-9]{2}", any::<u32>(), 0..4),
            spent: i64,
            last in any::<Option<u32>>(),
            told in any::<[Option<(u32, u8)>; 2]>(),
            hour: Vec<(i64, u32)>,
            recent: Vec<(u64, u32)>,
        ) -> Account {
            let told = told.map(|t| t.map(|(limit, percent)| Told { limit, percent }));
            Account {
                name,
                months,
                spent,
                last_sent: last.map(|s| jiff::Timestamp::from_second(s.into()).expect("a time")),
                told_month: told[0],
                told_credit: told[1],
                hour: Hour(hour),
                recent: Recent(recent),
            }
        }
    }

    proptest! {
        #[test]
        fn accounts_come_back(account in account()) {
            prop_assert_eq!(decode_account(&encode_account(&account)), Ok(account));
        }

        #[test]
        fn spending_comes_back(about: String, hour: Vec<(i64, u32)>, day: Option<(String, u32)>) {
            let spending = Spending { about, hour: Hour(hour), day };
            prop_assert_eq!(decode_spending(&encode_spending(&spending)), Ok(spending));
        }

        #[test]
        fn any_octets_are_read_without_panic(octets: Vec<u8>, at: prop::sample::Index, octet: u8) {
            let _ = (decode_account(&octets), decode_spending(&octets));
            let mut account = Account::new("ann@example.com");
            account.recent = Recent(vec![(1, 2)]);
            for mut row in [encode_account(&account), encode_spending(&Spending::default())] {
                let at = at.index(row.len());
                row[at] = octet;
                let _ = (decode_account(&row), decode_spending(&row));
            }
        }
    }
}
