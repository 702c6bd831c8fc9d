//! `sms-milter send NUMBER TEXT…`: an SMS through the running daemon, or into the store when none runs.

use std::io::{Read, Write};
use std::path::Path;

use clap::Args;

use super::special::{SpecialArgs, pairs};
use super::{Failure, Json, ask, print};
use crate::config;
use crate::control::Request;

/// No text of 128 segments is longer.
const MAX_TEXT: u64 = 64 * 1024;

/// `send …`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// As people write it: +15551234567, (555) 123-4567; not with --to
    #[arg(required_unless_present = "to")]
    number: Option<String>,
    /// The text; none, or -: read it from standard input
    text: Vec<String>,
    /// To this number (repeatable); then all the words are text
    #[arg(long, value_name = "NUMBER")]
    to: Vec<String>,
    /// Who sends, and pays; default: mail.admin of the configuration
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Show it at once, do not keep it (class 0)
    #[arg(long)]
    flash: bool,
    /// The message class: 0 flash, 1 phone, 2 SIM, 3 attached device
    #[arg(long, value_name = "N", conflicts_with = "flash")]
    class: Option<String>,
    #[command(flatten)]
    special: SpecialArgs,
    /// The alphabet of the text; auto takes the fewest segments
    #[arg(long, value_name = "NAME", value_parser = ["auto", "gsm7", "ucs2"])]
    coding: Option<String>,
    /// Give up after this: 30m, 6h, 2d; default: queue.expire of the configuration
    #[arg(long, value_name = "TIME")]
    validity: Option<String>,
    /// Tell the sender by mail when it is sent
    #[arg(long)]
    confirm: bool,
    #[command(flatten)]
    json: Json,
}

/// Does it.
pub async fn run(path: &Path, args: &SendArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let (numbers, words) = args.numbers_and_words();
    let text = match args.special.data()? {
        Some(_) if !words.is_empty() => {
            let text = "--binary and a text: an SMS is one or the other; leave the text out";
            return Err(Failure::usage(text));
        }
        Some(data) => data,
        None => said(&words)?,
    };
    let mut lines = Vec::new();
    for number in numbers {
        // Each asks anew: without a daemon the asking opens the store, and closes it.
        let settings = config::load(path)?;
        let account = args.from.clone().unwrap_or_else(|| settings.admin.clone());
        let request = Request::Send {
            number,
            text: text.clone(),
            account,
            wishes: args.wishes(),
        };
        // What was queued before a number that is wrong is shown, whatever comes after it.
        match ask(settings, request).await {
            Ok(more) => lines.extend(more),
            Err(failure) => {
                show(out, args.json, &lines)?;
                return Err(failure);
            }
        }
    }
    show(out, args.json, &lines)
}

impl SendArgs {
    fn numbers_and_words(&self) -> (Vec<String>, Vec<&str>) {
        let words = self.text.iter().map(String::as_str);
        match (&self.number, self.to.is_empty()) {
            (Some(number), true) => (vec![number.clone()], words.collect()),
            (first, _) => {
                let first = first.iter().map(String::as_str);
                (self.to.clone(), first.chain(words).collect())
            }
        }
    }

    fn wishes(&self) -> Vec<(String, String)> {
        let on = |set: bool| set.then(|| "1".to_owned());
        let mut wishes = pairs([
            ("flash", on(self.flash)),
            ("class", self.class.clone()),
            ("coding", self.coding.clone()),
            ("validity", self.validity.clone()),
            ("confirm", on(self.confirm)),
        ]);
        wishes.extend(self.special.wishes());
        wishes
    }
}

fn said(words: &[&str]) -> Result<String, Failure> {
    let text = words.join(" ");
    match text.is_empty() || text == "-" {
        true => read_text(&mut std::io::stdin()),
        false => Ok(text),
    }
}

/// What is behind [`MAX_TEXT`] would be cut off anyway, as `text.on_overflow` has it.
fn read_text(reader: &mut dyn Read) -> Result<String, Failure> {
    let mut octets = Vec::new();
    reader.take(MAX_TEXT).read_to_end(&mut octets)?;
    let full = octets.len() as u64 == MAX_TEXT;
    let not_utf8 = || Failure::data("standard input is not UTF-8; iconv makes it so");
    match std::str::from_utf8(&octets) {
        Ok(_) => {}
        // The last character was cut in the middle.
        Err(error) if full && error.error_len().is_none() => octets.truncate(error.valid_up_to()),
        Err(_) => return Err(not_utf8()),
    }
    String::from_utf8(octets).map_err(|_| not_utf8())
}

fn show(out: &mut dyn Write, json: Json, lines: &[serde_json::Value]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let columns = [
        ("id", "ID"),
        ("number", "NUMBER"),
        ("segments_total", "SEGMENTS"),
    ];
    print(out, json, lines, &columns)?;
    // It is taken, and does not go before somebody lets it.
    for line in lines
        .iter()
        .filter(|line| !json.json && line["state"] == "held")
    {
        let reason = line["error"].as_str().unwrap_or("held");
        writeln!(out, "{reason}; an admin decides")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_long_texts_up_to_a_character() {
        let long = format!("a{}", "é".repeat(40_000));
        for (input, expected) in [
            (&b"hi"[..], Some(2)),
            (b"", Some(0)),
            (long.as_bytes(), Some(65_535)),
            (b"\xFF\xFE", None),
            (b"cut \xC3", None),
        ] {
            let read = read_text(&mut &input[..]).ok();
            assert_eq!(read.as_ref().map(String::len), expected);
            assert!(read.is_none_or(|text| input.starts_with(text.as_bytes())));
        }
    }
}
