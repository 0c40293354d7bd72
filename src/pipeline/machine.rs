//! The order of things, as a pure function: [`step`] takes a state and an input and returns the
//! next state and the effects to perform. It does no I/O, sees no clock, and is total: any input in
//! any state gives an answer.

use crate::model::{Decision, ReviewCommand, Status, TestOutcome};

/// Who watches the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attendance {
    /// A reviewer at a terminal: the run ends in a review.
    Attended,
    /// Nobody: the run closes when its evidence is written.
    Headless,
}

/// Where the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was done yet.
    Ready,
    /// The proposal is read and the plan made.
    Planning,
    /// Gate 1 judges the proposal.
    GatingProposal,
    /// The commit is built.
    Committing,
    /// Gate 2 judges the built tree.
    GatingTree,
    /// The branch is created.
    Branching,
    /// The verification commands run.
    Testing,
    /// The evidence is written.
    Collecting,
    /// The reviewer decides.
    Reviewing,
    /// Over.
    Closed,
}

/// The state of a run as far as the order of things needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Who watches.
    pub attendance: Attendance,
    /// Where it stands.
    pub stage: Stage,
    /// How the pipeline ended, once it is known.
    pub status: Option<Status>,
    /// What the human decided.
    pub decision: Decision,
    /// Whether a branch exists.
    pub has_branch: bool,
    /// Whether the run is being stopped.
    pub stopping: bool,
    /// Whether the reviewer asked to abandon before the pipeline had ended.
    pub abandon_at_end: bool,
}

impl State {
    /// A run that has not begun.
    pub fn new(attendance: Attendance) -> Self {
        Self {
            attendance,
            stage: Stage::Ready,
            status: None,
            decision: Decision::Pending,
            has_branch: false,
            stopping: false,
            abandon_at_end: false,
        }
    }

