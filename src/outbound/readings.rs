//! A mail's text as each of those who pay wants it: a domain or a user may have a template of its own
//! (spec 4), and one mail may be paid by several. What a rule makes of it is the planner's.
//!
//! What we add (`[2 files]`) is in the payer's language. The mail is read once for each way, in one go, off the async threads when it is big. What is in the header
//! is the same in all of them, and is there for a mail without a text too.

use std::sync::Arc;

use super::admit::Taken;
use super::plan::Planner;
use crate::access::Payer;
use crate::mail::Reply;
use crate::mail::text::{self, MailText, RawMail, Settings};

/// A mail that is parsed where it is: it takes less than handing it to another thread.
const SMALL: usize = 16 * 1024;

/// The text as a template has it, or why there is none.
type Reading = Result<MailText, Reply>;

/// What a payer has of his own: a template, a language.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    template: Option<Arc<str>>,
    language: Option<Arc<str>>,
}

impl Way {
    fn of(payer: &Payer) -> Way {
        Way {
            template: payer.policy.template.clone(),
            language: payer.policy.language.clone(),
        }
    }

    /// The settings that it makes of everybody's.
    fn settings(&self, settings: &Settings) -> Settings {
        let words = self.language.as_deref();
        let words = words.and_then(|language| settings.words.speaking(language));
        let template = self.template.as_deref();
        Settings {
            template: template.map_or_else(|| settings.template.clone(), str::to_owned),
            words: words.unwrap_or_else(|| settings.words.clone()),
            ..settings.clone()
        }
    }
}

/// See above.
pub struct Readings {
    /// By `text.template`.
    general: Reading,
    /// By those of domains and users.
    own: Vec<(Way, Reading)>,
    /// When none of them is a text.
    head: Option<MailText>,
}

impl Readings {
    /// By the templates of those who pay.
    pub fn of<'a>(
        mail: &RawMail,
        planner: &Planner,
        taken: impl IntoIterator<Item = &'a Taken>,
    ) -> Readings {
        Readings::by(mail, planner, ways(taken))
    }

    /// The same; a big mail elsewhere: a hostile one may take its time and its deep stack.
    pub async fn taken<'a>(
        mail: &Arc<RawMail>,
        planner: &Arc<Planner>,
        taken: impl IntoIterator<Item = &'a Taken>,
    ) -> Readings {
        let ways = ways(taken);
        if mail.size() <= SMALL {
            return Readings::by(mail, planner, ways);
        }
        let (mail, planner) = (Arc::clone(mail), Arc::clone(planner));
        let read = tokio::task::spawn_blocking(move || Readings::by(&mail, &planner, ways));
        read.await.unwrap_or_else(|_| Readings {
            general: Err(Reply::new(554, "5.6.0", "this mail cannot be read")),
            own: Vec::new(),
            head: None,
        })
    }

    fn by(mail: &RawMail, planner: &Planner, ways: Vec<Way>) -> Readings {
        let settings = &planner.text;
        // A rule may want no more than the subject; which rule it is is known with the number.
        let shaped = planner.rules.iter().any(|rule| rule.text.is_some());
        let read = |settings: &Settings| {
            let read = match shaped {
                true => text::read_for_rules(mail, settings),
                false => text::read(mail, settings),
            };
            read.map_err(Reply::from)
        };
        let general = read(settings);
        let own: Vec<_> = ways
            .into_iter()
            .map(|way| {
                let reading = read(&way.settings(settings));
                (way, reading)
            })
            .collect();
        let is_text = general.is_ok() || own.iter().any(|(_, reading)| reading.is_ok());
        Readings {
            general,
            own,
            head: if is_text { None } else { text::head(mail).ok() },
        }
    }

    /// As this one wants it.
    pub fn to(&self, payer: &Payer) -> &Reading {
        let way = Way::of(payer);
        let own = self.own.iter().find(|(known, _)| *known == way);
        own.map_or(&self.general, |(_, reading)| reading)
    }

    /// Its sender calls it private; of a header that nobody could read nobody knows.
    pub fn is_private(&self) -> bool {
        self.head().is_none_or(|head| head.private)
    }

    /// What its header says, if that can be read: the text in it is anybody's.
    pub fn head(&self) -> Option<&MailText> {
        let own = self.own.iter().map(|(_, reading)| reading);
        let mut all = std::iter::once(&self.general).chain(own);
        all.find_map(|reading| reading.as_ref().ok())
            .or(self.head.as_ref())
    }
}

/// Each once, but everybody's.
fn ways<'a>(taken: impl IntoIterator<Item = &'a Taken>) -> Vec<Way> {
    let all = taken.into_iter().map(|taken| Way::of(taken.payer()));
    let mut ways: Vec<Way> = all.filter(|way| *way != Way::default()).collect();
    ways.sort_unstable();
    ways.dedup();
    ways
}
