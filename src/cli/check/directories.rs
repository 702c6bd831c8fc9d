//! The directories of users: each is connected to, logged in to and asked for somebody who is not there.

use super::Findings;
use crate::cli::Failure;
use crate::config::Settings;

/// Says of each whether a look-up would work, and why not.
pub(super) fn look(settings: &Settings, findings: &mut Findings<'_>) -> Result<(), Failure> {
    if settings.directories.is_empty() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for (name, probed) in runtime.block_on(settings.directories.probe()) {
        match probed {
            Ok(probe) => {
                findings.ok(format!("{name}: {}", probe.reached))?;
                for remark in probe.remarks {
                    findings.warning(format!("{name}: {remark}"))?;
                }
            }
            // The daemon would start, and answer 451 to whatever it has to look up.
            Err(later) => findings.error(later)?,
        }
    }
    Ok(())
}
