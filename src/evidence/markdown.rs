//! `evidence.md`: the evidence for a person, fit for a pull request.
//!
//! Everything that came from outside is made visible and then escaped or fenced, so that it cannot
//! draw a heading, a link, a tick or the end of its own fence.

use std::fmt::Write as _;

use super::markup::{cell, code, escaped, fenced, first_lines, last_lines, whole_lines};
use super::{checklist_now, count, goal, verdict};
use crate::model::run::CommandState;
use crate::model::{Comment, CommentKind, Override, RunState, TestReport};
use crate::text;

/// The largest diff that is shown whole, in bytes; a pull request's text holds about 64 KiB.
const MAX_DIFF: usize = 48 << 10;
/// Lines of the test output that are shown of its beginning and its end.
const FIRST_LINES: usize = 5;
const LAST_LINES: usize = 40;

/// The evidence of a run as Markdown. `diff` is the text of `diff.patch` (empty when there is none)
/// and `test_output_tail` the end of the deciding test command's output file.
pub fn markdown(state: &RunState, diff: &str, test_output_tail: &str) -> String {
    let mut page = String::new();
    summary(state, &mut page);
    failure(state, &mut page);
    violations(state, &mut page);
    files(state, &mut page);
    checklist(state, &mut page);
    risks(state, &mut page);
    tests(state, test_output_tail, &mut page);
    commands(state, &mut page);
    comments(state, &mut page);
    decision(state, &mut page);
    the_diff(state, diff, &mut page);
    page
}

/// Appends a formatted line; writing to a String cannot fail.
macro_rules! line {
    ($page:expr) => { $page.push('\n') };
    ($page:expr, $($arguments:tt)*) => {{
        let _ = writeln!($page, $($arguments)*);
    }};
}

fn summary(state: &RunState, page: &mut String) {
    let status = state.status.map_or("unfinished", |s| s.as_str());
    line!(page, "# {}", escaped(&goal(state)));
    line!(page);
    line!(page, "| | |");
    line!(page, "|---|---|");
    line!(page, "| status | **{status}** |");
    line!(
        page,
        "| decision | {} |",
        state.decision.as_str().replace('_', " ")
    );
    line!(page, "| run | {} |", code(state.run.as_str()));
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            line!(page, "| {name} | {} |", cell(&value));
        }
    };
    row("branch", state.branch.as_ref().map(ToString::to_string));
    row(
        "base",
        state.base.as_ref().map(|base| match &state.base_branch {
            Some(branch) => format!("{branch} at {base}"),
            None => base.to_string(),
        }),
    );
    row("commit", state.commit.as_ref().map(ToString::to_string));
    row("tree", state.tree.as_ref().map(ToString::to_string));
    row("request", Some(super::request(state).to_owned()));
    row("source", Some(state.source.clone()));
    row("started", state.started.map(|at| at.to_string()));
    row(
        "policy",
        state.policy.as_ref().map(|p| {
            format!(
                "version {}, {} rules, sha256 {}",
                p.version, p.rules, p.digest
            )
        }),
    );
    let labels: Vec<String> = state.overrides.iter().map(Override::label).collect();
    row("overrides", Some(labels.join(", ")));
    row(
        "sandbox",
        state.sandbox.as_ref().map(|s| match s.gaps.as_slice() {
            [] => s.tier.as_str().to_owned(),
            gaps => format!("{} (does not stop: {})", s.tier.as_str(), gaps.join("; ")),
        }),
    );
}

fn heading(title: &str, page: &mut String) {
    line!(page);
    line!(page, "## {title}");
    line!(page);
}

fn failure(state: &RunState, page: &mut String) {
    let Some(failure) = &state.failure else {
        return;
    };
    heading("What went wrong", page);
    line!(page, "{}", escaped(&failure.message));
    if !failure.hint.is_empty() {
        line!(page);
        line!(page, "Next: {}", escaped(&failure.hint));
    }
    if !failure.detail.is_empty() {
        line!(page);
        fenced(&failure.detail.join("\n"), "", page);
    }
}

fn violations(state: &RunState, page: &mut String) {
    let violations = verdict(state).violations;
    if violations.is_empty() {
        return;
    }
    heading("Violations of the policy", page);
    line!(page, "| rule | subject | why | what to do |");
    line!(page, "|---|---|---|---|");
    for v in &violations {
        let why = format!("{} ({})", v.detail, v.source);
        line!(
            page,
            "| {} | {} | {} | {} |",
            cell(&v.rule),
            cell(&v.subject),
            escaped(&why),
            escaped(&v.remedy)
        );
    }
}

