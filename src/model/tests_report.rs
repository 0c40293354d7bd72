//! What the tests said, through the report that milton asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::CommandId;

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
    /// Whether the base fails it too.
    #[serde(default)]
    pub since: Since,
}

/// Since when a test fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// Nothing to compare with.
    #[default]
    Unknown,
    /// It does not fail on the base.
    New,
    /// It fails on the base as well.
    Base,
}

impl Since {
    /// What stands behind the name of a failed test; empty when nothing is known.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::New => "new",
            Self::Base => "old: fails on the base too",
        }
    }
}

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// It passed, unexpectedly or not.
    Passed,
    /// It failed, or its set-up, tear-down or collection did.
    Failed,
    /// It was skipped.
    Skipped,
    /// It failed as it was expected to.
    ExpectedFailure,
}

/// Every test of a run of the suite by its name.
pub type Cases = BTreeMap<String, CaseOutcome>;

/// Names, the first of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// All of them.
    pub count: u64,
    /// The first [`Names::KEPT`].
    pub names: Vec<String>,
}

impl Names {
    /// How many names are kept.
    pub const KEPT: usize = 50;

    /// Adds one.
    pub fn push(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < Self::KEPT {
            self.names.push(name.to_owned());
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first few names and how many more there are: `a, b and 3 more`.
    pub fn first(&self, most: usize) -> String {
        let shown: Vec<&str> = self.names.iter().take(most).map(String::as_str).collect();
        let rest = self.count.saturating_sub(shown.len() as u64);
        let shown = shown.join(", ");
        if rest == 0 {
            shown
        } else {
            format!("{shown} and {rest} more")
        }
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name));
        all
    }
}

/// Another run of the suite, beside the candidate's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherRun {
    /// The command; `None` when its result was known from an earlier run.
    pub command: Option<CommandId>,
    /// The judged result.
    pub outcome: TestOutcome,
    /// Passed tests.
    pub passed: u64,
    /// Failed tests.
    pub failed: u64,
    /// Skipped tests.
    pub skipped: u64,
    /// Wall time in seconds, of the run that was made.
    pub seconds: f64,
    /// Why the outcome is what it is.
    pub reason: String,
    /// The paths that stood as the base has them.
    #[serde(default)]
    pub replaced: Vec<String>,
}

/// From which file the tests imported a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The module's name.
    pub module: String,
    /// The file: relative to the repository when it is the candidate's own, else absolute.
    pub file: String,
    /// Whether it is a file of the candidate's tree.
    pub is_candidate: bool,
    /// Whether the change touches the module.
    pub is_changed: bool,
}

/// How a report reached milton.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A JUnit file that the tests' own process wrote.
    #[default]
    Junit,
    /// Milton's own plugin, line by line, authenticated; the JUnit file agrees.
    Record,
}

/// What stands behind the counts: how they came, and how they compare with the base.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Integrity {
    /// How the report came.
    pub channel: Channel,
    /// The suite on the base; `None` when it was not run.
    pub base: Option<OtherRun>,
    /// The suite on the candidate with the base's harness; `None` when no harness file changed.
    pub deciding: Option<OtherRun>,
    /// Failed here, not on the base.
    pub new_failures: Names,
    /// Failed here and on the base.
    pub old_failures: Names,
    /// Failed on the base, pass here.
    pub fixed: Names,
    /// Ran on the base and here not, and nothing that stands for them.
    pub missing: Names,
    /// Skipped or expected to fail here, not on the base.
    pub newly_skipped: Names,
    /// Passed here, and failed or did not run with the base's harness.
    pub harness_dependent: Names,
    /// Where the tests imported the candidate's modules from.
    pub imports: Vec<Import>,
    /// Why "Tests pass" stays open although the suite passed, one phrase each.
    pub open: Vec<String>,
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
    /// What stands behind the counts.
    #[serde(default)]
    pub integrity: Box<Integrity>,
}
