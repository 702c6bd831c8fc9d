//! Where a mail stands in its conversation, so that the mail of the SMS that answers it stands there too
//! (RFC 5322 §3.6.4, RFC 5256 §2.1, MS-OXOMSG §2.2.1.3). Pure.
//!
//! Thunderbird, IMAP and notmuch go by References, so an answer names the whole chain and not the last
//! mail alone. Gmail also wants the subject to be the same but for `Re:`. Outlook goes by Thread-Index,
//! which every answer grows by five octets. All that comes from a mail is bounded here, once: what is
//! kept of it is written again with every answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::sms::Party;

/// Message-IDs kept of a chain: the first, which all of a conversation have in common, and the last
/// ones, which find it again where the first is gone. RFC 5322 §3.6.4 lets the middle go.
pub const MAX_REFERENCES: usize = 11;

/// A longer Message-ID does not fit a line of 998 octets (RFC 5322 §2.1.1) with room to spare.
const MAX_MESSAGE_ID: usize = 250;

/// Octets that begin a Thread-Index: 6 of the time, 16 of the conversation's GUID.
const INDEX_HEAD: usize = 22;

/// Octets of a Thread-Index that one more answer adds.
const INDEX_STEP: usize = 5;

/// So many answers a Thread-Index counts; of longer ones the conversation's name alone is kept.
const MAX_INDEX_STEPS: usize = 50;

/// From 1601 (FILETIME) to 1970, in units of 100 ns.
const FILETIME_EPOCH: i128 = 116_444_736_000_000_000;

/// What programs of the world write before the subject of an answer.
const ANSWER: &[&str] = &[
    "re",
    "aw",
    "antw",
    "antwort",
    "sv",
    "svar",
    "vs",
    "odp",
    "r",
    "rif",
    "res",
    "resp",
    "ynt",
    "yan",
    "vá",
    "atb",
    "ats",
    "bls",
    "balas",
    "rép",
    "răsp",
    "απ",
    "σχετ",
    "отв",
    "ответ",
    "відп",
    "رد",
    "תשובה",
    "回复",
    "回覆",
    "答复",
    "答覆",
    "返信",
    "회신",
    "การตอบกลับ",
    "ตอบ",
];

/// The conversation of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The Message-IDs of the mails before it, without `<>`, the oldest first.
    pub references: Vec<String>,
    /// Its Thread-Index, if it has one.
    pub index: Option<String>,
}

impl Thread {
    /// What the header of a mail says. A mail that names no chain still names what it answers.
    pub fn of_mail(references: &[String], in_reply_to: Option<&str>, index: Option<&str>) -> Self {
        let mut chain: Vec<String> = Vec::new();
        let answered = in_reply_to.filter(|_| references.is_empty());
        for id in references.iter().map(String::as_str).chain(answered) {
            if is_message_id(id) && !chain.iter().any(|known| known == id) {
                chain.push(id.to_owned());
            }
        }
        Self {
            references: bounded(chain),
            index: index
                .filter(|index| steps(index).is_some())
                .map(str::to_owned),
        }
    }

    /// The conversation that a phone begins: all that it sends to one address is one, until somebody
    /// answers. Nobody has ever seen a mail of that Message-ID; the mails that name it are siblings.
    pub fn begun(from: &Party, to: &str, hostname: &str, at: Timestamp) -> Self {
        let name = Sha256::digest(format!("conversation\0{from}\0{}", to.to_lowercase()));
        let id: String = name[..16].iter().map(|b| format!("{b:02x}")).collect();
        let mut index = filetime(at).to_be_bytes()[..6].to_vec();
        index.extend(&name[16..]);
        Self {
            references: vec![format!("phone.{id}@{hostname}")],
            index: Some(STANDARD.encode(index)),
        }
    }

    /// The conversation of what answers the mail `id` of this one.
    pub fn after(&self, id: Option<&str>) -> Self {
        let mut references = self.references.clone();
        if let Some(id) = id.filter(|id| is_message_id(id)) {
            references.retain(|known| known != id);
            references.push(id.to_owned());
        }
        Self {
            references: bounded(references),
            index: self.index.clone(),
        }
    }

