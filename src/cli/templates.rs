//! `sms-milter templates`: the texts of the mails and SMS that we write, as they are in force, to start from.
//!
//! An admin's own (`mail.templates`) stand where they are said, with their file and line. `--ours` prints what is
//! compiled in and needs no configuration; where there is none at all, that is what is in force. Never a daemon.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::{Failure, Json};
use crate::config;
use crate::mail::words::{Origin, Words};

/// `templates …`
#[derive(Debug, Args)]
pub struct TemplatesArgs {
    /// Of this language, in Fluent; without it, the languages that there are
    #[arg(long, short, value_name = "LANGUAGE")]
    language: Option<String>,
    /// A line for each text: its key, and whether it is ours or from which file and line
    #[arg(long)]
    list: bool,
    /// What is compiled in, whatever mail.templates says
    #[arg(long)]
    ours: bool,
    #[command(flatten)]
    json: Json,
}

/// Prints them.
pub(super) fn run(path: &Path, args: &TemplatesArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let words = match args.ours || !path.exists() {
        true => Words::default(),
        false => config::load(path)?.speech.house().clone(),
    };
    let Some(language) = &args.language else {
        return match args.list || args.json.json {
            true => list(&words, args, out),
            false => languages(&words, out),
        };
    };
    let words = words.speaking(language).ok_or_else(|| {
        let known: Vec<_> = words.languages().collect();
        Failure::unavailable(format!(
            "there are no texts in {language}; there are {}: start from one of them",
            known.join(", ")
        ))
    })?;
    match args.list || args.json.json {
        true => list(&words, args, out),
        false => whole(&words, language, out),
    }
}

fn languages(words: &Words, out: &mut dyn Write) -> Result<(), Failure> {
    for language in words.languages() {
        writeln!(out, "{language}")?;
    }
    Ok(())
}

fn list(words: &Words, args: &TemplatesArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let all = words.in_force();
    let width = all.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    for (key, origin) in all {
        if args.json.json {
            let (file, line) = match &origin {
                Origin::Ours { .. } => (None, None),
                Origin::File { name, line } => (Some(name), Some(line)),
            };
            let language = words.language();
            let line = json!({"key": key, "language": language, "file": file, "line": line});
            writeln!(out, "{line}")?;
            continue;
        }
        writeln!(out, "{key:width$}  {origin}")?;
    }
    Ok(())
}

fn whole(words: &Words, language: &str, out: &mut dyn Write) -> Result<(), Failure> {
    write!(
        out,
        "# As it is in force: above each text of yours stands its file and line.\n\
         # Save as {language}.ftl in the directory of mail.templates, and keep only what you change.\n\
         # Syntax: https://projectfluent.org/fluent/guide/\n\n{}",
        words.in_fluent()
    )?;
    Ok(())
}
