//! Which envelope recipients are ours, and what they name (spec 2).
//!
//! Only a strict `<local@domain>` can be ours: the MTA finds no other when it is told to delete it.
//! What is not ours is never touched, whatever it looks like. The RCPT argument is what is read,
//! never `{rcpt_addr}`, which MTAs lower-case.

mod account;
mod parameters;

use crate::mail::Reply;
use crate::sms::{Number, Region};

pub use account::{MAX_NUMBERS, numbers};
pub use parameters::{Credentials, ParameterError, Parameters, Verbatim, shown};

/// A longer RCPT argument is no address (RFC 5321 §4.5.3.1.3 has 256 for a path; parameters in a
/// quoted local part may take more).
const MAX_ADDRESS: usize = 1024;

/// What follows `sms+` is a number only from here on, so that `sms-team@` and `sms+1@` stay mail.
const MIN_PLUS_DIGITS: usize = 5;

/// A mail domain and the SMS domain beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// `example.com`, lower case.
    pub mail: String,
    /// `sms.example.com`, lower case.
    pub sms: String,
    /// How national numbers are read.
    pub region: Region,
}

/// Section `addresses` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// At least one.
    pub domains: Vec<Domain>,
    /// `sms` of `sms:NUMBER@example.com`, lower case.
    pub prefix: String,
    /// `sms` of `sms@example.com`, lower case.
    pub account: String,
    /// `+NUMBER@example.com` is ours too.
    pub plus_numbers: bool,
}

/// What an address of ours names.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A phone.
    Number(Number),
    /// The phone of this user of the mail domain: local part, lower case.
    User(String),
    /// The account with this address, lower case: [`numbers`] finds the numbers in the mail's header.
    Account(String),
}

/// A recipient, read.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipient {
    /// Ordinary mail.
    NotOurs,
    /// Ours.
    Ours {
        /// What it names.
        target: Target,
        /// Which of [`Settings::domains`].
        domain: usize,
        /// What stands after `?`.
        parameters: Parameters,
    },
    /// Ours, but wrong.
    Wrong(Reply),
}

impl Settings {
    /// Reads a RCPT argument. `bare`: it comes without `<>` from a local submission.
    pub fn read(&self, rcpt: &str, bare: bool) -> Recipient {
        // At an SMS domain nobody else would refuse it.
        let read = (rcpt.len() <= MAX_ADDRESS).then(|| strict(rcpt, bare));
        let Some((local, domain)) = read.flatten() else {
            return self.read_odd(rcpt);
        };
        match self.find(&domain) {
            Some((index, true)) => self.read_sms(&local, index),
            Some((index, false)) => self.read_mail(&local, index),
            None => Recipient::NotOurs,
        }
    }

    /// Whether what is sent to an address would be an SMS, or nothing: none of our own mails may go there.
    pub fn is_sms(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_ours = self.read(&format!("<{address}>"), false) != Recipient::NotOurs;
        is_ours || matches!(self.find(domain), Some((_, true)))
    }

    /// The index of the domain, and whether it is the SMS domain of its pair.
    fn find(&self, domain: &str) -> Option<(usize, bool)> {
        let at = |name: fn(&Domain) -> &str| {
            self.domains
                .iter()
                .position(|d| name(d).eq_ignore_ascii_case(domain))
        };
        at(|d| &d.sms)
            .map(|i| (i, true))
            .or_else(|| at(|d| &d.mail).map(|i| (i, false)))
    }

    /// A RCPT argument that is not strict: ours to refuse if what it ends in is.
    fn read_odd(&self, rcpt: &str) -> Recipient {
        let Some((before, domain)) = rcpt.rsplit_once('@') else {
            return Recipient::NotOurs;
        };
        let domain: String = domain.chars().take_while(|&c| is_domain_char(c)).collect();
        let local = before
            .rsplit([':', '<', ' ', '"', '(', ')'])
            .next()
            .unwrap_or(before);
        let prefixed = before
            .to_ascii_lowercase()
            .contains(&format!("{}:", self.prefix));
        let ours = match self.find(domain.trim_end_matches('.')) {
            Some((_, true)) => !is_ordinary(local),
            Some((_, false)) => prefixed || local.eq_ignore_ascii_case(&self.account),
            None => false,
        };
        if !ours {
            return Recipient::NotOurs;
        }
        Recipient::Wrong(Reply::new(
            553,
            "5.1.3",
            "write the SMS recipient as <NUMBER@DOMAIN>, nothing around it",
        ))
    }

