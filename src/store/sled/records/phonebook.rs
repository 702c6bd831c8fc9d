//! The rows of the phonebook.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::original::{DsnRow, dsn, dsn_row};
use super::{At, Damage, Id, Octets, Phone, Text, ThreadRow, encode, parse, text, texts};
use crate::mail::text::{Matter, Unreadable};
use crate::store::Origin;
use crate::store::phonebook::{Audit, Entry, Group, KeptMail, Listing, Member, Question};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ListingRow<'a> {
    Entry {
        address: Text<'a>,
        number: Phone<'a>,
        shown: Option<Text<'a>>,
        owner: Option<Text<'a>>,
        notes: Option<Text<'a>>,
        changed: At,
    },
    Group {
        address: Text<'a>,
        members: Vec<MemberRow<'a>>,
        notes: Option<Text<'a>>,
        changed: At,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MemberRow<'a> {
    Number(Phone<'a>),
    Name(Text<'a>),
}

/// The payload of a listing.
pub fn encode_listing(listing: &Listing) -> Vec<u8> {
    encode(&match listing {
        Listing::Entry(entry) => ListingRow::Entry {
            address: text(&entry.address),
            number: Phone::of(&entry.number),
            shown: texts(&entry.shown),
            owner: texts(&entry.owner),
            notes: texts(&entry.notes),
            changed: At(entry.changed),
        },
        Listing::Group(group) => ListingRow::Group {
            address: text(&group.address),
            members: group.members.iter().map(member_row).collect(),
            notes: texts(&group.notes),
            changed: At(group.changed),
        },
    })
}

fn member_row(member: &Member) -> MemberRow<'_> {
    match member {
        Member::Number(number) => MemberRow::Number(Phone::of(number)),
        Member::Name(address) => MemberRow::Name(text(address)),
    }
}

/// Reads what [`encode_listing`] made.
pub fn decode_listing(payload: &[u8]) -> Result<Listing, Damage> {
    Ok(match parse::<ListingRow<'static>>(payload)? {
        ListingRow::Entry {
            address,
            number,
            shown,
            owner,
            notes,
            changed,
        } => Listing::Entry(Entry {
            address: address.into_owned(),
            number: number.0.into_owned(),
            shown: shown.map(Text::into_owned),
            owner: owner.map(Text::into_owned),
            notes: notes.map(Text::into_owned),
            changed: changed.0,
        }),
        ListingRow::Group {
            address,
            members,
            notes,
            changed,
        } => Listing::Group(Group {
            address: address.into_owned(),
            members: members
                .into_iter()
                .map(|member| match member {
                    MemberRow::Number(number) => Member::Number(number.0.into_owned()),
                    MemberRow::Name(address) => Member::Name(address.into_owned()),
                })
                .collect(),
            notes: notes.map(Text::into_owned),
            changed: changed.0,
        }),
    })
}

#[derive(Serialize, Deserialize)]
struct WhoseRow<'a> {
    address: Text<'a>,
}

/// The payload that says whose a number is.
pub fn encode_whose(address: &str) -> Vec<u8> {
    encode(&WhoseRow {
        address: text(address),
    })
}

/// Reads what [`encode_whose`] made.
pub fn decode_whose(payload: &[u8]) -> Result<String, Damage> {
    Ok(parse::<WhoseRow<'static>>(payload)?.address.into_owned())
}

#[derive(Serialize, Deserialize)]
struct QuestionRow<'a> {
    id: Id,
    sender: Text<'a>,
    address: Text<'a>,
    code: Octets<'a>,
    asked: At,
    until: At,
    mails: u32,
}

/// The payload of a question.
pub fn encode_question(question: &Question) -> Vec<u8> {
    encode(&QuestionRow {
        id: Id(question.id),
        sender: text(&question.sender),
        address: text(&question.address),
        code: Octets(Cow::Borrowed(&question.code)),
        asked: At(question.asked),
        until: At(question.until),
        mails: question.mails,
    })
}

