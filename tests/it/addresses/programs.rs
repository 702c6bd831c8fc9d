//! The classic forms as mail programs write them: swaks, and the headers of Outlook and Thunderbird.

use std::process::Command;

use super::house;
use crate::sim::mta::Kind;

/// As mail programs write them. The envelope is what they hand over for these recipients.
const OUTLOOK: &str = "From: \"Alice Smith\" <alice@example.com>
To: \"'+15551110031'\" <sms@example.com>,
\t\"'sms:+15551110032@example.com'\" <\"sms:+15551110032\"@example.com>,
\t<+15551110033@sms.example.com>
Subject: RE: Lunch
Date: Fri, 20 Nov 2026 13:05:11 +0100
Message-ID: <000201dc5a1f$7b2d40c0$7187c240$@example.com>
MIME-Version: 1.0
Content-Type: multipart/alternative;
\tboundary=\"----=_NextPart_000_0003_01DC5A27.DCF5A8C0\"
X-Mailer: Microsoft Outlook 16.0
Thread-Index: AQHcWh9kq2o=
Content-Language: en-us

This is a multipart message in MIME format.

------=_NextPart_000_0003_01DC5A27.DCF5A8C0
Content-Type: text/plain;
\tcharset=\"us-ascii\"
Content-Transfer-Encoding: 7bit

Lunch at noon.

------=_NextPart_000_0003_01DC5A27.DCF5A8C0
Content-Type: text/html;
\tcharset=\"us-ascii\"
Content-Transfer-Encoding: quoted-printable

<html><body lang=3DEN-US><div class=3DWordSection1><p class=3DMsoNormal>Lunch at noon.<o:p></o:p></p></div></body></html>

------=_NextPart_000_0003_01DC5A27.DCF5A8C0--
";

const THUNDERBIRD: &str = "Message-ID: <0c7f3d3e-2b1f-4d0e-9a53-0f7f6b1c2d3e@example.com>
Date: Fri, 20 Nov 2026 13:07:42 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Content-Language: en-US
To: \"+1 (555) 111-0041\" <sms@example.com>,
 \"sms:+15551110042?maxmsgs=2&flash=1\"@example.com, alice@sms.example.com
From: Alice Smith <alice@example.com>
Subject: Lunch
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: 7bit

Lunch at one.
";

#[test]
fn the_classic_forms_from_mail_programs() {
    let house = house(Kind::Postfix);
    let send = |recipients: &[&str], mail: &str| {
        let said = house
            .mta
            .smtp_as("alice")
            .send("alice@example.com", recipients, mail);
        assert!(said.starts_with("250"), "{said}");
    };
    let outlook = [
        "sms@example.com",
        "\"sms:+15551110032\"@example.com",
        "+15551110033@sms.example.com",
    ];
    send(&outlook, OUTLOOK);
    for number in ["+15551110031", "+15551110032", "+15551110033"] {
        assert_eq!(house.product.phone(number, 1), ["Lunch at noon."]);
    }
    let thunderbird = [
        "sms@example.com",
        "\"sms:+15551110042?maxmsgs=2&flash=1\"@example.com",
        "alice@sms.example.com",
    ];
    send(&thunderbird, THUNDERBIRD);
    for number in ["+15551110041", "+15551110042", "+15557654321"] {
        assert_eq!(house.product.phone(number, 1), ["Lunch at one."]);
    }
}

/// The password form as both programs make it of what is typed in their To.
#[test]
fn a_password_in_the_address_from_mail_programs() {
    let house = house(Kind::Postfix);
    let typed = |number: &str| format!("sms:{number}?user=john%example.com&pass=123");
    for (n, (number, to)) in [
        // Outlook repeats the address as its name.
        ("+15551110061", "\"'sms:+15551110061?user=john%example.com&pass=123@example.com'\"\n\t<\"sms:+15551110061?user=john%example.com&pass=123\"@example.com>"),
        ("+15551110062", "\"sms:+15551110062?user=john%example.com&pass=123\"@example.com"),
    ]
    .into_iter()
    .enumerate()
    {
        let mail = format!("From: x@example.net\nTo: {to}\nSubject: x\nMessage-ID: <p{n}@example.net>\n\nsecret {n}");
        let rcpt = format!("\"{}\"@example.com", typed(number));
        let mut session = house.mta.smtp_from("127.0.0.3");
        let said = session.send("x@example.net", &[&rcpt], &mail);
        assert!(said.starts_with("250"), "{said}");
        assert_eq!(house.product.phone(number, 1), [format!("secret {n}")]);
    }
    let all = house.product.json(&["queue", "list", "--all", "--json"]);
    let senders: Vec<_> = all.iter().map(|line| line["sender"].as_str()).collect();
    assert_eq!(senders, [Some("john@example.com"); 2]);
    assert!(!house.product.log().contains("pass="));
}

#[test]
fn the_classic_forms_from_swaks() {
    let house = house(Kind::Postfix);
    let swaks = |to: &str, header: &str, body: &str| {
        let server = house.mta.auth_address().to_string();
        let output = Command::new("swaks")
            .args(["--server", &server, "--from", "alice@example.com"])
            .args(["--to", to])
            .args([
                "--auth",
                "PLAIN",
                "--auth-user",
                "alice",
                "--auth-password",
                "secret",
            ])
            .args(["--header", header, "--body", body])
            .output()
            .expect("swaks");
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{said}");
    };
    swaks("alice@sms.example.com", "Subject: user", "user");
    swaks(
        "bob@example.com,+15551110051@sms.example.com",
        "Subject: number",
        "number",
    );
    swaks("sms@example.com", "Subject: +15551110052", "subject");
    swaks(
        "sms@example.com",
        "To: \"+15551110053\" <sms@example.com>",
        "name",
    );
    swaks(
        "\"sms:+15551110054?flash=1\"@example.com",
        "Subject: prefix",
        "prefix",
    );
    // Without a login: the address says who pays.
    let output = Command::new("swaks")
        .args(["--server", &house.mta.smtp_address().to_string()])
        .args([
            "--from",
            "cron@example.net",
            "--header",
            "Subject: password",
        ])
        .args([
            "--to",
            "\"sms:+15551110055?user=john%example.com&pass=123\"@example.com",
        ])
        .args(["--body", "password"])
        .output()
        .expect("swaks");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert_eq!(house.product.phone("+15551110055", 1), ["password"]);
    let all = house.product.json(&["queue", "list", "--all", "--json"]);
    let johns = all
        .iter()
        .filter(|line| line["sender"] == "john@example.com");
    assert_eq!(johns.count(), 1);
    for (number, text) in [
        ("+15557654321", "user"),
        ("+15551110051", "number"),
        ("+15551110052", "subject"),
        ("+15551110053", "name"),
        ("+15551110054", "prefix"),
    ] {
        assert_eq!(house.product.phone(number, 1), [text]);
    }
}
