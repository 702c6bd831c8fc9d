//! The task that makes mails of received SMS.
//!
//! It leases what is due, joins, decides, composes and settles. One transaction per SMS holds the mails,
//! the SMS that asks back and the new state; when the store does not take it, the SMS is tried again in
//! the next round. What waits for its parts is leased and in memory; what waits for the phone's answer
//! is `Asked` in the store until its time is over, and remembered here so that an answer finds it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::address::{self, Addressed, Decision, Question, Recipient};
use super::desk::{self, Desk, Work};
use super::forward::Parting;
use super::special::{self, Fate};
use super::whole::Whole;
use super::{Inbound, Settings, shown};
use crate::access::User;
use crate::access::found::{Found, Known};
use crate::mail::compose;
use crate::mail::thread::Thread;
use crate::rules::Forward;
use crate::sms::{Attributes, Class, MessageId, Party, segment};
use crate::store::guard::Watch;
use crate::store::{
    Dedupe, InboundOutcome, InboundState, Link, Message, NewMessage, Origin, OutMail, State,
    StoreError,
};

/// How often to look for what nobody rang for: a time that is over, another host's SMS.
const POLL: Duration = Duration::from_secs(1);

/// How many are leased at a time.
const BATCH: usize = 256;

/// With more than this waiting for the store, no more are leased.
const MAX_AGAIN: usize = 1000;

/// How many rows are looked at after a start for what was asked about; asking lasts an hour or so.
const RECALL: usize = 10_000;

/// A phone is asked no more than once in this time (T15).
const ASK_AGAIN: Duration = Duration::from_secs(24 * 3600);

/// How long a text waits for a directory of users that does not answer. Then it goes where it would go
/// without: an answer in the wrong hands is better than none in any.
const DIRECTORY_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What came of a text.
enum Done {
    /// Its outcome is in the store.
    Settled,
    /// It is to be looked at again.
    Waits,
}

/// What becomes of a text.
struct Plan {
    /// The waiting texts that go with it.
    with: Vec<Whole>,
    /// It itself waits for the phone's answer.
    asks: bool,
    state: InboundState,
    due: Timestamp,
    mails: Vec<OutMail>,
    messages: Vec<NewMessage>,
    recipients: Vec<Recipient>,
    /// The phones it goes on to.
    forward: Option<Forward>,
    why: &'static str,
}