    /// The Thread-Index of an answer of that name and time.
    pub fn answer_index(&self, id: &str, at: Timestamp) -> Option<String> {
        let mut index = STANDARD.decode(self.index.as_deref()?).ok()?;
        if (index.len() - INDEX_HEAD) / INDEX_STEP < MAX_INDEX_STEPS {
            let since = index[..6]
                .iter()
                .fold(0u64, |time, b| time << 8 | u64::from(*b))
                << 16;
            let passed = filetime(at).saturating_sub(since);
            // A short time counts in units of 2^18, a long one in units of 2^23, which the first bit tells.
            let step = match passed >> 49 {
                0 => passed >> 18,
                _ => 1 << 31 | (passed >> 23 & 0x7FFF_FFFF),
            };
            index.extend(&step.to_be_bytes()[4..]);
            // Two answers of one moment differ.
            index.push(Sha256::digest(id)[0] & 0xF0);
        }
        Some(STANDARD.encode(index))
    }
}

/// How many answers a Thread-Index counts; `None`: it is none, or too long.
fn steps(index: &str) -> Option<usize> {
    let longest = INDEX_HEAD + MAX_INDEX_STEPS * INDEX_STEP;
    if index.len() > longest.div_ceil(3) * 4 {
        return None;
    }
    let steps = STANDARD.decode(index).ok()?.len().checked_sub(INDEX_HEAD)?;
    (steps % INDEX_STEP == 0).then_some(steps / INDEX_STEP)
}

fn filetime(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond() / 100 + FILETIME_EPOCH).unwrap_or(0)
}

fn bounded(mut references: Vec<String>) -> Vec<String> {
    if references.len() > MAX_REFERENCES {
        references.drain(1..=references.len() - MAX_REFERENCES);
    }
    references
}

/// A Message-ID that may stand in a header: one atom of printable ASCII.
pub fn is_message_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_graphic() && !b"<>".contains(&b);
    (1..=MAX_MESSAGE_ID).contains(&id.len()) && id.bytes().all(fits)
}

/// A subject without what says that it is an answer, in whatever language, however often: `Re: AW: Re[2]: x`
/// is `x`. Forwarding (`Fwd:`) is a new subject and stays.
pub fn base_subject(subject: &str) -> &str {
    let mut base = subject.trim();
    while let Some((prefix, rest)) = base.split_once([':', '：']) {
        if !is_answer(prefix) {
            break;
        }
        base = rest.trim_start();
    }
    base
}

