//! From a mail at the milter to messages on disk: durable, then yes (durability W2).

mod reports;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::admit::{Admitted, Judgement, Taken};
use super::ask::Letter;
use super::loops::Refusal;
use super::notify::OfThis;
use super::phonebook::Lesson;
use super::plan::{self, Plan, Planner};
use super::readings::Readings;
use super::spend::Beside;
use super::{AtEnd, AtRcpt, Outbound, Recipient, admit, heed, loops};
use crate::access::credentials::{self, is_wrong};
use crate::access::{Confirm, Payer};
use crate::mail::address::Verbatim;
use crate::mail::dsn::{Dsn, OfRecipient};
use crate::mail::text::{self, MailText, RawMail};
use crate::mail::{Client, Envelope, Reply};
use crate::store::accounts::Account;
use crate::store::phonebook::{Arrivals, Arrived, NewKept, Waits};
use crate::store::{
    Charge, Dedupe, Message, NewMessage, Origin, OutMail, State, StoreError, TokenId,
};

/// Longer than any MTA keeps trying (Postfix `maximal_queue_lifetime` is 5 days).
pub(super) const REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(6 * 24);
/// For mails without a Message-ID of their own: as long as a client takes to come back.
pub(super) const WEAK_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// Messages of one mail: as many as there may be recipients, though each may be an account with many
/// numbers.
const MAX_MESSAGES: usize = 1_000;

impl Outbound {
    /// Whether a recipient is ours and may be sent to. `planner`: the mail's own, from its beginning to
    /// its end. `esmtp`: the further RCPT arguments (`ORCPT=…`).
    pub async fn at_rcpt(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        rcpt: &str,
        esmtp: &[String],
    ) -> AtRcpt {
        let now = self.world.now();
        let credentials = planner.credentials(envelope, rcpt);
        let judged = match self.look_up(planner, envelope, credentials, now).await {
            Ok((shown, guess)) => {
                let judged = self.judge(planner, envelope, rcpt, esmtp, shown, now).await;
                let is_wrong = matches!(&judged, Judgement::Ours(Err(reply)) if is_wrong(reply));
                if let Some(guess) = guess.filter(|_| !is_wrong) {
                    guess.not_wrong();
                }
                judged
            }
            Err(reply) => Judgement::Ours(Err(reply)),
        };
        let taken = match judged {
            Judgement::NotOurs => return AtRcpt::NotOurs,
            Judgement::Ours(Ok(taken)) => match self.wanted_by(*taken) {
                Ok(taken) => self.within_quota(taken, now).await,
                Err(reply) => Err(reply),
            },
            Judgement::Ours(Err(reply)) => Err(reply),
        };
        match taken {
            // A refusal there would keep the whole mail in the maildrop for ever.
            Err(reply) if envelope.client != Client::Local => AtRcpt::Refused(reply),
            taken => AtRcpt::Taken(Box::new(Recipient {
                rcpt: Verbatim::new(rcpt),
                dsn: OfRecipient::read(esmtp),
                taken,
            })),
        }
    }

    /// Has an admin hear of what was refused because it would go round for ever.
    async fn tell_of_circles(&self, cases: &[Case], now: Timestamp) {
        let all = cases.iter().filter_map(|case| case.circle.as_ref());
        for (account, phone) in all.take(1) {
            self.alarms.circle(account, phone.as_ref(), now).await;
        }
    }

    async fn within_quota(&self, taken: Taken, now: Timestamp) -> Result<Taken, Reply> {
        let payer = taken.payer();
        // An answer costs nothing.
        if matches!(taken, Taken::Answer(_)) {
            return Ok(taken);
        }
        if payer.policy.monthly_limit == 0 && payer.policy.credit.is_none() {
            return Ok(taken);
        }
        let account = match self.store.account(&payer.account).await {
            Ok(account) => account.unwrap_or_else(|| Account::new(&payer.account)),
            Err(error) => return Err(unable(&error)),
        };
        // One segment at least; the text tells how many.
        match account.has_room(&self.charge(payer, 1, now)) {
            Ok(()) => Ok(taken),
            Err(error) => Err(self
                .no_room(&error)
                .map_or_else(|| unable(&error), |no| no.1)),
        }
    }

