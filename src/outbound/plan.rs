//! What a mail to a recipient means: who pays, which text in which segments, through which gateways;
//! or why not. Pure: `accept`, `explain` and the preview all ask here, and there is no second way.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use unicode_normalization::char::is_combining_mark;

use super::admit::Admitted;
use super::heed;
use super::spend::Limits;
use super::wishes::{Priority, WishError};
use crate::access::destinations::Destinations;
use crate::access::{Access, Confirm};
use crate::directory::Directories;
use crate::gateway::{Carries, Common, Concatenation};
use crate::mail::address;
use crate::mail::text::{self, MailText, RawMail};
use crate::mail::{Envelope, Reply};
use crate::rules::{Action, Facts, OutgoingRule, Strategy};
use crate::sms::alphabet::{self, Fold};
use crate::sms::clean::{clean, is_harmful};
use crate::sms::numbered::numbered;
use crate::sms::parameters::Piece;
use crate::sms::segment::{self, CutError};
use crate::sms::{
    Attributes, Class, Encoding, Language, Languages, Number, Payload, Region, Segment, Shifts,
};
use crate::store::{Message, Part};

/// All that decides: the configuration, ready to be asked.
#[derive(Clone)]
pub struct Planner {
    /// Which addresses are ours.
    pub addresses: address::Settings,
    /// Who may send.
    pub access: Access,
    /// Where people are that the configuration does not have. Nothing in here asks them: whoever judges does,
    /// by [`Planner::knowing`].
    pub directories: Arc<Directories>,
    /// Where to.
    pub destinations: Destinations,
    /// Rules for messages to phones, in order.
    pub rules: Vec<OutgoingRule>,
    /// How a mail becomes a text.
    pub text: text::Settings,
    /// Which characters may be replaced to save segments.
    pub fold: Fold,
    /// Whose national tables may be used to save segments.
    pub languages: Languages,
    /// What to do with a text that is too long.
    pub on_overflow: Overflow,
    /// The active gateways.
    pub gateways: Vec<Common>,
    /// What may be spent.
    pub limits: Limits,
    /// How long the queue keeps a message.
    pub expire: Duration,
    /// How long a mail waits for a number.
    pub phonebook_wait: jiff::SignedDuration,
    /// So long a phone's answer is for who wrote to it.
    pub reply_window: jiff::SignedDuration,
}

/// What to do with a text of more segments than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Cut it with `…` and tell the sender.
    Cut,
    /// Refuse it.
    Refuse,
}

/// What will be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The text as the phone shall show it; empty beside a payload.
    pub text: String,
    /// What goes in the place of a text.
    pub payload: Option<Payload>,
    /// How it differs from an ordinary SMS.
    pub attributes: Attributes,
    /// Give up after this, if it is shorter than usual.
    pub validity: Option<Duration>,
    /// How it goes on the air.
    pub encoding: Encoding,
    /// With which national tables.
    pub shifts: Shifts,
    /// The standard's plan: what is counted.
    pub segments: Vec<Segment>,
    /// The concatenation reference.
    pub reference: u8,
    /// Class 0.
    pub flash: bool,
    /// The sender wants to hear of success.
    pub confirm: bool,
    /// Urgency.
    pub class: Class,
    /// Before others of its class.
    pub high: bool,
    /// The sender id to show.
    pub sender_id: Option<String>,
    /// The gateways that can carry it, best first.
    pub gateways: Vec<String>,
    /// Only those; else any.
    pub pinned: bool,
    /// In that order; else the least loaded.
    pub in_order: bool,
    /// Which rule decided, from 1.
    pub rule: Option<usize>,
    /// At the first gateway's rate; `None` when it has none.
    pub price: Option<f64>,
    /// It was cut to the allowed segments.
    pub cut: bool,
    /// What was done to the text, for people.
    pub notes: Vec<String>,
}

impl Planner {
    /// How a number is read where no domain says: as in the first domain.
    pub fn region(&self) -> Region {
        let first = self.addresses.domains.first().map(|domain| domain.region);
        first.unwrap_or_else(|| Region::parse("US").expect("the numbering plans know the US"))
    }

