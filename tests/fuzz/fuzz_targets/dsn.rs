//! Any arguments of MAIL and RCPT are read; what is kept of them is short, on one line, and can be written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::mail::dsn::{MAX_ENVID, MAX_ORCPT, Notify, OfMail, OfRecipient};

fuzz_target!(|input: (Vec<String>, String)| {
    let (mut arguments, value) = input;
    for name in ["NOTIFY", "ORCPT", "ORCPT=rfc822;", "RET", "ENVID"] {
        let equals = if name.contains('=') { "" } else { "=" };
        arguments.push(format!("{name}{equals}{value}"));
    }
    let mail = OfMail::read(&arguments);
    let recipient = OfRecipient::read(&arguments);
    let is_sane = |text: &str, max: usize| text.len() <= max && !text.contains(char::is_control);
    assert!(mail.envid.is_none_or(|id| is_sane(&id, MAX_ENVID)));
    let orcpt = recipient.orcpt.map(|orcpt| orcpt.to_string());
    assert!(orcpt.is_none_or(|orcpt| is_sane(&orcpt, MAX_ORCPT)));
    if let Some(notify) = recipient.notify {
        assert_eq!(Notify::parse(&notify.to_string()), Some(notify));
    }
});