/// Reads what [`encode_question`] made.
pub fn decode_question(payload: &[u8]) -> Result<Question, Damage> {
    let row: QuestionRow<'static> = parse(payload)?;
    Ok(Question {
        id: row.id.0,
        sender: row.sender.into_owned(),
        address: row.address.into_owned(),
        code: digest(&row.code)?,
        asked: row.asked.0,
        until: row.until.0,
        mails: row.mails,
    })
}

fn digest(octets: &Octets<'_>) -> Result<[u8; 32], Damage> {
    let digest = octets.0[..].try_into();
    digest.map_err(|_| Damage::Bad("holds a digest that is not 32 octets".into()))
}

#[derive(Serialize, Deserialize)]
struct KeptMailRow<'a> {
    id: Id,
    queue_id: Option<Text<'a>>,
    recipient: Text<'a>,
    message_id: Option<Text<'a>>,
    subject: Text<'a>,
    #[serde(default, skip_serializing_if = "ThreadRow::is_none")]
    thread: ThreadRow<'a>,
    report_to: Option<Text<'a>>,
    kept: At,
    text: Text<'a>,
    flash: bool,
    confirm: bool,
    private: bool,
    /// Not in older records, nor where nothing is asked; neither is `expires`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<At>,
    notes: Cow<'a, [String]>,
    fingerprint: Option<Octets<'a>>,
    /// Not in older records, nor where nothing is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dsn: Option<DsnRow<'a>>,
    /// Not in older records, nor where no rule shapes texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matter: Option<MatterRow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct MatterRow<'a> {
    /// Not where nobody can read it.
    text: Option<Text<'a>>,
    files: Text<'a>,
    from: Text<'a>,
    from_name: Text<'a>,
    size: Text<'a>,
    date: Text<'a>,
}

impl<'a> MatterRow<'a> {
    fn of(matter: &'a Matter) -> Self {
        Self {
            text: matter.text.as_ref().ok().map(|own| text(own)),
            files: text(&matter.files),
            from: text(&matter.from),
            from_name: text(&matter.from_name),
            size: text(&matter.size),
            date: text(&matter.date),
        }
    }

    fn into_matter(self) -> Matter {
        Matter {
            text: self.text.map(Text::into_owned).ok_or(Unreadable::Empty),
            files: self.files.into_owned(),
            from: self.from.into_owned(),
            from_name: self.from_name.into_owned(),
            size: self.size.into_owned(),
            date: self.date.into_owned(),
        }
    }
}

/// The payload of a mail that waits.
pub fn encode_kept(mail: &KeptMail) -> Vec<u8> {
    encode(&KeptMailRow {
        id: Id(mail.id),
        queue_id: texts(&mail.origin.queue_id),
        recipient: text(&mail.origin.recipient),
        message_id: texts(&mail.origin.message_id),
        subject: text(&mail.origin.subject),
        thread: ThreadRow::of(&mail.origin.thread),
        report_to: texts(&mail.origin.report_to),
        kept: At(mail.kept),
        text: text(&mail.text),
        flash: mail.flash,
        confirm: mail.confirm,
        private: mail.private,
        due: mail.due.map(At),
        expires: mail.expires.map(At),
        notes: Cow::Borrowed(&mail.notes),
        fingerprint: mail
            .fingerprint
            .as_ref()
            .map(|print| Octets(Cow::Borrowed(print))),
        dsn: dsn_row(&mail.origin.dsn),
        matter: mail.matter.as_ref().map(MatterRow::of),
    })
}

/// Reads what [`encode_kept`] made.
pub fn decode_kept(payload: &[u8]) -> Result<KeptMail, Damage> {
    let row: KeptMailRow<'static> = parse(payload)?;
    Ok(KeptMail {
        id: row.id.0,
        origin: Origin {
            queue_id: row.queue_id.map(Text::into_owned),
            recipient: row.recipient.into_owned(),
            message_id: row.message_id.map(Text::into_owned),
            subject: row.subject.into_owned(),
            thread: row.thread.into_thread(),
            report_to: row.report_to.map(Text::into_owned),
            token: None,
            dsn: dsn(row.dsn)?,
            mail: None,
        },
        kept: row.kept.0,
        text: row.text.into_owned(),
        matter: row.matter.map(MatterRow::into_matter),
        flash: row.flash,
        confirm: row.confirm,
        private: row.private,
        due: row.due.map(|at| at.0),
        expires: row.expires.map(|at| at.0),
        notes: row.notes.into_owned(),
        fingerprint: row.fingerprint.as_ref().map(digest).transpose()?,
    })
}

