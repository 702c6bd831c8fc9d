//! `sms-milter templates`: the texts of the mails and SMS that we write, to start from.
//!
//! Prints our own, whatever `mail.templates` says otherwise. Needs neither a configuration nor a daemon.

use std::io::Write;

use clap::Args;

use super::Failure;
use crate::mail::words;

/// `templates …`
#[derive(Debug, Args)]
pub struct TemplatesArgs {
    /// Of this language; without it, the languages that there are
    #[arg(long, short, value_name = "LANGUAGE")]
    language: Option<String>,
}

/// Prints them, in Fluent.
pub(super) fn run(args: &TemplatesArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let Some(language) = &args.language else {
        for language in words::LANGUAGES {
            writeln!(out, "{language}")?;
        }
        return Ok(());
    };
    let source = words::source(language).ok_or_else(|| {
        let known = words::LANGUAGES.join(", ");
        Failure::unavailable(format!(
            "there are no texts in {language}; there are {known}: start from one of them"
        ))
    })?;
    write!(
        out,
        "# Save as {language}.ftl in the directory of mail.templates, and keep only what you change.\n\
         # Syntax: https://projectfluent.org/fluent/guide/\n\n{source}"
    )?;
    Ok(())
}
