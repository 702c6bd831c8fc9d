//! Whatever a text holds, the provider sees one field with exactly our octets: by other people's parsers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::{ASCII, UNICODE, render};
use crate::wire::template::{Data, Position, RenderError, Template, Values};

/// What a client puts on the wire, and what a server makes of it: by other people's parsers.
fn seen_by_provider(position: Position, rendered: &str) -> Vec<String> {
    match position {
        Position::Url => {
            let url = reqwest::Url::parse(rendered).expect("URL");
            assert_eq!(
                (url.scheme(), url.host_str(), url.port()),
                ("http", Some("h"), Some(81))
            );
            assert_eq!(url.fragment(), None);
            let path: Vec<&str> = url.path_segments().expect("path").collect();
            let &["p", in_path, "q"] = path.as_slice() else {
                panic!("path {path:?}")
            };
            let in_path = percent_decode_str(in_path).decode_utf8().expect("UTF-8");
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            assert_eq!((pairs.len(), pairs[0].0.as_str()), (2, "t"));
            assert_eq!(pairs[1], ("pass".to_owned(), "P".to_owned()));
            vec![in_path.into_owned(), pairs[0].1.clone()]
        }
        Position::Form => {
            let url = format!("http://h/?{rendered}");
            let url = reqwest::Url::parse(&url).expect("URL");
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            assert_eq!(
                (pairs.len(), pairs.last()),
                (2, Some(&("pass".to_owned(), "P".to_owned())))
            );
            assert_eq!(pairs[0].0, "t");
            vec![pairs[0].1.clone()]
        }
        Position::Header => {
            let value = reqwest::header::HeaderValue::from_str(rendered).expect("header");
            let value = value.to_str().expect("ASCII").trim().to_owned();
            vec![
                percent_decode_str(&value)
                    .decode_utf8()
                    .expect("UTF-8")
                    .into_owned(),
            ]
        }
        Position::Json => {
            let value: serde_json::Value = serde_json::from_str(rendered).expect("JSON");
            assert_eq!(value.as_object().map(serde_json::Map::len), Some(3));
            ["a", "b"]
                .map(|key| value[key].as_str().expect("string").to_owned())
                .to_vec()
        }
        Position::Xml => seen_in_xml(rendered).to_vec(),
        Position::Raw => vec![rendered.to_owned()],
    }
}

/// The attribute and the text of `<a t="…">…</a>`, by quick-xml.
fn seen_in_xml(rendered: &str) -> [String; 2] {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(rendered);
    let (mut attribute, mut text) = (None, String::new());
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(start) => {
                assert_eq!(
                    (start.name().as_ref(), attribute.is_none()),
                    (&b"a"[..], true)
                );
                let mut all = start.attributes();
                let one = all.next().expect("one").expect("whole");
                assert!(one.key.as_ref() == b"t" && all.next().is_none());
                let value = one.normalized_value(quick_xml::XmlVersion::Explicit1_0);
                attribute = Some(value.expect("value").into_owned());
            }
            Event::Text(part) => text.push_str(&part.xml10_content().expect("text")),
            Event::GeneralRef(part) => match part.resolve_char_ref().expect("reference") {
                Some(c) => text.push(c),
                None => {
                    let name = part.decode().expect("name");
                    text.push_str(
                        quick_xml::escape::resolve_predefined_entity(&name).expect("known"),
                    );
                }
            },
            Event::End(_) => {}
            Event::Eof => return [attribute.expect("an element"), text],
            other => panic!("{other:?}"),
        }
    }
}

/// What of a text XML 1.0 can hold (§2.2).
fn xml_holds(text: &str) -> String {
    let cannot = |c: char| {
        c.is_ascii_control() && !"\t\r\n\u{7f}".contains(c) || "\u{fffe}\u{ffff}".contains(c)
    };
    text.replace(cannot, "\u{fffd}")
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "&",
            "%",
            "+",
            "#",
            "\"",
            "'",
            "<",
            ">",
            "\r\n",
            "%data%",
            "😀",
            "\\",
            "/",
            "?",
            "..",
            ".",
            "]]>",
            "&to=%2B1900",
            "\"}",
            "\u{0}",
            " ",
            "\u{2028}",
            "%41",
            ";",
            "=",
            "\t",
            "é",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_provider_sees_one_field_with_our_octets(text in hostile(), unicode: bool) {
        let data = if unicode { Data::Unicode(&text) } else { Data::Ascii(&text) };
        let values = Values { data, ..ASCII };
        for (position, template) in [
            (Position::Url, "http://h:81/p/%data%/q?t=%data%&pass=P"),
            (Position::Form, "t=%data%&pass=P"),
            (Position::Header, "%data%"),
            (Position::Json, r#"{"a": "%data%", "b": %data%, "c": 1}"#),
            (Position::Xml, r#"<a t="%data%">%data%</a>"#),
            (Position::Raw, "%data%"),
        ] {
            let template = Template::parse(template, position).expect("template");
            let rendered = match template.render_text(&values) {
                Err(RenderError::Dots) if [".", ".."].contains(&text.as_str()) => continue,
                rendered => rendered.expect("rendered"),
            };
            let expected = match position {
                Position::Xml => xml_holds(&text),
                _ => text.clone(),
            };
            for seen in seen_by_provider(position, &rendered) {
                prop_assert_eq!(&seen, &expected, "{:?} {}", position, rendered);
            }
        }
    }

    #[test]
    fn formats_are_for_who_takes_the_field_out(text in hostile()) {
        let values = Values { data: Data::Ascii(&text), ..ASCII };
        let json = render("t=%data;json%&pass=P", Position::Form, &values);
        let json = &seen_by_provider(Position::Form, &json)[0];
        prop_assert_eq!(serde_json::from_str::<String>(json).ok(), Some(text.clone()));
        let raw = render("%data;json%", Position::Raw, &values);
        prop_assert_eq!(serde_json::from_str::<String>(&raw).ok(), Some(text.clone()));
        let xml = render("{\"x\": \"<a t='%data;xml%'>%data;xml%</a>\"}", Position::Json, &values);
        let xml: serde_json::Value = serde_json::from_str(&xml).expect("JSON");
        let [attribute, inner] = seen_in_xml(xml["x"].as_str().expect("string"));
        prop_assert_eq!(&attribute, &inner);
        prop_assert_eq!(inner, xml_holds(&text));
    }

    #[test]
    fn binary_comes_back(octets in prop::collection::vec(any::<u8>(), 0..140)) {
        let values = Values { data: Data::Binary(&octets), ..ASCII };
        let rendered = render("t=%data%&pass=P", Position::Form, &values);
        let seen = &seen_by_provider(Position::Form, &rendered)[0];
        prop_assert_eq!(STANDARD.decode(seen).expect("base64"), octets);
    }

    #[test]
    fn any_template_is_read_or_refused(text in "(http://h/)?([%;=a-z0-9<\"\\\\&!\\[\\]-]|%data|;hex%|%number%){0,20}", which in 0..6usize) {
        use Position::{Form, Header, Json, Raw, Url, Xml};
        let position = [Url, Header, Form, Json, Xml, Raw][which];
        match Template::parse(&text, position) {
            Ok(template) => { let _ = template.render(&UNICODE); }
            Err(e) => prop_assert!(e.offset <= text.len() && !e.instead.is_empty()),
        }
    }
}
