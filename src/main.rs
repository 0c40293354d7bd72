//! The program: for now, only the hidden subcommand that supervises a command.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(word) if word == milton::exec::SUPERVISE => milton::exec::supervise(),
        Some(_) | None => ExitCode::from(2),
    }
}
