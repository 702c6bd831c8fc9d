//! Header injection (T17, T18): whatever stands wherever in what a phone, a provider or somebody who wrote to the phone
//! can choose, the mail has the header fields that it has without, as composed and as it arrives.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sms_milter::access::{People, Policy, User};
use sms_milter::inbound::Settings;
use sms_milter::mail::compose::{self, Extra, Note, Sms};
use sms_milter::mail::thread::Thread;
use sms_milter::mail::words::Words;
use sms_milter::sms::{MessageId, Party};

use super::house::{House, PHONE, number, settings};
use crate::sim::smtp_sink::Mail;

/// Where something is inserted, of each.
const PLACES: usize = 1000;

/// Mails of those that an independent parser reads.
const BATCH: usize = 1000;

/// What may end a line, begin a field or turn a display around: all controls, all line ends and combinations of them
/// with a field behind, encoded ones, and characters that lossy conversions make such of.
pub(super) fn evil() -> Vec<String> {
    let controls = (0..0x20u8).chain(0x7f..=0x9f).map(char::from);
    let more = "\u{2028}\u{2029}\u{061c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                \u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{fffd}\u{ad}\u{200b}\u{e0001}\u{560d}\u{560a}\u{10d}\u{10a}\u{ff0d}";
    let mut evil: Vec<String> = controls.chain(more.chars()).map(String::from).collect();
    let ends = [
        "\n", "\r", "\r\n", "\n\r", "\u{85}", "\u{b}", "\u{c}", "\u{2028}", "\u{1c}", "\r\r\n",
        "\n\n", "\r\n\r\n",
    ];
    for end in ends {
        for behind in [
            "Bcc: x@evil.example",
            "X-Evil:1",
            " folded",
            "\t.",
            ".",
            "..\r\n",
            "Content-Type: text/html",
        ] {
            evil.push(format!("{end}{behind}"));
        }
        evil.push(format!("{end}.{end}MAIL FROM:<a@b.example>{end}"));
    }
    let encoded = [
        "=?utf-8?q?=0d=0aBcc:_x@evil.example?=",
        "=?utf-8?b?DQpCY2M6IHhAZXZpbC5leGFtcGxl?=",
        "=?utf-8?q?=0A?=",
        "=0D=0A",
        "%0d%0aBcc:x",
        "\\r\\nBcc: x",
        "\"",
        "\\",
        "\\\"",
        "\"<x@evil.example>, \"",
        "<x@evil.example>",
        ">",
        "(",
        ")",
        ",",
        ";",
        ":",
        "@",
        "?=",
        "=?",
        "\0\0",
    ];
    evil.extend(encoded.map(str::to_owned));
    evil
}

/// `text` with `what` at a place of it.
pub(super) fn with(random: &mut StdRng, text: &str, what: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let place = random.random_range(0..=chars.len());
    let (before, behind) = chars.split_at(place);
    before.iter().collect::<String>() + what + &behind.iter().collect::<String>()
}

/// How many fields of [`Chosen`] there are; from the sixth on, one that makes no sense may be left out.
const FIELDS: usize = 9;

/// What somebody else chooses of a mail.
#[derive(Clone)]
struct Chosen {
    text: String,
    sender: String,
    subject: String,
    name: String,
    gateway: String,
    answers: String,
    field: String,
    /// Of the mail that is answered: its References and its Thread-Index.
    reference: String,
    index: String,
}

impl Chosen {
    fn harmless() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            text: text("Dear all, the quick brown fox jumps over the lazy dog.\nYours, Ann"),
            sender: text("ACME Bank"),
            subject: text("Lunch on Friday at the usual place?"),
            name: text("Ann Smith of Accounting"),
            gateway: text("hall-modem"),
            answers: text("abc.def@example.com"),
            field: text("voice some of it"),
            reference: text("first.of-all@example.com"),
            index: text("AdkTyWJ8GxG2aQkJTbiiU0ZyCw0b6A=="),
        }
    }

    fn any(&mut self, n: usize) -> &mut String {
        match n % FIELDS {
            0 => &mut self.text,
            1 => &mut self.sender,
            2 => &mut self.subject,
            3 => &mut self.name,
            4 => &mut self.gateway,
            5 => &mut self.field,
            6 => &mut self.reference,
            7 => &mut self.index,
            _ => &mut self.answers,
        }
    }

    fn mail(&self) -> Vec<u8> {
        let from = Party::from_network(&self.sender);
        let fields = [("X-SMS-Waiting", self.field.clone())];
        let sentences = [self.field.clone()];
        let references = [self.reference.clone(), self.answers.clone()];
        let thread = Thread::of_mail(&references, None, Some(&self.index));
        compose::sms(&Sms {
            id: MessageId::from_bytes([7; 16]),
            hostname: "mail.example.com",
            from: &from,
            name: Some(&self.name),
            from_template: None,
            sms_domain: "sms.example.com",
            to: "ann@example.com",
            gateway: &self.gateway,
            sent: "2026-11-20T10:00:00Z".parse().expect("time"),
            parts: (1, 1),
            text: &self.text,
            words: &Words::default(),
            extra: Extra {
                sentences: &sentences,
                fields: &fields,
                files: &[],
            },
            subject: Some(&self.subject),
            answers: Some(&self.answers),
            thread: &thread,
        })
    }
}

