//! The verbs as transactions: each reads and stages rows, and says what the index has to follow.
//!
//! A verb that answers with an error has changed nothing: the writer takes back what it staged.

use jiff::{SignedDuration, Timestamp};

use super::accounts;
use super::index::{Effect, Standing};
use super::keys;
use super::records::{self, Damage, Kept, Known, Named};
use super::shared::describe;
use super::tokens;
use super::txn::Txn;
use crate::sms::MessageId;
use crate::store::accounts::Meter;
use crate::store::guard::{Guard, Need};
use crate::store::{
    Attempt, Charge, Content, Dedupe, EarlyReport, Inbound, InboundOutcome, InboundState,
    Judgement, Kept as Reception, Link, MailOutcome, Message, NewMessage, Note, OutMail, PartState,
    QueuedMail, Received, Settlement, State, StoreError, Taken, Telling, TokenId,
};

/// A message whose row is made: what can be done on the caller's thread is done there.
pub struct Arrival {
    message: Message,
    payload: Vec<u8>,
    standing: Standing,
    dedupe: Vec<Dedupe>,
    token: Option<TokenId>,
    tell: bool,
    notices: Vec<(Meter, u8, Posting)>,
    guard: Option<Guard>,
    original: Option<(MessageId, Vec<u8>)>,
}

impl Arrival {
    /// Makes the row.
    pub fn new(new: NewMessage, now: Timestamp) -> Self {
        let notices = new.watch.notices.into_iter();
        let notices = notices.map(|n| (n.meter, n.percent, Posting::new(n.mail, now)));
        let token = new.message.origin.token;
        let original = new.original.as_deref();
        let original = original.map(|kept| (kept.id, records::encode_original(kept)));
        Self {
            payload: records::encode_message(&new.message, now),
            standing: standing(&new.message),
            message: new.message,
            dedupe: new.dedupe,
            token,
            tell: new.watch.tell,
            notices: notices.collect(),
            guard: new.watch.guard,
            original,
        }
    }
}

/// A mail whose row is made.
pub struct Posting {
    id: MessageId,
    payload: Vec<u8>,
    due: Timestamp,
}

impl Posting {
    /// Makes the row of a mail that is to go at once.
    pub fn new(mail: OutMail, now: Timestamp) -> Self {
        let queued = QueuedMail {
            mail,
            created: now,
            attempts: 0,
            next_attempt: now,
            error: None,
            undeliverable: false,
        };
        Self {
            id: queued.mail.id,
            payload: records::encode_mail(&queued),
            due: now,
        }
    }
}

/// Takes messages that are not repeats, and charges them; or says all that is missing beside them.
pub fn take(
    txn: &mut Txn<'_>,
    now: Timestamp,
    arrivals: Vec<Arrival>,
) -> Result<Vec<Taken>, StoreError> {
    let mut needs = Vec::new();
    let taken = arrivals
        .into_iter()
        .map(|a| take_one(txn, now, a, &mut needs));
    let taken = taken.collect::<Result<Vec<_>, _>>()?;
    match needs.is_empty() {
        true => Ok(taken),
        false => Err(StoreError::Incomplete(needs)),
    }
}

fn take_one(
    txn: &mut Txn<'_>,
    now: Timestamp,
    mut arrival: Arrival,
    needs: &mut Vec<Need>,
) -> Result<Taken, StoreError> {
    let id = arrival.message.id;
    for dedupe in &arrival.dedupe {
        if let Some(known) = known(txn, &keys::dedupe(&dedupe.key))?
            && known.until > now
        {
            return Ok(Taken::Repeat(known.id));
        }
    }
    let key = keys::message(id);
    if txn.get(&key)?.is_some() {
        // The caller did not hear the first answer.
        return Ok(Taken::Repeat(id));
    }
    charge(txn, now, &mut arrival, needs)?;
    if let Some(token) = arrival.token {
        tokens::spend(txn, token, now)?;
    }
    if let Some((mail, payload)) = arrival.original {
        let key = keys::original(mail);
        if txn.get(&key)?.is_none() {
            txn.put(key, payload);
        }
    }
    for Dedupe { key, until } in arrival.dedupe {
        txn.put(
            keys::dedupe(&key),
            records::encode_known(&Known { until, id }),
        );
    }
    txn.put(key, arrival.payload);
    txn.effect(Effect::Message {
        id,
        was: None,
        is: Some(arrival.standing),
        stays_leased: false,
    });
    Ok(Taken::Queued)
}

