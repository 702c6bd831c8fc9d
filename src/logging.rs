//! Where log lines go (spec 11). Once for the process.

use std::io::IsTerminal;

use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat};
use crate::sms::number;

/// Libraries that would print whole mails, PDUs or requests below this.
const QUIET: &str =
    "indymilter=info,hyper=info,reqwest=info,sled=warn,h2=info,html5ever=error,mio=info";

/// Starts logging; `RUST_LOG` overrides the configured level.
pub fn start(log: &Log) {
    number::hide_in_logs(log.mask_digits);
    let level = log.level.to_string().to_lowercase();
    let wanted = std::env::var("RUST_LOG").unwrap_or(level);
    // Last, so that no RUST_LOG brings whole mails, with the passwords in their addresses, into the log.
    let filter = EnvFilter::new(format!("{QUIET},{wanted},indymilter=info"));
    let registry = tracing_subscriber::registry().with(filter);
    let text = || {
        fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
    };
    // A second start (tests in one process) keeps the first.
    let _ = match log.format {
        LogFormat::Text => registry.with(text()).try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Journal => match tracing_journald::layer() {
            Ok(journal) => registry.with(journal).try_init(),
            Err(_) => registry.with(text()).try_init(),
        },
    };
}
