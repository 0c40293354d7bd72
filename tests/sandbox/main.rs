//! Hostile test programs through the real binary, and honest ones that must not notice.
//!
//! Every program runs in `milton run` on a real repository in a home folder full of things that
//! nobody may read or change, as an ordinary user and, where the tests are started by root, as
//! root too. Afterwards the machine is looked at from outside: not one byte, mode or time may have
//! changed, no listener heard anything, no process and no object is left, no secret was printed.
//!
//! A machine that cannot have the full sandbox fails these tests. Whoever knows that it cannot says
//! so with `MILTON_TEST_WITHOUT_FULL_SANDBOX=1`; nothing is skipped otherwise.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking, and this one is about processes"
)]

mod cases;
#[path = "../claims/mod.rs"]
mod claims;
mod controls;
mod hostile;
mod machine;
mod project;
mod snapshot;