fn files(state: &RunState, page: &mut String) {
    heading("Files", page);
    if state.changed_files.is_empty() {
        line!(page, "No file was modified.");
        planned(state, page);
        return;
    }
    line!(page, "| | file | added | removed |");
    line!(page, "|---|---|---:|---:|");
    for file in &state.changed_files {
        let path = match &file.old_path {
            Some(old) => format!("{} → {}", cell(old), cell(&file.path)),
            None => cell(&file.path),
        };
        let lines = file.lines;
        line!(
            page,
            "| {} | {path} | {} | {} |",
            file.letter,
            lines.added,
            lines.removed
        );
    }
}

/// What the change would have touched, where it was not written.
fn planned(state: &RunState, page: &mut String) {
    let files = state.plan.as_ref().map_or(&[][..], |plan| &plan.files);
    if files.is_empty() {
        return;
    }
    line!(page, "Planned, not written:");
    line!(page);
    for file in files {
        let (path, why) = (code(&file.path), escaped(&file.why));
        line!(
            page,
            "- {} {path} (+{} -{}): {why}",
            file.letter,
            file.added,
            file.removed
        );
    }
}

fn checklist(state: &RunState, page: &mut String) {
    heading("Checklist", page);
    for item in checklist_now(state) {
        let tick = if item.ticked { 'x' } else { ' ' };
        line!(
            page,
            "- [{tick}] {}: {}",
            escaped(&item.text),
            escaped(&item.evidence)
        );
    }
    if let Some((note, by)) = &state.acknowledged {
        line!(page);
        let (note, by) = (escaped(note), escaped(by));
        line!(page, "The failing tests were acknowledged by {by}: {note}");
    }
}

fn risks(state: &RunState, page: &mut String) {
    heading("Risks", page);
    if state.findings.is_empty() {
        line!(page, "None of the risk rules applies.");
    }
    for finding in &state.findings {
        let risk = &finding.risk;
        let read = if finding.read { " (read)" } else { "" };
        line!(
            page,
            "- {} {}: {}{read}",
            code(&risk.id),
            code(&risk.subject),
            escaped(&risk.detail)
        );
    }
}

fn tests(state: &RunState, tail: &str, page: &mut String) {
    heading("Tests", page);
    let Some(report) = &state.tests else {
        line!(page, "No tests were run.");
        return;
    };
    let exit = report
        .exit
        .map_or("no exit code".to_owned(), |c| format!("exit {c}"));
    line!(
        page,
        "{}: {exit}, {} passed, {} failed, {} skipped in {} ({})",
        code(&text::command_line(&report.argv)),
        report.passed,
        report.failed,
        report.skipped,
        seconds(report.seconds),
        escaped(&report.reason)
    );
    let behind = super::integrity::lines(state, report);
    if !behind.is_empty() {
        line!(page);
    }
    for text in behind {
        line!(page, "- {text}");
    }
    failed_tests(report, page);
    let command = state.command_of(&report.argv);
    output(command, tail, page);
    for (argv, reason) in &state.skipped {
        line!(page);
        let argv = code(&text::command_line(argv));
        line!(page, "Not run: {argv} ({})", escaped(reason));
    }
}

fn failed_tests(report: &TestReport, page: &mut String) {
    if report.failures.is_empty() {
        return;
    }
    line!(page);
    for failure in &report.failures {
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!(" ({})", code(&format!("{file}:{line}"))),
            _ => String::new(),
        };
        line!(
            page,
            "- {}{place}{}: {}",
            code(&failure.name),
            match failure.since.word() {
                "" => String::new(),
                word => format!(" ({word})"),
            },
            escaped(&failure.message)
        );
    }
}

/// The first and last lines of the real output, and where the whole is.
fn output(command: Option<&CommandState>, tail: &str, page: &mut String) {
    let end = command.and_then(|c| c.end.as_ref());
    let head = end.map_or("", |e| {
        if e.stdout.head.is_empty() {
            &e.stderr.head
        } else {
            &e.stdout.head
        }
    });
    let last = last_lines(tail, LAST_LINES);
    let first = first_lines(head, FIRST_LINES);
    if !(first.is_empty() && last.is_empty()) {
        line!(page);
        // A short output is its own tail: then once is enough.
        if first.is_empty() || tail.starts_with(first) && last.len() == tail.len() {
            fenced(last, "text", page);
        } else if last.is_empty() {
            fenced(first, "text", page);
        } else {
            fenced(
                &format!("{}\n…\n{last}", first.trim_end_matches('\n')),
                "text",
                page,
            );
        }
    }
    if let (Some(file), Some(end)) = (command.and_then(|c| c.start.output.as_deref()), end) {
        let bytes = end.stdout.bytes + end.stderr.bytes;
        line!(page);
        line!(
            page,
            "Complete output: {} ({bytes} bytes, sha256 {})",
            code(file),
            end.log_sha256
        );
    }
}