    fn read_sms(&self, local: &str, domain: usize) -> Recipient {
        if is_ordinary(local) {
            return Recipient::NotOurs;
        }
        let host = &self.domains[domain].sms;
        self.read_common(local, domain, host).unwrap_or_else(|| {
            let (name, _) = split(local);
            if looks_like_number(name) {
                return self.number(name, local, domain);
            }
            ours(Target::User(name.to_lowercase()), local, domain)
        })
    }

    fn read_mail(&self, local: &str, domain: usize) -> Recipient {
        let host = &self.domains[domain].mail;
        if let Some(read) = self.read_common(local, domain, host) {
            return read;
        }
        match split(local).0.strip_prefix('+') {
            Some(digits) if self.plus_numbers && is_plus_number(digits) => {
                self.number(&format!("+{digits}"), local, domain)
            }
            _ => Recipient::NotOurs,
        }
    }

    /// The forms that both domains of a pair have: prefix, prefix with plus, account.
    fn read_common(&self, local: &str, domain: usize, host: &str) -> Option<Recipient> {
        let (name, _) = split(local);
        if let Some((word, number)) = name.split_once(':')
            && word.eq_ignore_ascii_case(&self.prefix)
        {
            return Some(self.number(number, local, domain));
        }
        if let Some((word, digits)) = name.split_once('+')
            && word.eq_ignore_ascii_case(&self.prefix)
            && is_plus_number(digits)
        {
            return Some(self.number(&format!("+{digits}"), local, domain));
        }
        let is_account = name.eq_ignore_ascii_case(&self.account);
        let account = || Target::Account(format!("{}@{host}", self.account));
        is_account.then(|| ours(account(), local, domain))
    }

    fn number(&self, number: &str, local: &str, domain: usize) -> Recipient {
        if number.is_empty() {
            let text = format!("a phone number is missing after {}:", self.prefix);
            return Recipient::Wrong(Reply::new(550, "5.1.1", text));
        }
        match Number::parse(number, self.domains[domain].region) {
            Ok(number) => ours(Target::Number(number), local, domain),
            Err(error) => Recipient::Wrong(Reply::new(550, "5.1.1", error.to_string())),
        }
    }
}

/// What stands before `?`, and what behind it.
fn split(local: &str) -> (&str, Option<&str>) {
    match local.split_once('?') {
        Some((name, parameters)) => (name, Some(parameters)),
        None => (local, None),
    }
}

/// A recipient of ours, if its parameters are right.
fn ours(target: Target, local: &str, domain: usize) -> Recipient {
    match split(local)
        .1
        .map_or_else(|| Ok(Parameters::default()), Parameters::parse)
    {
        Ok(parameters) => Recipient::Ours {
            target,
            domain,
            parameters,
        },
        Err(error) => Recipient::Wrong(Reply::new(550, "5.1.3", error.to_string())),
    }
}

fn is_plus_number(digits: &str) -> bool {
    digits.len() >= MIN_PLUS_DIGITS && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Local part (unquoted) and domain of `<local@domain>`; `None` when it is anything else.
fn strict(rcpt: &str, bare: bool) -> Option<(String, String)> {
    let inner = match rcpt.strip_prefix('<') {
        Some(rest) => rest.strip_suffix('>')?,
        None if bare => rcpt,
        None => return None,
    };
    let (local, domain) = match inner.strip_prefix('"') {
        Some(rest) => unquote(rest)?,
        None => {
            let (local, domain) = inner.split_once('@')?;
            let plain =
                |c: char| !(c.is_control() || c.is_whitespace() || "<>()[]\\,;\"@".contains(c));
            (!local.is_empty() && local.chars().all(plain)).then(|| (local.to_owned(), domain))?
        }
    };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    (!domain.is_empty() && domain.chars().all(is_domain_char)).then(|| (local, domain.to_owned()))
}

fn is_domain_char(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '.' || c == '_'
}

/// The text of a quoted string up to its closing quote, and the domain behind `@` (RFC 5321 §4.1.2).
fn unquote(rest: &str) -> Option<(String, &str)> {
    let mut local = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => local.push(chars.next()?.1),
            '"' => {
                return rest[at + 1..]
                    .strip_prefix('@')
                    .map(|domain| (local, domain));
            }
            c if c.is_control() => return None,
            c => local.push(c),
        }
    }
    None
}

