//! The steps that end a run: evidence for every status, also for a run whose milton was killed.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::error::Failure;
use crate::evidence;
use crate::model::event::PatchRef;
use crate::model::{EventKind, Phase, PhaseOutcome, RunState, Status, WorkBranch};
use crate::pipeline::building::git_failure;
use crate::pipeline::driver::{Driver, failed};
use crate::pipeline::machine::Input;

/// How much of the test output the Markdown evidence quotes, in bytes from its end.
const QUOTED_OUTPUT: u64 = 32 << 10;

impl Driver {
    /// Writes the evidence; every run has it, whatever its status.
    pub(super) async fn collect(&mut self, status: Status) -> Result<Input, Failure> {
        self.record(EventKind::PhaseStarted {
            phase: Phase::Evidence,
        })
        .await?;
        let risks = evidence::risks_after(&self.run);
        if !risks.is_empty() {
            self.record(EventKind::RisksNoted { risks }).await?;
        }
        self.record(EventKind::ChecklistFilled {
            items: evidence::checklist(&self.run),
        })
        .await?;
        let dir = self.ports.journal.folder().display().to_string();
        self.record(EventKind::EvidenceWritten { dir }).await?;
        self.record(EventKind::PhaseFinished {
            phase: Phase::Evidence,
            outcome: PhaseOutcome::Done,
        })
        .await?;
        let mut final_state = self.run.clone();
        final_state.status = Some(status);
        self.write_evidence(&final_state)?;
        self.record(EventKind::RunFinished { status }).await?;
        if self.reaches_review(status) {
            self.record(EventKind::PhaseStarted {
                phase: Phase::Review,
            })
            .await?;
        }
        Ok(Input::Done)
    }

    fn reaches_review(&self, status: Status) -> bool {
        let first_time = !self.run.phases.iter().any(|p| p.phase == Phase::Review);
        first_time && matches!(status, Status::Success | Status::TestFailure)
    }

    fn write_evidence(&self, state: &RunState) -> Result<(), Failure> {
        let folder = self.ports.journal.folder();
        let diff = state.diff.as_ref().or(state.plan_patch.as_ref());
        let diff = diff
            .map(|patch| read_text(&folder, patch))
            .unwrap_or_default();
        let output = state
            .commands
            .iter()
            .rev()
            .filter(|command| command.start.purpose.is_on_candidate())
            .find_map(|command| command.start.output.as_ref())
            .map(|file| read_tail(&folder.join(file)))
            .unwrap_or_default();
        let write = |name: &str, text: &str| self.ports.journal.write_file(name, text.as_bytes());
        write("evidence.json", &evidence::json(state))
            .and_then(|()| write("evidence.md", &evidence::markdown(state, &diff, &output)))
            .map_err(|error| {
                Failure::run(
                    Status::InternalError,
                    format!("the evidence cannot be written: {error}"),
                    "make room in the run store, and check that no test removed the run's folder",
                )
            })
    }

    /// The evidence names the decision too.
    pub(super) async fn finish_review(&mut self) -> Result<(), Failure> {
        let run = self.run.clone();
        if let Err(failure) = self.write_evidence(&run) {
            self.notice(&failure.message, &failure.hint).await?;
        }
        Ok(())
    }

    /// A run whose milton was killed gets its evidence when it is next opened.
    pub(super) async fn close_interrupted_run(&mut self) -> Result<(), Failure> {
        self.adopt_branch().await?;
        let phase = self
            .run
            .phases
            .last()
            .map_or("its start", |p| p.phase.title());
        let failure = Failure::run(
            Status::Stopped,
            format!("milton was killed during: {phase}"),
            "abandon the branch with X, or start the run again",
        );
        self.record(failed(failure)).await?;
        self.collect(Status::Stopped).await?;
        Ok(())
    }

    /// Finds the branch that was created just before milton died, if it points at our commit.
    async fn adopt_branch(&mut self) -> Result<(), Failure> {
        let (Some(commit), None, Some(plan)) = (&self.run.commit, &self.run.branch, &self.run.plan)
        else {
            return Ok(());
        };
        let commit = commit.clone();
        let first = plan.topic.clone();
        let candidates = std::iter::once(first.clone()).chain((2..100).map(|n| first.numbered(n)));
        for topic in candidates {
            let branch = WorkBranch::new(topic);
            let tip = self
                .ports
                .git
                .branch_tip(&branch)
                .map_err(|e| git_failure(&e))?;
            if tip.as_ref() == Some(&commit) {
                self.machine.has_branch = true;
                return self
                    .record(EventKind::BranchCreated { branch, commit })
                    .await;
            }
        }
        Ok(())
    }
}

fn read_text(folder: &Path, patch: &PatchRef) -> String {
    std::fs::read(folder.join(&patch.file))
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .unwrap_or_default()
}

/// The last part of an output file; the beginning of a long one is in the file itself.
fn read_tail(path: &Path) -> String {
    let Ok(mut file) = std::fs::File::open(path) else {
        return String::new();
    };
    let size = file.metadata().map_or(0, |m| m.len());
    let mut bytes = Vec::new();
    let from = size.saturating_sub(QUOTED_OUTPUT);
    let read = file
        .seek(SeekFrom::Start(from))
        .and_then(|_| file.take(QUOTED_OUTPUT).read_to_end(&mut bytes));
    if read.is_err() {
        return String::new();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
