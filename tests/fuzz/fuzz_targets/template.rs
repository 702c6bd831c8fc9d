//! Any template with any values: it is read or refused, rendering ends, a URL keeps its host, a header
//! stays on its line; and what a value is changes nothing of what stands around it: a harmless and a
//! hostile text make requests of the same form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quick_xml::Reader;
use quick_xml::events::Event;
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
    let pairs = [
        (Data::Ascii("x"), Data::Ascii(&text)),
        (Data::Unicode("x"), Data::Unicode(&text)),
        (Data::Binary(b"x"), Data::Binary(&octets)),
    ];
    for (harmless, hostile) in pairs {
        let render = |data, udh, sender| {
            template.render(&Values {
                number: "+15551234567",
                data,
                udh,
                pid: choice,
                dcs: choice,
                sender,
                sender_phonealias: sender,
                parts: choice,
                msgid: "id",
                from: sender,
            })
        };
        let (Ok(harmless), Ok(hostile)) =
            (render(harmless, b"x", "x"), render(hostile, &octets, &text))
        else {
            continue;
        };
        let as_text = |octets| String::from_utf8(octets).expect("all but a raw body is text");
        match position {
            Url | Form => {
                let (harmless, hostile) = (as_text(harmless), as_text(hostile));
                if position == Url {
                    assert!(hostile.starts_with("http://host.example/"));
                    assert!(!hostile.contains(['#', '\\', '\r', '\n', ' ']));
                }
                let marks =
                    |text: &str| text.replace(|c: char| !":/?#[]@!$&'()*+,;=".contains(c), "");
                assert_eq!(marks(&harmless), marks(&hostile), "{hostile}");
            }
            Header => {
                let hostile = as_text(hostile);
                assert!(hostile.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')));
            }
            Json => {
                let (harmless, hostile) = (as_text(harmless), as_text(hostile));
                if serde_json::from_str::<serde_json::Value>(&harmless).is_ok() {
                    let read = serde_json::from_str::<serde_json::Value>(&hostile);
                    assert!(read.is_ok(), "{hostile}");
                    assert_eq!(
                        around_strings(&harmless),
                        around_strings(&hostile),
                        "{hostile}"
                    );
                }
            }
            Xml => {
                if let Some(form) = elements(&as_text(harmless)) {
                    let hostile = as_text(hostile);
                    assert_eq!(Some(form), elements(&hostile), "{hostile}");
                }
            }
            Raw => {}
        }
    }
});

/// JSON without what its strings say.
fn around_strings(json: &str) -> String {
    let (mut string, mut escaped) = (false, false);
    let mut around = String::new();
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if string => escaped = true,
            '"' => {
                string = !string;
                around.push(c);
            }
            c if !string => around.push(c),
            _ => {}
        }
    }
    around
}

/// What XML calls something: the reader takes anything for a name, quotes too.
fn name(octets: &[u8]) -> Option<String> {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"_-.:".contains(b);
    let is_name = octets.first().is_some_and(u8::is_ascii_alphabetic) && octets.iter().all(fits);
    is_name.then(|| String::from_utf8_lossy(octets).into_owned())
}

/// The elements of XML, with the names of their attributes; `None`: it is none.
fn elements(xml: &str) -> Option<Vec<String>> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                found.push(name(tag.name().as_ref())?);
                for attribute in tag.attributes() {
                    found.push(name(attribute.ok()?.key.as_ref())?);
                }
            }
            Event::End(_) => found.push("/".to_owned()),
            Event::GeneralRef(called) => {
                // One that is not XML's own is the template's; the reader takes anything for its name.
                if called.resolve_char_ref().ok()?.is_none() {
                    name(&called)?;
                }
            }
            Event::DocType(_) | Event::PI(_) => return None,
            Event::Eof => return Some(found),
            _ => {}
        }
    }
}
