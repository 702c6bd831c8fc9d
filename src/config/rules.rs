//! `outgoing`, and `incoming.rules`: conditions and what they lead to.

use std::collections::HashSet;

use super::problems::At;
use super::raw;
use super::scalars::Judge;
use crate::mail::address;
use crate::rules::{
    Action, Condition, Delivery, Field, Forward, IncomingRule, OutgoingRule, Strategy,
};
use crate::sms::{Number, Region};

/// Every rule is asked of every message.
const MAX_RULES: usize = 1000;

/// A reply line has 512 octets; so has a report's reason.
const MAX_REASON: usize = 400;

/// One SMS must not become a mass mailing, at the cost of one account.
const MAX_FORWARD: usize = 20;

/// What is ours, and must not be sent to.
pub(super) struct Home<'a> {
    /// Addresses that are SMS.
    pub addresses: &'a address::Settings,
    /// How national numbers are read.
    pub region: Region,
    /// The numbers of our gateways.
    pub numbers: Vec<Number>,
}

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
            if let Some(text) = &raw.text {
                self.shape_of_text(&at.key("text"), text);
            }
            if let (Some(when), Some(action)) = (when, action) {
                let text = raw.text.clone();
                rules.push(OutgoingRule { when, action, text });
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
        home: &Home<'_>,
    ) -> Vec<IncomingRule> {
        let list = self.bounded(at, raw.map_or(&[][..], Vec::as_slice));
        let mut rules = Vec::new();
        for (i, raw) in list.iter().enumerate() {
            let at = at.index(i);
            self.no_continue(&at, raw.r#continue.as_ref());
            if let Some(raw::Condition {
                gateway: Some(id), ..
            }) = &raw.when
            {
                self.gateway_id(&at.key("when").key("gateway"), id, gateways);
            }
            let when = self.when(&at, raw.when.as_ref(), Way::In);
            let action = self.delivery(&at, raw, home);
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
                if raw.text.is_some() {
                    self.errors
                        .add(&at.key("text"), "stands beside reject; remove one of them");
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
            (None, None) if raw.text.is_some() => {
                if raw.strategy.is_some() {
                    let write =
                        "chooses among gateway, which is not there; write gateway: [ID, …] too";
                    self.errors.add(&at.key("strategy"), write);
                }
                Some(Action::Any)
            }
            (None, None) => {
                self.errors.add(
                    at,
                    "does nothing; write gateway: [ID, …], text: \"{from}: {body}\" or reject: \"WHY\"",
                );
                None
            }
        }
    }

    fn delivery(&mut self, at: &At, raw: &raw::IncomingRule, home: &Home<'_>) -> Option<Delivery> {
        let named = |several: &Option<raw::Several>| several.is_some();
        let gives = [("deliver", &raw.deliver), ("forward", &raw.forward)];
        if raw.drop.unwrap_or(false) {
            let beside = gives.iter().find(|(_, list)| named(list));
            if let Some((key, _)) = beside {
                let write = format!("stands beside {key}; write one of them");
                self.errors.add(&at.key("drop"), write);
            }
            return beside.is_none().then_some(Delivery::Drop);
        }
        if !gives.iter().any(|(_, list)| named(list)) {
            let write = "does nothing; write deliver: ADDRESS, forward: NUMBER or drop: true";
            self.errors.add(at, write);
            return None;
        }
        let (mut mails, mut phones) = (Vec::new(), Vec::new());
        for (key, list) in gives {
            let (here, Some(list)) = (at.key(key), list) else {
                continue;
            };
            if list.0.is_empty() {
                self.missing(&here.index(0), "who gets it");
            }
            for (i, to) in list.0.iter().enumerate() {
                let here = match list.0.len() {
                    1 => here.clone(),
                    _ => here.index(i),
                };
                match key == "deliver" || to.contains('@') {
                    true => mails.extend(self.mailbox_for_sms(&here, to, home.addresses)),
                    false => phones.extend(self.onward(&here, to, home)),
                }
            }
        }
        let mut known = HashSet::new();
        mails.retain(|mail: &String| known.insert(mail.to_lowercase()));
        let forward = raw.forward.iter().flat_map(|list| &list.0);
        let forward = match forward.filter(|to| !to.contains('@')).count() {
            0 => {
                if raw.charge.is_some() {
                    let write = "pays for nothing: forward names no phone; remove it";
                    self.errors.add(&at.key("charge"), write);
                }
                None
            }
            _ => self.forward(at, phones, raw.charge.as_deref(), home),
        };
        Some(Delivery::Deliver(mails, forward))
    }

    /// A phone that SMS go on to.
    fn onward(&mut self, at: &At, text: &str, home: &Home<'_>) -> Option<Number> {
        if !text.contains(|c: char| c.is_ascii_digit()) {
            let write = "is neither a mail address nor a phone number; write one like \
                         ann@example.com or \"+15551234567\"";
            self.wrong(at, text, write);
            return None;
        }
        let number = self.number(at, text, home.region)?;
        if home.numbers.contains(&number) {
            let write =
                "is the number of a gateway of ours: it would come back here; write another";
            self.wrong(at, text, write);
        }
        Some(number)
    }

    fn forward(
        &mut self,
        at: &At,
        mut to: Vec<Number>,
        charge: Option<&str>,
        home: &Home<'_>,
    ) -> Option<Forward> {
        let mut known = HashSet::new();
        to.retain(|number| known.insert(number.clone()));
        if to.len() > MAX_FORWARD {
            let write = format!("has too many numbers; write at most {MAX_FORWARD}");
            self.errors.add(&at.key("forward"), write);
        }
        let here = at.key("charge");
        let Some(charge) = charge else {
            self.missing(&here, "the address of who pays for the SMS");
            return None;
        };
        let charge = self.mailbox_for_sms(&here, charge, home.addresses)?;
        let charge = charge.to_lowercase();
        Some(Forward { to, charge })
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
