//! What the policy said about a change.

use serde::{Deserialize, Serialize};

use crate::model::Status;

/// One broken rule (CONTRACT: `violations`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// The rule id, such as `path.forbidden`.
    pub rule: String,
    /// What broke it: a path, a branch, a command, a number.
    pub subject: String,
    /// Why, in words that name the pattern or the limit.
    pub detail: String,
    /// Where the rule comes from: `embedded`, `repository`, `user`.
    pub source: String,
    /// What the human can do.
    pub remedy: String,
}

/// A fact of the change that a reviewer should weigh (CONTRACT: `risks`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Risk {
    /// The risk id, such as `tests_removed`.
    pub id: String,
    /// The file or thing it is about.
    pub subject: String,
    /// The fact, in one sentence.
    pub detail: String,
}

/// The size of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Changed files; a rename counts as its delete and its add.
    pub files: u64,
    /// Added lines.
    pub added: u64,
    /// Removed lines.
    pub removed: u64,
}

impl Stats {
    /// Added and removed lines together: what the line limit counts.
    pub fn lines(self) -> u64 {
        self.added.saturating_add(self.removed)
    }
}

/// The answer of the gate: every violation, not only the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Broken rules; empty means allowed.
    pub violations: Vec<Violation>,
    /// Facts to weigh.
    pub risks: Vec<Risk>,
    /// The size of the change.
    pub stats: Stats,
}

impl Verdict {
    /// Whether nothing was broken.
    pub fn is_allowed(&self) -> bool {
        self.violations.is_empty()
    }

    /// `SUCCESS` or `BLOCKED_BY_POLICY`, as `milton check` reports it.
    pub fn status(&self) -> Status {
        if self.is_allowed() {
            Status::Success
        } else {
            Status::BlockedByPolicy
        }
    }

    /// Adds what another check found.
    pub fn absorb(&mut self, other: Verdict) {
        self.violations.extend(other.violations);
        self.risks.extend(other.risks);
    }
}
