//! End to end: the real binary, real git, real processes, in a hermetic environment.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "test helpers"
)]

mod catalogue;
mod check;
#[path = "../claims/mod.rs"]
mod claims;
mod display;
mod environment;
mod host;
mod inspect;
mod moving;
mod proposals;
mod review;
mod run;
mod secrets;
mod stop;
mod verify;