    /// What a message costs whom.
    pub(super) fn charge(&self, payer: &Payer, segments: u8, now: Timestamp) -> Charge {
        Charge {
            account: payer.account.clone(),
            month: self.planner().access.month(now),
            segments: segments.into(),
            limit: payer.policy.monthly_limit,
            credit: payer.policy.credit,
        }
    }

    /// Takes the SMS of a mail, durably, or says why not. `others`: the mail has ordinary recipients
    /// too.
    pub async fn at_end(
        &self,
        planner: &Arc<Planner>,
        envelope: &Envelope,
        recipients: Vec<Recipient>,
        others: bool,
        mail: RawMail,
    ) -> AtEnd {
        let now = self.world.now();
        let mail = Arc::new(mail);
        let taken = recipients.iter().filter_map(|to| to.taken.as_ref().ok());
        let read = Readings::taken(&mail, planner, taken).await;
        let planner = match self
            .known(planner, envelope, &recipients, &mail, &read, now)
            .await
        {
            Ok(planner) => planner,
            Err(reply) => return AtEnd::Refuse(reply),
        };
        let mut cases = Vec::new();
        for recipient in recipients {
            let room = MAX_MESSAGES.saturating_sub(cases.len());
            let decided = self.decide(&planner, envelope, recipient, &mail, &read, now);
            cases.extend(within(room, decided));
        }
        self.tell_of_circles(&cases, now).await;
        teach_once(&mut cases);
        let mut beside = Beside::default();
        let id = self.world.message_id();
        loop {
            if let Some(reply) = refused_alike(&cases, others) {
                return AtEnd::Refuse(reply);
            }
            let private = read.is_private();
            let of = OfThis {
                mail: &mail,
                dsn: &envelope.dsn,
                private,
                arrived: now,
            };
            self.of_one_mail(id, of, &mut cases);
            let (arrivals, weak) = arrivals(&cases);
            let reports = self.reports(of, &read, &cases);
            match self.arrive(now, arrivals, reports, &mut beside).await {
                Ok(arrived) => {
                    self.log_taken(envelope, &cases, &arrived);
                    log_passed_over(envelope, &read);
                    self.wake();
                    // An account is one recipient, with any number of messages.
                    let mut delete: Vec<_> = cases.into_iter().map(|case| case.rcpt).collect();
                    delete.dedup();
                    return AtEnd::Accept { delete, weak };
                }
                Err(error) => {
                    if !self.leave_out(&mut cases, &error) {
                        let queue_id = envelope.queue_id.as_deref().unwrap_or("-");
                        tracing::warn!(queue_id, %error, event = "not-stored");
                        return AtEnd::Refuse(unable(&error));
                    }
                }
            }
        }
    }

    /// Refuses those cases that the store did not take a mail for, as somebody was faster since RCPT: the rest
    /// may still fit. `false`: it is none of them.
    fn leave_out(&self, cases: &mut [Case], error: &StoreError) -> bool {
        let mut found = false;
        let mut refuse = |case: &mut Case, reply: &Reply| {
            case.outcome = Err(reply.clone().into());
            found = true;
        };
        match error {
            // Without the last of its messages.
            StoreError::TokenOver(id) => {
                if let Some(case) = cases.iter_mut().rev().find(|case| case.is_by(*id)) {
                    refuse(case, &credentials::wrong());
                }
            }
            StoreError::Crowded(address) => {
                let text = format!("too many mails wait for the number of {address}");
                let reply = Reply::new(550, "5.7.1", text);
                for case in cases.iter_mut().filter(|case| case.waits_for(address)) {
                    refuse(case, &reply);
                }
            }
            error => {
                if let Some((account, reply)) = self.no_room(error) {
                    for case in cases.iter_mut().filter(|case| case.is_of(&account)) {
                        refuse(case, &reply);
                    }
                }
            }
        }
        found
    }

