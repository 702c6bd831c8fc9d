//! Signatures: those of the providers' own documents and libraries, or made by another program.

use super::*;

/// A request of which everything is like this but what a test changes.
struct Request {
    url: &'static str,
    headers: Vec<(&'static str, String)>,
    is_get: bool,
    query: &'static str,
    content_type: &'static str,
    body: &'static str,
    now: i64,
}

impl Request {
    fn check(&self, scheme: &Scheme, keys: &[&str]) -> Result<Proof, Unsigned> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(*name, value.parse().expect("value"));
        }
        if !self.content_type.is_empty() {
            headers.insert(
                header::CONTENT_TYPE,
                self.content_type.parse().expect("value"),
            );
        }
        let fields =
            Fields::read(self.query, &headers, self.body.as_bytes(), "pass").expect("fields");
        let keys: Vec<Secret> = keys.iter().map(|&key| Secret::from(key)).collect();
        let signed = Signed {
            url: self.url,
            is_get: self.is_get,
            headers: &headers,
            query: &fields.query,
            fields: &fields.body,
            is_json: fields.is_json(),
            body: self.body.as_bytes(),
            now: Timestamp::from_second(self.now).expect("time"),
        };
        verify(scheme, &keys, &signed)
    }
}

fn request(headers: Vec<(&'static str, String)>, body: &'static str) -> Request {
    Request {
        url: "",
        headers,
        is_get: false,
        query: "",
        content_type: "",
        body,
        now: 0,
    }
}

fn proven(once: Option<&str>, timed: bool) -> Result<Proof, Unsigned> {
    Ok(Proof {
        once: once.map(str::to_owned),
        timed,
    })
}

/// The example of <https://www.standardwebhooks.com>.
#[test]
fn standard_webhooks() {
    let scheme = Scheme::Header(HeaderScheme::standard_webhooks());
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let digest = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let with = |signature: &str, time: &str, now: i64| Request {
        now,
        ..request(
            vec![
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
                ("webhook-timestamp", time.to_owned()),
                ("webhook-signature", signature.to_owned()),
            ],
            r#"{"test": 2432232314}"#,
        )
    };
    let (time, now) = ("1614265330", 1_614_265_330);
    let good = proven(Some("msg_p5jXN8AQM9LWM0D4loKWxJek"), true);
    assert_eq!(with(digest, time, now).check(&scheme, &[key]), good);
    // While keys change there are two of them, and two digests.
    assert_eq!(
        with(digest, time, now).check(&scheme, &["whsec_AAAA", key]),
        good
    );
    let two = format!("v1,AAAA v2,x {digest}");
    assert_eq!(with(&two, time, now).check(&scheme, &[key]), good);
    for (off, expected) in [
        (300, good),
        (-300, proven(Some("msg_p5jXN8AQM9LWM0D4loKWxJek"), true)),
        (301, Err(Unsigned::Clock)),
        (-301, Err(Unsigned::Clock)),
    ] {
        assert_eq!(
            with(digest, time, now + off).check(&scheme, &[key]),
            expected,
            "{off}"
        );
    }
    assert_eq!(
        with(digest, "1614265331", now).check(&scheme, &[key]),
        Err(Unsigned::Wrong)
    );
    assert_eq!(
        with(digest, time, now).check(&scheme, &["whsec_AAAA"]),
        Err(Unsigned::Wrong)
    );
    assert_eq!(
        with(digest, time, now).check(&scheme, &[]),
        Err(Unsigned::Wrong)
    );
    assert_eq!(
        with(&digest[3..], time, now).check(&scheme, &[key]),
        Err(Unsigned::Wrong)
    );
    let mut changed = with(digest, time, now);
    changed.body = r#"{"test":2432232314}"#;
    assert_eq!(changed.check(&scheme, &[key]), Err(Unsigned::Wrong));
    let mut twice = with(digest, time, now);
    twice.headers.push(("webhook-signature", digest.to_owned()));
    assert_eq!(twice.check(&scheme, &[key]), Err(Unsigned::None));
    let mut without = with(digest, time, now);
    without.headers.pop();
    assert_eq!(without.check(&scheme, &[key]), Err(Unsigned::None));
}

/// The example of Twilio's libraries.
#[test]
fn twilio() {
    let body = "Digits=1234&From=%2B14158675309&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309";
    let with = |url| Request {
        url,
        query: "foo=1&bar=2",
        ..request(
            vec![(
                "X-Twilio-Signature",
                "RSOYDt4T1cUTdK1PDd93/VVr8B8=".to_owned(),
            )],
            body,
        )
    };
    let good = with("https://mycompany.com/myapp.php?foo=1&bar=2");
    assert_eq!(good.check(&Scheme::Twilio, &["12345"]), proven(None, false));
    assert_eq!(
        good.check(&Scheme::Twilio, &["12346"]),
        Err(Unsigned::Wrong)
    );
    let other = with("https://mycompany.com/myapp.php?foo=1");
    assert_eq!(
        other.check(&Scheme::Twilio, &["12345"]),
        Err(Unsigned::Wrong)
    );
}

/// Those of Vonage's libraries.
#[test]
fn vonage() {
    let check = |method, key: &str, sig: &str, expected| {
        let query = format!("b=2&a=1&timestamp=1461605396&sig={sig}");
        let request = Request {
            query: query.leak(),
            is_get: true,
            now: 1_461_605_396,
            ..request(Vec::new(), "")
        };
        let scheme = Scheme::Vonage {
            method,
            window: Duration::from_secs(300),
        };
        assert_eq!(request.check(&scheme, &[key]), expected, "{method:?}");
    };
    let good = || proven(None, true);
    let key = "secret";
    check(
        VonageMethod::Md5hash,
        "secret",
        "6af838ef94998832dbfc29020b564830",
        good(),
    );
    check(
        VonageMethod::Md5,
        key,
        "C15C21CED558C93A226C305F58F902F2",
        good(),
    );
    check(
        VonageMethod::Sha1,
        key,
        "3e19a4e6880fdc2c1426bfd0587c98b9532f0210",
        good(),
    );
    check(
        VonageMethod::Sha256,
        key,
        "a321e824b9b816be7c3f28859a31749a098713d39f613c80d455bbaffae1cd24",
        good(),
    );
    let sha512 = "812a18f76680fa0fe1b8bd9ee1625466ceb1bd96242e4d050d2cfd9a7b40166c63ed26ec9702168781b6edcf1633db8ff95af9341701004eec3fcf9550572ee8";
    check(VonageMethod::Sha512, key, sha512, good());
    check(VonageMethod::Sha256, key, sha512, Err(Unsigned::Wrong));
    check(
        VonageMethod::Md5hash,
        "secret",
        "6af838ef94998832dbfc29020b564831",
        Err(Unsigned::Wrong),
    );
    check(VonageMethod::Md5hash, "secret", "", Err(Unsigned::Wrong));
}

/// The reference of MessageBird's libraries.
#[test]
fn messagebird() {
    const KEY: &str = "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb";
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJqdGkiOiI5M2U1NTAwNi1hMGU4LTQ1MjYtYTE5MC1mYTVmZjAwZWExMTYiLCJ1cmxfaGFzaCI6IjQxZjA1ZjBkZGQwYTIyYWIyMDlhYzQ2ZjQ3YzQ1NzJkOWNlZmEyNTdlZDc0YjI0MDA0YmFlNzUzZWNlNmMyNjAiLCJwYXlsb2FkX2hhc2giOiJkZmZkNjAyMWJiMmJkNWIwYWY2NzYyOTA4MDllYzNhNTMxOTFkZDgxYzdmNzBhNGIyODY4OGEzNjIxODI5ODZmIn0._H--TOuYFLpeEH39-rg5E3IHVkjHozBcaKVWPRC5m9I";
    let with = |token: &str, url, body| Request {
        url,
        now: 1_625_479_230,
        ..request(vec![("MessageBird-Signature-JWT", token.to_owned())], body)
    };
    const URL: &str = "https://example.com/path?bar=1&foo=2";
    let good = with(TOKEN, URL, "Hello, World!");
    let once = Some("93e55006-a0e8-4526-a190-fa5ff00ea116");
    assert_eq!(good.check(&Scheme::Messagebird, &[KEY]), proven(once, true));
    assert_eq!(
        good.check(&Scheme::Messagebird, &["x"]),
        Err(Unsigned::Wrong)
    );
    let late = Request {
        now: 1_625_479_260 + 301,
        ..with(TOKEN, URL, "Hello, World!")
    };
    assert_eq!(
        late.check(&Scheme::Messagebird, &[KEY]),
        Err(Unsigned::Clock)
    );
    for (token, url, body) in [
        (TOKEN, URL, "Hello, World?"),
        (TOKEN, URL, ""),
        (TOKEN, "https://example.com/path?bar=1", "Hello, World!"),
        // {"alg":"none"}
        ("eyJhbGciOiJub25lIn0.eyJpc3MiOiJNZXNzYWdlQmlyZCJ9.", URL, ""),
        ("x", URL, ""),
        ("..", URL, ""),
    ] {
        let result = with(token, url, body).check(&Scheme::Messagebird, &[KEY]);
        assert_eq!(result, Err(Unsigned::Wrong), "{token} {url} {body}");
    }
}

/// RFC 8032 §7.1, test 1: the empty message.
#[test]
fn ed25519() {
    let scheme = Scheme::Header(HeaderScheme {
        header: "x-signature".to_owned(),
        prefix: String::new(),
        algorithm: Algorithm::Ed25519,
        encoding: Encoding::Hex,
        over: Over::parse("body").expect("over"),
        timestamp: None,
        id: None,
        nonce: None,
        key: KeyForm::Base64,
        window: Duration::ZERO,
    });
    let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let with = |signature: &str, body| request(vec![("x-signature", signature.to_owned())], body);
    assert_eq!(
        with(signature, "").check(&scheme, &[key]),
        proven(None, false)
    );
    assert_eq!(
        with(signature, "a=b").check(&scheme, &[key]),
        Err(Unsigned::Wrong)
    );
    assert_eq!(with("00", "").check(&scheme, &[key]), Err(Unsigned::Wrong));
    assert_eq!(
        with(signature, "").check(&scheme, &["AAAA"]),
        Err(Unsigned::Wrong)
    );
}

proptest! {
    #[test]
    fn any_signature_is_right_or_wrong(value in "[ -~]{0,80}", query in "[ -~]{0,40}", body: Vec<u8>) {
        let headers: HeaderMap = ["x-twilio-signature", "webhook-signature", "webhook-id", "webhook-timestamp",
            "x-plivo-signature-v3", "x-plivo-signature-v3-nonce", "messagebird-signature-jwt", "x-signature",
            "x-timestamp", "telnyx-signature-ed25519", "telnyx-timestamp"]
            .into_iter()
            .map(|name| (name.parse().expect("name"), value.parse().expect("value")))
            .collect();
        let pairs = Pairs::read(query.as_bytes()).unwrap_or_default();
        let signed = Signed { url: &value, is_get: false, headers: &headers, query: &pairs, fields: &pairs,
            is_json: false, body: &body, now: Timestamp::UNIX_EPOCH };
        for scheme in Preset::all().filter_map(Preset::signature) {
            prop_assert!(verify(scheme, &[Secret::from("key")], &signed).is_err());
        }
    }
}

/// What the signature is not over proves neither when nor that it is the first.
#[test]
fn what_is_not_signed_proves_nothing() {
    let scheme = |over: &str| {
        Scheme::Header(HeaderScheme {
            header: "x-signature".to_owned(),
            prefix: String::new(),
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
            over: Over::parse(over).expect("over"),
            timestamp: Some("x-time".to_owned()),
            id: Some("x-id".to_owned()),
            nonce: None,
            key: KeyForm::Text,
            window: Duration::from_secs(300),
        })
    };
    let push = |signature: &str| Request {
        now: 1_700_000_000,
        ..request(
            vec![
                ("x-signature", signature.to_owned()),
                ("x-time", "1700000000".to_owned()),
                ("x-id", "1".to_owned()),
            ],
            "from=a&text=b",
        )
    };
    // HMAC-SHA256 by OpenSSL, key "key".
    let of_body = "16ec576ac2504e502b438e1892591a0aa56675a55afcb3770134714c532c37fe";
    assert_eq!(
        push(of_body).check(&scheme("body"), &["key"]),
        proven(None, false)
    );
    let of_time = "08cb1e40274d0811f73a6c90f14437e75b5c26b4a6e8339e106492d411429a5d";
    assert_eq!(
        push(of_time).check(&scheme("timestamp+body"), &["key"]),
        proven(None, true)
    );
    let of_all = "063ad0f2b2a3dab5f7e5b63bd1d6b2caac5e781d28a75e5e571a536545317e8b";
    assert_eq!(
        push(of_all).check(&scheme("id+timestamp+body"), &["key"]),
        proven(Some("1"), true)
    );
}
