//! Real processes through the real binary: what `milton::exec` promises about them.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "helper functions of a test may fail loudly, and this test is about processes and their environment"
)]

mod exec {
    mod python;
    mod supervision;
    mod support;
}
