//! [`RunState`]: the fold over a run's events that every view is drawn from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::event::{ChangedFile, PatchRef};
use crate::model::{
    Approval, ChecklistItem, CommandEnd, CommandStart, Comment, Decision, Event, ItemId, Oid,
    Override, Phase, PhaseOutcome, Plan, PolicySummary, Risk, RunId, SandboxReport, Stats, Status,
    TestOutcome, TestReport, TickedBy, Verdict, Violation, WorkBranch,
};

/// A phase as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseState {
    /// Which.
    pub phase: Phase,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<PhaseOutcome>,
}

/// A command as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandState {
    /// What was started.
    pub start: CommandStart,
    /// When.
    pub started: Timestamp,
    /// How it ended.
    pub end: Option<CommandEnd>,
}

/// A fact that must be read before approval.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The fact.
    pub risk: Risk,
    /// Whether the reviewer read it.
    pub read: bool,
}

/// An error as the reviewer reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The status it led to.
    pub status: Status,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// More lines.
    pub detail: Vec<String>,
}

/// The state of a run after some of its events. Applying the same events gives the same state,
/// whether they come live or from the record.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// The run.
    pub run: RunId,
    /// The sequence number of the last event applied.
    pub last_seq: u64,
    /// When the run began.
    pub started: Option<Timestamp>,
    /// When the last event happened.
    pub last_at: Option<Timestamp>,
    /// When the pipeline ended.
    pub finished: Option<Timestamp>,
    /// The human's free text.
    pub request: String,
    /// Where the proposal came from.
    pub source: String,
    /// The repository.
    pub repository: String,
    /// The policy in figures.
    pub policy: Option<PolicySummary>,
    /// The human's loosenings.
    pub overrides: Vec<Override>,
    /// The base branch.
    pub base_branch: Option<String>,
    /// The base commit.
    pub base: Option<Oid>,
    /// The phases that began.
    pub phases: Vec<PhaseState>,
    /// The plan.
    pub plan: Option<Plan>,
    /// The proposed patch.
    pub plan_patch: Option<PatchRef>,
    /// What gate 1 said.
    pub proposal_verdict: Option<Verdict>,
    /// What gate 2 said.
    pub tree_verdict: Option<Verdict>,
    /// The commands, in order.
    pub commands: Vec<CommandState>,
    /// The commit.
    pub commit: Option<Oid>,
    /// Its tree.
    pub tree: Option<Oid>,
    /// The branch.
    pub branch: Option<WorkBranch>,
    /// The real diff.
    pub diff: Option<PatchRef>,
    /// Its size.
    pub stats: Stats,
    /// Its files.
    pub changed_files: Vec<ChangedFile>,
    /// The isolation.
    pub sandbox: Option<SandboxReport>,
    /// Verification commands that were not run, with the reason.
    pub skipped: Vec<(Vec<String>, String)>,
    /// The last test report.
    pub tests: Option<TestReport>,
    /// Facts to read.
    pub findings: Vec<Finding>,
    /// The checklist as the machine filled it.
    pub checklist: Vec<ChecklistItem>,
    /// The reviewer's ticks, with the tree each was given on.
    pub ticks: BTreeMap<ItemId, Oid>,
    /// Files marked viewed.
    pub viewed: BTreeSet<String>,
    /// Comments by id.
    pub comments: BTreeMap<u32, Comment>,
    /// The evidence's folder.
    pub evidence_dir: Option<String>,
    /// The error that ended the run.
    pub failure: Option<Failure>,
    /// How the pipeline ended; `None` while it runs.
    pub status: Option<Status>,
    /// Whether tests run again after the pipeline ended.
    pub retesting: bool,
    /// Why the reviewer takes failing tests on himself, and who.
    pub acknowledged: Option<(String, String)>,
    /// The decision.
    pub decision: Decision,
    /// The approval.
    pub approval: Option<Approval>,
    /// The command that merges it.
    pub merge_command: Option<String>,
    /// The ref that keeps an abandoned tip.
    pub kept_as: Option<String>,
    /// Messages for the human, newest last.
    pub notices: Vec<(String, String)>,
}

