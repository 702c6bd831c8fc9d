//! A store that fails on command: it wraps another, and fails the nth call of a verb.
//!
//! A fault strikes before the verb was done (nothing changed), after it (the change is durable, and
//! the caller does not know), or instead of its answer for ever (the store is dead from then on).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sms_milter::sms::{MessageId, Number, Party};
use sms_milter::store::accounts::{Account, Reset};
use sms_milter::store::guard::Spending;
use sms_milter::store::mails::{MailJudgement, Mails};
use sms_milter::store::optout::{Change, OptOut, OptOuts};
use sms_milter::store::phonebook::{
    Arrivals, Arrived, Audit, Entry, KeptMail, Listing, Phonebook, Question, Release,
};
use sms_milter::store::{
    Charge, Counts, EarlyReport, Filter, Inbound, InboundOutcome, Judgement, Kept, Link,
    MailOutcome, Message, NewMessage, Note, Original, OutMail, Queue, QueuedMail, Received,
    Settlement, Store, StoreError, Taken, Telling, Token, TokenId,
};
use tokio::sync::watch;

/// The verbs that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    Put,
    LeaseDue,
    LeaseLate,
    BeginAttempt,
    Settle,
    ByReference,
    KeepReport,
    Reports,
    DropReport,
    Find,
    List,
    Used,
    Account,
    Accounts,
    Spent,
    Reset,
    KeepInbound,
    LeaseInbound,
    SettleInbound,
    ListInbound,
    Links,
    Original,
    Tellings,
    Tell,
    LeaseMail,
    SettleMail,
    ListMail,
    Note,
    WriteNote,
    AddToken,
    Token,
    Tokens,
    RevokeToken,
    Counts,
    Prune,
    Listings,
    Phonebook,
    Whose,
    Take,
    Questions,
    Kept,
    EndWait,
    Audit,
    OptOuts,
    OptOut,
    OptIn,
    KeepOpt,
    SettleOpt,
}

/// On which side of the change a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing was changed.
    Before,
    /// It was changed, and the caller hears of a failure.
    After,
}

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Of which verb.
    pub verb: Verb,
    /// Which of its calls, from 1.
    pub call: u64,
    /// On which side.
    pub when: When,
    /// With what. [`StoreError::Dead`] also ends every later call, and `died`.
    pub error: StoreError,
}

/// See the module.
pub struct FailingStore {
    inner: Arc<dyn Store>,
    faults: Mutex<Vec<Fault>>,
    calls: Mutex<HashMap<Verb, u64>>,
    dead: watch::Sender<Option<String>>,
}

impl FailingStore {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn Store>, faults: Vec<Fault>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults: Mutex::new(faults),
            calls: Mutex::default(),
            dead: watch::Sender::new(None),
        })
    }

    /// Adds a fault; its call counts from the beginning of the store.
    pub fn fail(&self, fault: Fault) {
        self.faults.lock().expect("faults").push(fault);
    }

    /// How often a verb was called.
    pub fn calls(&self, verb: Verb) -> u64 {
        let calls = self.calls.lock().expect("calls");
        calls.get(&verb).copied().unwrap_or(0)
    }

    /// Counts a call, and finds the fault that is for it.
    fn enter(&self, verb: Verb) -> Result<Option<StoreError>, StoreError> {
        if let Some(reason) = &*self.dead.borrow() {
            return Err(StoreError::Dead(reason.clone()));
        }
        let call = {
            let mut calls = self.calls.lock().expect("calls");
            let call = calls.entry(verb).or_default();
            *call += 1;
            *call
        };
        let faults = self.faults.lock().expect("faults");
        let fault = faults.iter().find(|f| f.verb == verb && f.call == call);
        let Some(fault) = fault.cloned() else {
            return Ok(None);
        };
        match fault.when {
            When::Before => Err(self.strike(fault.error)),
            When::After => Ok(Some(fault.error)),
        }
    }

    fn strike(&self, error: StoreError) -> StoreError {
        if let StoreError::Dead(reason) = &error {
            self.dead.send_replace(Some(reason.clone()));
        }
        error
    }

    fn leave<T>(&self, fault: Option<StoreError>, result: T) -> Result<T, StoreError> {
        match fault {
            None => Ok(result),
            Some(error) => Err(self.strike(error)),
        }
    }
}