    /// What of this mail goes to this recipient.
    pub fn plan(&self, mail: &MailText, to: &Admitted) -> Result<Plan, Reply> {
        let policy = &to.payer.policy;
        let class = match to.wishes.priority {
            Some(Priority::Low) => Class::Bulk,
            Some(Priority::Normal | Priority::High) | None => policy.class,
        };
        let facts = Facts {
            to: to.number.as_str(),
            sender: &to.payer.account,
            text: &mail.text,
            subject: &mail.subject,
            class: Some(class),
            ..Facts::default()
        };
        let rule = self.rules.iter().position(|rule| rule.when.holds(&facts));
        let (pinned, strategy) = match rule.map(|index| &self.rules[index].action) {
            Some(Action::Reject(why)) => return Err(Reply::new(550, "5.7.1", why)),
            _ if to.wishes.gateway.is_some() => (
                to.wishes.gateway.iter().cloned().collect(),
                Strategy::Balance,
            ),
            Some(Action::Gateways(ids, strategy)) => (ids.clone(), *strategy),
            Some(Action::Any) | None => (
                to.payer.gateway.iter().cloned().collect(),
                Strategy::Balance,
            ),
        };
        let template = rule.and_then(|index| self.rules[index].text.as_deref());
        let shaped = shaped(mail, to, template)?;
        let mail = shaped.as_ref();
        let reference = reference(mail, to);
        let mut notes = mail.notes.clone();
        notes.extend(heed::passed_over(mail));
        let wanted = self.active(&pinned);
        let languages = self.languages(&wanted, to);
        let content = self.content(mail, to, reference, languages, &mut notes)?;
        let header = content.pieces.iter().any(|piece| !piece.udh.is_empty());
        let (mut gateways, unable) = able(&wanted, to.wishes.needs(header));
        if gateways.is_empty() {
            return Err(Reply::new(550, "5.7.1", nobody(&unable)));
        }
        let flash = mail.flash && !to.wishes.no_flash;
        if flash && to.wishes.class.is_none() {
            let dcs = |id: &String| wanted.iter().any(|g| g.id == *id && g.carries.dcs);
            if !gateways.iter().any(dcs) {
                notes.push("no gateway here can show it at once: it is an ordinary SMS".into());
            }
        }
        if strategy == Strategy::Cheapest {
            let price = |id: &String| self.rate(id, &to.number).unwrap_or(f64::MAX);
            gateways.sort_by(|a, b| price(a).total_cmp(&price(b)));
        }
        let price = gateways.first().and_then(|id| self.rate(id, &to.number));
        // A read receipt of a phone is that it has the SMS. The address beats the header.
        let by_header = mail.confirm || mail.receipt_requested;
        let confirm = to.wishes.confirm.unwrap_or(by_header);
        if to.wishes.confirm == Some(true) && policy.confirm == Confirm::Never {
            notes.push("no confirmation: this account has them switched off".into());
        }
        Ok(Plan {
            text: content.text,
            payload: content.payload,
            attributes: to.wishes.attributes(),
            validity: to.wishes.validity,
            encoding: content.encoding,
            shifts: content.shifts,
            price: price.map(|rate| rate * content.segments.len() as f64),
            segments: content.segments,
            reference,
            flash,
            confirm: match policy.confirm {
                Confirm::Asked => confirm,
                Confirm::Always => true,
                Confirm::Never => false,
            },
            class,
            high: to.wishes.priority == Some(Priority::High),
            sender_id: to
                .wishes
                .sender
                .as_ref()
                .or(policy.sender_ids.first())
                .cloned(),
            // Whoever cannot carry it must not get it later either.
            pinned: !pinned.is_empty() || !unable.is_empty(),
            in_order: strategy != Strategy::Balance,
            gateways,
            rule: rule.map(|index| index + 1),
            cut: content.cut,
            notes,
        })
    }

    /// Whose tables may be used: none if one of the gateways that may get the message sends none, for
    /// then it would take more segments than were counted; none beside a DCS that somebody chose.
    fn languages(&self, gateways: &[&Common], to: &Admitted) -> Languages {
        let all = gateways.iter().all(|gateway| gateway.takes_tables());
        if all && to.wishes.dcs.is_none() {
            self.languages
        } else {
            Languages::default()
        }
    }

