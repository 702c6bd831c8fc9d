//! Conditions of rules, for both directions (spec 7.1, 8).
//!
//! A rule is asked in order; the first whose condition holds wins. Patterns are linear-time regular
//! expressions over bounded texts, so no rule can burn the processor (threats T32).

use regex::Regex;

use crate::sms::{Class, Number};

/// What a rule may look at. Absent facts are empty and match nothing but `any`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// The destination of a message, or our number an SMS came to.
    pub to: &'a str,
    /// The phone an SMS came from.
    pub from: &'a str,
    /// The address of who sends.
    pub sender: &'a str,
    /// The text.
    pub text: &'a str,
    /// The mail's subject.
    pub subject: &'a str,
    /// The gateway an SMS came through.
    pub gateway: &'a str,
    /// How urgent it is.
    pub class: Option<Class>,
}

/// Which fact a pattern looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `to`, a regular expression.
    To,
    /// `from`, a regular expression.
    From,
    /// `sender`, an address in which `*` stands for anything.
    Sender,
    /// `sender_domain`, a domain.
    SenderDomain,
    /// `text`, a regular expression.
    Text,
    /// `subject`, a regular expression.
    Subject,
    /// `gateway`, an id.
    Gateway,
}

/// When a rule applies.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Always.
    Any,
    /// When all do.
    All(Vec<Condition>),
    /// When one does.
    OneOf(Vec<Condition>),
    /// When it does not.
    Not(Box<Condition>),
    /// When a fact matches.
    Matches(Field, Regex),
    /// When it is as urgent as that.
    Class(Class),
}

impl Condition {
    /// Compiles the pattern of a field as that field writes it; the error is the regex crate's.
    pub fn pattern(field: Field, pattern: &str) -> Result<Self, regex::Error> {
        let written = match field {
            Field::To | Field::From | Field::Text | Field::Subject => pattern.to_owned(),
            Field::Sender => {
                let parts: Vec<_> = pattern.split('*').map(regex::escape).collect();
                format!("(?i)^{}$", parts.join(".*"))
            }
            Field::SenderDomain => format!("(?i)@{}$", regex::escape(pattern)),
            Field::Gateway => format!("^{}$", regex::escape(pattern)),
        };
        Ok(Self::Matches(field, compile(&written)?))
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Condition::Any => true,
            Condition::All(all) => all.iter().all(|c| c.holds(facts)),
            Condition::OneOf(some) => some.iter().any(|c| c.holds(facts)),
            Condition::Not(not) => !not.holds(facts),
            Condition::Class(class) => facts.class == Some(*class),
            Condition::Matches(field, regex) => regex.is_match(match field {
                Field::To => facts.to,
                Field::From => facts.from,
                Field::Sender | Field::SenderDomain => facts.sender,
                Field::Text => facts.text,
                Field::Subject => facts.subject,
                Field::Gateway => facts.gateway,
            }),
        }
    }
}

/// Compiles an admin's pattern with a bound on what it may cost: 1 MiB, far above any sane pattern
/// and far below a compile bomb.
pub fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
}

/// How one of several gateways is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The least loaded.
    #[default]
    Balance,
    /// The first that can.
    InOrder,
    /// The one with the lowest rate for the number.
    Cheapest,
}

/// What an outgoing rule does.
#[derive(Clone, Debug)]
pub enum Action {
    /// These gateways only.
    Gateways(Vec<String>, Strategy),
    /// The gateways that would be without a rule.
    Any,
    /// Not at all, with this reason.
    Reject(String),
}

/// A rule for messages to phones.
#[derive(Clone, Debug)]
pub struct OutgoingRule {
    /// When.
    pub when: Condition,
    /// What.
    pub action: Action,
    /// The template of the text, instead of the user's, the domain's or `text.template`.
    pub text: Option<String>,
}

/// What an incoming rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// It becomes a mail to each of these addresses, and goes on to phones.
    Deliver(Vec<String>, Option<Forward>),
    /// To no one.
    Drop,
}

/// Phones that an SMS goes on to, as SMS.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// Each once, at least one.
    pub to: Vec<Number>,
    /// The account that pays, and hears of what did not go.
    pub charge: String,
}

/// A rule for SMS from phones.
#[derive(Clone, Debug)]
pub struct IncomingRule {
    /// When.
    pub when: Condition,
    /// What.
    pub action: Delivery,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold() {
        let facts = Facts {
            to: "+420777123456",
            sender: "Bob@Lab.example.com",
            text: "my Password is",
            class: Some(Class::Bulk),
            ..Facts::default()
        };
        let p = |field, pattern| Condition::pattern(field, pattern).expect("pattern");
        let not = |c| Condition::Not(Box::new(c));
        for (condition, expected) in [
            (Condition::Any, true),
            (p(Field::To, "^\\+420"), true),
            (p(Field::To, "^\\+1"), false),
            (p(Field::Sender, "*@lab.example.com"), true),
            (p(Field::Sender, "*@example.com"), false),
            (p(Field::SenderDomain, "lab.example.com"), true),
            (p(Field::SenderDomain, "example.com"), false),
            (p(Field::Text, "(?i)password"), true),
            (p(Field::Gateway, "hall"), false),
            (Condition::Class(Class::Bulk), true),
            (not(Condition::Any), false),
            (
                Condition::All(vec![p(Field::To, "7"), not(p(Field::Text, "x"))]),
                true,
            ),
            (
                Condition::OneOf(vec![p(Field::To, "x"), Condition::Class(Class::Alarm)]),
                false,
            ),
        ] {
            assert_eq!(condition.holds(&facts), expected, "{condition:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        assert!(compile("(?:(?:(?:a{100}){100}){100}){100}").is_err());
    }
}
