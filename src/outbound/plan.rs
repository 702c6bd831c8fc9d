//! What a mail to a recipient means: who pays, which text in which segments, through which gateways;
//! or why not. Pure: `accept`, `explain` and the preview all ask here, and there is no second way.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::access::destinations::Destinations;
use crate::access::{Access, Confirm, Payer};
use crate::gateway::{Common, Concatenation};
use crate::mail::address::{self, Target};
use crate::mail::compose::NO_REPLY;
use crate::mail::text::{self, AutoSubmitted, MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::rules::{Action, Facts, OutgoingRule, Strategy};
use crate::sms::alphabet::Fold;
use crate::sms::clean::clean;
use crate::sms::numbered::numbered;
use crate::sms::segment::{self, Coding, CutError};
use crate::sms::{Class, Encoding, Number, Segment};
use crate::store::{Message, Part, PartState};

/// All that decides: the configuration, ready to be asked.
pub struct Planner {
    /// Which addresses are ours.
    pub addresses: address::Settings,
    /// Who may send.
    pub access: Access,
    /// Where to.
    pub destinations: Destinations,
    /// Rules for messages to phones, in order.
    pub rules: Vec<OutgoingRule>,
    /// How a mail becomes a text.
    pub text: text::Settings,
    /// Which characters may be replaced to save segments.
    pub fold: Fold,
    /// What to do with a text that is too long.
    pub on_overflow: Overflow,
    /// The active gateways.
    pub gateways: Vec<Common>,
}

/// What to do with a text of more segments than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Cut it with `…` and tell the sender.
    Cut,
    /// Refuse it.
    Refuse,
}

/// A recipient that may be sent to.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// The phone.
    pub number: Number,
    /// Who pays.
    pub payer: Payer,
}

/// A RCPT argument, judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Ordinary mail.
    NotOurs,
    /// Ours, and whether it may be sent to.
    Ours(Result<Box<Admitted>, Reply>),
}

/// What will be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The text as the phone shall show it.
    pub text: String,
    /// How it goes on the air.
    pub encoding: Encoding,
    /// The standard's plan: what is counted.
    pub segments: Vec<Segment>,
    /// The concatenation reference.
    pub reference: u8,
    /// Class 0.
    pub flash: bool,
    /// The sender wants to hear of success.
    pub confirm: bool,
    /// Urgency.
    pub class: Class,
    /// The sender id to show.
    pub sender_id: Option<String>,
    /// The gateways that can carry it, best first.
    pub gateways: Vec<String>,
    /// Only those; else any.
    pub pinned: bool,
    /// In that order; else the least loaded.
    pub in_order: bool,
    /// Which rule decided, from 1.
    pub rule: Option<usize>,
    /// At the first gateway's rate; `None` when it has none.
    pub price: Option<f64>,
    /// It was cut to the allowed segments.
    pub cut: bool,
    /// What was done to the text, for people.
    pub notes: Vec<String>,
}

const NULL_SENDER: &str = "SMS need a sender: this mail has the null sender";

impl Planner {
    /// Judges a RCPT argument; `esmtp` are its further arguments.
    pub fn judge(
        &self,
        envelope: &Envelope,
        rcpt: &str,
        esmtp: &[String],
        now: Timestamp,
    ) -> Judgement {
        let bare = envelope.client == Client::Local;
        match self.addresses.read(rcpt, bare) {
            // What that listener lets through would come back to it for ever.
            address::Recipient::NotOurs if self.access.is_resubmission(envelope) => {
                let text = "no SMS recipient: this listener takes nothing else";
                Judgement::Ours(Err(Reply::new(550, "5.1.1", text)))
            }
            address::Recipient::NotOurs => Judgement::NotOurs,
            address::Recipient::Wrong(reply) => Judgement::Ours(Err(reply)),
            address::Recipient::Ours { target, domain } => {
                let admitted = self.admit(envelope, target, domain, esmtp, now);
                Judgement::Ours(admitted.map(Box::new))
            }
        }
    }

    fn admit(
        &self,
        envelope: &Envelope,
        target: Target,
        domain: usize,
        esmtp: &[String],
        now: Timestamp,
    ) -> Result<Admitted, Reply> {
        if envelope.sender.is_empty() {
            // Bounces, read receipts, vacation answers: a login does not make them a person's mail.
            return Err(Reply::new(550, "5.7.1", NULL_SENDER));
        }
        let domain = &self.addresses.domains[domain];
        let number = match target {
            Target::Number(number) => number,
            Target::User(local) => self.mobile_of(&local, domain)?,
        };
        let payer = self
            .access
            .who(envelope, original(esmtp).as_deref(), &number, now)?;
        let number = self.destinations.check(number, domain.region)?;
        Ok(Admitted { number, payer })
    }

