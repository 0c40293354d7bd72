//! milton supervises software that changes software.
//!
//! The modules in reading order: the words of the domain first, the command line last.
//! Dependencies point one way, up this list.

pub mod model;
pub mod text;

pub mod policy;

pub mod evidence;
pub mod exec;
pub mod git;
pub mod plan;
pub mod record;

pub mod error;
pub mod pipeline;

pub mod headless;
pub mod tui;

pub mod config;

pub mod cli;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
