//! A phone network in the process: no message leaves it, and none costs anything.
//!
//! Every number has a phone. It shows what was sent to it as a phone would, the parts of a long text
//! or of long data joined, and it can answer, with text or with data. The phones forget: at most [`MAX_PHONES`] are known, the one unused
//! for longest is forgotten first, and each keeps its last [`MAX_MESSAGES`] messages; nothing
//! survives a restart.

mod phone;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Body, Common, Event, Events, Gateway, Outcome, Status, Submission};
use crate::sms::parameters::PayloadError;
use crate::sms::segment::CutError;
use crate::sms::{Encoding, Marks, Number, Party, Receipt, udh};
use crate::store::{Content, Kept, Received, Report};
use crate::wire::pdu::Dcs;
use crate::world::World;

use phone::Phone;
pub use phone::{Direction, MAX_MESSAGES, PhoneMessage, Written};

/// How many phones are known: enough for a demonstration, 40 MB at worst.
pub const MAX_PHONES: usize = 1000;

/// How many receipts may wait for the path that reads them; more are dropped, as networks do.
const MAX_RECEIPTS: usize = 1000;

/// A receipt comes so soon that the reference it names may not be on disk yet: then again.
const RECEIPT_TRIES: u32 = 5;
const RECEIPT_PAUSE: Duration = Duration::from_millis(200);

/// One phone, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneSummary {
    /// Its number.
    pub number: Number,
    /// How many messages it shows.
    pub messages: usize,
    /// When the last came or went.
    pub last_at: Timestamp,
}

/// Why a phone cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The gateway does not run.
    #[error("the simulated network does not run")]
    NotRunning,
    /// More than fits.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// Data that no SMS holds.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// What it sent was not kept.
    #[error("the SMS was not kept; the log says why")]
    NotKept,
}

/// The network.
pub struct Simulated {
    common: Common,
    world: World,
    status: watch::Sender<Status>,
    phones: Mutex<HashMap<Number, Phone>>,
    sent: AtomicU64,
    /// Where to report while it runs.
    events: Mutex<Option<Events>>,
    receipts: mpsc::Sender<String>,
    to_report: tokio::sync::Mutex<mpsc::Receiver<String>>,
}

impl Simulated {
    /// A network without phones.
    pub fn new(common: Common, world: World) -> Arc<Self> {
        let (receipts, to_report) = mpsc::channel(MAX_RECEIPTS);
        Arc::new(Self {
            common,
            world,
            status: watch::Sender::new(Status::Up),
            phones: Mutex::default(),
            sent: AtomicU64::new(0),
            events: Mutex::default(),
            receipts,
            to_report: tokio::sync::Mutex::new(to_report),
        })
    }

    /// The phones that have messages, the last used first.
    pub fn phones(&self) -> Vec<PhoneSummary> {
        let phones = self.lock();
        let mut summaries: Vec<_> = phones
            .iter()
            .map(|(number, phone)| PhoneSummary {
                number: number.clone(),
                messages: phone.messages.len(),
                last_at: phone.last_at,
            })
            .collect();
        summaries.sort_by(|a, b| b.last_at.cmp(&a.last_at).then(a.number.cmp(&b.number)));
        summaries
    }

    /// What the phone of this number shows, oldest first.
    pub fn show(&self, number: &Number) -> Vec<PhoneMessage> {
        let phones = self.lock();
        let messages = phones.get(number).map(|phone| phone.messages.iter());
        messages.into_iter().flatten().cloned().collect()
    }

