//! How many segments a gateway may send in a day and a month, and how many it has sent.
//!
//! They are counted in the store in the transaction that begins an attempt, and given back in the one
//! that says that nothing was sent; so no restart and no second attempt goes over a limit. Days and
//! months are those of `access.timezone`.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::access::Access;
use crate::gateway::Gateway;
use crate::store::Charge;

/// The name that a gateway's segments are counted under: its SIM's, if it knows it. No login and no
/// address begins so.
pub fn account(gateway: &dyn Gateway) -> String {
    match gateway.health().sim {
        Some(sim) => format!("sim:{sim}"),
        None => format!("gateway:{}", gateway.common().id),
    }
}

/// What an attempt of so many segments counts on: the day and the month of now.
pub(super) fn counts(
    gateway: &dyn Gateway,
    access: &Access,
    segments: u32,
    now: Timestamp,
) -> Vec<Charge> {
    let (account, limits) = (account(gateway), gateway.common().limits);
    let charge = |period, limit| Charge {
        account: account.clone(),
        month: period,
        segments,
        limit,
        credit: None,
    };
    vec![
        charge(access.day(now), limits.day),
        charge(access.month(now), limits.month),
    ]
}

/// When the used-up `period` is over, and what an admin is told.
pub(super) fn used_up(
    access: &Access,
    period: &str,
    limit: u32,
    now: Timestamp,
) -> (Timestamp, String) {
    let (until, key) = if period == access.day(now) {
        (access.day_ends(now), "daily_limit")
    } else {
        (access.month_ends(now), "monthly_limit")
    };
    let text = format!(
        "it has sent the {limit} segments of its `{key}` in {period}. Until that is over, messages wait \
         or go by other gateways; to send more, raise `{key}` and restart"
    );
    (until, text)
}

/// Until when a gateway is passed over.
#[derive(Debug, Default)]
pub(super) struct Limit(Mutex<Option<(String, Timestamp)>>);

impl Limit {
    /// What is counted under `account` is used up until then.
    pub(super) fn used_up(&self, account: String, until: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((account, until));
    }

    /// Whether it is; another SIM begins anew.
    pub(super) fn is_used_up(&self, gateway: &dyn Gateway, now: Timestamp) -> bool {
        let limit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*limit {
            Some((used, until)) => now < *until && account(gateway) == *used,
            None => false,
        }
    }
}
