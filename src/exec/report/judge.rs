//! Exit code and report, judged together: only exit 0 with a test that passed is a pass.

use crate::exec::report::junit::Counts;
use crate::exec::report::{Reading, Runner};
use crate::model::{ExitKind, TestOutcome, TestReport};

/// Judges a run by how it ended and by what was counted (or why nothing could be).
pub(super) fn judge(run: &Reading<'_>, counted: Result<Counts, String>) -> TestReport {
    let (counts, problem) = match counted {
        Ok(counts) => (counts, None),
        Err(problem) => (Counts::default(), Some(problem)),
    };
    let exit = match run.exit {
        ExitKind::Exited { code } => Some(*code),
        ExitKind::Signalled { .. }
        | ExitKind::TimedOut
        | ExitKind::Stopped
        | ExitKind::OutputLimit
        | ExitKind::NotStarted { .. } => None,
    };
    let (outcome, reason) = verdict(run, &counts, problem.as_deref());
    TestReport {
        argv: run.argv.to_vec(),
        outcome,
        exit,
        passed: counts.passed,
        failed: counts.failed,
        skipped: counts.skipped,
        seconds: run.duration.as_secs_f64(),
        timed_out: *run.exit == ExitKind::TimedOut,
        failures: counts.failures,
        reason,
    }
}

fn verdict(run: &Reading<'_>, counts: &Counts, problem: Option<&str>) -> (TestOutcome, String) {
    let numbers = problem.map_or_else(|| summary(counts), str::to_owned);
    let code = match run.exit {
        ExitKind::Exited { code } => *code,
        ExitKind::NotStarted { reason } => {
            return (
                TestOutcome::NotStarted,
                format!("the test command could not be started: {reason}"),
            );
        }
        ExitKind::TimedOut => {
            let seconds = run.duration.as_secs();
            return (
                TestOutcome::TimedOut,
                format!("the time limit ended it after {seconds} s; {numbers}"),
            );
        }
        ExitKind::Signalled { signal } => {
            return (
                TestOutcome::Failed,
                format!("signal {signal} ended it; {numbers}"),
            );
        }
        ExitKind::Stopped => return (TestOutcome::Failed, format!("it was stopped; {numbers}")),
        ExitKind::OutputLimit => {
            return (
                TestOutcome::Failed,
                format!("it printed more than the limit allows; {numbers}"),
            );
        }
    };
    let outcome = match (code, problem, counts.contradictions.first()) {
        (0, Some(_), _) => TestOutcome::NoReport,
        (0, None, Some(contradiction)) => {
            return (
                TestOutcome::NoReport,
                format!("exit code 0, but the report contradicts itself: {contradiction}"),
            );
        }
        (0, None, None) if counts.failed > 0 => TestOutcome::Failed,
        (0, None, None) if counts.passed == 0 => TestOutcome::NoneCounted,
        (0, None, None) => TestOutcome::Passed,
        (5, None, _) if run.kind == Runner::Pytest && counts.failed == 0 => {
            TestOutcome::NoneCounted
        }
        (_, _, _) => TestOutcome::Failed,
    };
    (
        outcome,
        format!("{}; {numbers}", exit_words(code, run.kind)),
    )
}

/// The exit code, with pytest's own meaning of it.
fn exit_words(code: i32, kind: Runner) -> String {
    let meaning = match (kind, code) {
        (Runner::Pytest, 2) => " (interrupted, or a file could not be collected)",
        (Runner::Pytest, 3) => " (internal error of pytest)",
        (Runner::Pytest, 4) => " (wrong usage of pytest)",
        (Runner::Pytest, 5) => " (no tests collected)",
        (Runner::Pytest | Runner::Node | Runner::Other, _) => "",
    };
    format!("exit code {code}{meaning}")
}

fn summary(counts: &Counts) -> String {
    if counts.passed + counts.failed + counts.skipped == 0 {
        return "the report counts no test".to_owned();
    }
    format!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    )
}