    /// Makes all of it durable.
    async fn arrive<'a>(
        &'a self,
        now: Timestamp,
        mut arrivals: Arrivals,
        reports: Vec<OutMail>,
        beside: &mut Beside<'a>,
    ) -> Result<Arrived, StoreError> {
        arrivals.mails.extend(reports);
        let told = !arrivals.mails.is_empty() || !arrivals.kept.is_empty();
        let messages = std::mem::take(&mut arrivals.messages);
        let is_plain = arrivals.changes.is_empty() && arrivals.kept.is_empty();
        let arrive = |messages, beside: Vec<OutMail>| {
            let mut arrivals = arrivals.clone();
            arrivals.messages = messages;
            arrivals.mails.extend(beside);
            async move {
                match is_plain {
                    true => Ok(Arrived {
                        messages: self
                            .store
                            .put(now, arrivals.messages, arrivals.mails)
                            .await?,
                        kept: Vec::new(),
                    }),
                    false => self.store.take(now, arrivals).await,
                }
            }
        };
        let arrived = self.take_all(now, messages, beside, arrive).await?;
        if told {
            self.wake_mail.notify_one();
        }
        Ok(arrived)
    }

    /// The planner with what directories know of whom only the mail names: it decides for nothing, until
    /// it misses nothing.
    async fn known(
        &self,
        planner: &Arc<Planner>,
        envelope: &Envelope,
        recipients: &[Recipient],
        raw: &RawMail,
        read: &Readings,
        now: Timestamp,
    ) -> Result<Arc<Planner>, Reply> {
        if planner.directories.is_empty() {
            return Ok(planner.clone());
        }
        let judge = |planner: &Planner| {
            for recipient in recipients {
                self.decide(planner, envelope, recipient.clone(), raw, read, now);
            }
            planner.clone()
        };
        planner.knowing(judge).await.map(Arc::new)
    }

    /// The client knows that we have the mail: the same content again is meant to be sent again.
    pub fn ended_in_order(&self, weak: Vec<[u8; 32]>) {
        if !weak.is_empty() {
            self.store.forget(weak);
        }
    }

    /// What becomes of a recipient: one case, or one for each number of an account.
    fn decide(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        recipient: Recipient,
        raw: &RawMail,
        read: &Readings,
        now: Timestamp,
    ) -> Vec<Case> {
        let Recipient { rcpt, dsn, taken } = recipient;
        let list = text::is_list(raw);
        let told = match &taken {
            Ok(to) => self.report_to(planner, list, to.payer()),
            Err(_) if list => self.writer.admin.clone(),
            Err(_) => envelope.sender.clone(),
        };
        let case = |(outcome, cut)| Case {
            rcpt: rcpt.clone(),
            dsn: dsn.clone(),
            told: told.clone(),
            cut,
            outcome,
            circle: None,
        };
        let whom = taken.as_ref().ok().map(loops::whom);
        let whole = |taken: &Taken| -> Result<_, Refusal> {
            let read = match (taken, read.to(taken.payer())) {
                // An answer needs no text.
                (Taken::Answer(_), Err(reply)) => read.head().ok_or(reply),
                (_, read) => read.as_ref(),
            };
            let mail = read.map_err(Clone::clone)?;
            let host = &self.writer.letterhead.hostname;
            let id = mail.message_id.as_deref().unwrap_or_default();
            match planner.refuses(envelope, mail) {
                Some(refusal) => Err(refusal),
                None if loops::is_ours(id, host) => Err(admit::circle()),
                None => Ok(mail),
            }
        };
        let taken = taken.map_err(Refusal::from);
        let (taken, mail) = match taken.and_then(|taken| whole(&taken).map(|mail| (taken, mail))) {
            Ok(both) => both,
            Err(refusal) => return vec![case((Err(refusal), false)).of(whom)],
        };
        let admitted = match taken {
            Taken::Number(admitted) => vec![Ok(admitted)],
            Taken::Account(pending) => planner.numbers(envelope, &pending, raw, mail, now),
            Taken::Group(crew) => crew.members,
            Taken::Person(person) => {
                let letter = Letter {
                    planner,
                    envelope,
                    rcpt: &rcpt,
                    raw,
                    mail,
                    now,
                };
                let case = case(self.to_person(&letter, *person));
                return vec![case.of(whom)];
            }
            Taken::Answer(answering) => {
                let learned = self.answered(planner, envelope, mail, *answering, now);
                return vec![case((learned, false))];
            }
        };
        let outcomes = admitted.into_iter().map(|to| match to {
            Ok(to) => {
                let whom = (to.payer.account.clone(), Some(to.number.clone()));
                let new = self.new_message(planner, envelope, &rcpt, raw, mail, to, now);
                case(new).of(Some(whom))
            }
            Err(reply) => case((Err(reply.into()), false)),
        });
        outcomes.collect()
    }

    /// The message for a number, and whether it was cut.
    #[expect(clippy::too_many_arguments)]
    pub(super) fn new_message(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        rcpt: &Verbatim,
        raw: &RawMail,
        mail: &MailText,
        to: Admitted,
        now: Timestamp,
    ) -> (Outcome, bool) {
        if let Err(reply) = self.wanted(&to.number) {
            return (Err(reply.into()), false);
        }
        let heeded = heed::heeded(mail, to, now);
        let planned = heeded.and_then(|to| Ok((planner.plan(mail, &to)?, to)));
        let (plan, to) = match planned {
            Ok(planned) => planned,
            Err(reply) => return (Err(reply.into()), false),
        };
        let cut = plan.cut;
        let round = self.loops.judge(
            &loops::Mail {
                account: &to.payer.account,
                phone: &to.number,
                text: &plan.text,
                answers: loops::answers(mail, &self.writer.letterhead.hostname),
                class: plan.class,
            },
            now,
        );
        let round = match round {
            Ok(round) => round,
            Err(refusal) => return (Err(refusal), false),
        };
        let (key, weak) = plan::repeat_key(envelope, raw, &to);
        let window = if weak { WEAK_WINDOW } else { REPEAT_WINDOW };
        let through_list = mail
            .list
            .then(|| plan::list_key(envelope, raw, &to))
            .flatten();
        let message = self.message(planner, envelope, &rcpt.to_string(), mail, to, plan, now);
        let until = now + window;
        let keys = [Some(key), through_list].into_iter().flatten();
        let new = NewMessage {
            dedupe: keys.map(|key| Dedupe { key, until }).collect(),
            watch: self.watch(&message, now),
            original: None,
            message,
        };
        let good = Good {
            new: Some((new, weak)),
            round: Some(round),
            ..Good::default()
        };
        (Ok(Box::new(good)), cut)
    }

    #[expect(clippy::too_many_arguments)]
    pub(super) fn message(
        &self,
        planner: &Planner,
        envelope: &Envelope,
        rcpt: &str,
        mail: &MailText,
        to: Admitted,
        plan: Plan,
        now: Timestamp,
    ) -> Message {
        let segments = plan.segments.len() as u8;
        let charge = self.charge(&to.payer, segments, now);
        let start = to.due.unwrap_or(now);
        let (account, policy) = (&to.payer.account, &to.payer.policy);
        let speech = self.writer.speech.get();
        speech.learn(account, policy.language.as_ref());
        let confirm = match to.dsn.notify {
            None => plan.confirm,
            // It asks, or it asks for silence, whatever else is asked.
            Some(notify) => notify.success && to.payer.policy.confirm != Confirm::Never,
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
                thread: mail.thread(),
                report_to: Some(self.report_to(planner, mail.list, &to.payer)),
                token: to.payer.token,
                dsn: Dsn {
                    mail: envelope.dsn.clone(),
                    recipient: to.dsn,
                },
                mail: None,
            },
            account: to.payer.account,
            reply_to: to.wishes.reply,
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
            confirm,
            class: plan.class,
            high: plan.high,
            private: mail.private,
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
            not_before: to.due,
            next_attempt: start,
            expires: start + self.life(plan.validity),
            warned: false,
            awaited: None,
            error: None,
            refused_by: None,
        }
    }

    /// How long a message may wait: as its sender wishes, and never longer than the queue keeps any.
    fn life(&self, wish: Option<Duration>) -> SignedDuration {
        let wish = wish.and_then(|wish| SignedDuration::try_from(wish).ok());
        wish.map_or(self.settings.expire, |wish| wish.min(self.settings.expire))
    }

    /// Where reports on a mail go: to the account. What came through a list is not reported to the list, whose
    /// envelope sender may be all that we know of it: then an admin hears of it (spec 7.3).
    fn report_to(&self, planner: &Planner, list: bool, payer: &Payer) -> String {
        let is_someone = payer.is_proven || planner.access.user(&payer.account).is_some();
        match list && !is_someone {
            true => self.writer.admin.clone(),
            false => payer.account.clone(),
        }
    }

    fn log_taken(&self, envelope: &Envelope, cases: &[Case], arrived: &Arrived) {
        let queue_id = envelope.queue_id.as_deref().unwrap_or("-");
        let good = || cases.iter().filter_map(|case| case.outcome.as_ref().ok());
        let sent = good().filter_map(|good| Some((good.new.as_ref()?, &good.round)));
        for ((new, round), taken) in sent.zip(&arrived.messages) {
            let message = &new.0.message;
            match taken {
                crate::store::Taken::Queued => {
                    log_accepted(message, queue_id);
                    round
                        .iter()
                        .cloned()
                        .for_each(|round| self.loops.note(round));
                }
                crate::store::Taken::Repeat(earlier) => {
                    tracing::info!(msg = %earlier, queue_id, event = "repeated");
                }
            }
        }
        if !arrived.kept.is_empty() {
            self.learned.notify_one();
        }
        for waits in &arrived.kept {
            let (kept, event) = match waits {
                Waits::Asked(id) => (id, "asked"),
                Waits::Joined(id) => (id, "waits"),
                Waits::Repeat(id) => (id, "repeated"),
            };
            tracing::info!(%kept, queue_id, event);
        }
        let lessons: Vec<_> = good().filter_map(|good| good.lesson.as_ref()).collect();
        if !lessons.is_empty() {
            self.changed(lessons.iter().map(|lesson| &lesson.change));
        }
        for case in cases {
            if let Err(refusal) = &case.outcome {
                // Not the text: it may name a number.
                let reply = refusal.reply();
                let (code, status) = (reply.code, reply.enhanced);
                tracing::info!(queue_id, code, status, event = "refused");
            }
        }
    }
}