impl Inbound {
    /// Makes mails of received SMS until `stop` turns true or the store is dead.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut desk = Desk::new(&self.settings());
        self.recall(&mut desk).await;
        while !*stop.borrow() {
            if let Err(reason @ StoreError::Dead(_)) = self.round(&mut desk).await {
                error!(event = "inbound-stopped", %reason);
                return;
            }
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { return },
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Finds what phones were asked about before the restart, and which texts went out lately.
    async fn recall(&self, desk: &mut Desk) {
        match self.store.list_inbound(RECALL).await {
            Ok(rows) => desk.recall(&self.settings(), rows),
            // They still go to the default recipient when their time is over; late parts go alone.
            Err(reason) => error!(event = "not-recalled", %reason),
        }
    }

    /// Does all that can be done now.
    async fn round(&self, desk: &mut Desk) -> Result<(), StoreError> {
        let mut work = std::mem::take(&mut desk.again);
        let mut failed = Ok(());
        loop {
            let (now, settings) = (self.world.now(), self.settings());
            let mut full = false;
            if work.len() + desk.again.len() < MAX_AGAIN {
                let leased = self.store.lease_inbound(now, BATCH).await;
                let leased = leased.inspect_err(|_| desk.again.append(&mut work))?;
                full = leased.len() >= BATCH;
                work.extend(desk.sort_out(now, &settings, leased));
            }
            work.extend(desk.expired(now, &settings));
            if let Err(reason) = self.pass(desk, work.drain(..)).await {
                if self.spate.logs(now, "not-settled") {
                    error!(event = "not-settled", %reason);
                }
                failed = Err(reason);
            }
            if !full || failed.is_err() {
                self.tell_of_flood(desk).await?;
                return failed;
            }
        }
    }

    /// Does these things; what the store did not take is to be done again.
    async fn pass(
        &self,
        desk: &mut Desk,
        all: impl Iterator<Item = Work>,
    ) -> Result<(), StoreError> {
        let (mut repeated, mut flood, mut failed) = (Vec::new(), Vec::new(), Ok(()));
        for work in all {
            let work = match work {
                Work::Duplicate(id) => {
                    repeated.push(id);
                    continue;
                }
                Work::Partial(whole) => match self.may_be_mail(desk, &whole).await {
                    Ok(true) => Work::Text(whole),
                    Ok(false) => {
                        flood.push(whole);
                        continue;
                    }
                    Err(reason) => {
                        desk.again.push(Work::Partial(whole));
                        failed = Err(reason);
                        continue;
                    }
                },
                work => work,
            };
            if let Err((work, reason)) = self.finish(desk, work).await {
                desk.again.push(work);
                failed = Err(reason);
            }
        }
        desk.end_pass();
        let forgotten = self.forget_repeated(desk, repeated).await;
        let quarantined = self.quarantine(desk, flood).await;
        failed.and(forgotten).and(quarantined)
    }

    /// Does one thing; gives it back when the store did not take it.
    async fn finish(&self, desk: &mut Desk, work: Work) -> Result<(), (Work, StoreError)> {
        let now = self.world.now();
        match work {
            Work::Text(whole) | Work::Partial(whole) => {
                match self.deliver(desk, now, &whole, false).await {
                    Ok(Done::Settled) => Ok(()),
                    Ok(Done::Waits) => {
                        desk.again.push(Work::Text(whole));
                        Ok(())
                    }
                    Err(reason) => Err((Work::Text(whole), reason)),
                }
            }
            // The answer came with the end of its time, and took it along.
            Work::Unanswered(whole) if desk.is_answered(whole.id) => Ok(()),
            Work::Unanswered(whole) => match self.deliver(desk, now, &whole, true).await {
                Ok(_) => Ok(()),
                Err(reason) => Err((Work::Unanswered(whole), reason)),
            },
            Work::Duplicate(id) => {
                desk.again.push(Work::Duplicate(id));
                Ok(())
            }
            Work::Unreadable {
                id,
                gateway,
                at,
                reason,
                raw,
            } => {
                let mut outcome = outcome(vec![id], InboundState::Quarantined, now);
                outcome
                    .mails
                    .push(self.unreadable(now, id, &gateway, at, &reason, &raw));
                match self.store.settle_inbound(now, outcome).await {
                    Ok(()) => {
                        warn!(msg = %id, gw = gateway, event = "quarantined", reason);
                        self.mail_bell.notify_one();
                        Ok(())
                    }
                    Err(e) => Err((
                        Work::Unreadable {
                            id,
                            gateway,
                            at,
                            reason,
                            raw,
                        },
                        e,
                    )),
                }
            }
        }
    }

    /// What the phonebook calls the phone: mail domains, and the name at each.
    pub(super) async fn listed(&self, whole: &Whole) -> Result<Vec<(String, String)>, StoreError> {
        let Some(phone) = whole.from.number() else {
            return Ok(Vec::new());
        };
        let settings = self.settings();
        let found = self.store.whose(phone).await?.into_iter();
        let named = found.filter_map(|entry| {
            let (local, domain) = entry.address.rsplit_once('@')?;
            let user = settings.people.named(&entry.address);
            let shown = entry.shown.as_deref().or(user.map(User::shown));
            Some((domain.to_owned(), shown.unwrap_or(local).to_owned()))
        });
        Ok(named.collect())
    }

    /// Decides what becomes of a text, and settles it.
    async fn deliver(
        &self,
        desk: &mut Desk,
        now: Timestamp,
        whole: &Whole,
        unanswered: bool,
    ) -> Result<Done, StoreError> {
        if !unanswered && let Some(asked) = self.opt(whole) {
            self.settle_opt(now, whole, asked).await?;
            return Ok(Done::Settled);
        }
        let links = match &whole.from {
            Party::Number(phone) => self.store.links(phone, self.since(now)).await?,
            Party::Short(_) | Party::Name(_) => Vec::new(),
        };
        let Some((decision, caller)) = self.known(desk, now, whole, &links, unanswered).await
        else {
            return Ok(Done::Waits);
        };
        let caller = Caller {
            user: caller,
            listed: self.listed(whole).await?,
        };
        let plan = self.plan(desk, now, whole, decision, &caller);
        let parting = match &plan.forward {
            Some(forward) => self.part(now, whole, forward, &caller).await,
            None => Parting::default(),
        };
        if parting.is_to_wait() {
            let since = desk.puzzles_since(whole.id, now);
            if now.duration_since(since) < DIRECTORY_PATIENCE {
                return Ok(Done::Waits);
            }
        }
        let ids = plan
            .with
            .iter()
            .chain([whole])
            .flat_map(|whole| &whole.ids)
            .copied();
        let outcome = InboundOutcome {
            ids: ids.collect(),
            state: plan.state,
            due: plan.due,
            mails: plan.mails,
            messages: plan.messages,
        };
        let asked = !outcome.messages.is_empty();
        let onward = plan.forward.as_ref().map(|forward| (forward, parting));
        let (mails, forwarded) = self.settle(now, whole, outcome, onward, &caller).await?;
        let (have, of) = whole.parts;
        info!(
            msg = %whole.id, gw = whole.gateway, event = "addressed", why = plan.why, from = ?whole.from,
            parts = format_args!("{have}/{of}"), mails, forwarded,
        );
        if mails > 0 {
            self.mail_bell.notify_one();
        }
        if asked {
            self.message_bell.notify_one();
        }
        let phone = whole.from.number();
        if let Some(phone) = phone
            && mails > 0
        {
            self.phones.loops.heard(phone, &whole.text, now);
        }
        if let Some(phone) = phone
            && (unanswered || !plan.with.is_empty())
        {
            let done = |id| whole.id == id || plan.with.iter().any(|with| with.id == id);
            desk.forget_asked(phone, done);
        }
        desk.answer(&plan.with);
        if plan.asks {
            desk.remember_asked(whole.clone());
        } else if have < of && whole.follows.is_none() {
            desk.remember_followed(whole.id, plan.recipients, plan.forward);
        }
        desk.is_solved(whole.id);
        Ok(Done::Settled)
    }

    /// What becomes of a text, and what its sender is called, with all that directories know. `None`: one
    /// does not answer, and the text is to wait; not for ever, because what it says may be urgent.
    pub(super) async fn known(
        &self,
        desk: &mut Desk,
        now: Timestamp,
        whole: &Whole,
        links: &[Link],
        unanswered: bool,
    ) -> Option<(Decision, Option<String>)> {
        let settings = self.settings();
        let phone = whole.from.number();
        let judge = |found: &Arc<Found>| {
            let known = Known::new(&settings.people, found);
            let decision = if unanswered {
                address::by_default(&about(&settings, whole, links), &settings, known)
            } else {
                decide(&settings, desk, whole, links, known)
            };
            let caller = phone.and_then(|phone| known.with_mobile(phone));
            (decision, caller.map(|user| user.shown().to_owned()))
        };
        match settings.directories.knowing(judge).await {
            Ok(known) => Some(known),
            Err(_) if unanswered => Some(judge(&Arc::default())),
            Err(later) => {
                let since = desk.puzzles_since(whole.id, now);
                if now.duration_since(since) < DIRECTORY_PATIENCE {
                    return None;
                }
                warn!(msg = %whole.id, event = "addressed-without-directory", why = %later);
                Some((
                    decide(
                        &settings,
                        desk,
                        whole,
                        links,
                        Known::new(&settings.people, &Found::default()),
                    ),
                    None,
                ))
            }
        }
    }

    /// The one place where a decision becomes mails, SMS and a state.
    fn plan(
        &self,
        desk: &Desk,
        now: Timestamp,
        whole: &Whole,
        decision: Decision,
        caller: &Caller,
    ) -> Plan {
        let mut plan = Plan {
            with: Vec::new(),
            asks: false,
            state: InboundState::Done,
            due: now,
            mails: Vec::new(),
            messages: Vec::new(),
            recipients: Vec::new(),
            forward: None,
            why: "empty",
        };
        if shown::is_empty(whole) {
            return plan;
        }
        match special::fate(whole) {
            Fate::Ordinary => {}
            Fate::Logged(why) => {
                plan.why = why;
                return plan;
            }
            Fate::Admin(why) => {
                plan.why = why;
                plan.mails = self.mails(whole, &whole.text, &[self.admin()], caller);
                return plan;
            }
        }
        match decision {
            Decision::To(to) => {
                if to.why.is_explicit() {
                    plan.with = desk.asked(whole.from.number()).to_vec();
                }
                for waiting in &plan.with {
                    plan.mails
                        .extend(self.mails(waiting, &waiting.text, &to.recipients, caller));
                }
                // A name alone is the answer to our question and nothing more.
                if plan.with.is_empty() || !to.bare {
                    plan.mails
                        .extend(self.mails(whole, &to.text, &to.recipients, caller));
                }
                plan.why = to.why.name();
                plan.recipients = to.recipients;
                plan.forward = to.forward;
            }
            Decision::Ask { candidates } => match self.question(now, whole) {
                Some(question) => {
                    plan.asks = true;
                    plan.state = InboundState::Asked;
                    plan.due = self.answer_deadline(now);
                    plan.messages.push(question);
                    plan.why = "asked";
                }
                // Rather all of them than nobody: the question does not fit an SMS, or the phone wants none.
                None => {
                    plan.mails = self.mails(whole, &whole.text, &candidates, caller);
                    plan.recipients = candidates;
                    plan.why = "not-asked";
                }
            },
            Decision::Drop => plan.why = "dropped",
            Decision::Undeliverable => {
                let settings = self.settings();
                let said = settings.speech.house().say("sms-undeliverable", &[]);
                let text = format!("{said}\n\n{}", whole.text);
                plan.mails = self.mails(whole, &text, &[self.admin()], caller);
                plan.state = InboundState::Undeliverable;
                plan.why = "undeliverable";
            }
        }
        plan
    }

    fn admin(&self) -> Recipient {
        Recipient {
            address: self.settings().admin.clone(),
            link: None,
        }
    }

    fn mails(
        &self,
        whole: &Whole,
        text: &str,
        recipients: &[Recipient],
        caller: &Caller,
    ) -> Vec<OutMail> {
        recipients
            .iter()
            .map(|recipient| self.mail(whole, text, recipient, caller))
            .collect()
    }

    /// `caller`: what the phone's owner is called, if we know.
    pub(super) fn mail(
        &self,
        whole: &Whole,
        text: &str,
        recipient: &Recipient,
        caller: &Caller,
    ) -> OutMail {
        let settings = &self.settings();
        let program = settings.people.named(&recipient.address);
        if let Some(program) = program.filter(|user| user.post) {
            let own = settings.gateways.get(&whole.gateway);
            let own = own.and_then(|line| line.number.as_ref());
            let push = shown::push(whole, text, whole.to.as_ref().or(own));
            return OutMail {
                post: true,
                ..self.out_mail(whole.id, &program.email, push.to_json())
            };
        }
        let line = settings.gateways.get(&whole.gateway);
        let followed = whole
            .follows
            .map(|id| compose::message_id(id, &settings.hostname));
        let words = settings.speech.to(&recipient.address);
        let link = recipient.link.as_ref();
        let answered = link.and_then(|link| link.message_id.as_deref());
        let mut thread = link.map_or_else(Thread::default, |link| link.thread.clone());
        if answered.is_none() && thread.references.is_empty() {
            let (from, to) = (&whole.from, &recipient.address);
            thread = Thread::begun(from, to, &settings.hostname, whole.sent);
        }
        if followed.is_some() {
            thread = thread.after(answered);
        }
        let shown = shown::shown(&words, whole);
        let mail = compose::Sms {
            id: whole.id,
            hostname: &settings.hostname,
            from: &whole.from,
            name: caller.name_for(settings, &recipient.address),
            from_template: line.and_then(|line| line.from.as_deref()),
            sms_domain: sms_domain(settings, &recipient.address),
            to: &recipient.address,
            gateway: &whole.gateway,
            sent: whole.sent,
            parts: whole.parts,
            text,
            words: &words,
            extra: shown.extra(),
            subject: link.map(|link| link.subject.as_str()),
            answers: followed.as_deref().or(answered),
            thread: &thread,
        };
        self.out_mail(whole.id, &recipient.address, compose::sms(&mail))
    }

    fn unreadable(
        &self,
        now: Timestamp,
        about: MessageId,
        gateway: &str,
        at: Timestamp,
        reason: &str,
        raw: &[u8],
    ) -> OutMail {
        let settings = &self.settings();
        let words = settings.speech.to(&settings.admin);
        let args = [
            ("gateway", gateway.into()),
            ("at", words.time(at).into()),
            ("reason", reason.into()),
            ("id", about.to_string().into()),
            ("dump", desk::dump(raw).into()),
        ];
        let text = words.say("sms-unreadable", &args);
        let note = compose::Note {
            id: about,
            hostname: &settings.hostname,
            from: &settings.mail_from,
            to: &settings.admin,
            subject: &words.say("sms-unreadable.subject", &args[..1]),
            text: &text,
            at: now,
            original: None,
        };
        self.out_mail(about, &settings.admin, compose::note(&note))
    }

    pub(super) fn out_mail(&self, about: MessageId, recipient: &str, bytes: Vec<u8>) -> OutMail {
        OutMail {
            id: self.world.message_id(),
            sender: self.settings().envelope_from.clone(),
            recipient: recipient.to_owned(),
            bytes,
            about: Some(about),
            last_resort: false,
            post: false,
        }
    }

    /// The SMS that asks the phone whom it means, at most one a day (T15): the store leaves the rest
    /// out. It goes by the gateway that the answer is to come to.
    fn question(&self, now: Timestamp, whole: &Whole) -> Option<NewMessage> {
        let number = whole.from.number()?;
        if self.store.is_opted_out(number, None) {
            return None;
        }
        let text = self.settings().conflict_text.clone();
        let key = Sha256::digest(format!("conflict\0{number}")).into();
        // Asked later, it asks about nothing any more.
        let deadline = self.answer_deadline(now);
        self.sms_back(now, whole, text, key, ASK_AGAIN, deadline)
    }

    /// An SMS of ours to who sent one, by the gateway that it came by: nobody pays for it. What has the same
    /// `key` is left out `within` that time.
    pub(super) fn sms_back(
        &self,
        now: Timestamp,
        whole: &Whole,
        text: String,
        key: [u8; 32],
        within: Duration,
        expires: Timestamp,
    ) -> Option<NewMessage> {
        let number = whole.from.number()?.clone();
        let cut = segment::cut(&text, &segment::Options::default()).ok()?;
        let segments = u8::try_from(cut.segments.len()).ok()?;
        let message = Message {
            id: self.world.message_id(),
            revision: 0,
            created: now,
            origin: Origin::default(),
            account: self.settings().admin.clone(),
            reply_to: None,
            charge: None,
            number,
            text,
            payload: None,
            attributes: Attributes::default(),
            encoding: cut.encoding,
            shifts: cut.shifts,
            segments,
            reference: self.world.octet(),
            flash: false,
            confirm: false,
            private: false,
            class: Class::Normal,
            high: false,
            sender_id: None,
            gateways: vec![whole.gateway.clone()],
            in_order: false,
            avoided: Vec::new(),
            state: State::Queued,
            begun: None,
            parts: Vec::new(),
            attempts: 0,
            not_before: None,
            next_attempt: now,
            expires,
            warned: false,
            awaited: None,
            error: None,
            refused_by: None,
        };
        let until = now.checked_add(within).unwrap_or(Timestamp::MAX);
        Some(NewMessage {
            original: None,
            message,
            dedupe: vec![Dedupe { key, until }],
            watch: Watch::default(),
        })
    }

    fn answer_deadline(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.settings().join_wait)
            .unwrap_or(Timestamp::MAX)
    }

    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.settings().reply_window)
            .unwrap_or(Timestamp::MIN)
    }
}

