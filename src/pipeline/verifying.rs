//! The step that runs the verification commands, while the reviewer is heard.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::error::Failure;
use crate::model::{
    EventKind, Phase, PhaseOutcome, Purpose, Status, TestOutcome, VerificationCommand,
};
use crate::pipeline::Update;
use crate::pipeline::building::{git_failure, out_of_order};
use crate::pipeline::driver::{Driver, failed};
use crate::pipeline::machine::{Effect, Input};
use crate::pipeline::planning::load_policy;
use crate::pipeline::ports::TestedTree;
use crate::pipeline::testing::{self, Note, SuiteRun, TestJob};
use crate::policy::{Cleared, is_masked};

/// The most a command may print, in bytes (1 GiB): every byte is kept, so the disk is the limit
/// that this protects.
const OUTPUT_LIMIT: u64 = 1 << 30;

impl Driver {
    /// Runs the verification commands, taking the reviewer's commands and signals meanwhile.
    pub(super) async fn run_tests(&mut self) -> Result<Input, Failure> {
        self.record(EventKind::PhaseStarted {
            phase: Phase::Tests,
        })
        .await?;
        let result = self.try_tests().await?;
        let (outcome, input) = match result {
            Ok(report) => {
                let outcome = report.outcome;
                self.record(EventKind::TestsFinished { report }).await?;
                let phase = match outcome {
                    TestOutcome::Passed => PhaseOutcome::Done,
                    TestOutcome::Skipped => PhaseOutcome::Skipped,
                    TestOutcome::Failed
                    | TestOutcome::TimedOut
                    | TestOutcome::NoneCounted
                    | TestOutcome::NoReport
                    | TestOutcome::NotStarted => PhaseOutcome::Failed,
                };
                (phase, Input::TestsEnded(outcome))
            }
            Err(failure) => {
                let status = failure.status();
                self.record(failed(failure)).await?;
                (PhaseOutcome::Failed, Input::Failed(status))
            }
        };
        self.record(EventKind::PhaseFinished {
            phase: Phase::Tests,
            outcome,
        })
        .await?;
        Ok(input)
    }

    /// Runs a job beside the driver: its facts are recorded in order, its progress is passed on,
    /// and the reviewer is heard. The outer failure is the record's.
    pub(super) async fn drive_tests(
        &mut self,
        job: TestJob,
    ) -> Result<Result<SuiteRun, Failure>, Failure> {
        // Bounded: the job waits when the record is slower than the commands' beginnings and ends.
        let (sender, mut notes) = mpsc::channel(64);
        let mut running = tokio::spawn(testing::run(job, sender));
        let ended = loop {
            tokio::select! {
                biased;
                Some(note) = notes.recv() => self.take_note(note).await?,
                ended = &mut running => break ended,
                () = self.wait_for_input() => self.answer_while_testing().await?,
            }
        };
        while let Ok(note) = notes.try_recv() {
            self.take_note(note).await?;
        }
        // The view is a copy; losing the chance to remove it costs disk, not correctness.
        let scratch = self.scratch();
        tokio::task::block_in_place(|| std::fs::remove_dir_all(&scratch)).ok();
        Ok(match ended {
            Ok(Ok(suite)) => Ok(suite),
            Ok(Err(error)) => Err(Failure::run(
                Status::InternalError,
                error.to_string(),
                error.hint(),
            )),
            Err(error) => Err(Failure::internal(format!(
                "the test step broke off: {error}"
            ))),
        })
    }

    async fn take_note(&mut self, note: Note) -> Result<(), Failure> {
        match note {
            Note::Fact(kind) => self.record(*kind).await,
            Note::Output(command, bytes) => {
                // Lossy on purpose: the next figure is newer.
                self.wires
                    .updates
                    .try_send(Update::Output { command, bytes })
                    .ok();
                Ok(())
            }
        }
    }

