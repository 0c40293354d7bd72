//! The dialog that approves: it states exactly what, and asks for the tree id. And the one after
//! it, with the command that merges.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::model::{Override, TestOutcome};
use crate::text::command_line;
use crate::tui::app::App;
use crate::tui::row::{Row, wrap};
use crate::tui::theme::Role;
use crate::tui::update::TYPED;
use crate::tui::view::dialogs::{draw_rows, frame, room};
use crate::tui::view::header::milliseconds;
use crate::tui::view::{caret, words};

/// A label and its text, wrapped beside it.
fn fact(app: &App, label: &str, text: &str, width: usize) -> Vec<Row> {
    let parts = wrap(text, width.saturating_sub(9).max(1));
    let rows = parts.into_iter().enumerate().map(|(index, part)| {
        let label = if index == 0 { label } else { "" };
        Row::new(app.theme)
            .cell(Role::Dim, label, 9)
            .put(Role::Text, part)
    });
    rows.collect()
}

fn approve_rows(app: &App, width: usize) -> Vec<Row> {
    let run = &app.run;
    let oid = |oid: Option<&crate::model::Oid>| {
        oid.map_or("?".to_owned(), |o| {
            o.as_str().get(..12).unwrap_or("").to_owned()
        })
    };
    let branch = run
        .branch
        .as_ref()
        .map_or(String::new(), ToString::to_string);
    let base = run
        .base_branch
        .as_ref()
        .map_or(String::new(), |b| format!("{b} at "));
    let diff = run.diff.as_ref().map_or("?", |d| d.sha256.as_str());
    let policy = run.policy.as_ref().map_or("?".to_owned(), |p| {
        format!(
            "{} rules, sha256 {} …",
            p.rules,
            p.digest.as_str().get(..16).unwrap_or_default()
        )
    });
    let overrides = overrides_fact(app);
    let mut rows = vec![Row::new(app.theme)];
    rows.extend(fact(app, "branch", &branch, width));
    rows.extend(fact(
        app,
        "base",
        &format!("{base}{}", oid(run.base.as_ref())),
        width,
    ));
    rows.extend(fact(app, "commit", &oid(run.commit.as_ref()), width));
    rows.extend(fact(app, "tree", &oid(run.tree.as_ref()), width));
    rows.extend(fact(app, "diff sha", diff, width));
    rows.extend(fact(
        app,
        "policy",
        &format!("{policy}  overrides: {overrides}"),
        width,
    ));
    rows.extend(fact(app, "tests", &tests_fact(app), width));
    rows.extend(fact(app, "you", &reviewer_fact(app), width));
    rows.push(Row::new(app.theme));
    let promise = "Milton will not merge. It records the approval and prints the command.";
    let parts = wrap(promise, width);
    rows.extend(
        parts
            .into_iter()
            .map(|p| Row::new(app.theme).put(Role::Strong, p)),
    );
    rows.push(Row::new(app.theme));
    rows
}

fn overrides_fact(app: &App) -> String {
    let labels: Vec<String> = app.run.overrides.iter().map(Override::label).collect();
    if labels.is_empty() {
        "none".to_owned()
    } else {
        labels.join(", ")
    }
}

/// Whether everything that an approval states is on screen at the terminal's size: what cannot
/// be seen must not be approved.
pub(crate) fn approval_fits(app: &App) -> bool {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    // The two rows of the input, and the frame.
    approve_rows(app, room(area, 78)).len() + 4 <= usize::from(app.size.1)
}

