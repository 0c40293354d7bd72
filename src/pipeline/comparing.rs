//! The candidate's run of the suite beside the base's and the deciding one: what is new, what is
//! old, what is missing, and what that makes of the result. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    CaseOutcome, Cases, CommandId, Names, OtherRun, Since, TestOutcome, TestReport,
};
use crate::pipeline::testing::SuiteRun;

/// Names that a sentence holds; the evidence lists more.
const SHOWN: usize = 3;

/// A run of the suite that the candidate's is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Beside {
    /// Its figures.
    pub(super) run: OtherRun,
    /// Every test.
    pub(super) cases: Cases,
    /// Whether the tests are all there.
    pub(super) is_complete: bool,
    /// Whether functions of the runner were replaced while it ran.
    pub(super) tampered: bool,
}

impl Beside {
    /// What a job came to, with the paths that stood as the base has them.
    pub(super) fn of(suite: SuiteRun, replaced: Vec<String>) -> Self {
        let report = suite.counted.report;
        Self {
            run: OtherRun {
                command: suite.command,
                outcome: report.outcome,
                passed: report.passed,
                failed: report.failed,
                skipped: report.skipped,
                seconds: report.seconds,
                reason: report.reason,
                replaced,
            },
            cases: suite.counted.cases,
            is_complete: suite.counted.is_complete,
            tampered: suite.counted.tampered,
        }
    }

    /// A run that could not be made.
    pub(super) fn failed(reason: String, replaced: Vec<String>) -> Self {
        Self {
            run: OtherRun {
                command: None::<CommandId>,
                outcome: TestOutcome::NotStarted,
                passed: 0,
                failed: 0,
                skipped: 0,
                seconds: 0.0,
                reason,
                replaced,
            },
            cases: Cases::new(),
            is_complete: false,
            tampered: false,
        }
    }
}

/// The candidate's report with what the other runs say about it.
pub(super) fn compare(
    candidate: SuiteRun,
    base: Option<Beside>,
    deciding: Option<Beside>,
) -> TestReport {
    let counted = candidate.counted;
    let mut report = counted.report;
    report.integrity.imports = candidate.imports;
    if counted.is_complete
        && let Some(base) = base.as_ref().filter(|base| base.is_complete)
    {
        against_base(&mut report, &counted.cases, &base.cases);
    }
    if report.outcome.is_pass() {
        if let Some(base) = &base {
            open_against_base(&mut report, base, counted.tampered);
        }
        if let Some(deciding) = &deciding {
            decide(&mut report, &counted.cases, base.as_ref(), deciding);
        }
        imported_elsewhere(&mut report);
    }
    report.integrity.base = base.map(|base| base.run);
    report.integrity.deciding = deciding.map(|deciding| deciding.run);
    report
}

fn against_base(report: &mut TestReport, cases: &Cases, base: &Cases) {
    let facts = &mut report.integrity;
    for (name, outcome) in cases {
        match (base.get(name), outcome) {
            (Some(CaseOutcome::Failed), CaseOutcome::Failed) => facts.old_failures.push(name),
            (_, CaseOutcome::Failed) => facts.new_failures.push(name),
            (Some(CaseOutcome::Failed), CaseOutcome::Passed) => facts.fixed.push(name),
            (
                Some(CaseOutcome::Passed | CaseOutcome::Failed),
                CaseOutcome::Skipped | CaseOutcome::ExpectedFailure,
            ) => facts.newly_skipped.push(name),
            (_, _) => {}
        }
    }
    let (missing, fixed) = missing(cases, base);
    facts.missing = missing.into_iter().collect();
    for name in fixed {
        facts.fixed.push(name);
    }
    for failure in &mut report.failures {
        failure.since = match base.get(&failure.name) {
            Some(CaseOutcome::Failed) => Since::Base,
            Some(CaseOutcome::Passed | CaseOutcome::Skipped | CaseOutcome::ExpectedFailure)
            | None => Since::New,
        };
    }
    // The new ones are what the reviewer has to see first.
    report
        .failures
        .sort_by_key(|failure| failure.since == Since::Base);
    report.reason = with_new_and_old(report);
}

/// The reason, new failures first.
fn with_new_and_old(report: &TestReport) -> String {
    let (new, old) = (
        &report.integrity.new_failures,
        &report.integrity.old_failures,
    );
    let reason = &report.reason;
    let on_base = match old.count {
        0 => String::new(),
        1 => "; 1 fails on the base as well".to_owned(),
        n => format!("; {n} fail on the base as well"),
    };
    if new.is_empty() {
        return match old.count {
            0 => reason.clone(),
            _ => format!("{reason}{on_base}; no new failure"),
        };
    }
    format!("{} new: {}{on_base}; {reason}", new.count, new.first(SHOWN))
}

