//! Conversations between phones and people with mail programs, through a real Postfix and into a real
//! Dovecot: every one of them is one thread, as three others thread it.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::MessageParser;

use crate::sim::dovecot::Dovecot;
use crate::sim::mta::{Kind, Mta};
use crate::sim::product::{Place, Product};

const PHONE: &str = "+15551234567";
const SECRET: &str = "0123456789abcdef";
const QUESTION: &str = "Several people wrote to you. Start your answer with #name#";

/// `door` is there for what the simulated phones cannot do: to begin a conversation, and to lose a part.
const CONFIG: &str = r#"
gateways:
  - { id: lab, type: simulated, number: "+15550009999" }
  - { id: door, type: http, number: "+15550009999", secret: "0123456789abcdef", url: "http://127.0.0.1:9/?to=%number%&text=%data%" }
outgoing:
  - { when: { any: true }, gateway: lab }
incoming: { default: postmaster@example.com, join_wait: 1h }
"#;

const USERS: &str = r#"users:
  - { email: alice@example.com, nickname: alice }
  - { email: carol@example.com, name: Carol Jones, mobile: "+15557770001" }"#;

/// What people write their mails with.
#[derive(Clone, Copy, Debug)]
enum Program {
    Thunderbird,
    /// German, with its own words and Thread-Index.
    Outlook,
    Gmail,
}

struct House {
    boxes: Dovecot,
    mta: Mta,
    place: Place,
    product: Option<Product>,
    sent: usize,
}

impl House {
    fn new() -> Self {
        let boxes = Dovecot::start();
        let options = boxes.for_postfix();
        let mta = Mta::start(Kind::Postfix, &options.each_ref().map(String::as_str));
        let place = Place::with_milter(&mta.milter(), mta.inject(), CONFIG);
        let config = std::fs::read_to_string(place.config()).expect("configuration");
        std::fs::write(place.config(), config.replace("users:", USERS)).expect("configuration");
        let product = Some(place.start());
        Self {
            boxes,
            mta,
            place,
            product,
            sent: 0,
        }
    }

    fn product(&self) -> &Product {
        self.product.as_ref().expect("it runs")
    }

    /// A mail program sends a mail to a phone. Alice's keeps a copy beside the mails she gets, as Gmail does;
    /// Bob's has a folder for them, so that his box shows one side of a conversation.
    fn send(&mut self, user: &str, mail: &str, phone: &str) {
        let from = format!("{user}@example.com");
        let to = format!("{phone}@sms.example.com");
        let reply = self.mta.smtp_as(user).send(&from, &[&to], mail);
        assert!(reply.starts_with("250"), "{reply}");
        if user == "alice" {
            self.boxes.append(user, mail);
        }
    }

    fn new_id(&mut self, user: &str) -> String {
        self.sent += 1;
        format!("<{user}.{}@client.example.com>", self.sent)
    }

    /// A mail that begins a conversation.
    fn write(&mut self, program: Program, user: &str, phone: &str, subject: &str, text: &str) {
        let id = self.new_id(user);
        let more = match program {
            Program::Outlook => {
                let mut index = vec![1, 0xDC, 5, 6, 7, 8];
                index.extend(id.bytes().cycle().take(16));
                let index = STANDARD.encode(index);
                format!("Thread-Topic: {subject}\nThread-Index: {index}\n")
            }
            Program::Thunderbird | Program::Gmail => String::new(),
        };
        let mail = format!(
            "From: {user}@example.com\nTo: {phone}@sms.example.com\nSubject: {subject}\n\
             Message-ID: {id}\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n{more}\n{text}\n"
        );
        self.send(user, &mail, phone);
    }