/// `Re`, `RE[2]`, `Re^3`, `AW (4)`, `Antw.`
fn is_answer(prefix: &str) -> bool {
    let word = prefix.split(['[', '(', '^', '*']).next().unwrap_or(prefix);
    let word = word.trim_end_matches([' ', '.']);
    // No prefix is long; a long text is not made lower case for nothing.
    word.len() <= 40 && ANSWER.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::Number;

    fn ids(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(references: &str, in_reply_to: Option<&str>, expected: &str) {
        let thread = Thread::of_mail(&ids(references), in_reply_to, None);
        assert_eq!(thread.references.join(" "), expected);
    }

    #[test]
    fn chains() {
        check("", None, "");
        check("a@b c@d", Some("c@d"), "a@b c@d");
        check("", Some("c@d"), "c@d");
        check("a@b a@b c@d a@b", None, "a@b c@d");
        check("a@b <x> \u{fc}@d c@d", Some("bad id"), "a@b c@d");
        let many: Vec<String> = (0..100).map(|n| format!("{n}@x")).collect();
        check(
            &many.join(" "),
            None,
            "0@x 90@x 91@x 92@x 93@x 94@x 95@x 96@x 97@x 98@x 99@x",
        );
        let long = Thread::of_mail(&many, None, None);
        let after = long.after(Some("y@x")).references;
        assert_eq!((after.len(), after[0].as_str()), (MAX_REFERENCES, "0@x"));
        assert_eq!(after.last().map(String::as_str), Some("y@x"));
        assert_eq!(long.after(Some("bad id")), long);
        assert_eq!(long.after(None), long);
    }

    #[test]
    fn what_a_phone_begins_is_one_conversation_with_each() {
        let from = |n| Party::Number(Number::from_network(n).expect("number"));
        let at: Timestamp = "2026-11-20T10:00:00Z".parse().expect("time");
        let begun = |n, to| Thread::begun(&from(n), to, "mail.example.com", at).references;
        let first = begun("+15551234567", "ann@example.com");
        assert_eq!(first, begun("+15551234567", "Ann@example.com"));
        assert_ne!(first, begun("+15551234567", "bob@example.com"));
        assert_ne!(first, begun("+15551234568", "ann@example.com"));
        assert!(is_message_id(&first[0]));
    }

    #[test]
    fn subjects() {
        for (subject, base) in [
            ("Lunch", "Lunch"),
            ("Re: Lunch", "Lunch"),
            ("RE: AW: Sv: re:Lunch", "Lunch"),
            ("Antw: Lunch", "Lunch"),
            ("Re[2]: RE^3: Re (4): Lunch", "Lunch"),
            ("回复：Lunch", "Lunch"),
            ("ODP: VÁ: Ответ: Lunch", "Lunch"),
            ("Fwd: Re: Lunch", "Fwd: Re: Lunch"),
            ("Re: Fwd: Lunch", "Fwd: Lunch"),
            ("Report: Re: x", "Report: Re: x"),
            ("Re:", ""),
            ("", ""),
            ("12: x", "12: x"),
            ("Restaurant: 8 pm", "Restaurant: 8 pm"),
        ] {
            assert_eq!(base_subject(subject), base, "{subject}");
        }
    }

    #[test]
    fn an_answer_grows_the_index_of_outlook() {
        let from = Party::Name("ACME".to_owned());
        let at: Timestamp = "2026-11-20T10:00:00Z".parse().expect("time");
        let begun = Thread::begun(&from, "ann@example.com", "h", at);
        let index = begun.index.clone().expect("an index");
        let octets = |index: &str| STANDARD.decode(index).expect("base64");
        assert_eq!(octets(&index).len(), INDEX_HEAD);
        assert_eq!(
            octets(&index)[0],
            1,
            "the first octet of a FILETIME of our age"
        );
        // 1.5 hours are 54e9 units of 100 ns: 205993 of 2^18.
        let later = at + jiff::SignedDuration::from_mins(90);
        let answer = octets(&begun.answer_index("in.1@h", later).expect("an index"));
        assert_eq!(answer.len(), INDEX_HEAD + INDEX_STEP);
        assert_eq!(answer[..INDEX_HEAD], octets(&index)[..]);
        let step = u32::from_be_bytes(answer[INDEX_HEAD..INDEX_HEAD + 4].try_into().expect("four"));
        assert!((205_992..=205_994).contains(&step), "{step}");
        // Ten years need the other unit.
        let late = at + jiff::SignedDuration::from_hours(24 * 3652);
        let answer = octets(&begun.answer_index("in.1@h", late).expect("an index"));
        assert_eq!(answer[INDEX_HEAD] >> 7, 1);
        // No index grows for ever, and what is none is not kept.
        let mut thread = begun;
        for n in 0..200 {
            thread.index = thread.answer_index(&format!("{n}@h"), later);
        }
        let index = thread.index.expect("an index");
        assert_eq!(
            octets(&index).len(),
            INDEX_HEAD + MAX_INDEX_STEPS * INDEX_STEP
        );
        let kept = |index: &str| Thread::of_mail(&[], None, Some(index)).index;
        assert_eq!(kept(&index).as_ref(), Some(&index));
        for bad in [
            "",
            "AQ==",
            "!!",
            &STANDARD.encode([1; 23]),
            &STANDARD.encode([1; 277]),
        ] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn all_is_bounded(
            references in prop::collection::vec("\\PC{0,300}|[a-c]@x", 0..40),
            answered in prop::option::of("\\PC{0,300}"),
            index in prop::option::of("[A-Za-z0-9+/=]{0,500}"), id in "\\PC{0,300}",
        ) {
            let thread = Thread::of_mail(&references, answered.as_deref(), index.as_deref());
            let after = thread.after(Some(&id));
            for thread in [&thread, &after] {
                prop_assert!(thread.references.len() <= MAX_REFERENCES);
                prop_assert!(thread.references.iter().all(|id| is_message_id(id)));
            }
            prop_assert_eq!(&Thread::of_mail(&after.references, None, after.index.as_deref()), &after);
            let grown = after.answer_index(&id, Timestamp::UNIX_EPOCH);
            prop_assert_eq!(grown.is_some(), after.index.is_some());
            prop_assert!(grown.is_none_or(|index| steps(&index).is_some()));
        }

        #[test]
        fn a_base_subject_is_its_own(subject in "(Re|AW|回复|x|:|：| |\\[2\\]){0,12}|\\PC{0,80}") {
            let base = base_subject(&subject);
            prop_assert_eq!(base_subject(base), base);
            let answer = format!("Re: {base}");
            prop_assert_eq!(base_subject(&answer), base);
        }
    }
}
