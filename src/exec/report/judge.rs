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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;

    fn judged(exit: &ExitKind, kind: Runner, counted: Result<Counts, String>) -> TestReport {
        let argv = ["pytest".to_owned()];
        let run = Reading {
            argv: &argv,
            kind,
            exit,
            duration: Duration::from_millis(2500),
            report_file: Path::new("/r.xml"),
            view: Path::new("/v"),
        };
        judge(&run, counted)
    }

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
            ..Counts::default()
        }
    }

    #[test]
    fn only_exit_zero_with_a_passed_and_no_failed_test_is_a_pass() {
        for code in [0, 1, 2, 3, 4, 5, 255] {
            for passed in [0, 1] {
                for failed in [0, 1] {
                    let exit = ExitKind::Exited { code };
                    let report = judged(&exit, Runner::Pytest, Ok(counts(passed, failed, 1)));
                    let expected = (code, passed, failed) == (0, 1, 0);
                    assert_eq!(report.outcome.is_pass(), expected, "{report:?}");
                    assert!(report.reason.contains(&format!("exit code {code}")));
                    assert!(
                        report
                            .reason
                            .ends_with(&format!("{failed} failed, 1 skipped"))
                    );
                }
            }
        }
    }

    #[test]
    fn other_ends_are_never_a_pass_even_with_a_green_report() {
        let reason = "gone".to_owned();
        for (exit, outcome, words) in [
            (
                ExitKind::TimedOut,
                TestOutcome::TimedOut,
                "the time limit ended it after 2 s; 3 passed",
            ),
            (
                ExitKind::Stopped,
                TestOutcome::Failed,
                "it was stopped; 3 passed",
            ),
            (
                ExitKind::OutputLimit,
                TestOutcome::Failed,
                "it printed more than the limit allows",
            ),
            (
                ExitKind::Signalled { signal: 11 },
                TestOutcome::Failed,
                "signal 11 ended it",
            ),
            (
                ExitKind::NotStarted { reason },
                TestOutcome::NotStarted,
                "could not be started: gone",
            ),
        ] {
            let report = judged(&exit, Runner::Pytest, Ok(counts(3, 0, 0)));
            assert_eq!(report.outcome, outcome);
            assert_eq!(report.exit, None);
            assert!(report.reason.contains(words), "{}", report.reason);
        }
    }

    #[test]
    fn a_report_that_is_missing_or_contradicts_itself_is_no_report() {
        let exit = ExitKind::Exited { code: 0 };
        let report = judged(
            &exit,
            Runner::Other,
            Err("no report was written".to_owned()),
        );
        assert_eq!(report.outcome, TestOutcome::NoReport);
        assert_eq!(report.reason, "exit code 0; no report was written");

        let contradictions = vec!["the report claims tests=9 but holds 1".to_owned()];
        let counted = Counts {
            contradictions,
            ..counts(1, 0, 0)
        };
        let report = judged(&exit, Runner::Other, Ok(counted));
        assert_eq!(report.outcome, TestOutcome::NoReport);
        assert!(report.reason.ends_with("claims tests=9 but holds 1"));
    }

    #[test]
    fn five_means_no_tests_for_pytest_only() {
        let exit = ExitKind::Exited { code: 5 };
        let outcome = |kind| judged(&exit, kind, Ok(counts(0, 0, 0))).outcome;
        assert_eq!(outcome(Runner::Pytest), TestOutcome::NoneCounted);
        assert_eq!(outcome(Runner::Other), TestOutcome::Failed);
    }
}
