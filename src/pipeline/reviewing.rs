//! The steps from the branch to the decision: tests, evidence, the reviewer's acts.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::error::Failure;
use crate::evidence;
use crate::exec::StopSignal;
use crate::model::event::PatchRef;
use crate::model::{
    Comment, Decision, Digest, EventKind, ItemId, Phase, PhaseOutcome, ReviewAct, ReviewCommand,
    Status, TestOutcome, TestReport, TickedBy, VerificationCommand, WorkBranch,
};
use crate::pipeline::Update;
use crate::pipeline::approval;
use crate::pipeline::driver::{Driver, failed};
use crate::pipeline::machine::{Input, Stage};
use crate::pipeline::preparing::{git_failure, load_policy, out_of_order};
use crate::pipeline::testing::{self, Note, TestJob};
use crate::policy::Cleared;

/// The most a command may print, in bytes (8 GiB): every byte is kept, so the disk is the limit
/// that this protects.
const OUTPUT_LIMIT: u64 = 8 << 30;

/// How much of the test output the Markdown evidence quotes, in bytes from its end.
const QUOTED_OUTPUT: u64 = 32 << 10;

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
            Note::Fact(kind) => self.record(kind).await,
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
        let view = self.ports.sandbox.prepare(&*self.ports.git, &commit, &scratch).map_err(|error| {
            Failure::run(
                Status::GitError,
                format!("the test view cannot be made: {error}"),
                "make room in the run store (MILTON_STATE_DIR), or run `git fsck` in the repository",
            )
        })?;
        Ok(Prepared::Run(Box::new(TestJob {
            commands,
            view,
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

    fn load_policy_again(&mut self) -> Result<(), Failure> {
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

    fn write_evidence(&self, state: &crate::model::RunState) -> Result<(), Failure> {
        let folder = self.ports.journal.folder();
        let diff = state.diff.as_ref().or(state.plan_patch.as_ref());
        let diff = diff
            .map(|patch| read_text(&folder, patch))
            .unwrap_or_default();
        let output = state
            .commands
            .iter()
            .rev()
            .find_map(|command| command.start.output.as_ref())
            .map(|file| read_tail(&folder.join(file)))
            .unwrap_or_default();
        let write = |name: &str, text: &str| self.ports.journal.write_file(name, text.as_bytes());
        write("evidence.json", &evidence::json(state))
            .and_then(|()| write("evidence.md", &evidence::markdown(state, &diff, &output)))
            .map_err(|error| Failure::internal(format!("the evidence cannot be written: {error}")))
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

    /// Records an act that changes no ref, if it is possible now.
    pub(super) async fn record_act(&mut self, command: ReviewCommand) -> Result<(), Failure> {
        match self.act_of(command) {
            Ok(act) => self.record(EventKind::Reviewed { act }).await,
            Err(why) => self.notice(why, "").await,
        }
    }

    fn act_of(&self, command: ReviewCommand) -> Result<ReviewAct, &'static str> {
        match command {
            ReviewCommand::Toggle(item) => self.toggle(item),
            ReviewCommand::View { path, viewed } => Ok(ReviewAct::FileViewed { path, viewed }),
            ReviewCommand::ReadFinding(finding) if (finding as usize) < self.run.findings.len() => {
                Ok(ReviewAct::FindingRead { finding })
            }
            ReviewCommand::ReadFinding(_) => Err("there is no such finding"),
            ReviewCommand::Comment(comment) if comment.text.trim().is_empty() => {
                Err("an empty comment is not kept")
            }
            ReviewCommand::Comment(comment) => Ok(ReviewAct::Commented {
                comment: self.numbered(comment),
            }),
            ReviewCommand::DeleteComment(id) if self.run.comments.contains_key(&id) => {
                Ok(ReviewAct::CommentDeleted { id })
            }
            ReviewCommand::DeleteComment(_) => Err("there is no such comment"),
            ReviewCommand::RerunTests => Ok(ReviewAct::TestsRestarted),
            ReviewCommand::AcknowledgeTestFailure { note } => self.acknowledge(&note),
            ReviewCommand::Approve { .. }
            | ReviewCommand::RequestChanges
            | ReviewCommand::Abandon
            | ReviewCommand::Restore
            | ReviewCommand::Stop
            | ReviewCommand::Leave => Err("this is not an act of its own"),
        }
    }

    fn toggle(&self, item: ItemId) -> Result<ReviewAct, &'static str> {
        if item.by() == TickedBy::Machine {
            return Err("milton ticks this item from measured facts; Enter shows them");
        }
        let tree = self
            .run
            .tree
            .clone()
            .ok_or("there is no tree to tick for")?;
        Ok(ReviewAct::ItemTicked {
            item,
            ticked: !self.run.is_ticked(item),
            tree,
        })
    }

    fn acknowledge(&self, note: &str) -> Result<ReviewAct, &'static str> {
        if note.trim().is_empty() {
            return Err("say in a few words why the failing tests are acceptable");
        }
        if self.run.status != Some(Status::TestFailure) {
            return Err("there is no test failure to acknowledge");
        }
        Ok(ReviewAct::TestFailureAcknowledged {
            note: note.trim().to_owned(),
            by: self.ports.git.user_name(),
        })
    }

    fn numbered(&self, comment: Comment) -> Comment {
        if comment.id > 0 {
            return comment;
        }
        let id = self
            .run
            .comments
            .keys()
            .max()
            .map_or(1, |last| last.saturating_add(1));
        Comment { id, ..comment }
    }

    /// Approves, if nothing is open and everything is still what was looked at.
    pub(super) async fn approve(
        &mut self,
        command: ReviewCommand,
    ) -> Result<Option<Input>, Failure> {
        let ReviewCommand::Approve { tree, typed } = command else {
            return Ok(None);
        };
        if self.work.policy.is_none() {
            self.load_policy_again()?;
        }
        let policy = self
            .work
            .policy
            .as_ref()
            .map(|policy| policy.summary().digest);
        let checked = approval::check(
            &self.run,
            &*self.ports.git,
            &self.ports.journal.folder(),
            &tree,
            &typed,
        )
        .and_then(|approval| approval::same_policy(approval, policy.as_ref()));
        match checked {
            Ok(approval) => {
                let merge_command = approval::merge_command(&self.run, &approval);
                self.record(EventKind::Reviewed {
                    act: ReviewAct::Approved {
                        approval,
                        merge_command,
                    },
                })
                .await?;
                self.finish_review().await?;
                Ok(Some(Input::Decided(Decision::Approved)))
            }
            Err(void) => {
                self.notice(&void.reason, &void.hint).await?;
                Ok(None)
            }
        }
    }

    /// Sends the comments back to the proposer.
    pub(super) async fn request_changes(&mut self) -> Result<Input, Failure> {
        let by = self.ports.git.user_name();
        self.record(EventKind::Reviewed {
            act: ReviewAct::ChangesRequested { by },
        })
        .await?;
        self.finish_review().await?;
        Ok(Input::Decided(Decision::ChangesRequested))
    }

    /// Removes the branch and keeps its tip.
    pub(super) async fn abandon(&mut self) -> Result<Option<Input>, Failure> {
        let by = self.ports.git.user_name();
        let kept = match (&self.run.branch, &self.run.commit) {
            (Some(branch), Some(commit)) => {
                match self.ports.git.abandon(branch, commit, &self.run.run) {
                    Ok(kept_as) => Some(kept_as),
                    Err(error) => {
                        self.notice(&format!("not abandoned: {error}"), &error.hint())
                            .await?;
                        return Ok(self.machine.stopping.then_some(Input::Signal));
                    }
                }
            }
            (None, _) | (_, None) => None,
        };
        let act = ReviewAct::Abandoned {
            branch: self.run.branch.clone(),
            kept_as: kept,
            by,
        };
        self.record(EventKind::Reviewed { act }).await?;
        self.finish_review().await?;
        Ok(Some(Input::Decided(Decision::Abandoned)))
    }

    /// Brings an abandoned branch back.
    pub(super) async fn restore(&mut self) -> Result<Option<Input>, Failure> {
        let by = self.ports.git.user_name();
        let (Some(branch), Some(commit)) = (self.run.branch.clone(), self.run.commit.clone())
        else {
            self.notice("this run never had a branch", "").await?;
            return Ok(None);
        };
        if let Err(error) = self.ports.git.restore(&branch, &commit, &self.run.run) {
            self.notice(&format!("not restored: {error}"), &error.hint())
                .await?;
            return Ok(None);
        }
        self.record(EventKind::Reviewed {
            act: ReviewAct::Restored { branch, commit, by },
        })
        .await?;
        self.finish_review().await?;
        Ok(Some(Input::Decided(Decision::Pending)))
    }

    /// The evidence names the decision too.
    async fn finish_review(&mut self) -> Result<(), Failure> {
        let run = self.run.clone();
        if let Err(failure) = self.write_evidence(&run) {
            self.notice(&failure.message, &failure.hint).await?;
        }
        Ok(())
    }

    /// Carries out at once what the reviewer asked for while the tests run.
    async fn answer_while_testing(&mut self) -> Result<(), Failure> {
        for effect in self.take_effects() {
            match effect {
                crate::pipeline::machine::Effect::StopCommand => self.stop.stop(),
                crate::pipeline::machine::Effect::RecordAct(command) => {
                    self.record_act(command).await?
                }
                crate::pipeline::machine::Effect::Explain(text) => self.notice(text, "").await?,
                // While tests run the machine asks for nothing else; keep its order if it ever does.
                other => self.put_back(other),
            }
        }
        debug_assert!(self.machine.stage == Stage::Testing);
        Ok(())
    }
}

enum Prepared {
    Skipped(TestReport),
    Run(Box<TestJob>),
}

fn read_text(folder: &std::path::Path, patch: &PatchRef) -> String {
    std::fs::read(folder.join(&patch.file))
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .unwrap_or_default()
}

/// The last part of an output file; the beginning of a long one is in the file itself.
fn read_tail(path: &std::path::Path) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
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

/// The digest of a file, streamed; `None` when it cannot be read.
pub(super) fn file_digest(path: &std::path::Path) -> Option<Digest> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path).ok()?;
    let mut hasher = crate::model::digest::Hasher::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hasher.finish()),
            Ok(read) => hasher.update(buffer.get(..read)?),
            Err(_) => return None,
        }
    }
}
