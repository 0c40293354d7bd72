//! Everything that happens in a run is one [`Event`]: past tense, appended to the record before it
//! is shown. The screen, the headless printer, the evidence and the audit log are folds over them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{
    Approval, ChecklistItem, CommandEnd, CommandStart, Comment, Digest, ItemId, LineStat, Oid,
    Override, Plan, PolicySummary, Risk, RunId, SandboxReport, Stats, Status, TestReport, Verdict,
    WorkBranch,
};

/// The version of the event's form; a reader refuses a newer one.
pub const SCHEMA: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`SCHEMA`].
    pub schema: u32,
    /// From 1, without gaps.
    pub seq: u64,
    /// When, in UTC.
    pub at: Timestamp,
    /// In which run.
    pub run: RunId,
    /// What.
    pub kind: EventKind,
}

/// The steps of a run, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Read the proposal, scan the repository, make the plan.
    Plan,
    /// Gate 1: the policy judges the proposal.
    Policy,
    /// Build the commit in the object database.
    Commit,
    /// Gate 2: the policy judges the built tree.
    Recheck,
    /// Create the branch.
    Branch,
    /// Run the verification commands.
    Tests,
    /// Write the evidence.
    Evidence,
    /// The human reviews.
    Review,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::Plan,
        Self::Policy,
        Self::Commit,
        Self::Recheck,
        Self::Branch,
        Self::Tests,
        Self::Evidence,
        Self::Review,
    ];

    /// What the reviewer reads.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plan => "make the plan",
            Self::Policy => "validate policy",
            Self::Commit => "build the commit",
            Self::Recheck => "re-check the tree",
            Self::Branch => "create branch",
            Self::Tests => "run tests",
            Self::Evidence => "collect evidence",
            Self::Review => "human review",
        }
    }
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseOutcome {
    /// Done.
    Done,
    /// Failed; the run ends or asks the human.
    Failed,
    /// Not needed, or switched off by an override.
    Skipped,
}

/// Which gate judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The proposal, before anything is written.
    Proposal,
    /// The built tree, before a branch points at it.
    Tree,
}

/// A file in the run's folder: a patch, or a part of the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchRef {
    /// The file's name under the run's folder.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The digest of the whole file.
    pub sha256: Digest,
}

/// One file of the real diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// Git's letter: `A`, `M`, `D`, `R` or `T`.
    pub letter: char,
    /// The path (the new one of a rename).
    pub path: String,
    /// The old path of a rename.
    pub old_path: Option<String>,
    /// Changed lines.
    pub lines: LineStat,
}

