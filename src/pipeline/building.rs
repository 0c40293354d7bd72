//! The steps from the plan to the branch: gate, commit, gate again, branch, diff. Each returns its
//! facts and how it went; the driver records the facts.

use std::time::Instant;

use crate::error::Failure;
use crate::exec;
use crate::git::CommitMessage;
use crate::model::event::Gate;
use crate::model::{
    CommandEnd, CommandId, CommandStart, Digest, EventKind, ExitKind, OutputSummary, Status,
    Violation,
};
use crate::pipeline::driver::{Driver, Step, StepResult, judged};
use crate::plan::Draft;
use crate::policy::Proposed;

impl Driver {
    /// Gate 1: nothing is written yet; every violation is listed. A hunk that does not apply ends
    /// the run only after the policy had its say, because a refusal is the stronger answer.
    pub(super) fn gate_proposal(&mut self) -> StepResult {
        let mut facts = Vec::new();
        let result = self.try_gate_proposal(&mut facts);
        (facts, result)
    }

    fn try_gate_proposal(&mut self, facts: &mut Vec<EventKind>) -> Result<Step, Failure> {
        let base = self.work.base.as_ref().ok_or_else(out_of_order)?;
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        let draft = self.work.draft.as_ref().ok_or_else(out_of_order)?;
        let asked = self.work.asked.as_ref().ok_or_else(out_of_order)?;
        let snapshot = self
            .ports
            .git
            .snapshot(&base.commit)
            .map_err(|e| git_failure(&e))?;
        let notes = self.work.proposal.as_ref().map(|proposal| &proposal.risks);
        let proposed = Proposed {
            request: &asked.request,
            goal: &asked.goal,
            notes: notes.map_or(&[], Vec::as_slice),
            branch: &self.work.branch_name,
            protected: &self.ports.git.protected_branches(base),
            changes: &draft.changes,
            verification: &asked.verification,
        };
        let gated = policy
            .gate(&proposed, &*snapshot)
            .map_err(|e| tree_failure(&e))?;
        drop(snapshot);
        let mut verdict = gated.verdict;
        if !policy.skip_tests()
            && let Err(reason) = self.ports.sandbox.available()
        {
            verdict.violations.push(no_sandbox(&reason));
        }
        let cleared = gated.cleared.filter(|_| verdict.is_allowed());
        let (fact, step) = judged(Gate::Proposal, verdict);
        facts.push(fact);
        self.work.cleared = cleared;
        match step {
            Step::Refused => Ok(Step::Refused),
            Step::Done => match apply_failure(draft) {
                Some(failure) => Err(failure),
                None => Ok(Step::Done),
            },
        }
    }

    /// Builds the commit in the object database; no ref points at it.
    pub(super) fn build_commit(&mut self) -> StepResult {
        let mut facts = Vec::new();
        let result = self.try_build(&mut facts);
        (facts, result)
    }

    fn try_build(&mut self, facts: &mut Vec<EventKind>) -> Result<Step, Failure> {
        let base = self.work.base.as_ref().ok_or_else(out_of_order)?;
        let cleared = self.work.cleared.as_ref().ok_or_else(out_of_order)?;
        let message = self.commit_message();
        let mut add = vec!["git".to_owned(), "add".to_owned(), "--".to_owned()];
        add.extend(
            cleared
                .changes
                .get()
                .files
                .iter()
                .map(|file| file.path.clone()),
        );
        let commit = vec![
            "git".to_owned(),
            "commit".to_owned(),
            "-m".to_owned(),
            message.subject.clone(),
        ];
        let begun = Instant::now();
        let built = self
            .ports
            .git
            .build_commit(&base.commit, &cleared.changes, &message);
        // Blobs, trees and the commit are one operation of libgit2; it is logged under the two
        // commands of the policy that it stands for.
        self.log_in_process(facts, add, Instant::now(), Ok(String::new()));
        let said = built
            .as_ref()
            .map(|built| built.commit.to_string())
            .map_err(ToString::to_string);
        self.log_in_process(facts, commit, begun, said);
        let built = built.map_err(|e| git_failure(&e))?;
        facts.push(EventKind::CommitBuilt {
            commit: built.commit.clone(),
            tree: built.tree.clone(),
        });
        self.work.built = Some(built);
        Ok(Step::Done)
    }

    fn commit_message(&self) -> CommitMessage {
        let goal = self.run.goal().to_owned();
        let digest = self
            .run
            .policy
            .as_ref()
            .map(|policy| policy.digest.to_string())
            .unwrap_or_default();
        let request = self.run.request.trim();
        let body = if request == goal {
            String::new()
        } else {
            request.to_owned()
        };
        CommitMessage {
            subject: goal,
            body,
            trailers: vec![
                ("Milton-Run".to_owned(), self.run.run.to_string()),
                ("Milton-Policy".to_owned(), digest),
                ("Proposed-by".to_owned(), self.run.source.clone()),
            ],
        }
    }

    /// Gate 2: the delta is re-read from the built objects and judged again.
    pub(super) fn gate_tree(&mut self) -> StepResult {
        let mut facts = Vec::new();
        let result = self.try_gate_tree(&mut facts);
        (facts, result)
    }

