//! Users and accounts for admins: what each has sent, and how it is set back.

use std::collections::BTreeMap;
use std::ops::Bound;

use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::access::Access;
use crate::sms::{Class, Number};
use crate::store::accounts::{Account, Reset};

/// Names that directories are asked for side by side.
const ASKED_AT_ONCE: usize = 16;

impl Desk {
    /// All users of the configuration, and whoever else has sent something, by address. What a directory does not
    /// say now is null.
    pub(super) async fn users(&self) -> Result<Vec<Value>, Refused> {
        let (now, planner) = (self.outbound.world.now(), self.outbound.planner());
        let access = &planner.access;
        let sent = self.outbound.store.accounts().await?;
        let mut all: BTreeMap<String, Option<Account>> = sent
            .into_iter()
            .map(|account| (account.name.clone(), Some(account)))
            .collect();
        // Directories are asked for those of them who have sent something.
        let elsewhere = match planner.directories.is_empty() {
            true => Vec::new(),
            false => {
                let strangers = all
                    .keys()
                    .filter(|name| access.people().named(name).is_none());
                strangers.cloned().collect()
            }
        };
        for user in access.users() {
            all.entry(user.email.clone()).or_default();
        }
        let asked = elsewhere.into_iter().map(|name| async {
            let access = planner.access_to(&name).await;
            (name, access)
        });
        let mut asked = futures_util::stream::iter(asked).buffered(ASKED_AT_ONCE);
        let mut lines = BTreeMap::new();
        while let Some((name, found)) = asked.next().await {
            let account = all.remove(&name).flatten();
            let account = account.unwrap_or_else(|| Account::new(&name));
            let shown = match found {
                Ok(access) => line(&access, &account, now),
                // What it may is not known.
                Err(_) => {
                    let mut line = line(access, &account, now);
                    for key in ["state", "monthly_limit", "credit", "credit_left"] {
                        line[key] = Value::Null;
                    }
                    line
                }
            };
            lines.insert(name, shown);
        }
        for (name, account) in all {
            let account = account.unwrap_or_else(|| Account::new(&name));
            lines.insert(name, line(access, &account, now));
        }
        Ok(lines.into_values().collect())
    }

    /// The people, and whom directories know by this name.
    pub(super) async fn access_to(&self, name: &str) -> Result<Access, Refused> {
        let access = self.outbound.planner().access_to(name).await;
        access.map_err(|reply| Refused::Unavailable(reply.text))
    }

    /// Sets back the month of an account, or its credit.
    pub(super) async fn reset_user(
        &self,
        name: &str,
        credit: Option<u32>,
    ) -> Result<Vec<Value>, Refused> {
        let now = self.outbound.world.now();
        let access = self.access_to(name).await?;
        let payer = access.account(name);
        let store = &self.outbound.store;
        let known = access.user(&payer.account).is_some();
        if !known && store.account(&payer.account).await?.is_none() {
            let text = format!(
                "{} is no user and has sent nothing; see sms-milter users list",
                payer.account
            );
            return Err(Refused::Unavailable(text));
        }
        let reset = match (credit, payer.policy.credit) {
            (None, _) => Reset::Month(access.month(now)),
            (Some(left), Some(credit)) => Reset::Credit { credit, left },
            (Some(_), None) => {
                let text = format!(
                    "{} has no credit: write `credit` into the configuration first",
                    payer.account
                );
                return Err(Refused::Usage(text));
            }
        };
        store.reset_account(&payer.account, reset).await?;
        tracing::info!(account = payer.account, credit, event = "reset");
        Ok(vec![])
    }

    /// What would become of a message now.
    pub(super) async fn foresee(
        &self,
        account: &str,
        number: &str,
        segments: u8,
        class: &str,
    ) -> Result<Vec<Value>, Refused> {
        let number = Number::from_network(number);
        let number = number.ok_or_else(|| Refused::Usage("not a number".to_owned()))?;
        let classes = [Class::Alarm, Class::Normal, Class::Bulk];
        let class = classes.into_iter().find(|c| c.name() == class);
        let class = class.unwrap_or(Class::Normal);
        let outbound = &self.outbound;
        let foreseen = outbound.foresee(account, &number, segments, class).await?;
        Ok(vec![match foreseen {
            Ok(held) => json!({"held": held}),
            Err(reply) => json!({"reply": reply.to_string()}),
        }])
    }
}

/// The keys that programs may rely on.
fn line(access: &Access, account: &Account, now: Timestamp) -> Value {
    let policy = access.account(&account.name).policy;
    let today = access.month(now);
    let month = account.month(&today);
    let earlier = (Bound::Unbounded, Bound::Excluded(month));
    let before = account.months.range::<str, _>(earlier).next_back();
    let last = before.filter(|(before, _)| crate::outbound::spend::follows(before, month));
    let user = access.user(&account.name);
    json!({
        "account": account.name,
        "user": user.is_some(),
        "state": match user {
            Some(user) if !user.active => "inactive",
            Some(user) if !access.is_live(user, now) => "expired",
            _ => "active",
        },
        "month": month,
        "sent_month": account.used(month),
        "sent_last_month": last.map_or(0, |(_, used)| *used),
        "last_sent": account.last_sent.map(|at| at.to_string()),
        "monthly_limit": (policy.monthly_limit != 0).then_some(policy.monthly_limit),
        "credit": policy.credit,
        "credit_left": policy.credit.map(|credit| account.left(credit)),
    })
}