/// Takes mails; one that is there already stays as it is.
pub fn post(txn: &mut Txn<'_>, postings: Vec<Posting>) -> Result<(), StoreError> {
    for posting in postings {
        let key = keys::mail(posting.id);
        if txn.get(&key)?.is_some() {
            continue;
        }
        txn.put(key, posting.payload);
        txn.effect(Effect::Mail {
            id: posting.id,
            was: None,
            is: Some((false, posting.due)),
        });
    }
    Ok(())
}

/// Charges a message, and notes what else must be with it.
fn charge(
    txn: &mut Txn<'_>,
    now: Timestamp,
    arrival: &mut Arrival,
    needs: &mut Vec<Need>,
) -> Result<(), StoreError> {
    let message = &mut arrival.message;
    let asked = message.charge.as_ref().map(|charge| charge.month.clone());
    let reckoned = accounts::charge(txn, now, message, arrival.guard.as_ref())?;
    if message.charge.as_ref().map(|charge| &charge.month) != asked.as_ref() {
        // The clock is behind the account's newest month: a refund must go to that one.
        arrival.payload = records::encode_message(message, now);
    }
    if let Some(over) = reckoned.over {
        let id = message.id;
        needs.push(Need::Hold { id, over });
    }
    for crossing in reckoned.crossings.into_iter().filter(|_| arrival.tell) {
        let fits = |n: &(Meter, u8, Posting)| (n.0, n.1) == (crossing.meter, crossing.percent);
        match arrival.notices.iter().position(fits) {
            Some(index) => post(txn, vec![arrival.notices.swap_remove(index).2])?,
            None => needs.push(Need::Notice(crossing)),
        }
    }
    Ok(())
}

/// A message that was changed on the caller's thread: the row it replaces must have its revision.
pub struct Change {
    message: Message,
    read: u64,
    payload: Vec<u8>,
}

impl Change {
    /// Makes the row, with the next revision.
    pub fn new(mut message: Message, now: Timestamp) -> Self {
        let read = message.revision;
        message.revision = read.wrapping_add(1);
        let payload = records::encode_message(&message, now);
        Self {
            message,
            read,
            payload,
        }
    }

    fn write(self, txn: &mut Txn<'_>, stays_leased: bool) -> Result<Message, StoreError> {
        let id = self.message.id;
        let key = keys::message(id);
        let before = match fetch(txn, &key, records::decode_message)? {
            Some(kept) if kept.value.revision == self.read => kept.value,
            _ => return Err(StoreError::Conflict(id)),
        };
        txn.put(key, self.payload);
        rename(txn, &before, &self.message);
        drop_original(txn, &before, &self.message)?;
        txn.effect(Effect::Message {
            id,
            was: Some(before.state),
            is: Some(standing(&self.message)),
            stays_leased,
        });
        Ok(self.message)
    }
}

/// Drops what was kept of the mail when nothing more will be told of its only message.
fn drop_original(txn: &mut Txn<'_>, before: &Message, message: &Message) -> Result<(), StoreError> {
    let only = message.origin.mail.filter(|mail| mail.messages == 1);
    if let Some(mail) = only
        && is_over(message)
        && !is_over(before)
    {
        let key = keys::original(mail.id);
        if txn.get(&key)?.is_some() {
            txn.delete(key);
        }
    }
    Ok(())
}