#[derive(Serialize, Deserialize)]
struct AuditRow<'a> {
    id: Id,
    at: At,
    who: Text<'a>,
    address: Text<'a>,
    old: Option<Text<'a>>,
    new: Option<Text<'a>>,
}

/// The payload of a line of the audit.
pub fn encode_audit(audit: &Audit) -> Vec<u8> {
    encode(&AuditRow {
        id: Id(audit.id),
        at: At(audit.at),
        who: text(&audit.who),
        address: text(&audit.address),
        old: texts(&audit.old),
        new: texts(&audit.new),
    })
}

/// Reads what [`encode_audit`] made.
pub fn decode_audit(payload: &[u8]) -> Result<Audit, Damage> {
    let row: AuditRow<'static> = parse(payload)?;
    Ok(Audit {
        id: row.id.0,
        at: row.at.0,
        who: row.who.into_owned(),
        address: row.address.into_owned(),
        old: row.old.map(Text::into_owned),
        new: row.new.map(Text::into_owned),
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    use super::*;
    use crate::mail::dsn::Dsn;
    use crate::sms::{MessageId, Number};
    use jiff::Timestamp;

    fn number() -> impl Strategy<Value = Number> {
        "[0-9]{5,15}".prop_map(|digits| Number::from_network(&digits).expect("a number"))
    }

    proptest! {
        #[test]
        fn rows_come_back(
            thread in super::super::tests::thread(), a: String, b in of(any::<String>()), c in of(any::<String>()), number in number(),
            names in vec(any::<String>(), 0..3), id: [u8; 16], digest: [u8; 32], mails: u32,
            second in -1_000_000_000i64..4_000_000_000,
        ) {
            let at = Timestamp::from_second(second).expect("time");
            let id = MessageId::from_bytes(id);
            let entry = Listing::Entry(Entry {
                address: a.clone(), number: number.clone(), shown: b.clone(), owner: c.clone(),
                notes: b.clone(), changed: at,
            });
            prop_assert_eq!(decode_listing(&encode_listing(&entry)), Ok(entry));
            let members = names.iter().map(|n| Member::Name(n.clone()));
            let members = members.chain([Member::Number(number)]).collect();
            let group = Listing::Group(Group {
                address: a.clone(), members, notes: c.clone(), changed: at,
            });
            prop_assert_eq!(decode_listing(&encode_listing(&group)), Ok(group));
            prop_assert_eq!(decode_whose(&encode_whose(&a)), Ok(a.clone()));
            let question = Question {
                id, sender: a.clone(), address: a.clone(), code: digest, asked: at, until: at, mails,
            };
            prop_assert_eq!(decode_question(&encode_question(&question)), Ok(question));
            let kept = KeptMail {
                id, kept: at, text: a.clone(),
                matter: (mails > 5).then(|| Matter {
                    text: b.clone().ok_or(Unreadable::Empty),
                    ..Matter::of_sms(&a, &a, "", &a)
                }),
                flash: mails > 1, confirm: true, private: false,
                due: (mails > 3).then_some(at), expires: (mails > 4).then_some(at),
                origin: Origin {
                    queue_id: b.clone(), recipient: a.clone(), message_id: c.clone(),
                    subject: a.clone(), thread: thread.clone(), report_to: b.clone(), token: None,
                    dsn: Dsn::default(), mail: None,
                },
                notes: names, fingerprint: (mails > 2).then_some(digest),
            };
            prop_assert!(decode_kept(&encode_kept(&kept)) == Ok(kept));
            let audit = Audit { id, at, who: a.clone(), address: a, old: b, new: c };
            prop_assert_eq!(decode_audit(&encode_audit(&audit)), Ok(audit));
        }
    }
}
