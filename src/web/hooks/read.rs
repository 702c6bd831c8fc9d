//! What a push brings, by the map of its provider.
//!
//! A value that must be there and is not, or cannot be read, is an error that names its field. A value that
//! is not needed (a time in a form nobody knows, an unknown word for a status) is passed over, unless the
//! map is strict.

use encoding_rs::Encoding;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::fields::{BadField, Fields, Item, bad, octets};
use crate::gateway::http::hook::{Brings, Hook, Names, Octets, PartMap, ReceiptMap, SmsMap, When};
use crate::sms::{Concat, Number, Party, Receipt, udh};

/// Shorter digits without a `+` are a short code, not a number without its `+`.
const MIN_NUMBER: usize = 8;

/// Longer ids are garbage, as in answers.
const MAX_ID: usize = 255;

/// From here on a number is milliseconds since 1970, not seconds: year 5138 in one, 1973 in the other.
const MILLISECONDS: u64 = 100_000_000_000;

/// More in one push is an attack: Infobip and Clickatell send some 10 at a time.
const MAX_BROUGHT: usize = 1000;

/// What a push brings.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Push {
    Sms(Sms),
    Receipt {
        id: String,
        /// What may be the phone, as the provider writes it.
        phones: Vec<String>,
        receipt: Receipt,
        time: Option<Timestamp>,
    },
}

/// A received SMS.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sms {
    pub(super) from: Party,
    pub(super) to: Option<Number>,
    pub(super) text: String,
    pub(super) binary: Option<Vec<u8>>,
    pub(super) concat: Option<Concat>,
    /// With its length octet; empty: none.
    pub(super) udh: Vec<u8>,
    pub(super) id: Option<String>,
    pub(super) time: Option<Timestamp>,
    /// What of the push it is.
    pub(super) raw: Vec<u8>,
}

/// All that a push brings that can be read, nothing when it is about something else; and the first that
/// cannot: it must not take the others with it, a phone may have written it so.
pub(super) fn read(hook: &Hook, fields: &Fields) -> (Vec<Push>, Result<(), BadField>) {
    let mut brought = Vec::new();
    let mut all = Ok(());
    // Elements that were read, by their list: each is one thing.
    let mut taken: Vec<(Option<&str>, usize)> = Vec::new();
    for map in &hook.brings {
        for (index, item) in fields.items(map.each()).iter().enumerate() {
            let this = (map.each(), index);
            if taken.contains(&this) || !map.when().iter().all(|when| holds(when, item)) {
                continue;
            }
            if taken.len() >= MAX_BROUGHT {
                return (
                    brought,
                    Err(bad("the request", "brings more than 1000 things")),
                );
            }
            let push = match map {
                Brings::Sms(map) => sms(map, item, hook.strict).map(Push::Sms),
                Brings::Receipt(map) => receipt(map, item, hook.strict),
            };
            match push {
                Ok(push) => brought.push(push),
                Err(bad) => all = all.and(Err(bad)),
            }
            taken.push(this);
        }
    }
    (brought, all)
}

fn holds(when: &When, item: &Item<'_>) -> bool {
    let value = item.get(&when.field);
    let value = value.map(|value| String::from_utf8_lossy(&value).trim().to_owned());
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return when.absent;
    };
    let among = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(&value));
    !when.absent && (when.is.is_empty() || among(&when.is)) && !among(&when.not)
}

fn id(names: &Names, item: &Item<'_>) -> Result<Option<String>, BadField> {
    let id = item.word(names)?;
    match id.as_ref().is_some_and(|id| id.len() > MAX_ID) {
        true => Err(bad(names.shown(), "is longer than 255 octets")),
        false => Ok(id),
    }
}

fn time_at(names: &Names, item: &Item<'_>, strict: bool) -> Result<Option<Timestamp>, BadField> {
    let Some(text) = item.word(names)? else {
        return Ok(None);
    };
    match time(&text) {
        None if strict => Err(bad(
            names.shown(),
            "is neither RFC 3339 nor a time since 1970",
        )),
        time => Ok(time),
    }
}

fn sms(map: &SmsMap, item: &Item<'_>, strict: bool) -> Result<Sms, BadField> {
    let from = item.word(&map.from)?;
    let from = from.ok_or_else(|| bad(map.from.shown(), "missing"))?;
    let text = item.get(&map.text);
    let is_binary = match item.word(&map.binary)?.as_deref() {
        None | Some("0" | "false") => map.text.0.is_empty(),
        Some("1" | "true") => true,
        Some(_) => return Err(bad(map.binary.shown(), "is neither 0 nor 1")),
    };
    let (text, binary) = if is_binary {
        let field = if map.data.0.is_empty() {
            &map.text
        } else {
            &map.data
        };
        let value = item
            .get(field)
            .ok_or_else(|| bad(field.shown(), "missing"))?;
        (String::new(), Some(written(field, &value, map.data_as)?))
    } else {
        let value = text.ok_or_else(|| bad(map.text.shown(), "missing"))?;
        let value = written(&map.text, &value, map.text_as)?;
        (decoded(map, item, value)?, None)
    };
    // Octets as they are need not be text, and may begin with one that is a blank.
    let header = match item.get(&map.udh) {
        Some(header) if !header.is_empty() => written(&map.udh, &header, map.udh_as)?,
        _ => Vec::new(),
    };
    // One that is broken is kept as it came, and said to be broken where it is shown.
    let header = udh::read(&header).unwrap_or(header);
    let part = match &map.part {
        Some(part) => concat(part, item)?,
        None => None,
    };
    let to = item.word(&map.to)?;
    Ok(Sms {
        from: party(&from),
        to: to.and_then(|to| party(&to).number().cloned()),
        text,
        binary,
        concat: part.or_else(|| udh::concat(&header)),
        udh: header,
        id: id(&map.id, item)?,
        time: time_at(&map.time, item, strict)?,
        raw: item.raw(map.each.is_some()),
    })
}

