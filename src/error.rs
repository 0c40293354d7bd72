//! From what went wrong to what the user sees: message, hint, status, exit code. One table.

use crate::model::{Decision, Status};

/// A failure as the user reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind it is; decides the exit code.
    pub kind: Kind,
    /// What happened, without a trailing period.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// More lines: a failing hunk with its context, git's own words.
    pub detail: Vec<String>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage, unreadable input or configuration: nothing was begun.
    Usage,
    /// The run ended with this status.
    Run(Status),
}

/// The signals milton reports in its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C, SIGINT.
    Interrupt,
    /// SIGTERM, or SIGHUP: the terminal is gone.
    Terminate,
}

impl Failure {
    /// A failure before anything was begun (exit 2).
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.into(),
            hint: hint.into(),
            detail: Vec::new(),
        }
    }

    /// A failure that ends a run with a status.
    pub fn run(status: Status, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: Kind::Run(status),
            message: message.into(),
            hint: hint.into(),
            detail: Vec::new(),
        }
    }

    /// A bug of milton.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::run(
            Status::InternalError,
            message,
            "this is a bug of milton: please report it with the run's folder",
        )
    }

    /// The same failure with more lines.
    #[must_use]
    pub fn with_detail(mut self, detail: Vec<String>) -> Self {
        self.detail = detail;
        self
    }

    /// The status a run that met this failure ends with.
    pub fn status(&self) -> Status {
        match self.kind {
            Kind::Usage => Status::PlanError,
            Kind::Run(status) => status,
        }
    }

    /// The exit code of a command that ends with this failure.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => EXIT_USAGE,
            Kind::Run(status) => status_code(status, Signal::Interrupt),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Wrong usage, unreadable input or configuration.
pub const EXIT_USAGE: u8 = 2;
/// The reviewer sent the comments back.
pub const EXIT_CHANGES_REQUESTED: u8 = 10;
/// The reviewer abandoned the branch.
pub const EXIT_ABANDONED: u8 = 11;
/// The reviewer left without a decision.
pub const EXIT_UNDECIDED: u8 = 12;

/// `milton verify` found something that is not as it was recorded.
pub const EXIT_NOT_AS_RECORDED: u8 = 24;

/// The exit code of a status (CONTRACT, "exit").
pub fn status_code(status: Status, signal: Signal) -> u8 {
    match status {
        Status::Success => 0,
        Status::InternalError => 1,
        Status::BlockedByPolicy => 20,
        Status::TestFailure => 21,
        Status::GitError => 22,
        Status::PlanError => 23,
        Status::Stopped => match signal {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        },
    }
}

/// The exit code of the review screen: the decision, else what the pipeline came to.
pub fn review_code(status: Status, decision: Decision, signal: Signal) -> u8 {
    match decision {
        Decision::Approved => 0,
        Decision::ChangesRequested => EXIT_CHANGES_REQUESTED,
        Decision::Abandoned => EXIT_ABANDONED,
        Decision::Pending if status == Status::Success => EXIT_UNDECIDED,
        Decision::Pending => status_code(status, signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        let code = |status| status_code(status, Signal::Interrupt);
        assert_eq!(code(Status::Success), 0);
        assert_eq!(code(Status::InternalError), 1);
        assert_eq!(code(Status::BlockedByPolicy), 20);
        assert_eq!(code(Status::TestFailure), 21);
        assert_eq!(code(Status::GitError), 22);
        assert_eq!(code(Status::PlanError), 23);
        assert_eq!(code(Status::Stopped), 130);
        assert_eq!(status_code(Status::Stopped, Signal::Terminate), 143);
    }

    #[test]
    fn a_decision_outweighs_the_status() {
        let code = |status, decision| review_code(status, decision, Signal::Interrupt);
        assert_eq!(code(Status::TestFailure, Decision::Approved), 0);
        assert_eq!(code(Status::Success, Decision::ChangesRequested), 10);
        assert_eq!(code(Status::Success, Decision::Abandoned), 11);
        assert_eq!(code(Status::Success, Decision::Pending), 12);
        assert_eq!(code(Status::BlockedByPolicy, Decision::Pending), 20);
    }
}
