//! The checklist: machine items from measured facts, human items open with facts that help.

use std::fmt::Write as _;

use super::{count, integrity};
use crate::model::event::ChangedFile;
use crate::model::{ChecklistItem, Decision, ItemId, RunState, TestOutcome, TestReport, TickedBy};
use crate::text;

/// The six items, filled from what the run recorded.
pub fn checklist(facts: &RunState) -> Vec<ChecklistItem> {
    ItemId::ALL.into_iter().map(|id| fill(id, facts)).collect()
}

/// The six items as they stand now: the recorded ones with the reviewer's ticks, or, for a run that
/// ended before they were recorded, filled from its facts.
pub fn checklist_now(state: &RunState) -> Vec<ChecklistItem> {
    if state.checklist.is_empty() {
        return checklist(state);
    }
    state.checklist_now()
}

fn fill(id: ItemId, facts: &RunState) -> ChecklistItem {
    let (measured, evidence) = match id {
        ItemId::BranchCreated => branch_created(facts),
        ItemId::TestsPass => tests_pass(facts),
        ItemId::NoForbiddenFiles => no_forbidden_files(facts),
        ItemId::NoSecrets => (false, no_secrets(facts)),
        ItemId::Minimal => (false, minimal(facts)),
        ItemId::Documentation => (false, documentation(facts)),
    };
    let ticked = match id.by() {
        TickedBy::Machine => measured,
        TickedBy::Human => facts.is_ticked(id),
    };
    ChecklistItem {
        id,
        text: id.text().to_owned(),
        by: id.by(),
        ticked,
        evidence,
    }
}

fn branch_created(facts: &RunState) -> (bool, String) {
    let (Some(branch), Some(commit)) = (&facts.branch, &facts.commit) else {
        return (false, "no branch was created".to_owned());
    };
    if facts.decision == Decision::Abandoned {
        let kept = facts.kept_as.as_deref().unwrap_or("nothing");
        return (
            false,
            format!("{branch} was removed; its tip is kept as {kept}"),
        );
    }
    (true, format!("{} → {}", branch.ref_name(), commit.short()))
}

fn tests_pass(facts: &RunState) -> (bool, String) {
    let Some(report) = &facts.tests else {
        return (false, "no tests were run".to_owned());
    };
    if report.outcome == TestOutcome::Skipped {
        return (false, format!("not run: {}", report.reason));
    }
    // The outcome is the judgement of whoever read the report; the figures must agree with it.
    let ticked = report.outcome.is_pass()
        && report.exit == Some(0)
        && report.passed > 0
        && report.failed == 0;
    let mut text = format!("{}{}", figures(report), log_pointer(facts, report));
    if let Some(compared) = integrity::against_base(report) {
        let _ = write!(text, "; {compared}");
    }
    if let Some(imported) = integrity::imported(report) {
        let _ = write!(text, "; {imported}");
    }
    if let Some(left) = left_changed(facts, report) {
        let _ = write!(text, "; {left}");
    }
    let open = integrity::left_open(facts, report);
    if ticked && !open.is_empty() {
        return (false, format!("{text}; not ticked: {}", open.join("; ")));
    }
    (ticked, text)
}

fn figures(report: &TestReport) -> String {
    let exit = match report.exit {
        _ if report.timed_out => "ended by the time limit".to_owned(),
        Some(code) => format!("exit {code}"),
        None => "no exit code".to_owned(),
    };
    let mut text = format!(
        "{}: {exit}, {} passed",
        text::command_line(&report.argv),
        report.passed
    );
    // Writing to a String cannot fail; so below.
    for (n, word) in [(report.failed, "failed"), (report.skipped, "skipped")] {
        if n > 0 {
            let _ = write!(text, ", {n} {word}");
        }
    }
    if !report.outcome.is_pass() {
        let _ = write!(text, " ({})", report.reason);
    }
    text
}

/// The files of the checkout that the tests changed in their view.
fn left_changed(facts: &RunState, report: &TestReport) -> Option<String> {
    let end = facts.command_of(&report.argv)?.end.as_ref()?;
    Some(format!("the tests {}", end.traces.changed_in_words()?))
}