/// Whether a message is final and no receipt is to come.
fn is_over(message: &Message) -> bool {
    let none_comes = |part: &crate::store::Part| {
        part.receipt.is_some_and(|receipt| receipt.is_last())
            || part.attempts.last().is_none_or(|attempt| !attempt.receipt)
    };
    match message.state {
        State::Sent | State::Unknown => message.parts.iter().all(none_comes),
        state => state.is_final(),
    }
}

/// What a gateway calls a part: one of its attempts, with the reference.
type Name<'a> = (usize, &'a Attempt, &'a str);

fn names(message: &Message) -> impl Iterator<Item = Name<'_>> {
    let parts = message.parts.iter().enumerate();
    parts.flat_map(|(part, p)| {
        let named = p.attempts.iter();
        named.filter_map(move |attempt| Some((part, attempt, attempt.reference.as_deref()?)))
    })
}

/// Makes the rows of references those of the message as it is now.
fn rename(txn: &mut Txn<'_>, before: &Message, message: &Message) {
    let same = |a: &Name<'_>, b: &Name<'_>| {
        (a.0, &a.1.gateway, a.1.at, a.2) == (b.0, &b.1.gateway, b.1.at, b.2)
    };
    for old in names(before).filter(|old| !names(message).any(|new| same(old, &new))) {
        txn.delete(keys::named_part(old.1, old.2, message.id, old.0));
    }
    for new in names(message).filter(|new| !names(before).any(|old| same(&old, new))) {
        let (part, attempt, reference) = new;
        let named = Named {
            gateway: attempt.gateway.clone(),
            reference: reference.to_owned(),
            id: message.id,
            part,
        };
        let key = keys::named_part(attempt, reference, message.id, part);
        txn.put(key, records::encode_named(&named));
    }
}

/// See `Store::keep_report`.
pub fn keep_report(txn: &mut Txn<'_>, early: &EarlyReport) {
    txn.put(keys::report(early), records::encode_report(early));
    txn.effect(Effect::Report { more: true });
}

/// See `Store::drop_report`.
pub fn drop_report(txn: &mut Txn<'_>, early: &EarlyReport) -> Result<(), StoreError> {
    let key = keys::report(early);
    if txn.get(&key)?.is_some() {
        txn.delete(key);
        txn.effect(Effect::Report { more: false });
    }
    Ok(())
}

/// See `Store::begin_attempt`.
pub fn begin(
    txn: &mut Txn<'_>,
    change: Change,
    link: Option<Link>,
    counts: &[Charge],
) -> Result<u64, StoreError> {
    for count in counts {
        accounts::count_attempt(txn, count)?;
    }
    let message = change.write(txn, true)?;
    if let Some(link) = link {
        txn.put(keys::link(&link), records::encode_link(&link));
    }
    Ok(message.revision)
}

/// See `Store::settle`.
pub fn settle(
    txn: &mut Txn<'_>,
    change: Change,
    back: Vec<Charge>,
    mails: Vec<Posting>,
    telling: Option<&Telling>,
) -> Result<u64, StoreError> {
    // Whoever has the attempt open will settle it, and holds it until then.
    let stays_leased = is_open(&change.message);
    let message = change.write(txn, stays_leased)?;
    for back in &back {
        accounts::refund(txn, back)?;
    }
    post(txn, mails)?;
    if let Some(telling) = telling {
        gather(txn, telling)?;
    }
    Ok(message.revision)
}

/// Keeps what is to be told with other things; what is kept already stays as it is.
fn gather(txn: &mut Txn<'_>, telling: &Telling) -> Result<(), StoreError> {
    let key = keys::telling(telling);
    if txn.get(&key)?.is_none() {
        txn.put(key, records::encode_telling(telling));
        txn.effect(Effect::Telling {
            telling: telling.clone(),
            more: true,
        });
    }
    Ok(())
}

