//! A recipient that is a name: a user, a contact or a group of the phonebook, or the address that answers to
//! a question of ours go to (spec 2, 3.1). Pure.
//!
//! A name belongs to a pair of mail and SMS domain, as users do: two companies that share a gateway have
//! phonebooks of their own. A user of the configuration wins over a contact or group of the same name,
//! and a `mobile` of the configuration over a learned number.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::admit::{Admitted, Answering, Asked, Asker, Crew, Person, Source, Taken, alike};
use super::lookup::Known;
use super::plan::Planner;
use crate::access::Payer;
use crate::access::credentials::Shown;
use crate::mail::compose::NO_REPLY;
use crate::mail::{Envelope, Reply};
use crate::sms::Number;
use crate::store::phonebook::{Entry, Group, Listing, Member};

/// Random octets of the code in an address that answers go to (threats T13, T14).
pub const CODE: usize = 16;

/// What such an address begins with.
const ASK: &str = "ask-";

/// RFC 4648 §6, in lower case: mail servers change the case of addresses.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of a code: 5 bits each.
const WRITTEN: usize = (CODE * 8).div_ceil(5);

/// The local part that an answer to a question with this code goes to.
pub fn answers_to(code: &[u8; CODE]) -> String {
    let bits = u128::from_be_bytes(*code);
    let digit = |at: usize| {
        let shift = 5 * (WRITTEN - 1 - at);
        char::from(BASE32[(bits >> shift) as usize & 31])
    };
    ASK.chars().chain((0..WRITTEN).map(digit)).collect()
}

/// What is kept of the code in a local part (lower case); `None`: it is another name.
pub fn code_of(local: &str) -> Option<[u8; 32]> {
    let code = local.strip_prefix(ASK)?;
    let is_code = code.len() == WRITTEN && code.bytes().all(|b| BASE32.contains(&b));
    is_code.then(|| Sha256::digest(code).into())
}

fn unknown(text: String) -> Reply {
    Reply::new(550, "5.1.1", text)
}

/// One for every cause: who guesses learns nothing.
fn no_question() -> Reply {
    unknown("this question is not open: it was answered, or its time is over".into())
}

impl Planner {
    /// What a name leads to. `local`: the local part, lower case.
    pub(super) fn name(
        &self,
        envelope: &Envelope,
        local: &str,
        mut asked: Asked,
        known: &Known,
        now: Timestamp,
    ) -> Result<Taken, Reply> {
        let domain = &self.addresses.domains[asked.domain];
        // What mails of an alphanumeric sender are from (spec 8.2): no user is called so.
        if local == NO_REPLY {
            let text = "this SMS came from a name, not from a number: it cannot be answered";
            return Err(unknown(text.into()));
        }
        if let Some(code) = code_of(local) {
            return self.answering(envelope, code, asked, known, now);
        }
        let user = self.access.user_called(local, &domain.mail);
        asked.to_user = user.is_some();
        let address = match user {
            Some(user) => user.email.clone(),
            None => format!("{local}@{}", domain.mail),
        };
        if let Some(number) = user.and_then(|user| user.mobile.clone()) {
            let number = Some((number, Source::Configuration));
            return self.person(envelope, address, None, number, asked, now);
        }
        match (user, known.listing(&address)) {
            (None, None) => Err(unknown(format!("{local}@{}: no such user", domain.sms))),
            (None, Some(Listing::Group(group))) => self.crew(envelope, group, &asked, known, now),
            (_, Some(Listing::Entry(entry))) => {
                let number = Some((entry.number.clone(), Source::Phonebook));
                self.person(envelope, address, Some(entry.clone()), number, asked, now)
            }
            (Some(_), None | Some(Listing::Group(_))) => {
                self.person(envelope, address, None, None, asked, now)
            }
        }
    }

