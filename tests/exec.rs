//! Real processes through the real binary: what `milton::exec` promises about them.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    missing_docs,
    reason = "helper functions of a test may fail loudly, and this test is about processes and their environment"
)]

mod exec {
    mod python;
    mod supervision;
    mod support;
}
