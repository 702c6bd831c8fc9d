//! `sms-milter gateways presets`: what is known of providers, and what to write to use one.
//!
//! Needs neither a configuration nor a daemon.

use std::io::Write;

use serde_json::{Value, json};

use super::{Failure, Json, print};
use crate::gateway::Concatenation;
use crate::gateway::http::hook::Brings;
use crate::gateway::http::preset::{Key, Preset};

/// What stands in what is printed for what only the admin knows.
const PUBLIC_URL: &str = "https://sms.example.com";

/// All presets, or one in full.
pub(super) fn run(name: Option<&str>, json: Json, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(name) = name else {
        let lines: Vec<Value> = Preset::all()
            .map(|preset| shown(preset, json.json))
            .collect();
        let columns = [
            ("name", "NAME"),
            ("title", "PROVIDER"),
            ("keys", "KEYS"),
            ("signature", "PUSHES ARE SIGNED BY"),
        ];
        return print(out, json, &lines, &columns);
    };
    let preset = Preset::find(name).ok_or_else(|| {
        let known: Vec<_> = Preset::names().collect();
        Failure::unavailable(format!(
            "there is no preset {name}; there are {}",
            known.join(", ")
        ))
    })?;
    match json.json {
        true => writeln!(out, "{}", shown(preset, true))?,
        false => write!(out, "{}", page(preset))?,
    }
    Ok(())
}

/// For programs whole; for people a line.
fn shown(preset: &Preset, whole: bool) -> Value {
    let signature = preset.signature().map(|scheme| scheme.shown());
    if !whole {
        let mut keys: Vec<&str> = required(preset).map(|key| &key.name[..]).collect();
        if preset.needs_number() {
            keys.push("number");
        }
        return json!({
            "name": preset.name(), "title": preset.title(), "keys": keys.join(", "),
            "signature": signature,
        });
    }
    let key = |key: &Key| {
        json!({
            "name": key.name, "hint": key.hint, "default": key.default,
            "required": key.default.is_none(),
        })
    };
    let answer = &preset.hook().answer;
    json!({
        "name": preset.name(),
        "title": preset.title(),
        "keys": preset.keys().iter().map(key).collect::<Vec<_>>(),
        "needs_number": preset.needs_number(),
        "receives": brings(preset, true),
        "receipts": brings(preset, false),
        "asks_for_receipts": preset.asks_for_receipts(),
        "signature": signature,
        "needs_public_url": preset.signature().is_some_and(|scheme| scheme.needs_url()),
        "answer": { "status": answer.status, "content_type": answer.content_type, "body": answer.body },
        "setup": setup(preset),
        "unverified": preset.unverified(),
        "config": config(preset),
    })
}

fn required(preset: &Preset) -> impl Iterator<Item = &Key> {
    preset.keys().iter().filter(|key| key.default.is_none())
}

fn brings(preset: &Preset, sms: bool) -> bool {
    let maps = &preset.hook().brings;
    maps.iter().any(|map| matches!(map, Brings::Sms(_)) == sms)
}

/// When a confirmation waits for the receipt.
fn receipts(preset: &Preset) -> Option<&'static str> {
    match (brings(preset, false), preset.asks_for_receipts()) {
        (false, _) => None,
        (true, true) => Some(
            "Once web.public_url is set, each message asks for its receipt, and a confirmation waits for it to say\n\
             \"delivered\". receipts: never turns that off.\n",
        ),
        (true, false) => Some(
            "Receipts come only after the setting at the provider below. Once it is made, write receipts: always:\n\
             then a confirmation waits for the receipt to say \"delivered\".\n",
        ),
    }
}

/// Where the provider is to push to.
fn hook(preset: &Preset) -> String {
    let secret = match preset.signature() {
        Some(_) => "",
        None => "/SECRET",
    };
    format!("{PUBLIC_URL}/hooks/{}{secret}", preset.name())
}

fn setup(preset: &Preset) -> String {
    preset.setup().replace("{hook}", &hook(preset))
}

