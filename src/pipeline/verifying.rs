//! The step that runs the verification commands, while the reviewer is heard.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::error::Failure;
use crate::exec::StopSignal;
use crate::model::{
    EventKind, Phase, PhaseOutcome, Status, TestOutcome, TestReport, VerificationCommand,
};
use crate::pipeline::Update;
use crate::pipeline::building::{git_failure, out_of_order};
use crate::pipeline::driver::{Driver, failed};
use crate::pipeline::machine::{Effect, Input};
use crate::pipeline::planning::load_policy;
use crate::pipeline::ports::TestedTree;
use crate::pipeline::testing::{self, Note, TestJob};
use crate::policy::{Cleared, is_masked};

/// The most a command may print, in bytes (4 GiB): every byte is kept, so the disk is the limit
/// that this protects.
const OUTPUT_LIMIT: u64 = 4 << 30;

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

    async fn try_tests(&mut self) -> Result<Result<TestReport, Failure>, Failure> {
        let prepared = tokio::task::block_in_place(|| self.prepare_tests());
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => return Ok(Err(failure)),
        };
        let job = match prepared {
            Prepared::Skipped(report) => return Ok(Ok(report)),
            Prepared::Run(job) => job,
        };
        self.record(EventKind::SandboxChosen {
            sandbox: job.view.sandbox.clone(),
        })
        .await?;
        let scratch = self.scratch();
        let report = self.drive_tests(*job).await;
        // The view is a copy; losing the chance to remove it costs disk, not correctness.
        tokio::task::block_in_place(|| std::fs::remove_dir_all(&scratch)).ok();
        report
    }

    /// Runs the job beside the driver: its facts are recorded in order, its progress is passed on,
    /// and the reviewer is heard.
    async fn drive_tests(&mut self, job: TestJob) -> Result<Result<TestReport, Failure>, Failure> {
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
        Ok(match ended {
            Ok(Ok(report)) => Ok(report),
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

    fn prepare_tests(&mut self) -> Result<Prepared, Failure> {
        let commands = self.cleared_commands()?;
        let policy = self.work.policy.as_ref().ok_or_else(out_of_order)?;
        if policy.skip_tests() {
            let argv = commands
                .first()
                .map(|c| c.get().argv.clone())
                .unwrap_or_default();
            return Ok(Prepared::Skipped(testing::skipped_report(argv)));
        }
        let commit = self.run.commit.clone().ok_or_else(out_of_order)?;
        let folder = self.ports.journal.folder();
        let scratch = self.scratch();
        std::fs::create_dir_all(folder.join("output"))
            .and_then(|()| std::fs::create_dir_all(&scratch))
            .map_err(|error| {
                Failure::internal(format!("cannot write to {}: {error}", folder.display()))
            })?;
        self.stop = if self.machine.stopping {
            self.stop.clone()
        } else {
            StopSignal::default()
        };
        let prepared = self.ports.sandbox.prepare(&*self.ports.git, &TestedTree::of(commit), &scratch).map_err(|error| {
            Failure::run(
                Status::GitError,
                format!("the test view cannot be made: {error}"),
                "make room in the run store (MILTON_STATE_DIR), or run `git fsck` in the repository",
            )
        })?;
        Ok(Prepared::Run(Box::new(TestJob {
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
            sandbox: self.ports.sandbox.clone(),
            stop: self.stop.clone(),
        })))
    }

    /// The commands that the gate allowed; judged again when a recorded run is tested again.
    fn cleared_commands(&mut self) -> Result<Vec<Cleared<VerificationCommand>>, Failure> {
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

enum Prepared {
    Skipped(TestReport),
    Run(Box<TestJob>),
}