fn log_pointer(facts: &RunState, report: &TestReport) -> String {
    let command = facts.command_of(&report.argv);
    let log = command.and_then(|c| c.start.output.as_deref());
    log.map(|log| format!(", log {log}")).unwrap_or_default()
}

fn no_forbidden_files(facts: &RunState) -> (bool, String) {
    if let (Some(verdict), Some(tree)) = (&facts.tree_verdict, &facts.tree) {
        let n = verdict.violations.len() as u64;
        let found = count(n, "violation");
        return (n == 0, format!("gate 2: {found} in tree {}", tree.short()));
    }
    let gate = match &facts.proposal_verdict {
        Some(verdict) => {
            let found = count(verdict.violations.len() as u64, "violation");
            format!("gate 1: {found} in the proposal")
        }
        None => "the policy was not asked".to_owned(),
    };
    (false, format!("{gate}; no tree was built and judged"))
}

fn no_secrets(facts: &RunState) -> String {
    let said = secrets_in_change(facts);
    let printed: u64 = facts
        .commands
        .iter()
        .filter_map(|command| command.end.as_ref())
        .map(|end| end.traces.secrets_count)
        .sum();
    if printed == 0 {
        return said;
    }
    let printed = count(printed, "secret");
    format!("{said}; the commands printed {printed}, masked in the record: see the risks")
}

fn secrets_in_change(facts: &RunState) -> String {
    let found: Vec<&str> = facts
        .violations()
        .filter(|v| v.rule == "content.secret")
        .map(|v| v.subject.as_str())
        .collect();
    if !found.is_empty() {
        return format!("the secret rules found something in {}", found.join(", "));
    }
    if facts.proposal_verdict.is_none() {
        return "nothing was scanned".to_owned();
    }
    let scanned = match facts.changed_files.len() {
        0 => "the proposal".to_owned(),
        n => format!(
            "{} ({} added)",
            count(n as u64, "changed file"),
            count(facts.stats.added, "line")
        ),
    };
    format!("the secret rules found nothing in {scanned}; they know formats, not meanings")
}

fn minimal(facts: &RunState) -> String {
    let stats = facts.stats;
    if stats.files == 0 {
        return "no file was changed".to_owned();
    }
    let mut text = format!(
        "{}, +{} -{} lines",
        count(stats.files, "file"),
        stats.added,
        stats.removed
    );
    let lines = |file: &ChangedFile| file.lines.added + file.lines.removed;
    let total: u64 = facts.changed_files.iter().map(lines).sum();
    let in_tests = facts.changed_files.iter().filter(|f| is_test(&f.path));
    let in_tests: u64 = in_tests.map(lines).sum();
    if let Some(share) = (in_tests * 100).checked_div(total) {
        let _ = write!(text, ", {share} % of them in tests");
    }
    if let Some(policy) = &facts.policy {
        let _ = write!(
            text,
            " (limits: {} files, {} lines)",
            policy.max_files, policy.max_lines
        );
    }
    text
}

fn documentation(facts: &RunState) -> String {
    let changed: Vec<String> = facts
        .changed_files
        .iter()
        .filter(|file| is_documentation(&file.path))
        .map(|file| text::visible(&file.path).into_owned())
        .collect();
    if changed.is_empty() {
        "no documentation file changed".to_owned()
    } else {
        format!("changed: {}", changed.join(", "))
    }
}

/// Whether a path looks like a test, in the languages' usual ways of naming them.
fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let in_test_folder = folders
        .split('/')
        .any(|folder| matches!(folder, "test" | "tests" | "testing" | "__tests__" | "spec"));
    in_test_folder
        || stem == "conftest"
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// Whether a path looks like something that people read.
fn is_documentation(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (folders, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let known = [
        "readme",
        "changelog",
        "changes",
        "news",
        "history",
        "contributing",
    ];
    matches!(extension, "md" | "rst" | "adoc")
        || folders
            .split('/')
            .any(|folder| matches!(folder, "doc" | "docs"))
        || (matches!(extension, "" | "txt") && known.contains(&stem))
}