impl RunState {
    /// The state before the first event.
    pub fn new(run: RunId) -> Self {
        Self {
            run,
            last_seq: 0,
            started: None,
            last_at: None,
            finished: None,
            request: String::new(),
            source: String::new(),
            repository: String::new(),
            policy: None,
            overrides: Vec::new(),
            base_branch: None,
            base: None,
            phases: Vec::new(),
            plan: None,
            plan_patch: None,
            proposal_verdict: None,
            tree_verdict: None,
            commands: Vec::new(),
            commit: None,
            tree: None,
            branch: None,
            diff: None,
            stats: Stats::default(),
            changed_files: Vec::new(),
            sandbox: None,
            skipped: Vec::new(),
            tests: None,
            findings: Vec::new(),
            checklist: Vec::new(),
            ticks: BTreeMap::new(),
            viewed: BTreeSet::new(),
            comments: BTreeMap::new(),
            evidence_dir: None,
            failure: None,
            status: None,
            retesting: false,
            acknowledged: None,
            decision: Decision::Pending,
            approval: None,
            merge_command: None,
            kept_as: None,
            notices: Vec::new(),
        }
    }

    /// The state after all of `events`; `None` when there are none.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Self> {
        let mut state: Option<Self> = None;
        for event in events {
            state
                .get_or_insert_with(|| Self::new(event.run.clone()))
                .apply(event);
        }
        state
    }

    /// The goal of the plan, or the request until there is a plan.
    pub fn goal(&self) -> &str {
        self.plan.as_ref().map_or(&self.request, |plan| &plan.goal)
    }

    /// Every violation of both gates.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        let verdicts = self.proposal_verdict.iter().chain(&self.tree_verdict);
        verdicts.flat_map(|verdict| &verdict.violations)
    }

    /// Whether the pipeline works: before it ended, or while tests run again.
    pub fn is_busy(&self) -> bool {
        self.status.is_none() || self.retesting
    }

    /// Whether an item is ticked now: a machine item by its facts, a human item by a tick that was
    /// given on the tree that is under review.
    pub fn is_ticked(&self, item: ItemId) -> bool {
        match item.by() {
            TickedBy::Machine => self.checklist.iter().any(|i| i.id == item && i.ticked),
            TickedBy::Human => self.tree.is_some() && self.ticks.get(&item) == self.tree.as_ref(),
        }
    }

    /// Whether approval may leave "Tests pass" open: the reviewer acknowledged the failure with a
    /// note, or the human who started milton switched the tests off.
    pub fn tests_may_be_open(&self) -> bool {
        let skipped = self
            .tests
            .as_ref()
            .is_some_and(|t| t.outcome == TestOutcome::Skipped);
        self.acknowledged.is_some() || skipped
    }

    /// The checklist with the reviewer's ticks in it.
    pub fn checklist_now(&self) -> Vec<ChecklistItem> {
        let mut items = self.checklist.clone();
        for item in &mut items {
            item.ticked = self.is_ticked(item.id);
        }
        items
    }

    /// The command that runs now.
    pub fn running_command(&self) -> Option<&CommandState> {
        self.commands.iter().rfind(|c| c.end.is_none())
    }

    /// The last command that ran on the candidate what the plan names so. A test runner is asked for its report by
    /// arguments behind the plan's own, and pytest may be started as a module of its Python.
    pub fn command_of(&self, argv: &[String]) -> Option<&CommandState> {
        let tail = argv.get(1..).unwrap_or_default();
        let is_module = |ran: &[String]| match ran {
            [_, dash, module, rest @ ..] => {
                dash == "-m" && argv.first() == Some(module) && rest.starts_with(tail)
            }
            [] | [_] | [_, _] => false,
        };
        self.commands.iter().rfind(|command| {
            let ran = &command.start.argv;
            let on_candidate = command.start.purpose.is_on_candidate();
            on_candidate && (ran.starts_with(argv) || is_module(ran))
        })
    }
}
