//! Gateways for admins: how they do, and which SIM is meant.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Desk, Refused};
use crate::gateway::{Common, Gateway, Health, Status, modem};
use crate::outbound::limits;

/// A gateway of the configuration.
#[derive(Clone)]
pub struct Listed {
    /// What all have in common.
    pub common: Common,
    /// Its type, as the configuration names it.
    pub kind: &'static str,
    /// `None`: it is not active.
    pub gateway: Option<Arc<dyn Gateway>>,
}

impl Desk {
    /// All gateways, in the order of the configuration.
    pub(super) async fn gateways(&self) -> Result<Vec<Value>, Refused> {
        let mut lines = Vec::new();
        for listed in &self.gateways {
            lines.push(self.gateway(listed).await?);
        }
        Ok(lines)
    }

    async fn gateway(&self, listed: &Listed) -> Result<Value, Refused> {
        let common = &listed.common;
        let (now, planner) = (self.outbound.world.now(), self.outbound.planner());
        let access = &planner.access;
        let mut line = json!({
            "id": common.id, "type": listed.kind, "state": "inactive", "reason": null,
            "number": common.number.as_ref().map(|number| number.as_str()),
            "daily_limit": some(common.limits.day), "monthly_limit": some(common.limits.month),
        });
        let Some(gateway) = &listed.gateway else {
            return Ok(line);
        };
        let account = limits::account(&**gateway);
        let store = &self.outbound.store;
        let today = store.used(&account, &access.day(now)).await?;
        let month = store.used(&account, &access.month(now)).await?;
        let (state, reason) = state(common, &gateway.status().borrow(), today, month);
        line["state"] = state.into();
        line["reason"] = reason.into();
        line["sent_today"] = today.into();
        line["sent_month"] = month.into();
        show(&mut line, &gateway.health());
        Ok(line)
    }

    /// Forgets which SIM and modem the gateway had: what it finds next is meant.
    pub(super) async fn accept_sim(&self, id: &str) -> Result<Vec<Value>, Refused> {
        let listed = self.gateways.iter().find(|listed| listed.common.id == id);
        match listed.map(|listed| listed.kind) {
            None => Err(Refused::Usage(format!(
                "there is no gateway {id}; see sms-milter gateways list"
            ))),
            Some("modem") => {
                let store = &self.outbound.store;
                let about = modem::about(id);
                store.write_note(&about, Default::default()).await?;
                Ok(vec![])
            }
            Some(kind) => Err(Refused::Usage(format!(
                "{id} is of type {kind}, which has no SIM"
            ))),
        }
    }
}

/// In a word, and why.
fn state(
    common: &Common,
    status: &Status,
    today: u32,
    month: u32,
) -> (&'static str, Option<String>) {
    let limit = |used, limit| limit != 0 && used >= limit;
    match status {
        Status::Up | Status::Trying(_) if limit(today, common.limits.day) => {
            ("limit", Some("the daily limit is used up".to_owned()))
        }
        Status::Up | Status::Trying(_) if limit(month, common.limits.month) => {
            ("limit", Some("the monthly limit is used up".to_owned()))
        }
        Status::Up => ("up", None),
        Status::Trying(reason) => ("trying", Some(reason.clone())),
        Status::Down(reason) => ("down", Some(reason.clone())),
        Status::Parked(reason) => ("parked", Some(reason.clone())),
    }
}

fn some(limit: u32) -> Option<u32> {
    (limit != 0).then_some(limit)
}

fn show(line: &mut Value, health: &Health) {
    line["device"] = health.device.clone().into();
    line["model"] = health.model.clone().into();
    line["imei"] = health.imei.clone().into();
    line["sim"] = health.sim.clone().into();
    line["operator"] = health.operator.clone().into();
    line["registration"] = health.registration.clone().into();
    line["signal"] = health.signal.into();
    // TS 27.007 §8.5.
    line["dbm"] = health.signal.map(|n| -113 + 2 * i32::from(n)).into();
    line["battery"] = health.battery.into();
    line["storage_used"] = health.storage.map(|(used, _)| used).into();
    line["storage_total"] = health.storage.map(|(_, total)| total).into();
    line["failure"] = health.failure.clone().into();
    line["balance"] = health.balance.map(|(amount, _)| amount).into();
    line["balance_at"] = health.balance.map(|(_, at)| at.to_string()).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_in_a_word_how_a_gateway_does() {
        let mut common = Common {
            limits: crate::gateway::Limits { day: 10, month: 0 },
            ..crate::gateway::tests::common("hall")
        };
        let word = |common: &Common, status: Status, today| state(common, &status, today, 99).0;
        assert_eq!(word(&common, Status::Up, 9), "up");
        assert_eq!(word(&common, Status::Up, 10), "limit");
        assert_eq!(word(&common, Status::Parked("no SIM".into()), 10), "parked");
        assert_eq!(word(&common, Status::Down("no network".into()), 0), "down");
        common.limits.month = 99;
        assert_eq!(word(&common, Status::Up, 0), "limit");
    }

    #[test]
    fn shows_what_is_known() {
        let mut line = json!({});
        let health = Health {
            signal: Some(17),
            storage: Some((3, 20)),
            ..Health::default()
        };
        show(&mut line, &health);
        assert_eq!(line["dbm"], -79);
        assert_eq!(
            (&line["storage_used"], &line["sim"]),
            (&json!(3), &Value::Null)
        );
    }
}
