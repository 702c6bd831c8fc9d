//! The known URLs of the dialect, as admins have them, against a provider on a real socket: exactly the
//! requests they should make, and what other people's parser makes of those.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sms_milter::gateway::http::{Http, Settings};
use sms_milter::gateway::{Body, Concatenation, Gateway, Outcome, Refusal, Submission};
use sms_milter::sms::segment::{Options as Cut, cut};
use sms_milter::sms::{Encoding, Number};
use sms_milter::world::World;

use crate::http_gateway::{common, submission, url};
use crate::sim::provider::{Answer, Provider};

const ICEWARP: &str = "/sms/?number=%number%&data=%data%&udh=%udh%&binary=%binary%&pid=%pid%&dcs=%dcs%&sender=%sender%&msgid=%msgid%&user=U&pass=P";
const CLICKATELL: &str = "/http/sendmsg?user=U&password=P&api_id=A&to=%number%&udh=%udh;len;hex%&data=%data;isascii%%data;isunicode;unicode;value=&unicode=1%&concat=%parts%";
const CLICKATELL_FROM: &str = "/http/sendmsg?user=U&password=P&api_id=A&to=%number%&from=%sender_phonealias%&data=%data%&concat=%parts%";
const SMSSEND: &str =
    "/SMSsend?user=U&pass=P&number=%number%&message=%data%&type=LongSMS&ownnum=ID";
const GETPOST: &str = "/getpost/GP?action=send&baID=1234567&toNumber=%number%&text=%data%";

/// Full of what means something somewhere.
const HOSTILE: &str = "&%+#\"'<>\r\n%data%&to=%2B1900 %password%\"}]]>\0\t;=?/\\é";
const EMOJI: &str = "👩‍👩‍👧 €";

const ID: &str = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

/// RFC 3986 §2.3.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

/// A text by itself, as the queue hands it over; how many segments it is by the standard's plan.
fn whole(text: &str) -> (Submission, usize) {
    let cut = cut(text, &Cut::default()).expect("cut");
    let (encoding, segments) = (cut.segments[0].encoding, cut.segments.len());
    let body = Body::Whole {
        text: text.to_owned(),
        encoding,
        segments: u8::try_from(segments).expect("few"),
    };
    (submission(body), segments)
}

async fn gateway(provider: &Provider, template: &str) -> std::sync::Arc<Http> {
    let settings = Settings::new(
        common(Concatenation::Provider),
        url(&provider.url(template)),
    );
    Http::new(settings, World::real()).expect("gateway")
}

/// What the URL makes of a text: exactly this target, and these fields for who decodes it.
async fn check(template: &str, text: &str, fields: &[(&str, &str)]) {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let gateway = gateway(&provider, template).await;
    let (mut submission, _) = whole(text);
    submission.number = Number::from_network("+4205452544").expect("number");
    let outcome = gateway.submit(submission).await;
    assert_eq!(outcome, Outcome::Accepted(None), "{template} {text}");
    let [request] = provider.requests().try_into().expect("one request");
    let pairs = fields.iter().map(|(k, v)| format!("{k}={}", encoded(v)));
    let path = template.split_once('?').expect("a query").0;
    let expected = format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"));
    assert_eq!(request.target, expected);
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    let seen = reqwest::Url::parse(&format!("http://h{}", request.target)).expect("URL");
    let seen: Vec<(String, String)> = seen.query_pairs().into_owned().collect();
    let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
    assert_eq!(seen, fields.iter().map(owned).collect::<Vec<_>>());
}

/// The texts of the dialect's tests, and how many segments and which DCS each is.
fn texts() -> Vec<(String, &'static str, &'static str)> {
    vec![
        ("Hello +1 & more".to_owned(), "1", "0"),
        (String::new(), "1", "0"),
        ("a".repeat(160), "1", "0"),
        ("a".repeat(161), "2", "0"),
        ("a".repeat(153 * 3), "3", "0"),
        ("a".repeat(153 * 3 + 1), "4", "0"),
        ("€".repeat(80), "1", "0"),
        ("€".repeat(81), "2", "0"),
        ("Ж".repeat(70), "1", "8"),
        ("Ж".repeat(71), "2", "8"),
        (EMOJI.to_owned(), "1", "8"),
        (HOSTILE.to_owned(), "1", "8"),
    ]
}

#[tokio::test]
async fn icewarp() {
    for (text, _, dcs) in texts() {
        let fields = [
            ("number", "+4205452544"),
            ("data", &text),
            ("udh", ""),
            ("binary", "0"),
            ("pid", "0"),
            ("dcs", dcs),
            ("sender", "+15550003333"),
            ("msgid", ID),
            ("user", "U"),
            ("pass", "P"),
        ];
        check(ICEWARP, &text, &fields).await;
    }
}