/// What is looked at.
fn about<'a>(settings: &'a Settings, whole: &'a Whole, links: &'a [Link]) -> Question<'a> {
    let line = settings.gateways.get(&whole.gateway);
    let own = line.and_then(|line| line.number.as_ref());
    Question {
        from: &whole.from,
        gateway: &whole.gateway,
        ours: whole.to.as_ref().or(own),
        text: &whole.text,
        links,
    }
}

/// Whose a text is, by all that is known.
fn decide(
    settings: &Settings,
    desk: &Desk,
    whole: &Whole,
    links: &[Link],
    known: Known<'_>,
) -> Decision {
    let question = about(settings, whole, links);
    let decision = address::decide(&question, settings, known);
    let names_someone = matches!(&decision, Decision::To(to) if to.why.is_explicit());
    // A late part goes where the beginning of its text went, unless it names someone itself.
    let Some(first) = whole.follows.filter(|_| !names_someone) else {
        return decision;
    };
    let whither = desk.followed.get(&first).cloned().or_else(|| {
        // It went before a restart: it would go there again.
        let before = desk.recalled(first)?;
        match address::decide(&about(settings, before, links), settings, known) {
            Decision::To(to) => Some((to.recipients, to.forward)),
            _ => None,
        }
    });
    match whither {
        Some((recipients, forward)) => Decision::To(Addressed {
            recipients,
            forward,
            text: whole.text.clone(),
            bare: false,
            why: address::Why::History,
        }),
        None => decision,
    }
}

