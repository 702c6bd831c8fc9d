//! Arguments, a runtime, one call.

use std::process::ExitCode;

use clap::Parser;
use sms_milter::cli::{self, Cli};

/// A mail's structure may be as deep as its limits allow; the parser's stack must be deeper.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            let _ = error.print();
            // 64 is EX_USAGE; clap's own 2 means nothing to a supervisor.
            return if wrong {
                ExitCode::from(64)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = cli::dispatch(cli, &runtime);
            // A blocked read of a dead terminal or disk must not keep the process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
            done
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                eprintln!("sms-milter: {failure}");
            }
            ExitCode::from(failure.code)
        }
    }
}
