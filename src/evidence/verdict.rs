//! The verdict object of the contract: the last line of `run --headless --format json`.

use serde::{Deserialize, Serialize};

use super::checklist_now;
use crate::model::event::SCHEMA;
use crate::model::{
    ChecklistItem, Decision, Integrity, Oid, Override, Risk, RunId, RunState, Seal, Stats, Status,
    Tier, Violation, WorkBranch,
};

/// What a script reads of a run (CONTRACT: verdict object).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictObject {
    /// Always `verdict`.
    pub r#type: String,
    /// The version of this form.
    pub schema: u32,
    /// The run.
    pub run: RunId,
    /// How the pipeline ended; null while it runs.
    pub status: Option<Status>,
    /// What the human decided.
    pub decision: Decision,
    /// The work branch; null when none was created.
    pub branch: Option<WorkBranch>,
    /// The base commit.
    pub base: Option<Oid>,
    /// The commit; null when none was built.
    pub commit: Option<Oid>,
    /// Its tree.
    pub tree: Option<Oid>,
    /// The files of the real diff; empty when nothing was committed.
    pub files: Vec<FileEntry>,
    /// The size of the change.
    pub stats: Stats,
    /// The test suite; null when it did not come to that.
    pub tests: Option<TestsEntry>,
    /// The six items as they stand now.
    pub checklist: Vec<ChecklistItem>,
    /// Facts to weigh.
    pub risks: Vec<Risk>,
    /// Broken rules of both gates, each once.
    pub violations: Vec<Violation>,
    /// The isolation of commands.
    pub sandbox: SandboxEntry,
    /// The human's loosenings, as `MAX_LOC=9000`.
    pub overrides: Vec<String>,
    /// The run's folder; null before the evidence was written.
    pub evidence_dir: Option<String>,
    /// Where the record stands, for `milton verify --seal`; only at the end of `run --format json`,
    /// because nothing that lies in the record can hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
}

/// One changed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The path (the new one of a rename).
    pub path: String,
    /// Git's letter.
    pub status: char,
    /// The old path of a rename.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub old_path: Option<String>,
    /// Added lines.
    pub added: u64,
    /// Removed lines.
    pub removed: u64,
}

/// The figures of the test suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestsEntry {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The exit code; null when there was none.
    pub exit: Option<i32>,
    /// Passed tests.
    pub passed: u64,
    /// Failed tests.
    pub failed: u64,
    /// Skipped tests.
    pub skipped: u64,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// What stands behind the counts: the channel, the base's run, what is new, old and missing.
    #[serde(default)]
    pub integrity: Box<Integrity>,
}

/// The isolation of commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxEntry {
    /// The tier; `none` when nothing was run.
    pub tier: Tier,
    /// What it does not stop.
    pub gaps: Vec<String>,
}

/// The verdict object of a run.
pub fn verdict(state: &RunState) -> VerdictObject {
    let mut violations: Vec<Violation> = Vec::new();
    for violation in state.violations() {
        if !violations.contains(violation) {
            violations.push(violation.clone());
        }
    }
    let files = state.changed_files.iter().map(|file| FileEntry {
        path: file.path.clone(),
        status: file.letter,
        old_path: file.old_path.clone(),
        added: file.lines.added,
        removed: file.lines.removed,
    });
    let tests = state.tests.as_ref().map(|report| TestsEntry {
        argv: report.argv.clone(),
        exit: report.exit,
        passed: report.passed,
        failed: report.failed,
        skipped: report.skipped,
        seconds: report.seconds,
        timed_out: report.timed_out,
        integrity: report.integrity.clone(),
    });
    let sandbox = state.sandbox.as_ref();
    VerdictObject {
        r#type: "verdict".to_owned(),
        schema: SCHEMA,
        run: state.run.clone(),
        status: state.status,
        decision: state.decision,
        branch: state.branch.clone(),
        base: state.base.clone(),
        commit: state.commit.clone(),
        tree: state.tree.clone(),
        files: files.collect(),
        stats: state.stats,
        tests,
        checklist: checklist_now(state),
        risks: state.findings.iter().map(|f| f.risk.clone()).collect(),
        violations,
        sandbox: SandboxEntry {
            tier: sandbox.map_or(Tier::None, |s| s.tier),
            gaps: sandbox.map(|s| s.gaps.clone()).unwrap_or_default(),
        },
        overrides: state.overrides.iter().map(Override::label).collect(),
        evidence_dir: state.evidence_dir.clone(),
        seal: None,
    }
}
