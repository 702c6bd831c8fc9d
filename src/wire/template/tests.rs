//! The dialect, in tables. What a provider sees of it is in `seen`.

mod seen;

use super::*;

const ASCII: Values<'static> = Values {
    number: "+4205452544",
    data: Data::Ascii("Hi +1 & 2=3 %data%"),
    udh: &[],
    pid: 0,
    dcs: 0,
    sender: "ACME",
    sender_phonealias: "+15557654321",
    parts: 1,
    msgid: "0190-7",
    from: "",
};

const UNICODE: Values<'static> = Values {
    data: Data::Unicode("Ж€"),
    udh: &[0x00, 0x03, 0xCC, 0x02, 0x01],
    dcs: 8,
    parts: 2,
    ..ASCII
};

const BINARY: Values<'static> = Values {
    data: Data::Binary(&[0xFB, 0xFF, 0x00]),
    dcs: 4,
    ..ASCII
};

fn render(text: &str, position: Position, values: &Values<'_>) -> String {
    match Template::parse(text, position) {
        Ok(template) => match template.render_text(values) {
            Ok(rendered) => rendered,
            Err(e) => format!("render: {e}"),
        },
        Err(e) => e.to_string(),
    }
}

/// The query `q=TEMPLATE` with the three kinds of values.
#[track_caller]
fn check(template: &str, ascii: &str, unicode: &str, binary: &str) {
    let url = format!("http://h/?{template}");
    let rendered = [&ASCII, &UNICODE, &BINARY].map(|values| {
        let url = render(&url, Position::Url, values);
        url.strip_prefix("http://h/?")
            .map(str::to_owned)
            .unwrap_or(url)
    });
    assert_eq!(rendered, [ascii, unicode, binary], "{template}");
}

#[test]
fn variables() {
    check(
        "%number%",
        "%2B4205452544",
        "%2B4205452544",
        "%2B4205452544",
    );
    check(
        "%data%",
        "Hi%20%2B1%20%26%202%3D3%20%25data%25",
        "%D0%96%E2%82%AC",
        "%2B%2F8A",
    );
    check("%udh%", "", "AAPMAgE%3D", "");
    check("%binary%", "0", "0", "1");
    check("%pid%-%dcs%", "0-0", "0-8", "0-4");
    check("%sender%", "ACME", "ACME", "ACME");
    check(
        "%sender_phonealias%",
        "%2B15557654321",
        "%2B15557654321",
        "%2B15557654321",
    );
    check("%parts%", "1", "2", "1");
    check("%msgid%", "0190-7", "0190-7", "0190-7");
    check("a%condition%b", "ab", "ab", "ab");
    check("%20%da%2B", "%20%da%2B", "%20%da%2B", "%20%da%2B");
}

#[test]
fn attributes() {
    check("%udh;hex%", "", "0003CC0201", "");
    check("%udh;len;hex%", "", "050003CC0201", "");
    check("%udh;hex;len%", "", "050003CC0201", "");
    check("%udh;len%", "", "BQADzAIB", "");
    check(
        "%data;hex%",
        "4869202B31202620323D3320256461746125",
        "D096E282AC",
        "FBFF00",
    );
    check("%data;b64;isunicode%", "", "0Jbigqw%3D", "");
    check("%data;isunicode;unicode%", "", "041620AC", "");
    check("%data;isunicode;unicode;b64%", "", "BBYgrA%3D%3D", "");
    check("%data;isunicode;charset=windows-1251%", "", "%C6%88", "");
    check("%data;isunicode;charset=iso-8859-1%", "", "%3F%80", "");
    check("%data;isunicode;charset=utf-16le;hex%", "", "1604AC20", "");
    check("%data;isbinary%", "", "", "%2B%2F8A");
    check("%data;isbinary;octets%", "", "", "%FB%FF%00");
    check("%udh;len;octets%", "", "%05%00%03%CC%02%01", "");
    check(
        "%condition;isunicode;value=&unicode=1%",
        "",
        "&unicode=1",
        "",
    );
    check("%udh;value=!;value=?%", "!?", "AAPMAgE%3D!?", "!?");
    check(
        "%number;interprefix=00%",
        "004205452544",
        "004205452544",
        "004205452544",
    );
    check(
        "%number;interprefix=%",
        "4205452544",
        "4205452544",
        "4205452544",
    );
    check("%sender;interprefix=00%", "ACME", "ACME", "ACME");
    check("%dcs;hex%", "00", "08", "04");
}