/// See `Store::tell`.
pub fn tell(
    txn: &mut Txn<'_>,
    tellings: Vec<Telling>,
    mails: Vec<Posting>,
) -> Result<(), StoreError> {
    for telling in tellings {
        let key = keys::telling(&telling);
        if txn.get(&key)?.is_none() {
            return Err(StoreError::Conflict(telling.message));
        }
        txn.delete(key);
        txn.effect(Effect::Telling {
            telling,
            more: false,
        });
    }
    post(txn, mails)
}

/// Splits a settlement into what its transaction needs.
pub fn prepare(now: Timestamp, s: Settlement) -> (Change, Vec<Charge>, Vec<Posting>) {
    let mails = s.mails.into_iter().map(|m| Posting::new(m, now)).collect();
    (Change::new(s.message, now), s.refund, mails)
}

/// See `Store::keep_inbound`.
pub fn keep_inbound(
    txn: &mut Txn<'_>,
    now: Timestamp,
    id: MessageId,
    received: Received,
) -> Result<Reception, StoreError> {
    if let Some(dedupe) = &received.dedupe {
        let key = keys::seen(&dedupe.key);
        if let Some(known) = known(txn, &key)?
            && known.until > now
        {
            return Ok(Reception::Duplicate);
        }
        let until = dedupe.until;
        txn.put(key, records::encode_known(&Known { until, id }));
    }
    let key = keys::inbound(id);
    if txn.get(&key)?.is_some() {
        return Ok(Reception::Duplicate);
    }
    let inbound = Inbound {
        id,
        received,
        state: InboundState::Open,
        due: now,
    };
    txn.put(key, records::encode_inbound(&inbound, now));
    txn.effect(Effect::Inbound {
        id,
        was: None,
        is: Some((inbound.state, inbound.due)),
    });
    Ok(Reception::New)
}

/// See `Store::settle_inbound`.
pub fn settle_inbound(
    txn: &mut Txn<'_>,
    now: Timestamp,
    outcome: InboundOutcome,
) -> Result<Vec<Taken>, StoreError> {
    for id in outcome.ids {
        let key = keys::inbound(id);
        let Some(kept) = fetch(txn, &key, records::decode_inbound)? else {
            return Err(StoreError::Conflict(id));
        };
        let mut inbound = kept.value;
        let was = inbound.state;
        inbound.state = outcome.state;
        inbound.due = outcome.due;
        txn.put(key, records::encode_inbound(&inbound, now));
        txn.effect(Effect::Inbound {
            id,
            was: Some(was),
            is: Some((inbound.state, inbound.due)),
        });
    }
    let arrivals = outcome.messages.into_iter().map(|m| Arrival::new(m, now));
    let taken = take(txn, now, arrivals.collect())?;
    let mails = outcome.mails.into_iter().map(|m| Posting::new(m, now));
    post(txn, mails.collect())?;
    Ok(taken)
}

/// See `Store::judge_inbound`.
pub fn judge_inbound(
    txn: &mut Txn<'_>,
    now: Timestamp,
    ids: Vec<MessageId>,
    judgement: Judgement,
) -> Result<u64, StoreError> {
    let mut judged = 0;
    for id in ids {
        let key = keys::inbound(id);
        let Some(kept) = fetch(txn, &key, records::decode_inbound)? else {
            continue;
        };
        let mut inbound = kept.value;
        let was = inbound.state;
        let is_text = matches!(inbound.received.content, Content::Sms { .. });
        inbound.state = match judgement {
            _ if !was.is_stuck() => continue,
            Judgement::Release if is_text => InboundState::Released,
            Judgement::Release => continue,
            Judgement::Drop => InboundState::Done,
        };
        txn.put(key, records::encode_inbound(&inbound, now));
        txn.effect(Effect::Inbound {
            id,
            was: Some(was),
            is: Some((inbound.state, inbound.due)),
        });
        judged += 1;
    }
    Ok(judged)
}