    /// Carries out at once what the reviewer asked for while the tests run.
    async fn answer_while_testing(&mut self) -> Result<(), Failure> {
        for effect in self.take_effects() {
            match effect {
                Effect::StopCommand => self.stop.stop(),
                Effect::RecordAct(command) => self.record_act(command).await?,
                Effect::Explain(text) => self.notice(text, "").await?,
                // While tests run the machine asks for none of these; should it ever, each keeps
                // its turn.
                Effect::MakePlan
                | Effect::GateProposal
                | Effect::BuildCommit
                | Effect::GateTree
                | Effect::CreateBranch
                | Effect::RunTests
                | Effect::Collect(_)
                | Effect::Approve(_)
                | Effect::RequestChanges
                | Effect::Abandon
                | Effect::Restore
                | Effect::Close => self.put_back(effect),
            }
        }
        Ok(())
    }

    /// A job on some tree, in a view of its own.
    pub(super) fn prepare_job(
        &self,
        tree: &TestedTree,
        commands: Vec<Cleared<VerificationCommand>>,
        purpose: Purpose,
    ) -> Result<TestJob, Failure> {
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        let folder = self.ports.journal.folder();
        let scratch = self.scratch();
        std::fs::create_dir_all(folder.join("output"))
            .and_then(|()| std::fs::create_dir_all(&scratch))
            .map_err(|error| {
                Failure::internal(format!("cannot write to {}: {error}", folder.display()))
            })?;
        let prepared = self.ports.sandbox.prepare(&*self.ports.git, tree, &scratch).map_err(|error| {
            Failure::run(
                Status::GitError,
                format!("the test view cannot be made: {error}"),
                "make room in the run store (MILTON_STATE_DIR), or run `git fsck` in the repository",
            )
        })?;
        Ok(TestJob {
            commands,
            view: prepared.view,
            place: prepared.place,
            checkout: self.ports.git.root().to_owned(),
            folder,
            first_id: u32::try_from(self.run.commands.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
            timeout: policy.timeout(),
            output_limit: OUTPUT_LIMIT,
            purpose,
            modules: Vec::new(),
            sandbox: self.ports.sandbox.clone(),
            stop: self.stop.clone(),
        })
    }

    /// The commands that the gate allowed; judged again when a recorded run is tested again.
    pub(super) fn cleared_commands(
        &mut self,
    ) -> Result<Vec<Cleared<VerificationCommand>>, Failure> {
        if let Some(cleared) = &self.work.cleared {
            return Ok(cleared.verification.clone());
        }
        self.load_policy_again()?;
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        let plan = self.run.plan.as_ref().ok_or_else(out_of_order)?;
        let mut cleared = Vec::new();
        for command in &plan.verification {
            if command.argv.iter().any(|word| is_masked(word)) {
                return Err(Failure::run(
                    Status::InternalError,
                    "a command held a secret, which is in no record, so it cannot be run again",
                    "start the run again",
                ));
            }
            cleared.push(policy.judge_verification(command).map_err(|violations| {
                let why = violations
                    .first()
                    .map(|v| v.detail.clone())
                    .unwrap_or_default();
                Failure::run(
                    Status::BlockedByPolicy,
                    format!("the policy refuses the command now: {why}"),
                    "",
                )
            })?);
        }
        Ok(cleared)
    }

    pub(super) fn load_policy_again(&mut self) -> Result<(), Failure> {
        let base = self.run.base.clone().ok_or_else(out_of_order)?;
        let snapshot = self
            .ports
            .git
            .snapshot(&base)
            .map_err(|e| git_failure(&e))?;
        let policy = load_policy(&*snapshot, &self.human)?.map_err(|error| {
            Failure::run(
                Status::BlockedByPolicy,
                error.to_string(),
                error.violation().remedy,
            )
        })?;
        drop(snapshot);
        self.work.policy = Some(policy);
        Ok(())
    }

    fn scratch(&self) -> PathBuf {
        self.ports.journal.folder().join("view")
    }
}
