//! From a mail at the milter to messages on disk: durable, then yes (durability W2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::plan::{self, Admitted, Judgement, Plan};
use super::{AtEnd, AtRcpt, Outbound, Recipient, notify};
use crate::mail::text::{self, MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::store::{Charge, Dedupe, Message, NewMessage, Origin, OutMail, State, StoreError};

/// Longer than any MTA keeps trying (Postfix `maximal_queue_lifetime` is 5 days).
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(6 * 24);
/// For mails without a Message-ID of their own: as long as a client takes to come back.
const WEAK_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// A mail that is parsed where it is: it takes less than handing it to another thread.
const SMALL: usize = 16 * 1024;

impl Outbound {
    /// Whether a recipient is ours and may be sent to. `esmtp`: the further RCPT arguments
    /// (`ORCPT=…`).
    pub async fn at_rcpt(&self, envelope: &Envelope, rcpt: &str, esmtp: &[String]) -> AtRcpt {
        let now = self.world.now();
        let admitted = match self.planner.judge(envelope, rcpt, esmtp, now) {
            Judgement::NotOurs => return AtRcpt::NotOurs,
            Judgement::Ours(Ok(admitted)) => self.within_quota(*admitted, now).await,
            Judgement::Ours(Err(reply)) => Err(reply),
        };
        match admitted {
            // A refusal there would keep the whole mail in the maildrop for ever.
            Err(reply) if envelope.client != Client::Local => AtRcpt::Refused(reply),
            admitted => AtRcpt::Taken(Box::new(Recipient {
                rcpt: rcpt.to_owned(),
                admitted,
            })),
        }
    }

    async fn within_quota(&self, admitted: Admitted, now: Timestamp) -> Result<Admitted, Reply> {
        let limit = admitted.payer.policy.monthly_limit;
        if limit == 0 {
            return Ok(admitted);
        }
        let month = self.planner.access.month(now);
        match self.store.used(&admitted.payer.account, &month).await {
            Ok(used) if used >= limit => Err(self.over_limit(&admitted.payer.account, now)),
            Ok(_) => Ok(admitted),
            Err(error) => Err(unable(&error)),
        }
    }

    pub(super) fn over_limit(&self, account: &str, now: Timestamp) -> Reply {
        let reset = self.planner.access.next_month(now);
        let text =
            format!("{account} has used up this month's SMS; the count starts anew on {reset}");
        Reply::new(550, "5.7.1", text)
    }

    /// Takes the SMS of a mail, durably, or says why not. `others`: the mail has ordinary recipients
    /// too.
    pub async fn at_end(
        &self,
        envelope: &Envelope,
        recipients: Vec<Recipient>,
        others: bool,
        mail: RawMail,
    ) -> AtEnd {
        let now = self.world.now();
        let read = self.read(&mail).await;
        let mut cases: Vec<Case> = recipients
            .into_iter()
            .map(|recipient| self.decide(envelope, recipient, &mail, &read, now))
            .collect();
        loop {
            if let Some(reply) = refused_alike(&cases, others) {
                return AtEnd::Refuse(reply);
            }
            let (messages, weak) = new_messages(&cases);
            let reports = self.reports(envelope, &mail, &read, &cases);
            let told = !reports.is_empty();
            match self.store.put(now, messages, reports).await {
                Ok(taken) => {
                    self.log_taken(envelope, &cases, &taken);
                    self.wake();
                    if told {
                        self.wake_mail.notify_one();
                    }
                    let delete = cases.into_iter().map(|case| case.rcpt).collect();
                    return AtEnd::Accept { delete, weak };
                }
                // Somebody was faster: without this account's messages the rest still fits.
                Err(StoreError::OverLimit { account, .. }) => {
                    let reply = self.over_limit(&account, now);
                    for case in cases.iter_mut().filter(|case| case.is_of(&account)) {
                        case.outcome = Err(reply.clone());
                    }
                }
                Err(error) => return AtEnd::Refuse(unable(&error)),
            }
        }
    }

    /// The client knows that we have the mail: the same content again is meant to be sent again.
    pub fn ended_in_order(&self, weak: Vec<[u8; 32]>) {
        if !weak.is_empty() {
            self.store.forget(weak);
        }
    }

    /// A big mail is parsed off the async threads: a hostile one may take its time and its deep stack.
    pub(super) async fn read(&self, mail: &RawMail) -> Result<MailText, Reply> {
        if mail.size() <= SMALL {
            return read(mail, &self.planner.text);
        }
        let (mail, planner) = (mail.clone(), Arc::clone(&self.planner));
        let read = tokio::task::spawn_blocking(move || read(&mail, &planner.text)).await;
        read.unwrap_or_else(|_| Err(Reply::new(554, "5.6.0", "this mail cannot be read")))
    }

    fn decide(
        &self,
        envelope: &Envelope,
        recipient: Recipient,
        raw: &RawMail,
        read: &Result<MailText, Reply>,
        now: Timestamp,
    ) -> Case {
        let rcpt = recipient.rcpt;
        let payer = recipient.admitted.as_ref().ok().map(|to| &to.payer.account);
        let payer = payer.cloned();
        let mut cut = false;
        let outcome = recipient.admitted.and_then(|to| {
            let mail = read.as_ref().map_err(Clone::clone)?;
            if let Some(reply) = self.planner.refuses(envelope, mail) {
                return Err(reply);
            }
            let plan = self.planner.plan(mail, &to)?;
            cut = plan.cut;
            let (key, weak) = plan::repeat_key(envelope, raw, &to);
            let window = if weak { WEAK_WINDOW } else { REPEAT_WINDOW };
            let message = self.message(envelope, &rcpt, mail, to, plan, now);
            let dedupe = vec![Dedupe {
                key,
                until: now + window,
            }];
            Ok(Box::new((NewMessage { message, dedupe }, weak)))
        });
        Case {
            rcpt,
            payer,
            cut,
            outcome,
        }
    }

    pub(super) fn message(
        &self,
        envelope: &Envelope,
        rcpt: &str,
        mail: &MailText,
        to: Admitted,
        plan: Plan,
        now: Timestamp,
    ) -> Message {
        let segments = plan.segments.len() as u8;
        let charge = Charge {
            account: to.payer.account.clone(),
            month: self.planner.access.month(now),
            segments: segments.into(),
            limit: to.payer.policy.monthly_limit,
        };
        Message {
            id: self.world.message_id(),
            revision: 0,
            created: now,
            origin: Origin {
                queue_id: envelope.queue_id.clone(),
                recipient: rcpt.to_owned(),
                message_id: mail.message_id.clone(),
                subject: mail.subject.clone(),
                report_to: self.report_to(mail, &to.payer.account),
            },
            account: to.payer.account,
            charge: Some(charge),
            number: to.number,
            text: plan.text,
            payload: plan.payload,
            attributes: plan.attributes,
            encoding: plan.encoding,
            shifts: plan.shifts,
            segments,
            reference: plan.reference,
            flash: plan.flash,
            confirm: plan.confirm,
            class: plan.class,
            sender_id: plan.sender_id,
            gateways: if plan.pinned {
                plan.gateways
            } else {
                Vec::new()
            },
            in_order: plan.in_order,
            avoided: Vec::new(),
            state: State::Queued,
            begun: None,
            parts: Vec::new(),
            attempts: 0,
            next_attempt: now,
            expires: now + self.life(plan.validity),
            warned: false,
            awaited: None,
            error: None,
        }
    }

    /// How long a message may wait: as its sender wishes, and never longer than the queue keeps any.
    fn life(&self, wish: Option<Duration>) -> SignedDuration {
        let wish = wish.and_then(|wish| SignedDuration::try_from(wish).ok());
        wish.map_or(self.settings.expire, |wish| wish.min(self.settings.expire))
    }

    /// Where reports on a mail go: to the account; nowhere for a list's mail (spec 7.3).
    fn report_to(&self, mail: &MailText, account: &str) -> Option<String> {
        (!mail.list).then(|| account.to_owned())
    }

    /// Mails about recipients that could not be refused in the dialogue, and about cut texts.
    fn reports(
        &self,
        envelope: &Envelope,
        raw: &RawMail,
        read: &Result<MailText, Reply>,
        cases: &[Case],
    ) -> Vec<OutMail> {
        let silent = read.as_ref().is_ok_and(|mail| {
            mail.list || mail.own_loop || mail.auto_submitted == text::AutoSubmitted::Replied
        });
        let mut failed: BTreeMap<&str, Vec<(&str, &Reply)>> = BTreeMap::new();
        for case in cases {
            let to = case.payer.as_deref().unwrap_or(&envelope.sender);
            match &case.outcome {
                Err(reply) if !silent && !to.is_empty() => {
                    failed.entry(to).or_default().push((&case.rcpt, reply));
                }
                _ => {}
            }
        }
        let refused = failed
            .iter()
            .map(|(to, failed)| notify::refused(&self.writer, &self.world, to, raw, failed));
        let cut = cases.iter().filter(|case| case.cut).filter_map(|case| {
            let new = case.outcome.as_ref().ok()?;
            notify::cut(&self.writer, &self.world, &new.0.message)
        });
        refused.chain(cut).collect()
    }

    fn log_taken(&self, envelope: &Envelope, cases: &[Case], taken: &[crate::store::Taken]) {
        let queue_id = envelope.queue_id.as_deref().unwrap_or("-");
        let sent = cases.iter().filter_map(|case| case.outcome.as_ref().ok());
        for (new, taken) in sent.zip(taken) {
            let message = &new.0.message;
            match taken {
                crate::store::Taken::Queued => log_accepted(message, queue_id),
                crate::store::Taken::Repeat(earlier) => {
                    tracing::info!(msg = %earlier, queue_id, event = "repeated");
                }
            }
        }
        for case in cases {
            if let Err(reply) = &case.outcome {
                // Not the text: it may name a number.
                let (code, status) = (reply.code, reply.enhanced);
                tracing::info!(queue_id, code, status, event = "refused");
            }
        }
    }
}

fn read(mail: &RawMail, settings: &text::Settings) -> Result<MailText, Reply> {
    text::read(mail, settings).map_err(Reply::from)
}

/// One recipient and what becomes of it; `true`: its repeat key is a weak one.
struct Case {
    rcpt: String,
    /// Who sends, when that is known: never what MAIL FROM says of one who has logged in (threats T02).
    payer: Option<String>,
    /// The text was cut to what may be sent at a time.
    cut: bool,
    outcome: Result<Box<(NewMessage, bool)>, Reply>,
}

impl Case {
    fn is_of(&self, account: &str) -> bool {
        self.outcome
            .as_ref()
            .is_ok_and(|new| new.0.message.account == account)
    }
}

/// The one reply that the end of a message allows, when it is right for every recipient.
fn refused_alike(cases: &[Case], others: bool) -> Option<Reply> {
    let replies = || cases.iter().map(|case| case.outcome.as_ref().err());
    // What may succeed later is not to be given up for what cannot.
    if let Some(later) = replies().flatten().find(|reply| reply.is_temporary()) {
        return Some(later.clone());
    }
    let mut replies = replies();
    let first = replies.next()??;
    let alike = !others && replies.all(|reply| reply == Some(first));
    alike.then(|| first.clone())
}

fn new_messages(cases: &[Case]) -> (Vec<NewMessage>, Vec<[u8; 32]>) {
    let new: Vec<_> = cases
        .iter()
        .filter_map(|case| case.outcome.as_deref().ok())
        .collect();
    let weak = new
        .iter()
        .filter(|(_, weak)| *weak)
        .flat_map(|(m, _)| &m.dedupe)
        .map(|d| d.key);
    (
        new.iter().map(|(message, _)| message.clone()).collect(),
        weak.collect(),
    )
}

/// `queue_id`: the MTA's, or where else it came from.
pub(super) fn log_accepted(message: &Message, queue_id: &str) {
    tracing::info!(
        msg = %message.id, queue_id, account = message.account, number = ?message.number,
        segments = message.segments, event = "accepted"
    );
}

/// What a store that cannot take a message means for the client.
fn unable(error: &StoreError) -> Reply {
    match error {
        StoreError::Full => Reply::new(452, "4.3.1", "the SMS queue is full; try again later"),
        _ => Reply::new(
            451,
            "4.3.0",
            "the SMS queue cannot be written now; try again later",
        ),
    }
}
