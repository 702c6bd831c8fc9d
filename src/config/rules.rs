//! `outgoing`, and `incoming.rules`: conditions and what they lead to.

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::rules::{Action, Condition, Delivery, Field, IncomingRule, OutgoingRule, Strategy};

/// Every rule is asked of every message.
const MAX_RULES: usize = 1000;

/// A reply line has 512 octets; so has a report's reason.
const MAX_REASON: usize = 400;

/// Which way a rule looks.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Out,
    In,
}

impl Judge<'_> {
    /// `outgoing`.
    pub fn outgoing(
        &mut self,
        root: &At,
        raw: Option<&Vec<raw::Outgoing>>,
        gateways: &[String],
    ) -> Vec<OutgoingRule> {
        let at = root.key("outgoing");
        let list = self.bounded(&at, raw.map_or(&[][..], Vec::as_slice));
        let mut rules = Vec::new();
        for (i, raw) in list.iter().enumerate() {
            let at = at.index(i);
            self.later_actions(&at, raw);
            let when = self.when(&at, raw.when.as_ref(), Way::Out);
            let action = self.action(&at, raw, gateways);
            if let (Some(when), Some(action)) = (when, action) {
                rules.push(OutgoingRule { when, action });
            }
        }
        rules
    }

    /// `incoming.rules`.
    pub fn incoming_rules(
        &mut self,
        at: &At,
        raw: Option<&Vec<raw::IncomingRule>>,
        gateways: &[String],
    ) -> Vec<IncomingRule> {
        let list = self.bounded(at, raw.map_or(&[][..], Vec::as_slice));
        let mut rules = Vec::new();
        for (i, raw) in list.iter().enumerate() {
            let at = at.index(i);
            self.later_if(&at, "forward", &raw.forward);
            self.no_continue(&at, raw.r#continue.as_ref());
            if let Some(raw::Condition {
                gateway: Some(id), ..
            }) = &raw.when
            {
                self.gateway_id(&at.key("when").key("gateway"), id, gateways);
            }
            let when = self.when(&at, raw.when.as_ref(), Way::In);
            let action = self.delivery(&at, raw);
            if let (Some(when), Some(action)) = (when, action) {
                rules.push(IncomingRule { when, action });
            }
        }
        rules
    }

    fn bounded<'r, T>(&mut self, at: &At, list: &'r [T]) -> &'r [T] {
        if list.len() > MAX_RULES {
            self.errors
                .add(at, format!("has too many rules; write at most {MAX_RULES}"));
        }
        &list[..list.len().min(MAX_RULES)]
    }

    fn later_actions(&mut self, at: &At, raw: &raw::Outgoing) {
        for (key, value) in [
            ("number", &raw.number),
            ("sender_id", &raw.sender_id),
            ("text", &raw.text),
            ("hold", &raw.hold),
            ("archive", &raw.archive),
            ("copy", &raw.copy),
            ("run", &raw.run),
            ("post", &raw.post),
            ("sql", &raw.sql),
        ] {
            self.later_if(at, key, value);
        }
        self.no_continue(at, raw.r#continue.map(serde_yaml::Value::Bool).as_ref());
    }

    fn no_continue(&mut self, at: &At, raw: Option<&serde_yaml::Value>) {
        if raw.is_some_and(|value| *value != serde_yaml::Value::Bool(false)) {
            self.later(&at.key("continue"));
        }
    }

    fn action(&mut self, at: &At, raw: &raw::Outgoing, gateways: &[String]) -> Option<Action> {
        let all = [
            ("balance", Strategy::Balance),
            ("in_order", Strategy::InOrder),
            ("cheapest", Strategy::Cheapest),
        ];
        let strategy = self.choice(
            &at.key("strategy"),
            raw.strategy.as_deref(),
            &all,
            Strategy::Balance,
        );
        match (&raw.gateway, &raw.reject) {
            (Some(ids), None) => {
                let here = at.key("gateway");
                for (i, id) in ids.0.iter().enumerate() {
                    let at = if ids.0.len() == 1 {
                        here.clone()
                    } else {
                        here.index(i)
                    };
                    self.gateway_id(&at, id, gateways);
                }
                if ids.0.is_empty() {
                    self.missing(&here.index(0), "the id of a gateway");
                }
                Some(Action::Gateways(ids.0.clone(), strategy))
            }
            (None, Some(why)) => {
                if why.trim().is_empty() || why.len() > MAX_REASON || why.contains(char::is_control)
                {
                    self.wrong(
                        &at.key("reject"),
                        why,
                        "is not a reason; write one line for the sender",
                    );
                }
                if raw.strategy.is_some() {
                    self.errors.add(
                        &at.key("strategy"),
                        "stands beside reject; remove one of them",
                    );
                }
                Some(Action::Reject(why.clone()))
            }
            (Some(_), Some(_)) => {
                self.errors.add(
                    &at.key("reject"),
                    "stands beside gateway; write one of them",
                );
                None
            }
            (None, None) => {
                self.errors.add(
                    at,
                    "does nothing; write gateway: [ID, …] or reject: \"WHY\"",
                );
                None
            }
        }
    }

    fn delivery(&mut self, at: &At, raw: &raw::IncomingRule) -> Option<Delivery> {
        let here = at.key("deliver");
        match (&raw.deliver, raw.drop.unwrap_or(false)) {
            (Some(_), true) => {
                self.errors
                    .add(&at.key("drop"), "stands beside deliver; write one of them");
                None
            }
            (Some(to), false) => {
                if to.0.is_empty() {
                    self.missing(&here.index(0), "the address that gets it");
                }
                let to = to.0.iter().enumerate();
                Some(Delivery::Deliver(
                    to.filter_map(|(i, to)| self.address(&here.index(i), to))
                        .collect(),
                ))
            }
            (None, true) => Some(Delivery::Drop),
            (None, false) => {
                self.errors
                    .add(at, "does nothing; write deliver: ADDRESS or drop: true");
                None
            }
        }
    }

    fn when(&mut self, at: &At, raw: Option<&raw::Condition>, way: Way) -> Option<Condition> {
        let at = at.key("when");
        match raw {
            Some(raw) => self.condition(&at, raw, way),
            None => {
                self.missing(&at, "{ to: \"^\\\\+1\" }, or { any: true } for always");
                None
            }
        }
    }

    /// All that is given must hold.
    fn condition(&mut self, at: &At, raw: &raw::Condition, way: Way) -> Option<Condition> {
        let before = self.errors.len();
        for (key, value) in [
            ("user", &raw.user),
            ("segments", &raw.segments),
            ("priority", &raw.priority),
            ("time", &raw.time),
            ("authenticated", &raw.authenticated),
        ] {
            self.later_if(at, key, value);
        }
        let mut all = Vec::new();
        for (key, field, pattern, ways) in [
            ("to", Field::To, &raw.to, &[Way::Out, Way::In][..]),
            ("from", Field::From, &raw.from, &[Way::In]),
            ("sender", Field::Sender, &raw.sender, &[Way::Out]),
            (
                "sender_domain",
                Field::SenderDomain,
                &raw.sender_domain,
                &[Way::Out],
            ),
            ("text", Field::Text, &raw.text, &[Way::Out, Way::In]),
            ("subject", Field::Subject, &raw.subject, &[Way::Out]),
            ("gateway", Field::Gateway, &raw.gateway, &[Way::In]),
        ] {
            let Some(pattern) = pattern else { continue };
            if !ways.contains(&way) {
                self.errors.add(&at.key(key), unknown_here(way));
                continue;
            }
            all.extend(self.matching(&at.key(key), field, pattern));
        }
        if let Some(class) = &raw.class {
            match way {
                Way::Out => {
                    let class =
                        self.class(&at.key("class"), Some(class), crate::sms::Class::Normal);
                    all.push(Condition::Class(class));
                }
                Way::In => self.errors.add(&at.key("class"), unknown_here(way)),
            }
        }
        if let Some(not) = &raw.not {
            let not = self.condition(&at.key("not"), not, way);
            all.extend(not.map(|not| Condition::Not(Box::new(not))));
        }
        if let Some(list) = &raw.all {
            all.push(Condition::All(self.conditions(&at.key("all"), list, way)));
        }
        match &raw.any {
            Some(raw::AnyOf::Always(true)) => all.push(Condition::Any),
            Some(raw::AnyOf::Always(false)) => self.errors.add(
                &at.key("any"),
                "is never true; write any: true, or remove the rule",
            ),
            Some(raw::AnyOf::Of(list)) => {
                all.push(Condition::OneOf(self.conditions(&at.key("any"), list, way)));
            }
            None => {}
        }
        if all.is_empty() && self.errors.len() == before {
            self.errors
                .add(at, "says nothing; write any: true for always");
        }
        match all.len() {
            0 => None,
            1 => all.pop(),
            _ => Some(Condition::All(all)),
        }
    }

    fn conditions(&mut self, at: &At, list: &[raw::Condition], way: Way) -> Vec<Condition> {
        if list.is_empty() {
            self.errors.add(at, "is empty; write a list of conditions");
        }
        let list = list.iter().enumerate();
        list.filter_map(|(i, raw)| self.condition(&at.index(i), raw, way))
            .collect()
    }

    fn matching(&mut self, at: &At, field: Field, pattern: &str) -> Option<Condition> {
        match field {
            // Regular expressions, with our words for what is wrong with them.
            Field::To | Field::From | Field::Text | Field::Subject => self
                .pattern(at, pattern)
                .map(|regex| Condition::Matches(field, regex)),
            Field::SenderDomain => {
                let domain = self.domain(at, pattern)?;
                Condition::pattern(field, &domain).ok()
            }
            Field::Sender | Field::Gateway => {
                if pattern.is_empty() || pattern.len() > 320 {
                    self.wrong(at, pattern, "is no address; write one, with * for anything");
                    return None;
                }
                Condition::pattern(field, pattern).ok()
            }
        }
    }
}

fn unknown_here(way: Way) -> &'static str {
    match way {
        Way::Out => {
            "is not known of a message to a phone; write to, sender, sender_domain, text, subject or class"
        }
        Way::In => "is not known of an SMS from a phone; write from, to, text or gateway",
    }
}