    /// A mail program's answer to a mail: to whom it is from, in its conversation, quoting it.
    fn answer(&mut self, program: Program, user: &str, mail: &str, text: &str) {
        let id = self.new_id(user);
        let (answered, from) = (field(mail, "Message-ID"), field(mail, "From"));
        let chain = format!("{} {answered}", has(mail, "References").unwrap_or_default());
        let folded = chain.split_whitespace().collect::<Vec<_>>().join("\n\t");
        let phone = from
            .split(['<', '@'])
            .nth(1)
            .expect("an address")
            .to_owned();
        let subject = field(mail, "Subject");
        let base = subject.strip_prefix("Re: ").unwrap_or(&subject);
        let said = said(mail);
        let quoted = said.lines().map(|line| format!("> {line}\n"));
        let quoted = quoted.collect::<String>();
        let (subject, more, body) = match program {
            Program::Thunderbird | Program::Gmail => {
                let body = format!("{text}\n\nOn 11/20/26 11:00 AM, {phone} wrote:\n{quoted}");
                (format!("Re: {base}"), String::new(), body)
            }
            Program::Outlook => {
                let index = has(mail, "Thread-Index").map(|index| {
                    let mut index = STANDARD.decode(index).expect("base64");
                    index.extend([0, 0, 0, 9, 0x10]);
                    format!("Thread-Index: {}\n", STANDARD.encode(index))
                });
                let more = format!("Thread-Topic: {base}\n{}", index.unwrap_or_default());
                let body = format!(
                    "{text}\n\n-----Ursprüngliche Nachricht-----\nVon: {phone}\n\
                     Gesendet: Freitag, 20. November 2026 11:00\nAn: {user}@example.com\n\
                     Betreff: {subject}\n\n{said}\n"
                );
                (format!("AW: {base}"), more, body)
            }
        };
        let mail = format!(
            "From: {user}@example.com\nTo: {from}\nSubject: {subject}\nMessage-ID: {id}\n\
             Date: Fri, 20 Nov 2026 12:00:00 +0000\nIn-Reply-To: {answered}\nReferences: {folded}\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n\
             Content-Transfer-Encoding: 8bit\n{more}\n{body}"
        );
        self.send(user, &mail, &phone);
    }

    /// Waits until the last of `count` texts on a phone is this one.
    fn shows(&self, phone: &str, count: usize, text: &str) {
        let shown = self.product().phone(phone, count);
        assert_eq!(shown.len(), count, "{shown:?}");
        assert_eq!(shown.last().map(String::as_str), Some(text), "{shown:?}");
    }

    /// The phone answers what it got last.
    fn types(&self, phone: &str, text: &str) {
        let output = self.product().command(&["phone", "reply", phone, text]);
        assert!(output.status.success(), "{output:?}");
    }

