//! Phonebooks as vCards: 4.0 (RFC 6350) and 3.0 (RFC 2426) both ways, 2.1 of old phones to be read. Pure.
//!
//! Of several numbers of a card the mobile is taken, else one for texts, else the first that is neither
//! fax nor pager. What a card is called here: `X-SMS-MILTER-NAME` that we wrote, else its mail address if
//! that is at a domain of ours (which the caller knows), else its nickname, else its name. A group
//! (`KIND:group`, 4.0 only) has members with `tel:` and `mailto:`.

use calcard::vcard::{
    VCard, VCardEntry, VCardParameter, VCardParameterName, VCardProperty, VCardType, VCardValue,
    VCardVersion,
};

use super::{Bad, MAX_ROWS, Row, Unreadable, is_local, local_of};

/// Octets of a card: with a photo.
const MAX_CARD: usize = 4 << 20;

const NAME: &str = "X-SMS-MILTER-NAME";
const OWNER: &str = "X-SMS-MILTER-OWNER";

/// Reads cards one after the other; what is between them does not matter.
pub fn read(text: &str) -> Result<Vec<Result<Row, Bad>>, Unreadable> {
    let mut rows = Vec::new();
    let mut card: Option<(u64, String)> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let word = line.trim().trim_start_matches('\u{feff}');
        let at = index as u64 + 1;
        if word.eq_ignore_ascii_case("BEGIN:VCARD") {
            if let Some((line, _)) = card.take() {
                rows.push(Err(bad(line, "has no end")));
            }
            card = Some((at, String::new()));
        }
        let Some((_, lines)) = &mut card else {
            continue;
        };
        // A card that is too long is dropped when it ends.
        if lines.len() <= MAX_CARD {
            lines.push_str(line);
        }
        if word.eq_ignore_ascii_case("END:VCARD")
            && let Some((line, lines)) = card.take()
        {
            rows.push(row(line, &lines));
        }
        if rows.len() > MAX_ROWS {
            return Err(Unreadable::TooMany);
        }
    }
    if let Some((line, _)) = card {
        rows.push(Err(bad(line, "has no end")));
    }
    Ok(rows)
}

fn bad(line: u64, why: &str) -> Bad {
    let why = format!("the card {why}");
    Bad { line, why }
}

fn row(line: u64, lines: &str) -> Result<Row, Bad> {
    if lines.len() > MAX_CARD {
        return Err(bad(line, "is too long"));
    }
    // The library reads what phones write; a panic in it must not end an import.
    let parsed = std::panic::catch_unwind(|| VCard::parse(lines));
    let Ok(Ok(card)) = parsed else {
        return Err(bad(line, "cannot be read"));
    };
    let text = |name: VCardProperty| first(&card, &name);
    let own = |name: &str| {
        let is = |entry: &&VCardEntry| entry.name.as_str().eq_ignore_ascii_case(name);
        card.entries.iter().find(is).and_then(value)
    };
    let shown = text(VCardProperty::Fn).or_else(|| whole_name(&card));
    let nickname = text(VCardProperty::Nickname).map(|name| name.to_lowercase());
    let mail = text(VCardProperty::Email);
    let is_group = text(VCardProperty::Kind).is_some_and(|kind| kind.eq_ignore_ascii_case("group"));
    let named = || shown.as_deref().and_then(local_of);
    let name = own(NAME)
        .or(mail)
        .or_else(|| nickname.filter(|name| is_local(name)))
        .or_else(named);
    let number = if is_group { None } else { number(&card) };
    Ok(Row {
        line,
        name: name.unwrap_or_default(),
        shown,
        number: number.unwrap_or_default(),
        owner: own(OWNER),
        notes: text(VCardProperty::Note),
        members: if is_group { members(&card) } else { Vec::new() },
    })
}

