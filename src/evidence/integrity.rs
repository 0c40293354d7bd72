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
