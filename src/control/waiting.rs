//! Why a message that is queued does not go: what its gateways say of themselves.

use serde_json::Value;

use crate::route::Wish;
use crate::store::{Message, State};

/// More gateways than this are not named: a line is a line.
const NAMED: usize = 5;

/// What a queued message waits for, when none of the gateways that could take it works; `None`: it does
/// not wait for a gateway. `gateways`: as `gateways list` shows them.
pub(super) fn waits_for(message: &Message, gateways: &[Value]) -> Option<String> {
    if message.state != State::Queued {
        return None;
    }
    let wish = Wish {
        begun: message.begun.as_deref(),
        only: &message.gateways,
        in_order: message.in_order,
        avoided: &message.avoided,
        ..Wish::default()
    };
    said(&wish, gateways)
}

fn said(wish: &Wish<'_>, gateways: &[Value]) -> Option<String> {
    let able = gateways.iter().filter(|gateway| {
        let id = gateway["id"].as_str().unwrap_or_default();
        let among = |ids: &[String]| ids.iter().any(|known| known == id);
        match wish.begun {
            Some(begun) => begun == id,
            None => (wish.only.is_empty() || among(wish.only)) && !among(wish.avoided),
        }
    });
    let able: Vec<&Value> = able.collect();
    let works = |gateway: &&Value| matches!(gateway["state"].as_str(), Some("up" | "trying"));
    if able.iter().any(works) {
        return None;
    }
    let word = |gateway: &Value| {
        let word = gateway["state"].as_str().unwrap_or("?");
        match word {
            "inactive" => "not active".to_owned(),
            "limit" => "at its limit".to_owned(),
            word => word.to_owned(),
        }
    };
    let id = |gateway: &Value| gateway["id"].as_str().unwrap_or("?").to_owned();
    let reason = |gateway: &Value| gateway["reason"].as_str().map(|why| format!(": {why}"));
    match able[..] {
        [] => None,
        [one] => {
            let why = reason(one).unwrap_or_default();
            Some(format!(
                "waits for {}, which is {}{why}",
                id(one),
                word(one)
            ))
        }
        _ => {
            let each = |one: &&Value| {
                format!(
                    "{} ({}{})",
                    id(one),
                    word(one),
                    reason(one).unwrap_or_default()
                )
            };
            let mut all: Vec<String> = able.iter().take(NAMED).map(each).collect();
            match able.len().saturating_sub(NAMED) {
                0 => {}
                more => all.push(format!("{more} more")),
            }
            Some(format!("waits for {}", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_a_message_waits_for() {
        let gateway = |id: &str, state: &str, reason: Option<&str>| json!({ "id": id, "state": state, "reason": reason });
        let home = gateway("home", "parked", Some("the provider answered 401"));
        let hall = gateway("hall", "down", Some("no network"));
        let rest = gateway("rest", "inactive", None);
        let up = gateway("up", "up", None);
        let all = [home.clone(), hall.clone(), rest];
        let to_home = ["home".to_owned()];
        let check = |begun, only, avoided, gateways: &[Value], expected: Option<&str>| {
            let wish = Wish {
                begun,
                only,
                in_order: false,
                avoided,
                ..Wish::default()
            };
            assert_eq!(said(&wish, gateways).as_deref(), expected);
        };
        let parked = Some("waits for home, which is parked: the provider answered 401");
        check(None, &[], &[], &all[..1], parked);
        check(Some("home"), &[], &[], &all, parked);
        check(Some("home"), &[], &[], &[home, up.clone()], parked);
        check(None, &to_home, &[], &all, parked);
        let others = Some("waits for hall (down: no network), rest (not active)");
        check(None, &[], &to_home, &all, others);
        check(None, &[], &[], &[hall, up], None);
        check(None, &[], &[], &[], None);
    }
}