fn value(entry: &VCardEntry) -> Option<String> {
    let text = entry.values.iter().find_map(|value| match value {
        VCardValue::Text(text) => Some(text.clone()),
        VCardValue::Component(parts) => Some(parts.join(" ")),
        VCardValue::Kind(calcard::vcard::VCardKind::Group) => Some("group".to_owned()),
        VCardValue::Integer(number) => Some(number.to_string()),
        _ => None,
    })?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn first(card: &VCard, name: &VCardProperty) -> Option<String> {
    let entries = card.entries.iter().filter(|entry| entry.name == *name);
    entries.filter_map(value).next()
}

/// `Smith;Ann;;;` as `Ann Smith` (RFC 6350 §6.2.2): family, given, additional, prefixes, suffixes.
fn whole_name(card: &VCard) -> Option<String> {
    let entry = card.entries.iter().find(|e| e.name == VCardProperty::N)?;
    let parts: Vec<String> = entry
        .values
        .iter()
        .map(|value| match value {
            VCardValue::Text(text) => text.clone(),
            VCardValue::Component(parts) => parts.join(" "),
            _ => String::new(),
        })
        .collect();
    let part = |at: usize| parts.get(at).map_or("", |part| part.trim());
    let whole = format!("{} {}", part(1), part(0)).trim().to_owned();
    Some(whole).filter(|name| !name.is_empty())
}

/// How much a number is one for SMS; less is better.
fn rank(entry: &VCardEntry) -> u8 {
    // 2.1 writes `TEL;CELL:` (RFC 2426 and later `TEL;TYPE=cell:`).
    let is = |wanted: VCardType, word: &str| {
        entry.params.iter().any(|param| {
            let typed = param.value.as_type().map(|t| match t {
                calcard::common::IanaType::Iana(known) => *known == wanted,
                calcard::common::IanaType::Other(other) => other.eq_ignore_ascii_case(word),
            });
            let bare = match &param.name {
                VCardParameterName::Other(name) => name.eq_ignore_ascii_case(word),
                _ => false,
            };
            typed == Some(true) || bare
        })
    };
    if is(VCardType::Cell, "cell") {
        0
    } else if is(VCardType::Text, "text") {
        1
    } else if is(VCardType::Fax, "fax") || is(VCardType::Pager, "pager") {
        3
    } else {
        2
    }
}

fn number(card: &VCard) -> Option<String> {
    let entries = card.entries.iter().filter(|e| e.name == VCardProperty::Tel);
    let best = entries
        .filter(|entry| rank(entry) < 3)
        .min_by_key(|entry| rank(entry))?;
    value(best).map(|text| bare(&text).to_owned())
}

/// `tel:+1-555-1234567;ext=5` without what is around it (RFC 3966 §3).
fn bare(text: &str) -> &str {
    let text = match text.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &text[4..],
        _ => text,
    };
    text.split(';').next().unwrap_or(text).trim()
}

fn members(card: &VCard) -> Vec<String> {
    let entries = card.entries.iter();
    let entries = entries.filter(|entry| entry.name == VCardProperty::Member);
    let member = |text: String| {
        let (scheme, rest) = text.split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "tel" => Some(bare(&text).to_owned()),
            "mailto" => Some(rest.to_owned()),
            _ => None,
        }
    };
    entries.filter_map(value).filter_map(member).collect()
}

/// The versions that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 2426. It has no groups.
    V3,
    /// RFC 6350.
    V4,
}

/// Writes cards that [`read`] reads again; `mail` is the address that a card's phone has as mail.
pub fn write(rows: &[Row], version: Version, mail: impl Fn(&Row) -> String) -> String {
    let mut text = String::new();
    let library = match version {
        Version::V3 => VCardVersion::V3_0,
        Version::V4 => VCardVersion::V4_0,
    };
    for row in rows {
        if row.number.is_empty() && version == Version::V3 {
            continue;
        }
        let card = card(row, version, &mail(row));
        // A String takes everything.
        let _ = card.write_to(&mut text, library);
    }
    text
}