    /// What goes on the air: the mail's text, or the data that it is.
    fn content(
        &self,
        mail: &MailText,
        to: &Admitted,
        reference: u8,
        languages: Languages,
        notes: &mut Vec<String>,
    ) -> Result<Content, Reply> {
        let most = to.payer.policy.max_segments;
        let max = to.wishes.max_segments.map_or(most, |wish| wish.min(most));
        to.wishes.check().map_err(unwished)?;
        if let Some(payload) = to.wishes.payload(&mail.text).map_err(unwished)? {
            let pieces = payload.cut(reference);
            let pieces = pieces.map_err(|e| Reply::new(554, "5.6.0", e.to_string()))?;
            // Half of a text is better than none; half of data is nothing.
            if pieces.len() > max.into() {
                let text = format!(
                    "the data take {} SMS; you may send {max} at a time",
                    pieces.len()
                );
                return Err(Reply::new(550, "5.7.1", text));
            }
            return Ok(Content {
                text: String::new(),
                payload: Some(payload),
                encoding: Encoding::Binary,
                shifts: Shifts::default(),
                segments: pieces.iter().map(Piece::segment).collect(),
                pieces,
                cut: false,
            });
        }
        let options = segment::Options {
            fold: self.fold,
            coding: to.wishes.coding(),
            languages,
            reference: reference.into(),
            wide: false,
        };
        let clean = clean(&mail.text);
        let counted = segment::count(&clean, &options);
        if let (Some(dcs), Err(CutError::NotGsm7(c))) = (to.wishes.dcs, counted) {
            let text = format!(
                "dcs={dcs:#04x}: means GSM 7-bit, and the text has U+{:04X}, which that has not; \
                 leave dcs out, or write one of UCS-2, as 0x08",
                u32::from(c)
            );
            return Err(Reply::new(550, "5.1.3", text));
        }
        let (text, cut) = self.within(&clean, max, &options)?;
        let done = segment::cut(&text, &options).map_err(unsendable)?;
        if cut {
            notes.push(format!("cut to {max} segments"));
        }
        if done.folded {
            notes.push("characters replaced by plain ones to save segments".into());
        }
        notes.extend(forced(&done.forced_ucs2));
        notes.extend(tables(done.shifts));
        Ok(Content {
            text: done.segments.iter().map(|s| s.text.as_str()).collect(),
            payload: None,
            encoding: done.encoding,
            shifts: done.shifts,
            segments: done.segments,
            pieces: Vec::new(),
            cut,
        })
    }

    /// The text within the allowed segments, and whether it was cut for that.
    fn within<'a>(
        &self,
        text: &'a str,
        max: u8,
        options: &segment::Options,
    ) -> Result<(std::borrow::Cow<'a, str>, bool), Reply> {
        let fits = matches!(segment::count(text, options), Ok(n) if n <= max.into());
        if fits {
            return Ok((text.into(), false));
        }
        if self.on_overflow == Overflow::Refuse {
            let text = format!("the text is longer than the {max} SMS you may send at a time");
            return Err(Reply::new(550, "5.7.1", text).in_a_mail("refused-too-long"));
        }
        let shorter = segment::shorten(text, max.into(), options).map_err(unsendable)?;
        Ok((shorter, true))
    }

    /// Of the wanted gateways those that are active; all of them when none is wanted.
    fn active(&self, wanted: &[String]) -> Vec<&Common> {
        if wanted.is_empty() {
            return self.gateways.iter().collect();
        }
        let active = |id: &String| self.gateways.iter().find(|g| g.id == *id);
        wanted.iter().filter_map(active).collect()
    }

    fn rate(&self, gateway: &str, number: &Number) -> Option<f64> {
        let rates = &self.gateways.iter().find(|g| g.id == gateway)?.rates;
        let matching = rates
            .iter()
            .filter(|(prefix, _)| number.as_str().starts_with(prefix.as_str()));
        matching
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, rate)| *rate)
    }
}

