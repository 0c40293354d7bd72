//! The steps that end a run: evidence for every status, also for a run whose milton was killed.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::error::Failure;
use crate::evidence;
use crate::model::event::PatchRef;
use crate::model::{Digest, EventKind, Phase, PhaseOutcome, Risk, RunState, Status, WorkBranch};
use crate::pipeline::approval;
use crate::pipeline::building::git_failure;
use crate::pipeline::driver::{Driver, failed};
use crate::pipeline::machine::Input;
use crate::pipeline::redaction::redacted_text;

/// How much of the test output the Markdown evidence quotes, in bytes from its end.
const QUOTED_OUTPUT: u64 = 32 << 10;
/// The folder of the outputs inside the run's folder.
const OUTPUT: &str = "output";

impl Driver {
    /// Writes the evidence; every run has it, whatever its status.
    pub(super) async fn collect(&mut self, status: Status) -> Result<Input, Failure> {
        self.record(EventKind::PhaseStarted {
            phase: Phase::Evidence,
        })
        .await?;
        let mut risks = evidence::risks_after(&self.run);
        risks.extend(self.moved_base());
        if !risks.is_empty() {
            self.record(EventKind::RisksNoted { risks }).await?;
        }
        self.record(EventKind::ChecklistFilled {
            items: evidence::checklist(&self.run),
        })
        .await?;
        let mut final_state = self.run.clone();
        final_state.status = Some(status);
        let written = self.write_evidence(&mut final_state)?;
        self.record(written).await?;
        self.record(EventKind::PhaseFinished {
            phase: Phase::Evidence,
            outcome: PhaseOutcome::Done,
        })
        .await?;
        self.record(EventKind::RunFinished { status }).await?;
        if self.reaches_review(status) {
            self.record(EventKind::PhaseStarted {
                phase: Phase::Review,
            })
            .await?;
        }
        Ok(Input::Done)
    }

    /// The base branch may have moved while the run worked on what it was.
    pub(super) fn moved_base(&self) -> Option<Risk> {
        let (branch, base) = (self.run.base_branch.as_ref()?, self.run.base.as_ref()?);
        // A branch that cannot be read now is no news about the change.
        let tip = self.ports.git.base_tip(branch).ok()?;
        if tip.as_ref() == Some(base) {
            return None;
        }
        let now = tip.map_or_else(
            || "is gone".to_owned(),
            |tip| format!("moved on to {}", tip.short()),
        );
        Some(Risk {
            id: "base_moved".to_owned(),
            subject: branch.clone(),
            detail: format!(
                "{branch} {now} since this began: the change was judged and tested on {}",
                base.short()
            ),
        })
    }

    fn reaches_review(&self, status: Status) -> bool {
        let first_time = !self.run.phases.iter().any(|p| p.phase == Phase::Review);
        first_time && matches!(status, Status::Success | Status::TestFailure)
    }

    /// Writes the evidence of a state, and gives back the event that seals the files: the record
    /// names their digests, so that `verify` finds whoever edits them.
    fn write_evidence(&self, state: &mut RunState) -> Result<EventKind, Failure> {
        let folder = self.ports.journal.folder();
        let dir = folder.display().to_string();
        state.evidence_dir = Some(dir.clone());
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
        // The quoted diff may show secrets that the repository had before and has after the change.
        let page = evidence::markdown(state, &redacted_text(&diff)?, &redacted_text(&output)?);
        let texts = [
            ("evidence.json", evidence::json(state)),
            ("evidence.md", page),
        ];
        let mut files = Vec::new();
        for (name, text) in texts {
            let written = self.ports.journal.write_file(name, text.as_bytes());
            written.map_err(|error| {
                Failure::run(
                    Status::InternalError,
                    format!("the evidence cannot be written: {error}"),
                    "make room in the run store, and check that no test removed the run's folder",
                )
            })?;
            files.push(PatchRef {
                file: name.to_owned(),
                bytes: text.len() as u64,
                sha256: Digest::of(text.as_bytes()),
            });
        }
        files.extend(reports(state, &folder));
        Ok(EventKind::EvidenceWritten { dir, files })
    }

    /// The evidence names the decision too.
    pub(super) async fn finish_review(&mut self) -> Result<(), Failure> {
        let mut run = self.run.clone();
        match self.write_evidence(&mut run) {
            Ok(written) => self.record(written).await,
            Err(failure) => self.notice(&failure.message, &failure.hint).await,
        }
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

/// What lies beside the outputs of the commands (the reports of test runners), with its digests: no
/// other event names these files.
fn reports(state: &RunState, folder: &Path) -> Vec<PatchRef> {
    let Ok(entries) = std::fs::read_dir(folder.join(OUTPUT)) else {
        return Vec::new();
    };
    let outputs: Vec<&String> = state
        .commands
        .iter()
        .filter_map(|command| command.start.output.as_ref())
        .collect();
    let mut reports: Vec<PatchRef> = entries
        .flatten()
        .filter_map(|entry| {
            let name = format!("{OUTPUT}/{}", entry.file_name().to_str()?);
            let found = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let sha256 = approval::file_digest(&entry.path())?;
            (!outputs.contains(&&name)).then_some(PatchRef {
                file: name,
                bytes: found.len(),
                sha256,
            })
        })
        .collect();
    reports.sort_by(|a, b| a.file.cmp(&b.file));
    reports
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