/// See `Store::settle_mail`.
pub fn settle_mail(
    txn: &mut Txn<'_>,
    now: Timestamp,
    id: MessageId,
    outcome: MailOutcome,
) -> Result<(), StoreError> {
    let key = keys::mail(id);
    let Some(mut queued) = fetch(txn, &key, records::decode_mail)? else {
        return Err(StoreError::Conflict(id));
    };
    let was = Some(queued.undeliverable);
    queued.attempts = queued.attempts.saturating_add(1);
    let is = match &outcome {
        MailOutcome::Taken | MailOutcome::Instead(_) => None,
        MailOutcome::Later { at, error } => {
            queued.next_attempt = *at;
            queued.error = Some(error.clone());
            queued.undeliverable = false;
            Some((false, *at))
        }
        MailOutcome::Undeliverable { error } => {
            queued.error = Some(error.clone());
            queued.undeliverable = true;
            Some((true, queued.next_attempt))
        }
    };
    match is {
        None => txn.delete(key),
        Some(_) => txn.put(key, records::encode_mail(&queued)),
    }
    txn.effect(Effect::Mail { id, was, is });
    match outcome {
        MailOutcome::Instead(mails) => {
            let mails = mails.into_iter().map(|m| Posting::new(m, now));
            post(txn, mails.collect())
        }
        _ => Ok(()),
    }
}

/// An early report is of use while an answer is outstanding, which no gateway leaves so for an hour.
const REPORT_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Who asks who changed a number does so within a year.
const AUDIT_KEPT: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What `prune` deletes, told again in the transaction that does it.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// Keys that end by now are over.
    pub now: Timestamp,
    /// What was final, done or said before this is old.
    pub before: Timestamp,
}

impl Age {
    /// The day of `before`. In UTC: a day here or there does not matter to what is old.
    fn day(&self) -> String {
        self.before.strftime("%Y-%m-%d").to_string()
    }

    /// Whether a row may go. Nothing that is not final goes, whatever the clock says.
    pub fn is_over(&self, row: &records::Row) -> bool {
        use records::Row;
        match row {
            Row::Message(m) => m.value.state.is_final() && m.touched < self.before,
            Row::Inbound(i) => i.value.state == InboundState::Done && i.touched < self.before,
            Row::Known(known) => known.until <= self.now,
            Row::Link(link) => link.at < self.before,
            Row::Report(early) => {
                let before = self.now.saturating_sub(REPORT_KEPT);
                early.kept < before.unwrap_or(Timestamp::MIN)
            }
            Row::Counter(counter) => is_day(&counter.month) && counter.month < self.day(),
            Row::Token(token) => token.expires < self.before,
            Row::Original(original) => original.until <= self.now,
            Row::Spending(spending) => spending.day.is_none() && spending.hour.is_over(self.now),
            Row::Audit(audit) => {
                let before = self.now.saturating_sub(AUDIT_KEPT);
                audit.at < before.unwrap_or(Timestamp::MIN)
            }
            // References go with their message; accounts, months, mails, notes and the phonebook stay.
            Row::Named(_) | Row::Mail(_) | Row::Note(_) | Row::Account(_) | Row::Telling(_) => {
                false
            }
            Row::Listing(_) | Row::Whose(_) | Row::Question(_) | Row::KeptMail(_) => false,
            // Consent does not come back with time.
            Row::OptOut(_) => false,
        }
    }
}

/// Whether a counter is of a day, as `2026-11-20`.
fn is_day(month: &str) -> bool {
    month.len() == "2026-11-20".len()
}

/// Deletes those of the rows that are still over; returns how many.
pub fn drop_old(txn: &mut Txn<'_>, age: Age, keys: Vec<Vec<u8>>) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for key in keys {
        let Some(kind) = keys::Kind::of(&key) else {
            continue;
        };
        let Some(row) = fetch(txn, &key, |payload| records::decode(kind, payload))? else {
            continue;
        };
        if !age.is_over(&row) {
            continue;
        }
        match row {
            records::Row::Message(kept) => dropped += drop_references(txn, &kept)?,
            records::Row::Inbound(kept) => txn.effect(Effect::Inbound {
                id: kept.value.id,
                was: Some(kept.value.state),
                is: None,
            }),
            records::Row::Report(_) => txn.effect(Effect::Report { more: false }),
            _ => {}
        }
        txn.delete(key);
        dropped += 1;
    }
    Ok(dropped)
}

