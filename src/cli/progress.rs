//! A progress bar on standard error, when a terminal watches: gone at the end.

use std::io::{self, IsTerminal, Write};

/// Cells of the bar.
const CELLS: usize = 30;

/// See the module.
pub struct Progress {
    what: &'static str,
    total: usize,
    is_shown: bool,
}

impl Progress {
    /// A bar for `total` of `what`, as `entries`.
    pub fn new(what: &'static str, total: usize) -> Self {
        let is_shown = total > 0 && io::stderr().is_terminal();
        Self {
            what,
            total,
            is_shown,
        }
    }

    /// So many are done.
    pub fn show(&self, done: usize) {
        if self.is_shown {
            // What cannot be shown is no loss.
            let _ = write!(io::stderr(), "\r\x1b[K{}", bar(done, self.total, self.what));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn bar(done: usize, total: usize, what: &str) -> String {
    let filled = (done.min(total) * CELLS)
        .checked_div(total)
        .unwrap_or(CELLS);
    let (full, empty) = ("#".repeat(filled), "-".repeat(CELLS - filled));
    format!("[{full}{empty}] {done} of {total} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!(bar(0, 9, "x"), format!("[{}] 0 of 9 x", "-".repeat(30)));
        assert_eq!(
            bar(5, 10, "x"),
            format!("[{}{}] 5 of 10 x", "#".repeat(15), "-".repeat(15))
        );
        assert!(bar(12, 10, "x").starts_with(&format!("[{}]", "#".repeat(30))));
        assert!(bar(0, 0, "x").contains("0 of 0"));
    }
}