#[async_trait]
impl OptOuts for FailingStore {
    fn is_opted_out(&self, phone: &Number, message: Option<MessageId>) -> bool {
        self.inner.is_opted_out(phone, message)
    }

    async fn opt_outs(&self) -> Result<Vec<OptOut>, StoreError> {
        let fault = self.enter(Verb::OptOuts)?;
        let all = self.inner.opt_outs().await?;
        self.leave(fault, all)
    }

    async fn opt_out(&self, opt_out: OptOut) -> Result<bool, StoreError> {
        let fault = self.enter(Verb::OptOut)?;
        let is_new = self.inner.opt_out(opt_out).await?;
        self.leave(fault, is_new)
    }

    async fn opt_in(&self, phone: &Number) -> Result<Option<OptOut>, StoreError> {
        let fault = self.enter(Verb::OptIn)?;
        let was = self.inner.opt_in(phone).await?;
        self.leave(fault, was)
    }

    async fn keep_opt(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError> {
        let fault = self.enter(Verb::KeepOpt)?;
        let kept = self.inner.keep_opt(now, id, received).await?;
        self.leave(fault, kept)
    }

    async fn settle_opt(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
        change: Change,
    ) -> Result<Vec<Taken>, StoreError> {
        let fault = self.enter(Verb::SettleOpt)?;
        let taken = self.inner.settle_opt(now, outcome, change).await?;
        self.leave(fault, taken)
    }
}

#[async_trait]
impl Mails for FailingStore {
    async fn mails(&self, stuck: bool, max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        let fault = self.enter(Verb::ListMail)?;
        let found = self.inner.mails(stuck, max).await?;
        self.leave(fault, found)
    }

    async fn stuck_mails(&self) -> Result<Vec<(MessageId, bool)>, StoreError> {
        let fault = self.enter(Verb::ListMail)?;
        let found = self.inner.stuck_mails().await?;
        self.leave(fault, found)
    }

    async fn find_mail(&self, id: MessageId) -> Result<Option<QueuedMail>, StoreError> {
        let fault = self.enter(Verb::ListMail)?;
        let found = self.inner.find_mail(id).await?;
        self.leave(fault, found)
    }

    fn is_mail_leased(&self, id: MessageId) -> bool {
        self.inner.is_mail_leased(id)
    }

    async fn judge_mail(
        &self,
        now: Timestamp,
        ids: Vec<MessageId>,
        judgement: MailJudgement,
    ) -> Result<Vec<MessageId>, StoreError> {
        let fault = self.enter(Verb::SettleMail)?;
        let judged = self.inner.judge_mail(now, ids, judgement).await?;
        self.leave(fault, judged)
    }
}

#[async_trait]
impl Phonebook for FailingStore {
    async fn listings(&self, addresses: &[String]) -> Result<Vec<Listing>, StoreError> {
        let fault = self.enter(Verb::Listings)?;
        let found = self.inner.listings(addresses).await?;
        self.leave(fault, found)
    }

    async fn phonebook(&self) -> Result<Vec<Listing>, StoreError> {
        let fault = self.enter(Verb::Phonebook)?;
        let all = self.inner.phonebook().await?;
        self.leave(fault, all)
    }

    async fn whose(&self, number: &Number) -> Result<Vec<Entry>, StoreError> {
        let fault = self.enter(Verb::Whose)?;
        let found = self.inner.whose(number).await?;
        self.leave(fault, found)
    }

    async fn take(&self, now: Timestamp, arrivals: Arrivals) -> Result<Arrived, StoreError> {
        // What brings nothing but messages and mails is a put as well.
        let plain = arrivals.changes.is_empty() && arrivals.kept.is_empty();
        let verb = if plain { Verb::Put } else { Verb::Take };
        let fault = self.enter(verb)?;
        let arrived = self.inner.take(now, arrivals).await?;
        self.leave(fault, arrived)
    }

