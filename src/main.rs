//! The `milton` program: parse, run, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    milton::exec::hidden_subcommand().unwrap_or_else(milton::cli::main)
}
