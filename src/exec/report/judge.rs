//! Exit code and report, judged together: only exit 0 with a test that passed is a pass.

use crate::exec::report::junit::{Counts, FAILURES};
use crate::exec::report::record::Record;
use crate::exec::report::{Counted, Reading, Runner};
use crate::model::{
    CaseOutcome, Channel, ExitKind, FailedTest, Integrity, Since, TestOutcome, TestReport,
};

/// The figures that are judged, and what speaks against them.
#[derive(Debug, Default)]
struct Figures {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Why there is nothing to count, or not all of it.
    problem: Option<String>,
    /// What the report says against itself.
    sign: Option<String>,
}

/// Judges a run by how it ended and by what was counted (or why nothing could be). Where a record
/// was asked for, it is what counts, and the JUnit file has to agree.
pub(super) fn judge(
    run: &Reading<'_>,
    junit: Result<Counts, String>,
    record: Option<Result<Record, String>>,
) -> Counted {
    let (counts, junit_problem) = match junit {
        Ok(counts) => (counts, None),
        Err(problem) => (Counts::default(), Some(problem)),
    };
    let exit = code_of(run.exit);
    let asked = record.is_some();
    let (mut record, record_problem) = match record {
        Some(Ok(record)) => (record, None),
        Some(Err(problem)) => (Record::default(), Some(problem)),
        None => (Record::default(), None),
    };
    let recorded = asked && record_problem.is_none();
    let figures = if recorded {
        of_record(&record, &counts, junit_problem, exit)
    } else {
        Figures {
            passed: counts.passed,
            failed: counts.failed,
            skipped: counts.skipped,
            sign: counts.contradictions.first().cloned(),
            problem: record_problem.or(junit_problem),
        }
    };
    let finish = record.finish.take();
    let is_complete = exit.is_some()
        && if asked {
            finish.is_some()
        } else {
            figures.problem.is_none() && figures.sign.is_none()
        };
    let mut failures = counts.failures;
    if recorded {
        add_missing_failures(&mut failures, &record);
    }
    let (outcome, reason) = verdict(run, &figures);
    let report = TestReport {
        argv: run.argv.to_vec(),
        outcome,
        exit,
        passed: figures.passed,
        failed: figures.failed,
        skipped: figures.skipped,
        seconds: run.duration.as_secs_f64(),
        timed_out: *run.exit == ExitKind::TimedOut,
        failures,
        reason,
        integrity: Box::new(come_by(recorded)),
    };
    let finish = finish.unwrap_or_default();
    Counted {
        report,
        cases: if asked { record.cases } else { counts.cases },
        is_complete,
        modules: finish.modules,
        tampered: finish.tampered,
    }
}

fn come_by(recorded: bool) -> Integrity {
    let channel = if recorded {
        Channel::Record
    } else {
        Channel::Junit
    };
    Integrity {
        channel,
        ..Integrity::default()
    }
}

fn code_of(exit: &ExitKind) -> Option<i32> {
    match exit {
        ExitKind::Exited { code } => Some(*code),
        ExitKind::Signalled { .. }
        | ExitKind::TimedOut
        | ExitKind::Stopped
        | ExitKind::OutputLimit
        | ExitKind::NotStarted { .. } => None,
    }
}

/// The figures of a record, and what is wrong with it.
fn of_record(
    record: &Record,
    counts: &Counts,
    junit_problem: Option<String>,
    exit: Option<i32>,
) -> Figures {
    let passed = record.count(CaseOutcome::Passed);
    let failed = record.count(CaseOutcome::Failed);
    let skipped = record.count(CaseOutcome::Skipped) + record.count(CaseOutcome::ExpectedFailure);
    let sign = counts
        .contradictions
        .first()
        .cloned()
        .or_else(|| sign_of(record, counts, exit));
    let problem = if record.finish.is_none() {
        Some("pytest ended before its session did: the record of the tests has no end".to_owned())
    } else {
        junit_problem
    };
    Figures {
        passed,
        failed,
        skipped,
        problem,
        sign,
    }
}

/// What a finished record shows that an honest run does not.
fn sign_of(record: &Record, counts: &Counts, exit: Option<i32>) -> Option<String> {
    let finish = record.finish.as_ref()?;
    if finish.changed {
        return Some("a hook changed the result of a test that failed".to_owned());
    }
    if exit == Some(0) && (finish.exit_before != 0 || finish.exit != 0) {
        let was = finish.exit_before.max(finish.exit);
        return Some(format!("pytest's own exit status was {was}"));
    }
    if exit == Some(0)
        && let Some(collected) = record.collected
        && record.told < collected
    {
        let told = record.told;
        return Some(format!(
            "{collected} tests were collected, {told} told their end"
        ));
    }
    let passed = record.count(CaseOutcome::Passed);
    // A sub-test that passed has no element, and its test may have several.
    if !record.has_parts && exit == Some(0) && counts.failed == 0 && counts.passed != passed {
        let counted = counts.passed;
        return Some(format!(
            "the JUnit file counts {counted} passed tests, milton's plugin {passed}"
        ));
    }
    (exit == Some(0) && counts.failed > 0)
        .then(|| format!("the JUnit file counts {} failed tests", counts.failed))
}

/// Names failures that the JUnit file is silent about.
fn add_missing_failures(failures: &mut Vec<FailedTest>, record: &Record) {
    let failed = record
        .cases
        .iter()
        .filter(|(_, outcome)| **outcome == CaseOutcome::Failed);
    for (name, _) in failed {
        if failures.len() >= FAILURES {
            return;
        }
        if !failures.iter().any(|failure| failure.name == *name) {
            failures.push(FailedTest {
                name: name.clone(),
                file: None,
                line: None,
                message: "milton's plugin saw it fail; pytest's own report does not say so"
                    .to_owned(),
                traceback: String::new(),
                since: Since::Unknown,
            });
        }
    }
}

fn verdict(run: &Reading<'_>, figures: &Figures) -> (TestOutcome, String) {
    let numbers = match &figures.problem {
        Some(problem) if figures.passed + figures.failed + figures.skipped == 0 => problem.clone(),
        Some(problem) => format!("{}; {problem}", summary(figures)),
        None => summary(figures),
    };
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
    let words = exit_words(code, run.kind);
    let outcome = match (code, &figures.problem, &figures.sign) {
        (0, _, Some(sign)) if figures.failed > 0 => {
            return (
                TestOutcome::Failed,
                format!("{words}, but {sign}; {numbers}"),
            );
        }
        (0, _, _) if figures.failed > 0 => TestOutcome::Failed,
        (0, Some(_), _) => TestOutcome::NoReport,
        (0, None, Some(sign)) => {
            return (
                TestOutcome::NoReport,
                format!("{words}, but the report contradicts itself: {sign}"),
            );
        }
        (0, None, None) if figures.passed == 0 => TestOutcome::NoneCounted,
        (0, None, None) => TestOutcome::Passed,
        (5, None, _) if run.kind == Runner::Pytest && figures.failed == 0 => {
            TestOutcome::NoneCounted
        }
        (_, _, _) => TestOutcome::Failed,
    };
    (outcome, format!("{words}; {numbers}"))
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

fn summary(figures: &Figures) -> String {
    if figures.passed + figures.failed + figures.skipped == 0 {
        return "the report counts no test".to_owned();
    }
    format!(
        "{} passed, {} failed, {} skipped",
        figures.passed, figures.failed, figures.skipped
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
            record: None,
            view: &crate::exec::Candidate::at(Path::new("/v")),
        };
        judge(&run, counted, None).report
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