    fn mobile_of(&self, local: &str, domain: &address::Domain) -> Result<Number, Reply> {
        let unknown = |text: String| Reply::new(550, "5.1.1", text);
        // What mails of an alphanumeric sender are from (spec 8.2): no user is called so.
        if local == NO_REPLY {
            let text = "this SMS came from a name, not from a number: it cannot be answered";
            return Err(unknown(text.into()));
        }
        let user = self
            .access
            .user_called(local, &domain.mail)
            .ok_or_else(|| unknown(format!("{local}@{}: no such user", domain.sms)))?;
        user.mobile
            .clone()
            .ok_or_else(|| unknown(format!("{} has no mobile number here", user.email)))
    }

    /// Why no SMS can come of this mail, whoever it is for.
    pub fn refuses(&self, envelope: &Envelope, mail: &MailText) -> Option<Reply> {
        let text = if envelope.sender.is_empty() {
            NULL_SENDER
        } else if mail.auto_submitted == AutoSubmitted::Replied {
            "automatic replies are not sent by SMS"
        } else if mail.own_loop {
            "this mail came from an SMS: it would go in a circle"
        } else {
            return None;
        };
        Some(Reply::new(550, "5.7.1", text))
    }

    /// What of this mail goes to this recipient.
    pub fn plan(&self, mail: &MailText, to: &Admitted) -> Result<Plan, Reply> {
        let policy = &to.payer.policy;
        let facts = Facts {
            to: to.number.as_str(),
            sender: &to.payer.account,
            text: &mail.text,
            subject: &mail.subject,
            class: Some(policy.class),
            ..Facts::default()
        };
        let rule = self.rules.iter().position(|rule| rule.when.holds(&facts));
        let (pinned, strategy) = match rule.map(|index| &self.rules[index].action) {
            Some(Action::Reject(why)) => return Err(Reply::new(550, "5.7.1", why)),
            Some(Action::Gateways(ids, strategy)) => (ids.clone(), *strategy),
            None => (
                to.payer.gateway.iter().cloned().collect(),
                Strategy::Balance,
            ),
        };
        let mut gateways = self.able(&pinned);
        if gateways.is_empty() {
            return Err(Reply::new(
                550,
                "5.7.1",
                "no gateway can carry this message",
            ));
        }
        if strategy == Strategy::Cheapest {
            let price = |id: &String| self.rate(id, &to.number).unwrap_or(f64::MAX);
            gateways.sort_by(|a, b| price(a).total_cmp(&price(b)));
        }
        let reference = reference(mail, to);
        let options = segment::Options {
            fold: self.fold,
            coding: Coding::Auto,
            reference: reference.into(),
            wide: false,
        };
        let mut notes = mail.notes.clone();
        let clean = clean(&mail.text);
        let (text, cut) = self.within(&clean, policy.max_segments, &options)?;
        let done = segment::cut(&text, &options).map_err(unsendable)?;
        if cut {
            notes.push(format!("cut to {} segments", policy.max_segments));
        }
        if done.folded {
            notes.push("characters replaced by plain ones to save segments".into());
        }
        if let Some(c) = done.forced_ucs2 {
            notes.push(format!(
                "{c} is not in the GSM alphabet: 70 characters a segment, not 160"
            ));
        }
        let price = gateways.first().and_then(|id| self.rate(id, &to.number));
        Ok(Plan {
            text: done.segments.iter().map(|s| s.text.as_str()).collect(),
            encoding: done.encoding,
            price: price.map(|rate| rate * done.segments.len() as f64),
            segments: done.segments,
            reference,
            flash: mail.flash,
            confirm: match policy.confirm {
                Confirm::Asked => mail.confirm,
                Confirm::Always => true,
                Confirm::Never => false,
            },
            class: policy.class,
            sender_id: policy.sender_ids.first().cloned(),
            pinned: !pinned.is_empty(),
            in_order: strategy != Strategy::Balance,
            gateways,
            rule: rule.map(|index| index + 1),
            cut,
            notes,
        })
    }