/// One recipient, or one number of it, and what becomes of it.
struct Case {
    rcpt: Verbatim,
    /// What it asks of reports.
    dsn: OfRecipient,
    /// Who hears of a refusal: never what MAIL FROM says of one who has logged in (threats T02). Empty: nobody.
    told: String,
    /// The text was cut to what may be sent at a time.
    cut: bool,
    outcome: Outcome,
    /// It was refused because it would go in a circle: between this account and that phone.
    circle: Option<loops::Whom>,
}

/// What a recipient brings.
pub(super) type Outcome = Result<Box<Good>, Refusal>;

/// What a recipient brings: a message, something learned, a mail that waits.
#[derive(Default)]
pub(super) struct Good {
    /// The message and whether its repeat key is a weak one.
    pub new: Option<(NewMessage, bool)>,
    /// That it went, for those who look out for circles.
    pub round: Option<loops::Round>,
    /// What the phonebook learns.
    pub lesson: Option<Lesson>,
    /// The mail that waits for a number, and whether its repeat key is a weak one.
    pub kept: Option<(NewKept, bool)>,
}

/// Of recipients that teach the same the first does.
fn teach_once(cases: &mut [Case]) {
    let mut taught: Vec<String> = Vec::new();
    for case in cases {
        let Ok(good) = &mut case.outcome else {
            continue;
        };
        let Some(lesson) = &good.lesson else { continue };
        let address = &lesson.change.audit.address;
        match taught.contains(address) {
            true => good.lesson = None,
            false => taught.push(address.clone()),
        }
    }
}

