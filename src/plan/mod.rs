//! An untrusted proposal becomes a change set and a plan.
//!
//! Everything here is pure apart from reading the base commit through
//! [`BaseTree`](crate::model::BaseTree): no file, process, clock or network. The text of a proposal
//! is hostile until the policy has judged it, so the readers bound size and depth, never panic,
//! and keep every path exactly as it was written.

mod apply;
mod draft;
mod edits;
mod error;
mod kinds;
mod lines;
mod make;
mod names;
mod overlay;
mod patch;
mod proposal;
mod render;
mod scan;
mod text;
mod verification;
mod why;
mod wording;

pub use draft::{ApplyFailure, Draft, draft};
pub use edits::Edit;
pub use error::Error;
pub use make::{PlanInputs, make};
pub use patch::Patch;
pub use proposal::{Edits, Proposal, read_patch, read_proposal};
pub use render::render_patch;
pub use verification::verification;
pub use wording::{goal, topic};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
