//! The run store: one folder a run, holding everything the run did.
//!
//! The event log is the truth; the audit text log and every other file are made from it or from
//! what it points at. It is append-only and hash-chained, and it fails closed: what could not be
//! written did not happen. Nothing in here may judge, decide or show.

pub mod audit;
mod baseline;
mod error;
mod folder;
mod log;
mod store;
mod verify;
mod writer;

pub use baseline::Baselines;
pub use error::Error;
pub use folder::{Follower, Recorded, RunFolder};
pub use log::{MAX_LINE, Torn};
pub use store::Store;
pub use verify::{Verified, first_difference};
pub use writer::Writer;

#[cfg(test)]
mod tests;
