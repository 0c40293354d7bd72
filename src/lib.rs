//! milton supervises software that changes software.
//!
//! The modules in reading order; dependencies point one way, from the bottom of this list up.

pub mod evidence;
pub mod headless;
pub mod model;
pub mod plan;
pub mod policy;
pub mod record;
pub mod text;

#[cfg(test)]
mod fixtures;
