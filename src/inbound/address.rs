//! Whose an SMS is (spec 8, steps 4 to 8): tags, nickname, reply history, rules, default.
//!
//! A pure function of the text, its sender, the settings, the people known and the phone's links. It never names an
//! address that the phone made up: a `#tag#` counts only when its domain is one of our mail domains or
//! one that the admin listed, and an SMS domain never is (a phone could have SMS sent at our cost).

use crate::access::User;
use crate::access::found::Known;
use crate::rules::{Delivery, Facts, Forward};
use crate::sms::{Number, Party};
use crate::store::Link;

use super::{OnConflict, Settings};

/// An SMS names no more recipients than this by tags: one SMS must not become a mass mailing. Tags
/// beyond it stay in the text.
const MAX_TAGS: usize = 10;

/// A longer path is none (RFC 5321 §4.5.3.1.3, without the brackets).
const MAX_ADDRESS: usize = 254;

/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL: usize = 64;

/// RFC 1035 §2.3.4.
const MAX_LABEL: usize = 63;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who sent it.
    pub from: &'a Party,
    /// By which gateway it came.
    pub gateway: &'a str,
    /// Our number, if known: what the network said, else the gateway's own.
    pub ours: Option<&'a Number>,
    /// The text.
    pub text: &'a str,
    /// The phone's links that are still open, newest first.
    pub links: &'a [Link],
}

/// Whose it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// These get it.
    To(Addressed),
    /// Several wrote to the phone: it is to say whom it means.
    Ask {
        /// Who wrote, newest first.
        candidates: Vec<Recipient>,
    },
    /// A rule says that nobody gets it.
    Drop,
    /// Nobody was found.
    Undeliverable,
}

/// Recipients and what they read.
#[derive(Clone, Debug, PartialEq)]
pub struct Addressed {
    /// At least one, if it goes on to no phone.
    pub recipients: Vec<Recipient>,
    /// The phones it goes on to.
    pub forward: Option<Forward>,
    /// The text, without what only said where it goes.
    pub text: String,
    /// There was nothing else in it: it may be the answer to our question. `text` is then whole.
    pub bare: bool,
    /// What decided.
    pub why: Why,
}

/// One who gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipient {
    /// A mail address.
    pub address: String,
    /// The mail that this SMS seems to answer.
    pub link: Option<Link>,
}

/// What decided whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A `#tag#`.
    Tag,
    /// The first word.
    Nickname,
    /// Who wrote to the phone.
    History,
    /// A rule.
    Rule,
    /// The default recipient.
    Default,
}

impl Why {
    /// The phone itself said whom it means.
    pub fn is_explicit(self) -> bool {
        matches!(self, Why::Tag | Why::Nickname)
    }

    /// The word in log lines.
    pub fn name(self) -> &'static str {
        match self {
            Why::Tag => "tag",
            Why::Nickname => "nickname",
            Why::History => "history",
            Why::Rule => "rule",
            Why::Default => "default",
        }
    }
}

/// Decides whose an SMS is; the first that answers wins.
pub fn decide(question: &Question, settings: &Settings, known: Known<'_>) -> Decision {
    let tags = if settings.email_tags {
        find_tags(question.text, settings, known)
    } else {
        Tags::none(question.text)
    };
    if !tags.addresses.is_empty() {
        return explicit(question, tags.addresses, tags.rest, Why::Tag, known);
    }
    // Who was named and may not be is not answered by a guess.
    if !tags.foreign {
        if let Some((person, rest)) = nickname(question.text, settings, known) {
            let text = if settings.strip_nickname {
                rest
            } else {
                question.text
            };
            let to = vec![person.email.clone()];
            let mut decision = explicit(question, to, text.to_owned(), Why::Nickname, known);
            if let Decision::To(addressed) = &mut decision
                && rest.is_empty()
            {
                addressed.bare = true;
            }
            return decision;
        }
        if let Some(decision) = history(question, settings, known) {
            return decision;
        }
    }
    by_rule(question, settings, known).unwrap_or_else(|| by_default(question, settings, known))
}

