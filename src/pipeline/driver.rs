//! The driver: performs what the machine asks for, and records it before it is shown.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::error::{Failure, Signal};
use crate::exec::StopSignal;
use crate::git::{Base, Built};
use crate::model::event::{Gate, PatchRef};
use crate::model::{Digest, EventKind, Oid, Phase, PhaseOutcome, RunState, Status};
use crate::model::{ReviewCommand, VerificationCommand};
use crate::pipeline::Update;
use crate::pipeline::machine::{self, Effect, Input, Stage, State};
use crate::pipeline::ports::{Clock, Git, Journal, Sandbox};
use crate::pipeline::redaction::redacted;
use crate::plan::{Draft, Proposal};
use crate::policy::{Cleared, ClearedProposal, Overrides, Policy};

/// What a run is asked to do. The proposal's bytes are read by the caller, so that a missing file
/// is a usage error and not a run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The human's free text; may be empty.
    pub request: String,
    /// Where the proposal comes from, in words (`patch fix.diff`).
    pub source: String,
    /// The proposal itself, untrusted.
    pub proposal: ProposalText,
    /// `--topic`.
    pub topic: Option<String>,
    /// `--base`.
    pub base: Option<String>,
    /// `--test`, split into program and arguments.
    pub test: Option<Vec<String>>,
}

/// The bytes of a proposal and what they are.
#[derive(Clone, Debug)]
pub enum ProposalText {
    /// A unified diff.
    Patch(Vec<u8>),
    /// The JSON of the contract.
    Json(Vec<u8>),
}

impl ProposalText {
    /// The bytes, whatever they are.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Patch(bytes) | Self::Json(bytes) => bytes,
        }
    }
}

/// The parts a driver works with.
pub struct Ports {
    /// The repository.
    pub git: Box<dyn Git>,
    /// Where commands run.
    pub sandbox: Arc<dyn Sandbox>,
    /// The record.
    pub journal: Box<dyn Journal>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// What the human who started milton set: his own policy file and overrides.
#[derive(Clone, Debug, Default)]
pub struct HumanPolicy {
    /// The path and text of the user's policy file.
    pub file: Option<(String, String)>,
    /// Where that file is, or would be.
    pub user_file: String,
    /// The overrides of the start environment.
    pub overrides: Overrides,
}

/// The channels between a driver and whoever watches it.
pub struct Wires {
    /// Facts out. Bounded: when the watcher is slow the driver waits for it, so that nothing is
    /// lost; when the watcher is gone the run goes on without it.
    pub updates: mpsc::Sender<Update>,
    /// The reviewer's commands in. Bounded: the screen says "busy" when it is full.
    pub commands: mpsc::Receiver<ReviewCommand>,
    /// Signals in.
    pub signals: mpsc::Receiver<Signal>,
}

/// What the steps of a run hand on to each other.
#[derive(Default)]
pub(super) struct Work {
    pub(super) base: Option<Base>,
    pub(super) policy: Option<Policy>,
    pub(super) proposal: Option<Proposal>,
    /// Request, goal and commands as they came: the record has them without secrets, and the gate
    /// has to see what there was.
    pub(super) asked: Option<Asked>,
    pub(super) draft: Option<Draft>,
    pub(super) branch_name: String,
    pub(super) cleared: Option<ClearedProposal>,
    pub(super) built: Option<Built>,
    pub(super) cleared_commit: Option<Cleared<Oid>>,
}

/// What a run was asked for, unmasked. It is judged and never recorded.
pub(super) struct Asked {
    pub(super) request: String,
    pub(super) goal: String,
    pub(super) verification: Vec<VerificationCommand>,
}

/// One run in progress.
pub struct Driver {
    pub(super) ports: Ports,
    pub(super) human: HumanPolicy,
    pub(super) job: Option<Job>,
    pub(super) run: RunState,
    pub(super) machine: State,
    pub(super) wires: Wires,
    pub(super) work: Work,
    pub(super) stop: StopSignal,
    pub(super) signal: Option<Signal>,
    queue: VecDeque<Effect>,
    commands_open: bool,
    signals_open: bool,
}

/// How a run ended for this process.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// The state after the last event.
    pub run: RunState,
    /// The signal that ended it, if one did.
    pub signal: Option<Signal>,
}

