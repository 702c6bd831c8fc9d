//! Any template with any values: it is read or refused, rendering ends, and a URL keeps its host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sms_milter::wire::template::{Data, Position, Template, Values};

fuzz_target!(|input: (u8, String, String, Vec<u8>)| {
    let (choice, template, text, octets) = input;
    use Position::{Form, Header, Json, Raw, Url, Xml};
    let position = [Url, Header, Form, Json, Xml, Raw][usize::from(choice % 6)];
    let template = match position {
        Url => format!("http://host.example/{template}"),
        _ => template,
    };
    let Ok(template) = Template::parse(&template, position) else {
        return;
    };
    for data in [Data::Ascii(&text), Data::Unicode(&text), Data::Binary(&octets)] {
        let rendered = template.render(&Values {
            number: "+15551234567",
            data,
            udh: &octets,
            pid: choice,
            dcs: choice,
            sender: &text,
            sender_phonealias: &text,
            parts: choice,
            msgid: "id",
            from: "",
        });
        if let (Url, Ok(url)) = (position, rendered) {
            let url = String::from_utf8(url).expect("a URL is text");
            assert!(url.starts_with("http://host.example/"));
            assert!(!url.contains(['#', '\\', '\r', '\n', ' ']));
        }
    }
});
