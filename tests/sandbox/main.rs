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
mod controls;
mod hostile;
mod machine;
mod project;
mod snapshot;

/// Entries of `tests/data/bypasses.jsonl` that are answered here.
pub(crate) const CLAIMED: &[&str] = &[
    "SBX-01",
    "SBX-02",
    "SBX-05",
    "SBX-06",
    "SBX-08",
    "SBX-09",
    "SBX-10",
    "SBX-13",
    "SBX-15",
    "SBX-16",
    "SBX-19",
    "SBX-21",
    "SBX-23",
    "SBX-24",
    "SBX-25",
    "SBX-26",
    "SBX-27",
    "SBX-29",
    "SBX-30",
    "SBX-33",
    "SBX-34",
    "SBX-35",
    "SBX-36",
    "SBX-37",
    "SBX-39",
    "SBX-41",
    "SBX-42",
    "SBX-43",
    "SBX-44",
    "SBX-surface",
    "SBX-nested-userns",
    "SBX-rename-dir",
    "SBX-venv-visible",
    "SBX-toolchain-home",
    "EV-timeout-slow",
    "EV-pipe-held",
    "EV-orphan",
];
