//! What stands behind the counts of the tests, in words.

use super::markup::{code, escaped};
use crate::model::{Integrity, Names, OtherRun, RunState, TestOutcome, TestReport};
use crate::text;

/// Findings that keep "Tests pass" from being ticked: each is a way in which tests can be made to say
/// less than before.
pub(super) const KEEP_OPEN: [&str; 5] = [
    "tests_removed",
    "tests_emptied",
    "tests_skipped",
    "assertions_removed",
    "runner_reached",
];

/// Names of tests or modules that one sentence holds.
const SHOWN: usize = 3;

/// Why "Tests pass" is not ticked although the suite passed; empty when nothing speaks against it.
pub fn left_open(facts: &RunState, report: &TestReport) -> Vec<String> {
    let mut open: Vec<String> = report.integrity.open.clone();
    for id in KEEP_OPEN {
        let found: Names = facts
            .findings
            .iter()
            .filter(|finding| finding.risk.id == id)
            .map(|finding| finding.risk.subject.as_str())
            .collect();
        if !found.is_empty() {
            open.push(format!("{id} ({})", found.first(SHOWN)));
        }
    }
    open
}

/// How the run compares with the base, in one phrase; `None` when the base was not run.
pub fn against_base(report: &TestReport) -> Option<String> {
    let facts = &report.integrity;
    let base = facts.base.as_ref()?;
    let known = if base.command.is_none() && base.outcome != TestOutcome::NotStarted {
        ", known from an earlier run"
    } else {
        ""
    };
    let mut parts = vec![format!(
        "base: {} passed, {} failed{known}",
        base.passed, base.failed
    )];
    for (names, word) in compared(facts) {
        if !names.is_empty() {
            parts.push(format!("{} {word}", names.count));
        }
    }
    if let Some(deciding) = &facts.deciding {
        parts.push(format!(
            "with the base's {}: {}",
            text::visible(&deciding.replaced.join(", ")),
            figures(deciding)
        ));
    }
    Some(parts.join(", "))
}

/// The lists, with the words that stand behind a count.
pub fn compared(facts: &Integrity) -> [(&Names, &'static str); 6] {
    [
        (&facts.new_failures, "newly failing"),
        (&facts.old_failures, "failing there too"),
        (&facts.fixed, "fixed"),
        (&facts.missing, "missing"),
        (&facts.newly_skipped, "newly skipped"),
        (&facts.harness_dependent, "only with the changed harness"),
    ]
}

/// The figures of a run in words.
pub(super) fn figures(run: &OtherRun) -> String {
    if run.passed + run.failed + run.skipped == 0 {
        return run.reason.clone();
    }
    format!("{} passed, {} failed", run.passed, run.failed)
}

/// Where the tests imported the candidate's code from; `None` when it is not known.
pub fn imported(report: &TestReport) -> Option<String> {
    let imports = &report.integrity.imports;
    // What the change touches says most; a package stands for its modules.
    let changed = imports.iter().filter(|import| import.is_changed);
    let mut shown: Vec<_> = changed.collect();
    if shown.is_empty() {
        shown = imports
            .iter()
            .filter(|import| !import.module.contains('.'))
            .collect();
    }
    let texts: Vec<String> = shown
        .iter()
        .map(|import| format!("{} from {}", import.module, import.file))
        .collect();
    let names: Names = texts.iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| format!("tests imported {}", names.first(SHOWN)))
}

