//! What people type, through real mail servers: every form of address, every parameter, fine and wrong,
//! from every kind of client, with the exact reply (spec 2, 2.1, 2.2). One server and one product a table.

mod programs;

use crate::credentials::hash;
use crate::sim::mta::{Kind, Mta, Smtp};
use crate::sim::product::{Place, Product};

/// Their passwords are "secret" at the mail server.
const USERS: &str = r#"users:
  - { email: alice@example.com, nickname: al, aliases: [alice.smith@example.com], mobile: "+15557654321" }
  - { email: bob@example.com, send: [users, external, binary, gateway], max_segments: 128, sender_ids: [ACME] }
  - { email: carol@example.com, expires: 2020-01-01 }
  - { email: dave@example.com, active: false }
  - { email: erin@example.com, monthly_limit: 1 }
  - { email: frank@example.com, send: [users] }
  - { email: alice@example.org, nickname: al, mobile: "+420777123456" }
  - { email: john@example.com, password_hash: "HASH" }
mail:"#;

const LAB: &str = r#"gateways: [{ id: lab, type: simulated, number: "+15550009999" }]
incoming: { default: postmaster@example.com }
"#;

struct House {
    kind: Kind,
    mta: Mta,
    product: Product,
    _place: Place,
}

/// The server takes as many mistakes in a session as a table has.
fn house(kind: Kind) -> House {
    let users = ["--users", "alice bob carol dave erin frank postmaster"];
    let patient = ["--main", "smtpd_hard_error_limit = 1000"];
    let options = match kind {
        Kind::Postfix => [users, patient].concat(),
        Kind::Sendmail => users.to_vec(),
    };
    let mta = Mta::start(kind, &options);
    let place = Place::with_milter(&mta.milter(), mta.inject(), LAB);
    let config = std::fs::read_to_string(place.config()).expect("configuration");
    let (before, rest) = config.split_once("users:").expect("users");
    let (_, after) = rest.split_once("mail: {").expect("mail");
    let users = USERS.replace("HASH", &hash("123"));
    let config = format!("{before}{users} {{{after}")
        .replace("127.0.0.0/8", "127.0.0.1/32")
        .replace("access:\n", "access:\n  address_passwords: true\n");
    std::fs::write(place.config(), config).expect("configuration");
    let product = place.start();
    House {
        kind,
        mta,
        product,
        _place: place,
    }
}

const FINE: &str = "250";