/// The default recipient's, of the gateway or of all; or nobody's.
pub fn by_default(question: &Question, settings: &Settings, known: Known<'_>) -> Decision {
    let line = settings.gateways.get(question.gateway);
    let own = line.and_then(|line| line.default.as_ref());
    match own.or(settings.default.as_ref()) {
        Some(address) => to(question, std::slice::from_ref(address), Why::Default, known),
        None => Decision::Undeliverable,
    }
}

fn to(question: &Question, addresses: &[String], why: Why, known: Known<'_>) -> Decision {
    Decision::To(Addressed {
        recipients: recipients(question, addresses, known),
        forward: None,
        text: question.text.to_owned(),
        bare: false,
        why,
    })
}

/// Each with the last mail that they themselves wrote to the phone.
fn recipients(question: &Question, addresses: &[String], known: Known<'_>) -> Vec<Recipient> {
    let wrote = |address: &str| {
        let same = |link: &&Link| known.is_same(&link.sender, address);
        question.links.iter().find(same).cloned()
    };
    let recipient = |address: &String| Recipient {
        address: address.clone(),
        link: wrote(address),
    };
    addresses.iter().map(recipient).collect()
}

fn explicit(
    question: &Question,
    addresses: Vec<String>,
    rest: String,
    why: Why,
    known: Known<'_>,
) -> Decision {
    let bare = rest.trim().is_empty();
    Decision::To(Addressed {
        recipients: recipients(question, &addresses, known),
        forward: None,
        // A phone that sent a name and nothing else said something all the same.
        text: if bare { question.text.to_owned() } else { rest },
        bare,
        why,
    })
}

/// What the tags of a text say.
struct Tags {
    addresses: Vec<String>,
    /// The text without the tags that counted.
    rest: String,
    /// Somebody was named whom a phone may not name.
    foreign: bool,
}

impl Tags {
    fn none(text: &str) -> Self {
        Self {
            addresses: Vec::new(),
            rest: text.to_owned(),
            foreign: false,
        }
    }
}

fn find_tags(text: &str, settings: &Settings, known: Known<'_>) -> Tags {
    let mut found = Tags {
        addresses: Vec::new(),
        rest: String::new(),
        foreign: false,
    };
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('#') {
        let Some((inner, behind)) = after.split_once('#') else {
            break;
        };
        found.rest.push_str(before);
        match tag(inner, settings, known) {
            Some(address) if found.addresses.len() < MAX_TAGS => {
                if !found
                    .addresses
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&address))
                {
                    found.addresses.push(address);
                }
                // `Hello #ann# there` keeps one blank of the two, `#ann# hello` none.
                let at_start = found.rest.is_empty() || found.rest.ends_with(char::is_whitespace);
                rest = if at_start {
                    behind.trim_start_matches(' ')
                } else {
                    behind
                };
            }
            _ => {
                found.foreign |= inner.contains('@') && !inner.contains(char::is_whitespace);
                found.rest.push('#');
                rest = after;
            }
        }
    }
    found.rest.push_str(rest);
    if !found.addresses.is_empty() {
        found.rest.truncate(found.rest.trim_end().len());
    }
    found
}

/// Whom `#inner#` names, if it may.
fn tag(inner: &str, settings: &Settings, known: Known<'_>) -> Option<String> {
    if !inner.contains('@') {
        return person_called(inner, settings, known).map(|person| person.email.clone());
    }
    let (_, domain) = strict_address(inner)?;
    let is = |name: &String| name.eq_ignore_ascii_case(domain);
    let ours = settings.domains.iter().any(|(mail, _)| is(mail)) || settings.relay.iter().any(is);
    let sms = settings.domains.iter().any(|(_, sms)| is(sms));
    (ours && !sms).then(|| inner.to_owned())
}