fn commands(state: &RunState, page: &mut String) {
    heading("Commands", page);
    line!(page, "| # | command | exit | time |");
    line!(page, "|---:|---|---:|---:|");
    for command in &state.commands {
        let inside = if command.start.in_process {
            " (in-process)"
        } else {
            ""
        };
        let (exit, time) = match &command.end {
            Some(end) => (end.exit.code().to_string(), text::duration(end.duration_ms)),
            None => ("not ended".to_owned(), String::new()),
        };
        let argv = cell(&text::command_line(&command.start.argv));
        line!(
            page,
            "| {} | {argv}{inside}{} | {exit} | {time} |",
            command.start.id,
            match command.start.purpose.label() {
                "" => String::new(),
                label => format!(" ({label})"),
            }
        );
    }
    noticed(state, page);
}

/// What the sandbox noticed of the commands.
fn noticed(state: &RunState, page: &mut String) {
    for command in &state.commands {
        let traces = command.end.as_ref().map(|end| &end.traces);
        let words = traces.map(|traces| [traces.network_in_words(), traces.changed_in_words()]);
        for text in words.into_iter().flatten().flatten() {
            line!(page, "\nCommand {} {}.", command.start.id, escaped(&text));
        }
    }
}

fn comments(state: &RunState, page: &mut String) {
    if state.comments.is_empty() {
        return;
    }
    heading("Comments", page);
    for comment in state.comments.values() {
        line!(page, "- {}: {}", place(comment), escaped(&comment.text));
    }
}

fn place(comment: &Comment) -> String {
    let kind = match comment.kind {
        CommentKind::Question => "question",
        CommentKind::Change => "change",
        CommentKind::Nit => "nit",
    };
    match (&comment.path, comment.line) {
        (Some(path), Some(line)) => {
            let old = if comment.on_removed {
                " (removed line)"
            } else {
                ""
            };
            format!("{kind}, {}{old}", code(&format!("{path}:{line}")))
        }
        (Some(path), None) => format!("{kind}, {}", code(path)),
        (None, _) => kind.to_owned(),
    }
}

fn decision(state: &RunState, page: &mut String) {
    let Some(approval) = &state.approval else {
        return;
    };
    heading("Approval", page);
    line!(page, "Approved by {}, bound to:", escaped(&approval.by));
    line!(page);
    line!(page, "- base {}", approval.base);
    line!(page, "- commit {}", approval.commit);
    line!(page, "- tree {}", approval.tree);
    line!(page, "- diff sha256 {}", approval.diff_sha256);
    line!(page, "- policy sha256 {}", approval.policy_sha256);
    match &approval.test_log_sha256 {
        Some(digest) => line!(page, "- test log sha256 {digest}"),
        None => line!(page, "- no test log: the tests were skipped"),
    }
}

fn the_diff(state: &RunState, diff: &str, page: &mut String) {
    heading("Diff", page);
    if diff.is_empty() {
        line!(page, "There is no diff: nothing was committed.");
        return;
    }
    if super::secret_in(state, |_| true) {
        line!(
            page,
            "It is not shown: it holds a secret (see the violations)."
        );
        return;
    }
    let shown = whole_lines(diff, MAX_DIFF);
    fenced(shown, "diff", page);
    line!(page);
    if shown.len() < diff.len() {
        let lines = diff.get(shown.len()..).unwrap_or_default().lines().count();
        line!(
            page,
            "{} of the diff are not shown here.",
            count(lines as u64, "more line")
        );
    }
    if let Some(patch) = &state.diff {
        line!(
            page,
            "The exact bytes: {} (sha256 {})",
            code(&patch.file),
            patch.sha256
        );
    }
}

fn seconds(seconds: f64) -> String {
    match std::time::Duration::try_from_secs_f64(seconds) {
        Ok(time) => text::duration(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        Err(_) => "unknown time".to_owned(),
    }
}