    fn person(
        &self,
        envelope: &Envelope,
        address: String,
        entry: Option<Entry>,
        number: Option<(Number, Source)>,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Taken, Reply> {
        let admitted = match &number {
            Some((number, _)) => Some(self.admit(envelope, number.clone(), &asked, now)?),
            None => None,
        };
        let payer = match &admitted {
            Some(admitted) => admitted.payer.clone(),
            None => {
                let original = asked.dsn.original_address();
                let payer = self
                    .access
                    .who_at_all(envelope, &asked.shown, original, now)?;
                self.granted(&asked.wishes, &payer, Asker::Mail)?;
                payer
            }
        };
        match admitted {
            Some(admitted) if !self.teaches(envelope, &asked, &payer) => {
                Ok(Taken::Number(admitted))
            }
            None if !self.teaches(envelope, &asked, &payer) => {
                Err(unknown(format!("{address} has no mobile number here")))
            }
            admitted => Ok(Taken::Person(Box::new(Person {
                address,
                entry,
                number,
                admitted,
                asked,
                payer,
            }))),
        }
    }

    /// Whether the sender may teach us numbers: by right, and known by more than an address that anybody
    /// may write (ORCPT) or a password that everybody on the way has read.
    fn teaches(&self, envelope: &Envelope, asked: &Asked, payer: &Payer) -> bool {
        let proven = !self.access.is_resubmission(envelope) && asked.shown == Shown::Nothing;
        payer.policy.phonebook && proven
    }

    fn crew(
        &self,
        envelope: &Envelope,
        group: &Group,
        asked: &Asked,
        known: &Known,
        now: Timestamp,
    ) -> Result<Taken, Reply> {
        let original = asked.dsn.original_address();
        let payer = self
            .access
            .who_at_all(envelope, &asked.shown, original, now)?;
        if group.members.is_empty() {
            return Err(unknown(format!(
                "{}: nobody is in this group",
                group.address
            )));
        }
        let mut members: Vec<Result<Admitted, Reply>> = Vec::new();
        for member in &group.members {
            let admitted = self
                .member(member, asked, known)
                .and_then(|(number, asked)| self.admit(envelope, number, &asked, now));
            let same = |one: &Result<Admitted, Reply>| match (one, &admitted) {
                (Ok(one), Ok(another)) => one.number == another.number,
                _ => false,
            };
            if members.iter().any(same) {
                continue;
            }
            members.push(admitted.map_err(|reply| {
                let text = format!("{member} of {}: {}", group.address, reply.text);
                Reply::new(reply.code, reply.enhanced, text)
            }));
        }
        match alike(&members) {
            Some(reply) => Err(reply),
            None => Ok(Taken::Group(Crew { members, payer })),
        }
    }

    /// The number of a member, and whether it is a user's.
    fn member(
        &self,
        member: &Member,
        asked: &Asked,
        known: &Known,
    ) -> Result<(Number, Asked), Reply> {
        let (number, to_user) = match member {
            Member::Number(number) => (number.clone(), false),
            Member::Name(address) => {
                let user = self.access.user(address);
                let mobile = user.and_then(|user| user.mobile.clone());
                let number = match mobile {
                    Some(number) => Some(number),
                    None => match known.listing(address) {
                        Some(Listing::Entry(entry)) => Some(entry.number.clone()),
                        Some(Listing::Group(_)) | None => None,
                    },
                };
                let none = || unknown("has no mobile number here".into());
                (number.ok_or_else(none)?, user.is_some())
            }
        };
        let asked = Asked {
            to_user,
            ..asked.clone()
        };
        Ok((number, asked))
    }

    fn answering(
        &self,
        envelope: &Envelope,
        code: [u8; 32],
        mut asked: Asked,
        known: &Known,
        now: Timestamp,
    ) -> Result<Taken, Reply> {
        let original = asked.dsn.original_address();
        let payer = self
            .access
            .who_at_all(envelope, &asked.shown, original, now)?;
        if !self.teaches(envelope, &asked, &payer) {
            return Err(no_question());
        }
        // Only the questions to who answers are looked at: another's code is no code.
        let open = known.questions(&payer.account).iter();
        let is_it = |question: &&crate::store::phonebook::Question| {
            use subtle::ConstantTimeEq;
            bool::from(question.code.ct_eq(&code)) && question.until > now
        };
        let question = open
            .into_iter()
            .find(is_it)
            .ok_or_else(no_question)?
            .clone();
        let mail_domain = question
            .address
            .rsplit_once('@')
            .map_or("", |(_, domain)| domain);
        let domains = &self.addresses.domains;
        if let Some(domain) = domains.iter().position(|d| d.mail == mail_domain) {
            asked.domain = domain;
        }
        // Who is no user any more has no number to be told.
        let user = self.access.user(&question.address);
        let user = user.ok_or_else(|| unknown(format!("{}: no such user", question.address)))?;
        asked.to_user = true;
        let entry = match known.listing(&question.address) {
            Some(Listing::Entry(entry)) => Some(entry.clone()),
            Some(Listing::Group(_)) | None => None,
        };
        Ok(Taken::Answer(Box::new(Answering {
            configured: user.mobile.is_some(),
            question,
            entry,
            asked,
            payer,
        })))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_comes_back_in_any_case(code: [u8; CODE]) {
            let local = answers_to(&code);
            prop_assert_eq!(local.len(), 30);
            let digest = code_of(&local).expect("a code");
            prop_assert_eq!(code_of(&local.to_uppercase().to_lowercase()), Some(digest));
        }

        #[test]
        fn any_name_is_read(local: String) {
            let _ = code_of(&local);
        }
    }

    #[test]
    fn other_names_are_no_codes() {
        let code = answers_to(&[7; CODE]);
        for local in [
            "ask-me",
            "ask-",
            "ann",
            &code[1..],
            &format!("{code}a"),
            &code.replace('a', "1"),
        ] {
            let is_code = code_of(local).is_some();
            assert_eq!(is_code, local == code, "{local}");
        }
        assert_ne!(code_of(&code), code_of(&answers_to(&[8; CODE])));
    }
}