/// The tests of the base that did not run and that nothing stands for, and the files of the base
/// that could not be collected and now can.
///
/// A test is found again, in this order, as the same test with other parameters, as a test of the
/// same name in another place, and as another new test of the same file (a new name). Each new test
/// stands for one; so counts are never lost, and moving or renaming tests loses nothing.
fn missing<'a>(cases: &Cases, base: &'a Cases) -> (Vec<&'a str>, Vec<&'a str>) {
    let ran = |outcome: CaseOutcome| matches!(outcome, CaseOutcome::Passed | CaseOutcome::Failed);
    let is_file = |name: &str| !name.contains("::") && name.contains('.');
    let broken = |file: &str| cases.get(file) == Some(&CaseOutcome::Failed);
    let mut gone: Vec<&str> = Vec::new();
    let mut fixed: Vec<&str> = Vec::new();
    for (name, outcome) in base {
        let expected = *outcome == CaseOutcome::ExpectedFailure;
        // A file that cannot be collected any more is a failure of its own.
        if cases.contains_key(name) || !(ran(*outcome) || expected) || broken(file_of(name)) {
            continue;
        }
        if is_file(name) && has_tests(cases, name) {
            fixed.push(name);
        } else {
            gone.push(name);
        }
    }
    let mut added: Vec<&str> = cases
        .iter()
        .filter(|(name, outcome)| ran(**outcome) && !base.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    let keys: [fn(&str) -> &str; 4] = [without_parameters, last_part, last_name, file_of];
    for key in keys {
        (gone, added) = unpaired(&gone, &added, key);
    }
    (gone, fixed)
}

/// Takes out what can be paired by a key, one by one.
fn unpaired<'a, 'b>(
    gone: &[&'a str],
    added: &[&'b str],
    key: fn(&str) -> &str,
) -> (Vec<&'a str>, Vec<&'b str>) {
    let mut by_key: BTreeMap<&str, Vec<&'b str>> = BTreeMap::new();
    for name in added {
        by_key.entry(key(name)).or_default().push(name);
    }
    let left = gone
        .iter()
        .copied()
        .filter(|name| by_key.get_mut(key(name)).and_then(Vec::pop).is_none())
        .collect();
    (left, by_key.into_values().flatten().collect())
}

fn file_of(name: &str) -> &str {
    name.split("::").next().unwrap_or(name)
}

fn without_parameters(name: &str) -> &str {
    name.split_once('[').map_or(name, |(before, _)| before)
}

/// The test's own name, with its parameters.
fn last_part(name: &str) -> &str {
    let plain = without_parameters(name);
    let start = plain.rfind("::").map_or(0, |at| at + 2);
    name.get(start..).unwrap_or(name)
}

fn last_name(name: &str) -> &str {
    without_parameters(last_part(name))
}

fn open_against_base(report: &mut TestReport, base: &Beside, tampered: bool) {
    let facts = &mut report.integrity;
    if !base.is_complete {
        facts.open.push(format!(
            "there is nothing to compare with: the base run came to no result ({})",
            base.run.reason
        ));
    }
    if !facts.missing.is_empty() {
        facts.open.push(format!(
            "{} of the base did not run: {}",
            tests(facts.missing.count),
            facts.missing.first(SHOWN)
        ));
    }
    if !facts.newly_skipped.is_empty() {
        facts.open.push(format!(
            "{} that ran on the base {} now skipped or expected to fail: {}",
            tests(facts.newly_skipped.count),
            if facts.newly_skipped.count == 1 {
                "is"
            } else {
                "are"
            },
            facts.newly_skipped.first(SHOWN)
        ));
    }
    if tampered && !base.tampered {
        facts
            .open
            .push("functions of pytest were replaced while the tests ran".to_owned());
    }
}

fn is(cases: &Cases, name: &str, outcome: CaseOutcome) -> bool {
    cases.get(name) == Some(&outcome)
}

/// Lets the run with the base's harness decide.
fn decide(report: &mut TestReport, cases: &Cases, base: Option<&Beside>, deciding: &Beside) {
    let nothing = Cases::new();
    let base = base.map_or(&nothing, |base| &base.cases);
    let with = format!("with the base's {}", deciding.run.replaced.join(", "));
    let passed_on_base: Vec<&str> = base
        .keys()
        .map(String::as_str)
        .filter(|name| is(base, name, CaseOutcome::Passed))
        .collect();
    if !deciding.is_complete {
        let why = format!(
            "{with} the suite came to no result: {}",
            deciding.run.reason
        );
        if passed_on_base.is_empty() {
            report.integrity.open.push(why);
        } else {
            not_passed(report, &why);
        }
        return;
    }
    let there = &deciding.cases;
    let lost: Names = passed_on_base
        .into_iter()
        .filter(|name| {
            let is_gone = !there.contains_key(*name) && cases.contains_key(*name);
            is_gone || is(there, name, CaseOutcome::Failed)
        })
        .collect();
    let excused: Names = there
        .keys()
        .map(String::as_str)
        .filter(|name| is(there, name, CaseOutcome::Failed) && !has_result(cases, name))
        .filter(|name| !is(base, name, CaseOutcome::Failed))
        .collect();
    if !lost.is_empty() {
        let (passes, names) = (passes(lost.count), lost.first(SHOWN));
        not_passed(
            report,
            &format!("{with}, {passes} on the base, and not here: {names}"),
        );
    } else if !excused.is_empty() {
        let (fails, names) = (fails(excused.count), excused.first(SHOWN));
        not_passed(
            report,
            &format!("{with}, {fails} that the change leaves out or excuses: {names}"),
        );
    }
    open_by_harness(report, cases, base, there);
}

/// Whether a test passed or failed; for a file that could not be collected, whether one of its tests
/// did.
fn has_result(cases: &Cases, name: &str) -> bool {
    match cases.get(name) {
        Some(CaseOutcome::Passed | CaseOutcome::Failed) => true,
        Some(CaseOutcome::Skipped | CaseOutcome::ExpectedFailure) => false,
        None => has_tests(cases, name),
    }
}

/// Whether there are tests of a file.
fn has_tests(cases: &Cases, file: &str) -> bool {
    let inner = format!("{file}::");
    let mut from = cases.range(inner.clone()..);
    from.next()
        .is_some_and(|(name, _)| name.starts_with(&inner))
}

/// What only the changed harness makes of the tests, without taking a pass away.
fn open_by_harness(report: &mut TestReport, cases: &Cases, base: &Cases, there: &Cases) {
    let unseen: Names = there
        .keys()
        .map(String::as_str)
        .filter(|name| is(there, name, CaseOutcome::Passed) && !cases.contains_key(*name))
        .collect();
    let facts = &mut report.integrity;
    facts.harness_dependent = cases
        .keys()
        .map(String::as_str)
        .filter(|name| is(cases, name, CaseOutcome::Passed))
        .filter(|name| {
            !is(base, name, CaseOutcome::Passed) && !is(there, name, CaseOutcome::Passed)
        })
        .collect();
    if !unseen.is_empty() {
        facts.open.push(format!(
            "the changed harness leaves out {}: {}",
            tests(unseen.count),
            unseen.first(SHOWN)
        ));
    }
    if !facts.harness_dependent.is_empty() {
        facts.open.push(format!(
            "{} only with the changed harness: {}",
            passes(facts.harness_dependent.count),
            facts.harness_dependent.first(SHOWN)
        ));
    }
}

fn not_passed(report: &mut TestReport, why: &str) {
    report.outcome = TestOutcome::Failed;
    report.reason = format!("{why}; {}", report.reason);
}

fn imported_elsewhere(report: &mut TestReport) {
    let facts = &mut report.integrity;
    let elsewhere: Vec<String> = facts
        .imports
        .iter()
        .filter(|import| import.is_changed && !import.is_candidate)
        .map(|import| format!("{} from {}", import.module, import.file))
        .collect();
    if !elsewhere.is_empty() {
        let elsewhere: Names = elsewhere.iter().map(String::as_str).collect();
        facts.open.push(format!(
            "the tests imported {}, not from the candidate",
            elsewhere.first(SHOWN)
        ));
    }
}

fn tests(n: u64) -> String {
    if n == 1 {
        "1 test".to_owned()
    } else {
        format!("{n} tests")
    }
}

fn passes(n: u64) -> String {
    format!("{} {}", tests(n), if n == 1 { "passes" } else { "pass" })
}

fn fails(n: u64) -> String {
    format!("{} {}", tests(n), if n == 1 { "fails" } else { "fail" })
}
