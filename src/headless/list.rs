//! `milton list` and `milton show` for people and programs.

use jiff::Timestamp;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::ending::next_step;
use crate::evidence::{checklist_now, goal, verdict};
use crate::model::{Decision, Override, RunState, Status};
use crate::text::{self, one_line, visible};

/// The longest goal in a list, in columns.
const GOAL: usize = 60;

/// The version of the list's JSON form.
const SCHEMA: u32 = 1;

/// The runs as aligned columns, in the order given.
pub fn list(rows: &[Listed], now: Timestamp) -> String {
    if rows.is_empty() {
        return "no runs yet; `milton run --help` tells how to start one\n".to_owned();
    }
    let mut table = vec![["RUN", "STATE", "STATUS", "AGE", "BRANCH", "GOAL"].map(str::to_owned)];
    table.extend(rows.iter().map(|Listed { state, life }| {
        let branch = state.branch.as_ref().map(ToString::to_string);
        [
            state.run.to_string(),
            standing(state, *life).to_owned(),
            state.status.map_or("-", Status::as_str).to_owned(),
            state.started.map_or("-".to_owned(), |at| age(at, now)),
            branch.unwrap_or_else(|| "-".to_owned()),
            one_line(&goal(state), GOAL),
        ]
    }));
    aligned(&table)
}

/// Whether a milton works on a run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Somebody holds its record.
    Held,
    /// Nobody does.
    Free,
}

/// A run and whether somebody works on it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The run.
    pub state: RunState,
    /// Whether somebody works on it.
    pub life: Life,
}

/// Where a run stands. One without a status that nobody holds was cut off: its milton was killed.
fn standing(state: &RunState, life: Life) -> &'static str {
    match (state.decision, state.status) {
        (Decision::Approved, _) => "approved",
        (Decision::ChangesRequested, _) => "changes requested",
        (Decision::Abandoned, _) => "abandoned",
        (Decision::Pending, None) => match life {
            Life::Held => "running",
            Life::Free => "interrupted",
        },
        (Decision::Pending, Some(Status::Success | Status::TestFailure)) => "to review",
        (
            Decision::Pending,
            Some(
                Status::BlockedByPolicy
                | Status::GitError
                | Status::PlanError
                | Status::Stopped
                | Status::InternalError,
            ),
        ) => "ended",
    }
}

/// The time since then in its largest unit.
fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Cells padded to their column's width; the last column is not padded.
fn aligned<const N: usize>(table: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let mut text = String::new();
    for row in table {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The runs as one JSON document.
pub fn list_json(rows: &[Listed]) -> String {
    let runs: Vec<Value> = rows
        .iter()
        .map(|Listed { state, life }| {
            json!({
                "run": state.run,
                "state": standing(state, *life),
                "status": state.status,
                "decision": state.decision,
                "started": state.started,
                "finished": state.finished,
                "branch": state.branch,
                "base": state.base,
                "commit": state.commit,
                "goal": goal(state),
            })
        })
        .collect();
    let document = json!({"type": "runs", "schema": SCHEMA, "runs": runs});
    text::json_escaped(format!("{document:#}\n"))
}

/// One run for people: what it is, what the policy and the tests said, the checklist, and what to
/// do next.
pub fn show(Listed { state, life }: &Listed) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            rows.push([name.to_owned(), visible(&value).into_owned()]);
        }
    };
    row("run", Some(state.run.to_string()));
    row("goal", Some(goal(state)));
    let status = state.status.map_or("unfinished", Status::as_str);
    row(
        "status",
        Some(format!("{status} ({})", standing(state, *life))),
    );
    row("branch", state.branch.as_ref().map(ToString::to_string));
    row("base", state.base.as_ref().map(ToString::to_string));
    row("commit", state.commit.as_ref().map(ToString::to_string));
    let size = state.stats;
    let files = if size.files == 1 { "file" } else { "files" };
    let changed = format!("{} {files}, +{} -{}", size.files, size.added, size.removed);
    row("change", (size.files > 0).then_some(changed));
    row(
        "tests",
        state.tests.as_ref().map(|t| {
            let argv = text::command_line(&t.argv);
            format!(
                "{argv}: {} passed, {} failed, {} skipped",
                t.passed, t.failed, t.skipped
            )
        }),
    );
    row(
        "sandbox",
        state.sandbox.as_ref().map(|s| s.tier.as_str().to_owned()),
    );
    let overrides: Vec<String> = state.overrides.iter().map(Override::label).collect();
    row(
        "overrides",
        (!overrides.is_empty()).then(|| overrides.join(", ")),
    );
    row("error", state.failure.as_ref().map(|f| f.message.clone()));
    row("evidence", state.evidence_dir.clone());
    let mut page = aligned(&rows);
    sections(state, &mut page);
    page.push_str("\nnext: ");
    page.push_str(&next_step(state));
    page.push('\n');
    page
}

fn sections(state: &RunState, page: &mut String) {
    let mut section = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        page.push('\n');
        page.push_str(title);
        page.push('\n');
        for line in lines {
            page.push_str("  ");
            page.push_str(visible(&line).trim_end());
            page.push('\n');
        }
    };
    let files = state.changed_files.iter().map(|f| {
        let from = f.old_path.as_deref();
        let from = from.map(|old| format!(" (from {old})")).unwrap_or_default();
        format!(
            "{} {}{from} +{} -{}",
            f.letter, f.path, f.lines.added, f.lines.removed
        )
    });
    section("files", files.collect());
    let violations = verdict(state).violations;
    let violations = violations.iter().flat_map(|v| {
        [
            format!("{}: {}: {} ({})", v.rule, v.subject, v.detail, v.source),
            format!("  remedy: {}", v.remedy),
        ]
    });
    section("violations", violations.collect());
    let failures = state.tests.iter().flat_map(|t| &t.failures);
    section(
        "failing tests",
        failures
            .map(|f| format!("{}: {}", f.name, f.message))
            .collect(),
    );
    let risks = state.findings.iter().map(|f| {
        let read = if f.read { "read" } else { "not read" };
        format!(
            "{}: {}: {} ({read})",
            f.risk.id, f.risk.subject, f.risk.detail
        )
    });
    section("to weigh", risks.collect());
    let items = checklist_now(state).into_iter().map(|item| {
        let tick = if item.ticked { 'x' } else { ' ' };
        format!("[{tick}] {}: {}", item.text, item.evidence)
    });
    section("checklist", items.collect());
    let comments = state.comments.values().map(|c| match (&c.path, c.line) {
        (Some(path), Some(line)) => format!("{path}:{line}: {}", c.text),
        (Some(path), None) => format!("{path}: {}", c.text),
        (None, _) => c.text.clone(),
    });
    section("comments", comments.collect());
}
