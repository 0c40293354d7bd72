//! milton supervises software that changes software.
//!
//! The modules in reading order; dependencies point one way, from the bottom of this list up.

pub mod model;
pub mod text;

pub mod evidence;
pub mod exec;
pub mod git;
pub mod plan;
pub mod policy;
pub mod record;

pub mod error;
pub mod headless;
pub mod pipeline;

pub mod config;

#[cfg(test)]
mod fixtures;