fn card(row: &Row, version: Version, mail: &str) -> VCard {
    let entry = |name: VCardProperty, text: &str| {
        VCardEntry::new(name).with_value(VCardValue::Text(text.to_owned()))
    };
    let shown = row.shown.as_deref();
    let shown = shown.unwrap_or_else(|| row.name.split('@').next().unwrap_or(&row.name));
    let mut entries = vec![entry(VCardProperty::Fn, shown)];
    if version == Version::V3 {
        // RFC 2426 §3.1.2: required there.
        let name = ["", shown, "", "", ""].map(|part| VCardValue::Text(part.to_owned()));
        entries.push(VCardEntry::new(VCardProperty::N).with_values(name.to_vec()));
    }
    if row.number.is_empty() {
        let kind = VCardValue::Kind(calcard::vcard::VCardKind::Group);
        entries.push(VCardEntry::new(VCardProperty::Kind).with_value(kind));
        for member in &row.members {
            let uri = match member.contains('@') {
                true => format!("mailto:{member}"),
                false => format!("tel:{member}"),
            };
            entries.push(entry(VCardProperty::Member, &uri));
        }
    } else {
        let tel = entry(VCardProperty::Tel, &row.number);
        entries.push(tel.with_param(VCardParameter::typ(VCardType::Cell)));
    }
    entries.push(entry(VCardProperty::Email, mail));
    if let Some(notes) = &row.notes {
        entries.push(entry(VCardProperty::Note, notes));
    }
    let own = |name: &str, text: &str| entry(VCardProperty::Other(name.to_owned()), text);
    entries.push(own(NAME, &row.name));
    if let Some(owner) = &row.owner {
        entries.push(own(OWNER, owner));
    }
    VCard { entries }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(lines: &str) -> Row {
        let text = format!(
            "BEGIN:VCARD\r\n{}\r\nEND:VCARD\r\n",
            lines.replace('\n', "\r\n")
        );
        let rows = super::super::read(text.as_bytes()).expect("cards");
        rows.into_iter().next().expect("a card").expect("a row")
    }

    #[track_caller]
    fn check(lines: &str, name: &str, shown: &str, number: &str) {
        let row = one(lines);
        assert_eq!(
            (row.name.as_str(), row.shown.as_deref(), row.number.as_str()),
            (name, Some(shown), number),
            "{lines}"
        );
    }

    #[test]
    fn cards_of_many_programs() {
        // Android, 2.1.
        check(
            "VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C5=A0m=C3=ADd;Ann;;;\n\
             FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ann =C5=A0m=C3=ADd\nTEL;HOME:5551111111\nTEL;CELL:+1-555-765-4321",
            "ann.smid",
            "Ann Šmíd",
            "+1-555-765-4321",
        );
        // iPhone, 3.0.
        check(
            "VERSION:3.0\nN:Smith;Ann;;;\nFN:Ann Smith\nitem1.EMAIL;type=INTERNET:ann@example.net\n\
             TEL;type=WORK;type=VOICE:1\nTEL;type=CELL;type=VOICE;type=pref:+1 (555) 765-4321",
            "ann@example.net",
            "Ann Smith",
            "+1 (555) 765-4321",
        );
        // Nextcloud, 4.0.
        check(
            "VERSION:4.0\nFN:Bob\nNICKNAME:Bobby\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+1-555-1111111;ext=5",
            "bobby",
            "Bob",
            "+1-555-1111111",
        );
        check(
            "VERSION:3.0\nN:Smith;Ann;;;\nTEL:1234567",
            "ann.smith",
            "Ann Smith",
            "1234567",
        );
    }

    #[test]
    fn faxes_and_unfinished_cards_are_told() {
        let text = "BEGIN:VCARD\nFN:Fax\nTEL;TYPE=fax:1234567\nEND:VCARD\nBEGIN:VCARD\nFN:x\n";
        let rows = super::super::read(text.as_bytes()).expect("cards");
        let bads: Vec<_> = rows.into_iter().map(|row| row.expect_err("bad")).collect();
        assert_eq!(bads[0].why, "fax has no number");
        assert_eq!(
            (bads[1].line, bads[1].why.as_str()),
            (5, "the card has no end")
        );
    }

    #[test]
    fn a_group_has_members() {
        let row = one(
            "VERSION:4.0\nKIND:group\nFN:On call\nMEMBER:tel:+15551230000\nMEMBER:mailto:ann@example.com\nMEMBER:urn:uuid:x",
        );
        assert_eq!((row.name.as_str(), row.number.as_str()), ("on.call", ""));
        assert_eq!(row.members, ["+15551230000", "ann@example.com"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            name in "[a-z]{1,9}", shown in proptest::option::of("[A-Z][a-z,;:\\\\ é]{0,30}[a-z]"),
            notes in proptest::option::of("[a-z][ -~é]{0,90}[a-z]"), digits in "[1-9][0-9]{6,12}", group: bool,
        ) {
            let tidy = |text: Option<String>| text.map(|t| t.split_whitespace().collect::<Vec<_>>().join(" "));
            let row = Row {
                line: 1,
                name: format!("{name}@example.com"),
                shown: tidy(shown).or(Some(name)),
                number: if group { String::new() } else { format!("+{digits}") },
                owner: Some("ann@example.com".into()),
                notes: tidy(notes),
                members: if group { vec![format!("+{digits}"), "ann@example.com".into()] } else { vec![] },
            };
            let versions: &[_] = if group { &[Version::V4] } else { &[Version::V3, Version::V4] };
            for version in versions {
                let text = write(std::slice::from_ref(&row), *version, |_| "x@sms.example.com".into());
                let read = super::super::read(text.as_bytes()).expect("cards");
                prop_assert_eq!(read, vec![Ok(row.clone())]);
            }
        }
    }
}