/// RFC 2142 names stay mail, on an SMS domain too.
fn is_ordinary(local: &str) -> bool {
    ["postmaster", "abuse"]
        .iter()
        .any(|name| local.eq_ignore_ascii_case(name))
}

/// Begins like a number, so that a wrong one is called a wrong number and not an unknown user.
fn looks_like_number(local: &str) -> bool {
    let digits = local.chars().filter(char::is_ascii_digit).count();
    let letters = local.chars().any(char::is_alphabetic);
    local.starts_with('+') || digits > 0 && !letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings() -> Settings {
        let region = |code| Region::parse(code).expect("region");
        let domain = |mail: &str, code| Domain {
            mail: mail.into(),
            sms: format!("sms.{mail}"),
            region: region(code),
        };
        Settings {
            domains: vec![domain("example.com", "US"), domain("example.org", "CZ")],
            prefix: "sms".into(),
            account: "sms".into(),
            plus_numbers: false,
        }
    }

    fn words(recipient: Recipient) -> String {
        match recipient {
            Recipient::NotOurs => "mail".into(),
            Recipient::Ours {
                target,
                domain,
                parameters,
            } => {
                let target = match target {
                    Target::Number(number) => number.to_string(),
                    Target::User(user) => format!("user {user}"),
                    Target::Account(address) => format!("account {address}"),
                };
                let user = parameters.credentials.user.map(|user| ("user", user));
                let more = user.into_iter().chain(parameters.wishes);
                let more: String = more.map(|(n, v)| format!(" {n}={v}")).collect();
                format!("{target} {domain}{more}")
            }
            Recipient::Wrong(reply) => reply.to_string(),
        }
    }

    #[test]
    fn reads_recipients() {
        let odd = "553 5.1.3 write the SMS recipient as <NUMBER@DOMAIN>, nothing around it";
        for (rcpt, expected) in [
            ("<+15551234567@sms.example.com>", "+15551234567 0"),
            ("<0015551234567@sms.example.com>", "+15551234567 0"),
            ("<5551234567@SMS.Example.COM>", "+15551234567 0"),
            ("<777123456@sms.example.org>", "+420777123456 1"),
            ("<\"(555)123-4567\"@sms.example.com>", "+15551234567 0"),
            ("<\"+1 555 123 4567\"@sms.example.com>", "+15551234567 0"),
            ("<555.123.4567@sms.example.com>", "+15551234567 0"),
            ("<+1/555/1234567@sms.example.com.>", "+15551234567 0"),
            ("<ann.smith@sms.example.com>", "user ann.smith 0"),
            ("<Ann@sms.example.org>", "user ann 1"),
            ("<\"first last\"@sms.example.com>", "user first last 0"),
            ("<sms:+15551234567@example.com>", "+15551234567 0"),
            ("<\"sms:+15551234567\"@example.com>", "+15551234567 0"),
            ("<\"sms:\\+15551234567\"@example.com>", "+15551234567 0"),
            ("<SMS:+15551234567@EXAMPLE.COM>", "+15551234567 0"),
            ("<sms+15551234567@example.com>", "+15551234567 0"),
            ("<sms+15551234567@sms.example.com>", "+15551234567 0"),
            ("<sms@example.com>", "account sms@example.com 0"),
            ("<Sms@sms.example.org>", "account sms@sms.example.org 1"),
            // With parameters.
            (
                "<\"sms:+15551234567?maxmsgs=3&flash=1\"@example.com>",
                "+15551234567 0 maxmsgs=3 flash=1",
            ),
            (
                "<sms:+15551234567?user=john%example.com&pass=123@example.com>",
                "+15551234567 0 user=john@example.com",
            ),
            (
                "<sms+15551234567?flash=1@example.com>",
                "+15551234567 0 flash=1",
            ),
            (
                "<5551234567?flash=1@sms.example.com>",
                "+15551234567 0 flash=1",
            ),
            (
                "<sms:5551234567?flash=1@sms.example.com>",
                "+15551234567 0 flash=1",
            ),
            ("<Ann?flash=1@sms.example.com>", "user ann 0 flash=1"),
            (
                "<sms?flash=1@example.com>",
                "account sms@example.com 0 flash=1",
            ),
            // Not ours.
            ("<bob?flash=1@example.com>", "mail"),
            ("<sms+team@example.com>", "mail"),
            ("<sms+1234@example.com>", "mail"),
            ("<sms-team@example.com>", "mail"),
            ("<+15551234567@example.com>", "mail"),
            ("<bob@example.com>", "mail"),
            ("<+15551234567@sms.example.net>", "mail"),
            ("<postmaster@sms.example.com>", "mail"),
            ("<Abuse@sms.example.com>", "mail"),
            ("<>", "mail"),
            ("<@>", "mail"),
            ("<+15551234567@[127.0.0.1]>", "mail"),
            // Ours and wrong.
            ("<12@sms.example.com>", "550 5.1.1 12 is not a phone number"),
            (
                "<+1555@sms.example.com>",
                "550 5.1.1 +1555 is too short or too long for a phone number of its country",
            ),
            (
                "<sms:ann@example.com>",
                "550 5.1.1 ann is not a phone number",
            ),
            (
                "<sms:@example.com>",
                "550 5.1.1 a phone number is missing after sms:",
            ),
            (
                "<+15551234567?color=red@sms.example.com>",
                "550 5.1.3 parameter color is not known",
            ),
            (
                "<\"sms:+15551234567?authenticated=1&user=boss\"@example.com>",
                "550 5.1.3 parameter authenticated is never taken from an address",
            ),
            (
                "<ann?flash@sms.example.com>",
                "550 5.1.3 parameter flash has no value: write flash=VALUE",
            ),
            (
                "<sms:+15551234567?@example.com>",
                "550 5.1.3 a parameter is missing after ?",
            ),
            ("<@relay.test:sms:+15551234567@example.com>", odd),
            ("<@relay.test:+15551234567@sms.example.com>", odd),
            ("<<+15551234567@sms.example.com>>", odd),
            ("<Bob <+15551234567@sms.example.com>>", odd),
            ("<\"+15551234567@sms.example.com\">", odd),
            ("+15551234567@sms.example.com", odd),
            ("<+1 555 1234567@sms.example.com>", odd),
            ("<(c)+15551234567@sms.example.com>", odd),
            ("< +15551234567@sms.example.com >", odd),
        ] {
            assert_eq!(words(settings().read(rcpt, false)), expected, "{rcpt}");
        }
    }

    #[test]
    fn a_local_submission_writes_no_brackets() {
        for (rcpt, expected) in [
            ("+15551234567@sms.example.com", "+15551234567 0"),
            ("\"sms:+15551234567\"@example.com", "+15551234567 0"),
            ("bob@example.com", "mail"),
        ] {
            assert_eq!(words(settings().read(rcpt, true)), expected, "{rcpt}");
        }
    }

    #[test]
    fn lost_prefixes_are_taken_when_wanted() {
        let settings = Settings {
            plus_numbers: true,
            ..settings()
        };
        assert_eq!(
            words(settings.read("<+15551234567@example.com>", false)),
            "+15551234567 0"
        );
        assert_eq!(
            words(settings.read("<ann+15551234567@example.com>", false)),
            "mail"
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_read(rcpt in "\\PC{0,80}|[<>\"@:?+0-9a-z. \\\\]{0,60}", bare: bool) {
            let _ = settings().read(&rcpt, bare);
        }

        #[test]
        fn other_domains_are_never_touched(local in "[+0-9a-z:?]{1,30}") {
            let rcpt = format!("<{local}@example.net>");
            prop_assert_eq!(settings().read(&rcpt, false), Recipient::NotOurs);
        }
    }
}