/// What goes on the air.
struct Content {
    text: String,
    payload: Option<Payload>,
    encoding: Encoding,
    shifts: Shifts,
    segments: Vec<Segment>,
    /// The SMS of the payload.
    pieces: Vec<Piece>,
    cut: bool,
}

/// The gateways that carry what is needed, and what each of the others lacks.
fn able<'a>(
    gateways: &[&'a Common],
    needs: Carries,
) -> (Vec<String>, Vec<(&'a str, &'static str)>) {
    let (mut able, mut unable) = (Vec::new(), Vec::new());
    for gateway in gateways {
        match gateway.carries.lacks(needs) {
            None => able.push(gateway.id.clone()),
            Some(what) => unable.push((gateway.id.as_str(), what)),
        }
    }
    (able, unable)
}

/// Why no gateway is left.
fn nobody(unable: &[(&str, &str)]) -> String {
    let mut text = "no gateway can carry this message".to_owned();
    for (at, (id, what)) in unable.iter().enumerate() {
        text += if at == 0 { ": " } else { ", " };
        text += &format!("{id} cannot carry {what}");
    }
    text
}

pub(super) fn unwished(error: WishError) -> Reply {
    match error {
        WishError::Data(_) => Reply::new(554, "5.6.0", error.to_string()),
        _ => Reply::new(550, "5.1.3", error.to_string()),
    }
}

/// Which characters made the text dear, as far as they can be shown.
fn forced(chars: &[char]) -> Option<String> {
    let shown = |&c: &char| match is_harmful(c) || is_combining_mark(c) {
        true => format!("U+{:04X}", u32::from(c)),
        false => c.to_string(),
    };
    let are = match chars {
        [] => return None,
        [_] => "is",
        _ => "are",
    };
    let list: Vec<String> = chars.iter().map(shown).collect();
    let list = list.join(" ");
    Some(format!(
        "{list} {are} not in the GSM alphabet: 70 characters a segment, not 160"
    ))
}

/// What a phone must know to show the text.
fn tables(shifts: Shifts) -> Option<String> {
    let mut names: Vec<&str> = [shifts.locking, shifts.single]
        .into_iter()
        .flatten()
        .map(Language::name)
        .collect();
    names.dedup();
    let names = names.join(" and ");
    let text = "letter tables save segments: a phone without them shows some letters wrong";
    (!names.is_empty()).then(|| format!("{names} {text}"))
}

fn unsendable(error: CutError) -> Reply {
    Reply::new(554, "5.6.0", error.to_string())
}

/// The mail with the text that the rule wants. Data are the mail's own, whatever a template says.
fn shaped<'a>(
    mail: &'a MailText,
    to: &Admitted,
    template: Option<&str>,
) -> Result<Cow<'a, MailText>, Reply> {
    match (template, mail.flaw) {
        (Some(template), _) if to.wishes.binary.is_none() => Ok(Cow::Owned(MailText {
            text: mail.shaped(template).map_err(Reply::from)?,
            flaw: None,
            ..mail.clone()
        })),
        (_, Some(why)) => Err(why.into()),
        (_, None) => Ok(Cow::Borrowed(mail)),
    }
}

/// A reference that a repeat of the mail gets too, so that a phone joins parts of both.
fn reference(mail: &MailText, to: &Admitted) -> u8 {
    let mut hash = Sha256::new();
    hash.update(to.number.as_str());
    hash.update(mail.message_id.as_deref().unwrap_or(""));
    hash.update(&mail.text);
    hash.finalize()[0]
}

/// The key under which a repeat of a mail to a number is the same message (durability 2.6), and
/// whether it holds only while the client may not know that we have the mail: a mail without a
/// Message-ID of its client's own gets a new one from the MTA with every attempt.
pub fn repeat_key(envelope: &Envelope, mail: &RawMail, to: &Admitted) -> ([u8; 32], bool) {
    let (print, weak) = fingerprint(envelope, mail);
    let key = repeat_of(&to.payer.account, to.number.as_str(), &print);
    (key, weak)
}