    /// A finished run that is opened again for review.
    pub fn reviewing(status: Status, decision: Decision, has_branch: bool) -> Self {
        Self {
            stage: Stage::Reviewing,
            status: Some(status),
            decision,
            has_branch,
            ..Self::new(Attendance::Attended)
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Start.
    Begin,
    /// The step that was asked for is done.
    Done,
    /// The gate that was asked for refused.
    Refused,
    /// The step that was asked for failed.
    Failed(Status),
    /// The verification commands ended.
    TestsEnded(TestOutcome),
    /// The reviewer asks for something.
    Human(ReviewCommand),
    /// A signal (or the terminal's end) asks to stop.
    Signal,
    /// A decision was carried out and recorded.
    Decided(Decision),
}

/// What to do next. Imperative; the driver performs them in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read the proposal, scan, make the plan.
    MakePlan,
    /// Judge the proposal.
    GateProposal,
    /// Build the commit.
    BuildCommit,
    /// Judge the built tree.
    GateTree,
    /// Create the branch.
    CreateBranch,
    /// Run the verification commands.
    RunTests,
    /// Write the evidence and record the status.
    Collect(Status),
    /// Ask the running command to end; a second time kills it.
    StopCommand,
    /// Record an act that changes no ref (ticks, marks, comments, notes).
    RecordAct(ReviewCommand),
    /// Check the binding and record the approval.
    Approve(ReviewCommand),
    /// Record that changes were requested.
    RequestChanges,
    /// Remove the branch, keep its tip.
    Abandon,
    /// Bring the branch back.
    Restore,
    /// Tell the reviewer why nothing happened.
    Explain(&'static str),
    /// The run is over for this process.
    Close,
}

/// The next state and what to do.
pub fn step(state: State, input: Input) -> (State, Vec<Effect>) {
    match input {
        Input::Begin if state.stage == Stage::Ready => enter(state, Stage::Planning),
        Input::Done => advance(state),
        Input::Refused => match state.stage {
            // The plan refuses where the policy itself, or the proposal's size, is the violation.
            Stage::Planning | Stage::GatingProposal | Stage::GatingTree => {
                collect(state, Status::BlockedByPolicy)
            }
            Stage::Ready
            | Stage::Committing
            | Stage::Branching
            | Stage::Testing
            | Stage::Collecting
            | Stage::Reviewing
            | Stage::Closed => (state, Vec::new()),
        },
        Input::Failed(status) => fail(state, status),
        Input::TestsEnded(outcome) if state.stage == Stage::Testing => tests_ended(state, outcome),
        Input::Human(command) => human(state, command),
        Input::Signal => signal(state),
        Input::Decided(decision) => decided(state, decision),
        Input::Begin | Input::TestsEnded(_) => (state, Vec::new()),
    }
}

/// Whether the pipeline's own steps still run.
pub fn is_running(stage: Stage) -> bool {
    match stage {
        Stage::Planning
        | Stage::GatingProposal
        | Stage::Committing
        | Stage::GatingTree
        | Stage::Branching
        | Stage::Testing
        | Stage::Collecting => true,
        Stage::Ready | Stage::Reviewing | Stage::Closed => false,
    }
}

fn enter(state: State, next: Stage) -> (State, Vec<Effect>) {
    let effects = match next {
        Stage::Planning => vec![Effect::MakePlan],
        Stage::GatingProposal => vec![Effect::GateProposal],
        Stage::Committing => vec![Effect::BuildCommit],
        Stage::GatingTree => vec![Effect::GateTree],
        Stage::Branching => vec![Effect::CreateBranch],
        Stage::Testing => vec![Effect::RunTests],
        Stage::Closed => vec![Effect::Close],
        Stage::Ready | Stage::Collecting | Stage::Reviewing => Vec::new(),
    };
    (
        State {
            stage: next,
            ..state
        },
        effects,
    )
}

fn advance(state: State) -> (State, Vec<Effect>) {
    if state.stopping && state.stage != Stage::Collecting && is_running(state.stage) {
        let has_branch = state.has_branch || state.stage == Stage::Branching;
        return collect(
            State {
                has_branch,
                ..state
            },
            Status::Stopped,
        );
    }
    match state.stage {
        Stage::Planning => enter(state, Stage::GatingProposal),
        Stage::GatingProposal => enter(state, Stage::Committing),
        Stage::Committing => enter(state, Stage::GatingTree),
        Stage::GatingTree => enter(state, Stage::Branching),
        Stage::Branching => enter(
            State {
                has_branch: true,
                ..state
            },
            Stage::Testing,
        ),
        Stage::Collecting => collected(state),
        Stage::Ready | Stage::Testing | Stage::Reviewing | Stage::Closed => (state, Vec::new()),
    }
}

fn collect(state: State, status: Status) -> (State, Vec<Effect>) {
    let state = State {
        stage: Stage::Collecting,
        status: Some(status),
        ..state
    };
    (state, vec![Effect::Collect(status)])
}

fn collected(state: State) -> (State, Vec<Effect>) {
    let reviewing = State {
        stage: Stage::Reviewing,
        ..state
    };
    if state.abandon_at_end {
        return (
            State {
                abandon_at_end: false,
                ..reviewing
            },
            vec![Effect::Abandon],
        );
    }
    // Somebody who pressed Ctrl-C wants his terminal back, not a review.
    if state.attendance == Attendance::Headless || state.stopping {
        return enter(state, Stage::Closed);
    }
    (reviewing, Vec::new())
}

fn fail(state: State, status: Status) -> (State, Vec<Effect>) {
    match state.stage {
        // The evidence itself could not be written: there is nothing left to fall back on.
        Stage::Collecting => enter(
            State {
                status: Some(Status::InternalError),
                ..state
            },
            Stage::Closed,
        ),
        Stage::Planning
        | Stage::GatingProposal
        | Stage::Committing
        | Stage::GatingTree
        | Stage::Branching
        | Stage::Testing => collect(
            state,
            if state.stopping {
                Status::Stopped
            } else {
                status
            },
        ),
        Stage::Ready => enter(
            State {
                status: Some(status),
                ..state
            },
            Stage::Closed,
        ),
        Stage::Reviewing | Stage::Closed => (state, Vec::new()),
    }
}

fn tests_ended(state: State, outcome: TestOutcome) -> (State, Vec<Effect>) {
    let status = match outcome {
        // Tests that were run again after the pipeline had ended keep their own result even when
        // the reviewer stops them.
        _ if state.stopping => Status::Stopped,
        TestOutcome::Passed | TestOutcome::Skipped => Status::Success,
        TestOutcome::Failed
        | TestOutcome::TimedOut
        | TestOutcome::NoneCounted
        | TestOutcome::NoReport
        | TestOutcome::NotStarted => Status::TestFailure,
    };
    collect(state, status)
}

fn signal(state: State) -> (State, Vec<Effect>) {
    match state.stage {
        Stage::Ready | Stage::Reviewing => enter(state, Stage::Closed),
        Stage::Closed => (state, Vec::new()),
        Stage::Planning
        | Stage::GatingProposal
        | Stage::Committing
        | Stage::GatingTree
        | Stage::Branching
        | Stage::Testing
        | Stage::Collecting => (
            State {
                stopping: true,
                ..state
            },
            vec![Effect::StopCommand],
        ),
    }
}

fn decided(state: State, decision: Decision) -> (State, Vec<Effect>) {
    let has_branch = match decision {
        Decision::Abandoned => false,
        Decision::Pending => true,
        Decision::Approved | Decision::ChangesRequested => state.has_branch,
    };
    let state = State {
        decision,
        has_branch,
        ..state
    };
    if state.stopping {
        enter(state, Stage::Closed)
    } else {
        (state, Vec::new())
    }
}

fn human(state: State, command: ReviewCommand) -> (State, Vec<Effect>) {
    if state.stage == Stage::Closed {
        return (state, Vec::new());
    }
    match command {
        ReviewCommand::Stop if is_running(state.stage) => signal(state),
        ReviewCommand::Stop | ReviewCommand::Leave => leave(state),
        ReviewCommand::View { .. }
        | ReviewCommand::ReadFinding(_)
        | ReviewCommand::Comment(_)
        | ReviewCommand::DeleteComment(_) => undecided_only(state, Effect::RecordAct(command)),
        ReviewCommand::Toggle(_) | ReviewCommand::AcknowledgeTestFailure { .. } => {
            in_review(state, Effect::RecordAct(command))
        }
        ReviewCommand::RerunTests => rerun(state),
        ReviewCommand::Approve { .. } => in_review(state, Effect::Approve(command)),
        ReviewCommand::RequestChanges => in_review(state, Effect::RequestChanges),
        ReviewCommand::Abandon => abandon(state),
        ReviewCommand::Restore if state.decision == Decision::Abandoned => {
            (state, vec![Effect::Restore])
        }
        ReviewCommand::Restore => (
            state,
            vec![Effect::Explain("there is no abandoned branch to restore")],
        ),
    }
}

fn leave(state: State) -> (State, Vec<Effect>) {
    if is_running(state.stage) {
        return (
            state,
            vec![Effect::Explain(
                "the run still works: Ctrl-C stops it, X abandons it",
            )],
        );
    }
    enter(state, Stage::Closed)
}

fn undecided_only(state: State, effect: Effect) -> (State, Vec<Effect>) {
    if state.decision == Decision::Pending {
        (state, vec![effect])
    } else {
        (state, vec![Effect::Explain("this run is decided")])
    }
}

fn in_review(state: State, effect: Effect) -> (State, Vec<Effect>) {
    if state.stage == Stage::Reviewing {
        undecided_only(state, effect)
    } else {
        (
            state,
            vec![Effect::Explain("the run has not come to its review yet")],
        )
    }
}

fn rerun(state: State) -> (State, Vec<Effect>) {
    let reviewable = matches!(
        state.status,
        Some(Status::Success | Status::TestFailure | Status::Stopped)
    );
    if state.stage != Stage::Reviewing || state.decision != Decision::Pending {
        in_review(state, Effect::Explain("the tests run already"))
    } else if reviewable && state.has_branch {
        let state = State {
            stage: Stage::Testing,
            ..state
        };
        (
            state,
            vec![
                Effect::RecordAct(ReviewCommand::RerunTests),
                Effect::RunTests,
            ],
        )
    } else {
        (state, vec![Effect::Explain("there is no commit to test")])
    }
}

fn abandon(state: State) -> (State, Vec<Effect>) {
    if is_running(state.stage) {
        let state = State {
            stopping: true,
            abandon_at_end: true,
            ..state
        };
        return (state, vec![Effect::StopCommand]);
    }
    undecided_only(state, Effect::Abandon)
}

#[cfg(test)]
mod tests;