/// What stands behind the counts as lines of Markdown: the base's run, the deciding one, where the
/// code came from, and what keeps the item open.
pub(super) fn lines(state: &RunState, report: &TestReport) -> Vec<String> {
    let facts = &report.integrity;
    let mut lines: Vec<String> = Vec::new();
    lines.extend(against_base(report).map(|compared| escaped(&compared)));
    for (names, word) in compared(facts) {
        // New and old failures are marked in the list of failures.
        let is_listed = matches!(word, "newly failing" | "failing there too");
        if !names.is_empty() && !is_listed {
            let shown: Vec<String> = names.names.iter().map(|name| code(name)).collect();
            let more = match names.count.saturating_sub(shown.len() as u64) {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            lines.push(format!("{word}: {}{more}", shown.join(", ")));
        }
    }
    lines.extend(imported(report).map(|imported| escaped(&imported)));
    if report.outcome.is_pass() {
        let open = left_open(state, report);
        lines.extend(
            open.iter()
                .map(|why| format!("\"Tests pass\" stays open: {}", escaped(why))),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checklist;
    use crate::fixtures;
    use crate::model::run::Finding;
    use crate::model::{Import, ItemId, Risk, RunId};

    /// A run whose suite passed, with one change to what stands behind it.
    fn state(edit: impl FnOnce(&mut RunState)) -> RunState {
        let run = RunId::parse("20260722-184201-7f3a").unwrap();
        let mut state = RunState::new(run);
        let mut report = fixtures::report(TestOutcome::Passed);
        report.integrity.base = Some(OtherRun {
            command: None,
            outcome: TestOutcome::Failed,
            passed: 126,
            failed: 2,
            skipped: 3,
            seconds: 1.0,
            reason: String::new(),
            replaced: Vec::new(),
        });
        report.integrity.fixed = ["t::a", "t::b"].into_iter().collect();
        state.tests = Some(report);
        edit(&mut state);
        state
    }

    fn tests_pass(state: &RunState) -> (bool, String) {
        let items = checklist(state).into_iter();
        let mut items = items.filter(|item| item.id == ItemId::TestsPass);
        let item = items.next().unwrap();
        (item.ticked, item.evidence)
    }

    #[test]
    fn a_plain_pass_is_ticked_and_says_what_it_was_compared_with() {
        let (ticked, evidence) = tests_pass(&state(|_| {}));
        assert!(ticked);
        let words = "base: 126 passed, 2 failed, known from an earlier run, 2 fixed";
        assert!(evidence.ends_with(words), "{evidence}");
    }

    #[test]
    fn every_finding_about_tests_and_every_open_reason_keeps_the_item_open() {
        for id in KEEP_OPEN {
            let noted = state(|state| {
                state.findings.push(Finding {
                    risk: Risk {
                        id: id.to_owned(),
                        subject: "tests/test_a.py".to_owned(),
                        detail: String::new(),
                    },
                    // Reading it does not take it back.
                    read: true,
                });
            });
            let (ticked, evidence) = tests_pass(&noted);
            assert!(!ticked, "{id}");
            let words = format!("not ticked: {id} (tests/test_a.py)");
            assert!(evidence.ends_with(&words), "{evidence}");
        }
        let open = state(|state| {
            let report = state.tests.as_mut().unwrap();
            report.integrity.open.push("a reason".to_owned());
        });
        let (ticked, evidence) = tests_pass(&open);
        assert!(!ticked && evidence.ends_with("not ticked: a reason"));
        let other = state(|state| {
            state.findings.push(Finding {
                risk: Risk {
                    id: "harness_changed".to_owned(),
                    subject: "conftest.py".to_owned(),
                    detail: String::new(),
                },
                read: false,
            });
        });
        assert!(tests_pass(&other).0, "the deciding run answers for it");
    }

    #[test]
    fn the_place_of_a_changed_module_is_shown_first() {
        let import = |module: &str, is_changed| Import {
            module: module.to_owned(),
            file: format!("src/{module}.py"),
            is_candidate: true,
            is_changed,
        };
        let told = |imports: Vec<Import>| {
            let state = state(|state| state.tests.as_mut().unwrap().integrity.imports = imports);
            imported(state.tests.as_ref().unwrap())
        };
        assert_eq!(told(Vec::new()), None);
        let both = vec![import("a", false), import("b", true)];
        assert_eq!(told(both).unwrap(), "tests imported b from src/b.py");
        let neither = vec![import("a", false), import("a.c", false)];
        assert_eq!(told(neither).unwrap(), "tests imported a from src/a.py");
    }
}