/// The same of a mail whose fingerprint is known, to a number or to a name that waits for one.
pub fn repeat_of(account: &str, to: &str, fingerprint: &[u8; 32]) -> [u8; 32] {
    hash_of(&[account.as_bytes(), to.as_bytes(), fingerprint])
}

/// What makes a repeat of a mail the same mail, and whether only for a while: see [`repeat_key`].
pub fn fingerprint(envelope: &Envelope, mail: &RawMail) -> ([u8; 32], bool) {
    let text = |name| mail.header(name).map(String::from_utf8_lossy);
    let own = own_id(envelope, mail);
    let print = match &own {
        Some(id) => {
            let date = text("Date").unwrap_or_default();
            hash_of(&[id.as_bytes(), date.as_bytes(), &mail.body])
        }
        None => hash_of(&[&mail.body]),
    };
    (print, own.is_none())
}

fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The key under which a mail that came to a number through one list and through another is one message: its
/// lists may have changed its text, and different people may pay. `None`: it has no Message-ID of its own.
pub fn list_key(envelope: &Envelope, mail: &RawMail, to: &Admitted) -> Option<[u8; 32]> {
    let id = own_id(envelope, mail)?;
    let mut hash = Sha256::new();
    for part in ["list", to.number.as_str(), id.trim()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Some(hash.finalize().into())
}

/// The Message-ID, if the MTA did not make it just now.
fn own_id(envelope: &Envelope, mail: &RawMail) -> Option<String> {
    let made_here = |id: &str| envelope.queue_id.as_deref().is_some_and(|q| id.contains(q));
    let id = mail.header("Message-ID").map(String::from_utf8_lossy)?;
    (!id.trim().is_empty() && !made_here(&id)).then(|| id.into_owned())
}

/// What is handed to a gateway, in order: segments, numbered pieces, or the whole text.
///
/// Data are always cut by us; [`pieces`] has them, as many as there are parts.
pub fn parts(message: &Message, gateway: &Common) -> Vec<Part> {
    let (encoding, _) = air(message, gateway);
    let texts = match gateway.concat {
        _ if message.payload.is_some() => vec![String::new(); pieces(message).len()],
        Concatenation::Provider => vec![message.text.clone()],
        Concatenation::Numbered => {
            numbered(&message.text, encoding).unwrap_or_else(|| segment_texts(message, gateway))
        }
        Concatenation::Udh => segment_texts(message, gateway),
    };
    texts.into_iter().map(Part::new).collect()
}

/// The SMS of a message of data, in order.
pub fn pieces(message: &Message) -> Vec<Piece> {
    let Some(payload) = &message.payload else {
        return Vec::new();
    };
    // It was cut once already when it was planned; uncut, a gateway refuses it.
    payload.cut(message.reference).unwrap_or_else(|_| {
        vec![Piece {
            data: payload.data.clone(),
            udh: payload.udh.clone(),
        }]
    })
}

/// How a message's text goes by this gateway: as planned, but for one that sends no national tables
/// and was not there when it was planned.
pub fn air(message: &Message, gateway: &Common) -> (Encoding, Shifts) {
    if message.shifts == Shifts::default() || gateway.takes_tables() {
        return (message.encoding, message.shifts);
    }
    let plain = alphabet::encode(&message.text).is_ok();
    let encoding = if plain {
        Encoding::Gsm7
    } else {
        Encoding::Ucs2
    };
    (encoding, Shifts::default())
}

/// How many segments its text is by the standard's plan, sent by this gateway.
pub fn segments(message: &Message, gateway: &Common) -> u8 {
    match air(message, gateway) {
        (_, shifts) if shifts == message.shifts => message.segments,
        _ => u8::try_from(segment_texts(message, gateway).len()).unwrap_or(u8::MAX),
    }
}

fn segment_texts(message: &Message, gateway: &Common) -> Vec<String> {
    let (encoding, shifts) = air(message, gateway);
    match segment::cut_as(&message.text, encoding, shifts, message.reference) {
        Ok(segments) => segments.into_iter().map(|s| s.text).collect(),
        // It was cut once already when it was planned.
        Err(_) => vec![message.text.clone()],
    }
}

#[cfg(test)]
pub(super) mod tests;