/// What happened. Past tense; a new kind must break the build in every sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A run began.
    RunStarted {
        /// The human's free text.
        request: String,
        /// Where the proposal comes from (`patch fix.diff`, `proposal -`).
        source: String,
        /// The repository's work tree (or git directory, when bare).
        repository: String,
        /// Milton's version.
        version: String,
    },
    /// The effective policy was loaded.
    PolicyLoaded {
        /// The policy in figures.
        policy: PolicySummary,
        /// The human's loosenings.
        overrides: Vec<Override>,
    },
    /// The base commit was chosen.
    BaseResolved {
        /// The branch (`main`); `None` when HEAD is detached or an id was given.
        branch: Option<String>,
        /// The base commit.
        commit: Oid,
    },
    /// A phase began.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A phase ended.
    PhaseFinished {
        /// Which.
        phase: Phase,
        /// How.
        outcome: PhaseOutcome,
    },
    /// The plan was made.
    PlanMade {
        /// The plan.
        plan: Box<Plan>,
        /// The proposed patch, `plan.patch`.
        patch: PatchRef,
    },
    /// A gate judged.
    GateJudged {
        /// Which.
        gate: Gate,
        /// What it said.
        verdict: Verdict,
    },
    /// A command began.
    CommandStarted {
        /// The command.
        command: CommandStart,
    },
    /// A command ended.
    CommandFinished {
        /// How, and what it printed.
        end: CommandEnd,
    },
    /// The commit was built; no ref points at it yet.
    CommitBuilt {
        /// The commit.
        commit: Oid,
        /// Its tree.
        tree: Oid,
    },
    /// The branch was created.
    BranchCreated {
        /// The branch.
        branch: WorkBranch,
        /// The commit it points at.
        commit: Oid,
    },
    /// The real diff was written.
    DiffWritten {
        /// The patch, `diff.patch`.
        patch: PatchRef,
        /// Its size.
        stats: Stats,
        /// Its files.
        files: Vec<ChangedFile>,
    },
    /// The isolation of commands was chosen.
    SandboxChosen {
        /// The tier and its gaps.
        sandbox: SandboxReport,
    },
    /// A verification command was not run.
    VerificationSkipped {
        /// The command.
        argv: Vec<String>,
        /// Why.
        reason: String,
    },
    /// The test suite ended.
    TestsFinished {
        /// The counts.
        report: TestReport,
    },
    /// Facts to weigh turned up after the plan.
    RisksNoted {
        /// The facts.
        risks: Vec<Risk>,
    },
    /// The checklist was filled from measured facts.
    ChecklistFilled {
        /// The six items.
        items: Vec<ChecklistItem>,
    },
    /// The evidence was written. Recorded once more after each decision, which the evidence names.
    EvidenceWritten {
        /// The run's folder.
        dir: String,
        /// The files with their digests; older records have none.
        #[serde(default)]
        files: Vec<PatchRef>,
    },
    /// The run met an error.
    RunFailed {
        /// The status it leads to.
        status: Status,
        /// What happened.
        message: String,
        /// What to do next.
        hint: String,
        /// More lines: a failing hunk with its context, git's own words.
        detail: Vec<String>,
    },
    /// The pipeline ended; what follows is the human's.
    RunFinished {
        /// How.
        status: Status,
    },
    /// The reviewer did something.
    Reviewed {
        /// What.
        act: ReviewAct,
    },
    /// Something the human should read; nothing changed (an abandon that git refused, say).
    Noticed {
        /// The text.
        text: String,
        /// What to do next.
        hint: String,
    },
}

/// What the reviewer did. These come after the pipeline's own events, in any number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReviewAct {
    /// A human item was ticked or unticked.
    ItemTicked {
        /// Which.
        item: ItemId,
        /// The new state.
        ticked: bool,
        /// The tree that was on screen.
        tree: Oid,
    },
    /// A file was marked viewed or not.
    FileViewed {
        /// The path.
        path: String,
        /// The new state.
        viewed: bool,
    },
    /// A finding was read.
    FindingRead {
        /// Its index.
        finding: u32,
    },
    /// A comment was written (an existing id replaces it).
    Commented {
        /// The comment.
        comment: Comment,
    },
    /// A comment was deleted.
    CommentDeleted {
        /// Its id.
        id: u32,
    },
    /// The tests were started again on the same tree.
    TestsRestarted,
    /// The reviewer takes the failing tests on himself.
    TestFailureAcknowledged {
        /// Why; never empty.
        note: String,
        /// Who.
        by: String,
    },
    /// The change was approved.
    Approved {
        /// What exactly.
        approval: Approval,
        /// The command that merges it; milton never runs it.
        merge_command: String,
    },
    /// The comments go back to the proposer.
    ChangesRequested {
        /// Who.
        by: String,
    },
    /// The branch was removed.
    Abandoned {
        /// The branch; `None` when there never was one.
        branch: Option<WorkBranch>,
        /// The ref that keeps its tip.
        kept_as: Option<String>,
        /// Who.
        by: String,
    },
    /// An abandoned branch was restored.
    Restored {
        /// The branch.
        branch: WorkBranch,
        /// Its tip.
        commit: Oid,
        /// Who.
        by: String,
    },
}