    /// An SMS, or a part of one, by the gateway that is a web address.
    fn pushes(&mut self, phone: &str, text: &str, part: Option<(u8, u8)>) {
        self.sent += 1;
        let udh = part.map(|(part, of)| format!(",\"udh\":\"05000377{of:02X}{part:02X}\""));
        let body = format!(
            "{{\"from\":\"{phone}\",\"text\":\"{text}\",\"id\":\"{}\"{}}}",
            self.sent,
            udh.unwrap_or_default()
        );
        let mut stream = TcpStream::connect(self.product().web).expect("a connection");
        let request = format!(
            "POST /hooks/door HTTP/1.1\r\nHost: sms.test\r\nConnection: close\r\n\
             Authorization: Bearer {SECRET}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a connection");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Waits for the mail that an SMS became.
    fn gets(&self, user: &str, text: &str) -> String {
        self.boxes.mail(user, |mail| {
            has(mail, "X-SMS-Number").is_some() && said(mail) == text
        })
    }

    /// The user's conversations by their subjects, without what says that it is an answer: how many mails
    /// each has. Dovecot's two algorithms and notmuch see the same.
    fn threads(&self, user: &str) -> Vec<(String, usize)> {
        let threads = self.boxes.threads(user, "REFERENCES");
        // REFERENCES also joins what has the same subject; REFS goes by References alone.
        assert_eq!(threads, self.boxes.threads(user, "REFS"), "{user}");
        assert_eq!(threads, self.boxes.notmuch(user), "{user}");
        let mails = self.boxes.mails(user);
        let subjects = threads.iter().map(|ids| {
            let of_thread: Vec<&String> = mails
                .iter()
                .filter(|mail| ids.contains(&field(mail, "Message-ID")))
                .collect();
            assert_eq!(of_thread.len(), ids.len());
            let mut subjects: Vec<String> = of_thread.iter().map(|mail| base(mail)).collect();
            subjects.dedup();
            // Gmail.
            assert_eq!(subjects.len(), 1, "{subjects:?}");
            // Outlook.
            let indexes = of_thread
                .iter()
                .filter_map(|mail| has(mail, "Thread-Index"));
            let mut guids: Vec<_> = indexes
                .map(|index| STANDARD.decode(index).expect("base64")[6..22].to_vec())
                .collect();
            guids.dedup();
            assert!(guids.len() <= 1, "{subjects:?} {guids:?}");
            (subjects.remove(0), ids.len())
        });
        let mut subjects: Vec<_> = subjects.collect();
        subjects.sort();
        subjects
    }
}

/// A header field, unfolded.
fn has(mail: &str, name: &str) -> Option<String> {
    let parsed = MessageParser::default().parse(mail).expect("a mail");
    let words: Vec<&str> = parsed.header_raw(name)?.split_whitespace().collect();
    Some(words.join(" "))
}

fn field(mail: &str, name: &str) -> String {
    has(mail, name).unwrap_or_else(|| panic!("no {name} in\n{mail}"))
}

fn said(mail: &str) -> String {
    let parsed = MessageParser::default().parse(mail).expect("a mail");
    let text = parsed.body_text(0).unwrap_or_default();
    text.replace("\r\n", "\n").trim().to_owned()
}

/// The subject without Re: or AW:, of which there is one at most.
fn base(mail: &str) -> String {
    let subject = field(mail, "Subject");
    let base = ["Re: ", "AW: "]
        .iter()
        .find_map(|prefix| subject.strip_prefix(prefix))
        .unwrap_or(&subject);
    assert!(!base.contains("Re:") && !base.contains("AW:"), "{subject}");
    base.to_owned()
}

#[test]
fn conversations_are_threads() {
    use Program::{Gmail, Outlook, Thunderbird};
    let mut house = House::new();
    let named = ["--display-name", "Zoë \"the boss\", Ltd."];
    let set = ["phonebook", "set", "zoe@sms.example.com", PHONE];
    let output = house.product().command(&[&set[..], &named].concat());
    assert!(output.status.success(), "{output:?}");

    // Five turns, with three mail programs in turn.
    house.write(Thunderbird, "alice", PHONE, "Lunch at noon?", "Hungry?");
    house.shows(PHONE, 1, "Hungry?");
    let mut shown = 1;
    for (turn, program) in [Thunderbird, Outlook, Gmail, Outlook, Thunderbird]
        .into_iter()
        .enumerate()
    {
        let text = format!("phone says {turn}");
        house.types(PHONE, &text);
        let mail = house.gets("alice", &text);
        assert_eq!(field(&mail, "Subject"), "Re: Lunch at noon?");
        let chain = field(&mail, "References");
        assert!(chain.starts_with("<alice.1@client.example.com>"), "{chain}");
        assert!(chain.ends_with(&field(&mail, "In-Reply-To")), "{chain}");
        let text = format!("alice says {turn}");
        house.answer(program, "alice", &mail, &text);
        shown += 2;
        house.shows(PHONE, shown, &text);
    }
    // Two in a row answer the same mail.
    house.types(PHONE, "one more");
    house.types(PHONE, "and another");
    shown += 2;
    house.gets("alice", "one more");
    let mail = house.gets("alice", "and another");
    let parsed = MessageParser::default().parse(&mail).expect("a mail");
    let from = parsed.from().and_then(|from| from.first()).expect("From");
    assert_eq!(
        from.name(),
        Some(format!("Zoë \"the boss\", Ltd. ({PHONE})").as_str())
    );
    assert_eq!(
        from.address(),
        Some(format!("{PHONE}@sms.example.com").as_str())
    );
    for (name, value) in [
        ("X-SMS-Number", PHONE),
        ("X-SMS-Gateway", "lab"),
        ("X-SMS-Parts", "1"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        assert_eq!(field(&mail, name), value);
    }
    let lunch = ("Lunch at noon?".to_owned(), 13);
    assert_eq!(house.threads("alice"), std::slice::from_ref(&lunch));

    // Bob writes to the same phone: whom does it mean?
    house.write(Outlook, "bob", PHONE, "Dinner", "Pizza?");
    shown += 1;
    house.shows(PHONE, shown, "Pizza?");
    house.types(PHONE, "yes");
    shown += 2;
    house.shows(PHONE, shown, QUESTION);
    house.types(PHONE, "#bob# with wine");
    house.gets("bob", "yes");
    let mail = house.gets("bob", "with wine");
    house.answer(Outlook, "bob", &mail, "Red or white?");
    shown += 2;
    house.shows(PHONE, shown, "Red or white?");
    house.types(PHONE, "Bob: red");
    let mail = house.gets("bob", "red");
    assert_eq!(field(&mail, "Subject"), "Re: Dinner");
    assert_eq!(field(&mail, "Thread-Topic"), "Dinner");
    let index = STANDARD.decode(field(&mail, "Thread-Index"));
    assert_eq!(index.expect("base64").len(), 37, "begun, and three answers");
    house.types(PHONE, "noon is fine #alice@example.com#");
    let mail = house.gets("alice", "noon is fine");
    assert_eq!(field(&mail, "Subject"), "Re: Lunch at noon?");
    shown += 2;
    house.answer(Gmail, "alice", &mail, "See you");
    house.shows(PHONE, shown + 1, "See you");
    let dinner = ("Dinner".to_owned(), 3);
    assert_eq!(house.threads("bob"), std::slice::from_ref(&dinner));
    assert_eq!(house.threads("alice"), [(lunch.0, 15)]);

    // A phone begins, and says something more before it is answered. Carol's it is.
    let carols = "+15557770001";
    house.pushes(carols, "bob, are you there?", None);
    let first = house.gets("bob", "are you there?");
    let from = field(&first, "From");
    assert_eq!(
        from,
        format!("\"Carol Jones ({carols})\" <{carols}@sms.example.com>")
    );
    house.pushes(carols, "BOB hello?", None);
    let mail = house.gets("bob", "hello?");
    house.answer(Outlook, "bob", &mail, "Yes");
    house.shows(carols, 1, "Yes");
    house.types(carols, "at last");
    let mail = house.gets("bob", "at last");
    house.answer(Thunderbird, "bob", &first, "Sorry");
    house.shows(carols, 3, "Sorry");
    let chain = field(&mail, "References");
    assert_eq!(chain.split(' ').count(), 3, "{chain}");
    let begun = format!("SMS from {carols}");
    let threads = [dinner.clone(), (begun.clone(), 3)];
    assert_eq!(house.threads("bob"), threads);

    // A part is late.
    assert!(house.product.take().expect("it runs").stop().success());
    let path = house.place.config();
    let config = std::fs::read_to_string(&path).expect("configuration");
    let config = config.replace("join_wait: 1h", "join_wait: 1s");
    std::fs::write(&path, config).expect("configuration");
    house.product = Some(house.place.start());
    house.pushes(carols, "one ", Some((1, 3)));
    house.pushes(carols, "three", Some((3, 3)));
    let partial = house.gets("bob", "one \n[part 2 of 3 missing]\nthree");
    house.pushes(carols, "two ", Some((2, 3)));
    let late = house.gets("bob", "[part 2 of 3]\ntwo");
    assert_eq!(
        field(&late, "In-Reply-To"),
        field(&partial, "Message-ID"),
        "it follows what it is a part of"
    );
    assert_eq!(house.threads("bob"), [dinner, (begun, 5)]);
    assert_eq!(house.boxes.mails("postmaster"), [""; 0]);
}
