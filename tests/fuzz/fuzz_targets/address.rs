//! Any RCPT argument is ours, wrong or ordinary mail; what is shown of it has no password; other
//! domains are left alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::address::{Domain, Parameters, Recipient, Settings, shown};
use sms_milter::sms::Region;

fuzz_target!(|input: (bool, bool, String)| {
    let (bare, plus_numbers, rcpt) = input;
    let settings = Settings {
        domains: vec![Domain {
            mail: "example.com".into(),
            sms: "sms.example.com".into(),
            region: Region::parse("US").expect("region"),
        }],
        prefix: "sms".into(),
        account: "sms".into(),
        plus_numbers,
    };
    for rcpt in [
        rcpt.clone(),
        format!("<{rcpt}@sms.example.com>"),
        format!("<\"sms:+15551234567?{rcpt}\"@example.com>"),
    ] {
        let read = settings.read(&rcpt, bare);
        let shown = shown(&rcpt);
        if let Recipient::Ours { parameters, .. } = read {
            let credentials = parameters.credentials;
            for secret in [credentials.pass, credentials.token].into_iter().flatten() {
                let secret = secret.expose();
                let is_long = secret.len() > 20;
                assert!(!is_long || !shown.contains(secret));
            }
        }
    }
    let _ = Parameters::parse(&rcpt);
    let foreign = format!("<{rcpt}@example.net>");
    assert!(rcpt.contains(['@', '"', '<']) || settings.read(&foreign, bare) == Recipient::NotOurs);
});