impl Driver {
    /// A driver for a new run, or for a recorded one that is opened again (`run` holds its state).
    pub fn new(
        ports: Ports,
        human: HumanPolicy,
        wires: Wires,
        run: RunState,
        machine: State,
    ) -> Self {
        Self {
            ports,
            human,
            job: None,
            run,
            machine,
            wires,
            work: Work::default(),
            stop: StopSignal::default(),
            signal: None,
            queue: VecDeque::new(),
            commands_open: true,
            signals_open: true,
        }
    }

    /// Runs a job from the proposal to the decision.
    pub async fn run(mut self, job: Job) -> Result<RunEnd, Failure> {
        let started = EventKind::RunStarted {
            request: job.request.clone(),
            source: job.source.clone(),
            repository: self.ports.git.root().display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.job = Some(job);
        self.record(started).await?;
        self.feed(Input::Begin);
        self.work_until_closed().await
    }

    /// Continues the review of a recorded run.
    pub async fn review(mut self) -> Result<RunEnd, Failure> {
        if self.run.status.is_none() {
            self.close_interrupted_run().await?;
        }
        self.work_until_closed().await
    }

    async fn work_until_closed(mut self) -> Result<RunEnd, Failure> {
        let outcome = self.work().await;
        // The watcher may already be gone; then there is nobody to tell.
        self.wires.updates.send(Update::Closed).await.ok();
        outcome.map(|()| RunEnd {
            run: self.run,
            signal: self.signal,
        })
    }

    async fn work(&mut self) -> Result<(), Failure> {
        loop {
            while let Some(effect) = self.queue.pop_front() {
                self.take_pending();
                if let Some(input) = self.perform(effect).await? {
                    self.feed(input);
                }
            }
            if self.machine.stage == Stage::Closed {
                return Ok(());
            }
            self.wait_for_input().await;
        }
    }

    /// Asks the machine, and queues what it wants done.
    pub(super) fn feed(&mut self, input: Input) {
        let (state, effects) = machine::step(self.machine, input);
        self.machine = state;
        self.queue.extend(effects);
    }

    /// Takes signals and commands that came while a step was at work, so that a stop is seen before
    /// the next step begins.
    fn take_pending(&mut self) {
        while let Ok(signal) = self.wires.signals.try_recv() {
            self.take_signal(signal);
        }
    }

    pub(super) fn take_signal(&mut self, signal: Signal) {
        self.signal = Some(signal);
        self.feed(Input::Signal);
    }

    /// Waits for the reviewer or a signal.
    pub(super) async fn wait_for_input(&mut self) {
        tokio::select! {
            command = self.wires.commands.recv(), if self.commands_open => {
                if let Some(command) = command {
                    self.take_command(command);
                } else {
                    self.commands_open = false;
                    self.nobody_watches();
                }
            }
            signal = self.wires.signals.recv(), if self.signals_open => match signal {
                Some(signal) => self.take_signal(signal),
                None => self.signals_open = false,
            },
            // Nobody can say anything any more, and something still runs.
            else => std::future::pending().await,
        }
    }

    /// The screen is gone: what runs may finish, a review is kept for later.
    fn nobody_watches(&mut self) {
        if !machine::is_running(self.machine.stage) {
            self.feed(Input::Human(ReviewCommand::Leave));
        }
    }

    pub(super) fn take_command(&mut self, command: ReviewCommand) {
        if command == ReviewCommand::Stop && machine::is_running(self.machine.stage) {
            // A signal that came first says more than the screen that ended because of it.
            self.signal.get_or_insert(Signal::Interrupt);
        }
        self.feed(Input::Human(command));
    }

    /// Takes what the machine asked for, to be carried out out of turn.
    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        self.queue.drain(..).collect()
    }

    /// Puts an effect back for its turn.
    pub(super) fn put_back(&mut self, effect: Effect) {
        self.queue.push_back(effect);
    }

