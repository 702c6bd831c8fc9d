//! Charges and the guard over spending, in the transaction that takes the message; see
//! [`crate::store::accounts`] for what they mean.
//!
//! An account is one row that is read and written once a message. Rows of numbers and of the site are
//! only touched when there is a limit for them. Versions before had a row a month of an account: the
//! first charge takes over what it says.

use jiff::Timestamp;

use super::keys;
use super::records::{self, Counter};
use super::txn::Txn;
use super::verbs::fetch;
use crate::store::accounts::{Account, Crossing, Reset};
use crate::store::guard::{Guard, Over, Passing, Spending, Tally};
use crate::store::{Charge, Message, State, StoreError};

/// What the rows say of a message that is taken.
#[derive(Debug, Default)]
pub struct Reckoned {
    /// The guard wants it held.
    pub over: Option<Over>,
    /// What its account is to be told.
    pub crossings: Vec<Crossing>,
}

/// Charges a message and asks the guard. The month that is charged is written into the message.
pub fn charge(
    txn: &mut Txn<'_>,
    now: Timestamp,
    message: &mut Message,
    guard: Option<&Guard>,
) -> Result<Reckoned, StoreError> {
    let Some(charge) = message.charge.as_mut() else {
        return Ok(Reckoned::default());
    };
    let mut account = account(txn, &charge.account, &charge.month)?;
    account.charge(charge, now)?;
    let crossings = account.crossings(charge);
    let segments = charge.segments;
    let over = match guard {
        Some(guard) => watch(txn, now, message, &mut account, guard, segments)?,
        None => None,
    };
    txn.put(
        keys::account(&account.name),
        records::encode_account(&account),
    );
    Ok(Reckoned { over, crossings })
}

/// What the message goes over; rows are read and written where there is a limit.
fn watch(
    txn: &mut Txn<'_>,
    now: Timestamp,
    message: &Message,
    account: &mut Account,
    guard: &Guard,
    segments: u32,
) -> Result<Option<Over>, StoreError> {
    let (on_number, by_site) = (keys::spent_on(&message.number), keys::spent_by_site());
    let fetch = |limit: u32, key: &[u8]| match limit {
        0 => Ok(None),
        _ => fetch(txn, key, records::decode_spending),
    };
    let number = fetch(guard.number_hour, &on_number)?;
    let site = fetch(guard.site_day, &by_site)?;
    let mut tally = Tally {
        account,
        number: number.unwrap_or_else(|| Spending::on(&message.number)),
        site: site.unwrap_or_else(Spending::by_site),
    };
    let passing = Passing {
        number: &message.number,
        class: message.class,
        segments,
        held: message.state == State::Held,
    };
    let over = guard.judge(&mut tally, &passing, now);
    if over.is_none() && !passing.held {
        if guard.number_hour != 0 {
            txn.put(on_number, records::encode_spending(&tally.number));
        }
        if guard.site_day != 0 {
            txn.put(by_site, records::encode_spending(&tally.site));
        }
    }
    Ok(over)
}

/// The account as it is; a new one with what a version before counted of it.
fn account(txn: &Txn<'_>, name: &str, month: &str) -> Result<Account, StoreError> {
    if let Some(account) = fetch(txn, &keys::account(name), records::decode_account)? {
        return Ok(account);
    }
    let mut account = Account::new(name);
    for month in [Some(month.to_owned()), before(month)]
        .into_iter()
        .flatten()
    {
        let counter = fetch(txn, &keys::counter(name, &month), records::decode_counter)?;
        account.months.extend(counter.map(|c| (month, c.used)));
    }
    Ok(account)
}

/// The month before one: `2026-12` before `2027-01`.
fn before(month: &str) -> Option<String> {
    let first: jiff::civil::Date = format!("{month}-01").parse().ok()?;
    let before = first.yesterday().ok()?;
    Some(before.strftime("%Y-%m").to_string())
}