/// One in full.
fn page(preset: &Preset) -> String {
    let mut page = format!("{}: {}\n\nKeys\n", preset.name(), preset.title());
    let mut line = |name: &str, text: &str| page.push_str(&format!("  {name:<12} {text}\n"));
    for key in preset.keys() {
        match &key.default {
            None => line(&key.name, &key.hint),
            Some(default) => line(&key.name, &format!("{} (default: {default})", key.hint)),
        }
    }
    if preset.needs_number() {
        line("number", "the number it sends from");
    }
    match (preset.signature(), &preset.hook().signed_with) {
        (Some(scheme), None) => line(
            "signing_key",
            &format!("what pushes are signed with: {}", scheme.shown()),
        ),
        (Some(scheme), Some(key)) => {
            line(key, &format!("signs the pushes, too: {}", scheme.shown()))
        }
        (None, _) => line(
            "secret",
            "stands in the path of pushes, which are not signed; or allow_from",
        ),
    }
    if preset.signature().is_some_and(|scheme| scheme.needs_url()) {
        line("", "web.public_url must be the URL that the provider calls");
    }
    let cut = match preset.concat() {
        Concatenation::Provider => "cut by the provider",
        Concatenation::Udh => "cut here, with a user data header",
        Concatenation::Numbered => "cut here, with (1/3) in front",
    };
    let pushed = match (brings(preset, true), brings(preset, false)) {
        (true, true) => "received SMS and receipts",
        (true, false) => "received SMS",
        (false, true) => "receipts",
        (false, false) => "nothing",
    };
    page.push_str(&format!("\nLong texts: {cut}. Pushed to us: {pushed}.\n"));
    if let Some(text) = receipts(preset) {
        page.push_str(text);
    }
    page.push_str("\nAt the provider (behind /hooks/ stands the id of the gateway)\n");
    for text in setup(preset).lines() {
        page.push_str(&format!("  {text}\n"));
    }
    page.push_str("\nNot verified against the provider\n");
    for text in preset.unverified() {
        page.push_str(&format!("  {text}\n"));
    }
    page.push_str("\nIn the configuration\n\ngateways:\n");
    page.push_str(&config(preset));
    if brings(preset, true) || brings(preset, false) {
        page.push_str("# Where the provider reaches us, through a TLS proxy before web.listen:\n");
        page.push_str(&format!("web: {{ public_url: \"{PUBLIC_URL}\" }}\n"));
    }
    page.push_str("\nFiles of secrets: one line each, root:sms-milter, mode 0640.\n");
    page
}

/// An entry of `gateways` to paste.
pub fn config(preset: &Preset) -> String {
    let name = preset.name();
    let mut block = format!("  - id: {name}\n    type: http\n    preset: {name}\n");
    let mut line = |key: &str, value: &str| block.push_str(&format!("    {key}: {value}\n"));
    let file = |what: &str| format!("{{ file: /etc/sms-milter/{name}.{what} }}");
    for key in required(preset) {
        match &key.example {
            Some(example) => line(&key.name, &format!("\"{example}\"")),
            None => line(&key.name, &file(&key.name)),
        }
    }
    if preset.needs_number() {
        line("number", "\"+15550003333\"");
    }
    match (preset.signature(), &preset.hook().signed_with) {
        (Some(_), None) => line("signing_key", &file("signing")),
        (Some(_), Some(_)) => {}
        (None, _) => line("secret", &file("secret")),
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(name: Option<&str>, json: bool) -> String {
        let mut out = Vec::new();
        run(name, Json { json }, &mut out).expect("printed");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn lists_all() {
        let list = printed(None, false);
        assert_eq!(list.lines().count(), 1 + Preset::all().count());
        assert!(list.contains("account, token, number"), "{list}");
        let lines = printed(None, true);
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert!(line["config"].is_string() && line["unverified"].is_array());
        }
    }

    #[test]
    fn shows_one() {
        let page = printed(Some("kannel"), false);
        for part in [
            "https://sms.example.com/hooks/kannel/SECRET?from=%p",
            "    preset: kannel\n",
            "    secret: { file: /etc/sms-milter/kannel.secret }\n",
            "Not verified",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(printed(Some("twilio"), false).contains("web.public_url"));
        assert!(page.contains("receipts: never"));
        assert!(printed(Some("bird"), false).contains("receipts: always"));
        assert!(!printed(Some("icewarp"), false).contains("receipts:"));
        let refused = run(Some("x"), Json { json: false }, &mut Vec::new());
        assert_eq!(refused.expect_err("no preset").code, 69);
    }
}