    /// The text within the allowed segments, and whether it was cut for that.
    fn within<'a>(
        &self,
        text: &'a str,
        max: u8,
        options: &segment::Options,
    ) -> Result<(std::borrow::Cow<'a, str>, bool), Reply> {
        let fits = matches!(segment::count(text, options), Ok(n) if n <= max.into());
        if fits {
            return Ok((text.into(), false));
        }
        if self.on_overflow == Overflow::Refuse {
            let text = format!("the text is longer than the {max} SMS you may send at a time");
            return Err(Reply::new(550, "5.7.1", text));
        }
        let shorter = segment::shorten(text, max.into(), options).map_err(unsendable)?;
        Ok((shorter, true))
    }

    /// Of the wanted gateways those that are active; all of them when none is wanted.
    fn able(&self, wanted: &[String]) -> Vec<String> {
        let ids = self.gateways.iter().map(|g| g.id.clone());
        if wanted.is_empty() {
            return ids.collect();
        }
        let active: Vec<String> = ids.collect();
        wanted
            .iter()
            .filter(|id| active.contains(id))
            .cloned()
            .collect()
    }

    fn rate(&self, gateway: &str, number: &Number) -> Option<f64> {
        let rates = &self.gateways.iter().find(|g| g.id == gateway)?.rates;
        let matching = rates
            .iter()
            .filter(|(prefix, _)| number.as_str().starts_with(prefix.as_str()));
        matching
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, rate)| *rate)
    }
}

fn unsendable(error: CutError) -> Reply {
    Reply::new(554, "5.6.0", error.to_string())
}

/// The address of an `ORCPT=rfc822;…` argument (RFC 3461 §4.2), its xtext decoded.
fn original(esmtp: &[String]) -> Option<String> {
    let value = esmtp.iter().find_map(|arg| {
        let (name, value) = arg.split_once('=')?;
        name.eq_ignore_ascii_case("ORCPT").then_some(value)
    })?;
    let (kind, address) = value.split_once(';')?;
    if !kind.eq_ignore_ascii_case("rfc822") {
        return None;
    }
    // xtext writes an octet as +XX, which is percent-encoding by another sign.
    let decoded =
        percent_encoding::percent_decode_str(&address.replace('%', "%25").replace('+', "%"))
            .decode_utf8()
            .ok()?
            .into_owned();
    Some(decoded)
}

/// A reference that a repeat of the mail gets too, so that a phone joins parts of both.
fn reference(mail: &MailText, to: &Admitted) -> u8 {
    let mut hash = Sha256::new();
    hash.update(to.number.as_str());
    hash.update(mail.message_id.as_deref().unwrap_or(""));
    hash.update(&mail.text);
    hash.finalize()[0]
}

/// The key under which a repeat of a mail to a number is the same message (durability 2.6), and
/// whether it holds only while the client may not know that we have the mail: a mail without a
/// Message-ID of its client's own gets a new one from the MTA with every attempt.
pub fn repeat_key(envelope: &Envelope, mail: &RawMail, to: &Admitted) -> ([u8; 32], bool) {
    let text = |name| mail.header(name).map(String::from_utf8_lossy);
    let made_here = |id: &str| envelope.queue_id.as_deref().is_some_and(|q| id.contains(q));
    let own = text("Message-ID").filter(|id| !id.trim().is_empty() && !made_here(id));
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(to.payer.account.as_bytes());
    add(to.number.as_str().as_bytes());
    if let Some(id) = &own {
        add(id.as_bytes());
        add(text("Date").unwrap_or_default().as_bytes());
    }
    add(&mail.body);
    (hash.finalize().into(), own.is_none())
}

/// What is handed to a gateway, in order: segments, numbered pieces, or the whole text.
pub fn parts(message: &Message, how: Concatenation) -> Vec<Part> {
    let texts = match how {
        Concatenation::Provider => vec![message.text.clone()],
        Concatenation::Numbered => {
            numbered(&message.text, message.encoding).unwrap_or_else(|| segment_texts(message))
        }
        Concatenation::Udh => segment_texts(message),
    };
    let part = |text| Part {
        text,
        state: PartState::Queued,
        receipt: None,
        unknowns: 0,
    };
    texts.into_iter().map(part).collect()
}