/// What is typed, and what somebody with the usual rights is told. `{}` in a reply: the address.
const FORMS: &[(&str, &str)] = &[
    // Numbers.
    ("+15551234567@sms.example.com", FINE),
    ("0015551234567@sms.example.com", FINE),
    ("5551234567@sms.example.com", FINE),
    ("555.123.4567@sms.example.com", FINE),
    ("\"(555)123-4567\"@sms.example.com", FINE),
    ("\"+1 555 123 4567\"@sms.example.com", FINE),
    ("12@sms.example.com", "550 5.1.1 12 is not a phone number"),
    (
        "+155512345678@sms.example.com",
        "550 5.1.1 +155512345678 is too short or too long for a phone number of its country",
    ),
    (
        "+9991234567@sms.example.com",
        "550 5.1.1 +9991234567 has an unknown country code; write the number as +COUNTRY NUMBER",
    ),
    (
        "+19002345678@sms.example.com",
        "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
    ),
    (
        "+881612345678@sms.example.com",
        "550 5.7.1 SMS to +881612345678 is not allowed: satellite or international premium number",
    ),
    // Users.
    ("alice@sms.example.com", FINE),
    ("Alice.Smith@sms.example.com", FINE),
    ("al@sms.example.com", FINE),
    (
        "bob@sms.example.com",
        "550 5.1.1 bob@example.com has no mobile number here",
    ),
    (
        "nosuch@sms.example.com",
        "550 5.1.1 nosuch@sms.example.com: no such user",
    ),
    (
        "no-reply@sms.example.com",
        "550 5.1.1 this SMS came from a name, not from a number: it cannot be answered",
    ),
    // The prefix.
    ("sms:+15551234567@example.com", FINE),
    ("\"sms:+15551234567\"@example.com", FINE),
    ("SMS:+15551234567@EXAMPLE.COM", FINE),
    ("sms:5551234567@example.com", FINE),
    ("sms:+15551234567@sms.example.com", FINE),
    ("sms+15551234567@example.com", FINE),
    ("sms:ann@example.com", "550 5.1.1 ann is not a phone number"),
    (
        "\"sms:\"@example.com",
        "550 5.1.1 a phone number is missing after sms:",
    ),
    // The account.
    ("sms@example.com", FINE),
    ("sms@sms.example.com", FINE),
    // Not ours.
    ("postmaster@sms.example.com", FINE),
    ("bob@example.com", FINE),
    // Parameters.
    ("\"sms:+15551234567?maxmsgs=3&flash=1\"@example.com", FINE),
    ("sms:+15551234567?maxmsgs=3&flash=1@example.com", FINE),
    ("+15551234567?confirm=1@sms.example.com", FINE),
    ("alice?confirm=1@sms.example.com", FINE),
    ("sms?flash=1@sms.example.com", FINE),
    ("sms?flash=1@example.com", FINE),
    ("\"sms?flash=1\"@example.com", FINE),
    ("sms+15551234567?flash=1@example.com", FINE),
    ("\"sms:+15551234567?at=+2h\"@example.com", FINE),
    ("\"sms:+15551234567?at=%2B2h\"@example.com", FINE),
    (
        "\"sms:+15551234567?validity=6h&priority=low&coding=ucs2\"@example.com",
        FINE,
    ),
    (
        "\"sms:+15551234567?reply=alice.smith%40example.com\"@example.com",
        FINE,
    ),
    (
        "\"sms:+15551234567?\"@example.com",
        "550 5.1.3 a parameter is missing after ?",
    ),
    (
        "\"sms:+15551234567?color=red\"@example.com",
        "550 5.1.3 parameter color is not known",
    ),
    (
        "+15551234567?color=red@sms.example.com",
        "550 5.1.3 parameter color is not known",
    ),
    (
        "\"sms:+15551234567?flash=1&flash=1\"@example.com",
        "550 5.1.3 parameter flash is written twice",
    ),
    (
        "\"sms:+15551234567?flash\"@example.com",
        "550 5.1.3 parameter flash has no value: write flash=VALUE",
    ),
    (
        "\"sms:+15551234567?flash=yes\"@example.com",
        "550 5.1.3 flash=yes: write 1, or leave it out",
    ),
    (
        "\"sms:+15551234567?sender=50%off\"@example.com",
        "550 5.1.3 parameter sender: write % as %25 and odd characters as % and two hex digits of UTF-8",
    ),
    (
        "\"sms:+15551234567?maxmsgs=0\"@example.com",
        "550 5.1.3 maxmsgs=0: write 1 to 128",
    ),
    (
        "\"sms:+15551234567?maxmsgs=9\"@example.com",
        "550 5.1.3 maxmsgs=9: alice@example.com may send 5 at a time",
    ),
    (
        "\"sms:+15551234567?id=lab\"@example.com",
        "550 5.1.3 id: alice@example.com may not choose the gateway",
    ),
    (
        "\"sms:+15551234567?sender=ACME\"@example.com",
        "550 5.1.3 sender: alice@example.com may not be shown as ACME",
    ),
    (
        "\"sms:+15551234567?reply=bob%40example.com\"@example.com",
        "550 5.1.3 reply: bob@example.com is no address of alice@example.com",
    ),
    (
        "\"sms:+15551234567?at=noon\"@example.com",
        "550 5.1.3 at=noon: write a time such as +2h or 2026-12-24T18:00:00+01:00",
    ),
    (
        "\"sms:+15551234567?at=2020-01-01T00:00:00Z\"@example.com",
        "550 5.1.3 at=2020-01-01T00:00:00Z: this time has passed",
    ),
    (
        "\"sms:+15551234567?validity=1m\"@example.com",
        "550 5.1.3 validity=1m: networks know nothing shorter than 5m",
    ),
    (
        "\"sms:+15551234567?validity=6d\"@example.com",
        "550 5.1.3 validity: the queue keeps no message longer than 5d (queue.expire); write 5d or less",
    ),
    (
        "\"sms:+15551234567?priority=urgent\"@example.com",
        "550 5.1.3 priority=urgent: write low, normal or high",
    ),
    (
        "\"sms:+15551234567?coding=utf8\"@example.com",
        "550 5.1.3 coding=utf8: write auto, gsm7 or ucs2",
    ),
    (
        "\"sms:+15551234567?binary=1\"@example.com",
        "550 5.1.3 binary: alice@example.com may not send data",
    ),
    (
        "\"sms:+15551234567?pid=0x7F\"@example.com",
        "550 5.1.3 pid: alice@example.com may not send data",
    ),
    (
        "\"sms:+15551234567?dcs=0x12\"@example.com",
        "550 5.1.3 dcs: alice@example.com may not send data",
    ),
    (
        "\"sms:+15551234567?udh=027000\"@example.com",
        "550 5.1.3 udh goes with binary: a text has no user data header of its own",
    ),
    (
        "\"sms:+15551234567?authenticated=1&user=boss\"@example.com",
        "550 5.1.3 parameter authenticated is never taken from an address",
    ),
    (
        "\"sms:+15551234567?class=2\"@example.com",
        "550 5.1.3 parameter class is not known",
    ),
];

