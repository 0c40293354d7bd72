//! There is no sandbox to attack where milton does not run on Linux.

use std::path::Path;

use crate::model::Tier;

/// One attempt and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub what: &'static str,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// Nothing can be tried here.
///
/// # Errors
///
/// Always.
pub fn attempts(
    _tier: Tier,
    _program: &Path,
    _bubblewrap: Option<&Path>,
) -> Result<Vec<Attempt>, String> {
    Err("the sandbox needs Linux".to_owned())
}
