//! The plan: what a proposal sets out to do, in the words a reviewer checks it against.

use serde::{Deserialize, Serialize};

use crate::model::{Risk, Topic};

/// One file of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// The path, as proposed.
    pub path: String,
    /// Git's letter (`A`, `M`, `D`).
    pub letter: char,
    /// For the added half of a rename: where it came from.
    pub renamed_from: Option<String>,
    /// Why the file is in the plan, in one phrase.
    pub why: String,
    /// Added lines.
    pub added: u64,
    /// Removed lines.
    pub removed: u64,
}

/// A file that the scan of the repository found to matter, though the proposal does not touch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelevantFile {
    /// The path.
    pub path: String,
    /// Why it matters ("tests of src/a.py", "imports src/a.py").
    pub reason: String,
}

/// One command that verifies the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationCommand {
    /// Program and arguments; never a shell string.
    pub argv: Vec<String>,
    /// Who asked for it.
    pub origin: CommandOrigin,
    /// Why this command (`pytest: pytest.ini`).
    pub why: String,
    /// Whether it is the test suite, whose report decides "Tests pass".
    pub is_suite: bool,
}

/// Who asked for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandOrigin {
    /// Found in the repository's own set-up, on the base commit.
    Repository,
    /// The proposal's `verify`.
    Proposal,
    /// `--test`, typed by the human who started milton.
    Human,
}

/// The structured plan, shown before anything is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// One sentence.
    pub goal: String,
    /// The topic of the work branch that will be asked for.
    pub topic: Topic,
    /// The files, with why each is there.
    pub files: Vec<PlannedFile>,
    /// Files that matter to the change and are not touched.
    pub relevant: Vec<RelevantFile>,
    /// The verification commands, suite first.
    pub verification: Vec<VerificationCommand>,
    /// Risk notes that name facts of this change.
    pub risks: Vec<Risk>,
}