/// Local part and domain of an address that no two parsers can read in two ways (T16, T22): letters,
/// digits and `._+-=&'~` in a dot-atom, a dotted name of letters, digits and hyphens. No quotes,
/// comments, literals, `%` or `!` routes, encoded words, pipes or paths; nothing that begins with `-`.
pub fn strict_address(text: &str) -> Option<(&str, &str)> {
    if text.len() > MAX_ADDRESS {
        return None;
    }
    let (local, domain) = text.split_once('@')?;
    let atom = |part: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_+-=&'~".contains(&b);
        !part.is_empty() && part.bytes().all(fits)
    };
    let label = |part: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        (1..=MAX_LABEL).contains(&part.len())
            && part.bytes().all(fits)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let local_fits =
        local.len() <= MAX_LOCAL && !local.starts_with('-') && local.split('.').all(atom);
    let domain_fits = domain.contains('.') && domain.split('.').all(label);
    (local_fits && domain_fits).then_some((local, domain))
}

fn person_called<'a>(name: &str, settings: &Settings, known: Known<'a>) -> Option<&'a User> {
    known.nicknamed(name, settings.domains.iter().map(|(mail, _)| mail.as_str()))
}

/// The user whose nickname is the first word, and what follows it.
fn nickname<'a, 'b>(
    text: &'a str,
    settings: &Settings,
    known: Known<'b>,
) -> Option<(&'b User, &'a str)> {
    if !settings.nicknames {
        return None;
    }
    let text = text.trim();
    let ends = |c: char| c.is_whitespace() || matches!(c, ':' | ',');
    let (word, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    let person = person_called(word, settings, known)?;
    Some((person, rest.trim_start_matches(ends)))
}

/// Whoever wrote to this phone from this number; if nobody did, from any of our numbers.
fn history(question: &Question, settings: &Settings, known: Known<'_>) -> Option<Decision> {
    let here: Vec<&Link> = question
        .links
        .iter()
        .filter(|link| link.ours.as_ref() == question.ours)
        .collect();
    let open = if here.is_empty() {
        question.links.iter().collect()
    } else {
        here
    };
    let mut candidates: Vec<Recipient> = Vec::new();
    for link in open {
        let same = |r: &Recipient| known.is_same(&r.address, &link.sender);
        if !candidates.iter().any(same) {
            let address = link.sender.clone();
            candidates.push(Recipient {
                address,
                link: Some(link.clone()),
            });
        }
    }
    let all = |recipients| {
        let text = question.text.to_owned();
        Decision::To(Addressed {
            recipients,
            forward: None,
            text,
            bare: false,
            why: Why::History,
        })
    };
    match (candidates.len(), settings.on_conflict) {
        (0, _) => None,
        (1, _) | (_, OnConflict::All) => Some(all(candidates)),
        (_, OnConflict::Last) => {
            candidates.truncate(1);
            Some(all(candidates))
        }
        // Our own question come back: two of us would ask each other for ever (T15, T20).
        (_, OnConflict::Ask) if question.text.trim() == settings.conflict_text.trim() => None,
        (_, OnConflict::Ask) => Some(Decision::Ask { candidates }),
    }
}

fn by_rule(question: &Question, settings: &Settings, known: Known<'_>) -> Option<Decision> {
    let from = question.from.to_string();
    let facts = Facts {
        from: &from,
        to: question.ours.map_or("", Number::as_str),
        text: question.text,
        gateway: question.gateway,
        ..Facts::default()
    };
    let rule = settings.rules.iter().find(|rule| rule.when.holds(&facts))?;
    Some(match &rule.action {
        Delivery::Drop => Decision::Drop,
        Delivery::Deliver(addresses, forward) => Decision::To(Addressed {
            recipients: recipients(question, addresses, known),
            forward: forward.clone(),
            text: question.text.to_owned(),
            bare: false,
            why: Why::Rule,
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::access::found::Found;
    use crate::inbound::tests::{link, number, settings};
    use crate::rules::{Condition, Field, IncomingRule};

    const PHONE: &str = "+15551234567";
    const OURS: &str = "+15550002222";

    fn ask(text: &str, links: &[Link], settings: &Settings) -> Decision {
        let from = Party::Number(number(PHONE));
        let ours = number(OURS);
        let question = Question {
            from: &from,
            gateway: "hall",
            ours: Some(&ours),
            text,
            links,
        };
        decide(
            &question,
            settings,
            Known::new(&settings.people, &Found::default()),
        )
    }

    fn shown(decision: Decision) -> String {
        let names = |recipients: Vec<Recipient>| {
            let name = |r: Recipient| {
                let thread = r.link.and_then(|l| l.message_id);
                r.address + &thread.map(|id| format!("<{id}>")).unwrap_or_default()
            };
            recipients
                .into_iter()
                .map(name)
                .collect::<Vec<_>>()
                .join(",")
        };
        match decision {
            Decision::To(a) => format!("{} {} {}", a.why.name(), names(a.recipients), a.text),
            Decision::Ask { candidates } => format!("ask {}", names(candidates)),
            Decision::Drop => "drop".to_owned(),
            Decision::Undeliverable => "nobody".to_owned(),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(ask(text, &[], &settings())), expected, "{text}");
    }

    #[test]
    fn tags() {
        check("#ann@example.com# hi", "tag ann@example.com hi");
        check("hi #ann@example.com# you", "tag ann@example.com hi you");
        check("hi#ann@example.com#", "tag ann@example.com hi");
        check("#Ann@Example.COM#hi", "tag Ann@Example.COM hi");
        check(
            "#ann@example.com# #bob@example.org# x",
            "tag ann@example.com,bob@example.org x",
        );
        check(
            "#ann@example.com##ANN@example.com# x",
            "tag ann@example.com x",
        );
        check("#ann# hi", "tag ann.smith@example.com hi");
        check("#ANN# hi", "tag ann.smith@example.com hi");
        check("#1 and #2", "default reception@example.com #1 and #2");
        check("#1 and #bob# x", "tag bob@example.com #1 and x");
        check("#x@partner.example# hi", "tag x@partner.example hi");
        check("#ann@example.com#", "tag ann@example.com #ann@example.com#");
        check("line\n#ann# two", "tag ann.smith@example.com line\ntwo");
    }

    /// One SMS is no mass mailing: ten get it, and the rest of the tags are text.
    #[test]
    fn only_so_many_tags_count() {
        let tags = |numbers: std::ops::Range<usize>| {
            let tags = numbers.map(|n| format!("#x{n}@example.com#"));
            tags.collect::<Vec<_>>().join(" ")
        };
        let ten: Vec<_> = (0..10).map(|n| format!("x{n}@example.com")).collect();
        let expected = format!("tag {} {} hi", ten.join(","), tags(10..13));
        check(&format!("{} hi", tags(0..13)), &expected);
    }

    /// Not even when an admin lists it by mistake: a phone would have SMS sent at our cost.
    #[test]
    fn no_tag_names_an_sms_address() {
        let mut settings = settings();
        settings.relay.push("sms.example.com".to_owned());
        let text = "#+15551234567@SMS.example.com# hi";
        assert_eq!(
            shown(ask(text, &[], &settings)),
            format!("default reception@example.com {text}")
        );
    }

    #[test]
    fn foreign_tags_are_nobodys_but_the_default_recipients() {
        for tag in [
            "victim@any.domain",
            "ann@example.com,b@foreign.example",
            "ann%foreign.example@example.com",
            "foreign.example!ann@example.com",
            "\"ann\"@example.com",
            "ann@[127.0.0.1]",
            "ann@example.com@foreign.example",
            "+15551234567@sms.example.com",
            "-Xlog@example.com",
            "=?utf-8?q?a=40b?=@example.com",
            "ann(c)@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "|sh@example.com",
            "/etc/x@example.com",
            "ann@example.com.",
            "ann@-example.com",
            "\u{e4}nn@example.com",
            "@example.com",
            "ann@",
        ] {
            let text = format!("#{tag}# hi");
            let links = [link(OURS, "bob@example.com", "m1", 10)];
            let expected = format!("default reception@example.com {text}");
            assert_eq!(shown(ask(&text, &links, &settings())), expected, "{tag}");
        }
    }

    #[test]
    fn a_tag_threads_with_the_mail_of_whom_it_names() {
        let links = [
            link(OURS, "bob@example.com", "m2", 20),
            link(OURS, "ann.smith@example.com", "m1", 10),
        ];
        let said = |text| shown(ask(text, &links, &settings()));
        assert_eq!(said("#ann# x"), "tag ann.smith@example.com<m1> x");
        assert_eq!(said("bob, x"), "nickname bob@example.com<m2> x");
    }

    #[test]
    fn nicknames() {
        check("ann hi there", "nickname ann.smith@example.com hi there");
        check("Ann: hi", "nickname ann.smith@example.com hi");
        check(" ann, hi", "nickname ann.smith@example.com hi");
        check("ann", "nickname ann.smith@example.com ann");
        check("ANN:hi, you", "nickname ann.smith@example.com hi, you");
        check("ann , hi", "nickname ann.smith@example.com hi");
        check("ann.hi", "default reception@example.com ann.hi");
        check("anna hi", "default reception@example.com anna hi");
        check("hi ann", "default reception@example.com hi ann");
        let mut whole = settings();
        whole.strip_nickname = false;
        assert_eq!(
            shown(ask("Ann: hi", &[], &whole)),
            "nickname ann.smith@example.com Ann: hi"
        );
        let Decision::To(bare) = ask("Ann:", &[], &whole) else {
            panic!("addressed")
        };
        assert!(bare.bare);
        whole.nicknames = false;
        assert_eq!(
            shown(ask("ann hi", &[], &whole)),
            "default reception@example.com ann hi"
        );
        whole.email_tags = false;
        assert_eq!(
            shown(ask("#ann# hi", &[], &whole)),
            "default reception@example.com #ann# hi"
        );
    }

    #[test]
    fn reply_history() {
        let ann = link(OURS, "ann.smith@example.com", "m1", 10);
        let alias = link(OURS, "asmith@example.com", "m2", 20);
        let bob = link(OURS, "bob@example.com", "m3", 30);
        let elsewhere = link("+15550003333", "eve@example.com", "m4", 40);
        let said = |on_conflict, links: &[&Link]| {
            let links: Vec<Link> = links.iter().map(|&l| l.clone()).collect();
            shown(ask(
                "yes",
                &links,
                &Settings {
                    on_conflict,
                    ..settings()
                },
            ))
        };
        use OnConflict::{All, Ask, Last};
        assert_eq!(said(Ask, &[&ann]), "history ann.smith@example.com<m1> yes");
        assert_eq!(
            said(Ask, &[&alias, &ann]),
            "history asmith@example.com<m2> yes"
        );
        assert_eq!(
            said(Ask, &[&elsewhere, &ann]),
            "history ann.smith@example.com<m1> yes"
        );
        assert_eq!(said(Ask, &[&elsewhere]), "history eve@example.com<m4> yes");
        assert_eq!(
            said(Ask, &[&bob, &ann]),
            "ask bob@example.com<m3>,ann.smith@example.com<m1>"
        );
        assert_eq!(said(Last, &[&bob, &ann]), "history bob@example.com<m3> yes");
        assert_eq!(
            said(All, &[&bob, &ann]),
            "history bob@example.com<m3>,ann.smith@example.com<m1> yes"
        );
        let ours = settings().conflict_text;
        let links = [bob.clone(), ann.clone()];
        let decision = ask(&ours, &links, &settings());
        assert!(matches!(
            decision,
            Decision::To(Addressed {
                why: Why::Default,
                ..
            })
        ));
    }

    #[test]
    fn rules_and_nobody() {
        let pattern = |field, text| Condition::pattern(field, text).expect("pattern");
        let deliver = |to: &str| Delivery::Deliver(vec![to.to_owned()], None);
        let mut settings = settings();
        settings.rules = vec![
            IncomingRule {
                when: pattern(Field::Text, "(?i)lottery"),
                action: Delivery::Drop,
            },
            IncomingRule {
                when: Condition::All(vec![
                    pattern(Field::From, "^\\+1555"),
                    pattern(Field::Text, "(?i)^alarm"),
                ]),
                action: deliver("oncall@example.com"),
            },
            IncomingRule {
                when: pattern(Field::Gateway, "lab"),
                action: deliver("lab@example.com"),
            },
        ];
        let said = |text, settings: &Settings| shown(ask(text, &[], settings));
        assert_eq!(
            said("Alarm 7", &settings),
            "rule oncall@example.com Alarm 7"
        );
        assert_eq!(said("you won the LOTTERY", &settings), "drop");
        assert_eq!(
            said("no alarm", &settings),
            "default reception@example.com no alarm"
        );
        let line = settings.gateways.get_mut("hall").expect("a gateway");
        line.default = Some("hall@example.com".to_owned());
        assert_eq!(
            said("no alarm", &settings),
            "default hall@example.com no alarm"
        );
        settings.default = None;
        assert_eq!(
            said("no alarm", &settings),
            "default hall@example.com no alarm"
        );
        settings.gateways.clear();
        assert_eq!(said("no alarm", &settings), "nobody");
        // Who is told by a rule or by default, and wrote to the phone, has it in the same thread.
        let links = [
            link(OURS, "bob@example.com", "m2", 20),
            link(OURS, "oncall@example.com", "m1", 10),
        ];
        settings.on_conflict = OnConflict::Ask;
        let from = Party::Number(number(PHONE));
        let question = Question {
            from: &from,
            gateway: "hall",
            ours: None,
            text: "alarm",
            links: &links,
        };
        let found = Found::default();
        let known = Known::new(&settings.people, &found);
        let ruled = by_rule(&question, &settings, known).expect("a rule");
        assert_eq!(shown(ruled), "rule oncall@example.com<m1> alarm");
        settings.default = Some("bob@example.com".to_owned());
        let known = Known::new(&settings.people, &found);
        let default = by_default(&question, &settings, known);
        assert_eq!(shown(default), "default bob@example.com<m2> alarm");
    }

    /// Tags, nicknames and history come first; what goes on to phones has its mails beside it.
    #[test]
    fn a_rule_sends_on_to_phones() {
        let mut settings = settings();
        let forward = Forward {
            to: vec![number("+15551230000")],
            charge: "bob@example.com".to_owned(),
        };
        settings.rules = vec![IncomingRule {
            when: Condition::Any,
            action: Delivery::Deliver(vec!["oncall@example.com".to_owned()], Some(forward.clone())),
        }];
        let links = [link(OURS, "ann.smith@example.com", "m1", 10)];
        for (text, links, expected) in [
            ("fire", &[][..], Some(&forward)),
            ("#bob# fire", &[], None),
            ("ann fire", &[], None),
            ("fire", &links[..], None),
        ] {
            let Decision::To(to) = ask(text, links, &settings) else {
                panic!("{text}: addressed")
            };
            assert_eq!(to.forward.as_ref(), expected, "{text}");
            let recipients: Vec<_> = to.recipients.iter().map(|r| &r.address).collect();
            assert_eq!(recipients.len(), 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_reaches_a_foreign_domain(
            text in "([#@a-z.,%!\" ]|example\\.com|sms\\.example\\.com|foreign\\.example|#){0,40}|\\PC*",
        ) {
            if let Decision::To(addressed) = ask(&text, &[], &settings()) {
                prop_assert!(!addressed.recipients.is_empty());
                prop_assert!(addressed.recipients.len() <= MAX_TAGS);
                for recipient in addressed.recipients {
                    let (_, domain) = recipient.address.rsplit_once('@').expect("an address");
                    let ours = ["example.com", "example.org", "partner.example"];
                    prop_assert!(ours.iter().any(|our| our.eq_ignore_ascii_case(domain)));
                    prop_assert!(strict_address(&recipient.address).is_some());
                }
            }
        }

        #[test]
        fn a_strict_address_has_one_reading(text in "[ -~]{0,30}|[a-z.]{1,8}@[a-z.]{1,8}") {
            if let Some((local, domain)) = strict_address(&text) {
                prop_assert_eq!(format!("{local}@{domain}"), text.clone());
                prop_assert!(text.parse::<lettre::Address>().is_ok());
            }
        }
    }
}
