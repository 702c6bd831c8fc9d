//! `sms-milter reload`: the daemon reads its configuration again. What SIGHUP does, with an answer.

use std::io::Write;
use std::path::Path;

use super::Failure;
use crate::config;
use crate::control::{self, Refused, Request};

/// Does it. What the daemon warns of is printed; what is wrong ends it with 78, and the daemon goes on with
/// what it had.
pub async fn run(path: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    // Errors are the same here, and come with their exit code.
    let settings = config::load(path)?;
    match ask(&settings.control).await? {
        None => Err(Failure::unavailable(
            "no daemon is running: it reads the configuration when it starts",
        )),
        Some(warnings) => {
            for warning in warnings {
                writeln!(out, "{warning}")?;
            }
            Ok(())
        }
    }
}

/// Asks the daemon at `control`, if there is one; its warnings.
pub(super) async fn ask(control: &Path) -> Result<Option<Vec<String>>, Failure> {
    let answered = control::ask(control, &Request::Reload)
        .await
        .map_err(|error| Failure::unavailable(format!("{}: {error}", control.display())))?;
    match answered {
        None => Ok(None),
        Some(Ok(lines)) => {
            let warning = |line: &serde_json::Value| line["warning"].as_str().map(str::to_owned);
            Ok(Some(lines.iter().filter_map(warning).collect()))
        }
        Some(Err(Refused::Unavailable(text))) => Err(Failure::config(format!(
            "the daemon goes on with the configuration that it has:\n{text}"
        ))),
        Some(Err(refused)) => Err(refused.into()),
    }
}