fn tests_fact(app: &App) -> String {
    let Some(report) = &app.run.tests else {
        return "none were run".to_owned();
    };
    if report.outcome == TestOutcome::Skipped {
        return "SKIPPED by override: nothing was tested".to_owned();
    }
    let exit = report
        .exit
        .map_or("none".to_owned(), |code| code.to_string());
    let command = app
        .run
        .command_of(&report.argv)
        .and_then(|c| c.end.as_ref());
    let log = command.map_or(String::new(), |e| {
        format!("  log sha256 {} …", e.log_sha256.short())
    });
    let note = app.run.acknowledged.as_ref();
    let note = note.map_or(String::new(), |(note, by)| {
        format!("  acknowledged by {by}: {note}")
    });
    format!(
        "{}  exit {exit}  {} passed, {} failed  {}{log}{note}",
        command_line(&report.argv),
        report.passed,
        report.failed,
        words::duration(milliseconds(report.seconds)),
    )
}

fn reviewer_fact(app: &App) -> String {
    let run = &app.run;
    let viewed = run
        .changed_files
        .iter()
        .filter(|f| run.viewed.contains(&f.path))
        .count();
    let read = run.findings.iter().filter(|f| f.read).count();
    let unseen: usize = run
        .changed_files
        .iter()
        .map(|f| crate::tui::update::unseen_hunks(app, &f.path))
        .sum();
    let unseen = match unseen {
        0 => String::new(),
        n => format!(
            ", {} never wholly on screen",
            words::count(n, "hunk", "hunks")
        ),
    };
    format!(
        "viewed {viewed}/{} files, read {read}/{} findings, {} open{unseen}",
        run.changed_files.len(),
        run.findings.len(),
        words::count(run.comments.len(), "comment", "comments"),
    )
}

/// Draws the dialog; the answer is where the terminal's cursor belongs.
pub(super) fn approve(
    app: &App,
    (typed, wrong): (&str, bool),
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = room(area, 78);
    let mut rows = approve_rows(app, width);
    let question = format!("Type the first {TYPED} characters of the tree id to approve: ");
    let short = "Tree id, first 4: ";
    let question = if question.len() + 8 <= width {
        &question
    } else {
        short
    };
    let input = Row::new(app.theme)
        .put(Role::Text, question)
        .put(Role::Key, format!("[{typed:_<TYPED$}]"))
        .put(Role::Bad, if wrong { "  no match" } else { "" });
    rows.push(input);
    rows.push(match &app.flash {
        Some(flash) => Row::new(app.theme).fitted(Role::Warn, flash, width),
        None => Row::new(app.theme),
    });
    let title = "Approve this exact change?";
    let inner = frame(
        app,
        (title, "Esc go back"),
        (width, rows.len()),
        (area, buffer),
    );
    // What is typed must be seen: where the dialog is too high, its first rows give way.
    let hidden = rows.len().saturating_sub(usize::from(inner.height));
    let at = rows.len().checked_sub(hidden + 2)?;
    draw_rows(app, rows.into_iter().skip(hidden).collect(), inner, buffer);
    let line = Rect {
        y: inner.y + u16::try_from(at).unwrap_or(0),
        ..inner
    };
    Some(caret(line, question.len() + 1 + typed.len()))
}

/// Draws the merge command.
pub(super) fn merge(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = room(area, 90);
    let command = app.run.merge_command.as_deref().unwrap_or_default();
    let by = app.run.approval.as_ref().map_or("", |a| a.by.as_str());
    let mut rows = vec![Row::new(app.theme)];
    let text = format!("Approved by {by}. Milton does not merge; this does:");
    rows.extend(
        wrap(&text, width)
            .into_iter()
            .map(|p| Row::new(app.theme).put(Role::Text, p)),
    );
    rows.push(Row::new(app.theme));
    let parts = wrap(command, width.saturating_sub(2));
    rows.extend(parts.into_iter().map(|p| {
        Row::new(app.theme)
            .put(Role::Text, "  ")
            .put(Role::Strong, p)
    }));
    rows.push(Row::new(app.theme));
    rows.push(Row::new(app.theme).put(Role::Dim, "It was sent to the terminal's clipboard."));
    let keys = "Esc close  q leave";
    let inner = frame(app, ("Approved", keys), (width, rows.len()), (area, buffer));
    draw_rows(app, rows, inner, buffer);
}