/// What only Bob may ask.
const RIGHTS: &[(&str, &str)] = &[
    ("\"sms:+15551234567?maxmsgs=128\"@example.com", FINE),
    ("\"sms:+15551234567?id=lab\"@example.com", FINE),
    (
        "\"sms:+15551234567?id=nosuch\"@example.com",
        "550 5.1.3 id=nosuch: there is no such gateway",
    ),
    ("\"sms:+15551234567?sender=ACME\"@example.com", FINE),
    (
        "\"sms:+15551234567?sender=BANK\"@example.com",
        "550 5.1.3 sender: bob@example.com may not be shown as BANK",
    ),
    (
        "\"sms:+15551234567?binary=1&udh=0605040B8423F0&dcs=0xF6\"@example.com",
        FINE,
    ),
    ("\"sms:+15551234567?pid=0x7F\"@example.com", FINE),
];

/// Addresses that are not strict, which both servers let through.
const ODD: &[&str] = &[
    "<@relay.test:+15551234567@sms.example.com>",
    "<@relay.test:sms:+15551234567@example.com>",
];

impl House {
    /// Says every RCPT in one session that has said MAIL.
    fn check(&self, session: &mut Smtp, table: &[(&str, &str)]) {
        let mut wrong = Vec::new();
        for (rcpt, expected) in table {
            let said = session.say(&format!("RCPT TO:<{rcpt}>"));
            let right = match *expected {
                FINE => said.starts_with("250 2.1.5"),
                reply => said == self.worded(&format!("<{rcpt}>"), reply),
            };
            if !right {
                wrong.push(format!("{rcpt}: {said}"));
            }
        }
        assert!(wrong.is_empty(), "{:?}\n{}", self.kind, wrong.join("\n"));
    }

    /// A reply at RCPT as the server passes it on.
    fn worded(&self, rcpt: &str, reply: &str) -> String {
        match self.kind {
            Kind::Postfix => reply.to_owned(),
            Kind::Sendmail => format!("{}{rcpt}... {}", &reply[..10], &reply[10..]),
        }
    }

    fn every_form(&self) {
        // Who has logged in, and whoever sits on a trusted network, are told the same.
        for mut session in [self.mta.smtp_as("alice"), self.mta.smtp()] {
            session.expect("MAIL FROM:<alice@example.com>", 250);
            self.check(&mut session, FORMS);
            for rcpt in ODD {
                let said = session.say(&format!("RCPT TO:{rcpt}"));
                let reply =
                    "553 5.1.3 write the SMS recipient as <NUMBER@DOMAIN>, nothing around it";
                assert_eq!(said, self.worded(rcpt, reply));
            }
        }
        let mut bob = self.mta.smtp_as("bob");
        bob.expect("MAIL FROM:<bob@example.com>", 250);
        self.check(&mut bob, RIGHTS);
    }

