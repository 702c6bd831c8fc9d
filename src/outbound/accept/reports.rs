//! What a mail that is taken leaves for reports on it, and the reports that are due at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Case;
use crate::mail::text;
use crate::outbound::notify::{self, Failed, OfThis};
use crate::outbound::readings::Readings;
use crate::outbound::{Outbound, original};
use crate::sms::MessageId;
use crate::store::{Message, NewMessage, OfMail, Original, OutMail};

/// So long after its time is over a network may still say that a message did not arrive: three days, the longest
/// that services keep trying, are within its time already.
const LAST_WORD: SignedDuration = SignedDuration::from_hours(24);

impl Outbound {
    /// Says of the messages of a mail that they are of one, and keeps of it what reports will need.
    pub(super) fn of_one_mail(&self, id: MessageId, of: OfThis<'_>, cases: &mut [Case]) {
        let mut news: Vec<&mut NewMessage> = cases
            .iter_mut()
            .filter_map(|case| case.outcome.as_mut().ok()?.new.as_mut())
            .map(|(new, _)| new)
            .collect();
        let programs = self.writer.programs.get();
        let is_told = |message: &Message| {
            let to = message.origin.report_to.as_ref();
            let never = message.origin.dsn.recipient.notify;
            to.is_some_and(|to| !programs.contains(to)) && !never.is_some_and(|n| n.is_never())
        };
        let expires = news.iter().map(|new| new.message.expires).max();
        let original = news.iter().any(|new| is_told(&new.message)).then(|| {
            let (bytes, whole) = original::kept(of.mail, of.dsn.ret, of.private);
            let until = expires.and_then(|at| at.checked_add(LAST_WORD).ok());
            Arc::new(Original {
                id,
                until: until.unwrap_or(Timestamp::MAX),
                whole,
                bytes,
            })
        });
        let messages = news.len() as u16;
        for new in &mut news {
            let is_named = original.is_some() || messages > 1;
            new.message.origin.mail = is_named.then_some(OfMail { id, messages });
            new.original.clone_from(&original);
        }
    }

    /// Mails about recipients that could not be refused in the dialogue, and about cut texts: one for all that
    /// have it in common.
    pub(super) fn reports(&self, of: OfThis<'_>, read: &Readings, cases: &[Case]) -> Vec<OutMail> {
        let silent = read.head().is_some_and(|mail| {
            mail.own_loop || mail.auto_submitted == text::AutoSubmitted::Replied
        });
        let mut failed: BTreeMap<&str, Vec<Failed<'_>>> = BTreeMap::new();
        let mut cut: BTreeMap<(Option<&str>, u8), Vec<&Message>> = BTreeMap::new();
        for case in cases {
            match &case.outcome {
                Err(refusal) if !silent && !case.told.is_empty() => {
                    failed.entry(&case.told).or_default().push(Failed {
                        recipient: case.rcpt.to_string(),
                        dsn: &case.dsn,
                        reply: refusal.reply(),
                    });
                }
                Ok(good) if case.cut => {
                    let Some((new, _)) = &good.new else { continue };
                    let message = &new.message;
                    let alike = (message.origin.report_to.as_deref(), message.segments);
                    cut.entry(alike).or_default().push(message);
                }
                _ => {}
            }
        }
        let (writer, world) = (&self.writer, &self.world);
        let refused = failed
            .iter()
            .filter_map(|(to, failed)| notify::refused(writer, world, to, of, failed));
        let cut = cut
            .values()
            .filter_map(|messages| notify::cut(writer, world, messages));
        refused.chain(cut).collect()
    }
}
