//! What `milton verify` found, check by check.

use serde::{Deserialize, Serialize};

/// Where a record ends. Kept outside the run's folder, it is the one thing that whoever rewrites the
/// whole folder cannot rewrite with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// How many events there are.
    pub events: u64,
    /// The digest of the last one's line, which names the one before it, and so on to the first.
    pub sha256: String,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It is as it was recorded.
    Ok,
    /// It is not.
    Failed,
    /// There is nothing to check, or nothing to check it against; the detail says why.
    NotChecked,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: a file of the run's folder, or `commit`, `tree`, `branch`, `diff`, `policy`, `approval`.
    pub subject: String,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// What was found: for a failure the line and the byte where it begins.
    pub detail: String,
}

impl Check {
    /// It is as it was recorded.
    pub fn ok(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, CheckOutcome::Ok, detail)
    }

    /// It is not as it was recorded.
    pub fn failed(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, CheckOutcome::Failed, detail)
    }

    /// It was not checked.
    pub fn not_checked(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, CheckOutcome::NotChecked, detail)
    }

    fn new(subject: impl Into<String>, outcome: CheckOutcome, detail: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            outcome,
            detail: detail.into(),
        }
    }

    /// Whether it is not as it was recorded.
    pub fn is_failed(&self) -> bool {
        self.outcome == CheckOutcome::Failed
    }
}