/// The cases that there is room for; one failure in the place of those that there is none for.
fn within(room: usize, mut cases: Vec<Case>) -> Vec<Case> {
    if cases.len() <= room {
        return cases;
    }
    cases.truncate(1);
    if let Some(case) = cases.first_mut() {
        let text = format!("one mail may be sent to {MAX_MESSAGES} numbers at most");
        case.outcome = Err(Reply::new(550, "5.5.3", text).into());
    }
    cases
}

impl Case {
    /// Whom a circle would be between, if the outcome is that there is one.
    fn of(mut self, whom: Option<loops::Whom>) -> Self {
        let is_circle = self.outcome.as_ref().is_err_and(Refusal::is_circle);
        self.circle = whom.filter(|_| is_circle);
        self
    }

    fn is_by(&self, token: TokenId) -> bool {
        self.outcome.as_ref().is_ok_and(
            |good| matches!(&good.new, Some((new, _)) if new.message.origin.token == Some(token)),
        )
    }

    fn is_of(&self, account: &str) -> bool {
        self.outcome
            .as_ref()
            .is_ok_and(|good| matches!(&good.new, Some((new, _)) if new.message.account == account))
    }

    fn waits_for(&self, address: &str) -> bool {
        self.outcome.as_ref().is_ok_and(
            |good| matches!(&good.kept, Some((new, _)) if new.question.address == address),
        )
    }
}