#[tokio::test]
async fn clickatell() {
    let hex = |text: &str| -> String {
        let units = text.encode_utf16().map(|unit| format!("{unit:04X}"));
        units.collect()
    };
    for (text, parts, dcs) in texts() {
        let account = [("user", "U"), ("password", "P"), ("api_id", "A")];
        let mut fields = account.to_vec();
        fields.extend([("to", "+4205452544"), ("udh", "")]);
        let data = if dcs == "8" { hex(&text) } else { text.clone() };
        fields.push(("data", &data));
        fields.extend((dcs == "8").then_some(("unicode", "1")));
        fields.push(("concat", parts));
        check(CLICKATELL, &text, &fields).await;

        let mut fields = account.to_vec();
        fields.extend([
            ("to", "+4205452544"),
            ("from", "+15550003333"),
            ("data", &text),
            ("concat", parts),
        ]);
        check(CLICKATELL_FROM, &text, &fields).await;
    }
}

#[tokio::test]
async fn smssend_and_getpost() {
    for (text, ..) in texts() {
        let fields = [
            ("user", "U"),
            ("pass", "P"),
            ("number", "+4205452544"),
            ("message", &text),
            ("type", "LongSMS"),
            ("ownnum", "ID"),
        ];
        check(SMSSEND, &text, &fields).await;
        let fields = [
            ("action", "send"),
            ("baID", "1234567"),
            ("toNumber", "+4205452544"),
            ("text", &text),
        ];
        check(GETPOST, &text, &fields).await;
    }
}

/// Data go where both they and what they are can be told; nowhere else.
#[tokio::test]
async fn data_with_a_header() {
    for template in [ICEWARP, CLICKATELL, CLICKATELL_FROM, SMSSEND, GETPOST] {
        let provider = Provider::answering(Answer::say(200, "OK")).await;
        let gateway = gateway(&provider, template).await;
        let submission = submission(Body::Binary {
            data: vec![0xFB, 0xFF, 0x00, b'+'],
            udh: vec![0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0],
        });
        let outcome = gateway.submit(submission).await;
        let targets: Vec<String> = provider.requests().into_iter().map(|r| r.target).collect();
        if template == ICEWARP {
            assert_eq!(outcome, Outcome::Accepted(None));
            let target = "/sms/?number=%2B15551234567&data=%2B%2F8AKw%3D%3D&udh=BQQLhCPw&binary=1&pid=0&dcs=4&sender=%2B15550003333&msgid=0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b&user=U&pass=P";
            assert_eq!(targets, [target]);
            continue;
        }
        let refused = matches!(
            outcome,
            Outcome::Refused {
                class: Refusal::Route,
                ..
            }
        );
        assert!(refused && targets.is_empty(), "{template} {outcome:?}");
    }
}

/// Cut by us, each segment is a request of its own with its header.
#[tokio::test]
async fn our_own_cutting() {
    let provider = Provider::answering(Answer::say(200, "OK")).await;
    let common = common(Concatenation::Udh);
    let settings = Settings::new(common, url(&provider.url(ICEWARP)));
    let gateway = Http::new(settings, World::real()).expect("gateway");
    let options = Cut {
        reference: 0xCC,
        ..Cut::default()
    };
    let text = "a".repeat(153 * 3 + 1);
    let segments = cut(&text, &options).expect("cut").segments;
    assert_eq!(segments.len(), 4);
    for (part, segment) in segments.into_iter().enumerate() {
        assert_eq!(segment.encoding, Encoding::Gsm7);
        let mut submission = submission(Body::Segment(segment));
        submission.part = part;
        assert_eq!(gateway.submit(submission).await, Outcome::Accepted(None));
    }
    let requests = provider.requests();
    // 00 03 CC 04 0n in base64.
    let headers = ["AAPMBAE%3D", "AAPMBAI%3D", "AAPMBAM%3D", "AAPMBAQ%3D"];
    for (n, (request, udh)) in requests.iter().zip(headers).enumerate() {
        let data = "a".repeat(if n == 3 { 1 } else { 153 });
        let n = n + 1;
        let target = format!(
            "/sms/?number=%2B15551234567&data={data}&udh={udh}&binary=0&pid=0&dcs=0&sender=%2B15550003333&msgid={ID}-{n}&user=U&pass=P"
        );
        assert_eq!(request.target, target);
    }
    assert_eq!(requests.len(), 4);
}