    async fn perform(&mut self, effect: Effect) -> Result<Option<Input>, Failure> {
        match effect {
            Effect::MakePlan => self.phase(Phase::Plan, Self::make_plan).await,
            Effect::GateProposal => self.phase(Phase::Policy, Self::gate_proposal).await,
            Effect::BuildCommit => self.phase(Phase::Commit, Self::build_commit).await,
            Effect::GateTree => self.phase(Phase::Recheck, Self::gate_tree).await,
            Effect::CreateBranch => self.phase(Phase::Branch, Self::create_branch).await,
            // Boxed: the runs of the suite hold views and reports that the other steps need not carry.
            Effect::RunTests => Box::pin(self.run_tests()).await.map(Some),
            Effect::Collect(status) => self.collect(status).await.map(Some),
            Effect::StopCommand => {
                self.stop.stop();
                Ok(None)
            }
            Effect::RecordAct(command) => self.record_act(command).await.map(|()| None),
            Effect::Approve(command) => self.approve(command).await,
            Effect::RequestChanges => self.request_changes().await.map(Some),
            Effect::Abandon => self.abandon().await,
            Effect::Restore => self.restore().await,
            Effect::Explain(text) => self.notice(text, "").await.map(|()| None),
            Effect::Close => Ok(None),
        }
    }

    /// Runs one step between its two phase events. A step returns events to record and how it went.
    async fn phase(
        &mut self,
        phase: Phase,
        step: fn(&mut Self) -> StepResult,
    ) -> Result<Option<Input>, Failure> {
        self.record(EventKind::PhaseStarted { phase }).await?;
        let (facts, result) = tokio::task::block_in_place(|| step(self));
        for fact in facts {
            self.record(fact).await?;
        }
        let (outcome, input) = match result {
            Ok(Step::Done) => (PhaseOutcome::Done, Input::Done),
            Ok(Step::Refused) => (PhaseOutcome::Failed, Input::Refused),
            Err(failure) => {
                let status = failure.status();
                self.record(failed(failure)).await?;
                (PhaseOutcome::Failed, Input::Failed(status))
            }
        };
        self.record(EventKind::PhaseFinished { phase, outcome })
            .await?;
        Ok(Some(input))
    }

    /// Appends to the record, then shows. A record that cannot be written ends the run (invariant 3).
    /// What is recorded and shown holds no secret: it is masked before, so that hashes are of what
    /// stands there.
    pub(super) async fn record(&mut self, kind: EventKind) -> Result<(), Failure> {
        let kind = redacted(kind).inspect_err(|_| self.stop.stop())?;
        let event = self.ports.journal.append(self.ports.clock.now(), kind).map_err(|error| {
            self.stop.stop();
            Failure::run(
                Status::InternalError,
                format!("the record cannot be written: {error}"),
                "nothing goes on without a record: make room in the run store, or move it with MILTON_STATE_DIR",
            )
        })?;
        self.run.apply(&event);
        // A watcher that is gone does not end the run: the record is complete without it.
        self.wires
            .updates
            .send(Update::Event(Box::new(event)))
            .await
            .ok();
        Ok(())
    }

    pub(super) async fn notice(&mut self, text: &str, hint: &str) -> Result<(), Failure> {
        self.record(EventKind::Noticed {
            text: text.to_owned(),
            hint: hint.to_owned(),
        })
        .await
    }

    /// Writes a patch into the run's folder.
    pub(super) fn write_patch(&self, file: &str, text: &[u8]) -> Result<PatchRef, Failure> {
        self.ports
            .journal
            .write_file(file, text)
            .map_err(|error| Failure::internal(format!("cannot write {file}: {error}")))?;
        Ok(PatchRef {
            file: file.to_owned(),
            bytes: text.len() as u64,
            sha256: Digest::of(text),
        })
    }
}

/// How a step went.
pub(super) enum Step {
    /// As wanted.
    Done,
    /// The policy refused.
    Refused,
}

/// The facts of a step, in order, and how it went. Facts are recorded also when the step failed.
pub(super) type StepResult = (Vec<EventKind>, Result<Step, Failure>);

/// A verdict as a fact and as the way on.
pub(super) fn judged(gate: Gate, verdict: crate::model::Verdict) -> (EventKind, Step) {
    let step = if verdict.is_allowed() {
        Step::Done
    } else {
        Step::Refused
    };
    (EventKind::GateJudged { gate, verdict }, step)
}

/// A failure as a fact.
pub(super) fn failed(failure: Failure) -> EventKind {
    EventKind::RunFailed {
        status: failure.status(),
        message: failure.message,
        hint: failure.hint,
        detail: failure.detail,
    }
}
