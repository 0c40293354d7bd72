//! How a run of the pipeline ended, and what the human decided.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the pipeline ended (CONTRACT: `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The evidence is complete and ready for review.
    Success,
    /// The policy refused the change; nothing was written.
    BlockedByPolicy,
    /// The tests failed, timed out, or none was counted.
    TestFailure,
    /// Git refused; nothing was worked around.
    GitError,
    /// The proposal could not be obtained or read.
    PlanError,
    /// A person or a signal stopped the run.
    Stopped,
    /// A bug of milton.
    InternalError,
}

impl Status {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::BlockedByPolicy => "BLOCKED_BY_POLICY",
            Self::TestFailure => "TEST_FAILURE",
            Self::GitError => "GIT_ERROR",
            Self::PlanError => "PLAN_ERROR",
            Self::Stopped => "STOPPED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the human decided (CONTRACT: `decision`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Pending,
    /// Approved at a terminal, bound to digests.
    Approved,
    /// Comments went back to the proposer.
    ChangesRequested,
    /// The branch was removed; its tip is kept.
    Abandoned,
}

impl Decision {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::ChangesRequested => "changes_requested",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