/// Gives a charge back: to its account, or to the SIM or the version before that counted it in a row a
/// month.
pub fn refund(txn: &mut Txn<'_>, charge: &Charge) -> Result<(), StoreError> {
    let key = keys::account(&charge.account);
    if let Some(mut account) = fetch(txn, &key, records::decode_account)? {
        account.refund(charge);
        txn.put(key, records::encode_account(&account));
        return Ok(());
    }
    let used = counted(txn, charge)?;
    count(txn, charge, used.saturating_sub(charge.segments));
    Ok(())
}

/// Counts an attempt on a SIM's day or month, if there is room.
pub fn count_attempt(txn: &mut Txn<'_>, charge: &Charge) -> Result<(), StoreError> {
    let used = counted(txn, charge)?;
    let after = used.saturating_add(charge.segments);
    if charge.limit != 0 && after > charge.limit {
        return Err(StoreError::OverLimit {
            account: charge.account.clone(),
            month: charge.month.clone(),
            used,
            limit: charge.limit,
        });
    }
    count(txn, charge, after);
    Ok(())
}

fn counted(txn: &Txn<'_>, charge: &Charge) -> Result<u32, StoreError> {
    let key = keys::counter(&charge.account, &charge.month);
    let counter = fetch(txn, &key, records::decode_counter)?;
    Ok(counter.map_or(0, |c| c.used))
}

fn count(txn: &mut Txn<'_>, charge: &Charge, used: u32) {
    let counter = Counter {
        account: charge.account.clone(),
        month: charge.month.clone(),
        used,
    };
    let key = keys::counter(&charge.account, &charge.month);
    txn.put(key, records::encode_counter(&counter));
}

/// See `Store::reset_account`.
pub fn reset(txn: &mut Txn<'_>, name: &str, reset: &Reset) -> Result<(), StoreError> {
    let month = match reset {
        Reset::Month(month) => month.as_str(),
        Reset::Credit { .. } => "",
    };
    let mut account = account(txn, name, month)?;
    account.reset(reset);
    txn.put(keys::account(name), records::encode_account(&account));
    Ok(())
}

/// See `Store::reset_site_day`.
pub fn reset_site_day(txn: &mut Txn<'_>) -> Result<(), StoreError> {
    let key = keys::spent_by_site();
    if txn.get(&key)?.is_some() {
        txn.delete(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_version_before_counted_is_taken_over() {
        use crate::store::Store;
        use crate::store::sled::{Settings, SledStore};
        let dir = tempfile::tempdir().expect("directory");
        let store = SledStore::open(&Settings {
            path: dir.path().join("store"),
            largest: 0,
            reserve: Some(1 << 20),
        });
        let store = store.expect("open");
        let old = |month: &str, segments| Charge {
            account: "ann@example.com".into(),
            month: month.into(),
            segments,
            limit: 10,
            credit: None,
        };
        let counters = [old("2026-12", 7), old("2027-01", 4)];
        let counted =
            store.submit(move |txn| counters.iter().try_for_each(|c| count_attempt(txn, c)));
        counted.await.expect("counted");
        // A message of then that fails gives back what it took.
        let back = old("2027-01", 1);
        let refunded = store.submit(move |txn| refund(txn, &back)).await;
        refunded.expect("given back");
        let mut charge = old("2027-01", 2);
        let taken = store.submit(move |txn| {
            let mut account = account(txn, "ann@example.com", "2027-01")?;
            account.charge(&mut charge, Timestamp::UNIX_EPOCH)?;
            txn.put(
                keys::account(&account.name),
                records::encode_account(&account),
            );
            Ok(())
        });
        taken.await.expect("charged");
        for (month, used) in [("2026-12", 7), ("2027-01", 5), ("2026-11", 0)] {
            assert_eq!(
                store.used("ann@example.com", month).await,
                Ok(used),
                "{month}"
            );
        }
    }

    #[test]
    fn the_month_before() {
        assert_eq!(before("2027-01").as_deref(), Some("2026-12"));
        assert_eq!(before("2026-12").as_deref(), Some("2026-11"));
        assert_eq!(before("rubbish"), None);
        assert_eq!(before(""), None);
    }
}
