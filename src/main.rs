//! The `milton` program: parse, run, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    milton::cli::main()
}