#[test]
fn a_value_leaves_its_surroundings_as_they_are() {
    #[track_caller]
    fn check(position: Position, text: &str, expected: &str) {
        assert_eq!(render(text, position, &ASCII), expected, "{text}");
    }
    use Position::{Json, Xml};
    let refuse = |position, text: &str| {
        let at = text.find("value=").expect("an attribute");
        let expected = format!(
            "at offset {at}: value= begins or ends a string, a tag or the like and leaves it so; \
             write the whole of it into one value="
        );
        check(position, text, &expected);
    };
    // Else the text would stand outside of its string.
    let opens = r#"{"a":1%condition;isascii;value=,"t":"%%data%"}"#;
    refuse(Json, opens);
    refuse(Json, r#"{"t":"%data;value=\%"}"#);
    refuse(Json, r#"{"t":"%data;value="%}"#);
    check(
        Json,
        r#"{"t":"x"%condition;isascii;value=,"u":"\"y"%}"#,
        r#"{"t":"x","u":"\"y"}"#,
    );
    refuse(Xml, "<a>%condition;value=<!--%%data%--></a>");
    refuse(Xml, "<a>%condition;value=<b c='%%data%'/></a>");
    check(Xml, "<a>%condition;value=<b/>%</a>", "<a><b/></a>");
    refuse(Xml, "<a>%condition;value=&%</a>");
    // Found by the fuzzer: the text would be the name of an entity.
    let behind = "at offset 4: a variable behind an &; write &amp; for an ampersand; values are escaped as XML needs it";
    check(Xml, "<a>&%data%;</a>", behind);
    check(Xml, "<a>&amp;%parts%</a>", "<a>&amp;1</a>");
    check(Xml, "<a><!-- & -->%parts%</a>", "<a><!-- & -->1</a>");
    check(Xml, "<a b='%sender;value=' c='%'/>", "<a b='ACME' c=''/>");
}

#[test]
fn a_variable_is_closed() {
    for text in [
        "http://h/?t=%data",
        "http://h/?t=%data&n=%number%",
        "http://h/?d=%dcs",
    ] {
        let shown = render(text, Position::Url, &ASCII);
        assert!(
            shown.contains("is not closed; end the variable with %"),
            "{shown}"
        );
    }
    let shown = render("http://h/?t=%da%dcb", Position::Url, &ASCII);
    assert_eq!(shown, "http://h/?t=%da%dcb");
}

#[test]
fn media_types() {
    use Position::{Form, Json, Raw, Xml};
    for (media_type, position) in [
        ("application/x-www-form-urlencoded; charset=utf-8", Form),
        ("application/json", Json),
        ("Text/JSON", Json),
        ("application/problem+json;v=1", Json),
        ("application/x-ndjson", Json),
        ("application/soap+xml", Xml),
        ("text/xml", Xml),
        ("text/plain", Raw),
    ] {
        assert_eq!(
            Position::of_content_type(media_type),
            position,
            "{media_type}"
        );
    }
}

/// The URLs of facts/http-template.md, as they are.
#[test]
fn known_urls() {
    #[track_caller]
    fn check(url: &str, values: &Values<'_>, expected: &str) {
        assert_eq!(render(url, Position::Url, values), expected, "{url}");
    }
    let plain = Values {
        data: Data::Ascii("a b"),
        ..ASCII
    };

    let icewarp = "http://HOST/sms/?number=%number%&data=%data%&udh=%udh%&binary=%binary%&pid=%pid%&dcs=%dcs%&sender=%sender%&msgid=%msgid%&user=U&pass=P";
    check(
        icewarp,
        &plain,
        "http://HOST/sms/?number=%2B4205452544&data=a%20b&udh=&binary=0&pid=0&dcs=0&sender=ACME&msgid=0190-7&user=U&pass=P",
    );
    check(
        icewarp,
        &UNICODE,
        "http://HOST/sms/?number=%2B4205452544&data=%D0%96%E2%82%AC&udh=AAPMAgE%3D&binary=0&pid=0&dcs=8&sender=ACME&msgid=0190-7&user=U&pass=P",
    );
    check(
        icewarp,
        &BINARY,
        "http://HOST/sms/?number=%2B4205452544&data=%2B%2F8A&udh=&binary=1&pid=0&dcs=4&sender=ACME&msgid=0190-7&user=U&pass=P",
    );

    let clickatell = "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%number%&udh=%udh;len;hex%&data=%data;isascii%%data;isunicode;unicode;value=&unicode=1%&concat=%parts%";
    check(
        clickatell,
        &plain,
        "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%2B4205452544&udh=&data=a%20b&concat=1",
    );
    check(
        clickatell,
        &UNICODE,
        "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%2B4205452544&udh=050003CC0201&data=041620AC&unicode=1&concat=2",
    );
    check(
        clickatell,
        &BINARY,
        "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%2B4205452544&udh=&data=&concat=1",
    );

    let alias = "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%number%&from=%sender_phonealias%&data=%data%&concat=%parts%";
    check(
        alias,
        &plain,
        "http://api.clickatell.com/http/sendmsg?user=U&password=P&api_id=A&to=%2B4205452544&from=%2B15557654321&data=a%20b&concat=1",
    );

    let long =
        "http://HOST/SMSsend?user=U&pass=P&number=%number%&message=%data%&type=LongSMS&ownnum=ID";
    check(
        long,
        &plain,
        "http://HOST/SMSsend?user=U&pass=P&number=%2B4205452544&message=a%20b&type=LongSMS&ownnum=ID",
    );

    let getpost = "https://HOST/getpost/GP?action=send&baID=1234567&toNumber=%number%&text=%data%";
    check(
        getpost,
        &UNICODE,
        "https://HOST/getpost/GP?action=send&baID=1234567&toNumber=%2B4205452544&text=%D0%96%E2%82%AC",
    );
}

#[test]
fn positions() {
    #[track_caller]
    fn check(position: Position, template: &str, values: &Values<'_>, expected: &str) {
        assert_eq!(render(template, position, values), expected, "{template}");
    }
    let text = Values {
        data: Data::Ascii("a\"b\\\n+ü<&'"),
        ..ASCII
    };
    check(
        Position::Json,
        r#"{"to": %number;json%, "text": "x%data%", "n": %parts%, "p": "100%%"}"#,
        &text,
        r#"{"to": "+4205452544", "text": "xa\"b\\\n+ü<&'", "n": 1, "p": "100%"}"#,
    );
    check(
        Position::Json,
        r#"{"b": %data%, "u": %udh%%condition;isbinary;value=,"bin":true%}"#,
        &BINARY,
        r#"{"b": "+/8A", "u": "","bin":true}"#,
    );
    check(
        Position::Xml,
        "<m to='%number%'>%data%</m>",
        &text,
        "<m to='+4205452544'>a&quot;b\\&#10;+ü&lt;&amp;&apos;</m>",
    );
    check(
        Position::Xml,
        "<!-- a > b --><m><![CDATA[ <x> ]]>%parts%</m>",
        &text,
        "<!-- a > b --><m><![CDATA[ <x> ]]>1</m>",
    );
    check(
        Position::Header,
        "to %number%: %data%",
        &text,
        "to +4205452544: a\"b\\%0A+%C3%BC<&'",
    );
    check(
        Position::Form,
        "To=%number%&Body=%data%",
        &text,
        "To=%2B4205452544&Body=a%22b%5C%0A%2B%C3%BC%3C%26%27",
    );
    check(
        Position::Xml,
        "<m>%data;xml%</m>",
        &text,
        "<m>a&quot;b\\&#10;+ü&lt;&amp;&apos;</m>",
    );
    check(
        Position::Form,
        "n=%parts;json%&t=%data;json%",
        &text,
        "n=1&t=%22a%5C%22b%5C%5C%5Cn%2B%C3%BC%3C%26%27%22",
    );
    check(
        Position::Raw,
        "{%data;json%} <a>%data;xml%</a>",
        &text,
        "{\"a\\\"b\\\\\\n+ü<&'\"} <a>a&quot;b\\&#10;+ü&lt;&amp;&apos;</a>",
    );
    check(
        Position::Json,
        "[\"%data;xml%\", %data;xml%]",
        &text,
        r#"["a&quot;b\\&#10;+ü&lt;&amp;&apos;", "a&quot;b\\&#10;+ü&lt;&amp;&apos;"]"#,
    );
    check(
        Position::Raw,
        "%number% %data% 5%%",
        &text,
        "+4205452544 a\"b\\\n+ü<&' 5%",
    );
}

#[test]
fn errors() {
    #[track_caller]
    fn check(position: Position, template: &str, expected: &str) {
        let shown = match Template::parse(template, position) {
            Ok(_) => "fine".to_owned(),
            Err(e) => e.to_string(),
        };
        assert_eq!(shown, expected, "{template}");
    }
    use Position::{Form, Header, Json, Raw, Url, Xml};
    check(Url, "http://h/?t=%dat", "fine");
    check(
        Url,
        "http://h/?t=%nunber%",
        "at offset 12: %nunber is no variable; did you mean %number%?",
    );
    check(
        Url,
        "http://h/?t=%",
        "at offset 12: this % begins no variable; write %25 for a percent sign",
    );
    check(
        Url,
        "http://h/?t=%%",
        "at offset 12: this % begins no variable; write %25 for a percent sign",
    );
    check(
        Raw,
        "5% off",
        "at offset 1: this % begins no variable; write %% for a percent sign",
    );
    check(
        Url,
        "http://h/?t=%password%",
        "at offset 12: %password is no variable; known are number, data, udh, binary, pid, dcs, sender, sender_phonealias, parts, msgid, condition, from; write %25 for a percent sign",
    );
    check(
        Url,
        "http://h/?t=%data;hax%",
        "at offset 18: \"hax\" is no attribute; known are hex, b64, octets, len, unicode, charset=, isascii, isunicode, isbinary, value=, interprefix=, json, xml",
    );
    check(
        Url,
        "http://h/?t=%data;hex",
        "at offset 12: %data; is not closed; end the variable with %",
    );
    check(
        Url,
        "http://h/?t=%data;hex;b64%",
        "at offset 22: the value is coded twice; write one of hex, b64 and octets",
    );
    check(
        Url,
        "http://h/?t=%data;unicode;charset=latin1%",
        "at offset 26: the value is converted twice; write one of unicode and charset",
    );
    check(
        Url,
        "http://h/?t=%udh;unicode%",
        "at offset 17: udh is not text and has no charset; leave unicode and charset out",
    );
    check(
        Url,
        "http://h/?t=%data;charset=klingon%",
        "at offset 18: klingon is no charset; write a name like ISO-8859-1",
    );
    check(
        Url,
        "http://h/?t=%data;interprefix=00%",
        "at offset 18: interprefix does not apply to data; use it as %number;interprefix=00%",
    );
    check(
        Url,
        "http://h/?t=%data;json;xml%",
        "at offset 23: the value is written in two formats; write one of json and xml",
    );
    check(
        Form,
        "t=%data;charset=latin1;json%",
        "at offset 2: octets cannot stand in JSON or XML; add ;hex or ;b64",
    );
    check(
        Json,
        "{\"a\": \"%data;json%\"}",
        "at offset 13: json within a JSON string; leave out json, or the quotes around the variable",
    );
    check(
        Json,
        "\"\\%data%\"",
        "at offset 2: a variable behind a backslash; leave the backslash out; values are escaped as JSON needs it",
    );
    check(
        Json,
        "%data;charset=latin1%",
        "at offset 0: octets cannot stand in JSON or XML; add ;hex or ;b64",
    );
    check(
        Xml,
        "<m %data%>",
        "at offset 3: a variable in a tag, a comment or CDATA; put it into text or a quoted attribute; values are escaped as XML needs it",
    );
    check(
        Xml,
        "<![CDATA[<a>%data%]]>",
        "at offset 12: a variable in a tag, a comment or CDATA; put it into text or a quoted attribute; values are escaped as XML needs it",
    );
    check(
        Header,
        "a\nb",
        "at offset 1: '\\n' cannot stand in a header; write printable ASCII on one line",
    );
    check(
        Form,
        "a=%data%&b=5%",
        "at offset 12: this % begins no variable; write %25 for a percent sign",
    );
    check(
        Url,
        "ftp://h/",
        "at offset 0: the URL has no scheme; begin it with https:// or http://",
    );
    check(
        Url,
        "http:///x",
        "at offset 7: the URL has no host; write it behind //",
    );
    check(
        Url,
        "http://u:p@h/",
        "at offset 10: a user or password before the host; write them under auth: basic",
    );
    check(
        Url,
        "http://[::1]@evil/",
        "at offset 12: a user or password before the host; write them under auth: basic",
    );
    check(
        Url,
        "http://%data%/",
        "at offset 7: %data% stands in the scheme, host or port; write them out; variables are for the path and the query",
    );
    check(
        Url,
        "http://h:%parts%/",
        "at offset 9: %parts% stands in the scheme, host or port; write them out; variables are for the path and the query",
    );
    check(
        Url,
        "http://h%2e/",
        "at offset 8: a % in the host; write the host's name or address as it is",
    );
    check(
        Url,
        "http://h/#%data%",
        "at offset 9: a # begins a fragment, which is never sent; write %23",
    );
    check(
        Url,
        "http://h\\@evil/",
        "at offset 9: a user or password before the host; write them under auth: basic",
    );
    check(
        Url,
        "http://h/a b",
        "at offset 10: a blank or control character in a URL; write it as %20 and the like",
    );
    check(
        Url,
        "http://h/?%condition;value=#a%",
        "at offset 21: a # begins a fragment, which is never sent; write %23",
    );
}

#[test]
fn values_that_cannot_stand_there() {
    let dots = Values {
        data: Data::Ascii(".."),
        ..ASCII
    };
    assert_eq!(
        render("https://h/a/%data%/b", Position::Url, &dots),
        "render: a value in the URL's path is . or .., which no path can hold"
    );
    assert_eq!(
        render("https://h/a/x%data%", Position::Url, &dots),
        "https://h/a/x.."
    );
    assert_eq!(
        render("https://h/../a?%data%", Position::Url, &dots),
        "https://h/../a?.."
    );
    let long = "x".repeat(256);
    let long = Values {
        data: Data::Ascii(&long),
        ..ASCII
    };
    assert_eq!(
        render("%data;len%", Position::Raw, &long),
        "render: %data;len% is longer than 255 octets"
    );
}

#[test]
fn debug_shows_no_literal() {
    let template = Template::parse("https://h/?pass=hunter2&t=%data%", Position::Url);
    assert_eq!(format!("{template:?}"), "Ok(Template(Url, [\"data\"]))");
}