/// The names of the header fields, octet by octet: what stands before the first empty line, by lines that end CRLF, no
/// bare CR or LF among them, nothing but ASCII without controls.
pub(super) fn names(mail: &[u8]) -> Vec<String> {
    let end = mail.windows(4).position(|octets| octets == b"\r\n\r\n");
    let head = &mail[..end.expect("an empty line") + 2];
    let mut names = Vec::new();
    for line in head.split_inclusive(|&octet| octet == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("CRLF");
        let fits = |b: &u8| (0x20..0x7f).contains(b) || *b == b'\t';
        let shown = String::from_utf8_lossy(line);
        assert!(line.len() <= 998 && line.iter().all(fits), "{shown:?}");
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            assert!(
                !line.trim_ascii().is_empty(),
                "a line of blanks ends some headers"
            );
            continue;
        }
        let colon = line.iter().position(|&octet| octet == b':');
        names.push(String::from_utf8_lossy(&line[..colon.expect("a field")]).into_owned());
    }
    let body = &mail[head.len()..];
    let bare = |(n, octet): (usize, &u8)| match octet {
        b'\n' => n == 0 || body[n - 1] != b'\r',
        b'\r' => body.get(n + 1) != Some(&b'\n'),
        _ => false,
    };
    assert!(!body.iter().enumerate().any(bare), "a bare CR or LF");
    names
}

/// Whether these are some of those, in their order.
fn are_of(found: &[String], all: &[String]) -> bool {
    let mut all = all.iter();
    found.iter().all(|name| all.any(|other| other == name))
}

#[test]
fn nothing_at_any_place_changes_the_header() {
    let mut random = StdRng::seed_from_u64(34);
    let (harmless, evil) = (Chosen::harmless(), evil());
    let expected = names(&harmless.mail());
    for n in 0..PLACES {
        for what in &evil {
            if n % FIELDS == 5 && !what.is_ascii() {
                // Those values are words and hex digits of ours.
                continue;
            }
            let mut chosen = harmless.clone();
            let field = chosen.any(n);
            *field = with(&mut random, field, what);
            let found = names(&chosen.mail());
            let ok = found == expected || n % FIELDS > 5 && are_of(&found, &expected);
            assert!(ok, "{what:?} in field {}: {found:?}", n % FIELDS);
        }
    }
}

#[test]
fn notes_keep_their_header_too() {
    let mut random = StdRng::seed_from_u64(35);
    let note = |subject: &str, text: &str| {
        compose::note(&Note {
            id: MessageId::from_bytes([7; 16]),
            hostname: "mail.example.com",
            from: "sms@example.com",
            to: "postmaster@example.com",
            subject,
            text,
            at: "2026-11-20T10:00:00Z".parse().expect("time"),
            original: None,
        })
    };
    let (subject, text) = ("Unreadable SMS from hall", "It said:\nthis");
    let expected = names(&note(subject, text));
    for what in evil() {
        for _ in 0..10 {
            let mail = note(
                &with(&mut random, subject, &what),
                &with(&mut random, text, &what),
            );
            assert_eq!(names(&mail), expected, "{what:?}");
            let mail = compose::redirected(
                &note(subject, text),
                &with(&mut random, "ann@example.com", &what),
                &with(&mut random, "550 5.1.1 no such user", &what),
            );
            assert_eq!(names(&mail)[1..], expected, "{what:?}");
        }
    }
}

/// Python's parser, which takes more for a line end than we do, sees the same fields, and no line end in what they say.
const READER: &str = r#"
import email, email.header, email.policy, pathlib, re, sys
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    data = path.read_bytes()
    for policy in (email.policy.default, email.policy.compat32):
        mail = email.message_from_bytes(data, policy=policy)
        assert not mail.defects, (path, mail.defects)
        said = [mail["Subject"], mail["From"]]
        if policy is email.policy.compat32:
            said = [re.sub("\r\n([ \t])", r"\1", text) for text in said]
            said = [str(email.header.make_header(email.header.decode_header(text))) for text in said]
        for text in said:
            assert len(text.splitlines()) == 1, (path, text)
        if policy is email.policy.default:
            assert [a.addr_spec for a in mail["From"].addresses] == ["no-reply@sms.example.com"], (path, mail["From"])
            assert [a.addr_spec for a in mail["To"].addresses] == ["ann@example.com"], path
        print(" ".join(mail.keys()))