/// Whose a phone is, as far as anybody knows.
#[derive(Default)]
pub(super) struct Caller {
    /// The user whose mobile it is.
    pub(super) user: Option<String>,
    /// What it is called in the phonebook of each mail domain.
    pub(super) listed: Vec<(String, String)>,
}

impl Caller {
    /// What a recipient knows it as: a phonebook belongs to a mail domain, strangers see the first one's.
    pub(super) fn name_for(&self, settings: &Settings, recipient: &str) -> Option<&str> {
        let at = |domain: &str| {
            let mut names = self.listed.iter();
            let found = names.find(|(mail, _)| mail.eq_ignore_ascii_case(domain));
            found.map(|(_, name)| name.as_str())
        };
        let domain = recipient.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_ours = |(mail, _): &(String, String)| mail.eq_ignore_ascii_case(domain);
        let listed = match settings.domains.iter().any(is_ours) {
            true => at(domain),
            false => settings.domains.first().and_then(|(mail, _)| at(mail)),
        };
        self.user.as_deref().or(listed)
    }
}

/// The SMS domain paired with the address's mail domain, else the first.
fn sms_domain<'a>(settings: &'a Settings, address: &str) -> &'a str {
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let domains = &settings.domains;
    let paired = domains
        .iter()
        .find(|(mail, _)| mail.eq_ignore_ascii_case(domain));
    paired
        .or(domains.first())
        .map_or("localhost", |(_, sms)| sms)
}

pub(super) fn outcome(ids: Vec<MessageId>, state: InboundState, now: Timestamp) -> InboundOutcome {
    InboundOutcome {
        ids,
        state,
        due: now,
        mails: Vec::new(),
        messages: Vec::new(),
    }
}