fn written(names: &Names, value: &[u8], how: Octets) -> Result<Vec<u8>, BadField> {
    octets(value, how).ok_or_else(|| {
        let what = match how {
            Octets::Hex => "is not hex",
            Octets::Base64 => "is not base64",
            Octets::Plain | Octets::HexOrBase64 => "is neither hex nor base64",
        };
        bad(names.shown(), what)
    })
}

/// Text in its charset; one that nobody knows (Kannel's GSM) is UTF-8.
fn decoded(map: &SmsMap, item: &Item<'_>, text: Vec<u8>) -> Result<String, BadField> {
    let named = item.word(&map.charset_in)?.or_else(|| map.charset.clone());
    let charset = named.and_then(|name| Encoding::for_label(name.as_bytes()));
    match charset.filter(|charset| *charset != encoding_rs::UTF_8) {
        Some(charset) => Ok(charset.decode_without_bom_handling(&text).0.into_owned()),
        None => String::from_utf8(text).map_err(|_| bad(map.text.shown(), "is not UTF-8")),
    }
}

fn concat(map: &PartMap, item: &Item<'_>) -> Result<Option<Concat>, BadField> {
    let number = |names: &Names| -> Result<Option<u16>, BadField> {
        let Some(word) = item.word(names)? else {
            return Ok(None);
        };
        let number = word.parse();
        number
            .map(Some)
            .map_err(|_| bad(names.shown(), "is not a number from 0 to 65535"))
    };
    let (Some(reference), Some(part), Some(parts)) = (
        number(&map.reference)?,
        number(&map.number)?,
        number(&map.of)?,
    ) else {
        return Ok(None);
    };
    let (Ok(part), Ok(parts)) = (u8::try_from(part), u8::try_from(parts)) else {
        return Err(bad(map.of.shown(), "is more than 255 parts"));
    };
    Ok((1..=parts).contains(&part).then_some(Concat {
        reference,
        wide: reference > 0xFF,
        part,
        parts,
    }))
}

fn receipt(map: &ReceiptMap, item: &Item<'_>, strict: bool) -> Result<Push, BadField> {
    let id = id(&map.id, item)?;
    let id = id.ok_or_else(|| bad(map.id.shown(), "missing; a receipt needs it"))?;
    let status = item.word(&map.status)?;
    let status = status.ok_or_else(|| bad(map.status.shown(), "missing"))?;
    let is = |words: &[String]| words.iter().any(|word| word.eq_ignore_ascii_case(&status));
    let receipt = if is(&map.delivered) {
        Receipt::Delivered
    } else if is(&map.failed) {
        let code = item.word(&map.error)?;
        Receipt::GivenUp(code.and_then(|code| code.parse().ok()).unwrap_or(0))
    } else if is(&map.pending) || !strict {
        Receipt::Pending
    } else {
        return Err(bad(map.status.shown(), "is neither delivered nor failed"));
    };
    let phones = map
        .number
        .0
        .iter()
        .filter_map(|name| item.word(&name[..].into()).transpose());
    let phones: Vec<String> = phones.collect::<Result<_, _>>()?;
    let phones = phones
        .into_iter()
        .filter(|phone| phone.len() <= MAX_ID)
        .collect();
    Ok(Push::Receipt {
        id,
        phones,
        receipt,
        time: time_at(&map.time, item, strict)?,
    })
}

/// Providers leave the `+` out, or it became a blank on the way.
fn party(written: &str) -> Party {
    let written = written.trim();
    let long = written.len() >= MIN_NUMBER && !written.starts_with('0');
    let bare = long && written.bytes().all(|b| b.is_ascii_digit());
    match Number::from_network(written) {
        Some(number) if bare => Party::Number(number),
        _ => Party::from_network(written),
    }
}

/// RFC 3339; ISO 8601 with an offset without colon; date and time in UTC; seconds or milliseconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<i64>() {
        return match number.unsigned_abs() >= MILLISECONDS {
            true => Timestamp::from_millisecond(number).ok(),
            false => Timestamp::from_second(number).ok(),
        };
    }
    let in_utc = || {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    };
    text.parse().ok().or_else(in_utc)
}