fn segment_texts(message: &Message) -> Vec<String> {
    let options = segment::Options {
        // The text was folded when it was planned.
        fold: Fold::None,
        coding: match message.encoding {
            Encoding::Gsm7 => Coding::Gsm7,
            _ => Coding::Ucs2,
        },
        reference: message.reference.into(),
        wide: false,
    };
    match segment::cut(&message.text, &options) {
        Ok(cut) => cut.segments.into_iter().map(|s| s.text).collect(),
        // It was cut once already when it was planned.
        Err(_) => vec![message.text.clone()],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::access;
    use crate::gateway::OnUnknown;
    use crate::rules::Condition;
    use crate::sms::Region;

    fn gateway(id: &str, rate: f64) -> Common {
        Common {
            id: id.into(),
            active: true,
            number: None,
            concat: Concatenation::Udh,
            on_unknown: OnUnknown::Report,
            unknown_wait: Duration::from_secs(600),
            window: 1,
            throughput: None,
            rates: vec![("+1".into(), rate), ("+1555".into(), rate * 2.0)],
            from: None,
        }
    }

    fn planner() -> Planner {
        let us = Region::parse("US").expect("US");
        let when = |field, pattern| Condition::pattern(field, pattern).expect("pattern");
        use crate::rules::Field;
        Planner {
            addresses: address::Settings {
                domains: vec![address::Domain {
                    mail: "example.com".into(),
                    sms: "sms.example.com".into(),
                    region: us,
                }],
                prefix: "sms".into(),
                account: "sms".into(),
                plus_numbers: false,
            },
            access: Access::new(access::Settings {
                trusted_networks: vec![],
                timezone: jiff::tz::TimeZone::UTC,
                defaults: access::Policy {
                    max_segments: 2,
                    ..access::Policy::default()
                },
                domains: HashMap::new(),
                resubmission: Some(access::Resubmission {
                    daemon: "sms".into(),
                    trust_sender: false,
                }),
                aliases: HashMap::new(),
                users: vec![],
                first_mail_domain: "example.com".into(),
            }),
            destinations: Destinations {
                allow: None,
                deny: vec![],
                rewrite: vec![],
                regions: vec![us],
            },
            rules: vec![
                OutgoingRule {
                    when: when(Field::Text, "(?i)password"),
                    action: Action::Reject("no passwords by SMS".into()),
                },
                OutgoingRule {
                    when: when(Field::To, "^\\+1555777"),
                    action: Action::Gateways(
                        vec!["dear".into(), "cheap".into()],
                        Strategy::Cheapest,
                    ),
                },
                OutgoingRule {
                    when: when(Field::Subject, "pin"),
                    action: Action::Gateways(vec!["gone".into()], Strategy::InOrder),
                },
            ],
            text: text::Settings::default(),
            fold: Fold::Typographic,
            on_overflow: Overflow::Cut,
            gateways: vec![gateway("dear", 0.1), gateway("cheap", 0.01)],
        }
    }

    fn envelope(auth: Option<&str>) -> Envelope {
        Envelope {
            sender: "ann@example.com".into(),
            auth: auth.map(Into::into),
            ..Envelope::default()
        }
    }

    fn admitted(planner: &Planner, rcpt: &str) -> Admitted {
        let now = Timestamp::UNIX_EPOCH;
        match planner.judge(&envelope(Some("ann")), rcpt, &[], now) {
            Judgement::Ours(Ok(admitted)) => *admitted,
            other => panic!("{other:?}"),
        }
    }

    fn planned(text: &str, subject: &str, number: &str) -> Result<Plan, String> {
        let planner = planner();
        let to = admitted(&planner, &format!("<{number}@sms.example.com>"));
        let mail = MailText {
            text: text.into(),
            subject: subject.into(),
            ..MailText::default()
        };
        planner.plan(&mail, &to).map_err(|reply| reply.to_string())
    }

    #[test]
    fn recipients_are_judged() {
        let log_in = "550 5.7.1 log in to send SMS: only known users may";
        for (auth, daemon, rcpt, expected) in [
            (
                Some("ann"),
                None,
                "<+15551234567@sms.example.com>",
                "+15551234567 for ann@example.com",
            ),
            (None, None, "<+15551234567@sms.example.com>", log_in),
            (Some("ann"), None, "<bob@example.com>", "mail"),
            (
                None,
                Some("sms"),
                "<bob@example.com>",
                "550 5.1.1 no SMS recipient: this listener takes nothing else",
            ),
            (
                Some("ann"),
                None,
                "<carol@sms.example.com>",
                "550 5.1.1 carol@sms.example.com: no such user",
            ),
            (
                Some("ann"),
                None,
                "<+19002345678@sms.example.com>",
                "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
            ),
        ] {
            let envelope = Envelope {
                daemon: daemon.map(Into::into),
                ..envelope(auth)
            };
            let shown = match planner().judge(&envelope, rcpt, &[], Timestamp::UNIX_EPOCH) {
                Judgement::NotOurs => "mail".to_owned(),
                Judgement::Ours(Ok(to)) => format!("{} for {}", to.number, to.payer.account),
                Judgement::Ours(Err(reply)) => reply.to_string(),
            };
            assert_eq!(shown, expected, "{auth:?} {daemon:?} {rcpt}");
        }
    }

    #[test]
    fn rules_choose_gateways_or_refuse() {
        let plan = planned("hello", "", "+15551234567").expect("a plan");
        assert_eq!(
            (plan.gateways.join(" "), plan.pinned, plan.rule),
            ("dear cheap".into(), false, None)
        );
        assert_eq!(plan.price, Some(0.2));
        let plan = planned("hello", "", "+15557771234").expect("a plan");
        assert_eq!(
            (plan.gateways.join(" "), plan.pinned, plan.rule),
            ("cheap dear".into(), true, Some(2))
        );
        assert!(plan.in_order);
        let refused = |text, subject| planned(text, subject, "+15551234567").expect_err("refused");
        assert_eq!(refused("my Password", ""), "550 5.7.1 no passwords by SMS");
        assert_eq!(
            refused("x", "pin"),
            "550 5.7.1 no gateway can carry this message"
        );
    }

    #[test]
    fn long_texts_are_cut_and_said_to_be() {
        let plan = planned(&"word ".repeat(200), "", "+15551234567").expect("a plan");
        assert_eq!((plan.segments.len(), plan.cut), (2, true));
        assert_eq!(plan.notes, ["cut to 2 segments"]);
        let refusing = Planner {
            on_overflow: Overflow::Refuse,
            ..planner()
        };
        let to = admitted(&refusing, "<+15551234567@sms.example.com>");
        let mail = MailText {
            text: "word ".repeat(200),
            ..MailText::default()
        };
        let reply = refusing.plan(&mail, &to).expect_err("refused");
        assert_eq!(
            reply.to_string(),
            "550 5.7.1 the text is longer than the 2 SMS you may send at a time"
        );
    }

    #[test]
    fn orcpt_is_xtext() {
        let original = |arg: &str| original(&["NOTIFY=NEVER".to_owned(), arg.to_owned()]);
        for (arg, expected) in [
            (
                "ORCPT=rfc822;oncall@example.com",
                Some("oncall@example.com"),
            ),
            (
                "orcpt=RFC822;+2B15551230000@example.com",
                Some("+15551230000@example.com"),
            ),
            (
                "ORCPT=rfc822;50%25+3Doff@example.com",
                Some("50%25=off@example.com"),
            ),
            ("ORCPT=x400;oncall", None),
            ("ORCPT=oncall@example.com", None),
        ] {
            assert_eq!(original(arg).as_deref(), expected, "{arg}");
        }
    }

    #[test]
    fn a_repeat_is_known_by_what_the_client_wrote() {
        let planner = planner();
        let to = admitted(&planner, "<+15551234567@sms.example.com>");
        let key = |queue_id: &str, message_id: Option<&str>, body: &str| {
            let mut headers = vec![(b"Date".to_vec(), b"today".to_vec())];
            headers.extend(message_id.map(|id| (b"Message-ID".to_vec(), id.as_bytes().to_vec())));
            let mail = RawMail {
                headers,
                body: body.into(),
                truncated: false,
            };
            let envelope = Envelope {
                queue_id: Some(queue_id.into()),
                ..Envelope::default()
            };
            repeat_key(&envelope, &mail, &to)
        };
        let first = key("Q1", Some("<a@b>"), "text");
        assert!(!first.1);
        assert_eq!(
            first,
            key("Q2", Some("<a@b>"), "text"),
            "a new queue id is the same mail"
        );
        assert_ne!(first.0, key("Q1", Some("<a@b>"), "other").0);
        assert_ne!(first.0, key("Q1", Some("<c@b>"), "text").0);
        // The MTA made this id up in this attempt, and would make up another in the next.
        let made_up = key("Q1", Some("<2026.Q1@mta>"), "text");
        assert!(made_up.1);
        assert_eq!(made_up, key("Q2", Some("<2026.Q2@mta>"), "text"));
        assert_eq!(made_up, key("Q3", None, "text"));
    }
}