"#;

#[test]
fn an_independent_parser_agrees() {
    let mut random = StdRng::seed_from_u64(36);
    let (harmless, evil) = (Chosen::harmless(), evil());
    let expected = names(&harmless.mail());
    let dir = tempfile::tempdir().expect("a directory");
    for n in 0..BATCH {
        let mut chosen = harmless.clone();
        // One in each field at once, but for the Message-ID, which is left out when it is none.
        for field in 0..6 {
            let what = &evil[(n * 6 + field) % evil.len()];
            if field == 5 && !what.is_ascii() {
                continue;
            }
            let field = chosen.any(field);
            *field = with(&mut random, field, what);
        }
        std::fs::write(dir.path().join(format!("{n:04}.eml")), chosen.mail()).expect("write");
    }
    let read = Command::new("python3")
        .args(["-c", READER])
        .arg(dir.path())
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success(), "{said}");
    let lines = String::from_utf8_lossy(&read.stdout).into_owned();
    assert_eq!(lines.lines().count(), 2 * BATCH);
    let found: BTreeSet<&str> = lines.lines().collect();
    assert_eq!(found, BTreeSet::from([expected.join(" ").as_str()]));
}

fn check_arrived(mail: &Mail, expected: &[String]) {
    assert_eq!(
        names(&mail.data),
        expected,
        "{}",
        String::from_utf8_lossy(&mail.data)
    );
}

/// As it arrives: through the store, the injector and SMTP; texts, alphanumeric senders, subjects of the mail that is
/// answered, and names of users.
#[tokio::test]
async fn nothing_changes_the_header_of_what_arrives() {
    let mut random = StdRng::seed_from_u64(37);
    let evil = evil();
    let user = |(n, what): (usize, &String)| User {
        name: Some(with(
            &mut StdRng::seed_from_u64(n as u64),
            "Carol Jones",
            what,
        )),
        mobile: Some(number(&format!("+1556{n:07}"))),
        ..User::new(format!("user{n}@example.com"), Policy::default())
    };
    let mut users: Vec<User> = evil.iter().enumerate().map(user).collect();
    users.push(User {
        nickname: Some("ann".to_owned()),
        ..User::new("ann@example.com", Policy::default())
    });
    let mut house = House::with(Settings {
        people: Arc::new(People::new(users)),
        ..settings()
    })
    .await;
    house.sms("ann, hello").await;
    let new = house.sink.wait_for(1).await.remove(0);
    let new = names(&new.data);
    let mut sent = 1;
    // From whom, and what.
    for (n, what) in evil.iter().enumerate() {
        let text = with(&mut random, "the quick brown fox", what);
        let sender = with(&mut random, "ACME Bank", what);
        let phone = Party::Number(number(&format!("+1556{n:07}")));
        for from in [Party::from_network(&sender), phone] {
            let received = house.received(from, &format!("ann {text}"), None);
            assert!(house.receive(received).await.is_some());
            sent += 1;
        }
    }
    for mail in &house.sink.wait_for(sent).await[1..] {
        check_arrived(mail, &new);
    }
    // An answer to a mail with such a subject.
    let answer = {
        house
            .wrote("ann@example.com", "m0@example.com", "Lunch?")
            .await;
        house.sms("yes").await;
        sent += 1;
        let mail = house.sink.wait_for(sent).await.remove(sent - 1);
        names(&mail.data)
    };
    assert!(answer.contains(&"In-Reply-To".to_owned()));
    for (n, what) in evil.iter().enumerate() {
        let subject = with(&mut random, "Lunch on Friday?", what);
        let id = format!("m{}@example.com", n + 1);
        house.wrote("ann@example.com", &id, &subject).await;
        house.part("yes", None).await;
        sent += 1;
        // Each finds the link of its time.
        let mail = house.sink.wait_for(sent).await.remove(sent - 1);
        assert!(
            mail.sender.is_empty() && mail.recipient == "ann@example.com",
            "{PHONE}"
        );
        check_arrived(&mail, &answer);
    }
    assert_eq!(house.sink.strays(), [""; 0]);
    assert_eq!(house.sink.mails().len(), sent);
}
