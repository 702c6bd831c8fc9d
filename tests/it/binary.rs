//! SMS that are no plain text, both ways and whole: data, headers, flash, PID and DCS through simulated
//! phones, a modem on a pty and an HTTP provider; what arrives becomes a mail that says what it is.

use std::process::Output;
use std::time::{Duration, Instant};

use mail_parser::{MessageParser, MimeHeaders};
use serde_json::Value;
use sms_milter::sms::Party;
use sms_milter::wire::pdu::{self, Body, Content, Dcs, Deliver, Pdu, Stamp, Submit, Validity};

use crate::sim::modem::{Options, SimModem};
use crate::sim::product::{PATIENCE, Place, Product};
use crate::sim::provider::{Answer, Provider, Recorded};
use crate::sim::smtp_sink::{Mail, SmtpSink};

const PHONE: &str = "+15551234567";
const PUSH: &str = "0605040B8423F0";
const LAB: &str = r#"
gateways: [{ id: lab, type: simulated, number: "+15550009999" }]
incoming: { default: bob@example.com }
"#;

fn hex(octets: &[u8]) -> String {
    pdu::hex(octets)
}

#[track_caller]
fn fine(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for so many messages on a phone.
fn shown(product: &Product, number: &str, count: usize) -> Vec<Value> {
    product.until(&["phone", "show", number, "--json"], |lines| {
        lines.len() >= count
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_flash_on_simulated_phones() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let data: Vec<u8> = (0..200).collect();
    let file = place.path().join("push.bin");
    std::fs::write(&file, &data).expect("a file");
    let at_file = format!("@{}", file.display());
    let sent = product.json(&[
        "send",
        PHONE,
        "--binary",
        &at_file,
        "--udh",
        "05040B8423F0",
        "--confirm",
        "--json",
    ]);
    assert_eq!(sent[0]["segments_total"], 2);
    let phone = shown(&product, PHONE, 1).remove(0);
    assert_eq!(
        (&phone["data"], &phone["parts"]),
        (&hex(&data).into(), &2.into())
    );
    assert!(
        phone["udh"]
            .as_str()
            .expect("a header")
            .ends_with(&PUSH[2..])
    );
    assert_eq!(
        phone["meaning"][0],
        "Binary SMS, 200 octets, ports 9200→2948 (WAP push)"
    );
    let id = sent[0]["id"].as_str().expect("an id");
    let queued = product.json(&["queue", "show", id, "--json"]).remove(0);
    assert_eq!(
        (&queued["data"], &queued["udh"]),
        (&hex(&data).into(), &PUSH.into())
    );
    assert_eq!(queued["encoding"], "binary");
    // The confirmation has the data where it has texts, in words and hex.
    let told = sink.wait_for(1).await.remove(0).text();
    assert!(told.contains("Binary SMS, 200 octets"), "{told}");

    let to = ["send", "--to", "+15551230001", "--to", "+15551230002"];
    fine(product.command(&[&to[..], &["--flash", "look", "now"]].concat()));
    fine(product.command(&["send", PHONE, "gone", "--pid", "0x41", "--class", "2"]));
    fine(product.command(&["send", PHONE, "waiting", "--dcs", "0xC8"]));
    for number in ["+15551230001", "+15551230002"] {
        let phone = shown(&product, number, 1).remove(0);
        assert_eq!(
            (&phone["text"], &phone["flash"]),
            (&"look now".into(), &true.into())
        );
        assert_eq!((&phone["pid"], &phone["dcs"]), (&0.into(), &0x10.into()));
    }
    let phone = shown(&product, PHONE, 3);
    assert_eq!(
        (&phone[1]["pid"], &phone[1]["dcs"]),
        (&0x41.into(), &0x12.into())
    );
    assert_eq!(
        phone[1]["meaning"][0],
        "Replaces the last SMS of type 1 from this sender"
    );
    assert_eq!(phone[2]["meaning"][0], "Voicemail: new messages waiting");
    let words = fine(product.command(&["phone", "show", PHONE]));
    let last = words.lines().last().expect("a line");
    assert_eq!(last, "<- waiting [Voicemail: new messages waiting]");
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_by_name() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let long = "00".repeat(140 * 5 + 1);
    let part = ["--binary", &"00".repeat(135), "--udh", "0500032A0201"];
    for (args, code, expected) in [
        (&["x", "--class", "4"][..], 64, "class=4: write 0 (flash)"),
        (&["x", "--pid", "256"], 64, "pid=256: write 0 to 255"),
        (&["x", "--dcs", "4"], 64, "dcs=0x04: is for 8-bit data"),
        (&["x", "--udh", PUSH], 64, "udh goes with binary"),
        (
            &["x", "--validity", "1m"],
            64,
            "networks know nothing shorter than 5m",
        ),
        (&["x", "--validity", "6d"], 69, "write 5d or less"),
        (&["x", "--binary", "00"], 64, "leave the text out"),
        (&["--binary", "0x"], 69, "character 2 is 'x'"),
        (&["--binary", ""], 69, "there are no data to send"),
        (
            &["--binary", &long],
            69,
            "the data take 6 SMS; you may send 5",
        ),
        (&part, 69, "says that this is a part already"),
        (&["--binary", "@/no/such/file"], 66, "/no/such/file"),
        (&["x", "--flash", "--class", "1"], 64, "cannot be used with"),
    ] {
        let output = product.command(&[&["send", PHONE], args].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(expected), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    }
    assert_eq!(product.json(&["queue", "list", "--all", "--json"]).len(), 0);
    assert!(product.stop().success());
}

/// A running product with a modem.
async fn with_modem() -> (SimModem, SmtpSink, Place, Product) {
    let modem = SimModem::start(Options::default());
    let sink = SmtpSink::start().await;
    let gateways = format!(
        "gateways: [{{ id: hall, type: modem, device: {}, number: \"+15550002222\" }}]\n\
         incoming: {{ default: bob@example.com }}",
        modem.path().display()
    );
    let place = Place::new(sink.address(), &gateways);
    let product = place.start();
    (modem, sink, place, product)
}

fn submit(hex: &str) -> Submit {
    match pdu::decode(hex) {
        Ok(Pdu::Submit(submit)) => submit,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_modem_is_given() {
    let (modem, _sink, _place, product) = with_modem().await;
    let data: Vec<u8> = (0..150).collect();
    fine(product.command(&[
        "send",
        PHONE,
        "--binary",
        &hex(&data),
        "--udh",
        PUSH,
        "--dcs",
        "0xF5",
        "--validity",
        "6h",
    ]));
    let parts = modem.wait_sent(2, PATIENCE);
    let mut joined = Vec::new();
    for (sent, part) in parts.iter().zip(1..) {
        let submit = submit(&sent.pdu);
        assert_eq!((submit.pid, submit.content.dcs), (0, Dcs(0xF5)));
        let concat = submit.content.concat().expect("a part");
        assert_eq!((concat.part, concat.parts), (part, 2));
        assert!(hex(&submit.content.udh).ends_with(&PUSH[2..]));
        let six = Some(Validity::Relative(Duration::from_hours(6)));
        assert_eq!(submit.validity, six);
        match submit.content.body {
            Body::Data(octets) => joined.extend(octets),
            text => panic!("{text:?}"),
        }
    }
    assert_eq!(joined, data);
    fine(product.command(&["send", PHONE, "--class", "0", "--pid", "65", "now"]));
    let flash = modem.wait_sent(3, PATIENCE).remove(2);
    let submit = submit(&flash.pdu);
    assert_eq!((submit.pid, submit.content.dcs), (65, Dcs(0x10)));
    assert_eq!(submit.content.text(), Some("now"));
    // Nothing was asked: as long as the queue keeps it.
    let five_days = Some(Validity::Relative(Duration::from_hours(120)));
    assert_eq!(submit.validity, five_days);
    assert!(product.stop().success());
}

/// The PDU of what a phone sends.
fn from_phone(pid: u8, dcs: u8, udh: &str, body: Body) -> String {
    let content = Content {
        dcs: Dcs(dcs),
        udh: pdu::octets_of(udh).expect("hex"),
        body,
    };
    let at = "2026-11-20T10:00:00Z".parse().expect("time");
    let at = Stamp::new(at, 0).expect("a stamp");
    let mut deliver = Deliver::new(Party::from_network(PHONE), content, at);
    deliver.pid = pid;
    deliver.encode().expect("a PDU").hex
}

fn text(text: &str) -> Body {
    Body::Text(text.to_owned())
}

/// Name, type and octets of a mail's files.
fn files(mail: &Mail) -> Vec<(String, String, Vec<u8>)> {
    let parsed = MessageParser::new().parse(&mail.data).expect("a mail");
    let file = |part: &mail_parser::MessagePart| {
        let kind = part.content_type().expect("a type");
        let kind = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
        let name = part.attachment_name().unwrap_or_default().to_owned();
        (name, kind, part.contents().to_vec())
    };
    parsed.attachments().map(file).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_modem_brings_says_what_it_is() {
    let (modem, sink, _place, product) = with_modem().await;
    let mut mails = 0;
    let mut next = async |pdus: &[String]| {
        for pdu in pdus {
            modem.deliver_pdu(pdu);
        }
        mails += 1;
        sink.wait_for(mails).await.remove(mails - 1)
    };
    let header = |mail: &Mail, name: &str| mail.header(name).unwrap_or_default();

    // A business card in two parts, the second one first.
    let card = format!(
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Smith;Ann\r\nNOTE:{}\r\nEND:VCARD\r\n",
        "é".repeat(50)
    );
    let (first, second) = card.as_bytes().split_at(128);
    let part = |part: &str, octets: &[u8]| {
        let udh = format!("0B00032A02{part}050423F40000");
        from_phone(0, 0x04, &udh, Body::Data(octets.to_vec()))
    };
    let mail = next(&[part("02", second), part("01", first)]).await;
    let length = card.len();
    assert_eq!(
        mail.text(),
        format!("[Binary SMS, {length} octets, ports 0→9204 (vCard)]")
    );
    let expected = (
        "sms.vcf".to_owned(),
        "text/vcard".to_owned(),
        card.into_bytes(),
    );
    assert_eq!(files(&mail), [expected]);
    assert_eq!(header(&mail, "X-SMS-Ports"), "0 9204");
    assert_eq!(header(&mail, "X-SMS-UDH"), "0B00032A0201050423F40000");
    assert_eq!(header(&mail, "X-SMS-Parts"), "2");

    let data = Body::Data(vec![0, 10, 13, 255]);
    let mail = next(&[from_phone(0, 0xF6, PUSH, data)]).await;
    assert_eq!(
        mail.text(),
        "[Binary SMS, 4 octets, ports 9200→2948 (WAP push), class 2 (for the SIM)]"
    );
    let (name, kind, octets) = files(&mail).remove(0);
    assert_eq!(
        (name.as_str(), kind.as_str()),
        ("sms.bin", "application/octet-stream")
    );
    assert_eq!(octets, [0, 10, 13, 255]);
    assert_eq!(header(&mail, "X-SMS-DCS"), "F6");

    for (pid, dcs, udh, body, expected) in [
        (
            0,
            0x10,
            "",
            text("Fire!"),
            "Fire!\n\n[Flash SMS: phones show it at once and do not keep it]",
        ),
        (
            0,
            0xC8,
            "0401020003",
            text(""),
            "[Voicemail: 3 new messages waiting]",
        ),
        (
            0,
            0xD0,
            "",
            text("old"),
            "old\n\n[Voicemail: no messages waiting any more]",
        ),
        (
            0,
            0xE9,
            "",
            text("Faxe"),
            "Faxe\n\n[Fax: new messages waiting]",
        ),
        (
            0x42,
            0x00,
            "",
            text("21 °C"),
            "21 °C\n\n[Replaces the last SMS of type 2 from this sender]",
        ),
        (
            0,
            0x00,
            "03A10105",
            text("hi"),
            "hi\n\n[Its user data header has: element A1 of 1 octet]",
        ),
        (
            0,
            0x20,
            "",
            Body::Data(vec![1, 2, 3]),
            "[Compressed SMS, 3 octets, which nothing here unpacks]",
        ),
    ] {
        // UCS-2 where the alphabet has not all of it.
        let dcs = if expected.contains('°') {
            dcs | 0x08
        } else {
            dcs
        };
        let mail = next(&[from_phone(pid, dcs, udh, body)]).await;
        assert_eq!(mail.text(), expected);
    }
    // Nothing at all is kept and no mail; what comes after it is the next mail.
    modem.deliver_pdu(&from_phone(0, 0x00, "", text("")));
    modem.wait_empty(PATIENCE);
    let mail = next(&[from_phone(0, 0x00, "", text("plain"))]).await;
    assert_eq!(mail.text(), "plain");
    assert_eq!(mail.header("X-SMS-DCS"), None);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_phone_answers_with_data() {
    let sink = SmtpSink::start().await;
    let place = Place::new(sink.address(), LAB);
    let product = place.start();
    let calendar = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-NOTE:{}\r\nEND:VCALENDAR\r\n",
        "x".repeat(200)
    );
    let data = hex(calendar.as_bytes());
    let args = ["phone", "reply", PHONE, "--binary", &data];
    fine(product.command(&[&args[..], &["--udh", "050423F50000"]].concat()));
    let mail = sink.wait_for(1).await.remove(0);
    let (name, kind, octets) = files(&mail).remove(0);
    assert_eq!((name.as_str(), kind.as_str()), ("sms.ics", "text/calendar"));
    assert_eq!(octets, calendar.as_bytes());
    assert_eq!(mail.header("X-SMS-Parts").as_deref(), Some("2"));
    let phone = shown(&product, PHONE, 1).remove(0);
    assert_eq!(
        (&phone["direction"], &phone["data"]),
        (&"out".into(), &data.into())
    );
    assert!(product.stop().success());
}

/// The value of a request's field, still percent-encoded.
fn field(request: &Recorded, name: &str) -> String {
    let (_, query) = request.target.split_once('?').expect("a query");
    let mut fields = query.split('&').filter_map(|field| field.split_once('='));
    let value = fields.find_map(|(n, value)| (n == name).then(|| value.to_owned()));
    value.expect("a field")
}

async fn requests(provider: &Provider, count: usize) -> Vec<Recorded> {
    let deadline = Instant::now() + PATIENCE;
    while provider.requests().len() < count {
        assert!(Instant::now() < deadline, "{:?}", provider.requests());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    provider.requests()
}

fn provider_yaml(id: &str, url: &str) -> String {
    format!(
        "  - {{ id: {id}, type: http, number: \"+15550003333\", secret: \"0123456789abcdef\", \
         url: \"{url}\", success: {{ status: [200] }} }}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_is_told_and_pushes() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let sink = SmtpSink::start().await;
    let query = "/sms?number=%number%&data=%data;hex%&udh=%udh;len;hex%&binary=%binary%&pid=%pid%\
                 &dcs=%dcs%&parts=%parts%&msgid=%msgid%";
    let place = Place::new(
        sink.address(),
        &format!(
            "gateways:\n{}incoming: {{ default: bob@example.com }}",
            provider_yaml("web", &provider.url(query))
        ),
    );
    let product = place.start();
    let data = "00FF".repeat(70);
    let udh = ["--udh", PUSH, "--pid", "0x7F", "--class", "2"];
    fine(product.command(&[&["send", PHONE, "--binary", &data][..], &udh].concat()));
    let told = requests(&provider, 2).await;
    let fields = |request: &Recorded| {
        let names = ["data", "udh", "binary", "pid", "dcs", "parts"];
        names.map(|name| field(request, name)).join(" ")
    };
    let reference = field(&told[0], "udh")[6..8].to_owned();
    let header = |part| format!("0B0003{reference}02{part}{}", &PUSH[2..]);
    assert_eq!(
        fields(&told[0]),
        format!("{} {} 1 127 22 1", "00FF".repeat(64), header("01"))
    );
    assert_eq!(
        fields(&told[1]),
        format!("{} {} 1 127 22 1", "00FF".repeat(6), header("02"))
    );
    assert_ne!(field(&told[0], "msgid"), field(&told[1], "msgid"));

    let _ = rustls::crypto::ring::default_provider().install_default();
    let pushed = reqwest::Client::new()
        .post(format!("http://{}/hooks/web", product.web))
        .bearer_auth("0123456789abcdef")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!(
            "from=%2B15551234567&text=00FF&binary=1&udh={PUSH}&id=1"
        ))
        .send()
        .await;
    assert_eq!(pushed.expect("an answer").status(), 200);
    let mail = sink.wait_for(1).await.remove(0);
    assert_eq!(
        mail.text(),
        "[Binary SMS, 2 octets, ports 9200→2948 (WAP push)]"
    );
    assert_eq!(files(&mail).remove(0).2, [0, 0xFF]);
    assert!(product.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn data_go_only_where_they_can() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let sink = SmtpSink::start().await;
    let plain = provider_yaml("web", &provider.url("/sms?to=%number%&text=%data%"));
    let place = Place::new(sink.address(), &format!("gateways:\n{plain}"));
    let product = place.start();
    for (args, lacks) in [
        (["--binary", "00FF"], "binary data"),
        (["--pid=65", "hi"], "a PID"),
        (["--flash", "hi"], "flash, a class or a DCS"),
    ] {
        let output = product.command(&[&["send", PHONE][..], &args].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let why = format!("no gateway can carry this message: web cannot carry {lacks}");
        assert!(said.contains(&why), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(69));
    }
    assert!(product.stop().success());

    let lab = "  - { id: lab, type: simulated, number: \"+15550009999\" }\n";
    let place = Place::new(sink.address(), &format!("gateways:\n{plain}{lab}"));
    let product = place.start();
    for n in 1..=4 {
        let data = format!("{n:02}");
        fine(product.command(&["send", PHONE, "--binary", &data]));
        assert_eq!(shown(&product, PHONE, n)[n - 1]["data"], data.as_str());
    }
    assert_eq!(provider.requests(), []);
    assert!(product.stop().success());
}