    fn every_sender(&self) {
        let number = "+15551234567@sms.example.com";
        let log_in = "550 5.7.1 log in to send SMS: only known users may";
        for (login, expected) in [
            (
                "carol",
                "550 5.7.1 the account carol@example.com has expired",
            ),
            (
                "dave",
                "550 5.7.1 the account dave@example.com is not active",
            ),
            (
                "frank",
                "550 5.7.1 frank@example.com may not send SMS to +15551234567, only to phones of users",
            ),
        ] {
            let mut session = self.mta.smtp_as(login);
            // Not who MAIL FROM says.
            session.expect("MAIL FROM:<alice@example.com>", 250);
            self.check(&mut session, &[(number, expected)]);
        }
        let mut frank = self.mta.smtp_as("frank");
        frank.expect("MAIL FROM:<frank@example.com>", 250);
        self.check(
            &mut frank,
            &[("alice@sms.example.com", FINE), ("sms@example.com", FINE)],
        );

        let mut erin = self.mta.smtp_as("erin");
        let sent = erin.send("erin@example.com", &[number], "Subject: x\n\nthe last one");
        assert!(sent.starts_with("250"), "{sent}");
        erin.expect("MAIL FROM:<erin@example.com>", 250);
        for rcpt in [number, "sms@example.com"] {
            let said = erin.say(&format!("RCPT TO:<{rcpt}>"));
            let used_up =
                "erin@example.com has used up this month's SMS; the count starts anew on 20";
            let reply = self.worded(&format!("<{rcpt}>"), &format!("550 5.7.1 {used_up}"));
            assert!(said.starts_with(&reply), "{said}");
        }

        let refused = [
            "alice@sms.example.com",
            "sms:+15551234567@example.com",
            "sms@example.com",
            number,
        ];
        let refused = refused.map(|rcpt| (rcpt, log_in));
        // Who is known to the server's site, and not to ours. (Sendmail's site is its own machine.)
        if self.kind == Kind::Postfix {
            let mut near = self.mta.smtp_from("127.0.0.2");
            near.expect("MAIL FROM:<alice@example.com>", 250);
            self.check(&mut near, &refused);
        }
        let mut outside = self.mta.smtp_from_outside();
        outside.expect("MAIL FROM:<alice@example.com>", 250);
        for (rcpt, _) in refused {
            let said = outside.say(&format!("RCPT TO:<{rcpt}>"));
            let lower = said.to_lowercase();
            assert!(
                said.starts_with("550 5.7.1") && lower.contains("log in to send sms"),
                "{said}"
            );
        }

        // A password in the address proves who it is; whoever has logged in is who he is.
        let known = "\"sms:+15551234567?user=john%example.com&pass=123\"@example.com";
        let unknown = "\"sms:+15551234567?user=john%example.com&pass=124\"@example.com";
        let nobody = "\"sms:+15551234567?user=nobody%example.com&pass=123\"@example.com";
        let wrong = "550 5.7.8 wrong password or token";
        let mut stranger = self.mta.smtp();
        stranger.expect("MAIL FROM:<bob@example.com>", 250);
        let rows = [
            (known, FINE),
            (
                "\"+15551234567?user=john%40example.com&pass=123\"@sms.example.com",
                FINE,
            ),
            ("\"sms?user=john&pass=123\"@sms.example.com", FINE),
            (unknown, wrong),
            (nobody, wrong),
            (
                "\"sms:+15551234567?user=john&pass=\"@example.com",
                "550 5.1.3 parameter pass has no value: write pass=VALUE",
            ),
            (
                "\"sms:+15551234567?user=john\"@example.com",
                "550 5.1.3 parameter pass is missing: user and pass go together",
            ),
            (
                "\"sms:+15551234567?user=john&pass=50%off\"@example.com",
                "550 5.1.3 parameter pass: write % as %25 and odd characters as % and two hex digits of UTF-8",
            ),
            (
                "\"sms:+15551234567?user=john&pass=1&2\"@example.com",
                "550 5.1.3 parameter 3 after ? is not known, or a & in a value is not written as %26",
            ),
        ];
        self.check(&mut stranger, &rows);
        if self.kind == Kind::Postfix {
            let mut outside = self.mta.smtp_from_outside();
            outside.expect("MAIL FROM:<x@outside.test>", 250);
            // Postfix refuses strangers a % of its own accord, unless allow_percent_hack is "no".
            let known = "\"sms:+15551234567?user=john&pass=123\"@example.com";
            let unknown = "\"sms:+15551234567?user=john&pass=124\"@example.com";
            self.check(&mut outside, &[(known, FINE), (unknown, wrong)]);
        }
        let mut alice = self.mta.smtp_as("alice");
        alice.expect("MAIL FROM:<alice@example.com>", 250);
        self.check(&mut alice, &[(known, FINE), (unknown, FINE)]);

        let mut null = self.mta.smtp();
        null.expect("MAIL FROM:<>", 250);
        let no_sender = "550 5.7.1 SMS need a sender: this mail has the null sender";
        self.check(
            &mut null,
            &[(number, no_sender), ("sms@example.com", no_sender)],
        );
    }