    /// The phone sends a text or data to `to`, or to the gateway's own number. Returns when every SMS
    /// of it is kept.
    pub async fn reply(
        &self,
        from: &Number,
        what: &Written,
        to: Option<Number>,
    ) -> Result<(), ReplyError> {
        let events = self
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let events = events.ok_or(ReplyError::NotRunning)?;
        let to = to.or_else(|| self.common.number.clone());
        let said = what.sms(self.world.octet())?;
        let parts = u8::try_from(said.len()).unwrap_or(u8::MAX);
        for (text, data, concat, marks) in said {
            let received = Received {
                gateway: self.common.id.clone(),
                at: self.world.now(),
                dedupe: None,
                raw: data.clone().unwrap_or_else(|| text.clone().into_bytes()),
                content: Content::Sms {
                    from: Party::Number(from.clone()),
                    to: to.clone(),
                    text,
                    binary: data,
                    concat,
                    marks,
                    sent: Some(self.world.now()),
                },
            };
            hand_over(&events, received).await?;
        }
        let message = what.shown(to.as_ref(), self.world.now(), parts);
        self.put(from, |phone| phone.keep(message));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Number, Phone>> {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to a phone; the one unused for longest makes room for a new one.
    fn put(&self, number: &Number, change: impl FnOnce(&mut Phone)) {
        let now = self.world.now();
        let mut phones = self.lock();
        if phones.len() >= MAX_PHONES && !phones.contains_key(number) {
            let oldest = phones.iter().min_by_key(|(_, phone)| phone.last_at);
            if let Some(oldest) = oldest.map(|(number, _)| number.clone()) {
                phones.remove(&oldest);
            }
        }
        let phone = phones.entry(number.clone()).or_default();
        phone.last_at = now;
        change(phone);
    }

    fn arrive(&self, submission: &Submission) {
        let own = self.common.number.as_ref().map(ToString::to_string);
        let other = submission.sender_id.clone().or(own).unwrap_or_default();
        let mut header = Vec::new();
        let (text, data, parts, concat, encoding) = match &submission.body {
            Body::Segment(segment) => (
                segment.text.as_str(),
                None,
                1,
                segment.concat,
                segment.encoding,
            ),
            Body::Whole {
                text,
                segments,
                encoding,
            } => (text.as_str(), None, *segments, None, *encoding),
            Body::Binary { data, udh } => {
                header.clone_from(udh);
                (
                    "",
                    Some(data.clone()),
                    1,
                    udh::concat(udh),
                    Encoding::Binary,
                )
            }
        };
        let dcs = Dcs(submission.dcs(encoding));
        let message = PhoneMessage {
            direction: Direction::In,
            other,
            text: text.to_owned(),
            data,
            marks: Marks {
                pid: submission.attributes.pid,
                dcs: Some(dcs.0),
                udh: header,
            },
            at: self.world.now(),
            parts,
            flash: dcs.class() == Some(0),
        };
        self.put(&submission.number, |phone| match concat {
            None => phone.keep(message),
            Some(concat) => phone.join(message, concat),
        });
    }

    /// Tells of deliveries, one after the other.
    async fn report(&self, events: &Events) {
        let mut to_report = self.to_report.lock().await;
        while let Some(reference) = to_report.recv().await {
            for attempt in 1..=RECEIPT_TRIES {
                let (kept, answer) = oneshot::channel();
                let report = Report {
                    gateway: self.common.id.clone(),
                    reference: reference.clone(),
                    phones: Vec::new(),
                    receipt: Receipt::Delivered,
                    submitted: None,
                    at: Some(self.world.now()),
                };
                let event = Event::Receipt {
                    report: Box::new(report),
                    kept,
                };
                if events.send(event).await.is_err() {
                    return;
                }
                if answer.await.is_ok() {
                    break;
                }
                tokio::time::sleep(RECEIPT_PAUSE * attempt).await;
            }
        }
    }
}

async fn hand_over(events: &Events, received: Received) -> Result<Kept, ReplyError> {
    let (kept, answer) = oneshot::channel();
    let event = Event::Received {
        received: Box::new(received),
        kept,
    };
    let sent = events.send(event).await;
    sent.map_err(|_| ReplyError::NotRunning)?;
    answer.await.map_err(|_| ReplyError::NotKept)
}

#[async_trait]
impl Gateway for Simulated {
    fn common(&self) -> &Common {
        &self.common
    }

    fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    fn reports(&self) -> bool {
        true
    }

    async fn submit(&self, submission: Submission) -> Outcome {
        self.arrive(&submission);
        let count = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        // A restart begins at 1 again, and receipts name references: so the message is part of it.
        let reference = format!("sim-{}-{count}", submission.id);
        if submission.receipt {
            // Full: a receipt that never comes, which is what networks do too.
            let _ = self.receipts.try_send(reference.clone());
        }
        Outcome::Accepted(Some(reference))
    }

    async fn run(self: Arc<Self>, events: Events, mut stop: watch::Receiver<bool>) {
        let set = |events| *self.events.lock().unwrap_or_else(PoisonError::into_inner) = events;
        set(Some(events.clone()));
        tokio::select! {
            // An error is a dropped sender: nobody will ever say stop, so the end is now.
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.report(&events) => {}
        }
        set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::phone::MAX_PENDING;
    use super::*;
    use crate::gateway::{Concatenation, OnUnknown};
    use crate::sms::MessageId;
    use crate::sms::{Payload, segment};

    fn number(text: &str) -> Number {
        Number::from_network(text).expect("number")
    }

    fn network() -> Arc<Simulated> {
        let common = Common {
            id: "lab".to_owned(),
            active: true,
            number: Some(number("+15550009999")),
            concat: Concatenation::Udh,
            on_unknown: OnUnknown::Report,
            unknown_wait: Duration::ZERO,
            receipts: Default::default(),
            window: 10,
            throughput: None,
            limits: Default::default(),
            rates: Vec::new(),
            from: None,
            carries: crate::gateway::Carries::default(),
        };
        Simulated::new(common, World::real())
    }

    fn submissions(to: &str, text: &str, reference: u16) -> Vec<Submission> {
        let options = segment::Options {
            reference,
            ..segment::Options::default()
        };
        let segments = segment::cut(text, &options).expect("cut").segments;
        let submission = |(part, segment)| Submission {
            id: MessageId::from_bytes([7; 16]),
            part,
            number: number(to),
            body: Body::Segment(segment),
            reference: 0,
            repeat: false,
            flash: false,
            attributes: crate::sms::Attributes::default(),
            receipt: true,
            validity: None,
            sender_id: None,
        };
        segments.into_iter().enumerate().map(submission).collect()
    }

    fn texts(network: &Simulated, phone: &str) -> Vec<(String, u8)> {
        let shown = network.show(&number(phone)).into_iter();
        shown.map(|message| (message.text, message.parts)).collect()
    }

    #[tokio::test]
    async fn a_phone_joins_parts_in_any_order() {
        let network = network();
        let long = "a".repeat(400);
        let other = "b".repeat(400);
        let mut parts = submissions("+15551234567", &long, 1);
        parts.extend(submissions("+15551234567", &other, 2));
        parts.swap(0, 5);
        parts.swap(1, 4);
        let last = parts.pop().expect("part");
        for part in parts {
            assert!(matches!(
                network.submit(part).await,
                Outcome::Accepted(Some(_))
            ));
        }
        assert_eq!(texts(&network, "+15551234567"), [(other, 3)]);
        network.submit(last).await;
        assert_eq!(texts(&network, "+15551234567")[1], (long, 3));
        let phones = network.phones();
        assert_eq!((phones.len(), phones[0].messages), (1, 2));
    }

    #[tokio::test]
    async fn a_phone_shows_data_and_what_they_are() {
        let network = network();
        let payload = Payload {
            data: (0..=255).collect(),
            udh: vec![6, 5, 4, 0x0B, 0x84, 0x23, 0xF0],
        };
        let pieces = payload.cut(9).expect("pieces").into_iter().enumerate();
        for (part, piece) in pieces.rev() {
            let mut submission = submissions("+15551234567", "", 0).remove(0);
            submission.part = part;
            submission.body = Body::Binary {
                data: piece.data,
                udh: piece.udh,
            };
            network.submit(submission).await;
        }
        let shown = network.show(&number("+15551234567")).remove(0);
        assert_eq!((shown.data.as_ref(), shown.parts), (Some(&payload.data), 2));
        assert_eq!(
            shown.meaning().sentences,
            ["Binary SMS, 256 octets, ports 9200→2948 (WAP push)"]
        );
        let mut flash = submissions("+15551234567", "now", 0).remove(0);
        flash.attributes.class = Some(0);
        flash.attributes.pid = 0x41;
        network.submit(flash).await;
        let shown = network.show(&number("+15551234567")).remove(1);
        assert!(shown.flash);
        assert_eq!(
            (shown.marks.dcs, shown.meaning().sentences.len()),
            (Some(0x10), 2)
        );
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let network = network();
        for i in 0..MAX_PHONES + 10 {
            let phone = format!("+1555{i:07}");
            network.submit(submissions(&phone, "x", 0).remove(0)).await;
        }
        assert_eq!(network.phones().len(), MAX_PHONES);
        for i in 0..MAX_MESSAGES + 10 {
            let text = i.to_string();
            network
                .submit(submissions("+15551234567", &text, 0).remove(0))
                .await;
        }
        let shown = texts(&network, "+15551234567");
        assert_eq!((shown.len(), shown[0].0.as_str()), (MAX_MESSAGES, "10"));
        for reference in 0..MAX_PENDING as u16 + 10 {
            let part = submissions("+15551234567", &"x".repeat(200), reference).remove(0);
            network.submit(part).await;
        }
        assert_eq!(
            network.lock()[&number("+15551234567")].pending.len(),
            MAX_PENDING
        );
    }

    #[tokio::test]
    async fn a_reply_is_kept_part_by_part_and_receipts_come() {
        let network = network();
        let phone = number("+15551234567");
        assert_eq!(
            network.reply(&phone, &"x".into(), None).await,
            Err(ReplyError::NotRunning)
        );
        let (events, mut inbox) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(Arc::clone(&network).run(events, stopped));
        network
            .submit(submissions("+15551234567", "hi", 0).remove(0))
            .await;
        // Dropped, it is not kept: the receipt comes again.
        let Some(Event::Receipt { kept, .. }) = inbox.recv().await else {
            panic!("no receipt")
        };
        drop(kept);
        let Some(Event::Receipt { report, kept }) = inbox.recv().await else {
            panic!("no receipt")
        };
        assert!(report.reference.starts_with("sim-") && report.receipt == Receipt::Delivered);
        kept.send(Kept::New).expect("waits");

        let text = "ž".repeat(100);
        let written = text.as_str().into();
        let reply = network.reply(&phone, &written, None);
        let take = async {
            let mut joined = String::new();
            for part in 1..=2 {
                let Some(Event::Received { received, kept }) = inbox.recv().await else {
                    panic!("no SMS")
                };
                let Content::Sms {
                    from,
                    to,
                    text,
                    concat: Some(concat),
                    ..
                } = received.content
                else {
                    panic!("no part")
                };
                assert_eq!(from, Party::Number(phone.clone()));
                assert_eq!(to, Some(number("+15550009999")));
                assert_eq!((concat.part, concat.parts), (part, 2));
                joined.push_str(&text);
                kept.send(Kept::New).expect("waits");
            }
            joined
        };
        let (replied, joined) = tokio::join!(reply, take);
        assert_eq!((replied, joined), (Ok(()), text.clone()));
        let shown = network.show(&phone);
        assert_eq!(
            (shown[1].direction, shown[1].text.as_str()),
            (Direction::Out, text.as_str())
        );

        let lost = "lost".into();
        let refused = network.reply(&phone, &lost, None);
        let (refused, ()) = tokio::join!(refused, async { drop(inbox.recv().await) });
        assert_eq!(refused, Err(ReplyError::NotKept));
        stop.send(true).expect("runs");
        running.await.expect("ends");
        assert_eq!(
            network.reply(&phone, &"x".into(), None).await,
            Err(ReplyError::NotRunning)
        );
    }
}