    fn try_gate_tree(&mut self, facts: &mut Vec<EventKind>) -> Result<Step, Failure> {
        let base = self.work.base.as_ref().ok_or_else(out_of_order)?;
        let built = self.work.built.as_ref().ok_or_else(out_of_order)?;
        let cleared = self.work.cleared.as_ref().ok_or_else(out_of_order)?;
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        let actual = self
            .ports
            .git
            .delta(&base.commit, &built.commit)
            .map_err(|e| git_failure(&e))?;
        let snapshot = self
            .ports
            .git
            .snapshot(&base.commit)
            .map_err(|e| git_failure(&e))?;
        let (verdict, permission) = policy
            .recheck(built.commit.clone(), &actual, &cleared.changes, &*snapshot)
            .map_err(|e| tree_failure(&e))?;
        drop(snapshot);
        self.work.cleared_commit = permission;
        let (fact, step) = judged(Gate::Tree, verdict);
        facts.push(fact);
        Ok(step)
    }

    /// Creates the branch and writes the real diff.
    pub(super) fn create_branch(&mut self) -> StepResult {
        let mut facts = Vec::new();
        let result = self.try_branch(&mut facts);
        (facts, result)
    }

    fn try_branch(&mut self, facts: &mut Vec<EventKind>) -> Result<Step, Failure> {
        let base = self.work.base.clone().ok_or_else(out_of_order)?;
        let cleared = self.work.cleared.as_ref().ok_or_else(out_of_order)?;
        let commit = self.work.cleared_commit.as_ref().ok_or_else(out_of_order)?;
        let begun = Instant::now();
        let created = self.ports.git.create_branch(&cleared.branch, commit);
        let name = created
            .as_ref()
            .map_or_else(|_| cleared.branch.get().to_string(), ToString::to_string);
        let argv = ["git", "checkout", "-b", &name].map(str::to_owned).to_vec();
        let said = created
            .as_ref()
            .map(|_| String::new())
            .map_err(ToString::to_string);
        self.log_in_process(facts, argv, begun, said);
        let branch = created.map_err(|e| git_failure(&e))?;
        let commit = commit.get().clone();
        facts.push(EventKind::BranchCreated {
            branch: branch.clone(),
            commit: commit.clone(),
        });
        let begun = Instant::now();
        let diff = self.ports.git.diff(&base.commit, &commit);
        let from = base
            .branch
            .clone()
            .unwrap_or_else(|| base.commit.short().to_owned());
        let argv = vec![
            "git".to_owned(),
            "diff".to_owned(),
            format!("{from}...{branch}"),
        ];
        let said = diff
            .as_ref()
            .map(|diff| format!("sha256 {}", Digest::of(&diff.text)))
            .map_err(ToString::to_string);
        self.log_in_process(facts, argv, begun, said);
        let diff = diff.map_err(|e| git_failure(&e))?;
        let patch = self.write_patch("diff.patch", &diff.text)?;
        facts.push(EventKind::DiffWritten {
            patch,
            stats: diff.stats,
            files: diff.files,
        });
        Ok(Step::Done)
    }

    /// Logs an operation that libgit2 did inside milton under the git command it stands for.
    fn log_in_process(
        &self,
        facts: &mut Vec<EventKind>,
        argv: Vec<String>,
        begun: Instant,
        said: Result<String, String>,
    ) {
        let earlier = facts
            .iter()
            .filter(|f| matches!(f, EventKind::CommandStarted { .. }))
            .count();
        let id =
            CommandId(u32::try_from(self.run.commands.len() + earlier + 1).unwrap_or(u32::MAX));
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (exit, out, err) = match said {
            Ok(text) => (ExitKind::Exited { code: 0 }, text, String::new()),
            Err(text) => (ExitKind::Exited { code: 128 }, String::new(), text),
        };
        facts.push(EventKind::CommandStarted {
            command: CommandStart {
                id,
                argv,
                cwd: self.run.repository.clone(),
                in_process: true,
                program: None,
                timeout_seconds: None,
                output: None,
                purpose: crate::model::Purpose::Candidate,
            },
        });
        facts.push(EventKind::CommandFinished {
            end: CommandEnd {
                id,
                exit,
                duration_ms,
                log_sha256: Digest::of(format!("{out}{err}").as_bytes()),
                traces: crate::model::Traces::default(),
                stdout: OutputSummary::of_text(&out),
                stderr: OutputSummary::of_text(&err),
            },
        });
    }
}

/// The first hunk that does not apply, with its context; git would say the same, so it is a git error.
fn apply_failure(draft: &Draft) -> Option<Failure> {
    let first = draft.failures.first()?;
    let mut detail = Vec::new();
    for failure in &draft.failures {
        detail.push(format!("{}: {}", failure.path, failure.message));
        detail.extend(failure.detail.iter().cloned());
    }
    let message = match draft.failures.len() {
        1 => format!(
            "the change does not apply to {}: {}",
            first.path, first.message
        ),
        n => format!(
            "the change does not apply in {n} places, first {}: {}",
            first.path, first.message
        ),
    };
    Some(Failure::run(Status::GitError, message, first.hint.clone()).with_detail(detail))
}

pub(super) fn git_failure(error: &crate::git::Error) -> Failure {
    Failure::run(Status::GitError, error.to_string(), error.hint())
}

pub(super) fn tree_failure(error: &crate::model::TreeError) -> Failure {
    Failure::run(
        Status::GitError,
        error.to_string(),
        "an object is missing or damaged: run `git fsck`; in a partial clone, fetch it first (git checkout does)",
    )
}

pub(super) fn out_of_order() -> Failure {
    Failure::internal("a step was asked for before the one it needs")
}

/// No sandbox, no run: refused before anything is written.
fn no_sandbox(reason: &str) -> Violation {
    Violation {
        rule: "sandbox.unavailable".to_owned(),
        subject: "the tests".to_owned(),
        detail: format!("commands cannot be isolated here: {reason}"),
        source: "embedded".to_owned(),
        remedy: exec::NO_SANDBOX.to_owned(),
    }
}
