//! The candidate's run of the suite beside the base's and the deciding one: what is new, what is
//! old, what is missing, and what that makes of the result. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{
    CaseOutcome, Cases, Channel, CommandId, Names, OtherRun, Since, TestOutcome, TestReport,
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
    let is_interrupted = is_interrupted(report);
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
    // A run that ended at a file it could not collect did not come to the others.
    if !is_interrupted {
        facts.missing = missing.into_iter().collect();
    }
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

/// Whether pytest ended before all tests had run.
fn is_interrupted(report: &TestReport) -> bool {
    report.integrity.channel == Channel::Record && report.exit == Some(2)
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
            _ if is_interrupted(report) => format!("{reason}{on_base}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::report::Counted;
    use crate::fixtures;
    use crate::model::Import;
    use CaseOutcome::{ExpectedFailure, Failed, Passed, Skipped};

    fn cases(all: &[(&str, CaseOutcome)]) -> Cases {
        let named = all
            .iter()
            .map(|(name, outcome)| ((*name).to_owned(), *outcome));
        named.collect()
    }

    fn suite(all: &[(&str, CaseOutcome)]) -> SuiteRun {
        let failed = all.iter().any(|(_, outcome)| *outcome == Failed);
        let outcome = if failed {
            TestOutcome::Failed
        } else {
            TestOutcome::Passed
        };
        let mut report = fixtures::report(outcome);
        report.failures.clear();
        report.reason = "said".to_owned();
        SuiteRun {
            counted: Counted {
                report,
                cases: cases(all),
                is_complete: true,
                modules: BTreeMap::new(),
                tampered: false,
            },
            command: None,
            imports: Vec::new(),
        }
    }

    fn beside(all: &[(&str, CaseOutcome)], replaced: &[&str]) -> Beside {
        let replaced = replaced.iter().map(|path| (*path).to_owned()).collect();
        Beside::of(suite(all), replaced)
    }

    fn compared(
        candidate: &[(&str, CaseOutcome)],
        base: &[(&str, CaseOutcome)],
        deciding: Option<&[(&str, CaseOutcome)]>,
    ) -> TestReport {
        let deciding = deciding.map(|all| beside(all, &["conftest.py"]));
        compare(suite(candidate), Some(beside(base, &[])), deciding)
    }

    #[test]
    fn new_old_and_fixed_are_told_apart() {
        let report = compared(
            &[
                ("t::a", Failed),
                ("t::b", Failed),
                ("t::c", Passed),
                ("t::d", Failed),
            ],
            &[("t::a", Failed), ("t::b", Passed), ("t::c", Failed)],
            None,
        );
        let facts = &report.integrity;
        assert_eq!(facts.old_failures.names, ["t::a"]);
        assert_eq!(facts.new_failures.names, ["t::b", "t::d"]);
        assert_eq!(facts.fixed.names, ["t::c"]);
        assert_eq!(
            report.reason,
            "2 new: t::b, t::d; 1 fails on the base as well; said"
        );
        let old = compared(&[("t::a", Failed)], &[("t::a", Failed)], None);
        assert_eq!(
            old.reason,
            "said; 1 fails on the base as well; no new failure"
        );
        assert_eq!(old.outcome, TestOutcome::Failed);
    }

    #[test]
    fn a_test_that_moved_or_got_another_name_is_not_missing() {
        let missing = |candidate: &[(&str, CaseOutcome)], base: &[(&str, CaseOutcome)]| {
            compared(candidate, base, None)
                .integrity
                .missing
                .names
                .clone()
        };
        let none = [""; 0];
        let one = [("t/a.py::x", Passed)];
        assert_eq!(
            missing(&[("t/b.py::x", Passed)], &one),
            none,
            "another file"
        );
        assert_eq!(missing(&[("t/a.py::C::x", Passed)], &one), none, "a class");
        assert_eq!(
            missing(&[("t/a.py::y", Passed)], &one),
            none,
            "another name"
        );
        assert_eq!(
            missing(&[("t/a.py::x[1]", Passed)], &one),
            none,
            "parameters"
        );
        let parameters = [("t/a.py::x[1]", Passed), ("t/a.py::x[2]", Passed)];
        let others = [("t/a.py::x[3]", Passed), ("t/a.py::x[4]", Passed)];
        assert_eq!(missing(&others, &parameters), none, "other parameters");
        assert_eq!(missing(&others[..1], &parameters).len(), 1, "fewer of them");
        // Each new test stands for one only, and one that did not run for none.
        let two = [("t/a.py::x", Passed), ("t/a.py::y", Passed)];
        assert_eq!(missing(&[("t/a.py::z", Passed)], &two).len(), 1);
        assert_eq!(missing(&[("t/a.py::z", Skipped)], &one), ["t/a.py::x"]);
        assert_eq!(missing(&[("t/b.py::y", Passed)], &one), ["t/a.py::x"]);
        // One that was skipped on the base is no loss.
        assert_eq!(missing(&[], &[("t/a.py::x", Skipped)]), none);
        // A file that can be collected again is repaired, not gone.
        let report = compared(&one, &[("t/a.py", Failed)], None);
        assert_eq!(report.integrity.fixed.names, ["t/a.py"]);
        assert!(report.integrity.missing.is_empty());
    }

    #[test]
    fn what_is_missing_or_newly_skipped_keeps_the_item_open() {
        for (candidate, open) in [
            (
                &[("t::a", Passed)][..],
                "1 test of the base did not run: t::b",
            ),
            (
                &[("t::a", Passed), ("t::b", Skipped)],
                "is now skipped or expected to fail: t::b",
            ),
            (
                &[("t::a", Passed), ("t::b", ExpectedFailure)],
                "expected to fail: t::b",
            ),
        ] {
            let report = compared(candidate, &[("t::a", Passed), ("t::b", Passed)], None);
            assert_eq!(report.outcome, TestOutcome::Passed);
            assert_eq!(report.integrity.open.len(), 1);
            assert!(report.integrity.open[0].contains(open), "{report:?}");
        }
        let same = [("t::a", Passed), ("t::b", Skipped)];
        assert!(compared(&same, &same, None).integrity.open.is_empty());
    }

    #[test]
    fn the_run_with_the_bases_harness_decides() {
        let base = [("t::a", Passed), ("t::b", Passed)];
        let new = [("t::a", Passed), ("t::b", Passed), ("t::new", Passed)];
        let passes = |candidate: &[_], deciding: &[_]| {
            let report = compared(candidate, &base, Some(deciding));
            (
                report.outcome == TestOutcome::Passed,
                report.integrity.open.len(),
            )
        };
        assert_eq!(passes(&new, &new), (true, 0));
        // A test of the base fails, or is gone, with the base's harness.
        assert!(!passes(&base, &[("t::a", Passed), ("t::b", Failed)]).0);
        assert!(!passes(&base, &[("t::a", Passed)]).0);
        // A new test needs the new harness.
        let needs = [("t::a", Passed), ("t::b", Passed), ("t::new", Failed)];
        assert_eq!(passes(&new, &needs), (true, 1));
        assert_eq!(passes(&new, &base), (true, 1));
        // A new test fails, and the new harness leaves it out or excuses it.
        assert!(!passes(&base, &needs).0);
        let excused = [
            ("t::a", Passed),
            ("t::b", Passed),
            ("t::new", ExpectedFailure),
        ];
        assert!(!passes(&excused, &needs).0);
        // It leaves one out that passes.
        assert_eq!(passes(&base, &new), (true, 1));
        // It came to no result.
        let nothing = Beside::failed("no view".to_owned(), vec!["conftest.py".to_owned()]);
        let report = compare(suite(&base), Some(beside(&base, &[])), Some(nothing));
        assert_eq!(report.outcome, TestOutcome::Failed);
    }

    #[test]
    fn a_base_without_a_result_and_another_import_keep_the_item_open() {
        let all = [("t::a", Passed)];
        let nothing = Beside::failed("no view".to_owned(), Vec::new());
        let report = compare(suite(&all), Some(nothing), None);
        assert_eq!(report.integrity.open.len(), 1);
        let import = |is_changed, is_candidate| Import {
            module: "pkg".to_owned(),
            file: "/elsewhere/pkg.py".to_owned(),
            is_candidate,
            is_changed,
        };
        let open = |import| {
            let mut candidate = suite(&all);
            candidate.imports = vec![import];
            compare(candidate, Some(beside(&all, &[])), None)
                .integrity
                .open
                .len()
        };
        assert_eq!(open(import(true, false)), 1);
        assert_eq!(open(import(true, true)), 0);
        assert_eq!(open(import(false, false)), 0);
        let mut tampered = suite(&all);
        tampered.counted.tampered = true;
        let report = compare(tampered, Some(beside(&all, &[])), None);
        assert_eq!(report.integrity.open.len(), 1);
    }
}
