//! A mail's text as each of those who pay wants it: a domain or a user may have a template of its own
//! (spec 4), and one mail may be paid by several. What a rule makes of it is the planner's.
//!
//! The mail is read once for each template, in one go, off the async threads when it is big. What is in the header
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

/// See above.
pub struct Readings {
    /// By `text.template`.
    general: Reading,
    /// By those of domains and users.
    own: Vec<(Arc<str>, Reading)>,
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
        Readings::by(mail, planner, templates(taken))
    }

    /// The same; a big mail elsewhere: a hostile one may take its time and its deep stack.
    pub async fn taken<'a>(
        mail: &Arc<RawMail>,
        planner: &Arc<Planner>,
        taken: impl IntoIterator<Item = &'a Taken>,
    ) -> Readings {
        let templates = templates(taken);
        if mail.size() <= SMALL {
            return Readings::by(mail, planner, templates);
        }
        let (mail, planner) = (Arc::clone(mail), Arc::clone(planner));
        let read = tokio::task::spawn_blocking(move || Readings::by(&mail, &planner, templates));
        read.await.unwrap_or_else(|_| Readings {
            general: Err(Reply::new(554, "5.6.0", "this mail cannot be read")),
            own: Vec::new(),
            head: None,
        })
    }

    fn by(mail: &RawMail, planner: &Planner, templates: Vec<Arc<str>>) -> Readings {
        let settings = &planner.text;
        // A rule may want no more than the subject; which rule it is is known with the number.
        let rules = planner.rules.iter();
        let bare = rules
            .filter_map(|rule| rule.text.as_deref())
            .any(|template| !Settings::uses_body(template));
        let read = |settings: &Settings| {
            let read = match bare {
                true => text::read_for_rules(mail, settings),
                false => text::read(mail, settings),
            };
            read.map_err(Reply::from)
        };
        let general = read(settings);
        let own: Vec<_> = templates
            .into_iter()
            .map(|template| {
                let settings = Settings {
                    template: template.to_string(),
                    ..settings.clone()
                };
                (template, read(&settings))
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
        let template = payer.policy.template.as_ref();
        let own = template.and_then(|template| {
            let mut own = self.own.iter();
            own.find(|(known, _)| known == template)
        });
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

/// Each once.
fn templates<'a>(taken: impl IntoIterator<Item = &'a Taken>) -> Vec<Arc<str>> {
    let all = taken.into_iter();
    let mut templates: Vec<Arc<str>> = all
        .filter_map(|taken| taken.payer().policy.template.clone())
        .collect();
    templates.sort_unstable();
    templates.dedup();
    templates
}
