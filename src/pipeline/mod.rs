//! One run from proposal to decision.
//!
//! [`machine`] is the pure state machine that knows the order of things; [`driver`] performs the
//! effects it asks for through the [`ports`] and records every fact before anybody sees it.

pub mod approval;
mod baseline;
mod building;
mod command;
mod comparing;
mod concluding;
pub mod driver;
pub mod fallback;
mod imports;
mod integrity;
pub mod machine;
mod planning;
pub mod ports;
mod redaction;
#[cfg(target_os = "linux")]
pub mod sandboxed;
pub mod tiers;

pub use planning::{REPOSITORY_POLICY, load_policy};
mod reviewing;
pub mod testing;
pub mod verification;
mod verifying;

use crate::model::{CommandId, Event};

/// What a screen or printer learns from a run, in order.
#[derive(Clone, Debug)]
pub enum Update {
    /// Something happened; it is already in the record.
    Event(Box<Event>),
    /// The running command's output file grew to so many bytes. May be dropped when the receiver is
    /// slow: the next one carries the newer figure.
    Output {
        /// The command.
        command: CommandId,
        /// The size of its output file.
        bytes: u64,
    },
    /// Nothing more will come.
    Closed,
}