/// The one reply that the end of a message allows, when it is right for every recipient.
fn refused_alike(cases: &[Case], others: bool) -> Option<Reply> {
    let replies = || {
        let refusals = cases.iter().map(|case| case.outcome.as_ref().err());
        refusals.map(|refusal| refusal.map(Refusal::reply))
    };
    // What may succeed later is not to be given up for what cannot.
    if let Some(later) = replies().flatten().find(|reply| reply.is_temporary()) {
        return Some(later.clone());
    }
    let mut replies = replies();
    let first = replies.next()??;
    let alike = !others && replies.all(|reply| reply == Some(first));
    alike.then(|| first.clone())
}

/// All that the cases bring, and the keys that hold only while the client may not know that we have the mail.
fn arrivals(cases: &[Case]) -> (Arrivals, Vec<[u8; 32]>) {
    let (mut arrivals, mut weak_keys) = (Arrivals::default(), Vec::new());
    // The messages of the mail first: their outcomes come in this order.
    let good = || cases.iter().filter_map(|case| case.outcome.as_ref().ok());
    for (new, weak) in good().filter_map(|good| good.new.as_ref()) {
        if *weak {
            weak_keys.extend(new.dedupe.iter().map(|dedupe| dedupe.key));
        }
        arrivals.messages.push(new.clone());
    }
    for (new, weak) in good().filter_map(|good| good.kept.as_ref()) {
        if *weak {
            weak_keys.push(new.dedupe.key);
        }
        arrivals.kept.push(new.clone());
    }
    for lesson in good().filter_map(|good| good.lesson.as_ref()) {
        arrivals.changes.push(lesson.change.clone());
        arrivals.mails.extend(lesson.mails.iter().cloned());
        arrivals.messages.extend(lesson.notice.clone());
    }
    (arrivals, weak_keys)
}

/// A wish in the header that could not be read: the mail goes all the same, and who looks for it finds why it was
/// not heeded. Of a private mail no more than the field.
fn log_passed_over(envelope: &Envelope, read: &Readings) {
    let queue_id = envelope.queue_id.as_deref().unwrap_or("-");
    let Some(head) = read.head() else { return };
    for said in heed::passed_over(head) {
        let said = match read.is_private() {
            true => said.split(':').next().unwrap_or_default(),
            false => said.as_str(),
        };
        tracing::warn!(queue_id, said, event = "header-not-heeded");
    }
}

/// `queue_id`: the MTA's, or where else it came from.
pub(super) fn log_accepted(message: &Message, queue_id: &str) {
    tracing::info!(
        msg = %message.id, queue_id, account = message.account, number = ?message.number,
        segments = message.segments, event = "accepted"
    );
}

/// What a store that cannot take a message means for the client.
pub(super) fn unable(error: &StoreError) -> Reply {
    match error {
        StoreError::Full => Reply::new(452, "4.3.1", "the SMS queue is full; try again later"),
        _ => Reply::new(
            451,
            "4.3.0",
            "the SMS queue cannot be written now; try again later",
        ),
    }
}
