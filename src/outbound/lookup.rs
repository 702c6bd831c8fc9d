//! What the store knows of the names and senders of a recipient: read before the planner decides, which is
//! pure and reads nothing itself.
//!
//! The planner decides with what it was handed and notes in [`Known`] what it missed; `Outbound::judge` has
//! that read and lets it decide again, until nothing is missing. So exactly that is read which the decision
//! needs. A decision beside which something is missing is none.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::Outbound;
use super::accept::unable;
use super::admit::Judgement;
use super::plan::Planner;
use crate::access::credentials::Shown;
use crate::mail::{Envelope, Reply};
use crate::store::StoreError;
use crate::store::phonebook::{Listing, Question};

/// A name, then the members of a group; and one to spare.
const ROUNDS: usize = 3;

/// See the module.
#[derive(Debug, Default)]
pub struct Known {
    listings: HashMap<String, Option<Listing>>,
    questions: HashMap<String, Vec<Question>>,
    missed: Mutex<BTreeSet<Missed>>,
}

/// What was asked and is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Missed {
    /// What a name of the phonebook leads to.
    Listing(String),
    /// The questions to an account.
    Questions(String),
}

impl Known {
    /// What a name of the phonebook leads to.
    pub fn listing(&self, address: &str) -> Option<&Listing> {
        match self.listings.get(address) {
            Some(listing) => listing.as_ref(),
            None => {
                self.miss(Missed::Listing(address.to_owned()));
                None
            }
        }
    }

    /// The open questions to an account.
    pub fn questions(&self, account: &str) -> &[Question] {
        match self.questions.get(account) {
            Some(questions) => questions,
            None => {
                self.miss(Missed::Questions(account.to_owned()));
                &[]
            }
        }
    }

    /// With these listings: of `asked` those that are not `found` are not there.
    pub fn learn(&mut self, asked: &[String], found: Vec<Listing>) {
        let none = asked.iter().map(|address| (address.clone(), None));
        self.listings.extend(none);
        let found = found.into_iter();
        let found = found.map(|listing| (listing.address().to_owned(), Some(listing)));
        self.listings.extend(found);
        self.missed = Mutex::default();
    }

    /// With the open questions to an account.
    pub fn learn_questions(&mut self, account: &str, questions: Vec<Question>) {
        self.questions.insert(account.to_owned(), questions);
    }

    /// Names that were asked and are not known.
    pub fn missed_names(&self) -> Vec<String> {
        let name = |missed| match missed {
            Missed::Listing(address) => Some(address),
            Missed::Questions(_) => None,
        };
        self.missed().into_iter().filter_map(name).collect()
    }

    fn miss(&self, missed: Missed) {
        let mut all = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(missed);
    }

    fn missed(&self) -> Vec<Missed> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.iter().cloned().collect()
    }
}

impl Outbound {
    /// The planner's judgement of a RCPT argument, with all that it needs to know.
    pub(super) async fn judge(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        rcpt: &str,
        esmtp: &[String],
        shown: Shown,
        now: Timestamp,
    ) -> Judgement {
        let mut known = Known::default();
        for _ in 0..ROUNDS {
            let judge = |planner: &Planner| {
                planner.judge(envelope, rcpt, esmtp, shown.clone(), &known, now)
            };
            let judgement = match planner.knowing(judge).await {
                Ok(judgement) => judgement,
                Err(reply) => return Judgement::Ours(Err(reply)),
            };
            let missed = known.missed();
            if missed.is_empty() {
                return judgement;
            }
            if let Err(error) = self.read_missed(&mut known, missed).await {
                return Judgement::Ours(Err(unable(&error)));
            }
        }
        let text = "a name leads on for ever; this is a bug, please report it";
        Judgement::Ours(Err(Reply::new(451, "4.3.0", text)))
    }

    async fn read_missed(&self, known: &mut Known, missed: Vec<Missed>) -> Result<(), StoreError> {
        let mut names = Vec::new();
        for missed in missed {
            match missed {
                Missed::Listing(address) => names.push(address),
                Missed::Questions(account) => {
                    let questions = self.store.questions(Some(&account)).await?;
                    known.learn_questions(&account, questions);
                }
            }
        }
        let found = self.store.listings(&names).await?;
        known.learn(&names, found);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_noted_until_it_is_known() {
        let mut known = Known::default();
        assert_eq!(known.listing("ann@example.com"), None);
        assert_eq!(known.listing("ann@example.com"), None);
        assert_eq!(known.missed_names(), ["ann@example.com"]);
        known.learn(&["ann@example.com".into()], vec![]);
        assert_eq!(known.listing("ann@example.com"), None);
        assert!(known.missed().is_empty());
    }
}
