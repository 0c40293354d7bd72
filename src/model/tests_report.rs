//! What the tests said, through the report that milton asked for.

use serde::{Deserialize, Serialize};

/// The judged result of the test suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Exit 0 and at least one test passed, by the report.
    Passed,
    /// The command or a test failed.
    Failed,
    /// The time limit ended the command.
    TimedOut,
    /// The report counts no passed test.
    NoneCounted,
    /// The command wrote no readable report.
    NoReport,
    /// The command could not be started.
    NotStarted,
    /// `MILTON_SELF_UPGRADE_SKIP_TESTS=1`.
    Skipped,
}

impl TestOutcome {
    /// Whether the checklist item "Tests pass" may be ticked.
    pub fn is_pass(self) -> bool {
        self == Self::Passed
    }
}

/// One failed test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// The test, as a person would name it (`tests/test_a.py::test_b`).
    pub name: String,
    /// The file of the failing assertion, relative to the repository, where the report tells it.
    pub file: Option<String>,
    /// The line of the failing assertion, from 1.
    pub line: Option<u32>,
    /// The first line of the failure.
    pub message: String,
    /// The traceback, at most 20 KiB.
    pub traceback: String,
}

/// The counts and failures of one run of the suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// Program and arguments, as the plan named them.
    pub argv: Vec<String>,
    /// The judged result.
    pub outcome: TestOutcome,
    /// The exit code; `None` when there was none (time-out, signal, not started, skipped).
    pub exit: Option<i32>,
    /// Passed tests.
    pub passed: u64,
    /// Failed tests, errors included.
    pub failed: u64,
    /// Skipped tests, expected failures included.
    pub skipped: u64,
    /// Wall time of the command in seconds.
    pub seconds: f64,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// The failures, at most 200.
    pub failures: Vec<FailedTest>,
    /// Why the outcome is what it is, in one sentence.
    pub reason: String,
}