    async fn questions(&self, sender: Option<&str>) -> Result<Vec<Question>, StoreError> {
        let fault = self.enter(Verb::Questions)?;
        let open = self.inner.questions(sender).await?;
        self.leave(fault, open)
    }

    async fn kept(&self, question: &Question) -> Result<Vec<KeptMail>, StoreError> {
        let fault = self.enter(Verb::Kept)?;
        let kept = self.inner.kept(question).await?;
        self.leave(fault, kept)
    }

    async fn end_wait(
        &self,
        now: Timestamp,
        release: Release,
    ) -> Result<Option<Taken>, StoreError> {
        let fault = self.enter(Verb::EndWait)?;
        let ended = self.inner.end_wait(now, release).await?;
        self.leave(fault, ended)
    }

    async fn audit(&self, address: Option<&str>, limit: usize) -> Result<Vec<Audit>, StoreError> {
        let fault = self.enter(Verb::Audit)?;
        let lines = self.inner.audit(address, limit).await?;
        self.leave(fault, lines)
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn put(
        &self,
        now: Timestamp,
        messages: Vec<NewMessage>,
        mails: Vec<OutMail>,
    ) -> Result<Vec<Taken>, StoreError> {
        let fault = self.enter(Verb::Put)?;
        let taken = self.inner.put(now, messages, mails).await?;
        self.leave(fault, taken)
    }

    fn forget(&self, keys: Vec<[u8; 32]>) {
        self.inner.forget(keys);
    }

    async fn lease_due(&self, now: Timestamp, max: usize) -> Result<Vec<Message>, StoreError> {
        let fault = self.enter(Verb::LeaseDue)?;
        let due = self.inner.lease_due(now, max).await?;
        self.leave(fault, due)
    }

    fn put_back(&self, id: MessageId, at: Timestamp) {
        self.inner.put_back(id, at);
    }

    fn park(&self, id: MessageId, what: &str) {
        self.inner.park(id, what);
    }

    fn parked(&self) -> Vec<String> {
        self.inner.parked()
    }

    fn release(&self, what: &str, max: usize) {
        self.inner.release(what, max);
    }

    async fn lease_late(
        &self,
        now: Timestamp,
        warn_after: SignedDuration,
        max: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let fault = self.enter(Verb::LeaseLate)?;
        let late = self.inner.lease_late(now, warn_after, max).await?;
        self.leave(fault, late)
    }

    fn next_late(&self, warn_after: SignedDuration) -> Option<Timestamp> {
        self.inner.next_late(warn_after)
    }

    fn next_due(&self, queue: Queue) -> Option<Timestamp> {
        self.inner.next_due(queue)
    }

    async fn begin_attempt(
        &self,
        now: Timestamp,
        message: Message,
        link: Option<Link>,
        counts: Vec<Charge>,
    ) -> Result<u64, StoreError> {
        let fault = self.enter(Verb::BeginAttempt)?;
        let begun = self.inner.begin_attempt(now, message, link, counts);
        let revision = begun.await?;
        self.leave(fault, revision)
    }

    async fn settle(&self, now: Timestamp, settlement: Settlement) -> Result<u64, StoreError> {
        let fault = self.enter(Verb::Settle)?;
        let revision = self.inner.settle(now, settlement).await?;
        self.leave(fault, revision)
    }

    async fn by_reference(
        &self,
        gateway: &str,
        reference: &str,
    ) -> Result<Vec<(Message, usize)>, StoreError> {
        let fault = self.enter(Verb::ByReference)?;
        let found = self.inner.by_reference(gateway, reference).await?;
        self.leave(fault, found)
    }

    async fn keep_report(&self, early: EarlyReport) -> Result<(), StoreError> {
        let fault = self.enter(Verb::KeepReport)?;
        self.inner.keep_report(early).await?;
        self.leave(fault, ())
    }

    async fn reports(&self, of: Option<(&str, &str)>) -> Result<Vec<EarlyReport>, StoreError> {
        let fault = self.enter(Verb::Reports)?;
        let reports = self.inner.reports(of).await?;
        self.leave(fault, reports)
    }

    async fn drop_report(&self, early: EarlyReport) -> Result<(), StoreError> {
        let fault = self.enter(Verb::DropReport)?;
        self.inner.drop_report(early).await?;
        self.leave(fault, ())
    }

    async fn find(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let fault = self.enter(Verb::Find)?;
        let found = self.inner.find(id).await?;
        self.leave(fault, found)
    }

    fn is_leased(&self, id: MessageId) -> bool {
        self.inner.is_leased(id)
    }

    async fn list(&self, filter: Filter) -> Result<Vec<Message>, StoreError> {
        let fault = self.enter(Verb::List)?;
        let found = self.inner.list(filter).await?;
        self.leave(fault, found)
    }

    async fn used(&self, account: &str, month: &str) -> Result<u32, StoreError> {
        let fault = self.enter(Verb::Used)?;
        let used = self.inner.used(account, month).await?;
        self.leave(fault, used)
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let fault = self.enter(Verb::Account)?;
        let account = self.inner.account(name).await?;
        self.leave(fault, account)
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let fault = self.enter(Verb::Accounts)?;
        let accounts = self.inner.accounts().await?;
        self.leave(fault, accounts)
    }

    async fn spent(&self, on: Option<&Number>) -> Result<Spending, StoreError> {
        let fault = self.enter(Verb::Spent)?;
        let spent = self.inner.spent(on).await?;
        self.leave(fault, spent)
    }

    async fn reset_account(&self, name: &str, reset: Reset) -> Result<(), StoreError> {
        let fault = self.enter(Verb::Reset)?;
        self.inner.reset_account(name, reset).await?;
        self.leave(fault, ())
    }

    async fn reset_site_day(&self) -> Result<(), StoreError> {
        let fault = self.enter(Verb::Reset)?;
        self.inner.reset_site_day().await?;
        self.leave(fault, ())
    }

    async fn keep_inbound(
        &self,
        now: Timestamp,
        id: MessageId,
        received: Received,
    ) -> Result<Kept, StoreError> {
        let fault = self.enter(Verb::KeepInbound)?;
        let kept = self.inner.keep_inbound(now, id, received).await?;
        self.leave(fault, kept)
    }

    async fn lease_inbound(&self, now: Timestamp, max: usize) -> Result<Vec<Inbound>, StoreError> {
        let fault = self.enter(Verb::LeaseInbound)?;
        let due = self.inner.lease_inbound(now, max).await?;
        self.leave(fault, due)
    }

    async fn settle_inbound(
        &self,
        now: Timestamp,
        outcome: InboundOutcome,
    ) -> Result<(), StoreError> {
        let fault = self.enter(Verb::SettleInbound)?;
        self.inner.settle_inbound(now, outcome).await?;
        self.leave(fault, ())
    }

    async fn list_inbound(&self, limit: usize) -> Result<Vec<Inbound>, StoreError> {
        let fault = self.enter(Verb::ListInbound)?;
        let found = self.inner.list_inbound(limit).await?;
        self.leave(fault, found)
    }

    async fn find_inbound(&self, id: MessageId) -> Result<Option<Inbound>, StoreError> {
        let fault = self.enter(Verb::ListInbound)?;
        let found = self.inner.find_inbound(id).await?;
        self.leave(fault, found)
    }

    async fn stuck_inbound(
        &self,
        from: Option<&Party>,
        before: Option<MessageId>,
        max: usize,
    ) -> Result<Vec<Inbound>, StoreError> {
        let fault = self.enter(Verb::ListInbound)?;
        let found = self.inner.stuck_inbound(from, before, max).await?;
        self.leave(fault, found)
    }

    async fn judge_inbound(
        &self,
        now: Timestamp,
        ids: Vec<MessageId>,
        judgement: Judgement,
    ) -> Result<u64, StoreError> {
        let fault = self.enter(Verb::SettleInbound)?;
        let judged = self.inner.judge_inbound(now, ids, judgement).await?;
        self.leave(fault, judged)
    }

    async fn links(&self, phone: &Number, since: Timestamp) -> Result<Vec<Link>, StoreError> {
        let fault = self.enter(Verb::Links)?;
        let links = self.inner.links(phone, since).await?;
        self.leave(fault, links)
    }

    async fn original(&self, mail: MessageId) -> Result<Option<Original>, StoreError> {
        let fault = self.enter(Verb::Original)?;
        let found = self.inner.original(mail).await?;
        self.leave(fault, found)
    }

    async fn tellings(
        &self,
        now: Timestamp,
        quiet: SignedDuration,
        longest: SignedDuration,
    ) -> Result<Vec<Vec<Telling>>, StoreError> {
        let fault = self.enter(Verb::Tellings)?;
        let found = self.inner.tellings(now, quiet, longest).await?;
        self.leave(fault, found)
    }

    fn next_telling(&self, quiet: SignedDuration, longest: SignedDuration) -> Option<Timestamp> {
        self.inner.next_telling(quiet, longest)
    }

    async fn tell(
        &self,
        now: Timestamp,
        tellings: Vec<Telling>,
        mails: Vec<OutMail>,
    ) -> Result<(), StoreError> {
        let fault = self.enter(Verb::Tell)?;
        self.inner.tell(now, tellings, mails).await?;
        self.leave(fault, ())
    }

    async fn lease_mail(&self, now: Timestamp, max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        let fault = self.enter(Verb::LeaseMail)?;
        let due = self.inner.lease_mail(now, max).await?;
        self.leave(fault, due)
    }

    async fn settle_mail(
        &self,
        now: Timestamp,
        id: MessageId,
        outcome: MailOutcome,
    ) -> Result<(), StoreError> {
        let fault = self.enter(Verb::SettleMail)?;
        self.inner.settle_mail(now, id, outcome).await?;
        self.leave(fault, ())
    }

    async fn list_mail(&self) -> Result<Vec<QueuedMail>, StoreError> {
        let fault = self.enter(Verb::ListMail)?;
        let found = self.inner.list_mail().await?;
        self.leave(fault, found)
    }

    async fn note(&self, about: &str) -> Result<Note, StoreError> {
        let fault = self.enter(Verb::Note)?;
        let note = self.inner.note(about).await?;
        self.leave(fault, note)
    }

    async fn write_note(&self, about: &str, note: Note) -> Result<(), StoreError> {
        let fault = self.enter(Verb::WriteNote)?;
        self.inner.write_note(about, note).await?;
        self.leave(fault, ())
    }

    async fn add_token(&self, token: Token) -> Result<bool, StoreError> {
        let fault = self.enter(Verb::AddToken)?;
        let added = self.inner.add_token(token).await?;
        self.leave(fault, added)
    }

    async fn token(&self, digest: [u8; 32]) -> Result<Option<Token>, StoreError> {
        let fault = self.enter(Verb::Token)?;
        let token = self.inner.token(digest).await?;
        self.leave(fault, token)
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let fault = self.enter(Verb::Tokens)?;
        let tokens = self.inner.tokens().await?;
        self.leave(fault, tokens)
    }

    async fn revoke_token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
        let fault = self.enter(Verb::RevokeToken)?;
        let token = self.inner.revoke_token(id).await?;
        self.leave(fault, token)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let fault = self.enter(Verb::Counts)?;
        let counts = self.inner.counts().await?;
        self.leave(fault, counts)
    }

    async fn prune(&self, now: Timestamp, before: Timestamp) -> Result<u64, StoreError> {
        let fault = self.enter(Verb::Prune)?;
        let dropped = self.inner.prune(now, before).await?;
        self.leave(fault, dropped)
    }

    async fn died(&self) -> String {
        let mut dead = self.dead.subscribe();
        let ours = async {
            match dead.wait_for(Option::is_some).await {
                Ok(reason) => Some(reason.clone().unwrap_or_default()),
                Err(_) => None,
            }
        };
        tokio::select! {
            reason = self.inner.died() => reason,
            Some(reason) = ours => reason,
        }
    }
}
