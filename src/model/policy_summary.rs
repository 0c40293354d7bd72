//! What a run records of the policy that judged it.

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// A loosening by the human who started milton: shown in the header and recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Its name without the common prefix (`MAX_LOC`, `SKIP_TESTS`, `exception`).
    pub name: String,
    /// Its value.
    pub value: String,
    /// Where it was set (`environment`, or the path of the user's policy file).
    pub source: String,
}

impl Override {
    /// `MAX_LOC=9000`, as the evidence lists it.
    pub fn label(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// The effective policy in figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySummary {
    /// The policy document's version.
    pub version: String,
    /// The digest of the effective policy.
    pub digest: Digest,
    /// How many rules are in force.
    pub rules: u64,
    /// The sources that contributed (`embedded`, `repository <oid>`, `user <path>`).
    pub sources: Vec<String>,
    /// At most so many files.
    pub max_files: u64,
    /// At most so many added and removed lines.
    pub max_lines: u64,
    /// The time limit of a command, in seconds.
    pub timeout_seconds: u64,
}