fn drop_references(txn: &mut Txn<'_>, kept: &Kept<Message>) -> Result<u64, StoreError> {
    let message = &kept.value;
    txn.effect(Effect::Message {
        id: message.id,
        was: Some(message.state),
        is: None,
        stays_leased: false,
    });
    let mut dropped = 0;
    for (part, attempt, reference) in names(message) {
        txn.delete(keys::named_part(attempt, reference, message.id, part));
        dropped += 1;
    }
    for part in &message.parts {
        let PartState::Sent {
            gateway,
            reference: Some(reference),
            ..
        } = &part.state
        else {
            continue;
        };
        // As versions before named it. The reference may have become another message's.
        let key = keys::reference(gateway, reference);
        let named = fetch(txn, &key, records::decode_named)?;
        if named.is_some_and(|n| n.id == message.id) {
            txn.delete(key);
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// See `Store::write_note`.
pub fn write_note(txn: &mut Txn<'_>, about: &str, note: &Note) -> Result<(), StoreError> {
    let key = keys::note(about);
    if !note.is_empty() {
        txn.put(key, records::encode_note(about, note));
    } else if txn.get(&key)?.is_some() {
        txn.delete(key);
    }
    Ok(())
}

/// How a message stands in the queue.
pub fn standing(message: &Message) -> Standing {
    let open = |p: &crate::store::Part| {
        matches!(
            p.state,
            PartState::Handed { .. } | PartState::Unknown { .. }
        )
    };
    Standing {
        state: message.state,
        class: message.class,
        high: message.high,
        number: message.number.clone(),
        created: message.not_before.unwrap_or(message.created),
        next_attempt: message.next_attempt,
        expires: message.expires,
        warned: message.warned,
        open: message.parts.iter().any(open),
        // It has held up the others for as long as an outcome may be waited for; or it has a time of its
        // own, and they have not.
        aside: message.not_before.is_some() || message.parts.iter().any(|p| p.unknowns > 1),
        awaited: message.awaited.filter(|_| message.state == State::Sent),
    }
}

/// Whether an attempt of it is open on the disk.
pub fn is_open(message: &Message) -> bool {
    let handed = |part: &crate::store::Part| matches!(part.state, PartState::Handed { .. });
    matches!(message.state, State::Queued | State::Sending | State::Held)
        && message.parts.iter().any(handed)
}

/// Turns open attempts of a process that is gone into unknown outcomes.
pub fn close_attempts(message: &mut Message) {
    for part in &mut message.parts {
        if let PartState::Handed { gateway, at } = &mut part.state {
            part.unknowns += 1;
            message.begun = Some(gateway.clone());
            part.state = PartState::Unknown {
                gateway: std::mem::take(gateway),
                at: *at,
                reason: "sms-milter was stopped while it waited for the gateway's answer".into(),
            };
        }
    }
}

/// A dedupe key, as this transaction leaves it.
pub(super) fn known(txn: &Txn<'_>, key: &[u8]) -> Result<Option<Known>, StoreError> {
    fetch(txn, key, records::decode_known)
}

/// A row, read, as this transaction leaves it.
pub(super) fn fetch<T>(
    txn: &Txn<'_>,
    key: &[u8],
    decode: impl FnOnce(&[u8]) -> Result<T, Damage>,
) -> Result<Option<T>, StoreError> {
    let payload = txn.get(key)?;
    let row = payload.map(|payload| decode(&payload)).transpose();
    row.map_err(|e| StoreError::Dead(format!("{} {e}", describe(key))))
}