    /// The numbers of the account: who gets the text, what is said at the end of the mail.
    fn every_account(&self) {
        let missing = "550 5.1.3 no phone number: write it as the subject, or as the name beside sms@example.com";
        for (n, (header, numbers, expected)) in [
            ("To: sms@example.com\nSubject: +15551110001", &["+15551110001"][..], FINE),
            ("To: sms@example.com\nSubject: 5551110002 lunch", &["+15551110002"], FINE),
            (
                "To: sms@example.com\nSubject: +15551110003, (555) 111-0004; lunch",
                &["+15551110003", "+15551110004"],
                FINE,
            ),
            (
                "To: \"+15551110005\" <sms@example.com>\nSubject: +15551119999",
                &["+15551110005"],
                FINE,
            ),
            (
                "To: \"+15551110006\" <sms@example.com>, \"+1 555 111 0007\" <sms@example.com>\nSubject: lunch",
                &["+15551110006", "+15551110007"],
                FINE,
            ),
            (
                "To: bob@example.com\nCc: =?utf-8?Q?+15551110008?= <sms@example.com>\nSubject: lunch",
                &["+15551110008"],
                FINE,
            ),
            // Outlook: its own quotes around a name, and the address where there is none.
            (
                "To: \"'+15551110009'\" <sms@example.com>\nSubject: lunch",
                &["+15551110009"],
                FINE,
            ),
            ("To: <sms@example.com>\nSubject: Re: lunch", &[], missing),
            ("Subject:", &[], missing),
            ("To: sms@example.com\nSubject: 12", &[], "550 5.1.1 12 is not a phone number"),
            (
                "To: \"12\" <sms@example.com>\nSubject: +15551119999",
                &[],
                "550 5.1.1 12 is not a phone number",
            ),
            (
                "Subject: 12, 13",
                &[],
                "550 5.1.1 12 is not a phone number; 13 is not a phone number",
            ),
            (
                "Subject: +19002345678",
                &[],
                "550 5.7.1 SMS to +19002345678 is not allowed: premium-rate number",
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let mail = format!("From: alice@example.com\n{header}\nMessage-ID: <a{n}@example.com>\n\ntext {n}");
            let said = self.mta.smtp_as("alice").send("alice@example.com", &["sms@example.com"], &mail);
            match expected {
                FINE => assert!(said.starts_with("250"), "{header}: {said}"),
                reply => assert_eq!(said, reply, "{header}"),
            }
            for number in numbers {
                assert_eq!(self.product.phone(number, 1), [format!("text {n}")], "{header}");
            }
        }
        assert_eq!(
            self.product.phone("+15551119999", 0).len(),
            0,
            "the subject is ignored"
        );

        // One that fails among others, and an ordinary recipient: told by mail.
        let mail = "From: alice@example.com\nSubject: +15551110010, 12\nMessage-ID: <mixed@example.com>\nDate: Fri, 20 Nov 2026 12:00:00 +0000\n\nmixed";
        let recipients = ["sms@example.com", "bob@example.com"];
        let said = self
            .mta
            .smtp_as("alice")
            .send("alice@example.com", &recipients, mail);
        assert!(said.starts_with("250"), "{said}");
        assert_eq!(self.product.phone("+15551110010", 1), ["mixed"]);
        let report = self
            .mta
            .mail("alice", |mail| mail.contains("12 is not a phone number"));
        assert!(
            report.contains("Final-Recipient: rfc822; sms@example.com"),
            "{report}"
        );
        self.mta.mail("bob", |mail| mail.contains("mixed"));
        // The same mail again is no second SMS.
        let said = self
            .mta
            .smtp_as("alice")
            .send("alice@example.com", &["sms@example.com"], mail);
        assert!(said.starts_with("250"), "{said}");
        assert_eq!(self.product.phone("+15551110010", 1), ["mixed"]);
    }

    /// Local programs are never refused at RCPT: each mistake comes back in a report.
    fn every_mistake_of_a_program(&self) {
        let wrong: Vec<_> = FORMS.iter().filter(|(_, reply)| *reply != FINE).collect();
        let mut args = vec!["-f", "alice@example.com"];
        args.extend(wrong.iter().map(|(rcpt, _)| *rcpt));
        args.extend([
            "sms@example.com",
            "\"sms:+15551110020?confirm=1\"@example.com",
        ]);
        let mail = "From: alice@example.com\nSubject: disk\nMessage-ID: <disk@example.com>\n\nThe disk is full";
        assert!(self.mta.sendmail(&args, mail));
        assert_eq!(self.product.phone("+15551110020", 1), ["The disk is full"]);
        let report = self
            .mta
            .mail("alice", |mail| mail.contains("SMS not sent: disk"));
        let unfolded = mail_parser::MessageParser::default();
        let report = unfolded.parse(&report).expect("a mail");
        let text = report.body_text(0).unwrap_or_default().into_owned();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let missing =
            "no phone number: write it as the subject, or as the name beside sms@example.com";
        for reply in wrong.iter().map(|(_, reply)| &reply[10..]).chain([missing]) {
            assert!(words.contains(reply), "no {reply:?} in\n{text}");
        }
    }
}

#[test]
fn every_form_and_parameter_at_postfix() {
    let house = house(Kind::Postfix);
    house.every_form();
    house.every_sender();
    house.every_account();
    house.every_mistake_of_a_program();
}

#[test]
fn every_form_and_parameter_at_sendmail() {
    let house = house(Kind::Sendmail);
    house.every_form();
    house.every_sender();
    house.every_account();
}
